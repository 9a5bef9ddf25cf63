//! What is known at all: facts, lists, figures, licences.

use std::time::Duration;

use serde_json::json;

use super::{Case, Ruling, consent};
use crate::{
    compliance::{ActKind, ConsentScope, DutyKind, ListKind, Technology},
    kit::time,
};

pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn complete(case: &Case<'_>) -> Ruling {
    let facts = case.facts;
    // A call from a stranger may be recorded, and a record deleted, without knowing whom and what it is about.
    let asked = !matches!(facts.act.kind, ActKind::Record | ActKind::Purge);
    let known =
        [("person", facts.person.is_some()), ("debt", facts.debt.is_some()), ("callee", facts.callee.is_some())];
    let unknown = || known.iter().filter(|(_, known)| asked && !known).map(|(name, _)| *name).collect::<Vec<_>>();
    let ruling = if !facts.unavailable.is_empty() {
        Ruling::deny("Every fact can be read.", "A fact could not be read.")
            .saying(case, || format!("Could not be read: {}.", facts.unavailable.join(", ")))
    } else if asked && known.iter().any(|(_, known)| !known) {
        Ruling::review("Who is called, and about which debt?", "Not everything is known.")
            .saying(case, || format!("Not known: {}.", unknown().join(", ")))
    } else {
        Ruling::permit("Every fact the rules ask for is at hand.")
    };
    ruling.on(case, || json!({ "unavailable": facts.unavailable, "unknown": unknown() }))
}

pub(super) fn not_listed(case: &Case<'_>, lists: &[ListKind], unless: &[ConsentScope]) -> Ruling {
    let facts = case.facts;
    let asked = facts.person.as_ref().is_some_and(|p| p.do_not_call);
    let listed = facts.lists.iter().find(|l| l.listed && lists.contains(&l.list));
    let consented = || unless.iter().any(|scope| consent::stands(case, *scope, true).is_some());
    let ruling = match (asked, listed) {
        (false, None) => Ruling::permit("Neither the person nor a list says not to."),
        _ if consented() => Ruling::permit("A written consent outweighs the request."),
        (true, _) => Ruling::deny("The person takes the request back.", "The person asked not to be called."),
        _ => Ruling::deny("The number leaves the list.", "The number is on a list of those who are not called."),
    };
    ruling.on(case, || json!({ "do_not_call": asked, "listed": listed }))
}

pub(super) fn fresh_list(case: &Case<'_>, list: ListKind, days: u32) -> Ruling {
    let as_of = case.facts.lists.iter().filter(|l| l.list == list).map(|l| l.as_of).max();
    let oldest = time::before(case.now, DAY * days);
    let ruling = if as_of.is_some_and(|as_of| as_of >= oldest) {
        Ruling::permit("The list that was looked through is young enough.")
    } else {
        Ruling::require(
            DutyKind::ScrubList,
            "Look the number up in the list of today.",
            "The list that was looked through is too old, or none was.",
        )
    };
    ruling.on(case, || json!({ "list": list, "days": days, "as_of": as_of }))
}

pub(super) fn abandoned(case: &Case<'_>, per_mille: u32) -> Ruling {
    let Some(campaign) = case.facts.campaign else {
        return match case.facts.act.technology {
            Technology::Manual => Ruling::permit("Nothing is abandoned where a person dials."),
            _ => Ruling::review("How many calls did the campaign abandon?", "The campaign's figures are not known."),
        };
    };
    // Multiplied out: a rate would be rounded.
    let ruling = if u128::from(campaign.abandoned) * 1000 > u128::from(per_mille) * u128::from(campaign.live_answers) {
        Ruling::deny("Fewer calls of the campaign are abandoned.", "Too many live answers were abandoned.")
    } else {
        Ruling::permit("Few enough live answers were abandoned.")
    };
    ruling.on(
        case,
        || json!({ "per_mille": per_mille, "live_answers": campaign.live_answers, "abandoned": campaign.abandoned }),
    )
}

pub(super) fn licensed(case: &Case<'_>, regions: &[String]) -> Ruling {
    let facts = case.facts;
    let held = |region: &str| {
        let mut licences = facts.licences.iter().filter(|l| l.region == region);
        licences.any(|l| l.from <= case.now && l.until.is_none_or(|until| case.now < until))
    };
    let missing: Vec<_> = regions.iter().filter(|r| facts.may_be_in(r) && !held(r)).collect();
    let ruling = if missing.is_empty() {
        Ruling::permit("We hold every licence that is wanted where the person may be.")
    } else {
        Ruling::deny("We are licensed there.", "We hold no licence where the person may be.")
    };
    ruling.on(case, || json!({ "missing": missing }))
}
