//! What happens on a call, sent while it happens.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use async_trait::async_trait;
use axum::response::Response;
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;
use wib_core::{
    Org, Wib,
    calls::{Call, CallId},
    kit::{Clock, Error, Id, Result, Role, Timestamp, time},
    limits::Limit,
    live::{LineTranslation, Listen, LiveEvent, LiveGap, LiveKind, LiveLine, Speaker, Watch, WatchCalls, Watched},
    translation::Language,
};

use super::calls::CallRow;
use crate::{
    input::{self, ById},
    sse::{self, Event, Feed, Ticket},
    table::{Asked, Routes, Wire, role, session},
};

/// How long translations are waited for behind the end of a call.
const GRACE: Duration = Duration::from_secs(20);
/// How long a line that was passed over may still be translated.
const HOLE: Duration = Duration::from_secs(60);
/// Most lines that were passed over and are still waited for.
const HOLES: usize = 20;
/// Rows that are read at once.
const PAGE: usize = 500;
/// Most translations that are read of a call.
const MOST: usize = 50_000;

/// Sends what happens on a call while it happens: `Last-Event-ID` is the place in the organisation's sequence.
#[derive(Deserialize, JsonSchema)]
struct WatchCall {
    id: CallId,
    /// The last place that was seen, where no `Last-Event-ID` says so; from now on without it.
    after: Option<i64>,
}

/// Something that happened on a call.
#[derive(Serialize, JsonSchema)]
struct Happened {
    kind: LiveKind,
    call_id: CallId,
    subject_id: Uuid,
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// What it is about, where it is a call, a line, a translation of one, or a gap; null when it is gone.
    subject: Option<Json>,
}

/// Names a call.
#[derive(Deserialize, JsonSchema)]
struct OfCall {
    #[serde(rename = "callId")]
    call_id: CallId,
}

/// A line in the other side's language.
#[derive(Serialize, JsonSchema)]
struct TranslatedLine {
    id: Id<LineTranslation>,
    speaker: Speaker,
    original_text: String,
    translated_text: String,
    source_language: String,
    target_language: Language,
    segment_index: i64,
    /// 0 to 1; 0 when nobody could translate it.
    confidence: f64,
    #[schemars(with = "String")]
    timestamp: Timestamp,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<LineTranslation> for TranslatedLine {
    fn from(one: LineTranslation) -> Self {
        Self {
            id: one.id,
            speaker: one.speaker,
            original_text: one.original,
            translated_text: one.text,
            source_language: one.source_language,
            target_language: one.target_language,
            segment_index: one.line_index,
            confidence: f64::from(i32::try_from(one.confidence_ppm).unwrap_or(0)) / 1e6,
            timestamp: one.created_at,
            created_at: one.created_at,
        }
    }
}

/// All translations of a call's lines.
#[derive(Serialize, JsonSchema)]
struct History {
    call_id: CallId,
    segments: Vec<TranslatedLine>,
    count: usize,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("calls", "/api/calls/{id}")
        .success_false()
        .raw(
            Method::GET,
            "/live",
            role(Role::Viewer),
            Wire::events::<Happened>().takes::<WatchCall>(),
            |asked| async move { live(&asked).await },
        )
        .get(
            "/lines",
            role(Role::Viewer),
            |org, c: ReadLines| async move { org.lines(c.id, c.after.unwrap_or(-1)).await },
        )
        .about("Lists what was heard of a call while it was spoken, at most 500 lines.")
        .list("lines")
        .get("/gaps", role(Role::Viewer), |org, c: ById<Call>| async move { org.gaps(c.id).await })
        .about("Lists where nobody heard what was said on a call.")
        .list("gaps")
        .put("/listen", role(Role::Agent).limit(Limit::Call), |org, c: HearCall| async move {
            org.listen(c.id, c.listen).await.map(|()| Heard { heard: c.listen.is_some() })
        })
        .flat()
}

/// Reads what was heard of a call from after a line on.
#[derive(Deserialize, JsonSchema)]
struct ReadLines {
    id: CallId,
    /// The last index already known; -1, the default, begins at the first.
    after: Option<i64>,
}

/// Has a call heard while it is spoken, or heard otherwise, or no longer.
#[derive(Deserialize, JsonSchema)]
struct HearCall {
    id: CallId,
    /// What to do with its words; null: nobody listens.
    listen: Option<Listen>,
}

/// How a call is heard from now on.
#[derive(Serialize, JsonSchema)]
struct Heard {
    /// Whether anybody listens, as long as the call is recorded.
    heard: bool,
}

pub(super) fn translations() -> Routes<Wib> {
    Routes::<Wib>::at("translation", "/api/voice/translate")
        .raw(
            Method::GET,
            "/stream",
            session().limit(Limit::Voice),
            Wire::events::<TranslatedLine>().takes::<OfCall>().refuses(&[404]),
            |asked| async move { translated(&asked).await },
        )
        .get("/history", session().limit(Limit::Voice), |org, c: OfCall| async move {
            let segments: Vec<_> = all(&org, c.call_id, -1).await?.into_iter().map(TranslatedLine::from).collect();
            Ok(History { call_id: c.call_id, count: segments.len(), segments })
        })
        .about("Lists the translations of a call's lines.")
        .refuses(&[404])
        .flat()
}

async fn all(org: &Org, call: CallId, after: i64) -> Result<Vec<LineTranslation>> {
    let (mut all, mut after) = (vec![], after);
    loop {
        let page = org.line_translations(call, after).await?;
        let (read, last) = (page.len(), page.last().map_or(after, |one| one.line_index));
        all.extend(page);
        if read < PAGE || all.len() >= MOST {
            return Ok(all);
        }
        after = last;
    }
}

async fn live(asked: &Asked<Wib>) -> Result<Response> {
    let WatchCall { id, after } = asked.input().await?;
    let after = match sse::last_seen(asked.headers()) {
        Some(seen) => Some(seen.parse().map_err(|_| Error::field("Last-Event-ID", "is not a place"))?),
        None => after,
    };
    let org = asked.org().await?;
    let watch = org.watch(WatchCalls { call: Some(id), after }).await?;
    let over = org.call(id).await?.status.terminal();
    let ticket = Ticket::take(org.id())?;
    let feed = Calls { org, watch, over, met: None, said: false };
    Ok(sse::answer(asked.core().clock().clone(), ticket, feed))
}

/// Everything that happens on one call.
struct Calls {
    org: Org,
    watch: Watch,
    over: bool,
    // What was met and is not sent yet.
    met: Option<Watched>,
    said: bool,
}

impl Calls {
    async fn event(&mut self, met: Watched) -> Result<Event> {
        let event = match met {
            Watched::Missed { until } => return Ok(Event::new("missed", json!({"until": until})).at(until)),
            Watched::Event(event) => event,
            // Nothing to go on from: the line that follows has a place.
            Watched::Speaking { speaking, .. } => return Ok(Event::new("speaking", input::written(&speaking)?)),
            other => return Err(Error::internal(format!("nobody knows how {other:?} is sent"))),
        };
        let LiveEvent { kind, call_id, subject_id, created_at, seq, .. } = event;
        let subject = match kind {
            LiveKind::Call => {
                let call = self.org.call(call_id).await?;
                self.over |= call.status.terminal();
                Some(input::written(&CallRow::from(call))?)
            }
            LiveKind::Line => there(self.org.line(subject_id.into()).await)?,
            LiveKind::LineTranslation => {
                there(self.org.line_translation(subject_id.into()).await.map(TranslatedLine::from))?
            }
            LiveKind::Gap => {
                let gaps: Vec<LiveGap> = self.org.gaps(call_id).await?;
                gaps.iter().find(|gap| gap.id.uuid() == subject_id).map(input::written).transpose()?
            }
            _ => None,
        };
        let data = input::written(&Happened { kind, call_id, subject_id, created_at, subject })?;
        Ok(Event::new(kind.as_str(), data).at(seq))
    }
}

/// What is gone meanwhile is nothing.
fn there<T: Serialize>(found: Result<T>) -> Result<Option<Json>> {
    match found {
        Ok(found) => input::written(&found).map(Some),
        Err(gone) if gone.http_status() == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Feed for Calls {
    async fn next(&mut self) -> Result<Option<Event>> {
        if self.met.is_none() {
            self.met = self.watch.ready().await?;
        }
        if self.met.is_none() && self.over {
            // What happens behind its end, such as a transcript, is for whoever asks then.
            return Ok((!std::mem::replace(&mut self.said, true)).then(|| Event::new("done", json!({}))));
        }
        let met = match &self.met {
            Some(met) => met.clone(),
            None => self.met.insert(self.watch.next().await?).clone(),
        };
        let event = self.event(met).await?;
        self.met = None;
        Ok(Some(event))
    }
}

async fn translated(asked: &Asked<Wib>) -> Result<Response> {
    let OfCall { call_id } = asked.input().await?;
    let seen = sse::last_seen(asked.headers()).map(Seen::read).transpose()?.unwrap_or_default();
    let org = asked.org().await?;
    let ticket = Ticket::take(org.id())?;
    // Before anything is read: what happens from here on is told.
    let watch = org.watch(WatchCalls { call: Some(call_id), after: None }).await;
    let call = org.watch_translations(call_id).await?;
    let clock = asked.core().clock().clone();
    let mut feed = Translations {
        org,
        watch: watch?,
        clock: clock.clone(),
        call: call_id,
        seen,
        status: None,
        ended_at: None,
        stale: true,
        recheck: false,
        ready: VecDeque::new(),
        delivered: 0,
        done: false,
    };
    feed.note(&call);
    Ok(sse::answer(clock, ticket, feed))
}

/// What a client has of a call's translations: all up to a place, but for those that were passed over. Two workers may
/// finish out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    last: i64,
    // Those passed over, and since when.
    holes: BTreeMap<i64, Option<Timestamp>>,
}
impl Default for Seen {
    fn default() -> Self {
        Self { last: -1, holes: BTreeMap::new() }
    }
}

impl Seen {
    /// `7`, or `7-5-3` where the lines 5 and 3 were passed over.
    fn read(text: &str) -> Result<Self> {
        let wrong = || Error::field("Last-Event-ID", "is not the place of a line");
        let mut parts = text.split('-').map(|part| part.parse::<i64>().ok().filter(|n| *n >= 0).ok_or_else(wrong));
        let last = parts.next().ok_or_else(wrong)??;
        let holes = parts.take(HOLES).map(|hole| hole.map(|n| (n, None))).collect::<Result<BTreeMap<_, _>>>()?;
        Ok(Self { last, holes })
    }
    fn written(&self) -> String {
        let holes = self.holes.keys().rev().map(|hole| format!("-{hole}"));
        std::iter::once(self.last.to_string()).chain(holes).collect()
    }
    /// From where on translations are to be looked for.
    fn from(&self) -> i64 {
        self.holes.keys().next().map_or(self.last, |first| first - 1)
    }
    /// Takes in that a line was sent; whether it is new.
    fn take(&mut self, index: i64, now: Timestamp) -> bool {
        if index > self.last {
            // The newest of those passed over are the ones that may still come.
            let first = (self.last + 1).max(index - HOLES as i64);
            self.holes.extend((first..index).map(|hole| (hole, Some(now))));
            self.last = index;
            return true;
        }
        self.holes.remove(&index).is_some()
    }
    /// Gives up those that were passed over long ago.
    fn forget(&mut self, now: Timestamp) {
        for since in self.holes.values_mut() {
            since.get_or_insert(now);
        }
        self.holes.retain(|_, since| since.is_none_or(|since| now < time::after(since, HOLE)));
        while self.holes.len() > HOLES {
            self.holes.pop_first();
        }
    }
}

/// The translations of one call.
struct Translations {
    org: Org,
    watch: Watch,
    clock: std::sync::Arc<dyn Clock>,
    call: CallId,
    seen: Seen,
    status: Option<bool>,
    ended_at: Option<Timestamp>,
    // There may be translations that were not looked at.
    stale: bool,
    // The call may stand otherwise.
    recheck: bool,
    ready: VecDeque<Event>,
    delivered: u64,
    done: bool,
}

impl Translations {
    fn note(&mut self, call: &Call) {
        let active = !call.status.terminal();
        if self.status.replace(active) != Some(active) {
            let word = if active { "active" } else { "ended" };
            self.ready.push_back(Event::new("status", json!({"status": word})));
        }
        if !active {
            self.ended_at = self.ended_at.or(call.ended_at).or(Some(call.updated_at));
        }
    }
    async fn look(&mut self) -> Result<()> {
        let now = self.clock.now();
        let found = all(&self.org, self.call, self.seen.from()).await?;
        self.stale = false;
        for one in found {
            if self.seen.take(one.line_index, now) {
                let data = input::written(&TranslatedLine::from(one))?;
                self.ready.push_back(Event::new("translation", data).at(self.seen.written()));
            }
        }
        self.seen.forget(now);
        Ok(())
    }
    /// Whether a line that was heard is still being translated.
    async fn awaits(&self) -> Result<bool> {
        let lines: Vec<LiveLine> = self.org.lines(self.call, self.seen.from()).await?;
        Ok(lines.iter().any(|line| line.line_index > self.seen.last || self.seen.holes.contains_key(&line.line_index)))
    }
}

#[async_trait]
impl Feed for Translations {
    async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.delivered += u64::from(event.name == "translation");
                return Ok(Some(event));
            }
            if self.done {
                return Ok(None);
            }
            if self.recheck {
                let call = self.org.call(self.call).await?;
                self.recheck = false;
                self.note(&call);
                continue;
            }
            if self.stale {
                self.look().await?;
                continue;
            }
            let mut met = self.watch.ready().await?;
            if met.is_none()
                && let Some(ended_at) = self.ended_at
            {
                let until = time::after(ended_at, GRACE);
                let left = until.duration_since(self.clock.now());
                let waits = match Duration::try_from(left) {
                    Ok(left) if !left.is_zero() && self.awaits().await? => {
                        time::timeout(&*self.clock, left, self.watch.next()).await
                    }
                    _ => None,
                };
                match waits {
                    Some(next) => met = Some(next?),
                    None => {
                        self.done = true;
                        self.ready.push_back(Event::new("done", json!({})));
                        continue;
                    }
                }
            }
            let met = match met {
                Some(met) => met,
                None => self.watch.next().await?,
            };
            if matches!(met, Watched::Speaking { .. }) {
                continue;
            }
            // From here to the next look nothing is lost: it looks at all there is.
            self.stale = true;
            self.recheck |=
                matches!(met, Watched::Missed { .. } | Watched::Event(LiveEvent { kind: LiveKind::Call, .. }));
        }
    }
    async fn close(&mut self) {
        if let Err(error) = self.org.watched_translations(self.call, self.delivered).await {
            tracing::error!(cause = error.chain(), "the end of a stream is not in the log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_was_passed_over_is_in_the_id_until_it_comes_or_is_given_up() {
        let mut seen = Seen::default();
        assert!(seen.take(0, at(0)) && !seen.take(0, at(0)));
        assert!(seen.take(3, at(0)));
        assert_eq!((seen.written().as_str(), seen.from()), ("3-2-1", 0));
        let mut back = Seen::read("3-2-1").unwrap();
        assert_eq!(back.from(), 0);
        assert!(back.take(2, at(1)) && !back.take(2, at(1)) && !back.take(3, at(1)) && !back.take(0, at(1)));
        assert_eq!(back.written(), "3-1");
        back.forget(at(1));
        assert_eq!(back.written(), "3-1");
        back.forget(at(62));
        assert_eq!((back.written().as_str(), back.from()), ("3", 3));
        for wrong in ["", "x", "-1", "3--1", "3-x", "9999999999999999999999"] {
            assert!(Seen::read(wrong).is_err(), "{wrong}");
        }
        let mut far = Seen::default();
        far.take(10_000, at(0));
        assert_eq!(far.holes.len(), HOLES);
    }
}
