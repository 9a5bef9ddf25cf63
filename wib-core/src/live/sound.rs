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
        if !(8_000..=48_000).contains(&start.rate) || start.rate % 50 != 0 || !(1..=2).contains(&start.channels) {
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
        Ok(Self { codec, channels, rate: start.rate, shape, order, resampler })
    }

    /// A frame as ears take it; what is no whole sample is dropped.
    pub(super) fn tune(&mut self, sound: &Bytes) -> Bytes {
        if self.shape.encoding == Encoding::Mulaw {
            return sound.clone();
        }
        let samples: Vec<i16> = match self.codec {
            Codec::Pcmu => sound.iter().map(|byte| decode_ulaw(*byte)).collect(),
            Codec::Pcma => sound.iter().map(|byte| decode_alaw(*byte)).collect(),
            _ => self.order.read(sound),
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
