use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    CollectionPayment, Frequency, Instalment, PayBy, PaymentPlan, PlanId, PlanStatus, ScheduledPayment,
    ScheduledPaymentId, ScheduledStatus,
    instalments::{MOST, day, instalments},
};
use crate::{
    collections::{Account, AccountId, subject},
    imports::AccountStatus,
    kit::{Error, List, OrNotFound, Result, Role, Stretch, text, time},
    store::{OrgTx, Repo, ScheduledFilter},
    wib::Org,
};

/// The most payments of a plan that are read: a down payment and the others.
const PARTS: i64 = 601;

/// A payment of a plan whose days are named one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedPayment {
    /// On which day.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub date: Date,
    /// How much, in minor units.
    pub minor: i64,
}

/// Makes a payment plan of a debt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatePlan {
    /// Of which debt.
    pub account_id: AccountId,
    /// All of it, in minor units of the debt's currency; what is owed at most.
    pub total_minor: i64,
    /// Paid on the first day, before the payments begin one step later.
    #[serde(default)]
    pub down_minor: i64,
    /// How large each payment is but the last; equal ones by default.
    #[serde(default)]
    pub installment_minor: Option<i64>,
    /// How far apart they are.
    #[serde(default)]
    pub frequency: Frequency,
    /// How many there are, without the one on the first day.
    pub num_payments: usize,
    /// The first day; today by default, in UTC.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub start_on: Option<Date>,
    /// Every payment by name, instead of what is computed; they sum up to the total.
    #[serde(default)]
    pub schedule: Option<Vec<PlannedPayment>>,
    /// How they are taken; by a member's hand by default.
    #[serde(default)]
    pub pay_by: PayBy,
    /// The person at the billing vendor; needed for a saved payment method.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// With what it is paid there; needed for a saved payment method.
    #[serde(default)]
    pub payment_method: Option<String>,
}
impl CreatePlan {
    /// So many equal payments by hand, a month apart, from today on.
    #[must_use]
    pub fn of(account_id: AccountId, total_minor: i64, num_payments: usize) -> Self {
        Self {
            account_id,
            total_minor,
            down_minor: 0,
            installment_minor: None,
            frequency: Frequency::default(),
            num_payments,
            start_on: None,
            schedule: None,
            pay_by: PayBy::default(),
            customer_id: None,
            payment_method: None,
        }
    }
    fn instalments(&self, today: Date) -> Result<Vec<Instalment>> {
        if let Some(schedule) = &self.schedule {
            if !(1..=MOST).contains(&schedule.len()) || schedule.iter().any(|one| one.minor <= 0) {
                return Err(Error::field("schedule", format!("must have 1 to {MOST} payments of more than nothing")));
            }
            let sum = schedule.iter().try_fold(0i64, |sum, one| sum.checked_add(one.minor));
            if sum != Some(self.total_minor) {
                return Err(Error::field("schedule", "does not sum up to the total"));
            }
            let mut all: Vec<_> =
                schedule.iter().map(|one| Instalment { due_on: one.date, minor: one.minor }).collect();
            all.sort_by_key(|one| one.due_on);
            return Ok(all);
        }
        let first = self.start_on.unwrap_or(today);
        let rest = self.total_minor - self.down_minor;
        if self.down_minor == 0 {
            return instalments(rest, self.num_payments, self.installment_minor, first, self.frequency);
        }
        if self.down_minor < 0 || rest <= 0 {
            return Err(Error::field("down_payment", "must be less than the total"));
        }
        let parts = instalments(rest, self.num_payments, self.installment_minor, first, self.frequency)?;
        let down = Instalment { due_on: first, minor: self.down_minor };
        let later = |(n, part): (i64, Instalment)| Ok(Instalment { due_on: day(first, self.frequency, n)?, ..part });
        std::iter::once(Ok(down)).chain((1..).zip(parts).map(later)).collect()
    }
}

/// Lists payment plans, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListPlans {
    /// Those of that debt.
    pub account_id: Option<AccountId>,
    /// Those that stand so.
    pub status: Option<PlanStatus>,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

/// Lists scheduled payments, the latest day first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListScheduled {
    /// Those of that debt.
    pub account_id: Option<AccountId>,
    /// Those of that plan.
    pub plan_id: Option<PlanId>,
    /// Those that stand so.
    pub status: Option<ScheduledStatus>,
    /// Those of today alone, in UTC.
    pub today: bool,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

impl Org {
    /// Makes a payment plan and its payments. Charging needs an authorisation besides
    /// ([`authorize_payments`](Self::authorize_payments)).
    ///
    /// # Errors
    /// `Invalid` naming the field, and for more than is owed; `Conflict` when the debt is paid by a plan already, or is
    /// disputed or closed; `NotFound`; `Forbidden` below agent.
    pub async fn create_plan(&self, command: CreatePlan) -> Result<PaymentPlan> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        if command.total_minor <= 0 {
            return Err(Error::field("total_amount", "must be more than nothing"));
        }
        let customer_id = text::optional("customer_id", command.customer_id.clone(), 255)?;
        let payment_method = text::optional("payment_method", command.payment_method.clone(), 255)?;
        if command.pay_by == PayBy::Saved && (customer_id.is_none() || payment_method.is_none()) {
            return Err(Error::field("payment_method", "is required, with its customer, to be charged"));
        }
        let parts = command.instalments(time::day_of(now))?;
        let mut tx = self.tx().await?;
        let (_, account) = subject(&mut *tx, None, Some(command.account_id)).await?;
        let account = account.or_not_found("account")?;
        if !matches!(account.status, AccountStatus::Active | AccountStatus::Partial) {
            return Err(Error::conflict(format!("a debt that is {} is not paid by a plan", account.status)));
        }
        if command.total_minor > account.balance_minor {
            return Err(Error::field("total_amount", "is more than is owed (12 CFR 1006.22(b))"));
        }
        if tx.active_plan(account.id).await?.is_some() {
            return Err(Error::conflict("the debt is paid by a plan already"));
        }
        let plan = PaymentPlan {
            id: self.wib.id(),
            account_id: account.id,
            total_minor: command.total_minor,
            currency: account.currency,
            frequency: command.frequency,
            pay_by: command.pay_by,
            status: PlanStatus::Active,
            installments: i64::try_from(parts.len()).unwrap_or(i64::MAX),
            completed_count: 0,
            failed_count: 0,
            next_on: parts.first().map(|one| one.due_on),
            created_by: self.actor().user(),
            created_at: now,
            updated_at: now,
        };
        tx.insert(&plan).await?;
        for (number, part) in (1..).zip(&parts) {
            let payment = ScheduledPayment {
                id: self.wib.id(),
                account_id: account.id,
                plan_id: Some(plan.id),
                number,
                amount_minor: part.minor,
                currency: account.currency,
                due_on: part.due_on,
                pay_by: command.pay_by,
                customer_id: customer_id.clone(),
                payment_method: payment_method.clone(),
                status: ScheduledStatus::Pending,
                attempts: 0,
                max_attempts: ScheduledPayment::MOST_ATTEMPTS,
                charge_minor: None,
                claimed_at: None,
                vendor_payment_id: None,
                last_error: None,
                completed_at: None,
                created_at: now,
                updated_at: now,
            };
            tx.insert(&payment).await?;
        }
        let about = ("payment_plan", Some(plan.id.uuid()));
        let told = json!({
            "account_id": plan.account_id, "total_minor": plan.total_minor, "currency": plan.currency,
            "installments": plan.installments, "frequency": plan.frequency, "pay_by": plan.pay_by,
        });
        self.audit("payment:plan_created", about).is(&told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(plan)
    }

    /// Takes a plan back; its payments are not owed by it any more. What the vendor is being asked for is not stopped.
    ///
    /// # Errors
    /// `Conflict` when it is over; `NotFound`; `Forbidden` below agent.
    pub async fn cancel_plan(&self, id: PlanId) -> Result<PaymentPlan> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        let found: PaymentPlan = Repo::find(&mut *tx, id).await?.or_not_found("payment plan")?;
        let account: Account = Repo::find(&mut *tx, found.account_id).await?.or_not_found("account")?;
        tx.lock_person(account.person_id).await?;
        let mut plan = tx.lock_plan(id).await?.or_not_found("payment plan")?;
        plan.status = plan.status.to(PlanStatus::Canceled)?;
        let open = [ScheduledStatus::Pending, ScheduledStatus::AwaitingManual, ScheduledStatus::Failed];
        for mut payment in tx.payments_of_plan(id, PARTS).await? {
            if open.contains(&payment.status) {
                payment.status = payment.status.to(ScheduledStatus::Canceled)?;
                payment.updated_at = now;
                tx.update(&payment).await?;
            }
        }
        (plan.next_on, plan.updated_at) = (None, now);
        tx.update(&plan).await?;
        let line = self.audit("payment:plan_canceled", ("payment_plan", Some(id.uuid())));
        line.changed(&json!({"status": found.status}), &json!({"status": plan.status})).write(&mut *tx).await;
        tx.commit().await?;
        Ok(plan)
    }

    /// Puts a payment that failed, or waits for a member, onto another day.
    ///
    /// # Errors
    /// `Conflict` when it may not be tried again; `Invalid` for a day in the past; `NotFound`; `Forbidden` below agent.
    pub async fn reschedule_payment(&self, id: ScheduledPaymentId, due_on: Date) -> Result<ScheduledPayment> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        if due_on < time::day_of(now) {
            return Err(Error::field("due_on", "lies in the past"));
        }
        let mut tx = self.tx().await?;
        let mut payment = tx.lock_scheduled(id).await?.or_not_found("scheduled payment")?;
        let old = json!({"status": payment.status, "due_on": payment.due_on});
        if payment.attempts >= payment.max_attempts {
            return Err(Error::conflict("it was tried as often as it may be"));
        }
        payment.status = payment.status.to(ScheduledStatus::Pending)?;
        (payment.due_on, payment.last_error, payment.updated_at) = (due_on, None, now);
        tx.update(&payment).await?;
        let line = self.audit("payment:rescheduled", ("scheduled_payment", Some(id.uuid())));
        line.changed(&old, &json!({"status": payment.status, "due_on": payment.due_on})).write(&mut *tx).await;
        tx.commit().await?;
        Ok(payment)
    }

    /// A payment plan and its payments, by their number.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn plan(&self, id: PlanId) -> Result<(PaymentPlan, Vec<ScheduledPayment>)> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let plan: PaymentPlan = Repo::find(&mut *tx, id).await?.or_not_found("payment plan")?;
        let payments = tx.payments_of_plan(id, PARTS).await?;
        Ok((plan, payments))
    }

    /// Payment plans, newest first.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn list_plans(&self, query: ListPlans) -> Result<List<PaymentPlan>> {
        self.at_least(Role::Viewer)?;
        let stretch = Stretch::new(query.limit, query.offset, 50, 200);
        self.tx().await?.list_plans(query.account_id, query.status, stretch).await
    }

    /// Scheduled payments, the latest day first.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn list_scheduled(&self, query: ListScheduled) -> Result<List<ScheduledPayment>> {
        self.at_least(Role::Viewer)?;
        let today = time::day_of(self.wib.now());
        let filter = ScheduledFilter {
            account: query.account_id,
            plan: query.plan_id,
            status: query.status,
            day: query.today.then_some(today),
        };
        let stretch = Stretch::new(query.limit, query.offset, 50, 200);
        self.tx().await?.list_scheduled(filter, stretch).await
    }
}

/// What a payment that was made, or failed for good, means for its plan: read off all its payments.
pub(super) async fn follow(
    tx: &mut dyn OrgTx,
    mut plan: PaymentPlan,
    now: crate::kit::Timestamp,
) -> Result<PaymentPlan> {
    let all = tx.payments_of_plan(plan.id, PARTS).await?;
    let stand = |status| all.iter().filter(|one| one.status == status).count();
    let open = |one: &&ScheduledPayment| {
        matches!(one.status, ScheduledStatus::Pending | ScheduledStatus::Processing | ScheduledStatus::AwaitingManual)
    };
    plan.completed_count = i64::try_from(stand(ScheduledStatus::Completed)).unwrap_or(i64::MAX);
    plan.next_on = all.iter().filter(open).map(|one| one.due_on).min();
    plan.updated_at = now;
    if plan.status == PlanStatus::Active {
        if plan.next_on.is_none() && stand(ScheduledStatus::Failed) == 0 {
            plan.status = plan.status.to(PlanStatus::Completed)?;
        } else if plan.failed_count >= PaymentPlan::MOST_FAILURES {
            plan.status = plan.status.to(PlanStatus::Defaulted)?;
        }
    }
    tx.update(&plan).await?;
    Ok(plan)
}

/// Lowers what is owed by what was paid, never below nothing; a dispute and an archive outlast it.
pub(super) async fn lower(tx: &mut dyn OrgTx, account: &Account, minor: i64) -> Result<Account> {
    let mut account = account.clone();
    account.balance_minor = account.balance_minor.saturating_sub(minor).max(0);
    if matches!(account.status, AccountStatus::Active | AccountStatus::Partial | AccountStatus::Paid) {
        account.status = if account.balance_minor == 0 { AccountStatus::Paid } else { AccountStatus::Partial };
    }
    tx.update(&account).await?;
    Ok(account)
}

/// How a booked payment is told in the audit log.
pub(super) fn told(payment: &CollectionPayment, account: &Account) -> serde_json::Value {
    json!({
        "account_id": payment.account_id, "amount_minor": payment.amount_minor, "currency": payment.currency,
        "pay_by": payment.pay_by, "plan_id": payment.plan_id, "scheduled_payment_id": payment.scheduled_payment_id,
        "balance_minor": account.balance_minor, "status": account.status,
    })
}
