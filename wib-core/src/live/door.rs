//! The door that vendors bring a call's sound to: one address for each stream, good for one connection.

use std::fmt;

use async_trait::async_trait;
use subtle::ConstantTimeEq;
use tokio::sync::OwnedSemaphorePermit;

use super::{MediaStream, StreamId, StreamStatus};
use crate::{
    calls::{Call, CallLeg, main_leg},
    kit::{Error, OrNotFound, Result},
    orgs::OrganizationId,
    wib::{System, Wib},
};

/// A WebSocket that a vendor's frames come over.
#[async_trait]
pub trait MediaSocket: Send {
    /// What comes next. Dropped while it waits, it loses nothing.
    async fn next(&mut self) -> MediaIn;
    /// Closes with a code of RFC 6455 and a reason, and waits for the peer a moment.
    async fn close(&mut self, code: u16, reason: &str);
}

/// What comes over a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaIn {
    /// A text frame.
    Text(String),
    /// A binary frame, which no vendor sends.
    Binary,
    /// More than is taken at once.
    TooLarge,
    /// The peer has gone, with or without a word.
    Gone,
    /// This process is about to end: somebody else goes on.
    Leaving,
}

/// Where vendors reach us over WebSockets, when they do.
pub(super) fn base(wib: &Wib) -> Option<String> {
    let url = wib.settings.public_url.as_deref()?.trim_end_matches('/');
    let (scheme, rest) = url.split_once("://")?;
    let scheme = if scheme == "https" { "wss" } else { "ws" };
    Some(format!("{scheme}://{rest}"))
}

/// The address of a stream, behind the vendor's name, and the token that comes back with the connection.
pub(super) fn address(wib: &Wib, organization: OrganizationId, stream: StreamId) -> (String, String) {
    let text = format!("{organization}.{stream}");
    let mac = wib.urls.mac(&format!("wib media v1\n{text}"));
    (format!("{text}.{mac}"), wib.urls.mac(&format!("wib media token v1\n{text}")))
}

/// A stream that may be carried: its address is used up.
pub struct Admitted {
    pub(super) wib: Wib,
    pub(super) organization: OrganizationId,
    pub(super) stream: MediaStream,
    pub(super) call: Call,
    pub(super) leg: CallLeg,
    pub(super) vendor: String,
    pub(super) seat: OwnedSemaphorePermit,
}
impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("stream", &self.stream.id).field("call", &self.call.id).finish_non_exhaustive()
    }
}

fn refused(why: &'static str, error: Error) -> Error {
    metrics::counter!("wib_media_refused_total", "why" => why).increment(1);
    error.with("reason", why)
}

impl System {
    /// Returns once this process hears no call any more.
    pub async fn streams_ended(&self) {
        let all = u32::try_from(self.wib.settings.streams).unwrap_or(u32::MAX);
        let _ = self.wib.streams.acquire_many(all).await;
    }
    /// Lets a vendor in that comes to a stream's address: once. `token` is what the vendor brought as proof of itself, where
    /// it brings one.
    ///
    /// # Errors
    /// `NotFound` for an address that is not ours, or with a wrong token; `Gone` when the stream was connected before or its
    /// call is over; `Unavailable` when this process hears as many calls as it may.
    pub async fn admit_media(&self, vendor: &str, address: &str, token: Option<&str>) -> Result<Admitted> {
        let unknown = || refused("unknown", Error::not_found("stream"));
        let gone = |why| refused(why, Error::new(crate::kit::Kind::Gone, "STREAM_OVER", "the stream is over"));
        let mut parts = address.splitn(3, '.');
        let organization: OrganizationId = parts.next().and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
        let id: StreamId = parts.next().and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
        let (ours, proof) = self::address(&self.wib, organization, id);
        let same = |ours: &str, theirs: &str| bool::from(ours.as_bytes().ct_eq(theirs.as_bytes()));
        if !same(&ours, address) || !token.is_none_or(|token| same(&proof, token)) {
            return Err(unknown());
        }
        if !self.wib.media.contains_key(vendor) {
            return Err(unknown());
        }
        let seat = self.wib.streams.clone().try_acquire_owned();
        let seat = seat.map_err(|_| refused("full", Error::unavailable("as many calls are heard as may be")))?;
        let mut tx = self.wib.store.org(organization).await?;
        let stream: MediaStream = tx.find(id).await?.or_not_found("stream").map_err(|_| unknown())?;
        let call = tx.lock_call(stream.call_id).await?.or_not_found("call").map_err(|_| unknown())?;
        if call.status.terminal() || call.vendor != vendor {
            return Err(gone("call_over"));
        }
        let leg = main_leg(&mut *tx, call.id).await?.ok_or_else(|| gone("call_over"))?;
        let now = self.wib.now();
        if stream.status != StreamStatus::Ordered || !tx.open_stream(id, now).await? {
            return Err(gone("used"));
        }
        tx.commit().await?;
        let stream = MediaStream { status: StreamStatus::Open, opened_at: Some(now), seen_at: Some(now), ..stream };
        let (wib, vendor) = (self.wib.clone(), vendor.to_owned());
        Ok(Admitted { wib, organization, stream, call, leg, vendor, seat })
    }
}
