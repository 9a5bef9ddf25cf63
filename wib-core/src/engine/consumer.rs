//! Handing orders of transcripts on to a queue outside, and taking them back from it.
//!
//! The message in the store stays the truth. While it is handed on it waits, not done, and comes back by itself: what the
//! queue outside loses is late, what it doubles finds its message taken. So a lost, doubled or overtaken message outside
//! neither loses an order nor places it twice; all it does is to say when, and where, the order is worked on.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    Message, NewMessage, Topic, Worker,
    worker::{After, How},
};
use crate::{
    calls::CallId,
    kit::{Error, Id, Result, time, time::Timestamp},
    orgs::OrganizationId,
    ports::{
        Queue, VendorError,
        queue::{Leased, Outgoing},
    },
    recordings::Recording,
    transcripts::{self, TranscriptJob, TranscriptStatus},
    wib::Wib,
};

/// How long a message that was handed on is waited for, beyond its own time, before it is worked on here.
pub(super) const TAKE_BACK: Duration = Duration::from_secs(300);
/// How long the queue outside may take to accept a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that are taken at once.
const BATCH: usize = 5;
/// How long a message outside lies at most before it is looked for.
const IDLE: Duration = Duration::from_secs(10);

/// What the queue outside carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    /// `submit_transcription` or `retry_transcription`.
    r#type: String,
    call_id: CallId,
    organization_id: OrganizationId,
    #[serde(default, rename = "recordingR2Key")]
    recording: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<i64>,
    /// Our message; others who fill the queue know none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_id: Option<Id<Message>>,
}
impl Order {
    const FIRST: &str = "submit_transcription";
    const AGAIN: &str = "retry_transcription";
}

/// What every order has, whatever it asks for.
#[derive(Deserialize)]
struct Any {
    r#type: String,
}

fn count(queue: &dyn Queue, outcome: &'static str) {
    metrics::counter!("wib_handed_total", "queue" => queue.vendor(), "outcome" => outcome).increment(1);
}

/// What is to become of a message that a worker has leased.
pub(super) enum Next {
    /// It is worked on here, under this lease.
    Run(Box<Message>),
    /// Somebody else has it now.
    Settled,
}

/// Hands a message on when there is a queue outside. One that came back by itself, or that the queue does not take, is
/// worked on here at once.
pub(super) async fn hand_on(wib: &Wib, message: &Message) -> Result<Next> {
    let here = |message: Message| Ok(Next::Run(Box::new(message)));
    let Some(queue) = wib.queue().filter(|_| message.topic == Topic::SubmitTranscript) else {
        return here(message.clone());
    };
    if message.handed_at.is_some() {
        tracing::warn!(
            queue = queue.vendor(),
            key = message.key,
            "an order was not settled outside and is placed here"
        );
        count(&**queue, "taken_back");
        return here(message.clone());
    }
    // What cannot be described fails where it is worked on.
    let Ok(Some(order)) = order(wib, message).await else { return here(message.clone()) };
    // First it waits, then it is handed on: whoever takes it outside finds it waiting.
    let now = wib.now();
    let mut tx = wib.store.system().await?;
    if !tx.hand_on(message, time::after(now, TAKE_BACK), None, true, false).await? {
        return Ok(Next::Settled);
    }
    tx.commit().await?;
    match time::timeout(&**wib.clock(), PATIENCE, queue.enqueue(&order)).await {
        Some(Ok(())) => {
            count(&**queue, "handed");
            wib.handed.notify_one();
            return Ok(Next::Settled);
        }
        Some(Err(error)) => {
            tracing::warn!(queue = queue.vendor(), %error, "a queue does not take an order: placed here")
        }
        None => tracing::warn!(queue = queue.vendor(), "a queue does not answer: the order is placed here"),
    }
    count(&**queue, "refused");
    // It may have arrived nevertheless: then one of the two finds it taken.
    Ok(take(wib, message.id).await?.map_or(Next::Settled, |message| Next::Run(Box::new(message))))
}

async fn take(wib: &Wib, id: Id<Message>) -> Result<Option<Message>> {
    let mut tx = wib.store.system().await?;
    let taken = tx.take_handed(id, Topic::SubmitTranscript, wib.now(), wib.settings.lease).await?;
    tx.commit().await?;
    Ok(taken)
}

/// What is said of a message outside; `None` when what it is about is gone.
async fn order(wib: &Wib, message: &Message) -> Result<Option<Outgoing>> {
    let Some(organization_id) = message.organization_id else { return Ok(None) };
    let mut tx = wib.store.org(organization_id).await?;
    let job: Option<TranscriptJob> = tx.find(message.payload_field("job_id")?).await?;
    let Some(job) = job else { return Ok(None) };
    let recording: Option<Recording> = tx.find(job.recording_id).await?;
    let order = Order {
        r#type: if job.failures == 0 { Order::FIRST } else { Order::AGAIN }.to_owned(),
        call_id: job.call_id,
        organization_id,
        recording: recording.and_then(|recording| recording.blob_key),
        attempt: Some(job.failures + 1),
        message_id: Some(message.id),
    };
    let body = serde_json::to_vec(&order).map_err(|e| Error::internal("an order has no JSON form").because(e))?;
    // The same handing-on is known again; a later one of the same message is another.
    let key = format!("{}:{}", message.id, message.run_at.as_microsecond());
    Ok(Some(Outgoing { body: body.into(), key: Some(key), ..Outgoing::default() }))
}

/// Takes orders from the queue outside, and places them: what the workers of an installation do beside their own queue.
#[derive(Clone, Debug)]
pub struct Consumer {
    wib: Wib,
    worker: Worker,
    queue: Arc<dyn Queue>,
}

impl Consumer {
    /// A consumer of this installation, when there is a queue outside.
    #[must_use]
    pub fn new(wib: &Wib) -> Option<Self> {
        let queue = wib.queue()?.clone();
        Some(Self { wib: wib.clone(), worker: Worker::new(wib), queue })
    }

    /// Takes one batch and works on each of it by itself; how many there were.
    ///
    /// # Errors
    /// When the queue outside cannot be read. What happens to one message does not touch another.
    pub async fn step(&self) -> Result<usize> {
        let caps = self.queue.caps();
        let lease = self.wib.settings.lease.min(caps.longest_lease);
        let batch = self.queue.lease(BATCH.min(caps.batch), lease).await?;
        join_all(batch.iter().map(async |leased| {
            match self.one(leased).await {
                Ok(outcome) => count(&*self.queue, outcome),
                // Its lease ends, outside and here, and it comes again.
                Err(error) => {
                    tracing::error!(
                        queue = self.queue.vendor(),
                        error = error.chain(),
                        "an order could not be settled"
                    );
                    count(&*self.queue, "failed");
                }
            }
        }))
        .await;
        Ok(batch.len())
    }

    /// Steps until told to stop, then finishes what is in hand.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.step().await {
                Ok(0) => self.tell_depth().await,
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(queue = self.queue.vendor(), error = error.chain(), "a queue could not be read");
                    count(&*self.queue, "unread");
                }
            }
            let next = time::after(self.wib.now(), IDLE);
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                () = self.wib.handed.notified() => {}
                () = self.wib.clock().sleep_until(next) => {}
            }
        }
    }

    async fn tell_depth(&self) {
        match self.queue.depth().await {
            #[expect(clippy::cast_precision_loss, reason = "queues hold fewer than 2^53 messages")]
            Ok(Some(depth)) => metrics::gauge!("wib_handed_depth", "queue" => self.queue.vendor()).set(depth as f64),
            Ok(None) => {}
            Err(error) => tracing::debug!(queue = self.queue.vendor(), %error, "a queue does not tell its depth"),
        }
    }

    async fn one(&self, leased: &Leased) -> Result<&'static str> {
        let kind: Result<Any, _> = serde_json::from_slice(&leased.body);
        let order: Order = match kind {
            Ok(any) if ![Order::FIRST, Order::AGAIN].contains(&any.r#type.as_str()) => {
                let shown: String = any.r#type.chars().take(40).collect();
                tracing::warn!(queue = self.queue.vendor(), r#type = shown, "nobody here knows this type of message");
                self.ack(leased).await?;
                return Ok("unknown");
            }
            Ok(_) => match serde_json::from_slice(&leased.body) {
                Ok(order) => order,
                Err(_) => return self.poisoned(leased).await,
            },
            Err(_) => return self.poisoned(leased).await,
        };
        let Some(id) = order.message_id else {
            let known = self.adopt(&order).await?;
            self.ack(leased).await?;
            return Ok(if known { "adopted" } else { "nothing" });
        };
        let Some(message) = take(&self.wib, id).await? else {
            // Done, given up, or in somebody's hands, who settles it.
            self.ack(leased).await?;
            return Ok("duplicate");
        };
        let outcome = match self.worker.settle(&message, How::Handed).await? {
            After::Later(at) => {
                self.again(leased, at).await?;
                return Ok("later");
            }
            // The dead letter is our message: who replays it hands it on anew.
            After::Dead => "dead",
            After::Done => "done",
            After::Lost => "lost",
        };
        self.ack(leased).await?;
        Ok(outcome)
    }

    async fn ack(&self, leased: &Leased) -> Result<(), VendorError> {
        // Whether the lease still held makes no difference: what comes again finds its message settled.
        self.queue.ack(&leased.token).await.map(drop)
    }

    async fn again(&self, leased: &Leased, at: Timestamp) -> Result<(), VendorError> {
        let wait = Duration::try_from(at.duration_since(self.wib.now())).unwrap_or_default();
        self.queue.retry(&leased.token, wait.min(self.queue.caps().longest_delay)).await.map(drop)
    }

    /// Nobody will ever read it: it must not come again and again.
    async fn poisoned(&self, leased: &Leased) -> Result<&'static str> {
        tracing::error!(queue = self.queue.vendor(), id = leased.id, "a message cannot be read and is laid aside");
        if self.queue.caps().dead_letters {
            self.queue.bury(leased).await?;
        } else {
            self.ack(leased).await?;
        }
        Ok("poisoned")
    }

    /// An order of somebody else who fills the queue: it becomes a message of ours, unless there is one. Whether there is
    /// anything to order.
    async fn adopt(&self, order: &Order) -> Result<bool> {
        let mut tx = self.wib.store.org(order.organization_id).await?;
        let mut known = false;
        for job in tx.transcript_jobs_of_call(order.call_id).await? {
            let recording: Option<Recording> = tx.find(job.recording_id).await?;
            let meant = order.recording.is_none() || recording.is_some_and(|r| r.blob_key == order.recording);
            if !meant || job.vendor_id.is_some() || job.status == TranscriptStatus::Completed {
                continue;
            }
            known = true;
            let (key, payload) = transcripts::submission(&job);
            let run_at = self.wib.now();
            tx.enqueue(&NewMessage { topic: Topic::SubmitTranscript, key, payload, run_at }).await?;
        }
        tx.commit().await?;
        if known {
            self.wib.wake();
        } else {
            tracing::warn!(queue = self.queue.vendor(), call = %order.call_id, "an order is for nothing that waits");
        }
        Ok(known)
    }
}
