//! Every request and every documented answer against the vendor's document.

use std::collections::BTreeSet;

use serde_json::Value;
use wib_core::{
    kit::{Currency, Money},
    ports::billing::{
        Aggregation, Balance, BillingEvent, CancelNow, Change, Charge, CheckoutLine, CheckoutMode, CheckoutSession,
        ConfirmPayment, Customer, Dispute, EditCustomer, EditItem, EditSubscription, EventFilter, FirstPayment,
        Interval, Invoice, InvoiceFilter, InvoiceStatus, ItemChange, Metadata, Meter, NewCheckout, NewCustomer, NewItem,
        NewMeter, NewPayment, NewPortal, NewPrice, NewProduct, NewRecurring, NewRefund, NewSetup, NewSubscription,
        PaymentFilter, PaymentIntent, PaymentMethod, PortalSession, Price, PriceFilter, Product, Proration, Refund, RefundFilter,
        RefundReason, SetupIntent, Slice, Subscription, SubscriptionFilter, SubscriptionItem, UnitAmount, UsageEvent,
        UsageFilter, UsageSummary,
    },
};

use super::*;
use crate::{
    stripe::read::{FromStripe, Missing},
    testing::{contract::Proof, contracts::shared},
};

fn reads<T: FromStripe>(json: &Value) -> Result<(), Missing> {
    T::read(json).map(drop)
}

/// Reads an object; what is missing, if something is.
pub(super) type Reader = fn(&Value) -> Result<(), Missing>;

/// The reader of an object by its name; `None` for what we never ask for.
pub(super) fn reader(kind: &str) -> Option<Reader> {
    Some(match kind {
        "customer" => reads::<Customer>,
        "payment_method" => reads::<PaymentMethod>,
        "setup_intent" => reads::<SetupIntent>,
        "payment_intent" => reads::<PaymentIntent>,
        "charge" => reads::<Charge>,
        "checkout.session" => reads::<CheckoutSession>,
        "billing_portal.session" => reads::<PortalSession>,
        "subscription" => reads::<Subscription>,
        "subscription_item" => |json| if json["deleted"] == true { Ok(()) } else { reads::<SubscriptionItem>(json) },
        "product" => reads::<Product>,
        "price" => reads::<Price>,
        "invoice" => reads::<Invoice>,
        "refund" => reads::<Refund>,
        "dispute" => reads::<Dispute>,
        "billing.meter" => reads::<Meter>,
        "billing.meter_event_summary" => reads::<UsageSummary>,
        "event" => reads::<BillingEvent>,
        "balance" => reads::<Balance>,
        _ => return None,
    })
}

#[test]
fn every_documented_answer_is_read() {
    let Some(document) = shared("stripe.openapi.json") else { return };
    let (mut examples, mut strangers) = (0, BTreeSet::new());
    let operations = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    for operation in operations {
        let answers = &operation["responses"]["200"]["content"]["application/json"]["examples"];
        for example in answers.as_object().into_iter().flatten().map(|(_, example)| example) {
            let example = example["$ref"].as_str().map_or(example, |place| document.pointer(&place[1..]).unwrap());
            examples += 1;
            let value = &example["value"];
            let listed = matches!(value["object"].as_str(), Some("list" | "search_result"));
            for object in if listed { value["data"].as_array().unwrap().iter().collect() } else { vec![value] } {
                let kind = object["object"].as_str().unwrap();
                match reader(kind) {
                    Some(read) => assert_eq!(read(object), Ok(()), "{}: {object:#}", operation["operationId"]),
                    None => _ = strangers.insert(kind.to_owned()),
                }
            }
        }
    }
    assert_eq!(examples, 97);
    let never_asked_for = [
        "billing.meter_event",
        "billing.meter_event_adjustment",
        "customer_balance_transaction",
        "invoiceitem",
        "item",
        "webhook_endpoint",
    ];
    assert_eq!(strangers.iter().map(String::as_str).collect::<Vec<_>>(), never_asked_for);
}

#[tokio::test]
async fn contract_every_request_and_answer_is_what_the_document_says() {
    let Some(proof) = Proof::of("stripe") else { return };
    let stripe = Stripe::builder(proof.wires(), "sk_live_1".to_owned().into()).build();
    let (stripe, now) = (&stripe, proof.wires().clock.now());
    let metadata = || Metadata::default().with("organization_id", "o1").with("gone", "");
    let page = Slice { limit: 3, after: Some("x_1".into()) };
    let (customer, method) = ("cus_1".into(), "pm_1".into());
    let key = "k-1";

    let new = NewCustomer {
        email: Some("ann@example.test".into()),
        name: Some("Ann".into()),
        phone: Some("+13125550100".into()),
        metadata: metadata(),
    };
    proof.run("create_customer", &[], async || stripe.create_customer(&new, key).await).await;
    proof.run("customer", &[], async || stripe.customer(&customer).await).await;
    let edit = EditCustomer { email: Change::Clear, name: Change::To("B".into()), phone: Change::Clear, metadata: metadata() };
    proof.run("update_customer", &[], async || stripe.update_customer(&customer, &edit, key).await).await;
    proof.run("delete_customer", &[], async || stripe.delete_customer(&customer).await).await;
    let found = async || stripe.find_customers("organization_id", "o'1", &page).await;
    proof.run("find_customers", &[], found).await;
    proof.run("payment_methods", &[], async || stripe.payment_methods(&customer, &page).await).await;
    proof.run("attach", &[], async || stripe.attach_payment_method(&method, &customer, key).await).await;
    proof.run("detach", &[], async || stripe.detach_payment_method(&method, key).await).await;
    let default = async || stripe.set_default_payment_method(&customer, &method, key).await;
    proof.run("set_default_payment_method", &[], default).await;

    let (customer_too, method_too) = (Some(customer.clone()), Some(method.clone()));
    let new = NewSetup { customer: customer_too.clone(), payment_method: method_too.clone(), confirm: true, metadata: metadata() };
    proof.run("create_setup", &[], async || stripe.create_setup(&new, key).await).await;
    proof.run("setup", &[], async || stripe.setup(&"seti_1".into()).await).await;
    let new = NewPayment {
        customer: customer_too.clone(),
        payment_method: method_too.clone(),
        confirm: true,
        off_session: true,
        capture_later: true,
        description: Some("Seats".into()),
        metadata: metadata(),
        ..NewPayment::of(Money::usd(500))
    };
    let payment = "pi_1".into();
    proof.run("create_payment", &[], async || stripe.create_payment(&new, key).await).await;
    proof.run("payment", &[], async || stripe.payment(&payment).await).await;
    let how = ConfirmPayment { payment_method: method_too.clone(), return_url: Some("https://wib.test".into()), off_session: true };
    proof.run("confirm_payment", &[], async || stripe.confirm_payment(&payment, &how, key).await).await;
    proof.run("capture_payment", &[], async || stripe.capture_payment(&payment, Some(5), key).await).await;
    proof.run("cancel_payment", &[], async || stripe.cancel_payment(&payment, key).await).await;

    for mode in [CheckoutMode::Payment, CheckoutMode::Setup, CheckoutMode::Subscription] {
        let trial_days = (mode == CheckoutMode::Subscription).then_some(7);
        let new = NewCheckout {
            lines: vec![CheckoutLine { price: "price_1".into(), quantity: Some(2) }],
            customer: customer_too.clone(),
            email: Some("ann@example.test".into()),
            cancel_url: Some("https://wib.test/no".into()),
            reference: Some("order-1".into()),
            trial_days,
            promotion_codes: true,
            currency: Some(Currency::USD),
            metadata: metadata(),
            ..NewCheckout::of(mode, "https://wib.test/yes")
        };
        proof.run("create_checkout", &[], async || stripe.create_checkout(&new, key).await).await;
    }
    proof.run("checkout", &[], async || stripe.checkout(&"cs_1".into()).await).await;
    proof.run("expire_checkout", &[], async || stripe.expire_checkout(&"cs_1".into(), key).await).await;
    let new = NewPortal { customer: customer.clone(), return_url: Some("https://wib.test".into()) };
    proof.run("create_portal", &[], async || stripe.create_portal(&new, key).await).await;

    let item = || NewItem { quantity: Some(2), metadata: metadata(), ..NewItem::of("price_1".into()) };
    let subscription = "sub_1".into();
    for first_payment in [FirstPayment::Allow, FirstPayment::Later, FirstPayment::Demand] {
        let new = NewSubscription {
            trial_days: Some(14),
            pause_unpayable: true,
            default_payment_method: method_too.clone(),
            first_payment,
            metadata: metadata(),
            ..NewSubscription::of(customer.clone(), vec![item(), NewItem::of("price_2".into())])
        };
        proof.run("create_subscription", &[], async || stripe.create_subscription(&new, key).await).await;
    }
    proof.run("subscription", &[], async || stripe.subscription(&subscription).await).await;
    let wanted = SubscriptionFilter { customer: customer_too.clone(), price: Some("price_1".into()) };
    proof.run("subscriptions", &[], async || stripe.subscriptions(&wanted, &page).await).await;
    let change = EditItem { price: Some("price_2".into()), quantity: Some(3), metadata: metadata() };
    let changes = vec![
        ItemChange::Add(item()),
        ItemChange::Edit("si_1".into(), change.clone()),
        ItemChange::Remove("si_2".into()),
    ];
    for (proration, default_payment_method) in [
        (Proration::NextInvoice, Change::Clear),
        (Proration::Now, Change::To(method.clone())),
        (Proration::None, Change::Keep),
    ] {
        let edit = EditSubscription {
            items: changes.clone(),
            proration,
            cancel_at_period_end: Some(true),
            end_trial: true,
            default_payment_method,
            metadata: metadata(),
        };
        let update = async || stripe.update_subscription(&subscription, &edit, key).await;
        proof.run("update_subscription", &[], update).await;
    }
    let how = CancelNow { invoice_now: true, prorate: true };
    proof.run("cancel_subscription", &[], async || stripe.cancel_subscription(&subscription, how).await).await;
    proof.run("resume_subscription", &[], async || stripe.resume_subscription(&subscription, key).await).await;
    proof.run("subscription_items", &[], async || stripe.subscription_items(&subscription, &page).await).await;
    let (new, now_please, si) = (item(), Proration::Now, "si_1".into());
    let add = async || stripe.add_subscription_item(&subscription, &new, now_please, key).await;
    proof.run("add_subscription_item", &[], add).await;
    let update = async || stripe.update_subscription_item(&si, &change, now_please, key).await;
    proof.run("update_subscription_item", &[], update).await;
    proof.run("remove_item", &[], async || stripe.remove_subscription_item(&si, now_please).await).await;

    let new = NewProduct { name: "Pro".into(), description: Some("All of it".into()), metadata: metadata() };
    proof.run("create_product", &[], async || stripe.create_product(&new, key).await).await;
    proof.run("product", &[], async || stripe.product(&"prod_1".into()).await).await;
    proof.run("products", &[], async || stripe.products(&page).await).await;
    for (amount, meter) in [(UnitAmount::Minor(5), None), (UnitAmount::Decimal("0.45".into()), Some("mtr_1".into()))] {
        let new = NewPrice {
            product: "prod_1".into(),
            currency: Currency::USD,
            amount,
            recurring: Some(NewRecurring { interval: Interval::Month, count: 1, meter }),
            lookup_key: Some("pro".into()),
            metadata: metadata(),
        };
        proof.run("create_price", &[], async || stripe.create_price(&new, key).await).await;
    }
    proof.run("price", &[], async || stripe.price(&"price_1".into()).await).await;
    let wanted = PriceFilter { product: Some("prod_1".into()), lookup_keys: vec!["a".into(), "b".into()] };
    proof.run("prices", &[], async || stripe.prices(&wanted, &page).await).await;

    let invoice = "in_1".into();
    proof.run("invoice", &[], async || stripe.invoice(&invoice).await).await;
    let wanted = InvoiceFilter {
        customer: customer_too.clone(),
        subscription: Some("sub_1".into()),
        status: Some(InvoiceStatus::Open),
    };
    proof.run("invoices", &[], async || stripe.invoices(&wanted, &page).await).await;
    proof.run("preview_invoice", &[], async || stripe.preview_invoice(&subscription, &changes).await).await;
    proof.run("finalize_invoice", &[], async || stripe.finalize_invoice(&invoice, key).await).await;
    proof.run("pay_invoice", &[], async || stripe.pay_invoice(&invoice, method_too.clone(), key).await).await;
    proof.run("void_invoice", &[], async || stripe.void_invoice(&invoice, key).await).await;

    let wanted = PaymentFilter { customer: customer_too.clone(), since: Some(Timestamp::UNIX_EPOCH) };
    proof.run("payments", &[], async || stripe.payments(&wanted, &page).await).await;

    let new = NewRefund {
        minor: Some(5),
        reason: Some(RefundReason::RequestedByCustomer),
        metadata: metadata(),
        ..NewRefund::of(payment.clone())
    };
    proof.run("create_refund", &[], async || stripe.create_refund(&new, key).await).await;
    proof.run("refund", &[], async || stripe.refund(&"re_1".into()).await).await;
    let wanted = RefundFilter { payment: Some(payment) };
    proof.run("refunds", &[], async || stripe.refunds(&wanted, &page).await).await;
    proof.run("dispute", &[], async || stripe.dispute(&"dp_1".into()).await).await;
    proof.run("disputes", &[], async || stripe.disputes(&page).await).await;

    let new = NewMeter { name: "Minutes".into(), event: "minutes".into(), aggregation: Aggregation::Sum };
    proof.run("create_meter", &[], async || stripe.create_meter(&new, key).await).await;
    proof.run("meters", &[], async || stripe.meters(&page).await).await;
    let used = UsageEvent {
        event: "minutes".into(),
        customer: customer.clone(),
        value: "2.5".into(),
        identifier: "u1".into(),
        at: now,
    };
    proof.run("record_usage", &[], async || stripe.record_usage(&used).await).await;
    let wanted = UsageFilter { meter: "mtr_1".into(), customer, from: Timestamp::UNIX_EPOCH, to: now };
    proof.run("usage", &[], async || stripe.usage(&wanted, &page).await).await;
    let wanted = EventFilter { names: vec!["invoice.paid".into(), "invoice.voided".into()], since: Some(now), until: Some(now) };
    // What an event is about is of another schema for each kind.
    proof.run("events", &["/data/*/data/object/**"], async || stripe.events(&wanted, &page).await).await;
    proof.run("balance", &[], async || stripe.balance().await).await;
    proof.end(LEFT_OUT);
}

/// What the platform does not need: other ways to what is there, and what is set up once by hand.
const LEFT_OUT: &[&str] = &[
    "delete /v1/invoiceitems/{id}",
    "delete /v1/invoices/{id}",
    "delete /v1/webhook_endpoints/{id}",
    "get /v1/billing/meters/{id}",
    "get /v1/charges",
    "get /v1/charges/{id}",
    "get /v1/checkout/sessions",
    "get /v1/checkout/sessions/{id}/line_items",
    "get /v1/customers",
    "get /v1/events/{id}",
    "get /v1/invoiceitems",
    "get /v1/invoiceitems/{id}",
    "get /v1/payment_intents/search",
    "get /v1/payment_methods",
    "get /v1/payment_methods/{id}",
    "get /v1/setup_intents",
    "get /v1/subscription_items/{id}",
    "get /v1/subscriptions/search",
    "get /v1/webhook_endpoints",
    "get /v1/webhook_endpoints/{id}",
    "post /v1/billing/meter_event_adjustments",
    "post /v1/billing/meters/{id}",
    "post /v1/billing/meters/{id}/deactivate",
    "post /v1/billing/meters/{id}/reactivate",
    "post /v1/customers/{id}/balance_transactions",
    "post /v1/disputes/{id}",
    "post /v1/disputes/{id}/close",
    "post /v1/invoiceitems",
    "post /v1/invoiceitems/{id}",
    "post /v1/invoices",
    "post /v1/invoices/{id}",
    "post /v1/invoices/{id}/mark_uncollectible",
    "post /v1/invoices/{id}/send",
    "post /v1/payment_intents/{id}",
    "post /v1/payment_methods",
    "post /v1/payment_methods/{id}",
    "post /v1/prices/{id}",
    "post /v1/products/{id}",
    "post /v1/refunds/{id}",
    "post /v1/refunds/{id}/cancel",
    "post /v1/setup_intents/{id}",
    "post /v1/setup_intents/{id}/cancel",
    "post /v1/setup_intents/{id}/confirm",
    "post /v1/webhook_endpoints",
    "post /v1/webhook_endpoints/{id}",
];
