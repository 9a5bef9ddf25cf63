//! What the frame asks of a core.

use std::sync::Arc;

use async_trait::async_trait;
use wib_core::{
    Org, Person, System, Wib,
    auth::SignedIn,
    idempotency::{Claim, IdempotentRequest, Keyed},
    kit::{Clock, Id, Principal, Random, Result},
    limits::Limiter,
    plans::Feature,
};

/// A core behind the table: [`Wib`], or a toy in tests of the frame.
#[async_trait]
pub trait Core: Clone + Send + Sync + 'static {
    /// What rows of a session are handed.
    type Org: Clone + Send + Sync + 'static;
    /// What rows of somebody signed in are handed, whatever the organisation.
    type Person: Send + 'static;
    /// What rows without a session are handed.
    type System: Send + 'static;
    /// The system's handle.
    fn system(&self) -> Self::System;
    /// The clock that everything goes by.
    fn clock(&self) -> &Arc<dyn Clock>;
    /// Where ids come from.
    fn random(&self) -> &Arc<dyn Random>;
    /// Who counts requests against the limits of rows; nobody by default.
    fn limiter(&self) -> Option<&Limiter> {
        None
    }
    /// The handle of somebody signed in.
    fn person(&self, signed_in: SignedIn) -> Self::Person;
    /// Refuses what the organisation's plan lacks; nothing by default.
    ///
    /// # Errors
    /// `PlanRequired`.
    fn gate(&self, org: &Self::Org, feature: Feature) -> Result<()> {
        let _ = (org, feature);
        Ok(())
    }
    /// Takes the key of a request that is run once, or tells what was answered before.
    ///
    /// # Errors
    /// As the core refuses a key.
    async fn claim(&self, org: &Self::Org, request: Keyed<'_>) -> Result<Claim>;
    /// Keeps what was answered to it.
    ///
    /// # Errors
    /// When the core cannot.
    async fn settle(&self, org: &Self::Org, id: Id<IdempotentRequest>, status: u16, body: &str) -> Result<()>;
    /// The organisation's handle.
    async fn org(&self, principal: Principal) -> Result<Self::Org>;
    /// Whom a token belongs to, unless it is unknown, over, or another client's.
    async fn authenticate(&self, token: &str, fingerprint: &str) -> Result<Option<SignedIn>>;
}

#[async_trait]
impl Core for Wib {
    type Org = Org;
    type Person = Person;
    type System = System;
    fn system(&self) -> System {
        Wib::system(self)
    }
    fn clock(&self) -> &Arc<dyn Clock> {
        Wib::clock(self)
    }
    fn random(&self) -> &Arc<dyn Random> {
        Wib::random(self)
    }
    fn limiter(&self) -> Option<&Limiter> {
        Some(Wib::limiter(self))
    }
    fn person(&self, signed_in: SignedIn) -> Person {
        Wib::person(self, signed_in)
    }
    fn gate(&self, org: &Org, feature: Feature) -> Result<()> {
        org.needs(feature)
    }
    async fn claim(&self, org: &Org, request: Keyed<'_>) -> Result<Claim> {
        org.claim_request(request).await
    }
    async fn settle(&self, org: &Org, id: Id<IdempotentRequest>, status: u16, body: &str) -> Result<()> {
        org.settle_request(id, status, body).await
    }
    async fn org(&self, principal: Principal) -> Result<Org> {
        Wib::org(self, principal).await
    }
    async fn authenticate(&self, token: &str, fingerprint: &str) -> Result<Option<SignedIn>> {
        Wib::system(self).authenticate(token, fingerprint).await
    }
}
