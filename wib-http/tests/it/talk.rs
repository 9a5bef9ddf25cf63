//! A call that is up: who speaks, what is owed to them, recording refused, card data behind a mask.

use serde_json::json;
use wib_core::{
    calls::{CallId, RecordingState},
    kit::{Clock, time},
};

use crate::{compliance::ok, server::Server};

async fn recorded(server: &Server) -> CallId {
    let account = server.import("+15005550005").await;
    let placed = server.post("/api/calls", json!({ "account_id": account })).await;
    let id: CallId = ok(&placed, 201)["call"]["id"].as_str().unwrap().parse().unwrap();
    let org = server.org().await;
    let deadline = time::after(server.clock.now(), std::time::Duration::from_secs(300));
    let up = async || Ok(org.call(id).await?.facts.recording_state() == RecordingState::Recording);
    server.sandbox.play(&server.wib, &server.clock, deadline, up).await.unwrap();
    id
}

#[tokio::test]
async fn the_debt_is_named_to_a_verified_person_after_the_disclosure() {
    let server = Server::start().await;
    let id = recorded(&server).await;
    let path = |end: &str| format!("/api/calls/{id}/{end}");
    let before = server.get(&path("conversation")).await;
    assert_eq!(ok(&before, 200)["conversation"]["may_name_debt"], false);
    let wrong = server.post(&path("party"), json!({ "holder": "neighbour" })).await;
    assert!(ok(&wrong, 400)["error"].as_str().unwrap().starts_with("holder"), "{}", wrong.json);
    let verified = server.post(&path("party"), json!({ "holder": "consumer", "method": "birth_date" })).await;
    let owed = ok(&verified, 200)["conversation"]["owed"].clone();
    assert!(owed.as_array().unwrap().contains(&json!("mini_miranda")), "{owed}");
    // No business is named in these settings: nobody has said yet who calls.
    let given = server.post(&path("disclosures"), json!({ "kind": "mini_miranda" })).await;
    assert_eq!(ok(&given, 200)["conversation"]["owed"], json!(["identify"]));
    let given = server.post(&path("disclosures"), json!({ "kind": "identify" })).await;
    assert_eq!(ok(&given, 200)["conversation"], json!({ "may_name_debt": true, "owed": [], "blocked_by": null }));
}

#[tokio::test]
async fn a_refusal_ends_the_recording_and_not_the_call() {
    let server = Server::start().await;
    let id = recorded(&server).await;
    let refused = server.post(&format!("/api/calls/{id}/recording/refuse"), json!({})).await;
    assert_eq!(ok(&refused, 200)["call"]["status"], "in_progress");
    let call = server.org().await.call(id).await.unwrap();
    assert!(call.facts.recording_refused_at.is_some());
}

#[tokio::test]
async fn a_mask_goes_on_at_once_and_is_taken_off_by_hand() {
    let server = Server::start().await;
    let id = recorded(&server).await;
    let path = format!("/api/calls/{id}/payment");
    server.post(&path, json!({})).await;
    let call = server.org().await.call(id).await.unwrap();
    assert_eq!(call.facts.masks.len(), 1, "whatever the law says of the payment");
    ok(&server.send("DELETE", &path, "").await, 200);
    let call = server.org().await.call(id).await.unwrap();
    assert!(call.facts.masks.values().all(|mask| mask.end_asked_at.is_some()));
}
