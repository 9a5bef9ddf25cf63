//! Advice after a line of the person's.

use std::time::Duration;

use serde_json::json;

use super::{
    Advice, AssistTurn, Claims,
    check::{Checked, Grounds, is_theirs},
    script,
};
use crate::{
    ai,
    calls::{Call, CallId},
    collections::Account,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, Money, OrNotFound, Result, time},
    live::{LineId, LiveKind, LiveLine, Speaker},
    ports::llm::Completion,
    store::{OrgTx, Repo},
    usage,
    violations::{Violation, ViolationCode, ViolationKind, ViolationStatus},
    wib::Wib,
};

/// How long more words are waited for.
const SETTLE: Duration = Duration::from_millis(500);
/// How long somebody who asked is waited for: longer than every model of a chain may take.
const BUSY: Duration = Duration::from_secs(20);
/// How soon the turn is looked at again.
const AGAIN: Duration = Duration::from_millis(500);
/// Lines that a model reads.
pub(super) const LINES: i64 = 20;

/// Asks for advice after a line of the person's.
pub(crate) async fn ask(wib: &Wib, tx: &mut dyn OrgTx, line: &LiveLine) -> Result<()> {
    if !is_theirs(line) {
        return Ok(());
    }
    let payload = json!({"call_id": line.call_id, "line_id": line.id});
    let run_at = time::after(wib.now(), SETTLE);
    tx.enqueue(&NewMessage { topic: Topic::AssistLine, key: line.id.to_string(), payload, run_at }).await.map(drop)
}

/// What is owed on a call, when it is about a debt.
pub(super) async fn owed(tx: &mut dyn OrgTx, call: &Call) -> Result<Option<Money>> {
    let Some(id) = call.account_id else { return Ok(None) };
    let account: Option<Account> = tx.find(id).await?;
    Ok(account.map(|account| Money { minor: account.balance_minor, currency: account.currency }))
}

/// The call's turn, held by whoever holds the call.
async fn turn(wib: &Wib, tx: &mut dyn OrgTx, call: CallId) -> Result<AssistTurn> {
    if let Some(turn) = tx.assist_turn(call).await? {
        return Ok(turn);
    }
    let turn = AssistTurn { id: wib.id(), call_id: call, busy_until: None, advised_index: -1 };
    tx.insert(&turn).await?;
    Ok(turn)
}

/// Advises the member after a line, unless the person has said more meanwhile.
pub(crate) async fn advise(wib: &Wib, message: &Message) -> Result<Done> {
    let organization = message.organization_id.ok_or_else(|| Error::internal("a line has no organization"))?;
    let id: LineId = message.payload_field("line_id")?;
    let now = wib.now();
    let mut tx = wib.store.org(organization).await?;
    let Some(line) = Repo::<LiveLine>::find(&mut *tx, id).await? else { return Ok(Done::Ack) };
    let call: Call = tx.lock_call(line.call_id).await?.or_not_found("call")?;
    let newest = tx.newest_line(call.id, Speaker::Customer).await?;
    // Nobody talks any more, or the next message asks for what was said since.
    if call.status.terminal() || newest.is_some_and(|newest| newest > line.line_index) {
        return Ok(Done::Ack);
    }
    let mut turn = turn(wib, &mut *tx, call.id).await?;
    if turn.advised_index >= line.line_index {
        return Ok(Done::Ack);
    }
    if turn.busy_until.is_some_and(|until| until > now) {
        return Ok(Done::wait(time::after(now, AGAIN), "advice on the call is being asked for"));
    }
    turn.busy_until = Some(time::after(now, BUSY));
    tx.update(&turn).await?;
    let lines = tx.lines_after(call.id, line.line_index - LINES, LINES).await?;
    let script = tx.script_lines(script::MOST).await?;
    let owed = owed(&mut *tx, &call).await?;
    tx.commit().await?;
    let grounds = Grounds::new(&lines, None, None, &script, owed);
    // Advice that comes late is none: nobody is asked a second time.
    let completion = match ai::ask(wib, organization, Some(call.id), &grounds.prompt()).await {
        Ok(completion) => Some(completion),
        Err(error) => {
            tracing::warn!(error = error.chain(), "there is no advice");
            None
        }
    };
    let checked = completion.as_ref().and_then(|completion| grounds.check(&completion.text));
    let word = match &checked {
        None => "unavailable",
        Some(checked) if checked.claims.is_empty() => "nothing",
        Some(_) => "given",
    };
    let mut tx = wib.store.org(organization).await?;
    let call: Call = tx.lock_call(line.call_id).await?.or_not_found("call")?;
    turn.busy_until = None;
    turn.advised_index = line.line_index;
    tx.update(&turn).await?;
    if let Some(completion) = &completion {
        for usage in usage::of_completion(wib, call.id, &format!("assist:{id}"), completion) {
            tx.note_usage(&usage).await?;
        }
        // Held: words that were taken away meanwhile stay away.
        let there = Repo::<LiveLine>::find(&mut *tx, id).await?.is_some();
        if let Some(checked) = checked.filter(|_| there) {
            keep(wib, &mut *tx, &line, completion, checked).await?;
        }
    }
    tx.commit().await?;
    metrics::counter!("wib_advice_total", "outcome" => word).increment(1);
    wib.wake();
    Ok(Done::Ack)
}

async fn keep(wib: &Wib, tx: &mut dyn OrgTx, line: &LiveLine, completion: &Completion, checked: Checked) -> Result<()> {
    if checked.negotiating > 0 {
        tx.insert(&prevented(wib, line.call_id, completion, checked.negotiating)).await?;
    }
    if checked.claims.is_empty() {
        return Ok(());
    }
    let advice = Advice {
        id: wib.id(),
        call_id: line.call_id,
        line_id: line.id,
        line_index: line.line_index,
        claims: Claims(checked.claims),
        dropped: checked.dropped,
        vendor: completion.vendor.clone(),
        model: completion.model.clone(),
        live: completion.live,
        created_at: wib.now(),
    };
    tx.insert(&advice).await?;
    tx.tell(LiveKind::Assist, advice.call_id, advice.id.uuid());
    Ok(())
}

/// A machine wanted to name terms, and was kept from it.
pub(super) fn prevented(wib: &Wib, call: CallId, completion: &Completion, claims: i64) -> Violation {
    let now = wib.now();
    Violation {
        id: wib.id(),
        call_id: Some(call),
        user_id: None,
        code: ViolationCode::AiNoNegotiation,
        kind: ViolationKind::Prevented,
        context: json!({"what": "advice", "claims": claims, "vendor": completion.vendor, "model": completion.model}),
        status: ViolationStatus::Open,
        notes: None,
        resolved_by: None,
        resolved_at: None,
        created_at: now,
    }
}
