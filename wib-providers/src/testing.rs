//! A transport that follows a script, time that runs by itself, and the shared contracts.

use std::{
    collections::VecDeque,
    future::{pending, ready},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use wib_core::{
    kit::{SeededRandom, Timestamp, VirtualClock},
    ports::{
        Sent,
        webhook::{Headers, Refused, WebhookSource},
    },
};

use crate::{
    http::Wires,
    transport::{Body, SendError, Transport, full},
};

/// What the vendor does with the next request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Answers: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    /// Never answers.
    Silence,
    /// Cannot be reached, or the connection is lost.
    Fails(Sent),
    /// Sends part of a body, then nothing more.
    Stalls(&'static str),
    /// Sends part of a body, then hangs up.
    Cuts(&'static str),
}
impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::json(status, json!({}))
    }
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self::Answer(status, vec![("x-request-id", "req-1".to_owned())], body.to_string().into())
    }
    pub(crate) fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Answer(status, headers, body)
            }
            other => other,
        }
    }
}

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) host: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Timestamp,
}
impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A vendor by script.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) clock: Arc<VirtualClock>,
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}
impl Script {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        Arc::new(Self { clock, replies: Mutex::new(replies.into_iter().collect()), seen: Mutex::default() })
    }
    pub(crate) fn wires(self: &Arc<Self>) -> Wires {
        Wires { transport: self.clone(), clock: self.clock.clone(), random: Arc::new(SeededRandom::new(7)) }
    }
    /// What arrived since the last look.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
    pub(crate) fn one(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "one request");
        seen.remove(0)
    }
    /// Runs a future while time passes: a step of 50 ms whenever nothing else is to do.
    pub(crate) async fn run<F: Future>(&self, future: F) -> F::Output {
        let time = async {
            loop {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                self.clock.advance(Duration::from_millis(50));
            }
        };
        tokio::select! {
            biased;
            output = future => output,
            () = time => unreachable!("time does not end"),
        }
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let target = head.uri.path_and_query().unwrap().to_string();
        let (method, host) = (head.method.to_string(), head.uri.host().unwrap().to_owned());
        let at = wib_core::kit::Clock::now(&*self.clock);
        self.seen.lock().unwrap().push(Seen { method, host, target, headers: head.headers, body, at });
        let reply = self.replies.lock().unwrap().pop_front().expect("the script has an answer for each request");
        let ok = Response::builder().status(200);
        match reply {
            Reply::Answer(status, headers, body) => {
                let response = Response::builder().status(status);
                let response = headers.into_iter().fold(response, |r, (name, value)| r.header(name, value));
                Ok(response.body(full(body)).unwrap())
            }
            Reply::Silence => pending().await,
            Reply::Fails(sent) => Err(SendError { sent, source: "scripted".into() }),
            Reply::Stalls(part) => Ok(ok.body(full(part).with_trailers(pending()).boxed()).unwrap()),
            Reply::Cuts(part) => Ok(ok.body(full(part).with_trailers(ready(Some(Err("cut".into())))).boxed()).unwrap()),
        }
    }
}

/// The shared contracts, when this checkout has them beside it or `WIB_SHARED` names their folder.
fn shared(path: &str) -> Option<Value> {
    let named = std::env::var_os("WIB_SHARED").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let root = named.unwrap_or(beside);
    let places = [root.join("contracts").join(path), root.join(path)];
    if let Some(text) = places.iter().find_map(|place| std::fs::read(place).ok()) {
        return Some(serde_json::from_slice(&text).unwrap());
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "the contract {path} is missing");
    println!("skipped: the contract {path} is not here");
    None
}

/// Asserts that a body conforms to the vendor's request schema.
pub(crate) fn conforms(vendor: &str, path: &str, body: &Value) {
    let Some(mut document) = shared(&format!("{vendor}.openapi.json")) else { return };
    let place = format!("/paths/{}/post/requestBody/content/application~1json/schema", path.replace('/', "~1"));
    let schema = document.pointer(&place).expect("the slice has the operation").clone();
    let mut root = json!({"components": document["components"].take(), "allOf": [schema]});
    open_joined(&mut root);
    let validator = jsonschema::draft202012::new(&root).unwrap();
    let faults: Vec<_> = validator.iter_errors(body).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{vendor} {path}: {faults:#?}\n{body:#}");
}

/// Members of an `allOf` each forbid the others' fields, by the letter; meant is that nobody knows the field.
fn open_joined(root: &mut Value) {
    fn walk(node: &mut Value, names: &mut Vec<String>) {
        if let Some(members) = node.get_mut("allOf").and_then(Value::as_array_mut) {
            let mut closed = false;
            for member in members.iter_mut().filter_map(Value::as_object_mut) {
                closed |= member.remove("additionalProperties") == Some(Value::Bool(false));
                names.extend(member.get("$ref").and_then(Value::as_str).map(str::to_owned));
            }
            let object = node.as_object_mut().unwrap();
            if object.remove("additionalProperties") == Some(Value::Bool(false)) || closed {
                object.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
            }
        }
        match node {
            Value::Object(object) => object.values_mut().for_each(|child| walk(child, names)),
            Value::Array(children) => children.iter_mut().for_each(|child| walk(child, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    walk(root, &mut names);
    for name in names {
        // A member that is joined by others itself keeps its own closing word.
        if let Some(member) = root.pointer_mut(name.trim_start_matches('#')).and_then(Value::as_object_mut) {
            member.remove("additionalProperties");
            member.remove("unevaluatedProperties");
        }
    }
}

/// One signed delivery of the shared vectors.
#[derive(Debug)]
pub(crate) struct Vector {
    pub(crate) value: Value,
    pub(crate) body: Vec<u8>,
}
impl Vector {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.value[key].as_str().unwrap_or_default()
    }
    pub(crate) fn accepted(&self) -> bool {
        self.text("expect") == "accept"
    }
    /// Whether the signature was found good; a parser may refuse the body all the same.
    pub(crate) fn passes(&self, source: &dyn WebhookSource) -> Result<Vec<wib_core::ports::webhook::Event>, Refused> {
        let headers = self.value["headers"].as_object().unwrap();
        let pairs: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes())).collect();
        let now = Timestamp::from_second(self.value["now"].as_i64().unwrap()).unwrap();
        source.open(&Headers(&pairs), &self.body, now).map(wib_core::ports::webhook::Opened::into_events)
    }
    /// Asserts what the vector expects of the signature; what is optional is reported.
    pub(crate) fn holds(&self, source: &dyn WebhookSource) {
        let outcome = self.passes(source);
        let later = [Refused::InvalidJson, Refused::InvalidStructure];
        let good = match &outcome {
            Ok(_) => true,
            Err(why) => self.text("level") == "signature" && later.contains(why),
        };
        if self.value["optional"] == true {
            println!("optional: {} gave {outcome:?}", self.text("id"));
        } else {
            assert_eq!(good, self.accepted(), "{}: {outcome:?}", self.text("id"));
        }
    }
}

/// The shared vectors of a vendor; none when they are not here.
pub(crate) fn vectors(vendor: &str) -> Vec<Vector> {
    let all = shared(&format!("webhooks/{vendor}.json")).unwrap_or_else(|| json!([]));
    let read = |value: &Value| {
        let body = BASE64_STANDARD.decode(value["body_b64"].as_str().unwrap()).unwrap();
        Vector { value: value.clone(), body }
    };
    all.as_array().unwrap().iter().map(read).collect()
}

/// Adds a field that nobody knows to every object, with something odd in it.
pub(crate) fn graft(value: &mut Value, name: &str, odd: &Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|child| graft(child, name, odd));
            object.insert(format!("x_{name}"), odd.clone());
        }
        Value::Array(children) => children.iter_mut().for_each(|child| graft(child, name, odd)),
        _ => {}
    }
}

/// Odd values of fields that nobody knows.
pub(crate) fn odd() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::{Just, any};
    proptest::prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!([{"call_control_id": 1, "id": null}])),
        Just(json!({"data": {"payload": [], "status": {}}})),
    ]
}
use proptest::strategy::Strategy as _;
