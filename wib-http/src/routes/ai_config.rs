//! What an organisation wants of models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Wib,
    ai::{AiConfig, PutAiConfig},
    kit::{Role, Timestamp},
    limits::Limit,
};

use crate::{
    input::Nothing,
    table::{Routes, role, session},
};

/// A temperature in thousandths; one that is out of bounds stays so.
pub(super) fn thousandths(number: f64) -> i64 {
    if (0.0..=2.0).contains(&number) { format!("{:.0}", number * 1000.0).parse().unwrap_or(-1) } else { -1 }
}

/// What is wanted of models.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AiConfig")]
struct ConfigRow {
    /// Whether prompts that say nothing else go by what stands here.
    enabled: bool,
    model: String,
    /// 0 to 2.
    temperature: f64,
    max_tokens: i64,
    system_prompt: String,
    sentiment_analysis: bool,
    auto_summarize: bool,
    language: String,
    /// Whether the router may ask Grok.
    grok_chat_enabled: bool,
    /// Whether the router may ask OpenAI.
    openai_chat_enabled: bool,
    /// Whether the router may have Grok say texts aloud.
    grok_tts_enabled: bool,
    /// Whether the router may have ElevenLabs say texts aloud.
    elevenlabs_tts_enabled: bool,
}
impl From<AiConfig> for ConfigRow {
    fn from(config: AiConfig) -> Self {
        Self {
            enabled: config.enabled,
            model: config.model,
            temperature: f64::from(i32::try_from(config.temperature_milli).unwrap_or(700)) / 1000.0,
            max_tokens: config.max_tokens,
            system_prompt: config.system_prompt,
            sentiment_analysis: config.sentiment_analysis,
            auto_summarize: config.auto_summarize,
            language: config.language,
            grok_chat_enabled: config.grok_chat,
            openai_chat_enabled: config.openai_chat,
            grok_tts_enabled: config.grok_tts,
            elevenlabs_tts_enabled: config.elevenlabs_tts,
        }
    }
}
/// What is wanted of models, and since when.
#[derive(Serialize, JsonSchema)]
struct AiConfigAnswer {
    config: ConfigRow,
    /// Null before it was set.
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}
impl From<Option<AiConfig>> for AiConfigAnswer {
    fn from(config: Option<AiConfig>) -> Self {
        let updated_at = config.as_ref().map(|config| config.updated_at);
        Self { config: config.unwrap_or_else(AiConfig::usual).into(), updated_at }
    }
}

/// Changes what is wanted of models; what is absent stays.
#[derive(Deserialize, JsonSchema)]
struct PutConfig {
    enabled: Option<bool>,
    /// 1 to 50 characters.
    #[schemars(length(min = 1, max = 50))]
    model: Option<String>,
    #[schemars(range(min = 0.0, max = 2.0))]
    temperature: Option<f64>,
    #[schemars(range(min = 1, max = 4096))]
    max_tokens: Option<i64>,
    /// At most 50,000 characters.
    #[schemars(length(max = 50_000))]
    system_prompt: Option<String>,
    sentiment_analysis: Option<bool>,
    auto_summarize: Option<bool>,
    /// 2 to 10 letters, digits and dashes.
    #[schemars(length(min = 2, max = 10))]
    language: Option<String>,
    grok_chat_enabled: Option<bool>,
    openai_chat_enabled: Option<bool>,
    grok_tts_enabled: Option<bool>,
    elevenlabs_tts_enabled: Option<bool>,
}
impl From<PutConfig> for PutAiConfig {
    fn from(c: PutConfig) -> Self {
        Self {
            enabled: c.enabled,
            model: c.model,
            temperature_milli: c.temperature.map(thousandths),
            max_tokens: c.max_tokens,
            system_prompt: c.system_prompt,
            sentiment_analysis: c.sentiment_analysis,
            auto_summarize: c.auto_summarize,
            language: c.language,
            grok_chat: c.grok_chat_enabled,
            openai_chat: c.openai_chat_enabled,
            grok_tts: c.grok_tts_enabled,
            elevenlabs_tts: c.elevenlabs_tts_enabled,
        }
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("ai_config", "/api/ai-config")
        .get("/", session(), |org, _: Nothing| async move { org.ai_config().await.map(AiConfigAnswer::from) })
        .about("Reads what is wanted of models.")
        .flat()
        .put("/", role(Role::Manager).limit(Limit::AiConfig), |org, c: PutConfig| async move {
            org.put_ai_config(c.into()).await.map(|config| AiConfigAnswer::from(Some(config)))
        })
        .flat()
}
