//! Members have the machine take part, or take the call themselves; and how it is to behave.

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AiAgentConfig, AiEvent, AiModel, AiSession, AiState, AiTurn, Allowed, check, speak::cut, watch};
use crate::{
    calls::{Call, CallId, CallStatus, machine},
    kit::{Error, Id, Kind, OrNotFound, Phone, Result, Role, text, time::Timestamp},
    store::{OrgTx, Repo},
    text_enum,
    wib::Org,
};

/// How an organisation's machine behaves before anybody said how: it takes no part.
fn unset(now: Timestamp) -> AiAgentConfig {
    AiAgentConfig {
        id: Id::from(uuid::Uuid::nil()),
        prompt: String::new(),
        model: AiModel::default(),
        temperature_milli: 300,
        enabled: false,
        greeting: None,
        max_turns: 20,
        silence_seconds: 8,
        handoff_to: None,
        updated_at: now,
    }
}

/// How an organisation wants its machine to behave.
pub(super) async fn config(tx: &mut dyn OrgTx) -> Result<AiAgentConfig> {
    Ok(tx.ai_agent_config().await?.unwrap_or_else(|| unset(Timestamp::UNIX_EPOCH)))
}

text_enum! {
    /// Who talks with the person.
    pub enum AiMode {
        /// A machine.
        Ai = "ai",
        /// A member.
        Human = "human",
    }
}

/// Has a machine take part in a call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActivateAi {
    /// Why, at most 500 characters; for the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Takes a call from the machine.
pub type DeactivateAi = ActivateAi;

/// Who talks with the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AiStatus {
    /// Who.
    pub mode: AiMode,
    /// How the machine's part stands.
    pub state: AiState,
    /// How the call stands.
    pub call_status: CallStatus,
}

/// Says how the machine is to behave. All of it is replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutAiAgentConfig {
    /// How it is to behave, at most 10,000 characters.
    pub prompt: String,
    /// Whose model is asked first.
    #[serde(default)]
    pub model: AiModel,
    /// Temperature in thousandths, 0 to 2000.
    pub temperature_milli: i64,
    /// Whether it may take part in calls.
    pub enabled: bool,
    /// What it says first, at most 2000 characters: without amounts and without a word of a debt, for nobody knows yet who
    /// listens. Made by the model when absent.
    #[serde(default)]
    pub greeting: Option<String>,
    /// Most answers of a call, 1 to 100.
    pub max_turns: i64,
    /// How long nobody may say anything, in seconds, 5 to 120.
    pub silence_seconds: i64,
    /// Who goes on when a person is wanted; members are told when absent.
    #[serde(default)]
    pub handoff_to: Option<Phone>,
}

impl Org {
    /// Has a machine take part in a call that is up. The person is told first that an artificial voice speaks, where the
    /// call's opening did not say so; from then on the call is one of an artificial voice, and is heard.
    ///
    /// # Errors
    /// `Forbidden` with `AI_NOT_ENABLED` when the organisation wants no machine, and below agent; `NotFound`; `Invalid` when
    /// no leg is up; `Conflict` when the call is not recorded and so cannot be heard, is being handed on, or is over for the
    /// machine; `Blocked` when an artificial voice may not speak to that number (FCC 24-17).
    pub async fn activate_ai(&self, id: CallId, command: ActivateAi) -> Result<AiStatus> {
        self.at_least(Role::Agent)?;
        let reason = text::optional("reason", command.reason, 500)?;
        let mut tx = self.tx().await?;
        let mut call = tx.lock_call(id).await?.or_not_found("call")?;
        if !config(&mut *tx).await?.enabled {
            return Err(Error::new(Kind::Forbidden, "AI_NOT_ENABLED", "the organization has no AI agent enabled"));
        }
        if !call.facts.person_listens() || call.facts.end_asked_at.is_some() || call.facts.unattended_at.is_some() {
            return Err(Error::field("call_id", "has no live leg"));
        }
        if !call.record || call.facts.recording_refused_at.is_some() {
            return Err(Error::conflict("the call is not recorded, so a machine cannot hear it").code("NOT_HEARD"));
        }
        if call.facts.open_handover().is_some() || call.facts.handed_over() {
            return Err(Error::conflict("the call is being handed on, or was").code("TRANSFER_UNDER_WAY"));
        }
        let now = self.wib.now();
        let known = tx.ai_session(id).await?;
        if let Some(session) = known.as_ref().filter(|session| session.state.active()) {
            return Ok(AiStatus { mode: AiMode::Ai, state: session.state, call_status: call.status });
        }
        machine::may_speak(&self.wib, &mut *tx, &call).await?;
        let fresh = known.is_none();
        let mut session = known.unwrap_or_else(|| AiSession {
            id: self.wib.id(),
            call_id: id,
            state: AiState::Idle,
            turn: 0,
            answers: 0,
            asked: 0,
            restarts: 0,
            silences: 0,
            heard_until: -1,
            since: now,
            handed_at: None,
            activated_by: None,
            created_at: now,
            updated_at: now,
        });
        session
            .step(AiEvent::Activated, now)
            .map_err(|stale| Error::conflict("the machine's part in this call is over").because(stale))?;
        (session.asked, session.answers, session.silences, session.handed_at) = (session.asked + 1, 0, 0, None);
        // What was said before is not said to it.
        session.heard_until = tx.next_line(id).await? - 1;
        session.activated_by = self.actor().user();
        match fresh {
            true => tx.insert(&session).await?,
            false => tx.update(&session).await?,
        }
        watch::ask(&self.wib, &mut *tx, &session).await?;
        let before = call.clone();
        machine::take_part(&self.wib, &mut *tx, &mut call).await?;
        let line = self.audit("ai_mode:activated", ("call", Some(id.uuid())));
        line.changed(&before, &call).with(json!({"reason": reason})).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(AiStatus { mode: AiMode::Ai, state: session.state, call_status: call.status })
    }

    /// Takes a call from the machine: what it says is stopped, and what it thinks is thrown away. Where no machine takes
    /// part nothing happens.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below agent.
    pub async fn deactivate_ai(&self, id: CallId, command: DeactivateAi) -> Result<AiStatus> {
        self.at_least(Role::Agent)?;
        let reason = text::optional("reason", command.reason, 500)?;
        let mut tx = self.tx().await?;
        let call = tx.lock_call(id).await?.or_not_found("call")?;
        let mut state = AiState::Idle;
        if let Some(mut session) = tx.ai_session(id).await? {
            let before = session.clone();
            if session.step(AiEvent::TakenOver, self.wib.now()).is_ok() {
                cut(&self.wib, &mut *tx, &call, &session).await?;
                tx.update(&session).await?;
                tx.tell(crate::live::LiveKind::Call, id, id.uuid());
                let line = self.audit("ai_mode:human_takeover", ("call", Some(id.uuid())));
                line.changed(&before, &session).with(json!({"reason": reason})).write(&mut *tx).await;
            }
            state = session.state;
        }
        tx.commit().await?;
        self.wib.wake();
        Ok(AiStatus { mode: AiMode::Human, state, call_status: call.status })
    }

    /// Who talks with the person.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn ai_status(&self, id: CallId) -> Result<AiStatus> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let call: Call = Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        let state = tx.ai_session(id).await?.map_or(AiState::Idle, |session| session.state);
        let mode = if state.active() && state != AiState::Handoff { AiMode::Ai } else { AiMode::Human };
        Ok(AiStatus { mode, state, call_status: call.status })
    }

    /// What the machine said on a call, in order.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn ai_turns(&self, id: CallId) -> Result<Vec<AiTurn>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.ai_turns(id).await
    }

    /// How the machine is to behave; by default it takes no part.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ai_prompt_config(&self) -> Result<AiAgentConfig> {
        self.at_least(Role::Viewer)?;
        config(&mut *self.tx().await?).await
    }

    /// Says how the machine is to behave, from its next answer on.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Forbidden` below manager.
    pub async fn put_ai_prompt_config(&self, command: PutAiAgentConfig) -> Result<AiAgentConfig> {
        self.at_least(Role::Manager)?;
        let within = |field: &str, value: i64, low: i64, high: i64| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(Error::field(field, format!("must be {low} to {high}"))),
        };
        if command.prompt.chars().count() > 10_000 {
            return Err(Error::field("ai_agent_prompt", "must have at most 10000 characters"));
        }
        within("ai_agent_temperature", command.temperature_milli, 0, 2000)?;
        within("ai_max_turns", command.max_turns, 1, 100)?;
        within("ai_silence_timeout_seconds", command.silence_seconds, 5, 120)?;
        let greeting = text::optional("ai_greeting", command.greeting, 2000)?;
        if let Some(greeting) = &greeting
            && let Err(why) = check(greeting, &Allowed::default())
        {
            return Err(Error::field("ai_greeting", format!("must not be said to whoever answers: {why}")));
        }
        let config = AiAgentConfig {
            id: self.wib.id(),
            prompt: command.prompt,
            model: command.model,
            temperature_milli: command.temperature_milli,
            enabled: command.enabled,
            greeting,
            max_turns: command.max_turns,
            silence_seconds: command.silence_seconds,
            handoff_to: command.handoff_to,
            updated_at: self.wib.now(),
        };
        self.put(|tx| self.set_ai_prompt_config(tx, config.clone()).boxed()).await
    }

    async fn set_ai_prompt_config(&self, mut tx: Box<dyn OrgTx>, new: AiAgentConfig) -> Result<AiAgentConfig> {
        let known = tx.ai_agent_config().await?;
        let config = AiAgentConfig { id: known.as_ref().map_or(new.id, |known| known.id), ..new };
        match known.is_some() {
            true => tx.update(&config).await?,
            false => tx.insert(&config).await?,
        }
        let line = self.audit("ai_mode:script_executed", ("ai_agent_config", Some(config.id.uuid())));
        match &known {
            Some(before) => line.changed(before, &config),
            None => line.is(&config),
        }
        .write(&mut *tx)
        .await;
        tx.commit().await?;
        Ok(config)
    }
}
