//! Asking a language model.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::VendorError;
use crate::ai::Guarded;

/// A language model, or a chain of them.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Llm: Send + Sync + std::fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// One answer to one prompt.
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError>;
}

/// What a model is asked: our instructions, and other people's text, which only passes guarded.
#[derive(Debug)]
pub struct Prompt {
    /// Our own words. Never holds text from outside.
    pub instructions: &'static str,
    /// Text from outside (a transcript), redacted, sanitised and fenced.
    pub data: Guarded,
    /// The answer's JSON schema, when it must be JSON.
    pub schema: Option<serde_json::Value>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Temperature in thousandths (300 is 0.3).
    pub temperature_milli: u32,
}

/// A model's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// Which vendor answered.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// What it said.
    pub text: String,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// Millionths of a US dollar; `None` when the price is unknown.
    pub cost_micros: Option<i64>,
    /// Version of the price book the cost was taken from; `None` without a cost.
    pub price_book: Option<String>,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// False when a sandbox answered.
    pub live: bool,
}
