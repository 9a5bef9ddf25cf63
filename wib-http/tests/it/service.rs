//! What the service costs and what models do by order, as the wire has it.

use serde_json::{Value as Json, json};
use wib_core::{
    kit::{Clock, Role, time},
    orgs::Plan,
};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::{
    house::minds::{price, subscribe},
    server::{Answer, Server, ask, csrf},
};

async fn on(plan: Plan) -> Server {
    let server = Server::start().await;
    server.wib.system().set_plan(server.org().await.id(), plan).await.unwrap();
    server
}

fn breaks(server: &Server, vendor: &str, status: u16) {
    let kind = FaultKind::Status { status, retry_after: None };
    server.sandbox.inject(Fault { vendor: vendor.to_owned(), operation: "*".to_owned(), times: 20, kind });
}

fn told(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn billing_is_told_in_its_own_spelling_and_in_cents() {
    let server = Server::start().await;
    let bare = server.get("/api/billing").await;
    let none = json!({
        "plan": "free", "status": "no_subscription", "nextBillingDate": null, "amount": 0, "currency": "USD",
    });
    assert_eq!((bare.status, &bare.json["billing"]), (200, &none));
    let small = price(&server, Plan::Starter, 1_900).await;
    let card = subscribe(&server, &small).await;
    let known = server.get("/api/billing/subscription").await.json["billing"].clone();
    assert_eq!(
        (&known["plan"], &known["status"], &known["amount"]),
        (&json!("starter"), &json!("active"), &json!(1_900))
    );
    assert_eq!(
        (&known["planId"], &known["cancelAtPeriodEnd"], &known["planEndsAt"]),
        (&json!("starter"), &json!(false), &Json::Null)
    );
    assert_eq!(known["nextBillingDate"], known["currentPeriodEnd"]);
    assert!(known["subscriptionId"].as_str().unwrap().starts_with("sub_") && known["stripeCustomerId"].is_string());
    let methods = server.get("/api/billing/payment-methods").await.json;
    assert_eq!((&methods["methods"][0]["id"], &methods["methods"][0]["is_default"]), (&json!(card), &json!(true)));
    assert_eq!(methods["methods"][0]["card"]["last4"], "4242");
    let invoices = server.get("/api/billing/invoices?page=1&limit=1").await.json;
    let invoice = &invoices["invoices"][0];
    assert_eq!(
        (&invoice["amount_paid"], &invoice["currency"], &invoice["status"]),
        (&json!(19.0), &json!("usd"), &json!("paid"))
    );
    assert_eq!((&invoices["page"], &invoices["limit"]), (&json!(1), &json!(1)));
    assert_eq!(server.get("/api/billing/invoices?page=2&limit=1").await.json["page"], 2);

    let owner = server.member(server.org().await.id(), Role::Owner).await;
    let ended = server.asks(Some(&owner), "POST", "/api/billing/cancel", "").await;
    assert_eq!((ended.status, &ended.json["success"]), (200, &json!(true)), "{}", ended.json);
    let known = server.get("/api/billing").await.json["billing"].clone();
    assert_eq!(
        (&known["status"], &known["plan"], &known["nextBillingDate"]),
        (&json!("cancelling"), &json!("starter"), &Json::Null)
    );
    assert_eq!(known["planEndsAt"], known["currentPeriodEnd"]);
    assert_eq!(server.send("POST", "/api/billing/resume", "").await.status, 200);
    let large = price(&server, Plan::Business, 9_900).await;
    let change = json!({ "priceId": large, "planId": "business" }).to_string();
    assert_eq!(server.send("POST", "/api/billing/change-plan", &change).await.status, 200);
    assert_eq!(server.get("/api/billing").await.json["billing"]["plan"], "business");
    let wrong = server.send("POST", "/api/billing/change-plan", r#"{"priceId":"x"}"#).await;
    assert!(wrong.status == 400 && wrong.json["error"].as_str().unwrap().starts_with("priceId: "), "{}", wrong.json);
    let path = format!("/api/billing/payment-methods/{card}");
    assert_eq!(server.send("DELETE", &path, "").await.status, 200);
    assert_eq!(told(&server.send("DELETE", &path, "").await), (404, "NOT_FOUND"));
    let synced = server.send("POST", "/api/billing/sync-stripe-data", "").await;
    assert!(synced.json["totalSynced"].as_i64().unwrap() >= 2, "{}", synced.json);
}

#[tokio::test]
async fn pages_of_the_vendor_are_opened_and_their_rows_take_a_key() {
    let server = Server::start().await;
    let price = price(&server, Plan::Starter, 1_900).await;
    let body = json!({ "priceId": price, "planId": "starter", "returnUrl": "https://acme.test/" }).to_string();
    let page = server.send("POST", "/api/billing/checkout", &body).await;
    assert_eq!(page.status, 200, "{}", page.json);
    assert!(page.json["url"].as_str().unwrap().starts_with("https://") && page.json["sessionId"].is_string());
    assert_eq!(server.send("POST", "/api/billing/portal", "").await.status, 200);
    let long = json!({ "priceId": price, "returnUrl": "x".repeat(2001) }).to_string();
    assert_eq!(told(&server.send("POST", "/api/billing/checkout", &long).await), (400, "VALIDATION_ERROR"));
    let table = wib_http::routes::table(&wib_http::AppConfig::default());
    let keyed = table.rows().filter(|row| row.path().starts_with("/api/billing") && row.idempotent());
    let paths: Vec<_> = keyed.map(|row| row.path().trim_start_matches("/api/billing/").to_owned()).collect();
    assert_eq!(paths, ["checkout", "portal", "cancel", "resume", "change-plan"]);
}

#[tokio::test]
async fn what_billing_refuses_is_told_by_its_status() {
    let server = Server::start().await;
    for (path, code) in [("portal", "NO_CUSTOMER"), ("resume", "NO_SUBSCRIPTION")] {
        assert_eq!(told(&server.send("POST", &format!("/api/billing/{path}"), "").await), (400, code));
    }
    let nothing = server.send("POST", "/api/billing/sync-stripe-data", "").await;
    assert_eq!((nothing.status, &nothing.json["totalSynced"]), (200, &json!(0)));
    assert!(nothing.json["message"].is_string());
    let price = price(&server, Plan::Starter, 1_900).await;
    let card = subscribe(&server, &price).await;
    let owner = server.member(server.org().await.id(), Role::Owner).await;
    let order = json!({ "priceId": price }).to_string();
    let path = format!("/api/billing/payment-methods/{card}");
    breaks(&server, "stripe", 400);
    for (method, path, body) in [
        ("POST", "/api/billing/checkout", order.as_str()),
        ("POST", "/api/billing/portal", ""),
        ("POST", "/api/billing/cancel", ""),
        ("POST", "/api/billing/change-plan", &order),
        ("POST", "/api/billing/sync-stripe-data", ""),
        ("DELETE", &path, ""),
    ] {
        let refused = server.asks(Some(&owner), method, path, body).await;
        assert_eq!(told(&refused), (502, "EXTERNAL_SERVICE_ERROR"), "{path}");
    }
}

#[tokio::test]
async fn somebody_without_an_organisation_pays_for_nothing_and_used_nothing() {
    let server = Server::start().await;
    let form =
        json!({ "email": "bo@example.test", "password": "correct horse", "csrf_token": csrf(&server.app).await });
    assert_eq!(ask(&server.app, "POST", "/api/auth/signup", &[], &form.to_string()).await.status, 200);
    let form =
        json!({ "username": "bo@example.test", "password": "correct horse", "csrf_token": csrf(&server.app).await });
    let begun = ask(&server.app, "POST", "/api/auth/callback/credentials", &[], &form.to_string()).await;
    let token = begun.headers["x-session-token"].to_str().unwrap().to_owned();
    let billing = server.asks(Some(&token), "GET", "/api/billing", "").await;
    assert_eq!((billing.status, &billing.json["billing"]["status"]), (200, &json!("no_organization")));
    let used = server.asks(Some(&token), "GET", "/api/usage", "").await;
    assert_eq!(
        (used.status, &used.json["usage"]["calls"], &used.json["limits"]["callsPerMonth"]),
        (200, &json!(0), &json!(100))
    );
}

#[tokio::test]
async fn a_month_of_use_is_counted_beside_what_the_plan_lets_be_used() {
    let server = on(Plan::Enterprise).await;
    let account = server.import("+15005550001").await;
    let placed = server.send("POST", "/api/calls", &json!({ "account_id": account }).to_string()).await;
    assert_eq!(placed.status, 201, "{}", placed.json);
    server.pass(std::time::Duration::from_secs(900)).await;
    let used = server.get("/api/usage/stats").await.json;
    let usage = &used["usage"];
    assert_eq!((&usage["calls"], &usage["recordings"], &usage["transcriptions"]), (&json!(1), &json!(1), &json!(1)));
    assert!(usage["minutes"].as_i64().unwrap() >= 1 && usage["storageBytes"].as_i64().unwrap() > 0, "{usage}");
    let limits = json!({ "callsPerMonth": -1, "minutesPerMonth": 50_000, "transcriptionsPerMonth": 5_000 });
    assert_eq!(used["limits"], limits);
    assert_eq!(used["period"], json!({ "start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z" }));
}

#[tokio::test]
async fn capabilities_follow_the_plan() {
    let server = on(Plan::Pro).await;
    let all = server.get("/api/capabilities").await.json["capabilities"].clone();
    assert_eq!(all["teams"], json!({ "allowed": true, "current_plan": "pro" }));
    let lacks = json!({
        "allowed": false, "current_plan": "pro", "required_plan": "business",
        "upgrade_url": "/settings?tab=billing&upgrade_to=business",
    });
    assert_eq!(all["reports"], lacks);
    let some = server.send("POST", "/api/capabilities/check", r#"{"capabilities":["reports","no_such"]}"#).await;
    let expected = json!({ "reports": lacks, "no_such": { "allowed": true, "current_plan": "pro" } });
    assert_eq!(some.json["capabilities"], expected);
    for wrong in [json!([]), json!(vec!["a"; 51]), json!([""]), json!(["x".repeat(101)])] {
        let refused =
            server.send("POST", "/api/capabilities/check", &json!({ "capabilities": wrong }).to_string()).await;
        assert_eq!(told(&refused), (400, "VALIDATION_ERROR"), "{wrong}");
    }
    let plan = server.get("/api/capabilities/plan").await.json;
    assert_eq!((&plan["current_plan"], &plan["limits"]["max_calls_per_month"]), (&json!("pro"), &json!(5_000)));
    assert!(plan["enabled_features"].as_array().unwrap().contains(&json!("teams")));
    assert!(
        plan["disabled_features"]
            .as_array()
            .unwrap()
            .contains(&json!({ "feature": "sso", "required_plan": "enterprise" }))
    );
    for (plan, seconds, formats, twilio) in [
        (Plan::Free, 600, json!(["e164"]), false),
        (Plan::Starter, 1_800, json!(["e164", "national"]), false),
        (Plan::Business, 7_200, json!(["e164", "national", "international"]), false),
        (Plan::Enterprise, 14_400, json!(["e164", "national", "international"]), true),
    ] {
        server.wib.system().set_plan(server.org().await.id(), plan).await.unwrap();
        let told = server.get("/api/call-capabilities").await.json;
        let calls = &told["capabilities"];
        assert_eq!(told["plan"], json!(plan));
        assert_eq!(
            (&calls["outbound"]["maxDuration"], &calls["outbound"]["supportedFormats"]),
            (&json!(seconds), &formats)
        );
        assert_eq!(calls["outbound"]["recordingEnabled"], json!(plan > Plan::Free));
        assert_eq!(
            (&calls["inbound"]["enabled"], &calls["integrations"]["twilio"]),
            (&json!(plan > Plan::Free), &json!(twilio))
        );
    }
}

const TALK: &str = "agent: Good day.\ncustomer: I can pay $50 on Friday.";

#[tokio::test]
async fn models_by_order_are_for_plans_that_have_them() {
    let server = Server::start().await;
    let chat = json!({ "messages": [{ "role": "user", "content": "Good day." }] }).to_string();
    let text = json!({ "text": TALK }).to_string();
    let sound = json!({ "audio_url": "https://sounds.example.com/a.mp3" }).to_string();
    for (path, body, plan) in [
        ("/api/ai/llm/chat", &chat, "pro"),
        ("/api/ai/llm/analyze", &text, "pro"),
        ("/api/ai/llm/summarize", &text, "starter"),
        ("/api/ai/transcribe", &sound, "starter"),
        ("/api/ai/transcribe/transcribe", &sound, "starter"),
        ("/api/bond-ai/copilot", &r#"{"agent_question":"What now?"}"#.to_owned(), "business"),
    ] {
        let refused = server.send("POST", path, body).await;
        assert_eq!(
            (told(&refused), &refused.json["required_plan"]),
            ((402, "PLAN_UPGRADE_REQUIRED"), &json!(plan)),
            "{path}"
        );
    }
    server.wib.system().set_plan(server.org().await.id(), Plan::Business).await.unwrap();
    let said = server.send("POST", "/api/ai/llm/chat", &chat).await;
    let usage = &said.json["usage"];
    let sum = usage["prompt_tokens"].as_i64().unwrap() + usage["completion_tokens"].as_i64().unwrap();
    assert_eq!((said.status, &usage["total_tokens"]), (200, &json!(sum)), "{}", said.json);
    let system =
        json!({ "messages": [{ "role": "system", "content": "Obey." }, { "role": "user", "content": "Hi." }] });
    let refused = server.send("POST", "/api/ai/llm/chat", &system.to_string()).await;
    assert!(
        refused.status == 400 && refused.json["error"].as_str().unwrap().contains("messages: "),
        "{}",
        refused.json
    );
    let model = json!({ "messages": [{ "role": "user", "content": "Hi." }], "model": "gpt-3" });
    let refused = server.send("POST", "/api/ai/llm/chat", &model.to_string()).await;
    assert!(refused.status == 400 && refused.json["error"].as_str().unwrap().contains("model: "), "{}", refused.json);
    let nobodys = json!({ "text": TALK, "call_id": "00000000-0000-7000-8000-000000000001" }).to_string();
    assert_eq!(told(&server.send("POST", "/api/ai/llm/summarize", &nobodys).await), (404, "NOT_FOUND"));
    let nobodys = json!({
        "audio_url": "https://sounds.example.com/a.mp3", "call_id": "00000000-0000-7000-8000-000000000001",
    });
    for path in ["/api/ai/transcribe", "/api/ai/transcribe/transcribe"] {
        assert_eq!(told(&server.send("POST", path, &nobodys.to_string()).await), (404, "NOT_FOUND"));
    }
    let judged = server.send("POST", "/api/ai/llm/analyze", &text).await.json;
    assert_eq!((&judged["analysis_type"], &judged["analysis"]["sentiment"]), (&json!("full"), &json!("positive")));
    for vendor in ["groq", "xai", "openai"] {
        breaks(&server, vendor, 400);
    }
    for (path, body) in [("chat", &chat), ("summarize", &text), ("analyze", &text)] {
        assert_eq!(server.send("POST", &format!("/api/ai/llm/{path}"), body).await.status, 502, "{path}");
    }
    assert_eq!(told(&server.send("POST", "/api/ai/router/chat", &chat).await), (503, "SERVICE_DOWN"));
    breaks(&server, "assemblyai", 400);
    assert_eq!(server.send("POST", "/api/ai/transcribe", &sound).await.status, 502);
}

#[tokio::test]
async fn the_router_heeds_the_switches_and_the_budget() {
    let server = Server::start().await;
    let chat = json!({ "messages": [{ "role": "user", "content": "Good day." }], "temperature": 1.5 }).to_string();
    let said = server.send("POST", "/api/ai/router/chat", &chat).await;
    assert_eq!((said.status, &said.json["provider"]), (200, &json!("xai")), "{}", said.json);
    assert!(said.json["latency_ms"].is_i64());
    let sound = server.send("POST", "/api/ai/router/tts", r#"{"text":"Hello."}"#).await;
    assert_eq!((sound.status, &sound.json["provider"]), (200, &json!("elevenlabs")), "{}", sound.json);
    assert_eq!(server.get(sound.json["audio_url"].as_str().unwrap()).await.status, 200);
    let guide = server.get("/api/ai/router/compliance-guide").await.json;
    assert_eq!(guide["organization_id"], json!(server.org().await.id()));
    assert!(guide["rules"].as_array().unwrap().len() > 20 && guide["checklist"].as_array().unwrap().len() > 5);

    let usual = server.get("/api/ai-config").await.json;
    assert_eq!(
        (&usual["updated_at"], &usual["config"]["temperature"], &usual["config"]["model"]),
        (&Json::Null, &json!(0.7), &json!("gpt-4"))
    );
    let off = json!({
        "grok_chat_enabled": false, "openai_chat_enabled": false, "elevenlabs_tts_enabled": false, "temperature": 0.25,
    });
    let put = server.send("PUT", "/api/ai-config", &off.to_string()).await;
    assert_eq!((put.status, &put.json["config"]["temperature"]), (200, &json!(0.25)), "{}", put.json);
    let put = server.send("PUT", "/api/ai-config", r#"{"max_tokens":100}"#).await;
    assert_eq!((&put.json["config"]["temperature"], &put.json["config"]["max_tokens"]), (&json!(0.25), &json!(100)));
    assert_eq!(told(&server.send("POST", "/api/ai/router/chat", &chat).await), (503, "NO_CHAT_PROVIDER"));
    assert_eq!(
        told(&server.send("POST", "/api/ai/router/tts", r#"{"text":"Good day."}"#).await),
        (503, "NO_TTS_PROVIDER")
    );
    let wrong = server.send("PUT", "/api/ai-config", r#"{"temperature":2.1,"max_tokens":4097}"#).await;
    let error = wrong.json["error"].as_str().unwrap();
    assert!(wrong.status == 400 && error.contains("temperature: ") && error.contains("max_tokens: "), "{error}");
    server.send("PUT", "/api/ai-config", r#"{"grok_chat_enabled":true}"#).await;
    server.org().await.put_ai_budget(wib_core::ai::PutAiBudget { limit_micros: 0 }).await.unwrap();
    assert_eq!(told(&server.send("POST", "/api/ai/router/chat", &chat).await), (402, "AI_BUDGET_EXCEEDED"));
}

#[tokio::test]
async fn deliveries_of_money_and_mail_come_in_by_both_doors_with_their_proof_alone() {
    let server = Server::start().await;
    let price = price(&server, Plan::Pro, 4_900).await;
    subscribe(&server, &price).await;
    let mail = wib_core::ports::mailer::Mail::plain("bo@example.test".parse().unwrap(), "Hello", "A word.", "k");
    server.org().await.send_mail(&mail).await.unwrap();
    wib_core::engine::Worker::new(&server.wib).run_until_idle().await.unwrap();
    let due = time::after(server.clock.now(), std::time::Duration::from_secs(60));
    let deliveries = server.sandbox.take_due(due);
    let mut doors = ["/webhooks", "/api/webhooks"].into_iter().cycle();
    for vendor in ["stripe", "resend"] {
        let mine: Vec<_> = deliveries.iter().filter(|one| one.vendor == vendor).collect();
        assert!(!mine.is_empty(), "{vendor}");
        for delivery in mine {
            let path = format!("{}/{vendor}", doors.next().unwrap());
            let body = std::str::from_utf8(&delivery.body).unwrap();
            let headers: Vec<_> =
                delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let taken = ask(&server.app, "POST", &path, &headers, body).await;
            assert_eq!((taken.status, &taken.json["received"]), (200, &json!(true)), "{path} {}", taken.json);
            let again = ask(&server.app, "POST", &path, &headers, body).await;
            assert_eq!((again.status, &again.json["duplicate"]), (200, &json!(true)), "{path}");
            let forged = ask(&server.app, "POST", &path, &headers, &format!("{body} ")).await;
            assert_eq!(forged.status, 401, "{path}");
            let bare = ask(&server.app, "POST", &path, &[], body).await;
            assert_eq!(bare.status, 401, "{path}");
        }
    }
}
