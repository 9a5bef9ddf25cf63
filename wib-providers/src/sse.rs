//! Server-sent events (WHATWG HTML, section 9.2) of an answer that flows. Only their data: names, ids and waits are for
//! browsers.
//!
//! Of our own: it is shorter than the bridge from a [`Flow`] to a library would be, and what may pile up is bounded by the
//! flow's cap.

use std::collections::VecDeque;

use wib_core::ports::VendorError;

use crate::http::Flow;

/// The events of an answer.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) flow: Flow,
    parser: Parser,
    ready: VecDeque<String>,
}

impl Events {
    pub(crate) fn new(flow: Flow) -> Self {
        Self { flow, parser: Parser::default(), ready: VecDeque::new() }
    }
    /// The data of the next event; `None` at the end. An event that the end cuts is none.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, VendorError> {
        loop {
            if let Some(data) = self.ready.pop_front() {
                return Ok(Some(data));
            }
            let Some(bytes) = self.flow.next().await? else { return Ok(None) };
            self.parser.take(&bytes, &mut self.ready);
        }
    }
}

/// Takes bytes as they come, cut anywhere.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    data: Option<String>,
    /// The last byte was CR: a LF now belongs to it.
    after_cr: bool,
    /// The first line is behind us; before it a byte order mark may stand.
    begun: bool,
}

impl Parser {
    fn take(&mut self, bytes: &[u8], ready: &mut VecDeque<String>) {
        for byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.after_cr) => {}
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    ready.extend(self.line_ended());
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(*byte);
                }
            }
        }
    }
    /// The data of the event that this line ended.
    fn line_ended(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let mark: &[u8] = if self.begun { b"" } else { b"\xef\xbb\xbf" };
        self.begun = true;
        let line = line.strip_prefix(mark).unwrap_or(&line);
        if line.is_empty() {
            return self.data.take();
        }
        let value = match line.strip_prefix(b"data") {
            Some([]) => &[][..],
            Some([b':', value @ ..]) => value.strip_prefix(b" ").unwrap_or(value),
            // A comment, or a field we do not need.
            _ => return None,
        };
        let value = String::from_utf8_lossy(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
            None => self.data = Some(value.into_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(parts: &[&[u8]]) -> Vec<String> {
        let (mut parser, mut ready) = (Parser::default(), VecDeque::new());
        for part in parts {
            parser.take(part, &mut ready);
        }
        ready.into()
    }

    #[test]
    fn events_are_read_in_every_spelling() {
        for (text, want) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", vec!["a", "b"]),
            ("data: a\r\ndata: b\r\n\r\n", vec!["a\nb"]),
            ("data: a\r\rdata: b\r\r", vec!["a", "b"]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            ("data:a\ndata:  b\ndata\n\n", vec!["a\n b\n"]),
            (": hello\n\nevent: x\nid: 1\nretry: 5\ndata: a\n: again\n\n", vec!["a"]),
            ("dataset: a\n\n\n\ndata:\n\n", vec![""]),
            ("data: a\n\ndata: cut", vec!["a"]),
            ("data: a\n\ndata: cut\n", vec!["a"]),
            ("data: ü\u{feff}\n\n", vec!["ü\u{feff}"]),
        ] {
            assert_eq!(read(&[text.as_bytes()]), want, "{text:?}");
        }
        assert_eq!(read(&[b"data: \xff\n\n"]), ["\u{fffd}"]);
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_changes_nothing(text in "(\u{feff}|)([\r\n:]|data: ?|é|x){0,40}", cuts in prop::collection::vec(0usize..80, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let parts: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&parts), read(&[bytes]));
        }
    }
}
