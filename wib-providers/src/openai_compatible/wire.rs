//! The JSON of chat completions, embeddings and speech. Only what we read or send; everything else is ignored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wib_core::ports::{
    Fault,
    llm::{Prompt, Tool, ToolCall, ToolChoice, Turn},
};

use super::Dialect;
use crate::http::Words;

#[derive(Serialize)]
pub(super) struct ChatRequest<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolParam<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deferred: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallParam<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct CallParam<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionParam<'a>,
}

#[derive(Serialize)]
struct FunctionParam<'a> {
    name: &'a str,
    arguments: String,
}

#[derive(Serialize)]
struct ToolParam<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionDefinition<'a>,
}

#[derive(Serialize)]
struct FunctionDefinition<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
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
    pub(super) fn new(
        dialect: &Dialect,
        model: &'a str,
        strict: bool,
        tier: Option<&'a str>,
        prompt: &'a Prompt,
    ) -> Self {
        let json_schema = |schema| JsonSchema { name: "answer", schema, strict: strict && can_be_strict(schema) };
        let tool = |tool: &'a Tool| ToolParam {
            kind: "function",
            function: FunctionDefinition {
                name: tool.name,
                description: tool.about,
                parameters: &tool.parameters,
                strict: strict && can_be_strict(&tool.parameters),
            },
        };
        let choice = match prompt.tool_choice {
            ToolChoice::Auto => None,
            ToolChoice::Must => Some("required"),
            ToolChoice::MustNot => Some("none"),
        };
        Self {
            model,
            messages: std::iter::once(Message::of("system", prompt.instructions.into()))
                .chain(prompt.turns.iter().map(Message::turn))
                .collect(),
            temperature: f64::from(prompt.temperature_milli) / 1000.0,
            max_tokens: (!dialect.completion_tokens).then_some(prompt.max_tokens),
            max_completion_tokens: dialect.completion_tokens.then_some(prompt.max_tokens),
            response_format: prompt
                .schema
                .as_ref()
                .map(|schema| ResponseFormat { kind: "json_schema", json_schema: json_schema(schema) }),
            tools: prompt.tools.iter().map(tool).collect(),
            tool_choice: choice.filter(|_| !prompt.tools.is_empty()),
            service_tier: tier,
            deferred: false,
            stream: false,
            stream_options: None,
        }
    }
    pub(super) fn deferred(self) -> Self {
        Self { deferred: true, ..self }
    }
    pub(super) fn streamed(self, dialect: &Dialect) -> Self {
        let stream_options = dialect.asks_usage.then_some(StreamOptions { include_usage: true });
        Self { stream: true, stream_options, ..self }
    }
}

impl<'a> Message<'a> {
    fn of(role: &'static str, content: Cow<'a, str>) -> Self {
        Self { role, content: Some(content), tool_calls: Vec::new(), tool_call_id: None }
    }
    fn turn(turn: &'a Turn) -> Self {
        match turn {
            Turn::Theirs(text) => Self::of("user", text.fenced().into()),
            Turn::Ours(words) => Self::of("system", (*words).into()),
            Turn::Result { call_id, text } => {
                Self { tool_call_id: Some(call_id), ..Self::of("tool", text.fenced().into()) }
            }
            Turn::Model { text, tool_calls } => {
                let call = |call: &'a ToolCall| CallParam {
                    id: &call.id,
                    kind: "function",
                    function: FunctionParam { name: &call.name, arguments: call.arguments.to_string() },
                };
                let said = Self::of("assistant", text.as_str().into());
                let silent = text.is_empty() && !tool_calls.is_empty();
                let content = if silent { None } else { said.content };
                Self { content, tool_calls: tool_calls.iter().map(call).collect(), ..said }
            }
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

/// What comes with 200, whole or as an event: an answer, or (xAI) an error.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Chat(ChatReply),
    Refusal(Value),
}

/// An answer, or a part of one.
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
    pub usage: Option<Usage>,
    pub error: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    /// `message` of a whole answer, `delta` of a part.
    #[serde(alias = "delta", default)]
    pub message: Said,
    pub finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Said {
    pub content: Option<String>,
    pub refusal: Option<String>,
    pub tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
pub(super) struct Call {
    pub index: Option<usize>,
    pub id: Option<String>,
    pub function: Option<Function>,
}

#[derive(Default, Deserialize)]
pub(super) struct Function {
    pub name: Option<String>,
    pub arguments: Option<String>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Usage {
    pub prompt_tokens: i64,
    #[serde(default)]
    pub completion_tokens: i64,
    pub prompt_tokens_details: Option<Details>,
    /// xAI: what was charged, in 10^-10 US dollars.
    pub cost_in_usd_ticks: Option<i64>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Details {
    pub cached_tokens: Option<i64>,
}

/// xAI: where an answer that takes its time will lie.
#[derive(Deserialize)]
pub(super) struct Deferred {
    pub request_id: String,
}

#[derive(Serialize)]
pub(super) struct EmbeddingRequest<'a> {
    pub model: &'a str,
    pub input: Vec<&'a str>,
    pub encoding_format: &'static str,
}

#[derive(Deserialize)]
pub(super) struct EmbeddingReply {
    pub model: Option<String>,
    pub data: Vec<Embedding>,
    pub usage: Option<Usage>,
}

#[derive(Deserialize)]
pub(super) struct Embedding {
    pub index: usize,
    pub embedding: Vector,
}

/// In base64, as asked, or as numbers, as some give it all the same.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Vector {
    Base64(String),
    Numbers(Vec<f32>),
}

#[derive(Serialize)]
pub(super) struct SpeechRequest<'a> {
    pub model: &'a str,
    pub input: &'a str,
    pub voice: &'a str,
    pub response_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    pub speed: f64,
}

#[derive(Deserialize)]
pub(super) struct ModelList {
    pub data: Vec<ModelEntry>,
}

#[derive(Deserialize)]
pub(super) struct ModelEntry {
    pub id: String,
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
