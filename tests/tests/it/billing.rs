//! What the service costs: customers, subscriptions, checkouts, meters.

use std::{ops::Deref, sync::Arc, time::Duration};

use serde_json::{Value, json};
use wib_core::{
    Wib,
    ai::PutAiConfig,
    billing::{BillingAccount, ChangePlan, InvoiceState, KnownMethod, OpenCheckout, SubscriptionState},
    engine::{JobRun, Scheduler},
    kit::{Currency, Id, Kind, Page, PageRequest, Principal, Role, time},
    orgs::{Organization, Plan},
    ports::{
        Billing,
        billing::{
            Aggregation, CustomerId, Interval, Metadata, MockBilling, NewItem, NewMeter, NewPrice, NewProduct,
            NewRecurring, NewSubscription, Slice, UnitAmount, UsageFilter,
        },
    },
    usage,
};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::stage::{NOON, Stage, magic};

const DAY: u64 = 24 * 3600;

/// Use cases of this file, and the line of the audit log that each leaves.
pub(crate) const CHANGES: &[(&str, &str)] = &[
    ("sync_billing", "billing:data_sync"),
    ("remove_payment_method", "billing:payment_method_removed"),
    ("open_checkout", "billing:checkout_created"),
    ("open_portal", "billing:portal_opened"),
    ("cancel_subscription", "billing:subscription_cancelled"),
    ("resume_subscription", "billing:subscription_updated"),
    ("change_plan", "billing:subscription_updated"),
];

/// An organisation that may become a customer.
pub(crate) struct House(pub(crate) Stage);
impl Deref for House {
    type Target = Stage;
    fn deref(&self) -> &Stage {
        &self.0
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self(Stage::new().await)
    }
    fn billing(&self) -> &Arc<dyn Billing> {
        self.wib.billing().unwrap()
    }
    async fn price(&self, plan: Plan, minor: i64) -> String {
        let product = NewProduct { name: plan.to_string(), ..NewProduct::default() };
        let product = self.billing().create_product(&product, &format!("product-{plan}")).await.unwrap();
        let new = NewPrice {
            product: product.id,
            currency: Currency::USD,
            amount: UnitAmount::Minor(minor),
            recurring: Some(NewRecurring { interval: Interval::Month, count: 1, meter: None }),
            lookup_key: Some(plan.to_string()),
            metadata: Metadata::default(),
        };
        self.billing().create_price(&new, &format!("price-{plan}")).await.unwrap().id.as_str().to_owned()
    }
    /// A customer that pays with a card for a plan, as the vendor alone knows.
    async fn subscribed(&self, plan: Plan, minor: i64) -> CustomerId {
        let account = self.org.ensure_customer(Some("money@lakeside.test".to_owned())).await.unwrap();
        let customer: CustomerId = account.customer_id.as_str().into();
        let price = self.price(plan, minor).await;
        let card = self.billing().attach_payment_method(&"pm_card_visa".into(), &customer, "card").await.unwrap();
        let new = NewSubscription {
            default_payment_method: Some(card.id.clone()),
            ..NewSubscription::of(customer.clone(), vec![NewItem::of(price.as_str().into())])
        };
        self.billing().create_subscription(&new, "subscribe").await.unwrap();
        self.billing().set_default_payment_method(&customer, &card.id, "usual").await.unwrap();
        customer
    }
    /// Webhooks that are under way never come.
    fn lose(&self) -> usize {
        let lost = self.sandbox.take_due(time::after(self.now(), Duration::from_secs(60)));
        lost.iter().for_each(|lost| self.sandbox.delivered(lost.id, Some(200)));
        lost.len()
    }
    /// Webhooks come, and what they ask for is done.
    pub(crate) async fn settle(&self) {
        while self.sandbox.deliver(&self.wib).await + self.work().await > 0 {}
    }
    async fn organization(&self) -> Organization {
        self.store.system().await.unwrap().organization(self.org.id()).await.unwrap().unwrap()
    }
    pub(crate) async fn audit(&self) -> Vec<String> {
        let mut tx = self.store.org(self.org.id()).await.unwrap();
        let page: Page<_> = tx.page_of_audit(&PageRequest { limit: 200, page: 1, after: None }).await.unwrap();
        page.items.into_iter().map(|line| line.action).collect()
    }
    pub(crate) async fn lines(&self, action: &str) -> usize {
        self.audit().await.iter().filter(|line| *line == action).count()
    }
    /// Nothing goes wrong any more.
    pub(crate) async fn heal(&self) {
        self.vendor(http::Method::DELETE, "/sandbox/faults", Value::Null).await;
    }
    pub(crate) fn fault(&self, vendor: &str, operation: &str, kind: FaultKind) {
        let (vendor, operation) = (vendor.to_owned(), operation.to_owned());
        self.sandbox.inject(Fault { vendor, operation, times: 20, kind });
    }
}

async fn run(wib: &Wib, job: &str) -> JobRun {
    Scheduler::new(wib).run_by_name(job).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_no_delivery_told_is_found_once_and_goes_the_way_of_what_is_told() {
    let house = House::open().await;
    house.subscribed(Plan::Pro, 4_900).await;
    assert!(house.lose() > 2);
    assert_eq!(house.organization().await.plan, Plan::Free);
    let found = run(&house.wib, "reconcile_billing").await;
    assert!(found.errors == 0 && found.processed >= 3, "{found:?}");
    assert_eq!(house.organization().await.plan, Plan::Pro);
    let billed = house.org.billing().await.unwrap();
    let (account, known) = (billed.account.unwrap(), billed.subscription.unwrap());
    assert_eq!((account.subscription_status, account.plan), (Some(SubscriptionState::Active), Some(Plan::Pro)));
    assert_eq!(
        (known.amount_minor, known.currency, known.cancel_at_period_end),
        (Some(4_900), Some(Currency::USD), false)
    );
    let methods = house.org.payment_methods().await.unwrap();
    assert_eq!(
        methods.iter().map(|(m, usual)| (m.last4.as_deref(), *usual)).collect::<Vec<_>>(),
        [(Some("4242"), true)]
    );
    let invoices = house.org.list_invoices(None, None).await.unwrap();
    assert_eq!(
        (invoices.total, invoices.items[0].status, invoices.items[0].paid_minor),
        (1, InvoiceState::Paid, 4_900)
    );
    assert!(invoices.items[0].billed_at.is_some() && invoices.items[0].url.is_some());
    assert_eq!(house.lines("billing:payment_received").await, 1);
    assert_eq!(house.lines("billing:payment_method_added").await, 1);
    assert_eq!(house.lines("billing:data_sync").await, 1);
    house.pass(DAY);
    let again = run(&house.wib, "reconcile_billing").await;
    assert_eq!((again.processed, again.errors), (0, 0), "nothing is news twice");
    assert_eq!(house.lines("billing:payment_received").await, 1);
    assert_eq!(house.lines("billing:data_sync").await, 1);
    // The end is found as well, and a card that is gone.
    let id = known.vendor_id.as_str().into();
    house.billing().cancel_subscription(&id, Default::default()).await.unwrap();
    let card = methods[0].0.vendor_id.as_str().into();
    house.billing().detach_payment_method(&card, "away").await.unwrap();
    house.lose();
    house.pass(60);
    assert!(run(&house.wib, "reconcile_billing").await.processed >= 2);
    assert_eq!(house.organization().await.plan, Plan::Free);
    assert!(house.org.payment_methods().await.unwrap().is_empty());
    assert_eq!(house.lines("billing:payment_method_removed").await, 1);
}

#[tokio::test]
async fn who_was_never_asked_for_is_asked_when_somebody_looks() {
    let house = House::open().await;
    house.subscribed(Plan::Pro, 4_900).await;
    house.lose();
    house.fault("stripe", "list_invoices", FaultKind::Status { status: 500, retry_after: None });
    house.fault("stripe", "customer", FaultKind::Status { status: 500, retry_after: None });
    let _ = house.org.payment_methods().await.unwrap();
    house.heal().await;
    assert_eq!(house.org.list_invoices(Some(1), Some(500)).await.unwrap().total, 1);
    let second = house.org.list_invoices(Some(2), Some(1)).await.unwrap();
    assert_eq!((second.items.len(), second.total, second.offset), (0, 1, 1));
    assert_eq!(house.org.payment_methods().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_subscription_is_cancelled_resumed_and_changed_and_its_plan_follows_at_once() {
    let house = House::open().await;
    house.subscribed(Plan::Pro, 4_900).await;
    house.org.sync_billing().await.unwrap();
    assert_eq!(house.org.resume_subscription().await.unwrap_err().machine_code(), "NOT_CANCELLED");
    let ends = house.org.cancel_subscription().await.unwrap();
    assert!(ends.cancel_at_period_end && ends.period_ends.is_some());
    assert_eq!(house.organization().await.plan, Plan::Pro, "until it ends");
    house.settle().await;
    assert!(house.org.billing().await.unwrap().subscription.unwrap().cancel_at_period_end);
    let goes_on = house.org.resume_subscription().await.unwrap();
    assert!(!goes_on.cancel_at_period_end);
    let price = house.price(Plan::Business, 9_900).await;
    let command = ChangePlan { price_id: price.clone(), plan_id: Some("business".to_owned()) };
    let changed = house.org.change_plan(command).await.unwrap();
    assert_eq!((changed.price_id.as_deref(), changed.amount_minor), (Some(price.as_str()), Some(9_900)));
    assert_eq!(house.organization().await.plan, Plan::Business);
    house.settle().await;
    assert_eq!(house.organization().await.plan, Plan::Business);
    let at_vendor = house.billing().subscription(&changed.vendor_id.as_str().into()).await.unwrap();
    assert_eq!(at_vendor.metadata.get("plan_id").map(String::as_str), Some("business"));
    for action in ["billing:subscription_cancelled", "billing:subscription_updated", "billing:data_sync"] {
        assert!(house.lines(action).await > 0, "{action}");
    }
    let wrong = ChangePlan { price_id: "plan_1".to_owned(), plan_id: Some("x".repeat(201)) };
    let error = house.org.change_plan(wrong).await.unwrap_err();
    assert_eq!(error.fields().iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["price_id", "plan_id"]);
    let unknown = ChangePlan { price_id: "price_unknown".to_owned(), plan_id: None };
    assert_eq!(house.org.change_plan(unknown).await.unwrap_err().kind(), Kind::Vendor);
}

#[tokio::test]
async fn a_checkout_names_the_organisation_and_the_plan_and_its_end_is_told() {
    let house = House::open().await;
    let price = house.price(Plan::Starter, 1_900).await;
    let command = OpenCheckout { price_id: price, plan_id: Some("starter".to_owned()) };
    let page = house.org.open_checkout(command.clone()).await.unwrap();
    assert!(page.url.is_some());
    let there = house.billing().checkout(&page.id).await.unwrap();
    let account = house.org.billing_account().await.unwrap().unwrap();
    assert_eq!(there.customer.unwrap().as_str(), account.customer_id);
    assert_eq!(there.metadata.get("organization_id"), Some(&house.org.id().to_string()));
    assert_eq!(there.metadata.get("plan_id").map(String::as_str), Some("starter"));
    assert_ne!(house.org.open_checkout(command).await.unwrap().id, page.id, "each is another page");
    let path = format!("/sandbox/stripe/checkout/{}/complete", page.id);
    house.vendor(http::Method::POST, &path, json!({})).await;
    house.settle().await;
    assert_eq!(house.organization().await.plan, Plan::Starter);
    assert!(house.org.open_portal().await.unwrap().starts_with("https://"));
    assert_eq!((house.lines("billing:checkout_created").await, house.lines("billing:portal_opened").await), (2, 1));
}

#[tokio::test]
async fn what_there_is_nothing_for_is_refused_and_nobody_touches_anothers_card() {
    let house = House::open().await;
    assert_eq!(house.org.open_portal().await.unwrap_err().machine_code(), "NO_CUSTOMER");
    for error in [
        house.org.cancel_subscription().await.unwrap_err(),
        house.org.resume_subscription().await.unwrap_err(),
        house.org.change_plan(ChangePlan { price_id: "price_1".to_owned(), plan_id: None }).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.machine_code()), (Kind::Invalid, "NO_SUBSCRIPTION"));
    }
    assert_eq!(house.org.sync_billing().await.unwrap(), None);
    // Another customer's card, with and without a customer of ours.
    let other = house.billing().create_customer(&Default::default(), "other").await.unwrap();
    let theirs = house.billing().attach_payment_method(&"pm_card_visa".into(), &other.id, "theirs").await.unwrap();
    let refused = async || house.org.remove_payment_method(theirs.id.as_str()).await.unwrap_err().kind();
    assert_eq!(refused().await, Kind::NotFound);
    house.subscribed(Plan::Pro, 4_900).await;
    assert_eq!(refused().await, Kind::NotFound);
    assert!(house.billing().payment_methods(&other.id, &Slice::default()).await.unwrap().items.len() == 1);
    // Ours goes once, here and there.
    let (ours, _) = house.org.payment_methods().await.unwrap().remove(0);
    house.org.remove_payment_method(&ours.vendor_id).await.unwrap();
    assert!(house.org.payment_methods().await.unwrap().is_empty());
    let customer = house.org.billing_account().await.unwrap().unwrap().customer_id;
    let left = house.billing().payment_methods(&customer.as_str().into(), &Slice::default()).await.unwrap();
    assert!(left.items.is_empty());
    assert_eq!(house.org.remove_payment_method(&ours.vendor_id).await.unwrap_err().kind(), Kind::NotFound);
    house.settle().await;
    assert_eq!(house.lines("billing:payment_method_removed").await, 1, "the delivery says nothing new");
    assert!(house.org.payment_methods().await.unwrap().is_empty(), "nor does the late one of its coming bring it back");
}

#[tokio::test]
async fn below_their_role_nobody_orders_anything() {
    let house = House::open().await;
    let of = async |role| {
        let principal = Principal { role, ..Principal::service(house.org.id()) };
        house.wib.org(principal).await.unwrap()
    };
    let (admin, manager) = (of(Role::Admin).await, of(Role::Manager).await);
    assert_eq!(admin.cancel_subscription().await.unwrap_err().kind(), Kind::Forbidden);
    for error in [
        manager.open_portal().await.unwrap_err(),
        manager.resume_subscription().await.unwrap_err(),
        manager.open_checkout(OpenCheckout::default()).await.unwrap_err(),
        manager.change_plan(ChangePlan::default()).await.unwrap_err(),
        manager.remove_payment_method("pm_1").await.unwrap_err(),
        manager.sync_billing().await.unwrap_err(),
        of(Role::Agent).await.put_ai_config(PutAiConfig::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::Forbidden);
    }
}

#[tokio::test]
async fn a_vendor_that_refuses_or_says_nothing_changes_nothing_here() {
    let house = House::open().await;
    house.subscribed(Plan::Pro, 4_900).await;
    house.org.sync_billing().await.unwrap();
    let (card, _) = house.org.payment_methods().await.unwrap().remove(0);
    for (kind, told) in [
        (FaultKind::Status { status: 400, retry_after: None }, Kind::Vendor),
        (FaultKind::TimeoutBeforeEffect, Kind::Timeout),
    ] {
        house.fault("stripe", "*", kind);
        for error in [
            house.org.cancel_subscription().await.unwrap_err(),
            house.org.open_portal().await.unwrap_err(),
            house.org.open_checkout(OpenCheckout { price_id: "price_1".to_owned(), plan_id: None }).await.unwrap_err(),
            house.org.remove_payment_method(&card.vendor_id).await.unwrap_err(),
            house.org.sync_billing().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), told, "{error:?}");
        }
        house.heal().await;
    }
    assert!(!house.org.billing().await.unwrap().subscription.unwrap().cancel_at_period_end);
    assert_eq!(house.org.payment_methods().await.unwrap().len(), 1);
    assert_eq!(house.lines("billing:subscription_cancelled").await, 0);
}

#[tokio::test]
async fn real_money_is_never_moved_for_a_test_organisation() {
    let mut billing = MockBilling::new();
    billing.expect_live().return_const(true);
    billing.expect_vendor().return_const("stripe");
    let billing = Arc::new(billing);
    let stage = Stage::with(NOON, 1, |builder, _| builder.billing(billing)).await;
    let now = stage.now();
    let account = BillingAccount {
        id: stage.org.id().cast(),
        vendor: "stripe".to_owned(),
        customer_id: "cus_1".to_owned(),
        email: None,
        subscription_id: None,
        subscription_status: None,
        plan: None,
        default_method: None,
        default_at: None,
        synced_at: Some(now),
        created_at: now,
        updated_at: now,
    };
    let method = KnownMethod {
        id: Id::new(now, &*stage.random),
        vendor: "stripe".to_owned(),
        vendor_id: "pm_1".to_owned(),
        kind: "card".to_owned(),
        brand: None,
        last4: None,
        exp_month: None,
        exp_year: None,
        added_at: now,
        seen_at: now,
        detached_at: None,
        created_at: now,
    };
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    tx.insert(&account).await.unwrap();
    tx.insert(&method).await.unwrap();
    tx.commit().await.unwrap();
    for error in [
        stage.org.sync_billing().await.unwrap_err(),
        stage.org.remove_payment_method("pm_1").await.unwrap_err(),
        stage.org.open_portal().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::Conflict);
    }
}

#[tokio::test]
async fn meters_are_told_of_each_day_once() {
    let house = House::open().await;
    let customer = house.subscribed(Plan::Pro, 4_900).await;
    let mut meters = vec![];
    for event in [usage::CALLS, usage::MINUTES] {
        let new = NewMeter { name: event.to_owned(), event: event.to_owned(), aggregation: Aggregation::Sum };
        meters.push(house.billing().create_meter(&new, event).await.unwrap().id);
    }
    let account = house.account(&magic(1)).await;
    let call = house.start(&account).await.unwrap();
    house.sealed(call.id).await;
    let day = time::day_of(house.now());
    house.clock.advance_to(time::after(time::first_of(day.tomorrow().unwrap()), Duration::from_secs(1)));
    let used = async |meter| {
        let (from, to) = (time::first_of(day), time::first_of(day.tomorrow().unwrap()));
        let wanted = UsageFilter { meter, customer: customer.clone(), from, to };
        let sums = house.billing().usage(&wanted, &Slice::default()).await.unwrap().items;
        sums.iter().map(|sum| sum.value.parse::<f64>().unwrap()).sum::<f64>()
    };
    // The vendor is down at midnight: the day is told later.
    house.fault("stripe", "*", FaultKind::NoConnection);
    let failed = run(&house.wib, "aggregate_usage").await;
    assert_eq!((failed.processed, failed.errors), (0, 1));
    house.heal().await;
    assert_eq!(run(&house.wib, "reconcile_billing").await.errors, 0);
    let calls = used(meters[0].clone()).await;
    assert!(calls >= 1.0 && used(meters[1].clone()).await >= 1.0, "{calls}");
    house.pass(2 * DAY);
    run(&house.wib, "aggregate_usage").await;
    run(&house.wib, "reconcile_billing").await;
    assert!((used(meters[0].clone()).await - calls).abs() < 0.1, "once");
}
