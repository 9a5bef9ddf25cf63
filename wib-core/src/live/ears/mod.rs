//! Hearing one side of a call with several vendors, so that no word is lost when one of them fails in the middle.
//!
//! Everything that is said goes into a [`Ring`] first, and from there to the vendor that listens. Another one stands by,
//! connected and silent. When the first one fails (an error, an answer that does not come, a turn that does not end), the
//! other is given what lies in the ring from the first word on that was not told yet, and words that were told are known
//! again by their place. What the first one says afterwards is nobody's: it is no longer listened to.

mod session;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fmt, ops::Range, sync::Arc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, pending},
    stream::FuturesUnordered,
};
use tokio::sync::mpsc;

use self::session::{Open, Session};
use super::{
    Speaker,
    ring::{Place, Ring},
    sound::{FRAME_MS, Shape},
};
use crate::{
    kit::{Clock, time, time::Timestamp},
    ports::{
        Fault, LiveTranscriber, Sent, VendorError,
        live::{LiveEvent, LiveOrder, LiveStream, LiveWord, Turn},
    },
};

/// How ears are gone about. Every value has a default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EarPolicy {
    /// How much of each side's sound is kept to be heard again, in milliseconds.
    pub ring_ms: u32,
    /// How long a vendor may take to begin to listen.
    pub connect: Duration,
    /// How long speech may stay without a word about it before the vendor counts as dead.
    pub silent: Duration,
    /// How long a turn may stay open after the last word before its end is asked for; twice as long, and the vendor counts as
    /// dead.
    pub open: Duration,
    /// How long a turn may last before its end is asked for.
    pub longest_turn: Duration,
    /// Whether another vendor stands by, connected: it is billed for that.
    pub standby: bool,
    /// How long a vendor that failed is not asked again; doubled each time, to a minute.
    pub bench: Duration,
    /// How long the last words may take once the sound has ended.
    pub last_words: Duration,
}
impl Default for EarPolicy {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            ring_ms: 30_000,
            connect: seconds(3),
            silent: seconds(3),
            open: Duration::from_millis(2_500),
            longest_turn: seconds(15),
            standby: true,
            bench: seconds(2),
            last_words: seconds(4),
        }
    }
}

/// How often it is looked whether a vendor still lives.
const LOOK: Duration = Duration::from_millis(100);
/// Frames without a word about them that prove something: a cough is no speech. 400 ms.
const PROOF: usize = 20;
/// How long words as they are written are waited for, when a turn has ended as it was heard.
const WRITTEN_WITHIN: Duration = Duration::from_millis(400);
/// How long the first vendor of the list is waited for when another one is there already.
const GRACE: Duration = Duration::from_millis(700);
/// The longest time a vendor is not asked.
const LONGEST_BENCH: Duration = Duration::from_secs(60);
/// Frames of silence that are told of at once: a second.
const QUIET: Place = 50;
/// Frames after which nothing more is lost at that place: a second.
const LOST_ENDS: Place = 50;
/// How often in a row nobody may say a word about sound before it is taken for noise.
const NOISE: u32 = 2;

/// A word and where on the track it was said, in milliseconds.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) confidence_ppm: i64,
}
impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Word {{ {}..{} }}", self.from_ms, self.to_ms)
    }
}

/// What an ear tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What is being said, so far. Others will take the place of these words.
    Partial { words: Vec<Word> },
    /// What was said until a pause.
    Line { words: Vec<Word>, language: Option<String>, vendor: &'static str, live: bool },
    /// Nobody heard what was said there, in milliseconds of the track.
    Lost { from_ms: i64, to_ms: i64 },
    /// Another vendor listens now.
    Switched { from: &'static str, to: &'static str, why: &'static str },
    /// Everything that was said up to there was told.
    Until { ms: i64 },
}

/// Hears one side of a call.
pub(super) struct Ear {
    clock: Arc<dyn Clock>,
    vendors: Arc<[Arc<dyn LiveTranscriber>]>,
    policy: EarPolicy,
    order: LiveOrder,
    speaker: Speaker,
    ring: Ring,
    owners: u64,
    active: Option<Session>,
    standby: Option<Session>,
    opening: FuturesUnordered<BoxFuture<'static, (usize, Result<LiveStream, VendorError>)>>,
    asked: Vec<usize>,
    /// How often each vendor failed in a row, and until when it is not asked.
    bench: Vec<(u32, Timestamp)>,
    /// Turns as they were heard that wait to be written.
    unwritten: VecDeque<(Turn, Timestamp)>,
    /// Where words were lost that nobody was told of.
    lost: Option<Range<Place>>,
    /// When the last one failed, and what it was.
    failed: Option<(Timestamp, &'static str, &'static str)>,
    /// How often in a row speech got no answer from anybody.
    unheard: u32,
    until: Place,
    looked: Timestamp,
    tell: mpsc::Sender<Told>,
    ended: bool,
}

/// What woke an ear.
enum Woken {
    Sound(Option<bytes::Bytes>),
    Heard(Result<LiveEvent, VendorError>),
    StoodBy(Result<LiveEvent, VendorError>),
    Opened(usize, Result<LiveStream, VendorError>),
    Look,
}

async fn heard(session: &mut Option<Session>) -> Result<LiveEvent, VendorError> {
    match session {
        Some(session) => session.next().await,
        None => pending().await,
    }
}

impl Ear {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        vendors: Arc<[Arc<dyn LiveTranscriber>]>,
        policy: EarPolicy,
        (speaker, shape, language): (Speaker, Shape, Option<String>),
        tell: mpsc::Sender<Told>,
    ) -> Self {
        let order = LiveOrder {
            encoding: shape.encoding,
            sample_rate: shape.rate,
            language,
            formatted: true,
            ..LiveOrder::default()
        };
        let bench = vec![(0, Timestamp::MIN); vendors.len()];
        Self {
            ring: Ring::new(shape, policy.ring_ms),
            clock,
            vendors,
            policy,
            order,
            speaker,
            owners: 0,
            active: None,
            standby: None,
            opening: FuturesUnordered::new(),
            asked: vec![],
            bench,
            unwritten: VecDeque::new(),
            lost: None,
            failed: None,
            unheard: 0,
            until: 0,
            looked: Timestamp::MIN,
            tell,
            ended: false,
        }
    }

    /// Hears until the sound ends, and then the last words. Frames are 20 ms each, all that there are: silence where one was
    /// lost.
    pub(super) async fn run(mut self, mut sound: mpsc::Receiver<bytes::Bytes>) {
        let mut look = self.clock.now();
        loop {
            self.ask();
            let now = self.clock.now();
            look = if look <= now { time::after(now, LOOK) } else { look };
            let woken = tokio::select! {
                biased;
                Some((at, opened)) = self.opening.next(), if !self.opening.is_empty() => Woken::Opened(at, opened),
                event = heard(&mut self.active) => Woken::Heard(event),
                event = heard(&mut self.standby) => Woken::StoodBy(event),
                frame = sound.recv() => Woken::Sound(frame),
                () = self.clock.sleep_until(look) => Woken::Look,
            };
            match woken {
                Woken::Sound(Some(frame)) => self.push(frame),
                Woken::Sound(None) => break,
                Woken::Heard(event) => self.hear(event).await,
                // Nothing is said to it: whatever it says but an end is courtesy.
                Woken::StoodBy(Err(error)) => self.dismiss_standby(&error),
                Woken::StoodBy(Ok(LiveEvent::Ended { .. })) => self.standby = None,
                Woken::StoodBy(Ok(_)) => {}
                Woken::Opened(at, opened) => self.opened(at, opened),
                Woken::Look => {}
            }
            self.promote().await;
            self.give(false).await;
            self.watch().await;
            if self.tell.is_closed() {
                return;
            }
        }
        self.ended = true;
        self.last_words().await;
    }

    fn push(&mut self, frame: bytes::Bytes) {
        let Some(fallen) = self.ring.push(frame) else { return };
        metrics::counter!("wib_live_frames_unheard_total", "speaker" => self.speaker.as_str()).increment(1);
        let lost = self.lost.get_or_insert(fallen..fallen + 1);
        lost.end = fallen + 1;
    }

    /// Whether a vendor may be asked now.
    fn free(&self, at: usize) -> bool {
        let used = |session: &Option<Session>| session.as_ref().is_some_and(|session| session.at == at);
        let alone = self.vendors.len() == 1;
        !self.asked.contains(&at)
            && self.bench[at].1 <= self.clock.now()
            && (alone || !used(&self.active))
            && !used(&self.standby)
    }

    /// Asks vendors to listen: one that does, and one that stands by.
    fn ask(&mut self) {
        let wanted = 1 + usize::from(self.policy.standby);
        let there = usize::from(self.active.is_some()) + usize::from(self.standby.is_some()) + self.asked.len();
        for at in
            (0..self.vendors.len()).filter(|at| self.free(*at)).take(wanted.saturating_sub(there)).collect::<Vec<_>>()
        {
            let (vendor, order) = (self.vendors[at].clone(), self.order.clone());
            let (clock, within, name) = (self.clock.clone(), self.policy.connect, vendor.vendor());
            self.asked.push(at);
            let late = move || VendorError::new(name, Fault::Timeout, Sent::Unknown, "it does not begin to listen");
            let open = async move {
                let opened = time::timeout(&*clock, within, vendor.listen(&order)).await;
                (at, opened.unwrap_or_else(|| Err(late())))
            };
            self.opening.push(open.boxed());
        }
    }

    fn opened(&mut self, at: usize, opened: Result<LiveStream, VendorError>) {
        self.asked.retain(|asked| *asked != at);
        match opened {
            Ok(stream) => {
                self.owners += 1;
                let vendor = &self.vendors[at];
                let about = (vendor.vendor(), vendor.live(), vendor.pace());
                let session = Session::new(self.owners, at, about, stream, self.clock.now());
                match self.standby {
                    None => self.standby = Some(session),
                    Some(_) => self.farewell(session),
                }
            }
            Err(error) => self.bench(at, self.vendors[at].vendor(), "connect", &error),
        }
    }

    fn bench(&mut self, at: usize, vendor: &'static str, why: &'static str, error: &VendorError) {
        tracing::warn!(vendor, speaker = self.speaker.as_str(), error = %error, "a live transcriber does not hear");
        metrics::counter!("wib_live_failures_total", "vendor" => vendor, "why" => why).increment(1);
        let (times, until) = &mut self.bench[at];
        // Once is an accident.
        let wait = times.checked_sub(1).map(|n| self.policy.bench.saturating_mul(1 << n.min(6)).min(LONGEST_BENCH));
        let wait = wait.unwrap_or_default();
        *times += 1;
        *until = time::after(self.clock.now(), wait);
    }

    fn dismiss_standby(&mut self, error: &VendorError) {
        if let Some(session) = self.standby.take() {
            self.bench(session.at, session.vendor, "standby", error);
        }
    }

    /// Has the one that stands by listen, when nobody does.
    async fn promote(&mut self) {
        if self.active.is_some() {
            return;
        }
        let Some(ready) = &self.standby else { return };
        // The first of the list is given a moment.
        let first = self.asked.iter().any(|asked| *asked < ready.at) && self.failed.is_none() && !self.ended;
        if first && self.clock.now() < time::after(ready.opened(), GRACE) {
            return;
        }
        let Some(mut session) = self.standby.take() else { return };
        self.ring.afresh();
        session.begin(self.ring.anew());
        if let Some((at, from, why)) = self.failed.take() {
            let took = self.clock.now().duration_since(at);
            metrics::histogram!("wib_live_takeover_seconds").record(took.as_secs_f64());
            metrics::counter!("wib_live_switches_total", "from" => from, "to" => session.vendor, "why" => why)
                .increment(1);
            let _ = self.tell.send(Told::Switched { from, to: session.vendor, why }).await;
        }
        self.active = Some(session);
    }

    async fn give(&mut self, hurry: bool) {
        let Some(session) = &mut self.active else { return };
        if let Err(error) = session.give(&mut self.ring, &*self.clock, hurry).await {
            self.fail(&error, "broken");
        }
    }

    /// The one that listens is dead: another takes its place.
    fn fail(&mut self, error: &VendorError, why: &'static str) {
        let Some(dead) = self.active.take() else { return };
        self.bench(dead.at, dead.vendor, why, error);
        self.failed = Some((self.clock.now(), dead.vendor, why));
        self.unwritten.clear();
        self.farewell(dead);
    }

    /// Without a farewell a session is billed until its own limit. Nobody waits for it.
    fn farewell(&self, mut session: Session) {
        let clock = self.clock.clone();
        tokio::spawn(async move { session.terminate(&*clock).await });
    }

    async fn hear(&mut self, event: Result<LiveEvent, VendorError>) {
        match event {
            Ok(LiveEvent::Turn(turn)) => self.turn(turn).await,
            Ok(LiveEvent::Ended { .. }) if self.ended => self.active = None,
            Ok(LiveEvent::Ended { .. }) => {
                let vendor = self.active.as_ref().map_or("", |session| session.vendor);
                self.fail(&VendorError::new(vendor, Fault::Timeout, Sent::Unknown, "it ended by itself"), "ended");
            }
            Ok(_) => {}
            Err(error) => self.fail(&error, "error"),
        }
    }

    async fn turn(&mut self, turn: Turn) {
        let now = self.clock.now();
        let Some(session) = &mut self.active else { return };
        if session.over.contains_key(&turn.order) {
            return;
        }
        let owner = session.owner;
        if let Some(last) = turn.words.last() {
            let first = turn.words.first().unwrap_or(last);
            self.ring.report(session.frames(first).start..session.frames(last).end);
            self.unheard = 0;
            self.bench[session.at].0 = 0;
        }
        if !turn.ended {
            let words = placed(session, &turn.words);
            let since = session.open.get(&turn.order).map_or(now, |open| open.since);
            session.open.insert(turn.order, Open { turn, since, told: now });
            if !words.is_empty() {
                // Who shows them is slow: the next ones say the same and more.
                let _ = self.tell.try_send(Told::Partial { words });
            }
            return;
        }
        let known = self.unwritten.iter().position(|(known, _)| known.order == turn.order);
        if !turn.formatted && self.order.formatted && known.is_none() {
            self.unwritten.push_back((turn, time::after(now, WRITTEN_WITHIN)));
            return;
        }
        known.map(|at| self.unwritten.remove(at));
        self.line(owner, turn).await;
    }

    /// Tells a turn that has ended, without the words that were told before.
    async fn line(&mut self, owner: u64, turn: Turn) {
        let Some(session) = self.active.as_mut().filter(|session| session.owner == owner) else { return };
        let (order, language) = (turn.order, turn.language.clone());
        let words = placed(session, &turn.words);
        let fresh: Vec<Word> = words.into_iter().filter(|word| !self.ring.told(frames(word))).collect();
        session.close(order);
        session.asked = None;
        session.forget(self.ring.first());
        let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else { return };
        let (from, to) = (frames(first).start, frames(last).end);
        self.ring.tell(from..to);
        // What it went past without a word is no speech, but for turns that are still open.
        let open = session.open.values().filter_map(|open| open.turn.words.first());
        let passed = open.map(|word| session.frames(word).start).min().unwrap_or(from).min(from);
        self.ring.pass(passed);
        let (vendor, live) = (session.vendor, session.live);
        let _ = self.tell.send(Told::Line { words: fresh, language, vendor, live }).await;
        self.until(self.ring.untold().unwrap_or(to).min(to)).await;
    }

    async fn until(&mut self, place: Place) {
        if place > self.until {
            self.until = place;
            let _ = self.tell.send(Told::Until { ms: ms(place) }).await;
        }
    }

    /// Whether the one that listens still lives.
    async fn watch(&mut self) {
        let now = self.clock.now();
        if now < time::after(self.looked, LOOK) {
            return;
        }
        self.looked = now;
        while let Some((turn, _)) = self.unwritten.pop_front_if(|(_, until)| *until <= now) {
            let owner = self.active.as_ref().map_or(0, |session| session.owner);
            self.line(owner, turn).await;
        }
        if self.active.is_some()
            && let Some(lost) = self.lost.take_if(|lost| self.ring.first() > lost.end + LOST_ENDS)
        {
            let _ = self.tell.send(Told::Lost { from_ms: ms(lost.start), to_ms: ms(lost.end) }).await;
        }
        let Some(session) = &mut self.active else { return };
        // Silence is heard, too.
        let quiet = session.open.is_empty() && self.unwritten.is_empty();
        let heard = session.cursor;
        if quiet && heard > self.until + QUIET && self.ring.untold().is_none() {
            return self.until(heard.min(self.ring.anew().max(self.until))).await;
        }
        let (count, since) = self.ring.unanswered();
        let patience = self.policy.silent.saturating_mul(1 << self.unheard.min(4));
        let silent = since.is_some_and(|since| past(since, now) > patience);
        if count >= PROOF && silent {
            self.unheard += 1;
            if self.unheard > NOISE {
                // Nobody hears a word in it: most likely it is no speech. The recording will tell.
                if let Some(spoken) = self.ring.pass(session.cursor) {
                    let _ = self.tell.send(Told::Lost { from_ms: ms(spoken.start), to_ms: ms(spoken.end) }).await;
                }
                return;
            }
            let error =
                VendorError::new(session.vendor, Fault::Timeout, Sent::Unknown, "speech without a word about it");
            return self.fail(&error, "silent");
        }
        let spoken = self.ring.last_spoken_ms().unwrap_or(0);
        let idle = |open: &Open| past(open.told.as_millisecond().max(spoken), now);
        let open = session.open.values();
        let stale = open.clone().any(|open| idle(open) > self.policy.open);
        let long = open.clone().any(|open| past(open.since.as_millisecond(), now) > self.policy.longest_turn);
        match session.asked {
            None if stale || long => {
                session.asked = Some(now);
                if let Err(error) = session.end_turn(&*self.clock).await {
                    self.fail(&error, "broken");
                }
            }
            Some(_) if session.open.is_empty() => session.asked = None,
            Some(asked) if now < time::after(asked, self.policy.open) => {}
            Some(_) => {
                let error = VendorError::new(session.vendor, Fault::Timeout, Sent::Unknown, "a turn does not end");
                self.fail(&error, "open");
            }
            None => {}
        }
    }

    /// The sound has ended: whoever listens is given the rest and asked for the last words; when they do not come, somebody
    /// else is.
    async fn last_words(&mut self) {
        let until = time::after(self.clock.now(), self.policy.last_words.saturating_mul(2));
        let mut asked: Option<(u64, Timestamp)> = None;
        let mut tries = 0;
        while self.clock.now() < until && tries <= 2 * self.vendors.len() {
            let now = self.clock.now();
            while let Some((turn, _)) = self.unwritten.pop_front_if(|(_, until)| *until <= now) {
                let owner = self.active.as_ref().map_or(0, |session| session.owner);
                self.line(owner, turn).await;
            }
            if self.active.is_none() {
                if self.ring.untold().is_none() {
                    break;
                }
                self.ask();
                self.promote().await;
            }
            if let Some(session) =
                self.active.as_ref().filter(|session| asked.is_none_or(|(owner, _)| owner != session.owner))
            {
                asked = Some((session.owner, time::after(now, self.policy.last_words)));
                tries += 1;
                self.give(true).await;
                if let Some(session) = &mut self.active
                    && let Err(error) = session.terminate(&*self.clock).await
                {
                    self.fail(&error, "broken");
                }
                continue;
            }
            let late = asked.filter(|_| self.active.is_some()).map_or(until, |(_, late)| late);
            let soon = time::after(now, LOOK).min(late).min(until);
            tokio::select! {
                biased;
                Some((at, opened)) = self.opening.next(), if !self.opening.is_empty() => self.opened(at, opened),
                event = heard(&mut self.active) => self.hear(event).await,
                () = self.clock.sleep_until(soon) => {
                    if let Some(session) = self.active.as_ref().filter(|_| self.clock.now() >= late) {
                        let error = VendorError::new(session.vendor, Fault::Timeout, Sent::Unknown, "no last words");
                        self.fail(&error, "silent");
                    }
                }
            }
        }
        self.close().await;
    }

    async fn close(&mut self) {
        while let Some((turn, _)) = self.unwritten.pop_front() {
            let owner = self.active.as_ref().map_or(0, |session| session.owner);
            self.line(owner, turn).await;
        }
        let rest = self.ring.untold().map(|from| from..self.ring.end());
        if let Some(lost) = self.lost.take().or_else(|| rest.clone()) {
            let end = rest.map_or(lost.end, |rest| rest.end);
            let _ = self.tell.send(Told::Lost { from_ms: ms(lost.start), to_ms: ms(end) }).await;
        } else {
            self.until(self.ring.end()).await;
        }
        for mut session in self.standby.take().into_iter().chain(self.active.take()) {
            let _ = session.terminate(&*self.clock).await;
        }
    }
}

fn past(since_ms: i64, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.as_millisecond() - since_ms).unwrap_or(0))
}

fn ms(place: Place) -> i64 {
    i64::try_from(place.saturating_mul(u64::from(FRAME_MS))).unwrap_or(i64::MAX)
}

fn frames(word: &Word) -> Range<Place> {
    let frame = i64::from(FRAME_MS);
    let place = |ms: i64| u64::try_from(ms / frame).unwrap_or(0);
    place(word.from_ms)..place(word.to_ms)
}

fn placed(session: &Session, words: &[LiveWord]) -> Vec<Word> {
    let place = |word: &LiveWord| {
        let frames = session.frames(word);
        Word {
            text: word.text.clone(),
            from_ms: ms(frames.start),
            to_ms: ms(frames.end),
            confidence_ppm: word.confidence_ppm,
        }
    };
    words.iter().map(place).collect()
}
