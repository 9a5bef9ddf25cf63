//! Hours of the day: the law's, and those that the person asked for.

use jiff::civil::{DateTime, Time, Weekday};
use serde_json::{Value as Json, json};

use super::{Case, Ruling, local::first_open};
use crate::compliance::{Day, LocationSource, Wish, calendar};

const WHERE: &str = "Where does the person live?";

/// Refuses when the places do not say what time it is for the person.
fn unplaced(case: &Case<'_>) -> Option<Ruling> {
    let places = &case.facts.locations;
    Some(if case.zones.odd {
        Ruling::deny("Every time zone has a known id.", "A time zone of the person cannot be resolved.")
    } else if places.is_empty() {
        Ruling::review(WHERE, "Nothing says where the person is.")
    } else if places.iter().all(|l| l.source == LocationSource::AreaCode) {
        Ruling::review(WHERE, "Only the area code says where the person may be, and numbers travel.")
    } else if places.iter().any(|l| l.zones.is_empty()) {
        Ruling::review(WHERE, "A known place of the person has no known time zone.")
    } else {
        return None;
    })
}

/// The local times, in every zone.
fn local(case: &Case<'_>) -> Vec<String> {
    case.zones.known.iter().map(|zone| case.now.to_zoned(zone.clone()).to_string()).collect()
}

/// When the law lets somebody be reached.
pub(super) struct Opening {
    pub(super) opens: Time,
    pub(super) closes: Time,
    pub(super) not_sundays: bool,
    pub(super) not_holidays: bool,
}
impl Opening {
    fn shut(&self, local: DateTime) -> Vec<Time> {
        let day = local.date();
        let closed = (self.not_sundays && day.weekday() == Weekday::Sunday)
            || (self.not_holidays && (calendar::is_holiday(day) || calendar::is_observed(day)));
        if closed {
            vec![Time::midnight()]
        } else if (self.opens..self.closes).contains(&local.time()) {
            vec![]
        } else if self.not_sundays || self.not_holidays {
            vec![self.opens, Time::midnight()]
        } else {
            vec![self.opens]
        }
    }
    pub(super) fn judge(&self, case: &Case<'_>) -> Ruling {
        let span = || format!("{} to {}", self.opens.strftime("%H:%M"), self.closes.strftime("%H:%M"));
        let ruling =
            unplaced(case).unwrap_or_else(|| match first_open(case.now, &case.zones.known, |local| self.shut(local)) {
                Some(at) if at == case.now => Ruling::permit("It is within hours.")
                    .saying(case, || format!("It is within {} wherever the person may be.", span())),
                Some(at) => Ruling::defer(at, "It is not within hours.").saying(case, || {
                    let shut: Vec<_> = case
                        .zones
                        .known
                        .iter()
                        .map(|zone| case.now.to_zoned(zone.clone()))
                        .filter(|local| !self.shut(local.datetime()).is_empty())
                        .map(|local| local.strftime("%A %H:%M in %Q").to_string())
                        .collect();
                    let but = match (self.not_sundays, self.not_holidays) {
                        (false, false) => "",
                        (true, false) => ", not on Sundays",
                        (false, true) => ", not on holidays",
                        (true, true) => ", not on Sundays or holidays",
                    };
                    format!("It is {}; lawful is {} local time{but}.", shut.join(", "), span())
                }),
                None => Ruling::review(WHERE, "At no instant is it within hours at all of the places.")
                    .saying(case, || format!("At no instant is it within {} at all of the places.", span())),
            });
        ruling.on(case, || {
            let sources: Vec<_> = case.facts.locations.iter().map(|l| l.source).collect();
            json!({
                "opens": self.opens.to_string(), "closes": self.closes.to_string(),
                "sources": sources, "zones": case.facts.zones(), "local": local(case),
            })
        })
    }
}

/// Whether that window, begun on one of its days, covers the local time. One that ends no later than it begins ends on
/// the next day.
fn covers(days: &[Day], from: Time, to: Time, local: DateTime) -> bool {
    let on = |day: Weekday| super::among(days, &Day::from(day));
    let today = local.weekday();
    if from < to {
        on(today) && (from..to).contains(&local.time())
    } else {
        (on(today) && local.time() >= from) || (on(today.previous()) && local.time() < to)
    }
}

pub(super) fn time_wanted(case: &Case<'_>) -> Ruling {
    let windows: Vec<_> = case
        .preferences()
        .filter_map(|p| match &p.wish {
            Wish::NotDuring { days, from, to } => Some((days, *from, *to)),
            _ => None,
        })
        .collect();
    if windows.is_empty() {
        return Ruling::permit("The person called no time bad.");
    }
    let used = || -> Json {
        let windows: Vec<_> = windows
            .iter()
            .map(|(days, from, to)| json!({ "days": days, "from": from.to_string(), "to": to.to_string() }))
            .collect();
        json!({ "bad": windows, "local": local(case) })
    };
    let shut = |local: DateTime| -> Vec<Time> {
        windows.iter().filter(|(days, from, to)| covers(days, *from, *to, local)).map(|(.., to)| *to).collect()
    };
    unplaced(case)
        .unwrap_or_else(|| match first_open(case.now, &case.zones.known, shut) {
            Some(at) if at == case.now => Ruling::permit("It is no time that the person called bad."),
            Some(at) => Ruling::defer(at, "It is a time that the person called bad."),
            None => Ruling::review("When may the person be reached?", "The person called every time bad."),
        })
        .on(case, used)
}
