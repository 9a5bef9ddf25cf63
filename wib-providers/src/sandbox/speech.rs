//! Texts said by the sandbox: a hum for each word, 150 words a minute, in the formats that vendors give.

use audio_codec_algorithms::encode_ulaw;
use bytes::Bytes;

use super::sound::quiet_mp3;
use crate::audio::{MULAW, PCM};

/// How loud the hum is.
const LOUD: i64 = 6000;
/// A frame of Opus: 20 ms of silence, full band, one channel.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

/// A text being said, at thousandths of the usual speed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice<'a> {
    pub(crate) text: &'a str,
    pub(crate) speed_milli: u32,
}

impl Voice<'_> {
    /// How long it takes.
    pub(crate) fn ms(self) -> u64 {
        self.text.split_whitespace().count() as u64 * 400_000 / u64::from(self.speed_milli.max(1))
    }
    fn samples(self, rate: u32) -> Vec<i16> {
        let length = i64::from(rate) * 400 / i64::from(self.speed_milli.max(1));
        let mut samples = Vec::new();
        for word in self.text.split_whitespace() {
            let hertz = 110 + word.bytes().map(i64::from).sum::<i64>() % 110;
            let period = (i64::from(rate) / hertz).max(2);
            let hum = |n: i64| 4 * LOUD * (n % period - period / 2).abs() / period - LOUD;
            // A quarter of each word is the gap after it.
            let at = |n: i64| if n * 4 < length * 3 { i16::try_from(hum(n)).unwrap_or(0) } else { 0 };
            samples.extend((0..length).map(at));
        }
        samples
    }
    /// 16-bit samples, bare.
    pub(crate) fn pcm(self, rate: u32) -> Vec<u8> {
        self.samples(rate).into_iter().flat_map(i16::to_le_bytes).collect()
    }
    /// Mu-law, bare.
    pub(crate) fn mulaw(self, rate: u32) -> Vec<u8> {
        self.samples(rate).into_iter().map(encode_ulaw).collect()
    }
    /// A WAV file of 16-bit samples.
    pub(crate) fn wav(self, rate: u32) -> Vec<u8> {
        wav(PCM, rate, &self.pcm(rate))
    }
    /// An MP3 file.
    pub(crate) fn mp3(self) -> Vec<u8> {
        let frames = (self.ms() * 44_100).div_ceil(1_152_000).max(1);
        quiet_mp3(usize::try_from(frames).unwrap_or(1), 1)
    }
    /// Opus in an Ogg file, a packet of 20 ms to a page.
    pub(crate) fn opus(self) -> Vec<u8> {
        let head =
            [b"OpusHead".as_slice(), &[1, 1], &0u16.to_le_bytes(), &48_000u32.to_le_bytes(), &[0, 0, 0]].concat();
        let tags = [b"OpusTags".as_slice(), &3u32.to_le_bytes(), b"wib", &0u32.to_le_bytes()].concat();
        let packets = u32::try_from(self.ms().div_ceil(20).max(1)).unwrap_or(1);
        let mut file = [page(2, 0, 0, &head), page(0, 0, 1, &tags)].concat();
        for packet in 1..=packets {
            let last = if packet == packets { 4 } else { 0 };
            file.extend(page(last, u64::from(packet) * 960, packet + 1, &SILENCE));
        }
        file
    }
}

/// A WAV file of one channel.
fn wav(tag: u16, rate: u32, audio: &[u8]) -> Vec<u8> {
    let width: u16 = if tag == MULAW { 1 } else { 2 };
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let format = [
        &tag.to_le_bytes()[..],
        &1u16.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * u32::from(width)).to_le_bytes(),
        &width.to_le_bytes(),
        &(width * 8).to_le_bytes(),
    ]
    .concat();
    let body = [b"WAVEfmt ", &length(format.len())[..], &format, b"data", &length(audio.len()), audio].concat();
    [b"RIFF", &length(body.len())[..], &body].concat()
}

/// A page of Ogg (RFC 3533) with one packet.
fn page(kind: u8, position: u64, number: u32, packet: &[u8]) -> Vec<u8> {
    let head = [&b"OggS\0"[..], &[kind], &position.to_le_bytes(), b"wib1", &number.to_le_bytes()].concat();
    let lacing = [1, u8::try_from(packet.len()).unwrap_or(u8::MAX)];
    let whole = |sum: u32| [&head[..], &sum.to_le_bytes(), &lacing, packet].concat();
    let sum = whole(0).iter().fold(0u32, |sum, byte| {
        let turn = |sum: u32, _| if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
        (0..8).fold(sum ^ u32::from(*byte) << 24, turn)
    });
    whole(sum)
}

/// The audio that a vendor's name of a format stands for, with its media type; `None` for a name we do not know.
pub(crate) fn audio(voice: Voice<'_>, format: &str, rate: u32) -> Option<(&'static str, Bytes)> {
    let (kind, bytes) = match format {
        "mp3" => ("audio/mpeg", voice.mp3()),
        "wav" => ("audio/wav", voice.wav(rate)),
        "pcm" => ("audio/pcm", voice.pcm(rate)),
        "mulaw" | "ulaw" => ("audio/basic", voice.mulaw(rate)),
        "opus" => ("audio/ogg", voice.opus()),
        _ => return None,
    };
    Some((kind, bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_fits_the_words_in_every_format() {
        let voice = Voice { text: "one two three four five", speed_milli: 1000 };
        assert_eq!(voice.ms(), 2000);
        assert_eq!((voice.mulaw(8000).len(), voice.pcm(24_000).len(), voice.wav(8000).len()), (16_000, 96_000, 32_044));
        assert_eq!((voice.mp3().len(), voice.opus().len()), (77 * 104, 47 + 28 + 19 + 100 * 31));
        let quick = Voice { speed_milli: 2000, ..voice };
        assert_eq!((quick.ms(), quick.mulaw(8000).len()), (1000, 8000));
    }

    #[test]
    fn a_page_of_ogg_carries_the_sum_of_its_bytes() {
        // Computed apart from this code, over the page with a sum of zero.
        let page = page(4, 960, 2, &SILENCE);
        assert_eq!(&page[..6], b"OggS\0\x04");
        assert_eq!(page[26..], [1, 3, 0xf8, 0xff, 0xfe]);
        let sum = u32::from_le_bytes(page[22..26].try_into().unwrap());
        assert_eq!(sum, 0xb793_2370);
    }
}
