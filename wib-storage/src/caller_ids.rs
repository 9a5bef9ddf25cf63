//! Numbers, caller ids and lines.

use async_trait::async_trait;
use wib_core::{
    auth::UserId,
    caller_ids::{AgentLine, CallerId, NumberId, OwnNumber},
    kit::{Id, Phone, Result},
    store::{Column, Numbers},
};

use crate::{sql::org_sql, store::SqlOrg, table::table};

table!(OwnNumber in "phone_numbers" {
    id, phone, vendor, vendor_id, purpose, active, pool_order, last_used_at, caller_name, route, created_at, updated_at
} mutable);
table!(CallerId in "caller_ids" {
    id, phone, label, status, code_hash, attempts, expires_at, verified_at, created_by, created_at
} mutable);
table!(AgentLine in "agent_lines" { id, user_id, phone, queue, active, last_rung_at, created_at } mutable);

/// Numbers of the pool, the one that was shown longest ago first.
macro_rules! pool {
    ($lock:literal) => {
        concat!(
            "SELECT * FROM phone_numbers WHERE organization_id = $1 AND active AND vendor = $2
            AND purpose IN ('outbound', 'both') ORDER BY last_used_at NULLS FIRST, pool_order, id LIMIT 1",
            $lock
        )
    };
}
/// Lines of a queue, the one that was rung longest ago first.
macro_rules! queue {
    ($lock:literal) => {
        concat!(
            "SELECT * FROM agent_lines WHERE organization_id = $1 AND active AND queue = $2
            ORDER BY last_rung_at NULLS FIRST, created_at, id LIMIT 1",
            $lock
        )
    };
}

#[async_trait]
impl Numbers for SqlOrg {
    async fn numbers(&mut self, limit: i64) -> Result<Vec<OwnNumber>> {
        let sql = org_sql!(
            numbers,
            "SELECT * FROM phone_numbers WHERE organization_id = $1 ORDER BY pool_order, id LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn lock_number(&mut self, id: NumberId) -> Result<()> {
        let sql = org_sql!(
            lock_number,
            pg: "SELECT * FROM phone_numbers WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM phone_numbers WHERE organization_id = $1 AND id = $2"
        );
        self.rows(sql, [id.into()]).await.map(drop)
    }
    async fn next_of_pool(&mut self, vendor: &str) -> Result<Option<OwnNumber>> {
        let free = org_sql!(next_of_pool, pg: pool!(" FOR NO KEY UPDATE SKIP LOCKED"), sqlite: pool!(""));
        if let Some(number) = self.one(free, [vendor.into()]).await? {
            return Ok(Some(number));
        }
        let held = org_sql!(wait_for_pool, pg: pool!(" FOR NO KEY UPDATE"), sqlite: pool!(""));
        self.one(held, [vendor.into()]).await
    }
    async fn may_show(&mut self, phone: &Phone) -> Result<bool> {
        let sql = org_sql!(
            may_show,
            "SELECT (SELECT COUNT(*) FROM phone_numbers WHERE organization_id = $1 AND phone = $2 AND active)
                + (SELECT COUNT(*) FROM caller_ids WHERE organization_id = $1 AND phone = $2 AND status = 'verified') AS n"
        );
        Ok(self.count(sql, [phone.clone().into_value()]).await? > 0)
    }
    async fn caller_id(&mut self, phone: &Phone) -> Result<Option<CallerId>> {
        let sql = org_sql!(
            caller_id,
            pg: "SELECT * FROM caller_ids WHERE organization_id = $1 AND phone = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM caller_ids WHERE organization_id = $1 AND phone = $2"
        );
        self.one(sql, [phone.clone().into_value()]).await
    }
    async fn caller_ids(&mut self, limit: i64) -> Result<Vec<CallerId>> {
        let sql = org_sql!(
            caller_ids,
            "SELECT * FROM caller_ids WHERE organization_id = $1 ORDER BY created_at, id LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn delete_caller_id(&mut self, id: Id<CallerId>) -> Result<()> {
        let sql = org_sql!(delete_caller_id, "DELETE FROM caller_ids WHERE organization_id = $1 AND id = $2");
        self.change(sql, [id.into()]).await.map(drop)
    }
    async fn lines(&mut self, limit: i64) -> Result<Vec<AgentLine>> {
        let sql =
            org_sql!(lines, "SELECT * FROM agent_lines WHERE organization_id = $1 ORDER BY created_at, id LIMIT $2");
        self.all(sql, [limit.into()]).await
    }
    async fn line_of_user(&mut self, user: UserId) -> Result<Option<AgentLine>> {
        let sql = org_sql!(
            line_of_user,
            pg: "SELECT * FROM agent_lines WHERE organization_id = $1 AND user_id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM agent_lines WHERE organization_id = $1 AND user_id = $2"
        );
        self.one(sql, [user.into()]).await
    }
    async fn next_of_queue(&mut self, queue: &str) -> Result<Option<AgentLine>> {
        let sql = org_sql!(next_of_queue, pg: queue!(" FOR NO KEY UPDATE SKIP LOCKED"), sqlite: queue!(""));
        self.one(sql, [queue.into()]).await
    }
}
