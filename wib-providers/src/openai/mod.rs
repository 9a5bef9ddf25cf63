//! OpenAI over its own [chat wire](crate::openai_compatible).
//!
//! Document: <https://platform.openai.com/docs/api-reference/chat> (as of August 2026). `max_completion_tokens` replaces
//! `max_tokens`; a refusal has no content; an account without money answers 429 with `insufficient_quota`.

use secrecy::SecretString;

use crate::{
    http::Wires,
    openai_compatible::{ChatBuilder, Dialect},
};

/// OpenAI's ways.
pub const OPENAI: Dialect = Dialect {
    vendor: "openai",
    base_url: "https://api.openai.com/v1",
    model: "gpt-4o-mini",
    completion_tokens: true,
    strict: true,
};

/// OpenAI with an API key (`sk-…`); asks GPT-4o mini unless told otherwise.
pub fn builder(wires: Wires, api_key: SecretString) -> ChatBuilder {
    OPENAI.builder(wires, api_key)
}
