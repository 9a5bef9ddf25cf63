//! Texts as vectors, for finding what is alike.

use async_trait::async_trait;

use super::{Fault, Sent, VendorError};
use crate::ai::Guarded;

/// Most texts of one request.
pub const MOST_TEXTS: usize = 2048;

/// Turns texts into vectors. There is no chain of these: vectors of two models are not comparable.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Embedder: Send + Sync + std::fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// The model: vectors of another one are not comparable.
    fn model(&self) -> &str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// A vector for each text, in order. Refuses no text, more than [`MOST_TEXTS`], and empty ones.
    async fn embed(&self, texts: &[Guarded]) -> Result<Embedded, VendorError>;
}

/// Vectors of some texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// Which vendor answered.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// One vector for each text, all of one length.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read.
    pub input_tokens: i64,
    /// Millionths of a US dollar; `None` when the price is unknown.
    pub cost_micros: Option<i64>,
    /// Version of the price book the cost was taken from; `None` without a cost.
    pub price_book: Option<String>,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// False when a sandbox answered.
    pub live: bool,
}

/// Whether texts can be asked for; every adapter asks first.
///
/// # Errors
/// [`Fault::Request`] naming what is wrong.
pub fn check(vendor: &'static str, texts: &[Guarded]) -> Result<(), VendorError> {
    let wrong = |message: &str| Err(VendorError::new(vendor, Fault::Request, Sent::No, message));
    match texts {
        [] => wrong("there is no text"),
        _ if texts.len() > MOST_TEXTS => wrong("there are more than 2048 texts"),
        _ if texts.iter().any(|text| text.text().trim().is_empty()) => wrong("a text is empty"),
        _ => Ok(()),
    }
}
