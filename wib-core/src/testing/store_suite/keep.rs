//! The audit log's seals, and taking content away.

use super::{listening::a_line, *};

/// A line that the database refuses leaves what went before it and what follows, and waits in the queue.
pub async fn a_refused_audit_line_is_queued_and_spoils_nothing(store: &dyn Store) {
    let t = tenant(store).await;
    let (before, after) = (a_person(), a_person());
    let robot = AuditEvent { actor_type: "robot".to_owned(), ..an_audit_event(1) };
    let unfit = AuditEvent { action: "a\0b".to_owned(), ..an_audit_event(1) };
    org!(store, t.org, |tx| {
        tx.insert(&before).await.expect("a person is added");
        assert_eq!(tx.note_audit(&robot).await, Noted::Queued);
        assert_eq!(tx.note_audit(&robot).await, Noted::Queued, "queued once");
        assert_eq!(tx.note_audit(&unfit).await, Noted::Lost, "no place holds it");
        assert_eq!(tx.note_audit(&an_audit_event(2)).await, Noted::Written);
        tx.insert(&after).await.expect("a person is added");
    });
    org!(store, t.org, |tx| {
        for person in [&before, &after] {
            assert!(Repo::<Person>::find(&mut *tx, person.id).await.expect("read").is_some());
        }
        assert_eq!(tx.page_of_audit(&PageRequest::default()).await.expect("read").total, 1);
    });
    let queued = system!(store, |tx| tx.lease(at(9_000_000_000), hour(), 9).await.expect("leased"));
    assert_eq!(queued.len(), 1);
    assert_eq!((queued[0].topic, queued[0].organization_id), (Topic::WriteAudit, Some(t.org)));
    assert_eq!(queued[0].payload["event"]["id"], json!(robot.id));
    // A transaction that has failed is not mended by a line.
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert(&before).await), Kind::Conflict);
    assert_eq!(tx.note_audit(&an_audit_event(3)).await, Noted::Lost);
    assert!(tx.commit().await.is_err());
}

/// By date and id, up to a line; a second seal finds the rest.
pub async fn audit_lines_come_under_a_seal_once(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let lines: Vec<_> = (0..5).map(|n| an_audit_event(n / 2)).collect();
    org!(store, other.org, |tx| tx.insert(&an_audit_event(0)).await.expect("added"));
    org!(store, t.org, |tx| for line in &lines {
        tx.insert(line).await.expect("added");
    });
    org!(store, t.org, |tx| {
        let mut expected = lines.clone();
        expected.sort_by_key(|line| (line.created_at, line.id));
        assert_eq!(tx.unsealed_audit(at(9), 9).await.expect("read"), expected);
        assert_eq!(tx.unsealed_audit(at(1), 9).await.expect("read"), expected[..4], "up to a date");
        assert_eq!(tx.unsealed_audit(at(9), 3).await.expect("read"), expected[..3], "as many as asked");
        let third = (expected[2].created_at, expected[2].id);
        assert_eq!(tx.seal_audit(third, 7).await.expect("sealed"), 3);
        assert_eq!(tx.seal_audit(third, 8).await.expect("sealed"), 0, "once");
        assert_eq!(tx.seal_audit((expected[4].created_at, expected[4].id), 9).await.expect("sealed"), 2);
        assert_eq!(tx.count_unsealed_audit().await.expect("read"), 0);
        let ids = |lines: &[AuditEvent]| lines.iter().map(|line| line.id).collect::<Vec<_>>();
        assert_eq!(ids(&tx.audit_of_seal(7, 9).await.expect("read")), ids(&expected[..3]));
        assert_eq!(tx.audit_seals(0, 9).await.expect("read"), [7, 9]);
        assert_eq!(tx.audit_seals(7, 9).await.expect("read"), [9]);
    });
    org!(store, other.org, |tx| {
        assert_eq!(tx.count_unsealed_audit().await.expect("read"), 1, "another's lines stay as they are");
        assert!(tx.audit_of_seal(7, 9).await.expect("read").is_empty());
    });
}

/// Old enough, not deleted, not looked at lately; oldest first.
pub async fn what_may_be_deleted_is_found_until_it_is_marked(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let [young, gone] = [a_recording(t.call), a_recording(t.call)];
    org!(store, t.org, |tx| {
        tx.insert(&Recording { created_at: at(500), ..young.clone() }).await.expect("added");
        tx.insert(&Recording { status: RecordingStatus::Deleted, ..gone.clone() }).await.expect("added");
        let call = Call { id: t.call, status: CallStatus::Completed, created_at: at(0), ..a_call(t.org, None, None) };
        tx.update(&call).await.expect("over");
    });
    let found = async |kind, now| {
        org!(store, t.org, |tx| {
            let found = tx.purge_candidates(kind, at(400), at(now), 9).await.expect("read");
            assert!(found.iter().all(|s| s.call_id == t.call && s.kind == kind));
            found.into_iter().map(|s| s.id).collect::<Vec<_>>()
        })
    };
    for (kind, subject) in [
        (SubjectKind::Recording, t.recording.uuid()),
        (SubjectKind::Transcript, t.transcript.uuid()),
        (SubjectKind::Timeline, t.call.uuid()),
    ] {
        assert_eq!(found(kind, 0).await, [subject]);
        let kept = RetentionMark {
            kind,
            subject_id: subject,
            status: MarkStatus::Kept,
            next_look_at: Some(at(50)),
            ..a_mark(t.call)
        };
        org!(store, t.org, |tx| tx.put_retention_mark(&kept).await.expect("marked"));
        assert!(found(kind, 49).await.is_empty(), "not yet");
        assert_eq!(found(kind, 50).await, [subject]);
        let purged = RetentionMark { id: id(), status: MarkStatus::Purged, next_look_at: None, ..kept.clone() };
        org!(store, t.org, |tx| tx.put_retention_mark(&purged).await.expect("marked"));
        assert!(found(kind, 999).await.is_empty(), "never again");
        let mark = org!(store, t.org, |tx| tx.retention_mark(kind, subject).await.expect("read"));
        assert_eq!(mark, Some(RetentionMark { id: kept.id, ..purged }), "one mark each");
        let theirs = org!(store, other.org, |tx| tx.retention_mark(kind, subject).await.expect("read"));
        assert_eq!(theirs, None);
    }
    org!(store, t.org, |tx| {
        assert_eq!(tx.retention_policy().await.expect("read"), None);
        let purged = tx.purged_of_person(t.person).await.expect("read");
        assert!(purged.is_empty(), "the call is nobody's now");
        assert_eq!(tx.holds_on(Some(t.account), Some(t.call)).await.expect("read"), 0);
    });
}

/// Words go, hashes stay; another's row is not touched.
pub async fn content_is_taken_away_and_its_hash_stays(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let analysis = an_analysis(t.call, t.transcript);
    org!(store, t.org, |tx| {
        tx.insert(&analysis).await.expect("added");
        tx.note_event(&an_event(t.call, "e", 1)).await.expect("added");
    });
    let before = org!(store, t.org, |tx| Repo::<Transcript>::find(&mut *tx, t.transcript).await.expect("read"));
    let before = before.expect("there");
    for (org, mine) in [(other.org, false), (t.org, true)] {
        org!(store, org, |tx| {
            tx.blank_transcript(t.transcript).await.expect("blank");
            tx.blank_analyses_of(t.transcript).await.expect("blank");
            tx.forget_timeline(t.call).await.expect("forgotten");
        });
        org!(store, t.org, |tx| {
            let kept = Repo::<Transcript>::find(&mut *tx, t.transcript).await.expect("read").expect("there");
            assert_eq!(kept.utterances.0.is_empty(), mine);
            assert_eq!(Transcript { utterances: before.utterances.clone(), ..kept }, before);
            let blank = Repo::<Analysis>::find(&mut *tx, analysis.id).await.expect("read").expect("there");
            assert_eq!(blank.insight.summary.is_empty() && blank.insight.findings.is_empty(), mine);
            assert_eq!(blank.insight_hash, analysis.insight_hash);
            assert_eq!(tx.timeline(t.call).await.expect("read").is_empty(), mine);
        });
    }
}

/// Names and texts go, ids and numbers stay until they are forgotten too.
pub async fn a_person_is_forgotten_but_for_ids(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let place = PersonLocation {
        id: id(),
        person_id: t.person,
        source: LocationSource::Address,
        state: Some("IL".to_owned()),
        zone: None,
        text: Some("412 W Grand Ave".to_owned()),
        created_at: at(1),
    };
    org!(store, t.org, |tx| {
        tx.insert(&place).await.expect("added");
        tx.insert(&an_analysis(t.call, t.transcript)).await.expect("added");
        tx.insert(&a_line(&t, 0)).await.expect("added");
        tx.insert(&a_phone(t.person, 9)).await.expect("added");
        tx.insert(&a_verdict()).await.expect("added");
        tx.insert(&StoredVerdict { person_id: Some(t.person), ..a_verdict() }).await.expect("added");
        tx.put_contact(&a_contact(&t, ContactKind::Attempt, 70)).await.expect("added");
    });
    org!(store, other.org, |tx| assert!(
        tx.forget_person(t.person).await.expect("nothing of theirs").iter().all(|c| c.count == 0)
    ));
    org!(store, t.org, |tx| {
        assert_eq!(tx.last_activity(t.account).await.expect("read"), Some(at(70)).max(ended(&mut *tx, t.call).await));
        assert_eq!(tx.last_activity(id()).await.expect("read"), None);
        assert_eq!(tx.holds_on_person(t.person).await.expect("read"), 0);
        assert_eq!(tx.accounts_of_person(t.person, 9).await.expect("read").len(), 1);
        assert_eq!(tx.calls_of_person(t.person, id_of_none(), 9).await.expect("read").len(), 1);
        assert!(tx.calls_of_person(t.person, t.call, 9).await.expect("read").is_empty(), "behind the last");
        assert_eq!(tx.verdicts_of_person(t.person, id_of_none(), 9).await.expect("read").len(), 1);
        assert_eq!(tx.count_contacts_of_person(t.person).await.expect("read"), 1);
        let counts = tx.forget_person(t.person).await.expect("forgotten");
        let ones = counts.iter().filter(|c| c.count == 1).count();
        assert_eq!((ones, counts.iter().all(|c| c.count < 2)), (5, true), "{counts:?}");
        assert!(tx.lines_after(t.call, -1, 9).await.expect("read").is_empty());
        let person = Repo::<Person>::find(&mut *tx, t.person).await.expect("read").expect("there");
        assert_eq!((person.name.as_str(), person.email, person.do_not_call), (TOMBSTONE, None, true));
        let places = tx.locations(t.person.into(), 9).await.expect("read");
        assert_eq!(places, [PersonLocation { text: None, ..place }]);
        let account = Repo::<Account>::find(&mut *tx, t.account).await.expect("read").expect("there");
        assert_eq!(account.notes, None);
        assert_eq!(tx.phones(t.person.into(), 9).await.expect("read").len(), 1);
        assert_eq!(tx.forget_numbers(t.person).await.expect("forgotten"), 1);
        let erasure = an_erasure(t.person);
        tx.insert(&erasure).await.expect("added");
        assert!(tx.erasures_due(at(8), 9).await.expect("read").is_empty());
        assert_eq!(tx.erasures_due(at(9), 9).await.expect("read"), std::slice::from_ref(&erasure));
        assert_eq!(tx.erasure_of(t.person).await.expect("read"), Some(erasure));
    });
    org!(store, other.org, |tx| assert_eq!(tx.erasure_of(t.person).await.expect("read"), None));
    system!(store, |tx| {
        let all = tx.organizations_after(id_of_none(), 200).await.expect("read");
        assert!(all.is_sorted() && all.contains(&t.org) && all.contains(&other.org));
        let behind = tx.organizations_after(t.org, 200).await.expect("read");
        assert!(behind.iter().all(|org| *org > t.org));
    });
}

fn id_of_none<T>() -> Id<T> {
    Id::from(uuid::Uuid::nil())
}

async fn ended(tx: &mut dyn OrgTx, call: CallId) -> Option<Timestamp> {
    let call: Call = Repo::find(tx, call).await.expect("read").expect("there");
    Some(call.ended_at.unwrap_or(call.created_at))
}
