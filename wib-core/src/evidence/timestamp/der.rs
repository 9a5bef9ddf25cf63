//! The little of DER (ITU-T X.690) that time stamps need: tags of one byte, lengths in their only form, integers in
//! their shortest. What is read borrows; nothing recurses, so that no input is too deep.

use jiff::{civil::DateTime, tz::TimeZone};

use crate::kit::time::{Timestamp, microseconds};

/// Why bytes are not DER.
pub(super) type NotDer = &'static str;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BITS: u8 = 0x03;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// A context tag of a simple value.
pub(crate) const fn context(n: u8) -> u8 {
    0x80 | n
}
/// A context tag of something made of parts.
pub(crate) const fn nested(n: u8) -> u8 {
    0xa0 | n
}

/// One element, with and without its head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) tag: u8,
    pub(super) whole: &'a [u8],
    pub(super) body: &'a [u8],
}

/// Elements that follow one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
    /// The inside of the one element that the bytes are.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Result<Self, NotDer> {
        let mut reader = Self(bytes);
        let inside = reader.inside(tag)?;
        reader.end()?;
        Ok(inside)
    }
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub(super) fn end(self) -> Result<(), NotDer> {
        if self.is_empty() { Ok(()) } else { Err("more than is expected") }
    }
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }
    /// The next element, whatever it is.
    pub(super) fn any(&mut self) -> Result<Item<'a>, NotDer> {
        let bytes = self.0;
        let [tag, first, rest @ ..] = bytes else { return Err("cut short") };
        if tag & 0x1f == 0x1f {
            return Err("a tag of several bytes");
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x80 => return Err("an indefinite length"),
            // Four bytes of length are more than any input here may have.
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or("cut short")?;
                let length = digits.iter().fold(0usize, |n, d| (n << 8) | usize::from(*d));
                if digits.first() == Some(&0) || length < 0x80 {
                    return Err("a length that is not in its shortest form");
                }
                (length, rest)
            }
            _ => return Err("a length that is too long"),
        };
        let (body, after) = rest.split_at_checked(length).ok_or("cut short")?;
        self.0 = after;
        Ok(Item { tag: *tag, whole: &bytes[..bytes.len() - after.len()], body })
    }
    pub(super) fn item(&mut self, tag: u8) -> Result<Item<'a>, NotDer> {
        match self.peek() {
            Some(found) if found == tag => self.any(),
            Some(_) => Err("another element than is expected"),
            None => Err("cut short"),
        }
    }
    pub(super) fn take(&mut self, tag: u8) -> Result<&'a [u8], NotDer> {
        Ok(self.item(tag)?.body)
    }
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, NotDer> {
        if self.peek() == Some(tag) { self.take(tag).map(Some) } else { Ok(None) }
    }
    pub(super) fn inside(&mut self, tag: u8) -> Result<Self, NotDer> {
        self.take(tag).map(Self)
    }
    /// An integer's bytes, in their shortest form.
    pub(super) fn integer(&mut self) -> Result<&'a [u8], NotDer> {
        whole_number(self.take(INTEGER)?)
    }
    /// An integer that is small and not negative.
    pub(super) fn small(&mut self) -> Result<u64, NotDer> {
        small(self.take(INTEGER)?)
    }
    /// An element that is false when it is left out; DER leaves false out, some authorities do not.
    pub(super) fn flag(&mut self) -> Result<bool, NotDer> {
        match self.optional(BOOLEAN)? {
            None | Some([0]) => Ok(false),
            Some([0xff]) => Ok(true),
            Some(_) => Err("a truth value that is neither"),
        }
    }
    /// An algorithm's object identifier, whose parameters are absent or NULL.
    pub(super) fn algorithm(&mut self) -> Result<&'a [u8], NotDer> {
        let mut inside = self.inside(SEQUENCE)?;
        let oid = inside.take(OID)?;
        if !matches!(inside.optional(NULL)?, None | Some([])) {
            return Err("a NULL that holds something");
        }
        inside.end()?;
        Ok(oid)
    }
    /// An instant as certificates write it (RFC 5280, 4.1.2.5), and as time stamps do (RFC 3161, 2.4.2).
    pub(super) fn time(&mut self) -> Result<Timestamp, NotDer> {
        match self.peek() {
            Some(UTC_TIME) => {
                let text = self.take(UTC_TIME)?;
                let century: &[u8] = if text.first().is_some_and(|c| *c >= b'5') { b"19" } else { b"20" };
                instant(&[century, text].concat())
            }
            _ => instant(self.take(GENERALIZED_TIME)?),
        }
    }
}

fn whole_number(body: &[u8]) -> Result<&[u8], NotDer> {
    match body {
        [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err("a number that is not in its shortest form"),
        _ => Ok(body),
    }
}

/// The number in an integer's body.
pub(super) fn small(body: &[u8]) -> Result<u64, NotDer> {
    let body = whole_number(body)?;
    if body[0] & 0x80 != 0 || body.len() > 8 {
        return Err("a number out of bounds");
    }
    Ok(body.iter().fold(0, |n, d| (n << 8) | u64::from(*d)))
}

/// `YYYYMMDDhhmmss[.f..]Z`, cut to microseconds.
fn instant(text: &[u8]) -> Result<Timestamp, NotDer> {
    const WRONG: NotDer = "a time that is none";
    let text = std::str::from_utf8(text).map_err(|_| WRONG)?.strip_suffix('Z').ok_or(WRONG)?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || fraction.is_some_and(|f| !digits(f) || f.len() > 9) {
        return Err(WRONG);
    }
    let two = |at: usize| whole[at..at + 2].parse::<i8>().map_err(|_| WRONG);
    let nanoseconds = format!("{:0<9}", fraction.unwrap_or_default()).parse::<i32>().map_err(|_| WRONG)?;
    let year = whole[..4].parse::<i16>().map_err(|_| WRONG)?;
    DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?, nanoseconds)
        .and_then(|at| at.to_zoned(TimeZone::UTC))
        .map(|at| microseconds(at.timestamp()))
        .map_err(|_| WRONG)
}

/// An object identifier in dots.
pub(super) fn dotted(oid: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc = 0u128;
    for byte in oid {
        arc = (arc << 7) | u128::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first.to_string());
                arc -= first * 40;
            }
            arcs.push(arc.to_string());
            arc = 0;
        }
    }
    arcs.join(".")
}

/// Writes an element of those parts.
pub(crate) fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match body.len() {
        short @ 0..0x80 => out.push(short as u8),
        long => {
            let digits = long.to_be_bytes();
            let digits = &digits[digits.iter().take_while(|d| **d == 0).count()..];
            out.push(0x80 | digits.len() as u8);
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(&body);
    out
}

/// Writes a number in its shortest form.
pub(crate) fn number(n: u64) -> Vec<u8> {
    let digits = n.to_be_bytes();
    let mut digits = &digits[digits.iter().take_while(|d| **d == 0).count().min(7)..];
    let padded = [&[0], digits].concat();
    if digits[0] & 0x80 != 0 {
        digits = &padded;
    }
    wrap(INTEGER, &[digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> NotDer {
        Reader::new(bytes).any().unwrap_err()
    }

    #[test]
    fn lengths_have_one_form() {
        assert_eq!(refused(&[0x30, 0x80, 0, 0]), "an indefinite length");
        assert_eq!(refused(&[0x04, 0x81, 1, 0]), "a length that is not in its shortest form");
        assert_eq!(refused(&[0x04, 0x82, 0, 0x80]), "a length that is not in its shortest form");
        assert_eq!(refused(&[0x04, 0x85, 1, 0, 0, 0, 0]), "a length that is too long");
        assert_eq!(refused(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff]), "cut short");
        assert_eq!(refused(&[0x04, 2, 0]), "cut short");
        assert_eq!(refused(&[0x04]), "cut short");
        assert_eq!(refused(&[0x1f, 0x81, 0]), "a tag of several bytes");
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let body = vec![7; length];
            let written = wrap(OCTETS, &[&body]);
            let mut reader = Reader::new(&written);
            let item = reader.any().unwrap();
            assert_eq!((item.tag, item.whole, item.body, reader.is_empty()), (OCTETS, &written[..], &body[..], true));
        }
    }

    #[test]
    fn numbers_have_one_form() {
        for n in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff_ffff_ffff_ffff] {
            assert_eq!(Reader::new(&number(n)).small(), Ok(n));
        }
        assert_eq!(number(u64::MAX).len(), 2 + 9);
        assert!(Reader::new(&number(u64::MAX)).small().is_err() && Reader::new(&number(u64::MAX)).integer().is_ok());
        for body in [&[][..], &[0, 1], &[0xff, 0x80]] {
            assert!(Reader::new(&wrap(INTEGER, &[body])).integer().is_err(), "{body:?}");
        }
    }

    #[test]
    fn times_are_exact_or_refused() {
        let read = |tag, text: &str| Reader::new(&wrap(tag, &[text.as_bytes()])).time().map(|t| t.to_string());
        assert_eq!(read(GENERALIZED_TIME, "20260601173000Z").unwrap(), "2026-06-01T17:30:00Z");
        assert_eq!(read(GENERALIZED_TIME, "20260601173000.1234567Z").unwrap(), "2026-06-01T17:30:00.123456Z");
        assert_eq!(read(UTC_TIME, "491231235959Z").unwrap(), "2049-12-31T23:59:59Z");
        assert_eq!(read(UTC_TIME, "500101000000Z").unwrap(), "1950-01-01T00:00:00Z");
        for text in
            ["20260601173000", "20260601173000+0100Z", "20261301000000Z", "20260601173000.Z", "2026060117300éZ", ""]
        {
            assert!(read(GENERALIZED_TIME, text).is_err(), "{text}");
        }
    }

    #[test]
    fn object_identifiers_are_read_in_dots() {
        assert_eq!(dotted(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]), "2.16.840.1.101.3.4.2.1");
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
        assert_eq!(dotted(&[0x88, 0x37, 3]), "2.999.3");
    }
}
