//! The audit log.

use async_trait::async_trait;
use wib_core::{
    audit::AuditEvent,
    kit::{Page, PageRequest, Result},
    store::Audit,
};

use crate::{
    sql::org_sql,
    store::{SqlOrg, edge, page},
    table::table,
};

table!(AuditEvent in "audit_events" {
    id, user_id, actor_type, action, resource_type, resource_id, old_value, new_value, metadata, created_at
});

#[async_trait]
impl Audit for SqlOrg {
    async fn page_of_audit(&mut self, request: &PageRequest) -> Result<Page<AuditEvent>> {
        let rows = self.rows(
            org_sql!(
                page_of_audit,
                "SELECT * FROM audit_events WHERE organization_id = $1 AND (created_at, id) < ($2, $3)
                ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
            ),
            edge(request)?,
        );
        let rows = rows.await?;
        let total = org_sql!(count_audit, "SELECT COUNT(*) AS n FROM audit_events WHERE organization_id = $1");
        page(&rows, self.count(total, []).await?, request, "created_at")
    }
}
