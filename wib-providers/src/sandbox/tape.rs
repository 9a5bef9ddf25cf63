//! Recordings in the making: started, paused, resumed, stopped. A pause is in neither the sound nor its length.

use uuid::Uuid;
use wib_core::kit::time::Timestamp;

use super::{
    network::Call,
    scripts,
    sound::{Line, Sound},
};

/// A recording.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    pub(crate) id: Uuid,
    pub(crate) dual: bool,
    pub(crate) started_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) saved_at: Option<Timestamp>,
    pub(crate) deleted: bool,
    pauses: Vec<(Timestamp, Option<Timestamp>)>,
}

impl Tape {
    /// A recording that starts now.
    pub(crate) fn new(id: Uuid, dual: bool, now: Timestamp) -> Self {
        Self { id, dual, started_at: now, ended_at: None, saved_at: None, deleted: false, pauses: Vec::new() }
    }
    /// Pauses, unless it is paused.
    pub(crate) fn pause(&mut self, now: Timestamp) {
        if self.pauses.last().is_none_or(|(_, to)| to.is_some()) {
            self.pauses.push((now, None));
        }
    }
    /// Goes on, if it is paused.
    pub(crate) fn resume(&mut self, now: Timestamp) {
        if let Some((_, to @ None)) = self.pauses.last_mut() {
            *to = Some(now);
        }
    }
    /// Its length in milliseconds.
    pub(crate) fn length_ms(&self) -> i64 {
        self.position(self.ended_at.unwrap_or(self.started_at))
    }
    /// Whether it takes in all of that span.
    fn takes(&self, start: Timestamp, end: Timestamp) -> bool {
        let paused = self.pauses.iter().any(|(from, to)| to.is_none_or(|to| start < to) && end > *from);
        start >= self.started_at && self.ended_at.is_some_and(|ended| end <= ended) && !paused
    }
    /// Where an instant lies in the sound, in milliseconds.
    fn position(&self, at: Timestamp) -> i64 {
        let before = self.pauses.iter().filter(|(from, _)| *from < at);
        let out = before.map(|(from, to)| to.map_or(at, |to| to.min(at)).duration_since(*from));
        let heard = out.fold(at.duration_since(self.started_at), |left, pause| left.saturating_sub(pause));
        i64::try_from(heard.as_millis()).unwrap_or(0)
    }
}

impl Call {
    /// What a recording holds.
    pub(crate) fn sound(&self, tape: &Tape) -> Sound {
        let mut lines: Vec<Line> = Vec::new();
        for said in &self.said {
            let heard: Vec<_> = said.words().filter(|(_, start, end)| tape.takes(*start, *end)).collect();
            if let (Some(first), Some(last)) = (heard.first(), heard.last()) {
                let text = heard.iter().map(|(word, ..)| *word).collect::<Vec<_>>().join(" ");
                let (start_ms, end_ms) = (tape.position(first.1), tape.position(last.2));
                lines.push(Line { speaker: said.side, start_ms, end_ms, text });
            }
        }
        lines.sort_by_key(|line| line.start_ms);
        Sound {
            channels: if tape.dual { 2 } else { 1 },
            duration_ms: tape.length_ms(),
            language: scripts::language(self.behaviour).to_owned(),
            lines,
        }
    }
}
