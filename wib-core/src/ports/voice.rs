//! Placing and steering phone calls.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::VendorError;
use crate::{
    kit::{Phone, time::Timestamp},
    text_enum,
};

/// A vendor that places and steers phone calls.
///
/// Every command carries a `key`: repeating it with the same key has no second effect for as long as the vendor
/// remembers (Telnyx: 60 s). Longer doubt is resolved by [`find`](Voice::find), never by dialling again blindly.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Voice: Send + Sync + std::fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox: what it makes is marked so everywhere.
    fn live(&self) -> bool;
    /// The number shown when a call names none.
    fn default_number(&self) -> Option<Phone>;
    /// Places a call.
    async fn dial(&self, dial: &Dial) -> Result<Leg, VendorError>;
    /// Ends a leg. A leg that is gone already is a success.
    async fn hang_up(&self, leg: &Leg, key: &str) -> Result<(), VendorError>;
    /// Speaks a text into a leg.
    async fn speak(&self, leg: &Leg, speak: &Speak) -> Result<(), VendorError>;
    /// Starts recording both sides of a leg, each on its own channel.
    async fn start_recording(&self, leg: &Leg, key: &str) -> Result<(), VendorError>;
    /// Looks for the call that was dialled with this tag since then: what became of a dial nobody saw the answer of.
    ///
    /// `Ok(None)` means that the vendor knows of no such call.
    async fn find(&self, tag: &str, to: &Phone, since: Timestamp) -> Result<Option<Leg>, VendorError>;
    /// What the vendor knows of a leg now: for calls whose events never came.
    async fn inspect(&self, leg: &Leg) -> Result<Inspection, VendorError>;
    /// Fetches a recording's bytes, at most `limit` of them.
    async fn fetch_recording(&self, recording: &VendorRecording, limit: u64) -> Result<Bytes, VendorError>;
}

/// A call to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Whom to call.
    pub to: Phone,
    /// The number shown.
    pub from: Phone,
    /// Echoed by the vendor in every event of the call.
    pub tag: String,
    /// Idempotency key.
    pub key: String,
    /// Whether to find out if a machine answered.
    pub detect_machine: bool,
    /// How long to let it ring, in seconds (47 CFR 64.1200(a)(6): at least 15).
    pub ring_seconds: u32,
    /// Where events go; `None`: where the vendor's account says.
    pub webhook_url: Option<String>,
}

/// A text to speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speak {
    /// The words.
    pub text: String,
    /// Their language, BCP 47.
    pub language: String,
    /// Echoed in the events of this utterance and after it.
    pub tag: String,
    /// Idempotency key.
    pub key: String,
}

/// The vendor's names of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Leg {
    /// The handle for commands. Some events lack it.
    pub control_id: Option<String>,
    /// One signalling relation.
    pub leg_id: Option<String>,
    /// The call it belongs to.
    pub session_id: Option<String>,
}

impl Leg {
    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
    /// Takes over what was not known; whether anything was new.
    pub fn learn(&mut self, other: &Self) -> bool {
        let before = self.clone();
        self.control_id = self.control_id.take().or_else(|| other.control_id.clone());
        self.leg_id = self.leg_id.take().or_else(|| other.leg_id.clone());
        self.session_id = self.session_id.take().or_else(|| other.session_id.clone());
        *self != before
    }
}

text_enum! {
    /// Which side started the call.
    pub enum Direction {
        /// We called.
        Outbound = "outbound",
        /// They called.
        Inbound = "inbound",
    }
}

text_enum! {
    /// Who answered, as far as the vendor can tell.
    pub enum AnsweredBy {
        /// A person.
        Human = "human",
        /// An answering machine or voicemail.
        Machine = "machine",
        /// A fax or modem.
        Fax = "fax",
        /// Nobody spoke.
        Silence = "silence",
        /// The detector could not tell.
        NotSure = "not_sure",
    }
}

text_enum! {
    /// Why a call ended, from the vendor's cause.
    pub enum HangupCause {
        /// Somebody hung up.
        Normal = "normal",
        /// The line was busy.
        Busy = "busy",
        /// It rang and nobody answered.
        NoAnswer = "no_answer",
        /// The callee refused.
        Rejected = "rejected",
        /// There is no such number in service.
        NotInService = "not_in_service",
        /// The caller gave up before an answer.
        Canceled = "canceled",
        /// The carrier or the vendor failed before the call reached the number.
        CarrierError = "carrier_error",
        /// A limit of time was reached.
        TimeLimit = "time_limit",
        /// A cause we do not know.
        Other = "other",
    }
}

/// A recording at the vendor, ready to be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorRecording {
    /// The vendor's id of it.
    pub id: String,
    /// Where its bytes are; expires after minutes.
    pub url: String,
    /// `audio/mpeg` or `audio/wav`.
    pub content_type: String,
    /// 1 or 2.
    pub channels: u8,
    /// Start of the audio, when told.
    pub started_at: Option<Timestamp>,
    /// End of the audio, when told.
    pub ended_at: Option<Timestamp>,
}

/// Something that happened to a leg. Events may come twice, late, and in any order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceEvent {
    /// The vendor's id of the event; repeats carry the same.
    pub id: String,
    /// Which leg.
    pub leg: Leg,
    /// When it happened, on the vendor's clock.
    pub at: Timestamp,
    /// The tag of the command that set it last, as the vendor echoed it.
    pub tag: Option<String>,
    /// What happened.
    pub what: VoiceEventKind,
}

/// What happened to a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VoiceEventKind {
    /// The call exists at the vendor.
    Initiated {
        /// Which side started it.
        direction: Direction,
        /// The number shown.
        from: String,
        /// The number called.
        to: String,
    },
    /// The far end rings.
    Ringing,
    /// Somebody or something picked up.
    Answered,
    /// Joined with another leg.
    Bridged,
    /// Who answered.
    AnsweredBy(AnsweredBy),
    /// A spoken text began.
    SpeakStarted,
    /// A spoken text ended.
    SpeakEnded,
    /// A recording can be fetched.
    RecordingSaved(VendorRecording),
    /// A recording was not kept.
    RecordingFailed {
        /// The vendor's reason.
        reason: String,
    },
    /// The leg ended.
    Hangup {
        /// Why.
        cause: HangupCause,
        /// The vendor's own word for it.
        vendor_cause: String,
    },
    /// What the leg cost, in millionths of the currency's unit.
    Cost {
        /// Amount in millionths.
        micros: i64,
        /// ISO 4217.
        currency: String,
    },
    /// A kind this version does not act on; kept by name.
    Other(String),
}

impl VoiceEventKind {
    /// The word of the timeline.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Initiated { .. } => "call.initiated",
            Self::Ringing => "call.ringing",
            Self::Answered => "call.answered",
            Self::Bridged => "call.bridged",
            Self::AnsweredBy(_) => "call.answered_by",
            Self::SpeakStarted => "call.speak.started",
            Self::SpeakEnded => "call.speak.ended",
            Self::RecordingSaved(_) => "call.recording.saved",
            Self::RecordingFailed { .. } => "call.recording.failed",
            Self::Hangup { .. } => "call.hangup",
            Self::Cost { .. } => "call.cost",
            Self::Other(name) => name,
        }
    }
}

/// What a vendor knows of a leg, asked instead of told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Whether the leg still lives.
    pub alive: bool,
    /// Its past events, as far as the vendor keeps them.
    pub events: Vec<VoiceEvent>,
}
