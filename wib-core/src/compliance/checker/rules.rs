//! One rule on these facts at one instant.

use jiff::{Timestamp, ToSpan, tz::TimeZone};

use super::{
    clocks::{self, Clocks, Ends},
    ledger::{self, Counted},
    pack::{Answer, Check, Rule},
    read::*,
};

/// What one rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'f> {
    pub(super) says: Says,
    pub(super) not_before: Option<Timestamp>,
    pub(super) duty: Option<Duty>,
    /// The rule that exempts from this one.
    pub(super) exempt_by: Option<&'f str>,
    /// For a rule that exempts: whether it does.
    pub(super) satisfied: Option<bool>,
}
impl Found<'_> {
    pub(super) const PERMIT: Self =
        Self { says: Says::Permit, not_before: None, duty: None, exempt_by: None, satisfied: None };
    const fn says(says: Says) -> Self {
        Self { says, ..Self::PERMIT }
    }
    fn denied(if_so: bool) -> Self {
        if if_so { Self::says(Says::Deny) } else { Self::PERMIT }
    }
    fn requires(duty: &'static str) -> Self {
        Self { duty: Some(Duty(duty)), ..Self::says(Says::Require) }
    }
    fn until(at: Option<Timestamp>) -> Self {
        at.map_or(Self::PERMIT, |at| Self { not_before: Some(at), ..Self::says(Says::Defer) })
    }
}

/// What is the same for every rule.
pub(super) struct Seen<'f> {
    pub(super) facts: &'f Facts,
    pub(super) clocks: &'f Clocks,
    pub(super) now: Timestamp,
}

impl Seen<'_> {
    pub(super) fn judge(&self, rule: &Rule) -> Found<'static> {
        let (facts, now) = (self.facts, self.now);
        match &rule.check {
            Check::Complete => {
                let nobody = matches!(facts.act.kind, Kind("record" | "purge"));
                let unknown = facts.person.is_none() || facts.debt.is_none() || facts.callee.is_none();
                match (facts.unavailable.is_empty(), unknown && !nobody) {
                    (false, _) => Found::says(Says::Deny),
                    (true, true) => Found::says(Says::Review),
                    (true, false) => Found::PERMIT,
                }
            }
            Check::NotListed { lists, unless } => {
                let asked = facts.person.as_ref().is_some_and(|p| p.do_not_call)
                    || facts.lists.iter().any(|l| l.listed && lists.contains(&l.list));
                Found::denied(asked && !unless.iter().any(|scope| self.stands(*scope, true, false)))
            }
            Check::FreshList { list, days } => {
                let oldest = self.ago(*days);
                if facts.lists.iter().any(|l| l.list == *list && l.as_of >= oldest) {
                    Found::PERMIT
                } else {
                    Found::requires("scrub_list")
                }
            }
            Check::NoCircumstance { of, spare, places } => {
                let spared = facts.callee.as_ref().is_some_and(|c| spare.contains(&c.holder));
                let here = places.is_empty() || self.place() == Place("unknown") || places.contains(&self.place());
                let held = facts.circumstances.iter().any(|c| {
                    let about = match (c.debt, &facts.debt) {
                        (Some(debt), Some(ours)) => debt == ours.id,
                        _ => true,
                    };
                    about && (of.is_empty() || of.contains(&c.kind))
                });
                Found::denied(held && here && !spared)
            }
            Check::Holders { of } => match &facts.callee {
                None => Found::says(Says::Review),
                Some(callee) => Found::denied(!of.contains(&callee.holder)),
            },
            Check::MediumWanted => Found::denied(self.preferences().any(|p| matches!(p.wish, Wish::NoMedium))),
            Check::TimeWanted => self.time_wanted(),
            Check::PlaceWanted => {
                let mut bad = self.preferences().filter_map(|p| match p.wish {
                    Wish::NoPlace { place } => Some(place),
                    _ => None,
                });
                match self.place() {
                    Place("inconvenient") => Found::says(Says::Deny),
                    Place("unknown") if bad.next().is_some() => Found::says(Says::Review),
                    place => Found::denied(bad.any(|b| b == place)),
                }
            }
            Check::Hours { opens, closes, not_sundays, not_holidays } => {
                if let Some(doubt) = self.doubt() {
                    return doubt;
                }
                let first = self.clocks.first(now, &[*opens], |date, time| {
                    *opens <= time
                        && time < *closes
                        && !(*not_sundays && clocks::sunday(date))
                        && !(*not_holidays && clocks::holiday(date))
                });
                self.when(first)
            }
            Check::Count { kinds, media, technologies, places, per, window, cap } => {
                let elsewhere = self.place() != Place("unknown") && !places.contains(&self.place());
                if !places.is_empty() && elsewhere {
                    return Found::PERMIT;
                }
                let what = Counted { kinds, media, technologies, places, per: *per };
                Found::until(ledger::full_until(facts, self.clocks, now, (&what, window, *cap)))
            }
            Check::Quiet { days } => Found::until(ledger::quiet_until(facts, self.clocks, now, *days)),
            Check::Spacing { minutes, per } => Found::until(ledger::near_until(facts, now, *minutes, *per)),
            Check::Consent { scopes, written, lines, revoke_all } => {
                let line = facts.callee.as_ref().map_or(Line("unknown"), |c| c.line);
                let needed = lines.is_empty() || line == Line("unknown") || lines.contains(&line);
                Found::denied(needed && !scopes.iter().any(|scope| self.stands(*scope, *written, *revoke_all)))
            }
            Check::FreshConsent { days } => {
                let scope = Scope("outbound_contact");
                let fresh = self.latest(scope).is_some_and(|at| at > self.ago(*days));
                Found::denied(!(fresh && self.stands(scope, false, false)))
            }
            Check::Notice { notice, days } => {
                let sent = facts.notices.iter().any(|n| n.kind == *notice && !n.returned);
                let Some(debt) = &facts.debt else { return Found::says(Says::Review) };
                let first = debt.first_communication_at;
                let end = first.and_then(|at| self.clocks.days_after(at, i64::from(*days) + 1, Ends::First));
                Found::denied(!sent && end.is_some_and(|end| end <= now))
            }
            Check::DisputeAnswered => {
                let validations = || facts.notices.iter().filter(|n| n.kind == Notice("validation") && !n.returned);
                let open = validations().any(|n| n.period_ends.is_none());
                let ends = validations().filter_map(|n| n.period_ends).max().filter(|_| !open);
                let waits = |d: &Dispute| d.written && d.answered_at.is_none() && ends.is_none_or(|end| d.at < end);
                Found::denied(facts.disputes.iter().any(waits))
            }
            Check::Abandoned { per_mille } => match &facts.campaign {
                None if facts.act.technology == Technology("manual") => Found::PERMIT,
                None => Found::says(Says::Review),
                Some(c) => {
                    Found::denied(u128::from(c.abandoned) * 1000 > u128::from(*per_mille) * u128::from(c.live_answers))
                }
            },
            Check::Licensed { regions } => {
                let may_be = |r: &String| r == "US" || facts.locations.iter().any(|l| l.regions.contains(r));
                let licensed = |region: &String| {
                    let valid = |l: &Licence| l.from <= now && l.until.is_none_or(|until| now < until);
                    facts.licences.iter().any(|l| l.region == *region && valid(l))
                };
                Found::denied(regions.iter().any(|r| may_be(r) && !licensed(r)))
            }
            Check::Duty { duty, when, first } => {
                let none_yet = facts.debt.as_ref().is_none_or(|d| d.first_communication_at.is_none());
                let due = first.is_none_or(|wanted| wanted == none_yet) && self.may_hold(when);
                if due && !facts.done.contains(duty) { Found::requires(duty.0) } else { Found::PERMIT }
            }
            Check::Answers { when, wanted, unmet, .. } => {
                let unmet = if *unmet == Says::Defer { Says::Review } else { *unmet };
                let each = wanted.iter().map(|answer| match facts.flags.get(&answer.flag) {
                    Some(is) if *is == answer.is => Says::Permit,
                    Some(_) => unmet,
                    None => Says::Review.max(unmet),
                });
                let strictest = each.max().unwrap_or(Says::Permit);
                Found::says(if self.may_hold(when) { strictest } else { Says::Permit })
            }
            Check::Kept { class, years, from } => self.kept(*class, *years, *from),
            Check::NotHeld => match &facts.retention {
                None => Found::says(Says::Review),
                Some(r) if r.holds > 0 => Found::says(Says::Deny),
                Some(r) => {
                    let end = r.made_at.checked_add((i64::from(r.wanted_days) * 24).hours());
                    Found::until(Some(end.unwrap_or(Timestamp::MAX)).filter(|at| *at > now))
                }
            },
        }
    }

    fn ago(&self, days: u32) -> Timestamp {
        self.now.checked_sub((i64::from(days) * 24).hours()).unwrap_or(Timestamp::MIN)
    }
    fn place(&self) -> Place {
        self.facts.callee.as_ref().map_or(Place("unknown"), |c| c.place)
    }
    /// The medium of the act.
    fn medium(&self) -> Medium {
        Medium(match self.facts.act.kind {
            Kind("text") => "text",
            Kind("email") => "email",
            _ => "call",
        })
    }
    fn preferences(&self) -> impl Iterator<Item = &Preference> {
        let medium = self.medium();
        self.facts.preferences.iter().filter(move |p| p.medium.is_none_or(|m| m == medium))
    }
    /// Whether all of these hold, taking what is unknown to hold.
    fn may_hold(&self, when: &[Answer]) -> bool {
        when.iter().all(|answer| self.facts.flags.get(&answer.flag).is_none_or(|is| *is == answer.is))
    }
    /// Why no local time can be told.
    fn doubt(&self) -> Option<Found<'static>> {
        if self.clocks.unknown {
            Some(Found::says(Says::Deny))
        } else if self.clocks.unsure {
            Some(Found::says(Says::Review))
        } else {
            None
        }
    }
    fn when(&self, first: Option<Timestamp>) -> Found<'static> {
        match first {
            Some(at) if at == self.now => Found::PERMIT,
            Some(at) => Found::until(Some(at)),
            None => Found::says(Says::Review),
        }
    }
    fn time_wanted(&self) -> Found<'static> {
        let (facts, medium) = (self.facts, self.medium());
        if clocks::wishes(facts, medium).next().is_none() {
            return Found::PERMIT;
        }
        if let Some(doubt) = self.doubt() {
            return doubt;
        }
        let marks: Vec<_> = clocks::wishes(facts, medium).map(|(_, _, to)| to).collect();
        self.when(self.clocks.first(self.now, &marks, |date, time| !clocks::bad_time(facts, medium, date, time)))
    }
    /// When the last word about a scope was said.
    fn latest(&self, scope: Scope) -> Option<Timestamp> {
        self.facts.consents.iter().filter(|c| c.scope == scope).map(|c| c.at).max()
    }
    /// Whether a consent in that scope stands: each of its last words has to be good.
    fn stands(&self, scope: Scope, written: bool, revoke_all: bool) -> bool {
        const MESSAGES: [Scope; 3] = [Scope("autodialed"), Scope("artificial_voice"), Scope("sms_contact")];
        let consents = &self.facts.consents;
        let Some(at) = self.latest(scope) else { return false };
        let good = |c: &Consent| {
            c.granted && c.used_at.is_none() && c.expires_at.is_none_or(|end| self.now < end) && (c.written || !written)
        };
        let revoked = |c: &Consent| !c.granted && c.at >= at && MESSAGES.contains(&c.scope);
        consents.iter().filter(|c| c.scope == scope && c.at == at).all(good)
            && !(revoke_all && consents.iter().any(revoked))
    }
    fn kept(&self, class: Class, years: u16, from: KeepFrom) -> Found<'static> {
        let Some(record) = &self.facts.retention else { return Found::says(Says::Review) };
        if record.class != class {
            return Found::PERMIT;
        }
        let basis = match from {
            KeepFrom("made") => Some(record.made_at),
            KeepFrom("last_activity") => record.last_activity_at,
            _ => record.ended_at,
        };
        let Some(basis) = basis else { return Found::says(Says::Review) };
        let end = basis.to_zoned(TimeZone::UTC).checked_add(i64::from(years).years());
        let end = end.map_or(Timestamp::MAX, |end| end.timestamp());
        Found::until(Some(end).filter(|at| *at > self.now))
    }
}
