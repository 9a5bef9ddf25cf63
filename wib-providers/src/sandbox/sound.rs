//! Recordings: small real WAV and MP3 files, a moment of quiet per word, that carry what was said beside the audio.
//!
//! The words lie in a RIFF `LIST` chunk of type `wibS`, or in an ID3 `PRIV` frame of that owner, as JSON.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::scripts::Side;

const OWNER: &[u8; 4] = b"wibS";
const RATE: u32 = 8_000;
/// Samples of 20 ms.
const FRAME: usize = 160;
/// Zero in mu-law.
const QUIET: u8 = 0xff;
/// An MPEG-1 layer III frame at 32 kbit/s and 44.1 kHz has 104 bytes; all zero after the header is quiet.
const MP3_FRAME: usize = 104;

/// What a recording holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sound {
    pub(crate) channels: u16,
    pub(crate) duration_ms: i64,
    pub(crate) language: String,
    pub(crate) lines: Vec<Line>,
}

/// What one side said without a break, in milliseconds from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) speaker: Side,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) text: String,
}

impl Line {
    /// Its words with their times.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&str, i64, i64)> {
        words(&self.text, self.start_ms, self.end_ms)
    }
}

/// The words of a text with their times, spread evenly.
pub(crate) fn words(text: &str, start: i64, end: i64) -> impl Iterator<Item = (&str, i64, i64)> {
    let count = i64::try_from(text.split_whitespace().count()).unwrap_or(1).max(1);
    let at = move |n: i64| start + (end - start) * n / count;
    text.split_whitespace().zip(0..).map(move |(word, n)| (word, at(n), at(n + 1)))
}

impl Sound {
    fn frames(&self) -> usize {
        self.lines.iter().map(|line| line.text.split_whitespace().count()).sum::<usize>().max(1)
    }
    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data is JSON")
    }
    /// 8 kHz mu-law.
    pub(crate) fn wav(&self) -> Bytes {
        let mut json = self.json();
        json.resize(json.len().next_multiple_of(2), b' ');
        let audio = vec![QUIET; self.frames() * FRAME * usize::from(self.channels)];
        let mut fmt = Vec::new();
        fmt.extend(7u16.to_le_bytes());
        fmt.extend(self.channels.to_le_bytes());
        fmt.extend(RATE.to_le_bytes());
        fmt.extend((RATE * u32::from(self.channels)).to_le_bytes());
        fmt.extend(self.channels.to_le_bytes());
        fmt.extend(8u16.to_le_bytes());
        fmt.extend(0u16.to_le_bytes());
        let samples = size(audio.len() / usize::from(self.channels)).to_vec();
        let words = [OWNER.as_slice(), &chunk(b"json", &json)].concat();
        let chunks = [chunk(b"fmt ", &fmt), chunk(b"fact", &samples), chunk(b"LIST", &words), chunk(b"data", &audio)];
        chunk(b"RIFF", &[b"WAVE".as_slice(), &chunks.concat()].concat()).into()
    }
    /// An ID3 tag and quiet frames.
    pub(crate) fn mp3(&self) -> Bytes {
        let held = [OWNER.as_slice(), &[0], &self.json()].concat();
        let length = u32::try_from(held.len()).unwrap_or(u32::MAX);
        let frame = [b"PRIV".as_slice(), &length.to_be_bytes(), &[0, 0], &held].concat();
        let whole = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let synchsafe = [21, 14, 7, 0].map(|shift| u8::try_from(whole >> shift & 0x7f).unwrap_or(0));
        let quiet = quiet_mp3(self.frames(), self.channels);
        [b"ID3\x03\x00\x00".as_slice(), &synchsafe, &frame, &quiet].concat().into()
    }
    /// What those bytes hold, or the transcriber's words on why it hears nothing.
    pub(crate) fn hear(bytes: &[u8]) -> Result<Self, &'static str> {
        if let Some(rest) = bytes.strip_prefix(b"ID3") {
            return Self::hear_mp3(rest);
        }
        let riff = bytes.strip_prefix(b"RIFF").filter(|rest| rest.get(4..8) == Some(b"WAVE"));
        let riff = riff.ok_or("Transcoding failed. File does not appear to contain audio.")?;
        if read_size(riff) != Some(riff.len() - 4) {
            return Err("Transcoding failed. File is truncated.");
        }
        let (mut form, mut words, mut audio) = (None, None, None);
        let mut rest = &riff[8..];
        while let Some(length) = rest.get(4..).and_then(read_size) {
            let body = rest.get(8..8 + length).ok_or("Transcoding failed. File is truncated.")?;
            match &rest[..4] {
                b"fmt " => form = body.get(..16),
                b"LIST" if body.starts_with(OWNER) => words = body.get(12..),
                b"data" => audio = Some(length),
                _ => {}
            }
            rest = rest.get(8 + length.next_multiple_of(2)..).unwrap_or_default();
        }
        let form = form.ok_or("Transcoding failed. File has no format.")?;
        let channels = u16::from_le_bytes([form[2], form[3]]);
        let align = usize::from(u16::from_le_bytes([form[12], form[13]]));
        let even = audio.filter(|length| *length > 0 && align > 0 && length % align == 0);
        if even.is_none() || channels == 0 {
            return Err("Transcoding failed. File does not appear to contain audio.");
        }
        Self::read(words.ok_or("no speech decoded")?, Some(channels))
    }
    fn hear_mp3(tag: &[u8]) -> Result<Self, &'static str> {
        let frame = tag.get(7..).filter(|frame| frame.starts_with(b"PRIV")).ok_or("no speech decoded")?;
        let length = frame.get(4..8).and_then(|size| <[u8; 4]>::try_from(size).ok()).map(u32::from_be_bytes);
        let end = length.and_then(|length| usize::try_from(length).ok()).and_then(|length| length.checked_add(10));
        let held = end.and_then(|end| frame.get(10..end)).ok_or("Transcoding failed. File is truncated.")?;
        let words = held.strip_prefix(OWNER.as_slice()).and_then(|held| held.strip_prefix(&[0]));
        Self::read(words.ok_or("no speech decoded")?, None)
    }
    fn read(json: &[u8], channels: Option<u16>) -> Result<Self, &'static str> {
        let sound: Self = serde_json::from_slice(json).map_err(|_| "no speech decoded")?;
        if channels.is_some_and(|channels| channels != sound.channels) {
            return Err("Transcoding failed. The audio has another number of channels than it declares.");
        }
        Ok(sound)
    }
}

/// That many quiet MP3 frames.
pub(crate) fn quiet_mp3(frames: usize, channels: u16) -> Vec<u8> {
    let mut quiet = [0; MP3_FRAME];
    quiet[..4].copy_from_slice(&[0xff, 0xfb, 0x10, if channels == 1 { 0xc4 } else { 0x04 }]);
    quiet.repeat(frames)
}

fn size(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn read_size(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    usize::try_from(length).ok()
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [name.as_slice(), &size(body.len()), body].concat()
}
