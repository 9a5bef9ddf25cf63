//! Meters: what customers used, and what it costs.

use serde_json::{Value, json};

use super::{Answer, Args, DAY, Refusal, Till, shapes, shapes::Line};
use crate::sandbox::world::KEPT;

/// One event of a meter.
#[derive(Debug)]
pub(super) struct Used {
    told: i64,
    event: String,
    customer: String,
    identifier: String,
    at: i64,
    /// In millionths.
    value: i128,
}

/// Decimal text as an integer of that many digits behind the point; further digits are cut off.
fn scaled(text: &str, digits: usize) -> Option<i128> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || !numeric(whole) || !numeric(part) {
        return None;
    }
    let part = &part[..part.len().min(digits)];
    format!("{whole}{part:0<digits$}").parse::<i128>().ok().map(|number| sign * number)
}

/// What a quantity costs at a price, in the smallest unit, rounded half up.
pub(super) fn amount(price: &Value, quantity: &str) -> i64 {
    let one = price["unit_amount_decimal"].as_str().and_then(|text| scaled(text, 12)).unwrap_or(0);
    let quantity = scaled(quantity, 6).unwrap_or(0);
    let scale = 10i128.pow(18);
    let product = one.saturating_mul(quantity);
    i64::try_from((product + scale / 2).div_euclid(scale)).unwrap_or(i64::MAX)
}

/// Millionths as decimal text.
fn decimal(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, part) = (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    let part = format!("{part:06}");
    let part = part.trim_end_matches('0');
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

impl Till<'_> {
    pub(super) fn create_meter(&mut self, args: &Args<'_>) -> Answer {
        let event = args.need("event_name")?.to_owned();
        args.need("display_name")?;
        let formula = args.form["default_aggregation"]["formula"].as_str().unwrap_or_default();
        if !["sum", "count", "last"].contains(&formula) {
            let message = "Invalid default_aggregation[formula]: must be one of count, last, or sum";
            return Err(Refusal::param("default_aggregation[formula]", "parameter_invalid", message));
        }
        if self.shelf("billing.meter").newest().any(|meter| meter["event_name"] == event) {
            let message = "An active meter with this event name exists already.";
            return Err(Refusal::param("event_name", "resource_already_exists", message));
        }
        let (id, now) = (self.new_id("mtr"), self.now());
        let meter = shapes::meter(&id, now, &args.form);
        self.keep("billing.meter", meter.clone());
        Ok(meter)
    }
    pub(super) fn record_usage(&mut self, args: &Args<'_>) -> Answer {
        let (event, now) = (args.need("event_name")?.to_owned(), self.now());
        let payload = |field: &str| args.form["payload"][field].as_str().unwrap_or_default().to_owned();
        let (customer, value) = (payload("stripe_customer_id"), payload("value"));
        if !self.shelf("billing.meter").newest().any(|meter| meter["event_name"] == event) {
            let message = format!("No active meter found for event name: {event}.");
            return Err(Refusal::param("event_name", "resource_missing", &message));
        }
        self.named("customer", "payload[stripe_customer_id]", &customer)?;
        let Some(millionths) = scaled(&value, 6) else {
            return Err(Refusal::param("payload[value]", "parameter_invalid", "The value must be a number."));
        };
        let at = args.number("timestamp")?.unwrap_or(now);
        if at < now - 35 * DAY || at > now + 300 {
            let message = "The timestamp must be within the past 35 calendar days or up to 5 minutes in the future.";
            return Err(Refusal::param("timestamp", "timestamp_too_far", message));
        }
        let identifier = match args.text("identifier") {
            Some(identifier) => identifier.to_owned(),
            None => self.new_id("mevt"),
        };
        if self.shop.used.iter().any(|used| used.identifier == identifier && used.told > now - DAY) {
            let message = format!("An event already exists with identifier {identifier}.");
            return Err(Refusal::param("identifier", "resource_already_exists", &message));
        }
        let answer = json!({
            "object": "billing.meter_event", "created": now, "event_name": event, "identifier": identifier,
            "livemode": false, "payload": args.form["payload"], "timestamp": at,
        });
        if self.shop.used.len() >= KEPT {
            self.shop.used.remove(0);
        }
        self.shop.used.push(Used { told: now, event, customer, identifier, at, value: millionths });
        Ok(answer)
    }
    /// What a customer used of a meter from `start` up to `end`, in millionths; `None` when nothing.
    fn used(&mut self, meter: &str, customer: &str, (start, end): (i64, i64)) -> Option<i128> {
        let meter = self.find("billing.meter", meter).ok()?;
        let event = meter["event_name"].as_str()?;
        let fits = |used: &&Used| used.event == event && used.customer == customer && (start..end).contains(&used.at);
        let mut all = self.shop.used.iter().filter(fits).peekable();
        all.peek()?;
        Some(match meter["default_aggregation"]["formula"].as_str() {
            Some("count") => all.count() as i128 * 1_000_000,
            Some("last") => all.max_by_key(|used| used.at).map_or(0, |used| used.value),
            _ => all.map(|used| used.value).sum(),
        })
    }
    /// Lines for what meters added up in a period.
    pub(super) fn metered_lines(&mut self, subscription: &Value, period: (i64, i64)) -> Vec<Value> {
        let customer = subscription["customer"].as_str().unwrap_or_default().to_owned();
        let items = subscription["items"]["data"].as_array().cloned().unwrap_or_default();
        let mut lines = Vec::new();
        for item in &items {
            let Some(meter) = item["price"]["recurring"]["meter"].as_str() else { continue };
            let quantity = decimal(self.used(meter, &customer, period).unwrap_or(0));
            let words = format!("{quantity} × {}", item["price"]["product"].as_str().unwrap_or("?"));
            let amount = amount(&item["price"], &quantity);
            lines.push(self.line(&Line { amount, words, quantity: quantity.parse().ok(), period, item, proration: false }));
        }
        lines
    }
    pub(super) fn usage(&mut self, args: &Args<'_>) -> Answer {
        self.find("billing.meter", args.id)?;
        let customer = args.need("customer")?.to_owned();
        let bound = |field| args.number(field)?.ok_or_else(|| Refusal::param(field, "parameter_missing", "Missing."));
        let (start, end) = (bound("start_time")?, bound("end_time")?);
        if start % 60 != 0 || end % 60 != 0 || end <= start {
            let message = "start_time and end_time must be whole minutes, in order.";
            return Err(Refusal::param("start_time", "parameter_invalid", message));
        }
        let used = self.used(args.id, &customer, (start, end));
        let data = used.and_then(|used| decimal(used).parse::<serde_json::Number>().ok()).map(|value| {
            json!({
                "id": format!("mtrusg_{start}"), "object": "billing.meter_event_summary", "aggregated_value": value,
                "end_time": end, "livemode": false, "meter": args.id, "start_time": start,
            })
        });
        let url = format!("/v1/billing/meters/{}/event_summaries", args.id);
        Ok(json!({"object": "list", "url": url, "has_more": false, "data": data.into_iter().collect::<Vec<_>>()}))
    }
}

#[test]
fn parts_of_a_cent_add_up_before_they_are_rounded() {
    let price = json!({"unit_amount_decimal": "0.45"});
    let costs = ["1", "2", "100", "1.5", "-3", "nothing"].map(|quantity| amount(&price, quantity));
    assert_eq!(costs, [0, 1, 45, 1, -1, 0]);
    assert_eq!([0, 1_500_000, -250_000].map(decimal), ["0", "1.5", "-0.25"]);
}
