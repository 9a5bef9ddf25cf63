//! Turns out of pieces: what Deepgram tells piece by piece, an utterance's end somewhere among them.

use std::{collections::VecDeque, fmt};

use wib_core::ports::{
    live::{LiveWord, Turn},
    transcriber::Span,
};

/// Turns that have ended and may still get a piece that comes late.
const KEPT: usize = 8;

/// Some of what is said, from one instant of the audio to another. No [`Debug`]: it may hold a card's number.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// Whether it will not change any more.
    pub(super) settled: bool,
    /// Whether the turn ends with it.
    pub(super) ends: bool,
    /// The whole of it, as the vendor writes it.
    pub(super) written: String,
    pub(super) language: Option<String>,
    pub(super) words: Vec<Word>,
}

#[derive(Clone)]
pub(super) struct Word {
    pub(super) heard: String,
    pub(super) written: String,
    pub(super) span: Span,
    pub(super) confidence_ppm: i64,
    pub(super) speaker: Option<i64>,
}

/// Puts pieces together, whatever order they come in.
#[derive(Default)]
pub(super) struct Assembly {
    /// Whether a turn that has ended is told again as people write.
    formatted: bool,
    /// The number of the turn that is being spoken.
    order: i64,
    /// Its pieces that are settled, in order.
    open: Vec<Piece>,
    /// Up to where pieces are settled.
    settled_ms: i64,
    /// The last turns that have ended.
    ended: VecDeque<(i64, Vec<Piece>)>,
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly").field("order", &self.order).finish_non_exhaustive()
    }
}

/// Puts a piece where it belongs; one that was there is told anew.
fn place(pieces: &mut Vec<Piece>, piece: Piece) {
    let at = pieces.partition_point(|known| known.start_ms < piece.start_ms);
    match pieces.get_mut(at) {
        Some(known) if known.start_ms == piece.start_ms => *known = piece,
        _ => pieces.insert(at, piece),
    }
}

impl Assembly {
    pub(super) fn new(formatted: bool) -> Self {
        Self { formatted, ..Self::default() }
    }

    /// Takes a piece; what is now known of turns.
    pub(super) fn absorb(&mut self, piece: Piece) -> Vec<Turn> {
        if !piece.settled {
            // What was settled meanwhile is not told again as if it were not.
            let news = !piece.words.is_empty() && piece.end_ms > self.settled_ms;
            return if news { vec![self.so_far(Some(&piece))] } else { vec![] };
        }
        self.settled_ms = self.settled_ms.max(piece.end_ms);
        let (ends, end_ms) = (piece.ends, piece.end_ms);
        if !piece.words.is_empty() {
            // A piece that comes after the end of its own turn: the first that ended after it.
            let late = |turn: &&mut (i64, Vec<Piece>)| turn.1.last().is_some_and(|last| last.end_ms >= end_ms);
            let own = self.ended.iter_mut().filter(|_| !ends).filter(late);
            if let Some((order, pieces)) = own.min_by_key(|turn| turn.1.last().map(|last| last.end_ms)) {
                place(pieces, piece);
                return told(*order, pieces, self.formatted);
            }
            place(&mut self.open, piece);
        }
        if ends {
            // Pieces of the next turn may be there already.
            return self.end(|open| open.end_ms <= end_ms);
        }
        if self.open.is_empty() { vec![] } else { vec![self.so_far(None)] }
    }
    /// Nothing was said for a while after the word that ended then.
    pub(super) fn silence(&mut self, since_ms: i64) -> Vec<Turn> {
        self.end(|piece| piece.words.first().is_some_and(|word| word.span.start_ms <= since_ms))
    }
    /// Nothing more will be said.
    pub(super) fn finish(&mut self) -> Vec<Turn> {
        self.end(|_| true)
    }

    fn end(&mut self, belongs: impl Fn(&Piece) -> bool) -> Vec<Turn> {
        let (pieces, open) = std::mem::take(&mut self.open).into_iter().partition(belongs);
        self.open = open;
        let pieces: Vec<Piece> = pieces;
        if pieces.is_empty() {
            return vec![];
        }
        let turns = told(self.order, &pieces, self.formatted);
        self.ended.push_back((self.order, pieces));
        self.order += 1;
        if self.ended.len() > KEPT {
            self.ended.pop_front();
        }
        turns
    }
    fn so_far(&self, more: Option<&Piece>) -> Turn {
        let turn = told_once(self.order, &self.open, more, false);
        Turn { ended: false, end_confidence_ppm: 0, ..turn }
    }
}

/// A turn that has ended: as heard, then as people write, where that is asked for.
fn told(order: i64, pieces: &[Piece], formatted: bool) -> Vec<Turn> {
    let mut turns = vec![told_once(order, pieces, None, false)];
    if formatted {
        turns.push(told_once(order, pieces, None, true));
    }
    turns
}

fn told_once(order: i64, pieces: &[Piece], more: Option<&Piece>, written: bool) -> Turn {
    let write = |word: &Word| if written { word.written.clone() } else { word.heard.clone() };
    let all = pieces.iter().chain(more);
    let words = all.clone().flat_map(|piece| piece.words.iter().map(move |word| (word, piece.settled)));
    let words: Vec<_> = words
        .map(|(word, settled)| LiveWord {
            text: write(word),
            span: word.span,
            confidence_ppm: word.confidence_ppm,
            settled,
        })
        .collect();
    let text = if written {
        pieces.iter().map(|piece| piece.written.as_str()).collect::<Vec<_>>().join(" ")
    } else {
        let settled = words.iter().filter(|word| word.settled);
        settled.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    };
    Turn {
        order,
        text,
        words,
        ended: true,
        formatted: written,
        // It says that a turn has ended, not how sure it is.
        end_confidence_ppm: 1_000_000,
        language: all.clone().find_map(|piece| piece.language.clone()),
        // Who speaks first: a turn is one speaker's, and it may tell of several.
        speaker: all.flat_map(|piece| &piece.words).find_map(|word| word.speaker).map(|speaker| speaker.to_string()),
    }
}
