use std::time::Duration;

use serde_json::json;
use wib_core::kit::Role;
use wib_http::{AppConfig, app, limits::Limits, routes};

use crate::server::{Answer, Server, ask};

const LOG_IN: &str = "/api/auth/callback/credentials";
const FORM: &str = r#"{"email":"ann@example.com","password":"guess"}"#;

fn told(answer: &Answer) -> [String; 3] {
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        .map(|name| answer.headers.get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default())
}

#[tokio::test]
async fn guessing_passwords_ends_for_that_address_until_its_window_does() {
    let server = Server::start().await;
    let guess = async |from: &str| ask(&server.app, "POST", LOG_IN, &[("x-forwarded-for", from)], FORM).await;
    let reset = wib_core::kit::Clock::now(&*server.clock).as_second() + 900;
    for left in (0..10).rev() {
        let answer = guess("203.0.113.9").await;
        assert_eq!((answer.status, told(&answer)), (401, ["10".to_owned(), left.to_string(), reset.to_string()]));
    }
    server.pass(Duration::from_secs(100)).await;
    let refused = guess("203.0.113.9").await;
    assert_eq!((refused.status, told(&refused)), (429, ["10".to_owned(), "0".to_owned(), reset.to_string()]));
    assert_eq!(refused.json, json!({ "error": "too many requests", "code": "RATE_LIMIT", "retry_after": 800 }));
    assert_eq!(refused.headers["retry-after"], "800");
    assert_eq!(guess("203.0.113.10").await.status, 401);
    server.pass(Duration::from_secs(801)).await;
    assert_eq!(guess("203.0.113.9").await.status, 401);
}

#[tokio::test]
async fn a_row_with_two_limits_ends_with_the_smaller_and_strangers_use_up_nothing() {
    let server = Server::start().await;
    let (bearer, body) = (format!("Bearer {}", server.token), r#"{"phone_number":"+13125550199"}"#);
    let from = ("x-forwarded-for", "203.0.113.9");
    for _ in 0..40 {
        let stranger = ask(&server.app, "POST", "/api/calls/start", &[from], body).await;
        assert_eq!((stranger.status, told(&stranger)[0].as_str()), (401, ""));
    }
    let place = async || {
        let headers = [from, ("authorization", bearer.as_str())];
        ask(&server.app, "POST", "/api/calls/start", &headers, body).await
    };
    for left in (0..20).rev() {
        let answer = place().await;
        assert_eq!(told(&answer)[..2], ["20".to_owned(), left.to_string()], "{}", answer.json);
        assert_ne!(answer.status, 429);
    }
    assert_eq!(place().await.status, 429);
    // What the larger limit still gives.
    let id = "00000000-0000-7000-8000-000000000001";
    let headers = [from, ("authorization", bearer.as_str())];
    let end = ask(&server.app, "POST", &format!("/api/calls/{id}/end"), &headers, "").await;
    assert_eq!((end.status, told(&end)[..2].join(" ")), (404, "30 9".to_owned()));
    // Rows without a limit tell of none.
    assert_eq!(told(&server.get("/api/calls").await)[0], "");
}

#[tokio::test]
async fn members_behind_one_address_are_counted_apart_and_an_organisation_as_one() {
    let server = Server::start().await;
    let org = server.org().await.id();
    let (ann, bob) = (server.token.clone(), server.member(org, Role::Owner).await);
    let asked = async |token: &str, method: &str, path: &str, body: &str, from: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("x-forwarded-for", from), ("authorization", bearer.as_str())];
        told(&ask(&server.app, method, path, &headers, body).await)[1].clone()
    };
    // A member's: by whoever it is, from wherever.
    let mark = r#"{"gdpr_mode":true}"#;
    assert_eq!(asked(&ann, "PUT", "/api/retention", mark, "203.0.113.1").await, "9");
    assert_eq!(asked(&bob, "PUT", "/api/retention", mark, "203.0.113.1").await, "9");
    assert_eq!(asked(&ann, "PUT", "/api/retention", mark, "203.0.113.2").await, "8");
    // A vendor's: by the organisation.
    let say = r#"{"text":"Hello."}"#;
    assert_eq!(asked(&ann, "POST", "/api/tts/generate", say, "203.0.113.1").await, "9");
    assert_eq!(asked(&bob, "POST", "/api/tts/generate", say, "203.0.113.2").await, "8");
    let elsewhere = server.member(server.elsewhere().await, Role::Owner).await;
    assert_eq!(asked(&elsewhere, "POST", "/api/tts/generate", say, "203.0.113.1").await, "9");
}

#[tokio::test]
async fn of_a_vendors_deliveries_the_refused_alone_are_counted() {
    let server = Server::start().await;
    let forged = async || {
        let headers = [("x-forwarded-for", "203.0.113.9"), ("authorization", "Bearer wrong")];
        ask(&server.app, "POST", "/webhooks/assemblyai", &headers, r#"{"transcript_id":"t","status":"completed"}"#)
            .await
    };
    for left in (0..100).rev() {
        let refused = forged().await;
        assert_eq!((refused.status, told(&refused)[1].clone()), (401, left.to_string()), "{}", refused.json);
    }
    assert_eq!(forged().await.status, 429);
    // The vendor's own come through from the same address.
    server.import("+15005550001").await;
    server.send("POST", "/api/calls", r#"{"to":"+15005550001"}"#).await;
    server.pass(Duration::from_secs(900)).await;
    let calls = server.get("/api/calls?status=completed").await;
    assert_eq!(calls.json["pagination"]["total"], 1, "{}", calls.json);
}

#[tokio::test]
async fn a_test_organisation_is_never_refused() {
    let server = Server::start().await;
    let limits = Limits { exempt: vec![server.org().await.id()], ..Limits::default() };
    let app = app(server.wib.clone(), &AppConfig { limits, ..AppConfig::default() });
    let headers = [("authorization", format!("Bearer {}", server.token))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    for _ in 0..12 {
        let answer = ask(&app, "PUT", "/api/retention", &headers, r#"{"gdpr_mode":true}"#).await;
        assert_eq!((answer.status, told(&answer)[0].as_str()), (200, ""), "{}", answer.json);
    }
}

#[test]
fn the_rows_of_the_contract_have_its_limits() {
    let table = routes::table(&AppConfig::default());
    let limited = table.rows().filter(|row| !row.limits().is_empty()).map(|row| {
        let names: Vec<_> = row.limits().iter().map(|limit| limit.as_str()).collect();
        format!("{} {}: {}", row.method(), row.path(), names.join(" + "))
    });
    let expected = include_str!("limits.txt").trim_end();
    assert_eq!(limited.collect::<Vec<_>>().join("\n"), expected);
    let document = table.openapi("/");
    let told = &document["paths"]["/api/calls"]["post"]["x-rate-limits"];
    assert_eq!(told[1], json!({ "name": "call", "requests": 30, "seconds": 300 }));
    assert_eq!(document["paths"]["/blobs/{key}"]["get"]["parameters"][0]["name"], "key");
}
