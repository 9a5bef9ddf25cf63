//! A transport that follows a script, and time that runs by itself.

#[cfg(feature = "_vendor")]
mod canary;
#[cfg(feature = "_vendor")]
pub(crate) mod contract;
#[cfg(feature = "_vendor")]
pub(crate) mod contracts;
#[cfg(feature = "_vendor")]
pub(crate) mod vectors;

use std::{
    collections::VecDeque,
    future::{pending, ready},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use wib_core::{
    kit::{SeededRandom, Timestamp, VirtualClock},
    ports::Sent,
};

use crate::{
    http::Wires,
    transport::{Body, Duplex, SendError, Transport, full},
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
    /// The far ends of connections that were dialled.
    lines: Mutex<VecDeque<(Uri, DuplexStream)>>,
    /// How many more dials find nobody.
    pub(crate) refuse_dials: AtomicU32,
}
impl Script {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        let replies = Mutex::new(replies.into_iter().collect());
        Arc::new(Self { clock, replies, seen: Mutex::default(), lines: Mutex::default(), refuse_dials: 0.into() })
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
    /// The far end of the next connection, once it is dialled, and to where.
    pub(crate) async fn line(&self) -> (Uri, DuplexStream) {
        loop {
            if let Some(line) = self.lines.lock().unwrap().pop_front() {
                return line;
            }
            tokio::task::yield_now().await;
        }
    }
    /// The same with the handshake made: the request, and the vendor's side of the socket.
    pub(crate) async fn answered(&self) -> (Request<()>, WebSocketStream<DuplexStream>) {
        let (_, io) = self.line().await;
        let mut asked = None;
        #[expect(clippy::result_large_err, reason = "the library's own type")]
        let socket = accept_hdr_async(io, |request: &Request<()>, response| {
            asked = Some(request.clone());
            Ok(response)
        });
        let socket = socket.await.unwrap();
        (asked.unwrap(), socket)
    }
    /// Runs a future while time passes: a step of 50 ms whenever nothing else is to do.
    pub(crate) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        let future = Box::pin(future);
        let time = async {
            loop {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                self.clock.advance(Duration::from_millis(50));
            }
        };
        async move {
            tokio::select! {
                biased;
                output = future => output,
                () = time => unreachable!("time does not end"),
            }
        }
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (head, body) = request.into_parts();
        // A body that breaks while it is sent reaches nobody whole.
        let body = body.collect().await.map_err(|source| SendError { sent: Sent::Unknown, source })?.to_bytes();
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

    async fn dial(&self, to: &Uri) -> io::Result<Box<dyn Duplex>> {
        let refuse = |left: u32| left.checked_sub(1);
        if self.refuse_dials.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refuse).is_ok() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = tokio::io::duplex(64 << 10);
        self.lines.lock().unwrap().push_back((to.clone(), far));
        Ok(Box::new(near))
    }
}
