use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{
    Wib,
    kit::Role,
    limits::Limit,
    orgs::{CheckPermission, OrganizationId, Permissions, Plan},
};

use crate::{
    input::Nothing,
    table::{Routes, role, session},
};

/// What whoever asks may do.
#[derive(Serialize, JsonSchema)]
struct Context {
    role: Role,
    plan: Plan,
    /// The role's rank, 1 to 5.
    role_level: u8,
    inherited_roles: Vec<Role>,
    /// Each as `resource:action`.
    permissions: Vec<String>,
    permissions_by_resource: BTreeMap<&'static str, Vec<&'static str>>,
    #[serde(rename = "orgId")]
    org_id: OrganizationId,
}
impl From<Permissions> for Context {
    fn from(may: Permissions) -> Self {
        Self {
            role: may.role,
            plan: may.plan,
            role_level: may.role.rank(),
            permissions: may.all.iter().map(|p| format!("{}:{}", p.resource, p.action)).collect(),
            permissions_by_resource: may.by_resource(),
            inherited_roles: may.inherited,
            org_id: may.organization_id,
        }
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("rbac", "/api/rbac")
        .get(
            "/context",
            session().limit(Limit::Rbac),
            |org, _: Nothing| async move { Ok(Context::from(org.permissions())) },
        )
        .about("Tells what whoever asks may do.")
        .flat()
        .get("/check", session().limit(Limit::Rbac), |org, c: CheckPermission| async move { org.check_permission(c) })
        .bare()
        .get("/roles", role(Role::Admin).limit(Limit::Rbac), |org, _: Nothing| async move { org.roles() })
        .about("Lists roles and what each may do.")
        .list("roles")
}
