//! What was exchanged before: counts, quiet days, distance.

use jiff::{Timestamp, ToSpan};

use super::{
    clocks::{Clocks, Ends},
    pack::Window,
    read::{Contact, Direction, Entry, Facts, Medium, Per, Place, Technology},
};

/// Which entries a count is about.
pub(super) struct Counted<'r> {
    pub(super) kinds: &'r [Contact],
    pub(super) media: &'r [Medium],
    pub(super) technologies: &'r [Technology],
    pub(super) places: &'r [Place],
    pub(super) per: Per,
}

const ATTEMPT: Contact = Contact("attempt");
const CONVERSATION: Contact = Contact("conversation");

fn keyed(facts: &Facts, entry: &Entry, per: Per) -> bool {
    match per {
        Per("person") => true,
        Per("number") => entry.same_number,
        _ => facts.debt.as_ref().is_none_or(|debt| debt.id == entry.debt),
    }
}

fn ours(entry: &Entry) -> bool {
    entry.kind == ATTEMPT && entry.direction == Direction("outbound")
}

/// Until when the cap is reached; `None` when there is room now.
pub(super) fn full_until(
    facts: &Facts,
    clocks: &Clocks,
    now: Timestamp,
    (what, window, cap): (&Counted<'_>, &Window, u16),
) -> Option<Timestamp> {
    let wants = |kind| what.kinds.is_empty() || what.kinds.contains(&kind);
    let mut leaves: Vec<Timestamp> = vec![];
    for entry in &facts.ledger {
        let medium = what.media.is_empty() || what.media.contains(&entry.medium);
        let technology = what.technologies.is_empty()
            || entry.technology == Technology("unknown")
            || what.technologies.contains(&entry.technology);
        let place = what.places.is_empty() || entry.place == Place("unknown") || what.places.contains(&entry.place);
        let attempt = wants(ATTEMPT) && ours(entry);
        // The conversation of our own call is counted with its attempt.
        let conversation = wants(CONVERSATION)
            && entry.kind == CONVERSATION
            && !(wants(ATTEMPT) && entry.direction == Direction("outbound"));
        if entry.counts && medium && technology && place && (attempt || conversation) && keyed(facts, entry, what.per) {
            leaves.push(match window {
                Window::Hours(hours) => entry.at.checked_add(i64::from(*hours).hours()).unwrap_or(Timestamp::MAX),
                Window::Days(days) => {
                    clocks.days_after(entry.at, i64::from(*days), Ends::Last).unwrap_or(Timestamp::MAX)
                }
            });
        }
    }
    leaves.retain(|at| *at > now);
    leaves.sort_unstable();
    let first_free = leaves.len().checked_sub(usize::from(cap))?;
    leaves.get(first_free).copied()
}

/// Until when it is quiet after a conversation about the debt; `None` when it is not.
pub(super) fn quiet_until(facts: &Facts, clocks: &Clocks, now: Timestamp, days: u8) -> Option<Timestamp> {
    let about = facts.ledger.iter().filter(|e| e.kind == CONVERSATION && keyed(facts, e, Per("debt")));
    let ends = about.map(|e| clocks.days_after(e.at, i64::from(days), Ends::Last).unwrap_or(Timestamp::MAX));
    ends.max().filter(|at| *at > now)
}

/// Until when the last attempt is too near; `None` when it is far enough.
pub(super) fn near_until(facts: &Facts, now: Timestamp, minutes: u32, per: Per) -> Option<Timestamp> {
    let attempts = facts.ledger.iter().filter(|e| ours(e) && keyed(facts, e, per));
    let ends = attempts.map(|e| e.at.checked_add(i64::from(minutes).minutes()).unwrap_or(Timestamp::MAX));
    ends.max().filter(|at| *at > now)
}
