//! What members are to do.

use async_trait::async_trait;
use wib_core::{
    collections::AccountId,
    kit::{List, Result, Stretch, time::Timestamp},
    store::{Column, Tasks},
    tasks::{Task, TaskId, TaskKind, TaskStatus},
};

use crate::{
    lists::list_sql,
    sql::org_sql,
    store::SqlOrg,
    table::{insert_new, table},
};

table!(Task in "tasks" {
    id, account_id, kind, title, notes, due_at, status, assigned_to, source, created_by, completed_at, created_at,
    updated_at
} mutable);

#[async_trait]
impl Tasks for SqlOrg {
    async fn lock_task(&mut self, id: TaskId) -> Result<Option<Task>> {
        let sql = org_sql!(
            lock_task,
            pg: "SELECT * FROM tasks WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM tasks WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn note_task(&mut self, task: &Task) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, task).await
    }
    async fn has_open_task(&mut self, account: AccountId, kind: TaskKind, since: Timestamp) -> Result<bool> {
        let sql = org_sql!(
            count_open_tasks,
            "SELECT COUNT(*) AS n FROM tasks WHERE organization_id = $1 AND account_id = $2 AND kind = $3
                AND status IN ('pending', 'in_progress') AND created_at >= $4"
        );
        Ok(self.count(sql, [account.into(), kind.as_str().into(), since.into()]).await? > 0)
    }
    async fn list_tasks(
        &mut self,
        account: Option<AccountId>,
        status: Option<TaskStatus>,
        of: Stretch,
    ) -> Result<List<Task>> {
        let (rows, total) = list_sql!(
            list_tasks,
            count_tasks,
            "tasks WHERE organization_id = $1 AND ($2 IS NULL OR account_id = $2) AND ($3 IS NULL OR status = $3)",
            "ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
        );
        self.list(rows, total, [account.into_value(), status.into_value()], of).await
    }
}
