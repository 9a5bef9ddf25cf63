//! What the person says: an answer, a sign of listening, an interruption, a wish for somebody else.

use serde_json::json;

use super::{
    AiEvent, AiSession, AiState, AiTurn, AiTurnKind,
    control::config,
    speak::{Words, cut, say},
    words::{is_back_channel, texts, wants_a_person},
};
use crate::{
    calls::{Call, load, machine, note},
    compliance::Technology,
    engine::{Done, Message, NewMessage, Topic},
    kit::Result,
    live::{HeardWord, LineSource, LiveKind, LiveLine, Speaker},
    store::OrgTx,
    wib::Wib,
};

/// Lines that are read at once.
const LINES: i64 = 200;

/// Has a machine that takes part take in a line.
pub(crate) async fn ask_to_hear(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, line: &LiveLine) -> Result<()> {
    if call.technology != Technology::ArtificialVoice || line.speaker != Speaker::Customer {
        return Ok(());
    }
    let payload = json!({"call_id": call.id});
    let message = NewMessage { topic: Topic::AiHear, key: line.id.to_string(), payload, run_at: wib.now() };
    tx.enqueue(&message).await.map(drop)
}

/// Takes in what was said.
pub(crate) async fn hear(wib: &Wib, message: &Message) -> Result<Done> {
    let (_, mut tx, call) = load(wib, message).await?;
    if let Some(mut session) = tx.ai_session(call.id).await?.filter(|session| session.state.active()) {
        take(wib, &mut *tx, &call, &mut session).await?;
        tx.commit().await?;
        wib.wake();
    }
    Ok(Done::Ack)
}

/// The person's lines that were not taken in.
async fn unheard(tx: &mut dyn OrgTx, call: &Call, session: &AiSession) -> Result<Vec<LiveLine>> {
    let lines = tx.lines_after(call.id, session.heard_until, LINES).await?;
    Ok(lines.into_iter().filter(|line| line.speaker == Speaker::Customer && line.source == LineSource::Live).collect())
}

/// Whether a line says nothing to what was said last: a sign of listening while it was said, or words from before the
/// greeting.
fn beside(line: &LiveLine, last: Option<&AiTurn>) -> bool {
    let Some(last) = last else { return false };
    let early = last.kind == AiTurnKind::Greeting && last.started_at.is_some_and(|at| line.ended_at <= at);
    let meanwhile = last.ended_at.or(last.cut_at).is_none_or(|end| line.ended_at < end);
    early || (meanwhile && is_back_channel(&line.text))
}

/// Takes in the lines that were not taken in yet, whatever that leads to.
pub(super) async fn take(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, session: &mut AiSession) -> Result<()> {
    let lines = unheard(tx, call, session).await?;
    let Some(until) = lines.last().map(|line| line.line_index) else { return Ok(()) };
    let last = tx.ai_turn(call.id, session.turn).await?;
    let now = wib.now();
    // Until it greets, nobody talks with it.
    if session.state == AiState::AiGreeting && last.as_ref().is_none_or(|turn| turn.started_at.is_none() || turn.over())
    {
        return Ok(());
    }
    let thinks = session.state == AiState::AiThinking;
    let meant: Vec<_> =
        lines.iter().filter(|line| !(beside(line, last.as_ref()) || thinks && is_back_channel(&line.text))).collect();
    if meant.is_empty() {
        session.heard_until = until;
        return tx.update(session).await;
    }
    if session.state == AiState::Handoff || !session.state.active() {
        return Ok(());
    }
    if meant.iter().any(|line| wants_a_person(&line.text)) {
        session.heard_until = until;
        return hand_off(wib, tx, call, session, "asked_for", Fixed::Handoff).await;
    }
    if session.state.speaks() {
        interrupt(wib, tx, call, session).await?;
    }
    if session.answers >= config(tx).await?.max_turns {
        session.heard_until = until;
        return hand_off(wib, tx, call, session, "turns", Fixed::Handoff).await;
    }
    match session.hear(until, now) {
        Ok(true) => {
            tx.update(session).await?;
            think(tx, call, session, now).await
        }
        // Enough was thrown away: the words are taken in once the answer was said.
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Has a model asked.
pub(super) async fn think(
    tx: &mut dyn OrgTx,
    call: &Call,
    session: &AiSession,
    run_at: crate::kit::Timestamp,
) -> Result<()> {
    let payload = json!({"call_id": call.id, "asked": session.asked});
    let key = format!("{}:{}", call.id, session.asked);
    tx.enqueue(&NewMessage { topic: Topic::AiThink, key, payload, run_at }).await.map(drop)
}

async fn interrupt(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, session: &mut AiSession) -> Result<()> {
    if session.step(AiEvent::Interrupted, wib.now()).is_err() {
        return Ok(());
    }
    cut(wib, tx, call, session).await?;
    tx.update(session).await?;
    metrics::counter!("wib_ai_interruptions_total").increment(1);
    Ok(())
}

/// Somebody talks into what is being said, and means it.
pub(crate) async fn overheard(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, _words: &[HeardWord]) -> Result<()> {
    let Some(mut session) = tx.ai_session(call.id).await?.filter(|session| session.state.speaks()) else {
        return Ok(());
    };
    // What nobody hears yet cannot be talked into.
    let last = tx.ai_turn(call.id, session.turn).await?;
    if last.is_some_and(|turn| turn.started_at.is_some() && !turn.over()) {
        interrupt(wib, tx, call, &mut session).await?;
    }
    Ok(())
}

/// Which fixed text is said when a person goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fixed {
    Handoff,
    CallBack,
    Trouble,
    Goodbye,
}

/// Gives the conversation to a person: says so, and tells members. [`watch`](super::watch) hands the call on once it was
/// said.
pub(super) async fn hand_off(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    session: &mut AiSession,
    why: &'static str,
    text: Fixed,
) -> Result<()> {
    let now = wib.now();
    if session.step(AiEvent::HandedOff, now).is_err() {
        return Ok(());
    }
    cut(wib, tx, call, session).await?;
    let texts = texts(machine::language(wib, tx, call).await?);
    let (kind, text) = match text {
        Fixed::Handoff => (AiTurnKind::Handoff, texts.handoff),
        Fixed::CallBack => (AiTurnKind::Handoff, texts.call_back),
        Fixed::Trouble => (AiTurnKind::Handoff, texts.trouble),
        Fixed::Goodbye => (AiTurnKind::Goodbye, texts.goodbye),
    };
    say(wib, tx, call, session, Words::fixed(kind, text)).await?;
    tx.update(session).await?;
    let source = format!("ai_handoff:{}", session.turn);
    note(wib, tx, call.id, &source, "ai.handoff", json!({"reason": why}), now).await?;
    tx.tell(LiveKind::Call, call.id, call.id.uuid());
    metrics::counter!("wib_ai_handoffs_total", "why" => why).increment(1);
    Ok(())
}
