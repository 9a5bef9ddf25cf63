//! The further legs of a call: to the member who talks, to whom it is handed, to a supervisor. The call itself is about the
//! leg of the person; what these do to it follows from their facts.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Call, CallFacts, CallLeg, Fact, FlowType, HangupFact, LegRole,
    carry::{self, SETTLE, follow_up, load, mark_started, note},
    facts::{earliest, first},
    speech,
    supervise::Supervision,
    tag::{Step, Tag},
    transfer,
};
use crate::{
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, Id, OrNotFound, Phone, Result, time, time::Timestamp},
    orgs::OrganizationId,
    ports::{
        Fault, Sent,
        voice::{self, Bridge, Command, Dial, HangupCause, Leg, Order, VoiceEvent, VoiceEventKind},
    },
    store::{OrgTx, Repo},
    wib::Wib,
};

/// The id of a leg.
pub type LegId = Id<CallLeg>;

const LOOK: Duration = Duration::from_millis(500);
/// How long whoever is joined waits for what is spoken to the person before.
const SPOKEN_WITHIN: Duration = Duration::from_secs(20);
/// How long a member is told something before the leg is ended all the same.
const TOLD_WITHIN: Duration = Duration::from_secs(12);
/// How long a leg that is to end is waited for, when the vendor has not named it.
const PLACED_WITHIN: Duration = Duration::from_secs(90);

/// What became of one further leg; merged as [`CallFacts`] are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegFacts {
    /// What it is for.
    pub role: LegRole,
    /// Who is called.
    pub to: Phone,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Somebody or something asked for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_asked_at: Option<Timestamp>,
    /// First seen by the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiated_at: Option<Timestamp>,
    /// Rang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<Timestamp>,
    /// Picked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The vendor took our order to join it with another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Timestamp>,
    /// What it was told was told to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
    /// It ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hangup: Option<Fact<HangupFact>>,
    /// It was never placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_placed: Option<Fact<String>>,
    /// Of a supervisor: who, and what they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervision: Option<Supervision>,
}

impl LegFacts {
    pub(super) fn new(role: LegRole, to: Phone, asked_at: Timestamp) -> Self {
        Self {
            role,
            to,
            asked_at,
            end_asked_at: None,
            initiated_at: None,
            ringing_at: None,
            answered_at: None,
            joined_at: None,
            told_at: None,
            hangup: None,
            not_placed: None,
            supervision: None,
        }
    }
    /// Takes in what an event says.
    pub(super) fn absorb(&mut self, event: &VoiceEvent, tag: Option<&Tag>) {
        match &event.what {
            VoiceEventKind::Initiated { .. } => earliest(&mut self.initiated_at, event.at),
            VoiceEventKind::Ringing => earliest(&mut self.ringing_at, event.at),
            VoiceEventKind::Answered => earliest(&mut self.answered_at, event.at),
            VoiceEventKind::SpeakEnded | VoiceEventKind::SpeakCut if tag.is_some_and(|t| t.step == Step::Unreached) => {
                earliest(&mut self.told_at, event.at);
            }
            VoiceEventKind::Hangup { cause, vendor_cause } => {
                let value = HangupFact { cause: *cause, vendor_cause: vendor_cause.clone() };
                first(&mut self.hangup, event.at, &event.id, value);
            }
            _ => {}
        }
    }
    /// Whether the vendor has ever had it.
    #[must_use]
    pub fn placed(&self) -> bool {
        self.initiated_at.is_some() || self.ringing_at.is_some() || self.answered_at.is_some() || self.hangup.is_some()
    }
    /// Whether nothing can happen to it any more.
    #[must_use]
    pub fn over(&self) -> bool {
        self.ended_at().is_some()
    }
    /// Whether somebody is on it.
    #[must_use]
    pub fn up(&self) -> bool {
        self.answered_at.is_some() && !self.over()
    }
    /// When it ended.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        let unplaced = || self.not_placed.as_ref().filter(|_| !self.placed()).map(|f| f.at);
        self.hangup.as_ref().map(|f| f.at).or_else(unplaced)
    }
}

impl CallFacts {
    /// The leg of the member who talks, or who is rung: the latest.
    #[must_use]
    pub fn agent(&self) -> Option<(LegId, &LegFacts)> {
        self.legs.iter().rfind(|(_, leg)| leg.role == LegRole::Agent).map(|(id, leg)| (*id, leg))
    }
    /// Whether the call itself is over.
    pub(super) fn over(&self) -> bool {
        self.status().terminal()
    }
}

/// The command that dials a leg, once.
fn dial_of(call: &Call, id: LegId, now: Timestamp) -> NewMessage {
    message(call, Topic::DialLeg, id, id.to_string(), now)
}

fn message(call: &Call, topic: Topic, id: LegId, key: String, run_at: Timestamp) -> NewMessage {
    NewMessage { topic, key, payload: json!({"call_id": call.id, "leg_id": id}), run_at }
}

/// Adds a leg to a call, and the command that dials it.
pub(super) async fn add(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call, role: LegRole, to: Phone) -> Result<LegId> {
    let id = add_silent(wib, tx, call, role, to).await?;
    tx.enqueue(&dial_of(call, id, wib.now())).await?;
    Ok(id)
}

/// Adds a leg to a call that something else dials.
pub(super) async fn add_silent(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &mut Call,
    role: LegRole,
    to: Phone,
) -> Result<LegId> {
    let now = wib.now();
    let leg = CallLeg {
        id: wib.id(),
        call_id: call.id,
        vendor: call.vendor.clone(),
        role,
        control_id: None,
        leg_id: None,
        session_id: None,
        created_at: now,
    };
    tx.insert(&leg).await?;
    call.facts.legs.insert(leg.id, LegFacts::new(role, to, now));
    Ok(leg.id)
}

/// What follows for the call from its further legs, and for these from the call. Runs before the call is settled.
pub(super) fn due(call: &mut Call, now: Timestamp) -> Vec<NewMessage> {
    let mut due = Vec::new();
    lead(call, now, &mut due);
    transfer::lead(call, now, &mut due);
    let over = call.facts.over();
    for (id, leg) in &call.facts.legs {
        if (over || leg.end_asked_at.is_some()) && !leg.over() {
            due.push(message(call, Topic::EndLeg, *id, id.to_string(), now));
        }
    }
    if call.facts.end_asked_at.is_some() && !over && !call.facts.legs.is_empty() {
        // Its own key: a person may ask for the same by hand.
        let payload = json!({"call_id": call.id});
        due.push(NewMessage { topic: Topic::HangUp, key: format!("{}:legs", call.id), payload, run_at: now });
    }
    due
}

/// What the member's leg leads to.
fn lead(call: &mut Call, now: Timestamp, due: &mut Vec<NewMessage>) {
    if call.facts.over() {
        return;
    }
    let id = call.id;
    let order = |topic| NewMessage { topic, key: id.to_string(), payload: json!({"call_id": id}), run_at: now };
    let facts = &call.facts;
    if call.flow_type == FlowType::Inbound && facts.person_listens() {
        due.push(order(Topic::RouteCall));
    }
    member(call, now, due);
    if call.facts.unattended_at.is_some() && !call.facts.over() {
        due.push(order(Topic::EndUnattended));
    }
}

fn member(call: &mut Call, now: Timestamp, due: &mut Vec<NewMessage>) {
    let facts = &mut call.facts;
    let Some((id, agent)) = facts.agent().map(|(id, leg)| (id, leg.clone())) else { return };
    match (call.flow_type, agent.ended_at()) {
        (FlowType::Bridge, None) if agent.answered_at.is_some() => {
            let payload = json!({"call_id": call.id});
            due.push(NewMessage { topic: Topic::Dial, key: call.id.to_string(), payload, run_at: now });
        }
        // Called off while the member's telephone rings.
        (FlowType::Bridge, None) if facts.end_asked_at.is_some() && !facts.placed() => {
            if let Some(leg) = facts.legs.get_mut(&id) {
                earliest(&mut leg.end_asked_at, now);
            }
        }
        (FlowType::Bridge, Some(at)) if agent.answered_at.is_none() && !facts.placed() => {
            facts.absorb_not_placed(at, "the member did not answer");
        }
        // Whoever was promised to the person is gone: they hear so. A transfer finds somebody else.
        (FlowType::Inbound, Some(at)) if agent.answered_at.is_none() => earliest(&mut facts.unattended_at, at),
        (_, Some(at)) if facts.handovers.values().all(|h| !h.holds_the_call()) => {
            // Who left while the call was being handed on cannot have the person back.
            if facts.handovers.values().any(|h| h.returned_at.is_none_or(|back| at <= back)) {
                earliest(&mut facts.unattended_at, at);
            } else {
                facts.absorb_end_asked(at);
            }
        }
        _ => {}
    }
    let wanted = facts.person_listens() && facts.end_asked_at.is_none() && facts.unattended_at.is_none();
    if wanted && agent.up() && facts.handovers.is_empty() {
        due.push(message(call, Topic::JoinLeg, id, id.to_string(), now));
    }
}

/// The call and the leg that a message is about.
pub(super) async fn load_leg(
    wib: &Wib,
    message: &Message,
) -> Result<(OrganizationId, Box<dyn OrgTx>, Call, LegId, LegFacts)> {
    let id: LegId = message.payload_field("leg_id")?;
    let (organization, tx, call) = load(wib, message).await?;
    let leg = call.facts.legs.get(&id).cloned().or_not_found("leg")?;
    Ok((organization, tx, call, id, leg))
}

/// The vendor's names of a leg, once it can be steered.
pub(super) async fn names(tx: &mut dyn OrgTx, id: LegId) -> Result<Option<Leg>> {
    let leg: Option<CallLeg> = Repo::find(tx, id).await?;
    Ok(leg.map(|leg| leg.names()).filter(|leg| leg.control_id.is_some()))
}

/// Places a further leg, once: an outcome that nobody saw is asked for, never dialled again blindly.
pub(crate) async fn dial_leg(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call, id, leg) = load_leg(wib, message).await?;
    if leg.placed() || leg.over() || names(&mut *tx, id).await?.is_some() {
        return Ok(Done::Ack);
    }
    let tag = wib.tags.seal(&Tag::of(organization, call.id, Step::Leg).on(id));
    if let Some(started) = message.started_at {
        drop(tx);
        let settled = time::after(started, SETTLE);
        match wib.voice.find(&tag, &leg.to.clone().into(), time::before(started, SETTLE)).await {
            Ok(Some(found)) => return adopt(wib, organization, &call, id, &found).await,
            Ok(None) => {}
            Err(e) if e.retryable() => {
                let at = time::after(wib.now(), e.retry_after.unwrap_or_default().max(Duration::from_secs(5)));
                return Ok(Done::Later { at, why: e.to_string(), started: true, counted: true });
            }
            Err(e) => return Err(e.into()),
        }
        if wib.now() < settled {
            let why = "the dial's outcome is not known yet".to_owned();
            return Ok(Done::Later { at: settled, why, started: true, counted: false });
        }
        // Whoever waits for this leg does not wait for ever.
        return not_placed(wib, organization, &call, id, "the vendor answered no dial and knows of none").await;
    }
    if call.facts.over() || leg.end_asked_at.is_some() || call.facts.end_asked_at.is_some() {
        drop(tx);
        return not_placed(wib, organization, &call, id, "no longer wanted when it was due").await;
    }
    let supervise = match &leg.supervision {
        Some(supervision) => match supervision.order(&mut *tx, &call).await? {
            Some(order) => Some(order),
            None => {
                drop(tx);
                return not_placed(wib, organization, &call, id, "there is nobody to supervise").await;
            }
        },
        None => None,
    };
    drop(tx);
    if !mark_started(wib, message).await? {
        return Ok(Done::Lost);
    }
    let shown = if call.flow_type == FlowType::Inbound { &call.to_number } else { &call.from_number };
    let order = Dial {
        ring_seconds: wib.settings.ring_seconds,
        webhook_url: wib.webhook_url(wib.voice.vendor()),
        supervise,
        ..Dial::new(leg.to.clone(), shown.clone(), tag, id.to_string())
    };
    match wib.voice.dial(&order).await {
        Ok(names) => adopt(wib, organization, &call, id, &names).await,
        Err(e) if e.sent == Sent::Unknown => Ok(Done::Later {
            at: time::after(wib.now(), Duration::from_secs(1)),
            why: e.to_string(),
            started: true,
            counted: true,
        }),
        Err(e) if e.retryable() || e.sent == Sent::No => Ok(Done::Undone(e.into())),
        Err(e) => {
            tracing::warn!(call = %call.id, vendor = e.vendor, error = %e, "the vendor refused to dial a leg");
            not_placed(wib, organization, &call, id, &format!("{} refused the call", e.vendor)).await
        }
    }
}

/// A leg that cannot be dialled: whoever waits for it is told.
pub(crate) async fn leg_given_up(wib: &Wib, message: &Message, why: &str) -> Result<()> {
    let (organization, tx, call, id, leg) = load_leg(wib, message).await?;
    drop(tx);
    if leg.placed() || leg.over() {
        return Ok(());
    }
    not_placed(wib, organization, &call, id, why).await.map(drop)
}

async fn adopt(wib: &Wib, organization: OrganizationId, call: &Call, id: LegId, names: &Leg) -> Result<Done> {
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(call.id).await?.or_not_found("call")?;
    let mut row: CallLeg = Repo::find(&mut *tx, id).await?.or_not_found("leg")?;
    let mut known = row.names();
    if known.learn(names) {
        (row.control_id, row.leg_id, row.session_id) = (known.control_id, known.leg_id, known.session_id);
        tx.update(&row).await?;
    }
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

pub(super) async fn not_placed(
    wib: &Wib,
    organization: OrganizationId,
    call: &Call,
    id: LegId,
    why: &str,
) -> Result<Done> {
    let now = wib.now();
    change(wib, organization, call, |call| {
        if let Some(leg) = call.facts.legs.get_mut(&id) {
            first(&mut leg.not_placed, now, "wib", why.to_owned());
        }
        Some((format!("leg_not_placed:{id}"), "call.leg.not_placed", json!({"leg_id": id, "reason": why})))
    })
    .await?;
    Ok(Done::Ack)
}

/// A line of the timeline: what makes it one, what happened, details.
pub(super) type Told = (String, &'static str, serde_json::Value);

/// Changes a call under its lock, tells it, and writes what follows.
pub(super) async fn change(
    wib: &Wib,
    organization: OrganizationId,
    call: &Call,
    change: impl FnOnce(&mut Call) -> Option<Told> + Send,
) -> Result<()> {
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(call.id).await?.or_not_found("call")?;
    if let Some((source, event_type, data)) = change(&mut call) {
        note(wib, &mut *tx, call.id, &source, event_type, data, wib.now()).await?;
    }
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    wib.wake();
    Ok(())
}

/// Whether what is spoken to the person first is over, or is not waited for any longer.
pub(super) fn opening_over(wib: &Wib, call: &Call) -> bool {
    let opening = call.facts.spoken.get(&Step::Opening);
    let waited = call.answered_at.is_none_or(|at| wib.now() >= time::after(at, SPOKEN_WITHIN));
    waited || opening.is_none_or(|s| s.ended_at.is_some() || s.cut_at.is_some())
}

/// Joins a member's leg with the person's, once the person has heard what has to be said first.
pub(crate) async fn join_leg(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call, id, leg) = load_leg(wib, message).await?;
    let again = message.payload_field::<bool>("again").unwrap_or(false);
    let settled = !leg.up() || call.facts.over() || call.facts.end_asked_at.is_some();
    if settled || (leg.joined_at.is_some() && !again) || !call.facts.person_listens() {
        return Ok(Done::Ack);
    }
    if !opening_over(wib, &call) {
        return Ok(Done::wait(time::after(wib.now(), LOOK), "the person hears something else first"));
    }
    let (ours, theirs) = (names(&mut *tx, id).await?, carry::main_leg(&mut *tx, call.id).await?);
    drop(tx);
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return Ok(Done::wait(time::after(wib.now(), LOOK), "a leg has no name yet"));
    };
    // The member stays on the line when the person is taken away: a transfer may fail.
    let bridge = Bridge { with: theirs.names(), park: true, ..Bridge::default() };
    // Each return to the member is an order of its own.
    let key = format!("{}-join", message.key);
    match wib.voice.steer(&ours, &Order::new(Command::Bridge(bridge), key)).await {
        // One of them has gone meanwhile: its end is on the way to us.
        Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
        joined => joined?,
    }
    let now = wib.now();
    change(wib, organization, &call, |call| {
        if let Some(leg) = call.facts.legs.get_mut(&id) {
            earliest(&mut leg.joined_at, now);
        }
        None
    })
    .await?;
    Ok(Done::Ack)
}

/// Two who cannot be joined: nobody is left waiting on a line.
pub(crate) async fn join_given_up(wib: &Wib, message: &Message) -> Result<()> {
    let (organization, tx, call, id, _) = load_leg(wib, message).await?;
    drop(tx);
    let now = wib.now();
    change(wib, organization, &call, |call| {
        call.facts.absorb_end_asked(now);
        if let Some(leg) = call.facts.legs.get_mut(&id) {
            earliest(&mut leg.end_asked_at, now);
        }
        Some((format!("not_joined:{id}"), "call.leg.not_joined", json!({"leg_id": id})))
    })
    .await
}

/// Ends a further leg. A member who was never joined with the person hears first that nobody could be reached.
pub(crate) async fn end_leg(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call, id, leg) = load_leg(wib, message).await?;
    if leg.over() {
        return Ok(Done::Ack);
    }
    let Some(names) = names(&mut *tx, id).await? else {
        drop(tx);
        if wib.now() >= time::after(message.created_at, PLACED_WITHIN) {
            return not_placed(wib, organization, &call, id, "the vendor never told of it").await;
        }
        // Not with the vendor yet, or nobody knows: the dial's handler sees the wish before it dials.
        return Ok(Done::wait(time::after(wib.now(), Duration::from_secs(2)), "the leg has no name yet"));
    };
    drop(tx);
    let waits = leg.role == LegRole::Agent && leg.up() && leg.joined_at.is_none() && leg.end_asked_at.is_none();
    let unreached = waits && call.flow_type == FlowType::Bridge && call.answered_at.is_none();
    let until = time::after(message.created_at, TOLD_WITHIN);
    if unreached && leg.told_at.is_none() && wib.now() < until {
        let said = speech::unreached(wib);
        let tag = wib.tags.seal(&Tag::of(organization, call.id, Step::Unreached).on(id));
        let order = Order::new(Command::Speak(said), format!("{id}-unreached")).tagged(tag);
        match wib.voice.steer(&names, &order).await {
            Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
            spoken => spoken?,
        }
        return Ok(Done::wait(until.min(time::after(wib.now(), Duration::from_secs(1))), "the member is being told"));
    }
    wib.voice.hang_up(&names, &format!("{id}-hangup")).await?;
    Ok(Done::Ack)
}

/// Takes in that a leg which nobody told of any more is gone.
pub(super) fn lost(call: &mut Call, id: LegId, at: Timestamp) {
    if let Some(leg) = call.facts.legs.get_mut(&id) {
        let value = HangupFact { cause: HangupCause::Other, vendor_cause: "not alive when asked".to_owned() };
        first(&mut leg.hangup, at, "wib:watch", value);
    }
}

/// Refuses a number that is not one to ring: the person's own.
pub(super) fn not_the_person(call: &Call, to: &Phone, field: &'static str) -> Result<()> {
    if *to == call.to_number || *to == call.from_number {
        return Err(Error::field(field, "is a number of the call itself"));
    }
    Ok(())
}

/// The role at the vendor.
pub(super) fn role_of(supervision: &Supervision, agent: Option<&Leg>) -> voice::Role {
    use super::supervise::SuperviseMode as Mode;
    match supervision.mode {
        Mode::Monitor => voice::Role::Monitor,
        Mode::Whisper => voice::Role::Whisper(agent.cloned().into_iter().collect()),
        Mode::Barge => voice::Role::Barge,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        calls::{CallStatus, Handover, TransferKind},
        compliance::{Purpose, Technology},
        ports::voice::Direction,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + second).unwrap()
    }
    fn id(n: u128) -> LegId {
        uuid::Uuid::from_u128(n).into()
    }
    fn number(n: u32) -> Phone {
        format!("+1312555{n:04}").parse().unwrap()
    }
    fn event(n: u8, second: i64, what: VoiceEventKind) -> VoiceEvent {
        VoiceEvent { id: format!("e{n}"), leg: Leg::default(), at: at(second), tag: None, what }
    }
    fn call(flow_type: FlowType) -> Call {
        let inbound = flow_type == FlowType::Inbound;
        Call {
            id: uuid::Uuid::from_u128(1).into(),
            organization_id: uuid::Uuid::from_u128(2).into(),
            person_id: None,
            account_id: None,
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            from_number: number(1),
            to_number: number(2),
            flow_type,
            technology: Technology::Manual,
            purpose: Purpose::Collection,
            status: CallStatus::Pending,
            vendor: "v".to_owned(),
            live: false,
            facts: CallFacts { undetected: true, ..CallFacts::default() },
            verdict_id: None,
            record: true,
            transcribe: true,
            translate_to: None,
            listen: None,
            answered_at: None,
            ended_at: None,
            answered_by: None,
            hangup_cause: None,
            created_by: None,
            created_at: at(0),
            updated_at: at(0),
        }
    }
    fn any_kind() -> impl Strategy<Value = VoiceEventKind> {
        let hangup = |cause| VoiceEventKind::Hangup { cause, vendor_cause: "x".to_owned() };
        prop_oneof![
            Just(VoiceEventKind::Ringing),
            Just(VoiceEventKind::Answered),
            Just(VoiceEventKind::Bridged),
            Just(VoiceEventKind::SpeakEnded),
            Just(hangup(HangupCause::Normal)),
            Just(hangup(HangupCause::NoAnswer)),
        ]
    }
    fn topics(due: &[NewMessage]) -> Vec<Topic> {
        due.iter().map(|m| m.topic).collect()
    }

    proptest! {
        #[test]
        fn a_legs_facts_are_the_same_in_every_order_and_however_often(
            events in proptest::collection::vec((any::<u8>(), 0i64..60, any_kind()), 0..8),
            shift in 0usize..8,
        ) {
            let events: Vec<_> = events.into_iter().map(|(n, second, what)| event(n, second, what)).collect();
            let told = |order: &mut dyn Iterator<Item = &VoiceEvent>| {
                let mut leg = LegFacts::new(LegRole::Agent, number(3), at(0));
                order.for_each(|e| leg.absorb(e, None));
                leg
            };
            let once = told(&mut events.iter());
            prop_assert_eq!(&once, &told(&mut events.iter().rev().chain(events.iter())));
            prop_assert_eq!(&once, &told(&mut events.iter().cycle().skip(shift).take(events.len() * 2)));
        }

        #[test]
        fn what_follows_follows_once(
            flow in prop_oneof![Just(FlowType::Bridge), Just(FlowType::Inbound), Just(FlowType::Direct)],
            person in proptest::collection::vec((0i64..60, any_kind()), 0..4),
            member in proptest::collection::vec((0i64..60, any_kind()), 0..4),
            target in proptest::collection::vec((0i64..60, any_kind()), 0..4),
            kind in proptest::option::of(prop_oneof![Just(TransferKind::Blind), Just(TransferKind::Warm)]),
        ) {
            let mut call = call(flow);
            if flow != FlowType::Direct {
                call.facts.legs.insert(id(10), LegFacts::new(LegRole::Agent, number(3), at(0)));
            }
            if let Some(kind) = kind {
                call.facts.legs.insert(id(11), LegFacts::new(LegRole::Target, number(4), at(0)));
                call.facts.handovers.insert(id(11), Handover::of(kind, at(0)));
            }
            for (n, (second, what)) in (0..).zip(person) {
                call.facts.absorb(&event(n, second, what), None);
            }
            for (leg, told) in [(id(10), member), (id(11), target)] {
                for (n, (second, what)) in (0..).zip(told) {
                    if let Some(leg) = call.facts.legs.get_mut(&leg) {
                        leg.absorb(&event(n, second, what), None);
                    }
                }
            }
            // It settles after a few rounds, and stays as it is.
            for _ in 0..4 {
                due(&mut call, at(100));
            }
            let settled = call.clone();
            let messages = due(&mut call, at(200));
            prop_assert_eq!(&call, &settled);
            if call.facts.over() {
                let only = topics(&messages).into_iter().all(|t| t == Topic::EndLeg);
                prop_assert!(only, "nothing begins on a call that is over: {:?}", topics(&messages));
            }
        }
    }

    #[test]
    fn the_person_is_called_when_the_member_has_answered_and_not_before() {
        let mut call = call(FlowType::Bridge);
        call.facts.legs.insert(id(10), LegFacts::new(LegRole::Agent, number(3), at(0)));
        assert_eq!(topics(&due(&mut call, at(1))), []);
        call.facts.legs.get_mut(&id(10)).unwrap().absorb(&event(1, 1, VoiceEventKind::Ringing), None);
        assert_eq!(topics(&due(&mut call, at(1))), []);
        assert_eq!(call.facts.status(), CallStatus::Initiated);
        call.facts.legs.get_mut(&id(10)).unwrap().absorb(&event(2, 2, VoiceEventKind::Answered), None);
        assert_eq!(topics(&due(&mut call, at(2))), [Topic::Dial]);
    }
}
