//! How each check reads the facts.

use std::{cmp::Ordering, time::Duration};

use jiff::{
    ToSpan,
    civil::Time,
    tz::{Offset, TimeZone},
};
use serde_json::{Value as Json, json};

use super::{Check, CircumstanceKind, Facts, ListKind, LocationSource, Outcome, Window};
use crate::kit::{Timestamp, time};
use crate::{contacts::ContactKind, ports::voice::Direction};

/// What one check says; [`Finding`](super::Finding) without the rule's own data.
pub(super) struct Ruling {
    pub(super) outcome: Outcome,
    pub(super) explanation: String,
    pub(super) not_before: Option<Timestamp>,
    pub(super) needed: Option<String>,
    pub(super) duty: Option<super::DutyKind>,
    pub(super) facts: Json,
}
impl Ruling {
    fn permit(why: impl Into<String>, facts: Json) -> Self {
        Self { outcome: Outcome::Permit, explanation: why.into(), not_before: None, needed: None, duty: None, facts }
    }
    fn defer(at: Timestamp, why: impl Into<String>, facts: Json) -> Self {
        Self { outcome: Outcome::Defer, not_before: Some(at), ..Self::permit(why, facts) }
    }
    fn review(question: &str, why: impl Into<String>, facts: Json) -> Self {
        Self { outcome: Outcome::Review, needed: Some(question.to_owned()), ..Self::permit(why, facts) }
    }
    fn deny(needed: &str, why: impl Into<String>, facts: Json) -> Self {
        Self { outcome: Outcome::Deny, needed: Some(needed.to_owned()), ..Self::permit(why, facts) }
    }
}

impl Check {
    pub(super) fn run(&self, facts: &Facts, now: Timestamp) -> Ruling {
        match self {
            Self::Complete => complete(facts),
            Self::NotListed { .. } => do_not_call(facts),
            Self::NoCircumstance { .. } => cease(facts),
            Self::Hours { opens, closes, .. } => hours(facts, now, *opens, *closes),
            Self::Count { window: Window::Hours(hours), cap, .. } => attempts(facts, now, *hours, cap.get()),
            Self::Quiet { days } => quiet(facts, now, *days),
            Self::Duty { duty, when, first } => duty_done(facts, *duty, when, *first),
            Self::Answers { when, wanted, unmet, needed } => answers(facts, when, wanted, *unmet, needed),
            _ => Ruling::deny("The rule can be judged.", "This version can not judge the rule.", Json::Null),
        }
    }
}

fn holds(facts: &Facts, when: &[super::Answer]) -> bool {
    when.iter().all(|a| facts.flags.get(&a.flag).is_none_or(|is| *is == a.is))
}

fn duty_done(facts: &Facts, duty: super::DutyKind, when: &[super::Answer], first: Option<bool>) -> Ruling {
    let is_first = facts.debt.as_ref().is_none_or(|d| d.first_communication_at.is_none());
    if facts.done.contains(&duty) || !holds(facts, when) || first.is_some_and(|wanted| wanted != is_first) {
        return Ruling::permit("Nothing is owed.", Json::Null);
    }
    let mut owed = Ruling::deny("It is done.", "It has to be done first.", Json::Null);
    (owed.outcome, owed.duty) = (Outcome::Require, Some(duty));
    owed
}

fn answers(facts: &Facts, when: &[super::Answer], wanted: &[super::Answer], unmet: Outcome, needed: &str) -> Ruling {
    if !holds(facts, when) || wanted.iter().all(|a| facts.flags.get(&a.flag) == Some(&a.is)) {
        return Ruling::permit("It is as it should be.", Json::Null);
    }
    Ruling { outcome: unmet, ..Ruling::deny(needed, "It is not as it should be.", Json::Null) }
}

fn complete(facts: &Facts) -> Ruling {
    let known =
        [("person", facts.person.is_some()), ("debt", facts.debt.is_some()), ("callee", facts.callee.is_some())];
    let unknown: Vec<_> = known.iter().filter(|(_, known)| !known).map(|(name, _)| *name).collect();
    let used = json!({ "unavailable": facts.unavailable, "unknown": unknown });
    if !facts.unavailable.is_empty() {
        let why = format!("Could not be read: {}.", facts.unavailable.join(", "));
        Ruling::deny("Every fact can be read.", why, used)
    } else if !unknown.is_empty() {
        Ruling::review("Who is called, and about which debt?", format!("Not known: {}.", unknown.join(", ")), used)
    } else {
        Ruling::permit("Every fact the rules ask for is at hand.", used)
    }
}

fn do_not_call(facts: &Facts) -> Ruling {
    let asked = facts.person.as_ref().is_some_and(|p| p.do_not_call);
    let listed = facts.lists.iter().find(|l| l.list == ListKind::Internal && l.listed);
    let used = json!({ "do_not_call": asked, "listed": listed });
    match (asked, listed) {
        (true, _) => Ruling::deny("The person takes the request back.", "The person asked not to be called.", used),
        (_, Some(_)) => Ruling::deny("The number leaves the list.", "The number is on the do-not-call list.", used),
        _ => Ruling::permit("Neither the person nor the list says not to call.", used),
    }
}

fn cease(facts: &Facts) -> Ruling {
    let since = facts.circumstances.iter().find(|c| c.kind == CircumstanceKind::Cease).map(|c| c.since);
    let used = json!({ "debt": facts.debt.as_ref().map(|d| d.id), "cease_at": since });
    match since {
        Some(_) => Ruling::deny(
            "The person takes the request back.",
            "The person wants no further communication about this debt.",
            used,
        ),
        None => Ruling::permit("No request to cease communication about this debt is known.", used),
    }
}

fn hours(facts: &Facts, now: Timestamp, opens: Time, closes: Time) -> Ruling {
    let question = "Where does the person live?";
    let zones = resolve(facts);
    let local: Vec<_> = zones.iter().flatten().map(|zone| now.to_zoned(zone.clone()).to_string()).collect();
    let sources: Vec<_> = facts.locations.iter().map(|l| l.source).collect();
    let used = json!({
        "opens": opens.to_string(), "closes": closes.to_string(),
        "sources": sources, "zones": facts.zones(), "local": local,
    });
    let Some(zones) = zones else {
        return Ruling::deny("Every time zone has a known id.", "A time zone of the person cannot be resolved.", used);
    };
    if facts.locations.iter().all(|l| l.source == LocationSource::AreaCode) {
        let why = if sources.is_empty() {
            "Nothing says where the person is."
        } else {
            "Only the area code says where the person may be, and numbers travel."
        };
        return Ruling::review(question, why, used);
    }
    if facts.locations.iter().any(|l| l.zones.is_empty()) {
        return Ruling::review(question, "A known place of the person has no known time zone.", used);
    }
    let span = format!("{} to {}", opens.strftime("%H:%M"), closes.strftime("%H:%M"));
    match open_everywhere(now, &zones, opens, closes) {
        Some(at) if at == now => Ruling::permit(format!("It is within {span} wherever the person may be."), used),
        Some(at) => {
            let shut: Vec<_> = zones
                .iter()
                .map(|zone| now.to_zoned(zone.clone()))
                .filter(|local| !(opens..closes).contains(&local.time()))
                .map(|local| local.strftime("%H:%M in %Q").to_string())
                .collect();
            Ruling::defer(at, format!("It is {}; calls are placed from {span} local time.", shut.join(", ")), used)
        }
        None => Ruling::review(question, format!("At no instant is it within {span} at all of the places."), used),
    }
}

/// The zones of every place; `None` when an id is unknown.
fn resolve(facts: &Facts) -> Option<Vec<TimeZone>> {
    facts.zones().into_iter().map(|id| TimeZone::get(id).ok().filter(|zone| !zone.is_unknown())).collect()
}

/// The first instant from `from` on that is within the hours in all of the zones.
fn open_everywhere(from: Timestamp, zones: &[TimeZone], opens: Time, closes: Time) -> Option<Timestamp> {
    let mut at = from;
    // Each step leaves at least one closed place; a few days show whether the hours ever meet.
    for _ in 0..8 * zones.len().max(1) {
        let mut next = at;
        for zone in zones {
            next = next.max(open(at, zone, opens, closes)?);
        }
        if next == at {
            return Some(at);
        }
        at = next;
    }
    None
}

/// `at` when it is within the hours, else the next opening.
fn open(at: Timestamp, zone: &TimeZone, opens: Time, closes: Time) -> Option<Timestamp> {
    let local = at.to_zoned(zone.clone());
    let day = match (local.time().cmp(&opens), local.time().cmp(&closes)) {
        (Ordering::Less, _) => local.date(),
        (_, Ordering::Less) => return Some(at),
        _ => local.date().tomorrow().ok()?,
    };
    Some(day.to_datetime(opens).to_zoned(zone.clone()).ok()?.timestamp())
}

fn attempts(facts: &Facts, now: Timestamp, window_hours: u32, cap: u16) -> Ruling {
    let window = Duration::from_hours(window_hours.into());
    let mut counted: Vec<_> = facts
        .entries(ContactKind::Attempt)
        .filter(|l| l.counts && l.direction == Direction::Outbound && l.at > time::before(now, window))
        .map(|l| l.at)
        .collect();
    counted.sort_unstable();
    let count = counted.len();
    let used = json!({ "window_hours": window_hours, "cap": cap, "counted": count, "at": counted });
    // Room comes when the cap-th call from the end leaves the window; the window is open at its start.
    match counted.iter().nth_back(usize::from(cap) - 1) {
        Some(&oldest) => Ruling::defer(
            time::after(oldest, window),
            format!("{count} calls about this debt count within {window_hours} hours; the limit is {cap}."),
            used,
        ),
        None => {
            Ruling::permit(format!("{count} of at most {cap} calls about this debt within {window_hours} hours."), used)
        }
    }
}

fn quiet(facts: &Facts, now: Timestamp, days: u8) -> Ruling {
    let last = facts.entries(ContactKind::Conversation).map(|l| l.at).max();
    let used = json!({ "days": days, "conversation": last, "zones": facts.zones() });
    let Some(last) = last else {
        return Ruling::permit("No conversation about this debt is known.", used);
    };
    let zones = resolve(facts).filter(|zones| !zones.is_empty());
    // Without a zone: the latest date that anybody has, and the last place where a day begins.
    let over = match zones {
        Some(zones) => zones.iter().map(|zone| day_after(last, zone, zone, days)).max().flatten(),
        None => day_after(last, &fixed(14), &fixed(-12), days),
    }
    .unwrap_or(Timestamp::MAX);
    if over > now {
        Ruling::defer(
            over,
            format!("The last conversation about this debt began {days} days without calls, its own the first."),
            used,
        )
    } else {
        Ruling::permit(format!("The last conversation about this debt is {days} days past, or more."), used)
    }
}

/// The beginning, in `there`, of the date that follows `days` days of which the date of `at`, in `here`, is the first.
fn day_after(at: Timestamp, here: &TimeZone, there: &TimeZone, days: u8) -> Option<Timestamp> {
    let date = at.to_zoned(here.clone()).date().checked_add(i64::from(days).days()).ok()?;
    Some(date.to_zoned(there.clone()).ok()?.timestamp())
}

fn fixed(hours: i8) -> TimeZone {
    TimeZone::fixed(Offset::constant(hours))
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    fn zones(ids: &[&str]) -> Vec<TimeZone> {
        ids.iter().map(|id| TimeZone::get(id).unwrap()).collect()
    }
    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn hours_that_never_meet_have_no_opening() {
        let places = zones(&["Pacific/Guam", "Pacific/Honolulu", "Europe/London"]);
        let from = at("2026-01-05T00:00:00Z");
        assert_eq!(open_everywhere(from, &places, time(8, 0, 0, 0), time(21, 0, 0, 0)), None);
        assert_eq!(open_everywhere(from, &places, time(21, 0, 0, 0), time(8, 0, 0, 0)), None);
    }

    #[test]
    fn the_last_second_is_open_and_the_next_is_not() {
        let zone = &zones(&["America/Chicago"])[0];
        let open = |text| open(at(text), zone, time(8, 0, 0, 0), time(21, 0, 0, 0)).unwrap().to_string();
        assert_eq!(open("2026-06-01T12:59:59.999999Z"), "2026-06-01T13:00:00Z");
        assert_eq!(open("2026-06-01T13:00:00Z"), "2026-06-01T13:00:00Z");
        assert_eq!(open("2026-06-02T01:59:59.999999Z"), "2026-06-02T01:59:59.999999Z");
        assert_eq!(open("2026-06-02T02:00:00Z"), "2026-06-02T13:00:00Z");
    }

    #[test]
    fn without_a_zone_the_quiet_week_ends_no_sooner_than_in_any_zone() {
        let facts = |zones: &[&str]| Facts {
            locations: vec![super::super::Location {
                source: LocationSource::Address,
                zones: zones.iter().map(|z| (*z).to_owned()).collect(),
                regions: vec![],
                noted_on: None,
            }],
            ledger: vec![super::super::LedgerFact {
                at: at("2026-10-26T11:30:00Z"),
                kind: ContactKind::Conversation,
                counts: true,
                debt: uuid::Uuid::nil(),
                direction: Direction::Inbound,
                medium: super::super::Medium::Call,
                technology: super::super::Technology::Manual,
                place: super::super::Place::Unknown,
                same_number: true,
            }],
            ..Facts::default()
        };
        let until = |zones: &[&str]| quiet(&facts(zones), at("2026-10-27T00:00:00Z"), 7).not_before.unwrap();
        for zone in ["Pacific/Guam", "America/New_York", "Pacific/Honolulu", "Pacific/Pago_Pago", "Pacific/Kiritimati"]
        {
            assert!(until(&[]) >= until(&[zone]), "{zone}");
        }
        let over = until(&["America/Chicago"]);
        assert_eq!(quiet(&facts(&["America/Chicago"]), over, 7).outcome, Outcome::Permit, "the first instant after");
        assert_eq!(until(&["America/New_York"]).to_string(), "2026-11-02T05:00:00Z", "the clocks went back in between");
    }
}
