//! What can be asked, and which fields each request may have.

use serde_json::{Value, json};

use super::{Answer, Args, Refusal, Till, overwrite, shapes};
use crate::sandbox::wire::Ask;

/// A request that the model answers.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// Segments after `/v1`; `{}` stands for an id.
    path: &'static str,
    /// Its name for faults.
    pub(super) operation: &'static str,
    pub(super) params: &'static [&'static str],
    pub(super) act: fn(&mut Till<'_>, &Args<'_>) -> Answer,
}

/// The route of a request, with the ids of its path.
pub(super) fn route<'a>(ask: &'a Ask<'_>) -> Option<(&'static Route, Vec<&'a str>)> {
    let (method, path) = ask.route();
    let path = path.strip_prefix(&["v1"])?;
    ROUTES.iter().filter(|route| route.method == method).find_map(|route| {
        let pattern: Vec<_> = route.path.split('/').collect();
        let fits = pattern.len() == path.len() && pattern.iter().zip(path).all(|(p, s)| *p == "{}" || p == s);
        let ids = || pattern.iter().zip(path).filter(|(p, _)| **p == "{}").map(|(_, id)| *id).collect();
        fits.then(|| (route, ids()))
    })
}

type Act = fn(&mut Till<'_>, &Args<'_>) -> Answer;
const fn get(path: &'static str, operation: &'static str, params: &'static [&'static str], act: Act) -> Route {
    Route { method: "GET", path, operation, params, act }
}
const fn post(path: &'static str, operation: &'static str, params: &'static [&'static str], act: Act) -> Route {
    Route { method: "POST", path, operation, params, act }
}
const fn delete(path: &'static str, operation: &'static str, params: &'static [&'static str], act: Act) -> Route {
    Route { method: "DELETE", path, operation, params, act }
}

// `customers/search` stands before `customers/{}`: the first that fits answers.
const ROUTES: &[Route] = &[
    post("customers", "create_customer", &["email", "name", "phone", "description", "metadata[*]"], |till, args| till.create_customer(args)),
    get("customers/search", "find_customers", &["query", "limit", "page"], |till, args| till.find_customers(args)),
    get("customers", "customers", &["email", "limit", "starting_after"], |till, args| {
        let email = args.text("email").map(str::to_owned);
        let wanted = |c: &Value| c["deleted"] != true && email.as_ref().is_none_or(|email| c["email"] == **email);
        till.page("customer", "/v1/customers", args, wanted)
    }),
    get("customers/{}", "customer", &[], |till, args| till.find("customer", args.id)),
    post(
        "customers/{}",
        "update_customer",
        &["email", "name", "phone", "description", "metadata[*]", "invoice_settings[default_payment_method]"],
        |till, args| till.update_customer(args),
    ),
    delete("customers/{}", "delete_customer", &[], |till, args| till.delete_customer(args)),
    get("customers/{}/payment_methods", "payment_methods", &["type", "limit", "starting_after"], |till, args| {
        till.find("customer", args.id)?;
        let (url, id) = (format!("/v1/customers/{}/payment_methods", args.id), args.id);
        till.page("payment_method", &url, args, |method| method["customer"] == id)
    }),
    get("payment_methods/{}", "payment_method", &[], |till, args| till.find("payment_method", args.id)),
    post("payment_methods/{}/attach", "attach_payment_method", &["customer"], |till, args| till.attach(args)),
    post("payment_methods/{}/detach", "detach_payment_method", &[], |till, args| till.detach(args)),
    post("setup_intents", "create_setup", SETUP, |till, args| till.create_setup(args)),
    get("setup_intents/{}", "setup", &[], |till, args| till.find("setup_intent", args.id)),
    post("payment_intents", "create_payment", PAYMENT, |till, args| till.create_payment(args)),
    get("payment_intents", "payments", &["customer", "created[gte]", "limit", "starting_after"], |till, args| {
        let customer = args.form["customer"].clone();
        let from = args.form["created"]["gte"].as_str().and_then(|at| at.parse().ok()).unwrap_or(i64::MIN);
        till.page("payment_intent", "/v1/payment_intents", args, |payment| {
            (customer.is_null() || payment["customer"] == customer) && payment["created"].as_i64().is_some_and(|at| at >= from)
        })
    }),
    get("payment_intents/{}", "payment", &[], |till, args| till.find("payment_intent", args.id)),
    post("payment_intents/{}/confirm", "confirm_payment", &["payment_method", "return_url", "off_session"], |till, args| till.confirm_payment(args)),
    post("payment_intents/{}/capture", "capture_payment", &["amount_to_capture"], |till, args| till.capture_payment(args)),
    post("payment_intents/{}/cancel", "cancel_payment", &["cancellation_reason"], |till, args| till.cancel_payment(args)),
    get("charges/{}", "charge", &[], |till, args| till.find("charge", args.id)),
    post("checkout/sessions", "create_checkout", CHECKOUT, |till, args| till.create_checkout(args)),
    get("checkout/sessions/{}", "checkout", &[], |till, args| till.find("checkout.session", args.id)),
    post("checkout/sessions/{}/expire", "expire_checkout", &[], |till, args| till.expire_checkout(args)),
    post("billing_portal/sessions", "create_portal", &["customer", "return_url"], |till, args| till.create_portal(args)),
    post("subscriptions", "create_subscription", SUBSCRIPTION, |till, args| till.create_subscription(args)),
    get("subscriptions", "subscriptions", &["customer", "price", "status", "limit", "starting_after"], |till, args| till.subscriptions(args)),
    get("subscriptions/{}", "subscription", &[], |till, args| till.find("subscription", args.id)),
    post("subscriptions/{}", "update_subscription", CHANGE, |till, args| till.update_subscription(args)),
    delete("subscriptions/{}", "cancel_subscription", &["invoice_now", "prorate"], |till, args| till.cancel_subscription(args)),
    post("subscriptions/{}/resume", "resume_subscription", &[], |till, args| till.resume_subscription(args)),
    get("subscription_items", "subscription_items", &["subscription", "limit", "starting_after"], |till, args| till.subscription_items(args)),
    post(
        "subscription_items",
        "add_subscription_item",
        &["subscription", "price", "quantity", "proration_behavior", "metadata[*]"],
        |till, args| till.add_item(args),
    ),
    post("subscription_items/{}", "update_subscription_item", &["price", "quantity", "proration_behavior", "metadata[*]"], |till, args| till.update_item(args)),
    delete("subscription_items/{}", "remove_subscription_item", &["proration_behavior"], |till, args| till.remove_item(args)),
    post("products", "create_product", &["name", "description", "metadata[*]"], |till, args| {
        let (id, now) = (till.new_id("prod"), till.now());
        let mut product = shapes::product(&id, now, args.need("name")?);
        overwrite(&mut product, &args.form, &["description"]);
        till.keep("product", product.clone());
        till.tell("product.created", &product);
        Ok(product)
    }),
    get("products", "products", &["active", "limit", "starting_after"], |till, args| {
        let active = args.text("active").map(|text| json!(text == "true"));
        till.page("product", "/v1/products", args, |product| active.as_ref().is_none_or(|a| product["active"] == *a))
    }),
    get("products/{}", "product", &[], |till, args| till.find("product", args.id)),
    post("prices", "create_price", PRICE, |till, args| till.create_price(args)),
    get("prices", "prices", &["active", "product", "lookup_keys[*]", "limit", "starting_after"], |till, args| {
        let (active, product) = (args.text("active").map(|text| json!(text == "true")), args.form["product"].clone());
        let keys = args.entries("lookup_keys");
        till.page("price", "/v1/prices", args, |price| {
            active.as_ref().is_none_or(|a| price["active"] == *a)
                && (product.is_null() || price["product"] == product)
                && (keys.is_empty() || keys.contains(&price["lookup_key"]))
        })
    }),
    get("prices/{}", "price", &[], |till, args| till.find("price", args.id)),
    get("invoices", "invoices", &["customer", "subscription", "status", "limit", "starting_after"], |till, args| till.invoices(args)),
    get("invoices/{}", "invoice", &[], |till, args| till.find("invoice", args.id)),
    post(
        "invoices/create_preview",
        "preview_invoice",
        &[
            "subscription",
            "subscription_details[items][*][id]",
            "subscription_details[items][*][price]",
            "subscription_details[items][*][quantity]",
            "subscription_details[items][*][deleted]",
        ],
        |till, args| till.preview_invoice(args),
    ),
    post("invoices/{}/finalize", "finalize_invoice", &["auto_advance"], |till, args| till.finalize_invoice(args)),
    post("invoices/{}/pay", "pay_invoice", &["payment_method", "off_session"], |till, args| till.pay_invoice(args)),
    post("invoices/{}/void", "void_invoice", &[], |till, args| till.void_invoice(args)),
    post("refunds", "create_refund", &["payment_intent", "charge", "amount", "reason", "metadata[*]"], |till, args| till.create_refund(args)),
    get("refunds", "refunds", &["payment_intent", "charge", "limit", "starting_after"], |till, args| {
        let (payment, charge) = (args.form["payment_intent"].clone(), args.form["charge"].clone());
        till.page("refund", "/v1/refunds", args, |refund| {
            (payment.is_null() || refund["payment_intent"] == payment) && (charge.is_null() || refund["charge"] == charge)
        })
    }),
    get("refunds/{}", "refund", &[], |till, args| till.find("refund", args.id)),
    get("disputes", "disputes", &["limit", "starting_after"], |till, args| till.page("dispute", "/v1/disputes", args, |_| true)),
    get("disputes/{}", "dispute", &[], |till, args| till.find("dispute", args.id)),
    post(
        "billing/meters",
        "create_meter",
        &["display_name", "event_name", "default_aggregation[formula]"],
        |till, args| till.create_meter(args),
    ),
    get("billing/meters", "meters", &["status", "limit", "starting_after"], |till, args| {
        let status = args.form["status"].clone();
        till.page("billing.meter", "/v1/billing/meters", args, |meter| status.is_null() || meter["status"] == status)
    }),
    get(
        "billing/meters/{}/event_summaries",
        "usage",
        &["customer", "start_time", "end_time", "limit", "starting_after"],
        |till, args| till.usage(args),
    ),
    post(
        "billing/meter_events",
        "record_usage",
        &["event_name", "payload[stripe_customer_id]", "payload[value]", "identifier", "timestamp"],
        |till, args| till.record_usage(args),
    ),
    get("events", "events", &["types[*]", "created[gte]", "created[lt]", "limit", "starting_after"], |till, args| {
        let names = args.entries("types");
        let bound = |name: &str, or| args.form["created"][name].as_str().and_then(|at| at.parse().ok()).unwrap_or(or);
        let (from, to) = (bound("gte", i64::MIN), bound("lt", i64::MAX));
        till.page("event", "/v1/events", args, |event| {
            (names.is_empty() || names.contains(&event["type"]))
                && event["created"].as_i64().is_some_and(|at| (from..to).contains(&at))
        })
    }),
    get("events/{}", "event", &[], |till, args| till.find("event", args.id)),
    get("balance", "balance", &[], |till, _| {
        let mut sums = std::collections::BTreeMap::<String, i64>::new();
        for charge in till.shelf("charge").newest().filter(|charge| charge["captured"] == true) {
            let number = |field: &str| charge[field].as_i64().unwrap_or(0);
            let left = number("amount_captured") - number("amount_refunded");
            *sums.entry(charge["currency"].as_str().unwrap_or("usd").to_owned()).or_default() += left;
        }
        let sum = |(currency, amount): (&String, &i64)| json!({"amount": amount, "currency": currency, "source_types": {"card": amount}});
        let available: Vec<_> = sums.iter().map(sum).collect();
        Ok(json!({"object": "balance", "available": available, "livemode": false, "pending": []}))
    }),
];

const SETUP: &[&str] = &[
    "customer",
    "payment_method",
    "confirm",
    "automatic_payment_methods[enabled]",
    "automatic_payment_methods[allow_redirects]",
    "metadata[*]",
];
const PAYMENT: &[&str] = &[
    "amount",
    "currency",
    "customer",
    "payment_method",
    "confirm",
    "off_session",
    "capture_method",
    "description",
    "automatic_payment_methods[enabled]",
    "automatic_payment_methods[allow_redirects]",
    "metadata[*]",
];
const CHECKOUT: &[&str] = &[
    "mode",
    "success_url",
    "cancel_url",
    "line_items[*][price]",
    "line_items[*][quantity]",
    "customer",
    "customer_email",
    "client_reference_id",
    "subscription_data[trial_period_days]",
    "subscription_data[metadata][*]",
    "payment_intent_data[metadata][*]",
    "setup_intent_data[metadata][*]",
    "allow_promotion_codes",
    "currency",
    "metadata[*]",
];
const SUBSCRIPTION: &[&str] = &[
    "customer",
    "items[*][price]",
    "items[*][quantity]",
    "items[*][metadata][*]",
    "trial_period_days",
    "trial_settings[end_behavior][missing_payment_method]",
    "default_payment_method",
    "payment_behavior",
    "metadata[*]",
];
const CHANGE: &[&str] = &[
    "items[*][id]",
    "items[*][price]",
    "items[*][quantity]",
    "items[*][deleted]",
    "items[*][metadata][*]",
    "proration_behavior",
    "cancel_at_period_end",
    "trial_end",
    "default_payment_method",
    "metadata[*]",
];
const PRICE: &[&str] = &[
    "product",
    "currency",
    "unit_amount",
    "unit_amount_decimal",
    "recurring[interval]",
    "recurring[interval_count]",
    "recurring[usage_type]",
    "recurring[meter]",
    "lookup_key",
    "nickname",
    "metadata[*]",
];

impl Till<'_> {
    fn create_customer(&mut self, args: &Args<'_>) -> Answer {
        let (id, now) = (self.new_id("cus"), self.now());
        let customer = self.customer_of(&id, now, &args.form);
        Ok(customer)
    }
    pub(super) fn customer_of(&mut self, id: &str, now: i64, form: &Value) -> Value {
        let mut customer = shapes::customer(id, now);
        overwrite(&mut customer, form, &["email", "name", "phone", "description"]);
        self.keep("customer", customer.clone());
        self.tell("customer.created", &customer);
        customer
    }
    fn update_customer(&mut self, args: &Args<'_>) -> Answer {
        self.find("customer", args.id).and_then(|found| alive("customer", args.id, found))?;
        let default = args.form["invoice_settings"]["default_payment_method"].clone();
        if let Some(id) = default.as_str() {
            let param = "invoice_settings[default_payment_method]";
            let method = self.named("payment_method", param, id)?;
            if method["customer"] != args.id {
                let message = "The payment method is not attached to this customer.";
                return Err(Refusal::param(param, "resource_missing", message));
            }
        }
        let customer = self.alter("customer", args.id, |customer| {
            overwrite(customer, &args.form, &["email", "name", "phone", "description"]);
            if !default.is_null() {
                customer["invoice_settings"]["default_payment_method"] = default;
            }
        });
        self.tell("customer.updated", &customer);
        Ok(customer)
    }
    fn delete_customer(&mut self, args: &Args<'_>) -> Answer {
        let customer = self.find("customer", args.id).and_then(|found| alive("customer", args.id, found))?;
        let owned = |subscription: &&Value| subscription["customer"] == args.id;
        let ids = self.shelf("subscription").newest().filter(owned).filter_map(|s| Some(s["id"].as_str()?.to_owned()));
        for id in ids.collect::<Vec<_>>() {
            self.end_subscription(&id, "cancellation_requested");
        }
        let gone = json!({"id": args.id, "object": "customer", "deleted": true});
        self.keep("customer", gone.clone());
        self.tell("customer.deleted", &customer);
        Ok(gone)
    }
    /// `metadata['name']:'value'`.
    fn find_customers(&mut self, args: &Args<'_>) -> Answer {
        let query = args.need("query")?;
        let parts = query.strip_prefix("metadata['").and_then(|rest| rest.strip_suffix('\'')?.split_once("']:'"));
        let Some((name, value)) = parts else {
            return Err(Refusal::param("query", "parameter_invalid", "The sandbox searches metadata['name']:'value'."));
        };
        let plain = |text: &str| text.replace("\\'", "'").replace("\\\\", "\\");
        let (name, value) = (plain(name), plain(value));
        let mut args = Args { id: "", form: args.form.clone() };
        if let Some(page) = args.form.get("page").cloned() {
            args.form["starting_after"] = page;
        }
        let wanted = |c: &Value| c["deleted"] != true && c["metadata"][&name] == *value;
        let mut found = self.page("customer", "/v1/customers/search", &args, wanted)?;
        found["object"] = json!("search_result");
        let last = found["data"].as_array().and_then(|data| data.last()).map(|last| last["id"].clone());
        found["next_page"] = if found["has_more"] == true { json!(last) } else { Value::Null };
        Ok(found)
    }
    fn create_price(&mut self, args: &Args<'_>) -> Answer {
        self.named("product", "product", args.need("product")?)?;
        let (id, now) = (self.new_id("price"), self.now());
        let mut price = shapes::price(&id, now, &args.form)?;
        if price["unit_amount_decimal"].is_null() {
            return Err(Refusal::param("unit_amount", "parameter_missing", "Missing required param: unit_amount."));
        }
        if let Some(meter) = args.form["recurring"]["meter"].as_str() {
            self.named("billing.meter", "recurring[meter]", meter)?;
        }
        let taken = |p: &Value| p["active"] == true && p["lookup_key"] == args.form["lookup_key"];
        if args.text("lookup_key").is_some() && self.shelf("price").newest().any(taken) {
            let message = "A price already uses that lookup key.";
            return Err(Refusal::param("lookup_key", "resource_already_exists", message));
        }
        overwrite(&mut price, &args.form, &["lookup_key", "nickname"]);
        self.keep("price", price.clone());
        self.tell("price.created", &price);
        Ok(price)
    }
}

/// Refuses what was deleted.
fn alive(kind: &str, id: &str, found: Value) -> Answer {
    if found["deleted"] == true { Err(Refusal::missing(404, kind, id)) } else { Ok(found) }
}
