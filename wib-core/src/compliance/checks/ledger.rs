//! How often, and how long ago. The ledger is in order of time, so the latest stands at its end.

use std::time::Duration;

use serde_json::json;

use super::{Case, Ruling, among, local::over_everywhere};
use crate::{
    compliance::{Facts, LedgerFact, Medium, Per, Place, Technology, Window},
    contacts::ContactKind,
    kit::{Timestamp, time},
    ports::voice::Direction,
};

/// The ledger counted by that, the latest first; all of it while the debt is unknown.
fn latest_first(facts: &Facts, per: Per) -> impl Iterator<Item = &LedgerFact> {
    let debt = facts.debt.as_ref().map(|d| d.id);
    facts.ledger.iter().rev().filter(move |l| match per {
        Per::Debt => debt.is_none_or(|id| id == l.debt),
        Per::Person => true,
        Per::Number => l.same_number,
    })
}

/// Which entries are counted.
pub(super) struct Counted<'c> {
    pub(super) kinds: &'c [ContactKind],
    pub(super) media: &'c [Medium],
    pub(super) technologies: &'c [Technology],
    pub(super) places: &'c [Place],
    pub(super) per: Per,
}
impl Counted<'_> {
    fn has(&self, l: &LedgerFact) -> bool {
        let kind = match l.kind {
            ContactKind::Attempt => l.direction == Direction::Outbound,
            // The attempt at the same call is counted already.
            ContactKind::Conversation => l.direction == Direction::Inbound || !among(self.kinds, &ContactKind::Attempt),
        };
        l.counts
            && kind
            && among(self.kinds, &l.kind)
            && among(self.media, &l.medium)
            && (l.technology == Technology::Unknown || among(self.technologies, &l.technology))
            && (l.place == Place::Unknown || among(self.places, &l.place))
    }
    pub(super) fn under(&self, case: &Case<'_>, window: Window, cap: u16) -> Ruling {
        let place = case.place();
        if place != Place::Unknown && !among(self.places, &place) {
            return Ruling::permit("What is planned would not be counted: it rings elsewhere.");
        }
        let leaves = |at: Timestamp| match window {
            Window::Hours(hours) => time::after(at, Duration::from_secs(u64::from(hours) * 3600)),
            Window::Days(days) => over_everywhere(at, case.zones.all(), days),
        };
        let counted = || latest_first(case.facts, self.per).filter(|l| self.has(l)).map(|l| l.at);
        let within = || counted().take_while(|at| leaves(*at) > case.now);
        // Room comes when the cap-th from the end leaves the window, which is open at its start.
        let room = counted().nth(usize::from(cap).saturating_sub(1)).map(leaves).filter(|room| *room > case.now);
        let ruling = match room {
            None => Ruling::permit("There is room under the limit.")
                .saying(case, || format!("{} of at most {cap} within {}.", within().count(), name(window))),
            Some(room) => Ruling::defer(room, "The limit is reached.")
                .saying(case, || format!("{} count within {}; the limit is {cap}.", within().count(), name(window))),
        };
        ruling.on(case, || {
            let at: Vec<_> = within().take(cap.into()).collect();
            json!({ "window": window, "cap": cap, "per": self.per, "counted": within().count(), "at": at })
        })
    }
}

fn name(window: Window) -> String {
    match window {
        Window::Hours(n) => format!("{n} hours"),
        Window::Days(n) => format!("{n} calendar days"),
    }
}

pub(super) fn quiet(case: &Case<'_>, days: u8) -> Ruling {
    let mut entries = latest_first(case.facts, Per::Debt);
    let Some(last) = entries.find(|l| l.kind == ContactKind::Conversation).map(|l| l.at) else {
        return Ruling::permit("No conversation about this debt is known.");
    };
    let over = over_everywhere(last, case.zones.all(), days.into());
    let ruling = if over > case.now {
        Ruling::defer(over, "The days after a conversation are quiet.").saying(case, || {
            format!("The last conversation about this debt began {days} days without calls, its own the first.")
        })
    } else {
        Ruling::permit("The last conversation about this debt is long enough ago.")
    };
    ruling.on(case, || json!({ "days": days, "conversation": last, "zones": case.facts.zones() }))
}

pub(super) fn spacing(case: &Case<'_>, minutes: u32, per: Per) -> Ruling {
    let mut entries = latest_first(case.facts, per);
    let last = entries.find(|l| l.kind == ContactKind::Attempt && l.direction == Direction::Outbound).map(|l| l.at);
    let Some(last) = last else {
        return Ruling::permit("No attempt is known.");
    };
    let far = time::after(last, Duration::from_secs(u64::from(minutes) * 60));
    let ruling = if far > case.now {
        Ruling::defer(far, "The last attempt is too near.")
            .saying(case, || format!("The last attempt is less than {minutes} minutes ago."))
    } else {
        Ruling::permit("The last attempt is far enough.")
    };
    ruling.on(case, || json!({ "minutes": minutes, "per": per, "last": last }))
}
