//! What the vendor tells by itself.

use serde::{Deserialize, Serialize};

use super::{Charge, CheckoutSession, Customer, Dispute, Invoice, PaymentIntent, PaymentMethod, Subscription};
use crate::{kit::time::Timestamp, text_enum};

/// Something that happened at the vendor. Events may come twice, late, and in any order: what they hold is how the thing
/// stood [then](BillingEvent::at), and only asking tells how it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingEvent {
    /// The vendor's id of the event; repeats carry the same.
    pub id: String,
    /// When it happened, on the vendor's clock, to the second.
    pub at: Timestamp,
    /// Whether real money moves.
    pub live: bool,
    /// What happened.
    pub what: BillingEventKind,
}

/// What happened, and how the thing stood after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[non_exhaustive]
pub enum BillingEventKind {
    /// To a checkout.
    Checkout(CheckoutChange, CheckoutSession),
    /// To a subscription.
    Subscription(SubscriptionChange, Subscription),
    /// To an invoice.
    Invoice(InvoiceChange, Invoice),
    /// To a payment.
    Payment(PaymentChange, PaymentIntent),
    /// Money was given back, all of it or a part.
    Refunded(Charge),
    /// To a dispute.
    Dispute(DisputeChange, Dispute),
    /// To a payment method.
    PaymentMethod(PaymentMethodChange, PaymentMethod),
    /// To a customer.
    Customer(CustomerChange, Customer),
    /// A kind this version does not act on; kept by name.
    Other(String),
}

text_enum! {
    /// What happens to a checkout.
    #[non_exhaustive]
    pub enum CheckoutChange {
        /// Somebody finished it; [`CheckoutSession::payment`] says whether the money is there.
        Completed = "completed",
        /// Money that was under way has come.
        PaymentSucceeded = "payment_succeeded",
        /// Money that was under way will not come.
        PaymentFailed = "payment_failed",
        /// It was closed.
        Expired = "expired",
    }
}
text_enum! {
    /// What happens to a subscription.
    #[non_exhaustive]
    pub enum SubscriptionChange {
        /// It began.
        Created = "created",
        /// Something of it changed: its period, its status, its items.
        Updated = "updated",
        /// It ended.
        Deleted = "deleted",
        /// Its trial ends in three days.
        TrialWillEnd = "trial_will_end",
        /// It was paused.
        Paused = "paused",
        /// It goes on.
        Resumed = "resumed",
    }
}
text_enum! {
    /// What happens to an invoice.
    #[non_exhaustive]
    pub enum InvoiceChange {
        /// It was made.
        Created = "created",
        /// It became definite.
        Finalized = "finalized",
        /// It was paid.
        Paid = "paid",
        /// A charge for it was declined.
        PaymentFailed = "payment_failed",
        /// The payer must confirm a charge for it.
        PaymentActionRequired = "payment_action_required",
        /// Nobody owes it any more.
        Voided = "voided",
    }
}
text_enum! {
    /// What happens to a payment.
    #[non_exhaustive]
    pub enum PaymentChange {
        /// It was paid.
        Succeeded = "succeeded",
        /// It was declined.
        Failed = "failed",
        /// It is under way.
        Processing = "processing",
        /// It was given up.
        Canceled = "canceled",
    }
}
text_enum! {
    /// What happens to a dispute.
    #[non_exhaustive]
    pub enum DisputeChange {
        /// A payer began it.
        Created = "created",
        /// Something of it changed.
        Updated = "updated",
        /// It was decided.
        Closed = "closed",
        /// Its money was taken from us.
        FundsWithdrawn = "funds_withdrawn",
        /// Its money came back.
        FundsReinstated = "funds_reinstated",
    }
}
text_enum! {
    /// What happens to a payment method.
    #[non_exhaustive]
    pub enum PaymentMethodChange {
        /// It was saved with a customer.
        Attached = "attached",
        /// It was taken from its customer.
        Detached = "detached",
    }
}
text_enum! {
    /// What happens to a customer.
    #[non_exhaustive]
    pub enum CustomerChange {
        /// It was made.
        Created = "created",
        /// Something of it changed.
        Updated = "updated",
        /// It was deleted.
        Deleted = "deleted",
    }
}
