//! Rules as data: what each is read from, whom and what it binds, when it is in force, what it checks.

use std::{borrow::Cow, fmt, num::NonZeroU16};

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use super::{
    ActKind, CircumstanceKind, CollectorRole, Confidence, ConsentScope, DutyKind, Facts, Flag, Holder, Line, ListKind,
    Medium, NoticeKind, Outcome, Place, Purpose, RecordClass, Technology,
};
use crate::{
    contacts::ContactKind,
    kit::{Result, canonical},
    text_enum,
};

/// The name of a rule, stable over packs (`RF-TIME`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(Cow<'static, str>);
impl RuleId {
    /// A rule of that name.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_enum! {
    /// What ledger entries are counted by.
    pub enum Per {
        /// With this person about this debt.
        Debt = "debt",
        /// With this person.
        Person = "person",
        /// To this number or address.
        Number = "number",
    }
}

/// A span of time that looks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// So many hours up to now, open at its start.
    Hours(u32),
    /// So many calendar days in the person's zone, today included.
    Days(u32),
}

/// An answer to a plain question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The question.
    pub flag: Flag,
    /// The answer.
    pub is: bool,
}

text_enum! {
    /// From when a record's time runs.
    pub enum KeepFrom {
        /// From when it was made.
        Made = "made",
        /// From the last collection activity on the debt.
        LastActivity = "last_activity",
        /// From when the authorisation ended or was revoked.
        Ended = "ended",
    }
}

/// What a rule looks at, with its parameters.
///
/// An empty list of kinds, media, places, technologies or lines means all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Check {
    /// Every fact is at hand.
    Complete,
    /// Neither the person nor one of the lists says not to reach this number.
    NotListed {
        /// The lists.
        lists: Vec<ListKind>,
        /// Written consent that outweighs them.
        unless: Vec<ConsentScope>,
    },
    /// A list was looked through in a version young enough; requires a scrub otherwise.
    FreshList {
        /// Which.
        list: ListKind,
        /// How old it may be, in days.
        days: u32,
    },
    /// None of these circumstances holds for the debt.
    NoCircumstance {
        /// Which.
        of: Vec<CircumstanceKind>,
        /// Who may be reached all the same.
        spare: Vec<Holder>,
        /// Places that are barred; all when empty.
        places: Vec<Place>,
    },
    /// Only these may be reached.
    Holders {
        /// Who.
        of: Vec<Holder>,
    },
    /// The person did not ask for this medium to stop.
    MediumWanted,
    /// It is not a time that the person called bad, in any zone the person may be in.
    TimeWanted,
    /// It is not a place that the person called bad, nor one that is bad of itself.
    PlaceWanted,
    /// The local time is within the hours at every place the person may be.
    Hours {
        /// The first lawful local time.
        opens: Time,
        /// The first local time that is too late.
        closes: Time,
        /// Whether Sundays are closed.
        not_sundays: bool,
        /// Whether federal holidays are closed.
        not_holidays: bool,
    },
    /// Counted entries of the ledger within a window stay under a cap. Only what we began counts as an attempt;
    /// conversations count whoever began them.
    Count {
        /// Attempts, conversations or both; an attempt and its conversation at the same call count once each.
        kinds: Vec<ContactKind>,
        /// By which media.
        media: Vec<Medium>,
        /// Dialled how; an entry whose technology is unknown counts for each.
        technologies: Vec<Technology>,
        /// Rang where; an entry whose place is unknown counts for each.
        places: Vec<Place>,
        /// Counted by what.
        per: Per,
        /// Within which span.
        window: Window,
        /// How many the window may hold, the next one included.
        cap: NonZeroU16,
    },
    /// The last conversation is long enough ago, in calendar days of the person's zone.
    Quiet {
        /// How many days are quiet, the conversation's own included.
        days: u8,
    },
    /// Attempts keep a distance.
    Spacing {
        /// In minutes.
        minutes: u32,
        /// Between attempts counted by what.
        per: Per,
    },
    /// A consent in one of these scopes stands: granted, not revoked, not expired, not used up.
    Consent {
        /// Any of these.
        scopes: Vec<ConsentScope>,
        /// Whether it has to be written.
        written: bool,
        /// On which lines it is needed; an unknown line needs it.
        lines: Vec<Line>,
        /// Whether a revocation in any scope of messages revokes all of them (47 CFR 64.1200(a)(10)).
        revoke_all: bool,
    },
    /// A consent to be called about the debt was given to us within so many days, and still stands.
    FreshConsent {
        /// How many.
        days: u32,
    },
    /// A notice was sent in time.
    Notice {
        /// Which.
        notice: NoticeKind,
        /// Within how many days after the first communication.
        days: u32,
    },
    /// No written dispute that came before the period's end waits for its answer.
    DisputeAnswered,
    /// At most so many in a thousand live answers were abandoned.
    Abandoned {
        /// How many.
        per_mille: u32,
    },
    /// We hold a licence wherever the person may be, where these jurisdictions want one.
    Licensed {
        /// The jurisdictions.
        regions: Vec<String>,
    },
    /// A duty is done; requires it otherwise.
    Duty {
        /// Which.
        duty: DutyKind,
        /// It is only due when all of these hold; an unknown answer holds.
        when: Vec<Answer>,
        /// Only at the first communication, only at later ones, or at each.
        first: Option<bool>,
    },
    /// Plain questions are answered as they should be.
    Answers {
        /// Only when all of these hold; an unknown answer holds.
        when: Vec<Answer>,
        /// What has to be so; an unknown answer is reviewed, unless `unmet` is stricter.
        wanted: Vec<Answer>,
        /// What comes out when it is not.
        unmet: Outcome,
        /// The fact that would have to change, or the thing to do.
        needed: String,
    },
    /// A record is old enough to be deleted.
    Kept {
        /// Of which class.
        class: RecordClass,
        /// How many years.
        years: u16,
        /// From when.
        from: KeepFrom,
    },
    /// No legal hold covers the record, and the organisation does not want it longer.
    NotHeld,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// What it says, in one line.
    pub title: String,
    /// The text it is read from.
    pub citation: String,
    /// Where it is law: `US`, ISO 3166-2 (`US-MA`), a city (`US-NY-NYC`); a rule elsewhere than where the person may be
    /// does not run.
    pub jurisdiction: String,
    /// How far that reading was checked.
    pub confidence: Confidence,
    /// The first day it is in force (UTC); `None` is always.
    pub effective_from: Option<Date>,
    /// The last day it is in force (UTC); `None` is for good.
    pub effective_to: Option<Date>,
    /// When its source was last compared.
    pub source_checked_on: Date,
    /// Which acts it binds.
    pub acts: Vec<ActKind>,
    /// Which collectors; empty is each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<CollectorRole>,
    /// Which purposes; empty is each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<Purpose>,
    /// Which technologies; empty is each, and an unknown technology is bound by each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub technologies: Vec<Technology>,
    /// What it looks at.
    pub check: Check,
    /// Rules of the same jurisdiction that do not bind when this one is satisfied. Such a rule never stands in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempts: Vec<RuleId>,
}
impl Rule {
    /// Whether it is about this act, this collector and a place where the person may be.
    #[must_use]
    pub fn binds(&self, facts: &Facts) -> bool {
        fn among<T: PartialEq>(list: &[T], one: &T) -> bool {
            list.is_empty() || list.contains(one)
        }
        let act = facts.act;
        self.acts.contains(&act.kind)
            && among(&self.purposes, &act.purpose)
            && (act.technology == Technology::Unknown || among(&self.technologies, &act.technology))
            && facts.collector.is_none_or(|role| among(&self.roles, &role))
            && (facts.may_be_in(&self.jurisdiction)
                || (act.kind == ActKind::Record && facts.ours.contains(&self.jurisdiction)))
    }
    /// Whether it is in force on that day.
    #[must_use]
    pub fn effective(&self, on: Date) -> bool {
        self.effective_from.is_none_or(|from| from <= on) && self.effective_to.is_none_or(|to| on <= to)
    }
}

/// What a word of the law means here: read into the facts, not run as a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name.
    pub id: RuleId,
    /// What it says, and where in the facts it is kept.
    pub says: String,
    /// The text it is read from.
    pub citation: String,
    /// How far that reading was checked.
    pub confidence: Confidence,
}

/// Rules that are applied together, in the order in which they are reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulePack {
    /// Its version, kept with every verdict. Rules that differ make another version.
    pub version: String,
    /// What words mean.
    #[serde(default)]
    pub definitions: Vec<Definition>,
    /// The rules.
    pub rules: Vec<Rule>,
}
impl RulePack {
    /// The federal rules on placing a collection call, and our own that keep them.
    ///
    /// The two limits of frequency raise presumptions that can be rebutted; here they are limits.
    ///
    /// # Panics
    /// Never: the text is part of the program, and a test reads it.
    #[must_use]
    pub fn federal() -> Self {
        serde_json::from_str(include_str!("../../rules/federal.json")).expect("the built-in rules are a pack")
    }
    /// `sha256:<hex>` of its canonical text.
    ///
    /// # Errors
    /// `Invalid` when it has no canonical form.
    pub fn hash(&self) -> Result<String> {
        canonical::hash(self)
    }
    /// The rules that bind these facts on that day, in order.
    pub fn binding<'p>(&'p self, facts: &'p Facts, on: Date) -> impl Iterator<Item = &'p Rule> {
        self.rules.iter().filter(move |r| r.effective(on) && r.binds(facts))
    }
}
