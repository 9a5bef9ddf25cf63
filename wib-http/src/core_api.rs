//! What the frame asks of the core, and the core's use cases by the names the routes use.

use std::sync::Arc;

use async_trait::async_trait;
use wib_core::{
    auth::{Session, User},
    kit::{Clock, Principal, Result},
};

/// A core behind the table: the real one, or a toy in tests of the frame.
#[async_trait]
pub trait Core: Clone + Send + Sync + 'static {
    /// What rows of a session are handed.
    type Org: Send + 'static;
    /// What rows without a session are handed.
    type System: Send + 'static;
    /// The system's handle.
    fn system(&self) -> Self::System;
    /// The clock that everything goes by.
    fn clock(&self) -> Arc<dyn Clock>;
    /// The organisation's handle.
    async fn org(&self, principal: Principal) -> Result<Self::Org>;
    /// Whom a token belongs to, unless it is unknown, over, or another client's.
    async fn authenticate(&self, token: &str, fingerprint: &str) -> Result<Option<SignedIn>>;
}

/// Somebody with a session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// By which session.
    pub session: Session,
    /// For which organisation; `None` without a membership.
    pub principal: Option<Principal>,
}
