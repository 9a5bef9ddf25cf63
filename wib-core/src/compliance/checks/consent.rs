//! What the person agreed to.

use serde_json::json;

use super::{Case, Ruling, among, known::DAY};
use crate::{
    compliance::{ConsentScope, Line},
    kit::{Timestamp, time},
};

/// The scopes of messages: who revokes one of them revokes all, where the rule says so.
const MESSAGES: [ConsentScope; 3] = [ConsentScope::Autodialed, ConsentScope::ArtificialVoice, ConsentScope::Text];

/// Since when a consent in that scope stands: its latest entry grants, is not expired, not used up, and written where
/// that is asked for. Of entries at the same instant each has to.
pub(super) fn stands(case: &Case<'_>, scope: ConsentScope, written: bool) -> Option<Timestamp> {
    let entries = || case.facts.consents.iter().filter(|c| c.scope == scope);
    let last = entries().map(|c| c.at).max()?;
    let good = entries().filter(|c| c.at == last).all(|c| {
        let over = c.used_at.is_some() || c.expires_at.is_some_and(|end| end <= case.now);
        c.granted && !over && (c.written || !written)
    });
    good.then_some(last)
}

pub(super) fn consent(
    case: &Case<'_>,
    scopes: &[ConsentScope],
    written: bool,
    lines: &[Line],
    revoke_all: bool,
) -> Ruling {
    let line = case.facts.callee.as_ref().map_or(Line::Unknown, |c| c.line);
    if line != Line::Unknown && !among(lines, &line) {
        return Ruling::permit("Such a line needs no consent.");
    }
    let revoked = |granted: Timestamp| {
        let mut messages = case.facts.consents.iter().filter(|c| MESSAGES.contains(&c.scope));
        revoke_all && messages.any(|c| !c.granted && c.at >= granted)
    };
    let mut standing = scopes.iter().filter_map(|scope| stands(case, *scope, written));
    let since = standing.find(|granted| !revoked(*granted));
    let ruling = match since {
        Some(_) => Ruling::permit("A consent stands."),
        None if written => Ruling::deny("The person consents in writing.", "No written consent stands."),
        None => Ruling::deny("The person consents.", "No consent stands."),
    };
    ruling.on(case, || json!({ "scopes": scopes, "line": line, "since": since }))
}

pub(super) fn fresh(case: &Case<'_>, days: u32) -> Ruling {
    let since = stands(case, ConsentScope::Contact, false).filter(|at| time::after(*at, DAY * days) > case.now);
    let ruling = match since {
        Some(_) => Ruling::permit("The person asked us to call about the debt."),
        None => Ruling::deny("The person asks us to call.", "No fresh consent to be called about the debt stands."),
    };
    ruling.on(case, || json!({ "days": days, "since": since }))
}
