//! Resend: mails that land in an outbox, once per idempotency key.

use std::{
    collections::BTreeMap,
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use wib_core::kit::time::Timestamp;

use crate::sandbox::{
    chance::Chance,
    model::{Entry, Model},
    wire::{Ask, instant, json as answer, text},
    world::World,
};

/// Resend in the sandbox.
pub(super) const ENTRY: Entry = Entry { hosts: &["api.resend.com"], new: |_, _| Box::new(Mails::default()) };

/// How long an `Idempotency-Key` is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The keys that mails were sent with; the mails lie in the outbox.
#[derive(Debug, Default)]
struct Mails {
    keys: BTreeMap<String, (Timestamp, Bytes, String)>,
    count: u64,
}

/// The answer in Resend's shape of errors.
fn error(status: u16, name: &str, message: &str) -> Response<Bytes> {
    answer(status, &json!({"statusCode": status, "name": name, "message": message}))
}

impl Model for Mails {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", ["emails"]) => "send",
            ("GET", ["emails", _]) => "email",
            ("GET", ["domains"]) => "domains",
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
            ("POST", ["emails"]) => self.send(world, ask),
            ("GET", ["emails", id]) => match world.outbox.iter().find(|mail| mail["id"] == **id) {
                Some(mail) => {
                    let mut shown = mail.clone();
                    shown["object"] = json!("email");
                    shown["last_event"] = json!("delivered");
                    answer(200, &shown)
                }
                None => error(404, "not_found", "Email not found"),
            },
            ("GET", ["domains"]) => answer(200, &json!({"object": "list", "has_more": false, "data": []})),
            _ => error(404, "not_found", "The requested endpoint does not exist"),
        }
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        error(status, if status == 429 { "rate_limit_exceeded" } else { "application_error" }, message)
    }
}

impl Mails {
    fn send(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        let Some(mail) = ask.object() else { return error(422, "validation_error", "The body is not valid JSON.") };
        let people = |field: &str| match &mail[field] {
            Value::String(one) => vec![one.clone()],
            Value::Array(many) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        let to = people("to");
        for (field, there) in [
            ("from", text(&mail, "from").is_some()),
            ("to", !to.is_empty()),
            ("subject", text(&mail, "subject").is_some()),
            ("html` or `text", ["html", "text", "template"].iter().any(|field| !mail[*field].is_null())),
        ] {
            if !there {
                return error(422, "missing_required_field", &format!("Missing `{field}` field."));
            }
        }
        if to.len() > 50 || to.iter().any(|one| !one.contains('@')) {
            let message = "Invalid `to` field. The email address needs to follow the `email@example.com` format.";
            return error(422, "validation_error", message);
        }
        let (now, key) = (world.now, ask.header("idempotency-key").map(str::to_owned));
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 256) {
            return error(400, "invalid_idempotency_key", "The key must be between 1-256 chars.");
        }
        let young = |at: &Timestamp| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < REMEMBERED);
        self.keys.retain(|_, (at, ..)| young(at));
        if let Some((_, body, id)) = key.as_ref().and_then(|key| self.keys.get(key)) {
            if body != ask.body {
                let message = "Same idempotency key used with a different request payload.";
                return error(409, "invalid_idempotent_request", message);
            }
            return answer(200, &json!({"id": id}));
        }
        self.count += 1;
        let id = Chance::of(world.seed, &["mail", &self.count.to_string()]).uuid().to_string();
        world.mail(json!({
            "id": id,
            "from": mail["from"],
            "to": to,
            "subject": mail["subject"],
            "html": mail["html"].as_str().unwrap_or_default(),
            "text": mail["text"].as_str().unwrap_or_default(),
            "created_at": instant(now),
            "idempotency_key": key,
        }));
        if let Some(key) = key {
            self.keys.insert(key, (now, ask.body.clone(), id.clone()));
        }
        answer(200, &json!({"id": id}))
    }
}
