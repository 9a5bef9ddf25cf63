//! Telnyx Call Control v2: dial, commands, call state, active calls, call events, recordings.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use http::Response;
use serde_json::{Value, json};
use uuid::Uuid;
use wib_core::kit::time::Timestamp;

use super::VENDOR;
use crate::sandbox::{
    Settings,
    chance::Chance,
    model::{Entry, Model, Post},
    network::{Call, Detection, Order, What},
    tape::Tape,
    wire::{Ask, instant, json as answer, text, typed},
    world::World,
};

mod commands;
mod events;
mod lines;
mod media;
mod rooms;

/// Telnyx in the sandbox.
pub(super) const ENTRY: Entry = Entry { hosts: &["api.telnyx.com"], new: |settings, seed| Box::new(Telnyx::new(settings, seed)) };

/// Telnyx's model. Calls are the phone network's; here is the key that events are signed with, and what an account has
/// besides calls.
struct Telnyx {
    key: SigningKey,
    lines: lines::Lines,
}

impl Telnyx {
    fn new(settings: &Settings, seed: u64) -> Self {
        let drawn = || <[u8; 32]>::try_from(hex::decode(Chance::of(seed, &["key"]).hex(32)).unwrap_or_default());
        let key = settings.telnyx_signing_seed.or_else(|| drawn().ok()).unwrap_or_default();
        Self { key: SigningKey::from_bytes(&key), lines: lines::Lines::new(seed) }
    }
}

impl Model for Telnyx {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        lines::operation(ask).unwrap_or_else(|| operation(ask))
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        if lines::operation(ask).is_some() {
            return self.lines.respond(world, ask);
        }
        respond(world, ask)
    }
    fn step(&mut self, world: &mut World, what: &str) {
        self.lines.step(world, what);
    }
    fn control(&mut self, world: &mut World, method: &str, path: &[&str], body: &Value) -> Option<Response<Bytes>> {
        matches!((method, path), ("POST", ["messages"])).then(|| self.lines.write_to_us(world, body))
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        let (code, title) = if status == 429 { ("10011", "Too many requests") } else { ("10007", "Unexpected error") };
        error(status, code, title, message, None)
    }
    fn verifier(&self) -> Option<String> {
        Some(BASE64_STANDARD.encode(self.key.verifying_key().to_bytes()))
    }
    fn sign(&self, post: &Post, now: Timestamp) -> (Vec<(String, String)>, String) {
        let to = post.url.as_deref().unwrap_or("in-process");
        let body = json!({"data": post.body, "meta": {"attempt": post.attempt, "delivered_to": to}}).to_string();
        let timestamp = now.as_second().to_string();
        let signature = self.key.sign(format!("{timestamp}|{body}").as_bytes());
        let signature = BASE64_STANDARD.encode(signature.to_bytes());
        let headers = [("telnyx-timestamp", timestamp), ("telnyx-signature-ed25519", signature)];
        (headers.map(|(name, value)| (name.to_owned(), value)).into(), body)
    }
}

/// How long a `command_id` is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The name of the operation that a request asks for, as faults know it.
fn operation(ask: &Ask<'_>) -> &'static str {
    let (method, path) = ask.route();
    match (method, path.as_slice()) {
        ("POST", ["v2", "calls"]) => "dial",
        ("GET", ["v2", "calls", _]) => "call",
        ("POST", ["v2", "calls", _, "actions", command]) => {
            commands::COMMANDS.iter().find(|known| *known == command).copied().unwrap_or("unknown")
        }
        ("PUT", ["v2", "calls", _, "actions", "client_state_update"]) => "client_state_update",
        ("GET" | "POST", ["v2", "conferences", ..]) => rooms::operation(method, &path[2..]),
        ("GET", ["v2", "queues", _, ..]) => "queue",
        ("GET", ["v2", "connections", _, "active_calls"]) => "active_calls",
        ("GET", ["v2", "call_events"]) => "call_events",
        ("GET", ["v2", "recordings"]) => "recordings",
        ("GET", ["v2", "recordings", _]) => "recording",
        ("DELETE", ["v2", "recordings", _]) => "delete_recording",
        _ => "unknown",
    }
}

/// The answer in Telnyx's shape of errors.
fn error(status: u16, code: &str, title: &str, detail: &str, pointer: Option<&str>) -> Response<Bytes> {
    let mut error = json!({"code": code, "title": title, "detail": detail});
    if let Some(pointer) = pointer {
        error["source"] = json!({"pointer": pointer});
    }
    answer(status, &json!({"errors": [error]}))
}

/// A refusal on its way out.
type Refusal = Box<Response<Bytes>>;

fn refuse(status: u16, code: &str, title: &str, detail: &str, pointer: Option<&str>) -> Refusal {
    Box::new(error(status, code, title, detail, pointer))
}

fn missing() -> Refusal {
    refuse(404, "10005", "Resource not found", "The requested resource or URL could not be found.", None)
}

/// What somebody without a key is told.
fn stranger() -> Response<Bytes> {
    let detail = "Could not find any usable credentials in the request.";
    error(401, "10009", "Authentication failed", detail, None)
}

fn ok(data: &Value) -> Response<Bytes> {
    answer(200, &json!({"data": data}))
}

fn e164(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

fn sip(address: &str) -> bool {
    let rest = address.strip_prefix("sip:").or_else(|| address.strip_prefix("sips:"));
    rest.and_then(|rest| rest.split_once('@')).is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

fn detection(body: &Value) -> Result<Detection, Refusal> {
    Ok(match text(body, "answering_machine_detection").unwrap_or("disabled") {
        "disabled" => Detection::Off,
        "premium" => Detection::Premium,
        "detect" | "detect_beep" | "detect_words" | "greeting_end" => Detection::Standard,
        _ => return Err(invalid("/answering_machine_detection", "No such detection.")),
    })
}

fn invalid(pointer: &str, detail: &str) -> Refusal {
    refuse(422, "10006", "Invalid value", detail, Some(pointer))
}

fn need<'b>(body: &'b Value, field: &str) -> Result<&'b str, Refusal> {
    let pointer = format!("/{field}");
    let refusal = || refuse(422, "10004", "Missing required parameter", "A field is missing.", Some(&pointer));
    text(body, field).ok_or_else(refusal)
}

fn flag(body: &Value, field: &str) -> bool {
    body[field].as_bool().unwrap_or(false)
}

fn state(body: &Value) -> Result<Option<Arc<str>>, Refusal> {
    let Some(state) = text(body, "client_state") else { return Ok(None) };
    if BASE64_STANDARD.decode(state).is_err() {
        let detail = "client_state must be base64 encoded.";
        return Err(refuse(422, "10006", "Invalid value", detail, Some("/client_state")));
    }
    Ok(Some(state.into()))
}

/// Answers one request.
fn respond(world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
    if !ask.bearer() {
        return stranger();
    }
    let (method, path) = ask.route();
    let body = if matches!(method, "POST" | "PUT") { ask.object() } else { Some(Value::Null) };
    let Some(body) = body else {
        return error(400, "10015", "Bad Request", "The request body is not valid JSON.", None);
    };
    let answered = match (method, path.as_slice()) {
        ("POST", ["v2", "calls"]) => world.dial(ask, &body),
        ("GET", ["v2", "calls", id]) => world.call(id).map(|(_, call)| ok(&call_data(call, world.now, true))),
        ("POST", ["v2", "calls", id, "actions", command]) => world.command(ask, id, command, &body),
        ("PUT", ["v2", "calls", id, "actions", "client_state_update"]) => world.client_state_update(id, &body),
        ("GET" | "POST", ["v2", "conferences", rest @ ..]) => rooms::respond(world, ask, rest, &body),
        ("GET", ["v2", "queues", rest @ ..]) => rooms::queue(world, ask, rest),
        ("GET", ["v2", "connections", id, "active_calls"]) => Ok(world.active_calls(id, ask)),
        ("GET", ["v2", "call_events"]) => Ok(world.call_events(ask)),
        ("GET", ["v2", "recordings"]) => Ok(world.recordings(ask)),
        ("GET", ["v2", "recordings", id]) => world.recording(id),
        ("DELETE", ["v2", "recordings", id]) => world.delete_recording(id),
        _ => Err(missing()),
    };
    answered.unwrap_or_else(|refusal| *refusal)
}

/// A call as Telnyx shows it; lists of active calls show less of it.
fn call_data(call: &Call, now: Timestamp, whole: bool) -> Value {
    let mut data = json!({
        "record_type": "call",
        "call_control_id": call.control_id,
        "call_leg_id": call.leg_id,
        "call_session_id": call.session_id,
        "client_state": call.client_state.as_deref().unwrap_or_default(),
        "call_duration": call.seconds(now),
    });
    if whole {
        data["is_alive"] = json!(call.alive());
        data["start_time"] = json!(instant(call.placed_at));
        if let Some(end) = call.ended_at {
            data["end_time"] = json!(instant(end));
        }
    }
    data
}

impl World {
    /// Answers a fetch of a recording's bytes.
    pub(crate) fn fetch_recording(&self, ask: &Ask<'_>) -> Response<Bytes> {
        let (method, path) = ask.route();
        let name = path.first().and_then(|file| file.split_once('.')).filter(|_| method == "GET" && path.len() == 1);
        let found = name.and_then(|(id, kind)| Some((self.tape(id.parse().ok()?)?, kind)));
        let Some(((call, tape), kind)) = found else {
            return typed(404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>");
        };
        let until: i64 = ask.param("expires").and_then(|until| until.parse().ok()).unwrap_or(0);
        if ask.param("signature") != Some(&self.url_signature(tape.id, until)) || self.now.as_second() > until {
            return typed(
                403,
                "application/xml",
                "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
            );
        }
        let sound = call.sound(tape);
        match kind {
            "wav" => typed(200, "audio/wav", sound.wav()),
            "mp3" => typed(200, "audio/mpeg", sound.mp3()),
            _ => typed(404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>"),
        }
    }

    fn call(&self, control_id: &str) -> Result<(u64, &Call), Refusal> {
        let key = self.phones.by_control_id.get(control_id).ok_or_else(missing)?;
        self.phones.calls.get(key).map(|call| (*key, call)).ok_or_else(missing)
    }

    fn tape(&self, id: Uuid) -> Option<(&Call, &Tape)> {
        let call = self.phones.calls.get(self.phones.recordings.get(&id)?)?;
        call.tapes.iter().find(|tape| tape.id == id).map(|tape| (call, tape))
    }

    fn dial(&mut self, ask: &Ask<'_>, body: &Value) -> Result<Response<Bytes>, Refusal> {
        let need = |field: &str| {
            let detail = format!("Missing required parameter '{field}'.");
            let pointer = format!("/{field}");
            let found = body.get(field).map(|value| value.as_str().unwrap_or_default().to_owned());
            found.ok_or_else(|| refuse(422, "10004", "Missing required parameter", &detail, Some(&pointer)))
        };
        let (connection_id, to, from) = (need("connection_id")?, need("to")?, need("from")?);
        for (field, number) in [("/to", &to), ("/from", &from)] {
            if !(e164(number) || field == "/to" && sip(number)) {
                let detail = "Phone number must be in +E164 format.";
                return Err(refuse(422, "10016", "Phone number must be in +E164 format", detail, Some(field)));
            }
        }
        let seconds = |field: &str, or: u64| body.get(field).and_then(Value::as_u64).unwrap_or(or);
        let (ring_seconds, limit_seconds) = (seconds("timeout_secs", 30), seconds("time_limit_secs", 14_400));
        if !(5..=600).contains(&ring_seconds) {
            let detail = "timeout_secs must be between 5 and 600.";
            return Err(refuse(422, "10006", "Invalid value", detail, Some("/timeout_secs")));
        }
        if !(30..=14_400).contains(&limit_seconds) {
            let detail = "time_limit_secs must be between 30 and 14400.";
            return Err(refuse(422, "10006", "Invalid value", detail, Some("/time_limit_secs")));
        }
        let detection = detection(body)?;
        let link = self.link(body)?;
        let client_state = state(body)?;
        let id = text(body, "command_id");
        let now = self.now;
        self.phones.commands.retain(|_, (at, _)| fresh(*at, now));
        let repeated = id.and_then(|id| self.phones.commands.get(id)).map(|(_, key)| *key);
        let key = repeated.unwrap_or_else(|| {
            self.place(Order {
                to,
                from,
                connection_id,
                client_state,
                webhook_url: text(body, "webhook_url").map(str::to_owned),
                base: ask.base.clone(),
                detection,
                record: text(body, "record").map(|_| text(body, "record_channels") != Some("single")),
                ring_seconds,
                limit_seconds,
                incoming: false,
                link,
            })
        });
        if let (Some(id), None) = (id, repeated) {
            self.phones.commands.insert(id.to_owned(), (now, key));
        }
        let call = self.phones.calls.get(&key).ok_or_else(missing)?;
        Ok(ok(&call_data(call, now, true)))
    }

    fn active_calls(&self, connection: &str, ask: &Ask<'_>) -> Response<Bytes> {
        let limit = number(ask, "page[limit]").or_else(|| number(ask, "page[size]")).unwrap_or(20).clamp(1, 250);
        let cursor = |name: &str| ask.param(name).and_then(|cursor| cursor.parse::<u64>().ok());
        let (from, to) =
            (cursor("page[after]").map_or(0, |at| at.saturating_add(1)), cursor("page[before]").unwrap_or(u64::MAX));
        let live = |call: &&Call| call.alive() && call.order.connection_id == connection;
        let total = self.phones.calls.values().filter(live).count();
        let range = self.phones.calls.range(from..to.max(from)).filter(|(_, call)| live(call));
        let mut page: Vec<_> = range.take(limit + 1).collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let data: Vec<_> = page.iter().map(|(_, call)| call_data(call, self.now, false)).collect();
        let mut meta = json!({"total_items": total, "cursors": {}});
        if let (Some((first, _)), Some((last, _))) = (page.first(), page.last()) {
            meta["cursors"] = json!({"before": first.to_string(), "after": last.to_string()});
            if more {
                let path = format!("/v2/connections/{connection}/active_calls?page[after]={last}&page[limit]={limit}");
                meta["next"] = json!(ask.base.url("api.telnyx.com", "telnyx", &path));
            }
        }
        answer(200, &json!({"data": data, "meta": meta}))
    }

    fn call_events(&self, ask: &Ask<'_>) -> Response<Bytes> {
        let mut all = Vec::new();
        for call in self.phones.calls.values().filter(|call| is_asked(call, ask)) {
            for happened in &call.log {
                let (name, at) = (happened.what.name(call.order.detection), happened.at);
                let command = matches!(happened.what, What::Command(_));
                let kind = if command { "command" } else { "webhook" };
                let wanted = within(ask, "occurred_at", at)
                    && ask.param("filter[name]").is_none_or(|wanted| wanted == name)
                    && ask.param("filter[type]").is_none_or(|wanted| wanted == kind);
                if wanted {
                    all.push((at, name, kind, call, happened));
                }
            }
        }
        all.sort_by_key(|(at, ..)| *at);
        paged(ask, &all, |(at, name, kind, call, happened)| {
            json!({
                "record_type": "call_event",
                "call_leg_id": call.leg_id,
                "call_session_id": call.session_id,
                "event_timestamp": instant(*at),
                "name": name,
                "type": kind,
                "metadata": self.payload(call, happened),
            })
        })
    }

    fn recordings(&self, ask: &Ask<'_>) -> Response<Bytes> {
        let calls = self.phones.calls.values().filter(|call| is_asked(call, ask));
        let mut all: Vec<_> = calls.flat_map(|call| call.tapes.iter().map(move |tape| (call, tape))).collect();
        all.retain(|(_, tape)| {
            let created = tape.saved_at.is_some_and(|at| within(ask, "created_at", at));
            !tape.deleted
                && created
                && within(ask, "start_time", tape.started_at)
                && tape.ended_at.is_some_and(|at| within(ask, "end_time", at))
        });
        paged(ask, &all, |(call, tape)| self.recording_data(call, tape))
    }

    fn recording(&self, id: &str) -> Result<Response<Bytes>, Refusal> {
        let id = id.parse().map_err(|_| missing())?;
        let (call, tape) = self.tape(id).ok_or_else(missing)?;
        Ok(ok(&self.recording_data(call, tape)))
    }

    fn delete_recording(&mut self, id: &str) -> Result<Response<Bytes>, Refusal> {
        let id = id.parse().map_err(|_| missing())?;
        let (call, tape) = self.tape(id).ok_or_else(missing)?;
        let shown = ok(&self.recording_data(call, tape));
        let tapes = self.phones.recordings.remove(&id).and_then(|key| self.phones.calls.get_mut(&key));
        let mut tapes = tapes.into_iter().flat_map(|call| &mut call.tapes);
        if let Some(tape) = tapes.find(|tape| tape.id == id) {
            tape.deleted = true;
        }
        Ok(shown)
    }

    fn recording_data(&self, call: &Call, tape: &Tape) -> Value {
        let ended = tape.ended_at.unwrap_or(tape.started_at);
        let saved = instant(tape.saved_at.unwrap_or(ended));
        json!({
            "record_type": "recording",
            "id": tape.id,
            "call_control_id": call.control_id,
            "call_leg_id": call.leg_id,
            "call_session_id": call.session_id,
            "connection_id": call.order.connection_id,
            "channels": if tape.dual { "dual" } else { "single" },
            "source": "call",
            "status": "completed",
            "initiated_by": "StartCallRecordingAPI",
            "from": call.order.from,
            "to": call.order.to,
            "duration_millis": tape.length_ms(),
            "recording_started_at": instant(tape.started_at),
            "recording_ended_at": instant(ended),
            "created_at": saved,
            "updated_at": saved,
            "download_urls": self.recording_urls(call, tape),
        })
    }
}

fn fresh(at: Timestamp, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(at)).is_ok_and(|age| age < REMEMBERED)
}

fn number(ask: &Ask<'_>, name: &str) -> Option<usize> {
    ask.param(name)?.parse().ok()
}

/// Whether a call passes the filters that name calls.
fn is_asked(call: &Call, ask: &Ask<'_>) -> bool {
    let fits = |name: &str, ours: &str| ask.param(&format!("filter[{name}]")).is_none_or(|wanted| wanted == ours);
    let status = match (call.answered_at, call.alive()) {
        (_, false) => "completed",
        (None, true) => "init",
        (Some(_), true) => "in_progress",
    };
    fits("leg_id", &call.leg_id.to_string())
        && fits("call_leg_id", &call.leg_id.to_string())
        && fits("application_session_id", &call.session_id.to_string())
        && fits("call_session_id", &call.session_id.to_string())
        && fits("call_control_id", &call.control_id)
        && fits("connection_id", &call.order.connection_id)
        && fits("from", &call.order.from)
        && fits("to", &call.order.to)
        && fits("status", status)
}

/// Whether an instant passes a filter with bounds.
fn within(ask: &Ask<'_>, field: &str, at: Timestamp) -> bool {
    let holds = |bound: &str, test: fn(&Timestamp, &Timestamp) -> bool| {
        let limit = ask.param(&format!("filter[{field}][{bound}]")).and_then(|limit| limit.parse::<Timestamp>().ok());
        limit.is_none_or(|limit| test(&at, &limit))
    };
    holds("gte", Timestamp::ge)
        && holds("gt", Timestamp::gt)
        && holds("lte", Timestamp::le)
        && holds("lt", Timestamp::lt)
        && holds("eq", Timestamp::eq)
}

/// One page of a list that is paged by number.
fn paged<T>(ask: &Ask<'_>, all: &[T], show: impl FnMut(&T) -> Value) -> Response<Bytes> {
    let size = number(ask, "page[size]").or_else(|| number(ask, "page[limit]")).unwrap_or(20).clamp(1, 250);
    let page = number(ask, "page[number]").unwrap_or(1).max(1);
    let data: Vec<_> = all.iter().skip((page - 1).saturating_mul(size)).take(size).map(show).collect();
    let (pages, total) = (all.len().div_ceil(size), all.len());
    let meta = json!({"page_number": page, "page_size": size, "total_pages": pages, "total_results": total});
    answer(200, &json!({"data": data, "meta": meta}))
}
