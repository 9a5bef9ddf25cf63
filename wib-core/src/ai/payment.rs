//! Payment data out of what was said, before anything of it is kept: card numbers, written or said, what stands beside
//! them, and security codes (PCI DSS v4.0.1 requirements 3.3.1 and 3.5.1).

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{detect, digits, offsets::ROUNDS, redact::Category};

/// How far behind a card's number its expiry and code are looked for, in bytes.
const BESIDE: usize = 240;
/// How far behind its cue a security code is looked for, in bytes, a turn of the dialogue included.
const CUED: usize = 90;

/// A turn of a dialogue.
pub(crate) struct Turn<'a> {
    pub(crate) speaker: &'a str,
    pub(crate) text: &'a str,
    /// No three digits of it may stay, whatever they are: it was said behind a mask.
    pub(crate) masked: bool,
}

/// A dialogue without payment data.
pub(crate) struct Scrubbed {
    pub(crate) texts: Vec<String>,
    /// How many pieces were taken out.
    pub(crate) count: usize,
    /// The turns that payment data was said in without a mask, by their place.
    pub(crate) unmasked: Vec<usize>,
}

/// Takes payment data out of a dialogue; a number may go on over several turns. Scrubbing it again changes nothing.
pub(crate) fn scrub(turns: &[Turn<'_>]) -> Scrubbed {
    let mut texts: Vec<String> = turns.iter().map(|t| t.text.to_owned()).collect();
    let (mut count, mut unmasked) = (0, vec![]);
    for _ in 0..ROUNDS {
        let (mut whole, mut lines) = (String::new(), vec![]);
        for (turn, text) in turns.iter().zip(&texts) {
            whole.push_str(turn.speaker);
            whole.push_str(": ");
            let start = whole.len();
            whole.push_str(text);
            lines.push(start..whole.len());
            whole.push('\n');
        }
        let card = spans(&whole);
        let behind = || turns.iter().zip(&lines).filter(|(t, _)| t.masked).map(|(_, l)| l.clone());
        let any = behind().flat_map(|line| {
            let runs = runs(&whole[line.clone()]);
            let long = runs.into_iter().filter(|r| r.digits >= 3);
            long.map(move |r| (Category::Digits, line.start + r.range.start..line.start + r.range.end))
        });
        let found = merged(card.iter().cloned().chain(any).collect());
        if found.is_empty() {
            break;
        }
        for (i, line) in lines.iter().enumerate().rev() {
            for (category, span) in found.iter().rev() {
                let (from, to) = (span.start.max(line.start), span.end.min(line.end));
                if from >= to {
                    continue;
                }
                if !turns[i].masked && card.iter().any(|(_, c)| c.start < to && from < c.end) && !unmasked.contains(&i)
                {
                    unmasked.push(i);
                }
                count += 1;
                let token = format!("[{}_1]", category.as_str().to_ascii_uppercase());
                texts[i].replace_range(from - line.start..to - line.start, &token);
            }
        }
    }
    unmasked.sort_unstable();
    Scrubbed { texts, count, unmasked }
}

fn merged(mut spans: Vec<(Category, Range<usize>)>) -> Vec<(Category, Range<usize>)> {
    spans.sort_by_key(|(category, range)| (range.start, *category));
    let mut out: Vec<(Category, Range<usize>)> = vec![];
    for (category, range) in spans {
        match out.last_mut() {
            Some((_, last)) if range.start < last.end => last.end = last.end.max(range.end),
            _ => out.push((category, range)),
        }
    }
    out
}

/// Where payment data stands in a text.
fn spans(text: &str) -> Vec<(Category, Range<usize>)> {
    static CUE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)\b(?:cvv2?|cvc2?|csc|security\s+(?:code|number|digits)|verification\s+(?:code|number|value)|c[oó]digo\s+de\s+seguridad|(?:three|four|3|4)\s+(?:digits?|numbers?)\s+on\s+the\s+(?:back|front))\b",
        )
        .expect("a literal pattern compiles")
    });
    let found = detect::spans(text);
    let mut out: Vec<_> = found.into_iter().filter(|(c, _)| matches!(c, Category::Card | Category::Cvv)).collect();
    let all = runs(text);
    let money = |run: &Run| text[..run.range.start].trim_end().ends_with(['$', '€', '£']);
    let cards: Vec<_> = out.iter().filter(|(c, _)| *c == Category::Card).map(|(_, r)| r.clone()).collect();
    for card in cards {
        let beside =
            all.iter().filter(|r| r.range.start >= card.end && r.range.start < card.end + BESIDE && r.digits >= 3);
        out.extend(beside.filter(|r| !money(r)).map(|r| (Category::Digits, r.range.clone())));
    }
    for cue in CUE.find_iter(text) {
        let code = all.iter().find(|r| r.range.start >= cue.end() && r.range.start < cue.end() + CUED && r.digits >= 3);
        out.extend(code.filter(|r| !money(r)).map(|r| (Category::Cvv, r.range.clone())));
    }
    merged(out)
}

/// Digits in a row, written or said.
pub(crate) struct Run {
    pub(crate) range: Range<usize>,
    pub(crate) digits: usize,
}

pub(crate) fn runs(text: &str) -> Vec<Run> {
    static LEXEME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[[A-Z_]+_\d+\]|\p{Nd}+|\p{L}+|[^\s\p{L}]").expect("a literal pattern compiles"));
    let (mut runs, mut times, mut open) = (Vec::<Run>::new(), None, false);
    for lexeme in LEXEME.find_iter(text) {
        let word = lexeme.as_str().to_lowercase();
        let digits = if word.chars().all(char::is_numeric) {
            word.chars().count()
        } else {
            digits::said(&word).map_or(0, str::len)
        };
        if digits > 0 {
            let (by, start) = times.take().unwrap_or((1, lexeme.start()));
            let digits = digits * by;
            match runs.last_mut().filter(|_| open) {
                Some(run) => (run.range.end, run.digits) = (lexeme.end(), run.digits + digits),
                None => runs.push(Run { range: start..lexeme.end(), digits }),
            }
            open = true;
            continue;
        }
        match word.as_str() {
            "double" | "doble" => times = Some((2, lexeme.start())),
            "triple" | "treble" => times = Some((3, lexeme.start())),
            "," | "." | "-" | "/" | "(" | ")" | "uh" | "um" | "er" | "and" | "then" | "dash" | "slash" | "space" => {}
            _ => (times, open) = (None, false),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (String, usize) {
        let mut out = scrub(&[Turn { speaker: "customer", text, masked: false }]);
        (out.texts.pop().unwrap(), out.unmasked.len())
    }

    #[test]
    fn cards_and_codes_go_however_they_are_said_and_the_rest_stays() {
        for (text, rest) in [
            (
                "4111 1111 1111 1111, expires 09 27, security code 737.",
                "[CARD_1], expires [DIGITS_1], security code [CVV_1].",
            ),
            ("it is 4111-1111-1111-1111", "it is [CARD_1]"),
            ("378282246310005 and the code is 1234", "[CARD_1] and the code is [CVV_1]"),
            (
                "four one double one, one one one one, one one one one, one one one one, expires oh nine two seven, security code double seven three.",
                "[CARD_1], expires [DIGITS_1], security code [CVV_1].",
            ),
            ("Código de seguridad siete tres siete", "Código de seguridad [CVV_1]"),
            ("the three digits on the back are nine double oh", "the three digits on the back are [CVV_1]"),
        ] {
            let (scrubbed, unmasked) = one(text);
            assert_eq!((scrubbed.as_str(), unmasked), (rest, 1), "{text}");
            assert_eq!(one(&scrubbed), (scrubbed, 0), "again");
        }
        for text in [
            "I can pay $450.00 on Friday.",
            "call me at 312-555-0100",
            "my account number is 98765432",
            "the last four are 1234",
            "one of the two",
        ] {
            assert_eq!(one(text), (text.to_owned(), 0));
        }
    }

    #[test]
    fn a_number_that_goes_on_over_turns_goes_from_each() {
        let turn = |speaker, text| Turn { speaker, text, masked: false };
        let out = scrub(&[
            turn("customer", "4111 1111"),
            turn("agent", "yes"),
            turn("customer", "1111 1111"),
            turn("agent", "and the security code?"),
            turn("customer", "737"),
        ]);
        assert!(!out.texts.concat().contains(|c: char| c.is_ascii_digit() && c != '1'), "{:?}", out.texts);
        assert!(!out.texts.concat().contains("111"), "{:?}", out.texts);
        assert_eq!(out.unmasked, [0, 1, 2, 4]);
    }

    #[test]
    fn behind_a_mask_no_three_digits_stay() {
        let out = scrub(&[
            Turn { speaker: "customer", text: "11 22, one two three and 45", masked: true },
            Turn { speaker: "customer", text: "room 204", masked: false },
        ]);
        assert_eq!(out.texts, ["[DIGITS_1]", "room 204"]);
        assert_eq!((out.count, out.unmasked.len()), (1, 0));
    }
}
