//! A person's data: all of it shown, and erased but for what a law or a hold keeps.
//!
//! | what | on erasure |
//! |---|---|
//! | name, mail address, texts of addresses, notes, what models made | at once |
//! | recordings, transcripts, timelines, numbers | at once, or when their duty ends: the daily job goes on |
//! | the wish not to be called, with its number | kept for good: it could not be honoured otherwise (47 CFR 64.1200(d)(6)) |
//! | ledger of attempts, verdicts, audit log, chain | kept: ids and hashes, no names |

mod erase;
mod export;

pub(crate) use erase::{erased, go_on_where_due};
pub use export::{BlobRef, CallRecord, ExportPerson, PersonExport};
use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    collections::PersonId,
    json_column,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

/// What stands where the name of an erased person stood.
pub const TOMBSTONE: &str = "[erased]";

text_enum! {
    /// Why a person's data is erased. A closed list: a free text would name the person again.
    pub enum ErasureReason {
        /// The person asked for it.
        Request = "request",
        /// It never was this person.
        MistakenIdentity = "mistaken_identity",
        /// There is nothing left to do with this person.
        RelationshipEnded = "relationship_ended",
        /// A law or a court wants it.
        LegalDuty = "legal_duty",
    }
}

text_enum! {
    /// How an erasure stands.
    pub enum ErasureStatus {
        /// Something is kept that goes later.
        Pending = "pending",
        /// Nothing is left that may ever go.
        Done = "done",
    }
}

/// How many of what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counted {
    /// What.
    pub what: String,
    /// How many rows.
    pub count: i64,
}

/// What could not be erased, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeptItem {
    /// What.
    pub what: String,
    /// How many rows.
    pub count: i64,
    /// The text that asks for it.
    pub why: String,
    /// Until when; `None` while nobody can say, or for good.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub until: Option<Timestamp>,
}

/// What an erasure did and left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErasureReport {
    /// What is gone.
    pub erased: Vec<Counted>,
    /// What stays.
    pub kept: Vec<KeptItem>,
}
json_column!(ErasureReport);

/// The erasure of a person's data. Once per person; it ends when nothing is left that may ever go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Erasure {
    /// Its id.
    pub id: Id<Erasure>,
    /// Whose data.
    pub person_id: PersonId,
    /// Why.
    pub reason: ErasureReason,
    /// How it stands.
    pub status: ErasureStatus,
    /// What it did and left.
    pub report: ErasureReport,
    /// Who asked us.
    pub requested_by: Option<UserId>,
    /// When the rest is looked at again.
    pub next_look_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for Erasure {
    const NAME: &'static str = "erasure";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
