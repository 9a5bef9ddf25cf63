//! AssemblyAI API v2, recordings into text, and streaming v3, speech into text while it is spoken.
//!
//! Document: <https://www.assemblyai.com/docs/api-reference> (as of March 2026). Limits: 20,000 requests in five minutes;
//! jobs beyond the plan's number queue; new streaming sessions are limited by the minute. What it offers besides hearing
//! (summaries, chapters, LeMUR and its gateway) is not used: models of language are another port.
//!
//! Quirks this adapter knows:
//! - The key goes into `Authorization` as it is, without `Bearer`.
//! - `speech_models` must be sent, best first; there is no default.
//! - Nothing makes an order idempotent: after a lost answer, [`find`](wib_core::ports::Transcriber::find) looks at the
//!   list.
//! - `status: error` comes with HTTP 200.
//! - A deleted transcript stays listed, with its audio named `http://deleted_by_user`; its text is then a remark, not what
//!   was said.
//! - A transcript that is not known is a 400, which only its words tell from others.
//! - Redacted audio that is not ready yet is a 202; it has a delivery of its own, which names no transcript.
//! - Channels and speaker labels are refused together.
//! - Streaming refuses by closing: 1008 for the key or the account, also when the handshake was taken, 3005 a fault of the
//!   vendor, 3006 a bad message, 3007 audio of a bad length or pace (50 to 1000 ms a message), 3008 the session is over, 3009
//!   too many sessions. [`listen`](wib_core::ports::LiveTranscriber::listen) therefore waits for its first word.
//! - With formatted turns, an ended turn comes twice under one number; models named `u3` always format.
//! - A session that is left without `Terminate` is billed until its own end.
//! - Deliveries carry a secret header and no signature: they are hints, and only a fetch says what is true.
//!
//! Speakers: audio of two channels is taken to be a Telnyx dual recording of a call we placed, whose first channel is
//! what the dialled leg said, so channel 1 is `customer` and channel 2 is `agent`. Audio of one channel keeps the
//! vendor's labels (`A`, `B`).

mod live;
#[cfg(feature = "sandbox")]
mod sandbox;
mod transcriber;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use http::header;
use secrecy::SecretString;
use wib_core::kit::Clock;

use crate::{
    http::{Client, Policy, Wires},
    vendor::{Adapters, Given, Port, Setting, Vendor},
};

const VENDOR: &str = "assemblyai";

/// AssemblyAI, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: VENDOR,
    ports: &[(Port::Transcriber, plug), (Port::LiveTranscriber, plug_live)],
    settings: &[
        Setting::key("ASSEMBLYAI_API_KEY", "an API key"),
        Setting::verifier("ASSEMBLYAI_WEBHOOK_SECRET", "deliveries carry it; without it we ask instead"),
        Setting::address("ASSEMBLYAI_BASE_URL"),
        Setting::address("ASSEMBLYAI_STREAMING_URL"),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};

fn builder(given: &Given<'_>) -> AssemblyAiBuilder {
    let builder = AssemblyAi::builder(given.wires.clone(), given.key("ASSEMBLYAI_API_KEY"));
    let builder = builder.given(given, "ASSEMBLYAI_BASE_URL");
    match given.text("ASSEMBLYAI_STREAMING_URL") {
        Some(url) => builder.streaming_url(url),
        None => builder,
    }
}

fn plug_live(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let assemblyai = Arc::new(builder(given).build());
    let probe = assemblyai.streaming.probe(Port::LiveTranscriber, "/v3/token?expires_in_seconds=1", "");
    adapters.probes.push(probe);
    adapters.live_transcribers.push(assemblyai);
    Ok(())
}

fn plug(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let mut builder = builder(given);
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

/// AssemblyAI, as [`Transcriber`](wib_core::ports::Transcriber), as [`LiveTranscriber`](wib_core::ports::LiveTranscriber)
/// and as [`WebhookSource`](wib_core::ports::WebhookSource).
#[derive(Debug)]
pub struct AssemblyAi {
    client: Client,
    streaming: Client,
    clock: Arc<dyn Clock>,
    /// How long a stream's first word is waited for.
    first_byte: Duration,
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
            streaming_url: None,
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
    streaming_url: Option<String>,
    policy: Policy,
    models: Vec<String>,
    header: String,
    secrets: Vec<SecretString>,
    live: bool,
}

impl AssemblyAiBuilder {
    crate::http::settings!();
    /// Another address for streaming. Without it: the vendor's own for streaming in the region of the other address, or the
    /// other address itself when that is not the vendor's.
    #[must_use]
    pub fn streaming_url(mut self, url: impl Into<String>) -> Self {
        self.streaming_url = Some(url.into());
        self
    }
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
        let Self { wires, api_key, base_url, streaming_url, policy, models, header, secrets, live } = self;
        let streaming_url = streaming_url.unwrap_or_else(|| match base_url.strip_prefix("https://api.") {
            Some(rest) if rest.trim_end_matches('/').ends_with("assemblyai.com") => format!("https://streaming.{rest}"),
            _ => base_url.clone(),
        });
        let (clock, first_byte) = (wires.clock.clone(), policy.first_byte);
        let client = |url: &str| {
            let client = Client::new(VENDOR, url, policy.clone(), wire::words, wires.clone());
            client.key(header::AUTHORIZATION, api_key.clone())
        };
        let (client, streaming) = (client(&base_url), client(&streaming_url));
        AssemblyAi { client, streaming, clock, first_byte, models, header, secrets, live }
    }
}
