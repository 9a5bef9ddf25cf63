//! Who asks, and what they may.

use serde::{Deserialize, Serialize};

use super::{Error, Id, Result};
use crate::{auth::User, orgs::Organization, text_enum};

text_enum! {
    /// What a member of an organisation may do; ranks as the HTTP contract has them.
    pub enum Role {
        /// Reads.
        Viewer = "viewer",
        /// Calls and writes notes.
        Agent = "agent",
        /// Reads and makes reports.
        Analyst = "analyst",
        /// A plain member, of an agent's rank.
        User = "user",
        /// Runs campaigns.
        Operator = "operator",
        /// Runs a team.
        Manager = "manager",
        /// Reviews evidence and violations.
        Compliance = "compliance",
        /// Runs the organisation.
        Admin = "admin",
        /// Owns it.
        Owner = "owner",
    }
}

impl Role {
    /// 1 (reads) to 5 (owns).
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Viewer => 1,
            Self::Agent | Self::Analyst | Self::User => 2,
            Self::Operator | Self::Manager | Self::Compliance => 3,
            Self::Admin => 4,
            Self::Owner => 5,
        }
    }
    /// Refuses a role of a lower rank than `least`.
    ///
    /// # Errors
    /// `Forbidden` when the rank is too low.
    pub fn at_least(self, least: Self) -> Result<()> {
        if self.rank() >= least.rank() {
            Ok(())
        } else {
            Err(Error::forbidden(format!("needs the role {least} or higher")))
        }
    }
}

/// Who did something: the audit log's actor types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A signed-in person.
    Human(Id<User>),
    /// The platform itself (jobs, workers).
    System,
    /// A vendor, by a verified event.
    Vendor,
    /// A rule or a schedule that a person set up; also an embedding service.
    Automation,
}
impl Actor {
    /// The word of the audit log.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Human(_) => "human",
            Self::System => "system",
            Self::Vendor => "vendor",
            Self::Automation => "automation",
        }
    }
    /// The person, when it is one.
    #[must_use]
    pub const fn user(self) -> Option<Id<User>> {
        match self {
            Self::Human(id) => Some(id),
            _ => None,
        }
    }
}

/// Somebody who may act for one organisation: the key to [`Wib::org`](crate::Wib::org).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The organisation.
    pub organization_id: Id<Organization>,
    /// Who acts.
    pub actor: Actor,
    /// With what role.
    pub role: Role,
}
impl Principal {
    /// A service that embeds the core and acts for the organisation with an owner's rights.
    #[must_use]
    pub const fn service(organization_id: Id<Organization>) -> Self {
        Self { organization_id, actor: Actor::Automation, role: Role::Owner }
    }
}
