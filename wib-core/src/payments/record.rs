use serde::{Deserialize, Serialize};

use super::{
    CollectionPayment, PayBy, ScheduledPaymentId, ScheduledStatus,
    plan::{follow, lower, told},
};
use crate::{
    collections::{AccountId, subject},
    kit::{Error, List, OrNotFound, Result, Role, Stretch, text, time::Timestamp},
    wib::Org,
};

/// Writes down a payment that was made without the billing vendor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordPayment {
    /// Of which debt.
    pub account_id: AccountId,
    /// How much, in minor units of the debt's currency.
    pub amount_minor: i64,
    /// The scheduled payment that it fulfils.
    #[serde(default)]
    pub scheduled_payment_id: Option<ScheduledPaymentId>,
    /// A word for it, at most 200 characters: the number of a cheque, of a receipt.
    #[serde(default)]
    pub reference: Option<String>,
    /// When it was paid; now by default.
    #[serde(default)]
    pub paid_at: Option<Timestamp>,
}

/// Lists payments, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListPayments {
    /// Those of that debt.
    pub account_id: Option<AccountId>,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

impl Org {
    /// Writes down a payment: what is owed goes down, never below nothing, and the scheduled payment is done.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Conflict` when the scheduled payment is at the vendor or over; `NotFound`; `Forbidden`
    /// below agent.
    pub async fn record_payment(&self, command: RecordPayment) -> Result<CollectionPayment> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        if command.amount_minor <= 0 {
            return Err(Error::field("amount", "must be more than nothing"));
        }
        let paid_at = command.paid_at.unwrap_or(now);
        if paid_at > now {
            return Err(Error::field("paid_at", "lies in the future"));
        }
        let reference = text::optional("reference", command.reference, 200)?;
        let mut tx = self.tx().await?;
        let (_, account) = subject(&mut *tx, None, Some(command.account_id)).await?;
        let account = account.or_not_found("account")?;
        let mut plan_id = None;
        if let Some(id) = command.scheduled_payment_id {
            let mut payment = tx.lock_scheduled(id).await?.or_not_found("scheduled payment")?;
            if payment.account_id != account.id {
                return Err(Error::field("scheduled_payment_id", "is not a payment of the account"));
            }
            if payment.status == ScheduledStatus::Processing {
                return Err(Error::conflict("the vendor is being asked for this payment"));
            }
            payment.status = payment.status.to(ScheduledStatus::Completed)?;
            (payment.completed_at, payment.updated_at) = (Some(paid_at), now);
            tx.update(&payment).await?;
            plan_id = payment.plan_id;
        }
        let payment = CollectionPayment {
            id: self.wib.id(),
            account_id: account.id,
            plan_id,
            scheduled_payment_id: command.scheduled_payment_id,
            amount_minor: command.amount_minor,
            currency: account.currency,
            pay_by: PayBy::Manual,
            vendor: None,
            vendor_payment_id: None,
            reference,
            live: self.organization().live,
            paid_at,
            recorded_by: self.actor().user(),
            created_at: now,
        };
        tx.insert(&payment).await?;
        let account = lower(&mut *tx, &account, payment.amount_minor).await?;
        if let Some(id) = plan_id
            && let Some(plan) = tx.lock_plan(id).await?
        {
            follow(&mut *tx, plan, now).await?;
        }
        let about = ("payment", Some(payment.id.uuid()));
        self.audit("collection:payment_created", about).is(&told(&payment, &account)).write(&mut *tx).await;
        tx.commit().await?;
        Ok(payment)
    }

    /// Payments, newest first.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn list_payments(&self, query: ListPayments) -> Result<List<CollectionPayment>> {
        self.at_least(Role::Viewer)?;
        let stretch = Stretch::new(query.limit, query.offset, 50, 200);
        self.tx().await?.list_collected(query.account_id, stretch).await
    }
}
