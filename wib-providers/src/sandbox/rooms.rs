//! Legs that have to do with each other: joined two by two, in conferences, watched, waiting in queues.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;
use wib_core::kit::time::Timestamp;

use super::{
    Sandbox,
    network::{BY_CALLER, Call, CallStep, Link, Network, What},
    scripts::Side,
    world::{KEPT, Step, World},
};

/// How long the sound is that a callee hears before being joined.
const WHISPER_MS: u64 = 2_000;

/// What somebody may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    Party,
    Monitor,
    Whisper,
    Barge,
}

/// What happens in a conference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoomEvent {
    Created,
    Ended(&'static str),
    Joined,
    Left,
    /// For everybody, or for this leg.
    SpeakStarted(bool),
    SpeakEnded(bool),
    /// The same, with the note of its address on the leg that tells.
    PlaybackStarted(bool, usize),
    PlaybackEnded(bool, usize),
}

/// A conference.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) opener: u64,
    pub(crate) opened_at: Timestamp,
    pub(crate) ended: Option<&'static str>,
    pub(crate) members: BTreeMap<u64, Seat>,
    pub(crate) most: usize,
    /// Commands by their `command_id`, for as long as it is remembered.
    pub(crate) commands: BTreeMap<String, Timestamp>,
}

/// How a leg sits in a conference.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) id: Uuid,
    pub(crate) role: Role,
    pub(crate) whispers_to: BTreeSet<u64>,
    pub(crate) muted: bool,
    pub(crate) on_hold: bool,
    /// The conference ends when it leaves.
    pub(crate) ends: bool,
    pub(crate) joined_at: Timestamp,
}
impl Seat {
    /// Whether that one hears it.
    fn is_heard_by(&self, listener: u64) -> bool {
        !self.muted
            && !self.on_hold
            && match self.role {
                Role::Monitor => false,
                Role::Whisper => self.whispers_to.contains(&listener),
                Role::Party | Role::Barge => true,
            }
    }
}

/// A place in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) name: String,
    pub(crate) since: Timestamp,
    pub(crate) round: u32,
}

/// That one leg heard the person on another, since when and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hearing {
    listener: u64,
    speaker: u64,
    from: Timestamp,
    to: Option<Timestamp>,
}

impl Network {
    /// A leg that is up.
    fn call(&mut self, key: u64) -> Option<&mut Call> {
        self.calls.get_mut(&key).filter(|call| call.alive())
    }

    /// Whom a leg hears or heard, since when and until when.
    pub(super) fn heard_by(&self, listener: u64) -> impl Iterator<Item = (u64, Timestamp, Option<Timestamp>)> {
        let heard = self.hearings.iter().filter(move |hearing| hearing.listener == listener);
        heard.map(|hearing| (hearing.speaker, hearing.from, hearing.to))
    }

    /// Who hears whom, as things stand.
    fn heard_now(&self) -> BTreeSet<(u64, u64)> {
        let mut pairs = BTreeSet::new();
        for key in &self.joined {
            let Some(call) = self.calls.get(key).filter(|call| call.alive()) else { continue };
            if let Some(peer) = call.peer {
                pairs.extend([(*key, peer), (peer, *key)]);
            }
            if let Some(room) = call.room.and_then(|id| self.rooms.get(&id)) {
                let listens = room.members.get(key).is_some_and(|seat| !seat.on_hold);
                let speakers = room.members.iter().filter(|(other, _)| *other != key);
                let heard = speakers.filter(|(_, seat)| listens && seat.is_heard_by(*key));
                pairs.extend(heard.map(|(speaker, _)| (*key, *speaker)));
            }
            if let Some((watched, role)) = call.watches {
                let peer = self.calls.get(&watched).and_then(|watched| watched.peer);
                for party in [Some(watched), peer].into_iter().flatten() {
                    pairs.insert((*key, party));
                    // A whisper is heard by the leg that is watched, not by the one it is joined with.
                    if role == Role::Barge || role == Role::Whisper && party == watched {
                        pairs.insert((party, *key));
                    }
                }
            }
        }
        pairs
    }
}

impl World {
    /// A leg was answered that has to do with others.
    pub(super) fn answered(&mut self, key: u64, link: &Link) {
        if let (Some(watches), Some(call)) = (link.watches, self.phones.call(key)) {
            call.watches = Some(watches);
            self.phones.joined.insert(key);
            self.rewire();
        }
        match link.joins {
            Some(other) if link.whisper => self.plan(WHISPER_MS, Step::Call(key, CallStep::Join(other))),
            Some(other) => self.join(key, other, false),
            None => {}
        }
    }

    /// Joins two legs that are up. Whoever was joined with either is let go; who waited or conferred does so no more.
    pub(crate) fn join(&mut self, key: u64, other: u64, parks: bool) {
        let up = |world: &mut Self, key| world.phones.call(key).is_some_and(|call| call.answered_at.is_some());
        if key == other || !up(self, key) || !up(self, other) {
            return;
        }
        for (one, with) in [(key, other), (other, key)] {
            if self.phones.calls.get(&one).is_some_and(|call| call.peer != Some(with)) {
                self.let_go(one);
            }
            self.leave_queue(one, "bridged");
            self.leave_room(one);
        }
        for (one, with) in [(key, other), (other, key)] {
            if let Some(call) = self.phones.call(one) {
                call.peer = Some(with);
                call.parks |= parks && one == key;
            }
            self.phones.joined.insert(one);
        }
        self.rewire();
        self.happens(key, What::Bridged);
        self.happens(other, What::Bridged);
    }

    /// Parts a leg from the one it is joined with; that one ends, unless it is to stay.
    fn let_go(&mut self, key: u64) {
        let Some(peer) = self.phones.calls.get_mut(&key).and_then(|call| call.peer.take()) else { return };
        let Some(call) = self.phones.calls.get_mut(&peer) else { return };
        call.peer = None;
        if !std::mem::take(&mut call.parks) {
            self.end(peer, BY_CALLER);
        }
    }

    /// A leg has ended: it has to do with nobody any more.
    pub(super) fn part(&mut self, key: u64) {
        self.leave_queue(key, "hangup");
        self.leave_room(key);
        self.let_go(key);
        if self.phones.joined.remove(&key) {
            self.rewire();
        }
    }

    /// Gives a leg that watches another role; whether it watches.
    pub(crate) fn switch_role(&mut self, key: u64, role: Role) -> bool {
        let Some((_, held)) = self.phones.call(key).and_then(|call| call.watches.as_mut()) else { return false };
        *held = role;
        self.rewire();
        true
    }

    /// Writes down who hears whom from now on.
    pub(crate) fn rewire(&mut self) {
        let mut heard = self.phones.heard_now();
        for hearing in self.phones.hearings.iter_mut().filter(|hearing| hearing.to.is_none()) {
            if !heard.remove(&(hearing.listener, hearing.speaker)) {
                hearing.to = Some(self.now);
            }
        }
        let from = self.now;
        let new = heard.into_iter().map(|(listener, speaker)| Hearing { listener, speaker, from, to: None });
        self.phones.hearings.extend(new);
        while self.phones.hearings.len() > KEPT {
            self.phones.hearings.pop_front();
        }
    }

    /// Has a leg wait, unless so many do.
    pub(crate) fn enqueue(&mut self, key: u64, name: &str, most: usize, limit_seconds: Option<u64>) -> bool {
        self.leave_queue(key, "leave");
        let since = self.now;
        let line = self.phones.queues.entry(name.to_owned()).or_default();
        if line.len() >= most {
            return false;
        }
        line.push_back(key);
        let position = line.len();
        let Some(call) = self.phones.call(key) else { return false };
        let note = call.note(name);
        // No note is made twice, so its number names the wait.
        let round = u32::try_from(note).unwrap_or(u32::MAX);
        call.queued = Some(Queued { name: name.to_owned(), since, round });
        self.happens(key, What::Enqueued(note, position));
        if let Some(seconds) = limit_seconds {
            self.plan(seconds.saturating_mul(1_000), Step::Call(key, CallStep::QueueLate(round)));
        }
        true
    }

    /// Takes a leg out of its queue; whether it was in one.
    pub(crate) fn leave_queue(&mut self, key: u64, reason: &'static str) -> bool {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return false };
        let Some(queued) = call.queued.take() else { return false };
        let note = call.note(queued.name.clone());
        let line = self.phones.queues.entry(queued.name).or_default();
        let position = line.iter().position(|waits| *waits == key).unwrap_or(0);
        line.retain(|waits| *waits != key);
        let waited = now.duration_since(queued.since).as_secs();
        self.happens(key, What::Dequeued(note, position + 1, reason, waited));
        true
    }

    /// Opens a conference with a leg in it.
    pub(crate) fn open_room(&mut self, key: u64, name: &str, most: usize) -> Option<Uuid> {
        let now = self.now;
        let id = self.phones.call(key)?.chance.uuid();
        let room = Room {
            name: name.to_owned(),
            opener: key,
            opened_at: now,
            ended: None,
            members: BTreeMap::new(),
            most,
            commands: BTreeMap::new(),
        };
        self.phones.rooms.insert(id, room);
        let over = |rooms: &BTreeMap<Uuid, Room>| {
            let ended = rooms.iter().filter(|(_, room)| room.ended.is_some());
            ended.min_by_key(|(id, room)| (room.opened_at, **id)).map(|(id, _)| *id)
        };
        while self.phones.rooms.len() > KEPT {
            let Some(oldest) = over(&self.phones.rooms) else { break };
            self.phones.rooms.remove(&oldest);
        }
        self.happens(key, What::Conference(id, RoomEvent::Created));
        Some(id)
    }

    /// Takes a leg into a conference, out of whatever else it was in.
    pub(crate) fn enter_room(&mut self, key: u64, id: Uuid, seat: Seat) {
        self.leave_queue(key, "leave");
        self.leave_room(key);
        // In a conference the two can still hear each other; joined two by two they are no more.
        if let Some(peer) = self.phones.calls.get_mut(&key).and_then(|call| call.peer.take())
            && let Some(call) = self.phones.calls.get_mut(&peer)
        {
            call.peer = None;
            call.parks = false;
        }
        let (Some(room), Some(call)) = (self.phones.rooms.get_mut(&id), self.phones.calls.get_mut(&key)) else {
            return;
        };
        room.members.insert(key, seat);
        call.room = Some(id);
        self.phones.joined.insert(key);
        self.rewire();
        self.happens(key, What::Conference(id, RoomEvent::Joined));
    }

    /// Lets a leg out of its conference, which ends when nobody is left in it or this was whom it needed.
    pub(crate) fn leave_room(&mut self, key: u64) {
        let Some(id) = self.phones.calls.get_mut(&key).and_then(|call| call.room.take()) else { return };
        let Some(room) = self.phones.rooms.get_mut(&id) else { return };
        let needed = room.members.remove(&key).is_some_and(|seat| seat.ends);
        let empty = room.members.is_empty();
        self.rewire();
        self.happens(key, What::Conference(id, RoomEvent::Left));
        if needed || empty {
            self.end_room(id, if needed { "host_left" } else { "all_left" });
        }
    }

    /// Ends a conference, and every leg that is in it.
    pub(crate) fn end_room(&mut self, id: Uuid, reason: &'static str) {
        let Some(room) = self.phones.rooms.get_mut(&id).filter(|room| room.ended.is_none()) else { return };
        room.ended = Some(reason);
        let (opener, members) = (room.opener, std::mem::take(&mut room.members));
        for key in members.into_keys() {
            if let Some(call) = self.phones.calls.get_mut(&key) {
                call.room = None;
            }
            self.happens(key, What::Conference(id, RoomEvent::Left));
            self.end(key, BY_CALLER);
        }
        self.rewire();
        self.happens(opener, What::Conference(id, RoomEvent::Ended(reason)));
    }
}

impl Sandbox {
    /// What a leg, by its control id, heard of the people on other legs, oldest first: in a call of two, in a
    /// conference, as a supervisor. A line counts once it is said to its end, if it was heard from its beginning.
    #[must_use]
    pub fn heard(&self, control_id: &str) -> Vec<String> {
        let now = self.0.clock.now();
        let mut world = self.world();
        world.settle(now);
        let Some(listener) = world.phones.by_control_id.get(control_id) else { return Vec::new() };
        let (now, calls) = (world.now, &world.phones.calls);
        let mut heard = Vec::new();
        for hearing in world.phones.hearings.iter().filter(|hearing| hearing.listener == *listener) {
            let Some(speaker) = calls.get(&hearing.speaker) else { continue };
            let until = hearing.to.unwrap_or(now).min(speaker.ended_at.unwrap_or(now)).min(now);
            let own = speaker.said.iter().filter(|said| said.side == Side::Customer);
            heard.extend(own.filter(|said| said.start >= hearing.from && said.end <= until));
        }
        heard.sort_by_key(|said| said.start);
        heard.into_iter().map(|said| said.text.clone()).collect()
    }

    /// Who waits in a queue, by control id, the next first.
    #[must_use]
    pub fn waiting(&self, queue: &str) -> Vec<String> {
        let world = self.world();
        let line = world.phones.queues.get(queue).into_iter().flat_map(VecDeque::iter);
        line.filter_map(|key| world.phones.calls.get(key)).map(|call| call.control_id.clone()).collect()
    }
}
