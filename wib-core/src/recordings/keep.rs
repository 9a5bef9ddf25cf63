use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;

use super::{Recording, RecordingId, RecordingStatus};
use crate::{
    calls::{Call, CallId},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, OrNotFound, Result},
    live::LiveKind,
    ports::{blobs::Kept, voice::VendorRecording},
    subscriptions::{self, WebhookEvent},
    transcripts::{TranscriptJob, TranscriptStatus, submission},
    wib::Wib,
};

/// Fetches a recording from the vendor, keeps it with its SHA-256, and asks for its transcript.
pub(crate) async fn fetch(wib: &Wib, message: &Message) -> Result<Done> {
    let organization =
        message.organization_id.ok_or_else(|| Error::internal("a recording's message has no organization"))?;
    let id: RecordingId = message.payload_field("recording_id")?;
    let at_vendor: VendorRecording = message.payload_field("recording")?;
    let mut tx = wib.store.org(organization).await?;
    let known: Recording = tx.find(id).await?.or_not_found("recording")?;
    if known.status != RecordingStatus::Pending {
        return Ok(Done::Ack);
    }
    drop(tx);
    let limit = wib.settings.recording_limit;
    let pieces = wib.voice.stream_recording(&at_vendor, limit).await?.map_err(Error::from).boxed();
    let ending = if known.content_type == "audio/wav" { "wav" } else { "mp3" };
    let key = format!("{organization}/recordings/{id}.{ending}");
    // The blob first: a crash in between leaves bytes that the next try writes again under the same key.
    let Kept { size, hash } = wib.blobs.put_stream(&key, pieces, limit).await?;
    let mut tx = wib.store.org(organization).await?;
    let call: Call = tx.lock_call(known.call_id).await?.or_not_found("call")?;
    let mut recording: Recording = tx.find(id).await?.or_not_found("recording")?;
    if recording.status != RecordingStatus::Pending {
        return Ok(Done::Ack);
    }
    recording.blob_key = Some(key);
    recording.size_bytes = i64::try_from(size).ok();
    recording.media_hash = Some(hash);
    recording.status = RecordingStatus::Completed;
    tx.update(&recording).await?;
    tx.tell(LiveKind::Recording, call.id, id.uuid());
    let data =
        json!({"call_id": call.id, "recording_id": id, "duration_ms": recording.duration_ms, "live": recording.live});
    subscriptions::tell(wib, &mut *tx, WebhookEvent::RecordingReady, id.uuid(), data).await?;
    if call.transcribe {
        let job = TranscriptJob {
            id: wib.id(),
            call_id: call.id,
            recording_id: id,
            vendor: wib.transcriber.vendor().to_owned(),
            audio_url: None,
            vendor_id: None,
            status: TranscriptStatus::Queued,
            failures: 0,
            error: None,
            created_at: wib.now(),
        };
        tx.insert(&job).await?;
        let (key, payload) = submission(&job);
        tx.enqueue(&NewMessage { topic: Topic::SubmitTranscript, key, payload, run_at: wib.now() }).await?;
    }
    tx.commit().await?;
    Ok(Done::Ack)
}

/// The recording that a blob of ours is of.
pub(crate) fn id_in_key(key: &str) -> Option<RecordingId> {
    let (folder, name) = key.rsplit_once('/')?;
    folder.ends_with("/recordings").then(|| name.split('.').next()?.parse().ok())?
}

/// A recording that cannot be had: its row says so.
pub(crate) async fn give_up(wib: &Wib, message: &Message) -> Result<()> {
    let organization =
        message.organization_id.ok_or_else(|| Error::internal("a recording's message has no organization"))?;
    let mut tx = wib.store.org(organization).await?;
    let call: CallId = message.payload_field("call_id")?;
    tx.lock_call(call).await?;
    let mut recording: Recording = tx.find(message.payload_field("recording_id")?).await?.or_not_found("recording")?;
    if recording.status == RecordingStatus::Pending {
        recording.status = RecordingStatus::Failed;
        tx.update(&recording).await?;
        tx.commit().await?;
    }
    Ok(())
}
