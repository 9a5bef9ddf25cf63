//! What Telnyx tells us.

use serde::Deserialize;
use serde_json::Value;
use wib_core::{
    kit::time::Timestamp,
    ports::voice::{
        AnsweredBy, ConferenceEvent, DequeueReason, Direction, Ending, GatherEnding, HangupCause, Key, Keys, ReferState,
        Spoken, Tracks, VendorRecording, VoiceEventKind,
    },
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

#[derive(Default, Deserialize)]
#[serde(default)]
struct Gathered {
    digits: Option<String>,
    status: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Queueing {
    queue: Option<String>,
    current_position: Option<u32>,
    reason: Option<String>,
    wait_time_secs: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StreamFailure {
    failure_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Transcribed {
    transcription_data: Option<Line>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    transcript: Option<String>,
    transcription_track: Option<String>,
    is_final: Option<bool>,
    confidence: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RecordingTranscribed {
    recording_id: Option<String>,
    transcription_text: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Referred {
    sip_notify_response: Option<u16>,
}

/// What events of conferences have in common.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::telnyx) struct Conference {
    conference_id: Option<String>,
    reason: Option<String>,
    /// Where it is told; some tell the time of neither the event nor this.
    pub occurred_at: Option<Timestamp>,
    /// Whose conference it is, in events that are everybody's.
    pub creator_call_session_id: Option<String>,
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
    cost_parts: Option<Vec<CostPart>>,
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
        "call.hold" => VoiceEventKind::Held,
        "call.unhold" => VoiceEventKind::Resumed,
        "call.playback.started" => VoiceEventKind::PlaybackStarted,
        "call.playback.ended" => VoiceEventKind::PlaybackEnded {
            how: match Ended::deserialize(payload)?.status.as_deref() {
                None | Some("completed") => Ending::Whole,
                Some("file_not_found" | "failed") => Ending::Failed,
                // `call_hangup`, `cancelled`, `cancelled_amd`, `unknown`: nobody heard the end.
                Some(_) => Ending::Cut,
            },
        },
        "call.gather.ended" => {
            let Gathered { digits, status } = Gathered::deserialize(payload)?;
            let keys = digits.and_then(|digits| Keys::try_from(digits).ok());
            VoiceEventKind::GatherEnded { keys, how: gather_ending(status.as_deref()) }
        }
        "call.enqueued" => {
            let Queueing { queue, current_position, .. } = Queueing::deserialize(payload)?;
            VoiceEventKind::Enqueued { queue: queue.unwrap_or_default(), position: current_position }
        }
        "call.dequeued" | "call.left_queue" => {
            let Queueing { queue, reason, wait_time_secs, .. } = Queueing::deserialize(payload)?;
            let reason = dequeue_reason(reason.as_deref());
            VoiceEventKind::Dequeued { queue: queue.unwrap_or_default(), reason, waited_seconds: wait_time_secs }
        }
        "streaming.started" | "call.streaming.started" => VoiceEventKind::StreamStarted,
        "streaming.stopped" | "call.streaming.stopped" => VoiceEventKind::StreamStopped,
        "streaming.failed" | "call.streaming.failed" => {
            let reason = StreamFailure::deserialize(payload)?.failure_reason.unwrap_or_else(|| "unknown".to_owned());
            VoiceEventKind::StreamFailed { reason }
        }
        "call.fork.started" => VoiceEventKind::ForkStarted,
        "call.fork.stopped" => VoiceEventKind::ForkStopped,
        "call.transcription" => {
            let line = Transcribed::deserialize(payload)?.transcription_data.unwrap_or_default();
            VoiceEventKind::Heard {
                words: line.transcript.map(Spoken::from),
                track: if line.transcription_track.as_deref() == Some("outbound") {
                    Tracks::Outbound
                } else {
                    Tracks::Inbound
                },
                last: line.is_final.unwrap_or(true),
                confidence: thousandths(&line.confidence),
            }
        }
        "call.recording.transcription.saved" => {
            let RecordingTranscribed { recording_id, transcription_text } = RecordingTranscribed::deserialize(payload)?;
            let (recording_id, words) = (recording_id.unwrap_or_default(), transcription_text.map(Spoken::from));
            VoiceEventKind::RecordingTranscribed { recording_id, words }
        }
        "call.refer.started" | "call.refer.completed" | "call.refer.failed" => VoiceEventKind::Referred {
            state: match name {
                "call.refer.started" => ReferState::Started,
                "call.refer.completed" => ReferState::Completed,
                _ => ReferState::Failed,
            },
            sip_status: Referred::deserialize(payload)?.sip_notify_response,
        },
        "call.recording.saved" => VoiceEventKind::RecordingSaved(saved(payload)?),
        _ if name.starts_with("conference.") => {
            let Conference { conference_id, reason, .. } = Conference::deserialize(payload)?;
            let reason = || reason.unwrap_or_else(|| "unspecified".to_owned());
            let what = match name {
                "conference.created" => ConferenceEvent::Created,
                "conference.ended" => ConferenceEvent::Ended { reason: reason() },
                "conference.participant.joined" => ConferenceEvent::Joined,
                "conference.participant.left" => ConferenceEvent::Left,
                "conference.floor.changed" => ConferenceEvent::Floor,
                "conference.speak.started" => ConferenceEvent::SpeakStarted { all: true },
                "conference.speak.ended" => ConferenceEvent::SpeakEnded { all: true },
                "conference.participant.speak.started" => ConferenceEvent::SpeakStarted { all: false },
                "conference.participant.speak.ended" => ConferenceEvent::SpeakEnded { all: false },
                "conference.playback.started" => ConferenceEvent::PlaybackStarted { all: true },
                "conference.playback.ended" => ConferenceEvent::PlaybackEnded { all: true },
                "conference.participant.playback.started" => ConferenceEvent::PlaybackStarted { all: false },
                "conference.participant.playback.ended" => ConferenceEvent::PlaybackEnded { all: false },
                "conference.recording.saved" => ConferenceEvent::RecordingSaved(saved(payload)?),
                _ => return Ok(other()),
            };
            VoiceEventKind::Conference { id: conference_id.unwrap_or_default(), what }
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
            let currency = cost_parts.into_iter().flatten().find_map(|part| part.currency).unwrap_or_else(|| "USD".to_owned());
            let told = millionths_rounded_up(&total).filter(|_| status.as_deref() != Some("error"));
            told.map_or_else(other, |micros| VoiceEventKind::Cost { micros, currency })
        }
        _ => other(),
    })
}

fn saved(payload: &Value) -> Result<VendorRecording, serde_json::Error> {
    let saved = Saved::deserialize(payload)?;
    let urls = saved.recording_urls.and_then(Urls::best).or_else(|| saved.public_recording_urls?.best());
    // Without a URL it is still saved: the fetch reads it from the list.
    let (url, content_type) = urls.unwrap_or_else(|| (String::new(), "audio/mpeg".to_owned()));
    Ok(VendorRecording {
        id: recording_name(saved.call_leg_id.as_deref(), saved.recording_started_at, saved.recording_id),
        url,
        content_type,
        channels: channels(saved.channels.as_deref()),
        started_at: saved.recording_started_at,
        ended_at: saved.recording_ended_at,
    })
}

fn gather_ending(word: Option<&str>) -> GatherEnding {
    match word {
        Some("valid") => GatherEnding::Valid,
        Some("invalid") => GatherEnding::Invalid,
        Some("timeout") => GatherEnding::Timeout,
        Some("call_hangup") => GatherEnding::Hangup,
        Some("cancelled" | "cancelled_amd") => GatherEnding::Cancelled,
        _ => GatherEnding::Other,
    }
}

fn dequeue_reason(word: Option<&str>) -> DequeueReason {
    match word {
        Some("bridged") => DequeueReason::Bridged,
        Some("bridging-in-process") => DequeueReason::Bridging,
        Some("hangup") => DequeueReason::Hangup,
        Some("leave") => DequeueReason::Left,
        Some("timeout") => DequeueReason::Timeout,
        _ => DequeueReason::Other,
    }
}

/// A share of one in thousandths; `None` when it is no such share.
fn thousandths(share: &Value) -> Option<u16> {
    let told = share.as_number()?.to_string();
    u16::try_from(millionths_rounded_up(&told)? / 1_000).ok().filter(|share| *share <= 1_000)
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

