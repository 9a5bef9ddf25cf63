//! The compliance side over HTTP: what clients do with it, in the order in which they do it.

use std::time::Duration;

use serde_json::{Value as Json, json};
use wib_core::kit::Role;

use crate::server::{Answer, Server};

impl Server {
    /// Writes, and time passes: lines of one instant have no order.
    async fn write(&self, method: &str, path: &str, body: Json) -> Answer {
        let answer = self.send(method, path, &body.to_string()).await;
        self.clock.advance(Duration::from_secs(1));
        answer
    }
    pub(crate) async fn post(&self, path: &str, body: Json) -> Answer {
        self.write("POST", path, body).await
    }
    async fn patch(&self, path: &str, body: Json) -> Answer {
        self.write("PATCH", path, body).await
    }
    /// What was done last but sign-in, by the audit log.
    async fn actions(&self, limit: usize) -> Vec<String> {
        let log = self.get("/api/audit-logs?limit=200").await;
        let lines = log.json["logs"].as_array().unwrap();
        let actions = lines.iter().map(|line| line["action"].as_str().unwrap().to_owned());
        actions.filter(|action| !action.starts_with("auth:")).take(limit).collect()
    }
}

#[track_caller]
pub(crate) fn ok(answer: &Answer, status: u16) -> &Json {
    assert_eq!(answer.status, status, "{}", answer.json);
    &answer.json
}

#[tokio::test]
async fn a_violation_is_logged_listed_resolved_and_told_in_the_audit_log() {
    let server = Server::start().await;
    let organization = server.org().await.id();
    let agent = server.member(organization, Role::Agent).await;
    let body =
        json!({ "restriction_code": "AI_NO_NEGOTIATION", "violation_type": "blocked", "context": { "said": "half" } });
    let logged = server.asks(Some(&agent), "POST", "/api/compliance/violations", &body.to_string()).await;
    server.clock.advance(Duration::from_secs(1));
    let violation = &ok(&logged, 201)["violation"];
    assert_eq!(
        (&violation["resolution_status"], &violation["violation_context"]["said"]),
        (&json!("open"), &json!("half"))
    );
    let path = format!("/api/compliance/violations/{}", violation["id"].as_str().unwrap());
    let status = server.get("/api/compliance/status").await;
    assert_eq!(status.json["violations"], json!({ "total": 1, "open": 1 }));
    assert_eq!(status.json["organization_id"], json!(organization));
    let long =
        server.patch(&path, json!({ "resolution_status": "confirmed", "resolution_notes": "x".repeat(5001) })).await;
    assert!(ok(&long, 400)["error"].as_str().unwrap().starts_with("resolution_notes: "));
    let resolved = server.patch(&path, json!({ "resolution_status": "confirmed", "resolution_notes": "it did" })).await;
    assert!(ok(&resolved, 200)["violation"]["resolved_at"].is_string());
    let read = server.get(&path).await;
    let read = &ok(&read, 200)["violation"];
    assert_eq!((&read["resolver_email"], &read["resolution_notes"]), (&json!("ann@example.com"), &json!("it did")));
    assert_eq!(read["user_email"], json!(format!("agent-{organization}@example.test")));
    for (query, total) in [("?status=open", 0), ("?status=confirmed", 1), ("", 1)] {
        for path in ["/api/compliance", "/api/compliance/violations"] {
            let listed = server.get(&format!("{path}{query}")).await;
            assert_eq!(ok(&listed, 200)["total"], json!(total), "{path}{query}");
        }
    }
    let reopened = server.patch(&path, json!({ "resolution_status": "open" })).await;
    let reopened = &ok(&reopened, 200)["violation"];
    assert_eq!((&reopened["resolved_at"], &reopened["resolution_notes"]), (&Json::Null, &json!("it did")));
    let (resolved, logged) = ("compliance:violation_resolved", "compliance:violation_logged");
    assert_eq!(server.actions(3).await, [resolved, resolved, logged]);
    let log = server.get("/api/audit-logs?limit=3").await;
    assert_eq!(log.json["logs"][0]["user_email"], "ann@example.com");
    assert_eq!(server.get("/api/audit?limit=3").await.json, log.json, "the alias");
}

#[tokio::test]
async fn the_pre_dial_answer_says_what_a_call_would_meet_and_is_audited() {
    let server = Server::start().await;
    let account = server.import("+15005550001").await;
    let asked = async |query: &str| server.get(&format!("/api/compliance/pre-dial?{query}")).await;
    let free = asked("phone=%2B15005550001").await;
    let free = ok(&free, 200);
    assert_eq!(
        (&free["can_call"], &free["blocked_by"], &free["outcome"]),
        (&json!(true), &Json::Null, &json!("permit"))
    );
    assert_eq!(free["checks"]["reg_f"], json!({ "blocked": false, "contact_count_7day": 0, "limit": 7 }));
    assert!(
        free["findings"].as_array().unwrap().iter().all(|f| f["citation"].is_string() && f["confidence"].is_string())
    );
    server.post("/api/dnc", json!({ "phone_number": "+15005550001" })).await;
    let listed = asked(&format!("phone=%2B15005550001&account_id={account}")).await;
    let listed = ok(&listed, 200);
    assert_eq!((&listed["can_call"], &listed["blocked_by"]), (&json!(false), &json!("WIB-DNC")));
    assert_eq!(
        (&listed["checks"]["dnc"]["blocked"], &listed["checks"]["dnc"]["source"]),
        (&json!(true), &json!("WIB-DNC"))
    );
    let refused = server.post("/api/calls", json!({ "account_id": account })).await;
    assert_eq!((refused.status, &refused.json["blocked_by"]), (403, &listed["blocked_by"]), "the same answer");
    let nobody = asked("phone=%2B13125550199").await;
    assert_eq!((nobody.status, &nobody.json["can_call"]), (200, &json!(false)), "nobody that we know");
    // Half past ten at night in Chicago.
    server.import("+15005550005").await;
    server.pass(Duration::from_secs(11 * 3600 + 1800)).await;
    let late = asked("phone=%2B15005550005").await;
    let late = ok(&late, 200);
    assert_eq!((&late["can_call"], &late["checks"]["tcpa"]["restricted"]), (&json!(false), &json!(true)), "{late}");
    assert!(late["not_before"].is_string() && late["checks"]["tcpa"]["reason"].is_string());
    let (passed, blocked) = ("compliance:predial_passed", "compliance:predial_blocked");
    let actions = server.actions(12).await;
    assert_eq!(actions.iter().filter(|a| *a == passed).count(), 1, "{actions:?}");
    assert_eq!(actions.iter().filter(|a| *a == blocked).count(), 4, "{actions:?}");
    let log = server.get("/api/audit-logs").await;
    assert!(!log.json.to_string().contains("5005550001"), "numbers are masked");
}

#[tokio::test]
async fn calls_that_were_counted_are_told_by_the_pre_dial_answer() {
    let server = Server::start().await;
    let account = server.import("+15005550003").await;
    for _ in 0..2 {
        ok(&server.post("/api/calls", json!({ "account_id": account })).await, 201);
        server.pass(Duration::from_secs(3 * 3600)).await;
    }
    let asked = server.get(&format!("/api/compliance/pre-dial?phone=%2B15005550003&account_id={account}")).await;
    assert_eq!(ok(&asked, 200)["checks"]["reg_f"]["contact_count_7day"], 2, "{}", asked.json);
}

#[tokio::test]
async fn a_number_is_put_on_the_list_once_found_and_taken_off() {
    let server = Server::start().await;
    let body = json!({ "phone_number": "(312) 555-0142", "reason": "100% sure" });
    let added = server.post("/api/dnc", body.clone()).await;
    let entry = &ok(&added, 201)["entry"];
    assert_eq!((&entry["phone_number"], &entry["source"]), (&json!("+13125550142"), &json!("manual")));
    assert!(entry["added_by"].is_string() && entry["added_at"].is_string());
    let again = server.post("/api/dnc", body).await;
    assert_eq!((&ok(&again, 200)["entry"]["id"], again.json["message"].is_string()), (&entry["id"], true));
    for (search, total) in [("0142", 1), ("100%25%20S", 1), ("0%25s", 0), ("other", 0)] {
        let found = server.get(&format!("/api/dnc?search={search}")).await;
        assert_eq!(ok(&found, 200)["total"], json!(total), "{search}");
    }
    let agent = server.member(server.org().await.id(), Role::Agent).await;
    let path = format!("/api/dnc/{}", entry["id"].as_str().unwrap());
    assert_eq!(server.asks(Some(&agent), "DELETE", &path, "").await.status, 403);
    ok(&server.send("DELETE", &path, "").await, 200);
    assert_eq!(server.send("DELETE", &path, "").await.status, 404);
    assert_eq!(server.actions(2).await, ["dnc:deleted", "dnc:created"]);
}

#[tokio::test]
async fn consent_is_given_taken_back_and_ends() {
    let server = Server::start().await;
    let account = server.import("+15005550001").await;
    let check = async |query: &str| server.get(&format!("/api/consent/check/{account}{query}")).await.json;
    assert_eq!(check("").await["status"], "none");
    let record = |more: Json| {
        let mut body = json!({
            "account_id": account, "event_type": "granted", "consent_type": "outbound_contact", "source": "web_form",
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let bad = server.post("/api/consent", record(json!({ "evidence_reference": "x".repeat(501), "notes": "n" }))).await;
    assert!(ok(&bad, 400)["error"].as_str().unwrap().starts_with("evidence_reference: "), "{}", bad.json);
    let bad = server.post("/api/consent", record(json!({ "notes": "x".repeat(2001) }))).await;
    assert!(ok(&bad, 400)["error"].as_str().unwrap().starts_with("notes: "), "{}", bad.json);
    let unknown = server.post("/api/consent", record(json!({ "call_id": uuid::Uuid::nil() }))).await;
    assert_eq!((unknown.status, &unknown.json["error"]), (404, &json!("call not found")));
    let given =
        server.post("/api/consent", record(json!({ "notes": "by form", "evidence_reference": "form 7" }))).await;
    let given = &ok(&given, 201)["record"];
    assert_eq!((&given["notes"], &given["evidence_reference"]), (&json!("by form"), &json!("form 7")));
    let held = check("").await;
    assert_eq!(
        (&held["has_consent"], &held["status"], &held["source"]),
        (&json!(true), &json!("granted"), &json!("web_form"))
    );
    assert_eq!(check("?type=sms_contact").await["has_consent"], false, "of another kind");
    server.clock.advance(Duration::from_secs(60));
    let body = json!({ "account_id": account, "consent_type": "outbound_contact", "source": "inbound_call", "reason": "enough" });
    let revoked = server.post("/api/consent/revoke", body).await;
    assert_eq!(ok(&revoked, 201)["record"]["notes"], "enough");
    assert_eq!((&check("").await["has_consent"], &check("").await["status"]), (&json!(false), &json!("revoked")));
    server.clock.advance(Duration::from_secs(60));
    let ends = record(json!({ "consent_type": "sms_contact", "expires_at": "2026-01-07T00:00:00Z" }));
    ok(&server.post("/api/consent", ends).await, 201);
    assert_eq!(check("?type=sms_contact").await["status"], "granted");
    server.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(check("?type=sms_contact").await["status"], "expired");
    let timeline = server.get(&format!("/api/consent/account/{account}")).await;
    let events: Vec<_> =
        timeline.json["timeline"].as_array().unwrap().iter().map(|e| e["event_type"].clone()).collect();
    assert_eq!(events, ["granted", "revoked", "granted"]);
    assert_eq!(timeline.json["current_status"]["outbound_contact"]["status"], "revoked");
    for (query, total) in [("?event_type=revoked", 1), ("?consent_type=sms_contact", 1), ("", 3)] {
        assert_eq!(server.get(&format!("/api/consent{query}")).await.json["total"], json!(total), "{query}");
    }
    assert_eq!(server.get(&format!("/api/consent?account_id={}", uuid::Uuid::nil())).await.status, 404);
}

#[tokio::test]
async fn a_notice_goes_its_way_and_a_dispute_of_it_holds_the_records() {
    let server = Server::start().await;
    let account = server.import("+15005550001").await;
    let made = server.post("/api/validation-notices", json!({ "account_id": account, "method": "mail" })).await;
    let notice = &ok(&made, 201)["data"];
    assert_eq!(notice["status"], "pending");
    let path = format!("/api/validation-notices/{}", notice["id"].as_str().unwrap());
    assert_eq!(server.post("/api/validation-notices", json!({ "account_id": account })).await.status, 409);
    assert_eq!(server.patch(&format!("{path}/disputed"), json!({})).await.status, 409, "it was not sent");
    let alerts = async || server.get("/api/validation-notices/pending-alerts").await.json["data"].clone();
    assert_eq!(alerts().await, json!([]));
    server.clock.advance(Duration::from_secs(3 * 24 * 3600 + 1));
    assert_eq!((&alerts().await[0]["severity"], &alerts().await[0]["days_pending"]), (&json!("warning"), &json!(3)));
    server.clock.advance(Duration::from_secs(2 * 24 * 3600));
    assert_eq!(alerts().await[0]["severity"], "critical");
    let early = server.patch(&format!("{path}/sent"), json!({ "sent_at": "2027-01-01T00:00:00Z" })).await;
    assert!(ok(&early, 400)["error"].as_str().unwrap().starts_with("sent_at: "), "{}", early.json);
    let sent = server.patch(&format!("{path}/sent"), json!({})).await;
    assert!(ok(&sent, 200)["data"]["dispute_window_ends_at"].is_string());
    assert_eq!(server.patch(&format!("{path}/sent"), json!({})).await.status, 409);
    assert_eq!(alerts().await, json!([]));
    let disputed = server.patch(&format!("{path}/disputed"), json!({ "reason": "not mine" })).await;
    assert_eq!(ok(&disputed, 200)["data"]["status"], "disputed");
    let holds = server.get("/api/retention/legal-holds").await;
    assert_eq!((&holds.json["total"], &holds.json["legalHolds"][0]["account_id"]), (&json!(1), &json!(account)));
    let disputes = server.get("/api/compliance/disputes").await;
    let dispute = &ok(&disputes, 200)["disputes"][0];
    assert_eq!(
        (&dispute["written"], &dispute["reason"], &dispute["status"]),
        (&json!(true), &json!("not mine"), &json!("open"))
    );
    for (query, total) in [("?status=disputed", 1), ("?status=pending", 0)] {
        assert_eq!(server.get(&format!("/api/validation-notices{query}")).await.json["total"], json!(total), "{query}");
    }
    let asked = server.get(&format!("/api/compliance/pre-dial?phone=%2B15005550001&account_id={account}")).await;
    assert_eq!((&asked.json["can_call"], &asked.json["blocked_by"]), (&json!(false), &json!("RF-DISPUTE")));
    let done: Vec<_> = server.actions(4).await.into_iter().rev().collect();
    let expected =
        ["compliance:validation_notice_created", "compliance:validation_notice_sent", "collection:dispute_filed"];
    assert_eq!(done[..3], expected);
}

#[tokio::test]
async fn a_dispute_of_the_cockpit_is_due_in_thirty_days() {
    let server = Server::start().await;
    let account = server.import("+15005550001").await;
    let body = json!({ "account_id": account, "type": "amount", "reason": "paid half" });
    let filed = server.post("/api/cockpit/disputes", body).await;
    let filed = ok(&filed, 201);
    assert_eq!((&filed["auto_hold_applied"], &filed["dispute"]["type"]), (&json!(true), &json!("amount")));
    assert_eq!(filed["validation_due_date"], "2026-02-05T17:00:00Z");
    let wrong =
        server.post("/api/cockpit/disputes", json!({ "account_id": account, "type": "weather", "reason": "" })).await;
    assert!(ok(&wrong, 400)["error"].as_str().unwrap().contains("type: "), "{}", wrong.json);
    assert_eq!(server.get("/api/compliance/status").await.json["disputes"]["total"], 1);
}

#[tokio::test]
async fn a_legal_hold_is_made_listed_and_released_once() {
    let server = Server::start().await;
    let blank = server.post("/api/retention/legal-holds", json!({ "name": "  " })).await;
    assert!(ok(&blank, 400)["error"].as_str().unwrap().starts_with("name: "));
    let body = json!({ "name": "Reyes v. Lakeside", "matter_reference": "2026-7", "applies_to_all": true });
    let made = server.post("/api/retention/legal-holds", body).await;
    let hold = &ok(&made, 200)["legalHold"];
    assert_eq!((&hold["status"], &hold["released_at"]), (&json!("active"), &Json::Null));
    let path = format!("/api/retention/legal-holds/{}", hold["id"].as_str().unwrap());
    ok(&server.send("DELETE", &path, "").await, 200);
    let listed = server.get("/api/retention/legal-holds").await;
    assert_eq!(listed.json["legalHolds"][0]["status"], "released", "the row stays");
    assert_eq!(server.actions(2).await, ["retention:legal_hold_released", "retention:legal_hold_created"]);
}

#[tokio::test]
async fn lists_are_leafed_through_by_offset_with_true_totals_and_caps() {
    let server = Server::start().await;
    for n in 0..5 {
        ok(&server.post("/api/dnc", json!({ "phone_number": format!("+1312555010{n}") })).await, 201);
    }
    let page = server.get("/api/dnc?limit=2&offset=3").await;
    let numbers: Vec<_> = page.json["entries"].as_array().unwrap().iter().map(|e| e["phone_number"].clone()).collect();
    assert_eq!(numbers, ["+13125550101", "+13125550100"], "newest first");
    assert_eq!((&page.json["total"], &page.json["limit"], &page.json["offset"]), (&json!(5), &json!(2), &json!(3)));
    for (path, cap) in [("/api/dnc", 200), ("/api/audit-logs", 200), ("/api/compliance", 100), ("/api/consent", 100)] {
        let most = server.get(&format!("{path}?limit=100000&offset=-4")).await;
        assert_eq!((&ok(&most, 200)["limit"], &most.json["offset"]), (&json!(cap), &json!(0)), "{path}");
    }
    let since = server.get("/api/audit?since=2026-01-06T17:00:03Z").await;
    assert_eq!((&since.json["total"], &since.json["limit"]), (&json!(2), &json!(12)));
    assert_eq!(server.get("/api/audit?since=yesterday").await.status, 400);
}

#[tokio::test]
async fn a_call_explains_itself_and_a_day_ahead_is_told_with_the_rules() {
    let server = Server::start().await;
    let account = server.import("+15005550001").await;
    let placed = server.post("/api/calls", json!({ "account_id": account })).await;
    let id = ok(&placed, 201)["call"]["id"].as_str().unwrap();
    let verdict = server.get(&format!("/api/calls/{id}/verdict")).await;
    let verdict = &ok(&verdict, 200)["verdict"];
    assert_eq!((&verdict["outcome"], &verdict["account_id"]), (&json!("permit"), &json!(account)));
    let rules = server.get("/api/compliance/rules").await;
    let rules = ok(&rules, 200);
    assert_eq!((&rules["version"], &rules["hash"]), (&verdict["pack"], &verdict["explanation"]["pack_hash"]));
    assert!(rules["rules"].as_array().unwrap().len() > 50 && rules["confidence"]["p"].is_string());
    let ahead = server.get("/api/compliance/forecast?day=2026-01-08").await;
    let ahead = &ok(&ahead, 200)["accounts"][0];
    assert_eq!((&ahead["account_id"], ahead["callable"].as_array().unwrap().len()), (&json!(account), 1), "{ahead}");
    assert_eq!(ahead["callable"][0], json!({ "from": "2026-01-08T14:00:00Z", "until": "2026-01-09T03:00:00Z" }));
    assert_eq!(server.get("/api/compliance/forecast?day=someday").await.status, 400);
}
