use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Person, Wib,
    auth::UserId,
    billing::SubscriptionState,
    kit::{PageRequest, Role},
    limits::Limit,
    orgs::{
        CreateTeam, GrantedRole, OrganizationId, Place, Plan, Team, TeamId, TeamMate, TeamMember, TeamMemberId,
        TeamView, UpdateTeam,
    },
    plans::Feature,
};

use crate::{
    input::{ById, Nothing},
    routes::AllDone,
    table::{Routes, person, role, session},
};

/// Lists the teams that there are, the newest first.
#[derive(Deserialize, JsonSchema)]
struct ListTeams {
    /// From 1.
    page: Option<i64>,
    /// 25 by default, at most 200.
    limit: Option<i64>,
}

/// A team in the list.
#[derive(Serialize, JsonSchema)]
struct TeamLine {
    #[serde(flatten)]
    team: MadeTeam,
    is_active: bool,
    manager_name: Option<String>,
    manager_email: Option<String>,
    member_count: i64,
}

/// A team.
#[derive(Serialize, JsonSchema)]
struct MadeTeam {
    id: TeamId,
    name: String,
    description: Option<String>,
    team_type: String,
    parent_team_id: Option<TeamId>,
    manager_user_id: Option<UserId>,
    created_at: String,
}
impl From<Team> for MadeTeam {
    fn from(row: Team) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            team_type: row.team_type,
            parent_team_id: row.parent_team_id,
            manager_user_id: row.manager_user_id,
            created_at: row.created_at.to_string(),
        }
    }
}
impl From<TeamView> for TeamLine {
    fn from(view: TeamView) -> Self {
        let (manager_name, manager_email) = view.manager.map(|who| (who.name, who.email)).unzip();
        let (is_active, member_count) = (view.row.is_active, view.members);
        Self { team: view.row.into(), is_active, manager_name, manager_email, member_count }
    }
}

/// Somebody in a team.
#[derive(Serialize, JsonSchema)]
struct MateLine {
    id: TeamMemberId,
    team_role: String,
    joined_at: String,
    user_id: UserId,
    name: String,
    email: String,
    org_role: Role,
}
impl From<TeamMate> for MateLine {
    fn from(mate: TeamMate) -> Self {
        let TeamMate { row, colleague } = mate;
        Self {
            id: row.id,
            team_role: row.team_role,
            joined_at: row.joined_at.to_string(),
            user_id: row.user_id,
            name: colleague.author.name,
            email: colleague.author.email,
            org_role: colleague.member.role,
        }
    }
}

/// Puts a member into a team, or gives them another role in it.
#[derive(Deserialize, JsonSchema)]
struct PutMate {
    id: TeamId,
    user_id: UserId,
    /// At most 50 characters; `member` by default.
    #[schemars(length(max = 50))]
    team_role: Option<String>,
}

/// A place in a team.
#[derive(Serialize, JsonSchema)]
struct Membership {
    id: TeamMemberId,
    team_role: String,
    joined_at: String,
}

/// Whom of which team.
#[derive(Deserialize, JsonSchema)]
struct OfMate {
    id: TeamId,
    #[serde(rename = "userId")]
    user_id: UserId,
}

/// An organisation of whoever asks.
#[derive(Serialize, JsonSchema)]
struct OwnLine {
    id: OrganizationId,
    name: String,
    plan: Plan,
    plan_status: SubscriptionState,
    role: Role,
    joined_at: String,
    member_count: i64,
}
impl From<Place> for OwnLine {
    fn from(place: Place) -> Self {
        let (o, member) = (place.own.organization, place.member);
        Self {
            id: o.id,
            name: o.name,
            plan: o.plan,
            plan_status: place.own.plan_status,
            role: member.role,
            joined_at: member.created_at.to_string(),
            member_count: place.own.members,
        }
    }
}

/// The organisations of whoever asks.
#[derive(Serialize, JsonSchema)]
struct OwnOrganizations {
    organizations: Vec<OwnLine>,
    current_org_id: Option<OrganizationId>,
}

/// Has the session act for another organisation.
#[derive(Deserialize, JsonSchema)]
struct SwitchOrganization {
    organization_id: OrganizationId,
}

/// The organisation that the session acts for now.
#[derive(Serialize, JsonSchema)]
struct Switched {
    organization: SwitchedTo,
    message: &'static str,
}

/// An organisation, and what whoever asks is in it.
#[derive(Serialize, JsonSchema)]
struct SwitchedTo {
    id: OrganizationId,
    name: String,
    role: Role,
}

/// Changes what a member may.
#[derive(Deserialize, JsonSchema)]
struct SetRole {
    #[serde(rename = "userId")]
    user_id: UserId,
    role: GrantedRole,
}

/// What a member may now.
#[derive(Serialize, JsonSchema)]
struct RoleSet {
    user_id: UserId,
    new_role: Role,
}

pub(super) fn routes() -> Routes<Wib> {
    let manager = || role(Role::Manager).limit(Limit::Team);
    let admin = || role(Role::Admin).limit(Limit::Team);
    Routes::<Wib>::at("teams", "/api/teams")
        .get("/", session().plan(Feature::Teams), |org: Org, query: ListTeams| async move {
            let request = PageRequest::numbered(query.page, query.limit, 25);
            org.teams(request).await.map(|page| page.map(TeamLine::from))
        })
        .page("teams")
        .post("/", manager().plan(Feature::Teams), |org: Org, command: CreateTeam| async move {
            org.create_team(command).await.map(MadeTeam::from)
        })
        .refuses(&[409])
        .created("team")
        .get("/my-orgs", person(), |person: Person, _: Nothing| async move {
            let organizations = person.organizations().await?.into_iter().map(OwnLine::from).collect();
            let current_org_id = person.signed_in().principal.map(|p| p.organization_id);
            Ok(OwnOrganizations { organizations, current_org_id })
        })
        .about("Lists the organisations of whoever asks.")
        .flat()
        .post("/switch-org", person().limit(Limit::Team), |person: Person, form: SwitchOrganization| async move {
            let place = person.switch_organization(form.organization_id).await?;
            let (o, role) = (place.own.organization, place.member.role);
            Ok(Switched { organization: SwitchedTo { id: o.id, name: o.name, role }, message: "Organization switched" })
        })
        .flat()
        .patch("/members/{userId}/role", admin(), |org: Org, form: SetRole| async move {
            let member = org.set_member_role(form.user_id, form.role).await?;
            Ok(RoleSet { user_id: member.user_id, new_role: member.role })
        })
        .flat()
        .put("/{id}", manager(), |org: Org, command: UpdateTeam| async move {
            org.update_team(command).await.map(|_| AllDone {})
        })
        .refuses(&[409])
        .flat()
        .get("/{id}/members", session(), |org: Org, of: ById<Team>| async move {
            org.team_members(of.id).await.map(|mates| mates.into_iter().map(MateLine::from).collect::<Vec<_>>())
        })
        .about("Lists who is in a team.")
        .list("members")
        .post("/{id}/members", manager(), |org: Org, form: PutMate| async move {
            let TeamMember { id, team_role, joined_at, .. } =
                org.put_team_member(form.id, form.user_id, form.team_role).await?;
            Ok(Membership { id, team_role, joined_at: joined_at.to_string() })
        })
        .created("membership")
        .delete("/{id}/members/{userId}", manager(), |org: Org, of: OfMate| async move {
            org.remove_team_member(of.id, of.user_id).await.map(|()| AllDone {})
        })
        .about("Takes somebody out of a team.")
        .flat()
        .delete("/{id}", admin(), |org: Org, of: ById<Team>| async move {
            org.dissolve_team(of.id).await.map(|()| AllDone {})
        })
        .about("Dissolves a team.")
        .flat()
}
