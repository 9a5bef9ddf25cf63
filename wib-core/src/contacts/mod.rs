//! The ledgers the frequency rules read: attempts and conversations, by person and debt.
//!
//! Both are read off a call's facts: an event that comes late corrects them, none is counted twice.

use serde::{Deserialize, Serialize};

use crate::{
    calls::CallId,
    collections::{AccountId, PersonId},
    compliance::{Medium, Place, Technology},
    kit::{Id, Phone, time::Timestamp},
    ports::voice::Direction,
    store::Record,
    text_enum,
};

text_enum! {
    /// What a ledger row records.
    pub enum ContactKind {
        /// A placed call.
        Attempt = "attempt",
        /// Speech between the person and us.
        Conversation = "conversation",
    }
}

text_enum! {
    /// Where a ledger row comes from.
    pub enum ContactSource {
        /// A call of ours.
        Call = "call",
        /// The history of another dialler.
        Import = "import",
    }
}

/// One row of the ledgers: unique by call, debt and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its id.
    pub id: Id<Contact>,
    /// With whom.
    pub person_id: PersonId,
    /// About which debt.
    pub account_id: AccountId,
    /// In which call; none when it was imported.
    pub call_id: Option<CallId>,
    /// Attempt or conversation.
    pub kind: ContactKind,
    /// Who called.
    pub direction: Direction,
    /// When it was placed, or when speech began.
    pub at: Timestamp,
    /// Whether the law counts it: an attempt that never reached the number does not (12 CFR 1006.14(b)(3)(ii)).
    pub counts: bool,
    /// By which medium.
    pub medium: Medium,
    /// How it was dialled.
    pub technology: Technology,
    /// The number at the other end; none for an address.
    pub phone: Option<Phone>,
    /// Where it rang.
    pub place: Place,
    /// Where the row comes from.
    pub source: ContactSource,
}
impl Record for Contact {
    const NAME: &'static str = "contact";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
