//! Handing work on: messages that are leased, and come back when their holder does not settle them.
//!
//! Without a vendor the house does it itself (the store), so nothing here needs a key. Every message may come more than
//! once and in any order: whoever works must know a repeat.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Fault, Sent, VendorError};

/// Somebody who hands messages on.
///
/// A message is visible when its delay is over, and hidden while it is leased. A lease that ends unsettled makes it visible
/// again with one attempt more; after the last attempt it is a dead letter.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Queue: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// What it can do. What goes beyond is refused as [`Fault::Request`].
    fn caps(&self) -> QueueCaps;
    /// Hands one message on.
    async fn enqueue(&self, message: &Outgoing) -> Result<(), VendorError>;
    /// Hands several on, all or none.
    async fn enqueue_batch(&self, messages: &[Outgoing]) -> Result<(), VendorError>;
    /// Takes at most so many visible messages (1 to [`QueueCaps::batch`]), each for that long.
    async fn lease(&self, most: usize, lease: Duration) -> Result<Vec<Leased>, VendorError>;
    /// Says that the work is done; whether the lease still held.
    async fn ack(&self, token: &LeaseToken) -> Result<bool, VendorError>;
    /// Gives a message back, to be visible after the delay; whether the lease still held.
    async fn retry(&self, token: &LeaseToken, delay: Duration) -> Result<bool, VendorError>;
    /// Makes it a dead letter at once; whether the lease still held.
    async fn bury(&self, message: &Leased) -> Result<bool, VendorError>;
    /// Puts at most so many dead letters back to work, as new messages; how many.
    async fn replay(&self, most: usize) -> Result<usize, VendorError>;
    /// How many messages there are, dead letters aside, where the vendor tells it.
    async fn depth(&self) -> Result<Option<u64>, VendorError> {
        Ok(None)
    }
}

/// What a queue can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueCaps {
    /// Most messages that are handed on, or taken, at once.
    pub batch: usize,
    /// Most bytes of a message.
    pub message_bytes: usize,
    /// Most bytes of a batch.
    pub batch_bytes: usize,
    /// Longest delay.
    pub longest_delay: Duration,
    /// Longest lease.
    pub longest_lease: Duration,
    /// How often a message is leased before it is a dead letter; `None` where the vendor's account says it.
    pub attempts: Option<u32>,
    /// Whether dead letters are kept: [`bury`](Queue::bury) and [`replay`](Queue::replay) are refused where they are not.
    pub dead_letters: bool,
    /// Whether a message's key is remembered for a while.
    pub keys: bool,
}
impl QueueCaps {
    /// Refuses messages that do not fit.
    ///
    /// # Errors
    /// [`Fault::Request`]; nothing left.
    pub fn check(&self, vendor: &'static str, messages: &[Outgoing]) -> Result<(), VendorError> {
        let no = |why: String| Err(VendorError::new(vendor, Fault::Request, Sent::No, why));
        if messages.is_empty() || messages.len() > self.batch {
            return no(format!("a batch has 1 to {} messages", self.batch));
        }
        if messages.iter().any(|message| message.body.len() > self.message_bytes) {
            return no(format!("a message has {} bytes at most", self.message_bytes));
        }
        if messages.iter().map(|message| message.body.len()).sum::<usize>() > self.batch_bytes {
            return no(format!("a batch has {} bytes at most", self.batch_bytes));
        }
        messages.iter().try_for_each(|message| self.check_delay(vendor, message.delay))
    }
    /// Refuses a delay that is too long.
    ///
    /// # Errors
    /// [`Fault::Request`]; nothing left.
    pub fn check_delay(&self, vendor: &'static str, delay: Duration) -> Result<(), VendorError> {
        self.bound(vendor, delay <= self.longest_delay, "that is longer than a message can wait")
    }
    /// Refuses to take too many or none, or for too long or not at all.
    ///
    /// # Errors
    /// [`Fault::Request`]; nothing left.
    pub fn check_lease(&self, vendor: &'static str, most: usize, lease: Duration) -> Result<(), VendorError> {
        let fits = (1..=self.batch).contains(&most) && !lease.is_zero() && lease <= self.longest_lease;
        self.bound(vendor, fits, "that is more, or longer, than can be leased")
    }
    /// Refuses what only a queue with dead letters can do.
    ///
    /// # Errors
    /// [`Fault::Request`] where it keeps none; nothing left.
    pub fn check_dead_letters(&self, vendor: &'static str) -> Result<(), VendorError> {
        self.bound(vendor, self.dead_letters, "this queue keeps no dead letters")
    }
    fn bound(&self, vendor: &'static str, fits: bool, why: &str) -> Result<(), VendorError> {
        if fits { Ok(()) } else { Err(VendorError::new(vendor, Fault::Request, Sent::No, why)) }
    }
}

/// A message to be handed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// What it says.
    pub body: Bytes,
    /// How long it waits first; whole seconds, rounded up, where the vendor counts in these.
    pub delay: Duration,
    /// What makes it one: where the vendor remembers keys, it is not handed on again under the same one for a while.
    pub key: Option<String>,
}
impl From<&'static str> for Outgoing {
    fn from(text: &'static str) -> Self {
        Self { body: Bytes::from_static(text.as_bytes()), ..Self::default() }
    }
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The vendor's id of it, the same in every attempt.
    pub id: String,
    /// What it says.
    pub body: Bytes,
    /// Which attempt this is, the first is 1.
    pub attempts: u32,
    /// What it is settled with.
    pub token: LeaseToken,
}

/// Proof of a lease; another one each time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseToken(pub String);
