//! Payment data that was recorded because nobody put a mask on: the sound of it goes, here and at the vendors.

use serde_json::json;

use super::{Recording, RecordingStatus, wav};
use crate::{
    calls::{CallEvent, seal_again},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, OrNotFound, Result, canonical},
    store::OrgTx,
    wib::Wib,
};

/// Silence before and behind what was said, in milliseconds: times of transcripts are rough.
const MARGIN: i64 = 1_000;

/// Keeps a recording from everybody and has payment data taken out of it. `spans` are where it was said, in milliseconds
/// from the start of the audio.
pub(crate) async fn withhold(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    mut recording: Recording,
    spans: &[(i64, i64)],
) -> Result<()> {
    recording.withheld = true;
    tx.update(&recording).await?;
    let payload = json!({"call_id": recording.call_id, "recording_id": recording.id, "spans": spans});
    let (key, run_at) = (recording.id.to_string(), wib.now());
    tx.enqueue(&NewMessage { topic: Topic::SilenceRecording, key, payload, run_at }).await.map(drop)
}

fn organization(message: &Message) -> Result<crate::orgs::OrganizationId> {
    message.organization_id.ok_or_else(|| Error::internal("a recording's message has no organization"))
}

/// Writes silence over payment data, in a new blob; what cannot be edited is deleted. The old blob and the vendors'
/// copies go by commands of their own.
pub(crate) async fn silence(wib: &Wib, message: &Message) -> Result<Done> {
    let organization = organization(message)?;
    let id: super::RecordingId = message.payload_field("recording_id")?;
    let spans: Vec<(i64, i64)> = message.payload_field("spans")?;
    let mut tx = wib.store.org(organization).await?;
    let known: Recording = tx.find(id).await?.or_not_found("recording")?;
    drop(tx);
    let Some(old) = known.blob_key.clone().filter(|_| known.withheld) else { return Ok(Done::Ack) };
    // What is edited must be what was recorded: the edited bytes get a hash of their own.
    let audio = known.open(wib).await?.whole().await?;
    let spans: Vec<_> = spans.iter().map(|(from, to)| from.saturating_sub(MARGIN)..to.saturating_add(MARGIN)).collect();
    let edited = wav::silenced(&audio, &spans);
    let key = format!("{organization}/recordings/{id}.silenced.wav");
    let kept = match edited {
        Some(bytes) => {
            let (size, hash) = (bytes.len(), canonical::sha256(&bytes));
            wib.blobs.put(&key, bytes).await?;
            Some((size, hash))
        }
        None => None,
    };
    let mut tx = wib.store.org(organization).await?;
    let vendor = tx.lock_call(known.call_id).await?.or_not_found("call")?.vendor;
    let mut recording: Recording = tx.find(id).await?.or_not_found("recording")?;
    if !recording.withheld {
        return Ok(Done::Ack);
    }
    let now = wib.now();
    recording.withheld = false;
    let note = if let Some((size, hash)) = kept {
        recording.blob_key = Some(key);
        recording.size_bytes = i64::try_from(size).ok();
        recording.media_hash = Some(hash);
        "payment data was silenced"
    } else {
        recording.blob_key = None;
        recording.status = RecordingStatus::Deleted;
        "deleted: payment data was said outside a mask, and the format cannot be edited"
    };
    recording.note = Some(note.to_owned());
    tx.update(&recording).await?;
    let event = CallEvent {
        id: wib.id(),
        call_id: recording.call_id,
        source: format!("silenced:{id}"),
        event_type: "recording.silenced".to_owned(),
        event_data: json!({"recording_id": id, "note": note}),
        at: now,
    };
    tx.note_event(&event).await?;
    let mut order = async |topic, key: String, payload| {
        tx.enqueue(&NewMessage { topic, key, payload, run_at: now }).await.map(drop)
    };
    order(Topic::DeleteBlob, old.clone(), json!({"key": old})).await?;
    let copy = json!({"vendor": vendor, "vendor_id": recording.vendor_id});
    order(Topic::ForgetRecording, format!("recording:{id}"), copy).await?;
    seal_again(wib, &mut *tx, recording.call_id, &format!("silenced:{id}")).await?;
    tx.commit().await?;
    metrics::counter!("wib_recordings_silenced_total").increment(1);
    Ok(Done::Ack)
}

/// A recording that cannot be silenced stays withheld: nobody hears it, and a person has to act.
pub(crate) async fn silence_given_up(wib: &Wib, message: &Message) -> Result<()> {
    let mut tx = wib.store.org(organization(message)?).await?;
    let mut recording: Recording = tx.find(message.payload_field("recording_id")?).await?.or_not_found("recording")?;
    recording.note = Some("withheld: payment data was said outside a mask".to_owned());
    tx.update(&recording).await?;
    tx.commit().await
}
