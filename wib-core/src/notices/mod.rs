//! Written notices about a debt, and disputes of it (12 CFR 1006.34, 1006.38).
//!
//! | a notice is | because | then |
//! |---|---|---|
//! | `pending` | it has to be sent | `sent` |
//! | `sent`, `delivered` | it left; receipt is assumed five business days later, or known | `returned`, `disputed`, `expired` |
//! | `returned` | it came back and counts as not sent (12 CFR 1006.42) | a new one is due |
//! | `disputed` | the debt was disputed after it | `expired` |
//! | `expired` | its period is over | |

use std::time::Duration;

mod dispute;
mod read;
mod send;

pub use dispute::{DisputeNotice, FileDispute};
pub use read::{ListDisputes, ListNotices, PendingNotice};
pub use send::CreateNotice;
use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    calls::CallId,
    collections::{AccountId, PersonId},
    compliance::NoticeKind,
    imports::AccountStatus,
    kit::{Id, time, time::Timestamp},
    retention::LegalHold,
    store::Record,
    text_enum,
};

/// How long an answer to a dispute may take.
const ANSWER: Duration = Duration::from_secs(30 * 24 * 3600);

/// The id of a notice.
pub type NoticeId = Id<Notice>;
/// The id of a dispute.
pub type DisputeId = Id<Dispute>;

text_enum! {
    /// How a notice stands.
    pub enum NoticeStatus {
        /// Has to be sent.
        Pending = "pending",
        /// Left.
        Sent = "sent",
        /// Arrived.
        Delivered = "delivered",
        /// Came back.
        Returned = "returned",
        /// Answered by a dispute.
        Disputed = "disputed",
        /// Its period is over.
        Expired = "expired",
    }
}
impl NoticeStatus {
    /// Whether it stands for its debt: of these there is one at a time.
    #[must_use]
    pub const fn live(self) -> bool {
        !matches!(self, Self::Returned | Self::Expired)
    }
}

text_enum! {
    /// How a notice is given.
    #[derive(Default)]
    pub enum NoticeMethod {
        /// By electronic mail.
        Email = "email",
        /// By letter.
        #[default]
        Mail = "mail",
        /// Shown to the person signed in.
        InApp = "in_app",
        /// Said in the first communication.
        InitialCommunication = "initial_communication",
    }
}

/// A notice about a debt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// To whom.
    pub person_id: PersonId,
    /// About which debt.
    pub account_id: AccountId,
    /// Which.
    pub kind: NoticeKind,
    /// How it stands.
    pub status: NoticeStatus,
    /// How it is given.
    pub method: NoticeMethod,
    /// When it left.
    pub sent_at: Option<Timestamp>,
    /// The first instant after the period in which the debt can be disputed.
    pub period_ends: Option<Timestamp>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When it became due.
    pub created_at: Timestamp,
}
impl Record for Notice {
    const NAME: &'static str = "notice";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// What is contested.
    #[derive(Default)]
    pub enum DisputeKind {
        /// How it was billed.
        Billing = "billing",
        /// Whose it is.
        Identity = "identity",
        /// How much it is.
        Amount = "amount",
        /// Something else.
        #[default]
        Other = "other",
    }
}

/// A dispute of a debt, with the legal hold that lasts as long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Its id.
    pub id: DisputeId,
    /// Whose.
    pub person_id: PersonId,
    /// Of which debt.
    pub account_id: AccountId,
    /// In which call.
    pub call_id: Option<CallId>,
    /// What is contested.
    pub kind: DisputeKind,
    /// Whether it is in writing, or asks in writing for the original creditor.
    pub written: bool,
    /// In the person's words.
    pub reason: String,
    /// When it reached us.
    pub at: Timestamp,
    /// When verification or the answer was sent.
    pub answered_at: Option<Timestamp>,
    /// What keeps the records meanwhile.
    pub hold_id: Id<LegalHold>,
    /// How the account stood before.
    pub account_status: AccountStatus,
    /// Who wrote it down.
    pub recorded_by: Option<UserId>,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Dispute {
    /// When an answer is due: thirty days after it reached us.
    #[must_use]
    pub fn due_at(&self) -> Timestamp {
        time::after(self.at, ANSWER)
    }
}
impl Record for Dispute {
    const NAME: &'static str = "dispute";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
