//! The sandbox's language model, behind the chat endpoints of Groq, xAI and OpenAI.
//!
//! It is as gullible as a real one: an instruction outside a data fence is obeyed, so that a test of injections can fail.

mod analysis;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::sandbox::{
    chance::Chance,
    model::Model,
    wire::{Ask, json as answer, text, typed},
    world::World,
};

/// A vendor's chat endpoints in the sandbox.
pub(crate) struct ChatModel {
    /// Whose.
    pub(crate) vendor: &'static str,
    /// The path before `chat/completions`.
    pub(crate) prefix: &'static [&'static str],
    /// Answers given: part of their ids.
    pub(crate) given: u64,
}

/// The answer in the shape of errors of these three; xAI has one of its own beside it.
fn error(vendor: &str, status: u16, code: &str, message: &str) -> Response<Bytes> {
    if vendor == "xai" && status == 400 {
        return answer(status, &json!({"code": "Client specified an invalid argument", "error": message}));
    }
    let kind = if status == 401 { "authentication_error" } else { "invalid_request_error" };
    answer(status, &json!({"error": {"message": message, "type": kind, "param": null, "code": code}}))
}

impl Model for ChatModel {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", [.., "chat", "completions"]) => "chat",
            ("GET", [.., "models"]) => "models",
            _ => "unknown",
        }
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        let Self { vendor, prefix, .. } = *self;
        if !ask.bearer() {
            return error(vendor, 401, "invalid_api_key", "Incorrect API key provided.");
        }
        let (_, path) = ask.route();
        let known = path.starts_with(prefix);
        match self.operation(ask) {
            "chat" if known && path.len() == prefix.len() + 2 => self.chat(world, ask),
            "models" if known && path.len() == prefix.len() + 1 => {
                let model = json!({"id": "sandbox", "object": "model", "created": 0, "owned_by": "sandbox"});
                answer(200, &json!({"object": "list", "data": [model]}))
            }
            _ => error(vendor, 404, "unknown_url", "Unknown request URL."),
        }
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        error(self.vendor, status, "sandbox_fault", message)
    }
}

impl ChatModel {
    fn chat(&mut self, world: &World, ask: &Ask<'_>) -> Response<Bytes> {
        let vendor = self.vendor;
        let Some(body) = ask.object() else { return error(vendor, 400, "invalid_json", "The body is not valid JSON.") };
        let Some(model) = text(&body, "model") else {
            return error(vendor, 400, "missing_model", "model is required.");
        };
        let Some(messages) = body["messages"].as_array().filter(|messages| !messages.is_empty()) else {
            return error(vendor, 400, "missing_messages", "messages is required and must not be empty.");
        };
        if vendor == "groq" && body["n"].as_u64().is_some_and(|n| n != 1) {
            return error(vendor, 400, "invalid_n", "'n' must be 1.");
        }
        let said: Vec<_> =
            messages.iter().map(|message| (text(message, "role").unwrap_or("user"), content(message))).collect();
        let wants_json = body["response_format"]["type"].as_str().is_some_and(|kind| kind.starts_with("json"));
        let mut reply = analysis::reply(&said, wants_json);
        let prompt = tokens(said.iter().map(|(_, text)| text.chars().count()).sum());
        let limit = ["max_completion_tokens", "max_tokens"].iter().find_map(|field| body[*field].as_u64());
        let cut = limit.is_some_and(|limit| tokens(reply.chars().count()) > limit);
        if let (true, Some(limit)) = (cut, limit) {
            reply = reply.chars().take(usize::try_from(limit.saturating_mul(4)).unwrap_or(usize::MAX)).collect();
        }
        let completion = tokens(reply.chars().count());
        self.given += 1;
        let mut chance = Chance::of(world.seed, &["chat", vendor, &self.given.to_string()]);
        let (id, request) = (format!("chatcmpl-{}", chance.hex(12)), format!("req_{}", chance.hex(13)));
        let created = world.now.as_second();
        let finish = if cut { "length" } else { "stop" };
        let mut usage =
            json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion});
        if vendor == "groq" {
            usage["total_time"] = json!(0.25);
        }
        if body["stream"] == true {
            let chunk = |choices: Value, usage: Value| {
                let chunk = json!({
                    "id": id, "object": "chat.completion.chunk", "created": created, "model": model,
                    "choices": choices, "usage": usage,
                });
                format!("data: {chunk}\n\n")
            };
            let delta = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
            let mut stream: String = reply
                .split_inclusive(' ')
                .map(|piece| chunk(delta(json!({"role": "assistant", "content": piece}), Value::Null), Value::Null))
                .collect();
            stream += &chunk(delta(json!({}), json!(finish)), Value::Null);
            if body["stream_options"]["include_usage"] == true {
                stream += &chunk(json!([]), usage);
            }
            return typed(200, "text/event-stream", stream + "data: [DONE]\n\n");
        }
        let message = json!({"role": "assistant", "content": reply, "refusal": null});
        let mut shown = json!({
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
            "usage": usage,
        });
        if vendor == "groq" {
            shown["x_groq"] = json!({"id": request});
        }
        let mut shown = answer(200, &shown);
        if let Ok(request) = http::HeaderValue::from_str(&request) {
            shown.headers_mut().insert("x-request-id", request);
        }
        shown
    }
}

/// A message's text, in one piece or in parts.
fn content(message: &Value) -> String {
    match &message["content"] {
        Value::String(whole) => whole.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| text(part, "text")).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

fn tokens(characters: usize) -> u64 {
    (characters as u64).div_ceil(4)
}
