//! What each role may do, resource by resource: data that clients show and hide things by.
//!
//! | role | has what these have | and |
//! |---|---|---|
//! | viewer | | reads |
//! | user | viewer | |
//! | agent | user | calls, notes, payments |
//! | analyst | viewer | reports |
//! | manager, operator | agent; operator has the manager's | campaigns, the dialler, teams |
//! | compliance | user, neither agent nor manager | evidence, violations |
//! | admin | manager, compliance | members, billing, retention |
//! | owner | admin | ends the subscription, makes owners |
//!
//! Use cases are guarded by rank ([`Role::at_least`]), which is coarser: what is told here opens nothing by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{OrganizationId, Plan};
use crate::{
    kit::{Result, Role, text},
    wib::Org,
};

/// One thing that may be done with one kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Permission {
    /// With what.
    pub resource: &'static str,
    /// What.
    pub action: &'static str,
}

/// The roles that are shown with what they may do, the lowest first.
const SHOWN: [Role; 7] =
    [Role::Viewer, Role::User, Role::Agent, Role::Manager, Role::Compliance, Role::Admin, Role::Owner];

/// Whose permissions a role has besides its own.
const fn inherits(role: Role) -> &'static [Role] {
    match role {
        Role::Viewer => &[],
        Role::User | Role::Analyst => &[Role::Viewer],
        Role::Agent | Role::Compliance => &[Role::User],
        Role::Manager => &[Role::Agent],
        Role::Operator => &[Role::Manager],
        Role::Admin => &[Role::Manager, Role::Compliance],
        Role::Owner => &[Role::Admin],
    }
}

type Seed = &'static [(&'static str, &'static [&'static str])];

/// What a role adds to what it inherits.
const fn adds(role: Role) -> Seed {
    match role {
        Role::Viewer => &[
            ("voice_config", &["read"]),
            ("call", &["read"]),
            ("recording", &["read"]),
            ("transcript", &["read"]),
            ("translation", &["read"]),
            ("survey", &["read"]),
            ("secret_shopper", &["read"]),
            ("booking", &["read"]),
            ("campaign", &["read"]),
            ("scorecard", &["read"]),
            ("team", &["read"]),
            ("billing", &["read"]),
            ("usage", &["read"]),
        ],
        Role::User | Role::Operator => &[],
        Role::Agent => &[
            ("call", &["execute", "write"]),
            ("booking", &["write"]),
            ("collection", &["read", "write"]),
            ("disposition", &["write"]),
            ("note", &["write"]),
            ("bond_ai", &["execute"]),
            ("dnc", &["write"]),
            ("payment", &["write"]),
        ],
        Role::Analyst => &[("analytics", &["read"]), ("report", &["read", "write"])],
        Role::Manager => &[
            ("booking", &["execute"]),
            ("secret_shopper", &["execute"]),
            ("voice_target", &["write"]),
            ("campaign", &["write", "execute"]),
            ("dialer", &["execute"]),
            ("report", &["write"]),
            ("scorecard", &["write"]),
            ("team", &["write"]),
            ("recording", &["write"]),
            ("alert", &["write"]),
            ("collection", &["delete"]),
            ("caller_id", &["delete"]),
        ],
        Role::Compliance => &[
            ("compliance", &["read", "write"]),
            ("retention", &["read"]),
            ("legal_hold", &["read"]),
            ("audit", &["read"]),
            ("dnc", &["delete"]),
            ("violation", &["write"]),
        ],
        Role::Admin => &[
            ("voice_config", &["write"]),
            ("secret_shopper", &["write"]),
            ("user", &["invite", "remove"]),
            ("team", &["invite", "remove"]),
            ("role", &["write"]),
            ("billing", &["read", "write"]),
            ("webhook", &["write"]),
            ("integration", &["write"]),
            ("retention", &["write"]),
            ("legal_hold", &["write"]),
            ("audit", &["read"]),
            ("feature_flag", &["write"]),
            ("analytics", &["read"]),
            ("campaign", &["delete"]),
        ],
        Role::Owner => &[("billing", &["cancel"]), ("role", &["grant-owner"])],
    }
}

/// Every role whose permissions a role has besides its own, the nearest first.
#[must_use]
pub fn inherited(role: Role) -> Vec<Role> {
    let mut all = inherits(role).to_vec();
    let mut at = 0;
    while let Some(next) = all.get(at).copied() {
        let further: Vec<_> = inherits(next).iter().filter(|role| !all.contains(role)).copied().collect();
        all.extend(further);
        at += 1;
    }
    all
}

/// Everything that a role may do, its own and what it inherits.
#[must_use]
pub fn permissions(role: Role) -> BTreeSet<Permission> {
    let whose = std::iter::once(role).chain(inherited(role));
    let of = |(resource, actions): &(&'static str, &'static [&'static str])| {
        let resource = *resource;
        actions.iter().map(move |action| Permission { resource, action })
    };
    whose.flat_map(|role| adds(role).iter().flat_map(of)).collect()
}

/// What whoever acts may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// For which organisation.
    pub organization_id: OrganizationId,
    /// As what.
    pub role: Role,
    /// What the organisation pays for.
    pub plan: Plan,
    /// Every role whose permissions the role has besides its own, the nearest first.
    pub inherited: Vec<Role>,
    /// Everything, by resource and action.
    pub all: BTreeSet<Permission>,
}
impl Permissions {
    /// The actions of each resource.
    #[must_use]
    pub fn by_resource(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        let mut by = BTreeMap::<_, Vec<_>>::new();
        for permission in &self.all {
            by.entry(permission.resource).or_default().push(permission.action);
        }
        by
    }
}

/// Asks whether whoever acts may do something.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckPermission {
    /// With what.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub resource: String,
    /// What.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub action: String,
}

/// Whether it may be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Checked {
    /// Whether.
    pub allowed: bool,
    /// With what.
    pub resource: String,
    /// What.
    pub action: String,
    /// As what.
    pub role: Role,
}

/// A role, and everything that it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RolePermissions {
    /// The role.
    pub name: Role,
    /// Its rank, 1 to 5.
    pub level: u8,
    /// Every role whose permissions it has besides its own, the nearest first.
    pub inherits: Vec<Role>,
    /// Everything, what it inherits included.
    pub permissions: BTreeSet<Permission>,
}

impl Org {
    /// What whoever acts may do.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        Permissions {
            organization_id: self.id(),
            role: self.role(),
            plan: self.organization().plan,
            inherited: inherited(self.role()),
            all: permissions(self.role()),
        }
    }
    /// Whether whoever acts may do something. What nobody knows is not allowed.
    ///
    /// # Errors
    /// `Invalid` naming a field that is empty or longer than 100 characters.
    pub fn check_permission(&self, command: CheckPermission) -> Result<Checked> {
        let resource = text::required("resource", &command.resource, 100)?;
        let action = text::required("action", &command.action, 100)?;
        let allowed = permissions(self.role()).iter().any(|p| p.resource == resource && p.action == action);
        Ok(Checked { allowed, resource, action, role: self.role() })
    }
    /// Every role of the contract with what it may do, the lowest first.
    ///
    /// # Errors
    /// `Forbidden` below admin.
    pub fn roles(&self) -> Result<Vec<RolePermissions>> {
        self.at_least(Role::Admin)?;
        let of = |name: Role| RolePermissions {
            name,
            level: name.rank(),
            inherits: inherited(name),
            permissions: permissions(name),
        };
        Ok(SHOWN.into_iter().map(of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::text::TextEnum;

    fn may(role: Role, resource: &'static str, action: &'static str) -> bool {
        permissions(role).contains(&Permission { resource, action })
    }

    #[test]
    fn roles_have_what_they_inherit_and_nothing_of_those_beside_them() {
        for role in Role::ALL {
            assert!(may(*role, "call", "read"), "{role} reads");
            for under in inherited(*role) {
                assert!(permissions(*role).is_superset(&permissions(under)), "{role} has what {under} has");
                assert!(!inherited(under).contains(role), "{role} and {under} lead to each other");
            }
        }
        assert!(!may(Role::Compliance, "call", "execute") && !may(Role::Manager, "violation", "write"));
        assert!(may(Role::Admin, "call", "execute") && may(Role::Admin, "violation", "write"));
        assert!(!may(Role::Admin, "billing", "cancel") && may(Role::Owner, "billing", "cancel"));
        assert_eq!(permissions(Role::Operator), permissions(Role::Manager));
        assert!(may(Role::Analyst, "report", "write") && !may(Role::Analyst, "note", "write"));
        assert_eq!(inherited(Role::Compliance), [Role::User, Role::Viewer]);
        let all = [Role::Manager, Role::Compliance, Role::Agent, Role::User, Role::Viewer];
        assert_eq!(inherited(Role::Admin), all);
    }
}
