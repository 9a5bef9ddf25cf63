//! What no vendor tells: who said what, which cards were given, what lies on an answering machine.

use wib_core::kit::time::Timestamp;

use super::{Sandbox, cards::Card, network::Call, scripts::Side};

/// What an answering machine recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voicemail {
    /// The words that are on it.
    pub text: String,
    /// Words are missing: the message began before the beep, or the call ended before the message did.
    pub cut_off: bool,
}

impl Sandbox {
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
