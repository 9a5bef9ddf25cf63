//! What happens in an organisation's calls, while it happens.
//!
//! Each thing is a row with its place in the organisation's sequence, written in the transaction that made it so, and told
//! to every node over the [`Bus`](crate::ports::Bus) after the commit. Places have no holes and no two things share one,
//! so whoever listens knows what was missed, and reads it. Only ids are told: who wants more asks for it, and is asked who
//! they are.

mod door;
mod ears;
mod fill;
mod follow;
mod injection;
mod keep;
mod keeper;
mod line;
mod listen;
mod open;
mod partial;
mod ring;
mod session;
mod sound;
mod speak;
mod stream;
mod translate;
mod translated;
mod watch;

pub use door::{Admitted, MediaIn, MediaSocket};
pub use ears::EarPolicy;
pub(crate) use fill::fill;
pub use injection::{Injection, InjectionId, InjectionStatus};
pub use keep::{HeardLine, HeardWord};
pub use line::{LineId, LineSource, LineTranslation, LiveLine, Speaker};
pub use listen::Listen;
pub(crate) use open::{absorb, ask, open};
pub use partial::Speaking;
pub(crate) use partial::speaking;
use serde::{Deserialize, Serialize};
pub(crate) use speak::{hush, played, speak, speak_given_up};
pub use stream::{LiveGap, MediaStream, StreamId, StreamStatus};
pub(crate) use translate::{translate, translate_given_up};
use uuid::Uuid;
pub use watch::{Watch, WatchCalls, Watched};

use crate::{calls::CallId, kit::time::Timestamp, orgs::OrganizationId, text_enum};

text_enum! {
    /// What is new.
    pub enum LiveKind {
        /// A call began or went on; the subject is the call.
        Call = "call",
        /// A recording is kept; the subject is the recording.
        Recording = "recording",
        /// A transcript is there; the subject is the transcript.
        Transcript = "transcript",
        /// A translation is there; the subject is the translation.
        Translation = "translation",
        /// An analysis is there; the subject is the analysis.
        Analysis = "analysis",
        /// A line was heard while it was spoken; the subject is the line.
        Line = "line",
        /// A line is there in another language; the subject is the line's translation.
        LineTranslation = "line_translation",
        /// Nobody hears what is said, or somebody does again; the subject is the gap.
        Gap = "gap",
        /// A line was judged; the subject is the score.
        Sentiment = "sentiment",
        /// There is advice; the subject is the advice.
        Assist = "assist",
    }
}

/// Something that happened in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveEvent {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Its place in the organisation's sequence: the first is 1, the next is one more. Where to go on from.
    pub seq: i64,
    /// What is new.
    pub kind: LiveKind,
    /// The call.
    pub call_id: CallId,
    /// What it is about; its kind follows from `kind`.
    pub subject_id: Uuid,
    /// When it was written.
    pub created_at: Timestamp,
}
