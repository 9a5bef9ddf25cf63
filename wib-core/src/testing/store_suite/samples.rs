//! Rows to try a store with, and the ways to try it.

use super::*;
use crate::live::Listen;

/// Seconds after a fixed day, with odd microseconds.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_780_000_000_123_457 + seconds * 1_000_000).expect("within time")
}
pub(super) fn id<T>() -> Id<T> {
    Id::new(at(0), &OsRandom)
}
pub(super) fn number(n: u32) -> Phone {
    format!("+1312555{n:04}").parse().expect("a number")
}
pub(super) fn hour() -> Duration {
    Duration::from_secs(3600)
}
pub(super) fn fresh<T: Debug>(what: &str) -> String {
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
pub(super) use org;
/// The same without an organisation.
macro_rules! system {
    ($store:expr, |$tx:ident| $work:expr) => {{
        let mut $tx = $store.system().await.expect("a transaction opens");
        let done = $work;
        $tx.commit().await.expect("a transaction commits");
        done
    }};
}
pub(super) use system;

/// One organisation with one of everything that others refer to.
pub(super) struct Tenant {
    pub(super) org: OrganizationId,
    pub(super) user: UserId,
    pub(super) person: PersonId,
    pub(super) account: AccountId,
    pub(super) call: CallId,
    pub(super) recording: RecordingId,
    pub(super) transcript: TranscriptId,
}

pub(super) fn an_organization() -> Organization {
    Organization {
        id: id(),
        name: "Ærø & Søn".to_owned(),
        plan: Plan::Pro,
        collector_role: CollectorRole::Creditor,
        live: false,
        created_at: at(0),
    }
}
pub(super) fn a_user() -> User {
    User {
        id: id(),
        email: format!("{}@example.org", id::<User>()),
        name: "Ada".to_owned(),
        password_hash: "argon2".to_owned(),
        platform_admin: false,
        created_at: at(0),
    }
}
pub(super) fn a_person() -> Person {
    Person {
        id: id(),
        name: "Joe O'Neil \"the\" 王".to_owned(),
        email: Some("joe@example.org".to_owned()),
        do_not_call: true,
        language: Some("es".to_owned()),
        created_at: at(1),
    }
}
pub(super) fn an_account(person: PersonId) -> Account {
    Account {
        id: id(),
        person_id: person,
        external_id: Some(fresh::<Account>("acc")),
        balance_minor: i64::MIN,
        currency: Currency::USD,
        status: AccountStatus::Active,
        debt_key: Some(fresh::<Account>("key")),
        first_communication_at: Some(at(9)),
        notes: Some("line one\nline two".to_owned()),
        created_at: at(2),
    }
}
pub(super) fn a_phone(person: PersonId, n: u32) -> PersonPhone {
    let (holder, line, place) = (Holder::Spouse, Line::Mobile, Place::Personal);
    PersonPhone { id: id(), person_id: person, phone: number(n), holder, line, place, created_at: at(1) }
}
pub(super) fn a_suppression(n: u32) -> Suppression {
    let (list, source) = (ListKind::Internal, "person".to_owned());
    let (reason, added_by) = (Some("asked on 100% of calls".to_owned()), Some(id()));
    Suppression { id: id(), phone: number(n), list, source, reason, added_by, created_at: at(1) }
}
pub(super) fn a_call(org: OrganizationId, person: Option<PersonId>, account: Option<AccountId>) -> Call {
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
        technology: Technology::ArtificialVoice,
        purpose: Purpose::Location,
        status: CallStatus::InProgress,
        vendor: "sandbox".to_owned(),
        live: false,
        facts,
        verdict_id: Some(id()),
        record: true,
        transcribe: false,
        translate_to: Some(Language::Pt),
        listen: Some(Listen { customer: Some(Language::Es), translate: true, ..Listen::default() }),
        answered_at: Some(at(5)),
        ended_at: Some(at(6)),
        answered_by: Some(AnsweredBy::NotSure),
        hangup_cause: Some(HangupCause::CarrierError),
        created_by: Some(id()),
        created_at: at(3),
        updated_at: at(6),
    }
}
pub(super) fn a_leg(call: CallId) -> CallLeg {
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
pub(super) fn an_event(call: CallId, source: &str, seconds: i64) -> CallEvent {
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
pub(super) fn a_verdict() -> StoredVerdict {
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
pub(super) fn a_contact(t: &Tenant, kind: ContactKind, seconds: i64) -> Contact {
    Contact {
        id: id(),
        person_id: t.person,
        account_id: t.account,
        call_id: Some(t.call),
        kind,
        direction: Direction::Outbound,
        at: at(seconds),
        counts: true,
        medium: Medium::Call,
        technology: Technology::Manual,
        phone: Some(number(101)),
        place: Place::Personal,
        source: ContactSource::Call,
    }
}
pub(super) fn a_recording(call: CallId) -> Recording {
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
        started_at: Some(at(6)),
        status: RecordingStatus::Completed,
        withheld: true,
        note: Some("silenced".to_owned()),
        live: true,
        created_at: at(7),
    }
}
pub(super) fn a_transcript(call: CallId, recording: RecordingId, version: i64) -> Transcript {
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
        scrubbed: 3,
        live: false,
        created_at: at(8),
    }
}
pub(super) fn a_transcript_job(call: CallId, recording: RecordingId) -> TranscriptJob {
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
pub(super) fn an_analysis(call: CallId, transcript: TranscriptId) -> Analysis {
    let insight = Insight {
        summary: "Paid.".to_owned(),
        sentiment: Some(Sentiment::Neutral),
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
pub(super) fn a_usage(call: CallId, source: &str) -> Usage {
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
pub(super) fn an_entry(call: CallId, seq: i64) -> EvidenceEntry {
    EvidenceEntry {
        id: id(),
        kind: EntryKind::Call,
        subject_id: call.uuid(),
        call_id: Some(call),
        version: 1,
        supersedes: None,
        format: LinkFormat::V2,
        seq,
        manifest: "{\"b\":1,\"a\":2}".to_owned(),
        manifest_hash: "sha256:44".to_owned(),
        prev_hash: "0".repeat(64),
        entry_hash: "5".repeat(64),
        created_at: at(10),
    }
}
pub(super) fn a_checkpoint(size: i64) -> Checkpoint {
    Checkpoint {
        id: id(),
        size,
        head: "5".repeat(64),
        root: Some("sha256:88".to_owned()),
        signer: "sha256:66".to_owned(),
        signature: "77".to_owned(),
        created_at: at(11),
    }
}
pub(super) fn a_node(level: u32, position: u64) -> EvidenceNode {
    EvidenceNode { level, position, hash: [level.to_le_bytes()[0] + position.to_le_bytes()[0]; 32] }
}
pub(super) fn an_audit_event(seconds: i64) -> AuditEvent {
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
        sealed_seq: None,
    }
}
pub(super) fn a_policy() -> RetentionPolicy {
    RetentionPolicy {
        id: id(),
        recording_retention_days: 1,
        transcript_retention_days: 3650,
        call_log_retention_days: 730,
        auto_delete_enabled: true,
        gdpr_mode: false,
        updated_at: at(1),
    }
}
pub(super) fn a_mark(call: CallId) -> RetentionMark {
    RetentionMark {
        id: id(),
        kind: SubjectKind::Recording,
        subject_id: id::<Recording>().uuid(),
        call_id: call,
        status: MarkStatus::Purged,
        next_look_at: Some(at(9)),
        hash: Some(fresh::<RetentionMark>("hash")),
        verdict_id: Some(id()),
        seq: Some(7),
        updated_at: at(2),
    }
}
pub(super) fn an_erasure(person: PersonId) -> Erasure {
    let kept = KeptItem { what: "numbers".to_owned(), count: 2, why: "a law".to_owned(), until: Some(at(99)) };
    Erasure {
        id: id(),
        person_id: person,
        reason: ErasureReason::Request,
        status: ErasureStatus::Pending,
        report: ErasureReport { erased: vec![Counted { what: "notes".to_owned(), count: 1 }], kept: vec![kept] },
        requested_by: Some(id()),
        next_look_at: Some(at(9)),
        created_at: at(1),
        updated_at: at(2),
    }
}
pub(super) fn a_message(topic: Topic, key: &str, seconds: i64) -> NewMessage {
    NewMessage { topic, key: key.to_owned(), payload: json!({"call_id": key, "n": [1]}), run_at: at(seconds) }
}

pub(super) async fn tenant(store: &dyn Store) -> Tenant {
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

pub(super) fn kind_of<T: Debug>(outcome: Result<T>) -> Kind {
    outcome.expect_err("it is refused").kind()
}

pub(super) async fn comes_back<T: Record + Clone + PartialEq + Debug>(
    store: &dyn Store,
    org: OrganizationId,
    rows: &[T],
) where
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

/// A call of a tenant, kept.
pub(super) async fn a_call_kept(store: &dyn Store, org: OrganizationId) -> CallId {
    let call = a_call(org, None, None);
    org!(store, org, |tx| tx.insert(&call).await.expect("a call is added"));
    call.id
}
pub(super) fn a_stamp(size: i64, kind: StampKind, name: &str) -> Stamp {
    Stamp {
        id: id(),
        checkpoint_size: size,
        kind,
        name: name.to_owned(),
        token: "MIIB+/==".to_owned(),
        at: at(12),
        created_at: at(13),
    }
}
