//! Supervisors on a call that is up: they listen, talk to the member alone, or to all.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Call, CallId, CallLeg, LegRole,
    carry::{follow_up, main_leg, note},
    legs::{self, LegFacts, LegId, load_leg, names, not_the_person, role_of},
};
use crate::{
    auth::UserId,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, OrNotFound, Phone, Result, Role},
    ports::{
        Fault,
        voice::{self, Command, Order},
    },
    store::OrgTx,
    text_enum,
    wib::{Org, Wib},
};

/// The most supervisors of one call at a time.
const MOST: usize = 5;

text_enum! {
    /// What a supervisor does.
    #[derive(Default)]
    pub enum SuperviseMode {
        /// Hears all, and is heard by nobody.
        #[default]
        Monitor = "monitor",
        /// Hears all, and is heard by the member alone: it is in no recording of the person's line.
        Whisper = "whisper",
        /// Hears all, and is heard by all.
        Barge = "barge",
    }
}

/// A supervisor of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// Who; `None` for a service.
    pub user_id: Option<UserId>,
    /// What they do.
    pub mode: SuperviseMode,
    /// How often that changed.
    #[serde(default)]
    pub switches: u32,
}

impl Supervision {
    /// The order for the vendor; `None` when there is nobody beside whom they could be.
    pub(super) async fn order(&self, tx: &mut dyn OrgTx, call: &Call) -> Result<Option<voice::Supervise>> {
        let agent = agent_names(tx, call).await?;
        let role = role_of(self, agent.as_ref());
        let beside = match agent {
            Some(agent) => Some(agent),
            None if self.mode == SuperviseMode::Whisper => None,
            None => main_leg(tx, call.id).await?.map(|leg| leg.names()),
        };
        Ok(beside.map(|leg| voice::Supervise { leg, role }))
    }
}

async fn agent_names(tx: &mut dyn OrgTx, call: &Call) -> Result<Option<voice::Leg>> {
    match call.facts.agent().filter(|(_, leg)| leg.up()) {
        Some((id, _)) => names(tx, id).await,
        None => Ok(None),
    }
}

/// Listens to a call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Supervise {
    /// What they do.
    pub mode: SuperviseMode,
    /// The supervisor's telephone; their own [line](crate::caller_ids::AgentLine) by default.
    pub phone: Option<Phone>,
}

impl Org {
    /// Calls a supervisor, who then hears a call that is up. The id of their leg comes back; one each per call.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the call is not up, they are on it already, or nobody is there to whisper to; `Invalid`
    /// when no telephone is known; `Forbidden` below manager.
    pub async fn supervise_call(&self, id: CallId, command: Supervise) -> Result<LegId> {
        self.at_least(Role::Manager)?;
        let user_id = self.actor().user();
        let mut tx = self.tx().await?;
        let own = match (command.phone, user_id) {
            (Some(phone), _) => Some(phone),
            (None, Some(user)) => tx.line_of_user(user).await?.map(|line| line.phone),
            (None, None) => None,
        };
        let phone = own.ok_or_else(|| Error::field("phone", "is required: no line of yours is known"))?;
        let mut call = tx.lock_call(id).await?.or_not_found("call")?;
        if !call.facts.person_listens() || call.facts.end_asked_at.is_some() {
            return Err(Error::conflict("the call is not up"));
        }
        not_the_person(&call, &phone, "phone")?;
        let there: Vec<_> = call.facts.legs.values().filter(|l| l.role == LegRole::Supervisor && !l.over()).collect();
        let same = |leg: &&&LegFacts| {
            leg.to == phone || (user_id.is_some() && leg.supervision.as_ref().is_some_and(|s| s.user_id == user_id))
        };
        if there.iter().find(same).is_some() {
            return Err(Error::conflict("this supervisor is on the call").code("SUPERVISED"));
        }
        if there.len() >= MOST {
            return Err(Error::conflict(format!("a call has at most {MOST} supervisors at a time")));
        }
        let supervision = Supervision { user_id, mode: command.mode, switches: 0 };
        if supervision.order(&mut *tx, &call).await?.is_none() {
            return Err(Error::conflict("no member is on the call").code("NO_MEMBER"));
        }
        let leg = legs::add(&self.wib, &mut *tx, &mut call, LegRole::Supervisor, phone).await?;
        if let Some(facts) = call.facts.legs.get_mut(&leg) {
            facts.supervision = Some(supervision);
        }
        let data = json!({"leg_id": leg, "mode": command.mode});
        let now = self.wib.now();
        note(&self.wib, &mut *tx, id, &format!("supervised:{leg}"), "call.supervised", data.clone(), now).await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        self.audit("call:supervised", ("call", Some(id.uuid()))).with(data).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(leg)
    }

    /// Changes what a supervisor does: their own leg; anybody's for an admin.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when they are not on the call, or nobody is there to whisper to; `Forbidden`.
    pub async fn switch_supervision(&self, id: CallId, leg: LegId, mode: SuperviseMode) -> Result<()> {
        let (mut tx, mut call, mut supervision) = self.supervision(id, leg).await?;
        if supervision.mode == mode {
            return Ok(());
        }
        (supervision.mode, supervision.switches) = (mode, supervision.switches.saturating_add(1));
        if supervision.order(&mut *tx, &call).await?.is_none() {
            return Err(Error::conflict("no member is on the call").code("NO_MEMBER"));
        }
        let n = supervision.switches;
        if let Some(facts) = call.facts.legs.get_mut(&leg) {
            facts.supervision = Some(supervision);
        }
        let now = self.wib.now();
        let payload = json!({"call_id": id, "leg_id": leg, "n": n});
        tx.enqueue(&NewMessage { topic: Topic::SwitchRole, key: format!("{leg}:{n}"), payload, run_at: now }).await?;
        let data = json!({"leg_id": leg, "mode": mode});
        note(&self.wib, &mut *tx, id, &format!("supervised:{leg}:{n}"), "call.supervision.switched", data.clone(), now)
            .await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        self.audit("call:supervision_switched", ("call", Some(id.uuid()))).with(data).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(())
    }

    /// Takes a supervisor off the call, which goes on: their own leg; anybody's for an admin.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when they are not on the call; `Forbidden`.
    pub async fn leave_supervision(&self, id: CallId, leg: LegId) -> Result<()> {
        let (mut tx, mut call, _) = self.supervision(id, leg).await?;
        let now = self.wib.now();
        if let Some(facts) = call.facts.legs.get_mut(&leg) {
            facts.end_asked_at.get_or_insert(now);
        }
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        let data = json!({"leg_id": leg});
        self.audit("call:supervision_left", ("call", Some(id.uuid()))).with(data).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(())
    }

    async fn supervision(&self, id: CallId, leg: LegId) -> Result<(Box<dyn OrgTx>, Call, Supervision)> {
        self.at_least(Role::Manager)?;
        let mut tx = self.tx().await?;
        let call = tx.lock_call(id).await?.or_not_found("call")?;
        let facts = call.facts.legs.get(&leg).filter(|l| l.supervision.is_some()).or_not_found("supervisor")?;
        let supervision = facts.supervision.clone().or_not_found("supervisor")?;
        if supervision.user_id != self.actor().user() {
            self.at_least(Role::Admin)?;
        }
        if facts.over() || facts.end_asked_at.is_some() {
            return Err(Error::conflict("the supervisor is not on the call"));
        }
        Ok((tx, call, supervision))
    }
}

/// Gives a supervisor another role at the vendor; the latest wish holds.
pub(crate) async fn switch_role(wib: &Wib, message: &Message) -> Result<Done> {
    let n: u32 = message.payload_field("n")?;
    let (_, mut tx, call, id, leg): (_, _, _, LegId, LegFacts) = load_leg(wib, message).await?;
    let Some(supervision) = leg.supervision.as_ref().filter(|s| s.switches == n && !leg.over()) else {
        return Ok(Done::Ack);
    };
    let row: Option<CallLeg> = tx.find(id).await?;
    let known = row.map(|row| row.names()).filter(|names| names.control_id.is_some());
    let Some(known) = known.filter(|_| leg.answered_at.is_some()) else {
        // Not answered yet: the vendor has no role to change.
        let at = crate::kit::time::after(wib.now(), std::time::Duration::from_secs(1));
        return Ok(Done::wait(at, "the supervisor has not answered"));
    };
    let agent = agent_names(&mut *tx, &call).await?;
    drop(tx);
    let order = Order::new(Command::SwitchRole(role_of(supervision, agent.as_ref())), format!("{id}-role-{n}"));
    match wib.voice.steer(&known, &order).await {
        Err(gone) if gone.fault == Fault::Missing => {}
        switched => switched?,
    }
    Ok(Done::Ack)
}
