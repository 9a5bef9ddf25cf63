//! A speaker in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use crate::ports::{
    Fault, Sent, Speech, VendorError,
    speech::{AudioFormat, Say, SpeechHead, SpeechModel, SpeechStream, Spoken, VoiceId, VoiceInfo, voice_of},
};

/// The voices by language.
const VOICES: [(&str, &str); 2] = [("en", "anna"), ("es", "bruno")];
/// What one piece of a stream holds, in bytes.
const PIECE: usize = 1600;

/// Says everything as silence of the estimated length, bare: mu-law or 16-bit samples, whatever file was wanted.
#[derive(Debug, Default)]
pub struct FakeSpeech(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    said: Vec<Say>,
    refusals: Vec<VendorError>,
    cuts: u32,
}

impl FakeSpeech {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Has the next text refused like this.
    pub fn refuse(&self, error: VendorError) {
        self.state().refusals.push(error);
    }
    /// Has the next stream break off after its first piece.
    pub fn cut(&self) {
        self.state().cuts += 1;
    }
    /// What it said so far.
    #[must_use]
    pub fn said(&self) -> Vec<Say> {
        self.state().said.clone()
    }
}

#[async_trait]
impl Speech for FakeSpeech {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    fn speaks(&self, _: &str) -> bool {
        true
    }
    async fn say(&self, say: &Say) -> Result<Spoken, VendorError> {
        say.check(self.vendor())?;
        let mut state = self.state();
        if let Some(error) = state.refusals.pop() {
            return Err(error);
        }
        state.said.push(say.clone());
        let (format, rate, quiet) = match say.format {
            AudioFormat::Mulaw8k => (AudioFormat::Mulaw8k, 8, vec![0xff]),
            AudioFormat::Pcm16 { rate } => (say.format, rate / 1000, vec![0, 0]),
            _ => (AudioFormat::Pcm16 { rate: 8000 }, 8, vec![0, 0]),
        };
        let samples = say.estimated_ms().max(1).saturating_mul(i64::from(rate));
        let own = voice_of(&VOICES, say.language.as_deref()).unwrap_or_default();
        let head = SpeechHead {
            vendor: "fake".to_owned(),
            model: "fake-1".to_owned(),
            voice: say.voice_at("fake").unwrap_or(own).to_owned(),
            format,
            speed_milli: say.speed_milli,
            characters: i64::try_from(say.text.chars().count()).unwrap_or(i64::MAX),
            cost_micros: None,
            price_book: None,
            request_id: Some("fake-request".to_owned()),
            live: false,
        };
        Ok(Spoken { head, audio: quiet.repeat(usize::try_from(samples).unwrap_or(0)).into() })
    }
    async fn stream(&self, say: &Say) -> Result<SpeechStream, VendorError> {
        let Spoken { head, audio } = self.say(say).await?;
        let mut pieces: Vec<_> = audio.chunks(PIECE).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut state = self.state();
        if state.cuts > 0 {
            state.cuts -= 1;
            pieces.truncate(1);
            pieces.push(Err(VendorError::new("fake", Fault::Down, Sent::Unknown, "the answer was cut")));
        }
        Ok(SpeechStream { head, pieces: stream::iter(pieces).boxed() })
    }
    async fn voices(&self) -> Result<Vec<VoiceInfo>, VendorError> {
        let voice = |(language, id): (&str, &str)| VoiceInfo {
            id: VoiceId { vendor: "fake".to_owned(), id: id.to_owned() },
            name: id.to_owned(),
            languages: vec![language.to_owned()],
        };
        Ok(VOICES.into_iter().map(voice).collect())
    }
    async fn models(&self) -> Result<Vec<SpeechModel>, VendorError> {
        let (vendor, id) = ("fake".to_owned(), "fake-1".to_owned());
        Ok(vec![SpeechModel { vendor, name: id.clone(), id, languages: vec![] }])
    }
}
