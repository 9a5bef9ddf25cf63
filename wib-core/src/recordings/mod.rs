//! Recordings: the vendor's audio, kept as a blob with its SHA-256.

mod keep;
mod read;
mod silence;
pub(crate) mod wav;

pub(crate) use keep::{fetch, give_up, id_in_key};
pub use read::ListRecordings;
use serde::{Deserialize, Serialize};
pub(crate) use silence::{silence, silence_given_up, withhold};

use crate::{
    blobs::Opened,
    calls::CallId,
    kit::{Id, OrNotFound, Result, time::Timestamp},
    ports::voice::VendorRecording,
    store::Record,
    text_enum,
    wib::Wib,
};

/// The id of a recording.
pub type RecordingId = Id<Recording>;

text_enum! {
    /// How a recording stands.
    pub enum RecordingStatus {
        /// At the vendor, to be fetched.
        Pending = "pending",
        /// Fetched and hashed.
        Completed = "completed",
        /// Could not be fetched.
        Failed = "failed",
        /// Deleted by hand; the row and its hash stay.
        Deleted = "deleted",
    }
}

/// A recording of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// Of which call.
    pub call_id: CallId,
    /// The vendor's id of it; once per call.
    pub vendor_id: String,
    /// Where it lies, once fetched.
    pub blob_key: Option<String>,
    /// `audio/mpeg` or `audio/wav`.
    pub content_type: String,
    /// Audio channels.
    pub channels: i64,
    /// Bytes, once fetched.
    pub size_bytes: Option<i64>,
    /// `sha256:<hex>` of the bytes, once fetched.
    pub media_hash: Option<String>,
    /// Length in milliseconds, when the vendor told.
    pub duration_ms: Option<i64>,
    /// Start of the audio, when the vendor told.
    pub started_at: Option<Timestamp>,
    /// How it stands.
    pub status: RecordingStatus,
    /// Not given out: payment data is being taken out of it.
    pub withheld: bool,
    /// What is to be known about it.
    pub note: Option<String>,
    /// False when a sandbox made it.
    pub live: bool,
    /// When it was saved at the vendor.
    pub created_at: Timestamp,
}
impl Recording {
    /// The length of a vendor's recording in milliseconds.
    #[must_use]
    pub fn length_ms(recording: &VendorRecording) -> Option<i64> {
        let (start, end) = (recording.started_at?, recording.ended_at?);
        Some((end.as_millisecond() - start.as_millisecond()).max(0))
    }
}
impl Recording {
    /// Its bytes, where they were kept and as many as were kept.
    pub(crate) async fn open(&self, wib: &Wib) -> Result<Opened> {
        let key = self.blob_key.as_deref().or_not_found("audio of the recording")?;
        Opened::open(wib, key, self.size_bytes, self.media_hash.clone()).await
    }
}
impl Record for Recording {
    const NAME: &'static str = "recording";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
