//! What follows a deletion: the bytes, and the vendors' copies. Each may run twice.

use std::time::Duration;

use super::purge::{UNDER_HOLD, refuse_under_hold};
use crate::{
    engine::{Done, Message},
    kit::{Error, Result, time},
    ports::Fault,
    recordings::{Recording, id_in_key},
    store::Repo,
    wib::Wib,
};

/// How often bytes that a hold keeps are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(24 * 3600);
/// How long the place of the blobs may take to delete: nobody makes a hold meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// Deletes bytes that were released, unless a legal hold has come since: then they wait for its end.
pub(crate) async fn delete_blob(wib: &Wib, message: &Message) -> Result<Done> {
    let key: String = message.payload_field("key")?;
    let mut tx = match message.organization_id {
        Some(organization) => wib.store.org(organization).await?,
        None => return Err(Error::internal("the deletion of a blob has no organization")),
    };
    if let Some(recording) = id_in_key(&key)
        && let Some(recording) = Repo::<Recording>::find(&mut *tx, recording).await?
        && let Some(call) = tx.lock_call(recording.call_id).await?
    {
        match refuse_under_hold(&mut *tx, call.account_id, call.id).await {
            Err(held) if held.machine_code() == UNDER_HOLD => {
                return Ok(Done::wait(time::after(wib.now(), LOOK_AGAIN), "a legal hold covers the bytes"));
            }
            free => free?,
        }
    }
    // The lock of the chain is held until the bytes are gone: a hold comes before, and keeps them, or after.
    let deleted = time::timeout(&*wib.clock, PATIENCE, wib.blobs.delete(&key)).await;
    deleted.unwrap_or_else(|| Err(Error::timeout("the place of the blobs did not answer")))?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// Has the voice vendor forget a recording.
pub(crate) async fn forget_recording(wib: &Wib, message: &Message) -> Result<Done> {
    ours(message, wib.voice.vendor())?;
    let id: String = message.payload_field("vendor_id")?;
    gone(wib.voice.delete_recording(&id).await)
}

/// Has the transcriber forget a transcript and the audio it was made of.
pub(crate) async fn forget_transcript(wib: &Wib, message: &Message) -> Result<Done> {
    ours(message, wib.transcriber.vendor())?;
    let id: String = message.payload_field("vendor_id")?;
    gone(wib.transcriber.delete(&id).await)
}

/// A copy at a vendor that is no longer wired is a dead letter: somebody has to see to it.
fn ours(message: &Message, wired: &str) -> Result<()> {
    let vendor: String = message.payload_field("vendor")?;
    if vendor == wired { Ok(()) } else { Err(Error::invalid(format!("the vendor {vendor} is not wired any more"))) }
}

fn gone(outcome: std::result::Result<(), crate::ports::VendorError>) -> Result<Done> {
    match outcome {
        Err(missing) if missing.fault == Fault::Missing => Ok(Done::Ack),
        outcome => outcome.map(|()| Done::Ack).map_err(Into::into),
    }
}
