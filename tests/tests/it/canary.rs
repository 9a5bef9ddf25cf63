//! Card numbers are looked for everywhere: after hundreds of calls on which people gave one, no row, blob, log line or
//! prompt may hold it (PCI DSS v4.0.1 requirement 3.3.1).

use std::{
    collections::BTreeSet,
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use http::{Request, Response};
use http_body_util::BodyExt;
use tracing_subscriber::fmt::MakeWriter;
use wib_core::{
    Settings,
    auth::password::PasswordCost,
    calls::{Call, PaymentState},
    collections::Account,
    engine::Worker,
    kit::{Kind, VirtualClock, time},
    ports::webhook::Headers,
};
use wib_providers::{
    http::Wires,
    sandbox::{Card, Fault, FaultKind},
    transport::{Body, SendError, Transport, full},
};
use wib_storage::{
    MemoryBlobs,
    testing::{dump, memory_store},
};

use crate::stage::{NOON, Stage, at, magic};

/// How many calls, unless `WIB_CANARY_CALLS` says otherwise.
const CALLS: usize = 60;
/// People who give a card: in digits, in words, on the keys.
const PAYERS: [u8; 3] = [15, 16, 17];

/// Everything that is written to it.
#[derive(Clone, Debug, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);
impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
impl<'a> MakeWriter<'a> for Tape {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The sandbox's transport, with every prompt taken down on the way.
#[derive(Debug)]
struct Overheard {
    inner: Arc<dyn Transport>,
    prompts: Tape,
}
#[async_trait]
impl Transport for Overheard {
    async fn send(&self, request: Request<Body>) -> std::result::Result<Response<Body>, SendError> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        if parts.uri.path().ends_with("/chat/completions") {
            self.prompts.clone().write_all(&bytes).unwrap();
        }
        self.inner.send(Request::from_parts(parts, full(bytes))).await
    }
}

/// What is looked for of a card, in the forms that it may be kept in.
fn traces(card: &Card) -> Vec<String> {
    const WORDS: [[&str; 2]; 10] = [
        ["zero", "oh"],
        ["one", "one"],
        ["two", "two"],
        ["three", "three"],
        ["four", "four"],
        ["five", "five"],
        ["six", "six"],
        ["seven", "seven"],
        ["eight", "eight"],
        ["nine", "nine"],
    ];
    let groups = |by: &str| {
        let groups: Vec<_> =
            (0..card.number.len()).step_by(4).map(|i| &card.number[i..card.number.len().min(i + 4)]).collect();
        groups.join(by)
    };
    let mut traces =
        vec![card.number.clone(), groups(" "), groups("-"), groups(", "), format!("security code {}", card.code)];
    let mut said = vec![String::new()];
    // A doubled digit may be said so.
    if let Some(doubled) = card.code.as_bytes().windows(2).find(|pair| pair[0] == pair[1]) {
        traces.push(format!("security code double {}", WORDS[usize::from(doubled[0] - b'0')][1]));
    }
    for digit in card.code.bytes() {
        let words: BTreeSet<_> = WORDS[usize::from(digit - b'0')].into_iter().collect();
        said = said.iter().flat_map(|s| words.iter().map(move |w| format!("{s} {w}"))).collect();
    }
    traces.extend(said.into_iter().map(|s| format!("security code{s}")));
    traces
}

/// Digits in a row that are said in words, in a text: four groups of a card leave fifteen or more.
fn longest_said(text: &str) -> usize {
    const SAID: [&str; 11] = ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let (mut longest, mut run, mut by) = (0, 0, 1);
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()) {
        match word {
            "double" => by = 2,
            "triple" => by = 3,
            word if SAID.contains(&word) => {
                run += by;
                (by, longest) = (1, longest.max(run));
            }
            _ => (run, by) = (0, 1),
        }
    }
    longest
}

struct Found {
    calls: usize,
    cards: usize,
    /// Where a trace was found.
    places: BTreeSet<String>,
}

struct Actors {
    stage: Stage,
    store: Arc<wib_storage::SqlStore>,
    shelf: MemoryBlobs,
    prompts: Tape,
}

async fn actors() -> Actors {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let store = Arc::new(memory_store(clock.clone()).await);
    let (shelf, prompts) = (MemoryBlobs::default(), Tape::default());
    let mut settings = Settings::default();
    settings.public_url = Some("http://sandbox.wib".to_owned());
    settings.password_cost = PasswordCost::TEST;
    let stage = Stage::on_sandbox(store.clone(), clock, 7, |builder, sets, sandbox| {
        let inner = sandbox.transport();
        let transport = Arc::new(Overheard { inner, prompts: prompts.clone() });
        let wires = Wires { transport, clock: sets.clock.clone(), random: sets.random.clone() };
        builder.blobs(Arc::new(shelf.clone())).settings(settings).llms(sandbox.adapters(&wires).unwrap().llms)
    })
    .await;
    Actors { stage, store, shelf, prompts }
}

/// What the member does on one call.
#[derive(Default)]
struct Member {
    forgets: bool,
    begun: bool,
    ended: bool,
}

/// Places calls and plays the member; deliveries come twice and out of order, and some pauses fail.
async fn play(actors: &Actors, calls: usize, chance: &mut fastrand::Lcg) -> usize {
    let stage = &actors.stage;
    let worker = Worker::new(&stage.wib);
    let mut placed = 0;
    while placed < calls {
        let mut up: Vec<(u8, Call, Member)> = vec![];
        for number in PAYERS.into_iter().take(calls - placed) {
            let account: Account = stage.account(&magic(number)).await;
            let call = loop {
                match stage.start(&account).await {
                    Ok(call) => break call,
                    Err(e) if e.kind() == Kind::Blocked => {
                        let next = e.details()["not_before"].as_str().expect("a later time").parse().unwrap();
                        stage.clock.advance_to(next);
                    }
                    Err(e) => panic!("{e:?}"),
                }
            };
            placed += 1;
            let member = Member { forgets: chance.below(5) == 0, ..Member::default() };
            if chance.below(12) == 0 {
                let kind = FaultKind::Status { status: 500, retry_after: None };
                let times = 1 + u32::try_from(chance.below(5)).unwrap();
                stage.sandbox.inject(Fault {
                    vendor: "telnyx".to_owned(),
                    operation: "record_pause".to_owned(),
                    times,
                    kind,
                });
            }
            up.push((number, call, member));
        }
        let deadline = time::after(stage.now(), Duration::from_secs(26 * 3600));
        loop {
            let mut due = stage.sandbox.take_due(stage.now());
            for i in (1..due.len()).rev() {
                due.swap(i, usize::try_from(chance.below(i as u64 + 1)).unwrap());
            }
            let idle = due.is_empty();
            for delivery in due {
                let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
                for _ in 0..1 + chance.below(2) {
                    stage.wib.system().receive(delivery.vendor, &Headers(&headers), &delivery.body).await.unwrap();
                }
                stage.sandbox.delivered(delivery.id, Some(200));
            }
            let ran = worker.run_until_idle().await.unwrap();
            let mut sealed = true;
            for (number, call, member) in &mut up {
                let now = stage.org.call(call.id).await.unwrap();
                if !now.status.terminal() {
                    take_payment(stage, &magic(*number), &now, member).await;
                }
                sealed &= now.status.terminal() && stage.is_sealed(call.id).await;
            }
            if !idle || ran > 0 {
                continue;
            }
            if sealed {
                break;
            }
            let next = [stage.sandbox.next_due(), worker.next_due().await.unwrap()].into_iter().flatten().min();
            let next = next.filter(|at| *at <= deadline).expect("calls are sealed within a day");
            stage.clock.advance_to(next.max(time::after(stage.now(), Duration::from_micros(1))));
        }
    }
    placed
}

async fn take_payment(stage: &Stage, number: &str, call: &Call, member: &mut Member) {
    if member.forgets || member.ended {
        return;
    }
    let said = stage.sandbox.said(number);
    let heard = |words: &str| said.iter().any(|(who, text)| *who == "agent" && text.contains(words));
    if !member.begun && heard("ready for your card number") {
        let payment = stage.org.begin_payment(call.id).await.unwrap();
        assert!(payment.state != PaymentState::Idle);
        member.begun = true;
    }
    if member.begun && heard("Thank you.") {
        stage.org.end_payment(call.id).await.unwrap();
        member.ended = true;
    }
}

async fn look(actors: &Actors, log: &Tape, calls: usize) -> Found {
    let stage = &actors.stage;
    let cards: Vec<_> = PAYERS.iter().flat_map(|n| stage.sandbox.spoken_cards(&magic(*n))).collect();
    let mut hay: Vec<(String, Vec<u8>)> =
        dump(&actors.store).await.unwrap().into_iter().map(|(t, b)| (format!("table {t}"), b)).collect();
    hay.extend(actors.shelf.entries().into_iter().map(|(_, b)| ("blob".to_owned(), b.to_vec())));
    hay.push(("log".to_owned(), log.0.lock().unwrap().clone()));
    hay.push(("prompt".to_owned(), actors.prompts.0.lock().unwrap().clone()));
    assert!(hay.iter().filter(|(place, _)| place == "blob").count() * 2 > calls, "recordings were kept");
    for place in ["log", "prompt"] {
        assert!(hay.iter().any(|(p, bytes)| p == place && bytes.len() > 10_000), "{place} was taken down");
    }
    // What was said on the line is found by the same search: it is not blind.
    for number in [15, 16] {
        let said: String = stage.sandbox.said(&magic(number)).into_iter().map(|(_, text)| text + "\n").collect();
        let card = stage.sandbox.spoken_cards(&magic(number)).pop().unwrap();
        let hits = traces(&card).iter().filter(|trace| said.contains(trace.as_str())).count();
        assert!(hits > 0, "{number}: {said}");
        assert!(number == 15 || longest_said(&said) >= 8, "{said}");
    }
    let mut places = BTreeSet::new();
    let mut needles: Vec<String> = cards.iter().flat_map(traces).collect();
    needles.sort();
    needles.dedup();
    for (place, bytes) in &hay {
        let text = String::from_utf8_lossy(bytes);
        for needle in &needles {
            if text.contains(needle.as_str()) {
                places.insert(format!("{place}: {}", needle.split(' ').next().unwrap_or_default().len()));
            }
        }
        if place != "log" && longest_said(&text) >= 8 {
            places.insert(format!("{place}: in words"));
        }
    }
    Found { calls, cards: cards.len(), places }
}

/// A small generator of its own: the test's choices come from a seed.
mod fastrand {
    pub(super) struct Lcg(pub(super) u64);
    impl Lcg {
        pub(super) fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % n
        }
    }
}

#[tokio::test]
async fn vector_29_no_card_that_was_given_on_a_call_is_anywhere() {
    let calls = std::env::var("WIB_CANARY_CALLS").ok().and_then(|n| n.parse().ok()).unwrap_or(CALLS);
    let log = Tape::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // With one subscriber alone, a line that another test's thread comes to first is never written (tokio-rs/tracing#3611).
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);
    let actors = actors().await;
    let placed = play(&actors, calls, &mut fastrand::Lcg(11)).await;
    let found = look(&actors, &log, placed).await;
    println!("{} calls, {} cards given, looked through", found.calls, found.cards);
    assert!(found.cards * 10 > found.calls * 9, "{} cards on {} calls", found.cards, found.calls);
    assert!(found.places.is_empty(), "{:#?}", found.places);
    // In the transcripts nothing of a masked stretch is left either.
    let whole = actors.stage.org.verify_chain().await.unwrap();
    assert!(whole.faults.is_empty(), "{:?}", whole.faults);
}
