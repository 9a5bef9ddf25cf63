//! The adapter over its sandbox.

use wib_core::{
    kit::{Clock, SeededRandom, VirtualClock},
    testing::while_time_passes,
};

use super::*;
use crate::{
    cloudflare::{CloudflareQueue, Kv, NAMESPACE, QUEUE},
    sandbox::{Fault as Trouble, FaultKind, Sandbox, Settings},
};

fn sandboxed(settings: Settings) -> (Cloudflare, Sandbox, Arc<VirtualClock>) {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    let sandbox = Sandbox::new(clock.clone(), 7, settings);
    let cloudflare = cloudflare(sandbox.wires(clock.clone(), Arc::new(SeededRandom::new(7))));
    (cloudflare, sandbox, clock)
}

mod cache {
    use super::*;
    async fn make(_: &'static str) -> (Kv, Arc<VirtualClock>) {
        let (cloudflare, _, clock) = sandboxed(Settings::default());
        (cloudflare.kv(NAMESPACE), clock)
    }
    wib_core::cache_suite!(make);
}

mod stale_cache {
    use super::*;
    async fn make(_: &'static str) -> (Kv, Arc<VirtualClock>) {
        let (cloudflare, _, clock) = sandboxed(Settings { stale_reads: true, ..Settings::default() });
        (cloudflare.kv(NAMESPACE), clock)
    }
    wib_core::cache_suite!(make);
}

mod queue {
    use super::*;
    async fn make(_: &'static str) -> (CloudflareQueue, Arc<VirtualClock>) {
        let (cloudflare, _, clock) = sandboxed(Settings::default());
        (cloudflare.queue(QUEUE).dead_letters(crate::cloudflare::DEAD_QUEUE), clock)
    }
    wib_core::queue_suite!(make);
}

mod queue_without_dead_letters {
    use super::*;
    async fn make(_: &'static str) -> (CloudflareQueue, Arc<VirtualClock>) {
        let (cloudflare, _, clock) = sandboxed(Settings::default());
        (cloudflare.queue(QUEUE), clock)
    }
    wib_core::queue_suite!(make);
}

#[tokio::test]
async fn a_stale_read_sees_for_a_minute_what_was_there_before() {
    let (cloudflare, _, clock) = sandboxed(Settings { stale_reads: true, ..Settings::default() });
    let kv = cloudflare.kv(NAMESPACE);
    kv.put("k", "one".into(), None).await.unwrap();
    assert_eq!(kv.get("k").await.unwrap(), None);
    clock.advance(Duration::from_secs(61));
    kv.put("k", "two".into(), None).await.unwrap();
    assert_eq!(kv.get("k").await.unwrap(), Some("one".into()));
    clock.advance(Duration::from_secs(61));
    assert_eq!(kv.get("k").await.unwrap(), Some("two".into()));
}

#[tokio::test]
async fn many_keys_are_written_listed_read_and_deleted_at_once() {
    let (cloudflare, _, _clock) = sandboxed(Settings::default());
    let made = cloudflare.create_namespace("cache").await.unwrap();
    let kv = cloudflare.kv(&made.id);
    let pairs: Vec<_> = (0..25)
        .map(|n| Pair {
            key: format!("a/{n:02}"),
            value: format!("v{n}").into(),
            ttl: (n == 0).then_some(Duration::from_secs(120)),
            metadata: (n == 1).then(|| json!({"by": "us"})),
        })
        .collect();
    kv.write_many(&pairs).await.unwrap();
    kv.put("b", "other".into(), None).await.unwrap();
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = kv.keys("a/", 10, cursor.as_deref()).await.unwrap();
        assert!(page.keys.len() <= 10);
        names.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names.iter().map(|key| &key.name).collect::<Vec<_>>(), pairs.iter().map(|p| &p.key).collect::<Vec<_>>());
    assert!(names[0].expires_at.is_some() && names[1].expires_at.is_none());
    assert_eq!(names[1].metadata, Some(json!({"by": "us"})));
    assert_eq!(kv.metadata("a/01").await.unwrap(), json!({"by": "us"}));
    let texts = kv.texts(&["a/03", "b", "nothing"]).await.unwrap();
    assert_eq!(texts.into_iter().collect::<Vec<_>>(), [("a/03".into(), "v3".into()), ("b".into(), "other".into())]);
    kv.delete_many(&["a/00", "a/03"]).await.unwrap();
    assert_eq!(kv.get("a/03").await.unwrap(), None);
    cloudflare.rename_namespace(&made.id, "renamed").await.unwrap();
    assert_eq!(cloudflare.namespaces().await.unwrap()[0].title, "renamed");
    cloudflare.delete_namespace(&made.id).await.unwrap();
    assert_eq!(kv.get("b").await.unwrap_err().fault, Fault::Missing);
}

#[tokio::test]
async fn a_queue_is_made_pulled_and_lets_its_dead_letters_go_where_its_consumer_says() {
    let (cloudflare, _, clock) = sandboxed(Settings::default());
    let (work, dead) = (cloudflare.create_queue("work").await.unwrap(), cloudflare.create_queue("dead").await.unwrap());
    let queue = cloudflare.queue(&work.id).dead_letters(&dead.id);
    queue.enqueue(&"poison".into()).await.unwrap();
    let lease = Duration::from_secs(30);
    assert_eq!(queue.lease(1, lease).await.unwrap_err().fault, Fault::Request);
    let consumer = Consumer { retries: 1, dead_letters: Some("dead".into()), ..Consumer::default() };
    cloudflare.create_consumer(&work.id, &consumer).await.unwrap();
    cloudflare.create_consumer(&dead.id, &Consumer::default()).await.unwrap();
    assert!(cloudflare.create_consumer(&work.id, &consumer).await.is_err());
    for attempt in 1..=2 {
        assert_eq!(queue.lease(1, lease).await.unwrap()[0].attempts, attempt);
        clock.advance(lease);
    }
    assert_eq!(queue.lease(1, lease).await.unwrap(), []);
    assert_eq!(queue.replay(10).await.unwrap(), 1);
    assert_eq!(queue.lease(1, lease).await.unwrap()[0].body, "poison");
    assert_eq!(cloudflare.queues().await.unwrap().len(), 2);
    assert_eq!(cloudflare.queue_info(&work.id).await.unwrap(), work);
    cloudflare.delete_queue(&work.id).await.unwrap();
    assert_eq!(queue.enqueue(&"x".into()).await.unwrap_err().fault, Fault::Missing);
}

#[tokio::test]
async fn a_fault_of_the_vendor_is_told_and_what_is_safe_is_done_again() {
    let (cloudflare, sandbox, clock) = sandboxed(Settings::default());
    let trouble = |operation: &str, kind| {
        sandbox.inject(Trouble { vendor: "cloudflare".into(), operation: operation.into(), times: 1, kind });
    };
    let (kv, queue) = (cloudflare.kv(NAMESPACE), cloudflare.queue(QUEUE));
    trouble("kv_put", FaultKind::ResetAfterEffect);
    while_time_passes(&clock, kv.put("k", "v".into(), None)).await.unwrap();
    trouble("kv_get", FaultKind::Status { status: 503, retry_after: None });
    assert_eq!(while_time_passes(&clock, kv.get("k")).await.unwrap(), Some("v".into()));
    trouble("queue_push", FaultKind::ResetAfterEffect);
    let error = while_time_passes(&clock, queue.enqueue(&"x".into())).await.unwrap_err();
    assert_eq!(error.sent, Sent::Unknown);
    assert_eq!(queue.lease(10, Duration::from_secs(30)).await.unwrap().len(), 1);
    trouble("queue_pull", FaultKind::GarbledAfterEffect);
    let error = queue.lease(10, Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error.fault, Fault::Nonsense);
    assert!(clock.now() > "2026-02-13T10:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn a_token_that_is_not_one_is_a_fault_of_ours() {
    let (_, sandbox, clock) = sandboxed(Settings::default());
    let wires = sandbox.wires(clock, Arc::new(SeededRandom::new(7)));
    let cloudflare = Cloudflare::builder(wires, "invalid".to_owned().into(), "acc").build();
    assert_eq!(cloudflare.queues().await.unwrap_err().fault, Fault::Credentials);
}
