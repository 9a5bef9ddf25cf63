//! What Telnyx tells us.

use serde::Deserialize;
use serde_json::Value;
use wib_core::{
    kit::time::Timestamp,
    ports::voice::{AnsweredBy, Direction, HangupCause, Key, VendorRecording, VoiceEventKind},
};

use super::{Urls, channels, recording_name};
use crate::decimal::millionths_rounded_up;

/// A delivery.
#[derive(Deserialize)]
pub(in crate::telnyx) struct Delivery {
    pub data: Data,
}

#[derive(Deserialize)]
pub(in crate::telnyx) struct Data {
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

#[derive(Deserialize)]
struct Ended {
    status: Option<String>,
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

/// What an event says, from its name and payload. An error means that the payload has another shape.
pub(in crate::telnyx) fn kind(name: &str, payload: &Value) -> Result<VoiceEventKind, serde_json::Error> {
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
        "call.speak.ended" => match Ended::deserialize(payload)?.status.as_deref() {
            None | Some("completed") => VoiceEventKind::SpeakEnded,
            // `call_hangup`, `cancelled`, `cancelled_amd`: nobody heard the end.
            Some(_) => VoiceEventKind::SpeakCut,
        },
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

