//! What language models may cost, and what they did.

use async_trait::async_trait;
use wib_core::{
    ai::{AiBudget, AiMonth, AiRun},
    kit::{Id, Page, PageRequest, Result, time::Timestamp},
    store::Spending,
};

use crate::{
    db::Row,
    sql::org_sql,
    store::{SqlOrg, edge, page},
    table::table,
};

table!(AiBudget in "ai_budgets" { id, limit_micros, updated_at } mutable);
table!(AiRun in "ai_runs" {
    id, call_id, status, month, reserved_micros, cost_micros, decision, created_at, ended_at
} mutable);

fn read_month(rows: &[Row]) -> Result<AiMonth> {
    let read = |row: &Row| {
        Ok(AiMonth { reserved_micros: row.get("reserved_micros")?, spent_micros: row.get("spent_micros")? })
    };
    rows.first().map_or_else(|| Ok(AiMonth::default()), read)
}

#[async_trait]
impl Spending for SqlOrg {
    async fn ai_budget(&mut self) -> Result<Option<AiBudget>> {
        self.one(org_sql!(ai_budget, "SELECT * FROM ai_budgets WHERE organization_id = $1"), []).await
    }
    async fn ai_month(&mut self, month: &str) -> Result<AiMonth> {
        let sql = org_sql!(ai_month, "SELECT * FROM ai_months WHERE organization_id = $1 AND month = $2");
        read_month(&self.rows(sql, [month.into()]).await?)
    }
    async fn lock_ai_month(&mut self, month: &str) -> Result<AiMonth> {
        self.reserve_ai(month, 0).await?;
        self.ai_month(month).await
    }
    async fn reserve_ai(&mut self, month: &str, micros: i64) -> Result<()> {
        let sql = org_sql!(
            reserve_ai,
            "INSERT INTO ai_months (organization_id, month, reserved_micros, spent_micros) VALUES ($1, $2, $3, 0)
            ON CONFLICT (organization_id, month) DO UPDATE SET
                reserved_micros = ai_months.reserved_micros + excluded.reserved_micros"
        );
        self.change(sql, [month.into(), micros.into()]).await.map(|_| ())
    }
    async fn settle_ai(&mut self, month: &str, reserved: i64, spent: i64) -> Result<()> {
        let sql = org_sql!(
            settle_ai,
            "UPDATE ai_months SET reserved_micros = reserved_micros - $3, spent_micros = spent_micros + $4
            WHERE organization_id = $1 AND month = $2"
        );
        self.change(sql, [month.into(), reserved.into(), spent.into()]).await.map(|_| ())
    }
    async fn lock_ai_run(&mut self, id: Id<AiRun>) -> Result<Option<AiRun>> {
        let sql = org_sql!(
            lock_ai_run,
            pg: "SELECT * FROM ai_runs WHERE organization_id = $1 AND id = $2 FOR UPDATE",
            sqlite: "SELECT * FROM ai_runs WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn lost_ai_runs(&mut self, before: Timestamp, limit: i64) -> Result<Vec<AiRun>> {
        let sql = org_sql!(
            lost_ai_runs,
            pg: "SELECT * FROM ai_runs WHERE organization_id = $1 AND status = 'asked' AND created_at < $2
                ORDER BY created_at, id LIMIT $3 FOR UPDATE SKIP LOCKED",
            sqlite: "SELECT * FROM ai_runs WHERE organization_id = $1 AND status = 'asked' AND created_at < $2
                ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [before.into(), limit.into()]).await
    }
    async fn page_of_ai_runs(&mut self, request: &PageRequest) -> Result<Page<AiRun>> {
        let total = org_sql!(count_ai_runs, "SELECT COUNT(*) AS n FROM ai_runs WHERE organization_id = $1");
        let sql = org_sql!(
            page_of_ai_runs,
            "SELECT * FROM ai_runs WHERE organization_id = $1 AND (created_at, id) < ($2, $3)
            ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
        );
        let total = self.count(total, []).await?;
        page(&self.rows(sql, edge(request)?).await?, total, request, "created_at")
    }
}
