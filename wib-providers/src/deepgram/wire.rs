//! The JSON of Deepgram. Only what we read; everything else is ignored.

use serde::Deserialize;
use serde_json::Value;
use wib_core::ports::transcriber::Span;

use super::turns::{Piece, Word};
use crate::{decimal::millionths_rounded_up, http::Words, socket::Frame};

/// Its errors have had three shapes: `err_code` and `err_msg`, `category` and `message`, or a text alone.
pub(super) fn words(_status: u16, body: &Value) -> Words {
    let text = |names: [&str; 2]| names.iter().find_map(|name| body[*name].as_str()).map(str::to_owned);
    let message = text(["err_msg", "message"]).or_else(|| body.as_str().map(str::to_owned));
    Words { fault: None, code: text(["err_code", "category"]), message }
}

/// A token for streams.
#[derive(Deserialize)]
pub(super) struct Token {
    pub access_token: String,
    pub expires_in: Option<Value>,
}

/// What a message of a stream is to us.
pub(super) enum Heard {
    /// Words, final or not.
    Piece(Piece),
    /// Somebody has begun to speak.
    SpeechStarted { at_ms: i64 },
    /// Nothing was said for a while after the word that ended then.
    Silence { since_ms: i64 },
    /// All was said; how much audio was heard.
    Over { audio_ms: i64 },
    /// The vendor says why it is about to close.
    Failed { message: String },
    /// Of a kind that nobody knows, or of a channel that is not ours.
    Unknown,
    /// Not to be read at all.
    Garbage,
}

#[derive(Deserialize)]
struct Results {
    start: Value,
    duration: Value,
    is_final: Option<bool>,
    speech_final: Option<bool>,
    from_finalize: Option<bool>,
    channel_index: Option<Vec<i64>>,
    channel: Channel,
}
#[derive(Deserialize)]
struct Channel {
    alternatives: Vec<Alternative>,
}
#[derive(Default, Deserialize)]
struct Alternative {
    transcript: String,
    languages: Option<Vec<String>>,
    words: Option<Vec<HeardWord>>,
}
#[derive(Deserialize)]
struct HeardWord {
    word: String,
    start: Value,
    end: Value,
    confidence: Option<Value>,
    punctuated_word: Option<String>,
    speaker: Option<i64>,
}
#[derive(Deserialize)]
struct SpeechStarted {
    timestamp: Value,
}
#[derive(Deserialize)]
struct UtteranceEnd {
    last_word_end: Value,
}
#[derive(Deserialize)]
struct Metadata {
    duration: Value,
}
/// Seconds as milliseconds.
fn ms(seconds: &Value) -> Option<i64> {
    Some(millionths(seconds)? / 1_000)
}
fn millionths(number: &Value) -> Option<i64> {
    number.is_number().then(|| millionths_rounded_up(&number.to_string()))?
}

/// How long a token is good for, in whole seconds.
pub(super) fn seconds(number: &Value) -> Option<u32> {
    u32::try_from(millionths(number)? / 1_000_000).ok()
}

/// Reads a message of a stream.
pub(super) fn heard(frame: &Frame) -> Heard {
    let Frame::Text(text) = frame else { return Heard::Unknown };
    let Ok(message) = serde_json::from_str::<Value>(text) else { return Heard::Garbage };
    let kind = message["type"].as_str().map(str::to_owned);
    let read = match kind.as_deref() {
        Some("Results") => return Results::deserialize(message).ok().map_or(Heard::Garbage, Results::into_ours),
        Some("SpeechStarted") => SpeechStarted::deserialize(message)
            .ok()
            .and_then(|started| Some(Heard::SpeechStarted { at_ms: ms(&started.timestamp)? })),
        Some("UtteranceEnd") => UtteranceEnd::deserialize(message)
            .ok()
            .and_then(|end| Some(Heard::Silence { since_ms: ms(&end.last_word_end)? })),
        Some("Metadata") => {
            Metadata::deserialize(message).ok().and_then(|end| Some(Heard::Over { audio_ms: ms(&end.duration)? }))
        }
        Some("Error") => return failure(&message),
        None if message.get("err_code").is_some() || message.get("err_msg").is_some() => return failure(&message),
        Some(_) => return Heard::Unknown,
        None => None,
    };
    read.unwrap_or(Heard::Garbage)
}

fn failure(message: &Value) -> Heard {
    let said = ["description", "err_msg", "message"].iter().find_map(|name| message[*name].as_str());
    Heard::Failed { message: said.unwrap_or("no reason given").to_owned() }
}

impl Results {
    fn into_ours(self) -> Heard {
        // One channel is ordered; whatever is told of another is not ours.
        if self.channel_index.as_ref().and_then(|index| index.first()).is_some_and(|channel| *channel != 0) {
            return Heard::Unknown;
        }
        let (Some(start_ms), Some(duration)) = (ms(&self.start), ms(&self.duration)) else { return Heard::Garbage };
        let told = self.channel.alternatives.into_iter().next().unwrap_or_default();
        let words: Option<Vec<_>> = told.words.unwrap_or_default().into_iter().map(HeardWord::into_ours).collect();
        let Some(words) = words else { return Heard::Garbage };
        let settled = self.is_final.unwrap_or(false);
        Heard::Piece(Piece {
            start_ms,
            end_ms: start_ms.saturating_add(duration),
            settled,
            ends: settled && (self.speech_final.unwrap_or(false) || self.from_finalize.unwrap_or(false)),
            written: told.transcript,
            language: told.languages.and_then(|languages| languages.into_iter().next()),
            words,
        })
    }
}

impl HeardWord {
    fn into_ours(self) -> Option<Word> {
        let confidence = self.confidence.as_ref().and_then(millionths).unwrap_or(0);
        Some(Word {
            written: self.punctuated_word.unwrap_or_else(|| self.word.clone()),
            heard: self.word,
            span: Span { start_ms: ms(&self.start)?, end_ms: ms(&self.end)? },
            confidence_ppm: confidence.clamp(0, 1_000_000),
            speaker: self.speaker,
        })
    }
}

/// Deepgram's name of a language: with a region only where its models tell regions apart.
pub(super) fn language(bcp47: &str) -> &str {
    const REGIONS: &[&str] = &[
        "da-DK", "de-CH", "en-AU", "en-GB", "en-IN", "en-NZ", "en-US", "es-419", "fr-CA", "ko-KR", "nl-BE", "pt-BR",
        "pt-PT", "sv-SE", "zh-CN", "zh-HK", "zh-TW",
    ];
    let known = REGIONS.iter().find(|known| known.eq_ignore_ascii_case(bcp47));
    known.copied().unwrap_or_else(|| bcp47.split('-').next().unwrap_or(bcp47))
}
