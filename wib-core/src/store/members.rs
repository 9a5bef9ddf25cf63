//! Who belongs to an organisation, and who is to.

use async_trait::async_trait;

use super::{Edit, Repo};
use crate::{
    auth::{ApiKey, PasswordReset, Session, UserId},
    kit::{Id, Page, PageRequest, Result, time::Timestamp},
    orgs::{Author, Invite, Member, OrganizationId, Team, TeamId, TeamMember},
};

/// Members, the keys of machines, teams and invitations.
#[async_trait]
pub trait Members: Edit<Member> + Edit<ApiKey> + Edit<Team> + Edit<TeamMember> + Edit<Invite> + Repo<Member> {
    /// Keys, the newest first, at most `limit`.
    async fn api_keys(&mut self, limit: i64) -> Result<Vec<ApiKey>>;
    /// How many keys are good at an instant.
    async fn count_api_keys(&mut self, now: Timestamp) -> Result<i64>;
    /// The owners, held until the end of the transaction: whoever counts or changes members holds them.
    async fn lock_owners(&mut self) -> Result<Vec<Member>>;
    /// The membership of a user.
    async fn member_of_user(&mut self, user: UserId) -> Result<Option<Member>>;
    /// How many members there are.
    async fn count_members(&mut self) -> Result<i64>;
    /// Takes a user out of the organisation and its teams, and from the head of those that the user leads.
    async fn remove_member(&mut self, user: UserId) -> Result<()>;
    /// Invitations that are open at an instant, the newest first, at most `limit`.
    async fn open_invites(&mut self, now: Timestamp, limit: i64) -> Result<Vec<Invite>>;
    /// Notes of invitations whose time was over by then that it is.
    async fn expire_invites(&mut self, now: Timestamp) -> Result<()>;
    /// A page of the teams that there are, the newest first.
    async fn page_of_teams(&mut self, request: &PageRequest) -> Result<Page<Team>>;
    /// How many teams were made, those that were dissolved counted.
    async fn count_teams(&mut self) -> Result<i64>;
    /// How many are in a team.
    async fn count_team(&mut self, team: TeamId) -> Result<i64>;
    /// Who is in a team, who joined first first, at most `limit`.
    async fn team_members(&mut self, team: TeamId, limit: i64) -> Result<Vec<TeamMember>>;
    /// The same as members of the organisation, in no order.
    async fn members_of_team(&mut self, team: TeamId, limit: i64) -> Result<Vec<Member>>;
    /// How many are in each of some teams; teams that nobody is in are left out.
    async fn team_sizes(&mut self, teams: &[TeamId]) -> Result<Vec<(TeamId, i64)>>;
    /// A user's place in a team.
    async fn team_member(&mut self, team: TeamId, user: UserId) -> Result<Option<TeamMember>>;
    /// Takes a user out of a team; whether they were in it.
    async fn leave_team(&mut self, team: TeamId, user: UserId) -> Result<bool>;
}

/// What is asked about persons whatever the organisation, and about what leads to one.
#[async_trait]
pub trait Doors: Send {
    /// Puts a session in the place of another; whether the other was there still.
    async fn replace_session(&mut self, token_hash: &str, by: &Session) -> Result<bool>;
    /// Ends all sessions of a user; of one chosen organisation alone when it is named.
    async fn end_sessions(&mut self, user: UserId, organization: Option<OrganizationId>) -> Result<()>;
    /// Has a session act for that organisation; whether the session was there.
    async fn choose_organization(&mut self, session: Id<Session>, organization: OrganizationId) -> Result<bool>;
    /// Holds a user until the end of the transaction.
    async fn lock_user(&mut self, user: UserId) -> Result<()>;
    /// Keeps a way to set a password anew.
    async fn put_reset(&mut self, reset: &PasswordReset) -> Result<()>;
    /// The user of a token's hash that is good at an instant.
    async fn user_of_reset(&mut self, token_hash: &str, now: Timestamp) -> Result<Option<UserId>>;
    /// Uses up a token, and all others of its user; whether it was there and good.
    async fn take_reset(&mut self, token_hash: &str, now: Timestamp) -> Result<Option<UserId>>;
    /// The key of that hash, and whose it is.
    async fn api_key_by_hash(&mut self, key_hash: &str) -> Result<Option<(OrganizationId, ApiKey)>>;
    /// The invitation of a token's hash, and where to.
    async fn invite_by_hash(&mut self, token_hash: &str) -> Result<Option<(OrganizationId, Invite)>>;
    /// Who users are, in no order; those that are not there are left out.
    async fn authors(&mut self, users: &[UserId]) -> Result<Vec<(UserId, Author)>>;
    /// How many members an organisation has.
    async fn members_of(&mut self, organization: OrganizationId) -> Result<i64>;
    /// An organisation's members and who they are, the oldest first, at most `limit`.
    async fn people_of(&mut self, organization: OrganizationId, limit: i64) -> Result<Vec<(Member, Author)>>;
}
