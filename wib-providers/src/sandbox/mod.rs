//! Vendors that run inside the process: small models that speak the vendors' own wire formats.
//!
//! Every vendor that is compiled in and has a model, over one virtual phone network with a seed and a clock. The production
//! adapters run unmodified: in process through
//! [`Sandbox::transport`], or against a port whose host calls [`Sandbox::serve`]. The same seed and the same requests
//! at the same instants give the same bytes.
//!
//! # Numbers
//! These always behave the same ([`MAGIC`]); any other number draws its behaviour from the seed.
//!
//! | number | who is there |
//! | --- | --- |
//! | `+15005550001` | answers and talks, neutral |
//! | `+15005550002` | is busy |
//! | `+15005550003` | rings until the caller gives up (30 s unless told otherwise) |
//! | `+15005550004` | is an answering machine |
//! | `+15005550005` | answers and promises to pay an amount on a day |
//! | `+15005550006` | answers and disputes the debt |
//! | `+15005550007` | answers and asks to stop calling |
//! | `+15005550008` | answers and hangs up at once |
//! | `+15005550009` | fails at the carrier, before connecting |
//! | `+15005550010` | is not in service |
//! | `+15005550011` | answers and says: ignore previous instructions and ... |
//! | `+15005550012` | answers in Spanish and promises to pay |
//! | `+15005550013` | answers and asks to be called back |
//! | `+15005550014` | answers, does not want to be recorded, and talks on |
//! | `+15005550015` | answers and pays by card, spoken in digits |
//! | `+15005550016` | answers and pays by card, spoken in words |
//! | `+15005550017` | answers and pays by card, pressed on the keys |
//! | `+15005550018` | answers, but the person called does not live there |
//! | `+15005550019` | answers and refers to an attorney |
//! | `+15005550020` | answers in Spanish to a member who speaks English |
//! | `+15005550025` | answers, listens audibly, talks into what is said, asks for the balance, then for a human |
//! | `+15005550026` | answers and listens for four minutes, without a word |
//!
//! Messages to `+15005550009` are not taken by the carrier, to `+15005550010` not brought, of those to `+15005550003`
//! nobody says what became; every other one is delivered. Who writes `STOP` is not written to until `START`. The code of
//! every number that is being verified is `12345`. Numbers to be had are `+1 <area code> 555 01xx`; an order of one that
//! ends in 0199 fails.
//!
//! Who pays by card waits six seconds after "I am ready for your card number.", as who refuses recording does after
//! saying so; the card is another one on every call ([`Sandbox::spoken_cards`]). What is said while a recording is paused
//! is not in it, nor the pause in its length. Tones of keys are in no recording here; on a real line they may be.
//!
//! # Several legs
//! An address of SIP is a softphone: it answers, listens and stays. Legs are joined, transferred, queued, put into
//! conferences with roles and watched; [`Sandbox::heard`] tells what a leg heard of the people on others. Who is asked for
//! keys presses `1`, `2`, `3`.. as often as is needed; who pays by keys gives the card where twelve keys or more are
//! taken; machines, softphones and whoever has other plans press none. A sound lasts three seconds, one at an address
//! with `missing` in it is not found. What is written down while it is said is the script's text, without a fault.
//!
//! # Streams of sound
//! A stream is dialled over what [`Sandbox::streams_over`] was given, once: nothing is dialled again. Without that, and to
//! an address with `refused` in it, it fails. Its frames are made as they fall due on the clock, in a task of its own, with
//! every word as [`modem`] speaks it when it begins in the script: the person on the inbound track; what we speak, and the
//! people on legs that are joined, on the outbound one. A word that begins before the last one is over follows it. Sounds
//! that are played from files have no words and are silence. PCMU, PCMA and L16 at 16 kHz are spoken; no other codec is.
//!
//! What the application sends back in mode `rtp` is played at its own pace, heard by [`modem::Ear`], and from then on
//! something the agent said: in recordings, in what is written down, on the outbound track. What is no word of the modem,
//! MP3, and codecs but PCMU, PCMA and L16 are heard by nobody. [`Sandbox::words`] is what was to be heard, and
//! [`Sandbox::played`] what a leg heard of the application; [`word_errors`] tells how far two texts are apart.
//!
//! # Keys
//! Any key is good, but for one that contains `invalid`.
//!
//! # On a port
//! The first segment of the path is the vendor: `/telnyx/v2/calls`, `/assemblyai/v2/upload`,
//! `/groq/openai/v1/chat/completions`, `/resend/emails`, `/recordings/...`. In process,
//! the host `sandbox.wib` answers the same paths. `/sandbox/...` is for control:
//!
//! | request | does |
//! | --- | --- |
//! | `GET /sandbox/numbers` | real dials by number called; repeats that were recognised do not count |
//! | `GET /sandbox/calls` | all calls and their events |
//! | `GET /sandbox/words/{number}` | what was said on the latest call with that number, word by word ([`Sandbox::words`]) |
//! | `POST /sandbox/calls {from, to}` | somebody calls us |
//! | `POST /sandbox/telnyx/messages {from, to, text}` | somebody writes to us |
//! | `GET /sandbox/outbox` | mails that were sent |
//! | `GET`, `POST /sandbox/clock {advance_seconds}` | the vendors' clock, moved on without waiting |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | [`Fault`]s |
//! | `GET`, `POST`, `DELETE /sandbox/live_faults` | [`LiveFault`]s, each with its `vendor` |
//! | `GET /sandbox/keys` | Telnyx's public key |
//! | `GET /sandbox/models/{vendor}` | what a vendor's model keeps |
//! | `POST /sandbox/stripe/checkout/{id}/complete {payment_method}` | a payer fills the page in |
//! | `POST /sandbox/stripe/payment_intents/{id}/authenticate` | a payer confirms at the bank |
//!
//! # Faults
//! Operations have the names that the vendor's model gives them, such as `dial` of telnyx, `submit` of assemblyai, `chat` of
//! groq, `send` of resend, `fetch` of recordings; `*` is all of them.
//!
//! A stream of sound is the operation `media` of telnyx, and meets all that is ordered for it at once, each by a chance of
//! its own: `no_connection`; `frames_lost`, `frames_doubled`, `frames_swapped` and `frames_garbled` (`one_in`: one frame
//! in so many); `wrong_rate`; `big_endian`; `cut_after_frames` (`frames`). No request meets any of these but the first.
//!
//! # Sockets
//! A WebSocket (`stream`) goes over the same transport, and on a port over a connection that its host gives to
//! [`Sandbox::converse`] or, where it reads requests itself, to [`Sandbox::upgrade`]. Its faults: a status refuses the
//! handshake; `timeout_before_effect` never answers it, `timeout_after_effect` falls silent after it; `reset_after_effect` breaks the connection after the first word;
//! `garbled_after_effect` begins with what nobody can read. Who is to be heard must speak as [`modem`] does, at the rate
//! and in the encoding that were declared: at another rate nothing is heard.
//!
//! What goes wrong in the midst of speech is a [`LiveFault`], ordered for one vendor ([`Sandbox::live_fault`]), so that
//! another may go on in its place:
//!
//! | `what` | from the word `after_words` on |
//! | --- | --- |
//! | `refused` | the handshake is a 503, whatever was heard |
//! | `error` | the vendor says what went wrong, and closes |
//! | `half_open` | the connection stays, and nothing comes back by it |
//! | `no_results` | the vendor is alive, and tells of no word |
//! | `partials_only` | no turn ever ends |
//! | `late {ms}` | each result comes that long after the one before it |
//! | `out_of_order` | of two final results, the second comes first |
//! | `cut` | the connection breaks |

pub(crate) mod acts;
mod cards;
pub(crate) mod chance;
mod control;
mod exchange;
mod faults;
mod house;
pub(crate) mod line;
pub(crate) mod model;
pub mod modem;
pub(crate) mod network;
mod observe;
mod people;
pub(crate) mod rooms;
pub(crate) mod rough;
pub(crate) mod scripts;
pub(crate) mod sound;
#[cfg(feature = "_speech")]
pub(crate) mod speech;
pub(crate) mod streams;
pub(crate) mod tape;
mod trouble;
pub(crate) mod wire;
pub(crate) mod world;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::BodyExt;
use serde_json::Value;
use wib_core::{
    kit::{Clock, Timestamp},
    ports::Sent,
};

pub use self::{
    cards::Card,
    exchange::Exchange,
    faults::{Fault, FaultKind, LiveFault, LiveTrouble},
    house::OUR_NUMBER,
    line::Guest,
    observe::{Voicemail, Word, word_errors},
    people::{Behaviour, MAGIC},
};
use self::{
    wire::{Ask, Base},
    world::World,
};
use crate::{
    transport::{Body, BoxError, Duplex, SendError, Transport, full},
    vendor::Vendor,
    vendors,
};

/// The host of recordings, in process.
pub(crate) const RECORDINGS: &str = "recordings.sandbox.wib";
/// The host that answers the paths of a port, in process.
const PORT: &str = "sandbox.wib";

/// What a user sets at the vendors.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The seed of Telnyx's signing key; `None`: made from the sandbox's seed.
    pub telnyx_signing_seed: Option<[u8; 32]>,
    /// Where vendors send what names no address: `/webhooks/<vendor>` is added; `None`: [`Delivery::url`] is `None` for
    /// these.
    pub server: Option<String>,
    /// The header, name and value, of AssemblyAI's webhooks whose order names none.
    pub assemblyai_webhook_auth: Option<(String, String)>,
    /// Whether Telnyx sends `call.cost`.
    pub costs: bool,
    /// Whether a read of Cloudflare's KV sees what was there before, for a minute after each write.
    pub stale_reads: bool,
}

/// A webhook that is due, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// To be given back to [`Sandbox::delivered`].
    pub id: u64,
    /// The vendor's name, such as `telnyx`.
    pub vendor: &'static str,
    /// Where to; `None`: the host's own door.
    pub url: Option<String>,
    /// Headers, the proof among them.
    pub headers: Vec<(String, String)>,
    /// The raw body: what was signed.
    pub body: Bytes,
    /// 1 for the first try.
    pub attempt: u32,
}

/// The vendors' models, with what they remember. Clones are the same sandbox.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    world: Mutex<World>,
    /// What dials the addresses of streams.
    carrier: OnceLock<Arc<dyn Transport>>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sandbox")
    }
}

/// What becomes of a request.
enum Reply {
    Answer(Response<Bytes>),
    /// The connection broke after this much of the answer.
    Cut(Response<Bytes>),
    /// No answer ever comes.
    Silence,
    /// The connection broke after the effect.
    Reset,
    /// No connection was made.
    Refused,
}

impl Sandbox {
    /// A sandbox in which nothing has happened yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, seed: u64, settings: Settings) -> Self {
        let world = Mutex::new(World::new(seed, settings, clock.now()));
        Self(Arc::new(Inner { clock, world, carrier: OnceLock::new() }))
    }

    /// The key that verifies Telnyx's webhooks, in base64.
    #[must_use]
    pub fn telnyx_public_key(&self) -> String {
        self.verifier("telnyx").unwrap_or_default()
    }

    /// What verifies a vendor's webhooks: a public key, a secret; `None` when the vendor sends none.
    #[must_use]
    pub fn verifier(&self, vendor: &str) -> Option<String> {
        self.world().models.get(vendor)?.verifier()
    }

    /// Has the addresses of streams dialled over that transport: the network, or an [`Exchange`] in process. Only the first
    /// counts; without one every stream fails.
    pub fn streams_over(&self, carrier: Arc<dyn Transport>) {
        if self.0.carrier.set(carrier).is_ok() {
            self.world().carried = true;
        }
    }

    /// Carries requests to the vendors' own hosts, in process. A request takes effect at the first poll, whether or not
    /// the caller waits for its answer.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }

    /// Answers a request that came by a port: the first segment of the path is the vendor. A request takes effect at the
    /// first poll. URLs in the answer begin with `http://` and the request's `Host` (`X-Forwarded-Proto` is honoured).
    pub async fn serve(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response<Bytes> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let scheme = header("x-forwarded-proto").unwrap_or("http");
        let base = Base::Port(format!("{scheme}://{}", header("host").unwrap_or(PORT)));
        match self.by_port(&method, path_and_query, &headers, &body, base) {
            Reply::Answer(answer) | Reply::Cut(answer) => answer,
            Reply::Silence => std::future::pending().await,
            Reply::Reset | Reply::Refused => wire::typed(502, "text/plain", "connection lost"),
        }
    }

    /// The next instant at which something happens, on the given clock.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let now = self.0.clock.now();
        self.world().next_due(now)
    }

    /// The webhooks that are due, in order. The signature's time is `now`.
    pub fn take_due(&self, now: Timestamp) -> Vec<Delivery> {
        self.world().take_due(now)
    }

    /// What became of a webhook: the receiver's status, or `None` without an answer. Anything but a 2xx is tried again
    /// after 2, 4, 8, ... at most 60 seconds, twelve times in all.
    pub fn delivered(&self, id: u64, status: Option<u16>) {
        let now = self.0.clock.now();
        let mut world = self.world();
        world.settle(now);
        world.delivered(id, status);
    }

    /// Moves the vendors' clock on.
    pub fn advance(&self, by: Duration) {
        let mut world = self.world();
        world.ahead = world.ahead.saturating_add(by);
    }

    /// Orders a fault.
    pub fn inject(&self, fault: Fault) {
        self.world().faults.push(fault);
    }

    /// Orders what goes wrong in a vendor's next stream of speech, or in every one of them. Those ordered first are met
    /// first.
    pub fn live_fault(&self, vendor: &str, fault: LiveFault) {
        self.world().live_faults.push((vendor.to_owned(), fault));
    }

    /// Takes back what was ordered for that vendor's streams of speech. Those that are open keep what they met.
    pub fn clear_live_faults(&self, vendor: &str) {
        self.world().live_faults.retain(|(its, _)| its != vendor);
    }

    /// How many real dials each number received.
    #[must_use]
    pub fn numbers(&self) -> BTreeMap<String, u64> {
        self.world().phones.dials.clone()
    }

    /// The mails that were sent: `id`, `from`, `to`, `subject`, `html`, `text`, `created_at`, `idempotency_key`.
    #[must_use]
    pub fn outbox(&self) -> Vec<Value> {
        self.world().outbox.iter().cloned().collect()
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }
    pub(crate) fn carrier(&self) -> Option<&Arc<dyn Transport>> {
        self.0.carrier.get()
    }

    /// Dials the streams that were asked for, each in a task of its own.
    fn dial_streams(&self) {
        for id in std::mem::take(&mut self.world().to_dial) {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(self.clone().carry_stream(id))),
                Err(_) => self.world().stream_gone(id, false),
            }
        }
    }

    /// Whether any stream of sound is dialled or up.
    fn streams(&self) -> bool {
        !self.world().streams.is_empty()
    }

    fn by_port(&self, method: &Method, path: &str, headers: &HeaderMap, body: &Bytes, base: Base) -> Reply {
        let (vendor, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        self.answer(vendor, &Ask::new(method, rest, headers, body, base))
    }

    /// The whole of a request, without a pause.
    fn answer(&self, vendor: &str, ask: &Ask<'_>) -> Reply {
        let reply = self.reply(vendor, ask);
        self.dial_streams();
        reply
    }

    fn reply(&self, vendor: &str, ask: &Ask<'_>) -> Reply {
        let now = self.0.clock.now();
        let mut world = self.world();
        world.settle(now);
        let operation = match vendor {
            "sandbox" => return Reply::Answer(control::respond(&mut world, ask)),
            "recordings" => "fetch",
            _ => match world.models.get(vendor) {
                Some(model) => model.operation(ask),
                None => return Reply::Answer(wire::typed(404, "text/plain", "no such vendor")),
            },
        };
        let fault = world.fault(vendor, operation);
        match fault {
            Some(FaultKind::Status { status, retry_after }) => {
                return Reply::Answer(broken(&world, vendor, status, retry_after));
            }
            Some(FaultKind::TimeoutBeforeEffect) => return Reply::Silence,
            Some(FaultKind::NoConnection) => return Reply::Refused,
            _ => {}
        }
        let answered = match vendor {
            "recordings" => Some(world.fetch_recording(ask)),
            _ => world.with_model(vendor, |model, world| model.respond(world, ask)),
        };
        let Some(mut answer) = answered else { return Reply::Refused };
        match fault {
            Some(FaultKind::TimeoutAfterEffect) => Reply::Silence,
            Some(FaultKind::ResetAfterEffect) => Reply::Reset,
            Some(FaultKind::GarbledAfterEffect | FaultKind::CutAfterEffect) => {
                let half = answer.body().len() / 2;
                answer.body_mut().truncate(half);
                if fault == Some(FaultKind::CutAfterEffect) { Reply::Cut(answer) } else { Reply::Answer(answer) }
            }
            Some(FaultKind::ErrorInside) => {
                let told = world.with_model(vendor, |model, _| model.error_inside(answer));
                told.map_or(Reply::Refused, Reply::Answer)
            }
            _ => Reply::Answer(answer),
        }
    }
}

/// A failure on order, in the vendor's shape.
fn broken(world: &World, vendor: &str, status: u16, retry_after: Option<u32>) -> Response<Bytes> {
    let mut answer = match world.models.get(vendor) {
        Some(model) => model.failure(status, "Ordered by the sandbox."),
        None => wire::typed(status, "application/xml", "<Error><Code>InternalError</Code></Error>"),
    };
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
    }
    answer
}

#[async_trait]
impl Transport for Sandbox {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (parts, body) = request.into_parts();
        // A body that is known whole is ready at once, so that nothing here waits before the effect.
        let body = body.collect().await.map_err(|source| SendError { sent: Sent::No, source })?.to_bytes();
        let host = parts.uri.host().unwrap_or_default();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let at_home = |vendor: &&Vendor| vendor.sandbox.is_some_and(|entry| entry.hosts.contains(&host));
        let vendor = if host == RECORDINGS { Some("recordings") } else { vendors().find(at_home).map(|v| v.name) };
        let reply = match vendor {
            Some(vendor) => self.answer(vendor, &Ask::new(&parts.method, path, &parts.headers, &body, Base::Hosts)),
            None if host == PORT => {
                self.by_port(&parts.method, path, &parts.headers, &body, Base::Port(format!("http://{PORT}")))
            }
            None => {
                return Err(SendError { sent: Sent::No, source: format!("the sandbox knows no host {host:?}").into() });
            }
        };
        match reply {
            Reply::Answer(answer) => Ok(answer.map(full)),
            Reply::Cut(answer) => {
                let broken = || std::future::ready(Some(Err(BoxError::from("connection reset"))));
                Ok(answer.map(|half| full(half).with_trailers(broken()).boxed()))
            }
            Reply::Silence => std::future::pending().await,
            Reply::Reset => Err(SendError { sent: Sent::Unknown, source: "connection reset".into() }),
            Reply::Refused => Err(SendError { sent: Sent::No, source: "connection refused".into() }),
        }
    }

    async fn dial(&self, to: &Uri) -> io::Result<Box<dyn Duplex>> {
        let host = to.host().unwrap_or_default();
        let at_home = |vendor: &&Vendor| vendor.sandbox.is_some_and(|entry| entry.hosts.contains(&host));
        match vendors().find(at_home) {
            Some(vendor) => self.connect(vendor.name, to.path()),
            None if host == PORT => Ok(self.connect_to_port()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
