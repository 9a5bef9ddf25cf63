//! Orders of transcripts that go by a queue outside: lost there, doubled, late, unreadable; or the queue is not there at
//! all. Each recording is ordered once.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use http::Method;
use serde_json::{Value, json};
use wib_core::{
    calls::{Call, CallId},
    engine::{Consumer, MessageStatus, Topic, Worker},
    kit::{Error, Result, VirtualClock, time},
    orgs::OrganizationId,
    ports::{
        Bus, Fault, Queue, Sent, VendorError,
        queue::{LeaseToken, Leased, Outgoing, QueueCaps},
        transcriber::{MockTranscriber, TranscriptState},
    },
    store::{OrgTx, Store, SystemTx},
    testing::fakes::FakeQueue,
    transcripts::TranscriptStatus,
};
use wib_providers::sandbox::{Fault as Broken, FaultKind};
use wib_storage::testing::memory_store;

use crate::stage::{NOON, Stage, at, magic};

/// What happens to what is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Luck {
    Good,
    Lost,
    Doubled,
    /// Taken, and the answer is lost.
    Unanswered,
    Refused,
    /// What is settled comes again: the acknowledgement is lost.
    Forgetful,
}

/// A queue with that luck.
#[derive(Debug)]
struct Outside {
    queue: FakeQueue,
    luck: Mutex<Luck>,
    seen: Mutex<Vec<Value>>,
}
impl Outside {
    fn new(clock: Arc<VirtualClock>, luck: Luck) -> Arc<Self> {
        Arc::new(Self { queue: FakeQueue::new(clock), luck: Mutex::new(luck), seen: Mutex::default() })
    }
    fn luck(&self) -> Luck {
        *self.luck.lock().unwrap()
    }
    fn has(&self, luck: Luck) {
        *self.luck.lock().unwrap() = luck;
    }
    fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }
}
fn fault(sent: Sent) -> VendorError {
    VendorError::new("outside", Fault::Down, sent, "by bad luck")
}
#[async_trait]
impl Queue for Outside {
    fn vendor(&self) -> &'static str {
        "outside"
    }
    fn live(&self) -> bool {
        false
    }
    fn caps(&self) -> QueueCaps {
        self.queue.caps()
    }
    async fn enqueue(&self, message: &Outgoing) -> Result<(), VendorError> {
        assert!(message.key.is_some());
        self.seen.lock().unwrap().push(serde_json::from_slice(&message.body).unwrap());
        let times = match self.luck() {
            Luck::Refused => return Err(fault(Sent::No)),
            Luck::Lost => 0,
            Luck::Doubled => 3,
            _ => 1,
        };
        for _ in 0..times {
            self.queue.enqueue(message).await?;
        }
        if self.luck() == Luck::Unanswered { Err(fault(Sent::Unknown)) } else { Ok(()) }
    }
    async fn enqueue_batch(&self, messages: &[Outgoing]) -> Result<(), VendorError> {
        self.queue.enqueue_batch(messages).await
    }
    async fn lease(&self, most: usize, lease: Duration) -> Result<Vec<Leased>, VendorError> {
        assert_eq!(most, 5, "the setting of the queue");
        self.queue.lease(most, lease).await
    }
    async fn ack(&self, token: &LeaseToken) -> Result<bool, VendorError> {
        if self.luck() == Luck::Forgetful {
            self.has(Luck::Good);
            return Err(fault(Sent::Unknown));
        }
        self.queue.ack(token).await
    }
    async fn retry(&self, token: &LeaseToken, delay: Duration) -> Result<bool, VendorError> {
        self.queue.retry(token, delay).await
    }
    async fn bury(&self, message: &Leased) -> Result<bool, VendorError> {
        self.queue.bury(message).await
    }
    async fn replay(&self, most: usize) -> Result<usize, VendorError> {
        self.queue.replay(most).await
    }
}

/// A store whose process dies after some transactions, and lives again.
#[derive(Debug)]
struct Mortal {
    store: Arc<dyn Store>,
    left: Arc<AtomicI64>,
}
impl Mortal {
    fn live(&self) -> Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(Error::database("the process is dead")) }
    }
}
#[async_trait]
impl Store for Mortal {
    async fn org(&self, organization: OrganizationId) -> Result<Box<dyn OrgTx>> {
        self.live()?;
        self.store.org(organization).await
    }
    async fn system(&self) -> Result<Box<dyn SystemTx>> {
        self.live()?;
        self.store.system().await
    }
    fn tell_on(&self, bus: &Arc<dyn Bus>) {
        self.store.tell_on(bus);
    }
    async fn ping(&self) -> Result<()> {
        self.store.ping().await
    }
}

struct Scene {
    stage: Stage,
    outside: Arc<Outside>,
    consumer: Consumer,
    left: Arc<AtomicI64>,
}
impl Scene {
    async fn new(luck: Luck) -> Self {
        Self::with(luck, None).await
    }
    async fn with(luck: Luck, ears: Option<MockTranscriber>) -> Self {
        let clock = Arc::new(VirtualClock::new(at(NOON)));
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let store = Mortal { store: Arc::new(memory_store(clock.clone()).await), left: left.clone() };
        let outside = Outside::new(clock.clone(), luck);
        let queue: Arc<dyn Queue> = outside.clone();
        let stage = Stage::on(Arc::new(store), clock, 1, |builder, _| {
            let builder = builder.queue(queue);
            match ears {
                Some(ears) => builder.transcriber(Arc::new(ears)),
                None => builder,
            }
        })
        .await;
        let consumer = Consumer::new(&stage.wib).unwrap();
        Self { stage, outside, consumer, left }
    }
    async fn call(&self) -> Call {
        let account = self.stage.account(&magic(5)).await;
        self.stage.start(&account).await.unwrap()
    }
    async fn step(&self) -> usize {
        self.consumer.step().await.unwrap()
    }
    async fn leap(&self) {
        let worker = self.stage.worker();
        let look = time::after(self.stage.now(), Duration::from_secs(10));
        let next = [self.stage.sandbox.next_due(), worker.next_due().await.unwrap(), Some(look)];
        let next = next.into_iter().flatten().min().unwrap_or(look);
        self.stage.clock.advance_to(next.max(time::after(self.stage.now(), Duration::from_micros(1))));
    }
    /// Time passes; workers work, and the consumer too if it is there; until it is so. The seconds that it took.
    async fn until(&self, consumes: bool, mut done: impl AsyncFnMut() -> bool) -> i64 {
        let began = self.stage.now();
        let deadline = time::after(began, Duration::from_secs(26 * 3600));
        loop {
            loop {
                let taken = if consumes { self.step().await } else { 0 };
                if self.stage.sandbox.deliver(&self.stage.wib).await + self.stage.work().await + taken == 0 {
                    break;
                }
            }
            if done().await {
                return self.stage.now().as_second() - began.as_second();
            }
            assert!(self.stage.now() < deadline, "it never comes");
            self.leap().await;
        }
    }
    async fn handed(&self) -> i64 {
        let count = self.outside.seen().len();
        self.until(false, async || self.outside.seen().len() > count).await
    }
    async fn sealed(&self, call: CallId) -> i64 {
        self.until(true, async || self.stage.is_sealed(call).await).await
    }
    /// Orders that the vendor has.
    async fn orders(&self) -> usize {
        let listed = self.stage.vendor(Method::GET, "/assemblyai/v2/transcript?limit=200", Value::Null).await;
        listed["transcripts"].as_array().unwrap().len()
    }
    async fn open(&self) -> Vec<MessageStatus> {
        let depths = self.stage.wib.system().queue_depths().await.unwrap();
        let ours = depths.into_iter().filter(|d| d.topic == Topic::SubmitTranscript && d.status != MessageStatus::Done);
        ours.map(|depth| depth.status).collect()
    }
    /// Everything is as if nothing had happened.
    async fn is_whole(&self, call: CallId, orders: usize, case: &str) {
        let export = self.stage.export(call).await;
        assert_eq!((export.transcripts.len(), self.orders().await), (1, orders), "{case}");
        assert_eq!(self.open().await, [], "{case}");
        assert!(self.stage.wib.system().dead_letters(9).await.unwrap().is_empty(), "{case}");
    }
}

#[tokio::test]
async fn an_order_goes_by_the_queue_outside_and_is_settled_there() {
    let scene = Scene::new(Luck::Good).await;
    let call = scene.call().await;
    scene.handed().await;
    assert_eq!((scene.orders().await, scene.open().await), (0, vec![MessageStatus::Ready]), "it waits, open");
    let export = scene.stage.export(call.id).await;
    let [seen] = &scene.outside.seen()[..] else { panic!("once") };
    let (org, key) = (scene.stage.org.id(), export.recordings[0].blob_key.clone().unwrap());
    let expected = json!({
        "type": "submit_transcription", "callId": call.id, "organizationId": org, "recordingR2Key": key, "attempt": 1,
        "messageId": seen["messageId"],
    });
    assert_eq!(*seen, expected);
    scene.sealed(call.id).await;
    scene.is_whole(call.id, 1, "good").await;
    assert_eq!(scene.outside.queue.lease(5, Duration::from_secs(9)).await.unwrap(), [], "nothing is left outside");
}

#[tokio::test]
async fn whatever_becomes_of_a_message_outside_its_recording_is_ordered_once() {
    for luck in [Luck::Lost, Luck::Doubled, Luck::Unanswered, Luck::Refused, Luck::Forgetful] {
        let scene = Scene::new(luck).await;
        let calls = [scene.call().await, scene.call().await, scene.call().await];
        scene.handed().await;
        for call in &calls {
            scene.sealed(call.id).await;
        }
        // What lies outside still changes nothing any more.
        scene.stage.pass(3600);
        while scene.step().await > 0 {}
        for call in &calls {
            scene.is_whole(call.id, 3, &format!("{luck:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_queue_that_is_down_delays_nothing_and_one_that_loses_a_message_delays_it_by_minutes() {
    for (luck, least, most) in [(Luck::Refused, 0, 0), (Luck::Unanswered, 0, 0), (Luck::Lost, 299, 301)] {
        let scene = Scene::new(luck).await;
        let call = scene.call().await;
        scene.handed().await;
        let took = scene.until(true, async || scene.orders().await == 1).await;
        assert!((least..=most).contains(&took), "{luck:?}: {took} s");
        scene.sealed(call.id).await;
        scene.is_whole(call.id, 1, &format!("{luck:?}")).await;
    }
}

#[tokio::test]
async fn nobody_who_consumes_is_no_reason_to_lose_an_order() {
    let scene = Scene::new(Luck::Good).await;
    let call = scene.call().await;
    scene.until(false, async || scene.stage.is_sealed(call.id).await).await;
    scene.is_whole(call.id, 1, "nobody consumes").await;
    assert_eq!(scene.step().await, 1, "it comes late, and finds its message done");
    scene.is_whole(call.id, 1, "late").await;
}

#[tokio::test]
async fn a_consumer_that_dies_anywhere_orders_once() {
    let mut died = 0;
    for after in 0.. {
        let scene = Scene::new(Luck::Good).await;
        let call = scene.call().await;
        scene.handed().await;
        scene.left.store(after, Ordering::SeqCst);
        assert_eq!(scene.step().await, 1);
        let dead = scene.left.load(Ordering::SeqCst) < 0;
        scene.left.store(i64::MAX, Ordering::SeqCst);
        scene.sealed(call.id).await;
        // The lease of the dead ends, and somebody finds its work done.
        scene.until(true, async || scene.open().await.is_empty()).await;
        scene.is_whole(call.id, 1, &format!("dead after {after} transactions")).await;
        died += u32::from(dead);
        if !dead {
            break;
        }
    }
    assert!(died >= 4, "it died {died} times");
}

#[tokio::test]
async fn a_worker_that_dies_while_it_hands_on_orders_once() {
    for after in 0..12 {
        let scene = Scene::new(Luck::Good).await;
        let call = scene.call().await;
        let worker = Worker::new(&scene.stage.wib);
        let queued = async || !scene.open().await.is_empty();
        // Up to the instant before the order is handed on.
        loop {
            scene.stage.sandbox.deliver(&scene.stage.wib).await;
            while !queued().await && worker.step().await.unwrap() > 0 {}
            if queued().await {
                break;
            }
            scene.leap().await;
        }
        scene.left.store(after, Ordering::SeqCst);
        let _ = worker.step().await;
        scene.left.store(i64::MAX, Ordering::SeqCst);
        scene.sealed(call.id).await;
        scene.is_whole(call.id, 1, &format!("dead after {after} transactions")).await;
    }
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_is_found_and_not_placed_again() {
    for kind in [FaultKind::ResetAfterEffect, FaultKind::TimeoutAfterEffect, FaultKind::GarbledAfterEffect] {
        let scene = Scene::new(Luck::Good).await;
        let (vendor, operation) = ("assemblyai".to_owned(), "submit".to_owned());
        scene.stage.sandbox.inject(Broken { vendor, operation, times: 1, kind });
        let call = scene.call().await;
        scene.sealed(call.id).await;
        scene.is_whole(call.id, 1, &format!("{kind:?}")).await;
    }
}

#[tokio::test]
async fn after_three_retries_it_is_a_dead_letter_that_everybody_sees_and_can_be_replayed() {
    let mut ears = MockTranscriber::new();
    ears.expect_vendor().return_const("assemblyai");
    ears.expect_live().return_const(false);
    ears.expect_upload().times(1).returning(|_, _| Ok("https://cdn.test/1".to_owned()));
    let mut tries = 0;
    ears.expect_submit().times(5).returning(move |_| {
        tries += 1;
        if tries < 5 {
            Err(VendorError::new("assemblyai", Fault::Down, Sent::Refused, "overloaded"))
        } else {
            Ok("order 1".to_owned())
        }
    });
    // A replay asks first: whether anything came of the last try is not known any more.
    ears.expect_find().times(1).returning(|_| Ok(None));
    ears.expect_fetch().returning(|_| Ok(TranscriptState::Pending));
    let scene = Scene::with(Luck::Good, Some(ears)).await;
    let call = scene.call().await;
    let system = scene.stage.wib.system();
    scene.until(true, async || !system.dead_letters(9).await.unwrap().is_empty()).await;
    let letters = system.dead_letters(9).await.unwrap();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((letter.topic, letter.attempts, letter.handed_at), (Topic::SubmitTranscript, 4, None));
    let job = async || scene.stage.export(call.id).await.transcript_jobs.remove(0);
    assert_eq!(job().await.status, TranscriptStatus::FailedPermanent);
    assert_eq!(scene.outside.seen().len(), 1, "it was handed on once, and came back by itself each time");
    scene.stage.pass(3600);
    assert_eq!(scene.step().await, 0, "outside it is done");
    assert!(system.replay(letter.id).await.unwrap());
    scene.until(true, async || job().await.status == TranscriptStatus::Pending).await;
    assert_eq!(scene.outside.seen().len(), 2, "and is handed on anew");
    assert_eq!(scene.open().await, []);
}

#[tokio::test]
async fn what_nobody_knows_is_taken_away_and_what_nobody_can_read_is_laid_aside() {
    let scene = Scene::new(Luck::Good).await;
    let call = scene.call().await;
    let foreign: [&'static [u8]; 5] = [
        br#"{"type":"send_sms","to":"x"}"#,
        b"no json \xff",
        b"[]",
        br#"{"type":"submit_transcription"}"#,
        br#"{"type":"retry_transcription","callId":"x","organizationId":"y","recordingR2Key":"z"}"#,
    ];
    for body in foreign {
        scene.outside.queue.enqueue(&Outgoing { body: body.into(), ..Outgoing::default() }).await.unwrap();
    }
    scene.sealed(call.id).await;
    scene.is_whole(call.id, 1, "beside nonsense").await;
    assert_eq!(scene.outside.queue.replay(9).await.unwrap(), 4, "all but the one of a type that nobody knows");
}

#[tokio::test]
async fn an_order_that_somebody_else_put_there_is_placed_once() {
    let scene = Scene::new(Luck::Lost).await;
    let call = scene.call().await;
    scene.handed().await;
    let export = scene.stage.export(call.id).await;
    let order = |call: Value, key: &str| {
        let org = scene.stage.org.id();
        let order =
            json!({"type": "submit_transcription", "callId": call, "organizationId": org, "recordingR2Key": key});
        Outgoing { body: order.to_string().into(), ..Outgoing::default() }
    };
    let key = export.recordings[0].blob_key.clone().unwrap();
    for other in [order(json!(call.id), "another/recording.mp3"), order(json!(export.recordings[0].id), &key)] {
        scene.outside.queue.enqueue(&other).await.unwrap();
    }
    for _ in 0..2 {
        scene.outside.queue.enqueue(&order(json!(call.id), &key)).await.unwrap();
    }
    scene.sealed(call.id).await;
    scene.is_whole(call.id, 1, "of somebody else").await;
}
