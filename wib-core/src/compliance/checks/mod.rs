//! How each check reads the facts, by subject.

mod consent;
mod duties;
mod known;
mod ledger;
mod local;
mod notices;
mod party;
mod retention;
mod times;

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::{ActKind, Check, DutyKind, Facts, Medium, Outcome, Place};
use crate::kit::Timestamp;

/// One act at one instant, before the rules.
#[derive(Clone, Copy)]
pub(super) struct Case<'f> {
    /// In order.
    pub(super) facts: &'f Facts,
    pub(super) zones: &'f Zones,
    pub(super) now: Timestamp,
    /// Whether sentences and used facts are wanted; outcomes and instants are the same without.
    pub(super) tell: bool,
}
impl<'f> Case<'f> {
    /// The medium of the act: a call, but for texts and mail.
    fn medium(&self) -> Medium {
        match self.facts.act.kind {
            ActKind::Text => Medium::Text,
            ActKind::Email => Medium::Email,
            _ => Medium::Call,
        }
    }
    fn place(&self) -> Place {
        self.facts.callee.as_ref().map_or(Place::Unknown, |c| c.place)
    }
    /// What the person asked for, as far as it is about the act's medium.
    fn preferences(&self) -> impl Iterator<Item = &'f super::PreferenceFact> + use<'f> {
        let medium = self.medium();
        self.facts.preferences.iter().filter(move |p| p.medium.is_none_or(|m| m == medium))
    }
}

/// The zones the person may be in, found once.
pub(super) struct Zones {
    known: Vec<TimeZone>,
    /// Some id names no zone.
    odd: bool,
}
impl Zones {
    pub(super) fn of(facts: &Facts) -> Self {
        let ids = facts.zones();
        let known: Vec<_> =
            ids.iter().filter_map(|id| TimeZone::get(id).ok()).filter(|zone| !zone.is_unknown()).collect();
        Self { odd: known.len() != ids.len(), known }
    }
    /// Every zone; none when one of them could not be found.
    fn all(&self) -> &[TimeZone] {
        if self.odd { &[] } else { &self.known }
    }
}

/// What one check says; [`Finding`](super::Finding) without the rule's own data.
pub(super) struct Ruling {
    pub(super) outcome: Outcome,
    pub(super) explanation: Cow<'static, str>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) needed: Option<Cow<'static, str>>,
    pub(super) duty: Option<DutyKind>,
    pub(super) facts: Json,
}
impl Ruling {
    const fn permit(why: &'static str) -> Self {
        let explanation = Cow::Borrowed(why);
        Self { outcome: Outcome::Permit, explanation, not_before: None, needed: None, duty: None, facts: Json::Null }
    }
    fn defer(at: Timestamp, why: &'static str) -> Self {
        Self { outcome: Outcome::Defer, not_before: Some(at), ..Self::permit(why) }
    }
    fn needs(outcome: Outcome, needed: impl Into<Cow<'static, str>>, why: &'static str) -> Self {
        Self { outcome, needed: Some(needed.into()), ..Self::permit(why) }
    }
    fn require(duty: DutyKind, needed: &'static str, why: &'static str) -> Self {
        Self { duty: Some(duty), ..Self::needs(Outcome::Require, needed, why) }
    }
    fn review(question: &'static str, why: &'static str) -> Self {
        Self::needs(Outcome::Review, question, why)
    }
    fn deny(needed: &'static str, why: &'static str) -> Self {
        Self::needs(Outcome::Deny, needed, why)
    }
    /// A sentence that has to be made.
    fn saying(mut self, case: &Case<'_>, why: impl FnOnce() -> String) -> Self {
        if case.tell {
            self.explanation = Cow::Owned(why());
        }
        self
    }
    /// The facts it used.
    fn on(mut self, case: &Case<'_>, facts: impl FnOnce() -> Json) -> Self {
        if case.tell {
            self.facts = facts();
        }
        self
    }
    /// One more fact.
    pub(super) fn noting(mut self, name: &str, fact: bool) -> Self {
        if !self.facts.is_object() {
            self.facts = Json::Object(serde_json::Map::new());
        }
        self.facts[name] = fact.into();
        self
    }
    /// The same for a rule that only exempts: it never stands in the way.
    pub(super) fn harmless(self) -> Self {
        Self { outcome: Outcome::Permit, not_before: None, needed: None, duty: None, ..self }
    }
}

/// Whether a list that means "all" when it is empty holds that one.
fn among<T: PartialEq>(list: &[T], one: &T) -> bool {
    list.is_empty() || list.contains(one)
}

impl Check {
    pub(super) fn run(&self, case: &Case<'_>) -> Ruling {
        match self {
            Self::Complete => known::complete(case),
            Self::NotListed { lists, unless } => known::not_listed(case, lists, unless),
            Self::FreshList { list, days } => known::fresh_list(case, *list, *days),
            Self::Abandoned { per_mille } => known::abandoned(case, *per_mille),
            Self::Licensed { regions } => known::licensed(case, regions),
            Self::NoCircumstance { of, spare, places } => party::no_circumstance(case, of, spare, places),
            Self::Holders { of } => party::holders(case, of),
            Self::MediumWanted => party::medium_wanted(case),
            Self::PlaceWanted => party::place_wanted(case),
            Self::TimeWanted => times::time_wanted(case),
            Self::Hours { opens, closes, not_sundays, not_holidays } => times::Opening {
                opens: *opens,
                closes: *closes,
                not_sundays: *not_sundays,
                not_holidays: *not_holidays,
            }
            .judge(case),
            Self::Count { kinds, media, technologies, places, per, window, cap } => {
                ledger::Counted { kinds, media, technologies, places, per: *per }.under(case, *window, cap.get())
            }
            Self::Quiet { days } => ledger::quiet(case, *days),
            Self::Spacing { minutes, per } => ledger::spacing(case, *minutes, *per),
            Self::Consent { scopes, written, lines, revoke_all } => {
                consent::consent(case, scopes, *written, lines, *revoke_all)
            }
            Self::FreshConsent { days } => consent::fresh(case, *days),
            Self::Notice { notice, days } => notices::sent(case, *notice, *days),
            Self::DisputeAnswered => notices::dispute_answered(case),
            Self::Duty { duty, when, first } => duties::duty(case, *duty, when, *first),
            Self::Answers { when, wanted, unmet, needed } => duties::answers(case, when, wanted, *unmet, needed),
            Self::Kept { class, years, from } => retention::kept(case, *class, *years, *from),
            Self::NotHeld => retention::not_held(case),
        }
    }
}
