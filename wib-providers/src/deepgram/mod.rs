//! Deepgram's API v1, speech into text while it is spoken.
//!
//! Document: <https://developers.deepgram.com/reference/speech-to-text/listen-streaming> (as of March 2026). Limits: so
//! many streams at once, by plan; beyond them the handshake is a 429.
//!
//! Quirks this adapter knows:
//! - The key goes into `Authorization` with `Token` before it; a short-lived one with `Bearer`.
//! - It refuses in the handshake, so a stream that is open is one that listens. Nothing is said first: what tells of the
//!   session is the header `dg-request-id`.
//! - Ten seconds without audio or `KeepAlive` end the stream (1011, `NET-0001`). Whoever asks for what was heard says
//!   `KeepAlive`, for as long as the order lets nothing be said.
//! - `is_final` ends a piece of what is said, `speech_final` the utterance: a turn is all pieces up to there. Words between
//!   are told again and again until they are final. Noise may hide a silence: then `UtteranceEnd` ends the turn.
//! - One silence ends an utterance, however sure its end is: the longest of an order's, else its shortest. It is told in
//!   the address, so nothing of how turns are told apart can be changed on the way.
//! - An answer to `Finalize` says so (`from_finalize`), and may be empty.
//! - What is billed is the audio that was heard, not how long the stream was open.
//! - A token opens streams for a while; how long they last it cannot say.
//! - Without `mip_opt_out` it may learn from what is said.

mod live;
#[cfg(feature = "sandbox")]
mod sandbox;
mod turns;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::header;
use secrecy::{ExposeSecret, SecretString};
use wib_core::kit::{Clock, Random};

use crate::{
    http::{Client, Policy, Wires},
    vendor::{Adapters, Given, Port, Setting, Vendor},
};

const VENDOR: &str = "deepgram";

/// Deepgram, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: VENDOR,
    ports: &[(Port::LiveTranscriber, plug)],
    settings: &[Setting::key("DEEPGRAM_API_KEY", "an API key"), Setting::address("DEEPGRAM_BASE_URL")],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};

fn plug(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let builder = Deepgram::builder(given.wires.clone(), given.key("DEEPGRAM_API_KEY"));
    let deepgram = Arc::new(builder.given(given, "DEEPGRAM_BASE_URL").build());
    adapters.probes.push(deepgram.client.probe(Port::LiveTranscriber, "/v1/projects", ""));
    adapters.live_transcribers.push(deepgram);
    Ok(())
}

/// Deepgram, as [`LiveTranscriber`](wib_core::ports::LiveTranscriber).
#[derive(Debug)]
pub struct Deepgram {
    client: Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    model: String,
    learns: bool,
    live: bool,
}

impl Deepgram {
    /// Deepgram with an API key.
    #[must_use]
    pub fn builder(wires: Wires, api_key: SecretString) -> DeepgramBuilder {
        DeepgramBuilder {
            wires,
            api_key,
            base_url: "https://api.deepgram.com".to_owned(),
            policy: Policy::default(),
            model: "nova-3".to_owned(),
            learns: false,
            live: true,
        }
    }
}

/// Puts a [`Deepgram`] together.
#[derive(Debug)]
pub struct DeepgramBuilder {
    wires: Wires,
    api_key: SecretString,
    base_url: String,
    policy: Policy,
    model: String,
    learns: bool,
    live: bool,
}

impl DeepgramBuilder {
    crate::http::settings!();
    /// Another model for orders that name none. Ours: `nova-3`.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }
    /// Whether the vendor may keep what is said and learn from it. Ours: it may not, which some plans charge for.
    #[must_use]
    pub fn learns(mut self, learns: bool) -> Self {
        self.learns = learns;
        self
    }
    /// The adapter.
    #[must_use]
    pub fn build(self) -> Deepgram {
        let Self { wires, api_key, base_url, policy, model, learns, live } = self;
        let (clock, random) = (wires.clock.clone(), wires.random.clone());
        let client = Client::new(VENDOR, &base_url, policy, wire::words, wires);
        let client = client.key(header::AUTHORIZATION, format!("Token {}", api_key.expose_secret()).into());
        Deepgram { client, clock, random, model, learns, live }
    }
}
