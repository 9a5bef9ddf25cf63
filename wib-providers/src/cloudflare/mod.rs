//! Cloudflare: values for a while in Workers KV, work handed on by Queues, both over the REST API.
//!
//! Document: <https://developers.cloudflare.com/api> (August 2024, with the official library's types of 2026). Base
//! `https://api.cloudflare.com/client/v4`, a bearer token. Limits: 1200 requests in five minutes a user; one write a second a
//! key of KV, answered with 429 and waited out here.
//!
//! Quirks this adapter knows:
//! - Answers come in an envelope `{success, errors, messages, result}`, but for a value of KV, which is its raw bytes.
//! - KV is eventually consistent: a write may take a minute to be seen elsewhere. So there are neither counters nor locks.
//! - KV keeps nothing for less than 60 s. A value for a shorter time is written in an envelope of ours with the instant at
//!   which it ends, and KV's own time is 60 s ([`kv`]); others are written as they are, so that a Worker reads them too.
//! - Names of keys are percent-encoded, `/` too, and have 512 bytes at most; values 25 MiB.
//! - A message of a queue is text or JSON. Bytes that are no text go in base64 behind `base64:`; text goes as it is. What a
//!   Worker sent as JSON or bytes comes in base64 and is decoded.
//! - A queue must have a consumer of type `http_pull` before it can be pulled from. How often a message is delivered, and
//!   where dead letters go, that consumer says.
//! - Nothing that is pushed has an idempotency key: a push whose answer was lost is not repeated.
//! - What an acknowledgement of a lease that has ended is answered with is not documented; a count of 0 is taken for "the
//!   lease did not hold": unverified.

mod account;
pub mod kv;
mod queue;
#[cfg(feature = "sandbox")]
mod sandbox;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use secrecy::SecretString;

pub use self::{
    account::{Consumer, Namespace, QueueInfo},
    kv::{Key, Keys, Kv, Pair},
    queue::CloudflareQueue,
};
use crate::{
    http::{Client, Policy, Wires},
    vendor::{Adapters, Asked, Given, Port, Probe, Setting, Vendor},
};

const VENDOR: &str = "cloudflare";

/// Cloudflare, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: VENDOR,
    ports: &[(Port::Cache, plug_cache), (Port::Queue, plug_queue)],
    settings: &[
        Setting::key("CLOUDFLARE_API_TOKEN", "a token that may edit KV and Queues"),
        Setting::key("CLOUDFLARE_ACCOUNT_ID", "the account").checked(id),
        Setting::option("CLOUDFLARE_KV_NAMESPACE_ID", "the namespace of values; without it KV is not used").checked(id),
        Setting::option("CLOUDFLARE_QUEUE_ID", "the queue, pulled over HTTP; without it Queues are not used").checked(id),
        Setting::option("CLOUDFLARE_DEAD_QUEUE_ID", "the queue of its dead letters; without it none are replayed").checked(id),
        Setting::address("CLOUDFLARE_BASE_URL"),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};

fn id(text: &str) -> Result<(), String> {
    let fits = (1..=36).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits { Ok(()) } else { Err("expected an id of letters and digits".to_owned()) }
}

/// What a sandbox has when nothing is set.
const ACCOUNT: &str = "5a6e0b0c000000000000000000000001";
const NAMESPACE: &str = "5a6e0b0c000000000000000000000002";
const QUEUE: &str = "5a6e0b0c000000000000000000000003";
const DEAD_QUEUE: &str = "5a6e0b0c000000000000000000000004";

fn account(given: &Given<'_>) -> Cloudflare {
    let account = given.text("CLOUDFLARE_ACCOUNT_ID").unwrap_or(ACCOUNT);
    let builder = Cloudflare::builder(given.wires.clone(), given.key("CLOUDFLARE_API_TOKEN"), account);
    builder.given(given, "CLOUDFLARE_BASE_URL").build()
}
/// What was set; in a sandbox, what is there when nothing was.
fn named<'a>(given: &'a Given<'_>, name: &str, sandboxed: &'static str) -> Option<&'a str> {
    given.text(name).or((!given.live).then_some(sandboxed))
}

fn plug_cache(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let Some(namespace) = named(given, "CLOUDFLARE_KV_NAMESPACE_ID", NAMESPACE) else { return Ok(()) };
    let kv = account(given).kv(namespace);
    let asked = kv.clone();
    let ask = move || {
        let kv = asked.clone();
        Box::pin(async move { kv.keys("", 10, None).await.map(drop) }) as Asked
    };
    adapters.probes.push(Probe { vendor: VENDOR, port: Port::Cache, what: "/accounts/{}/storage/kv/namespaces/{}/keys", ask: Box::new(ask) });
    adapters.caches.push(Arc::new(kv));
    Ok(())
}

fn plug_queue(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let Some(id) = named(given, "CLOUDFLARE_QUEUE_ID", QUEUE) else { return Ok(()) };
    let cloudflare = account(given);
    let mut queue = cloudflare.queue(id);
    let id = id.to_owned();
    let ask = move || {
        let (cloudflare, id) = (cloudflare.clone(), id.clone());
        Box::pin(async move { cloudflare.queue_info(&id).await.map(drop) }) as Asked
    };
    adapters.probes.push(Probe { vendor: VENDOR, port: Port::Queue, what: "/accounts/{}/queues/{}", ask: Box::new(ask) });
    if let Some(dead) = named(given, "CLOUDFLARE_DEAD_QUEUE_ID", DEAD_QUEUE) {
        queue = queue.dead_letters(dead);
    }
    adapters.queues.push(Arc::new(queue));
    Ok(())
}

/// An account at Cloudflare. [`kv`](Self::kv) and [`queue`](Self::queue) give what fills the ports; its own methods look
/// after namespaces, queues and consumers.
#[derive(Clone, Debug)]
pub struct Cloudflare {
    client: Client,
    account: String,
    live: bool,
}

impl Cloudflare {
    /// The account of that id, with an API token.
    pub fn builder(wires: Wires, token: SecretString, account: impl Into<String>) -> CloudflareBuilder {
        let base_url = "https://api.cloudflare.com/client/v4".to_owned();
        CloudflareBuilder { wires, token, base_url, policy: Policy::default(), account: account.into(), live: true }
    }
    /// The values of a namespace.
    #[must_use]
    pub fn kv(&self, namespace: impl Into<String>) -> Kv {
        Kv { cloudflare: self.clone(), namespace: namespace.into() }
    }
    /// The messages of a queue.
    #[must_use]
    pub fn queue(&self, queue: impl Into<String>) -> CloudflareQueue {
        CloudflareQueue { cloudflare: self.clone(), queue: queue.into(), dead: None }
    }
}

/// Puts a [`Cloudflare`] together.
#[derive(Debug)]
pub struct CloudflareBuilder {
    wires: Wires,
    token: SecretString,
    base_url: String,
    policy: Policy,
    account: String,
    live: bool,
}
impl CloudflareBuilder {
    crate::http::settings!();
    /// The account.
    #[must_use]
    pub fn build(self) -> Cloudflare {
        let client = Client::new(VENDOR, &self.base_url, self.policy, wire::words, self.wires).bearer(&self.token);
        Cloudflare { client, account: self.account, live: self.live }
    }
}
