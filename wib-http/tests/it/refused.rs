//! Answers that follow from no table: what vendors' failures, holds, ranges and doors of vendors come to on the wire.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use wib_core::{
    ai::PutAiBudget,
    audio::AudioFile,
    billing::{BillingAccount, KnownMethod},
    calls::{Call, StartCall},
    compliance::ConsentScope,
    consent::{ConsentEvent, RecordConsent},
    kit::{Clock, Id, Phone, Role, text::TextEnum},
    limits::Limit,
    orgs::Plan,
    ports::voice::MockVoice,
    store::Store,
};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::{
    house::{
        minds::{price, subscribe},
        voice::form,
    },
    server::{Answer, Server, ask, csrf},
};

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
async fn of_somebody_who_was_erased_nothing_more_is_written() {
    let server = Server::start().await;
    let account = server.import("+15005550001").await;
    let placed = server.send("POST", "/api/calls", &json!({ "account_id": account }).to_string()).await;
    let call = placed.json["call"]["id"].as_str().unwrap().to_owned();
    let of_call = |end: &str| format!("/api/calls/{call}/{end}");
    server.pass(Duration::from_secs(900)).await;
    let declared = server.send("POST", &of_call("outcome"), r#"{"outcome_status":"agreed"}"#).await;
    assert_eq!(declared.status, 201, "{}", declared.json);
    let person = server.person(account).await;
    let erased = server.send("POST", &format!("/api/persons/{person}/erasure"), r#"{"reason":"request"}"#).await;
    assert_eq!(erased.status, 200, "{}", erased.json);
    let text = json!({ "custom_transcript": "customer: I can pay fifty dollars on Friday." });
    for (method, end, body) in [
        ("POST", "notes", json!({ "content": "Mornings." })),
        ("POST", "confirmations", json!({ "confirmation_type": "verbal" })),
        ("PUT", "disposition", json!({ "disposition": "dispute" })),
        ("PUT", "outcome", json!({ "summary_text": "She pays." })),
        ("POST", "summary", text),
    ] {
        let refused = server.send(method, &of_call(end), &body.to_string()).await;
        let told = refused.json["error"]["code"].as_str().or(refused.json["code"].as_str());
        assert_eq!((refused.status, told), (409, Some("PERSON_ERASED")), "{end}: {}", refused.json);
    }
}

#[tokio::test]
async fn a_call_that_is_being_handed_on_is_neither_held_nor_handed_on_again() {
    let server = Server::start().await;
    let account = server.import("+15005550026").await;
    let placed = server.send("POST", "/api/calls", &json!({ "account_id": account }).to_string()).await;
    let call = placed.json["call"]["id"].as_str().unwrap().to_owned();
    server.pass(Duration::from_secs(15)).await;
    let hand_on =
        async || server.send("POST", &format!("/api/calls/{call}/transfer"), r#"{"to":"+13125550122"}"#).await;
    assert_eq!(hand_on().await.status, 200);
    assert_eq!(code(&hand_on().await), (409, "TRANSFER_UNDER_WAY"));
    let held = server.send("POST", &format!("/api/calls/{call}/hold"), "{}").await;
    assert_eq!(code(&held), (409, "TRANSFER_UNDER_WAY"), "{}", held.json);
}

#[tokio::test]
async fn what_is_live_and_what_is_a_trial_are_kept_apart() {
    let server = Server::start().await;
    let price = price(&server, Plan::Pro, 4_900).await;
    let card = subscribe(&server, &price).await;
    let (own, live) = (server.org().await.id(), server.live_organization(Plan::Enterprise).await);
    let owner = server.member(live, Role::Owner).await;
    let mut tx = server.store().org(own).await.unwrap();
    let account = tx.billing_account().await.unwrap().unwrap();
    let method = tx.known_method(&account.vendor, &card).await.unwrap().unwrap();
    drop(tx);
    let mut tx = server.store().org(live).await.unwrap();
    let account = BillingAccount { id: live.cast(), customer_id: "cus_live".to_owned(), ..account };
    assert!(tx.note_billing_account(&account).await.unwrap());
    let id = Id::new(server.clock.now(), &**server.wib.random());
    tx.insert(&KnownMethod { id, vendor_id: "pm_live".to_owned(), ..method }).await.unwrap();
    tx.commit().await.unwrap();
    for (method, path, body) in [
        ("POST", "/api/billing/sync-stripe-data", ""),
        ("DELETE", "/api/billing/payment-methods/pm_live", ""),
        ("POST", "/api/caller-id/verify", r#"{"phone_number":"+13125550171"}"#),
        ("POST", "/api/webrtc/dial", r#"{"phone_number":"+15005550001"}"#),
        ("GET", "/api/webrtc/token", ""),
    ] {
        let refused = server.asks(Some(&owner), method, path, body).await;
        assert_eq!(refused.status, 409, "{path}: {}", refused.json);
    }
}

#[tokio::test]
async fn what_a_plan_and_a_budget_let_be_used_is_told_when_it_is_used_up() {
    let mut voice = MockVoice::new();
    voice.expect_live().return_const(true);
    voice.expect_vendor().return_const("mock");
    voice.expect_default_number().return_const(Some("+13125550100".parse::<Phone>().unwrap()));
    let server = Server::built(|_| {}, |builder| builder.voice(Arc::new(voice))).await;
    let account = server.import("+15005550001").await;
    let org = server.org().await;
    let first = org.start_call(StartCall { account_id: Some(account), ..StartCall::default() }).await.unwrap();
    let mut tx = server.store().org(org.id()).await.unwrap();
    for _ in 0..99 {
        let id = Id::new(server.clock.now(), &**server.wib.random());
        tx.insert(&Call { id, ..first.clone() }).await.unwrap();
    }
    tx.commit().await.unwrap();
    let account = server.import("+15005550013").await;
    let placed = server.send("POST", "/api/calls", &json!({ "account_id": account }).to_string()).await;
    assert_eq!(code(&placed), (402, "QUOTA_EXCEEDED"), "{}", placed.json);
    assert_eq!((&placed.json["limit"], &placed.json["used"]), (&json!(100), &json!(100)));
    let placed = server.send("POST", "/api/calls/start", r#"{"phone_number":"+15005550013"}"#).await;
    assert_eq!(code(&placed), (402, "QUOTA_EXCEEDED"), "{}", placed.json);
    org.put_ai_budget(PutAiBudget { limit_micros: 0 }).await.unwrap();
    let file = server.asks_form(Some(&server.token), "/api/audio/upload", &form("/api/audio/upload").unwrap()).await;
    let id: Id<AudioFile> = file.json["file"]["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap().into();
    let mut tx = server.store().org(org.id()).await.unwrap();
    let known: AudioFile = tx.find(id).await.unwrap().unwrap();
    let large = Id::new(server.clock.now(), &**server.wib.random());
    let large = AudioFile { id: large, size_bytes: 1_000_000_000, blob_key: "large".to_owned(), ..known };
    tx.insert(&large).await.unwrap();
    tx.commit().await.unwrap();
    let brought = server.asks_form(Some(&server.token), "/api/audio/upload", &form("/api/audio/upload").unwrap()).await;
    assert_eq!(code(&brought), (402, "QUOTA_EXCEEDED"), "{}", brought.json);
    let text = json!({ "custom_transcript": "customer: I can pay fifty dollars on Friday." }).to_string();
    let summed_up = server.send("POST", &format!("/api/calls/{}/summary", first.id), &text).await;
    assert_eq!(summed_up.json["error"]["code"], "AI_BUDGET_EXCEEDED", "{}", summed_up.json);
    assert_eq!(summed_up.status, 402);
}

#[tokio::test]
async fn a_code_that_comes_too_late_is_gone() {
    let server = Server::start().await;
    let number = json!({ "phone_number": "+13125550171" });
    assert_eq!(server.send("POST", "/api/caller-id", &number.to_string()).await.status, 200);
    server.clock.advance(Duration::from_secs(600));
    let late = json!({ "phone_number": "+13125550171", "code": "123456" }).to_string();
    assert_eq!(code(&server.send("PUT", "/api/caller-id/verify", &late).await), (410, "CODE_EXPIRED"));
}

#[tokio::test]
async fn what_grows_has_an_end() {
    let server = Server::with(|settings| {
        settings.limits = Limit::ALL.iter().map(|limit| (*limit, (1_000_000, Duration::from_secs(60)))).collect();
    })
    .await;
    server.wib.system().set_plan(server.org().await.id(), Plan::Enterprise).await.unwrap();
    let upload =
        async || server.asks_form(Some(&server.token), "/api/audio/upload", &form("/api/audio/upload").unwrap()).await;
    let file = upload().await;
    let id: Id<AudioFile> = file.json["file"]["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap().into();
    let body = json!({ "audio_file_id": id }).to_string();
    let mut last = 200;
    for _ in 0..=20 {
        assert_eq!(last, 200);
        last = server.send("POST", "/api/audio/transcribe", &body).await.status;
    }
    assert_eq!(last, 409);
    let mut last = 201;
    for n in 0..=50 {
        assert_eq!(last, 201);
        let hook = json!({ "url": format!("https://hooks.example.com/{n}"), "events": ["*"] });
        last = server.send("POST", "/api/webhooks/subscriptions", &hook.to_string()).await.status;
    }
    assert_eq!(last, 409);
    let mut tx = server.store().org(server.org().await.id()).await.unwrap();
    let known: AudioFile = tx.find(id).await.unwrap().unwrap();
    for n in 1..10_000 {
        let id = Id::new(server.clock.now(), &**server.wib.random());
        tx.insert(&AudioFile { id, blob_key: format!("audio/{n}"), ..known.clone() }).await.unwrap();
    }
    tx.commit().await.unwrap();
    let refused = upload().await;
    assert_eq!(refused.status, 409, "{}", refused.json);
}

#[tokio::test]
async fn what_no_row_takes_is_refused_there() {
    let server = Server::start().await;
    let owner = server.member(server.org().await.id(), Role::Owner).await;
    let none = server.asks(Some(&owner), "POST", "/api/billing/cancel", "").await;
    assert_eq!(code(&none), (400, "NO_SUBSCRIPTION"));
    server.wib.system().set_plan(server.org().await.id(), Plan::Business).await.unwrap();
    for path in ["/api/test/run-all", "/api/billing/sync-stripe-data", "/api/webhooks/any/test"] {
        assert_eq!(code(&server.send("POST", path, r#"{"no_such":1}"#).await), (400, "VALIDATION_ERROR"), "{path}");
    }
    for (method, path) in [("POST", "/api/team/invites/accept/%FF"), ("GET", "/api/team/invites/validate/%FF")] {
        let refused = server.send(method, path, "").await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.json);
    }
    // Members join by invitation.
    let refused = server.send("POST", "/api/team/members", r#"{"email":"one@example.test"}"#).await;
    assert_eq!((refused.status, &refused.json["action"]), (400, &json!("POST /api/team/invites")));
}

#[tokio::test]
async fn a_vendor_that_has_enough_says_when_to_come_back() {
    let server = Server::start().await;
    let price = price(&server, Plan::Pro, 4_900).await;
    subscribe(&server, &price).await;
    let kind = FaultKind::Status { status: 429, retry_after: Some(7) };
    server.sandbox.inject(Fault { vendor: "stripe".to_owned(), operation: "*".to_owned(), times: 1000, kind });
    let refused = server.waits(server.send("POST", "/api/billing/sync-stripe-data", "")).await;
    assert_eq!(refused.status, 429, "{}", refused.json);
    assert!(refused.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn strangers_are_told_when_there_is_no_database() {
    let server = Server::start().await;
    let late = csrf(&server.app).await;
    server.store().close().await;
    for (path, body) in [
        ("/api/auth/forgot-password", json!({ "email": "ann@example.com", "csrf_token": late })),
        ("/api/auth/reset-password", json!({ "token": "0".repeat(64), "password": "a long enough password" })),
        ("/api/internal/demo-request", json!({ "name": "Bo", "email": "bo@example.test", "company": "Acme" })),
    ] {
        let failed = ask(&server.app, "POST", path, &[], &body.to_string()).await;
        assert_eq!(code(&failed), (503, "DATABASE_ERROR"), "{path}: {}", failed.json);
    }
}

#[tokio::test]
async fn a_machine_takes_a_call_where_the_organisation_and_the_person_let_it() {
    let server = Server::start().await;
    let account = server.import("+15005550026").await;
    let org = server.org().await;
    let wishes = json!({ "ai_agent_prompt": "Be kind.", "ai_features_enabled": true }).to_string();
    assert_eq!(server.send("PUT", "/api/ai-toggle/prompt-config", &wishes).await.status, 200);
    let consent = RecordConsent {
        person_id: Some(server.person(account).await),
        ..RecordConsent::of(ConsentScope::ArtificialVoice, ConsentEvent::Granted)
    };
    org.record_consent(consent).await.unwrap();
    let placed = server.send("POST", "/api/calls", &json!({ "account_id": account }).to_string()).await;
    let call = placed.json["call"]["id"].as_str().unwrap().to_owned();
    server.pass(Duration::from_secs(15)).await;
    let taken =
        server.send("POST", "/api/ai-toggle/activate", &json!({ "call_id": call, "mode": "ai" }).to_string()).await;
    assert_eq!((taken.status, &taken.json["mode"]), (200, &json!("ai")), "{}", taken.json);
    let told = server.get(&format!("/api/ai-toggle/status/{call}")).await;
    assert_eq!((&told.json["mode"], &told.json["call_id"]), (&json!("ai"), &json!(call)));
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
