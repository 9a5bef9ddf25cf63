//! Conferences and queues, as Telnyx has them on the wire.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Refusal, commands::times, flag, fresh, invalid, missing, need, ok, paged, refuse, state};
use crate::sandbox::{
    network::{Call, CallStep, What},
    rooms::{Role, Room, RoomEvent, Seat},
    scripts::{self, Side},
    wire::{Ask, instant, text},
    world::{Step, World},
};

/// How long a sound is.
const SOUND_MS: u64 = 3_000;

/// The name of the operation, as faults know it.
pub(super) fn operation(method: &str, path: &[&str]) -> &'static str {
    match (method, path) {
        ("POST", []) => "open_conference",
        ("GET", []) => "conferences",
        ("GET", [_]) => "conference",
        ("GET", [_, "participants"]) => "participants",
        ("POST", [_, "actions", _]) => "conference_command",
        _ => "unknown",
    }
}

/// Answers a request about conferences.
pub(super) fn respond(
    world: &mut World,
    ask: &Ask<'_>,
    path: &[&str],
    body: &Value,
) -> Result<Response<Bytes>, Refusal> {
    match (ask.route().0, path) {
        ("POST", []) => world.open_conference(body),
        ("GET", []) => {
            let fits = |room: &Room| {
                ask.param("filter[name]").is_none_or(|name| name == room.name)
                    && ask.param("filter[status]").is_none_or(|status| status == status_of(room))
            };
            let mut rooms: Vec<_> = world.phones.rooms.iter().filter(|(_, room)| fits(room)).collect();
            rooms.sort_by_key(|(id, room)| (room.opened_at, **id));
            Ok(paged(ask, &rooms, |(id, room)| world.conference(**id, room)))
        }
        ("GET", [id]) => {
            let (id, room) = world.room(id)?;
            Ok(ok(&world.conference(id, room)))
        }
        ("GET", [id, "participants"]) => {
            let (id, room) = world.room(id)?;
            let members: Vec<_> = room.members.iter().collect();
            Ok(paged(ask, &members, |(key, seat)| world.participant(id, room, **key, seat)))
        }
        ("POST", [id, "actions", action]) => world.conference_command(id, action, body),
        _ => Err(missing()),
    }
}

/// Answers a request about a queue.
pub(super) fn queue(world: &World, ask: &Ask<'_>, path: &[&str]) -> Result<Response<Bytes>, Refusal> {
    let (name, rest) = path.split_first().ok_or_else(missing)?;
    let line = world.phones.queues.get(*name).ok_or_else(missing)?;
    let waiting = line.iter().zip(1u64..).filter_map(|(key, place)| Some((place, world.phones.calls.get(key)?)));
    let waiting: Vec<_> = waiting.collect();
    match rest {
        [] => {
            let now = instant(world.now);
            Ok(ok(&json!({
                "record_type": "queue", "id": queue_id(name), "name": name, "current_size": waiting.len(),
                "max_size": 100, "average_wait_time_secs": 0, "created_at": now, "updated_at": now,
            })))
        }
        ["calls"] => Ok(paged(ask, &waiting, |(place, call)| queued(world, name, *place, call))),
        ["calls", id] => {
            let found = waiting.iter().find(|(_, call)| call.control_id == *id).ok_or_else(missing)?;
            Ok(ok(&queued(world, name, found.0, found.1)))
        }
        _ => Err(missing()),
    }
}

fn queue_id(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(byte, letter)| *byte = letter);
    Uuid::from_bytes(bytes)
}

fn queued(world: &World, name: &str, place: u64, call: &Call) -> Value {
    let since = call.queued.as_ref().map_or(world.now, |queued| queued.since);
    json!({
        "record_type": "queue_call",
        "call_control_id": call.control_id,
        "call_leg_id": call.leg_id,
        "call_session_id": call.session_id,
        "connection_id": call.order.connection_id,
        "enqueued_at": instant(since),
        "from": call.order.from,
        "to": call.order.to,
        "is_alive": call.alive(),
        "queue_id": queue_id(name),
        "queue_position": place,
        "wait_time_secs": world.now.duration_since(since).as_secs(),
    })
}

fn status_of(room: &Room) -> &'static str {
    if room.ended.is_some() { "completed" } else { "in_progress" }
}

fn over() -> Refusal {
    refuse(422, "90019", "Conference has already ended", "This conference can't receive commands.", None)
}

impl World {
    fn conference(&self, id: Uuid, room: &Room) -> Value {
        let opener = self.phones.calls.get(&room.opener);
        let opened = instant(room.opened_at);
        let mut data = json!({
            "record_type": "conference",
            "id": id,
            "name": room.name,
            "created_at": opened,
            "updated_at": opened,
            "expires_at": instant(wib_core::kit::time::after(room.opened_at, std::time::Duration::from_secs(14_400))),
            "status": status_of(room),
            "connection_id": opener.map(|opener| opener.order.connection_id.as_str()).unwrap_or_default(),
        });
        if let Some(reason) = room.ended {
            data["end_reason"] = json!(reason);
        }
        data
    }

    fn participant(&self, id: Uuid, room: &Room, key: u64, seat: &Seat) -> Value {
        let call = self.phones.calls.get(&key);
        let control_id = |key: &u64| self.phones.calls.get(key).map(|call| call.control_id.clone());
        let joined = instant(seat.joined_at);
        json!({
            "record_type": "participant",
            "id": seat.id,
            "call_control_id": call.map(|call| call.control_id.as_str()).unwrap_or_default(),
            "call_leg_id": call.map(|call| call.leg_id.to_string()).unwrap_or_default(),
            "conference": {"id": id, "name": room.name},
            "created_at": joined,
            "updated_at": joined,
            "end_conference_on_exit": seat.ends,
            "soft_end_conference_on_exit": false,
            "muted": seat.muted || seat.role == Role::Monitor,
            "on_hold": seat.on_hold,
            "status": "joined",
            "whisper_call_control_ids": seat.whispers_to.iter().filter_map(control_id).collect::<Vec<_>>(),
        })
    }

    /// A conference by its id, or one that goes on by its name.
    fn room(&self, id: &str) -> Result<(Uuid, &Room), Refusal> {
        let by_name = || self.phones.rooms.iter().find(|(_, room)| room.name == id && room.ended.is_none());
        let by_id = id.parse::<Uuid>().ok().and_then(|id| self.phones.rooms.get_key_value(&id));
        by_id.or_else(by_name).map(|(id, room)| (*id, room)).ok_or_else(missing)
    }

    /// A leg that is up, by the field that names it.
    fn party(&self, id: &str) -> Result<u64, Refusal> {
        let (key, call) = self.call(id)?;
        match (call.alive(), call.answered_at) {
            (true, Some(_)) => Ok(key),
            (true, None) => {
                let detail = "This call can't receive this command because the call has not been answered yet.";
                Err(refuse(422, "90034", "Call has not been answered yet", detail, None))
            }
            (false, _) => Err(refuse(422, "90018", "Call has already ended", "The call is no longer active.", None)),
        }
    }

    fn open_conference(&mut self, body: &Value) -> Result<Response<Bytes>, Refusal> {
        let name = need(body, "name")?;
        let key = self.party(need(body, "call_control_id")?)?;
        if self.phones.rooms.values().any(|room| room.name == name && room.ended.is_none()) {
            let detail = "A conference of that name goes on.";
            return Err(refuse(422, "90020", "Conference name is taken", detail, Some("/name")));
        }
        let state = state(body)?;
        let most = usize::try_from(body["max_participants"].as_u64().unwrap_or(800)).unwrap_or(800);
        let Some(call) = self.phones.calls.get_mut(&key) else { return Err(missing()) };
        if state.is_some() {
            call.client_state = state;
        }
        let id = self.open_room(key, name, most).ok_or_else(missing)?;
        let seat = self.seat(key, &json!({}))?;
        self.enter_room(key, id, seat);
        let (id, room) = self.room(&id.to_string())?;
        Ok(ok(&self.conference(id, room)))
    }

    fn seat(&mut self, key: u64, body: &Value) -> Result<Seat, Refusal> {
        let (role, whispers_to) = self.role(body)?;
        let joined_at = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return Err(missing()) };
        Ok(Seat {
            id: call.chance.uuid(),
            role,
            whispers_to,
            muted: flag(body, "mute"),
            on_hold: flag(body, "hold"),
            ends: flag(body, "end_conference_on_exit"),
            joined_at,
        })
    }

    fn role(&self, body: &Value) -> Result<(Role, BTreeSet<u64>), Refusal> {
        let whispers_to = self.named(body, "whisper_call_control_ids")?;
        Ok(match text(body, "supervisor_role").unwrap_or("none") {
            "none" => (Role::Party, BTreeSet::new()),
            "barge" => (Role::Barge, BTreeSet::new()),
            "whisper" if !whispers_to.is_empty() => (Role::Whisper, whispers_to),
            // Nobody to whisper to: a monitor.
            "monitor" | "whisper" => (Role::Monitor, BTreeSet::new()),
            _ => return Err(invalid("/supervisor_role", "No such role.")),
        })
    }

    fn named(&self, body: &Value, field: &str) -> Result<BTreeSet<u64>, Refusal> {
        let ids = body[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        ids.map(|id| self.call(id).map(|(key, _)| key)).collect()
    }

    fn conference_command(&mut self, id: &str, action: &str, body: &Value) -> Result<Response<Bytes>, Refusal> {
        let (id, room) = self.room(id)?;
        let done = ok(&json!({"result": "ok"}));
        let now = self.now;
        let key = text(body, "command_id");
        if key.and_then(|key| room.commands.get(key)).is_some_and(|at| fresh(*at, now)) {
            return Ok(done);
        }
        if room.ended.is_some() {
            return Err(over());
        }
        let full = room.members.len() >= room.most;
        let wanted = self.named(body, "call_control_ids")?;
        match action {
            "join" => {
                let leg = self.party(need(body, "call_control_id")?)?;
                if full {
                    return Err(refuse(422, "90021", "Conference is full", "No more participants are taken.", None));
                }
                let (seat, state) = (self.seat(leg, body)?, state(body)?);
                if let Some(call) = self.phones.calls.get_mut(&leg).filter(|_| state.is_some()) {
                    call.client_state = state;
                }
                self.enter_room(leg, id, seat);
            }
            "leave" => {
                let leg = self.member(id, body)?;
                self.leave_room(leg);
            }
            "update" => {
                need(body, "supervisor_role")?;
                let leg = self.member(id, body)?;
                let (role, whispers_to) = self.role(body)?;
                self.reseat(id, &[leg].into(), |seat| {
                    seat.role = role;
                    seat.whispers_to.clone_from(&whispers_to);
                });
            }
            "hold" => self.reseat(id, &wanted, |seat| seat.on_hold = true),
            "unhold" if wanted.is_empty() => return Err(need(body, "call_control_ids").err().unwrap_or_else(missing)),
            "unhold" => self.reseat(id, &wanted, |seat| seat.on_hold = false),
            "mute" => self.reseat(id, &wanted, |seat| seat.muted = true),
            "unmute" => self.reseat(id, &wanted, |seat| seat.muted = false),
            "speak" => {
                need(body, "voice")?;
                let words = need(body, "payload")?.to_owned();
                self.tell(id, &wanted, scripts::duration_ms(&words), Some(&words), None);
            }
            "play" => {
                let url = need(body, "audio_url")?.to_owned();
                let ms = times(body).map_or(u64::MAX, |times| SOUND_MS.saturating_mul(times));
                self.tell(id, &wanted, ms, None, Some(&url));
            }
            // What is played has an end of its own here.
            "stop" => {}
            "end" => self.end_room(id, "ended_via_api"),
            _ => return Err(missing()),
        }
        if let (Some(key), Some(room)) = (key, self.phones.rooms.get_mut(&id)) {
            room.commands.retain(|_, at| fresh(*at, now));
            room.commands.insert(key.to_owned(), now);
        }
        Ok(done)
    }

    /// The participant that a command names.
    fn member(&self, id: Uuid, body: &Value) -> Result<u64, Refusal> {
        let (key, call) = self.call(need(body, "call_control_id")?)?;
        let gone = || refuse(422, "90018", "Call has already ended", "The call is not in the conference.", None);
        if call.room == Some(id) { Ok(key) } else { Err(gone()) }
    }

    /// Changes how these participants sit; none named means all.
    fn reseat(&mut self, id: Uuid, wanted: &BTreeSet<u64>, change: impl Fn(&mut Seat)) {
        let seats = self.phones.rooms.get_mut(&id).into_iter().flat_map(|room| &mut room.members);
        seats.filter(|(key, _)| wanted.is_empty() || wanted.contains(key)).for_each(|(_, seat)| change(seat));
        self.rewire();
    }

    /// Speaks or plays to these participants; none named means all, and is told once.
    fn tell(&mut self, id: Uuid, wanted: &BTreeSet<u64>, ms: u64, words: Option<&str>, url: Option<&str>) {
        let Some(room) = self.phones.rooms.get(&id) else { return };
        let all = wanted.is_empty();
        let hear: Vec<u64> = room.members.keys().filter(|key| all || wanted.contains(key)).copied().collect();
        let tell = if all { vec![room.opener] } else { hear.clone() };
        for key in hear {
            if let (Some(words), Some(call)) = (words, self.phones.calls.get_mut(&key)) {
                call.say(Side::Agent, self.now, words.to_owned());
            }
        }
        for key in tell {
            let Some(call) = self.phones.calls.get_mut(&key) else { continue };
            let (start, end) = match url {
                None => (RoomEvent::SpeakStarted(all), RoomEvent::SpeakEnded(all)),
                Some(url) => {
                    let note = call.note(url);
                    (RoomEvent::PlaybackStarted(all, note), RoomEvent::PlaybackEnded(all, note))
                }
            };
            self.plan(120, Step::Call(key, CallStep::Tell(What::Conference(id, start))));
            if ms < u64::MAX {
                self.plan(120 + ms, Step::Call(key, CallStep::Tell(What::Conference(id, end))));
            }
        }
    }
}
