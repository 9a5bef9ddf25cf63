//! The wire that OpenAI, Groq and xAI share: `POST /chat/completions`, and of OpenAI and Groq `/embeddings` and
//! `/audio/speech`.
//!
//! Instructions go as the system message, other people's text as user messages and results of tools, fenced. One try,
//! unless the request never left: a repeat is charged, and a chain of vendors has the next one at hand.
//!
//! What differs between vendors: the name of the most tokens; where a stream tells its usage (asked for with
//! `stream_options`, or in Groq's `x_groq`); errors in two forms, with xAI also inside a 200 and among the events of a
//! stream; `reasoning_content`, which is no part of the answer; what was charged (`cost_in_usd_ticks` of xAI, 10^-10 US
//! dollars: <https://docs.x.ai/developers/cost-tracking>); answers for later ([`Chat::defer`], xAI).

mod embedder;
mod llm;
#[cfg(feature = "sandbox")]
pub(crate) mod sandbox;
mod speech;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use secrecy::SecretString;
use wib_core::ports::speech::AudioFormat;

pub use self::{embedder::Vectors, llm::Chat, speech::Speaker};
use crate::{
    audio::Shaper,
    http::{Client, Policy, Wires},
    vendor::{Adapters, Given, Port},
};

/// What tells one vendor of the wire from another.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// The vendor's name in rows and logs.
    pub vendor: &'static str,
    /// Its address, with the path before `/chat/completions`.
    pub base_url: &'static str,
    /// The model that is asked when none is named.
    pub model: &'static str,
    /// Whether the most tokens of an answer are `max_completion_tokens`, not `max_tokens`.
    pub completion_tokens: bool,
    /// Whether a model that the [book](crate::prices) does not know can be held to a schema strictly.
    pub strict: bool,
    /// Whether its models are fit for complex tasks.
    pub reasons: bool,
    /// Whether a stream tells its usage only when asked.
    pub asks_usage: bool,
    /// The model that makes vectors, where there is one.
    pub embeddings: Option<&'static str>,
    /// How it speaks, if it does.
    pub speech: Option<&'static Voices>,
}

/// How a vendor of the wire speaks.
#[derive(Debug)]
pub struct Voices {
    /// The models by language; the first is for all others.
    pub models: &'static [(&'static str, &'static str)],
    /// The voices by language, the one to be taken first; what is not here is not spoken, unless the vendor speaks
    /// everything.
    pub voices: &'static [(&'static str, &'static str)],
    /// Whether every voice speaks every language.
    pub any_language: bool,
    /// Slowest and fastest, in thousandths.
    pub speed: (u32, u32),
    /// What is asked for to get a format, and what is done to it.
    pub plan: fn(AudioFormat) -> Plan,
}

/// How a format is got.
#[derive(Debug)]
pub struct Plan {
    /// The vendor's name of what is asked for.
    pub response_format: &'static str,
    /// Samples a second, where the vendor lets choose.
    pub sample_rate: Option<u32>,
    /// What is done to it.
    pub shaper: Shaper,
    /// What comes of it.
    pub format: AudioFormat,
}

impl Dialect {
    /// An adapter of this dialect.
    pub fn builder(self, wires: Wires, api_key: SecretString) -> ChatBuilder {
        let base_url = self.base_url.to_owned();
        let (model, tier, policy, live) = (None, None, Policy::default(), true);
        ChatBuilder { dialect: self, wires, api_key, base_url, model, tier, policy, live }
    }
}

/// Puts a [`Chat`], [`Vectors`] or a [`Speaker`] together.
#[derive(Debug)]
pub struct ChatBuilder {
    dialect: Dialect,
    wires: Wires,
    api_key: SecretString,
    base_url: String,
    model: Option<String>,
    tier: Option<String>,
    policy: Policy,
    live: bool,
}

impl ChatBuilder {
    crate::http::settings!();
    /// Another model. Its cost is unknown unless the [book](crate::prices) has it.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }
    /// How quick and dear answers are to be (Groq: `on_demand`, `flex`, `performance`, `auto`).
    #[must_use]
    pub fn service_tier(mut self, tier: impl Into<String>) -> Self {
        self.tier = Some(tier.into());
        self
    }
    /// The language model.
    #[must_use]
    pub fn build(self) -> Chat {
        let client = self.client();
        let Self { dialect, model, tier, live, .. } = self;
        Chat::new(dialect, client, model.unwrap_or_else(|| dialect.model.to_owned()), tier, live)
    }
    /// What makes vectors; `None` where the vendor makes none.
    #[must_use]
    pub fn embedder(self) -> Option<Vectors> {
        let client = self.client();
        let model = self.dialect.embeddings?;
        Some(Vectors::new(self.dialect.vendor, client, self.model.unwrap_or_else(|| model.to_owned()), self.live))
    }
    /// The speaker; `None` where the vendor does not speak.
    #[must_use]
    pub fn speaker(self) -> Option<Speaker> {
        let client = self.client();
        Some(Speaker::new(self.dialect.vendor, self.dialect.speech?, client, self.model, self.live))
    }
    fn client(&self) -> Client {
        let (vendor, policy, wires) = (self.dialect.vendor, self.policy.clone(), self.wires.clone());
        Client::new(vendor, &self.base_url, policy, wire::words, wires).bearer(&self.api_key)
    }
}

/// The adapter of a dialect for one port, for whoever wires it.
pub(crate) fn plug(dialect: Dialect, port: Port, key: &str, address: &str, given: &Given<'_>, adapters: &mut Adapters) {
    let builder = dialect.builder(given.wires.clone(), given.key(key)).given(given, address);
    adapters.probes.push(builder.client().probe(port, "/models", ""));
    match port {
        Port::Embedder => adapters.embedders.extend(builder.embedder().map(|one| Arc::new(one) as _)),
        Port::Speech => adapters.speeches.extend(builder.speaker().map(|one| Arc::new(one) as _)),
        _ => adapters.llms.push(Arc::new(builder.build())),
    }
}
