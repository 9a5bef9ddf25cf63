//! The sandbox as time passes, faults that leave doubt, and what is counted.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use wib_core::{
    kit::{Clock, Currency, Money, VirtualClock, time::after},
    ports::{
        Fault as Kind, Sent,
        billing::{
            Aggregation, BillingEvent, BillingEventKind, CheckoutChange, CheckoutLine, CheckoutMode, CheckoutPayment,
            Customer, DisputeChange, EditItem, EditSubscription, EventFilter, Interval, Invoice, InvoiceChange,
            InvoiceFilter, ItemChange, Metadata, NewCheckout, NewCustomer, NewItem, NewMeter, NewPayment, NewPrice,
            NewProduct, NewRecurring, NewSubscription, PaymentStatus, Price, PriceId, Proration, Slice, Subscription,
            SubscriptionChange, SubscriptionId, SubscriptionStatus, UnitAmount, UsageEvent,
        },
        webhook::EventBody,
    },
};

use super::{conformance::checked, *};
use crate::sandbox::{Fault, FaultKind, Sandbox, Settings};

const DAY: u64 = 24 * 60 * 60;

struct Shop {
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
    stripe: Stripe,
}

impl Shop {
    fn open() -> Self {
        let clock = Arc::new(VirtualClock::new("2026-01-31T10:00:00Z".parse().unwrap()));
        let sandbox = Sandbox::new(clock.clone(), 11, Settings::default());
        let secret = sandbox.verifier("stripe").unwrap();
        let stripe = Stripe::builder(checked(&sandbox, &clock), "sk_test_1".to_owned().into());
        Self { stripe: stripe.webhook_secret(secret).build(), sandbox, clock }
    }
    /// Waits while time runs by itself.
    async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let time = async {
            loop {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                self.clock.advance(Duration::from_millis(50));
            }
        };
        tokio::select! {
            biased;
            output = future => output,
            () = time => unreachable!("time does not end"),
        }
    }
    /// Lets time pass; the events that were delivered and verified meanwhile.
    fn pass(&self, seconds: u64) -> Vec<BillingEvent> {
        let (end, mut events) = (after(self.clock.now(), Duration::from_secs(seconds)), Vec::new());
        while let Some(due) = self.sandbox.next_due().filter(|due| *due <= end) {
            self.clock.advance_to(due);
            for delivery in self.sandbox.take_due(self.clock.now()) {
                let pairs: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
                let opened = self.stripe.open(&Headers(&pairs), &delivery.body, self.clock.now()).unwrap();
                events.extend(opened.into_events().into_iter().map(|event| match event.body {
                    EventBody::Billing(event) => *event,
                    other => panic!("{other:?}"),
                }));
                self.sandbox.delivered(delivery.id, Some(200));
            }
        }
        self.clock.advance_to(end);
        events
    }
    async fn control(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.sandbox.serve(method, path, HeaderMap::new(), Bytes::from(body.to_string())).await;
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }
    /// Charges that moved money, as the sandbox counts them.
    async fn charges(&self, customer: &str) -> u64 {
        let (_, shown) = self.control(Method::GET, "/sandbox/models/stripe", &json!({})).await;
        shown["kept"]["charges"][customer].as_u64().unwrap_or(0)
    }
    async fn payer(&self, card: &str) -> Customer {
        let customer = self.stripe.create_customer(&NewCustomer::default(), "customer").await.unwrap();
        let saved = self.stripe.attach_payment_method(&card.into(), &customer.id, "attach").await.unwrap();
        self.stripe.set_default_payment_method(&customer.id, &saved.id, "default").await.unwrap()
    }
    async fn price(&self, amount: UnitAmount, interval: Interval, meter: Option<&str>) -> Price {
        let (product, key) = (NewProduct { name: "Plan".into(), ..Default::default() }, format!("{amount:?}{interval}"));
        let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        let product = self.stripe.create_product(&product, &format!("{key}-product")).await.unwrap().id;
        let recurring = Some(NewRecurring { interval, count: 1, meter: meter.map(Into::into) });
        let new = NewPrice { product, currency: Currency::USD, amount, recurring, lookup_key: None, metadata: Metadata::default() };
        self.stripe.create_price(&new, &key).await.unwrap()
    }
    async fn subscribe(&self, customer: &Customer, prices: &[&PriceId], trial_days: Option<u32>) -> Subscription {
        let items = prices.iter().map(|price| NewItem::of((*price).clone())).collect();
        let new = NewSubscription { trial_days, ..NewSubscription::of(customer.id.clone(), items) };
        self.stripe.create_subscription(&new, "subscribe").await.unwrap()
    }
    async fn status(&self, id: &SubscriptionId) -> SubscriptionStatus {
        self.stripe.subscription(id).await.unwrap().status
    }
    async fn invoices(&self, of: &Customer) -> Vec<Invoice> {
        let wanted = InvoiceFilter { customer: Some(of.id.clone()), ..InvoiceFilter::default() };
        self.stripe.invoices(&wanted, &Slice::default()).await.unwrap().items
    }
}

/// What happened to invoices and subscriptions, in order.
fn story(events: &[BillingEvent]) -> Vec<String> {
    let told = events.iter().filter_map(|event| match &event.what {
        BillingEventKind::Invoice(change, _) => Some(format!("invoice {change}")),
        BillingEventKind::Subscription(change, it) => Some(format!("subscription {change} {}", it.status)),
        _ => None,
    });
    told.collect()
}

#[tokio::test]
async fn a_subscription_renews_every_month_on_the_day_of_its_beginning() {
    let shop = Shop::open();
    let customer = shop.payer("pm_card_visa").await;
    let price = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let made = shop.subscribe(&customer, &[&price.id], None).await;
    let begun = ["invoice created", "invoice finalized", "invoice paid", "subscription updated active", "subscription created active"];
    assert_eq!(story(&shop.pass(0)), begun);
    assert_eq!(made.period().unwrap().end, "2026-02-28T10:00:00Z".parse::<Timestamp>().unwrap());

    let renewed = ["invoice created", "subscription updated active"];
    assert_eq!(story(&shop.pass(28 * DAY)), renewed);
    assert_eq!(shop.charges(customer.id.as_str()).await, 1, "a draft is not charged for an hour");
    assert_eq!(story(&shop.pass(3600)), ["invoice finalized", "invoice paid"]);
    let now = shop.stripe.subscription(&made.id).await.unwrap();
    assert_eq!(now.period().unwrap().end, "2026-03-31T10:00:00Z".parse::<Timestamp>().unwrap());
    shop.pass(90 * DAY);
    assert_eq!(shop.charges(customer.id.as_str()).await, 4, "at the end of February, of March, and of April");
    let invoices = shop.invoices(&customer).await;
    assert_eq!(invoices.len(), 4);
    assert!(invoices.iter().all(|invoice| invoice.paid == Money::usd(1000) && invoice.paid_at.is_some()));
}

#[tokio::test]
async fn a_card_that_fails_makes_it_past_due_is_tried_again_and_ends_it() {
    let shop = Shop::open();
    let customer = shop.payer("pm_card_visa").await;
    let price = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let made = shop.subscribe(&customer, &[&price.id], None).await;
    let failing = shop.stripe.attach_payment_method(&"pm_card_chargeCustomerFail".into(), &customer.id, "a2").await.unwrap();
    shop.stripe.set_default_payment_method(&customer.id, &failing.id, "d2").await.unwrap();
    shop.pass(28 * DAY);
    let failed = ["invoice finalized", "invoice payment_failed", "subscription updated past_due"];
    assert_eq!(story(&shop.pass(3600)), failed);
    let open = shop.invoices(&customer).await.remove(0);
    assert_eq!((open.attempts, open.next_attempt_at), (1, Some(after(shop.clock.now(), Duration::from_secs(3 * DAY)))));
    assert_eq!(story(&shop.pass(3 * DAY)), ["invoice payment_failed"]);
    assert_eq!(story(&shop.pass(5 * DAY)), ["invoice payment_failed"]);
    assert_eq!(story(&shop.pass(7 * DAY)), ["invoice payment_failed", "subscription deleted canceled"]);
    assert_eq!((shop.status(&made.id).await, shop.charges(customer.id.as_str()).await), (SubscriptionStatus::Canceled, 1));
    assert!(story(&shop.pass(60 * DAY)).is_empty(), "what has ended does not renew");
}

#[tokio::test]
async fn a_card_that_is_mended_in_time_brings_it_back() {
    let shop = Shop::open();
    let customer = shop.payer("pm_card_visa").await;
    let price = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let made = shop.subscribe(&customer, &[&price.id], None).await;
    let good = customer.default_payment_method.clone().unwrap();
    let failing = shop.stripe.attach_payment_method(&"pm_card_chargeCustomerFail".into(), &customer.id, "a2").await.unwrap();
    shop.stripe.set_default_payment_method(&customer.id, &failing.id, "d2").await.unwrap();
    shop.pass(28 * DAY + 3600);
    assert_eq!(shop.status(&made.id).await, SubscriptionStatus::PastDue);
    shop.stripe.set_default_payment_method(&customer.id, &good, "d3").await.unwrap();
    assert_eq!(story(&shop.pass(3 * DAY)), ["invoice paid", "subscription updated active"]);
    assert_eq!(shop.charges(customer.id.as_str()).await, 2);
    assert!(story(&shop.pass(10 * DAY)).is_empty(), "the other tries are not made");
}

#[tokio::test]
async fn a_trial_is_announced_and_ends_in_a_charge() {
    let shop = Shop::open();
    let customer = shop.payer("pm_card_visa").await;
    let price = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let made = shop.subscribe(&customer, &[&price.id], Some(14)).await;
    shop.pass(0);
    assert_eq!(story(&shop.pass(11 * DAY)), ["subscription trial_will_end trialing"]);
    assert_eq!(shop.charges(customer.id.as_str()).await, 0);
    let begun = ["invoice created", "subscription updated active", "invoice finalized", "invoice paid"];
    assert_eq!(story(&shop.pass(3 * DAY + 3600)), begun);
    assert_eq!(shop.charges(customer.id.as_str()).await, 1);
    let period = shop.stripe.subscription(&made.id).await.unwrap().period().unwrap();
    assert_eq!(period.start, made.trial.unwrap().end);
}

#[tokio::test]
async fn a_trial_without_a_card_pauses_when_told_so_and_is_resumed() {
    let shop = Shop::open();
    let customer = shop.stripe.create_customer(&NewCustomer::default(), "c").await.unwrap();
    let price = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let new = NewSubscription {
        trial_days: Some(7),
        pause_unpayable: true,
        ..NewSubscription::of(customer.id.clone(), vec![NewItem::of(price.id)])
    };
    let made = shop.stripe.create_subscription(&new, "s").await.unwrap();
    shop.pass(0);
    let events = shop.pass(7 * DAY);
    assert_eq!(story(&events), ["subscription trial_will_end trialing", "subscription paused paused"]);
    let saved = shop.stripe.attach_payment_method(&"pm_card_visa".into(), &customer.id, "a").await.unwrap();
    shop.stripe.set_default_payment_method(&customer.id, &saved.id, "d").await.unwrap();
    let resumed = shop.stripe.resume_subscription(&made.id, "r").await.unwrap();
    assert_eq!((resumed.status, shop.charges(customer.id.as_str()).await), (SubscriptionStatus::Active, 1));
    let last = story(&shop.pass(0)).pop();
    assert_eq!(last.as_deref(), Some("subscription resumed active"));
}

#[tokio::test]
async fn it_ends_with_its_period_when_told_so() {
    let shop = Shop::open();
    let customer = shop.payer("pm_card_visa").await;
    let price = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let made = shop.subscribe(&customer, &[&price.id], None).await;
    let edit = EditSubscription { cancel_at_period_end: Some(true), ..EditSubscription::default() };
    let ends = shop.stripe.update_subscription(&made.id, &edit, "e").await.unwrap();
    assert_eq!(ends.cancel_at, Some(made.period().unwrap().end));
    shop.pass(27 * DAY);
    assert_eq!(shop.status(&made.id).await, SubscriptionStatus::Active);
    assert_eq!(story(&shop.pass(2 * DAY)), ["subscription deleted canceled"]);
    assert_eq!(shop.charges(customer.id.as_str()).await, 1);
}

#[tokio::test]
async fn a_first_invoice_that_nobody_pays_ends_it_within_a_day() {
    let shop = Shop::open();
    let customer = shop.payer("pm_card_chargeCustomerFail").await;
    let price = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let made = shop.subscribe(&customer, &[&price.id], None).await;
    assert_eq!(made.status, SubscriptionStatus::Incomplete);
    shop.pass(0);
    assert_eq!(story(&shop.pass(DAY)), ["invoice voided", "subscription updated incomplete_expired"]);
    assert!(story(&shop.pass(60 * DAY)).is_empty());
}

#[tokio::test]
async fn a_change_in_the_middle_is_billed_with_the_next_invoice_or_at_once() {
    let shop = Shop::open();
    let customer = shop.payer("pm_card_visa").await;
    let (small, large) = (
        shop.price(UnitAmount::Minor(1000), Interval::Month, None).await,
        shop.price(UnitAmount::Minor(3000), Interval::Month, None).await,
    );
    let yearly = shop.price(UnitAmount::Minor(30_000), Interval::Year, None).await;
    let made = shop.subscribe(&customer, &[&small.id], None).await;
    shop.pass(14 * DAY);
    let item = made.items[0].id.clone();
    let to = |price: &PriceId, proration| EditSubscription {
        items: vec![ItemChange::Edit(item.clone(), EditItem { price: Some(price.clone()), ..EditItem::default() })],
        proration,
        ..EditSubscription::default()
    };
    // Half of the 28 days are left: 500 back, 1,500 to pay, and 3,000 for the next month.
    let change = to(&large.id, Proration::NextInvoice).items;
    let preview = shop.stripe.preview_invoice(&made.id, &change).await.unwrap();
    let amounts = |invoice: &Invoice| invoice.lines.iter().map(|line| (line.amount.minor, line.proration)).collect::<Vec<_>>();
    let expected = vec![(-500, true), (1500, true), (3000, false)];
    assert_eq!((amounts(&preview), preview.total), (expected.clone(), Money::usd(4000)));
    assert_eq!(shop.invoices(&customer).await.len(), 1, "only looked at");
    shop.stripe.update_subscription(&made.id, &to(&large.id, Proration::NextInvoice), "e1").await.unwrap();
    shop.pass(14 * DAY + 3600);
    let renewed = shop.invoices(&customer).await.remove(0);
    assert_eq!((amounts(&renewed), renewed.paid), (expected, Money::usd(4000)));
    // 31 days, of which an hour is over; paid at once.
    shop.pass(31 * DAY / 2 - 3600);
    shop.stripe.update_subscription(&made.id, &to(&small.id, Proration::Now), "e2").await.unwrap();
    assert_eq!(amounts(&shop.invoices(&customer).await[0]), [(-1500, true), (500, true)]);
    // Another rhythm is a new period: the rest of the old one is credited.
    let changed = shop.stripe.update_subscription(&made.id, &to(&yearly.id, Proration::NextInvoice), "e3").await.unwrap();
    let latest = shop.invoices(&customer).await.remove(0);
    assert_eq!((amounts(&latest), latest.paid), (vec![(-500, true), (30_000, false)], Money::usd(29_500)));
    assert_eq!(changed.period().unwrap().start, shop.clock.now());
}

#[tokio::test]
async fn what_meters_add_up_is_on_the_invoice_of_the_period_it_was_used_in() {
    let shop = Shop::open();
    let customer = shop.payer("pm_card_visa").await;
    let new = NewMeter { name: "Minutes".into(), event: "minutes".into(), aggregation: Aggregation::Sum };
    let meter = shop.stripe.create_meter(&new, "m").await.unwrap();
    let base = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let minute = shop.price(UnitAmount::Decimal("0.45".into()), Interval::Month, Some(meter.id.as_str())).await;
    let made = shop.subscribe(&customer, &[&base.id, &minute.id], None).await;
    assert_eq!(made.items.iter().map(|item| item.quantity).collect::<Vec<_>>(), [Some(1), None]);
    shop.pass(DAY);
    for (identifier, value) in [("a", "1000"), ("b", "111.5"), ("a", "1000")] {
        let at = shop.clock.now();
        let used = UsageEvent { event: "minutes".into(), customer: customer.id.clone(), value: value.into(), identifier: identifier.into(), at };
        shop.stripe.record_usage(&used).await.unwrap();
    }
    let preview = shop.stripe.preview_invoice(&made.id, &[]).await.unwrap();
    assert_eq!(preview.total, Money::usd(1000 + 500), "1,111.5 minutes at 0.45 are 500.175 cents");
    shop.pass(27 * DAY + 3600);
    assert_eq!(shop.invoices(&customer).await[0].paid, Money::usd(1500));
    shop.pass(32 * DAY);
    assert_eq!(shop.invoices(&customer).await[0].paid, Money::usd(1000), "what was billed is not billed again");
}

#[tokio::test]
async fn a_page_that_is_filled_in_makes_what_it_was_for() {
    let shop = Shop::open();
    let price = shop.price(UnitAmount::Minor(1000), Interval::Month, None).await;
    let page = |mode: CheckoutMode, lines| NewCheckout {
        lines,
        email: Some("ann@example.test".into()),
        metadata: Metadata::default().with("organization_id", "o1"),
        ..NewCheckout::of(mode, "https://wib.test")
    };
    let line = CheckoutLine { price: price.id.clone(), quantity: Some(2) };
    let open = shop.stripe.create_checkout(&page(CheckoutMode::Subscription, vec![line]), "k1").await.unwrap();
    let fill = async |id: &str, card: &str| {
        shop.control(Method::POST, &format!("/sandbox/stripe/checkout/{id}/complete"), &json!({"payment_method": card})).await
    };
    let (status, declined) = fill(open.id.as_str(), "pm_card_chargeDeclined").await;
    assert_eq!((status, declined["error"]["decline_code"].as_str()), (402, Some("generic_decline")));
    assert_eq!(fill(open.id.as_str(), "pm_card_visa").await.0, 200);
    assert_eq!(fill(open.id.as_str(), "pm_card_visa").await.0, 400, "a page is sent once");
    let done = shop.stripe.checkout(&open.id).await.unwrap();
    assert_eq!((&done.payment, done.email.as_deref()), (&CheckoutPayment::Paid, Some("ann@example.test")));
    let made = shop.stripe.subscription(&done.subscription.unwrap()).await.unwrap();
    assert_eq!((&made.status, made.metadata["organization_id"].as_str()), (&SubscriptionStatus::Active, "o1"));
    assert_eq!(shop.charges(done.customer.unwrap().as_str()).await, 1);
    let told = shop.pass(0);
    let completed = |event: &BillingEvent| matches!(event.what, BillingEventKind::Checkout(CheckoutChange::Completed, _));
    assert_eq!(told.iter().filter(|event| completed(event)).count(), 1);
    let idle = NewCheckout { currency: Some(Currency::USD), ..page(CheckoutMode::Setup, vec![]) };
    shop.stripe.create_checkout(&idle, "k2").await.unwrap();
    let expired = |event: &BillingEvent| matches!(event.what, BillingEventKind::Checkout(CheckoutChange::Expired, _));
    assert_eq!(shop.pass(DAY).iter().filter(|event| expired(event)).count(), 1);
    assert_eq!(shop.control(Method::POST, "/sandbox/stripe/nothing", &json!({})).await.0, 404);
}

fn charge(card: &str) -> NewPayment {
    NewPayment { payment_method: Some(card.into()), confirm: true, ..NewPayment::of(Money::usd(700)) }
}

#[tokio::test]
async fn the_payer_confirms_at_the_bank_and_a_dispute_takes_the_money_back() {
    let shop = Shop::open();
    let waits = shop.stripe.create_payment(&charge("pm_card_authenticationRequired"), "k1").await.unwrap();
    assert_eq!((&waits.status, shop.charges("guest").await), (&PaymentStatus::RequiresAction, 0));
    let path = format!("/sandbox/stripe/payment_intents/{}/authenticate", waits.id);
    assert_eq!(shop.control(Method::POST, &path, &json!({})).await.0, 200);
    assert_eq!(shop.stripe.payment(&waits.id).await.unwrap().status, PaymentStatus::Succeeded);
    assert_eq!(shop.charges("guest").await, 1);
    shop.stripe.create_payment(&charge("pm_card_createDispute"), "k2").await.unwrap();
    let disputes = shop.stripe.disputes(&Slice::default()).await.unwrap().items;
    assert_eq!((disputes.len(), disputes[0].amount), (1, Money::usd(700)));
    assert_eq!(shop.stripe.dispute(&disputes[0].id).await.unwrap(), disputes[0]);
    let told = shop.pass(0);
    let begun = |event: &BillingEvent| matches!(event.what, BillingEventKind::Dispute(DisputeChange::Created, _));
    assert_eq!(told.iter().filter(|event| begun(event)).count(), 1);
}

#[tokio::test]
async fn whatever_happens_on_the_way_one_charge_is_made() {
    let once = |kind| vec![(1, kind)];
    for (faults, tries_left) in [
        (once(FaultKind::TimeoutBeforeEffect), true),
        (once(FaultKind::TimeoutAfterEffect), true),
        (once(FaultKind::ResetAfterEffect), true),
        (once(FaultKind::NoConnection), true),
        (once(FaultKind::Status { status: 500, retry_after: None }), true),
        (once(FaultKind::Status { status: 409, retry_after: None }), true),
        (once(FaultKind::Status { status: 429, retry_after: Some(2) }), true),
        (vec![(1, FaultKind::ResetAfterEffect), (1, FaultKind::TimeoutAfterEffect)], true),
        // Longer than the adapter is patient: the caller asks again, with the same key.
        (vec![(3, FaultKind::TimeoutAfterEffect)], false),
        (vec![(3, FaultKind::ResetAfterEffect)], false),
        (once(FaultKind::GarbledAfterEffect), false),
        (once(FaultKind::Status { status: 429, retry_after: Some(60) }), false),
    ] {
        let shop = Shop::open();
        for (times, kind) in &faults {
            let (vendor, operation) = ("stripe".to_owned(), "create_payment".to_owned());
            shop.sandbox.inject(Fault { vendor, operation, times: *times, kind: *kind });
        }
        let pay = async || shop.stripe.create_payment(&charge("pm_card_visa"), "pay-1").await;
        let first = shop.run(pay()).await;
        assert_eq!(first.is_ok(), tries_left, "{faults:?}: {first:?}");
        if let Err(error) = &first {
            assert_ne!(error.sent, Sent::No, "{faults:?}");
            assert!(error.retryable(), "{faults:?}");
        }
        if let Some(wait) = first.err().and_then(|error| error.retry_after) {
            shop.clock.advance(wait);
        }
        let paid = shop.run(pay()).await.unwrap();
        assert_eq!((&paid.status, shop.charges("guest").await), (&PaymentStatus::Succeeded, 1), "{faults:?}");
        let wanted = EventFilter { names: vec!["payment_intent.succeeded".into()], ..EventFilter::default() };
        let told = shop.stripe.events(&wanted, &Slice::default()).await.unwrap().items;
        assert_eq!(told.len(), 1, "{faults:?}");
    }
}

#[tokio::test]
async fn a_key_is_remembered_for_a_day_with_its_declines() {
    let shop = Shop::open();
    shop.stripe.create_payment(&charge("pm_card_visa"), "k").await.unwrap();
    shop.stripe.create_payment(&charge("pm_card_chargeDeclined"), "d").await.unwrap_err();
    shop.pass(DAY - 1);
    shop.stripe.create_payment(&charge("pm_card_visa"), "k").await.unwrap();
    let conflict = shop.stripe.create_payment(&charge("pm_card_visa"), "d").await.unwrap_err();
    assert_eq!((conflict.fault, shop.charges("guest").await), (Kind::Conflict, 1));
    shop.pass(1);
    shop.stripe.create_payment(&charge("pm_card_visa"), "k").await.unwrap();
    assert_eq!(shop.charges("guest").await, 2, "a key is good for a day");
}

#[tokio::test]
async fn what_the_model_does_not_know_is_refused_and_begins_nothing() {
    let shop = Shop::open();
    let post = async |path: &str, key: &'static str, body: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("Bearer sk_test_1"));
        headers.insert("idempotency-key", http::HeaderValue::from_static(key));
        let answer = shop.sandbox.serve(Method::POST, path, headers, Bytes::from_static(body.as_bytes())).await;
        let json: Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), json["error"]["code"].as_str().unwrap_or_default().to_owned(), json["error"]["param"].clone())
    };
    let customers = "/stripe/v1/customers";
    assert_eq!(post(customers, "k", "email=a&nick=b").await, (400, "parameter_unknown".into(), json!("nick")));
    assert_eq!(post(customers, "k", "metadata[a][b]=c").await.1, "parameter_unknown");
    assert_eq!(post(customers, "k", "email=a").await.0, 200, "a request that failed its checks took no key");
    assert_eq!(post("/stripe/v1/payment_intents", "p", "amount=5").await, (400, "parameter_missing".into(), json!("currency")));
    assert_eq!(post("/stripe/v1/payment_intents", "p", "amount=five&currency=usd").await.1, "parameter_invalid_integer");
    let mut headers = HeaderMap::new();
    headers.insert("authorization", http::HeaderValue::from_static("Bearer sk_invalid"));
    assert_eq!(shop.sandbox.serve(Method::GET, "/stripe/v1/balance", headers, Bytes::new()).await.status(), 401);
}

#[test]
fn subscription_changes_have_their_words() {
    let words = ["created", "updated", "deleted", "trial_will_end", "paused", "resumed"];
    for word in words {
        assert_eq!(word.parse::<SubscriptionChange>().unwrap().as_str(), word);
    }
    assert!("pending_update_applied".parse::<SubscriptionChange>().is_err());
    assert_eq!(InvoiceChange::PaymentActionRequired.as_str(), "payment_action_required");
}
