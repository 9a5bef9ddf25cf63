//! Text to speech.

use std::fmt;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::{Fault, Sent, VendorError};

/// Most characters of one request.
pub const MOST_CHARACTERS: usize = 4096;

/// Says texts aloud: a vendor, or a chain of them. Whatever is said is charged, each time.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Speech: Send + Sync + std::fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// Everybody who may speak when it is asked, in their order: more than one in a chain.
    fn vendors(&self) -> Vec<&'static str> {
        vec![self.vendor()]
    }
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Whether it can say texts of that language at all.
    fn speaks(&self, language: &str) -> bool;
    /// The whole audio.
    async fn say(&self, say: &Say) -> Result<Spoken, VendorError>;
    /// The audio as it is made.
    async fn stream(&self, say: &Say) -> Result<SpeechStream, VendorError>;
    /// The voices there are.
    async fn voices(&self) -> Result<Vec<VoiceInfo>, VendorError>;
    /// The models there are.
    async fn models(&self) -> Result<Vec<SpeechModel>, VendorError>;
}

/// A text to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// The words: 1 to [`MOST_CHARACTERS`] characters.
    pub text: String,
    /// Whose voice; `None`, or a voice of another vendor: the vendor's own for the language.
    pub voice: Option<VoiceId>,
    /// The language of the text, such as `es` or `en-GB`; `None`: English, as far as it matters.
    pub language: Option<String>,
    /// How fast, in thousandths of the usual: 250 to 4000. A vendor that cannot goes as near as it can and says so
    /// ([`SpeechHead::speed_milli`]).
    pub speed_milli: u32,
    /// The audio wanted. A vendor that has it not gives what is next to it and says so ([`SpeechHead::format`]).
    pub format: AudioFormat,
    /// Vendors that a chain does not ask.
    pub without: Vec<String>,
}

impl Default for Say {
    /// Nothing yet, at the usual speed, for a telephone.
    fn default() -> Self {
        Self {
            text: String::new(),
            voice: None,
            language: None,
            speed_milli: 1000,
            format: AudioFormat::Mulaw8k,
            without: vec![],
        }
    }
}

impl Say {
    /// Whether a vendor can be asked this; every adapter asks first.
    ///
    /// # Errors
    /// [`Fault::Request`] naming what is wrong.
    pub fn check(&self, vendor: &'static str) -> Result<(), VendorError> {
        let wrong = |message: &str| Err(VendorError::new(vendor, Fault::Request, Sent::No, message));
        let language = self.language.as_deref().unwrap_or("en");
        match () {
            () if self.text.trim().is_empty() => wrong("there is no text to say"),
            () if self.text.chars().count() > MOST_CHARACTERS => wrong("the text is longer than 4096 characters"),
            () if !(250..=4000).contains(&self.speed_milli) => wrong("the speed is not 250 to 4000 thousandths"),
            () if language.is_empty() || language.len() > 35 => wrong("the language is none"),
            () => Ok(()),
        }
    }
    /// The voice asked for, if it is that vendor's.
    #[must_use]
    pub fn voice_at(&self, vendor: &str) -> Option<&str> {
        self.voice.as_ref().filter(|voice| voice.vendor == vendor).map(|voice| voice.id.as_str())
    }
    /// How long this takes to say, in milliseconds: 150 words a minute at the usual speed. An estimate.
    #[must_use]
    pub fn estimated_ms(&self) -> i64 {
        let words = i64::try_from(self.text.split_whitespace().count()).unwrap_or(i64::MAX);
        words.saturating_mul(400).saturating_mul(1000) / i64::from(self.speed_milli.max(1))
    }
}

/// Picks from a table of languages and voices: the very language, else its first part (`en` of `en-GB`), else the first
/// row. Languages are compared without regard to case.
#[must_use]
pub fn voice_of<'t>(table: &[(&str, &'t str)], language: Option<&str>) -> Option<&'t str> {
    let language = language.unwrap_or("en");
    let base = language.split(['-', '_']).next().unwrap_or(language);
    let find = |wanted: &str| table.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted));
    find(language).or_else(|| find(base)).or_else(|| table.first()).map(|(_, voice)| *voice)
}

/// A voice at a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceId {
    /// The vendor whose it is.
    pub vendor: String,
    /// The vendor's id of it.
    pub id: String,
}

/// How audio is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudioFormat {
    /// G.711 mu-law, 8 kHz, one channel, bare: what telephones carry.
    Mulaw8k,
    /// 16-bit samples, little-endian, one channel, bare.
    Pcm16 {
        /// Samples a second.
        rate: u32,
    },
    /// A WAV file of 16-bit samples.
    Wav,
    /// An MP3 file.
    Mp3,
    /// Opus in an Ogg file.
    Opus,
}

impl AudioFormat {
    /// The media type, such as `audio/basic` for telephone audio.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Mulaw8k => "audio/basic",
            Self::Pcm16 { .. } => "audio/pcm",
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Opus => "audio/ogg",
        }
    }
}

/// What is known of audio before its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechHead {
    /// Which vendor speaks.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// The vendor's voice that was taken.
    pub voice: String,
    /// The format that really came.
    pub format: AudioFormat,
    /// The speed that was really asked, in thousandths.
    pub speed_milli: u32,
    /// Characters that are charged.
    pub characters: i64,
    /// Millionths of a US dollar; `None` when the price is unknown.
    pub cost_micros: Option<i64>,
    /// Version of the price book the cost was taken from; `None` without a cost.
    pub price_book: Option<String>,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// False for a sandbox.
    pub live: bool,
}

/// A text said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// What it is.
    pub head: SpeechHead,
    /// The audio; never empty.
    pub audio: Bytes,
}

impl From<Spoken> for SpeechStream {
    fn from(spoken: Spoken) -> Self {
        Self { head: spoken.head, pieces: stream::iter([Ok(spoken.audio)]).boxed() }
    }
}

/// A text being said. It ends with the audio, or with an error; no piece is empty.
pub struct SpeechStream {
    /// What it is.
    pub head: SpeechHead,
    /// The audio as it comes.
    pub pieces: BoxStream<'static, Result<Bytes, VendorError>>,
}
impl SpeechStream {
    /// All of it.
    ///
    /// # Errors
    /// When it breaks off.
    pub async fn whole(self) -> Result<Spoken, VendorError> {
        let gather = |mut all: BytesMut, piece: Bytes| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        };
        let audio = self.pieces.try_fold(BytesMut::new(), gather).await?;
        Ok(Spoken { head: self.head, audio: audio.freeze() })
    }
}
impl fmt::Debug for SpeechStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpeechStream").field("head", &self.head).finish_non_exhaustive()
    }
}

/// A voice there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceInfo {
    /// Whose, and its id.
    pub id: VoiceId,
    /// Its name for people.
    pub name: String,
    /// Languages it is meant for; empty: any.
    pub languages: Vec<String>,
}

/// A model there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechModel {
    /// Whose.
    pub vendor: String,
    /// The vendor's id of it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Languages it speaks; empty: not told.
    pub languages: Vec<String>,
}
