//! Rules as data: what each is read from, whom and what it binds, when it is in force, what it checks.

use std::{borrow::Cow, fmt, num::NonZeroU16};

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use super::{
    ActKind, CircumstanceKind, CollectorRole, Confidence, ConsentScope, DutyKind, Facts, Flag, Holder, Line, ListKind,
    Medium, NoticeKind, Outcome, Place, Purpose, RecordClass, Technology,
};
use crate::{contacts::ContactKind, text_enum};

/// The name of a rule, stable over packs (`RF-TIME`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// So many hours up to now, open at its start.
    Hours(u32),
    /// So many calendar days in the person's zone, today included.
    Days(u32),
}

/// An answer to a plain question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
/// An empty list of kinds, circumstances, media, places, technologies or lines means all of them. The act's medium is
/// `text` or `email` for these acts and `call` for all others. A callee that is not known has an unknown line and an
/// unknown place. What carries a date after the instant that is judged counts as if it were past.
///
/// Whoever judges these checks anew agrees with every sentence below, or one of the two is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Check {
    /// Every fact is at hand. Anything unavailable denies; an unknown person, debt or callee is reviewed, but for
    /// records to be made or deleted, which may be about nobody known.
    Complete,
    /// Neither the person (`do_not_call`) nor a listed entry of one of the lists says not to reach this number; denies
    /// otherwise.
    NotListed {
        /// The lists.
        lists: Vec<ListKind>,
        /// A written consent in one of these scopes that stands (see [`Check::Consent`]) outweighs both.
        unless: Vec<ConsentScope>,
    },
    /// A list was looked through in a version young enough: its latest `as_of` is `days` times 24 hours ago or less;
    /// requires a scrub ([`DutyKind::ScrubList`]) otherwise, and when no entry of that list is known.
    FreshList {
        /// Which.
        list: ListKind,
        /// How old it may be, in days of 24 hours.
        days: u32,
    },
    /// None of these circumstances is known of the debt or of every debt; of any debt while the debt is unknown. Denies
    /// otherwise.
    NoCircumstance {
        /// Which.
        of: Vec<CircumstanceKind>,
        /// Who may be reached all the same.
        spare: Vec<Holder>,
        /// Places that are barred, and with them a place that is unknown; all when empty.
        places: Vec<Place>,
    },
    /// Only these may be reached; denies otherwise, and reviews while the callee is unknown.
    Holders {
        /// Who.
        of: Vec<Holder>,
    },
    /// The person did not ask for the act's medium, or for every one, to stop; denies otherwise.
    MediumWanted,
    /// In no zone the person may be in is it a time that the person called bad for the act's medium or for every one.
    /// Defers to the first instant outside all of them. A window that ends no later than it begins ends on the next
    /// day, and belongs to the day on which it begins. Permits when no time was called bad; else places that do not say
    /// the time are as in [`Check::Hours`], and times that leave no instant within 32 days are
    /// reviewed.
    TimeWanted,
    /// The number does not ring at an inconvenient place nor at one that the person called bad for the act's medium or
    /// for every one: denies. When the place is unknown and the person called any place bad: reviewed.
    PlaceWanted,
    /// The local time is within the hours in every zone the person may be in; defers to the first instant at which it
    /// is. Any id that is no zone denies; no place, none but area codes, or a place without a zone is reviewed, and so
    /// are hours that do not meet within 32 days of 24 hours, their end included.
    Hours {
        /// The first lawful local time.
        opens: Time,
        /// The first local time that is too late.
        closes: Time,
        /// Whether Sundays are closed.
        not_sundays: bool,
        /// Whether federal holidays are closed, on their own day and on the day they are observed.
        not_holidays: bool,
    },
    /// Entries of the ledger that count (`counts`) within a window stay under a cap; defers until the cap-th from the
    /// end leaves the window.
    ///
    /// Attempts are counted when we began them, conversations whoever began them; of a rule that counts both, only the
    /// conversations that the person began, since the others have their attempt. When places are named and the callee's
    /// is known and none of them, what is planned would not be counted: permits.
    Count {
        /// Attempts, conversations or both.
        kinds: Vec<ContactKind>,
        /// By which media.
        media: Vec<Medium>,
        /// Dialled how; an entry whose technology is unknown counts for each.
        technologies: Vec<Technology>,
        /// Rang where; an entry whose place is unknown counts for each.
        places: Vec<Place>,
        /// Counted by what; by debt, each entry while the debt is unknown.
        per: Per,
        /// Within which span.
        window: Window,
        /// How many the window may hold, the next one included.
        cap: NonZeroU16,
    },
    /// The last conversation about the debt, whoever began it, counted or not, is long enough ago: defers to the first
    /// instant at which the days are over in every zone the person may be in. Without a zone, or with one that cannot
    /// be found: over everywhere on earth.
    Quiet {
        /// How many calendar days are quiet, the conversation's own included.
        days: u8,
    },
    /// Attempts keep a distance: the last one that we began, counted or not, by any medium, is at least so long ago;
    /// defers until it is.
    Spacing {
        /// In minutes.
        minutes: u32,
        /// Between attempts counted by what.
        per: Per,
    },
    /// A consent in one of these scopes stands; denies otherwise.
    ///
    /// The latest entry of a scope decides, and each of several at the same instant has to: granted, not used,
    /// `expires_at` after now, and written where asked.
    Consent {
        /// Any of these.
        scopes: Vec<ConsentScope>,
        /// Whether it has to be written.
        written: bool,
        /// On which lines it is needed; an unknown line needs it.
        lines: Vec<Line>,
        /// Whether a revocation in any scope of messages (`autodialed`, `artificial_voice`, `sms_contact`), at or after
        /// the grant, revokes it too (47 CFR 64.1200(a)(10)).
        revoke_all: bool,
    },
    /// A consent to be called about the debt ([`ConsentScope::Contact`]) stands, and was given less than so many days
    /// ago; denies otherwise.
    FreshConsent {
        /// How many, of 24 hours.
        days: u32,
    },
    /// A notice that did not come back was sent, or is not overdue; denies otherwise. Overdue from the first instant at
    /// which, in some zone the person may be in, the day of the first communication and so many days after it are over
    /// (without a zone, or with one that cannot be found: anywhere on earth). Without a first communication nothing is
    /// due; an unknown debt is reviewed.
    Notice {
        /// Which.
        notice: NoticeKind,
        /// Within how many calendar days after the first communication.
        days: u32,
    },
    /// No written dispute that came before the validation period's end waits for its answer; denies otherwise. The
    /// period ends with the latest `period_ends` of the validation notices that did not come back; it is not over when
    /// there is none of them, or one whose end is unknown.
    DisputeAnswered,
    /// At most so many in a thousand live answers were abandoned; denies otherwise. Without figures: permits what a
    /// person dials ([`Technology::Manual`]), and reviews all else.
    Abandoned {
        /// How many.
        per_mille: u32,
    },
    /// We hold a licence, valid now, in each of these jurisdictions where the person may be; denies otherwise.
    Licensed {
        /// The jurisdictions.
        regions: Vec<String>,
    },
    /// A duty is done (`done`), or not due; requires it otherwise.
    Duty {
        /// Which.
        duty: DutyKind,
        /// It is only due when all of these hold; an unknown answer holds.
        when: Vec<Answer>,
        /// Only while there was no first communication (`true`), only after one (`false`), or at each. An unknown debt
        /// had none.
        first: Option<bool>,
    },
    /// Plain questions are answered as they should be; the strictest of them decides.
    Answers {
        /// Only when all of these hold; an unknown answer holds. Permits otherwise.
        when: Vec<Answer>,
        /// What has to be so; an unknown answer is reviewed, unless `unmet` is stricter.
        wanted: Vec<Answer>,
        /// What comes out when one is known to be otherwise; `defer`, which has no instant here, is reviewed.
        unmet: Outcome,
        /// The fact that would have to change, or the thing to do.
        needed: String,
    },
    /// A record is old enough to be deleted; defers until it is. A record of another class is permitted; an unknown
    /// record, or one whose basis is unknown, is reviewed.
    Kept {
        /// Of which class.
        class: RecordClass,
        /// How many calendar years, in UTC.
        years: u16,
        /// From when.
        from: KeepFrom,
    },
    /// No legal hold covers the record (denies), and the organisation does not want it longer (defers). An unknown
    /// record is reviewed.
    NotHeld,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
