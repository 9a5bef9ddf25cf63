//! What a machine that talks with people asks.

use async_trait::async_trait;

use super::Edit;
use crate::{
    ai_agent::{AiAgentConfig, AiSession, AiTurn},
    calls::CallId,
    kit::Result,
};

/// Questions about conversations of a machine. Whoever changes one holds its call.
#[async_trait]
pub trait Talking: Edit<AiAgentConfig> + Edit<AiSession> + Edit<AiTurn> {
    /// How the organisation wants its machine to talk, once it was set.
    async fn ai_agent_config(&mut self) -> Result<Option<AiAgentConfig>>;
    /// The machine's part in a call.
    async fn ai_session(&mut self, call: CallId) -> Result<Option<AiSession>>;
    /// What it said by that number.
    async fn ai_turn(&mut self, call: CallId, number: i64) -> Result<Option<AiTurn>>;
    /// All that it said in a call, in order.
    async fn ai_turns(&mut self, call: CallId) -> Result<Vec<AiTurn>>;
}
