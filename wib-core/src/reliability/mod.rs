//! What could not be delivered to addresses of organisations, and what is done about it.
//!
//! A failure is open (`failed`) until a later try is taken, or somebody sends it again, lets it go, or puts it aside to look
//! at.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    auth::UserId,
    kit::{Error, Id, List, OrNotFound, Result, Role, Stretch, text, time::Timestamp},
    store::{OrgTx, Record, Repo},
    subscriptions::{self, Subscription, SubscriptionId, Told, WebhookDelivery, WebhookEvent, WebhookEventId},
    text_enum,
    wib::{Org, Wib},
};

text_enum! {
    /// How a failure stands.
    pub enum FailureStatus {
        /// It was not delivered.
        Failed = "failed",
        /// It was, later.
        Resolved = "resolved",
        /// Somebody let it go.
        Discarded = "discarded",
        /// Somebody looks at it.
        UnderReview = "under_review",
    }
}
text_enum! {
    /// What is done about a failure.
    pub enum FailureAction {
        /// Send it again, at once.
        Retry = "retry",
        /// Let it go.
        Discard = "discard",
        /// Put it aside to look at.
        ManualReview = "manual_review",
    }
}

/// Something that was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookFailure {
    /// Its id.
    pub id: Id<WebhookFailure>,
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Which event.
    pub event_id: WebhookEventId,
    /// What happened.
    pub event: WebhookEvent,
    /// The body.
    pub payload: Json,
    /// The address, as it was.
    pub endpoint: String,
    /// How often it was tried.
    pub attempt_count: i64,
    /// What was answered last; nothing when nobody did.
    pub last_status: Option<i64>,
    /// Why it was not taken.
    pub last_error: Option<String>,
    /// How it stands.
    pub status: FailureStatus,
    /// What somebody wrote of it.
    pub resolution_notes: Option<String>,
    /// Who settled it.
    pub resolved_by: Option<UserId>,
    /// When it was settled.
    pub resolved_at: Option<Timestamp>,
    /// When it was given up first.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for WebhookFailure {
    const NAME: &'static str = "failure";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Failures, and how many there are of each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The stretch that was asked for.
    pub list: List<WebhookFailure>,
    /// Not delivered, and nobody settled it.
    pub active: i64,
    /// Delivered later.
    pub resolved: i64,
    /// Let go.
    pub discarded: i64,
    /// All of them.
    pub total: i64,
}

/// Does something about a failure.
#[derive(Clone, Debug)]
pub struct SettleFailure {
    /// Which one.
    pub failure_id: Id<WebhookFailure>,
    /// What.
    pub action: FailureAction,
    /// Why, at most 5000 characters.
    pub resolution_notes: Option<String>,
}

fn said(delivery: &WebhookDelivery) -> Option<String> {
    match (delivery.success, delivery.response_status) {
        (true, _) => None,
        (false, Some(status)) => Some(format!("answered {status}")),
        (false, None) => delivery.error.clone(),
    }
}

/// Writes what a try came to that is one too many: a failure, or the end of one.
pub(crate) async fn note(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    subscription: &Subscription,
    delivery: &WebhookDelivery,
) -> Result<()> {
    let now = wib.now();
    let Some(known) = tx.failure_of(subscription.id, delivery.event_id).await? else {
        // A subscription that is gone meanwhile has nothing to be told of.
        if delivery.success || Repo::<Subscription>::find(&mut *tx, subscription.id).await?.is_none() {
            return Ok(());
        }
        metrics::counter!("wib_webhook_failures_total").increment(1);
        let failure = WebhookFailure {
            id: wib.id(),
            subscription_id: subscription.id,
            event_id: delivery.event_id,
            event: delivery.event,
            payload: delivery.payload.clone(),
            endpoint: subscription.url.clone(),
            attempt_count: delivery.attempt,
            last_status: delivery.response_status,
            last_error: said(delivery),
            status: FailureStatus::Failed,
            resolution_notes: None,
            resolved_by: None,
            resolved_at: None,
            created_at: now,
            updated_at: now,
        };
        return tx.insert(&failure).await;
    };
    tx.update(&tried(known, delivery, now, None)).await
}

/// The failure behind one more try.
fn tried(known: WebhookFailure, delivery: &WebhookDelivery, now: Timestamp, by: Option<UserId>) -> WebhookFailure {
    WebhookFailure {
        attempt_count: known.attempt_count + 1,
        last_status: delivery.response_status,
        last_error: said(delivery),
        status: if delivery.success { FailureStatus::Resolved } else { known.status },
        resolved_by: if delivery.success { by } else { known.resolved_by },
        resolved_at: if delivery.success { Some(now) } else { known.resolved_at },
        updated_at: now,
        ..known
    }
}

impl Org {
    /// What could not be delivered, the last first; all of it when no status is named.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn webhook_failures(
        &self,
        status: Option<FailureStatus>,
        limit: Option<i64>,
        offset: Option<i64>,
    ) -> Result<Failures> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let list = tx.list_failures(status, Stretch::new(limit, offset, 50, 200)).await?;
        let mut count = async |status| Ok::<_, Error>(tx.list_failures(status, Stretch::NONE).await?.total);
        Ok(Failures {
            list,
            active: count(Some(FailureStatus::Failed)).await?,
            resolved: count(Some(FailureStatus::Resolved)).await?,
            discarded: count(Some(FailureStatus::Discarded)).await?,
            total: count(None).await?,
        })
    }

    /// Sends a failure again at once, lets it go, or puts it aside. The failure as it stands then: one that was sent again
    /// and not taken stays as it was.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it is resolved or was let go; `Invalid` for notes that are too long; `Forbidden` below
    /// admin.
    pub async fn settle_webhook_failure(&self, command: SettleFailure) -> Result<WebhookFailure> {
        self.at_least(Role::Admin)?;
        let notes = text::optional("resolution_notes", command.resolution_notes, 5000)?;
        let mut tx = self.tx().await?;
        let failure = open(&mut *tx, command.failure_id).await?;
        let mut delivery = None;
        if command.action == FailureAction::Retry {
            // Nothing is held while somebody else's server is waited for.
            let subscription = Repo::<Subscription>::find(&mut *tx, failure.subscription_id).await?;
            let subscription = subscription.or_not_found("webhook")?;
            drop(tx);
            let told = Told { event_id: failure.event_id, event: failure.event, body: failure.payload.clone() };
            let tries = failure.attempt_count + 1;
            delivery = Some(subscriptions::sent(&self.wib, self.id(), &subscription, &told, tries).await?);
            tx = self.tx().await?;
            if let Some(delivery) = &delivery {
                subscriptions::kept(&self.wib, &mut *tx, delivery).await?;
            }
        }
        let failure = match open(&mut *tx, command.failure_id).await {
            Ok(failure) => failure,
            // Somebody settled it meanwhile; what was sent was sent.
            Err(error) if delivery.is_some() => {
                tx.commit().await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let (now, by) = (self.wib.now(), self.actor().user());
        let set = |status, at| WebhookFailure { status, resolved_by: by, resolved_at: at, ..failure.clone() };
        let next = match (command.action, &delivery) {
            (FailureAction::Retry, Some(delivery)) => tried(failure.clone(), delivery, now, by),
            (FailureAction::Retry, None) => return Err(Error::internal("a failure was not sent again")),
            (FailureAction::Discard, _) => set(FailureStatus::Discarded, Some(now)),
            (FailureAction::ManualReview, _) => set(FailureStatus::UnderReview, None),
        };
        let next =
            WebhookFailure { resolution_notes: notes.or(next.resolution_notes.clone()), updated_at: now, ..next };
        tx.update(&next).await?;
        let told = json!({
            "action": command.action, "status": next.status, "event": next.event, "webhook_id": next.subscription_id,
        });
        let line = self.audit("reliability:webhook_action_taken", ("webhook_failure", Some(next.id.uuid())));
        line.is(&told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(next)
    }
}

/// A failure that is not settled yet, held.
async fn open(tx: &mut dyn OrgTx, id: Id<WebhookFailure>) -> Result<WebhookFailure> {
    let failure = tx.lock_failure(id).await?.or_not_found("failure")?;
    match failure.status {
        FailureStatus::Failed | FailureStatus::UnderReview => Ok(failure),
        status => Err(Error::conflict(format!("the failure is {status} already"))),
    }
}
