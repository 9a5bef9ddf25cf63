//! Groq: quick models over the [chat wire](crate::openai_compatible).
//!
//! Document: <https://console.groq.com/docs/api-reference>. Takes one choice only, answers 498 when the flex tier is
//! full, and names its request in `x_groq`. Llama models take a schema as a wish, not strictly.

use secrecy::SecretString;

use crate::{
    http::Wires,
    openai_compatible::{self, ChatBuilder, Dialect},
    vendor::{Port, Setting, Vendor},
};

/// Groq's ways.
pub const GROQ: Dialect = Dialect {
    vendor: "groq",
    base_url: "https://api.groq.com/openai/v1",
    model: "meta-llama/llama-4-scout-17b-16e-instruct",
    completion_tokens: true,
    strict: false,
};

/// Groq with an API key (`gsk_…`); asks Llama 4 Scout unless told otherwise.
pub fn builder(wires: Wires, api_key: SecretString) -> ChatBuilder {
    GROQ.builder(wires, api_key)
}

/// Groq, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: GROQ.vendor,
    ports: &[(Port::Llm, |given, adapters| {
        openai_compatible::plug(GROQ, "GROQ_API_KEY", "GROQ_BASE_URL", given, adapters);
        Ok(())
    })],
    settings: &[Setting::key("GROQ_API_KEY", "an API key"), Setting::address("GROQ_BASE_URL")],
    #[cfg(feature = "sandbox")]
    sandbox: Some(crate::sandbox::model::Entry {
        hosts: &["api.groq.com"],
        new: |_, _| Box::new(openai_compatible::sandbox::ChatModel { vendor: GROQ.vendor, prefix: &["openai", "v1"], given: 0 }),
    }),
};
