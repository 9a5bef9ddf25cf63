//! AssemblyAI's JSON. Only what we read or send; everything else is ignored.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wib_core::ports::transcriber::{RawTranscript, Utterance};

use crate::{decimal::millionths_rounded_up, http::Words};

#[derive(Deserialize)]
pub(super) struct Uploaded {
    pub upload_url: String,
}

#[derive(Serialize)]
pub(super) struct TranscriptParams<'a> {
    pub audio_url: &'a str,
    pub speech_models: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multichannel: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker_labels: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speakers_expected: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_detection: Option<bool>,
    pub auto_highlights: bool,
    pub sentiment_analysis: bool,
    pub entity_detection: bool,
    pub content_safety: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_auth_header_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_auth_header_value: Option<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct Ordered {
    pub id: String,
}

#[derive(Deserialize)]
pub(super) struct TranscriptList {
    pub transcripts: Vec<Item>,
    pub page_details: PageDetails,
}

#[derive(Deserialize)]
pub(super) struct Item {
    pub id: String,
    pub audio_url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PageDetails {
    pub prev_url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Transcript {
    pub status: String,
    pub error: Option<String>,
    text: Option<String>,
    confidence: Option<Value>,
    utterances: Option<Vec<Spoken>>,
    multichannel: Option<bool>,
    audio_duration: Option<Value>,
    language_code: Option<String>,
    speech_model_used: Option<String>,
    speech_models: Option<Vec<String>>,
    speech_model: Option<String>,
}

#[derive(Deserialize)]
struct Spoken {
    start: i64,
    end: i64,
    text: String,
    confidence: Option<Value>,
    channel: Option<Value>,
    speaker: Option<String>,
}

impl Transcript {
    pub(super) fn into_ours(self) -> RawTranscript {
        // Whole seconds by the document; decimals are kept all the same.
        let audio_ms = self.audio_duration.as_ref().and_then(millionths).map_or(0, |micros| micros / 1000);
        let by_channel = self.multichannel == Some(true);
        let mut utterances: Vec<_> = match self.utterances {
            Some(spoken) => spoken.into_iter().map(|s| s.into_ours(by_channel)).collect(),
            None => Vec::new(),
        };
        if let (true, Some(text)) = (utterances.is_empty(), self.text.filter(|text| !text.trim().is_empty())) {
            // Speech that nobody was told apart in.
            let confidence_ppm = ppm(self.confidence.as_ref());
            utterances.push(Utterance { speaker: "A".to_owned(), start_ms: 0, end_ms: audio_ms, text, confidence_ppm });
        }
        utterances.sort_by_key(|u| (u.start_ms, u.end_ms));
        let asked = self.speech_models.and_then(|models| models.into_iter().next());
        RawTranscript {
            model: self.speech_model_used.or(asked).or(self.speech_model).unwrap_or_else(|| "unknown".to_owned()),
            language: self.language_code.as_deref().map_or_else(|| "und".to_owned(), bcp47),
            utterances,
            audio_ms,
        }
    }
}
impl Spoken {
    fn into_ours(self, by_channel: bool) -> Utterance {
        let channel =
            self.channel.map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned)).filter(|c| c != "null");
        let speaker = self.speaker.unwrap_or_else(|| "A".to_owned());
        let channel = channel.or_else(|| by_channel.then(|| speaker.clone()));
        let speaker = match channel.as_deref() {
            Some("1") => "customer".to_owned(),
            Some("2") => "agent".to_owned(),
            _ => speaker,
        };
        let confidence_ppm = ppm(self.confidence.as_ref());
        Utterance { speaker, start_ms: self.start, end_ms: self.end, text: self.text, confidence_ppm }
    }
}

fn millionths(number: &Value) -> Option<i64> {
    millionths_rounded_up(&number.as_str().map_or_else(|| number.to_string(), str::to_owned))
}

fn ppm(confidence: Option<&Value>) -> i64 {
    confidence.and_then(millionths).unwrap_or(0).clamp(0, 1_000_000)
}

/// AssemblyAI's name of a language. Only English has countries.
pub(super) fn language_code(bcp47: &str) -> String {
    match bcp47.to_ascii_lowercase().as_str() {
        "en-us" => "en_us".to_owned(),
        "en-gb" => "en_uk".to_owned(),
        "en-au" => "en_au".to_owned(),
        other => other.split('-').next().unwrap_or(other).to_owned(),
    }
}

fn bcp47(code: &str) -> String {
    match code {
        "en_us" => "en-US".to_owned(),
        "en_uk" => "en-GB".to_owned(),
        "en_au" => "en-AU".to_owned(),
        other => other.replace('_', "-"),
    }
}

/// A delivery, of any of the kinds.
#[derive(Deserialize)]
pub(super) struct Notice {
    pub transcript_id: Option<String>,
    pub status: Option<String>,
    pub session_id: Option<String>,
}

/// `{"error": text}`, without codes.
pub(super) fn words(_status: u16, body: &Value) -> Words {
    Words { message: body["error"].as_str().map(str::to_owned), ..Words::default() }
}
