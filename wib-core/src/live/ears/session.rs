//! One stream to one vendor, as an ear uses it.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use bytes::BytesMut;

use super::super::{
    ring::{Place, Ring},
    sound::FRAME_MS,
};
use crate::{
    kit::{Clock, time, time::Timestamp},
    ports::{
        Fault, Sent, VendorError,
        live::{LiveEvent, LiveStream, LiveWord, Turn},
    },
};

/// Frames that are given at once when there are many: half a second.
const AT_ONCE: u64 = 25;
/// Silence that is left between words when a session has to catch up: 300 ms.
const SILENCE_LEFT: u64 = 15;
/// Silence that ends a turn: where it was left out, the end is asked for. 700 ms.
const SILENCE_ENDS: u64 = 35;
/// How long the vendor may take to take a piece of audio.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// A stretch of a session's audio: where it began there, and on the track.
#[derive(Clone, Copy, Debug)]
struct Piece {
    theirs: u64,
    ours: Place,
}

/// What is open of a turn.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) turn: Turn,
    pub(super) since: Timestamp,
    pub(super) told: Timestamp,
}

/// A stream to a vendor.
#[derive(Debug)]
pub(super) struct Session {
    /// Who owns the words: what comes of an earlier one is nobody's.
    pub(super) owner: u64,
    /// Which of the vendors.
    pub(super) at: usize,
    pub(super) vendor: &'static str,
    pub(super) live: bool,
    stream: LiveStream,
    opened: Timestamp,
    pace: u32,
    /// The next frame to be given.
    pub(super) cursor: Place,
    /// Frames that were given.
    given: u64,
    /// Silent frames in a row, given and left out.
    silent: u64,
    pieces: Vec<Piece>,
    pub(super) open: BTreeMap<i64, Open>,
    /// Turns that were told; of each nothing more is taken.
    pub(super) over: BTreeMap<i64, ()>,
    /// The end of an open turn was asked for then.
    pub(super) asked: Option<Timestamp>,
}

/// Turns whose end is remembered.
const OVER: usize = 1_000;

impl Session {
    pub(super) fn new(
        owner: u64,
        at: usize,
        vendor: (&'static str, bool, u32),
        stream: LiveStream,
        now: Timestamp,
    ) -> Self {
        let (vendor, live, pace) = vendor;
        Self {
            owner,
            at,
            vendor,
            live,
            stream,
            opened: now,
            pace,
            cursor: 0,
            given: 0,
            silent: 0,
            pieces: vec![],
            open: BTreeMap::new(),
            over: BTreeMap::new(),
            asked: None,
        }
    }
    /// When it began to stand by.
    pub(super) fn opened(&self) -> Timestamp {
        self.opened
    }
    /// Begins to listen at a place.
    pub(super) fn begin(&mut self, at: Place) {
        self.cursor = at;
        match self.pieces.last_mut() {
            Some(last) if last.theirs == self.given => last.ours = at,
            _ => self.pieces.push(Piece { theirs: self.given, ours: at }),
        }
    }
    /// What comes next; dropped while it waits, it loses nothing.
    pub(super) async fn next(&mut self) -> Result<LiveEvent, VendorError> {
        let over = || VendorError::new(self.vendor, Fault::Down, Sent::Unknown, "the stream ended by itself");
        self.stream.turns.next().await.and_then(|event| event.ok_or_else(over))
    }
    /// Remembers that a turn was told.
    pub(super) fn close(&mut self, order: i64) {
        self.open.remove(&order);
        self.over.insert(order, ());
        while self.over.len() > OVER {
            self.over.pop_first();
        }
    }
    /// Whether it is behind what was said by more than a frame.
    pub(super) fn behind(&self, ring: &Ring) -> bool {
        ring.end() > self.cursor + 1
    }

    /// How many frames may be given now: as fast as the vendor takes them, counted from when the session was opened. One that
    /// stood by has saved up for what it has to catch up on.
    fn allowed(&self, now: Timestamp) -> u64 {
        let open_ms = u64::try_from(now.duration_since(self.opened).as_millis()).unwrap_or(0);
        let frames = open_ms * u64::from(self.pace) / 100 / u64::from(FRAME_MS);
        // A vendor's clock is not ours: a little more is taken, or nothing would ever be live.
        (frames + AT_ONCE).saturating_sub(self.given)
    }

    /// Gives what there is to be given. In a hurry the pace does not count.
    pub(super) async fn give(&mut self, ring: &mut Ring, clock: &dyn Clock, hurry: bool) -> Result<(), VendorError> {
        if self.cursor < ring.first() {
            self.begin(ring.first());
        }
        while self.cursor < ring.end() {
            let now = clock.now();
            let most = if hurry { AT_ONCE } else { self.allowed(now).min(AT_ONCE) };
            if most == 0 {
                return Ok(());
            }
            let (audio, range, ends) = self.take(ring, most);
            if !audio.is_empty() {
                self.push(clock, &audio).await?;
                ring.given(range, now.as_millisecond());
            }
            if ends {
                self.end_turn(clock).await?;
            }
        }
        Ok(())
    }

    /// The next frames, and whether a silence that ends a turn was left out behind them.
    fn take(&mut self, ring: &Ring, most: u64) -> (BytesMut, Range<Place>, bool) {
        let (mut audio, from) = (BytesMut::new(), self.cursor);
        let (behind, mut count) = (self.behind(ring), 0);
        while count < most && self.cursor < ring.end() {
            let Some((sound, spoken)) = ring.frame(self.cursor) else { break };
            self.silent = if spoken { 0 } else { self.silent + 1 };
            if behind && self.silent > SILENCE_LEFT {
                if count > 0 {
                    // What was gathered goes before the leap.
                    self.silent -= 1;
                    return (audio, from..self.cursor, false);
                }
                let ends = self.silent == SILENCE_ENDS;
                self.begin(self.cursor + 1);
                if ends {
                    return (audio, from..from, true);
                }
                continue;
            }
            audio.extend_from_slice(sound);
            self.cursor += 1;
            self.given += 1;
            count += 1;
        }
        (audio, from.max(self.cursor.saturating_sub(count))..self.cursor, false)
    }

    async fn push(&mut self, clock: &dyn Clock, audio: &[u8]) -> Result<(), VendorError> {
        let taken = time::timeout(clock, TAKEN_WITHIN, self.stream.audio.push(audio)).await;
        taken.unwrap_or_else(|| Err(self.stuck()))
    }
    pub(super) async fn end_turn(&mut self, clock: &dyn Clock) -> Result<(), VendorError> {
        let taken = time::timeout(clock, TAKEN_WITHIN, self.stream.audio.end_turn()).await;
        taken.unwrap_or_else(|| Err(self.stuck()))
    }
    /// Says that no more comes; the last turns come still.
    pub(super) async fn terminate(&mut self, clock: &dyn Clock) -> Result<(), VendorError> {
        let taken = time::timeout(clock, TAKEN_WITHIN, self.stream.audio.terminate()).await;
        taken.unwrap_or_else(|| Err(self.stuck()))
    }
    fn stuck(&self) -> VendorError {
        VendorError::new(self.vendor, Fault::Timeout, Sent::Unknown, "audio is not taken")
    }

    /// The frames of a word.
    pub(super) fn frames(&self, word: &LiveWord) -> Range<Place> {
        let from = self.place(word.span.start_ms, false);
        let to = self.place(word.span.end_ms, true);
        from..to.max(from + 1)
    }
    /// The frame of the track that a millisecond of theirs lies in: the nearest edge, so that words side by side share none.
    fn place(&self, ms: i64, end: bool) -> Place {
        let frame = u64::from(FRAME_MS);
        let theirs = (u64::try_from(ms).unwrap_or(0) + frame / 2) / frame;
        // The end of one piece is not the beginning of the next.
        let within = |piece: &&Piece| if end { piece.theirs < theirs } else { piece.theirs <= theirs };
        let piece = self.pieces.iter().rev().find(within).or(self.pieces.first());
        piece.map_or(theirs, |piece| piece.ours + theirs.saturating_sub(piece.theirs))
    }
    /// Forgets pieces that lie before everything that is kept.
    pub(super) fn forget(&mut self, before: Place) {
        let gone = self.pieces.iter().skip(1).take_while(|piece| piece.ours < before).count();
        self.pieces.drain(..gone);
    }
}
