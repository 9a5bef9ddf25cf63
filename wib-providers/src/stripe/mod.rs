//! Stripe: customers, payments, subscriptions, invoices and metered usage.
//!
//! Document: <https://docs.stripe.com/api>, pinned to version `2026-10-28.endive`. Limits: 100 requests a second in live
//! mode, 25 in a sandbox of Stripe's, 25 to one endpoint; meter events have their own, 1,000 a second.
//!
//! Quirks this adapter knows:
//! - Bodies are form fields (`items[0][price]=..`); an empty value clears a field. Answers are JSON.
//! - `Idempotency-Key` holds for POST, up to 255 characters, at least 24 hours: so every POST is repeatable, and each
//!   carries the caller's key. Other parameters under a key are an `idempotency_error`, here [`Fault::Conflict`]. DELETE
//!   takes none.
//! - `409` is a conflict of locks (`lock_timeout`) or a first request under way (`idempotency_key_in_use`); both pass.
//!   `429` may be a lock too. `Stripe-Should-Retry` tells whether a repeat may help, and is believed.
//! - A decline is `402 card_error`; its `decline_code` says more than its `code`. It is kept under the key: the same
//!   request under the same key is declined again without asking the bank.
//! - Since 2025-03-31 periods are on a subscription's items, and an invoice names its subscription under
//!   `parent.subscription_details`; deliveries use the version of their endpoint, so both places are read.
//! - Usage records are gone; meters take events. Their values are text, `identifier` makes them unique for 24 hours.
//! - Any id may come as the object it leads to; a deleted object is its id and `deleted: true`.
//! - Search lags behind by up to a minute, and pages by `next_page`; lists page by `starting_after`.
//! - A key of the test mode (`sk_test_`, `rk_test_`) works like any other, but moves no money:
//!   [`live`](wib_core::ports::Billing::live) is then false.
//!
//! [`Fault::Conflict`]: wib_core::ports::Fault::Conflict

mod billing;
mod form;
mod read;
#[cfg(feature = "sandbox")]
pub(crate) mod sandbox;
mod webhook;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use http::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use wib_core::ports::Fault;

use crate::{
    http::{Client, Policy, Wires, Words},
    vendor::{Adapters, Given, Port, Setting, Vendor},
};

const VENDOR: &str = "stripe";
/// The version whose words this adapter speaks.
const VERSION: &str = "2026-10-28.endive";

/// Stripe, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: VENDOR,
    ports: &[(Port::Billing, plug)],
    settings: &[
        Setting::key("STRIPE_SECRET_KEY", "a secret or restricted key; one of the test mode moves no money")
            .checked(check_key),
        Setting::verifier("STRIPE_WEBHOOK_SECRET", "an endpoint's signing secret, several while they are rotated")
            .checked(check_secrets),
        Setting::address("STRIPE_BASE_URL"),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};

fn check_key(key: &str) -> Result<(), String> {
    let other = [("pk_", "a publishable key"), ("whsec_", "an endpoint's signing secret")];
    match other.iter().find(|(start, _)| key.starts_with(start)) {
        Some((_, what)) => Err(format!("this is {what}; expected a secret key (sk_...) or a restricted one (rk_...)")),
        None => Ok(()),
    }
}

fn check_secrets(secrets: &str) -> Result<(), String> {
    let mut all = secrets.split(',').map(str::trim).filter(|one| !one.is_empty()).peekable();
    let key = |one: &str| ["sk_", "rk_", "pk_"].iter().any(|start| one.starts_with(start));
    if all.peek().is_none() || all.any(key) {
        return Err("expected an endpoint's signing secret (whsec_...), or several separated by commas".to_owned());
    }
    Ok(())
}

fn plug(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let mut builder =
        Stripe::builder(given.wires.clone(), given.key("STRIPE_SECRET_KEY")).given(given, "STRIPE_BASE_URL");
    for secret in given.verifier.as_deref().into_iter().chain(given.several("STRIPE_WEBHOOK_SECRET")) {
        builder = builder.webhook_secret(secret.to_owned());
    }
    let stripe = Arc::new(builder.build());
    adapters.probes.push(stripe.client.probe(Port::Billing, "/v1/balance", ""));
    adapters.webhooks.push(stripe.clone());
    adapters.billings.push(stripe);
    Ok(())
}

/// Stripe, as [`Billing`](wib_core::ports::Billing) and as [`WebhookSource`](wib_core::ports::WebhookSource).
pub struct Stripe {
    client: Client,
    secrets: Vec<SecretString>,
    live: bool,
}
impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("client", &self.client).field("live", &self.live).finish_non_exhaustive()
    }
}

impl Stripe {
    /// Stripe with a secret key (`sk_…`) or a restricted one (`rk_…`).
    pub fn builder(wires: Wires, secret_key: SecretString) -> StripeBuilder {
        StripeBuilder {
            wires,
            secret_key,
            base_url: "https://api.stripe.com".to_owned(),
            policy: Policy::default(),
            secrets: Vec::new(),
            live: true,
        }
    }
}

/// Puts a [`Stripe`] together.
#[derive(Debug)]
pub struct StripeBuilder {
    wires: Wires,
    secret_key: SecretString,
    base_url: String,
    policy: Policy,
    secrets: Vec<SecretString>,
    live: bool,
}

impl StripeBuilder {
    crate::http::settings!();
    /// The signing secret of the endpoint that deliveries come to (`whsec_…`). While it is being rotated, name both.
    /// Without any, every delivery is refused.
    #[must_use]
    pub fn webhook_secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into().into());
        self
    }
    /// The adapter.
    #[must_use]
    pub fn build(self) -> Stripe {
        let test = self.secret_key.expose_secret().get(2..).is_some_and(|rest| rest.starts_with("_test_"));
        let client = Client::new(VENDOR, &self.base_url, self.policy, words, self.wires)
            .bearer(&self.secret_key)
            .key(HeaderName::from_static("stripe-version"), VERSION.to_owned().into());
        Stripe { client, secrets: self.secrets, live: self.live && !test }
    }
}

/// `{"error": {"type", "code", "decline_code", "message", "param"}}`.
fn words(_status: u16, body: &Value) -> Words {
    let text = |key: &str| body["error"][key].as_str().map(str::to_owned);
    let (kind, code) = (text("type").unwrap_or_default(), text("code"));
    let fault = match (kind.as_str(), code.as_deref()) {
        (_, Some("lock_timeout" | "idempotency_key_in_use" | "rate_limit")) => Some(Fault::RateLimited),
        ("idempotency_error", _) => Some(Fault::Conflict),
        ("card_error", _) => Some(Fault::Declined),
        (_, Some("authentication_required")) => Some(Fault::Declined),
        // The request is wrong in words that Stripe has for what is not there.
        (_, Some("resource_missing")) => Some(Fault::Missing),
        _ => None,
    };
    let message = match (text("message"), text("param")) {
        (Some(message), Some(param)) => Some(format!("{message} ({param})")),
        (message, _) => message,
    };
    let code = text("decline_code").or(code).or_else(|| (!kind.is_empty()).then_some(kind));
    Words { fault, code, message }
}
