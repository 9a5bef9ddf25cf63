//! What a file is, by its first bytes: what it says of itself is nobody's word.

use crate::text_enum;

text_enum! {
    /// The formats that are taken.
    pub enum AudioKind {
        /// RIFF WAVE.
        Wav = "wav",
        /// MPEG-1 and -2 audio.
        Mp3 = "mp3",
        /// Ogg: Opus, Vorbis.
        Ogg = "ogg",
        /// FLAC.
        Flac = "flac",
        /// Matroska and WebM.
        Webm = "webm",
        /// MPEG-4.
        M4a = "m4a",
        /// Bare AAC.
        Aac = "aac",
    }
}

impl AudioKind {
    /// Bytes that tell every format.
    pub const HEAD: usize = 12;

    /// The format of a file that begins like that; `None` when it is none that is taken.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let at = |place: usize, word: &[u8]| head.get(place..).is_some_and(|rest| rest.starts_with(word));
        // A frame begins with eleven bits that are set; ADTS has the layer's two unset, which MPEG audio never has.
        let frame = |mask: u8, bits: u8| head.len() > 1 && head[0] == 0xff && head[1] & mask == bits;
        match () {
            () if at(0, b"RIFF") && at(8, b"WAVE") => Some(Self::Wav),
            () if at(0, b"OggS") => Some(Self::Ogg),
            () if at(0, b"fLaC") => Some(Self::Flac),
            () if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) => Some(Self::Webm),
            () if at(4, b"ftyp") => Some(Self::M4a),
            () if frame(0xf6, 0xf0) => Some(Self::Aac),
            () if at(0, b"ID3") || (frame(0xe0, 0xe0) && head[1] & 0x06 != 0) => Some(Self::Mp3),
            () => None,
        }
    }
    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Webm => "audio/webm",
            Self::M4a => "audio/mp4",
            Self::Aac => "audio/aac",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_its_first_bytes_alone() {
        let heads: [(&[u8], Option<AudioKind>); 12] = [
            (b"RIFF\x24\x00\x00\x00WAVEfmt ", Some(AudioKind::Wav)),
            (b"RIFF\x24\x00\x00\x00AVI LIST", None),
            (b"OggS\x00\x02", Some(AudioKind::Ogg)),
            (b"fLaC\x00\x00", Some(AudioKind::Flac)),
            (b"\x1a\x45\xdf\xa3\x01", Some(AudioKind::Webm)),
            (b"\x00\x00\x00\x20ftypM4A ", Some(AudioKind::M4a)),
            (b"\xff\xf1\x50\x80", Some(AudioKind::Aac)),
            (b"\xff\xfb\x90\x64", Some(AudioKind::Mp3)),
            (b"ID3\x04\x00", Some(AudioKind::Mp3)),
            (b"<!DOCTYPE html>", None),
            (b"\x7fELF", None),
            (b"", None),
        ];
        for (head, kind) in heads {
            assert_eq!(AudioKind::of(head), kind, "{head:?}");
        }
    }
}
