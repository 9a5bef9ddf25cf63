//! Rows: kept whole, unique, one tenant's, and gone with their transaction.

use super::*;

/// The store is there.
pub async fn the_store_answers(store: &dyn Store) {
    store.ping().await.expect("the store answers");
    assert!(
        store
            .org(id())
            .await
            .expect("a transaction opens")
            .organization()
            .await
            .is_err_and(|e| e.kind() == Kind::NotFound)
    );
}

/// Every field of every record, full and empty.
pub async fn every_record_comes_back_as_it_went(store: &dyn Store) {
    let t = tenant(store).await;
    let member =
        Member { id: id(), organization_id: t.org, user_id: t.user, role: Role::Compliance, created_at: at(1) };
    comes_back(store, t.org, &[member]).await;
    comes_back(store, t.org, &[a_person(), Person { email: None, do_not_call: false, language: None, ..a_person() }])
        .await;
    let bare = Account {
        external_id: None,
        debt_key: None,
        first_communication_at: None,
        notes: None,
        balance_minor: i64::MAX,
        ..an_account(t.person)
    };
    comes_back(store, t.org, &[an_account(t.person), bare.clone(), Account { id: id(), ..bare }]).await;
    comes_back(store, t.org, &[a_phone(t.person, 1)]).await;
    let place = PersonLocation {
        id: id(),
        person_id: t.person,
        source: LocationSource::Statement,
        state: Some("IL".to_owned()),
        zone: Some("America/Chicago".to_owned()),
        text: Some(String::new()),
        created_at: at(1),
    };
    let nowhere = PersonLocation {
        id: id(),
        source: LocationSource::Address,
        state: None,
        zone: None,
        text: None,
        ..place.clone()
    };
    comes_back(store, t.org, &[place, nowhere]).await;
    comes_back(store, t.org, &[a_suppression(2)]).await;
    let call = a_call(t.org, Some(t.person), Some(t.account));
    let bare = Call {
        facts: CallFacts::default(),
        verdict_id: None,
        translate_to: None,
        listen: None,
        answered_at: None,
        ended_at: None,
        answered_by: None,
        hangup_cause: None,
        created_by: None,
        ..a_call(t.org, None, None)
    };
    comes_back(store, t.org, &[call, bare]).await;
    comes_back(
        store,
        t.org,
        &[a_leg(t.call), CallLeg { control_id: None, leg_id: None, session_id: None, ..a_leg(t.call) }],
    )
    .await;
    comes_back(store, t.org, &[an_event(t.call, "e1", 5)]).await;
    let bare = StoredVerdict {
        person_id: None,
        account_id: None,
        call_id: None,
        blocked_by: None,
        not_before: None,
        ..a_verdict()
    };
    comes_back(store, t.org, &[a_verdict(), bare]).await;
    comes_back(store, t.org, &[a_contact(&t, ContactKind::Attempt, 4), a_contact(&t, ContactKind::Conversation, 5)])
        .await;
    let bare =
        Recording { blob_key: None, size_bytes: None, media_hash: None, duration_ms: None, ..a_recording(t.call) };
    comes_back(store, t.org, &[a_recording(t.call), bare.clone()]).await;
    comes_back(
        store,
        t.org,
        &[Transcript { utterances: Utterances::default(), ..a_transcript(t.call, t.recording, 2) }],
    )
    .await;
    let job = TranscriptJob { audio_url: None, vendor_id: None, error: None, ..a_transcript_job(t.call, bare.id) };
    comes_back(store, t.org, &[a_transcript_job(t.call, t.recording), job]).await;
    comes_back(store, t.org, &[an_analysis(t.call, t.transcript)]).await;
    comes_back(store, t.org, &[a_usage(t.call, "voice"), Usage { cost_micros: None, ..a_usage(t.call, "other") }])
        .await;
    let first = an_entry(t.call, 1);
    let second = EvidenceEntry { version: 2, supersedes: Some(first.entry_hash.clone()), ..an_entry(t.call, 2) };
    let other = EvidenceEntry {
        kind: EntryKind::Hold,
        subject_id: id::<Call>().uuid(),
        call_id: None,
        format: LinkFormat::V1,
        ..an_entry(t.call, 3)
    };
    comes_back(store, t.org, &[first, second, other]).await;
    comes_back(store, t.org, &[a_checkpoint(1), Checkpoint { root: None, ..a_checkpoint(2) }]).await;
    org!(store, t.org, |tx| {
        tx.add_nodes(&[a_node(0, 0)]).await.expect("added");
        assert_eq!(tx.tree_node(0, 0).await.expect("read"), Some(a_node(0, 0).hash));
    });
    comes_back(store, t.org, &[a_stamp(1, StampKind::Timestamp, "é"), a_stamp(1, StampKind::Witness, "é")]).await;
    let bare = AuditEvent { user_id: None, resource_id: None, old_value: None, new_value: None, ..an_audit_event(2) };
    let sealed = AuditEvent { sealed_seq: Some(3), ..an_audit_event(3) };
    comes_back(store, t.org, &[an_audit_event(1), bare, sealed]).await;
    comes_back(store, t.org, &[a_policy()]).await;
    let bare = RetentionMark { next_look_at: None, hash: None, verdict_id: None, seq: None, ..a_mark(t.call) };
    comes_back(store, t.org, &[a_mark(t.call), bare]).await;
    comes_back(store, t.org, &[an_erasure(t.person)]).await;
}

/// Rules of the database about enums know every member.
pub async fn every_text_of_an_enum_can_be_kept(store: &dyn Store) {
    use crate::kit::text::TextEnum;
    let t = tenant(store).await;
    org!(store, t.org, |tx| {
        let blank = || a_call(t.org, None, None);
        for status in CallStatus::ALL {
            tx.insert(&Call { status: *status, ..blank() }).await.expect("a status");
        }
        for cause in HangupCause::ALL {
            tx.insert(&Call { hangup_cause: Some(*cause), ..blank() }).await.expect("a cause");
        }
        for who in AnsweredBy::ALL {
            tx.insert(&Call { answered_by: Some(*who), ..blank() }).await.expect("who answered");
        }
        for direction in Direction::ALL {
            tx.insert(&Call { direction: *direction, ..blank() }).await.expect("a direction");
        }
        for flow_type in FlowType::ALL {
            tx.insert(&Call { flow_type: *flow_type, ..blank() }).await.expect("a flow");
        }
        for language in Language::ALL {
            tx.insert(&Call { translate_to: Some(*language), ..blank() }).await.expect("a language");
        }
        for role in LegRole::ALL {
            tx.insert(&CallLeg { role: *role, ..a_leg(t.call) }).await.expect("a role");
        }
        for status in AccountStatus::ALL {
            tx.insert(&Account { status: *status, ..an_account(t.person) }).await.expect("a status");
        }
        for status in RecordingStatus::ALL {
            tx.insert(&Recording { status: *status, ..a_recording(t.call) }).await.expect("a status");
        }
        for status in TranscriptStatus::ALL {
            let recording = a_recording(t.call);
            tx.insert(&recording).await.expect("a recording");
            tx.insert(&TranscriptJob { status: *status, ..a_transcript_job(t.call, recording.id) })
                .await
                .expect("a status");
        }
        for kind in UsageKind::ALL {
            tx.insert(&Usage { kind: *kind, ..a_usage(t.call, "all") }).await.expect("a kind");
        }
        for kind in StampKind::ALL {
            tx.insert(&a_stamp(1, *kind, "n")).await.expect("a kind");
        }
        for topic in Topic::ALL {
            assert!(tx.enqueue(&a_message(*topic, "k", 1)).await.expect("a topic"));
        }
        for outcome in ["permit", "require", "defer", "review", "deny"] {
            tx.insert(&StoredVerdict { outcome: outcome.to_owned(), ..a_verdict() }).await.expect("an outcome");
        }
        for actor in ["human", "system", "vendor", "automation"] {
            tx.insert(&AuditEvent { actor_type: actor.to_owned(), ..an_audit_event(1) }).await.expect("an actor");
        }
    });
    system!(store, |tx| {
        for plan in Plan::ALL {
            tx.insert_organization(&Organization { plan: *plan, ..an_organization() }).await.expect("a plan");
        }
        for role in Role::ALL {
            let user = a_user();
            tx.insert_user(&user).await.expect("a user");
            let member = Member { id: id(), organization_id: t.org, user_id: user.id, role: *role, created_at: at(1) };
            tx.insert_member(&member).await.expect("a role");
        }
    });
}

async fn changes<T: Record + Clone + PartialEq + Debug>(store: &dyn Store, org: OrganizationId, row: T, unknown: T)
where
    dyn OrgTx: Edit<T>,
{
    org!(store, org, |tx| Edit::<T>::update(&mut *tx, &row).await.expect("a row is changed"));
    org!(store, org, |tx| assert_eq!(Repo::<T>::find(&mut *tx, row.id()).await.expect("a row is read"), Some(row)));
    let mut tx = store.org(org).await.expect("a transaction opens");
    assert_eq!(kind_of(Edit::<T>::update(&mut *tx, &unknown).await), Kind::NotFound, "{}", T::NAME);
}

async fn kept_recording(store: &dyn Store, t: &Tenant) -> Recording {
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    Repo::<Recording>::find(&mut *tx, t.recording).await.expect("a row is read").expect("the tenant has a recording")
}

/// What was kept of a recording stays: whose it is, when it was, its hash. What changes it is fetching, deleting, and
/// silencing payment data, which says so.
pub async fn what_was_kept_of_a_recording_stays(store: &dyn Store) {
    let t = tenant(store).await;
    let pending = Recording {
        blob_key: None,
        size_bytes: None,
        media_hash: None,
        status: RecordingStatus::Pending,
        withheld: false,
        note: None,
        ..a_recording(t.call)
    };
    let hash = |text: &str| Some(text.to_owned());
    let kept = Recording {
        blob_key: hash("k"),
        size_bytes: Some(9),
        media_hash: hash("sha256:aa"),
        status: RecordingStatus::Completed,
        ..pending.clone()
    };
    let withheld = Recording { withheld: true, ..kept.clone() };
    let silenced = Recording {
        blob_key: hash("l"),
        size_bytes: Some(8),
        media_hash: hash("sha256:bb"),
        note: hash("silenced"),
        ..kept.clone()
    };
    let deleted = Recording { status: RecordingStatus::Deleted, blob_key: None, ..silenced.clone() };
    org!(store, t.org, |tx| tx.insert(&pending).await.expect("a recording is added"));
    let other = id();
    for (now, refused) in [
        (&pending, Recording { vendor_id: "other".to_owned(), ..pending.clone() }),
        (&kept, Recording { media_hash: hash("sha256:bb"), ..kept.clone() }),
        (&kept, Recording { media_hash: None, ..kept.clone() }),
        (&kept, Recording { size_bytes: Some(8), ..kept.clone() }),
        (&kept, Recording { blob_key: hash("l"), ..kept.clone() }),
        (&kept, silenced.clone()),
        (&withheld, Recording { withheld: true, ..silenced.clone() }),
        (&withheld, Recording { note: None, ..silenced.clone() }),
        (&silenced, Recording { media_hash: hash("sha256:aa"), ..silenced.clone() }),
        (&deleted, Recording { created_at: at(1), ..deleted.clone() }),
        (&deleted, Recording { started_at: None, ..deleted.clone() }),
        (&deleted, Recording { duration_ms: Some(1), ..deleted.clone() }),
        (&deleted, Recording { call_id: other, ..deleted.clone() }),
        (&deleted, Recording { live: false, ..deleted.clone() }),
    ] {
        org!(store, t.org, |tx| tx.update(now).await.expect("a step of a recording"));
        let mut tx = store.org(t.org).await.expect("a transaction opens");
        assert_eq!(kind_of(tx.update(&refused).await), Kind::Internal, "{refused:?}");
    }
}

/// The whole row is written, and only where it is.
pub async fn a_changed_row_is_kept_and_an_unknown_one_is_not_found(store: &dyn Store) {
    let t = tenant(store).await;
    let (leg, job) = (a_leg(t.call), a_transcript_job(t.call, t.recording));
    org!(store, t.org, |tx| {
        tx.insert(&leg).await.expect("a leg is added");
        tx.insert(&job).await.expect("a job is added");
    });
    changes(store, t.org, Person { id: t.person, name: "New".to_owned(), email: None, ..a_person() }, a_person()).await;
    let account = Account { id: t.account, status: AccountStatus::Paid, balance_minor: 0, ..an_account(t.person) };
    changes(store, t.org, account, an_account(t.person)).await;
    let call = Call { id: t.call, status: CallStatus::Completed, answered_by: None, ..a_call(t.org, None, None) };
    changes(store, t.org, call, a_call(t.org, None, None)).await;
    changes(store, t.org, CallLeg { control_id: None, ..leg }, a_leg(t.call)).await;
    let recording =
        Recording { status: RecordingStatus::Deleted, blob_key: None, note: None, ..kept_recording(store, &t).await };
    changes(store, t.org, recording, a_recording(t.call)).await;
    changes(store, t.org, TranscriptJob { failures: 3, error: None, ..job }, a_transcript_job(t.call, t.recording))
        .await;
}

/// Another tenant's id is absent: read, locked, changed or added.
pub async fn another_tenants_rows_are_absent(store: &dyn Store) {
    let (ours, theirs) = (tenant(store).await, tenant(store).await);
    org!(store, theirs.org, |tx| {
        assert_eq!(Repo::<Person>::find(&mut *tx, ours.person).await.expect("read"), None);
        assert_eq!(Repo::<Account>::find(&mut *tx, ours.account).await.expect("read"), None);
        assert_eq!(Repo::<Call>::find(&mut *tx, ours.call).await.expect("read"), None);
        assert_eq!(Repo::<Recording>::find(&mut *tx, ours.recording).await.expect("read"), None);
        assert_eq!(Repo::<Transcript>::find(&mut *tx, ours.transcript).await.expect("read"), None);
        assert_eq!(tx.lock_call(ours.call).await.expect("read"), None);
        assert_eq!(tx.lock_person(ours.person).await.expect("read"), None);
    });
    let forged = Call { id: ours.call, ..a_call(theirs.org, None, None) };
    let honest = Call { id: ours.call, ..a_call(ours.org, None, None) };
    let person = Person { id: ours.person, name: "Stolen".to_owned(), ..a_person() };
    for call in [forged, honest] {
        let mut tx = store.org(theirs.org).await.expect("a transaction opens");
        assert_eq!(kind_of(tx.update(&call).await), Kind::NotFound);
    }
    let mut tx = store.org(theirs.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.update(&person).await), Kind::NotFound);
    drop(tx);
    let mut tx = store.org(theirs.org).await.expect("a transaction opens");
    assert!(tx.insert(&a_call(ours.org, None, None)).await.is_err(), "a row of another organisation is refused");
    drop(tx);
    org!(store, ours.org, |tx| {
        let kept = Repo::<Person>::find(&mut *tx, ours.person).await.expect("read").expect("it is ours");
        assert_ne!(kept.name, "Stolen");
        assert_eq!(tx.page_of_calls(&[], &PageRequest::default()).await.expect("read").total, 1);
    });
}

/// Every question, asked by the wrong organisation about the right ids.
pub async fn every_question_sees_one_tenant_only(store: &dyn Store) {
    let (ours, theirs) = (tenant(store).await, tenant(store).await);
    let (phone, external) = (number(7), "ours-only");
    let account = Account { external_id: Some(external.to_owned()), ..an_account(ours.person) };
    org!(store, ours.org, |tx| {
        tx.insert(&account).await.expect("added");
        tx.insert(&PersonPhone { phone: phone.clone(), ..a_phone(ours.person, 7) }).await.expect("added");
        let place = PersonLocation {
            id: id(),
            person_id: ours.person,
            source: LocationSource::Address,
            state: None,
            zone: None,
            text: None,
            created_at: at(1),
        };
        tx.insert(&place).await.expect("added");
        tx.insert(&a_suppression(7)).await.expect("added");
        tx.insert(&a_leg(ours.call)).await.expect("added");
        tx.note_event(&an_event(ours.call, "e", 1)).await.expect("added");
        tx.put_contact(&a_contact(&ours, ContactKind::Attempt, 1)).await.expect("added");
        tx.insert(&a_transcript_job(ours.call, ours.recording)).await.expect("added");
        tx.insert(&an_analysis(ours.call, ours.transcript)).await.expect("added");
        tx.note_usage(&a_usage(ours.call, "voice")).await.expect("added");
        tx.insert(&an_entry(ours.call, 1)).await.expect("added");
        tx.insert(&a_checkpoint(1)).await.expect("added");
        tx.add_nodes(&[a_node(0, 0)]).await.expect("added");
        tx.insert(&a_stamp(1, StampKind::Witness, "w")).await.expect("added");
        tx.insert(&an_audit_event(1)).await.expect("added");
    });
    let all = PageRequest::default();
    // The same questions, by the owner and by the stranger: how many answers.
    for (org, answers) in [(ours.org, 1), (theirs.org, 0)] {
        let mine = i64::from(org == ours.org);
        org!(store, org, |tx| {
            assert_eq!(tx.legs(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.timeline(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.accounts_by_phone(&phone, 9).await.expect("read").len(), answers * 2);
            assert_eq!(tx.account_by_external_id(external).await.expect("read").is_some(), org == ours.org);
            assert_eq!(tx.phones(ours.person.into(), 9).await.expect("read").len(), answers);
            assert_eq!(tx.locations(ours.person.into(), 9).await.expect("read").len(), answers);
            assert_eq!(tx.suppression(&phone).await.expect("read").is_some(), org == ours.org);
            assert_eq!(tx.ledger(ours.person.into(), at(-9), 9).await.expect("read").len(), answers);
            assert_eq!(tx.contacts_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.page_of_recordings(Some(ours.call), &all).await.expect("read").total, mine);
            assert_eq!(tx.recordings_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.transcripts_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.transcript_job(ours.recording).await.expect("read").is_some(), org == ours.org);
            assert_eq!(tx.transcript_jobs_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.analyses_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.usage_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.lock_chain_head().await.expect("read").is_some(), org == ours.org);
            let newest = tx.newest_entry(EntryKind::Call, ours.call.uuid()).await.expect("read");
            assert_eq!(newest.is_some(), org == ours.org);
            assert_eq!(tx.chain_after(0, 9).await.expect("read").len(), answers);
            assert_eq!(tx.newest_checkpoint(9).await.expect("read").is_some(), org == ours.org);
            let signer = a_checkpoint(1).signer;
            let signed = tx.checkpoints_after((0, at(0), uuid::Uuid::nil()), &signer, 9).await.expect("read");
            assert_eq!(signed.len(), answers);
            assert_eq!(tx.page_of_checkpoints(&all).await.expect("read").total, mine);
            assert_eq!(tx.tree_size().await.expect("read"), mine);
            assert_eq!(tx.tree_edge(1).await.expect("read").len(), answers);
            assert_eq!(tx.tree_node(0, 0).await.expect("read").is_some(), org == ours.org);
            assert_eq!(tx.stamps_covering(1, 9).await.expect("read").len(), answers);
            assert_eq!(tx.page_of_audit(&all).await.expect("read").total, mine);
            // Each has a call and a recording of its own, and sees no other.
            let calls = tx.page_of_calls(&[], &all).await.expect("read");
            assert_eq!((calls.total, calls.items.len()), (1, 1));
            assert!(calls.items.iter().all(|c| c.organization_id == org));
            assert_eq!(tx.page_of_calls(&[CallStatus::InProgress], &all).await.expect("read").total, 1);
            assert_eq!(tx.page_of_recordings(None, &all).await.expect("read").total, 1);
            assert_eq!(tx.organization().await.expect("read").id, org);
            assert_eq!(tx.organization_id(), org);
        });
    }
    org!(store, theirs.org, |tx| assert!(!tx.unsuppress(&phone).await.expect("read"), "not theirs to lift"));
    org!(store, ours.org, |tx| assert!(tx.suppression(&phone).await.expect("read").is_some()));
}

/// What is unique, each tried twice in transactions of their own.
pub async fn unique_rules_answer_with_a_conflict(store: &dyn Store) {
    macro_rules! twice {
        ($org:expr, $first:expr, $second:expr) => {{
            let (first, second) = ($first, $second);
            org!(store, $org, |tx| tx.insert(&first).await.expect("the first is added"));
            let mut tx = store.org($org).await.expect("a transaction opens");
            assert_eq!(kind_of(tx.insert(&second).await), Kind::Conflict, "{second:?}");
        }};
    }
    let t = tenant(store).await;
    let person = a_person();
    twice!(t.org, person.clone(), person);
    let account = an_account(t.person);
    twice!(t.org, account.clone(), Account { id: id(), ..account });
    twice!(t.org, an_event(t.call, "same", 1), an_event(t.call, "same", 2));
    twice!(t.org, a_contact(&t, ContactKind::Attempt, 1), a_contact(&t, ContactKind::Attempt, 2));
    let recording = a_recording(t.call);
    twice!(t.org, recording.clone(), Recording { id: id(), ..recording });
    twice!(t.org, a_transcript(t.call, t.recording, 2), a_transcript(t.call, t.recording, 2));
    twice!(t.org, a_transcript_job(t.call, t.recording), a_transcript_job(t.call, t.recording));
    twice!(t.org, an_analysis(t.call, t.transcript), an_analysis(t.call, t.transcript));
    twice!(t.org, a_usage(t.call, "same"), a_usage(t.call, "same"));
    let other = a_call(t.org, None, None);
    org!(store, t.org, |tx| tx.insert(&other).await.expect("a call is added"));
    twice!(t.org, an_entry(t.call, 1), an_entry(t.call, 2));
    twice!(t.org, an_entry(other.id, 3), an_entry(a_call_kept(store, t.org).await, 3));
    twice!(t.org, a_stamp(1, StampKind::Witness, "same"), a_stamp(1, StampKind::Witness, "same"));
    let listed = |source: &str| Suppression { source: source.to_owned(), ..a_suppression(3) };
    twice!(t.org, listed("person"), listed("import"));
    let member = || Member { id: id(), organization_id: t.org, user_id: t.user, role: Role::Agent, created_at: at(1) };
    twice!(t.org, member(), member());
    let user = a_user();
    system!(store, |tx| tx.insert_user(&user).await.expect("a user is added"));
    let mut tx = store.system().await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert_user(&User { email: user.email, ..a_user() }).await), Kind::Conflict);
    drop(tx);
    // Another organisation is free to use the same words.
    let other = tenant(store).await;
    org!(store, other.org, |tx| {
        tx.insert(&listed("person")).await.expect("a list of its own");
        tx.insert(&an_entry(other.call, 1)).await.expect("a chain of its own");
        tx.insert(&a_stamp(1, StampKind::Witness, "same")).await.expect("a stamp of its own");
    });
}

/// After a refused statement a commit fails, and what went before it is gone.
pub async fn a_transaction_that_was_refused_something_keeps_nothing(store: &dyn Store) {
    let t = tenant(store).await;
    let (before, after) = (a_person(), a_person());
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    tx.insert(&before).await.expect("a person is added");
    assert_eq!(kind_of(tx.insert(&before).await), Kind::Conflict);
    assert!(tx.insert(&after).await.is_err(), "nothing follows a refusal");
    assert!(tx.commit().await.is_err(), "a commit must not claim what was lost");
    org!(store, t.org, |tx| assert_eq!(Repo::<Person>::find(&mut *tx, before.id).await.expect("read"), None));
}

/// No commit, no trace: rows, changes, messages.
pub async fn a_transaction_that_is_dropped_keeps_nothing(store: &dyn Store) {
    let t = tenant(store).await;
    let person = a_person();
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    tx.insert(&person).await.expect("a person is added");
    tx.update(&Person { id: t.person, name: "Changed".to_owned(), ..a_person() }).await.expect("a person is changed");
    assert!(tx.enqueue(&a_message(Topic::Dial, "lost", 0)).await.expect("a message is queued"));
    drop(tx);
    let mut tx = store.system().await.expect("a transaction opens");
    tx.insert_organization(&an_organization()).await.expect("an organisation is added");
    drop(tx);
    org!(store, t.org, |tx| {
        assert_eq!(Repo::<Person>::find(&mut *tx, person.id).await.expect("read"), None);
        let kept = Repo::<Person>::find(&mut *tx, t.person).await.expect("read").expect("it is there");
        assert_ne!(kept.name, "Changed");
        assert!(tx.enqueue(&a_message(Topic::Dial, "lost", 0)).await.expect("queued"), "its key is free again");
    });
}

/// A zero byte, in text or in JSON.
pub async fn text_that_one_database_cannot_hold_is_refused_by_all(store: &dyn Store) {
    let t = tenant(store).await;
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert(&Person { name: "a\0b".to_owned(), ..a_person() }).await), Kind::Invalid);
    drop(tx);
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    let event = CallEvent { event_data: json!({"deep": ["a\0b"]}), ..an_event(t.call, "nul", 1) };
    assert_eq!(kind_of(tx.note_event(&event).await), Kind::Invalid);
}
