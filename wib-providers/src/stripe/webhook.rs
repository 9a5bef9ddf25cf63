//! Deliveries: HMAC-SHA256 over `t.body` with the whole `whsec_…` text, 300 s either way.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use wib_core::{
    kit::time::Timestamp,
    ports::{
        billing::{
            BillingEvent, BillingEventKind as Kind, CheckoutChange, CustomerChange, DisputeChange, InvoiceChange,
            PaymentChange, PaymentIntent, PaymentMethodChange, SubscriptionChange,
        },
        webhook::{Event, EventBody, Headers, Opened, Refused, WebhookSource, fresh, hmac_sha256},
    },
};

use super::{
    Stripe, VENDOR,
    read::{FromStripe, Missing},
};

const WINDOW: Duration = Duration::from_secs(300);
/// Signatures that are looked at: one for each secret while they are rotated.
const MOST: usize = 16;

impl WebhookSource for Stripe {
    fn vendor(&self) -> &'static str {
        VENDOR
    }

    fn open(&self, headers: &Headers<'_>, body: &[u8], now: Timestamp) -> Result<Opened, Refused> {
        if body.is_empty() {
            return Err(Refused::EmptyBody);
        }
        if self.secrets.is_empty() {
            return Err(Refused::NotConfigured);
        }
        let header = headers.get("stripe-signature").ok_or(Refused::MissingHeaders)?;
        let (mut stamp, mut macs) = (None, Vec::new());
        for (scheme, value) in header.split(',').filter_map(|part| part.split_once('=')) {
            match scheme {
                "t" => stamp = stamp.or(Some(value)),
                // Stripe writes hex in small letters; whatever else stands here fits nothing.
                "v1" if macs.len() < MOST && !value.bytes().any(|b| b.is_ascii_uppercase()) => {
                    macs.extend(hex::decode(value).ok());
                }
                _ => {}
            }
        }
        let stamp = stamp.ok_or(Refused::BadSignature)?;
        fresh(stamp, now, WINDOW)?;
        let parts = [stamp.as_bytes(), b".", body];
        let proof = |secret: &secrecy::SecretString| hmac_sha256(secret.expose_secret().as_bytes(), &parts, &macs).ok();
        let proof = self.secrets.iter().find_map(proof).ok_or(Refused::BadSignature)?;
        let json: Value = serde_json::from_slice(body).map_err(|_| Refused::InvalidJson)?;
        let event = BillingEvent::read(&json).map_err(|_| Refused::InvalidStructure)?;
        Ok(Opened::new(proof, vec![Event { id: event.id.clone(), body: EventBody::Billing(Box::new(event)) }]))
    }
}

/// An event's body is that of its endpoint's version, which may be older or newer than ours. Kinds we do not act on are
/// kept by name; only a body without a name, an id, or what a kind we act on must have has a wrong shape.
impl FromStripe for BillingEvent {
    fn read(json: &Value) -> Result<Self, Missing> {
        let text = |field: &'static str| json[field].as_str().filter(|text| !text.is_empty()).ok_or(Missing(field));
        let (id, name) = (text("id")?, text("type")?);
        let at = json["created"].as_i64().and_then(|at| Timestamp::from_second(at).ok()).ok_or(Missing("created"))?;
        let what = kind(name, &json["data"]["object"])?;
        Ok(Self { id: id.to_owned(), at, live: json["livemode"] == true, what })
    }
}

fn kind(name: &str, object: &Value) -> Result<Kind, Missing> {
    let other = || Ok(Kind::Other(name.to_owned()));
    if let Some(change) = name.strip_prefix("customer.subscription.") {
        let Ok(change) = change.parse::<SubscriptionChange>() else { return other() };
        return Ok(Kind::Subscription(change, FromStripe::read(object)?));
    }
    let Some((thing, change)) = name.rsplit_once('.') else { return other() };
    Ok(match thing {
        "checkout.session" => {
            let change = match change {
                "async_payment_succeeded" => CheckoutChange::PaymentSucceeded,
                "async_payment_failed" => CheckoutChange::PaymentFailed,
                "completed" => CheckoutChange::Completed,
                "expired" => CheckoutChange::Expired,
                _ => return other(),
            };
            Kind::Checkout(change, FromStripe::read(object)?)
        }
        "invoice" => match change.parse::<InvoiceChange>() {
            Ok(change) => Kind::Invoice(change, FromStripe::read(object)?),
            Err(_) => return other(),
        },
        "payment_intent" => {
            let change = match change {
                "succeeded" => PaymentChange::Succeeded,
                "payment_failed" => PaymentChange::Failed,
                "processing" => PaymentChange::Processing,
                "canceled" => PaymentChange::Canceled,
                _ => return other(),
            };
            // Events are kept, and a payer's secret is not to be.
            let payment = PaymentIntent { client_secret: None, ..FromStripe::read(object)? };
            Kind::Payment(change, payment)
        }
        "charge" if change == "refunded" => Kind::Refunded(FromStripe::read(object)?),
        "charge.dispute" => match change.parse::<DisputeChange>() {
            Ok(change) => Kind::Dispute(change, FromStripe::read(object)?),
            Err(_) => return other(),
        },
        "payment_method" => match change.parse::<PaymentMethodChange>() {
            Ok(change) => Kind::PaymentMethod(change, FromStripe::read(object)?),
            Err(_) => return other(),
        },
        "customer" => match change.parse::<CustomerChange>() {
            Ok(change) => Kind::Customer(change, FromStripe::read(object)?),
            Err(_) => return other(),
        },
        _ => return other(),
    })
}
