//! What the law asks of the records: the ledgers and lists of the gate, a bounded question each.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::{Edit, Repo};
use crate::{
    calls::CallId,
    circumstances::Circumstance,
    collections::{Account, AccountId, Person, PersonId},
    consent::{Consent, Preference},
    contacts::Contact,
    disclosures::Disclosure,
    kit::{Phone, Result, time::Timestamp},
    licences::Licence,
    lists::ListCheck,
    notices::{Dispute, Notice},
    retention::LegalHold,
    text_enum,
};

/// Persons whose ids lie in a span, both ends included: one person, or those of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct People {
    /// The first.
    pub from: PersonId,
    /// The last.
    pub to: PersonId,
}
impl From<PersonId> for People {
    fn from(one: PersonId) -> Self {
        Self { from: one, to: one }
    }
}

text_enum! {
    /// What a [`Known`] is read from.
    pub enum KnownKind {
        /// The consent ledger: `word` is the scope, `state` the event, `until` the end.
        Consent = "consent",
        /// A preference that holds: `word` is the medium, empty for every one.
        Preference = "preference",
        /// A circumstance that is not over: `word` is its kind.
        Circumstance = "circumstance",
        /// A notice that was sent: `word` is its kind, `state` its status, `until` the end of the period.
        Notice = "notice",
        /// A dispute: `until` is when it was answered.
        Dispute = "dispute",
        /// An active legal hold.
        Hold = "hold",
        /// A licence of the organisation: `word` is its region.
        Licence = "licence",
        /// The organisation: `word` is its role as a collector.
        Organization = "organization",
    }
}

/// Something known of a person, or of the organisation (then without a person), in the shape all of it shares.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "told at the kinds")]
pub struct Known {
    pub what: KnownKind,
    pub person_id: Option<PersonId>,
    pub account_id: Option<AccountId>,
    pub phone: Option<Phone>,
    pub email: Option<String>,
    pub word: String,
    pub state: Option<String>,
    pub written: Option<bool>,
    pub wish: Option<Json>,
    pub at: Timestamp,
    pub until: Option<Timestamp>,
}

/// What the gate reads. Every answer is ordered by person first, so that one that is cut short lacks the last persons.
#[async_trait]
pub trait Gathering: Send {
    /// The persons.
    async fn persons(&mut self, of: People, limit: i64) -> Result<Vec<Person>>;
    /// Every account of them, oldest first.
    async fn accounts(&mut self, of: People, limit: i64) -> Result<Vec<Account>>;
    /// Open accounts behind a place, by person and id.
    async fn open_accounts(&mut self, after: (PersonId, AccountId), limit: i64) -> Result<Vec<Account>>;
    /// The ledgers of attempts and conversations since then, by time.
    async fn ledger(&mut self, of: People, since: Timestamp, limit: i64) -> Result<Vec<Contact>>;
    /// The other ledgers; what is the organisation's comes first.
    async fn known(&mut self, of: People, limit: i64) -> Result<Vec<Known>>;
    /// How the lists stand, and what they say of the persons' numbers and of one more.
    async fn listed(&mut self, of: Option<People>, number: Option<&Phone>, limit: i64) -> Result<Vec<ListCheck>>;
}

/// Questions about consent, preferences and circumstances.
#[async_trait]
pub trait Wishes: Repo<Consent> + Edit<Preference> + Edit<Circumstance> {
    /// A person's consent ledger, newest first.
    async fn consents(&mut self, person: PersonId, limit: i64) -> Result<Vec<Consent>>;
    /// A person's preferences, newest first.
    async fn preferences(&mut self, person: PersonId, limit: i64) -> Result<Vec<Preference>>;
    /// A person's circumstances, newest first.
    async fn circumstances(&mut self, person: PersonId, limit: i64) -> Result<Vec<Circumstance>>;
}

/// Questions about notices, disputes and disclosures.
#[async_trait]
pub trait Notices: Edit<Notice> + Edit<Dispute> + Repo<Disclosure> {
    /// An account's notices, newest first.
    async fn notices(&mut self, account: AccountId, limit: i64) -> Result<Vec<Notice>>;
    /// An account's disputes, newest first.
    async fn disputes(&mut self, account: AccountId, limit: i64) -> Result<Vec<Dispute>>;
    /// What was disclosed in a call, by time.
    async fn disclosures(&mut self, call: CallId) -> Result<Vec<Disclosure>>;
    /// Adds the disclosure unless the call has one of that kind by that speaker; whether it was added.
    async fn note_disclosure(&mut self, disclosure: &Disclosure) -> Result<bool>;
}

/// Questions about lists, licences and holds.
#[async_trait]
pub trait Registers: Repo<ListCheck> + Edit<Licence> + Edit<LegalHold> {
    /// Adds or brings up to date the row of that list, source and number; an older one changes nothing.
    async fn put_list_check(&mut self, check: &ListCheck) -> Result<()>;
    /// The organisation's licences, by region.
    async fn licences(&mut self, limit: i64) -> Result<Vec<Licence>>;
    /// How many active holds cover the records of an account or a call.
    async fn holds_on(&mut self, account: Option<AccountId>, call: Option<CallId>) -> Result<i64>;
}
