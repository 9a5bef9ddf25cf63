//! Payments are taken once, lawfully and on their day; invoices are dunned; accounts that will not be paid are looked at.

use std::{collections::BTreeMap, ops::Deref, sync::Arc, time::Duration};

use http::Method;
use serde_json::{Value, json};
use wib_core::{
    Wib,
    audit::AuditEvent,
    billing::{BillingAccount, DunningAction, DunningLevel, InvoiceState, SubscriptionState},
    calls::{Call, CallId},
    collections::Account,
    engine::{JobRun, NewMessage, RunOutcome, Scheduler, Topic, Worker},
    evidence::Signer,
    imports::AccountStatus,
    kit::{Clock, Id, Kind, Random, SeededRandom, Timestamp, VirtualClock, time},
    orgs::{Organization, Plan},
    payments::{
        AuthorizationForm, AuthorizePayments, CreatePlan, ListPayments, ListPlans, ListScheduled, PayBy,
        PaymentAuthorization, PaymentPlan, PlanStatus, RecordPayment, ScheduledPayment, ScheduledStatus,
    },
    ports::{
        Billing,
        billing::{
            CheckoutLine, CheckoutMode, CustomerId, InvoiceFilter, Metadata, NewCheckout, NewCustomer, NewItem,
            NewPrice, NewProduct, NewRecurring, NewSubscription, PaymentFilter, PaymentStatus, Slice, UnitAmount,
        },
        webhook::{Event, Headers},
    },
    recordings::{Recording, RecordingStatus},
    store::{Repo, Store},
    tasks::{ListTasks, TaskKind, TaskStatus},
    transcripts::{TranscriptJob, TranscriptStatus},
};
use wib_providers::sandbox::{Fault, FaultKind};
use wib_storage::{
    MemoryBlobs,
    testing::{memory_store, postgres_store},
};

use crate::stage::{KEY, NOON, Stage, at};

const DAY: u64 = 24 * 3600;

/// Use cases about money, and the line of the audit log that each leaves.
pub(crate) const MONEY: &[(&str, &str)] = &[
    ("create_task", "collection:task_created"),
    ("move_task", "collection:task_updated"),
    ("ensure_customer", "billing:customer_created"),
    ("record_payment", "collection:payment_created"),
    ("create_plan", "payment:plan_created"),
    ("cancel_plan", "payment:plan_canceled"),
    ("reschedule_payment", "payment:rescheduled"),
    ("authorize_payments", "payment:authorization_given"),
    ("authorization_copy_sent", "payment:authorization_copy_sent"),
    ("revoke_authorization", "payment:authorization_revoked"),
    ("likelihood", "collections:likelihood_scored"),
    ("set_prevention_threshold", "feature_flag:updated"),
];

/// A shop in which people pay: a stage, and the vendor in the house.
struct Shop {
    stage: Stage,
    people: std::sync::atomic::AtomicU32,
}
impl Deref for Shop {
    type Target = Stage;
    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Shop {
    async fn open() -> Self {
        Self { stage: Stage::new().await, people: 0.into() }
    }
    async fn on(store: Arc<dyn Store>, clock: Arc<VirtualClock>) -> Self {
        Self { stage: Stage::on(store, clock, 1, |builder, _| builder).await, people: 0.into() }
    }
    fn billing(&self) -> &Arc<dyn Billing> {
        self.wib.billing().unwrap()
    }
    fn next(&self) -> u32 {
        self.people.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
    /// Somebody who owes $120.50.
    async fn debtor(&self) -> Account {
        self.account(&format!("+15005552{:03}", self.next())).await
    }
    /// A customer at the vendor with that card saved.
    async fn saved(&self, card: &str) -> (CustomerId, String) {
        let n = self.next();
        let customer = self.billing().create_customer(&NewCustomer::default(), &format!("c{n}")).await.unwrap();
        let saved = self.billing().attach_payment_method(&card.into(), &customer.id, &format!("m{n}")).await.unwrap();
        (customer.id, saved.id.as_str().to_owned())
    }
    /// So many payments of that much, a month apart, with that card.
    async fn plan(&self, account: &Account, total: i64, n: usize, card: &str) -> (PaymentPlan, CustomerId, String) {
        let (customer, method) = self.saved(card).await;
        let command = CreatePlan {
            pay_by: PayBy::Saved,
            customer_id: Some(customer.as_str().to_owned()),
            payment_method: Some(method.clone()),
            ..CreatePlan::of(account.id, total, n)
        };
        (self.org.create_plan(command).await.unwrap(), customer, method)
    }
    async fn authorize(&self, account: &Account, method: &str) -> PaymentAuthorization {
        self.org.authorize_payments(said(account, method, self.now())).await.unwrap()
    }
    /// The job, now.
    async fn take(&self) -> JobRun {
        run(&self.wib, "process_payments").await
    }
    async fn paid_at_vendor(&self, customer: &CustomerId) -> Vec<i64> {
        let wanted = PaymentFilter { customer: Some(customer.clone()), since: None };
        let all = self.billing().payments(&wanted, &Slice::default()).await.unwrap().items;
        all.iter().filter(|one| one.status == PaymentStatus::Succeeded).map(|one| one.received.minor).collect()
    }
    async fn payments(&self, plan: &PaymentPlan) -> Vec<ScheduledPayment> {
        self.org.plan(plan.id).await.unwrap().1
    }
    async fn plan_now(&self, plan: &PaymentPlan) -> PaymentPlan {
        self.org.plan(plan.id).await.unwrap().0
    }
    async fn account_now(&self, account: &Account) -> Account {
        let mut tx = self.store.org(self.org.id()).await.unwrap();
        Repo::<Account>::find(&mut *tx, account.id).await.unwrap().unwrap()
    }
    async fn tasks(&self) -> Vec<(TaskKind, TaskStatus)> {
        let all = self.org.list_tasks(ListTasks::default()).await.unwrap();
        all.items.iter().map(|task| (task.kind, task.status)).collect()
    }
    async fn ledger(&self) -> Vec<i64> {
        let all = self.org.list_payments(ListPayments::default()).await.unwrap();
        all.items.iter().map(|one| one.amount_minor).collect()
    }
    async fn audit(&self) -> Vec<String> {
        let mut tx = self.store.org(self.org.id()).await.unwrap();
        let page = tx.page_of_audit(&wib_core::kit::PageRequest { limit: 200, page: 1, after: None }).await.unwrap();
        page.items.into_iter().map(|line| line.action).collect()
    }
    fn fault(&self, kind: FaultKind, times: u32) {
        let operation = "create_payment".to_owned();
        self.sandbox.inject(Fault { vendor: "stripe".to_owned(), operation, times, kind });
    }
    /// Webhooks come, and what they ask for is done.
    async fn settle(&self) {
        while self.sandbox.deliver(&self.wib).await + self.work().await > 0 {}
    }
    /// Time passes to that instant, event by event.
    async fn until(&self, end: Timestamp) {
        self.sandbox.play(&self.wib, &self.clock, end, async || Ok(false)).await.unwrap();
    }
    async fn organization(&self) -> Organization {
        self.store.system().await.unwrap().organization(self.org.id()).await.unwrap().unwrap()
    }
}

fn said(account: &Account, method: &str, now: Timestamp) -> AuthorizePayments {
    AuthorizePayments {
        account_id: account.id,
        payment_method: method.to_owned(),
        form: AuthorizationForm::Electronic,
        recurring: true,
        most_minor: 100_000,
        evidence: "form 12".to_owned(),
        call_id: None,
        given_at: Some(now),
        copy_sent_at: Some(now),
    }
}

async fn run(wib: &Wib, job: &str) -> JobRun {
    let run = Scheduler::new(wib).run_by_name(job).await.unwrap().unwrap();
    assert_eq!(run.outcome, RunOutcome::Ok, "{run:?}");
    run
}
fn counts(run: &JobRun) -> (i64, i64) {
    (run.processed, run.errors)
}

/// From the first payment to the last, on one engine.
async fn paid_by_plan(shop: &Shop) {
    let account = shop.debtor().await;
    let (plan, customer, method) = shop.plan(&account, 12_050, 3, "pm_card_visa").await;
    shop.authorize(&account, &method).await;
    assert_eq!(counts(&shop.take().await), (1, 0));
    assert_eq!(counts(&shop.take().await), (0, 0), "once a day is once");
    assert_eq!(shop.ledger().await, [4_016]);
    let now = shop.account_now(&account).await;
    assert_eq!((now.balance_minor, now.status), (8_034, AccountStatus::Partial));
    let first = shop.plan_now(&plan).await;
    assert_eq!((first.completed_count, first.status), (1, PlanStatus::Active));
    assert_eq!(first.next_on.unwrap().to_string(), "2026-07-01");
    for _ in 0..2 {
        shop.pass(31 * DAY);
        assert_eq!(counts(&shop.take().await), (1, 0));
    }
    let now = shop.account_now(&account).await;
    assert_eq!((now.balance_minor, now.status), (0, AccountStatus::Paid));
    let last = shop.plan_now(&plan).await;
    assert_eq!((last.completed_count, last.status, last.next_on), (3, PlanStatus::Completed, None));
    assert_eq!(shop.paid_at_vendor(&customer).await, [4_018, 4_016, 4_016], "the last takes what is left");
    assert_eq!(shop.ledger().await.iter().sum::<i64>(), 12_050);
    let audit = shop.audit().await;
    assert_eq!(audit.iter().filter(|action| *action == "payment:scheduled_processed").count(), 3);
    assert_eq!(audit.iter().filter(|action| *action == "collection:payment_created").count(), 3);
    // The vendor's own word of them changes nothing.
    shop.settle().await;
    assert_eq!(shop.ledger().await.len(), 3);
}

#[tokio::test]
async fn a_debt_is_paid_by_its_plan_on_sqlite() {
    paid_by_plan(&Shop::open().await).await;
}
#[tokio::test]
async fn a_debt_is_paid_by_its_plan_on_postgresql() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let Some(store) = postgres_store("a_debt_is_paid_by_its_plan_on_postgresql", clock.clone()).await else { return };
    paid_by_plan(&Shop::on(Arc::new(store), clock).await).await;
}

#[tokio::test]
async fn nothing_is_charged_without_a_word_that_covers_it() {
    for (change, why) in [
        (None, "no_authorization"),
        (Some(|said: &mut AuthorizePayments| said.payment_method = "pm_other".to_owned()), "no_authorization"),
        (Some(|said: &mut AuthorizePayments| said.recurring = false), "authorization_for_one_payment"),
        (Some(|said: &mut AuthorizePayments| said.copy_sent_at = None), "authorization_copy_not_sent"),
        (Some(|said: &mut AuthorizePayments| said.most_minor = 5_999), "amount_not_authorized"),
    ] as [(Option<fn(&mut AuthorizePayments)>, &str); 5]
    {
        let shop = Shop::open().await;
        let account = shop.debtor().await;
        let (plan, customer, method) = shop.plan(&account, 12_000, 2, "pm_card_visa").await;
        if let Some(change) = change {
            let mut word = said(&account, &method, shop.now());
            change(&mut word);
            shop.org.authorize_payments(word).await.unwrap();
        }
        assert_eq!(counts(&shop.take().await), (0, 1), "{why}");
        let first = shop.payments(&plan).await.remove(0);
        assert_eq!((first.status, first.attempts), (ScheduledStatus::Failed, 0));
        assert_eq!(first.last_error.as_deref(), Some(why));
        assert!(shop.paid_at_vendor(&customer).await.is_empty());
        assert_eq!(shop.tasks().await, [(TaskKind::Payment, TaskStatus::Pending)]);
        assert_eq!(shop.plan_now(&plan).await.failed_count, 0, "it is not the person's fault");
        // With a word that covers it, it is taken on another day.
        shop.authorize(&account, &method).await;
        shop.org.reschedule_payment(first.id, time::day_of(shop.now())).await.unwrap();
        assert_eq!(counts(&shop.take().await), (1, 0), "{why}");
        assert_eq!(shop.paid_at_vendor(&customer).await, [6_000]);
    }
}

#[tokio::test]
async fn a_word_taken_back_a_dispute_and_a_plan_that_is_over_stop_charges() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    let (plan, customer, method) = shop.plan(&account, 12_000, 4, "pm_card_visa").await;
    let word = shop.authorize(&account, &method).await;
    shop.take().await;
    shop.org.revoke_authorization(word.id).await.unwrap();
    shop.pass(31 * DAY);
    assert_eq!(counts(&shop.take().await), (0, 1));
    assert_eq!(shop.payments(&plan).await[1].last_error.as_deref(), Some("authorization_revoked"));
    // Never to a disputed debt (15 U.S.C. 1692h).
    shop.authorize(&account, &method).await;
    let mut tx = shop.store.org(shop.org.id()).await.unwrap();
    let disputed = Account { status: AccountStatus::Disputed, ..shop_account(&mut *tx, account.id).await };
    tx.update(&disputed).await.unwrap();
    tx.commit().await.unwrap();
    shop.pass(31 * DAY);
    assert_eq!(counts(&shop.take().await), (0, 1));
    assert_eq!(shop.payments(&plan).await[2].last_error.as_deref(), Some("debt_disputed"));
    // Nor when its plan was taken back.
    let canceled = shop.org.cancel_plan(plan.id).await.unwrap();
    assert_eq!((canceled.status, canceled.next_on), (PlanStatus::Canceled, None));
    shop.pass(31 * DAY);
    assert_eq!(counts(&shop.take().await), (0, 0));
    assert_eq!(shop.paid_at_vendor(&customer).await, [3_000]);
    assert_eq!(shop.org.cancel_plan(plan.id).await.unwrap_err().kind(), Kind::Conflict);
}

async fn shop_account(tx: &mut dyn wib_core::store::OrgTx, id: Id<Account>) -> Account {
    Repo::<Account>::find(tx, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_declined_card_is_tried_three_times_and_three_failures_end_the_plan() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    let (plan, customer, method) = shop.plan(&account, 12_000, 5, "pm_card_chargeCustomerFail").await;
    shop.authorize(&account, &method).await;
    for attempt in 1..=3 {
        assert_eq!(counts(&shop.take().await), (0, 1));
        let first = shop.payments(&plan).await.remove(0);
        assert_eq!(first.attempts, attempt);
        assert_eq!(first.last_error.as_deref(), Some("generic_decline"));
        let expected = if attempt < 3 { ScheduledStatus::Pending } else { ScheduledStatus::Failed };
        assert_eq!(first.status, expected);
        shop.pass(DAY);
    }
    assert_eq!(counts(&shop.take().await), (0, 0), "never a fourth time");
    assert_eq!(shop.tasks().await, [(TaskKind::Followup, TaskStatus::Pending)]);
    assert_eq!(shop.plan_now(&plan).await.failed_count, 1);
    for _ in 0..2 {
        shop.pass(31 * DAY);
        for _ in 0..3 {
            shop.take().await;
        }
    }
    let over = shop.plan_now(&plan).await;
    assert_eq!((over.failed_count, over.status), (3, PlanStatus::Defaulted));
    assert!(shop.audit().await.iter().any(|action| action == "payment:plan_defaulted"));
    shop.pass(31 * DAY);
    assert_eq!(counts(&shop.take().await), (1, 0), "what is left is canceled");
    assert_eq!(shop.payments(&plan).await[3].status, ScheduledStatus::Canceled);
    assert!(shop.paid_at_vendor(&customer).await.is_empty());
    let now = shop.account_now(&account).await;
    assert_eq!((now.balance_minor, now.status), (12_050, AccountStatus::Active));
}

#[tokio::test]
async fn a_payment_by_hand_waits_for_a_member_with_one_task() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    let plan = shop.org.create_plan(CreatePlan::of(account.id, 12_050, 2)).await.unwrap();
    assert_eq!(counts(&shop.take().await), (1, 0));
    for _ in 0..3 {
        shop.pass(DAY);
        assert_eq!(counts(&shop.take().await), (0, 0));
    }
    assert_eq!(shop.tasks().await, [(TaskKind::Payment, TaskStatus::Pending)]);
    let first = shop.payments(&plan).await.remove(0);
    assert_eq!(first.status, ScheduledStatus::AwaitingManual);
    let record = |minor| RecordPayment {
        account_id: account.id,
        amount_minor: minor,
        scheduled_payment_id: Some(first.id),
        reference: Some("cheque 7".to_owned()),
        paid_at: None,
    };
    shop.org.record_payment(record(6_025)).await.unwrap();
    assert_eq!(shop.org.record_payment(record(6_025)).await.unwrap_err().kind(), Kind::Conflict, "it is paid");
    assert_eq!(shop.plan_now(&plan).await.completed_count, 1);
    let task = shop.org.list_tasks(ListTasks::default()).await.unwrap().items.remove(0);
    shop.org.complete_task(task.id).await.unwrap();
    assert_eq!(shop.org.complete_task(task.id).await.unwrap_err().kind(), Kind::Conflict);
    // More than is owed is written down, and no more is owed than nothing.
    let more = RecordPayment { scheduled_payment_id: None, ..record(99_999) };
    shop.org.record_payment(more).await.unwrap();
    let now = shop.account_now(&account).await;
    assert_eq!((now.balance_minor, now.status), (0, AccountStatus::Paid));
    shop.pass(31 * DAY);
    assert_eq!(counts(&shop.take().await), (1, 0));
    assert_eq!(shop.payments(&plan).await[1].status, ScheduledStatus::Canceled, "nothing is owed");
    assert_eq!(shop.plan_now(&plan).await.status, PlanStatus::Completed);
}

#[tokio::test]
async fn never_more_is_charged_than_is_owed() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    let (plan, customer, method) = shop.plan(&account, 12_050, 1, "pm_card_visa").await;
    shop.authorize(&account, &method).await;
    let paid = RecordPayment {
        account_id: account.id,
        amount_minor: 12_000,
        scheduled_payment_id: None,
        reference: None,
        paid_at: None,
    };
    shop.org.record_payment(paid).await.unwrap();
    shop.take().await;
    assert_eq!(shop.paid_at_vendor(&customer).await, [50]);
    assert_eq!(shop.account_now(&account).await.balance_minor, 0);
    assert_eq!(shop.plan_now(&plan).await.status, PlanStatus::Completed);
}

#[tokio::test]
async fn a_plan_is_refused_for_more_than_is_owed_twice_and_for_sums_that_do_not_fit() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    let of = |total, n| CreatePlan::of(account.id, total, n);
    for (command, field) in [
        (of(12_051, 2), "total_amount"),
        (of(0, 2), "total_amount"),
        (of(12_050, 0), "num_payments"),
        (CreatePlan { down_minor: 12_050, ..of(12_050, 2) }, "down_payment"),
        (CreatePlan { pay_by: PayBy::Saved, ..of(12_050, 2) }, "payment_method"),
        (CreatePlan { installment_minor: Some(12_050), ..of(12_050, 2) }, "total_amount"),
    ] {
        let error = shop.org.create_plan(command).await.unwrap_err();
        assert_eq!(error.fields()[0].field, field, "{error}");
    }
    let down = CreatePlan { down_minor: 2_050, start_on: Some("2026-08-31".parse().unwrap()), ..of(12_050, 3) };
    let plan = shop.org.create_plan(down).await.unwrap();
    let parts: Vec<_> =
        shop.payments(&plan).await.iter().map(|one| (one.due_on.to_string(), one.amount_minor)).collect();
    let expected = [("2026-08-31", 2_050), ("2026-09-30", 3_333), ("2026-10-31", 3_333), ("2026-11-30", 3_334)];
    assert_eq!(parts, expected.map(|(day, minor)| (day.to_owned(), minor)));
    assert_eq!(shop.org.create_plan(of(100, 1)).await.unwrap_err().kind(), Kind::Conflict, "one at a time");
    assert_eq!(shop.org.list_plans(ListPlans::default()).await.unwrap().total, 1);
    let listed = shop.org.list_scheduled(ListScheduled { limit: Some(3), ..ListScheduled::default() }).await.unwrap();
    assert_eq!((listed.items.len(), listed.total), (3, 4));
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_after_an_hour_and_never_charged_again() {
    for (kind, at_vendor) in [
        (FaultKind::ResetAfterEffect, 1),
        (FaultKind::GarbledAfterEffect, 1),
        (FaultKind::Status { status: 500, retry_after: None }, 0),
    ] {
        let shop = Shop::open().await;
        let account = shop.debtor().await;
        let (plan, customer, method) = shop.plan(&account, 12_050, 1, "pm_card_visa").await;
        shop.authorize(&account, &method).await;
        shop.fault(kind, 20);
        assert_eq!(counts(&shop.take().await), (0, 1), "{kind:?}");
        shop.vendor(Method::DELETE, "/sandbox/faults", Value::Null).await;
        assert_eq!(shop.paid_at_vendor(&customer).await.len(), at_vendor, "{kind:?}");
        assert_eq!(shop.payments(&plan).await[0].status, ScheduledStatus::Processing);
        shop.pass(1_800);
        assert_eq!(counts(&shop.take().await), (0, 0), "not yet");
        shop.pass(1_900);
        shop.take().await;
        assert_eq!(shop.payments(&plan).await[0].status, ScheduledStatus::Completed, "{kind:?}");
        assert_eq!(shop.paid_at_vendor(&customer).await, [12_050], "{kind:?}");
        assert_eq!(shop.ledger().await, [12_050]);
        assert_eq!(shop.payments(&plan).await[0].attempts, 1, "what was never done is no attempt");
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_when_the_vendor_has_forgotten_the_key() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    let (plan, customer, method) = shop.plan(&account, 12_050, 1, "pm_card_visa").await;
    shop.authorize(&account, &method).await;
    shop.fault(FaultKind::ResetAfterEffect, 20);
    shop.take().await;
    shop.vendor(Method::DELETE, "/sandbox/faults", Value::Null).await;
    shop.pass(3 * DAY);
    assert_eq!(counts(&shop.take().await), (1, 0));
    assert_eq!(shop.paid_at_vendor(&customer).await, [12_050]);
    assert_eq!(shop.plan_now(&plan).await.status, PlanStatus::Completed);
}

#[tokio::test]
async fn the_vendors_own_word_books_what_nobody_heard_of() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    let (plan, _, method) = shop.plan(&account, 12_050, 1, "pm_card_visa").await;
    shop.authorize(&account, &method).await;
    shop.fault(FaultKind::ResetAfterEffect, 20);
    shop.take().await;
    shop.vendor(Method::DELETE, "/sandbox/faults", Value::Null).await;
    shop.settle().await;
    assert_eq!(shop.payments(&plan).await[0].status, ScheduledStatus::Completed);
    assert_eq!(shop.ledger().await, [12_050]);
    shop.pass(3 * DAY);
    assert_eq!(counts(&shop.take().await), (0, 0));
    assert_eq!(shop.ledger().await, [12_050]);
}

#[tokio::test]
async fn a_request_that_never_left_does_not_count_as_an_attempt() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    let (plan, customer, method) = shop.plan(&account, 12_050, 1, "pm_card_visa").await;
    shop.authorize(&account, &method).await;
    for _ in 0..5 {
        shop.fault(FaultKind::NoConnection, 20);
        assert_eq!(counts(&shop.take().await), (0, 1));
        shop.vendor(Method::DELETE, "/sandbox/faults", Value::Null).await;
        let one = shop.payments(&plan).await.remove(0);
        assert_eq!((one.status, one.attempts), (ScheduledStatus::Pending, 0));
    }
    assert_eq!(counts(&shop.take().await), (1, 0));
    assert_eq!(shop.paid_at_vendor(&customer).await, [12_050]);
}

#[tokio::test]
async fn every_use_case_about_money_leaves_its_line() {
    let shop = Shop::open().await;
    let account = shop.debtor().await;
    shop.org.ensure_customer(Some("quentin@lakeside.test".to_owned())).await.unwrap();
    let task = wib_core::tasks::CreateTask {
        account_id: account.id,
        kind: TaskKind::Followup,
        title: "Ask Quentin".to_owned(),
        notes: Some("Quentin is away".to_owned()),
        due_at: None,
        assigned_to: None,
    };
    let task = shop.org.create_task(task).await.unwrap();
    shop.org.move_task(task.id, TaskStatus::InProgress).await.unwrap();
    let plan = shop.org.create_plan(CreatePlan::of(account.id, 12_050, 2)).await.unwrap();
    shop.take().await;
    let first = shop.payments(&plan).await.remove(0);
    shop.org.reschedule_payment(first.id, time::day_of(shop.now())).await.unwrap();
    let paid = RecordPayment {
        account_id: account.id,
        amount_minor: 50,
        scheduled_payment_id: None,
        reference: Some("from Quentin".to_owned()),
        paid_at: None,
    };
    shop.org.record_payment(paid).await.unwrap();
    shop.org.cancel_plan(plan.id).await.unwrap();
    let word = shop.authorize(&account, "pm_1").await;
    shop.org.authorization_copy_sent(word.id, None).await.unwrap();
    shop.org.revoke_authorization(word.id).await.unwrap();
    shop.org.likelihood(account.id).await.unwrap();
    shop.org.set_prevention_threshold(40).await.unwrap();
    let mut tx = shop.store.org(shop.org.id()).await.unwrap();
    let page = tx.page_of_audit(&wib_core::kit::PageRequest { limit: 200, page: 1, after: None }).await.unwrap();
    for (name, action) in MONEY {
        assert!(page.items.iter().any(|line| line.action == *action), "{name} leaves no {action}");
    }
    let all = serde_json::to_string(&page.items).unwrap();
    assert!(!all.to_lowercase().contains("quentin"), "{all}");
}

/// Two nodes take the same payments at the same time, each sure that the other is gone.
async fn taken_by_two(shop: &Shop) {
    let mut customers = vec![];
    for _ in 0..24 {
        let account = shop.debtor().await;
        let (_, customer, method) = shop.plan(&account, 10_000, 1, "pm_card_visa").await;
        shop.authorize(&account, &method).await;
        customers.push(customer);
    }
    let (one, two) = (Scheduler::new(&shop.wib), Scheduler::new(&shop.wib));
    // Who takes over in the very same instant as another gets nothing, and tries again.
    let take = async |node: Scheduler| loop {
        if let Some(run) = node.run_now("process_payments", true).await.unwrap() {
            return run;
        }
    };
    let (one, two) = tokio::join!(take(one), take(two));
    assert_eq!(one.processed + two.processed, 24, "{one:?} {two:?}");
    assert_eq!((one.errors, two.errors), (0, 0));
    for customer in &customers {
        assert_eq!(shop.paid_at_vendor(customer).await, [10_000]);
    }
    assert_eq!(shop.ledger().await.len(), 24);
}

#[tokio::test]
async fn two_nodes_never_take_the_same_payment_on_sqlite() {
    taken_by_two(&Shop::open().await).await;
}
#[tokio::test]
async fn two_nodes_never_take_the_same_payment_on_postgresql() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let name = "two_nodes_never_take_the_same_payment_on_postgresql";
    let Some(store) = postgres_store(name, clock.clone()).await else { return };
    taken_by_two(&Shop::on(Arc::new(store), clock).await).await;
}

/// A price of the vendor's that stands for our plan.
async fn price(shop: &Shop, plan: &str, minor: i64) -> String {
    let product = NewProduct { name: plan.to_owned(), ..NewProduct::default() };
    let product = shop.billing().create_product(&product, &format!("product-{plan}")).await.unwrap();
    let new = NewPrice {
        product: product.id,
        currency: wib_core::kit::Currency::USD,
        amount: UnitAmount::Minor(minor),
        recurring: Some(NewRecurring { interval: wib_core::ports::billing::Interval::Month, count: 1, meter: None }),
        lookup_key: Some(plan.to_owned()),
        metadata: Metadata::default(),
    };
    shop.billing().create_price(&new, &format!("price-{plan}")).await.unwrap().id.as_str().to_owned()
}

#[tokio::test]
async fn a_checkout_makes_the_plan_and_its_end_takes_it_back() {
    let shop = Shop::open().await;
    let account = shop.org.ensure_customer(Some("money@lakeside.test".to_owned())).await.unwrap();
    assert_eq!(shop.org.ensure_customer(None).await.unwrap(), account, "one customer, however often");
    let price = price(&shop, "pro", 4_900).await;
    let page = NewCheckout {
        lines: vec![CheckoutLine { price: price.as_str().into(), quantity: Some(1) }],
        customer: Some(account.customer_id.as_str().into()),
        metadata: Metadata::default().with("organization_id", shop.org.id().to_string()).with("plan_id", "pro"),
        ..NewCheckout::of(CheckoutMode::Subscription, "https://lakeside.test/done")
    };
    let page = shop.billing().create_checkout(&page, "page").await.unwrap();
    shop.vendor(Method::POST, &format!("/sandbox/stripe/checkout/{}/complete", page.id), json!({})).await;
    assert_eq!(shop.organization().await.plan, Plan::Free);
    shop.settle().await;
    let now = shop.org.billing_account().await.unwrap().unwrap();
    assert_eq!((now.subscription_status, now.plan), (Some(SubscriptionState::Active), Some(Plan::Pro)));
    assert_eq!(shop.organization().await.plan, Plan::Pro);
    let invoices = shop.org.known_invoices().await.unwrap();
    assert_eq!(invoices.iter().map(|i| (i.status, i.paid_minor)).collect::<Vec<_>>(), [(InvoiceState::Paid, 4_900)]);
    let audit = shop.audit().await;
    for action in ["billing:subscription_updated", "billing:payment_received"] {
        assert!(audit.iter().any(|a| a == action), "{action}: {audit:?}");
    }
    let id = now.subscription_id.unwrap();
    shop.billing().cancel_subscription(&id.as_str().into(), Default::default()).await.unwrap();
    shop.settle().await;
    let now = shop.org.billing_account().await.unwrap().unwrap();
    assert_eq!(now.subscription_status, Some(SubscriptionState::Canceled));
    assert_eq!(shop.organization().await.plan, Plan::Free);
}

/// A subscription whose renewal is declined: the shop, the subscription and its price.
async fn overdue() -> (Shop, String) {
    let shop = Shop::open().await;
    let account = shop.org.ensure_customer(Some("money@lakeside.test".to_owned())).await.unwrap();
    let customer: CustomerId = account.customer_id.as_str().into();
    let price = price(&shop, "business", 9_900).await;
    let good = shop.billing().attach_payment_method(&"pm_card_visa".into(), &customer, "good").await.unwrap();
    let new = NewSubscription {
        default_payment_method: Some(good.id),
        ..NewSubscription::of(customer.clone(), vec![NewItem::of(price.as_str().into())])
    };
    let subscription = shop.billing().create_subscription(&new, "subscribe").await.unwrap().id;
    let bad =
        shop.billing().attach_payment_method(&"pm_card_chargeCustomerFail".into(), &customer, "bad").await.unwrap();
    let edit = wib_core::ports::billing::EditSubscription {
        default_payment_method: wib_core::ports::billing::Change::To(bad.id),
        ..Default::default()
    };
    shop.billing().update_subscription(&subscription, &edit, "worse").await.unwrap();
    shop.settle().await;
    assert_eq!(shop.organization().await.plan, Plan::Business);
    // Renewed a month later, definite and declined after an hour.
    shop.until(time::after(shop.now(), Duration::from_secs(30 * DAY + 2 * 3600))).await;
    (shop, subscription.as_str().to_owned())
}

#[tokio::test]
async fn an_unpaid_invoice_is_dunned_step_by_step_until_the_subscription_ends() {
    let (shop, subscription) = overdue().await;
    let now = shop.org.billing_account().await.unwrap().unwrap();
    assert_eq!(now.subscription_status, Some(SubscriptionState::PastDue));
    assert_eq!(shop.organization().await.plan, Plan::Business, "it may be used while it is dunned");
    let mut taken = vec![];
    for day in 0..16 {
        for _ in 0..2 {
            let run = run(&shop.wib, "dunning_escalation").await;
            assert_eq!(run.errors, 0);
            if run.processed > 0 {
                taken.push((day, run.processed));
            }
        }
        shop.work().await;
        shop.pass(DAY);
    }
    assert_eq!(taken, [(0, 1), (3, 1), (7, 1), (14, 1)]);
    let invoice = shop.org.known_invoices().await.unwrap().into_iter().find(|i| i.overdue()).unwrap();
    let steps = shop.org.dunning(invoice.id).await.unwrap();
    let levels: Vec<_> = steps.iter().map(|step| step.level).collect();
    use DunningLevel::{FinalNotice, Reminder, Suspension, Warning};
    assert_eq!(levels, [Reminder, Warning, FinalNotice, Suspension]);
    assert_eq!(steps[3].action, DunningAction::CancelsAtPeriodEnd);
    let told = shop.billing().subscription(&subscription.as_str().into()).await;
    assert!(told.is_ok_and(|s| s.cancel_at_period_end || s.ended_at.is_some()));
    let mails: Vec<_> = shop.sandbox.outbox();
    assert_eq!(mails.len(), 4);
    assert!(mails.iter().all(|mail| mail["to"].to_string().contains("money@lakeside.test")), "{mails:?}");
    assert!(mails[2]["subject"].as_str().unwrap().starts_with("Final notice"), "{mails:?}");
    assert_eq!(shop.audit().await.iter().filter(|action| *action == "dunning:escalated").count(), 4);
}

#[tokio::test]
async fn paying_an_invoice_resolves_its_dunning() {
    let (shop, _) = overdue().await;
    run(&shop.wib, "dunning_escalation").await;
    let invoice = shop.org.known_invoices().await.unwrap().into_iter().find(|i| i.overdue()).unwrap();
    assert_eq!(shop.org.dunning(invoice.id).await.unwrap().len(), 1);
    let account = shop.org.billing_account().await.unwrap().unwrap();
    let customer: CustomerId = account.customer_id.as_str().into();
    let good = shop.billing().attach_payment_method(&"pm_card_mastercard".into(), &customer, "again").await.unwrap();
    shop.billing().pay_invoice(&invoice.vendor_id.as_str().into(), Some(good.id), "pay").await.unwrap();
    shop.settle().await;
    let steps = shop.org.dunning(invoice.id).await.unwrap();
    assert!(steps.iter().all(|step| step.resolved_at.is_some()), "{steps:?}");
    let now = shop.org.billing_account().await.unwrap().unwrap();
    assert_eq!(now.subscription_status, Some(SubscriptionState::Active));
    shop.pass(10 * DAY);
    assert_eq!(counts(&run(&shop.wib, "dunning_escalation").await), (0, 0));
}

/// What an organisation's bills come to.
type Bills = (Option<SubscriptionState>, Option<Plan>, Plan, BTreeMap<String, (InvoiceState, i64, bool)>, usize);

async fn bills(store: &Arc<dyn Store>, organization: &Organization) -> Bills {
    let mut tx = store.org(organization.id).await.unwrap();
    let account = tx.billing_account().await.unwrap().unwrap();
    let invoices = tx.known_invoices(99).await.unwrap();
    let invoices = invoices.into_iter().map(|i| (i.vendor_id, (i.status, i.attempts, i.failed_at.is_some())));
    let notes = tx.subscriptions(99).await.unwrap().len();
    drop(tx);
    let plan = store.system().await.unwrap().organization(organization.id).await.unwrap().unwrap().plan;
    (account.subscription_status, account.plan, plan, invoices.collect(), notes)
}

#[tokio::test]
async fn the_vendors_events_end_alike_in_any_order_and_however_often_they_come() {
    // A history: subscribed, renewed and declined, paid by another card, changed to a smaller plan, ended, begun anew.
    let shop = Shop::open().await;
    let account = shop.org.ensure_customer(None).await.unwrap();
    let customer: CustomerId = account.customer_id.as_str().into();
    let wires = shop.sandbox.wires(shop.wib.clock().clone(), shop.random.clone());
    let sources = shop.sandbox.adapters(&wires).unwrap().webhooks;
    let source = sources.into_iter().find(|source| source.vendor() == "stripe").unwrap();
    let mut history: Vec<Event> = vec![];
    let mut hear = |shop: &Shop| {
        for delivery in shop.sandbox.take_due(shop.now()) {
            shop.sandbox.delivered(delivery.id, Some(200));
            if delivery.vendor == "stripe" {
                let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
                history.extend(source.open(&Headers(&headers), &delivery.body, shop.now()).unwrap().into_events());
            }
        }
    };
    let (pro, business) = (price(&shop, "pro", 4_900).await, price(&shop, "business", 9_900).await);
    let card = |name: &'static str| {
        let (billing, customer) = (shop.billing().clone(), customer.clone());
        async move { billing.attach_payment_method(&name.into(), &customer, name).await.unwrap().id }
    };
    let new = NewSubscription {
        default_payment_method: Some(card("pm_card_visa").await),
        ..NewSubscription::of(customer.clone(), vec![NewItem::of(business.as_str().into())])
    };
    let first = shop.billing().create_subscription(&new, "first").await.unwrap();
    let edit = wib_core::ports::billing::EditSubscription {
        default_payment_method: wib_core::ports::billing::Change::To(card("pm_card_chargeCustomerFail").await),
        ..Default::default()
    };
    shop.billing().update_subscription(&first.id, &edit, "worse").await.unwrap();
    hear(&shop);
    for _ in 0..33 {
        shop.pass(DAY);
        hear(&shop);
    }
    let open = InvoiceFilter { customer: Some(customer.clone()), subscription: None, status: None };
    let open = shop.billing().invoices(&open, &Slice::default()).await.unwrap().items.remove(0);
    let _ = shop.billing().pay_invoice(&open.id, Some(card("pm_card_mastercard").await), "pay").await;
    shop.pass(60);
    hear(&shop);
    let _ = shop.billing().cancel_subscription(&first.id, Default::default()).await;
    shop.pass(60);
    let new = NewSubscription {
        default_payment_method: Some(card("pm_card_amex").await),
        ..NewSubscription::of(customer.clone(), vec![NewItem::of(pro.as_str().into())])
    };
    shop.billing().create_subscription(&new, "second").await.unwrap();
    shop.pass(60);
    hear(&shop);
    assert!(history.len() > 15, "{}", history.len());

    let replay = async |events: &[Event]| {
        let clock: Arc<dyn Clock> = shop.wib.clock().clone();
        let store: Arc<dyn Store> = Arc::new(memory_store(clock.clone()).await);
        let builder = Wib::builder().store(store.clone()).blobs(Arc::new(MemoryBlobs::default()));
        let builder = shop.sandbox.plug(builder.signer(Signer::from_seed(KEY)), &clock, &shop.random).unwrap();
        let wib = builder.build().unwrap();
        let organization = wib.system().create_organization("Lakeside Recovery").await.unwrap();
        let mut tx = store.org(organization.id).await.unwrap();
        let linked = BillingAccount { id: organization.id.cast(), ..account.clone() };
        tx.insert(&linked).await.unwrap();
        tx.commit().await.unwrap();
        for event in events {
            let mut tx = store.system().await.unwrap();
            let id = Id::new(clock.now(), &*shop.random);
            tx.receive(id, "stripe", event, b"{}", clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            Worker::new(&wib).run_until_idle().await.unwrap();
        }
        assert!(store.system().await.unwrap().dead_letters(None, 9).await.unwrap().is_empty());
        bills(&store, &organization).await
    };
    let told = replay(&history).await;
    assert_eq!((told.0, told.1, told.2), (Some(SubscriptionState::Active), Some(Plan::Pro), Plan::Pro));
    assert_eq!(told.4, 2);
    assert!(told.3.values().any(|(status, _, failed)| *status == InvoiceState::Paid && *failed), "{:?}", told.3);
    let random: &dyn Random = &SeededRandom::new(11);
    for round in 0..12 {
        let mut events = history.clone();
        // Some come twice.
        events.extend(history.iter().step_by(3).cloned());
        for i in (1..events.len()).rev() {
            events.swap(i, usize::try_from(random.below(u64::try_from(i + 1).unwrap())).unwrap());
        }
        assert_eq!(replay(&events).await, told, "round {round}");
    }
    let backwards: Vec<_> = history.iter().rev().cloned().collect();
    assert_eq!(replay(&backwards).await, told);
}

#[tokio::test]
async fn accounts_that_will_not_be_paid_are_looked_at_once() {
    let shop = Shop::open().await;
    let (first, second) = (shop.debtor().await, shop.debtor().await);
    assert_eq!(counts(&run(&shop.wib, "prevention_scan").await), (0, 0), "not for those who pay nothing");
    let mut tx = shop.store.org(shop.org.id()).await.unwrap();
    let linked = BillingAccount {
        id: shop.org.id().cast(),
        vendor: "stripe".to_owned(),
        customer_id: "cus_x".to_owned(),
        email: None,
        subscription_id: None,
        subscription_status: None,
        plan: Some(Plan::Pro),
        default_method: None,
        default_at: None,
        synced_at: None,
        created_at: shop.now(),
        updated_at: shop.now(),
    };
    tx.insert(&linked).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = shop.store.system().await.unwrap();
    tx.follow_plan(shop.org.id()).await.unwrap();
    tx.commit().await.unwrap();
    // Nothing is known of them: 27. The second has paid half: 12 + 3 + 7.5 + 8 + ... more than 35.
    let paid = RecordPayment {
        account_id: second.id,
        amount_minor: 6_025,
        scheduled_payment_id: None,
        reference: None,
        paid_at: None,
    };
    shop.org.record_payment(paid).await.unwrap();
    assert_eq!(counts(&run(&shop.wib, "prevention_scan").await), (1, 0));
    assert_eq!(counts(&run(&shop.wib, "prevention_scan").await), (0, 0));
    let task = shop.org.list_tasks(ListTasks::default()).await.unwrap().items.remove(0);
    assert_eq!((task.kind, task.account_id), (TaskKind::PreventionReview, first.id));
    assert_eq!(shop.org.likelihood(first.id).await.unwrap().score, 27);
    assert_eq!(shop.org.likelihood(second.id).await.unwrap().score, 47);
    shop.org.complete_task(task.id).await.unwrap();
    shop.pass(DAY);
    assert_eq!(counts(&run(&shop.wib, "prevention_scan").await), (1, 0), "still not likely, a day later");
    shop.org.set_prevention_threshold(50).await.unwrap();
    assert_eq!(counts(&run(&shop.wib, "prevention_scan").await), (1, 0), "the other one, by a stricter wish");
    assert!(shop.audit().await.iter().any(|action| action == "collections:prevention_task_created"));
    assert_eq!(shop.org.set_prevention_threshold(0).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
async fn lines_of_the_audit_log_that_were_given_up_are_written_with_their_own_date() {
    let shop = Shop::open().await;
    shop.debtor().await;
    let line = |minutes: u64| AuditEvent {
        id: Id::new(shop.now(), &*shop.random),
        user_id: None,
        actor_type: "system".to_owned(),
        action: "org:updated".to_owned(),
        resource_type: "organization".to_owned(),
        resource_id: None,
        old_value: None,
        new_value: None,
        metadata: json!({}),
        created_at: time::before(shop.now(), Duration::from_secs(60 * minutes)),
        sealed_seq: None,
    };
    let bury = async |key: &str, payload: Value| {
        let mut tx = shop.store.org(shop.org.id()).await.unwrap();
        let message = NewMessage { topic: Topic::WriteAudit, key: key.to_owned(), payload, run_at: shop.now() };
        tx.enqueue(&message).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = shop.store.system().await.unwrap();
        let leased = tx.lease(shop.now(), Duration::from_secs(60), 9).await.unwrap();
        for message in leased.iter().filter(|m| m.topic == Topic::WriteAudit) {
            tx.bury(message, shop.now(), "refused").await.unwrap();
        }
        tx.commit().await.unwrap();
    };
    let find = async |id| {
        let mut tx = shop.store.org(shop.org.id()).await.unwrap();
        Repo::<AuditEvent>::find(&mut *tx, id).await.unwrap()
    };
    let (fresh, broken) = (line(5), json!({"nothing": true}));
    bury("fresh", json!({"event": fresh})).await;
    bury("broken", broken).await;
    assert_eq!(counts(&run(&shop.wib, "flush_audit_dlq").await), (1, 1));
    assert_eq!(find(fresh.id).await, Some(fresh.clone()), "with its own date");
    let letters = shop.wib.system().dead_letters(9).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.key.as_str()).collect::<Vec<_>>(), ["broken"], "what fails stays");
    // Under a seal its own date would look put in: it is dated now, and says when it happened.
    shop.pass(600);
    run(&shop.wib, "seal_audit").await;
    let late = line(60);
    bury("late", json!({"event": late})).await;
    assert_eq!(counts(&run(&shop.wib, "flush_audit_dlq").await), (1, 1));
    let written = find(late.id).await.unwrap();
    assert_eq!(written.created_at, shop.now());
    assert_eq!(written.metadata["happened_at"], json!(late.created_at));
    shop.pass(600);
    run(&shop.wib, "seal_audit").await;
    let report = shop.org.verify_audit().await.unwrap();
    assert!(report.holds(), "{report:?}");
    // A line that was written after all is not written twice.
    bury("again", json!({"event": fresh})).await;
    assert_eq!(counts(&run(&shop.wib, "flush_audit_dlq").await), (1, 1));
}

#[tokio::test]
async fn a_failed_transcript_that_nothing_works_on_is_ordered_again() {
    let shop = Shop::open().await;
    // Somebody who answers and talks.
    let account = shop.account("+15005550001").await;
    let call = shop.start(&account).await.unwrap();
    shop.sealed(call.id).await;
    let mut tx = shop.store.org(shop.org.id()).await.unwrap();
    let jobs = tx.transcript_jobs_of_call(call.id).await.unwrap();
    let mut job: TranscriptJob = jobs.into_iter().next().unwrap();
    let recording: Recording = tx.find(job.recording_id).await.unwrap().unwrap();
    assert_eq!(recording.status, RecordingStatus::Completed);
    assert_eq!(job.status, TranscriptStatus::Completed);
    let fail = |job: &mut TranscriptJob, status| {
        (job.status, job.vendor_id, job.failures) = (status, None, 1);
    };
    fail(&mut job, TranscriptStatus::FailedPermanent);
    tx.update(&job).await.unwrap();
    tx.commit().await.unwrap();
    shop.pass(1_200);
    assert_eq!(counts(&run(&shop.wib, "retry_transcriptions").await), (0, 0), "that takes a person");
    let mut tx = shop.store.org(shop.org.id()).await.unwrap();
    fail(&mut job, TranscriptStatus::Failed);
    tx.update(&job).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(counts(&run(&shop.wib, "retry_transcriptions").await), (1, 0));
    assert_eq!(counts(&run(&shop.wib, "retry_transcriptions").await), (0, 0), "something works on it");
    let status = async |id: CallId| {
        let mut tx = shop.store.org(shop.org.id()).await.unwrap();
        tx.transcript_jobs_of_call(id).await.unwrap().remove(0).status
    };
    assert_eq!(status(call.id).await, TranscriptStatus::Queued);
    shop.work().await;
    assert_eq!(status(call.id).await, TranscriptStatus::Pending, "ordered by the same handler");
    let mut tx = shop.store.org(shop.org.id()).await.unwrap();
    let ended: Call = tx.find(call.id).await.unwrap().unwrap();
    drop(tx);
    assert!(ended.ended_at.is_some());
}
