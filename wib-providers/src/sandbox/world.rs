//! The state behind all vendors: one clock, one queue of what happens next, one queue of webhooks.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use wib_core::kit::time::{Timestamp, after};

use super::{
    Delivery, Settings,
    assemblyai::Transcripts,
    chance::Chance,
    faults::{Fault, FaultKind},
    network::{CallStep, Network},
    resend::Mails,
};

/// Webhooks without an answer, finished calls and transcripts, mails: the oldest beyond this many are forgotten.
pub(super) const KEPT: usize = 100_000;
const TRIES: u32 = 12;
const LONGEST_WAIT: u64 = 60;

/// What happens next, apart from webhooks.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Call(u64, CallStep),
    Transcript(String),
}

/// A webhook on its way.
#[derive(Clone, Debug)]
struct Post {
    id: u64,
    vendor: &'static str,
    url: Option<String>,
    body: PostBody,
    attempt: u32,
}

#[derive(Clone, Debug)]
enum PostBody {
    /// Telnyx's event, signed at every try.
    Telnyx(Value),
    /// AssemblyAI's notice, with its header.
    AssemblyAi(Value, Option<(String, String)>),
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) settings: Settings,
    /// The vendors' time: of the request that is answered, or of the step that is made.
    pub(super) now: Timestamp,
    /// How far the vendors' clock is ahead of the given one.
    pub(super) ahead: Duration,
    pub(super) phones: Network,
    pub(super) transcripts: Transcripts,
    pub(super) mails: Mails,
    /// Chat answers given: part of their ids.
    pub(super) chats: u64,
    pub(super) faults: Vec<Fault>,
    key: SigningKey,
    steps: BTreeMap<(Timestamp, u64), Step>,
    posts: BTreeMap<(Timestamp, u64), Post>,
    sent: BTreeMap<u64, Post>,
    arrivals: u64,
}

impl World {
    pub(super) fn new(seed: u64, settings: Settings, start: Timestamp) -> Self {
        let drawn = || <[u8; 32]>::try_from(hex::decode(Chance::of(seed, &["key"]).hex(32)).unwrap_or_default());
        let key = settings.telnyx_signing_seed.or_else(|| drawn().ok()).unwrap_or_default();
        Self {
            seed,
            settings,
            now: start,
            ahead: Duration::ZERO,
            phones: Network::default(),
            transcripts: Transcripts::default(),
            mails: Mails::default(),
            chats: 0,
            faults: Vec::new(),
            key: SigningKey::from_bytes(&key),
            steps: BTreeMap::new(),
            posts: BTreeMap::new(),
            sent: BTreeMap::new(),
            arrivals: 0,
        }
    }

    /// Telnyx's public key in base64.
    pub(super) fn public_key(&self) -> String {
        BASE64_STANDARD.encode(self.key.verifying_key().to_bytes())
    }

    /// Lets happen all that is due by `now` on the given clock.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let now = after(now, self.ahead).max(self.now);
        while let Some(entry) = self.steps.first_entry().filter(|entry| entry.key().0 <= now) {
            self.now = self.now.max(entry.key().0);
            match entry.remove() {
                Step::Call(call, step) => self.call_step(call, step),
                Step::Transcript(id) => self.transcript_step(&id),
            }
        }
        self.now = now;
    }

    /// Has a step made in `ms` milliseconds.
    pub(super) fn plan(&mut self, ms: u64, step: Step) {
        self.arrivals += 1;
        self.steps.insert((after(self.now, Duration::from_millis(ms)), self.arrivals), step);
    }

    /// Sends one of Telnyx's events.
    pub(super) fn post_telnyx(&mut self, url: Option<String>, data: Value) {
        self.post("telnyx", url, PostBody::Telnyx(data));
    }

    /// Sends one of AssemblyAI's notices.
    pub(super) fn post_assemblyai(&mut self, url: String, body: Value, auth: Option<(String, String)>) {
        self.post("assemblyai", Some(url), PostBody::AssemblyAi(body, auth));
    }

    fn post(&mut self, vendor: &'static str, url: Option<String>, body: PostBody) {
        self.arrivals += 1;
        let post = Post { id: self.arrivals, vendor, url, body, attempt: 0 };
        self.posts.insert((self.now, post.id), post);
    }

    /// The next instant, on the given clock, at which something happens.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let step = self.steps.first_key_value().map(|((at, _), _)| *at);
        let post = self.posts.first_key_value().map(|((at, _), _)| *at);
        let first = step.into_iter().chain(post).min()?;
        Some(wib_core::kit::time::before(first, self.ahead))
    }

    /// The webhooks that are due, signed as of `now` on the given clock.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Delivery> {
        self.settle(now);
        let later = self.posts.split_off(&(self.now, u64::MAX));
        let due = std::mem::replace(&mut self.posts, later);
        let sign = |mut post: Post| {
            post.attempt += 1;
            let delivery = self.delivery(&post, now);
            (post, delivery)
        };
        let (posts, deliveries): (Vec<_>, Vec<_>) = due.into_values().map(sign).unzip();
        self.sent.extend(posts.into_iter().map(|post| (post.id, post)));
        while self.sent.len() > KEPT {
            self.sent.pop_first();
        }
        deliveries
    }

    fn delivery(&self, post: &Post, now: Timestamp) -> Delivery {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = match &post.body {
            PostBody::AssemblyAi(body, auth) => {
                headers.extend(auth.clone());
                body.to_string()
            }
            PostBody::Telnyx(data) => {
                let to = post.url.as_deref().unwrap_or("in-process");
                let meta = json!({"attempt": post.attempt, "delivered_to": to});
                let body = json!({"data": data, "meta": meta}).to_string();
                let timestamp = now.as_second().to_string();
                let signature = self.key.sign(format!("{timestamp}|{body}").as_bytes());
                headers.push(("telnyx-timestamp".to_owned(), timestamp));
                headers.push(("telnyx-signature-ed25519".to_owned(), BASE64_STANDARD.encode(signature.to_bytes())));
                body
            }
        };
        let (id, vendor, url, attempt) = (post.id, post.vendor, post.url.clone(), post.attempt);
        Delivery { id, vendor, url, headers, body: Bytes::from(body), attempt }
    }

    /// What became of a webhook: anything but a 2xx is tried again, up to twelve times in all.
    pub(super) fn delivered(&mut self, id: u64, status: Option<u16>) {
        let Some(post) = self.sent.remove(&id) else { return };
        if status.is_some_and(|status| (200..300).contains(&status)) || post.attempt >= TRIES {
            return;
        }
        let wait = 2u64.saturating_pow(post.attempt).min(LONGEST_WAIT);
        self.posts.insert((after(self.now, Duration::from_secs(wait)), id), post);
    }

    /// The fault that this operation is to meet, counted down.
    pub(super) fn fault(&mut self, vendor: &str, operation: &str) -> Option<FaultKind> {
        let at = self.faults.iter().position(|fault| fault.hits(vendor, operation))?;
        let kind = self.faults[at].kind;
        self.faults[at].times -= 1;
        self.faults.retain(|fault| fault.times > 0);
        Some(kind)
    }
}
