//! The port's suite over the sandbox.

use std::sync::Arc;

use wib_core::{
    kit::{SeededRandom, VirtualClock},
    testing::billing_suite::BillingBench,
};

use crate::{
    sandbox::{Sandbox, Settings},
    stripe::Stripe,
};

async fn make(_name: &'static str) -> Option<BillingBench> {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    let sandbox = Sandbox::new(clock.clone(), 7, Settings::default());
    let wires = sandbox.wires(clock.clone(), Arc::new(SeededRandom::new(7)));
    let stripe = Stripe::builder(wires, "sk_test_1".to_owned().into()).build();
    Some(BillingBench::new(Arc::new(stripe), clock))
}

wib_core::billing_suite!(make);
