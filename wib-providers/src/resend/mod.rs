//! Resend: sending mail.
//!
//! Document: <https://resend.com/docs/api-reference> (as of August 2026). Limits: two requests a second a team; daily and
//! monthly quotas. `Idempotency-Key` holds for 24 hours and up to 256 characters, so a send may be repeated; another body
//! under the same key is refused with 409. A `User-Agent` must be sent, and the client sends one.

#[cfg(feature = "sandbox")]
mod sandbox;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use wib_core::ports::{Mailer, VendorError, mailer::Mail};

use crate::{
    http::{Client, Policy, Wires},
    vendor::{Adapters, Given, Port, Setting, Vendor},
};

const VENDOR: &str = "resend";

/// Resend, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: VENDOR,
    ports: &[(Port::Mailer, plug)],
    settings: &[
        Setting::key("RESEND_API_KEY", "an API key"),
        Setting::needed("RESEND_FROM", "the sender of mails"),
        Setting::address("RESEND_BASE_URL"),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};

fn plug(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let from = given.text("RESEND_FROM").unwrap_or("calls@sandbox.wib");
    let resend = Resend::builder(given.wires.clone(), given.key("RESEND_API_KEY"), from).given(given, "RESEND_BASE_URL").build();
    adapters.probes.push(resend.client.probe(Port::Mailer, "/domains", ""));
    adapters.mailers.push(Arc::new(resend));
    Ok(())
}

/// Resend, as [`Mailer`].
#[derive(Debug)]
pub struct Resend {
    client: Client,
    from: String,
    live: bool,
}

impl Resend {
    /// Resend with an API key (`re_…`) and the sender, an address or `Name <address>` of a verified domain.
    pub fn builder(wires: Wires, api_key: SecretString, from: impl Into<String>) -> ResendBuilder {
        // Two a second is the vendor's limit: two at once keeps near it, a 429 is waited out.
        let policy = Policy { at_once: 2, ..Policy::default() };
        let base_url = "https://api.resend.com".to_owned();
        ResendBuilder { wires, api_key, base_url, policy, from: from.into(), live: true }
    }
}

/// Puts a [`Resend`] together.
#[derive(Debug)]
pub struct ResendBuilder {
    wires: Wires,
    api_key: SecretString,
    base_url: String,
    policy: Policy,
    from: String,
    live: bool,
}

impl ResendBuilder {
    crate::http::settings!();
    /// The adapter.
    #[must_use]
    pub fn build(self) -> Resend {
        let client = Client::new(VENDOR, &self.base_url, self.policy, wire::words, self.wires).bearer(&self.api_key);
        Resend { client, from: self.from, live: self.live }
    }
}

#[async_trait]
impl Mailer for Resend {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn send(&self, mail: &Mail) -> Result<String, VendorError> {
        let request = wire::SendRequest { from: &self.from, to: [&mail.to], subject: &mail.subject, text: &mail.text };
        let fits = mail.key.len() <= 256 && mail.key.bytes().all(|b| b.is_ascii_graphic());
        let key = if fits { mail.key.clone() } else { hex::encode(Sha256::digest(&mail.key)) };
        let ask = self.client.ask("send", Method::POST, "/emails").header("idempotency-key", &key);
        Ok(ask.json(&request).repeatable().send().await?.json::<wire::Sent>()?.id)
    }
}
