//! Sound of a call as it is spoken, over a WebSocket that the vendor opens to us.
//!
//! A vendor's [`MediaWire`] makes [`MediaMessage`]s of its text frames, and text frames of what we
//! [send](MediaCommand). Sound comes in frames of 20 ms, in the codec that [`MediaStart`] names. Frames may come out of
//! order and twice: a [`Sorter`] per track puts them right.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;

use super::voice::{Key, Leg, Tracks};
use crate::text_enum;

/// A vendor's way of writing sound and marks in text frames.
pub trait MediaWire: Send + Sync + fmt::Debug {
    /// The vendor's name.
    fn vendor(&self) -> &'static str;
    /// Reads a text frame.
    ///
    /// # Errors
    /// [`MediaError`]: the frame is to be skipped, the stream goes on.
    fn read(&self, frame: &str) -> Result<MediaMessage, MediaError>;
    /// Writes a text frame.
    ///
    /// # Errors
    /// [`MediaError::TooLarge`] and [`MediaError::Shape`]: more sound at once than the vendor takes, or none.
    fn write(&self, command: &MediaCommand) -> Result<String, MediaError>;
}

/// Why a frame cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaError {
    /// More than a frame may hold.
    TooLarge,
    /// Not JSON.
    InvalidJson,
    /// JSON of another shape.
    Shape,
}
impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "a frame holds more than it may",
            Self::InvalidJson => "a frame is not JSON",
            Self::Shape => "a frame has another shape",
        })
    }
}
impl std::error::Error for MediaError {}

text_enum! {
    /// How sound is written.
    pub enum Codec {
        /// G.711 mu-law.
        Pcmu = "pcmu",
        /// G.711 A-law.
        Pcma = "pcma",
        /// G.722.
        G722 = "g722",
        /// Opus.
        Opus = "opus",
        /// AMR wide band.
        AmrWb = "amr_wb",
        /// Plain samples of 16 bits, the low byte first.
        L16 = "l16",
    }
}
impl Codec {
    /// How many bytes 20 ms have at so many samples a second; `None` where frames differ in length.
    #[must_use]
    pub fn frame_bytes(self, rate: u32, channels: u8) -> Option<usize> {
        let samples = usize::try_from(rate / 50).ok()?.checked_mul(usize::from(channels))?;
        match self {
            Self::Pcmu | Self::Pcma => Some(samples),
            Self::L16 => samples.checked_mul(2),
            // 64 kbit/s, whatever its rate is said to be.
            Self::G722 => Some(160),
            Self::Opus | Self::AmrWb => None,
        }
    }
}

/// What a vendor says on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaMessage {
    /// The vendor's id of the stream, when told.
    pub stream: Option<String>,
    /// Its number among the stream's messages, when told.
    pub sequence: Option<u64>,
    /// What.
    pub what: MediaEvent,
}

/// What a vendor says on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaEvent {
    /// The socket is up.
    Connected,
    /// Sound follows.
    Start(MediaStart),
    /// 20 ms of sound.
    Media(Frame),
    /// What was sent before this mark has been heard, or was cleared.
    Mark(String),
    /// The far end pressed a key; `None`: the vendor's word is no key.
    Key(Option<Key>),
    /// No more follows.
    Stop,
    /// A frame of ours was not understood, or the stream failed. For logs: vendors do not promise these words.
    Failed {
        /// The vendor's code.
        code: String,
        /// The vendor's words.
        title: String,
    },
    /// A kind this version does not know.
    Other(String),
}

/// What sound follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaStart {
    /// Of which leg.
    pub leg: Leg,
    /// The tag that the leg had.
    pub tag: Option<String>,
    /// Its codec; `None`: one this version does not know.
    pub codec: Option<Codec>,
    /// Samples a second.
    pub rate: u32,
    /// How many channels a frame has.
    pub channels: u8,
}

/// 20 ms of one side's sound.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whose: `Inbound` or `Outbound`.
    pub track: Tracks,
    /// Its number on the track, from 1.
    pub chunk: u64,
    /// Where it begins, in milliseconds from the start.
    pub at_ms: u64,
    /// The sound.
    pub sound: Bytes,
}
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { track, chunk, at_ms, sound } = self;
        write!(f, "Frame {{ {track} {chunk} at {at_ms} ms, {} bytes }}", sound.len())
    }
}

/// What we say on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaCommand {
    /// Sound to be heard, behind what waits already.
    Media(Bytes),
    /// Comes back when all before it has been heard.
    Mark(String),
    /// Drops what waits to be heard; its marks come back at once.
    Clear,
}

/// Puts the frames of one track in order: each once, none that comes too late.
///
/// A frame that is missing is waited for until `depth` frames behind it are there; then it is given up.
#[derive(Debug)]
pub struct Sorter {
    next: u64,
    depth: usize,
    held: BTreeMap<u64, Frame>,
    missed: u64,
    doubled: u64,
}
impl Sorter {
    /// A sorter that waits for so many frames at most: five are 100 ms.
    #[must_use]
    pub fn new(depth: usize) -> Self {
        Self { next: 1, depth, held: BTreeMap::new(), missed: 0, doubled: 0 }
    }
    /// Takes a frame, and gives those whose turn it is.
    pub fn take(&mut self, frame: Frame) -> Vec<Frame> {
        if frame.chunk < self.next || self.held.contains_key(&frame.chunk) {
            self.doubled += 1;
            return Vec::new();
        }
        self.held.insert(frame.chunk, frame);
        let mut ready = self.in_turn();
        while self.held.len() > self.depth {
            ready.extend(self.skip());
        }
        ready
    }
    /// Gives all that is left, the stream being over.
    pub fn finish(&mut self) -> Vec<Frame> {
        let mut ready = Vec::new();
        while !self.held.is_empty() {
            ready.extend(self.skip());
        }
        ready
    }
    /// How many frames never came.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
    /// How many frames came twice, or after they had been given up.
    #[must_use]
    pub fn doubled(&self) -> u64 {
        self.doubled
    }
    fn in_turn(&mut self) -> Vec<Frame> {
        let mut ready = Vec::new();
        while let Some(frame) = self.held.remove(&self.next) {
            self.next = self.next.saturating_add(1);
            ready.push(frame);
        }
        ready
    }
    /// Gives up what is missing before the first that is there.
    fn skip(&mut self) -> Vec<Frame> {
        if let Some((chunk, _)) = self.held.first_key_value() {
            self.missed += chunk.saturating_sub(self.next);
            self.next = *chunk;
        }
        self.in_turn()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(chunk: u64) -> Frame {
        Frame { track: Tracks::Inbound, chunk, at_ms: chunk.saturating_sub(1) * 20, sound: Bytes::from_static(&[0xff]) }
    }
    fn chunks(frames: &[Frame]) -> Vec<u64> {
        frames.iter().map(|frame| frame.chunk).collect()
    }

    #[test]
    fn a_missing_frame_is_waited_for_and_then_given_up() {
        let mut sorter = Sorter::new(2);
        assert_eq!(chunks(&sorter.take(frame(1))), [1]);
        assert!(sorter.take(frame(3)).is_empty() && sorter.take(frame(4)).is_empty());
        assert_eq!(chunks(&sorter.take(frame(5))), [3, 4, 5]);
        assert!(sorter.take(frame(2)).is_empty());
        assert_eq!((sorter.missed(), sorter.doubled()), (1, 1));
    }

    #[test]
    fn twenty_milliseconds_have_the_bytes_that_their_codec_has() {
        assert_eq!(Codec::Pcmu.frame_bytes(8_000, 1), Some(160));
        assert_eq!(Codec::L16.frame_bytes(16_000, 1), Some(640));
        assert_eq!(Codec::Opus.frame_bytes(48_000, 1), None);
    }

    proptest! {
        #[test]
        fn frames_come_out_once_and_in_order_however_they_came(
            came in proptest::collection::vec(1u64..30, 0..60), depth in 0usize..8,
        ) {
            let mut sorter = Sorter::new(depth);
            let mut out: Vec<Frame> = came.iter().flat_map(|chunk| sorter.take(frame(*chunk))).collect();
            out.extend(sorter.finish());
            prop_assert!(out.windows(2).all(|pair| pair[0].chunk < pair[1].chunk));
            prop_assert_eq!(out.len() as u64 + sorter.doubled(), came.len() as u64);
            let last = out.last().map_or(0, |frame| frame.chunk);
            prop_assert_eq!(out.len() as u64 + sorter.missed(), last);
        }
    }
}
