//! Requests that are run once.

use std::time::Duration;

use serde_json::{Value as Json, json};
use wib_core::{calls::ListCalls, kit::Role};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::server::{Answer, Server, ask};

const CALLS: &str = "/api/calls";

async fn place(server: &Server, token: &str, key: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    ask(&server.app, "POST", CALLS, &[("authorization", &bearer), ("idempotency-key", key)], body).await
}

async fn calls(server: &Server) -> i64 {
    server.org().await.list_calls(ListCalls::default()).await.unwrap().total
}

fn code(answer: &Answer) -> (u16, &Json) {
    (answer.status, &answer.json["code"])
}

#[tokio::test]
async fn who_asks_again_is_told_the_same_and_nothing_is_run_twice() {
    let server = Server::start().await;
    server.import("+15005550001").await;
    let body = r#"{"to":"+15005550001"}"#;
    let first = place(&server, &server.token, "k-1", body).await;
    assert_eq!(first.status, 201, "{}", first.json);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = place(&server, &server.token, "k-1", body).await;
    assert_eq!((again.status, &again.json), (201, &first.json));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(calls(&server).await, 1);
    let other = place(&server, &server.token, "k-1", r#"{"to":"+15005550001","enable_amd":false}"#).await;
    assert_eq!(code(&other), (422, &json!("IDEMPOTENCY_MISMATCH")));
    // A refusal that stands is told again too; the law's is one.
    let blocked = place(&server, &server.token, "k-2", body).await;
    assert_eq!(code(&blocked), (403, &json!("COMPLIANCE_BLOCKED")), "{}", blocked.json);
    let again = place(&server, &server.token, "k-2", body).await;
    assert_eq!((again.status, &again.json), (403, &blocked.json));
    assert_eq!(calls(&server).await, 1);
    // After a day the key is another's.
    server.pass(Duration::from_secs(24 * 3600)).await;
    let later = place(&server, &server.token, "k-1", r#"{"to":"+1500"}"#).await;
    assert_eq!(code(&later), (400, &json!("VALIDATION_ERROR")), "{}", later.json);
}

#[tokio::test]
async fn a_key_is_one_members_for_one_path_and_what_did_not_stand_frees_it() {
    let server = Server::start().await;
    let (one, two) = (server.import("+15005550001").await, server.import("+15005550013").await);
    let body = |account| json!({ "account_id": account }).to_string();
    let colleague = server.member(server.org().await.id(), Role::Agent).await;
    assert_eq!(place(&server, &server.token, "same", &body(one)).await.status, 201);
    let theirs = place(&server, &colleague, "same", &body(two)).await;
    assert_eq!((theirs.status, calls(&server).await), (201, 2), "{}", theirs.json);
    let wrong = place(&server, &server.token, "w", "{}").await;
    assert_eq!(code(&wrong), (400, &json!("VALIDATION_ERROR")), "{}", wrong.json);
    let right = place(&server, &server.token, "w", r#"{"to":"+15005550199"}"#).await;
    assert_ne!(code(&right), (422, &json!("IDEMPOTENCY_MISMATCH")), "the key was free again: {}", right.json);
    for key in ["", "k\tk", &"x".repeat(257)] {
        let refused = place(&server, &server.token, key, &body(one)).await;
        assert_eq!(code(&refused), (400, &json!("VALIDATION_ERROR")));
        assert!(refused.json["error"].as_str().unwrap().starts_with("Idempotency-Key: "), "{}", refused.json);
    }
    assert_eq!(place(&server, &server.token, &"x".repeat(256), "{}").await.status, 400);
}

#[tokio::test]
async fn of_many_at_once_one_is_run() {
    let server = Server::start().await;
    server.import("+15005550001").await;
    let asked = (0..8).map(|_| place(&server, &server.token, "k", r#"{"to":"+15005550001"}"#));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(calls(&server).await, 1);
    for answer in &answers {
        let known = [(201, Json::Null), (409, json!("IDEMPOTENCY_IN_FLIGHT"))];
        assert!(known.contains(&(answer.status, answer.json["code"].clone())), "{} {}", answer.status, answer.json);
    }
    assert!(answers.iter().any(|answer| answer.status == 201));
}

/// Asks until it is not under way any more.
async fn settled(server: &Server, body: &str) -> Answer {
    loop {
        let again = place(server, &server.token, "k", body).await;
        if again.status != 409 {
            return again;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_its_request_run_to_the_end() {
    let server = Server::start().await;
    server.import("+15005550001").await;
    let body = r#"{"to":"+15005550001"}"#;
    let begun = async {
        while calls(&server).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = begun => {}
        answer = place(&server, &server.token, "k", body) => panic!("it was to hang up: {}", answer.status),
    }
    let again = settled(&server, body).await;
    assert_eq!((again.status, calls(&server).await), (201, 1), "{}", again.json);
    assert_eq!(again.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn a_client_that_hangs_up_at_any_time_leaves_one_call() {
    let body = r#"{"to":"+15005550001"}"#;
    for polls in [1, 5, 10, 20, 50, 100, 200] {
        let server = Server::start().await;
        server.import("+15005550001").await;
        {
            let mut asked = std::pin::pin!(place(&server, &server.token, "k", body));
            for _ in 0..polls {
                if futures_util::poll!(&mut asked).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let again = settled(&server, body).await;
        assert_eq!((again.status, calls(&server).await), (201, 1), "{polls}: {}", again.json);
    }
}

#[tokio::test]
async fn a_dial_that_the_vendor_refuses_is_told_and_one_that_it_does_not_answer_stays_pending() {
    let server = Server::start().await;
    let (one, two) = (server.import("+15005550001").await, server.import("+15005550013").await);
    let fault = |kind| Fault { vendor: "telnyx".to_owned(), operation: "dial".to_owned(), times: 1, kind };
    server.sandbox.inject(fault(FaultKind::Status { status: 422, retry_after: None }));
    let refused = server.send("POST", CALLS, &json!({ "account_id": one }).to_string()).await;
    assert_eq!(code(&refused), (502, &json!("EXTERNAL_SERVICE_ERROR")), "{}", refused.json);
    let id = refused.json["call_id"].as_str().unwrap();
    let call = server.get(&format!("/api/calls/{id}")).await;
    assert_eq!(call.json["call"]["status"], "failed");
    server.sandbox.inject(fault(FaultKind::ResetAfterEffect));
    let placed = server.send("POST", CALLS, &json!({ "account_id": two }).to_string()).await;
    assert_eq!((placed.status, &placed.json["call"]["status"]), (201, &json!("pending")), "{}", placed.json);
}
