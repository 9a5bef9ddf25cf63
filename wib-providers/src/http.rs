//! One client for every vendor: addresses, keys, deadlines, limits, retries, and failures in the core's words.
//!
//! Rules of retry (every adapter's, so nowhere else): only what is safe to repeat is repeated, and only after a failed
//! connection, a cut or late answer, 408, 425, 429 or 5xx. Safe are GET, DELETE, and what the adapter marks
//! [`repeatable`](Ask::repeatable); anything is safe that never left ([`Sent::No`]). A vendor that says itself whether a
//! repeat may help (`Stripe-Should-Retry`, `X-Should-Retry`) is believed, but never about what is not safe.
//!
//! A vendor that says "no more until then" (a 429 with `Retry-After`, or [`Limits`] of which nothing remains) is not asked
//! the same operation again before then: requests wait within the policy's patience, else they fail without having left.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::BodyExt;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;
use wib_core::{
    kit::{
        Clock, Random,
        time::{Timestamp, after, timeout},
    },
    ports::{Fault, Sent, VendorError, transcriber::AudioPieces},
};

use crate::{
    decimal::millionths_rounded_up,
    socket::{self, Incoming, Outgoing},
    transport::{Body, BoxError, Transport, full, streamed},
    vendor::{Asked, Port, Probe},
};

/// What every adapter is plugged into.
#[derive(Clone, Debug)]
pub struct Wires {
    /// What carries requests: [`Network`](crate::transport::Network), or a sandbox.
    pub transport: Arc<dyn Transport>,
    /// Where "now", deadlines and waits come from.
    pub clock: Arc<dyn Clock>,
    /// Where the jitter of waits comes from.
    pub random: Arc<dyn Random>,
}

/// How long, how often, how much and how many at once.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Longest wait for an answer's head.
    pub first_byte: Duration,
    /// Longest wait for each piece of its body.
    pub chunk: Duration,
    /// Longest time for everything together, repeats and waits included.
    pub total: Duration,
    /// Most bytes of an answer.
    pub answer_cap: u64,
    /// Most tries, the first included.
    pub tries: u32,
    /// The wait before the first repeat; doubles.
    pub backoff: Duration,
    /// Longest wait between tries. A vendor that asks for a longer one (`Retry-After`) is not asked again here: the
    /// failure goes to the caller with the vendor's wish.
    pub patience: Duration,
    /// Most requests under way at once.
    pub at_once: usize,
}
impl Default for Policy {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            chunk: Duration::from_secs(10),
            total: Duration::from_secs(45),
            answer_cap: 8 << 20,
            tries: 3,
            backoff: Duration::from_millis(500),
            patience: Duration::from_secs(8),
            at_once: 20,
        }
    }
}

/// The settings that every vendor's builder has, over its fields `base_url`, `policy` and `live`.
#[cfg(feature = "_vendor")]
macro_rules! settings {
    () => {
        /// Another address, with its path: another region, a gateway, a mock, a sandbox.
        #[must_use]
        pub fn base_url(mut self, url: impl Into<String>) -> Self {
            self.base_url = url.into();
            self
        }
        /// What was set, as whoever wires knows it: the address, when one was, and whether it is live.
        fn given(mut self, given: &$crate::vendor::Given<'_>, address: &str) -> Self {
            if let Some(url) = given.text(address) {
                self.base_url = url.to_owned();
            }
            self.live = given.live;
            self
        }
        /// Other deadlines and limits.
        #[must_use]
        pub fn policy(mut self, policy: $crate::http::Policy) -> Self {
            self.policy = policy;
            self
        }
        /// False for a sandbox behind the same wire.
        #[must_use]
        pub fn live(mut self, live: bool) -> Self {
            self.live = live;
            self
        }
    };
}
#[cfg(feature = "_vendor")]
pub(crate) use settings;

/// A refusal in the vendor's own words.
#[derive(Debug, Default)]
pub struct Words {
    /// What the vendor's code means, where it says more than the status.
    pub fault: Option<Fault>,
    /// The vendor's code.
    pub code: Option<String>,
    /// The vendor's words; the client shortens and masks them.
    pub message: Option<String>,
}

/// Reads a refusal's body; the first argument is the status.
pub type ReadWords = fn(u16, &Value) -> Words;

/// A vendor's address with the keys to it.
#[derive(Clone)]
pub struct Client {
    vendor: &'static str,
    base: String,
    headers: Vec<(HeaderName, SecretString)>,
    words: ReadWords,
    policy: Policy,
    wires: Wires,
    seats: Arc<Semaphore>,
    // Until when the vendor wants to hear nothing.
    held: Arc<Mutex<BTreeMap<&'static str, Timestamp>>>,
}
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("vendor", &self.vendor).field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the vendor at that address, which keeps its path (`https://api.telnyx.com/v2`).
    #[must_use]
    pub fn new(vendor: &'static str, base: &str, policy: Policy, words: ReadWords, wires: Wires) -> Self {
        let (seats, held) = (Arc::new(Semaphore::new(policy.at_once)), Arc::default());
        let base = base.trim_end_matches('/').to_owned();
        Self { vendor, base, headers: Vec::new(), words, policy, wires, seats, held }
    }
    /// The same with a header that proves who we are; it goes to this address only.
    #[must_use]
    pub fn key(mut self, name: HeaderName, value: SecretString) -> Self {
        self.headers.push((name, value));
        self
    }
    /// The same with `Authorization: Bearer <key>`.
    #[must_use]
    pub fn bearer(self, key: &SecretString) -> Self {
        self.key(header::AUTHORIZATION, format!("Bearer {}", key.expose_secret()).into())
    }
    /// This instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wires.clock.now()
    }
    /// A request to a path of this address. `{}` in the template take the values of [`Ask::fill`] in turn; the template
    /// alone is logged.
    pub fn ask(&self, operation: &'static str, method: Method, template: &'static str) -> Ask<'_> {
        let url = format!("{}{template}", self.base);
        let safe = method == Method::GET || method == Method::DELETE;
        Ask {
            client: self,
            operation,
            method,
            template,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            stream: None,
            any_status: false,
            safe,
            policy: self.policy.clone(),
        }
    }
    /// A GET of an address the vendor named. The keys go along only to the vendor's own origin.
    pub fn ask_url(&self, operation: &'static str, url: &str) -> Ask<'_> {
        Ask { url: url.to_owned(), ..self.ask(operation, Method::GET, "{url}") }
    }
    /// A request to an address that somebody named. The keys go along only to the vendor's own origin.
    pub fn post_url(&self, operation: &'static str, url: &str, method: Method) -> Ask<'_> {
        Ask { url: url.to_owned(), safe: false, ..self.ask(operation, method, "{url}") }
    }
    /// A failure of this vendor, with nothing known but its kind.
    #[must_use]
    pub fn fault(&self, fault: Fault, sent: Sent, message: &str) -> VendorError {
        VendorError::new(self.vendor, fault, sent, message)
    }
    /// A question for a doctor: GET of a path that costs nothing and wants the key. `filling` goes where the template has
    /// `{}`.
    pub fn probe(&self, port: Port, template: &'static str, filling: &str) -> Probe {
        let (client, filling) = (self.clone(), filling.to_owned());
        let ask = move || {
            let (client, filling) = (client.clone(), filling.clone());
            let asked = async move { client.ask("probe", Method::GET, template).fill(&filling).send().await.map(drop) };
            Box::pin(asked) as Asked
        };
        Probe { vendor: self.vendor, port, what: template, ask: Box::new(ask) }
    }
    /// A vendor's words as they may be shown: shortened, masked, without our keys.
    pub(crate) fn said(&self, words: &str) -> String {
        mask(&self.without_keys(words), 200)
    }
    /// The vendor's name.
    pub(crate) fn vendor(&self) -> &'static str {
        self.vendor
    }
    /// The clock that its deadlines are on.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.wires.clock
    }
    /// A vendor's words without our keys: some vendors repeat the key that they refuse.
    fn without_keys(&self, words: &str) -> String {
        let keys = self.headers.iter().map(|(_, key)| key.expose_secret());
        let keys = keys.map(|key| key.split_once(' ').map_or(key, |(_, bare)| bare)).filter(|key| key.len() >= 8);
        keys.fold(words.to_owned(), |words, key| words.replace(key, "[key]"))
    }
    /// Waits until the vendor wants to hear of that operation again. One has its limit, the others go on: a hang-up does not
    /// wait for dials.
    async fn let_through(&self, operation: &str, patience: Duration, deadline: Timestamp) -> Result<(), VendorError> {
        loop {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(operation).copied();
            let Some(until) = held.filter(|until| *until > self.now()) else { return Ok(()) };
            let wait = left(&*self.wires.clock, until);
            if wait > patience || until >= deadline {
                let error = self.fault(Fault::RateLimited, Sent::No, "the vendor's limit is reached");
                return Err(VendorError { retry_after: Some(wait), ..error });
            }
            self.wires.clock.sleep_until(until).await;
        }
    }
    /// Notes that the vendor wants to hear nothing of that operation for that long.
    fn hold(&self, operation: &'static str, wait: Duration) {
        let until = after(self.now(), wait);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.entry(operation).and_modify(|known| *known = until.max(*known)).or_insert(until);
    }
    fn at_home(&self, url: &Uri) -> bool {
        let home: Option<Uri> = self.base.parse().ok();
        home.is_some_and(|home| home.scheme() == url.scheme() && home.authority() == url.authority())
    }
}

/// A request being put together.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Ask<'a> {
    client: &'a Client,
    operation: &'static str,
    method: Method,
    template: &'static str,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    stream: Option<Stream>,
    any_status: bool,
    safe: bool,
    policy: Policy,
}

/// A body that is read as it is sent, with whether it was cut because it is too long.
struct Stream {
    body: Body,
    too_long: Arc<AtomicBool>,
}
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

impl Ask<'_> {
    /// Puts a value, percent-encoded, in the place of the next `{}`.
    pub fn fill(mut self, value: &str) -> Self {
        self.url = self.url.replacen("{}", &encode(value), 1);
        self
    }
    /// Adds a parameter to the query.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let joint = if self.url.contains('?') { '&' } else { '?' };
        self.url = format!("{}{joint}{}={}", self.url, encode(name), encode(value));
        self
    }
    /// Adds a header. A value that no header can hold is left out.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }
    /// A body of JSON.
    pub fn json(self, body: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(body).expect("bodies hold nothing that JSON does not");
        self.bytes(bytes.into(), "application/json")
    }
    /// A body of form fields, percent-encoded, in the order given.
    pub fn form<'f>(self, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Self {
        let pairs = fields.into_iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.bytes(body.into(), "application/x-www-form-urlencoded")
    }
    /// A body of bytes.
    pub fn bytes(mut self, body: Bytes, content_type: &'static str) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body;
        self
    }
    /// A body that comes piece by piece, at most `most` bytes of it. Such a request is sent once.
    pub fn stream(mut self, pieces: AudioPieces, most: u64, content_type: &'static str) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let too_long = Arc::new(AtomicBool::new(false));
        let (told, mut left) = (too_long.clone(), Some(most));
        let capped = pieces.map(move |piece| {
            let piece = piece?;
            left = left.and_then(|left| left.checked_sub(piece.len() as u64));
            if left.is_none() {
                told.store(true, Ordering::Relaxed);
                return Err(BoxError::from("larger than allowed"));
            }
            Ok(piece)
        });
        self.stream = Some(Stream { body: streamed(capped), too_long });
        self.policy.tries = 1;
        self
    }
    /// Takes an answer of any status for one: whoever asks reads it.
    pub fn any_status(mut self) -> Self {
        self.any_status = true;
        self
    }
    /// Says that a repeat has no second effect (the vendor knows it by a key).
    pub fn repeatable(mut self) -> Self {
        self.safe = true;
        self
    }
    /// Takes at most that many bytes of the answer.
    pub fn at_most(mut self, bytes: u64) -> Self {
        self.policy.answer_cap = bytes;
        self
    }
    /// Waits longer, or less long, than the client's policy: for big bodies.
    pub fn within(mut self, limit: Duration) -> Self {
        self.policy.first_byte = limit;
        self.policy.total = limit;
        self
    }

    /// Lets everything together take longer, or less long, than the client's policy: for answers that are long in coming.
    pub fn lasting(mut self, limit: Duration) -> Self {
        self.policy.total = limit;
        self
    }

    /// Sends it, again where that is safe and may help; the whole answer.
    ///
    /// # Errors
    /// What the vendor said, or that it said nothing; [`VendorError::sent`] tells whether it may have taken effect.
    pub async fn send(mut self) -> Result<Answer, VendorError> {
        let mut course = Course::new(&self);
        loop {
            let span = self.span(course.tries);
            let tried = async {
                match Box::pin(self.opened(course.deadline)).await {
                    Ok(flow) => flow.whole().await.map_err(Failed::from),
                    Err(failed) => Err(failed),
                }
            };
            let outcome = tried.instrument(span).await;
            if let Some(end) = course.judge(&self, outcome).await {
                return end;
            }
        }
    }

    /// The same, but the answer's body is given piece by piece as it comes. Nothing is repeated once it has begun.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn open(mut self) -> Result<Flow, VendorError> {
        let mut course = Course::new(&self);
        loop {
            let span = self.span(course.tries);
            let outcome = Box::pin(self.opened(course.deadline)).instrument(span).await;
            if let Some(end) = course.judge(&self, outcome).await {
                return end;
            }
        }
    }

    /// Opens a WebSocket at that address. Only a connection that failed is tried again: the vendor may count, and bill,
    /// what it has opened.
    ///
    /// # Errors
    /// When the vendor refuses, in its own words, or does not answer in time.
    pub async fn upgrade(mut self, limits: socket::Limits) -> Result<(Outgoing, Incoming), VendorError> {
        self.safe = false;
        let mut course = Course::new(&self);
        loop {
            let outcome = self.upgraded(course.deadline, &limits).await.map_err(Failed::from);
            if let Some(end) = course.judge(&self, outcome).await {
                return end;
            }
        }
    }

    async fn upgraded(
        &self,
        deadline: Timestamp,
        limits: &socket::Limits,
    ) -> Result<(Outgoing, Incoming), VendorError> {
        let client = self.client;
        let clock = &*client.wires.clock;
        let request = self.build()?.map(drop);
        let shaken = Box::pin(socket::shake(&client.wires, request, limits));
        match timeout(clock, self.policy.first_byte.min(left(clock, deadline)), shaken).await {
            Some(Ok((socket, headers))) => {
                Ok(socket::halves(socket, client.clone(), limits.clone(), request_id(&headers)))
            }
            Some(Err(socket::Unshaken::Refused(answer))) => {
                let body = answer.body().as_deref().and_then(|body| serde_json::from_slice(body).ok());
                let request_id = request_id(answer.headers());
                Err(self.refusal(answer.status(), answer.headers(), request_id, &body.unwrap_or_default()))
            }
            Some(Err(socket::Unshaken::NoConnection)) => Err(client.fault(Fault::Down, Sent::No, "no connection")),
            Some(Err(socket::Unshaken::Unsupported)) => {
                Err(client.fault(Fault::Request, Sent::No, "this transport carries no WebSockets"))
            }
            Some(Err(socket::Unshaken::Broken)) => {
                Err(client.fault(Fault::Down, Sent::Unknown, "the connection was lost"))
            }
            Some(Err(socket::Unshaken::Nonsense)) => {
                Err(client.fault(Fault::Nonsense, Sent::Unknown, "not the answer of a WebSocket"))
            }
            None => Err(client.fault(Fault::Timeout, Sent::Unknown, "no answer in time")),
        }
    }

    /// One try, up to the head of an answer that is no refusal.
    async fn opened(&mut self, deadline: Timestamp) -> Result<Flow, Failed> {
        let client = self.client;
        let clock = &*client.wires.clock;
        let mut request = self.build()?;
        let mut too_long = None;
        if let Some(stream) = self.stream.take() {
            *request.body_mut() = stream.body;
            too_long = Some(stream.too_long);
        }
        client.let_through(self.operation, self.policy.patience, deadline).await?;
        let seat = timeout(clock, left(clock, deadline), client.seats.clone().acquire_owned()).await;
        let Some(Ok(seat)) = seat else {
            return Err(client.fault(Fault::Timeout, Sent::No, "too many requests under way").into());
        };
        let limit = self.policy.first_byte.min(left(clock, deadline));
        let response = match timeout(clock, limit, client.wires.transport.send(request)).await {
            Some(Ok(response)) => response,
            Some(Err(_)) if too_long.is_some_and(|cut| cut.load(Ordering::Relaxed)) => {
                return Err(client.fault(Fault::Request, Sent::No, "the body is larger than allowed").into());
            }
            Some(Err(e)) if e.sent == Sent::No => {
                return Err(client.fault(Fault::Down, e.sent, "no connection").into());
            }
            Some(Err(e)) => return Err(client.fault(Fault::Down, e.sent, "the connection was lost").into()),
            None => return Err(client.fault(Fault::Timeout, Sent::Unknown, "no answer in time").into()),
        };
        let (head, body) = response.into_parts();
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let limits = Limits::read(&head.headers);
        if let Some(wait) = limits.wait() {
            client.hold(self.operation, wait);
        }
        let flow = Flow {
            vendor: client.vendor,
            status: head.status,
            content_type: content_type.unwrap_or_default().to_owned(),
            request_id: request_id(&head.headers),
            limits,
            body,
            clock: client.wires.clock.clone(),
            chunk: self.policy.chunk,
            deadline,
            left: self.policy.answer_cap,
            _seat: seat,
        };
        if head.status.is_success() || self.any_status {
            return Ok(flow);
        }
        let request_id = flow.request_id.clone();
        let body = flow.whole().await.ok().and_then(|answer| serde_json::from_slice(&answer.body).ok());
        let error = self.refusal(head.status, &head.headers, request_id, &body.unwrap_or_default());
        Err(Failed { error, again: should_retry(&head.headers) })
    }

    fn build(&self) -> Result<Request<Body>, VendorError> {
        let bad = |message| self.client.fault(Fault::Request, Sent::No, message);
        let uri: Uri = self.url.parse().map_err(|_| bad("not an address"))?;
        let mut request = Request::new(full(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        let agent = concat!("word-is-bond/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(agent));
        for (name, secret) in self.client.headers.iter().filter(|_| self.client.at_home(&uri)) {
            let mut value = HeaderValue::from_str(secret.expose_secret())
                .map_err(|_| self.client.fault(Fault::Credentials, Sent::No, "a key holds characters no header can"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        *request.uri_mut() = uri;
        Ok(request)
    }

    fn refusal(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        request_id: Option<String>,
        body: &Value,
    ) -> VendorError {
        let code = status.as_u16();
        let words = (self.client.words)(code, body);
        let (fault, sent) = match code {
            300..=399 => (Fault::Nonsense, Sent::Refused),
            401 | 403 => (Fault::Credentials, Sent::Refused),
            402 => (Fault::Payment, Sent::Refused),
            404 | 410 => (Fault::Missing, Sent::Refused),
            408 => (Fault::Timeout, Sent::Unknown),
            425 | 429 => (Fault::RateLimited, Sent::Refused),
            400..=499 => (Fault::Request, Sent::Refused),
            _ => (Fault::Down, Sent::Unknown),
        };
        let said = words.message.as_deref().or(status.canonical_reason()).unwrap_or("refused");
        let retry_after = retry_after(code, headers, self.client.now());
        if let Some(wait) = retry_after.filter(|_| code == 429) {
            self.client.hold(self.operation, wait);
        }
        let said = self.client.said(said);
        let fault = words.fault.unwrap_or(fault);
        let said = match crate::vendors().find(|vendor| vendor.name == self.client.vendor) {
            Some(vendor) if fault == Fault::Credentials => format!("{said} (set {})", vendor.keys()),
            _ => said,
        };
        VendorError {
            status: Some(code),
            code: words.code.map(|code| mask(&self.client.without_keys(&code), 60)),
            request_id,
            retry_after,
            ..self.client.fault(fault, sent, &said)
        }
    }

    /// The span of one try: which vendor and which operation, nothing that is said.
    fn span(&self, tries: u32) -> tracing::Span {
        let (vendor, operation) = (self.client.vendor, self.operation);
        tracing::info_span!("vendor", otel.kind = "client", vendor, operation, tries)
    }

    fn note(&self, started: Timestamp, failed: Option<&VendorError>) {
        let vendor = self.client.vendor;
        let took = Duration::try_from(self.client.now().duration_since(started)).unwrap_or_default();
        let (outcome, status) = failed.map_or(("ok", None), |e| (fault_word(e.fault), e.status));
        let labels = [("vendor", vendor), ("operation", self.operation), ("outcome", outcome)];
        metrics::counter!("wib_vendor_requests_total", &labels).increment(1);
        metrics::histogram!("wib_vendor_request_seconds", &labels[..2]).record(took.as_secs_f64());
        let ms = took.as_millis();
        tracing::debug!(vendor, operation = self.operation, method = %self.method, path = self.template, status, ms, outcome);
    }
}

/// A try that failed, and whether the vendor itself said that a repeat may help.
struct Failed {
    error: VendorError,
    again: Option<bool>,
}
impl From<VendorError> for Failed {
    fn from(error: VendorError) -> Self {
        Self { error, again: None }
    }
}

/// The tries of one request.
struct Course {
    deadline: Timestamp,
    started: Timestamp,
    tries: u32,
}
impl Course {
    fn new(ask: &Ask<'_>) -> Self {
        let started = ask.client.now();
        Self { deadline: after(started, ask.policy.total), started, tries: 0 }
    }
    /// What is to be said of a try; `None`, after a wait, when there is to be another.
    async fn judge<T>(&mut self, ask: &Ask<'_>, outcome: Result<T, Failed>) -> Option<Result<T, VendorError>> {
        let (clock, policy) = (&*ask.client.wires.clock, &ask.policy);
        ask.note(self.started, outcome.as_ref().err().map(|failed| &failed.error));
        let Failed { error, again } = match outcome {
            Err(failed) => failed,
            Ok(done) => return Some(Ok(done)),
        };
        self.tries += 1;
        let passing = again.unwrap_or(matches!(error.fault, Fault::Down | Fault::Timeout | Fault::RateLimited));
        let safe = ask.safe || (error.sent == Sent::No && error.fault == Fault::Down);
        let drawn = ask.client.wires.random.backoff(self.tries, policy.backoff, policy.patience);
        let wait = error.retry_after.unwrap_or(drawn);
        let next = after(clock.now(), wait);
        if !passing || !safe || self.tries >= policy.tries || wait > policy.patience || next >= self.deadline {
            return Some(Err(error));
        }
        clock.sleep_until(next).await;
        self.started = clock.now();
        None
    }
}

/// An answer whose body still flows: audio, events. It holds its seat until it is dropped.
pub struct Flow {
    vendor: &'static str,
    status: StatusCode,
    content_type: String,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// What may still be asked.
    pub limits: Limits,
    body: Body,
    clock: Arc<dyn Clock>,
    chunk: Duration,
    deadline: Timestamp,
    left: u64,
    _seat: OwnedSemaphorePermit,
}
impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("vendor", &self.vendor).field("status", &self.status).finish_non_exhaustive()
    }
}
impl Flow {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When it stalls, is cut, or grows past the policy's cap. What was asked for may have been done.
    pub async fn next(&mut self) -> Result<Option<Bytes>, VendorError> {
        loop {
            let limit = self.chunk.min(left(&*self.clock, self.deadline));
            let frame: Option<Result<_, BoxError>> = match timeout(&*self.clock, limit, self.body.frame()).await {
                Some(frame) => frame,
                None => return Err(self.failed(Fault::Timeout, "the answer stalled")),
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| self.failed(Fault::Down, "the answer was cut"))?;
            let Ok(data) = frame.into_data() else { continue };
            let Some(rest) = self.left.checked_sub(data.len() as u64) else {
                return Err(self.failed(Fault::Request, "the answer is larger than allowed"));
            };
            self.left = rest;
            return Ok(Some(data));
        }
    }
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }
    /// Whether the body says that it is of that media type, parameters aside.
    #[must_use]
    pub fn is(&self, media_type: &str) -> bool {
        is(&self.content_type, media_type)
    }
    /// All that is still to come.
    pub(crate) async fn whole(mut self) -> Result<Answer, VendorError> {
        let mut bytes = BytesMut::new();
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
        }
        let Self { vendor, status, content_type, request_id, limits, .. } = self;
        let status = status.as_u16();
        Ok(Answer { vendor, status, content_type, body: bytes.freeze(), request_id, limits })
    }
    /// A failure of an answer that began well. What was asked for may have been done.
    pub(crate) fn failed(&self, fault: Fault, message: &str) -> VendorError {
        let (status, request_id) = (Some(self.status.as_u16()), self.request_id.clone());
        VendorError { status, request_id, ..VendorError::new(self.vendor, fault, Sent::Unknown, message) }
    }
}

fn is(content_type: &str, media_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|said| said.trim().eq_ignore_ascii_case(media_type))
}

/// An answer that the vendor did not call a failure.
#[derive(Debug)]
pub struct Answer {
    vendor: &'static str,
    /// The status of HTTP: one of success.
    pub status: u16,
    content_type: String,
    /// The whole body.
    pub body: Bytes,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// What may still be asked.
    pub limits: Limits,
}
impl Answer {
    /// Whether the body says that it is of that media type, parameters aside.
    #[must_use]
    pub fn is(&self, media_type: &str) -> bool {
        is(&self.content_type, media_type)
    }
    /// The body as JSON.
    ///
    /// # Errors
    /// [`Fault::Nonsense`] when it is not the JSON expected. What was asked for may have been done.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        serde_json::from_slice(&self.body).map_err(|e| {
            // Only where: serde's own message repeats what it found.
            let message = format!("not the JSON expected, at line {} column {}", e.line(), e.column());
            let error = VendorError::new(self.vendor, Fault::Nonsense, Sent::Unknown, message);
            VendorError { request_id: self.request_id.clone(), ..error }
        })
    }
}

/// What a vendor says may still be asked (`x-ratelimit-remaining-*`, `x-ratelimit-reset-*` of OpenAI and Groq).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests.
    pub requests: Limit,
    /// Tokens of language models.
    pub tokens: Limit,
}

/// One of the [`Limits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// How many remain; `None` when the vendor did not say.
    pub remaining: Option<u64>,
    /// How long until there are all of them again.
    pub reset: Option<Duration>,
}

impl Limits {
    fn read(headers: &HeaderMap) -> Self {
        let text = |name: String| headers.get(name)?.to_str().ok();
        let limit = |what: &str| Limit {
            remaining: text(format!("x-ratelimit-remaining-{what}")).and_then(|n| n.trim().parse().ok()),
            reset: text(format!("x-ratelimit-reset-{what}")).and_then(span),
        };
        Self { requests: limit("requests"), tokens: limit("tokens") }
    }
    /// How long nothing may be asked; at most an hour.
    fn wait(self) -> Option<Duration> {
        let spent = [self.requests, self.tokens].into_iter().filter(|limit| limit.remaining == Some(0));
        spent.filter_map(|limit| limit.reset).max().map(|wait| wait.min(Duration::from_secs(3600)))
    }
}

/// A span of time as `120ms`, `7.66s`, `6m0s` or `1d2h`; a bare number is seconds.
fn span(text: &str) -> Option<Duration> {
    let micros = |number: &str| u64::try_from(millionths_rounded_up(number)?).ok().map(Duration::from_micros);
    let (mut rest, mut total) = (text.trim(), Duration::ZERO);
    if let Some(seconds) = micros(rest) {
        return Some(seconds);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let unit = rest[number..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |end| number + end);
        let one = micros(&rest[..number])?;
        let part = match &rest[number..unit] {
            "ms" => one / 1000,
            "s" => one,
            "m" => one.checked_mul(60)?,
            "h" => one.checked_mul(3600)?,
            "d" => one.checked_mul(86_400)?,
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = &rest[unit..];
    }
    Some(total)
}

fn left(clock: &dyn Clock, deadline: Timestamp) -> Duration {
    Duration::try_from(deadline.duration_since(clock.now())).unwrap_or_default()
}

fn fault_word(fault: Fault) -> &'static str {
    match fault {
        Fault::Request => "request",
        Fault::Credentials => "credentials",
        Fault::Missing => "missing",
        Fault::RateLimited => "rate_limited",
        Fault::Payment => "payment",
        Fault::Declined => "declined",
        Fault::Conflict => "conflict",
        Fault::Down => "down",
        Fault::Timeout => "timeout",
        Fault::Nonsense => "nonsense",
        _ => "other",
    }
}

pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let named = ["x-request-id", "request-id", "dg-request-id", "cf-ray"];
    let value = named.iter().find_map(|name| headers.get(*name)?.to_str().ok())?;
    Some(value.chars().take(100).collect())
}

/// Whether the vendor said that a repeat may help.
fn should_retry(headers: &HeaderMap) -> Option<bool> {
    let value = ["stripe-should-retry", "x-should-retry"].iter().find_map(|name| headers.get(*name)?.to_str().ok())?;
    value.parse().ok()
}

/// When the vendor said to try again: seconds, milliseconds (OpenAI) or a date, at most an hour. After a 429 also the
/// seconds to the end of its window (Telnyx, Resend).
fn retry_after(status: u16, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let seconds =
        |text: &str| millionths_rounded_up(text).and_then(|us| u64::try_from(us).ok()).map(Duration::from_micros);
    let date = |text: &str| {
        let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
    };
    let asked = text("retry-after-ms").and_then(seconds).map(|thousandfold| thousandfold / 1000);
    let asked = asked.or_else(|| text("retry-after").and_then(|value| seconds(value).or_else(|| date(value))));
    let window = || ["x-ratelimit-reset", "ratelimit-reset"].into_iter().find_map(text).and_then(seconds);
    let hour = Duration::from_secs(3600);
    asked.or_else(|| (status == 429).then(window)?).map(|wait| wait.min(hour))
}

/// The host and port of an address, which is what somebody with nothing but an address is called.
#[cfg(any(feature = "rfc3161", feature = "witness"))]
pub(crate) fn host(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(|uri| uri.authority()).map(|a| a.as_str().rsplit('@').next().unwrap_or_default());
    host.unwrap_or("unknown").chars().take(200).collect()
}

/// Percent-encodes everything but the unreserved characters (RFC 3986 section 2.3).
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The words shortened, without mail addresses and without anything that may be a phone number: seven or more digits,
/// also with single separators between them.
#[must_use]
pub fn mask(words: &str, length: usize) -> String {
    let mut out = String::new();
    for word in words.split_inclusive(char::is_whitespace) {
        let body = word.trim_end();
        out.push_str(if body.contains('@') { "[mail]" } else { body });
        out.extend(word[body.len()..].chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    let chars: Vec<char> = out.chars().collect();
    let mut masked = String::new();
    let mut at = 0;
    while at < chars.len() {
        let (mut end, mut digits, mut seen) = (at, 0, at);
        while end < chars.len()
            && (chars[end].is_ascii_digit() || (digits > 0 && "-. ()/".contains(chars[end]) && end - seen < 3))
        {
            if chars[end].is_ascii_digit() {
                digits += 1;
                seen = end + 1;
            }
            end += 1;
        }
        if digits >= 7 {
            masked.push_str("[number]");
            at = seen;
        } else {
            // Nothing before `seen` starts a longer run, so it is passed whole.
            let next = seen.max(at + 1);
            masked.extend(&chars[at..next]);
            at = next;
        }
    }
    masked.chars().take(length).collect()
}

#[cfg(test)]
pub(crate) mod sockets;
#[cfg(test)]
mod tests;
