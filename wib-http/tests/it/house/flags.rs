//! Flags of both kinds, ways to sign in.

use serde_json::{Map, Value as Json, json};

use crate::server::Server;

/// Puts one of everything there, and its id under the start of the paths that name it (`path#name` for one name of several).
pub(crate) async fn fill(server: &Server, ids: &mut Map<String, Json>) {
    let made = server.send("POST", "/api/feature-flags/org", r#"{"feature":"dialer_v2","daily_limit":3}"#).await;
    assert_eq!(made.status, 201, "{}", made.json);
    ids.insert("/api/feature-flags/org".to_owned(), made.json["data"]["feature"].clone());
    let admin = server.platform_admin().await;
    let made = server.asks(Some(&admin), "POST", "/api/feature-flags/global", r#"{"feature":"ivr_v2"}"#).await;
    assert_eq!(made.status, 201, "{}", made.json);
    ids.insert("/api/feature-flags/global".to_owned(), made.json["data"]["feature"].clone());
}

/// What the document cannot say of a body that is as small as can be.
pub(crate) fn least(method: &str, path: &str, body: &mut Map<String, Json>) {
    if (method, path) == ("POST", "/api/_admin/auth-providers") {
        body.insert("provider".to_owned(), json!("google"));
    }
}
