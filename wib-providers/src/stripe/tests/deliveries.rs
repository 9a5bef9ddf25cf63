//! Signed deliveries, genuine and forged, and what they say.

use proptest::prelude::*;
use serde_json::{Value, json};
use wib_core::ports::{
    billing::{BillingEvent, BillingEventKind, InvoiceChange},
    webhook::{EventBody, Refused, hmac},
};

use super::*;
use crate::{
    stripe::read::FromStripe,
    testing::{
        contracts::{graft, odd},
        vectors::vectors,
    },
};

fn with_secrets<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Stripe {
    let builder = Stripe::builder(Script::new([]).wires(), "sk_live_1".to_owned().into());
    secrets.into_iter().fold(builder, |builder, secret| builder.webhook_secret(secret)).build()
}

#[test]
fn every_shared_vector_is_judged_as_expected() {
    let all = vectors("stripe");
    for vector in &all {
        vector.holds(&with_secrets([vector.text("secret")]));
    }
    assert!(all.is_empty() || all.len() == 52, "{}", all.len());
}

#[test]
fn genuine_vectors_give_their_events_and_repeats_their_id() {
    let mut kinds = std::collections::BTreeSet::new();
    let accepted = vectors("stripe").into_iter().filter(|v| v.accepted() && v.value["level"] != "signature");
    for vector in accepted.filter(|v| v.value["optional"] != true) {
        let events = vector.passes(&with_secrets([vector.text("secret")])).unwrap();
        let body: Value = serde_json::from_slice(&vector.body).unwrap();
        assert_eq!((events.len(), events[0].id.as_str()), (1, body["id"].as_str().unwrap()));
        let EventBody::Billing(event) = &events[0].body else { panic!("{}", vector.text("id")) };
        let kept: EventBody = serde_json::from_value(serde_json::to_value(&events[0].body).unwrap()).unwrap();
        assert_eq!(kept, events[0].body, "what is kept comes back");
        if let BillingEventKind::Other(name) = &event.what {
            assert_eq!(name, vector.text("event_type"));
            kinds.insert(name.clone());
        }
        if let BillingEventKind::Invoice(InvoiceChange::Paid, invoice) = &event.what {
            assert_eq!(invoice.subscription.as_ref().map(|id| id.as_str()), Some("subscription"));
        }
    }
    let kept_by_name: Vec<_> = kinds.iter().map(String::as_str).collect();
    let expected =
        ["charge.succeeded", "invoice.upcoming", "payment_intent.requires_action", "refund.created", "setup_intent.succeeded"];
    assert!(kept_by_name.is_empty() || kept_by_name == expected, "{kept_by_name:?}");
}

fn signed(secret: &str, stamp: i64, body: &str) -> String {
    let stamp = stamp.to_string();
    let mac = hmac(secret.as_bytes(), &[stamp.as_bytes(), b".", body.as_bytes()]);
    format!("t={stamp},v1={}", hex::encode(mac))
}
fn open(stripe: &Stripe, header: Option<&str>, body: &str) -> Result<BillingEvent, Refused> {
    let pairs: Vec<_> = header.iter().map(|header| ("Stripe-Signature", header.as_bytes())).collect();
    let opened = stripe.open(&Headers(&pairs), body.as_bytes(), Timestamp::from_second(1_000_000_000).unwrap())?;
    match opened.into_events().remove(0).body {
        EventBody::Billing(event) => Ok(*event),
        other => panic!("{other:?}"),
    }
}
fn event(name: &str, object: Value) -> String {
    json!({"id": "evt_1", "type": name, "created": 999_999_990, "livemode": true, "data": {"object": object}}).to_string()
}

#[test]
fn two_secrets_are_good_while_they_are_rotated_and_none_refuses() {
    let body = event("account.updated", json!({}));
    let (old, new) = (signed("whsec_old", 1_000_000_000, &body), signed("whsec_new", 1_000_000_000, &body));
    for header in [&old, &new] {
        let event = open(&with_secrets(["whsec_old", "whsec_new"]), Some(header), &body).unwrap();
        assert_eq!(event.what, BillingEventKind::Other("account.updated".into()));
        assert!(event.live);
    }
    assert_eq!(open(&with_secrets(["whsec_new"]), Some(&old), &body), Err(Refused::BadSignature));
    assert_eq!(open(&with_secrets([]), Some(&old), &body), Err(Refused::NotConfigured));
    assert_eq!(open(&with_secrets([""]), Some(&old), &body), Err(Refused::BadSignature));
    assert_eq!(open(&with_secrets(["whsec_new"]), None, &body), Err(Refused::MissingHeaders));
    let future = signed("whsec_new", 1_000_000_301, &body);
    assert_eq!(open(&with_secrets(["whsec_new"]), Some(&future), &body), Err(Refused::BadSignature));
}

#[test]
fn an_older_version_s_places_are_read_and_a_wrong_shape_is_refused() {
    let stripe = with_secrets(["whsec_1"]);
    let read = |name: &str, object: Value| {
        let body = event(name, object);
        open(&stripe, Some(&signed("whsec_1", 1_000_000_000, &body)), &body)
    };
    let price = json!({"id": "price_1", "product": {"id": "prod_1", "object": "product"}, "currency": "usd", "created": 1});
    let old = json!({
        "id": "sub_1", "customer": {"id": "cus_1", "object": "customer"}, "status": "a_new_state", "currency": "usd",
        "created": 1, "current_period_start": 10, "current_period_end": 20,
        "items": {"data": [{"id": "si_1", "price": price, "quantity": 2}]},
    });
    let BillingEventKind::Subscription(_, subscription) = read("customer.subscription.updated", old).unwrap().what else {
        panic!("a subscription")
    };
    assert_eq!((subscription.customer.as_str(), subscription.status.as_str()), ("cus_1", "a_new_state"));
    assert_eq!(subscription.items[0].price.product.as_str(), "prod_1");
    assert_eq!(subscription.period().map(|period| period.end.as_second()), Some(20));
    let invoice = json!({
        "id": "in_1", "currency": "jpy", "total": 5, "amount_due": 5, "amount_paid": 0, "amount_remaining": 5, "created": 1,
        "period_start": 1, "period_end": 2, "subscription": {"id": "sub_9"}, "lines": {"data": []},
    });
    let BillingEventKind::Invoice(_, read_invoice) = read("invoice.payment_failed", invoice.clone()).unwrap().what else {
        panic!("an invoice")
    };
    assert_eq!(read_invoice.subscription.unwrap().as_str(), "sub_9");
    for lost in ["currency", "total", "created"] {
        let mut odd = invoice.clone();
        odd.as_object_mut().unwrap().remove(lost);
        assert_eq!(read("invoice.paid", odd), Err(Refused::InvalidStructure), "{lost}");
    }
    // A kind that nobody acts on may look as it likes.
    assert!(read("invoice.upcoming", json!({})).is_ok());
    let body = "{\"id\": \"evt_1\"}";
    let header = signed("whsec_1", 1_000_000_000, body);
    assert_eq!(open(&stripe, Some(&header), body), Err(Refused::InvalidStructure));
    let header = signed("whsec_1", 1_000_000_000, "not json");
    assert_eq!(open(&stripe, Some(&header), "not json"), Err(Refused::InvalidJson));
}

proptest! {
    #[test]
    fn fields_that_nobody_knows_change_nothing(name in "[a-z]{1,8}", odd in odd()) {
        let plain: Value = serde_json::from_str(&event("charge.refunded", json!({
            "id": "ch_1", "status": "succeeded", "amount": 5, "amount_refunded": 5, "currency": "usd", "created": 1,
            "metadata": {},
        }))).unwrap();
        let mut grafted = plain.clone();
        graft(&mut grafted, &name, &odd);
        let metadata = &mut grafted["data"]["object"]["metadata"];
        *metadata = json!({});
        prop_assert_eq!(BillingEvent::read(&grafted).ok(), BillingEvent::read(&plain).ok());
    }
    #[test]
    fn whatever_is_sent_nothing_panics(odd in odd(), name in "(invoice|customer|payment_intent|charge)\\.[a-z.]{1,12}") {
        let _ = BillingEvent::read(&json!({"id": "e", "type": name, "created": 1, "data": {"object": odd}}));
        for kind in ["customer", "payment_method", "subscription", "invoice", "price", "event", "balance"] {
            let _ = super::contract::reader(kind).unwrap()(&odd);
        }
    }
}
