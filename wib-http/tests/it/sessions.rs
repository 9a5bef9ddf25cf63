//! Sessions: they end, they are followed by others, and they go with the password. And keys of machines.

use std::time::Duration;

use serde_json::{Value as Json, json};
use wib_core::kit::Role;

use crate::server::{Answer, Server, ask, csrf};

const DAY: Duration = Duration::from_secs(86_400);
const ANN: &str = "ann@example.com";

async fn refresh(server: &Server, token: &str) -> Answer {
    server.asks(Some(token), "POST", "/api/auth/refresh", "").await
}
async fn whoami(server: &Server, token: &str) -> Json {
    server.asks(Some(token), "GET", "/api/auth/session", "").await.json["user"]["email"].clone()
}
async fn log_in(server: &Server, password: &str) -> Answer {
    let form = json!({ "username": ANN, "password": password, "csrfToken": csrf(&server.app).await });
    server.asks(None, "POST", "/api/auth/callback/credentials", &form.to_string()).await
}
async fn forget(server: &Server, email: &str) -> Answer {
    let form = json!({ "email": email, "csrf_token": csrf(&server.app).await }).to_string();
    server.asks(None, "POST", "/api/auth/forgot-password", &form).await
}
async fn reset(server: &Server, token: &str, password: &str) -> Answer {
    let form = json!({ "token": token, "password": password }).to_string();
    server.asks(None, "POST", "/api/auth/reset-password", &form).await
}
/// The token of the last mailed link.
async fn mailed(server: &Server) -> String {
    server.pass(Duration::from_secs(30)).await;
    let mail = server.sandbox.outbox().pop().unwrap();
    assert_eq!(mail["to"], json!([ANN]), "{mail}");
    let text = mail["text"].as_str().unwrap();
    text.split("/reset-password?token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}
async fn audited(server: &Server, token: &str, action: &str) -> usize {
    let log = server.asks(Some(token), "GET", "/api/audit?limit=200", "").await;
    let lines = log.json["logs"].as_array().unwrap_or_else(|| panic!("{}", log.json));
    lines.iter().filter(|line| line["action"] == action).count()
}

#[tokio::test]
async fn a_session_is_followed_by_another_in_its_last_day_alone_and_the_old_token_is_dead() {
    let server = Server::start().await;
    let early = refresh(&server, &server.token).await;
    assert_eq!((early.status, &early.json["refreshed"]), (200, &json!(false)), "{}", early.json);
    assert!(early.headers.get("x-session-token").is_none() && early.json.get("session_token").is_none());
    server.clock.advance(DAY * 6);
    let late = refresh(&server, &server.token).await;
    assert_eq!((late.status, &late.json["rotated"]), (200, &json!(true)), "{}", late.json);
    let token = late.json["session_token"].as_str().unwrap();
    assert_eq!(late.headers["x-session-token"], token);
    assert!(late.headers["set-cookie"].to_str().unwrap().contains(token));
    assert_eq!(late.headers["cache-control"], "no-store");
    assert_ne!(token, server.token);
    assert_eq!(whoami(&server, &server.token).await, Json::Null);
    assert_eq!(refresh(&server, &server.token).await.status, 401);
    assert_eq!(whoami(&server, token).await, ANN);
    // The client looks as it did: the fingerprint went along.
    let elsewhere = [("authorization", &*format!("Bearer {token}")), ("user-agent", "another")];
    assert_eq!(ask(&server.app, "GET", "/api/auth/session", &elsewhere, "").await.json["user"], Json::Null);
    server.clock.advance(DAY * 7);
    assert_eq!(whoami(&server, token).await, Json::Null, "it ends after seven days");
}

#[tokio::test]
async fn two_who_rotate_a_session_at_once_leave_one() {
    let server = Server::start().await;
    server.clock.advance(DAY * 6 + DAY / 2);
    let (one, two) = tokio::join!(refresh(&server, &server.token), refresh(&server, &server.token));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn a_login_never_takes_over_a_token_that_was_there() {
    let server = Server::start().await;
    let form = json!({ "username": ANN, "password": "correct horse", "csrfToken": csrf(&server.app).await });
    let planted = [("cookie", "session-token=planted"), ("x-session-token", "planted")];
    let begun = ask(&server.app, "POST", "/api/auth/callback/credentials", &planted, &form.to_string()).await;
    let token = begun.headers["x-session-token"].to_str().unwrap();
    assert!(token != "planted" && token != server.token && token.len() == 64);
    assert_eq!(whoami(&server, "planted").await, Json::Null);
}

#[tokio::test]
async fn a_password_is_set_by_a_mailed_link_once_and_every_session_ends() {
    let server = Server::start().await;
    let other = log_in(&server, "correct horse").await.headers["x-session-token"].to_str().unwrap().to_owned();
    assert_eq!(forget(&server, " Ann@Example.com ").await.status, 200);
    let token = mailed(&server).await;
    for (token, password, field) in [
        ("", "another horse", "token"),
        ("x".repeat(257).as_str(), "another horse", "token"),
        (token.as_str(), "short", "password"),
    ] {
        let refused = reset(&server, token, password).await;
        assert_eq!((refused.status, &refused.json["code"]), (400, &json!("VALIDATION_ERROR")));
        assert!(refused.json["error"].as_str().unwrap().contains(field), "{}", refused.json);
    }
    assert_eq!(reset(&server, "unknown", "another horse").await.status, 400);
    assert_eq!(reset(&server, &token, "another horse").await.status, 200);
    for token in [&server.token, &other] {
        assert_eq!(whoami(&server, token).await, Json::Null);
    }
    assert_eq!(log_in(&server, "correct horse").await.status, 401);
    let begun = log_in(&server, "another horse").await;
    assert_eq!(begun.status, 200);
    let again = reset(&server, &token, "a third horse").await;
    assert_eq!((again.status, &again.json["error"]), (400, &json!("Invalid or expired reset token")));
    let token = begun.headers["x-session-token"].to_str().unwrap();
    for action in ["auth:password_reset_requested", "auth:password_reset_completed"] {
        assert_eq!(audited(&server, token, action).await, 1, "{action}");
    }
}

#[tokio::test]
async fn a_link_ends_after_an_hour_and_with_the_use_of_another() {
    let server = Server::start().await;
    forget(&server, ANN).await;
    let first = mailed(&server).await;
    server.clock.advance(Duration::from_secs(400));
    forget(&server, ANN).await;
    let second = mailed(&server).await;
    assert_ne!(first, second);
    assert_eq!(reset(&server, &first, "another horse").await.status, 200);
    assert_eq!(reset(&server, &second, "another horse").await.status, 400, "it went with the first");
    server.clock.advance(Duration::from_secs(400));
    forget(&server, ANN).await;
    let third = mailed(&server).await;
    server.clock.advance(Duration::from_secs(3600));
    assert_eq!(reset(&server, &third, "another horse").await.status, 400, "its hour is over");
}

#[tokio::test]
async fn whoever_forgot_a_password_learns_nothing_of_who_has_an_account() {
    let server = Server::start().await;
    let depth = async || server.wib.system().queue_depths().await.unwrap().iter().map(|d| d.count).sum::<i64>();
    let before = depth().await;
    let known = forget(&server, ANN).await;
    let one = depth().await;
    let unknown = forget(&server, "nobody@example.com").await;
    assert_eq!((known.status, &known.json), (unknown.status, &unknown.json));
    assert_eq!((one - before, depth().await - one), (1, 1), "the same work is queued");
    // Asked again at once: the same answer, and no second mail.
    assert_eq!(forget(&server, ANN).await.json, known.json);
    server.pass(Duration::from_secs(30)).await;
    assert_eq!(server.sandbox.outbox().len(), 1, "nobody is mailed nothing");
    let form = json!({ "email": ANN }).to_string();
    assert_eq!(server.asks(None, "POST", "/api/auth/forgot-password", &form).await.status, 401);
    let form = json!({ "email": ANN, "csrfToken": "stale" }).to_string();
    assert_eq!(server.asks(None, "POST", "/api/auth/forgot-password", &form).await.status, 403);
    let form = json!({ "email": "nobody", "csrfToken": "stale" }).to_string();
    assert_eq!(server.asks(None, "POST", "/api/auth/forgot-password", &form).await.status, 400);
}

#[tokio::test]
async fn guesses_at_passwords_links_and_keys_are_throttled() {
    let server = Server::start().await;
    for (path, body, most) in [
        ("/api/auth/reset-password", json!({ "token": "x", "password": "long enough" }), 3),
        ("/api/auth/validate-key", json!({ "apiKey": "wib_x" }), 10),
    ] {
        let from = [("x-forwarded-for", "203.0.113.9")];
        for _ in 0..most {
            let refused = ask(&server.app, "POST", path, &from, &body.to_string()).await;
            assert!(matches!(refused.status, 400 | 401), "{path}: {}", refused.json);
        }
        assert_eq!(ask(&server.app, "POST", path, &from, &body.to_string()).await.status, 429, "{path}");
    }
    assert_eq!(server.asks(None, "POST", "/api/auth/_log", "").await.json, json!({ "received": true }));
}

#[tokio::test]
async fn a_key_is_told_once_and_good_until_it_is_over_or_taken_back() {
    let server = Server::start().await;
    let valid = async |key: &str| {
        server.asks(None, "POST", "/api/auth/validate-key", &json!({ "apiKey": key }).to_string()).await
    };
    let form = json!({ "name": "Sync", "permissions": ["call:read"], "expires_at": "2026-01-08T00:00:00Z" });
    let made = server.send("POST", "/api/api-keys", &form.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let (key, id) = (made.json["api_key"]["key"].as_str().unwrap(), made.json["api_key"]["id"].as_str().unwrap());
    let good = valid(key).await;
    assert_eq!(good.status, 200, "{}", good.json);
    assert_eq!((&good.json["valid"], &good.json["organization_name"]), (&json!(true), &json!("Acme")));
    assert_eq!(good.json["permissions"], json!(["call:read"]));
    let list = server.get("/api/api-keys").await.json;
    assert!(list["api_keys"][0]["last_used_at"].is_string() && !list.to_string().contains(key), "{list}");
    assert!(key.starts_with(list["api_keys"][0]["prefix"].as_str().unwrap()));
    for (wrong, field) in [
        (json!({ "name": " ", "permissions": [] }), "name"),
        (json!({ "name": "x", "permissions": ["everything"] }), "permissions"),
        (json!({ "name": "x", "permissions": [], "expires_at": "2020-01-01T00:00:00Z" }), "expires_at"),
    ] {
        let refused = server.send("POST", "/api/api-keys", &wrong.to_string()).await;
        assert!(refused.status == 400 && refused.json["error"].as_str().unwrap().contains(field), "{}", refused.json);
    }
    server.clock.advance(DAY * 2);
    let over = valid(key).await;
    assert_eq!((over.status, &over.json["valid"]), (401, &json!(false)), "its time is over");
    let form = json!({ "name": "Sync", "permissions": [] }).to_string();
    let made = server.send("POST", "/api/api-keys", &form).await;
    let key = made.json["api_key"]["key"].as_str().unwrap();
    assert_eq!(valid(key).await.status, 200);
    let path = format!("/api/api-keys/{}", made.json["api_key"]["id"].as_str().unwrap());
    assert_eq!(server.send("DELETE", &path, "").await.status, 200);
    assert_eq!(valid(key).await.status, 401, "it was taken back");
    assert_eq!(valid("wib_unknown").await.status, 401);
    assert_eq!(server.send("DELETE", &format!("/api/api-keys/{id}"), "").await.status, 200);
    let org = server.org().await;
    for n in 0..50 {
        let name = format!("key {n}");
        let key = wib_core::auth::CreateApiKey { name, ..Default::default() };
        org.create_api_key(key).await.unwrap();
    }
    assert_eq!(server.send("POST", "/api/api-keys", &form).await.status, 409);
    assert_eq!(audited(&server, &server.token, "auth:api_key_revoked").await, 2);
    let member = server.member(org.id(), Role::Manager).await;
    assert_eq!(server.asks(Some(&member), "GET", "/api/api-keys", "").await.status, 403);
}
