//! What a leg is told to do.

use super::{Destination, Keys, Leg, Role, SipUri};
use crate::{kit::Phone, text_enum};

/// A call to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Whom to call.
    pub to: Destination,
    /// The number shown.
    pub from: Phone,
    /// The name shown beside it, where the carriers show one.
    pub caller_name: Option<String>,
    /// Echoed by the vendor in every event of the call.
    pub tag: String,
    /// Idempotency key.
    pub key: String,
    /// Whether to find out if a machine answered.
    pub detection: Detection,
    /// How long to let it ring, in seconds (47 CFR 64.1200(a)(6): at least 15).
    pub ring_seconds: u32,
    /// Where events go; `None`: where the vendor's account says.
    pub webhook_url: Option<String>,
    /// The leg for whose sake it is dialled.
    pub link: Option<Link>,
    /// The call that its callee is to hear.
    pub supervise: Option<Supervise>,
    /// Headers for the far end, where that speaks SIP.
    pub headers: Vec<SipHeader>,
}
impl Dial {
    /// A call without anything optional: 30 seconds of ringing, no detection.
    pub fn new(to: impl Into<Destination>, from: Phone, tag: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            from,
            caller_name: None,
            tag: tag.into(),
            key: key.into(),
            detection: Detection::Off,
            ring_seconds: 30,
            webhook_url: None,
            link: None,
            supervise: None,
            headers: Vec::new(),
        }
    }
}

text_enum! {
    /// Whether to find out if a machine answered.
    #[derive(Default)]
    pub enum Detection {
        /// Takes whoever answers.
        #[default]
        Off = "off",
        /// The vendor's plain detector.
        Standard = "standard",
        /// The vendor's best: it knows homes, businesses, fax and silence.
        Premium = "premium",
    }
}

/// The leg that another is dialled for: both are of one call then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The leg that is up.
    pub leg: Leg,
    /// Joins the two when the new one is answered.
    pub bridge: bool,
}

/// A call that the person dialled listens to, from the answer on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supervise {
    /// The leg beside which they are: `Whisper` is heard by this one.
    pub leg: Leg,
    /// What they may do; [`Role::Party`] is taken as [`Role::Barge`].
    pub role: Role,
}

/// A header of SIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipHeader {
    /// Such as `X-Wib-Call`.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Something to do to a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub command: Command,
    /// Idempotency key.
    pub key: String,
    /// Echoed in the events of it and after it. `None`: the tag stays as it is.
    pub tag: Option<String>,
}
impl Order {
    /// An order that leaves the tag as it is.
    pub fn new(command: Command, key: impl Into<String>) -> Self {
        Self { command, key: key.into(), tag: None }
    }
    /// The same order with a tag for its events.
    #[must_use]
    pub fn tagged(self, tag: impl Into<String>) -> Self {
        Self { tag: Some(tag.into()), ..self }
    }
}

/// What can be done to a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Takes a call that rings at us.
    Answer(Answer),
    /// Turns a call away that rings at us.
    Reject(Rejection),
    /// Ends it. A leg that is gone already is a success.
    HangUp,
    /// Joins it with another leg.
    Bridge(Bridge),
    /// Dials a third party and joins it with them; whoever was joined with it before is let go.
    Transfer(Transfer),
    /// Asks the far end's own telephone system to call there instead (SIP REFER).
    Refer(SipUri),
    /// Speaks a text.
    Speak(Speak),
    /// Plays a sound.
    Play(Playback),
    /// Stops what is played or spoken, and what waits behind it.
    StopPlaying,
    /// Collects keys.
    Gather(Gather),
    /// Stops collecting; what was pressed so far is told.
    StopGathering,
    /// Presses keys.
    SendKeys(Keys),
    /// Records, or has the recording stop, pause, go on.
    Record(Record),
    /// Sends the sound to a WebSocket of ours, and takes sound from it.
    Stream(Stream),
    /// Ends every such stream.
    StopStreaming,
    /// Sends the sound to an address of RTP: older than [`Command::Stream`], and one way only.
    Fork(Fork),
    /// Ends it.
    StopForking,
    /// Has the vendor write down what is said while it is said.
    Transcribe(Transcribe),
    /// Ends it.
    StopTranscribing,
    /// Has it wait in a queue.
    Enqueue(Enqueue),
    /// Takes it out of its queue.
    LeaveQueue,
    /// Gives a leg that was dialled to [`Supervise`] another role.
    SwitchRole(Role),
}

/// How a call is taken. A [stream](Command::Stream) is started once it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Where its events go from now on; `None`: where the vendor's account says.
    pub webhook_url: Option<String>,
    /// Records both sides from the answer on, each on its own channel.
    pub record: bool,
    /// Transcribes from the answer on.
    pub transcribe: Option<Transcribe>,
    /// Headers for the far end, where that speaks SIP.
    pub headers: Vec<SipHeader>,
}

text_enum! {
    /// What a caller is told who is turned away.
    pub enum Rejection {
        /// The line is busy.
        Busy = "busy",
        /// Nobody wants to talk.
        Rejected = "rejected",
    }
}

/// With whom a leg is joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    /// The other leg.
    pub with: Leg,
    /// This leg stays up when the other one ends or is taken away.
    pub park: bool,
    /// Records the joined call, each side on its own channel.
    pub record: bool,
    /// This leg hears ringing until the other is answered.
    pub ringtone: bool,
    /// Refused when either is joined already.
    pub once: bool,
}

/// Where a leg is handed on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Whom to call.
    pub to: Destination,
    /// The number shown to them; `None`: the vendor takes the one that the leg shows.
    pub from: Option<Phone>,
    /// The name shown beside it.
    pub caller_name: Option<String>,
    /// How long to let it ring, in seconds.
    pub ring_seconds: u32,
    /// A sound that they hear before they are joined: who is coming.
    pub whisper: Option<String>,
    /// Whether to find out if a machine answered.
    pub detection: Detection,
    /// Records the joined call, each side on its own channel.
    pub record: bool,
    /// The handed-on leg stays up when the new one ends.
    pub park: bool,
    /// The tag of the new leg's events.
    pub target_tag: Option<String>,
    /// Where the new leg's events go; `None`: where the vendor's account says.
    pub webhook_url: Option<String>,
    /// Headers for the far end, where that speaks SIP.
    pub headers: Vec<SipHeader>,
}
impl Transfer {
    /// A transfer without anything optional: 30 seconds of ringing, no detection.
    pub fn new(to: impl Into<Destination>) -> Self {
        Self {
            to: to.into(),
            from: None,
            caller_name: None,
            ring_seconds: 30,
            whisper: None,
            detection: Detection::Off,
            record: false,
            park: false,
            target_tag: None,
            webhook_url: None,
            headers: Vec::new(),
        }
    }
}

/// A text to speak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speak {
    /// The words.
    pub text: String,
    /// Their language, BCP 47.
    pub language: String,
    /// The vendor's name of a voice; `None`: the adapter's.
    pub voice: Option<String>,
    /// Who hears it. In a conference, its own list says so.
    pub target: Target,
}

/// A sound to play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Playback {
    /// Where it is: MP3 or WAV.
    pub url: String,
    /// How often.
    pub repeat: Repeat,
    /// Who hears it. In a conference, its own list says so.
    pub target: Target,
    /// Mixed into what is spoken or played at the same time, not put behind it.
    pub overlay: bool,
}

/// How often a sound is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// So many times, at least once.
    Times(u32),
    /// Until it is stopped.
    Forever,
}
impl Default for Repeat {
    fn default() -> Self {
        Self::Times(1)
    }
}

text_enum! {
    /// Who hears what is spoken or played.
    #[derive(Default)]
    pub enum Target {
        /// This leg.
        #[default]
        Own = "own",
        /// The leg that it is joined with.
        Opposite = "opposite",
        /// Both.
        Both = "both",
    }
}

/// Which keys to collect. It ends by [`GatherEnded`](super::VoiceEventKind::GatherEnded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gather {
    /// What is said or played before; keys pressed meanwhile count.
    pub prompt: Option<Prompt>,
    /// What is said or played after keys that will not do, before they are asked for again: of the prompt's kind.
    pub retry_prompt: Option<String>,
    /// How often a prompt is given in all.
    pub tries: u32,
    /// At least so many keys.
    pub min: u32,
    /// At most so many: then it is over.
    pub max: u32,
    /// Which keys count.
    pub valid: String,
    /// The key that ends it, and is not told.
    pub terminator: char,
    /// How long to wait for the first key, in milliseconds.
    pub first_ms: u32,
    /// How long to wait from one key to the next, in milliseconds.
    pub next_ms: u32,
}
impl Default for Gather {
    /// One key or more, ended by `#`, without a prompt: a minute for the first, five seconds for each that follows.
    fn default() -> Self {
        Self {
            prompt: None,
            retry_prompt: None,
            tries: 1,
            min: 1,
            max: 128,
            valid: "0123456789#*".to_owned(),
            terminator: '#',
            first_ms: 60_000,
            next_ms: 5_000,
        }
    }
}

/// What is said or played before keys are collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A text.
    Speak(Speak),
    /// A sound, by its address.
    Audio(String),
}

text_enum! {
    /// What becomes of a recording: both sides, each on its own channel.
    pub enum Record {
        /// Starts it.
        Start = "start",
        /// Ends it; what was recorded is saved and told.
        Stop = "stop",
        /// Records nothing until it goes on: no side is in the file.
        Pause = "pause",
        /// Goes on, in the same file.
        Resume = "resume",
    }
}

/// Sound to a WebSocket of ours: the messages are [`media`](crate::ports::media)'s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Where the vendor connects to: `wss://..`.
    pub url: String,
    /// Whose sound.
    pub tracks: Tracks,
    /// In which codec the sound is to come; `None`: the call's own.
    pub codec: Option<crate::ports::media::Codec>,
    /// Whether the leg hears what we send back, and in which codec; `None`: nothing is taken.
    pub talkback: Option<Talkback>,
    /// Comes back with the connection, to prove that it is the vendor's.
    pub token: Option<String>,
}

/// How sound that we send is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talkback {
    /// In which codec.
    pub codec: crate::ports::media::Codec,
    /// Samples a second.
    pub rate: u32,
    /// Who hears it.
    pub target: Target,
}

text_enum! {
    /// Whose sound or words.
    #[derive(Default)]
    pub enum Tracks {
        /// What comes from the far end.
        #[default]
        Inbound = "inbound",
        /// What goes there.
        Outbound = "outbound",
        /// Both, apart.
        Both = "both",
    }
}

/// Sound to addresses of RTP, such as `udp:192.0.2.1:9000`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fork {
    /// Where that which comes from the far end goes.
    pub inbound: Option<String>,
    /// Where that which goes there goes too.
    pub outbound: Option<String>,
}

/// What to write down, and how. It comes as [`Heard`](super::VoiceEventKind::Heard).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcribe {
    /// By what.
    pub engine: Engine,
    /// The language, BCP 47; `None`: the engine's own choice.
    pub language: Option<String>,
    /// Whose words.
    pub tracks: Tracks,
    /// Tells words before they are certain, too.
    pub interim: bool,
}

text_enum! {
    /// What writes down.
    #[derive(Default)]
    pub enum Engine {
        /// Google's.
        #[default]
        Google = "google",
        /// The vendor's own.
        Own = "own",
        /// Deepgram's.
        Deepgram = "deepgram",
    }
}

/// A queue to wait in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueue {
    /// Its name; made when it is new.
    pub queue: String,
    /// Refused when so many wait.
    pub max_size: u32,
    /// Taken out after so many seconds; `None`: never.
    pub max_wait_seconds: Option<u32>,
}
impl Enqueue {
    /// A queue of at most a hundred, for as long as it takes.
    pub fn new(queue: impl Into<String>) -> Self {
        Self { queue: queue.into(), max_size: 100, max_wait_seconds: None }
    }
}
