//! A live transcriber whose audio is the text itself, a character a sample, with silence around it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::ports::{
    Fault, LiveTranscriber, Sent, VendorError,
    live::{
        Encoding, LiveAudio, LiveChange, LiveEvent, LiveOrder, LiveStream, LiveToken, LiveTurns, LiveWord, TokenLife,
        Turn,
    },
    transcriber::Span,
};

/// What a listener may leave unheard.
const UNHEARD: usize = 10_000;
/// The silence that ends a turn, in milliseconds, until another is asked for.
const SILENCE_MS: u64 = 1_000;

/// A live transcriber in memory. A turn ends after a second of silence, or after what was asked for.
#[derive(Debug, Default)]
pub struct FakeLiveTranscriber {
    sessions: AtomicU64,
    cut: AtomicBool,
}

impl FakeLiveTranscriber {
    /// Audio in which a text is said.
    #[must_use]
    pub fn speak(text: &str, encoding: Encoding, _rate: u32) -> Bytes {
        match encoding {
            Encoding::Mulaw => text.bytes().collect(),
            Encoding::S16le => text.bytes().flat_map(|byte| [byte, 0]).collect(),
        }
    }
    /// Has every stream from now on break after its first word.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

fn failed(fault: Fault, why: &str) -> VendorError {
    VendorError::new("fake", fault, Sent::Refused, why)
}

#[async_trait]
impl LiveTranscriber for FakeLiveTranscriber {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    async fn listen(&self, order: &LiveOrder) -> Result<LiveStream, VendorError> {
        if order.sample_rate < 8_000 {
            return Err(failed(Fault::Request, "a sample rate out of bounds"));
        }
        let (tell, told) = mpsc::channel(UNHEARD);
        let session = format!("fake-{}", self.sessions.fetch_add(1, Ordering::Relaxed));
        let cut = self.cut.load(Ordering::Relaxed);
        let mut mouth = Mouth {
            order: order.clone(),
            silence_ms: order.turns.max_silence_ms.map_or(SILENCE_MS, u64::from),
            tell: Some(tell),
            samples: 0,
            quiet_since: 0,
            text: Vec::new(),
            turn: 0,
        };
        mouth.say(LiveEvent::Began { session, expires_at: None })?;
        if cut {
            mouth.tell = None;
        }
        Ok(LiveStream { audio: Box::new(mouth), turns: Box::new(Ear { told, ended: false }) })
    }
    async fn token(&self, life: &TokenLife) -> Result<LiveToken, VendorError> {
        Ok(LiveToken { token: "fake-t0ken".to_owned().into(), seconds: life.seconds })
    }
}

#[derive(Debug)]
struct Mouth {
    order: LiveOrder,
    silence_ms: u64,
    tell: Option<mpsc::Sender<LiveEvent>>,
    samples: u64,
    quiet_since: u64,
    text: Vec<(u8, u64)>,
    turn: i64,
}

impl Mouth {
    fn say(&mut self, event: LiveEvent) -> Result<(), VendorError> {
        let tell = self.tell.as_ref().ok_or_else(|| failed(Fault::Down, "the stream is over"))?;
        tell.try_send(event).map_err(|_| failed(Fault::Down, "nobody listens"))
    }
    fn ms(&self, samples: u64) -> i64 {
        i64::try_from(samples * 1_000 / u64::from(self.order.sample_rate)).unwrap_or(i64::MAX)
    }
    fn end(&mut self) -> Result<(), VendorError> {
        if self.text.iter().all(|(byte, _)| byte.is_ascii_whitespace()) {
            return Ok(());
        }
        let said = std::mem::take(&mut self.text);
        let words = said.split(|(byte, _)| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let words: Vec<_> = words
            .map(|word| LiveWord {
                text: word.iter().map(|(byte, _)| char::from(*byte)).collect(),
                span: Span { start_ms: self.ms(word[0].1), end_ms: self.ms(word[word.len() - 1].1) },
                confidence_ppm: 900_000,
                settled: true,
            })
            .collect();
        for formatted in [false, true].into_iter().take(if self.order.formatted { 2 } else { 1 }) {
            let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
            let text = if formatted { text } else { text.to_lowercase() };
            let words = words.clone();
            self.say(LiveEvent::Turn(Turn {
                order: self.turn,
                text,
                words,
                ended: true,
                formatted,
                ..Turn::default()
            }))?;
        }
        self.turn += 1;
        Ok(())
    }
}

#[async_trait]
impl LiveAudio for Mouth {
    async fn push(&mut self, audio: &[u8]) -> Result<(), VendorError> {
        for sample in audio.chunks_exact(self.order.encoding.width()) {
            self.samples += 1;
            match sample[0] {
                0 | 0xff => {
                    if self.ms(self.samples - self.quiet_since) >= i64::try_from(self.silence_ms).unwrap_or(i64::MAX) {
                        self.end()?;
                    }
                }
                byte => {
                    // A pause is a space, too.
                    if self.samples > self.quiet_since + 1 {
                        self.text.push((b' ', self.samples));
                    }
                    self.text.push((byte, self.samples));
                    self.quiet_since = self.samples;
                }
            }
        }
        Ok(())
    }
    async fn update(&mut self, change: &LiveChange) -> Result<(), VendorError> {
        self.silence_ms = change.max_silence_ms.map_or(self.silence_ms, u64::from);
        Ok(())
    }
    async fn end_turn(&mut self) -> Result<(), VendorError> {
        self.end()
    }
    async fn terminate(&mut self) -> Result<(), VendorError> {
        self.end()?;
        let ms = self.ms(self.samples);
        self.say(LiveEvent::Ended { audio_ms: ms, session_ms: ms })?;
        self.tell = None;
        Ok(())
    }
}

#[derive(Debug)]
struct Ear {
    told: mpsc::Receiver<LiveEvent>,
    ended: bool,
}

#[async_trait]
impl LiveTurns for Ear {
    async fn next(&mut self) -> Result<Option<LiveEvent>, VendorError> {
        match self.told.recv().await {
            Some(event) => {
                self.ended = matches!(event, LiveEvent::Ended { .. });
                Ok(Some(event))
            }
            None if self.ended => Ok(None),
            None => Err(failed(Fault::Down, "the connection was lost")),
        }
    }
    fn skipped(&self) -> u64 {
        0
    }
}
