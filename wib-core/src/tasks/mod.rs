//! What members are to do about an account.
//!
//! | a task is | then |
//! |---|---|
//! | `pending` | `in_progress`, `completed`, `cancelled` |
//! | `in_progress` | `completed`, `cancelled`, `pending` |
//! | `completed`, `cancelled` | nothing more |
//!
//! What a job makes has a source, and is made once.

mod manage;

use jiff::civil::Date;
pub use manage::{CreateTask, ListTasks};
use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    collections::AccountId,
    kit::{Error, Id, Result, time, time::Timestamp},
    store::Record,
    text_enum,
    wib::Wib,
};

/// The id of a task.
pub type TaskId = Id<Task>;

text_enum! {
    /// What is to be done.
    #[derive(Default)]
    pub enum TaskKind {
        /// Get in touch again.
        #[default]
        Followup = "followup",
        /// See whether a promise to pay is kept.
        Promise = "promise",
        /// Take a payment by hand.
        Payment = "payment",
        /// Look at the account.
        Review = "review",
        /// Bring it before somebody else.
        Escalation = "escalation",
        /// Look at an account that is not likely to be paid.
        PreventionReview = "prevention_review",
    }
}

text_enum! {
    /// How a task stands.
    pub enum TaskStatus {
        /// Nobody has begun.
        Pending = "pending",
        /// Somebody has.
        InProgress = "in_progress",
        /// Done.
        Completed = "completed",
        /// Not to be done any more.
        Cancelled = "cancelled",
    }
}
impl TaskStatus {
    /// Whether there is something left to do.
    #[must_use]
    pub const fn open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
    /// The next status, when a task may go there.
    ///
    /// # Errors
    /// `Conflict`.
    pub fn to(self, next: Self) -> Result<Self> {
        if self.open() && self != next {
            return Ok(next);
        }
        Err(Error::conflict(format!("a task that is {self} cannot become {next}")))
    }
}

/// Something to do about an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// About which account.
    pub account_id: AccountId,
    /// What is to be done.
    pub kind: TaskKind,
    /// In a few words.
    pub title: String,
    /// In more.
    pub notes: Option<String>,
    /// Until when.
    pub due_at: Option<Timestamp>,
    /// How it stands.
    pub status: TaskStatus,
    /// Who does it.
    pub assigned_to: Option<UserId>,
    /// What made it, when no member did; unique in the organisation.
    pub source: Option<String>,
    /// Which member made it.
    pub created_by: Option<UserId>,
    /// When it was done.
    pub completed_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for Task {
    const NAME: &'static str = "task";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
impl Task {
    /// A task that a job makes, due at the end of that day.
    pub(crate) fn automatic(
        wib: &Wib,
        account_id: AccountId,
        kind: TaskKind,
        title: &str,
        due_on: Date,
        source: String,
    ) -> Self {
        let now = wib.now();
        Self {
            id: wib.id(),
            account_id,
            kind,
            title: title.to_owned(),
            notes: None,
            due_at: Some(time::first_of(due_on.tomorrow().unwrap_or(due_on))),
            status: TaskStatus::Pending,
            assigned_to: None,
            source: Some(source),
            created_by: None,
            completed_at: None,
            created_at: now,
            updated_at: now,
        }
    }
}
