//! Flags, subscriptions of webhooks, what operators ask.

use serde_json::{Map, Value as Json, json};
use wib_core::{
    reliability::WebhookFailure,
    subscriptions::{CreateSubscription, SubscriptionId, WebhookEvent},
};

use crate::server::Server;

/// An address that is told of nothing that happens by itself.
async fn subscription(server: &Server, url: &str) -> SubscriptionId {
    let command = CreateSubscription {
        url: url.to_owned(),
        events: vec![WebhookEvent::BookingCreated],
        ..CreateSubscription::default()
    };
    server.org().await.create_webhook(command).await.unwrap().subscription.id
}

/// Something that was not delivered to an address.
pub(crate) async fn failure(server: &Server, of: SubscriptionId) -> WebhookFailure {
    use wib_core::{
        kit::{Clock, Id},
        reliability::FailureStatus,
        store::{Repo, Store},
    };
    let (now, org) = (server.clock.now(), server.org().await.id());
    let row = WebhookFailure {
        id: Id::new(now, &**server.wib.random()),
        subscription_id: of,
        event_id: Id::new(now, &**server.wib.random()),
        event: WebhookEvent::CallEnded,
        payload: json!({"event": "call.ended", "timestamp": now, "data": {}}),
        endpoint: "https://hooks.example.com/failing".to_owned(),
        attempt_count: 4,
        last_status: Some(500),
        last_error: Some("answered 500".to_owned()),
        status: FailureStatus::Failed,
        resolution_notes: None,
        resolved_by: None,
        resolved_at: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = server.store().org(org).await.unwrap();
    Repo::<WebhookFailure>::insert(&mut *tx, &row).await.unwrap();
    tx.commit().await.unwrap();
    row
}

/// Puts one of everything there, and its id under the start of the paths that name it (`path#name` for one name of several).
pub(crate) async fn fill(server: &Server, ids: &mut Map<String, Json>) {
    let kept = subscription(server, "https://hooks.example.com/kept").await;
    let mut put = |path: &str, id: String| _ = ids.insert(path.to_owned(), Json::String(id));
    for (path, url) in [
        ("/api/webhooks/{id}", "https://hooks.example.com/alias"),
        ("/api/webhooks/subscriptions", "https://hooks.example.com/first"),
        ("/api/webhooks/outbound/subscriptions", "https://hooks.example.com/second"),
    ] {
        put(path, subscription(server, url).await.to_string());
    }
    let delivery = server.org().await.test_webhook(kept).await.unwrap();
    put("/api/webhooks/outbound/deliveries", delivery.id.to_string());
    put("/api/webhooks/subscriptions/{id}/deliveries/{deliveryId}/resend#id", kept.to_string());
    put("/api/webhooks/subscriptions/{id}/deliveries/{deliveryId}/resend#deliveryId", delivery.id.to_string());
    put("failure", failure(server, kept).await.id.to_string());
}

/// What the document cannot say of a body that is as small as can be.
pub(crate) fn least(method: &str, path: &str, body: &mut Map<String, Json>) {
    if (method, path) == ("POST", "/api/test/run") {
        body.insert("categoryId".into(), json!("infrastructure"));
        body.insert("testId".into(), json!("db-connection"));
    }
    if method == "POST" && path.starts_with("/api/webhooks") && path.ends_with("/subscriptions") {
        body.insert("url".into(), json!("https://hooks.example.com/new"));
        body.insert("events".into(), json!(["call.ended"]));
    }
}
