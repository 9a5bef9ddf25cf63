//! The conformance suite of [`Queue`]: a function per promise, each on an empty queue whose time is a virtual clock.
//!
//! ```text
//! async fn make(name: &'static str) -> (impl Queue, Arc<VirtualClock>) { .. }
//! wib_core::queue_suite!(make);                                    // one named test per case
//! ```

#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::time::Duration;

use bytes::Bytes;

use crate::{
    kit::VirtualClock,
    ports::{
        Fault, Queue, Sent,
        queue::{Leased, Outgoing},
    },
};

/// Makes one test per case. `make` is an `async fn(&'static str) -> (impl Queue, Arc<VirtualClock>)`: an empty queue for
/// the case of that name.
#[macro_export]
macro_rules! queue_suite {
    ($make:path) => {
        $crate::queue_suite! { @cases $make:
            a_message_comes_as_it_went_and_is_gone_when_done
            a_delayed_message_waits
            a_leased_message_is_hidden_until_its_lease_ends
            a_message_that_is_given_back_waits_its_delay
            no_more_is_leased_than_was_asked_for
            what_does_not_fit_is_refused
            after_its_last_attempt_a_message_is_a_dead_letter
            a_buried_message_is_replayed
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            let (queue, clock) = $make(stringify!($case)).await;
            $crate::testing::while_time_passes(&clock, $crate::testing::queue_suite::$case(&queue, &clock)).await;
        })+
    };
}

const LEASE: Duration = Duration::from_secs(30);

async fn lease(queue: &dyn Queue) -> Vec<Leased> {
    queue.lease(10, LEASE).await.unwrap()
}
fn delayed(body: &'static str, seconds: u64) -> Outgoing {
    Outgoing { delay: Duration::from_secs(seconds), ..body.into() }
}

/// Whatever its bytes.
pub async fn a_message_comes_as_it_went_and_is_gone_when_done(queue: &dyn Queue, clock: &VirtualClock) {
    for body in
        [Bytes::from_static("plain ü".as_bytes()), Bytes::from((0..=255).collect::<Vec<u8>>()), "base64:AA==".into()]
    {
        queue.enqueue(&Outgoing { body: body.clone(), delay: Duration::ZERO }).await.unwrap();
        let leased = lease(queue).await;
        assert_eq!(leased.len(), 1);
        assert_eq!((&leased[0].body, leased[0].attempts), (&body, 1));
        assert!(queue.ack(&leased[0].token).await.unwrap());
        assert!(!queue.ack(&leased[0].token).await.unwrap());
        clock.advance(2 * LEASE);
        assert_eq!(lease(queue).await, []);
    }
}

/// Alone and in a batch.
pub async fn a_delayed_message_waits(queue: &dyn Queue, clock: &VirtualClock) {
    queue.enqueue(&delayed("late", 20)).await.unwrap();
    queue.enqueue_batch(&[delayed("later", 40), "now".into()]).await.unwrap();
    for expected in ["now", "late", "later"] {
        let leased = lease(queue).await;
        assert_eq!(leased.iter().map(|message| &message.body[..]).collect::<Vec<_>>(), [expected.as_bytes()]);
        assert!(queue.ack(&leased[0].token).await.unwrap());
        clock.advance(Duration::from_secs(21));
    }
}

/// Then it comes again, by another token, and the first holder has lost it.
pub async fn a_leased_message_is_hidden_until_its_lease_ends(queue: &dyn Queue, clock: &VirtualClock) {
    queue.enqueue(&"work".into()).await.unwrap();
    let first = lease(queue).await.remove(0);
    clock.advance(LEASE - Duration::from_secs(1));
    assert_eq!(lease(queue).await, []);
    clock.advance(Duration::from_secs(2));
    let second = lease(queue).await.remove(0);
    assert_eq!((&second.id, second.attempts), (&first.id, 2));
    assert_ne!(second.token, first.token);
    assert!(!queue.ack(&first.token).await.unwrap());
    assert!(!queue.retry(&first.token, Duration::ZERO).await.unwrap());
    assert!(queue.ack(&second.token).await.unwrap());
}

/// And counts one attempt more.
pub async fn a_message_that_is_given_back_waits_its_delay(queue: &dyn Queue, clock: &VirtualClock) {
    queue.enqueue(&"work".into()).await.unwrap();
    let first = lease(queue).await.remove(0);
    assert!(queue.retry(&first.token, Duration::from_secs(100)).await.unwrap());
    clock.advance(Duration::from_secs(99));
    assert_eq!(lease(queue).await, []);
    clock.advance(Duration::from_secs(2));
    let second = lease(queue).await.remove(0);
    assert_eq!((&second.body, second.attempts), (&first.body, 2));
    assert!(queue.retry(&second.token, Duration::ZERO).await.unwrap());
    assert_eq!(lease(queue).await.remove(0).attempts, 3);
}

/// What is left over is there for the next.
pub async fn no_more_is_leased_than_was_asked_for(queue: &dyn Queue, _clock: &VirtualClock) {
    let bodies = ["a", "b", "c", "d", "e"];
    queue.enqueue_batch(&bodies.map(Outgoing::from)).await.unwrap();
    let mut seen = Vec::new();
    for expected in [2, 2, 1, 0] {
        let leased = queue.lease(2, LEASE).await.unwrap();
        assert_eq!(leased.len(), expected);
        seen.extend(leased.into_iter().map(|message| message.body));
    }
    seen.sort();
    assert_eq!(seen, bodies);
}

/// Too much, too many, too long: none of it leaves.
pub async fn what_does_not_fit_is_refused(queue: &dyn Queue, _clock: &VirtualClock) {
    let caps = queue.caps();
    let second = Duration::from_secs(1);
    let sized = |bytes| Outgoing { body: vec![b'x'; bytes].into(), delay: Duration::ZERO };
    let many = vec![Outgoing::from("x"); caps.batch + 1];
    let heavy = vec![sized(caps.message_bytes); caps.batch_bytes / caps.message_bytes + 1];
    let refused = [
        queue.enqueue(&sized(caps.message_bytes + 1)).await,
        queue.enqueue(&Outgoing { delay: caps.longest_delay + second, .."x".into() }).await,
        queue.enqueue_batch(&[]).await,
        queue.enqueue_batch(&many).await,
        queue.enqueue_batch(&heavy).await,
        queue.lease(0, LEASE).await.map(drop),
        queue.lease(caps.batch + 1, LEASE).await.map(drop),
        queue.lease(1, Duration::ZERO).await.map(drop),
        queue.lease(1, caps.longest_lease + second).await.map(drop),
    ];
    for (at, error) in refused.into_iter().map(Result::unwrap_err).enumerate() {
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{at}");
    }
    queue.enqueue(&sized(caps.message_bytes)).await.unwrap();
    assert_eq!(lease(queue).await.len(), 1);
}

/// It comes no more, until it is replayed.
pub async fn after_its_last_attempt_a_message_is_a_dead_letter(queue: &dyn Queue, clock: &VirtualClock) {
    let Some(attempts) = queue.caps().attempts.filter(|_| queue.caps().dead_letters) else {
        println!("skipped: {} does not say when a message is dead", queue.vendor());
        return;
    };
    queue.enqueue(&"poison".into()).await.unwrap();
    for attempt in 1..=attempts {
        assert_eq!(lease(queue).await.remove(0).attempts, attempt);
        clock.advance(LEASE + Duration::from_secs(1));
    }
    assert_eq!(lease(queue).await, []);
    assert_eq!(queue.replay(10).await.unwrap(), 1);
    let again = lease(queue).await.remove(0);
    assert_eq!((&again.body[..], again.attempts), (&b"poison"[..], 1));
}

/// As many as were asked for; refused where no dead letters are kept.
pub async fn a_buried_message_is_replayed(queue: &dyn Queue, clock: &VirtualClock) {
    if !queue.caps().dead_letters {
        println!("skipped: {} keeps no dead letters", queue.vendor());
        let error = queue.replay(1).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
        return;
    }
    queue.enqueue_batch(&["a".into(), "b".into()]).await.unwrap();
    for message in lease(queue).await {
        assert!(queue.bury(&message).await.unwrap());
        assert!(!queue.ack(&message.token).await.unwrap());
    }
    clock.advance(2 * LEASE);
    assert_eq!(lease(queue).await, []);
    assert_eq!((queue.replay(1).await.unwrap(), lease(queue).await.len()), (1, 1));
    assert_eq!((queue.replay(10).await.unwrap(), lease(queue).await.len()), (1, 1));
    assert_eq!(queue.replay(10).await.unwrap(), 0);
}
