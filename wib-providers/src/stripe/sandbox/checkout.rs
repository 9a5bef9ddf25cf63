//! Pages: checkout and portal. A control does what the payer does on them.

use serde_json::{Value, json};

use super::{Answer, Args, Refusal, Till, overwrite, shapes};

impl Till<'_> {
    pub(super) fn create_checkout(&mut self, args: &Args<'_>) -> Answer {
        let mode = args.need("mode")?.to_owned();
        args.need("success_url")?;
        if let Some(customer) = args.text("customer") {
            self.named("customer", "customer", customer)?;
        }
        let lines = args.entries("line_items");
        match mode.as_str() {
            "payment" | "subscription" if lines.is_empty() => {
                return Err(Refusal::param("line_items", "parameter_missing", "Missing required param: line_items."));
            }
            "setup" if args.text("customer").is_none() && args.text("currency").is_none() => {
                return Err(Refusal::param("currency", "parameter_missing", "Missing required param: currency."));
            }
            "payment" | "subscription" | "setup" => {}
            _ => return Err(Refusal::param("mode", "parameter_invalid", "Invalid mode")),
        }
        let (id, now) = (self.new_id("cs_test"), self.now());
        let mut session = shapes::checkout(&id, now, &args.form);
        overwrite(&mut session, &args.form, &[]);
        let (mut total, mut recurs) = (0, false);
        for line in &lines {
            let price = self.named("price", "line_items[0][price]", line["price"].as_str().unwrap_or_default())?;
            recurs |= !price["recurring"].is_null();
            if price["recurring"]["usage_type"] != "metered" {
                total += super::usage::amount(&price, line["quantity"].as_str().unwrap_or("1"));
            }
            session["currency"] = price["currency"].clone();
        }
        if recurs != (mode == "subscription") {
            let message = "The prices do not fit the mode: a subscription takes recurring prices, a payment none.";
            return Err(Refusal::param("line_items", "parameter_invalid", message));
        }
        if mode != "setup" {
            session["amount_subtotal"] = json!(total);
            session["amount_total"] = json!(total);
        } else {
            session["payment_status"] = json!("no_payment_required");
        }
        self.keep("checkout.session", session.clone());
        self.keep("checkout.order", json!({"id": id, "form": args.form}));
        self.plan(now + super::DAY, "expire", &id);
        Ok(session)
    }
    pub(super) fn expire_checkout(&mut self, args: &Args<'_>) -> Answer {
        let session = self.open_checkout(args.id)?;
        self.expire_checkout_at(args.id);
        self.find("checkout.session", session["id"].as_str().unwrap_or_default())
    }
    fn open_checkout(&mut self, id: &str) -> Answer {
        let session = self.find("checkout.session", id)?;
        if session["status"] == "open" {
            return Ok(session);
        }
        let message = format!("Only Checkout Sessions with a status of open can do this; this one is {}.", session["status"]);
        Err(Refusal::state("checkout_session_not_open", &message))
    }
    /// The page closes, when it is still open.
    pub(super) fn expire_checkout_at(&mut self, id: &str) {
        if self.open_checkout(id).is_ok() {
            let session = self.alter("checkout.session", id, |session| {
                session["status"] = json!("expired");
                session["url"] = Value::Null;
            });
            self.tell("checkout.session.expired", &session);
        }
    }

    /// The payer fills the page in and sends it: `{"payment_method", "email"}`, both optional.
    pub(super) fn complete_checkout(&mut self, id: &str, body: &Value) -> Answer {
        let session = self.open_checkout(id)?;
        let form = self.find("checkout.order", id)?["form"].clone();
        let given = |field: &str| body[field].as_str().map(str::to_owned);
        let email = given("email").or_else(|| session["customer_email"].as_str().map(str::to_owned));
        let email = email.unwrap_or_else(|| "payer@example.test".to_owned());
        let method = self.payment_method(&given("payment_method").unwrap_or_else(|| "pm_card_visa".to_owned()))?;
        let mode = session["mode"].as_str().unwrap_or_default();
        let mut customer = session["customer"].as_str().map(str::to_owned);
        if customer.is_none() && mode == "subscription" {
            let (new, now) = (self.new_id("cus"), self.now());
            self.customer_of(&new, now, &json!({"email": email}));
            customer = Some(new);
        }
        let metadata = |data: &str| form[data]["metadata"].clone();
        let made = match mode {
            "subscription" => {
                let owner = customer.clone().unwrap_or_default();
                self.attach_to(&method, &owner)?;
                let subscription = json!({
                    "customer": owner, "items": form["line_items"], "default_payment_method": method,
                    "payment_behavior": "error_if_incomplete", "metadata": metadata("subscription_data"),
                    "trial_period_days": form["subscription_data"]["trial_period_days"],
                });
                let made = self.create_subscription(&Args { id: "", form: subscription })?;
                [("subscription", made["id"].clone()), ("invoice", made["latest_invoice"].clone())].to_vec()
            }
            "payment" => {
                let payment = json!({
                    "amount": session["amount_total"].to_string(), "currency": session["currency"],
                    "customer": customer, "payment_method": method, "metadata": metadata("payment_intent_data"),
                });
                let made = self.create_payment(&Args { id: "", form: payment })?;
                let made_id = made["id"].as_str().unwrap_or_default().to_owned();
                if self.confirm(&made_id, false)?["status"] == "requires_action" {
                    // The payer is on the page, and confirms there.
                    self.authenticate(&made_id)?;
                }
                [("payment_intent", made["id"].clone())].to_vec()
            }
            _ => {
                let setup = json!({"customer": customer, "metadata": metadata("setup_intent_data")});
                let made = self.create_setup(&Args { id: "", form: setup })?;
                self.finish_setup(made["id"].as_str().unwrap_or_default(), &method)?;
                [("setup_intent", made["id"].clone())].to_vec()
            }
        };
        let session = self.alter("checkout.session", id, |session| {
            for (field, value) in made {
                session[field] = value;
            }
            session["status"] = json!("complete");
            session["url"] = Value::Null;
            session["customer"] = json!(customer);
            session["customer_details"] = json!({
                "address": null, "business_name": null, "email": email, "individual_name": null, "name": null,
                "phone": null, "tax_exempt": "none", "tax_ids": [],
            });
            if session["payment_status"] == "unpaid" {
                session["payment_status"] = json!("paid");
            }
        });
        self.tell("checkout.session.completed", &session);
        Ok(session)
    }

    pub(super) fn create_portal(&mut self, args: &Args<'_>) -> Answer {
        self.named("customer", "customer", args.need("customer")?)?;
        let (id, now) = (self.new_id("bps"), self.now());
        let portal = shapes::portal(&id, now, &args.form);
        self.keep("billing_portal.session", portal.clone());
        Ok(portal)
    }
}
