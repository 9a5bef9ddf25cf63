//! What may be deleted.

use jiff::{ToSpan, tz::TimeZone};
use serde_json::json;

use super::{Case, Ruling, known::DAY};
use crate::{
    compliance::{KeepFrom, RecordClass},
    kit::{Timestamp, time},
};

const WHAT: &str = "Which record is to be deleted?";

pub(super) fn kept(case: &Case<'_>, class: RecordClass, years: u16, from: KeepFrom) -> Ruling {
    let Some(record) = &case.facts.retention else {
        return Ruling::review(WHAT, "Nothing is known of the record.");
    };
    if record.class != class {
        return Ruling::permit("The record is of another class.");
    }
    let basis = match from {
        KeepFrom::Made => Some(record.made_at),
        KeepFrom::LastActivity => record.last_activity_at,
        KeepFrom::Ended => record.ended_at,
    };
    let Some(basis) = basis else {
        return Ruling::review("From when does the record's time run?", "It is not known from when its time runs.");
    };
    let utc = basis.to_zoned(TimeZone::UTC);
    let free = utc.checked_add(i64::from(years).years()).map_or(Timestamp::MAX, |later| later.timestamp());
    let ruling = if case.now < free {
        Ruling::defer(free, "The record has to be kept.")
            .saying(case, || format!("The record is kept for {years} years."))
    } else {
        Ruling::permit("The record was kept long enough.")
    };
    ruling.on(case, || json!({ "class": class, "years": years, "from": basis, "until": free }))
}

pub(super) fn not_held(case: &Case<'_>) -> Ruling {
    let Some(record) = &case.facts.retention else {
        return Ruling::review(WHAT, "Nothing is known of the record.");
    };
    let wanted = time::after(record.made_at, DAY * record.wanted_days);
    let ruling = if record.holds > 0 {
        Ruling::deny("The legal hold is released.", "A legal hold covers the record.")
    } else if case.now < wanted {
        Ruling::defer(wanted, "The organisation wants the record kept.")
    } else {
        Ruling::permit("No legal hold covers the record, and nobody wants it longer.")
    };
    ruling.on(case, || json!({ "holds": record.holds, "wanted_until": wanted }))
}
