//! What of a value may stand in the log.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::{
    ai,
    kit::{Phone, canonical, time::Timestamp},
};

/// The most bytes of a value in canonical form.
pub(super) const LIMIT: usize = 64 << 10;
/// How deep values may lie in each other.
const DEPTH: usize = 32;

/// Fields whose name holds one of these never enter the log.
const SECRET: &[&str] = &[
    "password",
    "secret",
    "token",
    "authorization",
    "api_key",
    "apikey",
    "private_key",
    "credential",
    "cookie",
    "cvv",
    "card_number",
    "ssn",
    "signature",
];
/// Fields of people's own words and names: that they changed is told, not what they say.
const PERSONAL: &[&str] = &[
    "name",
    "full_name",
    "first_name",
    "last_name",
    "email",
    "address",
    "text",
    "notes",
    "note",
    "quote",
    "summary",
    "utterances",
    "insight",
    "body",
    "words",
    "wish",
    "matter_reference",
];

/// Fields that hold a word of ours, or somebody's own words: only the former are told.
const WORDS: &[&str] = &["reason", "evidence", "source"];

/// The value without secrets and personal data, and bounded: a longer one is its hash and length.
pub(super) fn clean(value: Json) -> Json {
    let value = walk(value, 0);
    match canonical::to_text(&value) {
        Ok(text) if text.len() <= LIMIT => value,
        Ok(text) => json!({"hash": canonical::sha256(text.as_bytes()), "bytes": text.len()}),
        // Fractions have no canonical form, and the batch of lines needs one.
        Err(_) => json!({"hash": canonical::sha256(value.to_string().as_bytes()), "bytes": value.to_string().len()}),
    }
}

fn walk(value: Json, depth: usize) -> Json {
    if depth > DEPTH {
        return json!("[too deep]");
    }
    match value {
        Json::String(text) => Json::String(plain(text)),
        Json::Array(items) => items.into_iter().map(|item| walk(item, depth + 1)).collect(),
        Json::Object(fields) => Json::Object(fields.into_iter().map(|(k, v)| field(k, v, depth)).collect()),
        other => other,
    }
}

fn field(name: String, value: Json, depth: usize) -> (String, Json) {
    let lower = name.to_lowercase();
    let kept_out = |word: &str| if value.is_null() { Json::Null } else { json!(word) };
    let shown = if SECRET.iter().any(|secret| lower.contains(secret)) {
        kept_out("[secret]")
    } else if PERSONAL.contains(&lower.as_str())
        || (WORDS.contains(&lower.as_str()) && !value.as_str().is_some_and(ours))
    {
        kept_out("[personal]")
    } else {
        walk(value, depth + 1)
    };
    // A key may be anything in what a vendor or a user names.
    (plain(name), shown)
}

/// Whether it is a word of ours: small letters, digits and what joins them.
fn ours(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | ':' | '.'))
}

fn plain(text: String) -> String {
    if let Ok(phone) = text.parse::<Phone>()
        && text.starts_with('+')
    {
        return phone.masked();
    }
    let machine = text.starts_with("sha256:") || text.parse::<Uuid>().is_ok() || text.parse::<Timestamp>().is_ok();
    if machine || !text.contains(|c: char| c.is_numeric() || c == '@' || c == ' ') {
        return text;
    }
    ai::redact(&text).text
}

/// The fields of two objects that differ, of each side.
pub(super) fn difference(old: Json, new: Json) -> (Json, Json) {
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            let other = |a: &Map<String, Json>, b: &Map<String, Json>| {
                Json::Object(
                    a.iter().filter(|(k, v)| b.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect(),
                )
            };
            (other(&old, &new), other(&new, &old))
        }
        both => both,
    }
}
