//! Payment cards that people on the line give: test numbers, another for every call, so that a trace of one names it.

use super::chance::Chance;

/// What a person gives to pay by card. No such card exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// 15 or 16 digits that pass the check of ISO/IEC 7812-1 annex B (Luhn).
    pub number: String,
    /// Month and year, four digits.
    pub expiry: String,
    /// The security code, three digits, or four on a card of 15.
    pub code: String,
}

/// The beginnings of well-known test numbers, with their length.
const BEGINNINGS: &[(&str, usize)] = &[("411111", 16), ("555555", 16), ("378282", 15)];
const WORDS: [&str; 10] = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

impl Card {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let (beginning, length) = BEGINNINGS[usize::try_from(chance.below(BEGINNINGS.len() as u64)).unwrap_or(0)];
        let mut number = beginning.to_owned();
        while number.len() < length - 1 {
            number += &chance.below(10).to_string();
        }
        number += &check_digit(&number).to_string();
        let expiry = format!("{:02}{}", chance.between(1, 12), chance.between(27, 35));
        let code =
            if length == 15 { format!("{:04}", chance.below(10_000)) } else { format!("{:03}", chance.below(1_000)) };
        Self { number, expiry, code }
    }
    /// As it is spoken in digits: `4111 1111 1111 1111, expires 09 27, security code 737.`
    pub(crate) fn in_digits(&self) -> String {
        let groups: Vec<_> = groups(&self.number).collect();
        let (month, year) = self.expiry.split_at(2);
        format!("{}, expires {month} {year}, security code {}.", groups.join(" "), self.code)
    }
    /// As it is spoken in words: `four one double one, ..., security code seven three seven.`
    pub(crate) fn in_words(&self, chance: &mut Chance) -> String {
        let mut say = |digits: &str| {
            let digits: Vec<_> = digits.bytes().map(|digit| usize::from(digit.saturating_sub(b'0')) % 10).collect();
            let (mut words, mut at) = (Vec::new(), 0);
            while let Some(digit) = digits.get(at) {
                let double = digits.get(at + 1) == Some(digit) && chance.below(2) == 0;
                words.push(match (double, digit) {
                    (true, digit) => format!("double {}", WORDS[*digit]),
                    (false, 0) => chance.pick(&["oh", "zero"]).to_owned(),
                    (false, digit) => WORDS[*digit].to_owned(),
                });
                at += if double { 2 } else { 1 };
            }
            words.join(" ")
        };
        let groups: Vec<_> = groups(&self.number).map(&mut say).collect();
        format!("{}, expires {}, security code {}.", groups.join(", "), say(&self.expiry), say(&self.code))
    }
    /// As it is pressed: every part ended by `#`.
    pub(crate) fn pressed(&self) -> String {
        format!("{}#{}#{}#", self.number, self.expiry, self.code)
    }
}

fn groups(number: &str) -> impl Iterator<Item = &str> {
    (0..number.len()).step_by(4).map(|at| &number[at..number.len().min(at + 4)])
}

/// The digit that makes these digits pass.
fn check_digit(digits: &str) -> u64 {
    let sum = digits.bytes().rev().zip(0..).map(|(digit, nth)| {
        let digit = u64::from(digit.saturating_sub(b'0'));
        let weighed = if nth % 2 == 0 { digit * 2 } else { digit };
        if weighed > 9 { weighed - 9 } else { weighed }
    });
    (10 - sum.sum::<u64>() % 10) % 10
}
