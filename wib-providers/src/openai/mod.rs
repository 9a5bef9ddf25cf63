//! OpenAI over its own [chat wire](crate::openai_compatible).
//!
//! Document: <https://platform.openai.com/docs/api-reference/chat> (as of August 2026). `max_completion_tokens` replaces
//! `max_tokens`; a refusal has no content; an account without money answers 429 with `insufficient_quota`.

use secrecy::SecretString;

use crate::{
    http::Wires,
    openai_compatible::{self, ChatBuilder, Dialect},
    vendor::{Port, Setting, Vendor},
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

/// OpenAI, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: OPENAI.vendor,
    ports: &[(Port::Llm, |given, adapters| {
        openai_compatible::plug(OPENAI, "OPENAI_API_KEY", "OPENAI_BASE_URL", given, adapters);
        Ok(())
    })],
    settings: &[Setting::key("OPENAI_API_KEY", "an API key"), Setting::address("OPENAI_BASE_URL")],
    #[cfg(feature = "sandbox")]
    sandbox: Some(crate::sandbox::model::Entry {
        hosts: &["api.openai.com"],
        new: |_, _| Box::new(openai_compatible::sandbox::ChatModel { vendor: OPENAI.vendor, prefix: &["v1"], given: 0 }),
    }),
};
