//! Answers that follow from no table: what vendors' failures, holds, ranges and doors of vendors come to on the wire.

use std::time::Duration;

use serde_json::json;
use wib_core::{kit::Clock, orgs::Plan};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::server::{Answer, Server, ask, csrf};

fn down(vendor: &str, operation: &str) -> Fault {
    let kind = FaultKind::Status { status: 422, retry_after: None };
    Fault { vendor: vendor.to_owned(), operation: operation.to_owned(), times: 1000, kind }
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn what_a_vendor_does_not_do_is_its_failure() {
    let server = Server::start().await;
    server.wib.system().set_plan(server.org().await.id(), Plan::Enterprise).await.unwrap();
    server.sandbox.inject(down("*", "*"));
    let said = server.send("POST", "/api/tts/generate", r#"{"text":"Hello."}"#).await;
    assert_eq!(code(&said), (502, "EXTERNAL_SERVICE_ERROR"), "{}", said.json);
    let advised = server.send("POST", "/api/bond-ai/copilot", r#"{"agent_question":"May I?"}"#).await;
    assert_eq!(code(&advised), (503, "AI_UNAVAILABLE"), "{}", advised.json);
    server.import("+15005550001").await;
    let placed = server.send("POST", "/api/calls/start", r#"{"phone_number":"+15005550001"}"#).await;
    assert_eq!(code(&placed), (502, "EXTERNAL_SERVICE_ERROR"), "{}", placed.json);
}

#[tokio::test]
async fn signing_up_says_what_is_wrong_with_its_token_and_its_address() {
    let server = Server::start().await;
    let up = async |csrf: Option<String>| {
        let form = json!({ "email": "ann@example.com", "password": "correct horse", "csrf_token": csrf });
        ask(&server.app, "POST", "/api/auth/signup", &[], &form.to_string()).await
    };
    assert_eq!(code(&up(None).await), (401, "AUTH_REQUIRED"));
    assert_eq!(code(&up(Some(NOBODYS.to_owned())).await), (403, "FORBIDDEN"));
    assert_eq!(code(&up(Some(csrf(&server.app).await)).await), (409, "CONFLICT"));
    let late = csrf(&server.app).await;
    server.store().close().await;
    assert_eq!(code(&up(Some(late.clone())).await), (503, "DATABASE_ERROR"));
    let form = json!({ "email": "ann@example.com", "password": "correct horse", "csrf_token": late }).to_string();
    let begun = ask(&server.app, "POST", "/api/auth/callback/credentials", &[], &form).await;
    assert_eq!(code(&begun), (503, "DATABASE_ERROR"));
}

const NOBODYS: &str = "00000000-0000-7000-8000-000000000001";

#[tokio::test]
async fn a_recording_on_hold_is_not_deleted() {
    let server = Server::start().await;
    server.import("+15005550001").await;
    server.send("POST", "/api/calls", r#"{"to":"+15005550001"}"#).await;
    server.pass(Duration::from_secs(900)).await;
    let recording = server.get("/api/recordings").await.json["recordings"][0]["id"].as_str().unwrap().to_owned();
    server.send("POST", "/api/retention/legal-holds", r#"{"name":"Matter","applies_to_all":true}"#).await;
    let refused = server.send("DELETE", &format!("/api/recordings/{recording}"), "").await;
    assert_eq!(refused.status, 409, "{}", refused.json);
    assert_eq!(server.get(&format!("/api/recordings/{recording}")).await.status, 200);
}

#[tokio::test]
async fn a_sound_that_was_said_is_read_in_pieces_by_members_alone() {
    let server = Server::start().await;
    let said = server.send("POST", "/api/tts/generate", r#"{"text":"Hello."}"#).await;
    let path = said.json["audio_url"].as_str().unwrap();
    let part = async |token: &str, range: &str| {
        let bearer = format!("Bearer {token}");
        ask(&server.app, "GET", path, &[("authorization", &bearer), ("range", range)], "").await
    };
    let whole = server.get(path).await;
    let piece = part(&server.token, "bytes=2-5").await;
    assert_eq!((piece.status, &piece.bytes[..]), (206, &whole.bytes[2..6]));
    assert_eq!(part(&server.token, "bytes=99999999-").await.status, 416);
    assert_eq!(part(&server.nobody().await, "bytes=0-").await.status, 403);
}

#[tokio::test]
async fn vendors_deliver_at_both_doors_and_are_told_what_is_wrong() {
    let server = Server::start().await;
    server.import("+15005550001").await;
    server.send("POST", "/api/calls", r#"{"to":"+15005550001"}"#).await;
    server.clock.advance(Duration::from_secs(1));
    let told = server.sandbox.take_due(server.clock.now()).into_iter().find(|d| d.vendor == "telnyx").unwrap();
    let telnyx: Vec<_> = told.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let secret = server.sandbox.verifier("assemblyai").unwrap();
    let assemblyai = [("authorization", secret.as_str())];
    let ready = r#"{"transcript_id":"somebody else's","status":"completed"}"#;
    let genuine =
        [("telnyx", &telnyx[..], std::str::from_utf8(&told.body).unwrap()), ("assemblyai", &assemblyai[..], ready)];
    for (vendor, headers, body) in genuine {
        for (door, again) in [("/webhooks", json!(null)), ("/api/webhooks", json!(true))] {
            let path = format!("{door}/{vendor}");
            let deliver = async |body: &str| ask(&server.app, "POST", &path, headers, body).await;
            let taken = deliver(body).await;
            assert_eq!((taken.status, &taken.json["received"]), (200, &json!(true)), "{path}: {}", taken.json);
            assert_eq!(taken.json["duplicate"], again, "{path}");
            assert_eq!(deliver("").await.status, 400, "{path}");
            assert_eq!(deliver(&"x".repeat(3 << 20)).await.status, 413, "{path}");
            let mut last = 401;
            for _ in 0..=100 {
                last = ask(&server.app, "POST", &path, &[("x-forwarded-for", "203.0.113.77")], "{}").await.status;
            }
            assert_eq!(last, 429, "{path}");
            server.clock.advance(Duration::from_secs(60));
        }
    }
}

#[tokio::test]
async fn every_vendor_is_told_what_is_wrong_at_both_doors() {
    let server = Server::start().await;
    for (door, vendor) in ["/webhooks", "/api/webhooks"].iter().flat_map(|d| ["stripe", "resend"].map(|v| (d, v))) {
        let path = format!("{door}/{vendor}");
        let ask =
            async |body: &str| ask(&server.app, "POST", &path, &[("x-forwarded-for", "203.0.113.77")], body).await;
        assert_eq!(ask("").await.status, 400, "{path}");
        assert_eq!(ask(&"x".repeat(3 << 20)).await.status, 413, "{path}");
        let mut last = 401;
        for _ in 0..=100 {
            last = ask("{}").await.status;
        }
        assert_eq!(last, 429, "{path}");
        server.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn an_address_that_was_not_lent_reads_nothing() {
    let server = Server::start().await;
    let path = "/blobs/a/recordings/b.mp3?type=audio/mpeg&until=9999999999&signature=00";
    let refused = ask(&server.app, "GET", path, &[], "").await;
    assert_eq!(code(&refused), (403, "FORBIDDEN"), "{}", refused.json);
}
