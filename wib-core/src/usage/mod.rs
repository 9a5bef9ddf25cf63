//! Usage: one immutable row for everything that costs, the sums of each day, told to the billing vendor's meters, and what
//! a plan lets be used in a month.

mod daily;
mod meters;
mod month;
mod prices;

pub(crate) use daily::aggregate;
use jiff::civil::Date;
pub(crate) use meters::report;
pub use meters::{CALLS, MINUTES};
pub use month::{MonthOfUse, Used};
pub(crate) use prices::of_completion;
pub use prices::{ListPrice, PriceBook};
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
        /// Recorded time, in milliseconds.
        RecordingMs = "recording_ms",
        /// Tokens a model read.
        InputTokens = "input_tokens",
        /// Tokens a model wrote.
        OutputTokens = "output_tokens",
        /// Characters that were said aloud.
        SpeechCharacters = "speech_characters",
    }
}

/// One thing that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Its id.
    pub id: Id<Usage>,
    /// In which call.
    pub call_id: CallId,
    /// What makes it one (`voice`, `leg:<id>`, `transcript:<id>`); unique per call and kind.
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

/// What an organisation used on a day, in UTC; one each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageStats {
    /// Its id.
    pub id: Id<UsageStats>,
    /// Which day.
    pub day: Date,
    /// Calls that were started on it.
    pub total_calls: i64,
    /// How long they took from their start to their end, in whole seconds.
    pub total_duration_seconds: i64,
    /// Those with a recording.
    pub total_recordings: i64,
    /// When it was added up.
    pub updated_at: Timestamp,
}
impl Record for UsageStats {
    const NAME: &'static str = "usage of a day";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// What a day came to, before it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DaySum {
    /// Calls.
    pub calls: i64,
    /// Seconds.
    pub seconds: i64,
    /// Calls with a recording.
    pub recordings: i64,
}
