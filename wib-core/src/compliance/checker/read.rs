//! The words of a file, read without the types that wrote them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Time};
use serde::{Deserialize, Deserializer, de::Error as _};
use uuid::Uuid;

/// Declares closed lists of words, the first of which stands where a file may leave it out. A word outside its list is refused, so that nonsense never counts as "none of it".
macro_rules! words {
    ($($name:ident = $($word:literal)+;)+) => { $(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) struct $name(pub(super) &'static str);
        impl Default for $name {
            fn default() -> Self {
                Self([$($word),+][0])
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                const WORDS: &[&str] = &[$($word),+];
                let text = String::deserialize(d)?;
                let word = WORDS.iter().find(|w| **w == text);
                word.map(|w| Self(w)).ok_or_else(|| D::Error::custom(concat!("not a word for ", stringify!($name))))
            }
        }
    )+ };
}

words! {
    Kind = "dial" "text" "email" "record" "converse" "voicemail" "pay" "purge";
    Purpose = "collection" "solicitation" "location";
    Technology = "unknown" "manual" "autodialed" "artificial_voice";
    Role = "agency" "creditor";
    Holder = "consumer" "spouse" "parent" "guardian" "executor" "attorney" "reporting_agency" "creditor"
        "creditor_attorney" "collector_attorney" "employer" "third_party";
    Line = "unknown" "mobile" "residential" "business";
    Place = "unknown" "personal" "work" "inconvenient";
    Source = "address" "statement" "area_code";
    Medium = "call" "text" "email" "mail";
    Contact = "attempt" "conversation";
    Direction = "outbound" "inbound";
    Scope = "outbound_contact" "autodialed" "artificial_voice" "sms_contact" "email_contact" "call_recording"
        "payment_processing" "data_sharing";
    Day = "monday" "tuesday" "wednesday" "thursday" "friday" "saturday" "sunday";
    Circumstance = "cease" "attorney" "bankruptcy" "deceased" "active_duty" "employer_forbids" "minor" "litigator"
        "closed" "wrong_number";
    Notice = "validation" "verification";
    List = "internal" "national" "state" "litigator" "reassigned";
    Class = "recording" "compliance" "do_not_call" "authorisation";
    Duty = "scrub_list" "identify" "ai_disclosure" "recording_notice" "verify_party" "mini_miranda" "collector_notice"
        "time_barred_notice" "limited_content" "opt_out" "call_back_number" "send_validation" "mask_payment"
        "read_back" "send_copy";
    Flag = "legal_hold" "caller_id_owned" "party_verified" "third_party" "recording_refused" "contact_basis" "fresh_proof"
        "opt_out_offered" "work_address" "time_barred" "limited_content_template" "location_asked"
        "location_asked_again" "card_data" "recurring" "tel_debit" "existing_relationship" "authorisation_recorded"
        "authorisation_written" "copy_sent" "terms_stated" "fee_charged" "fee_allowed" "pays_disputed" "post_dated"
        "deposit_notice" "re_presented" "re_presentable" "already_paid";
    Per = "debt" "person" "number";
    KeepFrom = "made" "last_activity" "ended";
    Confidence = "p" "s" "k";
}

/// What comes out, by strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Says {
    Permit,
    Require,
    Defer,
    Review,
    Deny,
}

/// What a file leaves out is empty, or what is known least of.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Facts {
    pub(super) act: Act,
    pub(super) collector: Option<Role>,
    pub(super) person: Option<Person>,
    pub(super) debt: Option<Debt>,
    pub(super) callee: Option<Callee>,
    pub(super) locations: Vec<Location>,
    pub(super) ours: BTreeSet<String>,
    pub(super) ledger: Vec<Entry>,
    pub(super) consents: Vec<Consent>,
    pub(super) preferences: Vec<Preference>,
    pub(super) circumstances: Vec<Held>,
    pub(super) notices: Vec<Sent>,
    pub(super) disputes: Vec<Dispute>,
    pub(super) lists: Vec<Listing>,
    pub(super) licences: Vec<Licence>,
    pub(super) campaign: Option<Campaign>,
    pub(super) retention: Option<Retention>,
    pub(super) done: BTreeSet<Duty>,
    pub(super) flags: BTreeMap<Flag, bool>,
    pub(super) unavailable: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Act {
    pub(super) kind: Kind,
    pub(super) purpose: Purpose,
    pub(super) technology: Technology,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    #[serde(rename = "id")]
    _id: Uuid,
    pub(super) do_not_call: bool,
    #[serde(rename = "language")]
    _language: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Debt {
    pub(super) id: Uuid,
    pub(super) first_communication_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Callee {
    #[serde(rename = "number")]
    _number: Masked,
    #[serde(default)]
    pub(super) holder: Holder,
    #[serde(default)]
    pub(super) line: Line,
    #[serde(default)]
    pub(super) place: Place,
}

/// A number of which four digits are left at most.
#[derive(Debug)]
struct Masked;
impl<'de> Deserialize<'de> for Masked {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let shape = text.len() <= 16 && text.bytes().all(|b| b == b'*' || b.is_ascii_digit());
        let masked = text == "*" || (digits == 4 && text.bytes().rev().take(4).all(|b| b.is_ascii_digit()));
        if shape && masked { Ok(Self) } else { Err(D::Error::custom("not a masked number")) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Location {
    pub(super) source: Source,
    pub(super) zones: Vec<String>,
    #[serde(default)]
    pub(super) regions: Vec<String>,
    #[serde(rename = "noted_on")]
    _noted_on: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) kind: Contact,
    pub(super) counts: bool,
    pub(super) debt: Uuid,
    pub(super) direction: Direction,
    #[serde(default)]
    pub(super) medium: Medium,
    #[serde(default)]
    pub(super) technology: Technology,
    #[serde(default)]
    pub(super) place: Place,
    #[serde(default)]
    pub(super) same_number: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Consent {
    pub(super) at: Timestamp,
    pub(super) scope: Scope,
    pub(super) granted: bool,
    pub(super) written: bool,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) used_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preference {
    #[serde(rename = "since")]
    _since: Timestamp,
    pub(super) medium: Option<Medium>,
    pub(super) wish: Wish,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Wish {
    NoMedium,
    NotDuring { days: Vec<Day>, from: Time, to: Time },
    NoPlace { place: Place },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Held {
    pub(super) kind: Circumstance,
    #[serde(rename = "since")]
    _since: Timestamp,
    pub(super) debt: Option<Uuid>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    pub(super) kind: Notice,
    #[serde(rename = "sent_at")]
    _sent_at: Timestamp,
    pub(super) returned: bool,
    pub(super) period_ends: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dispute {
    pub(super) at: Timestamp,
    pub(super) written: bool,
    pub(super) answered_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    pub(super) list: List,
    pub(super) listed: bool,
    pub(super) as_of: Timestamp,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Licence {
    pub(super) region: String,
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Campaign {
    pub(super) live_answers: u64,
    pub(super) abandoned: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retention {
    pub(super) class: Class,
    pub(super) made_at: Timestamp,
    pub(super) last_activity_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) holds: u32,
    pub(super) wanted_days: u32,
}

/// What the file claims.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    pub(super) pack: String,
    pub(super) pack_hash: String,
    pub(super) decided_at: Timestamp,
    pub(super) outcome: Says,
    pub(super) blocked_by: Option<String>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) findings: Vec<Finding>,
    pub(super) counterfactuals: Vec<Counterfactual>,
    pub(super) facts: Facts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finding {
    pub(super) rule: String,
    pub(super) outcome: Says,
    pub(super) citation: String,
    pub(super) confidence: Confidence,
    pub(super) explanation: String,
    pub(super) not_before: Option<Timestamp>,
    pub(super) needed: Option<String>,
    pub(super) duty: Option<Duty>,
    pub(super) exempt_by: Option<String>,
    pub(super) facts: serde_json::Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counterfactual {
    pub(super) rule: String,
    pub(super) change: String,
    pub(super) outcome: Says,
}
