//! A language model in memory.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use serde_json::{Map, Value, json};

use crate::ports::{
    Fault, Llm, Sent, VendorError,
    llm::{Completion, Finish, LlmStream, Piece, Prompt, ToolCall, ToolChoice, Turn, pieces},
};

/// Answers with the number of words it read, with the smallest JSON that fits the schema, or with a call of the first
/// tool; or with what it was [told](Self::answer) to.
#[derive(Debug, Default)]
pub struct FakeLlm(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    asked: Vec<Prompt>,
    scripted: VecDeque<Result<Completion, VendorError>>,
    cuts: u32,
}

impl FakeLlm {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Has the next prompt, in turn, answered like this.
    pub fn answer(&self, answer: Result<Completion, VendorError>) {
        self.state().scripted.push_back(answer);
    }
    /// Has the next stream break off after its first piece.
    pub fn cut(&self) {
        self.state().cuts += 1;
    }
    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Prompt> {
        self.state().asked.clone()
    }
}

#[async_trait]
impl Llm for FakeLlm {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError> {
        prompt.check(self.vendor())?;
        let mut state = self.state();
        state.asked.push(prompt.clone());
        state.scripted.pop_front().unwrap_or_else(|| Ok(reply(prompt)))
    }
    async fn stream(&self, prompt: &Prompt) -> Result<LlmStream, VendorError> {
        let whole = self.complete(prompt).await?;
        let mut state = self.state();
        if state.cuts > 0 {
            state.cuts -= 1;
            let error = VendorError::new("fake", Fault::Down, Sent::Unknown, "the stream was cut before its end");
            return Ok(stream::iter([Ok(Piece::Text("Und".to_owned())), Err(error)]).boxed());
        }
        Ok(pieces(whole))
    }
}

fn reply(prompt: &Prompt) -> Completion {
    let words: usize = prompt.guarded().map(|text| text.text().split_whitespace().count()).sum();
    let read = i64::try_from(words).unwrap_or(i64::MAX);
    let answered = matches!(prompt.turns.last(), Some(Turn::Result { .. }));
    let mut said = Completion {
        vendor: "fake".to_owned(),
        model: "fake-1".to_owned(),
        input_tokens: read,
        request_id: Some("fake-request".to_owned()),
        ..Completion::default()
    };
    match (prompt.tools.first(), prompt.tool_choice, &prompt.schema) {
        (Some(tool), ToolChoice::Must, _) if !answered => {
            let arguments = sample(&tool.parameters);
            said.tool_calls = vec![ToolCall { id: "call-1".to_owned(), name: tool.name.to_owned(), arguments }];
            said.finish = Finish::ToolCalls;
        }
        (_, _, Some(schema)) => said.text = sample(schema).to_string(),
        _ => said.text = format!("Understood: {words} words in {} turns.", prompt.turns.len()),
    }
    let most = usize::try_from(prompt.max_tokens).unwrap_or(usize::MAX);
    if said.text.split_whitespace().count() > most {
        said.text = said.text.split_inclusive(' ').take(most).collect();
        said.finish = Finish::Length;
    }
    said.output_tokens = i64::try_from(said.text.split_whitespace().count().max(1)).unwrap_or(i64::MAX);
    said
}

/// The smallest value that fits a JSON schema.
#[must_use]
pub fn sample(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].as_array()?.first()?.as_str());
    match kind {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let fields: Map<_, _> =
                required.map(|name| (name.to_owned(), sample(&schema["properties"][name]))).collect();
            Value::Object(fields)
        }
        Some("array") => json!([]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(0)),
        Some("boolean") => json!(false),
        Some("null") => Value::Null,
        _ => json!(""),
    }
}
