//! What is asked of the vendor.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Aggregation, CheckoutMode, CustomerId, Interval, InvoiceStatus, MeterId, PaymentIntentId, PaymentMethodId, PriceId,
    ProductId, RefundReason, SubscriptionId, SubscriptionItemId, out_of_bounds,
};
use crate::{
    kit::{
        Currency, Money,
        time::{Timestamp, after, before},
    },
    ports::VendorError,
};

/// What we write on a thing: at most 50 pairs, names of up to 40 characters without brackets, values of up to 500.
///
/// In a change, a pair with an empty value takes the pair away, and what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);
impl Metadata {
    /// The same with one more pair.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }
    /// The pairs, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
    /// Refuses what breaks the bounds.
    ///
    /// # Errors
    /// [`Fault::Request`](crate::ports::Fault::Request), with nothing sent.
    pub fn check(&self, vendor: &'static str) -> Result<(), VendorError> {
        if self.0.len() > 50 {
            return Err(out_of_bounds(vendor, "metadata has more than 50 pairs"));
        }
        for (name, value) in &self.0 {
            if !(1..=40).contains(&name.chars().count()) || name.contains(['[', ']']) {
                return Err(out_of_bounds(vendor, "a name in metadata must have 1 to 40 characters and no brackets"));
            }
            if value.chars().count() > 500 {
                return Err(out_of_bounds(vendor, "a value in metadata has more than 500 characters"));
            }
        }
        Ok(())
    }
}
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// What becomes of a field in a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It is emptied.
    Clear,
    /// It becomes this.
    To(T),
}

/// A customer to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewCustomer {
    /// Mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// What is written on it; our organisation's id belongs here.
    pub metadata: Metadata,
}

/// A change of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EditCustomer {
    /// Mail address.
    pub email: Change<String>,
    /// Name.
    pub name: Change<String>,
    /// Phone number.
    pub phone: Change<String>,
    /// What is written on it.
    pub metadata: Metadata,
}

/// Saving a payment method without a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSetup {
    /// For whom.
    pub customer: Option<CustomerId>,
    /// What is saved, when it is known already.
    pub payment_method: Option<PaymentMethodId>,
    /// Confirm it at once; needs the payment method.
    pub confirm: bool,
    /// What is written on it.
    pub metadata: Metadata,
}

/// A payment to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// How much.
    pub amount: Money,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// With what.
    pub payment_method: Option<PaymentMethodId>,
    /// Charge at once; needs the payment method.
    pub confirm: bool,
    /// The payer is not here to confirm anything: what the bank wants confirmed is declined.
    pub off_session: bool,
    /// Only reserve the money; [`Billing::capture_payment`](super::Billing::capture_payment) takes it.
    pub capture_later: bool,
    /// What it is for, as we see it.
    pub description: Option<String>,
    /// What is written on it.
    pub metadata: Metadata,
}
impl NewPayment {
    /// A payment of that much, with nothing else said.
    #[must_use]
    pub fn of(amount: Money) -> Self {
        Self {
            amount,
            customer: None,
            payment_method: None,
            confirm: false,
            off_session: false,
            capture_later: false,
            description: None,
            metadata: Metadata::default(),
        }
    }
}

/// How a payment is confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfirmPayment {
    /// With what, when not with what it has.
    pub payment_method: Option<PaymentMethodId>,
    /// Where the payer comes back to after confirming at the bank.
    pub return_url: Option<String>,
    /// The payer is not here.
    pub off_session: bool,
}

/// Something to sell on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutLine {
    /// At what price.
    pub price: PriceId,
    /// How many; `None` for a metered price.
    pub quantity: Option<i64>,
}

/// A page to open on which somebody pays, subscribes or saves a payment method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheckout {
    /// What it is for.
    pub mode: CheckoutMode,
    /// What is sold; nothing when a payment method is saved.
    pub lines: Vec<CheckoutLine>,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// The payer's mail address, without a customer.
    pub email: Option<String>,
    /// Where the payer comes back to when done.
    pub success_url: String,
    /// Where the payer comes back to otherwise.
    pub cancel_url: Option<String>,
    /// Our own name for it, up to 200 characters.
    pub reference: Option<String>,
    /// Days of trial of a subscription, up to 730.
    pub trial_days: Option<u32>,
    /// Whether codes for discounts are taken.
    pub promotion_codes: bool,
    /// Currency of what is saved; needed to save a payment method without a customer.
    pub currency: Option<Currency>,
    /// What is written on it, and on the subscription or payment that comes of it.
    pub metadata: Metadata,
}
impl NewCheckout {
    /// A page for that, with nothing else said.
    #[must_use]
    pub fn of(mode: CheckoutMode, success_url: impl Into<String>) -> Self {
        Self {
            mode,
            lines: Vec::new(),
            customer: None,
            email: None,
            success_url: success_url.into(),
            cancel_url: None,
            reference: None,
            trial_days: None,
            promotion_codes: false,
            currency: None,
            metadata: Metadata::default(),
        }
    }
}

/// A customer's own page to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPortal {
    /// Whose.
    pub customer: CustomerId,
    /// Where the customer comes back to.
    pub return_url: Option<String>,
}

/// What a change in the middle of a period costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proration {
    /// The difference is on the next invoice.
    #[default]
    NextInvoice,
    /// The difference is billed at once.
    Now,
    /// Nothing.
    None,
}

/// What a subscription begins with when its first invoice is not paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstPayment {
    /// It is made, and is incomplete.
    #[default]
    Allow,
    /// It is made incomplete, and the payer confirms the payment on a page of ours.
    Later,
    /// It is not made: the decline is the answer.
    Demand,
}

/// Something to put into a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItem {
    /// At what price.
    pub price: PriceId,
    /// How many; `None` for a metered price, and for one.
    pub quantity: Option<i64>,
    /// What is written on it.
    pub metadata: Metadata,
}
impl NewItem {
    /// One at that price.
    #[must_use]
    pub fn of(price: PriceId) -> Self {
        Self { price, quantity: None, metadata: Metadata::default() }
    }
}

/// A change of one thing in a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EditItem {
    /// Another price.
    pub price: Option<PriceId>,
    /// Another number.
    pub quantity: Option<i64>,
    /// What is written on it.
    pub metadata: Metadata,
}

/// A subscription to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubscription {
    /// Whose.
    pub customer: CustomerId,
    /// What it consists of, 1 to 20.
    pub items: Vec<NewItem>,
    /// Days of trial, up to 730.
    pub trial_days: Option<u32>,
    /// A trial that ends without a payment method pauses it, until [`Billing::resume_subscription`](super::Billing::resume_subscription).
    pub pause_unpayable: bool,
    /// What it is paid with; the customer's default otherwise.
    pub default_payment_method: Option<PaymentMethodId>,
    /// When its first invoice is not paid.
    pub first_payment: FirstPayment,
    /// What is written on it.
    pub metadata: Metadata,
}
impl NewSubscription {
    /// A subscription of that customer to these things.
    #[must_use]
    pub fn of(customer: CustomerId, items: Vec<NewItem>) -> Self {
        Self {
            customer,
            items,
            trial_days: None,
            pause_unpayable: false,
            default_payment_method: None,
            first_payment: FirstPayment::default(),
            metadata: Metadata::default(),
        }
    }
}

/// A change of what a subscription consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemChange {
    /// Something more.
    Add(NewItem),
    /// Something else, or another number of it.
    Edit(SubscriptionItemId, EditItem),
    /// Something less.
    Remove(SubscriptionItemId),
}

/// A change of a subscription. What is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EditSubscription {
    /// Of what it consists of.
    pub items: Vec<ItemChange>,
    /// What the change costs.
    pub proration: Proration,
    /// `true` ends it with the period, `false` takes that back.
    pub cancel_at_period_end: Option<bool>,
    /// Ends the trial now.
    pub end_trial: bool,
    /// What it is paid with.
    pub default_payment_method: Change<PaymentMethodId>,
    /// What is written on it.
    pub metadata: Metadata,
}

/// How a subscription ends at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CancelNow {
    /// What was used and is not billed yet is billed.
    pub invoice_now: bool,
    /// What was paid and is not used is credited.
    pub prorate: bool,
}

/// A product to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewProduct {
    /// Its name, as payers see it.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// What is written on it.
    pub metadata: Metadata,
}

/// What one costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitAmount {
    /// In the smallest unit.
    Minor(i64),
    /// In the smallest unit as decimal text with up to 12 digits behind the point: `0.45` cents a minute.
    Decimal(String),
}

/// How a price to make recurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecurring {
    /// Length of a period.
    pub interval: Interval,
    /// How many of these make one period, at most three years.
    pub count: u32,
    /// The meter that adds up; `None` for a quantity that is set.
    pub meter: Option<MeterId>,
}

/// A price to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPrice {
    /// Of what.
    pub product: ProductId,
    /// Its currency.
    pub currency: Currency,
    /// What one costs.
    pub amount: UnitAmount,
    /// How it recurs; `None` for a price that is paid once.
    pub recurring: Option<NewRecurring>,
    /// Our own name for it, up to 200 characters.
    pub lookup_key: Option<String>,
    /// What is written on it.
    pub metadata: Metadata,
}

/// Which prices are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceFilter {
    /// Of that product.
    pub product: Option<ProductId>,
    /// With one of these names of ours, up to 10.
    pub lookup_keys: Vec<String>,
}

/// Which subscriptions are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Of that customer.
    pub customer: Option<CustomerId>,
    /// To that price.
    pub price: Option<PriceId>,
}

/// Which payments are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Of that customer.
    pub customer: Option<CustomerId>,
    /// Made from then on; cut to the second.
    pub since: Option<Timestamp>,
}

/// Which refunds are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundFilter {
    /// Of that payment.
    pub payment: Option<PaymentIntentId>,
}

/// Which invoices are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvoiceFilter {
    /// Of that customer.
    pub customer: Option<CustomerId>,
    /// Of that subscription.
    pub subscription: Option<SubscriptionId>,
    /// That stand so.
    pub status: Option<InvoiceStatus>,
}

/// Money to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefund {
    /// Of which payment.
    pub payment: PaymentIntentId,
    /// How much, in the payment's smallest unit; `None`: all that is left.
    pub minor: Option<i64>,
    /// Why.
    pub reason: Option<RefundReason>,
    /// What is written on it.
    pub metadata: Metadata,
}
impl NewRefund {
    /// All that is left of a payment.
    #[must_use]
    pub fn of(payment: PaymentIntentId) -> Self {
        Self { payment, minor: None, reason: None, metadata: Metadata::default() }
    }
}

/// A meter to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMeter {
    /// Its name, for ourselves.
    pub name: String,
    /// The name that events carry, up to 100 characters.
    pub event: String,
    /// How it adds up.
    pub aggregation: Aggregation,
}

/// Use that a meter is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageEvent {
    /// The meter's [event name](NewMeter::event).
    pub event: String,
    /// Who used it.
    pub customer: CustomerId,
    /// How much, as decimal text.
    pub value: String,
    /// What counts it once, 1 to 100 characters.
    pub identifier: String,
    /// When, at most 35 days back and 5 minutes ahead.
    pub at: Timestamp,
}
impl UsageEvent {
    /// Refuses what no meter takes, as of `now`.
    ///
    /// # Errors
    /// [`Fault::Request`](crate::ports::Fault::Request), with nothing sent.
    pub fn check(&self, vendor: &'static str, now: Timestamp) -> Result<(), VendorError> {
        const BACK: Duration = Duration::from_secs(35 * 24 * 60 * 60);
        const AHEAD: Duration = Duration::from_secs(5 * 60);
        let (whole, part) = self.value.split_once('.').unwrap_or((&self.value, "0"));
        let digits = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole.strip_prefix('-').unwrap_or(whole), 15) || !digits(part, 12) {
            return Err(out_of_bounds(vendor, "a meter's value must be decimal text"));
        }
        if !(1..=100).contains(&self.identifier.len()) || !self.identifier.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(out_of_bounds(vendor, "an identifier of use must have 1 to 100 visible characters of ASCII"));
        }
        if self.at < before(now, BACK) || self.at > after(now, AHEAD) {
            return Err(out_of_bounds(vendor, "use may be told up to 35 days back and 5 minutes ahead"));
        }
        Ok(())
    }
}

/// Which use is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageFilter {
    /// Added up by which meter.
    pub meter: MeterId,
    /// Whose.
    pub customer: CustomerId,
    /// From then on; cut to the minute.
    pub from: Timestamp,
    /// Up to then; cut to the minute.
    pub to: Timestamp,
}

/// Which events are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The vendor's names, up to 20; none for all.
    pub names: Vec<String>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}
