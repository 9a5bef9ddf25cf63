//! Where private data stands in a text.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::Range,
    sync::LazyLock,
};

use regex::{Regex, RegexBuilder};

use super::{digits, fold::Folded, redact::Category};

/// Spans of private data, in order and apart: of two that overlap the earlier wins, then the longer, then the category
/// that is declared first.
pub(super) fn spans(text: &str) -> Vec<(Category, Range<usize>)> {
    let folded = Folded::of(text);
    let mut found = vec![];
    for rule in RULES.iter() {
        rule.find(&folded.text, &mut found);
    }
    digits::find(&folded.text, &mut found);
    found.sort_unstable_by_key(|(category, range)| (range.start, usize::MAX - range.end, *category));
    let mut free = 0;
    found.retain(|(_, range)| {
        // Brackets belong to placeholders, which are not looked into again.
        let wins = range.start >= free && !folded.text[range.clone()].contains(['[', ']']);
        free = if wins { range.end } else { free };
        wins
    });
    found.into_iter().map(|(category, range)| (category, folded.back(range))).collect()
}

/// A pattern whose first group, or else all of it, is private when the test agrees.
struct Rule {
    category: Category,
    regex: Regex,
    test: fn(&str, Range<usize>) -> bool,
}

impl Rule {
    fn find(&self, text: &str, out: &mut Vec<(Category, Range<usize>)>) {
        let mut at = 0;
        while let Some(found) = self.regex.captures_at(text, at) {
            let (Some(whole), Some(value)) = (found.get(0), found.get(1).or(found.get(0))) else { return };
            if (self.test)(text, value.range()) {
                out.push((self.category, value.range()));
                at = whole.end();
            } else {
                at = text.ceil_char_boundary(whole.start() + 1);
            }
        }
    }
}

/// What may stand between a word that announces a value and the value, across turns of a dialogue too.
const GAP: &str = r#"(?:[\s:=#,.?"'-]|\b(?:is|was|are|on|of|the|my|his|her|your|it's|that's|number|no|num|would|be|for|id|code|and|yes|sure|okay|ok|uh|um|yeah|agent|customer|caller|consumer|speaker|it|so|in|ends)\b){0,16}?"#;
const SAID: &str = r"(?:zero|oh|o|one|two|three|four|five|six|seven|eight|nine|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|\d)";
const MONTH: &str = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?";
const NUMBER: &str = r"(?:the|and|oh|hundred|thousand|first|second|third|\w*(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|teen|ty|tieth|th|first|second|third))";

const LAST_FOUR: &str = r"(?:last|final)\s+(?:four|4)(?:\s+digits)?\b";

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    use Category::*;
    let said = |least: u8, most: u8| format!(r"(?:{SAID}[\s,.-]{{1,3}}){{{},{}}}{SAID}\b", least - 1, most - 1);
    let date = format!(
        r"(?:\d{{1,2}}[/.-]\d{{1,2}}[/.-](?:\d{{4}}|\d{{2}})\b|\d{{4}}-\d{{1,2}}-\d{{1,2}}\b|{MONTH}\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b|\d{{1,2}}(?:st|nd|rd|th)?[\s-]+(?:of\s+)?{MONTH},?[\s-]+\d{{4}}\b|{MONTH}\s+(?:{NUMBER}[\s,-]+){{1,5}}{NUMBER}\b|(?:19|20)\d\d\b)"
    );
    let street = r"(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|boulevard|blvd|court|ct|terrace|parkway|pkwy|highway|hwy)\b\.?";
    let word = r"(?u:[\p{L}\p{N}'.-])+";
    vec![
        rule(Ssn, r"\b\d{3}[- ]\d{2}[- ]\d{4}\b", no_amount),
        rule(Ssn, r"\b\d{9}\b", no_amount),
        rule(
            Ssn,
            &format!(
                r"\b(?:(?:ssn|social(?:\s+security)?)\b{GAP}{LAST_FOUR}|{LAST_FOUR}{GAP}\b(?:ssn|social(?:\s+security)?))\b{GAP}(\d{{4}}\b|{})",
                said(4, 4)
            ),
            no_amount,
        ),
        rule(
            Digits,
            &format!(r"\b(?:account|acct|routing|checking|savings)\s+(?:number|no\b|#){GAP}(\d{{6,17}})\b"),
            no_amount,
        ),
        rule(
            Cvv,
            &format!(
                r"\b(?:cvv2?|cvc2?|csc|security\s+code|code\s+is|card\s+verification\s+(?:code|value|number))\b{GAP}(\d{{3,4}}\b|{})",
                said(3, 4)
            ),
            no_amount,
        ),
        rule(Cvv, r"\b(\d{3,4})\s*(?:,|is|as|for)?\s*(?:the|my|your)?\s*(?:cvv2?|cvc2?|security\s+code)\b", no_amount),
        rule(Email, r"[a-z0-9._%+-]+@(?:[a-z0-9-]+\.)+[a-z]{2,}", |_, _| true),
        rule(
            Email,
            r"\b[a-z0-9_-]+(?:\s+dot\s+[a-z0-9_-]+){0,3}\s+at\s+[a-z0-9-]+(?:\s+dot\s+[a-z0-9-]+){0,2}\s+dot\s+(?:com|net|org|edu|gov|io|co|us|mx)\b",
            |_, _| true,
        ),
        rule(
            Phone,
            r"(?:(?:\+|\b)1[-. ]{0,2}\(?|\(|\b)\d{3}\)?[-. ]{0,2}\d{3}[-. ]?\d{4}(?:,?\s*(?:x|ext\.?|extension)\s*\d{1,6})?\b",
            no_amount,
        ),
        rule(Phone, r"\b\d{3}-\d{4}\b", no_amount),
        rule(
            Phone,
            &format!(
                r"\b(?:area\s+code|phone|cell|mobile|call|number)\b{GAP}(\d{{3}}[\s,.-]{{1,3}}(?:\d{{3}}[\s,.-]{{1,3}})?\d{{4}})\b"
            ),
            no_amount,
        ),
        rule(Phone, r"\+\d{1,3}(?:[ .-]{0,2}\(?\d{1,4}\)?){2,7}", |text, range| {
            (8..=15).contains(&text[range].bytes().filter(u8::is_ascii_digit).count())
        }),
        rule(
            BirthDate,
            &format!(r"\b(?:born|date\s+of\s+birth|birth\s*date|birthday|dob|d\.o\.b)\b{GAP}({date})"),
            |_, _| true,
        ),
        rule(
            Zip,
            &format!(
                r"\b(?:zip(?:\s*code)?|postal(?:\s+code)?|postcode)\b{GAP}(\d{{5}}(?:-\d{{4}})?\b|{})",
                said(5, 5)
            ),
            no_amount,
        ),
        rule(
            MedicalId,
            &format!(
                r"\b(?:mrn|medical\s+record|medical\s+id|patient\s+id|patient\s+number|health\s+id|health\s+plan)\b{GAP}([a-z]{{0,4}}-?\d[a-z0-9-]{{2,18}})\b"
            ),
            no_amount,
        ),
        rule(
            Address,
            &format!(
                r"\b\d{{1,6}}[a-z]?[ \t]+(?:{word}[ \t]+){{1,4}}?{street}(?:[ \t]+(?:n|s|e|w|ne|nw|se|sw)\b)?(?:,?[ \t]+(?:apartment|apt|suite|ste|unit|#)\.?[ \t]*#?[a-z0-9-]{{1,6}}\b)?(?:,?[ \t]+[a-z]+(?:[ \t][a-z]+){{0,3}},?[ \t]+(?-i:[A-Z]{{2}})[ \t]+\d{{5}}(?:-\d{{4}})?\b)?"
            ),
            is_address,
        ),
        rule(Address, r"\bp\.?\s?o\.?\s+box\s+\d{1,6}\b", |_, _| true),
        rule(Passport, &format!(r"\bpassport\b{GAP}([a-z]{{0,2}}\d{{6,9}})\b"), no_amount),
        rule(Passport, r"\b(?-i:[A-Z]{1,2})\d{6,9}\b", no_amount),
        rule(
            Licence,
            &format!(
                r"\b(?:driver'?s?'?\s+licen[cs]e|driving\s+licen[cs]e|licen[cs]e\s+(?:number|no)|dl)\b{GAP}([a-z]{{0,2}}-?\d[\d-]{{4,14}})\b"
            ),
            no_amount,
        ),
        rule(Licence, r"\b(?-i:[A-Z]{1,2})\d{5}\b", no_amount),
        rule(Ip, r"\b\d{1,3}(?:\.\d{1,3}){3}\b", |text, range| text[range].parse::<Ipv4Addr>().is_ok()),
        rule(Ip, r"[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\d{0,3}(?:\.\d{1,3}){3})?", |text, range| {
            let joined = text[..range.start].ends_with(|c: char| c.is_alphanumeric() || c == ':');
            let value = &text[range];
            !joined && value.len() > 3 && !value.ends_with(':') && value.parse::<Ipv6Addr>().is_ok()
        }),
    ]
});

/// Patterns are ASCII unless they say otherwise: word boundaries of Unicode are slow, and the text is folded.
fn rule(category: Category, pattern: &str, test: fn(&str, Range<usize>) -> bool) -> Rule {
    let regex = RegexBuilder::new(pattern).unicode(false).case_insensitive(true).build();
    Rule { category, regex: regex.expect("a literal pattern compiles"), test }
}

/// Money must reach the model: no currency sign before, no cents or currency word behind bare digits.
fn no_amount(text: &str, range: Range<usize>) -> bool {
    static BEHIND: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^(?:\.\d{1,2}\b|,\d{3}\b|\s*(?:dollars?|bucks?|cents?|usd|percent)\b|\s*%)")
            .expect("a literal pattern compiles")
    });
    let (before, value) = (text[..range.start].trim_end_matches(' '), &text[range.clone()]);
    let signed = before.ends_with(['$', '€', '£', '¥']) || before.ends_with("USD");
    !signed && (value.contains(['-', '(', '+']) || !BEHIND.is_match(&text[range.end..]))
}

/// A street is named; "300 to the court" and "pay 450 by the drive" are amounts.
fn is_address(text: &str, range: Range<usize>) -> bool {
    const NO_NAME: [&str; 44] = [
        "to", "the", "a", "an", "in", "on", "at", "by", "for", "from", "of", "and", "or", "if", "is", "was", "my",
        "your", "this", "that", "i", "you", "we", "he", "she", "it", "they", "see", "go", "pay", "with", "before",
        "after", "when", "dollars", "bucks", "percent", "payments", "days", "weeks", "months", "per", "more", "now",
    ];
    let value = &text[range.clone()];
    let named = value.split_whitespace().all(|w| !NO_NAME.iter().any(|n| w.eq_ignore_ascii_case(n)));
    named && no_amount(text, range)
}
