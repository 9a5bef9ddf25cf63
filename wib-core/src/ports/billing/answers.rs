//! What the vendor knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Aggregation, ChargeId, ChargeStatus, CheckoutId, CheckoutMode, CheckoutPayment, CheckoutStatus, ClientSecret,
    CustomerId, Decline, DisputeId, DisputeStatus, Interval, InvoiceId, InvoiceLineId, InvoiceReason, InvoiceStatus,
    MeterId, PaymentIntentId, PaymentMethodId, PaymentMethodKind, PaymentStatus, PortalId, PriceId, PriceUsage,
    ProductId, RefundId, RefundReason, RefundStatus, SetupIntentId, SetupStatus, SubscriptionId, SubscriptionItemId,
    SubscriptionStatus,
};
use crate::kit::{Currency, Money, time::Timestamp};

/// What we wrote on a thing, as the vendor gives it back.
pub type Labels = BTreeMap<String, String>;

/// A customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Phone number, as it was given.
    pub phone: Option<String>,
    /// What its invoices are paid with.
    pub default_payment_method: Option<PaymentMethodId>,
    /// What the next invoice is raised by, or lowered by when negative; `None` before anything was billed.
    pub balance: Option<Money>,
    /// Whether the latest invoice is overdue.
    pub delinquent: bool,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when; `None` once deleted.
    pub created_at: Option<Timestamp>,
    /// It was deleted, and nothing but its id is known.
    pub deleted: bool,
}

/// A payment method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    /// Its id.
    pub id: PaymentMethodId,
    /// What it is.
    pub kind: PaymentMethodKind,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// When it is a card.
    pub card: Option<Card>,
    /// When it is a bank account.
    pub bank: Option<BankAccount>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
}

/// What may be shown of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// `visa`, `mastercard`, ...
    pub brand: String,
    /// The last four digits.
    pub last4: String,
    /// Month of its end, 1 to 12.
    pub exp_month: i64,
    /// Year of its end.
    pub exp_year: i64,
    /// `credit`, `debit`, `prepaid` or `unknown`.
    pub funding: String,
    /// Country of the bank, ISO 3166.
    pub country: Option<String>,
    /// The same for the same card of this account.
    pub fingerprint: Option<String>,
}

/// What may be shown of a bank account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankAccount {
    /// The bank.
    pub bank: Option<String>,
    /// The last four digits.
    pub last4: Option<String>,
}

/// Saving a payment method without a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupIntent {
    /// Its id.
    pub id: SetupIntentId,
    /// How it stands.
    pub status: SetupStatus,
    /// For whom.
    pub customer: Option<CustomerId>,
    /// What is saved.
    pub payment_method: Option<PaymentMethodId>,
    /// Why the last try failed.
    pub failure: Option<PaymentFailure>,
    /// With which the payer's browser goes on.
    #[serde(skip)]
    pub client_secret: Option<ClientSecret>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentIntent {
    /// Its id.
    pub id: PaymentIntentId,
    /// How it stands.
    pub status: PaymentStatus,
    /// How much.
    pub amount: Money,
    /// How much has come.
    pub received: Money,
    /// How much is reserved.
    pub capturable: Money,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// With what.
    pub payment_method: Option<PaymentMethodId>,
    /// The latest attempt.
    pub charge: Option<ChargeId>,
    /// Why the latest attempt failed.
    pub failure: Option<PaymentFailure>,
    /// Where the payer goes to confirm it.
    pub confirm_at: Option<String>,
    /// With which the payer's browser goes on.
    #[serde(skip)]
    pub client_secret: Option<ClientSecret>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFailure {
    /// Why it was declined; `None` when it failed otherwise.
    pub decline: Option<Decline>,
    /// The vendor's code.
    pub code: Option<String>,
    /// The vendor's words.
    pub message: Option<String>,
}

/// One attempt to move money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Its id.
    pub id: ChargeId,
    /// How it stands.
    pub status: ChargeStatus,
    /// How much.
    pub amount: Money,
    /// How much was given back.
    pub refunded: Money,
    /// Whether everything was given back.
    pub fully_refunded: bool,
    /// Whether the payer disputes it.
    pub disputed: bool,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Of which payment.
    pub payment: Option<PaymentIntentId>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
}

/// A page on which somebody pays, subscribes or saves a payment method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutSession {
    /// Its id.
    pub id: CheckoutId,
    /// What it is for.
    pub mode: CheckoutMode,
    /// How it stands.
    pub status: CheckoutStatus,
    /// How its money stands.
    pub payment: CheckoutPayment,
    /// Where the payer goes, while it is open.
    pub url: Option<String>,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// The payer's mail address.
    pub email: Option<String>,
    /// The subscription that came of it.
    pub subscription: Option<SubscriptionId>,
    /// The payment that came of it.
    pub payment_intent: Option<PaymentIntentId>,
    /// The setup that came of it.
    pub setup_intent: Option<SetupIntentId>,
    /// The invoice that came of it.
    pub invoice: Option<InvoiceId>,
    /// Our own name for it.
    pub reference: Option<String>,
    /// All of it.
    pub total: Option<Money>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// When it closes.
    pub expires_at: Timestamp,
    /// Since when.
    pub created_at: Timestamp,
}

/// The page on which a customer manages everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalSession {
    /// Its id.
    pub id: PortalId,
    /// Where the customer goes; good for minutes, and for whoever has it.
    pub url: String,
    /// Whose.
    pub customer: CustomerId,
}

/// A stretch of time that is billed: from its start up to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant that is not in it.
    pub end: Timestamp,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose.
    pub customer: CustomerId,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// What it consists of. A vendor may leave some out of a long list: [`Billing::subscription_items`](super::Billing::subscription_items) has all.
    pub items: Vec<SubscriptionItem>,
    /// Its currency.
    pub currency: Currency,
    /// It ends with the period.
    pub cancel_at_period_end: bool,
    /// When it is to end.
    pub cancel_at: Option<Timestamp>,
    /// When somebody cancelled it.
    pub canceled_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its trial.
    pub trial: Option<Period>,
    /// What it is paid with; the customer's default otherwise.
    pub default_payment_method: Option<PaymentMethodId>,
    /// The newest invoice.
    pub latest_invoice: Option<InvoiceId>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
    /// Whether real money moves.
    pub live: bool,
}
impl Subscription {
    /// The period that runs. Items may have periods of their own: this is from the earliest start to the earliest end.
    #[must_use]
    pub fn period(&self) -> Option<Period> {
        let periods = || self.items.iter().filter_map(|item| item.period);
        Some(Period { start: periods().map(|p| p.start).min()?, end: periods().map(|p| p.end).min()? })
    }
}

/// One thing that a subscription consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionItem {
    /// Its id.
    pub id: SubscriptionItemId,
    /// What it costs.
    pub price: Price,
    /// How many; `None` when it is metered.
    pub quantity: Option<i64>,
    /// The period that runs.
    pub period: Option<Period>,
    /// What we wrote on it.
    pub metadata: Labels,
}

/// Something that is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its name, as payers see it.
    pub name: String,
    /// Whether it is on sale.
    pub active: bool,
    /// What it is.
    pub description: Option<String>,
    /// What it costs unless told otherwise.
    pub default_price: Option<PriceId>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
}

/// What something costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Its id.
    pub id: PriceId,
    /// Of what.
    pub product: ProductId,
    /// Whether it can be used.
    pub active: bool,
    /// Its currency.
    pub currency: Currency,
    /// Amount of one; `None` when it is a part of the smallest unit, tiered, or the payer's choice.
    pub amount: Option<Money>,
    /// Amount of one in the smallest unit as decimal text, exact.
    pub decimal: Option<String>,
    /// How it recurs; `None` for a price that is paid once.
    pub recurring: Option<Recurring>,
    /// Our own name for it.
    pub lookup_key: Option<String>,
    /// A name for ourselves.
    pub nickname: Option<String>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
}

/// How a price recurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurring {
    /// Length of a period.
    pub interval: Interval,
    /// How many of these make one period.
    pub count: i64,
    /// What it multiplies.
    pub usage: PriceUsage,
    /// The meter that adds up.
    pub meter: Option<MeterId>,
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its id; a preview's leads nowhere.
    pub id: InvoiceId,
    /// Its number, once definite.
    pub number: Option<String>,
    /// How it stands; `None` for a preview of some vendors.
    pub status: Option<InvoiceStatus>,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Of which subscription.
    pub subscription: Option<SubscriptionId>,
    /// Why it was made.
    pub reason: Option<InvoiceReason>,
    /// All of it.
    pub total: Money,
    /// What is to be paid of it, credits counted.
    pub due: Money,
    /// What was paid.
    pub paid: Money,
    /// What is still to be paid.
    pub remaining: Money,
    /// Its lines. A vendor may leave some out of a long list.
    pub lines: Vec<InvoiceLine>,
    /// What it is about.
    pub period: Period,
    /// How often a charge was tried.
    pub attempts: i64,
    /// When the next is.
    pub next_attempt_at: Option<Timestamp>,
    /// Where the payer sees and pays it.
    pub url: Option<String>,
    /// Where its PDF is.
    pub pdf_url: Option<String>,
    /// When it became definite.
    pub finalized_at: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// When it was voided.
    pub voided_at: Option<Timestamp>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
    /// Whether real money moves.
    pub live: bool,
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// Its id.
    pub id: InvoiceLineId,
    /// How much; negative for a credit.
    pub amount: Money,
    /// What it is for.
    pub description: Option<String>,
    /// How many.
    pub quantity: Option<i64>,
    /// When.
    pub period: Option<Period>,
    /// At what price.
    pub price: Option<PriceId>,
    /// For what in the subscription.
    pub item: Option<SubscriptionItemId>,
    /// It corrects for a change in the middle of a period.
    pub proration: bool,
}

/// Money that is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// How it stands.
    pub status: Option<RefundStatus>,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: Option<RefundReason>,
    /// Of which attempt.
    pub charge: Option<ChargeId>,
    /// Of which payment.
    pub payment: Option<PaymentIntentId>,
    /// Why it failed, in the vendor's word.
    pub failure: Option<String>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
}

/// A payer who asks the bank for the money back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Its id.
    pub id: DisputeId,
    /// How it stands.
    pub status: DisputeStatus,
    /// How much.
    pub amount: Money,
    /// Why, in the vendor's word.
    pub reason: String,
    /// Which attempt.
    pub charge: ChargeId,
    /// Which payment.
    pub payment: Option<PaymentIntentId>,
    /// Until when evidence is taken.
    pub evidence_due: Option<Timestamp>,
    /// What we wrote on it.
    pub metadata: Labels,
    /// Since when.
    pub created_at: Timestamp,
}

/// What adds up what customers use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// Its id.
    pub id: MeterId,
    /// Its name, for ourselves.
    pub name: String,
    /// The name that events carry.
    pub event: String,
    /// How it adds up.
    pub aggregation: Aggregation,
    /// Whether it takes events.
    pub active: bool,
}

/// What a customer used in a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSummary {
    /// Added up, as decimal text.
    pub value: String,
    /// When.
    pub period: Period,
}

/// The account's money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// What can be paid out, by currency.
    pub available: Vec<Money>,
    /// What is under way, by currency.
    pub pending: Vec<Money>,
}
