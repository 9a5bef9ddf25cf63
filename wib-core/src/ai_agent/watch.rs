//! What follows when nothing happens, and from what happens to the call.

use std::time::Duration;

use serde_json::json;

use super::{
    AiEvent, AiSession, AiState, AiTurnKind,
    control::config,
    hear::{Fixed, hand_off, think},
    speak::{Words, cut, said, say},
    words::texts,
};
use crate::{
    calls::{Call, OnFailure, TransferCall, TransferKind, load, machine, note},
    compliance::Technology,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Kind, Principal, Result, time},
    live::{self, Speaker},
    store::OrgTx,
    wib::Wib,
};

/// How often a conversation is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How much longer than it takes to say something its end may stay untold.
const UNTOLD: Duration = Duration::from_secs(15);
/// How long a model's answer may stay away, whatever became of the order to ask for it.
const UNANSWERED: Duration = Duration::from_secs(30);
/// How long members have to take a call that nobody else is to take.
const UNTAKEN: Duration = Duration::from_secs(60);
/// How often it is asked whether somebody is there.
const ASKS: i64 = 2;

/// Has a conversation looked at for as long as it goes on.
pub(super) async fn ask(wib: &Wib, tx: &mut dyn OrgTx, session: &AiSession) -> Result<()> {
    let payload = json!({"call_id": session.call_id});
    let key = format!("{}:{}", session.call_id, session.asked);
    tx.enqueue(&NewMessage { topic: Topic::AiWatch, key, payload, run_at: wib.now() }).await.map(drop)
}

/// What a call's facts mean for the machine that takes part: it greets once it may, and its part ends with the call.
pub(crate) async fn follow(wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<()> {
    if call.technology != Technology::ArtificialVoice {
        return Ok(());
    }
    let Some(mut session) = tx.ai_session(call.id).await?.filter(|session| session.state != AiState::Completed) else {
        return Ok(());
    };
    let now = wib.now();
    if call.status.terminal() || call.facts.handed_over() {
        if session.step(AiEvent::HungUp, now).is_ok() {
            cut(wib, tx, call, &session).await?;
            tx.update(&session).await?;
        }
        return Ok(());
    }
    if session.state == AiState::AiGreeting && machine::was_told(call) {
        let last = tx.ai_turn(call.id, session.turn).await?;
        if last.is_none_or(|last| last.created_at < session.since) {
            think(tx, call, &session, now).await?;
        }
    }
    Ok(())
}

/// Looks at a conversation: silence, an end that nobody told, a call that is to be handed on.
pub(crate) async fn watch(wib: &Wib, message: &Message) -> Result<Done> {
    // The cache may live in the same database: it is asked before the transaction begins.
    let speaking = match message.organization_id {
        Some(id) => live::speaking(wib, id, message.payload_field("call_id")?, Speaker::Customer).await.is_some(),
        None => false,
    };
    let (organization, mut tx, mut call) = load(wib, message).await?;
    let session = tx.ai_session(call.id).await?.filter(|session| session.state.active());
    let Some(mut session) = session.filter(|_| !call.status.terminal()) else { return Ok(Done::Ack) };
    let now = wib.now();
    let again = || Ok(Done::wait(time::after(now, LOOK), "the conversation goes on"));
    let config = config(&mut *tx).await?;
    let last = tx.ai_turn(call.id, session.turn).await?;
    let untold = |last: &super::AiTurn| now > time::after(last.created_at, last.length() + UNTOLD);
    match session.state {
        AiState::AiGreeting | AiState::AiSpeaking => match last.filter(|last| !last.over()) {
            Some(last) if untold(&last) => {
                cut(wib, &mut *tx, &call, &session).await?;
                said(wib, &mut *tx, &call, &mut session).await?;
            }
            _ => return again(),
        },
        AiState::AiThinking if now > time::after(session.since, UNANSWERED) => {
            hand_off(wib, &mut *tx, &call, &mut session, "no_answer", Fixed::Trouble).await?;
        }
        AiState::AiListening if !machine::is_heard(&call) => {
            hand_off(wib, &mut *tx, &call, &mut session, "unheard", Fixed::Handoff).await?;
        }
        AiState::AiListening => {
            let silence = Duration::from_secs(u64::try_from(config.silence_seconds).unwrap_or(8));
            let quiet = now > time::after(session.since, silence);
            if speaking || !quiet {
                return again();
            }
            if session.silences < ASKS {
                let texts = texts(machine::language(wib, &mut *tx, &call).await?);
                if session.step(AiEvent::Silent, now).is_ok() {
                    session.silences += 1;
                    let words = Words::fixed(AiTurnKind::StillThere, texts.still_there);
                    say(wib, &mut *tx, &call, &mut session, words).await?;
                    tx.update(&session).await?;
                }
            } else {
                let text = if config.handoff_to.is_some() { Fixed::Handoff } else { Fixed::Goodbye };
                hand_off(wib, &mut *tx, &call, &mut session, "silence", text).await?;
            }
        }
        AiState::Handoff if session.handed_at.is_none() => {
            if last.as_ref().is_some_and(|last| last.ended_at.is_none() && !untold(last)) {
                return again();
            }
            match (last.map(|last| last.kind), config.handoff_to) {
                (Some(AiTurnKind::Goodbye), _) => machine::end(wib, &mut *tx, &mut call, now).await?,
                (_, Some(to)) => {
                    drop(tx);
                    return transfer(wib, organization, message, to).await;
                }
                (_, None) if now < time::after(session.since, UNTAKEN) => return again(),
                (_, None) => machine::leave(wib, &mut *tx, &mut call, now).await?,
            }
            handed(&mut *tx, call.id, now).await?;
        }
        _ => return again(),
    }
    tx.commit().await?;
    wib.wake();
    again()
}

async fn handed(tx: &mut dyn OrgTx, call: crate::calls::CallId, now: crate::kit::Timestamp) -> Result<()> {
    let Some(mut session) = tx.ai_session(call).await? else { return Ok(()) };
    session.handed_at = Some(now);
    tx.update(&session).await
}

/// Hands the call on. Run twice it finds the handover under way.
async fn transfer(
    wib: &Wib,
    organization: crate::orgs::OrganizationId,
    message: &Message,
    to: crate::kit::Phone,
) -> Result<Done> {
    let id = message.payload_field("call_id")?;
    let org = wib.org(Principal::service(organization)).await?;
    let wish = TransferCall { to, kind: TransferKind::Blind, on_failure: OnFailure::Return };
    let handing = org.transfer_call(id, wish).await;
    let (_, mut tx, mut call) = load(wib, message).await?;
    match handing {
        Ok(_) => {}
        Err(error) if error.kind() == Kind::Conflict && error.machine_code() == "TRANSFER_UNDER_WAY" => {}
        Err(error) if error.retryable() => return Err(error),
        Err(error) => {
            tracing::warn!(call = %call.id, error = error.chain(), "a machine's call could not be handed on");
            let now = wib.now();
            note(
                wib,
                &mut *tx,
                call.id,
                "ai_not_handed",
                "ai.not_handed_on",
                json!({"code": error.machine_code()}),
                now,
            )
            .await?;
            machine::leave(wib, &mut *tx, &mut call, now).await?;
        }
    }
    handed(&mut *tx, id, wib.now()).await?;
    tx.commit().await?;
    wib.wake();
    Ok(Done::wait(time::after(wib.now(), LOOK), "the call is handed on"))
}
