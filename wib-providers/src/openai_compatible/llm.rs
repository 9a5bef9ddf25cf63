//! Chat completions, whole, streamed and for later.

use std::collections::VecDeque;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use http::Method;
use serde_json::Value;
use wib_core::{
    kit::Timestamp,
    ports::{
        Fault, Llm, Sent, VendorError,
        llm::{
            BILLED, Completion, Finish, LlmStream, MOST_ANSWER, MOST_TOOL_CALLS, Piece, Prompt, ToolCall, Turn, pieces,
        },
    },
};

use super::{
    Dialect,
    wire::{Call, ChatReply, ChatRequest, Choice, Deferred, Reply, Usage, words},
};
use crate::{
    http::{Client, mask},
    prices::{Ability, Price, book, model},
    sse::Events,
};

/// A language model behind the chat wire.
#[derive(Debug)]
pub struct Chat {
    dialect: Dialect,
    client: Client,
    model: String,
    tier: Option<String>,
    strict: bool,
    live: bool,
}

impl Chat {
    pub(super) fn new(dialect: Dialect, client: Client, model: String, tier: Option<String>, live: bool) -> Self {
        let known = crate::prices::model(dialect.vendor, &model);
        let strict = known.map_or(dialect.strict, |known| known.can.contains(&Ability::JsonSchemaStrict));
        Self { dialect, client, model, tier, strict, live }
    }
    fn request<'a>(&'a self, prompt: &'a Prompt) -> Result<ChatRequest<'a>, VendorError> {
        prompt.check(self.dialect.vendor)?;
        let known = model(self.dialect.vendor, &self.model);
        if !prompt.tools.is_empty() && known.is_some_and(|known| !known.can.contains(&Ability::Tools)) {
            return Err(self.client.fault(Fault::Request, Sent::No, "the model calls no tools"));
        }
        Ok(ChatRequest::new(&self.dialect, &self.model, self.strict, self.tier.as_deref(), prompt))
    }
    fn asked(&self, prompt: &Prompt) -> Asked {
        Asked {
            dialect: self.dialect,
            client: self.client.clone(),
            model: self.model.clone(),
            live: self.live,
            tools: prompt.tools.iter().map(|tool| tool.name).collect(),
            json: prompt.schema.is_some(),
            at: self.client.now(),
        }
    }
    /// Asks for an answer that may take long; gives the id under which it [will lie](Self::deferred) for a day. Only xAI
    /// knows this.
    ///
    /// # Errors
    /// As [`Llm::complete`].
    pub async fn defer(&self, prompt: &Prompt) -> Result<String, VendorError> {
        self.xai_only()?;
        let request = self.request(prompt)?.deferred();
        let answer = self.client.ask("defer", Method::POST, "/chat/completions").json(&request).send().await?;
        Ok(answer.json::<Deferred>()?.request_id)
    }
    /// The answer to a prompt that was put off; `None` while it is being made.
    ///
    /// # Errors
    /// As [`Llm::complete`]; [`Fault::Missing`] for an id that is unknown, or was fetched before.
    pub async fn deferred(&self, request_id: &str, prompt: &Prompt) -> Result<Option<Completion>, VendorError> {
        self.xai_only()?;
        let ask = self.client.ask("deferred", Method::GET, "/chat/deferred-completion/{}").fill(request_id);
        let answer = ask.send().await?;
        if answer.status == 202 {
            return Ok(None);
        }
        self.asked(prompt).whole(answer.json()?, answer.request_id.clone()).map(Some)
    }
    fn xai_only(&self) -> Result<(), VendorError> {
        match self.dialect.vendor {
            "xai" => Ok(()),
            _ => Err(self.client.fault(Fault::Request, Sent::No, "only xAI answers later")),
        }
    }
}

#[async_trait]
impl Llm for Chat {
    fn vendor(&self) -> &'static str {
        self.dialect.vendor
    }
    fn live(&self) -> bool {
        self.live
    }
    fn quote(&self, prompt: &Prompt) -> Option<i64> {
        // A token is a byte at least; what stands around each turn is counted in.
        let about = |value: &Value| value.to_string().len() + 64;
        let turn = |turn: &Turn| match turn {
            Turn::Theirs(text) => text.fenced().len(),
            Turn::Ours(words) => words.len(),
            Turn::Result { call_id, text } => call_id.len() + text.fenced().len(),
            Turn::Model { text, tool_calls } => {
                let call = |call: &ToolCall| call.id.len() + call.name.len() + about(&call.arguments);
                text.len() + tool_calls.iter().map(call).sum::<usize>()
            }
        };
        let tools = prompt.tools.iter().map(|tool| tool.name.len() + tool.about.len() + about(&tool.parameters));
        let turns = prompt.turns.iter().map(|one| turn(one) + 64);
        let read =
            prompt.instructions.len() + 64 + turns.chain(tools).chain(prompt.schema.iter().map(about)).sum::<usize>();
        let price = Price::of(self.dialect.vendor, &self.model, self.client.now())?;
        price.tokens_rounded_up(i64::try_from(read).ok()?, 0, prompt.max_tokens.into())
    }
    fn reasons(&self) -> bool {
        self.dialect.reasons
    }
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError> {
        let request = self.request(prompt)?;
        let asked = self.asked(prompt);
        let answer = self.client.ask("complete", Method::POST, "/chat/completions").json(&request).send().await?;
        asked.whole(answer.json()?, answer.request_id.clone())
    }
    async fn stream(&self, prompt: &Prompt) -> Result<LlmStream, VendorError> {
        let request = self.request(prompt)?.streamed(&self.dialect);
        let asked = self.asked(prompt);
        let flow = self.client.ask("stream", Method::POST, "/chat/completions").json(&request).open().await?;
        if !flow.is("text/event-stream") {
            // An error of xAI, or somebody between us who does not stream.
            let answer = flow.whole().await?;
            return Ok(pieces(asked.whole(answer.json()?, answer.request_id.clone())?));
        }
        let reading = Reading { asked, events: Events::new(flow), said: Gathered::default(), ready: VecDeque::new() };
        let flowing = stream::try_unfold(Some(reading), |reading| async move {
            let Some(mut reading) = reading else { return Ok(None) };
            let piece = reading.next().await?;
            let done = matches!(piece, Piece::Done(_));
            Ok(Some((piece, (!done).then_some(reading))))
        });
        Ok(flowing.boxed())
    }
}

/// What is known of a question while its answer comes.
#[derive(Debug)]
struct Asked {
    dialect: Dialect,
    client: Client,
    model: String,
    live: bool,
    tools: Vec<&'static str>,
    json: bool,
    at: Timestamp,
}

/// What an answer has said so far.
#[derive(Default)]
struct Gathered {
    id: Option<String>,
    model: Option<String>,
    text: String,
    refused: bool,
    calls: Vec<(String, String, String)>,
    finish: Option<String>,
    usage: Option<Usage>,
    any: bool,
}

impl Gathered {
    /// Takes a part, which may be all, and gives what is new.
    fn take(
        &mut self,
        chat: ChatReply,
        failed: impl Fn(Fault, &str) -> VendorError,
    ) -> Result<Vec<Piece>, VendorError> {
        let ChatReply { id, model, choices, usage, x_groq } = chat;
        self.any |= !choices.is_empty();
        let (groq_id, groq_usage, groq_error) = x_groq.map_or((None, None, None), |x| (x.id, x.usage, x.error));
        if let Some(message) = groq_error {
            return Err(failed(Fault::Down, &mask(&message, 200)));
        }
        self.id = groq_id.or(self.id.take()).or(id);
        self.model = model.or(self.model.take());
        self.usage = usage.or(groq_usage).or(self.usage.take());
        let mut new = Vec::new();
        let Some(Choice { message, finish_reason }) = choices.into_iter().next() else { return Ok(new) };
        self.finish = finish_reason.or(self.finish.take());
        self.refused |= message.refusal.is_some_and(|words| !words.is_empty());
        if let Some(text) = message.content.filter(|text| !text.is_empty()) {
            self.text.push_str(&text);
            new.push(Piece::Text(text));
        }
        for call in message.tool_calls.into_iter().flatten() {
            new.push(self.call(call).ok_or_else(|| failed(Fault::Nonsense, "more calls of tools than allowed"))?);
        }
        let arguments: usize = self.calls.iter().map(|(.., arguments)| arguments.len()).sum();
        if self.text.len() > MOST_ANSWER || arguments > MOST_ANSWER {
            return Err(failed(Fault::Nonsense, "the answer is larger than allowed"));
        }
        Ok(new)
    }
    fn call(&mut self, call: Call) -> Option<Piece> {
        let function = call.function.unwrap_or_default();
        // xAI gives calls whole, without an index.
        let same = || self.calls.iter().position(|(id, ..)| Some(id) == call.id.as_ref());
        let index = call.index.or_else(same).unwrap_or(self.calls.len());
        if index >= MOST_TOOL_CALLS {
            return None;
        }
        if index >= self.calls.len() {
            self.calls.resize_with(index + 1, Default::default);
        }
        let (id, name, arguments) = &mut self.calls[index];
        let first = |known: &mut String, said: Option<String>| {
            let said = said.filter(|said| !said.is_empty() && known.is_empty())?;
            known.clone_from(&said);
            Some(said)
        };
        let (new_id, new_name) = (first(id, call.id), first(name, function.name));
        let more = function.arguments.unwrap_or_default();
        arguments.push_str(&more);
        Some(Piece::ToolCall { index, id: new_id, name: new_name, arguments: more })
    }
}

impl Asked {
    fn failed(&self, sent: Sent, request_id: Option<&str>, fault: Fault, message: &str) -> VendorError {
        let error = self.client.fault(fault, sent, message);
        VendorError { status: Some(200), request_id: request_id.map(str::to_owned), ..error }
    }
    /// An error that came with a 200.
    fn refusal(&self, sent: Sent, request_id: Option<&str>, body: &Value) -> VendorError {
        let words = words(200, body);
        match words.message {
            None => self.failed(sent, request_id, Fault::Nonsense, "neither an answer nor an error"),
            Some(message) => {
                let fault = words.fault.unwrap_or(Fault::Down);
                VendorError { code: words.code, ..self.failed(sent, request_id, fault, &self.client.said(&message)) }
            }
        }
    }
    /// An answer that came in one piece.
    fn whole(&self, reply: Reply, request_id: Option<String>) -> Result<Completion, VendorError> {
        let chat = match reply {
            Reply::Chat(chat) => chat,
            Reply::Refusal(body) => return Err(self.refusal(Sent::Refused, request_id.as_deref(), &body)),
        };
        let mut said = Gathered::default();
        said.take(chat, |fault, message| self.failed(Sent::Refused, request_id.as_deref(), fault, message))?;
        self.completion(said, request_id)
    }
    fn completion(&self, said: Gathered, request_id: Option<String>) -> Result<Completion, VendorError> {
        let failed = |fault, message: &str| self.failed(Sent::Refused, request_id.as_deref(), fault, message);
        let cut = said.finish.as_deref() == Some("length");
        if !said.any {
            return Err(failed(Fault::Nonsense, "no choice in the answer"));
        }
        if cut && (self.json || !said.calls.is_empty()) {
            return Err(failed(Fault::Nonsense, "the JSON was cut at the most tokens"));
        }
        // A refusal's words may quote the text, so they stay out.
        if said.refused || (said.text.is_empty() && said.calls.is_empty()) {
            return Err(failed(Fault::Request, "the model declined to answer"));
        }
        let mut tool_calls = Vec::new();
        for (id, name, arguments) in said.calls {
            if id.is_empty() || !self.tools.contains(&name.as_str()) {
                return Err(failed(Fault::Nonsense, "a call of a tool that was not offered"));
            }
            let arguments = if arguments.trim().is_empty() { "{}" } else { &arguments };
            let arguments = serde_json::from_str(arguments).ok().filter(Value::is_object);
            let arguments =
                arguments.ok_or_else(|| failed(Fault::Nonsense, "arguments of a tool that are no object"))?;
            tool_calls.push(ToolCall { id, name, arguments });
        }
        let finish = match said.finish.as_deref() {
            // Some say that they stopped, for the tools.
            _ if !tool_calls.is_empty() => Finish::ToolCalls,
            None | Some("stop" | "end_turn") => Finish::Stop,
            Some("length") => Finish::Length,
            Some("content_filter") => Finish::Filtered,
            Some(other) => Finish::Other(other.chars().take(60).collect()),
        };
        let usage = said.usage.as_ref();
        let cached = usage.and_then(|usage| usage.prompt_tokens_details.as_ref()?.cached_tokens).unwrap_or(0);
        let (cost_micros, price_book) = usage.and_then(|usage| self.cost(usage, cached)).unzip();
        Ok(Completion {
            vendor: self.dialect.vendor.to_owned(),
            model: said.model.unwrap_or_else(|| self.model.clone()),
            text: said.text,
            tool_calls,
            finish,
            input_tokens: usage.map_or(0, |u| u.prompt_tokens),
            cached_tokens: cached,
            output_tokens: usage.map_or(0, |u| u.completion_tokens),
            cost_micros,
            price_book,
            request_id: request_id.or(said.id),
            live: self.live,
        })
    }
    /// What it cost, and who says so.
    fn cost(&self, usage: &Usage, cached: i64) -> Option<(i64, String)> {
        // 10,000 ticks are a millionth of a dollar; a part of one counts as a whole.
        if let Some(ticks) = usage.cost_in_usd_ticks.filter(|ticks| *ticks >= 0) {
            return Some((ticks.div_euclid(10_000) + i64::from(ticks % 10_000 > 0), BILLED.to_owned()));
        }
        let price = Price::of(self.dialect.vendor, &self.model, self.at)?;
        let cost = price.tokens_rounded_up(usage.prompt_tokens, cached, usage.completion_tokens)?;
        Some((cost, book().version.clone()))
    }
}

/// An answer on its way.
struct Reading {
    asked: Asked,
    events: Events,
    said: Gathered,
    ready: VecDeque<Piece>,
}

impl Reading {
    async fn next(&mut self) -> Result<Piece, VendorError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(piece);
            }
            match self.events.next().await {
                Ok(Some(data)) if data.trim() == "[DONE]" => return self.end(),
                Ok(Some(data)) => self.take(&data)?,
                // All was said; who hangs up now keeps the cost to himself.
                Ok(None) | Err(_) if self.said.finish.is_some() => return self.end(),
                Ok(None) => return Err(self.events.flow.failed(Fault::Down, "the stream was cut before its end")),
                Err(error) if error.fault == Fault::Down => {
                    return Err(VendorError { message: "the stream was cut before its end".to_owned(), ..error });
                }
                Err(error) => return Err(error),
            }
        }
    }
    fn take(&mut self, data: &str) -> Result<(), VendorError> {
        let flow = &self.events.flow;
        let reply = serde_json::from_str(data).map_err(|_| flow.failed(Fault::Nonsense, "an event that is no JSON"))?;
        match reply {
            Reply::Chat(chat) => {
                self.ready.extend(self.said.take(chat, |fault, message| flow.failed(fault, message))?);
                Ok(())
            }
            Reply::Refusal(body) => {
                let sent = if self.said.any { Sent::Unknown } else { Sent::Refused };
                Err(self.asked.refusal(sent, flow.request_id.as_deref(), &body))
            }
        }
    }
    fn end(&mut self) -> Result<Piece, VendorError> {
        let said = std::mem::take(&mut self.said);
        let whole = self.asked.completion(said, self.events.flow.request_id.clone())?;
        Ok(Piece::Done(Box::new(whole)))
    }
}
