use std::time::Duration;

use serde_json::json;
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
    let expected = "\
POST /api/auth/signup: signup
POST /api/auth/callback/credentials: login
POST /api/calls: telnyx_voice + call
POST /api/calls/start: telnyx_voice + call
POST /api/calls/{id}/end: call
PUT /api/calls/{id}/listen: call
GET /api/voice/translate/stream: voice
GET /api/voice/translate/history: voice
POST /api/tts/generate: elevenlabs_tts
POST /api/ai-toggle/activate: ai_toggle
POST /api/ai-toggle/deactivate: ai_toggle
PUT /api/ai-toggle/prompt-config: ai_toggle
GET /api/recordings/stream/{id}: recording
DELETE /api/recordings/{id}: recording
POST /api/compliance/violations: compliance
PATCH /api/compliance/violations/{id}: compliance
GET /api/compliance/pre-dial: compliance
GET /api/audit-logs: audit
GET /api/audit: audit
PUT /api/retention: retention
POST /api/retention/legal-holds: retention
DELETE /api/retention/legal-holds/{id}: retention
POST /api/consent: collections
POST /api/consent/revoke: collections
POST /api/dnc: compliance
DELETE /api/dnc/{id}: compliance
POST /api/validation-notices: compliance
PATCH /api/validation-notices/{id}/sent: compliance
PATCH /api/validation-notices/{id}/disputed: compliance
PUT /api/sentiment/config: sentiment
POST /api/bond-ai/copilot: ai_llm
POST /api/webhooks/subscriptions: webhook
PATCH /api/webhooks/subscriptions/{id}: webhook
DELETE /api/webhooks/subscriptions/{id}: webhook
POST /api/webhooks/subscriptions/{id}/test: webhook
POST /api/webhooks/subscriptions/{id}/deliveries/{deliveryId}/resend: webhook
PATCH /api/webhooks/{id}: webhook
DELETE /api/webhooks/{id}: webhook
POST /api/webhooks/{id}/test: webhook
POST /api/webhooks/outbound/subscriptions: webhook
PUT /api/webhooks/outbound/subscriptions/{id}: webhook
DELETE /api/webhooks/outbound/subscriptions/{id}: webhook
POST /api/webhooks/outbound/subscriptions/{id}/test: webhook
PUT /api/reliability/webhooks: reliability
GET /api/internal/cron-health: analytics
GET /api/internal/webhook-dlq: analytics
POST /api/internal/webhook-dlq/{id}/replay: analytics
GET /api/internal/schema-health: analytics
GET /api/internal/dead-letters: analytics
POST /api/internal/dead-letters/{id}/replay: analytics
POST /api/internal/demo-request: demo_request";
    assert_eq!(limited.collect::<Vec<_>>().join("\n"), expected);
    let document = table.openapi("/");
    let told = &document["paths"]["/api/calls"]["post"]["x-rate-limits"];
    assert_eq!(told[1], json!({ "name": "call", "requests": 30, "seconds": 300 }));
    assert_eq!(document["paths"]["/blobs/{key}"]["get"]["parameters"][0]["name"], "key");
}
