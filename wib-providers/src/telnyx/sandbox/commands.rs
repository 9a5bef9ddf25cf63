//! The commands of a leg.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::{Refusal, detection, e164, flag, fresh, invalid, media, missing, need, ok, refuse, sip, state};
use crate::sandbox::{
    acts::{Gather, Written},
    network::{BUSY, BY_CALLEE, BY_CALLER, CANCELED, Call, CallStep, Link, Order, REJECTED, What},
    rooms::Role,
    scripts,
    streams::StreamOrder,
    wire::{Ask, text},
    world::{Step, World},
};

/// Every command of a leg.
pub(super) const COMMANDS: &[&str] = &[
    "answer",
    "bridge",
    "enqueue",
    "fork_start",
    "fork_stop",
    "gather",
    "gather_stop",
    "gather_using_audio",
    "gather_using_speak",
    "hangup",
    "leave_queue",
    "playback_start",
    "playback_stop",
    "record_pause",
    "record_resume",
    "record_start",
    "record_stop",
    "refer",
    "reject",
    "send_dtmf",
    "speak",
    "streaming_start",
    "streaming_stop",
    "switch_supervisor_role",
    "transcription_start",
    "transcription_stop",
    "transfer",
];

fn cannot(detail: &str) -> Refusal {
    // Which codes Telnyx has for these is not documented; that of a command that cannot be done stands in.
    refuse(422, "90033", "Unable to execute command", detail, None)
}

fn number(body: &Value, field: &str, or: u64) -> u64 {
    body[field].as_u64().unwrap_or(or)
}

/// A supervisor's role on a call of two.
fn role(word: &str, pointer: &str) -> Result<Role, Refusal> {
    Ok(match word {
        "barge" => Role::Barge,
        "whisper" => Role::Whisper,
        "monitor" => Role::Monitor,
        _ => return Err(invalid(pointer, "No such role.")),
    })
}

/// What is to be done, once the command has been found good.
enum Deed {
    Answer { dual: Option<bool>, written: Option<Written> },
    Bridge { other: u64, park: bool, dual: Option<bool> },
    Cannot,
    Enqueue { name: String, most: usize, limit: Option<u64> },
    Fork(bool),
    Gather(Gather),
    GatherStop,
    HangUp,
    LeaveQueue,
    Play { url: String, times: Option<u64>, legs: Vec<u64> },
    Pause,
    Record(bool),
    RecordStop,
    Refer,
    Reject(bool),
    Resume,
    Speak { text: String, legs: Vec<u64> },
    Stop,
    Stream(Box<StreamOrder>),
    StreamStop,
    Switch(Role),
    Transcribe(Option<Written>),
    Transfer(Box<Order>),
    Keys,
}

impl World {
    pub(super) fn command(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        command: &str,
        body: &Value,
    ) -> Result<Response<Bytes>, Refusal> {
        let Some(command) = COMMANDS.iter().find(|known| **known == command) else { return Err(missing()) };
        let (key, _) = self.call(id)?;
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return Err(missing()) };
        let done = ok(&json!({"result": "ok"}));
        call.commands.retain(|_, at| fresh(*at, now));
        if text(body, "command_id").is_some_and(|id| call.commands.contains_key(id)) {
            return Ok(done);
        }
        if !call.alive() {
            let detail = "This call is no longer active and can't receive commands.";
            return Err(refuse(422, "90018", "Call has already ended", detail, None));
        }
        let answered = call.answered_at.is_some();
        if matches!(*command, "answer" | "reject") && (!call.order.incoming || answered) {
            let detail = "Only an incoming call that is not answered yet can be answered.";
            return Err(refuse(422, "90055", "Call can not be answered", detail, None));
        }
        if !answered && !matches!(*command, "hangup" | "answer" | "reject") {
            let detail = "This call can't receive this command because the call has not been answered yet.";
            return Err(refuse(422, "90034", "Call has not been answered yet", detail, None));
        }
        let deed = self.deed(ask, key, command, body)?;
        let state = state(body)?;
        let Some(call) = self.phones.calls.get_mut(&key) else { return Err(missing()) };
        if state.is_some() {
            call.client_state = state;
        }
        if let Some(id) = text(body, "command_id") {
            call.commands.insert(id.to_owned(), now);
        }
        self.happens(key, What::Command(command));
        self.do_it(key, deed, answered);
        Ok(done)
    }

    /// Reads a command.
    fn deed(&mut self, ask: &Ask<'_>, key: u64, command: &str, body: &Value) -> Result<Deed, Refusal> {
        let Some(call) = self.phones.calls.get_mut(&key) else { return Err(missing()) };
        let taped = call.tape().is_some();
        Ok(match command {
            "answer" => {
                let written = if flag(body, "transcription") { Some(written(&body["transcription_config"])?) } else { None };
                Deed::Answer { dual: recorded(body), written }
            }
            "reject" => match need(body, "cause")? {
                "USER_BUSY" => Deed::Reject(true),
                "CALL_REJECTED" => Deed::Reject(false),
                _ => return Err(invalid("/cause", "No such cause.")),
            },
            "hangup" => Deed::HangUp,
            "bridge" => {
                let (other, leg) = self.call(need(body, "call_control_id")?)?;
                if !leg.alive() || leg.answered_at.is_none() || other == key {
                    return Err(cannot("The other call can not be bridged."));
                }
                let joined = leg.peer.is_some() || self.phones.calls.get(&key).is_some_and(|call| call.peer.is_some());
                if flag(body, "prevent_double_bridge") && joined {
                    return Err(cannot("One of the calls is bridged already."));
                }
                Deed::Bridge { other, park: text(body, "park_after_unbridge") == Some("self"), dual: recorded(body) }
            }
            "transfer" => Deed::Transfer(Box::new(self.transfer(ask, key, body)?)),
            "refer" if sip(need(body, "sip_address")?) => Deed::Refer,
            "refer" => return Err(invalid("/sip_address", "Not an address of SIP.")),
            "speak" => {
                need(body, "voice")?;
                Deed::Speak { text: need(body, "payload")?.to_owned(), legs: self.targets(key, body) }
            }
            "playback_start" => {
                let url = need(body, "audio_url")?.to_owned();
                Deed::Play { url, times: times(body), legs: self.targets(key, body) }
            }
            "playback_stop" => Deed::Stop,
            "gather" | "gather_using_speak" | "gather_using_audio" => Deed::Gather(gather(command, body)?),
            "gather_stop" => Deed::GatherStop,
            "send_dtmf" => {
                if !need(body, "digits")?.bytes().all(|b| b"0123456789ABCD*#wW".contains(&b)) {
                    let detail = "digits must be 0-9, A-D, *, #, w or W.";
                    return Err(refuse(422, "10015", "Invalid value for digits", detail, Some("/digits")));
                }
                Deed::Keys
            }
            "record_start" => {
                need(body, "format")?;
                Deed::Record(need(body, "channels")? == "dual")
            }
            "record_stop" | "record_pause" | "record_resume" if !taped => {
                return Err(cannot("The call is not being recorded."));
            }
            "record_stop" => Deed::RecordStop,
            "record_pause" => Deed::Pause,
            "record_resume" => Deed::Resume,
            "streaming_start" => Deed::Stream(Box::new(media::order(body)?)),
            "streaming_stop" => Deed::StreamStop,
            "fork_start" => Deed::Fork(true),
            "fork_stop" => Deed::Fork(false),
            "transcription_start" => Deed::Transcribe(Some(written(body)?)),
            "transcription_stop" => Deed::Transcribe(None),
            "enqueue" => {
                let name = need(body, "queue_name")?.to_owned();
                let most = usize::try_from(number(body, "max_size", 100)).unwrap_or(usize::MAX);
                let line = self.phones.queues.get(&name);
                if line.is_some_and(|line| line.len() >= most && !line.contains(&key)) {
                    return Err(cannot("The queue is full."));
                }
                Deed::Enqueue { name, most, limit: body["max_wait_time_secs"].as_u64() }
            }
            "leave_queue" if call.queued.is_none() => return Err(cannot("The call is in no queue.")),
            "leave_queue" => Deed::LeaveQueue,
            "switch_supervisor_role" => {
                let role = role(need(body, "role")?, "/role")?;
                if call.watches.is_none() {
                    return Err(cannot("The call supervises no other."));
                }
                Deed::Switch(role)
            }
            _ => Deed::Cannot,
        })
    }

    fn do_it(&mut self, key: u64, deed: Deed, answered: bool) {
        let now = self.now;
        match deed {
            Deed::Answer { dual, written } => {
                self.pick_up(key);
                self.transcribe(key, written);
                if let Some(dual) = dual {
                    self.record(key, dual);
                }
            }
            Deed::Bridge { other, park, dual } => {
                self.join(key, other, park);
                if let Some(dual) = dual {
                    self.record(key, dual);
                }
            }
            Deed::Enqueue { name, most, limit } => drop(self.enqueue(key, &name, most, limit)),
            Deed::Fork(on) => self.fork(key, on),
            Deed::Gather(gather) => self.gather(key, gather),
            Deed::GatherStop => self.gather_end(key, "cancelled"),
            Deed::HangUp => self.end(key, if answered { BY_CALLER } else { CANCELED }),
            Deed::LeaveQueue => drop(self.leave_queue(key, "leave")),
            Deed::Play { url, times, legs } => legs.into_iter().for_each(|leg| self.play(leg, &url, times)),
            Deed::Pause => self.phones.calls.get_mut(&key).and_then(Call::tape).into_iter().for_each(|tape| tape.pause(now)),
            Deed::Resume => {
                self.phones.calls.get_mut(&key).and_then(Call::tape).into_iter().for_each(|tape| tape.resume(now));
            }
            Deed::Record(dual) => self.record(key, dual),
            Deed::RecordStop => self.stop_recording(key),
            Deed::Refer => {
                for (ms, name, status) in [(100, "call.refer.started", 100), (1_000, "call.refer.completed", 200)] {
                    self.plan(ms, Step::Call(key, CallStep::Tell(What::Referred(name, status))));
                }
                // The far end has gone elsewhere.
                self.plan(2_000, Step::Call(key, CallStep::HangUp(BY_CALLEE)));
            }
            Deed::Reject(busy) => self.end(key, if busy { BUSY } else { REJECTED }),
            Deed::Speak { text, legs } => legs.into_iter().for_each(|leg| self.speak(leg, &text)),
            Deed::Stop => self.stop_playing(key),
            Deed::Stream(order) => self.stream(key, *order),
            Deed::StreamStop => self.stop_streams(key),
            Deed::Switch(role) => drop(self.switch_role(key, role)),
            Deed::Transcribe(written) => self.transcribe(key, written),
            Deed::Transfer(order) => drop(self.place(*order)),
            Deed::Keys | Deed::Cannot => {}
        }
    }

    pub(super) fn client_state_update(&mut self, id: &str, body: &Value) -> Result<Response<Bytes>, Refusal> {
        let (key, call) = self.call(id)?;
        if !call.alive() {
            let detail = "This call is no longer active and can't receive commands.";
            return Err(refuse(422, "90018", "Call has already ended", detail, None));
        }
        need(body, "client_state")?;
        let state = state(body)?;
        if let Some(call) = self.phones.calls.get_mut(&key) {
            call.client_state = state;
        }
        Ok(ok(&json!({"result": "ok"})))
    }

    /// What a dial has to do with other legs.
    pub(super) fn link(&self, body: &Value) -> Result<Link, Refusal> {
        let leg = |field: &str| text(body, field).map(|id| self.call(id)).transpose();
        let linked = leg("link_to")?;
        let watched = leg("supervise_call_control_id")?;
        if flag(body, "bridge_on_answer") && linked.is_none() {
            return Err(need(body, "link_to").err().unwrap_or_else(missing));
        }
        let watches = match watched {
            Some((watched, _)) => {
                Some((watched, role(text(body, "supervisor_role").unwrap_or("barge"), "/supervisor_role")?))
            }
            None => None,
        };
        Ok(Link {
            session: linked.map(|(_, call)| call.session_id),
            joins: linked.filter(|_| flag(body, "bridge_on_answer")).map(|(key, _)| key),
            whisper: false,
            watches,
        })
    }

    /// The call that a transfer places.
    fn transfer(&self, ask: &Ask<'_>, key: u64, body: &Value) -> Result<Order, Refusal> {
        let to = need(body, "to")?.to_owned();
        if !e164(&to) && !sip(&to) {
            return Err(invalid("/to", "Neither a number nor an address of SIP."));
        }
        let call = self.phones.calls.get(&key).ok_or_else(missing)?;
        let shown = if call.order.incoming { &call.order.to } else { &call.order.from };
        let target = json!({"client_state": body["target_leg_client_state"]});
        Ok(Order {
            to,
            from: text(body, "from").unwrap_or(shown).to_owned(),
            connection_id: call.order.connection_id.clone(),
            client_state: state(&target)?,
            webhook_url: text(body, "webhook_url").map(str::to_owned).or_else(|| call.order.webhook_url.clone()),
            base: ask.base.clone(),
            detection: detection(body)?,
            record: recorded(body),
            ring_seconds: number(body, "timeout_secs", 30).clamp(5, 600),
            limit_seconds: number(body, "time_limit_secs", 14_400).clamp(30, 14_400),
            incoming: false,
            link: Link {
                session: Some(call.session_id),
                joins: Some(key),
                whisper: text(body, "audio_url").is_some(),
                watches: None,
            },
        })
    }

    /// Who hears what is spoken or played.
    fn targets(&self, key: u64, body: &Value) -> Vec<u64> {
        let peer = self.phones.calls.get(&key).and_then(|call| call.peer);
        match text(body, "target_legs") {
            Some("opposite") => peer.into_iter().collect(),
            Some("both") => [Some(key), peer].into_iter().flatten().collect(),
            _ => vec![key],
        }
    }
}

/// Whether to record from the answer on, and if so each side on its own channel.
fn recorded(body: &Value) -> Option<bool> {
    text(body, "record").map(|_| text(body, "record_channels") != Some("single"))
}

/// How often a sound is played; `None` without an end.
pub(super) fn times(body: &Value) -> Option<u64> {
    match &body["loop"] {
        Value::String(word) if word == "infinity" => None,
        Value::String(word) => Some(word.parse().unwrap_or(1)),
        other => Some(other.as_u64().unwrap_or(1)),
    }
}

fn written(body: &Value) -> Result<Written, Refusal> {
    match text(body, "transcription_tracks").unwrap_or("inbound") {
        "inbound" => Ok(Written { inbound: true, outbound: false }),
        "outbound" => Ok(Written { inbound: false, outbound: true }),
        "both" => Ok(Written { inbound: true, outbound: true }),
        _ => Err(invalid("/transcription_tracks", "No such tracks.")),
    }
}

fn gather(command: &str, body: &Value) -> Result<Gather, Refusal> {
    let keys = |field: &str, or| usize::try_from(number(body, field, or).min(128)).unwrap_or(128);
    let (words, prompt_ms) = match command {
        "gather_using_speak" => {
            need(body, "voice")?;
            let words = need(body, "payload")?;
            (Some(words.to_owned()), scripts::duration_ms(words))
        }
        "gather_using_audio" => (None, need(body, "audio_url").map(|_| 2_000)?),
        _ => (None, 0),
    };
    let first = if command == "gather" { "initial_timeout_millis" } else { "timeout_millis" };
    let (min, max) = (keys("minimum_digits", 1).max(1), keys("maximum_digits", 128));
    if min > max {
        return Err(invalid("/minimum_digits", "minimum_digits must not be more than maximum_digits."));
    }
    Ok(Gather {
        min,
        max,
        valid: text(body, "valid_digits").unwrap_or("0123456789#*").to_owned(),
        terminator: text(body, "terminating_digit").unwrap_or("#").chars().next(),
        first_ms: number(body, first, if command == "gather" { 5_000 } else { 60_000 }),
        next_ms: number(body, "inter_digit_timeout_millis", 5_000),
        tries: if command == "gather" { 1 } else { number(body, "maximum_tries", 3).max(1) },
        words,
        prompt_ms,
    })
}
