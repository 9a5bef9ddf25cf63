//! Invoices: drafts, charges, and what becomes of a subscription whose invoice is not paid.

use serde_json::{Value, json};

use super::{Answer, Args, DAY, HOUR, Refusal, Till, entries, shapes};

/// Days after which a declined invoice is tried again.
const RETRIES: [i64; 3] = [3, 5, 7];

impl Till<'_> {
    /// Makes a draft of those lines.
    pub(super) fn draft(&mut self, subscription: &Value, reason: &str, lines: Vec<Value>, period: (i64, i64)) -> Value {
        let id = self.new_id("in");
        let invoice = self.bill(&id, subscription, reason, lines, period);
        self.keep("invoice", invoice.clone());
        self.alter("subscription", subscription["id"].as_str().unwrap_or_default(), |s| s["latest_invoice"] = json!(id));
        self.tell("invoice.created", &invoice);
        invoice
    }
    /// An invoice of those lines, which nobody keeps yet.
    fn bill(&mut self, id: &str, subscription: &Value, reason: &str, mut lines: Vec<Value>, period: (i64, i64)) -> Value {
        let now = self.now();
        let customer = self.shelf("customer").get(subscription["customer"].as_str().unwrap_or_default()).cloned();
        let mut invoice = shapes::invoice(id, now, &customer.unwrap_or_default(), &subscription["currency"]);
        for line in &mut lines {
            line["invoice"] = json!(id);
        }
        let total: i64 = lines.iter().filter_map(|line| line["amount"].as_i64()).sum();
        let due = total.max(0);
        invoice["lines"]["data"] = json!(lines);
        for (field, amount) in [("subtotal", total), ("subtotal_excluding_tax", total), ("total", total)] {
            invoice[field] = json!(amount);
        }
        invoice["total_excluding_tax"] = json!(total);
        invoice["amount_due"] = json!(due);
        invoice["amount_remaining"] = json!(due);
        invoice["billing_reason"] = json!(reason);
        invoice["period_start"] = json!(period.0);
        invoice["period_end"] = json!(period.1);
        invoice["parent"] = json!({
            "quote_details": null,
            "subscription_details": {"metadata": subscription["metadata"], "subscription": subscription["id"]},
            "type": "subscription_details",
        });
        invoice
    }
    /// A draft becomes definite; one of nothing is paid by that.
    pub(super) fn finalize(&mut self, id: &str) {
        let (now, number) = (self.now(), self.shelf("invoice").len());
        let invoice = self.alter("invoice", id, |invoice| {
            invoice["status"] = json!("open");
            invoice["number"] = json!(format!("SBX-{number:04}"));
            invoice["effective_at"] = json!(now);
            invoice["status_transitions"]["finalized_at"] = json!(now);
            invoice["hosted_invoice_url"] = json!(format!("https://invoice.stripe.com/i/{id}"));
            invoice["invoice_pdf"] = json!(format!("https://pay.stripe.com/invoice/{id}/pdf"));
        });
        self.tell("invoice.finalized", &invoice);
        if invoice["amount_due"] == 0 {
            self.invoice_paid(id, "");
        }
    }
    /// An hour after a renewal: the draft becomes definite and is charged.
    pub(super) fn advance_invoice(&mut self, id: &str) {
        if self.find("invoice", id).is_ok_and(|invoice| invoice["status"] == "draft") {
            self.finalize(id);
            self.collect_off_session(id);
        }
    }
    /// Another try of a declined invoice, unless it was paid or another try was planned meanwhile.
    pub(super) fn retry_invoice(&mut self, id: &str, at: i64) {
        if self.find("invoice", id).is_ok_and(|invoice| invoice["next_payment_attempt"] == at) {
            self.collect_off_session(id);
        }
    }
    /// Charges an open invoice by itself; what that comes to is told by events.
    fn collect_off_session(&mut self, id: &str) {
        if self.find("invoice", id).is_ok_and(|invoice| invoice["status"] == "open") {
            self.collect(id, None, true).ok();
        }
    }
    /// What an invoice is paid with.
    pub(super) fn payer(&mut self, subscription: &Value) -> Option<String> {
        let own = subscription["default_payment_method"].as_str().map(str::to_owned);
        own.or_else(|| {
            let customer = self.shelf("customer").get(subscription["customer"].as_str()?)?;
            Some(customer["invoice_settings"]["default_payment_method"].as_str()?.to_owned())
        })
    }
    /// Charges an open invoice.
    pub(super) fn collect(&mut self, id: &str, with: Option<String>, off_session: bool) -> Answer {
        let invoice = self.find("invoice", id)?;
        let subscription_id = subscription_of(&invoice).to_owned();
        let subscription = self.shelf("subscription").get(&subscription_id).cloned().unwrap_or_default();
        let attempts = invoice["attempt_count"].as_i64().unwrap_or(0) + 1;
        self.alter("invoice", id, |invoice| {
            invoice["attempt_count"] = json!(attempts);
            invoice["attempted"] = json!(true);
            invoice["next_payment_attempt"] = Value::Null;
        });
        let outcome = match with.or_else(|| self.payer(&subscription)) {
            Some(method) => {
                let (payment, now) = (self.new_id("pi"), self.now());
                let amount = invoice["amount_remaining"].as_i64().unwrap_or(0);
                let mut intent =
                    shapes::payment_intent(&payment, now, amount, invoice["currency"].as_str().unwrap_or("usd"));
                intent["customer"] = invoice["customer"].clone();
                intent["payment_method"] = json!(method);
                intent["metadata"] = json!({"sandbox_invoice": id});
                self.keep("payment_intent", intent);
                self.confirm(&payment, off_session)
            }
            None => {
                let message = "This customer has no attached payment source or default payment method.";
                Err(Refusal::new(402, "card_error", Some("missing"), message))
            }
        };
        match outcome {
            Ok(payment) if payment["status"] == "succeeded" => {
                self.invoice_paid(id, payment["id"].as_str().unwrap_or_default());
                self.find("invoice", id)
            }
            Ok(_) => {
                let invoice = self.find("invoice", id)?;
                self.tell("invoice.payment_action_required", &invoice);
                let message = "This transaction requires authentication.";
                Err(Refusal::new(402, "card_error", Some("authentication_required"), message))
            }
            Err(refusal) => {
                self.invoice_failed(id, &subscription, attempts);
                Err(refusal)
            }
        }
    }
    fn invoice_failed(&mut self, id: &str, subscription: &Value, attempts: i64) {
        // A first invoice is the payer's to pay; later ones are tried again.
        let first = subscription["status"] == "incomplete";
        let wait = usize::try_from(attempts - 1).ok().and_then(|at| RETRIES.get(at)).filter(|_| !first);
        let next = wait.map(|days| self.now() + days * DAY);
        let invoice = self.alter("invoice", id, |invoice| invoice["next_payment_attempt"] = json!(next));
        self.tell("invoice.payment_failed", &invoice);
        let subscription_id = subscription["id"].as_str().unwrap_or_default();
        match next {
            Some(at) => {
                self.plan(at, "collect", id);
                self.set_status(subscription_id, "past_due");
            }
            None if first => {}
            None => self.end_subscription(subscription_id, "payment_failed"),
        }
    }
    /// An invoice was paid, and its subscription stands well again.
    pub(super) fn invoice_paid(&mut self, id: &str, payment: &str) {
        let now = self.now();
        let invoice = self.alter("invoice", id, |invoice| {
            invoice["status"] = json!("paid");
            invoice["amount_paid"] = invoice["amount_due"].clone();
            invoice["amount_remaining"] = json!(0);
            invoice["attempted"] = json!(true);
            invoice["next_payment_attempt"] = Value::Null;
            invoice["status_transitions"]["paid_at"] = json!(now);
        });
        if !payment.is_empty() {
            self.alter("payment_intent", payment, |intent| intent["description"] = json!(format!("Invoice {id}")));
        }
        self.tell("invoice.paid", &invoice);
        self.tell("invoice.payment_succeeded", &invoice);
        let subscription = subscription_of(&invoice).to_owned();
        let waits = self.find("subscription", &subscription).is_ok_and(|s| s["status"] == "incomplete" || s["status"] == "past_due");
        if waits {
            self.set_status(&subscription, "active");
        }
    }

    pub(super) fn invoices(&mut self, args: &Args<'_>) -> Answer {
        let [customer, subscription, status] = ["customer", "subscription", "status"].map(|f| args.form[f].clone());
        self.page("invoice", "/v1/invoices", args, |invoice| {
            (customer.is_null() || invoice["customer"] == customer)
                && (subscription.is_null() || subscription_of(invoice) == subscription)
                && (status.is_null() || invoice["status"] == status)
        })
    }
    /// The invoice in that state, or a refusal.
    fn invoice_in(&mut self, id: &str, state: &str, act: &str) -> Answer {
        let invoice = self.find("invoice", id)?;
        if invoice["status"] == state {
            return Ok(invoice);
        }
        let code = if invoice["status"] == "paid" { "invoice_already_paid" } else { "invoice_not_editable" };
        let message = format!("You can only {act} an invoice that is {state}; this one is {}.", invoice["status"]);
        Err(Refusal::state(code, &message))
    }
    pub(super) fn finalize_invoice(&mut self, args: &Args<'_>) -> Answer {
        self.invoice_in(args.id, "draft", "finalize")?;
        self.finalize(args.id);
        let at = self.now() + HOUR;
        if self.find("invoice", args.id)?["status"] == "open" {
            // Definite by hand, it is charged within the hour.
            self.alter("invoice", args.id, |invoice| invoice["next_payment_attempt"] = json!(at));
            self.plan(at, "collect", args.id);
        }
        self.find("invoice", args.id)
    }
    pub(super) fn pay_invoice(&mut self, args: &Args<'_>) -> Answer {
        if self.find("invoice", args.id)?["status"] == "draft" {
            self.finalize(args.id);
        }
        self.invoice_in(args.id, "open", "pay")?;
        let with = args.text("payment_method").map(|name| self.payment_method(name)).transpose()?;
        self.collect(args.id, with, args.flag("off_session"))
    }
    pub(super) fn void_invoice(&mut self, args: &Args<'_>) -> Answer {
        self.invoice_in(args.id, "open", "void")?;
        Ok(self.void(args.id))
    }
    pub(super) fn void(&mut self, id: &str) -> Value {
        let now = self.now();
        let invoice = self.alter("invoice", id, |invoice| {
            invoice["status"] = json!("void");
            invoice["next_payment_attempt"] = Value::Null;
            invoice["status_transitions"]["voided_at"] = json!(now);
        });
        self.tell("invoice.voided", &invoice);
        invoice
    }
    pub(super) fn preview_invoice(&mut self, args: &Args<'_>) -> Answer {
        let subscription_id = args.need("subscription")?.to_owned();
        let mut subscription = self.named("subscription", "subscription", &subscription_id)?;
        let changes = entries(&args.form["subscription_details"]["items"]);
        let changed = self.change_items(&mut subscription, &changes)?;
        let mut lines = self.shop.waiting.get(&subscription_id).cloned().unwrap_or_default();
        lines.extend(changed);
        let (start, end) = super::subscriptions::period(&subscription);
        let next = self.next_end(&subscription, end);
        lines.extend(self.metered_lines(&subscription, (start, end)));
        lines.extend(self.licensed_lines(&subscription, (end, next)));
        let id = self.new_id("upcoming_in");
        Ok(self.bill(&id, &subscription, "upcoming", lines, (start, end)))
    }
}

/// The subscription that an invoice is about.
pub(super) fn subscription_of(invoice: &Value) -> &str {
    invoice["parent"]["subscription_details"]["subscription"].as_str().unwrap_or_default()
}
