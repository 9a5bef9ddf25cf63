//! Retention: what is kept, what goes when, what stays of it, and crashes in between.

use wib_core::{
    calls::CallExport,
    collections::{Account, ListNumber},
    evidence::EntryKind,
    notices::{CreateNotice, NoticeMethod},
    recordings::RecordingStatus,
    retention::{CreateHold, PutRetention, RetentionPolicy},
};

use crate::{
    keeping::Archive,
    stage::{magic, phone},
};

async fn asks_for_deletion(archive: &Archive) -> RetentionPolicy {
    let command = PutRetention {
        recording_retention_days: Some(30),
        transcript_retention_days: Some(30),
        call_log_retention_days: Some(30),
        auto_delete_enabled: Some(true),
        ..PutRetention::default()
    };
    archive.stage.org.put_retention_policy(command).await.unwrap()
}

/// A call with a recording on 1 February 2026, and another about the same debt on 15 March 2026: a Sunday and a Sunday.
async fn vector_20(archive: &Archive) -> (Account, [CallExport; 2]) {
    let account = archive.stage.account(&magic(5)).await;
    let first = archive.stage.start(&account).await.unwrap();
    let first = archive.stage.sealed(first.id).await;
    // The notice that a first conversation asks for, within its five days.
    let org = &archive.stage.org;
    let known = org.notices(account.id).await.unwrap().into_iter().next();
    let notice = match known {
        Some(notice) => notice,
        None => {
            let command = CreateNotice { account_id: account.id, method: NoticeMethod::Mail };
            org.create_notice(command).await.unwrap()
        }
    };
    if notice.sent_at.is_none() {
        org.notice_sent(notice.id, None).await.unwrap();
    }
    archive.to("2026-03-15T18:00:00Z");
    let second = archive.stage.start(&account).await.unwrap();
    let second = archive.stage.sealed(second.id).await;
    (account, [first, second])
}

async fn status(archive: &Archive, call: &CallExport) -> (RecordingStatus, bool, bool) {
    let export = archive.stage.export(call.call.id).await;
    let words = export.transcripts.iter().all(|t| t.utterances.0.is_empty());
    let told = export.analyses.iter().all(|a| a.insight.summary.is_empty());
    assert_eq!(words, told, "a transcript and what was made of it go together");
    (export.recordings[0].status, words, export.timeline.iter().all(|e| e.event_type.starts_with("call.sealed")))
}

const KEPT: (RecordingStatus, bool, bool) = (RecordingStatus::Completed, false, false);

#[tokio::test]
async fn a_recording_goes_three_years_after_its_call_and_the_rest_three_years_after_the_last_activity() {
    let archive = Archive::from("2026-02-01T18:00:00Z").await;
    asks_for_deletion(&archive).await;
    let (_, [first, second]) = vector_20(&archive).await;
    archive.to("2029-01-31T04:30:00Z");
    assert_eq!(archive.job("apply_retention").await, 0);
    archive.to("2029-02-02T04:30:00Z");
    assert_eq!(archive.job("apply_retention").await, 1, "the first recording alone");
    assert_eq!(status(&archive, &first).await, (RecordingStatus::Deleted, false, false));
    assert_eq!(status(&archive, &second).await, KEPT);
    archive.to("2029-03-14T04:30:00Z");
    assert_eq!(archive.job("apply_retention").await, 0);
    archive.to("2029-03-16T04:30:00Z");
    assert_eq!(archive.job("apply_retention").await, 5, "a recording, two transcripts, two timelines");
    for call in [&first, &second] {
        assert_eq!(status(&archive, call).await, (RecordingStatus::Deleted, true, true));
    }
    archive.to("2029-06-16T04:30:00Z");
    assert_eq!(archive.job("apply_retention").await, 0, "once");
    archive.stage.work().await;
    assert!(archive.blobs.entries().is_empty());
    assert_eq!(archive.stage.wib.system().dead_letters(9).await.unwrap(), []);
    archive.holds().await;
}

#[tokio::test]
async fn what_was_purged_leaves_its_hash_and_a_link_that_tells_why() {
    let archive = Archive::from("2026-02-01T18:00:00Z").await;
    asks_for_deletion(&archive).await;
    let (_, [first, _]) = vector_20(&archive).await;
    let (before, transcript) = (first.recordings[0].clone(), first.transcripts[0].transcript_hash.clone());
    archive.to("2029-02-02T04:30:00Z");
    archive.job("apply_retention").await;
    archive.stage.pass(60);
    archive.stage.work().await;
    let after = archive.stage.export(first.call.id).await;
    let recording = &after.recordings[0];
    assert_eq!((&recording.media_hash, recording.size_bytes), (&before.media_hash, before.size_bytes));
    let mut tx = archive.stage.store.org(archive.stage.org.id()).await.unwrap();
    let link = tx.newest_entry(EntryKind::Purge, before.id.uuid()).await.unwrap().unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&link.manifest).unwrap();
    drop(tx);
    let data = &manifest["data"];
    assert_eq!((&data["what"], &data["cause"]), (&"recording".into(), &"retention".into()));
    assert_eq!(data["hash"].as_str(), before.media_hash.as_deref());
    let rules = data["rules"].as_array().unwrap();
    for rule in ["RF-KEEP-REC", "WIB-HOLD"] {
        assert!(rules.iter().any(|r| r == rule), "{rule} is not in {rules:?}");
    }
    // The call was sealed again: its file names the recording's hash, says that it was purged, and verifies.
    let bundle = archive.stage.org.evidence(first.call.id).await.unwrap();
    let artifacts = bundle.manifest["artifacts"].as_array().unwrap();
    let artifact = artifacts.iter().find(|a| a["type"] == "recording").unwrap();
    assert_eq!(artifact["hash"].as_str(), before.media_hash.as_deref());
    assert_eq!(artifact["note"], "purged as the retention rules permit");
    assert!(artifacts.iter().any(|a| a["hash"].as_str() == Some(&transcript)));
    let found = wib_core::evidence::verify(&bundle.to_bytes().unwrap(), None).unwrap();
    assert!(found.holds(), "{:?}", found.faults);
    archive.holds().await;
}

#[tokio::test]
async fn under_a_hold_nothing_goes_whatever_it_covers() {
    for covers in ["everything", "the account", "the call"] {
        let archive = Archive::from("2026-02-01T18:00:00Z").await;
        let org = &archive.stage.org;
        asks_for_deletion(&archive).await;
        let (account, [first, second]) = vector_20(&archive).await;
        let hold = CreateHold {
            name: "Matter".to_owned(),
            applies_to_all: covers == "everything",
            account_id: Some(account.id).filter(|_| covers == "the account"),
            call_id: Some(first.call.id).filter(|_| covers == "the call"),
            ..CreateHold::default()
        };
        let hold = org.create_hold(hold).await.unwrap();
        let refused = org.delete_recording(first.recordings[0].id).await.unwrap_err();
        assert_eq!(refused.machine_code(), "UNDER_HOLD");
        archive.to("2036-01-01T04:30:00Z");
        let gone = archive.job("apply_retention").await;
        archive.stage.work().await;
        assert_eq!(status(&archive, &first).await, KEPT, "{covers}");
        let both = covers != "the call";
        assert_eq!(status(&archive, &second).await == KEPT, both, "{covers}");
        assert_eq!((gone, archive.blobs.entries().len()), if both { (0, 2) } else { (3, 1) });
        // Released, it goes; the chain tells of both.
        org.release_hold(hold.id).await.unwrap();
        let mut tx = archive.stage.store.org(org.id()).await.unwrap();
        let link = tx.newest_entry(EntryKind::Hold, hold.id.uuid()).await.unwrap().unwrap();
        assert!(link.version == 2 && link.manifest.contains("\"released\"") && !link.manifest.contains("Matter"));
        drop(tx);
        archive.to("2036-03-01T04:30:00Z");
        archive.job("apply_retention").await;
        assert_eq!(status(&archive, &first).await, (RecordingStatus::Deleted, true, true));
        archive.holds().await;
    }
}

#[tokio::test]
async fn a_hold_that_comes_before_the_bytes_are_gone_keeps_them_until_its_end() {
    for covers in ["everything", "the account", "the call", "another call"] {
        let archive = Archive::from("2026-02-01T18:00:00Z").await;
        let org = &archive.stage.org;
        asks_for_deletion(&archive).await;
        let (account, [first, second]) = vector_20(&archive).await;
        archive.to("2029-02-02T04:30:00Z");
        assert_eq!(archive.job("apply_retention").await, 1, "the row of the first recording");
        let hold = CreateHold {
            name: "Matter".to_owned(),
            applies_to_all: covers == "everything",
            account_id: Some(account.id).filter(|_| covers == "the account"),
            call_id: match covers {
                "the call" => Some(first.call.id),
                "another call" => Some(second.call.id),
                _ => None,
            },
            ..CreateHold::default()
        };
        let hold = org.create_hold(hold).await.unwrap();
        archive.stage.work().await;
        let held = covers != "another call";
        assert_eq!(archive.blobs.entries().len(), if held { 2 } else { 1 }, "{covers}");
        archive.stage.pass(25 * 3600);
        archive.stage.work().await;
        assert_eq!(archive.blobs.entries().len(), if held { 2 } else { 1 }, "{covers}: a day later");
        org.release_hold(hold.id).await.unwrap();
        archive.stage.pass(25 * 3600);
        archive.stage.work().await;
        assert_eq!(archive.blobs.entries().len(), 1, "{covers}: released");
        assert_eq!(archive.stage.wib.system().dead_letters(9).await.unwrap(), []);
        archive.holds().await;
    }
}

#[tokio::test]
async fn nothing_goes_by_itself_unless_it_was_asked_for() {
    let archive = Archive::from("2026-02-01T18:00:00Z").await;
    let (_, [first, _]) = vector_20(&archive).await;
    archive.to("2036-01-01T04:30:00Z");
    assert_eq!(archive.job("apply_retention").await, 0);
    assert_eq!(status(&archive, &first).await, KEPT);
}

#[tokio::test]
async fn a_longer_wish_of_the_organisation_outlasts_the_law() {
    let archive = Archive::from("2026-02-01T18:00:00Z").await;
    asks_for_deletion(&archive).await;
    let days = PutRetention { recording_retention_days: Some(3650), ..PutRetention::default() };
    let policy = archive.stage.org.put_retention_policy(days).await.unwrap();
    assert_eq!((policy.recording_retention_days, policy.transcript_retention_days), (3650, 30), "absent is unchanged");
    let (_, [first, _]) = vector_20(&archive).await;
    archive.to("2030-01-01T04:30:00Z");
    archive.job("apply_retention").await;
    assert_eq!(status(&archive, &first).await, (RecordingStatus::Completed, true, true));
    for days in [0, 3651, -1] {
        let wrong = PutRetention { call_log_retention_days: Some(days), ..PutRetention::default() };
        let error = archive.stage.org.put_retention_policy(wrong).await.unwrap_err();
        assert_eq!(error.fields()[0].field, "call_log_retention_days");
    }
}

#[tokio::test]
async fn a_crash_anywhere_leaves_nothing_half_done() {
    for transactions in 0.. {
        let archive = Archive::from("2026-02-01T18:00:00Z").await;
        asks_for_deletion(&archive).await;
        let (_, [first, _]) = vector_20(&archive).await;
        archive.to("2029-04-01T04:30:00Z");
        archive.dying.dies_after(transactions);
        let scheduler = wib_core::engine::Scheduler::new(&archive.stage.wib);
        let run = scheduler.run_by_name("apply_retention").await;
        let died = !run.is_ok_and(|run| run.is_some_and(|run| run.error.is_none()));
        archive.dying.lives();
        // Whatever is marked as gone has its link; whatever is not is whole.
        archive.holds().await;
        let export = archive.stage.export(first.call.id).await;
        let deleted = export.recordings[0].status == RecordingStatus::Deleted;
        let mut tx = archive.stage.store.org(archive.stage.org.id()).await.unwrap();
        let link = tx.newest_entry(EntryKind::Purge, export.recordings[0].id.uuid()).await.unwrap();
        assert_eq!(deleted, link.is_some(), "after {transactions}");
        drop(tx);
        // The next run ends it; a dead node's lease is over by then.
        archive.stage.pass(24 * 3600);
        archive.job("apply_retention").await;
        archive.stage.work().await;
        assert_eq!(status(&archive, &first).await, (RecordingStatus::Deleted, true, true), "after {transactions}");
        assert!(archive.blobs.entries().is_empty(), "after {transactions}");
        archive.holds().await;
        if !died {
            assert!(transactions > 10, "a run has more steps than that");
            return;
        }
    }
}

#[tokio::test]
async fn bytes_that_cannot_be_deleted_now_are_deleted_later() {
    let archive = Archive::from("2026-02-01T18:00:00Z").await;
    asks_for_deletion(&archive).await;
    let (_, [first, _]) = vector_20(&archive).await;
    archive.to("2029-04-01T04:30:00Z");
    archive.job("apply_retention").await;
    assert_eq!(archive.blobs.entries().len(), 2, "the rows first");
    assert_eq!(archive.stage.org.recording_audio(first.recordings[0].id).await.unwrap_err().machine_code(), "GONE");
    archive.stage.work().await;
    assert!(archive.blobs.entries().is_empty());
    let listed = archive.stage.org.suppress(ListNumber::of(phone(&magic(5)))).await;
    assert!(listed.is_ok(), "and the organisation goes on");
}
