//! Text messages.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{VendorError, numbers::Line, voice::Direction};
use crate::{
    kit::{Phone, time::Timestamp},
    open_enum,
};

/// A vendor that carries text messages.
///
/// Whether a message may be sent at all is not its question.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Messenger: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// The number that messages come from when they name none.
    fn default_number(&self) -> Option<Phone>;
    /// Sends a message. Never repeated by itself: vendors know no key for it, and list no messages to find it in. After
    /// [`Sent::Unknown`](super::Sent::Unknown) only the event of its sending tells.
    async fn send(&self, message: &NewMessage) -> Result<Message, VendorError>;
    /// A message as it is now; `None` when the vendor knows no such one (Telnyx: after ten days).
    async fn fetch(&self, id: &str) -> Result<Option<Message>, VendorError>;
    /// Takes back a message that was to be sent later. One that is gone or under way is refused.
    async fn cancel(&self, id: &str) -> Result<(), VendorError>;
}

/// The words of a message.
///
/// People write card numbers into messages (PCI DSS v4.0.1 requirement 3.3.1), and what they owe: `Debug` never shows
/// them. Their JSON does; [`EventBody::forget_secrets`](super::webhook::EventBody::forget_secrets) takes private data out of
/// what is to be kept.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(String);
impl Words {
    /// The words.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
impl From<String> for Words {
    fn from(words: String) -> Self {
        Self(words)
    }
}
impl From<&str> for Words {
    fn from(words: &str) -> Self {
        Self(words.to_owned())
    }
}
impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// To whom.
    pub to: Phone,
    /// From which number; `None`: the adapter's own, or one that the profile chooses.
    pub from: Option<Phone>,
    /// The words.
    pub text: Words,
    /// Addresses of pictures and the like; with any, it is a message with media.
    pub media_urls: Vec<String>,
    /// Where its events go; `None`: where the vendor's account says.
    pub webhook_url: Option<String>,
    /// When to send it; `None`: now.
    pub at: Option<Timestamp>,
}

open_enum! {
    /// How the delivery of a message stands.
    pub enum DeliveryState {
        /// To be sent later.
        Scheduled = "scheduled",
        /// Waits.
        Queued = "queued",
        /// On its way to the carrier.
        Sending = "sending",
        /// With the carrier.
        Sent = "sent",
        /// On the phone.
        Delivered = "delivered",
        /// The carrier did not take it.
        SendingFailed = "sending_failed",
        /// The carrier did not bring it.
        DeliveryFailed = "delivery_failed",
        /// The carrier does not say.
        Unconfirmed = "delivery_unconfirmed",
        /// It waited too long.
        Expired = "expired",
        /// Taken back.
        Cancelled = "cancelled",
        /// With us.
        Received = "received",
    }
}
impl DeliveryState {
    /// Whether nothing more is to come.
    #[must_use]
    pub const fn ended(&self) -> bool {
        !matches!(self, Self::Scheduled | Self::Queued | Self::Sending | Self::Sent | Self::Other(_))
    }
    /// Whether it surely did not reach the phone.
    #[must_use]
    pub const fn failed(&self) -> bool {
        matches!(self, Self::SendingFailed | Self::DeliveryFailed | Self::Expired | Self::Cancelled)
    }
}

/// Whom a message goes to, and how that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Whom.
    pub line: Line,
    /// How it stands, when told.
    pub state: Option<DeliveryState>,
}

/// Why a message failed, in the vendor's code and words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageFault {
    /// The code.
    pub code: String,
    /// The words; they name no number.
    pub title: String,
}

/// What a message cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// In millionths of the currency's unit.
    pub micros: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A message as the vendor keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The vendor's id of it.
    pub id: String,
    /// Which side wrote it.
    pub direction: Direction,
    /// From whom, when told.
    pub from: Option<Line>,
    /// To whom.
    pub to: Vec<Recipient>,
    /// The words.
    pub text: Words,
    /// Addresses of pictures and the like; they work for a while only.
    pub media_urls: Vec<String>,
    /// How many messages the carrier makes of it.
    pub parts: Option<u32>,
    /// What it cost altogether.
    pub cost: Option<Cost>,
    /// The carrier's share of it.
    pub carrier_fee: Option<Cost>,
    /// Why it failed.
    pub faults: Vec<MessageFault>,
    /// When the carrier had it.
    pub sent_at: Option<Timestamp>,
    /// When the last was known of it.
    pub completed_at: Option<Timestamp>,
}
impl Message {
    /// How its delivery stands: to its first recipient, which for ours is the only one.
    #[must_use]
    pub fn state(&self) -> Option<&DeliveryState> {
        self.to.first()?.state.as_ref()
    }
}

/// Something that happened to a message. Events may come twice, late, and in any order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEvent {
    /// The vendor's id of the event; repeats carry the same.
    pub id: String,
    /// When it happened, on the vendor's clock.
    pub at: Timestamp,
    /// What happened.
    pub what: MessageEventKind,
    /// The message as it then was.
    pub message: Message,
}

open_enum! {
    /// What happened to a message.
    pub enum MessageEventKind {
        /// Somebody wrote to us.
        Received = "received",
        /// The carrier has it.
        Sent = "sent",
        /// Nothing more will be known of it; its state says what became of it.
        Finalized = "finalized",
    }
}
