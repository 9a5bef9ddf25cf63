//! Texts said aloud, whole and as they are made.

use async_trait::async_trait;
use http::Method;
use wib_core::ports::{
    Fault, Sent, Speech, VendorError,
    speech::{AudioFormat, Say, SpeechHead, SpeechModel, SpeechStream, Spoken, VoiceId, VoiceInfo, voice_of},
};

use super::{
    ElevenLabs, MODEL,
    wire::{Model, SpeechRequest, SpeedOnly},
};
use crate::{
    audio::{Shaper, shaped},
    http::{Ask, Flow},
    prices::{Price, book},
};

/// Slowest and fastest, in thousandths.
const SPEED: (u32, u32) = (700, 1200);
/// What Flash 2.5 speaks.
const LANGUAGES: &str = "ar bg cs da de el en es fi fil fr hi hr hu id it ja ko ms nl no pl pt ro ru sk sv ta tr uk vi zh";

/// A text that may be sent: what is asked for, and what comes of it.
pub(super) struct Order<'a> {
    say: &'a Say,
    voice: String,
    output: String,
    format: AudioFormat,
    speed_milli: u32,
}

fn base(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}

/// The vendor's name of a format, and what comes of it.
fn output(format: AudioFormat) -> (String, AudioFormat) {
    match format {
        AudioFormat::Mulaw8k => ("ulaw_8000".to_owned(), format),
        AudioFormat::Mp3 => ("mp3_44100_128".to_owned(), format),
        AudioFormat::Opus => ("opus_48000_64".to_owned(), format),
        AudioFormat::Pcm16 { rate } if [8000, 16_000, 22_050, 24_000, 44_100, 48_000].contains(&rate) => {
            (format!("pcm_{rate}"), format)
        }
        _ => ("pcm_24000".to_owned(), AudioFormat::Pcm16 { rate: 24_000 }),
    }
}

impl ElevenLabs {
    pub(super) fn order<'a>(&self, say: &'a Say) -> Result<Order<'a>, VendorError> {
        say.check("elevenlabs")?;
        if say.language.as_deref().is_some_and(|language| !self.speaks(language)) {
            return Err(self.client.fault(Fault::Request, Sent::No, "the model does not speak that language"));
        }
        let table: Vec<_> = self.voices.iter().map(|(language, id)| (language.as_str(), id.as_str())).collect();
        let own = voice_of(&table, say.language.as_deref()).unwrap_or_default();
        let (output, format) = output(say.format);
        let voice = say.voice_at("elevenlabs").unwrap_or(own).to_owned();
        Ok(Order { say, voice, output, format, speed_milli: say.speed_milli.clamp(SPEED.0, SPEED.1) })
    }
    pub(super) fn ask(&self, operation: &'static str, template: &'static str, order: &Order<'_>) -> Ask<'_> {
        // The others refuse to be told.
        let told = self.model.contains("v2_5") || self.model.contains("v3");
        let request = SpeechRequest {
            text: &order.say.text,
            model_id: &self.model,
            language_code: order.say.language.as_deref().map(base).filter(|_| told),
            voice_settings: (order.speed_milli != 1000)
                .then(|| SpeedOnly { speed: f64::from(order.speed_milli) / 1000.0 }),
        };
        let ask = self.client.ask(operation, Method::POST, template).fill(&order.voice);
        ask.query("output_format", &order.output).json(&request)
    }
    pub(super) fn head(&self, order: &Order<'_>, request_id: Option<String>) -> SpeechHead {
        let characters = i64::try_from(order.say.text.chars().count()).unwrap_or(i64::MAX);
        let price = Price::of("elevenlabs", &self.model, self.client.now());
        let paced = Say { speed_milli: order.speed_milli, ..order.say.clone() };
        let cost_micros = price.and_then(|price| price.speech_rounded_up(characters, paced.estimated_ms()));
        SpeechHead {
            vendor: "elevenlabs".to_owned(),
            model: self.model.clone(),
            voice: order.voice.clone(),
            format: order.format,
            speed_milli: order.speed_milli,
            characters,
            cost_micros,
            price_book: cost_micros.map(|_| book().version.clone()),
            request_id,
            live: self.live,
        }
    }
    fn flowing(&self, order: &Order<'_>, flow: Flow) -> Result<SpeechStream, VendorError> {
        if flow.is("application/json") {
            return Err(flow.failed(Fault::Nonsense, "no audio in the answer"));
        }
        let head = self.head(order, flow.request_id.clone());
        Ok(SpeechStream { head, pieces: shaped(flow, Shaper::AsIs) })
    }
}

#[async_trait]
impl Speech for ElevenLabs {
    fn vendor(&self) -> &'static str {
        "elevenlabs"
    }
    fn live(&self) -> bool {
        self.live
    }
    fn speaks(&self, language: &str) -> bool {
        let known = |language: &str| LANGUAGES.split(' ').any(|known| known.eq_ignore_ascii_case(language));
        self.model != MODEL || known(base(language))
    }
    async fn say(&self, say: &Say) -> Result<Spoken, VendorError> {
        let order = self.order(say)?;
        let flow = self.ask("convert", "/v1/text-to-speech/{}", &order).open().await?;
        self.flowing(&order, flow)?.whole().await
    }
    async fn stream(&self, say: &Say) -> Result<SpeechStream, VendorError> {
        let order = self.order(say)?;
        let flow = self.ask("stream", "/v1/text-to-speech/{}/stream", &order).open().await?;
        self.flowing(&order, flow)
    }
    async fn voices(&self) -> Result<Vec<VoiceInfo>, VendorError> {
        self.paged_voices().await
    }
    async fn models(&self) -> Result<Vec<SpeechModel>, VendorError> {
        let all: Vec<Model> = self.client.ask("models", Method::GET, "/v1/models").send().await?.json()?;
        let speaking = all.into_iter().filter(|model| model.can_do_text_to_speech);
        Ok(speaking
            .map(|model| SpeechModel {
                vendor: "elevenlabs".to_owned(),
                name: model.name.unwrap_or_else(|| model.model_id.clone()),
                languages: model.languages.into_iter().flatten().map(|language| language.language_id).collect(),
                id: model.model_id,
            })
            .collect())
    }
}

pub(super) fn info(voice: super::wire::Voice) -> VoiceInfo {
    let labelled = voice.labels.and_then(|labels| labels.language);
    let verified = voice.verified_languages.into_iter().flatten().filter_map(|one| one.language);
    let mut languages: Vec<_> = labelled.into_iter().chain(verified).collect();
    languages.sort_unstable();
    languages.dedup();
    let name = voice.name.unwrap_or_else(|| voice.voice_id.clone());
    VoiceInfo { id: VoiceId { vendor: "elevenlabs".to_owned(), id: voice.voice_id }, name, languages }
}
