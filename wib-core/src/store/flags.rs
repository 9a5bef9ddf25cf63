//! What is asked about flags, ways to sign in, and platform administrators.

use async_trait::async_trait;

use super::Edit;
use crate::{
    auth::UserId,
    flags::{GlobalFlag, OrgFlag},
    kit::{Id, Result, time::Timestamp},
    orgs::OrganizationId,
    platform::Totals,
    sso::{AuthProvider, Provider},
};

/// Questions about an organisation's flags and its ways to sign in.
#[async_trait]
pub trait Flags: Edit<OrgFlag> + Edit<AuthProvider> {
    /// The flag of a feature, held until the end of the transaction.
    async fn org_flag(&mut self, feature: &str) -> Result<Option<OrgFlag>>;
    /// Flags, oldest first, at most `limit`.
    async fn org_flags(&mut self, limit: i64) -> Result<Vec<OrgFlag>>;
    /// Removes a flag.
    async fn delete_org_flag(&mut self, id: Id<OrgFlag>) -> Result<()>;
    /// What is set for a way to sign in, held until the end of the transaction.
    async fn auth_provider(&mut self, provider: Provider) -> Result<Option<AuthProvider>>;
    /// What is set for every way to sign in, oldest first.
    async fn auth_providers(&mut self) -> Result<Vec<AuthProvider>>;
}

/// What platform administrators ask.
#[async_trait]
pub trait Desk: Send {
    /// Makes a user a platform administrator, or no more; `NotFound`.
    async fn set_platform_admin(&mut self, user: UserId, admin: bool) -> Result<()>;
    /// Adds a flag; a feature that has one is a `Conflict`.
    async fn insert_global_flag(&mut self, flag: &GlobalFlag) -> Result<()>;
    /// The flag of a feature.
    async fn global_flag(&mut self, feature: &str) -> Result<Option<GlobalFlag>>;
    /// The same, held until the end of the transaction.
    async fn lock_global_flag(&mut self, feature: &str) -> Result<Option<GlobalFlag>>;
    /// Flags, oldest first, at most `limit`.
    async fn global_flags(&mut self, limit: i64) -> Result<Vec<GlobalFlag>>;
    /// Switches a flag.
    async fn switch_global_flag(&mut self, id: Id<GlobalFlag>, enabled: bool) -> Result<()>;
    /// Removes a flag.
    async fn delete_global_flag(&mut self, id: Id<GlobalFlag>) -> Result<()>;
    /// Everything added up, as of now; what happens over time, since then. Calls that are up are those of one organisation.
    async fn totals(
        &mut self,
        organization: Option<OrganizationId>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Totals>;
}
