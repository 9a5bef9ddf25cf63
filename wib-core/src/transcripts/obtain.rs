//! Getting a transcript: order, wait, fetch. An order whose answer was lost is looked for, not repeated.

use std::time::Duration;

use serde_json::json;

use super::{
    Transcript, TranscriptJob, TranscriptStatus, Utterances,
    heed::heed,
    scrub::{self, Heard},
};
use crate::{
    calls::CallEvent,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, Id, OrNotFound, Principal, Result, canonical, time},
    live::{self, LiveKind},
    orgs::OrganizationId,
    ports::{
        Sent,
        transcriber::{RawTranscript, TranscriptOptions, TranscriptOrder, TranscriptState},
    },
    recordings::{Recording, RecordingStatus, withhold},
    subscriptions::{self, WebhookEvent},
    translation,
    usage::{Usage, UsageKind},
    wib::Wib,
};

/// How often a transcript is asked after, when no webhook tells.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// Orders that may fail at the vendor before it takes a person.
const MOST_FAILURES: i64 = 3;
/// How long a vendor may fetch audio by its address: orders wait at the vendor when many come at once.
const LENT: Duration = Duration::from_secs(6 * 3600);
/// Most bytes that are uploaded in one piece, which can be sent again when the connection breaks.
const UPLOADED_WHOLE: u64 = 8 << 20;
/// How long after its order a transcript is waited for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

fn organization(message: &Message) -> Result<OrganizationId> {
    message.organization_id.ok_or_else(|| Error::internal("a transcript's message has no organization"))
}

/// Hands the audio over and orders its transcript.
pub(crate) async fn submit(wib: &Wib, message: &Message) -> Result<Done> {
    let organization = organization(message)?;
    let id: Id<TranscriptJob> = message.payload_field("job_id")?;
    let mut tx = wib.store.org(organization).await?;
    let mut job = tx.find(id).await?.or_not_found("transcript job")?;
    if job.vendor_id.is_some() || job.status == TranscriptStatus::Completed {
        return Ok(Done::Ack);
    }
    let recording: Recording = tx.find(job.recording_id).await?.or_not_found("recording")?;
    drop(tx);
    let audio_url = match job.audio_url.clone() {
        Some(url) => url,
        None => {
            let url = handed_over(wib, &recording, &job).await?;
            let mut tx = wib.store.org(organization).await?;
            job.audio_url = Some(url.clone());
            tx.update(&job).await?;
            tx.commit().await?;
            url
        }
    };
    if message.started_at.is_some()
        && let Some(vendor_id) = wib.transcriber.find(&audio_url).await?
    {
        return ordered(wib, organization, id, vendor_id).await;
    }
    if !crate::calls::mark_started(wib, message).await? {
        return Ok(Done::Lost);
    }
    let order = TranscriptOrder {
        audio_url,
        channels: u8::try_from(recording.channels).unwrap_or(1),
        language: None,
        webhook_url: wib.webhook_url(wib.transcriber.vendor()),
        options: TranscriptOptions::default(),
    };
    match wib.transcriber.submit(&order).await {
        Ok(vendor_id) => ordered(wib, organization, id, vendor_id).await,
        Err(e) if e.sent == Sent::Unknown => {
            let at = time::after(wib.now(), Duration::from_secs(5));
            Ok(Done::Later { at, why: e.to_string(), started: true, counted: true })
        }
        Err(e) => Ok(Done::Undone(e.into())),
    }
}

/// The key and the payload of the message that orders a job's transcript: another one after each failure at the vendor.
pub(crate) fn submission(job: &TranscriptJob) -> (String, serde_json::Value) {
    let key = if job.failures == 0 { job.id.to_string() } else { format!("{}:{}", job.id, job.failures) };
    (key, json!({"call_id": job.call_id, "job_id": job.id}))
}

/// Where the vendor gets the audio: a signed address of the blob, where there is one that it can reach; otherwise, and
/// when an order by such an address has failed, an upload.
async fn handed_over(wib: &Wib, recording: &Recording, job: &TranscriptJob) -> Result<String> {
    let audio = recording.open(wib).await?;
    if wib.transcriber.live()
        && job.failures == 0
        && let Some(key) = &recording.blob_key
        && let Some(url) = wib.blob_url(key, &recording.content_type, LENT).await?
        // A vendor reaches neither our own machine nor trusts a plain connection with a recording.
        && url.starts_with("https://")
    {
        audio.check().await?;
        return Ok(url);
    }
    if audio.size() > UPLOADED_WHOLE {
        return Ok(wib.transcriber.upload_stream(audio.upload()?, audio.size()).await?);
    }
    Ok(wib.transcriber.upload(audio.whole().await?, &recording.content_type).await?)
}

async fn ordered(wib: &Wib, organization: OrganizationId, id: Id<TranscriptJob>, vendor_id: String) -> Result<Done> {
    let mut tx = wib.store.org(organization).await?;
    let mut job = tx.find(id).await?.or_not_found("transcript job")?;
    let key = format!("{id}:{}", job.failures);
    job.vendor_id = Some(vendor_id);
    job.status = TranscriptStatus::Pending;
    tx.update(&job).await?;
    let payload = json!({"call_id": job.call_id, "job_id": id});
    let run_at = time::after(wib.now(), ASK_EVERY);
    tx.enqueue(&NewMessage { topic: Topic::FetchTranscript, key, payload, run_at }).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// An order that cannot be placed: the recording stays without a transcript until a person acts.
pub(crate) async fn give_up(wib: &Wib, message: &Message, why: &str) -> Result<()> {
    let mut tx = wib.store.org(organization(message)?).await?;
    let id: Id<TranscriptJob> = message.payload_field("job_id")?;
    let mut job = tx.find(id).await?.or_not_found("transcript job")?;
    if job.status != TranscriptStatus::Completed {
        job.status = TranscriptStatus::FailedPermanent;
        job.error = Some(why.to_owned());
        tx.update(&job).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Asks for the transcript, until it is there.
pub(crate) async fn ask(wib: &Wib, message: &Message) -> Result<Done> {
    let id = message.payload_field("job_id")?;
    if fetch(wib, organization(message)?, id).await? {
        return Ok(Done::Ack);
    }
    if wib.now() > time::after(message.created_at, LONGEST) {
        give_up(wib, message, "the vendor never finished it").await?;
        return Ok(Done::Ack);
    }
    Ok(Done::wait(time::after(wib.now(), ASK_EVERY), "the transcript is not ready"))
}

/// Fetches the transcript of a job; whether there is nothing more to wait for.
pub(crate) async fn fetch(wib: &Wib, organization: OrganizationId, id: Id<TranscriptJob>) -> Result<bool> {
    let mut tx = wib.store.org(organization).await?;
    let job = tx.find(id).await?.or_not_found("transcript job")?;
    drop(tx);
    let Some(vendor_id) = job.vendor_id.as_deref().filter(|_| job.status == TranscriptStatus::Pending) else {
        return Ok(true);
    };
    match wib.transcriber.fetch(vendor_id).await? {
        TranscriptState::Pending => Ok(false),
        TranscriptState::Done(raw) => keep(wib, organization, &job, *raw).await.map(|()| true),
        TranscriptState::Failed(why) => failed(wib, organization, id, &why).await.map(|()| true),
        TranscriptState::Deleted => failed(wib, organization, id, "deleted at the vendor").await.map(|()| true),
    }
}

async fn keep(wib: &Wib, organization: OrganizationId, job: &TranscriptJob, raw: RawTranscript) -> Result<()> {
    let org = wib.org(Principal::service(organization)).await?;
    let mut tx = wib.store.org(organization).await?;
    // Held so that a webhook and a poll that come together write one version.
    let call = tx.lock_call(job.call_id).await?.or_not_found("call")?;
    let mut job: TranscriptJob = tx.find(job.id).await?.or_not_found("transcript job")?;
    if job.status == TranscriptStatus::Completed {
        return Ok(());
    }
    let now = wib.now();
    let recording: Recording = tx.find(job.recording_id).await?.or_not_found("recording")?;
    // Before anything is kept: no card's number or code is ever written down.
    let Heard { utterances, scrubbed, unmasked } = scrub::scrub(&call.facts, &recording, raw.utterances, raw.audio_ms);
    let utterances = Utterances(utterances);
    let transcript = Transcript {
        id: wib.id(),
        call_id: job.call_id,
        recording_id: job.recording_id,
        version: 1,
        vendor: job.vendor.clone(),
        model: raw.model,
        language: raw.language,
        transcript_hash: canonical::hash(&utterances)?,
        utterances,
        scrubbed,
        live: wib.transcriber.live(),
        created_at: now,
    };
    tx.insert(&transcript).await?;
    tx.tell(LiveKind::Transcript, call.id, transcript.id.uuid());
    let data = json!({
        "call_id": call.id, "recording_id": job.recording_id, "transcript_id": transcript.id, "version": transcript.version,
        "language": transcript.language, "live": transcript.live,
    });
    for event in [WebhookEvent::TranscriptReady, WebhookEvent::TranscriptionCompleted] {
        subscriptions::tell(wib, &mut *tx, event, transcript.id.uuid(), data.clone()).await?;
    }
    live::fill(wib, &mut *tx, &call, &recording, &transcript).await?;
    job.status = TranscriptStatus::Completed;
    job.error = None;
    tx.update(&job).await?;
    if !unmasked.is_empty() {
        if recording.status == RecordingStatus::Completed {
            withhold(wib, &mut *tx, recording, &unmasked).await?;
        }
        let copy = json!({"vendor": job.vendor, "vendor_id": job.vendor_id});
        let key = format!("transcript:{}", job.id);
        tx.enqueue(&NewMessage { topic: Topic::ForgetTranscript, key, payload: copy, run_at: now }).await?;
    }
    heed(wib, &mut *tx, &org, &call, &transcript).await?;
    let usage = wib.prices.estimate(Usage {
        id: wib.id(),
        call_id: call.id,
        source: format!("transcript:{}", job.recording_id),
        kind: UsageKind::TranscriptMs,
        quantity: raw.audio_ms,
        vendor: job.vendor.clone(),
        cost_micros: None,
        price_book: None,
        live: transcript.live,
        at: now,
    });
    tx.note_usage(&usage).await?;
    let event_data =
        json!({"transcript_id": transcript.id, "version": 1, "language": transcript.language, "scrubbed": scrubbed});
    let source = format!("transcript:{}:1", job.recording_id);
    tx.note_event(&CallEvent {
        id: wib.id(),
        call_id: call.id,
        source,
        event_type: "transcript.completed".to_owned(),
        event_data,
        at: now,
    })
    .await?;
    if let Some(to) = call.translate_to {
        translation::ask(&mut *tx, &transcript, to, 1, now).await?;
    }
    let payload = json!({"call_id": call.id, "transcript_id": transcript.id});
    tx.enqueue(&NewMessage { topic: Topic::Analyse, key: transcript.id.to_string(), payload, run_at: now }).await?;
    tx.commit().await?;
    wib.wake();
    Ok(())
}

async fn failed(wib: &Wib, organization: OrganizationId, id: Id<TranscriptJob>, why: &str) -> Result<()> {
    let mut tx = wib.store.org(organization).await?;
    let mut job = tx.find(id).await?.or_not_found("transcript job")?;
    job.failures += 1;
    job.error = Some(why.to_owned());
    job.vendor_id = None;
    // The vendor may not have got the audio by that address.
    job.audio_url = None;
    let again = job.failures <= MOST_FAILURES;
    job.status = if again { TranscriptStatus::Failed } else { TranscriptStatus::FailedPermanent };
    tx.update(&job).await?;
    if again {
        let (key, payload) = submission(&job);
        let wait = wib.random().backoff(
            u32::try_from(job.failures).unwrap_or(1),
            Duration::from_secs(30),
            Duration::from_secs(300),
        );
        tx.enqueue(&NewMessage { topic: Topic::SubmitTranscript, key, payload, run_at: time::after(wib.now(), wait) })
            .await?;
    }
    tx.commit().await
}
