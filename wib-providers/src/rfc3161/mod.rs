//! A time-stamp authority over HTTP.
//!
//! Document: RFC 3161, section 3.4 (RFC 5816 changes its certificates, not its transport). Public authorities have limits
//! of their own and no common way to tell them; a repeat makes one more stamp, so a failed request is sent again.

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use wib_core::{
    evidence::timestamp::TIMESTAMP_LIMIT,
    ports::{Fault, Sent, TimestampAuthority, VendorError},
};

use crate::http::{Client, Policy, Wires, Words};

const VENDOR: &str = "rfc3161";

/// An authority of RFC 3161, as [`TimestampAuthority`].
#[derive(Debug)]
pub struct Rfc3161 {
    client: Client,
    name: String,
}

impl Rfc3161 {
    /// The authority at that address, known by its host.
    #[must_use]
    pub fn new(wires: Wires, url: &str) -> Self {
        Self::with(wires, url, Policy { at_once: 2, ..Policy::default() })
    }
    /// The same with other deadlines and limits.
    #[must_use]
    pub fn with(wires: Wires, url: &str, policy: Policy) -> Self {
        let policy = Policy { answer_cap: policy.answer_cap.min(TIMESTAMP_LIMIT as u64), ..policy };
        // An authority refuses in its own encoding, under a status of success.
        let client = Client::new(VENDOR, url, policy, |_, _| Words::default(), wires);
        Self { client, name: crate::http::host(url) }
    }
}

#[async_trait]
impl TimestampAuthority for Rfc3161 {
    fn name(&self) -> &str {
        &self.name
    }
    async fn stamp(&self, request_der: &[u8]) -> Result<Bytes, VendorError> {
        let body = Bytes::copy_from_slice(request_der);
        let ask = self.client.ask("stamp", Method::POST, "").bytes(body, "application/timestamp-query");
        let answer = ask.header("accept", "application/timestamp-reply").repeatable().send().await?;
        if !answer.is("application/timestamp-reply") {
            return Err(self.client.fault(Fault::Nonsense, Sent::Refused, "the answer is not a timestamp-reply"));
        }
        Ok(answer.body)
    }
}
