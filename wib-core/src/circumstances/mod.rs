//! What is known of a person or a debt and stands in the way: a cease, an attorney, a bankruptcy and the like.

mod record;

pub use record::RecordCircumstance;
use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    collections::{AccountId, PersonId},
    compliance::CircumstanceKind,
    consent::Source,
    kit::{Id, Phone, time::Timestamp},
    store::Record,
};

/// The id of a circumstance.
pub type CircumstanceId = Id<Circumstance>;

/// A circumstance, until it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstance {
    /// Its id.
    pub id: CircumstanceId,
    /// Whose.
    pub person_id: PersonId,
    /// Of which debt; none is every debt of the person.
    pub account_id: Option<AccountId>,
    /// Of which number; none is every number.
    pub phone: Option<Phone>,
    /// What.
    pub kind: CircumstanceKind,
    /// Since when.
    pub since: Timestamp,
    /// How it reached us.
    pub source: Source,
    /// A member's note.
    pub note: Option<String>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Who wrote it down.
    pub recorded_by: Option<UserId>,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for Circumstance {
    const NAME: &'static str = "circumstance";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
