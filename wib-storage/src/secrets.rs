//! Secrets, sealed.

use async_trait::async_trait;
use wib_core::{
    kit::{Id, Result},
    secrets::TenantSecret,
    store::Secrets,
};

use crate::{sql::org_sql, store::SqlOrg, table::table};

table!(TenantSecret in "tenant_secrets" { id, name, key_id, nonce, sealed, created_at, updated_at } mutable);

#[async_trait]
impl Secrets for SqlOrg {
    async fn secret_by_name(&mut self, name: &str) -> Result<Option<TenantSecret>> {
        let sql = org_sql!(
            secret_by_name,
            pg: "SELECT * FROM tenant_secrets WHERE organization_id = $1 AND name = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM tenant_secrets WHERE organization_id = $1 AND name = $2"
        );
        self.one(sql, [name.into()]).await
    }
    async fn secrets(&mut self, limit: i64) -> Result<Vec<TenantSecret>> {
        let sql = org_sql!(
            secrets,
            "SELECT * FROM tenant_secrets WHERE organization_id = $1 ORDER BY created_at, id LIMIT $2"
        );
        let mut rows: Vec<TenantSecret> = self.all(sql, [limit.into()]).await?;
        // Databases differ in how they sort texts.
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(rows)
    }
    async fn secrets_not_under(
        &mut self,
        key_id: &str,
        after: Id<TenantSecret>,
        limit: i64,
    ) -> Result<Vec<TenantSecret>> {
        let sql = org_sql!(
            secrets_not_under,
            pg: "SELECT * FROM tenant_secrets WHERE organization_id = $1 AND key_id <> $2 AND id > $3
                ORDER BY id LIMIT $4 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM tenant_secrets WHERE organization_id = $1 AND key_id <> $2 AND id > $3
                ORDER BY id LIMIT $4"
        );
        self.all(sql, [key_id.into(), after.into(), limit.into()]).await
    }
    async fn delete_secret(&mut self, id: Id<TenantSecret>) -> Result<()> {
        let sql = org_sql!(delete_secret, "DELETE FROM tenant_secrets WHERE organization_id = $1 AND id = $2");
        self.change(sql, [id.into()]).await.map(drop)
    }
}
