//! The JSON of ElevenLabs. Only what we read or send; everything else is ignored.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use wib_core::ports::Fault;

use crate::{decimal::millionths_rounded_up, http::Words};

#[derive(Serialize)]
pub(super) struct SpeechRequest<'a> {
    pub text: &'a str,
    pub model_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_settings: Option<SpeedOnly>,
}

#[derive(Serialize)]
pub(super) struct SpeedOnly {
    pub speed: f64,
}

#[derive(Deserialize)]
pub(super) struct TimedReply {
    pub audio_base64: String,
    pub alignment: Option<Alignment>,
}

#[derive(Default, Deserialize)]
pub(super) struct Alignment {
    pub characters: Vec<String>,
    pub character_start_times_seconds: Vec<Number>,
    pub character_end_times_seconds: Vec<Number>,
}

#[derive(Deserialize)]
pub(super) struct VoiceList {
    pub voices: Vec<Voice>,
    #[serde(default)]
    pub has_more: bool,
    pub next_page_token: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Voice {
    pub voice_id: String,
    pub name: Option<String>,
    pub labels: Option<Labels>,
    pub verified_languages: Option<Vec<VerifiedLanguage>>,
}

#[derive(Deserialize)]
pub(super) struct Labels {
    pub language: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct VerifiedLanguage {
    pub language: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Model {
    pub model_id: String,
    pub name: Option<String>,
    #[serde(default)]
    pub can_do_text_to_speech: bool,
    pub languages: Option<Vec<Language>>,
}

#[derive(Deserialize)]
pub(super) struct Language {
    pub language_id: String,
}

#[derive(Deserialize)]
pub(super) struct Settings {
    pub stability: Option<Number>,
    pub similarity_boost: Option<Number>,
    pub style: Option<Number>,
    pub speed: Option<Number>,
    pub use_speaker_boost: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Subscription {
    pub tier: Option<String>,
    pub status: Option<String>,
    pub character_count: i64,
    pub character_limit: i64,
    pub next_character_count_reset_unix: Option<i64>,
}

/// A decimal number in thousandths, what is finer rounded away from zero.
pub(super) fn thousandths(number: &Number) -> Option<i64> {
    let millionths = millionths_rounded_up(&number.to_string())?;
    Some(millionths.div_euclid(1000) + i64::from(millionths.rem_euclid(1000) > 0))
}

/// `{"detail": {status, message}}`, `{"detail": [{msg, type}]}` or `{"detail": text}`.
pub(super) fn words(status: u16, body: &Value) -> Words {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let detail = &body["detail"];
    let (code, message) = match detail {
        Value::Array(all) => {
            let first = all.first().unwrap_or(&Value::Null);
            (text(&first["type"]), text(&first["msg"]))
        }
        Value::String(message) => (None, Some(message.clone())),
        _ => (text(&detail["status"]).or_else(|| text(&detail["code"])), text(&detail["message"])),
    };
    let fault = match (status, code.as_deref().unwrap_or_default()) {
        (400..=499, "quota_exceeded" | "insufficient_credits") => Some(Fault::Payment),
        (400..=499, "voice_not_found" | "model_not_found") => Some(Fault::Missing),
        _ => None,
    };
    Words { fault, code, message }
}
