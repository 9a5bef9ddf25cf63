//! NATS: a [`Queue`](wib_core::ports::Queue) on JetStream, a [`Bus`](wib_core::ports::Bus) by plain subjects.
//!
//! One connection serves both, finds another server of its cluster by itself, and comes back by itself. Works with a server
//! of 2.9 and later.

mod bus;
mod queue;

use std::{fmt, sync::Arc, time::Duration};

use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;
use wib_core::kit::{Error, ExposeSecret, Result, SecretString};

pub use self::{bus::NatsBus, queue::NatsQueue};

const VENDOR: &str = "nats";

/// A connection to a server of NATS, or to several.
#[derive(Clone)]
pub struct Nats {
    client: Client,
    connections: watch::Receiver<u64>,
}
impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nats({:?})", self.client.connection_state())
    }
}

impl Nats {
    /// Connects to the servers of these URLs, separated by commas: `nats://user:password@host:4222`, or `tls://`.
    ///
    /// # Errors
    /// `Invalid` when a URL cannot be read; `Unavailable` when no server answers, or lets us in.
    pub async fn connect(urls: &SecretString) -> Result<Self> {
        let urls: Vec<&str> = urls.expose_secret().split(',').map(str::trim).filter(|url| !url.is_empty()).collect();
        let servers: Result<Vec<async_nats::ServerAddr>, _> = urls.iter().map(|url| url.parse()).collect();
        // What could not be read may hold a password.
        let servers = servers.ok().filter(|all| !all.is_empty()).ok_or_else(|| Error::invalid("not a URL of NATS"))?;
        let (count, connections) = watch::channel(0);
        let count = Arc::new(count);
        let heard = move |event| {
            let count = count.clone();
            async move {
                match event {
                    Event::Connected => count.send_modify(|n| *n += 1),
                    // The same for who listens: something was not heard.
                    Event::SlowConsumer(_) => count.send_modify(|n| *n += 1),
                    Event::Disconnected => tracing::warn!("the connection to NATS is lost; another one is made"),
                    other => tracing::debug!(event = %other, "NATS"),
                }
            }
        };
        let options = ConnectOptions::new()
            .name("wib")
            .connection_timeout(Duration::from_secs(5))
            .request_timeout(Some(Duration::from_secs(5)))
            .event_callback(heard);
        let client = options.connect(servers).await;
        let client = client.map_err(|e| Error::database("NATS cannot be reached").because(e.to_string()))?;
        Ok(Self { client, connections })
    }
}
