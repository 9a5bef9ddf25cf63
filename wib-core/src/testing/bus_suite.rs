//! The conformance suite of [`Bus`]: a function per promise, each between two nodes.
//!
//! ```text
//! async fn make(name: &'static str) -> Option<Nodes> { .. }   // None: skipped, and `make` has said so
//! wib_core::bus_suite!(make);                                 // one named test per case
//! wib_core::bus_suite!(make, outages);                        // and one for a bus whose server can be lost
//! ```

#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::{any::Any, fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{
    kit::{Clock, Id, OsRandom, SystemClock, time},
    live::{LiveEvent, LiveKind},
    orgs::OrganizationId,
    ports::{
        Bus, Fault,
        bus::{Channel, Heard, Hearing, Hub, Note},
    },
};

/// Makes one test per case; see the module.
#[macro_export]
macro_rules! bus_suite {
    ($make:path) => {
        $crate::bus_suite! { @cases $make:
            what_one_node_tells_every_node_hears
            a_publisher_is_heard_in_its_order
            organisations_are_apart
            a_slow_listener_is_told_of_a_gap
            who_listens_no_longer_is_forgotten
            listeners_are_bounded
        }
    };
    ($make:path, outages) => {
        $crate::bus_suite!($make);
        $crate::bus_suite! { @cases $make: an_outage_is_told_as_a_gap_and_then_it_goes_on }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(nodes) = $make(stringify!($case)).await {
                $crate::testing::bus_suite::$case(nodes).await;
            }
        })+
    };
}

/// A node's end of a bus.
#[derive(Clone, Debug)]
pub struct Node {
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// Its listeners.
    pub hub: Hub,
}

/// Two nodes on one bus; in one process they are one.
pub struct Nodes {
    /// Who tells.
    pub a: Node,
    /// Who hears.
    pub b: Node,
    /// Loses the server for a while, for both.
    pub lose: Option<BoxFuture<'static, ()>>,
    /// What keeps the server up.
    pub held: Box<dyn Any + Send>,
}
impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nodes({:?})", self.a.bus)
    }
}

/// How long anything may take before a test says that it never came.
const PATIENCE: Duration = Duration::from_secs(60);

fn organization() -> OrganizationId {
    Id::new(SystemClock.now(), &OsRandom)
}
fn note(organization_id: OrganizationId, seq: i64) -> Note {
    let (call_id, subject_id) = (Id::new(SystemClock.now(), &OsRandom), Uuid::from_u128(seq.unsigned_abs().into()));
    let created_at = time::microseconds(SystemClock.now());
    Note::Live(LiveEvent { organization_id, seq, kind: LiveKind::Call, call_id, subject_id, created_at })
}
async fn next(hearing: &mut Hearing) -> Heard {
    time::timeout(&SystemClock, PATIENCE, hearing.next()).await.expect("something is heard")
}
fn seq(heard: Heard) -> i64 {
    match heard {
        Heard::Note(Note::Live(event)) => event.seq,
        other => panic!("{other:?} was heard"),
    }
}

/// The teller too; as it was told.
pub async fn what_one_node_tells_every_node_hears(nodes: Nodes) {
    let ours = organization();
    let mut all = [&nodes.a, &nodes.b, &nodes.b].map(|n| n.bus.subscribe(Channel::Organization(ours)).unwrap());
    let mut workers = [&nodes.a, &nodes.b].map(|n| n.bus.subscribe(Channel::Work).unwrap());
    let said = note(ours, 1);
    nodes.a.bus.publish(&said).unwrap();
    nodes.a.bus.publish(&Note::Work).unwrap();
    for hearing in &mut all {
        assert_eq!(next(hearing).await, Heard::Note(said));
    }
    for hearing in &mut workers {
        assert_eq!(next(hearing).await, Heard::Note(Note::Work));
    }
}

/// However many there are, while the listener keeps up.
pub async fn a_publisher_is_heard_in_its_order(nodes: Nodes) {
    let ours = organization();
    let mut hearing = nodes.b.bus.subscribe(Channel::Organization(ours)).unwrap();
    for burst in 0..10 {
        for n in 0..100 {
            nodes.a.bus.publish(&note(ours, burst * 100 + n)).unwrap();
        }
        for n in 0..100 {
            assert_eq!(seq(next(&mut hearing).await), burst * 100 + n);
        }
    }
}

/// Not one note of another is heard.
pub async fn organisations_are_apart(nodes: Nodes) {
    let (ours, theirs) = (organization(), organization());
    let mut hearing = nodes.b.bus.subscribe(Channel::Organization(ours)).unwrap();
    let mut foreign = nodes.b.bus.subscribe(Channel::Organization(theirs)).unwrap();
    for n in 0..50 {
        nodes.a.bus.publish(&note(if n % 2 == 0 { ours } else { theirs }, n)).unwrap();
    }
    nodes.a.bus.publish(&Note::Work).unwrap();
    for n in 0..25 {
        assert_eq!((seq(next(&mut hearing).await), seq(next(&mut foreign).await)), (2 * n, 2 * n + 1));
    }
}

/// It hears of a gap in place of what it missed, then the newest; it holds nobody up and nothing grows.
pub async fn a_slow_listener_is_told_of_a_gap(nodes: Nodes) {
    let ours = organization();
    let mut slow = nodes.b.bus.subscribe(Channel::Organization(ours)).unwrap();
    let mut quick = nodes.b.bus.subscribe(Channel::Organization(ours)).unwrap();
    for n in 0..1000 {
        nodes.a.bus.publish(&note(ours, n)).unwrap();
        assert_eq!(seq(next(&mut quick).await), n);
    }
    assert_eq!(next(&mut slow).await, Heard::Gap);
    let first = seq(next(&mut slow).await);
    assert!(first > 0, "something was missed");
    for n in first + 1..1000 {
        assert_eq!(seq(next(&mut slow).await), n);
    }
}

/// And whoever listens afterwards hears nothing of before.
pub async fn who_listens_no_longer_is_forgotten(nodes: Nodes) {
    let ours = organization();
    let before = nodes.b.hub.heard();
    let first = nodes.b.bus.subscribe(Channel::Organization(ours)).unwrap();
    let second = nodes.b.bus.subscribe(Channel::Organization(ours)).unwrap();
    assert_eq!(nodes.b.hub.heard(), before + 1);
    drop(first);
    assert_eq!(nodes.b.hub.heard(), before + 1, "somebody listens still");
    let mut second = second;
    nodes.a.bus.publish(&note(ours, 1)).unwrap();
    assert_eq!(seq(next(&mut second).await), 1);
    drop(second);
    assert_eq!(nodes.b.hub.heard(), before);
    let mut third = nodes.b.bus.subscribe(Channel::Organization(ours)).unwrap();
    nodes.a.bus.publish(&note(ours, 2)).unwrap();
    assert_eq!(seq(next(&mut third).await), 2);
}

/// One too many is refused, until another has gone.
pub async fn listeners_are_bounded(nodes: Nodes) {
    let channel = Channel::Organization(organization());
    let mut all = Vec::new();
    let refused = loop {
        match nodes.b.bus.subscribe(channel) {
            Ok(hearing) => all.push(hearing),
            Err(error) => break error,
        }
        assert!(all.len() <= 1_000_000, "somebody is refused");
    };
    assert_eq!(refused.fault, Fault::RateLimited);
    all.pop();
    assert!(nodes.b.bus.subscribe(channel).is_ok());
}

/// What was told meanwhile may be lost, and is said to be.
pub async fn an_outage_is_told_as_a_gap_and_then_it_goes_on(mut nodes: Nodes) {
    let ours = organization();
    let mut hearing = nodes.b.bus.subscribe(Channel::Organization(ours)).unwrap();
    nodes.a.bus.publish(&note(ours, 1)).unwrap();
    assert_eq!(seq(next(&mut hearing).await), 1);
    nodes.lose.take().expect("the server can be lost").await;
    let _ = nodes.a.bus.publish(&note(ours, 2));
    // Before or behind the gap, once or not at all: who reads the rows at a gap misses nothing.
    while next(&mut hearing).await != Heard::Gap {}
    nodes.a.bus.publish(&note(ours, 3)).unwrap();
    loop {
        match next(&mut hearing).await {
            Heard::Note(Note::Live(event)) if event.seq == 3 => break,
            Heard::Note(Note::Live(event)) => assert_eq!(event.seq, 2),
            Heard::Gap => {
                // A gap may take the note with it; whoever asks again is told again.
                let _ = nodes.a.bus.publish(&note(ours, 3));
            }
            Heard::Note(Note::Work | Note::Speaking { .. }) => panic!("nobody told of work here"),
        }
    }
}
