//! A machine that talks with people.

use async_trait::async_trait;
use wib_core::{
    ai_agent::{AiAgentConfig, AiSession, AiTurn},
    calls::CallId,
    kit::Result,
    store::Talking,
};

use crate::{sql::org_sql, store::SqlOrg, table::table};

table!(AiAgentConfig in "ai_agent_configs" {
    id, prompt, model, temperature_milli, enabled, greeting, max_turns, silence_seconds, handoff_to, updated_at
} mutable);
table!(AiSession in "ai_sessions" {
    id, call_id, state, turn, answers, asked, restarts, silences, heard_until, since, handed_at, activated_by, created_at,
    updated_at
} mutable);
table!(AiTurn in "ai_turns" {
    id, call_id, number, kind, text, language, after_line, vendor, model, live, ordered_at, started_at, ended_at, cut_at,
    created_at
} mutable);

#[async_trait]
impl Talking for SqlOrg {
    async fn ai_agent_config(&mut self) -> Result<Option<AiAgentConfig>> {
        self.one(org_sql!(ai_agent_config, "SELECT * FROM ai_agent_configs WHERE organization_id = $1"), []).await
    }
    async fn ai_session(&mut self, call: CallId) -> Result<Option<AiSession>> {
        let sql = org_sql!(ai_session, "SELECT * FROM ai_sessions WHERE organization_id = $1 AND call_id = $2");
        self.one(sql, [call.into()]).await
    }
    async fn ai_turn(&mut self, call: CallId, number: i64) -> Result<Option<AiTurn>> {
        let sql =
            org_sql!(ai_turn, "SELECT * FROM ai_turns WHERE organization_id = $1 AND call_id = $2 AND number = $3");
        self.one(sql, [call.into(), number.into()]).await
    }
    async fn ai_turns(&mut self, call: CallId) -> Result<Vec<AiTurn>> {
        let sql = org_sql!(
            ai_turns,
            "SELECT * FROM ai_turns WHERE organization_id = $1 AND call_id = $2 ORDER BY number, id"
        );
        self.all(sql, [call.into()]).await
    }
}
