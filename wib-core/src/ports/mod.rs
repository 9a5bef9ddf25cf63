//! What the core asks of vendors: one trait per role, adapters elsewhere.
//!
//! A port arrives with its first adapter. Requests and answers are the core's own types, never a vendor's.

pub mod billing;
pub mod blobs;
pub mod bus;
pub mod cache;
pub mod embedder;
pub mod heartbeat;
pub mod hooks;
pub mod live;
pub mod llm;
pub mod mailer;
pub mod media;
pub mod messenger;
pub mod numbers;
pub mod pages;
pub mod pulse;
pub mod queue;
pub mod speech;
pub mod timestamp;
pub mod transcriber;
pub mod trunks;
pub mod verified_numbers;
pub mod voice;
pub mod webhook;
pub mod webrtc;
pub mod witness;

use std::{fmt, time::Duration};

pub use billing::Billing;
pub use blobs::Blobs;
pub use bus::Bus;
pub use cache::Cache;
pub use embedder::Embedder;
pub use heartbeat::Heartbeat;
pub use hooks::Hooks;
pub use live::LiveTranscriber;
pub use llm::Llm;
pub use mailer::Mailer;
pub use messenger::Messenger;
pub use numbers::Numbers;
pub use pulse::Pulse;
pub use queue::Queue;
pub use speech::Speech;
pub use timestamp::TimestampAuthority;
pub use transcriber::Transcriber;
pub use trunks::Trunks;
pub use verified_numbers::VerifiedNumbers;
pub use voice::Voice;
pub use webhook::WebhookSource;
pub use webrtc::Webrtc;
pub use witness::Witness;

use crate::{
    kit::{Error, Kind, text::TextEnum},
    text_enum,
};

text_enum! {
    /// A role that vendors fill, as `WIB_SANDBOX` names it.
    pub enum Port {
        /// Phone calls: [`Voice`], and what calls need of whoever carries them: [`Numbers`], [`VerifiedNumbers`],
        /// [`Trunks`], [`Webrtc`]. A number, a trunk and a call are of one vendor's account, so one choice fills them all.
        Voice = "voice",
        /// Recordings into text: [`Transcriber`].
        Transcriber = "transcriber",
        /// Speech into text while it is spoken: [`LiveTranscriber`].
        LiveTranscriber = "live_transcriber",
        /// Language models: [`Llm`].
        Llm = "llm",
        /// Texts as vectors: [`Embedder`].
        Embedder = "embedder",
        /// Text to speech: [`Speech`].
        Speech = "speech",
        /// Mail: [`Mailer`].
        Mailer = "mailer",
        /// Payments and subscriptions: [`Billing`].
        Billing = "billing",
        /// Text messages: [`Messenger`].
        Messages = "messages",
        /// Values for a while: [`Cache`].
        Cache = "cache",
        /// Work handed on: [`Queue`].
        Queue = "queue",
    }
}
impl Port {
    /// All of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        <Self as TextEnum>::ALL
    }
    /// Whether nobody fills it without a vendor. The others the house fills itself, so that no key is missing.
    #[must_use]
    pub fn needs_vendor(self) -> bool {
        !matches!(self, Self::Cache | Self::Queue)
    }
    /// Whether nothing works without it; another may stay empty.
    #[must_use]
    pub fn needed(self) -> bool {
        matches!(self, Self::Voice | Self::Transcriber | Self::Llm | Self::Mailer)
    }
}

/// Whether a request that failed may have taken effect at the vendor. The repeat of a dial or a charge depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It never left: repeating is safe.
    No,
    /// Nobody can say: ask the vendor before doing it again.
    Unknown,
    /// The vendor answered, and refused.
    Refused,
}

/// What kind of failure a vendor's answer (or silence) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The request is wrong; the same one will be refused again.
    Request,
    /// Our key is wrong, missing, or may not do this.
    Credentials,
    /// The vendor knows no such thing (a call that has ended, a deleted transcript).
    Missing,
    /// Too many requests.
    RateLimited,
    /// The account has no money or is closed.
    Payment,
    /// The payer's bank or card refused; nobody did anything wrong.
    Declined,
    /// Another request was made under the same key.
    Conflict,
    /// Connection failed, or a 5xx.
    Down,
    /// No answer in time.
    Timeout,
    /// An answer that cannot be read.
    Nonsense,
}

/// A vendor's failure, with what support will ask for. Never holds keys, phone numbers or spoken text.
#[derive(Clone, Debug)]
pub struct VendorError {
    /// Which vendor.
    pub vendor: &'static str,
    /// What kind of failure.
    pub fault: Fault,
    /// Whether it may have taken effect.
    pub sent: Sent,
    /// Status of HTTP, when there was an answer.
    pub status: Option<u16>,
    /// The vendor's own code.
    pub code: Option<String>,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// When the vendor said to try again.
    pub retry_after: Option<Duration>,
    /// The vendor's words, shortened.
    pub message: String,
}

impl VendorError {
    /// A failure with nothing known but its kind.
    pub fn new(vendor: &'static str, fault: Fault, sent: Sent, message: impl Into<String>) -> Self {
        Self {
            vendor,
            fault,
            sent,
            status: None,
            code: None,
            request_id: None,
            retry_after: None,
            message: message.into(),
        }
    }
    /// Whether trying again, later, may help.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self.fault, Fault::RateLimited | Fault::Down | Fault::Timeout | Fault::Nonsense)
    }
}

impl fmt::Display for VendorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.vendor, self.fault)?;
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        write!(f, ": {}", self.message)
    }
}
impl std::error::Error for VendorError {}

impl From<VendorError> for Error {
    fn from(error: VendorError) -> Self {
        let kind = match error.fault {
            Fault::RateLimited => {
                Kind::RateLimited { retry_after: error.retry_after.unwrap_or(Duration::from_secs(60)) }
            }
            Fault::Timeout => Kind::Timeout,
            _ => Kind::Vendor,
        };
        Self::new(kind, "EXTERNAL_SERVICE_ERROR", format!("{} did not take the request", error.vendor)).because(error)
    }
}
