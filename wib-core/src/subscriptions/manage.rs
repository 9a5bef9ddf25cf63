//! Making, reading, changing, trying and taking away subscriptions.

use serde_json::json;

use super::{
    MOST, Subscription, SubscriptionId, Told, WebhookDelivery, WebhookEvent, WebhookEvents, again, kept, sent, sign,
};
use crate::{
    kit::{Error, ExposeSecret, FieldFault, Id, List, OrNotFound, Result, Role, SecretString, Stretch, text},
    plans::Feature,
    ports::hooks::check_address,
    secrets::TenantSecret,
    store::{Record, Repo},
    wib::Org,
};

/// Most events that a subscription names.
const MOST_EVENTS: usize = 50;
/// Longest secret, in characters.
const LONGEST_SECRET: usize = 200;

/// Subscribes an address.
#[derive(Clone, Debug, Default)]
pub struct CreateSubscription {
    /// Where to: `https`, on the open internet, at most 2000 characters.
    pub url: String,
    /// What it is told: 1 to 50.
    pub events: Vec<WebhookEvent>,
    /// What it is signed with, 1 to 200 characters; one that nobody can guess without it.
    pub secret: Option<SecretString>,
    /// What it is for, at most 500 characters.
    pub description: Option<String>,
}

/// A subscription, and the only time that its secret is shown.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// The subscription.
    pub subscription: Subscription,
    /// What bodies are signed with.
    pub secret: SecretString,
}

/// Changes a subscription; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct UpdateSubscription {
    /// Where to.
    pub url: Option<String>,
    /// What it is told: 1 to 50.
    pub events: Option<Vec<WebhookEvent>>,
    /// Whether it is told anything.
    pub is_active: Option<bool>,
    /// What it is for; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
}

/// Values, every wrong one of which is told.
#[derive(Default)]
struct Checked(Vec<FieldFault>);
impl Checked {
    fn take<T>(&mut self, value: Result<T>) -> Option<T> {
        value.map_err(|error| self.0.extend_from_slice(error.fields())).ok()
    }
    fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::fields_invalid(self.0)) }
    }
}

fn address(url: &str) -> Result<String> {
    check_address(url).map(|()| url.to_owned()).map_err(|why| Error::field("url", why))
}

fn wanted(mut events: Vec<WebhookEvent>) -> Result<WebhookEvents> {
    if !(1..=MOST_EVENTS).contains(&events.len()) {
        return Err(Error::field("events", format!("must be 1 to {MOST_EVENTS}")));
    }
    events.sort_unstable();
    events.dedup();
    Ok(WebhookEvents(events))
}

/// Whole addresses may hold secrets in their paths: the log is told that there is one.
fn told(subscription: &Subscription) -> serde_json::Value {
    json!({
        "events": subscription.events, "is_active": subscription.is_active,
        "has_description": subscription.description.is_some(),
    })
}

impl Org {
    /// Every subscription, the oldest first.
    ///
    /// # Errors
    /// `PlanRequired`; `Forbidden` below viewer; when the database does not answer.
    pub async fn webhooks(&self) -> Result<Vec<Subscription>> {
        self.at_least(Role::Viewer)?;
        self.needs(Feature::Webhooks)?;
        self.tx().await?.webhooks(MOST).await
    }

    /// One subscription.
    ///
    /// # Errors
    /// `NotFound`; `PlanRequired`; `Forbidden` below viewer.
    pub async fn webhook(&self, id: SubscriptionId) -> Result<Subscription> {
        self.at_least(Role::Viewer)?;
        self.needs(Feature::Webhooks)?;
        Repo::<Subscription>::find(&mut *self.tx().await?, id).await?.or_not_found("webhook")
    }

    /// Subscribes an address; its secret is sealed and shown this once.
    ///
    /// # Errors
    /// `Invalid` naming every wrong field; `Conflict` when there are 50, or nobody posts to addresses here; `Unavailable`
    /// without a [`Vault`](crate::secrets::Vault); `PlanRequired`; `Forbidden` below admin.
    pub async fn create_webhook(&self, command: CreateSubscription) -> Result<NewSubscription> {
        self.at_least(Role::Admin)?;
        self.needs(Feature::Webhooks)?;
        let mut checked = Checked::default();
        let url = checked.take(address(&command.url));
        let events = checked.take(wanted(command.events));
        let description = checked.take(text::optional("description", command.description, 500));
        let given = command.secret.map_or(Ok(None), |secret| {
            let fits = (1..=LONGEST_SECRET).contains(&secret.expose_secret().chars().count());
            let wrong = || Error::field("secret", format!("must have 1 to {LONGEST_SECRET} characters"));
            fits.then_some(Some(secret)).ok_or_else(wrong)
        });
        let given = checked.take(given);
        checked.end()?;
        let (Some(url), Some(events), Some(description), Some(given)) = (url, events, description, given) else {
            return Err(Error::internal("a value was neither taken nor refused"));
        };
        if self.wib.hooks().is_none() {
            return Err(Error::conflict("nobody posts to addresses here"));
        }
        let vault = self.wib.vault()?;
        let now = self.wib.now();
        let secret = given.unwrap_or_else(|| sign::fresh(&*self.wib.random));
        let subscription = Subscription {
            id: self.wib.id(),
            url,
            events,
            description,
            is_active: true,
            created_by: self.actor().user(),
            created_at: now,
            updated_at: now,
        };
        let sealed = TenantSecret {
            id: self.wib.id(),
            name: Subscription::secret_name(subscription.id),
            key_id: String::new(),
            nonce: vec![],
            sealed: vec![],
            created_at: now,
            updated_at: now,
        };
        let sealed = vault.seal(self.id(), sealed, &secret, &*self.wib.random)?;
        let mut tx = self.tx().await?;
        tx.lock_count_of(Subscription::NAME).await?;
        if i64::try_from(tx.webhooks(MOST).await?.len()).is_ok_and(|count| count >= MOST) {
            return Err(Error::conflict(format!("there are {MOST} webhooks already")));
        }
        tx.insert(&sealed).await?;
        tx.insert(&subscription).await?;
        let line = self.audit("webhook:created", ("webhook", Some(subscription.id.uuid())));
        line.is(&told(&subscription)).write(&mut *tx).await;
        tx.commit().await?;
        Ok(NewSubscription { subscription, secret })
    }

    /// Changes a subscription.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` naming every wrong field; `PlanRequired`; `Forbidden` below admin.
    pub async fn update_webhook(&self, id: SubscriptionId, command: UpdateSubscription) -> Result<Subscription> {
        self.at_least(Role::Admin)?;
        self.needs(Feature::Webhooks)?;
        let mut checked = Checked::default();
        let url = checked.take(command.url.map(|url| address(&url)).transpose()).flatten();
        let events = checked.take(command.events.map(wanted).transpose()).flatten();
        let words = command.description.map(|words| text::optional("description", words, 500)).transpose();
        let description = checked.take(words).flatten();
        checked.end()?;
        let mut tx = self.tx().await?;
        let known = tx.lock_webhook(id).await?.or_not_found("webhook")?;
        let moved = url.as_ref().is_some_and(|url| *url != known.url);
        let next = Subscription {
            url: url.unwrap_or_else(|| known.url.clone()),
            events: events.unwrap_or_else(|| known.events.clone()),
            description: description.unwrap_or_else(|| known.description.clone()),
            is_active: command.is_active.unwrap_or(known.is_active),
            updated_at: self.wib.now(),
            ..known.clone()
        };
        tx.update(&next).await?;
        let line = self.audit("webhook:updated", ("webhook", Some(id.uuid())));
        line.changed(&told(&known), &told(&next)).with(json!({ "moved": moved })).write(&mut *tx).await;
        tx.commit().await?;
        Ok(next)
    }

    /// Takes a subscription away, with its secret, its deliveries and its failures.
    ///
    /// # Errors
    /// `NotFound`; `PlanRequired`; `Forbidden` below admin.
    pub async fn delete_webhook(&self, id: SubscriptionId) -> Result<()> {
        self.at_least(Role::Admin)?;
        self.needs(Feature::Webhooks)?;
        let mut tx = self.tx().await?;
        let known = tx.lock_webhook(id).await?.or_not_found("webhook")?;
        if let Some(secret) = tx.secret_by_name(&Subscription::secret_name(id)).await? {
            tx.delete_secret(secret.id).await?;
        }
        tx.remove_webhook(id).await?;
        let line = self.audit("webhook:deleted", ("webhook", Some(id.uuid())));
        line.was(&told(&known)).write(&mut *tx).await;
        tx.commit().await
    }

    /// Tells an address of nothing but a trial, now, whether it is active or not. What was answered is told, not refused;
    /// a trial that is not taken is tried twice more by itself.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` without a [`Vault`](crate::secrets::Vault); `PlanRequired`; `Forbidden` below admin.
    pub async fn test_webhook(&self, id: SubscriptionId) -> Result<WebhookDelivery> {
        self.at_least(Role::Admin)?;
        let subscription = self.webhook(id).await?;
        let data = json!({ "webhook_id": id });
        let told = Told::new(self.wib.id(), WebhookEvent::TestDelivery, self.wib.now(), &data);
        let delivery = sent(&self.wib, self.id(), &subscription, &told, 1).await?;
        let mut tx = self.tx().await?;
        kept(&self.wib, &mut *tx, &delivery).await?;
        if !delivery.success && delivery.response_status != Some(410) {
            again(&self.wib, &mut *tx, id, &told).await?;
        }
        let line = self.audit("webhook:tested", ("webhook", Some(id.uuid())));
        line.with(json!({ "status": delivery.response_status, "taken": delivery.success })).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(delivery)
    }

    /// What addresses were told, the last try first; of one subscription when named.
    ///
    /// # Errors
    /// `NotFound` for a subscription that is none; `PlanRequired`; `Forbidden` below viewer.
    pub async fn webhook_deliveries(
        &self,
        of: Option<SubscriptionId>,
        page: Option<i64>,
        limit: Option<i64>,
    ) -> Result<List<WebhookDelivery>> {
        self.at_least(Role::Viewer)?;
        self.needs(Feature::Webhooks)?;
        let stretch = Stretch::new(limit, None, 20, 200);
        let before = page.filter(|page| *page >= 1).unwrap_or(1).saturating_sub(1).saturating_mul(stretch.limit.into());
        let stretch = Stretch { offset: u32::try_from(before).unwrap_or(u32::MAX), ..stretch };
        let mut tx = self.tx().await?;
        if let Some(id) = of {
            Repo::<Subscription>::find(&mut *tx, id).await?.or_not_found("webhook")?;
        }
        tx.list_deliveries(of, stretch).await
    }

    /// One try.
    ///
    /// # Errors
    /// `NotFound`; `PlanRequired`; `Forbidden` below viewer.
    pub async fn webhook_delivery(&self, id: Id<WebhookDelivery>) -> Result<WebhookDelivery> {
        self.at_least(Role::Viewer)?;
        self.needs(Feature::Webhooks)?;
        Repo::<WebhookDelivery>::find(&mut *self.tx().await?, id).await?.or_not_found("delivery")
    }

    /// Tells an address the same again, now: the same event under the same id, signed anew.
    ///
    /// # Errors
    /// `NotFound`, also for a delivery of another subscription; `Unavailable` without a
    /// [`Vault`](crate::secrets::Vault); `PlanRequired`; `Forbidden` below admin.
    pub async fn resend_webhook(&self, id: SubscriptionId, delivery: Id<WebhookDelivery>) -> Result<WebhookDelivery> {
        self.at_least(Role::Admin)?;
        let subscription = self.webhook(id).await?;
        let before = self.webhook_delivery(delivery).await?;
        if before.subscription_id != id {
            return Err(Error::not_found("delivery"));
        }
        let delivery = sent(&self.wib, self.id(), &subscription, &Told::of(&before), before.attempt + 1).await?;
        let mut tx = self.tx().await?;
        kept(&self.wib, &mut *tx, &delivery).await?;
        let line = self.audit("webhook:resent", ("webhook", Some(id.uuid())));
        let told = json!({
            "delivery_id": delivery.id, "status": delivery.response_status, "taken": delivery.success,
        });
        line.with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(delivery)
    }
}
