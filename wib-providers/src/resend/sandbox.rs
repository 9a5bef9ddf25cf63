//! Resend: mails that land in an outbox, once per idempotency key, and what becomes of them.
//!
//! The addresses of Resend's own tests behave as they do there: `bounced@resend.dev` comes back, `complained@resend.dev`
//! complains, `suppressed@resend.dev` is not written to. Everything else is delivered after a second.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use wib_core::{kit::time::Timestamp, ports::webhook::svix_v1_sign};

use super::VENDOR;
use crate::sandbox::{
    chance::Chance,
    model::{Entry, Model, Post},
    wire::{Ask, instant, json as answer, text},
    world::{KEPT, World},
};

/// Resend in the sandbox.
pub(super) const ENTRY: Entry = Entry { hosts: &["api.resend.com"], new: |_, seed| Box::new(Mails::new(seed)) };

/// How long an `Idempotency-Key` is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// Most domains, and most suppressions.
const LISTED: usize = 10_000;

/// Mails and the keys that they were sent with; those that went out lie in the outbox.
#[derive(Debug)]
struct Mails {
    seed: u64,
    secret: Vec<u8>,
    keys: BTreeMap<String, (Timestamp, Bytes, Value)>,
    mails: BTreeMap<String, Mail>,
    order: VecDeque<String>,
    domains: Vec<Value>,
    suppressions: Vec<Value>,
    count: u64,
}

#[derive(Debug)]
struct Mail {
    shown: Value,
    key: Option<String>,
    state: &'static str,
    /// Counts the instants it was kept for, so that an older one does nothing.
    round: u64,
}

/// An answer that says no.
type Refusal = Box<Response<Bytes>>;

/// The answer in Resend's shape of errors.
fn error(status: u16, name: &str, message: &str) -> Response<Bytes> {
    answer(status, &json!({"statusCode": status, "name": name, "message": message}))
}
fn not_found(what: &str) -> Response<Bytes> {
    error(404, "not_found", &format!("{what} not found"))
}
fn invalid(message: &str) -> Response<Bytes> {
    error(422, "validation_error", message)
}

impl Model for Mails {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", ["emails"]) => "send",
            ("POST", ["emails", "batch"]) => "batch",
            ("GET", ["emails", _]) => "email",
            ("PATCH", ["emails", _]) => "reschedule",
            ("POST", ["emails", _, "cancel"]) => "cancel",
            (_, ["domains", ..]) => "domains",
            (_, ["suppressions", ..]) => "suppressions",
            _ => "unknown",
        }
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        if ask.header("authorization").is_none() {
            return error(401, "missing_api_key", "Missing API Key");
        }
        if !ask.bearer() {
            return error(403, "invalid_api_key", "API key is invalid");
        }
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", ["emails"]) => self.once(world, ask, |mails, world, key| {
                let Some(mail) = ask.object() else { return Err(invalid("The body is not valid JSON.").into()) };
                check(&mail)?;
                let at = scheduled(&mail, world.now)?;
                Ok(json!({"id": mails.take(world, &mail, key, at)}))
            }),
            ("POST", ["emails", "batch"]) => self.once(world, ask, |mails, world, key| {
                let batch: Vec<Value> = serde_json::from_slice(ask.body).map_err(|_| Box::new(invalid("Expected an array.")))?;
                if !(1..=100).contains(&batch.len()) {
                    return Err(invalid("A batch has 1 to 100 emails.").into());
                }
                batch.iter().try_for_each(check)?;
                let ids: Vec<_> =
                    batch.iter().map(|mail| json!({"id": mails.take(world, mail, key.clone(), None)})).collect();
                Ok(json!({"data": ids}))
            }),
            ("GET", ["emails", id]) => match self.mails.get(*id) {
                Some(mail) => answer(200, &mail.shown()),
                None => not_found("Email"),
            },
            ("PATCH", ["emails", id]) => self.reschedule(world, ask, id),
            ("POST", ["emails", id, "cancel"]) => match self.mails.get_mut(*id) {
                Some(mail) if mail.state == "scheduled" => {
                    (mail.state, mail.round) = ("canceled", mail.round + 1);
                    answer(200, &json!({"object": "email", "id": id}))
                }
                Some(_) => invalid("The email is not scheduled."),
                None => not_found("Email"),
            },
            (_, ["domains", ..]) => self.domains(world, ask),
            (_, ["suppressions", ..]) => self.suppressions(world, ask),
            _ => error(404, "not_found", "The requested endpoint does not exist"),
        }
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        error(status, if status == 429 { "rate_limit_exceeded" } else { "application_error" }, message)
    }
    fn step(&mut self, world: &mut World, what: &str) {
        let Some((id, round)) = what.split_once(' ') else { return };
        let Some(mail) = self.mails.get(id).filter(|mail| mail.round.to_string() == round) else { return };
        match mail.state {
            "scheduled" => self.go(world, id),
            "sent" => self.arrive(world, id),
            _ => {}
        }
    }
    fn verifier(&self) -> Option<String> {
        Some(format!("whsec_{}", BASE64_STANDARD.encode(&self.secret)))
    }
    fn sign(&self, post: &Post, now: Timestamp) -> (Vec<(String, String)>, String) {
        let body = post.body.to_string();
        let id = format!("msg_{}", Chance::of(self.seed, &["svix", &post.id.to_string()]).hex(14));
        let timestamp = now.as_second().to_string();
        let signature = svix_v1_sign(&self.secret, &id, &timestamp, body.as_bytes());
        let headers = [("svix-id", id), ("svix-timestamp", timestamp), ("svix-signature", signature)];
        (headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), body)
    }
    fn show(&self) -> Value {
        json!({"emails": self.mails.values().map(Mail::shown).collect::<Vec<_>>(), "suppressions": self.suppressions})
    }
}

impl Mail {
    fn shown(&self) -> Value {
        let mut shown = self.shown.clone();
        shown["object"] = json!("email");
        shown["last_event"] = json!(self.state);
        shown
    }
}

fn people(mail: &Value, field: &str) -> Vec<String> {
    match &mail[field] {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The bare address in `Name <address>`.
fn address(person: &str) -> &str {
    person.rsplit_once('<').map_or(person, |(_, address)| address.trim_end_matches('>')).trim()
}

fn check(mail: &Value) -> Result<(), Refusal> {
    let to = people(mail, "to");
    for (field, there) in [
        ("from", text(mail, "from").is_some()),
        ("to", !to.is_empty()),
        ("subject", text(mail, "subject").is_some()),
        ("html` or `text", ["html", "text", "template"].iter().any(|field| !mail[*field].is_null())),
    ] {
        if !there {
            return Err(error(422, "missing_required_field", &format!("Missing `{field}` field.")).into());
        }
    }
    for field in ["to", "cc", "bcc", "reply_to"] {
        let people = people(mail, field);
        if people.len() > 50 || people.iter().any(|one| !one.contains('@')) {
            let wanted = "The email address needs to follow the `email@example.com` format.";
            return Err(invalid(&format!("Invalid `{field}` field. {wanted}")).into());
        }
    }
    Ok(())
}

/// When a mail is to go; `None` for at once.
fn scheduled(mail: &Value, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let Some(at) = mail["scheduled_at"].as_str() else { return Ok(None) };
    let Ok(at) = at.parse::<Timestamp>() else { return Err(invalid("Invalid `scheduled_at` field.").into()) };
    if ms(now, at) > 30 * 86_400_000 {
        return Err(invalid("`scheduled_at` is more than 30 days ahead.").into());
    }
    Ok((at > now).then_some(at))
}

fn ms(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

impl Mails {
    fn new(seed: u64) -> Self {
        let secret = Chance::of(seed, &["resend", "whsec"]).hex(12).into_bytes();
        let (keys, mails, order) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Self { seed, secret, keys, mails, order, domains: Vec::new(), suppressions: Vec::new(), count: 0 }
    }

    fn id(&mut self, what: &str) -> String {
        self.count += 1;
        Chance::of(self.seed, &[what, &self.count.to_string()]).uuid().to_string()
    }

    /// Does it once per idempotency key; the same body under it has the same answer.
    fn once(
        &mut self,
        world: &mut World,
        ask: &Ask<'_>,
        act: impl FnOnce(&mut Self, &mut World, Option<String>) -> Result<Value, Refusal>,
    ) -> Response<Bytes> {
        let (now, key) = (world.now, ask.header("idempotency-key").map(str::to_owned));
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 256) {
            return error(400, "invalid_idempotency_key", "The key must be between 1-256 chars.");
        }
        let young = |at: &Timestamp| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < REMEMBERED);
        self.keys.retain(|_, (at, ..)| young(at));
        if let Some((_, body, first)) = key.as_ref().and_then(|key| self.keys.get(key)) {
            if body != ask.body {
                let message = "Same idempotency key used with a different request payload.";
                return error(409, "invalid_idempotent_request", message);
            }
            return answer(200, first);
        }
        match act(self, world, key.clone()) {
            Ok(done) => {
                if let Some(key) = key.filter(|_| self.keys.len() < KEPT) {
                    self.keys.insert(key, (now, ask.body.clone(), done.clone()));
                }
                answer(200, &done)
            }
            Err(refusal) => *refusal,
        }
    }

    /// Takes a mail, to go at once or then; its id.
    fn take(&mut self, world: &mut World, mail: &Value, key: Option<String>, at: Option<Timestamp>) -> String {
        let id = self.id("mail");
        let mut shown = json!({
            "id": id,
            "from": mail["from"],
            "to": people(mail, "to"),
            "cc": people(mail, "cc"),
            "bcc": people(mail, "bcc"),
            "reply_to": people(mail, "reply_to"),
            "subject": mail["subject"],
            "html": mail["html"].as_str().unwrap_or_default(),
            "text": mail["text"].as_str().unwrap_or_default(),
            "created_at": instant(world.now),
        });
        if let Some(at) = at {
            shown["scheduled_at"] = json!(instant(at));
        }
        self.mails.insert(id.clone(), Mail { shown, key, state: "scheduled", round: 0 });
        self.order.push_back(id.clone());
        if self.order.len() > KEPT {
            self.order.pop_front().and_then(|oldest| self.mails.remove(&oldest));
        }
        match at {
            Some(at) => {
                self.tell(world, &id, "email.scheduled", &Value::Null);
                world.plan_for(VENDOR, ms(world.now, at), format!("{id} 0"));
            }
            None => self.go(world, &id),
        }
        id
    }

    fn reschedule(&mut self, world: &mut World, ask: &Ask<'_>, id: &str) -> Response<Bytes> {
        let at = match scheduled(&ask.object().unwrap_or_default(), world.now) {
            Ok(Some(at)) => at,
            Ok(None) => return invalid("`scheduled_at` must be in the future."),
            Err(refusal) => return *refusal,
        };
        let Some(mail) = self.mails.get_mut(id) else { return not_found("Email") };
        if mail.state != "scheduled" {
            return invalid("The email is not scheduled.");
        }
        mail.round += 1;
        mail.shown["scheduled_at"] = json!(instant(at));
        world.plan_for(VENDOR, ms(world.now, at), format!("{id} {}", mail.round));
        answer(200, &json!({"object": "email", "id": id}))
    }

    /// A mail leaves, unless nobody is to be written to any more.
    fn go(&mut self, world: &mut World, id: &str) {
        let Some(mail) = self.mails.get_mut(id) else { return };
        let to = people(&mail.shown, "to");
        let stopped = |person: &String| {
            let address = address(person);
            address == "suppressed@resend.dev" || self.suppressions.iter().any(|one| one["email"] == address)
        };
        if to.iter().all(stopped) {
            mail.state = "suppressed";
            return self.tell(world, id, "email.suppressed", &Value::Null);
        }
        mail.state = "sent";
        let mut kept = mail.shown.clone();
        kept["idempotency_key"] = json!(mail.key);
        let what = format!("{id} {}", mail.round);
        world.mail(kept);
        self.tell(world, id, "email.sent", &Value::Null);
        world.plan_for(VENDOR, 1000, what);
    }

    /// A mail is at the recipient's server.
    fn arrive(&mut self, world: &mut World, id: &str) {
        let Some(mail) = self.mails.get_mut(id) else { return };
        let to = people(&mail.shown, "to");
        let is = |wanted: &str| to.iter().any(|person| address(person) == wanted);
        if is("bounced@resend.dev") {
            mail.state = "bounced";
            self.suppress(world, "bounced@resend.dev", "bounce");
            let message = "The recipient's mailbox does not exist.";
            let bounce = json!({"bounce": {"type": "Permanent", "subType": "General", "message": message}});
            return self.tell(world, id, "email.bounced", &bounce);
        }
        mail.state = "delivered";
        let complains = is("complained@resend.dev");
        self.tell(world, id, "email.delivered", &Value::Null);
        if complains {
            self.mails.entry(id.to_owned()).and_modify(|mail| mail.state = "complained");
            self.suppress(world, "complained@resend.dev", "complaint");
            self.tell(world, id, "email.complained", &Value::Null);
        }
    }

    /// Tells what happened to a mail.
    fn tell(&self, world: &mut World, id: &str, kind: &str, more: &Value) {
        let Some(mail) = self.mails.get(id) else { return };
        let shown = &mail.shown;
        let mut data = json!({
            "email_id": id, "created_at": shown["created_at"], "from": shown["from"], "to": shown["to"],
            "subject": shown["subject"],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            data[name] = value.clone();
        }
        let body = json!({"type": kind, "created_at": instant(world.now), "data": data});
        world.post(VENDOR, None, [], body);
    }

    fn domains(&mut self, world: &World, ask: &Ask<'_>) -> Response<Bytes> {
        let (method, path) = ask.route();
        let at = path.get(1).and_then(|id| self.domains.iter().position(|domain| domain["id"] == **id));
        match (method, path.as_slice(), at) {
            ("GET", ["domains"], _) => listed(ask, &self.domains),
            ("POST", ["domains"], _) => {
                let body = ask.object().unwrap_or_default();
                let Some(name) = text(&body, "name") else {
                    return error(422, "missing_required_field", "Missing `name` field.");
                };
                if self.domains.iter().any(|domain| domain["name"] == name) || self.domains.len() >= LISTED {
                    return error(403, "validation_error", "The domain has been registered already.");
                }
                let record = |record, kind, value: &str| {
                    json!({
                        "record": record, "name": "send", "type": kind, "ttl": "Auto", "status": "not_started",
                        "value": value,
                    })
                };
                let domain = json!({
                    "id": self.id("domain"), "name": name, "status": "not_started", "region": "us-east-1",
                    "created_at": instant(world.now),
                    "records": [
                        record("SPF", "TXT", "v=spf1 include:amazonses.com ~all"),
                        record("DKIM", "TXT", "p=sandbox"),
                    ],
                });
                self.domains.push(domain.clone());
                answer(201, &domain)
            }
            ("GET", ["domains", _], Some(at)) => {
                let mut domain = self.domains[at].clone();
                domain["object"] = json!("domain");
                answer(200, &domain)
            }
            // Whoever asks has set the records, here.
            ("POST", ["domains", id, "verify"], Some(at)) => {
                self.domains[at]["status"] = json!("verified");
                answer(200, &json!({"object": "domain", "id": id}))
            }
            ("DELETE", ["domains", id], Some(at)) => {
                self.domains.remove(at);
                answer(200, &json!({"object": "domain", "id": id, "deleted": true}))
            }
            _ => not_found("Domain"),
        }
    }

    fn suppressions(&mut self, world: &World, ask: &Ask<'_>) -> Response<Bytes> {
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("GET", ["suppressions"]) => listed(ask, &self.suppressions),
            ("POST", ["suppressions"]) => {
                let body = ask.object().unwrap_or_default();
                let Some(email) = text(&body, "email").filter(|email| email.contains('@')) else {
                    return invalid("Invalid `email` field.");
                };
                let id = self.suppress(world, email, "manual");
                answer(201, &json!({"object": "suppression", "id": id}))
            }
            ("DELETE", ["suppressions", which]) => {
                let found = self.suppressions.iter().position(|one| one["id"] == **which || one["email"] == **which);
                let Some(at) = found else { return not_found("Suppression") };
                let gone = self.suppressions.remove(at);
                answer(200, &json!({"object": "suppression", "id": gone["id"], "deleted": true}))
            }
            _ => not_found("Suppression"),
        }
    }

    /// Writes to nobody there any more; the id of the entry.
    fn suppress(&mut self, world: &World, email: &str, origin: &str) -> String {
        if let Some(known) = self.suppressions.iter().find(|one| one["email"] == email) {
            return known["id"].as_str().unwrap_or_default().to_owned();
        }
        let id = self.id("suppression");
        if self.suppressions.len() >= LISTED {
            self.suppressions.remove(0);
        }
        let (source, at) = (Value::Null, instant(world.now));
        self.suppressions.push(json!({"id": id, "email": email, "origin": origin, "source_id": source, "created_at": at}));
        id
    }
}

/// A page of a list, after the entry of that id.
fn listed(ask: &Ask<'_>, all: &[Value]) -> Response<Bytes> {
    let limit = ask.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20usize).clamp(1, 100);
    let after = ask.param("after").map_or(0, |id| all.iter().position(|one| one["id"] == id).map_or(all.len(), |at| at + 1));
    let page: Vec<_> = all[after..].iter().take(limit).collect();
    let more = all.len() - after > limit;
    answer(200, &json!({"object": "list", "has_more": more, "data": page}))
}
