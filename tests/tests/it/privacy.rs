//! A person's data: all of it shown, and erased but for what a law or a hold keeps.

use wib_core::{
    calls::ListCalls,
    circumstances::RecordCircumstance,
    collections::{Account, ListNumber},
    compliance::{CircumstanceKind, ConsentScope},
    consent::{ConsentEvent, RecordConsent, Source},
    evidence::EntryKind,
    kit::{Kind, canonical},
    notices::{DisputeKind, FileDispute, NoticeMethod},
    privacy::{Erasure, ErasureReason, ErasureStatus, ExportPerson, TOMBSTONE},
    recordings::RecordingStatus,
    retention::CreateHold,
    violations::{LogViolation, ViolationCode, ViolationKind},
};

use crate::{
    keeping::Archive,
    stage::{magic, phone},
};

const NAME: &str = "Wilhelmina Ostrander-Quill";
const MAIL: &str = "wilhelmina@ostrander.example";
const STREET: &str = "77 Peregrine Crescent";
const NOTE: &str = "prefers mornings, sister of Benedikt";

async fn person(archive: &Archive, number: &str) -> Account {
    let csv = format!(
        "Account Number;Name;Balance;Phone;Email;Address;Notes\n\
         Q-{number};{NAME};$120.50;{number};{MAIL};\"{STREET}, Chicago, IL 60654\";\"{NOTE}\"\n"
    );
    let mut report = archive.stage.org.import_accounts(csv.as_bytes()).await.unwrap();
    assert!(report.file.faults.is_empty(), "{:?}", report.file.faults);
    report.accounts.pop().unwrap().0
}

/// A person with a call that was recorded, transcribed and analysed.
async fn known(archive: &Archive) -> Account {
    let account = person(archive, &magic(5)).await;
    let call = archive.stage.start(&account).await.unwrap();
    archive.stage.sealed(call.id).await;
    account
}

/// What was noted of the person in the records that the law asks for.
async fn noted(archive: &Archive, account: &Account) {
    let org = &archive.stage.org;
    let circumstance = RecordCircumstance {
        person_id: Some(account.person_id),
        account_id: None,
        phone: None,
        kind: CircumstanceKind::ActiveDuty,
        since: None,
        source: Source::AgentEntry,
        note: Some("brother of Benedikt".to_owned()),
    };
    org.record_circumstance(circumstance).await.unwrap();
    let listed = ListNumber { reason: Some("asked by Wilhelmina".to_owned()), ..ListNumber::of(phone(&magic(5))) };
    org.suppress(listed).await.unwrap();
    let calls = org.list_calls(ListCalls::default()).await.unwrap();
    let violation = LogViolation {
        call_id: calls.items.iter().find(|call| call.person_id == Some(account.person_id)).map(|call| call.id),
        restriction_code: ViolationCode::AiNoNegotiation,
        violation_type: ViolationKind::Detected,
        context: serde_json::json!({"said": "Benedikt pays half"}).as_object().cloned(),
    };
    org.log_violation(violation).await.unwrap();
    let consent = RecordConsent {
        person_id: Some(account.person_id),
        account_id: None,
        phone: None,
        email: Some(MAIL.to_owned()),
        scope: ConsentScope::Email,
        event: ConsentEvent::Granted,
        written: true,
        source: Source::WebForm,
        evidence: Some("form of Wilhelmina".to_owned()),
        call_id: None,
        note: Some("Wilhelmina signed".to_owned()),
        at: None,
        expires_at: None,
    };
    org.record_consent(consent).await.unwrap();
    let reason = "Benedikt paid it".to_owned();
    let dispute = FileDispute {
        account_id: account.id,
        call_id: None,
        kind: DisputeKind::Other,
        written: false,
        reason,
        at: None,
    };
    let dispute = org.file_dispute(dispute).await.unwrap();
    org.answer_dispute(dispute.id, NoticeMethod::Mail, None).await.unwrap();
}

async fn nowhere(archive: &Archive) {
    for private in [NAME, "Wilhelmina", MAIL, STREET, "Peregrine", NOTE, "Benedikt"] {
        assert_eq!(archive.with(private).await, Vec::<String>::new(), "{private}");
    }
}

async fn erase(archive: &Archive, account: &Account) -> Erasure {
    archive.stage.org.erase_person(account.person_id, ErasureReason::Request).await.unwrap()
}

fn kept(erasure: &Erasure) -> Vec<(&str, i64, &str)> {
    erasure.report.kept.iter().map(|k| (k.what.as_str(), k.count, k.why.as_str())).collect()
}

#[tokio::test]
async fn name_mail_address_and_notes_are_in_no_table_and_no_blob_afterwards() {
    for archive in Archive::each("name_mail_address_and_notes_are_in_no_table_and_no_blob_afterwards").await {
        let account = known(&archive).await;
        noted(&archive, &account).await;
        for private in [NAME, MAIL, STREET, NOTE] {
            assert!(!archive.with(private).await.is_empty(), "{private} was somewhere");
        }
        let erasure = erase(&archive, &account).await;
        nowhere(&archive).await;
        assert_eq!(erasure.status, ErasureStatus::Pending);
        let erased: Vec<_> = erasure.report.erased.iter().map(|e| (e.what.as_str(), e.count)).collect();
        let of_records = [
            ("reasons for numbers not to be called", 1),
            ("words of violations", 1),
            ("mail addresses, proofs and notes of consents", 1),
            ("notes of circumstances", 1),
            ("reasons of disputes", 1),
        ];
        let (records, erased) = erased.split_at(5);
        assert_eq!(records, of_records);
        assert_eq!(erased, [("name and mail address", 1), ("texts of addresses", 1), ("notes", 1), ("analyses", 1)]);
        assert_eq!(
            kept(&erasure),
            [
                ("numbers", 1, "RF-KEEP: 12 CFR 1006.100(a) and comment"),
                ("recordings", 1, "RF-KEEP-REC: 12 CFR 1006.100(b)"),
                ("timelines", 1, "RF-KEEP: 12 CFR 1006.100(a) and comment"),
                ("transcripts", 1, "RF-KEEP: 12 CFR 1006.100(a) and comment"),
                ("wish not to be called", 1, "47 CFR 64.1200(d)(3), (d)(6)"),
                ("ledger of attempts and conversations, ids only", 2, "12 CFR 1006.100(a)"),
            ]
        );
        let recordings = erasure.report.kept.iter().find(|k| k.what == "recordings").unwrap();
        assert!(recordings.until.unwrap().to_string().starts_with("2029-06-01T17:3"), "{:?}", recordings.until);
        let log = archive.with(&account.person_id.to_string()).await;
        assert!(log.contains(&"audit_events".to_owned()) || log.contains(&"evidence".to_owned()), "ids stay");
        archive.holds().await;
    }
}

#[tokio::test]
async fn the_kept_rest_goes_by_itself_when_its_time_comes() {
    let archive = Archive::new().await;
    let account = known(&archive).await;
    erase(&archive, &account).await;
    archive.to("2029-05-30T04:30:00Z");
    archive.job("apply_retention").await;
    let pending = archive.stage.org.erasure(account.person_id).await.unwrap().unwrap();
    assert_eq!((pending.status, pending.report.kept.len()), (ErasureStatus::Pending, 6));
    archive.to("2029-06-02T18:00:00Z");
    archive.job("apply_retention").await;
    archive.stage.work().await;
    let done = archive.stage.org.erasure(account.person_id).await.unwrap().unwrap();
    assert_eq!((done.status, done.next_look_at), (ErasureStatus::Done, None));
    assert_eq!(done.report.kept.len(), 2, "the wish, and ids: {:?}", done.report);
    let gone: Vec<_> = done.report.erased.iter().skip(4).map(|e| (e.what.as_str(), e.count)).collect();
    assert_eq!(gone, [("numbers", 1), ("recordings", 1), ("timelines", 1), ("transcripts", 1)]);
    assert!(archive.blobs.entries().is_empty());
    // Two links: what went at once, and what went later.
    let mut tx = archive.stage.store.org(archive.stage.org.id()).await.unwrap();
    let link = tx.newest_entry(EntryKind::Erasure, done.id.uuid()).await.unwrap().unwrap();
    assert!(link.version >= 3 && link.manifest.contains("\"done\""), "{}", link.manifest);
    assert!(tx.suppression(&phone(&magic(5))).await.unwrap().is_some(), "the wish stays for good");
    drop(tx);
    archive.holds().await;
}

#[tokio::test]
async fn an_erased_person_cannot_be_called_and_a_new_file_brings_nothing_back() {
    let archive = Archive::new().await;
    let account = known(&archive).await;
    erase(&archive, &account).await;
    archive.to("2026-06-20T17:30:00Z");
    let refused = archive.stage.refused(&account).await;
    assert_eq!(refused.kind(), Kind::Blocked);
    assert_eq!(refused.details()["blocked_by"], "WIB-DNC");
    let again = person(&archive, &magic(5)).await;
    assert_eq!(again.id, account.id);
    nowhere(&archive).await;
    assert_eq!(archive.stage.refused(&again).await.kind(), Kind::Blocked);
}

#[tokio::test]
async fn under_a_hold_nothing_is_erased_and_the_answer_says_so() {
    let archive = Archive::new().await;
    let account = known(&archive).await;
    let org = &archive.stage.org;
    let hold = CreateHold { name: "Matter".to_owned(), account_id: Some(account.id), ..CreateHold::default() };
    let lifted = org.create_hold(hold.clone()).await.unwrap();
    let error = archive.stage.org.erase_person(account.person_id, ErasureReason::Request).await.unwrap_err();
    assert_eq!((error.machine_code(), error.details()["holds"].as_i64()), ("UNDER_HOLD", Some(1)));
    assert!(!archive.with(NAME).await.is_empty());
    assert_eq!(archive.stage.org.erasure(account.person_id).await.unwrap(), None);
    org.release_hold(lifted.id).await.unwrap();
    erase(&archive, &account).await;
    nowhere(&archive).await;
    // A hold that comes later keeps what is left.
    org.create_hold(hold).await.unwrap();
    archive.to("2036-01-01T04:30:00Z");
    archive.job("apply_retention").await;
    let pending = archive.stage.org.erasure(account.person_id).await.unwrap().unwrap();
    assert_eq!(pending.status, ErasureStatus::Pending);
    assert!(kept(&pending).contains(&("recordings", 1, "WIB-HOLD: policy of this platform")), "{pending:?}");
    assert!(!archive.blobs.entries().is_empty());
}

#[tokio::test]
async fn erasing_twice_or_two_at_once_erases_once() {
    for archive in Archive::each("erasing_twice_or_two_at_once_erases_once").await {
        let account = known(&archive).await;
        let (first, second) = tokio::join!(erase(&archive, &account), erase(&archive, &account));
        assert_eq!((first.id, &first.report), (second.id, &second.report));
        let third = erase(&archive, &account).await;
        assert_eq!((third.id, third.report), (first.id, first.report));
        nowhere(&archive).await;
        archive.holds().await;
    }
}

#[tokio::test]
async fn a_crash_anywhere_in_an_erasure_is_made_good_by_the_next_look() {
    let whole = {
        let archive = Archive::new().await;
        let account = known(&archive).await;
        erase(&archive, &account).await.report
    };
    for transactions in 0.. {
        let archive = Archive::new().await;
        let account = known(&archive).await;
        archive.dying.dies_after(transactions);
        let died = archive.stage.org.erase_person(account.person_id, ErasureReason::Request).await.is_err();
        archive.dying.lives();
        archive.holds().await;
        let begun = archive.stage.org.erasure(account.person_id).await.unwrap().is_some();
        assert_eq!(archive.with(NAME).await.is_empty(), begun, "all of it or nothing, after {transactions}");
        if begun {
            archive.job("apply_retention").await;
            let after = archive.stage.org.erasure(account.person_id).await.unwrap().unwrap();
            assert_eq!(after.report.erased, whole.erased, "after {transactions}");
            assert_eq!(kept(&after), kept(&Erasure { report: whole.clone(), ..after.clone() }));
        }
        if !died {
            assert!(transactions > 4, "an erasure has more steps than that");
            return;
        }
    }
}

#[tokio::test]
async fn everything_about_a_person_is_shown_in_parts() {
    let archive = Archive::new().await;
    let account = known(&archive).await;
    let stranger = person(&archive, "+13125550177").await;
    let org = &archive.stage.org;
    let export = org.export_person(account.person_id, ExportPerson::default()).await.unwrap();
    assert_eq!((export.person.name.as_str(), export.person.email.as_deref()), (NAME, Some(MAIL)));
    assert_eq!((export.phones.len(), export.locations.len(), export.accounts.len()), (1, 1, 1));
    assert_eq!((export.calls.len(), export.blobs.len(), export.next), (1, 1, None));
    assert!(!export.verdicts.is_empty());
    let call = &export.calls[0];
    assert!(!call.timeline.is_empty() && call.contacts.len() == 2);
    assert_eq!((call.recordings.len(), call.transcripts.len(), call.analyses.len()), (1, 1, 1));
    assert_eq!(call.recordings[0].status, RecordingStatus::Completed);
    let bytes = archive.blobs.entries().into_iter().find(|(key, _)| *key == export.blobs[0].key).unwrap().1;
    assert_eq!(export.blobs[0].hash.as_deref(), Some(canonical::sha256(&bytes).as_str()));
    let text = export.to_text().unwrap();
    assert!(text.contains(NOTE) && text.contains(STREET) && !text.contains(&stranger.person_id.to_string()));
    let rest = ExportPerson { after: Some(call.call.id) };
    let rest = org.export_person(account.person_id, rest).await.unwrap();
    assert!(rest.calls.is_empty() && rest.phones.is_empty() && rest.next.is_none());
    erase(&archive, &account).await;
    let after = org.export_person(account.person_id, ExportPerson::default()).await.unwrap();
    assert_eq!(after.person.name, TOMBSTONE);
    assert!(after.erasure.is_some() && after.suppressions.len() == 1);
}
