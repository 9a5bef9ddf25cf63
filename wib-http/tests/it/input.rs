use serde_json::json;

use crate::toy::{get, post};

const GOOD: &str = r#"{"name":"n","phone":"+13125550100","amount":5}"#;

#[tokio::test]
async fn an_unknown_field_is_refused_by_its_name() {
    let answer = post("/things", "agent", r#"{"name":"n","phone":"+13125550100","amount":5,"colour":"red"}"#).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body, json!({ "error": "colour: unknown field", "code": "VALIDATION_ERROR" }));
    let answer = get("/things?colour=red", "agent").await;
    assert_eq!(answer.body["error"], "colour: unknown field");
}

#[tokio::test]
async fn every_wrong_missing_and_unknown_field_is_named_at_once() {
    let body = r#"{"phone":"nonsense","amount":"five","kind":"king","inner":{"depth":1},"colour":1}"#;
    let answer = post("/things", "agent", body).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (400, &json!("VALIDATION_ERROR")));
    let error = answer.body["error"].as_str().unwrap();
    let fields: Vec<_> = error.split("; ").map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["amount", "colour", "inner.width", "kind", "name", "phone"], "{error}");
    assert!(error.contains("inner.width: required") && error.contains("name: required"), "{error}");
}

#[tokio::test]
async fn a_nested_unknown_field_is_refused() {
    let body = r#"{"name":"n","phone":"+13125550100","amount":5,"inner":{"depth":1,"width":2,"x":3}}"#;
    let answer = post("/things", "agent", body).await;
    assert!(answer.body["error"].as_str().unwrap().starts_with("inner.x: unknown field"), "{}", answer.body);
}

#[tokio::test]
async fn a_whole_float_is_an_integer() {
    let answer = post("/things", "agent", r#"{"name":"n","phone":"3125550100","amount":-20334.0}"#).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["thing"]["read"]["amount"], -20334);
    assert_eq!(answer.body["thing"]["read"]["phone"], "+13125550100");
    let answer = post("/things", "agent", r#"{"name":"n","phone":"3125550100","amount":1.5}"#).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn texts_of_the_query_become_what_the_schema_says() {
    let answer = get("/things/read?tag=1&tag=2&live=true&limit=7.0", "viewer").await;
    assert_eq!(answer.body["read"], json!({ "tag": [1, 2], "live": true, "page": null, "limit": 7 }));
    let answer = get("/things/read?live=maybe&tag=x", "viewer").await;
    let error = answer.body["error"].as_str().unwrap();
    assert!(error.contains("live: ") && error.contains("tag[0]: "), "{error}");
    let answer = get("/things/read?live=true&live=false", "viewer").await;
    assert_eq!(answer.body["error"], "live: given more than once");
}

#[tokio::test]
async fn a_page_that_is_no_number_is_the_usual_one() {
    for query in ["page=-3&limit=0", "page=x&limit=NaN", "page=99999999999999999999&limit="] {
        let answer = get(&format!("/things?{query}"), "viewer").await;
        assert_eq!(
            answer.body["pagination"],
            json!({ "page": 1, "limit": 50, "total": 101, "totalPages": 3 }),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_malformed_id_is_the_callers_fault() {
    let answer = get("/things/17", "viewer").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["error"], "id: not an id (expected a UUID)");
}

#[tokio::test]
async fn a_name_of_the_path_in_the_body_is_refused() {
    let id = "00000000-0000-0000-0000-000000000001";
    let answer = post(&format!("/raw/{id}"), "owner", &format!(r#"{{"id":"{id}"}}"#)).await;
    assert_eq!(answer.body["error"], "id: unknown field");
    assert_eq!(post(&format!("/raw/{id}"), "owner", "").await.body, id);
}

#[tokio::test]
async fn a_body_that_is_missing_or_no_json_has_its_own_code() {
    for body in ["", "{", "nonsense"] {
        let answer = post("/things", "agent", body).await;
        let expected = json!({ "error": "Invalid or missing JSON body", "code": "INVALID_JSON" });
        assert_eq!((answer.status.as_u16(), answer.body), (400, expected), "{body:?}");
    }
    assert_eq!(post("/things", "agent", "[]").await.body["error"], "body: expected an object");
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused() {
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20));
    let answer = post("/things", "agent", &large).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (413, &json!("PAYLOAD_TOO_LARGE")));
    assert_eq!(post("/things", "agent", GOOD).await.status, 201);
}

#[tokio::test]
async fn a_long_text_is_not_sent_back_whole() {
    let long = format!(r#"{{"name":"n","phone":"+13125550100","amount":"{}"}}"#, "é".repeat(1000));
    let answer = post("/things", "agent", &long).await;
    assert!(answer.body["error"].as_str().unwrap().chars().count() < 300);
}
