//! The state behind all vendors: one clock, one queue of what happens next, one queue of webhooks.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;
use wib_core::kit::time::{Timestamp, after};

use super::{
    Delivery, Settings,
    faults::{Fault, FaultKind, LiveFault},
    line::Say,
    model::{Model, Post},
    network::{CallStep, Network},
    streams::Stream,
};
use crate::vendors;

/// Webhooks without an answer, finished calls and transcripts, mails: the oldest beyond this many are forgotten.
pub(crate) const KEPT: usize = 100_000;
const TRIES: u32 = 12;
const LONGEST_WAIT: u64 = 60;
/// The operation that a stream of sound is.
const MEDIA: &str = "media";

/// What happens next, apart from webhooks.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// On a call.
    Call(u64, CallStep),
    /// At a vendor's model.
    Model(&'static str, String),
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    /// The vendors' time: of the request that is answered, or of the step that is made.
    pub(crate) now: Timestamp,
    /// How far the vendors' clock is ahead of the given one.
    pub(crate) ahead: Duration,
    pub(crate) phones: Network,
    /// The vendors' models; the one that is answering is out meanwhile.
    pub(crate) models: BTreeMap<&'static str, Box<dyn Model>>,
    /// Mails that were sent, whoever carried them.
    pub(crate) outbox: VecDeque<Value>,
    pub(crate) faults: Vec<Fault>,
    /// What goes wrong in streams of speech, by vendor.
    pub(crate) live_faults: Vec<(String, LiveFault)>,
    /// What models have to say over sockets, by session.
    pub(crate) said: BTreeMap<String, Vec<Say>>,
    /// Streams of sound that are dialled or up, those that are to be dialled, and whether anybody dials.
    pub(crate) streams: BTreeMap<Uuid, Stream>,
    pub(crate) to_dial: Vec<Uuid>,
    pub(crate) carried: bool,
    steps: BTreeMap<(Timestamp, u64), Step>,
    posts: BTreeMap<(Timestamp, u64), Post>,
    sent: BTreeMap<u64, Post>,
    arrivals: u64,
}

impl World {
    pub(crate) fn new(seed: u64, settings: Settings, start: Timestamp) -> Self {
        let models =
            vendors().filter_map(|vendor| Some((vendor.name, (vendor.sandbox?.new)(&settings, seed)))).collect();
        Self {
            seed,
            settings,
            now: start,
            ahead: Duration::ZERO,
            phones: Network::default(),
            models,
            outbox: VecDeque::new(),
            faults: Vec::new(),
            live_faults: Vec::new(),
            said: BTreeMap::new(),
            streams: BTreeMap::new(),
            to_dial: Vec::new(),
            carried: false,
            steps: BTreeMap::new(),
            posts: BTreeMap::new(),
            sent: BTreeMap::new(),
            arrivals: 0,
        }
    }

    /// Has a vendor's model do something; `None` when it is not there.
    pub(crate) fn with_model<T>(
        &mut self,
        vendor: &str,
        act: impl FnOnce(&mut dyn Model, &mut Self) -> T,
    ) -> Option<T> {
        let (name, mut model) = self.models.remove_entry(vendor)?;
        let done = act(&mut *model, self);
        self.models.insert(name, model);
        Some(done)
    }

    /// Lets happen all that is due by `now` on the given clock.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let now = after(now, self.ahead).max(self.now);
        while let Some(entry) = self.steps.first_entry().filter(|entry| entry.key().0 <= now) {
            self.now = self.now.max(entry.key().0);
            match entry.remove() {
                Step::Call(call, step) => self.call_step(call, step),
                Step::Model(vendor, what) => {
                    self.with_model(vendor, |model, world| model.step(world, &what));
                }
            }
        }
        self.now = now;
    }

    /// Has a step made in `ms` milliseconds.
    pub(crate) fn plan(&mut self, ms: u64, step: Step) {
        self.arrivals += 1;
        self.steps.insert((after(self.now, Duration::from_millis(ms)), self.arrivals), step);
    }

    /// Has [`Model::step`] called in `ms` milliseconds.
    pub(crate) fn plan_for(&mut self, vendor: &'static str, ms: u64, what: impl Into<String>) {
        self.plan(ms, Step::Model(vendor, what.into()));
    }

    /// Sends a webhook, once now and again until it is taken; headers are what the receiver asked for.
    pub(crate) fn post(
        &mut self,
        vendor: &'static str,
        url: Option<String>,
        headers: impl IntoIterator<Item = (String, String)>,
        body: Value,
    ) {
        self.arrivals += 1;
        let headers = headers.into_iter().collect();
        let door = || self.settings.server.as_deref().map(|server| format!("{server}/webhooks/{vendor}"));
        let url = url.or_else(door);
        let post = Post { id: self.arrivals, vendor, url, headers, body, attempt: 0 };
        self.posts.insert((self.now, post.id), post);
    }

    /// Says something over a session's socket.
    pub(crate) fn say(&mut self, session: &str, say: Say) {
        self.said.entry(session.to_owned()).or_default().push(say);
    }

    /// Keeps a mail where people and tests look.
    pub(crate) fn mail(&mut self, mail: Value) {
        self.outbox.push_back(mail);
        if self.outbox.len() > KEPT {
            self.outbox.pop_front();
        }
    }

    /// The next instant, on the given clock, at which something happens. A stream's frame that is due already is its own
    /// task's to send.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let now = after(now, self.ahead);
        let step = self.steps.first_key_value().map(|((at, _), _)| *at);
        let post = self.posts.first_key_value().map(|((at, _), _)| *at);
        let frame = self.streams.values().filter_map(|stream| stream.next).filter(|at| *at > now).min();
        let first = step.into_iter().chain(post).chain(frame).min()?;
        Some(wib_core::kit::time::before(first, self.ahead))
    }

    /// The webhooks that are due, signed as of `now` on the given clock.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<Delivery> {
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
        headers.extend(post.headers.iter().cloned());
        let (proof, body) =
            self.models.get(post.vendor).map_or_else(|| (vec![], post.body.to_string()), |model| model.sign(post, now));
        headers.extend(proof);
        let (id, vendor, url, attempt) = (post.id, post.vendor, post.url.clone(), post.attempt);
        Delivery { id, vendor, url, headers, body: Bytes::from(body), attempt }
    }

    /// What became of a webhook: anything but a 2xx is tried again, up to twelve times in all.
    pub(crate) fn delivered(&mut self, id: u64, status: Option<u16>) {
        let Some(post) = self.sent.remove(&id) else { return };
        if status.is_some_and(|status| (200..300).contains(&status)) || post.attempt >= TRIES {
            return;
        }
        let wait = 2u64.saturating_pow(post.attempt).min(LONGEST_WAIT);
        self.posts.insert((after(self.now, Duration::from_secs(wait)), id), post);
    }

    /// The fault that this vendor's next stream of speech is to meet.
    pub(crate) fn live_fault(&mut self, vendor: &str) -> Option<LiveFault> {
        let at = self.live_faults.iter().position(|(its, _)| its == vendor)?;
        Some(if self.live_faults[at].1.every { self.live_faults[at].1.clone() } else { self.live_faults.remove(at).1 })
    }

    /// The fault that this operation is to meet, counted down.
    pub(crate) fn fault(&mut self, vendor: &str, operation: &str) -> Option<FaultKind> {
        let at = self.faults.iter().position(|fault| !fault.kind.on_frames() && fault.hits(vendor, operation))?;
        let kind = self.faults[at].kind;
        self.faults[at].times -= 1;
        self.faults.retain(|fault| fault.times > 0);
        Some(kind)
    }

    /// The faults that a stream is to meet, each counted down.
    pub(crate) fn media_faults(&mut self) -> Vec<FaultKind> {
        let mut met = Vec::new();
        for fault in &mut self.faults {
            // A connection fails where that is said of streams alone.
            let fits = fault.kind.on_frames() || fault.kind == FaultKind::NoConnection && fault.operation == MEDIA;
            if fits && fault.hits("telnyx", MEDIA) {
                fault.times -= 1;
                met.push(fault.kind);
            }
        }
        self.faults.retain(|fault| fault.times > 0);
        met
    }
}
