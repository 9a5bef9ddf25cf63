//! The audit log.

use async_trait::async_trait;
use serde_json::json;
use wib_core::{
    audit::{AuditEvent, Noted},
    engine::{NewMessage, Topic},
    kit::{Error, Id, Page, PageRequest, Result, time::Timestamp},
    store::Audit,
};

use crate::{
    sql::org_sql,
    store::{SqlOrg, edge, page},
    system::attempt_enqueue,
    table::{attempt_insert, table},
};

table!(AuditEvent in "audit_events" {
    id, user_id, actor_type, action, resource_type, resource_id, old_value, new_value, metadata, created_at, sealed_seq
});

#[async_trait]
impl Audit for SqlOrg {
    async fn note_audit(&mut self, line: &AuditEvent) -> Noted {
        let lost = |error: &Error| {
            tracing::error!(id = %line.id, action = line.action, error = error.chain(), "an audit line has no place");
            Noted::Lost
        };
        let refused = match attempt_insert(&mut self.conn, self.organization, line).await {
            Ok(Ok(_)) => return Noted::Written,
            Ok(Err(refused)) => refused,
            Err(broken) => return lost(&broken),
        };
        tracing::warn!(id = %line.id, action = line.action, error = refused.chain(), "an audit line was refused");
        let message = NewMessage {
            topic: Topic::WriteAudit,
            key: line.id.to_string(),
            payload: json!({"event": line}),
            run_at: self.now,
        };
        match attempt_enqueue(&mut self.conn, self.organization, &message, self.now).await {
            Ok(Ok(_)) => Noted::Queued,
            Ok(Err(error)) | Err(error) => lost(&error),
        }
    }
    async fn unsealed_audit(&mut self, until: Timestamp, limit: i64) -> Result<Vec<AuditEvent>> {
        let sql = org_sql!(
            unsealed_audit,
            "SELECT * FROM audit_events WHERE organization_id = $1 AND sealed_seq IS NULL AND created_at <= $2
            ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [until.into(), limit.into()]).await
    }
    async fn count_unsealed_audit(&mut self) -> Result<i64> {
        let sql = org_sql!(
            count_unsealed_audit,
            "SELECT COUNT(*) AS n FROM audit_events WHERE organization_id = $1 AND sealed_seq IS NULL"
        );
        self.count(sql, []).await
    }
    async fn sealed_until(&mut self) -> Result<Option<Timestamp>> {
        let sql = org_sql!(
            sealed_until,
            "SELECT MAX(created_at) AS at FROM audit_events WHERE organization_id = $1 AND sealed_seq IS NOT NULL"
        );
        self.rows(sql, []).await?.first().map_or(Ok(None), |row| row.get("at"))
    }
    async fn seal_audit(&mut self, (at, id): (Timestamp, Id<AuditEvent>), seq: i64) -> Result<i64> {
        let sql = org_sql!(
            seal_audit,
            "UPDATE audit_events SET sealed_seq = $2
            WHERE organization_id = $1 AND sealed_seq IS NULL AND (created_at, id) <= ($3, $4)"
        );
        let sealed = self.change(sql, [seq.into(), at.into(), id.into()]).await?;
        Ok(i64::try_from(sealed).unwrap_or(i64::MAX))
    }
    async fn audit_of_seal(&mut self, seq: i64, limit: i64) -> Result<Vec<AuditEvent>> {
        let sql = org_sql!(
            audit_of_seal,
            "SELECT * FROM audit_events WHERE organization_id = $1 AND sealed_seq = $2 ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [seq.into(), limit.into()]).await
    }
    async fn audit_seals(&mut self, after: i64, limit: i64) -> Result<Vec<i64>> {
        let sql = org_sql!(
            audit_seals,
            "SELECT DISTINCT sealed_seq FROM audit_events
            WHERE organization_id = $1 AND sealed_seq > $2 ORDER BY sealed_seq LIMIT $3"
        );
        self.rows(sql, [after.into(), limit.into()]).await?.iter().map(|row| row.get("sealed_seq")).collect()
    }
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
