//! Models by order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use wib_core::{
    Wib,
    ai::{AnalysisType, Analyze, AskChat, ChatMessage, ChatModel, Chatted, Summarize},
    calls::CallId,
    compliance::{GuideItem, GuideMode, GuideRule},
    kit::Role,
    limits::Limit,
    orgs::OrganizationId,
    plans::Feature,
    ports::llm::Completion,
};

use super::{ai_config::thousandths, tts::Generate};
use crate::{
    input::Nothing,
    table::{Routes, role, session},
};

/// Goes on with a talk.
#[derive(Deserialize, JsonSchema)]
struct Chat {
    /// What was said so far: 1 to 20 pieces of at most 50,000 characters, and no more together. The last is the user's, none
    /// the system's.
    #[schemars(length(min = 1, max = 20))]
    messages: Vec<ChatMessage>,
    /// Whose model is asked first; as the question asks by default.
    model: Option<ChatModel>,
    #[schemars(range(min = 1, max = 4096))]
    max_tokens: Option<i64>,
    /// 0.3 by default.
    #[schemars(range(min = 0.0, max = 2.0))]
    temperature: Option<f64>,
}
impl From<Chat> for AskChat {
    fn from(c: Chat) -> Self {
        let temperature_milli = c.temperature.map(thousandths);
        Self { messages: c.messages, model: c.model, max_tokens: c.max_tokens, temperature_milli }
    }
}

/// Tokens that it took.
#[derive(Serialize, JsonSchema)]
struct TokensUsed {
    prompt_tokens: i64,
    completion_tokens: i64,
    total_tokens: i64,
}
impl From<&Completion> for TokensUsed {
    fn from(completion: &Completion) -> Self {
        let (prompt_tokens, completion_tokens) = (completion.input_tokens, completion.output_tokens);
        Self { prompt_tokens, completion_tokens, total_tokens: prompt_tokens.saturating_add(completion_tokens) }
    }
}

/// What a model said.
#[derive(Serialize, JsonSchema)]
struct ChatAnswer {
    content: String,
    usage: TokensUsed,
    model: String,
}
/// What a model said, and whose it is.
#[derive(Serialize, JsonSchema)]
struct RoutedAnswer {
    provider: String,
    model: String,
    content: String,
    usage: TokensUsed,
    latency_ms: i64,
}

/// Sums a text up.
#[derive(Deserialize, JsonSchema)]
struct SumUp {
    /// 10 to 100,000 characters; the first 20,000 are read.
    #[schemars(length(min = 10, max = 100_000))]
    text: String,
    /// The call that it is about; the summary is kept with it.
    call_id: Option<CallId>,
    /// Most tokens; 1000 by default.
    #[schemars(range(min = 1, max = 2000))]
    max_length: Option<i64>,
}
/// A text, shorter.
#[derive(Serialize, JsonSchema)]
struct SummedUp {
    summary: String,
    usage: TokensUsed,
    call_id: Option<CallId>,
}

/// Judges a text.
#[derive(Deserialize, JsonSchema)]
struct Judge {
    /// 10 to 100,000 characters; the first 30,000 are read.
    #[schemars(length(min = 10, max = 100_000))]
    text: String,
    /// For what; for everything by default.
    analysis_type: Option<AnalysisType>,
}
/// What was made of a text.
#[derive(Serialize, JsonSchema)]
struct Judged {
    /// What the model found; `{raw}` when it is no JSON.
    #[schemars(with = "Map<String, Json>")]
    analysis: Json,
    analysis_type: AnalysisType,
    usage: TokensUsed,
}

pub(super) fn llm() -> Routes<Wib> {
    Routes::<Wib>::at("ai_llm", "/api/ai/llm")
        .post("/chat", session().limit(Limit::AiLlm).plan(Feature::BondAi), |org, c: Chat| async move {
            let Chatted { completion, .. } = org.chat(c.into()).await?;
            let usage = TokensUsed::from(&completion);
            Ok(ChatAnswer { content: completion.text, usage, model: completion.model })
        })
        .refuses(&[502])
        .bare()
        .post(
            "/summarize",
            session().limit(Limit::AiLlm).plan(Feature::CallTranscription),
            |org, c: SumUp| async move {
                let SumUp { text, call_id, max_length } = c;
                let completion = org.summarize(Summarize { text, call_id, max_length }).await?;
                Ok(SummedUp { usage: TokensUsed::from(&completion), summary: completion.text, call_id })
            },
        )
        .refuses(&[404, 502])
        .bare()
        .post("/analyze", session().limit(Limit::AiLlm).plan(Feature::BondAi), |org, c: Judge| async move {
            let analysis_type = c.analysis_type.unwrap_or_default();
            let (analysis, completion) = org.analyze(Analyze { text: c.text, analysis_type }).await?;
            Ok(Judged { analysis, analysis_type, usage: TokensUsed::from(&completion) })
        })
        .refuses(&[502])
        .bare()
}

/// A text that was said, and by whom.
#[derive(Serialize, JsonSchema)]
struct RoutedSound {
    provider: String,
    audio_url: String,
    file_key: String,
    duration_seconds: f64,
    latency_ms: i64,
}

/// What somebody who calls must heed, read off the rules in force.
#[derive(Serialize, JsonSchema)]
struct ComplianceGuide {
    organization_id: OrganizationId,
    /// The version of the rules.
    pack: String,
    modes: Vec<GuideMode>,
    rules: Vec<GuideRule>,
    checklist: Vec<GuideItem>,
}

pub(super) fn router() -> Routes<Wib> {
    Routes::<Wib>::at("ai_router", "/api/ai/router")
        .post("/chat", session().limit(Limit::AiLlm), |org, c: Chat| async move {
            let Chatted { completion, latency_ms } = org.route_chat(c.into()).await?;
            let usage = TokensUsed::from(&completion);
            let Completion { vendor, model, text, .. } = completion;
            Ok(RoutedAnswer { provider: vendor, model, content: text, usage, latency_ms })
        })
        .refuses(&[402])
        .bare()
        .post("/tts", role(Role::Agent).limit(Limit::AiTts), |org, c: Generate| async move {
            let wish = c.wish(&org)?;
            let (said, latency_ms) = org.route_say(wish).await?;
            Ok(RoutedSound {
                provider: said.vendor,
                audio_url: format!("/api/audio/files/{}", said.id),
                file_key: said.blob_key,
                duration_seconds: f64::from(i32::try_from(said.duration_ms).unwrap_or(i32::MAX)) / 1000.0,
                latency_ms,
            })
        })
        .bare()
        .get("/compliance-guide", session().limit(Limit::Compliance), |org, _: Nothing| async move {
            let guide = org.compliance_guide().await?;
            Ok(ComplianceGuide {
                organization_id: org.id(),
                pack: guide.pack,
                modes: guide.modes,
                rules: guide.rules,
                checklist: guide.checklist,
            })
        })
        .about("Tells what somebody who calls must heed, read off the rules in force.")
        .bare()
}
