//! The chat wire that OpenAI, Groq and xAI share: `POST /chat/completions`.
//!
//! Instructions go as the system message, other people's text as the user message, fenced. One try, unless the request
//! never left: a repeat is charged, and a chain of models has the next one at hand.

#[cfg(feature = "sandbox")]
pub(crate) mod sandbox;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use secrecy::SecretString;
use wib_core::ports::{
    Fault, Llm, Sent, VendorError,
    llm::{Completion, Prompt},
};

use crate::{
    http::{Client, Policy, Wires, mask},
    prices::{PRICE_BOOK, Price},
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
    /// Whether it can be held to a schema strictly. Not every model can, where many vendors' models are served.
    pub strict: bool,
}

impl Dialect {
    /// A language model of this dialect.
    pub fn builder(self, wires: Wires, api_key: SecretString) -> ChatBuilder {
        let (base_url, model) = (self.base_url.to_owned(), self.model.to_owned());
        ChatBuilder { dialect: self, wires, api_key, base_url, model, policy: Policy::default(), live: true }
    }
}

/// A language model behind the chat wire.
#[derive(Debug)]
pub struct Chat {
    dialect: Dialect,
    client: Client,
    model: String,
    live: bool,
}

/// Puts a [`Chat`] together.
#[derive(Debug)]
pub struct ChatBuilder {
    dialect: Dialect,
    wires: Wires,
    api_key: SecretString,
    base_url: String,
    model: String,
    policy: Policy,
    live: bool,
}

impl ChatBuilder {
    crate::http::settings!();
    /// Another model. Its cost is unknown unless the [price book](crate::prices::PRICES) has it.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }
    /// The adapter.
    #[must_use]
    pub fn build(self) -> Chat {
        let Self { dialect, wires, api_key, base_url, model, policy, live } = self;
        let client = Client::new(dialect.vendor, &base_url, policy, wire::words, wires).bearer(&api_key);
        Chat { dialect, client, model, live }
    }
}

/// The model of a dialect, for whoever wires it.
pub(crate) fn plug(dialect: Dialect, key: &str, address: &str, given: &Given<'_>, adapters: &mut Adapters) {
    let chat = dialect.builder(given.wires.clone(), given.key(key)).given(given, address).build();
    adapters.probes.push(chat.client.probe(Port::Llm, "/models", ""));
    adapters.llms.push(Arc::new(chat));
}

#[async_trait]
impl Llm for Chat {
    fn vendor(&self) -> &'static str {
        self.dialect.vendor
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError> {
        let request = wire::ChatRequest::new(&self.dialect, &self.model, prompt);
        let answer = self.client.ask("complete", Method::POST, "/chat/completions").json(&request).send().await?;
        let reply: wire::Reply = answer.json()?;
        let failed = |fault, message: &str| {
            let error = self.client.fault(fault, Sent::Refused, message);
            VendorError { status: Some(200), request_id: answer.request_id.clone(), ..error }
        };
        let chat = match reply {
            wire::Reply::Chat(chat) => chat,
            wire::Reply::Refusal(body) => {
                let words = wire::words(200, &body);
                let Some(message) = words.message else {
                    return Err(failed(Fault::Nonsense, "neither an answer nor an error"));
                };
                let error = failed(words.fault.unwrap_or(Fault::Down), &mask(&message, 200));
                return Err(VendorError { code: words.code, ..error });
            }
        };
        let choice =
            chat.choices.into_iter().next().ok_or_else(|| failed(Fault::Nonsense, "no choice in the answer"))?;
        if prompt.schema.is_some() && choice.finish_reason.as_deref() == Some("length") {
            return Err(failed(Fault::Nonsense, "the JSON was cut at the most tokens"));
        }
        // A refusal's words may quote the text, so they stay out.
        let declined = || failed(Fault::Request, "the model declined to answer");
        let text = choice.message.content.filter(|text| !text.is_empty()).ok_or_else(declined)?;
        let price = Price::of(self.dialect.vendor, &self.model);
        let usage = chat.usage.as_ref();
        let cost = |usage: &wire::Usage| price?.cost_micros_rounded_up(usage.prompt_tokens, usage.completion_tokens);
        let cost_micros = usage.and_then(cost);
        Ok(Completion {
            vendor: self.dialect.vendor.to_owned(),
            model: chat.model.unwrap_or_else(|| self.model.clone()),
            text,
            input_tokens: usage.map_or(0, |u| u.prompt_tokens),
            output_tokens: usage.map_or(0, |u| u.completion_tokens),
            cost_micros,
            price_book: cost_micros.map(|_| PRICE_BOOK.to_owned()),
            request_id: answer.request_id.clone().or(chat.x_groq.and_then(|g| g.id)).or(chat.id),
            live: self.live,
        })
    }
}
