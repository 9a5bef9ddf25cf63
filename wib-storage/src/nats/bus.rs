//! A bus by plain subjects: at most once, and a gap wherever that may have been less.

use std::fmt;

use futures_util::StreamExt;
use tokio::{sync::watch, task::JoinHandle};
use wib_core::{
    kit::{Error, Result},
    ports::{
        Bus, VendorError,
        bus::{Channel, Hearing, Hub, Note},
    },
};

use super::{Nats, VENDOR};
use crate::bus::{Leaving, Outbox, outbox, read, written};

/// A bus on NATS.
pub struct NatsBus {
    hub: Hub,
    outbox: Outbox,
    tasks: [JoinHandle<()>; 2],
}
impl fmt::Debug for NatsBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NatsBus")
    }
}
impl Drop for NatsBus {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl NatsBus {
    /// A bus on a subject, which is listened to already. Installations that share a server take a subject each.
    ///
    /// # Errors
    /// `Unavailable` when the server does not take it.
    pub async fn open(nats: &Nats, subject: &str) -> Result<Self> {
        let refused = |e: String| Error::database("NATS does not listen").because(e);
        let mut told = nats.client.subscribe(subject.to_owned()).await.map_err(|e| refused(e.to_string()))?;
        // The server has the subscription once it has answered something behind it.
        let inbox = nats.client.new_inbox();
        let mut echo = nats.client.subscribe(inbox.clone()).await.map_err(|e| refused(e.to_string()))?;
        nats.client.publish(inbox, "".into()).await.map_err(|e| refused(e.to_string()))?;
        echo.next().await;
        let hub = Hub::new(VENDOR);
        let (outbox, leaving) = outbox(VENDOR);
        let ears = hub.clone();
        let hear = async move {
            while let Some(message) = told.next().await {
                ears.hear(read(&message.payload));
            }
        };
        let speak = speak(nats.clone(), subject.to_owned(), leaving, outbox.clone());
        let tasks = [tokio::spawn(hear), tokio::spawn(speak)];
        Ok(Self { hub, outbox, tasks })
    }
    /// Its listeners in this process.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
}

impl Bus for NatsBus {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn shared(&self) -> bool {
        true
    }
    fn publish(&self, note: &Note) -> Result<(), VendorError> {
        self.outbox.put(note)
    }
    fn subscribe(&self, channel: Channel) -> Result<Hearing, VendorError> {
        self.hub.subscribe(channel)
    }
}

/// Tells what waits. After every other connection it tells of a gap: what left on the old one may not have come through,
/// and what others told meanwhile was not heard here. The server has our subscription before it has this.
async fn speak(nats: Nats, subject: String, mut leaving: Leaving, outbox: Outbox) {
    let mut connections: watch::Receiver<u64> = nats.connections.clone();
    // The first one is told late: it is not another.
    let _ = connections.wait_for(|n| *n > 0).await;
    connections.mark_unchanged();
    loop {
        let notes = tokio::select! {
            biased;
            changed = connections.changed() => {
                if changed.is_err() {
                    return;
                }
                outbox.missed();
                leaving.gap().into_iter().collect()
            }
            notes = leaving.next() => match notes {
                Some(notes) => notes,
                None => return,
            },
        };
        for text in notes.iter().filter_map(written) {
            // While there is no connection it waits in the client, up to a bound, and then here.
            if let Err(error) = nats.client.publish(subject.clone(), text.into()).await {
                tracing::debug!(%error, "other nodes cannot be told");
                outbox.missed();
            }
        }
    }
}
