//! A transcriber whose audio is the text itself, a line per turn: `customer: Yes, I can pay $120 on Friday.`

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;

use crate::{
    kit::{
        Clock,
        time::{Timestamp, after},
    },
    ports::{
        Fault, Sent, Transcriber, VendorError,
        transcriber::{
            AudioPieces, Entity, EntityKind, ListTranscripts, ListedStatus, ListedTranscript, Passage, Pii,
            RawTranscript, RedactedAudio, SentenceTone, Span, Subtitles, Tone, TranscriptOrder, TranscriptPage,
            TranscriptState, Utterance, Word, WordHits,
        },
    },
};

/// How long a word takes, in milliseconds.
const WORD_MS: i64 = 300;
/// How long a transcript takes.
const TAKES: Duration = Duration::from_secs(3);
const CAPTION: usize = 80;

/// A transcriber in memory. Sums of money are all that it takes for an entity.
#[derive(Debug)]
pub struct FakeTranscriber {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    uploads: BTreeMap<String, Bytes>,
    /// In order of arrival; the number is the id.
    jobs: Vec<Job>,
}

#[derive(Debug)]
struct Job {
    order: TranscriptOrder,
    at: Timestamp,
    deleted: bool,
}

impl FakeTranscriber {
    /// A transcriber that was asked nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn keep(&self, audio: Bytes) -> String {
        let mut kept = self.kept();
        let url = format!("https://fake.test/{}", kept.uploads.len());
        kept.uploads.insert(url.clone(), audio);
        url
    }
    fn state(&self, id: &str) -> Result<TranscriptState, VendorError> {
        let kept = self.kept();
        let job = id.parse::<usize>().ok().and_then(|id| kept.jobs.get(id));
        let job = job.ok_or_else(|| refused(Fault::Missing, "no such transcript"))?;
        if job.deleted {
            return Ok(TranscriptState::Deleted);
        }
        if self.clock.now() < after(job.at, TAKES) {
            return Ok(TranscriptState::Pending);
        }
        let heard = kept.uploads.get(&job.order.audio_url).and_then(|audio| std::str::from_utf8(audio).ok());
        Ok(match heard {
            Some(text) => TranscriptState::Done(Box::new(hear(text, &job.order))),
            None => TranscriptState::Failed("no speech".to_owned()),
        })
    }
    fn done(&self, id: &str) -> Result<RawTranscript, VendorError> {
        match self.state(id)? {
            TranscriptState::Done(raw) => Ok(*raw),
            _ => Err(refused(Fault::Request, "not a finished transcript")),
        }
    }
}

fn refused(fault: Fault, why: &str) -> VendorError {
    VendorError::new("fake", fault, Sent::Refused, why)
}

fn hear(text: &str, order: &TranscriptOrder) -> RawTranscript {
    let redacted = order.options.redaction.as_ref().is_some_and(|r| r.kinds.contains(&Pii::MoneyAmount));
    let mut raw = RawTranscript { model: "fake".to_owned(), language: "en".to_owned(), ..RawTranscript::default() };
    let mut at = 0;
    for line in text.lines() {
        let (speaker, said) = line.split_once(": ").unwrap_or(("customer", line));
        let start = at;
        let mut written = Vec::new();
        for word in said.split_whitespace() {
            let span = Span { start_ms: at, end_ms: at + WORD_MS };
            let text = if redacted && word.starts_with('$') { "#".repeat(word.len()) } else { word.to_owned() };
            if word.starts_with('$') && order.options.entities {
                raw.entities.push(Entity { kind: EntityKind::Known(Pii::MoneyAmount), text: text.clone(), span });
            }
            written.push(text.clone());
            raw.words.push(Word { text, span, confidence_ppm: 900_000, speaker: Some(speaker.to_owned()) });
            at += WORD_MS;
        }
        let (text, span) = (written.join(" "), Span { start_ms: start, end_ms: at });
        if order.options.sentiment {
            let (text, speaker) = (text.clone(), Some(speaker.to_owned()));
            raw.sentiments.push(SentenceTone { text, span, tone: Tone::Neutral, confidence_ppm: 900_000, speaker });
        }
        raw.utterances.push(Utterance {
            speaker: speaker.to_owned(),
            start_ms: start,
            end_ms: at,
            text,
            confidence_ppm: 900_000,
        });
    }
    raw.audio_ms = at;
    raw
}

fn passage(words: &[Word]) -> Passage {
    let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let start_ms = words.first().map_or(0, |word| word.span.start_ms);
    let end_ms = words.last().map_or(0, |word| word.span.end_ms);
    let speaker = words.first().and_then(|word| word.speaker.clone());
    Passage { text, span: Span { start_ms, end_ms }, confidence_ppm: 900_000, speaker, words: words.to_vec() }
}
fn by_speaker(raw: &RawTranscript) -> impl Iterator<Item = &[Word]> {
    raw.words.chunk_by(|a, b| a.speaker == b.speaker)
}

#[async_trait]
impl Transcriber for FakeTranscriber {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    async fn upload(&self, audio: Bytes, _content_type: &str) -> Result<String, VendorError> {
        Ok(self.keep(audio))
    }
    async fn upload_stream(&self, mut audio: AudioPieces, most: u64) -> Result<String, VendorError> {
        let mut whole = Vec::new();
        while let Some(piece) = audio.next().await {
            whole.extend(piece.map_err(|_| refused(Fault::Down, "the audio broke"))?);
            if whole.len() as u64 > most {
                return Err(refused(Fault::Request, "too long"));
            }
        }
        Ok(self.keep(whole.into()))
    }
    async fn submit(&self, order: &TranscriptOrder) -> Result<String, VendorError> {
        let mut kept = self.kept();
        kept.jobs.push(Job { order: order.clone(), at: self.clock.now(), deleted: false });
        Ok((kept.jobs.len() - 1).to_string())
    }
    async fn find(&self, audio_url: &str) -> Result<Option<String>, VendorError> {
        let found = self.kept().jobs.iter().rposition(|job| job.order.audio_url == audio_url && !job.deleted);
        Ok(found.map(|id| id.to_string()))
    }
    async fn fetch(&self, id: &str) -> Result<TranscriptState, VendorError> {
        self.state(id)
    }
    async fn delete(&self, id: &str) -> Result<(), VendorError> {
        let mut kept = self.kept();
        if let Some(job) = id.parse::<usize>().ok().and_then(|id| kept.jobs.get_mut(id)) {
            job.deleted = true;
        }
        Ok(())
    }
    async fn list(&self, page: &ListTranscripts) -> Result<TranscriptPage, VendorError> {
        let count = self.kept().jobs.len();
        let end = page.older_than.as_deref().map_or(Some(count), |id| id.parse().ok());
        let end = end.ok_or_else(|| refused(Fault::Request, "not a place in this list"))?;
        let mut items = Vec::new();
        for id in (0..end.min(count)).rev() {
            let status = match self.state(&id.to_string())? {
                TranscriptState::Pending => ListedStatus::Processing,
                TranscriptState::Failed(_) => ListedStatus::Failed,
                TranscriptState::Done(_) | TranscriptState::Deleted => ListedStatus::Completed,
            };
            let kept = self.kept();
            let job = &kept.jobs[id];
            let day = job.at.to_zoned(jiff::tz::TimeZone::UTC).date();
            if page.status.as_ref().is_some_and(|wanted| *wanted != status)
                || page.created_on.is_some_and(|on| on != day)
            {
                continue;
            }
            let audio_url = (!job.deleted).then(|| job.order.audio_url.clone());
            items.push(ListedTranscript { id: id.to_string(), status, audio_url, created: Some(job.at) });
        }
        let limit = usize::from(page.limit.unwrap_or(10)).max(1);
        let more = items.len() > limit;
        items.truncate(limit);
        let older = items.last().filter(|_| more).map(|item| item.id.clone());
        Ok(TranscriptPage { items, older })
    }
    async fn sentences(&self, id: &str) -> Result<Vec<Passage>, VendorError> {
        let raw = self.done(id)?;
        let ends = |word: &Word| word.text.ends_with(['.', '?', '!']);
        Ok(by_speaker(&raw).flat_map(|words| words.split_inclusive(ends)).map(passage).collect())
    }
    async fn paragraphs(&self, id: &str) -> Result<Vec<Passage>, VendorError> {
        Ok(by_speaker(&self.done(id)?).map(passage).collect())
    }
    async fn subtitles(&self, id: &str, format: Subtitles, caption: Option<u32>) -> Result<String, VendorError> {
        let most = caption.and_then(|most| usize::try_from(most).ok()).unwrap_or(CAPTION);
        let mark = if format == Subtitles::Srt { ',' } else { '.' };
        let time = |ms: i64| {
            format!("{:02}:{:02}:{:02}{mark}{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
        };
        let mut captions: Vec<Vec<Word>> = Vec::new();
        for word in self.done(id)?.words {
            let held = captions.last().map_or(0, |words| passage(words).text.chars().count() + 1);
            match captions.last_mut() {
                Some(words) if held + word.text.chars().count() <= most => words.push(word),
                _ => captions.push(vec![word]),
            }
        }
        let mut out = if format == Subtitles::Vtt { "WEBVTT\n\n".to_owned() } else { String::new() };
        for (words, number) in captions.iter().zip(1..) {
            let Passage { text, span, .. } = passage(words);
            if format == Subtitles::Srt {
                out += &format!("{number}\n");
            }
            out += &format!("{} --> {}\n{text}\n\n", time(span.start_ms), time(span.end_ms));
        }
        Ok(out)
    }
    async fn search(&self, id: &str, words: &[String]) -> Result<Vec<WordHits>, VendorError> {
        let raw = self.done(id)?;
        let hits = words.iter().map(|text| {
            let wanted: Vec<_> = text.split_whitespace().collect();
            let same = |said: &&[Word]| said.iter().map(|word| word.text.as_str()).eq(wanted.iter().copied());
            let spans = raw.words.windows(wanted.len().max(1)).filter(same).map(|said| passage(said).span);
            WordHits { text: text.clone(), spans: spans.collect() }
        });
        Ok(hits.filter(|hits| !hits.spans.is_empty()).collect())
    }
    async fn redacted_audio(&self, id: &str) -> Result<RedactedAudio, VendorError> {
        let state = self.state(id)?;
        let asked = |job: &Job| job.order.options.redaction.as_ref().is_some_and(|redaction| redaction.audio.is_some());
        if !id.parse::<usize>().ok().and_then(|id| self.kept().jobs.get(id).map(asked)).unwrap_or(false) {
            return Err(refused(Fault::Request, "it was not asked for"));
        }
        Ok(match state {
            TranscriptState::Done(_) => RedactedAudio::Ready { url: format!("https://fake.test/redacted/{id}") },
            _ => RedactedAudio::Pending,
        })
    }
}
