//! Where every byte of an edited text came from.

use std::ops::Range;

/// How often a text is looked through again; two rounds do for anything but a text made to be slow.
pub(super) const ROUNDS: usize = 16;

#[derive(Clone)]
pub(super) struct Piece {
    pub(super) new: Range<usize>,
    pub(super) old: Range<usize>,
    /// Whether the bytes are the original's; else they replace it as a whole.
    pub(super) kept: bool,
}

/// A map from byte offsets of an edited text to those of its original.
#[derive(Clone)]
pub(super) struct Offsets(Vec<Piece>);

impl Offsets {
    pub(super) fn identity(len: usize) -> Self {
        Self(vec![Piece { new: 0..len, old: 0..len, kept: true }])
    }
    /// Puts each text in place of its range; ranges are sorted and apart.
    pub(super) fn edit(text: &str, edits: Vec<(Range<usize>, String)>) -> (String, Self) {
        let (mut out, mut pieces, mut from) = (String::with_capacity(text.len()), vec![], 0);
        let mut put = |out: &mut String, old: Range<usize>, with: &str, kept: bool| {
            let start = out.len();
            out.push_str(with);
            if !old.is_empty() {
                pieces.push(Piece { new: start..out.len(), old, kept });
            }
        };
        for (range, with) in edits {
            put(&mut out, from..range.start, &text[from..range.start], true);
            from = range.end;
            put(&mut out, range, &with, false);
        }
        put(&mut out, from..text.len(), &text[from..], true);
        (out, Self(pieces))
    }
    /// This map and then a second one, as one.
    pub(super) fn then(&self, next: &Self) -> Self {
        let mut pieces = Vec::with_capacity(self.0.len() + next.0.len());
        for piece in &next.0 {
            if !piece.kept {
                let old = self.start(piece.old.start)..self.end(piece.old.end);
                pieces.push(Piece { old, ..piece.clone() });
                continue;
            }
            let first = self.0.partition_point(|p| p.new.end <= piece.old.start);
            for under in self.0[first..].iter().take_while(|p| p.new.start < piece.old.end) {
                let mid = under.new.start.max(piece.old.start)..under.new.end.min(piece.old.end);
                let shift = |at: usize| at - piece.old.start + piece.new.start;
                let back = |at: usize| at - under.new.start + under.old.start;
                let old = if under.kept { back(mid.start)..back(mid.end) } else { under.old.clone() };
                pieces.push(Piece { new: shift(mid.start)..shift(mid.end), old, kept: under.kept });
            }
        }
        Self(pieces)
    }
    /// Forgets everything from `len` on.
    pub(super) fn cut(&mut self, len: usize) {
        self.0.retain(|p| p.new.start < len);
        for piece in &mut self.0 {
            let over = piece.new.end.saturating_sub(len);
            piece.new.end -= over;
            piece.old.end -= if piece.kept { over } else { 0 };
        }
    }
    /// The original offset at which the byte begins.
    pub(super) fn start(&self, at: usize) -> usize {
        match self.0.get(self.0.partition_point(|p| p.new.end <= at)) {
            Some(p) if p.kept => p.old.start + (at - p.new.start),
            Some(p) => p.old.start,
            None => self.0.last().map_or(0, |p| p.old.end),
        }
    }
    /// The original offset at which a range that ends there ends.
    pub(super) fn end(&self, at: usize) -> usize {
        match self.0.get(self.0.partition_point(|p| p.new.end < at)) {
            Some(p) if p.kept => p.old.start + (at - p.new.start),
            Some(p) => p.old.end,
            None => self.0.last().map_or(0, |p| p.old.end),
        }
    }
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_edits_in_a_row_map_back_as_one() {
        let (mid, first) = Offsets::edit("abcdefghij", vec![(2..4, "XYZ".to_owned())]);
        let (new, second) = Offsets::edit(&mid, vec![(0..1, String::new()), (4..7, "-".to_owned())]);
        assert_eq!((mid.as_str(), new.as_str()), ("abXYZefghij", "bXY-ghij"));
        let both = first.then(&second);
        let starts: Vec<_> = (0..=new.len()).map(|at| both.start(at)).collect();
        assert_eq!(starts, [1, 2, 2, 2, 6, 7, 8, 9, 10]);
        let ends: Vec<_> = (1..=new.len()).map(|at| both.end(at)).collect();
        assert_eq!(ends, [2, 4, 4, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn a_cut_forgets_the_rest() {
        let (_, mut map) = Offsets::edit("abcdef", vec![(1..2, "XYZ".to_owned())]);
        map.cut(6);
        assert_eq!((map.start(6), map.end(6)), (4, 4));
        map.cut(2);
        assert_eq!((map.start(1), map.end(2), map.start(2)), (1, 2, 2));
        map.cut(0);
        assert_eq!((map.start(0), map.end(0)), (0, 0));
    }
}
