//! Teams of an organisation's members.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{Author, members::Colleague};
use crate::{
    auth::UserId,
    kit::{Error, Id, Kind, OrNotFound, Page, PageRequest, Result, Role, text, time::Timestamp},
    store::{OrgTx, Record, Repo},
    wib::Org,
};

/// Most teams of an organisation, those that were dissolved counted.
const MOST: i64 = 500;
/// Most members of a team.
const SIZE: i64 = 1000;
/// How deep teams lie in each other.
const DEPTH: usize = 16;

/// The id of a team.
pub type TeamId = Id<Team>;
/// The id of a place in a team.
pub type TeamMemberId = Id<TeamMember>;

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name; one of a name at a time.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What kind of team it is, in the organisation's own words.
    pub team_type: String,
    /// The team that it is a part of.
    pub parent_team_id: Option<TeamId>,
    /// Who leads it.
    pub manager_user_id: Option<UserId>,
    /// False once it was dissolved.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for Team {
    const NAME: &'static str = "team";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A member's place in a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamMember {
    /// Its id.
    pub id: TeamMemberId,
    /// Which team.
    pub team_id: TeamId,
    /// Who.
    pub user_id: UserId,
    /// As what, in the organisation's own words.
    pub team_role: String,
    /// Since when.
    pub joined_at: Timestamp,
}
impl Record for TeamMember {
    const NAME: &'static str = "team member";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Makes a team.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateTeam {
    /// Its name, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 200)))]
    pub name: String,
    /// What it is for, at most 2000 characters.
    #[cfg_attr(feature = "schema", schemars(length(max = 2000)))]
    pub description: Option<String>,
    /// What kind of team it is, at most 50 characters; `department` by default.
    #[cfg_attr(feature = "schema", schemars(length(max = 50)))]
    pub team_type: Option<String>,
    /// The team that it is a part of.
    pub parent_team_id: Option<TeamId>,
    /// Who leads it: a member.
    pub manager_user_id: Option<UserId>,
}

/// Changes a team. What is left out stays, `null` clears.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateTeam {
    /// Which.
    pub id: TeamId,
    /// Its name, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 200)))]
    pub name: Option<String>,
    /// What it is for, at most 2000 characters.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", length(max = 2000)))]
    pub description: Option<Option<String>>,
    /// What kind of team it is, at most 50 characters.
    #[cfg_attr(feature = "schema", schemars(length(max = 50)))]
    pub team_type: Option<String>,
    /// The team that it is a part of.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<TeamId>"))]
    pub parent_team_id: Option<Option<TeamId>>,
    /// Who leads it: a member.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<UserId>"))]
    pub manager_user_id: Option<Option<UserId>>,
    /// False dissolves it, true brings it back.
    pub is_active: Option<bool>,
}

/// `null` is something that was said.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

/// A team in a list.
#[derive(Clone, Debug)]
pub struct TeamView {
    /// Its row.
    pub row: Team,
    /// Who leads it.
    pub manager: Option<Author>,
    /// How many are in it.
    pub members: i64,
}

/// Somebody in a team.
#[derive(Clone, Debug)]
pub struct TeamMate {
    /// The place.
    pub row: TeamMember,
    /// Who it is in the organisation.
    pub colleague: Colleague,
}

fn taken(error: Error) -> Error {
    match error.kind() {
        Kind::Conflict => Error::conflict("there is a team of that name").because(error),
        _ => error,
    }
}

impl Org {
    /// The teams that there are, the newest first.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn teams(&self, request: PageRequest) -> Result<Page<TeamView>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let page = tx.page_of_teams(&request).await?;
        let ids: Vec<_> = page.items.iter().map(|team| team.id).collect();
        let sizes: BTreeMap<_, _> = tx.team_sizes(&ids).await?.into_iter().collect();
        drop(tx);
        let authors = self.authors(page.items.iter().filter_map(|team| team.manager_user_id)).await?;
        Ok(page.map(|row| TeamView {
            manager: row.manager_user_id.and_then(|user| authors.get(&user).cloned()),
            members: sizes.get(&row.id).copied().unwrap_or(0),
            row,
        }))
    }

    async fn check_manager(&self, tx: &mut dyn OrgTx, manager: Option<UserId>) -> Result<()> {
        match manager {
            Some(user) if tx.member_of_user(user).await?.is_none() => {
                Err(Error::field("manager_user_id", "is not a member"))
            }
            _ => Ok(()),
        }
    }
    /// Refuses a parent that is not there, and one that lies in the team itself.
    async fn check_parent(&self, tx: &mut dyn OrgTx, team: Option<TeamId>, parent: Option<TeamId>) -> Result<()> {
        let mut above = parent;
        for _ in 0..DEPTH {
            let Some(id) = above else { return Ok(()) };
            if Some(id) == team {
                return Err(Error::field("parent_team_id", "is a part of this team"));
            }
            let row = Repo::<Team>::find(tx, id).await?;
            above = row.ok_or_else(|| Error::field("parent_team_id", "is no team"))?.parent_team_id;
        }
        Err(Error::field("parent_team_id", format!("teams lie {DEPTH} deep at most")))
    }

    /// Makes a team.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Conflict` for a name that is taken and past 500 teams; `Forbidden` below manager.
    pub async fn create_team(&self, command: CreateTeam) -> Result<Team> {
        self.at_least(Role::Manager)?;
        let now = self.wib.now();
        let team = Team {
            id: self.wib.id(),
            name: text::required("name", &command.name, 200)?,
            description: text::optional("description", command.description, 2000)?,
            team_type: text::optional("team_type", command.team_type, 50)?.unwrap_or_else(|| "department".to_owned()),
            parent_team_id: command.parent_team_id,
            manager_user_id: command.manager_user_id,
            is_active: true,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.tx().await?;
        tx.lock_owners().await?;
        self.check_parent(&mut *tx, None, team.parent_team_id).await?;
        self.check_manager(&mut *tx, team.manager_user_id).await?;
        if tx.count_teams().await? >= MOST {
            return Err(Error::conflict(format!("there are {MOST} teams already")));
        }
        tx.insert(&team).await.map_err(taken)?;
        self.audit("team:created", ("team", Some(team.id.uuid()))).is(&told(&team)).write(&mut *tx).await;
        tx.commit().await?;
        Ok(team)
    }
    /// Changes a team.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Conflict` for a name that is taken; `Forbidden` below manager.
    pub async fn update_team(&self, command: UpdateTeam) -> Result<Team> {
        self.at_least(Role::Manager)?;
        let mut tx = self.tx().await?;
        // Two changes at once must not put two teams into each other.
        tx.lock_owners().await?;
        let name = command.name.map(|name| text::required("name", &name, 200)).transpose()?;
        let description = command.description.map(|words| text::optional("description", words, 2000)).transpose()?;
        let team_type = command.team_type.map(|kind| text::required("team_type", &kind, 50)).transpose()?;
        let known = Repo::<Team>::find(&mut *tx, command.id).await?.or_not_found("team")?;
        let team = Team {
            name: name.unwrap_or_else(|| known.name.clone()),
            description: description.unwrap_or_else(|| known.description.clone()),
            team_type: team_type.unwrap_or_else(|| known.team_type.clone()),
            parent_team_id: command.parent_team_id.unwrap_or(known.parent_team_id),
            manager_user_id: command.manager_user_id.unwrap_or(known.manager_user_id),
            is_active: command.is_active.unwrap_or(known.is_active),
            updated_at: self.wib.now(),
            ..known.clone()
        };
        if team.parent_team_id != known.parent_team_id {
            self.check_parent(&mut *tx, Some(team.id), team.parent_team_id).await?;
        }
        if team.manager_user_id != known.manager_user_id {
            self.check_manager(&mut *tx, team.manager_user_id).await?;
        }
        tx.update(&team).await.map_err(taken)?;
        let about = ("team", Some(team.id.uuid()));
        self.audit("team:updated", about).changed(&told(&known), &told(&team)).write(&mut *tx).await;
        tx.commit().await?;
        Ok(team)
    }
    /// Dissolves a team. Its row and its members stay, its name is free.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below admin.
    pub async fn dissolve_team(&self, id: TeamId) -> Result<()> {
        self.at_least(Role::Admin)?;
        let mut tx = self.tx().await?;
        let team = Repo::<Team>::find(&mut *tx, id).await?.or_not_found("team")?;
        tx.update(&Team { is_active: false, updated_at: self.wib.now(), ..team.clone() }).await?;
        self.audit("team:deleted", ("team", Some(id.uuid()))).was(&told(&team)).write(&mut *tx).await;
        tx.commit().await
    }
    /// Who is in a team.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn team_members(&self, id: TeamId) -> Result<Vec<TeamMate>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Team>::find(&mut *tx, id).await?.or_not_found("team")?;
        let rows = tx.team_members(id, SIZE).await?;
        let members = tx.members_of_team(id, SIZE).await?.into_iter().map(|member| (member.user_id, member));
        let mut members: BTreeMap<_, _> = members.collect();
        drop(tx);
        let mut authors = self.authors(members.keys().copied()).await?;
        let mate = |row: TeamMember| {
            let (member, author) = (members.remove(&row.user_id)?, authors.remove(&row.user_id)?);
            Some(TeamMate { row, colleague: Colleague { member, author } })
        };
        Ok(rows.into_iter().filter_map(mate).collect())
    }
    /// Puts a member into a team, or gives them another role in it.
    ///
    /// # Errors
    /// `Invalid` naming the field, also for somebody who is no member; `NotFound` for the team; `Conflict` past 1000 in a
    /// team; `Forbidden` below manager.
    pub async fn put_team_member(&self, id: TeamId, user: UserId, role: Option<String>) -> Result<TeamMember> {
        self.at_least(Role::Manager)?;
        let team_role = text::optional("team_role", role, 50)?.unwrap_or_else(|| "member".to_owned());
        let mut tx = self.tx().await?;
        tx.lock_owners().await?;
        Repo::<Team>::find(&mut *tx, id).await?.or_not_found("team")?;
        if tx.member_of_user(user).await?.is_none() {
            return Err(Error::field("user_id", "is not a member of the organisation"));
        }
        let row = match tx.team_member(id, user).await? {
            Some(known) => {
                let row = TeamMember { team_role, ..known };
                tx.update(&row).await?;
                row
            }
            None => {
                if tx.count_team(id).await? >= SIZE {
                    return Err(Error::conflict(format!("{SIZE} are in the team already")));
                }
                let joined_at = self.wib.now();
                let row = TeamMember { id: self.wib.id(), team_id: id, user_id: user, team_role, joined_at };
                tx.insert(&row).await?;
                row
            }
        };
        let told = json!({ "user_id": user });
        self.audit("team:member_invited", ("team", Some(id.uuid()))).with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(row)
    }
    /// Takes somebody out of a team.
    ///
    /// # Errors
    /// `NotFound` for the team, and for somebody who is not in it; `Forbidden` below manager.
    pub async fn remove_team_member(&self, id: TeamId, user: UserId) -> Result<()> {
        self.at_least(Role::Manager)?;
        let mut tx = self.tx().await?;
        Repo::<Team>::find(&mut *tx, id).await?.or_not_found("team")?;
        if !tx.leave_team(id, user).await? {
            return Err(Error::not_found("team member"));
        }
        let told = json!({ "user_id": user });
        self.audit("team:member_removed", ("team", Some(id.uuid()))).with(told).write(&mut *tx).await;
        tx.commit().await
    }
}

/// What the log is told of a team: ids, no words.
fn told(team: &Team) -> serde_json::Value {
    json!({
        "parent_team_id": team.parent_team_id, "manager_user_id": team.manager_user_id, "is_active": team.is_active,
    })
}
