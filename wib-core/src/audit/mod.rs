//! The audit log: who did what to what. Rows are added and read, nothing else.

mod read;

pub use read::ListAudit;
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
}
impl Record for AuditEvent {
    const NAME: &'static str = "audit event";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
