//! Text that cannot give orders: transcripts are data, so injection is neutralised and noted, not refused.

use std::{collections::BTreeSet, fmt, ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    fold::{self, Folded},
    offsets::{Offsets, ROUNDS},
};
use crate::text_enum;

/// Stands where an order was.
const REMOVED: &str = "[removed]";
/// Score from which a text is called an injection, in tenths.
const INJECTION: u8 = 5;

text_enum! {
    /// A family of prompt injection.
    pub enum Family {
        /// Orders to drop earlier instructions.
        Override = "override",
        /// Orders to be somebody else.
        Persona = "persona",
        /// A line that begins as a message of some role: `system:`.
        RolePrefix = "role_prefix",
        /// Tokens of chat templates.
        ChatTemplate = "chat_template",
        /// Asking for the instructions themselves.
        Extraction = "extraction",
        /// Modes without restrictions.
        Jailbreak = "jailbreak",
        /// Escapes and base64 that hide text.
        Encoded = "encoded",
    }
}

/// A text made harmless. `Debug` leaves the text out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sanitised {
    /// The text: at most the limit's characters.
    pub text: String,
    /// Families that were found, each once.
    pub findings: Vec<Family>,
    /// Words that injections like, each once. They stay in the text.
    pub keywords: Vec<String>,
    /// Likelihood of injection in tenths, 0 to 10.
    pub score_tenths: u8,
    /// Whether the end was cut off.
    pub truncated: bool,
}

impl Sanitised {
    /// Whether the likelihood reaches 5 tenths.
    #[must_use]
    pub fn is_injection(&self) -> bool {
        self.score_tenths >= INJECTION
    }
}

impl fmt::Debug for Sanitised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sanitised")
            .field("findings", &self.findings)
            .field("score_tenths", &self.score_tenths)
            .field("truncated", &self.truncated)
            .finish_non_exhaustive()
    }
}

/// Neutralises injection in a text and cuts it to `limit` characters.
///
/// Control characters other than tab and line ends go, as do characters without width. Orders become `[removed]`, a role
/// at the start of a line loses its colon, three or more angle brackets in a row become two (fences have three). Depends
/// on the text alone.
#[must_use]
pub fn sanitise(text: &str, limit: usize) -> Sanitised {
    treat(text, limit).0
}

pub(super) fn treat(text: &str, limit: usize) -> (Sanitised, Offsets) {
    let keywords: BTreeSet<_> =
        KEYWORDS.captures_iter(&Folded::of(text).text).map(|c| c[1].to_ascii_lowercase()).collect();
    let mut families = BTreeSet::new();
    let (mut out, mut offsets) = (text.to_owned(), Offsets::identity(text.len()));
    // What stood beside an order may read as one when it is gone.
    for _ in 0..ROUNDS {
        let hits = orders(&out, &mut families);
        let done = hits.is_empty();
        let (next, step) = Offsets::edit(&out, edits(&out, hits));
        (out, offsets) = (next, offsets.then(&step));
        if done {
            break;
        }
    }
    let score = families.len() * 2
        + if keywords.len() >= 2 { 3 } else { 0 }
        + usize::from(text.chars().count() > 3000)
        + if families.contains(&Family::Encoded) { 2 } else { 0 };
    let kept = cut(&out, limit);
    let truncated = kept < out.len();
    out.truncate(kept);
    offsets.cut(kept);
    let sanitised = Sanitised {
        text: out,
        findings: families.into_iter().collect(),
        keywords: keywords.into_iter().collect(),
        score_tenths: u8::try_from(score.min(10)).unwrap_or(10),
        truncated,
    };
    (sanitised, offsets)
}

/// Every order and what stands for it.
fn orders(text: &str, families: &mut BTreeSet<Family>) -> Vec<(Range<usize>, String)> {
    let folded = Folded::of(text);
    let angles = ANGLES.find_iter(&folded.text).map(|m| (folded.back(m.range()), m.as_str()[..2].to_owned()));
    let mut hits: Vec<_> = angles.collect();
    for (family, pattern) in PATTERNS.iter() {
        for found in pattern.captures_iter(&folded.text) {
            let Some(order) = found.get(1).or(found.get(0)) else { continue };
            if found.get(2).is_some_and(|next| natural(next.as_str())) {
                continue;
            }
            let with = match family {
                Family::RolePrefix => format!("({})", order.as_str().trim_end_matches([':', ' ', '\t'])),
                _ => REMOVED.to_owned(),
            };
            families.insert(*family);
            hits.push((folded.back(order.range()), with));
        }
    }
    hits
}

/// Orders that overlap joined into one, then every hidden character outside them.
fn edits(text: &str, mut hits: Vec<(Range<usize>, String)>) -> Vec<(Range<usize>, String)> {
    hits.sort_unstable_by_key(|(range, _)| (range.start, usize::MAX - range.end));
    let mut edits: Vec<(Range<usize>, String)> = Vec::with_capacity(hits.len());
    for (range, with) in hits {
        match edits.last_mut() {
            Some((last, text)) if range.start < last.end => {
                last.end = last.end.max(range.end);
                REMOVED.clone_into(text);
            }
            _ => edits.push((range, with)),
        }
    }
    let ordered = edits.len();
    for (i, c) in text.char_indices().filter(|(_, c)| fold::stripped(*c)) {
        let next = edits[..ordered].partition_point(|(range, _)| range.end <= i);
        if edits[..ordered].get(next).is_none_or(|(range, _)| i < range.start) {
            edits.push((i..i + c.len_utf8(), fold::seen(c).map(String::from).unwrap_or_default()));
        }
    }
    edits.sort_unstable_by_key(|(range, _)| range.start);
    edits
}

/// Bytes of the first `limit` characters, less a word or a placeholder that would be torn.
fn cut(text: &str, limit: usize) -> usize {
    let Some((end, _)) = text.char_indices().nth(limit) else { return text.len() };
    let tail = text.floor_char_boundary(end.saturating_sub(40));
    if text[end..].starts_with(char::is_whitespace) {
        return end;
    }
    match (text[tail..end].rfind('['), text[tail..end].rfind(']'), text[tail..end].rfind(char::is_whitespace)) {
        (Some(open), close, space) if close.is_none_or(|c| c < open) => tail + space.map_or(open, |s| s.min(open)),
        (_, _, Some(space)) => tail + space,
        _ => end,
    }
}

/// What people say after "you are now" without giving a role away.
fn natural(next: &str) -> bool {
    const WORDS: [&str; 33] = [
        "on",
        "being",
        "speaking",
        "talking",
        "connected",
        "up",
        "all",
        "set",
        "current",
        "enrolled",
        "past",
        "responsible",
        "able",
        "behind",
        "caught",
        "paid",
        "late",
        "overdue",
        "live",
        "ready",
        "good",
        "done",
        "clear",
        "covered",
        "due",
        "over",
        "at",
        "saying",
        "telling",
        "calling",
        "making",
        "paying",
        "eligible",
    ];
    WORDS.iter().any(|w| next.eq_ignore_ascii_case(w))
}

static ANGLES: LazyLock<Regex> = LazyLock::new(|| regex("<{3,}|>{3,}"));

static KEYWORDS: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"\b(openai|anthropic|chatgpt|gpt-4|claude|api key|secret|password|token|jailbreak|prompt injection)s?\b")
});

/// The first group is the order, or else all of it; a natural second group acquits.
static PATTERNS: LazyLock<Vec<(Family, Regex)>> = LazyLock::new(|| {
    // Between words, and the head of an order: a sentence's start, or one that addresses the reader.
    let s = r"[\s.,:;_*'\x22-]{1,5}";
    let head = format!(r"(?:^|[.!?:;,\n\r\x22'(]\s{{0,8}}|\b(?:please|now|and|then|you(?:\s+\w+){{0,2}}){s})");
    let all = [
        (
            Family::Override,
            format!(
                r"\b(?:ignore|disregard|forget|override|bypass){s}(?:(?:all|any|every|each|of|the|your|my|these|those|this|that|everything){s}){{0,4}}(?:(?:previous|prior|above|earlier|preceding|foregoing|former|initial|original|system|all|your|any)(?:{s}(?:previous|prior|earlier|system|given|safety|of|the|your)){{0,3}}{s}(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|orders?|context|messages?|training|told)|(?:instructions?|everything){s}(?:above|before|so{s}far|prior|previously))\b"
            ),
        ),
        (Family::Persona, r"\b(you(?:\s+are|'re)\s+now)\b(?:\s+(\w+))?".to_owned()),
        (Family::Persona, format!(r"{head}(act(?:ing)?{s}as|pretend{s}(?:to{s}be|you{s}are|you're))\b")),
        (Family::Persona, format!(r"\brole{s}?play(?:ing)?{s}as\b|\broleplay{s}as\b")),
        (
            Family::RolePrefix,
            r"(?:^|[\n\r])[ \t>*#\x22'\[(-]{0,4}((?:system|assistant|user|developer|tool)[ \t]{0,4}:)".to_owned(),
        ),
        (
            Family::ChatTemplate,
            r"<\|\s?/?[a-z_]{1,32}\s?\|>|\[/?(?:inst|sys)\]|<</?sys>>|</?s>|\b(?:im_start|im_end|endoftext)\b|</?(?:start|end)_of_turn>|(?:^|[\n\r])#{2,}\s?(?:system|instructions?|assistant|user)\b"
                .to_owned(),
        ),
        (
            Family::Extraction,
            format!(
                r"\b(?:repeat|show|print|reveal|display|output|tell|give|leak|recite)(?:{s}(?:me|us|back|out|all|of|again|what)){{0,3}}{s}(?:(?:are|the|your|my|this|that){s}){{0,2}}(?:(?:your|system|hidden|secret|initial|original|above|previous|internal|developer)(?:{s}(?:system|initial|original|hidden|own)){{0,2}}{s}(?:instructions?|prompts?|rules|messages?)|instructions?{s}(?:above|verbatim|you{s}were{s}given)|system{s}prompts?)\b|\bwhat{s}(?:is|are|was|were){s}your{s}(?:(?:initial|original|system|hidden){s})?(?:instructions|prompts?)\b|\brepeat{s}your{s}(?:instructions|prompt)\b|\b(?:show|print|reveal|repeat|output){s}your{s}(?:instructions?|prompts?)\b"
            ),
        ),
        (
            Family::Jailbreak,
            format!(
                r"\bjailbr(?:eak(?:s|ed|ing)?|oken)\b|\b(?:developer|god|dan|dev|debug){s}mode\b|\bbypass(?:ing)?{s}(?:(?:all|any|your|the|every|safety|content){s}){{0,3}}(?:restrictions?|filters?|safety|safeguards?|guardrails?)\b|\benable{s}(?:dan|dev(?:eloper)?)(?:{s}mode)?\b|\bdo{s}anything{s}now\b"
            ),
        ),
        (Family::Encoded, r"(?:\\x[0-9a-f]{2}|\\u\{?[0-9a-f]{4,6}\}?|&#x?[0-9a-f]{2,6};)+".to_owned()),
        (Family::Encoded, r"\bbase64\s?[:,]\s?[a-z0-9+/_=-]*".to_owned()),
    ];
    all.into_iter().map(|(family, pattern)| (family, regex(&pattern))).collect()
});

fn regex(pattern: &str) -> Regex {
    Regex::new(&format!("(?i){pattern}")).expect("a literal pattern compiles")
}
