use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    calls::CallId,
    collections::{AccountId, PersonId},
    kit::{Id, time::Timestamp},
    store::Record,
};

/// A verdict as it is kept: also when it refused, with everything needed to compute it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredVerdict {
    /// Its id.
    pub id: Id<StoredVerdict>,
    /// About whom, when matched.
    pub person_id: Option<PersonId>,
    /// About which debt, when matched.
    pub account_id: Option<AccountId>,
    /// The call it permitted.
    pub call_id: Option<CallId>,
    /// `permit`, `require`, `defer`, `review` or `deny`.
    pub outcome: String,
    /// The rule that refused.
    pub blocked_by: Option<String>,
    /// The explanation, whole.
    pub explanation: Json,
    /// `sha256:<hex>` of the canonical explanation.
    pub explanation_hash: String,
    /// The rule pack's version.
    pub pack: String,
    /// The next lawful instant, when one is known.
    pub not_before: Option<Timestamp>,
    /// When it was given.
    pub created_at: Timestamp,
}
/// A pack of rules as it is kept once it may have been applied, for the whole installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPack {
    /// `sha256:<hex>` of its text.
    pub hash: String,
    /// Its version.
    pub version: String,
    /// Its canonical text.
    pub text: String,
    /// When it was first in force here.
    pub created_at: Timestamp,
}

impl Record for StoredVerdict {
    const NAME: &'static str = "verdict";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
