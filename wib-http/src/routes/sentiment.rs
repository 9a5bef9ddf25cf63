//! How persons feel on calls, and what members are advised.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Wib,
    assist::{AskCopilot, Claim},
    calls::{Call, CallId, CallStatus},
    kit::{Error, Id, Phone, Result, Role, Timestamp},
    limits::Limit,
    plans::Feature,
    sentiment::{
        AlertChannel, PutSentimentConfig, SentimentConfig, SentimentScore, SentimentSummary, WHOLE, millionths,
    },
};

use crate::{
    input::{ById, Nothing},
    table::{Routes, role, session},
};

/// Millionths as the wire has them.
fn decimal(millionths: i64) -> f64 {
    f64::from(i32::try_from(millionths).unwrap_or(0)) / f64::from(i32::try_from(WHOLE).unwrap_or(1))
}

/// What is looked out for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SentimentConfig")]
struct ConfigRow {
    id: Id<SentimentConfig>,
    enabled: bool,
    /// A score below it, with an objection, is to be escalated; -1 to 1.
    alert_threshold: f64,
    objection_keywords: Vec<String>,
    alert_channels: Vec<AlertChannel>,
    webhook_url: Option<String>,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}
impl From<SentimentConfig> for ConfigRow {
    fn from(config: SentimentConfig) -> Self {
        Self {
            id: config.id,
            enabled: config.enabled,
            alert_threshold: decimal(config.alert_threshold),
            objection_keywords: config.objection_keywords.0,
            alert_channels: config.alert_channels.0,
            webhook_url: config.webhook_url,
            updated_at: config.updated_at,
        }
    }
}

/// Says what is to be looked out for.
#[derive(Deserialize, JsonSchema)]
struct PutConfig {
    /// Whether lines are judged at all.
    enabled: bool,
    /// A score below it, with an objection, is to be escalated; -1 to 1, -0.5 by default.
    #[schemars(range(min = -1.0, max = 1.0))]
    alert_threshold: Option<f64>,
    /// Words whose beginning makes an objection, at most 50 of at most 100 characters.
    #[schemars(length(max = 50), inner(length(min = 1, max = 100)))]
    objection_keywords: Option<Vec<String>>,
    /// How somebody is told; the dashboard by default.
    alert_channels: Option<Vec<AlertChannel>>,
    /// Which address is told: `https`, on the open internet.
    #[schemars(length(max = 2000))]
    webhook_url: Option<String>,
}
impl PutConfig {
    fn command(self) -> Result<PutSentimentConfig> {
        let threshold = |number: f64| {
            let no = || Error::field("alert_threshold", "must lie between -1 and 1");
            millionths(&number.to_string()).ok_or_else(no)
        };
        Ok(PutSentimentConfig {
            enabled: self.enabled,
            alert_threshold: self.alert_threshold.map(threshold).transpose()?,
            objection_keywords: self.objection_keywords,
            alert_channels: self.alert_channels,
            webhook_url: self.webhook_url,
        })
    }
}

/// Reads how somebody felt, from after a line on.
#[derive(Deserialize, JsonSchema)]
struct AfterLine {
    id: CallId,
    /// The last place already known; -1, the default, begins at the first.
    after: Option<i64>,
}

/// How somebody felt when they said a line.
#[derive(Serialize, JsonSchema)]
struct ScoreRow {
    segment_index: i64,
    /// -1 (furious) to 1 (glad); null when no model answered.
    score: Option<f64>,
    objections: Vec<String>,
    escalation_recommended: bool,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<SentimentScore> for ScoreRow {
    fn from(score: SentimentScore) -> Self {
        Self {
            segment_index: score.line_index,
            score: score.score.map(decimal),
            objections: score.objections.0.into_iter().map(|objection| objection.phrase).collect(),
            escalation_recommended: score.escalate,
            created_at: score.created_at,
        }
    }
}
/// Scores, by place.
#[derive(Serialize, JsonSchema)]
struct Scores {
    scores: Vec<ScoreRow>,
    count: usize,
}

/// How somebody felt over a call so far.
#[derive(Serialize, JsonSchema)]
struct SummaryRow {
    avg_score: Option<f64>,
    min_score: Option<f64>,
    max_score: Option<f64>,
    total_segments: i64,
    objection_count: i64,
    escalation_triggered: bool,
    #[schemars(with = "Option<String>")]
    escalation_triggered_at: Option<Timestamp>,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}
impl From<SentimentSummary> for SummaryRow {
    fn from(summary: SentimentSummary) -> Self {
        Self {
            avg_score: summary.mean().map(decimal),
            min_score: summary.min.map(decimal),
            max_score: summary.max.map(decimal),
            total_segments: summary.segments,
            objection_count: summary.objections,
            escalation_triggered: summary.escalated_at.is_some(),
            escalation_triggered_at: summary.escalated_at,
            updated_at: summary.updated_at,
        }
    }
}

/// How somebody felt over a call, and which call it was.
#[derive(Serialize, JsonSchema)]
struct HistoryRow {
    call_id: CallId,
    avg_score: Option<f64>,
    min_score: Option<f64>,
    max_score: Option<f64>,
    total_segments: i64,
    objection_count: i64,
    escalation_triggered: bool,
    #[schemars(with = "String")]
    updated_at: Timestamp,
    from_number: Phone,
    to_number: Phone,
    call_status: CallStatus,
    #[schemars(with = "String")]
    call_started: Timestamp,
}
impl From<(SentimentSummary, Call)> for HistoryRow {
    fn from((summary, call): (SentimentSummary, Call)) -> Self {
        let row = SummaryRow::from(summary);
        Self {
            call_id: call.id,
            avg_score: row.avg_score,
            min_score: row.min_score,
            max_score: row.max_score,
            total_segments: row.total_segments,
            objection_count: row.objection_count,
            escalation_triggered: row.escalation_triggered,
            updated_at: row.updated_at,
            call_started: call.facts.initiated_at.unwrap_or(call.created_at),
            from_number: call.from_number,
            to_number: call.to_number,
            call_status: call.status,
        }
    }
}
/// A stretch of calls that were judged.
#[derive(Serialize, JsonSchema)]
struct History {
    history: Vec<HistoryRow>,
    count: usize,
    limit: u32,
    offset: u32,
}
/// Which stretch.
#[derive(Deserialize, JsonSchema)]
struct ListHistory {
    /// At most 100; 20 by default.
    limit: Option<i64>,
    /// How many to skip.
    offset: Option<i64>,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("sentiment", "/api/sentiment")
        .get("/config", session(), |org, _: Nothing| async move { org.sentiment_config().await.map(ConfigRow::from) })
        .about("Reads what is looked out for on calls.")
        .item("config")
        .put("/config", role(Role::Manager).limit(Limit::Sentiment), |org, c: PutConfig| async move {
            org.put_sentiment_config(c.command()?).await.map(ConfigRow::from)
        })
        .item("config")
        .get("/live/{id}", session(), |org, c: AfterLine| async move {
            let scores = org.sentiment(c.id, c.after.unwrap_or(-1)).await?;
            let scores: Vec<_> = scores.into_iter().map(ScoreRow::from).collect();
            Ok(Scores { count: scores.len(), scores })
        })
        .flat()
        .get("/summary/{id}", session(), |org, c: ById<Call>| async move {
            Ok(org.sentiment_summary(c.id).await?.map(SummaryRow::from))
        })
        .about("Sums up how the person felt over a call.")
        .item("summary")
        .get("/history", session(), |org, c: ListHistory| async move {
            let list = org.sentiment_history(c.limit, c.offset).await?;
            let history: Vec<_> = list.items.into_iter().map(HistoryRow::from).collect();
            Ok(History { count: history.len(), history, limit: list.limit, offset: list.offset })
        })
        .about("Lists calls that were judged, the last first.")
        .flat()
}

/// Asks for advice: on a call, on words that were said, or on a question; one of the last two must be given.
#[derive(Deserialize, JsonSchema)]
struct Ask {
    /// On which call; its last lines are read.
    call_id: Option<CallId>,
    /// What was said, at most 50,000 characters.
    #[schemars(length(max = 50_000))]
    transcript_segment: Option<String>,
    /// What the member wants to know, at most 5,000 characters.
    #[schemars(length(max = 5000))]
    agent_question: Option<String>,
    /// Taken and not read: advice stands on the call's words and the script alone.
    #[schemars(length(max = 200))]
    scorecard_id: Option<String>,
}

/// What the member is advised.
#[derive(Serialize, JsonSchema)]
struct Advised {
    /// The advice, a line for each piece.
    guidance: String,
    /// Each piece, and what it stands on.
    claims: Vec<Claim>,
    latency_ms: i64,
}

const NOTHING: &str = "Nothing that was said, and no line of the script, bears advice here.";

pub(super) fn copilot() -> Routes<Wib> {
    Routes::<Wib>::at("bond-ai", "/api/bond-ai")
        .post("/copilot", role(Role::Agent).limit(Limit::AiLlm).plan(Feature::CallCopilot), |org, c: Ask| async move {
            if c.scorecard_id.is_some_and(|id| id.chars().count() > 200) {
                return Err(Error::field("scorecard_id", "must have at most 200 characters"));
            }
            let command = AskCopilot {
                call_id: c.call_id,
                transcript_segment: c.transcript_segment,
                agent_question: c.agent_question,
            };
            let answer = org.ask_copilot(command).await?;
            let lines: Vec<_> = answer.claims.iter().map(|claim| claim.text.as_str()).collect();
            let guidance = if lines.is_empty() { NOTHING.to_owned() } else { lines.join("\n") };
            Ok(Advised { guidance, latency_ms: answer.latency_ms, claims: answer.claims })
        })
        .refuses(&[404])
        .flat()
}
