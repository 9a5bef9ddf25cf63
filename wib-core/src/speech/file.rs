//! Sound as a file: vendors may give bare samples where a file was wanted.

use bytes::Bytes;

use crate::ports::speech::{AudioFormat, Spoken};

const PCM: u16 = 1;
const MULAW: u16 = 7;

/// Sound with the media type that players know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) ending: &'static str,
    /// Measured where the format tells, else estimated from the words.
    pub(crate) duration_ms: Option<i64>,
}

impl File {
    /// Samples get the head of a WAV file.
    pub(crate) fn of(spoken: Spoken) -> Self {
        let Spoken { head, audio } = spoken;
        let length = i64::try_from(audio.len()).unwrap_or(i64::MAX);
        match head.format {
            AudioFormat::Mp3 => Self { bytes: audio, content_type: "audio/mpeg", ending: "mp3", duration_ms: None },
            AudioFormat::Opus => Self { bytes: audio, content_type: "audio/ogg", ending: "ogg", duration_ms: None },
            AudioFormat::Wav => {
                let duration_ms = wav_ms(&audio);
                Self { bytes: audio, content_type: "audio/wav", ending: "wav", duration_ms }
            }
            AudioFormat::Mulaw8k => Self {
                bytes: wav(MULAW, 8000, &audio),
                content_type: "audio/wav",
                ending: "wav",
                duration_ms: Some(length / 8),
            },
            AudioFormat::Pcm16 { rate } => Self {
                bytes: wav(PCM, rate, &audio),
                content_type: "audio/wav",
                ending: "wav",
                duration_ms: Some(length.saturating_mul(500) / i64::from(rate.max(1))),
            },
        }
    }
    /// Whether a voice vendor can play it.
    pub(crate) fn playable(&self) -> bool {
        matches!(self.ending, "mp3" | "wav")
    }
}

/// A WAV file of one channel.
fn wav(tag: u16, rate: u32, audio: &[u8]) -> Bytes {
    let width: u16 = if tag == MULAW { 1 } else { 2 };
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let format = [
        &tag.to_le_bytes()[..],
        &1u16.to_le_bytes(),
        &rate.to_le_bytes(),
        &rate.saturating_mul(u32::from(width)).to_le_bytes(),
        &width.to_le_bytes(),
        &(width * 8).to_le_bytes(),
    ]
    .concat();
    let body = [b"WAVEfmt ", &length(format.len())[..], &format, b"data", &length(audio.len()), audio].concat();
    [b"RIFF", &length(body.len())[..], &body].concat().into()
}

/// How long a WAV file is: its bytes of sound by its bytes a second.
fn wav_ms(file: &[u8]) -> Option<i64> {
    let number = |at: usize| Some(u32::from_le_bytes(file.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let (mut at, mut rate) = (12, None);
    loop {
        let (name, length) = (file.get(at..at + 4)?, number(at + 4)?);
        match name {
            b"fmt " => rate = number(at + 16),
            b"data" => {
                // A file that was streamed says nothing true of its length.
                let there = u32::try_from(file.len() - at - 8).ok()?;
                return Some(i64::from(length.min(there)) * 1000 / i64::from(rate.filter(|rate| *rate > 0)?));
            }
            _ => {}
        }
        at = at.checked_add(8)?.checked_add(usize::try_from(length).ok()?)?.checked_next_multiple_of(2)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_file_tells_how_long_it_is_whatever_its_head_says() {
        let mut file = wav(PCM, 8000, &[0; 16_000]).to_vec();
        assert_eq!((&file[..4], wav_ms(&file)), (&b"RIFF"[..], Some(1000)));
        let mulaw = wav(MULAW, 8000, &[0xff; 4000]);
        assert_eq!((&mulaw[20..22], wav_ms(&mulaw)), (&[7, 0][..], Some(500)));
        file[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(wav_ms(&file), Some(1000));
        for broken in [&file[..20], b"", b"RIFF0000WAVE", &[0; 60]] {
            assert_eq!(wav_ms(broken), None);
        }
    }
}
