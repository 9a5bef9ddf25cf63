//! What a call centre does all day: open a delivery and write it to the inbox, judge a call, seal one, verify a file.
//!
//! `cargo bench -p tests --bench house`
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jiff::SignedDuration;
use serde_json::json;
use tokio::runtime::Runtime;
use wib_core::{
    auth::{LogIn, SignUp},
    calls::{Call, CallFacts, CallStatus, FlowType},
    compliance::{
        Act, Callee, DebtFacts, Facts, Flag, LedgerFact, Location, LocationSource, Medium, PersonFacts, Place,
        RulePack, Technology, forecast, judge,
    },
    contacts::ContactKind,
    engine::{NewMessage, Topic, Worker},
    evidence::verify,
    kit::{Clock, Id, Phone, Random, SeededRandom, Timestamp, VirtualClock, time},
    ports::{voice::Direction, webhook::Headers},
    prelude::*,
    store::Store,
};
use wib_providers::sandbox::{Delivery, Sandbox, Settings as SandboxSettings};
use wib_storage::{MemoryBlobs, SqlStore, testing::memory_store};

const ACCOUNT: &str =
    "name,balance,phone,address\nAlma Reyes,$450.00,+15005550005,\"412 W Grand Ave, Chicago, IL 60654\"\n";

struct Stage {
    wib: Wib,
    org: Org,
    store: Arc<SqlStore>,
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
}

async fn stage() -> Stage {
    let clock = Arc::new(VirtualClock::new("2026-06-03T17:30:00Z".parse().unwrap()));
    let ticking: Arc<dyn Clock> = clock.clone();
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(1));
    let sandbox = Sandbox::new(ticking.clone(), 1, SandboxSettings::default());
    let store = Arc::new(memory_store(ticking.clone()).await);
    let builder =
        Wib::builder().store(store.clone()).blobs(Arc::new(MemoryBlobs::default())).signer(Signer::from_seed([7; 32]));
    let wib = sandbox.plug(builder, &ticking, &random).unwrap().build().unwrap();
    let organization = wib.system().create_organization("Bench").await.unwrap();
    let org = wib.org(Principal::service(organization.id)).await.unwrap();
    Stage { wib, org, store, clock, sandbox }
}

impl Stage {
    /// A call that is over and waits to be sealed.
    async fn finished(&self) -> Call {
        let now = self.clock.now();
        let call = Call {
            id: Id::new(now, &**self.wib.random()),
            organization_id: self.org.id(),
            person_id: None,
            account_id: None,
            direction: Direction::Outbound,
            from_number: "+13125550100".parse().unwrap(),
            to_number: "+13125550101".parse().unwrap(),
            flow_type: FlowType::Direct,
            technology: wib_core::compliance::Technology::Manual,
            purpose: wib_core::compliance::Purpose::Collection,
            status: CallStatus::Failed,
            vendor: "telnyx".to_owned(),
            live: false,
            facts: CallFacts::default(),
            verdict_id: None,
            record: true,
            transcribe: true,
            translate_to: None,
            listen: None,
            answered_at: None,
            ended_at: Some(now),
            answered_by: None,
            hangup_cause: None,
            created_by: None,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.store.org(self.org.id()).await.unwrap();
        tx.insert(&call).await.unwrap();
        let message = NewMessage {
            topic: Topic::Seal,
            key: call.id.to_string(),
            payload: json!({"call_id": call.id}),
            run_at: now,
        };
        tx.enqueue(&message).await.unwrap();
        tx.commit().await.unwrap();
        call
    }
    /// A signed delivery of the sandbox's Telnyx.
    async fn delivery(&self) -> Delivery {
        let (account, _) = self.org.import_accounts(ACCOUNT.as_bytes()).await.unwrap().accounts.remove(0);
        self.org.start_call(StartCall { account_id: Some(account.id), ..StartCall::default() }).await.unwrap();
        Worker::new(&self.wib).run_until_idle().await.unwrap();
        self.clock.advance(Duration::from_secs(1));
        self.sandbox.take_due(self.clock.now()).remove(0)
    }
}

fn webhooks(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let stage = runtime.block_on(stage());
    let delivery = runtime.block_on(stage.delivery());
    let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    runtime.block_on(stage.wib.system().receive("telnyx", &Headers(&headers), &delivery.body)).unwrap();
    c.bench_function("webhook open, known to the inbox", |b| {
        b.to_async(&runtime).iter(|| async {
            assert!(stage.wib.system().receive("telnyx", &Headers(&headers), &delivery.body).await.unwrap().duplicate);
        });
    });
    // A new event each time: what a verified delivery costs to be written down, with its queue message.
    let source =
        stage.sandbox.telnyx(stage.sandbox.wires(stage.wib.clock().clone(), stage.wib.random().clone())).unwrap();
    let opened = || {
        use wib_core::ports::WebhookSource;
        source.open(&Headers(&headers), &delivery.body, stage.clock.now()).unwrap()
    };
    c.bench_function("webhook open and inbox write, SQLite in memory", |b| {
        b.to_async(&runtime).iter(|| async {
            let mut event = opened().into_events().remove(0);
            let id = Id::new(stage.clock.now(), &**stage.wib.random());
            event.id = id.to_string();
            let mut tx = stage.store.system().await.unwrap();
            assert!(tx.receive(id, "telnyx", &event, &delivery.body, stage.clock.now()).await.unwrap());
            tx.commit().await.unwrap();
        });
    });
    c.bench_function("webhook open alone (Ed25519 and JSON)", |b| b.iter(|| black_box(opened())));
}

fn verdicts(c: &mut Criterion) {
    let now: Timestamp = "2026-06-03T17:30:00Z".parse().unwrap();
    let number: Phone = "+13125550188".parse().unwrap();
    let debt = uuid::Uuid::from_u128(1);
    let attempt = |days: u64| LedgerFact {
        at: time::before(now, Duration::from_secs(days * 86_400 + 60)),
        kind: ContactKind::Attempt,
        counts: true,
        debt,
        direction: Direction::Outbound,
        medium: Medium::Call,
        technology: Technology::Manual,
        place: Place::Unknown,
        same_number: true,
    };
    let facts = Facts {
        act: Act { technology: Technology::Manual, ..Act::default() },
        person: Some(PersonFacts { id: uuid::Uuid::from_u128(2), do_not_call: false, language: None }),
        debt: Some(DebtFacts { id: debt, first_communication_at: None }),
        callee: Some(Callee::from(&number)),
        locations: vec![Location {
            source: LocationSource::Address,
            zones: vec!["America/Chicago".to_owned()],
            regions: vec!["US-IL".to_owned()],
            noted_on: None,
        }],
        // One a day, the last one yesterday.
        ledger: (1..7).map(attempt).collect(),
        flags: [(Flag::CallerIdOwned, true), (Flag::LegalHold, false)].into(),
        ..Facts::default()
    };
    let pack = RulePack::standard();
    assert!(judge(&facts, &pack, now).permits());
    c.bench_function("verdict that permits, six attempts in the ledger", |b| {
        b.iter(|| judge(black_box(&facts), &pack, now))
    });
    let night: Timestamp = "2026-06-03T04:30:00Z".parse().unwrap();
    c.bench_function("verdict that defers to the next lawful instant", |b| {
        b.iter(|| judge(black_box(&facts), &pack, night))
    });
    let day = |from: Timestamp| (from, time::after(from, Duration::from_secs(86_400)));
    let (from, to) = day("2026-06-03T05:00:00Z".parse().unwrap());
    c.bench_function("forecast of a day in half hours, one account", |b| {
        b.iter(|| forecast(black_box(&facts), &pack, from, to, SignedDuration::from_mins(30)))
    });
    // Accounts of four places, each with as many attempts as its number says.
    let zones = ["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"];
    let account = |n: usize| {
        let location = Location { zones: vec![zones[n % 4].to_owned()], ..facts.locations[0].clone() };
        Facts { locations: vec![location], ledger: facts.ledger[..n % 7].to_vec(), ..facts.clone() }
    };
    let accounts: Vec<Facts> = (0..100_000).map(account).collect();
    let mut many = c.benchmark_group("many");
    many.sample_size(10).bench_function("forecast of a day in half hours, 100,000 accounts", |b| {
        b.iter(|| {
            let ahead = |facts| forecast(facts, &pack, from, to, SignedDuration::from_mins(30)).spans.len();
            accounts.iter().map(ahead).sum::<usize>()
        });
    });
    many.finish();
}

fn evidence(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let stage = runtime.block_on(stage());
    let worker = Worker::new(&stage.wib);
    c.bench_function("evidence append: lease, manifest, link, signed checkpoint, SQLite in memory", |b| {
        b.iter_batched(
            || runtime.block_on(stage.finished()),
            |_| assert_eq!(runtime.block_on(worker.step()).unwrap(), 1),
            BatchSize::PerIteration,
        );
    });
    let file = runtime.block_on(async {
        let call = stage.finished().await;
        worker.run_until_idle().await.unwrap();
        stage.org.evidence(call.id).await.unwrap().to_bytes().unwrap()
    });
    c.bench_function("evidence verify, offline", |b| {
        b.iter(|| assert!(verify(black_box(&file), None).unwrap().holds()))
    });
}

/// Who is refused learns nothing from how long it took.
fn sign_in(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let stage = runtime.block_on(stage());
    let system = stage.wib.system();
    let (known, password) = ("ann@example.com", "a long enough password");
    let account = async || {
        let csrf_token = Some(system.csrf_token().await.unwrap());
        let (email, name, organization_name) = (known.to_owned(), None, None);
        system.sign_up(SignUp { email, password: password.into(), name, organization_name, csrf_token }).await.unwrap()
    };
    runtime.block_on(account());
    for (what, email) in [("of a known address", known), ("of an address that nobody has", "bo@example.com")] {
        c.bench_function(&format!("refused sign-in {what}"), |b| {
            b.iter(|| {
                let refused = runtime.block_on(async {
                    let csrf_token = Some(system.csrf_token().await.unwrap());
                    let wrong = "a wrong password".into();
                    system
                        .log_in(LogIn { email: email.to_owned(), password: wrong, csrf_token, fingerprint: None })
                        .await
                });
                assert!(refused.is_err());
            });
        });
    }
}

criterion_group!(benches, webhooks, verdicts, evidence, sign_in);
criterion_main!(benches);
