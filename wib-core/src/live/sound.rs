//! Frames of a call made into what ears take: G.711 and plain samples, at 8 or 16 kHz, one channel.

use std::{collections::VecDeque, fmt};

use audio_codec_algorithms::{decode_alaw, decode_ulaw};
use bytes::Bytes;
use rubato::{
    Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction,
    audioadapter_buffers::owned::InterleavedOwned,
};

use crate::ports::{
    live::Encoding,
    media::{Codec, MediaStart},
};

/// Milliseconds of a frame.
pub(super) const FRAME_MS: u32 = 20;
/// What other rates become.
const WIDE: u32 = 16_000;
/// Frames with something in them that are looked at before the order of bytes is believed.
const LOOKS: u32 = 5;
/// A sample above which a frame has something in it.
const SOMETHING: i32 = 512;

/// How a stream's sound is given to ears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) encoding: Encoding,
    pub(super) rate: u32,
}
impl Shape {
    /// Bytes of a frame of 20 ms.
    pub(super) const fn frame(self) -> usize {
        self.encoding.bytes(self.rate, FRAME_MS)
    }
    pub(super) fn silence(self) -> u8 {
        match self.encoding {
            Encoding::Mulaw => 0xff,
            Encoding::S16le => 0,
        }
    }
}

/// Why a stream cannot be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unheard(pub(super) String);
impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes the frames of one track into what ears take. Mu-law of telephones passes as it is.
pub(super) struct Tuner {
    codec: Codec,
    channels: usize,
    rate: u32,
    /// Bytes of a frame as it comes.
    whole: usize,
    pub(super) shape: Shape,
    order: ByteOrder,
    resampler: Option<Resample>,
}
impl fmt::Debug for Tuner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tuner").field("codec", &self.codec).field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Tuner {
    /// For a stream that begins so.
    ///
    /// # Errors
    /// [`Unheard`]: a codec that only a telephone decodes, or a rate or number of channels that is none.
    pub(super) fn of(start: &MediaStart) -> Result<Self, Unheard> {
        let no = |why: String| Err(Unheard(why));
        let codec = match start.codec {
            Some(codec @ (Codec::Pcmu | Codec::Pcma | Codec::L16)) => codec,
            Some(codec) => return no(format!("{codec} is not decoded here")),
            None => return no("the codec is not known".to_owned()),
        };
        if !(8_000..=48_000).contains(&start.rate)
            || !start.rate.is_multiple_of(50)
            || !(1..=2).contains(&start.channels)
        {
            return no(format!("{} samples a second in {} channels are not heard", start.rate, start.channels));
        }
        let telephone = start.rate == 8_000 && start.channels == 1 && codec == Codec::Pcmu;
        let shape = match (telephone, start.rate) {
            (true, _) => Shape { encoding: Encoding::Mulaw, rate: 8_000 },
            (false, 8_000) => Shape { encoding: Encoding::S16le, rate: 8_000 },
            (false, _) => Shape { encoding: Encoding::S16le, rate: WIDE },
        };
        let resampler = (start.rate != shape.rate).then(|| Resample::new(start.rate, shape.rate)).transpose()?;
        let (channels, order) = (usize::from(start.channels), ByteOrder::default());
        let whole = codec.frame_bytes(start.rate, start.channels).unwrap_or_default();
        Ok(Self { codec, channels, rate: start.rate, whole, shape, order, resampler })
    }

    /// A frame as ears take it. One that has not the length that was declared is cut, or goes on in silence: a frame is 20 ms
    /// of the call whatever it holds, or every place behind it would be wrong.
    pub(super) fn tune(&mut self, sound: &Bytes) -> Bytes {
        let mut sound = sound.clone();
        if sound.len() > self.whole {
            sound.truncate(self.whole);
        } else if sound.len() < self.whole {
            let silence = match self.codec {
                Codec::Pcmu => 0xff,
                Codec::Pcma => 0xd5,
                _ => 0,
            };
            let mut whole = sound.to_vec();
            whole.resize(self.whole, silence);
            sound = whole.into();
        }
        if self.shape.encoding == Encoding::Mulaw {
            return sound;
        }
        let samples: Vec<i16> = match self.codec {
            Codec::Pcmu => sound.iter().map(|byte| decode_ulaw(*byte)).collect(),
            Codec::Pcma => sound.iter().map(|byte| decode_alaw(*byte)).collect(),
            _ => self.order.read(&sound),
        };
        let mono: Vec<i16> = match self.channels {
            1 => samples,
            _ => samples.chunks_exact(2).map(|pair| pair[0].midpoint(pair[1])).collect(),
        };
        let mono = match &mut self.resampler {
            Some(resampler) => resampler.feed(&mono),
            None => mono,
        };
        mono.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }
    /// Bytes of a frame as it comes, for those that never came.
    pub(super) fn lost(&self) -> Bytes {
        vec![self.shape.silence(); self.shape.frame()].into()
    }
}

/// Which byte of a sample comes first. The vendor's own session has the low one there, where RTP (RFC 3551, 4.5.11) has the
/// high one: so it is listened for. In the right order neighbouring samples are close to each other.
#[derive(Debug, Default)]
struct ByteOrder {
    looked: u32,
    votes: i32,
}
impl ByteOrder {
    fn read(&mut self, sound: &[u8]) -> Vec<i16> {
        let pairs = || sound.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        if self.looked < LOOKS {
            let (low, high) = (steps(pairs().map(i16::from_le_bytes)), steps(pairs().map(i16::from_be_bytes)));
            if low.1 && high.1 {
                self.looked += 1;
                self.votes += if high.0 < low.0 { 1 } else { -1 };
            }
        }
        if self.votes > 0 {
            pairs().map(i16::from_be_bytes).collect()
        } else {
            pairs().map(i16::from_le_bytes).collect()
        }
    }
}

/// How far neighbouring samples are apart, added up, and whether there is anything to hear.
fn steps(samples: impl Iterator<Item = i16>) -> (i64, bool) {
    let (mut sum, mut loud, mut last) = (0, false, None);
    for sample in samples.map(i32::from) {
        loud |= sample.abs() > SOMETHING;
        sum += i64::from((sample - last.unwrap_or(sample)).abs());
        last = Some(sample);
    }
    (sum, loud)
}

/// Samples at one rate made into samples at another, as they come.
struct Resample {
    inner: Async<f32>,
    waiting: VecDeque<f32>,
}
impl Resample {
    fn new(from: u32, to: u32) -> Result<Self, Unheard> {
        let parameters = SincInterpolationParameters {
            sinc_len: 64,
            f_cutoff: None,
            oversampling_factor: 128,
            interpolation: SincInterpolationType::Linear,
            window: WindowFunction::BlackmanHarris2,
        };
        let ratio = f64::from(to) / f64::from(from);
        let chunk = usize::try_from(from / 50).unwrap_or(160);
        let inner = Async::new_sinc(ratio, 1.0, &parameters, chunk, 1, FixedAsync::Input);
        let inner = inner.map_err(|e| Unheard(format!("no resampling from {from} to {to}: {e}")))?;
        Ok(Self { inner, waiting: VecDeque::new() })
    }
    fn feed(&mut self, samples: &[i16]) -> Vec<i16> {
        self.waiting.extend(samples.iter().map(|sample| f32::from(*sample)));
        let mut made = Vec::new();
        while self.waiting.len() >= self.inner.input_frames_next() {
            let count = self.inner.input_frames_next();
            let chunk: Vec<f32> = self.waiting.drain(..count).collect();
            let Ok(chunk) = InterleavedOwned::new_from(chunk, 1, count) else { break };
            let Ok(out) = self.inner.process(&chunk, None) else { break };
            #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
            made.extend(out.take_data().into_iter().map(|sample| sample.round() as i16));
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use audio_codec_algorithms::{encode_alaw, encode_ulaw};

    use super::*;
    use crate::ports::voice::Leg;

    fn start(codec: Option<Codec>, rate: u32, channels: u8) -> MediaStart {
        MediaStart { leg: Leg::default(), tag: None, codec, rate, channels }
    }
    /// Frames of a tone of 440 Hz.
    fn tone(rate: u32, frames: u32) -> Vec<i16> {
        let sample = |n: u32| (f64::from(n) / f64::from(rate) * 440.0 * std::f64::consts::TAU).sin() * 8_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude fits")]
        (0..rate / 50 * frames).map(|n| sample(n) as i16).collect()
    }
    fn heard(tuner: &mut Tuner, sound: &[u8], frame: usize) -> Vec<i16> {
        let out = sound.chunks(frame).flat_map(|frame| tuner.tune(&Bytes::copy_from_slice(frame)).to_vec());
        out.collect::<Vec<u8>>().chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }
    /// Crossings of zero a second: twice the pitch.
    fn pitch(samples: &[i16], rate: u32) -> usize {
        let crossings = samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
        crossings * usize::try_from(rate).unwrap() / samples.len() / 2
    }

    #[test]
    fn mu_law_of_telephones_passes_as_it_is() {
        let mut tuner = Tuner::of(&start(Some(Codec::Pcmu), 8_000, 1)).unwrap();
        let sound: Bytes = tone(8_000, 1).iter().map(|sample| encode_ulaw(*sample)).collect();
        assert_eq!((tuner.shape.encoding, tuner.tune(&sound)), (Encoding::Mulaw, sound.clone()));
        let short = tuner.tune(&sound.slice(..100));
        assert_eq!((short.len(), &short[..100], short[100]), (160, &sound[..100], 0xff));
        assert_eq!(tuner.tune(&[sound.clone(), sound.clone()].concat().into()), sound);
        assert_eq!(tuner.lost(), vec![0xff; 160]);
    }

    #[test]
    fn a_law_becomes_samples() {
        let mut tuner = Tuner::of(&start(Some(Codec::Pcma), 8_000, 1)).unwrap();
        let said = tone(8_000, 3);
        let sound: Vec<u8> = said.iter().map(|sample| encode_alaw(*sample)).collect();
        let heard = heard(&mut tuner, &sound, 160);
        assert_eq!(heard.len(), said.len());
        assert!(heard.iter().zip(&said).all(|(one, other)| (i32::from(*one) - i32::from(*other)).abs() < 300));
    }

    #[test]
    fn samples_are_read_in_either_order_of_their_bytes() {
        let said = tone(16_000, 10);
        for order in [i16::to_le_bytes, i16::to_be_bytes] {
            let mut tuner = Tuner::of(&start(Some(Codec::L16), 16_000, 1)).unwrap();
            let quiet = vec![0; 640 * 4];
            let sound: Vec<u8> = said.iter().flat_map(|sample| order(*sample)).collect();
            assert_eq!(heard(&mut tuner, &quiet, 640), vec![0; 320 * 4]);
            assert_eq!(heard(&mut tuner, &sound, 640), said);
        }
    }

    #[test]
    fn other_rates_become_16_khz_at_the_same_pitch_and_two_channels_one() {
        for (rate, channels) in [(24_000, 1), (48_000, 1), (12_000, 1), (16_000, 2), (48_000, 2)] {
            let mut tuner = Tuner::of(&start(Some(Codec::L16), rate, channels)).unwrap();
            let said = tone(rate, 50);
            let twice = |sample: &i16| std::iter::repeat_n(*sample, usize::from(channels)).collect::<Vec<_>>();
            let sound: Vec<u8> = said.iter().flat_map(twice).flat_map(i16::to_le_bytes).collect();
            let frame = Codec::L16.frame_bytes(rate, channels).unwrap();
            let heard = heard(&mut tuner, &sound, frame);
            assert!(heard.len().abs_diff(16_000) < 700, "{rate}: {}", heard.len());
            assert!(pitch(&heard[1_000..], 16_000).abs_diff(440) <= 8, "{rate}: {}", pitch(&heard[1_000..], 16_000));
        }
    }

    #[test]
    fn what_cannot_be_heard_is_told() {
        for (codec, rate, channels) in [
            (None, 8_000, 1),
            (Some(Codec::Opus), 48_000, 1),
            (Some(Codec::Pcmu), 0, 1),
            (Some(Codec::Pcmu), 7_999, 1),
            (Some(Codec::L16), 96_000, 1),
            (Some(Codec::L16), 16_000, 0),
            (Some(Codec::L16), 16_000, 9),
        ] {
            assert!(Tuner::of(&start(codec, rate, channels)).is_err(), "{codec:?} {rate} {channels}");
        }
    }
}
