//! Text as a reader sees it: full-width letters made plain, hidden characters gone. For detection only.

use std::{borrow::Cow, ops::Range};

/// A folded text that remembers where every byte came from.
pub(super) struct Folded<'a> {
    original: &'a str,
    pub(super) text: Cow<'a, str>,
    at: Vec<usize>,
}

impl<'a> Folded<'a> {
    pub(super) fn of(original: &'a str) -> Self {
        if original.chars().all(|c| seen(c) == Some(c)) {
            return Self { original, text: original.into(), at: vec![] };
        }
        let (mut text, mut at) = (String::with_capacity(original.len()), Vec::with_capacity(original.len()));
        for (i, c) in original.char_indices() {
            if let Some(c) = seen(c) {
                text.push(c);
                at.resize(text.len(), i);
            }
        }
        Self { original, text: text.into(), at }
    }
    /// The bytes of the original that a range of the folded text stands for.
    pub(super) fn back(&self, range: Range<usize>) -> Range<usize> {
        match (self.at.get(range.start), range.end.checked_sub(1).and_then(|last| self.at.get(last))) {
            (Some(&start), Some(&last)) => start..self.original.ceil_char_boundary(last + 1),
            _ => range,
        }
    }
}

/// What a reader sees of a character, if anything.
pub(crate) fn seen(c: char) -> Option<char> {
    match c {
        '\u{b}' | '\u{c}' => Some(' '),
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        c if stripped(c) => None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '\u{2018}' | '\u{2019}' => Some('\''),
        c => Some(c),
    }
}

/// Control characters other than tab and line ends, and characters without width.
pub(super) fn stripped(c: char) -> bool {
    let hidden = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    hidden || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}
