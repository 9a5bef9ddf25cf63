//! The conformance suite of [`Store`]: a function per promise, each on an empty store.
//!
//! ```ignore
//! async fn make(name: &'static str) -> Option<impl Store> { .. }   // None: skipped, and `make` has said so
//! wib_core::store_suite!(make);                                    // one named test per case
//! ```

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use crate::{
    analysis::{Analysis, Insight, Sentiment},
    audit::AuditEvent,
    auth::{Session, User, UserId},
    calls::{Call, CallEvent, CallFacts, CallId, CallLeg, CallStatus, FlowType, LegRole},
    collections::{Account, AccountId, LocationSource, Person, PersonId, PersonLocation, PersonPhone, Suppression},
    compliance::StoredVerdict,
    contacts::{Contact, ContactKind},
    engine::{InboxEvent, JobRun, Message, MessageStatus, NewMessage, QueueDepth, Topic},
    evidence::{Checkpoint, EvidenceEntry},
    imports::AccountStatus,
    kit::{Currency, Id, Kind, OsRandom, Page, PageRequest, Phone, Result, Role, time::Timestamp},
    orgs::{Member, Organization, OrganizationId, Plan},
    ports::{
        transcriber::Utterance,
        voice::{AnsweredBy, Direction, HangupCause, Leg},
        webhook::{Event, EventBody},
    },
    recordings::{Recording, RecordingId, RecordingStatus},
    store::{Edit, OrgTx, Record, Repo, Store},
    transcripts::{Transcript, TranscriptId, TranscriptJob, TranscriptStatus, Utterances},
    usage::{Usage, UsageKind},
};

/// Makes one test per case. `make` is an `async fn(&'static str) -> Option<impl Store>`: an empty store for the case of
/// that name, or `None` to skip it.
#[macro_export]
macro_rules! store_suite {
    ($make:path) => {
        $crate::store_suite! { @cases $make:
            the_store_answers
            every_record_comes_back_as_it_went
            every_text_of_an_enum_can_be_kept
            a_changed_row_is_kept_and_an_unknown_one_is_not_found
            another_tenants_rows_are_absent
            every_question_sees_one_tenant_only
            unique_rules_answer_with_a_conflict
            a_transaction_that_was_refused_something_keeps_nothing
            a_transaction_that_is_dropped_keeps_nothing
            text_that_one_database_cannot_hold_is_refused_by_all
            pages_of_calls_join_to_the_whole
            pages_of_recordings_and_of_the_audit_log_join_to_the_whole
            a_page_by_cursor_is_stable_while_rows_arrive
            open_debts_are_found_by_number
            numbers_places_and_suppressions_answer
            a_timeline_line_and_a_usage_are_noted_once
            the_ledger_is_corrected_not_doubled
            legs_lead_to_their_call_by_leg_then_control_then_session
            a_transcript_leads_to_its_job
            versions_jobs_and_analyses_of_a_call_are_listed
            the_chain_is_read_in_order
            two_writers_never_fork_the_chain
            a_locked_call_or_person_waits_for_the_first_writer
            members_and_users_answer
            sessions_end
            a_token_is_used_once
            the_inbox_receives_once
            a_key_is_queued_once_per_organisation
            no_two_workers_lease_the_same_message
            an_ended_lease_returns_and_its_holder_loses_it
            a_start_is_marked_only_on_a_lease_that_holds
            a_retry_waits_and_counts_as_it_is_told
            dead_letters_are_replayed
            depths_and_the_next_due_time_are_told
            purging_spares_what_is_not_done
            a_job_has_one_holder
            runs_of_a_job_are_completed_and_the_last_is_told
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(store) = $make(stringify!($case)).await {
                $crate::testing::store_suite::$case(&store).await;
            }
        })+
    };
}

/// Seconds after a fixed day, with odd microseconds.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_780_000_000_123_457 + seconds * 1_000_000).expect("within time")
}
fn id<T>() -> Id<T> {
    Id::new(at(0), &OsRandom)
}
fn number(n: u32) -> Phone {
    format!("+1312555{n:04}").parse().expect("a number")
}
fn hour() -> Duration {
    Duration::from_secs(3600)
}
fn fresh<T: Debug>(what: &str) -> String {
    format!("{what}-{}", id::<T>())
}

/// Runs the work in a transaction of the organisation and commits it.
macro_rules! org {
    ($store:expr, $org:expr, |$tx:ident| $work:expr) => {{
        let mut $tx = $store.org($org).await.expect("a transaction opens");
        let done = $work;
        $tx.commit().await.expect("a transaction commits");
        done
    }};
}
/// The same without an organisation.
macro_rules! system {
    ($store:expr, |$tx:ident| $work:expr) => {{
        let mut $tx = $store.system().await.expect("a transaction opens");
        let done = $work;
        $tx.commit().await.expect("a transaction commits");
        done
    }};
}

/// One organisation with one of everything that others refer to.
struct Tenant {
    org: OrganizationId,
    user: UserId,
    person: PersonId,
    account: AccountId,
    call: CallId,
    recording: RecordingId,
    transcript: TranscriptId,
}

fn an_organization() -> Organization {
    Organization { id: id(), name: "Ærø & Søn".to_owned(), plan: Plan::Pro, live: false, created_at: at(0) }
}
fn a_user() -> User {
    User {
        id: id(),
        email: format!("{}@example.org", id::<User>()),
        name: "Ada".to_owned(),
        password_hash: "argon2".to_owned(),
        platform_admin: false,
        created_at: at(0),
    }
}
fn a_person() -> Person {
    Person {
        id: id(),
        name: "Joe O'Neil \"the\" 王".to_owned(),
        email: Some("joe@example.org".to_owned()),
        do_not_call: true,
        created_at: at(1),
    }
}
fn an_account(person: PersonId) -> Account {
    Account {
        id: id(),
        person_id: person,
        external_id: Some(fresh::<Account>("acc")),
        balance_minor: i64::MIN,
        currency: Currency::USD,
        status: AccountStatus::Active,
        ceased_at: Some(at(9)),
        notes: Some("line one\nline two".to_owned()),
        created_at: at(2),
    }
}
fn a_call(org: OrganizationId, person: Option<PersonId>, account: Option<AccountId>) -> Call {
    let mut facts = CallFacts { initiated_at: Some(at(4)), answered_at: Some(at(5)), ..CallFacts::default() };
    facts.recordings.insert("r\"1".to_owned());
    facts.costs.insert("e1".to_owned(), 12_345);
    Call {
        id: id(),
        organization_id: org,
        person_id: person,
        account_id: account,
        direction: Direction::Outbound,
        from_number: number(100),
        to_number: number(101),
        flow_type: FlowType::Direct,
        status: CallStatus::InProgress,
        vendor: "sandbox".to_owned(),
        live: false,
        facts,
        verdict_id: Some(id()),
        record: true,
        transcribe: false,
        answered_at: Some(at(5)),
        ended_at: Some(at(6)),
        answered_by: Some(AnsweredBy::NotSure),
        hangup_cause: Some(HangupCause::CarrierError),
        created_by: Some(id()),
        created_at: at(3),
        updated_at: at(6),
    }
}
fn a_leg(call: CallId) -> CallLeg {
    CallLeg {
        id: id(),
        call_id: call,
        vendor: "sandbox".to_owned(),
        role: LegRole::Callee,
        control_id: Some(fresh::<CallLeg>("control")),
        leg_id: Some(fresh::<CallLeg>("leg")),
        session_id: Some(fresh::<CallLeg>("session")),
        created_at: at(4),
    }
}
fn an_event(call: CallId, source: &str, seconds: i64) -> CallEvent {
    let event_data = json!({"a": [1, -2, null, true, "é\"\\"], "b": {"c": 9_007_199_254_740_993_i64}});
    CallEvent {
        id: id(),
        call_id: call,
        source: source.to_owned(),
        event_type: "call.answered".to_owned(),
        event_data,
        at: at(seconds),
    }
}
fn a_verdict() -> StoredVerdict {
    StoredVerdict {
        id: id(),
        person_id: Some(id()),
        account_id: Some(id()),
        call_id: Some(id()),
        outcome: "defer".to_owned(),
        blocked_by: Some("hours".to_owned()),
        explanation: json!({"rules": []}),
        explanation_hash: "sha256:00".to_owned(),
        pack: "us-1".to_owned(),
        not_before: Some(at(99)),
        created_at: at(3),
    }
}
fn a_contact(t: &Tenant, kind: ContactKind, seconds: i64) -> Contact {
    Contact {
        id: id(),
        person_id: t.person,
        account_id: t.account,
        call_id: t.call,
        kind,
        direction: Direction::Outbound,
        at: at(seconds),
        counts: true,
    }
}
fn a_recording(call: CallId) -> Recording {
    Recording {
        id: id(),
        call_id: call,
        vendor_id: fresh::<Recording>("rec"),
        blob_key: Some("a/b.mp3".to_owned()),
        content_type: "audio/mpeg".to_owned(),
        channels: 2,
        size_bytes: Some(i64::MAX),
        media_hash: Some("sha256:11".to_owned()),
        duration_ms: Some(0),
        status: RecordingStatus::Completed,
        live: true,
        created_at: at(7),
    }
}
fn a_transcript(call: CallId, recording: RecordingId, version: i64) -> Transcript {
    let said = Utterance {
        speaker: "agent".to_owned(),
        start_ms: 0,
        end_ms: 900,
        text: "Hello — 你好".to_owned(),
        confidence_ppm: 990_000,
    };
    Transcript {
        id: id(),
        call_id: call,
        recording_id: recording,
        version,
        vendor: "sandbox".to_owned(),
        model: "m".to_owned(),
        language: "en".to_owned(),
        utterances: Utterances(vec![said]),
        transcript_hash: "sha256:22".to_owned(),
        live: false,
        created_at: at(8),
    }
}
fn a_transcript_job(call: CallId, recording: RecordingId) -> TranscriptJob {
    TranscriptJob {
        id: id(),
        call_id: call,
        recording_id: recording,
        vendor: "sandbox".to_owned(),
        audio_url: Some("https://example.org/a".to_owned()),
        vendor_id: Some(fresh::<TranscriptJob>("tr")),
        status: TranscriptStatus::Pending,
        failures: 1,
        error: Some("once".to_owned()),
        created_at: at(8),
    }
}
fn an_analysis(call: CallId, transcript: TranscriptId) -> Analysis {
    let insight = Insight {
        summary: "Paid.".to_owned(),
        sentiment: Sentiment::Neutral,
        findings: vec![],
        dropped: 2,
        suspicious: vec!["role".to_owned()],
    };
    Analysis {
        id: id(),
        call_id: call,
        transcript_id: transcript,
        vendor: "sandbox".to_owned(),
        model: "m".to_owned(),
        insight,
        insight_hash: "sha256:33".to_owned(),
        live: false,
        created_at: at(9),
    }
}
fn a_usage(call: CallId, source: &str) -> Usage {
    Usage {
        id: id(),
        call_id: call,
        source: source.to_owned(),
        kind: UsageKind::VoiceMs,
        quantity: 61_000,
        vendor: "sandbox".to_owned(),
        cost_micros: Some(-5),
        price_book: Some("2026-01".to_owned()),
        live: false,
        at: at(9),
    }
}
fn an_entry(call: CallId, seq: i64) -> EvidenceEntry {
    EvidenceEntry {
        id: id(),
        call_id: call,
        seq,
        manifest: "{\"b\":1,\"a\":2}".to_owned(),
        manifest_hash: "sha256:44".to_owned(),
        prev_hash: "0".repeat(64),
        entry_hash: "5".repeat(64),
        created_at: at(10),
    }
}
fn a_checkpoint(size: i64) -> Checkpoint {
    Checkpoint {
        id: id(),
        size,
        head: "5".repeat(64),
        signer: "sha256:66".to_owned(),
        signature: "77".to_owned(),
        created_at: at(11),
    }
}
fn an_audit_event(seconds: i64) -> AuditEvent {
    AuditEvent {
        id: id(),
        user_id: Some(id()),
        actor_type: "human".to_owned(),
        action: "call:start".to_owned(),
        resource_type: "call".to_owned(),
        resource_id: Some(id::<Call>().uuid()),
        old_value: Some(json!({"a": 1})),
        new_value: Some(json!([1, 2])),
        metadata: json!({}),
        created_at: at(seconds),
    }
}
fn a_message(topic: Topic, key: &str, seconds: i64) -> NewMessage {
    NewMessage { topic, key: key.to_owned(), payload: json!({"call_id": key, "n": [1]}), run_at: at(seconds) }
}

async fn tenant(store: &dyn Store) -> Tenant {
    let (organization, user, person) = (an_organization(), a_user(), a_person());
    let account = an_account(person.id);
    let call = a_call(organization.id, Some(person.id), Some(account.id));
    let recording = a_recording(call.id);
    let transcript = a_transcript(call.id, recording.id, 1);
    system!(store, |tx| {
        tx.insert_organization(&organization).await.expect("an organisation is added");
        tx.insert_user(&user).await.expect("a user is added");
    });
    org!(store, organization.id, |tx| {
        tx.insert(&person).await.expect("a person is added");
        tx.insert(&account).await.expect("an account is added");
        tx.insert(&call).await.expect("a call is added");
        tx.insert(&recording).await.expect("a recording is added");
        tx.insert(&transcript).await.expect("a transcript is added");
    });
    Tenant {
        org: organization.id,
        user: user.id,
        person: person.id,
        account: account.id,
        call: call.id,
        recording: recording.id,
        transcript: transcript.id,
    }
}

fn kind_of<T: Debug>(outcome: Result<T>) -> Kind {
    outcome.expect_err("it is refused").kind()
}

async fn comes_back<T: Record + Clone + PartialEq + Debug>(store: &dyn Store, org: OrganizationId, rows: &[T])
where
    dyn OrgTx: Repo<T>,
{
    org!(store, org, |tx| for row in rows {
        Repo::<T>::insert(&mut *tx, row).await.unwrap_or_else(|e| panic!("{} is added: {e:?}", T::NAME));
    });
    org!(store, org, |tx| {
        for row in rows {
            let found = Repo::<T>::find(&mut *tx, row.id()).await.expect("a row is read");
            assert_eq!(found.as_ref(), Some(row), "{}", T::NAME);
        }
        assert_eq!(Repo::<T>::find(&mut *tx, id()).await.expect("a row is read"), None, "{}", T::NAME);
    });
}

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
    comes_back(store, t.org, &[a_person(), Person { email: None, do_not_call: false, ..a_person() }]).await;
    let bare =
        Account { external_id: None, ceased_at: None, notes: None, balance_minor: i64::MAX, ..an_account(t.person) };
    comes_back(store, t.org, &[an_account(t.person), bare.clone(), Account { id: id(), ..bare }]).await;
    comes_back(store, t.org, &[PersonPhone { id: id(), person_id: t.person, phone: number(1), created_at: at(1) }])
        .await;
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
    comes_back(
        store,
        t.org,
        &[Suppression { id: id(), phone: number(2), source: "person".to_owned(), created_at: at(1) }],
    )
    .await;
    let call = a_call(t.org, Some(t.person), Some(t.account));
    let bare = Call {
        facts: CallFacts::default(),
        verdict_id: None,
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
    comes_back(store, t.org, &[an_entry(t.call, 1)]).await;
    comes_back(store, t.org, &[a_checkpoint(1)]).await;
    let bare = AuditEvent { user_id: None, resource_id: None, old_value: None, new_value: None, ..an_audit_event(2) };
    comes_back(store, t.org, &[an_audit_event(1), bare]).await;
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
        for (direction, flow_type) in Direction::ALL.iter().zip(FlowType::ALL) {
            tx.insert(&Call { direction: *direction, flow_type: *flow_type, ..blank() }).await.expect("a direction");
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
        Recording { id: t.recording, status: RecordingStatus::Failed, media_hash: None, ..a_recording(t.call) };
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
        tx.insert(&PersonPhone { id: id(), person_id: ours.person, phone: phone.clone(), created_at: at(1) })
            .await
            .expect("added");
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
        tx.insert(&Suppression { id: id(), phone: phone.clone(), source: "person".to_owned(), created_at: at(1) })
            .await
            .expect("added");
        tx.insert(&a_leg(ours.call)).await.expect("added");
        tx.note_event(&an_event(ours.call, "e", 1)).await.expect("added");
        tx.put_contact(&a_contact(&ours, ContactKind::Attempt, 1)).await.expect("added");
        tx.insert(&a_transcript_job(ours.call, ours.recording)).await.expect("added");
        tx.insert(&an_analysis(ours.call, ours.transcript)).await.expect("added");
        tx.note_usage(&a_usage(ours.call, "voice")).await.expect("added");
        tx.insert(&an_entry(ours.call, 1)).await.expect("added");
        tx.insert(&a_checkpoint(1)).await.expect("added");
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
            assert_eq!(tx.phones(ours.person).await.expect("read").len(), answers);
            assert_eq!(tx.locations(ours.person).await.expect("read").len(), answers);
            assert_eq!(tx.suppression(&phone).await.expect("read").is_some(), org == ours.org);
            assert_eq!(tx.contacts_since(ours.person, ours.account, at(-9)).await.expect("read").len(), answers);
            assert_eq!(tx.contacts_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.page_of_recordings(Some(ours.call), &all).await.expect("read").total, mine);
            assert_eq!(tx.recordings_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.transcripts_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.transcript_job(ours.recording).await.expect("read").is_some(), org == ours.org);
            assert_eq!(tx.transcript_jobs_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.analyses_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.usage_of_call(ours.call).await.expect("read").len(), answers);
            assert_eq!(tx.lock_chain_head().await.expect("read").is_some(), org == ours.org);
            assert_eq!(tx.entry_of_call(ours.call).await.expect("read").is_some(), org == ours.org);
            assert_eq!(tx.chain_after(0, 9).await.expect("read").len(), answers);
            assert_eq!(tx.checkpoint_covering(1).await.expect("read").is_some(), org == ours.org);
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
    let listed =
        |source: &str| Suppression { id: id(), phone: number(3), source: source.to_owned(), created_at: at(1) };
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
    });
}

async fn a_call_kept(store: &dyn Store, org: OrganizationId) -> CallId {
    let call = a_call(org, None, None);
    org!(store, org, |tx| tx.insert(&call).await.expect("a call is added"));
    call.id
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
        let both = PersonPhone { id: id(), person_id: t.person, phone: number(5), created_at: at(1) };
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
            tx.insert(&PersonPhone { id: id(), person_id: t.person, phone: number(n), created_at })
                .await
                .expect("added");
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
        let phones: Vec<_> = tx.phones(t.person).await.expect("read").into_iter().map(|p| p.phone).collect();
        assert_eq!(phones, [number(1), number(2), number(3)]);
        let places: Vec<_> = tx.locations(t.person).await.expect("read").into_iter().filter_map(|p| p.text).collect();
        assert_eq!(places, ["1", "2", "3"]);
        tx.insert(&Suppression { id: id(), phone: number(9), source: "person".to_owned(), created_at: at(1) })
            .await
            .expect("added");
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
        assert_eq!(tx.contacts_since(t.person, t.account, at(11)).await.expect("read"), [corrected, talk.clone()]);
        assert_eq!(
            tx.contacts_since(t.person, t.account, at(12)).await.expect("read"),
            [talk],
            "that instant is included"
        );
        assert!(tx.contacts_since(t.person, id(), at(0)).await.expect("read").is_empty());
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

/// By place, from behind a place, and the checkpoint that covers one.
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
        for size in [3, 1] {
            tx.insert(&a_checkpoint(size)).await.expect("a checkpoint is added");
        }
    });
    links.sort_by_key(|l| l.seq);
    org!(store, t.org, |tx| {
        assert_eq!(tx.lock_chain_head().await.expect("read").as_ref(), links.last());
        assert_eq!(tx.chain_after(0, 9).await.expect("read"), links);
        assert_eq!(tx.chain_after(1, 1).await.expect("read"), links[1..2]);
        assert_eq!(tx.entry_of_call(links[0].call_id).await.expect("read").as_ref(), links.first());
        assert_eq!(tx.entry_of_call(t.call).await.expect("read"), None);
        let mut covering = async |seq| tx.checkpoint_covering(seq).await.expect("read").map(|c| c.size);
        assert_eq!((covering(1).await, covering(2).await, covering(4).await), (Some(1), Some(3), None));
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
        let dead = tx.dead_letters(9).await.expect("read");
        assert_eq!(dead.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["1", "2"], "oldest first");
        assert_eq!(dead[0].last_error.as_deref(), Some("no such number"));
        assert_eq!(tx.dead_letters(1).await.expect("read").len(), 1);
        assert!(tx.replay(dead[0].id, at(50)).await.expect("replayed"));
        assert!(!tx.replay(dead[0].id, at(50)).await.expect("asked"), "it is none any more");
        assert!(!tx.replay(id(), at(50)).await.expect("asked"));
        let again = tx.lease(at(50), hour(), 9).await.expect("leased");
        assert_eq!(again.iter().map(|m| (m.id, m.attempts)).collect::<Vec<_>>(), [(dead[0].id, 1)], "with fresh tries");
    });
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

/// By the tick it stands for.
pub async fn runs_of_a_job_are_completed_and_the_last_is_told(store: &dyn Store) {
    let run = |due| JobRun {
        id: id(),
        job: "sweep".to_owned(),
        due_at: at(due),
        started_at: at(due + 1),
        ended_at: None,
        processed: 0,
        error: None,
    };
    let (late, early) = (run(60), run(0));
    system!(store, |tx| {
        assert_eq!(tx.last_run("sweep").await.expect("read"), None);
        tx.put_run(&late).await.expect("put");
        tx.put_run(&early).await.expect("put");
        assert_eq!(tx.last_run("sweep").await.expect("read").as_ref(), Some(&late));
        let done = JobRun { ended_at: Some(at(70)), processed: 3, error: Some("half".to_owned()), ..late };
        tx.put_run(&done).await.expect("completed");
        assert_eq!(tx.last_run("sweep").await.expect("read"), Some(done));
        assert_eq!(tx.last_run("other").await.expect("read"), None);
    });
}
