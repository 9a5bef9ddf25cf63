//! Payment methods, setups, payments, refunds and disputes.

use serde_json::{Value, json};

use super::{
    Answer, Args, DAY, Refusal, Till,
    cards::{Behaviour, named},
    overwrite, shapes,
};

/// What a bank says to a charge.
enum Outcome {
    Paid,
    Confirm,
    Declined(Value),
}

/// A decline in Stripe's words.
fn decline(code: &str, bank: &str) -> Value {
    let message = match code {
        "expired_card" => "Your card has expired.",
        "incorrect_cvc" => "Your card's security code is incorrect.",
        "processing_error" => "An error occurred while processing your card. Try again in a little bit.",
        "authentication_required" => "This transaction requires authentication.",
        _ if bank == "insufficient_funds" => "Your card has insufficient funds.",
        _ => "Your card was declined.",
    };
    let mut error = json!({"type": "card_error", "code": code, "message": message});
    if !bank.is_empty() {
        error["decline_code"] = json!(bank);
    }
    error
}

impl Till<'_> {
    /// The id of a payment method; one of Stripe's test names makes a new one.
    pub(super) fn payment_method(&mut self, name: &str) -> Result<String, Refusal> {
        if let Some(card) = named(name) {
            let (id, now) = (self.new_id("pm"), self.now());
            self.keep("payment_method", shapes::payment_method(&id, now, card.brand, card.last4));
            self.shop.cards.insert(id.clone(), card.behaviour);
            return Ok(id);
        }
        self.named("payment_method", "payment_method", name)?;
        Ok(name.to_owned())
    }
    fn behaviour(&self, method: &str) -> Behaviour {
        self.shop.cards.get(method).copied().unwrap_or(Behaviour::Pays)
    }

    pub(super) fn attach(&mut self, args: &Args<'_>) -> Answer {
        let customer = args.need("customer")?.to_owned();
        self.named("customer", "customer", &customer)?;
        let id = self.payment_method(args.id)?;
        self.attach_to(&id, &customer)
    }
    /// Saves a payment method with a customer.
    pub(super) fn attach_to(&mut self, id: &str, customer: &str) -> Answer {
        let owner = self.find("payment_method", id)?["customer"].clone();
        if owner == customer {
            return self.find("payment_method", id);
        }
        if !owner.is_null() {
            let message = "The payment method you provided has already been attached to a customer.";
            return Err(Refusal::state("payment_method_unexpected_state", message));
        }
        if let Behaviour::Declines(code, bank) = self.behaviour(id) {
            return Err(Refusal { status: 402, error: decline(code, bank) });
        }
        let method = self.alter("payment_method", id, |method| method["customer"] = json!(customer));
        self.tell("payment_method.attached", &method);
        Ok(method)
    }
    pub(super) fn detach(&mut self, args: &Args<'_>) -> Answer {
        let method = self.find("payment_method", args.id)?;
        let Some(owner) = method["customer"].as_str().map(str::to_owned) else {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(Refusal::state("payment_method_unexpected_state", message));
        };
        let method = self.alter("payment_method", args.id, |method| method["customer"] = Value::Null);
        self.alter("customer", &owner, |customer| {
            let default = &mut customer["invoice_settings"]["default_payment_method"];
            if *default == args.id {
                *default = Value::Null;
            }
        });
        // It can never be used again.
        self.shop.cards.insert(args.id.to_owned(), Behaviour::Declines("card_declined", "generic_decline"));
        self.tell("payment_method.detached", &method);
        Ok(method)
    }

    pub(super) fn create_setup(&mut self, args: &Args<'_>) -> Answer {
        if let Some(customer) = args.text("customer") {
            self.named("customer", "customer", customer)?;
        }
        let method = args.text("payment_method").map(|name| self.payment_method(name)).transpose()?;
        let (id, now) = (self.new_id("seti"), self.now());
        let mut setup = shapes::setup_intent(&id, now);
        overwrite(&mut setup, &args.form, &["customer"]);
        setup["payment_method"] = json!(method);
        if method.is_some() {
            setup["status"] = json!("requires_confirmation");
        }
        self.keep("setup_intent", setup.clone());
        self.tell("setup_intent.created", &setup);
        if !args.flag("confirm") {
            return Ok(setup);
        }
        let Some(method) = method else {
            return Err(Refusal::param("payment_method", "parameter_missing", "confirm needs a payment_method."));
        };
        self.finish_setup(&id, &method)
    }
    /// Confirms a setup with that payment method.
    pub(super) fn finish_setup(&mut self, id: &str, method: &str) -> Answer {
        let customer = self.find("setup_intent", id)?["customer"].as_str().map(str::to_owned);
        let saved = match customer {
            Some(customer) => self.attach_to(method, &customer).map(drop),
            None => match self.behaviour(method) {
                Behaviour::Declines(code, bank) => Err(Refusal { status: 402, error: decline(code, bank) }),
                _ => Ok(()),
            },
        };
        if let Err(mut refusal) = saved {
            let setup = self.alter("setup_intent", id, |setup| {
                setup["status"] = json!("requires_payment_method");
                setup["payment_method"] = Value::Null;
                setup["last_setup_error"] = refusal.error.clone();
            });
            self.tell("setup_intent.setup_failed", &setup);
            refusal.error["setup_intent"] = setup;
            return Err(refusal);
        }
        let setup = self.alter("setup_intent", id, |setup| {
            setup["status"] = json!("succeeded");
            setup["payment_method"] = json!(method);
        });
        self.tell("setup_intent.succeeded", &setup);
        Ok(setup)
    }

    pub(super) fn create_payment(&mut self, args: &Args<'_>) -> Answer {
        let amount = args.number("amount")?.unwrap_or(0);
        args.need("amount")?;
        let currency = args.need("currency")?.to_owned();
        if amount < 1 {
            return Err(Refusal::param("amount", "parameter_invalid_integer", "This value must be greater than or equal to 1."));
        }
        if let Some(customer) = args.text("customer") {
            self.named("customer", "customer", customer)?;
        }
        let method = args.text("payment_method").map(|name| self.payment_method(name)).transpose()?;
        let (id, now) = (self.new_id("pi"), self.now());
        let mut payment = shapes::payment_intent(&id, now, amount, &currency);
        overwrite(&mut payment, &args.form, &["customer", "description", "capture_method"]);
        payment["automatic_payment_methods"] = json!({"enabled": true});
        payment["payment_method"] = json!(method);
        if method.is_some() {
            payment["status"] = json!("requires_confirmation");
        }
        self.keep("payment_intent", payment.clone());
        self.tell("payment_intent.created", &payment);
        if args.flag("confirm") { self.confirm(&id, args.flag("off_session")) } else { Ok(payment) }
    }
    pub(super) fn confirm_payment(&mut self, args: &Args<'_>) -> Answer {
        let payment = self.find("payment_intent", args.id)?;
        let status = payment["status"].as_str().unwrap_or_default();
        if !["requires_payment_method", "requires_confirmation", "requires_action"].contains(&status) {
            let message = format!("This PaymentIntent could not be confirmed because it has a status of {status}.");
            return Err(Refusal::state("payment_intent_unexpected_state", &message));
        }
        if let Some(name) = args.text("payment_method") {
            let method = self.payment_method(name)?;
            self.alter("payment_intent", args.id, |payment| payment["payment_method"] = json!(method));
        }
        self.confirm(args.id, args.flag("off_session"))
    }
    /// Charges a payment with the payment method it has.
    pub(super) fn confirm(&mut self, id: &str, off_session: bool) -> Answer {
        let payment = self.find("payment_intent", id)?;
        let Some(method) = payment["payment_method"].as_str() else {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment method.";
            return Err(Refusal::state("payment_intent_unexpected_state", message));
        };
        let owner = self.find("payment_method", method)?["customer"].clone();
        if !owner.is_null() && owner != payment["customer"] {
            let message = "The payment method belongs to another customer.";
            return Err(Refusal::state("payment_intent_unexpected_state", message));
        }
        let outcome = match self.behaviour(method) {
            Behaviour::Pays | Behaviour::Disputes => Outcome::Paid,
            Behaviour::Declines(code, bank) => Outcome::Declined(decline(code, bank)),
            Behaviour::DeclinesCharges => Outcome::Declined(decline("card_declined", "generic_decline")),
            Behaviour::Authenticates if off_session => Outcome::Declined(decline("authentication_required", "")),
            Behaviour::Authenticates => Outcome::Confirm,
        };
        match outcome {
            Outcome::Paid => self.paid(id),
            Outcome::Confirm => {
                let url = format!("https://hooks.stripe.com/redirect/authenticate/{id}");
                let payment = self.alter("payment_intent", id, |payment| {
                    payment["status"] = json!("requires_action");
                    payment["next_action"] =
                        json!({"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": null}});
                });
                self.tell("payment_intent.requires_action", &payment);
                Ok(payment)
            }
            Outcome::Declined(mut error) => {
                let charge_id = self.new_id("ch");
                let mut charge = shapes::charge(&charge_id, self.now(), &payment);
                charge["failure_code"] = error["code"].clone();
                charge["failure_message"] = error["message"].clone();
                self.keep("charge", charge.clone());
                self.tell("charge.failed", &charge);
                let method = self.find("payment_method", method)?;
                let payment = self.alter("payment_intent", id, |payment| {
                    payment["status"] = json!("requires_payment_method");
                    payment["payment_method"] = Value::Null;
                    payment["latest_charge"] = json!(charge_id);
                    payment["last_payment_error"] = error.clone();
                    payment["last_payment_error"]["payment_method"] = method;
                });
                self.tell("payment_intent.payment_failed", &payment);
                error["charge"] = json!(charge_id);
                error["payment_intent"] = payment;
                Err(Refusal { status: 402, error })
            }
        }
    }
    /// The bank pays: at once, or reserved when it is to be captured.
    fn paid(&mut self, id: &str) -> Answer {
        let payment = self.find("payment_intent", id)?;
        let (charge_id, now) = (self.new_id("ch"), self.now());
        let held = payment["capture_method"] == "manual";
        let mut charge = shapes::charge(&charge_id, now, &payment);
        charge["status"] = json!("succeeded");
        charge["paid"] = json!(true);
        charge["captured"] = json!(!held);
        charge["amount_captured"] = if held { json!(0) } else { payment["amount"].clone() };
        let who = payment["customer"].as_str().unwrap_or("guest").to_owned();
        *self.shop.charges.entry(who).or_default() += 1;
        self.keep("charge", charge.clone());
        let payment = self.alter("payment_intent", id, |payment| {
            payment["latest_charge"] = json!(charge_id);
            payment["next_action"] = Value::Null;
            payment["last_payment_error"] = Value::Null;
            let amount = payment["amount"].clone();
            let (status, field) =
                if held { ("requires_capture", "amount_capturable") } else { ("succeeded", "amount_received") };
            payment["status"] = json!(status);
            payment[field] = amount;
        });
        self.tell("charge.succeeded", &charge);
        self.tell(if held { "payment_intent.amount_capturable_updated" } else { "payment_intent.succeeded" }, &payment);
        let method = payment["payment_method"].as_str().unwrap_or_default();
        if self.behaviour(method) == Behaviour::Disputes {
            let dispute_id = self.new_id("dp");
            let dispute = shapes::dispute(&dispute_id, now, now + 7 * DAY, &charge);
            self.alter("charge", &charge_id, |charge| charge["disputed"] = json!(true));
            self.keep("dispute", dispute.clone());
            self.tell("charge.dispute.created", &dispute);
            self.tell("charge.dispute.funds_withdrawn", &dispute);
        }
        Ok(payment)
    }
    /// The payer confirms at the bank.
    pub(super) fn authenticate(&mut self, id: &str) -> Answer {
        let payment = self.find("payment_intent", id)?;
        if payment["status"] != "requires_action" {
            return Err(Refusal::state("payment_intent_unexpected_state", "Nothing waits for the payer."));
        }
        let paid = self.paid(id)?;
        if let Some(invoice) = payment["metadata"]["sandbox_invoice"].as_str() {
            self.invoice_paid(invoice, "");
        }
        Ok(paid)
    }
    pub(super) fn capture_payment(&mut self, args: &Args<'_>) -> Answer {
        let payment = self.find("payment_intent", args.id)?;
        let held = payment["amount_capturable"].as_i64().unwrap_or(0);
        if payment["status"] != "requires_capture" {
            let message = format!("This PaymentIntent could not be captured because it has a status of {}.", payment["status"]);
            return Err(Refusal::state("payment_intent_unexpected_state", &message));
        }
        let amount = args.number("amount_to_capture")?.unwrap_or(held);
        if !(1..=held).contains(&amount) {
            let message = "The amount to capture is more than can be captured.";
            return Err(Refusal::param("amount_to_capture", "amount_too_large", message));
        }
        let charge = payment["latest_charge"].as_str().unwrap_or_default();
        self.alter("charge", charge, |charge| {
            charge["captured"] = json!(true);
            charge["amount_captured"] = json!(amount);
        });
        let payment = self.alter("payment_intent", args.id, |payment| {
            payment["status"] = json!("succeeded");
            payment["amount_capturable"] = json!(0);
            payment["amount_received"] = json!(amount);
        });
        self.tell("payment_intent.succeeded", &payment);
        Ok(payment)
    }
    pub(super) fn cancel_payment(&mut self, args: &Args<'_>) -> Answer {
        let (payment, now) = (self.find("payment_intent", args.id)?, self.now());
        if payment["status"] == "succeeded" || payment["status"] == "canceled" {
            let message = format!("You cannot cancel this PaymentIntent because it has a status of {}.", payment["status"]);
            return Err(Refusal::state("payment_intent_unexpected_state", &message));
        }
        let payment = self.alter("payment_intent", args.id, |payment| {
            overwrite(payment, &args.form, &["cancellation_reason"]);
            payment["status"] = json!("canceled");
            payment["canceled_at"] = json!(now);
            payment["amount_capturable"] = json!(0);
        });
        self.tell("payment_intent.canceled", &payment);
        Ok(payment)
    }

    pub(super) fn create_refund(&mut self, args: &Args<'_>) -> Answer {
        let charge = match (args.text("charge"), args.text("payment_intent")) {
            (Some(charge), _) => charge.to_owned(),
            (None, Some(payment)) => {
                let payment = self.named("payment_intent", "payment_intent", payment)?;
                payment["latest_charge"].as_str().unwrap_or_default().to_owned()
            }
            (None, None) => return Err(Refusal::param("payment_intent", "parameter_missing", "Name what to refund.")),
        };
        let charge = self.named("charge", "charge", &charge)?;
        let number = |field: &str| charge[field].as_i64().unwrap_or(0);
        let left = number("amount_captured") - number("amount_refunded");
        if left <= 0 {
            let message = format!("Charge {} has already been refunded, or was never captured.", charge["id"]);
            return Err(Refusal::state("charge_already_refunded", &message));
        }
        let amount = args.number("amount")?.unwrap_or(left);
        if !(1..=left).contains(&amount) {
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(Refusal::param("amount", "amount_too_large", &message));
        }
        let (id, now) = (self.new_id("re"), self.now());
        let mut refund = shapes::refund(&id, now, amount, &charge);
        overwrite(&mut refund, &args.form, &["reason"]);
        self.keep("refund", refund.clone());
        let charge = self.alter("charge", charge["id"].as_str().unwrap_or_default(), |charge| {
            charge["amount_refunded"] = json!(number("amount_refunded") + amount);
            charge["refunded"] = json!(amount == left);
        });
        self.tell("charge.refunded", &charge);
        self.tell("refund.created", &refund);
        Ok(refund)
    }
}
