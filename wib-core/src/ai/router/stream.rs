use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use futures_util::stream::{self, StreamExt};

use super::{Answer, Decision, Inner, Opened, Routed, Turn, joint::Joint, lock, nobody, usable};
use crate::{
    kit::time,
    ports::{
        Fault, Sent, VendorError,
        llm::{Completion, LlmStream, Piece, Prompt, Turn as Said},
    },
};

const GO_ON: &str = "Your last message broke off in transmission. Write only the words that follow it, so that both \
together read as one answer. Do not repeat, introduce or comment. If it broke off inside a word, begin with that whole word.";

/// A stream that several models may write, one after another.
struct Running {
    inner: Arc<Inner>,
    prompt: Prompt,
    /// Who is left to be asked.
    able: VecDeque<usize>,
    decision: Arc<Mutex<Decision>>,
    at: Option<Speaking>,
    said: String,
    /// Where one went on from another: costs and counts are of the last alone.
    patched: bool,
    called: bool,
    ready: VecDeque<Piece>,
    last: VendorError,
    /// What the text broke off with, when it did.
    cut: Option<VendorError>,
    ended: bool,
}

/// Who speaks now.
struct Speaking {
    target: usize,
    stream: LlmStream,
    turn: Turn,
    joint: Option<Joint>,
    spoke: bool,
}

/// Begins a stream: it is given once somebody has said something.
pub(super) async fn open(inner: &Arc<Inner>, prompt: &Prompt) -> Result<Opened, Box<Routed>> {
    let (decision, able) = inner.plan(prompt);
    let last = nobody(&decision);
    let decision = Arc::new(Mutex::new(decision));
    let mut running = Running {
        inner: inner.clone(),
        prompt: prompt.clone(),
        able: able.into(),
        decision: decision.clone(),
        at: None,
        said: String::new(),
        patched: false,
        called: false,
        ready: VecDeque::new(),
        last,
        cut: None,
        ended: false,
    };
    match running.next().await {
        Some(Ok(piece)) => {
            let rest = stream::unfold(running, |mut running| async move { Some((running.next().await?, running)) });
            let stream = stream::iter([Ok(piece)]).chain(rest).boxed();
            Ok(Opened { stream, decision })
        }
        Some(Err(error)) => {
            let decision = lock(&decision).clone();
            let refused = decision.attempts.last().is_some_and(|attempt| !attempt.outcome.carries_on());
            let answer = if refused { Answer::Refused(error) } else { Answer::Degraded(error) };
            Err(Box::new(Routed { answer, decision }))
        }
        None => Err(Box::new(Routed { answer: Answer::Degraded(running.last), decision: lock(&decision).clone() })),
    }
}

impl Running {
    /// The next piece; the last one is the whole answer or an error.
    async fn next(&mut self) -> Option<Result<Piece, VendorError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                self.ended |= matches!(piece, Piece::Done(_));
                return Some(Ok(piece));
            }
            if self.ended {
                return None;
            }
            let outcome = match self.at.take() {
                None => self.begin().await,
                Some(speaking) => self.listen(speaking).await,
            };
            if let Err(error) = outcome {
                self.finish("degraded");
                return Some(Err(error));
            }
        }
    }
    fn finish(&mut self, word: &'static str) {
        self.ended = true;
        let mut decision = lock(&self.decision);
        decision.latency_ms = self.inner.since(decision.at);
        metrics::counter!("wib_llm_routed_total", "task" => decision.task.as_str(), "outcome" => word).increment(1);
    }
    /// Asks the next one, with what was said so far.
    async fn begin(&mut self) -> Result<(), VendorError> {
        let inner = self.inner.clone();
        let Some(at) = self.able.pop_front() else {
            // A text that stops short says what it broke off with; that nobody went on is in the record.
            return Err(self.cut.take().unwrap_or_else(|| self.last.clone()));
        };
        let target = &inner.targets[at];
        let turn = match inner.enter(target) {
            Ok(turn) => turn,
            Err(error) => {
                self.last = inner.busy(&mut lock(&self.decision), target, error);
                return Ok(());
            }
        };
        let mut prompt = self.prompt.clone();
        if !self.said.is_empty() {
            prompt.turns.push(Said::Model { text: self.said.clone(), tool_calls: vec![] });
            prompt.turns.push(Said::Ours(GO_ON));
        }
        match inner.patient(&prompt, target, || target.llm.stream(&prompt)).await {
            Ok(stream) => {
                let joint = (!self.said.is_empty()).then(|| Joint::new(&self.said));
                self.at = Some(Speaking { target: at, stream, turn, joint, spoke: false });
                Ok(())
            }
            Err(error) => self.failed(at, turn, error, false),
        }
    }
    /// Hears one piece.
    async fn listen(&mut self, mut speaking: Speaking) -> Result<(), VendorError> {
        let vendor = self.inner.targets[speaking.target].llm.vendor();
        let broken = |fault, why: &str| Err(VendorError::new(vendor, fault, Sent::Unknown, why));
        let limit = self.inner.limit(&self.prompt);
        let piece = match time::timeout(&*self.inner.clock, limit, speaking.stream.next()).await {
            Some(Some(piece)) => piece,
            Some(None) => broken(Fault::Nonsense, "the stream ended without an end"),
            None => broken(Fault::Timeout, "the stream fell silent"),
        };
        match piece {
            Ok(Piece::Text(text)) => {
                speaking.spoke = true;
                let text = match &mut speaking.joint {
                    None => Some(text),
                    Some(joint) => joint.push(&text),
                };
                if let Some(text) = text {
                    speaking.joint = None;
                    self.say(text);
                }
                self.at = Some(speaking);
            }
            Ok(call @ Piece::ToolCall { .. }) => {
                (self.called, speaking.spoke) = (true, true);
                self.settle(&mut speaking);
                self.ready.push_back(call);
                self.at = Some(speaking);
            }
            Ok(Piece::Done(completion)) => {
                self.settle(&mut speaking);
                // What others wrote before is part of the answer, and what they cost is not in its price.
                match usable(&self.prompt, vendor, Completion { text: self.said.clone(), ..*completion }) {
                    Ok(completion) => self.done(speaking, completion),
                    Err(error) => return self.failed(speaking.target, speaking.turn, error, speaking.spoke),
                }
            }
            Err(error) => return self.failed(speaking.target, speaking.turn, error, speaking.spoke),
        }
        Ok(())
    }
    fn done(&mut self, speaking: Speaking, mut completion: Completion) {
        let target = &self.inner.targets[speaking.target];
        self.inner.answered(&mut lock(&self.decision), &self.prompt, target, speaking.turn, &completion);
        if self.patched {
            (completion.cost_micros, completion.price_book) = (None, None);
        }
        self.finish("answered");
        // It is ended once the last piece is taken.
        self.ended = false;
        self.ready.push_back(Piece::Done(Box::new(completion)));
    }
    /// Says what was held back at the seam.
    fn settle(&mut self, speaking: &mut Speaking) {
        if let Some(joint) = speaking.joint.take() {
            self.say(joint.settle());
        }
    }
    fn say(&mut self, text: String) {
        if !text.is_empty() {
            self.said.push_str(&text);
            self.ready.push_back(Piece::Text(text));
        }
    }
    /// The next one goes on, where that can be.
    fn failed(&mut self, at: usize, turn: Turn, error: VendorError, spoke: bool) -> Result<(), VendorError> {
        let inner = self.inner.clone();
        let target = &inner.targets[at];
        let outcome = inner.failed(&mut lock(&self.decision), &self.prompt, target, turn, &error, spoke);
        self.patched |= spoke;
        // Half a call of a tool, and half a JSON text, are nothing that another can go on with.
        let can = !self.called && (self.said.is_empty() || self.prompt.schema.is_none());
        if !outcome.carries_on() || !can {
            return Err(error);
        }
        if spoke {
            self.cut.get_or_insert_with(|| error.clone());
        }
        self.last = error;
        Ok(())
    }
}
