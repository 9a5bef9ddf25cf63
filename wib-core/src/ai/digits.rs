//! Digits in a row, written or said: "four one one one", "double five", "555 one two three four".

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::redact::Category;

/// Fewer digits said in a row are a quantity, not a number that names somebody.
const LEAST: usize = 7;

struct Token {
    range: Range<usize>,
    digits: String,
    singles: usize,
    said: bool,
}

/// Adds every card written in figures, and every run of digits that is at least partly said.
pub(super) fn find(text: &str, out: &mut Vec<(Category, Range<usize>)>) {
    static LEXEME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[\p{L}\p{N}_$€£¥%/@']+(?:[.,][0-9]+)*|\n|\S").expect("a literal pattern compiles")
    });
    let mut run = Run { text, tokens: vec![], times: None, pauses: 0, dated: 0 };
    for lexeme in LEXEME.find_iter(text) {
        if !run.take(lexeme.range()) {
            run.finish(out);
        }
    }
    run.finish(out);
}

struct Run<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// "double" or "triple", and where it stands.
    times: Option<(usize, usize)>,
    /// Words like "uh" since the last digit.
    pauses: usize,
    /// Figures that may still belong to the date begun by a month.
    dated: usize,
}

impl Run<'_> {
    /// Whether the run goes on behind this lexeme.
    fn take(&mut self, range: Range<usize>) -> bool {
        let lexeme = &self.text[range.clone()];
        if matches!(lexeme, "," | "." | "-" | "(" | ")" | ":" | "\n") {
            return true;
        }
        if lexeme.bytes().all(|b| b.is_ascii_digit()) {
            if self.dated > 0 && matches!(lexeme.len(), 1 | 2 | 4) {
                self.dated -= 1;
                return false;
            }
            self.push(range, lexeme.to_owned(), usize::from(lexeme.len() == 1), false);
            return true;
        }
        if !lexeme.starts_with(|c: char| c.is_ascii_digit()) {
            self.dated = 0;
        }
        if lexeme.len() > 9 {
            return false;
        }
        let word = lexeme.to_ascii_lowercase();
        if let Some(digits) = said(&word) {
            self.push(range, digits.to_owned(), usize::from(digits.len() == 1), true);
            return true;
        }
        match word.as_str() {
            "double" | "doble" => self.times = Some((2, range.start)),
            "triple" | "treble" => self.times = Some((3, range.start)),
            "uh" | "um" | "er" | "ah" | "okay" | "ok" | "mhm" | "yes" | "yeah" | "right" | "dash" | "hyphen"
            | "space" | "then" | "and" | "y" | "agent" | "customer" | "caller" | "consumer" => self.pauses += 1,
            "hundred" => return self.toll_free(range.end),
            "thousand" | "million" | "dollar" | "dollars" | "bucks" | "cents" | "percent" | "usd" | "%" | "dólares" => {
                self.tokens.pop();
                return false;
            }
            "january" | "jan" | "february" | "feb" | "march" | "mar" | "april" | "apr" | "may" | "june" | "jun"
            | "july" | "jul" | "august" | "aug" | "september" | "sept" | "sep" | "october" | "oct" | "november"
            | "nov" | "december" | "dec" => {
                self.dated = 2;
                return false;
            }
            _ => return false,
        }
        self.pauses <= 4
    }
    fn push(&mut self, range: Range<usize>, digits: String, singles: usize, said: bool) {
        let unit = said && digits.len() == 1 && digits != "0";
        if let (true, None, 0, Some(last)) = (unit, self.times, self.pauses, self.tokens.last_mut())
            && last.said
            && last.digits.len() == 2
            && last.digits.ends_with('0')
            && range.start - last.range.end == 1
        {
            last.digits.replace_range(1.., &digits);
            last.range.end = range.end;
            return;
        }
        let (times, start) = self.times.take().filter(|_| singles == 1).unwrap_or((1, range.start));
        self.pauses = 0;
        self.tokens.push(Token {
            range: start..range.end,
            digits: digits.repeat(times),
            singles: singles * times,
            said,
        });
    }
    /// "one eight hundred", "eight hundred": the one hundred that is said of a number, else of an amount.
    fn toll_free(&mut self, end: usize) -> bool {
        let leads = match self.tokens.as_slice() {
            [_] => true,
            [one, _] => one.digits == "1",
            _ => false,
        };
        match self.tokens.last_mut() {
            Some(last) if leads && last.digits == "8" => {
                "800".clone_into(&mut last.digits);
                last.range.end = end;
                last.singles = 0;
                true
            }
            _ => {
                self.tokens.pop();
                false
            }
        }
    }
    fn finish(&mut self, out: &mut Vec<(Category, Range<usize>)>) {
        let tokens = std::mem::take(&mut self.tokens);
        (self.times, self.pauses) = (None, 0);
        let [first, .., last] = tokens.as_slice() else {
            return cards(self.text, &tokens, out);
        };
        let digits: usize = tokens.iter().map(|t| t.digits.len()).sum();
        let singles: usize = tokens.iter().map(|t| t.singles).sum();
        let spelled = tokens.iter().any(|t| t.said) || singles == digits;
        // Dates and amounts have no three single digits in a row.
        let streak =
            tokens.split(|t| t.singles == 0).map(|t| t.iter().map(|t| t.singles).sum()).max().unwrap_or(0usize);
        let whole = || tokens.iter().map(|t| t.digits.as_str()).collect::<String>();
        let card = || (13..=19).contains(&digits) && luhn(&whole());
        if digits >= LEAST && spelled && (streak >= 3 || card()) {
            let category = match digits {
                9 => Category::Ssn,
                7 | 10 | 11 => Category::Phone,
                13..=19 => Category::Card,
                _ => Category::Digits,
            };
            out.push((category, first.range.start..last.range.end));
        }
        cards(self.text, &tokens, out);
    }
}

/// Every stretch of whole groups that is a card: 13 to 19 digits that pass Luhn, or any 16 where none does.
fn cards(text: &str, tokens: &[Token], out: &mut Vec<(Category, Range<usize>)>) {
    let mut plain = vec![];
    let before = out.len();
    for (i, first) in tokens.iter().enumerate() {
        let (mut digits, mut turns) = (String::new(), false);
        for (last, previous) in tokens[i..].iter().zip(std::iter::once(first).chain(&tokens[i..])) {
            let gap = text.get(previous.range.end..last.range.start).unwrap_or_default();
            digits.push_str(&last.digits);
            turns |= gap.len() > 3 || !gap.bytes().all(|b| matches!(b, b' ' | b'-'));
            // Over commas and turns of a dialogue only in fours.
            if last.said || digits.len() > 19 || (turns && previous.digits.len() + last.digits.len() != 8) {
                break;
            }
            let groups = &tokens[i..];
            let sizes = || groups.iter().take_while(|t| t.range.end <= last.range.end).map(|t| t.digits.len());
            // Groups of three at most are a list of amounts.
            if digits.len() < 13 || (sizes().all(|n| n <= 3) && sizes().any(|n| n == 3)) {
                continue;
            }
            let range = first.range.start..last.range.end;
            if luhn(&digits) {
                out.push((Category::Card, range));
            } else if digits.len() == 16 && !turns {
                plain.push(range);
            }
        }
    }
    let mut valid: Vec<Range<usize>> = vec![];
    for (_, range) in &out[before..] {
        match valid.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => valid.push(range.clone()),
        }
    }
    plain.retain(|p| valid.get(valid.partition_point(|v| v.end <= p.start)).is_none_or(|v| p.end <= v.start));
    out.extend(plain.into_iter().map(|range| (Category::Card, range)));
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| match (i % 2, u32::from(b - b'0')) {
            (0, d) => d,
            (_, d) if d > 4 => d * 2 - 9,
            (_, d) => d * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The digits that a word says, in English and Spanish.
pub(super) fn said(word: &str) -> Option<&'static str> {
    Some(match word {
        "zero" | "oh" | "o" | "nought" | "naught" | "cero" => "0",
        "one" | "uno" => "1",
        "two" | "dos" => "2",
        "three" | "tres" => "3",
        "four" | "cuatro" => "4",
        "five" | "cinco" => "5",
        "six" | "seis" => "6",
        "seven" | "siete" => "7",
        "eight" | "ocho" => "8",
        "nine" | "niner" | "nueve" => "9",
        "ten" => "10",
        "eleven" => "11",
        "twelve" => "12",
        "thirteen" => "13",
        "fourteen" => "14",
        "fifteen" => "15",
        "sixteen" => "16",
        "seventeen" => "17",
        "eighteen" => "18",
        "nineteen" => "19",
        "twenty" => "20",
        "thirty" => "30",
        "forty" => "40",
        "fifty" => "50",
        "sixty" => "60",
        "seventy" => "70",
        "eighty" => "80",
        "ninety" => "90",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_knows_a_changed_digit() {
        assert!(luhn("4111111111111111") && luhn("378282246310005"));
        assert!(!luhn("4111111111111112") && !luhn("378282246310050"));
    }
}
