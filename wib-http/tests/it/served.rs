use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::server::{Server, ask, csrf};

#[tokio::test]
async fn a_call_is_placed_followed_heard_and_exported() {
    let server = Server::start().await;
    server.import("+15005550001").await;
    let placed = server.send("POST", "/api/calls", r#"{"to":"+15005550001","enable_amd":true}"#).await;
    assert_eq!((placed.status, &placed.json["call"]["status"]), (201, &json!("initiated")), "{}", placed.json);
    assert!(placed.json["telnyx"]["call_control_id"].is_string(), "{}", placed.json);
    let id = placed.json["call"]["id"].as_str().unwrap();
    server.pass(Duration::from_secs(900)).await;
    let call = server.get(&format!("/api/calls/{id}")).await;
    assert_eq!((call.status, &call.json["call"]["status"]), (200, &json!("completed")), "{}", call.json);
    let listed = server.get("/api/calls?status=completed").await;
    assert_eq!(listed.json["pagination"], json!({ "page": 1, "limit": 50, "total": 1, "totalPages": 1 }));
    let events = server.get(&format!("/api/calls/{id}/timeline")).await;
    assert!(
        events.json["events"].as_array().unwrap().iter().any(|e| e["event_type"] == "call.answered"),
        "{}",
        events.json
    );
    let said = server.get(&format!("/api/calls/{id}/transcript")).await;
    assert_eq!(said.json["segments"][0]["segment_index"], 0, "{}", said.json);
    let after = server.get(&format!("/api/calls/{id}/transcript?after={}", said.json["last_index"])).await;
    assert_eq!((&after.json["count"], &after.json["last_index"]), (&json!(0), &said.json["last_index"]));
    let export = server.get(&format!("/api/calls/{id}/export")).await;
    assert!(
        export.json["export"]["evidence"].is_object() && export.json["export"]["outcome"].is_null(),
        "{}",
        export.json
    );
    let file = server.get(&format!("/api/calls/{id}/export?format=zip")).await;
    assert!(file.headers["content-disposition"].to_str().unwrap().ends_with(&format!("\"call-{id}.json\"")));
    let ended = server.send("POST", &format!("/api/calls/{id}/end"), "").await;
    assert_eq!((ended.status, &ended.json["call"]["status"]), (200, &json!("completed")));
    recording_is_heard_in_pieces(&server).await;
}

async fn recording_is_heard_in_pieces(server: &Server) {
    let listed = server.get("/api/recordings").await;
    let line = &listed.json["recordings"][0];
    let id = line["id"].as_str().unwrap();
    let read = server.get(&format!("/api/recordings/{id}")).await;
    assert_eq!(
        (&read.json["signedUrl"], &read.json["expiresIn"]),
        (&line["recording_url"], &json!(3600)),
        "{}",
        read.json
    );
    let bearer = format!("Bearer {}", server.token);
    let piece = async |range: &str| {
        let headers = [("authorization", bearer.as_str()), ("range", range)];
        ask(&server.app, "GET", &format!("/api/recordings/stream/{id}"), &headers, "").await
    };
    let whole = server.get(&format!("/api/recordings/stream/{id}")).await;
    assert_eq!((whole.status, &whole.headers["cache-control"]), (200, &"private, no-store".parse().unwrap()));
    let part = piece("bytes=2-5").await;
    assert_eq!((part.status, &part.bytes[..]), (206, &whole.bytes[2..6]));
    assert_eq!(part.headers["content-range"], format!("bytes 2-5/{}", whole.bytes.len()));
    assert_eq!(piece("bytes=999999999-").await.status, 416);
}

#[tokio::test]
async fn a_deleted_recording_is_gone() {
    let server = Server::start().await;
    server.import("+15005550001").await;
    server.send("POST", "/api/calls", r#"{"to":"+15005550001"}"#).await;
    server.pass(Duration::from_secs(900)).await;
    let listed = server.get("/api/recordings").await;
    let id = listed.json["recordings"][0]["id"].as_str().unwrap();
    let deleted = server.send("DELETE", &format!("/api/recordings/{id}"), "").await;
    assert_eq!(deleted.json, json!({ "success": true, "message": "Recording deleted" }));
    let gone = server.get(&format!("/api/recordings/stream/{id}")).await;
    assert_eq!((gone.status, &gone.json["success"]), (410, &json!(false)));
}

#[tokio::test]
async fn an_unlawful_call_is_refused_with_its_reasons() {
    let server = Server::start().await;
    let blocked = server.send("POST", "/api/calls/start", r#"{"phone_number":"+13125550199"}"#).await;
    assert_eq!((blocked.status, &blocked.json["code"]), (403, &json!("COMPLIANCE_BLOCKED")), "{}", blocked.json);
    assert!(blocked.json["blocked_by"].is_string() && blocked.json["reasons"].is_array(), "{}", blocked.json);
    assert!(blocked.json["verdict_id"].is_string() && blocked.json.get("not_before").is_some(), "{}", blocked.json);
}

#[tokio::test]
async fn a_session_begins_is_told_and_ends() {
    let server = Server::start().await;
    let who = server.get("/api/auth/session").await;
    assert_eq!(who.json["user"]["email"], "ann@example.com");
    assert!(who.json["user"]["organization_id"].is_string() && who.json["expires"].is_string());
    let other = [("authorization", format!("Bearer {}", server.token)), ("user-agent", "another".to_owned())];
    let other = other.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(ask(&server.app, "GET", "/api/calls", &other, "").await.status, 401);
    let ended = server.send("POST", "/api/auth/signout", "").await;
    assert_eq!(ended.json, json!({ "success": true }));
    assert!(ended.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(server.get("/api/auth/session").await.json, json!({ "user": null, "expires": null }));
    assert_eq!(server.get("/api/calls").await.status, 401);
}

#[tokio::test]
async fn signing_in_refuses_as_the_contract_says() {
    let server = Server::start().await;
    let log_in = async |form: Json| {
        let answer = ask(&server.app, "POST", "/api/auth/callback/credentials", &[], &form.to_string()).await;
        (answer.status, answer.json["error"].as_str().unwrap().to_owned())
    };
    let token = || csrf(&server.app);
    let told = log_in(json!({ "email": "ann@example.com", "password": "x" })).await;
    assert_eq!(told, (401, "CSRF token required".to_owned()));
    let told = log_in(json!({ "email": "ann@example.com", "password": "x", "csrf_token": "0" })).await;
    assert_eq!(told, (403, "Invalid or expired CSRF token".to_owned()));
    for email in ["ann@example.com", "unknown@example.com"] {
        let told = log_in(json!({ "email": email, "password": "wrong", "csrf_token": token().await })).await;
        assert_eq!(told, (401, "Invalid credentials".to_owned()));
    }
    let told = log_in(json!({ "password": "x", "csrf_token": token().await })).await;
    assert_eq!(told.0, 400);
}

#[tokio::test]
async fn deliveries_are_refused_in_the_words_of_the_contract() {
    let server = Server::start().await;
    let send = async |path: &str, headers: &[(&str, &str)], body: &str| {
        let answer = ask(&server.app, "POST", path, headers, body).await;
        (answer.status, answer.json["error"].as_str().unwrap().to_owned())
    };
    for prefix in ["", "/api"] {
        let path = format!("{prefix}/webhooks/telnyx");
        assert_eq!(send(&path, &[], "").await, (400, "Empty body not allowed".to_owned()));
        assert_eq!(send(&path, &[], "{}").await, (401, "Missing signature headers".to_owned()));
        let headers = [("telnyx-timestamp", "1"), ("telnyx-signature-ed25519", "AAAA")];
        assert_eq!(send(&path, &headers, "{").await, (401, "Invalid signature".to_owned()));
        let path = format!("{prefix}/webhooks/assemblyai");
        assert_eq!(send(&path, &[], "{}").await, (401, "Invalid webhook authentication".to_owned()));
        let large = "x".repeat((1 << 20) + 1);
        assert_eq!(send(&path, &[], &large).await.0, 413);
    }
}

#[tokio::test]
async fn health_answers_on_both_prefixes() {
    let server = Server::start().await;
    for prefix in ["/health", "/api/health"] {
        let report = ask(&server.app, "GET", prefix, &[], "").await;
        assert_eq!((report.status, &report.json["status"]), (200, &json!("healthy")), "{}", report.json);
        assert_eq!(ask(&server.app, "GET", &format!("{prefix}/ping"), &[], "").await.bytes, "pong");
        assert_eq!(ask(&server.app, "GET", &format!("{prefix}/ready"), &[], "").await.json["status"], "ok");
    }
    for path in ["/", "/livez", "/readyz", "/metrics", "/openapi.json", "/health/webhooks", "/api/auth/providers"] {
        assert_eq!(ask(&server.app, "GET", path, &[], "").await.status, 200, "{path}");
    }
}
