//! What goes in: plain data about one act that somebody plans.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Time, Weekday};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::{Act, CollectorRole, DutyKind, Flag, Technology};
use crate::{
    contacts::ContactKind,
    kit::{Phone, Timestamp},
    ports::voice::Direction,
    text_enum,
};

/// Everything the rules may ask about one act towards one person about one debt.
///
/// The default knows nothing, and nothing is permitted on it. Lists have no order of their own. What is empty or the
/// default is not written out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// What is planned.
    pub act: Act,
    /// In which role we collect; `None` when the organisation has not said, and the strictest counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collector: Option<CollectorRole>,
    /// Who is meant; `None` when nobody could be matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonFacts>,
    /// What about; `None` when no debt could be matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debt: Option<DebtFacts>,
    /// The number, or the address, that is to be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callee: Option<Callee>,
    /// Where the person may be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// Jurisdictions in which our own side of the conversation is (`US-TX`): for the consent to recording.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ours: BTreeSet<String>,
    /// What was exchanged with this person, over 31 days at least, about any debt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ledger: Vec<LedgerFact>,
    /// The consent ledger of the person, as far as it bears on this number, address and debt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<ConsentFact>,
    /// What the person asked for, as far as it bears on this number or address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<PreferenceFact>,
    /// What is known of the person and the debt and is not over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub circumstances: Vec<CircumstanceFact>,
    /// Written notices about the debt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeFact>,
    /// Disputes about the debt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<DisputeFact>,
    /// Lists of numbers that were looked through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ListFact>,
    /// Licences we hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licences: Vec<LicenceFact>,
    /// The campaign's figures over 30 days; `None` outside a campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignFacts>,
    /// What is to be deleted, when the act is to purge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionFacts>,
    /// Duties that were done on this call.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub done: BTreeSet<DutyKind>,
    /// Plain questions with their answers; what is absent is unknown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flags: BTreeMap<Flag, bool>,
    /// Names of facts that could not be read: any entry denies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unavailable: Vec<String>,
}

/// Whether it is what is left out when facts are written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonFacts {
    /// The person.
    pub id: Uuid,
    /// Whether the person asked not to be called at all (12 CFR 1006.14(h)).
    pub do_not_call: bool,
    /// The language the person is spoken to in, BCP 47, when known (12 CFR 1006.18(e)(4)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// The debt the act is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebtFacts {
    /// The particular debt: student loans serviced under one number share one (12 CFR 1006.14(b)(4)).
    pub id: Uuid,
    /// When we first communicated with the person about it; `None` when we have not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_communication_at: Option<Timestamp>,
}

/// A number or address to be reached; only the last four digits of a number are kept: facts are stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callee {
    /// The masked number; `*` alone for an address that is none.
    pub number: Masked,
    /// Who has it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub holder: Holder,
    /// What kind of line it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub line: Line,
    /// Where it rings.
    #[serde(default, skip_serializing_if = "is_default")]
    pub place: Place,
}
impl From<&Phone> for Callee {
    fn from(phone: &Phone) -> Self {
        Self {
            number: Masked(phone.masked()),
            holder: Holder::default(),
            line: Line::default(),
            place: Place::default(),
        }
    }
}

/// A masked number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Masked(String);
impl Masked {
    /// Stands for an address that is no number.
    #[must_use]
    pub fn address() -> Self {
        Self("*".to_owned())
    }
    /// The masked text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl<'de> Deserialize<'de> for Masked {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let last = text.trim_start_matches('*');
        if text == "*" || (text.len() <= 16 && last.len() == 4 && last.bytes().all(|b| b.is_ascii_digit())) {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom("not a masked phone number"))
        }
    }
}

text_enum! {
    /// Who answers at a number, or reads at an address.
    #[derive(Default)]
    pub enum Holder {
        /// Who owes.
        #[default]
        Consumer = "consumer",
        /// The consumer's spouse.
        Spouse = "spouse",
        /// A parent of a consumer who is a minor.
        Parent = "parent",
        /// A guardian.
        Guardian = "guardian",
        /// An executor or administrator of the estate.
        Executor = "executor",
        /// The person's attorney.
        Attorney = "attorney",
        /// A consumer reporting agency.
        ReportingAgency = "reporting_agency",
        /// The creditor.
        Creditor = "creditor",
        /// The creditor's attorney.
        CreditorAttorney = "creditor_attorney",
        /// Our attorney.
        CollectorAttorney = "collector_attorney",
        /// The person's employer.
        Employer = "employer",
        /// Anybody else.
        ThirdParty = "third_party",
    }
}
impl Holder {
    /// Whether the law takes this party for the consumer (12 CFR 1006.6(a)).
    #[must_use]
    pub const fn is_consumer(self) -> bool {
        matches!(self, Self::Consumer | Self::Spouse | Self::Parent | Self::Guardian | Self::Executor)
    }
}

text_enum! {
    /// What kind of line a number is.
    #[derive(Default)]
    pub enum Line {
        /// Not known; counts as a mobile and as a residential line.
        #[default]
        Unknown = "unknown",
        /// A mobile telephone.
        Mobile = "mobile",
        /// A residential line.
        Residential = "residential",
        /// A business line.
        Business = "business",
    }
}

text_enum! {
    /// Where a number rings.
    #[derive(Default)]
    pub enum Place {
        /// Not known.
        #[default]
        Unknown = "unknown",
        /// At home, or in the person's pocket.
        Personal = "personal",
        /// At work.
        Work = "work",
        /// In a hospital, a place of worship or another place where calls are unwelcome.
        Inconvenient = "inconvenient",
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
#[serde(deny_unknown_fields)]
pub struct Location {
    /// How we know.
    pub source: LocationSource,
    /// Every time zone the place may lie in, as ids of the IANA database.
    pub zones: Vec<String>,
    /// Every jurisdiction the place may lie in: ISO 3166-2, and our own word for a city with rules (`US-NY-NYC`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// When it was noted.
    pub noted_on: Option<Timestamp>,
}

text_enum! {
    /// A way of reaching somebody.
    #[derive(Default)]
    pub enum Medium {
        /// A telephone call.
        #[default]
        Call = "call",
        /// A text message.
        Text = "text",
        /// Electronic mail.
        Email = "email",
        /// A letter.
        Mail = "mail",
    }
}

/// One entry of the ledgers of attempts and conversations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerFact {
    /// When it was placed, or when the conversation took place.
    pub at: Timestamp,
    /// What happened.
    pub kind: ContactKind,
    /// Whether it counts: false for a busy line, a number out of service and the other calls that
    /// 12 CFR 1006.14(b)(3) leaves out.
    pub counts: bool,
    /// The debt it was about.
    pub debt: Uuid,
    /// Who began it.
    pub direction: Direction,
    /// By which medium.
    #[serde(default, skip_serializing_if = "is_default")]
    pub medium: Medium,
    /// How it was dialled.
    #[serde(default, skip_serializing_if = "is_default")]
    pub technology: Technology,
    /// Where it rang.
    #[serde(default, skip_serializing_if = "is_default")]
    pub place: Place,
    /// Whether it went to the number or address that is meant now.
    #[serde(default, skip_serializing_if = "is_default")]
    pub same_number: bool,
}

text_enum! {
    /// What a consent is for.
    pub enum ConsentScope {
        /// To be called about the debt now ("call me on Thursday").
        Contact = "outbound_contact",
        /// To calls or texts by an autodialer.
        Autodialed = "autodialed",
        /// To artificial or prerecorded voices.
        ArtificialVoice = "artificial_voice",
        /// To text messages.
        Text = "sms_contact",
        /// To electronic mail.
        Email = "email_contact",
        /// To being recorded.
        Recording = "call_recording",
        /// To a payment.
        Payment = "payment_processing",
        /// To the sharing of data.
        DataSharing = "data_sharing",
    }
}

/// One entry of the consent ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentFact {
    /// When.
    pub at: Timestamp,
    /// For what.
    pub scope: ConsentScope,
    /// Granted, or revoked.
    pub granted: bool,
    /// Whether it was given in writing.
    pub written: bool,
    /// When it ends by what the person said.
    pub expires_at: Option<Timestamp>,
    /// When it was used up, for a consent to one call.
    pub used_at: Option<Timestamp>,
}

/// Something the person asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferenceFact {
    /// Since when.
    pub since: Timestamp,
    /// By which medium; `None` is every one.
    pub medium: Option<Medium>,
    /// What.
    pub wish: Wish,
}

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Wish {
    /// Not by this medium at all.
    NoMedium,
    /// Not at these local times.
    NotDuring {
        /// The days it holds on, in English and lower case (`monday`); none is every day.
        days: Vec<Day>,
        /// The first local time that is bad.
        from: Time,
        /// The first local time that is good again; not after `from`: on the next day.
        to: Time,
    },
    /// Not at this place.
    NoPlace {
        /// Which.
        place: Place,
    },
}

text_enum! {
    /// A day of the week.
    pub enum Day {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
}
impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

text_enum! {
    /// Something known of a person or a debt that stands in the way.
    pub enum CircumstanceKind {
        /// Refused to pay in writing, or asked in writing to cease communication (12 CFR 1006.6(c)).
        Cease = "cease",
        /// Is represented by an attorney for the debt (12 CFR 1006.6(b)(2)).
        Attorney = "attorney",
        /// Filed for bankruptcy (11 U.S.C. 362).
        Bankruptcy = "bankruptcy",
        /// Has died.
        Deceased = "deceased",
        /// Is on active duty (50 U.S.C. 3901 ff).
        ActiveDuty = "active_duty",
        /// The employer forbids such calls at work (12 CFR 1006.6(b)(3)).
        EmployerForbids = "employer_forbids",
        /// Is a minor.
        Minor = "minor",
        /// Is known to sue over calls.
        Litigator = "litigator",
        /// The debt is paid, settled or discharged.
        Closed = "closed",
        /// The number turned out to be somebody else's.
        WrongNumber = "wrong_number",
    }
}

/// A circumstance that is not over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircumstanceFact {
    /// What.
    pub kind: CircumstanceKind,
    /// Since when.
    pub since: Timestamp,
    /// About which debt; `None` is every debt of the person.
    pub debt: Option<Uuid>,
}

text_enum! {
    /// A written notice.
    pub enum NoticeKind {
        /// Validation information (12 CFR 1006.34).
        Validation = "validation",
        /// Verification of a disputed debt, or the original creditor's name (12 CFR 1006.38).
        Verification = "verification",
    }
}

/// A notice about the debt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeFact {
    /// Which.
    pub kind: NoticeKind,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Whether it came back: then it was not delivered (12 CFR 1006.42).
    pub returned: bool,
    /// The first instant after the period in which the debt can be disputed, when one runs from it.
    pub period_ends: Option<Timestamp>,
}

/// A dispute about the debt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeFact {
    /// When it reached us.
    pub at: Timestamp,
    /// Whether it is in writing, or asks in writing for the original creditor.
    pub written: bool,
    /// When verification or the answer was sent.
    pub answered_at: Option<Timestamp>,
}

text_enum! {
    /// A list of numbers.
    pub enum ListKind {
        /// Our own do-not-call list.
        Internal = "internal",
        /// The National Do Not Call Registry.
        National = "national",
        /// A state's registry.
        State = "state",
        /// Numbers of people who sue over calls.
        Litigator = "litigator",
        /// The Reassigned Numbers Database.
        Reassigned = "reassigned",
    }
}

/// What a list says of the number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFact {
    /// Which list.
    pub list: ListKind,
    /// Whether the number is on it.
    pub listed: bool,
    /// The date of the version that was looked through; for an entry of our own, since when it is there.
    pub as_of: Timestamp,
    /// Where the entry came from.
    pub source: String,
}

/// A licence to collect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceFact {
    /// Where (`US-CA`).
    pub region: String,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it; `None` while it has no end.
    pub until: Option<Timestamp>,
}

/// A campaign's figures over the last 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignFacts {
    /// Calls answered live by a person.
    pub live_answers: u64,
    /// Of these, calls not connected to a representative within two seconds of the greeting.
    pub abandoned: u64,
}

text_enum! {
    /// A class of records that must be kept.
    pub enum RecordClass {
        /// A recording of a telephone call.
        Recording = "recording",
        /// Evidence of compliance: attempts, notices, consents, disputes, disclosures.
        Compliance = "compliance",
        /// A request not to be called.
        DoNotCall = "do_not_call",
        /// Proof of a payment's authorisation.
        Authorisation = "authorisation",
    }
}

/// What is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionFacts {
    /// Which class it belongs to.
    pub class: RecordClass,
    /// When it was made: the date of the call, of the request.
    pub made_at: Timestamp,
    /// The last collection activity on the debt; `None` when it is not known, and nothing is deleted.
    pub last_activity_at: Option<Timestamp>,
    /// When the authorisation ended or was revoked.
    pub ended_at: Option<Timestamp>,
    /// How many legal holds cover it.
    pub holds: u32,
    /// Days the organisation itself wants it kept, from `made_at`.
    pub wanted_days: u32,
}

impl Facts {
    /// The same facts with every list in one order, so that equal facts give equal bytes.
    pub(super) fn ordered(mut self) -> Self {
        fn sort<T: Ord>(list: &mut Vec<T>) {
            list.sort_unstable();
            list.dedup();
        }
        for location in &mut self.locations {
            sort(&mut location.zones);
            sort(&mut location.regions);
        }
        for preference in &mut self.preferences {
            if let Wish::NotDuring { days, .. } = &mut preference.wish {
                sort(days);
            }
        }
        sort(&mut self.locations);
        // Two calls may be equal in all that is kept of them: they stay two.
        self.ledger.sort_unstable();
        sort(&mut self.consents);
        sort(&mut self.preferences);
        sort(&mut self.circumstances);
        sort(&mut self.notices);
        sort(&mut self.disputes);
        sort(&mut self.lists);
        sort(&mut self.licences);
        sort(&mut self.unavailable);
        self
    }
    /// Every zone of every place, once.
    pub(super) fn zones(&self) -> BTreeSet<&str> {
        self.locations.iter().flat_map(|l| &l.zones).map(String::as_str).collect()
    }
    /// Whether the person may be in that jurisdiction; `US` is everywhere.
    #[must_use]
    pub fn may_be_in(&self, region: &str) -> bool {
        region == "US" || self.locations.iter().any(|l| l.regions.iter().any(|r| r == region))
    }
}
