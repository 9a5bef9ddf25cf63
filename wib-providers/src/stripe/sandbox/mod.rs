//! Stripe: a shop with customers, cards, subscriptions that renew on the sandbox's clock, and meters.
//!
//! Form in, JSON out, as the pinned version has it. Parameters that the model does not know are refused
//! (`parameter_unknown`). Cards are Stripe's own test cards by name (`pm_card_visa`, `pm_card_chargeDeclined`, ...).
//!
//! - A renewal's invoice is a draft for an hour, then definite and charged. A declined one is tried again after 3, 5 and 7
//!   days; then its subscription ends. A first invoice that is not paid within 23 hours ends its subscription too.
//! - Keys are remembered for 24 hours with their answers, declines among them.
//! - `POST /sandbox/stripe/checkout/{id}/complete {payment_method}` does what a payer does on the page;
//!   `POST /sandbox/stripe/payment_intents/{id}/authenticate` confirms at the bank. What [`show`](Model::show) tells counts
//!   the charges that moved money, by customer.

mod cards;
mod checkout;
mod form;
mod invoices;
mod payments;
mod routes;
mod shapes;
mod shelf;
mod subscriptions;
mod usage;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::{Value, json};
use wib_core::{kit::time::Timestamp, ports::webhook::hmac};

use self::{
    cards::Behaviour,
    routes::{Route, route},
    shelf::Shelf,
};
use super::{VENDOR, VERSION};
use crate::sandbox::{
    chance::Chance,
    model::{Entry, Model, Post},
    wire::{Ask, json as answer},
    world::World,
};

/// Stripe in the sandbox.
pub(super) const ENTRY: Entry = Entry { hosts: &["api.stripe.com"], new: |_, seed| Box::new(Shop::new(seed)) };

/// How long an `Idempotency-Key` is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// Everything that Stripe keeps.
#[derive(Debug)]
struct Shop {
    seed: u64,
    secret: String,
    shelves: BTreeMap<&'static str, Shelf>,
    cards: BTreeMap<String, Behaviour>,
    keys: BTreeMap<String, Kept>,
    /// What meters were told.
    used: Vec<usage::Used>,
    /// Corrections that wait for a subscription's next invoice.
    waiting: BTreeMap<String, Vec<Value>>,
    /// Charges that moved money, by customer.
    charges: BTreeMap<String, u64>,
    made: u64,
}

/// What was answered under a key.
#[derive(Debug)]
struct Kept {
    at: Timestamp,
    request: String,
    status: u16,
    body: Value,
}

/// A refusal in Stripe's shape.
#[derive(Debug)]
struct Refusal {
    status: u16,
    error: Value,
}
type Answer = Result<Value, Refusal>;

impl Refusal {
    fn new(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        let mut error = json!({"type": kind, "message": message});
        if let Some(code) = code {
            error["code"] = json!(code);
        }
        Self { status, error }
    }
    /// A parameter is wrong.
    fn param(param: &str, code: &str, message: &str) -> Self {
        let mut refusal = Self::new(400, "invalid_request_error", Some(code), message);
        refusal.error["param"] = json!(param);
        refusal
    }
    /// There is no such thing.
    fn missing(status: u16, kind: &str, id: &str) -> Self {
        Self::new(status, "invalid_request_error", Some("resource_missing"), &format!("No such {kind}: '{id}'"))
    }
    /// The thing is not in the state for this.
    fn state(code: &str, message: &str) -> Self {
        Self::new(400, "invalid_request_error", Some(code), message)
    }
}

/// What a request says: the ids of its path, and its fields.
struct Args<'a> {
    id: &'a str,
    form: Value,
}
impl Args<'_> {
    fn text(&self, field: &str) -> Option<&str> {
        self.form[field].as_str().filter(|text| !text.is_empty())
    }
    fn need(&self, field: &str) -> Result<&str, Refusal> {
        let absent = || Refusal::param(field, "parameter_missing", &format!("Missing required param: {field}."));
        self.text(field).ok_or_else(absent)
    }
    fn number(&self, field: &str) -> Result<Option<i64>, Refusal> {
        let wrong = |_| Refusal::param(field, "parameter_invalid_integer", &format!("Invalid integer: {field}"));
        self.text(field).map(|text| text.parse().map_err(wrong)).transpose()
    }
    fn flag(&self, field: &str) -> bool {
        self.form[field] == "true"
    }
    /// The entries of a list, in the order of their indexes.
    fn entries(&self, field: &str) -> Vec<Value> {
        entries(&self.form[field])
    }
}

/// The entries of an indexed list.
fn entries(list: &Value) -> Vec<Value> {
    let all = list.as_object().into_iter().flatten();
    let mut all: Vec<_> = all.map(|(at, entry)| (at.parse::<u32>().unwrap_or(u32::MAX), entry.clone())).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, entry)| entry).collect()
}

/// Writes `fields` of a form over those of an object; an empty text empties.
fn overwrite(object: &mut Value, form: &Value, fields: &[&str]) {
    for field in fields {
        match form[*field].as_str() {
            Some("") => object[*field] = Value::Null,
            Some(text) => object[*field] = json!(text),
            None => {}
        }
    }
    for (name, value) in form["metadata"].as_object().into_iter().flatten() {
        let Some(metadata) = object["metadata"].as_object_mut() else { continue };
        if value == "" {
            metadata.remove(name);
        } else {
            metadata.insert(name.clone(), value.clone());
        }
    }
}

/// A shop with its customers in it: the model, and the world around it.
struct Till<'a> {
    shop: &'a mut Shop,
    world: &'a mut World,
}

impl Till<'_> {
    fn now(&self) -> i64 {
        self.world.now.as_second()
    }
    fn new_id(&mut self, prefix: &str) -> String {
        self.shop.made += 1;
        let chance = Chance::of(self.shop.seed, &["stripe", prefix, &self.shop.made.to_string()]).hex(12);
        format!("{prefix}_{chance}")
    }
    fn shelf(&mut self, kind: &'static str) -> &mut Shelf {
        self.shop.shelves.entry(kind).or_default()
    }
    fn keep(&mut self, kind: &'static str, object: Value) {
        self.shelf(kind).put(object);
    }
    /// A copy of what the path names.
    fn find(&mut self, kind: &'static str, id: &str) -> Answer {
        self.shelf(kind).get(id).cloned().ok_or_else(|| Refusal::missing(404, kind, id))
    }
    /// A copy of what a parameter names.
    fn named(&mut self, kind: &'static str, param: &str, id: &str) -> Answer {
        let mut refusal = Refusal::missing(400, kind, id);
        refusal.error["param"] = json!(param);
        let found = self.shelf(kind).get(id).filter(|object| object["deleted"] != true).cloned();
        found.ok_or(refusal)
    }
    /// Changes what is there; nothing when it is not.
    fn alter(&mut self, kind: &'static str, id: &str, change: impl FnOnce(&mut Value)) -> Value {
        let Some(object) = self.shelf(kind).get_mut(id) else { return Value::Null };
        change(object);
        object.clone()
    }
    /// Something happened: kept for who asks, and sent.
    fn tell(&mut self, name: &str, object: &Value) {
        let id = self.new_id("evt");
        let event = json!({
            "id": id, "object": "event", "api_version": VERSION, "created": self.now(), "data": {"object": object},
            "livemode": false, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null}, "type": name,
        });
        self.keep("event", event.clone());
        self.world.post(VENDOR, None, [], event);
    }
    /// Has [`Shop::step`] made at that second.
    fn plan(&mut self, at: i64, what: &str, id: &str) {
        let seconds = u64::try_from(at - self.now()).unwrap_or(0);
        self.world.plan_for(VENDOR, seconds.saturating_mul(1000), format!("{what} {id} {at}"));
    }
    /// One page of a list, the newest first.
    fn page(&mut self, kind: &'static str, url: &str, args: &Args<'_>, wanted: impl Fn(&Value) -> bool) -> Answer {
        let limit = args.number("limit")?.unwrap_or(10);
        if !(1..=100).contains(&limit) {
            return Err(Refusal::param("limit", "parameter_invalid_integer", "limit must be between 1 and 100"));
        }
        let limit = usize::try_from(limit).unwrap_or(10);
        let shelf = self.shelf(kind);
        let mut found: Vec<Value> = match args.text("starting_after") {
            Some(id) => {
                let rest = shelf.before(id).ok_or_else(|| Refusal::missing(400, kind, id))?;
                rest.filter(|object| wanted(object)).take(limit + 1).cloned().collect()
            }
            None => shelf.newest().filter(|object| wanted(object)).take(limit + 1).cloned().collect(),
        };
        let more = found.len() > limit;
        found.truncate(limit);
        Ok(json!({"object": "list", "url": url, "has_more": more, "data": found}))
    }
}

impl Shop {
    fn new(seed: u64) -> Self {
        let secret = format!("whsec_{}", Chance::of(seed, &["stripe", "secret"]).hex(24));
        Self {
            seed,
            secret,
            shelves: BTreeMap::new(),
            cards: BTreeMap::new(),
            keys: BTreeMap::new(),
            used: Vec::new(),
            waiting: BTreeMap::new(),
            charges: BTreeMap::new(),
            made: 0,
        }
    }

    fn answer(&mut self, world: &mut World, ask: &Ask<'_>) -> (u16, Value, bool) {
        let refused = |refusal: Refusal| (refusal.status, json!({"error": refusal.error}), false);
        if !ask.bearer() {
            let message = "Invalid API Key provided.";
            return refused(Refusal::new(401, "invalid_request_error", None, message));
        }
        let Some((found, ids)) = route(ask) else {
            let message = format!("Unrecognized request URL ({}: /{}).", ask.method, ask.path.join("/"));
            return refused(Refusal::new(404, "invalid_request_error", None, &message));
        };
        let post = found.method == "POST";
        let fields = if post { form::pairs(ask) } else { ask.query.clone() };
        let key = ask.header("idempotency-key").filter(|_| post).map(str::to_owned);
        let request = format!("{} /{} {}", found.method, ask.path.join("/"), String::from_utf8_lossy(ask.body));
        let now = world.now;
        let young = |at: &Timestamp| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < REMEMBERED);
        self.keys.retain(|_, kept| young(&kept.at));
        if let Some(kept) = key.as_ref().and_then(|key| self.keys.get(key)) {
            if kept.request != request {
                let message = "Keys for idempotent requests can only be used with the same parameters they were first used with.";
                return refused(Refusal::new(400, "idempotency_error", None, message));
            }
            return (kept.status, kept.body.clone(), true);
        }
        if let Some(name) = form::unknown(&fields, found.params) {
            let message = format!("Received unknown parameter: {name}");
            return refused(Refusal::param(name, "parameter_unknown", &message));
        }
        let args = Args { id: ids.first().copied().unwrap_or_default(), form: form::nested(&fields) };
        let outcome = (found.act)(&mut Till { shop: self, world }, &args);
        // A request that fails its checks began nothing, and nothing of it is kept.
        let began = outcome.as_ref().err().is_none_or(|refusal| refusal.status == 402);
        let (status, body) = match outcome {
            Ok(body) => (200, body),
            Err(refusal) => (refusal.status, json!({"error": refusal.error})),
        };
        if let Some(key) = key.filter(|_| began) {
            self.keys.insert(key, Kept { at: now, request, status, body: body.clone() });
        }
        (status, body, false)
    }
}

impl Model for Shop {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        route(ask).map_or("unknown", |(Route { operation, .. }, _)| operation)
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        let (status, body, replayed) = self.answer(world, ask);
        let mut response = answer(status, &body);
        self.made += 1;
        let id = format!("req_{}", Chance::of(self.seed, &["stripe", "req", &self.made.to_string()]).hex(7));
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("request-id", id);
        }
        if replayed {
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        let (kind, code) = match status {
            409 => ("invalid_request_error", Some("lock_timeout")),
            429 => ("invalid_request_error", Some("rate_limit")),
            400..=499 => ("invalid_request_error", None),
            _ => ("api_error", None),
        };
        answer(status, &json!({"error": Refusal::new(status, kind, code, message).error}))
    }
    fn step(&mut self, world: &mut World, what: &str) {
        let mut words = what.split(' ');
        let (Some(what), Some(id)) = (words.next(), words.next()) else { return };
        let at = words.next().and_then(|at| at.parse().ok()).unwrap_or(0);
        let mut till = Till { shop: self, world };
        match what {
            "renew" => till.renew(id, at),
            "trial_will_end" => till.trial_will_end(id),
            "give_up" => till.give_up_first(id),
            "finalize" => till.advance_invoice(id),
            "collect" => till.retry_invoice(id, at),
            "expire" => till.expire_checkout_at(id),
            _ => {}
        }
    }
    fn control(&mut self, world: &mut World, method: &str, path: &[&str], body: &Value) -> Option<Response<Bytes>> {
        let mut till = Till { shop: self, world };
        let outcome = match (method, path) {
            ("POST", ["checkout", id, "complete"]) => till.complete_checkout(id, body),
            ("POST", ["payment_intents", id, "authenticate"]) => till.authenticate(id),
            _ => return None,
        };
        Some(match outcome {
            Ok(body) => answer(200, &body),
            Err(refusal) => answer(refusal.status, &json!({"error": refusal.error})),
        })
    }
    fn verifier(&self) -> Option<String> {
        Some(self.secret.clone())
    }
    fn sign(&self, post: &Post, now: Timestamp) -> (Vec<(String, String)>, String) {
        let (body, stamp) = (post.body.to_string(), now.as_second().to_string());
        let mac = hmac(self.secret.as_bytes(), &[stamp.as_bytes(), b".", body.as_bytes()]);
        let signature = format!("t={stamp},v1={}", hex::encode(mac));
        (vec![("stripe-signature".to_owned(), signature)], body)
    }
    fn show(&self) -> Value {
        let kept: BTreeMap<_, _> = self.shelves.iter().map(|(kind, shelf)| (*kind, shelf.len())).collect();
        json!({"charges": self.charges, "kept": kept})
    }
}
