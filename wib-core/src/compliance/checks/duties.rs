//! What has to be done, and what has to be so.

use serde_json::json;

use super::{Case, Ruling};
use crate::compliance::{Answer, DutyKind, Outcome};

/// Whether nothing known speaks against any of them: who does not know has to act as if it were so.
fn may_hold(case: &Case<'_>, answers: &[Answer]) -> bool {
    answers.iter().all(|a| case.facts.flags.get(&a.flag).is_none_or(|known| *known == a.is))
}

pub(super) fn duty(case: &Case<'_>, duty: DutyKind, when: &[Answer], first: Option<bool>) -> Ruling {
    let spoken = case.facts.debt.as_ref().is_some_and(|d| d.first_communication_at.is_some());
    let due = first.is_none_or(|first| first != spoken) && may_hold(case, when);
    if !due {
        Ruling::permit("It is not due.")
    } else if case.facts.done.contains(&duty) {
        Ruling::permit("It is done.")
    } else {
        Ruling::require(duty, needed(duty), "It is due and not done.")
    }
}

const fn needed(duty: DutyKind) -> &'static str {
    match duty {
        DutyKind::ScrubList => "Bring the list of numbers up to date.",
        DutyKind::Identify => "Say who calls.",
        DutyKind::AiDisclosure => "Say that an artificial voice speaks.",
        DutyKind::RecordingNotice => "Say that the call is recorded.",
        DutyKind::VerifyParty => "Find out whether the consumer speaks.",
        DutyKind::MiniMiranda => "Say that this is an attempt to collect a debt, and what information is used for.",
        DutyKind::CollectorNotice => "Say that this is from a debt collector.",
        DutyKind::TimeBarredNotice => "Say that the debt is too old to be sued for.",
        DutyKind::LimitedContent => "Say nothing but the limited-content message.",
        DutyKind::OptOut => "Offer a simple opt-out.",
        DutyKind::CallBackNumber => "Name a number to call back.",
        DutyKind::SendValidation => "Send the validation information.",
        DutyKind::MaskPayment => "Mask recording, live text, logs and prompts.",
        DutyKind::ReadBack => "Read the authorisation back.",
        DutyKind::SendCopy => "Send a copy of the authorisation.",
    }
}

pub(super) fn answers(case: &Case<'_>, when: &[Answer], wanted: &[Answer], unmet: Outcome, needed: &str) -> Ruling {
    if !may_hold(case, when) {
        return Ruling::permit("The question does not arise.");
    }
    let said = |a: &Answer| match case.facts.flags.get(&a.flag) {
        Some(known) if *known == a.is => Outcome::Permit,
        // No instant is known at which a plain answer changes.
        Some(_) if unmet == Outcome::Defer => Outcome::Review,
        Some(_) => unmet,
        None => unmet.max(Outcome::Review),
    };
    let strictest = wanted.iter().map(|a| (said(a), a)).max_by_key(|(outcome, _)| *outcome);
    match strictest {
        None | Some((Outcome::Permit, _)) => Ruling::permit("It is as it has to be."),
        Some((outcome, answer)) => {
            let known = case.facts.flags.get(&answer.flag).copied();
            let why =
                if known.is_some() { "It is not as it has to be." } else { "It is not known to be as it has to be." };
            Ruling::needs(outcome, needed.to_owned(), why).on(case, || json!({ "flag": answer.flag, "known": known }))
        }
    }
}
