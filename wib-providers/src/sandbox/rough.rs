//! A rough line: the faults that a stream's frames meet, each by a chance of its own.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{chance::Chance, faults::FaultKind, streams::Coding};

/// The faults of one stream.
#[derive(Debug)]
pub(crate) struct Rough {
    lost: Odds,
    doubled: Odds,
    swapped: Odds,
    garbled: Odds,
    wrong_rate: bool,
    big_endian: bool,
    /// Frames until the connection breaks.
    left: Option<u32>,
    /// A frame of each track that comes after its neighbour.
    held: BTreeMap<&'static str, Vec<String>>,
}

/// One in so many, or never.
#[derive(Debug)]
struct Odds(Option<(u32, Chance)>);
impl Odds {
    fn hit(&mut self) -> bool {
        self.0.as_mut().is_some_and(|(one_in, chance)| chance.below(u64::from(*one_in)) == 0)
    }
}

impl Rough {
    pub(crate) fn new(seed: u64, id: Uuid, faults: &[FaultKind]) -> Self {
        let odds = |name: &str, read: fn(FaultKind) -> Option<u32>| {
            let one_in = faults.iter().find_map(|fault| read(*fault)).filter(|one_in| *one_in > 0);
            Odds(one_in.map(|one_in| (one_in, Chance::of(seed, &["frames", name, &id.to_string()]))))
        };
        macro_rules! one_in {
            ($name:literal, $kind:ident) => {
                odds($name, |fault| if let FaultKind::$kind { one_in } = fault { Some(one_in) } else { None })
            };
        }
        let cut =
            |fault: &FaultKind| if let FaultKind::CutAfterFrames { frames } = fault { Some(*frames) } else { None };
        Self {
            lost: one_in!("lost", FramesLost),
            doubled: one_in!("doubled", FramesDoubled),
            swapped: one_in!("swapped", FramesSwapped),
            garbled: one_in!("garbled", FramesGarbled),
            wrong_rate: faults.contains(&FaultKind::WrongRate),
            big_endian: faults.contains(&FaultKind::BigEndian),
            left: faults.iter().find_map(cut),
            held: BTreeMap::new(),
        }
    }
    /// The rate that is told.
    pub(crate) fn declared(&self, rate: u32) -> u32 {
        match (self.wrong_rate, rate) {
            (false, rate) => rate,
            (true, 8_000) => 16_000,
            (true, _) => 8_000,
        }
    }
    /// Samples as they are written.
    pub(crate) fn bytes(&self, coding: Coding, samples: &[i16]) -> Vec<u8> {
        match coding {
            Coding::L16 if self.big_endian => samples.iter().flat_map(|sample| sample.to_be_bytes()).collect(),
            _ => coding.write(samples),
        }
    }
    /// What comes of a frame; `None`: the connection breaks.
    pub(crate) fn pass(&mut self, track: &'static str, frame: String) -> Option<Vec<String>> {
        match &mut self.left {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        let (lost, doubled, swapped) = (self.lost.hit(), self.doubled.hit(), self.swapped.hit());
        let mut sent = Vec::new();
        if self.garbled.hit() {
            sent.push("{\"event\":\"media\",\"med".to_owned());
        }
        let frames = match (lost, doubled) {
            (true, _) => Vec::new(),
            (false, true) => vec![frame.clone(), frame],
            (false, false) => vec![frame],
        };
        match self.held.remove(track) {
            None if swapped => drop(self.held.insert(track, frames)),
            before => {
                sent.extend(frames);
                sent.extend(before.into_iter().flatten());
            }
        }
        Some(sent)
    }
    /// What was held back for a neighbour that never came.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.held).into_values().flatten().collect()
    }
}
