//! What persons agreed to pay, by which plan, and what they paid.
//!
//! | a scheduled payment is | because | then |
//! |---|---|---|
//! | `pending` | its day has not come, or a charge was declined and may be tried again | `processing`, `awaiting_manual`, `completed`, `failed`, `canceled` |
//! | `processing` | the vendor is asked | `completed`, `pending`, `failed` |
//! | `awaiting_manual` | a member is to take it | `completed`, `canceled`, `pending` |
//! | `failed` | it was declined as often as it may be, or may not be charged | `pending`, `completed`, `canceled` |
//! | `completed`, `canceled` | it was paid, or is not owed any more | nothing more |
//!
//! Nobody is charged twice: a row is `processing` before the vendor is asked, the vendor's key is made of the payment and
//! its attempt, and what the vendor did is booked in one transaction. A row that stays `processing` is asked after.

mod authorize;
mod charge;
mod instalments;
mod plan;
mod record;

pub use authorize::AuthorizePayments;
pub(crate) use charge::{Charged, DOUBT, charge, look_after, vendor_told};
pub use instalments::{Instalment, instalments};
use jiff::civil::Date;
pub use plan::{CreatePlan, ListPlans, ListScheduled, PlannedPayment};
pub use record::{ListPayments, RecordPayment};
use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    calls::CallId,
    collections::AccountId,
    kit::{Currency, Error, Id, Money, Result, time::Timestamp},
    store::Record,
    text_enum,
};

/// The id of a payment plan.
pub type PlanId = Id<PaymentPlan>;
/// The id of a scheduled payment.
pub type ScheduledPaymentId = Id<ScheduledPayment>;

text_enum! {
    /// How far apart the payments of a plan are.
    #[derive(Default)]
    pub enum Frequency {
        /// Seven days.
        Weekly = "weekly",
        /// Fourteen days.
        Biweekly = "biweekly",
        /// A month, on the day of the first or the last day of a shorter month.
        #[default]
        Monthly = "monthly",
    }
}

text_enum! {
    /// How a payment is taken.
    #[derive(Default)]
    pub enum PayBy {
        /// With a payment method that the billing vendor keeps.
        Saved = "saved",
        /// By a member's hand.
        #[default]
        Manual = "manual",
    }
}

text_enum! {
    /// How a plan stands.
    pub enum PlanStatus {
        /// It is paid by.
        Active = "active",
        /// Everything was paid.
        Completed = "completed",
        /// Too many of its payments failed.
        Defaulted = "defaulted",
        /// It was taken back.
        Canceled = "canceled",
    }
}
impl PlanStatus {
    /// The next status, when a plan may go there.
    ///
    /// # Errors
    /// `Conflict`: a plan that is over stays so.
    pub fn to(self, next: Self) -> Result<Self> {
        if self == Self::Active && next != Self::Active {
            return Ok(next);
        }
        Err(Error::conflict(format!("a plan that is {self} cannot become {next}")))
    }
}

text_enum! {
    /// How a scheduled payment stands.
    pub enum ScheduledStatus {
        /// To be taken on its day.
        Pending = "pending",
        /// The vendor is asked.
        Processing = "processing",
        /// Paid.
        Completed = "completed",
        /// Given up.
        Failed = "failed",
        /// A member is to take it.
        AwaitingManual = "awaiting_manual",
        /// Not owed any more.
        Canceled = "canceled",
    }
}
impl ScheduledStatus {
    /// The next status, when a payment may go there.
    ///
    /// # Errors
    /// `Conflict`.
    pub fn to(self, next: Self) -> Result<Self> {
        let may = match self {
            Self::Pending => matches!(
                next,
                Self::Processing | Self::AwaitingManual | Self::Completed | Self::Failed | Self::Canceled
            ),
            // What the vendor was asked can only be told by the vendor.
            Self::Processing => matches!(next, Self::Completed | Self::Pending | Self::Failed),
            Self::AwaitingManual => matches!(next, Self::Completed | Self::Canceled | Self::Pending),
            Self::Failed => matches!(next, Self::Pending | Self::Completed | Self::Canceled),
            Self::Completed | Self::Canceled => false,
        };
        if may { Ok(next) } else { Err(Error::conflict(format!("a payment that is {self} cannot become {next}"))) }
    }
}

/// An agreement to pay a debt in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentPlan {
    /// Its id.
    pub id: PlanId,
    /// Of which debt; one active plan each.
    pub account_id: AccountId,
    /// All of it, in minor units.
    pub total_minor: i64,
    /// Of what.
    pub currency: Currency,
    /// How far apart its payments are.
    pub frequency: Frequency,
    /// How they are taken.
    pub pay_by: PayBy,
    /// How it stands.
    pub status: PlanStatus,
    /// How many payments it has.
    pub installments: i64,
    /// How many were paid.
    pub completed_count: i64,
    /// How many failed.
    pub failed_count: i64,
    /// The day of the next one.
    pub next_on: Option<Date>,
    /// Which member made it.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl PaymentPlan {
    /// Failed payments with which a plan is given up.
    pub const MOST_FAILURES: i64 = 3;
}
impl Record for PaymentPlan {
    const NAME: &'static str = "payment plan";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A payment that is to be taken on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledPayment {
    /// Its id.
    pub id: ScheduledPaymentId,
    /// Of which debt.
    pub account_id: AccountId,
    /// Of which plan.
    pub plan_id: Option<PlanId>,
    /// Its place in the plan, from 1.
    pub number: i64,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Of what.
    pub currency: Currency,
    /// On which day.
    pub due_on: Date,
    /// How it is taken.
    pub pay_by: PayBy,
    /// The person at the billing vendor.
    pub customer_id: Option<String>,
    /// With what it is paid there.
    pub payment_method: Option<String>,
    /// How it stands.
    pub status: ScheduledStatus,
    /// How often the vendor was asked.
    pub attempts: i64,
    /// How often it may be.
    pub max_attempts: i64,
    /// How much the vendor is asked for: never more than is owed.
    pub charge_minor: Option<i64>,
    /// When the vendor was last asked.
    pub claimed_at: Option<Timestamp>,
    /// The vendor's payment of the last attempt, once known.
    pub vendor_payment_id: Option<String>,
    /// Why it was not paid.
    pub last_error: Option<String>,
    /// When it was paid.
    pub completed_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl ScheduledPayment {
    /// Most attempts: a returned debit may be presented twice more (Nacha Operating Rules).
    pub const MOST_ATTEMPTS: i64 = 3;
    /// How much.
    #[must_use]
    pub const fn amount(&self) -> Money {
        Money { minor: self.amount_minor, currency: self.currency }
    }
    /// The vendor's key of the current attempt: the same attempt is one charge, however often it is asked for.
    #[must_use]
    pub fn key(&self) -> String {
        format!("scheduled-payment:{}:{}", self.id, self.attempts)
    }
}
impl Record for ScheduledPayment {
    const NAME: &'static str = "scheduled payment";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A payment that was made. Only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionPayment {
    /// Its id.
    pub id: Id<CollectionPayment>,
    /// Of which debt.
    pub account_id: AccountId,
    /// By which plan.
    pub plan_id: Option<PlanId>,
    /// The scheduled payment that it fulfils; one each.
    pub scheduled_payment_id: Option<ScheduledPaymentId>,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Of what.
    pub currency: Currency,
    /// How it was taken.
    pub pay_by: PayBy,
    /// Which vendor moved the money.
    pub vendor: Option<String>,
    /// The vendor's id of it; booked once.
    pub vendor_payment_id: Option<String>,
    /// A member's word for it: the number of a cheque, of a receipt.
    pub reference: Option<String>,
    /// False when no real money moved.
    pub live: bool,
    /// When it was paid.
    pub paid_at: Timestamp,
    /// Which member wrote it down.
    pub recorded_by: Option<UserId>,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for CollectionPayment {
    const NAME: &'static str = "payment";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// How a person said that payments may be taken.
    pub enum AuthorizationForm {
        /// On paper, signed.
        Written = "written",
        /// With an electronic signature (15 U.S.C. 7001).
        Electronic = "electronic",
        /// By voice, and it was recorded.
        Recorded = "recorded",
    }
}

/// A person's word that payments of a debt may be taken with a payment method (12 CFR 1005.10(b)). It is kept two years
/// after its end and longer (12 CFR 1005.13(b)): it is never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAuthorization {
    /// Its id.
    pub id: Id<PaymentAuthorization>,
    /// Payments of which debt.
    pub account_id: AccountId,
    /// With what, as the billing vendor calls it.
    pub payment_method: String,
    /// How it was said.
    pub form: AuthorizationForm,
    /// Whether more than one payment may be taken.
    pub recurring: bool,
    /// The most of one payment, in minor units of the debt's currency.
    pub most_minor: i64,
    /// What proves it: a document's or a recording's name.
    pub evidence: String,
    /// In which call.
    pub call_id: Option<CallId>,
    /// When it was said.
    pub given_at: Timestamp,
    /// When the person was given a copy.
    pub copy_sent_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// Which member wrote it down.
    pub recorded_by: Option<UserId>,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for PaymentAuthorization {
    const NAME: &'static str = "payment authorization";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// Why an authorisation does not let a payment be taken.
    pub enum Unauthorized {
        /// There is none for that payment method.
        None = "no_authorization",
        /// It was taken back.
        Revoked = "authorization_revoked",
        /// It is for one payment, and this is one of several (12 CFR 1005.10(b)).
        OnceOnly = "authorization_for_one_payment",
        /// The person has no copy of it (12 CFR 1005.10(b)).
        NoCopy = "authorization_copy_not_sent",
        /// The payment is larger.
        TooMuch = "amount_not_authorized",
    }
}

impl PaymentAuthorization {
    /// Whether a payment of that much may be taken with it now. `several`: it is one of several.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, method: &str, minor: i64, several: bool, now: Timestamp) -> Result<(), Unauthorized> {
        if self.payment_method != method || self.given_at > now {
            return Err(Unauthorized::None);
        }
        // A wish to stop counts at once, whatever notice the law allows us (12 CFR 1005.10(c)).
        if self.revoked_at.is_some() {
            return Err(Unauthorized::Revoked);
        }
        if several && !self.recurring {
            return Err(Unauthorized::OnceOnly);
        }
        if several && self.copy_sent_at.is_none_or(|at| at > now) {
            return Err(Unauthorized::NoCopy);
        }
        if minor > self.most_minor {
            return Err(Unauthorized::TooMuch);
        }
        Ok(())
    }
}

/// Whether one of a debt's authorisations lets a payment be taken; otherwise why the one that comes nearest does not.
///
/// # Errors
/// Why not.
pub fn authorized(
    all: &[PaymentAuthorization],
    method: &str,
    minor: i64,
    several: bool,
    now: Timestamp,
) -> Result<(), Unauthorized> {
    let mut nearest = Unauthorized::None;
    for one in all {
        match one.permits(method, minor, several, now) {
            Ok(()) => return Ok(()),
            Err(why) => nearest = nearest.max(why),
        }
    }
    Err(nearest)
}
