//! What no vendor tells: who said what, which cards were given, what lies on an answering machine.

use wib_core::kit::time::Timestamp;

use super::{Sandbox, cards::Card, network::Call, scripts::Side, streams::Played, world::World};

/// What an answering machine recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voicemail {
    /// The words that are on it.
    pub text: String,
    /// Words are missing: the message began before the beep, or the call ended before the message did.
    pub cut_off: bool,
}

/// A word that was said, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// `agent` or `customer`.
    pub speaker: &'static str,
    /// The word as it is written.
    pub text: String,
    /// When it began.
    pub start: Timestamp,
    /// When it was over.
    pub end: Timestamp,
}

/// How many words were left out, put in or misheard: the least changes that make `heard` of what was `said`. Divided by
/// the words that were said this is the word error rate.
#[must_use]
pub fn word_errors(said: &[&str], heard: &[&str]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (nth, word) in said.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], nth + 1);
        for (at, other) in heard.iter().enumerate() {
            let changed = diagonal + usize::from(word != other);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[heard.len()]
}

impl Sandbox {
    /// The reference script of the latest call with this number: every word that was said to its end by now, on both
    /// sides, in the order in which they began. What came over streams is in it as the agent's.
    #[must_use]
    pub fn words(&self, number: &str) -> Vec<Word> {
        let now = self.0.clock.now();
        let mut world = self.world();
        world.settle(now);
        world.words(number)
    }
    /// The words that were really played to this leg, by its control id, of what applications sent over streams.
    #[must_use]
    pub fn played(&self, control_id: &str) -> Vec<Word> {
        let now = self.0.clock.now();
        let mut world = self.world();
        world.settle(now);
        let call = world.phones.by_control_id.get(control_id).and_then(|key| world.phones.calls.get(key));
        let played = call.into_iter().flat_map(|call| &call.acts.played);
        let word = |word: &Played| Word { speaker: "agent", text: word.text.clone(), start: word.start, end: word.end };
        played.map(word).collect()
    }
    /// What was said so far on the latest call with this number: `agent` or `customer`, and the words. A line counts once
    /// it is said to its end.
    #[must_use]
    pub fn said(&self, number: &str) -> Vec<(&'static str, String)> {
        let speaker = |side| if side == Side::Agent { "agent" } else { "customer" };
        let lines = |call: &Call, now: Timestamp| {
            let until = call.ended_at.unwrap_or(now).min(now);
            let mut over: Vec<_> = call.said.iter().filter(|said| said.end <= until).collect();
            over.sort_by_key(|said| said.start);
            over.into_iter().map(|said| (speaker(said.side), said.text.clone())).collect()
        };
        self.calls_with(number, |calls, now| calls.last().map(|call| lines(call, now))).unwrap_or_default()
    }
    /// The cards that were given on calls with this number, spoken or pressed, oldest first. A card counts as soon as the
    /// person has begun to talk.
    #[must_use]
    pub fn spoken_cards(&self, number: &str) -> Vec<Card> {
        self.calls_with(number, |calls, _| {
            calls.filter(|call| call.talks).filter_map(|call| call.card.clone()).collect()
        })
    }
    /// The latest message on this number's answering machine, as far as it was spoken by now; `None` without a word.
    #[must_use]
    pub fn voicemail_left(&self, number: &str) -> Option<Voicemail> {
        self.calls_with(number, |calls, now| calls.rev().find_map(|call| call.message(now)))
    }

    fn calls_with<T>(
        &self,
        number: &str,
        read: impl FnOnce(&mut dyn DoubleEndedIterator<Item = &Call>, Timestamp) -> T,
    ) -> T {
        let now = self.0.clock.now();
        let mut world = self.world();
        world.settle(now);
        read(&mut world.phones.calls.values().filter(|call| call.person() == number), world.now)
    }
}

impl World {
    /// What [`Sandbox::words`] tells.
    pub(super) fn words(&self, number: &str) -> Vec<Word> {
        let Some(call) = self.phones.calls.values().rev().find(|call| call.person() == number) else {
            return Vec::new();
        };
        let until = call.ended_at.unwrap_or(self.now).min(self.now);
        let spoken = call.said.iter().flat_map(|said| {
            let speaker = if said.side == Side::Agent { "agent" } else { "customer" };
            said.words().map(move |(text, start, end)| Word { speaker, text: text.to_owned(), start, end })
        });
        let mut words: Vec<_> = spoken.filter(|word| word.end <= until).collect();
        words.sort_by_key(|word| word.start);
        words
    }
}

impl Call {
    /// What was left on the machine that answered.
    fn message(&self, now: Timestamp) -> Option<Voicemail> {
        let (beep, until) = (self.beep_at?, self.ended_at.unwrap_or(now));
        let (mut text, mut cut_off) = (Vec::new(), false);
        for said in self.said.iter().filter(|said| said.side == Side::Agent && said.end > beep) {
            for (word, start, end) in said.words() {
                match () {
                    () if start < beep => cut_off = true,
                    () if end <= until => text.push(word),
                    () => cut_off |= !self.alive(),
                }
            }
        }
        (!text.is_empty()).then(|| Voicemail { text: text.join(" "), cut_off })
    }
}
