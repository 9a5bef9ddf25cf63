//! ElevenLabs in the sandbox: a few voices, an account whose characters are counted, and hums for words.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::{Value, json};

use crate::sandbox::{
    chance::Chance,
    model::{Entry, Model},
    speech::{Voice, audio},
    wire::{Ask, json as answer, text},
    world::World,
};

pub(super) const ENTRY: Entry = Entry { hosts: &["api.elevenlabs.io"], new: |_, _| Box::new(Account::default()) };

/// Voices that every account has: id, name, language.
const VOICES: [(&str, &str, &str); 4] = [
    ("JBFqnCBsd6RMkjVDRZzb", "George", "en"),
    ("EXAVITQu4vr4xnSDxMaL", "Sarah", "en"),
    ("XB0fDUnXU5powFXDhCwa", "Charlotte", "sv"),
    ("cgSgspJ2msm6clMCkdW9", "Jessica", "en"),
];
const MODELS: [(&str, &str, usize); 3] = [
    ("eleven_flash_v2_5", "Eleven Flash v2.5", 40_000),
    ("eleven_turbo_v2_5", "Eleven Turbo v2.5", 40_000),
    ("eleven_multilingual_v2", "Eleven Multilingual v2", 10_000),
];
/// Characters that the account may have said.
const LIMIT: u64 = 1_000_000;
/// Bytes of audio in one line of a stream with times.
const LINE: usize = 16_000;

/// An account.
#[derive(Debug, Default)]
struct Account {
    characters: u64,
    given: u64,
}

fn error(status: u16, code: &str, message: &str) -> Response<Bytes> {
    answer(status, &json!({"detail": {"status": code, "message": message}}))
}
fn invalid(place: &[&str], message: &str) -> Response<Bytes> {
    answer(422, &json!({"detail": [{"loc": place, "msg": message, "type": "value_error"}]}))
}

impl Model for Account {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", ["v1", "text-to-speech", _, ..]) => "speak",
            ("GET", ["v1" | "v2", "voices"]) => "voices",
            ("GET", ["v1", "voices", "settings", "default"] | ["v1", "voices", _, "settings"]) => "settings",
            ("GET", ["v1", "voices", _]) => "voice",
            ("GET", ["v1", "models"]) => "models",
            ("GET", ["v1", "user", "subscription"]) => "subscription",
            _ => "unknown",
        }
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        match ask.header("xi-api-key").map(str::trim) {
            None | Some("") => return error(401, "needs_authorization", "Neither authorization header nor xi-api-key received."),
            Some(key) if key.contains("invalid") => return error(401, "invalid_api_key", "Invalid API key"),
            Some(_) => {}
        }
        let (_, path) = ask.route();
        match (self.operation(ask), path.as_slice()) {
            ("speak", [_, _, voice, rest @ ..]) => self.speak(world, ask, voice, rest),
            ("voices", [version, _]) => voices(ask, version),
            ("voice", [.., id]) => match VOICES.iter().find(|(known, ..)| known == id) {
                Some(voice) => answer(200, &shown(voice)),
                None => unknown(id),
            },
            ("settings", [.., id, "settings"]) if !VOICES.iter().any(|(known, ..)| known == id) => unknown(id),
            ("settings", _) => answer(200, &settings()),
            ("models", _) => {
                let model = |(id, name, most): (&str, &str, usize)| {
                    json!({
                        "model_id": id, "name": name, "description": name, "can_be_finetuned": false,
                        "can_do_text_to_speech": true, "can_do_voice_conversion": false, "can_use_style": false,
                        "can_use_speaker_boost": false, "serves_pro_voices": false, "token_cost_factor": 0.5,
                        "requires_alpha_access": false, "max_characters_request_free_user": most,
                        "max_characters_request_subscribed_user": most, "maximum_text_length_per_request": most,
                        "languages": [{"language_id": "en", "name": "English"}, {"language_id": "es", "name": "Spanish"}],
                        "model_rates": {"character_cost_multiplier": 0.5}, "concurrency_group": "turbo",
                    })
                };
                answer(200, &Value::Array(MODELS.into_iter().map(model).collect()))
            }
            ("subscription", _) => answer(
                200,
                &json!({
                    "tier": "creator", "character_count": self.characters, "character_limit": LIMIT,
                    "max_character_limit_extension": null, "can_extend_character_limit": false,
                    "allowed_to_extend_character_limit": false,
                    "next_character_count_reset_unix": world.now.as_second() + 2_592_000, "voice_slots_used": 0,
                    "professional_voice_slots_used": 0, "voice_limit": 30, "voice_add_edit_counter": 0,
                    "professional_voice_limit": 1, "can_extend_voice_limit": false,
                    "can_use_instant_voice_cloning": true, "can_use_professional_voice_cloning": true,
                    "currency": "usd", "status": "active", "has_open_invoices": false,
                }),
            ),
            _ => answer(404, &json!({"detail": "Not Found"})),
        }
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        let code = match status {
            401 => "invalid_api_key",
            422 => return invalid(&["body"], message),
            429 => "too_many_concurrent_requests",
            _ => "internal_error",
        };
        error(status, code, message)
    }
    fn show(&self) -> Value {
        json!({"characters": self.characters, "texts": self.given})
    }
}

fn unknown(id: &str) -> Response<Bytes> {
    error(404, "voice_not_found", &format!("A voice with the voice_id {id} was not found."))
}
fn settings() -> Value {
    json!({"stability": 0.5, "similarity_boost": 0.75, "style": 0.0, "use_speaker_boost": true, "speed": 1.0})
}
fn shown((id, name, language): &(&str, &str, &str)) -> Value {
    json!({
        "voice_id": id, "name": name, "category": "premade", "labels": {"language": language},
        "available_for_tiers": [], "high_quality_base_model_ids": [], "settings": settings(),
        "verified_languages": [{"language": language, "model_id": "eleven_flash_v2_5"}],
    })
}

/// The list of voices: at once in version 1, by pages in version 2.
fn voices(ask: &Ask<'_>, version: &str) -> Response<Bytes> {
    let all: Vec<_> = VOICES.iter().map(shown).collect();
    if version == "v1" {
        return answer(200, &json!({"voices": all}));
    }
    let size = ask.param("page_size").and_then(|size| size.parse().ok()).unwrap_or(10usize).clamp(1, 100);
    let from = ask.param("next_page_token").and_then(|token| token.parse().ok()).unwrap_or(0usize);
    let page: Vec<_> = all.iter().skip(from).take(size).cloned().collect();
    let next = from.saturating_add(size);
    let more = next < all.len();
    answer(
        200,
        &json!({
            "voices": page, "has_more": more, "total_count": all.len(),
            "next_page_token": more.then(|| next.to_string()),
        }),
    )
}

impl Account {
    fn speak(&mut self, world: &World, ask: &Ask<'_>, voice: &str, rest: &[&str]) -> Response<Bytes> {
        let (streamed, timed) = match rest {
            [] => (false, false),
            ["stream"] => (true, false),
            ["with-timestamps"] => (false, true),
            ["stream", "with-timestamps"] => (true, true),
            _ => return answer(404, &json!({"detail": "Not Found"})),
        };
        let Some(body) = ask.object() else { return invalid(&["body"], "JSON decode error") };
        let Some(said) = text(&body, "text") else { return invalid(&["body", "text"], "Field required") };
        if !VOICES.iter().any(|(known, ..)| *known == voice) {
            return unknown(voice);
        }
        let wanted = text(&body, "model_id").unwrap_or("eleven_multilingual_v2");
        let Some((model, _, most)) = MODELS.iter().find(|(id, ..)| *id == wanted) else {
            return error(400, "model_not_found", "The model was not found.");
        };
        if text(&body, "language_code").is_some() && !model.ends_with("v2_5") {
            return error(400, "unsupported_language", "The model does not support language_code.");
        }
        let characters = said.chars().count();
        if characters > *most {
            return error(400, "max_character_limit_exceeded", "The text is too long.");
        }
        if self.characters + characters as u64 > LIMIT {
            return error(401, "quota_exceeded", "This request exceeds your quota.");
        }
        let speed = body["voice_settings"]["speed"].as_f64().unwrap_or(1.0);
        let speed = format!("{:.0}", speed * 1000.0).parse().ok().filter(|speed| (700..=1200).contains(speed));
        let Some(speed_milli) = speed else {
            return invalid(&["body", "voice_settings", "speed"], "must be between 0.7 and 1.2");
        };
        let spoken = Voice { text: said, speed_milli };
        let format = ask.param("output_format").unwrap_or("mp3_44100_128");
        let mut parts = format.split('_');
        let (kind, rate) = (parts.next().unwrap_or_default(), parts.next().and_then(|rate| rate.parse().ok()));
        let made = rate.filter(|_| kind != "wav").and_then(|rate| audio(spoken, kind, rate));
        let Some((kind, audio)) = made else { return invalid(&["query", "output_format"], "unknown output format") };
        self.characters += characters as u64;
        self.given += 1;
        let mut shown = match (streamed, timed) {
            (_, false) => {
                let mut plain = Response::new(audio);
                plain.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
                plain
            }
            (false, true) => answer(200, &with_times(&audio, spoken, 0..characters)),
            (true, true) => {
                let lines = audio.len().div_ceil(LINE).max(1);
                let part = |n: usize| characters * n / lines;
                let line = |(n, audio): (usize, &[u8])| {
                    with_times(audio, spoken, part(n)..part(n + 1)).to_string() + "\n"
                };
                answer(200, &Value::Null).map(|_| audio.chunks(LINE).enumerate().map(line).collect::<String>().into())
            }
        };
        let id = Chance::of(world.seed, &["elevenlabs", &self.given.to_string()]).hex(10);
        if let Ok(id) = HeaderValue::from_str(&id) {
            shown.headers_mut().insert("request-id", id);
        }
        shown
    }
}

/// Some audio with the times of some characters of the text, spread evenly.
fn with_times(audio: &[u8], spoken: Voice<'_>, range: std::ops::Range<usize>) -> Value {
    let count = spoken.text.chars().count().max(1) as u64;
    let at = |n: usize| {
        let ms = spoken.ms() * n as u64 / count;
        serde_json::from_str::<Value>(&format!("{}.{:03}", ms / 1000, ms % 1000)).unwrap_or_default()
    };
    let characters: Vec<_> = spoken.text.chars().skip(range.start).take(range.len()).map(String::from).collect();
    let starts: Vec<_> = range.clone().map(at).collect();
    let ends: Vec<_> = range.map(|n| at(n + 1)).collect();
    let alignment = json!({
        "characters": characters, "character_start_times_seconds": starts, "character_end_times_seconds": ends,
    });
    json!({"audio_base64": BASE64_STANDARD.encode(audio), "alignment": alignment, "normalized_alignment": alignment})
}
