//! What goes wrong in a session over a socket, once so many words were told: between a model and who hears it.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;
use wib_core::kit::time::{Timestamp, after};

use super::{
    faults::{LiveFault, LiveTrouble},
    line::Say,
    model::Told,
};

/// A fault in a session.
#[derive(Debug)]
pub(super) struct Trouble {
    fault: LiveFault,
    /// Words that were told.
    words: usize,
    /// What is told after the next of its kind.
    held: Option<Say>,
    /// What is late, and until when.
    late: VecDeque<(Timestamp, Say)>,
}

impl Trouble {
    pub(super) fn new(fault: LiveFault) -> Self {
        Self { fault, words: 0, held: None, late: VecDeque::new() }
    }
    /// What goes wrong, when it does by now.
    pub(super) fn now(&self) -> Option<LiveTrouble> {
        (self.words >= self.fault.after_words).then_some(self.fault.what)
    }
    /// So many words were told.
    pub(super) fn told(&mut self, words: usize) {
        self.words = self.words.max(words);
    }
    /// When something is to be told that was late.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.late.front().map(|(at, _)| *at)
    }
    /// What is told at once of what the model says, and of what was late.
    pub(super) fn pass(&mut self, now: Timestamp, says: Vec<Say>, kind: impl Fn(&Value) -> Told) -> Vec<Say> {
        let kind = |say: &Say| match say {
            Say::Text(text) => serde_json::from_str(text).map_or(Told::Other, |message| kind(&message)),
            Say::Close(..) => Told::Other,
        };
        let mut passed = Vec::new();
        for say in says {
            match (self.now(), kind(&say)) {
                (Some(LiveTrouble::NoResults), Told::Partial | Told::End) => {}
                (Some(LiveTrouble::PartialsOnly), Told::End) => {}
                (Some(LiveTrouble::OutOfOrder), Told::End) => match self.held.take() {
                    Some(held) => passed.extend([say, held]),
                    None => self.held = Some(say),
                },
                // The last words, though nothing comes after which they could.
                (Some(LiveTrouble::OutOfOrder), Told::Other) => {
                    passed.extend(self.held.take().into_iter().chain([say]))
                }
                (Some(LiveTrouble::Late { ms }), told) => {
                    let wait = if told == Told::Other { 0 } else { ms };
                    let last = self.late.back().map_or(now, |(at, _)| *at).max(now);
                    self.late.push_back((after(last, Duration::from_millis(wait)), say));
                }
                _ => passed.push(say),
            }
        }
        while let Some((_, say)) = self.late.pop_front_if(|(at, _)| *at <= now) {
            passed.push(say);
        }
        passed
    }
}
