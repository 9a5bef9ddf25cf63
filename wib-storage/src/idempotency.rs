//! Requests that are run once.

use async_trait::async_trait;
use wib_core::{
    idempotency::IdempotentRequest,
    kit::{Id, Result, Timestamp},
    store::Idempotency,
};

use crate::{
    sql::org_sql,
    store::SqlOrg,
    table::{insert_new, table},
};

table!(IdempotentRequest in "idempotent_requests" { id, key_hash, request_hash, status, body, created_at, expires_at });

#[async_trait]
impl Idempotency for SqlOrg {
    async fn claim_request(&mut self, row: &IdempotentRequest, now: Timestamp) -> Result<bool> {
        let over = org_sql!(
            free_old_request,
            "DELETE FROM idempotent_requests WHERE organization_id = $1 AND key_hash = $2 AND expires_at <= $3"
        );
        self.change(over, [row.key_hash.as_str().into(), now.into()]).await?;
        insert_new(&mut self.conn, self.organization, row).await
    }
    async fn request_of_key(&mut self, key_hash: &str) -> Result<Option<IdempotentRequest>> {
        let sql =
            org_sql!(request_of_key, "SELECT * FROM idempotent_requests WHERE organization_id = $1 AND key_hash = $2");
        self.one(sql, [key_hash.into()]).await
    }
    async fn settle_request(&mut self, id: Id<IdempotentRequest>, status: i64, body: Option<&str>) -> Result<()> {
        let sql = org_sql!(
            settle_request,
            "UPDATE idempotent_requests SET status = $3, body = $4 WHERE organization_id = $1 AND id = $2"
        );
        self.change(sql, [id.into(), status.into(), body.map(str::to_owned).into()]).await.map(drop)
    }
    async fn free_request(&mut self, id: Id<IdempotentRequest>) -> Result<()> {
        let sql = org_sql!(free_request, "DELETE FROM idempotent_requests WHERE organization_id = $1 AND id = $2");
        self.change(sql, [id.into()]).await.map(drop)
    }
    async fn forget_answers(&mut self) -> Result<()> {
        let sql = org_sql!(
            forget_answers,
            "UPDATE idempotent_requests SET body = NULL WHERE organization_id = $1 AND body IS NOT NULL"
        );
        self.change(sql, []).await.map(drop)
    }
}
