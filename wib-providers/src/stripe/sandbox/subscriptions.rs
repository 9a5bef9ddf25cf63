//! Subscriptions: their periods, changes and ends.

use serde_json::{Value, json};
use wib_core::kit::time::Timestamp;

use super::{
    Answer, Args, DAY, HOUR, Refusal, Till, overwrite,
    shapes::{self, Line},
};

/// The period that runs.
pub(super) fn period(subscription: &Value) -> (i64, i64) {
    let item = &subscription["items"]["data"][0];
    let at = |field: &str| item[field].as_i64().unwrap_or(0);
    (at("current_period_start"), at("current_period_end"))
}
fn items(subscription: &Value) -> Vec<Value> {
    subscription["items"]["data"].as_array().cloned().unwrap_or_default()
}
fn metered(item: &Value) -> bool {
    item["price"]["recurring"]["usage_type"] == "metered"
}
/// What one period of an item costs.
fn cost(item: &Value) -> i64 {
    super::usage::amount(&item["price"], &item["quantity"].to_string())
}
/// A part of an amount, rounded half away from zero.
fn part(amount: i64, left: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let product = i128::from(amount) * i128::from(left) * 2;
    let whole = i128::from(whole);
    i64::try_from((product + whole * product.signum()) / (whole * 2)).unwrap_or(0)
}
/// `anchor` and as many intervals as lead past `at`: the end of the period in which `at` lies.
fn end_after(anchor: i64, recurring: &Value, at: i64) -> i64 {
    let count = recurring["interval_count"].as_i64().unwrap_or(1).clamp(1, 1100);
    let Ok(start) = Timestamp::from_second(anchor) else { return at };
    let start = start.to_zoned(jiff::tz::TimeZone::UTC);
    let span = |times: i64| {
        let span = jiff::Span::new();
        match recurring["interval"].as_str() {
            Some("day") => span.try_days(times),
            Some("week") => span.try_weeks(times),
            Some("year") => span.try_years(times),
            _ => span.try_months(times),
        }
    };
    // From the anchor each time: the 31st of January is followed by the 28th of February and the 31st of March.
    let ends = (1..).map_while(|times| start.checked_add(span(times * count).ok()?).ok());
    ends.map(|end| end.timestamp().as_second()).find(|end| *end > at).unwrap_or(at)
}

impl Till<'_> {
    /// The end of the period that begins at `at`.
    pub(super) fn next_end(&self, subscription: &Value, at: i64) -> i64 {
        let anchor = subscription["billing_cycle_anchor"].as_i64().unwrap_or(at);
        end_after(anchor, &subscription["items"]["data"][0]["price"]["recurring"], at)
    }
    fn set_period(&mut self, id: &str, start: i64, end: i64) -> Value {
        let subscription = self.alter("subscription", id, |subscription| {
            for item in subscription["items"]["data"].as_array_mut().into_iter().flatten() {
                item["current_period_start"] = json!(start);
                item["current_period_end"] = json!(end);
            }
        });
        for item in items(&subscription) {
            self.keep("subscription_item", item);
        }
        self.plan(end, "renew", id);
        subscription
    }
    pub(super) fn set_status(&mut self, id: &str, status: &str) {
        if self.find("subscription", id).is_ok_and(|s| s["status"] != status && s["ended_at"].is_null()) {
            let subscription = self.alter("subscription", id, |subscription| subscription["status"] = json!(status));
            self.tell("customer.subscription.updated", &subscription);
        }
    }
    /// Lines for what is paid in advance.
    pub(super) fn licensed_lines(&mut self, subscription: &Value, period: (i64, i64)) -> Vec<Value> {
        let all = items(subscription).into_iter().filter(|item| !metered(item));
        all.map(|item| {
            let words = format!("{} × {}", item["quantity"], item["price"]["product"].as_str().unwrap_or("?"));
            let (amount, quantity) = (cost(&item), item["quantity"].as_i64());
            self.line(&Line { amount, words, quantity, period, item: &item, proration: false })
        })
        .collect()
    }
    pub(super) fn line(&mut self, line: &Line<'_>) -> Value {
        let id = self.new_id("il");
        shapes::line(&id, line)
    }
    fn new_item(&mut self, subscription: &str, form: &Value) -> Answer {
        let price = form["price"].as_str().unwrap_or_default().to_owned();
        let price = self.named("price", "items[0][price]", &price)?;
        if price["recurring"].is_null() {
            let message = "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.";
            return Err(Refusal::param("items[0][price]", "parameter_invalid", message));
        }
        let quantity = form["quantity"].as_str().map(str::parse::<i64>);
        let Ok(quantity) = quantity.transpose() else {
            return Err(Refusal::param("items[0][quantity]", "parameter_invalid_integer", "Invalid integer"));
        };
        let (id, now) = (self.new_id("si"), self.now());
        let mut item = shapes::item(&id, now, subscription, &price, quantity);
        overwrite(&mut item, form, &[]);
        Ok(item)
    }

    pub(super) fn create_subscription(&mut self, args: &Args<'_>) -> Answer {
        let customer = args.need("customer")?.to_owned();
        self.named("customer", "customer", &customer)?;
        let method = args.text("default_payment_method").map(str::to_owned);
        if let Some(method) = &method {
            let owner = self.named("payment_method", "default_payment_method", method)?["customer"].clone();
            if owner != customer {
                let message = "The customer does not have a payment method with that ID.";
                return Err(Refusal::param("default_payment_method", "resource_missing", message));
            }
        }
        let (id, now) = (self.new_id("sub"), self.now());
        let entries = args.entries("items");
        if entries.is_empty() || entries.len() > 20 {
            return Err(Refusal::param("items", "parameter_missing", "A subscription has 1 to 20 items."));
        }
        let made: Result<Vec<_>, _> = entries.iter().map(|entry| self.new_item(&id, entry)).collect();
        let made = made?;
        let interval = |item: &Value| (item["price"]["recurring"]["interval"].clone(), item["price"]["recurring"]["interval_count"].clone());
        if made.iter().any(|item| interval(item) != interval(&made[0])) {
            let message = "All prices on a subscription must have the same interval in this sandbox.";
            return Err(Refusal::param("items", "parameter_invalid", message));
        }
        let mut subscription = shapes::subscription(&id, now, &customer, &made[0]["price"]["currency"]);
        overwrite(&mut subscription, &args.form, &[]);
        subscription["default_payment_method"] = json!(method);
        subscription["items"]["data"] = json!(made);
        let behaviour = &args.form["trial_settings"]["end_behavior"]["missing_payment_method"];
        if behaviour.is_string() {
            subscription["trial_settings"]["end_behavior"]["missing_payment_method"] = behaviour.clone();
        }
        let trial = args.number("trial_period_days")?.unwrap_or(0);
        if !(0..=730).contains(&trial) {
            return Err(Refusal::param("trial_period_days", "parameter_invalid_integer", "A trial has up to 730 days."));
        }
        let later = args.form["payment_behavior"] == "default_incomplete";
        let demand = args.form["payment_behavior"] == "error_if_incomplete";
        let payable = made.iter().filter(|item| !metered(item)).any(|item| cost(item) > 0);
        if trial == 0 && payable && !later && self.payer(&subscription).is_none() {
            let message = "This customer has no attached payment source or default payment method.";
            return Err(Refusal::state("resource_missing", message));
        }
        self.alter("customer", &customer, |c| c["currency"] = subscription["currency"].clone());
        let end = if trial > 0 { now + trial * DAY } else { end_after(now, &made[0]["price"]["recurring"], now) };
        if trial > 0 {
            subscription["status"] = json!("trialing");
            subscription["trial_start"] = json!(now);
            subscription["trial_end"] = json!(end);
            subscription["billing_cycle_anchor"] = json!(end);
        }
        self.keep("subscription", subscription);
        let subscription = self.set_period(&id, now, end);
        let lines = if trial > 0 {
            self.plan((end - 3 * DAY).max(now), "trial_will_end", &id);
            let free = items(&subscription).into_iter().filter(|item| !metered(item));
            let free = free.map(|item| {
                let words = "Trial period".to_owned();
                self.line(&Line { amount: 0, words, quantity: item["quantity"].as_i64(), period: (now, end), item: &item, proration: false })
            });
            free.collect()
        } else {
            self.licensed_lines(&subscription, (now, end))
        };
        let invoice = self.draft(&subscription, "subscription_create", lines, (now, now));
        let invoice = invoice["id"].as_str().unwrap_or_default().to_owned();
        self.finalize(&invoice);
        let mut refused = None;
        if !later && self.find("invoice", &invoice)?["status"] == "open" {
            refused = self.collect(&invoice, None, true).err();
        }
        if let Some(refusal) = refused.filter(|_| demand) {
            self.void(&invoice);
            self.alter("subscription", &id, |subscription| {
                subscription["status"] = json!("incomplete_expired");
                subscription["ended_at"] = json!(now);
            });
            return Err(refusal);
        }
        let subscription = self.find("subscription", &id)?;
        if subscription["status"] == "incomplete" {
            self.plan(now + 23 * HOUR, "give_up", &id);
        }
        self.tell("customer.subscription.created", &subscription);
        Ok(subscription)
    }

    pub(super) fn subscriptions(&mut self, args: &Args<'_>) -> Answer {
        let [customer, price, status] = ["customer", "price", "status"].map(|field| args.form[field].clone());
        self.page("subscription", "/v1/subscriptions", args, |subscription| {
            let state = &subscription["status"];
            let shown = match status.as_str() {
                Some("all") => true,
                Some(status) => state == status,
                None => state != "canceled" && state != "incomplete_expired",
            };
            shown
                && (customer.is_null() || subscription["customer"] == customer)
                && (price.is_null() || items(subscription).iter().any(|item| item["price"]["id"] == price))
        })
    }

    /// Changes the items of a subscription; the lines that correct for the rest of the period.
    pub(super) fn change_items(&mut self, subscription: &mut Value, changes: &[Value]) -> Result<Vec<Value>, Refusal> {
        let (start, end) = period(subscription);
        let (now, trial) = (self.now(), subscription["status"] == "trialing");
        let id = subscription["id"].as_str().unwrap_or_default().to_owned();
        let (mut all, mut lines) = (items(subscription), Vec::new());
        for change in changes {
            let place = change["id"].as_str().map(|id| all.iter().position(|item| item["id"] == id));
            let (old, new) = match place {
                Some(None) => return Err(Refusal::missing(400, "subscription_item", change["id"].as_str().unwrap_or("?"))),
                Some(Some(place)) if change["deleted"] == "true" => (Some(all.remove(place)), None),
                Some(Some(place)) => {
                    let old = all[place].clone();
                    let mut form = change.clone();
                    for (field, kept) in [("price", &old["price"]["id"]), ("quantity", &old["quantity"])] {
                        if form[field].is_null() && !kept.is_null() {
                            form[field] = json!(kept.as_str().map_or_else(|| kept.to_string(), str::to_owned));
                        }
                    }
                    let mut new = self.new_item(&id, &form)?;
                    new["id"] = old["id"].clone();
                    new["created"] = old["created"].clone();
                    new["metadata"] = old["metadata"].clone();
                    overwrite(&mut new, change, &[]);
                    all[place] = new.clone();
                    (Some(old), Some(new))
                }
                None => {
                    let new = self.new_item(&id, change)?;
                    all.push(new.clone());
                    (None, Some(new))
                }
            };
            let same = old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| {
                old["price"]["id"] == new["price"]["id"] && old["quantity"] == new["quantity"]
            });
            for (item, sign, words) in [(old, -1, "Unused time"), (new, 1, "Remaining time")] {
                let Some(item) = item.filter(|item| !same && !trial && !metered(item)) else { continue };
                let amount = sign * part(cost(&item), end - now, end - start);
                let (words, quantity) = (format!("{words} on {}", item["price"]["id"].as_str().unwrap_or("?")), item["quantity"].as_i64());
                lines.push(self.line(&Line { amount, words, quantity, period: (now, end), item: &item, proration: true }));
            }
        }
        if all.is_empty() {
            return Err(Refusal::param("items", "parameter_invalid", "A subscription must have at least one item."));
        }
        for item in &mut all {
            item["current_period_start"] = json!(start);
            item["current_period_end"] = json!(end);
        }
        subscription["items"]["data"] = json!(all);
        Ok(lines)
    }
    /// Applies changes, and bills or keeps what they cost.
    fn apply(&mut self, id: &str, changes: &[Value], proration: &str) -> Result<(), Refusal> {
        let mut subscription = self.find("subscription", id)?;
        if !subscription["ended_at"].is_null() {
            return Err(Refusal::missing(404, "subscription", id));
        }
        let rhythm = |subscription: &Value| {
            let recurring = &subscription["items"]["data"][0]["price"]["recurring"];
            (recurring["interval"].clone(), recurring["interval_count"].clone())
        };
        let before = rhythm(&subscription);
        let mut lines = self.change_items(&mut subscription, changes)?;
        let anew = rhythm(&subscription) != before && subscription["status"] != "trialing";
        let left: Vec<_> = items(&subscription).iter().map(|item| item["id"].clone()).collect();
        let gone = |item: &&Value| item["subscription"] == id && !left.contains(&item["id"]);
        let gone: Vec<_> = self.shelf("subscription_item").newest().filter(gone).cloned().collect();
        for mut item in gone {
            item["deleted"] = json!(true);
            self.keep("subscription_item", item);
        }
        for item in items(&subscription) {
            self.keep("subscription_item", item);
        }
        let (now, mut about) = (self.now(), period(&subscription));
        if anew {
            // Another rhythm begins a new period, which is paid at once; of the old one the rest is credited.
            subscription["billing_cycle_anchor"] = json!(now);
            lines.retain(|line| line["amount"].as_i64().is_some_and(|amount| amount < 0) && proration != "none");
            about = (now, self.next_end(&subscription, now));
        } else if proration == "none" {
            lines.clear();
        }
        self.keep("subscription", subscription.clone());
        if anew {
            subscription = self.set_period(id, about.0, about.1);
            lines.extend(self.licensed_lines(&subscription, about));
        }
        if lines.is_empty() {
            return Ok(());
        }
        if !anew && proration != "always_invoice" {
            self.shop.waiting.entry(id.to_owned()).or_default().extend(lines);
            return Ok(());
        }
        let invoice = self.draft(&subscription, "subscription_update", lines, about);
        let invoice = invoice["id"].as_str().unwrap_or_default().to_owned();
        self.finalize(&invoice);
        if self.find("invoice", &invoice)?["status"] == "open" {
            // A decline leaves the change made and the subscription overdue.
            self.collect(&invoice, None, true).ok();
        }
        Ok(())
    }

    pub(super) fn update_subscription(&mut self, args: &Args<'_>) -> Answer {
        let subscription = self.find("subscription", args.id)?;
        if !subscription["ended_at"].is_null() {
            return Err(Refusal::missing(404, "subscription", args.id));
        }
        if let Some(method) = args.text("default_payment_method") {
            self.named("payment_method", "default_payment_method", method)?;
        }
        let now = self.now();
        let changes = args.entries("items");
        if !changes.is_empty() {
            self.apply(args.id, &changes, args.text("proration_behavior").unwrap_or("create_prorations"))?;
        }
        let (_, end) = period(&self.find("subscription", args.id)?);
        self.alter("subscription", args.id, |subscription| {
            overwrite(subscription, &args.form, &["default_payment_method"]);
            match args.form["cancel_at_period_end"].as_str() {
                Some("true") => {
                    subscription["cancel_at_period_end"] = json!(true);
                    subscription["cancel_at"] = json!(end);
                    subscription["canceled_at"] = json!(now);
                    subscription["cancellation_details"]["reason"] = json!("cancellation_requested");
                }
                Some(_) => {
                    subscription["cancel_at_period_end"] = json!(false);
                    subscription["cancel_at"] = Value::Null;
                    subscription["canceled_at"] = Value::Null;
                    subscription["cancellation_details"]["reason"] = Value::Null;
                }
                None => {}
            }
        });
        if args.form["trial_end"] == "now" && subscription["status"] == "trialing" {
            self.alter("subscription", args.id, |subscription| {
                subscription["trial_end"] = json!(now);
                subscription["billing_cycle_anchor"] = json!(now);
            });
            self.begin_period(args.id, now, true);
        }
        let subscription = self.find("subscription", args.id)?;
        self.tell("customer.subscription.updated", &subscription);
        Ok(subscription)
    }
    pub(super) fn cancel_subscription(&mut self, args: &Args<'_>) -> Answer {
        let subscription = self.find("subscription", args.id)?;
        if !subscription["ended_at"].is_null() {
            return Err(Refusal::missing(404, "subscription", args.id));
        }
        if args.flag("prorate") && subscription["status"] == "active" {
            let ((start, end), now) = (period(&subscription), self.now());
            for item in items(&subscription).iter().filter(|item| !metered(item)) {
                let amount = -part(cost(item), end - now, end - start);
                let line = Line { amount, words: "Unused time".to_owned(), quantity: None, period: (now, end), item, proration: true };
                let line = self.line(&line);
                self.shop.waiting.entry(args.id.to_owned()).or_default().push(line);
            }
        }
        if args.flag("invoice_now") {
            self.last_invoice(&subscription);
        }
        self.end_subscription(args.id, "cancellation_requested");
        self.find("subscription", args.id)
    }
    /// Bills what was used, and what waits.
    fn last_invoice(&mut self, subscription: &Value) {
        let id = subscription["id"].as_str().unwrap_or_default();
        let (start, now) = (period(subscription).0, self.now());
        let mut lines = self.shop.waiting.remove(id).unwrap_or_default();
        lines.extend(self.metered_lines(subscription, (start, now)));
        if lines.is_empty() {
            return;
        }
        let invoice = self.draft(subscription, "subscription_cycle", lines, (start, now));
        let invoice = invoice["id"].as_str().unwrap_or_default().to_owned();
        self.plan(now + HOUR, "finalize", &invoice);
    }
    pub(super) fn end_subscription(&mut self, id: &str, reason: &str) {
        if !self.find("subscription", id).is_ok_and(|subscription| subscription["ended_at"].is_null()) {
            return;
        }
        let now = self.now();
        self.shop.waiting.remove(id);
        let subscription = self.alter("subscription", id, |subscription| {
            subscription["status"] = json!("canceled");
            subscription["ended_at"] = json!(now);
            if subscription["canceled_at"].is_null() {
                subscription["canceled_at"] = json!(now);
            }
            subscription["cancellation_details"]["reason"] = json!(reason);
        });
        self.tell("customer.subscription.deleted", &subscription);
    }
    pub(super) fn resume_subscription(&mut self, args: &Args<'_>) -> Answer {
        let subscription = self.find("subscription", args.id)?;
        if subscription["status"] != "paused" {
            let message = "Only a subscription that is paused can be resumed.";
            return Err(Refusal::state("subscription_not_paused", message));
        }
        let now = self.now();
        self.alter("subscription", args.id, |subscription| {
            subscription["status"] = json!("active");
            subscription["billing_cycle_anchor"] = json!(now);
        });
        self.begin_period(args.id, now, true);
        let subscription = self.find("subscription", args.id)?;
        self.tell("customer.subscription.resumed", &subscription);
        Ok(subscription)
    }

    /// The period is over.
    pub(super) fn renew(&mut self, id: &str, at: i64) {
        let Ok(subscription) = self.find("subscription", id) else { return };
        let status = subscription["status"].as_str().unwrap_or_default();
        // A step of a period that was replaced, or of a subscription that is not running.
        if period(&subscription).1 != at || !["active", "trialing", "past_due"].contains(&status) {
            return;
        }
        if subscription["cancel_at_period_end"] == true {
            self.last_invoice(&subscription);
            self.end_subscription(id, "cancellation_requested");
            return;
        }
        let pauses = subscription["trial_settings"]["end_behavior"]["missing_payment_method"] == "pause";
        if status == "trialing" && pauses && self.payer(&subscription).is_none() {
            let subscription = self.alter("subscription", id, |subscription| subscription["status"] = json!("paused"));
            self.tell("customer.subscription.paused", &subscription);
            return;
        }
        self.begin_period(id, at, false);
        if let Ok(subscription) = self.find("subscription", id) {
            self.tell("customer.subscription.updated", &subscription);
        }
    }
    /// A period begins, with its invoice: charged at once, or a draft for an hour.
    fn begin_period(&mut self, id: &str, at: i64, at_once: bool) {
        let Ok(old) = self.find("subscription", id) else { return };
        let used = self.metered_lines(&old, period(&old));
        let subscription = self.alter("subscription", id, |subscription| {
            if subscription["status"] == "trialing" {
                subscription["status"] = json!("active");
            }
        });
        let end = self.next_end(&subscription, at);
        let subscription = self.set_period(id, at, end);
        let mut lines = self.shop.waiting.remove(id).unwrap_or_default();
        lines.extend(used);
        lines.extend(self.licensed_lines(&subscription, (at, end)));
        let invoice = self.draft(&subscription, "subscription_cycle", lines, (period(&old).0, at));
        let invoice = invoice["id"].as_str().unwrap_or_default().to_owned();
        if at_once {
            self.advance_invoice(&invoice);
        } else {
            self.plan(self.now() + HOUR, "finalize", &invoice);
        }
    }
    pub(super) fn trial_will_end(&mut self, id: &str) {
        if let Ok(subscription) = self.find("subscription", id)
            && subscription["status"] == "trialing"
        {
            self.tell("customer.subscription.trial_will_end", &subscription);
        }
    }
    /// A first invoice that was not paid in 23 hours.
    pub(super) fn give_up_first(&mut self, id: &str) {
        let Ok(subscription) = self.find("subscription", id) else { return };
        if subscription["status"] != "incomplete" {
            return;
        }
        let now = self.now();
        self.void(subscription["latest_invoice"].as_str().unwrap_or_default());
        let subscription = self.alter("subscription", id, |subscription| {
            subscription["status"] = json!("incomplete_expired");
            subscription["ended_at"] = json!(now);
        });
        self.tell("customer.subscription.updated", &subscription);
    }

    pub(super) fn subscription_items(&mut self, args: &Args<'_>) -> Answer {
        let subscription = args.need("subscription")?.to_owned();
        self.named("subscription", "subscription", &subscription)?;
        let wanted = |item: &Value| item["subscription"] == *subscription && item["deleted"] != true;
        self.page("subscription_item", "/v1/subscription_items", args, wanted)
    }
    pub(super) fn add_item(&mut self, args: &Args<'_>) -> Answer {
        let subscription = args.need("subscription")?.to_owned();
        args.need("price")?;
        self.change_one(&subscription, &args.form, args)?;
        let all = items(&self.find("subscription", &subscription)?);
        Ok(all.last().cloned().unwrap_or_default())
    }
    pub(super) fn update_item(&mut self, args: &Args<'_>) -> Answer {
        let subscription = self.owner(args.id)?;
        let mut change = args.form.clone();
        change["id"] = json!(args.id);
        self.change_one(&subscription, &change, args)?;
        self.find("subscription_item", args.id)
    }
    pub(super) fn remove_item(&mut self, args: &Args<'_>) -> Answer {
        let subscription = self.owner(args.id)?;
        self.change_one(&subscription, &json!({"id": args.id, "deleted": "true"}), args)?;
        Ok(json!({"id": args.id, "object": "subscription_item", "deleted": true}))
    }
    fn owner(&mut self, item: &str) -> Result<String, Refusal> {
        let item = self.find("subscription_item", item).ok().filter(|item| item["deleted"] != true);
        let owner = item.as_ref().and_then(|item| item["subscription"].as_str()).map(str::to_owned);
        owner.ok_or_else(|| Refusal::missing(404, "subscription_item", "?"))
    }
    fn change_one(&mut self, subscription: &str, change: &Value, args: &Args<'_>) -> Result<(), Refusal> {
        let proration = args.text("proration_behavior").unwrap_or("create_prorations");
        self.apply(subscription, std::slice::from_ref(change), proration)?;
        let changed = self.find("subscription", subscription)?;
        self.tell("customer.subscription.updated", &changed);
        Ok(())
    }
}

#[test]
fn months_keep_the_day_of_their_anchor() {
    let at = |text: &str| text.parse::<Timestamp>().map(Timestamp::as_second).unwrap_or_default();
    let (anchor, monthly) = (at("2026-01-31T10:00:00Z"), json!({"interval": "month", "interval_count": 1}));
    let mut ends = vec![anchor];
    for _ in 0..3 {
        ends.push(end_after(anchor, &monthly, ends[ends.len() - 1]));
    }
    assert_eq!(ends[1..], [at("2026-02-28T10:00:00Z"), at("2026-03-31T10:00:00Z"), at("2026-04-30T10:00:00Z")]);
    assert_eq!((part(1000, 1, 3), part(1001, 1, 2), part(-1001, 1, 2), part(5, 1, 0)), (333, 501, -501, 0));
}
