//! The phone network: calls that ring, are answered, spoken into, recorded and ended.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;
use wib_core::{
    kit::time::{Timestamp, after},
    ports::voice::Key,
};

use super::{
    cards::Card,
    chance::Chance,
    people::{self, Behaviour},
    scripts::{self, Side},
    sound,
    tape::Tape,
    wire::Base,
    world::{KEPT, Step, World},
};

/// How long the callee waits for the notice and the recording before talking anyway.
const PATIENCE_MS: u64 = 8_000;
/// How long an answering machine records.
const MACHINE_MS: u64 = 45_000;

/// All calls, and what each number received.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) calls: BTreeMap<u64, Call>,
    pub(crate) by_control_id: BTreeMap<String, u64>,
    pub(crate) recordings: BTreeMap<Uuid, u64>,
    /// Real dials by number called.
    pub(crate) dials: BTreeMap<String, u64>,
    /// Calls by the `command_id` that placed them, for as long as it is remembered.
    pub(crate) commands: BTreeMap<String, (Timestamp, u64)>,
    finished: VecDeque<u64>,
    placed: u64,
}

/// What the network is asked to place.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) connection_id: String,
    pub(crate) client_state: Option<Arc<str>>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) base: Base,
    pub(crate) detection: Detection,
    /// Whether to record from the answer on, and if so each side on its own channel.
    pub(crate) record: Option<bool>,
    pub(crate) ring_seconds: u64,
    pub(crate) limit_seconds: u64,
    /// The callee calls us: we answer.
    pub(crate) incoming: bool,
}

/// Whether to find out who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detection {
    Off,
    Standard,
    Premium,
}

/// Why a call ended, in the vendor's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) word: &'static str,
    pub(crate) source: &'static str,
    pub(crate) sip: &'static str,
}
const fn cause(word: &'static str, source: &'static str, sip: &'static str) -> Cause {
    Cause { word, source, sip }
}
pub(crate) const BY_CALLER: Cause = cause("normal_clearing", "caller", "200");
pub(crate) const CANCELED: Cause = cause("originator_cancel", "caller", "487");
const BY_CALLEE: Cause = cause("normal_clearing", "callee", "200");
const BUSY: Cause = cause("user_busy", "callee", "486");
const TIMEOUT: Cause = cause("timeout", "caller", "487");
const TIME_LIMIT: Cause = cause("time_limit", "unknown", "200");
const NOT_FOUND: Cause = cause("not_found", "unknown", "404");
const CARRIER: Cause = cause("unspecified", "unknown", "503");

/// What a call does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CallStep {
    Answer,
    Detect,
    GreetingEnd,
    Patience,
    Talk,
    SpeakStart,
    SpeakEnd,
    /// The person presses a key.
    Press(Key),
    /// Nobody speaks for a while.
    Pause,
    HangUp(Cause),
    Saved(usize),
    Cost,
}

/// Something that happened to a call; its body is made when it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    pub(crate) at: Timestamp,
    pub(crate) id: Uuid,
    pub(crate) client_state: Option<Arc<str>>,
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Initiated,
    Answered,
    Detected(&'static str),
    GreetingEnded,
    SpeakStarted,
    SpeakEnded(&'static str),
    KeyPressed(Key),
    RecordingSaved(usize),
    Hangup,
    Cost,
    /// A command of ours.
    Command(&'static str),
}

/// Something said, in absolute time.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) side: Side,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) text: String,
}

impl Said {
    /// Its words with their times, spread evenly.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&str, Timestamp, Timestamp)> {
        let at = |ms: i64| after(self.start, Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        let end_ms = i64::try_from(self.end.duration_since(self.start).as_millis()).unwrap_or(0);
        sound::words(&self.text, 0, end_ms).map(move |(word, start, end)| (word, at(start), at(end)))
    }
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) order: Order,
    pub(crate) control_id: String,
    pub(crate) leg_id: Uuid,
    pub(crate) session_id: Uuid,
    pub(crate) behaviour: Behaviour,
    pub(crate) placed_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) cause: Option<Cause>,
    pub(crate) client_state: Option<Arc<str>>,
    pub(crate) tapes: Vec<Tape>,
    pub(crate) log: Vec<Happened>,
    /// Commands by their `command_id`, for as long as it is remembered.
    pub(crate) commands: BTreeMap<String, Timestamp>,
    pub(crate) said: Vec<Said>,
    /// The card that the person pays with.
    pub(crate) card: Option<Card>,
    /// From when on an answering machine records.
    pub(crate) beep_at: Option<Timestamp>,
    /// The person has begun to talk.
    pub(crate) talks: bool,
    chance: Chance,
    /// Utterances of ours that have not ended.
    speaking: u32,
    speech_ends: Timestamp,
    noticed: bool,
    impatient: bool,
}

impl Call {
    pub(crate) fn alive(&self) -> bool {
        self.ended_at.is_none()
    }
    /// The recording that is running.
    pub(crate) fn tape(&mut self) -> Option<&mut Tape> {
        self.tapes.last_mut().filter(|tape| tape.ended_at.is_none())
    }
    /// Seconds since the answer.
    pub(crate) fn seconds(&self, now: Timestamp) -> i64 {
        self.answered_at.map_or(0, |at| self.ended_at.unwrap_or(now).duration_since(at).as_secs())
    }
    /// Who is at the other end: the number that we call, or that calls us.
    pub(crate) fn person(&self) -> &str {
        if self.order.incoming { &self.order.from } else { &self.order.to }
    }
    fn say(&mut self, side: Side, start: Timestamp, text: String) -> Timestamp {
        let end = after(start, Duration::from_millis(scripts::duration_ms(&text)));
        self.said.push(Said { side, start, end, text });
        end
    }
}

impl World {
    /// Places a call.
    pub(crate) fn place(&mut self, order: Order) -> u64 {
        self.phones.placed += 1;
        let key = self.phones.placed;
        let person = if order.incoming { &order.from } else { &order.to };
        let behaviour = people::behaviour(self.seed, person);
        let nth = if order.incoming {
            format!("in {key}")
        } else {
            let dials = self.phones.dials.entry(order.to.clone()).or_default();
            *dials += 1;
            dials.to_string()
        };
        let mut chance = Chance::of(self.seed, &["call", person, &nth]);
        let control_id = format!("v3:{}", chance.token(39));
        let ring_ms = order.ring_seconds * 1_000;
        let steps = match behaviour {
            _ if order.incoming => vec![(60_000, CallStep::HangUp(CANCELED))],
            Behaviour::Busy => vec![(chance.between(2_000, 4_000), CallStep::HangUp(BUSY))],
            Behaviour::CarrierError => vec![(chance.between(400, 1_500), CallStep::HangUp(CARRIER))],
            Behaviour::NotInService => vec![(chance.between(800, 2_500), CallStep::HangUp(NOT_FOUND))],
            Behaviour::NoAnswer => vec![(ring_ms, CallStep::HangUp(TIMEOUT))],
            _ => vec![(chance.between(2_000, 8_000), CallStep::Answer), (ring_ms, CallStep::HangUp(TIMEOUT))],
        };
        let call = Call {
            control_id: control_id.clone(),
            leg_id: chance.uuid(),
            session_id: chance.uuid(),
            behaviour,
            placed_at: self.now,
            answered_at: None,
            ended_at: None,
            cause: None,
            client_state: order.client_state.clone(),
            tapes: Vec::new(),
            log: Vec::new(),
            commands: BTreeMap::new(),
            said: Vec::new(),
            card: behaviour.pays_by_card().then(|| Card::draw(&mut Chance::of(self.seed, &["card", person, &nth]))),
            beep_at: None,
            talks: false,
            chance,
            speaking: 0,
            speech_ends: self.now,
            noticed: false,
            impatient: false,
            order,
        };
        self.phones.calls.insert(key, call);
        self.phones.by_control_id.insert(control_id, key);
        self.happens(key, What::Initiated);
        for (ms, step) in steps {
            self.plan(ms, Step::Call(key, step));
        }
        key
    }

    /// Writes down what happened and tells it by webhook.
    pub(crate) fn happens(&mut self, key: u64, what: What) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let happened = Happened { at: now, id: call.chance.uuid(), client_state: call.client_state.clone(), what };
        call.log.push(happened.clone());
        let Some(call) = self.phones.calls.get(&key) else { return };
        if let Some(data) = self.telnyx_event(call, &happened) {
            let url = call.order.webhook_url.clone();
            self.post("telnyx", url, [], data);
        }
    }

    /// A step of a call's life.
    pub(crate) fn call_step(&mut self, key: u64, step: CallStep) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        match step {
            CallStep::Saved(at) => {
                if let Some(tape) = call.tapes.get_mut(at) {
                    tape.saved_at = Some(self.now);
                    self.phones.recordings.insert(tape.id, key);
                    self.happens(key, What::RecordingSaved(at));
                }
                return;
            }
            CallStep::Cost => return self.happens(key, What::Cost),
            _ if !call.alive() => return,
            _ => {}
        }
        match step {
            CallStep::Answer => self.pick_up(key),
            CallStep::Detect => {
                let machine = call.behaviour == Behaviour::Voicemail;
                let who = match (call.order.detection, machine) {
                    (_, true) => "machine",
                    (Detection::Premium, false) => "human_residence",
                    _ => "human",
                };
                self.happens(key, What::Detected(who));
            }
            CallStep::GreetingEnd => {
                if call.order.detection != Detection::Off {
                    self.happens(key, What::GreetingEnded);
                }
            }
            CallStep::Patience => {
                call.impatient = true;
                self.maybe_talk(key);
            }
            CallStep::Talk => self.talk(key),
            CallStep::SpeakStart => self.happens(key, What::SpeakStarted),
            CallStep::SpeakEnd => {
                call.speaking -= 1;
                call.noticed = true;
                self.happens(key, What::SpeakEnded("completed"));
                self.maybe_talk(key);
            }
            CallStep::Press(key_pressed) => self.happens(key, What::KeyPressed(key_pressed)),
            CallStep::HangUp(TIMEOUT | CANCELED) if call.answered_at.is_some() => {}
            CallStep::HangUp(cause) => self.end(key, cause),
            CallStep::Pause | CallStep::Saved(_) | CallStep::Cost => {}
        }
    }

    /// The far end picks up, or we do.
    pub(crate) fn pick_up(&mut self, key: u64) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key).filter(|call| call.answered_at.is_none()) else { return };
        call.answered_at = Some(now);
        let mut steps = vec![(call.order.limit_seconds * 1_000, CallStep::HangUp(TIME_LIMIT))];
        if call.order.detection != Detection::Off {
            steps.push((call.chance.between(1_000, 3_000), CallStep::Detect));
        }
        match call.behaviour {
            Behaviour::HangsUp => steps.push((call.chance.between(300, 900), CallStep::HangUp(BY_CALLEE))),
            Behaviour::Voicemail => {
                let greeting = scripts::greeting(&mut call.chance);
                let ms = 500 + scripts::duration_ms(&greeting);
                call.say(Side::Customer, after(now, Duration::from_millis(500)), greeting);
                // Told after the detection, which takes up to three seconds.
                let beep = ms.max(3_500);
                call.beep_at = Some(after(now, Duration::from_millis(beep)));
                steps.push((beep, CallStep::GreetingEnd));
                steps.push((ms + MACHINE_MS, CallStep::HangUp(BY_CALLEE)));
            }
            _ => steps.push((PATIENCE_MS, CallStep::Patience)),
        }
        let record = call.order.record;
        self.happens(key, What::Answered);
        for (ms, step) in steps {
            self.plan(ms, Step::Call(key, step));
        }
        if let Some(dual) = record {
            self.record(key, dual);
        }
    }

    /// Starts a recording, unless one runs.
    pub(crate) fn record(&mut self, key: u64, dual: bool) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        if call.tape().is_some() {
            return;
        }
        let id = call.chance.uuid();
        call.tapes.push(Tape::new(id, dual, now));
        self.maybe_talk(key);
    }

    /// Stops the recording that runs; it is saved two seconds later.
    pub(crate) fn stop_recording(&mut self, key: u64) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let at = call.tapes.len().saturating_sub(1);
        if let Some(tape) = call.tape() {
            tape.ended_at = Some(now);
            self.plan(2_000, Step::Call(key, CallStep::Saved(at)));
        }
    }

    /// Speaks into a call, after what is being spoken.
    pub(crate) fn speak(&mut self, key: u64, text: &str) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let start = after(call.speech_ends.max(now), Duration::from_millis(120));
        call.speaking += 1;
        call.speech_ends = call.say(Side::Agent, start, text.to_owned());
        let ms = |at: Timestamp| u64::try_from(at.duration_since(now).as_millis()).unwrap_or(0);
        let (start, end) = (ms(start), ms(call.speech_ends));
        self.plan(start, Step::Call(key, CallStep::SpeakStart));
        self.plan(end, Step::Call(key, CallStep::SpeakEnd));
    }

    /// The callee talks once the notice was spoken and the recording runs, or patience has run out; never into a notice.
    fn maybe_talk(&mut self, key: u64) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let ready = call.impatient || (call.noticed && call.tape().is_some());
        let mute = matches!(call.behaviour, Behaviour::Voicemail | Behaviour::HangsUp);
        if ready && !mute && call.speaking == 0 && !call.talks && call.alive() && call.answered_at.is_some() {
            call.talks = true;
            self.plan(600, Step::Call(key, CallStep::Talk));
        }
    }

    fn talk(&mut self, key: u64) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let script = scripts::conversation(call.behaviour, &mut call.chance, call.card.as_ref());
        let at = |ms| after(now, Duration::from_millis(ms));
        let said = script.turns.into_iter().map(|turn| {
            let (start, end) = (at(turn.start_ms), at(turn.end_ms));
            Said { side: turn.side, start, end, text: turn.text }
        });
        call.said.extend(said);
        for ms in script.pauses {
            self.plan(ms, Step::Call(key, CallStep::Pause));
        }
        for (ms, pressed) in script.keys {
            self.plan(ms, Step::Call(key, CallStep::Press(pressed)));
        }
        self.plan(script.end_ms + 800, Step::Call(key, CallStep::HangUp(BY_CALLEE)));
    }

    /// Ends a call.
    pub(crate) fn end(&mut self, key: u64, cause: Cause) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key).filter(|call| call.alive()) else { return };
        call.ended_at = Some(now);
        call.cause = Some(cause);
        let (speaking, answered) = (call.speaking > 0, call.answered_at.is_some());
        self.stop_recording(key);
        if speaking {
            self.happens(key, What::SpeakEnded("call_hangup"));
        }
        self.happens(key, What::Hangup);
        if answered && self.settings.costs {
            self.plan(3_000, Step::Call(key, CallStep::Cost));
        }
        self.phones.finished.push_back(key);
        while self.phones.finished.len() > KEPT {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let call = self.phones.finished.pop_front().and_then(|key| self.phones.calls.remove(&key));
        let Some(call) = call else { return };
        self.phones.by_control_id.remove(&call.control_id);
        for tape in &call.tapes {
            self.phones.recordings.remove(&tape.id);
        }
    }
}
