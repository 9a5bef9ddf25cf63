//! Vendors that fail, are silent, or lose their answers.

use std::{sync::Arc, time::Duration};

use http::Method;
use serde_json::Value;
use wib_core::{
    calls::{CallExport, CallStatus},
    kit::time,
    ports::{
        llm::{Completion, MockLlm},
        transcriber::{MockTranscriber, TranscriptState},
    },
    recordings::RecordingStatus,
    transcripts::TranscriptStatus,
};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::stage::{Stage, kinds, magic};

const ALWAYS: u32 = 1_000_000;

fn fault(vendor: &str, operation: &str, times: u32, kind: FaultKind) -> Fault {
    Fault { vendor: vendor.to_owned(), operation: operation.to_owned(), times, kind }
}
fn status(status: u16) -> FaultKind {
    FaultKind::Status { status, retry_after: None }
}

/// Who answers and promises to pay, when the vendors fail like that.
async fn talk(faults: impl IntoIterator<Item = Fault>) -> (Stage, CallExport) {
    let stage = Stage::new().await;
    faults.into_iter().for_each(|f| stage.sandbox.inject(f));
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    (stage, export)
}

fn completeness(export: &CallExport) -> &str {
    export.evidence.as_ref().unwrap().manifest["completeness"].as_str().unwrap()
}

#[tokio::test]
async fn a_dial_whose_answer_is_lost_is_found_and_not_dialled_again() {
    for kind in [FaultKind::ResetAfterEffect, FaultKind::TimeoutAfterEffect, FaultKind::GarbledAfterEffect] {
        let (stage, export) = talk([fault("telnyx", "dial", 1, kind)]).await;
        assert_eq!(stage.sandbox.numbers().len(), 1, "{kind:?}");
        assert_eq!((stage.dials(&magic(5)), export.call.status), (1, CallStatus::Completed), "{kind:?}");
        assert_eq!((export.legs.len(), completeness(&export)), (1, "complete"), "{kind:?}");
    }
}

#[tokio::test]
async fn a_lost_dial_is_found_by_asking_when_no_event_comes_either() {
    for kind in [FaultKind::ResetAfterEffect, FaultKind::TimeoutAfterEffect, FaultKind::GarbledAfterEffect] {
        let stage = Stage::new().await;
        stage.sandbox.inject(fault("telnyx", "dial", 1, kind));
        let account = stage.account(&magic(5)).await;
        let call = stage.start(&account).await.unwrap();
        let export = stage.sealed_without_webhooks(call.id).await;
        assert_eq!((stage.dials(&magic(5)), export.call.status), (1, CallStatus::Completed), "{kind:?}");
        assert_eq!(export.legs.len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_lost_dial_is_found_when_the_vendor_has_forgotten_its_key_and_the_call_is_over() {
    // A key is good for a minute: whoever dials again after that reaches the person twice.
    for (wait, number) in [(61, 5), (600, 5), (600, 3), (7200, 5)] {
        let stage = Stage::new().await;
        stage.sandbox.inject(fault("telnyx", "dial", 1, FaultKind::ResetAfterEffect));
        let account = stage.account(&magic(number)).await;
        let call = stage.start(&account).await.unwrap();
        stage.worker().step().await.unwrap();
        stage.pass(wait);
        let export = stage.sealed_without_webhooks(call.id).await;
        assert_eq!((stage.dials(&magic(number)), export.legs.len()), (1, 1), "{number} after {wait} s");
        let status = if number == 3 { CallStatus::Missed } else { CallStatus::Completed };
        assert_eq!(export.call.status, status, "{number} after {wait} s");
    }
}

#[tokio::test]
async fn a_dial_that_never_left_is_tried_again() {
    // More than the adapter's own tries.
    let (stage, export) = talk([fault("telnyx", "dial", 7, FaultKind::NoConnection)]).await;
    assert_eq!((stage.dials(&magic(5)), export.call.status), (1, CallStatus::Completed));
}

#[tokio::test]
async fn a_dial_that_had_no_effect_and_no_answer_is_dialled_once_more() {
    let (stage, export) = talk([fault("telnyx", "dial", 1, FaultKind::TimeoutBeforeEffect)]).await;
    assert_eq!((stage.dials(&magic(5)), export.call.status), (1, CallStatus::Completed));
}

#[tokio::test]
async fn a_refused_dial_ends_the_call_and_does_not_count() {
    let (stage, export) = talk([fault("telnyx", "dial", 1, status(422))]).await;
    assert_eq!((stage.dials(&magic(5)), export.call.status), (0, CallStatus::Failed));
    assert!(kinds(&export).contains(&"call.not_placed"));
    assert!(export.contacts.iter().all(|c| !c.counts) && export.contacts.len() == 1, "{:?}", export.contacts);
    assert!(export.evidence.is_some());
}

#[tokio::test]
async fn a_dial_that_cannot_leave_is_given_up_and_does_not_count() {
    let (stage, export) = talk([fault("telnyx", "dial", ALWAYS, FaultKind::NoConnection)]).await;
    assert_eq!((stage.dials(&magic(5)), export.call.status), (0, CallStatus::Failed));
    assert!(!export.contacts[0].counts);
}

#[tokio::test]
async fn a_call_that_is_ended_before_its_dial_is_never_dialled() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    stage.org.end_call(call.id).await.unwrap();
    let export = stage.sealed(call.id).await;
    assert!(stage.sandbox.numbers().is_empty());
    assert_eq!((export.call.status, export.contacts[0].counts), (CallStatus::Failed, false));
}

#[tokio::test]
async fn a_call_that_is_ended_while_its_dial_is_in_doubt_is_not_dialled_again() {
    let stage = Stage::new().await;
    stage.sandbox.inject(fault("telnyx", "dial", 1, FaultKind::TimeoutBeforeEffect));
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    stage.worker().step().await.unwrap();
    stage.org.end_call(call.id).await.unwrap();
    let export = stage.sealed(call.id).await;
    assert!(stage.sandbox.numbers().is_empty(), "{:?}", stage.sandbox.numbers());
    assert_eq!(export.call.status, CallStatus::Failed);
}

#[tokio::test]
async fn a_call_that_is_ended_while_its_dial_is_in_doubt_is_hung_up_when_it_turns_out_to_ring() {
    let stage = Stage::new().await;
    stage.sandbox.inject(fault("telnyx", "dial", 1, FaultKind::ResetAfterEffect));
    let account = stage.account(&magic(3)).await;
    let call = stage.start(&account).await.unwrap();
    stage.worker().step().await.unwrap();
    stage.org.end_call(call.id).await.unwrap();
    let export = stage.sealed(call.id).await;
    assert_eq!((stage.dials(&magic(3)), export.call.status), (1, CallStatus::Canceled));
}

#[tokio::test]
async fn a_call_all_of_whose_webhooks_are_lost_still_ends() {
    for (number, status) in [(5, CallStatus::Completed), (3, CallStatus::Missed), (2, CallStatus::Failed)] {
        let stage = Stage::new().await;
        let account = stage.account(&magic(number)).await;
        let call = stage.start(&account).await.unwrap();
        let export = stage.sealed_without_webhooks(call.id).await;
        assert_eq!(export.call.status, status, "{number}");
        assert!(kinds(&export).contains(&"call.recovered"), "{number}");
        assert_eq!(export.contacts[0].counts, number != 2, "{number}");
    }
}

#[tokio::test]
async fn the_end_and_the_recording_are_recovered_when_their_webhooks_are_lost() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    let deadline = time::after(stage.now(), Duration::from_secs(600));
    let ordered = async || Ok(stage.org.call(call.id).await?.facts.recording_ordered_at.is_some());
    stage.sandbox.play(&stage.wib, &stage.clock, deadline, ordered).await.unwrap();
    let export = stage.sealed_without_webhooks(call.id).await;
    assert_eq!((export.call.status, completeness(&export)), (CallStatus::Completed, "complete"));
    assert!(kinds(&export).contains(&"call.recovered") && !kinds(&export).contains(&"call.hangup"));
    let [recording] = &export.recordings[..] else { panic!("{:?}", export.recordings) };
    assert_eq!((recording.status, export.transcripts.len()), (RecordingStatus::Completed, 1));
}

#[tokio::test]
async fn a_transcript_whose_order_lost_its_answer_is_ordered_once() {
    for kind in [FaultKind::ResetAfterEffect, FaultKind::TimeoutAfterEffect, FaultKind::GarbledAfterEffect] {
        let (stage, export) = talk([fault("assemblyai", "submit", 1, kind)]).await;
        let listed = stage.vendor(Method::GET, "/assemblyai/v2/transcript?limit=200", Value::Null).await;
        assert_eq!(listed["transcripts"].as_array().unwrap().len(), 1, "{kind:?}");
        assert_eq!((export.transcripts.len(), completeness(&export)), (1, "complete"), "{kind:?}");
    }
}

#[tokio::test]
async fn a_transcript_that_the_vendor_fails_is_ordered_three_times_more_and_the_call_is_sealed_as_partial() {
    let stage = Stage::with(crate::stage::NOON, 1, |builder, _| {
        let mut ears = MockTranscriber::new();
        ears.expect_vendor().return_const("assemblyai");
        ears.expect_live().return_const(false);
        ears.expect_upload().times(4).returning(|_, _| Ok("https://cdn.test/1".to_owned()));
        let mut orders = 0;
        ears.expect_submit().times(4).returning(move |_| {
            orders += 1;
            Ok(format!("order {orders}"))
        });
        ears.expect_fetch().times(4).returning(|_| Ok(TranscriptState::Failed("the file is corrupt".to_owned())));
        builder.transcriber(Arc::new(ears))
    })
    .await;
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    let [job] = &export.transcript_jobs[..] else { panic!("{:?}", export.transcript_jobs) };
    assert_eq!((job.status, job.failures), (TranscriptStatus::FailedPermanent, 4));
    assert_eq!(job.error.as_deref(), Some("the file is corrupt"));
    assert_eq!((export.recordings[0].status, completeness(&export)), (RecordingStatus::Completed, "partial"));
}

#[tokio::test]
async fn an_answer_of_the_model_that_is_no_json_leaves_the_call_without_an_analysis_and_sealed() {
    let stage = Stage::with(crate::stage::NOON, 1, |builder, _| {
        let mut model = MockLlm::new();
        model.expect_vendor().return_const("groq");
        model.expect_live().return_const(false);
        model.expect_reasons().return_const(true);
        model.expect_quote().return_const(None);
        let text = "I am sorry, I can not help with that.".to_owned();
        let said = Completion {
            vendor: "groq".to_owned(),
            model: "m".to_owned(),
            text,
            input_tokens: 1,
            output_tokens: 1,
            ..Completion::default()
        };
        model.expect_complete().times(4).returning(move |_| Ok(said.clone()));
        builder.llm(Arc::new(model))
    })
    .await;
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    assert!(export.analyses.is_empty() && kinds(&export).contains(&"analysis.unavailable"));
    assert_eq!(export.transcripts.len(), 1);
    assert!(export.evidence.unwrap().call().unwrap().artifacts.iter().all(|a| a.kind != "analysis"));
}

#[tokio::test]
async fn garbled_answers_of_every_model_leave_the_call_without_an_analysis_and_sealed() {
    let (_, export) = talk([fault("*", "chat", ALWAYS, FaultKind::GarbledAfterEffect)]).await;
    assert!(export.analyses.is_empty() && kinds(&export).contains(&"analysis.unavailable"));
    assert!(export.evidence.is_some());
}

#[tokio::test]
async fn the_second_model_answers_while_the_first_is_down() {
    for kind in [status(503), status(429), FaultKind::NoConnection, FaultKind::TimeoutBeforeEffect] {
        let (_, export) = talk([fault("groq", "chat", ALWAYS, kind)]).await;
        let [analysis] = &export.analyses[..] else { panic!("{kind:?}: {:?}", export.analyses) };
        assert_eq!(analysis.vendor, "xai", "{kind:?}");
    }
}

#[tokio::test]
async fn a_recording_whose_link_is_refused_once_is_fetched() {
    for kind in [status(403), status(404), status(503), FaultKind::ResetAfterEffect, FaultKind::NoConnection] {
        let (_, export) = talk([fault("recordings", "fetch", 1, kind)]).await;
        let [recording] = &export.recordings[..] else { panic!("{kind:?}: {:?}", export.recordings) };
        assert_eq!((recording.status, completeness(&export)), (RecordingStatus::Completed, "complete"), "{kind:?}");
    }
}

#[tokio::test]
async fn a_recording_that_cannot_be_had_is_told_so_and_the_call_is_sealed_as_partial() {
    let (_, export) = talk([fault("recordings", "fetch", ALWAYS, status(503))]).await;
    assert_eq!((export.recordings[0].status, completeness(&export)), (RecordingStatus::Failed, "partial"));
}

#[tokio::test]
async fn every_command_that_loses_its_answer_once_is_given_once() {
    let lost = ["speak", "record_start", "dial"].map(|o| fault("telnyx", o, 1, FaultKind::ResetAfterEffect));
    let (stage, export) = talk(lost).await;
    assert_eq!((stage.dials(&magic(5)), export.recordings.len(), completeness(&export)), (1, 1, "complete"));
    let shown = stage.vendor(Method::GET, "/sandbox/calls", Value::Null).await;
    let events: Vec<_> = shown["calls"][0]["events"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(events.iter().filter(|e| **e == "call.speak.started").count(), 1, "{events:?}");
}
