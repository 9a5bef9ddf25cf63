//! Customers, payments, subscriptions, invoices and usage at a vendor that moves money.
//!
//! Amounts are [`Money`](crate::kit::Money), in the currency's smallest unit. The vendor's ids are texts with a type each. What a vendor may
//! add to later (states, reasons, codes) keeps the unknown word.
//!
//! # Twice asked, once done
//! Every method that makes or changes something takes a `key`. The same request with the same key has one effect and the
//! same answer, for at least 24 hours; another request with the same key is refused with [`Fault::Conflict`]. After
//! [`Sent::Unknown`] the caller asks again **with the same key**, and never with another one. Deleting and cancelling at
//! once need none: what is gone stays gone.
//!
//! # Cards that are declined
//! A refusal by the payer's bank has [`Fault::Declined`]; [`Decline::of`] says why.

mod answers;
mod event;
mod listing;
mod requests;
mod words;

use async_trait::async_trait;

pub use self::{answers::*, event::*, listing::*, requests::*, words::*};
use super::{Fault, Sent, VendorError};

/// A vendor that moves money.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Billing: Send + Sync + std::fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// Whether real money moves: false for a sandbox, and for the vendor's own test mode.
    fn live(&self) -> bool;

    /// Makes a customer.
    async fn create_customer(&self, new: &NewCustomer, key: &str) -> Result<Customer, VendorError>;
    /// A customer; one that was deleted says so and has nothing but its id.
    async fn customer(&self, id: &CustomerId) -> Result<Customer, VendorError>;
    /// Changes a customer.
    async fn update_customer(&self, id: &CustomerId, edit: &EditCustomer, key: &str) -> Result<Customer, VendorError>;
    /// Deletes a customer, and ends its subscriptions at once. One that is gone already is a success.
    async fn delete_customer(&self, id: &CustomerId) -> Result<(), VendorError>;
    /// The customers whose metadata holds that value. The vendor's index lags behind by up to a minute.
    async fn find_customers(&self, name: &str, value: &str, page: &Slice) -> Result<Listed<Customer>, VendorError>;

    /// A customer's payment methods.
    async fn payment_methods(&self, of: &CustomerId, page: &Slice) -> Result<Listed<PaymentMethod>, VendorError>;
    /// Saves a payment method with a customer. A card whose bank refuses even that is declined here.
    async fn attach_payment_method(
        &self,
        id: &PaymentMethodId,
        to: &CustomerId,
        key: &str,
    ) -> Result<PaymentMethod, VendorError>;
    /// Takes a payment method from its customer; it can never be used again.
    async fn detach_payment_method(&self, id: &PaymentMethodId, key: &str) -> Result<PaymentMethod, VendorError>;
    /// What this customer's invoices are paid with.
    async fn set_default_payment_method(
        &self,
        of: &CustomerId,
        to: &PaymentMethodId,
        key: &str,
    ) -> Result<Customer, VendorError>;
    /// Begins to save a payment method without a payment.
    async fn create_setup(&self, new: &NewSetup, key: &str) -> Result<SetupIntent, VendorError>;
    /// How that stands.
    async fn setup(&self, id: &SetupIntentId) -> Result<SetupIntent, VendorError>;

    /// Makes a payment, and confirms it when [`NewPayment::confirm`] says so.
    async fn create_payment(&self, new: &NewPayment, key: &str) -> Result<PaymentIntent, VendorError>;
    /// How a payment stands.
    async fn payment(&self, id: &PaymentIntentId) -> Result<PaymentIntent, VendorError>;
    /// Payments, newest first. One that was answered is there at once: whoever lost an answer finds it here by what was
    /// written on it.
    async fn payments(&self, wanted: &PaymentFilter, page: &Slice) -> Result<Listed<PaymentIntent>, VendorError>;
    /// Charges, with another payment method when one is named.
    async fn confirm_payment(
        &self,
        id: &PaymentIntentId,
        confirm: &ConfirmPayment,
        key: &str,
    ) -> Result<PaymentIntent, VendorError>;
    /// Takes what was reserved, or less of it.
    async fn capture_payment(
        &self,
        id: &PaymentIntentId,
        minor: Option<i64>,
        key: &str,
    ) -> Result<PaymentIntent, VendorError>;
    /// Gives a payment up that has not succeeded.
    async fn cancel_payment(&self, id: &PaymentIntentId, key: &str) -> Result<PaymentIntent, VendorError>;

    /// Opens a page on which somebody pays, subscribes or saves a payment method.
    async fn create_checkout(&self, new: &NewCheckout, key: &str) -> Result<CheckoutSession, VendorError>;
    /// How that page stands.
    async fn checkout(&self, id: &CheckoutId) -> Result<CheckoutSession, VendorError>;
    /// Closes that page.
    async fn expire_checkout(&self, id: &CheckoutId, key: &str) -> Result<CheckoutSession, VendorError>;
    /// Opens the page on which a customer manages subscriptions, payment methods and invoices.
    async fn create_portal(&self, new: &NewPortal, key: &str) -> Result<PortalSession, VendorError>;

    /// Makes a subscription.
    async fn create_subscription(&self, new: &NewSubscription, key: &str) -> Result<Subscription, VendorError>;
    /// A subscription.
    async fn subscription(&self, id: &SubscriptionId) -> Result<Subscription, VendorError>;
    /// Subscriptions, newest first, the ended ones too.
    async fn subscriptions(
        &self,
        wanted: &SubscriptionFilter,
        page: &Slice,
    ) -> Result<Listed<Subscription>, VendorError>;
    /// Changes plan, quantity, end or payment of a subscription.
    async fn update_subscription(
        &self,
        id: &SubscriptionId,
        edit: &EditSubscription,
        key: &str,
    ) -> Result<Subscription, VendorError>;
    /// Ends a subscription now. One that has ended is a success.
    async fn cancel_subscription(&self, id: &SubscriptionId, how: CancelNow) -> Result<Subscription, VendorError>;
    /// Goes on with a paused subscription.
    async fn resume_subscription(&self, id: &SubscriptionId, key: &str) -> Result<Subscription, VendorError>;
    /// What a subscription consists of.
    async fn subscription_items(
        &self,
        of: &SubscriptionId,
        page: &Slice,
    ) -> Result<Listed<SubscriptionItem>, VendorError>;
    /// Adds something to a subscription.
    async fn add_subscription_item(
        &self,
        to: &SubscriptionId,
        item: &NewItem,
        proration: Proration,
        key: &str,
    ) -> Result<SubscriptionItem, VendorError>;
    /// Changes one thing that a subscription consists of.
    async fn update_subscription_item(
        &self,
        id: &SubscriptionItemId,
        edit: &EditItem,
        proration: Proration,
        key: &str,
    ) -> Result<SubscriptionItem, VendorError>;
    /// Takes one thing out of a subscription. One that is gone already is a success.
    async fn remove_subscription_item(&self, id: &SubscriptionItemId, proration: Proration) -> Result<(), VendorError>;

    /// Makes a product.
    async fn create_product(&self, new: &NewProduct, key: &str) -> Result<Product, VendorError>;
    /// A product.
    async fn product(&self, id: &ProductId) -> Result<Product, VendorError>;
    /// Products on sale, newest first.
    async fn products(&self, page: &Slice) -> Result<Listed<Product>, VendorError>;
    /// Makes a price of a product.
    async fn create_price(&self, new: &NewPrice, key: &str) -> Result<Price, VendorError>;
    /// A price.
    async fn price(&self, id: &PriceId) -> Result<Price, VendorError>;
    /// Prices in use, newest first.
    async fn prices(&self, wanted: &PriceFilter, page: &Slice) -> Result<Listed<Price>, VendorError>;

    /// An invoice.
    async fn invoice(&self, id: &InvoiceId) -> Result<Invoice, VendorError>;
    /// Invoices, newest first.
    async fn invoices(&self, wanted: &InvoiceFilter, page: &Slice) -> Result<Listed<Invoice>, VendorError>;
    /// The next invoice of a subscription as it would be now, or after these changes. Nothing is made.
    async fn preview_invoice(&self, of: &SubscriptionId, after: &[ItemChange]) -> Result<Invoice, VendorError>;
    /// Makes a draft definite.
    async fn finalize_invoice(&self, id: &InvoiceId, key: &str) -> Result<Invoice, VendorError>;
    /// Charges an open invoice now, with what its subscription or customer pays with unless told otherwise.
    async fn pay_invoice(
        &self,
        id: &InvoiceId,
        with: Option<PaymentMethodId>,
        key: &str,
    ) -> Result<Invoice, VendorError>;
    /// Voids an open invoice: nobody owes it any more.
    async fn void_invoice(&self, id: &InvoiceId, key: &str) -> Result<Invoice, VendorError>;

    /// Gives money back, all that is left or less.
    async fn create_refund(&self, new: &NewRefund, key: &str) -> Result<Refund, VendorError>;
    /// A refund.
    async fn refund(&self, id: &RefundId) -> Result<Refund, VendorError>;
    /// Refunds, newest first.
    async fn refunds(&self, wanted: &RefundFilter, page: &Slice) -> Result<Listed<Refund>, VendorError>;
    /// A dispute.
    async fn dispute(&self, id: &DisputeId) -> Result<Dispute, VendorError>;
    /// Disputes, newest first.
    async fn disputes(&self, page: &Slice) -> Result<Listed<Dispute>, VendorError>;

    /// Makes a meter, which adds up what customers use.
    async fn create_meter(&self, new: &NewMeter, key: &str) -> Result<Meter, VendorError>;
    /// Meters in use, newest first.
    async fn meters(&self, page: &Slice) -> Result<Listed<Meter>, VendorError>;
    /// Tells a meter of use. [`UsageEvent::identifier`] is what counts it once (at least 24 h), and is the key too. A
    /// second event with that identifier is refused or swallowed, never counted.
    async fn record_usage(&self, usage: &UsageEvent) -> Result<(), VendorError>;
    /// What a customer used, as far as the vendor has added it up.
    async fn usage(&self, wanted: &UsageFilter, page: &Slice) -> Result<Listed<UsageSummary>, VendorError>;

    /// What happened, newest first, up to 30 days back: what no delivery told is found here.
    async fn events(&self, wanted: &EventFilter, page: &Slice) -> Result<Listed<BillingEvent>, VendorError>;
    /// The account's money.
    async fn balance(&self) -> Result<Balance, VendorError>;
}

/// A request that breaks a bound of the port, before anything is sent.
fn out_of_bounds(vendor: &'static str, message: &'static str) -> VendorError {
    VendorError::new(vendor, Fault::Request, Sent::No, message)
}

/// Refuses a key that no vendor takes: empty, longer than 255 characters, or with control characters.
///
/// # Errors
/// [`Fault::Request`], with nothing sent.
pub fn check_key(vendor: &'static str, key: &str) -> Result<(), VendorError> {
    if (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(out_of_bounds(vendor, "a key must have 1 to 255 visible characters of ASCII"))
}
