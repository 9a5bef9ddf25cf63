//! Queues, as [`Queue`]: pushed and pulled over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use wib_core::ports::{
    Fault, Queue, Sent, VendorError,
    queue::{LeaseToken, Leased, Outgoing, QueueCaps},
};

use super::{Cloudflare, VENDOR, kv::whole_seconds, wire};
use crate::http::Ask;

const HALF_DAY: Duration = Duration::from_secs(12 * 3600);
const CAPS: QueueCaps = QueueCaps {
    batch: 100,
    // 128 KB, and 256 KB a batch, after base64.
    message_bytes: 95_000,
    batch_bytes: 190_000,
    longest_delay: HALF_DAY,
    longest_lease: HALF_DAY,
    attempts: None,
    dead_letters: false,
    keys: false,
};
/// What stands before bytes that are no text.
const BASE64: &str = "base64:";
/// How long dead letters are held while they are put back to work.
const REPLAY: Duration = Duration::from_secs(60);

/// A queue, and the queue of its dead letters where that is known.
#[derive(Clone, Debug)]
pub struct CloudflareQueue {
    pub(super) cloudflare: Cloudflare,
    pub(super) queue: String,
    pub(super) dead: Option<Dead>,
}

/// The queue of dead letters.
#[derive(Clone, Debug)]
pub(super) struct Dead {
    id: String,
}

fn body(bytes: &Bytes) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.starts_with(BASE64) => text.to_owned(),
        _ => format!("{BASE64}{}", BASE64_STANDARD.encode(bytes)),
    }
}

/// What was sent, ours or a Worker's.
fn bytes(message: &wire::PulledMessage) -> Option<Bytes> {
    let text = match &message.body {
        Value::String(text) => text.as_str(),
        other => return Some(other.to_string().into()),
    };
    let kind = message.metadata["CF-Content-Type"].as_str().unwrap_or("text");
    let encoded = if kind == "json" || kind == "bytes" { Some(text) } else { text.strip_prefix(BASE64) };
    match encoded {
        Some(encoded) => BASE64_STANDARD.decode(encoded).ok().map(Bytes::from),
        None => Some(text.to_owned().into()),
    }
}

fn push(message: &Outgoing) -> wire::Push {
    let seconds = whole_seconds(message.delay);
    wire::Push { body: body(&message.body), content_type: "text", delay_seconds: (seconds > 0).then_some(seconds) }
}

impl CloudflareQueue {
    /// The same, with the queue that its consumer sends dead letters to. It must have a consumer of type `http_pull` too.
    #[must_use]
    pub fn dead_letters(mut self, queue: impl Into<String>) -> Self {
        self.dead = Some(Dead { id: queue.into() });
        self
    }
    fn ask<'a>(&'a self, operation: &'static str, template: &'static str, queue: &str) -> Ask<'a> {
        let ask = self.cloudflare.client.ask(operation, Method::POST, template);
        ask.fill(&self.cloudflare.account).fill(queue)
    }
    fn dead(&self) -> Result<&str, VendorError> {
        self.caps().check_dead_letters(VENDOR)?;
        self.dead.as_ref().map(|dead| dead.id.as_str()).ok_or_else(|| self.cloudflare.client.fault(Fault::Request, Sent::No, "no dead letters"))
    }

    async fn push(&self, queue: &str, message: wire::Push) -> Result<(), VendorError> {
        let ask = self.ask("queue_push", "/accounts/{}/queues/{}/messages", queue).json(&message);
        wire::result::<Value>(&ask.send().await?).map(drop)
    }
    async fn push_batch(&self, queue: &str, messages: Vec<wire::Push>) -> Result<(), VendorError> {
        let ask = self.ask("queue_push_batch", "/accounts/{}/queues/{}/messages/batch", queue);
        wire::result::<Value>(&ask.json(&wire::PushBatch { messages }).send().await?).map(drop)
    }
    async fn pull(&self, queue: &str, most: usize, lease: Duration) -> Result<Vec<wire::PulledMessage>, VendorError> {
        let visibility_timeout_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let ask = self.ask("queue_pull", "/accounts/{}/queues/{}/messages/pull", queue);
        let answer = ask.json(&wire::Pull { batch_size: most, visibility_timeout_ms }).send().await?;
        Ok(wire::result::<wire::Pulled>(&answer)?.messages)
    }
    /// Settles leases; a repeat finds them settled, so it is repeated only by who can live with "it did not hold".
    async fn settle(&self, queue: &str, settle: &wire::Settle<'_>) -> Result<wire::Settled, VendorError> {
        let ask = self.ask("queue_ack", "/accounts/{}/queues/{}/messages/ack", queue).json(settle);
        Ok(wire::result::<Option<wire::Settled>>(&ask.send().await?)?.unwrap_or_default())
    }
}

#[async_trait]
impl Queue for CloudflareQueue {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.cloudflare.live
    }
    fn caps(&self) -> QueueCaps {
        QueueCaps { dead_letters: self.dead.is_some(), ..CAPS }
    }
    async fn enqueue(&self, message: &Outgoing) -> Result<(), VendorError> {
        CAPS.check(VENDOR, std::slice::from_ref(message))?;
        self.push(&self.queue, push(message)).await
    }
    async fn enqueue_batch(&self, messages: &[Outgoing]) -> Result<(), VendorError> {
        CAPS.check(VENDOR, messages)?;
        self.push_batch(&self.queue, messages.iter().map(push).collect()).await
    }
    async fn lease(&self, most: usize, lease: Duration) -> Result<Vec<Leased>, VendorError> {
        CAPS.check_lease(VENDOR, most, lease)?;
        let leased = |message: wire::PulledMessage| {
            let body = bytes(&message);
            if body.is_none() {
                // It comes again, and ends as a dead letter: nobody here can read it.
                tracing::warn!(vendor = VENDOR, id = message.id, "a message that cannot be read was left");
            }
            let attempts = message.attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(1).max(1);
            let (id, token) = (message.id, LeaseToken(message.lease_id));
            Some(Leased { id, body: body?, attempts, token })
        };
        Ok(self.pull(&self.queue, most, lease).await?.into_iter().filter_map(leased).collect())
    }
    async fn ack(&self, token: &LeaseToken) -> Result<bool, VendorError> {
        let acks = vec![wire::Lease { lease_id: &token.0 }];
        Ok(self.settle(&self.queue, &wire::Settle { acks, ..Default::default() }).await?.acks.is_some_and(|acks| acks > 0))
    }
    async fn retry(&self, token: &LeaseToken, delay: Duration) -> Result<bool, VendorError> {
        CAPS.check_delay(VENDOR, delay)?;
        let seconds = whole_seconds(delay);
        let retries = vec![wire::Retry { lease_id: &token.0, delay_seconds: Some(seconds) }];
        Ok(self.settle(&self.queue, &wire::Settle { retries, ..Default::default() }).await?.retries.is_some_and(|retries| retries > 0))
    }
    /// Copied first and settled after, so that nothing is lost between: when the lease turns out not to hold, the copy
    /// stays, and the message may be worked on twice.
    async fn bury(&self, message: &Leased) -> Result<bool, VendorError> {
        let dead = self.dead()?;
        let copy = Outgoing { body: message.body.clone(), ..Outgoing::default() };
        self.push(dead, push(&copy)).await?;
        self.ack(&message.token).await
    }
    /// Pushed first and settled after: a failure between makes a message come twice.
    async fn replay(&self, most: usize) -> Result<usize, VendorError> {
        let dead = self.dead()?;
        let messages = self.pull(dead, most.clamp(1, CAPS.batch), REPLAY).await?;
        let mut replayed = 0;
        for message in &messages {
            let Some(body) = bytes(message) else { continue };
            self.push(&self.queue, push(&Outgoing { body, ..Outgoing::default() })).await?;
            let acks = vec![wire::Lease { lease_id: &message.lease_id }];
            self.settle(dead, &wire::Settle { acks, ..Default::default() }).await?;
            replayed += 1;
        }
        Ok(replayed)
    }
}
