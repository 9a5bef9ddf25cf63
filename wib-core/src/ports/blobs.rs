//! Keeping bytes: recordings, exports.

use std::{ops::Range, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, future, stream, stream::BoxStream};
use sha2::{Digest, Sha256};

use crate::kit::{Error, Kind, Result};

/// Bytes piece by piece, as they come.
pub type Chunks = BoxStream<'static, Result<Bytes>>;

/// Where recordings and exports lie. Keys are paths with `/`, led by the organisation's id; [`check_key`] says which are
/// taken.
///
/// What is under a key is whole: a write that fails, is broken off or grows too big leaves what was there before.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Blobs: Send + Sync + std::fmt::Debug {
    /// Keeps what comes, at most `most` bytes of it, and answers what that was. Keeping the same key again replaces.
    /// Adapters read `chunks` through [`Metered`], which counts, hashes and bounds.
    async fn put_stream(&self, key: &str, chunks: Chunks, most: u64) -> Result<Kept>;
    /// Bytes of that range, cut at the end; `None` when there is no such blob. A range that is empty or begins at the end
    /// or behind it is [`impossible`].
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>>;
    /// How many bytes there are, or `None`.
    async fn head(&self, key: &str) -> Result<Option<u64>>;
    /// Removes them; absent is fine.
    async fn delete(&self, key: &str) -> Result<()>;
    /// An address from which anybody gets the bytes for that long, said to be of that media type. `None` where the place
    /// has no addresses: then the house signs its own.
    async fn signed_url(&self, key: &str, media_type: &str, lasting: Duration) -> Result<Option<String>>;
    /// What is below a folder (the empty one is everything), in the order of the keys' bytes, from behind `after` on, at
    /// most `limit` and at most [`PAGE`]. The next page begins behind the last key.
    async fn list(&self, folder: &str, after: Option<String>, limit: usize) -> Result<Vec<Listed>>;
    /// Whether the place can be reached.
    async fn ping(&self) -> Result<()>;

    /// Keeps the bytes.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        let most = bytes.len() as u64;
        self.put_stream(key, stream::once(future::ready(Ok(bytes))).boxed(), most).await.map(drop)
    }
    /// All the bytes, or `None`.
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        match self.head(key).await? {
            Some(0) => Ok(Some(Bytes::new())),
            Some(size) => self.get_range(key, 0..size).await,
            None => Ok(None),
        }
    }
}

/// Most blobs of one list.
pub const PAGE: usize = 1000;

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Bytes.
    pub size: u64,
    /// `sha256:<hex>` of them.
    pub hash: String,
}

/// A blob of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

/// Refuses what is no key: segments of 1 to 200 letters, digits, `-`, `_` and `.`, none led by a dot, 1000 bytes in all.
/// A leading dot is kept for files that are being written.
///
/// # Errors
/// `Invalid`.
pub fn check_key(key: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = |part: &str| !part.is_empty() && part.len() <= 200 && !part.starts_with('.') && part.chars().all(plain);
    if key.len() <= 1000 && key.split('/').all(fits) { Ok(()) } else { Err(Error::invalid("not a blob key")) }
}

/// The refusal of a range that holds none of a blob's bytes.
#[must_use]
pub fn impossible() -> Error {
    Error::new(Kind::Invalid, "RANGE_NOT_SATISFIABLE", "the range holds none of the bytes")
}

/// The range cut at the end of a blob of that size.
///
/// # Errors
/// [`impossible`].
pub fn cut(range: &Range<u64>, size: u64) -> Result<Range<u64>> {
    let cut = range.start..range.end.min(size);
    if cut.start < cut.end { Ok(cut) } else { Err(impossible()) }
}

/// Chunks that are counted, hashed and bounded as they pass.
pub struct Metered {
    chunks: Chunks,
    left: u64,
    size: u64,
    hash: Sha256,
}
impl std::fmt::Debug for Metered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metered").field("size", &self.size).field("left", &self.left).finish_non_exhaustive()
    }
}
impl Metered {
    /// At most that many bytes.
    #[must_use]
    pub fn new(chunks: Chunks, most: u64) -> Self {
        Self { chunks, left: most, size: 0, hash: Sha256::new() }
    }
    /// The next chunk, never an empty one; `None` at the end.
    ///
    /// # Errors
    /// What the source fails with; `TooLarge` when there is more than was allowed.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(chunk) = self.chunks.next().await {
            let chunk = chunk?;
            let length = chunk.len() as u64;
            let too_large = || Error::too_large("the bytes are more than are taken");
            self.left = self.left.checked_sub(length).ok_or_else(too_large)?;
            self.size += length;
            self.hash.update(&chunk);
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
    /// What has passed.
    #[must_use]
    pub fn kept(self) -> Kept {
        Kept { size: self.size, hash: format!("sha256:{}", hex::encode(self.hash.finalize())) }
    }
}
