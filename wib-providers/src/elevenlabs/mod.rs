//! ElevenLabs: text to speech.
//!
//! Document: <https://elevenlabs.io/docs/api-reference> (as of August 2025). Audio comes as bytes in the `output_format`
//! of the query; `ulaw_8000` is the telephone's own. The limit is of requests at once, by plan; what is too many is queued
//! and then refused with 429 (`too_many_concurrent_requests`, or `system_busy`, which is the vendor's own trouble). Nothing
//! is idempotent, and each repeat is charged: nothing is repeated unless it never left. Errors are
//! `{"detail": {"status", "message"}}`, or with 422 `{"detail": [{"loc", "msg", "type"}]}`; an account without characters
//! answers 401 with `quota_exceeded`. Speed goes from 0.7 to 1.2. Only models of version 2.5 and later take a language;
//! the others hear it from the text. There are no WAV files: bare samples come instead.

mod account;
#[cfg(feature = "sandbox")]
mod sandbox;
mod speech;
mod timed;
mod wire;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use http::HeaderName;
use secrecy::SecretString;

pub use self::{
    account::{Subscription, VoiceSettings},
    timed::{Timed, TimedCharacter, TimedPiece, TimedStream},
};
use crate::{
    http::{Client, Policy, Wires},
    vendor::{Plug, Port, Setting, Vendor},
};

const BASE_URL: &str = "https://api.elevenlabs.io";
/// The quickest model, for telephones.
const MODEL: &str = "eleven_flash_v2_5";
/// George, who comes with every account and speaks what the model speaks.
const VOICE: &str = "JBFqnCBsd6RMkjVDRZzb";

/// ElevenLabs behind its API.
#[derive(Debug)]
pub struct ElevenLabs {
    client: Client,
    model: String,
    /// Voices by language, the one for all others first.
    voices: Vec<(String, String)>,
    live: bool,
}

/// Puts an [`ElevenLabs`] together.
#[derive(Debug)]
pub struct ElevenLabsBuilder {
    wires: Wires,
    api_key: SecretString,
    base_url: String,
    model: String,
    voices: Vec<(String, String)>,
    policy: Policy,
    live: bool,
}

impl ElevenLabs {
    /// ElevenLabs with an API key; speaks with Flash 2.5, five texts at once, unless told otherwise.
    #[must_use]
    pub fn builder(wires: Wires, api_key: SecretString) -> ElevenLabsBuilder {
        let policy = Policy { at_once: 5, answer_cap: 64 << 20, total: Duration::from_secs(180), ..Policy::default() };
        let (base_url, model) = (BASE_URL.to_owned(), MODEL.to_owned());
        let voices = vec![("en".to_owned(), VOICE.to_owned())];
        ElevenLabsBuilder { wires, api_key, base_url, model, voices, policy, live: true }
    }
}

impl ElevenLabsBuilder {
    crate::http::settings!();
    /// Another model.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }
    /// A voice for a language, such as `es` or `en-GB`.
    #[must_use]
    pub fn voice(mut self, language: impl Into<String>, id: impl Into<String>) -> Self {
        let language = language.into();
        self.voices.retain(|(known, _)| !known.eq_ignore_ascii_case(&language));
        self.voices.push((language, id.into()));
        self
    }
    /// The adapter.
    #[must_use]
    pub fn build(self) -> ElevenLabs {
        let Self { wires, api_key, base_url, model, voices, policy, live } = self;
        let client = Client::new("elevenlabs", &base_url, policy, wire::words, wires)
            .key(HeaderName::from_static("xi-api-key"), api_key);
        ElevenLabs { client, model, voices, live }
    }
}

const SPEECH: Plug = |given, adapters| {
    let builder = ElevenLabs::builder(given.wires.clone(), given.key("ELEVENLABS_API_KEY"));
    let mut builder = builder.given(given, "ELEVENLABS_BASE_URL");
    if let Some(voice) = given.text("ELEVENLABS_VOICE_ID") {
        builder.voices = vec![("en".to_owned(), voice.to_owned())];
    }
    let speaker = builder.build();
    adapters.probes.push(speaker.client.probe(Port::Speech, "/v1/user/subscription", ""));
    adapters.speeches.push(Arc::new(speaker));
    Ok(())
};

/// ElevenLabs, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: "elevenlabs",
    ports: &[(Port::Speech, SPEECH)],
    settings: &[
        Setting::key("ELEVENLABS_API_KEY", "an API key"),
        Setting::option("ELEVENLABS_VOICE_ID", "the voice that speaks"),
        Setting::address("ELEVENLABS_BASE_URL"),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};
