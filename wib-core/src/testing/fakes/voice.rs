//! Phone calls without a network.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    kit::{Clock, Phone, time::Timestamp},
    ports::{
        Fault, Sent, VendorError, Voice,
        voice::{
            Command, Conference, ConferenceCommand, ConferenceEvent, ConferenceOrder, DequeueReason, Destination, Dial,
            Direction, Ending, Gather, GatherEnding, HangupCause, Inspection, Keys, Leg, OpenConference, Order,
            Participant, Playback, Queued, Record, Rejection, Repeat, Role, Seat, Spoken, Tracks, VendorRecording,
            VoiceEvent, VoiceEventKind,
        },
    },
};

/// A network of phones in memory: every call that is placed is answered when time [passes](FakeVoice::pass), who is asked
/// for keys presses `1`, `2`, `3`.., but for softphones, which press none.
#[derive(Debug)]
pub struct FakeVoice {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    legs: BTreeMap<String, Line>,
    rooms: BTreeMap<String, Room>,
    queues: BTreeMap<String, Vec<String>>,
    told: Vec<VoiceEvent>,
    orders: Vec<(Leg, Order)>,
    drawn: u64,
}

/// A leg.
#[derive(Debug, Default)]
struct Line {
    leg: Leg,
    from: String,
    to: String,
    tag: Option<String>,
    placed_at: Option<Timestamp>,
    incoming: bool,
    answered: bool,
    ended: bool,
    joins: Option<String>,
    peer: Option<String>,
    parks: bool,
    watches: bool,
    queue: Option<(String, Timestamp)>,
    recording: Option<Timestamp>,
    speaking: u32,
    /// Sounds with an end, and without.
    playing: (u32, u32),
    gather: Option<Gather>,
    streams: bool,
    forks: bool,
    transcribes: Option<Tracks>,
    keys: BTreeSet<String>,
    events: Vec<VoiceEvent>,
}

#[derive(Debug)]
struct Room {
    conference: Conference,
    opener: String,
    seats: BTreeMap<String, Seat>,
    over: bool,
    keys: BTreeSet<String>,
}

fn refused(fault: Fault, why: &str) -> VendorError {
    VendorError::new("fake", fault, Sent::Refused, why)
}

impl FakeVoice {
    /// A network in which nothing has happened.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }
    /// Somebody calls us.
    pub fn ring(&self, from: &Phone, to: &Phone) -> Leg {
        let line = Line { from: from.to_string(), to: to.to_string(), incoming: true, ..Line::default() };
        self.place(line)
    }
    /// What was under way comes about; all that was told since is given.
    pub fn pass(&self) -> Vec<VoiceEvent> {
        let now = self.clock.now();
        let mut state = self.state();
        let ids: Vec<_> = state.legs.keys().cloned().collect();
        for id in ids {
            state.settle(&id, now);
        }
        std::mem::take(&mut state.told)
    }
    /// The far end hangs up.
    pub fn far_end_hangs_up(&self, leg: &Leg) {
        let now = self.clock.now();
        if let Some(id) = &leg.control_id {
            self.state().end(id, HangupCause::Normal, now);
        }
    }
    /// Every order to a leg that was taken, oldest first.
    #[must_use]
    pub fn orders(&self) -> Vec<(Leg, Order)> {
        self.state().orders.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn place(&self, line: Line) -> Leg {
        let now = self.clock.now();
        self.state().place(line, now)
    }
}

impl State {
    fn draw(&mut self, what: &str) -> String {
        self.drawn += 1;
        format!("{what}-{}", self.drawn)
    }
    fn place(&mut self, mut line: Line, now: Timestamp) -> Leg {
        let id = self.draw("leg");
        let session = line.leg.session_id.take().unwrap_or_else(|| format!("session-{id}"));
        line.leg = Leg { control_id: Some(id.clone()), leg_id: Some(format!("id-{id}")), session_id: Some(session) };
        line.placed_at = Some(now);
        let (leg, direction) = (line.leg.clone(), if line.incoming { Direction::Inbound } else { Direction::Outbound });
        let (from, to) = (line.from.clone(), line.to.clone());
        self.legs.insert(id.clone(), line);
        self.tell(&id, now, VoiceEventKind::Initiated { direction, from, to });
        leg
    }
    fn tell(&mut self, id: &str, at: Timestamp, what: VoiceEventKind) {
        let event_id = self.draw("event");
        let Some(line) = self.legs.get_mut(id) else { return };
        let event = VoiceEvent { id: event_id, leg: line.leg.clone(), at, tag: line.tag.clone(), what };
        line.events.push(event.clone());
        self.told.push(event);
    }
    fn in_room(&mut self, id: &str, room: &str, at: Timestamp, what: ConferenceEvent) {
        self.tell(id, at, VoiceEventKind::Conference { id: room.to_owned(), what });
    }
    /// A leg that is up.
    fn up(&mut self, leg: &Leg) -> Result<(String, &mut Line), VendorError> {
        let id = leg.control_id.clone().ok_or_else(|| refused(Fault::Request, "the leg has no name"))?;
        match self.legs.get_mut(&id).filter(|line| !line.ended) {
            Some(line) => Ok((id, line)),
            None => Err(refused(Fault::Missing, "the leg is gone")),
        }
    }
    fn talking(&mut self, leg: &Leg) -> Result<String, VendorError> {
        let (id, line) = self.up(leg)?;
        if line.answered { Ok(id) } else { Err(refused(Fault::Request, "the leg is not answered yet")) }
    }

    /// What is under way on a leg comes about.
    fn settle(&mut self, id: &str, now: Timestamp) {
        let Some(line) = self.legs.get_mut(id).filter(|line| !line.ended) else { return };
        if !line.answered && !line.incoming {
            line.answered = true;
            let joins = line.joins.take();
            self.tell(id, now, VoiceEventKind::Answered);
            if let Some(other) = joins {
                self.join(id, &other, false, now);
            }
        }
        let Some(line) = self.legs.get_mut(id) else { return };
        let (spoken, played) = (std::mem::take(&mut line.speaking), std::mem::take(&mut line.playing.0));
        let (gather, softphone) = (line.gather.take(), line.to.starts_with("sip"));
        let heard = line.transcribes.filter(|_| line.answered);
        for _ in 0..spoken {
            self.tell(id, now, VoiceEventKind::SpeakEnded);
        }
        for _ in 0..played {
            self.tell(id, now, VoiceEventKind::PlaybackEnded { how: Ending::Whole });
        }
        if let Some(gather) = gather {
            let pressed: String = "1234567890".chars().cycle().take(gather.min as usize).collect();
            let keys = Keys::try_from(pressed).ok().filter(|_| !softphone);
            let how = if keys.is_some() { GatherEnding::Valid } else { GatherEnding::Timeout };
            self.tell(id, now, VoiceEventKind::GatherEnded { keys, how });
        }
        if let Some(tracks) = heard {
            let track = if tracks == Tracks::Outbound { Tracks::Outbound } else { Tracks::Inbound };
            let words = Some(Spoken::from("Hello?".to_owned()));
            self.tell(id, now, VoiceEventKind::Heard { words, track, last: true, confidence: None });
        }
    }

    fn join(&mut self, id: &str, other: &str, parks: bool, now: Timestamp) {
        for (one, with) in [(id, other), (other, id)] {
            if self.legs.get(one).is_some_and(|line| line.peer.as_deref() != Some(with)) {
                self.let_go(one, now);
            }
            self.leave_queue(one, DequeueReason::Bridged, now);
            self.leave_room(one, now);
        }
        for (one, with) in [(id, other), (other, id)] {
            if let Some(line) = self.legs.get_mut(one) {
                line.peer = Some(with.to_owned());
                line.parks |= parks && one == id;
            }
            self.tell(one, now, VoiceEventKind::Bridged);
        }
    }
    fn let_go(&mut self, id: &str, now: Timestamp) {
        let Some(peer) = self.legs.get_mut(id).and_then(|line| line.peer.take()) else { return };
        let Some(line) = self.legs.get_mut(&peer) else { return };
        line.peer = None;
        if !std::mem::take(&mut line.parks) {
            self.end(&peer, HangupCause::Normal, now);
        }
    }
    fn leave_queue(&mut self, id: &str, reason: DequeueReason, now: Timestamp) -> bool {
        let Some((queue, since)) = self.legs.get_mut(id).and_then(|line| line.queue.take()) else { return false };
        self.queues.entry(queue.clone()).or_default().retain(|waits| waits != id);
        let waited_seconds = u32::try_from(now.duration_since(since).as_secs()).ok();
        self.tell(id, now, VoiceEventKind::Dequeued { queue, reason, waited_seconds });
        true
    }
    fn leave_room(&mut self, id: &str, now: Timestamp) {
        let sits = |(_, room): &(&String, &Room)| room.seats.contains_key(id);
        let Some(room_id) = self.rooms.iter().find(sits).map(|(room, _)| room.clone()) else { return };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let needed = room.seats.remove(id).is_some_and(|seat| seat.ends);
        let over = needed || room.seats.is_empty();
        self.in_room(id, &room_id, now, ConferenceEvent::Left);
        if over {
            self.end_room(&room_id, if needed { "host_left" } else { "all_left" }, now);
        }
    }
    fn end_room(&mut self, room_id: &str, reason: &str, now: Timestamp) {
        let Some(room) = self.rooms.get_mut(room_id).filter(|room| !room.over) else { return };
        room.over = true;
        let (opener, seats) = (room.opener.clone(), std::mem::take(&mut room.seats));
        for id in seats.into_keys() {
            self.in_room(&id, room_id, now, ConferenceEvent::Left);
            self.end(&id, HangupCause::Normal, now);
        }
        self.in_room(&opener, room_id, now, ConferenceEvent::Ended { reason: reason.to_owned() });
    }
    fn end(&mut self, id: &str, cause: HangupCause, now: Timestamp) {
        let Some(line) = self.legs.get_mut(id).filter(|line| !line.ended) else { return };
        line.ended = true;
        let (spoken, played) = (std::mem::take(&mut line.speaking), line.playing.0 + line.playing.1);
        line.playing = (0, 0);
        let (gathered, streamed) = (line.gather.take().is_some(), std::mem::take(&mut line.streams));
        let (forked, recorded) = (std::mem::take(&mut line.forks), line.recording.take());
        for _ in 0..spoken {
            self.tell(id, now, VoiceEventKind::SpeakCut);
        }
        for _ in 0..played {
            self.tell(id, now, VoiceEventKind::PlaybackEnded { how: Ending::Cut });
        }
        if gathered {
            self.tell(id, now, VoiceEventKind::GatherEnded { keys: None, how: GatherEnding::Hangup });
        }
        if streamed {
            self.tell(id, now, VoiceEventKind::StreamStopped);
        }
        if forked {
            self.tell(id, now, VoiceEventKind::ForkStopped);
        }
        if let Some(started) = recorded {
            self.saved(id, started, now);
        }
        self.tell(id, now, VoiceEventKind::Hangup { cause, vendor_cause: cause.as_str().to_owned() });
        self.leave_queue(id, DequeueReason::Hangup, now);
        self.leave_room(id, now);
        self.let_go(id, now);
    }
    fn saved(&mut self, id: &str, started: Timestamp, now: Timestamp) {
        let name = self.draw("recording");
        let recording = VendorRecording {
            url: format!("fake:{name}"),
            id: name,
            content_type: "audio/wav".to_owned(),
            channels: 2,
            started_at: Some(started),
            ended_at: Some(now),
        };
        self.tell(id, now, VoiceEventKind::RecordingSaved(recording));
    }

    fn steer(&mut self, leg: &Leg, order: &Order, now: Timestamp) -> Result<(), VendorError> {
        let (id, line) = match self.up(leg) {
            Err(gone) if gone.fault == Fault::Missing && order.command == Command::HangUp => return Ok(()),
            up => up?,
        };
        if line.keys.contains(&order.key) {
            return Ok(());
        }
        match &order.command {
            Command::Answer(_) | Command::Reject(_) if !line.incoming || line.answered => {
                return Err(refused(Fault::Request, "it does not ring at us"));
            }
            Command::HangUp | Command::Answer(_) | Command::Reject(_) => {}
            _ if !line.answered => return Err(refused(Fault::Request, "the leg is not answered yet")),
            Command::Record(what) if *what != Record::Start && line.recording.is_none() => {
                return Err(refused(Fault::Request, "it is not recorded"));
            }
            Command::LeaveQueue if line.queue.is_none() => return Err(refused(Fault::Request, "it is in no queue")),
            Command::SwitchRole(_) if !line.watches => return Err(refused(Fault::Request, "it supervises no other")),
            _ => {}
        }
        let other = match &order.command {
            Command::Bridge(bridge) => Some(self.talking(&bridge.with)?),
            _ => None,
        };
        if let Some(line) = self.legs.get_mut(&id) {
            line.keys.insert(order.key.clone());
            line.tag = order.tag.clone().or_else(|| line.tag.take());
        }
        self.orders.push((leg.clone(), order.clone()));
        self.obey(&id, &order.command, other.as_deref(), now)
    }

    fn obey(&mut self, id: &str, command: &Command, other: Option<&str>, now: Timestamp) -> Result<(), VendorError> {
        let Some(line) = self.legs.get_mut(id) else { return Ok(()) };
        match command {
            Command::Answer(answer) => {
                line.answered = true;
                line.transcribes = answer.transcribe.as_ref().map(|transcribe| transcribe.tracks);
                line.recording = answer.record.then_some(now);
                self.tell(id, now, VoiceEventKind::Answered);
            }
            Command::Reject(why) => {
                let busy = *why == Rejection::Busy;
                self.end(id, if busy { HangupCause::Busy } else { HangupCause::Rejected }, now);
            }
            Command::HangUp => {
                let cause = if line.answered { HangupCause::Normal } else { HangupCause::Canceled };
                self.end(id, cause, now);
            }
            Command::Bridge(bridge) => {
                if let Some(other) = other {
                    self.join(id, other, bridge.park, now);
                }
            }
            Command::Transfer(transfer) => {
                let shown = if line.incoming { &line.to } else { &line.from };
                let from = transfer.from.as_ref().map_or(shown.clone(), Phone::to_string);
                let new = Line {
                    leg: Leg { session_id: line.leg.session_id.clone(), ..Leg::default() },
                    from,
                    to: transfer.to.as_str().to_owned(),
                    tag: transfer.target_tag.clone(),
                    joins: Some(id.to_owned()),
                    ..Line::default()
                };
                line.parks |= transfer.park;
                self.place(new, now);
            }
            Command::Speak(_) => {
                line.speaking += 1;
                self.tell(id, now, VoiceEventKind::SpeakStarted);
            }
            Command::Play(Playback { repeat, .. }) => {
                let endless = *repeat == Repeat::Forever;
                line.playing =
                    if endless { (line.playing.0, line.playing.1 + 1) } else { (line.playing.0 + 1, line.playing.1) };
                self.tell(id, now, VoiceEventKind::PlaybackStarted);
            }
            Command::StopPlaying => {
                let (spoken, (some, endless)) = (std::mem::take(&mut line.speaking), std::mem::take(&mut line.playing));
                for _ in 0..some + endless {
                    self.tell(id, now, VoiceEventKind::PlaybackEnded { how: Ending::Cut });
                }
                for _ in 0..spoken {
                    self.tell(id, now, VoiceEventKind::SpeakCut);
                }
            }
            Command::Gather(gather) => line.gather = Some(gather.clone()),
            Command::StopGathering => {
                if line.gather.take().is_some() {
                    self.tell(id, now, VoiceEventKind::GatherEnded { keys: None, how: GatherEnding::Cancelled });
                }
            }
            Command::Record(Record::Start) => drop(line.recording.get_or_insert(now)),
            Command::Record(Record::Stop) => {
                if let Some(started) = line.recording.take() {
                    self.saved(id, started, now);
                }
            }
            Command::Stream(_) => {
                line.streams = true;
                self.tell(id, now, VoiceEventKind::StreamStarted);
            }
            Command::StopStreaming => {
                if std::mem::take(&mut line.streams) {
                    self.tell(id, now, VoiceEventKind::StreamStopped);
                }
            }
            Command::Fork(_) => {
                line.forks = true;
                self.tell(id, now, VoiceEventKind::ForkStarted);
            }
            Command::StopForking => {
                if std::mem::take(&mut line.forks) {
                    self.tell(id, now, VoiceEventKind::ForkStopped);
                }
            }
            Command::Transcribe(transcribe) => line.transcribes = Some(transcribe.tracks),
            Command::StopTranscribing => line.transcribes = None,
            Command::Enqueue(enqueue) => {
                let waiting = self.queues.entry(enqueue.queue.clone()).or_default();
                if waiting.len() >= enqueue.max_size as usize {
                    return Err(refused(Fault::Request, "the queue is full"));
                }
                waiting.push(id.to_owned());
                let position = u32::try_from(waiting.len()).ok();
                line.queue = Some((enqueue.queue.clone(), now));
                self.tell(id, now, VoiceEventKind::Enqueued { queue: enqueue.queue.clone(), position });
            }
            Command::LeaveQueue => drop(self.leave_queue(id, DequeueReason::Left, now)),
            Command::Refer(_) | Command::SendKeys(_) | Command::Record(_) | Command::SwitchRole(_) => {}
        }
        Ok(())
    }

    fn room(&mut self, id: &str) -> Result<&mut Room, VendorError> {
        self.rooms.get_mut(id).filter(|room| !room.over).ok_or_else(|| refused(Fault::Missing, "no such conference"))
    }
    fn reseat(&mut self, room: &str, legs: &[Leg], change: impl Fn(&mut Seat)) -> Result<(), VendorError> {
        let meant = |id: &String| legs.is_empty() || legs.iter().any(|leg| leg.control_id.as_ref() == Some(id));
        self.room(room)?.seats.iter_mut().filter(|(id, _)| meant(id)).for_each(|(_, seat)| change(seat));
        Ok(())
    }
    fn confer(&mut self, room_id: &str, order: &ConferenceOrder, now: Timestamp) -> Result<(), VendorError> {
        if !self.room(room_id)?.keys.insert(order.key.clone()) {
            return Ok(());
        }
        match &order.command {
            ConferenceCommand::Join(leg, seat) => {
                let id = self.talking(leg)?;
                self.sit(&id, room_id, seat.clone(), now)?;
            }
            ConferenceCommand::Leave(leg) => {
                let (id, _) = self.up(leg)?;
                self.leave_room(&id, now);
            }
            ConferenceCommand::Role(leg, role) => {
                self.reseat(room_id, std::slice::from_ref(leg), |seat| seat.role = role.clone())?;
            }
            ConferenceCommand::Hold { legs, .. } => self.reseat(room_id, legs, |seat| seat.on_hold = true)?,
            ConferenceCommand::Resume(legs) => self.reseat(room_id, legs, |seat| seat.on_hold = false)?,
            ConferenceCommand::Mute(legs) => self.reseat(room_id, legs, |seat| seat.muted = true)?,
            ConferenceCommand::Unmute(legs) => self.reseat(room_id, legs, |seat| seat.muted = false)?,
            ConferenceCommand::Speak(_, legs) => {
                let all = legs.is_empty();
                let both = [ConferenceEvent::SpeakStarted { all }, ConferenceEvent::SpeakEnded { all }];
                self.sound(room_id, legs, both, now)?;
            }
            ConferenceCommand::Play(_, legs) => {
                let all = legs.is_empty();
                let both = [ConferenceEvent::PlaybackStarted { all }, ConferenceEvent::PlaybackEnded { all }];
                self.sound(room_id, legs, both, now)?;
            }
            ConferenceCommand::StopPlaying(_) => {}
            ConferenceCommand::End => self.end_room(room_id, "ended", now),
        }
        Ok(())
    }
    fn sit(&mut self, id: &str, room_id: &str, seat: Seat, now: Timestamp) -> Result<(), VendorError> {
        self.leave_queue(id, DequeueReason::Left, now);
        self.leave_room(id, now);
        if let Some(peer) = self.legs.get_mut(id).and_then(|line| line.peer.take())
            && let Some(line) = self.legs.get_mut(&peer)
        {
            (line.peer, line.parks) = (None, false);
        }
        if let (Some(tag), Some(line)) = (&seat.tag, self.legs.get_mut(id)) {
            line.tag = Some(tag.clone());
        }
        self.room(room_id)?.seats.insert(id.to_owned(), seat);
        self.in_room(id, room_id, now, ConferenceEvent::Joined);
        Ok(())
    }
    fn sound(
        &mut self,
        room_id: &str,
        legs: &[Leg],
        both: [ConferenceEvent; 2],
        now: Timestamp,
    ) -> Result<(), VendorError> {
        let opener = self.room(room_id)?.opener.clone();
        let named: Vec<_> = legs.iter().filter_map(|leg| leg.control_id.clone()).collect();
        for id in if named.is_empty() { vec![opener] } else { named } {
            for what in &both {
                self.in_room(&id, room_id, now, what.clone());
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Voice for FakeVoice {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    fn default_number(&self) -> Option<Phone> {
        "+13125550100".parse().ok()
    }
    async fn dial(&self, dial: &Dial) -> Result<Leg, VendorError> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(line) = state.legs.values().find(|line| !line.incoming && line.keys.contains(&dial.key)) {
            return Ok(line.leg.clone());
        }
        let link = match &dial.link {
            Some(link) => Some((state.up(&link.leg)?.1.leg.clone(), link.bridge)),
            None => None,
        };
        let line = Line {
            leg: Leg { session_id: link.as_ref().and_then(|(leg, _)| leg.session_id.clone()), ..Leg::default() },
            from: dial.from.to_string(),
            to: dial.to.as_str().to_owned(),
            tag: Some(dial.tag.clone()),
            joins: link.filter(|(_, bridge)| *bridge).and_then(|(leg, _)| leg.control_id),
            watches: dial.supervise.is_some(),
            keys: [dial.key.clone()].into(),
            ..Line::default()
        };
        Ok(state.place(line, now))
    }
    async fn steer(&self, leg: &Leg, order: &Order) -> Result<(), VendorError> {
        let now = self.clock.now();
        self.state().steer(leg, order, now)
    }
    async fn retag(&self, leg: &Leg, tag: &str) -> Result<(), VendorError> {
        self.state().up(leg)?.1.tag = Some(tag.to_owned());
        Ok(())
    }
    async fn queue(&self, name: &str) -> Result<Vec<Queued>, VendorError> {
        let state = self.state();
        let waiting = state.queues.get(name).into_iter().flatten().filter_map(|id| state.legs.get(id));
        let queued = |(position, line): (u32, &Line)| Queued {
            leg: line.leg.clone(),
            from: line.from.clone(),
            to: line.to.clone(),
            position,
            since: line.queue.as_ref().map(|(_, since)| *since),
        };
        Ok((1..).zip(waiting).map(queued).collect())
    }
    async fn open_conference(&self, leg: &Leg, open: &OpenConference) -> Result<String, VendorError> {
        let now = self.clock.now();
        let mut state = self.state();
        let opener = state.talking(leg)?;
        if state.rooms.values().any(|room| !room.over && room.conference.name == open.name) {
            return Err(refused(Fault::Request, "a conference of that name goes on"));
        }
        let id = state.draw("conference");
        let conference = Conference { id: id.clone(), name: open.name.clone(), opened_at: Some(now) };
        let (seats, keys) = (BTreeMap::new(), BTreeSet::new());
        state.rooms.insert(id.clone(), Room { conference, opener: opener.clone(), seats, over: false, keys });
        state.in_room(&opener, &id, now, ConferenceEvent::Created);
        state.sit(&opener, &id, Seat { tag: open.tag.clone(), ..Seat::default() }, now)?;
        Ok(id)
    }
    async fn find_conference(&self, name: &str) -> Result<Option<Conference>, VendorError> {
        let state = self.state();
        let found = state.rooms.values().find(|room| !room.over && room.conference.name == name);
        Ok(found.map(|room| room.conference.clone()))
    }
    async fn participants(&self, conference: &str) -> Result<Vec<Participant>, VendorError> {
        let mut state = self.state();
        let seats = state.room(conference)?.seats.clone();
        let sits = |(id, seat): (String, Seat)| {
            let whispers_to = match &seat.role {
                Role::Whisper(legs) => legs.iter().filter_map(|leg| leg.control_id.clone()).collect(),
                _ => Vec::new(),
            };
            let leg = state.legs.get(&id)?.leg.clone();
            let muted = seat.muted || seat.role == Role::Monitor;
            Some(Participant { leg, on_hold: seat.on_hold, muted, whispers_to })
        };
        Ok(seats.into_iter().filter_map(sits).collect())
    }
    async fn confer(&self, conference: &str, order: &ConferenceOrder) -> Result<(), VendorError> {
        let now = self.clock.now();
        self.state().confer(conference, order, now)
    }
    async fn delete_recording(&self, id: &str) -> Result<(), VendorError> {
        let kept = |event: &VoiceEvent| !matches!(&event.what, VoiceEventKind::RecordingSaved(saved) if saved.id == id);
        self.state().legs.values_mut().for_each(|line| line.events.retain(kept));
        Ok(())
    }
    async fn find(&self, tag: &str, to: &Destination, since: Timestamp) -> Result<Option<Leg>, VendorError> {
        let meant = |line: &&Line| {
            let dialled = |event: &VoiceEvent| event.tag.as_deref() == Some(tag) && event.at >= since;
            !line.incoming && line.to == to.as_str() && line.events.iter().any(dialled)
        };
        Ok(self.state().legs.values().find(meant).map(|line| line.leg.clone()))
    }
    async fn inspect(&self, leg: &Leg) -> Result<Inspection, VendorError> {
        let state = self.state();
        let line = leg.control_id.as_ref().and_then(|id| state.legs.get(id));
        let events = line.map(|line| line.events.clone()).unwrap_or_default();
        Ok(Inspection { alive: line.is_some_and(|line| !line.ended), events })
    }
    async fn fetch_recording(&self, recording: &VendorRecording, limit: u64) -> Result<Bytes, VendorError> {
        let same =
            |event: &VoiceEvent| matches!(&event.what, VoiceEventKind::RecordingSaved(s) if s.id == recording.id);
        let kept = self.state().legs.values().any(|line| line.events.iter().any(same));
        let sound = Bytes::from_static(b"RIFF\x04\0\0\0WAVE");
        match kept {
            true if sound.len() as u64 <= limit => Ok(sound),
            true => Err(refused(Fault::Request, "larger than allowed")),
            false => Err(refused(Fault::Missing, "no such recording")),
        }
    }
}
