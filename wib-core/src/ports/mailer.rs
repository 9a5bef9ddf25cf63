//! Sending mail.

use async_trait::async_trait;

use super::VendorError;

/// A vendor that sends mail.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Sends one mail; the answer is the vendor's id of it. The same key sends once (Resend: 24 h).
    async fn send(&self, mail: &Mail) -> Result<String, VendorError>;
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The text, plain.
    pub text: String,
    /// Idempotency key.
    pub key: String,
}
