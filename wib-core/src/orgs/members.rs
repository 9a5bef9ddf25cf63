//! Who belongs to the organisation, and as what.

use serde_json::json;

use super::{Author, Member, Plan};
use crate::{
    auth::UserId,
    kit::{Error, OrNotFound, Result, Role},
    plans::{self, Amounts},
    store::OrgTx,
    text_enum,
    wib::Org,
};

/// Most members that are listed.
const LISTED: i64 = 1000;

text_enum! {
    /// What a member may be made.
    pub enum GrantedRole {
        /// Reads.
        Viewer = "viewer",
        /// Calls and writes notes.
        Agent = "agent",
        /// Runs a team.
        Manager = "manager",
        /// Reviews evidence and violations.
        Compliance = "compliance",
        /// Runs the organisation.
        Admin = "admin",
        /// Owns it; by an owner's grant alone.
        Owner = "owner",
    }
}
impl From<GrantedRole> for Role {
    fn from(granted: GrantedRole) -> Self {
        match granted {
            GrantedRole::Viewer => Self::Viewer,
            GrantedRole::Agent => Self::Agent,
            GrantedRole::Manager => Self::Manager,
            GrantedRole::Compliance => Self::Compliance,
            GrantedRole::Admin => Self::Admin,
            GrantedRole::Owner => Self::Owner,
        }
    }
}

/// A member, and who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colleague {
    /// The membership.
    pub member: Member,
    /// Who it is.
    pub author: Author,
}

/// Refuses one more member than the plan lets there be: those there are are `taken`.
pub(super) fn seat(plan: Plan, taken: i64) -> Result<()> {
    let room = |amounts: Amounts| amounts.members.is_none_or(|most| taken < most);
    let Some(limit) = plan.amounts().members.filter(|_| !room(plan.amounts())) else { return Ok(()) };
    metrics::counter!("wib_quota_refusals_total", "of" => "members").increment(1);
    Err(plans::used_up("seats", plan, limit, taken, room))
}

impl Org {
    /// The members, the oldest first, at most 1000; and how many there are.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn members(&self) -> Result<(Vec<Colleague>, i64)> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.wib.store.system().await?;
        let total = tx.members_of(self.id()).await?;
        let people = tx.people_of(self.id(), LISTED).await?;
        Ok((people.into_iter().map(|(member, author)| Colleague { member, author }).collect(), total))
    }

    /// The member as of now, held against others who change members; refuses whoever may not change them: only owners touch
    /// owners, and nobody themselves.
    async fn member_to_change(&self, tx: &mut dyn OrgTx, user: UserId) -> Result<Member> {
        let owners = tx.lock_owners().await?;
        if self.actor().user() == Some(user) {
            return Err(Error::invalid("nobody does this to themselves"));
        }
        let member = tx.member_of_user(user).await?.or_not_found("member")?;
        if member.role == Role::Owner {
            self.owner_still(&owners)?;
            if owners.len() < 2 {
                return Err(Error::conflict("the last owner stays"));
            }
        }
        Ok(member)
    }
    /// Refuses a person who is none of the owners by now.
    fn owner_still(&self, owners: &[Member]) -> Result<()> {
        self.at_least(Role::Owner)?;
        match self.actor().user() {
            Some(me) if owners.iter().all(|owner| owner.user_id != me) => Err(Error::forbidden("needs the role owner")),
            _ => Ok(()),
        }
    }

    /// Changes what a member may.
    ///
    /// # Errors
    /// `Invalid` for one's own role; `NotFound`; `Forbidden` below admin, and below owner where an owner is made or
    /// touched; `Conflict` for the last owner.
    pub async fn set_member_role(&self, user: UserId, role: GrantedRole) -> Result<Member> {
        self.at_least(Role::Admin)?;
        let mut tx = self.tx().await?;
        let member = self.member_to_change(&mut *tx, user).await?;
        if role == GrantedRole::Owner {
            let owners = tx.lock_owners().await?;
            self.owner_still(&owners)?;
        }
        let changed = Member { role: role.into(), ..member.clone() };
        tx.update(&changed).await?;
        let (old, new) = (json!({ "role": member.role }), json!({ "role": changed.role }));
        self.audit("team:role_changed", ("user", Some(user.uuid()))).changed(&old, &new).write(&mut *tx).await;
        tx.commit().await?;
        Ok(changed)
    }

    /// Takes a member out of the organisation and its teams, and ends their sessions in it.
    ///
    /// # Errors
    /// `Invalid` for oneself; `NotFound`; `Forbidden` below admin, and below owner for an owner; `Conflict` for the last
    /// owner.
    pub async fn remove_member(&self, user: UserId) -> Result<()> {
        self.at_least(Role::Admin)?;
        let mut tx = self.tx().await?;
        let member = self.member_to_change(&mut *tx, user).await?;
        tx.remove_member(user).await?;
        let was = json!({ "role": member.role });
        self.audit("team:member_removed", ("user", Some(user.uuid()))).was(&was).write(&mut *tx).await;
        tx.commit().await?;
        // Their rights ended with the row: every request looks for it. The sessions go so that none waits for a return.
        let mut tx = self.wib.store.system().await?;
        tx.end_sessions(user, Some(self.id())).await?;
        tx.commit().await
    }
}
