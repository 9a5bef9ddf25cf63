//! The fake of Billing obeys the suite of its port.

use std::sync::Arc;

use wib_core::{
    kit::{Clock, Money, VirtualClock},
    ports::{
        Billing,
        billing::{NewCustomer, NewPayment},
    },
    testing::{billing_suite::BillingBench, fakes::FakeBilling},
};

fn clock() -> Arc<dyn Clock> {
    Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()))
}
async fn make(_name: &'static str) -> Option<BillingBench> {
    Some(BillingBench::new(Arc::new(FakeBilling::new(clock())), clock()))
}

wib_core::billing_suite!(make);

#[tokio::test]
async fn charges_are_counted_by_customer() {
    let billing = FakeBilling::new(clock());
    let customer = billing.create_customer(&NewCustomer::default(), "c").await.unwrap();
    let pay = NewPayment {
        customer: Some(customer.id.clone()),
        payment_method: Some("pm_card_visa".into()),
        confirm: true,
        ..NewPayment::of(Money::usd(500))
    };
    for key in ["a", "a", "b"] {
        billing.create_payment(&pay, key).await.unwrap();
    }
    assert_eq!(billing.charges(&customer.id), 2);
    assert_eq!(billing.balance().await.unwrap().available, [Money::usd(1000)]);
}
