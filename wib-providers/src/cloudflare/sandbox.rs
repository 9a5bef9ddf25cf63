//! Cloudflare: Workers KV and Queues, for any account.
//!
//! A namespace or queue that nobody made is there when it is asked for, such a queue pulled over HTTP, with three retries
//! and a queue of dead letters; one that was removed is gone. A read sees every write, unless the sandbox is told that
//! reads are stale for a minute ([`Settings::stale_reads`](crate::sandbox::Settings)).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use wib_core::kit::time::{Timestamp, after};

use super::{DEAD_QUEUE, kv::CAPS};
use crate::sandbox::{
    chance::Chance,
    model::{Entry, Model},
    wire::{Ask, instant, json as answer, text, typed},
    world::{KEPT, World},
};

/// Cloudflare in the sandbox.
pub(super) const ENTRY: Entry = Entry {
    hosts: &["api.cloudflare.com"],
    new: |settings, seed| {
        let (namespaces, queues, gone) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Box::new(Account { seed, stale: settings.stale_reads, namespaces, queues, gone, bytes: 0, count: 0 })
    },
};

/// How long a write may not be seen elsewhere.
const SETTLING: Duration = Duration::from_secs(60);
/// Most namespaces, and most queues.
const THINGS: usize = 1000;
/// Most bytes of all values together.
const BYTES: usize = 256 << 20;
const DEAD_NAME: &str = "sandbox-dead-letters";

#[derive(Debug)]
struct Account {
    seed: u64,
    stale: bool,
    namespaces: BTreeMap<String, Namespace>,
    queues: BTreeMap<String, Line>,
    /// What was removed.
    gone: BTreeSet<String>,
    bytes: usize,
    count: u64,
}

#[derive(Debug)]
struct Namespace {
    title: String,
    keys: BTreeMap<String, Kept>,
}

/// What lies under a key; `None`: it was deleted.
#[derive(Clone, Debug)]
struct Kept {
    value: Option<Written>,
    at: Timestamp,
    before: Option<Written>,
}

#[derive(Clone, Debug)]
struct Written {
    bytes: Bytes,
    metadata: Value,
    until: Option<Timestamp>,
}

#[derive(Debug)]
struct Line {
    name: String,
    messages: BTreeMap<u64, Message>,
    pulled: Option<Pulled>,
}

#[derive(Clone, Debug)]
struct Pulled {
    id: String,
    retries: u64,
    lease_ms: u64,
    dead_letters: Option<String>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: Value,
    json: bool,
    attempts: u64,
    sent_at: Timestamp,
    visible: Timestamp,
    lease: Option<String>,
}

fn ok(result: &Value) -> Response<Bytes> {
    answer(200, &json!({"success": true, "errors": [], "messages": [], "result": result}))
}
fn error(status: u16, code: u32, message: &str) -> Response<Bytes> {
    let errors = [json!({"code": code, "message": message})];
    answer(status, &json!({"success": false, "errors": errors, "messages": [], "result": null}))
}
fn bad(message: &str) -> Response<Bytes> {
    error(400, 10_026, message)
}
fn key_not_found() -> Response<Bytes> {
    error(404, 10_009, "get: 'key not found'")
}

impl Model for Account {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        let (method, path) = ask.route();
        match (method, path.get(4..).unwrap_or_default()) {
            ("PUT", ["storage", "kv", "namespaces", _, "values", _]) => "kv_put",
            ("GET", ["storage", "kv", "namespaces", _, "values", _]) => "kv_get",
            ("DELETE", ["storage", "kv", "namespaces", _, "values", _]) => "kv_delete",
            (_, ["storage", "kv", "namespaces", _, "metadata", _]) => "kv_metadata",
            (_, ["storage", "kv", "namespaces", _, "keys"]) => "kv_keys",
            (_, ["storage", "kv", "namespaces", _, "bulk", ..]) => "kv_bulk",
            (_, ["storage", "kv", "namespaces", ..]) => "kv_namespaces",
            (_, ["queues", _, "messages"] | ["queues", _, "messages", "batch"]) => "queue_push",
            (_, ["queues", _, "messages", "pull"]) => "queue_pull",
            (_, ["queues", _, "messages", "ack"]) => "queue_ack",
            (_, ["queues", _, "consumers", ..]) => "consumers",
            (_, ["queues", ..]) => "queues",
            _ => "unknown",
        }
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        if !ask.bearer() {
            return error(401, 10_000, "Authentication error");
        }
        let (method, path) = ask.route();
        let ["client", "v4", "accounts", _, rest @ ..] = path.as_slice() else {
            return error(404, 7003, "Could not route to the requested path.");
        };
        let now = world.now;
        match (method, rest) {
            ("GET", ["storage", "kv", "namespaces"]) => self.list_namespaces(ask),
            ("POST", ["storage", "kv", "namespaces"]) => self.create_namespace(ask),
            (_, ["storage", "kv", "namespaces", id, rest @ ..]) => {
                if !self.namespaces.contains_key(*id) && !self.appears(id, self.namespaces.len()) {
                    return error(404, 10_013, "namespace not found");
                }
                let title = format!("namespace-{id}");
                self.namespaces.entry((*id).to_owned()).or_insert(Namespace { title, keys: BTreeMap::new() });
                self.namespace(ask, id, rest, now)
            }
            ("GET", ["queues"]) => ok(&self.queues.iter().map(|(id, line)| line.shown(id, now)).collect()),
            ("POST", ["queues"]) => self.create_queue(ask, now),
            (_, ["queues", id, rest @ ..]) => {
                if !self.queues.contains_key(*id) && !self.appears(id, self.queues.len()) {
                    return error(404, 11_000, "Queue not found.");
                }
                self.queues.entry((*id).to_owned()).or_insert_with(|| Line::found(id));
                self.end_leases(id, now);
                self.line(ask, id, rest, now)
            }
            _ => error(404, 7003, "Could not route to the requested path."),
        }
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        error(status, if status == 429 { 971 } else { 10_001 + u32::from(status) }, message)
    }
    fn show(&self) -> Value {
        let keys: BTreeMap<_, _> = self.namespaces.iter().map(|(id, one)| (id, one.keys.len())).collect();
        let messages: BTreeMap<_, _> = self.queues.iter().map(|(id, line)| (id, line.messages.len())).collect();
        json!({"keys": keys, "messages": messages})
    }
}

/// What a request says of a value to be written.
struct Order {
    key: String,
    bytes: Bytes,
    metadata: Value,
    seconds: Option<u64>,
}

impl Account {
    /// Whether a thing that nobody made is there all the same.
    fn appears(&self, id: &str, there: usize) -> bool {
        super::id(id).is_ok() && !self.gone.contains(id) && there < THINGS
    }
    fn hex(&mut self, what: &str) -> String {
        self.count += 1;
        Chance::of(self.seed, &[what, &self.count.to_string()]).hex(16)
    }
    fn forget(&mut self, id: &str) {
        if self.gone.len() < KEPT {
            self.gone.insert(id.to_owned());
        }
    }

    fn list_namespaces(&self, ask: &Ask<'_>) -> Response<Bytes> {
        let number = |name, usual: usize| ask.param(name).and_then(|n| n.parse().ok()).unwrap_or(usual).max(1);
        let (page, per_page) = (number("page", 1), number("per_page", 20));
        let shown = |(id, one): (&String, &Namespace)| json!({"id": id, "title": one.title, "supports_url_encoding": true});
        let all: Vec<_> = self.namespaces.iter().skip((page - 1).saturating_mul(per_page)).take(per_page).map(shown).collect();
        let info =
            json!({"count": all.len(), "page": page, "per_page": per_page, "total_count": self.namespaces.len()});
        answer(200, &json!({"success": true, "errors": [], "messages": [], "result": all, "result_info": info}))
    }
    fn create_namespace(&mut self, ask: &Ask<'_>) -> Response<Bytes> {
        let body = ask.object().unwrap_or_default();
        let Some(title) = text(&body, "title") else { return bad("a namespace needs a title") };
        if self.namespaces.values().any(|one| one.title == title) || self.namespaces.len() >= THINGS {
            return error(400, 10_014, "a namespace with this account ID and title already exists");
        }
        let id = self.hex("namespace");
        self.namespaces.insert(id.clone(), Namespace { title: title.to_owned(), keys: BTreeMap::new() });
        ok(&json!({"id": id, "title": title, "supports_url_encoding": true}))
    }

    fn namespace(&mut self, ask: &Ask<'_>, id: &str, rest: &[&str], now: Timestamp) -> Response<Bytes> {
        let title = self.namespaces.get(id).map(|one| one.title.clone()).unwrap_or_default();
        match (ask.method.as_str(), rest) {
            ("GET", []) => ok(&json!({"id": id, "title": title, "supports_url_encoding": true})),
            ("PUT", []) => {
                let body = ask.object().unwrap_or_default();
                let Some(title) = text(&body, "title") else { return bad("a namespace needs a title") };
                self.namespaces.entry(id.to_owned()).and_modify(|one| one.title = title.to_owned());
                ok(&json!({}))
            }
            ("DELETE", []) => {
                let keys = self.namespaces.remove(id).map(|one| one.keys).unwrap_or_default();
                self.bytes -= keys.values().map(Kept::bytes).sum::<usize>();
                self.forget(id);
                ok(&json!({}))
            }
            ("GET", ["keys"]) => self.list_keys(ask, id, now),
            ("GET", ["values", key]) => match self.read(id, key, now) {
                Some(written) => typed(200, "application/octet-stream", written.bytes.clone()),
                None => key_not_found(),
            },
            ("GET", ["metadata", key]) => match self.read(id, key, now) {
                Some(written) => ok(&written.metadata),
                None => key_not_found(),
            },
            ("PUT", ["values", key]) => {
                let Some((bytes, metadata)) = form(ask) else { return bad("could not parse the multipart form") };
                self.write(id, vec![Order { key: (*key).to_owned(), bytes, metadata, seconds: None }], now)
            }
            ("DELETE", ["values", key]) => {
                self.put(id, key, None, now);
                ok(&json!({}))
            }
            ("PUT", ["bulk"]) => match bulk(ask) {
                Some(orders) => self.write(id, orders, now),
                None => bad("could not parse the pairs"),
            },
            ("POST", ["bulk", "delete"]) | ("DELETE", ["bulk"]) => {
                let Ok(keys) = serde_json::from_slice::<Vec<String>>(ask.body) else { return bad("expected keys") };
                keys.iter().for_each(|key| self.put(id, key, None, now));
                ok(&json!({"successful_key_count": keys.len(), "unsuccessful_keys": []}))
            }
            ("POST", ["bulk", "get"]) => {
                let body = ask.object().unwrap_or_default();
                let keys: Vec<_> = body["keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                if !(1..=100).contains(&keys.len()) {
                    return bad("1 to 100 keys are read at once");
                }
                let text = |key: &&str| self.read(id, key, now).map(|one| String::from_utf8_lossy(&one.bytes));
                let values: BTreeMap<_, _> = keys.iter().map(|key| (*key, json!(text(key)))).collect();
                ok(&json!({"values": values}))
            }
            _ => error(404, 7003, "Could not route to the requested path."),
        }
    }

    fn read(&self, namespace: &str, key: &str, now: Timestamp) -> Option<&Written> {
        let kept = self.namespaces.get(namespace)?.keys.get(key)?;
        let settled = !self.stale || after(kept.at, SETTLING) <= now;
        let seen = if settled { &kept.value } else { &kept.before };
        seen.as_ref().filter(|written| written.until.is_none_or(|until| until > now))
    }

    /// Writes them all or, when one is refused, none.
    fn write(&mut self, namespace: &str, orders: Vec<Order>, now: Timestamp) -> Response<Bytes> {
        for order in &orders {
            if !(1..=CAPS.key_bytes).contains(&order.key.len()) {
                return error(414, 10_030, "UTF-8 encoded length of a key exceeds the limit of 512.");
            }
            if order.bytes.len() > 25 << 20 || self.bytes + order.bytes.len() > BYTES {
                return error(413, 10_033, "Value length exceeds the limit of 26214400.");
            }
            if order.seconds.is_some_and(|seconds| seconds < 60) {
                return bad("Invalid expiration_ttl. Expiration TTL must be at least 60.");
            }
            let known = self.namespaces.get(namespace).and_then(|one| one.keys.get(&order.key));
            if known.is_some_and(|kept| after(kept.at, Duration::from_secs(1)) > now && kept.value.is_some()) {
                let mut limited = error(429, 971, "Please wait and consider throttling your request speed");
                limited.headers_mut().insert(http::header::RETRY_AFTER, 1.into());
                return limited;
            }
        }
        let count = orders.len();
        for Order { key, bytes, metadata, seconds } in orders {
            let until = seconds.map(|seconds| after(now, Duration::from_secs(seconds)));
            self.put(namespace, &key, Some(Written { bytes, metadata, until }), now);
        }
        ok(&json!({"successful_key_count": count, "unsuccessful_keys": []}))
    }

    fn put(&mut self, namespace: &str, key: &str, value: Option<Written>, now: Timestamp) {
        let Some(namespace) = self.namespaces.get_mut(namespace) else { return };
        let known = namespace.keys.remove(key);
        let before = known.as_ref().and_then(|kept| kept.value.clone());
        let kept = Kept { value, at: now, before };
        self.bytes = self.bytes + kept.bytes() - known.map_or(0, |kept| kept.bytes());
        namespace.keys.insert(key.to_owned(), kept);
        if namespace.keys.len() > KEPT {
            let over = |kept: &Kept| kept.value.as_ref().is_none_or(|one| one.until.is_some_and(|until| until <= now));
            let first = namespace.keys.iter().find(|(_, kept)| over(kept)).or_else(|| namespace.keys.iter().next());
            let first = first.map(|(key, _)| key.clone()).unwrap_or_default();
            self.bytes -= namespace.keys.remove(&first).map_or(0, |kept| kept.bytes());
        }
    }

    fn list_keys(&self, ask: &Ask<'_>, namespace: &str, now: Timestamp) -> Response<Bytes> {
        let limit = ask.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(1000usize);
        if !(10..=1000).contains(&limit) {
            return bad("Invalid limit. It must be between 10 and 1000.");
        }
        let after = ask.param("cursor").and_then(|cursor| String::from_utf8(hex::decode(cursor).ok()?).ok());
        let prefix = ask.param("prefix").unwrap_or_default();
        let there = |key: &&String| {
            key.starts_with(prefix) && after.as_ref().is_none_or(|after| *key > after) && self.read(namespace, key, now).is_some()
        };
        let mut names: Vec<_> =
            self.namespaces.get(namespace).into_iter().flat_map(|one| one.keys.keys()).filter(there).take(limit + 1).collect();
        let more = names.len() > limit;
        names.truncate(limit);
        let cursor = names.last().filter(|_| more).map(hex::encode).unwrap_or_default();
        let shown = |name: &&String| {
            let mut shown = json!({"name": name});
            let written = self.read(namespace, name, now)?;
            if let Some(until) = written.until {
                shown["expiration"] = json!(until.as_second());
            }
            if written.metadata.as_object().is_some_and(|metadata| !metadata.is_empty()) {
                shown["metadata"] = written.metadata.clone();
            }
            Some(shown)
        };
        let result: Vec<_> = names.iter().filter_map(shown).collect();
        let info = json!({"count": result.len(), "cursor": cursor});
        answer(200, &json!({"success": true, "errors": [], "messages": [], "result": result, "result_info": info}))
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        [&self.value, &self.before].into_iter().flatten().map(|written| written.bytes.len()).sum()
    }
}

/// The value and the metadata of a form.
fn form(ask: &Ask<'_>) -> Option<(Bytes, Value)> {
    let boundary = ask.header("content-type")?.strip_prefix("multipart/form-data; boundary=")?;
    let (mut value, mut metadata) = (None, None);
    let mark = format!("--{boundary}");
    let mut rest = &ask.body[..];
    while let Some(at) = find(rest, mark.as_bytes()) {
        rest = rest.get(at + mark.len()..)?;
        let Some(part) = rest.strip_prefix(b"\r\n") else { break };
        let head = find(part, b"\r\n\r\n")?;
        let end = find(part, format!("\r\n{mark}").as_bytes())?;
        let content = ask.body.slice_ref(part.get(head + 4..end)?);
        let name = String::from_utf8_lossy(&part[..head]).into_owned();
        if name.contains("name=\"value\"") {
            value = Some(content);
        } else if name.contains("name=\"metadata\"") {
            metadata = Some(serde_json::from_slice(&content).ok()?);
        }
        rest = &part[end..];
    }
    Some((value?, metadata?))
}
fn find(all: &[u8], wanted: &[u8]) -> Option<usize> {
    all.windows(wanted.len()).position(|window| window == wanted)
}

fn bulk(ask: &Ask<'_>) -> Option<Vec<Order>> {
    let pairs: Vec<Value> = serde_json::from_slice(ask.body).ok()?;
    let order = |pair: &Value| {
        let value = pair["value"].as_str()?;
        let plain = || Some(Bytes::from(value.to_owned()));
        let encoded = || BASE64_STANDARD.decode(value).ok().map(Bytes::from);
        let bytes = if pair["base64"] == true { encoded()? } else { plain()? };
        let metadata = Some(&pair["metadata"]).filter(|metadata| metadata.is_object()).cloned();
        let (key, seconds) = (pair["key"].as_str()?.to_owned(), pair["expiration_ttl"].as_u64());
        Some(Order { key, bytes, metadata: metadata.unwrap_or_else(|| json!({})), seconds })
    };
    (1..=10_000).contains(&pairs.len()).then(|| pairs.iter().map(order).collect())?
}

impl Line {
    /// A queue that nobody made.
    fn found(id: &str) -> Self {
        let dead = id == DEAD_QUEUE;
        let name = if dead { DEAD_NAME.to_owned() } else { format!("queue-{id}") };
        let dead_letters = (!dead).then(|| DEAD_NAME.to_owned());
        let retries = if dead { 100 } else { 3 };
        let pulled = Some(Pulled { id: format!("consumer-{id}"), retries, lease_ms: 30_000, dead_letters });
        Self { name, messages: BTreeMap::new(), pulled }
    }
    fn shown(&self, id: &str, now: Timestamp) -> Value {
        json!({
            "queue_id": id, "queue_name": self.name, "created_on": instant(now), "modified_on": instant(now),
            "producers_total_count": 0, "producers": {}, "consumers_total_count": usize::from(self.pulled.is_some()),
            "consumers": {},
        })
    }
}

impl Account {
    fn create_queue(&mut self, ask: &Ask<'_>, now: Timestamp) -> Response<Bytes> {
        let body = ask.object().unwrap_or_default();
        let Some(name) = text(&body, "queue_name") else { return error(400, 10_026, "a queue needs a name") };
        if self.queues.values().any(|line| line.name == name) || self.queues.len() >= THINGS {
            return error(409, 11_009, "Queue name is already taken.");
        }
        let id = self.hex("queue");
        let line = Line { name: name.to_owned(), messages: BTreeMap::new(), pulled: None };
        let shown = line.shown(&id, now);
        self.queues.insert(id, line);
        ok(&shown)
    }

    fn line(&mut self, ask: &Ask<'_>, id: &str, rest: &[&str], now: Timestamp) -> Response<Bytes> {
        let body = ask.object().unwrap_or_default();
        match (ask.method.as_str(), rest) {
            ("GET", []) => self.queues.get(id).map_or_else(|| ok(&Value::Null), |line| ok(&line.shown(id, now))),
            ("DELETE", []) => {
                self.queues.remove(id);
                self.forget(id);
                ok(&json!({}))
            }
            ("POST", ["messages"]) => self.push(id, &[body], 0, now),
            ("POST", ["messages", "batch"]) => match body["messages"].as_array() {
                Some(messages) => self.push(id, messages, body["delay_seconds"].as_u64().unwrap_or(0), now),
                None => bad("expected messages"),
            },
            ("POST", ["messages", "pull"]) => self.pull(id, &body, now),
            ("POST", ["messages", "ack"]) => self.settle(id, &body, now),
            ("GET", ["consumers"]) => {
                let shown = self.queues.get(id).and_then(|line| Some(consumer(line, line.pulled.as_ref()?, now)));
                ok(&shown.into_iter().collect())
            }
            ("POST", ["consumers"]) => self.create_consumer(id, &body, now),
            ("DELETE", ["consumers", which]) => {
                let Some(line) = self.queues.get_mut(id) else { return ok(&Value::Null) };
                if line.pulled.take_if(|pulled| pulled.id == *which).is_none() {
                    return error(404, 11_003, "Consumer not found.");
                }
                ok(&json!({}))
            }
            _ => error(404, 7003, "Could not route to the requested path."),
        }
    }

    fn create_consumer(&mut self, id: &str, body: &Value, now: Timestamp) -> Response<Bytes> {
        if body["type"] != "http_pull" {
            return bad("this sandbox has consumers of type http_pull only");
        }
        let settings = &body["settings"];
        let retries = settings["max_retries"].as_u64().unwrap_or(3);
        let lease_ms = settings["visibility_timeout_ms"].as_u64().unwrap_or(30_000);
        if retries > 100 || lease_ms > 43_200_000 {
            return bad("max_retries or visibility_timeout_ms is out of bounds");
        }
        let dead_letters = text(body, "dead_letter_queue").map(str::to_owned);
        let pulled = Pulled { id: self.hex("consumer"), retries, lease_ms, dead_letters };
        let Some(line) = self.queues.get_mut(id) else { return ok(&Value::Null) };
        if line.pulled.is_some() {
            return error(409, 11_004, "Queue already has a consumer.");
        }
        let shown = consumer(line, &pulled, now);
        line.pulled = Some(pulled);
        ok(&shown)
    }

    fn push(&mut self, id: &str, messages: &[Value], delay: u64, now: Timestamp) -> Response<Bytes> {
        let size = |message: &Value| message["body"].as_str().map_or_else(|| message["body"].to_string().len(), str::len);
        if !(1..=100).contains(&messages.len()) || messages.iter().map(size).sum::<usize>() > 256_000 {
            return error(413, 10_202, "a batch has 1 to 100 messages and 256 KB at most");
        }
        for message in messages {
            let delay = message["delay_seconds"].as_u64().unwrap_or(delay);
            if message.get("body").is_none() || size(message) > 128_000 || delay > 43_200 {
                return error(400, 10_201, "a message has a body, 128 KB and 12 hours of delay at most");
            }
            if message["content_type"] == "text" && !message["body"].is_string() {
                return error(400, 10_201, "a message of type text is text");
            }
        }
        let waiting: usize = self.queues.values().map(|line| line.messages.len()).sum();
        if waiting + messages.len() > KEPT {
            return error(429, 10_250, "Queue is overloaded. Please back off.");
        }
        for message in messages {
            let visible = after(now, Duration::from_secs(message["delay_seconds"].as_u64().unwrap_or(delay)));
            let message_id = self.hex("message");
            let (body, json) = (message["body"].clone(), message["content_type"] != "text");
            let message =
                Message { id: message_id, body, json, attempts: 0, sent_at: now, visible, lease: None };
            self.queues.entry(id.to_owned()).and_modify(|line| {
                line.messages.insert(self.count, message);
            });
        }
        ok(&Value::Null)
    }

    fn pull(&mut self, id: &str, body: &Value, now: Timestamp) -> Response<Bytes> {
        let Self { seed, queues, count, .. } = self;
        let Some(line) = queues.get_mut(id) else { return ok(&Value::Null) };
        let Some(pulled) = &line.pulled else {
            return error(400, 11_005, "Queue is not enabled for pulling over HTTP.");
        };
        let most = body["batch_size"].as_u64().unwrap_or(5);
        let lease_ms = body["visibility_timeout_ms"].as_u64().unwrap_or(pulled.lease_ms);
        if !(1..=100).contains(&most) || !(1..=43_200_000).contains(&lease_ms) {
            return bad("batch_size or visibility_timeout_ms is out of bounds");
        }
        let most = usize::try_from(most).unwrap_or(100);
        let ready = line.messages.values_mut().filter(|message| message.lease.is_none() && message.visible <= now);
        let mut taken = Vec::new();
        for message in ready.take(most) {
            *count += 1;
            let lease = Chance::of(*seed, &["lease", &count.to_string()]).hex(32);
            message.attempts += 1;
            message.visible = after(now, Duration::from_millis(lease_ms));
            message.lease = Some(lease.clone());
            let body = match &message.body {
                Value::String(text) if !message.json => text.clone(),
                other => BASE64_STANDARD.encode(other.to_string()),
            };
            taken.push(json!({
                "id": message.id, "body": body, "attempts": message.attempts, "lease_id": lease,
                "timestamp_ms": message.sent_at.as_millisecond(),
                "metadata": {"CF-Content-Type": if message.json { "json" } else { "text" }},
            }));
        }
        ok(&json!({"messages": taken, "message_backlog_count": line.messages.len()}))
    }

    fn settle(&mut self, id: &str, body: &Value, now: Timestamp) -> Response<Bytes> {
        let Some(line) = self.queues.get_mut(id) else { return ok(&Value::Null) };
        let held = |line: &Line, entry: &Value| {
            let lease = entry["lease_id"].as_str()?;
            line.messages.iter().find(|(_, one)| one.lease.as_deref() == Some(lease)).map(|(number, _)| *number)
        };
        let (mut acks, mut retries) = (0, 0);
        for entry in body["acks"].as_array().into_iter().flatten() {
            acks += u64::from(held(line, entry).is_some_and(|number| line.messages.remove(&number).is_some()));
        }
        for entry in body["retries"].as_array().into_iter().flatten() {
            let Some(message) = held(line, entry).and_then(|number| line.messages.get_mut(&number)) else { continue };
            message.lease = None;
            message.visible = after(now, Duration::from_secs(entry["delay_seconds"].as_u64().unwrap_or(0).min(43_200)));
            retries += 1;
        }
        self.end_leases(id, now);
        ok(&json!({"ackCount": acks, "retryCount": retries, "warnings": {}}))
    }

    /// Gives back what was held too long, and lays aside what was tried too often.
    fn end_leases(&mut self, id: &str, now: Timestamp) {
        let Some(line) = self.queues.get_mut(id) else { return };
        let Some(pulled) = line.pulled.clone() else { return };
        for message in line.messages.values_mut().filter(|message| message.visible <= now) {
            message.lease = None;
        }
        let spent = |_: &u64, message: &mut Message| message.lease.is_none() && message.attempts > pulled.retries;
        let dead: Vec<_> = line.messages.extract_if(.., spent).collect();
        let Some(name) = pulled.dead_letters.filter(|_| !dead.is_empty()) else { return };
        if name == DEAD_NAME {
            self.queues.entry(DEAD_QUEUE.to_owned()).or_insert_with(|| Line::found(DEAD_QUEUE));
        }
        let Some(grave) = self.queues.values_mut().find(|line| line.name == name) else { return };
        for (number, message) in dead {
            grave.messages.insert(number, Message { attempts: 0, visible: now, lease: None, ..message });
        }
    }
}

fn consumer(line: &Line, pulled: &Pulled, now: Timestamp) -> Value {
    json!({
        "consumer_id": pulled.id, "created_on": instant(now), "environment": "production", "queue_name": line.name,
        "script_name": "", "dead_letter_queue": pulled.dead_letters.as_deref().unwrap_or_default(), "type": "http_pull",
        "settings": {"batch_size": 10, "max_retries": pulled.retries, "visibility_timeout_ms": pulled.lease_ms},
    })
}
