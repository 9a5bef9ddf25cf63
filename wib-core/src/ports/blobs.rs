//! Keeping bytes: recordings, exports.

use async_trait::async_trait;
use bytes::Bytes;

use crate::kit::Result;

/// Where recordings and exports lie. Keys are paths with `/`, led by the organisation's id.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Blobs: Send + Sync + std::fmt::Debug {
    /// Keeps the bytes under the key; all or nothing. Putting the same key again replaces.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()>;
    /// The bytes, or `None`.
    async fn get(&self, key: &str) -> Result<Option<Bytes>>;
    /// Removes them; absent is fine.
    async fn delete(&self, key: &str) -> Result<()>;
    /// Whether the place can be reached.
    async fn ping(&self) -> Result<()>;
}
