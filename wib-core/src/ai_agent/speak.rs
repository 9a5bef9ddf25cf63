//! Having something said, knowing when it was, and stopping it.

use std::time::Duration;

use serde_json::json;

use super::{AiEvent, AiSession, AiState, AiTurn, AiTurnKind, hear};
use crate::{
    calls::{Call, Step, load, machine, main_leg, note, tag::Tag},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Result, time, time::Timestamp},
    ports::{
        Fault,
        llm::Completion,
        voice::{Command, Leg, Order, Speak, VoiceEvent, VoiceEventKind},
    },
    store::OrgTx,
    wib::Wib,
};

/// How old words may be before they are said: whoever waits longer has said something else.
const LATE: Duration = Duration::from_secs(20);

/// What a machine is to say, and who made it.
pub(super) struct Words<'a> {
    pub(super) kind: AiTurnKind,
    pub(super) text: String,
    pub(super) made: Option<&'a Completion>,
}
impl Words<'_> {
    /// Words that no model made.
    pub(super) fn fixed(kind: AiTurnKind, text: &str) -> Self {
        Self { kind, text: text.to_owned(), made: None }
    }
}

/// Has words said: a row, a line of the timeline without them, and the order, once each.
pub(super) async fn say(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    session: &mut AiSession,
    words: Words<'_>,
) -> Result<()> {
    let now = wib.now();
    session.turn += 1;
    let turn = AiTurn {
        id: wib.id(),
        call_id: call.id,
        number: session.turn,
        kind: words.kind,
        text: words.text,
        language: machine::language(wib, tx, call).await?.to_owned(),
        after_line: session.heard_until,
        vendor: words.made.map(|made| made.vendor.clone()),
        model: words.made.map(|made| made.model.clone()),
        live: words.made.map_or(call.live, |made| made.live),
        ordered_at: None,
        started_at: None,
        ended_at: None,
        cut_at: None,
        created_at: now,
    };
    tx.insert(&turn).await?;
    let told = json!({
        "turn": turn.number, "kind": turn.kind, "after_line": turn.after_line, "vendor": turn.vendor, "model": turn.model,
    });
    note(wib, tx, call.id, &format!("ai:{}", turn.number), "ai_dialog", told, now).await?;
    order(tx, call, Topic::AiSpeak, turn.number, now).await?;
    metrics::counter!("wib_ai_turns_total", "kind" => turn.kind.as_str()).increment(1);
    Ok(())
}

async fn order(tx: &mut dyn OrgTx, call: &Call, topic: Topic, turn: i64, run_at: Timestamp) -> Result<()> {
    let payload = json!({"call_id": call.id, "turn": turn});
    tx.enqueue(&NewMessage { topic, key: format!("{}:{turn}", call.id), payload, run_at }).await.map(drop)
}

/// Cuts off what is being said, if anything is.
pub(super) async fn cut(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, session: &AiSession) -> Result<()> {
    let Some(mut turn) = tx.ai_turn(call.id, session.turn).await?.filter(|turn| !turn.over()) else { return Ok(()) };
    turn.cut_at = Some(wib.now());
    tx.update(&turn).await?;
    order(tx, call, Topic::AiHush, turn.number, wib.now()).await
}

/// Stops the speech of a turn. Asked for again, the vendor knows the key and stops nothing that follows.
async fn silence(wib: &Wib, call: &Call, leg: &Leg, turn: i64) -> Result<()> {
    let order = Order::new(Command::StopPlaying, format!("{}-hush-{turn}", call.id));
    match wib.voice.steer(leg, &order).await {
        Err(gone) if gone.fault == Fault::Missing => Ok(()),
        stopped => stopped.map_err(Into::into),
    }
}

/// Stops what a machine says.
pub(crate) async fn hush(wib: &Wib, message: &Message) -> Result<Done> {
    let (_, mut tx, call) = load(wib, message).await?;
    let number: i64 = message.payload_field("turn")?;
    let later = tx.ai_turn(call.id, number + 1).await?.is_some_and(|next| next.ordered_at.is_some());
    // Fixed texts are spoken to their end, and what is said meanwhile is not what was to be stopped.
    if call.status.terminal() || later || machine::speaks_fixed_text(&call) {
        return Ok(Done::Ack);
    }
    let Some(leg) = main_leg(&mut *tx, call.id).await? else { return Ok(Done::Ack) };
    drop(tx);
    silence(wib, &call, &leg.names(), number).await?;
    Ok(Done::Ack)
}

/// Says a turn, once: the vendor knows the key.
pub(crate) async fn speak(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call) = load(wib, message).await?;
    let number: i64 = message.payload_field("turn")?;
    let session = tx.ai_session(call.id).await?.filter(|session| session.says(number));
    let turn = tx.ai_turn(call.id, number).await?.filter(|turn| turn.ordered_at.is_none() && !turn.over());
    let (Some(_), Some(turn)) = (session, turn) else { return Ok(Done::Ack) };
    let listens = call.facts.person_listens() && call.facts.end_asked_at.is_none();
    let fresh = wib.now() <= time::after(turn.created_at, LATE);
    let Some(leg) = main_leg(&mut *tx, call.id).await?.filter(|_| listens && fresh) else { return Ok(Done::Ack) };
    let before = tx.ai_turn(call.id, number - 1).await?;
    drop(tx);
    if before.is_some_and(|before| before.ordered_at.is_some() && before.ended_at.is_none()) {
        silence(wib, &call, &leg.names(), number - 1).await?;
    }
    let tag = Tag { turn: Some(number), ..Tag::of(organization, call.id, Step::Reply) };
    let speak = Speak { text: turn.text.clone(), language: turn.language.clone(), ..Speak::default() };
    let order = Order::new(Command::Speak(speak), format!("{}-reply-{number}", call.id)).tagged(wib.tags.seal(&tag));
    match wib.voice.steer(&leg.names(), &order).await {
        Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
        spoken => spoken?,
    }
    let (_, mut tx, call) = load(wib, message).await?;
    let Some(mut turn) = tx.ai_turn(call.id, number).await? else { return Ok(Done::Ack) };
    turn.ordered_at.get_or_insert(wib.now());
    tx.update(&turn).await?;
    tx.commit().await?;
    // Cut off while the order was on its way.
    if turn.cut_at.is_some() && turn.ended_at.is_none() && !call.status.terminal() {
        silence(wib, &call, &leg.names(), number).await?;
    }
    Ok(Done::Ack)
}

/// Takes in what the vendor tells of a turn.
pub(crate) async fn absorb(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    event: &VoiceEvent,
    tag: Option<&Tag>,
) -> Result<()> {
    let Some(number) = tag.filter(|tag| tag.step == Step::Reply).and_then(|tag| tag.turn) else { return Ok(()) };
    let Some(mut turn) = tx.ai_turn(call.id, number).await? else { return Ok(()) };
    let over = turn.over();
    match event.what {
        VoiceEventKind::SpeakStarted => turn.started_at = Some(turn.started_at.map_or(event.at, |at| at.min(event.at))),
        VoiceEventKind::SpeakEnded => turn.ended_at = Some(turn.ended_at.map_or(event.at, |at| at.min(event.at))),
        VoiceEventKind::SpeakCut => {
            turn.cut_at.get_or_insert(event.at);
            turn.ended_at.get_or_insert(event.at);
        }
        _ => return Ok(()),
    }
    tx.update(&turn).await?;
    if over || !turn.over() {
        return Ok(());
    }
    let Some(mut session) = tx.ai_session(call.id).await?.filter(|session| session.turn == number) else {
        return Ok(());
    };
    said(wib, tx, call, &mut session).await
}

/// What was being said is over: it is the person's turn, and what they said meanwhile is taken in.
pub(super) async fn said(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, session: &mut AiSession) -> Result<()> {
    if session.state == AiState::Handoff || session.step(AiEvent::SpeechEnded, wib.now()).is_err() {
        return Ok(());
    }
    tx.update(session).await?;
    hear::take(wib, tx, call, session).await
}
