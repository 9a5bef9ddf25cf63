use serde::{Deserialize, Serialize};

use super::{Task, TaskId, TaskKind, TaskStatus};
use crate::{
    auth::UserId,
    collections::{Account, AccountId},
    kit::{List, OrNotFound, Result, Role, Stretch, text, time::Timestamp},
    store::Repo,
    wib::Org,
};

/// Makes a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateTask {
    /// About which account.
    pub account_id: AccountId,
    /// What is to be done; following up by default.
    #[serde(default)]
    pub kind: TaskKind,
    /// In a few words, at most 200 characters.
    pub title: String,
    /// In more, at most 5000 characters.
    #[serde(default)]
    pub notes: Option<String>,
    /// Until when.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// Who does it.
    #[serde(default)]
    pub assigned_to: Option<UserId>,
}

/// Lists tasks, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListTasks {
    /// Those about that account.
    pub account_id: Option<AccountId>,
    /// Those that stand so.
    pub status: Option<TaskStatus>,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

impl Org {
    /// Makes a task about an account.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound` for the account; `Forbidden` below agent.
    pub async fn create_task(&self, command: CreateTask) -> Result<Task> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let task = Task {
            id: self.wib.id(),
            account_id: command.account_id,
            kind: command.kind,
            title: text::required("title", &command.title, 200)?,
            notes: text::optional("notes", command.notes, 5000)?,
            due_at: command.due_at,
            status: TaskStatus::Pending,
            assigned_to: command.assigned_to,
            source: None,
            created_by: self.actor().user(),
            completed_at: None,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.tx().await?;
        Repo::<Account>::find(&mut *tx, task.account_id).await?.or_not_found("account")?;
        tx.insert(&task).await?;
        let about = ("task", Some(task.id.uuid()));
        let told = serde_json::json!({"kind": task.kind, "account_id": task.account_id, "due_at": task.due_at});
        self.audit("collection:task_created", about).is(&told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(task)
    }

    /// Moves a task on: begun, done, not to be done any more.
    ///
    /// # Errors
    /// `Conflict` when it is done already; `NotFound`; `Forbidden` below agent.
    pub async fn move_task(&self, id: TaskId, to: TaskStatus) -> Result<Task> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        let old = tx.lock_task(id).await?.or_not_found("task")?;
        let mut task = old.clone();
        task.status = old.status.to(to)?;
        task.completed_at = (task.status == TaskStatus::Completed).then_some(now);
        task.updated_at = now;
        tx.update(&task).await?;
        let status = |task: &Task| serde_json::json!({"status": task.status});
        let line = self.audit("collection:task_updated", ("task", Some(id.uuid())));
        line.changed(&status(&old), &status(&task)).write(&mut *tx).await;
        tx.commit().await?;
        Ok(task)
    }

    /// Says that a task is done.
    ///
    /// # Errors
    /// As [`move_task`](Self::move_task).
    pub async fn complete_task(&self, id: TaskId) -> Result<Task> {
        self.move_task(id, TaskStatus::Completed).await
    }

    /// Tasks, newest first.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn list_tasks(&self, query: ListTasks) -> Result<List<Task>> {
        self.at_least(Role::Viewer)?;
        let stretch = Stretch::new(query.limit, query.offset, 50, 200);
        self.tx().await?.list_tasks(query.account_id, query.status, stretch).await
    }
}
