//! Carrying a call: commands out, events in. Every function here may run twice and does its work once.

use std::time::Duration;

use serde_json::json;

use super::{
    Call, CallEvent, CallId, CallLeg, LegFacts, LegId, LegRole, inbound, legs,
    seal::seal_again,
    speech,
    tag::{Step, Tag},
    told::told,
};
use crate::{
    ai_agent,
    collections::{Account, AccountId, NUMBERS},
    compliance::{
        Act, ActKind, Medium, Place,
        gate::{self, Hold},
        gather::Planned,
        judge,
    },
    contacts::{Contact, ContactKind, ContactSource},
    engine::{Done, Message, NewMessage, Topic},
    evidence,
    kit::{Error, OrNotFound, Result, canonical, time, time::Timestamp},
    live::{self, LiveKind},
    orgs::OrganizationId,
    ports::{
        Sent,
        voice::{Detection, Dial, Direction, HangupCause, Leg, VendorRecording, VoiceEvent, VoiceEventKind},
    },
    recordings::{Recording, RecordingStatus},
    store::{OrgTx, Repo},
    subscriptions::WebhookEvent,
    wib::Wib,
};

/// How long a request may still be under way when nobody waits for its answer: before that, "the vendor knows of no
/// such call" proves nothing.
pub(super) const SETTLE: Duration = Duration::from_secs(30);
/// How soon the vendor is asked again about a dial, when it did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How often a call is asked after.
const WATCH_EVERY: Duration = Duration::from_secs(60);
/// How long a recording that was ordered may take to be saved, before the vendor is asked for it.
const SAVED_WITHIN: Duration = Duration::from_secs(120);
/// How long a call may stay without any sign of its end. No vendor keeps a leg up for longer.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

pub(crate) async fn load(wib: &Wib, message: &Message) -> Result<(OrganizationId, Box<dyn OrgTx>, Call)> {
    let organization =
        message.organization_id.ok_or_else(|| Error::internal("a call's message has no organization"))?;
    let id: CallId = message.payload_field("call_id")?;
    let mut tx = wib.store.org(organization).await?;
    let call = tx.lock_call(id).await?.or_not_found("call")?;
    Ok((organization, tx, call))
}

/// The leg that commands go to.
pub(crate) async fn main_leg(tx: &mut dyn OrgTx, call: CallId) -> Result<Option<CallLeg>> {
    Ok(tx.legs(call).await?.into_iter().find(|l| l.role.is_person() && l.control_id.is_some()))
}

/// Whether the vendor has the call, or nobody wants it any more.
async fn under_way(tx: &mut dyn OrgTx, call: &Call) -> Result<bool> {
    Ok(call.facts.placed() || call.status.terminal() || main_leg(tx, call.id).await?.is_some())
}

/// Places the call, once. An outcome that nobody saw is asked for; only when the vendor, asked after every request must
/// have arrived, knows of no such call, is it dialled again. Every dial passes the gate at the instant it leaves: wishes,
/// hours and facts may have changed since it was asked for.
pub(crate) async fn dial(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, mut call) = load(wib, message).await?;
    if under_way(&mut *tx, &call).await? {
        return Ok(Done::Ack);
    }
    let tries = message.topic.limits().tries;
    let tag = wib.tags.seal(&Tag::of(organization, call.id, Step::Dial));
    if let Some(started) = message.started_at {
        drop(tx);
        let (now, since) = (wib.now(), time::before(started, SETTLE));
        match wib.voice.find(&tag, &call.to_number.clone().into(), since).await {
            Ok(Some(leg)) => {
                metrics::counter!("wib_dials_recovered_total").increment(1);
                return adopt(wib, organization, call.id, leg).await;
            }
            Ok(None) => {}
            // While the vendor cannot be asked, nobody may say that the call was not placed.
            Err(e) if e.retryable() && now < time::after(started, LONGEST) => {
                let at = time::after(wib.now(), e.retry_after.unwrap_or_default().max(ASK_AGAIN));
                return Ok(Done::Later { at, why: e.to_string(), started: true, counted: false });
            }
            Err(e) => return Err(e.into()),
        }
        let settled = time::after(started, SETTLE);
        if wib.now() < settled {
            let why = "the dial's outcome is not known yet".to_owned();
            return Ok(Done::Later { at: settled, why, started: true, counted: false });
        }
        (_, tx, call) = load(wib, message).await?;
        if under_way(&mut *tx, &call).await? {
            return Ok(Done::Ack);
        }
        if message.attempts >= tries {
            return not_placed(wib, tx, call, "the vendor answered no dial and knows of none").await;
        }
    }
    if call.facts.end_asked_at.is_some() {
        return not_placed(wib, tx, call, ENDED).await;
    }
    let account: Option<Account> = match call.account_id {
        Some(id) => tx.find(id).await?,
        None => None,
    };
    let planned = Planned {
        act: Act { kind: ActKind::Dial, purpose: call.purpose, technology: call.technology },
        number: Some(&call.to_number),
        from: Some(&call.from_number),
        call: Some(call.id),
        email: None,
    };
    let facts = gate::gather(&mut *tx, wib, &planned, account.as_ref(), Hold::Held).await?;
    let verdict = judge(&facts, &wib.rules(), wib.now());
    if !verdict.permits() {
        // This very verdict is kept: judged again, under rules swapped meanwhile, it might be another.
        let about = (call.person_id, call.account_id);
        let stored = gate::keep(&mut *tx, wib, &verdict, about, None).await?;
        let rule = stored.blocked_by.unwrap_or_default();
        return not_placed(wib, tx, call, &format!("{UNLAWFUL}{rule}")).await;
    }
    drop(tx);
    if !mark_started(wib, message).await? {
        return Ok(Done::Lost);
    }
    let order = Dial {
        detection: if call.facts.undetected { Detection::Off } else { Detection::Premium },
        ring_seconds: wib.settings.ring_seconds,
        webhook_url: wib.webhook_url(wib.voice.vendor()),
        ..Dial::new(call.to_number.clone(), call.from_number.clone(), tag, call.id.to_string())
    };
    match wib.voice.dial(&order).await {
        Ok(leg) => adopt(wib, organization, call.id, leg).await,
        // The last try is not given up in doubt: the vendor is asked once more.
        Err(e) if e.sent == Sent::Unknown => Ok(Done::Later {
            at: time::after(wib.now(), Duration::from_secs(1)),
            why: e.to_string(),
            started: true,
            counted: message.attempts < tries,
        }),
        Err(e) if e.retryable() || e.sent == Sent::No => Ok(Done::Undone(e.into())),
        Err(e) => {
            let (_, tx, call) = load(wib, message).await?;
            let code = e.code.clone().or_else(|| e.status.map(|s| s.to_string())).unwrap_or_default();
            tracing::warn!(call = %call.id, vendor = e.vendor, error = %e, "the vendor refused the dial");
            not_placed(wib, tx, call, &format!("{} refused the call {code}", e.vendor)).await
        }
    }
}

/// A dial that was given up: the call ends as never placed, unless the vendor turned out to have it.
pub(crate) async fn dial_given_up(wib: &Wib, message: &Message, why: &str) -> Result<()> {
    let (_, tx, call) = load(wib, message).await?;
    if call.facts.placed() || call.status.terminal() {
        return Ok(());
    }
    not_placed(wib, tx, call, why).await.map(drop)
}

pub(crate) async fn mark_started(wib: &Wib, message: &Message) -> Result<bool> {
    let mut tx = wib.store.system().await?;
    let held = tx.mark_started(message, wib.now()).await?;
    tx.commit().await?;
    Ok(held)
}

async fn adopt(wib: &Wib, organization: OrganizationId, call: CallId, leg: Leg) -> Result<Done> {
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(call).await?.or_not_found("call")?;
    put_leg(wib, &mut *tx, &mut call, &leg, None).await?;
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// Why a call was not placed that somebody ended first.
const ENDED: &str = "ended before it was dialled";
/// Why one was not placed that had waited too long; the rule's name follows.
const UNLAWFUL: &str = "no longer lawful when it was due: ";

/// What it is to who asked for a call, that it was not placed.
pub(super) fn unplaced(call: CallId, why: &str) -> Error {
    let error = match (why, why.strip_prefix(UNLAWFUL)) {
        (ENDED, _) => Error::conflict("the call was ended before it was dialled").code("CALL_ENDED"),
        (_, Some(rule)) => Error::blocked("the call was no longer lawful when it was dialled").with("blocked_by", rule),
        _ => Error::vendor("the call was not placed"),
    };
    error.with("call_id", call.to_string())
}

async fn not_placed(wib: &Wib, mut tx: Box<dyn OrgTx>, mut call: Call, why: &str) -> Result<Done> {
    let now = wib.now();
    call.facts.absorb_not_placed(now, why);
    note(wib, &mut *tx, call.id, "not_placed", "call.not_placed", json!({"reason": why}), now).await?;
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// Which leg of a call is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The person's: the one that the call is about.
    Person,
    /// A further one.
    Further(LegId),
    /// One that we did not ask for.
    Nobody,
}

/// Fills in what is known of the leg; a call has one per control id. Which it is.
async fn put_leg(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call, names: &Leg, tag: Option<&Tag>) -> Result<Whose> {
    let known = tx.legs(call.id).await?;
    let same = |ours: &Option<String>, theirs: &Option<String>| ours.is_some() && ours == theirs;
    let named = |l: &&CallLeg| same(&l.leg_id, &names.leg_id) || same(&l.control_id, &names.control_id);
    let tagged = tag.filter(|t| t.call_id == call.id).and_then(|t| t.leg);
    let found = known.iter().find(named).or_else(|| known.iter().find(|l| Some(l.id) == tagged)).or_else(|| {
        // What names no leg is the person's.
        known.iter().filter(|l| l.role.is_person()).find(|l| {
            (names.leg_id.is_none() && names.control_id.is_none())
                || (l.leg_id.is_none() && same(&l.session_id, &names.session_id))
        })
    });
    let further = known.iter().any(|l| !l.role.is_person());
    match found {
        Some(leg) => {
            let (mut leg, mut known) = (leg.clone(), leg.names());
            if known.learn(names) {
                (leg.control_id, leg.leg_id, leg.session_id) = (known.control_id, known.leg_id, known.session_id);
                tx.update(&leg).await?;
            }
            if !leg.role.is_person() {
                return Ok(Whose::Further(leg.id));
            }
        }
        // A vendor's own leg, beside those that we asked for.
        None if further && (tagged.is_some() || known.iter().any(|l| l.role.is_person())) => {
            return Ok(Whose::Nobody);
        }
        None => {
            let leg = CallLeg {
                id: wib.id(),
                call_id: call.id,
                vendor: call.vendor.clone(),
                role: if call.direction == Direction::Outbound { LegRole::Callee } else { LegRole::Caller },
                control_id: names.control_id.clone(),
                leg_id: names.leg_id.clone(),
                session_id: names.session_id.clone(),
                created_at: wib.now(),
            };
            tx.insert(&leg).await?;
        }
    }
    call.facts.leg.learn(names);
    Ok(Whose::Person)
}

pub(crate) async fn note(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call_id: CallId,
    source: &str,
    event_type: &str,
    event_data: serde_json::Value,
    at: Timestamp,
) -> Result<bool> {
    let event = CallEvent {
        id: wib.id(),
        call_id,
        source: source.to_owned(),
        event_type: event_type.to_owned(),
        event_data,
        at,
    };
    tx.note_event(&event).await
}

/// Ends the call at the vendor: when somebody asked for its end, or a machine answered and has its message.
pub(crate) async fn hang_up(wib: &Wib, message: &Message) -> Result<Done> {
    let (_, mut tx, call) = load(wib, message).await?;
    if call.status.terminal() {
        return Ok(Done::Ack);
    }
    if speech::message_wanted(wib, &call) && !call.facts.message_over() {
        let (now, until) = (wib.now(), call.facts.message_until());
        if until.is_some_and(|until| now < until) {
            return Ok(Done::wait(time::after(now, Duration::from_millis(500)), "the message is not over"));
        }
    }
    let Some(leg) = main_leg(&mut *tx, call.id).await? else {
        // Not with the vendor yet, or nobody knows: the dial's handler sees the wish before it dials.
        return Ok(Done::wait(time::after(wib.now(), Duration::from_secs(2)), "the call has no leg yet"));
    };
    drop(tx);
    wib.voice.hang_up(&leg.names(), &format!("{}-hangup", call.id)).await?;
    Ok(Done::Ack)
}

/// Applies one verified event of the voice vendor.
pub(crate) async fn apply_voice(wib: &Wib, vendor: &str, event: &VoiceEvent, attempts: i64) -> Result<Done> {
    let tag = event.tag.as_deref().and_then(|t| wib.tags.open(t));
    let owner = {
        let mut tx = wib.store.system().await?;
        match tx.owner_of_leg(vendor, &event.leg).await? {
            Some(owner) => Some((owner.organization_id, owner.record.into())),
            None => tag.as_ref().map(|t| (t.organization_id, t.call_id)),
        }
    };
    let owner = match (owner, &event.what) {
        (None, VoiceEventKind::Initiated { direction: Direction::Inbound, from, to }) => {
            inbound::take(wib, vendor, event, from, to).await?
        }
        (owner, _) => owner,
    };
    let Some((organization, call)) = owner else {
        // The vendor may be faster than the answer to our dial: wait a little before it is called unknown.
        if attempts < 4 {
            let wait = Duration::from_secs(1 << attempts.clamp(0, 3));
            return Ok(Done::Later {
                at: time::after(wib.now(), wait),
                why: "no call has this leg yet".to_owned(),
                started: false,
                counted: true,
            });
        }
        metrics::counter!("wib_events_unknown_total", "vendor" => vendor.to_owned()).increment(1);
        tracing::warn!(vendor, event = event.what.name(), "an event belongs to no call of ours");
        return Ok(Done::Ack);
    };
    let mut tx = wib.store.org(organization).await?;
    let Some(mut call) = tx.lock_call(call).await? else { return Ok(Done::Ack) };
    let whose = put_leg(wib, &mut *tx, &mut call, &event.leg, tag.as_ref()).await?;
    let mut told = shown(&event.what);
    if let (Whose::Further(id), Some(told)) = (whose, told.as_object_mut()) {
        told.insert("leg_id".to_owned(), json!(id));
    }
    if note(wib, &mut *tx, call.id, &event.id, event.what.name(), told, event.at).await? {
        absorb(wib, &mut *tx, &mut call, event, tag.as_ref(), whose).await?;
        if let VoiceEventKind::PlaybackEnded { how } = event.what {
            let leg = if let Whose::Further(leg) = whose { Some(leg) } else { None };
            live::played(wib, &mut *tx, &call, leg, how, event.at).await?;
        }
        follow_up(wib, &mut *tx, &mut call).await?;
    }
    tx.commit().await?;
    Ok(Done::Ack)
}

/// What the timeline shows of an event: no numbers, no addresses of files.
fn shown(what: &VoiceEventKind) -> serde_json::Value {
    match what {
        VoiceEventKind::AnsweredBy(who) => json!({"answered_by": who}),
        VoiceEventKind::Hangup { cause, vendor_cause } => json!({"cause": cause, "vendor_cause": vendor_cause}),
        VoiceEventKind::RecordingSaved(r) => json!({"vendor_recording_id": r.id, "channels": r.channels}),
        VoiceEventKind::RecordingFailed { reason } => json!({"reason": reason}),
        VoiceEventKind::Cost { micros, currency } => json!({"micros": micros, "currency": currency}),
        _ => json!({}),
    }
}

async fn absorb(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &mut Call,
    event: &VoiceEvent,
    tag: Option<&Tag>,
    whose: Whose,
) -> Result<()> {
    let tag = tag.filter(|t| t.call_id == call.id);
    let counts = matches!(event.what, VoiceEventKind::Cost { .. });
    match whose {
        Whose::Further(id) if !counts => {
            if let Some(leg) = call.facts.legs.get_mut(&id) {
                leg.absorb(event, tag);
            }
            return Ok(());
        }
        Whose::Nobody if !counts => return Ok(()),
        _ => call.facts.absorb(event, tag),
    }
    live::absorb(wib, tx, call, event).await?;
    ai_agent::absorb(wib, tx, call, event, tag).await?;
    if let VoiceEventKind::RecordingSaved(saved) = &event.what {
        expect_recording(wib, tx, call, saved, event.at).await?;
    }
    Ok(())
}

async fn expect_recording(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    saved: &VendorRecording,
    at: Timestamp,
) -> Result<()> {
    if tx.recordings_of_call(call.id).await?.iter().any(|r| r.vendor_id == saved.id) {
        return Ok(());
    }
    let recording = Recording {
        id: wib.id(),
        call_id: call.id,
        vendor_id: saved.id.clone(),
        blob_key: None,
        content_type: saved.content_type.clone(),
        channels: i64::from(saved.channels),
        size_bytes: None,
        media_hash: None,
        duration_ms: Recording::length_ms(saved),
        started_at: saved.started_at,
        withheld: false,
        note: None,
        status: RecordingStatus::Pending,
        live: call.live,
        created_at: at,
    };
    tx.insert(&recording).await?;
    let payload = json!({"call_id": call.id, "recording_id": recording.id, "recording": saved});
    tx.enqueue(&NewMessage { topic: Topic::FetchRecording, key: recording.id.to_string(), payload, run_at: wib.now() })
        .await?;
    Ok(())
}

/// Writes what follows from a call's facts: its row, its ledger rows, and the commands that are now due. Commands are
/// keyed by the call, so that each is given once however often this runs.
pub(super) async fn follow_up(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call) -> Result<()> {
    let now = wib.now();
    let was_terminal = call.status.terminal();
    let mut due = legs::due(call, now);
    call.settle(now);
    due.extend(speech::due(wib, tx, call).await?);
    tx.update(call).await?;
    tx.tell(LiveKind::Call, call.id, call.id.uuid());
    ledgers(wib, tx, call).await?;
    speech::disclose(wib, tx, call, false).await?;
    ai_agent::follow(wib, tx, call).await?;
    let (id, facts) = (call.id, &call.facts);
    let payload = json!({"call_id": id});
    let mut order = |topic, key: String, run_at| {
        due.push(NewMessage { topic, key, payload: payload.clone(), run_at });
    };
    if facts.machine_listens() {
        // Its own key: a person may ask for the end while the message is spoken.
        order(Topic::HangUp, if facts.end_asked_at.is_some() { id.to_string() } else { format!("{id}:machine") }, now);
    }
    if !call.status.terminal() {
        if facts.notice_ended_at.is_some() && call.record && !facts.wants_stop() {
            order(Topic::StartRecording, id.to_string(), now);
        }
        if call.listen.is_some() && facts.recording_ordered_at.is_some() && !facts.wants_stop() {
            order(Topic::OpenStream, id.to_string(), now);
        }
        if facts.wants_stop() && facts.may_be_recording() {
            // A refusal is another reason than a mask that failed, and is tried by itself.
            let refused = facts.recording_refused_at.is_some();
            order(Topic::StopRecording, if refused { format!("{id}:refused") } else { id.to_string() }, now);
        }
    } else {
        if !was_terminal {
            metrics::counter!("wib_calls_ended_total", "status" => call.status.as_str()).increment(1);
            live::hush(wib, tx, call).await?;
            told(wib, tx, WebhookEvent::CallEnded, call).await?;
        }
        order(Topic::Seal, id.to_string(), time::after(now, wib.settings.seal_after));
    }
    for (mask, m) in facts.masks.iter().filter(|_| facts.may_be_recording()) {
        let topic = match (m.paused_at, m.end_asked_at) {
            (None, None) if m.failed_at.is_none() => Topic::PauseRecording,
            (Some(_), Some(_)) if m.resumed_at.is_none() => Topic::ResumeRecording,
            _ => continue,
        };
        let payload = json!({"call_id": id, "mask": mask});
        due.push(NewMessage { topic, key: format!("{id}:{mask}"), payload, run_at: now });
    }
    for message in due {
        let first = tx.enqueue(&message).await?;
        if message.topic == Topic::Seal && !first {
            seal_late(wib, tx, call).await?;
        }
    }
    Ok(())
}

/// Something became known of a call that is over. Facts and lines are only added: their hash and number name the change.
async fn seal_late(wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<()> {
    let facts = canonical::hash(&call.facts)?;
    let told = tx.timeline(call.id).await?.into_iter().filter(|e| e.event_type != evidence::SEALED).count();
    seal_again(wib, tx, call.id, &format!("{told}:{facts}")).await
}

/// Brings the ledgers in line with the facts. A late "busy" takes an attempt back out of the count; a late "machine"
/// takes a conversation back out.
async fn ledgers(wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<()> {
    let (Some(person_id), Some(account_id)) = (call.person_id, call.account_id) else { return Ok(()) };
    let known = tx.contacts_of_call(call.id).await?;
    let mut wanted = Vec::new();
    if call.direction == Direction::Outbound {
        wanted.push((ContactKind::Attempt, call.created_at, call.facts.attempt_counts()));
    }
    let spoken = call.facts.conversation_at();
    if let Some(at) = spoken.or(call.answered_at) {
        wanted.push((ContactKind::Conversation, at, spoken.is_some()));
    }
    for (kind, at, counts) in wanted {
        let row = known.iter().find(|c| c.kind == kind);
        if row.is_some_and(|r| r.at == at && r.counts == counts) {
            continue;
        }
        let id = row.map_or_else(|| wib.id(), |r| r.id);
        let number = if call.direction == Direction::Outbound { &call.to_number } else { &call.from_number };
        // What was known when it was dialled stays.
        let place = match known.first() {
            Some(first) => first.place,
            None => {
                let phones = tx.phones(person_id.into(), NUMBERS).await?;
                phones.iter().find(|p| p.phone == *number).map_or(Place::Unknown, |p| p.place)
            }
        };
        tx.put_contact(&Contact {
            id,
            person_id,
            account_id,
            call_id: Some(call.id),
            kind,
            direction: call.direction,
            at,
            counts,
            medium: Medium::Call,
            technology: call.technology,
            phone: Some(number.clone()),
            place,
            source: ContactSource::Call,
        })
        .await?;
        if kind == ContactKind::Conversation {
            first_communication(tx, account_id, row.filter(|r| r.counts).map(|r| r.at), counts.then_some(at)).await?;
        }
    }
    // Who spoke to somebody else has not communicated with the consumer.
    if let (Some(at), Some(_)) = (spoken, call.facts.party.filter(|p| !p.holder.is_consumer())) {
        first_communication(tx, account_id, Some(at), None).await?;
    }
    Ok(())
}

/// A conversation may be the first communication about the debt; one that turned out to be none is not.
async fn first_communication(
    tx: &mut dyn OrgTx,
    account: AccountId,
    before: Option<Timestamp>,
    now: Option<Timestamp>,
) -> Result<()> {
    let account: Account = Repo::find(tx, account).await?.or_not_found("account")?;
    // Who changes an account holds its person.
    tx.lock_person(account.person_id).await?;
    let mut account: Account = Repo::find(tx, account.id).await?.or_not_found("account")?;
    let known = account.first_communication_at.filter(|at| Some(*at) != before);
    let first = known.into_iter().chain(now).min();
    if first != account.first_communication_at {
        account.first_communication_at = first;
        tx.update(&account).await?;
    }
    Ok(())
}

/// Asks the vendor about a call whose end, or whose recording, was not told.
pub(crate) async fn watch(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call) = load(wib, message).await?;
    let now = wib.now();
    let legs: Vec<_> = tx.legs(call.id).await?.into_iter().filter(|leg| open(&call, leg)).collect();
    drop(tx);
    let again = Done::wait(time::after(now, WATCH_EVERY), "the call is not over");
    let missing_recording = call.facts.recording_expected();
    if call.status.terminal() {
        let ended = call.ended_at.unwrap_or(now);
        if !missing_recording || now > time::after(ended, LONGEST) {
            return Ok(Done::Ack);
        }
        if now < time::after(ended, SAVED_WITHIN) {
            return Ok(Done::wait(time::after(ended, SAVED_WITHIN), "the recording is not saved yet"));
        }
    }
    for leg in legs {
        ask_after(wib, organization, call.id, &leg).await?;
    }
    match longest(wib, organization, call.id).await? {
        Some(until) if until > now => Ok(Done::wait(until.min(time::after(now, WATCH_EVERY)), "the call is not over")),
        _ => Ok(again),
    }
}

/// Until when the plan lets a call go on that is up; one that has gone on so long is ended. A test organisation's may go on.
async fn longest(wib: &Wib, organization: OrganizationId, id: CallId) -> Result<Option<Timestamp>> {
    let mut tx = wib.store.org(organization).await?;
    let owner = tx.organization().await?;
    if !owner.live {
        return Ok(None);
    }
    let mut call = tx.lock_call(id).await?.or_not_found("call")?;
    let up = call.answered_at.filter(|_| !call.status.terminal() && call.facts.end_asked_at.is_none());
    let Some(answered) = up else { return Ok(None) };
    let seconds = owner.plan.amounts().call_seconds;
    let until = time::after(answered, Duration::from_secs(seconds.unsigned_abs()));
    let now = wib.now();
    if now < until {
        return Ok(Some(until));
    }
    note(wib, &mut *tx, id, "wib:longest", "call.time_limit", json!({"seconds": seconds, "plan": owner.plan}), now)
        .await?;
    end(wib, &mut *tx, &mut call).await?;
    metrics::counter!("wib_quota_refusals_total", "of" => "call_seconds").increment(1);
    tx.commit().await?;
    Ok(Some(until))
}

/// Asks for the end of a call that is not over.
pub(super) async fn end(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call) -> Result<()> {
    let now = wib.now();
    call.facts.absorb_end_asked(now);
    follow_up(wib, tx, call).await?;
    let payload = json!({"call_id": call.id});
    tx.enqueue(&NewMessage { topic: Topic::HangUp, key: call.id.to_string(), payload, run_at: now }).await.map(drop)
}

/// Whether the vendor is to be asked after a leg: the person's, and further ones that it has and that are not over.
fn open(call: &Call, leg: &CallLeg) -> bool {
    let lives = |facts: &LegFacts| !facts.over();
    leg.role.is_person() || (leg.control_id.is_some() && call.facts.legs.get(&leg.id).is_some_and(lives))
}

/// Takes in what the vendor tells of a call when it is asked; whether that was news.
pub(super) async fn ask_after(wib: &Wib, organization: OrganizationId, id: CallId, leg: &CallLeg) -> Result<bool> {
    let seen = wib.voice.inspect(&leg.names()).await?;
    let now = wib.now();
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(id).await?.or_not_found("call")?;
    let before = call.facts.clone();
    let whose = if leg.role.is_person() { Whose::Person } else { Whose::Further(leg.id) };
    for event in &seen.events {
        let tag = event.tag.as_deref().and_then(|t| wib.tags.open(t));
        absorb(wib, &mut *tx, &mut call, event, tag.as_ref(), whose).await?;
    }
    let gone = !seen.alive || now > time::after(call.created_at, LONGEST);
    if let Whose::Further(id) = whose {
        if gone {
            legs::lost(&mut call, id, now);
        }
    } else if gone && call.facts.hangup.is_none() {
        let what =
            VoiceEventKind::Hangup { cause: HangupCause::Other, vendor_cause: "not alive when asked".to_owned() };
        let event = VoiceEvent { id: "wib:watch".to_owned(), leg: leg.names(), at: now, tag: None, what };
        absorb(wib, &mut *tx, &mut call, &event, None, whose).await?;
    }
    let news = call.facts != before;
    if news {
        let source = if leg.role.is_person() { "wib:watch".to_owned() } else { format!("wib:watch:{}", leg.id) };
        note(wib, &mut *tx, call.id, &source, "call.recovered", json!({"alive": seen.alive}), now).await?;
        metrics::counter!("wib_calls_recovered_total").increment(1);
        follow_up(wib, &mut *tx, &mut call).await?;
    }
    tx.commit().await?;
    Ok(news)
}
