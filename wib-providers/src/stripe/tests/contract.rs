//! Requests, answers and the sandbox against the vendor's document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wib_core::ports::billing::{
    Balance, BillingEvent, Charge, CheckoutSession, Customer, Dispute, Invoice, Meter, PaymentIntent, PaymentMethod,
    PortalSession, Price, Product, Refund, SetupIntent, Subscription, SubscriptionItem, UsageSummary,
};

use crate::{
    stripe::read::{FromStripe, Missing},
    testing::contracts::shared,
};

/// The vendor's document, taken apart once.
pub(super) struct Document {
    root: Value,
}

impl Document {
    pub(super) fn open() -> Option<Self> {
        Some(Self { root: shared("stripe.openapi.json")? })
    }
    fn follow<'d>(&'d self, node: &'d Value) -> &'d Value {
        match node["$ref"].as_str() {
            Some(reference) => self.follow(self.root.pointer(reference.trim_start_matches('#')).unwrap()),
            None => node,
        }
    }
    /// The document's own path of a request's, with the operation.
    pub(super) fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let fits = |template: &str| {
            let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
        };
        let paths = self.root["paths"].as_object().unwrap();
        // A path without a parameter is meant before one with.
        let mut all: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
        all.sort_by_key(|(template, _)| template.matches('{').count());
        all.into_iter().find_map(|(template, item)| Some((template.as_str(), item.get(method.to_lowercase())?)))
    }
    fn faults(&self, schema: &Value, body: &Value) -> Vec<String> {
        let mut root = schema.clone();
        root["components"] = json!({"schemas": self.root["components"]["schemas"]});
        let validator = jsonschema::draft202012::new(&root).unwrap();
        validator.iter_errors(body).map(|e| format!("{e} at {}", e.instance_path())).collect()
    }
    /// What is wrong with a form body.
    pub(super) fn request_faults(&self, method: &str, path: &str, pairs: &[(String, String)]) -> Vec<String> {
        let (_, operation) = self.operation(method, path).unwrap_or_else(|| panic!("no operation {method} {path}"));
        let schema = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
        if schema.is_null() {
            return pairs.iter().map(|(name, _)| format!("{name}: there is no body")).collect();
        }
        let body = self.typed(schema, &nested(pairs));
        self.faults(schema, &body)
    }
    /// What is wrong with a query: parameters that the operation does not have, or of another type.
    pub(super) fn query_faults(&self, method: &str, path: &str, pairs: &[(String, String)]) -> Vec<String> {
        let (_, operation) = self.operation(method, path).unwrap_or_else(|| panic!("no operation {method} {path}"));
        let known = operation["parameters"].as_array().into_iter().flatten().map(|parameter| self.follow(parameter));
        let known: BTreeMap<_, _> =
            known.filter(|p| p["in"] == "query").map(|p| (p["name"].as_str().unwrap(), p)).collect();
        let given = nested(pairs);
        let mut faults = Vec::new();
        for (name, value) in given.as_object().unwrap() {
            match known.get(name.as_str()) {
                None => faults.push(format!("{name} is unknown")),
                Some(parameter) => {
                    faults.extend(self.faults(&parameter["schema"], &self.typed(&parameter["schema"], value)));
                }
            }
        }
        let needed = known.iter().filter(|(name, p)| p["required"] == true && given.get(**name).is_none());
        faults.extend(needed.map(|(name, _)| format!("{name} is missing")));
        faults
    }
    /// What is wrong with an answer.
    pub(super) fn answer_faults(&self, method: &str, path: &str, status: u16, body: &Value) -> Vec<String> {
        let (_, operation) = self.operation(method, path).unwrap();
        let kind = if status == 200 { "200" } else { "default" };
        self.faults(&operation["responses"][kind]["content"]["application/json"]["schema"], body)
    }
    /// Texts of a form as the types that the schema wants.
    fn typed(&self, schema: &Value, value: &Value) -> Value {
        let schema = self.follow(schema);
        let choices = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
        if let Some(choices) = choices {
            let typed = choices.iter().map(|choice| self.typed(choice, value));
            let fits = |typed: &Value| self.faults(schema, typed).is_empty();
            return typed.into_iter().find(fits).unwrap_or_else(|| value.clone());
        }
        match (schema["type"].as_str(), value) {
            (Some("integer" | "number"), Value::String(text)) => text.parse::<i64>().map_or(value.clone(), Value::from),
            (Some("boolean"), Value::String(text)) => text.parse::<bool>().map_or(value.clone(), Value::from),
            (Some("array"), Value::Object(entries)) => entries.values().map(|v| self.typed(&schema["items"], v)).collect(),
            (_, Value::Object(fields)) => {
                let field = |name: &str| match &schema["properties"][name] {
                    Value::Null => &schema["additionalProperties"],
                    known => known,
                };
                fields.iter().map(|(name, v)| (name.clone(), self.typed(field(name), v))).collect()
            }
            _ => value.clone(),
        }
    }
}

/// `a[b][0]=c` as `{"a": {"b": {"0": "c"}}}`, written anew so as not to ask the sandbox's own reader.
fn nested(pairs: &[(String, String)]) -> Value {
    let mut root = json!({});
    for (name, value) in pairs {
        let mut place = &mut root;
        for segment in name.replace(']', "").split('[') {
            if place.is_null() {
                *place = json!({});
            }
            place = place.as_object_mut().expect("a name is a value or an object").entry(segment).or_insert(Value::Null);
        }
        *place = json!(value);
    }
    root
}

#[test]
fn the_contract_does_refuse() {
    let Some(document) = Document::open() else { return };
    let pairs = |text: &str| -> Vec<(String, String)> {
        let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let subscription = "customer=c&items[0][price]=p&items[0][quantity]=2&metadata[a]=b&trial_period_days=7";
    for (path, body, wrong) in [
        ("/v1/subscriptions", subscription.to_owned(), false),
        ("/v1/subscriptions", format!("{subscription}&odd=1"), true),
        ("/v1/subscriptions", format!("{subscription}&items[0][odd]=1"), true),
        ("/v1/subscriptions", format!("{subscription}&items[0][quantity]=two"), true),
        ("/v1/subscriptions", format!("{subscription}&proration_behavior=sometimes"), true),
        ("/v1/payment_intents", "amount=5".to_owned(), true),
        ("/v1/subscriptions/sub_1", "default_payment_method=&cancel_at_period_end=true".to_owned(), false),
        ("/v1/subscriptions/sub_1", "cancel_at_period_end=perhaps".to_owned(), true),
    ] {
        let faults = document.request_faults("POST", path, &pairs(&body));
        assert_eq!(!faults.is_empty(), wrong, "{path} {body}: {faults:?}");
    }
    assert!(document.query_faults("GET", "/v1/events", &pairs("types[0]=a&created[gte]=1&limit=5")).is_empty());
    assert!(!document.query_faults("GET", "/v1/events", &pairs("kinds[0]=a")).is_empty());
    assert!(!document.query_faults("GET", "/v1/subscription_items", &pairs("limit=5")).is_empty());
}

fn reads<T: FromStripe>(json: &Value) -> Result<(), Missing> {
    T::read(json).map(drop)
}

/// The reader of an object by its name; `None` for what we never ask for.
pub(super) fn reader(kind: &str) -> Option<fn(&Value) -> Result<(), Missing>> {
    Some(match kind {
        "customer" => reads::<Customer>,
        "payment_method" => reads::<PaymentMethod>,
        "setup_intent" => reads::<SetupIntent>,
        "payment_intent" => reads::<PaymentIntent>,
        "charge" => reads::<Charge>,
        "checkout.session" => reads::<CheckoutSession>,
        "billing_portal.session" => reads::<PortalSession>,
        "subscription" => reads::<Subscription>,
        "subscription_item" => |json| if json["deleted"] == true { Ok(()) } else { reads::<SubscriptionItem>(json) },
        "product" => reads::<Product>,
        "price" => reads::<Price>,
        "invoice" => reads::<Invoice>,
        "refund" => reads::<Refund>,
        "dispute" => reads::<Dispute>,
        "billing.meter" => reads::<Meter>,
        "billing.meter_event_summary" => reads::<UsageSummary>,
        "event" => reads::<BillingEvent>,
        "balance" => reads::<Balance>,
        _ => return None,
    })
}

#[test]
fn every_documented_answer_is_read() {
    let Some(document) = Document::open() else { return };
    let (mut examples, mut strangers) = (0, BTreeSet::new());
    for (path, item) in document.root["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = &operation["responses"]["200"]["content"]["application/json"]["examples"];
            for example in answers.as_object().into_iter().flatten().map(|(_, example)| document.follow(example)) {
                examples += 1;
                let value = &example["value"];
                let listed = matches!(value["object"].as_str(), Some("list" | "search_result"));
                let objects = if listed { value["data"].as_array().unwrap().iter().collect() } else { vec![value] };
                for object in objects {
                    let kind = object["object"].as_str().unwrap();
                    match reader(kind) {
                        Some(read) => assert_eq!(read(object), Ok(()), "{method} {path}: {object:#}"),
                        None => _ = strangers.insert(kind.to_owned()),
                    }
                }
            }
        }
    }
    assert_eq!(examples, 97);
    let never_asked_for = [
        "billing.meter_event",
        "billing.meter_event_adjustment",
        "customer_balance_transaction",
        "invoiceitem",
        "item",
        "webhook_endpoint",
    ];
    assert_eq!(strangers.iter().map(String::as_str).collect::<Vec<_>>(), never_asked_for);
}
