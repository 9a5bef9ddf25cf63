//! How the sandbox's model thinks: it obeys what is not fenced, and reads what is by rules.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::phrases;

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).expect("a constant pattern"));
    };
}

pattern!(
    OVERRIDE,
    r"(?i)ignor(?:e|a)\s+(?:all\s+|any\s+|todas\s+)*(?:the\s+|las\s+|your\s+)?(?:previous|prior|above|instrucciones)\s+(?:instructions|anteriores)[\s,.:;]+(?:(?:and|y|then)\s+)*(?:(?:say|answer|reply|respond|write|print|output|di)\b)?\s*(?:(?:with|that|que)\b|:)?\s*([^\n]+)"
);
pattern!(SYSTEM, r"(?im)^\s*(?:[\w ]{1,20}:\s*)?system\s*:\s*([^\n]+)");
pattern!(
    LINE,
    r"(?i)^\s*(?:\[[^\]]*\]\s*)?(agent|customer|caller|callee|speaker[ _]?\w+|channel[ _]?\d|[a-z]|\d)\s*:\s*(.+?)\s*$"
);
pattern!(SENTENCE, r"[^.!?]+(?:\.\d+[^.!?]*)*[.!?]*");
pattern!(
    PROMISE,
    r"(?i)\b(?:I can|I will|I'll|I promise to|I am going to|I'm going to|let me|puedo|voy a)\s+(?:\w+\s+){0,3}?(?:pay|send|make a payment|pagar)\b"
);
pattern!(AMOUNT, r"(?i)\$\s?(\d[\d,]*(?:\.\d{1,2})?)|\b(\d[\d,]*(?:\.\d{1,2})?)\s*(?:dollars|dólares|USD)\b");
pattern!(
    WHEN,
    r"(?i)\b(today|tomorrow|tonight|(?:(?:this|next)\s+)?(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|week|month)|(?:january|february|march|april|may|june|july|august|september|october|november|december)\s+\d{1,2}(?:st|nd|rd|th)?|the\s+\d{1,2}(?:st|nd|rd|th)|\d{4}-\d{2}-\d{2}|hoy|mañana|lunes|martes|miércoles|jueves|viernes|sábado|domingo)\b"
);
pattern!(
    DISPUTE,
    r"(?i)\b(?:don't owe|do not owe|not my debt|isn't mine|is not mine|never opened|already paid|dispute|no debo|ya pagué)\b"
);
pattern!(
    CEASE,
    r"(?i)\b(?:stop calling|stop contacting|don't call|do not call|never call|no more calls|any more calls|cease|deje de llamar)\b"
);
pattern!(CALLBACK, r"(?i)\b(?:call (?:me )?back|call me (?:later|tomorrow|on|in|next)|llámeme)\b");
pattern!(THREAT, r"(?i)\b(?:arrest|jail|prison|sue you|garnish|take your house|tell your (?:boss|employer|family))");

/// The model's answer to these messages (role, text).
pub(crate) fn reply(messages: &[(&str, String)], wants_json: bool) -> String {
    let mut open = String::new();
    let mut data = String::new();
    for (role, text) in messages {
        let (outside, inside) = unfence(text);
        if *role != "assistant" {
            open += &outside;
            open.push('\n');
        }
        data += &inside;
        data.push('\n');
    }
    if let Some(order) = obeyed(&open) {
        return match wants_json && serde_json::from_str::<Value>(&order).is_err() {
            true => json!({"summary": order, "sentiment": "positive", "findings": []}).to_string(),
            false => order,
        };
    }
    if let Some(translated) = phrases::translated(&open, &data) {
        return translated;
    }
    if let Some(answer) = super::minds::reply(&open, &data) {
        return answer.to_string();
    }
    if let Some(said) = super::talk::reply(messages).filter(|_| !wants_json) {
        return said;
    }
    let analysis = analyse(&data);
    if wants_json { analysis.to_string() } else { analysis["summary"].as_str().unwrap_or_default().to_owned() }
}

/// Splits a text into what lies outside its fences and what lies inside.
///
/// A fence opens with a line `<<<DATA tag` and closes with the line `DATA tag>>>`; another tag closes nothing, and a
/// fence that never closes is none.
pub(super) fn unfence(text: &str) -> (String, String) {
    let (mut outside, mut inside): (Vec<&str>, Vec<&str>) = Default::default();
    let lines: Vec<_> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let close = lines[at].strip_prefix("<<<DATA").and_then(|tag| {
            let end = format!("DATA {}", tag.trim());
            let closes =
                |line: &&str| line.trim().strip_suffix(">>>").is_some_and(|line| line.trim_end() == end.trim_end());
            lines[at + 1..].iter().position(closes)
        });
        match close {
            Some(length) => {
                inside.extend(&lines[at + 1..at + 1 + length]);
                at += length + 2;
            }
            None => {
                outside.push(lines[at]);
                at += 1;
            }
        }
    }
    (outside.join("\n"), inside.join("\n"))
}

/// What an instruction among the text makes the model say.
fn obeyed(text: &str) -> Option<String> {
    let found = OVERRIDE.captures(text).or_else(|| SYSTEM.captures(text))?;
    let order = found.get(1)?.as_str().trim().trim_matches(['"', '\'', '`']);
    Some(order.to_owned())
}

/// Summary, sentiment and findings of a transcript of lines `speaker: text`.
fn analyse(data: &str) -> Value {
    let mut findings: Vec<Value> = Vec::new();
    let (mut kinds, mut lines) = (Vec::new(), 0);
    for line in data.lines() {
        let Some(parts) = LINE.captures(line) else { continue };
        let (speaker, said) = (parts[1].to_lowercase(), parts.get(2).map_or("", |said| said.as_str()));
        lines += 1;
        for sentence in SENTENCE.find_iter(said).map(|sentence| sentence.as_str().trim()) {
            let kind = match speaker.as_str() {
                "agent" => THREAT.is_match(sentence).then_some("compliance"),
                _ => customer_kind(sentence),
            };
            let Some(kind) = kind.filter(|kind| *kind == "promise" || !kinds.contains(kind)) else { continue };
            let first = |pattern: &Regex| {
                let found = pattern.captures(sentence)?;
                found.iter().skip(1).flatten().next().map(|found| found.as_str().to_owned())
            };
            let amount = matches!(kind, "promise" | "dispute").then(|| first(&AMOUNT)).flatten();
            let when = matches!(kind, "promise" | "callback").then(|| first(&WHEN)).flatten();
            findings.push(json!({
                "kind": kind,
                "topic": (kind == "compliance").then_some("threat"),
                "amount": amount.map(|amount| amount.replace(',', "")),
                "when": when,
                "quote": sentence,
            }));
            kinds.push(kind);
        }
    }
    let has = |kind: &str| kinds.contains(&kind);
    let sentiment = match () {
        () if has("cease") || has("dispute") || has("compliance") => "negative",
        () if has("promise") => "positive",
        () => "neutral",
    };
    let told: Vec<_> = findings.iter().map(told).collect();
    let summary = match told.as_slice() {
        [] => format!("A conversation of {lines} turns without promise or objection."),
        told => format!("The customer {}.", told.join(", and ")),
    };
    json!({"summary": summary, "sentiment": sentiment, "findings": findings})
}

fn customer_kind(sentence: &str) -> Option<&'static str> {
    let kinds = [(&CEASE, "cease"), (&DISPUTE, "dispute"), (&CALLBACK, "callback"), (&PROMISE, "promise")];
    kinds.iter().find(|(pattern, _)| pattern.is_match(sentence)).map(|(_, kind)| *kind)
}

fn told(finding: &Value) -> String {
    let with =
        |word: &str, field: &str| finding[field].as_str().map_or(String::new(), |value| format!("{word}{value}"));
    match finding["kind"].as_str() {
        Some("promise") => format!("promised to pay{}{}", with(" ", "amount"), with(", ", "when")),
        Some("dispute") => "disputed the debt".to_owned(),
        Some("cease") => "asked not to be called again".to_owned(),
        Some("callback") => format!("asked to be called back{}", with(", ", "when")),
        _ => "was told something that may break a rule".to_owned(),
    }
}
