//! What is asked about numbers and lines.

use async_trait::async_trait;

use super::Edit;
use crate::{
    auth::UserId,
    caller_ids::{AgentLine, CallerId, NumberId, OwnNumber},
    kit::{Id, Phone, Result},
};

/// Questions about the numbers of an organisation.
#[async_trait]
pub trait Numbers: Edit<OwnNumber> + Edit<CallerId> + Edit<AgentLine> {
    /// Numbers, retired ones too, by place in the pool, at most `limit`.
    async fn numbers(&mut self, limit: i64) -> Result<Vec<OwnNumber>>;
    /// Holds a number against other writers until the end of the transaction.
    async fn lock_number(&mut self, id: NumberId) -> Result<()>;
    /// The number of the pool at that vendor that was shown longest ago, held until the end of the transaction. One that
    /// another transaction holds is passed over; when all of them are held, the first one is waited for.
    async fn next_of_pool(&mut self, vendor: &str) -> Result<Option<OwnNumber>>;
    /// Whether calls may show that number: it is an active one of the organisation, or proven.
    async fn may_show(&mut self, phone: &Phone) -> Result<bool>;
    /// The caller id of a number, held until the end of the transaction.
    async fn caller_id(&mut self, phone: &Phone) -> Result<Option<CallerId>>;
    /// Caller ids, oldest first, at most `limit`.
    async fn caller_ids(&mut self, limit: i64) -> Result<Vec<CallerId>>;
    /// Removes a caller id.
    async fn delete_caller_id(&mut self, id: Id<CallerId>) -> Result<()>;
    /// Lines of members, oldest first, at most `limit`.
    async fn lines(&mut self, limit: i64) -> Result<Vec<AgentLine>>;
    /// A member's line, held until the end of the transaction.
    async fn line_of_user(&mut self, user: UserId) -> Result<Option<AgentLine>>;
    /// The active line of a queue that was rung longest ago, held until the end of the transaction; one that another
    /// transaction holds is passed over.
    async fn next_of_queue(&mut self, queue: &str) -> Result<Option<AgentLine>>;
}
