//! Telnyx's JSON. Only what we read or send; everything else is ignored.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wib_core::{
    kit::time::Timestamp,
    ports::{
        Fault,
        voice::{AnsweredBy, Direction, HangupCause, Key, Leg, VendorRecording, VoiceEventKind},
    },
};

use crate::{decimal::millionths_rounded_up, http::Words};

#[derive(Serialize)]
pub(super) struct DialRequest<'a> {
    pub connection_id: &'a str,
    pub to: &'a str,
    pub from: &'a str,
    pub timeout_secs: u32,
    pub command_id: &'a str,
    pub client_state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answering_machine_detection: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answering_machine_detection_config: Option<DetectionConfig>,
}

#[derive(Serialize)]
pub(super) struct DetectionConfig {
    after_greeting_silence_millis: u32,
    greeting_duration_millis: u32,
    total_analysis_time_millis: u32,
    initial_silence_millis: u32,
}
impl DetectionConfig {
    pub(super) const OURS: Self = Self {
        after_greeting_silence_millis: 800,
        greeting_duration_millis: 3500,
        total_analysis_time_millis: 5000,
        initial_silence_millis: 1500,
    };
}

#[derive(Serialize)]
pub(super) struct CommandRequest<'a> {
    pub command_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct SpeakRequest<'a> {
    pub payload: &'a str,
    pub voice: &'a str,
    pub language: &'static str,
    pub client_state: String,
    pub command_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct RecordRequest<'a> {
    pub format: &'static str,
    pub channels: &'static str,
    pub command_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct KeysRequest<'a> {
    pub digits: &'a str,
    pub command_id: &'a str,
}

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
    pub call_leg_id: String,
    pub call_session_id: String,
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
        let (leg, session) = (self.call_leg_id.clone(), self.call_session_id.clone());
        Common { call_leg_id: Some(leg), call_session_id: Some(session), ..known }
    }
}

#[derive(Deserialize)]
pub(super) struct Recording {
    pub id: String,
    #[serde(flatten)]
    pub common: Common,
    channels: Option<String>,
    #[serde(default)]
    download_urls: Urls,
    pub recording_started_at: Option<Timestamp>,
    pub recording_ended_at: Option<Timestamp>,
    pub created_at: Option<Timestamp>,
}
impl Recording {
    pub(super) fn into_ours(self) -> VendorRecording {
        let (url, content_type) = self.download_urls.best().unwrap_or_default();
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
struct Urls {
    mp3: Option<String>,
    wav: Option<String>,
}
impl Urls {
    fn best(self) -> Option<(String, String)> {
        let mp3 = self.mp3.map(|url| (url, "audio/mpeg".to_owned()));
        mp3.or_else(|| Some((self.wav?, "audio/wav".to_owned())))
    }
}

fn channels(word: Option<&str>) -> u8 {
    if word == Some("dual") { 2 } else { 1 }
}

/// A delivery.
#[derive(Deserialize)]
pub(super) struct Delivery {
    pub data: Data,
}

#[derive(Deserialize)]
pub(super) struct Data {
    pub id: String,
    pub event_type: String,
    pub occurred_at: Option<Timestamp>,
    #[serde(default)]
    pub payload: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Initiated {
    direction: Option<String>,
    from: String,
    to: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hangup {
    hangup_cause: Option<String>,
    sip_hangup_cause: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detection {
    result: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pressed {
    digit: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Saved {
    recording_id: Option<String>,
    call_leg_id: Option<String>,
    channels: Option<String>,
    recording_urls: Option<Urls>,
    public_recording_urls: Option<Urls>,
    recording_started_at: Option<Timestamp>,
    recording_ended_at: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failed {
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cost {
    status: Option<String>,
    total_cost: Value,
    cost_parts: Vec<CostPart>,
}

#[derive(Deserialize)]
struct CostPart {
    currency: Option<String>,
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

/// What an event says, from its name and payload. An error means that the payload has another shape.
pub(super) fn kind(name: &str, payload: &Value) -> Result<VoiceEventKind, serde_json::Error> {
    let other = || VoiceEventKind::Other(name.to_owned());
    Ok(match name {
        "call.initiated" => {
            let Initiated { direction, from, to } = Initiated::deserialize(payload)?;
            let inbound = direction.as_deref() == Some("incoming");
            VoiceEventKind::Initiated {
                direction: if inbound { Direction::Inbound } else { Direction::Outbound },
                from,
                to,
            }
        }
        "call.ringing" => VoiceEventKind::Ringing,
        "call.answered" => VoiceEventKind::Answered,
        "call.bridged" => VoiceEventKind::Bridged,
        "call.machine.detection.ended" | "call.machine.premium.detection.ended" => {
            let result = Detection::deserialize(payload)?.result;
            result.as_deref().map_or_else(other, |word| VoiceEventKind::AnsweredBy(answered_by(word)))
        }
        "call.machine.greeting.ended" | "call.machine.premium.greeting.ended" => {
            let beep = Detection::deserialize(payload)?.result.as_deref() == Some("beep_detected");
            VoiceEventKind::GreetingEnded { beep }
        }
        "call.dtmf.received" => {
            let digit = Pressed::deserialize(payload)?.digit;
            let key = digit.and_then(|digit| digit.parse::<char>().ok()).and_then(|key| Key::try_from(key).ok());
            VoiceEventKind::KeyPressed { key }
        }
        "call.speak.started" => VoiceEventKind::SpeakStarted,
        "call.speak.ended" => VoiceEventKind::SpeakEnded,
        "call.recording.saved" => {
            let saved = Saved::deserialize(payload)?;
            let urls = saved.recording_urls.and_then(Urls::best).or_else(|| saved.public_recording_urls?.best());
            // Without a URL it is still saved: the fetch reads it from the list.
            let (url, content_type) = urls.unwrap_or_else(|| (String::new(), "audio/mpeg".to_owned()));
            VoiceEventKind::RecordingSaved(VendorRecording {
                id: recording_name(saved.call_leg_id.as_deref(), saved.recording_started_at, saved.recording_id),
                url,
                content_type,
                channels: channels(saved.channels.as_deref()),
                started_at: saved.recording_started_at,
                ended_at: saved.recording_ended_at,
            })
        }
        "call.recording.error" => {
            let reason = Failed::deserialize(payload)?.reason.unwrap_or_else(|| "unknown".to_owned());
            VoiceEventKind::RecordingFailed { reason }
        }
        "call.hangup" => {
            let Hangup { hangup_cause, sip_hangup_cause } = Hangup::deserialize(payload)?;
            let vendor_cause = hangup_cause.unwrap_or_else(|| "unspecified".to_owned());
            let cause = hangup_cause_of(&vendor_cause, sip_hangup_cause.as_deref());
            VoiceEventKind::Hangup { cause, vendor_cause }
        }
        "call.cost" => {
            let Cost { status, total_cost, cost_parts } = Cost::deserialize(payload)?;
            let total = total_cost.as_str().map_or_else(|| total_cost.to_string(), str::to_owned);
            let currency = cost_parts.into_iter().find_map(|part| part.currency).unwrap_or_else(|| "USD".to_owned());
            let told = millionths_rounded_up(&total).filter(|_| status.as_deref() != Some("error"));
            told.map_or_else(other, |micros| VoiceEventKind::Cost { micros, currency })
        }
        _ => other(),
    })
}

/// The results of both detectors; a word we do not know is doubt.
fn answered_by(word: &str) -> AnsweredBy {
    match word {
        "human" | "human_residence" | "human_business" => AnsweredBy::Human,
        "machine" => AnsweredBy::Machine,
        "silence" => AnsweredBy::Silence,
        "fax_detected" => AnsweredBy::Fax,
        _ => AnsweredBy::NotSure,
    }
}

/// The cause, from Telnyx's word or, where that says nothing, from the status of SIP (RFC 3261 section 21).
fn hangup_cause_of(word: &str, sip: Option<&str>) -> HangupCause {
    match word {
        "normal_clearing" => HangupCause::Normal,
        "user_busy" => HangupCause::Busy,
        "timeout" | "no_answer" | "no_user_response" => HangupCause::NoAnswer,
        "call_rejected" => HangupCause::Rejected,
        "unallocated_number" | "not_found" | "number_changed" | "invalid_number_format" => HangupCause::NotInService,
        "originator_cancel" => HangupCause::Canceled,
        "time_limit" => HangupCause::TimeLimit,
        "destination_out_of_order"
        | "network_out_of_order"
        | "normal_temporary_failure"
        | "recovery_on_timer_expire"
        | "service_unavailable"
        | "switch_congestion" => HangupCause::CarrierError,
        _ => match sip {
            Some("486" | "600") => HangupCause::Busy,
            Some("408" | "480") => HangupCause::NoAnswer,
            Some("403" | "603") => HangupCause::Rejected,
            Some("404" | "410" | "484" | "604") => HangupCause::NotInService,
            Some("487") => HangupCause::Canceled,
            Some(status) if status.len() == 3 && status.starts_with('5') => HangupCause::CarrierError,
            _ => HangupCause::Other,
        },
    }
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
