//! The conformance suite of [`Transcriber`]: a function per promise.
//!
//! ```text
//! async fn make(name: &'static str) -> Option<Subject> { .. }   // None: skipped, and `make` has said so
//! wib_core::transcriber_suite!(make);                           // one named test per case
//! ```

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{
    kit::VirtualClock,
    ports::{
        Fault, Transcriber, VendorError,
        transcriber::{
            AudioFormat, AudioPieces, ListTranscripts, ListedStatus, Passage, Pii, RawTranscript, RedactedAs,
            RedactedAudio, Redaction, Span, Subtitles, TranscriptOptions, TranscriptOrder, TranscriptState, Word,
            listed,
        },
    },
};

/// A transcriber under test.
#[derive(Debug)]
pub struct Subject {
    /// The adapter.
    pub transcriber: Arc<dyn Transcriber>,
    /// Audio of two channels, on which both sides say several sentences, and a sum of money such as `$120`.
    pub audio: Bytes,
    /// Its type.
    pub content_type: &'static str,
    /// The clock that its vendor runs on.
    pub clock: Arc<VirtualClock>,
}

impl Subject {
    async fn uploaded(&self) -> String {
        self.transcriber.upload(self.audio.clone(), self.content_type).await.expect("an upload")
    }
    async fn ordered(&self, options: TranscriptOptions) -> String {
        let order =
            TranscriptOrder { audio_url: self.uploaded().await, channels: 2, options, ..TranscriptOrder::default() };
        self.transcriber.submit(&order).await.expect("an order")
    }
    async fn done(&self, id: &str) -> RawTranscript {
        for _ in 0..60 {
            match self.transcriber.fetch(id).await.expect("an answer") {
                TranscriptState::Done(raw) => return *raw,
                TranscriptState::Pending => self.clock.advance(Duration::from_secs(1)),
                other => panic!("{other:?}"),
            }
        }
        panic!("no transcript after a minute");
    }
    async fn heard(&self, options: TranscriptOptions) -> (String, RawTranscript) {
        let id = self.ordered(options).await;
        let raw = self.done(&id).await;
        (id, raw)
    }
}

/// Makes one test per case. `make` is an `async fn(&'static str) -> Option<Subject>`: a transcriber for the case of that
/// name, or `None` to skip it.
#[macro_export]
macro_rules! transcriber_suite {
    ($make:path) => {
        $crate::transcriber_suite! { @cases $make:
            audio_is_heard_in_order_and_within_its_length
            an_order_is_found_by_its_audio_alone
            a_stream_of_audio_is_heard_like_the_whole_and_no_longer_than_allowed
            what_is_not_asked_for_is_not_made
            sentences_and_paragraphs_join_to_the_whole
            subtitles_keep_to_their_form_and_length
            words_are_found_where_they_were_said
            pages_join_to_the_whole
            what_is_deleted_is_gone_and_may_be_deleted_again
            what_is_redacted_is_neither_read_nor_heard
            nothing_that_was_said_is_printed
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(subject) = $make(stringify!($case)).await {
                $crate::testing::transcriber_suite::$case(&subject).await;
            }
        })+
    };
}

fn texts<'w>(words: impl IntoIterator<Item = &'w Word>) -> Vec<&'w str> {
    words.into_iter().map(|word| word.text.as_str()).collect()
}
fn fault<T: std::fmt::Debug>(outcome: Result<T, VendorError>) -> Fault {
    outcome.expect_err("a failure").fault
}
/// The first word that tells of money.
fn sum(raw: &RawTranscript) -> String {
    raw.words.iter().find(|word| word.text.starts_with('$')).expect("a sum").text.clone()
}

/// Both sides, word for word, with times and confidence that can be.
pub async fn audio_is_heard_in_order_and_within_its_length(subject: &Subject) {
    let (_, raw) = subject.heard(TranscriptOptions::default()).await;
    assert!(raw.utterances.is_sorted_by_key(|said| said.start_ms) && raw.words.is_sorted_by_key(|word| word.span));
    for side in ["agent", "customer"] {
        assert!(raw.utterances.iter().any(|said| said.speaker == side), "{side}");
    }
    let said: Vec<_> = raw.utterances.iter().flat_map(|said| said.text.split_whitespace()).collect();
    assert_eq!(texts(&raw.words), said);
    let times = raw.words.iter().map(|word| (word.span.start_ms, word.span.end_ms, word.confidence_ppm));
    for (start, end, confidence) in times {
        assert!(0 <= start && start <= end && end <= raw.audio_ms && (0..=1_000_000).contains(&confidence));
    }
    assert!(!raw.language.is_empty() && !raw.model.is_empty());
}

/// An order whose answer was lost is found, and no other in its place.
pub async fn an_order_is_found_by_its_audio_alone(subject: &Subject) {
    let audio_url = subject.uploaded().await;
    assert_eq!(subject.transcriber.find(&audio_url).await.expect("an answer"), None);
    let order = TranscriptOrder { audio_url: audio_url.clone(), channels: 2, ..TranscriptOrder::default() };
    let id = subject.transcriber.submit(&order).await.expect("an order");
    subject.ordered(TranscriptOptions::default()).await;
    assert_eq!(subject.transcriber.find(&audio_url).await.expect("an answer"), Some(id));
}

/// Pieces make a whole; a byte too many is refused.
pub async fn a_stream_of_audio_is_heard_like_the_whole_and_no_longer_than_allowed(subject: &Subject) {
    let pieces = || -> AudioPieces {
        let (audio, size) = (subject.audio.clone(), 100);
        let cuts =
            (0..audio.len().div_ceil(size)).map(move |n| Ok(audio.slice(n * size..audio.len().min((n + 1) * size))));
        Box::pin(stream::iter(cuts))
    };
    let length = subject.audio.len() as u64;
    let audio_url = subject.transcriber.upload_stream(pieces(), length).await.expect("an upload");
    let order = TranscriptOrder { audio_url, channels: 2, ..TranscriptOrder::default() };
    let id = subject.transcriber.submit(&order).await.expect("an order");
    let (_, whole) = subject.heard(TranscriptOptions::default()).await;
    assert_eq!(texts(&subject.done(&id).await.words), texts(&whole.words));
    assert_eq!(fault(subject.transcriber.upload_stream(pieces(), length - 1).await), Fault::Request);
}

/// Tones, entities and highlights come when they are asked for.
pub async fn what_is_not_asked_for_is_not_made(subject: &Subject) {
    let (_, raw) = subject.heard(TranscriptOptions::default()).await;
    assert!(!raw.sentiments.is_empty() && !raw.entities.is_empty());
    let none = TranscriptOptions {
        highlights: false,
        sentiment: false,
        entities: false,
        content_safety: false,
        ..TranscriptOptions::default()
    };
    let (_, raw) = subject.heard(none).await;
    let made = [raw.highlights.len(), raw.sentiments.len(), raw.entities.len(), raw.content_safety.len()];
    assert_eq!(made, [0; 4]);
}

/// The same words, cut otherwise.
pub async fn sentences_and_paragraphs_join_to_the_whole(subject: &Subject) {
    let (id, raw) = subject.heard(TranscriptOptions::default()).await;
    let sentences = subject.transcriber.sentences(&id).await.expect("sentences");
    let paragraphs = subject.transcriber.paragraphs(&id).await.expect("paragraphs");
    for passages in [&sentences, &paragraphs] {
        assert_eq!(texts(passages.iter().flat_map(|passage| &passage.words)), texts(&raw.words));
        let whole = |passage: &Passage| passage.text == texts(&passage.words).join(" ");
        assert!(passages.iter().all(whole));
        assert!(passages.iter().all(|passage| passage.span.start_ms <= passage.span.end_ms));
    }
    assert!(sentences.len() >= paragraphs.len());
}

/// Times in the form of each kind, lines no longer than asked.
pub async fn subtitles_keep_to_their_form_and_length(subject: &Subject) {
    let (id, raw) = subject.heard(TranscriptOptions::default()).await;
    for (format, begins, times) in [(Subtitles::Srt, "1\n", "00:00:0"), (Subtitles::Vtt, "WEBVTT\n\n", "00:0")] {
        let wide = subject.transcriber.subtitles(&id, format, None).await.expect("subtitles");
        let narrow = subject.transcriber.subtitles(&id, format, Some(20)).await.expect("subtitles");
        for text in [&wide, &narrow] {
            assert!(text.starts_with(begins), "{format}");
            assert!(text.lines().any(|line| line.starts_with(times) && line.contains(" --> ")), "{format}");
        }
        let spoken = |text: &str| -> Vec<String> {
            let lines = text.lines().skip(if format == Subtitles::Vtt { 1 } else { 0 });
            let lines = lines.filter(|line| !line.contains("-->") && !line.bytes().all(|byte| byte.is_ascii_digit()));
            lines.map(str::to_owned).collect()
        };
        // A single word may be longer.
        assert!(spoken(&narrow).iter().all(|line| line.chars().count() <= 20 || !line.contains(' ')));
        assert_eq!(spoken(&narrow).join(" "), texts(&raw.words).join(" "));
    }
}

/// A word by its own times, a phrase from its first to its last.
pub async fn words_are_found_where_they_were_said(subject: &Subject) {
    let (id, raw) = subject.heard(TranscriptOptions::default()).await;
    let phrase = texts(&raw.words[..2]).join(" ");
    let asked = [raw.words[0].text.clone(), phrase, "zebra".to_owned()];
    let hits = subject.transcriber.search(&id, &asked).await.expect("hits");
    assert_eq!(hits.len(), 2, "what is not said is not there");
    assert_eq!(hits[0].spans[0], raw.words[0].span);
    let both = Span { start_ms: raw.words[0].span.start_ms, end_ms: raw.words[1].span.end_ms };
    assert_eq!(hits[1].spans[0], both);
}

/// Newest first, each once, no more than asked for.
pub async fn pages_join_to_the_whole(subject: &Subject) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(subject.ordered(TranscriptOptions::default()).await);
        subject.clock.advance(Duration::from_millis(10));
    }
    ids.reverse();
    let two = ListTranscripts { limit: Some(2), ..ListTranscripts::default() };
    let gone_through = async |which: ListTranscripts, most: usize| {
        let all = listed(&*subject.transcriber, which, most).map(|item| item.expect("an item").id);
        all.collect::<Vec<_>>().await
    };
    assert_eq!(gone_through(two.clone(), 100).await, ids);
    assert_eq!(gone_through(two.clone(), 3).await, ids[..3]);
    subject.done(&ids[4]).await;
    let done = ListTranscripts { status: Some(ListedStatus::Completed), ..two };
    let done = gone_through(done, 100).await;
    assert!(done.contains(&ids[4]) && done.len() <= 5);
}

/// Its words are away; deleting is repeatable; an id that never was is missing.
pub async fn what_is_deleted_is_gone_and_may_be_deleted_again(subject: &Subject) {
    let (id, _) = subject.heard(TranscriptOptions::default()).await;
    for _ in 0..2 {
        subject.transcriber.delete(&id).await.expect("deleted");
        assert_eq!(subject.transcriber.fetch(&id).await.expect("an answer"), TranscriptState::Deleted);
    }
    assert!(subject.transcriber.sentences(&id).await.is_err());
    subject.transcriber.delete("never-was").await.expect("nothing to delete");
    assert_eq!(fault(subject.transcriber.fetch("never-was").await), Fault::Missing);
}

/// The sum of money is out of the text in every form, and the audio without it can be had after a while.
pub async fn what_is_redacted_is_neither_read_nor_heard(subject: &Subject) {
    let (plain, raw) = subject.heard(TranscriptOptions::default()).await;
    let sum = sum(&raw);
    assert!(subject.transcriber.redacted_audio(&plain).await.is_err(), "it was not asked for");
    let redaction =
        Redaction { kinds: vec![Pii::MoneyAmount], written: RedactedAs::Hash, audio: Some(AudioFormat::Wav) };
    let options = TranscriptOptions { redaction: Some(redaction), ..TranscriptOptions::default() };
    let (id, raw) = subject.heard(options).await;
    let subtitles = subject.transcriber.subtitles(&id, Subtitles::Srt, None).await.expect("subtitles");
    let said: Vec<_> = raw.utterances.iter().map(|said| said.text.as_str()).collect();
    for text in [&texts(&raw.words).join(" "), &said.join(" "), &subtitles] {
        assert!(!text.contains(&sum) && text.contains('#'));
    }
    for _ in 0..60 {
        match subject.transcriber.redacted_audio(&id).await.expect("an answer") {
            RedactedAudio::Pending => subject.clock.advance(Duration::from_secs(1)),
            RedactedAudio::Ready { url } => return assert!(url.contains("://")),
        }
    }
    panic!("no redacted audio after a minute");
}

/// Not the words, nor what was made of them.
pub async fn nothing_that_was_said_is_printed(subject: &Subject) {
    let (id, raw) = subject.heard(TranscriptOptions::default()).await;
    let sum = sum(&raw);
    let sentences = subject.transcriber.sentences(&id).await.expect("sentences");
    let shown = format!("{raw:?} {:?} {:?} {:?} {sentences:?}", raw.words, raw.entities, raw.sentiments);
    assert!(!shown.contains(&sum), "{shown}");
}
