use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::{Call, CallEvent, CallId, CallLeg, carry::ask_after, speech};
use crate::{
    engine::{Done, Message, NewMessage, Topic},
    evidence::{self, EntryKind},
    kit::{Error, Id, OrNotFound, Result, time},
    recordings::{Recording, RecordingStatus},
    retention::{MarkStatus, SubjectKind},
    store::OrgTx,
    subscriptions::{self, WebhookEvent},
    transcripts::TranscriptStatus,
    translation,
    usage::{Usage, UsageKind},
    wib::Wib,
};

/// How often an unfinished call is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// After this long a call is sealed with what is there, marked as partial.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Seals a finished call, once everything that is to come has come.
pub(crate) async fn seal(wib: &Wib, message: &Message) -> Result<Done> {
    let organization =
        message.organization_id.ok_or_else(|| Error::internal("a call's message has no organization"))?;
    let id: CallId = message.payload_field("call_id")?;
    let now = wib.now();
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(id).await?.or_not_found("call")?;
    let timeline = tx.retention_mark(SubjectKind::Timeline, id.uuid()).await?;
    if timeline.is_some_and(|mark| mark.status == MarkStatus::Purged) {
        // Without its timeline it cannot be sealed as it was; the link of the purge tells the rest.
        return Ok(Done::Ack);
    }
    let late = now >= time::after(message.created_at, LONGEST);
    let leg = tx.legs(id).await?.into_iter().find(|leg| leg.role.is_person());
    if let Some(leg) = leg.filter(|_| call.facts.gap() && !late) {
        drop(tx);
        // Deliveries that failed come again, but not within the quiet time: what is sealed must not wait for them.
        match ask_after(wib, organization, id, &leg).await {
            Ok(true) => return Ok(Done::wait(now, "the vendor told more when asked")),
            Ok(false) => {}
            Err(error) => return Ok(Done::wait(time::after(now, LOOK_EVERY), &error.chain())),
        }
        tx = wib.store.org(organization).await?;
        call = tx.lock_call(id).await?.or_not_found("call")?;
    }
    let complete = complete(&mut *tx, &call).await?;
    if !complete && !late {
        return Ok(Done::wait(time::after(now, LOOK_EVERY), "not everything of the call is here"));
    }
    for usage in carried(wib, &mut *tx, &call).await? {
        tx.note_usage(&wib.prices.estimate(usage)).await?;
    }
    speech::disclose(wib, &mut *tx, &call, true).await?;
    if call.facts.message_truncated() {
        let event = CallEvent {
            id: wib.id(),
            call_id: id,
            source: "message".to_owned(),
            event_type: "call.message.truncated".to_owned(),
            event_data: json!({"finding": "what is on the machine is no limited-content message", "rule": "RF-LCM"}),
            at: call.ended_at.unwrap_or(now),
        };
        tx.note_event(&event).await?;
    }
    let whole = complete && call.status.terminal() && all_kept(&mut *tx, &call).await?;
    if let Some(version) = evidence::seal(wib, &mut *tx, &call, whole).await? {
        let event = CallEvent {
            id: wib.id(),
            call_id: id,
            source: if version == 1 { "sealed".to_owned() } else { format!("sealed:{version}") },
            event_type: evidence::SEALED.to_owned(),
            event_data: json!({"complete": whole, "version": version}),
            at: now,
        };
        tx.note_event(&event).await?;
        let data = json!({"call_id": id, "version": version, "complete": whole, "live": call.live});
        subscriptions::tell(wib, &mut *tx, WebhookEvent::CallSealed, event.id.uuid(), data).await?;
        metrics::counter!("wib_calls_sealed_total").increment(1);
    }
    tx.commit().await?;
    Ok(Done::Ack)
}

/// What the voice vendor did for a call: each leg's talk, each recording. What the vendor told of a leg is that leg's; what
/// it told of the call holds its recordings (Telnyx, `call.cost`: the total of all its parts).
async fn carried(wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<Vec<Usage>> {
    let row = |source: String, kind, quantity, cost_micros| Usage {
        id: wib.id(),
        call_id: call.id,
        source,
        kind,
        quantity,
        vendor: call.vendor.clone(),
        cost_micros,
        price_book: None,
        live: call.live,
        at: wib.now(),
    };
    let costs = &call.facts.costs;
    // Which further leg a charge is of; the others are the person's leg's.
    let mut legs_of: BTreeMap<String, Id<CallLeg>> = BTreeMap::new();
    for event in tx.timeline(call.id).await?.into_iter().filter(|event| costs.contains_key(&event.source)) {
        let leg = event.event_data.get("leg_id").cloned().and_then(|leg| serde_json::from_value(leg).ok());
        legs_of.extend(leg.map(|leg| (event.source, leg)));
    }
    let told = |leg: Option<Id<CallLeg>>| {
        let mut of_it = costs.iter().filter(|(event, _)| legs_of.get(*event).copied() == leg).peekable();
        of_it.peek()?;
        Some(of_it.fold(0i64, |sum, (_, micros)| sum.saturating_add(*micros)))
    };
    let mut rows = vec![];
    if let Some(talk) = call.duration_ms() {
        rows.push(row("voice".to_owned(), UsageKind::VoiceMs, talk, told(None)));
    }
    for (id, leg) in &call.facts.legs {
        if let (Some(answered), Some(ended)) = (leg.answered_at, leg.ended_at()) {
            let talk = (ended.as_millisecond() - answered.as_millisecond()).max(0);
            rows.push(row(format!("leg:{id}"), UsageKind::VoiceMs, talk, told(Some(*id))));
        }
    }
    let within = told(None).map(|_| 0);
    for recording in tx.recordings_of_call(call.id).await? {
        if let Some(length) = recording.duration_ms {
            rows.push(row(format!("recording:{}", recording.id), UsageKind::RecordingMs, length, within));
        }
    }
    Ok(rows)
}

/// Asks for a sealed call to be sealed again, because of a change: once per change, and while it may have more versions.
/// A call that is not sealed yet will be, with whatever is there by then.
pub(crate) async fn seal_again(wib: &Wib, tx: &mut dyn OrgTx, id: CallId, change: &str) -> Result<()> {
    let newest = tx.newest_entry(EntryKind::Call, id.uuid()).await?;
    if newest.is_none_or(|entry| entry.version >= evidence::VERSIONS) {
        return Ok(());
    }
    let run_at = time::after(wib.now(), wib.settings.seal_after);
    let key = format!("{id}:{change}");
    tx.enqueue(&NewMessage { topic: Topic::Seal, key, payload: json!({"call_id": id}), run_at }).await?;
    Ok(())
}

/// Whether nothing more is to come.
async fn complete(tx: &mut dyn OrgTx, call: &Call) -> Result<bool> {
    if !call.status.terminal() || call.facts.recording_expected() {
        return Ok(false);
    }
    if tx.recordings_of_call(call.id).await?.iter().any(|r| r.status == RecordingStatus::Pending || r.withheld) {
        return Ok(false);
    }
    let over = |s| matches!(s, TranscriptStatus::Completed | TranscriptStatus::FailedPermanent);
    if !tx.transcript_jobs_of_call(call.id).await?.iter().all(|j| over(j.status)) {
        return Ok(false);
    }
    let told = tx.timeline(call.id).await?;
    let analysed = |id| told.iter().any(|e| e.source == format!("analysis:{id}"));
    let translated = |id| {
        call.translate_to.is_none_or(|to| {
            let sources = [translation::source(id, to, 1), translation::unavailable(id, to, 1)];
            told.iter().any(|e| sources.contains(&e.source))
        })
    };
    Ok(tx.transcripts_of_call(call.id).await?.iter().all(|t| analysed(t.id) && translated(t.id)))
}

/// Whether everything that was expected was also kept.
async fn all_kept(tx: &mut dyn OrgTx, call: &Call) -> Result<bool> {
    let recorded = tx.recordings_of_call(call.id).await?;
    let jobs = tx.transcript_jobs_of_call(call.id).await?;
    // What was deleted later had come: its hash stays.
    let kept = |r: &Recording| r.status == RecordingStatus::Completed || r.media_hash.is_some();
    let lost = call.facts.recording_failed_at.is_some() && recorded.is_empty();
    Ok(!lost && recorded.iter().all(kept) && jobs.iter().all(|j| j.status == TranscriptStatus::Completed))
}
