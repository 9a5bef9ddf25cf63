//! The JSON of chat completions. Only what we read or send; everything else is ignored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wib_core::ports::{Fault, llm::Prompt};

use super::Dialect;
use crate::http::Words;

#[derive(Serialize)]
pub(super) struct ChatRequest<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Cow<'a, str>,
}

#[derive(Serialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    json_schema: JsonSchema<'a>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'static str,
    schema: &'a Value,
    strict: bool,
}

impl<'a> ChatRequest<'a> {
    pub(super) fn new(dialect: &Dialect, model: &'a str, prompt: &'a Prompt) -> Self {
        let json_schema =
            |schema| JsonSchema { name: "answer", schema, strict: dialect.strict && can_be_strict(schema) };
        Self {
            model,
            messages: [
                Message { role: "system", content: prompt.instructions.into() },
                Message { role: "user", content: prompt.data.fenced().into() },
            ],
            temperature: f64::from(prompt.temperature_milli) / 1000.0,
            max_tokens: (!dialect.completion_tokens).then_some(prompt.max_tokens),
            max_completion_tokens: dialect.completion_tokens.then_some(prompt.max_tokens),
            response_format: prompt
                .schema
                .as_ref()
                .map(|schema| ResponseFormat { kind: "json_schema", json_schema: json_schema(schema) }),
        }
    }
}

/// Whether every object of the schema requires all it has and takes nothing else, as strict mode demands.
fn can_be_strict(schema: &Value) -> bool {
    let closed = |object: &serde_json::Map<String, Value>| {
        let Some(properties) = object.get("properties").and_then(Value::as_object) else {
            return object.get("type").is_none_or(|kind| kind != "object");
        };
        let required = object.get("required").and_then(Value::as_array);
        let all = required.is_some_and(|names| properties.keys().all(|key| names.iter().any(|n| n == key)));
        all && object.get("additionalProperties") == Some(&Value::Bool(false))
    };
    match schema {
        Value::Object(object) => closed(object) && object.values().all(can_be_strict),
        Value::Array(values) => values.iter().all(can_be_strict),
        _ => true,
    }
}

/// What comes with 200: an answer, or (xAI) an error.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Chat(ChatReply),
    Refusal(Value),
}

#[derive(Deserialize)]
pub(super) struct ChatReply {
    pub id: Option<String>,
    pub model: Option<String>,
    pub choices: Vec<Choice>,
    pub usage: Option<Usage>,
    pub x_groq: Option<XGroq>,
}

#[derive(Deserialize)]
pub(super) struct XGroq {
    pub id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    pub message: Said,
    pub finish_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Said {
    pub content: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Usage {
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
}

/// `{"error": {message, type, code}}`, or xAI's `{"code": .., "error": text}`.
pub(super) fn words(status: u16, body: &Value) -> Words {
    let text = |value: &Value| value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|n| n.to_string()));
    let error = &body["error"];
    let (message, code) = match error.as_str() {
        Some(message) => (Some(message.to_owned()), text(&body["code"])),
        None => (text(&error["message"]), text(&error["code"]).or_else(|| text(&error["type"]))),
    };
    let said = code.as_deref().unwrap_or_default().to_ascii_lowercase();
    let fault = match status {
        // Out of money is told as a rate limit.
        429 if said == "insufficient_quota" => Some(Fault::Payment),
        // Groq: the flex tier is full.
        498 => Some(Fault::RateLimited),
        200 if ["invalid", "not found"].iter().any(|word| said.contains(word)) => Some(Fault::Request),
        200 if ["rate", "exhausted"].iter().any(|word| said.contains(word)) => Some(Fault::RateLimited),
        200 if ["auth", "permission", "api key"].iter().any(|word| said.contains(word)) => Some(Fault::Credentials),
        _ => None,
    };
    Words { fault, code, message }
}
