//! A charge over real sockets: asked for again under its key alone, so that it is made once.

use wib_core::{kit::Money, ports::billing::NewPayment};

use super::*;
use crate::http::sockets::{Act, JSON, Machine, quick, wires};

#[tokio::test]
async fn whatever_the_line_does_a_charge_is_asked_for_under_one_key() {
    const PAID: &str = r#"{"id":"pi_1","object":"payment_intent","amount":700,"currency":"usd","status":"succeeded","created":1770000000}"#;
    let late = Act::Answer("429 Too Many Requests", "retry-after: 1\r\n", "{}");
    let broken = Act::Answer("500 Internal Server Error", JSON, "{}");
    for act in [Act::Mute, Act::HangUp, Act::Truncate, broken, late] {
        let machine = Machine::new(&[act, Act::Answer("200 OK", JSON, PAID)]).await;
        let builder = Stripe::builder(wires(), "sk_test_1".to_owned().into()).base_url(machine.url());
        let stripe = builder.policy(quick()).build();
        let paid = stripe.create_payment(&NewPayment::of(Money::usd(700)), "pay-1").await;
        assert_eq!(paid.unwrap().id.as_str(), "pi_1", "{act:?}");
        assert_eq!((machine.asked(), machine.header("idempotency-key")), (2, vec!["pay-1".to_owned(); 2]), "{act:?}");
    }
}
