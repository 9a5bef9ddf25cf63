//! Telling every node at once: what happened in calls, and that there is work.
//!
//! A bus is quick and forgetful; rows are what counts. So it tells ids alone, may tell a thing twice, and where it may have
//! lost something it says so: [`Heard::Gap`], never silence.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::{Fault, Sent, VendorError};
use crate::{calls::CallId, live::LiveEvent, orgs::OrganizationId};

/// Somebody who tells every node.
///
/// What one publisher tells is heard in that order. Whoever subscribes hears everything that is published afterwards, on
/// any node, or a [`Heard::Gap`].
pub trait Bus: Send + Sync + fmt::Debug {
    /// The vendor's name in logs and metrics.
    fn vendor(&self) -> &'static str;
    /// Whether other processes hear it.
    fn shared(&self) -> bool;
    /// Tells all nodes, this one too. It never waits: what cannot leave is laid aside, up to a bound, and beyond it every
    /// node is told of a gap.
    ///
    /// # Errors
    /// [`Fault::Down`] when the bound is reached; a gap will be told.
    fn publish(&self, note: &Note) -> Result<(), VendorError>;
    /// Hears a channel, until the answer is dropped.
    ///
    /// # Errors
    /// [`Fault::RateLimited`] when too many hear already.
    fn subscribe(&self, channel: Channel) -> Result<Hearing, VendorError>;
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Something happened in a call.
    Live(LiveEvent),
    /// Somebody speaks on a call: the words so far lie in the cache, for seconds. No row stands behind it, and nothing is
    /// missed when it is lost.
    Speaking {
        /// Whose call.
        organization_id: OrganizationId,
        /// Which.
        call_id: CallId,
    },
    /// A message was queued that may be due.
    Work,
}
impl Note {
    /// Who hears it.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Live(LiveEvent { organization_id, .. }) | Self::Speaking { organization_id, .. } => {
                Channel::Organization(*organization_id)
            }
            Self::Work => Channel::Work,
        }
    }
}

/// What is heard; also how a bus writes it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// A note.
    Note(Note),
    /// Something may have been told that is not heard: read the rows.
    Gap,
}

/// What is heard together. No organisation hears of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// What happens in one organisation.
    Organization(OrganizationId),
    /// That there is work.
    Work,
}

/// Notes that are kept for a slow listener, of one channel.
const KEPT: usize = 256;
/// Listeners of one process.
const LISTENERS: usize = 10_000;

/// The listeners of one process, by channel. Every adapter has one, and hands it what comes in.
#[derive(Clone, Debug)]
pub struct Hub {
    vendor: &'static str,
    channels: Arc<Mutex<BTreeMap<Channel, broadcast::Sender<Heard>>>>,
}
impl Hub {
    /// Without listeners.
    #[must_use]
    pub fn new(vendor: &'static str) -> Self {
        Self { vendor, channels: Arc::default() }
    }
    fn channels(&self) -> MutexGuard<'_, BTreeMap<Channel, broadcast::Sender<Heard>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Gives what came in to whom it is for.
    pub fn hear(&self, heard: Heard) {
        let channels = self.channels();
        match heard {
            Heard::Note(note) => {
                if let Some(listeners) = channels.get(&note.channel()) {
                    let _ = listeners.send(heard);
                }
            }
            Heard::Gap => {
                for listeners in channels.values() {
                    let _ = listeners.send(heard);
                }
            }
        }
    }
    /// Adds a listener.
    ///
    /// # Errors
    /// [`Fault::RateLimited`] when there are too many.
    pub fn subscribe(&self, channel: Channel) -> Result<Hearing, VendorError> {
        let mut channels = self.channels();
        if channels.values().map(broadcast::Sender::receiver_count).sum::<usize>() >= LISTENERS {
            return Err(VendorError::new(self.vendor, Fault::RateLimited, Sent::No, "too many listen already"));
        }
        let listeners = channels.entry(channel).or_insert_with(|| broadcast::channel(KEPT).0);
        Ok(Hearing { receiver: listeners.subscribe(), hub: self.clone(), channel })
    }
    /// Channels that somebody hears.
    #[must_use]
    pub fn heard(&self) -> usize {
        self.channels().len()
    }
}

/// A listener. Dropped, it is forgotten.
#[derive(Debug)]
pub struct Hearing {
    receiver: broadcast::Receiver<Heard>,
    hub: Hub,
    channel: Channel,
}
impl Hearing {
    /// The next thing, however long it takes. Dropped while it waits, it loses nothing.
    pub async fn next(&mut self) -> Heard {
        match self.receiver.recv().await {
            Ok(heard) => heard,
            // Overtaken, or without anybody who could tell.
            Err(broadcast::error::RecvError::Lagged(_)) => {
                metrics::counter!("wib_bus_gaps_total", "bus" => self.hub.vendor, "why" => "slow").increment(1);
                Heard::Gap
            }
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
impl Drop for Hearing {
    fn drop(&mut self) {
        let mut channels = self.hub.channels();
        if channels.get(&self.channel).is_some_and(|listeners| listeners.receiver_count() <= 1) {
            channels.remove(&self.channel);
        }
    }
}

/// A bus of one process.
#[derive(Clone, Debug)]
pub struct LocalBus {
    hub: Hub,
}
impl Default for LocalBus {
    fn default() -> Self {
        Self { hub: Hub::new("process") }
    }
}
impl LocalBus {
    /// Its listeners.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
}
impl Bus for LocalBus {
    fn vendor(&self) -> &'static str {
        self.hub.vendor
    }
    fn shared(&self) -> bool {
        false
    }
    fn publish(&self, note: &Note) -> Result<(), VendorError> {
        self.hub.hear(Heard::Note(*note));
        Ok(())
    }
    fn subscribe(&self, channel: Channel) -> Result<Hearing, VendorError> {
        self.hub.subscribe(channel)
    }
}
