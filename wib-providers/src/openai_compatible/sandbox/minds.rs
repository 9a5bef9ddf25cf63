//! What the sandbox's model makes of words while they are spoken: how somebody feels, what a member should do. By rules, from
//! the words it is given.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).expect("a constant pattern"));
    };
}

pattern!(
    ANGRY,
    r"(?i)\b(?:angry|furious|ridiculous|harass\w*|hate|terrible|disgusting|outrageous|fed up|sick of|liars?|thie\w+|stop calling|never|worst)\b"
);
pattern!(GLAD, r"(?i)\b(?:thanks?|thank you|great|perfect|happy|glad|appreciate|wonderful|gracias)\b");
pattern!(
    OBJECTS,
    r"(?i)\b(?:don't owe|do not owe|not my debt|dispute|refuse|unfair|illegal|lawsuit|sue|already paid|won't pay|can't pay|no debo)\b"
);
pattern!(ESCALATES, r"(?i)\b(?:supervisor|manager|lawsuit|sue you|attorney|lawyer|abogad[oa])\b");
pattern!(SENTENCE, r"[^.!?\n]+(?:\.\d+[^.!?\n]*)*[.!?]*");
pattern!(FIXED, r"(?m)^([\w:-]{1,60})\| ");

/// What the person says, by words, and what a member is told of it: the guide's line, and the advice.
const TOPICS: &[(&str, &str, &str)] = &[
    (r"(?i)\b(?:attorney|lawyer|abogad[oa])\b", "guide:attorney", "Ask for the attorney's name and address."),
    (
        r"(?i)\b(?:stop calling|don't call|do not call|no more calls|deje de llamar)\b",
        "guide:cease",
        "Confirm the wish not to be called, and end the call.",
    ),
    (
        r"(?i)\b(?:don't owe|do not owe|not my debt|dispute|already paid|no debo)\b",
        "guide:dispute",
        "Note what is disputed, and do not argue.",
    ),
    (
        r"(?i)\b(?:lost my job|sick|hospital|can't afford|cannot afford|unemployed|hardship)\b",
        "guide:hardship",
        "Note the hardship, and bring in a colleague who may decide.",
    ),
    (
        r"(?i)\b(?:I can|I will|I'll|puedo)\s+(?:\w+\s+){0,2}?(?:pay|send|pagar)\b",
        "guide:promise",
        "Repeat the amount and the day as they were named.",
    ),
    (r"(?i)\bcall (?:me )?back\b|\bcall me (?:later|tomorrow)\b", "guide:callback", "Ask which time suits."),
];

/// The answer to a prompt of one of these kinds; `None` for another.
pub(super) fn reply(open: &str, data: &str) -> Option<Value> {
    if open.contains("You judge how the customer of a phone call") {
        return Some(feeling(data));
    }
    open.contains("You advise the member of a call centre").then(|| advice(data))
}

fn feeling(said: &str) -> Value {
    let hits = |pattern: &Regex| i64::try_from(pattern.find_iter(said).count()).unwrap_or(i64::MAX);
    let objections: Vec<_> =
        SENTENCE.find_iter(said).map(|s| s.as_str().trim()).filter(|s| OBJECTS.is_match(s)).collect();
    let tenths = hits(&GLAD).saturating_mul(5) - hits(&ANGRY).saturating_mul(5) - 3 * objections.len() as i64;
    let tenths = i32::try_from(tenths.clamp(-10, 10)).unwrap_or(0);
    json!({
        "score": f64::from(tenths) / 10.0,
        "objections": objections,
        "escalate": ESCALATES.is_match(said) && tenths < 0,
    })
}

/// Advice on the last thing that the person said that there is advice on.
fn advice(data: &str) -> Value {
    let fixed: Vec<_> = FIXED.captures_iter(data).filter_map(|line| line.get(1)).map(|id| id.as_str()).collect();
    let said = data.lines().filter(|line| !FIXED.is_match(line));
    let sentences: Vec<_> = said
        .filter(|line| !line.starts_with("agent: "))
        .flat_map(|line| SENTENCE.find_iter(line.strip_prefix("customer: ").unwrap_or(line)))
        .map(|sentence| sentence.as_str().trim())
        .collect();
    for sentence in sentences.iter().rev() {
        for (words, line, told) in TOPICS {
            if Regex::new(words).expect("a constant pattern").is_match(sentence) {
                let mut pieces = vec![json!({"text": told, "quote": sentence, "script": null})];
                if fixed.contains(line) {
                    pieces.push(json!({"text": "Say it in the words of the guide.", "quote": null, "script": line}));
                }
                return json!({"advice": pieces});
            }
        }
    }
    json!({"advice": []})
}
