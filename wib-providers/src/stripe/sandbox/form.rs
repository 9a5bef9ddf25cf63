//! Form fields taken apart, and the refusal of those that the model does not know.

use http::Method;
use serde_json::{Map, Value};

use crate::sandbox::wire::{Ask, Base};

/// The pairs of a form body, decoded.
pub(super) fn pairs(ask: &Ask<'_>) -> Vec<(String, String)> {
    let body = String::from_utf8_lossy(ask.body);
    let fields = format!("?{body}");
    Ask::new(&Method::POST, &fields, ask.headers, ask.body, Base::Hosts).query
}

/// `items[0][price]` as `["items", "0", "price"]`.
fn segments(name: &str) -> Vec<&str> {
    let (first, rest) = name.split_once('[').unwrap_or((name, ""));
    let rest = rest.strip_suffix(']').unwrap_or(rest);
    let inner = rest.split("][").filter(|_| !rest.is_empty());
    std::iter::once(first).chain(inner).collect()
}

/// The first field that none of the patterns knows; `*` in a pattern stands for any index or name.
pub(super) fn unknown<'p>(pairs: &'p [(String, String)], patterns: &[&str]) -> Option<&'p str> {
    let fits = |name: &str, pattern: &&str| {
        let (name, pattern) = (segments(name), segments(pattern));
        name.len() == pattern.len() && name.iter().zip(&pattern).all(|(n, p)| *p == "*" || n == p)
    };
    pairs.iter().map(|(name, _)| name.as_str()).find(|name| !patterns.iter().any(|pattern| fits(name, pattern)))
}

/// The fields as objects within objects; every value is text.
pub(super) fn nested(pairs: &[(String, String)]) -> Value {
    let mut root = Value::Object(Map::new());
    for (name, value) in pairs {
        let mut place = &mut root;
        for segment in segments(name) {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[segment];
        }
        *place = Value::String(value.clone());
    }
    root
}

#[test]
fn fields_are_taken_apart_and_strangers_found() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let pairs = [pair("items[0][price]", "p"), pair("metadata[a.b]", "1"), pair("email", "")];
    let expected = serde_json::json!({"items": {"0": {"price": "p"}}, "metadata": {"a.b": "1"}, "email": ""});
    assert_eq!(nested(&pairs), expected);
    assert_eq!(unknown(&pairs, &["items[*][price]", "metadata[*]", "email"]), None);
    assert_eq!(unknown(&pairs, &["items[*][quantity]", "metadata[*]", "email"]), Some("items[0][price]"));
}
