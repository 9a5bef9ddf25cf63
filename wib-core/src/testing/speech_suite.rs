//! The conformance suite of [`Speech`]: a function per promise. The speaker must answer in no time of its own, so that a
//! virtual clock will do.
//!
//! ```text
//! async fn make(name: &'static str) -> Option<Subject> { .. }   // None: skipped, and `make` has said so
//! wib_core::speech_suite!(make);                                // one named test per case
//! ```

use std::sync::Arc;

use futures_util::stream::StreamExt;

use crate::ports::{
    Fault, Sent, Speech,
    speech::{AudioFormat, MOST_CHARACTERS, Say, Spoken, VoiceId},
};

/// A speaker under test.
pub struct Subject {
    /// The speaker.
    pub speech: Arc<dyn Speech>,
    /// Has the next stream break off after it began; `None`: that case is skipped.
    pub cut: Option<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("speech", &self.speech).finish_non_exhaustive()
    }
}

/// Makes one test per case. `make` is an `async fn(&'static str) -> Option<Subject>`: a speaker for the case of that
/// name, or `None` to skip it.
#[macro_export]
macro_rules! speech_suite {
    ($make:path) => {
        $crate::speech_suite! { @cases $make:
            a_telephone_gets_its_own_format
            every_format_says_what_it_is_and_is_it
            more_words_take_longer_and_more_speed_takes_less
            a_stream_joins_to_the_whole
            a_listed_voice_speaks_and_a_strangers_does_not
            models_are_listed
            what_cannot_be_said_is_refused_before_it_leaves
            a_stream_that_breaks_off_ends_with_an_error
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(subject) = $make(stringify!($case)).await {
                $crate::testing::speech_suite::$case(&subject).await;
            }
        })+
    };
}

const WORDS: &str = "Good morning. This is a reminder that a payment of forty dollars is due on Friday.";

fn words() -> Say {
    Say { text: WORDS.to_owned(), ..Say::default() }
}
async fn said(subject: &Subject, say: &Say) -> Spoken {
    subject.speech.say(say).await.expect("audio")
}

/// No file around it, no other rate: the bytes that go on the line. Eight of them a millisecond.
pub async fn a_telephone_gets_its_own_format(subject: &Subject) {
    let spoken = said(subject, &words()).await;
    assert_eq!(spoken.head.format, AudioFormat::Mulaw8k);
    assert!(!spoken.audio.starts_with(b"RIFF"));
    let (ms, estimated) = (i64::try_from(spoken.audio.len() / 8).expect("short"), words().estimated_ms());
    assert!(ms * 4 > estimated && ms < estimated * 4, "{ms} ms for an estimate of {estimated}");
    let head = spoken.head;
    assert!(!head.vendor.is_empty() && !head.model.is_empty() && !head.voice.is_empty(), "{head:?}");
    assert_eq!(head.characters, i64::try_from(WORDS.chars().count()).expect("short"));
    assert_eq!((head.live, head.cost_micros.is_some()), (subject.speech.live(), head.price_book.is_some()));
}

/// Whatever came instead of what was wanted.
pub async fn every_format_says_what_it_is_and_is_it(subject: &Subject) {
    let rates = [8000, 16_000, 24_000].map(|rate| AudioFormat::Pcm16 { rate });
    for format in [AudioFormat::Mulaw8k, AudioFormat::Wav, AudioFormat::Mp3, AudioFormat::Opus].into_iter().chain(rates)
    {
        let spoken = said(subject, &Say { format, ..words() }).await;
        let audio = &spoken.audio;
        let fits = match spoken.head.format {
            AudioFormat::Mulaw8k => !audio.is_empty(),
            AudioFormat::Pcm16 { .. } => !audio.is_empty() && audio.len() % 2 == 0,
            AudioFormat::Wav => audio.starts_with(b"RIFF") && audio.get(8..12) == Some(b"WAVE"),
            AudioFormat::Mp3 => audio.starts_with(b"ID3") || audio.starts_with(&[0xff]),
            AudioFormat::Opus => audio.starts_with(b"OggS"),
        };
        assert!(fits, "{format:?} came as {:?}", spoken.head.format);
    }
}

/// The length follows from the words.
pub async fn more_words_take_longer_and_more_speed_takes_less(subject: &Subject) {
    let usual = said(subject, &words()).await.audio.len();
    let twice = said(subject, &Say { text: format!("{WORDS} {WORDS}"), ..words() }).await.audio.len();
    let quick = said(subject, &Say { speed_milli: 1150, ..words() }).await;
    assert!(twice > usual, "{twice} bytes after {usual}");
    assert!(quick.audio.len() < usual && quick.head.speed_milli == 1150, "{} bytes after {usual}", quick.audio.len());
}

/// Pieces that are none are not given, and together they are as long as all at once.
pub async fn a_stream_joins_to_the_whole(subject: &Subject) {
    let whole = said(subject, &words()).await;
    let mut stream = subject.speech.stream(&words()).await.expect("a stream");
    assert_eq!((&stream.head.format, &stream.head.voice), (&whole.head.format, &whole.head.voice));
    let mut length = 0;
    while let Some(piece) = stream.pieces.next().await {
        let piece = piece.expect("no failure");
        assert!(!piece.is_empty());
        length += piece.len();
    }
    assert_eq!(length, whole.audio.len());
}

/// A voice is taken where it belongs; elsewhere the vendor's own speaks.
pub async fn a_listed_voice_speaks_and_a_strangers_does_not(subject: &Subject) {
    let voices = subject.speech.voices().await.expect("voices");
    let last = voices.last().expect("at least one").id.clone();
    let spoken = said(subject, &Say { voice: Some(last.clone()), ..words() }).await;
    assert_eq!((&spoken.head.vendor, &spoken.head.voice), (&last.vendor, &last.id));
    let stranger = VoiceId { vendor: "nobody".to_owned(), id: "nobody's".to_owned() };
    let spoken = said(subject, &Say { voice: Some(stranger), ..words() }).await;
    assert!(voices.iter().any(|voice| voice.id.id == spoken.head.voice), "{}", spoken.head.voice);
}

/// There is at least one.
pub async fn models_are_listed(subject: &Subject) {
    let models = subject.speech.models().await.expect("models");
    assert!(!models.is_empty() && models.iter().all(|model| !model.id.is_empty() && !model.vendor.is_empty()));
}

/// Nonsense is told by us, and costs nothing.
pub async fn what_cannot_be_said_is_refused_before_it_leaves(subject: &Subject) {
    for wrong in [
        Say { text: " ".to_owned(), ..words() },
        Say { text: "a".repeat(MOST_CHARACTERS + 1), ..words() },
        Say { speed_milli: 0, ..words() },
        Say { language: Some(String::new()), ..words() },
    ] {
        let error = subject.speech.say(&wrong).await.expect_err("no audio");
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{wrong:?}");
        let error = subject.speech.stream(&wrong).await.expect_err("no stream");
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{wrong:?}");
    }
}

/// What came before stays with the caller; the end is an error, never silence.
pub async fn a_stream_that_breaks_off_ends_with_an_error(subject: &Subject) {
    let Some(cut) = &subject.cut else {
        println!("skipped: the streams of this speaker cannot be cut");
        return;
    };
    cut();
    let mut all: Vec<_> = subject.speech.stream(&words()).await.expect("a stream that begins").pieces.collect().await;
    let error = all.pop().expect("an end").expect_err("an error at the end");
    assert_eq!((error.fault, error.sent), (Fault::Down, Sent::Unknown), "{error}");
    assert!(!all.is_empty() && all.iter().all(Result::is_ok));
}
