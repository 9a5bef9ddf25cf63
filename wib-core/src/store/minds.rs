//! What is made of a call's words while they are spoken.

use async_trait::async_trait;

use super::{Edit, Repo};
use crate::{
    assist::{Advice, AssistTurn, ScriptLine, ScriptLineId},
    calls::CallId,
    kit::{List, Result, Stretch},
    live::{LineId, Speaker},
    sentiment::{SentimentConfig, SentimentScore, SentimentSummary},
};

/// Moods, advice, and the fixed lines that advice may stand on.
#[async_trait]
pub trait Minds:
    Edit<SentimentConfig>
    + Repo<SentimentScore>
    + Edit<SentimentSummary>
    + Edit<ScriptLine>
    + Repo<Advice>
    + Edit<AssistTurn>
{
    /// What the organisation looks out for, when it said so.
    async fn sentiment_config(&mut self) -> Result<Option<SentimentConfig>>;
    /// How many lines of a side stand before a place.
    async fn count_lines(&mut self, call: CallId, speaker: Speaker, before: i64) -> Result<i64>;
    /// The place of a side's last line.
    async fn newest_line(&mut self, call: CallId, speaker: Speaker) -> Result<Option<i64>>;
    /// The score of a line.
    async fn score_of_line(&mut self, line: LineId) -> Result<Option<SentimentScore>>;
    /// Scores of a call's lines with a place above `after`, by place, at most `limit`.
    async fn scores_after(&mut self, call: CallId, after: i64, limit: i64) -> Result<Vec<SentimentScore>>;
    /// The summary of a call. Whoever changes it holds the call.
    async fn sentiment_of_call(&mut self, call: CallId) -> Result<Option<SentimentSummary>>;
    /// Summaries, what changed last first.
    async fn list_sentiments(&mut self, of: Stretch) -> Result<List<SentimentSummary>>;
    /// The organisation's fixed lines by place, at most `limit`.
    async fn script_lines(&mut self, limit: i64) -> Result<Vec<ScriptLine>>;
    /// Takes a fixed line away.
    async fn remove_script_line(&mut self, id: ScriptLineId) -> Result<()>;
    /// Advice on a call, by place, at most `limit`.
    async fn advice_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<Advice>>;
    /// The call's turn. Whoever changes it holds the call.
    async fn assist_turn(&mut self, call: CallId) -> Result<Option<AssistTurn>>;
}
