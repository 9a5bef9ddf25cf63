//! Calls being watched, by one node and by several.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::sync::watch;
use wib_core::{
    Wib,
    calls::CallId,
    engine::{NewMessage, Topic, Worker},
    evidence::Signer,
    kit::{Clock, Id, Kind, OsRandom, Principal, Random, SystemClock, VirtualClock, time},
    live::{LiveKind, WatchCalls, Watched},
    orgs::OrganizationId,
    ports::{
        Bus, VendorError,
        bus::{Channel, Hearing, Hub, LocalBus, Note},
    },
    store::Store,
    testing::{
        fakes::{FakeLlm, FakeMailer, FakeTranscriber, FakeVoice},
        while_time_passes,
    },
};
use wib_storage::{
    Database, MemoryBlobs, SqlStore,
    bus::PgBus,
    testing::{memory_store, postgres_store},
};

fn wired(store: Arc<dyn Store>, bus: Arc<dyn Bus>, clock: Arc<dyn Clock>) -> Wib {
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    Wib::builder()
        .store(store)
        .bus(bus)
        .blobs(Arc::new(MemoryBlobs::default()))
        .voice(Arc::new(FakeVoice::new(Arc::new(VirtualClock::new(clock.now())))))
        .transcriber(Arc::new(FakeTranscriber::new(clock.clone())))
        .llm(Arc::new(FakeLlm::default()))
        .mailer(Arc::new(FakeMailer::new(clock.clone())))
        .signer(Signer::from_seed([7; 32]))
        .clock(clock)
        .random(random)
        .build()
        .unwrap()
}
fn call() -> CallId {
    Id::new(SystemClock.now(), &OsRandom)
}
async fn tell(store: &dyn Store, organization: OrganizationId, call: CallId, count: usize) {
    let mut tx = store.org(organization).await.unwrap();
    for _ in 0..count {
        let subject: CallId = self::call();
        tx.tell(LiveKind::Transcript, call, subject.uuid());
    }
    tx.commit().await.unwrap();
}
fn place(watched: Watched) -> i64 {
    match watched {
        Watched::Event(event) => event.seq,
        Watched::Missed { until } => panic!("{until} is missed"),
        other => panic!("{other:?}"),
    }
}

/// A bus that hears nothing and says so to nobody.
#[derive(Debug)]
struct Deaf(Hub);
impl Bus for Deaf {
    fn vendor(&self) -> &'static str {
        "deaf"
    }
    fn shared(&self) -> bool {
        true
    }
    fn publish(&self, _: &Note) -> Result<(), VendorError> {
        Ok(())
    }
    fn subscribe(&self, channel: Channel) -> Result<Hearing, VendorError> {
        self.0.subscribe(channel)
    }
}

#[tokio::test]
async fn what_was_stored_comes_first_then_what_happens_each_once() {
    let store = Arc::new(memory_store(crate::clock()).await);
    let wib = wired(store.clone(), Arc::new(LocalBus::default()), crate::clock());
    let (ours, theirs) =
        (wib.system().create_organization("Ours").await.unwrap(), wib.system().create_organization("T").await.unwrap());
    let org = wib.org(Principal::service(ours.id)).await.unwrap();
    let (mine, other) = (call(), call());
    tell(&*store, ours.id, mine, 600).await;
    let mut watch = org.watch(WatchCalls { call: None, after: Some(3) }).await.unwrap();
    let mut now = org.watch(WatchCalls::default()).await.unwrap();
    // While the rows are read, more is written; some of it is told before it is asked for.
    let write = async {
        for n in 0..200 {
            tell(&*store, ours.id, if n % 2 == 0 { mine } else { other }, 1 + n % 2).await;
            tell(&*store, theirs.id, mine, 1).await;
        }
    };
    let read = async {
        for expected in 4..=900 {
            assert_eq!(place(watch.next().await.unwrap()), expected);
        }
    };
    tokio::join!(write, read);
    for expected in 601..=900 {
        assert_eq!(place(now.next().await.unwrap()), expected, "however slow, nothing is lost");
    }
    tell(&*store, ours.id, other, 1).await;
    assert_eq!(place(watch.next().await.unwrap()), 901);
    let streamed: Vec<_> = Box::pin(now.stream()).take(1).collect().await;
    assert!(
        matches!(streamed[..], [Ok(Watched::Event(event))] if event.seq == 901 && event.organization_id == ours.id)
    );
}

#[tokio::test]
async fn nothing_is_lost_where_the_bus_tells_nothing() {
    let clock = Arc::new(VirtualClock::new("2026-06-01T17:30:00Z".parse().unwrap()));
    let store = Arc::new(memory_store(clock.clone()).await);
    let wib = wired(store.clone(), Arc::new(Deaf(Hub::new("deaf"))), clock.clone());
    let organization = wib.system().create_organization("Ours").await.unwrap().id;
    let org = wib.org(Principal::service(organization)).await.unwrap();
    let mut watch = org.watch(WatchCalls::default()).await.unwrap();
    tell(&*store, organization, call(), 2).await;
    for expected in [1, 2] {
        assert_eq!(place(while_time_passes(&clock, watch.next()).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn what_was_removed_for_its_age_is_said_to_be_missed() {
    let store = Arc::new(memory_store(crate::clock()).await);
    let wib = wired(store.clone(), Arc::new(LocalBus::default()), crate::clock());
    let organization = wib.system().create_organization("Ours").await.unwrap().id;
    let org = wib.org(Principal::service(organization)).await.unwrap();
    tell(&*store, organization, call(), 5).await;
    let mut tx = store.system().await.unwrap();
    assert_eq!(tx.purge(time::after(SystemClock.now(), Duration::from_secs(1))).await.unwrap(), 5);
    tx.commit().await.unwrap();
    let mut all_gone = org.watch(WatchCalls { call: None, after: Some(2) }).await.unwrap();
    assert_eq!(all_gone.next().await.unwrap(), Watched::Missed { until: 5 });
    tell(&*store, organization, call(), 1).await;
    assert_eq!(place(all_gone.next().await.unwrap()), 6);
    let mut some_gone = org.watch(WatchCalls { call: None, after: Some(0) }).await.unwrap();
    assert_eq!(some_gone.next().await.unwrap(), Watched::Missed { until: 5 });
    assert_eq!(place(some_gone.next().await.unwrap()), 6);
}

#[tokio::test]
async fn only_what_may_be_watched_is() {
    let clock = Arc::new(VirtualClock::new("2026-06-01T17:30:00Z".parse().unwrap()));
    let store = Arc::new(memory_store(clock.clone()).await);
    let wib = wired(store.clone(), Arc::new(LocalBus::default()), clock.clone());
    let organization = wib.system().create_organization("Ours").await.unwrap().id;
    let org = wib.org(Principal::service(organization)).await.unwrap();
    let refused = async |what| org.watch(what).await.unwrap_err().kind();
    assert_eq!(refused(WatchCalls { call: Some(call()), after: None }).await, Kind::NotFound);
    for after in [-1, 1, i64::MAX] {
        assert_eq!(refused(WatchCalls { call: None, after: Some(after) }).await, Kind::Invalid, "{after}");
    }
    // Whoever watches is looked at again while nothing happens.
    let mut watch = org.watch(WatchCalls::default()).await.unwrap();
    wib_storage::testing::raw(&store, "DELETE FROM organizations").await.unwrap();
    let error = while_time_passes(&clock, watch.next()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn what_one_node_commits_another_sees_also_after_an_outage() {
    let name = "what_one_node_commits_another_sees_also_after_an_outage";
    let Some(pg) = postgres_store(name, crate::clock()).await else { return };
    let node = async || {
        let store = SqlStore::open(&Database::Postgres(pg.urls().clone()), crate::clock()).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let bus = PgBus::open(pg.urls(), crate::clock()).await.unwrap();
        (wired(store.clone(), Arc::new(bus), crate::clock()), store)
    };
    let ((a, told), (b, _)) = (node().await, node().await);
    let organization = a.system().create_organization("Ours").await.unwrap().id;
    let org = b.org(Principal::service(organization)).await.unwrap();
    let mut watch = org.watch(WatchCalls::default()).await.unwrap();
    let write = async {
        for n in 0..60 {
            if n % 20 == 10 {
                PgBus::cut(pg.urls()).await.unwrap();
            }
            tell(&*told, organization, call(), 2).await;
        }
    };
    let read = async {
        for expected in 1..=120 {
            assert_eq!(place(watch.next().await.unwrap()), expected);
        }
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn a_worker_of_another_node_is_woken_by_what_is_queued() {
    let name = "a_worker_of_another_node_is_woken_by_what_is_queued";
    let Some(pg) = postgres_store(name, crate::clock()).await else { return };
    let node = async |clock: Arc<dyn Clock>| {
        let store = SqlStore::open(&Database::Postgres(pg.urls().clone()), clock.clone()).await.unwrap();
        let bus = PgBus::open(pg.urls(), crate::clock()).await.unwrap();
        wired(Arc::new(store), Arc::new(bus), clock)
    };
    // Its clock stands still: it never looks by itself.
    let still: Arc<dyn Clock> = Arc::new(VirtualClock::new(SystemClock.now()));
    let (a, b) = (node(still.clone()).await, node(still).await);
    let (stop, stopped) = watch::channel(false);
    let worker = Worker::new(&b);
    let working = tokio::spawn(async move { worker.run(1, stopped).await });
    let depth = async |status: &str| {
        let depths = a.system().queue_depths().await.unwrap();
        depths.iter().filter(|d| d.status.as_str() == status).map(|d| d.count).sum::<i64>()
    };
    for round in 1..=3 {
        let id: CallId = call();
        let payload = serde_json::json!({"inbox_id": id});
        let message = NewMessage { topic: Topic::ApplyEvent, key: id.to_string(), payload, run_at: a.clock().now() };
        let mut tx = pg.system().await.unwrap();
        assert!(tx.enqueue(None, &message).await.unwrap());
        tx.commit().await.unwrap();
        // Whatever wakes the workers of its own process wakes all.
        assert!(!a.system().replay(call().cast()).await.unwrap());
        for _ in 0..6000 {
            if depth("done").await == round {
                break;
            }
            SystemClock.sleep_until(time::after(SystemClock.now(), Duration::from_millis(10))).await;
        }
        assert_eq!(depth("done").await, round, "the other node did it");
    }
    stop.send(true).unwrap();
    working.await.unwrap();
}
