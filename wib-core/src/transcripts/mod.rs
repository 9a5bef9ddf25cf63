//! Transcripts: versions that are only ever added.

mod by_order;
mod heed;
mod obtain;
mod scrub;

pub use by_order::{HeardByOrder, OrderTranscript, OrderedTranscript};
pub(crate) use obtain::{ask, fetch, give_up, submission, submit};
use serde::{Deserialize, Serialize};

use crate::{
    calls::CallId,
    json_column,
    kit::{Id, time::Timestamp},
    ports::transcriber::Utterance,
    recordings::RecordingId,
    store::Record,
    text_enum,
};

/// The id of a transcript version.
pub type TranscriptId = Id<Transcript>;

/// Who said what, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Utterances(pub Vec<Utterance>);
json_column!(Utterances);

/// One version of a recording's transcript. Never changed: a correction is the next version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// Its id.
    pub id: TranscriptId,
    /// Of which call.
    pub call_id: CallId,
    /// Of which recording.
    pub recording_id: RecordingId,
    /// From 1; unique per recording.
    pub version: i64,
    /// Who heard it.
    pub vendor: String,
    /// With which model.
    pub model: String,
    /// BCP 47.
    pub language: String,
    /// Who said what.
    pub utterances: Utterances,
    /// `sha256:<hex>` of the canonical utterances.
    pub transcript_hash: String,
    /// How many pieces of payment data were taken out of it before it was kept.
    pub scrubbed: i64,
    /// False when a sandbox made it.
    pub live: bool,
    /// When it arrived.
    pub created_at: Timestamp,
}
impl Transcript {
    /// The whole text, a line per utterance, each led by its speaker.
    #[must_use]
    pub fn text(&self) -> String {
        self.utterances.0.iter().map(|u| format!("{}: {}\n", u.speaker, u.text)).collect()
    }
}
impl Record for Transcript {
    const NAME: &'static str = "transcript";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// How the work on a transcript stands.
    pub enum TranscriptStatus {
        /// To be ordered.
        Queued = "queued",
        /// Ordered.
        Pending = "pending",
        /// Here.
        Completed = "completed",
        /// The vendor could not; will be tried again.
        Failed = "failed",
        /// Given up; by hand only.
        FailedPermanent = "failed_permanent",
    }
}

/// The work of getting one recording transcribed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptJob {
    /// Its id.
    pub id: Id<TranscriptJob>,
    /// Of which call.
    pub call_id: CallId,
    /// Of which recording; one job each.
    pub recording_id: RecordingId,
    /// At which vendor.
    pub vendor: String,
    /// What the vendor calls the uploaded audio.
    pub audio_url: Option<String>,
    /// The vendor's id of the order.
    pub vendor_id: Option<String>,
    /// How it stands.
    pub status: TranscriptStatus,
    /// Orders the vendor failed.
    pub failures: i64,
    /// Why it failed last.
    pub error: Option<String>,
    /// When the recording asked for it.
    pub created_at: Timestamp,
}
impl Record for TranscriptJob {
    const NAME: &'static str = "transcript job";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
