//! Placing and steering calls.

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Method;
use serde::de::DeserializeOwned;
use wib_core::{
    kit::{
        Phone,
        time::{Timestamp, before},
    },
    ports::{
        Fault, Sent, VendorError, Voice,
        voice::{Command, Conference, ConferenceOrder, Destination, Dial, HangupCause, Inspection, Leg, OpenConference, Order, Participant, Queued, RecordingPieces, VendorRecording, VoiceEvent, VoiceEventKind},
    },
};

use super::{Telnyx, VENDOR, wire::{self, requests}};
use crate::http::{Ask, Flow};

/// Longest lists read to the end.
const MOST_PAGES: u32 = 40;
/// How far back `call_events` reach without a leg.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How far our clock and theirs may differ.
const SKEW: Duration = Duration::from_secs(120);

#[async_trait]
impl Voice for Telnyx {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }
    fn default_number(&self) -> Option<Phone> {
        self.default_number.clone()
    }

    async fn dial(&self, dial: &Dial) -> Result<Leg, VendorError> {
        let request = self.dial_request(dial)?;
        let answer = self.client.ask("dial", Method::POST, "/calls").json(&request).send().await?;
        let call: wire::Single<wire::Common> = answer.json()?;
        Ok(call.data.leg())
    }

    async fn steer(&self, leg: &Leg, order: &Order) -> Result<(), VendorError> {
        match self.carry(leg, order)?.send().await {
            Err(gone) if gone.fault == Fault::Missing && order.command == Command::HangUp => Ok(()),
            done => done.map(drop),
        }
    }

    async fn retag(&self, leg: &Leg, tag: &str) -> Result<(), VendorError> {
        let template = "/calls/{}/actions/client_state_update";
        let ask = self.client.ask("retag", Method::PUT, template).fill(self.control_id(leg)?).repeatable();
        ask.json(&requests::State { client_state: &BASE64_STANDARD.encode(tag) }).send().await.map(drop)
    }

    async fn queue(&self, name: &str) -> Result<Vec<Queued>, VendorError> {
        self.waiting(name).await
    }

    async fn open_conference(&self, leg: &Leg, open: &OpenConference) -> Result<String, VendorError> {
        self.begin_conference(leg, open).await
    }

    async fn find_conference(&self, name: &str) -> Result<Option<Conference>, VendorError> {
        self.conference_named(name).await
    }

    async fn participants(&self, conference: &str) -> Result<Vec<Participant>, VendorError> {
        self.present(conference).await
    }

    async fn confer(&self, conference: &str, order: &ConferenceOrder) -> Result<(), VendorError> {
        self.command_conference(conference, order).await
    }

    async fn delete_recording(&self, id: &str) -> Result<(), VendorError> {
        let listed = match wire::leg_of_recording(id) {
            None => Some(id.to_owned()),
            Some((leg, start)) => self.listed(leg, start).await?,
        };
        let Some(id) = listed else { return Ok(()) };
        match self.client.ask("delete_recording", Method::DELETE, "/recordings/{}").fill(&id).send().await {
            Err(gone) if gone.fault == Fault::Missing => Ok(()),
            done => done.map(drop),
        }
    }

    async fn find(&self, tag: &str, to: &Destination, since: Timestamp) -> Result<Option<Leg>, VendorError> {
        if let Some(leg) = self.find_active(tag).await? {
            return Ok(Some(leg));
        }
        let from = before(since, SKEW);
        let (floor, to) = (from.to_string(), to.as_str());
        let filters = [("filter[to]", to), ("filter[occurred_at][gte]", &floor)];
        let events = self.pages::<wire::CallEvent>("find", "/call_events", &filters).await?;
        let leg = events.iter().map(wire::CallEvent::common).find(|c| c.tag().as_deref() == Some(tag)).map(|c| c.leg());
        if leg.is_none() && from < before(self.client.now(), DAY) {
            return Err(self.client.fault(Fault::Request, Sent::No, "Telnyx tells of the last 24 hours only"));
        }
        Ok(leg)
    }

    async fn inspect(&self, leg: &Leg) -> Result<Inspection, VendorError> {
        let call = self.call(leg).await?;
        let leg_id = leg.leg_id.clone().or_else(|| call.as_ref()?.common.call_leg_id.clone());
        let mut events = Vec::new();
        if let Some(id) = &leg_id {
            let filters = [("filter[leg_id]", id.as_str()), ("filter[type]", "webhook")];
            let told = self.pages::<wire::CallEvent>("inspect", "/call_events", &filters).await?;
            events.extend(told.iter().filter_map(|event| observed(leg, event)));
            let kept = self.recordings("inspect", id).await?;
            events.extend(kept.into_iter().map(|recording| saved(leg, self.client.now(), recording)));
        }
        let hung_up = events.iter().any(|e| matches!(e.what, VoiceEventKind::Hangup { .. }));
        // A leg without a handle cannot be asked for: it lives until its end was told.
        let alive = if leg.control_id.is_some() { call.as_ref().is_some_and(|c| c.is_alive) } else { !hung_up };
        if let Some(at) = call.filter(|c| !c.is_alive && !hung_up).and_then(|c| c.end_time) {
            let what = VoiceEventKind::Hangup { cause: HangupCause::Other, vendor_cause: "unspecified".to_owned() };
            events.push(VoiceEvent { id: observed_id(leg, "call.hangup", at), leg: leg.clone(), at, tag: None, what });
        }
        Ok(Inspection { alive, events })
    }

    async fn fetch_recording(&self, recording: &VendorRecording, limit: u64) -> Result<Bytes, VendorError> {
        let stale = match &recording.url {
            url if url.is_empty() => None,
            url => match self.download(url, limit).send().await {
                Err(e) if over(&e) => Some(e),
                done => return done.map(|answer| answer.body),
            },
        };
        let fresh = self.fresh(recording, stale).await?;
        Ok(self.download(&fresh, limit).send().await?.body)
    }

    async fn stream_recording(&self, recording: &VendorRecording, limit: u64) -> Result<RecordingPieces, VendorError> {
        let begun = match &recording.url {
            url if url.is_empty() => Err(None),
            url => match self.download(url, limit).open().await {
                Err(e) if over(&e) => Err(Some(e)),
                done => Ok(done?),
            },
        };
        let flow = match begun {
            Ok(flow) => flow,
            Err(stale) => {
                let fresh = self.fresh(recording, stale).await?;
                self.download(&fresh, limit).open().await?
            }
        };
        let next = |mut flow: Flow| async move { Ok(flow.next().await?.map(|piece| (piece, flow))) };
        Ok(stream::try_unfold(flow, next).boxed())
    }
}

impl Telnyx {
    async fn find_active(&self, tag: &str) -> Result<Option<Leg>, VendorError> {
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let ask = self.client.ask("find", Method::GET, "/connections/{}/active_calls").fill(&self.connection_id);
            let ask = ask.query("page[limit]", "250");
            let ask = if let Some(cursor) = &after { ask.query("page[after]", cursor) } else { ask };
            let page: wire::Listed<wire::Common> = ask.send().await?.json()?;
            if let Some(call) = page.data.iter().find(|call| call.tag().as_deref() == Some(tag)) {
                return Ok(Some(call.leg()));
            }
            after = page.meta.cursors.and_then(|c| c.after).filter(|_| page.meta.next.is_some());
            if after.is_none() {
                return Ok(None);
            }
        }
        Err(self.endless())
    }

    /// Every page of a numbered list.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        template: &'static str,
        filters: &[(&str, &str)],
    ) -> Result<Vec<T>, VendorError> {
        self.pages_of(operation, template, None, filters).await
    }

    /// Every page of a numbered list that belongs to something.
    pub(super) async fn pages_of<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        template: &'static str,
        owner: Option<&str>,
        filters: &[(&str, &str)],
    ) -> Result<Vec<T>, VendorError> {
        const SIZE: usize = 250;
        let mut all = Vec::new();
        for number in 1..=MOST_PAGES {
            let ask = self.client.ask(operation, Method::GET, template);
            let ask = owner.into_iter().fold(ask, |ask, owner| ask.fill(owner));
            let ask = filters.iter().fold(ask, |ask, (name, value)| ask.query(name, value));
            let ask = ask.query("page[number]", &number.to_string()).query("page[size]", &SIZE.to_string());
            let page: wire::Listed<T> = ask.send().await?.json()?;
            let last = page.meta.total_pages.map_or(page.data.len() < SIZE, |pages| u64::from(number) >= pages);
            all.extend(page.data);
            if last {
                return Ok(all);
            }
        }
        Err(self.endless())
    }

    fn endless(&self) -> VendorError {
        self.client.fault(Fault::Nonsense, Sent::Unknown, "a list without an end")
    }

    /// The call as Telnyx keeps it until ten minutes after its end.
    pub(super) async fn call(&self, leg: &Leg) -> Result<Option<wire::Call>, VendorError> {
        let Some(id) = &leg.control_id else { return Ok(None) };
        match self.client.ask("inspect", Method::GET, "/calls/{}").fill(id).send().await {
            Err(gone) if gone.fault == Fault::Missing => Ok(None),
            answer => Ok(Some(answer?.json::<wire::Single<_>>()?.data)),
        }
    }

    fn download(&self, url: &str, limit: u64) -> Ask<'_> {
        self.client.ask_url("fetch_recording", url).at_most(limit).within(Duration::from_secs(300))
    }

    /// Where a recording's file is now, after its address was refused.
    async fn fresh(&self, recording: &VendorRecording, stale: Option<VendorError>) -> Result<String, VendorError> {
        let fresh = self.reread(recording).await?.into_ours().url;
        match stale {
            Some(e) if fresh.is_empty() || fresh == recording.url => Err(e),
            None if fresh.is_empty() => {
                Err(self.client.fault(Fault::Missing, Sent::Refused, "the recording has no file"))
            }
            _ => Ok(fresh),
        }
    }

    pub(super) async fn reread(&self, recording: &VendorRecording) -> Result<wire::Recording, VendorError> {
        let Some((leg_id, _)) = wire::leg_of_recording(&recording.id) else {
            let ask = self.client.ask("fetch_recording", Method::GET, "/recordings/{}").fill(&recording.id);
            return Ok(ask.send().await?.json::<wire::Single<_>>()?.data);
        };
        let mut kept = self.recordings("fetch_recording", leg_id).await?;
        let same =
            |r: &wire::Recording| r.recording_started_at.is_some() && r.recording_started_at == recording.started_at;
        let at = kept.iter().position(same).or((kept.len() == 1).then_some(0));
        let missing = || self.client.fault(Fault::Missing, Sent::Refused, "no such recording on the leg");
        at.map(|at| kept.swap_remove(at)).ok_or_else(missing)
    }

    /// The recordings of a leg that Telnyx keeps.
    pub(super) async fn recordings(&self, operation: &'static str, leg: &str) -> Result<Vec<wire::Recording>, VendorError> {
        self.pages(operation, "/recordings", &[("filter[call_leg_id]", leg)]).await
    }

    /// Telnyx's id of the leg's recording that began then; `None` when it keeps none such. Which one is meant must be
    /// certain: the wrong one is not deleted, nor is a doubtful one called gone.
    async fn listed(&self, leg: &str, start: Option<Timestamp>) -> Result<Option<String>, VendorError> {
        let doubtful = || self.client.fault(Fault::Nonsense, Sent::No, "the recording is one of several on its leg");
        let mut kept = self.recordings("delete_recording", leg).await?;
        let meant = |r: &wire::Recording| match (r.recording_started_at, start) {
            (Some(theirs), Some(ours)) => theirs.duration_since(ours).unsigned_abs() <= SAME_START,
            _ => true,
        };
        kept.retain(meant);
        if kept.len() > 1 {
            return Err(doubtful());
        }
        Ok(kept.pop().map(|recording| recording.id))
    }
}

/// Whether the address of a file is over: it is signed, and for a while.
fn over(error: &VendorError) -> bool {
    matches!(error.fault, Fault::Credentials | Fault::Missing)
}

/// How far the start of a recording may differ between the event of its saving and the list, which tells milliseconds.
const SAME_START: Duration = Duration::from_millis(1);

/// The id of an event that was read, not delivered. It sorts behind the ids of deliveries, so that of two tellings at
/// the same instant the delivered one holds.
fn observed_id(leg: &Leg, name: &str, at: Timestamp) -> String {
    format!("observed:{}:{name}:{at}", leg.leg_id.as_deref().unwrap_or_default())
}

/// An event of the list as the delivery would have told it: those of a call's life alone. Recordings are read from their
/// own list; a charge, a key or a word without its delivery's id would count twice.
fn observed(leg: &Leg, event: &wire::CallEvent) -> Option<VoiceEvent> {
    use VoiceEventKind::{
        Answered, AnsweredBy, Bridged, GreetingEnded, Hangup, Initiated, RecordingFailed, Ringing, SpeakCut, SpeakEnded,
        SpeakStarted,
    };
    let common = event.common();
    let what = wire::events::kind(&event.name, event.payload()).ok()?;
    let (Initiated { .. } | Ringing | Answered | Bridged | AnsweredBy(_) | SpeakStarted | SpeakEnded | SpeakCut
    | GreetingEnded { .. } | RecordingFailed { .. } | Hangup { .. }) = what
    else {
        return None;
    };
    let told = common.leg();
    let leg = Leg { control_id: leg.control_id.clone().or(told.control_id), ..told };
    let at = event.event_timestamp;
    Some(VoiceEvent { id: observed_id(&leg, &event.name, at), at, tag: common.tag(), what, leg })
}

fn saved(leg: &Leg, now: Timestamp, recording: wire::Recording) -> VoiceEvent {
    VoiceEvent {
        id: format!("observed:recording:{}", recording.id),
        leg: leg.clone(),
        at: recording.recording_ended_at.or(recording.created_at).unwrap_or(now),
        tag: recording.common.tag(),
        what: VoiceEventKind::RecordingSaved(recording.into_ours()),
    }
}
