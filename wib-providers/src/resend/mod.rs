//! Resend: sending mail, and what became of it.
//!
//! Document: <https://resend.com/docs/api-reference> (as of August 2026). Limits: two requests a second a team; daily and
//! monthly quotas; 50 recipients, 40 MB of attachments after base64, 100 mails in a batch. `Idempotency-Key` holds for 24
//! hours and up to 256 characters, on `/emails` and `/emails/batch`, so a send may be repeated; another body under the same
//! key is refused with 409. A `User-Agent` must be sent, and the client sends one.
//!
//! Quirks this adapter knows:
//! - A batch takes neither attachments nor an instant; it would drop them without a word (Send Batch Emails), so such a
//!   batch is refused here.
//! - A mail is kept for later up to 30 days; one whose instant has passed goes at once.
//! - Deliveries come in any order and may come twice; `svix-id` is the same then.
//! - A bounce's `type` is `Permanent`, `Transient` or `Undetermined`, as Amazon SES has it.

mod account;
mod mailer;
#[cfg(feature = "sandbox")]
mod sandbox;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use secrecy::SecretString;
use wib_core::{
    kit::Error,
    ports::{mailer::Mailbox, webhook::svix_secret},
};

pub use self::account::{Domain, DomainRecord, DomainState, Suppression};
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
        Setting::needed("RESEND_FROM", "the sender of mails, `Name <address>`").checked(sender),
        Setting::verifier("RESEND_WEBHOOK_SECRET", "`whsec_…`, several with commas; without it deliveries are refused")
            .checked(|secrets| secrets.split(',').map(str::trim).filter(|one| !one.is_empty()).try_for_each(secret)),
        Setting::address("RESEND_BASE_URL"),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};

fn sender(text: &str) -> Result<(), String> {
    text.parse::<Mailbox>().map(drop).map_err(|_| "expected `Name <address>` or an address".to_owned())
}
fn secret(text: &str) -> Result<(), String> {
    svix_secret(text).map(drop).ok_or_else(|| "expected `whsec_` and base64".to_owned())
}

fn plug(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let from = given.text("RESEND_FROM").unwrap_or("calls@sandbox.wib").parse::<Mailbox>();
    let from = from.map_err(|e| ("RESEND_FROM", e.message().to_owned()))?;
    let mut builder =
        Resend::builder(given.wires.clone(), given.key("RESEND_API_KEY"), from).given(given, "RESEND_BASE_URL");
    let secrets: Vec<_> = match &given.verifier {
        Some(verifier) => vec![verifier.as_str()],
        None => given.several("RESEND_WEBHOOK_SECRET").collect(),
    };
    for secret in secrets {
        builder = builder.webhook_secret(secret).map_err(|e| ("RESEND_WEBHOOK_SECRET", e.message().to_owned()))?;
    }
    let resend = Arc::new(builder.build());
    adapters.probes.push(resend.client.probe(Port::Mailer, "/domains", ""));
    adapters.webhooks.push(resend.clone());
    adapters.mailers.push(resend);
    Ok(())
}

/// Resend, as [`Mailer`](wib_core::ports::Mailer) and as [`WebhookSource`](wib_core::ports::WebhookSource).
pub struct Resend {
    client: Client,
    from: Mailbox,
    secrets: Vec<Vec<u8>>,
    live: bool,
}
impl std::fmt::Debug for Resend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resend").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Resend {
    /// Resend with an API key (`re_…`) and the sender, of a verified domain.
    pub fn builder(wires: Wires, api_key: SecretString, from: Mailbox) -> ResendBuilder {
        // Two a second is the vendor's limit: two at once keeps near it, a 429 is waited out.
        let policy = Policy { at_once: 2, ..Policy::default() };
        let base_url = "https://api.resend.com".to_owned();
        ResendBuilder { wires, api_key, base_url, policy, from, secrets: Vec::new(), live: true }
    }
}

/// Puts a [`Resend`] together.
pub struct ResendBuilder {
    wires: Wires,
    api_key: SecretString,
    base_url: String,
    policy: Policy,
    from: Mailbox,
    secrets: Vec<Vec<u8>>,
    live: bool,
}
impl std::fmt::Debug for ResendBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResendBuilder").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl ResendBuilder {
    crate::http::settings!();
    /// A secret that deliveries are signed with, `whsec_` and base64. While one is being rotated, name both. Without any,
    /// every delivery is refused.
    ///
    /// # Errors
    /// `Invalid` when it is no such secret.
    pub fn webhook_secret(mut self, secret: &str) -> Result<Self, Error> {
        let bytes = svix_secret(secret).ok_or_else(|| Error::invalid("expected `whsec_` and base64"))?;
        self.secrets.push(bytes);
        Ok(self)
    }
    /// The adapter.
    #[must_use]
    pub fn build(self) -> Resend {
        let client = Client::new(VENDOR, &self.base_url, self.policy, wire::words, self.wires).bearer(&self.api_key);
        Resend { client, from: self.from, secrets: self.secrets, live: self.live }
    }
}
