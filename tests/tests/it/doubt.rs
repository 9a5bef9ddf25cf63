//! What is done while nobody knows how the last request to the vendor ended.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{sync::Arc, time::Duration};

use wib_core::{
    Org, Wib,
    calls::{Call, CallStatus},
    engine::Worker,
    evidence::Signer,
    kit::{Clock, Principal, Random, SeededRandom, VirtualClock},
    ports::webhook::Headers,
    prelude::StartCall,
};
use wib_providers::sandbox::{Fault, FaultKind, Sandbox, Settings};
use wib_storage::{Database, MemoryBlobs, SqlStore};

/// Answers and talks.
const NUMBER: &str = "+15005550001";
const BROKEN: FaultKind = FaultKind::Status { status: 500, retry_after: None };
/// Not repeated by the client.
const LOCKED: FaultKind = FaultKind::Status { status: 401, retry_after: None };

/// A server whose deliveries arrive only when a test brings them.
struct Stage {
    wib: Wib,
    org: Org,
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
}

impl Stage {
    async fn set() -> Self {
        let clock = Arc::new(VirtualClock::new("2026-06-01T17:30:00Z".parse().unwrap()));
        let (ticking, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(SeededRandom::new(1)));
        let sandbox = Sandbox::new(ticking.clone(), 1, Settings::default());
        let store = Arc::new(SqlStore::open(&Database::Memory, ticking.clone()).await.unwrap());
        let builder = Wib::builder().store(store).blobs(Arc::new(MemoryBlobs::default()));
        let builder = builder.signer(Signer::from_seed([1; 32]));
        let wib = sandbox.plug(builder, &ticking, &random).unwrap().build().unwrap();
        let organization = wib.system().create_organization("Doubt").await.unwrap();
        let org = wib.org(Principal::service(organization.id)).await.unwrap();
        let csv = format!("name,balance,phone,address\nAlma,1.00,{NUMBER},\"1 Main St, Chicago, IL 60601\"\n");
        org.import_accounts(csv.as_bytes()).await.unwrap();
        Self { wib, org, clock, sandbox }
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
        let command = StartCall { to: Some(NUMBER.parse().unwrap()), ..StartCall::default() };
        let call = self.org.start_call(command).await.unwrap();
        self.work_after(0).await;
        call
    }
    async fn work_after(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        Worker::new(&self.wib).run_until_idle().await.unwrap();
    }
    /// Brings the deliveries that are due and of such a name; the others come again later.
    async fn deliver_only(&self, wanted: impl Fn(&str) -> bool) {
        for delivery in self.sandbox.take_due(self.clock.now()) {
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
    stage.clock.advance(Duration::from_secs(12));
    assert!(stage.sandbox.deliver(&stage.wib).await >= 3, "initiated, answered, detected");
    stage.sandbox.advance(Duration::from_secs(600));
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
    assert_eq!(sealed.manifest.status, "completed");
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
