//! Addresses that are told what happens, and what they were told.

use async_trait::async_trait;

use super::{Edit, Repo};
use crate::{
    kit::{Id, List, Result, Stretch},
    reliability::{FailureStatus, WebhookFailure},
    subscriptions::{Subscription, SubscriptionId, WebhookDelivery, WebhookEventId},
};

/// Subscriptions of webhooks, tries to tell them, and what could not be told.
#[async_trait]
pub trait Subscriptions: Edit<Subscription> + Repo<WebhookDelivery> + Edit<WebhookFailure> {
    /// The organisation's, the oldest first, at most `limit`.
    async fn webhooks(&mut self, limit: i64) -> Result<Vec<Subscription>>;
    /// Those that are told anything, the oldest first, at most `limit`.
    async fn active_webhooks(&mut self, limit: i64) -> Result<Vec<Subscription>>;
    /// The row, held until the end of the transaction.
    async fn lock_webhook(&mut self, id: SubscriptionId) -> Result<Option<Subscription>>;
    /// Takes one away, with its deliveries and failures.
    async fn remove_webhook(&mut self, id: SubscriptionId) -> Result<()>;
    /// Tries, the last first; of one subscription when it is named.
    async fn list_deliveries(&mut self, of: Option<SubscriptionId>, part: Stretch) -> Result<List<WebhookDelivery>>;
    /// The failure of an event at an address.
    async fn failure_of(&mut self, of: SubscriptionId, event: WebhookEventId) -> Result<Option<WebhookFailure>>;
    /// The row, held until the end of the transaction.
    async fn lock_failure(&mut self, id: Id<WebhookFailure>) -> Result<Option<WebhookFailure>>;
    /// Failures, the last first; of one status when it is named.
    async fn list_failures(&mut self, status: Option<FailureStatus>, part: Stretch) -> Result<List<WebhookFailure>>;
}
