use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Person, Wib,
    auth::{User, UserId},
    billing::SubscriptionState,
    kit::{OrNotFound, Role},
    limits::Limit,
    orgs::{Organization, OrganizationId, OwnOrganization, Place, Plan},
};

use crate::{
    input::{ById, Nothing},
    table::{Routes, person, role},
};

/// Makes an organisation, whose owner whoever asks is.
#[derive(Deserialize, JsonSchema)]
struct MakeOrganization {
    /// 1 to 200 characters.
    #[schemars(length(min = 1, max = 200))]
    name: String,
}

/// An organisation as a member sees it.
#[derive(Serialize, JsonSchema)]
struct OrganizationBrief {
    id: OrganizationId,
    name: String,
    plan: Plan,
    plan_status: SubscriptionState,
}

/// An organisation, and how many are in it.
#[derive(Serialize, JsonSchema)]
struct OrganizationView {
    id: OrganizationId,
    name: String,
    plan: Plan,
    plan_status: SubscriptionState,
    member_count: i64,
    created_at: String,
}
impl From<OwnOrganization> for OrganizationView {
    fn from(own: OwnOrganization) -> Self {
        let OwnOrganization { organization: o, plan_status, members } = own;
        let created_at = o.created_at.to_string();
        Self { id: o.id, name: o.name, plan: o.plan, plan_status, member_count: members, created_at }
    }
}

/// An organisation that was made.
#[derive(Serialize, JsonSchema)]
struct MadeOrganization {
    organization: OrganizationView,
    role: Role,
    message: &'static str,
}

/// An organisation, and what whoever asks is in it.
#[derive(Serialize, JsonSchema)]
struct CurrentOrganization {
    organization: OrganizationBrief,
    role: Role,
}
impl From<Place> for CurrentOrganization {
    fn from(place: Place) -> Self {
        let (OwnOrganization { organization: o, plan_status, .. }, role) = (place.own, place.member.role);
        Self { organization: OrganizationBrief { id: o.id, name: o.name, plan: o.plan, plan_status }, role }
    }
}

/// The same with how many are in it.
#[derive(Serialize, JsonSchema)]
struct OneOrganization {
    organization: OrganizationView,
    role: Role,
}

/// Whoever asks.
#[derive(Serialize, JsonSchema)]
struct Profile {
    id: UserId,
    email: String,
    name: String,
    created_at: String,
    role: Option<Role>,
    organization_id: Option<OrganizationId>,
    organization_name: Option<String>,
    organization_plan: Option<Plan>,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("organizations", "/api/organizations")
        .post("/", person().limit(Limit::Org), |person: Person, form: MakeOrganization| async move {
            let place = person.create_organization(&form.name).await?;
            let (organization, role) = (place.own.into(), place.member.role);
            Ok(MadeOrganization { organization, role, message: "Organization created" })
        })
        .flat()
        .get("/current", person(), |person: Person, _: Nothing| async move {
            let place = person.active_organization().await?.or_not_found("organization")?;
            Ok(CurrentOrganization::from(place))
        })
        .about("Shows the organisation that the session acts for.")
        .refuses(&[404])
        .flat()
        .get("/{id}", role(Role::Admin), |org: Org, of: ById<Organization>| async move {
            let own = org.standing_of(of.id).await?;
            Ok(OneOrganization { organization: own.into(), role: org.role() })
        })
        .about("Shows the organisation.")
        .flat()
}

pub(super) fn users() -> Routes<Wib> {
    Routes::<Wib>::at("users", "/api/users")
        .get("/me", person(), |person: Person, _: Nothing| async move {
            let place = person.active_organization().await?;
            let user = person.user();
            let organization = place.as_ref().map(|place| &place.own.organization);
            Ok(Profile {
                id: user.id,
                email: user.email.clone(),
                name: user.name.clone(),
                created_at: user.created_at.to_string(),
                role: place.as_ref().map(|place| place.member.role),
                organization_id: organization.map(|o| o.id),
                organization_name: organization.map(|o| o.name.clone()),
                organization_plan: organization.map(|o| o.plan),
            })
        })
        .about("Shows whoever asks.")
        .item("user")
        .get("/{id}/organization", person(), |person: Person, of: ById<User>| async move {
            person.organization_of(of.id).await.map(CurrentOrganization::from)
        })
        .about("Shows the organisation that the session acts for; by one's own id alone.")
        .refuses(&[403, 404])
        .flat()
}
