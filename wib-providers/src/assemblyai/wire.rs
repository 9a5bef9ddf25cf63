//! AssemblyAI's JSON. Only what we read or send; everything else is ignored.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wib_core::{
    kit::text::TextEnum,
    ports::{
        Fault,
        live::{LiveEvent, LiveWord, Turn},
        transcriber::{
            Entity, EntityKind, Highlight, ListedStatus, ListedTranscript, Passage, Pii, RawTranscript, SafetyFinding,
            SafetyLabel, SentenceTone, Span, Tone, Utterance, Word, WordHits,
        },
    },
};

use crate::{
    decimal::millionths_rounded_up,
    http::Words,
    socket::Frame,
};

/// What stands where the audio of a deleted transcript was named.
const DELETED: &str = "http://deleted_by_user";

#[derive(Deserialize)]
pub(super) struct Uploaded {
    pub upload_url: String,
}

#[derive(Default, Serialize)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_detection_options: Option<DetectionOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_confidence_threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_start_from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_end_at: Option<i64>,
    pub auto_highlights: bool,
    pub sentiment_analysis: bool,
    pub entity_detection: bool,
    pub content_safety: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_safety_confidence: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact_pii: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact_pii_policies: Option<&'a [Pii]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact_pii_sub: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact_pii_audio: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact_pii_audio_quality: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub keyterms_prompt: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_spelling: Vec<CustomSpelling<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disfluencies: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_profanity: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub punctuate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format_text: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speech_threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_auth_header_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_auth_header_value: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct DetectionOptions {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expected_languages: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_switching: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct CustomSpelling<'a> {
    pub from: &'a [String],
    pub to: &'a str,
}

/// Millionths as the decimal that the vendor wants.
pub(super) fn decimal(ppm: u32) -> f64 {
    f64::from(ppm) / 1e6
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
    status: Option<String>,
    created: Option<String>,
}
impl Item {
    pub(super) fn into_ours(self) -> ListedTranscript {
        // The document's form has no zone and means UTC.
        let created = self.created.as_deref().and_then(|at| {
            let utc = |at: &str| Some(at.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
            at.parse().ok().or_else(|| utc(at))
        });
        let status = self.status.unwrap_or_default();
        let status = match status.as_str() {
            "queued" => ListedStatus::Queued,
            "processing" => ListedStatus::Processing,
            "completed" => ListedStatus::Completed,
            "error" => ListedStatus::Failed,
            _ => ListedStatus::Other(status),
        };
        ListedTranscript { id: self.id, status, audio_url: self.audio_url.filter(|url| url != DELETED), created }
    }
}

#[derive(Deserialize)]
pub(super) struct PageDetails {
    pub prev_url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Transcript {
    pub status: String,
    pub error: Option<String>,
    audio_url: Option<String>,
    text: Option<String>,
    confidence: Option<Value>,
    utterances: Option<Vec<Spoken>>,
    words: Option<Vec<Spoken>>,
    multichannel: Option<bool>,
    audio_duration: Option<Value>,
    language_code: Option<String>,
    speech_model_used: Option<String>,
    speech_models: Option<Vec<String>>,
    speech_model: Option<String>,
    auto_highlights_result: Option<Results<Weighty>>,
    sentiment_analysis_results: Option<Vec<Spoken>>,
    entities: Option<Vec<Named>>,
    content_safety_labels: Option<Results<Found>>,
}

/// Something said: an utterance, a sentence, a paragraph, a word.
#[derive(Deserialize)]
struct Spoken {
    start: i64,
    end: i64,
    text: String,
    confidence: Option<Value>,
    channel: Option<Value>,
    speaker: Option<String>,
    sentiment: Option<String>,
    words: Option<Vec<Spoken>>,
}

#[derive(Deserialize)]
struct Results<T> {
    results: Option<Vec<T>>,
}

#[derive(Deserialize)]
struct Weighty {
    text: String,
    rank: Option<Value>,
    timestamps: Option<Vec<Times>>,
}

#[derive(Clone, Copy, Deserialize)]
struct Times {
    start: i64,
    end: i64,
}
impl From<Times> for Span {
    fn from(times: Times) -> Self {
        Self { start_ms: times.start, end_ms: times.end }
    }
}

#[derive(Deserialize)]
struct Named {
    entity_type: String,
    text: String,
    start: i64,
    end: i64,
}

#[derive(Deserialize)]
struct Found {
    text: String,
    labels: Option<Vec<Label>>,
    timestamp: Times,
}

#[derive(Deserialize)]
struct Label {
    label: String,
    confidence: Option<Value>,
    severity: Option<Value>,
}

impl Transcript {
    pub(super) fn deleted(&self) -> bool {
        self.audio_url.as_deref() == Some(DELETED)
    }

    pub(super) fn into_ours(self) -> RawTranscript {
        // Whole seconds by the document; decimals are kept all the same.
        let audio_ms = self.audio_duration.as_ref().and_then(millionths).map_or(0, |micros| micros / 1000);
        let by_channel = self.multichannel == Some(true);
        let spoken = self.utterances.unwrap_or_default().into_iter();
        let mut utterances: Vec<_> = spoken.map(|s| s.into_utterance(by_channel)).collect();
        if let (true, Some(text)) = (utterances.is_empty(), self.text.filter(|text| !text.trim().is_empty())) {
            // Speech that nobody was told apart in.
            let confidence_ppm = ppm(self.confidence.as_ref());
            utterances.push(Utterance { speaker: "A".to_owned(), start_ms: 0, end_ms: audio_ms, text, confidence_ppm });
        }
        utterances.sort_by_key(|u| (u.start_ms, u.end_ms));
        let mut words: Vec<_> = self.words.unwrap_or_default().into_iter().map(|w| w.into_word(by_channel)).collect();
        words.sort_by_key(|word| word.span);
        let highlights = self.auto_highlights_result.and_then(|found| found.results).unwrap_or_default();
        let mut highlights: Vec<_> = highlights.into_iter().map(Weighty::into_ours).collect();
        highlights.sort_by_key(|highlight| std::cmp::Reverse(highlight.rank_ppm));
        let sentiments = self.sentiment_analysis_results.unwrap_or_default();
        let content_safety = self.content_safety_labels.and_then(|found| found.results).unwrap_or_default();
        let asked = self.speech_models.and_then(|models| models.into_iter().next());
        RawTranscript {
            model: self.speech_model_used.or(asked).or(self.speech_model).unwrap_or_else(|| "unknown".to_owned()),
            language: self.language_code.as_deref().map_or_else(|| "und".to_owned(), bcp47),
            utterances,
            audio_ms,
            words,
            highlights,
            sentiments: sentiments.into_iter().map(|sentence| sentence.into_tone(by_channel)).collect(),
            entities: self.entities.unwrap_or_default().into_iter().map(Named::into_ours).collect(),
            content_safety: content_safety.into_iter().map(Found::into_ours).collect(),
        }
    }
}
impl Spoken {
    /// Who spoke, when speakers are told apart.
    fn whose(&self, by_channel: bool) -> Option<String> {
        let channel = self.channel.as_ref().map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned));
        let channel = channel.filter(|c| c != "null").or_else(|| self.speaker.clone().filter(|_| by_channel));
        match channel.as_deref() {
            Some("1") => Some("customer".to_owned()),
            Some("2") => Some("agent".to_owned()),
            _ => self.speaker.clone(),
        }
    }
    fn span(&self) -> Span {
        Span { start_ms: self.start, end_ms: self.end }
    }
    fn into_utterance(self, by_channel: bool) -> Utterance {
        let speaker = self.whose(by_channel).unwrap_or_else(|| "A".to_owned());
        let confidence_ppm = ppm(self.confidence.as_ref());
        Utterance { speaker, start_ms: self.start, end_ms: self.end, text: self.text, confidence_ppm }
    }
    fn into_word(self, by_channel: bool) -> Word {
        let (span, speaker, confidence_ppm) = (self.span(), self.whose(by_channel), ppm(self.confidence.as_ref()));
        Word { text: self.text, span, confidence_ppm, speaker }
    }
    fn into_tone(self, by_channel: bool) -> SentenceTone {
        let (span, speaker, confidence_ppm) = (self.span(), self.whose(by_channel), ppm(self.confidence.as_ref()));
        let word = self.sentiment.unwrap_or_default();
        let tone = match word.as_str() {
            "POSITIVE" => Tone::Positive,
            "NEUTRAL" => Tone::Neutral,
            "NEGATIVE" => Tone::Negative,
            _ => Tone::Other(word),
        };
        SentenceTone { text: self.text, span, tone, confidence_ppm, speaker }
    }
    fn into_passage(self) -> Passage {
        // Only the passage itself says whether channels were told apart: by naming one.
        let (span, speaker, confidence_ppm) = (self.span(), self.whose(false), ppm(self.confidence.as_ref()));
        let words = self.words.unwrap_or_default().into_iter().map(|word| word.into_word(false)).collect();
        Passage { text: self.text, span, confidence_ppm, speaker, words }
    }
}
impl Weighty {
    fn into_ours(self) -> Highlight {
        let spans = self.timestamps.unwrap_or_default().into_iter().map(Span::from).collect();
        Highlight { text: self.text, rank_ppm: ppm(self.rank.as_ref()), spans }
    }
}
impl Named {
    fn into_ours(self) -> Entity {
        let kind = Pii::from_text(&self.entity_type).map_or(EntityKind::Other(self.entity_type), EntityKind::Known);
        Entity { kind, text: self.text, span: Span { start_ms: self.start, end_ms: self.end } }
    }
}
impl Found {
    fn into_ours(self) -> SafetyFinding {
        let label = |label: Label| SafetyLabel {
            confidence_ppm: ppm(label.confidence.as_ref()),
            severity_ppm: ppm(label.severity.as_ref()),
            label: label.label,
        };
        let labels = self.labels.unwrap_or_default().into_iter().map(label).collect();
        SafetyFinding { text: self.text, span: self.timestamp.into(), labels }
    }
}

/// Sentences, or paragraphs.
#[derive(Deserialize)]
pub(super) struct Passages {
    #[serde(alias = "sentences", alias = "paragraphs")]
    passages: Vec<Spoken>,
}
impl Passages {
    pub(super) fn into_ours(self) -> Vec<Passage> {
        self.passages.into_iter().map(Spoken::into_passage).collect()
    }
}

#[derive(Deserialize)]
pub(super) struct Search {
    matches: Vec<Match>,
}
#[derive(Deserialize)]
struct Match {
    text: String,
    timestamps: Vec<(i64, i64)>,
}
impl Search {
    pub(super) fn into_ours(self) -> Vec<WordHits> {
        let hits = |hit: Match| {
            let spans = hit.timestamps.into_iter().map(|(start_ms, end_ms)| Span { start_ms, end_ms });
            WordHits { text: hit.text, spans: spans.collect() }
        };
        self.matches.into_iter().map(hits).collect()
    }
}

/// How redacted audio stands.
#[derive(Deserialize)]
pub(super) struct Redacted {
    pub redacted_audio_url: Option<String>,
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
    pub redacted_audio_url: Option<String>,
}

/// `{"error": text}`, without codes. A transcript that is not known is a 400.
pub(super) fn words(_status: u16, body: &Value) -> Words {
    let message = body["error"].as_str();
    let fault = message.is_some_and(|words| words.contains("transcript id not found")).then_some(Fault::Missing);
    Words { fault, message: message.map(str::to_owned), ..Words::default() }
}

/// A token for streaming.
#[derive(Deserialize)]
pub(super) struct Token {
    pub token: String,
    pub expires_in_seconds: u32,
}

/// What a message of a stream is to us.
pub(super) enum Heard {
    Event(LiveEvent),
    /// The vendor says why it is about to close.
    Failed {
        code: Option<u16>,
        message: String,
    },
    /// Of a kind that nobody knows.
    Unknown,
    /// Not to be read at all.
    Garbage,
}

#[derive(Deserialize)]
struct Begin {
    id: String,
    expires_at: Option<i64>,
}

#[derive(Deserialize)]
struct SpeechStarted {
    timestamp: i64,
    confidence: Option<Value>,
}

#[derive(Deserialize)]
struct LiveTurn {
    turn_order: i64,
    turn_is_formatted: Option<bool>,
    end_of_turn: bool,
    transcript: String,
    end_of_turn_confidence: Option<Value>,
    words: Option<Vec<HeardWord>>,
    language_code: Option<String>,
    speaker_label: Option<String>,
}

#[derive(Deserialize)]
struct HeardWord {
    text: String,
    start: i64,
    end: i64,
    confidence: Option<Value>,
    word_is_final: Option<bool>,
}

#[derive(Deserialize)]
struct Termination {
    audio_duration_seconds: Option<Value>,
    session_duration_seconds: Option<Value>,
}

#[derive(Deserialize)]
struct Failure {
    error: Option<String>,
    #[serde(alias = "error_code")]
    code: Option<Value>,
}

/// Reads a message of a stream.
pub(super) fn heard(frame: &Frame) -> Heard {
    let Frame::Text(text) = frame else { return Heard::Unknown };
    let Ok(message) = serde_json::from_str::<Value>(text) else { return Heard::Garbage };
    let Some(kind) = message["type"].as_str().map(str::to_owned) else {
        return if message.get("error").is_some() { failure(message) } else { Heard::Garbage };
    };
    let event = match kind.as_str() {
        "Begin" => Begin::deserialize(message).ok().map(|begin| LiveEvent::Began {
            session: begin.id,
            expires_at: begin.expires_at.and_then(|at| jiff::Timestamp::from_second(at).ok()),
        }),
        "SpeechStarted" => SpeechStarted::deserialize(message).ok().map(|started| LiveEvent::SpeechStarted {
            at_ms: started.timestamp,
            confidence_ppm: ppm(started.confidence.as_ref()),
        }),
        "Turn" => LiveTurn::deserialize(message).ok().map(|turn| LiveEvent::Turn(turn.into_ours())),
        "Termination" => Termination::deserialize(message).ok().map(|end| {
            let ms = |seconds: Option<Value>| seconds.as_ref().and_then(millionths).map_or(0, |micros| micros / 1000);
            LiveEvent::Ended {
                audio_ms: ms(end.audio_duration_seconds),
                session_ms: ms(end.session_duration_seconds),
            }
        }),
        "Error" => return failure(message),
        _ => return Heard::Unknown,
    };
    event.map_or(Heard::Garbage, Heard::Event)
}

fn failure(message: Value) -> Heard {
    let Ok(failure) = Failure::deserialize(message) else { return Heard::Garbage };
    let code = failure.code.map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned));
    let message = failure.error.unwrap_or_else(|| "no reason given".to_owned());
    Heard::Failed { code: code.and_then(|code| code.parse().ok()), message }
}

impl LiveTurn {
    fn into_ours(self) -> Turn {
        let word = |word: HeardWord| LiveWord {
            text: word.text,
            span: Span { start_ms: word.start, end_ms: word.end },
            confidence_ppm: ppm(word.confidence.as_ref()),
            settled: word.word_is_final.unwrap_or(true),
        };
        Turn {
            order: self.turn_order,
            text: self.transcript,
            words: self.words.unwrap_or_default().into_iter().map(word).collect(),
            ended: self.end_of_turn,
            formatted: self.turn_is_formatted.unwrap_or(false),
            end_confidence_ppm: ppm(self.end_of_turn_confidence.as_ref()),
            language: self.language_code.as_deref().map(bcp47),
            speaker: self.speaker_label,
        }
    }
}
