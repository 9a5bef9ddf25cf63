//! What was heard, line by line.

use serde::{Deserialize, Serialize};

use crate::{
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
    translation::Language,
};

/// The id of a line.
pub type LineId = Id<LiveLine>;

text_enum! {
    /// Who speaks.
    pub enum Speaker {
        /// The person.
        Customer = "customer",
        /// Whoever speaks for the organisation, a machine too.
        Agent = "agent",
    }
}
impl Speaker {
    /// Who is spoken to.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Customer => Self::Agent,
            Self::Agent => Self::Customer,
        }
    }
}

text_enum! {
    /// Where a line was heard.
    pub enum LineSource {
        /// On the call, while it was spoken.
        Live = "live",
        /// In the recording, after the call, where nobody had heard it before.
        Recording = "recording",
    }
}

/// What one side said until a pause, heard while it was spoken. Never changed; assistive, never evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveLine {
    /// Its id.
    pub id: LineId,
    /// Of which call.
    pub call_id: CallId,
    /// Its place among the call's lines, from 0, in the order in which they were kept.
    pub line_index: i64,
    /// Who spoke.
    pub speaker: Speaker,
    /// The words, without payment data.
    pub text: String,
    /// BCP 47, when it is known.
    pub language: Option<String>,
    /// When the first word began.
    pub started_at: Timestamp,
    /// When the last word ended.
    pub ended_at: Timestamp,
    /// 0 to 1,000,000.
    pub confidence_ppm: i64,
    /// Where it was heard.
    pub source: LineSource,
    /// Who heard it.
    pub vendor: String,
    /// False when a sandbox heard it.
    pub live: bool,
    /// When it was kept.
    pub created_at: Timestamp,
}
impl Record for LiveLine {
    const NAME: &'static str = "line";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A line in another language. Assistive, never evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineTranslation {
    /// Its id.
    pub id: Id<LineTranslation>,
    /// Of which call.
    pub call_id: CallId,
    /// Of which line; one for each language.
    pub line_id: LineId,
    /// The line's place.
    pub line_index: i64,
    /// Who spoke.
    pub speaker: Speaker,
    /// The line's words.
    pub original: String,
    /// The words in the other language; the line's own where nobody could translate them.
    pub text: String,
    /// From which language, BCP 47.
    pub source_language: String,
    /// Into which.
    pub target_language: Language,
    /// 0 to 1,000,000; 0 when it is not translated.
    pub confidence_ppm: i64,
    /// Who translated; `wib` when there was nothing to translate, or nobody could.
    pub vendor: String,
    /// With which model; `copy` when there was nothing to translate, `none` when nobody could.
    pub model: String,
    /// False when a sandbox made it.
    pub live: bool,
    /// When it was made.
    pub created_at: Timestamp,
}
impl Record for LineTranslation {
    const NAME: &'static str = "translation";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
