//! The conformance suite of [`Billing`]: a function per promise, each on an account in which nothing has happened.
//!
//! ```text
//! async fn make(name: &'static str) -> Option<BillingBench> { .. }   // None: skipped, and `make` has said so
//! wib_core::billing_suite!(make);                                     // one named test per case
//! ```

use std::{sync::Arc, time::Duration};

use crate::{
    kit::{
        Clock, Currency, Money,
        time::{after, before},
    },
    ports::{
        Billing, Fault, Sent, VendorError,
        billing::{
            Aggregation, BillingEventKind, CancelNow, Change, CheckoutLine, CheckoutMode, CheckoutStatus,
            ConfirmPayment, Customer, CustomerChange, Decline, EditCustomer, EditItem, EditSubscription, EventFilter,
            FirstPayment, Interval, InvoiceFilter, InvoiceStatus, ItemChange, Metadata, NewCheckout, NewCustomer,
            NewItem, NewMeter, NewPayment, NewPortal, NewPrice, NewProduct, NewRecurring, NewRefund, NewSetup,
            NewSubscription, PaymentChange, PaymentFilter, PaymentMethodId, PaymentStatus, Price, PriceFilter,
            PriceUsage, Proration, RefundFilter, RefundStatus, SetupStatus, Slice, SubscriptionChange,
            SubscriptionFilter, SubscriptionStatus, UnitAmount, UsageEvent, UsageFilter, every,
        },
    },
};

/// An account to try, and payment methods that behave in known ways.
#[derive(Clone, Debug)]
pub struct BillingBench {
    /// The account.
    pub billing: Arc<dyn Billing>,
    /// The clock it runs on.
    pub clock: Arc<dyn Clock>,
    /// Pays.
    pub good: PaymentMethodId,
    /// Is declined without a reason, even when it is saved.
    pub declined: PaymentMethodId,
    /// Is declined for want of money.
    pub poor: PaymentMethodId,
    /// Can be saved; every charge is declined.
    pub failing: PaymentMethodId,
    /// The payer must confirm at the bank.
    pub confirms: PaymentMethodId,
}
impl BillingBench {
    /// An account whose payment methods have the names of Stripe's test cards.
    #[must_use]
    pub fn new(billing: Arc<dyn Billing>, clock: Arc<dyn Clock>) -> Self {
        Self {
            billing,
            clock,
            good: "pm_card_visa".into(),
            declined: "pm_card_chargeDeclined".into(),
            poor: "pm_card_chargeDeclinedInsufficientFunds".into(),
            failing: "pm_card_chargeCustomerFail".into(),
            confirms: "pm_card_authenticationRequired".into(),
        }
    }
    async fn customer(&self, key: &str) -> Customer {
        let new = NewCustomer { email: Some("ann@example.test".into()), ..NewCustomer::default() };
        self.billing.create_customer(&new, key).await.expect("a customer is made")
    }
    /// A customer who pays with that.
    async fn payer(&self, with: &PaymentMethodId) -> Customer {
        let customer = self.customer("payer").await;
        let saved = self.billing.attach_payment_method(with, &customer.id, "payer-attach").await.expect("it is saved");
        let default = self.billing.set_default_payment_method(&customer.id, &saved.id, "payer-default");
        default.await.expect("it becomes the default")
    }
    async fn price(&self, key: &str, minor: i64) -> Price {
        let product = NewProduct { name: format!("Plan {key}"), ..NewProduct::default() };
        let product = self.billing.create_product(&product, &format!("{key}-product")).await.expect("a product");
        let new = NewPrice {
            product: product.id,
            currency: Currency::USD,
            amount: UnitAmount::Minor(minor),
            recurring: Some(NewRecurring { interval: Interval::Month, count: 1, meter: None }),
            lookup_key: Some(key.to_owned()),
            metadata: Metadata::default(),
        };
        self.billing.create_price(&new, &format!("{key}-price")).await.expect("a price")
    }
    fn charge(&self, minor: i64, with: &PaymentMethodId) -> NewPayment {
        NewPayment { payment_method: Some(with.clone()), confirm: true, ..NewPayment::of(Money::usd(minor)) }
    }
}

/// Makes one test per case. `make` is an `async fn(&'static str) -> Option<BillingBench>`.
#[macro_export]
macro_rules! billing_suite {
    ($make:path) => {
        $crate::billing_suite! { @cases $make:
            a_customer_comes_back_changes_and_is_gone
            customers_are_found_by_what_we_wrote_on_them
            a_key_does_once_and_refuses_another_request
            bounds_are_refused_before_anything_is_sent
            lists_join_to_the_whole
            an_unknown_id_is_missing
            a_payment_method_is_saved_made_the_default_and_taken_away
            a_setup_saves_a_payment_method
            a_payment_goes_through_its_states
            a_reservation_is_captured_or_given_up
            a_decline_says_why_and_stays_declined_under_its_key
            a_bank_that_wants_the_payer_is_told_apart
            money_is_given_back_once
            payments_are_found_by_what_we_wrote_on_them
            products_and_prices_come_back
            a_subscription_is_made_changed_and_ended
            a_first_payment_that_fails_is_told
            a_trial_costs_nothing_until_it_ends
            items_are_added_changed_and_removed
            invoices_are_listed_looked_at_and_paid
            pages_are_opened_and_closed
            use_is_told_once_and_in_its_window
            events_tell_what_happened
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(bench) = $make(stringify!($case)).await {
                $crate::testing::billing_suite::$case(&bench).await;
            }
        })+
    };
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, VendorError>) -> VendorError {
    outcome.expect_err("it is refused")
}

/// What was made is there, what is changed is changed, and what is deleted says so.
pub async fn a_customer_comes_back_changes_and_is_gone(bench: &BillingBench) {
    let billing = &bench.billing;
    let metadata = Metadata::default().with("organization_id", "o1").with("plan", "pro");
    let new = NewCustomer {
        email: Some("ann@example.test".into()),
        name: Some("Ann".into()),
        metadata,
        ..Default::default()
    };
    let made = billing.create_customer(&new, "k1").await.expect("made");
    assert_eq!(billing.customer(&made.id).await.expect("there"), made);
    assert_eq!((made.name.as_deref(), made.metadata["organization_id"].as_str()), (Some("Ann"), "o1"));
    let edit = EditCustomer {
        name: Change::Clear,
        email: Change::To("bea@example.test".into()),
        metadata: Metadata::default().with("plan", ""),
        ..Default::default()
    };
    let changed = billing.update_customer(&made.id, &edit, "k2").await.expect("changed");
    assert_eq!((changed.name.as_deref(), changed.email.as_deref()), (None, Some("bea@example.test")));
    assert_eq!(changed.metadata.keys().map(String::as_str).collect::<Vec<_>>(), ["organization_id"]);
    billing.delete_customer(&made.id).await.expect("deleted");
    billing.delete_customer(&made.id).await.expect("deleted twice");
    let gone = billing.customer(&made.id).await.expect("known");
    assert!(gone.deleted && gone.email.is_none(), "{gone:?}");
}

/// The index may lag; what is found is right, and a quote in the value is no query.
pub async fn customers_are_found_by_what_we_wrote_on_them(bench: &BillingBench) {
    let billing = &bench.billing;
    for (key, organization) in [("k1", "o'1"), ("k2", "o2"), ("k3", "o'1")] {
        let new =
            NewCustomer { metadata: Metadata::default().with("organization_id", organization), ..Default::default() };
        billing.create_customer(&new, key).await.expect("made");
    }
    let find = |value: &'static str| async move {
        billing.find_customers("organization_id", value, &Slice::default()).await.expect("found").items.len()
    };
    assert_eq!((find("o'1").await, find("o2").await, find("o3").await), (2, 1, 0));
}

/// The same request under a key has one effect and one answer; another under it is a conflict.
pub async fn a_key_does_once_and_refuses_another_request(bench: &BillingBench) {
    let billing = &bench.billing;
    let first = billing.create_payment(&bench.charge(1000, &bench.good), "k").await.expect("paid");
    let again = billing.create_payment(&bench.charge(1000, &bench.good), "k").await.expect("known");
    assert_eq!((&first.id, &first.charge), (&again.id, &again.charge));
    let other = refused(billing.create_payment(&bench.charge(1001, &bench.good), "k").await);
    assert_eq!((other.fault, other.sent, other.retryable()), (Fault::Conflict, Sent::Refused, false));
    let next = billing.create_payment(&bench.charge(1000, &bench.good), "k2").await.expect("paid");
    assert_ne!(first.id, next.id);
}

/// Keys, metadata and ids that no vendor takes never leave.
pub async fn bounds_are_refused_before_anything_is_sent(bench: &BillingBench) {
    let billing = &bench.billing;
    let with = |metadata| NewCustomer { metadata, ..NewCustomer::default() };
    let long = "k".repeat(256);
    for key in ["", "two words", long.as_str()] {
        let error = refused(billing.create_customer(&NewCustomer::default(), key).await);
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{key:?}");
    }
    let many: Metadata = (0..51).map(|at| (format!("k{at}"), "v")).collect();
    for metadata in [
        many,
        Metadata::default().with("n".repeat(41), "v"),
        Metadata::default().with("a[b]", "v"),
        Metadata::default().with("n", "v".repeat(501)),
    ] {
        let error = refused(billing.create_customer(&with(metadata), "k").await);
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
    }
    let fits: Metadata = (0..50).map(|at| (format!("{at:0>40}"), "v".repeat(500))).collect();
    assert_eq!(billing.create_customer(&with(fits), "k").await.expect("it fits").metadata.len(), 50);
    assert_eq!(refused(billing.customer(&"".into()).await).sent, Sent::No);
}

/// Pages of any size join to the whole, the newest first, and a bound is kept.
pub async fn lists_join_to_the_whole(bench: &BillingBench) {
    let billing = &bench.billing;
    let mut made = Vec::new();
    for at in 0..7 {
        let new = NewProduct { name: format!("p{at}"), ..NewProduct::default() };
        made.insert(0, billing.create_product(&new, &format!("k{at}")).await.expect("made").id);
    }
    for limit in [1, 3, 7, 100] {
        let fetch = async |page: Slice| billing.products(&Slice { limit, ..page }).await;
        let (all, whole) = every(1000, fetch).await.expect("listed");
        assert_eq!((all.into_iter().map(|p| p.id).collect::<Vec<_>>(), whole), (made.clone(), true));
    }
    let (some, whole) = every(4, async |page| billing.products(&page).await).await.expect("listed");
    assert_eq!((some.len(), whole), (4, false));
}

/// What is not there is missing, not wrong.
pub async fn an_unknown_id_is_missing(bench: &BillingBench) {
    let billing = &bench.billing;
    let faults = [
        refused(billing.customer(&"cus_x".into()).await),
        refused(billing.payment(&"pi_x".into()).await),
        refused(billing.setup(&"seti_x".into()).await),
        refused(billing.checkout(&"cs_x".into()).await),
        refused(billing.subscription(&"sub_x".into()).await),
        refused(billing.cancel_subscription(&"sub_x".into(), CancelNow::default()).await),
        refused(billing.product(&"prod_x".into()).await),
        refused(billing.price(&"price_x".into()).await),
        refused(billing.invoice(&"in_x".into()).await),
        refused(billing.refund(&"re_x".into()).await),
        refused(billing.dispute(&"dp_x".into()).await),
        refused(billing.create_refund(&NewRefund::of("pi_x".into()), "k").await),
    ];
    for error in faults {
        assert_eq!((error.fault, error.sent), (Fault::Missing, Sent::Refused), "{error}");
    }
    billing.remove_subscription_item(&"si_x".into(), Proration::None).await.expect("gone is gone");
}

/// Saved, shown, made the default, taken away for good.
pub async fn a_payment_method_is_saved_made_the_default_and_taken_away(bench: &BillingBench) {
    let billing = &bench.billing;
    let customer = bench.payer(&bench.good).await;
    let saved = billing.payment_methods(&customer.id, &Slice::default()).await.expect("listed").items;
    assert_eq!(saved.len(), 1);
    assert_eq!(saved[0].card.as_ref().map(|card| (card.brand.as_str(), card.last4.as_str())), Some(("visa", "4242")));
    assert_eq!(
        (&saved[0].customer, &customer.default_payment_method),
        (&Some(customer.id.clone()), &Some(saved[0].id.clone()))
    );
    let error = refused(billing.attach_payment_method(&bench.declined, &customer.id, "k2").await);
    assert_eq!(Decline::of(&error), Some(Decline::Generic));
    let taken = billing.detach_payment_method(&saved[0].id, "k3").await.expect("taken away");
    assert_eq!(taken.customer, None);
    assert!(billing.payment_methods(&customer.id, &Slice::default()).await.expect("listed").items.is_empty());
    assert_eq!(billing.customer(&customer.id).await.expect("there").default_payment_method, None);
}

/// Saved without a payment, or declined without one.
pub async fn a_setup_saves_a_payment_method(bench: &BillingBench) {
    let billing = &bench.billing;
    let customer = bench.customer("c").await;
    let open = billing
        .create_setup(&NewSetup { customer: Some(customer.id.clone()), ..Default::default() }, "k1")
        .await
        .expect("begun");
    assert_eq!(open.status, SetupStatus::RequiresPaymentMethod);
    assert!(open.client_secret.is_some(), "the payer's browser goes on with it");
    let with = |method: &PaymentMethodId| NewSetup {
        customer: Some(customer.id.clone()),
        payment_method: Some(method.clone()),
        confirm: true,
        ..NewSetup::default()
    };
    let done = billing.create_setup(&with(&bench.good), "k2").await.expect("saved");
    assert_eq!(
        (&done.status, &billing.setup(&done.id).await.expect("there").status),
        (&SetupStatus::Succeeded, &done.status)
    );
    let saved = billing.payment_methods(&customer.id, &Slice::default()).await.expect("listed").items;
    assert_eq!(saved.iter().map(|method| Some(method.id.clone())).collect::<Vec<_>>(), [done.payment_method]);
    let error = refused(billing.create_setup(&with(&bench.poor), "k3").await);
    assert_eq!(Decline::of(&error), Some(Decline::InsufficientFunds));
}

/// Made, confirmed, done; and no second time.
pub async fn a_payment_goes_through_its_states(bench: &BillingBench) {
    let billing = &bench.billing;
    let made = billing.create_payment(&NewPayment::of(Money::usd(1250)), "k1").await.expect("made");
    assert_eq!(
        (&made.status, made.amount, made.received),
        (&PaymentStatus::RequiresPaymentMethod, Money::usd(1250), Money::usd(0))
    );
    let with = ConfirmPayment { payment_method: Some(bench.good.clone()), ..ConfirmPayment::default() };
    let paid = billing.confirm_payment(&made.id, &with, "k2").await.expect("paid");
    assert_eq!((&paid.status, paid.received), (&PaymentStatus::Succeeded, Money::usd(1250)));
    assert_eq!(billing.payment(&made.id).await.expect("there").charge, paid.charge);
    for error in [
        refused(billing.confirm_payment(&made.id, &with, "k3").await),
        refused(billing.cancel_payment(&made.id, "k4").await),
        refused(billing.capture_payment(&made.id, None, "k5").await),
    ] {
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::Refused), "{error}");
    }
}

/// Reserved money is taken in part, or let go.
pub async fn a_reservation_is_captured_or_given_up(bench: &BillingBench) {
    let billing = &bench.billing;
    let reserve = NewPayment { capture_later: true, ..bench.charge(900, &bench.good) };
    let held = billing.create_payment(&reserve, "k1").await.expect("reserved");
    assert_eq!(
        (&held.status, held.capturable, held.received),
        (&PaymentStatus::RequiresCapture, Money::usd(900), Money::usd(0))
    );
    assert_eq!(refused(billing.capture_payment(&held.id, Some(901), "k2").await).fault, Fault::Request);
    let taken = billing.capture_payment(&held.id, Some(400), "k3").await.expect("captured");
    assert_eq!(
        (&taken.status, taken.received, taken.capturable),
        (&PaymentStatus::Succeeded, Money::usd(400), Money::usd(0))
    );
    let other = billing.create_payment(&reserve, "k4").await.expect("reserved");
    let canceled = billing.cancel_payment(&other.id, "k5").await.expect("given up");
    assert_eq!((&canceled.status, canceled.received), (&PaymentStatus::Canceled, Money::usd(0)));
}

/// A decline has its reason, is no retry's business, and is kept under its key.
pub async fn a_decline_says_why_and_stays_declined_under_its_key(bench: &BillingBench) {
    let billing = &bench.billing;
    for (key, card, why) in [("k1", &bench.declined, Decline::Generic), ("k2", &bench.poor, Decline::InsufficientFunds)]
    {
        for _ in 0..2 {
            let error = refused(billing.create_payment(&bench.charge(500, card), key).await);
            assert_eq!(
                (Decline::of(&error), error.fault, error.sent),
                (Some(why.clone()), Fault::Declined, Sent::Refused)
            );
            assert!(!error.retryable());
        }
    }
    let made = billing.create_payment(&NewPayment::of(Money::usd(500)), "k3").await.expect("made");
    let with = |method: &PaymentMethodId| ConfirmPayment { payment_method: Some(method.clone()), ..Default::default() };
    refused(billing.confirm_payment(&made.id, &with(&bench.poor), "k4").await);
    let stands = billing.payment(&made.id).await.expect("there");
    assert_eq!(stands.status, PaymentStatus::RequiresPaymentMethod);
    assert_eq!(stands.failure.and_then(|failure| failure.decline), Some(Decline::InsufficientFunds));
    let paid = billing.confirm_payment(&made.id, &with(&bench.good), "k5").await.expect("paid after all");
    assert_eq!((paid.status, paid.failure), (PaymentStatus::Succeeded, None));
}

/// With the payer there, it is the payer's turn; without, it is a decline.
pub async fn a_bank_that_wants_the_payer_is_told_apart(bench: &BillingBench) {
    let billing = &bench.billing;
    let waits = billing.create_payment(&bench.charge(700, &bench.confirms), "k1").await.expect("made");
    assert_eq!((&waits.status, waits.received), (&PaymentStatus::RequiresAction, Money::usd(0)));
    assert!(waits.confirm_at.is_some_and(|url| url.starts_with("https://")));
    let alone = NewPayment { off_session: true, ..bench.charge(700, &bench.confirms) };
    let error = refused(billing.create_payment(&alone, "k2").await);
    assert_eq!(Decline::of(&error), Some(Decline::AuthenticationRequired));
}

/// At once, the newest first, of one customer, from a second on; what was declined too.
pub async fn payments_are_found_by_what_we_wrote_on_them(bench: &BillingBench) {
    let billing = &bench.billing;
    let (ours, other) = (bench.payer(&bench.good).await, bench.customer("other").await);
    let method = ours.default_payment_method.clone().expect("it is saved");
    let charge = |customer: &Customer, minor, label: &str| NewPayment {
        customer: Some(customer.id.clone()),
        metadata: Metadata::default().with("scheduled_payment", label),
        ..bench.charge(minor, &method)
    };
    let first = billing.create_payment(&charge(&ours, 100, "a"), "k1").await.expect("paid");
    let second = billing.create_payment(&charge(&ours, 200, "b"), "k2").await.expect("paid");
    let away = NewPayment { customer: Some(other.id.clone()), ..bench.charge(300, &bench.good) };
    billing.create_payment(&away, "k3").await.expect("paid");
    let list = async |wanted: PaymentFilter| {
        let (items, whole) = every(10, async |page| billing.payments(&wanted, &page).await).await.expect("listed");
        assert!(whole);
        items
    };
    let found = list(PaymentFilter { customer: Some(ours.id.clone()), since: None }).await;
    assert_eq!(found.iter().map(|one| &one.id).collect::<Vec<_>>(), [&second.id, &first.id]);
    assert_eq!(found[0].metadata.get("scheduled_payment").map(String::as_str), Some("b"));
    assert_eq!((found[0].received, &found[0].status), (Money::usd(200), &PaymentStatus::Succeeded));
    assert_eq!(list(PaymentFilter::default()).await.len(), 3);
    let since = Some(first.created_at);
    assert_eq!(list(PaymentFilter { customer: Some(ours.id.clone()), since }).await.len(), 2);
    let since = Some(after(second.created_at, Duration::from_secs(2)));
    assert!(list(PaymentFilter { customer: Some(ours.id), since }).await.is_empty());
}

/// In parts, up to the whole, never beyond.
pub async fn money_is_given_back_once(bench: &BillingBench) {
    let billing = &bench.billing;
    let paid = billing.create_payment(&bench.charge(1000, &bench.good), "k").await.expect("paid");
    let part = NewRefund { minor: Some(300), ..NewRefund::of(paid.id.clone()) };
    let first = billing.create_refund(&part, "r1").await.expect("refunded");
    assert_eq!(billing.create_refund(&part, "r1").await.expect("known").id, first.id);
    assert_eq!((first.amount, first.status.as_ref()), (Money::usd(300), Some(&RefundStatus::Succeeded)));
    assert_eq!(
        refused(billing.create_refund(&NewRefund { minor: Some(701), ..part.clone() }, "r2").await).fault,
        Fault::Request
    );
    let rest = billing.create_refund(&NewRefund::of(paid.id.clone()), "r3").await.expect("refunded");
    assert_eq!(rest.amount, Money::usd(700));
    assert_eq!(refused(billing.create_refund(&NewRefund::of(paid.id.clone()), "r4").await).fault, Fault::Request);
    let wanted = RefundFilter { payment: Some(paid.id) };
    let all = billing.refunds(&wanted, &Slice::default()).await.expect("listed").items;
    assert_eq!(all.iter().map(|refund| &refund.id).collect::<Vec<_>>(), [&rest.id, &first.id]);
    assert_eq!(billing.refund(&first.id).await.expect("there"), first);
}

/// Whole amounts and parts of a cent, recurring and once; found by our own name.
pub async fn products_and_prices_come_back(bench: &BillingBench) {
    let billing = &bench.billing;
    let monthly = bench.price("pro", 4900).await;
    assert_eq!((monthly.amount, monthly.active), (Some(Money::usd(4900)), true));
    let recurring = monthly.recurring.clone().expect("it recurs");
    assert_eq!((recurring.interval, recurring.count, recurring.usage), (Interval::Month, 1, PriceUsage::Licensed));
    let new = NewPrice {
        product: monthly.product.clone(),
        currency: Currency::USD,
        amount: UnitAmount::Decimal("0.45".into()),
        recurring: None,
        lookup_key: None,
        metadata: Metadata::default().with("per", "minute"),
    };
    let once = billing.create_price(&new, "k2").await.expect("made");
    assert_eq!((once.amount, once.decimal.as_deref(), once.recurring.is_none()), (None, Some("0.45"), true));
    assert_eq!(billing.price(&once.id).await.expect("there"), once);
    let list = async |wanted: PriceFilter| billing.prices(&wanted, &Slice::default()).await.expect("listed").items;
    assert_eq!(
        list(PriceFilter { lookup_keys: vec!["pro".into(), "nobody".into()], ..Default::default() }).await,
        std::slice::from_ref(&monthly)
    );
    assert_eq!(list(PriceFilter { product: Some(monthly.product.clone()), ..Default::default() }).await.len(), 2);
    assert_eq!(billing.product(&monthly.product).await.expect("there").name, "Plan pro");
}

/// Paid at once, changed, ended with the period, taken back, ended now.
pub async fn a_subscription_is_made_changed_and_ended(bench: &BillingBench) {
    let billing = &bench.billing;
    let customer = bench.payer(&bench.good).await;
    let (small, large) = (bench.price("small", 1000).await, bench.price("large", 3000).await);
    let new =
        NewSubscription::of(customer.id.clone(), vec![NewItem { quantity: Some(2), ..NewItem::of(small.id.clone()) }]);
    let made = billing.create_subscription(&new, "k1").await.expect("made");
    assert_eq!(billing.create_subscription(&new, "k1").await.expect("known").id, made.id);
    assert_eq!((&made.status, made.items.len(), made.items[0].quantity), (&SubscriptionStatus::Active, 1, Some(2)));
    let period = made.period().expect("a period runs");
    assert!(period.start <= bench.clock.now() && period.end > bench.clock.now());
    let invoice = billing.invoice(made.latest_invoice.as_ref().expect("an invoice")).await.expect("there");
    assert_eq!(
        (invoice.status.as_ref(), invoice.paid, invoice.remaining),
        (Some(&InvoiceStatus::Paid), Money::usd(2000), Money::usd(0))
    );
    assert_eq!((invoice.subscription.as_ref(), invoice.lines[0].price.as_ref()), (Some(&made.id), Some(&small.id)));

    let item = EditItem { price: Some(large.id.clone()), quantity: Some(1), ..EditItem::default() };
    let edit = EditSubscription {
        items: vec![ItemChange::Edit(made.items[0].id.clone(), item)],
        proration: Proration::None,
        ..Default::default()
    };
    let changed = billing.update_subscription(&made.id, &edit, "k2").await.expect("changed");
    assert_eq!((&changed.items[0].price.id, changed.items[0].quantity), (&large.id, Some(1)));
    let ending = |so| EditSubscription { cancel_at_period_end: Some(so), ..EditSubscription::default() };
    let ends = billing.update_subscription(&made.id, &ending(true), "k3").await.expect("it is to end");
    assert!(ends.cancel_at_period_end && ends.status == SubscriptionStatus::Active && ends.ended_at.is_none());
    let stays = billing.update_subscription(&made.id, &ending(false), "k4").await.expect("taken back");
    assert!(!stays.cancel_at_period_end && stays.cancel_at.is_none());
    assert_eq!(refused(billing.resume_subscription(&made.id, "k5").await).fault, Fault::Request);
    let ended = billing.cancel_subscription(&made.id, CancelNow::default()).await.expect("ended");
    assert!(ended.status == SubscriptionStatus::Canceled && ended.ended_at.is_some());
    assert_eq!(billing.cancel_subscription(&made.id, CancelNow::default()).await.expect("ended twice").id, made.id);
    let wanted = SubscriptionFilter { customer: Some(customer.id), ..SubscriptionFilter::default() };
    assert_eq!(billing.subscriptions(&wanted, &Slice::default()).await.expect("listed").items, [ended]);
}

/// Incomplete when that is allowed, the decline itself when payment is demanded.
pub async fn a_first_payment_that_fails_is_told(bench: &BillingBench) {
    let billing = &bench.billing;
    let (customer, price) = (bench.payer(&bench.failing).await, bench.price("plan", 1000).await);
    let new = |first_payment| NewSubscription {
        first_payment,
        ..NewSubscription::of(customer.id.clone(), vec![NewItem::of(price.id.clone())])
    };
    let made = billing.create_subscription(&new(FirstPayment::Allow), "k1").await.expect("made");
    assert_eq!(made.status, SubscriptionStatus::Incomplete);
    let invoice = billing.invoice(made.latest_invoice.as_ref().expect("an invoice")).await.expect("there");
    assert_eq!((invoice.status.as_ref(), invoice.remaining), (Some(&InvoiceStatus::Open), Money::usd(1000)));
    let error = refused(billing.create_subscription(&new(FirstPayment::Demand), "k2").await);
    assert_eq!(Decline::of(&error), Some(Decline::Generic));
    let error = refused(billing.pay_invoice(&invoice.id, None, "k3").await);
    assert_eq!(Decline::of(&error), Some(Decline::Generic));
    let good = billing.attach_payment_method(&bench.good, &customer.id, "k4").await.expect("saved");
    let paid = billing.pay_invoice(&invoice.id, Some(good.id), "k5").await.expect("paid");
    assert_eq!((paid.status.as_ref(), paid.paid), (Some(&InvoiceStatus::Paid), Money::usd(1000)));
    assert_eq!(billing.subscription(&made.id).await.expect("there").status, SubscriptionStatus::Active);
}

/// A trial has a period of its own and an invoice of nothing.
pub async fn a_trial_costs_nothing_until_it_ends(bench: &BillingBench) {
    let billing = &bench.billing;
    let (customer, price) = (bench.payer(&bench.good).await, bench.price("plan", 1000).await);
    let new = NewSubscription {
        trial_days: Some(14),
        ..NewSubscription::of(customer.id.clone(), vec![NewItem::of(price.id)])
    };
    let made = billing.create_subscription(&new, "k1").await.expect("made");
    let trial = made.trial.expect("a trial");
    assert_eq!(
        (&made.status, trial.end.as_second() - trial.start.as_second()),
        (&SubscriptionStatus::Trialing, 14 * 24 * 60 * 60)
    );
    assert_eq!(
        billing.invoice(made.latest_invoice.as_ref().expect("an invoice")).await.expect("there").total,
        Money::usd(0)
    );
    let edit = EditSubscription { end_trial: true, ..EditSubscription::default() };
    let begun = billing.update_subscription(&made.id, &edit, "k2").await.expect("the trial ends");
    assert_eq!(begun.status, SubscriptionStatus::Active);
    let invoice = billing.invoice(begun.latest_invoice.as_ref().expect("an invoice")).await.expect("there");
    assert_eq!((invoice.status.as_ref(), invoice.paid), (Some(&InvoiceStatus::Paid), Money::usd(1000)));
}

/// One by one, without the rest.
pub async fn items_are_added_changed_and_removed(bench: &BillingBench) {
    let billing = &bench.billing;
    let (customer, base, seat) =
        (bench.payer(&bench.good).await, bench.price("base", 1000).await, bench.price("seat", 500).await);
    let made = NewSubscription::of(customer.id.clone(), vec![NewItem::of(base.id.clone())]);
    let made = billing.create_subscription(&made, "k1").await.expect("made");
    let new = NewItem {
        quantity: Some(3),
        metadata: Metadata::default().with("kind", "seat"),
        ..NewItem::of(seat.id.clone())
    };
    let added = billing.add_subscription_item(&made.id, &new, Proration::None, "k2").await.expect("added");
    assert_eq!((added.quantity, added.metadata["kind"].as_str()), (Some(3), "seat"));
    let edit = EditItem { quantity: Some(5), ..EditItem::default() };
    let changed = billing.update_subscription_item(&added.id, &edit, Proration::None, "k3").await.expect("changed");
    assert_eq!((&changed.id, changed.quantity, &changed.price.id), (&added.id, Some(5), &seat.id));
    let list = async || billing.subscription_items(&made.id, &Slice::default()).await.expect("listed").items.len();
    assert_eq!(list().await, 2);
    billing.remove_subscription_item(&added.id, Proration::None).await.expect("removed");
    billing.remove_subscription_item(&added.id, Proration::None).await.expect("removed twice");
    assert_eq!(list().await, 1);
    assert_eq!(billing.subscription(&made.id).await.expect("there").items.len(), 1);
}

/// Listed by customer and state, looked at before they are made, voided.
pub async fn invoices_are_listed_looked_at_and_paid(bench: &BillingBench) {
    let billing = &bench.billing;
    let (customer, price) = (bench.payer(&bench.failing).await, bench.price("plan", 2500).await);
    let made = NewSubscription::of(customer.id.clone(), vec![NewItem::of(price.id.clone())]);
    let made = billing.create_subscription(&made, "k1").await.expect("made");
    let preview = billing.preview_invoice(&made.id, &[]).await.expect("looked at");
    assert_eq!((preview.total, preview.paid), (Money::usd(2500), Money::usd(0)));
    let list = async |status| {
        let wanted = InvoiceFilter { customer: Some(customer.id.clone()), subscription: None, status: Some(status) };
        billing.invoices(&wanted, &Slice::default()).await.expect("listed").items
    };
    let open = list(InvoiceStatus::Open).await;
    assert_eq!((open.len(), list(InvoiceStatus::Paid).await.len()), (1, 0));
    assert_eq!(refused(billing.finalize_invoice(&open[0].id, "k2").await).fault, Fault::Request);
    let void = billing.void_invoice(&open[0].id, "k3").await.expect("voided");
    assert_eq!((void.status, void.voided_at.is_some()), (Some(InvoiceStatus::Void), true));
    assert_eq!(refused(billing.pay_invoice(&open[0].id, None, "k4").await).fault, Fault::Request);
}

/// Pages of every mode, and the customer's own.
pub async fn pages_are_opened_and_closed(bench: &BillingBench) {
    let billing = &bench.billing;
    let (customer, price) = (bench.customer("c").await, bench.price("plan", 1000).await);
    let subscribe = NewCheckout {
        lines: vec![CheckoutLine { price: price.id, quantity: Some(2) }],
        customer: Some(customer.id.clone()),
        reference: Some("order-1".into()),
        trial_days: Some(7),
        metadata: Metadata::default().with("organization_id", "o1"),
        ..NewCheckout::of(CheckoutMode::Subscription, "https://wib.test/done")
    };
    let page = billing.create_checkout(&subscribe, "k1").await.expect("opened");
    assert_eq!(
        (&page.status, &page.mode, page.total),
        (&CheckoutStatus::Open, &CheckoutMode::Subscription, Some(Money::usd(2000)))
    );
    assert!(page.url.as_deref().is_some_and(|url| url.starts_with("https://")) && page.expires_at > bench.clock.now());
    assert_eq!((page.reference.as_deref(), page.metadata["organization_id"].as_str()), (Some("order-1"), "o1"));
    let closed = billing.expire_checkout(&page.id, "k2").await.expect("closed");
    assert_eq!((&closed.status, &closed.url), (&CheckoutStatus::Expired, &None));
    assert_eq!(billing.checkout(&page.id).await.expect("there").status, CheckoutStatus::Expired);
    assert_eq!(refused(billing.expire_checkout(&page.id, "k3").await).fault, Fault::Request);
    let setup = NewCheckout {
        customer: Some(customer.id.clone()),
        ..NewCheckout::of(CheckoutMode::Setup, "https://wib.test/done")
    };
    assert_eq!(billing.create_checkout(&setup, "k4").await.expect("opened").total, None);
    let portal = NewPortal { customer: customer.id.clone(), return_url: Some("https://wib.test/billing".into()) };
    let portal = billing.create_portal(&portal, "k5").await.expect("opened");
    assert!(portal.customer == customer.id && portal.url.starts_with("https://"));
}

/// Counted once, as text, and only near to now.
pub async fn use_is_told_once_and_in_its_window(bench: &BillingBench) {
    let billing = &bench.billing;
    let customer = bench.customer("c").await;
    let new = NewMeter { name: "Minutes".into(), event: "call_minutes".into(), aggregation: Aggregation::Sum };
    let meter = billing.create_meter(&new, "k1").await.expect("made");
    assert_eq!(billing.meters(&Slice::default()).await.expect("listed").items, std::slice::from_ref(&meter));
    let now = bench.clock.now();
    let used = |identifier: &str, value: &str, ago: i64| UsageEvent {
        event: "call_minutes".into(),
        customer: customer.id.clone(),
        value: value.into(),
        identifier: identifier.into(),
        at: now.checked_sub(jiff::SignedDuration::from_secs(ago)).expect("an instant"),
    };
    billing.record_usage(&used("u1", "2.5", 60)).await.expect("told");
    billing.record_usage(&used("u1", "2.5", 60)).await.expect("told twice");
    billing.record_usage(&used("u2", "3", 120)).await.expect("told");
    let day = 24 * 60 * 60;
    for wrong in
        [used("u3", "1", 36 * day), used("u3", "1", -301), used("u3", "one", 0), used("", "1", 0), used("u 3", "1", 0)]
    {
        let error = refused(billing.record_usage(&wrong).await);
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{wrong:?}");
    }
    let hour = before(now, Duration::from_secs(3600));
    let to = now.checked_add(jiff::SignedDuration::from_secs(60)).expect("an instant");
    let wanted = UsageFilter { meter: meter.id, customer: customer.id, from: hour, to };
    let sums = billing.usage(&wanted, &Slice::default()).await.expect("added up").items;
    assert_eq!(sums.iter().map(|sum| sum.value.as_str()).collect::<Vec<_>>(), ["5.5"]);
}

/// The newest first, with how things stood.
pub async fn events_tell_what_happened(bench: &BillingBench) {
    let billing = &bench.billing;
    let (customer, price) = (bench.payer(&bench.good).await, bench.price("plan", 1000).await);
    let made = NewSubscription::of(customer.id.clone(), vec![NewItem::of(price.id)]);
    let made = billing.create_subscription(&made, "k1").await.expect("made");
    refused(billing.create_payment(&bench.charge(500, &bench.poor), "k2").await);
    let events = billing.events(&EventFilter::default(), &Slice::default()).await.expect("listed").items;
    let tells = |wanted: &dyn Fn(&BillingEventKind) -> bool| events.iter().filter(|event| wanted(&event.what)).count();
    assert_eq!(
        tells(&|what| matches!(what, BillingEventKind::Customer(CustomerChange::Created, of) if of.id == customer.id)),
        1
    );
    assert_eq!(
        tells(
            &|what| matches!(what, BillingEventKind::Subscription(SubscriptionChange::Created, of) if of.id == made.id)
        ),
        1
    );
    assert_eq!(tells(&|what| matches!(what, BillingEventKind::Payment(PaymentChange::Failed, _))), 1);
    let place = |wanted: &dyn Fn(&BillingEventKind) -> bool| events.iter().position(|event| wanted(&event.what));
    let failed = place(&|what| matches!(what, BillingEventKind::Payment(PaymentChange::Failed, _)));
    assert!(failed < place(&|what| matches!(what, BillingEventKind::Customer(CustomerChange::Created, _))));
    let named = EventFilter {
        names: vec!["customer.created".into()],
        since: None,
        until: Some(before(customer.created_at.expect("an instant"), Duration::ZERO)),
    };
    assert!(billing.events(&named, &Slice::default()).await.expect("listed").items.is_empty());
    let named = EventFilter { names: vec!["customer.created".into()], ..EventFilter::default() };
    assert_eq!(billing.events(&named, &Slice::default()).await.expect("listed").items.len(), 1);
}
