//! xAI: Grok over the [shared wire](crate::openai_compatible).
//!
//! Document: <https://docs.x.ai/docs/api-reference>. Has two forms of error, and may send either inside a 200 and among
//! the events of a stream. Prices are not in our book: a cost is what the answer says was charged, else unknown.

use secrecy::SecretString;

use crate::{
    http::Wires,
    openai_compatible::{self, ChatBuilder, Dialect},
    vendor::{Port, Setting, Vendor},
};

/// xAI's ways.
pub const XAI: Dialect = Dialect {
    vendor: "xai",
    base_url: "https://api.x.ai/v1",
    model: "grok-2-latest",
    completion_tokens: false,
    strict: true,
    reasons: true,
    asks_usage: true,
    embeddings: None,
    speech: None,
};

/// xAI with an API key (`xai-…`); asks Grok 2 unless told otherwise.
pub fn builder(wires: Wires, api_key: SecretString) -> ChatBuilder {
    XAI.builder(wires, api_key)
}

/// xAI, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: XAI.vendor,
    ports: &[(Port::Llm, |given, adapters| {
        openai_compatible::plug(XAI, Port::Llm, "XAI_API_KEY", "XAI_BASE_URL", given, adapters);
        Ok(())
    })],
    settings: &[Setting::key("XAI_API_KEY", "an API key"), Setting::address("XAI_BASE_URL")],
    #[cfg(feature = "sandbox")]
    sandbox: Some(crate::sandbox::model::Entry {
        hosts: &["api.x.ai"],
        new: |_, _| Box::new(openai_compatible::sandbox::ChatModel::new(XAI.vendor, &["v1"])),
    }),
};
