//! Notices that have to be sent, disputes that have to be answered.

use serde_json::json;

use super::{Case, Ruling, local::over_somewhere};
use crate::compliance::{NoticeFact, NoticeKind};

fn delivered<'f>(case: &Case<'f>, kind: NoticeKind) -> impl Iterator<Item = &'f NoticeFact> {
    case.facts.notices.iter().filter(move |n| n.kind == kind && !n.returned)
}

pub(super) fn sent(case: &Case<'_>, notice: NoticeKind, days: u32) -> Ruling {
    let Some(debt) = &case.facts.debt else {
        return Ruling::review("Which debt is it about?", "The debt is not known.");
    };
    let sent = delivered(case, notice).map(|n| n.sent_at).min();
    // The day of the communication, then the days it may take.
    let due = debt.first_communication_at.map(|first| over_somewhere(first, case.zones.all(), days.saturating_add(1)));
    let ruling = match (sent, due) {
        (Some(_), _) => Ruling::permit("The notice was sent."),
        (_, None) => Ruling::permit("There was no communication that the notice had to follow."),
        (_, Some(due)) if case.now < due => Ruling::permit("The notice is not overdue."),
        _ => Ruling::deny("The notice is sent.", "The notice is overdue."),
    };
    ruling.on(case, || json!({ "notice": notice, "days": days, "sent_at": sent, "overdue_from": due }))
}

pub(super) fn dispute_answered(case: &Case<'_>) -> Ruling {
    // A period whose end is not known is not over.
    let ends: Option<Vec<_>> = delivered(case, NoticeKind::Validation).map(|n| n.period_ends).collect();
    let end = ends.and_then(|ends| ends.into_iter().max());
    let mut open = case.facts.disputes.iter().filter(|d| d.written && d.answered_at.is_none());
    let open = open.find(|d| end.is_none_or(|end| d.at < end)).map(|d| d.at);
    let ruling = match open {
        None => Ruling::permit("No written dispute waits for its answer."),
        Some(_) => Ruling::deny("Verification or the answer is sent.", "A written dispute waits for its answer."),
    };
    ruling.on(case, || json!({ "disputed_at": open, "period_ends": end }))
}
