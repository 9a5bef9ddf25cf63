//! The last seconds of one side's sound, frame by frame, and what became of each frame.

use std::{collections::VecDeque, ops::Range};

use audio_codec_algorithms::decode_ulaw;
use bytes::Bytes;

use super::sound::{FRAME_MS, Shape};
use crate::ports::live::Encoding;

/// The mean of a frame's samples above which somebody speaks.
const SPOKEN: u64 = 250;
/// Spoken frames in a row that may be a word: 100 ms.
const WORD: u64 = 5;

/// Frames before a word that are heard again with it: it may begin quietly. 200 ms.
const BEFORE: u32 = 10;

/// A place on a track: the first frame is 0.
pub(super) type Place = u64;

/// What is known of a frame.
#[derive(Clone, Debug)]
struct Slot {
    sound: Bytes,
    spoken: bool,
    /// When it was given to the session that listens, in milliseconds of the clock.
    given_ms: Option<i64>,
    /// Somebody said that there is a word in it, which may still change.
    reported: bool,
    /// It belongs to a line that was told.
    told: bool,
    /// Whoever listens went on to later words without a word about it.
    passed: bool,
}
impl Slot {
    /// Whether it may hold a word that nobody was told of.
    fn open(&self) -> bool {
        self.spoken && !self.told && !self.passed
    }
}

/// The last seconds of a track. What is older is gone.
#[derive(Debug)]
pub(super) struct Ring {
    shape: Shape,
    first: Place,
    slots: VecDeque<Slot>,
    most: usize,
}

/// What fell out of a ring without being heard.
pub(super) type Fallen = Option<Place>;

impl Ring {
    pub(super) fn new(shape: Shape, most_ms: u32) -> Self {
        let most = usize::try_from(most_ms / FRAME_MS).unwrap_or(1).max(1);
        Self { shape, first: 0, slots: VecDeque::new(), most }
    }
    /// Behind the newest frame.
    pub(super) fn end(&self) -> Place {
        self.first + self.slots.len() as u64
    }
    /// The oldest frame that is there.
    pub(super) fn first(&self) -> Place {
        self.first
    }
    /// Takes the next frame; the place of one that fell out unheard.
    pub(super) fn push(&mut self, sound: Bytes) -> Fallen {
        let spoken = mean(&sound, self.shape.encoding) > SPOKEN;
        self.slots.push_back(Slot { sound, spoken, given_ms: None, reported: false, told: false, passed: false });
        let mut fallen = None;
        if self.slots.len() > self.most {
            let open = self.slots.pop_front().is_some_and(|slot| slot.open());
            fallen = open.then_some(self.first);
            self.first += 1;
        }
        fallen
    }
    fn slot(&self, at: Place) -> Option<&Slot> {
        self.slots.get(usize::try_from(at.checked_sub(self.first)?).ok()?)
    }
    fn within(&mut self, range: Range<Place>) -> impl Iterator<Item = &mut Slot> {
        let index =
            |at: Place| usize::try_from(at.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.slots.len());
        let (from, to) = (index(range.start), index(range.end));
        self.slots.range_mut(from..to.max(from))
    }
    /// A frame, and whether somebody speaks in it.
    pub(super) fn frame(&self, at: Place) -> Option<(&Bytes, bool)> {
        self.slot(at).map(|slot| (&slot.sound, slot.spoken))
    }
    /// Notes that frames were given to who listens.
    pub(super) fn given(&mut self, range: Range<Place>, now_ms: i64) {
        self.within(range).for_each(|slot| slot.given_ms = Some(now_ms));
    }
    /// Somebody else listens: nothing was given to them, and what the other said may change.
    pub(super) fn afresh(&mut self) {
        for slot in &mut self.slots {
            (slot.given_ms, slot.reported) = (None, false);
        }
    }
    /// Notes that there are words in these frames.
    pub(super) fn report(&mut self, range: Range<Place>) {
        self.within(range).for_each(|slot| slot.reported = true);
    }
    /// Notes that a line with these frames was told.
    pub(super) fn tell(&mut self, range: Range<Place>) {
        self.within(range).for_each(|slot| slot.told = true);
    }
    /// Notes that what was given before a place, and nobody has said a word about, has none; from where to where somebody
    /// spoke in it all the same.
    pub(super) fn pass(&mut self, before: Place) -> Option<Range<Place>> {
        let first = self.first;
        let mut spoken: Option<Range<Place>> = None;
        let slots = self.within(first..before).zip(first..);
        for (slot, at) in slots.filter(|(slot, _)| slot.given_ms.is_some() && !slot.reported) {
            if slot.open() {
                spoken.get_or_insert(at..at).end = at + 1;
            }
            slot.passed = true;
        }
        spoken
    }
    /// Whether most of these frames were told already.
    pub(super) fn told(&mut self, range: Range<Place>) -> bool {
        let outside = range.end <= self.first;
        let (mut told, mut all) = (0, 0);
        for slot in self.within(range) {
            told += u32::from(slot.told);
            all += 1;
        }
        outside || told * 2 > all
    }
    /// The first words that were not told.
    pub(super) fn untold(&self) -> Option<Place> {
        let mut run = 0;
        for (slot, at) in self.slots.iter().zip(self.first..) {
            run = if slot.open() { run + 1 } else { 0 };
            if run >= WORD {
                return Some(at + 1 - run);
            }
        }
        None
    }
    /// Where somebody else has to begin to listen: a moment before the first words that were not told, or before what may be
    /// the beginning of one.
    pub(super) fn anew(&self) -> Place {
        let tail = || {
            let run = self.slots.iter().rev().take_while(|slot| slot.open()).count();
            self.end() - run as u64
        };
        let mut place = self.untold().unwrap_or_else(tail);
        for _ in 0..BEFORE {
            let before = place.checked_sub(1).and_then(|at| self.slot(at));
            if before.is_none_or(|slot| slot.told || slot.passed) {
                break;
            }
            place -= 1;
        }
        place
    }
    /// Spoken frames that were given and that nobody has said a word about: how many, and when the first was given.
    pub(super) fn unanswered(&self) -> (usize, Option<i64>) {
        let open = |slot: &&Slot| slot.open() && !slot.reported && slot.given_ms.is_some();
        let mut slots = self.slots.iter().filter(open).peekable();
        let since = slots.peek().and_then(|slot| slot.given_ms);
        (slots.count(), since)
    }
    /// When the last spoken frame was given.
    pub(super) fn last_spoken_ms(&self) -> Option<i64> {
        self.slots.iter().rev().filter(|slot| slot.spoken).find_map(|slot| slot.given_ms)
    }
}

fn mean(sound: &[u8], encoding: Encoding) -> u64 {
    let sum = |samples: &mut dyn Iterator<Item = i16>| {
        samples.fold((0u64, 0u64), |(sum, n), sample| (sum + u64::from(sample.unsigned_abs()), n + 1))
    };
    let (sum, n) = match encoding {
        Encoding::Mulaw => sum(&mut sound.iter().map(|byte| decode_ulaw(*byte))),
        Encoding::S16le => sum(&mut sound.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]))),
    };
    sum / n.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { encoding: Encoding::Mulaw, rate: 8_000 };

    /// One frame a letter: `x` is speech.
    fn ring(frames: &str) -> Ring {
        let mut ring = Ring::new(SHAPE, 30_000);
        for frame in frames.chars() {
            ring.push(Bytes::from(vec![if frame == 'x' { 0x20 } else { 0xff }; 160]));
        }
        ring
    }

    #[test]
    fn listening_begins_anew_at_the_first_words_that_were_not_told() {
        let mut ring = ring("..xxxxxx..xx..xxxxxx");
        assert_eq!((ring.untold(), ring.anew()), (Some(2), 0));
        ring.tell(2..8);
        assert_eq!((ring.untold(), ring.anew()), (Some(14), 8), "a crackle is no word");
        ring.tell(14..20);
        assert_eq!((ring.untold(), ring.anew()), (None, 20));
        ring.push(Bytes::from(vec![0x20; 160]));
        assert_eq!((ring.untold(), ring.anew()), (None, 20), "a word may have begun");
    }

    #[test]
    fn words_that_were_told_are_known_again_by_their_place() {
        let mut ring = ring("xxxxxxxxxx");
        ring.tell(0..5);
        assert!(ring.told(0..5) && ring.told(1..6) && !ring.told(4..9) && !ring.told(5..10));
    }

    #[test]
    fn what_falls_out_unheard_is_told_and_the_ring_stays_small() {
        let mut ring = Ring::new(SHAPE, 100);
        let frame = |spoken| Bytes::from(vec![if spoken { 0x20 } else { 0xff }; 160]);
        for at in 0..5 {
            assert_eq!(ring.push(frame(at != 1)), None);
        }
        assert_eq!(ring.push(frame(true)), Some(0));
        assert_eq!(ring.push(frame(true)), None, "nobody spoke");
        ring.tell(2..3);
        assert_eq!(ring.push(frame(true)), None, "it was heard");
        assert_eq!((ring.first(), ring.end()), (3, 8));
    }

    #[test]
    fn what_nobody_says_a_word_about_is_counted_from_when_it_was_given() {
        let mut ring = ring("xxxx....xxxx");
        ring.given(0..4, 100);
        ring.given(4..10, 300);
        assert_eq!(ring.unanswered(), (6, Some(100)));
        ring.report(0..4);
        assert_eq!((ring.unanswered(), ring.last_spoken_ms()), ((2, Some(300)), Some(300)));
        ring.afresh();
        assert_eq!(ring.unanswered(), (0, None));
    }
}
