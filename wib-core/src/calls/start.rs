use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    Call, CallEvent, CallFacts, CallId, CallStatus, FlowType, LegRole,
    carry::unplaced,
    legs::{self, not_the_person},
    told::told,
};
use crate::{
    caller_ids::{OwnNumber, shown, used},
    collections::{AccountId, whom},
    compliance::{
        Act, ActKind, Medium, Place, Purpose, Technology,
        gate::{self, Hold},
        gather::Planned,
    },
    contacts::{Contact, ContactKind, ContactSource},
    engine::{NewMessage, Topic, Worker},
    kit::{Error, Id, Phone, Result, Role, time},
    live::{Listen, LiveKind},
    outcomes::{CallCard, Metadata, check_metadata},
    ports::voice::Direction,
    subscriptions::WebhookEvent,
    translation::Language,
    voice_config::VoiceTarget,
    wib::{Org, Wib},
};

/// How long somebody waits for the vendor's answer to a dial.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// How often it is looked whether a worker has dialled a call that somebody waits for.
const LOOK: std::time::Duration = std::time::Duration::from_millis(50);
/// How long after a dial a call is first asked after, when its end was not told.
pub(crate) const WATCH_AFTER: std::time::Duration = std::time::Duration::from_secs(90);

/// Asks for a call: about an account, or to a number that is matched to one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct StartCall {
    /// The debt to talk about.
    pub account_id: Option<AccountId>,
    /// The number to call; the person's first one by default.
    pub to: Option<Phone>,
    /// The number to show; by default the pool's next ([`caller_ids`](crate::caller_ids)).
    pub from: Option<Phone>,
    /// The telephone of the member who talks: rung first, and the person once they answer. Without it, the person is called
    /// at once.
    pub agent: Option<Phone>,
    /// How it is dialled and spoken; by a person by default. A voice that is artificial and speaks more than the fixed
    /// notices must say so here (FCC 24-17).
    pub technology: Option<Technology>,
    /// Why; to collect by default.
    pub purpose: Purpose,
    /// Whether to record, after the notice; as the organisation's [`VoiceConfig`](crate::voice_config::VoiceConfig) says by
    /// default, else yes.
    pub record: Option<bool>,
    /// Whether to transcribe the recording; the same.
    pub transcribe: Option<bool>,
    /// Into which language to translate the transcript; into none by default.
    pub translate_to: Option<Language>,
    /// What to do with its words while they are spoken; by default nobody listens. Only a call that is recorded is heard.
    pub listen: Option<Listen>,
    /// Whether to find out if a machine answered; by default yes, and no when a member waits on the line.
    pub detect_machine: Option<bool>,
    /// Whether a member asks for it from a browser.
    pub from_browser: bool,
    /// For which campaign, as who asks says.
    pub campaign_id: Option<Uuid>,
    /// For which of its calls.
    pub campaign_call_id: Option<Uuid>,
    /// To which saved destination.
    pub target_id: Option<Id<VoiceTarget>>,
    /// Whether it is placed to try something out. It passes the gate all the same.
    pub is_test: bool,
    /// What a client wants kept with it: at most 50 entries and 8 KiB.
    pub metadata: Option<Metadata>,
}

/// What is to be kept beside the call, where anything is.
fn card(wib: &Wib, id: CallId, command: &StartCall) -> Option<CallCard> {
    let said = command.campaign_id.is_some()
        || command.campaign_call_id.is_some()
        || command.target_id.is_some()
        || command.is_test
        || command.metadata.is_some();
    said.then(|| CallCard {
        campaign_id: command.campaign_id,
        campaign_call_id: command.campaign_call_id,
        target_id: command.target_id,
        is_test: command.is_test,
        metadata: command.metadata.clone().unwrap_or_default(),
        ..CallCard::new(wib, id)
    })
}

/// How a call is spoken: translations that are spoken are an artificial voice (FCC 24-17).
fn technology(command: &StartCall) -> Result<Technology> {
    let artificial = command.listen.is_some_and(|listen| listen.translate && listen.speak);
    match command.technology {
        None if artificial => Ok(Technology::ArtificialVoice),
        None => Ok(Technology::Manual),
        Some(said) if artificial && said != Technology::ArtificialVoice => {
            Err(Error::field("technology", "must be artificial_voice where translations are spoken (FCC 24-17)"))
        }
        Some(said) => Ok(said),
    }
}

impl Org {
    /// Judges, and dials what is lawful: verdict, counted attempt, call and the command to dial are one transaction.
    ///
    /// The call comes back `pending`; a worker dials it.
    ///
    /// # Errors
    /// `Blocked` with `blocked_by`, `not_before`, `reasons` and `verdict_id` when the law does not permit it now;
    /// `QuotaExceeded` with `limit`, `used`, `current_plan` and `upgrade_url` when the plan's calls of this month are used up;
    /// `Invalid`, `NotFound`, `Forbidden` as usual; `Conflict` when a test organisation meets a live vendor or the
    /// reverse.
    pub async fn start_call(&self, mut command: StartCall) -> Result<Call> {
        self.at_least(Role::Agent)?;
        command.metadata.as_ref().map_or(Ok(()), check_metadata)?;
        if self.organization().live != self.wib.voice.live() {
            let is = if self.organization().live { "live" } else { "a test" };
            return Err(Error::conflict(format!("the organization is {is} one and the voice vendor is not"))
                .code("LIVE_MISMATCH"));
        }
        let mut tx = self.tx().await?;
        if let Some(config) = tx.voice_config().await? {
            config.modulations.fill(&mut command);
        }
        self.one_more_call(&mut *tx).await?;
        let (from, of_pool) = shown(&self.wib, &mut *tx, command.from.as_ref()).await?;
        let (account, to) = whom(&mut *tx, command.account_id, command.to.as_ref(), "to").await?;
        let technology = technology(&command)?;
        let act = Act { kind: ActKind::Dial, purpose: command.purpose, technology };
        let planned = Planned { act, number: Some(&to), from: Some(&from), ..Planned::default() };
        let facts = gate::gather(&mut *tx, &self.wib, &planned, account.as_ref(), Hold::Held).await?;
        let id: CallId = self.wib.id();
        let (verdict, stored) = gate::decide(&mut *tx, &self.wib, &facts, account.as_ref(), Some(id)).await?;
        let Some(account) = account.filter(|_| verdict.permits()) else {
            let told = json!({"blocked_by": stored.blocked_by, "number": to.masked()});
            let line = self.audit("compliance:predial_blocked", ("verdict", Some(stored.id.uuid())));
            line.with(told).write(&mut *tx).await;
            tx.commit().await?;
            return Err(gate::refusal(&verdict, &stored));
        };
        // The attempt is counted at the instant it was judged at.
        let now = stored.created_at;
        let mut call = Call {
            id,
            organization_id: self.id(),
            person_id: Some(account.person_id),
            account_id: Some(account.id),
            direction: Direction::Outbound,
            from_number: from,
            to_number: to,
            flow_type: match command.agent {
                Some(_) => FlowType::Bridge,
                None if command.from_browser => FlowType::Webrtc,
                None => FlowType::Direct,
            },
            technology,
            purpose: command.purpose,
            status: CallStatus::Pending,
            vendor: self.wib.voice.vendor().to_owned(),
            live: self.wib.voice.live(),
            facts: CallFacts {
                undetected: !command.detect_machine.unwrap_or(command.agent.is_none()),
                ..CallFacts::default()
            },
            verdict_id: Some(stored.id),
            record: command.record.unwrap_or(true),
            transcribe: command.transcribe.unwrap_or(true),
            translate_to: command.translate_to,
            listen: command.listen,
            answered_at: None,
            ended_at: None,
            answered_by: None,
            hangup_cause: None,
            created_by: self.actor().user(),
            created_at: now,
            updated_at: now,
        };
        tx.insert(&call).await?;
        if let Some(card) = card(&self.wib, id, &command) {
            tx.insert(&card).await?;
        }
        tx.tell(LiveKind::Call, call.id, call.id.uuid());
        told(&self.wib, &mut *tx, WebhookEvent::CallStarted, &call).await?;
        if let Some(number) = of_pool {
            tx.update(&OwnNumber { last_used_at: Some(used(now, number.last_used_at)), ..number }).await?;
        }
        let attempt = Contact {
            id: self.wib.id(),
            person_id: account.person_id,
            account_id: account.id,
            call_id: Some(id),
            kind: ContactKind::Attempt,
            direction: Direction::Outbound,
            at: now,
            counts: true,
            medium: Medium::Call,
            technology,
            phone: Some(call.to_number.clone()),
            place: facts.callee.as_ref().map_or(Place::Unknown, |c| c.place),
            source: ContactSource::Call,
        };
        tx.put_contact(&attempt).await?;
        let permitted = json!({"verdict_id": stored.id, "pack": stored.pack, "live": call.live});
        tx.insert(&CallEvent {
            id: self.wib.id(),
            call_id: id,
            source: "permitted".to_owned(),
            event_type: "call.permitted".to_owned(),
            event_data: permitted,
            at: now,
        })
        .await?;
        let payload = json!({"call_id": id});
        let message = |topic, run_at| NewMessage { topic, key: id.to_string(), payload: payload.clone(), run_at };
        if let Some(agent) = command.agent {
            not_the_person(&call, &agent, "agent")?;
            // The person is dialled when the member has answered, through the gate once more.
            legs::add(&self.wib, &mut *tx, &mut call, LegRole::Agent, agent).await?;
            tx.update(&call).await?;
        } else {
            tx.enqueue(&message(Topic::Dial, now)).await?;
        }
        tx.enqueue(&message(Topic::WatchCall, time::after(now, WATCH_AFTER))).await?;
        self.audit("call:started", ("call", Some(id.uuid()))).is(&call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        metrics::counter!("wib_calls_started_total").increment(1);
        Ok(call)
    }

    /// Has a call dialled here and now, as long as no worker has it in hand, and waits for that at most [`PATIENCE`]; the
    /// call as it stands then. One that is not decided by then stays `pending`, and is dialled all the same.
    ///
    /// # Errors
    /// With `call_id`, when the call was not placed: `Blocked` for one that was no longer lawful, `Conflict` with the code
    /// `CALL_ENDED` for one that was ended first, `Vendor` otherwise; `NotFound`; `Forbidden` below agent.
    pub async fn dial_now(&self, id: CallId) -> Result<Call> {
        self.at_least(Role::Agent)?;
        let until = time::after(self.wib.now(), PATIENCE);
        let ours = Worker::new(&self.wib).hurry(self.id(), Topic::Dial, &id.to_string(), PATIENCE).await?;
        let mut call = self.call(id).await?;
        // A worker was faster: it is waited for. A member's telephone that rings first is not.
        while !ours
            && call.flow_type != FlowType::Bridge
            && call.status == CallStatus::Pending
            && self.wib.now() < until
        {
            self.wib.clock.sleep_until(time::after(self.wib.now(), LOOK)).await;
            call = self.call(id).await?;
        }
        match &call.facts.not_placed {
            Some(why) => Err(unplaced(id, &why.value)),
            None => Ok(call),
        }
    }
}
