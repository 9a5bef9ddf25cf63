//! Local time: days that begin, and the next instant at which a clock on the wall may say something else.

use std::{iter, time::Duration};

use jiff::{
    ToSpan,
    civil::{DateTime, Time},
    tz::{AmbiguousOffset, Offset, TimeZone},
};

use crate::kit::{Timestamp, time};

/// How far ahead an opening is looked for. What a person asked for repeats every week; a month shows what a change of
/// the clocks makes of it.
const HORIZON: Duration = Duration::from_secs(32 * 24 * 3600);

/// The last zone on earth in which a day begins.
const LAST: i8 = -12;
/// The first one.
const FIRST: i8 = 14;

/// The beginning, in that zone, of the day that follows `days` days of which the day of `at` is the first.
fn day_after(at: Timestamp, here: &TimeZone, there: &TimeZone, days: i64) -> Option<Timestamp> {
    let date = here.to_datetime(at).date().checked_add(days.days()).ok()?;
    Some(date.to_zoned(there.clone()).ok()?.timestamp())
}

fn fixed(hours: i8) -> TimeZone {
    TimeZone::fixed(Offset::constant(hours))
}

/// When `days` calendar days, that of `at` the first, are over in every zone. Without a zone: the latest date that
/// anybody has, and the last place where a day begins.
pub(super) fn over_everywhere(at: Timestamp, zones: &[TimeZone], days: u32) -> Timestamp {
    let days = i64::from(days);
    match zones {
        [] => day_after(at, &fixed(FIRST), &fixed(LAST), days),
        // The latest, and none is later than any.
        _ => zones.iter().map(|zone| day_after(at, zone, zone, days).unwrap_or(Timestamp::MAX)).max(),
    }
    .unwrap_or(Timestamp::MAX)
}

/// When `days` calendar days, that of `at` the first, are over in some zone. Without a zone: as early as anywhere.
pub(super) fn over_somewhere(at: Timestamp, zones: &[TimeZone], days: u32) -> Timestamp {
    let days = i64::from(days);
    match zones {
        [] => day_after(at, &fixed(LAST), &fixed(FIRST), days),
        _ => zones.iter().filter_map(|zone| day_after(at, zone, zone, days)).min(),
    }
    .unwrap_or(Timestamp::MAX)
}

/// The first instant from `from` on at which `shut` is empty in every zone; `None` when there is none within the
/// horizon.
///
/// `shut` answers with the local times at one of which it ends, or none at all when the local time is open. What it
/// says may change at these times and where the zone's offset changes, nowhere else.
pub(super) fn first_open(
    from: Timestamp,
    zones: &[TimeZone],
    shut: impl Fn(DateTime) -> Vec<Time>,
) -> Option<Timestamp> {
    let end = time::after(from, HORIZON);
    let mut at = from;
    loop {
        // As long as one zone is shut, so is the whole: the latest of these changes is not passed over.
        let mut next = None;
        for zone in zones {
            let ends = shut(zone.to_datetime(at));
            if !ends.is_empty() {
                next = next.max(Some(change(at, zone, &ends)?));
            }
        }
        match next {
            None => return Some(at),
            Some(later) if later > end => return None,
            Some(later) => at = later,
        }
    }
}

/// The first instant after `at` at which the local time is one of these, or the offset another.
fn change(at: Timestamp, zone: &TimeZone, times: &[Time]) -> Option<Timestamp> {
    let today = zone.to_datetime(at).date();
    let days = iter::successors(Some(today), |day| day.tomorrow().ok()).take(3);
    let edge = days
        .flat_map(|day| times.iter().map(move |time| day.to_datetime(*time)))
        .flat_map(|local| instants(zone, local))
        .flatten()
        .filter(|instant| *instant > at)
        .min();
    let moved = edge.is_none_or(|edge| zone.to_offset(edge) != zone.to_offset(at));
    let turn = if moved { zone.following(at).next().map(|turn| turn.timestamp()) } else { None };
    edge.into_iter().chain(turn).min()
}

/// The instants at which that zone's clocks show that time: none in the hour that is skipped, two in the one that
/// comes twice.
fn instants(zone: &TimeZone, local: DateTime) -> [Option<Timestamp>; 2] {
    let at = |offset: Offset| offset.to_timestamp(local).ok();
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => [at(offset), None],
        AmbiguousOffset::Gap { .. } => [None, None],
        AmbiguousOffset::Fold { before, after } => [at(before), at(after)],
    }
}
