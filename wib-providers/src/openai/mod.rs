//! OpenAI: models, vectors and speech over its own [wire](crate::openai_compatible).
//!
//! Document: <https://platform.openai.com/docs/api-reference> (as of August 2026). `max_completion_tokens` replaces
//! `max_tokens`; a refusal has no content; an account without money answers 429 with `insufficient_quota`; a stream tells
//! its usage when asked. Vectors are asked for in base64. Speech knows no telephone's format: its 24 kHz samples are made
//! 8 kHz and mu-law here, once. Texts of up to 4096 characters; every voice speaks every language.

use secrecy::SecretString;
use wib_core::ports::speech::AudioFormat;

use crate::{
    audio::Shaper,
    http::Wires,
    openai_compatible::{self, ChatBuilder, Dialect, Plan, Voices},
    vendor::{Plug, Port, Setting, Vendor},
};

/// OpenAI's ways.
pub const OPENAI: Dialect = Dialect {
    vendor: "openai",
    base_url: "https://api.openai.com/v1",
    model: "gpt-4o-mini",
    completion_tokens: true,
    strict: true,
    reasons: true,
    asks_usage: true,
    embeddings: Some("text-embedding-3-small"),
    speech: Some(&VOICES),
};

static VOICES: Voices = Voices {
    models: &[("en", "gpt-4o-mini-tts")],
    voices: &[
        ("en", "alloy"),
        ("en", "ash"),
        ("en", "ballad"),
        ("en", "coral"),
        ("en", "echo"),
        ("en", "sage"),
        ("en", "shimmer"),
        ("en", "verse"),
        ("en", "marin"),
        ("en", "cedar"),
    ],
    any_language: true,
    speed: (250, 4000),
    plan,
};

fn plan(format: AudioFormat) -> Plan {
    let (response_format, shaper, format) = match format {
        AudioFormat::Mulaw8k => ("pcm", Shaper::third(true), format),
        AudioFormat::Pcm16 { rate: 8000 } => ("pcm", Shaper::third(false), format),
        AudioFormat::Wav => ("wav", Shaper::AsIs, format),
        AudioFormat::Mp3 => ("mp3", Shaper::AsIs, format),
        AudioFormat::Opus => ("opus", Shaper::AsIs, format),
        _ => ("pcm", Shaper::AsIs, AudioFormat::Pcm16 { rate: 24_000 }),
    };
    Plan { response_format, sample_rate: None, shaper, format }
}

/// OpenAI with an API key (`sk-…`); asks GPT-4o mini unless told otherwise.
pub fn builder(wires: Wires, api_key: SecretString) -> ChatBuilder {
    OPENAI.builder(wires, api_key)
}

const LLM: Plug = |given, adapters| {
    openai_compatible::plug(OPENAI, Port::Llm, "OPENAI_API_KEY", "OPENAI_BASE_URL", given, adapters);
    Ok(())
};
const EMBEDDER: Plug = |given, adapters| {
    openai_compatible::plug(OPENAI, Port::Embedder, "OPENAI_API_KEY", "OPENAI_BASE_URL", given, adapters);
    Ok(())
};
const SPEECH: Plug = |given, adapters| {
    openai_compatible::plug(OPENAI, Port::Speech, "OPENAI_API_KEY", "OPENAI_BASE_URL", given, adapters);
    Ok(())
};

/// OpenAI, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: OPENAI.vendor,
    ports: &[(Port::Llm, LLM), (Port::Embedder, EMBEDDER), (Port::Speech, SPEECH)],
    settings: &[Setting::key("OPENAI_API_KEY", "an API key"), Setting::address("OPENAI_BASE_URL")],
    #[cfg(feature = "sandbox")]
    sandbox: Some(crate::sandbox::model::Entry {
        hosts: &["api.openai.com"],
        new: |_, _| Box::new(openai_compatible::sandbox::ChatModel::new(OPENAI.vendor, &["v1"])),
    }),
};
