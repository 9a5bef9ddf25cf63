//! Keeping values for a while: answers that may be asked for again, counters, locks.
//!
//! Without a vendor the house keeps them itself (the store), so nothing here needs a key.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Fault, Sent, VendorError};
use crate::kit::time::Timestamp;

/// Somebody who keeps values for a while.
///
/// A value may be gone before its time; whoever asks must be able to make it again. What only a consistent cache can
/// promise ([`count`](Cache::count), [`swap`](Cache::swap)) an eventually consistent one refuses, as [`Fault::Request`].
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Cache: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// What it can do.
    fn caps(&self) -> CacheCaps;
    /// The value, or `None` when there is none or its time is over.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, VendorError>;
    /// Keeps a value for that long, or until it is deleted; replaces another.
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), VendorError>;
    /// Removes it; absent is fine.
    async fn delete(&self, key: &str) -> Result<(), VendorError>;
    /// Adds to a counter. The first count opens a window of that length; when it ends, the counter is gone.
    async fn count(&self, key: &str, by: u64, window: Duration) -> Result<Counted, VendorError>;
    /// Puts `new` (`None`: nothing) in the place of `old` (`None`: nothing), when that is what is there; whether it was.
    /// A lock is taken from nothing to a token of one's own, and given back from that token to nothing.
    async fn swap(
        &self,
        key: &str,
        old: Option<Bytes>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<bool, VendorError>;
}

/// What a cache can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheCaps {
    /// Whether a read sees every write before it. Otherwise it may see what was there before, for a while, and there are
    /// neither counters nor swaps.
    pub consistent: bool,
    /// Most bytes of a key.
    pub key_bytes: usize,
    /// Most bytes of a value.
    pub value_bytes: usize,
}
impl CacheCaps {
    /// Refuses a key or a value (`bytes` long) that does not fit.
    ///
    /// # Errors
    /// [`Fault::Request`]; nothing left.
    pub fn check(&self, vendor: &'static str, key: &str, bytes: usize) -> Result<(), VendorError> {
        let no = |why: String| Err(VendorError::new(vendor, Fault::Request, Sent::No, why));
        // Two path segments mean something else to whoever reads addresses.
        if key.is_empty() || key.len() > self.key_bytes || key == "." || key == ".." || key.contains(char::is_control) {
            return no(format!("a key has 1 to {} bytes, none of control", self.key_bytes));
        }
        if bytes > self.value_bytes { no(format!("a value has {} bytes at most", self.value_bytes)) } else { Ok(()) }
    }
    /// Refuses what only a consistent cache can promise.
    ///
    /// # Errors
    /// [`Fault::Request`] where it is not; nothing left.
    pub fn consistently(&self, vendor: &'static str) -> Result<(), VendorError> {
        let why = "an eventually consistent cache has neither counters nor swaps";
        if self.consistent { Ok(()) } else { Err(VendorError::new(vendor, Fault::Request, Sent::No, why)) }
    }
}

/// A counter after it was added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What it stands at.
    pub count: u64,
    /// When its window ends.
    pub until: Timestamp,
}
