//! What the API costs under load, from a process of its own: so many requests a second whatever the answers take, how long
//! they take from the instant they were due, and the CPU that the server uses for one. Beside it a program that runs the same
//! statements in the same transactions with nothing around them.
//!
//! `cargo bench -p tests --bench load` (`WIB_LOAD=500` requests a second for `WIB_LOAD_SECONDS=10`)
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{Row, postgres::PgPoolOptions, sqlite::SqlitePoolOptions};
use tokio::net::TcpListener;
use wib_core::{
    Settings, Wib,
    auth::{LogIn, SignUp, password::PasswordCost},
    calls::{Call, CallFacts, CallStatus, FlowType},
    compliance::{Purpose, Technology},
    evidence::Signer,
    kit::{Clock, ExposeSecret, Id, OsRandom, Random, SystemClock},
    orgs::OrganizationId,
    ports::voice::Direction,
    store::Store,
};
use wib_http::{AppConfig, app, auth::fingerprint, serve};
use wib_providers::{
    http::Wires,
    sandbox::{Sandbox, Settings as SandboxSettings},
    telnyx::Telnyx,
    transport::Network,
};
use wib_storage::{Database, MemoryBlobs, PgUrls, SqlStore, testing::postgres_store};

/// Calls that are there to be listed.
const CALLS: usize = 500;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn wib(store: Arc<dyn Store>) -> Wib {
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let sandbox = Sandbox::new(clock(), 7, SandboxSettings::default());
    let mut settings = Settings::default();
    settings.password_cost = PasswordCost::TEST;
    let builder = Wib::builder().store(store).blobs(Arc::new(MemoryBlobs::default())).settings(settings);
    let builder = sandbox.plug(builder.signer(Signer::from_seed([7; 32])), &clock(), &random).unwrap();
    let wires = Wires { transport: Arc::new(Network::new().unwrap()), clock: clock(), random };
    let public = BASE64_STANDARD.encode(key().verifying_key().as_bytes());
    let telnyx = Telnyx::builder(wires, "key".into(), "1").public_key(&public).unwrap().build();
    builder.webhook(Arc::new(telnyx)).build().unwrap()
}

fn place(name: &str) -> Database {
    match std::env::var("WIB_LOAD_JOBS") {
        Ok(jobs) => {
            let Ok(Database::Postgres(urls)) = name.parse() else { panic!("the URL of a login") };
            Database::Postgres(PgUrls { jobs: Some(jobs.into()), ..urls })
        }
        Err(_) => name.parse().unwrap(),
    }
}

/// The API itself, in a process.
async fn house(database: &str) {
    let store = SqlStore::open(&place(database), clock()).await.unwrap();
    let router = app(wib(Arc::new(store)), &AppConfig::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    serve::serve(listener, router, clock(), std::future::pending()).await.unwrap();
}

macro_rules! least {
    ($name:ident, $pool:ty, $begin_org:expr, $begin_system:expr, $id:expr) => {
        mod $name {
            use super::*;

            #[derive(Clone)]
            pub(crate) struct Pools {
                pub(crate) app: $pool,
                pub(crate) jobs: $pool,
                pub(crate) key: VerifyingKey,
                pub(crate) count: Arc<AtomicU64>,
            }

            pub(crate) fn router(pools: Pools) -> Router {
                Router::new()
                    .route("/api/calls", get(list))
                    .route("/webhooks/telnyx", post(take))
                    .with_state(pools)
            }

            async fn list(State(pools): State<Pools>, headers: HeaderMap) -> Result<String, StatusCode> {
                let bearer = headers.get("authorization").and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
                let hash = hex::encode(Sha256::digest(bearer.ok_or(StatusCode::UNAUTHORIZED)?));
                let mut tx = $begin_system(&pools.jobs).await;
                let session = sqlx::query("SELECT * FROM sessions WHERE token_hash = $1").bind(hash);
                let session = session.fetch_optional(&mut *tx).await.unwrap().ok_or(StatusCode::UNAUTHORIZED)?;
                let user = $id(&session, "user_id");
                sqlx::query("SELECT * FROM users WHERE id = $1").bind(user.clone()).fetch_one(&mut *tx).await.unwrap();
                let members = "SELECT * FROM members WHERE user_id = $1 ORDER BY created_at, id";
                let member = sqlx::query(members).bind(user.clone()).fetch_one(&mut *tx).await.unwrap();
                let organization = $id(&member, "organization_id");
                drop(tx);
                let mut tx = $begin_system(&pools.jobs).await;
                let find = "SELECT * FROM organizations WHERE id = $1";
                sqlx::query(find).bind(organization.clone()).fetch_one(&mut *tx).await.unwrap();
                sqlx::query(members).bind(user).fetch_one(&mut *tx).await.unwrap();
                drop(tx);
                let mut tx = $begin_org(&pools.app, organization.clone()).await;
                let page = "SELECT * FROM calls WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT 50";
                let rows = sqlx::query(page).bind(organization.clone()).fetch_all(&mut *tx).await.unwrap();
                let count = "SELECT COUNT(*) AS n FROM calls WHERE organization_id = $1";
                let total: i64 = sqlx::query(count).bind(organization).fetch_one(&mut *tx).await.unwrap().get("n");
                let calls: Vec<_> = rows.iter().map(|row| json!({ "status": row.get::<String, _>("status") })).collect();
                Ok(json!({ "calls": calls, "total": total }).to_string())
            }

            async fn take(State(pools): State<Pools>, headers: HeaderMap, body: Bytes) -> Result<&'static str, StatusCode> {
                let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).ok_or(StatusCode::UNAUTHORIZED);
                let signature = BASE64_STANDARD.decode(text("telnyx-signature-ed25519")?).unwrap();
                let signed = [text("telnyx-timestamp")?.as_bytes(), b"|", &body].concat();
                let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
                pools.key.verify_strict(&signed, &signature).map_err(|_| StatusCode::UNAUTHORIZED)?;
                let event: Value = serde_json::from_slice(&body).unwrap();
                let name = event["data"]["id"].as_str().unwrap().to_owned();
                let mut tx = $begin_system(&pools.jobs).await;
                let add = "INSERT INTO load_inbox (name, body) VALUES ($1, $2) ON CONFLICT DO NOTHING";
                let new = sqlx::query(add).bind(name.clone()).bind(body.to_vec()).execute(&mut *tx).await.unwrap();
                if new.rows_affected() == 1 {
                    let queue = "INSERT INTO load_queue (name, place) VALUES ($1, $2)";
                    let place = i64::try_from(pools.count.fetch_add(1, Ordering::Relaxed)).unwrap();
                    sqlx::query(queue).bind(name).bind(place).execute(&mut *tx).await.unwrap();
                }
                tx.commit().await.unwrap();
                Ok("{\"received\":true}")
            }
        }
    };
}

async fn lite_begin(pool: &sqlx::SqlitePool) -> sqlx::Transaction<'static, sqlx::Sqlite> {
    pool.begin_with("BEGIN IMMEDIATE").await.unwrap()
}
async fn lite_org(pool: &sqlx::SqlitePool, _: Vec<u8>) -> sqlx::Transaction<'static, sqlx::Sqlite> {
    lite_begin(pool).await
}
async fn pg_set(pool: &sqlx::PgPool, name: &str, value: &str) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let begin = format!("BEGIN; SELECT set_config('{name}', '{value}', true)");
    pool.begin_with(sqlx::AssertSqlSafe(begin)).await.unwrap()
}
async fn pg_begin(pool: &sqlx::PgPool) -> sqlx::Transaction<'static, sqlx::Postgres> {
    pg_set(pool, "app.system", "on").await
}
async fn pg_org(pool: &sqlx::PgPool, organization: uuid::Uuid) -> sqlx::Transaction<'static, sqlx::Postgres> {
    pg_set(pool, "app.organization_id", &organization.to_string()).await
}
least!(lite, sqlx::SqlitePool, lite_org, lite_begin, |row: &sqlx::sqlite::SqliteRow, name: &str| row
    .get::<Vec<u8>, _>(name));
least!(pg, sqlx::PgPool, pg_org, pg_begin, |row: &sqlx::postgres::PgRow, name: &str| row.get::<uuid::Uuid, _>(name));

/// The program with nothing around the statements.
async fn least(database: &str) {
    let (key, count) = (key().verifying_key(), Arc::<AtomicU64>::default());
    let router = if let Ok(jobs) = std::env::var("WIB_LOAD_JOBS") {
        let app = PgPoolOptions::new().max_connections(10).connect(database).await.unwrap();
        let jobs = PgPoolOptions::new().max_connections(10).connect(&jobs).await.unwrap();
        pg::router(pg::Pools { app, jobs, key, count })
    } else {
        let options = database.parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap();
        let options = options
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10));
        let app = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        lite::router(lite::Pools { jobs: app.clone(), app, key, count })
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

/// An organisation with calls, and the token of its owner.
async fn filled(store: Arc<dyn Store>) -> String {
    let wib = wib(store.clone());
    let system = wib.system();
    let csrf = async || Some(system.csrf_token().await.unwrap());
    let password = || "a long enough password".to_owned().into();
    let (email, name) = ("load@example.com".to_owned(), Some("Load".to_owned()));
    let account = SignUp {
        email: email.clone(),
        password: password(),
        name: None,
        organization_name: name,
        csrf_token: csrf().await,
    };
    system.sign_up(account).await.unwrap();
    let fingerprint = Some(fingerprint(&HeaderMap::new()));
    let begun =
        system.log_in(LogIn { email, password: password(), csrf_token: csrf().await, fingerprint }).await.unwrap();
    let organization: OrganizationId = begun.membership.unwrap().organization_id;
    let mut tx = store.org(organization).await.unwrap();
    for _ in 0..CALLS {
        tx.insert(&call(organization)).await.unwrap();
    }
    tx.commit().await.unwrap();
    begun.token.expose_secret().to_owned()
}

fn call(organization_id: OrganizationId) -> Call {
    let now = clock().now();
    Call {
        id: Id::new(now, &OsRandom),
        organization_id,
        person_id: None,
        account_id: None,
        direction: Direction::Outbound,
        from_number: "+13125550100".parse().unwrap(),
        to_number: "+13125550101".parse().unwrap(),
        flow_type: FlowType::Direct,
        technology: Technology::Manual,
        purpose: Purpose::default(),
        status: CallStatus::Completed,
        vendor: "telnyx".to_owned(),
        live: false,
        facts: CallFacts::default(),
        verdict_id: None,
        record: true,
        transcribe: true,
        translate_to: None,
        listen: None,
        answered_at: None,
        ended_at: None,
        answered_by: None,
        hangup_cause: None,
        created_by: None,
        created_at: now,
        updated_at: now,
    }
}

struct Served {
    child: Child,
    url: String,
}
impl Served {
    fn start(role: &str, database: &str, jobs: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("WIB_LOAD_ROLE", role).env("WIB_LOAD_DATABASE", database).stdout(Stdio::piped());
        if let Some(jobs) = jobs {
            command.env("WIB_LOAD_JOBS", jobs);
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, url: format!("http://{}", line.trim()) }
    }
    /// CPU that it used so far, in milliseconds.
    fn cpu(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // Ticks of a hundredth of a second.
        (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
    }
}
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy)]
enum What {
    List,
    Webhook,
}

static EVENTS: AtomicU64 = AtomicU64::new(0);

async fn one(client: &reqwest::Client, url: &str, what: What, token: &str) -> u16 {
    let request = match what {
        What::List => client.get(format!("{url}/api/calls")).bearer_auth(token),
        What::Webhook => {
            let n = EVENTS.fetch_add(1, Ordering::Relaxed);
            let at = clock().now();
            let body = json!({ "data": {
                "record_type": "event", "event_type": "call.initiated", "id": format!("load-{n}"), "occurred_at": at.to_string(),
                "payload": {
                    "call_control_id": format!("v3:load{n}"), "call_leg_id": format!("leg-{n}"), "call_session_id": format!("s-{n}"),
                    "connection_id": "1", "direction": "outgoing", "from": "+13125550100", "to": "+13125550101", "state": "bridging",
                },
            } })
            .to_string();
            let stamp = at.as_second().to_string();
            let signature = key().sign([stamp.as_bytes(), b"|", body.as_bytes()].concat().as_slice());
            client
                .post(format!("{url}/webhooks/telnyx"))
                .header("telnyx-timestamp", stamp)
                .header("telnyx-signature-ed25519", BASE64_STANDARD.encode(signature.to_bytes()))
                .header("content-type", "application/json")
                .body(body)
        }
    };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    answer.bytes().await.unwrap();
    status
}

async fn load(served: &Served, what: What, token: &str) -> String {
    let (rate, seconds) = (asked("WIB_LOAD", 500), asked("WIB_LOAD_SECONDS", 10));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    // Warm: connections, statements, pages.
    for _ in 0..50 {
        assert_eq!(one(&client, &served.url, what, token).await, 200);
    }
    let (cpu, began) = (served.cpu(), Instant::now());
    let total = rate * seconds;
    let asked = (0..total).map(|n| {
        let (client, url, token) = (client.clone(), served.url.clone(), token.to_owned());
        let due = began + Duration::from_micros(1_000_000 / rate).saturating_mul(u32::try_from(n).unwrap());
        tokio::spawn(async move {
            #[expect(clippy::disallowed_methods, reason = "the pace is the machine's own")]
            tokio::time::sleep_until(due.into()).await;
            let status = one(&client, &url, what, &token).await;
            (status, due.elapsed())
        })
    });
    let mut took = vec![];
    for done in join_all(asked).await {
        let (status, late) = done.unwrap();
        assert_eq!(status, 200);
        took.push(late);
    }
    took.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let place = (took.len() as f64 * share) as usize;
        took[place.min(took.len() - 1)].as_secs_f64() * 1e3
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    let each = (served.cpu() - cpu) as f64 * 1e3 / total as f64;
    format!("p50 {:6.2} ms  p95 {:6.2} ms  p99 {:6.2} ms  CPU {each:5.0} us a request", at(0.5), at(0.95), at(0.99))
}

async fn compare(engine: &str, database: &str, jobs: Option<&str>, token: &str) {
    for (role, name) in [("house", "the API"), ("least", "least program")] {
        let served = Served::start(role, database, jobs);
        for (what, request) in [(What::List, "GET /api/calls"), (What::Webhook, "POST /webhooks/telnyx")] {
            println!("{engine:10} {name:13} {request:21} {}", load(&served, what, token).await);
        }
    }
}

const TABLES: &str = "CREATE TABLE load_inbox (name TEXT PRIMARY KEY, body BYTEA NOT NULL); \
    CREATE TABLE load_queue (name TEXT PRIMARY KEY, place BIGINT NOT NULL)";

async fn bench() {
    println!("{} requests a second for {} s each", asked("WIB_LOAD", 500), asked("WIB_LOAD_SECONDS", 10));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("load.db");
    let name = format!("sqlite:{}", file.display());
    let store = SqlStore::open(&name.parse().unwrap(), clock()).await.unwrap();
    let store = Arc::new(store);
    let token = filled(store.clone()).await;
    store.close().await;
    {
        let pool = SqlitePoolOptions::new().connect(&name).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(TABLES.replace("BYTEA", "BLOB"))).execute(&pool).await.unwrap();
        pool.close().await;
    }
    compare("SQLite", &name, None, &token).await;
    let Some(store) = postgres_store("load", clock()).await else { return };
    store.raw(&format!("{TABLES}; GRANT ALL ON load_inbox, load_queue TO PUBLIC")).await.unwrap();
    let urls = store.urls().clone();
    let store: Arc<dyn Store> = Arc::new(store);
    let token = filled(store.clone()).await;
    let jobs = urls.jobs.as_ref().unwrap().expose_secret();
    compare("PostgreSQL", urls.app.expose_secret(), Some(jobs), &token).await;
    drop(store);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let database = std::env::var("WIB_LOAD_DATABASE").unwrap_or_default();
    match std::env::var("WIB_LOAD_ROLE").as_deref() {
        Ok("house") => house(&database).await,
        Ok("least") => least(&database).await,
        _ => bench().await,
    }
}
