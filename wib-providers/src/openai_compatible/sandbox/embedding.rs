//! Vectors of the sandbox: every word has a few places of its own, so texts that share words are alike.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::{Refusal, tokens};
use crate::sandbox::{chance::Chance, wire::json as answer};

/// Places that a word has.
const PLACES: usize = 4;

/// The answer to a request for vectors.
pub(super) fn embed(body: &Value, model: &str) -> Result<Response<Bytes>, Refusal> {
    let texts: Option<Vec<&str>> = match &body["input"] {
        Value::String(one) => Some(vec![one]),
        Value::Array(many) => many.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let texts = texts.filter(|texts| !texts.is_empty() && texts.len() <= 2048 && texts.iter().all(|t| !t.is_empty()));
    let texts = texts.ok_or(("invalid_input", "input must be 1 to 2048 texts, none of them empty."))?;
    let usual = if model.starts_with("nomic") { 768 } else { 1536 };
    let length = body["dimensions"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usual).clamp(1, 3072);
    let data: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let numbers = vector(text, length);
            let embedding = match body["encoding_format"].as_str() {
                Some("base64") => {
                    json!(BASE64_STANDARD.encode(numbers.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>()))
                }
                _ => json!(numbers),
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let read: u64 = texts.iter().map(|text| tokens(text.chars().count())).sum();
    let usage = json!({"prompt_tokens": read, "total_tokens": read});
    Ok(answer(200, &json!({"object": "list", "model": model, "data": data, "usage": usage})))
}

fn vector(text: &str, length: usize) -> Vec<f32> {
    let mut numbers = vec![0f32; length];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut chance = Chance::of(0, &["embedding", word]);
        for _ in 0..PLACES {
            let place = usize::try_from(chance.below(length as u64)).unwrap_or(0);
            numbers[place] += if chance.below(2) == 0 { 1.0 } else { -1.0 };
        }
    }
    let size = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
    if size == 0.0 {
        numbers[0] = 1.0;
        return numbers;
    }
    numbers.into_iter().map(|n| n / size).collect()
}
