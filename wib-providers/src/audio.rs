//! What is done to vendors' audio on its way: a WAV header taken off, 24 kHz made 8 kHz, samples made mu-law. Each at most
//! once, and nothing at all where the vendor has the telephone's own format.

use audio_codec_algorithms::encode_ulaw;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use wib_core::ports::{Fault, VendorError};

use crate::http::Flow;

/// What is done to the bytes of an answer.
#[derive(Debug)]
pub enum Shaper {
    /// Nothing.
    AsIs,
    /// A WAV header, if there is one, is taken off.
    Unwrap(Unwrapper),
    /// Samples at 24 kHz become samples at 8 kHz, and mu-law if that is said.
    Third(Box<Third>, bool),
}

impl Shaper {
    /// Takes a header off that says what was asked for.
    pub fn unwrap(tag: u16, rate: u32) -> Self {
        Self::Unwrap(Unwrapper { wanted: (tag, rate), head: Vec::new(), left: None })
    }
    /// Makes 8 kHz of 24 kHz.
    pub fn third(mulaw: bool) -> Self {
        Self::Third(Box::default(), mulaw)
    }
    fn take(&mut self, bytes: Bytes) -> Result<Bytes, &'static str> {
        match self {
            Self::AsIs => Ok(bytes),
            Self::Unwrap(unwrapper) => unwrapper.take(bytes),
            Self::Third(third, mulaw) => Ok(written(&third.take(&bytes), *mulaw)),
        }
    }
    fn end(&mut self) -> Result<Bytes, &'static str> {
        match self {
            Self::AsIs => Ok(Bytes::new()),
            Self::Unwrap(unwrapper) => unwrapper.end(),
            Self::Third(third, mulaw) => Ok(written(&third.end(), *mulaw)),
        }
    }
}

fn written(samples: &[i16], mulaw: bool) -> Bytes {
    match mulaw {
        true => samples.iter().map(|sample| encode_ulaw(*sample)).collect(),
        false => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
    }
}

/// The audio of an answer, shaped, piece by piece; none of them is empty. No audio at all is an error.
pub fn shaped(flow: Flow, shaper: Shaper) -> BoxStream<'static, Result<Bytes, VendorError>> {
    let first = Some((flow, shaper, false));
    stream::try_unfold(first, |state| async move {
        let Some((mut flow, mut shaper, mut any)) = state else { return Ok(None) };
        loop {
            let (bytes, ended) = match flow.next().await? {
                Some(bytes) => (shaper.take(bytes), false),
                None => (shaper.end(), true),
            };
            let bytes = bytes.map_err(|message| flow.failed(Fault::Nonsense, message))?;
            any |= !bytes.is_empty();
            match (bytes.is_empty(), ended) {
                (false, false) => return Ok(Some((bytes, Some((flow, shaper, any))))),
                (false, true) => return Ok(Some((bytes, None))),
                (true, true) if any => return Ok(None),
                (true, true) => return Err(flow.failed(Fault::Nonsense, "no audio in the answer")),
                (true, false) => {}
            }
        }
    })
    .boxed()
}

/// 16-bit samples, one channel.
pub const PCM: u16 = 1;
/// G.711 mu-law.
pub const MULAW: u16 = 7;
/// Longest header that is looked through.
const LONGEST_HEAD: usize = 64 << 10;

/// Takes the header of a WAV file off as it comes. What begins otherwise is bare audio already, if that can be.
#[derive(Debug)]
pub struct Unwrapper {
    /// Format tag and rate.
    wanted: (u16, u32),
    head: Vec<u8>,
    /// Bytes of audio still to come, once the header is read.
    left: Option<u64>,
}

impl Unwrapper {
    fn take(&mut self, bytes: Bytes) -> Result<Bytes, &'static str> {
        if self.left.is_some() {
            return Ok(self.audio(bytes));
        }
        self.head.extend_from_slice(&bytes);
        if !b"RIFF".starts_with(&self.head[..self.head.len().min(4)]) {
            return self.bare();
        }
        match data(&self.head, self.wanted)? {
            Some((start, length)) => {
                self.left = Some(length);
                let audio = Bytes::from(std::mem::take(&mut self.head)).slice(start..);
                Ok(self.audio(audio))
            }
            None if self.head.len() > LONGEST_HEAD => Err("a header without end"),
            None => Ok(Bytes::new()),
        }
    }
    fn audio(&mut self, mut bytes: Bytes) -> Bytes {
        let left = self.left.unwrap_or(0);
        bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.left = Some(left - bytes.len() as u64);
        bytes
    }
    fn bare(&mut self) -> Result<Bytes, &'static str> {
        if self.wanted.0 == PCM {
            return Err("the audio is no WAV file");
        }
        self.left = Some(u64::MAX);
        Ok(std::mem::take(&mut self.head).into())
    }
    fn end(&mut self) -> Result<Bytes, &'static str> {
        match self.left {
            Some(_) => Ok(Bytes::new()),
            None if self.head.len() < 4 => self.bare(),
            None => Err("the audio ends within its header"),
        }
    }
}

/// Where the audio of a WAV file begins and how long it is; `None` while the header is not complete.
fn data(file: &[u8], wanted: (u16, u32)) -> Result<Option<(usize, u64)>, &'static str> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
    let (mut at, mut known) = (12, false);
    loop {
        let (Some(name), Some(length)) = (file.get(at..at + 4), u32_at(at + 4)) else { return Ok(None) };
        let body = at + 8;
        match name {
            b"fmt " => {
                let (Some(tag), Some(channels), Some(rate)) = (u16_at(body), u16_at(body + 2), u32_at(body + 4)) else {
                    return Ok(None);
                };
                if channels != 1 || (tag, rate) != wanted {
                    return Err("the audio is not of the format asked for");
                }
                known = true;
            }
            // A file that is written while it is sent does not know its length yet.
            b"data" if known => {
                let length = if length == 0 || length == u32::MAX { u64::MAX } else { u64::from(length) };
                return Ok(Some((body, length)));
            }
            b"data" => return Err("the audio does not say its format"),
            _ => {}
        }
        let padded = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(1) & !1;
        at = body.saturating_add(padded);
        if at > LONGEST_HEAD {
            return Err("a header without end");
        }
    }
}

/// Half of a low-pass filter at 24 kHz, its middle last: flat to 3.4 kHz, 58 dB down from 4.6 kHz, so that nothing folds
/// into the telephone's band. Kaiser window, in 32768ths, together one.
///
/// Of our own, not a resampler for any ratio: three to one is exact in whole numbers, so the same audio gives the same
/// bytes on every machine.
const HALF: [i32; 37] = [
    0, -8, -11, 0, 20, 26, 0, -41, -51, 0, 74, 88, 0, -123, -143, 0, 192, 221, 0, -291, -332, 0, 432, 492, 0, -643,
    -739, 0, 994, 1171, 0, -1720, -2188, 0, 4482, 9018, 10928,
];
/// Samples before and after the one that is made.
const REACH: usize = HALF.len() - 1;

/// Makes one sample of three, as they come.
#[derive(Debug)]
pub struct Third {
    /// Half a sample.
    odd: Option<u8>,
    /// The samples from `REACH` before the next one that is made.
    samples: Vec<i16>,
}
impl Default for Third {
    fn default() -> Self {
        Self { odd: None, samples: vec![0; REACH] }
    }
}

impl Third {
    fn take(&mut self, bytes: &[u8]) -> Vec<i16> {
        let mut bytes = bytes.iter().copied();
        while let Some(low) = self.odd.take().or_else(|| bytes.next()) {
            match bytes.next() {
                Some(high) => self.samples.push(i16::from_le_bytes([low, high])),
                None => {
                    self.odd = Some(low);
                    break;
                }
            }
        }
        let mut made = Vec::with_capacity(self.samples.len() / 3);
        let mut at = 0;
        while let Some(around) = self.samples.get(at..at + 2 * REACH + 1) {
            made.push(filtered(around));
            at += 3;
        }
        self.samples.drain(..at);
        made
    }
    /// What the last samples make, with silence behind them.
    fn end(&mut self) -> Vec<i16> {
        // Half a sample is none.
        self.odd = None;
        self.take(&[0; 2 * REACH])
    }
}

fn filtered(around: &[i16]) -> i16 {
    let weights = HALF.iter().chain(HALF[..REACH].iter().rev());
    let sum: i32 = around.iter().zip(weights).map(|(sample, weight)| i32::from(*sample) * weight).sum();
    i16::try_from(((sum + (1 << 14)) >> 15).clamp(i32::from(i16::MIN), i32::from(i16::MAX))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use audio_codec_algorithms::decode_ulaw;
    use proptest::prelude::*;

    use super::*;

    fn run(mut shaper: Shaper, parts: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
        let mut out = Vec::new();
        for part in parts {
            out.extend(shaper.take(Bytes::copy_from_slice(part))?);
        }
        out.extend(shaper.end()?);
        Ok(out)
    }
    /// A tone at 24 kHz.
    fn tone(hertz: f64, samples: u32) -> Vec<u8> {
        let at = |n: u32| (f64::from(n) * hertz * std::f64::consts::TAU / 24_000.0).sin() * 16_000.0;
        (0..samples).flat_map(|n| format!("{:.0}", at(n)).parse::<i16>().unwrap().to_le_bytes()).collect()
    }
    fn loudest(bytes: &[u8]) -> i16 {
        let samples = bytes.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        // Away from the ends, where silence is filtered in.
        samples.skip(30).take(700).map(i16::saturating_abs).max().unwrap()
    }
    fn wav(tag: u16, channels: u16, rate: u32, length: u32, audio: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        file.extend(b"LIST\x03\0\0\0abc\0fmt \x10\0\0\0");
        file.extend([&tag.to_le_bytes()[..], &channels.to_le_bytes(), &rate.to_le_bytes(), &[0; 8]].concat());
        file.extend([b"data", &length.to_le_bytes()[..], audio].concat());
        file
    }

    #[test]
    fn what_a_telephone_carries_passes_and_what_would_fold_into_it_does_not() {
        for hertz in [300.0, 1000.0, 3000.0] {
            let loud = loudest(&run(Shaper::third(false), &[&tone(hertz, 2400)]).unwrap());
            assert!((15_700..=16_100).contains(&loud), "{hertz} Hz: {loud}");
        }
        for hertz in [4700.0, 5000.0, 7000.0, 11_000.0] {
            let loud = loudest(&run(Shaper::third(false), &[&tone(hertz, 2400)]).unwrap());
            assert!(loud < 25, "{hertz} Hz: {loud}");
        }
    }

    #[test]
    fn a_third_of_the_samples_is_made_and_the_loudest_is_not_wrapped() {
        for (samples, made) in [(1, 1), (2, 1), (3, 1), (4, 2), (2400, 800), (2401, 801)] {
            let out = run(Shaper::third(false), &[&vec![0x7f; samples * 2]]).unwrap();
            assert_eq!(out.len(), made * 2, "{samples}");
        }
        let square: Vec<u8> =
            (0..300).flat_map(|n| if n % 60 < 30 { i16::MAX } else { i16::MIN }.to_le_bytes()).collect();
        let out = run(Shaper::third(false), &[&square]).unwrap();
        assert!(out.chunks(2).any(|pair| i16::from_le_bytes([pair[0], pair[1]]) == i16::MAX));
        assert!(run(Shaper::third(false), &[b""]).unwrap().is_empty());
    }

    #[test]
    fn mu_law_is_that_of_the_standard() {
        let out = run(Shaper::third(true), &[&[0; 600]]).unwrap();
        assert!(out.len() == 100 && out.iter().all(|byte| *byte == 0xff));
        for (sample, byte) in [(0, 0xff), (32_767, 0x80), (-32_768, 0x00), (1000, 0xce), (-1000, 0x4e)] {
            assert_eq!(encode_ulaw(sample), byte, "{sample}");
        }
        // 0x7f is a second zero.
        assert!((0..=255u8).filter(|byte| *byte != 0x7f).all(|byte| encode_ulaw(decode_ulaw(byte)) == byte));
    }

    #[test]
    fn a_header_is_taken_off_and_must_say_what_was_asked_for() {
        let mulaw = || Shaper::unwrap(MULAW, 8000);
        let pcm = || Shaper::unwrap(PCM, 16_000);
        assert_eq!(run(mulaw(), &[&wav(7, 1, 8000, 4, b"abcdLIST")]), Ok(b"abcd".to_vec()));
        assert_eq!(run(mulaw(), &[&wav(7, 1, 8000, u32::MAX, b"abcd")]), Ok(b"abcd".to_vec()));
        assert_eq!(run(pcm(), &[&wav(1, 1, 16_000, 0, b"abcd")]), Ok(b"abcd".to_vec()));
        for bare in [&b"\xff\xff\xff\xff\xff"[..], b"RI", b"RIFX12345", b""] {
            assert_eq!(run(mulaw(), &[bare]), Ok(bare.to_vec()));
            assert!(run(pcm(), &[bare]).is_err());
        }
        for wrong in [wav(1, 1, 8000, 4, b"abcd"), wav(7, 2, 8000, 4, b"abcd"), wav(7, 1, 16_000, 4, b"abcd")] {
            assert!(run(mulaw(), &[&wrong]).is_err());
        }
        assert!(run(mulaw(), &[b"RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd"]).is_err());
        assert!(run(mulaw(), &[b"RIFF\0\0\0\0WAVEfmt "]).is_err());
        let endless = [&b"RIFF\0\0\0\0WAVEJUNK\xff\xff\xff\x7f"[..], &[0; 100]].concat();
        assert!(run(mulaw(), &[&endless]).is_err());
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_changes_nothing(samples in prop::collection::vec(any::<u8>(), 0..400), cuts in prop::collection::vec(0usize..460, 0..6)) {
            for (make, bytes) in [
                ((|| Shaper::third(true)) as fn() -> Shaper, samples.clone()),
                (|| Shaper::unwrap(MULAW, 8000), wav(7, 1, 8000, 300, &samples)),
                (|| Shaper::unwrap(MULAW, 8000), samples.clone()),
            ] {
                let mut cuts: Vec<_> = cuts.iter().map(|cut| *cut.min(&bytes.len())).chain([0, bytes.len()]).collect();
                cuts.sort_unstable();
                let parts: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
                prop_assert_eq!(run(make(), &parts), run(make(), &[&bytes]));
            }
        }
    }
}
