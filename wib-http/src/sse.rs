//! Events that are sent as they happen (Server-Sent Events, WHATWG HTML section 9.2).
//!
//! A feed is read into a small buffer, and the client reads from there: a client that does not read costs that much and no
//! more, and after [`SLOW`] it is let go with a last event that says so. Whoever comes back with `Last-Event-ID` goes on
//! where it was.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use metrics::{counter, gauge};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use wib_core::{
    kit::{Clock, Error, Kind, Result, time},
    orgs::OrganizationId,
};

use crate::reply;

/// Events that wait for a client.
const BUFFER: usize = 64;
/// How long a client may leave its buffer full.
const SLOW: Duration = Duration::from_secs(30);
/// How often a line is sent although nothing happens, so that nobody between takes the connection for dead.
const ALIVE: Duration = Duration::from_secs(15);
/// How long a stream lasts at most.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Streams of an organisation that are open at once.
const OF_ONE: usize = 100;
/// Streams of this process.
const OF_ALL: usize = 5000;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// What a client that comes back says it has seen; none: nothing new to go on from.
    pub(crate) id: Option<String>,
    pub(crate) name: &'static str,
    pub(crate) data: Json,
}

impl Event {
    pub(crate) fn new(name: &'static str, data: Json) -> Self {
        Self { id: None, name, data }
    }
    pub(crate) fn at(self, id: impl ToString) -> Self {
        Self { id: Some(id.to_string()), ..self }
    }
    fn written(&self) -> Bytes {
        // JSON has no line ends of its own.
        let id = self.id.as_ref().map(|id| format!("id: {id}\n")).unwrap_or_default();
        format!("{id}event: {}\ndata: {}\n\n", self.name, self.data).into()
    }
}

/// Where events come from.
#[async_trait]
pub(crate) trait Feed: Send + 'static {
    /// The next event, however long it takes; none: that was all. Dropped while it waits, it loses nothing.
    async fn next(&mut self) -> Result<Option<Event>>;
    /// The client was told all it will be told.
    async fn close(&mut self) {}
}

/// How many streams are open.
#[derive(Debug, Default)]
struct Open(Mutex<BTreeMap<OrganizationId, usize>>);

static OPEN: LazyLock<Open> = LazyLock::new(Open::default);

/// Leave to keep a stream open.
#[derive(Debug)]
pub(crate) struct Ticket(OrganizationId, &'static Open);

impl Open {
    fn take(&'static self, organization: OrganizationId) -> Result<Ticket> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.entry(organization).or_default();
        if *own >= OF_ONE || all >= OF_ALL {
            counter!("wib_streams_dropped_total", "why" => "too_many").increment(1);
            let error = Error::new(Kind::RateLimited { retry_after: SLOW }, "RATE_LIMIT", "too many streams are open");
            return Err(error);
        }
        *own += 1;
        gauge!("wib_streams_open").increment(1.0);
        Ok(Ticket(organization, self))
    }
}

impl Ticket {
    /// Leave for one more stream of an organisation.
    ///
    /// # Errors
    /// `RateLimited` when too many are open.
    pub(crate) fn take(organization: OrganizationId) -> Result<Self> {
        OPEN.take(organization)
    }
}
impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.1.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.0) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.0);
            }
        }
        gauge!("wib_streams_open").decrement(1.0);
    }
}

/// What the client says it saw last.
pub(crate) fn last_seen(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok().map(str::trim).filter(|id| !id.is_empty())
}

/// The answer that sends what a feed gives.
pub(crate) fn answer(clock: Arc<dyn Clock>, ticket: Ticket, feed: impl Feed) -> Response {
    let (sender, receiver) = mpsc::channel(BUFFER);
    let parting = Arc::new(OnceLock::new());
    tokio::spawn(pump(clock, ticket, Box::new(feed), sender, parting.clone()));
    let sent = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    // Behind all that was buffered: a buffer that is full has no room for it.
    let last = stream::once(async move { parting.get().map(Event::written) }).filter_map(std::future::ready);
    let body = Body::from_stream(sent.chain(last).map(Ok::<_, Infallible>));
    let mut response = reply::with_type(200, "text/event-stream", body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    // Proxies that gather answers would keep events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

async fn pump(
    clock: Arc<dyn Clock>,
    ticket: Ticket,
    mut feed: Box<dyn Feed>,
    sender: mpsc::Sender<Bytes>,
    parting: Arc<OnceLock<Event>>,
) {
    let until = time::after(clock.now(), LONGEST);
    let mut alive = time::after(clock.now(), ALIVE);
    let dropped = |why: &'static str, event: Event| {
        counter!("wib_streams_dropped_total", "why" => why).increment(1);
        let _ = parting.set(event);
    };
    loop {
        let line = tokio::select! {
            biased;
            () = sender.closed() => break,
            () = clock.sleep_until(until) => {
                dropped("time", Event::new("done", json!({"reason": "time"})));
                break;
            }
            next = feed.next() => match next {
                Ok(Some(event)) => event.written(),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(cause = error.chain(), "a stream of events broke off");
                    let message = if error.kind() == Kind::Internal { "Internal Server Error" } else { error.message() };
                    dropped("fault", Event::new("error", json!({"message": message, "code": error.machine_code()})));
                    break;
                }
            },
            () = clock.sleep_until(alive) => {
                alive = time::after(clock.now(), ALIVE);
                Bytes::from_static(b": keep-alive\n\n")
            }
        };
        match time::timeout(&*clock, SLOW, sender.send(line)).await {
            Some(Ok(())) => {}
            Some(Err(_)) => break,
            None => {
                let told =
                    json!({"message": "events were not read in time: go on from the last one", "code": "SLOW_READER"});
                dropped("slow", Event::new("error", told));
                break;
            }
        }
    }
    drop(sender);
    feed.close().await;
    drop(ticket);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_block_whatever_is_in_it() {
        let event = Event::new("line", json!({"text": "a\nb\r\n\ndata: c"})).at(7);
        assert_eq!(event.written(), "id: 7\nevent: line\ndata: {\"text\":\"a\\nb\\r\\n\\ndata: c\"}\n\n");
        assert_eq!(Event::new("done", json!({})).written(), "event: done\ndata: {}\n\n");
    }

    #[test]
    fn an_organisation_has_so_many_streams_and_gets_them_back() {
        static OPEN: LazyLock<Open> = LazyLock::new(Open::default);
        let (one, other): (OrganizationId, OrganizationId) =
            (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
        let mut tickets: Vec<_> = (0..OF_ONE).map(|_| OPEN.take(one).unwrap()).collect();
        assert_eq!(OPEN.take(one).unwrap_err().http_status(), 429);
        drop(OPEN.take(other).unwrap());
        tickets.pop();
        drop(OPEN.take(one).unwrap());
        drop(tickets);
        assert!(OPEN.0.lock().unwrap().is_empty());
    }
}
