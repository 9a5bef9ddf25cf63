//! Exact requests, odd answers, deliveries, the sandbox, and the contract.

#[cfg(feature = "sandbox")]
mod conformance;
mod contract;
mod deliveries;
mod requests;
#[cfg(feature = "sandbox")]
mod shop;
mod sockets;

use std::sync::Arc;

use wib_core::{
    kit::Timestamp,
    ports::{
        Billing, WebhookSource,
        webhook::Headers,
    },
};

use super::{SETUP, Stripe};
use crate::testing::{Reply, Script};

fn stripe(script: &Arc<Script>) -> Stripe {
    Stripe::builder(script.wires(), "sk_live_1".to_owned().into()).build()
}
