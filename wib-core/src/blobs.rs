//! Blobs as use cases meet them: read piece by piece, checked against the hash in their row, and lent by signed addresses.

use std::{
    ops::Range,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    kit::{Error, OrNotFound, Result, time},
    ports::{
        blobs::{Chunks, check_key, impossible},
        transcriber::AudioPieces,
    },
    wib::{System, Wib},
};

const MISSING: &str = "BLOB_MISSING";
const CORRUPT: &str = "BLOB_CORRUPT";

/// Bytes that are read at once.
const PIECE: u64 = 4 << 20;

/// The key that the house's own addresses are signed with.
#[derive(Clone)]
pub(crate) struct UrlKey([u8; 32]);
impl UrlKey {
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    fn sign(&self, key: &str, media_type: &str, until: i64) -> String {
        // None of the parts holds a line's end, so that no two addresses are one text.
        self.mac(&format!("wib blob v1\n{key}\n{media_type}\n{until}"))
    }
    /// What proves that an address, or a token, of that text is ours.
    pub(crate) fn mac(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// Reads a blob by an address that the house has signed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadSigned {
    /// Which.
    pub key: String,
    /// The media type that the answer has.
    pub r#type: String,
    /// The address counts until then, in seconds since 1970.
    pub until: i64,
    /// HMAC-SHA-256 of the other three, hex.
    pub signature: String,
}

/// Bytes that are there, not yet read.
#[derive(Clone, Debug)]
pub struct Opened {
    wib: Wib,
    key: String,
    size: u64,
    /// `sha256:<hex>`, when a row says what they were.
    hash: Option<String>,
}

impl Opened {
    async fn find(wib: &Wib, key: &str) -> Result<Option<Self>> {
        let there = wib.blobs.head(key).await?;
        Ok(there.map(|size| Self { wib: wib.clone(), key: key.to_owned(), size, hash: None }))
    }
    /// The blob under a key, of which a row says how long it is and what it hashes to.
    pub(crate) async fn open(wib: &Wib, key: &str, size: Option<i64>, hash: Option<String>) -> Result<Self> {
        let there = Self::find(wib, key).await?.ok_or_else(missing)?;
        if size.is_some_and(|size| u64::try_from(size).ok() != Some(there.size)) {
            return Err(corrupt(key));
        }
        Ok(Self { hash, ..there })
    }
    /// How many.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
    /// The bytes of a range, piece by piece. Where the range is the whole and a row says what it was, the last piece is
    /// given after the hash of all was found to be right: whoever reads to the end has the true bytes.
    ///
    /// # Errors
    /// `RANGE_NOT_SATISFIABLE` for a range that is not inside. In the stream: what the place of the blobs fails with;
    /// `BLOB_CORRUPT`.
    pub fn pieces(&self, range: Range<u64>) -> Result<Chunks> {
        if range.start > range.end || range.end > self.size {
            return Err(impossible());
        }
        let whole = range == (0..self.size);
        let hash = self.hash.clone().filter(|_| whole).map(|hash| (hash, Sha256::new()));
        Ok(stream::try_unfold((self.clone(), range, hash), |(blob, left, mut hash)| async move {
            if left.is_empty() {
                return Ok(None);
            }
            let end = left.end.min(left.start.saturating_add(PIECE));
            let piece = blob.wib.blobs.get_range(&blob.key, left.start..end).await?.ok_or_else(missing)?;
            if piece.len() as u64 != end - left.start {
                return Err(corrupt(&blob.key));
            }
            if let Some((said, so_far)) = &mut hash {
                so_far.update(&piece);
                let last = end == left.end;
                if last && *said != format!("sha256:{}", hex::encode(so_far.clone().finalize())) {
                    return Err(corrupt(&blob.key));
                }
            }
            Ok(Some((piece, (blob, end..left.end, hash))))
        })
        .boxed())
    }
    /// All of them, found to be right.
    ///
    /// # Errors
    /// As in [`pieces`](Self::pieces).
    pub async fn whole(&self) -> Result<Bytes> {
        let all = self.pieces(0..self.size)?.try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        Ok(all.await?.into())
    }
    /// Reads all of them and keeps none: whether they are right.
    pub(crate) async fn check(&self) -> Result<()> {
        self.pieces(0..self.size)?.try_for_each(|_| async { Ok(()) }).await
    }
    /// The pieces of the whole as a vendor's upload takes them.
    pub(crate) fn upload(&self) -> Result<AudioPieces> {
        Ok(Box::pin(Alone(Mutex::new(self.pieces(0..self.size)?))))
    }
}

/// A stream that may be shared because nobody shares it.
struct Alone(Mutex<Chunks>);
impl Stream for Alone {
    type Item = std::io::Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunks = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        chunks.poll_next_unpin(context).map_err(std::io::Error::other)
    }
}

/// Whether it is the bytes that are at fault, not the place where they lie: no waiting mends them.
pub(crate) fn faulty(error: &Error) -> bool {
    [MISSING, CORRUPT].contains(&error.machine_code())
}

fn missing() -> Error {
    metrics::counter!("wib_blobs_faulty_total", "fault" => "missing").increment(1);
    Error::unavailable("the bytes are missing where they were kept").code(MISSING)
}

fn corrupt(key: &str) -> Error {
    metrics::counter!("wib_blobs_faulty_total", "fault" => "corrupt").increment(1);
    tracing::error!(key, "a blob is not what was kept");
    Error::unavailable("the bytes are not those that were kept").code(CORRUPT)
}

impl Wib {
    /// An address from which anybody gets a blob for that long: the place's own, or one of ours where it has none and
    /// `public_url` is set.
    pub(crate) async fn blob_url(&self, key: &str, media_type: &str, lasting: Duration) -> Result<Option<String>> {
        check_key(key)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-.+".contains(c);
        if !media_type.chars().all(plain) {
            return Err(Error::internal("not a media type"));
        }
        if let Some(url) = self.blobs.signed_url(key, media_type, lasting).await? {
            return Ok(Some(url));
        }
        let Some(base) = self.settings.public_url.as_deref() else { return Ok(None) };
        let until = time::after(self.now(), lasting).as_second();
        let signature = self.urls.sign(key, media_type, until);
        let media_type = media_type.replace('+', "%2B");
        let base = base.trim_end_matches('/');
        Ok(Some(format!("{base}/blobs/{key}?type={media_type}&until={until}&signature={signature}")))
    }
}

impl System {
    /// The blob that an address of the house gives access to.
    ///
    /// # Errors
    /// `Forbidden` when the address is not ours or its time is over, without a word which; `NotFound`.
    pub async fn read_signed(&self, asked: &ReadSigned) -> Result<Opened> {
        let ours = self.wib.urls.sign(&asked.key, &asked.r#type, asked.until);
        let signed = bool::from(ours.as_bytes().ct_eq(asked.signature.as_bytes()));
        if !signed || self.wib.now().as_second() >= asked.until {
            return Err(Error::forbidden("the address is not signed, or its time is over"));
        }
        Opened::find(&self.wib, &asked.key).await?.or_not_found("blob")
    }
}
