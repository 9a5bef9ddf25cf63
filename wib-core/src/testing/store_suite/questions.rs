//! The questions of the slices, and the locks.

use super::*;

/// Checks a list's pages by number and by cursor against the whole.
fn joined<T: Clone + PartialEq + Debug>(whole: &[T], pages: &[Page<T>]) {
    let joined: Vec<T> = pages.iter().flat_map(|p| p.items.clone()).collect();
    assert_eq!(joined, whole, "pages join to the whole, in order");
    let total = i64::try_from(whole.len()).expect("a small list");
    for (n, page) in pages.iter().enumerate() {
        assert_eq!(page.total, total);
        assert_eq!(page.next.is_none(), n + 1 == pages.len(), "only the last page has none behind it");
    }
}

macro_rules! pages {
    ($tx:ident, $whole:expr, |$request:ident| $ask:expr) => {{
        let whole = $whole;
        for limit in [1u32, 3, 7, 200] {
            let mut by_number = vec![];
            for page in 1.. {
                let $request = PageRequest { limit, page, after: None };
                by_number.push($ask.await.expect("a page"));
                if by_number.last().is_some_and(|p| p.next.is_none()) {
                    break;
                }
            }
            joined(&whole, &by_number);
            let (mut by_cursor, mut after) = (vec![], None);
            loop {
                let $request = PageRequest { limit, page: 1, after };
                let page = $ask.await.expect("a page");
                after = page.next;
                by_cursor.push(page);
                if after.is_none() {
                    break;
                }
            }
            joined(&whole, &by_cursor);
            let $request = PageRequest { limit, page: 1000, after: None };
            let beyond = $ask.await.expect("a page");
            assert!(beyond.items.is_empty() && beyond.next.is_none());
        }
    }};
}

/// Newest first, ties by id, with and without statuses.
pub async fn pages_of_calls_join_to_the_whole(store: &dyn Store) {
    let t = tenant(store).await;
    let statuses = [CallStatus::Completed, CallStatus::Ringing, CallStatus::Failed];
    org!(store, t.org, |tx| for n in 0..21_usize {
        let seconds = i64::try_from(n / 4).expect("small");
        let call = Call { status: statuses[n % 3], created_at: at(100 + seconds), ..a_call(t.org, None, None) };
        tx.insert(&call).await.expect("a call is added");
    });
    org!(store, t.org, |tx| {
        let mut whole =
            tx.page_of_calls(&[], &PageRequest { limit: 200, ..PageRequest::default() }).await.expect("read").items;
        assert_eq!(whole.len(), 22);
        assert!(whole.is_sorted_by_key(|c| std::cmp::Reverse((c.created_at, c.id))), "newest first");
        pages!(tx, whole.clone(), |request| tx.page_of_calls(&[], &request));
        let every = <CallStatus as crate::kit::text::TextEnum>::ALL;
        pages!(tx, whole.clone(), |request| tx.page_of_calls(every, &request));
        whole.retain(|c| matches!(c.status, CallStatus::Ringing | CallStatus::Failed));
        assert_eq!(whole.len(), 14);
        let wanted = [CallStatus::Failed, CallStatus::Ringing, CallStatus::Failed];
        pages!(tx, whole.clone(), |request| tx.page_of_calls(&wanted, &request));
        pages!(tx, Vec::<Call>::new(), |request| tx.page_of_calls(&[CallStatus::Missed], &request));
    });
}

/// The other two lists.
pub async fn pages_of_recordings_and_of_the_audit_log_join_to_the_whole(store: &dyn Store) {
    let t = tenant(store).await;
    let other = a_call_kept(store, t.org).await;
    org!(store, t.org, |tx| for n in 0..12 {
        let call = if n % 3 == 0 { other } else { t.call };
        tx.insert(&Recording { created_at: at(100 + n / 3), ..a_recording(call) }).await.expect("a recording is added");
        tx.insert(&an_audit_event(100 + n / 3)).await.expect("an event is added");
    });
    org!(store, t.org, |tx| {
        let most = PageRequest { limit: 200, ..PageRequest::default() };
        let whole = tx.page_of_recordings(None, &most).await.expect("read").items;
        assert_eq!(whole.len(), 13);
        pages!(tx, whole.clone(), |request| tx.page_of_recordings(None, &request));
        let of_other: Vec<_> = whole.into_iter().filter(|r| r.call_id == other).collect();
        assert_eq!(of_other.len(), 4);
        pages!(tx, of_other.clone(), |request| tx.page_of_recordings(Some(other), &request));
        let log = tx.page_of_audit(&most).await.expect("read").items;
        assert!(log.len() == 12 && log.is_sorted_by_key(|e| std::cmp::Reverse((e.created_at, e.id))));
        pages!(tx, log.clone(), |request| tx.page_of_audit(&request));
    });
}

/// A call that is made meanwhile moves pages by number, not pages by cursor.
pub async fn a_page_by_cursor_is_stable_while_rows_arrive(store: &dyn Store) {
    let t = tenant(store).await;
    org!(store, t.org, |tx| for n in 0..5 {
        tx.insert(&Call { created_at: at(100 + n), ..a_call(t.org, None, None) }).await.expect("a call is added");
    });
    let request = PageRequest { limit: 3, ..PageRequest::default() };
    let first = org!(store, t.org, |tx| tx.page_of_calls(&[], &request).await.expect("read"));
    org!(store, t.org, |tx| tx
        .insert(&Call { created_at: at(500), ..a_call(t.org, None, None) })
        .await
        .expect("added"));
    let rest = PageRequest { after: first.next, ..request };
    let second = org!(store, t.org, |tx| tx.page_of_calls(&[], &rest).await.expect("read"));
    let ids: BTreeSet<_> = first.items.iter().chain(&second.items).map(|c| c.id).collect();
    assert_eq!((ids.len(), second.total), (6, 7), "no row twice, none left out");
}

/// Open ones only, oldest first, at most so many.
pub async fn open_debts_are_found_by_number(store: &dyn Store) {
    use crate::kit::text::TextEnum;
    let t = tenant(store).await;
    let stranger = a_person();
    org!(store, t.org, |tx| {
        tx.insert(&stranger).await.expect("a person is added");
        let both = a_phone(t.person, 5);
        tx.insert(&both).await.expect("a number is added");
        tx.insert(&PersonPhone { id: id(), person_id: stranger.id, ..both })
            .await
            .expect("a number may be two people's");
        for (n, status) in (0..).zip(AccountStatus::ALL) {
            tx.insert(&Account { status: *status, created_at: at(50 - n), ..an_account(stranger.id) })
                .await
                .expect("added");
        }
    });
    org!(store, t.org, |tx| {
        let found = tx.accounts_by_phone(&number(5), 10).await.expect("read");
        let open = [AccountStatus::Active, AccountStatus::Partial, AccountStatus::Disputed];
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|a| open.contains(&a.status)) && found.is_sorted_by_key(|a| (a.created_at, a.id)));
        assert_eq!(tx.accounts_by_phone(&number(5), 2).await.expect("read"), found[..2]);
        assert!(tx.accounts_by_phone(&number(6), 2).await.expect("read").is_empty());
    });
}

/// Oldest first, and a number that leaves the list.
pub async fn numbers_places_and_suppressions_answer(store: &dyn Store) {
    let t = tenant(store).await;
    org!(store, t.org, |tx| {
        for n in [3u32, 1, 2] {
            let created_at = at(i64::from(n));
            tx.insert(&PersonPhone { created_at, ..a_phone(t.person, n) }).await.expect("added");
            let place = PersonLocation {
                id: id(),
                person_id: t.person,
                source: LocationSource::Address,
                state: None,
                zone: None,
                text: Some(n.to_string()),
                created_at,
            };
            tx.insert(&place).await.expect("added");
        }
        let phones: Vec<_> = tx.phones(t.person.into(), 9).await.expect("read").into_iter().map(|p| p.phone).collect();
        assert_eq!(phones, [number(1), number(2), number(3)]);
        let places: Vec<_> =
            tx.locations(t.person.into(), 9).await.expect("read").into_iter().filter_map(|p| p.text).collect();
        assert_eq!(places, ["1", "2", "3"]);
        tx.insert(&a_suppression(9)).await.expect("added");
        assert!(tx.suppression(&number(9)).await.expect("read").is_some());
        assert!(tx.unsuppress(&number(9)).await.expect("lifted") && !tx.unsuppress(&number(9)).await.expect("gone"));
        assert!(tx.suppression(&number(9)).await.expect("read").is_none());
        let external = Account { external_id: Some("A-1".to_owned()), ..an_account(t.person) };
        tx.insert(&external).await.expect("added");
        assert_eq!(tx.account_by_external_id("A-1").await.expect("read"), Some(external));
    });
}

/// Of one source, one.
pub async fn a_timeline_line_and_a_usage_are_noted_once(store: &dyn Store) {
    let t = tenant(store).await;
    let (late, early) = (an_event(t.call, "b", 9), an_event(t.call, "a", 2));
    org!(store, t.org, |tx| {
        assert!(tx.note_event(&late).await.expect("noted") && tx.note_event(&early).await.expect("noted"));
        assert!(!tx.note_event(&an_event(t.call, "b", 1)).await.expect("known"));
        assert_eq!(tx.timeline(t.call).await.expect("read"), [early, late]);
        let (usage, other) =
            (a_usage(t.call, "voice"), Usage { kind: UsageKind::InputTokens, ..a_usage(t.call, "voice") });
        for usage in [&usage, &other, &Usage { quantity: 1, ..a_usage(t.call, "voice") }] {
            tx.note_usage(usage).await.expect("noted");
        }
        assert_eq!(tx.usage_of_call(t.call).await.expect("read"), [other, usage], "by source and kind");
    });
}

/// The row of a call, debt and kind stays one.
pub async fn the_ledger_is_corrected_not_doubled(store: &dyn Store) {
    let t = tenant(store).await;
    let first = a_contact(&t, ContactKind::Attempt, 10);
    let talk = a_contact(&t, ContactKind::Conversation, 12);
    org!(store, t.org, |tx| {
        tx.put_contact(&talk).await.expect("put");
        tx.put_contact(&first).await.expect("put");
        tx.put_contact(&Contact { id: id(), at: at(11), counts: false, ..first.clone() }).await.expect("corrected");
        let corrected = Contact { at: at(11), counts: false, ..first };
        assert_eq!(tx.contacts_of_call(t.call).await.expect("read"), [corrected.clone(), talk.clone()]);
        let since = async |tx: &mut dyn OrgTx, at| tx.ledger(t.person.into(), at, 9).await.expect("read");
        assert_eq!(since(&mut *tx, at(11)).await, [corrected, talk.clone()]);
        assert_eq!(since(&mut *tx, at(12)).await, [talk], "that instant is included");
        assert!(tx.ledger(id::<Person>().into(), at(0), 9).await.expect("read").is_empty());
    });
}

/// In this order, whatever else matches.
pub async fn legs_lead_to_their_call_by_leg_then_control_then_session(store: &dyn Store) {
    let t = tenant(store).await;
    let calls = [a_call_kept(store, t.org).await, a_call_kept(store, t.org).await, a_call_kept(store, t.org).await];
    let legs = calls.map(a_leg);
    org!(store, t.org, |tx| for leg in &legs {
        tx.insert(leg).await.expect("a leg is added");
    });
    let [by_leg, by_control, by_session] = &legs;
    let mut asked = Leg {
        leg_id: by_leg.leg_id.clone(),
        control_id: by_control.control_id.clone(),
        session_id: by_session.session_id.clone(),
    };
    system!(store, |tx| {
        let mut owner = async |leg: &Leg| {
            tx.owner_of_leg("sandbox", leg).await.expect("read").map(|o| (o.organization_id, o.record))
        };
        assert_eq!(owner(&asked).await, Some((t.org, by_leg.call_id.uuid())));
        asked.leg_id = Some("unknown".to_owned());
        assert_eq!(owner(&asked).await, Some((t.org, by_control.call_id.uuid())));
        asked.control_id = None;
        assert_eq!(owner(&asked).await, Some((t.org, by_session.call_id.uuid())));
        asked.session_id = None;
        assert_eq!(owner(&asked).await, None);
        assert_eq!(owner(&Leg::default()).await, None);
        assert_eq!(tx.owner_of_leg("other", &by_leg.names()).await.expect("read"), None, "names are a vendor's own");
        let owner = tx.owner_of_call(by_leg.call_id).await.expect("read").expect("it is known");
        assert_eq!((owner.organization_id, owner.record), (t.org, by_leg.call_id.uuid()));
        assert_eq!(tx.owner_of_call(id()).await.expect("read"), None);
    });
}

/// By vendor and the vendor's id.
pub async fn a_transcript_leads_to_its_job(store: &dyn Store) {
    let t = tenant(store).await;
    let job = TranscriptJob { vendor_id: Some("tr-1".to_owned()), ..a_transcript_job(t.call, t.recording) };
    org!(store, t.org, |tx| tx.insert(&job).await.expect("a job is added"));
    system!(store, |tx| {
        let owner = tx.owner_of_transcript("sandbox", "tr-1").await.expect("read").expect("it is known");
        assert_eq!((owner.organization_id, owner.record), (t.org, job.id.uuid()));
        assert_eq!(tx.owner_of_transcript("other", "tr-1").await.expect("read"), None);
    });
}

/// In their orders.
pub async fn versions_jobs_and_analyses_of_a_call_are_listed(store: &dyn Store) {
    let t = tenant(store).await;
    let (second, third) = (a_transcript(t.call, t.recording, 2), a_transcript(t.call, t.recording, 3));
    let recording = a_recording(t.call);
    org!(store, t.org, |tx| {
        tx.insert(&third).await.expect("added");
        tx.insert(&second).await.expect("added");
        tx.insert(&recording).await.expect("added");
        let versions: Vec<_> = tx.transcripts_of_call(t.call).await.expect("read").iter().map(|v| v.version).collect();
        assert_eq!(versions, [1, 2, 3]);
        let (late, early) = (
            TranscriptJob { created_at: at(20), ..a_transcript_job(t.call, t.recording) },
            a_transcript_job(t.call, recording.id),
        );
        tx.insert(&late).await.expect("added");
        tx.insert(&early).await.expect("added");
        assert_eq!(tx.transcript_job(recording.id).await.expect("read").as_ref(), Some(&early));
        assert_eq!(tx.transcript_jobs_of_call(t.call).await.expect("read"), [early, late]);
        let (late, early) =
            (Analysis { created_at: at(20), ..an_analysis(t.call, second.id) }, an_analysis(t.call, third.id));
        tx.insert(&late).await.expect("added");
        tx.insert(&early).await.expect("added");
        assert_eq!(tx.analyses_of_call(t.call).await.expect("read"), [early, late]);
        let listed = tx.recordings_of_call(t.call).await.expect("read");
        assert!(listed.len() == 2 && listed.is_sorted_by(|a, b| a.vendor_id <= b.vendor_id));
    });
}

/// By place, from behind a place, and by subject.
pub async fn the_chain_is_read_in_order(store: &dyn Store) {
    let t = tenant(store).await;
    let mut links = vec![];
    for seq in [2, 1, 3] {
        links.push(an_entry(a_call_kept(store, t.org).await, seq));
    }
    org!(store, t.org, |tx| {
        assert_eq!(tx.lock_chain_head().await.expect("read"), None);
        for link in &links {
            tx.insert(link).await.expect("a link is added");
        }
    });
    links.sort_by_key(|l| l.seq);
    org!(store, t.org, |tx| {
        assert_eq!(tx.lock_chain_head().await.expect("read").as_ref(), links.last());
        assert_eq!(tx.chain_after(0, 9).await.expect("read"), links);
        assert_eq!(tx.chain_after(1, 1).await.expect("read"), links[1..2]);
        let mut newest = async |call: CallId| tx.newest_entry(EntryKind::Call, call.uuid()).await.expect("read");
        assert_eq!(newest(links[0].call_id.expect("of a call")).await.as_ref(), links.first());
        assert_eq!(newest(t.call).await, None);
    });
}

/// A subject has each version once; other kinds do not disturb it.
pub async fn links_have_kinds_and_versions(store: &dyn Store) {
    use crate::kit::text::TextEnum;
    let t = tenant(store).await;
    let first = an_entry(t.call, 1);
    let next =
        |version, seq| EvidenceEntry { version, supersedes: Some(first.entry_hash.clone()), ..an_entry(t.call, seq) };
    let second = next(2, 2);
    org!(store, t.org, |tx| {
        tx.insert(&first).await.expect("added");
        tx.insert(&second).await.expect("added");
        for (kind, seq) in EntryKind::ALL.iter().zip(3..).filter(|(kind, _)| **kind != EntryKind::Call) {
            let row = EvidenceEntry { kind: *kind, call_id: None, ..an_entry(t.call, seq) };
            tx.insert(&row).await.expect("every kind can be kept");
        }
        let newest = tx.newest_entry(EntryKind::Call, t.call.uuid()).await.expect("read");
        assert_eq!(newest.as_ref(), Some(&second));
        let newest = tx.newest_entry(EntryKind::Pack, t.call.uuid()).await.expect("read");
        assert_eq!(newest.map(|entry| (entry.kind, entry.version)), Some((EntryKind::Pack, 1)));
    });
    for taken in [next(2, 20), next(3, 2)] {
        let mut tx = store.org(t.org).await.expect("opened");
        assert_eq!(tx.insert(&taken).await.expect_err("it is taken").kind(), Kind::Conflict);
    }
}

/// Up to a size, from behind a place by one signer, newest first.
pub async fn checkpoints_are_read_in_order_and_in_pages(store: &dyn Store) {
    let t = tenant(store).await;
    let made = |size, root: Option<&str>, seconds, signer: &str| Checkpoint {
        root: root.map(str::to_owned),
        signer: signer.to_owned(),
        created_at: at(seconds),
        ..a_checkpoint(size)
    };
    let (one, old, new, theirs) =
        (made(1, None, 1, "a"), made(3, None, 3, "a"), made(3, Some("r"), 2, "a"), made(4, Some("r"), 4, "b"));
    org!(store, t.org, |tx| {
        assert_eq!(tx.newest_checkpoint(i64::MAX).await.expect("read"), None);
        for row in [&theirs, &new, &old, &one] {
            tx.insert(row).await.expect("added");
        }
        for (most, found) in [(i64::MAX, Some(&theirs)), (3, Some(&new)), (2, Some(&one)), (0, None)] {
            assert_eq!(tx.newest_checkpoint(most).await.expect("read").as_ref(), found, "up to {most}");
        }
        let start = (-1, at(0), uuid::Uuid::nil());
        let all = tx.checkpoints_after(start, "a", 9).await.expect("read");
        assert_eq!(all, [one.clone(), new.clone(), old.clone()]);
        let behind = (new.size, new.created_at, new.id.uuid());
        assert_eq!(tx.checkpoints_after(behind, "a", 9).await.expect("read"), std::slice::from_ref(&old));
        assert_eq!(tx.checkpoints_after(start, "a", 1).await.expect("read"), std::slice::from_ref(&one));
        let page = tx.page_of_checkpoints(&PageRequest { limit: 3, ..PageRequest::default() }).await.expect("read");
        assert_eq!((page.total, page.items), (4, vec![theirs, old, new]));
    });
}

/// By level and position; and those that a number of leaves falls into.
pub async fn nodes_of_the_tree_are_found_by_place_and_along_the_edge(store: &dyn Store) {
    let t = tenant(store).await;
    org!(store, t.org, |tx| {
        assert_eq!(tx.tree_size().await.expect("read"), 0);
        assert_eq!(tx.tree_edge(0).await.expect("read"), []);
        // Seven leaves: 4 + 2 + 1.
        let nodes: Vec<_> =
            [(0, 7), (1, 3), (2, 1)].into_iter().flat_map(|(l, n)| (0..n).map(move |p| a_node(l, p))).collect();
        tx.add_nodes(&nodes).await.expect("added");
        assert_eq!(tx.tree_size().await.expect("read"), 7);
        assert_eq!(tx.tree_edge(7).await.expect("read"), [a_node(2, 0), a_node(1, 2), a_node(0, 6)]);
        assert_eq!(tx.tree_edge(4).await.expect("read"), [a_node(2, 0)]);
        assert_eq!(tx.tree_edge(9).await.expect("read"), [], "there are not so many");
        assert_eq!(tx.tree_node(1, 2).await.expect("read"), Some(a_node(1, 2).hash));
        assert_eq!(tx.tree_node(3, 0).await.expect("read"), None);
    });
    let mut tx = store.org(t.org).await.expect("opened");
    assert_eq!(tx.add_nodes(&[a_node(0, 0)]).await.expect_err("it is there").kind(), Kind::Conflict);
}

/// Only the newest checkpoint counts, per kind and name; an organisation without one is not asked about.
pub async fn a_checkpoint_is_stamped_once_and_the_newest_without_a_stamp_is_found(store: &dyn Store) {
    let (a, b, none) = (tenant(store).await.org, tenant(store).await.org, tenant(store).await.org);
    let mut both = [a, b];
    both.sort_by_key(|org| org.uuid());
    for (org, sizes) in [(a, &[2, 1][..]), (b, &[1])] {
        org!(store, org, |tx| for size in sizes {
            tx.insert(&a_checkpoint(*size)).await.expect("a checkpoint is added");
        });
    }
    let (witness, time) = (StampKind::Witness, StampKind::Timestamp);
    let without = async |kind, name, after, limit| {
        system!(store, |tx| tx.organizations_without_stamp(kind, name, after, limit).await.expect("asked"))
    };
    assert_eq!(without(witness, "w", None, 9).await, both);
    assert_eq!(without(witness, "w", None, 1).await, both[..1]);
    assert_eq!(without(witness, "w", Some(both[0]), 9).await, both[1..]);
    assert_eq!(without(witness, "w", Some(both[1]), 9).await, []);
    let note = async |org, stamp: Stamp| org!(store, org, |tx| tx.note_stamp(&stamp).await.expect("noted"));
    assert!(note(a, a_stamp(1, witness, "w")).await, "an older checkpoint's");
    assert_eq!(without(witness, "w", None, 9).await, both);
    let stamp = a_stamp(2, witness, "w");
    assert!(note(a, stamp.clone()).await && !note(a, a_stamp(2, witness, "w")).await, "once");
    assert!(note(b, a_stamp(1, time, "w")).await && note(b, a_stamp(1, witness, "other")).await);
    assert_eq!(without(witness, "w", None, 9).await, [b]);
    assert_eq!(without(time, "w", None, 9).await, [a]);
    org!(store, a, |tx| {
        assert_eq!(tx.newest_checkpoint(i64::MAX).await.expect("read").expect("there is one").size, 2);
        let covering = tx.stamps_covering(2, 9).await.expect("read");
        assert_eq!(covering, [stamp], "the first is kept");
        let sizes: Vec<_> = tx.stamps_covering(1, 9).await.expect("read").iter().map(|s| s.checkpoint_size).collect();
        assert_eq!(sizes, [1, 2]);
        assert_eq!(tx.stamps_covering(1, 1).await.expect("read").len(), 1);
    });
    org!(store, none, |tx| assert_eq!(tx.newest_checkpoint(i64::MAX).await.expect("read"), None));
    assert!(note(b, Stamp { created_at: at(99), ..a_stamp(7, witness, "w") }).await);
    system!(store, |tx| {
        assert_eq!(tx.last_stamp(witness, "w").await.expect("read"), Some(at(99)));
        assert_eq!(tx.last_stamp(time, "w").await.expect("read"), Some(at(13)));
        assert_eq!(tx.last_stamp(time, "nobody").await.expect("read"), None);
    });
}

/// From the first link on.
pub async fn two_writers_never_fork_the_chain(store: &dyn Store) {
    let t = tenant(store).await;
    let mut calls = vec![];
    for _ in 0..8 {
        calls.push(a_call_kept(store, t.org).await);
    }
    join_all(calls.iter().map(async |call| {
        org!(store, t.org, |tx| {
            let place = tx.lock_chain_head().await.expect("locked").map_or(1, |head| head.seq + 1);
            tx.insert(&an_entry(*call, place)).await.expect("the place is free");
        });
    }))
    .await;
    let places: Vec<_> =
        org!(store, t.org, |tx| tx.chain_after(0, 99).await.expect("read")).iter().map(|l| l.seq).collect();
    assert_eq!(places, (1..=8).collect::<Vec<_>>());
}

/// Of eight that read, add and write, none is lost.
pub async fn a_locked_call_or_person_waits_for_the_first_writer(store: &dyn Store) {
    let t = tenant(store).await;
    join_all((0..8).map(async |n| {
        org!(store, t.org, |tx| {
            let mut call = tx.lock_call(t.call).await.expect("locked").expect("it is there");
            call.facts.recordings.insert(format!("writer {n}"));
            tx.update(&call).await.expect("written");
            let mut person = tx.lock_person(t.person).await.expect("locked").expect("it is there");
            person.name.push('+');
            tx.update(&person).await.expect("written");
        });
    }))
    .await;
    org!(store, t.org, |tx| {
        let call = Repo::<Call>::find(&mut *tx, t.call).await.expect("read").expect("it is there");
        assert_eq!(call.facts.recordings.len(), 1 + 8);
        let person = Repo::<Person>::find(&mut *tx, t.person).await.expect("read").expect("it is there");
        assert_eq!(person.name, a_person().name + "++++++++");
    });
}
