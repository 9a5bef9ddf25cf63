//! Audio that an organisation brings itself, and what is said in it.
//!
//! A file may be of a call; then it goes with what is known of the call's person. What is said in a file is heard once it is
//! asked for, and kept without payment data.
//!
//! | a transcription is | because |
//! |---|---|
//! | `processing` | it was asked for |
//! | `completed` | the words are here |
//! | `failed` | the transcriber could not, or never ended |

mod kind;
mod transcribe;
mod upload;

pub use kind::AudioKind;
use serde::{Deserialize, Serialize};
pub use transcribe::TranscribeAudio;
pub(crate) use transcribe::{ask, give_up, submit};
pub(crate) use upload::let_go;
pub use upload::{MOST_BYTES, UploadAudio};

use crate::{
    auth::UserId,
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

/// A file of audio that was brought. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFile {
    /// Its id.
    pub id: Id<AudioFile>,
    /// Of which call, when that was said.
    pub call_id: Option<CallId>,
    /// Where its bytes are.
    pub blob_key: String,
    /// What it was called, without what no name needs.
    pub original_name: String,
    /// What it is, as its first bytes say.
    pub content_type: String,
    /// Its bytes.
    pub size_bytes: i64,
    /// `sha256:<hex>` of them.
    pub media_hash: String,
    /// Who brought it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}
impl Record for AudioFile {
    const NAME: &'static str = "audio file";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// How the work on a transcription stands.
    pub enum TranscriptionStatus {
        /// It was asked for.
        Processing = "processing",
        /// The words are here.
        Completed = "completed",
        /// It could not be had.
        Failed = "failed",
    }
}

/// What is said in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioTranscription {
    /// Its id.
    pub id: Id<AudioTranscription>,
    /// In which file.
    pub audio_file_id: Id<AudioFile>,
    /// How the work on it stands.
    pub status: TranscriptionStatus,
    /// In which language, BCP 47: as asked, then as heard.
    pub language: String,
    /// At which transcriber.
    pub vendor: String,
    /// What the transcriber calls the audio.
    #[serde(skip_serializing)]
    #[serde(default)]
    pub audio_url: Option<String>,
    /// The transcriber's id of it.
    pub vendor_id: Option<String>,
    /// The words, a line per utterance, each led by its speaker.
    pub transcript: Option<String>,
    /// How sure the transcriber is, 0 to 1,000,000.
    pub confidence_ppm: Option<i64>,
    /// How many words.
    pub word_count: Option<i64>,
    /// How many pieces of payment data were taken out before it was kept.
    pub scrubbed: i64,
    /// Why it could not be had.
    pub error: Option<String>,
    /// False when a sandbox heard it.
    pub live: bool,
    /// Who asked for it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When it came, or was given up.
    pub completed_at: Option<Timestamp>,
}
impl Record for AudioTranscription {
    const NAME: &'static str = "transcription";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
