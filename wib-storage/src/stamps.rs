//! What outsiders say of checkpoints.

use async_trait::async_trait;
use wib_core::{
    evidence::{Stamp, StampKind},
    kit::{Result, time::Timestamp},
    orgs::OrganizationId,
    store::Stamps,
};

use crate::{
    sql::{org_sql, system_sql},
    store::SqlOrg,
    system::SqlSystem,
    table::{insert_new, table},
};

table!(Stamp in "stamps" { id, checkpoint_size, kind, name, token, at, created_at });

#[async_trait]
impl Stamps for SqlOrg {
    async fn note_stamp(&mut self, stamp: &Stamp) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, stamp).await
    }
    async fn stamps_covering(&mut self, seq: i64, limit: i64) -> Result<Vec<Stamp>> {
        let sql = org_sql!(
            stamps_covering,
            "SELECT * FROM stamps WHERE organization_id = $1 AND checkpoint_size >= $2
            ORDER BY checkpoint_size, kind, created_at, id LIMIT $3"
        );
        self.all(sql, [seq.into(), limit.into()]).await
    }
}

pub(crate) async fn organizations_without_stamp(
    tx: &mut SqlSystem,
    kind: StampKind,
    name: &str,
    after: Option<OrganizationId>,
    limit: i64,
) -> Result<Vec<OrganizationId>> {
    let sql = system_sql!(
        organizations_without_stamp,
        "SELECT o.id AS organization_id FROM organizations o WHERE o.id > $1
        AND EXISTS (SELECT 1 FROM checkpoints c WHERE c.organization_id = o.id)
        AND NOT EXISTS (SELECT 1 FROM stamps s WHERE s.organization_id = o.id AND s.kind = $2 AND s.name = $3
            AND s.checkpoint_size = (SELECT MAX(c.size) FROM checkpoints c WHERE c.organization_id = o.id))
        ORDER BY o.id LIMIT $4"
    );
    // Made ids are never nil.
    let after = after.map_or(uuid::Uuid::nil(), |id| id.uuid());
    let rows = tx.all(sql, [after.into(), kind.as_str().into(), name.into(), limit.into()]).await?;
    rows.iter().map(|row| row.get("organization_id")).collect()
}

pub(crate) async fn last_stamp(tx: &mut SqlSystem, kind: StampKind, name: &str) -> Result<Option<Timestamp>> {
    let sql = system_sql!(
        last_stamp,
        "SELECT created_at FROM stamps WHERE kind = $1 AND name = $2
        ORDER BY created_at DESC LIMIT 1"
    );
    tx.one(sql, [kind.as_str().into(), name.into()]).await?.map(|row| row.get("created_at")).transpose()
}
