//! What was disclosed in a call, by whom, when, in which words.

use serde::{Deserialize, Serialize};

use crate::{
    calls::CallId,
    collections::{AccountId, PersonId},
    compliance::DutyKind,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

text_enum! {
    /// Who spoke.
    pub enum SpokenBy {
        /// A fixed text by machine.
        System = "system",
        /// A member.
        Agent = "agent",
    }
}

/// One disclosure of a call; of each kind one by each speaker, and only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// Its id.
    pub id: Id<Disclosure>,
    /// In which call.
    pub call_id: CallId,
    /// About which debt.
    pub account_id: Option<AccountId>,
    /// To whom.
    pub person_id: Option<PersonId>,
    /// Which duty it does.
    pub kind: DutyKind,
    /// `sha256:<hex>` of the words.
    pub text_hash: String,
    /// In which language, BCP 47.
    pub language: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was spoken to its end; none when it was cut off, and the duty is not done.
    pub ended_at: Option<Timestamp>,
    /// Who spoke.
    pub spoken_by: SpokenBy,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for Disclosure {
    const NAME: &'static str = "disclosure";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
