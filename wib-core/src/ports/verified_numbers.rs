//! Numbers that are not had from the vendor but may be shown: whoever holds one proved it with a code.

use std::fmt;

use async_trait::async_trait;

use super::{
    VendorError,
    numbers::Line,
    pages::{Place, Portion},
};
use crate::{
    kit::{Phone, time::Timestamp},
    text_enum,
};

/// A vendor that lets numbers be shown which are not had from it, once their holder proved them (47 CFR 64.1604).
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait VerifiedNumbers: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Has a code sent to a number. Never repeated by itself: each asks for another message or call.
    async fn ask_code(&self, number: &Phone, ask: &AskCode) -> Result<(), VendorError>;
    /// Hands in the code that came. A wrong or late one is refused with [`Fault::Request`](super::Fault::Request).
    async fn submit_code(&self, number: &Phone, code: &str) -> Result<VerifiedNumber, VendorError>;
    /// Whether a number is verified; `None` when it is not.
    async fn verified(&self, number: &Phone) -> Result<Option<VerifiedNumber>, VendorError>;
    /// Verified numbers, a page at a time.
    async fn list(&self, place: Option<Place>) -> Result<Portion<VerifiedNumber>, VendorError>;
    /// Forgets that a number was verified: it is not shown any more. One that is gone already is a success.
    async fn forget(&self, number: &Phone) -> Result<(), VendorError>;
}

text_enum! {
    /// How a code comes.
    pub enum CodeBy {
        /// In a text message.
        Sms = "sms",
        /// Spoken in a call.
        Call = "call",
    }
}

/// How a code is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskCode {
    /// By message or call.
    pub by: CodeBy,
    /// Keys that are pressed when the call is answered, to get past a switchboard: as in
    /// [`Voice::send_keys`](super::Voice::send_keys), at most 50.
    pub extension: Option<String>,
}

/// A number that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedNumber {
    /// The number.
    pub number: Line,
    /// Since when.
    pub verified_at: Option<Timestamp>,
}
