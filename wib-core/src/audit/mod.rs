//! The audit log: who did what to what, how it was before and after. Lines are added and read, nothing else, and are
//! sealed into the evidence chain in batches.
//!
//! | step | what | when it fails |
//! |---|---|---|
//! | write | a line, in the transaction of what it tells | the line is queued; the transaction goes on |
//! | retry | the queued line, as told then, dated now | a dead letter |
//! | seal | a batch of lines becomes a link of the chain | the next run |
//! | verify | every batch is computed again | an edited, deleted or added line is named |
//!
//! A line holds ids, no names: names, addresses and texts are kept out, numbers are masked, secrets never enter.

mod clean;
mod line;
mod read;
mod seal;
#[cfg(test)]
mod tests;

pub(crate) use line::{Line, flush, lost, write};
pub use read::ListAudit;
pub(crate) use seal::seal_all;
pub use seal::{AuditFault, AuditReport, BATCH, TouchedLine};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    auth::UserId,
    kit::{Id, time::Timestamp},
    store::Record,
};

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Its id.
    pub id: Id<AuditEvent>,
    /// Who, when it was a person.
    pub user_id: Option<UserId>,
    /// `human`, `system`, `vendor` or `automation`.
    pub actor_type: String,
    /// What was done, as `area:verb`.
    pub action: String,
    /// To what kind of thing.
    pub resource_type: String,
    /// To which.
    pub resource_id: Option<Uuid>,
    /// How it was.
    pub old_value: Option<Json>,
    /// How it is.
    pub new_value: Option<Json>,
    /// More; no phone numbers, no text of calls.
    pub metadata: Json,
    /// When.
    pub created_at: Timestamp,
    /// Place of the link that seals it; set once.
    pub sealed_seq: Option<i64>,
}
impl Record for AuditEvent {
    const NAME: &'static str = "audit event";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// What became of a line that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is in the log, once the transaction commits.
    Written,
    /// It was refused, and waits in the queue.
    Queued,
    /// Neither was possible.
    Lost,
}
impl Noted {
    /// The word of the metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Queued => "queued",
            Self::Lost => "lost",
        }
    }
}
