//! Faults on order: a vendor that refuses, is silent, or does what was asked and loses the answer.

use serde::{Deserialize, Serialize};

/// What goes wrong, for which requests, how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The vendor's name, such as `telnyx`; `recordings`, where they are fetched; or `*`.
    pub vendor: String,
    /// The operation's name (see the table in [`super`]), or `*`.
    pub operation: String,
    /// How many requests meet it.
    pub times: u32,
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The vendor answers with this status instead of doing anything.
    Status {
        /// The status of HTTP.
        status: u16,
        /// `Retry-After`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
    /// Nothing is done and no answer ever comes.
    #[serde(alias = "timeout", alias = "timeout-before-effect")]
    TimeoutBeforeEffect,
    /// It is done, and no answer ever comes.
    #[serde(alias = "timeout-after-effect")]
    TimeoutAfterEffect,
    /// It is done, and the connection breaks. On a port: status 502.
    #[serde(alias = "reset-after-effect")]
    ResetAfterEffect,
    /// It is done, and the answer is not what it should be: half a JSON text.
    #[serde(alias = "garbled-after-effect")]
    GarbledAfterEffect,
    /// It is done, and the connection breaks in the midst of the answer. On a port: the first half.
    #[serde(alias = "cut-after-effect")]
    CutAfterEffect,
    /// It is done, and the answer says so and then fails in words: an error among the events of a stream, or with a 200.
    #[serde(alias = "error-inside")]
    ErrorInside,
    /// No connection is made. On a port: status 502.
    #[serde(alias = "no-connection")]
    NoConnection,
    /// Of a stream's frames one in so many is lost. This and those below are met by streams of sound alone, by the
    /// operation `media` of telnyx; several may be met at once.
    FramesLost {
        /// One in so many, by chance.
        one_in: u32,
    },
    /// One in so many comes twice.
    FramesDoubled {
        /// One in so many, by chance.
        one_in: u32,
    },
    /// One in so many comes after its neighbour on the track.
    FramesSwapped {
        /// One in so many, by chance.
        one_in: u32,
    },
    /// Before one in so many comes text that is no message.
    FramesGarbled {
        /// One in so many, by chance.
        one_in: u32,
    },
    /// The stream says 16000 samples a second where it brings 8000, and 8000 where it brings more.
    WrongRate,
    /// Samples of 16 bits come with the high byte first.
    BigEndian,
    /// The connection breaks after so many frames, without a word.
    CutAfterFrames {
        /// How many.
        frames: u32,
    },
}

impl FaultKind {
    /// Whether it is met by the frames of a stream, and by no request.
    pub(crate) fn on_frames(self) -> bool {
        matches!(
            self,
            Self::FramesLost { .. }
                | Self::FramesDoubled { .. }
                | Self::FramesSwapped { .. }
                | Self::FramesGarbled { .. }
                | Self::WrongRate
                | Self::BigEndian
                | Self::CutAfterFrames { .. }
        )
    }
}

impl Fault {
    pub(crate) fn hits(&self, vendor: &str, operation: &str) -> bool {
        let fits = |ours: &str, theirs: &str| ours == "*" || ours == theirs;
        self.times > 0 && fits(&self.vendor, vendor) && fits(&self.operation, operation)
    }
}

/// What goes wrong in a stream of speech that was opened, of whichever vendor hears it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveFault {
    /// How many words are heard, and told, before; 0: from the beginning. What comes with the last of them in the same
    /// piece of audio is told too.
    #[serde(default)]
    pub after_words: usize,
    /// Whether every stream of that vendor meets it, until faults are cleared; otherwise the next one alone does.
    #[serde(default)]
    pub every: bool,
    /// What goes wrong.
    #[serde(flatten)]
    pub what: LiveTrouble,
}

/// What goes wrong in a stream of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LiveTrouble {
    /// It is refused with a 503, whatever was heard.
    Refused,
    /// The vendor says what went wrong in its own words, and closes.
    Error,
    /// The connection stays, and nothing whatever comes back by it, no answer to a ping either.
    HalfOpen,
    /// The vendor listens, is alive, and tells of no word any more.
    NoResults,
    /// Words are told that may still change, and no turn ever ends.
    PartialsOnly,
    /// Each result comes that long after the one before it, so that they fall behind ever more.
    Late {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// Of two results that are final, the second comes first.
    OutOfOrder,
    /// The connection breaks.
    Cut,
}
