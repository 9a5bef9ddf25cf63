//! Sound that is streamed: who speaks when, frame by frame on each track, and what is played to a leg in return.
//!
//! Words are spoken by [`modem`] when they begin in the script. Whoever is not done when the next word begins goes on,
//! and the next word follows: nothing is dropped, it is late. What is played in return is heard word by word, and is
//! said on the call from then on; sound without words is heard by nobody here.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use tokio::sync::Notify;
use uuid::Uuid;
use wib_core::kit::time::{Timestamp, after, before};

use super::{
    chance::Chance,
    faults::FaultKind,
    modem::{Ear, Spoken, Voice},
    network::{Call, CallStep, Said, What},
    scripts::Side,
    world::{Step, World},
};

/// A frame of sound.
pub(crate) const FRAME: Duration = Duration::from_millis(20);
/// A pause of this length ends a line that is spoken over a stream.
pub(super) const LINE_GAP: Duration = Duration::from_millis(500);
/// How long a line whose words were all said may still grow.
const GROWS: Duration = Duration::from_secs(5);
/// Sound that waits to be played, in seconds: what is beyond is dropped.
const WAITS: usize = 600;
/// Frames without sound from the application after which a silence is one: until then it may be late.
const LATE: u32 = 5;

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Mulaw,
    Alaw,
    L16,
}
impl Coding {
    pub(crate) fn write(self, samples: &[i16]) -> Vec<u8> {
        match self {
            Self::Mulaw => samples.iter().map(|sample| encode_ulaw(*sample)).collect(),
            Self::Alaw => samples.iter().map(|sample| encode_alaw(*sample)).collect(),
            Self::L16 => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        }
    }
    /// `None` for half a sample.
    pub(crate) fn read(self, bytes: &[u8]) -> Option<Vec<i16>> {
        Some(match self {
            Self::Mulaw => bytes.iter().map(|byte| decode_ulaw(*byte)).collect(),
            Self::Alaw => bytes.iter().map(|byte| decode_alaw(*byte)).collect(),
            Self::L16 if !bytes.len().is_multiple_of(2) => return None,
            Self::L16 => bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
        })
    }
}

/// How sound is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) coding: Coding,
    /// Samples a second.
    pub(crate) rate: u32,
}
impl Format {
    fn frame(self) -> usize {
        usize::try_from(self.rate / 50).unwrap_or(0)
    }
}

/// A stream that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct StreamOrder {
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    pub(crate) inbound: bool,
    pub(crate) outbound: bool,
    pub(crate) format: Format,
    pub(crate) back: Option<Back>,
    pub(crate) parameters: Vec<(String, String)>,
}

/// Sound that is taken in return, and who hears it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back {
    /// `None`: one that nobody here can hear.
    pub(crate) format: Option<Format>,
    pub(crate) own: bool,
    pub(crate) opposite: bool,
}

/// What events tell of a stream; kept with its call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streamed {
    pub(crate) id: Uuid,
    pub(super) note: usize,
    pub(crate) inbound: bool,
    pub(crate) outbound: bool,
}

/// A stream that is dialled or up.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) key: u64,
    pub(crate) order: StreamOrder,
    pub(crate) faults: Vec<FaultKind>,
    note: usize,
    up: bool,
    /// It carries sound until then, and no further.
    pub(crate) ended: Option<Timestamp>,
    /// When its next frame is due, on the vendors' clock.
    pub(crate) next: Option<Timestamp>,
    /// Rings when it is ended.
    pub(crate) wake: Arc<Notify>,
}

/// A word that was played to a leg.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) text: String,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl World {
    /// Streams to an address. None with `refused` in it takes the connection, nor any without somebody to carry it.
    pub(crate) fn stream(&mut self, key: u64, order: StreamOrder) {
        let faults = self.media_faults();
        let refused = !self.carried || order.url.contains("refused") || faults.contains(&FaultKind::NoConnection);
        let Some(call) = self.phones.calls.get_mut(&key) else { return };
        let note = call.note(&order.url);
        let nth = call.acts.streams.len().to_string();
        let id = Chance::of(self.seed, &["stream", &call.control_id, &nth]).uuid();
        call.acts.streams.push(Streamed { id, note, inbound: order.inbound, outbound: order.outbound });
        if refused {
            return self.plan(200, Step::Call(key, CallStep::Tell(What::StreamFailed(note))));
        }
        let wake = Arc::new(Notify::new());
        let stream = Stream { key, order, faults, note, up: false, ended: None, next: None, wake };
        self.streams.insert(id, stream);
        self.to_dial.push(id);
    }

    /// The socket is there; whether anybody still wants it.
    pub(crate) fn stream_up(&mut self, id: Uuid) -> bool {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.ended.is_none()) else { return false };
        stream.up = true;
        let (key, note) = (stream.key, stream.note);
        self.happens(key, What::StreamStarted(note));
        true
    }

    /// The socket is gone: closed by the other side, or broken, or it never came.
    pub(crate) fn stream_gone(&mut self, id: Uuid, closed: bool) {
        let Some(stream) = self.streams.remove(&id).filter(|stream| stream.ended.is_none()) else { return };
        let what = if closed { What::StreamStopped(stream.note) } else { What::StreamFailed(stream.note) };
        self.happens(stream.key, what);
    }

    /// Ends every stream of a call.
    pub(crate) fn stop_streams(&mut self, key: u64) {
        let now = self.now;
        let mut stopped = Vec::new();
        for stream in self.streams.values_mut().filter(|stream| stream.key == key && stream.ended.is_none()) {
            stream.ended = Some(now);
            stream.wake.notify_one();
            if stream.up {
                stopped.push(stream.note);
            }
        }
        // In the order in which they were asked for.
        stopped.sort_unstable();
        for note in stopped {
            self.happens(key, What::StreamStopped(note));
        }
    }

    /// Words were heard by the legs that a stream plays to.
    pub(crate) fn play_back(&mut self, key: u64, back: Back, words: &[Spoken], at: Timestamp) {
        let peer = self.phones.calls.get(&key).and_then(|call| call.peer);
        let legs = [Some(key).filter(|_| back.own), peer.filter(|_| back.opposite)];
        for leg in legs.into_iter().flatten() {
            for word in words {
                self.say_back(leg, word, at);
            }
        }
    }

    fn say_back(&mut self, leg: u64, word: &Spoken, at: Timestamp) {
        let Some(call) = self.phones.calls.get_mut(&leg) else { return };
        let end = call.ended_at.map_or(at, |ended| ended.min(at));
        let start = before(end, Duration::from_millis(u64::try_from(word.end_ms - word.start_ms).unwrap_or(0)));
        call.acts.played.push(Played { text: word.text.clone(), start, end });
        let grows = call.acts.backs.last().copied().filter(|line| {
            call.said.get(*line).is_some_and(|said| start <= after(said.end, LINE_GAP) && !said.text.is_empty())
        });
        let line = match grows.and_then(|line| Some((line, call.said.get_mut(line)?))) {
            Some((line, said)) => {
                said.text.push(' ');
                said.text.push_str(&word.text);
                said.end = end;
                line
            }
            None => {
                call.said.push(Said { side: Side::Agent, start, end, text: word.text.clone() });
                let line = call.said.len() - 1;
                call.acts.backs.push(line);
                line
            }
        };
        // Written down when no other word has come by then.
        self.plan(501, Step::Call(leg, CallStep::Line(line)));
    }
}

impl Call {
    /// The stream that a note's event is about.
    pub(crate) fn streamed(&self, note: usize) -> Option<Streamed> {
        self.acts.streams.iter().find(|streamed| streamed.note == note).copied()
    }
}

/// One track of a stream: what is said there, as sound.
#[derive(Debug)]
pub(crate) struct Track {
    side: Side,
    voice: Voice,
    /// Frames of words that are being said.
    queue: VecDeque<Vec<i16>>,
    /// How many words of which line of whom were taken up.
    taken: BTreeMap<(u64, usize), usize>,
    since: Timestamp,
}

impl Track {
    /// What comes from the far end, or what goes there, from an instant on.
    pub(crate) fn new(inbound: bool, rate: u32, since: Timestamp) -> Self {
        let side = if inbound { Side::Customer } else { Side::Agent };
        Self { side, voice: Voice::new(rate), queue: VecDeque::new(), taken: BTreeMap::new(), since }
    }

    /// The next 20 ms, those before `until`.
    pub(crate) fn frame(&mut self, world: &World, key: u64, until: Timestamp) -> Vec<i16> {
        for word in self.begun(world, key, until) {
            let samples = self.voice.say(&word);
            let frame = self.voice.frame_samples();
            self.queue.extend(samples.chunks(frame).map(<[i16]>::to_vec));
        }
        self.queue.pop_front().unwrap_or_else(|| self.voice.pause(1))
    }

    /// The words that begin before then and were not taken up yet.
    fn begun(&mut self, world: &World, key: u64, until: Timestamp) -> Vec<String> {
        let mut spans = vec![(key, self.side, vec![(self.since, None)])];
        // What goes to the far end is also the people it is joined with.
        if self.side == Side::Agent && world.phones.joined.contains(&key) {
            let mut heard: BTreeMap<u64, Vec<_>> = BTreeMap::new();
            for (speaker, from, to) in world.phones.heard_by(key) {
                heard.entry(speaker).or_default().push((from.max(self.since), to));
            }
            spans.extend(heard.into_iter().map(|(speaker, spans)| (speaker, Side::Customer, spans)));
        }
        let mut begun = Vec::new();
        for (speaker, side, spans) in spans {
            let Some(call) = world.phones.calls.get(&speaker) else { continue };
            let lines = call.said.iter().enumerate().filter(|(_, said)| said.side == side && said.start < until);
            for (line, said) in lines {
                let taken = self.taken.entry((speaker, line)).or_default();
                if *taken == usize::MAX {
                    continue;
                }
                for (word, start, _) in said.words().skip(*taken).take_while(|(_, start, _)| *start < until) {
                    *taken += 1;
                    if spans.iter().any(|(from, to)| start >= *from && to.is_none_or(|to| start < to)) {
                        begun.push((start, speaker, line, word.to_owned()));
                    }
                }
                if after(said.end, GROWS) < until {
                    *taken = usize::MAX;
                }
            }
        }
        begun.sort_by_key(|(start, speaker, line, _)| (*start, *speaker, *line));
        begun.into_iter().map(|(.., word)| word).collect()
    }
}

/// What the application sends, as it is played.
#[derive(Debug)]
pub(crate) struct Player {
    format: Format,
    ear: Ear,
    queue: VecDeque<Piece>,
    /// Samples in the queue.
    waits: usize,
    /// Frames of nothing since the last sound.
    quiet: u32,
}

#[derive(Debug)]
enum Piece {
    Sound(Vec<i16>),
    Mark(String),
}

impl Player {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, ear: Ear::new(format.rate), queue: VecDeque::new(), waits: 0, quiet: LATE + 1 }
    }
    pub(crate) fn format(&self) -> Format {
        self.format
    }
    /// Has sound played behind what waits.
    pub(crate) fn take(&mut self, samples: Vec<i16>) {
        if self.waits + samples.len() <= self.format.frame() * 50 * WAITS {
            self.waits += samples.len();
            self.queue.push_back(Piece::Sound(samples));
        }
    }
    /// A mark behind what waits; it comes back at once where nothing does.
    pub(crate) fn mark(&mut self, name: String) -> Option<String> {
        if self.queue.is_empty() {
            return Some(name);
        }
        self.queue.push_back(Piece::Mark(name));
        None
    }
    /// Drops what waits; its marks.
    pub(crate) fn clear(&mut self) -> Vec<String> {
        self.waits = 0;
        let marks = |piece| if let Piece::Mark(name) = piece { Some(name) } else { None };
        std::mem::take(&mut self.queue).into_iter().filter_map(marks).collect()
    }
    /// Plays 20 ms: the words that were heard, the marks that were passed.
    pub(crate) fn play(&mut self) -> (Vec<Spoken>, Vec<String>) {
        let (mut frame, mut marks) = (Vec::new(), Vec::new());
        let mut left = self.format.frame();
        while let Some(piece) = self.queue.front_mut() {
            match piece {
                Piece::Sound(samples) if left > 0 => {
                    frame.extend(samples.drain(..left.min(samples.len())));
                    if samples.is_empty() {
                        self.queue.pop_front();
                    }
                    left = self.format.frame() - frame.len();
                }
                Piece::Sound(_) => break,
                Piece::Mark(name) => {
                    marks.push(std::mem::take(name));
                    self.queue.pop_front();
                }
            }
        }
        self.waits -= frame.len();
        self.quiet = if frame.is_empty() { self.quiet.saturating_add(1) } else { 0 };
        if self.quiet == LATE {
            frame = vec![0; self.format.frame()];
        }
        (if frame.is_empty() { Vec::new() } else { self.ear.hear(&frame) }, marks)
    }
    /// The words that were whole when it ended.
    pub(crate) fn finish(&mut self) -> Vec<Spoken> {
        self.ear.hear(&vec![0; self.format.frame()])
    }
}
