//! Stripe's JSON into our words. Only what we read; everything else is ignored.
//!
//! An id may stand as text or as the object it leads to. What misses a field that must be there is named by it.

use serde_json::Value;
use wib_core::{
    kit::{
        Currency, Money,
        time::{Timestamp, before},
    },
    ports::billing::{
        Balance, BankAccount, Card, Charge, CheckoutSession, Customer, Decline, Dispute, Invoice, InvoiceLine, Labels,
        Meter, PaymentFailure, PaymentIntent, PaymentMethod, Period, PortalSession, Price, Product, Recurring, Refund,
        SetupIntent, Subscription, SubscriptionItem, UsageSummary,
    },
};

/// The field that is not there, or not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing(pub(super) &'static str);

/// Something that Stripe's JSON holds.
pub(super) trait FromStripe: Sized {
    /// Reads it.
    fn read(json: &Value) -> Result<Self, Missing>;
}

/// What of a field.
type Read<T> = Result<T, Missing>;

fn text<'v>(json: &'v Value, field: &'static str) -> Option<&'v str> {
    json.get(field)?.as_str()
}
fn maybe<T: for<'t> From<&'t str>>(json: &Value, field: &'static str) -> Option<T> {
    text(json, field).filter(|text| !text.is_empty()).map(T::from)
}
fn word<T: for<'t> From<&'t str>>(json: &Value, field: &'static str) -> Read<T> {
    maybe(json, field).ok_or(Missing(field))
}
/// An id, or that of the object in its place.
fn leads<T: for<'t> From<&'t str>>(json: &Value, field: &'static str) -> Option<T> {
    let value = json.get(field)?;
    let id = value.as_str().or_else(|| text(value, "id"))?;
    (!id.is_empty()).then(|| T::from(id))
}
fn flag(json: &Value, field: &'static str) -> bool {
    json[field] == true
}
fn number(json: &Value, field: &'static str) -> Option<i64> {
    let value = json.get(field)?;
    // A whole number may be written with a point: quantities are decimals since they may be fractions.
    value.as_i64().or_else(|| value.to_string().strip_suffix(".0")?.parse().ok())
}
fn second(at: i64) -> Option<Timestamp> {
    Timestamp::from_second(at).ok()
}
fn at(json: &Value, field: &'static str) -> Option<Timestamp> {
    number(json, field).and_then(second)
}
fn created(json: &Value) -> Read<Timestamp> {
    at(json, "created").ok_or(Missing("created"))
}
fn period(json: &Value, start: &'static str, end: &'static str) -> Option<Period> {
    Some(Period { start: at(json, start)?, end: at(json, end)? })
}
fn currency(json: &Value) -> Read<Currency> {
    text(json, "currency").and_then(|code| code.parse().ok()).ok_or(Missing("currency"))
}
fn money(json: &Value, field: &'static str, currency: Currency) -> Read<Money> {
    number(json, field).map(|minor| Money { minor, currency }).ok_or(Missing(field))
}
fn labels(json: &Value) -> Labels {
    let pairs = json["metadata"].as_object().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
/// The objects of a list in a field.
fn listed<T: FromStripe>(json: &Value, field: &'static str) -> Read<Vec<T>> {
    json[field]["data"].as_array().into_iter().flatten().map(T::read).collect()
}

impl FromStripe for Customer {
    fn read(json: &Value) -> Read<Self> {
        let (id, deleted) = (word(json, "id")?, flag(json, "deleted"));
        if deleted {
            return Ok(Self { id, deleted, ..Self::default() });
        }
        let currency: Option<Currency> = text(json, "currency").and_then(|code| code.parse().ok());
        Ok(Self {
            id,
            email: maybe(json, "email"),
            name: maybe(json, "name"),
            phone: maybe(json, "phone"),
            default_payment_method: leads(&json["invoice_settings"], "default_payment_method"),
            balance: currency.and_then(|currency| money(json, "balance", currency).ok()),
            delinquent: flag(json, "delinquent"),
            metadata: labels(json),
            created_at: Some(created(json)?),
            deleted,
        })
    }
}

impl FromStripe for PaymentMethod {
    fn read(json: &Value) -> Read<Self> {
        let card = json["card"].as_object().map(|_| &json["card"]).map(|card| Card {
            brand: maybe(card, "brand").unwrap_or_default(),
            last4: maybe(card, "last4").unwrap_or_default(),
            exp_month: number(card, "exp_month").unwrap_or_default(),
            exp_year: number(card, "exp_year").unwrap_or_default(),
            funding: maybe(card, "funding").unwrap_or_default(),
            country: maybe(card, "country"),
            fingerprint: maybe(card, "fingerprint"),
        });
        let bank = ["us_bank_account", "sepa_debit"].iter().find_map(|kind| json.get(*kind).filter(|b| b.is_object()));
        let bank = bank.map(|bank| BankAccount {
            bank: maybe(bank, "bank_name").or_else(|| maybe(bank, "bank_code")),
            last4: maybe(bank, "last4"),
        });
        Ok(Self {
            id: word(json, "id")?,
            kind: word(json, "type")?,
            customer: leads(json, "customer"),
            card,
            bank,
            metadata: labels(json),
            created_at: created(json)?,
        })
    }
}

fn failure(json: &Value) -> Option<PaymentFailure> {
    json.as_object()?;
    let code: Option<String> = maybe(json, "code");
    let declined = text(json, "type") == Some("card_error");
    let decline = declined.then(|| maybe::<Decline>(json, "decline_code").or_else(|| maybe(json, "code"))).flatten();
    Some(PaymentFailure { decline, code, message: maybe(json, "message") })
}

impl FromStripe for SetupIntent {
    fn read(json: &Value) -> Read<Self> {
        Ok(Self {
            id: word(json, "id")?,
            status: word(json, "status")?,
            customer: leads(json, "customer"),
            payment_method: leads(json, "payment_method"),
            failure: failure(&json["last_setup_error"]),
            client_secret: maybe::<String>(json, "client_secret").map(Into::into),
            metadata: labels(json),
            created_at: created(json)?,
        })
    }
}

impl FromStripe for PaymentIntent {
    fn read(json: &Value) -> Read<Self> {
        let currency = currency(json)?;
        let amount = money(json, "amount", currency)?;
        let other = |field| money(json, field, currency).unwrap_or(Money { minor: 0, currency });
        Ok(Self {
            id: word(json, "id")?,
            status: word(json, "status")?,
            amount,
            received: other("amount_received"),
            capturable: other("amount_capturable"),
            customer: leads(json, "customer"),
            payment_method: leads(json, "payment_method"),
            charge: leads(json, "latest_charge"),
            failure: failure(&json["last_payment_error"]),
            confirm_at: maybe(&json["next_action"]["redirect_to_url"], "url"),
            client_secret: maybe::<String>(json, "client_secret").map(Into::into),
            metadata: labels(json),
            created_at: created(json)?,
        })
    }
}

impl FromStripe for Charge {
    fn read(json: &Value) -> Read<Self> {
        let currency = currency(json)?;
        Ok(Self {
            id: word(json, "id")?,
            status: word(json, "status")?,
            amount: money(json, "amount", currency)?,
            refunded: money(json, "amount_refunded", currency)?,
            fully_refunded: flag(json, "refunded"),
            disputed: flag(json, "disputed"),
            customer: leads(json, "customer"),
            payment: leads(json, "payment_intent"),
            metadata: labels(json),
            created_at: created(json)?,
        })
    }
}

impl FromStripe for CheckoutSession {
    fn read(json: &Value) -> Read<Self> {
        let email = maybe(&json["customer_details"], "email").or_else(|| maybe(json, "customer_email"));
        Ok(Self {
            id: word(json, "id")?,
            mode: word(json, "mode")?,
            // Both may be null in what is very old.
            status: maybe(json, "status").unwrap_or_else(|| "".into()),
            payment: word(json, "payment_status")?,
            url: maybe(json, "url"),
            customer: leads(json, "customer"),
            email,
            subscription: leads(json, "subscription"),
            payment_intent: leads(json, "payment_intent"),
            setup_intent: leads(json, "setup_intent"),
            invoice: leads(json, "invoice"),
            reference: maybe(json, "client_reference_id"),
            total: currency(json).and_then(|currency| money(json, "amount_total", currency)).ok(),
            metadata: labels(json),
            expires_at: at(json, "expires_at").ok_or(Missing("expires_at"))?,
            created_at: created(json)?,
        })
    }
}

impl FromStripe for PortalSession {
    fn read(json: &Value) -> Read<Self> {
        Ok(Self { id: word(json, "id")?, url: word(json, "url")?, customer: word(json, "customer")? })
    }
}

impl FromStripe for Subscription {
    fn read(json: &Value) -> Read<Self> {
        // Before 2025-03-31 the period was the subscription's.
        let whole = period(json, "current_period_start", "current_period_end");
        let mut items: Vec<SubscriptionItem> = listed(json, "items")?;
        for item in &mut items {
            item.period = item.period.or(whole);
        }
        Ok(Self {
            id: word(json, "id")?,
            customer: leads(json, "customer").ok_or(Missing("customer"))?,
            status: word(json, "status")?,
            items,
            currency: currency(json)?,
            cancel_at_period_end: flag(json, "cancel_at_period_end"),
            cancel_at: at(json, "cancel_at"),
            canceled_at: at(json, "canceled_at"),
            ended_at: at(json, "ended_at"),
            trial: period(json, "trial_start", "trial_end"),
            default_payment_method: leads(json, "default_payment_method"),
            latest_invoice: leads(json, "latest_invoice"),
            metadata: labels(json),
            created_at: created(json)?,
            live: flag(json, "livemode"),
        })
    }
}

impl FromStripe for SubscriptionItem {
    fn read(json: &Value) -> Read<Self> {
        Ok(Self {
            id: word(json, "id")?,
            price: Price::read(&json["price"])?,
            quantity: number(json, "quantity"),
            period: period(json, "current_period_start", "current_period_end"),
            metadata: labels(json),
        })
    }
}

impl FromStripe for Product {
    fn read(json: &Value) -> Read<Self> {
        Ok(Self {
            id: word(json, "id")?,
            name: word(json, "name")?,
            active: flag(json, "active"),
            description: maybe(json, "description"),
            default_price: leads(json, "default_price"),
            metadata: labels(json),
            created_at: created(json)?,
        })
    }
}

impl FromStripe for Price {
    fn read(json: &Value) -> Read<Self> {
        let (currency, recurring) = (currency(json)?, &json["recurring"]);
        let recurring = recurring.as_object().map(|_| -> Read<Recurring> {
            Ok(Recurring {
                interval: word(recurring, "interval")?,
                count: number(recurring, "interval_count").unwrap_or(1),
                usage: maybe(recurring, "usage_type").unwrap_or_else(|| "licensed".into()),
                meter: maybe(recurring, "meter"),
            })
        });
        Ok(Self {
            id: word(json, "id")?,
            product: leads(json, "product").ok_or(Missing("product"))?,
            active: flag(json, "active"),
            currency,
            amount: money(json, "unit_amount", currency).ok(),
            decimal: maybe(json, "unit_amount_decimal"),
            recurring: recurring.transpose()?,
            lookup_key: maybe(json, "lookup_key"),
            nickname: maybe(json, "nickname"),
            metadata: labels(json),
            created_at: created(json)?,
        })
    }
}

impl FromStripe for Invoice {
    fn read(json: &Value) -> Read<Self> {
        let currency = currency(json)?;
        let of = |field| money(json, field, currency);
        let times = &json["status_transitions"];
        let parent = &json["parent"]["subscription_details"];
        Ok(Self {
            id: maybe(json, "id").unwrap_or_default(),
            number: maybe(json, "number"),
            status: maybe(json, "status"),
            customer: leads(json, "customer"),
            // Before 2025-03-31 it was the invoice's own field.
            subscription: leads(parent, "subscription").or_else(|| leads(json, "subscription")),
            reason: maybe(json, "billing_reason"),
            total: of("total")?,
            due: of("amount_due")?,
            paid: of("amount_paid")?,
            remaining: of("amount_remaining")?,
            lines: listed(json, "lines")?,
            period: period(json, "period_start", "period_end").ok_or(Missing("period_end"))?,
            attempts: number(json, "attempt_count").unwrap_or_default(),
            next_attempt_at: at(json, "next_payment_attempt"),
            url: maybe(json, "hosted_invoice_url"),
            pdf_url: maybe(json, "invoice_pdf"),
            finalized_at: at(times, "finalized_at"),
            paid_at: at(times, "paid_at"),
            voided_at: at(times, "voided_at"),
            metadata: labels(json),
            created_at: created(json)?,
            live: flag(json, "livemode"),
        })
    }
}

impl FromStripe for InvoiceLine {
    fn read(json: &Value) -> Read<Self> {
        let parent = &json["parent"];
        let item = &parent["subscription_item_details"];
        let price = &json["pricing"]["price_details"];
        let corrects = [item, &parent["invoice_item_details"], json].into_iter().any(|place| flag(place, "proration"));
        Ok(Self {
            id: word(json, "id")?,
            amount: money(json, "amount", currency(json)?)?,
            description: maybe(json, "description"),
            quantity: number(json, "quantity"),
            period: period(&json["period"], "start", "end"),
            price: leads(price, "price").or_else(|| leads(json, "price")),
            item: leads(item, "subscription_item").or_else(|| leads(json, "subscription_item")),
            proration: corrects,
        })
    }
}

impl FromStripe for Refund {
    fn read(json: &Value) -> Read<Self> {
        Ok(Self {
            id: word(json, "id")?,
            status: maybe(json, "status"),
            amount: money(json, "amount", currency(json)?)?,
            reason: maybe(json, "reason"),
            charge: leads(json, "charge"),
            payment: leads(json, "payment_intent"),
            failure: maybe(json, "failure_reason"),
            metadata: labels(json),
            created_at: created(json)?,
        })
    }
}

impl FromStripe for Dispute {
    fn read(json: &Value) -> Read<Self> {
        Ok(Self {
            id: word(json, "id")?,
            status: word(json, "status")?,
            amount: money(json, "amount", currency(json)?)?,
            reason: word(json, "reason")?,
            charge: leads(json, "charge").ok_or(Missing("charge"))?,
            payment: leads(json, "payment_intent"),
            evidence_due: at(&json["evidence_details"], "due_by"),
            metadata: labels(json),
            created_at: created(json)?,
        })
    }
}

impl FromStripe for Meter {
    fn read(json: &Value) -> Read<Self> {
        Ok(Self {
            id: word(json, "id")?,
            name: word(json, "display_name")?,
            event: word(json, "event_name")?,
            aggregation: word(&json["default_aggregation"], "formula")?,
            active: text(json, "status") == Some("active"),
        })
    }
}

impl FromStripe for UsageSummary {
    fn read(json: &Value) -> Read<Self> {
        let value = json.get("aggregated_value").filter(|value| value.is_number()).ok_or(Missing("aggregated_value"))?;
        let value = value.to_string();
        Ok(Self {
            value: value.strip_suffix(".0").unwrap_or(&value).to_owned(),
            period: period(json, "start_time", "end_time").ok_or(Missing("end_time"))?,
        })
    }
}

impl FromStripe for Balance {
    fn read(json: &Value) -> Read<Self> {
        let sums = |field: &'static str| -> Read<Vec<Money>> {
            let all = json.get(field).and_then(Value::as_array).ok_or(Missing(field))?;
            all.iter().map(|sum| money(sum, "amount", currency(sum)?)).collect()
        };
        Ok(Self { available: sums("available")?, pending: sums("pending")? })
    }
}

/// The whole minute that an instant lies in.
pub(super) fn minute(at: Timestamp) -> Timestamp {
    let over = at.as_second().rem_euclid(60).unsigned_abs();
    second(before(at, std::time::Duration::from_secs(over)).as_second()).unwrap_or(at)
}
