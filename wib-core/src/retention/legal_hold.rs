use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    calls::CallId,
    collections::AccountId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

/// The id of a hold.
pub type HoldId = Id<LegalHold>;

text_enum! {
    /// How a hold stands.
    pub enum HoldStatus {
        /// Holds.
        Active = "active",
        /// Is over.
        Released = "released",
    }
}

/// A legal hold on the records of an account, of a call, or of everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LegalHold {
    /// Its id.
    pub id: HoldId,
    /// What it is called.
    pub name: String,
    /// The matter it belongs to.
    pub matter_reference: Option<String>,
    /// Whether it holds everything the organisation has.
    pub applies_to_all: bool,
    /// Which account's records it holds.
    pub account_id: Option<AccountId>,
    /// Which call's.
    pub call_id: Option<CallId>,
    /// How it stands.
    pub status: HoldStatus,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was released.
    pub released_at: Option<Timestamp>,
}
impl Record for LegalHold {
    const NAME: &'static str = "legal hold";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
