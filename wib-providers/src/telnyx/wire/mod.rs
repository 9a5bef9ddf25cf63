//! Telnyx's JSON. Only what we read or send; everything else is ignored.

pub(super) mod events;
pub(super) mod requests;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::Value;
use wib_core::{
    kit::time::Timestamp,
    ports::{
        Fault,
        voice::{self, Leg, Queued, VendorRecording},
    },
};

use crate::http::Words;

#[derive(Deserialize)]
pub(super) struct Single<T> {
    pub data: T,
}

#[derive(Deserialize)]
pub(super) struct Listed<T> {
    #[serde(default = "Vec::new")]
    pub data: Vec<T>,
    #[serde(default)]
    pub meta: Meta,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Meta {
    pub cursors: Option<Cursors>,
    pub next: Option<String>,
    pub total_pages: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Cursors {
    pub after: Option<String>,
}

/// What calls, active calls and the payloads of events have in common.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Common {
    pub call_control_id: Option<String>,
    pub call_leg_id: Option<String>,
    pub call_session_id: Option<String>,
    pub client_state: Option<String>,
}
impl Common {
    pub(super) fn leg(&self) -> Leg {
        let (control_id, leg_id, session_id) =
            (self.call_control_id.clone(), self.call_leg_id.clone(), self.call_session_id.clone());
        Leg { control_id, leg_id, session_id }
    }
    pub(super) fn tag(&self) -> Option<String> {
        String::from_utf8(BASE64_STANDARD.decode(self.client_state.as_ref()?).ok()?).ok()
    }
}

#[derive(Deserialize)]
pub(super) struct Call {
    #[serde(flatten)]
    pub common: Common,
    pub is_alive: bool,
    pub end_time: Option<Timestamp>,
}

#[derive(Deserialize)]
pub(super) struct CallEvent {
    pub name: String,
    pub event_timestamp: Timestamp,
    pub call_leg_id: Option<String>,
    pub call_session_id: Option<String>,
    #[serde(default)]
    pub metadata: Value,
}
impl CallEvent {
    /// The payload, which is the metadata or lies in it.
    pub(super) fn payload(&self) -> &Value {
        let inner = self.metadata.pointer("/data/payload").or_else(|| self.metadata.get("payload"));
        inner.unwrap_or(&self.metadata)
    }
    pub(super) fn common(&self) -> Common {
        let known: Common = Common::deserialize(self.payload()).unwrap_or_default();
        let leg = self.call_leg_id.clone().or(known.call_leg_id);
        let session = self.call_session_id.clone().or(known.call_session_id);
        Common { call_leg_id: leg, call_session_id: session, ..known }
    }
}

#[derive(Deserialize)]
pub(super) struct Recording {
    pub id: String,
    #[serde(flatten)]
    pub common: Common,
    channels: Option<String>,
    download_urls: Option<Urls>,
    pub recording_started_at: Option<Timestamp>,
    pub recording_ended_at: Option<Timestamp>,
    pub created_at: Option<Timestamp>,
}
impl Recording {
    pub(super) fn into_ours(self) -> VendorRecording {
        let (url, content_type) = self.download_urls.and_then(Urls::best).unwrap_or_default();
        VendorRecording {
            id: recording_name(self.common.call_leg_id.as_deref(), self.recording_started_at, Some(self.id)),
            url,
            content_type,
            channels: channels(self.channels.as_deref()),
            started_at: self.recording_started_at,
            ended_at: self.recording_ended_at,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Urls {
    mp3: Option<String>,
    wav: Option<String>,
}
impl Urls {
    fn best(self) -> Option<(String, String)> {
        // Silence can be written into WAV, not into MP3.
        let wav = self.wav.map(|url| (url, "audio/wav".to_owned()));
        wav.or_else(|| Some((self.mp3?, "audio/mpeg".to_owned())))
    }
}

fn channels(word: Option<&str>) -> u8 {
    if word == Some("dual") { 2 } else { 1 }
}

#[derive(Deserialize)]
pub(super) struct Conference {
    pub id: String,
    #[serde(default)]
    pub name: String,
    pub status: Option<String>,
    created_at: Option<Timestamp>,
}
impl Conference {
    pub(super) fn into_ours(self) -> voice::Conference {
        voice::Conference { id: self.id, name: self.name, opened_at: self.created_at }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Participant {
    #[serde(flatten)]
    common: Common,
    pub status: Option<String>,
    muted: bool,
    on_hold: bool,
    whisper_call_control_ids: Vec<String>,
}
impl Participant {
    pub(super) fn into_ours(self) -> voice::Participant {
        let (leg, whispers_to) = (self.common.leg(), self.whisper_call_control_ids);
        voice::Participant { leg, on_hold: self.on_hold, muted: self.muted, whispers_to }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct QueueCall {
    #[serde(flatten)]
    common: Common,
    from: String,
    to: String,
    queue_position: u32,
    enqueued_at: Option<Timestamp>,
}
impl QueueCall {
    pub(super) fn into_ours(self) -> Queued {
        let (leg, position, since) = (self.common.leg(), self.queue_position, self.enqueued_at);
        Queued { leg, from: self.from, to: self.to, position, since }
    }
}

/// What leads the name of a recording by its leg, which follows, and then its start.
const OF_LEG: &str = "leg:";

/// What a recording is known by. The event of its saving has no id and the list has one, so it is its leg and its start
/// where both are told: the same recording, told twice, is one.
fn recording_name(leg: Option<&str>, started: Option<Timestamp>, id: Option<String>) -> String {
    match (leg, started) {
        (Some(leg), Some(started)) => format!("{OF_LEG}{leg}@{}", started.as_microsecond()),
        (leg, _) => id.unwrap_or_else(|| format!("{OF_LEG}{}", leg.unwrap_or_default())),
    }
}

/// The leg and the start in a recording's name, when it is known by them.
pub(super) fn leg_of_recording(name: &str) -> Option<(&str, Option<Timestamp>)> {
    let leg = name.strip_prefix(OF_LEG)?;
    let Some((leg, start)) = leg.split_once('@') else { return Some((leg, None)) };
    Some((leg, start.parse().ok().and_then(|start| Timestamp::from_microsecond(start).ok())))
}

/// `{"errors":[{code, title, detail}]}`; codes are text.
pub(super) fn words(_status: u16, body: &Value) -> Words {
    let first = &body["errors"][0];
    let text = |key: &str| first[key].as_str().map(str::to_owned);
    let code = text("code").or_else(|| first["code"].as_i64().map(|code| code.to_string()));
    let fault = match code.as_deref() {
        // The call has ended.
        Some("90018") => Some(Fault::Missing),
        // Dials a second.
        Some("90103") => Some(Fault::RateLimited),
        _ => None,
    };
    let message = match (text("title"), text("detail")) {
        (Some(title), Some(detail)) => Some(format!("{title}: {detail}")),
        (title, detail) => title.or(detail),
    };
    Words { fault, code, message }
}

/// Languages that Telnyx speaks; of several countries, the one meant by the tongue alone comes first.
const LANGUAGES: &str = "en-US es-US fr-FR pt-BR arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-GB-WLS en-IN es-ES es-MX \
    fr-CA hi-IN is-IS it-IT ja-JP ko-KR nb-NO nl-NL pl-PL pt-PT ro-RO ru-RU sv-SE tr-TR";

/// Telnyx's name of a language: the same, or else the first of the same tongue. `None` when it speaks none such.
pub(super) fn language(bcp47: &str) -> Option<&'static str> {
    let tongue = |tag: &str| match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "ar" => "arb".to_owned(),
        "zh" => "cmn".to_owned(),
        "no" => "nb".to_owned(),
        other => other.to_owned(),
    };
    let mut known = LANGUAGES.split_whitespace();
    let same = known.clone().find(|name| name.eq_ignore_ascii_case(bcp47));
    same.or_else(|| known.find(|name| tongue(name) == tongue(bcp47)))
}
