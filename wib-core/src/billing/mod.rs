//! What an organisation owes for the service: the vendor's customer that it is, its subscription, its invoices, and what
//! is done about one that is not paid.
//!
//! The vendor tells by events that come twice, late and in any order. Each says how a thing stood at its time, so a thing
//! is only overwritten by a later word, and everything else (status, plan, dunning) is read off the things.
//!
//! | dunning level | then | and |
//! |---|---|---|
//! | `reminder` | `warning` after 3 days | a mail |
//! | `warning` | `final_notice` after 4 days | a mail |
//! | `final_notice` | `suspension` after 7 days | a mail |
//! | `suspension` | nothing more | a mail; the subscription ends with its period |
//!
//! What no delivery told is found by asking for everything, once a day and by order; what is found goes the same way as
//! what is told.

mod apply;
mod customer;
mod dunning;
mod manage;
mod reconcile;
mod shop;

pub(crate) use apply::apply;
pub(crate) use dunning::escalate;
pub use manage::Billed;
pub(crate) use reconcile::reconcile;
use serde::{Deserialize, Serialize};
pub use shop::{ChangePlan, OpenCheckout};

use crate::{
    kit::{Currency, Id, time::Timestamp},
    orgs::Plan,
    ports::billing::{InvoiceStatus, SubscriptionStatus},
    store::Record,
    text_enum,
};

text_enum! {
    /// How a subscription stands.
    pub enum SubscriptionState {
        /// Paid and running.
        Active = "active",
        /// Free until the trial ends.
        Trialing = "trialing",
        /// An invoice was not paid.
        PastDue = "past_due",
        /// The vendor has given up trying.
        Unpaid = "unpaid",
        /// The first invoice waits to be paid.
        Incomplete = "incomplete",
        /// The first invoice was never paid.
        IncompleteExpired = "incomplete_expired",
        /// A trial ended without a payment method.
        Paused = "paused",
        /// Ended.
        Canceled = "canceled",
        /// A word that this version does not know.
        Other = "other",
    }
}
impl SubscriptionState {
    /// Whether what it pays for may be used: also while an invoice is dunned.
    #[must_use]
    pub const fn entitles(self) -> bool {
        matches!(self, Self::Active | Self::Trialing | Self::PastDue)
    }
    /// Whether it has come to its end.
    #[must_use]
    pub const fn over(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}
impl From<&SubscriptionStatus> for SubscriptionState {
    fn from(word: &SubscriptionStatus) -> Self {
        word.as_str().parse().unwrap_or(Self::Other)
    }
}

text_enum! {
    /// How an invoice stands.
    pub enum InvoiceState {
        /// Not definite yet.
        Draft = "draft",
        /// To be paid.
        Open = "open",
        /// Paid.
        Paid = "paid",
        /// Given up as lost.
        Uncollectible = "uncollectible",
        /// Nobody owes it.
        Void = "void",
        /// A word that this version does not know.
        Other = "other",
    }
}
impl InvoiceState {
    /// Whether it stays so: nobody owes it any more.
    #[must_use]
    pub const fn settled(self) -> bool {
        matches!(self, Self::Paid | Self::Void)
    }
}
impl From<&InvoiceStatus> for InvoiceState {
    fn from(word: &InvoiceStatus) -> Self {
        word.as_str().parse().unwrap_or(Self::Other)
    }
}

/// The customer that an organisation is at the vendor, and what its subscriptions come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingAccount {
    /// Its id.
    pub id: Id<BillingAccount>,
    /// At which vendor.
    pub vendor: String,
    /// The vendor's customer.
    pub customer_id: String,
    /// Where mail about money goes; to the owners otherwise.
    pub email: Option<String>,
    /// The subscription that counts.
    pub subscription_id: Option<String>,
    /// How it stands, unpaid invoices counted.
    pub subscription_status: Option<SubscriptionState>,
    /// What it pays for; none while nobody says.
    pub plan: Option<Plan>,
    /// What its invoices are paid with, as the vendor calls it.
    pub default_method: Option<String>,
    /// When that was last said, on the vendor's clock.
    pub default_at: Option<Timestamp>,
    /// When the vendor was last asked for everything.
    pub synced_at: Option<Timestamp>,
    /// When we learned of it.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for BillingAccount {
    const NAME: &'static str = "billing account";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// What the vendor last said of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSubscription {
    /// Its id.
    pub id: Id<KnownSubscription>,
    /// At which vendor.
    pub vendor: String,
    /// The vendor's id.
    pub vendor_id: String,
    /// How it stands.
    pub status: SubscriptionState,
    /// What it pays for, when its price says so.
    pub plan: Option<Plan>,
    /// When that was last said.
    pub plan_at: Option<Timestamp>,
    /// At what price.
    pub price_id: Option<String>,
    /// What a period costs, in minor units, without what is metered; none when no price says it.
    pub amount_minor: Option<i64>,
    /// Of what.
    pub currency: Option<Currency>,
    /// It ends with the period.
    pub cancel_at_period_end: bool,
    /// When the period ends.
    pub period_ends: Option<Timestamp>,
    /// When it began at the vendor.
    pub began_at: Timestamp,
    /// When what is known of it was said, on the vendor's clock.
    pub seen_at: Timestamp,
    /// Which word goes before another of the same second.
    pub seen_rank: i64,
    /// The vendor's event that said it.
    pub seen_event: String,
    /// When we learned of it.
    pub created_at: Timestamp,
}
impl Record for KnownSubscription {
    const NAME: &'static str = "subscription";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// What the vendor said of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownInvoice {
    /// Its id.
    pub id: Id<KnownInvoice>,
    /// At which vendor.
    pub vendor: String,
    /// The vendor's id.
    pub vendor_id: String,
    /// Of which subscription.
    pub subscription_id: Option<String>,
    /// Its number, once definite.
    pub number: Option<String>,
    /// How it stands; what is settled stays so.
    pub status: InvoiceState,
    /// What is to be paid, in minor units.
    pub due_minor: i64,
    /// What was paid.
    pub paid_minor: i64,
    /// Of what.
    pub currency: Currency,
    /// How often a charge was tried.
    pub attempts: i64,
    /// When the next is.
    pub next_attempt_at: Option<Timestamp>,
    /// When a charge was last declined.
    pub failed_at: Option<Timestamp>,
    /// Where it is seen and paid.
    pub url: Option<String>,
    /// Where its PDF is.
    pub pdf_url: Option<String>,
    /// When it was made at the vendor.
    pub billed_at: Option<Timestamp>,
    /// When what is known of it was said, on the vendor's clock.
    pub seen_at: Timestamp,
    /// Which word goes before another of the same second.
    pub seen_rank: i64,
    /// The vendor's event that said it.
    pub seen_event: String,
    /// When we learned of it.
    pub created_at: Timestamp,
}
impl KnownInvoice {
    /// Whether a charge for it was declined and it is still to be paid.
    #[must_use]
    pub const fn overdue(&self) -> bool {
        self.failed_at.is_some() && !self.status.settled()
    }
}
impl Record for KnownInvoice {
    const NAME: &'static str = "invoice";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// What the vendor said of something that an organisation pays with. Nothing of a card is kept but what may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownMethod {
    /// Its id.
    pub id: Id<KnownMethod>,
    /// At which vendor.
    pub vendor: String,
    /// The vendor's id.
    pub vendor_id: String,
    /// What it is, in the vendor's word: `card`, ...
    pub kind: String,
    /// `visa`, `mastercard`, ...
    pub brand: Option<String>,
    /// The last four digits.
    pub last4: Option<String>,
    /// Month of its end, 1 to 12.
    pub exp_month: Option<i64>,
    /// Year of its end.
    pub exp_year: Option<i64>,
    /// Since when the vendor has it.
    pub added_at: Timestamp,
    /// When what is known of it was said, on the vendor's clock.
    pub seen_at: Timestamp,
    /// When it was taken away; it never comes back.
    pub detached_at: Option<Timestamp>,
    /// When we learned of it.
    pub created_at: Timestamp,
}
impl Record for KnownMethod {
    const NAME: &'static str = "payment method";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// What happened to an organisation's money.
    pub enum BillingNoteKind {
        /// A page to subscribe on was finished.
        CheckoutCompleted = "checkout_completed",
        /// A subscription began.
        SubscriptionCreated = "subscription_created",
        /// It changed.
        SubscriptionUpdated = "subscription_updated",
        /// It ended.
        SubscriptionCanceled = "subscription_canceled",
        /// An invoice was paid.
        PaymentReceived = "payment_received",
        /// A charge for an invoice was declined.
        PaymentFailed = "payment_failed",
    }
}

/// A line of what happened to an organisation's money. Only added; one per event of the vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingNote {
    /// Its id.
    pub id: Id<BillingNote>,
    /// Which vendor said it.
    pub vendor: String,
    /// The vendor's event.
    pub event_id: String,
    /// What happened.
    pub kind: BillingNoteKind,
    /// To what, as the vendor calls it.
    pub subject: String,
    /// How much money, in minor units.
    pub amount_minor: Option<i64>,
    /// Of what.
    pub currency: Option<Currency>,
    /// When, on the vendor's clock.
    pub at: Timestamp,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for BillingNote {
    const NAME: &'static str = "billing event";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// How far the dunning of an invoice has come; in this order.
    pub enum DunningLevel {
        /// A friendly word.
        Reminder = "reminder",
        /// A firm one.
        Warning = "warning",
        /// The last one.
        FinalNotice = "final_notice",
        /// The subscription ends with its period.
        Suspension = "suspension",
    }
}
impl DunningLevel {
    /// The level behind one, and the first; `None` behind the last.
    #[must_use]
    pub const fn behind(level: Option<Self>) -> Option<Self> {
        match level {
            None => Some(Self::Reminder),
            Some(Self::Reminder) => Some(Self::Warning),
            Some(Self::Warning) => Some(Self::FinalNotice),
            Some(Self::FinalNotice) => Some(Self::Suspension),
            Some(Self::Suspension) => None,
        }
    }
    /// Days until the next level; `None` at the last.
    #[must_use]
    pub const fn days(self) -> Option<u32> {
        match self {
            Self::Reminder => Some(3),
            Self::Warning => Some(4),
            Self::FinalNotice => Some(7),
            Self::Suspension => None,
        }
    }
}

text_enum! {
    /// What was done with a level.
    pub enum DunningAction {
        /// A mail was sent.
        Mailed = "mailed",
        /// A mail was sent, and the subscription ends with its period.
        CancelsAtPeriodEnd = "cancels_at_period_end",
    }
}

/// A step of the dunning of an invoice; each level once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DunningStep {
    /// Its id.
    pub id: Id<DunningStep>,
    /// Of which invoice.
    pub invoice_id: Id<KnownInvoice>,
    /// How often the vendor had tried to charge by then.
    pub attempt_number: i64,
    /// Which level.
    pub level: DunningLevel,
    /// What was done.
    pub action: DunningAction,
    /// When the next level is due.
    pub next_action_at: Option<Timestamp>,
    /// When the invoice was settled.
    pub resolved_at: Option<Timestamp>,
    /// When it was taken.
    pub created_at: Timestamp,
}
impl Record for DunningStep {
    const NAME: &'static str = "dunning step";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
