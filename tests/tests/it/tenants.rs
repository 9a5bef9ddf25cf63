//! Another organisation's rows are absent. What holds on every row of the table is tried beside it, in `wib-http`.

use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use wib_core::{
    auth::{LogIn, SignUp},
    kit::{ExposeSecret, Principal, Role},
    orgs::{Member, OrganizationId},
};
use wib_http::{AppConfig, app};

use crate::stage::{Stage, magic};

const PASSWORD: &str = "a long enough password";

/// A member's token.
async fn member(stage: &Stage, organization: OrganizationId, role: Role) -> String {
    let system = stage.wib.system();
    let email = format!("{role}-{organization}@example.test");
    let csrf_token = Some(system.csrf_token().await.unwrap());
    let password = || PASSWORD.to_owned().into();
    let account =
        SignUp { email: email.clone(), password: password(), name: None, organization_name: None, csrf_token };
    let user = system.sign_up(account).await.unwrap();
    let id = stage.id();
    let row = Member { id, organization_id: organization, user_id: user.id, role, created_at: stage.now() };
    let mut tx = stage.store.system().await.unwrap();
    tx.insert_member(&row).await.unwrap();
    tx.commit().await.unwrap();
    let csrf_token = Some(system.csrf_token().await.unwrap());
    let login = LogIn { email, password: password(), csrf_token, fingerprint: None };
    system.log_in(login).await.unwrap().token.expose_secret().to_owned()
}

async fn ask(stage: &Stage, method: &Method, path: &str, token: Option<&str>) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = if *method == Method::POST { axum::body::Body::from("{}") } else { axum::body::Body::empty() };
    let answer = app(stage.wib.clone(), &AppConfig::default()).oneshot(request.body(body).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn lists_and_new_calls_stay_within_the_organization() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    stage.sealed(call.id).await;
    let theirs = stage.wib.system().create_organization("Elsewhere").await.unwrap().id;
    let other = member(&stage, theirs, Role::Owner).await;
    for (path, name) in [("/api/calls", "calls"), ("/api/recordings", "recordings")] {
        let (status, answer) = ask(&stage, &Method::GET, path, Some(&other)).await;
        assert_eq!((status, &answer[name], &answer["pagination"]["total"]), (200, &json!([]), &json!(0)), "{path}");
    }
    let wish = wib_core::calls::StartCall { account_id: Some(account.id), ..Default::default() };
    let org = stage.wib.org(Principal::service(theirs)).await.unwrap();
    assert_eq!(org.start_call(wish).await.unwrap_err().http_status(), 404, "their account is not there");
    assert_eq!(org.evidence(call.id).await.unwrap_err().http_status(), 404);
    assert_eq!(org.verify_chain().await.unwrap().links, 0);
}
