use std::sync::Arc;

use async_trait::async_trait;
use axum::{Router, body::Body, response::Response};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tower::ServiceExt;
use wib_core::{
    auth::{Session, SignedIn, User},
    idempotency::{Claim, IdempotentRequest, Keyed},
    kit::{
        Actor, Clock, Error, Id, Kind, Page, PageRequest, Phone, Principal, Random, Result, Role, SeededRandom,
        VirtualClock,
    },
};
use wib_http::{
    AppConfig,
    core_api::Core,
    frame,
    input::{ById, Nothing},
    openapi,
    table::{Routes, Table, Wire, public, role, session},
};

/// A core whose tokens are the names of roles; `nobody` has no organisation.
#[derive(Clone)]
pub(crate) struct Toy(Arc<dyn Clock>, Arc<dyn Random>);

#[derive(Clone)]
pub(crate) struct ToyOrg;
pub(crate) struct ToySystem;

impl Toy {
    pub(crate) fn new() -> Self {
        let start = "2026-01-05T15:00:00Z".parse().unwrap();
        Self(Arc::new(VirtualClock::new(start)), Arc::new(SeededRandom::new(1)))
    }
}

#[async_trait]
impl Core for Toy {
    type Org = ToyOrg;
    type Person = SignedIn;
    type System = ToySystem;
    fn system(&self) -> ToySystem {
        ToySystem
    }
    fn clock(&self) -> &Arc<dyn Clock> {
        &self.0
    }
    fn random(&self) -> &Arc<dyn Random> {
        &self.1
    }
    fn person(&self, signed_in: SignedIn) -> SignedIn {
        signed_in
    }
    async fn claim(&self, _: &ToyOrg, _: Keyed<'_>) -> Result<Claim> {
        Ok(Claim::Run(uuid::Uuid::nil().into()))
    }
    async fn settle(&self, _: &ToyOrg, _: Id<IdempotentRequest>, _: u16, _: &str) -> Result<()> {
        Ok(())
    }
    async fn org(&self, _: Principal) -> Result<ToyOrg> {
        Ok(ToyOrg)
    }
    async fn authenticate(&self, token: &str, _: &str) -> Result<Option<SignedIn>> {
        let now = self.0.now();
        let id = uuid::Uuid::from_u128(7);
        let principal = match token {
            "nobody" => None,
            name => match name.parse::<Role>() {
                Ok(role) => Some(Principal { organization_id: id.into(), actor: Actor::Human(id.into()), role }),
                Err(_) => return Ok(None),
            },
        };
        let (email, password_hash) = ("a@example.com".to_owned(), String::new());
        let user =
            User { id: id.into(), email, name: "A".to_owned(), password_hash, platform_admin: false, created_at: now };
        let session = Session {
            id: id.into(),
            token_hash: String::new(),
            user_id: id.into(),
            organization_id: principal.map(|p| p.organization_id),
            fingerprint: None,
            created_at: now,
            expires_at: now,
        };
        Ok(Some(SignedIn { user, session, principal }))
    }
}

/// A thing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Thing {
    id: Id<Thing>,
    name: String,
}
fn thing() -> Thing {
    Thing { id: uuid::Uuid::from_u128(1).into(), name: "one".to_owned() }
}

/// Lists things.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct ListThings {
    tag: Option<Vec<i64>>,
    live: Option<bool>,
    page: Option<i64>,
    limit: Option<i64>,
}

/// Makes a thing.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct MakeThing {
    name: String,
    phone: Phone,
    amount: i64,
    kind: Option<Role>,
    inner: Option<Inner>,
}
/// A part of a thing.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Inner {
    depth: i64,
    width: i64,
}

/// What was read.
#[derive(Serialize, JsonSchema)]
struct Echo {
    read: Json,
}
fn echo(command: &impl Serialize) -> Echo {
    Echo { read: serde_json::to_value(command).unwrap() }
}

/// Fails in a way.
#[derive(Deserialize, JsonSchema)]
struct Fail {
    how: String,
}

pub(crate) fn table() -> Table<Toy> {
    let things = Routes::<Toy>::at("things", "/things")
        .and_at("/api/things")
        .get("/", session(), |_, query: ListThings| async move {
            let request = PageRequest::numbered(query.page, query.limit, 50);
            Ok(Page { items: vec![thing()], total: 101, request, next: None })
        })
        .page("things")
        .get("/read", session(), |_, query: ListThings| async move { Ok(echo(&query)) })
        .flat()
        .get("/all", session(), |_, _: Nothing| async move { Ok(vec![thing()]) })
        .list("things")
        .post("/", role(Role::Agent), |_, command: MakeThing| async move { Ok(echo(&command)) })
        .created("thing")
        .get("/{id}", session(), |_, c: ById<Thing>| async move { Ok(Thing { id: c.id, ..thing() }) })
        .item("thing");
    let faults = Routes::<Toy>::at("faults", "/faults")
        .success_false()
        .get("/{how}", public(), |_, Fail { how }| async move {
            match how.as_str() {
                "panic" => panic!("the secret of the panic"),
                "internal" => Err(Error::internal("the secret").because("of the cause").with("secret", "detail")),
                "blocked" => Err(Error::blocked("too early").with("blocked_by", "window").with("not_before", "8:00")),
                "often" => {
                    let retry_after = std::time::Duration::from_millis(1500);
                    Err(Error::new(Kind::RateLimited { retry_after }, "RATE_LIMIT", "too often"))
                }
                _ => Ok(echo(&how)),
            }
        })
        .bare();
    let raw = Routes::<Toy>::at("raw", "/raw").raw(
        Method::POST,
        "/{id}",
        role(Role::Manager),
        Wire::json::<Echo>().takes::<ById<Thing>>(),
        |asked| async move {
            let ById { id } = asked.input::<ById<Thing>>().await?;
            asked.org().await?;
            Ok(Response::new(Body::from(id.to_string())))
        },
    );
    Table::new([things, faults, raw, openapi::routes()])
}

pub(crate) fn app() -> Router {
    frame(
        Toy::new(),
        table(),
        &AppConfig { cors_origin: Some("https://app.example.com".to_owned()), ..AppConfig::default() },
    )
}

/// An answer, read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Json,
}
impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

pub(crate) async fn send(request: Request<Body>) -> Answer {
    let (head, body) = app().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = || Json::from(String::from_utf8_lossy(&bytes).into_owned());
    Answer {
        status: head.status,
        headers: head.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
    }
}

pub(crate) fn request(method: &str, path: &str, token: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(body.into()).unwrap()
}
pub(crate) async fn get(path: &str, token: &str) -> Answer {
    send(request("GET", path, token, "")).await
}
pub(crate) async fn post(path: &str, token: &str, body: &str) -> Answer {
    send(request("POST", path, token, body.to_owned())).await
}
