use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value as Json, json};
use tower::ServiceExt;
use wib_core::{
    Org, Settings, Wib, WibBuilder,
    auth::{LogIn, SignUp, password::PasswordCost},
    collections::{Account, AccountId, PersonId},
    evidence::Signer,
    kit::{Clock, ExposeSecret, Id, Random, Role, SeededRandom, VirtualClock, time},
    orgs::{Member, Organization, OrganizationId, Plan},
    platform::MakePlatformAdmin,
    secrets::Vault,
    store::Store,
    testing::fakes::FakeHooks,
};
use wib_http::{AppConfig, app};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{Database, MemoryBlobs, SqlStore};

use crate::declared;

/// What machines of the installation say.
pub(crate) const INTERNAL: &str = "the installation's own key";

/// What this process counts into, whichever test is first.
pub(crate) fn counted() -> PrometheusHandle {
    static COUNTED: OnceLock<PrometheusHandle> = OnceLock::new();
    COUNTED.get_or_init(|| wib_http::metrics::install().unwrap()).clone()
}

/// The whole server over a sandbox, and somebody's token.
pub(crate) struct Server {
    pub(crate) wib: Wib,
    pub(crate) app: Router,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) token: String,
    /// Where addresses that users named lead.
    pub(crate) hooks: Arc<FakeHooks>,
    store: Arc<SqlStore>,
    asked: AtomicU32,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) json: Json,
}

pub(crate) async fn ask(app: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) =
        app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&bytes).unwrap_or_default();
    declared::note(method, path, head.status.as_u16(), &json);
    Answer { status: head.status.as_u16(), headers: head.headers, bytes, json }
}

fn config() -> AppConfig {
    AppConfig { internal_key: Some(INTERNAL.into()), ..AppConfig::default() }
}

pub(crate) async fn csrf(app: &Router) -> String {
    ask(app, "GET", "/api/auth/csrf", &[], "").await.json["csrf_token"].as_str().unwrap().to_owned()
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }
    /// The same with other settings.
    pub(crate) async fn with(set: impl FnOnce(&mut Settings)) -> Self {
        Self::built(set, |builder| builder).await
    }
    /// The same with other parts than the sandbox's.
    pub(crate) async fn built(set: impl FnOnce(&mut Settings), other: impl FnOnce(WibBuilder) -> WibBuilder) -> Self {
        let clock = Arc::new(VirtualClock::new("2026-01-06T17:00:00Z".parse().unwrap()));
        let (time, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(SeededRandom::new(7)));
        let sandbox = Sandbox::new(time.clone(), 7, sandbox::Settings::default());
        let store = Arc::new(SqlStore::open(&Database::Memory, time.clone()).await.unwrap());
        let mut settings = Settings::default();
        settings.password_cost = PasswordCost::TEST;
        set(&mut settings);
        let builder = Wib::builder().store(store.clone()).blobs(Arc::new(MemoryBlobs::default()));
        let builder = builder.signer(Signer::from_seed([7; 32])).settings(settings);
        let vault = Vault::from_hex(&"5e".repeat(32), []).unwrap();
        let hooks = Arc::new(FakeHooks::default());
        let builder = builder.vault(vault).hooks(hooks.clone());
        let wib = other(sandbox.plug(builder, &time, &random).unwrap()).build().unwrap();
        let app = app(wib.clone(), &config());
        let form = json!({
            "email": "Ann@Example.com", "password": "correct horse", "organizationName": "Acme", "csrf_token": csrf(&app).await,
        });
        let made = ask(&app, "POST", "/api/auth/signup", &[], &form.to_string()).await;
        assert_eq!((made.status, &made.json["user"]["email"]), (200, &json!("ann@example.com")), "{}", made.json);
        let form = json!({ "username": "ann@example.com", "password": "correct horse", "csrfToken": csrf(&app).await });
        let begun = ask(&app, "POST", "/api/auth/callback/credentials", &[], &form.to_string()).await;
        assert_eq!((begun.status, &begun.json["url"]), (200, &json!("/dashboard")), "{}", begun.json);
        let token = begun.headers["x-session-token"].to_str().unwrap().to_owned();
        let cookie = begun.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.contains(&token) && cookie.ends_with("HttpOnly; Secure; SameSite=None; Path=/; Max-Age=604800"));
        let asked = AtomicU32::new(0xC633_6401);
        Self { wib, app, sandbox, clock, token, hooks, store, asked }
    }
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        ask(&self.app, method, path, &[("authorization", &format!("Bearer {}", self.token))], body).await
    }
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }
    /// The organisation that Ann signed up.
    pub(crate) async fn org(&self) -> Org {
        let signed_in =
            self.wib.system().authenticate(&self.token, &wib_http::auth::fingerprint(&HeaderMap::new())).await;
        self.wib.org(signed_in.unwrap().unwrap().principal.unwrap()).await.unwrap()
    }
    /// A debtor whose sandbox phone is answered.
    pub(crate) async fn import(&self, phone: &str) -> AccountId {
        let csv = format!(
            "name,balance_due,primary_phone,address,external_id\nBo Dee,120.50,{phone},\"1 Main St, Chicago, IL 60601\",A{phone}\n"
        );
        let report = self.org().await.import_accounts(csv.as_bytes()).await.unwrap();
        assert_eq!(report.accounts.len(), 1, "{:?}", report.file);
        report.accounts[0].0.id
    }
    /// Who owes it.
    pub(crate) async fn person(&self, account: AccountId) -> PersonId {
        let mut tx = self.store.org(self.org().await.id()).await.unwrap();
        let account: Account = tx.find(account).await.unwrap().unwrap();
        account.person_id
    }
    /// Another organisation.
    pub(crate) async fn elsewhere(&self) -> OrganizationId {
        self.wib.system().create_organization("Elsewhere").await.unwrap().id
    }
    /// Another organisation, on that plan.
    pub(crate) async fn organization_on(&self, plan: Plan) -> OrganizationId {
        self.organization(plan, false).await
    }
    /// Another organisation, whose calls and payments are to be real.
    pub(crate) async fn live_organization(&self, plan: Plan) -> OrganizationId {
        self.organization(plan, true).await
    }
    async fn organization(&self, plan: Plan, live: bool) -> OrganizationId {
        let id = Id::new(self.clock.now(), &**self.wib.random());
        let row = Organization { id, plan, live, ..self.org().await.organization().clone() };
        let mut tx = self.store.system().await.unwrap();
        tx.insert_organization(&row).await.unwrap();
        tx.commit().await.unwrap();
        id
    }
    /// The API once more over the same rows, with other settings.
    pub(crate) fn again(&self, set: impl FnOnce(&mut Settings)) -> Router {
        let mut settings = Settings::default();
        settings.password_cost = PasswordCost::TEST;
        set(&mut settings);
        let builder = Wib::builder().store(self.store.clone()).blobs(Arc::new(MemoryBlobs::default()));
        let builder = builder.signer(Signer::from_seed([7; 32])).settings(settings);
        let clock: Arc<dyn Clock> = self.clock.clone();
        app(self.sandbox.plug(builder, &clock, self.wib.random()).unwrap().build().unwrap(), &config())
    }
    pub(crate) fn store(&self) -> &SqlStore {
        &self.store
    }
    /// The token of somebody who is a member nowhere.
    pub(crate) async fn nobody(&self) -> String {
        self.signed_up("nobody@example.test".to_owned(), None).await
    }
    /// The token of a new member.
    pub(crate) async fn member(&self, organization: OrganizationId, role: Role) -> String {
        self.signed_up(format!("{role}-{organization}@example.test"), Some((organization, role))).await
    }
    async fn signed_up(&self, email: String, place: Option<(OrganizationId, Role)>) -> String {
        let system = self.wib.system();
        let csrf_token = Some(system.csrf_token().await.unwrap());
        let password = || "a long enough password".to_owned().into();
        let account =
            SignUp { email: email.clone(), password: password(), name: None, organization_name: None, csrf_token };
        let user = system.sign_up(account).await.unwrap();
        let now = self.clock.now();
        if let Some((organization_id, role)) = place {
            let id = Id::new(now, &**self.wib.random());
            let row = Member { id, organization_id, user_id: user.id, role, created_at: now };
            let mut tx = self.store.system().await.unwrap();
            tx.insert_member(&row).await.unwrap();
            tx.commit().await.unwrap();
        }
        self.log_in(email, "a long enough password").await
    }
    /// The token of a platform administrator who is a member nowhere; always the same account.
    pub(crate) async fn platform_admin(&self) -> String {
        let (email, password) = ("root@example.test".to_owned(), "a long enough password");
        let account = MakePlatformAdmin { email: email.clone(), password: Some(password.into()), name: None };
        self.wib.system().make_platform_admin(account).await.unwrap();
        self.log_in(email, password).await
    }
    /// A fresh session's token.
    pub(crate) async fn log_in(&self, email: String, password: &str) -> String {
        let system = self.wib.system();
        let csrf_token = Some(system.csrf_token().await.unwrap());
        let fingerprint = Some(wib_http::auth::fingerprint(&HeaderMap::new()));
        let login = LogIn { email, password: password.into(), csrf_token, fingerprint };
        system.log_in(login).await.unwrap().token.expose_secret().to_owned()
    }
    /// Asks with somebody's token, or none, from an address that nobody asked from before.
    pub(crate) async fn asks(&self, token: Option<&str>, method: &str, path: &str, body: &str) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let from = std::net::Ipv4Addr::from_bits(self.asked.fetch_add(1, Ordering::Relaxed)).to_string();
        let mut headers = vec![("x-forwarded-for", from.as_str())];
        headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
        ask(&self.app, method, path, &headers, body).await
    }
    /// The same with a form of several parts, whose boundary is `part`.
    pub(crate) async fn asks_form(&self, token: Option<&str>, path: &str, form: &str) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let from = std::net::Ipv4Addr::from_bits(self.asked.fetch_add(1, Ordering::Relaxed)).to_string();
        let kind = "multipart/form-data; boundary=part";
        let mut headers = vec![("x-forwarded-for", from.as_str()), ("content-type", kind)];
        headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
        ask(&self.app, "POST", path, &headers, form).await
    }
    /// What is answered at last: time passes while nobody answers.
    pub(crate) async fn waits(&self, asked: impl Future<Output = Answer>) -> Answer {
        let mut asked = std::pin::pin!(asked);
        loop {
            // The machine's own time, for what is under way to come so far.
            #[expect(clippy::disallowed_methods, reason = "who waits for the clock is found by waiting")]
            let moment = tokio::time::sleep(Duration::from_millis(20));
            tokio::select! {
                biased;
                answer = &mut asked => return answer,
                () = moment => self.clock.advance(Duration::from_secs(1)),
            }
        }
    }
    pub(crate) async fn pass(&self, by: Duration) {
        let until = time::after(self.clock.now(), by);
        self.sandbox.play(&self.wib, &self.clock, until, async || Ok(false)).await.unwrap();
    }
}
