//! A heartbeat over HTTP: a `HEAD` to an address that somebody watches, as services that wait for cron jobs have it.

use async_trait::async_trait;
use http::Method;
use wib_core::ports::{Heartbeat, VendorError};

use crate::http::{Client, Policy, Wires, Words};

const VENDOR: &str = "heartbeat";

/// An address that is told after each good tick, as [`Heartbeat`].
#[derive(Debug)]
pub struct HttpHeartbeat {
    client: Client,
}

impl HttpHeartbeat {
    /// The address, secret parts of its path and all.
    #[must_use]
    pub fn new(wires: Wires, url: &str) -> Self {
        let policy = Policy { at_once: 1, answer_cap: 16 << 10, ..Policy::default() };
        Self { client: Client::new(VENDOR, url, policy, |_, _| Words::default(), wires) }
    }
}

#[async_trait]
impl Heartbeat for HttpHeartbeat {
    async fn beat(&self) -> Result<(), VendorError> {
        self.client.ask("beat", Method::HEAD, "").repeatable().send().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Reply, Script};

    #[tokio::test]
    async fn a_beat_is_a_head_that_is_sent_again_when_it_fails() {
        let script = Script::new([Reply::status(503), Reply::status(200)]);
        let heart = HttpHeartbeat::new(script.wires(), "https://beats.test/ping/abc");
        script.run(heart.beat()).await.unwrap();
        let seen = script.seen();
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|request| request.method == "HEAD" && request.target == "/ping/abc"));
    }
}
