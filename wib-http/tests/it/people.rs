//! Members, invitations, teams, organisations of one's own.

use std::time::Duration;

use serde_json::{Value as Json, json};
use wib_core::{
    auth::{LogIn, SignUp},
    kit::{ExposeSecret, Role},
    orgs::Plan,
};

use crate::server::{Answer, Server};

const PASSWORD: &str = "a long enough password";

/// The token of somebody who is in no organisation.
async fn newcomer(server: &Server, email: &str) -> String {
    let system = server.wib.system();
    let csrf_token = Some(system.csrf_token().await.unwrap());
    let password = || PASSWORD.to_owned().into();
    let form = SignUp { email: email.into(), password: password(), name: None, organization_name: None, csrf_token };
    system.sign_up(form).await.unwrap();
    let csrf_token = Some(system.csrf_token().await.unwrap());
    let fingerprint = Some(wib_http::auth::fingerprint(&http::HeaderMap::new()));
    let form = LogIn { email: email.into(), password: password(), csrf_token, fingerprint };
    system.log_in(form).await.unwrap().token.expose_secret().to_owned()
}
async fn on(server: &Server, plan: Plan) {
    server.wib.system().set_plan(server.org().await.id(), plan).await.unwrap();
}
async fn invite(server: &Server, token: &str, email: &str, role: &str) -> Answer {
    let form = json!({ "email": email, "role": role }).to_string();
    server.asks(Some(token), "POST", "/api/team/invites", &form).await
}
fn token_of(invited: &Answer) -> String {
    assert_eq!(invited.status, 200, "{}", invited.json);
    invited.json["invite"]["invite_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}
async fn accept(server: &Server, who: &str, invite: &str) -> Answer {
    server.asks(Some(who), "POST", &format!("/api/team/invites/accept/{invite}"), "").await
}
async fn id_of(server: &Server, token: &str) -> String {
    let me = server.asks(Some(token), "GET", "/api/users/me", "").await;
    me.json["user"]["id"].as_str().unwrap_or_else(|| panic!("{}", me.json)).to_owned()
}
async fn set_role(server: &Server, token: &str, user: &str, role: &str) -> Answer {
    let path = format!("/api/teams/members/{user}/role");
    server.asks(Some(token), "PATCH", &path, &json!({ "role": role }).to_string()).await
}
async fn remove(server: &Server, token: &str, user: &str) -> Answer {
    server.asks(Some(token), "DELETE", &format!("/api/team/members/{user}"), "").await
}

#[tokio::test]
async fn somebody_is_invited_by_mail_and_joins_once() {
    let server = Server::start().await;
    on(&server, Plan::Pro).await;
    let bo = newcomer(&server, "bo@example.test").await;
    let eve = newcomer(&server, "eve@example.test").await;
    let invited = invite(&server, &server.token, " Bo@Example.test", "manager").await;
    let token = token_of(&invited);
    assert_eq!(invited.json["invite"]["email"], "bo@example.test");
    assert_eq!(invite(&server, &server.token, "bo@example.test", "viewer").await.status, 409, "one at a time");
    server.pass(Duration::from_secs(30)).await;
    let mail = server.sandbox.outbox().pop().unwrap();
    assert!(mail["to"] == json!(["bo@example.test"]) && mail["text"].as_str().unwrap().contains(&token), "{mail}");
    let seen = server.asks(None, "GET", &format!("/api/team/invites/validate/{token}"), "").await;
    assert_eq!((seen.status, &seen.json["invite"]["organization_name"]), (200, &json!("Acme")), "{}", seen.json);
    let none = server.asks(None, "GET", "/api/team/invites/validate/unknown", "").await;
    assert_eq!((none.status, &none.json["valid"]), (404, &json!(false)));
    let list = server.get("/api/team/invites").await.json;
    assert_eq!(list["invites"][0]["invited_by_email"], "ann@example.com", "{list}");
    assert!(!list.to_string().contains(&token));
    let other = accept(&server, &eve, &token).await;
    assert_eq!((other.status, &other.json["expected_email"]), (403, &json!("bo@example.test")));
    let joined = accept(&server, &bo, &token).await;
    assert_eq!((joined.status, &joined.json["role"]), (200, &json!("manager")), "{}", joined.json);
    assert_eq!(accept(&server, &bo, &token).await.status, 404, "it was used");
    assert_eq!(invite(&server, &server.token, "bo@example.test", "viewer").await.status, 409, "a member already");
    let members = server.asks(Some(&bo), "GET", "/api/team/members", "").await.json;
    assert_eq!((&members["total"], &members["members"][1]["email"]), (&json!(2), &json!("bo@example.test")));
    let refused = server.send("POST", "/api/team/members", r#"{"email":"x@example.test"}"#).await;
    assert_eq!((refused.status, &refused.json["action"]), (400, &json!("POST /api/team/invites")));
    let refused = server.send("POST", "/api/team/members", r#"{"email":"x"}"#).await;
    assert_eq!((refused.status, refused.json.get("action")), (400, None));
    assert_eq!(server.send("POST", "/api/team/invites", r#"{"email":"x"}"#).await.status, 400);
    let mut log = server.get("/api/audit?limit=200").await.json["logs"].take();
    for line in log.as_array_mut().unwrap() {
        // Who did it is looked up when it is shown.
        line.as_object_mut().unwrap().remove("user_email");
        line.as_object_mut().unwrap().remove("user_name");
    }
    let log = log.to_string();
    assert!(log.contains("team:member_invited") && log.contains("team:invite_accepted"), "{log}");
    assert!(!log.contains("bo@example.test") && !log.contains(&token), "ids alone: {log}");
}

#[tokio::test]
async fn an_invitation_ends_after_seven_days_or_when_it_is_taken_back() {
    let server = Server::start().await;
    on(&server, Plan::Pro).await;
    let bo = newcomer(&server, "bo@example.test").await;
    let token = token_of(&invite(&server, &server.token, "bo@example.test", "viewer").await);
    let id = server.get("/api/team/invites").await.json["invites"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/team/invites/{id}");
    assert_eq!(server.send("DELETE", &path, "").await.status, 200);
    assert_eq!(accept(&server, &bo, &token).await.status, 404, "it was taken back");
    assert_eq!(server.send("DELETE", &path, "").await.status, 200, "it stays so");
    let token = token_of(&invite(&server, &server.token, "bo@example.test", "viewer").await);
    server.clock.advance(Duration::from_secs(7 * 86_400));
    let seen = server.asks(None, "GET", &format!("/api/team/invites/validate/{token}"), "").await;
    assert_eq!(seen.status, 404, "its time is over");
}

#[tokio::test]
async fn a_plan_has_so_many_seats_and_those_invited_take_one() {
    let server = Server::start().await;
    let full = invite(&server, &server.token, "one@example.test", "viewer").await;
    let told = ["code", "current_plan", "required_plan"].map(|field| full.json[field].as_str().unwrap_or_default());
    assert_eq!((full.status, told), (402, ["QUOTA_EXCEEDED", "free", "starter"]), "{}", full.json);
    on(&server, Plan::Starter).await;
    let mut tokens = vec![];
    for n in 0..4 {
        tokens.push(token_of(&invite(&server, &server.token, &format!("p{n}@example.test"), "viewer").await));
    }
    let full = invite(&server, &server.token, "p4@example.test", "viewer").await;
    assert_eq!((full.status, &full.json["required_plan"]), (402, &json!("pro")), "{}", full.json);
    // The plan shrank meanwhile.
    on(&server, Plan::Free).await;
    let guest = newcomer(&server, "p0@example.test").await;
    assert_eq!(accept(&server, &guest, &tokens[0]).await.status, 402);
    on(&server, Plan::Starter).await;
    assert_eq!(accept(&server, &guest, &tokens[0]).await.status, 200);
}

#[tokio::test]
async fn owners_are_touched_by_owners_alone_and_nobody_by_themselves() {
    let server = Server::start().await;
    on(&server, Plan::Pro).await;
    let org = server.org().await;
    let (admin, agent) = (server.member(org.id(), Role::Admin).await, server.member(org.id(), Role::Agent).await);
    let (ann, boss, worker) =
        (id_of(&server, &server.token).await, id_of(&server, &admin).await, id_of(&server, &agent).await);
    assert_eq!(set_role(&server, &agent, &worker, "admin").await.status, 403);
    assert_eq!(set_role(&server, &admin, &boss, "viewer").await.status, 400, "one's own");
    assert_eq!(set_role(&server, &server.token, &ann, "viewer").await.status, 400, "the last owner stays");
    assert_eq!(set_role(&server, &admin, &ann, "viewer").await.status, 403, "no owner is demoted by an admin");
    assert_eq!(set_role(&server, &admin, &worker, "owner").await.status, 403, "nor made");
    assert_eq!(remove(&server, &admin, &ann).await.status, 403);
    assert_eq!(remove(&server, &admin, &boss).await.status, 400);
    assert_eq!(remove(&server, &agent, &ann).await.status, 403);
    assert_eq!(set_role(&server, &server.token, &worker, "king").await.status, 400);
    let set = set_role(&server, &admin, &worker, "compliance").await;
    assert_eq!((set.status, &set.json["new_role"]), (200, &json!("compliance")), "{}", set.json);
    assert_eq!(set_role(&server, &server.token, &boss, "owner").await.status, 200);
    assert_eq!(set_role(&server, &admin, &ann, "viewer").await.status, 200, "an owner by now");
    assert_eq!(set_role(&server, &server.token, &boss, "viewer").await.status, 403, "none any more");
    // Another organisation's are not there.
    let stranger = server.member(server.elsewhere().await, Role::Owner).await;
    assert_eq!(set_role(&server, &stranger, &worker, "viewer").await.status, 404);
    assert_eq!(remove(&server, &stranger, &worker).await.status, 404);
    let theirs = id_of(&server, &stranger).await;
    assert_eq!(remove(&server, &admin, &theirs).await.status, 404);
}

#[tokio::test]
async fn the_last_owner_stays_whoever_asks() {
    use wib_core::kit::{Kind, Principal};
    let server = Server::start().await;
    let org = server.org().await;
    let service = server.wib.org(Principal::service(org.id())).await.unwrap();
    let ann = service.members().await.unwrap().0[0].member.user_id;
    assert_eq!(service.remove_member(ann).await.unwrap_err().kind(), Kind::Conflict);
    let demoted = service.set_member_role(ann, wib_core::orgs::GrantedRole::Viewer).await;
    assert_eq!(demoted.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test]
async fn whoever_is_removed_loses_the_session_and_the_teams() {
    let server = Server::start().await;
    on(&server, Plan::Pro).await;
    let org = server.org().await;
    let agent = server.member(org.id(), Role::Agent).await;
    let worker = id_of(&server, &agent).await;
    let team = server.send("POST", "/api/teams", &json!({ "name": "A", "manager_user_id": worker }).to_string()).await;
    let path = format!("/api/teams/{}/members", team.json["team"]["id"].as_str().unwrap());
    assert_eq!(server.send("POST", &path, &json!({ "user_id": worker }).to_string()).await.status, 201);
    assert_eq!(remove(&server, &server.token, &worker).await.status, 200);
    assert_eq!(server.asks(Some(&agent), "GET", "/api/users/me", "").await.status, 401, "the session is over");
    assert_eq!(server.get(&path).await.json["members"], json!([]));
    assert_eq!(server.get("/api/teams").await.json["teams"][0]["manager_user_id"], Json::Null);
    assert_eq!(remove(&server, &server.token, &worker).await.status, 404);
}

#[tokio::test]
async fn teams_are_made_changed_and_dissolved() {
    let server = Server::start().await;
    let free = server.send("POST", "/api/teams", r#"{"name":"A"}"#).await;
    assert_eq!((free.status, &free.json["required_plan"]), (402, &json!("pro")));
    on(&server, Plan::Pro).await;
    let make = async |body: Json| server.send("POST", "/api/teams", &body.to_string()).await;
    let top = make(json!({ "name": "Top", "description": "All" })).await;
    assert_eq!((top.status, &top.json["team"]["team_type"]), (201, &json!("department")), "{}", top.json);
    assert_eq!(make(json!({ "name": "Top" })).await.status, 409);
    let top = top.json["team"]["id"].clone();
    server.clock.advance(Duration::from_secs(1));
    let part = make(json!({ "name": "Part", "parent_team_id": top })).await.json["team"]["id"].clone();
    let nobody = "00000000-0000-7000-8000-000000000001";
    for (body, field) in [
        (json!({ "name": " " }), "name"),
        (json!({ "name": "B", "parent_team_id": nobody }), "parent_team_id"),
        (json!({ "name": "B", "manager_user_id": nobody }), "manager_user_id"),
    ] {
        let refused = make(body).await;
        assert!(refused.status == 400 && refused.json["error"].as_str().unwrap().contains(field), "{}", refused.json);
    }
    server.clock.advance(Duration::from_secs(900));
    let put = async |id: &Json, body: Json| {
        server.send("PUT", &format!("/api/teams/{}", id.as_str().unwrap()), &body.to_string()).await
    };
    let listed = async |n: usize| server.get("/api/teams").await.json["teams"][n].clone();
    assert_eq!(put(&top, json!({ "parent_team_id": part })).await.status, 400, "no team lies in its own part");
    assert_eq!(put(&part, json!({ "name": "Top" })).await.status, 409);
    assert_eq!(put(&json!(nobody), json!({ "name": "C" })).await.status, 404);
    assert_eq!(put(&top, json!({ "name": "First" })).await.status, 200);
    assert_eq!((&listed(1).await["name"], &listed(1).await["description"]), (&json!("First"), &json!("All")));
    assert_eq!(put(&top, json!({ "description": null })).await.status, 200);
    assert_eq!(listed(1).await["description"], Json::Null, "null clears");
    assert_eq!(put(&part, json!({ "parent_team_id": null })).await.status, 200);
    server.clock.advance(Duration::from_secs(900));
    let members = format!("/api/teams/{}/members", top.as_str().unwrap());
    let ann = id_of(&server, &server.token).await;
    let outside = server.send("POST", &members, &json!({ "user_id": nobody }).to_string()).await;
    assert_eq!(outside.status, 400, "{}", outside.json);
    for role in [json!(null), json!("lead")] {
        let put = server.send("POST", &members, &json!({ "user_id": ann, "team_role": role }).to_string()).await;
        assert_eq!(put.status, 201, "{}", put.json);
    }
    let list = server.get(&members).await.json;
    assert_eq!((list["members"].as_array().unwrap().len(), &list["members"][0]["team_role"]), (1, &json!("lead")));
    assert_eq!(listed(1).await["member_count"], 1);
    let place = format!("{members}/{ann}");
    assert_eq!(server.send("DELETE", &place, "").await.status, 200);
    assert_eq!(server.send("DELETE", &place, "").await.status, 404);
    assert_eq!(server.send("DELETE", &format!("/api/teams/{}", top.as_str().unwrap()), "").await.status, 200);
    let list = server.get("/api/teams").await.json;
    assert_eq!((&list["pagination"]["total"], &list["teams"][0]["id"]), (&json!(1), &part));
}

#[tokio::test]
async fn somebody_makes_an_organisation_owns_it_and_switches() {
    let server = Server::start().await;
    on(&server, Plan::Pro).await;
    let bo = newcomer(&server, "bo@example.test").await;
    let ask = async |method: &str, path: &str, body: Json| {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        server.asks(Some(&bo), method, path, &body).await
    };
    let none = json!({});
    assert_eq!(ask("GET", "/api/organizations/current", none.clone()).await.status, 404);
    assert_eq!(ask("GET", "/api/team/members", none.clone()).await.json["total"], 0);
    let me = ask("GET", "/api/users/me", none.clone()).await.json["user"].clone();
    assert_eq!((&me["organization_id"], &me["role"]), (&Json::Null, &Json::Null));
    let own = format!("/api/users/{}/organization", me["id"].as_str().unwrap());
    assert_eq!(ask("GET", &own, none.clone()).await.status, 404);
    assert_eq!(ask("POST", "/api/organizations", json!({ "name": " " })).await.status, 400);
    let made = ask("POST", "/api/organizations", json!({ "name": "Bo's" })).await;
    assert_eq!((made.status, &made.json["role"]), (200, &json!("owner")), "{}", made.json);
    let again = ask("POST", "/api/organizations", json!({ "name": "More" })).await;
    assert_eq!((again.status, &again.json["code"]), (400, &json!("ALREADY_MEMBER")));
    let current = ask("GET", &own, none.clone()).await.json;
    assert_eq!(
        (&current["organization"]["name"], &current["organization"]["plan_status"]),
        (&json!("Bo's"), &json!("active"))
    );
    let token = token_of(&invite(&server, &server.token, "bo@example.test", "agent").await);
    assert_eq!(accept(&server, &bo, &token).await.status, 200);
    let acme = server.org().await.id().to_string();
    let switched = ask("POST", "/api/teams/switch-org", json!({ "organization_id": acme })).await;
    assert_eq!((switched.status, &switched.json["organization"]["role"]), (200, &json!("agent")), "{}", switched.json);
    let current = ask("GET", "/api/organizations/current", none.clone()).await.json;
    assert_eq!((&current["organization"]["name"], &current["role"]), (&json!("Acme"), &json!("agent")));
    let mine = ask("GET", "/api/teams/my-orgs", none.clone()).await.json;
    assert_eq!((mine["organizations"].as_array().unwrap().len(), &mine["current_org_id"]), (2, &json!(acme)));
    let elsewhere = server.elsewhere().await.to_string();
    let refused = ask("POST", "/api/teams/switch-org", json!({ "organization_id": elsewhere })).await;
    assert_eq!(refused.status, 403);
    let ann = id_of(&server, &server.token).await;
    assert_eq!(ask("GET", &format!("/api/users/{ann}/organization"), none.clone()).await.status, 403, "a colleague's");
    let stranger = server.member(server.elsewhere().await, Role::Owner).await;
    let theirs = format!("/api/users/{}/organization", id_of(&server, &stranger).await);
    assert_eq!(ask("GET", &theirs, none.clone()).await.status, 404);
    let shown = server.get(&format!("/api/organizations/{acme}")).await;
    assert_eq!((shown.status, &shown.json["organization"]["member_count"]), (200, &json!(2)), "{}", shown.json);
    assert_eq!(server.get(&format!("/api/organizations/{elsewhere}")).await.status, 404);
}
