//! Calls of several legs at the sandbox's voice vendor, in its own words.

use std::time::Duration;

use http::Method;
use serde_json::json;
use wib_core::{
    caller_ids::{AddNumber, InboundRoute, NumberPurpose, RouteTarget},
    calls::{CallId, CallStatus, LegRole, ListCalls, StartCall, Supervise, SuperviseMode, TransferCall, TransferKind},
    kit::time,
};

use crate::stage::{Stage, magic, phone};

const OURS: &str = "+13125550101";

async fn until(stage: &Stage, call: CallId, status: CallStatus) {
    let deadline = time::after(stage.now(), Duration::from_secs(300));
    let done = async || Ok(stage.org.call(call).await?.status == status);
    stage.sandbox.play(&stage.wib, &stage.clock, deadline, done).await.unwrap();
    assert_eq!(stage.org.call(call).await.unwrap().status, status);
}
async fn bridged(stage: &Stage) -> CallId {
    let account = stage.account(&magic(1)).await;
    let wish = StartCall { account_id: Some(account.id), agent: Some(phone(&magic(13))), ..StartCall::default() };
    let call = stage.org.start_call(wish).await.unwrap().id;
    until(stage, call, CallStatus::Bridged).await;
    call
}
fn roles(export: &wib_core::calls::CallExport) -> Vec<LegRole> {
    export.legs.iter().map(|l| l.role).collect()
}

#[tokio::test]
async fn a_bridged_call_is_recorded_and_sealed_as_one() {
    let stage = Stage::new().await;
    let call = bridged(&stage).await;
    let export = stage.sealed(call).await;
    assert_eq!(export.call.status, CallStatus::Completed);
    assert_eq!(roles(&export), [LegRole::Agent, LegRole::Callee]);
    assert_eq!((stage.dials(&magic(13)), stage.dials(&magic(1))), (1, 1));
    assert_eq!((export.recordings.len(), export.transcripts.len()), (1, 1));
    assert!(export.call.facts.legs.values().all(wib_core::calls::LegFacts::over), "nobody is left on a line");
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_call_that_comes_in_is_carried_to_its_seal() {
    let stage = Stage::new().await;
    let target = Some(RouteTarget::Number { phone: phone(&magic(13)) });
    let add = AddNumber {
        phone: phone(OURS),
        vendor_id: None,
        purpose: NumberPurpose::Both,
        pool_order: None,
        caller_name: None,
        route: InboundRoute { target, ..InboundRoute::default() },
    };
    stage.org.add_number(add).await.unwrap();
    stage.account(&magic(1)).await;
    stage.vendor(Method::POST, "/sandbox/calls", json!({"from": magic(1), "to": OURS})).await;
    stage.sandbox.deliver(&stage.wib).await;
    stage.work().await;
    let call = stage.org.list_calls(ListCalls::default()).await.unwrap().items.pop().expect("it is ours").id;
    until(&stage, call, CallStatus::Bridged).await;
    let export = stage.sealed(call).await;
    assert_eq!((export.call.status, roles(&export)), (CallStatus::Completed, vec![LegRole::Caller, LegRole::Agent]));
    assert_eq!((export.recordings.len(), stage.dials(&magic(13))), (1, 1));
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_call_is_handed_on_by_the_vendor() {
    let stage = Stage::new().await;
    let call = bridged(&stage).await;
    let wish = TransferCall { to: phone(&magic(5)), kind: TransferKind::Blind, on_failure: Default::default() };
    stage.org.transfer_call(call, wish).await.unwrap();
    let export = stage.sealed(call).await;
    assert_eq!(export.call.status, CallStatus::Transferred, "{:?}", export.call.facts);
    assert_eq!(roles(&export), [LegRole::Agent, LegRole::Callee, LegRole::Target]);
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_transfer_that_is_not_taken_leaves_the_call_with_its_member() {
    let stage = Stage::new().await;
    let call = bridged(&stage).await;
    let wish = TransferCall { to: phone(&magic(2)), kind: TransferKind::Blind, on_failure: Default::default() };
    stage.org.transfer_call(call, wish).await.unwrap();
    until(&stage, call, CallStatus::Transferring).await;
    until(&stage, call, CallStatus::Bridged).await;
    assert_eq!(stage.sealed(call).await.call.status, CallStatus::Completed);
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_supervisor_comes_whispers_and_goes_with_the_call() {
    let stage = Stage::new().await;
    let call = bridged(&stage).await;
    let wish = Supervise { mode: SuperviseMode::Monitor, phone: Some(phone(&magic(7))) };
    let leg = stage.org.supervise_call(call, wish).await.unwrap();
    let deadline = time::after(stage.now(), Duration::from_secs(60));
    let there = async || Ok(stage.org.call(call).await?.facts.legs[&leg].answered_at.is_some());
    stage.sandbox.play(&stage.wib, &stage.clock, deadline, there).await.unwrap();
    if !stage.org.call(call).await.unwrap().status.terminal() {
        stage.org.switch_supervision(call, leg, SuperviseMode::Whisper).await.unwrap();
    }
    let export = stage.sealed(call).await;
    assert_eq!(export.call.status, CallStatus::Completed);
    assert!(export.call.facts.legs[&leg].over() && stage.dials(&magic(7)) == 1);
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}
