use axum::body::Body;
use http::Request;
use serde_json::json;
use tower::ServiceExt;

use crate::toy::{app, get, post, request, send};

#[tokio::test]
async fn a_stranger_is_401_and_a_low_role_403() {
    for token in ["", "unknown"] {
        let answer = get("/things", token).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (401, &json!("AUTH_REQUIRED")), "{token:?}");
    }
    let answer = post("/things", "viewer", "{").await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (403, &json!("FORBIDDEN")));
    assert_eq!(post("/raw/x", "agent", "").await.status, 403);
    assert_eq!(get("/faults/fine", "").await.status, 200);
}

#[tokio::test]
async fn somebody_without_an_organization_sees_empty_lists_and_nothing_else() {
    let answer = get("/things?limit=20", "nobody").await;
    let pagination = json!({ "page": 1, "limit": 20, "total": 0, "totalPages": 0 });
    assert_eq!(answer.body, json!({ "success": true, "things": [], "pagination": pagination }));
    assert_eq!(get("/things/all", "nobody").await.body, json!({ "success": true, "things": [] }));
    assert_eq!(get("/things/read", "nobody").await.status, 403);
    assert_eq!(post("/things", "nobody", "{}").await.status, 403);
}

#[tokio::test]
async fn answers_have_the_shape_of_their_envelope() {
    let thing = json!({ "id": "00000000-0000-0000-0000-000000000001", "name": "one" });
    let page = get("/api/things?page=2&limit=20", "viewer").await;
    let pagination = json!({ "page": 2, "limit": 20, "total": 101, "totalPages": 6 });
    assert_eq!(page.body, json!({ "success": true, "things": [thing], "pagination": pagination }));
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert_eq!(get("/things/all", "viewer").await.body, json!({ "success": true, "things": [thing] }));
    let item = get("/things/00000000-0000-0000-0000-000000000001", "viewer").await;
    assert_eq!(item.body, json!({ "success": true, "thing": thing }));
    assert_eq!(get("/things/read", "viewer").await.body["success"], true);
    assert_eq!(get("/faults/fine", "").await.body, json!({ "read": "fine" }));
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_have_one_shape() {
    let lost = get("/nowhere", "").await;
    let expected = json!({ "error": "Not Found", "code": "NOT_FOUND", "path": "/nowhere", "method": "GET" });
    assert_eq!((lost.status.as_u16(), lost.body), (404, expected));
    let wrong = send(request("PUT", "/things", "", "")).await;
    let expected =
        json!({ "error": "Method Not Allowed", "code": "METHOD_NOT_ALLOWED", "path": "/things", "method": "PUT" });
    assert_eq!((wrong.status.as_u16(), &wrong.body), (405, &expected));
    assert!(
        wrong.header("allow").contains("GET") && wrong.header("allow").contains("POST"),
        "{}",
        wrong.header("allow")
    );
}

#[tokio::test]
async fn our_own_faults_are_told_by_number_only() {
    for path in ["/faults/internal", "/faults/panic"] {
        let answer = get(path, "").await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.body["error"], "Internal Server Error");
        assert_eq!(answer.body["success"], false);
        assert_eq!(answer.body["code"], "INTERNAL_ERROR");
        assert_eq!(answer.body["path"], path);
        assert_eq!(answer.body["timestamp"], "2026-01-05T15:00:00Z");
        assert_eq!(answer.body["correlation_id"], answer.header("x-correlation-id"));
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_blocked_call_says_what_blocks_it() {
    let answer = get("/faults/blocked", "").await;
    let expected = json!({
        "success": false, "error": "too early", "code": "COMPLIANCE_BLOCKED", "blocked_by": "window", "not_before": "8:00",
    });
    assert_eq!((answer.status.as_u16(), answer.body), (403, expected));
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let answer = get("/faults/often", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "2"));
    assert_eq!(answer.body["retry_after"], 2);
}

#[tokio::test]
async fn every_answer_carries_its_id_and_headers_of_caution() {
    for path in ["/nowhere", "/faults/fine", "/faults/panic"] {
        let answer = get(path, "").await;
        let id = answer.header("x-correlation-id");
        let parts: Vec<_> = id.split('-').collect();
        assert!(parts[0] == "wb" && u64::from_str_radix(parts[1], 36).unwrap() == 1_767_625_200_000, "{id}");
        assert!(parts[2].len() == 6 && u64::from_str_radix(parts[2], 36).is_ok(), "{id}");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn known_origins_get_themselves_and_strangers_the_configured_one() {
    let ask = async |origin: &str| {
        let request = Request::get("/faults/fine").header("origin", origin).body(Body::empty()).unwrap();
        send(request).await.header("access-control-allow-origin").to_owned()
    };
    for known in ["https://app.example.com", "https://wordis-bond.com", "https://0a1b2c3d.wordisbond.pages.dev"] {
        assert_eq!(ask(known).await, known);
    }
    for stranger in
        ["https://evil.example", "https://0a1b2c3dd.wordisbond.pages.dev", "https://x.wordis-bond.com", "null"]
    {
        assert_eq!(ask(stranger).await, "https://app.example.com");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_before_access_is_asked() {
    let request = Request::options("/things")
        .header("origin", "https://wordis-bond.com")
        .header("access-control-request-method", "POST")
        .body(Body::empty());
    let answer = send(request.unwrap()).await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("access-control-allow-methods").contains("PATCH"));
    assert!(answer.header("access-control-allow-headers").contains("Idempotency-Key"));
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
}

#[tokio::test]
async fn a_cookie_from_another_site_changes_nothing() {
    let ask = async |method: &str, origin: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/things")
            .header("cookie", "a=b; session-token=agent")
            .header("host", "api.example.com")
            .header("origin", origin);
        send(request.body(Body::from("{}")).unwrap()).await.status.as_u16()
    };
    assert_eq!(ask("POST", "https://evil.example").await, 403);
    assert_eq!(ask("POST", "https://wordis-bond.com").await, 400);
    assert_eq!(ask("POST", "https://api.example.com").await, 400);
    assert_eq!(ask("GET", "https://evil.example").await, 200);
}

#[tokio::test]
async fn a_callers_trace_goes_on_with_a_span_of_ours() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let ask = async |trace: &str| {
        let request = Request::get("/faults/fine").header("traceparent", trace).body(Body::empty()).unwrap();
        send(request).await.header("traceparent").to_owned()
    };
    let told = ask(trace).await;
    assert_eq!((&told[..36], &told[52..]), (&trace[..36], "-01"));
    assert_ne!(told, trace);
    assert_eq!(ask("nonsense").await, "");
}

#[tokio::test]
async fn requests_are_counted_by_route_template() {
    let counted = crate::server::counted();
    get("/things/00000000-0000-0000-0000-000000000001", "viewer").await;
    send(request("BREW", "/things/anywhere/else", "", "")).await;
    let text = counted.render();
    let line = r#"wib_http_requests_total{method="GET",route="/things/{id}",status="200"} "#;
    assert!(text.contains(line), "{text}");
    assert!(text.contains(r#"{method="other",route="unmatched",status="404"}"#) && !text.contains("BREW"), "{text}");
}

#[tokio::test]
async fn the_router_nests_into_another() {
    let outer = axum::Router::new().nest("/wib", app());
    let answer = outer.oneshot(request("GET", "/wib/things", "viewer", "")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-correlation-id"));
}
