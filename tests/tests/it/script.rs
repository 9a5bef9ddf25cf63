//! Vendors by script: what answers Telnyx's and AssemblyAI's own adapters, and what was asked.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use wib_core::ports::Sent;
use wib_providers::{
    http::Wires,
    transport::{Body, SendError, Transport, full},
};

use crate::stage::Sets;

/// The audio of every scripted recording.
pub(crate) const AUDIO: &[u8] = b"ID3 two people talk about a debt";

/// A leg as the script hands it out.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) control: String,
    pub(crate) leg: String,
    pub(crate) session: String,
}

type Naming = Box<dyn Fn(&str) -> Names + Send + Sync>;

/// Telnyx and AssemblyAI, by script. Calls are named by their `command_id`, transcripts in the order of their orders.
pub(crate) struct Script {
    names: Naming,
    transcript: Box<dyn Fn(usize) -> String + Send + Sync>,
    asked: Mutex<Vec<(String, Value)>>,
    orders: Mutex<BTreeMap<String, String>>,
    /// Dials take effect and their answers are lost.
    loses_dials: bool,
}
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub(crate) fn new(
        names: impl Fn(&str) -> Names + Send + Sync + 'static,
        transcript: impl Fn(usize) -> String + Send + Sync + 'static,
    ) -> Self {
        let (names, transcript) = (Box::new(names), Box::new(transcript));
        Self { names, transcript, asked: Mutex::default(), orders: Mutex::default(), loses_dials: false }
    }
    pub(crate) fn loses_dials(self, loses_dials: bool) -> Self {
        Self { loses_dials, ..self }
    }
    pub(crate) fn wires(self: &Arc<Self>, sets: &Sets) -> Wires {
        Wires { transport: self.clone(), clock: sets.clock.clone(), random: sets.random.clone() }
    }
    /// The bodies of the requests to paths with that end.
    pub(crate) fn asked(&self, end: &str) -> Vec<Value> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(path, _)| path.ends_with(end))
            .map(|(_, body)| body.clone())
            .collect()
    }

    /// The call of a dial, as Telnyx shows it.
    fn call(&self, dial: &Value) -> Value {
        let Names { control, leg, session } = (self.names)(dial["command_id"].as_str().unwrap());
        let state = &dial["client_state"];
        json!({"call_control_id": control, "call_leg_id": leg, "call_session_id": session, "client_state": state})
    }

    fn answer(&self, method: &str, host: &str, path: &str, body: &Bytes) -> (u16, Bytes) {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let told = |value: Value| (200, Bytes::from(value.to_string()));
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let answer = match (method, host, parts.as_slice()) {
            ("POST", "api.telnyx.com", ["v2", "calls"]) => told(json!({"data": self.call(&asked)})),
            ("GET", "api.telnyx.com", ["v2", "connections", _, "active_calls"]) => {
                let dialled: Vec<_> = self.asked("/v2/calls").iter().map(|dial| self.call(dial)).collect();
                told(json!({"data": dialled, "meta": {}}))
            }
            ("POST", "api.telnyx.com", ["v2", "calls", _, "actions", _]) => told(json!({"data": {"result": "ok"}})),
            ("POST", "api.assemblyai.com", ["v2", "upload"]) => {
                let n = self.asked("/v2/upload").len();
                told(json!({"upload_url": format!("https://cdn.assemblyai.com/upload/{n}")}))
            }
            ("POST", "api.assemblyai.com", ["v2", "transcript"]) => {
                let mut orders = self.orders.lock().unwrap();
                let n = orders.len();
                let id = orders.entry(asked["audio_url"].to_string()).or_insert_with(|| (self.transcript)(n));
                told(json!({"id": id, "status": "queued"}))
            }
            ("GET", "api.assemblyai.com", ["v2", "transcript", id]) => told(json!({
                "id": id, "status": "completed", "multichannel": true, "audio_duration": 4, "language_code": "en_us",
                "speech_model_used": "universal-2", "utterances": [
                    {"start": 100, "end": 1900, "text": "Hello, who is it?", "confidence": 0.98, "channel": "1"},
                    {"start": 2100, "end": 3900, "text": "This is about your account.", "confidence": 0.97,
                     "channel": "2"},
                ],
            })),
            ("GET", _, [.., file]) if file.ends_with(".mp3") || file.ends_with(".wav") => {
                (200, Bytes::from_static(AUDIO))
            }
            _ => (404, Bytes::from_static(b"{}")),
        };
        self.asked.lock().unwrap().push((path.to_owned(), asked));
        answer
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|source| SendError { sent: Sent::No, source })?.to_bytes();
        let host = head.uri.host().unwrap_or_default();
        let (status, body) = self.answer(head.method.as_str(), host, head.uri.path(), &body);
        if self.loses_dials && head.uri.path() == "/v2/calls" {
            return Err(SendError { sent: Sent::Unknown, source: "the connection was lost".into() });
        }
        Ok(Response::builder().status(status).body(full(body)).unwrap())
    }
}

/// The text behind a `client_state`.
pub(crate) fn state(body: &Value) -> String {
    String::from_utf8(BASE64_STANDARD.decode(body["client_state"].as_str().unwrap()).unwrap()).unwrap()
}
