//! Placing and steering phone calls.
//!
//! A leg is steered by an [`Order`]: what to do ([`Command`]), under a key. A conference is steered by a
//! [`ConferenceOrder`] the same way. What comes of it is told by a [`VoiceEvent`].

mod conference;
mod event;
mod order;
mod words;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, future, stream, stream::BoxStream};
use serde::{Deserialize, Serialize};

pub use self::{
    conference::{Conference, ConferenceCommand, ConferenceOrder, OpenConference, Participant, Role, Seat},
    event::{
        AnsweredBy, ConferenceEvent, DequeueReason, Direction, Ending, GatherEnding, HangupCause, ReferState,
        VendorRecording, VoiceEvent, VoiceEventKind,
    },
    order::{
        Answer, Bridge, Command, Detection, Dial, Engine, Enqueue, Fork, Gather, Link, Order, Playback, Prompt, Record,
        Rejection, Repeat, SipHeader, Speak, Stream, Supervise, Talkback, Target, Tracks, Transcribe, Transfer,
    },
    words::{Destination, Key, Keys, SipUri, Spoken},
};
use super::{Fault, Sent, VendorError};
use crate::kit::{Phone, time::Timestamp};

/// A vendor that places and steers phone calls.
///
/// An order to a leg that is gone is refused with [`Fault::Missing`], but for a hang-up.
///
/// Every order carries a `key`: repeating it with the same key has no second effect for as long as the vendor
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
    /// Does something to a leg.
    async fn steer(&self, leg: &Leg, order: &Order) -> Result<(), VendorError>;
    /// Has the events of a leg echo this tag from now on.
    async fn retag(&self, leg: &Leg, tag: &str) -> Result<(), VendorError>;
    /// Who waits in a queue, the next first. A queue that nobody ever entered is empty.
    async fn queue(&self, name: &str) -> Result<Vec<Queued>, VendorError>;
    /// Opens a conference with a leg as its first participant, and answers its id.
    async fn open_conference(&self, leg: &Leg, open: &OpenConference) -> Result<String, VendorError>;
    /// The conference of that name that goes on: what became of an opening nobody saw the answer of.
    async fn find_conference(&self, name: &str) -> Result<Option<Conference>, VendorError>;
    /// Who is in a conference.
    async fn participants(&self, conference: &str) -> Result<Vec<Participant>, VendorError>;
    /// Does something to a conference, or to who is in it.
    async fn confer(&self, conference: &str, order: &ConferenceOrder) -> Result<(), VendorError>;
    /// Has the vendor forget a recording, by its [id](VendorRecording::id). One that is gone already is a success.
    async fn delete_recording(&self, id: &str) -> Result<(), VendorError>;
    /// Looks for the call that was dialled with this tag since then: what became of a dial nobody saw the answer of.
    ///
    /// `Ok(None)` means that the vendor knows of no such call.
    async fn find(&self, tag: &str, to: &Destination, since: Timestamp) -> Result<Option<Leg>, VendorError>;
    /// What the vendor knows of a leg now: for calls whose events never came.
    async fn inspect(&self, leg: &Leg) -> Result<Inspection, VendorError>;
    /// Fetches a recording's bytes, at most `limit` of them.
    async fn fetch_recording(&self, recording: &VendorRecording, limit: u64) -> Result<Bytes, VendorError>;

    /// The same piece by piece as it comes, so that nobody holds it whole. Nothing is repeated once it has begun.
    async fn stream_recording(&self, recording: &VendorRecording, limit: u64) -> Result<RecordingPieces, VendorError> {
        let bytes = self.fetch_recording(recording, limit).await?;
        Ok(stream::once(future::ready(Ok(bytes))).boxed())
    }

    /// Ends a leg. A leg that is gone already is a success.
    async fn hang_up(&self, leg: &Leg, key: &str) -> Result<(), VendorError> {
        self.steer(leg, &Order::new(Command::HangUp, key)).await
    }
    /// Starts recording both sides of a leg, each on its own channel.
    async fn start_recording(&self, leg: &Leg, key: &str) -> Result<(), VendorError> {
        self.steer(leg, &Order::new(Command::Record(Record::Start), key)).await
    }
    /// Ends the recording of a leg; what was recorded is saved and told by
    /// [`RecordingSaved`](VoiceEventKind::RecordingSaved). The call goes on.
    async fn stop_recording(&self, leg: &Leg, key: &str) -> Result<(), VendorError> {
        self.steer(leg, &Order::new(Command::Record(Record::Stop), key)).await
    }
    /// Records nothing from now on, until [`resume_recording`](Voice::resume_recording): neither side is in the file.
    async fn pause_recording(&self, leg: &Leg, key: &str) -> Result<(), VendorError> {
        self.steer(leg, &Order::new(Command::Record(Record::Pause), key)).await
    }
    /// Goes on with a paused recording, in the same file.
    async fn resume_recording(&self, leg: &Leg, key: &str) -> Result<(), VendorError> {
        self.steer(leg, &Order::new(Command::Record(Record::Resume), key)).await
    }
    /// Presses keys into a leg, as [`Keys`] has them.
    async fn send_keys(&self, leg: &Leg, keys: &str, key: &str) -> Result<(), VendorError> {
        let wrong = |e: crate::kit::Error| VendorError::new(self.vendor(), Fault::Request, Sent::No, e.message());
        let keys = Keys::try_from(keys.to_owned()).map_err(wrong)?;
        self.steer(leg, &Order::new(Command::SendKeys(keys), key)).await
    }
}

/// A recording's bytes as they come.
pub type RecordingPieces = BoxStream<'static, Result<Bytes, VendorError>>;

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

/// What a vendor knows of a leg, asked instead of told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Whether the leg still lives.
    pub alive: bool,
    /// Its past events, as far as the vendor keeps them.
    pub events: Vec<VoiceEvent>,
}

/// A leg that waits in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Which.
    pub leg: Leg,
    /// The number shown.
    pub from: String,
    /// The number called.
    pub to: String,
    /// Its place, from 1.
    pub position: u32,
    /// Since when it waits, when told.
    pub since: Option<Timestamp>,
}
