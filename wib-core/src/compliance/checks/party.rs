//! Who would be reached, where, and by what.

use serde_json::json;

use super::{Case, Ruling, among};
use crate::compliance::{CircumstanceKind, Holder, Place, Wish};

pub(super) fn no_circumstance(case: &Case<'_>, of: &[CircumstanceKind], spare: &[Holder], places: &[Place]) -> Ruling {
    let facts = case.facts;
    let debt = facts.debt.as_ref().map(|d| d.id);
    let place = case.place();
    let found = facts
        .circumstances
        .iter()
        .find(|c| among(of, &c.kind) && (c.debt.is_none() || debt.is_none() || c.debt == debt));
    let spared = facts.callee.as_ref().is_some_and(|c| spare.contains(&c.holder));
    let elsewhere = place != Place::Unknown && !among(places, &place);
    let ruling = match found {
        None => Ruling::permit("Nothing of the kind is known of the person and the debt."),
        Some(_) if spared => Ruling::permit("Who would be reached may be reached all the same."),
        Some(_) if elsewhere => Ruling::permit("It does not bar the place where the number rings."),
        Some(_) => Ruling::deny("The circumstance is over.", "A circumstance of the person or the debt forbids it.")
            .saying(case, || {
                let kinds: Vec<_> = of.iter().map(|k| k.as_str().replace('_', " ")).collect();
                format!("Known of the person or the debt: {}.", kinds.join(" or "))
            }),
    };
    ruling.on(case, || {
        json!({ "debt": debt, "circumstance": found.map(|c| c.kind), "since": found.map(|c| c.since), "place": place })
    })
}

pub(super) fn holders(case: &Case<'_>, of: &[Holder]) -> Ruling {
    let holder = case.facts.callee.as_ref().map(|c| c.holder);
    let ruling = match holder {
        None => Ruling::review("Who would be reached?", "Nobody knows who would be reached."),
        Some(holder) if of.contains(&holder) => Ruling::permit("Who would be reached is one of those named."),
        Some(_) => Ruling::deny("Somebody else is reached.", "Who would be reached is none of those named."),
    };
    ruling.on(case, || json!({ "holder": holder }))
}

pub(super) fn medium_wanted(case: &Case<'_>) -> Ruling {
    let medium = case.medium();
    let asked = case.preferences().find(|p| p.wish == Wish::NoMedium).map(|p| p.since);
    let ruling = match asked {
        None => Ruling::permit("The person did not ask for this medium to stop."),
        Some(_) => Ruling::deny("The person takes the request back.", "The person asked for this medium to stop."),
    };
    ruling.on(case, || json!({ "medium": medium, "since": asked }))
}

pub(super) fn place_wanted(case: &Case<'_>) -> Ruling {
    let place = case.place();
    let mut barred = case.preferences().filter_map(|p| match p.wish {
        Wish::NoPlace { place } => Some(place),
        _ => None,
    });
    let ruling = if place == Place::Inconvenient {
        Ruling::deny("Another number is reached.", "The number rings where calls are unwelcome.")
    } else if place == Place::Unknown {
        match barred.next() {
            None => Ruling::permit("The person called no place bad."),
            Some(_) => {
                Ruling::review("Where does the number ring?", "It may ring at a place that the person called bad.")
            }
        }
    } else if barred.any(|bad| bad == place) {
        Ruling::deny("Another number is reached.", "The number rings at a place that the person called bad.")
    } else {
        Ruling::permit("The number rings at no place that is bad.")
    };
    ruling.on(case, || json!({ "place": place }))
}
