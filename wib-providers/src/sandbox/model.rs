//! What a vendor's model is to the sandbox: something that answers that vendor's requests, in the vendor's own shape.

use bytes::Bytes;
use http::Response;
use serde_json::Value;
use wib_core::kit::Timestamp;

use super::{
    Settings,
    line::{Said, Say},
    wire::{Ask, typed},
    world::World,
};

/// A vendor's model. It keeps what the vendor would keep; what several vendors see (the phone network, the outbox, the
/// clock) is the [`World`]'s.
pub(crate) trait Model: Send {
    /// The name of the operation that a request asks for, as faults know it; `unknown` for none.
    fn operation(&self, ask: &Ask<'_>) -> &'static str;
    /// Answers one request.
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes>;
    /// A failure on order, in the vendor's shape.
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        typed(status, "text/plain", message.to_owned())
    }
    /// An answer that fails in words after it began well, in the vendor's shape.
    fn error_inside(&self, answer: Response<Bytes>) -> Response<Bytes> {
        answer.map(|_| self.failure(500, "Ordered by the sandbox.").into_body())
    }
    /// Takes a WebSocket, or refuses it; gives the name of the session. What the model says in it, it says by
    /// [`World::say`].
    fn accept(&mut self, _world: &mut World, _ask: &Ask<'_>) -> Result<String, Box<Response<Bytes>>> {
        Err(Box::new(typed(404, "text/plain", "no sockets here")))
    }
    /// A header of the handshake's answer: name and value.
    fn greeting(&self, _session: &str) -> Option<(&'static str, String)> {
        None
    }
    /// How many words a session has heard.
    fn words_heard(&self, _session: &str) -> usize {
        0
    }
    /// What a message of its own tells.
    fn told(&self, _message: &Value) -> Told {
        Told::Other
    }
    /// What it says when it fails in the midst of a session: the last of it a closing.
    fn collapse(&self) -> Vec<Say> {
        vec![Say::Close(1011, "Ordered by the sandbox.".to_owned())]
    }
    /// Hears what comes over a session's socket.
    fn heard(&mut self, _world: &mut World, _session: &str, _said: Said<'_>) {}
    /// When a session is to be looked at again, though nothing comes: after a step that was planned.
    fn due(&self, _session: &str) -> Option<Timestamp> {
        None
    }
    /// A session's socket is gone.
    fn hung_up(&mut self, _world: &mut World, _session: &str) {}
    /// Something that this model [planned](World::plan_for) is due.
    fn step(&mut self, _world: &mut World, _what: &str) {}
    /// Something that only a sandbox can do, asked for under `/sandbox/{vendor}/...`; `None` when there is no such thing.
    fn control(&mut self, _world: &mut World, _method: &str, _path: &[&str], _body: &Value) -> Option<Response<Bytes>> {
        None
    }
    /// What verifies its deliveries: a public key, a secret; `None` when it sends none.
    fn verifier(&self) -> Option<String> {
        None
    }
    /// Headers and raw body of a delivery, signed.
    fn sign(&self, post: &Post, _now: Timestamp) -> (Vec<(String, String)>, String) {
        (vec![], post.body.to_string())
    }
    /// What it keeps, for people and tests to look at.
    fn show(&self) -> Value {
        Value::Null
    }
}

/// What a message of a session tells, to whoever ordered a [`LiveFault`](super::LiveFault).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Of speech, and may change.
    Partial,
    /// Of speech, for the last time.
    End,
    /// Of something else.
    Other,
}

/// A webhook on its way.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) id: u64,
    pub(crate) vendor: &'static str,
    /// Where to; `None`: the host's own door.
    pub(crate) url: Option<String>,
    /// Headers that the receiver asked for.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// 1 for the first try.
    pub(crate) attempt: u32,
}

/// How a vendor's model comes into the sandbox.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// The vendor's own hosts.
    pub(crate) hosts: &'static [&'static str],
    /// A model in which nothing has happened yet.
    pub(crate) new: fn(&Settings, u64) -> Box<dyn Model>,
}
