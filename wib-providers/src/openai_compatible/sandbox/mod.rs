//! The sandbox's models, behind the endpoints of Groq, xAI and OpenAI.
//!
//! The language model is as gullible as a real one: an instruction outside a data fence is obeyed, so that a test of
//! injections can fail. It translates from a phrase book ([`phrases`]). It calls a tool when it must, and when the last words said name one.

mod analysis;
mod embedding;
mod minds;
mod phrases;
mod talk;
mod tools;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use serde_json::{Value, json};
use wib_core::kit::time::{Timestamp, after};

use crate::sandbox::{
    chance::Chance,
    model::Model,
    speech::{Voice, audio},
    wire::{Ask, json as answer, text, typed},
    world::{KEPT, World},
};

/// How long an answer for later takes, in milliseconds.
const LATER: u64 = 2000;

/// A vendor's endpoints in the sandbox.
pub(crate) struct ChatModel {
    /// Whose.
    vendor: &'static str,
    /// The path before `chat/completions`.
    prefix: &'static [&'static str],
    /// Answers given: part of their ids.
    given: u64,
    /// Answers for later, and when they are made.
    later: BTreeMap<String, (Timestamp, Value)>,
}

/// An answer of the language model.
struct Given {
    id: String,
    model: String,
    created: i64,
    reply: Reply,
    finish: &'static str,
    usage: Value,
    request: String,
}

enum Reply {
    Text(String),
    Call { id: String, name: String, arguments: String },
}

/// The answer in the shape of errors of these three; xAI has one of its own beside it.
fn error(vendor: &str, status: u16, code: &str, message: &str) -> Response<Bytes> {
    if vendor == "xai" && status == 400 {
        return answer(status, &json!({"code": "Client specified an invalid argument", "error": message}));
    }
    let kind = match status {
        401 => "authentication_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    answer(status, &json!({"error": {"message": message, "type": kind, "param": null, "code": code}}))
}

impl Model for ChatModel {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        let (method, path) = ask.route();
        match (method, path.strip_prefix(self.prefix).unwrap_or_default()) {
            ("POST", ["chat", "completions"]) => "chat",
            ("GET", ["chat", "deferred-completion", _]) if self.vendor == "xai" => "deferred",
            ("GET", ["models"]) => "models",
            ("POST", ["embeddings"]) if self.vendor != "xai" => "embed",
            ("POST", ["audio", "speech"]) if self.vendor != "xai" => "speak",
            _ => "unknown",
        }
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        let vendor = self.vendor;
        if !ask.bearer() {
            return error(vendor, 401, "invalid_api_key", "Incorrect API key provided.");
        }
        let operation = self.operation(ask);
        if operation == "models" {
            let model = |id: &str| json!({"id": id, "object": "model", "created": 0, "owned_by": "sandbox"});
            let data: Vec<_> = ["sandbox", "sandbox-tts"].map(model).into();
            return answer(200, &json!({"object": "list", "data": data}));
        }
        if operation == "deferred" {
            return self.fetch(world, ask);
        }
        if operation == "unknown" {
            return error(vendor, 404, "unknown_url", "Unknown request URL.");
        }
        let Some(body) = ask.object() else { return error(vendor, 400, "invalid_json", "The body is not valid JSON.") };
        let Some(model) = text(&body, "model") else {
            return error(vendor, 400, "missing_model", "model is required.");
        };
        let done = match operation {
            "chat" => self.chat(world, &body, model),
            "embed" => embedding::embed(&body, model),
            _ => speak(vendor, &body),
        };
        done.unwrap_or_else(|(code, message)| error(vendor, 400, code, message))
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        error(self.vendor, status, "sandbox_fault", message)
    }
    fn error_inside(&self, answer: Response<Bytes>) -> Response<Bytes> {
        let told = match self.vendor {
            "xai" => json!({"code": "The service is currently unavailable", "error": "Ordered by the sandbox."}),
            _ => json!({"error": {"message": "Ordered by the sandbox.", "type": "server_error", "code": null}}),
        };
        answer.map(|body| match body.strip_prefix(b"data: ") {
            None => told.to_string().into(),
            Some(_) => {
                let events = String::from_utf8_lossy(&body);
                let first = events.split_inclusive("\n\n").next().unwrap_or_default();
                format!("{first}data: {told}\n\n").into()
            }
        })
    }
}

/// What a refusal says: its code and its words.
type Refusal = (&'static str, &'static str);

impl ChatModel {
    pub(crate) fn new(vendor: &'static str, prefix: &'static [&'static str]) -> Self {
        Self { vendor, prefix, given: 0, later: BTreeMap::new() }
    }

    fn chat(&mut self, world: &World, body: &Value, model: &str) -> Result<Response<Bytes>, Refusal> {
        let vendor = self.vendor;
        let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
        let messages = messages.ok_or(("missing_messages", "messages is required and must not be empty."))?;
        if vendor == "groq" && body["n"].as_u64().is_some_and(|n| n != 1) {
            return Err(("invalid_n", "'n' must be 1."));
        }
        tools::check(messages)?;
        self.given += 1;
        let mut chance = Chance::of(world.seed, &["chat", vendor, &self.given.to_string()]);
        let (id, request) = (format!("chatcmpl-{}", chance.hex(12)), format!("req_{}", chance.hex(13)));
        let said: Vec<_> =
            messages.iter().map(|message| (text(message, "role").unwrap_or("user"), content(message))).collect();
        let wants_json = body["response_format"]["type"].as_str().is_some_and(|kind| kind.starts_with("json"));
        let called = tools::called(body, &said)?;
        let mut finish = if called.is_some() { "tool_calls" } else { "stop" };
        let mut reply = match called {
            Some((name, arguments)) => Reply::Call { id: format!("call_{}", chance.hex(12)), name, arguments },
            None => Reply::Text(analysis::reply(&said, wants_json)),
        };
        let limit = ["max_completion_tokens", "max_tokens"].iter().find_map(|field| body[*field].as_u64());
        if let (Reply::Text(words), Some(limit)) = (&mut reply, limit)
            && tokens(words.chars().count()) > limit
        {
            finish = "length";
            *words = words.chars().take(usize::try_from(limit.saturating_mul(4)).unwrap_or(usize::MAX)).collect();
        }
        let prompt = tokens(said.iter().map(|(_, text)| text.chars().count()).sum());
        let completion = tokens(match &reply {
            Reply::Text(words) => words.chars().count(),
            Reply::Call { name, arguments, .. } => name.len() + arguments.chars().count(),
        });
        let mut usage =
            json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion});
        match vendor {
            "groq" => usage["total_time"] = json!(0.25),
            // 2 and 10 dollars for a million tokens.
            "xai" => usage["cost_in_usd_ticks"] = json!(prompt * 20_000 + completion * 100_000),
            _ => {}
        }
        let created = world.now.as_second();
        let given = Given { id, model: model.to_owned(), created, reply, finish, usage, request };
        let mut shown = if vendor == "xai" && body["deferred"] == true {
            self.put_off(world, &given)
        } else if body["stream"] == true {
            typed(200, "text/event-stream", given.streamed(vendor, body["stream_options"]["include_usage"] == true))
        } else {
            answer(200, &given.whole(vendor))
        };
        let limits = [("x-ratelimit-remaining-requests", "9999"), ("x-ratelimit-reset-requests", "8.64s")];
        let limits = limits.into_iter().filter(|_| vendor != "xai");
        for (name, value) in limits.chain([("x-request-id", given.request.as_str())]) {
            if let Ok(value) = HeaderValue::from_str(value) {
                shown.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        Ok(shown)
    }

    fn put_off(&mut self, world: &World, given: &Given) -> Response<Bytes> {
        let ready = after(world.now, std::time::Duration::from_millis(LATER));
        self.later.insert(given.request.clone(), (ready, given.whole(self.vendor)));
        if self.later.len() > KEPT {
            self.later.pop_first();
        }
        answer(200, &json!({"request_id": given.request}))
    }

    fn fetch(&mut self, world: &World, ask: &Ask<'_>) -> Response<Bytes> {
        let id = ask.path.last().map_or("", String::as_str);
        match self.later.get(id).map(|(ready, _)| *ready <= world.now) {
            None => error(self.vendor, 404, "not_found", "No such deferred completion."),
            Some(false) => typed(202, "application/json", String::new()),
            Some(true) => answer(200, &self.later.remove(id).map_or(Value::Null, |(_, whole)| whole)),
        }
    }
}

impl Given {
    fn whole(&self, vendor: &str) -> Value {
        let Self { id, model, created, finish, usage, .. } = self;
        let message = match &self.reply {
            Reply::Text(words) => json!({"role": "assistant", "content": words, "refusal": null}),
            Reply::Call { id, name, arguments } => {
                let call = json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
                json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call]})
            }
        };
        let mut shown = json!({
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
            "usage": usage,
        });
        if vendor == "groq" {
            shown["x_groq"] = json!({"id": self.request});
        }
        shown
    }
    fn streamed(&self, vendor: &str, wants_usage: bool) -> String {
        let Self { id, model, created, finish, usage, request, .. } = self;
        let event = |mut more: Value| {
            more["id"] = json!(id);
            more["object"] = json!("chat.completion.chunk");
            more["created"] = json!(created);
            more["model"] = json!(model);
            format!("data: {more}\n\n")
        };
        let chunk =
            |delta: Value, finish: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        let mut deltas = vec![json!({"role": "assistant", "content": ""})];
        match &self.reply {
            Reply::Text(words) => deltas.extend(words.split_inclusive(' ').map(|piece| json!({"content": piece}))),
            // xAI gives a call whole, without its index.
            Reply::Call { id, name, arguments } if vendor == "xai" => {
                let function = json!({"name": name, "arguments": arguments});
                deltas.push(json!({"tool_calls": [{"id": id, "type": "function", "function": function}]}));
            }
            Reply::Call { id, name, arguments } => {
                let function = json!({"name": name, "arguments": ""});
                let first = json!({"index": 0, "id": id, "type": "function", "function": function});
                deltas.push(json!({"tool_calls": [first]}));
                let part = |part: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": part}}]});
                deltas.extend(arguments.split_inclusive(['"', ' ']).map(part));
            }
        }
        let mut events: Vec<_> = deltas.into_iter().map(|delta| chunk(delta, Value::Null)).collect();
        let mut last = chunk(json!({}), json!(finish));
        if vendor == "groq" {
            events[0]["x_groq"] = json!({"id": request});
            last["x_groq"] = json!({"id": request, "usage": usage});
        }
        events.push(last);
        if wants_usage {
            events.push(json!({"choices": [], "usage": usage}));
        }
        events.into_iter().map(event).collect::<String>() + "data: [DONE]\n\n"
    }
}

/// A text said, in the format asked for.
fn speak(vendor: &str, body: &Value) -> Result<Response<Bytes>, Refusal> {
    let said = text(body, "input").ok_or(("missing_input", "input is required."))?;
    let voice = text(body, "voice").ok_or(("missing_voice", "voice is required."))?;
    if (vendor == "groq") != voice.ends_with("-PlayAI") {
        return Err(("invalid_voice", "The voice is not one of ours."));
    }
    if said.chars().count() > if vendor == "groq" { 10_000 } else { 4096 } {
        return Err(("string_above_max_length", "input is too long."));
    }
    let speed = body["speed"].as_f64().unwrap_or(1.0);
    // Two of the adapters' three digits would do; a wrong speed is refused, never guessed.
    let speed = format!("{:.0}", speed * 1000.0).parse().ok().filter(|speed| (250..=5000).contains(speed));
    let speed_milli = speed.ok_or(("invalid_speed", "speed is out of range."))?;
    let format = text(body, "response_format").unwrap_or(if vendor == "groq" { "wav" } else { "mp3" });
    let offered: &[&str] = if vendor == "groq" { &["mp3", "mulaw", "wav"] } else { &["mp3", "opus", "wav", "pcm"] };
    let rate = body["sample_rate"].as_u64().filter(|_| vendor == "groq").and_then(|rate| u32::try_from(rate).ok());
    let rate = rate.filter(|rate| (8000..=48_000).contains(rate)).unwrap_or(24_000);
    let made = offered.contains(&format).then(|| audio(Voice { text: said, speed_milli }, format, rate)).flatten();
    let (kind, bytes) = made.ok_or(("invalid_format", "The sandbox does not make that format."))?;
    let mut shown = Response::new(bytes);
    shown.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(shown)
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
