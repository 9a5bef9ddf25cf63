//! Texts said aloud. The same endpoint gives the audio whole and as it is made.

use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use wib_core::ports::{
    Fault, Sent, Speech, VendorError,
    speech::{Say, SpeechHead, SpeechModel, SpeechStream, Spoken, VoiceId, VoiceInfo, voice_of},
};

use super::{
    Voices,
    wire::{ModelList, SpeechRequest},
};
use crate::{
    audio::shaped,
    http::Client,
    prices::{Price, book},
};

/// Most bytes of an answer: the longest text at a quarter of the usual speed, in 16-bit samples at 24 kHz.
const MOST: u64 = 64 << 20;
/// Longest time for all of it.
const LONGEST: Duration = Duration::from_secs(180);

/// A speaker behind `POST /audio/speech`.
#[derive(Debug)]
pub struct Speaker {
    vendor: &'static str,
    voices: &'static Voices,
    client: Client,
    /// `None`: the vendor's own for the language.
    model: Option<String>,
    live: bool,
}

impl Speaker {
    pub(super) fn new(
        vendor: &'static str,
        voices: &'static Voices,
        client: Client,
        model: Option<String>,
        live: bool,
    ) -> Self {
        Self { vendor, voices, client, model, live }
    }
    fn model(&self, language: Option<&str>) -> &str {
        self.model.as_deref().or_else(|| voice_of(self.voices.models, language)).unwrap_or_default()
    }
}

#[async_trait]
impl Speech for Speaker {
    fn vendor(&self) -> &'static str {
        self.vendor
    }
    fn live(&self) -> bool {
        self.live
    }
    fn speaks(&self, language: &str) -> bool {
        let base = language.split(['-', '_']).next().unwrap_or(language);
        self.voices.any_language || self.voices.voices.iter().any(|(known, _)| known.eq_ignore_ascii_case(base))
    }
    async fn say(&self, say: &Say) -> Result<Spoken, VendorError> {
        self.stream(say).await?.whole().await
    }
    async fn stream(&self, say: &Say) -> Result<SpeechStream, VendorError> {
        say.check(self.vendor)?;
        let language = say.language.as_deref();
        if language.is_some_and(|language| !self.speaks(language)) {
            return Err(self.client.fault(Fault::Request, Sent::No, "the vendor does not speak that language"));
        }
        let model = self.model(language);
        let own = voice_of(self.voices.voices, language).unwrap_or_default();
        let voice = say.voice_at(self.vendor).unwrap_or(own);
        let (slowest, fastest) = self.voices.speed;
        let speed_milli = say.speed_milli.clamp(slowest, fastest);
        let plan = (self.voices.plan)(say.format);
        let request = SpeechRequest {
            model,
            input: &say.text,
            voice,
            response_format: plan.response_format,
            sample_rate: plan.sample_rate,
            speed: f64::from(speed_milli) / 1000.0,
        };
        let ask = self.client.ask("speak", Method::POST, "/audio/speech").json(&request);
        let flow = ask.at_most(MOST).lasting(LONGEST).open().await?;
        if flow.is("application/json") {
            return Err(flow.failed(Fault::Nonsense, "no audio in the answer"));
        }
        let characters = i64::try_from(say.text.chars().count()).unwrap_or(i64::MAX);
        let price = Price::of(self.vendor, model, self.client.now());
        let paced = Say { speed_milli, ..say.clone() };
        let cost_micros = price.and_then(|price| price.speech_rounded_up(characters, paced.estimated_ms()));
        let head = SpeechHead {
            vendor: self.vendor.to_owned(),
            model: model.to_owned(),
            voice: voice.to_owned(),
            format: plan.format,
            speed_milli,
            characters,
            cost_micros,
            price_book: cost_micros.map(|_| book().version.clone()),
            request_id: flow.request_id.clone(),
            live: self.live,
        };
        Ok(SpeechStream { head, pieces: shaped(flow, plan.shaper) })
    }
    /// The voices of the vendor's documents: there is no list to be asked for.
    async fn voices(&self) -> Result<Vec<VoiceInfo>, VendorError> {
        let voice = |(language, id): &(&str, &str)| VoiceInfo {
            id: VoiceId { vendor: self.vendor.to_owned(), id: (*id).to_owned() },
            name: (*id).to_owned(),
            languages: if self.voices.any_language { Vec::new() } else { vec![(*language).to_owned()] },
        };
        Ok(self.voices.voices.iter().map(voice).collect())
    }
    async fn models(&self) -> Result<Vec<SpeechModel>, VendorError> {
        let list: ModelList = self.client.ask("models", Method::GET, "/models").send().await?.json()?;
        let speaking = list.data.into_iter().filter(|model| model.id.contains("tts"));
        let model =
            |id: String| SpeechModel { vendor: self.vendor.to_owned(), name: id.clone(), languages: Vec::new(), id };
        Ok(speaking.map(|entry| model(entry.id)).collect())
    }
}
