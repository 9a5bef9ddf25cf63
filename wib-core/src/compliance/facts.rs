//! What goes in: plain data about one call that somebody wants to place.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::{
    contacts::ContactKind,
    kit::{Phone, Timestamp},
    ports::voice::Direction,
    text_enum,
};

/// Everything the rules may ask about one call to one person about one debt.
///
/// The default knows nothing, and nothing is permitted on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Who is called; `None` when nobody could be matched.
    pub person: Option<PersonFacts>,
    /// What about; `None` when no debt could be matched.
    pub debt: Option<DebtFacts>,
    /// The number to be dialled, masked.
    pub callee: Option<Callee>,
    /// Where the person may be.
    pub locations: Vec<Location>,
    /// Calls with this person, over eight days at least; those about other debts are passed over.
    pub ledger: Vec<LedgerFact>,
    /// The number's entry on the organisation's do-not-call list.
    pub suppressed: Option<SuppressionFact>,
    /// Names of facts that could not be read: any entry denies.
    pub unavailable: Vec<String>,
}

/// The person called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonFacts {
    /// The person.
    pub id: Uuid,
    /// Whether the person asked not to be called (12 CFR 1006.14(h)).
    pub do_not_call: bool,
}

/// The debt the call is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebtFacts {
    /// The debt.
    pub id: Uuid,
    /// Since when the person wants no more communication about it, or refuses to pay (12 CFR 1006.6(c)).
    pub cease_at: Option<Timestamp>,
}

/// A number of which only the last four digits are kept: facts are stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Callee(String);
impl Callee {
    /// The masked number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl From<&Phone> for Callee {
    fn from(phone: &Phone) -> Self {
        Self(phone.masked())
    }
}
impl<'de> Deserialize<'de> for Callee {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let last = text.trim_start_matches('*');
        if text.len() <= 16 && last.len() == 4 && last.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom("not a masked phone number"))
        }
    }
}

text_enum! {
    /// How we know of a place.
    pub enum LocationSource {
        /// The person's address.
        Address = "address",
        /// What the person said.
        Statement = "statement",
        /// The number's area code: tightens, and never suffices (comment 6(b)(1)(i) to 12 CFR 1006.6).
        AreaCode = "area_code",
    }
}

/// A place where the person may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// How we know.
    pub source: LocationSource,
    /// Every time zone the place may lie in, as ids of the IANA database.
    pub zones: Vec<String>,
    /// When it was noted.
    pub noted_on: Option<Timestamp>,
}

/// One entry of the ledger of calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LedgerFact {
    /// When it was placed, or when the conversation took place.
    pub at: Timestamp,
    /// What happened.
    pub kind: ContactKind,
    /// Whether an attempt counts: false for a busy line, a number out of service and the other calls that
    /// 12 CFR 1006.14(b)(3) leaves out.
    pub counts: bool,
    /// The debt it was about.
    pub debt: Uuid,
    /// Who placed it.
    pub direction: Direction,
}

/// An entry of the do-not-call list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionFact {
    /// Since when.
    pub listed_at: Timestamp,
    /// Where it came from.
    pub source: String,
}

impl Facts {
    /// The same facts with every list in one order, so that equal facts give equal bytes.
    pub(super) fn ordered(mut self) -> Self {
        for location in &mut self.locations {
            location.zones.sort_unstable();
            location.zones.dedup();
        }
        self.locations.sort_unstable();
        self.ledger.sort_unstable();
        self.unavailable.sort_unstable();
        self.unavailable.dedup();
        self
    }
    /// Every zone of every place, once.
    pub(super) fn zones(&self) -> BTreeSet<&str> {
        self.locations.iter().flat_map(|l| &l.zones).map(String::as_str).collect()
    }
    /// The entries about this debt; all of them while the debt is unknown.
    pub(super) fn entries(&self, kind: ContactKind) -> impl Iterator<Item = &LedgerFact> {
        let debt = self.debt.as_ref().map(|d| d.id);
        self.ledger.iter().filter(move |l| l.kind == kind && debt.is_none_or(|id| id == l.debt))
    }
}
