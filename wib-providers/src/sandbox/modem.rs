//! Words as sound: what is spoken in the sandbox's audio is heard again, word for word, by whoever decodes it.
//!
//! Sixteen tones of 5 ms, continuous in phase, inside the band of telephones and orthogonal to each other: two of them are
//! a byte. A word is a packet of whole frames of 20 ms, so that a lost frame costs one word:
//!
//! ```text
//! 0 15 3 12 6 9 | length | number | frame (u16) | UTF-8, at most 48 bytes | CRC-32
//! ```
//!
//! It survives mu-law, another sampling rate, and a good deal of noise. What it forgives (levels, wrong signs) a sandbox
//! must check itself, from what was declared.

use std::f64::consts::TAU;

use bytes::Bytes;
use wib_core::ports::live::Encoding;

/// What the tones are made for and read at.
const RATE: u32 = 8_000;
/// Samples of a tone at that rate.
const TONE: usize = 40;
/// Tones a second.
const TONES: u32 = RATE / TONE as u32;
const SYNC: [u8; 6] = [0, 15, 3, 12, 6, 9];
/// Bytes around the text: length, number, frame; the check.
const HEAD: usize = 4;
const CHECK: usize = 4;
const LONGEST: usize = 48;
const AMPLITUDE: f64 = 9_000.0;
/// How much of a tone's energy must be its own, in a sync, and below what nothing more is tried.
const SURE: f64 = 0.6;
const NEVER: f64 = 0.5;

fn frequency(tone: u8) -> f64 {
    300.0 + 200.0 * f64::from(tone)
}

/// Speaks words.
#[derive(Clone, Debug)]
pub struct Voice {
    rate: u32,
    phase: f64,
    number: u8,
    frame: u16,
}

impl Voice {
    /// A voice at that many samples a second: a multiple of 1000.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self { rate, phase: 0.0, number: 0, frame: 0 }
    }
    /// The samples of a word: whole frames of 20 ms. What is longer than 48 bytes is cut.
    pub fn say(&mut self, word: &str) -> Vec<i16> {
        let end = (0..=word.len().min(LONGEST)).rev().find(|end| word.is_char_boundary(*end)).unwrap_or(0);
        let text = &word.as_bytes()[..end];
        let length = u8::try_from(text.len()).unwrap_or(0);
        let mut packet = vec![length, self.number];
        packet.extend(self.frame.to_be_bytes());
        packet.extend(text);
        packet.extend(crc32(&packet).to_be_bytes());
        let mut tones = SYNC.to_vec();
        tones.extend(packet.iter().flat_map(|byte| [byte >> 4, byte & 15]));
        self.number = self.number.wrapping_add(1);
        let mut samples = Vec::new();
        for tone in &tones {
            for _ in 0..self.rate / TONES {
                self.phase = (self.phase + TAU * frequency(*tone) / f64::from(self.rate)) % TAU;
                #[expect(clippy::cast_possible_truncation, reason = "the amplitude fits")]
                samples.push((AMPLITUDE * self.phase.sin()) as i16);
            }
        }
        let frames = tones.len().div_ceil(4);
        samples.resize(self.samples(frames), 0);
        self.frame = self.frame.wrapping_add(u16::try_from(frames).unwrap_or(0));
        samples
    }
    /// So many frames of silence.
    pub fn pause(&mut self, frames: u16) -> Vec<i16> {
        self.frame = self.frame.wrapping_add(frames);
        vec![0; self.samples(usize::from(frames))]
    }
    /// Samples of a frame of 20 ms.
    pub(crate) fn frame_samples(&self) -> usize {
        self.samples(1)
    }
    fn samples(&self, frames: usize) -> usize {
        frames * usize::try_from(self.rate / 50).unwrap_or(0)
    }
}

/// A text spoken with 40 ms between its words, written as that encoding has it.
#[must_use]
pub fn speak(text: &str, encoding: Encoding, rate: u32) -> Bytes {
    let mut voice = Voice::new(rate);
    let mut samples = Vec::new();
    for word in text.split_whitespace() {
        samples.extend(voice.say(word));
        samples.extend(voice.pause(2));
    }
    write(&samples, encoding)
}

/// Samples as that encoding has them.
#[must_use]
pub fn write(samples: &[i16], encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::Mulaw => samples.iter().map(|sample| to_mulaw(*sample)).collect(),
        Encoding::S16le => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
    }
}

/// The samples that are written so; half a sample is dropped.
#[must_use]
pub fn read(bytes: &[u8], encoding: Encoding) -> Vec<i16> {
    match encoding {
        Encoding::Mulaw => bytes.iter().map(|byte| from_mulaw(*byte)).collect(),
        Encoding::S16le => bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
    }
}

/// G.711: sign, exponent, mantissa, all inverted.
fn to_mulaw(sample: i16) -> u8 {
    let magnitude = sample.unsigned_abs().min(32_635) + 132;
    let exponent = 8 - u8::try_from(magnitude.leading_zeros()).unwrap_or(8);
    let mantissa = u8::try_from(magnitude >> (exponent + 3) & 15).unwrap_or(0);
    !(if sample < 0 { 0x80 } else { 0 } | exponent << 4 | mantissa)
}
fn from_mulaw(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = (((i16::from(byte & 15) << 3) + 132) << ((byte >> 4) & 7)) - 132;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

/// A word that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The word.
    pub text: String,
    /// Where it began in what was heard, in milliseconds.
    pub start_ms: i64,
    /// Where it ended.
    pub end_ms: i64,
    /// Which word of its voice it is, modulo 256: a gap is a loss.
    pub number: u8,
    /// The frame of its voice in which it began, modulo 65536.
    pub frame: u16,
}

/// Hears words in samples.
#[derive(Clone, Debug)]
pub struct Ear {
    rate: u32,
    /// Samples at [`RATE`] that are not decided yet.
    held: Vec<f64>,
    /// How many came before them.
    past: usize,
    /// Where the next sample at [`RATE`] lies between those that came, in 1/RATE of them; and the last that came.
    between: u32,
    last: f64,
}

impl Ear {
    /// An ear for that many samples a second.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self { rate, held: Vec::new(), past: 0, between: 0, last: 0.0 }
    }
    /// Takes more samples; the words that are now whole.
    pub fn hear(&mut self, samples: &[i16]) -> Vec<Spoken> {
        for sample in samples {
            // Linear between neighbours: the tones lie far below either rate.
            let sample = f64::from(*sample);
            while self.between < RATE {
                let part = f64::from(self.between) / f64::from(RATE);
                self.held.push(self.last + (sample - self.last) * part);
                self.between += self.rate;
            }
            self.between -= RATE;
            self.last = sample;
        }
        let (mut words, mut at) = (Vec::new(), 0);
        while self.held.len() >= at + (SYNC.len() + 1) * TONE {
            if !self.synced(at) {
                at += 4;
                continue;
            }
            let begins = self.refined(at);
            let body = begins + SYNC.len() * TONE;
            let Some(head) = self.bytes(body, HEAD) else { break };
            let length = usize::from(head[0]);
            if length > LONGEST {
                at = body + TONE;
                continue;
            }
            let Some(packet) = self.bytes(body, HEAD + length + CHECK) else { break };
            let (said, check) = packet.split_at(HEAD + length);
            match std::str::from_utf8(&said[HEAD..]) {
                Ok(text) if crc32(said).to_be_bytes() == check => {
                    let end = body + packet.len() * 2 * TONE;
                    words.push(Spoken {
                        text: text.to_owned(),
                        start_ms: self.ms(begins),
                        end_ms: self.ms(end),
                        number: said[1],
                        frame: u16::from_be_bytes([said[2], said[3]]),
                    });
                    at = end;
                }
                // Not after the length it claims: that keeps a loss to the word it hit.
                _ => at = body + TONE,
            }
        }
        self.past += at;
        self.held.drain(..at.min(self.held.len()));
        words
    }
    /// How much was heard, in milliseconds.
    #[must_use]
    pub fn heard_ms(&self) -> i64 {
        self.ms(self.held.len())
    }
    fn ms(&self, at: usize) -> i64 {
        i64::try_from((self.past + at) / (RATE as usize / 1000)).unwrap_or(i64::MAX)
    }
    fn synced(&self, at: usize) -> bool {
        SYNC.iter().enumerate().all(|(n, tone)| {
            let share = self.share(at + n * TONE, *tone);
            share > if n == 0 { NEVER } else { SURE }
        })
    }
    /// Where within a tone's length the sync fits best.
    fn refined(&self, at: usize) -> usize {
        let fit = |at: usize| SYNC.iter().enumerate().map(|(n, tone)| self.share(at + n * TONE, *tone)).sum::<f64>();
        let room = (self.held.len() - SYNC.len() * TONE).min(at + TONE);
        let places = (at..=room).step_by(2).map(|at| (at, fit(at)));
        places.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(at, |(at, _)| at)
    }
    /// How much of the energy of the samples from there on is that tone's, 0 to 1.
    fn share(&self, at: usize, tone: u8) -> f64 {
        let Some(samples) = self.held.get(at..at + TONE) else { return 0.0 };
        let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
        if energy < 1_000.0 { 0.0 } else { 2.0 * strength(samples, tone) / (energy * TONE as f64) }
    }
    fn bytes(&self, at: usize, count: usize) -> Option<Vec<u8>> {
        let tone = |n: usize| {
            let samples = self.held.get(at + n * TONE..at + (n + 1) * TONE)?;
            let strongest = (0..16u8).map(|tone| (tone, strength(samples, tone)));
            Some(strongest.max_by(|(_, a), (_, b)| a.total_cmp(b))?.0)
        };
        (0..count).map(|n| Some(tone(2 * n)? << 4 | tone(2 * n + 1)?)).collect()
    }
}

/// The square of a tone's correlation with samples (Goertzel).
fn strength(samples: &[f64], tone: u8) -> f64 {
    let factor = 2.0 * (TAU * frequency(tone) / f64::from(RATE)).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (sample + factor * one - two, one);
    }
    one * one + two * two - factor * one * two
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Yes, I can pay $120.50 on Friday. ¿Quién llama? четыре 四";

    fn texts(words: &[Spoken]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }
    fn said() -> Vec<&'static str> {
        TEXT.split_whitespace().collect()
    }

    #[test]
    fn every_word_is_heard_in_any_encoding_rate_and_size_of_chunk() {
        for encoding in [Encoding::Mulaw, Encoding::S16le] {
            for (rate, chunk) in [(8_000, 160), (8_000, 7), (16_000, 800), (24_000, 960), (48_000, 48_000)] {
                let mut ear = Ear::new(rate);
                let audio = read(&speak(TEXT, encoding, rate), encoding);
                let words: Vec<_> = audio.chunks(chunk).flat_map(|chunk| ear.hear(chunk)).collect();
                assert_eq!(texts(&words), said(), "{encoding} {rate} {chunk}");
                assert!(
                    words.windows(2).all(|two| two[0].end_ms <= two[1].start_ms && two[0].number + 1 == two[1].number)
                );
                let off = words.iter().map(|word| (word.start_ms - i64::from(word.frame) * 20).abs()).max();
                assert!(off <= Some(2), "{off:?}");
            }
        }
    }

    #[test]
    fn a_lost_frame_costs_one_word_and_a_shift_or_a_lower_level_none() {
        let audio = read(&speak(TEXT, Encoding::Mulaw, 8_000), Encoding::Mulaw);
        let mut cut = audio.clone();
        cut.drain(2_000..2_160);
        let words = Ear::new(8_000).hear(&cut);
        assert_eq!(words.len(), said().len() - 1);
        assert!(words.iter().all(|word| said().contains(&word.text.as_str())));
        let faint: Vec<_> = std::iter::repeat_n(0, 77).chain(audio.iter().map(|sample| sample / 20)).collect();
        assert_eq!(texts(&Ear::new(8_000).hear(&faint)), said());
    }

    #[test]
    fn nothing_is_heard_at_another_rate_or_in_noise() {
        let audio = read(&speak(TEXT, Encoding::S16le, 16_000), Encoding::S16le);
        assert_eq!(Ear::new(8_000).hear(&audio), []);
        let mut state = 1u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::try_from(state >> 17).unwrap() - 16_384
        });
        let noise: Vec<_> = noise.take(80_000).collect();
        assert_eq!(Ear::new(8_000).hear(&noise), []);
    }

    #[test]
    fn mulaw_is_that_of_g_711() {
        for (sample, byte) in [(0, 0xff), (-1, 0x7f), (32_767, 0x80), (-32_768, 0x00), (1_000, 0xce), (-1_000, 0x4e)] {
            assert_eq!(to_mulaw(sample), byte, "{sample}");
        }
        for byte in 0..=255u8 {
            let again = to_mulaw(from_mulaw(byte));
            assert!(again == byte || byte == 0x7f, "{byte} {again}");
        }
    }

    #[test]
    fn the_check_is_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
