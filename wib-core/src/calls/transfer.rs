//! Handing a call to somebody else, without talking to them first (blind) or after (warm). A handover ends once: it went
//! through, or the person is brought back.
//!
//! | handover is | because | then |
//! |---|---|---|
//! | `dialling` | it was asked for; the person talks on (blind) or is on hold (warm) | any other |
//! | `consulting` | warm: the member talks to whom it is handed | completed, returning |
//! | `completed` | they talk to the person; the member is let go | - |
//! | `returning` | they did not answer or refused, or it was taken back | returned |
//! | `returned` | the person is with the member again, or was told that nobody is there | - |
//!
//! Nothing about a debt is spoken to whom a call is handed. They were not told that the call is recorded, so recording ends
//! before they hear the person.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Call, CallFacts, CallId, LegRole,
    carry::{follow_up, main_leg, note},
    facts::earliest,
    legs::{self, LegId, change, load_leg, names, not_the_person},
    speech,
    tag::{Step, Tag},
};
use crate::{
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, OrNotFound, Phone, Result, Role, time, time::Timestamp},
    ports::{
        Fault, Sent,
        voice::{
            Bridge, Command, ConferenceCommand, ConferenceOrder, OpenConference, Order, Seat, Transfer as Handing,
        },
    },
    text_enum,
    wib::{Org, Wib},
};

const LOOK: Duration = Duration::from_millis(500);
/// How long the end of a recording is waited for before the call is handed on.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);
/// The most handovers of one call.
const MOST: usize = 20;

text_enum! {
    /// How a call is handed to somebody else.
    #[derive(Default)]
    pub enum TransferKind {
        /// Without talking to them first.
        #[default]
        Blind = "blind",
        /// After talking to them, while the person is on hold.
        Warm = "warm",
    }
}

text_enum! {
    /// What becomes of the person when nobody takes the call.
    #[derive(Default)]
    pub enum OnFailure {
        /// They are brought back to the member; where there is none, they hear that nobody is there.
        #[default]
        Return = "return",
        /// The call ends.
        End = "end",
    }
}

text_enum! {
    /// How a handover stands.
    pub enum HandoverState {
        /// Whom it is handed to is called.
        Dialling = "dialling",
        /// The member talks to them.
        Consulting = "consulting",
        /// They talk to the person.
        Completed = "completed",
        /// The person is being brought back.
        Returning = "returning",
        /// The person was brought back, or the call ended.
        Returned = "returned",
    }
}

/// An attempt to hand a call to somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// How.
    pub kind: TransferKind,
    /// What becomes of the person when nobody takes it.
    pub on_failure: OnFailure,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// The vendor took the order to hand it on, or to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_at: Option<Timestamp>,
    /// The conference that holds the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conference: Option<String>,
    /// The member talks to whom it is handed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consulted_at: Option<Timestamp>,
    /// The member wants it to go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_asked_at: Option<Timestamp>,
    /// The member took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_asked_at: Option<Timestamp>,
    /// It went through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Nobody took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
    /// The person was brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_at: Option<Timestamp>,
}

impl Handover {
    /// One of that kind that was asked for then.
    pub(super) fn of(kind: TransferKind, asked_at: Timestamp) -> Self {
        Self {
            kind,
            on_failure: OnFailure::Return,
            asked_at,
            ordered_at: None,
            conference: None,
            consulted_at: None,
            complete_asked_at: None,
            cancel_asked_at: None,
            completed_at: None,
            failed_at: None,
            returned_at: None,
        }
    }
    /// How it stands.
    #[must_use]
    pub const fn state(&self) -> HandoverState {
        match self {
            Self { completed_at: Some(_), .. } => HandoverState::Completed,
            Self { returned_at: Some(_), .. } => HandoverState::Returned,
            Self { failed_at: Some(_), .. } | Self { cancel_asked_at: Some(_), .. } => HandoverState::Returning,
            Self { consulted_at: Some(_), .. } => HandoverState::Consulting,
            _ => HandoverState::Dialling,
        }
    }
    /// Whether it may still go either way.
    pub(super) const fn open(&self) -> bool {
        !matches!(self.state(), HandoverState::Completed | HandoverState::Returned)
    }
    /// Whether the call goes on without the member.
    pub(super) const fn holds_the_call(&self) -> bool {
        !matches!(self.state(), HandoverState::Returned)
    }
}

impl CallFacts {
    /// The handover that is under way.
    #[must_use]
    pub fn open_handover(&self) -> Option<(LegId, &Handover)> {
        self.handovers.iter().rfind(|(_, h)| h.open()).map(|(id, h)| (*id, h))
    }
    /// Whether the person was handed to somebody else.
    #[must_use]
    pub fn handed_over(&self) -> bool {
        self.handovers.values().any(|h| h.completed_at.is_some())
    }
    /// Whether somebody who was not told of a recording is about to hear the person, or does.
    pub(super) fn stranger_listens(&self) -> bool {
        let hears = |h: &Handover| h.kind == TransferKind::Blind || h.complete_asked_at.is_some();
        self.handovers.values().any(|h| hears(h) && h.cancel_asked_at.is_none())
    }
}

/// What follows from handovers and the legs of whom the call is handed to. Runs before the call is settled.
pub(super) fn lead(call: &mut Call, now: Timestamp, due: &mut Vec<NewMessage>) {
    if call.facts.over() || call.facts.handovers.is_empty() {
        return;
    }
    let agent = call.facts.agent().map(|(id, leg)| (id, leg.up()));
    let member = agent.filter(|(_, up)| *up).map(|(id, _)| id);
    let ids: Vec<_> = call.facts.handovers.keys().copied().collect();
    for id in ids {
        let Some(leg) = call.facts.legs.get(&id).cloned() else { continue };
        let Some(mut handover) = call.facts.handovers.remove(&id) else { continue };
        let order = |topic| {
            let payload = json!({"call_id": call.id, "leg_id": id});
            NewMessage { topic, key: id.to_string(), payload, run_at: now }
        };
        let h = &mut handover;
        if h.open() {
            match h.kind {
                TransferKind::Blind => {
                    due.push(order(Topic::TransferCall));
                    if let Some(at) = leg.answered_at {
                        earliest(&mut h.completed_at, at);
                    } else if let Some(at) = leg.ended_at() {
                        earliest(&mut h.failed_at, at);
                    }
                }
                TransferKind::Warm => {
                    due.push(order(Topic::HoldCall));
                    if h.complete_asked_at.is_none() && member.is_none() && leg.up() && h.cancel_asked_at.is_none() {
                        // Who hangs up while they talk to whom it is handed, hands it on.
                        h.complete_asked_at = Some(now);
                    }
                    let gone = leg.ended_at().or((member.is_none() && !leg.up()).then_some(now));
                    if let Some(at) = gone {
                        earliest(&mut h.failed_at, at);
                    }
                    let held = h.ordered_at.is_some();
                    match h.state() {
                        HandoverState::Returning if held => due.push(order(Topic::ReturnCall)),
                        _ if held && leg.up() && h.complete_asked_at.is_some() => due.push(order(Topic::HandCall)),
                        _ if held && leg.up() && member.is_some() => due.push(order(Topic::ConsultLeg)),
                        _ => {}
                    }
                }
            }
        }
        match (h.state(), h.kind) {
            (HandoverState::Completed, _) => {
                if let Some(at) = leg.ended_at() {
                    call.facts.absorb_end_asked(at);
                }
                if let (Some(member), Some(at)) = (member, h.completed_at)
                    && let Some(member) = call.facts.legs.get_mut(&member)
                {
                    earliest(&mut member.end_asked_at, at);
                }
            }
            // A blind one is brought back by joining the two again.
            (HandoverState::Returning, TransferKind::Blind) => {
                h.returned_at = h.failed_at;
                match (h.on_failure, member) {
                    (OnFailure::Return, Some(member)) => due.push(NewMessage {
                        topic: Topic::JoinLeg,
                        key: format!("{member}:{id}"),
                        payload: json!({"call_id": call.id, "leg_id": member, "again": true}),
                        run_at: now,
                    }),
                    (OnFailure::Return, None) => call.facts.unattended_at = call.facts.unattended_at.or(h.failed_at),
                    (OnFailure::End, _) => call.facts.absorb_end_asked(h.failed_at.unwrap_or(now)),
                }
            }
            (HandoverState::Returning, TransferKind::Warm) if !leg.over() => {
                if let Some(leg) = call.facts.legs.get_mut(&id) {
                    earliest(&mut leg.end_asked_at, now);
                }
            }
            _ => {}
        }
        call.facts.handovers.insert(id, handover);
    }
}

/// Hands a call to somebody else.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransferCall {
    /// To whom.
    pub to: Phone,
    /// How.
    #[serde(default)]
    pub kind: TransferKind,
    /// What becomes of the person when nobody takes it.
    #[serde(default)]
    pub on_failure: OnFailure,
}

impl Org {
    /// Hands a call that is up to somebody else. The order leaves with this transaction; what comes of it is told by the
    /// call's [`Handover`].
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the call is not up, is being handed on already, its person is on hold, payment data is being
    /// given, or a warm transfer finds no member on the call; `Invalid` for a number of the call itself; `Forbidden` below agent.
    pub async fn transfer_call(&self, id: CallId, command: TransferCall) -> Result<Call> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let mut call = tx.lock_call(id).await?.or_not_found("call")?;
        let before = call.clone();
        let facts = &call.facts;
        if !facts.person_listens() || facts.end_asked_at.is_some() || facts.unattended_at.is_some() {
            return Err(Error::conflict("the call is not up"));
        }
        if facts.open_handover().is_some() || facts.handed_over() {
            return Err(Error::conflict("the call is being handed on, or was").code("TRANSFER_UNDER_WAY"));
        }
        if facts.handovers.len() >= MOST {
            return Err(Error::conflict(format!("a call is handed on at most {MOST} times")));
        }
        if facts.open_mask().is_some() {
            return Err(Error::conflict("payment data is being given").code("PAYMENT_UNDER_WAY"));
        }
        let card = tx.card_of_call(id).await?;
        if card.as_ref().is_some_and(|card| card.held) {
            return Err(Error::conflict("the person is on hold: bring them back first").code("CALL_ON_HOLD"));
        }
        not_the_person(&call, &command.to, "to")?;
        let now = self.wib.now();
        let leg = match command.kind {
            TransferKind::Blind => {
                legs::add_silent(&self.wib, &mut *tx, &mut call, LegRole::Target, command.to.clone()).await?
            }
            TransferKind::Warm => {
                let joined = call.facts.agent().is_some_and(|(_, leg)| leg.up() && leg.joined_at.is_some());
                if !joined {
                    return Err(Error::conflict("no member is on the call who could talk first").code("NO_MEMBER"));
                }
                legs::add(&self.wib, &mut *tx, &mut call, LegRole::Target, command.to.clone()).await?
            }
        };
        // Where the person was on hold before, they are in a conference already.
        let conference = card.and_then(|card| card.conference).filter(|_| command.kind == TransferKind::Warm);
        let handover = Handover { on_failure: command.on_failure, conference, ..Handover::of(command.kind, now) };
        call.facts.handovers.insert(leg, handover);
        let data = json!({"leg_id": leg, "kind": command.kind, "on_failure": command.on_failure});
        note(&self.wib, &mut *tx, id, &format!("handover:{leg}"), "call.transferring", data.clone(), now).await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        let line = self.audit("call:transferred", ("call", Some(id.uuid())));
        line.changed(&before, &call).with(data).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(call)
    }

    /// Lets whom a warm transfer went to talk to the person; the member is let go.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when none is under way or they have not answered; `Forbidden` below agent.
    pub async fn complete_transfer(&self, id: CallId) -> Result<Call> {
        self.end_handover(id, "call:transfer_completed", |handover, up, now| {
            if !up {
                return Err(Error::conflict("whom it is handed to has not answered").code("NOT_ANSWERED"));
            }
            earliest(&mut handover.complete_asked_at, now);
            Ok(())
        })
        .await
    }

    /// Takes a warm transfer back: whom it went to is let go, the person is with the member again.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when none is under way or it is going through; `Forbidden` below agent.
    pub async fn cancel_transfer(&self, id: CallId) -> Result<Call> {
        self.end_handover(id, "call:transfer_cancelled", |handover, _, now| {
            if handover.complete_asked_at.is_some() {
                return Err(Error::conflict("the transfer is going through").code("TRANSFER_UNDER_WAY"));
            }
            earliest(&mut handover.cancel_asked_at, now);
            Ok(())
        })
        .await
    }

    async fn end_handover(
        &self,
        id: CallId,
        action: &str,
        change: impl FnOnce(&mut Handover, bool, Timestamp) -> Result<()> + Send,
    ) -> Result<Call> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let mut call = tx.lock_call(id).await?.or_not_found("call")?;
        let before = call.clone();
        let none = || Error::conflict("no warm transfer is under way").code("NO_TRANSFER");
        let warm = |h: &&Handover| h.kind == TransferKind::Warm && h.failed_at.is_none();
        let leg = call.facts.open_handover().filter(|(_, h)| warm(h)).map(|(leg, _)| leg).ok_or_else(none)?;
        let up = call.facts.legs.get(&leg).is_some_and(legs::LegFacts::up);
        let handover = call.facts.handovers.get_mut(&leg).ok_or_else(none)?;
        change(handover, up, self.wib.now())?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        self.audit(action, ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(call)
    }
}

/// Whether the recording must end first; for a while.
fn recording_ends(wib: &Wib, call: &Call, message: &Message) -> Option<Done> {
    let waits = call.facts.may_be_recording() && wib.now() < time::after(message.created_at, STOPPED_WITHIN);
    waits.then(|| Done::wait(time::after(wib.now(), LOOK), "the recording ends first"))
}

/// Hands a call on at the vendor, which calls them and joins the two.
pub(crate) async fn transfer(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call, id, leg) = load_leg(wib, message).await?;
    let open = call.facts.handovers.get(&id).is_some_and(|h| h.open() && h.ordered_at.is_none());
    if !open || call.facts.over() || leg.placed() {
        return Ok(Done::Ack);
    }
    if let Some(wait) = recording_ends(wib, &call, message) {
        return Ok(wait);
    }
    let main = main_leg(&mut *tx, call.id).await?.or_not_found("leg")?;
    drop(tx);
    let handing = Handing {
        from: Some(if call.direction == crate::ports::voice::Direction::Inbound {
            call.to_number.clone()
        } else {
            call.from_number.clone()
        }),
        ring_seconds: wib.settings.ring_seconds,
        park: true,
        target_tag: Some(wib.tags.seal(&Tag::of(organization, call.id, Step::Leg).on(id))),
        webhook_url: wib.webhook_url(wib.voice.vendor()),
        ..Handing::new(leg.to.clone())
    };
    let order = Order::new(Command::Transfer(handing), format!("{id}-transfer"));
    match wib.voice.steer(&main.names(), &order).await {
        Ok(()) => {}
        Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
        Err(e) if e.retryable() || e.sent != Sent::Refused => return Err(e.into()),
        Err(e) => {
            tracing::warn!(call = %call.id, vendor = e.vendor, error = %e, "the vendor refused a transfer");
            return legs::not_placed(wib, organization, &call, id, &format!("{} refused the transfer", e.vendor)).await;
        }
    }
    ordered(wib, organization, &call, id, None).await
}

async fn ordered(
    wib: &Wib,
    organization: crate::orgs::OrganizationId,
    call: &Call,
    id: LegId,
    conference: Option<String>,
) -> Result<Done> {
    let now = wib.now();
    mark(wib, organization, call, id, |handover| {
        earliest(&mut handover.ordered_at, now);
        handover.conference = handover.conference.take().or(conference);
    })
    .await
}

async fn mark(
    wib: &Wib,
    organization: crate::orgs::OrganizationId,
    call: &Call,
    id: LegId,
    set: impl FnOnce(&mut Handover) + Send,
) -> Result<Done> {
    change(wib, organization, call, |call| {
        let handover = call.facts.handovers.get_mut(&id)?;
        let before = handover.state();
        set(handover);
        let after = handover.state();
        let data = json!({"leg_id": id, "state": after});
        (before != after).then(|| (format!("handover:{id}:{after}"), "call.transfer", data))
    })
    .await?;
    Ok(Done::Ack)
}

/// Puts the person on hold, in a conference of their own.
pub(crate) async fn hold(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call, id, _) = load_leg(wib, message).await?;
    let Some(handover) = call.facts.handovers.get(&id).filter(|h| h.open() && h.ordered_at.is_none()) else {
        return Ok(Done::Ack);
    };
    if call.facts.over() {
        return Ok(Done::Ack);
    }
    let main = main_leg(&mut *tx, call.id).await?.or_not_found("leg")?.names();
    drop(tx);
    let name = format!("wib-{id}");
    let known = match &handover.conference {
        Some(known) => Some(known.clone()),
        // An opening whose answer nobody saw is looked for.
        None if message.attempts > 1 => wib.voice.find_conference(&name).await?.map(|c| c.id),
        None => None,
    };
    let conference = match known {
        Some(known) => known,
        None => match wib.voice.open_conference(&main, &OpenConference::new(name, format!("{id}-hold"))).await {
            Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
            opened => opened?,
        },
    };
    let said = ConferenceCommand::Speak(speech::on_hold(wib), vec![main.clone()]);
    wib.voice.confer(&conference, &ConferenceOrder::new(said, format!("{id}-hold-told"))).await?;
    let held = ConferenceCommand::Hold { legs: vec![main], music: None };
    wib.voice.confer(&conference, &ConferenceOrder::new(held, format!("{id}-held"))).await?;
    ordered(wib, organization, &call, id, Some(conference)).await
}

/// Joins the member with whom the call is handed to: the person hears neither.
pub(crate) async fn consult(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call, id, leg) = load_leg(wib, message).await?;
    let open = call.facts.handovers.get(&id).is_some_and(|h| h.open() && h.consulted_at.is_none());
    let member = call.facts.agent().filter(|(_, leg)| leg.up()).map(|(id, _)| id);
    let (Some(member), true) = (member, open && leg.up() && !call.facts.over()) else { return Ok(Done::Ack) };
    let (ours, theirs) = (names(&mut *tx, member).await?, names(&mut *tx, id).await?);
    drop(tx);
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return Ok(Done::wait(time::after(wib.now(), LOOK), "a leg has no name yet"));
    };
    let bridge = Bridge { with: theirs, park: true, ..Bridge::default() };
    match wib.voice.steer(&ours, &Order::new(Command::Bridge(bridge), format!("{id}-consult"))).await {
        Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
        joined => joined?,
    }
    let now = wib.now();
    mark(wib, organization, &call, id, |handover| earliest(&mut handover.consulted_at, now)).await
}

/// Lets whom the call is handed to talk to the person.
pub(crate) async fn hand(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call, id, leg) = load_leg(wib, message).await?;
    let open = call.facts.handovers.get(&id).filter(|h| h.open() && h.failed_at.is_none());
    let conference = open.and_then(|h| h.conference.clone());
    let (Some(conference), true) = (conference, leg.up() && !call.facts.over()) else { return Ok(Done::Ack) };
    if let Some(wait) = recording_ends(wib, &call, message) {
        return Ok(wait);
    }
    let (main, theirs) = (main_leg(&mut *tx, call.id).await?, names(&mut *tx, id).await?);
    drop(tx);
    let (main, theirs) = (main.or_not_found("leg")?.names(), theirs.or_not_found("leg")?);
    let seat = Seat { ends: true, ..Seat::default() };
    let join = ConferenceCommand::Join(theirs, seat);
    match wib.voice.confer(&conference, &ConferenceOrder::new(join, format!("{id}-hand"))).await {
        Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
        joined => joined?,
    }
    let resume = ConferenceCommand::Resume(vec![main]);
    wib.voice.confer(&conference, &ConferenceOrder::new(resume, format!("{id}-resume"))).await?;
    let now = wib.now();
    mark(wib, organization, &call, id, |handover| earliest(&mut handover.completed_at, now)).await
}

/// Brings the person back from hold, to the member when one is there.
pub(crate) async fn bring_back(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call, id, _) = load_leg(wib, message).await?;
    let returning = call.facts.handovers.get(&id).filter(|h| h.state() == HandoverState::Returning).cloned();
    let Some(handover) = returning.filter(|_| !call.facts.over()) else { return Ok(Done::Ack) };
    let Some(conference) = handover.conference.clone() else { return Ok(Done::Ack) };
    let member = call.facts.agent().filter(|(_, leg)| leg.up()).map(|(id, _)| id);
    let main = main_leg(&mut *tx, call.id).await?.or_not_found("leg")?.names();
    let ours = match member {
        Some(member) => names(&mut *tx, member).await?,
        None => None,
    };
    drop(tx);
    let confer = async |what, word: &str| {
        wib.voice.confer(&conference, &ConferenceOrder::new(what, format!("{id}-{word}"))).await
    };
    if handover.on_failure == OnFailure::Return || handover.cancel_asked_at.is_some() {
        if let Some(ours) = ours.clone() {
            match confer(ConferenceCommand::Join(ours, Seat::default()), "back").await {
                // The member has gone meanwhile: their end is on the way to us.
                Err(gone) if gone.fault == Fault::Missing => {}
                joined => joined?,
            }
        }
        match confer(ConferenceCommand::Resume(vec![main]), "return").await {
            Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
            resumed => resumed?,
        }
    }
    let now = wib.now();
    change(wib, organization, &call, |call| {
        let handover = call.facts.handovers.get_mut(&id)?;
        earliest(&mut handover.returned_at, now);
        let ends = handover.on_failure == OnFailure::End && handover.cancel_asked_at.is_none();
        if ends {
            call.facts.absorb_end_asked(now);
        } else if member.is_none() {
            call.facts.unattended_at.get_or_insert(now);
        }
        Some((format!("handover:{id}:returned"), "call.transfer", json!({"leg_id": id, "state": "returned"})))
    })
    .await?;
    Ok(Done::Ack)
}

/// A handover that cannot be carried out: the person is brought back.
pub(crate) async fn handover_given_up(wib: &Wib, message: &Message, why: &str) -> Result<()> {
    let (organization, tx, call, id, _) = load_leg(wib, message).await?;
    drop(tx);
    let now = wib.now();
    change(wib, organization, &call, |call| {
        let handover = call.facts.handovers.get_mut(&id).filter(|h| h.open())?;
        earliest(&mut handover.failed_at, now);
        if handover.conference.is_none() {
            // The person was never taken away from the member.
            earliest(&mut handover.returned_at, now);
        }
        if let Some(leg) = call.facts.legs.get_mut(&id) {
            earliest(&mut leg.end_asked_at, now);
        }
        Some((format!("handover_failed:{id}"), "call.transfer.failed", json!({"leg_id": id, "reason": why})))
    })
    .await
}

/// A person who cannot be brought back is not left on hold.
pub(crate) async fn return_given_up(wib: &Wib, message: &Message) -> Result<()> {
    let (organization, tx, call, id, _) = load_leg(wib, message).await?;
    drop(tx);
    let now = wib.now();
    change(wib, organization, &call, |call| {
        call.facts.absorb_end_asked(now);
        Some((format!("not_returned:{id}"), "call.transfer.lost", json!({"leg_id": id})))
    })
    .await
}
