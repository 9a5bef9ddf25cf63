//! Silence written over spans of a WAV file (RIFF; Multimedia Programming Interface and Data Specifications 1.0).

use std::ops::Range;

use bytes::Bytes;

/// The same file with silence over these spans, in milliseconds from the start of the audio, on every channel, and with
/// nothing in it but its format and its sound: any other chunk may hold words. `None` when it is no WAV file of a kind
/// that silence is known for.
#[must_use]
pub(crate) fn silenced(file: &[u8], spans: &[Range<i64>]) -> Option<Bytes> {
    let riff = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let (mut form, mut sound, mut rest) = (None, None, riff);
    while let Some(length) = rest.get(4..8) {
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        // A recorder that was cut off leaves a length that its file does not have.
        let body = rest.get(8..).map(|body| &body[..length.min(body.len())])?;
        match &rest[..4] {
            b"fmt " => form = form.or(Some(body)),
            b"data" => sound = sound.or(Some(body)),
            _ => {}
        }
        rest = rest.get(8 + length.next_multiple_of(2)..).unwrap_or_default();
    }
    let (form, mut sound) = (form?, sound?.to_vec());
    let word = |at: usize| Some(u16::from_le_bytes(form.get(at..at + 2)?.try_into().ok()?));
    let rate = u64::from(u32::from_le_bytes(form.get(4..8)?.try_into().ok()?));
    let (align, bits) = (usize::from(word(12)?), word(14)?);
    let quiet = match (word(0)?, bits) {
        (1, 8) => 0x80,
        (1, 16 | 24 | 32) => 0,
        // A-law and mu-law, ITU-T G.711.
        (6, 8) => 0xd5,
        (7, 8) => 0xff,
        _ => return None,
    };
    if align == 0 || rate == 0 {
        return None;
    }
    for span in spans {
        let frame = |ms: i64| {
            let frames = u64::try_from(ms.max(0)).unwrap_or(0).saturating_mul(rate) / 1000;
            usize::try_from(frames).unwrap_or(usize::MAX).saturating_mul(align).min(sound.len())
        };
        let (from, to) = (frame(span.start), frame(span.end.saturating_add(1)));
        sound[from..to.max(from)].fill(quiet);
    }
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let mut chunk = name.to_vec();
        chunk.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        chunk.extend(body);
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    let body = [b"WAVE".as_slice(), &chunk(b"fmt ", form), &chunk(b"data", &sound)].concat();
    Some(chunk(b"RIFF", &body).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(format: u16, channels: u16, bits: u16, sound: &[u8]) -> Vec<u8> {
        let align = channels * bits / 8;
        let mut form = Vec::new();
        form.extend(format.to_le_bytes());
        form.extend(channels.to_le_bytes());
        form.extend(1000u32.to_le_bytes());
        form.extend((1000 * u32::from(align)).to_le_bytes());
        form.extend(align.to_le_bytes());
        form.extend(bits.to_le_bytes());
        let chunk = |name: &[u8], body: &[u8]| {
            [name, &u32::try_from(body.len()).unwrap().to_le_bytes(), body, &vec![0; body.len() % 2]].concat()
        };
        let parts =
            [b"WAVE".to_vec(), chunk(b"fmt ", &form), chunk(b"LIST", b"4111111111111111"), chunk(b"data", sound)];
        chunk(b"RIFF", &parts.concat())
    }

    #[test]
    fn silence_lies_over_the_spans_and_nothing_else_is_in_the_file() {
        for (format, bits, quiet) in [(1, 8, 0x80), (1, 16, 0), (6, 8, 0xd5), (7, 8, 0xff)] {
            let align = usize::from(bits / 8 * 2);
            let sound = vec![7; 100 * align];
            let out = silenced(&wav(format, 2, bits, &sound), &[10..19, 90..500]).unwrap();
            assert!(!out.windows(4).any(|w| w == b"4111" || w == b"LIST"));
            let data = &out[out.len() - sound.len()..];
            for (ms, frame) in data.chunks(align).enumerate() {
                let expected = if (10..20).contains(&ms) || ms >= 90 { quiet } else { 7 };
                assert!(frame.iter().all(|b| *b == expected), "{format} {bits} at {ms}: {frame:?}");
            }
            assert_eq!(u32::from_le_bytes(out[4..8].try_into().unwrap()) as usize, out.len() - 8);
        }
    }

    #[test]
    fn what_is_no_wav_or_of_another_kind_is_left_to_be_deleted() {
        assert_eq!(silenced(b"ID3\x03", &[]), None);
        assert_eq!(silenced(b"RIFF\0\0\0\0WAVE", &[]), None);
        assert_eq!(silenced(&wav(85, 2, 8, b"mp3!"), std::slice::from_ref(&(0..9))), None);
    }
}
