//! Whom we call about what: persons, and accounts (one debt of one person).

mod history;
mod listed;
mod manage;
mod whom;

pub use history::HistoryReport;
pub use listed::{ListNumber, ListSuppressions};
pub use manage::ImportReport;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
pub(crate) use whom::{NUMBERS, account_and_person, subject, whom};

use crate::{
    auth::UserId,
    compliance::{Holder, Line, ListKind, Place},
    imports::AccountStatus,
    kit::{Currency, Id, Money, Phone, time::Timestamp},
    store::Record,
    text_enum,
};

/// The id of a person.
pub type PersonId = Id<Person>;
/// The id of an account.
pub type AccountId = Id<Account>;

/// A consumer. Numbers and places are rows of their own, each with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Its id.
    pub id: PersonId,
    /// Full name.
    pub name: String,
    /// Mail address.
    pub email: Option<String>,
    /// Whether the person asked not to be called at all.
    pub do_not_call: bool,
    /// The language the person is spoken to in, BCP 47, when known (12 CFR 1006.18(e)(4)).
    pub language: Option<String>,
    /// When we learned of the person.
    pub created_at: Timestamp,
}
impl Record for Person {
    const NAME: &'static str = "person";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// One debt of one person: the unit the law counts calls by (12 CFR 1006.14(b)(4)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Who owes.
    pub person_id: PersonId,
    /// The creditor's number of it; unique in the organisation.
    pub external_id: Option<String>,
    /// Owed now, in minor units.
    pub balance_minor: i64,
    /// Of what.
    pub currency: Currency,
    /// How it stands.
    pub status: AccountStatus,
    /// The servicer's number when student loans are serviced under one: they are one debt (12 CFR 1006.14(b)(4)).
    pub debt_key: Option<String>,
    /// When we first communicated with the person about it.
    pub first_communication_at: Option<Timestamp>,
    /// Notes of the creditor.
    pub notes: Option<String>,
    /// When it was placed with us.
    pub created_at: Timestamp,
}
impl Account {
    /// What is owed.
    #[must_use]
    pub const fn balance(&self) -> Money {
        Money { minor: self.balance_minor, currency: self.currency }
    }
    /// The particular debt that calls are counted by: the account itself, or, with a debt key, what all accounts of that
    /// key share (12 CFR 1006.14(b)(4)).
    #[must_use]
    pub fn particular_debt_id(&self) -> Uuid {
        let Some(key) = &self.debt_key else { return self.id.uuid() };
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Sha256::digest(format!("particular debt\0{key}"))[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}
impl Record for Account {
    const NAME: &'static str = "account";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A number under which a person may be reached, or somebody who stands for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonPhone {
    /// Its id.
    pub id: Id<PersonPhone>,
    /// Whose.
    pub person_id: PersonId,
    /// The number.
    pub phone: Phone,
    /// Who answers there.
    pub holder: Holder,
    /// What kind of line it is.
    pub line: Line,
    /// Where it rings.
    pub place: Place,
    /// When we learned it.
    pub created_at: Timestamp,
}
impl Record for PersonPhone {
    const NAME: &'static str = "phone";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// How we came to know where a person is.
    pub enum LocationSource {
        /// A postal address.
        Address = "address",
        /// The person said so.
        Statement = "statement",
    }
}

/// A place where a person may be; when places differ, a call must be lawful at all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonLocation {
    /// Its id.
    pub id: Id<PersonLocation>,
    /// Whose.
    pub person_id: PersonId,
    /// How we know.
    pub source: LocationSource,
    /// State or territory, two letters, when known.
    pub state: Option<String>,
    /// A time zone the person named (IANA), when it was said.
    pub zone: Option<String>,
    /// The text it was read from.
    pub text: Option<String>,
    /// When we learned it.
    pub created_at: Timestamp,
}
impl Record for PersonLocation {
    const NAME: &'static str = "location";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A number that must not be called, by whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Its id.
    pub id: Id<Suppression>,
    /// The number; once per organisation.
    pub phone: Phone,
    /// Which list it is on.
    pub list: ListKind,
    /// Who or what put it on the list.
    pub source: String,
    /// Why, in a member's words.
    pub reason: Option<String>,
    /// Which member did.
    pub added_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}
impl Record for Suppression {
    const NAME: &'static str = "suppression";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
