//! The conformance suite of [`Queue`]: a function per promise, each on an empty queue.
//!
//! ```text
//! async fn make(name: &'static str) -> (impl Queue, Arc<VirtualClock>) { .. }
//! wib_core::queue_suite!(make);           // one named test per case; time passes while an adapter waits
//! wib_core::queue_suite!(still make);     // time passes only when the case says so
//! async fn serve(name: &'static str, unit: Duration) -> Option<(impl Queue, impl Send)> { .. }
//! wib_core::queue_suite!(real serve);     // a server's own time; the second is what keeps it up; None: skipped, and said
//! ```

#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::time::Duration;

use bytes::Bytes;

use crate::{
    kit::{Clock, SystemClock, VirtualClock, time},
    ports::{
        Fault, Queue, Sent,
        queue::{Leased, Outgoing},
    },
};

/// Makes one test per case; see the module.
#[macro_export]
macro_rules! queue_suite {
    (@cases $what:ident $make:path) => {
        $crate::queue_suite! { @each $what $make:
            a_message_comes_as_it_went_and_is_gone_when_done
            a_delayed_message_waits
            a_leased_message_is_hidden_until_its_lease_ends
            a_message_that_is_given_back_waits_its_delay
            no_more_is_leased_than_was_asked_for
            what_does_not_fit_is_refused
            after_its_last_attempt_a_message_is_a_dead_letter
            a_buried_message_is_replayed
            a_key_is_handed_on_once
            the_depth_is_told_where_it_is_known
        }
    };
    (@each $what:ident $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            $crate::queue_suite!(@one $what $make, $case);
        })+
    };
    (@one passing $make:path, $case:ident) => {
        let (queue, clock) = $make(stringify!($case)).await;
        let time = $crate::testing::queue_suite::Passage::of(&clock);
        $crate::testing::while_time_passes(&clock, $crate::testing::queue_suite::$case(&queue, &time)).await;
    };
    (@one still $make:path, $case:ident) => {
        if let Some((queue, clock, _held)) = $make(stringify!($case)).await {
            let time = $crate::testing::queue_suite::Passage::of(&clock);
            $crate::testing::queue_suite::$case(&queue, &time).await;
        }
    };
    (@one real $make:path, $case:ident) => {
        let time = $crate::testing::queue_suite::Passage::real();
        if let Some((queue, _held)) = $make(stringify!($case), time.unit()).await {
            $crate::testing::queue_suite::$case(&queue, &time).await;
        }
    };
    (still $make:path) => { $crate::queue_suite!(@cases still $make); };
    (real $make:path) => { $crate::queue_suite!(@cases real $make); };
    ($make:path) => { $crate::queue_suite!(@cases passing $make); };
}

/// How time passes in a case: counted in seconds, which are shorter where they are real.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a>(Option<&'a VirtualClock>);
impl<'a> Passage<'a> {
    /// On a clock that is moved.
    #[must_use]
    pub fn of(clock: &'a VirtualClock) -> Self {
        Self(Some(clock))
    }
    /// By itself.
    #[must_use]
    pub fn real() -> Self {
        Self(None)
    }
    /// What the cases call a second.
    #[must_use]
    pub fn unit(&self) -> Duration {
        if self.0.is_some() { Duration::from_secs(1) } else { Duration::from_millis(100) }
    }
    /// What a message is leased for, in the cases' seconds.
    pub const LEASE: u32 = 30;

    fn seconds(&self, seconds: u32) -> Duration {
        self.unit() * seconds
    }
    async fn pass(&self, seconds: u32) {
        match self.0 {
            Some(clock) => clock.advance(self.seconds(seconds)),
            None => SystemClock.sleep_until(time::after(SystemClock.now(), self.seconds(seconds))).await,
        }
    }
    /// Goes on to just before that many seconds are over. Real time is not cut so close.
    async fn nearly(&self, seconds: u32) {
        if self.0.is_some() {
            self.pass(seconds - 1).await;
        }
    }
    /// What comes when those seconds, of which all but one may be over, are over.
    async fn comes(&self, queue: &dyn Queue, seconds: u32) -> Vec<Leased> {
        self.pass(if self.0.is_some() { 2 } else { seconds }).await;
        for _ in 0..200 {
            let leased = self.lease(queue).await;
            if !leased.is_empty() || self.0.is_some() {
                return leased;
            }
            self.pass(1).await;
        }
        vec![]
    }
    async fn lease(&self, queue: &dyn Queue) -> Vec<Leased> {
        queue.lease(10, self.seconds(Self::LEASE)).await.unwrap()
    }
    fn delayed(&self, body: &'static str, seconds: u32) -> Outgoing {
        Outgoing { delay: self.seconds(seconds), ..body.into() }
    }
}

fn bodies(leased: &[Leased]) -> Vec<&[u8]> {
    leased.iter().map(|message| &message.body[..]).collect()
}

/// Whatever its bytes.
pub async fn a_message_comes_as_it_went_and_is_gone_when_done(queue: &dyn Queue, time: &Passage<'_>) {
    for body in
        [Bytes::from_static("plain ü".as_bytes()), Bytes::from((0..=255).collect::<Vec<u8>>()), "base64:AA==".into()]
    {
        queue.enqueue(&Outgoing { body: body.clone(), ..Outgoing::default() }).await.unwrap();
        let leased = time.lease(queue).await;
        assert_eq!(leased.len(), 1);
        assert_eq!((&leased[0].body, leased[0].attempts), (&body, 1));
        assert!(queue.ack(&leased[0].token).await.unwrap());
        assert!(!queue.ack(&leased[0].token).await.unwrap());
        time.pass(2 * Passage::LEASE).await;
        assert_eq!(time.lease(queue).await, []);
    }
}

/// Alone and in a batch.
pub async fn a_delayed_message_waits(queue: &dyn Queue, time: &Passage<'_>) {
    queue.enqueue(&time.delayed("late", 20)).await.unwrap();
    queue.enqueue_batch(&[time.delayed("later", 60), "now".into()]).await.unwrap();
    let mut leased = time.lease(queue).await;
    for (expected, until) in [("now", 20), ("late", 40), ("later", 0)] {
        assert_eq!(bodies(&leased), [expected.as_bytes()]);
        assert_eq!(leased[0].attempts, 1);
        assert!(queue.ack(&leased[0].token).await.unwrap());
        if until > 0 {
            time.nearly(until).await;
            leased = time.comes(queue, until).await;
        }
    }
}

/// Then it comes again, by another token, and the first holder has lost it.
pub async fn a_leased_message_is_hidden_until_its_lease_ends(queue: &dyn Queue, time: &Passage<'_>) {
    queue.enqueue(&"work".into()).await.unwrap();
    let first = time.lease(queue).await.remove(0);
    time.nearly(Passage::LEASE).await;
    assert_eq!(time.lease(queue).await, []);
    let second = time.comes(queue, Passage::LEASE).await.remove(0);
    assert_eq!((&second.id, second.attempts), (&first.id, 2));
    assert_ne!(second.token, first.token);
    assert!(!queue.ack(&first.token).await.unwrap());
    assert!(!queue.retry(&first.token, Duration::ZERO).await.unwrap());
    assert!(queue.ack(&second.token).await.unwrap());
}

/// And counts one attempt more.
pub async fn a_message_that_is_given_back_waits_its_delay(queue: &dyn Queue, time: &Passage<'_>) {
    queue.enqueue(&"work".into()).await.unwrap();
    let first = time.lease(queue).await.remove(0);
    assert!(queue.retry(&first.token, time.seconds(100)).await.unwrap());
    time.nearly(100).await;
    assert_eq!(time.lease(queue).await, []);
    let second = time.comes(queue, 100).await.remove(0);
    assert_eq!((&second.body, second.attempts), (&first.body, 2));
    assert!(queue.retry(&second.token, Duration::ZERO).await.unwrap());
    assert_eq!(time.lease(queue).await.remove(0).attempts, 3);
}

/// What is left over is there for the next.
pub async fn no_more_is_leased_than_was_asked_for(queue: &dyn Queue, time: &Passage<'_>) {
    let bodies = ["a", "b", "c", "d", "e"];
    queue.enqueue_batch(&bodies.map(Outgoing::from)).await.unwrap();
    let mut seen = Vec::new();
    for expected in [2, 2, 1, 0] {
        let leased = queue.lease(2, time.seconds(Passage::LEASE)).await.unwrap();
        assert_eq!(leased.len(), expected);
        seen.extend(leased.into_iter().map(|message| message.body));
    }
    seen.sort();
    assert_eq!(seen, bodies);
}

/// Too much, too many, too long: none of it leaves.
pub async fn what_does_not_fit_is_refused(queue: &dyn Queue, time: &Passage<'_>) {
    let caps = queue.caps();
    let (second, lease) = (Duration::from_secs(1), time.seconds(Passage::LEASE));
    let sized = |bytes| Outgoing { body: vec![b'x'; bytes].into(), ..Outgoing::default() };
    let many = vec![Outgoing::from("x"); caps.batch + 1];
    let heavy = vec![sized(caps.message_bytes); caps.batch_bytes / caps.message_bytes + 1];
    let refused = [
        queue.enqueue(&sized(caps.message_bytes + 1)).await,
        queue.enqueue(&Outgoing { delay: caps.longest_delay + second, .."x".into() }).await,
        queue.enqueue_batch(&[]).await,
        queue.enqueue_batch(&many).await,
        queue.enqueue_batch(&heavy).await,
        queue.lease(0, lease).await.map(drop),
        queue.lease(caps.batch + 1, lease).await.map(drop),
        queue.lease(1, Duration::ZERO).await.map(drop),
        queue.lease(1, caps.longest_lease + second).await.map(drop),
    ];
    for (at, error) in refused.into_iter().map(Result::unwrap_err).enumerate() {
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{at}");
    }
    queue.enqueue(&sized(caps.message_bytes)).await.unwrap();
    assert_eq!(time.lease(queue).await.len(), 1);
}

/// It comes no more, until it is replayed.
pub async fn after_its_last_attempt_a_message_is_a_dead_letter(queue: &dyn Queue, time: &Passage<'_>) {
    let Some(attempts) = queue.caps().attempts.filter(|_| queue.caps().dead_letters) else {
        println!("skipped: {} does not say when a message is dead", queue.vendor());
        return;
    };
    queue.enqueue(&"poison".into()).await.unwrap();
    assert_eq!(time.lease(queue).await.remove(0).attempts, 1);
    for attempt in 2..=attempts {
        time.nearly(Passage::LEASE).await;
        assert_eq!(time.comes(queue, Passage::LEASE).await.remove(0).attempts, attempt);
    }
    // Somebody must look before it is found to be spent.
    let mut replayed = 0;
    for _ in 0..200 {
        time.pass(Passage::LEASE).await;
        assert_eq!(time.lease(queue).await, []);
        replayed = queue.replay(10).await.unwrap();
        if replayed > 0 {
            break;
        }
    }
    assert_eq!(replayed, 1);
    let again = time.lease(queue).await.remove(0);
    assert_eq!((&again.body[..], again.attempts), (&b"poison"[..], 1));
}

/// As many as were asked for; refused where no dead letters are kept.
pub async fn a_buried_message_is_replayed(queue: &dyn Queue, time: &Passage<'_>) {
    if !queue.caps().dead_letters {
        println!("skipped: {} keeps no dead letters", queue.vendor());
        let error = queue.replay(1).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
        return;
    }
    queue.enqueue_batch(&["a".into(), "b".into()]).await.unwrap();
    for message in time.lease(queue).await {
        assert!(queue.bury(&message).await.unwrap());
        assert!(!queue.ack(&message.token).await.unwrap());
    }
    time.pass(2 * Passage::LEASE).await;
    assert_eq!(time.lease(queue).await, []);
    assert_eq!((queue.replay(1).await.unwrap(), time.lease(queue).await.len()), (1, 1));
    assert_eq!((queue.replay(10).await.unwrap(), time.lease(queue).await.len()), (1, 1));
    assert_eq!(queue.replay(10).await.unwrap(), 0);
}

/// Where keys are remembered; another key is another message.
pub async fn a_key_is_handed_on_once(queue: &dyn Queue, time: &Passage<'_>) {
    let keyed = |key: &str| Outgoing { key: Some(key.to_owned()), .."work".into() };
    for key in ["a", "a", "b"] {
        queue.enqueue(&keyed(key)).await.unwrap();
    }
    queue.enqueue_batch(&[keyed("b"), keyed("c")]).await.unwrap();
    let expected = if queue.caps().keys { 3 } else { 5 };
    let leased = time.lease(queue).await;
    assert_eq!(leased.len(), expected);
    for message in leased {
        assert!(queue.ack(&message.token).await.unwrap());
    }
    queue.enqueue(&keyed("a")).await.unwrap();
    assert_eq!(time.lease(queue).await.len(), usize::from(!queue.caps().keys), "also when it is done");
}

/// Waiting and leased, not dead.
pub async fn the_depth_is_told_where_it_is_known(queue: &dyn Queue, time: &Passage<'_>) {
    let Some(empty) = queue.depth().await.unwrap() else {
        println!("skipped: {} does not tell its depth", queue.vendor());
        return;
    };
    assert_eq!(empty, 0);
    queue.enqueue_batch(&["a".into(), "b".into(), "c".into()]).await.unwrap();
    let leased = queue.lease(2, time.seconds(Passage::LEASE)).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Some(3));
    assert!(queue.ack(&leased[0].token).await.unwrap());
    assert!(queue.bury(&leased[1]).await.unwrap());
    assert_eq!(queue.depth().await.unwrap(), Some(1));
}
