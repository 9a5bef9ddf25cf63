//! A [`Queue`] in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    kit::{
        Clock,
        time::{Timestamp, after},
    },
    ports::{
        Queue, VendorError,
        queue::{LeaseToken, Leased, Outgoing, QueueCaps},
    },
};

const VENDOR: &str = "fake";
const ATTEMPTS: u32 = 3;
const CAPS: QueueCaps = QueueCaps {
    batch: 100,
    message_bytes: 64 << 10,
    batch_bytes: 256 << 10,
    longest_delay: Duration::from_secs(12 * 3600),
    longest_lease: Duration::from_secs(12 * 3600),
    attempts: Some(ATTEMPTS),
    dead_letters: true,
    keys: false,
};

/// A queue in memory, in the order in which messages came.
#[derive(Debug)]
pub struct FakeQueue {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    count: u64,
    messages: BTreeMap<u64, Waiting>,
    dead: Vec<Bytes>,
}

#[derive(Debug)]
struct Waiting {
    body: Bytes,
    attempts: u32,
    visible: Timestamp,
    token: Option<String>,
}

impl FakeQueue {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }
    fn kept(&self) -> MutexGuard<'_, Kept> {
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.end_leases(now);
        kept
    }
    fn take(&self, token: &LeaseToken) -> Option<(MutexGuard<'_, Kept>, u64)> {
        let kept = self.kept();
        let held = kept.messages.iter().find(|(_, waiting)| waiting.token.as_ref() == Some(&token.0));
        let number = *held?.0;
        Some((kept, number))
    }
}
impl Kept {
    fn add(&mut self, body: Bytes, visible: Timestamp) {
        self.count += 1;
        self.messages.insert(self.count, Waiting { body, attempts: 0, visible, token: None });
    }
    /// Gives back what was held too long, and lays aside what was tried too often.
    fn end_leases(&mut self, now: Timestamp) {
        for waiting in self.messages.values_mut().filter(|waiting| waiting.visible <= now) {
            waiting.token = None;
        }
        let spent: Vec<_> = self.messages.extract_if(.., |_, w| w.token.is_none() && w.attempts >= ATTEMPTS).collect();
        self.dead.extend(spent.into_iter().map(|(_, waiting)| waiting.body));
    }
}

#[async_trait]
impl Queue for FakeQueue {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        false
    }
    fn caps(&self) -> QueueCaps {
        CAPS
    }
    async fn enqueue(&self, message: &Outgoing) -> Result<(), VendorError> {
        self.enqueue_batch(std::slice::from_ref(message)).await
    }
    async fn enqueue_batch(&self, messages: &[Outgoing]) -> Result<(), VendorError> {
        CAPS.check(VENDOR, messages)?;
        let now = self.clock.now();
        let mut kept = self.kept();
        for message in messages {
            kept.add(message.body.clone(), after(now, message.delay));
        }
        Ok(())
    }
    async fn lease(&self, most: usize, lease: Duration) -> Result<Vec<Leased>, VendorError> {
        CAPS.check_lease(VENDOR, most, lease)?;
        let now = self.clock.now();
        let mut kept = self.kept();
        let ready = kept.messages.iter_mut().filter(|(_, waiting)| waiting.token.is_none() && waiting.visible <= now);
        let take = |(number, waiting): (&u64, &mut Waiting)| {
            waiting.attempts += 1;
            waiting.visible = after(now, lease);
            let token = format!("{number}-{}", waiting.attempts);
            waiting.token = Some(token.clone());
            let (body, attempts) = (waiting.body.clone(), waiting.attempts);
            Leased { id: number.to_string(), body, attempts, token: LeaseToken(token) }
        };
        Ok(ready.take(most).map(take).collect())
    }
    async fn ack(&self, token: &LeaseToken) -> Result<bool, VendorError> {
        let Some((mut kept, number)) = self.take(token) else { return Ok(false) };
        Ok(kept.messages.remove(&number).is_some())
    }
    async fn retry(&self, token: &LeaseToken, delay: Duration) -> Result<bool, VendorError> {
        CAPS.check_delay(VENDOR, delay)?;
        let now = self.clock.now();
        let Some((mut kept, number)) = self.take(token) else { return Ok(false) };
        if let Some(waiting) = kept.messages.get_mut(&number) {
            waiting.token = None;
            waiting.visible = after(now, delay);
        }
        Ok(true)
    }
    async fn bury(&self, message: &Leased) -> Result<bool, VendorError> {
        let Some((mut kept, number)) = self.take(&message.token) else { return Ok(false) };
        let buried = kept.messages.remove(&number);
        kept.dead.extend(buried.map(|waiting| waiting.body));
        Ok(true)
    }
    async fn replay(&self, most: usize) -> Result<usize, VendorError> {
        let now = self.clock.now();
        let mut kept = self.kept();
        let most = most.min(kept.dead.len());
        let dead: Vec<_> = kept.dead.drain(..most).collect();
        dead.into_iter().for_each(|body| kept.add(body, now));
        Ok(most)
    }
}
