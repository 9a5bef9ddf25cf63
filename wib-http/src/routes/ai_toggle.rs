use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Wib,
    ai_agent::{ActivateAi, AiAgentConfig, AiMode, AiModel, PutAiAgentConfig},
    calls::{CallId, CallStatus},
    kit::{Error, Id, Phone, Result, Role},
    limits::Limit,
};

use crate::{
    input::Nothing,
    table::{Routes, role, session},
};

/// Has a machine talk with the person of a call that is up.
#[derive(Deserialize, JsonSchema)]
struct Activate {
    call_id: CallId,
    /// Must be `ai`.
    mode: AiMode,
    /// Why, at most 500 characters; for the audit log.
    #[schemars(length(max = 500))]
    reason: Option<String>,
}

/// Takes a call from the machine.
#[derive(Deserialize, JsonSchema)]
struct Deactivate {
    call_id: CallId,
    /// Who had the call, or is to have it: a member has it afterwards.
    #[serde(rename = "mode")]
    _mode: AiMode,
    /// Why, at most 500 characters; for the audit log.
    #[schemars(length(max = 500))]
    reason: Option<String>,
}

/// Which call.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OfCall {
    call_id: CallId,
}

/// Who talks with the person now.
#[derive(Serialize, JsonSchema)]
struct Mode {
    mode: AiMode,
    call_id: CallId,
}

/// Who talks with the person, and how the call stands.
#[derive(Serialize, JsonSchema)]
struct Status {
    call_id: CallId,
    mode: AiMode,
    call_status: CallStatus,
}

/// Says how the machine is to behave. All of it is replaced.
#[derive(Deserialize, JsonSchema)]
struct PutConfig {
    /// How it is to behave, at most 10,000 characters.
    #[schemars(length(max = 10_000))]
    ai_agent_prompt: String,
    /// Whose model is asked first.
    #[serde(default)]
    ai_agent_model: AiModel,
    /// 0 to 2.
    #[serde(default = "cool")]
    #[schemars(range(min = 0.0, max = 2.0))]
    ai_agent_temperature: f64,
    #[serde(default = "yes")]
    ai_features_enabled: bool,
    /// What it says first, at most 2000 characters; made by the model when absent.
    #[schemars(length(max = 2000))]
    ai_greeting: Option<String>,
    /// Most answers of a call, 1 to 100.
    #[serde(default = "turns")]
    #[schemars(range(min = 1, max = 100))]
    ai_max_turns: i64,
    /// 5 to 120.
    #[serde(default = "seconds")]
    #[schemars(range(min = 5, max = 120))]
    ai_silence_timeout_seconds: i64,
    /// Who goes on when a person is wanted; members are told when absent.
    ai_handoff_number: Option<Phone>,
}
const fn cool() -> f64 {
    0.3
}
const fn yes() -> bool {
    true
}
const fn turns() -> i64 {
    20
}
const fn seconds() -> i64 {
    30
}

/// How the machine is to behave.
#[derive(Serialize, JsonSchema)]
struct ConfigRow {
    /// Null before it was set.
    ai_agent_id: Option<Id<AiAgentConfig>>,
    ai_agent_prompt: String,
    ai_agent_model: AiModel,
    ai_agent_temperature: f64,
    ai_features_enabled: bool,
    ai_greeting: Option<String>,
    ai_max_turns: i64,
    ai_silence_timeout_seconds: i64,
    ai_handoff_number: Option<Phone>,
}
impl From<AiAgentConfig> for ConfigRow {
    fn from(config: AiAgentConfig) -> Self {
        Self {
            ai_agent_id: (!config.id.uuid().is_nil()).then_some(config.id),
            ai_agent_prompt: config.prompt,
            ai_agent_model: config.model,
            ai_agent_temperature: f64::from(i32::try_from(config.temperature_milli).unwrap_or(300)) / 1000.0,
            ai_features_enabled: config.enabled,
            ai_greeting: config.greeting,
            ai_max_turns: config.max_turns,
            ai_silence_timeout_seconds: config.silence_seconds,
            ai_handoff_number: config.handoff_to,
        }
    }
}

async fn put(org: Org, c: PutConfig) -> Result<ConfigRow> {
    if !(0.0..=2.0).contains(&c.ai_agent_temperature) {
        return Err(Error::field("ai_agent_temperature", "must be 0 to 2"));
    }
    // Thousandths, of at most 2.
    let temperature_milli = format!("{:.0}", c.ai_agent_temperature * 1000.0).parse().unwrap_or(300);
    let command = PutAiAgentConfig {
        prompt: c.ai_agent_prompt,
        model: c.ai_agent_model,
        temperature_milli,
        enabled: c.ai_features_enabled,
        greeting: c.ai_greeting,
        max_turns: c.ai_max_turns,
        silence_seconds: c.ai_silence_timeout_seconds,
        handoff_to: c.ai_handoff_number,
    };
    org.put_ai_prompt_config(command).await.map(ConfigRow::from)
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("ai_toggle", "/api/ai-toggle")
        .post("/activate", role(Role::Agent).limit(Limit::AiToggle), |org, c: Activate| async move {
            if c.mode != AiMode::Ai {
                return Err(Error::field("mode", "must be ai"));
            }
            let status = org.activate_ai(c.call_id, ActivateAi { reason: c.reason }).await?;
            Ok(Mode { mode: status.mode, call_id: c.call_id })
        })
        .refuses(&[404])
        .flat()
        .post("/deactivate", role(Role::Agent).limit(Limit::AiToggle), |org, c: Deactivate| async move {
            let status = org.deactivate_ai(c.call_id, ActivateAi { reason: c.reason }).await?;
            Ok(Mode { mode: status.mode, call_id: c.call_id })
        })
        .refuses(&[404])
        .flat()
        .get("/status/{callId}", session(), |org, c: OfCall| async move {
            let status = org.ai_status(c.call_id).await?;
            Ok(Status { call_id: c.call_id, mode: status.mode, call_status: status.call_status })
        })
        .about("Tells who talks with the person of a call.")
        .flat()
        .get(
            "/prompt-config",
            session(),
            |org, _: Nothing| async move { org.ai_prompt_config().await.map(ConfigRow::from) },
        )
        .about("Reads how the machine is to behave that talks with people.")
        .item("config")
        .put("/prompt-config", role(Role::Manager).limit(Limit::AiToggle), |org, c: PutConfig| async move {
            put(org, c).await
        })
        .item("config")
}
