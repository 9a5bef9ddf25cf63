//! Users, organisations, teams, keys.

use serde_json::{Map, Value as Json, json};
use wib_core::{
    auth::{CreateApiKey, SignUp},
    kit::{Id, Role},
    orgs::{CreateTeam, InvitedRole, Member},
    store::{Store, SystemTx},
};

use crate::server::Server;

/// A new member's user.
async fn member(server: &Server, name: &str) -> String {
    let system = server.wib.system();
    let csrf_token = Some(system.csrf_token().await.unwrap());
    let password = "a long enough password".to_owned().into();
    let email = format!("{name}@example.test");
    let account = SignUp { email, password, name: None, organization_name: None, csrf_token };
    let user = system.sign_up(account).await.unwrap();
    let now = server.wib.clock().now();
    let id = Id::new(now, &**server.wib.random());
    let organization_id = server.org().await.id();
    let row = Member { id, organization_id, user_id: user.id, role: Role::Agent, created_at: now };
    let mut tx: Box<dyn SystemTx> = server.store().system().await.unwrap();
    tx.insert_member(&row).await.unwrap();
    tx.commit().await.unwrap();
    user.id.to_string()
}

/// Puts one of everything there, and its id under the start of the paths that name it (`path#name` for one name of several).
pub(crate) async fn fill(server: &Server, ids: &mut Map<String, Json>) {
    let org = server.org().await;
    let key = CreateApiKey { name: "Sync".to_owned(), permissions: vec![], expires_at: None };
    let key = org.create_api_key(key).await.unwrap().row.id.to_string();
    let team = CreateTeam { name: "Calls".to_owned(), ..CreateTeam::default() };
    let team = org.create_team(team).await.unwrap().id;
    let (mate, promoted, leaver) =
        (member(server, "mate").await, member(server, "promoted").await, member(server, "leaver").await);
    org.put_team_member(team, mate.parse::<uuid::Uuid>().unwrap().into(), None).await.unwrap();
    let invite = org.invite("invited@example.test", InvitedRole::Viewer).await.unwrap();
    let token = invite.url.rsplit('/').next().unwrap().to_owned();
    for (name, id) in [
        ("organization", org.id().to_string()),
        ("user", mate.clone()),
        ("/api/api-keys", key),
        ("/api/organizations", org.id().to_string()),
        ("/api/users", mate.clone()),
        ("/api/teams", team.to_string()),
        ("/api/teams/{id}/members/{userId}#userId", mate),
        ("/api/teams/members", promoted),
        ("/api/team/members", leaver),
        ("/api/team/invites", invite.row.id.to_string()),
        ("/api/team/invites/accept", token),
    ] {
        ids.insert(name.to_owned(), id.into());
    }
}

/// What the document cannot say of a body that is as small as can be.
pub(crate) fn least(method: &str, path: &str, body: &mut Map<String, Json>) {
    if let ("POST", "/api/team/invites" | "/api/team/members") = (method, path) {
        body.insert("email".into(), json!("one@example.test"));
    }
}

/// Rows that refuse everybody of the house, and how: the right ones are among the scenarios.
pub(crate) fn refuses(method: &str, path: &str) -> Option<u16> {
    Some(match (method, path) {
        // Everybody here is in an organisation.
        ("POST", "/api/organizations") => 400,
        // Members join by invitation.
        ("POST", "/api/team/members") => 400,
        // Of one's own id alone.
        ("GET", "/api/users/{id}/organization") => 403,
        // Somebody else is invited.
        ("POST", "/api/team/invites/accept/{token}") => 403,
        _ => return None,
    })
}
