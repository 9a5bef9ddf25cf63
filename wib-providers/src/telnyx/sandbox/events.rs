//! Telnyx's webhook bodies, made from what happened.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use wib_core::kit::time::{Timestamp, after};

use crate::sandbox::{
    RECORDINGS,
    chance::Chance,
    network::{Call, Detection, Happened, What},
    rooms::RoomEvent,
    scripts::Side,
    tape::Tape,
    wire::instant,
    world::World,
};

/// How long the address of a recording works, in seconds.
const URL_SECONDS: u64 = 600;

impl What {
    /// The name of the event or command.
    pub(crate) fn name(self, detection: Detection) -> &'static str {
        let premium = detection == Detection::Premium;
        match self {
            Self::Initiated => "call.initiated",
            Self::Answered => "call.answered",
            Self::Detected(_) if premium => "call.machine.premium.detection.ended",
            Self::Detected(_) => "call.machine.detection.ended",
            Self::GreetingEnded if premium => "call.machine.premium.greeting.ended",
            Self::GreetingEnded => "call.machine.greeting.ended",
            Self::SpeakStarted => "call.speak.started",
            Self::SpeakEnded(_) => "call.speak.ended",
            Self::KeyPressed(_) => "call.dtmf.received",
            Self::RecordingSaved(_) => "call.recording.saved",
            Self::Hangup => "call.hangup",
            Self::Cost => "call.cost",
            Self::Bridged => "call.bridged",
            Self::PlaybackStarted(_) => "call.playback.started",
            Self::PlaybackEnded(..) => "call.playback.ended",
            Self::GatherEnded(..) => "call.gather.ended",
            Self::Enqueued(..) => "call.enqueued",
            Self::Dequeued(..) => "call.dequeued",
            Self::StreamStarted(_) => "streaming.started",
            Self::StreamFailed(_) => "streaming.failed",
            Self::StreamStopped(_) => "streaming.stopped",
            Self::ForkStarted => "call.fork.started",
            Self::ForkStopped => "call.fork.stopped",
            Self::Transcribed(_) => "call.transcription",
            Self::Referred(name, _) => name,
            Self::Conference(_, event) => match event {
                RoomEvent::Created => "conference.created",
                RoomEvent::Ended(_) => "conference.ended",
                RoomEvent::Joined => "conference.participant.joined",
                RoomEvent::Left => "conference.participant.left",
                RoomEvent::SpeakStarted(true) => "conference.speak.started",
                RoomEvent::SpeakEnded(true) => "conference.speak.ended",
                RoomEvent::SpeakStarted(false) => "conference.participant.speak.started",
                RoomEvent::SpeakEnded(false) => "conference.participant.speak.ended",
                RoomEvent::PlaybackStarted(true, _) => "conference.playback.started",
                RoomEvent::PlaybackEnded(true, _) => "conference.playback.ended",
                RoomEvent::PlaybackStarted(false, _) => "conference.participant.playback.started",
                RoomEvent::PlaybackEnded(false, _) => "conference.participant.playback.ended",
            },
            Self::Command(name) => name,
        }
    }
}

impl World {
    /// The event's `data`; commands have none.
    pub(crate) fn telnyx_event(&self, call: &Call, happened: &Happened) -> Option<Value> {
        if matches!(happened.what, What::Command(_)) {
            return None;
        }
        Some(json!({
            "record_type": "event",
            "event_type": happened.what.name(call.order.detection),
            "id": happened.id,
            "occurred_at": instant(happened.at),
            "payload": self.payload(call, happened),
        }))
    }

    /// The event's `payload`.
    pub(crate) fn payload(&self, call: &Call, happened: &Happened) -> Value {
        let mut payload = Map::new();
        let mut put = |name: &str, value: Value| payload.insert(name.to_owned(), value);
        put("call_control_id", json!(call.control_id));
        put("call_leg_id", json!(call.leg_id));
        put("call_session_id", json!(call.session_id));
        put("connection_id", json!(call.order.connection_id));
        if let Some(state) = &happened.client_state {
            put("client_state", json!(**state));
        }
        let parties = matches!(
            happened.what,
            What::Initiated
                | What::Answered
                | What::Hangup
                | What::Detected(_)
                | What::GreetingEnded
                | What::KeyPressed(_)
                | What::Bridged
                | What::GatherEnded(..)
        );
        if parties {
            put("from", json!(call.order.from));
            put("to", json!(call.order.to));
        }
        if matches!(happened.what, What::Initiated | What::Answered | What::Hangup) {
            put("start_time", json!(instant(call.placed_at)));
        }
        match happened.what {
            What::Initiated => {
                put("direction", json!(if call.order.incoming { "incoming" } else { "outgoing" }));
                put("state", json!("parked"));
            }
            What::Answered => drop(put("state", json!("answered"))),
            What::Detected(result) => drop(put("result", json!(result))),
            What::GreetingEnded => drop(put("result", json!("beep_detected"))),
            What::SpeakEnded(status) => drop(put("status", json!(status))),
            What::KeyPressed(key) => drop(put("digit", json!(key.reveal()))),
            What::Hangup => {
                put("state", json!("hangup"));
                if let Some(cause) = call.cause {
                    put("hangup_cause", json!(cause.word));
                    put("hangup_source", json!(cause.source));
                    put("sip_hangup_cause", json!(cause.sip));
                }
            }
            What::RecordingSaved(at) => {
                // The vendor's quirk: this event does not name its call's handle.
                payload.remove("call_control_id");
                if let Some(tape) = call.tapes.get(at) {
                    payload.append(&mut self.saved(call, tape));
                }
            }
            What::Cost => payload.append(&mut cost(call, happened.at)),
            What::PlaybackStarted(note) => {
                put("media_url", json!(told(call, note)));
                put("overlay", json!(false));
            }
            What::PlaybackEnded(note, status) => {
                put("media_url", json!(told(call, note)));
                put("overlay", json!(false));
                put("status", json!(status));
            }
            What::GatherEnded(note, status) => {
                put("digits", json!(told(call, note)));
                put("status", json!(status));
            }
            What::Enqueued(note, position) => {
                put("queue", json!(told(call, note)));
                put("current_position", json!(position));
                put("queue_avg_wait_time_secs", json!(0));
            }
            What::Dequeued(note, position, reason, waited) => {
                put("queue", json!(told(call, note)));
                put("queue_position", json!(position));
                put("reason", json!(reason));
                put("wait_time_secs", json!(waited));
            }
            What::StreamStarted(note) | What::StreamStopped(note) => {
                put("stream_url", json!(told(call, note)));
            }
            What::StreamFailed(note) => {
                put("failure_reason", json!("connection_failed"));
                let streamed = call.streamed(note);
                let track = match streamed.map(|streamed| (streamed.inbound, streamed.outbound)) {
                    Some((true, true)) => "both_tracks",
                    Some((false, true)) => "outbound_track",
                    _ => "inbound_track",
                };
                put("stream_id", json!(streamed.map(|streamed| streamed.id)));
                put("stream_params", json!({"stream_url": told(call, note), "track": track}));
                put("stream_type", json!("websocket"));
            }
            What::ForkStarted | What::ForkStopped => {
                put("stream_type", json!("decrypted"));
            }
            What::Transcribed(line) => {
                let said = call.said.get(line);
                let track = said.map_or("inbound", |s| if s.side == Side::Customer { "inbound" } else { "outbound" });
                put(
                    "transcription_data",
                    json!({"transcript": said.map(|said| said.text.as_str()).unwrap_or_default(), "is_final": true,
                           "confidence": 0.97, "transcription_track": track}),
                );
            }
            What::Referred(_, status) => {
                put("sip_notify_response", json!(status));
            }
            What::Conference(id, event) => {
                put("conference_id", json!(id));
                match event {
                    RoomEvent::Created => drop(put("occurred_at", json!(instant(happened.at)))),
                    RoomEvent::Ended(reason) => {
                        put("occurred_at", json!(instant(happened.at)));
                        // The vendor's document knows no other words here.
                        put("reason", json!(if reason == "host_left" { reason } else { "all_left" }));
                    }
                    RoomEvent::Joined | RoomEvent::Left => {}
                    RoomEvent::SpeakStarted(all) | RoomEvent::SpeakEnded(all) => {
                        self.in_room(id, all, happened.at, None, &mut payload);
                    }
                    RoomEvent::PlaybackStarted(all, note) | RoomEvent::PlaybackEnded(all, note) => {
                        self.in_room(id, all, happened.at, Some(told(call, note)), &mut payload);
                    }
                }
            }
            What::SpeakStarted | What::Bridged | What::Command(_) => {}
        }
        Value::Object(payload)
    }

    /// What events of speaking and playing in a conference say; those that are everybody's name no leg.
    fn in_room(&self, id: Uuid, all: bool, at: Timestamp, url: Option<&str>, payload: &mut Map<String, Value>) {
        let opener = self.phones.rooms.get(&id).and_then(|room| self.phones.calls.get(&room.opener));
        payload.insert("creator_call_session_id".to_owned(), json!(opener.map(|opener| opener.session_id)));
        payload.insert("occurred_at".to_owned(), json!(instant(at)));
        if let Some(url) = url {
            payload.insert("media_url".to_owned(), json!(url));
        }
        if all {
            for field in ["call_control_id", "call_leg_id", "call_session_id", "client_state"] {
                payload.remove(field);
            }
        }
    }

    fn saved(&self, call: &Call, tape: &Tape) -> Map<String, Value> {
        let urls = self.recording_urls(call, tape);
        let fields = json!({
            "channels": if tape.dual { "dual" } else { "single" },
            "recording_started_at": instant(tape.started_at),
            "recording_ended_at": instant(tape.ended_at.unwrap_or(tape.started_at)),
            "recording_urls": urls,
            "public_recording_urls": {"mp3": null, "wav": null},
        });
        fields.as_object().cloned().unwrap_or_default()
    }

    /// Where a recording's bytes are, for the next ten minutes.
    pub(crate) fn recording_urls(&self, call: &Call, tape: &Tape) -> Value {
        let until = after(self.now, std::time::Duration::from_secs(URL_SECONDS)).as_second();
        let url = |kind: &str| {
            let signature = self.url_signature(tape.id, until);
            let path = format!("/{}.{kind}?expires={until}&signature={signature}", tape.id);
            call.order.base.url(RECORDINGS, "recordings", &path)
        };
        json!({"mp3": url("mp3"), "wav": url("wav")})
    }

    /// What proves that an address of a recording was ours.
    pub(crate) fn url_signature(&self, id: Uuid, until: i64) -> String {
        Chance::of(self.seed, &["recording", &id.to_string(), &until.to_string()]).hex(12)
    }
}

/// The text that an event tells of.
fn told(call: &Call, note: usize) -> &str {
    call.notes.get(note).map_or("", String::as_str)
}

fn cost(call: &Call, at: Timestamp) -> Map<String, Value> {
    let minutes = (call.seconds(at) + 59) / 60;
    let dollars = |tenthousandths: i64| format!("{}.{:04}", tenthousandths / 10_000, tenthousandths % 10_000);
    let part = |name: &str, rate: i64| {
        let (cost, rate) = (dollars(rate * minutes), dollars(rate));
        json!({"billed_duration_secs": minutes * 60, "call_part": name, "cost": cost, "currency": "USD", "rate": rate})
    };
    let fields = json!({
        "billed_duration_secs": minutes * 60,
        "billing_group_id": null,
        "cost_parts": [part("sip-trunking", 50), part("call-control", 18)],
        "occurred_at": instant(at),
        "status": "success",
        "total_cost": dollars(68 * minutes),
    });
    fields.as_object().cloned().unwrap_or_default()
}
