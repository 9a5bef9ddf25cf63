//! Calls that come in: whose they are, who takes them, and what a person hears whom nobody takes.
//!
//! The caps on our own dials do not bind a person who calls (a call of theirs starts the quiet week all the same). All else
//! does: nothing is recorded before the notice or against a refusal, and the debt is named to nobody who is not verified.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Call, CallFacts, CallId, CallStatus, FlowType, LegRole,
    carry::{follow_up, load, main_leg, note},
    legs::{self, change, not_the_person, opening_over},
    speech,
    start::WATCH_AFTER,
    tag::{Step, Tag},
    told::told,
};
use crate::{
    audit::Line,
    caller_ids::{InboundRoute, NumberId, OwnNumber, reached},
    collections::{Account, Person, PersonId},
    compliance::{Purpose, Technology},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Actor, OrNotFound, Phone, Result, time, time::Timestamp},
    live::LiveKind,
    orgs::OrganizationId,
    ports::{
        Fault,
        voice::{Answer, Command, Direction, Order, VoiceEvent},
    },
    store::{OrgTx, Repo},
    subscriptions::WebhookEvent,
    wib::Wib,
};

/// The number of whoever shows none: "anonymous" on the keys, as networks write it.
const ANONYMOUS: &str = "+266696687";
const LOOK: Duration = Duration::from_millis(500);
/// How long a person is told that nobody takes the call, before it ends all the same.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// The id of the call that this leg is: the same however often it is told, so that it is one call.
fn call_of_leg(vendor: &str, event: &VoiceEvent) -> Option<CallId> {
    let name = event.leg.leg_id.as_ref().or(event.leg.control_id.as_ref())?;
    let hash = Sha256::digest(format!("wib inbound call\n{vendor}\n{name}").as_bytes());
    let millis = u64::try_from(event.at.as_millisecond()).unwrap_or(0);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    Some(uuid::Builder::from_custom_bytes(bytes).into_uuid().into())
}

/// Takes a call that comes in for whoever it is for: the organisation that has the number, else the only one that has an
/// open account of the caller. `None`: it is nobody's.
pub(super) async fn take(
    wib: &Wib,
    vendor: &str,
    event: &VoiceEvent,
    from: &str,
    to: &str,
) -> Result<Option<(OrganizationId, CallId)>> {
    let (Ok(to), Some(id)) = (to.parse::<Phone>(), call_of_leg(vendor, event)) else { return Ok(None) };
    let known: Option<Phone> = from.parse().ok().filter(|from: &Phone| from.as_str() != ANONYMOUS);
    let mut tx = wib.store.system().await?;
    let (organization, number): (_, Option<NumberId>) = match tx.owner_of_number(vendor, &to).await? {
        Some(owner) => (owner.organization_id, Some(owner.record.into())),
        None => {
            let Some(from) = &known else { return Ok(None) };
            match tx.organizations_of_phone(from, 2).await?.as_slice() {
                [one] => (*one, None),
                _ => return Ok(None),
            }
        }
    };
    let is_live = tx.organization(organization).await?.or_not_found("organization")?.live;
    drop(tx);
    if is_live != wib.voice.live() {
        return Ok(None);
    }
    let mut tx = wib.store.org(organization).await?;
    if Repo::<Call>::find(&mut *tx, id).await?.is_some() {
        return Ok(Some((organization, id)));
    }
    let route = match number {
        Some(number) => Repo::<OwnNumber>::find(&mut *tx, number).await?.map(|n| n.route),
        None => None,
    }
    .unwrap_or_default();
    let (person_id, account) = match &known {
        Some(from) => caller(&mut *tx, from).await?,
        None => (None, None),
    };
    let from_number = match known {
        Some(from) => from,
        None => ANONYMOUS.parse()?,
    };
    let call = row(wib, organization, id, event.at, (person_id, account), (from_number, to), route);
    tx.insert(&call).await?;
    tx.tell(LiveKind::Call, call.id, call.id.uuid());
    told(wib, &mut *tx, WebhookEvent::CallStarted, &call).await?;
    let payload = json!({"call_id": id});
    let message = |topic, run_at| NewMessage { topic, key: id.to_string(), payload: payload.clone(), run_at };
    tx.enqueue(&message(Topic::AnswerCall, wib.now())).await?;
    tx.enqueue(&message(Topic::WatchCall, time::after(wib.now(), WATCH_AFTER))).await?;
    Line::by(wib, Actor::Vendor, "call:received", ("call", Some(id.uuid()))).is(&call).write(&mut *tx).await;
    tx.commit().await?;
    metrics::counter!("wib_calls_received_total").increment(1);
    Ok(Some((organization, id)))
}

/// Who calls, when the number says it: one person; and about which debt, when there is one alone.
async fn caller(tx: &mut dyn OrgTx, from: &Phone) -> Result<(Option<PersonId>, Option<Account>)> {
    let persons = tx.persons_by_phone(from, 2).await?;
    let [person] = persons.as_slice() else { return Ok((None, None)) };
    let mut accounts = tx.accounts_by_phone(from, 2).await?;
    let one = accounts.len() == 1;
    Ok((Some(*person), accounts.pop().filter(|_| one)))
}

fn row(
    wib: &Wib,
    organization_id: OrganizationId,
    id: CallId,
    at: Timestamp,
    (person_id, account): (Option<PersonId>, Option<Account>),
    (from_number, to_number): (Phone, Phone),
    route: InboundRoute,
) -> Call {
    Call {
        id,
        organization_id,
        person_id,
        account_id: account.map(|a| a.id),
        direction: Direction::Inbound,
        from_number,
        to_number,
        flow_type: FlowType::Inbound,
        technology: Technology::Manual,
        purpose: Purpose::Collection,
        status: CallStatus::Pending,
        vendor: wib.voice.vendor().to_owned(),
        live: wib.voice.live(),
        record: route.record,
        transcribe: route.transcribe,
        // Whoever calls is a person.
        facts: CallFacts { undetected: true, route: Some(route), ..CallFacts::default() },
        verdict_id: None,
        translate_to: None,
        listen: None,
        answered_at: None,
        ended_at: None,
        answered_by: None,
        hangup_cause: None,
        created_by: None,
        created_at: at,
        updated_at: at,
    }
}

/// Takes the call at the vendor.
pub(crate) async fn answer(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call) = load(wib, message).await?;
    if call.facts.over() || call.facts.answered_at.is_some() {
        return Ok(Done::Ack);
    }
    let Some(leg) = main_leg(&mut *tx, call.id).await? else {
        return Ok(Done::wait(time::after(wib.now(), LOOK), "the call has no leg yet"));
    };
    drop(tx);
    let answer = Answer { webhook_url: wib.webhook_url(wib.voice.vendor()), ..Answer::default() };
    let tag = wib.tags.seal(&Tag::of(organization, call.id, Step::Dial));
    let order = Order::new(Command::Answer(answer), format!("{}-answer", call.id)).tagged(tag);
    match wib.voice.steer(&leg.names(), &order).await {
        // The caller gave up: the end is on the way to us.
        Err(gone) if gone.fault == Fault::Missing => {}
        taken => taken?,
    }
    Ok(Done::Ack)
}

/// Finds somebody who takes the call, once the person has heard what has to be said first.
pub(crate) async fn route(wib: &Wib, message: &Message) -> Result<Done> {
    let (_, mut tx, mut call) = load(wib, message).await?;
    if call.facts.routed_at.is_some() || call.facts.end_asked_at.is_some() || !call.facts.person_listens() {
        return Ok(Done::Ack);
    }
    if !opening_over(wib, &call) {
        return Ok(Done::wait(time::after(wib.now(), LOOK), "the person hears something else first"));
    }
    let now = wib.now();
    let target = call.facts.route.as_ref().and_then(|route| route.target.clone());
    let rung =
        reached(&mut *tx, target.as_ref(), now).await?.filter(|phone| not_the_person(&call, phone, "target").is_ok());
    call.facts.routed_at = Some(now);
    let leg = match rung {
        Some(phone) => Some(legs::add(wib, &mut *tx, &mut call, LegRole::Agent, phone).await?),
        None => {
            call.facts.unattended_at.get_or_insert(now);
            None
        }
    };
    note(wib, &mut *tx, call.id, "routed", "call.routed", json!({"leg_id": leg}), now).await?;
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    wib.wake();
    Ok(Done::Ack)
}

/// Nobody can be looked for: the person is not left waiting.
pub(crate) async fn route_given_up(wib: &Wib, message: &Message) -> Result<()> {
    let (organization, tx, call) = load(wib, message).await?;
    drop(tx);
    let now = wib.now();
    change(wib, organization, &call, |call| {
        call.facts.unattended_at.get_or_insert(now);
        None
    })
    .await
}

/// Tells a person that nobody takes the call, and ends it.
pub(crate) async fn end_unattended(wib: &Wib, message: &Message) -> Result<Done> {
    let (_, mut tx, mut call) = load(wib, message).await?;
    if call.facts.over() {
        return Ok(Done::Ack);
    }
    let Some(leg) = main_leg(&mut *tx, call.id).await? else {
        return Ok(Done::wait(time::after(wib.now(), LOOK), "the call has no leg yet"));
    };
    let until = time::after(message.created_at, TOLD_WITHIN);
    let told = call.facts.spoken.get(&Step::Unattended).is_some_and(|s| s.ended_at.is_some() || s.cut_at.is_some());
    if !told && call.facts.person_listens() && wib.now() < until {
        let person: Option<Person> = match call.person_id {
            Some(id) => tx.find(id).await?,
            None => None,
        };
        if let Some(utterance) = speech::utterance(wib, &call, person.as_ref(), Step::Unattended) {
            speech::order(wib, &mut *tx, &mut call, &utterance).await?;
            tx.update(&call).await?;
            tx.commit().await?;
            wib.wake();
        }
        return Ok(Done::wait(time::after(wib.now(), LOOK), "the person is being told"));
    }
    drop(tx);
    wib.voice.hang_up(&leg.names(), &format!("{}-unattended-end", call.id)).await?;
    Ok(Done::Ack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::voice::{Leg, VoiceEventKind};

    #[test]
    fn a_leg_is_one_call_however_often_it_is_told() {
        let at = Timestamp::from_second(1_780_000_000).unwrap();
        let event = |leg_id: Option<&str>, control_id: Option<&str>| VoiceEvent {
            id: "e".to_owned(),
            leg: Leg {
                leg_id: leg_id.map(str::to_owned),
                control_id: control_id.map(str::to_owned),
                session_id: Some("s".to_owned()),
            },
            at,
            tag: None,
            what: VoiceEventKind::Ringing,
        };
        let id = call_of_leg("v", &event(Some("l"), Some("c")));
        assert_eq!(id, call_of_leg("v", &event(Some("l"), Some("c"))));
        assert_ne!(id, call_of_leg("w", &event(Some("l"), Some("c"))));
        assert_ne!(id, call_of_leg("v", &event(Some("m"), Some("c"))));
        assert_eq!(call_of_leg("v", &event(None, None)), None, "a session alone may hold several");
        let uuid = id.unwrap().uuid();
        assert_eq!((uuid.get_version_num(), uuid.as_u128() >> 80), (8, 1_780_000_000_000));
    }

    #[test]
    fn who_shows_no_number_has_one_that_is_nobodys() {
        assert!(ANONYMOUS.parse::<Phone>().is_ok());
    }
}
