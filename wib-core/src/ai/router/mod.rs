//! Who answers a prompt: the chain of models by what a task asks, and what happens when one fails.

mod breaker;
mod decision;
mod joint;
mod stream;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::breaker::{Breaker, Leave};
pub use self::{
    breaker::Patience,
    decision::{Attempt, Decision, Outcome, Place, Skip},
};
use crate::{
    kit::{Clock, Random, time, time::Timestamp},
    ports::{
        Fault, Llm, Sent, VendorError,
        llm::{Completion, Finish, LlmStream, Prompt},
    },
};

/// How models are gone about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterPolicy {
    /// How long an answer of up to 1000 tokens, or the next piece of a stream, may take; a longer one in proportion, six
    /// times as long at most.
    pub timeout: Duration,
    /// The same while somebody waits on a line.
    pub live_timeout: Duration,
    /// Requests that are with one vendor at once; another is for the next vendor.
    pub at_once: usize,
    /// When a vendor is left alone.
    pub patience: Patience,
}
impl Default for RouterPolicy {
    /// Ten seconds, live five; 32 at once.
    fn default() -> Self {
        let (timeout, live_timeout) = (Duration::from_secs(10), Duration::from_secs(5));
        Self { timeout, live_timeout, at_once: 32, patience: Patience::default() }
    }
}

/// A model made of models: the one that suits the task first, the next one when it fails. When all do, the answer is
/// [`Answer::Degraded`], for the caller to go on without.
///
/// A task that is not complex goes to every model in their order; a complex one to those that [reason](Llm::reasons), or
/// to all when none does. One that fails in a way that the next may not is followed by the next; a wrong request is not.
/// What fails before it left, is asked a second time. A stream that breaks before its first piece is begun elsewhere and
/// nobody notices; one that breaks later is gone on with by the next model, without saying again what was said; where that
/// cannot be (tools were called, or the answer is JSON) it ends with the error, never in silence.
#[derive(Clone, Debug)]
pub struct Router(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    targets: Vec<Target>,
    policy: RouterPolicy,
}

#[derive(Debug)]
struct Target {
    llm: Arc<dyn Llm>,
    breaker: Arc<Breaker>,
    lanes: Arc<Semaphore>,
}

/// What came of a prompt.
#[derive(Clone, Debug)]
pub enum Answer {
    /// An answer.
    Answered(Box<Completion>),
    /// Everybody who may be asked failed or is left alone: go on without. The last failure.
    Degraded(VendorError),
    /// The request is wrong.
    Refused(VendorError),
}

/// What came of a prompt, and why.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The answer.
    pub answer: Answer,
    /// Who was asked and why.
    pub decision: Decision,
}

/// A stream that has begun. The decision is complete when the stream has ended.
pub struct Opened {
    /// What is said.
    pub stream: LlmStream,
    /// Who was asked and why, so far.
    pub decision: Arc<Mutex<Decision>>,
}
impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("decision", &self.decision).finish_non_exhaustive()
    }
}

/// Leave to ask one target.
#[derive(Debug)]
struct Turn {
    leave: Leave,
    _lane: OwnedSemaphorePermit,
    began: Timestamp,
}

impl Router {
    /// The models, first choice first.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, models: Vec<Arc<dyn Llm>>) -> Self {
        Self::with(clock, random, models, RouterPolicy::default())
    }
    /// The same, gone about otherwise.
    #[must_use]
    pub fn with(
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        models: Vec<Arc<dyn Llm>>,
        policy: RouterPolicy,
    ) -> Self {
        let target = |llm| {
            let (breaker, lanes) = (Arc::new(Breaker::new(policy.patience)), Arc::new(Semaphore::new(policy.at_once)));
            Target { llm, breaker, lanes }
        };
        Self(Arc::new(Inner { clock, random, targets: models.into_iter().map(target).collect(), policy }))
    }
    /// Who would be asked, in which order, and why the others not. Asks nobody.
    #[must_use]
    pub fn explain(&self, prompt: &Prompt) -> Decision {
        self.0.plan(prompt).0
    }
    /// Asks those who suit, one after another.
    pub async fn ask(&self, prompt: &Prompt) -> Routed {
        self.0.ask(prompt).await
    }
    /// The same, piece by piece.
    ///
    /// # Errors
    /// When nobody began to answer: what came of it, and why.
    pub async fn open(&self, prompt: &Prompt) -> Result<Opened, Box<Routed>> {
        stream::open(&self.0, prompt).await
    }
}

impl Inner {
    /// The chain of a prompt, and the places in it of those who may be asked.
    fn plan(&self, prompt: &Prompt) -> (Decision, Vec<usize>) {
        let (task, route, now) = (prompt.task, &prompt.route, self.clock.now());
        let is_first = |target: &Target| route.first.as_deref() == Some(target.llm.vendor());
        let (first, others): (Vec<_>, Vec<_>) = (0..self.targets.len()).partition(|at| is_first(&self.targets[*at]));
        let some_reason = self.targets.iter().any(|target| target.llm.reasons());
        let (mut left, mut able, mut chain) = (route.budget, Vec::new(), Vec::new());
        for at in first.into_iter().chain(others) {
            let target = &self.targets[at];
            let quote_micros = target.llm.quote(prompt);
            let skipped = if route.alone && !chain.is_empty() {
                Some(Skip::NotWanted)
            } else if task.complex() && some_reason && !target.llm.reasons() && !is_first(target) {
                Some(Skip::TooSimple)
            } else if !target.breaker.lets(now) {
                Some(Skip::Resting)
            } else {
                match (&mut left, quote_micros) {
                    (None, _) => None,
                    (Some(_), None) => Some(Skip::NoPrice),
                    (Some(left), Some(quote)) if quote > *left => Some(Skip::OverBudget),
                    (Some(left), Some(quote)) => {
                        *left -= quote;
                        None
                    }
                }
            };
            if skipped.is_none() {
                able.push(at);
            }
            chain.push(Place { vendor: target.llm.vendor(), quote_micros, skipped });
        }
        let (complexity, attempts) = (task.complexity(), Vec::new());
        (Decision { task, complexity, chain, attempts, vendor: None, at: now, latency_ms: 0 }, able)
    }
    async fn ask(&self, prompt: &Prompt) -> Routed {
        let (mut decision, able) = self.plan(prompt);
        let mut last = nobody(&decision);
        for at in able {
            let target = &self.targets[at];
            let turn = match self.enter(target) {
                Ok(turn) => turn,
                Err(error) => {
                    last = self.busy(&mut decision, target, error);
                    continue;
                }
            };
            let asked = self.patient(prompt, target, || target.llm.complete(prompt)).await;
            match asked.and_then(|completion| usable(prompt, target.llm.vendor(), completion)) {
                Ok(completion) => {
                    self.answered(&mut decision, prompt, target, turn, &completion);
                    return self.done(Answer::Answered(Box::new(completion)), decision);
                }
                Err(error) => {
                    let outcome = self.failed(&mut decision, prompt, target, turn, &error, false);
                    if !outcome.carries_on() {
                        return self.done(Answer::Refused(error), decision);
                    }
                    last = error;
                }
            }
        }
        self.done(Answer::Degraded(last), decision)
    }
    fn done(&self, answer: Answer, mut decision: Decision) -> Routed {
        decision.latency_ms = self.since(decision.at);
        let word = match &answer {
            Answer::Answered(_) => "answered",
            Answer::Degraded(_) => "degraded",
            Answer::Refused(_) => "refused",
        };
        metrics::counter!("wib_llm_routed_total", "task" => decision.task.as_str(), "outcome" => word).increment(1);
        Routed { answer, decision }
    }
    fn since(&self, at: Timestamp) -> i64 {
        (self.clock.now().as_millisecond() - at.as_millisecond()).max(0)
    }
    fn limit(&self, prompt: &Prompt) -> Duration {
        match prompt.route.live {
            true => self.policy.live_timeout,
            false => self.policy.timeout * prompt.max_tokens.clamp(1000, 6000) / 1000,
        }
    }
    fn enter(&self, target: &Target) -> Result<Turn, VendorError> {
        let busy = |why: &str| VendorError::new(target.llm.vendor(), Fault::RateLimited, Sent::No, why);
        let lane =
            target.lanes.clone().try_acquire_owned().map_err(|_| busy("as many requests as allowed are with it"))?;
        let began = self.clock.now();
        let leave = target.breaker.enter(began).ok_or_else(|| busy("it is left alone after failures"))?;
        Ok(Turn { leave, _lane: lane, began })
    }
    /// Asks within the time, and a second time what never left.
    async fn patient<T: Send, F: Future<Output = Result<T, VendorError>> + Send>(
        &self,
        prompt: &Prompt,
        target: &Target,
        ask: impl Fn() -> F + Send + Sync,
    ) -> Result<T, VendorError> {
        let limit = self.limit(prompt);
        let work = async {
            match ask().await {
                Err(error) if error.sent == Sent::No && error.fault == Fault::Down => {
                    let pause = self.random.backoff(1, Duration::from_millis(100), Duration::from_millis(100));
                    self.clock.sleep_until(time::after(self.clock.now(), pause)).await;
                    ask().await
                }
                outcome => outcome,
            }
        };
        let late = || {
            let why = format!("no answer in {} s", limit.as_secs());
            Err(VendorError::new(target.llm.vendor(), Fault::Timeout, Sent::Unknown, why))
        };
        time::timeout(&*self.clock, limit, work).await.unwrap_or_else(late)
    }
    fn answered(&self, decision: &mut Decision, prompt: &Prompt, target: &Target, turn: Turn, completion: &Completion) {
        turn.leave.answered();
        let vendor = target.llm.vendor();
        decision.vendor = Some(vendor);
        decision.attempts.push(Attempt {
            vendor,
            model: Some(completion.model.clone()),
            outcome: Outcome::Answered,
            ms: self.since(turn.began),
            input_tokens: completion.input_tokens,
            output_tokens: completion.output_tokens,
            cost_micros: completion.cost_micros.or_else(|| target.llm.quote(prompt)),
        });
    }
    fn busy(&self, decision: &mut Decision, target: &Target, error: VendorError) -> VendorError {
        let vendor = target.llm.vendor();
        let (outcome, cost_micros) = (Outcome::Busy, Some(0));
        metrics::counter!("wib_llm_failovers_total", "vendor" => vendor).increment(1);
        decision.attempts.push(Attempt {
            vendor,
            model: None,
            outcome,
            ms: 0,
            input_tokens: 0,
            output_tokens: 0,
            cost_micros,
        });
        error
    }
    fn failed(
        &self,
        decision: &mut Decision,
        prompt: &Prompt,
        target: &Target,
        turn: Turn,
        error: &VendorError,
        begun: bool,
    ) -> Outcome {
        let (vendor, outcome) = (target.llm.vendor(), Outcome::of(error));
        if outcome.counts() {
            turn.leave.failed(self.clock.now(), error.retry_after.filter(|_| outcome == Outcome::RateLimited));
        } else {
            turn.leave.answered();
        }
        if outcome.carries_on() {
            tracing::warn!(vendor, error = %error, "a model did not answer; asking the next");
            metrics::counter!("wib_llm_failovers_total", "vendor" => vendor).increment(1);
        }
        // Who refuses charges nothing; of whom nothing more was heard, the most is assumed.
        let cost_micros = if error.sent == Sent::Unknown { target.llm.quote(prompt) } else { Some(0) };
        decision.attempts.push(Attempt {
            vendor,
            model: None,
            outcome: if begun { Outcome::BrokeOff } else { outcome },
            ms: self.since(turn.began),
            input_tokens: 0,
            output_tokens: 0,
            cost_micros,
        });
        outcome
    }
}

/// What a chain of nobody says.
fn nobody(decision: &Decision) -> VendorError {
    let why = match decision.chain.first() {
        None => "no model is configured".to_owned(),
        Some(_) => {
            let place = |place: &Place| format!("{} {}", place.vendor, place.skipped.map_or("asked", Skip::as_str));
            let all: Vec<_> = decision.chain.iter().map(place).collect();
            format!("nobody may be asked: {}", all.join(", "))
        }
    };
    VendorError::new("router", Fault::Down, Sent::No, why)
}

/// The answer, when something can be made of it.
fn usable(prompt: &Prompt, vendor: &'static str, completion: Completion) -> Result<Completion, VendorError> {
    let no = |why: &str| Err(VendorError::new(vendor, Fault::Nonsense, Sent::Unknown, why));
    if completion.tool_calls.is_empty() && completion.text.trim().is_empty() {
        return no("an empty answer");
    }
    let whole = completion.finish == Finish::Stop && completion.tool_calls.is_empty();
    if prompt.schema.is_some() && whole && !holds_json(&completion.text) {
        return no("an answer that had to be JSON and is not");
    }
    Ok(completion)
}

/// Whether there is a JSON object in it. Some models put a fence or a word around it.
fn holds_json(text: &str) -> bool {
    let (Some(start), Some(end)) = (text.find('{'), text.rfind('}')) else { return false };
    start < end && serde_json::from_str::<serde::de::IgnoredAny>(&text[start..=end]).is_ok()
}

#[async_trait]
impl Llm for Router {
    fn vendor(&self) -> &'static str {
        "router"
    }
    fn live(&self) -> bool {
        self.0.targets.iter().any(|target| target.llm.live())
    }
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError> {
        prompt.check(self.vendor())?;
        match self.ask(prompt).await.answer {
            Answer::Answered(completion) => Ok(*completion),
            Answer::Degraded(error) | Answer::Refused(error) => Err(error),
        }
    }
    async fn stream(&self, prompt: &Prompt) -> Result<LlmStream, VendorError> {
        prompt.check(self.vendor())?;
        match self.open(prompt).await {
            Ok(opened) => Ok(opened.stream),
            Err(routed) => match routed.answer {
                Answer::Degraded(error) | Answer::Refused(error) => Err(error),
                Answer::Answered(completion) => Ok(crate::ports::llm::pieces(*completion)),
            },
        }
    }
    /// What everybody who may be asked can cost together.
    fn quote(&self, prompt: &Prompt) -> Option<i64> {
        self.explain(prompt).quote_micros()
    }
    fn reasons(&self) -> bool {
        self.0.targets.iter().any(|target| target.llm.reasons())
    }
}

fn lock(decision: &Mutex<Decision>) -> std::sync::MutexGuard<'_, Decision> {
    decision.lock().unwrap_or_else(PoisonError::into_inner)
}
