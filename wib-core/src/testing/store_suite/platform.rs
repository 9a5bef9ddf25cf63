//! What belongs to no organisation: sign-in, the inbox, the queue, jobs.

use super::*;

/// Found by id and by address; memberships oldest first.
pub async fn members_and_users_answer(store: &dyn Store) {
    let (user, organization) = (User { platform_admin: true, ..a_user() }, an_organization());
    let other = an_organization();
    system!(store, |tx| {
        tx.insert_user(&user).await.expect("added");
        tx.insert_organization(&organization).await.expect("added");
        tx.insert_organization(&other).await.expect("added");
        let member = |org: &Organization, seconds| Member {
            id: id(),
            organization_id: org.id,
            user_id: user.id,
            role: Role::Owner,
            created_at: at(seconds),
        };
        let (late, early) = (member(&organization, 9), member(&other, 1));
        tx.insert_member(&late).await.expect("added");
        tx.insert_member(&early).await.expect("added");
        assert_eq!(tx.memberships(user.id).await.expect("read"), [early, late]);
        assert_eq!(tx.user(user.id).await.expect("read").as_ref(), Some(&user));
        assert_eq!(tx.user_by_email(&user.email).await.expect("read").as_ref(), Some(&user));
        assert_eq!(tx.user_by_email("nobody@example.org").await.expect("read"), None);
        assert_eq!(tx.organization(organization.id).await.expect("read"), Some(organization));
        tx.set_password_hash(user.id, "new").await.expect("changed");
        assert_eq!(tx.user(user.id).await.expect("read").expect("it is there").password_hash, "new");
        assert_eq!(kind_of(tx.set_password_hash(id(), "new").await), Kind::NotFound);
    });
}

/// By hand, or by time.
pub async fn sessions_end(store: &dyn Store) {
    let t = tenant(store).await;
    let session = |hash: &str, until| Session {
        id: id(),
        token_hash: hash.to_owned(),
        user_id: t.user,
        organization_id: Some(t.org),
        fingerprint: Some("f".to_owned()),
        created_at: at(0),
        expires_at: at(until),
    };
    let (short, long) =
        (session("short", 10), Session { organization_id: None, fingerprint: None, ..session("long", 99) });
    system!(store, |tx| {
        tx.insert_session(&short).await.expect("added");
        tx.insert_session(&long).await.expect("added");
        assert_eq!(tx.session_by_hash("short").await.expect("read"), Some(short));
        assert_eq!(tx.session_by_hash("long").await.expect("read"), Some(long));
        tx.put_token("reset", "old", at(5)).await.expect("kept");
        tx.put_token("reset", "new", at(50)).await.expect("kept");
        assert_eq!(tx.delete_expired(at(20)).await.expect("removed"), 2);
        assert_eq!(tx.session_by_hash("short").await.expect("read"), None);
        assert!(tx.take_token("reset", "new", at(20)).await.expect("taken"));
        tx.delete_session("long").await.expect("ended");
        tx.delete_session("long").await.expect("ended twice is fine");
        assert_eq!(tx.session_by_hash("long").await.expect("read"), None);
    });
}

/// By one of many, before its end, for its purpose.
pub async fn a_token_is_used_once(store: &dyn Store) {
    system!(store, |tx| {
        tx.put_token("reset", "h", at(10)).await.expect("kept");
        assert!(!tx.take_token("reset", "h", at(10)).await.expect("asked"), "it ends at that instant");
        assert!(!tx.take_token("invite", "h", at(1)).await.expect("asked"));
        assert!(!tx.take_token("reset", "x", at(1)).await.expect("asked"));
    });
    let taken =
        join_all((0..6).map(async |_| system!(store, |tx| tx.take_token("reset", "h", at(1)).await.expect("asked"))))
            .await;
    assert_eq!(taken.iter().filter(|t| **t).count(), 1);
}

/// The first one of a hash stays.
pub async fn a_pack_of_rules_is_kept_once(store: &dyn Store) {
    let pack = |text: &str, seconds| KeptPack {
        hash: "sha256:aa".to_owned(),
        version: "2026-11 \"é\"".to_owned(),
        text: text.to_owned(),
        created_at: at(seconds),
    };
    let (first, second) = (pack("{}", 1), pack("{\"other\":true}", 2));
    system!(store, |tx| assert!(tx.keep_pack(&first).await.expect("kept")));
    system!(store, |tx| {
        assert!(!tx.keep_pack(&second).await.expect("asked"));
        assert_eq!(tx.kept_pack(&first.hash).await.expect("read"), Some(first.clone()));
        assert_eq!(tx.kept_pack("sha256:bb").await.expect("read"), None);
    });
}

/// A repeat is known by the vendor's id; the event and its message come together.
pub async fn the_inbox_receives_once(store: &dyn Store) {
    let event = Event { id: "ev-1".to_owned(), body: EventBody::Other("ping \"é\"".to_owned()) };
    let first: Id<InboxEvent> = id();
    let received = join_all([first, id(), id()].map(async |id| {
        system!(store, |tx| (id, tx.receive(id, "sandbox", &event, b"\x00\xff{}", at(1)).await.expect("received")))
    }))
    .await;
    let new: Vec<_> = received.iter().filter(|(_, new)| *new).map(|(id, _)| *id).collect();
    let [kept] = new[..] else { panic!("received {} times", new.len()) };
    system!(store, |tx| {
        assert!(tx.receive(id(), "other", &event, b"", at(2)).await.expect("received"), "ids are a vendor's own");
        let found = tx.inbox_event(kept).await.expect("read").expect("it is there");
        assert_eq!(
            found,
            InboxEvent { id: kept, vendor: "sandbox".to_owned(), event: event.clone(), received_at: at(1) }
        );
        assert_eq!(tx.inbox_event(id()).await.expect("read"), None);
        let due = tx.lease(at(3), hour(), 9).await.expect("leased");
        assert_eq!(due.len(), 2, "a message for each");
        assert!(due.iter().all(|m| m.topic == Topic::ApplyEvent && m.organization_id.is_none()));
        assert_eq!(due[0].payload, json!({ "inbox_id": kept }));
        assert_eq!(due[0].key, kept.to_string());
    });
}

/// The same topic and key: once in an organisation, once without, once in another.
pub async fn a_key_is_queued_once_per_organisation(store: &dyn Store) {
    let (a, b) = (tenant(store).await, tenant(store).await);
    let message = a_message(Topic::Dial, "k", 5);
    for org in [a.org, b.org] {
        org!(store, org, |tx| {
            assert!(tx.enqueue(&message).await.expect("queued"));
            assert!(!tx.enqueue(&message).await.expect("known"));
            assert!(tx.enqueue(&a_message(Topic::Seal, "k", 5)).await.expect("queued"));
        });
    }
    system!(store, |tx| {
        assert!(!tx.enqueue(Some(a.org), &message).await.expect("known"));
        assert!(tx.enqueue(None, &message).await.expect("queued") && !tx.enqueue(None, &message).await.expect("known"));
        let due = tx.lease(at(5), hour(), 99).await.expect("leased");
        assert_eq!(due.len(), 5);
        let ours =
            due.iter().find(|m| m.organization_id == Some(a.org) && m.topic == Topic::Dial).expect("it is there");
        assert_eq!((&ours.key, &ours.payload, ours.attempts, ours.run_at), (&message.key, &message.payload, 1, at(5)));
        assert_eq!((ours.started_at, &ours.last_error), (None, &None));
    });
}

/// Twelve workers, sixty messages, oldest first.
pub async fn no_two_workers_lease_the_same_message(store: &dyn Store) {
    system!(store, |tx| for n in 0..60 {
        assert!(tx.enqueue(None, &a_message(Topic::Dial, &format!("{n}"), n)).await.expect("queued"));
    });
    let shares =
        join_all((0..12).map(async |_| system!(store, |tx| tx.lease(at(99), hour(), 5).await.expect("leased")))).await;
    let all: Vec<_> = shares.iter().flatten().map(|m| m.id).collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(all.len(), distinct.len(), "no message twice");
    assert!(shares.iter().all(|s| s.len() <= 5 && s.is_sorted_by_key(|m| m.run_at)));
    let left = system!(store, |tx| tx.lease(at(99), hour(), 99).await.expect("leased"));
    assert_eq!(all.len() + left.len(), 60, "no message lost");
    system!(store, |tx| {
        assert!(tx.enqueue(None, &a_message(Topic::Dial, "later", 200)).await.expect("queued"));
        assert!(tx.lease(at(199), hour(), 9).await.expect("leased").is_empty(), "not before its time");
        assert_eq!(tx.lease(at(200), hour(), 9).await.expect("leased").len(), 1);
    });
}

async fn leased(store: &dyn Store, seconds: i64) -> Message {
    let mut due = system!(store, |tx| tx.lease(at(seconds), Duration::from_secs(10), 1).await.expect("leased"));
    due.pop().expect("one is due")
}

/// What the first worker says afterwards changes nothing.
pub async fn an_ended_lease_returns_and_its_holder_loses_it(store: &dyn Store) {
    system!(store, |tx| tx.enqueue(None, &a_message(Topic::Dial, "k", 0)).await.expect("queued"));
    let slow = leased(store, 0).await;
    system!(store, |tx| assert!(tx.lease(at(9), hour(), 9).await.expect("leased").is_empty()));
    let quick = leased(store, 10).await;
    assert_eq!((quick.id, quick.attempts), (slow.id, 2));
    system!(store, |tx| {
        assert!(!tx.mark_started(&slow, at(11)).await.expect("asked"));
        tx.acknowledge(&slow, at(11)).await.expect("too late");
        tx.retry(&slow, at(99), "slow", false, true).await.expect("too late");
        tx.bury(&slow, at(11), "slow").await.expect("too late");
        assert!(tx.mark_started(&quick, at(11)).await.expect("asked"), "the second holder has it still");
        tx.acknowledge(&quick, at(12)).await.expect("done");
        assert!(tx.lease(at(999), hour(), 9).await.expect("leased").is_empty(), "done is done");
        assert!(!tx.enqueue(None, &a_message(Topic::Dial, "k", 0)).await.expect("asked"), "its key stays taken");
    });
}

/// Not after its end, not when done.
pub async fn a_start_is_marked_only_on_a_lease_that_holds(store: &dyn Store) {
    system!(store, |tx| tx.enqueue(None, &a_message(Topic::Dial, "k", 0)).await.expect("queued"));
    let held = leased(store, 0).await;
    system!(store, |tx| {
        assert!(!tx.mark_started(&held, at(10)).await.expect("asked"), "the lease ended at that instant");
        assert!(tx.mark_started(&held, at(9)).await.expect("asked"));
    });
    let again = leased(store, 10).await;
    assert_eq!(again.started_at, Some(at(9)), "whoever is next knows that a request left");
    system!(store, |tx| {
        tx.acknowledge(&again, at(11)).await.expect("done");
        assert!(!tx.mark_started(&again, at(12)).await.expect("asked"));
    });
}

/// Its time, its reason, its mark, its count.
pub async fn a_retry_waits_and_counts_as_it_is_told(store: &dyn Store) {
    system!(store, |tx| tx.enqueue(None, &a_message(Topic::Dial, "k", 0)).await.expect("queued"));
    let first = leased(store, 0).await;
    system!(store, |tx| {
        assert!(tx.mark_started(&first, at(1)).await.expect("asked"));
        tx.retry(&first, at(20), "no answer", true, true).await.expect("put back");
        assert!(tx.lease(at(19), hour(), 9).await.expect("leased").is_empty());
    });
    let second = leased(store, 20).await;
    assert_eq!((second.attempts, second.started_at, second.run_at), (2, Some(at(1)), at(20)));
    assert_eq!(second.last_error.as_deref(), Some("no answer"));
    system!(store, |tx| tx.retry(&second, at(40), "closed", false, false).await.expect("put back"));
    let third = leased(store, 40).await;
    assert_eq!((third.attempts, third.started_at), (2, None), "a wait uses up no try");
    system!(store, |tx| {
        tx.acknowledge(&second, at(41)).await.expect("too late");
        assert!(
            tx.mark_started(&third, at(41)).await.expect("asked"),
            "the earlier lease of the same count is another"
        );
    });
}

/// Given up, listed, put back once.
pub async fn dead_letters_are_replayed(store: &dyn Store) {
    system!(store, |tx| for n in [2, 1] {
        assert!(tx.enqueue(None, &a_message(Topic::Dial, &format!("{n}"), n)).await.expect("queued"));
    });
    let due = system!(store, |tx| tx.lease(at(5), hour(), 9).await.expect("leased"));
    system!(store, |tx| for m in &due {
        tx.bury(m, at(6), "no such number").await.expect("buried");
    });
    system!(store, |tx| {
        assert!(tx.lease(at(9999), hour(), 9).await.expect("leased").is_empty());
        let dead = tx.dead_letters(None, 9).await.expect("read");
        assert_eq!(dead.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["1", "2"], "oldest first");
        assert_eq!(dead[0].last_error.as_deref(), Some("no such number"));
        assert_eq!(tx.dead_letters(None, 1).await.expect("read").len(), 1);
        assert_eq!(tx.dead_letters(Some(Topic::Dial), 9).await.expect("read").len(), 2);
        assert!(tx.dead_letters(Some(Topic::Seal), 9).await.expect("read").is_empty());
        assert!(tx.replay(dead[0].id, at(50)).await.expect("replayed"));
        assert!(!tx.replay(dead[0].id, at(50)).await.expect("asked"), "it is none any more");
        assert!(!tx.replay(id(), at(50)).await.expect("asked"));
        let again = tx.lease(at(50), hour(), 9).await.expect("leased");
        assert_eq!(again.iter().map(|m| (m.id, m.attempts)).collect::<Vec<_>>(), [(dead[0].id, 1)], "with fresh tries");
    });
}

/// It is shown however it stands; a dead one is dropped once, and its key stays taken.
pub async fn a_message_is_shown_and_a_dead_letter_dropped(store: &dyn Store) {
    let t = tenant(store).await;
    system!(store, |tx| {
        assert_eq!(tx.message(id()).await.expect("read"), None);
        assert!(tx.enqueue(Some(t.org), &a_message(Topic::Dial, "k", 0)).await.expect("queued"));
    });
    let held = leased(store, 0).await;
    system!(store, |tx| {
        let (shown, status) = tx.message(held.id).await.expect("read").expect("it is there");
        assert_eq!((shown, status), (held.clone(), MessageStatus::Leased));
        assert!(!tx.drop_letter(held.id, at(1)).await.expect("asked"), "it is none yet");
        tx.bury(&held, at(2), "no such number").await.expect("buried");
        assert_eq!(tx.message(held.id).await.expect("read").map(|(_, status)| status), Some(MessageStatus::Dead));
        assert!(tx.drop_letter(held.id, at(3)).await.expect("dropped"));
        assert!(!tx.drop_letter(held.id, at(4)).await.expect("asked"), "it is none any more");
        assert!(!tx.drop_letter(id(), at(4)).await.expect("asked"));
        assert!(!tx.replay(held.id, at(4)).await.expect("asked"));
        assert!(tx.dead_letters(None, 9).await.expect("read").is_empty());
        let (shown, status) = tx.message(held.id).await.expect("read").expect("it is there");
        assert_eq!((status, shown.last_error.as_deref()), (MessageStatus::Done, Some("no such number")));
        assert!(!tx.enqueue(Some(t.org), &a_message(Topic::Dial, "k", 0)).await.expect("known"));
        assert_eq!(tx.purge(at(4)).await.expect("purged"), 1);
        assert_eq!(tx.message(held.id).await.expect("read"), None);
    });
}

/// What was taken and not begun goes back as if it had not been: due at once, with its mark, without a try used up.
pub async fn a_lease_that_was_not_begun_goes_back(store: &dyn Store) {
    system!(store, |tx| tx.enqueue(None, &a_message(Topic::Dial, "k", 0)).await.expect("queued"));
    let first = leased(store, 0).await;
    system!(store, |tx| {
        assert!(tx.mark_started(&first, at(1)).await.expect("asked"));
        tx.retry(&first, at(5), "no answer", true, true).await.expect("put back");
    });
    let second = leased(store, 5).await;
    system!(store, |tx| {
        assert!(!tx.release(&first).await.expect("asked"), "the lease is another's");
        assert!(tx.release(&second).await.expect("given back"));
        assert!(!tx.release(&second).await.expect("asked"), "once");
        tx.acknowledge(&second, at(6)).await.expect("too late");
    });
    let third = leased(store, 6).await;
    assert_eq!(third, Message { attempts: 2, run_at: at(5), ..second });
    assert_eq!(third.started_at, Some(at(1)));
}

/// By topic: what waits, and what a worker left; not what is to come, done or dead.
pub async fn the_oldest_due_message_of_each_topic_is_told(store: &dyn Store) {
    system!(store, |tx| {
        for (topic, key, due) in [(Topic::Dial, "a", 5), (Topic::Dial, "b", 7), (Topic::Seal, "a", 90)] {
            assert!(tx.enqueue(None, &a_message(topic, key, due)).await.expect("queued"));
        }
        assert!(tx.oldest_due(at(4)).await.expect("read").is_empty());
        assert_eq!(tx.oldest_due(at(60)).await.expect("read"), [(Topic::Dial, at(5))]);
        let held = tx.lease(at(8), Duration::from_secs(10), 9).await.expect("leased");
        assert!(tx.oldest_due(at(17)).await.expect("read").is_empty(), "both are in hand");
        assert_eq!(tx.oldest_due(at(99)).await.expect("read"), [(Topic::Dial, at(18)), (Topic::Seal, at(90))]);
        tx.acknowledge(&held[0], at(9)).await.expect("done");
        tx.bury(&held[1], at(9), "x").await.expect("buried");
        assert_eq!(tx.oldest_due(at(99)).await.expect("read"), [(Topic::Seal, at(90))]);
    });
}

/// A database that is up to date lacks nothing.
pub async fn no_step_is_missing(store: &dyn Store) {
    assert_eq!(store.missing_steps().await.expect("read"), 0);
}

/// Messages by topic and status; the end of a lease is a due time too.
pub async fn depths_and_the_next_due_time_are_told(store: &dyn Store) {
    system!(store, |tx| {
        assert_eq!(tx.next_due().await.expect("read"), None);
        assert!(tx.queue_depths().await.expect("read").is_empty());
        for (topic, key, due) in [(Topic::Dial, "a", 5), (Topic::Dial, "b", 7), (Topic::Seal, "a", 90)] {
            assert!(tx.enqueue(None, &a_message(topic, key, due)).await.expect("queued"));
        }
        assert_eq!(tx.next_due().await.expect("read"), Some(at(5)));
        let due = tx.lease(at(8), Duration::from_secs(60), 9).await.expect("leased");
        assert_eq!(tx.next_due().await.expect("read"), Some(at(68)));
        tx.acknowledge(&due[0], at(9)).await.expect("done");
        tx.bury(&due[1], at(9), "x").await.expect("buried");
        assert_eq!(tx.next_due().await.expect("read"), Some(at(90)));
        let mut depths = tx.queue_depths().await.expect("read");
        depths.sort_by_key(|d| (d.topic, d.status));
        let one = |topic, status| QueueDepth { topic, status, count: 1 };
        let expected = [
            one(Topic::Dial, MessageStatus::Done),
            one(Topic::Dial, MessageStatus::Dead),
            one(Topic::Seal, MessageStatus::Ready),
        ];
        assert_eq!(depths, expected);
    });
}

/// Done and old goes; the rest stays.
pub async fn purging_spares_what_is_not_done(store: &dyn Store) {
    let event = |n: u8| Event { id: format!("ev-{n}"), body: EventBody::Other("x".to_owned()) };
    let (applied, waiting): (Id<InboxEvent>, Id<InboxEvent>) = (id(), id());
    system!(store, |tx| {
        assert!(tx.receive(applied, "sandbox", &event(1), b"{}", at(0)).await.expect("received"));
        assert!(tx.receive(waiting, "sandbox", &event(2), b"{}", at(1)).await.expect("received"));
    });
    let first = leased(store, 1).await;
    system!(store, |tx| tx.acknowledge(&first, at(2)).await.expect("done"));
    system!(store, |tx| assert_eq!(tx.purge(at(0)).await.expect("purged"), 0, "too young"));
    system!(store, |tx| {
        assert_eq!(tx.purge(at(100)).await.expect("purged"), 2, "the event and its message");
        assert_eq!(tx.inbox_event(applied).await.expect("read"), None);
        assert!(tx.inbox_event(waiting).await.expect("read").is_some());
        assert_eq!(tx.purge(at(100)).await.expect("purged"), 0);
        assert_eq!(tx.lease(at(200), hour(), 9).await.expect("leased").len(), 1);
    });
}

/// Until it ends or is given back; the holder may renew.
pub async fn a_job_has_one_holder(store: &dyn Store) {
    let minute = Duration::from_secs(60);
    let nodes = ["a", "b", "c", "d"];
    let got = join_all(
        nodes.map(async |node| system!(store, |tx| tx.lease_job("sweep", node, at(0), minute).await.expect("asked"))),
    )
    .await;
    assert_eq!(got.iter().filter(|g| **g).count(), 1);
    let holder = nodes[got.iter().position(|g| *g).expect("one has it")];
    system!(store, |tx| {
        assert!(tx.lease_job("other", "x", at(0), minute).await.expect("asked"), "jobs are apart");
        assert!(tx.lease_job("sweep", holder, at(30), minute).await.expect("asked"), "renewed");
        assert!(!tx.lease_job("sweep", "x", at(89), minute).await.expect("asked"));
        tx.release_job("sweep", "x").await.expect("not its to give");
        assert!(!tx.lease_job("sweep", "x", at(89), minute).await.expect("asked"));
        assert!(tx.lease_job("sweep", "x", at(90), minute).await.expect("asked"), "it ended at that instant");
        tx.release_job("sweep", "x").await.expect("given back");
        assert!(tx.lease_job("sweep", "y", at(91), minute).await.expect("asked"));
    });
}

fn a_run(job: &str, due: i64) -> JobRun {
    JobRun {
        id: id(),
        job: job.to_owned(),
        node: "n1".to_owned(),
        due_at: at(due),
        started_at: at(due + 1),
        ended_at: None,
        outcome: RunOutcome::Running,
        processed: 0,
        errors: 0,
        error: None,
    }
}

/// By the tick it stands for.
pub async fn runs_of_a_job_are_completed_and_the_last_is_told(store: &dyn Store) {
    let (late, early) = (a_run("sweep", 60), a_run("sweep", 0));
    system!(store, |tx| {
        assert_eq!(tx.last_run("sweep").await.expect("read"), None);
        tx.put_run(&late).await.expect("put");
        tx.put_run(&early).await.expect("put");
        assert_eq!(tx.last_run("sweep").await.expect("read").as_ref(), Some(&late));
        let (outcome, ended_at) = (RunOutcome::Failed, Some(at(70)));
        let done = JobRun { ended_at, outcome, processed: 3, errors: 2, error: Some("half".to_owned()), ..late };
        tx.put_run(&done).await.expect("completed");
        assert_eq!(tx.last_run("sweep").await.expect("read"), Some(done));
        assert_eq!(tx.last_run("other").await.expect("read"), None);
    });
}

/// By job, outcome and time; what a dead node left running is broken.
pub async fn runs_are_read_back_broken_and_purged(store: &dyn Store) {
    let done = JobRun { ended_at: Some(at(5)), outcome: RunOutcome::Ok, ..a_run("sweep", 0) };
    let (first, second, other) = (a_run("sweep", 60), a_run("sweep", 120), a_run("other", 90));
    system!(store, |tx| {
        for run in [&done, &first, &second, &other] {
            tx.put_run(run).await.expect("put");
        }
        let ids = |runs: Vec<JobRun>| runs.into_iter().map(|run| run.id).collect::<Vec<_>>();
        assert_eq!(ids(tx.runs_since("sweep", at(0), 9).await.expect("read")), [done.id, first.id, second.id]);
        assert_eq!(ids(tx.runs_since("sweep", at(60), 1).await.expect("read")), [first.id]);
        assert_eq!(ids(tx.history(None, None, 3).await.expect("read")), [second.id, other.id, first.id]);
        let ok = tx.history(Some("sweep"), Some(RunOutcome::Ok), 9).await.expect("read");
        assert_eq!(ok, std::slice::from_ref(&done));
        assert_eq!(tx.break_runs("sweep", at(200)).await.expect("broken"), 2);
        assert_eq!(tx.break_runs("sweep", at(201)).await.expect("broken"), 0);
        let broken = tx.history(Some("sweep"), Some(RunOutcome::Broken), 9).await.expect("read");
        assert_eq!(broken.iter().map(|run| run.ended_at).collect::<Vec<_>>(), [Some(at(200)); 2]);
        assert!(broken.iter().all(|run| run.error.is_some()));
        let running = tx.history(Some("other"), None, 9).await.expect("read");
        assert_eq!(running, std::slice::from_ref(&other), "another job's goes on");
        assert_eq!(tx.purge_runs(at(100)).await.expect("purged"), 1);
        assert_eq!(tx.purge_runs(at(900)).await.expect("purged"), 2);
        assert_eq!(tx.history(None, None, 9).await.expect("read"), [other], "what goes on stays");
    });
}

/// Two leases ahead is further than any clock of ours could have put it. An operator may break any.
pub async fn a_lease_of_a_clock_that_went_ahead_holds_nobody_up(store: &dyn Store) {
    let minute = Duration::from_secs(60);
    system!(store, |tx| {
        assert!(tx.lease_job("sweep", "ahead", at(100_000), minute).await.expect("asked"));
        assert!(tx.lease_job("sweep", "b", at(0), minute).await.expect("asked"), "it is taken over");
        assert!(!tx.lease_job("sweep", "c", at(59), minute).await.expect("asked"));
        assert!(!tx.lease_job("sweep", "c", at(-59), minute).await.expect("asked"), "a clock somewhat behind");
        assert!(!tx.lease_job("sweep", "ahead", at(0), minute).await.expect("asked"));
        tx.break_job("sweep").await.expect("broken");
        assert!(tx.lease_job("sweep", "c", at(0), minute).await.expect("asked"));
    });
}

/// Of that topic alone, dead ones alone.
pub async fn dead_letters_of_a_topic_are_removed(store: &dyn Store) {
    let t = tenant(store).await;
    org!(store, t.org, |tx| {
        for (topic, key) in [(Topic::WriteAudit, "a"), (Topic::WriteAudit, "b"), (Topic::Seal, "c")] {
            tx.enqueue(&a_message(topic, key, 0)).await.expect("queued");
        }
    });
    system!(store, |tx| {
        let leased = tx.lease(at(1), hour(), 9).await.expect("leased");
        for message in leased.iter().filter(|m| m.key != "b") {
            tx.bury(message, at(2), "no").await.expect("buried");
        }
        let dead = tx.dead_letters(Some(Topic::WriteAudit), 9).await.expect("read");
        assert_eq!(dead.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["a"]);
        let alive = leased.iter().find(|m| m.key == "b").expect("leased");
        assert!(!tx.remove_letter(alive.id).await.expect("asked"), "it is not dead");
        assert!(tx.remove_letter(dead[0].id).await.expect("removed"));
        assert!(!tx.remove_letter(dead[0].id).await.expect("asked"));
        assert!(tx.dead_letters(Some(Topic::WriteAudit), 9).await.expect("read").is_empty());
        assert_eq!(tx.dead_letters(None, 9).await.expect("read").len(), 1);
    });
}

/// By its organisation, topic and key; when it is due and free; by one.
pub async fn one_message_is_leased_by_its_key_when_it_is_due(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let minute = Duration::from_secs(60);
    for org in [t.org, other.org] {
        org!(store, org, |tx| assert!(tx.enqueue(&a_message(Topic::Dial, "k", 5)).await.expect("queued")));
    }
    let take = async |topic, key: &'static str, seconds| {
        system!(store, |tx| tx.lease_one(t.org, topic, key, at(seconds), minute).await.expect("asked"))
    };
    assert_eq!(take(Topic::Dial, "k", 4).await, None, "it is not due");
    assert_eq!(take(Topic::Dial, "other", 5).await, None);
    assert_eq!(take(Topic::Seal, "k", 5).await, None);
    let taken = join_all((0..4).map(async |_| take(Topic::Dial, "k", 5).await)).await;
    let taken: Vec<_> = taken.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1, "by one");
    assert_eq!((taken[0].organization_id, taken[0].attempts), (Some(t.org), 1));
    system!(store, |tx| {
        let rest = tx.lease(at(6), minute, 9).await.expect("leased");
        assert_eq!(rest.iter().map(|m| m.organization_id).collect::<Vec<_>>(), [Some(other.org)], "the other is there");
        assert!(tx.mark_started(&taken[0], at(7)).await.expect("marked"), "the lease is a lease");
        tx.acknowledge(&taken[0], at(8)).await.expect("done");
    });
    assert_eq!(take(Topic::Dial, "k", 99).await, None, "it is done");
}
