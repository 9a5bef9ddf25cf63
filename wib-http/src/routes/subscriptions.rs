//! Addresses of an organisation that are told what happens, and what they were not told.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;
use wib_core::{
    Org, Wib,
    auth::UserId,
    kit::{Error, ExposeSecret, Id, Result, Role, SecretString, Timestamp},
    limits::Limit,
    plans::Feature,
    reliability::{FailureAction, FailureStatus, Failures, SettleFailure, WebhookFailure},
    subscriptions::{
        CreateSubscription, Subscription, SubscriptionId, UpdateSubscription, WebhookDelivery, WebhookEvent,
        WebhookEventId,
    },
};

use crate::{
    input::{ById, Nothing},
    table::{Guard, Member, Routes, role, session},
};

/// What stands where a secret is not shown.
const MASKED: &str = "********";

/// An address that is told what happens.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "WebhookSubscription")]
struct Row {
    id: SubscriptionId,
    url: String,
    events: Vec<WebhookEvent>,
    /// What bodies are signed with: shown when it is made, and masked from then on.
    secret: String,
    description: Option<String>,
    is_active: bool,
    created_by: Option<UserId>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}
impl Row {
    fn new(subscription: Subscription, secret: Option<&SecretString>) -> Self {
        Self {
            id: subscription.id,
            url: subscription.url,
            events: subscription.events.0,
            secret: secret.map_or(MASKED, |secret| secret.expose_secret()).to_owned(),
            description: subscription.description,
            is_active: subscription.is_active,
            created_by: subscription.created_by,
            created_at: subscription.created_at,
            updated_at: subscription.updated_at,
        }
    }
}

/// A subscription, under both of its names.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookSubscriptionTwice")]
struct One {
    webhook: Row,
    subscription: Row,
}
impl One {
    fn new(row: Row) -> Self {
        Self { webhook: row.clone(), subscription: row }
    }
}
/// Every subscription, under both of their names.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookSubscriptions")]
struct All {
    webhooks: Vec<Row>,
    subscriptions: Vec<Row>,
}

/// Subscribes an address.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CreateWebhook")]
struct Create {
    /// `https`, on the open internet.
    #[schemars(length(max = 2000))]
    url: String,
    /// `*` is everything.
    #[schemars(length(min = 1, max = 50))]
    events: Vec<WebhookEvent>,
    /// What bodies are signed with; one that nobody can guess without it.
    #[schemars(with = "Option<String>", length(min = 1, max = 200))]
    secret: Option<SecretString>,
    #[schemars(length(max = 500))]
    description: Option<String>,
}
/// Changes a subscription; what is absent stays.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "UpdateWebhook")]
struct Update {
    id: SubscriptionId,
    /// `https`, on the open internet.
    #[schemars(length(max = 2000))]
    url: Option<String>,
    /// `*` is everything.
    #[schemars(length(min = 1, max = 50))]
    events: Option<Vec<WebhookEvent>>,
    is_active: Option<bool>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>", length(max = 500))]
    description: Option<Option<String>>,
}

/// Changes a subscription by its shorter path; what is absent stays.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "UpdateWebhookByName")]
struct UpdateNamed {
    /// A subscription's id. Vendors' names lie under the same path, and are none.
    id: String,
    /// `https`, on the open internet.
    #[schemars(length(max = 2000))]
    url: Option<String>,
    /// `*` is everything.
    #[schemars(length(min = 1, max = 50))]
    events: Option<Vec<WebhookEvent>>,
    is_active: Option<bool>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>", length(max = 500))]
    description: Option<Option<String>>,
}
/// Names a subscription by its shorter path.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "WebhookByName")]
struct Named {
    id: String,
}
/// The id that a name is; a name that is none names nothing.
fn id_of(name: &str) -> Result<SubscriptionId> {
    name.parse().map_err(|_| Error::not_found("webhook"))
}

/// A field that is there, null or not.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// That something is done.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookDone")]
struct Done {
    message: &'static str,
}

/// What came of a try.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookAttempt")]
struct Attempt {
    /// What was answered; null when nobody did.
    status: Option<i64>,
    success: bool,
    duration_ms: i64,
    /// Which try it was.
    attempts: i64,
    delivery_id: Id<WebhookDelivery>,
    /// Why there was no answer.
    error: Option<String>,
}
impl From<WebhookDelivery> for Attempt {
    fn from(row: WebhookDelivery) -> Self {
        Self {
            status: row.response_status,
            success: row.success,
            duration_ms: row.duration_ms,
            attempts: row.attempt,
            delivery_id: row.id,
            error: row.error,
        }
    }
}

/// One try to tell an address something.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
struct Delivery {
    id: Id<WebhookDelivery>,
    webhook_id: SubscriptionId,
    /// `webhook-id` of the request: the same for every try.
    event_id: WebhookEventId,
    event: WebhookEvent,
    payload: Json,
    attempt: i64,
    response_status: Option<i64>,
    /// Its beginning, at most 1000 characters.
    response_body: Option<String>,
    error: Option<String>,
    success: bool,
    duration_ms: i64,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<WebhookDelivery> for Delivery {
    fn from(row: WebhookDelivery) -> Self {
        Self {
            id: row.id,
            webhook_id: row.subscription_id,
            event_id: row.event_id,
            event: row.event,
            payload: row.payload,
            attempt: row.attempt,
            response_status: row.response_status,
            response_body: row.response_body,
            error: row.error,
            success: row.success,
            duration_ms: row.duration_ms,
            created_at: row.created_at,
        }
    }
}
/// A page of tries, the last first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookDeliveries")]
struct Deliveries {
    deliveries: Vec<Delivery>,
    /// From 1.
    page: i64,
    limit: u32,
    total: i64,
}
/// Which page of the tries to tell an address.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ListWebhookDeliveries")]
struct Log {
    id: SubscriptionId,
    /// From 1.
    page: Option<i64>,
    /// At most 200; 20 by default.
    limit: Option<i64>,
}
/// Which page of the tries to tell any address.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ListAllWebhookDeliveries")]
struct WholeLog {
    /// From 1.
    page: Option<i64>,
    /// At most 200; 20 by default.
    limit: Option<i64>,
}
/// Tells an address the same again.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ResendWebhook")]
struct Resend {
    id: SubscriptionId,
    delivery_id: Id<WebhookDelivery>,
}

/// Who changes subscriptions.
const fn keeper() -> Guard<Member> {
    role(Role::Admin).limit(Limit::Webhook).plan(Feature::Webhooks)
}
/// Who sees them.
const fn reader() -> Guard<Member> {
    session().plan(Feature::Webhooks)
}

async fn list(org: Org) -> Result<All> {
    let rows: Vec<_> = org.webhooks().await?.into_iter().map(|row| Row::new(row, None)).collect();
    Ok(All { webhooks: rows.clone(), subscriptions: rows })
}
async fn create(org: Org, c: Create) -> Result<One> {
    let command = CreateSubscription { url: c.url, events: c.events, secret: c.secret, description: c.description };
    let made = org.create_webhook(command).await?;
    Ok(One::new(Row::new(made.subscription, Some(&made.secret))))
}
async fn update(org: Org, c: Update) -> Result<One> {
    let command =
        UpdateSubscription { url: c.url, events: c.events, is_active: c.is_active, description: c.description };
    Ok(One::new(Row::new(org.update_webhook(c.id, command).await?, None)))
}
async fn delete(org: Org, c: ById<Subscription>) -> Result<Done> {
    org.delete_webhook(c.id).await?;
    Ok(Done { message: "Webhook deleted" })
}
async fn test(org: Org, c: ById<Subscription>) -> Result<Attempt> {
    org.test_webhook(c.id).await.map(Attempt::from)
}
async fn log(org: Org, of: Option<SubscriptionId>, page: Option<i64>, limit: Option<i64>) -> Result<Deliveries> {
    let page = page.filter(|page| *page >= 1).unwrap_or(1);
    let list = org.webhook_deliveries(of, Some(page), limit).await?;
    let (limit, total) = (list.limit, list.total);
    Ok(Deliveries { deliveries: list.items.into_iter().map(Delivery::from).collect(), page, limit, total })
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("webhook subscriptions", "/api/webhooks")
        .get("/subscriptions", reader(), |org, _: Nothing| async move { list(org).await })
        .about("Lists the addresses that are told what happens.")
        .flat()
        .post("/subscriptions", keeper(), |org, c: Create| async move { create(org, c).await })
        .status(201)
        .refuses(&[409])
        .flat()
        .patch("/subscriptions/{id}", keeper(), |org, c: Update| async move { update(org, c).await })
        .flat()
        .delete("/subscriptions/{id}", keeper(), |org, c: ById<Subscription>| async move { delete(org, c).await })
        .about("Takes a subscription away, with what it was told.")
        .flat()
        .post("/subscriptions/{id}/test", keeper(), |org, c: ById<Subscription>| async move { test(org, c).await })
        .about("Tells an address of nothing but a trial, now.")
        .item("delivery")
        .get("/subscriptions/{id}/deliveries", reader(), |org, c: Log| async move {
            log(org, Some(c.id), c.page, c.limit).await
        })
        .flat()
        .post("/subscriptions/{id}/deliveries/{deliveryId}/resend", keeper(), |org, c: Resend| async move {
            org.resend_webhook(c.id, c.delivery_id).await.map(Attempt::from)
        })
        .item("delivery")
        .patch("/{id}", keeper(), |org, c: UpdateNamed| async move {
            let UpdateNamed { id, url, events, is_active, description } = c;
            update(org, Update { id: id_of(&id)?, url, events, is_active, description }).await
        })
        .about("The same as under `subscriptions`.")
        .flat()
        .delete("/{id}", keeper(), |org, c: Named| async move { delete(org, ById { id: id_of(&c.id)? }).await })
        .about("The same as under `subscriptions`.")
        .flat()
        .post("/{id}/test", keeper(), |org, c: Named| async move { test(org, ById { id: id_of(&c.id)? }).await })
        .about("The same as under `subscriptions`.")
        .item("delivery")
}

/// The same by the names of a second generation of clients.
pub(super) fn outbound() -> Routes<Wib> {
    Routes::<Wib>::at("webhook subscriptions", "/api/webhooks/outbound")
        .get("/subscriptions", reader(), |org, _: Nothing| async move { list(org).await })
        .about("Lists the addresses that are told what happens.")
        .flat()
        .post("/subscriptions", keeper(), |org, c: Create| async move { create(org, c).await })
        .status(201)
        .refuses(&[409])
        .flat()
        .get("/subscriptions/{id}", reader(), |org, c: ById<Subscription>| async move {
            Ok(One::new(Row::new(org.webhook(c.id).await?, None)))
        })
        .about("Reads one subscription.")
        .flat()
        .put("/subscriptions/{id}", keeper(), |org, c: Update| async move { update(org, c).await })
        .flat()
        .delete("/subscriptions/{id}", keeper(), |org, c: ById<Subscription>| async move { delete(org, c).await })
        .about("Takes a subscription away, with what it was told.")
        .flat()
        .post("/subscriptions/{id}/test", keeper(), |org, c: ById<Subscription>| async move { test(org, c).await })
        .about("Tells an address of nothing but a trial, now.")
        .item("delivery")
        .get("/deliveries", reader(), |org, c: WholeLog| async move { log(org, None, c.page, c.limit).await })
        .flat()
        .get("/deliveries/{id}", reader(), |org, c: ById<WebhookDelivery>| async move {
            org.webhook_delivery(c.id).await.map(Delivery::from)
        })
        .about("Reads one try to tell an address something.")
        .item("delivery")
}

/// Which failures.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WebhookFailureStanding")]
enum Standing {
    Failed,
    Resolved,
    Discarded,
    UnderReview,
    #[default]
    All,
}
impl Standing {
    const fn status(self) -> Option<FailureStatus> {
        match self {
            Self::Failed => Some(FailureStatus::Failed),
            Self::Resolved => Some(FailureStatus::Resolved),
            Self::Discarded => Some(FailureStatus::Discarded),
            Self::UnderReview => Some(FailureStatus::UnderReview),
            Self::All => None,
        }
    }
}

/// Which stretch of what was not delivered.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ListWebhookFailures")]
struct ListFailures {
    /// All by default.
    status: Option<Standing>,
    /// At most 200; 50 by default.
    limit: Option<i64>,
    /// How many to skip.
    offset: Option<i64>,
}
/// Something that was not delivered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookFailure")]
struct Failure {
    id: Id<WebhookFailure>,
    webhook_id: SubscriptionId,
    event_id: WebhookEventId,
    event: WebhookEvent,
    payload: Json,
    endpoint: String,
    attempt_count: i64,
    last_status: Option<i64>,
    last_error: Option<String>,
    status: FailureStatus,
    resolution_notes: Option<String>,
    resolved_by: Option<UserId>,
    #[schemars(with = "Option<String>")]
    resolved_at: Option<Timestamp>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}
impl From<WebhookFailure> for Failure {
    fn from(row: WebhookFailure) -> Self {
        Self {
            id: row.id,
            webhook_id: row.subscription_id,
            event_id: row.event_id,
            event: row.event,
            payload: row.payload,
            endpoint: row.endpoint,
            attempt_count: row.attempt_count,
            last_status: row.last_status,
            last_error: row.last_error,
            status: row.status,
            resolution_notes: row.resolution_notes,
            resolved_by: row.resolved_by,
            resolved_at: row.resolved_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
/// How many failures there are.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookFailureMetrics")]
struct Metrics {
    active_failures: i64,
    resolved: i64,
    discarded: i64,
    total: i64,
}
/// Where a stretch stands in its list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookFailureStretch")]
struct Place {
    limit: u32,
    offset: u32,
}
/// What was not delivered, the last first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookFailures")]
struct FailureList {
    failures: Vec<Failure>,
    metrics: Metrics,
    pagination: Place,
}
impl From<Failures> for FailureList {
    fn from(all: Failures) -> Self {
        let Failures { list, active, resolved, discarded, total } = all;
        Self {
            pagination: Place { limit: list.limit, offset: list.offset },
            metrics: Metrics { active_failures: active, resolved, discarded, total },
            failures: list.items.into_iter().map(Failure::from).collect(),
        }
    }
}
/// Does something about what was not delivered.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SettleWebhookFailure")]
struct Settle {
    failure_id: Id<WebhookFailure>,
    action: FailureAction,
    #[schemars(length(max = 5000))]
    resolution_notes: Option<String>,
}
/// What came of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookFailureSettled")]
struct Settled {
    /// False for a failure that was sent again and not taken.
    success: bool,
    status: FailureStatus,
    message: String,
}

/// What was not delivered.
pub(super) fn reliability() -> Routes<Wib> {
    Routes::<Wib>::at("reliability", "/api/reliability")
        .get("/webhooks", session(), |org, c: ListFailures| async move {
            let status = c.status.unwrap_or_default().status();
            org.webhook_failures(status, c.limit, c.offset).await.map(FailureList::from)
        })
        .flat()
        .put("/webhooks", role(Role::Admin).limit(Limit::Reliability), |org, c: Settle| async move {
            let Settle { failure_id, action, resolution_notes } = c;
            let failure = org.settle_webhook_failure(SettleFailure { failure_id, action, resolution_notes }).await?;
            let success = action != FailureAction::Retry || failure.status == FailureStatus::Resolved;
            let message = match failure.status {
                FailureStatus::Resolved => "Delivered".to_owned(),
                FailureStatus::Discarded => "Discarded".to_owned(),
                FailureStatus::UnderReview if success => "Under review".to_owned(),
                _ => format!("Not delivered: {}", failure.last_error.as_deref().unwrap_or("no answer")),
            };
            let status = if success { failure.status } else { FailureStatus::Failed };
            Ok::<_, Error>(Settled { success, status, message })
        })
        .refuses(&[404, 409])
        .bare()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_that_is_null_is_another_one_than_none() {
        let id = "00000000-0000-7000-8000-000000000001";
        let read = |body: Json| serde_json::from_value::<Update>(body).unwrap().description;
        assert_eq!(read(json!({ "id": id })), None);
        assert_eq!(read(json!({ "id": id, "description": null })), Some(None));
        assert_eq!(read(json!({ "id": id, "description": "x" })), Some(Some("x".to_owned())));
    }
}
