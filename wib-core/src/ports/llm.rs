//! Asking a language model.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fault, Sent, VendorError};
use crate::{ai::Guarded, text_enum};

/// Most turns of a conversation.
pub const MOST_TURNS: usize = 400;
/// Most tools offered at once.
pub const MOST_TOOLS: usize = 128;
/// Most calls of tools in one answer; an answer with more is [`Fault::Nonsense`].
pub const MOST_TOOL_CALLS: usize = 32;
/// Most bytes of an answer's text, and of the arguments of all its calls together.
pub const MOST_ANSWER: usize = 1 << 20;

/// A language model, or a chain of them.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Llm: Send + Sync + std::fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// One answer to one prompt.
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError>;
    /// The same answer, piece by piece as it is made. A model that cannot stream gives all of it at once.
    async fn stream(&self, prompt: &Prompt) -> Result<LlmStream, VendorError> {
        Ok(pieces(self.complete(prompt).await?))
    }
    /// Most that an answer can cost, in millionths of a US dollar; `None` when its price is not known. Asks nobody.
    fn quote(&self, _prompt: &Prompt) -> Option<i64> {
        None
    }
    /// Whether it is fit for complex tasks ([`Task::complex`]) as well.
    fn reasons(&self) -> bool {
        true
    }
}

text_enum! {
    /// What a prompt is for. It decides who is asked.
    pub enum Task {
        /// A text into another language.
        Translation = "translation",
        /// How somebody feels.
        Sentiment = "sentiment_analysis",
        /// A question with one plain answer.
        SimpleChat = "simple_chat",
        /// What a text says, shorter.
        Summarization = "summarization",
        /// Talk with the assistant.
        Chat = "bond_ai_chat",
        /// Whether a call was lawful.
        Compliance = "compliance_analysis",
        /// Why something is so, or what to do about it.
        Reasoning = "complex_reasoning",
    }
}

impl Task {
    /// From this complexity on a task is complex.
    pub const COMPLEX: u8 = 7;
    /// How much it asks of a model, 0 to 10.
    #[must_use]
    pub const fn complexity(self) -> u8 {
        match self {
            Self::Translation | Self::Sentiment => 2,
            Self::SimpleChat => 3,
            Self::Summarization => 5,
            Self::Chat => 6,
            Self::Compliance | Self::Reasoning => 9,
        }
    }
    /// Whether not every model is fit for it.
    #[must_use]
    pub const fn complex(self) -> bool {
        self.complexity() >= Self::COMPLEX
    }
    /// What a question to the assistant is, by its words: what asks for a number or a list is simple whatever else it
    /// holds; what asks why or what to do is complex; the rest is talk. English words only: another language is talk.
    #[must_use]
    pub fn of_question(question: &str) -> Self {
        const SIMPLE: &[&str] = &[
            "how many calls",
            "what is the",
            "what is my",
            "show me",
            "list",
            "get",
            "find",
            "total",
            "count",
            "status of",
        ];
        const COMPLEX: &[&str] = &[
            "why",
            "how can",
            "how should",
            "how would",
            "recommend",
            "suggest",
            "compare",
            "analyze",
            "analyse",
            "explain",
            "what if",
            "strategy",
            "optimize",
            "optimise",
        ];
        // Whole words: "get" is not in "target".
        let words = question.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let line = words.fold(String::from(" "), |line, word| line + &word.to_lowercase() + " ");
        let holds = |phrases: &[&str]| phrases.iter().any(|phrase| line.contains(&format!(" {phrase} ")));
        match (holds(SIMPLE), holds(COMPLEX)) {
            (true, _) => Self::SimpleChat,
            (_, true) => Self::Reasoning,
            _ => Self::Chat,
        }
    }
}

/// How a chain is to go about a prompt. A single model knows nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Who is asked first, by vendor, whatever the task; `None`: as the task says.
    pub first: Option<String>,
    /// Only the first is asked; nobody follows.
    pub alone: bool,
    /// Somebody waits on a line: less patience.
    pub live: bool,
    /// Most that everybody asked may cost together, in millionths of a US dollar. Whose price is not known, is not asked.
    pub budget: Option<i64>,
}

/// An answer as it comes. The last item is [`Piece::Done`] or an error, never silence; what came before an error is the
/// caller's to keep.
pub type LlmStream = BoxStream<'static, Result<Piece, VendorError>>;

/// A whole answer as a stream.
#[must_use]
pub fn pieces(completion: Completion) -> LlmStream {
    let text = (!completion.text.is_empty()).then(|| Piece::Text(completion.text.clone()));
    let calls = completion.tool_calls.iter().enumerate().map(|(index, call)| Piece::ToolCall {
        index,
        id: Some(call.id.clone()),
        name: Some(call.name.clone()),
        arguments: call.arguments.to_string(),
    });
    let all: Vec<_> = text.into_iter().chain(calls).collect();
    stream::iter(all.into_iter().chain([Piece::Done(Box::new(completion))]).map(Ok)).boxed()
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// More of the text.
    Text(String),
    /// More of a call of a tool. Only [`Completion::tool_calls`] is fit to be acted on.
    ToolCall {
        /// Which call of this answer, from 0.
        index: usize,
        /// The call's id, in its first piece.
        id: Option<String>,
        /// The tool's name, in its first piece.
        name: Option<String>,
        /// More of the arguments' JSON text.
        arguments: String,
    },
    /// The end: the whole answer, as [`Llm::complete`] gives it.
    Done(Box<Completion>),
}

/// What a model is asked: our instructions, and other people's text, which only passes guarded.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Our own words. Never holds text from outside.
    pub instructions: &'static str,
    /// What was said so far, oldest first.
    pub turns: Vec<Turn>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it is to call something.
    pub tool_choice: ToolChoice,
    /// The answer's JSON schema, when it must be JSON.
    pub schema: Option<Value>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Temperature in thousandths (300 is 0.3).
    pub temperature_milli: u32,
    /// What it is for.
    pub task: Task,
    /// How a chain is to go about it.
    pub route: Route,
}

impl Prompt {
    /// One question: our instructions, and a text from outside (a transcript). At most 1000 tokens, temperature 0.7.
    #[must_use]
    pub fn new(instructions: &'static str, data: Guarded) -> Self {
        Self {
            instructions,
            turns: vec![Turn::Theirs(data)],
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            schema: None,
            max_tokens: 1000,
            temperature_milli: 700,
            task: Task::Chat,
            route: Route::default(),
        }
    }
    /// Every text from outside, oldest first.
    pub fn guarded(&self) -> impl Iterator<Item = &Guarded> {
        self.turns.iter().filter_map(|turn| match turn {
            Turn::Theirs(text) | Turn::Result { text, .. } => Some(text),
            Turn::Model { .. } | Turn::Ours(_) => None,
        })
    }
    /// Whether a vendor can be asked this; every adapter asks first.
    ///
    /// # Errors
    /// [`Fault::Request`] naming what is wrong: no turn or too many, too many tools, a tool's name that is no name or is
    /// there twice, a result that answers no open call, a call without its result.
    pub fn check(&self, vendor: &'static str) -> Result<(), VendorError> {
        let wrong = |message: &str| Err(VendorError::new(vendor, Fault::Request, Sent::No, message));
        if self.turns.is_empty() || self.turns.len() > MOST_TURNS {
            return wrong("a prompt has 1 to 400 turns");
        }
        if self.tools.len() > MOST_TOOLS {
            return wrong("a prompt has at most 128 tools");
        }
        if self.tools.is_empty() && self.tool_choice == ToolChoice::Must {
            return wrong("there is no tool to call");
        }
        let fit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let mut names = BTreeSet::new();
        for tool in &self.tools {
            if tool.name.is_empty() || tool.name.len() > 64 || !tool.name.chars().all(fit) || !names.insert(tool.name) {
                return wrong("the name of a tool is not one, or is there twice");
            }
        }
        let mut open = BTreeSet::new();
        for turn in &self.turns {
            match turn {
                Turn::Result { call_id, .. } if !open.remove(call_id) => {
                    return wrong("a result answers no open call of a tool");
                }
                Turn::Theirs(_) | Turn::Ours(_) | Turn::Model { .. } if !open.is_empty() => {
                    return wrong("a call of a tool has no result");
                }
                Turn::Model { tool_calls, .. } => open.extend(tool_calls.iter().map(|call| &call.id)),
                Turn::Result { .. } | Turn::Theirs(_) | Turn::Ours(_) => {}
            }
        }
        if open.is_empty() { Ok(()) } else { wrong("a call of a tool has no result") }
    }
}

/// What one side said.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Somebody outside, or a text from outside: redacted, sanitised and fenced.
    Theirs(Guarded),
    /// We, in the middle of it. Never holds text from outside.
    Ours(&'static str),
    /// The model itself, earlier: [`Completion::turn`].
    Model {
        /// What it said.
        text: String,
        /// What it called; each call must have its [`Result`](Turn::Result) before anybody else speaks.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool gave back. It may hold other people's text, so it passes guarded too.
    Result {
        /// Which call it answers: [`ToolCall::id`].
        call_id: String,
        /// What came of it.
        text: Guarded,
    },
}

/// Something the model may call. Our own words: never holds text from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name: up to 64 letters, digits, `_` and `-`.
    pub name: &'static str,
    /// What it does and when to call it.
    pub about: &'static str,
    /// The JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// Whether the model is to call a tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it sees fit.
    #[default]
    Auto,
    /// It must call one.
    Must,
    /// It must not, though it may have before.
    MustNot,
}

/// A call that the model asks for. The tool is one that was offered and the arguments are a JSON object; whether they fit
/// the tool's schema is for the tool to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The vendor's id of the call.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// With what.
    pub arguments: Value,
}

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finish {
    /// It was complete.
    #[default]
    Stop,
    /// The most tokens were reached: the end is missing.
    Length,
    /// It waits for the results of tools.
    ToolCalls,
    /// The vendor held the rest back.
    Filtered,
    /// In a way of the vendor's own.
    Other(String),
}

/// A model's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// Which vendor answered.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// What it said; may be empty beside calls of tools.
    pub text: String,
    /// What it wants called, in its order.
    #[serde(default)]
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended.
    #[serde(default)]
    pub finish: Finish,
    /// Tokens read.
    pub input_tokens: i64,
    /// Those among them that the vendor had read before, and sells cheaper.
    #[serde(default)]
    pub cached_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// Millionths of a US dollar; `None` when the price is unknown.
    pub cost_micros: Option<i64>,
    /// Version of the price book the cost was taken from, or [`BILLED`]; `None` without a cost.
    pub price_book: Option<String>,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// False when a sandbox answered.
    pub live: bool,
}

/// Stands for a price book where the vendor itself said what it charged.
pub const BILLED: &str = "billed";

impl Completion {
    /// The answer as a turn of the conversation that goes on.
    #[must_use]
    pub fn turn(&self) -> Turn {
        Turn::Model { text: self.text.clone(), tool_calls: self.tool_calls.clone() }
    }
}
