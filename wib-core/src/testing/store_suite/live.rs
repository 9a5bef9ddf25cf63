//! What is told of calls, and what waits with a queue outside.

use super::*;
use crate::{
    live::{LiveEvent, LiveKind},
    ports::{
        Bus,
        bus::{Channel, Heard, LocalBus, Note},
    },
};

fn places(events: &[LiveEvent]) -> Vec<i64> {
    events.iter().map(|event| event.seq).collect()
}

/// As they were told, to whom they belong, from any place on; what is dropped is not told.
pub async fn what_is_told_is_read_in_order_by_its_organisation(store: &dyn Store) {
    let (a, b) = (tenant(store).await, tenant(store).await);
    let subjects = [(LiveKind::Call, a.call.uuid()), (LiveKind::Transcript, a.transcript.uuid())];
    org!(store, a.org, |tx| {
        assert_eq!(tx.newest_told().await.expect("read"), 0);
        for (kind, subject) in subjects {
            tx.tell(kind, a.call, subject);
            tx.tell(kind, a.call, subject);
        }
        assert_eq!(tx.newest_told().await.expect("read"), 0, "with the commit, not before");
    });
    let mut dropped = store.org(a.org).await.expect("opened");
    dropped.tell(LiveKind::Recording, a.call, a.recording.uuid());
    drop(dropped);
    org!(store, a.org, |tx| tx.tell(LiveKind::Analysis, a.call, a.call.uuid()));
    org!(store, a.org, |tx| {
        let told = tx.told_after(0, 9).await.expect("read");
        assert_eq!(places(&told), [1, 2, 3], "each once, without holes");
        assert_eq!(
            told.iter().map(|e| e.kind).collect::<Vec<_>>(),
            [LiveKind::Call, LiveKind::Transcript, LiveKind::Analysis]
        );
        assert!(told.iter().all(|e| e.organization_id == a.org && e.call_id == a.call));
        assert_eq!(told[1].subject_id, a.transcript.uuid());
        assert_eq!(places(&tx.told_after(1, 1).await.expect("read")), [2]);
        assert_eq!(tx.newest_told().await.expect("read"), 3);
    });
    org!(store, b.org, |tx| {
        assert_eq!((tx.told_after(0, 9).await.expect("read"), tx.newest_told().await.expect("read")), (vec![], 0));
        tx.tell(LiveKind::Call, b.call, b.call.uuid());
    });
    org!(store, b.org, |tx| assert_eq!(places(&tx.told_after(0, 9).await.expect("read")), [1], "its own places"));
    system!(store, |tx| assert!(tx.purge(Timestamp::MAX).await.expect("purged") >= 4));
    org!(store, a.org, |tx| {
        assert_eq!(tx.told_after(0, 9).await.expect("read"), []);
        assert_eq!(tx.newest_told().await.expect("read"), 3, "places are not given out twice");
    });
}

/// Whoever sees a place sees all before it, however many write, in whatever order they began; and the bus tells of each
/// in order.
pub async fn no_place_is_seen_before_those_before_it(store: &dyn Store) {
    const WRITERS: usize = 8;
    const COMMITS: usize = 12;
    let (t, other) = (tenant(store).await, tenant(store).await);
    let bus = LocalBus::default();
    let shared: std::sync::Arc<dyn Bus> = std::sync::Arc::new(bus.clone());
    store.tell_on(&shared);
    let mut hearing = bus.subscribe(Channel::Organization(t.org)).expect("heard");
    let writer = async |writer: usize| {
        for commit in 0..COMMITS {
            let mut tx = store.org(t.org).await.expect("opened");
            for _ in 0..=commit % 3 {
                let subject: Id<Call> = id();
                tx.tell(LiveKind::Call, t.call, subject.uuid());
            }
            // Something to wait for between the beginning and the end, another time for each.
            for _ in 0..(writer + commit) % 4 {
                tx.newest_told().await.expect("read");
            }
            if (writer + commit).is_multiple_of(5) {
                drop(tx);
            } else {
                tx.commit().await.expect("committed");
            }
            org!(store, other.org, |tx| tx.tell(LiveKind::Call, other.call, other.call.uuid()));
        }
    };
    let committed: usize = (0..WRITERS)
        .flat_map(|writer| (0..COMMITS).map(move |commit| (writer, commit)))
        .filter(|(writer, commit)| (writer + commit) % 5 != 0)
        .map(|(_, commit)| commit % 3 + 1)
        .sum();
    let reader = async {
        let mut seen = Vec::new();
        while seen.len() < committed {
            let after = seen.last().copied().unwrap_or(0);
            let rows = org!(store, t.org, |tx| tx.told_after(after, 7).await.expect("read"));
            seen.extend(places(&rows));
        }
        seen
    };
    let (_, seen) = tokio::join!(join_all((0..WRITERS).map(writer)), reader);
    let all: Vec<i64> = (1..).take(committed).collect();
    assert_eq!(seen, all, "no hole is ever read over");
    let mut told = BTreeSet::new();
    while told.len() < committed {
        match hearing.next().await {
            Heard::Note(Note::Live(event)) => assert!(told.insert(event.seq), "told once"),
            Heard::Note(Note::Work | Note::Speaking { .. }) => {}
            // Slower than the writers: the rest is not counted here.
            Heard::Gap => return,
        }
    }
    assert_eq!(told.into_iter().collect::<Vec<_>>(), all);
}

/// It is taken by one, once; it comes back by itself; what is not outside is not taken.
pub async fn what_waits_outside_is_taken_once_or_comes_back(store: &dyn Store) {
    let minute = Duration::from_secs(60);
    system!(store, |tx| assert!(tx.enqueue(None, &a_message(Topic::SubmitTranscript, "k", 0)).await.expect("queued")));
    let lease = async |seconds| system!(store, |tx| tx.lease(at(seconds), minute, 1).await.expect("leased")).pop();
    let take = async |id, topic, seconds| {
        system!(store, |tx| tx.take_handed(id, topic, at(seconds), minute).await.expect("asked"))
    };
    let first = lease(0).await.expect("one is due");
    assert_eq!(first.handed_at, None);
    assert_eq!(take(first.id, Topic::SubmitTranscript, 1).await, None, "a worker has it");
    system!(store, |tx| {
        assert!(tx.mark_started(&first, at(1)).await.expect("marked"));
        assert!(tx.hand_on(&first, at(300), None, true, false).await.expect("handed on"));
        assert!(!tx.hand_on(&first, at(900), None, true, false).await.expect("asked"), "it is held no longer");
    });
    assert_eq!(lease(299).await, None, "it waits outside");
    assert_eq!(take(first.id, Topic::Dial, 10).await, None);
    assert_eq!(take(id(), Topic::SubmitTranscript, 10).await, None);
    let taken = join_all((0..4).map(async |_| take(first.id, Topic::SubmitTranscript, 10).await)).await;
    let taken: Vec<_> = taken.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1, "by one");
    assert_eq!((taken[0].attempts, taken[0].started_at), (1, Some(at(1))), "handing on used up no try");
    assert!(taken[0].handed_at.is_some());
    // It fails, and is to come again from outside.
    system!(store, |tx| assert!(tx.hand_on(&taken[0], at(500), Some("busy"), false, true).await.expect("handed on")));
    let again = take(first.id, Topic::SubmitTranscript, 20).await.expect("it waits outside again");
    assert_eq!((again.attempts, again.started_at, again.last_error.as_deref()), (2, None, Some("busy")));
    system!(store, |tx| assert!(tx.hand_on(&again, at(500), None, false, true).await.expect("handed on")));
    assert_eq!(take(first.id, Topic::SubmitTranscript, 500).await, None, "from then on it is a worker's");
    let back = lease(500).await.expect("it came back");
    assert_eq!((back.attempts, back.last_error.as_deref()), (3, Some("busy")));
    assert!(back.handed_at.is_some(), "and says where it was");
    // Tried again here, it is not outside any more.
    system!(store, |tx| tx.retry(&back, at(600), "no", false, true).await.expect("put back"));
    assert_eq!(take(first.id, Topic::SubmitTranscript, 550).await, None);
    let last = lease(600).await.expect("one is due");
    assert_eq!(last.handed_at, None);
    system!(store, |tx| tx.acknowledge(&last, at(601)).await.expect("done"));
    assert_eq!(take(first.id, Topic::SubmitTranscript, 602).await, None, "what is done is done");
}
