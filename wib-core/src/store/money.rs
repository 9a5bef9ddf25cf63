//! What is asked about payments, tasks, scores, and the organisation's own bills.

use async_trait::async_trait;
use jiff::civil::Date;

use super::{Edit, Repo};
use crate::{
    billing::{BillingAccount, BillingNote, DunningStep, KnownInvoice, KnownSubscription},
    collections::AccountId,
    kit::{Id, List, Result, Stretch, time::Timestamp},
    likelihood::{CollectionSettings, History, LikelihoodScore},
    payments::{
        CollectionPayment, PaymentAuthorization, PaymentPlan, PlanId, PlanStatus, ScheduledPayment, ScheduledPaymentId,
        ScheduledStatus,
    },
    tasks::{Task, TaskId, TaskKind, TaskStatus},
    usage::UsageStats,
};

/// Which scheduled payments are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScheduledFilter {
    /// Those of that debt.
    pub account: Option<AccountId>,
    /// Those of that plan.
    pub plan: Option<PlanId>,
    /// Those that stand so.
    pub status: Option<ScheduledStatus>,
    /// Those of that day.
    pub day: Option<Date>,
}

/// Questions about plans and payments.
#[async_trait]
pub trait Payments:
    Edit<PaymentPlan> + Edit<ScheduledPayment> + Edit<PaymentAuthorization> + Repo<CollectionPayment>
{
    /// The row, held against other writers until the end of the transaction.
    async fn lock_plan(&mut self, id: PlanId) -> Result<Option<PaymentPlan>>;
    /// The row, held against other writers until the end of the transaction.
    async fn lock_scheduled(&mut self, id: ScheduledPaymentId) -> Result<Option<ScheduledPayment>>;
    /// The plan that a debt is paid by.
    async fn active_plan(&mut self, account: AccountId) -> Result<Option<PaymentPlan>>;
    /// A plan's payments, by number, at most `limit`.
    async fn payments_of_plan(&mut self, plan: PlanId, limit: i64) -> Result<Vec<ScheduledPayment>>;
    /// A debt's authorisations, oldest first, at most `limit`.
    async fn authorizations(&mut self, account: AccountId, limit: i64) -> Result<Vec<PaymentAuthorization>>;
    /// Whether a payment of the vendor is booked.
    async fn collected(&mut self, vendor: &str, vendor_payment_id: &str) -> Result<bool>;
    /// Plans, newest first.
    async fn list_plans(
        &mut self,
        account: Option<AccountId>,
        status: Option<PlanStatus>,
        of: Stretch,
    ) -> Result<List<PaymentPlan>>;
    /// Scheduled payments, the latest day first.
    async fn list_scheduled(&mut self, filter: ScheduledFilter, of: Stretch) -> Result<List<ScheduledPayment>>;
    /// Payments that were made, newest first.
    async fn list_collected(&mut self, account: Option<AccountId>, of: Stretch) -> Result<List<CollectionPayment>>;
}

/// Questions about tasks.
#[async_trait]
pub trait Tasks: Edit<Task> {
    /// The row, held against other writers until the end of the transaction.
    async fn lock_task(&mut self, id: TaskId) -> Result<Option<Task>>;
    /// Adds the task unless one of its source is known; whether it was added.
    async fn note_task(&mut self, task: &Task) -> Result<bool>;
    /// Whether there is something of that kind left to do about the account, made since then.
    async fn has_open_task(&mut self, account: AccountId, kind: TaskKind, since: Timestamp) -> Result<bool>;
    /// Tasks, newest first.
    async fn list_tasks(
        &mut self,
        account: Option<AccountId>,
        status: Option<TaskStatus>,
        of: Stretch,
    ) -> Result<List<Task>>;
}

/// Questions about what an account is worth, and what was used.
#[async_trait]
pub trait Scores: Repo<LikelihoodScore> + Edit<CollectionSettings> + Repo<UsageStats> {
    /// What happened with open accounts, the largest debts first, at most `limit`; or with one account, whatever its
    /// status. Calls count from `since` on; a promise that is open at `now` and was due before is broken.
    async fn histories(
        &mut self,
        of: Option<AccountId>,
        since: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<(AccountId, History)>>;
    /// Adds or replaces the account's score, which keeps the id of the first: as it is kept.
    async fn put_score(&mut self, score: &LikelihoodScore) -> Result<LikelihoodScore>;
    /// The score of an account.
    async fn score_of(&mut self, account: AccountId) -> Result<Option<LikelihoodScore>>;
    /// Open accounts with a score below, computed since then, that nobody is to look at already; the lowest first, at most
    /// `limit`.
    async fn accounts_at_risk(&mut self, below: i64, since: Timestamp, limit: i64) -> Result<Vec<(AccountId, i64)>>;
    /// What the organisation wants of its collecting, once it was set.
    async fn collection_settings(&mut self) -> Result<Option<CollectionSettings>>;
    /// Adds or replaces what was used on its day.
    async fn put_usage_stats(&mut self, stats: &UsageStats) -> Result<()>;
    /// What was used from one day to another, by day, at most `limit`.
    async fn usage_stats(&mut self, from: Date, to: Date, limit: i64) -> Result<Vec<UsageStats>>;
}

/// Questions about the organisation's own bills.
#[async_trait]
pub trait Bills:
    Edit<BillingAccount> + Edit<KnownSubscription> + Edit<KnownInvoice> + Repo<BillingNote> + Repo<DunningStep>
{
    /// The customer that the organisation is.
    async fn billing_account(&mut self) -> Result<Option<BillingAccount>>;
    /// The same, held against other writers until the end of the transaction.
    async fn lock_billing_account(&mut self) -> Result<Option<BillingAccount>>;
    /// Adds the row unless the organisation has one, or the customer is another's; whether it was added.
    async fn note_billing_account(&mut self, account: &BillingAccount) -> Result<bool>;
    /// A subscription by the vendor's id.
    async fn subscription_of(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<KnownSubscription>>;
    /// Subscriptions, the one that began last first, at most `limit`.
    async fn subscriptions(&mut self, limit: i64) -> Result<Vec<KnownSubscription>>;
    /// An invoice by the vendor's id.
    async fn invoice_of(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<KnownInvoice>>;
    /// Invoices, the one that was spoken of last first, at most `limit`.
    async fn known_invoices(&mut self, limit: i64) -> Result<Vec<KnownInvoice>>;
    /// Invoices that are to be paid and whose charge was declined since then, the longest declined first, at most `limit`.
    async fn overdue_invoices(&mut self, since: Timestamp, limit: i64) -> Result<Vec<KnownInvoice>>;
    /// Adds the line unless the vendor's event is known; whether it was added.
    async fn note_billing(&mut self, line: &BillingNote) -> Result<bool>;
    /// The dunning steps of an invoice, by when they were taken.
    async fn dunning_of(&mut self, invoice: Id<KnownInvoice>) -> Result<Vec<DunningStep>>;
    /// Resolves the open dunning steps of an invoice; how many.
    async fn resolve_dunning(&mut self, invoice: Id<KnownInvoice>, now: Timestamp) -> Result<i64>;
}
