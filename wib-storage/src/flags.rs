//! Flags, ways to sign in, and what platform administrators ask.

use async_trait::async_trait;
use wib_core::{
    auth::UserId,
    flags::{GlobalFlag, OrgFlag},
    kit::{Error, Id, OrNotFound, Result, Timestamp},
    orgs::OrganizationId,
    platform::Totals,
    sso::{AuthProvider, Provider},
    store::{ACTIVE, Desk, Flags},
};

use crate::{
    db::Row,
    sql::{org_sql, system_sql},
    store::SqlOrg,
    system::SqlSystem,
    table::table,
};

table!(OrgFlag in "org_feature_flags" {
    id, feature, enabled, disabled_reason, disabled_at, disabled_by, daily_limit, monthly_limit, daily_usage,
    monthly_usage, day_ends_at, month_ends_at, created_at, updated_at
} mutable);
table!(AuthProvider in "auth_providers" {
    id, provider, enabled, client_id, has_secret, config, created_at, updated_at
} mutable);

#[async_trait]
impl Flags for SqlOrg {
    async fn org_flag(&mut self, feature: &str) -> Result<Option<OrgFlag>> {
        let sql = org_sql!(
            org_flag,
            pg: "SELECT * FROM org_feature_flags WHERE organization_id = $1 AND feature = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM org_feature_flags WHERE organization_id = $1 AND feature = $2"
        );
        self.one(sql, [feature.into()]).await
    }
    async fn org_flags(&mut self, limit: i64) -> Result<Vec<OrgFlag>> {
        let sql = org_sql!(
            org_flags,
            "SELECT * FROM org_feature_flags WHERE organization_id = $1 ORDER BY created_at, id LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn delete_org_flag(&mut self, id: Id<OrgFlag>) -> Result<()> {
        let sql = org_sql!(delete_org_flag, "DELETE FROM org_feature_flags WHERE organization_id = $1 AND id = $2");
        self.change(sql, [id.into()]).await.map(drop)
    }
    async fn auth_provider(&mut self, provider: Provider) -> Result<Option<AuthProvider>> {
        let sql = org_sql!(
            auth_provider,
            pg: "SELECT * FROM auth_providers WHERE organization_id = $1 AND provider = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM auth_providers WHERE organization_id = $1 AND provider = $2"
        );
        self.one(sql, [provider.as_str().into()]).await
    }
    async fn auth_providers(&mut self) -> Result<Vec<AuthProvider>> {
        let sql =
            org_sql!(auth_providers, "SELECT * FROM auth_providers WHERE organization_id = $1 ORDER BY created_at, id");
        self.all(sql, []).await
    }
}

fn global(row: &Row) -> Result<GlobalFlag> {
    Ok(GlobalFlag {
        id: row.get("id")?,
        feature: row.get("feature")?,
        enabled: row.get("enabled")?,
        created_at: row.get("created_at")?,
    })
}

#[async_trait]
impl Desk for SqlSystem {
    async fn set_platform_admin(&mut self, user: UserId, admin: bool) -> Result<()> {
        let sql = system_sql!(set_platform_admin, "UPDATE users SET platform_admin = $2 WHERE id = $1");
        match self.change(sql, [user.into(), admin.into()]).await? {
            0 => Err(Error::not_found("user")),
            _ => Ok(()),
        }
    }
    async fn insert_global_flag(&mut self, flag: &GlobalFlag) -> Result<()> {
        let sql = system_sql!(
            insert_global_flag,
            "INSERT INTO global_feature_flags (id, feature, enabled, created_at) VALUES ($1, $2, $3, $4)"
        );
        let args = [flag.id.into(), flag.feature.as_str().into(), flag.enabled.into(), flag.created_at.into()];
        self.change(sql, args).await.map(drop)
    }
    async fn global_flag(&mut self, feature: &str) -> Result<Option<GlobalFlag>> {
        let sql = system_sql!(global_flag, "SELECT * FROM global_feature_flags WHERE feature = $1");
        self.one(sql, [feature.into()]).await?.as_ref().map(global).transpose()
    }
    async fn lock_global_flag(&mut self, feature: &str) -> Result<Option<GlobalFlag>> {
        let sql = system_sql!(
            lock_global_flag,
            pg: "SELECT * FROM global_feature_flags WHERE feature = $1 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM global_feature_flags WHERE feature = $1"
        );
        self.one(sql, [feature.into()]).await?.as_ref().map(global).transpose()
    }
    async fn global_flags(&mut self, limit: i64) -> Result<Vec<GlobalFlag>> {
        let sql = system_sql!(global_flags, "SELECT * FROM global_feature_flags ORDER BY created_at, id LIMIT $1");
        self.all(sql, [limit.into()]).await?.iter().map(global).collect()
    }
    async fn switch_global_flag(&mut self, id: Id<GlobalFlag>, enabled: bool) -> Result<()> {
        let sql = system_sql!(switch_global_flag, "UPDATE global_feature_flags SET enabled = $2 WHERE id = $1");
        self.change(sql, [id.into(), enabled.into()]).await.map(drop)
    }
    async fn delete_global_flag(&mut self, id: Id<GlobalFlag>) -> Result<()> {
        let sql = system_sql!(delete_global_flag, "DELETE FROM global_feature_flags WHERE id = $1");
        self.change(sql, [id.into()]).await.map(drop)
    }
    async fn totals(
        &mut self,
        organization: Option<OrganizationId>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Totals> {
        let sql = system_sql!(
            totals,
            "SELECT
                (SELECT COUNT(*) FROM organizations) AS organizations,
                (SELECT COUNT(*) FROM users) AS users,
                (SELECT COUNT(*) FROM sessions WHERE expires_at > $2) AS sessions,
                (SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM billing_events
                    WHERE kind = 'payment_received' AND currency = 'USD' AND at >= $1) AS paid,
                (SELECT CAST(COALESCE(SUM(duration_ms), 0) AS BIGINT) FROM recordings WHERE created_at >= $1) AS ms,
                (SELECT COUNT(DISTINCT call_id) FROM recordings WHERE created_at >= $1) AS calls"
        );
        let row = self.one(sql, [since.into(), now.into()]).await?.or_not_found("totals")?;
        let mut active_calls = 0;
        if let Some(organization) = organization {
            let sql = system_sql!(
                calls_up,
                "SELECT status, COUNT(*) AS n FROM calls WHERE organization_id = $1 GROUP BY status"
            );
            for row in self.all(sql, [organization.into()]).await? {
                let status: String = row.get("status")?;
                if ACTIVE.iter().any(|active| active.as_str() == status) {
                    active_calls += row.get::<i64>("n")?;
                }
            }
        }
        Ok(Totals {
            now,
            active_calls,
            organizations: row.get("organizations")?,
            users: row.get("users")?,
            paid_cents: row.get("paid")?,
            sessions: row.get("sessions")?,
            recorded_ms: row.get("ms")?,
            recorded_calls: row.get("calls")?,
        })
    }
}
