//! Ordering and fetching transcripts.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use secrecy::ExposeSecret;
use wib_core::ports::{
    Fault, Sent, Transcriber, VendorError,
    transcriber::{
        AudioPieces, ListTranscripts, ListedStatus, Passage, RedactedAudio, Subtitles, TranscriptOptions,
        TranscriptOrder, TranscriptPage, TranscriptState, WordHits,
    },
};

use super::{AssemblyAi, VENDOR, wire};
use crate::http::{Answer, Ask, mask};

/// Pages of 200 that [`Transcriber::find`] looks through, newest first: a lost answer is minutes old.
const PAGES: u32 = 10;
/// Most bytes that can be uploaded.
const LARGEST: u64 = 2_200_000_000;
/// Longest time for an upload.
const UPLOAD: Duration = Duration::from_secs(300);
/// Most bytes of a transcript in any form: a day of speech.
const TRANSCRIPT: u64 = 64 << 20;

#[async_trait]
impl Transcriber for AssemblyAi {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn upload(&self, audio: Bytes, _content_type: &str) -> Result<String, VendorError> {
        if audio.len() as u64 > LARGEST {
            return Err(self.client.fault(Fault::Request, Sent::No, "the audio is larger than the vendor takes"));
        }
        let ask = self.client.ask("upload", Method::POST, "/v2/upload").bytes(audio, "application/octet-stream");
        let answer = ask.repeatable().within(UPLOAD).send().await?;
        Ok(answer.json::<wire::Uploaded>()?.upload_url)
    }

    async fn upload_stream(&self, audio: AudioPieces, most: u64) -> Result<String, VendorError> {
        let ask = self.client.ask("upload", Method::POST, "/v2/upload");
        let answer = ask.stream(audio, most.min(LARGEST), "application/octet-stream").within(UPLOAD).send().await?;
        Ok(answer.json::<wire::Uploaded>()?.upload_url)
    }

    async fn submit(&self, order: &TranscriptOrder) -> Result<String, VendorError> {
        let params = self.params(order);
        let answer = self.client.ask("submit", Method::POST, "/v2/transcript").json(&params).send().await?;
        Ok(answer.json::<wire::Ordered>()?.id)
    }

    async fn find(&self, audio_url: &str) -> Result<Option<String>, VendorError> {
        let mut which = ListTranscripts { limit: Some(200), ..ListTranscripts::default() };
        for _ in 0..PAGES {
            let page = self.list(&which).await?;
            if let Some(item) = page.items.into_iter().find(|item| item.audio_url.as_deref() == Some(audio_url)) {
                return Ok(Some(item.id));
            }
            which.older_than = page.older;
            if which.older_than.is_none() {
                break;
            }
        }
        Ok(None)
    }

    async fn fetch(&self, id: &str) -> Result<TranscriptState, VendorError> {
        let transcript: wire::Transcript = self.of("fetch", "/v2/transcript/{}", id).send().await?.json()?;
        Ok(match transcript.status.as_str() {
            _ if transcript.deleted() => TranscriptState::Deleted,
            "completed" => TranscriptState::Done(Box::new(transcript.into_ours())),
            "error" => TranscriptState::Failed(mask(transcript.error.as_deref().unwrap_or("no reason given"), 200)),
            _ => TranscriptState::Pending,
        })
    }

    async fn delete(&self, id: &str) -> Result<(), VendorError> {
        match self.client.ask("delete", Method::DELETE, "/v2/transcript/{}").fill(id).send().await {
            Err(gone) if gone.fault == Fault::Missing => Ok(()),
            done => done.map(drop),
        }
    }

    async fn list(&self, page: &ListTranscripts) -> Result<TranscriptPage, VendorError> {
        let status = page.status.as_ref().map(|status| match status {
            ListedStatus::Queued => "queued",
            ListedStatus::Processing => "processing",
            ListedStatus::Completed => "completed",
            ListedStatus::Failed => "error",
            ListedStatus::Other(word) => word,
        });
        let limit = page.limit.map(|limit| limit.clamp(1, 200).to_string());
        let day = page.created_on.map(|day| day.to_string());
        let asked = [
            ("limit", limit.as_deref()),
            ("status", status),
            ("created_on", day.as_deref()),
            ("before_id", page.older_than.as_deref()),
        ];
        let given = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let ask = self.client.ask("list", Method::GET, "/v2/transcript");
        let list: wire::TranscriptList =
            given.fold(ask, |ask, (name, value)| ask.query(name, value)).send().await?.json()?;
        // "Previous" is older.
        let older = list.transcripts.last().filter(|_| list.page_details.prev_url.is_some()).map(|item| item.id.clone());
        Ok(TranscriptPage { items: list.transcripts.into_iter().map(wire::Item::into_ours).collect(), older })
    }

    async fn sentences(&self, id: &str) -> Result<Vec<Passage>, VendorError> {
        let answer = self.of("sentences", "/v2/transcript/{}/sentences", id).send().await?;
        Ok(answer.json::<wire::Passages>()?.into_ours())
    }

    async fn paragraphs(&self, id: &str) -> Result<Vec<Passage>, VendorError> {
        let answer = self.of("paragraphs", "/v2/transcript/{}/paragraphs", id).send().await?;
        Ok(answer.json::<wire::Passages>()?.into_ours())
    }

    async fn subtitles(&self, id: &str, format: Subtitles, caption: Option<u32>) -> Result<String, VendorError> {
        let ask = self.of("subtitles", "/v2/transcript/{}/{}", id).fill(format.as_str());
        let ask = match caption {
            Some(most) => ask.query("chars_per_caption", &most.to_string()),
            None => ask,
        };
        let answer: Answer = ask.send().await?;
        String::from_utf8(answer.body.into())
            .map_err(|_| self.client.fault(Fault::Nonsense, Sent::Unknown, "subtitles that are no text"))
    }

    async fn search(&self, id: &str, words: &[String]) -> Result<Vec<WordHits>, VendorError> {
        // A comma parts one from the next.
        let words: Vec<_> = words.iter().map(|word| word.replace(',', " ")).collect();
        let ask = self.of("search", "/v2/transcript/{}/word-search", id).query("words", &words.join(","));
        Ok(ask.send().await?.json::<wire::Search>()?.into_ours())
    }

    async fn redacted_audio(&self, id: &str) -> Result<RedactedAudio, VendorError> {
        let answer = self.of("redacted_audio", "/v2/transcript/{}/redacted-audio", id).send().await?;
        if answer.status == 202 {
            return Ok(RedactedAudio::Pending);
        }
        let url = answer.json::<wire::Redacted>()?.redacted_audio_url;
        Ok(url.map_or(RedactedAudio::Pending, |url| RedactedAudio::Ready { url }))
    }
}

impl AssemblyAi {
    /// A question about a transcript.
    fn of(&self, operation: &'static str, template: &'static str, id: &str) -> Ask<'_> {
        self.client.ask(operation, Method::GET, template).fill(id).at_most(TRANSCRIPT)
    }

    fn params<'a>(&'a self, order: &'a TranscriptOrder) -> wire::TranscriptParams<'a> {
        let TranscriptOptions { detection, redaction, .. } = &order.options;
        let options = &order.options;
        // The vendor refuses both together.
        let apart = order.channels >= 2;
        let detect = order.language.is_none();
        let secret = order.webhook_url.as_ref().and_then(|_| self.secrets.first());
        let set = |wanted: bool| wanted.then_some(true);
        let unset = |wanted: bool| (!wanted).then_some(false);
        let told = !detection.expected.is_empty() || detection.fallback.is_some() || detection.switching;
        let language = |bcp47: &String| wire::language_code(bcp47);
        let silenced = redaction.as_ref().and_then(|redaction| redaction.audio);
        wire::TranscriptParams {
            audio_url: &order.audio_url,
            speech_models: if options.models.is_empty() { &self.models } else { &options.models },
            multichannel: set(apart),
            speaker_labels: set(!apart),
            speakers_expected: (!apart).then_some(options.speakers.max(1)),
            language_code: order.language.as_ref().map(language),
            language_detection: set(detect),
            language_detection_options: (detect && told).then(|| wire::DetectionOptions {
                expected_languages: detection.expected.iter().map(language).collect(),
                fallback_language: detection.fallback.as_ref().map(language),
                code_switching: set(detection.switching),
            }),
            language_confidence_threshold: detection.threshold_ppm.filter(|_| detect).map(wire::decimal),
            audio_start_from: options.from_ms,
            audio_end_at: options.to_ms,
            auto_highlights: options.highlights,
            sentiment_analysis: options.sentiment,
            entity_detection: options.entities,
            content_safety: options.content_safety,
            content_safety_confidence: options.content_safety_percent.filter(|_| options.content_safety),
            redact_pii: set(redaction.is_some()),
            redact_pii_policies: redaction.as_ref().map(|redaction| redaction.kinds.as_slice()),
            redact_pii_sub: redaction.as_ref().map(|redaction| redaction.written.as_str()),
            redact_pii_audio: set(silenced.is_some()),
            redact_pii_audio_quality: silenced.map(|format| format.as_str()),
            keyterms_prompt: &options.keyterms,
            prompt: options.prompt.as_deref(),
            custom_spelling: options.spelling.iter().map(|s| wire::CustomSpelling { from: &s.from, to: &s.to }).collect(),
            disfluencies: set(options.disfluencies),
            filter_profanity: set(options.mask_profanity),
            punctuate: unset(options.punctuate),
            format_text: unset(options.format_text),
            speech_threshold: options.speech_threshold_ppm.map(wire::decimal),
            webhook_url: order.webhook_url.as_deref(),
            webhook_auth_header_name: secret.map(|_| self.header.as_str()),
            webhook_auth_header_value: secret.map(ExposeSecret::expose_secret),
        }
    }
}
