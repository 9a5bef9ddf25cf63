//! The audit log: a line for every change, refused lines, seals, and what attacks on it leave.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;
use wib_core::{
    ai::PutAiBudget,
    audit::{AuditEvent, AuditFault, AuditReport, TouchedLine},
    calls::{RecordingState, VerifyParty},
    circumstances::RecordCircumstance,
    collections::ListNumber,
    compliance::{CheckContact, CircumstanceKind, ConsentScope, DutyKind, ListKind, Medium, Wish},
    consent::{ConsentEvent, OptOut, RecordConsent, RecordPreference, RevokeConsent, Source},
    engine::Topic,
    kit::{PageRequest, Principal, time},
    licences::RecordLicence,
    lists::ImportList,
    notices::{CreateNotice, DisputeKind, FileDispute, NoticeMethod},
    ports::mailer::Mail,
    privacy::{ErasureReason, ExportPerson},
    retention::{CreateHold, PutRetention},
    violations::{LogViolation, ResolveViolation, ViolationCode, ViolationKind, ViolationStatus},
};

use crate::{
    keeping::Archive,
    stage::{magic, phone},
};

/// Every use case of an organisation that writes, and the line that it leaves.
const CHANGES: &[(&str, &str)] = &[
    ("put_ai_budget", "ai:budget_set"),
    ("import_accounts", "collection:csv_imported"),
    ("start_call", "call:started"),
    ("end_call", "call:ended"),
    ("export_call", "call:exported"),
    ("recording", "recording:accessed"),
    ("delete_recording", "recording:deleted"),
    ("send_mail", "email:queued"),
    ("export_history", "evidence:exported"),
    ("state_zone", "collection:account_updated"),
    ("suppress", "dnc:created"),
    ("unsuppress", "dnc:deleted"),
    ("cease", "compliance:circumstance_recorded"),
    ("put_retention_policy", "retention:policy_updated"),
    ("erase_person", "privacy:person_erased"),
    ("export_person", "privacy:person_exported"),
];
/// The same for what the law asks.
const RECORDS: &[(&str, &str)] = &[
    ("record_circumstance", "compliance:circumstance_recorded"),
    ("end_circumstance", "compliance:circumstance_ended"),
    ("opt_out", "consent:opted_out"),
    ("record_consent", "consent:recorded"),
    ("revoke_consent", "consent:revoked"),
    ("record_preference", "consent:preference_recorded"),
    ("end_preference", "consent:preference_ended"),
    ("record_licence", "compliance:licence_recorded"),
    ("end_licence", "compliance:licence_ended"),
    ("import_list", "compliance:list_imported"),
    ("file_dispute", "collection:dispute_filed"),
    ("answer_dispute", "collection:dispute_answered"),
    ("create_notice", "compliance:validation_notice_created"),
    ("notice_sent", "compliance:validation_notice_sent"),
    ("notice_delivered", "compliance:validation_notice_delivered"),
    ("notice_returned", "compliance:validation_notice_returned"),
    ("create_hold", "retention:legal_hold_created"),
    ("release_hold", "retention:legal_hold_released"),
    ("import_history", "collection:history_imported"),
    ("check", "compliance:predial_passed"),
    ("log_violation", "compliance:violation_logged"),
    ("resolve_violation", "compliance:violation_resolved"),
];
/// The same on a call that is up.
const TALK: &[(&str, &str)] = &[
    ("verify_party", "call:party_verified"),
    ("speak_disclosure", "call:disclosure_ordered"),
    ("disclosed", "call:disclosed"),
    ("agree_to_recording", "call:recording_agreed"),
    ("refuse_recording", "call:recording_refused"),
    ("begin_payment", "payment:begun"),
    ("end_payment", "payment:ended"),
];
/// The same for numbers, further legs and translations; their scenarios look for the lines.
const LEGS: &[(&str, &str)] = &[
    ("add_number", "number:added"),
    ("set_agent_line", "line:set"),
    ("start_caller_id", "caller_id:verification_initiated"),
    ("confirm_caller_id", "caller_id:verified"),
    ("delete_caller_id", "caller_id:deleted"),
    ("transfer_call", "call:transferred"),
    ("supervise_call", "call:supervised"),
    ("switch_supervision", "call:supervision_switched"),
    ("leave_supervision", "call:supervision_left"),
    ("translate_call", "translation:asked"),
];
/// The same for what members do with calls, numbers and sounds.
pub(crate) const VOICE: &[(&str, &str)] = &[
    ("declare_outcome", "call:outcome_declared"),
    ("revise_outcome", "call:outcome_updated"),
    ("add_call_note", "call:note_created"),
    ("set_disposition", "call:disposition_set"),
    ("add_confirmation", "call:confirmation_created"),
    ("share_call", "call:emailed"),
    ("summarise_call", "call:ai_summary_generated"),
    ("hold_call", "call:held"),
    ("put_voice_config", "config:voice_updated"),
    ("add_voice_target", "voice:target_created"),
    ("delete_voice_target", "voice:target_deleted"),
    ("upload_audio", "audio:uploaded"),
    ("transcribe_audio", "audio:transcription_started"),
];
/// The same for flags and ways to sign in; their scenarios look for the lines.
pub(crate) const FLAGS: &[(&str, &str)] = &[
    ("create_org_flag", "feature_flag:created"),
    ("update_org_flag", "feature_flag:updated"),
    ("delete_org_flag", "feature_flag:deleted"),
    ("set_auth_provider", "admin:auth_provider_updated"),
];
/// The same for members, teams and keys; wib-http's tests look for the lines.
const PEOPLE: &[(&str, &str)] = &[
    ("create_api_key", "auth:api_key_created"),
    ("revoke_api_key", "auth:api_key_revoked"),
    ("validate_api_key", "auth:api_key_validated"),
    ("set_member_role", "team:role_changed"),
    ("remove_member", "team:member_removed"),
    ("invite", "team:member_invited"),
    ("cancel_invite", "team:member_removed"),
    ("accept_invite", "team:invite_accepted"),
    ("create_team", "team:created"),
    ("update_team", "team:updated"),
    ("dissolve_team", "team:deleted"),
    ("put_team_member", "team:member_invited"),
    ("remove_team_member", "team:member_removed"),
];
/// Those that change nothing of the organisation's: signatures over what is there, prompts, each a record itself, and the keys
/// of requests, whose own use cases leave their lines.
const SILENT: &[&str] = &["append_for_test", "claim_request", "complete", "evidence", "evidence_at", "settle_request"];

async fn lines(archive: &Archive) -> Vec<AuditEvent> {
    let mut tx = archive.stage.store.org(archive.stage.org.id()).await.unwrap();
    let page = tx.page_of_audit(&PageRequest { limit: 200, ..PageRequest::default() }).await.unwrap();
    page.items
}

#[tokio::test]
async fn every_change_leaves_a_line_with_how_it_was_and_is() {
    let archive = Archive::new().await;
    let (stage, org) = (&archive.stage, &archive.stage.org);
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    let recording = export.recordings[0].id;
    org.recording(recording).await.unwrap();
    org.delete_recording(recording).await.unwrap();
    org.export_history().await.unwrap();
    org.state_zone(account.person_id, "America/Denver").await.unwrap();
    let number = phone("+13125550123");
    let (listed, _) = org.suppress(ListNumber::of(number)).await.unwrap();
    org.unsuppress(listed.id).await.unwrap();
    let other = stage.account_at("+13125550124", "1 Main St, Chicago, IL 60601").await;
    let second = stage.start(&other).await.unwrap();
    org.end_call(second.id).await.unwrap();
    let mail = Mail::plain("desk@example.org".parse().unwrap(), "s", "t", "k");
    org.send_mail(&mail).await.unwrap();
    org.cease(account.id).await.unwrap();
    org.put_retention_policy(PutRetention { auto_delete_enabled: Some(true), ..PutRetention::default() })
        .await
        .unwrap();
    org.put_ai_budget(PutAiBudget { limit_micros: 5 }).await.unwrap();
    org.export_person(account.person_id, ExportPerson::default()).await.unwrap();
    org.erase_person(account.person_id, ErasureReason::Request).await.unwrap();
    let log = lines(&archive).await;
    for (name, action) in CHANGES {
        assert!(log.iter().any(|line| line.action == *action), "{name} leaves no {action}");
    }
    let line = |action: &str| log.iter().find(|line| line.action == action).unwrap();
    let policy = line("retention:policy_updated");
    assert_eq!(policy.old_value.as_ref().unwrap()["auto_delete_enabled"], false);
    assert_eq!(policy.new_value.as_ref().unwrap()["auto_delete_enabled"], true);
    assert!(policy.new_value.as_ref().unwrap().get("gdpr_mode").is_none(), "what did not change is not told");
    let deleted = line("recording:deleted");
    assert_eq!(deleted.old_value, Some(serde_json::json!({"status": "completed"})));
    assert_eq!(line("dnc:deleted").old_value.as_ref().unwrap()["phone"], "********0123");
    assert!(line("dnc:deleted").new_value.is_none() && line("dnc:created").old_value.is_none());
    let all = serde_json::to_string(&log).unwrap();
    for private in ["Alma", "Grand Ave", "3125550123", &magic(5)[1..]] {
        assert!(!all.contains(private), "{private} is in the log");
    }
}

#[tokio::test]
async fn every_change_of_a_call_that_is_up_leaves_a_line() {
    let archive = Archive::new().await;
    let (stage, org) = (&archive.stage, &archive.stage.org);
    let account = stage.account(&magic(5)).await;
    let id = stage.start(&account).await.unwrap().id;
    let deadline = time::after(stage.now(), std::time::Duration::from_secs(600));
    let recorded = async || Ok(org.call(id).await?.facts.recording_state() == RecordingState::Recording);
    stage.sandbox.play(&stage.wib, &stage.clock, deadline, recorded).await.unwrap();
    org.agree_to_recording(id).await.unwrap();
    org.verify_party(id, VerifyParty::default()).await.unwrap();
    org.speak_disclosure(id, DutyKind::MiniMiranda).await.unwrap();
    org.disclosed(id, DutyKind::MiniMiranda).await.unwrap();
    // Whatever the law says of the payment, the mask goes on, and its line is kept.
    let _ = org.begin_payment(id).await;
    org.end_payment(id).await.unwrap();
    org.refuse_recording(id).await.unwrap();
    let log = lines(&archive).await;
    for (name, action) in TALK {
        let line =
            log.iter().find(|line| line.action == *action).unwrap_or_else(|| panic!("{name} leaves no {action}"));
        assert!(line.resource_id == Some(id.uuid()) && line.new_value.is_some(), "{line:?}");
    }
}

#[tokio::test]
async fn every_change_of_what_the_law_asks_leaves_a_line_without_names_and_words() {
    let archive = Archive::new().await;
    let (stage, org) = (&archive.stage, &archive.stage.org);
    let account = stage.account(&magic(5)).await;
    let (person, now, number) = (account.person_id, stage.now(), phone("+13125550188"));
    let circumstance = RecordCircumstance {
        person_id: Some(person),
        account_id: None,
        phone: None,
        kind: CircumstanceKind::Attorney,
        since: None,
        source: Source::AgentEntry,
        note: Some("Her counsel is Quentin Ashgrove".to_owned()),
    };
    let circumstance = org.record_circumstance(circumstance).await.unwrap();
    org.end_circumstance(circumstance.id).await.unwrap();
    let consent = RecordConsent {
        person_id: Some(person),
        account_id: None,
        phone: None,
        email: Some("alma@quentin.example".to_owned()),
        scope: ConsentScope::Email,
        event: ConsentEvent::Granted,
        written: true,
        source: Source::WebForm,
        evidence: Some("a letter by Quentin".to_owned()),
        call_id: None,
        note: Some("Quentin wrote".to_owned()),
        at: None,
        expires_at: None,
    };
    org.record_consent(consent).await.unwrap();
    let scope = Some(ConsentScope::Email);
    org.revoke_consent(RevokeConsent { person_id: Some(person), scope, ..RevokeConsent::default() }).await.unwrap();
    let wish = RecordPreference {
        person_id: person,
        phone: None,
        email: None,
        medium: Some(Medium::Text),
        wish: Wish::NoMedium,
    };
    let wish = org.record_preference(wish).await.unwrap();
    org.end_preference(wish.id).await.unwrap();
    let licence = RecordLicence { region: "US-CA".to_owned(), number: "L1".to_owned(), from_at: now, until_at: None };
    let licence = org.record_licence(licence).await.unwrap();
    org.end_licence(licence.id, time::after(now, std::time::Duration::from_secs(9))).await.unwrap();
    let csv: &[u8] = b"phone\n+13125550177\n";
    org.import_list(ImportList { list: ListKind::National, source: "registry", as_of: now, csv }).await.unwrap();
    let notice = CreateNotice { account_id: account.id, method: NoticeMethod::Mail };
    let notice = org.create_notice(notice).await.unwrap();
    org.notice_sent(notice.id, None).await.unwrap();
    org.notice_delivered(notice.id, now).await.unwrap();
    let reason = "Quentin says it is paid".to_owned();
    let dispute = FileDispute {
        account_id: account.id,
        call_id: None,
        kind: DisputeKind::Other,
        written: true,
        reason,
        at: None,
    };
    let dispute = org.file_dispute(dispute).await.unwrap();
    org.answer_dispute(dispute.id, NoticeMethod::Mail, None).await.unwrap();
    let other = stage.account_at("+13125550124", "1 Main St, Chicago, IL 60601").await;
    let notice = CreateNotice { account_id: other.id, method: NoticeMethod::Mail };
    let notice = org.create_notice(notice).await.unwrap();
    org.notice_sent(notice.id, None).await.unwrap();
    org.notice_returned(notice.id).await.unwrap();
    let hold = CreateHold { name: "Quentin v. Lakeside".to_owned(), applies_to_all: true, ..CreateHold::default() };
    let hold = org.create_hold(hold).await.unwrap();
    org.release_hold(hold.id).await.unwrap();
    org.import_history(format!("phone,at\n{},2026-05-01T15:00:00Z\n", magic(5)).as_bytes()).await.unwrap();
    let _ =
        org.check(CheckContact { account_id: Some(account.id), log: true, ..CheckContact::default() }).await.unwrap();
    let violation = LogViolation {
        call_id: None,
        restriction_code: ViolationCode::AiNoNegotiation,
        violation_type: ViolationKind::Warned,
        context: serde_json::json!({"said": "Quentin pays half"}).as_object().cloned(),
    };
    let id = org.log_violation(violation).await.unwrap().id;
    let resolution_notes = Some("Quentin did".to_owned());
    let resolution_status = ViolationStatus::Confirmed;
    org.resolve_violation(ResolveViolation { id, resolution_status, resolution_notes }).await.unwrap();
    let stop = OptOut { phone: Some(number), text: "STOP".to_owned(), ..OptOut::default() };
    org.opt_out(stop).await.unwrap();
    let log = lines(&archive).await;
    for (name, action) in RECORDS {
        let found = log.iter().find(|line| line.action == *action);
        let line = found.unwrap_or_else(|| panic!("{name} leaves no {action}"));
        let told = line.new_value.is_some() || *action == "compliance:predial_passed";
        assert!(told, "{name} does not say how it is");
    }
    let all = serde_json::to_string(&log).unwrap();
    for private in ["Quentin", "quentin", "3125550188", "Alma"] {
        assert!(!all.contains(private), "{private} is in the log");
    }
    archive.holds().await;
}

/// The source of every use case: the name, and the text to its end.
fn use_cases(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            use_cases(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains(".insert(&self.audit("), "{}: there is one way to write a line", path.display());
            for block in text.split("\nimpl Org {").skip(1) {
                let block = block.split("\n}").next().unwrap();
                for body in block.split("pub async fn ").skip(1) {
                    let name = body.split(['(', '<']).next().unwrap().to_owned();
                    found.push((name, body.split("\n    }").next().unwrap().to_owned()));
                }
            }
        }
    }
}

#[test]
fn no_use_case_that_writes_is_missing_in_the_table() {
    let mut found = vec![];
    use_cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../wib-core/src"), &mut found);
    assert!(found.len() > 15, "the source reads otherwise than this test thinks");
    let known: BTreeSet<_> = CHANGES
        .iter()
        .chain(RECORDS)
        .chain(TALK)
        .chain(LEGS)
        .chain(VOICE)
        .chain(FLAGS)
        .chain(PEOPLE)
        .chain(crate::secrets::CHANGES)
        .chain(crate::money::MONEY)
        .chain(crate::hearing::CHANGES)
        .chain(crate::billing::CHANGES)
        .chain(crate::ai::CHANGES)
        .chain(crate::verdicts::CHANGES)
        .chain(crate::subscriptions::CHANGES)
        .map(|(name, _)| *name)
        .chain(SILENT.iter().copied())
        .chain(crate::hearing::ELSEWHERE.iter().copied())
        .chain(crate::ai::ELSEWHERE.iter().copied())
        .collect();
    let writes = |body: &str| body.contains(".commit()") || body.contains("begin_");
    let missing: Vec<_> =
        found.iter().filter(|(name, body)| writes(body) && !known.contains(name.as_str())).map(|(n, _)| n).collect();
    assert!(missing.is_empty(), "add to CHANGES: {missing:?}");
}

#[tokio::test]
async fn a_refused_line_never_stops_a_call_and_is_written_later() {
    for archive in Archive::each("a_refused_line_never_stops_a_call_and_is_written_later").await {
        let stage = &archive.stage;
        let account = stage.account(&magic(5)).await;
        let before = lines(&archive).await.len();
        // The table is gone as far as writing goes; everything else goes on.
        archive.behind.raw("ALTER TABLE audit_events RENAME TO audit_elsewhere").await;
        let call = stage.start(&account).await.unwrap();
        stage.work().await;
        archive.behind.raw("ALTER TABLE audit_elsewhere RENAME TO audit_events").await;
        assert_eq!(lines(&archive).await.len(), before);
        stage.pass(3600);
        stage.work().await;
        let log = lines(&archive).await;
        let line = log.iter().find(|line| line.resource_id == Some(call.id.uuid())).unwrap();
        assert_eq!(line.action, "call:started");
        assert!(line.metadata["happened_at"].is_string() && line.created_at > call.created_at);
        archive.holds().await;
    }
}

#[tokio::test]
async fn a_line_that_can_never_be_written_becomes_a_dead_letter() {
    let archive = Archive::new().await;
    let account = archive.stage.account(&magic(2)).await;
    archive.behind.raw("ALTER TABLE audit_events RENAME TO audit_elsewhere").await;
    let call = archive.stage.start(&account).await.unwrap();
    for _ in 0..60 {
        archive.stage.pass(3600);
        archive.stage.work().await;
    }
    let dead = archive.stage.wib.system().dead_letters(50).await.unwrap();
    let letter = dead.iter().find(|message| message.topic == Topic::WriteAudit).unwrap();
    assert_eq!(letter.payload["event"]["resource_id"], Value::String(call.id.to_string()));
    archive.behind.raw("ALTER TABLE audit_elsewhere RENAME TO audit_events").await;
    assert!(archive.stage.wib.system().replay(letter.id).await.unwrap());
    archive.stage.work().await;
    assert!(lines(&archive).await.iter().any(|line| line.action == "call:started"));
}

/// Two batches of lines under seal, a minute apart.
async fn sealed(archive: &Archive) -> Vec<AuditEvent> {
    let (stage, org) = (&archive.stage, &archive.stage.org);
    for batch in 0..2 {
        for n in 0..3 {
            org.suppress(ListNumber::of(phone(&format!("+131255501{batch}{n}")))).await.unwrap();
            stage.pass(1);
        }
        stage.pass(120);
        assert_eq!(org.seal_audit().await.unwrap(), 3);
        assert_eq!(org.seal_audit().await.unwrap(), 0, "once");
    }
    let report = org.verify_audit().await.unwrap();
    assert_eq!((report.batches, report.sealed, report.unsealed, report.holds()), (2, 6, 0, true));
    let mut log = lines(archive).await;
    log.reverse();
    log
}

fn id_of(line: &AuditEvent, archive: &Archive) -> String {
    match &*archive.behind {
        crate::keeping::Behind::Lite(_) => format!("x'{}'", line.id.uuid().simple()),
        crate::keeping::Behind::Pg(_) => format!("'{}'", line.id),
    }
}

async fn verdict(archive: &Archive) -> AuditReport {
    archive.stage.org.verify_audit().await.unwrap()
}

#[tokio::test]
async fn an_edited_line_is_named() {
    for archive in Archive::each("an_edited_line_is_named").await {
        let log = sealed(&archive).await;
        archive.behind.unguard("audit_events").await;
        let id = id_of(&log[1], &archive);
        archive.behind.raw(&format!("UPDATE audit_events SET action = 'dnc:deleted' WHERE id = {id}")).await;
        let fault = TouchedLine { seq: log[1].sealed_seq, line: Some(log[1].id.uuid()), what: AuditFault::Edited };
        assert_eq!(verdict(&archive).await.faults, [fault]);
    }
}

#[tokio::test]
async fn a_deleted_line_is_named() {
    for archive in Archive::each("a_deleted_line_is_named").await {
        let log = sealed(&archive).await;
        archive.behind.unguard("audit_events").await;
        archive.behind.raw(&format!("DELETE FROM audit_events WHERE id = {}", id_of(&log[4], &archive))).await;
        let fault = TouchedLine { seq: log[4].sealed_seq, line: Some(log[4].id.uuid()), what: AuditFault::Deleted };
        assert_eq!(verdict(&archive).await.faults, [fault]);
    }
}

#[tokio::test]
async fn a_back_dated_line_is_named_before_and_after_it_is_sealed() {
    for archive in Archive::each("a_back_dated_line_is_named_before_and_after_it_is_sealed").await {
        let log = sealed(&archive).await;
        let mut tx = archive.stage.store.org(archive.stage.org.id()).await.unwrap();
        let forged = AuditEvent {
            id: wib_core::kit::Id::new(log[1].created_at, &*archive.stage.random),
            created_at: log[1].created_at,
            sealed_seq: None,
            ..log[1].clone()
        };
        tx.insert(&forged).await.unwrap();
        tx.commit().await.unwrap();
        let named = |seq| TouchedLine { seq, line: Some(forged.id.uuid()), what: AuditFault::Added };
        assert_eq!(verdict(&archive).await.faults, [named(None)]);
        assert_eq!(archive.stage.org.seal_audit().await.unwrap(), 1);
        let report = verdict(&archive).await;
        assert_eq!(report.faults.len(), 1);
        assert_eq!(report.faults[0], named(report.faults[0].seq), "sealed, and named still");
        // Put into an old batch, or under a link that is no batch, it is named as well.
        archive.behind.unguard("audit_events").await;
        for seq in [log[1].sealed_seq.unwrap(), 900] {
            let id = id_of(&forged, &archive);
            archive.behind.raw(&format!("UPDATE audit_events SET sealed_seq = {seq} WHERE id = {id}")).await;
            assert!(verdict(&archive).await.faults.contains(&named(Some(seq))), "under {seq}");
        }
    }
}

#[tokio::test]
async fn the_rows_of_evidence_refuse_every_change_but_the_one_that_is_theirs() {
    for archive in Archive::each("the_rows_of_evidence_refuse_every_change_but_the_one_that_is_theirs").await {
        let account = archive.stage.account(&magic(5)).await;
        let call = archive.stage.start(&account).await.unwrap();
        archive.stage.sealed(call.id).await;
        archive.holds().await;
        let refused = async |text: &str| {
            let outcome = match &*archive.behind {
                crate::keeping::Behind::Lite(store) => wib_storage::testing::raw(store, text).await,
                crate::keeping::Behind::Pg(store) => store.raw(text).await,
            };
            assert!(outcome.is_err(), "{text} was taken");
        };
        for table in ["audit_events", "evidence", "evidence_nodes", "checkpoints", "transcripts", "verdicts"] {
            refused(&format!("DELETE FROM {table}")).await;
            refused(&format!("UPDATE {table} SET organization_id = organization_id")).await;
        }
        refused("UPDATE audit_events SET sealed_seq = sealed_seq + 1").await;
        refused("UPDATE audit_events SET sealed_seq = NULL").await;
        refused("UPDATE transcripts SET utterances = '[]', transcript_hash = 'x'").await;
        refused("UPDATE transcripts SET utterances = '[{}]'").await;
    }
}

#[tokio::test]
async fn only_those_who_may_see_the_whole_log_check_it() {
    let archive = Archive::new().await;
    let agent = Principal { role: wib_core::kit::Role::Agent, ..Principal::service(archive.stage.org.id()) };
    let org = archive.stage.wib.org(agent).await.unwrap();
    assert!(org.verify_audit().await.is_err() && org.seal_audit().await.is_err());
}
