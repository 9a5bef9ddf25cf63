//! Private data out of a text and back into the answer.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    ops::Range,
    sync::LazyLock,
};

use regex::{Captures, Regex};

use super::{
    detect,
    offsets::{Offsets, ROUNDS},
};
use crate::{kit::text::TextEnum, text_enum};

text_enum! {
    /// What kind of private data was found; its name in capitals stands in the placeholder.
    pub enum Category {
        /// Social security number.
        Ssn = "ssn",
        /// Payment card number.
        Card = "card",
        /// Security code of a card.
        Cvv = "cvv",
        /// Mail address, written or said.
        Email = "email",
        /// Telephone number.
        Phone = "phone",
        /// Date of birth. Other dates stay.
        BirthDate = "birth_date",
        /// Postal code.
        Zip = "zip",
        /// Number of a patient or of a medical record.
        MedicalId = "medical_id",
        /// Street address or post box.
        Address = "address",
        /// Passport number.
        Passport = "passport",
        /// Number of a driving licence.
        Licence = "licence",
        /// Address of IPv4 or IPv6.
        Ip = "ip",
        /// Other digits said one by one.
        Digits = "digits",
    }
}

/// Where a placeholder stands and what it stands for, in bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The kind of data.
    pub category: Category,
    /// Bytes of the placeholder in the redacted text.
    pub redacted: Range<usize>,
    /// Bytes of the value in the original.
    pub original: Range<usize>,
}

/// A text without private data, and the way back. `Debug` shows counts only.
#[derive(Clone)]
pub struct Redacted {
    /// The text with placeholders such as `[PHONE_1]`.
    pub text: String,
    spans: Vec<Span>,
    values: BTreeMap<(Category, u32), String>,
    pub(super) offsets: Offsets,
}

/// Takes private data out of a text; amounts of money and promised dates stay.
///
/// The same value has the same number everywhere, and no number that the text already uses is given. Redacting a
/// redacted text changes nothing. Hidden characters and full-width digits do not hide a value.
#[must_use]
pub fn redact(text: &str) -> Redacted {
    let mut names =
        Names { taken: PLACEHOLDER.captures_iter(text).filter_map(|c| parse(&c)).collect(), ..Names::default() };
    let (mut text, mut offsets) = (text.to_owned(), Offsets::identity(text.len()));
    // What a first pass leaves between its spans may read as a value of its own.
    for _ in 0..ROUNDS {
        let found = detect::spans(&text);
        if found.is_empty() {
            break;
        }
        let edits =
            found.into_iter().map(|(category, range)| (range.clone(), names.name(category, &text[range]))).collect();
        let (next, step) = Offsets::edit(&text, edits);
        (text, offsets) = (next, offsets.then(&step));
    }
    let spans = offsets.pieces().iter().filter(|p| !p.kept).filter_map(|p| {
        let (category, _) = parse(&PLACEHOLDER.captures(&text[p.new.clone()])?)?;
        Some(Span { category, redacted: p.new.clone(), original: p.old.clone() })
    });
    Redacted { spans: spans.collect(), text, values: names.values, offsets }
}

impl Redacted {
    /// What was found and where.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
    /// Puts the private values back into an answer that uses the placeholders; unknown placeholders stay.
    #[must_use]
    pub fn restore(&self, answer: &str) -> String {
        let value = |found: &Captures<'_>| parse(found).and_then(|key| self.values.get(&key)).cloned();
        PLACEHOLDER.replace_all(answer, |c: &Captures<'_>| value(c).unwrap_or_else(|| c[0].to_owned())).into_owned()
    }
    /// The byte of the original where that byte of the redacted text comes from.
    ///
    /// Inside a placeholder it is where the value begins; inside a character, where the character does; behind the end,
    /// the end.
    #[must_use]
    pub fn original_offset(&self, redacted_offset: usize) -> usize {
        self.offsets.start(self.text.floor_char_boundary(redacted_offset))
    }
    /// How many values of each kind were found, repeats counted.
    #[must_use]
    pub fn count_by_category(&self) -> BTreeMap<Category, usize> {
        let mut counts = BTreeMap::new();
        for span in &self.spans {
            *counts.entry(span.category).or_default() += 1;
        }
        counts
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redacted").field("found", &self.count_by_category()).finish_non_exhaustive()
    }
}

static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    let names: Vec<_> = Category::ALL.iter().map(|c| c.as_str()).collect();
    Regex::new(&format!(r"(?i)\[({})_([1-9][0-9]{{0,8}})\]", names.join("|"))).expect("a literal pattern compiles")
});

/// The category and number of a placeholder; models change its case.
fn parse(found: &Captures<'_>) -> Option<(Category, u32)> {
    Some((Category::from_text(&found[1].to_ascii_lowercase())?, found[2].parse().ok()?))
}

#[derive(Default)]
struct Names {
    taken: BTreeSet<(Category, u32)>,
    last: BTreeMap<Category, u32>,
    numbers: HashMap<(Category, String), u32>,
    values: BTreeMap<(Category, u32), String>,
}

impl Names {
    fn name(&mut self, category: Category, value: &str) -> String {
        let number = *self.numbers.entry((category, value.to_owned())).or_insert_with(|| {
            let last = self.last.entry(category).or_default();
            *last += 1;
            while self.taken.contains(&(category, *last)) {
                *last += 1;
            }
            self.values.insert((category, *last), value.to_owned());
            *last
        });
        format!("[{}_{number}]", category.as_str().to_ascii_uppercase())
    }
}
