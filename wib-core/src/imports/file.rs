//! Bytes to rows of cells.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};

/// What Windows-1252 has for 0x80 to 0x9f; the five it leaves open stay control characters.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text, read as UTF-8 or else as Windows-1252.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let windows = |b: &u8| match b {
        0x80..=0x9f => WINDOWS[usize::from(b - 0x80)],
        b => char::from(*b),
    };
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(windows).collect(), Cow::Borrowed)
}

/// Rows that hold anything, with the line each begins on (the first is 1).
pub(crate) struct Rows<'a> {
    text: &'a str,
    reader: csv::Reader<&'a [u8]>,
    at: usize,
    line: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(delimiter(text));
        Self { text, reader: builder.from_reader(text.as_bytes()), at: 0, line: 1 }
    }
    /// The line of the first byte that is no line end, from `start` on.
    fn line_of(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let blank = bytes[start..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let ends = bytes[self.at..start + blank].iter().filter(|b| **b == b'\n').count();
        (self.at, self.line) = (start + blank, self.line + ends);
        self.line
    }
}

impl Iterator for Rows<'_> {
    type Item = (usize, Vec<String>);
    fn next(&mut self) -> Option<Self::Item> {
        let mut record = StringRecord::new();
        loop {
            let start = usize::try_from(self.reader.position().byte()).ok()?;
            if !self.reader.read_record(&mut record).ok()? {
                return None;
            }
            let line = self.line_of(start);
            if record.iter().any(|cell| !cell.trim().is_empty()) {
                return Some((line, record.iter().map(|cell| cell.trim().to_owned()).collect()));
            }
        }
    }
}

/// The one of four that splits the heading most often outside quotes; a comma when none does.
fn delimiter(text: &str) -> u8 {
    let mut counts = [0usize; 4];
    let mut quoted = false;
    for byte in text.trim_start_matches(['\r', '\n', ' ']).bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            byte if !quoted => {
                for (count, candidate) in counts.iter_mut().zip(DELIMITERS) {
                    *count += usize::from(byte == candidate);
                }
            }
            _ => {}
        }
    }
    let most = counts.into_iter().max().unwrap_or(0);
    counts.into_iter().position(|count| count == most).map_or(b',', |best| DELIMITERS[best])
}

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_counted_outside_quotes() {
        assert_eq!(delimiter("\"a,b,c,d\";e;f\n1,2,3,4,5"), b';');
        assert_eq!((delimiter(""), delimiter("one"), delimiter("\r\na|b")), (b',', b',', b'|'));
    }

    #[test]
    fn rows_know_the_line_they_begin_on() {
        let lines: Vec<_> = Rows::of("\n\na,b\r\n\r\n\"x\ny\",1\n,\nz,2").map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 5, 8]);
    }
}
