//! Roles, flags and platform work on the wire.

use std::process::{Output, Stdio};

use serde_json::{Value as Json, json};
use tokio::{io::AsyncWriteExt, process::Command};
use wib_core::{kit::Role, orgs::Plan};

use crate::server::{Server, ask};

#[tokio::test]
async fn permissions_are_told_by_role() {
    let server = Server::start().await;
    let org = server.org().await.id();
    let compliance = server.member(org, Role::Compliance).await;
    let told = server.asks(Some(&compliance), "GET", "/api/rbac/context", "").await.json;
    assert_eq!((&told["role"], &told["role_level"], &told["plan"]), (&json!("compliance"), &json!(3), &json!("free")));
    assert_eq!((&told["inherited_roles"], &told["orgId"]), (&json!(["user", "viewer"]), &json!(org)));
    assert_eq!(told["permissions_by_resource"]["compliance"], json!(["read", "write"]));
    let all: Vec<_> = told["permissions"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    assert!(all.contains(&"audit:read") && !all.contains(&"call:execute"), "{all:?}");
    let may = async |query: &str| server.asks(Some(&compliance), "GET", &format!("/api/rbac/check?{query}"), "").await;
    let expected = json!({ "allowed": true, "resource": "dnc", "action": "delete", "role": "compliance" });
    assert_eq!(may("resource=dnc&action=delete").await.json, expected);
    assert_eq!(may("resource=dnc&action=eat").await.json["allowed"], false);
    for query in ["", "resource=dnc", "resource=&action=read"] {
        assert_eq!(may(query).await.status, 400, "{query}");
    }
    let roles = server.get("/api/rbac/roles").await.json;
    let names: Vec<_> = roles["roles"].as_array().unwrap().iter().map(|role| role["name"].clone()).collect();
    assert_eq!(json!(names), json!(["viewer", "user", "agent", "manager", "compliance", "admin", "owner"]));
    assert_eq!(roles["roles"][1]["inherits"], json!(["viewer"]));
    let read = json!({ "resource": "call", "action": "read" });
    assert!(roles["roles"][0]["permissions"].as_array().unwrap().contains(&read));
}

#[tokio::test]
async fn flags_of_an_organisation_are_made_changed_and_removed() {
    let server = Server::start().await;
    let path = "/api/feature-flags/org";
    let made = server.send("POST", path, r#"{"feature":"dialer v2","daily_limit":3,"monthly_limit":9}"#).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let data = &made.json["data"];
    assert_eq!(
        (&data["enabled"], &data["daily_limit"], &data["current_daily_usage"]),
        (&json!(true), &json!(3), &json!(0))
    );
    assert!(data["disabled_at"].is_null() && data["usage_reset_at"].is_string() && data["organization_id"].is_string());
    let again = server.send("POST", path, r#"{"feature":"dialer v2"}"#).await;
    assert_eq!((again.status, &again.json["code"]), (409, &json!("CONFLICT")));
    let one = format!("{path}/dialer%20v2");
    assert_eq!(server.get(&one).await.json["data"], *data);
    assert_eq!(server.send("PUT", &one, "{}").await.json["data"], *data, "nothing is changed by nothing");
    let off = server.send("PUT", &one, r#"{"enabled":false,"disabled_reason":"dear","daily_limit":null}"#).await.json;
    let off = &off["data"];
    assert_eq!(
        (&off["disabled_reason"], &off["daily_limit"], &off["monthly_limit"]),
        (&json!("dear"), &Json::Null, &json!(9))
    );
    assert!(off["disabled_at"].is_string() && off["disabled_by"].is_string(), "{off}");
    let on = server.send("PUT", &one, r#"{"enabled":true}"#).await.json;
    let on = &on["data"];
    assert!(on["disabled_at"].is_null() && on["disabled_by"].is_null() && on["disabled_reason"].is_null(), "{on}");
    for (body, field) in [
        (r#"{"enabled":null}"#, "enabled"),
        (r#"{"daily_limit":-1}"#, "daily_limit"),
        (r#"{"monthly_limit":1.5}"#, "monthly_limit"),
        (r#"{"feature":"other"}"#, "feature"),
    ] {
        let refused = server.send("PUT", &one, body).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.json);
        assert!(refused.json["error"].as_str().unwrap().starts_with(&format!("{field}: ")), "{}", refused.json);
    }
    assert_eq!(server.get(path).await.json["data"].as_array().unwrap().len(), 1);
    assert_eq!(server.send("DELETE", &one, "").await.json, json!({ "success": true }));
    for method in ["GET", "PUT", "DELETE"] {
        let body = if method == "PUT" { "{}" } else { "" };
        assert_eq!(server.send(method, &one, body).await.status, 404, "{method}");
    }
    assert_eq!(server.get(path).await.json, json!({ "data": [] }));
}

#[tokio::test]
async fn flags_for_everybody_are_the_platforms() {
    let server = Server::start().await;
    let admin = server.platform_admin().await;
    let path = "/api/feature-flags/global";
    let ask = async |method: &str, path: &str, body: &str| server.asks(Some(&admin), method, path, body).await;
    let made = ask("POST", path, r#"{"feature":"ivr_v2"}"#).await;
    assert_eq!((made.status, &made.json["data"]["enabled"]), (201, &json!(true)), "{}", made.json);
    assert_eq!(ask("POST", path, r#"{"feature":"ivr_v2"}"#).await.status, 409);
    let one = format!("{path}/ivr_v2");
    assert_eq!(ask("PUT", &one, "{}").await.json, made.json);
    assert_eq!(ask("PUT", &one, r#"{"enabled":false}"#).await.json["data"]["enabled"], false);
    assert_eq!(ask("GET", &one, "").await.json["data"]["enabled"], false);
    assert_eq!(ask("GET", path, "").await.json["data"].as_array().unwrap().len(), 1);
    for (method, path) in [("GET", path), ("POST", path), ("GET", &one), ("PUT", &one), ("DELETE", &one)] {
        let body = if method == "POST" { r#"{"feature":"x"}"# } else { "{}" };
        assert_eq!(server.asks(Some(&server.token), method, path, body).await.status, 403, "{method} {path}");
        assert_eq!(server.asks(None, method, path, body).await.status, 401, "{method} {path}");
    }
    assert_eq!(ask("DELETE", &one, "").await.json, json!({ "success": true }));
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(ask(method, &one, if method == "PUT" { "{}" } else { "" }).await.status, 404, "{method}");
    }
}

#[tokio::test]
async fn the_whole_is_added_up_for_the_platform_alone() {
    let server = Server::start().await;
    let admin = server.platform_admin().await;
    let told = server.asks(Some(&admin), "GET", "/api/admin/metrics", "").await;
    assert_eq!(told.status, 200, "{}", told.json);
    let count = |name: &str| told.json[name].as_f64().unwrap();
    assert_eq!((count("total_orgs"), count("total_users"), count("concurrent_sessions")), (1.0, 2.0, 2.0));
    assert_eq!((count("mrr"), count("active_calls"), count("total_calls_30d")), (0.0, 0.0, 0.0));
    assert_eq!(server.get("/api/admin/metrics").await.status, 403);
}

#[tokio::test]
async fn ways_to_sign_in_are_listed_and_set() {
    let server = Server::start().await;
    let path = "/api/_admin/auth-providers";
    let listed = server.get(path).await.json;
    let of =
        |name: &str| listed["providers"].as_array().unwrap().iter().find(|p| p["provider"] == name).unwrap().clone();
    let plain = |name: &str, on: bool| json!({ "provider": name, "enabled": on, "configured": on, "client_id": null, "updated_at": null });
    for name in ["credentials", "google", "github", "microsoft", "saml"] {
        assert_eq!(of(name), plain(name, name == "credentials"));
    }
    let set = server
        .send("POST", path, r#"{"provider":"saml","enabled":true,"client_id":"abcd1234","config":{"a":1}}"#)
        .await;
    assert_eq!(set.status, 200, "{}", set.json);
    assert_eq!(
        (&set.json["provider"]["client_id"], &set.json["provider"]["enabled"]),
        (&json!("***1234"), &json!(true))
    );
    let set = server.send("POST", path, r#"{"provider":"saml","client_id":"abcd"}"#).await.json;
    assert_eq!(set["provider"]["client_id"], "***", "a short one would be shown whole");
    for (body, field) in [
        (json!({ "provider": "facebook" }), "provider"),
        (json!({ "provider": "saml", "enabled": null }), "enabled"),
        (json!({ "provider": "saml", "config": [] }), "config"),
        (json!({ "provider": "saml", "config": { "x": "x".repeat(17_000) } }), "config"),
        (json!({ "provider": "saml", "client_secret": "x".repeat(501) }), "client_secret"),
    ] {
        let refused = server.send("POST", path, &body.to_string()).await;
        assert_eq!(refused.status, 400, "{field}: {}", refused.json);
        assert!(refused.json["error"].as_str().unwrap().starts_with(&format!("{field}: ")), "{}", refused.json);
    }
    // Where nothing seals a secret, nothing of the change is kept.
    let secret = r#"{"provider":"google","enabled":true,"client_secret":"hunter2"}"#;
    let bearer = format!("Bearer {}", server.token);
    let refused = ask(&server.again(|_| {}), "POST", path, &[("authorization", &bearer)], secret).await;
    assert_eq!((refused.status, refused.json.to_string().contains("hunter2")), (503, false), "{}", refused.json);
    let listed = server.get(path).await.json;
    assert_eq!(listed["providers"][1], plain("google", false));
    assert_eq!(server.get("/api/_admin/anything").await.status, 404);
}

async fn wib(data: &std::path::Path, args: &[&str], password: Option<&str>, typed: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wib"));
    command.args(args).env_clear().env("WIB_DATA", data).envs(password.map(|word| ("WIB_ADMIN_PASSWORD", word)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // Who does not read it has closed it.
    let _ = input.write_all(typed.as_bytes()).await;
    drop(input);
    child.wait_with_output().await.unwrap()
}

#[tokio::test]
async fn operators_make_platform_administrators_by_command() {
    let data = tempfile::tempdir().unwrap();
    let run = async |args: &[&str], password, typed: &str| {
        let output = wib(data.path(), args, password, typed).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    assert_eq!(run(&["migrate"], None, "").await.0, Some(0));
    let create = |email| ["admin", "create", "--email", email];
    let (code, told) = run(&create("root@example.test"), Some("a long enough password"), "").await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("root@example.test is a platform administrator; the account was made"), "{told}");
    let (code, told) = run(&create("root@example.test"), None, "").await;
    assert!(code == Some(0) && told.contains("there already"), "{told}");
    let (code, told) = run(&create("second@example.test"), None, "typed and long enough\n").await;
    assert!(code == Some(0) && told.contains("was made") && !told.contains("typed and"), "{told}");
    let (code, told) = run(&create("third@example.test"), None, "short\n").await;
    assert!(code == Some(1) && told.contains("8 to 128 characters"), "{told}");
    let (code, told) = run(&["admin", "drop", "--email", "root@example.test"], None, "").await;
    assert!(code == Some(0) && told.contains("no platform administrator"), "{told}");
}

#[tokio::test]
async fn a_flag_that_is_off_leaves_no_model_to_ask() {
    let server = Server::start().await;
    server.wib.system().set_plan(server.org().await.id(), Plan::Pro).await.unwrap();
    let chat = async || {
        server.send("POST", "/api/ai/router/chat", r#"{"messages":[{"role":"user","content":"Hello."}]}"#).await
    };
    assert_eq!(chat().await.status, 200);
    for feature in ["grok_chat_enabled", "openai_chat_enabled"] {
        let off = json!({ "feature": feature, "enabled": false }).to_string();
        assert_eq!(server.send("POST", "/api/feature-flags/org", &off).await.status, 201);
    }
    let refused = chat().await;
    assert_eq!((refused.status, &refused.json["code"]), (503, &json!("NO_CHAT_PROVIDER")), "{}", refused.json);
}
