//! Several legs in one conversation.
//!
//! Hold is a conference too: with both legs of a call in one, [`Hold`](ConferenceCommand::Hold) lets one of them hear music
//! and neither the other, until [`Resume`](ConferenceCommand::Resume).

use super::{Leg, Playback, Speak};
use crate::kit::time::Timestamp;

/// A conference to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenConference {
    /// Its name, of which only one goes on at a time.
    pub name: String,
    /// Idempotency key.
    pub key: String,
    /// Echoed in the events of the leg that opens it. `None`: the leg's tag stays as it is.
    pub tag: Option<String>,
    /// What participants on hold hear; `None`: nothing.
    pub music: Option<String>,
    /// Whether a beep tells of who comes and goes.
    pub beep: bool,
    /// How many it takes; `None`: the vendor's limit.
    pub max_participants: Option<u32>,
}
impl OpenConference {
    /// A conference without anything optional.
    pub fn new(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { name: name.into(), key: key.into(), tag: None, music: None, beep: false, max_participants: None }
    }
}

/// A conference that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conference {
    /// The vendor's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was opened, when told.
    pub opened_at: Option<Timestamp>,
}

/// Who is in a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Which leg.
    pub leg: Leg,
    /// Hears music, and nobody.
    pub on_hold: bool,
    /// Is heard by nobody.
    pub muted: bool,
    /// Whom alone they are heard by, by control id; empty: by all.
    pub whispers_to: Vec<String>,
}

/// What somebody may do in a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Hears all and is heard by all.
    #[default]
    Party,
    /// Hears all and is heard by nobody.
    Monitor,
    /// Hears all and is heard by these alone.
    Whisper(Vec<Leg>),
    /// A supervisor who hears all and is heard by all.
    Barge,
}

/// Something to do to a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceOrder {
    /// What.
    pub command: ConferenceCommand,
    /// Idempotency key.
    pub key: String,
}
impl ConferenceOrder {
    /// An order.
    pub fn new(command: ConferenceCommand, key: impl Into<String>) -> Self {
        Self { command, key: key.into() }
    }
}

/// What can be done to a conference. Where legs are listed, none means all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConferenceCommand {
    /// Takes a leg in.
    Join(Leg, Seat),
    /// Lets a leg go; it stays up.
    Leave(Leg),
    /// Gives a participant another role.
    Role(Leg, Role),
    /// These hear music and nobody.
    Hold {
        /// Who.
        legs: Vec<Leg>,
        /// What they hear; `None`: what the conference has for it.
        music: Option<String>,
    },
    /// These are back.
    Resume(Vec<Leg>),
    /// These are heard by nobody.
    Mute(Vec<Leg>),
    /// These are heard again.
    Unmute(Vec<Leg>),
    /// Speaks to these.
    Speak(Speak, Vec<Leg>),
    /// Plays to these.
    Play(Playback, Vec<Leg>),
    /// Stops what is played to these.
    StopPlaying(Vec<Leg>),
    /// Ends it, and with it every leg that is in it.
    End,
}

/// How a leg sits in a conference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// What it may do.
    pub role: Role,
    /// Begins on hold.
    pub on_hold: bool,
    /// Begins muted.
    pub muted: bool,
    /// The conference ends when it leaves.
    pub ends: bool,
    /// Echoed in its events from now on. `None`: the tag stays as it is.
    pub tag: Option<String>,
}
