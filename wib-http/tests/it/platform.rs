//! What operators and their machines ask, and the page of the API.

use std::time::Duration;

use http::header;
use serde_json::{Value as Json, json};
use wib_core::{
    kit::{Clock, Role},
    limits::Limit,
    orgs::Plan,
    ports::webhook::{Event, EventBody},
    store::Store,
};
use wib_http::{AppConfig, app, docs};

use crate::{
    house,
    server::{Answer, INTERNAL, Server, ask},
};

async fn machine(server: &Server, method: &str, path: &str) -> Answer {
    ask(&server.app, method, path, &[("x-internal-key", INTERNAL)], "").await
}

#[tokio::test]
async fn machines_are_known_by_their_key() {
    let server = Server::start().await;
    let unset = app(server.wib.clone(), &AppConfig::default());
    let unset = ask(&unset, "GET", "/api/internal/cron-health", &[("x-internal-key", "")], "").await;
    assert_eq!(unset.status, 503, "{}", unset.json);
    for (given, status) in [("wrong", 401), ("", 401), (INTERNAL, 200)] {
        let answer = ask(&server.app, "GET", "/api/internal/cron-health", &[("x-internal-key", given)], "").await;
        assert_eq!(answer.status, status, "{given}: {}", answer.json);
    }
    let answer = ask(&server.app, "GET", "/api/internal/schema-health", &[], "").await;
    assert_eq!((answer.status, &answer.json["code"]), (401, &json!("AUTH_REQUIRED")));
}

#[tokio::test]
async fn every_job_is_told_with_how_fresh_it_is() {
    let server = Server::start().await;
    let never = machine(&server, "GET", "/api/internal/cron-health").await;
    assert_eq!((&never.json["status"], &never.json["jobs"][0]["metrics"]), (&json!("unknown"), &Json::Null));
    let scheduler = wib_core::engine::Scheduler::new(&server.wib);
    scheduler.run_by_name("cleanup_sessions").await.unwrap();
    let fresh = machine(&server, "GET", "/api/internal/cron-health").await;
    let of = |answer: &Answer, name: &str| {
        let jobs = answer.json["jobs"].as_array().unwrap();
        jobs.iter().find(|job| job["job_name"] == name).cloned().unwrap()
    };
    assert_eq!(fresh.json["jobs"].as_array().unwrap().len(), wib_core::jobs::JOBS.len());
    assert_eq!(
        (&fresh.json["status"], &of(&fresh, "cleanup_sessions")["status"]),
        (&json!("healthy"), &json!("healthy"))
    );
    assert_eq!(of(&fresh, "cleanup_sessions")["metrics"]["errors"], 0);
    server.clock.advance(std::time::Duration::from_secs(3 * 3600));
    let stale = machine(&server, "GET", "/api/internal/cron-health").await;
    let job = of(&stale, "cleanup_sessions");
    assert_eq!(
        (&stale.json["status"], &job["status"], &job["staleness_minutes"]),
        (&json!("down"), &json!("down"), &json!(180))
    );
}

#[tokio::test]
async fn the_tables_are_told_whole() {
    let server = Server::start().await;
    let health = machine(&server, "GET", "/api/internal/schema-health").await;
    assert_eq!((health.status, &health.json["status"]), (200, &json!("valid")), "{}", health.json);
    let calls = &health.json["tables"]["calls"];
    assert!(calls["column_count"].as_u64().unwrap() > 10 && calls["missing_columns"] == json!([]));
    wib_storage::testing::raw(server.store(), "ALTER TABLE calls RENAME COLUMN hangup_cause TO other").await.unwrap();
    let health = machine(&server, "GET", "/api/internal/schema-health").await;
    assert_eq!(health.json["status"], "invalid");
    assert_eq!(health.json["tables"]["calls"]["missing_columns"], json!(["hangup_cause"]));
    assert_eq!(health.json["tables"]["members"]["status"], "valid");
}

#[tokio::test]
async fn a_delivery_that_could_not_be_applied_is_shown_without_what_is_private_and_replayed() {
    let server = Server::start().await;
    let now = server.clock.now();
    let mut tx = server.store().system().await.unwrap();
    let event = Event { id: "e1".to_owned(), body: EventBody::Other("strange.thing".to_owned()) };
    for vendor in ["telnyx", "stripe"] {
        let id = wib_core::kit::Id::new(now, &**server.wib.random());
        assert!(tx.receive(id, vendor, &event, b"{}", now).await.unwrap());
    }
    for letter in tx.lease(now, std::time::Duration::from_secs(60), 9).await.unwrap() {
        tx.bury(&letter, now, "no such thing").await.unwrap();
    }
    tx.commit().await.unwrap();
    let all = machine(&server, "GET", "/api/internal/webhook-dlq").await;
    assert_eq!(
        (&all.json["total"], &all.json["total_count"], &all.json["has_more"]),
        (&json!(2), &json!(2), &json!(false))
    );
    let one = machine(&server, "GET", "/api/internal/webhook-dlq?limit=1").await;
    assert_eq!(
        (&one.json["total"], &one.json["total_count"], &one.json["has_more"]),
        (&json!(1), &json!(2), &json!(true))
    );
    let of_one = machine(&server, "GET", "/api/internal/webhook-dlq?source=stripe").await;
    let entry = &of_one.json["entries"][0];
    assert_eq!(
        (&of_one.json["total_count"], &entry["source"], &entry["error"]),
        (&json!(1), &json!("stripe"), &json!("no such thing"))
    );
    assert_eq!(
        (&entry["payload"]["_dlq_source"], &entry["payload"]["_pii_redacted"]),
        (&json!("stripe"), &json!(true))
    );
    let dead = machine(&server, "GET", "/api/internal/dead-letters?topic=apply_event").await;
    assert_eq!(dead.json["dead_letters"].as_array().unwrap().len(), 2, "{}", dead.json);
    assert!(dead.json["dead_letters"][0].get("payload").is_none());
    let replay = entry["replay_url"].as_str().unwrap();
    assert_eq!(machine(&server, "POST", replay).await.status, 200);
    assert_eq!(machine(&server, "POST", replay).await.status, 404, "it waits already");
    wib_core::engine::Worker::new(&server.wib).run_until_idle().await.unwrap();
    let left = machine(&server, "GET", "/api/internal/dead-letters").await;
    let left = left.json["dead_letters"].as_array().unwrap();
    let path = format!("/api/internal/dead-letters/{}/replay", left[0]["id"].as_str().unwrap());
    assert_eq!((left.len(), machine(&server, "POST", &path).await.status), (1, 200));
    assert_eq!(machine(&server, "POST", &path).await.status, 404);
}

#[tokio::test]
async fn strangers_ask_to_be_shown_the_product_five_times_an_hour() {
    let server = Server::start().await;
    let form =
        json!({ "name": "<b>Eve</b>", "email": "eve@example.com", "company": "Acme", "teamSize": "9" }).to_string();
    let path = "/api/internal/demo-request";
    for n in 0..5 {
        let asked = ask(&server.app, "POST", path, &[("x-forwarded-for", "198.51.100.7")], &form).await;
        assert_eq!((asked.status, &asked.json["ok"]), (201, &json!(true)), "{n}: {}", asked.json);
    }
    let often = ask(&server.app, "POST", path, &[("x-forwarded-for", "198.51.100.7")], &form).await;
    assert_eq!((often.status, &often.json["code"]), (429, &json!("RATE_LIMIT")));
    let wrong =
        json!({ "name": "", "email": "x", "company": "Acme", "teamSize": "x".repeat(101), "useCase": "x".repeat(501) });
    let wrong = server.asks(None, "POST", path, &wrong.to_string()).await;
    let told = wrong.json["error"].as_str().unwrap();
    assert!(
        wrong.status == 400 && ["name: ", "email: ", "teamSize: ", "useCase: "].iter().all(|f| told.contains(f)),
        "{told}"
    );
}

#[tokio::test]
async fn platform_administrators_alone_see_where_traces_go() {
    let server = Server::start().await;
    for path in ["/health/axiom", "/api/health/axiom"] {
        assert_eq!(server.get(path).await.status, 403, "{path}");
        assert_eq!(server.asks(None, "GET", path, "").await.status, 401, "{path}");
    }
    wib_storage::testing::raw(server.store(), "UPDATE users SET platform_admin = TRUE").await.unwrap();
    let sink = server.get("/health/axiom").await;
    assert_eq!((sink.status, &sink.json["ok"], &sink.json["dataset_configured"]), (200, &json!(true), &json!(false)));
    let config = AppConfig { traces: true, ..AppConfig::default() };
    let bearer = format!("Bearer {}", server.token);
    let sink = ask(&app(server.wib.clone(), &config), "GET", "/health/axiom", &[("authorization", &bearer)], "").await;
    assert_eq!(sink.json["dataset_configured"], true);
}

#[tokio::test]
async fn the_page_shows_every_operation_and_loads_nothing_from_elsewhere() {
    let server = Server::start().await;
    let page = ask(&server.app, "GET", docs::PATH, &[], "").await;
    let html = std::str::from_utf8(&page.bytes).unwrap();
    assert_eq!((page.status, page.headers[header::CONTENT_TYPE].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    let caution = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(caution.starts_with("default-src 'none'; style-src 'self';"), "{caution}");
    for loaded in ["<script", "<img", "<iframe", "<object", " style=\"", " src=\"", "href=\"http", " onclick=\""] {
        assert!(!html.contains(loaded), "{loaded}");
    }
    let document = server.get("/openapi.json").await.json;
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(html.contains(&format!("<code>{path}</code>")), "{path}");
        operations += methods.as_object().unwrap().len();
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert_eq!(html.matches("<details id=").count(), operations + schemas.len());
    for said in
        ["from the role admin on", "by X-Internal-Key", "Plan: webhooks, from pro on", "10 requests in 300 s (webhook)"]
    {
        assert!(html.contains(said), "{said}");
    }
    let style = ask(&server.app, "GET", "/docs/style.css", &[], "").await;
    assert_eq!((style.status, style.headers[header::CONTENT_TYPE].to_str().unwrap()), (200, "text/css; charset=utf-8"));
    let evil = json!({"paths": {"/<x>": {"get": {"summary": "<script>alert('1')</script>", "tags": ["\"><b>"]}}}});
    let evil = docs::render(evil.to_string().as_bytes()).unwrap();
    assert!(!evil.contains("<script") && !evil.contains("<x>") && !evil.contains("\"><b>"), "{evil}");
}

#[tokio::test]
async fn names_of_vendors_are_no_subscriptions_and_a_plan_without_webhooks_has_none() {
    let server =
        Server::with(|settings| _ = settings.limits.insert(Limit::Webhook, (1000, Duration::from_secs(60)))).await;
    let list = server.get("/api/webhooks/subscriptions").await;
    assert_eq!((list.status, &list.json["code"]), (402, &json!("PLAN_UPGRADE_REQUIRED")));
    server.wib.system().set_plan(server.org().await.id(), Plan::Pro).await.unwrap();
    // The vendors' own doors take deliveries alone; other names are nobody's.
    for (name, status) in [("stripe", 405), ("resend", 405), ("twilio", 404)] {
        let absent = server.send("PATCH", &format!("/api/webhooks/{name}"), r#"{"is_active":false}"#).await;
        assert_eq!(absent.status, status, "{name}: {}", absent.json);
    }
    let form = json!({ "url": "https://hooks.example.com/", "events": ["*"] }).to_string();
    let made = server.send("POST", "/api/webhooks/subscriptions", &form).await;
    let secret = made.json["webhook"]["secret"].as_str().unwrap();
    assert!(made.status == 201 && secret.starts_with("whsec_") && made.json["webhook"] == made.json["subscription"]);
    let list = server.get("/api/webhooks/outbound/subscriptions").await;
    assert_eq!(list.json["webhooks"][0]["secret"], "********");
    assert!(!String::from_utf8_lossy(&list.bytes).contains(secret), "shown once");
    for n in 1..50 {
        let more = server.asks(Some(&server.token), "POST", "/api/webhooks/subscriptions", &form).await;
        assert_eq!(more.status, 201, "{n}: {}", more.json);
    }
    let full = server.asks(Some(&server.token), "POST", "/api/webhooks/outbound/subscriptions", &form).await;
    assert_eq!((full.status, &full.json["code"]), (409, &json!("CONFLICT")));
    server.hooks.answer(500, "not now");
    let id = made.json["webhook"]["id"].as_str().unwrap();
    let tried = server.asks(Some(&server.token), "POST", &format!("/api/webhooks/{id}/test"), "").await;
    assert_eq!(
        (tried.status, &tried.json["delivery"]["status"], &tried.json["delivery"]["success"]),
        (200, &json!(500), &json!(false))
    );
}

#[tokio::test]
async fn a_failure_is_settled_once_and_a_retry_that_fails_says_so() {
    let server = Server::start().await;
    let org = server.org().await;
    server.wib.system().set_plan(org.id(), Plan::Pro).await.unwrap();
    let form = json!({ "url": "https://hooks.example.com/", "events": ["*"] }).to_string();
    let made = server.send("POST", "/api/webhooks/subscriptions", &form).await;
    let of = made.json["webhook"]["id"].as_str().unwrap().parse().unwrap();
    let failure = house::platform::failure(&server, of).await;
    let put = async |action: &str| {
        let body = json!({ "failure_id": failure.id, "action": action }).to_string();
        server.send("PUT", "/api/reliability/webhooks", &body).await
    };
    server.hooks.answer(503, "");
    let still = put("retry").await;
    assert_eq!((still.status, &still.json["success"], &still.json["status"]), (200, &json!(false), &json!("failed")));
    let done = put("retry").await;
    assert_eq!((done.status, &done.json["success"], &done.json["status"]), (200, &json!(true), &json!("resolved")));
    assert_eq!(put("discard").await.status, 409);
    let list = server.get("/api/reliability/webhooks?status=resolved").await;
    assert_eq!((&list.json["metrics"]["resolved"], &list.json["failures"][0]["attempt_count"]), (&json!(1), &json!(6)));
    let absent = json!({ "failure_id": uuid::Uuid::nil(), "action": "discard" }).to_string();
    assert_eq!(server.send("PUT", "/api/reliability/webhooks", &absent).await.status, 404);
    let viewer = server.member(org.id(), Role::Viewer).await;
    assert_eq!(server.asks(Some(&viewer), "PUT", "/api/reliability/webhooks", &absent).await.status, 403);
}

#[tokio::test]
async fn parts_are_tried_by_admins_and_not_in_production() {
    let server = Server::start().await;
    let catalog = server.get("/api/test/catalog").await;
    assert!(catalog.status == 200 && catalog.json["total_tests"].as_u64().unwrap() > 15, "{}", catalog.json);
    let ids = catalog.json.to_string();
    assert!(ids.contains("calls-table") && !ids.contains("scorecards"), "only tables that are there: {ids}");
    let all = server.send("POST", "/api/test/run-all", "").await;
    assert_eq!(all.status, 200);
    let total = catalog.json["total_tests"].as_u64().unwrap();
    assert_eq!(
        (all.json["summary"]["total"].as_u64(), all.json["results"].as_array().map(Vec::len)),
        (Some(total), Some(total as usize))
    );
    let failed: Vec<_> = all.json["results"].as_array().unwrap().iter().filter(|r| r["passed"] == false).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let run = async |category: &str, test: &str| {
        server.send("POST", "/api/test/run", &json!({ "categoryId": category, "testId": test }).to_string()).await
    };
    assert_eq!(run("infrastructure", "db-schema").await.json["passed"], true);
    let absent = run("infrastructure", "calls-table").await;
    assert_eq!((absent.status, &absent.json["passed"]), (404, &json!(false)));
    assert_eq!(server.send("POST", "/api/test/run", "{}").await.status, 400);
    // It really looks.
    wib_storage::testing::raw(server.store(), "UPDATE users SET password_hash = 'plain'").await.unwrap();
    let weak = run("auth", "password-security").await;
    assert_eq!((&weak.json["passed"], &weak.json["differential"]["actual"]), (&json!(false), &json!("1")));
    wib_storage::testing::raw(server.store(), "ALTER TABLE calls RENAME COLUMN hangup_cause TO other").await.unwrap();
    let broken = run("infrastructure", "db-schema").await;
    assert!(broken.json["differential"]["actual"].as_str().unwrap().contains("calls"), "{}", broken.json);
    let health = server.get("/api/test/health").await;
    assert_eq!((health.status, &health.json["overall"]), (200, &json!("healthy")), "{}", health.json);
    assert_eq!(health.json["results"].as_array().unwrap().len(), 8);
    let config = AppConfig { production: true, ..AppConfig::default() };
    let (production, bearer) = (app(server.wib.clone(), &config), format!("Bearer {}", server.token));
    for (method, path) in [("GET", "/api/test/catalog"), ("POST", "/api/test/run-all"), ("GET", "/api/test/health")] {
        let gone = ask(&production, method, path, &[("authorization", &bearer)], "").await;
        assert_eq!((gone.status, &gone.json["error"]), (404, &json!("Not Found")), "{path}");
    }
}
