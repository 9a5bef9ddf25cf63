//! What goes over the wire, and what is made of refusals.

use serde_json::json;
use wib_core::{
    kit::{Currency, Money},
    ports::{
        Fault, Sent, VendorError,
        billing::{
            CancelNow, Change, CheckoutLine, CheckoutMode, Decline, EditCustomer, EditItem, EditSubscription,
            EventFilter, FirstPayment, ItemChange, Metadata, NewCheckout, NewCustomer, NewItem, NewPayment,
            NewSubscription, PaymentIntent, Proration, Slice,
        },
    },
};

use super::*;

fn fields(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8(body.to_vec()).unwrap().replace("%5B", "[").replace("%5D", "]");
    text.split('&').map(str::to_owned).collect()
}
fn payment(status: &str) -> serde_json::Value {
    json!({"id": "pi_1", "status": status, "amount": 500, "currency": "usd", "created": 1_770_000_000})
}
fn refusal(status: u16, kind: &str, code: Option<&str>) -> Reply {
    let error = json!({"type": kind, "code": code, "message": "No, ann@example.test.", "param": "amount"});
    Reply::json(status, json!({"error": error}))
}
async fn charge(script: &Arc<Script>) -> Result<PaymentIntent, VendorError> {
    let new = NewPayment { payment_method: Some("pm_1".into()), confirm: true, ..NewPayment::of(Money::usd(500)) };
    script.run(stripe(script).create_payment(&new, "pay-1")).await
}

#[tokio::test]
async fn a_charge_carries_its_key_and_version_in_every_try_and_is_made_once() {
    let script = Script::new([
        Reply::Silence,
        Reply::status(500),
        Reply::Fails(Sent::Unknown),
    ]);
    let error = charge(&script).await.unwrap_err();
    assert_eq!(error.sent, Sent::Unknown, "nobody can say: the caller asks again with the same key");
    let seen = script.seen();
    assert_eq!(seen.len(), 3);
    for seen in seen {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/payment_intents"));
        assert_eq!(seen.header("idempotency-key"), Some("pay-1"));
        assert_eq!(seen.header("stripe-version"), Some("2026-10-28.endive"));
        assert_eq!(seen.header("authorization"), Some("Bearer sk_live_1"));
        assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
        let expected = [
            "amount=500",
            "currency=usd",
            "payment_method=pm_1",
            "confirm=true",
            "automatic_payment_methods[enabled]=true",
            "automatic_payment_methods[allow_redirects]=never",
        ];
        assert_eq!(fields(&seen.body), expected);
    }
}

#[tokio::test]
async fn locks_and_limits_are_waited_out_and_the_vendor_s_word_on_repeats_is_kept() {
    let paid = || Reply::json(200, payment("succeeded"));
    for refused in [
        refusal(409, "invalid_request_error", Some("lock_timeout")),
        refusal(409, "idempotency_error", Some("idempotency_key_in_use")),
        refusal(429, "invalid_request_error", Some("lock_timeout")),
        refusal(429, "invalid_request_error", Some("rate_limit")).with("retry-after", "2"),
        refusal(400, "api_error", None).with("stripe-should-retry", "true"),
    ] {
        let script = Script::new([refused, paid()]);
        assert_eq!(charge(&script).await.unwrap().id.as_str(), "pi_1");
        assert_eq!(script.seen().len(), 2);
    }
    for refused in [
        Reply::status(500).with("stripe-should-retry", "false"),
        refusal(429, "invalid_request_error", None).with("stripe-should-retry", "false"),
        refusal(409, "invalid_request_error", Some("resource_already_exists")),
    ] {
        let script = Script::new([refused]);
        charge(&script).await.unwrap_err();
        script.one();
    }
}

#[tokio::test]
async fn refusals_are_told_in_our_words() {
    for (status, kind, code, fault) in [
        (400, "invalid_request_error", Some("parameter_unknown"), Fault::Request),
        (400, "idempotency_error", None, Fault::Conflict),
        (404, "invalid_request_error", Some("resource_missing"), Fault::Missing),
        (400, "invalid_request_error", Some("resource_missing"), Fault::Missing),
        (402, "card_error", Some("expired_card"), Fault::Declined),
    ] {
        let error = charge(&Script::new([refusal(status, kind, code)])).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (fault, Sent::Refused), "{status} {kind}");
        assert_eq!((error.code.as_deref(), error.request_id.as_deref()), (code.or(Some(kind)), Some("req-1")));
        assert_eq!(error.message, "No, [mail] (amount)");
    }
    let declined = json!({"error": {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}});
    let error = charge(&Script::new([Reply::json(402, declined)])).await.unwrap_err();
    assert_eq!(Decline::of(&error), Some(Decline::InsufficientFunds));
    let odd = json!({"error": {"type": "card_error", "decline_code": "new_reason"}});
    let error = charge(&Script::new([Reply::json(402, odd)])).await.unwrap_err();
    assert_eq!(Decline::of(&error), Some(Decline::Other("new_reason".into())));
    for status in [401, 403] {
        let error = charge(&Script::new([refusal(status, "invalid_request_error", None)])).await.unwrap_err();
        assert_eq!(error.fault, Fault::Credentials);
        assert!(error.message.ends_with("(set STRIPE_SECRET_KEY)") && Decline::of(&error).is_none(), "{error}");
    }
    let unread = charge(&Script::new([Reply::json(200, json!({"id": "pi_1", "currency": "usd"}))])).await.unwrap_err();
    assert_eq!((unread.fault, unread.sent), (Fault::Nonsense, Sent::Unknown));
    assert_eq!(unread.message, "not the answer expected, at amount");
}

#[tokio::test]
async fn what_is_nested_is_written_in_brackets_and_emptied_by_nothing() {
    let script = Script::new((0..4).map(|_| Reply::status(400)));
    let stripe = stripe(&script);
    let edit = EditCustomer {
        email: Change::Clear,
        name: Change::To("A & B".into()),
        metadata: Metadata::default().with("plan", "").with("organization_id", "o1"),
        ..EditCustomer::default()
    };
    script.run(stripe.update_customer(&"cus/1".into(), &edit, "k")).await.unwrap_err();
    let seen = script.one();
    assert_eq!(seen.target, "/v1/customers/cus%2F1");
    assert_eq!(fields(&seen.body), ["email=", "name=A%20%26%20B", "metadata[organization_id]=o1", "metadata[plan]="]);

    let new = NewSubscription {
        trial_days: Some(14),
        first_payment: FirstPayment::Demand,
        metadata: Metadata::default().with("a", "b"),
        ..NewSubscription::of("cus_1".into(), vec![NewItem { quantity: Some(2), ..NewItem::of("price_1".into()) }])
    };
    script.run(stripe.create_subscription(&new, "k")).await.unwrap_err();
    let expected = [
        "customer=cus_1",
        "items[0][price]=price_1",
        "items[0][quantity]=2",
        "trial_period_days=14",
        "payment_behavior=error_if_incomplete",
        "metadata[a]=b",
    ];
    assert_eq!(fields(&script.one().body), expected);

    let edit = EditSubscription {
        items: vec![
            ItemChange::Edit("si_1".into(), EditItem { price: Some("price_2".into()), ..EditItem::default() }),
            ItemChange::Remove("si_2".into()),
        ],
        proration: Proration::Now,
        cancel_at_period_end: Some(false),
        default_payment_method: Change::Clear,
        ..EditSubscription::default()
    };
    script.run(stripe.update_subscription(&"sub_1".into(), &edit, "k")).await.unwrap_err();
    let expected = [
        "items[0][id]=si_1",
        "items[0][price]=price_2",
        "items[1][id]=si_2",
        "items[1][deleted]=true",
        "proration_behavior=always_invoice",
        "cancel_at_period_end=false",
        "default_payment_method=",
    ];
    assert_eq!(fields(&script.one().body), expected);

    let new = NewCheckout {
        lines: vec![CheckoutLine { price: "price_1".into(), quantity: None }],
        currency: Some(Currency::USD),
        metadata: Metadata::default().with("a", "b"),
        ..NewCheckout::of(CheckoutMode::Payment, "https://wib.test/?s={CHECKOUT_SESSION_ID}")
    };
    script.run(stripe.create_checkout(&new, "k")).await.unwrap_err();
    let expected = [
        "mode=payment",
        "success_url=https%3A%2F%2Fwib.test%2F%3Fs%3D%7BCHECKOUT_SESSION_ID%7D",
        "line_items[0][price]=price_1",
        "currency=usd",
        "payment_intent_data[metadata][a]=b",
        "metadata[a]=b",
    ];
    assert_eq!(fields(&script.one().body), expected);
}

#[tokio::test]
async fn a_page_begins_after_the_last_object_of_the_one_before() {
    let event = |id: &str| json!({"id": id, "type": "odd.kind", "created": 5, "data": {"object": {}}});
    let list = |data, more| Reply::json(200, json!({"object": "list", "has_more": more, "data": data}));
    let script = Script::new([list(json!([event("evt_2"), event("evt_1")]), true), list(json!([]), false)]);
    let stripe = stripe(&script);
    let wanted = EventFilter {
        names: vec!["a".into(), "b".into()],
        since: Some(Timestamp::from_second(7).unwrap()),
        until: Some(Timestamp::from_second(9).unwrap()),
    };
    let first = script.run(stripe.events(&wanted, &Slice::first(2))).await.unwrap();
    assert_eq!((first.items.len(), first.next.as_deref()), (2, Some("evt_1")));
    let rest = script.run(stripe.events(&wanted, &Slice { limit: 0, after: first.next })).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (0, None));
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target.replace("%5B", "[").replace("%5D", "]")).collect();
    let query = "/v1/events?created[gte]=7&created[lt]=9&types[0]=a&types[1]=b";
    assert_eq!(targets, [format!("{query}&limit=2"), format!("{query}&limit=1&starting_after=evt_1")]);
    let quoted = Script::new([list(json!([]), false)]);
    quoted.run(super::stripe(&quoted).find_customers("a'b", "c\\d'", &Slice::first(1))).await.unwrap();
    let target = quoted.one().target;
    assert!(target.ends_with("query=metadata%5B%27a%5C%27b%27%5D%3A%27c%5C%5Cd%5C%27%27&limit=1"), "{target}");
}

#[tokio::test]
async fn a_cancellation_whose_answer_was_lost_is_looked_up_not_failed() {
    let price = json!({"id": "price_1", "product": "prod_1", "currency": "usd", "created": 1});
    let subscription = |status: &str| {
        json!({
            "id": "sub_1", "customer": "cus_1", "status": status, "currency": "usd", "created": 1,
            "items": {"data": [{"id": "si_1", "price": price}]},
        })
    };
    let missing = || refusal(404, "invalid_request_error", Some("resource_missing"));
    let script = Script::new([Reply::Silence, missing(), Reply::json(200, subscription("canceled"))]);
    let how = CancelNow { invoice_now: true, prorate: true };
    let ended = script.run(stripe(&script).cancel_subscription(&"sub_1".into(), how)).await.unwrap();
    assert_eq!(ended.status.as_str(), "canceled");
    let seen: Vec<_> = script.seen().into_iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    let delete = "DELETE /v1/subscriptions/sub_1?invoice_now=true&prorate=true";
    assert_eq!(seen, [delete, delete, "GET /v1/subscriptions/sub_1"]);
    let script = Script::new([missing(), Reply::json(200, subscription("active"))]);
    let error = script.run(stripe(&script).cancel_subscription(&"sub_1".into(), how)).await.unwrap_err();
    assert_eq!(error.fault, Fault::Missing);
}

#[test]
fn settings_are_checked_without_repeating_them_and_a_test_key_moves_no_money() {
    let check = |name: &str, value: &str| {
        let setting = SETUP.settings.iter().find(|setting| setting.name == name).unwrap();
        (setting.check)(value)
    };
    for key in ["sk_live_1", "sk_test_1", "rk_live_1"] {
        check("STRIPE_SECRET_KEY", key).unwrap();
    }
    assert!(check("STRIPE_SECRET_KEY", "pk_live_hunter2").unwrap_err().contains("publishable"));
    check("STRIPE_WEBHOOK_SECRET", "whsec_a, whsec_b").unwrap();
    for (name, value) in
        [("STRIPE_SECRET_KEY", "whsec_hunter2"), ("STRIPE_WEBHOOK_SECRET", "whsec_a,sk_hunter2"), ("STRIPE_WEBHOOK_SECRET", ",")]
    {
        assert!(!check(name, value).unwrap_err().contains("hunter2"));
    }
    let live = |key: &str, live| Stripe::builder(Script::new([]).wires(), key.to_owned().into()).live(live).build().live();
    let expected = [("sk_live_1", true, true), ("rk_live_1", true, true), ("sk_live_1", false, false), ("sk_test_1", true, false), ("rk_test_1", true, false)];
    for (key, given, moves) in expected {
        assert_eq!(live(key, given), moves, "{key}");
    }
    let made = Stripe::builder(Script::new([]).wires(), "sk_live_hunter2".to_owned().into()).webhook_secret("whsec_hunter2");
    assert!(!format!("{made:?} {:?}", Stripe::builder(Script::new([]).wires(), "sk_hunter2".to_owned().into()).build()).contains("hunter2"));
}

#[tokio::test]
async fn names_and_secrets_of_a_customer_are_never_in_the_path_of_a_log() {
    let script = Script::new([Reply::json(200, json!({"id": "cus_1", "created": 1}))]);
    let new = NewCustomer { email: Some("ann@example.test".into()), ..NewCustomer::default() };
    script.run(stripe(&script).create_customer(&new, "k")).await.unwrap();
    assert_eq!(script.one().target, "/v1/customers");
}
