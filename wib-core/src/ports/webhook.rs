//! Deliveries from vendors: a signature first, an event after.
//!
//! An [`Opened`] delivery can only be made with a [`Proof`], and a proof only by the checks of this module. So nothing
//! reaches the core whose sender was not verified.

use std::{fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{
    mailer::MailEvent,
    voice::{VoiceEvent, VoiceEventKind},
};
use crate::kit::time::Timestamp;

/// A vendor's way of signing deliveries.
pub trait WebhookSource: Send + Sync + fmt::Debug {
    /// The vendor's name: the last segment of the path.
    fn vendor(&self) -> &'static str;
    /// Verifies the raw bytes, then reads them.
    ///
    /// # Errors
    /// [`Refused`], with the reason.
    fn open(&self, headers: &Headers<'_>, body: &[u8], now: Timestamp) -> Result<Opened, Refused>;
}

/// Names and values of a delivery's headers. Names compare without case.
#[derive(Clone, Copy)]
pub struct Headers<'a>(pub &'a [(&'a str, &'a [u8])]);
impl<'a> Headers<'a> {
    /// The first value of that name, when it is text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}

/// Why a delivery was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// Nothing was sent.
    EmptyBody,
    /// We hold no key or secret to check with: everything is refused.
    NotConfigured,
    /// The headers that carry the proof are missing.
    MissingHeaders,
    /// The proof does not fit the bytes, or is too old.
    BadSignature,
    /// Signed, but not JSON.
    InvalidJson,
    /// Signed JSON of another shape.
    InvalidStructure,
}

/// A verified delivery's content.
#[derive(Debug)]
pub struct Opened {
    events: Vec<Event>,
}
impl Opened {
    /// The events of a delivery whose proof was checked.
    #[must_use]
    pub fn new(_proof: Proof, events: Vec<Event>) -> Self {
        Self { events }
    }
    /// What the vendor says.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }
}

/// One thing a vendor says, with the id by which repeats are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Unique per vendor.
    pub id: String,
    /// What it says.
    pub body: EventBody,
}

/// What a vendor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventBody {
    /// Something happened to a call.
    Voice(VoiceEvent),
    /// A transcript changed its state: fetch it.
    Transcript {
        /// The vendor's id.
        transcript_id: String,
        /// The vendor's word; only a fetch says what is true.
        status: String,
    },
    /// Something happened to a mail.
    Mail(MailEvent),
    /// A kind that is not acted on; acknowledged, kept by name.
    Other(String),
}

impl EventBody {
    /// Drops which key was pressed, so that what is kept of the event cannot be part of a card's number; whether this is
    /// such an event. Its delivery's bytes name the key too.
    pub fn forget_keys(&mut self) -> bool {
        let Self::Voice(VoiceEvent { what: VoiceEventKind::KeyPressed { key }, .. }) = self else { return false };
        *key = None;
        true
    }
}

/// That a delivery's sender was verified. Only the checks of this module give one.
#[derive(Debug)]
pub struct Proof(());

/// Ed25519 over `<timestamp><separator><body>` (Telnyx: the separator is `|`).
///
/// # Errors
/// `BadSignature` for a timestamp that is not plain decimal, is outside the window either way, or a signature that
/// does not fit.
pub fn ed25519(
    key: &VerifyingKey,
    timestamp: &str,
    separator: &str,
    signature: &str,
    body: &[u8],
    now: Timestamp,
    window: Duration,
) -> Result<Proof, Refused> {
    fresh(timestamp, now, window)?;
    let bytes = BASE64_STANDARD.decode(signature).map_err(|_| Refused::BadSignature)?;
    let signature = Signature::from_slice(&bytes).map_err(|_| Refused::BadSignature)?;
    let message = [timestamp.as_bytes(), separator.as_bytes(), body].concat();
    key.verify_strict(&message, &signature).map_err(|_| Refused::BadSignature)?;
    Ok(Proof(()))
}

/// HMAC-SHA256 over the parts in a row, compared with any of the given MACs in constant time.
///
/// # Errors
/// `BadSignature` when none fits.
pub fn hmac_sha256(secret: &[u8], parts: &[&[u8]], macs: &[Vec<u8>]) -> Result<Proof, Refused> {
    let ours = hmac(secret, parts);
    let fits = macs.iter().fold(false, |hit, theirs| hit | bool::from(ours.as_slice().ct_eq(theirs)));
    if fits { Ok(Proof(())) } else { Err(Refused::BadSignature) }
}

/// `svix-v1` (Resend, Standard Webhooks): HMAC-SHA256 over `<id>.<timestamp>.<body>`. The header is a list of
/// `<version>,<base64>` separated by blanks, and any signature of version `v1` may fit any of the secrets, which are being
/// rotated. The secrets are the decoded ones ([`svix_secret`]).
///
/// # Errors
/// `NotConfigured` without a secret, `BadSignature` for a timestamp that is not plain decimal or is outside the window
/// either way, and when no signature fits.
pub fn svix_v1(
    secrets: &[Vec<u8>],
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &[u8],
    now: Timestamp,
    window: Duration,
) -> Result<Proof, Refused> {
    if secrets.is_empty() {
        return Err(Refused::NotConfigured);
    }
    fresh(timestamp, now, window)?;
    let macs: Vec<_> = signatures
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .take(SVIX_SIGNATURES)
        .filter_map(|one| BASE64_STANDARD.decode(one).ok())
        .collect();
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    secrets.iter().find_map(|secret| hmac_sha256(secret, &parts, &macs).ok()).ok_or(Refused::BadSignature)
}

/// The signature that [`svix_v1`] takes: what a sender puts in the header.
#[must_use]
pub fn svix_v1_sign(secret: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mac = hmac(secret, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
    format!("v1,{}", BASE64_STANDARD.encode(mac))
}

/// Most signatures of one delivery that are looked at.
const SVIX_SIGNATURES: usize = 16;

/// The bytes of a secret that is written `whsec_<base64>`; `None` when it is not, or is empty.
#[must_use]
pub fn svix_secret(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(text.trim().strip_prefix("whsec_")?).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

fn hmac(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// A secret that the vendor sends back in a header, compared in constant time.
///
/// # Errors
/// `NotConfigured` for an empty secret, `BadSignature` when it differs.
pub fn shared_secret(ours: &SecretString, theirs: &str) -> Result<Proof, Refused> {
    let ours = ours.expose_secret().as_bytes();
    if ours.is_empty() {
        return Err(Refused::NotConfigured);
    }
    if ours.ct_eq(theirs.as_bytes()).into() { Ok(Proof(())) } else { Err(Refused::BadSignature) }
}

/// That a timestamp in plain decimal seconds is within the window, either way.
///
/// # Errors
/// `BadSignature` when it is not.
pub fn fresh(timestamp: &str, now: Timestamp, window: Duration) -> Result<(), Refused> {
    if timestamp.is_empty() || timestamp.len() > 12 || !timestamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refused::BadSignature);
    }
    let seconds: i64 = timestamp.parse().map_err(|_| Refused::BadSignature)?;
    if now.as_second().abs_diff(seconds) > window.as_secs() { Err(Refused::BadSignature) } else { Ok(()) }
}
