//! What is done while nobody knows how the last request to the vendor ended.

use std::ops::Deref;

use wib_core::{
    calls::{Call, CallStatus},
    ports::webhook::Headers,
};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::stage;

/// Answers and talks.
const NUMBER: &str = "+15005550001";
const BROKEN: FaultKind = FaultKind::Status { status: 500, retry_after: None };
/// Not repeated by the client.
const LOCKED: FaultKind = FaultKind::Status { status: 401, retry_after: None };

/// A house whose deliveries arrive only when a test brings them.
struct Stage(stage::Stage);
impl Deref for Stage {
    type Target = stage::Stage;
    fn deref(&self) -> &stage::Stage {
        &self.0
    }
}

impl Stage {
    async fn set() -> Self {
        Self(stage::Stage::new().await)
    }
    fn fault(&self, operation: &str, kind: FaultKind) {
        self.sandbox.inject(Fault { vendor: "telnyx".to_owned(), operation: operation.to_owned(), times: 1, kind });
    }
    /// Starts a call whose dial goes wrong.
    async fn dial(&self, kind: FaultKind) -> Call {
        self.fault("dial", kind);
        self.dial_well().await
    }
    async fn dial_well(&self) -> Call {
        let call = self.start(&self.account(NUMBER).await).await.unwrap();
        self.work().await;
        call
    }
    async fn work_after(&self, seconds: u64) {
        self.pass(seconds);
        self.work().await;
    }
    /// Brings the deliveries that are due and of such a name; the others come again later.
    async fn deliver_only(&self, wanted: impl Fn(&str) -> bool) {
        for delivery in self.sandbox.take_due(self.now()) {
            let event: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
            let taken = event["data"]["event_type"].as_str().is_none_or(&wanted);
            if taken {
                let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
                self.wib.system().receive(delivery.vendor, &Headers(&headers), &delivery.body).await.unwrap();
            }
            self.sandbox.delivered(delivery.id, Some(if taken { 200 } else { 503 }));
        }
    }
    fn dials(&self) -> u64 {
        self.sandbox.numbers().get(NUMBER).copied().unwrap_or(0)
    }
    async fn ended_unplaced(&self, call: &Call) -> bool {
        let now = self.org.call(call.id).await.unwrap();
        now.status == CallStatus::Failed && now.facts.not_placed.is_some() && self.dials() == 0
    }
}

#[tokio::test]
async fn a_search_that_fails_does_not_make_a_dial_safe_to_repeat() {
    let stage = Stage::set().await;
    let call = stage.dial(FaultKind::ResetAfterEffect).await;
    stage.fault("active_calls", LOCKED);
    stage.work_after(2).await;
    // The vendor has forgotten the command by now.
    stage.work_after(70).await;
    assert_eq!(stage.dials(), 1);
    assert!(!stage.org.export_call(call.id).await.unwrap().legs.is_empty(), "it was found");
}

#[tokio::test]
async fn a_dial_that_surely_never_left_is_repeated_at_once() {
    let stage = Stage::set().await;
    stage.dial(FaultKind::Status { status: 429, retry_after: Some(1) }).await;
    stage.work_after(3).await;
    assert_eq!(stage.dials(), 1);
}

#[tokio::test]
async fn a_dial_in_doubt_is_judged_again_before_it_is_repeated() {
    let stage = Stage::set().await;
    let call = stage.dial(BROKEN).await;
    // Half past midnight in Chicago.
    stage.work_after(12 * 3600).await;
    assert!(stage.ended_unplaced(&call).await);
}

#[tokio::test]
async fn a_dial_in_doubt_that_was_called_off_is_not_repeated() {
    let stage = Stage::set().await;
    let call = stage.dial(BROKEN).await;
    stage.org.end_call(call.id).await.unwrap();
    stage.work_after(2).await;
    stage.work_after(35).await;
    assert!(stage.ended_unplaced(&call).await);
}

#[tokio::test]
async fn a_notice_for_a_call_that_is_over_is_no_failure() {
    let stage = Stage::set().await;
    stage.dial_well().await;
    stage.pass(12);
    assert!(stage.sandbox.deliver(&stage.wib).await >= 3, "initiated, answered, detected");
    stage.sandbox.advance(std::time::Duration::from_secs(600));
    for _ in 0..8 {
        stage.work_after(5).await;
    }
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_call_is_sealed_with_what_the_vendor_knows_though_only_its_end_was_told() {
    let stage = Stage::set().await;
    let call = stage.dial_well().await;
    for _ in 0..120 {
        stage.work_after(1).await;
        stage.deliver_only(|name| name == "call.hangup").await;
    }
    let sealed = stage.org.evidence(call.id).await.unwrap();
    assert_eq!(sealed.call().unwrap().status, "completed");
}

#[tokio::test]
async fn a_dial_stays_in_doubt_for_as_long_as_the_vendor_cannot_be_asked() {
    let stage = Stage::set().await;
    let call = stage.dial(FaultKind::ResetAfterEffect).await;
    for _ in 0..12 {
        stage.fault("active_calls", FaultKind::Status { status: 429, retry_after: Some(20) });
        stage.work_after(60).await;
    }
    assert_eq!(stage.org.call(call.id).await.unwrap().facts.not_placed, None);
    stage.work_after(60).await;
    assert_eq!(stage.dials(), 1);
    assert!(!stage.org.export_call(call.id).await.unwrap().legs.is_empty(), "it was found");
}

#[tokio::test]
async fn a_recording_that_is_found_and_told_of_later_is_one_recording() {
    let stage = Stage::set().await;
    let call = stage.dial_well().await;
    for second in 0..600 {
        stage.work_after(1).await;
        stage.deliver_only(|name| name != "call.recording.saved" || second > 300).await;
    }
    assert_eq!(stage.org.export_call(call.id).await.unwrap().recordings.len(), 1);
}
