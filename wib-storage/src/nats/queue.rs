//! A queue on JetStream: a stream whose messages are gone when they are done, and one of dead letters beside it.
//!
//! Quirks that this adapter knows:
//! - The server takes an acknowledgement from whoever sends one, also when the lease has ended. So whether a lease holds is
//!   judged here, by the clock, and tokens are good in the process that leased.
//! - A message past the consumer's `max_deliver` stays in the stream and is told to nobody. So the server delivers for ever,
//!   and deliveries are counted here: the one after the last attempt makes it a dead letter.
//! - Nothing waits before its first delivery. So a delayed message names its time, is delivered once in vain and given back
//!   until then.
//! - Leases are as long as the consumer's `ack_wait`: a shorter one than that holds as long too.
//! - Several messages are not taken as one: when an answer is missing, some may have been.

use std::{
    collections::BTreeMap,
    error::Error as _,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::jetstream::{
    self, AckKind, Context, ErrorCode,
    consumer::{AckPolicy, PullConsumer, pull},
    context::{PublishError, PublishErrorKind},
    message::{Acker, PublishMessage},
    stream::{Config, DiscardPolicy, RetentionPolicy, Stream},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all};
use wib_core::{
    kit::{Clock, Error, Result, Timestamp, time},
    ports::{
        Fault, Queue, Sent, VendorError,
        queue::{LeaseToken, Leased, Outgoing, QueueCaps},
    },
};

use super::{Nats, VENDOR};

/// A first try and three more.
const ATTEMPTS: u32 = 4;
/// Messages of a stream; more are refused.
const MOST: i64 = 100_000;
/// Bytes of a stream; more are refused.
const MOST_BYTES: i64 = 256 << 20;
/// Messages that all nodes together may hold.
const MOST_LEASED: i64 = 1000;
/// How long a key is remembered.
const KEYS: Duration = Duration::from_secs(600);
/// How long an empty queue is waited on: what was just handed on may not be seen yet.
const LOOK: Duration = Duration::from_millis(50);
/// How long dead letters are held while they are put back to work.
const REPLAY: Duration = Duration::from_secs(60);
/// How often a batch is filled up, when some of it was not to be had.
const ROUNDS: usize = 8;
/// The header with the time before which a message is not to be worked on, in microseconds.
const NOT_BEFORE: &str = "Wib-Not-Before";

/// A queue on JetStream.
pub struct NatsQueue {
    context: Context,
    name: String,
    dead: String,
    work: (Stream, PullConsumer),
    graves: PullConsumer,
    lease: Duration,
    clock: Arc<dyn Clock>,
    // What this process holds, until when, by the subject that settles it.
    held: Mutex<BTreeMap<String, Timestamp>>,
}
impl fmt::Debug for NatsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsQueue({})", self.name)
    }
}

type Message = jetstream::Message;

fn down(error: impl fmt::Display, sent: Sent) -> VendorError {
    VendorError::new(VENDOR, Fault::Down, sent, error.to_string())
}

fn refused(error: &PublishError) -> VendorError {
    let full = || {
        let answer = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
        answer.is_some_and(|answer| answer.error_code() == ErrorCode::STREAM_STORE_FAILED)
    };
    let (fault, sent) = match error.kind() {
        PublishErrorKind::TimedOut => (Fault::Timeout, Sent::Unknown),
        PublishErrorKind::BrokenPipe => (Fault::Down, Sent::Unknown),
        PublishErrorKind::StreamNotFound => (Fault::Missing, Sent::Refused),
        PublishErrorKind::MaxPayloadExceeded => (Fault::Request, Sent::No),
        PublishErrorKind::Other if full() => (Fault::RateLimited, Sent::Refused),
        _ => (Fault::Down, Sent::Refused),
    };
    VendorError::new(VENDOR, fault, sent, error.to_string())
}

impl NatsQueue {
    /// The queue of that name, and `<name>-dlq` of its dead letters, made when they are missing. Whoever leases holds for
    /// `lease`.
    ///
    /// # Errors
    /// `Unavailable` when the server refuses, has no JetStream, or no room for the streams.
    pub async fn open(nats: &Nats, name: &str, lease: Duration, clock: Arc<dyn Clock>) -> Result<Self> {
        let refused = |e: &dyn fmt::Display| Error::database("NATS does not make the queue").because(e.to_string());
        let context = jetstream::new(nats.client.clone());
        let stream = async |name: &str| {
            let config = Config {
                name: name.to_owned(),
                subjects: vec![name.to_owned()],
                retention: RetentionPolicy::WorkQueue,
                discard: DiscardPolicy::New,
                max_messages: MOST,
                max_bytes: MOST_BYTES,
                duplicate_window: KEYS,
                ..Default::default()
            };
            context.create_or_update_stream(config).await.map_err(|e| refused(&e))?;
            context.get_stream(name).await.map_err(|e| refused(&e))
        };
        let consumer = async |stream: &Stream, ack_wait| {
            let config = pull::Config {
                durable_name: Some("wib".to_owned()),
                ack_policy: AckPolicy::Explicit,
                ack_wait,
                max_deliver: -1,
                max_ack_pending: MOST_LEASED,
                ..Default::default()
            };
            stream.create_consumer(config).await.map_err(|e| refused(&e))
        };
        let dead = format!("{name}-dlq");
        let (work, buried) = (stream(name).await?, stream(&dead).await?);
        let workers: PullConsumer = consumer(&work, lease).await?;
        let graves = consumer(&buried, REPLAY).await?;
        let (name, work) = (name.to_owned(), (work, workers));
        Ok(Self { context, name, dead, work, graves, lease, clock, held: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Timestamp>> {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, until| *until > now);
        held
    }
    /// Whether this process held it still; now it does not.
    fn let_go(&self, token: &LeaseToken) -> bool {
        self.held().remove(&token.0).is_some()
    }
    async fn settle(&self, reply: &str, how: AckKind) -> Result<(), VendorError> {
        let acker = Acker::new(self.context.clone(), Some(reply.into()));
        acker.double_ack_with(how).await.map_err(|e| down(e, Sent::Unknown))
    }
    async fn publish(
        &self,
        subject: &str,
        body: Bytes,
        key: Option<String>,
        delay: Duration,
    ) -> Result<(), VendorError> {
        let mut message = PublishMessage::build().payload(body);
        if let Some(key) = key {
            message = message.message_id(key);
        }
        if !delay.is_zero() {
            let at = time::after(self.clock.now(), delay).as_microsecond();
            message = message.header(NOT_BEFORE, at.to_string());
        }
        let sent = self.context.send_publish(subject.to_owned(), message).await.map_err(|e| refused(&e))?;
        sent.await.map(drop).map_err(|e| refused(&e))
    }
    /// The same dead letter is laid down once, whoever repeats it.
    async fn lay_down(&self, reply: &str, body: Bytes) -> Result<(), VendorError> {
        let Some(delivery) = Delivery::of(reply) else { return Err(down("not a message of JetStream", Sent::No)) };
        let key = format!("{}:{}", delivery.sequence, delivery.published);
        self.publish(&self.dead, body, Some(key), Duration::ZERO).await?;
        self.settle(reply, AckKind::Ack).await
    }
    /// Up to so many messages that are there.
    async fn fetch(consumer: &PullConsumer, most: usize, wait: bool) -> Result<Vec<Message>, VendorError> {
        let batch = if wait {
            consumer.batch().max_messages(most).expires(LOOK).messages().await
        } else {
            consumer.fetch().max_messages(most).expires(LOOK).messages().await
        };
        let mut batch = batch.map_err(|e| down(e, Sent::No))?;
        let mut messages = Vec::new();
        while let Some(message) = batch.next().await {
            match message {
                Ok(message) => messages.push(message),
                // What came is leased; the rest comes another time.
                Err(error) if !messages.is_empty() => {
                    tracing::debug!(%error, "a batch was not filled");
                    break;
                }
                Err(error) => return Err(down(error, Sent::No)),
            }
        }
        Ok(messages)
    }
    /// What is to be worked on now; what is not is given back, or laid down.
    async fn ready(&self, message: Message, now: Timestamp) -> Result<Option<Leased>, VendorError> {
        let Some(reply) = message.reply.as_ref().map(|reply| reply.to_string()) else { return Ok(None) };
        let Some(delivery) = Delivery::of(&reply) else { return Ok(None) };
        let not_before = message.headers.as_ref().and_then(|headers| headers.get(NOT_BEFORE));
        let not_before =
            not_before.and_then(|at| at.as_str().parse().ok()).and_then(|at| Timestamp::from_microsecond(at).ok());
        if let Some(at) = not_before
            && let Ok(left) = Duration::try_from(at.duration_since(now))
            && !left.is_zero()
        {
            self.settle(&reply, AckKind::Nak(Some(left))).await?;
            return Ok(None);
        }
        // One delivery was in vain.
        let attempts = if not_before.is_some() { delivery.count.saturating_sub(1).max(1) } else { delivery.count };
        if attempts > ATTEMPTS {
            self.lay_down(&reply, message.payload.clone()).await?;
            metrics::counter!("wib_queue_buried_total", "queue" => self.name.clone()).increment(1);
            return Ok(None);
        }
        self.held().insert(reply.clone(), time::after(now, self.lease));
        let token = LeaseToken(reply);
        Ok(Some(Leased { id: delivery.sequence.to_string(), body: message.payload.clone(), attempts, token }))
    }
}

/// What the subject that settles a delivery says of it.
struct Delivery {
    count: u32,
    sequence: u64,
    published: i64,
}
impl Delivery {
    /// `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<consumer sequence>.<published>.<pending>`, or the longer form of
    /// later servers, which has the domain and the account before the stream.
    fn of(reply: &str) -> Option<Self> {
        let parts: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        let at = if parts.len() == 7 { 2 } else { 4 };
        let part = |n: usize| parts.get(at + n);
        Some(Self {
            count: part(0)?.parse().ok()?,
            sequence: part(1)?.parse().ok()?,
            published: part(3)?.parse().ok()?,
        })
    }
}

#[async_trait]
impl Queue for NatsQueue {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        true
    }
    fn caps(&self) -> QueueCaps {
        QueueCaps {
            batch: 100,
            message_bytes: 128 << 10,
            batch_bytes: 1 << 20,
            longest_delay: Duration::from_secs(12 * 3600),
            longest_lease: self.lease,
            attempts: Some(ATTEMPTS),
            dead_letters: true,
            keys: true,
        }
    }
    async fn enqueue(&self, message: &Outgoing) -> Result<(), VendorError> {
        self.enqueue_batch(std::slice::from_ref(message)).await
    }
    /// A failure may have let some through: with keys it may be repeated as a whole.
    async fn enqueue_batch(&self, messages: &[Outgoing]) -> Result<(), VendorError> {
        self.caps().check(VENDOR, messages)?;
        let sent = messages.iter().map(|m| self.publish(&self.name, m.body.clone(), m.key.clone(), m.delay));
        let sent = join_all(sent).await;
        let some = sent.iter().any(Result::is_ok);
        match sent.into_iter().find_map(Result::err) {
            None => Ok(()),
            Some(error) if some => Err(VendorError { sent: Sent::Unknown, ..error }),
            Some(error) => Err(error),
        }
    }
    async fn lease(&self, most: usize, lease: Duration) -> Result<Vec<Leased>, VendorError> {
        self.caps().check_lease(VENDOR, most, lease)?;
        let consumer = &self.work.1;
        let mut leased = Vec::new();
        for round in 0..ROUNDS {
            // A message is held from when it was sent to us, so from now at the earliest.
            let now = self.clock.now();
            let mut messages = Self::fetch(consumer, most - leased.len(), false).await?;
            if messages.is_empty() && round == 0 {
                messages = Self::fetch(consumer, most, true).await?;
            }
            if messages.is_empty() {
                break;
            }
            for message in messages {
                leased.extend(self.ready(message, now).await?);
            }
            if leased.len() == most {
                break;
            }
        }
        Ok(leased)
    }
    async fn ack(&self, token: &LeaseToken) -> Result<bool, VendorError> {
        if !self.let_go(token) {
            return Ok(false);
        }
        self.settle(&token.0, AckKind::Ack).await.map(|()| true)
    }
    async fn retry(&self, token: &LeaseToken, delay: Duration) -> Result<bool, VendorError> {
        self.caps().check_delay(VENDOR, delay)?;
        if !self.let_go(token) {
            return Ok(false);
        }
        self.settle(&token.0, AckKind::Nak((!delay.is_zero()).then_some(delay))).await.map(|()| true)
    }
    async fn bury(&self, message: &Leased) -> Result<bool, VendorError> {
        if !self.let_go(&message.token) {
            return Ok(false);
        }
        self.lay_down(&message.token.0, message.body.clone()).await.map(|()| true)
    }
    async fn replay(&self, most: usize) -> Result<usize, VendorError> {
        let most = most.clamp(1, self.caps().batch);
        let mut messages = Self::fetch(&self.graves, most, false).await?;
        if messages.is_empty() {
            messages = Self::fetch(&self.graves, most, true).await?;
        }
        let mut replayed = 0;
        for message in &messages {
            let Some(reply) = message.reply.as_deref() else { continue };
            let Some(delivery) = Delivery::of(reply) else { continue };
            let key = format!("replay:{}:{}", delivery.sequence, delivery.published);
            self.publish(&self.name, message.payload.clone(), Some(key), Duration::ZERO).await?;
            self.settle(reply, AckKind::Ack).await?;
            replayed += 1;
        }
        Ok(replayed)
    }
    async fn depth(&self) -> Result<Option<u64>, VendorError> {
        let info = self.work.0.get_info().await.map_err(|e| down(e, Sent::No))?;
        Ok(Some(info.state.messages))
    }
}
