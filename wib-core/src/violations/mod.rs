//! What was done against the rules of a call centre: found by a person or a guard, then looked into.
//!
//! | a violation is | because | then |
//! |---|---|---|
//! | `open` | it was logged | any other |
//! | `reviewed`, `dismissed`, `confirmed` | somebody looked into it | any other; `open` takes the resolution back |

mod log;

pub use log::{ListViolations, LogViolation, ResolveViolation};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    auth::UserId,
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

/// The id of a violation.
pub type ViolationId = Id<Violation>;

text_enum! {
    /// Which rule of conduct.
    pub enum ViolationCode {
        /// A reviewer of quality asks a person to confirm something.
        QaNoConfirmations = "QA_NO_CONFIRMATIONS",
        /// A reviewer of quality sets the outcome of a call.
        QaNoOutcomes = "QA_NO_OUTCOMES",
        /// A reviewer of quality makes an agreement.
        QaNoAgreements = "QA_NO_AGREEMENTS",
        /// A survey makes an agreement.
        SurveyNoAgreements = "SURVEY_NO_AGREEMENTS",
        /// A machine negotiates.
        AiNoNegotiation = "AI_NO_NEGOTIATION",
    }
}

text_enum! {
    /// What became of it when it happened.
    pub enum ViolationKind {
        /// It was refused.
        Blocked = "blocked",
        /// Somebody was warned.
        Warned = "warned",
        /// It was found afterwards.
        Detected = "detected",
        /// It was kept from happening.
        Prevented = "prevented",
    }
}

text_enum! {
    /// How a violation stands.
    pub enum ViolationStatus {
        /// Nobody looked into it.
        Open = "open",
        /// Somebody did.
        Reviewed = "reviewed",
        /// It was none.
        Dismissed = "dismissed",
        /// It was one.
        Confirmed = "confirmed",
    }
}

/// A violation of a rule of conduct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Its id.
    pub id: ViolationId,
    /// In which call.
    pub call_id: Option<CallId>,
    /// Who logged it.
    pub user_id: Option<UserId>,
    /// Which rule.
    pub code: ViolationCode,
    /// What became of it when it happened.
    pub kind: ViolationKind,
    /// What was going on, an object.
    pub context: Json,
    /// How it stands.
    pub status: ViolationStatus,
    /// What was found.
    pub notes: Option<String>,
    /// Who looked into it.
    pub resolved_by: Option<UserId>,
    /// When.
    pub resolved_at: Option<Timestamp>,
    /// When it was logged.
    pub created_at: Timestamp,
}
impl Record for Violation {
    const NAME: &'static str = "violation";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
