//! Ids, states and codes.

use std::{convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ports::{Fault, VendorError};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);
        impl $name {
            /// The vendor's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}
ids! {
    /// The vendor's id of a customer.
    CustomerId;
    /// The vendor's id of a payment method.
    PaymentMethodId;
    /// The vendor's id of a setup.
    SetupIntentId;
    /// The vendor's id of a payment.
    PaymentIntentId;
    /// The vendor's id of a charge: one attempt to move the money of a payment.
    ChargeId;
    /// The vendor's id of a checkout session.
    CheckoutId;
    /// The vendor's id of a portal session.
    PortalId;
    /// The vendor's id of a subscription.
    SubscriptionId;
    /// The vendor's id of one thing in a subscription.
    SubscriptionItemId;
    /// The vendor's id of a product.
    ProductId;
    /// The vendor's id of a price.
    PriceId;
    /// The vendor's id of an invoice.
    InvoiceId;
    /// The vendor's id of a line of an invoice.
    InvoiceLineId;
    /// The vendor's id of a refund.
    RefundId;
    /// The vendor's id of a dispute.
    DisputeId;
    /// The vendor's id of a meter.
    MeterId;
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word that this version does not know.
            Other(String),
        }
        impl $name {
            /// The words that this version knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];
            /// The word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(word) => word,
                }
            }
        }
        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }
        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::from(word.as_str())
            }
        }
        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.as_str().to_owned()
            }
        }
        impl FromStr for $name {
            type Err = Infallible;
            fn from_str(word: &str) -> Result<Self, Infallible> {
                Ok(Self::from(word))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}
words! {
    /// What a payment method is.
    PaymentMethodKind {
        /// A card.
        Card = "card",
        /// A bank account in the United States.
        UsBankAccount = "us_bank_account",
        /// A bank account in the euro area.
        SepaDebit = "sepa_debit",
        /// The vendor's own wallet.
        Link = "link",
    }
    /// How saving a payment method stands.
    SetupStatus {
        /// No payment method yet, or the last one was refused.
        RequiresPaymentMethod = "requires_payment_method",
        /// Waits to be confirmed.
        RequiresConfirmation = "requires_confirmation",
        /// The payer must do something, such as confirming at the bank.
        RequiresAction = "requires_action",
        /// Under way.
        Processing = "processing",
        /// Given up.
        Canceled = "canceled",
        /// Saved.
        Succeeded = "succeeded",
    }
    /// How a payment stands.
    PaymentStatus {
        /// No payment method yet, or the last one was declined.
        RequiresPaymentMethod = "requires_payment_method",
        /// Waits to be confirmed.
        RequiresConfirmation = "requires_confirmation",
        /// The payer must do something, such as confirming at the bank.
        RequiresAction = "requires_action",
        /// Under way; banks may take days.
        Processing = "processing",
        /// The money is reserved, to be captured.
        RequiresCapture = "requires_capture",
        /// Given up.
        Canceled = "canceled",
        /// Paid.
        Succeeded = "succeeded",
    }
    /// How one attempt to move money stands.
    ChargeStatus {
        /// Under way.
        Pending = "pending",
        /// The money moved.
        Succeeded = "succeeded",
        /// It did not.
        Failed = "failed",
    }
    /// What a checkout is for.
    CheckoutMode {
        /// One payment.
        Payment = "payment",
        /// Saving a payment method.
        Setup = "setup",
        /// A subscription.
        Subscription = "subscription",
    }
    /// How a checkout stands.
    CheckoutStatus {
        /// Nobody has finished it.
        Open = "open",
        /// Done; the money may still be under way.
        Complete = "complete",
        /// Closed.
        Expired = "expired",
    }
    /// How a checkout's money stands.
    CheckoutPayment {
        /// Nothing is to be paid.
        NotRequired = "no_payment_required",
        /// Paid.
        Paid = "paid",
        /// Not yet.
        Unpaid = "unpaid",
    }
    /// How a subscription stands.
    SubscriptionStatus {
        /// Paid and running.
        Active = "active",
        /// Free until the trial ends.
        Trialing = "trialing",
        /// An invoice was not paid; the vendor tries again.
        PastDue = "past_due",
        /// Invoices are open, and the vendor has given up trying.
        Unpaid = "unpaid",
        /// The first invoice waits to be paid.
        Incomplete = "incomplete",
        /// The first invoice was never paid.
        IncompleteExpired = "incomplete_expired",
        /// A trial ended without a payment method.
        Paused = "paused",
        /// Ended.
        Canceled = "canceled",
    }
    /// How an invoice stands.
    InvoiceStatus {
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
    }
    /// Why an invoice was made.
    InvoiceReason {
        /// A subscription began.
        SubscriptionCreate = "subscription_create",
        /// Its next period began.
        SubscriptionCycle = "subscription_cycle",
        /// It was changed.
        SubscriptionUpdate = "subscription_update",
        /// Somebody made it by hand.
        Manual = "manual",
        /// Only looked at.
        Upcoming = "upcoming",
    }
    /// How a refund stands.
    RefundStatus {
        /// Under way.
        Pending = "pending",
        /// The payer must do something.
        RequiresAction = "requires_action",
        /// Given back.
        Succeeded = "succeeded",
        /// The bank did not take it.
        Failed = "failed",
        /// Withdrawn.
        Canceled = "canceled",
    }
    /// Why money is given back.
    RefundReason {
        /// Charged twice.
        Duplicate = "duplicate",
        /// Fraud.
        Fraudulent = "fraudulent",
        /// The payer asked for it.
        RequestedByCustomer = "requested_by_customer",
        /// A reservation ran out before it was captured.
        ExpiredUncapturedCharge = "expired_uncaptured_charge",
    }
    /// How a dispute stands.
    DisputeStatus {
        /// An inquiry that wants an answer.
        WarningNeedsResponse = "warning_needs_response",
        /// An inquiry that is looked at.
        WarningUnderReview = "warning_under_review",
        /// An inquiry that became no dispute.
        WarningClosed = "warning_closed",
        /// Wants evidence by [`Dispute::evidence_due`](super::Dispute::evidence_due).
        NeedsResponse = "needs_response",
        /// The bank looks at the evidence.
        UnderReview = "under_review",
        /// Ours.
        Won = "won",
        /// The payer's.
        Lost = "lost",
        /// Settled by a refund before it began.
        Prevented = "prevented",
    }
    /// Length of a period.
    Interval {
        /// Days.
        Day = "day",
        /// Weeks.
        Week = "week",
        /// Months.
        Month = "month",
        /// Years.
        Year = "year",
    }
    /// What a price multiplies.
    PriceUsage {
        /// A quantity that is set.
        Licensed = "licensed",
        /// What a meter added up.
        Metered = "metered",
    }
    /// How a meter adds up.
    Aggregation {
        /// Sum of the values.
        Sum = "sum",
        /// Number of the events.
        Count = "count",
        /// The latest value.
        Last = "last",
    }
    /// Why a bank or the vendor declined.
    Decline {
        /// No reason given.
        CardDeclined = "card_declined",
        /// The bank gives no other reason.
        Generic = "generic_decline",
        /// Not enough money.
        InsufficientFunds = "insufficient_funds",
        /// Reported lost. Never to be told to the payer.
        LostCard = "lost_card",
        /// Reported stolen. Never to be told to the payer.
        StolenCard = "stolen_card",
        /// Out of date.
        ExpiredCard = "expired_card",
        /// The security code is wrong.
        IncorrectCvc = "incorrect_cvc",
        /// The number is wrong.
        IncorrectNumber = "incorrect_number",
        /// Something failed on the way: trying later may help.
        ProcessingError = "processing_error",
        /// The payer must confirm at the bank.
        AuthenticationRequired = "authentication_required",
        /// The bank refuses without more words.
        DoNotHonor = "do_not_honor",
        /// Suspected fraud. Never to be told to the payer.
        Fraudulent = "fraudulent",
        /// Too many or too much in a short time.
        VelocityExceeded = "card_velocity_exceeded",
        /// The card may not do this kind of payment.
        NotPermitted = "transaction_not_allowed",
        /// The account is closed.
        AccountClosed = "account_closed",
        /// The debit was refused by the account's bank.
        DebitNotAuthorized = "debit_not_authorized",
    }
}

impl Decline {
    /// Why this failure is a decline; `None` when it is another kind of failure.
    #[must_use]
    pub fn of(error: &VendorError) -> Option<Self> {
        (error.fault == Fault::Declined).then(|| error.code.as_deref().map_or(Self::CardDeclined, Self::from))
    }
}

/// A secret with which the payer's own browser goes on with a payment. `Debug` never shows it, and it is not kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientSecret(String);
impl ClientSecret {
    /// The secret, for the payer's browser alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
impl From<String> for ClientSecret {
    fn from(text: String) -> Self {
        Self(text)
    }
}
impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
