//! What is asked about secrets.

use async_trait::async_trait;

use super::Edit;
use crate::{
    kit::{Id, Result},
    secrets::TenantSecret,
};

/// Questions about the secrets of an organisation. Rows are sealed; nobody here reads them.
#[async_trait]
pub trait Secrets: Edit<TenantSecret> {
    /// The secret of that name, held until the end of the transaction.
    async fn secret_by_name(&mut self, name: &str) -> Result<Option<TenantSecret>>;
    /// Secrets by name, at most `limit`.
    async fn secrets(&mut self, limit: i64) -> Result<Vec<TenantSecret>>;
    /// Secrets under other keys than that, with ids above `after`, by id, at most `limit`; held until the end of the
    /// transaction.
    async fn secrets_not_under(
        &mut self,
        key_id: &str,
        after: Id<TenantSecret>,
        limit: i64,
    ) -> Result<Vec<TenantSecret>>;
    /// Removes a secret.
    async fn delete_secret(&mut self, id: Id<TenantSecret>) -> Result<()>;
}
