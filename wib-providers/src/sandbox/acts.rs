//! What is done on a leg: sounds that are played, keys that are collected, streams, words that are written down.

use std::{collections::BTreeSet, time::Duration};

use wib_core::{
    kit::time::{Timestamp, after},
    ports::voice::Key,
};

use super::{
    network::{Call, CallStep, What},
    people::Behaviour,
    scripts::Side,
    streams::{LINE_GAP, Played, Streamed},
    world::{Step, World},
};

/// How long a sound is.
const SOUND_MS: u64 = 3_000;
/// How long people think before the first key.
const THINK_MS: u64 = 1_500;
/// From one key to the next.
const KEY_MS: u64 = 350;

/// What goes on on a leg.
#[derive(Debug, Default)]
pub(crate) struct Acts {
    /// Utterances of earlier rounds were stopped.
    pub(super) round: u32,
    /// The notes of the sounds that are played.
    playing: Vec<usize>,
    gathering: Option<Gathering>,
    /// Rounds of collecting and waits for keys so far.
    rounds: u32,
    /// Every stream there was.
    pub(super) streams: Vec<Streamed>,
    /// What was played to the leg over streams, word by word, and the lines that it became.
    pub(super) played: Vec<Played>,
    pub(super) backs: Vec<usize>,
    forks: bool,
    written: Option<Written>,
    /// Lines that were written down already.
    lines: BTreeSet<usize>,
}
impl Acts {
    /// Whether keys are collected in that round.
    pub(super) fn gathers(&self, round: u32) -> bool {
        self.gathering.as_ref().is_some_and(|gathering| gathering.round == round)
    }
    fn next_round(&mut self) -> u32 {
        self.rounds += 1;
        self.rounds
    }
}

/// Whose words are written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) inbound: bool,
    pub(crate) outbound: bool,
}

/// Which keys are to be collected.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) valid: String,
    pub(crate) terminator: Option<char>,
    pub(crate) first_ms: u64,
    pub(crate) next_ms: u64,
    pub(crate) tries: u64,
    /// What is said before, if anything is.
    pub(crate) words: Option<String>,
    /// How long that, or the sound in its place, takes.
    pub(crate) prompt_ms: u64,
}

#[derive(Debug)]
struct Gathering {
    gather: Gather,
    /// This round of asking.
    round: u32,
    /// The wait that goes on.
    wait: u32,
    digits: String,
}

impl Call {
    /// Keeps a text that events tell of; its number.
    pub(crate) fn note(&mut self, text: impl Into<String>) -> usize {
        self.notes.push(text.into());
        self.notes.len() - 1
    }
    /// What the person presses when keys are asked for: who pays by keys gives the card where it fits, machines and
    /// softphones press none, nor does who has other plans; all others count up from 1.
    fn answer_in_keys(&self, gather: &Gather) -> String {
        match self.behaviour {
            Behaviour::Voicemail | Behaviour::Agent | Behaviour::Injects | Behaviour::HangsUp => String::new(),
            // Their own keys come when they come.
            Behaviour::PaysByKeys if self.talks => String::new(),
            Behaviour::PaysByKeys if gather.max >= 12 => {
                self.card.iter().flat_map(|card| card.pressed().chars().collect::<Vec<_>>()).collect()
            }
            _ => {
                let mut keys: String = "1234567890".chars().cycle().take(gather.min.min(128)).collect();
                keys.extend(gather.terminator.filter(|_| gather.min < gather.max));
                keys
            }
        }
    }
}

impl World {
    /// Plays a sound so many times, or until it is stopped. Nothing is to be found at an address with `missing` in it.
    pub(crate) fn play(&mut self, key: u64, url: &str, times: Option<u64>) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let note = call.note(url);
        if url.contains("missing") {
            return self.plan(500, Step::Call(key, CallStep::Tell(What::PlaybackEnded(note, "file_not_found"))));
        }
        call.acts.playing.push(note);
        self.plan(120, Step::Call(key, CallStep::Tell(What::PlaybackStarted(note))));
        if let Some(times) = times {
            self.plan(120 + SOUND_MS.saturating_mul(times), Step::Call(key, CallStep::PlayEnd(note)));
        }
    }

    /// A sound ends, if it is played still.
    pub(super) fn play_end(&mut self, key: u64, note: usize, status: &'static str) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        if let Some(at) = call.acts.playing.iter().position(|playing| *playing == note) {
            call.acts.playing.remove(at);
            self.happens(key, What::PlaybackEnded(note, status));
        }
    }

    /// Stops all that is played and spoken.
    pub(crate) fn stop_playing(&mut self, key: u64) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let playing = call.acts.playing.clone();
        let spoken = std::mem::take(&mut call.speaking) > 0;
        if spoken {
            call.acts.round += 1;
            call.speech_ends = now;
            call.cut(now);
        }
        for note in playing {
            self.play_end(key, note, "cancelled");
        }
        if spoken {
            self.happens(key, What::SpeakEnded("cancelled"));
        }
    }

    /// Collects keys, in the place of what was collected.
    pub(crate) fn gather(&mut self, key: u64, gather: Gather) {
        self.gather_end(key, "cancelled");
        self.ask_for_keys(key, gather);
    }

    fn ask_for_keys(&mut self, key: u64, gather: Gather) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        if let Some(words) = &gather.words {
            call.say(Side::Agent, now, words.clone());
        }
        let keys = call.answer_in_keys(&gather);
        let (round, wait) = (call.acts.next_round(), call.acts.next_round());
        let (prompt, late) = (gather.prompt_ms, gather.prompt_ms.saturating_add(gather.first_ms));
        call.acts.gathering = Some(Gathering { gather, round, wait, digits: String::new() });
        for (nth, pressed) in (0u64..).zip(keys.chars().filter_map(|pressed| Key::try_from(pressed).ok())) {
            self.plan(prompt + THINK_MS + nth * KEY_MS, Step::Call(key, CallStep::Gathered(round, pressed)));
        }
        self.plan(late, Step::Call(key, CallStep::GatherLate(wait)));
    }

    /// The person presses a key, which may be one that is collected.
    pub(super) fn press(&mut self, key: u64, pressed: Key) {
        self.happens(key, What::KeyPressed(pressed));
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let wait = call.acts.next_round();
        let Some(gathering) = &mut call.acts.gathering else { return };
        let pressed = pressed.reveal();
        let (over, next_ms) = if gathering.gather.terminator == Some(pressed) {
            (true, 0)
        } else if gathering.gather.valid.contains(pressed) {
            gathering.digits.push(pressed);
            gathering.wait = wait;
            (gathering.digits.len() >= gathering.gather.max, gathering.gather.next_ms)
        } else {
            return;
        };
        if over {
            self.gather_over(key, "invalid");
        } else {
            self.plan(next_ms, Step::Call(key, CallStep::GatherLate(wait)));
        }
    }

    /// Nobody pressed a key in time.
    pub(super) fn gather_late(&mut self, key: u64, wait: u32) {
        let waits = |call: &Call| call.acts.gathering.as_ref().is_some_and(|gathering| gathering.wait == wait);
        if self.phones.calls.get(&key).is_some_and(waits) {
            self.gather_over(key, "timeout");
        }
    }

    /// A round is over: with enough keys, or else with another round, or else for that reason.
    fn gather_over(&mut self, key: u64, reason: &'static str) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let Some(gathering) = &mut call.acts.gathering else { return };
        if gathering.digits.len() >= gathering.gather.min {
            return self.gather_end(key, "valid");
        }
        gathering.gather.tries = gathering.gather.tries.saturating_sub(1);
        if gathering.gather.tries == 0 {
            return self.gather_end(key, reason);
        }
        let again = gathering.gather.clone();
        self.ask_for_keys(key, again);
    }

    /// Collects no more; whether anything was collected.
    pub(crate) fn gather_end(&mut self, key: u64, status: &'static str) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let Some(gathering) = call.acts.gathering.take() else { return };
        let note = call.note(gathering.digits);
        self.happens(key, What::GatherEnded(note, status));
    }

    /// Starts or ends the fork.
    pub(crate) fn fork(&mut self, key: u64, on: bool) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        if std::mem::replace(&mut call.acts.forks, on) != on {
            self.happens(key, if on { What::ForkStarted } else { What::ForkStopped });
        }
    }

    /// Writes down what is said from now on, or nothing more.
    pub(crate) fn transcribe(&mut self, key: u64, written: Option<Written>) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        call.acts.written = written;
        self.plan_lines(key, 0);
    }

    /// Has the lines from that one on written down when they are over, if words are.
    pub(super) fn plan_lines(&mut self, key: u64, from: usize) {
        let now = self.now;
        let Some(call) = self.phones.calls.get(&key).filter(|call| call.acts.written.is_some()) else { return };
        let ms = |end: Timestamp| u64::try_from(end.duration_since(now).as_millis()).ok().filter(|ms| *ms > 0);
        let ends = call.said.iter().enumerate().skip(from);
        let due: Vec<_> = ends.filter_map(|(line, said)| Some((line, ms(said.end)?))).collect();
        for (line, ms) in due {
            self.plan(ms, Step::Call(key, CallStep::Line(line)));
        }
    }

    /// A line is over: it is written down, unless it was already or was cut.
    pub(super) fn write_down(&mut self, key: u64, line: usize) {
        let now = self.now;
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let Some((written, said)) = call.acts.written.zip(call.said.get(line)) else { return };
        let wanted = if said.side == Side::Customer { written.inbound } else { written.outbound };
        // Steps are made at whole milliseconds; what comes over a stream is over when no more of it does.
        let back = call.acts.backs.contains(&line);
        let over =
            if back { after(said.end, LINE_GAP) <= now } else { said.end <= after(now, Duration::from_millis(1)) };
        if wanted && over && call.acts.lines.insert(line) {
            self.happens(key, What::Transcribed(line));
        }
    }

    /// The call is over, and all that goes on on it.
    pub(super) fn stop_acts(&mut self, key: u64, status: &'static str) {
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        call.acts.written = None;
        for note in call.acts.playing.clone() {
            self.play_end(key, note, status);
        }
        self.gather_end(key, status);
        self.stop_streams(key);
        self.fork(key, false);
    }
}

impl Call {
    /// What we speak is cut: of a line that is being said its words so far are left, of one that is to come none.
    fn cut(&mut self, now: Timestamp) {
        for said in self.said.iter_mut().filter(|said| said.side == Side::Agent && said.end > now) {
            let so_far: Vec<_> = said.words().filter(|(_, _, end)| *end <= now).map(|(word, ..)| word).collect();
            said.text = so_far.join(" ");
            said.end = now.max(said.start);
        }
    }
}
