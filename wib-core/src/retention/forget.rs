//! What follows a deletion: the bytes, and the vendors' copies. Each may run twice.

use crate::{
    engine::{Done, Message},
    kit::{Error, Result},
    ports::Fault,
    wib::Wib,
};

/// Deletes bytes that were released.
pub(crate) async fn delete_blob(wib: &Wib, message: &Message) -> Result<Done> {
    let key: String = message.payload_field("key")?;
    wib.blobs.delete(&key).await?;
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
