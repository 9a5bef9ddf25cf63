//! What is asked about requests that are run once.

use async_trait::async_trait;

use super::Repo;
use crate::{
    idempotency::IdempotentRequest,
    kit::{Id, Result, time::Timestamp},
};

/// Questions about requests that are run once.
#[async_trait]
pub trait Idempotency: Repo<IdempotentRequest> {
    /// Adds the request unless its key is taken; whether it was added. A key whose time is over by `now` is free.
    async fn claim_request(&mut self, row: &IdempotentRequest, now: Timestamp) -> Result<bool>;
    /// The request of a key.
    async fn request_of_key(&mut self, key_hash: &str) -> Result<Option<IdempotentRequest>>;
    /// Writes down what was answered.
    async fn settle_request(&mut self, id: Id<IdempotentRequest>, status: i64, body: Option<&str>) -> Result<()>;
    /// Frees a key.
    async fn free_request(&mut self, id: Id<IdempotentRequest>) -> Result<()>;
    /// Forgets what was answered, whatever it was; the keys stay taken.
    async fn forget_answers(&mut self) -> Result<()>;
}
