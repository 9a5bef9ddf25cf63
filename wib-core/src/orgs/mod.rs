//! Organisations: the tenants.

mod authors;
mod invites;
mod members;
mod own;
mod permissions;
mod teams;

pub use authors::Author;
pub use invites::{Invite, InviteStatus, InvitedRole, Joined, NewInvite, OpenInvite, SeenInvite};
pub use members::{Colleague, GrantedRole};
pub use own::{OwnOrganization, Place};
pub use permissions::{CheckPermission, Checked, Permission, Permissions, RolePermissions, inherited, permissions};
pub use teams::{CreateTeam, Team, TeamId, TeamMate, TeamMember, TeamMemberId, TeamView, UpdateTeam};

use serde::{Deserialize, Serialize};

use crate::{
    auth::User,
    compliance::CollectorRole,
    kit::{Id, Role, time::Timestamp},
    store::Record,
    text_enum,
};

/// The id of an organisation.
pub type OrganizationId = Id<Organization>;

text_enum! {
    /// What an organisation pays for.
    pub enum Plan {
        /// Nothing.
        Free = "free",
        /// The first paid plan.
        Starter = "starter",
        /// For teams.
        Pro = "pro",
        /// For call centres.
        Business = "business",
        /// Without limits.
        Enterprise = "enterprise",
    }
}

/// A tenant. Live or test for ever: what a sandbox made never mixes with what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What it pays for.
    pub plan: Plan,
    /// In which role it collects.
    pub collector_role: CollectorRole,
    /// False when its calls are carried by sandboxes.
    pub live: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A person's membership in an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: Id<Member>,
    /// Where.
    pub organization_id: OrganizationId,
    /// Who.
    pub user_id: Id<User>,
    /// As what.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}
impl Record for Member {
    const NAME: &'static str = "member";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
