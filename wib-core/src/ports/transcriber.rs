//! Turning recordings into text.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::VendorError;

/// A vendor that turns recordings into text.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Transcriber: Send + Sync + std::fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Gives the audio to the vendor; the answer names it. Repeating wastes an upload, nothing else.
    async fn upload(&self, audio: Bytes, content_type: &str) -> Result<String, VendorError>;
    /// Orders a transcript of uploaded audio; the answer is the vendor's id of it.
    async fn submit(&self, order: &TranscriptOrder) -> Result<String, VendorError>;
    /// Looks for an order whose answer nobody saw, by its audio.
    async fn find(&self, audio_url: &str) -> Result<Option<String>, VendorError>;
    /// How a transcript stands.
    async fn fetch(&self, id: &str) -> Result<TranscriptState, VendorError>;
    /// Deletes the vendor's copy.
    async fn delete(&self, id: &str) -> Result<(), VendorError>;
}

/// An order for a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptOrder {
    /// What [`Transcriber::upload`] answered.
    pub audio_url: String,
    /// Audio channels: 2 gives a speaker per channel, 1 asks for speaker labels.
    pub channels: u8,
    /// BCP 47; `None` lets the vendor find out.
    pub language: Option<String>,
    /// Where to say that it is ready; `None`: we ask.
    pub webhook_url: Option<String>,
}

/// How a transcript stands at the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TranscriptState {
    /// Not yet.
    Pending,
    /// Here it is.
    Done(Box<RawTranscript>),
    /// The vendor gave up; its words.
    Failed(String),
}

/// A transcript as the vendor gave it. Times in milliseconds from the start of the audio, confidence in millionths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawTranscript {
    /// The model that heard it.
    pub model: String,
    /// BCP 47, as detected or asked.
    pub language: String,
    /// Who said what, in order of start.
    pub utterances: Vec<Utterance>,
    /// Length of the audio in milliseconds.
    pub audio_ms: i64,
}

/// What one speaker said without a break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Utterance {
    /// `agent`, `customer`, or the vendor's label.
    pub speaker: String,
    /// Start in milliseconds.
    pub start_ms: i64,
    /// End in milliseconds.
    pub end_ms: i64,
    /// The words.
    pub text: String,
    /// 0 to 1,000,000.
    pub confidence_ppm: i64,
}
