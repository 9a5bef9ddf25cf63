//! Groq: quick models, vectors and speech over the [shared wire](crate::openai_compatible).
//!
//! Document: <https://console.groq.com/docs/api-reference> (types of the official library 1.7.0). Takes one choice only,
//! answers 498 when the flex tier is full, and names its request, and a stream's usage, in `x_groq`. Llama models take a
//! schema as a wish, not strictly. Speech comes in the telephone's own format (`mulaw`, 8 kHz), in English and Arabic; it
//! may come with a WAV header, which is taken off.

use secrecy::SecretString;
use wib_core::ports::speech::AudioFormat;

use crate::{
    audio::{MULAW, PCM, Shaper},
    http::Wires,
    openai_compatible::{self, ChatBuilder, Dialect, Plan, Voices},
    vendor::{Plug, Port, Setting, Vendor},
};

/// Groq's ways.
pub const GROQ: Dialect = Dialect {
    vendor: "groq",
    base_url: "https://api.groq.com/openai/v1",
    model: "meta-llama/llama-4-scout-17b-16e-instruct",
    completion_tokens: true,
    strict: false,
    reasons: false,
    asks_usage: false,
    embeddings: Some("nomic-embed-text-v1_5"),
    speech: Some(&VOICES),
};

static VOICES: Voices = Voices {
    models: &[("en", "playai-tts"), ("ar", "playai-tts-arabic")],
    voices: &[
        ("en", "Fritz-PlayAI"),
        ("en", "Arista-PlayAI"),
        ("en", "Atlas-PlayAI"),
        ("en", "Basil-PlayAI"),
        ("en", "Briggs-PlayAI"),
        ("en", "Calum-PlayAI"),
        ("en", "Celeste-PlayAI"),
        ("en", "Cheyenne-PlayAI"),
        ("en", "Chip-PlayAI"),
        ("en", "Cillian-PlayAI"),
        ("en", "Deedee-PlayAI"),
        ("en", "Gail-PlayAI"),
        ("en", "Indigo-PlayAI"),
        ("en", "Mamaw-PlayAI"),
        ("en", "Mason-PlayAI"),
        ("en", "Mikail-PlayAI"),
        ("en", "Mitch-PlayAI"),
        ("en", "Quinn-PlayAI"),
        ("en", "Thunder-PlayAI"),
        ("ar", "Ahmad-PlayAI"),
        ("ar", "Amira-PlayAI"),
        ("ar", "Khalid-PlayAI"),
        ("ar", "Nasser-PlayAI"),
    ],
    any_language: false,
    speed: (500, 4000),
    plan,
};

fn plan(format: AudioFormat) -> Plan {
    let (response_format, sample_rate, shaper, format) = match format {
        AudioFormat::Mulaw8k => ("mulaw", Some(8000), Shaper::unwrap(MULAW, 8000), format),
        AudioFormat::Wav => ("wav", None, Shaper::AsIs, format),
        AudioFormat::Pcm16 { rate } => {
            let rate = if [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000].contains(&rate) { rate } else { 24_000 };
            ("wav", Some(rate), Shaper::unwrap(PCM, rate), AudioFormat::Pcm16 { rate })
        }
        _ => ("mp3", None, Shaper::AsIs, AudioFormat::Mp3),
    };
    Plan { response_format, sample_rate, shaper, format }
}

/// Groq with an API key (`gsk_…`); asks Llama 4 Scout unless told otherwise.
pub fn builder(wires: Wires, api_key: SecretString) -> ChatBuilder {
    GROQ.builder(wires, api_key)
}

const LLM: Plug = |given, adapters| {
    openai_compatible::plug(GROQ, Port::Llm, "GROQ_API_KEY", "GROQ_BASE_URL", given, adapters);
    Ok(())
};
const EMBEDDER: Plug = |given, adapters| {
    openai_compatible::plug(GROQ, Port::Embedder, "GROQ_API_KEY", "GROQ_BASE_URL", given, adapters);
    Ok(())
};
const SPEECH: Plug = |given, adapters| {
    openai_compatible::plug(GROQ, Port::Speech, "GROQ_API_KEY", "GROQ_BASE_URL", given, adapters);
    Ok(())
};

/// Groq, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: GROQ.vendor,
    ports: &[(Port::Llm, LLM), (Port::Embedder, EMBEDDER), (Port::Speech, SPEECH)],
    settings: &[Setting::key("GROQ_API_KEY", "an API key"), Setting::address("GROQ_BASE_URL")],
    #[cfg(feature = "sandbox")]
    sandbox: Some(crate::sandbox::model::Entry {
        hosts: &["api.groq.com"],
        new: |_, _| Box::new(openai_compatible::sandbox::ChatModel::new(GROQ.vendor, &["openai", "v1"])),
    }),
};
