//! A voice vendor by hand: it does what it is told, remembers it, and tells what a test has it tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use wib_core::{
    WibBuilder,
    calls::{Call, CallEvent, CallId},
    kit::{Phone, SecretString, Timestamp},
    ports::{
        Fault, Sent, VendorError, Voice, WebhookSource,
        voice::{
            Command, Conference, ConferenceCommand, ConferenceOrder, Destination, Dial, Direction, HangupCause,
            Inspection, Leg, OpenConference, Order, Participant, Queued, VendorRecording, VoiceEvent, VoiceEventKind,
        },
        webhook::{self, Event, EventBody, Headers, Opened, Refused},
    },
};

use crate::stage::{NOON, Stage, phone};

/// The number that the vendor shows by default.
pub(crate) const SHOWN: &str = "+13125550100";
/// Somebody who owes.
pub(crate) const PERSON: &str = "+15005550001";
/// A member.
pub(crate) const MEMBER: &str = "+13125550111";
/// Somebody else.
pub(crate) const OTHER: &str = "+13125550122";

#[derive(Debug, Default)]
struct Memory {
    placed: usize,
    dials: Vec<(Dial, Leg)>,
    orders: Vec<(String, Order)>,
    conferences: Vec<String>,
    conferred: Vec<(String, ConferenceOrder)>,
    tags: BTreeMap<String, String>,
    faults: Vec<(String, VendorError)>,
    gone: BTreeSet<String>,
}

/// The vendor.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    memory: Mutex<Memory>,
    told: AtomicU32,
}

fn missing() -> VendorError {
    VendorError::new("desk", Fault::Missing, Sent::Refused, "there is no such thing")
}
/// The vendor refuses, for good.
pub(crate) fn refusal() -> VendorError {
    VendorError::new("desk", Fault::Request, Sent::Refused, "no")
}
/// Nobody saw an answer.
pub(crate) fn silence() -> VendorError {
    VendorError::new("desk", Fault::Timeout, Sent::Unknown, "no answer")
}

/// The word of a command.
fn word(command: &Command) -> &'static str {
    match command {
        Command::Answer(_) => "answer",
        Command::HangUp => "hang_up",
        Command::Bridge(_) => "bridge",
        Command::Transfer(_) => "transfer",
        Command::Speak(_) => "speak",
        Command::Play(_) => "play",
        Command::Record(_) => "record",
        Command::SwitchRole(_) => "switch_role",
        _ => "other",
    }
}

impl Desk {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }
    /// The next command of that word fails so.
    pub(crate) fn fail(&self, word: &str, error: VendorError) {
        self.memory().faults.push((word.to_owned(), error));
    }
    fn fault(&self, word: &str) -> Result<(), VendorError> {
        let mut memory = self.memory();
        match memory.faults.iter().position(|(w, _)| w == word) {
            Some(at) => Err(memory.faults.remove(at).1),
            None => Ok(()),
        }
    }
    fn new_leg(&self) -> Leg {
        let mut memory = self.memory();
        memory.placed += 1;
        let n = memory.placed;
        Leg { control_id: Some(format!("c{n}")), leg_id: Some(format!("l{n}")), session_id: Some(format!("s{n}")) }
    }
    /// The numbers that were dialled, in order.
    pub(crate) fn dialled(&self) -> Vec<String> {
        self.memory().dials.iter().map(|(dial, _)| dial.to.as_str().to_owned()).collect()
    }
    /// The dial to a number.
    pub(crate) fn dial_to(&self, number: &str) -> Dial {
        let memory = self.memory();
        memory.dials.iter().rfind(|(dial, _)| dial.to.as_str() == number).expect("it was dialled").0.clone()
    }
    /// The leg to a number.
    pub(crate) fn leg(&self, number: &str) -> Leg {
        let memory = self.memory();
        memory.dials.iter().rfind(|(dial, _)| dial.to.as_str() == number).expect("it was dialled").1.clone()
    }
    /// What a leg was told to do, in order; a repeat counts.
    pub(crate) fn orders(&self, leg: &Leg) -> Vec<Command> {
        let of = |(control, order): &(String, Order)| {
            (Some(control) == leg.control_id.as_ref()).then(|| order.command.clone())
        };
        self.memory().orders.iter().filter_map(of).collect()
    }
    /// The words of what a leg was told to do.
    pub(crate) fn words(&self, leg: &Leg) -> Vec<&'static str> {
        self.orders(leg).iter().map(word).collect()
    }
    /// What was spoken into a leg.
    pub(crate) fn spoken(&self, leg: &Leg) -> Vec<String> {
        let text = |command: Command| match command {
            Command::Speak(speak) => Some(speak.text),
            _ => None,
        };
        self.orders(leg).into_iter().filter_map(text).collect()
    }
    /// A leg that the vendor made by itself, with that tag.
    pub(crate) fn made(&self, name: &str, tag: &str) -> Leg {
        self.memory().tags.insert(name.to_owned(), tag.to_owned());
        let name = || Some(name.to_owned());
        Leg { control_id: name(), leg_id: name(), session_id: name() }
    }
    /// What conferences were told to do.
    pub(crate) fn conferred(&self) -> Vec<ConferenceCommand> {
        self.memory().conferred.iter().map(|(_, order)| order.command.clone()).collect()
    }
}

#[async_trait]
impl Voice for Desk {
    fn vendor(&self) -> &'static str {
        "desk"
    }
    fn live(&self) -> bool {
        false
    }
    fn default_number(&self) -> Option<Phone> {
        Some(phone(SHOWN))
    }
    async fn dial(&self, dial: &Dial) -> Result<Leg, VendorError> {
        let known = self.memory().dials.iter().find(|(d, _)| d.key == dial.key).map(|(_, leg)| leg.clone());
        if let Some(known) = known {
            return Ok(known);
        }
        let fault = self.fault("dial");
        if fault.as_ref().is_err_and(|e| e.sent != Sent::Unknown) {
            fault?;
        }
        let leg = self.new_leg();
        let mut memory = self.memory();
        memory.tags.insert(leg.control_id.clone().unwrap(), dial.tag.clone());
        memory.dials.push((dial.clone(), leg.clone()));
        drop(memory);
        self.fault("dial_answer")?;
        Ok(leg)
    }
    async fn steer(&self, leg: &Leg, order: &Order) -> Result<(), VendorError> {
        let control = leg.control_id.clone().expect("a leg is steered by its handle");
        self.fault(word(&order.command))?;
        let mut memory = self.memory();
        if memory.gone.contains(&control) {
            return if order.command == Command::HangUp { Ok(()) } else { Err(missing()) };
        }
        if memory.orders.iter().any(|(c, o)| *c == control && o.key == order.key) {
            return Ok(());
        }
        if let Some(tag) = &order.tag {
            memory.tags.insert(control.clone(), tag.clone());
        }
        memory.orders.push((control, order.clone()));
        drop(memory);
        self.fault(&format!("{}_answer", word(&order.command)))
    }
    async fn retag(&self, _: &Leg, _: &str) -> Result<(), VendorError> {
        Err(missing())
    }
    async fn queue(&self, _: &str) -> Result<Vec<Queued>, VendorError> {
        Ok(vec![])
    }
    async fn open_conference(&self, _: &Leg, open: &OpenConference) -> Result<String, VendorError> {
        self.fault("conference")?;
        let mut memory = self.memory();
        if !memory.conferences.contains(&open.name) {
            memory.conferences.push(open.name.clone());
        }
        drop(memory);
        self.fault("conference_answer")?;
        Ok(open.name.clone())
    }
    async fn find_conference(&self, name: &str) -> Result<Option<Conference>, VendorError> {
        let known = self.memory().conferences.iter().any(|n| n == name);
        Ok(known.then(|| Conference { id: name.to_owned(), name: name.to_owned(), opened_at: None }))
    }
    async fn participants(&self, _: &str) -> Result<Vec<Participant>, VendorError> {
        Ok(vec![])
    }
    async fn confer(&self, conference: &str, order: &ConferenceOrder) -> Result<(), VendorError> {
        self.fault("confer")?;
        let mut memory = self.memory();
        if memory.conferred.iter().all(|(c, o)| c != conference || o.key != order.key) {
            memory.conferred.push((conference.to_owned(), order.clone()));
        }
        Ok(())
    }
    async fn delete_recording(&self, _: &str) -> Result<(), VendorError> {
        Ok(())
    }
    async fn find(&self, tag: &str, _: &Destination, _: Timestamp) -> Result<Option<Leg>, VendorError> {
        Ok(self.memory().dials.iter().find(|(dial, _)| dial.tag == tag).map(|(_, leg)| leg.clone()))
    }
    async fn inspect(&self, leg: &Leg) -> Result<Inspection, VendorError> {
        let gone = leg.control_id.as_ref().is_some_and(|control| self.memory().gone.contains(control));
        Ok(Inspection { alive: !gone, events: vec![] })
    }
    async fn fetch_recording(&self, _: &VendorRecording, _: u64) -> Result<Bytes, VendorError> {
        Err(missing())
    }
}

impl WebhookSource for Desk {
    fn vendor(&self) -> &'static str {
        "desk"
    }
    fn open(&self, headers: &Headers<'_>, body: &[u8], _: Timestamp) -> Result<Opened, Refused> {
        let proof = webhook::shared_secret(&SecretString::from("desk"), headers.get("desk").unwrap_or_default())?;
        let event: VoiceEvent = serde_json::from_slice(body).map_err(|_| Refused::InvalidStructure)?;
        Ok(Opened::new(proof, vec![Event { id: event.id.clone(), body: EventBody::Voice(event) }]))
    }
}

/// A house at that vendor.
pub(crate) struct House {
    stage: Stage,
    pub(crate) desk: Arc<Desk>,
}
impl Deref for House {
    type Target = Stage;
    fn deref(&self) -> &Stage {
        &self.stage
    }
}

pub(crate) fn hangup(cause: HangupCause) -> VoiceEventKind {
    VoiceEventKind::Hangup { cause, vendor_cause: cause.to_string() }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }
    /// With other parts than the sandbox's.
    pub(crate) async fn with(other: impl FnOnce(WibBuilder) -> WibBuilder) -> Self {
        let desk = Arc::new(Desk::default());
        let plug = |builder: WibBuilder| other(builder.voice(desk.clone()).webhook(desk.clone()));
        let stage = Stage::with(NOON, 1, |builder, _| plug(builder)).await;
        Self { stage, desk }
    }
    /// What the vendor tells of a leg now.
    pub(crate) fn event(&self, leg: &Leg, what: VoiceEventKind) -> VoiceEvent {
        let control = leg.control_id.clone().unwrap();
        let mut memory = self.desk.memory();
        if matches!(what, VoiceEventKind::Hangup { .. }) {
            memory.gone.insert(control.clone());
        }
        let n = self.desk.told.fetch_add(1, Ordering::Relaxed);
        let tag = memory.tags.get(&control).cloned();
        VoiceEvent { id: format!("e{n}"), leg: leg.clone(), at: self.now(), tag, what }
    }
    /// Brings an event to the door.
    pub(crate) async fn deliver(&self, event: &VoiceEvent) {
        let body = serde_json::to_vec(event).unwrap();
        self.wib.system().receive("desk", &Headers(&[("desk", b"desk")]), &body).await.unwrap();
        self.work().await;
    }
    /// Tells something of a leg, twice.
    pub(crate) async fn tell(&self, leg: &Leg, what: VoiceEventKind) {
        let event = self.event(leg, what);
        self.deliver(&event).await;
        self.deliver(&event).await;
    }
    /// Time passes, second by second.
    pub(crate) async fn wait(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(std::time::Duration::from_secs(1));
            self.work().await;
        }
    }
    /// A leg is answered after a while.
    pub(crate) async fn answers(&self, leg: &Leg) {
        self.tell(leg, VoiceEventKind::Ringing).await;
        self.wait(2).await;
        self.tell(leg, VoiceEventKind::Answered).await;
    }
    /// What is being spoken into a leg is spoken to its end.
    pub(crate) async fn hears(&self, leg: &Leg) {
        self.tell(leg, VoiceEventKind::SpeakStarted).await;
        self.wait(2).await;
        self.tell(leg, VoiceEventKind::SpeakEnded).await;
        self.wait(1).await;
    }
    /// A leg ends.
    pub(crate) async fn ends(&self, leg: &Leg, cause: HangupCause) {
        self.tell(leg, hangup(cause)).await;
    }
    /// Somebody calls.
    pub(crate) async fn rings(&self, from: &str, to: &str) -> Leg {
        let leg = self.desk.new_leg();
        let (direction, from, to) = (Direction::Inbound, from.to_owned(), to.to_owned());
        self.tell(&leg, VoiceEventKind::Initiated { direction, from, to }).await;
        leg
    }
    pub(crate) async fn call_now(&self, id: CallId) -> Call {
        self.org.call(id).await.unwrap()
    }
    /// The only call there is.
    pub(crate) async fn only_call(&self) -> Call {
        let mut page = self.org.list_calls(wib_core::calls::ListCalls::default()).await.unwrap();
        assert_eq!(page.total, 1);
        page.items.pop().unwrap()
    }
    /// The kinds of lines of the timeline of one of ours: those that no vendor told.
    pub(crate) async fn lines(&self, id: CallId) -> Vec<CallEvent> {
        self.org.timeline(id).await.unwrap()
    }
    /// Whether the audit log has a line of that action.
    pub(crate) async fn audited(&self, action: &str) -> bool {
        let mut tx = self.store.org(self.org.id()).await.unwrap();
        let page = wib_core::kit::PageRequest { limit: 200, ..Default::default() };
        tx.page_of_audit(&page).await.unwrap().items.iter().any(|line| line.action == action)
    }
    /// Every message was done: none is dead.
    pub(crate) async fn nothing_is_dead(&self) {
        let dead = self.wib.system().dead_letters(10).await.unwrap();
        assert!(dead.is_empty(), "{dead:?}");
    }
}
