//! Addresses that are told what happens, and what they were told.

use async_trait::async_trait;
use wib_core::{
    kit::{Id, List, Result, Stretch},
    reliability::{FailureStatus, WebhookFailure},
    store::{Column, Subscriptions},
    subscriptions::{Subscription, SubscriptionId, WebhookDelivery, WebhookEventId},
};

use crate::{lists::list_sql, sql::org_sql, store::SqlOrg, table::table};

table!(Subscription in "webhook_subscriptions" {
    id, url, events, description, is_active, created_by, created_at, updated_at
} mutable);
table!(WebhookDelivery in "webhook_deliveries" {
    id, subscription_id, event_id, event, payload, attempt, response_status, response_body, error, success,
    duration_ms, created_at
});
table!(WebhookFailure in "webhook_failures" {
    id, subscription_id, event_id, event, payload, endpoint, attempt_count, last_status, last_error, status,
    resolution_notes, resolved_by, resolved_at, created_at, updated_at
} mutable);

#[async_trait]
impl Subscriptions for SqlOrg {
    async fn webhooks(&mut self, limit: i64) -> Result<Vec<Subscription>> {
        let sql = org_sql!(
            webhooks,
            "SELECT * FROM webhook_subscriptions WHERE organization_id = $1 ORDER BY created_at, id LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn active_webhooks(&mut self, limit: i64) -> Result<Vec<Subscription>> {
        let sql = org_sql!(
            active_webhooks,
            "SELECT * FROM webhook_subscriptions WHERE organization_id = $1 AND is_active
            ORDER BY created_at, id LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn lock_webhook(&mut self, id: SubscriptionId) -> Result<Option<Subscription>> {
        let sql = org_sql!(
            lock_webhook,
            pg: "SELECT * FROM webhook_subscriptions WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM webhook_subscriptions WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn remove_webhook(&mut self, id: SubscriptionId) -> Result<()> {
        let sql = org_sql!(remove_webhook, "DELETE FROM webhook_subscriptions WHERE organization_id = $1 AND id = $2");
        self.change(sql, [id.into()]).await.map(drop)
    }
    async fn list_deliveries(&mut self, of: Option<SubscriptionId>, part: Stretch) -> Result<List<WebhookDelivery>> {
        if let Some(id) = of {
            let (rows, total) = list_sql!(
                list_deliveries_of_one,
                count_deliveries_of_one,
                "webhook_deliveries WHERE organization_id = $1 AND subscription_id = $2",
                "ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4"
            );
            return self.list(rows, total, [id.into()], part).await;
        }
        let (rows, total) = list_sql!(
            list_deliveries,
            count_deliveries,
            "webhook_deliveries WHERE organization_id = $1",
            "ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
        );
        self.list(rows, total, [], part).await
    }
    async fn failure_of(&mut self, of: SubscriptionId, event: WebhookEventId) -> Result<Option<WebhookFailure>> {
        let sql = org_sql!(
            failure_of,
            "SELECT * FROM webhook_failures WHERE organization_id = $1 AND subscription_id = $2 AND event_id = $3"
        );
        self.one(sql, [of.into(), event.into()]).await
    }
    async fn lock_failure(&mut self, id: Id<WebhookFailure>) -> Result<Option<WebhookFailure>> {
        let sql = org_sql!(
            lock_failure,
            pg: "SELECT * FROM webhook_failures WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM webhook_failures WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn list_failures(&mut self, status: Option<FailureStatus>, part: Stretch) -> Result<List<WebhookFailure>> {
        let (rows, total) = list_sql!(
            list_failures,
            count_failures,
            "webhook_failures WHERE organization_id = $1 AND ($2 IS NULL OR status = $2)",
            "ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4"
        );
        self.list(rows, total, [status.into_value()], part).await
    }
}
