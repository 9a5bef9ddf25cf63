//! What the core asks of vendors: one trait per role, adapters elsewhere.
//!
//! A port arrives with its first adapter. Requests and answers are the core's own types, never a vendor's.

pub mod billing;
pub mod blobs;
pub mod llm;
pub mod mailer;
pub mod timestamp;
pub mod transcriber;
pub mod voice;
pub mod webhook;
pub mod witness;

use std::{fmt, time::Duration};

pub use billing::Billing;
pub use blobs::Blobs;
pub use llm::Llm;
pub use mailer::Mailer;
pub use timestamp::TimestampAuthority;
pub use transcriber::Transcriber;
pub use voice::Voice;
pub use webhook::WebhookSource;
pub use witness::Witness;

use crate::{
    kit::{Error, Kind, text::TextEnum},
    text_enum,
};

text_enum! {
    /// A role that vendors fill, as `WIB_SANDBOX` names it.
    pub enum Port {
        /// Phone calls: [`Voice`].
        Voice = "voice",
        /// Recordings into text: [`Transcriber`].
        Transcriber = "transcriber",
        /// Language models: [`Llm`].
        Llm = "llm",
        /// Mail: [`Mailer`].
        Mailer = "mailer",
        /// Payments and subscriptions: [`Billing`].
        Billing = "billing",
    }
}
impl Port {
    /// All of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        <Self as TextEnum>::ALL
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
