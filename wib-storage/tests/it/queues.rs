//! The suite of queues, on the store's tables and on NATS; and what is particular to either.

use std::{sync::Arc, time::Duration};

use wib_core::{
    kit::{Clock, OsRandom, SecretString, SystemClock, VirtualClock},
    ports::{
        Fault, Queue, Sent,
        queue::{LeaseToken, Outgoing},
    },
};
use wib_storage::{
    SqlStore, StoreQueue,
    nats::{Nats, NatsQueue},
    testing::{
        PgStore, memory_store, postgres_store,
        servers::{Program, Server},
    },
};

const LEASE: Duration = Duration::from_secs(30);

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new("2026-06-01T17:30:00Z".parse().unwrap()))
}
fn queue(store: &SqlStore, name: &str, clock: &Arc<VirtualClock>) -> StoreQueue {
    StoreQueue::new(store, name, clock.clone(), Arc::new(OsRandom))
}

mod sqlite {
    use super::*;
    async fn make(_: &'static str) -> Option<(StoreQueue, Arc<VirtualClock>, ())> {
        let clock = clock();
        Some((queue(&memory_store(clock.clone()).await, "work", &clock), clock, ()))
    }
    wib_core::queue_suite!(still make);
}

mod postgres {
    use super::*;
    async fn make(name: &'static str) -> Option<(StoreQueue, Arc<VirtualClock>, PgStore)> {
        let clock = clock();
        let store = postgres_store(name, clock.clone()).await?;
        Some((queue(&store, "work", &clock), clock, store))
    }
    wib_core::queue_suite!(still make);
}

mod nats {
    use super::*;
    async fn make(name: &'static str, unit: Duration) -> Option<(NatsQueue, Server)> {
        let server = Server::start(name, Program::Nats)?;
        let nats = connect(&server).await;
        let lease = unit * 30;
        Some((NatsQueue::open(&nats, "work", lease, Arc::new(SystemClock)).await.unwrap(), server))
    }
    wib_core::queue_suite!(real make);
}

async fn connect(server: &Server) -> Nats {
    Nats::connect(&SecretString::from(format!("nats://{}", server.address()))).await.unwrap()
}

/// Two queues of one store, on whichever database.
async fn are_apart(store: &SqlStore) {
    let clock = clock();
    let (ours, theirs) = (queue(store, "ours", &clock), queue(store, "theirs", &clock));
    ours.enqueue(&"a".into()).await.unwrap();
    theirs.enqueue(&"b".into()).await.unwrap();
    let leased = ours.lease(10, LEASE).await.unwrap();
    assert_eq!(leased.iter().map(|m| &m.body[..]).collect::<Vec<_>>(), [b"a"]);
    assert!(!theirs.ack(&leased[0].token).await.unwrap(), "a token is of one queue");
    assert!(theirs.replay(10).await.unwrap() == 0 && theirs.depth().await.unwrap() == Some(1));
    for nonsense in ["", "x", "x/1", "00000000-0000-0000-0000-000000000000/x"] {
        assert!(!ours.ack(&LeaseToken(nonsense.to_owned())).await.unwrap());
    }
    assert!(ours.ack(&leased[0].token).await.unwrap());
}

#[tokio::test]
async fn queues_of_one_store_are_apart() {
    are_apart(&memory_store(clock()).await).await;
    if let Some(store) = postgres_store("queues_of_one_store_are_apart", clock()).await {
        are_apart(&store).await;
    }
}

#[tokio::test]
async fn many_workers_take_each_message_once() {
    let Some(store) = postgres_store("many_workers_take_each_message_once", clock()).await else { return };
    let clock = clock();
    let queue = queue(&store, "work", &clock);
    for chunk in (0..200u32).collect::<Vec<_>>().chunks(50) {
        let body = |n: &u32| Outgoing { body: n.to_string().into_bytes().into(), ..Outgoing::default() };
        queue.enqueue_batch(&chunk.iter().map(body).collect::<Vec<_>>()).await.unwrap();
    }
    let worker = async || {
        let mut mine = Vec::new();
        loop {
            let leased = queue.lease(5, LEASE).await.unwrap();
            if leased.is_empty() {
                return mine;
            }
            for message in leased {
                assert!(queue.ack(&message.token).await.unwrap());
                mine.push(String::from_utf8(message.body.to_vec()).unwrap().parse::<u32>().unwrap());
            }
        }
    };
    let (a, b, c) = tokio::join!(worker(), worker(), worker());
    let mut all = [a, b, c].concat();
    all.sort_unstable();
    assert_eq!(all, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_that_is_full_refuses_and_takes_again_when_there_is_room() {
    let Some(server) = Server::start("a_stream_that_is_full_refuses", Program::Nats) else { return };
    let nats = connect(&server).await;
    let queue = NatsQueue::open(&nats, "work", LEASE, Arc::new(SystemClock)).await.unwrap();
    // The same limit as ever, on a stream that an operator made smaller.
    let context = async_nats::jetstream::new(async_nats::connect(server.address().to_string()).await.unwrap());
    let mut config = context.get_stream("work").await.unwrap().cached_info().config.clone();
    config.max_messages = 3;
    context.update_stream(config).await.unwrap();
    for _ in 0..3 {
        queue.enqueue(&"x".into()).await.unwrap();
    }
    let error = queue.enqueue(&"one too many".into()).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::RateLimited, Sent::Refused), "{error}");
    assert!(error.retryable());
    let leased = queue.lease(1, LEASE).await.unwrap();
    assert!(queue.ack(&leased[0].token).await.unwrap());
    queue.enqueue(&"now".into()).await.unwrap();
}

#[tokio::test]
async fn what_nats_was_handed_outlives_its_server() {
    let Some(mut server) = Server::start("what_nats_was_handed_outlives_its_server", Program::Nats) else { return };
    let nats = connect(&server).await;
    let queue = NatsQueue::open(&nats, "work", Duration::from_secs(2), Arc::new(SystemClock)).await.unwrap();
    queue.enqueue_batch(&["a".into(), "b".into()]).await.unwrap();
    let held = queue.lease(1, Duration::from_secs(2)).await.unwrap().remove(0);
    server.stop();
    let error = queue.enqueue(&"lost".into()).await.unwrap_err();
    assert!(error.retryable(), "{error:?}");
    assert!(server.again());
    // The one that was held comes again when its lease has ended; the other at once.
    let mut seen = Vec::new();
    for _ in 0..600 {
        match queue.lease(5, Duration::from_secs(2)).await {
            Ok(leased) => {
                for message in leased {
                    queue.ack(&message.token).await.unwrap();
                    seen.push((String::from_utf8(message.body.to_vec()).unwrap(), message.attempts > 1));
                }
            }
            Err(error) => assert!(error.retryable(), "{error:?}"),
        }
        if ["a", "b"].iter().all(|body| seen.iter().any(|(its, _)| its == body)) {
            break;
        }
        SystemClock.sleep_until(wib_core::kit::time::after(SystemClock.now(), Duration::from_millis(50))).await;
    }
    let held = String::from_utf8(held.body.to_vec()).unwrap();
    assert!(seen.contains(&(held, true)), "{seen:?}");
}
