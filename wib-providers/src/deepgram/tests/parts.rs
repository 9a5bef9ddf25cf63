//! Turns out of pieces, in whatever order they come.

use wib_core::ports::transcriber::Span;

use crate::deepgram::turns::{Assembly, Piece, Word};

/// A piece that begins and ends there, with a word for each that is named.
fn piece(start_ms: i64, end_ms: i64, said: &str) -> Piece {
    let word = |(n, text): (i64, &str)| Word {
        heard: text.to_lowercase(),
        written: text.to_owned(),
        span: Span { start_ms: start_ms + n, end_ms: start_ms + n + 1 },
        confidence_ppm: 900_000,
        speaker: None,
    };
    let words = (0..).zip(said.split_whitespace()).map(word).collect();
    Piece { start_ms, end_ms, settled: true, ends: false, written: said.to_owned(), language: None, words }
}
fn last(piece: Piece) -> Piece {
    Piece { ends: true, ..piece }
}
fn open(piece: Piece) -> Piece {
    Piece { settled: false, ..piece }
}
/// What is told of each piece: number, text, how many words, whether ended.
fn told(assembly: &mut Assembly, piece: Piece) -> Vec<(i64, String, usize, bool)> {
    let told = assembly.absorb(piece).into_iter();
    told.map(|turn| (turn.order, turn.text, turn.words.len(), turn.ended)).collect()
}
fn turn(order: i64, text: &str, words: usize, ended: bool) -> Vec<(i64, String, usize, bool)> {
    vec![(order, text.to_owned(), words, ended)]
}

#[test]
fn pieces_are_joined_until_the_utterance_ends_and_words_between_may_change() {
    let mut all = Assembly::new(false);
    assert_eq!(told(&mut all, open(piece(0, 500, "hello"))), turn(0, "", 1, false));
    assert_eq!(told(&mut all, piece(0, 900, "hello there")), turn(0, "hello there", 2, false));
    assert_eq!(told(&mut all, open(piece(900, 1_500, "how"))), turn(0, "hello there", 3, false));
    assert_eq!(told(&mut all, last(piece(900, 2_000, "how are you"))), turn(0, "hello there how are you", 5, true));
    assert_eq!(told(&mut all, last(piece(2_000, 2_100, ""))), [], "nothing was said");
    assert_eq!(told(&mut all, open(piece(2_100, 2_500, "fine"))), turn(1, "", 1, false));
    let settled: Vec<_> = all.absorb(open(piece(2_100, 2_600, "fine"))).remove(0).words;
    assert!(settled.iter().all(|word| !word.settled));
}

#[test]
fn an_empty_piece_ends_what_was_said_before_it() {
    let mut all = Assembly::new(false);
    told(&mut all, piece(0, 900, "hello"));
    assert_eq!(told(&mut all, last(piece(900, 1_900, ""))), turn(0, "hello", 1, true));
}

#[test]
fn a_silence_ends_a_turn_whose_end_was_not_told_and_no_other() {
    let mut all = Assembly::new(false);
    assert!(all.silence(500).is_empty());
    told(&mut all, piece(0, 900, "hello"));
    told(&mut all, piece(3_000, 3_900, "again"));
    let ended = all.silence(1);
    assert_eq!((ended.len(), ended[0].order, ended[0].text.as_str()), (1, 0, "hello"));
    assert_eq!(all.finish()[0].text, "again");
    assert!(all.finish().is_empty());
}

#[test]
fn a_piece_that_comes_after_the_end_of_its_turn_is_put_where_it_belongs() {
    let mut all = Assembly::new(false);
    assert_eq!(told(&mut all, last(piece(900, 1_500, "three four"))), turn(0, "three four", 2, true));
    assert_eq!(told(&mut all, last(piece(4_000, 4_500, "five"))), turn(1, "five", 1, true));
    assert_eq!(told(&mut all, piece(0, 900, "one two")), turn(0, "one two three four", 4, true));
    assert_eq!(told(&mut all, piece(0, 900, "one too")), turn(0, "one too three four", 4, true), "once");
    assert_eq!(told(&mut all, open(piece(0, 800, "one"))), [], "what is settled is not told as if it were not");
}

#[test]
fn a_piece_of_the_next_turn_waits_for_its_own_end() {
    let mut all = Assembly::new(false);
    told(&mut all, piece(0, 900, "one"));
    assert_eq!(told(&mut all, piece(4_000, 4_500, "three")).len(), 1);
    assert_eq!(told(&mut all, last(piece(900, 1_500, "two"))), turn(0, "one two", 2, true));
    assert_eq!(told(&mut all, last(piece(4_500, 4_900, "four"))), turn(1, "three four", 2, true));
}

#[test]
fn a_turn_is_told_as_heard_and_then_as_the_vendor_writes_it() {
    let mut all = Assembly::new(true);
    let turns = all.absorb(last(Piece { written: "I owe $5.".into(), ..piece(0, 900, "I owe five.") }));
    let texts: Vec<_> = turns.iter().map(|turn| (turn.text.as_str(), turn.words[2].text.as_str())).collect();
    assert_eq!(texts, [("i owe five.", "five."), ("I owe $5.", "five.")]);
    assert_eq!(turns.iter().map(|turn| turn.formatted).collect::<Vec<_>>(), [false, true]);
    assert!(!format!("{all:?}").contains("owe"), "nothing that was said is printed");
}
