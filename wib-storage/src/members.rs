//! Who belongs to an organisation, and who is to.

use async_trait::async_trait;
use serde_json::json;
use wib_core::{
    auth::{ApiKey, PasswordReset, Session, UserId},
    kit::{Id, Page, PageRequest, Result, Timestamp},
    orgs::{Author, Invite, Member, OrganizationId, Team, TeamId, TeamMember},
    store::{Doors, Members, SystemTx, Value},
};

use crate::{
    db::Row,
    sql::{org_sql, system_sql},
    store::{SqlOrg, edge, page},
    system::SqlSystem,
    table::{Table, table},
};

table!(ApiKey in "api_keys" {
    id, name, prefix, key_hash, permissions, created_by, created_at, expires_at, revoked_at, last_used_at
} mutable);
table!(Team in "teams" {
    id, name, description, team_type, parent_team_id, manager_user_id, is_active, created_at, updated_at
} mutable);
table!(TeamMember in "team_members" { id, team_id, user_id, team_role, joined_at } mutable);
table!(Invite in "invites" { id, email, role, token_hash, status, invited_by, created_at, expires_at } mutable);

#[async_trait]
impl Members for SqlOrg {
    async fn api_keys(&mut self, limit: i64) -> Result<Vec<ApiKey>> {
        let sql = org_sql!(
            api_keys,
            "SELECT * FROM api_keys WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn count_api_keys(&mut self, now: Timestamp) -> Result<i64> {
        let sql = org_sql!(
            count_api_keys,
            "SELECT COUNT(*) AS n FROM api_keys
            WHERE organization_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
        );
        self.count(sql, [now.into()]).await
    }
    async fn lock_owners(&mut self) -> Result<Vec<Member>> {
        let sql = org_sql!(
            lock_owners,
            pg: "SELECT * FROM members WHERE organization_id = $1 AND role = 'owner' ORDER BY created_at, id FOR UPDATE",
            sqlite: "SELECT * FROM members WHERE organization_id = $1 AND role = 'owner' ORDER BY created_at, id"
        );
        self.all(sql, []).await
    }
    async fn member_of_user(&mut self, user: UserId) -> Result<Option<Member>> {
        let sql = org_sql!(member_of_user, "SELECT * FROM members WHERE organization_id = $1 AND user_id = $2");
        self.one(sql, [user.into()]).await
    }
    async fn count_members(&mut self) -> Result<i64> {
        self.count(org_sql!(count_members, "SELECT COUNT(*) AS n FROM members WHERE organization_id = $1"), []).await
    }
    async fn remove_member(&mut self, user: UserId) -> Result<()> {
        let teams = org_sql!(leave_teams, "DELETE FROM team_members WHERE organization_id = $1 AND user_id = $2");
        let heads = org_sql!(
            leave_heads,
            "UPDATE teams SET manager_user_id = NULL WHERE organization_id = $1 AND manager_user_id = $2"
        );
        let member = org_sql!(remove_member, "DELETE FROM members WHERE organization_id = $1 AND user_id = $2");
        for sql in [teams, heads, member] {
            self.change(sql, [user.into()]).await?;
        }
        Ok(())
    }
    async fn open_invites(&mut self, now: Timestamp, limit: i64) -> Result<Vec<Invite>> {
        let sql = org_sql!(
            open_invites,
            "SELECT * FROM invites WHERE organization_id = $1 AND status = 'pending' AND expires_at > $2
            ORDER BY created_at DESC, id DESC LIMIT $3"
        );
        self.all(sql, [now.into(), limit.into()]).await
    }
    async fn expire_invites(&mut self, now: Timestamp) -> Result<()> {
        let sql = org_sql!(
            expire_invites,
            "UPDATE invites SET status = 'expired' WHERE organization_id = $1 AND status = 'pending' AND expires_at <= $2"
        );
        self.change(sql, [now.into()]).await.map(drop)
    }
    async fn page_of_teams(&mut self, request: &PageRequest) -> Result<Page<Team>> {
        let rows = org_sql!(
            page_of_teams,
            "SELECT * FROM teams WHERE organization_id = $1 AND is_active AND (created_at, id) < ($2, $3)
            ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
        );
        let total =
            org_sql!(count_live_teams, "SELECT COUNT(*) AS n FROM teams WHERE organization_id = $1 AND is_active");
        let total = self.count(total, []).await?;
        page(&self.rows(rows, edge(request)?).await?, total, request, "created_at")
    }
    async fn count_teams(&mut self) -> Result<i64> {
        self.count(org_sql!(count_teams, "SELECT COUNT(*) AS n FROM teams WHERE organization_id = $1"), []).await
    }
    async fn count_team(&mut self, team: TeamId) -> Result<i64> {
        let sql =
            org_sql!(count_team, "SELECT COUNT(*) AS n FROM team_members WHERE organization_id = $1 AND team_id = $2");
        self.count(sql, [team.into()]).await
    }
    async fn team_members(&mut self, team: TeamId, limit: i64) -> Result<Vec<TeamMember>> {
        let sql = org_sql!(
            team_members,
            "SELECT * FROM team_members WHERE organization_id = $1 AND team_id = $2 ORDER BY joined_at, id LIMIT $3"
        );
        self.all(sql, [team.into(), limit.into()]).await
    }
    async fn members_of_team(&mut self, team: TeamId, limit: i64) -> Result<Vec<Member>> {
        let sql = org_sql!(
            members_of_team,
            "SELECT m.* FROM members m
            JOIN team_members t ON t.organization_id = m.organization_id AND t.user_id = m.user_id
            WHERE m.organization_id = $1 AND t.team_id = $2 LIMIT $3"
        );
        self.all(sql, [team.into(), limit.into()]).await
    }
    async fn team_sizes(&mut self, teams: &[TeamId]) -> Result<Vec<(TeamId, i64)>> {
        let sql = org_sql!(
            team_sizes,
            pg: "SELECT team_id, COUNT(*) AS n FROM team_members WHERE organization_id = $1
            AND team_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2)) GROUP BY team_id",
            sqlite: "SELECT team_id, COUNT(*) AS n FROM team_members WHERE organization_id = $1
            AND team_id IN (SELECT unhex(value, '-') FROM json_each($2)) GROUP BY team_id"
        );
        let read = |row: &Row| Ok((row.get("team_id")?, row.get("n")?));
        self.rows(sql, [Value::Json(Some(json!(teams)))]).await?.iter().map(read).collect()
    }
    async fn team_member(&mut self, team: TeamId, user: UserId) -> Result<Option<TeamMember>> {
        let sql = org_sql!(
            team_member,
            "SELECT * FROM team_members WHERE organization_id = $1 AND team_id = $2 AND user_id = $3"
        );
        self.one(sql, [team.into(), user.into()]).await
    }
    async fn leave_team(&mut self, team: TeamId, user: UserId) -> Result<bool> {
        let sql = org_sql!(
            leave_team,
            "DELETE FROM team_members WHERE organization_id = $1 AND team_id = $2 AND user_id = $3"
        );
        Ok(self.change(sql, [team.into(), user.into()]).await? == 1)
    }
}

fn owned<T: Table>(row: &Row) -> Result<(OrganizationId, T)> {
    Ok((row.get("organization_id")?, T::read(row)?))
}

#[async_trait]
impl Doors for SqlSystem {
    async fn replace_session(&mut self, token_hash: &str, by: &Session) -> Result<bool> {
        let sql = system_sql!(end_replaced_session, "DELETE FROM sessions WHERE token_hash = $1");
        if self.change(sql, [token_hash.into()]).await? == 0 {
            return Ok(false);
        }
        self.insert_session(by).await?;
        Ok(true)
    }
    async fn end_sessions(&mut self, user: UserId, organization: Option<OrganizationId>) -> Result<()> {
        let sql = system_sql!(
            end_sessions,
            "DELETE FROM sessions WHERE user_id = $1 AND ($2 OR chosen_organization_id = $3)"
        );
        self.change(sql, [user.into(), organization.is_none().into(), organization.into()]).await.map(drop)
    }
    async fn choose_organization(&mut self, session: Id<Session>, organization: OrganizationId) -> Result<bool> {
        let sql = system_sql!(choose_organization, "UPDATE sessions SET chosen_organization_id = $2 WHERE id = $1");
        Ok(self.change(sql, [session.into(), organization.into()]).await? == 1)
    }
    async fn lock_user(&mut self, user: UserId) -> Result<()> {
        let sql = system_sql!(
            lock_user,
            pg: "SELECT id FROM users WHERE id = $1 FOR UPDATE",
            sqlite: "SELECT id FROM users WHERE id = $1"
        );
        self.one(sql, [user.into()]).await.map(drop)
    }
    async fn put_reset(&mut self, reset: &PasswordReset) -> Result<()> {
        let sql = system_sql!(
            put_reset,
            "INSERT INTO password_resets (id, token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)"
        );
        let r = reset;
        let args =
            [r.id.into(), r.token_hash.as_str().into(), r.user_id.into(), r.created_at.into(), r.expires_at.into()];
        self.change(sql, args).await.map(drop)
    }
    async fn user_of_reset(&mut self, token_hash: &str, now: Timestamp) -> Result<Option<UserId>> {
        let sql =
            system_sql!(user_of_reset, "SELECT user_id FROM password_resets WHERE token_hash = $1 AND expires_at > $2");
        let row = self.one(sql, [token_hash.into(), now.into()]).await?;
        row.map_or(Ok(None), |row| row.get("user_id"))
    }
    async fn take_reset(&mut self, token_hash: &str, now: Timestamp) -> Result<Option<UserId>> {
        let sql = system_sql!(
            take_reset,
            "DELETE FROM password_resets WHERE token_hash = $1 AND expires_at > $2 RETURNING user_id"
        );
        let row = self.one(sql, [token_hash.into(), now.into()]).await?;
        let Some(user) = row.map_or(Ok(None), |row| row.get::<Option<UserId>>("user_id"))? else { return Ok(None) };
        let others = system_sql!(take_other_resets, "DELETE FROM password_resets WHERE user_id = $1");
        self.change(others, [user.into()]).await?;
        Ok(Some(user))
    }
    async fn api_key_by_hash(&mut self, key_hash: &str) -> Result<Option<(OrganizationId, ApiKey)>> {
        let sql = system_sql!(api_key_by_hash, "SELECT * FROM api_keys WHERE key_hash = $1");
        self.one(sql, [key_hash.into()]).await?.as_ref().map(owned).transpose()
    }
    async fn invite_by_hash(&mut self, token_hash: &str) -> Result<Option<(OrganizationId, Invite)>> {
        let sql = system_sql!(invite_by_hash, "SELECT * FROM invites WHERE token_hash = $1");
        self.one(sql, [token_hash.into()]).await?.as_ref().map(owned).transpose()
    }
    async fn authors(&mut self, users: &[UserId]) -> Result<Vec<(UserId, Author)>> {
        let sql = system_sql!(
            authors,
            pg: "SELECT id, email, name FROM users
            WHERE id IN (SELECT value::uuid FROM jsonb_array_elements_text($1))",
            sqlite: "SELECT id, email, name FROM users WHERE id IN (SELECT unhex(value, '-') FROM json_each($1))"
        );
        let read = |row: &Row| Ok((row.get("id")?, Author { email: row.get("email")?, name: row.get("name")? }));
        self.all(sql, [Value::Json(Some(json!(users)))]).await?.iter().map(read).collect()
    }
    async fn members_of(&mut self, organization: OrganizationId) -> Result<i64> {
        let sql = system_sql!(members_of, "SELECT COUNT(*) AS n FROM members WHERE organization_id = $1");
        self.one(sql, [organization.into()]).await?.map_or(Ok(0), |row| row.get("n"))
    }
    async fn people_of(&mut self, organization: OrganizationId, limit: i64) -> Result<Vec<(Member, Author)>> {
        let sql = system_sql!(
            people_of,
            "SELECT m.organization_id, m.id, m.user_id, m.role, m.created_at, u.email, u.name
            FROM members m JOIN users u ON u.id = m.user_id
            WHERE m.organization_id = $1 ORDER BY m.created_at, m.id LIMIT $2"
        );
        let read = |row: &Row| Ok((Member::read(row)?, Author { email: row.get("email")?, name: row.get("name")? }));
        self.all(sql, [organization.into(), limit.into()]).await?.iter().map(read).collect()
    }
}
