//! What a machine that takes part may say and do on a call.

use serde_json::json;

use super::{
    Call, CallId, Step,
    carry::follow_up,
    judged::{self, Judged},
    speech,
};
use crate::{
    collections::{Account, Person},
    compliance::{
        Act, ActKind, DutyKind, Outcome, Technology,
        gate::{self, Hold},
        gather::Planned,
        judge,
    },
    engine::{NewMessage, Topic},
    kit::{Error, Result, time::Timestamp},
    live::{self, Listen},
    ports::voice::Direction,
    store::OrgTx,
    wib::Wib,
};

/// Whether everything was said that the law wants before a machine speaks: what it is, and that the call is recorded.
pub(crate) fn was_told(call: &Call) -> bool {
    let facts = &call.facts;
    let recorded = !call.record || facts.notice_ended_at.is_some();
    facts.person_listens()
        && facts.end_asked_at.is_none()
        && recorded
        && facts.done().contains(&DutyKind::AiDisclosure)
        && !speaks_fixed_text(call)
}

/// Whether a fixed text is being spoken, or is about to: it is not cut off.
pub(crate) fn speaks_fixed_text(call: &Call) -> bool {
    call.facts.spoken.values().any(|s| s.words.is_some() && s.ended_at.is_none() && s.cut_at.is_none())
}

/// Whether the call's words are heard: only while it is recorded.
pub(crate) fn is_heard(call: &Call) -> bool {
    call.listen.is_some() && call.record && !call.facts.wants_stop() && call.facts.recording_declined_at.is_none()
}

/// Whether the debt may be named to who speaks, now.
pub(crate) async fn may_name_debt(wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<bool> {
    if !call.facts.party.is_some_and(|p| p.holder.is_consumer()) {
        return Ok(false);
    }
    let verdict = judged::judge(wib, tx, call, ActKind::Converse).await?;
    let owes_nothing = matches!(Judged::of(&verdict), Judged::Owed(owed) if owed.is_empty());
    Ok(owes_nothing && verdict.outcome() == Outcome::Permit)
}

/// The language in which fixed texts are spoken on this call, BCP 47.
pub(crate) async fn language(wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<&'static str> {
    Ok(speech::spoken_language(wib, person(tx, call).await?.as_ref()))
}

/// With whom the call is.
pub(crate) async fn person(tx: &mut dyn OrgTx, call: &Call) -> Result<Option<Person>> {
    match call.person_id {
        Some(id) => tx.find(id).await,
        None => Ok(None),
    }
}

/// Whether an artificial voice may speak on a call that was dialled without one: the rules that bind such a dial alone are
/// asked (FCC 24-17). Who calls us is spoken to by whatever answers.
pub(crate) async fn may_speak(wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<()> {
    if call.technology == Technology::ArtificialVoice || call.direction == Direction::Inbound {
        return Ok(());
    }
    let account: Option<Account> = match call.account_id {
        Some(id) => tx.find(id).await?,
        None => None,
    };
    let technology = Technology::ArtificialVoice;
    let planned = Planned {
        act: Act { kind: ActKind::Dial, purpose: call.purpose, technology },
        number: Some(&call.to_number),
        from: Some(&call.from_number),
        call: Some(call.id),
        email: None,
    };
    let facts = gate::gather(tx, wib, &planned, account.as_ref(), Hold::Held).await?;
    let rules = wib.rules();
    let verdict = judge(&facts, &rules, wib.now());
    let about_voices = |id| {
        let rule = rules.rules.iter().find(|rule| rule.id == id);
        rule.is_some_and(|r| r.technologies.contains(&technology) && !r.technologies.contains(&call.technology))
    };
    let findings = &verdict.explanation().findings;
    let hindering = || findings.iter().filter(|f| f.outcome != Outcome::Permit && about_voices(f.rule.clone()));
    let Some(first) = hindering().next() else { return Ok(()) };
    let reasons: Vec<_> = hindering()
        .map(|f| json!({"rule": f.rule, "outcome": f.outcome, "citation": f.citation, "explanation": f.explanation}))
        .collect();
    Err(Error::blocked(first.explanation.to_string())
        .with("blocked_by", first.rule.as_str().to_owned())
        .with("reasons", reasons))
}

/// Lets a machine take part: the call is one of an artificial voice from now on, is heard, and the person is told so.
pub(crate) async fn take_part(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call) -> Result<()> {
    let now = wib.now();
    call.technology = Technology::ArtificialVoice;
    if call.listen.is_none() {
        call.listen = Some(Listen::default());
        live::ask(tx, call.id, &format!("asked:{}", now.as_microsecond()), now).await?;
    }
    // An opening that is still to come says it itself.
    let opened = call.facts.spoken.get(&Step::Opening).filter(|s| s.words.is_some() || s.started_at.is_some());
    let told = call.facts.done().contains(&DutyKind::AiDisclosure)
        || opened.is_some_and(|s| s.duties.contains(&DutyKind::AiDisclosure));
    if !told && (opened.is_some() || call.facts.notice_started_at.is_some()) {
        let person = person(tx, call).await?;
        if let Some(utterance) = speech::utterance(wib, call, person.as_ref(), Step::ArtificialVoice) {
            speech::order(wib, tx, call, &utterance).await?;
        }
    }
    follow_up(wib, tx, call).await
}

/// Ends a call.
pub(crate) async fn end(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call, now: Timestamp) -> Result<()> {
    call.facts.absorb_end_asked(now);
    follow_up(wib, tx, call).await?;
    tx.enqueue(&order(Topic::HangUp, call.id, now)).await.map(drop)
}

/// Nobody goes on: the person is told so, and the call ends.
pub(crate) async fn leave(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call, now: Timestamp) -> Result<()> {
    call.facts.unattended_at.get_or_insert(now);
    follow_up(wib, tx, call).await
}

fn order(topic: Topic, call: CallId, now: Timestamp) -> NewMessage {
    NewMessage { topic, key: call.to_string(), payload: json!({"call_id": call}), run_at: now }
}
