//! Usage: one immutable row for everything that costs.

use serde::{Deserialize, Serialize};

use crate::{
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

text_enum! {
    /// What was used.
    pub enum UsageKind {
        /// Talk time, in milliseconds.
        VoiceMs = "voice_ms",
        /// Transcribed audio, in milliseconds.
        TranscriptMs = "transcript_ms",
        /// Tokens a model read.
        InputTokens = "input_tokens",
        /// Tokens a model wrote.
        OutputTokens = "output_tokens",
    }
}

/// One thing that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Its id.
    pub id: Id<Usage>,
    /// In which call.
    pub call_id: CallId,
    /// What makes it one (`voice`, `transcript:<id>`); unique per call and kind.
    pub source: String,
    /// What.
    pub kind: UsageKind,
    /// How much, in the kind's unit.
    pub quantity: i64,
    /// Whose.
    pub vendor: String,
    /// Millionths of a US dollar; an unknown price stays unknown.
    pub cost_micros: Option<i64>,
    /// Version of the price book the cost was taken from; `None` when the vendor told it, or it is unknown.
    pub price_book: Option<String>,
    /// False when a sandbox was used: what it would have cost.
    pub live: bool,
    /// When.
    pub at: Timestamp,
}
impl Record for Usage {
    const NAME: &'static str = "usage";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
