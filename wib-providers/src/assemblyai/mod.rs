//! AssemblyAI API v2: recordings into text.
//!
//! Document: <https://www.assemblyai.com/docs/api-reference> (as of March 2026). Limits: 20,000 requests in five minutes;
//! jobs beyond the plan's number queue.
//!
//! Quirks this adapter knows:
//! - The key goes into `Authorization` as it is, without `Bearer`.
//! - `speech_models` must be sent, best first; there is no default.
//! - Nothing makes an order idempotent: after a lost answer, [`find`](wib_core::ports::Transcriber::find) looks at the
//!   list.
//! - `status: error` comes with HTTP 200.
//! - A deleted transcript stays listed, with its audio named `http://deleted_by_user`.
//! - Deliveries carry a secret header and no signature: they are hints, and only a fetch says what is true.
//!
//! Speakers: audio of two channels is taken to be a Telnyx dual recording of a call we placed, whose first channel is
//! what the dialled leg said, so channel 1 is `customer` and channel 2 is `agent`. Audio of one channel keeps the
//! vendor's labels (`A`, `B`).

#[cfg(feature = "sandbox")]
mod sandbox;
mod transcriber;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::header;
use secrecy::SecretString;

use crate::{
    http::{Client, Policy, Wires},
    vendor::{Adapters, Given, Port, Setting, Vendor},
};

const VENDOR: &str = "assemblyai";

/// AssemblyAI, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: VENDOR,
    ports: &[(Port::Transcriber, plug)],
    settings: &[
        Setting::key("ASSEMBLYAI_API_KEY", "an API key"),
        Setting::verifier("ASSEMBLYAI_WEBHOOK_SECRET", "deliveries carry it; without it we ask instead"),
        Setting::address("ASSEMBLYAI_BASE_URL"),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};

fn plug(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let key = given.key("ASSEMBLYAI_API_KEY");
    let mut builder = AssemblyAi::builder(given.wires.clone(), key).given(given, "ASSEMBLYAI_BASE_URL");
    let set: Vec<SecretString> = given.several("ASSEMBLYAI_WEBHOOK_SECRET").map(SecretString::from).collect();
    for secret in set.into_iter().chain(given.verifier.clone().map(SecretString::from)) {
        builder = builder.webhook_secret(secret);
    }
    let assemblyai = Arc::new(builder.build());
    adapters.probes.push(assemblyai.client.probe(Port::Transcriber, "/v2/transcript?limit=1", ""));
    adapters.webhooks.push(assemblyai.clone());
    adapters.transcribers.push(assemblyai);
    Ok(())
}

/// AssemblyAI, as [`Transcriber`](wib_core::ports::Transcriber) and as
/// [`WebhookSource`](wib_core::ports::WebhookSource).
#[derive(Debug)]
pub struct AssemblyAi {
    client: Client,
    models: Vec<String>,
    header: String,
    secrets: Vec<SecretString>,
    live: bool,
}

impl AssemblyAi {
    /// AssemblyAI with an API key.
    #[must_use]
    pub fn builder(wires: Wires, api_key: SecretString) -> AssemblyAiBuilder {
        AssemblyAiBuilder {
            wires,
            api_key,
            base_url: "https://api.assemblyai.com".to_owned(),
            policy: Policy::default(),
            models: vec!["universal-3-pro".to_owned(), "universal-2".to_owned()],
            header: "Authorization".to_owned(),
            secrets: Vec::new(),
            live: true,
        }
    }
}

/// Puts an [`AssemblyAi`] together.
#[derive(Debug)]
pub struct AssemblyAiBuilder {
    wires: Wires,
    api_key: SecretString,
    base_url: String,
    policy: Policy,
    models: Vec<String>,
    header: String,
    secrets: Vec<SecretString>,
    live: bool,
}

impl AssemblyAiBuilder {
    crate::http::settings!();
    /// Other speech models, best first. Ours: `universal-3-pro`, then `universal-2`.
    #[must_use]
    pub fn models(mut self, models: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.models = models.into_iter().map(Into::into).collect();
        self
    }
    /// The secret that deliveries carry. The first one is given to new orders; name older ones too while they are being
    /// rotated. Without any, no delivery is asked for with a secret and every delivery is refused.
    #[must_use]
    pub fn webhook_secret(mut self, secret: SecretString) -> Self {
        self.secrets.push(secret);
        self
    }
    /// The header that carries the secret. Ours: `Authorization`. `X-AssemblyAI-Webhook-Secret` is read in any case.
    #[must_use]
    pub fn webhook_header(mut self, name: impl Into<String>) -> Self {
        self.header = name.into();
        self
    }
    /// The adapter.
    #[must_use]
    pub fn build(self) -> AssemblyAi {
        let client = Client::new(VENDOR, &self.base_url, self.policy, wire::words, self.wires);
        let Self { models, header, secrets, live, .. } = self;
        AssemblyAi { client: client.key(header::AUTHORIZATION, self.api_key), models, header, secrets, live }
    }
}
