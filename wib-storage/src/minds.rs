//! What is made of a call's words while they are spoken.

use async_trait::async_trait;
use wib_core::{
    assist::{Advice, AssistTurn, ScriptLine, ScriptLineId},
    calls::CallId,
    kit::{List, Result, Stretch},
    live::{LineId, Speaker},
    sentiment::{SentimentConfig, SentimentScore, SentimentSummary},
    store::Minds,
};

use crate::{lists::list_sql, sql::org_sql, store::SqlOrg, table::table};

table!(SentimentConfig in "sentiment_configs" {
    id, enabled, alert_threshold, objection_keywords, alert_channels, webhook_url, updated_at
} mutable);
table!(SentimentScore in "sentiment_scores" {
    id, call_id, line_id, line_index, score, objections, escalate, vendor, model, live, created_at
});
table!(SentimentSummary in "sentiment_summaries" {
    id, call_id, segments, scored, sum, min, max, objections, escalated_at, updated_at
} mutable);
table!(ScriptLine in "script_lines" { id, label, text, required, position, created_at, updated_at } mutable);
table!(Advice in "advice" {
    id, call_id, line_id, line_index, claims, dropped, vendor, model, live, created_at
});
table!(AssistTurn in "assist_turns" { id, call_id, busy_until, advised_index } mutable);

impl SqlOrg {
    /// Takes away what holds a line's words, or was made of them and those before.
    pub(crate) async fn forget_made_of(&mut self, line: LineId) -> Result<()> {
        let scores =
            org_sql!(forget_score_of_line, "DELETE FROM sentiment_scores WHERE organization_id = $1 AND line_id = $2");
        let advice = org_sql!(
            forget_advice_from_line,
            "DELETE FROM advice WHERE organization_id = $1 AND EXISTS (
                SELECT 1 FROM live_lines l WHERE l.organization_id = $1 AND l.id = $2 AND l.call_id = advice.call_id
                    AND l.line_index <= advice.line_index)"
        );
        self.change(scores, [line.into()]).await?;
        self.change(advice, [line.into()]).await.map(drop)
    }
    /// Takes away everything that was made of a call's words while they were spoken.
    pub(crate) async fn forget_minds(&mut self, call: CallId) -> Result<()> {
        let scores =
            org_sql!(forget_scores, "DELETE FROM sentiment_scores WHERE organization_id = $1 AND call_id = $2");
        let summary =
            org_sql!(forget_sentiment, "DELETE FROM sentiment_summaries WHERE organization_id = $1 AND call_id = $2");
        let advice = org_sql!(forget_advice, "DELETE FROM advice WHERE organization_id = $1 AND call_id = $2");
        let asked =
            org_sql!(forget_ordered_texts, "DELETE FROM ordered_texts WHERE organization_id = $1 AND call_id = $2");
        for sql in [scores, summary, advice, asked] {
            self.change(sql, [call.into()]).await?;
        }
        self.forget_summaries(call).await
    }
}

#[async_trait]
impl Minds for SqlOrg {
    async fn sentiment_config(&mut self) -> Result<Option<SentimentConfig>> {
        self.one(org_sql!(sentiment_config, "SELECT * FROM sentiment_configs WHERE organization_id = $1"), []).await
    }
    async fn count_lines(&mut self, call: CallId, speaker: Speaker, before: i64) -> Result<i64> {
        let sql = org_sql!(
            count_lines,
            "SELECT COUNT(*) AS n FROM live_lines
            WHERE organization_id = $1 AND call_id = $2 AND speaker = $3 AND line_index < $4"
        );
        self.count(sql, [call.into(), speaker.as_str().into(), before.into()]).await
    }
    async fn newest_line(&mut self, call: CallId, speaker: Speaker) -> Result<Option<i64>> {
        let sql = org_sql!(
            newest_line,
            "SELECT MAX(line_index) AS n FROM live_lines WHERE organization_id = $1 AND call_id = $2 AND speaker = $3"
        );
        let rows = self.rows(sql, [call.into(), speaker.as_str().into()]).await?;
        rows.first().map_or(Ok(None), |row| row.get("n"))
    }
    async fn score_of_line(&mut self, line: LineId) -> Result<Option<SentimentScore>> {
        let sql = org_sql!(score_of_line, "SELECT * FROM sentiment_scores WHERE organization_id = $1 AND line_id = $2");
        self.one(sql, [line.into()]).await
    }
    async fn scores_after(&mut self, call: CallId, after: i64, limit: i64) -> Result<Vec<SentimentScore>> {
        let sql = org_sql!(
            scores_after,
            "SELECT * FROM sentiment_scores WHERE organization_id = $1 AND call_id = $2 AND line_index > $3
            ORDER BY line_index, id LIMIT $4"
        );
        self.all(sql, [call.into(), after.into(), limit.into()]).await
    }
    async fn sentiment_of_call(&mut self, call: CallId) -> Result<Option<SentimentSummary>> {
        let sql = org_sql!(
            sentiment_of_call,
            "SELECT * FROM sentiment_summaries WHERE organization_id = $1 AND call_id = $2"
        );
        self.one(sql, [call.into()]).await
    }
    async fn list_sentiments(&mut self, of: Stretch) -> Result<List<SentimentSummary>> {
        let (rows, total) = list_sql!(
            list_sentiments,
            count_sentiments,
            "sentiment_summaries WHERE organization_id = $1",
            "ORDER BY updated_at DESC, id DESC LIMIT $2 OFFSET $3"
        );
        self.list(rows, total, [], of).await
    }
    async fn script_lines(&mut self, limit: i64) -> Result<Vec<ScriptLine>> {
        let sql = org_sql!(
            script_lines,
            "SELECT * FROM script_lines WHERE organization_id = $1 ORDER BY position, id LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn remove_script_line(&mut self, id: ScriptLineId) -> Result<()> {
        let sql = org_sql!(remove_script_line, "DELETE FROM script_lines WHERE organization_id = $1 AND id = $2");
        self.change(sql, [id.into()]).await.map(drop)
    }
    async fn advice_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<Advice>> {
        let sql = org_sql!(
            advice_of_call,
            "SELECT * FROM advice WHERE organization_id = $1 AND call_id = $2 ORDER BY line_index, id LIMIT $3"
        );
        self.all(sql, [call.into(), limit.into()]).await
    }
    async fn assist_turn(&mut self, call: CallId) -> Result<Option<AssistTurn>> {
        let sql = org_sql!(assist_turn, "SELECT * FROM assist_turns WHERE organization_id = $1 AND call_id = $2");
        self.one(sql, [call.into()]).await
    }
}
