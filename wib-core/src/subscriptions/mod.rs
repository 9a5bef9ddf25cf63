//! Addresses of an organisation that are told what happens: subscriptions of webhooks.
//!
//! An event is queued in the transaction of what it tells, one message per subscription, so that neither comes without
//! the other. Data holds ids and states; whoever wants more asks for it, and is asked who they are.
//!
//! | try | when |
//! |---|---|
//! | 1 to 4 | at once, then 1, 4 and 16 seconds after the one before |
//! | 5 to 9 | 5 minutes, 30 minutes, 2, 5 and 10 hours after the one before, unless somebody settled the failure |
//!
//! Each try is a [`WebhookDelivery`]; what the fourth could not deliver is a [`WebhookFailure`](crate::reliability), and is
//! resolved by itself when a later try is taken. An address that answers 410 is told nothing more.
//!
//! Every request is signed twice with the subscription's secret: as [Standard Webhooks](https://www.standardwebhooks.com)
//! has it, over id, time and body; and over the body alone, as our contract has it.

mod deliver;
mod flights;
mod manage;
mod sign;
mod tell;

pub(crate) use deliver::{again, deliver, kept, sent};
pub(crate) use flights::Flights;
pub use manage::{CreateSubscription, NewSubscription, UpdateSubscription};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
pub(crate) use tell::tell;

use crate::{
    auth::UserId,
    json_column,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

/// The id of a subscription.
pub type SubscriptionId = Id<Subscription>;
/// The id of an event that is told: the same for every subscription and every try.
pub type WebhookEventId = Id<WebhookEvent>;

/// Most subscriptions of an organisation.
pub(crate) const MOST: i64 = 50;

text_enum! {
    /// What a subscription may be told.
    #[non_exhaustive]
    pub enum WebhookEvent {
        /// A call was ordered, or came in.
        CallStarted = "call.started",
        /// A call is over.
        CallEnded = "call.ended",
        /// A recording is kept.
        RecordingReady = "call.recording.ready",
        /// A transcript is there.
        TranscriptReady = "call.transcript.ready",
        /// The same, by its older name.
        TranscriptionCompleted = "call.transcription_completed",
        /// Somebody said how a call ended.
        OutcomeDeclared = "call.outcome.declared",
        /// A call's evidence is sealed.
        CallSealed = "call.sealed",
        /// An appointment was made.
        BookingCreated = "booking.created",
        /// An appointment was called off.
        BookingCancelled = "booking.cancelled",
        /// A campaign began.
        CampaignStarted = "campaign.started",
        /// A campaign is over.
        CampaignCompleted = "campaign.completed",
        /// A trial, by hand.
        TestDelivery = "test.delivery",
        /// Everything.
        All = "*",
    }
}

/// Events, in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookEvents(pub Vec<WebhookEvent>);
json_column!(WebhookEvents);

/// An address that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Where to: `https`, on the open internet.
    pub url: String,
    /// What it is told.
    pub events: WebhookEvents,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it is told anything.
    pub is_active: bool,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for Subscription {
    const NAME: &'static str = "webhook";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
impl Subscription {
    /// Whether it is to be told of that.
    #[must_use]
    pub fn wants(&self, event: WebhookEvent) -> bool {
        self.is_active && self.events.0.iter().any(|wanted| matches!(wanted, WebhookEvent::All) || *wanted == event)
    }
    /// What its secret is called among the organisation's.
    fn secret_name(id: SubscriptionId) -> String {
        format!("webhook.{id}")
    }
}

/// One try to tell an address something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: Id<WebhookDelivery>,
    /// Which address.
    pub subscription_id: SubscriptionId,
    /// Which event: `webhook-id` of the request.
    pub event_id: WebhookEventId,
    /// What happened.
    pub event: WebhookEvent,
    /// The body.
    pub payload: Json,
    /// Which try it was, from 1.
    pub attempt: i64,
    /// What was answered; nothing when nobody did.
    pub response_status: Option<i64>,
    /// The beginning of what was answered.
    pub response_body: Option<String>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// Whether it was taken.
    pub success: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// When it was tried.
    pub created_at: Timestamp,
}
impl Record for WebhookDelivery {
    const NAME: &'static str = "delivery";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// An event on its way to one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The same for every address and try.
    pub(crate) event_id: WebhookEventId,
    pub(crate) event: WebhookEvent,
    /// `{event, timestamp, data}`
    pub(crate) body: Json,
}
impl Told {
    fn new(event_id: WebhookEventId, event: WebhookEvent, at: Timestamp, data: &Json) -> Self {
        Self { event_id, event, body: serde_json::json!({ "event": event, "timestamp": at, "data": data }) }
    }
    pub(crate) fn of(delivery: &WebhookDelivery) -> Self {
        Self { event_id: delivery.event_id, event: delivery.event, body: delivery.payload.clone() }
    }
}
