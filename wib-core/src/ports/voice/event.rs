//! What happens to a leg.

use serde::{Deserialize, Serialize};

use super::{Key, Keys, Leg, Spoken, Tracks};
use crate::{kit::time::Timestamp, text_enum};

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

text_enum! {
    /// How the playing of a sound ended.
    pub enum Ending {
        /// Played to its end.
        Whole = "whole",
        /// Cut off: by the end of the call, or by another order.
        Cut = "cut",
        /// It could not be fetched or played.
        Failed = "failed",
    }
}

text_enum! {
    /// How the collecting of keys ended.
    pub enum GatherEnding {
        /// With keys that will do.
        Valid = "valid",
        /// With keys that will not.
        Invalid = "invalid",
        /// Nobody pressed what was asked for in time.
        Timeout = "timeout",
        /// The call ended.
        Hangup = "hangup",
        /// Another order ended it.
        Cancelled = "cancelled",
        /// A word we do not know.
        Other = "other",
    }
}

text_enum! {
    /// Why a leg left its queue.
    pub enum DequeueReason {
        /// It was joined with somebody.
        Bridged = "bridged",
        /// It is about to be joined with somebody.
        Bridging = "bridging",
        /// It ended.
        Hangup = "hangup",
        /// It was taken out.
        Left = "left",
        /// It had waited long enough.
        Timeout = "timeout",
        /// A word we do not know.
        Other = "other",
    }
}

text_enum! {
    /// How far the far end's telephone system is with calling elsewhere.
    pub enum ReferState {
        /// It was asked.
        Started = "started",
        /// It did.
        Completed = "completed",
        /// It did not.
        Failed = "failed",
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
    /// A text was spoken to its end.
    SpeakEnded,
    /// A text was cut off: by the end of the call, or by another command.
    SpeakCut,
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
    /// It was put on hold.
    Held,
    /// It is back from hold.
    Resumed,
    /// A sound began.
    PlaybackStarted,
    /// A sound ended.
    PlaybackEnded {
        /// How.
        how: Ending,
    },
    /// The collecting of keys ended.
    GatherEnded {
        /// What was pressed; `None`: nothing, or it was dropped.
        keys: Option<Keys>,
        /// How.
        how: GatherEnding,
    },
    /// It waits in a queue.
    Enqueued {
        /// Which.
        queue: String,
        /// Its place, from 1, when told.
        position: Option<u32>,
    },
    /// It left its queue.
    Dequeued {
        /// Which.
        queue: String,
        /// Why.
        reason: DequeueReason,
        /// How long it waited, in seconds, when told.
        waited_seconds: Option<u32>,
    },
    /// Its sound goes to a WebSocket of ours.
    StreamStarted,
    /// It goes there no more.
    StreamStopped,
    /// It could not.
    StreamFailed {
        /// The vendor's reason.
        reason: String,
    },
    /// Its sound goes to an address of RTP.
    ForkStarted,
    /// It goes there no more.
    ForkStopped,
    /// Words were heard.
    Heard {
        /// Which; `None` once they were dropped.
        words: Option<Spoken>,
        /// Who said them: `Inbound` or `Outbound`.
        track: Tracks,
        /// Whether they are certain; otherwise others will take their place.
        last: bool,
        /// How sure, in thousandths, when told.
        confidence: Option<u16>,
    },
    /// The vendor wrote down what a recording holds.
    RecordingTranscribed {
        /// The vendor's id of the recording.
        recording_id: String,
        /// What; `None` once it was dropped.
        words: Option<Spoken>,
    },
    /// The far end's telephone system was asked to call elsewhere.
    Referred {
        /// How far it is.
        state: ReferState,
        /// Its status of SIP, when told.
        sip_status: Option<u16>,
    },
    /// Something happened in a conference that it is in, or opened.
    Conference {
        /// The vendor's id of it.
        id: String,
        /// What.
        what: ConferenceEvent,
    },
    /// A kind this version does not act on; kept by name.
    Other(String),
}

/// What happened in a conference. Of its opener is told what is everybody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConferenceEvent {
    /// It began.
    Created,
    /// It is over.
    Ended {
        /// The vendor's word for why.
        reason: String,
    },
    /// The leg came in.
    Joined,
    /// The leg went.
    Left,
    /// The leg has the floor: it talks now.
    Floor,
    /// A text began; `all`: for everybody, otherwise for the leg.
    SpeakStarted {
        /// For everybody.
        all: bool,
    },
    /// A text ended.
    SpeakEnded {
        /// For everybody.
        all: bool,
    },
    /// A sound began.
    PlaybackStarted {
        /// For everybody.
        all: bool,
    },
    /// A sound ended.
    PlaybackEnded {
        /// For everybody.
        all: bool,
    },
    /// A recording of it can be fetched.
    RecordingSaved(VendorRecording),
}

impl ConferenceEvent {
    /// The word of the timeline.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "conference.created",
            Self::Ended { .. } => "conference.ended",
            Self::Joined => "conference.joined",
            Self::Left => "conference.left",
            Self::Floor => "conference.floor",
            Self::SpeakStarted { .. } => "conference.speak.started",
            Self::SpeakEnded { .. } => "conference.speak.ended",
            Self::PlaybackStarted { .. } => "conference.playback.started",
            Self::PlaybackEnded { .. } => "conference.playback.ended",
            Self::RecordingSaved(_) => "conference.recording.saved",
        }
    }
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
            Self::SpeakCut => "call.speak.cut",
            Self::GreetingEnded { .. } => "call.greeting.ended",
            Self::KeyPressed { .. } => "call.key.pressed",
            Self::RecordingSaved(_) => "call.recording.saved",
            Self::RecordingFailed { .. } => "call.recording.failed",
            Self::Hangup { .. } => "call.hangup",
            Self::Cost { .. } => "call.cost",
            Self::Held => "call.held",
            Self::Resumed => "call.resumed",
            Self::PlaybackStarted => "call.playback.started",
            Self::PlaybackEnded { .. } => "call.playback.ended",
            Self::GatherEnded { .. } => "call.gather.ended",
            Self::Enqueued { .. } => "call.enqueued",
            Self::Dequeued { .. } => "call.dequeued",
            Self::StreamStarted => "call.stream.started",
            Self::StreamStopped => "call.stream.stopped",
            Self::StreamFailed { .. } => "call.stream.failed",
            Self::ForkStarted => "call.fork.started",
            Self::ForkStopped => "call.fork.stopped",
            Self::Heard { .. } => "call.heard",
            Self::RecordingTranscribed { .. } => "call.recording.transcribed",
            Self::Referred { .. } => "call.referred",
            Self::Conference { what, .. } => what.name(),
            Self::Other(name) => name,
        }
    }
    /// Drops keys and words, any of which may be part of a card's number, and so does for every place where such are;
    /// whether this is such an event.
    pub fn forget_secrets(&mut self) -> bool {
        match self {
            Self::KeyPressed { key } => *key = None,
            Self::GatherEnded { keys, .. } => *keys = None,
            Self::Heard { words, .. } | Self::RecordingTranscribed { words, .. } => *words = None,
            _ => return false,
        }
        true
    }
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
    fn what_may_be_a_card_is_forgotten_wherever_it_is() {
        let keys = || Keys::try_from("4111".to_owned()).ok();
        let words = || Some(Spoken::from("4111".to_owned()));
        for mut event in [
            VoiceEventKind::KeyPressed { key: Key::try_from('4').ok() },
            VoiceEventKind::GatherEnded { keys: keys(), how: GatherEnding::Valid },
            VoiceEventKind::Heard { words: words(), track: Tracks::Inbound, last: true, confidence: Some(977) },
            VoiceEventKind::RecordingTranscribed { recording_id: "r".to_owned(), words: words() },
        ] {
            assert!(!format!("{event:?}").contains("4111"));
            assert!(event.forget_secrets());
            let kept = serde_json::to_string(&event).unwrap();
            assert!(!kept.contains('4'), "{kept}");
        }
        assert!(!VoiceEventKind::Answered.forget_secrets());
    }
}
