//! Requests that are run once: whoever asks again with the same key is told what was answered the first time.
//!
//! | the key | the request | then |
//! |---|---|---|
//! | is new | | it is run |
//! | is known | the same, and answered | the same answer, without running it again |
//! | is known | the same, and under way | `409 IDEMPOTENCY_IN_FLIGHT` |
//! | is known | another one | `422 IDEMPOTENCY_MISMATCH` |
//!
//! A key belongs to a member and to what is asked (method and path), and is kept for a day. A process that dies while it
//! runs a request leaves the key taken: what became of the request is not known, so that nobody runs it a second time by
//! asking again. What was refused for now (`400`, `402`, `409`, `429`, `5xx`) is not kept, and may be asked again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    kit::{Error, Id, Kind, Result, Role, time, time::Timestamp},
    store::Record,
    wib::Org,
};

/// How long a key is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);
/// The longest key, in bytes.
pub const KEY: usize = 256;
/// The largest answer that is kept, in bytes; whoever asks again for a larger one is told that it is gone.
pub const ANSWER: usize = 256 << 10;

/// A request that is run once. Its key and what was asked are kept as hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotentRequest {
    /// Its id.
    pub id: Id<IdempotentRequest>,
    /// SHA-256, hex, of who asks, what is asked and the key.
    pub key_hash: String,
    /// SHA-256, hex, of everything that the request says.
    pub request_hash: String,
    /// What was answered; `None` while it is under way.
    pub status: Option<i64>,
    /// The answer's JSON; `None` when it was forgotten with a person, or too large.
    pub body: Option<String>,
    /// When it was first asked.
    pub created_at: Timestamp,
    /// Until when the key is kept.
    pub expires_at: Timestamp,
}
impl Record for IdempotentRequest {
    const NAME: &'static str = "idempotent request";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A request with a key.
#[derive(Clone, Copy, Debug)]
pub struct Keyed<'a> {
    /// The client's key.
    pub key: &'a str,
    /// What is asked: method and path.
    pub what: &'a str,
    /// Everything else that it says.
    pub said: &'a [u8],
}

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is ours to run, and to [settle](Org::settle_request).
    Run(Id<IdempotentRequest>),
    /// It was run before.
    Answered {
        /// Its status.
        status: u16,
        /// Its JSON.
        body: String,
    },
}

/// Whether an answer stands: asked again, it would be the same.
fn stands(status: u16) -> bool {
    status < 500 && !matches!(status, 400 | 402 | 409 | 429)
}

impl Org {
    /// Takes a key for a request, or tells what was answered to it before.
    ///
    /// # Errors
    /// `Invalid` for a key that is empty, too long or not plain ASCII; `Conflict` with `IDEMPOTENCY_IN_FLIGHT` while the
    /// first one is under way, or nobody knows what became of it; `Mismatch` with `IDEMPOTENCY_MISMATCH` when the key was
    /// another request's; `Gone` when its answer is kept no more.
    pub async fn claim_request(&self, request: Keyed<'_>) -> Result<Claim> {
        self.at_least(Role::Viewer)?;
        if !(1..=KEY).contains(&request.key.len()) || !request.key.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(Error::field("Idempotency-Key", format!("must have 1 to {KEY} plain characters")));
        }
        let user = self.actor().user().map(|user| user.to_string()).unwrap_or_default();
        let now = self.wib.now();
        let row = IdempotentRequest {
            id: self.wib.id(),
            key_hash: hash(&[user.as_bytes(), request.what.as_bytes(), request.key.as_bytes()]),
            request_hash: hash(&[request.what.as_bytes(), request.said]),
            status: None,
            body: None,
            created_at: now,
            expires_at: time::after(now, KEPT),
        };
        let mut tx = self.tx().await?;
        if tx.claim_request(&row, now).await? {
            tx.commit().await?;
            return Ok(Claim::Run(row.id));
        }
        let Some(known) = tx.request_of_key(&row.key_hash).await? else {
            return Err(in_flight());
        };
        if known.request_hash != row.request_hash {
            let text = "the key was used for another request";
            return Err(Error::new(Kind::Mismatch, "IDEMPOTENCY_MISMATCH", text));
        }
        let Some(status) = known.status.and_then(|status| u16::try_from(status).ok()) else { return Err(in_flight()) };
        let gone = || Error::new(Kind::Gone, "IDEMPOTENCY_GONE", "what was answered is kept no more");
        Ok(Claim::Answered { status, body: known.body.ok_or_else(gone)? })
    }

    /// Keeps what was answered, when it stands; otherwise the key is free again.
    ///
    /// # Errors
    /// When the database does not take it: then the key stays taken.
    pub async fn settle_request(&self, id: Id<IdempotentRequest>, status: u16, body: &str) -> Result<()> {
        let mut tx = self.tx().await?;
        if stands(status) {
            let body = (body.len() <= ANSWER).then_some(body);
            tx.settle_request(id, i64::from(status), body).await?;
        } else {
            tx.free_request(id).await?;
        }
        tx.commit().await
    }
}

fn in_flight() -> Error {
    let text = "the first request with this key is under way, or nobody knows what became of it";
    Error::conflict(text).code("IDEMPOTENCY_IN_FLIGHT")
}

fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}
