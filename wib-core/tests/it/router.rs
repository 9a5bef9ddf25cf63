//! The router of models: who is asked, who follows, what is said when nobody can, and what it is recorded as.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::json;
use wib_core::{
    ai::{Answer, Outcome, Patience, Router, RouterPolicy, Skip, guard},
    kit::{Clock, SeededRandom, VirtualClock},
    ports::{
        Fault, Llm, Sent, VendorError,
        llm::{Completion, LlmStream, Piece, Prompt, Route, Task, Turn, pieces},
    },
};

/// What a model does the next time it is asked.
#[derive(Clone, Debug)]
enum Act {
    Say(&'static str),
    Fail(Fault, Sent),
    Wait(Duration),
    Hang,
    /// Says these, then does that.
    Then(Vec<&'static str>, Box<Act>),
    /// Begins a call of a tool, then does that.
    Calls(Box<Act>),
    /// Ends the stream without an end.
    Vanish,
}

/// A model that acts by a script, and says `fine` when it has none.
#[derive(Debug)]
struct Actor {
    name: &'static str,
    reasons: bool,
    quote: Option<i64>,
    clock: Arc<VirtualClock>,
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Prompt>>,
}

impl Actor {
    fn next(&self, prompt: &Prompt) -> Act {
        self.asked.lock().unwrap().push(prompt.clone());
        self.acts.lock().unwrap().pop_front().unwrap_or(Act::Say("fine"))
    }
    fn plays(&self, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().unwrap().extend(acts);
    }
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
    fn error(&self, fault: Fault, sent: Sent) -> VendorError {
        VendorError::new(self.name, fault, sent, "as ordered")
    }
    fn said(&self, text: &str) -> Completion {
        Completion {
            vendor: self.name.to_owned(),
            model: format!("{}-1", self.name),
            text: text.to_owned(),
            input_tokens: 7,
            output_tokens: 3,
            cost_micros: Some(5),
            price_book: Some("test".to_owned()),
            ..Completion::default()
        }
    }
    fn acting(&self, act: Act) -> LlmStream {
        match act {
            Act::Say(text) => pieces(self.said(text)),
            Act::Fail(fault, sent) => stream::iter([Err(self.error(fault, sent))]).boxed(),
            Act::Hang | Act::Wait(_) => stream::pending().boxed(),
            Act::Vanish => stream::empty().boxed(),
            Act::Then(texts, act) => {
                let said = texts.into_iter().map(|text| Ok(Piece::Text(text.to_owned())));
                stream::iter(said).chain(self.acting(*act)).boxed()
            }
            Act::Calls(act) => {
                let arguments = "{\"a\":".to_owned();
                let call = Piece::ToolCall { index: 0, id: Some("c".into()), name: Some("t".into()), arguments };
                stream::iter([Ok(call)]).chain(self.acting(*act)).boxed()
            }
        }
    }
}

#[async_trait]
impl Llm for Actor {
    fn vendor(&self) -> &'static str {
        self.name
    }
    fn live(&self) -> bool {
        false
    }
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError> {
        match self.next(prompt) {
            Act::Say(text) => Ok(self.said(text)),
            Act::Fail(fault, sent) => Err(self.error(fault, sent)),
            Act::Wait(time) => {
                self.clock.sleep_until(wib_core::kit::time::after(self.clock.now(), time)).await;
                Ok(self.said("late"))
            }
            other => {
                assert!(matches!(other, Act::Hang), "{other:?} is for streams");
                std::future::pending().await
            }
        }
    }
    async fn stream(&self, prompt: &Prompt) -> Result<LlmStream, VendorError> {
        match self.next(prompt) {
            Act::Fail(fault, sent) => Err(self.error(fault, sent)),
            act => Ok(self.acting(act)),
        }
    }
    fn quote(&self, _: &Prompt) -> Option<i64> {
        self.quote
    }
    fn reasons(&self) -> bool {
        self.reasons
    }
}

struct House {
    clock: Arc<VirtualClock>,
    groq: Arc<Actor>,
    xai: Arc<Actor>,
    openai: Arc<Actor>,
    router: Router,
}

fn house() -> House {
    with(RouterPolicy::default())
}

fn with(policy: RouterPolicy) -> House {
    let clock = Arc::new(VirtualClock::new("2026-03-04T10:00:00Z".parse().unwrap()));
    let actor = |name, reasons, quote| {
        let (acts, asked) = (Mutex::default(), Mutex::default());
        Arc::new(Actor { name, reasons, quote, clock: clock.clone(), acts, asked })
    };
    let (groq, xai, openai) =
        (actor("groq", false, Some(10)), actor("xai", true, Some(50)), actor("openai", true, Some(20)));
    let models: Vec<Arc<dyn Llm>> = vec![groq.clone(), xai.clone(), openai.clone()];
    let router = Router::with(clock.clone(), Arc::new(SeededRandom::new(1)), models, policy);
    House { clock, groq, xai, openai, router }
}

fn prompt(task: Task) -> Prompt {
    Prompt { task, ..Prompt::new("Answer.", guard("Customer: hello", 100)) }
}

impl House {
    /// Asks, and lets time pass as long as nobody answers, at most so many seconds.
    async fn ask(&self, prompt: &Prompt, seconds: u64) -> wib_core::ai::Routed {
        self.passing(self.router.ask(prompt), seconds).await
    }
    async fn passing<F: Future>(&self, work: F, seconds: u64) -> F::Output {
        let mut work = std::pin::pin!(work);
        for _ in 0..=seconds * 20 {
            for _ in 0..20 {
                if let Some(done) = work.as_mut().now_or_never() {
                    return done;
                }
                tokio::task::yield_now().await;
            }
            self.clock.advance(Duration::from_millis(50));
        }
        panic!("nobody answered within {seconds} s")
    }
    async fn streamed(&self, prompt: &Prompt) -> (String, Result<Completion, VendorError>, wib_core::ai::Decision) {
        let work = async {
            let opened = match self.router.open(prompt).await {
                Ok(opened) => opened,
                Err(routed) => {
                    let (Answer::Degraded(error) | Answer::Refused(error)) = routed.answer else { panic!("an answer") };
                    return (String::new(), Err(error), routed.decision);
                }
            };
            let (mut text, mut stream, mut end) = (String::new(), opened.stream, None);
            while let Some(piece) = stream.next().await {
                assert!(end.is_none(), "nothing comes behind the end");
                match piece {
                    Ok(Piece::Text(more)) => text += &more,
                    Ok(Piece::ToolCall { .. }) => {}
                    Ok(Piece::Done(whole)) => end = Some(Ok(*whole)),
                    Err(error) => end = Some(Err(error)),
                }
            }
            let decision = opened.decision.lock().unwrap().clone();
            (text, end.expect("never a silent cut"), decision)
        };
        self.passing(work, 60).await
    }
}

fn fail(fault: Fault) -> Act {
    Act::Fail(fault, Sent::Unknown)
}
fn vendors(decision: &wib_core::ai::Decision) -> Vec<&'static str> {
    decision.attempts.iter().map(|attempt| attempt.vendor).collect()
}

#[tokio::test]
async fn a_simple_task_goes_to_everybody_in_order_and_a_complex_one_to_those_that_reason() {
    let simple = [Task::Translation, Task::Sentiment, Task::SimpleChat, Task::Summarization, Task::Chat];
    for task in simple.into_iter().chain([Task::Compliance, Task::Reasoning]) {
        let house = house();
        for actor in [&house.groq, &house.xai] {
            actor.plays([fail(Fault::Down)]);
        }
        let routed = house.ask(&prompt(task), 1).await;
        let expected = if task.complex() { vec!["xai", "openai"] } else { vec!["groq", "xai", "openai"] };
        assert_eq!((vendors(&routed.decision), routed.decision.vendor), (expected, Some("openai")), "{task}");
        assert_eq!(house.groq.asked() == 0, task.complex());
    }
}

#[tokio::test]
async fn every_failure_of_a_vendor_is_followed_by_the_next_and_a_wrong_request_by_nobody() {
    for (act, outcome, seconds) in [
        (Act::Hang, Outcome::TimedOut, 11),
        (fail(Fault::RateLimited), Outcome::RateLimited, 1),
        (fail(Fault::Down), Outcome::Down, 1),
        (fail(Fault::Timeout), Outcome::TimedOut, 1),
        (fail(Fault::Nonsense), Outcome::Nonsense, 1),
        (fail(Fault::Payment), Outcome::Payment, 1),
        (fail(Fault::Credentials), Outcome::Credentials, 1),
        (Act::Say("  "), Outcome::Nonsense, 1),
        (Act::Say("{\"summary\": \"cut"), Outcome::Nonsense, 1),
    ] {
        let house = house();
        house.groq.plays([act.clone()]);
        house.xai.plays([Act::Say("{\"summary\": \"whole\"}")]);
        let asked = Prompt { schema: Some(json!({"type": "object"})), ..prompt(Task::Summarization) };
        let routed = house.ask(&asked, seconds).await;
        assert!(matches!(&routed.answer, Answer::Answered(said) if said.vendor == "xai"), "{act:?}: {routed:?}");
        assert_eq!(routed.decision.attempts[0].outcome, outcome, "{act:?}");
    }
    for fault in [Fault::Request, Fault::Missing, Fault::Conflict, Fault::Declined] {
        let house = house();
        house.groq.plays([fail(fault)]);
        let routed = house.ask(&prompt(Task::Chat), 1).await;
        assert!(matches!(routed.answer, Answer::Refused(error) if error.fault == fault));
        assert_eq!((house.xai.asked(), house.openai.asked()), (0, 0));
    }
}

#[tokio::test]
async fn when_all_are_down_the_answer_is_degraded_within_two_seconds_and_says_what_failed() {
    let house = house();
    for actor in [&house.groq, &house.xai, &house.openai] {
        actor.plays([Act::Fail(Fault::Down, Sent::No), Act::Fail(Fault::Down, Sent::No)]);
    }
    let began = house.clock.now();
    let routed = house.ask(&prompt(Task::Chat), 2).await;
    assert!(matches!(&routed.answer, Answer::Degraded(error) if error.vendor == "openai"), "{routed:?}");
    assert!(house.clock.now().duration_since(began).as_secs_f64() < 2.0);
    // What never left is asked twice.
    assert_eq!([&house.groq, &house.xai, &house.openai].map(|actor| actor.asked()), [2, 2, 2]);
    assert_eq!(vendors(&routed.decision), ["groq", "xai", "openai"]);
    let nobody = Router::new(house.clock.clone(), Arc::new(SeededRandom::new(1)), vec![]);
    let error = nobody.complete(&prompt(Task::Chat)).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Down, Sent::No));
}

#[tokio::test]
async fn somebody_on_a_line_waits_half_as_long() {
    let house = house();
    house.groq.plays([Act::Hang]);
    let live = Prompt { route: Route { live: true, ..Route::default() }, ..prompt(Task::Chat) };
    let routed = house.ask(&live, 6).await;
    assert_eq!(routed.decision.vendor, Some("xai"));
    assert_eq!(routed.decision.attempts[0].ms, 5000);
}

#[tokio::test]
async fn a_caller_may_name_who_is_asked_first_and_that_nobody_follows() {
    let house = house();
    let first = |alone| Prompt {
        route: Route { first: Some("openai".to_owned()), alone, ..Route::default() },
        ..prompt(Task::Chat)
    };
    house.openai.plays([fail(Fault::Down), fail(Fault::Down)]);
    assert_eq!(vendors(&house.ask(&first(false), 1).await.decision), ["openai", "groq"]);
    let routed = house.ask(&first(true), 1).await;
    assert!(matches!(routed.answer, Answer::Degraded(_)));
    assert_eq!(vendors(&routed.decision), ["openai"]);
    assert_eq!(routed.decision.chain[1].skipped, Some(Skip::NotWanted));
    // A complex task may be given to the simple one by name.
    let named = Prompt { route: Route { first: Some("groq".into()), ..Route::default() }, ..prompt(Task::Compliance) };
    assert_eq!(house.ask(&named, 1).await.decision.vendor, Some("groq"));
}

#[tokio::test]
async fn one_that_fails_again_and_again_is_left_alone_until_a_probe_finds_it_back() {
    let house = house();
    house.groq.plays(vec![fail(Fault::Down); 6]);
    for _ in 0..5 {
        house.ask(&prompt(Task::Chat), 1).await;
    }
    let routed = house.ask(&prompt(Task::Chat), 1).await;
    assert_eq!((routed.decision.chain[0].skipped, house.groq.asked()), (Some(Skip::Resting), 5));
    house.clock.advance(Duration::from_secs(30));
    house.ask(&prompt(Task::Chat), 1).await;
    assert_eq!(house.groq.asked(), 6, "the probe");
    house.clock.advance(Duration::from_secs(30));
    house.ask(&prompt(Task::Chat), 1).await;
    assert_eq!(house.groq.asked(), 6, "it failed: twice as long");
    house.clock.advance(Duration::from_secs(30));
    assert_eq!(house.ask(&prompt(Task::Chat), 1).await.decision.vendor, Some("groq"));
}

#[tokio::test]
async fn more_requests_than_one_may_have_at_once_go_to_the_next() {
    let house = with(RouterPolicy { at_once: 1, ..RouterPolicy::default() });
    house.groq.plays([Act::Wait(Duration::from_secs(2))]);
    let asked = prompt(Task::Chat);
    let both = futures_util::future::join(house.router.ask(&asked), house.router.ask(&asked));
    let (first, second) = house.passing(both, 3).await;
    assert_eq!((first.decision.vendor, second.decision.vendor), (Some("groq"), Some("xai")));
    assert_eq!(second.decision.attempts[0].outcome, Outcome::Busy);
    assert_eq!(house.ask(&asked, 1).await.decision.vendor, Some("groq"), "the place is free again");
}

#[tokio::test]
async fn with_a_budget_only_those_are_asked_who_fit_into_it_together_and_whose_price_is_known() {
    let house = house();
    let within = |micros| Prompt { route: Route { budget: Some(micros), ..Route::default() }, ..prompt(Task::Chat) };
    let skips = |micros| {
        let decision = house.router.explain(&within(micros));
        (decision.chain.iter().map(|place| place.skipped).collect::<Vec<_>>(), decision.quote_micros())
    };
    let over = Some(Skip::OverBudget);
    assert_eq!(skips(80), (vec![None, None, None], Some(80)));
    assert_eq!(skips(79), (vec![None, None, over], Some(60)));
    assert_eq!(skips(30), (vec![None, over, None], Some(30)));
    assert_eq!(skips(9), (vec![over, over, over], Some(0)));
    assert!(matches!(house.ask(&within(9), 1).await.answer, Answer::Degraded(_)));
    assert_eq!(house.groq.asked() + house.xai.asked() + house.openai.asked(), 0);

    let clock = house.clock.clone();
    let free =
        Actor { name: "free", reasons: true, quote: None, clock, acts: Mutex::default(), asked: Mutex::default() };
    let router = Router::new(house.clock.clone(), Arc::new(SeededRandom::new(1)), vec![Arc::new(free)]);
    assert_eq!(router.explain(&within(1_000_000)).chain[0].skipped, Some(Skip::NoPrice));
    assert_eq!(router.explain(&prompt(Task::Chat)).chain[0].skipped, None);
}

#[tokio::test]
async fn what_it_would_do_is_told_without_asking_anybody() {
    let house = house();
    let decision = house.router.explain(&prompt(Task::Compliance));
    assert_eq!((decision.task, decision.complexity), (Task::Compliance, 9));
    let chain: Vec<_> = decision.chain.iter().map(|place| (place.vendor, place.skipped)).collect();
    assert_eq!(chain, [("groq", Some(Skip::TooSimple)), ("xai", None), ("openai", None)]);
    assert_eq!(house.groq.asked() + house.xai.asked() + house.openai.asked(), 0);
}

#[tokio::test]
async fn the_record_tells_tokens_time_and_what_failures_may_have_cost() {
    let house = house();
    house.groq.plays([fail(Fault::Timeout)]);
    house.xai.plays([Act::Fail(Fault::Down, Sent::Refused)]);
    let decision = house.ask(&prompt(Task::Chat), 1).await.decision;
    let costs: Vec<_> = decision.attempts.iter().map(|attempt| attempt.cost_micros).collect();
    assert_eq!(costs, [Some(10), Some(0), Some(5)], "unknown is the most, refused is nothing, an answer what it says");
    assert_eq!((decision.cost_micros(), decision.attempts[2].input_tokens), (Some(15), 7));
    assert_eq!(decision.attempts[2].model.as_deref(), Some("openai-1"));
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_piece_is_begun_elsewhere_and_nobody_notices() {
    for act in
        [fail(Fault::Down), Act::Hang, Act::Vanish, Act::Then(vec![], Box::new(fail(Fault::Nonsense))), Act::Say("")]
    {
        let house = house();
        house.groq.plays([act.clone()]);
        house.xai.plays([Act::Then(vec!["Good ", "morning."], Box::new(Act::Say("")))]);
        let (text, end, decision) = house.streamed(&prompt(Task::Chat)).await;
        assert_eq!((text.as_str(), end.unwrap().text.as_str()), ("Good morning.", "Good morning."), "{act:?}");
        assert_eq!(decision.vendor, Some("xai"));
        assert!(decision.attempts[0].outcome != Outcome::BrokeOff);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_later_is_gone_on_with_and_nothing_is_said_twice() {
    for broken in [fail(Fault::Down), Act::Hang, Act::Vanish] {
        let house = house();
        house.groq.plays([Act::Then(vec!["You can pay ", "in three inst"], Box::new(broken.clone()))]);
        house.xai.plays([Act::Then(vec!["pay in three ", "instalments ", "of 40 dollars."], Box::new(Act::Say("")))]);
        let (text, end, decision) = house.streamed(&prompt(Task::Chat)).await;
        let whole = end.unwrap();
        assert_eq!(text, "You can pay in three instalments of 40 dollars.", "{broken:?}");
        assert_eq!((whole.text, whole.cost_micros, whole.price_book), (text, None, None));
        assert_eq!(decision.attempts[0].outcome, Outcome::BrokeOff);
        // What the second is asked ends with what was said, and our word to go on.
        let asked = house.xai.asked.lock().unwrap()[0].clone();
        let [.., Turn::Model { text, .. }, Turn::Ours(_)] = &asked.turns[..] else { panic!("{asked:?}") };
        assert_eq!(text, "You can pay in three inst");
        asked.check("xai").unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_nobody_can_go_on_with_ends_with_an_error_never_in_silence() {
    let broken = || Act::Then(vec!["Half "], Box::new(fail(Fault::Down)));
    // Nobody is left.
    let house = house();
    house.groq.plays([broken()]);
    house.xai.plays([fail(Fault::Down)]);
    house.openai.plays([Act::Vanish]);
    let (text, end, decision) = house.streamed(&prompt(Task::Chat)).await;
    assert_eq!((text.as_str(), end.unwrap_err().vendor), ("Half ", "groq"));
    let outcomes: Vec<_> = decision.attempts.iter().map(|attempt| (attempt.vendor, attempt.outcome)).collect();
    assert_eq!(outcomes, [("groq", Outcome::BrokeOff), ("xai", Outcome::Down), ("openai", Outcome::Nonsense)]);
    // Half a JSON text.
    let half = self::house();
    half.groq.plays([broken()]);
    let json = Prompt { schema: Some(json!({"type": "object"})), ..prompt(Task::Chat) };
    assert_eq!(half.streamed(&json).await.1.unwrap_err().vendor, "groq");
    // Half a call of a tool.
    let calling = self::house();
    calling.groq.plays([Act::Calls(Box::new(Act::Vanish))]);
    assert!(calling.streamed(&prompt(Task::Chat)).await.1.is_err());
    assert_eq!((half.xai.asked(), calling.xai.asked()), (0, 0));
}

#[tokio::test]
async fn a_reader_who_leaves_in_the_middle_frees_the_place_and_says_nothing_against_the_vendor() {
    let house = with(RouterPolicy {
        at_once: 1,
        patience: Patience { failures: 1, ..Patience::default() },
        ..RouterPolicy::default()
    });
    house.groq.plays([Act::Then(vec!["Half "], Box::new(Act::Hang))]);
    let mut opened = house.router.open(&prompt(Task::Chat)).await.unwrap();
    assert!(matches!(opened.stream.next().await, Some(Ok(Piece::Text(_)))));
    assert_eq!(house.ask(&prompt(Task::Chat), 1).await.decision.vendor, Some("xai"), "the place is taken");
    drop(opened);
    assert_eq!(house.ask(&prompt(Task::Chat), 1).await.decision.vendor, Some("groq"));
}

#[test]
fn a_question_is_classed_by_its_words() {
    for (question, task) in [
        ("How many calls did we make today?", Task::SimpleChat),
        ("Show me the calls and explain them", Task::SimpleChat),
        ("WHAT IS THE answer rate", Task::SimpleChat),
        ("Why did the answer rate fall?", Task::Reasoning),
        ("How should we handle disputes?", Task::Reasoning),
        ("What if we call later?", Task::Reasoning),
        ("We missed our target", Task::Chat),
        ("Tell me about Tuesday", Task::Chat),
        ("", Task::Chat),
    ] {
        assert_eq!(Task::of_question(question), task, "{question}");
    }
}
