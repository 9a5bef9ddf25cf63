//! Turning speech into text while it is spoken.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::{VendorError, transcriber::Span};
use crate::{kit::time::Timestamp, text_enum};

/// A vendor that hears speech while it is spoken.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait LiveTranscriber: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Opens a stream for one voice. The two halves are used by two tasks, or by one in turn; the vendor bills until
    /// [`LiveAudio::terminate`], or until its own time limit when that is never called.
    async fn listen(&self, order: &LiveOrder) -> Result<LiveStream, VendorError>;
    /// How fast audio may be given, in hundredths of how fast it is spoken, counted from when a stream was opened.
    fn pace(&self) -> u32 {
        100
    }
    /// A short-lived key with which somebody else, a browser say, may open one stream.
    async fn token(&self, life: &TokenLife) -> Result<LiveToken, VendorError>;
}

/// An open stream.
#[derive(Debug)]
pub struct LiveStream {
    /// What is said goes in here.
    pub audio: Box<dyn LiveAudio>,
    /// What was heard comes out here.
    pub turns: Box<dyn LiveTurns>,
}

/// The half of a stream that takes audio.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait LiveAudio: Send + fmt::Debug {
    /// Takes the next piece of audio: whole samples, of any length. The adapter gathers what is too short for the vendor
    /// and divides what is too long. No faster than it is spoken: that is the caller's to keep.
    async fn push(&mut self, audio: &[u8]) -> Result<(), VendorError>;
    /// Changes how turns are told apart, from now on. What a vendor cannot change on the way is refused
    /// ([`Fault::Request`](super::Fault::Request)), and nothing of it is changed.
    async fn update(&mut self, change: &LiveChange) -> Result<(), VendorError>;
    /// Ends the turn that is being spoken, now. What was gathered goes first.
    async fn end_turn(&mut self) -> Result<(), VendorError>;
    /// Ends the stream. What was gathered goes first; the last turns still come, then [`LiveEvent::Ended`].
    async fn terminate(&mut self) -> Result<(), VendorError>;
}

/// The half of a stream that tells what was heard. It must be asked all the time: it keeps the connection alive.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait LiveTurns: Send + fmt::Debug {
    /// What comes next; `None` when the stream has ended as it should. May be dropped while it waits.
    async fn next(&mut self) -> Result<Option<LiveEvent>, VendorError>;
    /// How many messages were passed over because nobody knows their kind.
    fn skipped(&self) -> u64;
}

/// What is to be heard, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveOrder {
    /// How samples are written.
    pub encoding: Encoding,
    /// Samples a second.
    pub sample_rate: u32,
    /// BCP 47; `None`: whichever is spoken.
    pub language: Option<String>,
    /// The vendor's model; `None`: the adapter's own for that language.
    pub model: Option<String>,
    /// Words and phrases that are likely to be said.
    pub keyterms: Vec<String>,
    /// Whether a turn that has ended is told again as people write.
    pub formatted: bool,
    /// Speakers to tell apart; `None`: one.
    pub speakers: Option<u8>,
    /// How turns are told apart.
    pub turns: LiveChange,
    /// How long the vendor waits for audio before it ends the stream, in seconds.
    pub inactivity_seconds: Option<u32>,
}

/// How turns are told apart. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveChange {
    /// How sure the end of a turn must be, in millionths.
    pub confidence_ppm: Option<u32>,
    /// The silence that ends a turn when its end is sure, in milliseconds.
    pub min_silence_ms: Option<u32>,
    /// The silence that ends a turn in any case, in milliseconds.
    pub max_silence_ms: Option<u32>,
    /// Other words and phrases that are likely to be said. Not every model takes them on the way.
    pub keyterms: Option<Vec<String>>,
}

text_enum! {
    /// How samples are written.
    #[derive(Default)]
    pub enum Encoding {
        /// G.711 mu-law, a byte each: what telephones speak.
        #[default]
        Mulaw = "pcm_mulaw",
        /// Signed, 16 bits, little end first.
        S16le = "pcm_s16le",
    }
}
impl Encoding {
    /// Bytes of a sample.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::Mulaw => 1,
            Self::S16le => 2,
        }
    }
    /// The bytes of that much audio; whole samples.
    #[must_use]
    pub const fn bytes(self, sample_rate: u32, ms: u32) -> usize {
        (sample_rate as u64 * ms as u64 / 1000) as usize * self.width()
    }
    /// What silence is written with.
    const fn silence(self) -> u8 {
        match self {
            Self::Mulaw => 0xff,
            Self::S16le => 0,
        }
    }
}

/// What a stream tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LiveEvent {
    /// The vendor listens.
    Began {
        /// The vendor's id of the session.
        session: String,
        /// When the vendor ends it at the latest.
        expires_at: Option<Timestamp>,
    },
    /// Somebody has begun to speak.
    SpeechStarted {
        /// When, in milliseconds from the start of the audio.
        at_ms: i64,
        /// 0 to 1,000,000.
        confidence_ppm: i64,
    },
    /// What is known of a turn so far.
    Turn(Turn),
    /// The stream has ended as asked, and nothing more will be billed.
    Ended {
        /// How much audio was heard, in milliseconds.
        audio_ms: i64,
        /// What is billed, in milliseconds: how long the session was open or, where audio is billed, how much was heard.
        session_ms: i64,
    },
}

/// What one speaker says until the next pause. A turn is told several times; the later word replaces the earlier one of
/// the same [`order`](Self::order).
///
/// Nothing of what was said is shown when it is printed for debugging: it may hold a card's number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// Which turn of the stream, from 0.
    pub order: i64,
    /// What was said, without words that may still change.
    pub text: String,
    /// Every word, with those that may still change.
    pub words: Vec<LiveWord>,
    /// Whether it has ended.
    pub ended: bool,
    /// Whether it is written as people write. When this was asked for, an ended turn comes twice: as heard, then as
    /// written.
    pub formatted: bool,
    /// How sure its end is, 0 to 1,000,000.
    pub end_confidence_ppm: i64,
    /// BCP 47, when the vendor tells.
    pub language: Option<String>,
    /// The vendor's label of who speaks, when speakers are told apart.
    pub speaker: Option<String>,
}
impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Turn");
        shown.field("order", &self.order).field("ended", &self.ended).field("formatted", &self.formatted);
        shown.field("words", &self.words.len()).finish_non_exhaustive()
    }
}

/// A word heard live. Not shown when it is printed for debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct LiveWord {
    /// How it is written.
    pub text: String,
    /// When it was said, from the start of the audio.
    pub span: Span,
    /// 0 to 1,000,000.
    pub confidence_ppm: i64,
    /// Whether it will not change any more.
    pub settled: bool,
}
impl fmt::Debug for LiveWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveWord").field("span", &self.span).field("settled", &self.settled).finish_non_exhaustive()
    }
}

/// How long a token and what is opened with it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLife {
    /// Until when a stream must be opened, in seconds from now.
    pub seconds: u32,
    /// How long that stream may last, in seconds; `None`: as long as any.
    pub session_seconds: Option<u32>,
}

/// A short-lived key.
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// The key.
    pub token: secrecy::SecretString,
    /// How long it is good for, in seconds.
    pub seconds: u32,
}

/// Turns put together: the latest word on each. The order in which words on the same turn arrive does not matter.
#[derive(Clone, Debug, Default)]
pub struct Turns(BTreeMap<i64, Turn>);

/// Turns that are kept: those of some hours.
const TURNS_KEPT: usize = 20_000;

impl Turns {
    /// Takes a word on a turn; whether it says more than what was known.
    pub fn absorb(&mut self, turn: Turn) -> bool {
        let weight = |turn: &Turn| (turn.ended, turn.formatted, turn.words.last().map(|word| word.span.end_ms));
        if self.0.get(&turn.order).is_some_and(|known| weight(known) > weight(&turn) || *known == turn) {
            return false;
        }
        self.0.insert(turn.order, turn);
        if self.0.len() > TURNS_KEPT {
            self.0.pop_first();
        }
        true
    }
    /// The turns, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Turn> {
        self.0.values()
    }
    /// The turns that have ended, in order.
    pub fn ended(&self) -> impl Iterator<Item = &Turn> {
        self.iter().filter(|turn| turn.ended)
    }
}

/// Gathers frames into chunks that a vendor takes: telephones give 20 ms at a time, vendors want more.
#[derive(Debug)]
pub struct Chunks {
    encoding: Encoding,
    least: usize,
    most: usize,
    held: BytesMut,
}

impl Chunks {
    /// Chunks of that many milliseconds, both ends included.
    #[must_use]
    pub fn new(encoding: Encoding, sample_rate: u32, ms: RangeInclusive<u32>) -> Self {
        let bytes = |ms| encoding.bytes(sample_rate, ms).max(encoding.width());
        let (least, most) = (bytes(*ms.start()), bytes(*ms.end()));
        Self { encoding, least, most: most.max(least), held: BytesMut::new() }
    }
    /// Takes audio of any length; what is held, as soon as it is enough, in chunks.
    pub fn push(&mut self, audio: &[u8]) -> Vec<Bytes> {
        self.held.extend_from_slice(audio);
        let mut chunks = Vec::new();
        while self.held.len() >= self.least {
            // The last one of several must not be left too short, where that can be helped.
            let whole = self.held.len() - self.held.len() % self.encoding.width();
            chunks.push(self.held.split_to(whole.min(self.most)).freeze());
        }
        chunks
    }
    /// What is still held, with as much silence after it as makes a chunk; half a sample is dropped.
    pub fn rest(&mut self) -> Option<Bytes> {
        self.held.truncate(self.held.len() - self.held.len() % self.encoding.width());
        if self.held.is_empty() {
            return None;
        }
        self.held.resize(self.held.len().max(self.least), self.encoding.silence());
        Some(self.held.split().freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(order: i64, text: &str, ended: bool, formatted: bool) -> Turn {
        let word = |text: &str, n: i64| LiveWord {
            text: text.into(),
            span: Span { start_ms: n * 100, end_ms: n * 100 + 90 },
            confidence_ppm: 900_000,
            settled: true,
        };
        let words = text.split_whitespace().zip(0..).map(|(text, n)| word(text, n)).collect();
        Turn { order, text: text.into(), words, ended, formatted, ..Turn::default() }
    }

    #[test]
    fn frames_of_20_ms_become_chunks_of_60() {
        let mut chunks = Chunks::new(Encoding::Mulaw, 8_000, 60..=1_000);
        let sizes: Vec<_> = (0..7).flat_map(|_| chunks.push(&[0xff; 160])).map(|chunk| chunk.len()).collect();
        assert_eq!(sizes, [480, 480]);
        let rest = chunks.rest().unwrap();
        assert_eq!((rest.len(), rest[479]), (480, 0xff));
        assert_eq!(chunks.rest(), None);
    }

    #[test]
    fn a_long_piece_is_divided_and_no_sample_is_cut() {
        let mut chunks = Chunks::new(Encoding::S16le, 16_000, 60..=1_000);
        let piece: Vec<u8> = (0..70_001u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let mut given = chunks.push(&piece);
        assert_eq!(given.iter().map(Bytes::len).collect::<Vec<_>>(), [32_000, 32_000, 6_000]);
        assert_eq!(chunks.rest(), None, "half a sample is nothing");
        given.extend(chunks.push(&[1, 2]));
        let rest = chunks.rest().unwrap();
        assert_eq!((rest.len(), &rest[..3]), (1_920, &[1, 2, 0][..]));
        assert_eq!(given.concat(), piece[..70_000]);
    }

    #[test]
    fn the_formatted_word_on_a_turn_replaces_the_first_in_any_order() {
        let words = [
            turn(0, "thanks", false, false),
            turn(0, "thanks for calling", true, false),
            turn(0, "Thanks for calling.", true, true),
            turn(1, "i need", false, false),
        ];
        for order in [[0, 1, 2, 3], [2, 1, 0, 3], [3, 2, 0, 1]] {
            let mut turns = Turns::default();
            for at in order {
                turns.absorb(words[at].clone());
            }
            assert!(!turns.absorb(words[2].clone()), "nothing new");
            assert_eq!(
                turns.iter().map(|turn| turn.text.as_str()).collect::<Vec<_>>(),
                ["Thanks for calling.", "i need"]
            );
            assert_eq!(turns.ended().count(), 1);
        }
    }

    #[test]
    fn nothing_that_was_said_is_printed() {
        let shown = format!("{:?} {:?}", turn(0, "four two four two", true, true), turn(0, "hush", false, false).words);
        assert!(!shown.contains("four") && !shown.contains("hush"), "{shown}");
    }
}
