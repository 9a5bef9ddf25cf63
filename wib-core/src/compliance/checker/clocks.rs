//! Local time: hours, bad times, holidays. Searched instant by instant rather than computed.

use std::collections::BTreeSet;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::{AmbiguousOffset, Offset, TimeZone},
};

use super::read::{Day, Facts, Medium, Source, Wish};

/// How far ahead is looked for an instant that suits every place, in days of 24 hours.
const AHEAD: i64 = 32;

/// The clocks of the places where the person may be.
#[derive(Debug)]
pub(super) struct Clocks {
    pub(super) zones: Vec<TimeZone>,
    /// A zone is named that does not exist.
    pub(super) unknown: bool,
    /// No place that suffices, or one without a zone.
    pub(super) unsure: bool,
}

impl Clocks {
    pub(super) fn of(facts: &Facts) -> Self {
        let names: BTreeSet<&str> = facts.locations.iter().flat_map(|l| &l.zones).map(String::as_str).collect();
        let zones: Vec<_> =
            names.iter().filter_map(|name| TimeZone::get(name).ok()).filter(|z| !z.is_unknown()).collect();
        let unknown = zones.len() < names.len();
        let suffices = facts.locations.iter().any(|l| l.source != Source("area_code"));
        let unsure = !suffices || facts.locations.iter().any(|l| l.zones.is_empty());
        Self { zones, unknown, unsure }
    }
    /// Whether it suits everywhere at `at`.
    fn everywhere(&self, at: Timestamp, suits: &impl Fn(Date, Time) -> bool) -> bool {
        self.zones.iter().all(|zone| {
            let local = zone.to_datetime(at);
            suits(local.date(), local.time())
        })
    }
    /// The first instant from `now` on that suits everywhere. What suits may begin at midnight, at one of `marks`, or
    /// when a clock is moved.
    pub(super) fn first(
        &self,
        now: Timestamp,
        marks: &[Time],
        suits: impl Fn(Date, Time) -> bool,
    ) -> Option<Timestamp> {
        if self.everywhere(now, &suits) {
            return Some(now);
        }
        for day in 0..AHEAD {
            let begin = now.checked_add((day * 24).hours()).ok()?;
            let end = begin.checked_add(24.hours()).ok()?;
            let found = self.beginnings(begin, end, marks).into_iter().find(|at| self.everywhere(*at, &suits));
            if found.is_some() {
                return found;
            }
        }
        None
    }
    /// The instants in `(begin, end]` at which something may begin.
    fn beginnings(&self, begin: Timestamp, end: Timestamp, marks: &[Time]) -> BTreeSet<Timestamp> {
        let mut all = BTreeSet::new();
        for zone in &self.zones {
            all.extend(zone.following(begin).map(|t| t.timestamp()).take_while(|at| *at <= end));
            let first = zone.to_datetime(begin).date();
            for date in [first, after(first, 1), after(first, 2)] {
                for mark in marks.iter().chain([&Time::midnight()]) {
                    let local = date.to_datetime(*mark);
                    let offsets = match zone.to_ambiguous_timestamp(local).offset() {
                        AmbiguousOffset::Unambiguous { offset } => vec![offset],
                        // Never shown by that clock: what begins there begins when the clock is moved.
                        AmbiguousOffset::Gap { .. } => vec![],
                        AmbiguousOffset::Fold { before, after } => vec![before, after],
                    };
                    all.extend(offsets.iter().filter_map(|o| o.to_timestamp(local).ok()));
                }
            }
        }
        all.retain(|at| begin < *at && *at <= end);
        all
    }
    /// When the local date of `at` and `days - 1` more are over: in the first or in the last of the places. Without a
    /// place, or with one that cannot be found, anywhere or everywhere on earth, by its first and its last clock.
    pub(super) fn days_after(&self, at: Timestamp, days: i64, ends: Ends) -> Option<Timestamp> {
        let (east, west) = (offset(14), offset(-12));
        if self.zones.is_empty() || self.unknown {
            let (dated, ended) = match ends {
                Ends::First => (west, east),
                Ends::Last => (east, west),
            };
            let date = dated.to_datetime(at).date().checked_add(days.days()).ok()?;
            return ended.to_timestamp(date.to_datetime(Time::midnight())).ok();
        }
        let mut all = vec![];
        for zone in &self.zones {
            let date = zone.to_datetime(at).date().checked_add(days.days()).ok()?;
            all.push(zone.to_zoned(date.to_datetime(Time::midnight())).ok()?.start_of_day().ok()?.timestamp());
        }
        match ends {
            Ends::First => all.into_iter().min(),
            Ends::Last => all.into_iter().max(),
        }
    }
}

/// In which of several places days have to be over.
#[derive(Clone, Copy)]
pub(super) enum Ends {
    First,
    Last,
}

const fn offset(hours: i8) -> Offset {
    Offset::constant(hours)
}

fn after(date: Date, days: i64) -> Date {
    date.checked_add(days.days()).unwrap_or(date)
}

/// Whether the person called that local time bad, for that medium.
pub(super) fn bad_time(facts: &Facts, medium: Medium, date: Date, time: Time) -> bool {
    wishes(facts, medium).any(|(days, from, to)| {
        let on = |date: Date| days.is_empty() || days.contains(&day(date));
        if from < to {
            on(date) && from <= time && time < to
        } else {
            (on(date) && from <= time) || (on(after(date, -1)) && time < to)
        }
    })
}

/// The bad times the person named, for that medium.
pub(super) fn wishes(facts: &Facts, medium: Medium) -> impl Iterator<Item = (&[Day], Time, Time)> {
    facts.preferences.iter().filter(move |p| p.medium.is_none_or(|m| m == medium)).filter_map(|p| match &p.wish {
        Wish::NotDuring { days, from, to } => Some((days.as_slice(), *from, *to)),
        _ => None,
    })
}

fn day(date: Date) -> Day {
    Day(match date.weekday() {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    })
}

/// Whether a date is a federal holiday, or the day on which one is kept that falls on a weekend (5 U.S.C. 6103).
pub(super) fn holiday(date: Date) -> bool {
    let kept_on = match date.weekday() {
        Weekday::Friday => Some(after(date, 1)),
        Weekday::Monday => Some(after(date, -1)),
        _ => None,
    };
    named_holiday(date) || kept_on.is_some_and(|other| other != date && fixed_holiday(other))
}

/// Holidays of a fixed date.
fn fixed_holiday(date: Date) -> bool {
    matches!((date.month(), date.day()), (1, 1) | (6, 19) | (7, 4) | (11, 11) | (12, 25))
}

/// Every holiday on its own date.
fn named_holiday(date: Date) -> bool {
    let nth = (date.day() - 1) / 7 + 1;
    let last = date.day() + 7 > date.days_in_month();
    fixed_holiday(date)
        || match (date.month(), date.weekday()) {
            // The birthdays of King and Washington, Memorial, Labor and Columbus Day, Thanksgiving.
            (1 | 2, Weekday::Monday) => nth == 3,
            (5, Weekday::Monday) => last,
            (9, Weekday::Monday) => nth == 1,
            (10, Weekday::Monday) => nth == 2,
            (11, Weekday::Thursday) => nth == 4,
            _ => false,
        }
}

pub(super) fn sunday(date: Date) -> bool {
    date.weekday() == Weekday::Sunday
}
