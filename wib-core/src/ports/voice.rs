//! Placing and steering phone calls.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::VendorError;
use crate::{
    kit::{Error, Phone, time::Timestamp},
    text_enum,
};

/// A vendor that places and steers phone calls.
///
/// A command to a leg that is gone is refused with [`Fault::Missing`](super::Fault::Missing), but for a hang-up.
///
/// Every command carries a `key`: repeating it with the same key has no second effect for as long as the vendor
/// remembers (Telnyx: 60 s). Longer doubt is resolved by [`find`](Voice::find), never by dialling again blindly.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Voice: Send + Sync + fmt::Debug {
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
    /// Ends the recording of a leg; what was recorded is saved and told by
    /// [`RecordingSaved`](VoiceEventKind::RecordingSaved). The call goes on.
    async fn stop_recording(&self, leg: &Leg, key: &str) -> Result<(), VendorError>;
    /// Records nothing from now on, until [`resume_recording`](Voice::resume_recording): neither side is in the file.
    async fn pause_recording(&self, leg: &Leg, key: &str) -> Result<(), VendorError>;
    /// Goes on with a paused recording, in the same file.
    async fn resume_recording(&self, leg: &Leg, key: &str) -> Result<(), VendorError>;
    /// Has the vendor forget a recording, by its [id](VendorRecording::id). One that is gone already is a success.
    async fn delete_recording(&self, id: &str) -> Result<(), VendorError>;
    /// Presses keys into a leg: `0`-`9`, `A`-`D`, `*`, `#`; `w` waits half a second, `W` a whole one.
    async fn send_keys(&self, leg: &Leg, keys: &str, key: &str) -> Result<(), VendorError>;
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

/// A key that somebody pressed: `0`-`9`, `A`-`D`, `*` or `#`.
///
/// It may be part of a card's number or code (PCI DSS v4.0.1 requirement 3.3.1): `Debug` never shows it. Its JSON does;
/// [`EventBody::forget_keys`](super::webhook::EventBody::forget_keys) takes it out of what is to be kept.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Key(char);
impl Key {
    /// The key.
    #[must_use]
    pub fn reveal(self) -> char {
        self.0
    }
}
impl TryFrom<char> for Key {
    type Error = Error;
    fn try_from(key: char) -> Result<Self, Error> {
        match key.to_ascii_uppercase() {
            key @ ('0'..='9' | 'A'..='D' | '*' | '#') => Ok(Self(key)),
            _ => Err(Error::invalid("not a key of a telephone")),
        }
    }
}
impl From<Key> for char {
    fn from(key: Key) -> Self {
        key.0
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
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
    /// A machine's greeting ended: what is spoken from now on is left as a message.
    GreetingEnded {
        /// Whether its beep was heard.
        beep: bool,
    },
    /// The far end pressed a key.
    KeyPressed {
        /// Which; `None` once it was dropped, or when the vendor's word is no key.
        key: Option<Key>,
    },
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
            Self::GreetingEnded { .. } => "call.greeting.ended",
            Self::KeyPressed { .. } => "call.key.pressed",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_and_written_and_never_shown() {
        let pressed: VoiceEventKind = serde_json::from_str(r#"{"kind":"key_pressed","data":{"key":"7"}}"#).unwrap();
        assert_eq!(pressed, VoiceEventKind::KeyPressed { key: Key::try_from('7').ok() });
        assert_eq!(serde_json::to_string(&pressed).unwrap(), r#"{"kind":"key_pressed","data":{"key":"7"}}"#);
        let shown = format!("{pressed:?} {:?}", Key::try_from('7'));
        assert!(shown.contains("[redacted]") && !shown.contains('7'), "{shown}");
    }

    #[test]
    fn only_what_a_telephone_has_is_a_key() {
        for key in "0123456789ABCD*#".chars() {
            assert_eq!(Key::try_from(key).unwrap().reveal(), key);
        }
        assert_eq!(Key::try_from('a').unwrap().reveal(), 'A');
        for none in ['E', 'w', ' ', '\u{0667}', '+'] {
            assert!(Key::try_from(none).is_err(), "{none}");
        }
    }
}
