//! Processes that say how they stand, stand what is taken from under them, end in good order, and are backed up at work.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::Router;
use http_body_util::BodyExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};
use tower::ServiceExt;
use wib_core::{
    Wib,
    audit::AuditEvent,
    engine::{MessageStatus, NewMessage, Topic, Worker},
    evidence::Signer,
    kit::{Clock, Id, OsRandom, Random, SystemClock, VirtualClock, time},
    ports::mailer::Mail,
    store::Store,
};
use wib_http::{
    AppConfig, app,
    readiness::{Needs, Readiness},
};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{
    Database, FolderBlobs, MemoryBlobs, PgUrls, SqlStore,
    testing::{memory_store, postgres_store},
};

use crate::processes::{Stage, free_port, nap};

/// A wire to the database that can be cut: what goes through it ends, and nothing new does.
struct Wire {
    port: u16,
    cut: Arc<AtomicBool>,
    // Grows with every cut: whoever was let through before is ended.
    times: Arc<AtomicU64>,
}

impl Wire {
    async fn to(urls: &PgUrls) -> Self {
        let options = urls.login("app");
        let upstream = (options.get_socket().cloned(), options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), cut: Arc::default(), times: Arc::default() };
        let (cut, times) = (wire.cut.clone(), wire.times.clone());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let (upstream, times) = (upstream.clone(), times.clone());
                let of = times.load(Ordering::SeqCst);
                tokio::spawn(async move {
                    let ended = async {
                        while times.load(Ordering::SeqCst) == of {
                            nap(10).await;
                        }
                    };
                    let (folder, host, port) = upstream;
                    let passed = async {
                        match folder {
                            Some(folder) => {
                                let mut far = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?;
                                tokio::io::copy_bidirectional(&mut near, &mut far).await
                            }
                            None => {
                                let mut far = TcpStream::connect((host, port)).await?;
                                tokio::io::copy_bidirectional(&mut near, &mut far).await
                            }
                        }
                    };
                    tokio::select! {
                        _ = passed => {}
                        () = ended => {}
                    }
                });
            }
        });
        wire
    }
    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.times.fetch_add(1, Ordering::SeqCst);
    }
    fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
    /// The same logins, through the wire.
    fn urls(&self, urls: &PgUrls) -> PgUrls {
        let through = |login: &str| {
            let options = urls.login(login);
            let (name, database) = (options.get_username(), options.get_database().unwrap());
            format!("postgres://{name}:wib@127.0.0.1:{}/{database}?sslmode=disable", self.port)
        };
        let jobs = Some(through("jobs").into());
        PgUrls { jobs, connections: 3, ..PgUrls::one(through("app")) }
    }
}

async fn ask(app: &Router, path: &str) -> (u16, http::HeaderMap, Value) {
    let request = http::Request::get(path).header("authorization", format!("Bearer {}", "a".repeat(64)));
    let answer = app.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), head.headers, serde_json::from_slice(&body).unwrap_or_default())
}

/// Asks until the status is that one; what was told then.
async fn until(app: &Router, path: &str, status: u16) -> Value {
    let began = Instant::now();
    loop {
        let (found, _, told) = ask(app, path).await;
        if found == status {
            return told;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{path} does not become {status}: {found} {told}");
        nap(50).await;
    }
}

fn part<'r>(report: &'r Value, name: &str) -> &'r Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["part"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_and_comes_back_is_told_of_and_work_goes_on_by_itself() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Some(pg) = postgres_store("a database that goes", clock.clone()).await else { return };
    let wire = Wire::to(pg.urls()).await;
    let store = Arc::new(SqlStore::open(&Database::Postgres(wire.urls(pg.urls())), clock.clone()).await.unwrap());
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let sandbox = Sandbox::new(clock.clone(), 1, sandbox::Settings::default());
    let builder =
        Wib::builder().store(store).blobs(Arc::new(MemoryBlobs::default())).signer(Signer::from_seed([9; 32]));
    let wib = sandbox.plug(builder, &clock, &random).unwrap().build().unwrap();
    let readiness = Readiness::new(&wib, Needs { works: true, ..Needs::default() });
    let app = app(wib.clone(), &AppConfig { readiness: Some(readiness), ..AppConfig::default() });
    let (stop, told) = watch::channel(false);
    let worker = Worker::new(&wib);
    let working = tokio::spawn(async move { worker.run(2, told).await });
    let organization = wib.system().create_organization("Ours").await.unwrap().id;
    assert_eq!(until(&app, "/readyz", 200).await["status"], "ready");

    // Something falls due while the database is away.
    let mail = Mail::plain("ann@example.com".parse().unwrap(), "Hello", "there", "");
    let (payload, run_at) = (serde_json::to_value(mail).unwrap(), time::after(clock.now(), Duration::from_secs(2)));
    let mut tx = pg.system().await.unwrap();
    tx.enqueue(Some(organization), &NewMessage { topic: Topic::SendMail, key: "hello".into(), payload, run_at })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    wire.cut();
    let report = until(&app, "/readyz", 503).await;
    let database = part(&report, "database");
    assert_eq!((&database["ok"], &database["setting"]), (&json!(false), &json!("DATABASE_URL")), "{report}");
    assert!(database["cause"].is_string(), "{report}");
    let text = report.to_string();
    assert!(!text.contains("wib_test") && !text.contains("127.0.0.1"), "names no login and no place: {text}");
    let (status, headers, told) = ask(&app, "/api/calls").await;
    assert_eq!((status, headers.get("retry-after").map(|v| v.to_str().unwrap())), (503, Some("5")), "{told}");
    assert_eq!(ask(&app, "/livez").await.0, 200, "the process itself lives");
    clock.sleep_until(time::after(run_at, Duration::from_secs(1))).await;
    assert!(sandbox.outbox().is_empty());

    wire.mend();
    until(&app, "/readyz", 200).await;
    let began = Instant::now();
    while sandbox.outbox().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "the worker does not go on");
        nap(50).await;
    }
    stop.send_replace(true);
    working.await.unwrap();
}

/// A core whose time stands still until it is moved, with its blobs in a folder.
struct House {
    wib: Wib,
    clock: Arc<VirtualClock>,
    store: Arc<SqlStore>,
}
impl House {
    async fn with(blobs: &Path) -> Self {
        let clock = Arc::new(VirtualClock::new("2026-06-01T17:30:00Z".parse().unwrap()));
        let (time, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(OsRandom));
        let store = Arc::new(memory_store(time.clone()).await);
        let sandbox = Sandbox::new(time.clone(), 1, sandbox::Settings::default());
        let blobs = Arc::new(FolderBlobs::new(blobs, time.clone()));
        let builder = Wib::builder().store(store.clone()).blobs(blobs).signer(Signer::from_seed([9; 32]));
        let wib = sandbox.plug(builder, &time, &random).unwrap().build().unwrap();
        Self { wib, clock, store }
    }
    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
    fn app(&self, works: bool) -> Router {
        let readiness = Readiness::new(&self.wib, Needs { works, ..Needs::default() });
        app(self.wib.clone(), &AppConfig { readiness: Some(readiness), ..AppConfig::default() })
    }
}

#[tokio::test]
async fn a_folder_of_blobs_that_goes_and_comes_back_is_told_of_and_nothing_is_given_up() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("blobs");
    let stage = House::with(&folder).await;
    let app = stage.app(true);
    assert_eq!(ask(&app, "/readyz").await.0, 200);
    // Root may write into any folder, but nobody into a file.
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    assert_eq!(ask(&app, "/readyz").await.0, 200, "an answer holds for a second");
    stage.pass(2);
    let (status, _, report) = ask(&app, "/readyz").await;
    let blobs = part(&report, "blobs");
    assert_eq!((status, &blobs["setting"], &blobs["ok"]), (503, &json!("WIB_DATA"), &json!(false)), "{report}");
    assert!(!report.to_string().contains(data.path().to_str().unwrap()), "{report}");

    let (payload, run_at) = (json!({ "key": "recordings/one" }), stage.clock.now());
    let message = NewMessage { topic: Topic::DeleteBlob, key: "recordings/one".into(), payload, run_at };
    let organization = stage.wib.system().create_organization("Ours").await.unwrap().id;
    let mut tx = stage.store.system().await.unwrap();
    assert!(tx.enqueue(Some(organization), &message).await.unwrap());
    tx.commit().await.unwrap();
    let worker = Worker::new(&stage.wib);
    // Far more often than a message is tried.
    for _ in 0..100 {
        worker.run_until_idle().await.unwrap();
        stage.pass(15);
    }
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty(), "what is ours and down uses up no try");
    std::fs::remove_file(&folder).unwrap();
    stage.pass(15);
    worker.run_until_idle().await.unwrap();
    let depths = stage.wib.system().queue_depths().await.unwrap();
    let done = depths.iter().find(|d| d.topic == Topic::DeleteBlob).unwrap();
    assert_eq!((done.status, done.count), (MessageStatus::Done, 1), "it went on by itself");
    assert_eq!(ask(&app, "/readyz").await.0, 200);
}

#[tokio::test]
async fn a_queue_that_nobody_carries_is_the_fault_of_a_process_that_should() {
    let folder = tempfile::tempdir().unwrap();
    let stage = House::with(folder.path()).await;
    let (worker, api) = (stage.app(true), stage.app(false));
    let (payload, run_at) = (json!({ "key": "recordings/one" }), stage.clock.now());
    let message = NewMessage { topic: Topic::DeleteBlob, key: "one".into(), payload, run_at };
    let mut tx = stage.store.system().await.unwrap();
    tx.enqueue(None, &message).await.unwrap();
    tx.commit().await.unwrap();
    stage.pass(60);
    assert_eq!((ask(&worker, "/readyz").await.0, ask(&api, "/readyz").await.0), (200, 200), "a minute is no stall");
    stage.pass(120);
    let (status, _, report) = ask(&worker, "/readyz").await;
    let queue = part(&report, "queue");
    assert_eq!((status, &queue["ok"]), (503, &json!(false)), "{report}");
    assert_eq!(queue["cause"], "a message of delete_blob has waited for 180 s: no worker takes it");
    let (status, _, report) = ask(&api, "/readyz").await;
    assert_eq!((status, &part(&report, "queue")["ok"]), (200, &json!(false)), "it is told of, and requests go on");
    Worker::new(&stage.wib).run_until_idle().await.unwrap();
    stage.pass(2);
    assert_eq!(ask(&worker, "/readyz").await.0, 200);
}

#[tokio::test]
async fn tables_that_are_behind_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.db");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(SqlStore::open(&Database::File(file.clone()), clock.clone()).await.unwrap());
    // A copy of an older time was put in the place of the database.
    wib_storage::testing::raw(&store, "DELETE FROM wib_migrations WHERE version > 12").await.unwrap();
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let sandbox = Sandbox::new(clock.clone(), 1, sandbox::Settings::default());
    let builder =
        Wib::builder().store(store).blobs(Arc::new(MemoryBlobs::default())).signer(Signer::from_seed([9; 32]));
    let app = app(sandbox.plug(builder, &clock, &random).unwrap().build().unwrap(), &AppConfig::default());
    let (status, _, report) = ask(&app, "/readyz").await;
    assert_eq!(status, 503, "{report}");
    let cause = part(&report, "migrations")["cause"].as_str().unwrap();
    assert!(cause.ends_with("steps are missing: wib migrate up"), "{cause}");
}

#[tokio::test]
async fn a_process_that_is_told_to_end_is_unready_at_once_and_told_twice_ends_at_once() {
    let mut stage = Stage::set(1).await;
    stage.settings.insert("WIB_LINGER".into(), "120".into());
    let mut server = stage.serve();
    stage.ready(&stage.server).await;
    server.terminate();
    let began = Instant::now();
    let report = loop {
        let asked = stage.ask(Method::GET, format!("{}/readyz", stage.server), "", None).await;
        let (status, report) = asked.expect("it takes connections still");
        if status.as_u16() == 503 {
            break report;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it stays ready");
        nap(20).await;
    };
    assert_eq!(part(&report, "process")["cause"], "is ending");
    assert_eq!(stage.run(&["ready"]).status.code(), Some(1), "{report}");
    server.terminate();
    assert_eq!(server.ended().await, Some(1), "it does not linger");
}

#[tokio::test]
async fn a_process_beside_the_api_answers_operators_alone_on_a_port_of_its_own() {
    let stage = Stage::set(2).await;
    // The API's door comes first: it makes the tables.
    let mut api = stage.node(&["serve", "--api"], &stage.server);
    stage.ready(&stage.server).await;
    for role in ["worker", "jobs"] {
        let place = format!("http://127.0.0.1:{}", free_port());
        let mut node = stage.node(&[role], &place);
        stage.ready(&place).await;
        let get = async |path: &str| {
            let asked = stage.ask(Method::GET, format!("{place}{path}"), "", None).await.unwrap();
            (asked.0.as_u16(), asked.1)
        };
        assert_eq!(get("/livez").await.0, 200);
        let (_, text) = get("/metrics").await;
        let text = text.as_str().unwrap();
        assert!(
            text.contains(&format!("wib_build_info{{version=\"{}\",role=\"{role}\"}} 1", env!("CARGO_PKG_VERSION"))),
            "{text}"
        );
        assert_eq!(get("/api/calls").await.0, 404);
        assert!(stage.printed(&["ready", &place]).contains("\"ready\""));
        node.terminate();
        assert_eq!(node.ended().await, Some(0));
    }
    api.terminate();
    assert_eq!(api.ended().await, Some(0));
    let refused = |arguments: &[&str], settings: &[(&str, &str)], words: &str| {
        let mut command = stage.command();
        command.args(arguments).envs(settings.iter().copied());
        for (name, _) in settings.iter().filter(|(_, value)| value.is_empty()) {
            command.env_remove(name);
        }
        let done = command.output().unwrap();
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.code() == Some(1) && told.contains(words), "{arguments:?}: {told}");
    };
    refused(&["worker"], &[("TELNYX_BASE_URL", "")], "its address as TELNYX_BASE_URL");
    refused(&["serve", "--api"], &[("DATABASE_URL", "sqlite::memory:")], "one process's own");
    refused(&["jobs"], &[("DATABASE_URL", "postgres://x@127.0.0.1:1/x")], "WIB_EVIDENCE_KEY: needed");
    refused(&["worker"], &[("WIB_CLOCK", "soon")], "WIB_CLOCK: expected an instant");
}

fn line(n: usize) -> NewMessage {
    let now = SystemClock.now();
    let event = AuditEvent {
        id: Id::new(now, &OsRandom),
        user_id: None,
        actor_type: "system".to_owned(),
        action: "backup:told".to_owned(),
        resource_type: "message".to_owned(),
        resource_id: None,
        old_value: None,
        new_value: None,
        metadata: json!({ "n": n }),
        created_at: now,
        sealed_seq: None,
    };
    NewMessage { topic: Topic::WriteAudit, key: format!("line-{n}"), payload: json!({ "event": event }), run_at: now }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_under_load_is_restored_whole_and_its_evidence_holds() {
    const LINES: usize = 2_000;
    let stage = Stage::set(8).await;
    let mut server = stage.serve();
    stage.ready(&stage.server).await;
    let (organization, _) = stage.sign_up().await;
    let (org, store) = stage.org(&organization).await;
    std::fs::create_dir_all(stage.data.path().join("blobs/recordings")).unwrap();
    for n in 0..20 {
        std::fs::write(stage.data.path().join(format!("blobs/recordings/{n}")), vec![n; 70_000]).unwrap();
    }
    // What is at work now: the worker writes lines while the chain is sealed and the copy is taken.
    let elsewhere = tempfile::tempdir().unwrap();
    let place = |name: &str| elsewhere.path().join(name).to_str().unwrap().to_owned();
    let first = place("first");
    stage.printed(&["jobs", "run", "seal_audit"]);
    for part in 0..LINES / 100 {
        let mut tx = store.system().await.unwrap();
        for n in 0..100 {
            assert!(tx.enqueue(Some(org.id()), &line(part * 100 + n)).await.unwrap());
        }
        tx.commit().await.unwrap();
    }
    let done = async || {
        let depths = store.system().await.unwrap().queue_depths().await.unwrap();
        depths.iter().any(|d| d.topic == Topic::WriteAudit && d.status == MessageStatus::Done)
    };
    while !done().await {
        nap(5).await;
    }
    let told = stage.printed(&["backup", &first]);
    assert!(told.contains("23 files"), "{told}");
    assert!(!stage.run(&["backup", &first]).status.success(), "a backup is not written over another");
    let began = Instant::now();
    while !store.system().await.unwrap().oldest_due(SystemClock.now()).await.unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(120), "the lines are not written");
        nap(100).await;
    }
    stage.printed(&["jobs", "run", "seal_audit"]);
    server.terminate();
    assert_eq!(server.ended().await, Some(0));
    let second = place("second");
    stage.printed(&["backup", &second]);

    let on = |data: &str, arguments: &[&str]| {
        let mut command = stage.command();
        let done = command.env("WIB_DATA", data).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let count = async |data: &str| {
        let file = Path::new(data).join("wib.db");
        let store = SqlStore::open(&Database::File(file), Arc::new(SystemClock)).await.unwrap();
        let depths = store.system().await.unwrap().queue_depths().await.unwrap();
        let lines = depths.iter().filter(|d| d.topic == Topic::WriteAudit);
        let (all, done) = lines.fold((0, 0), |(all, done), d| {
            (all + d.count, done + if d.status == MessageStatus::Done { d.count } else { 0 })
        });
        let rows = wib_storage::testing::dump(&store).await.unwrap();
        store.close().await;
        (all, done, rows)
    };
    let source = stage.data.path().to_str().unwrap();
    for (name, backup) in [("under load", &first), ("at rest", &second)] {
        let data = place(&format!("data of {name}"));
        let (code, _, told) = on(&data, &["restore", backup]);
        assert_eq!(code, Some(0), "{name}: {told}");
        let (all, done, rows) = count(&data).await;
        println!("{name}: {done} of {all} lines were written, {} tables", rows.len());
        assert_eq!(all, i64::try_from(LINES).unwrap(), "{name}: every message is there, done or to be done");
        if name == "at rest" {
            assert!((all, done, rows) == count(source).await, "row by row the same");
        }
        for n in 0..20 {
            let path = format!("blobs/recordings/{n}");
            let read = |folder: &str| std::fs::read(Path::new(folder).join(&path)).unwrap();
            assert_eq!(read(&data), read(source), "{name}: {path}");
        }
        for key in ["evidence.key", "secrets.key"] {
            let read = |folder: &str| std::fs::read(Path::new(folder).join(key)).unwrap();
            assert_eq!(read(&data), read(source), "{name}: {key}");
        }
        let history = place(&format!("{name}.jsonl"));
        let (code, _, told) = on(&data, &["evidence", "history", &organization, "--out", &history]);
        assert_eq!(code, Some(0), "{name}: {told}");
        let (code, told, _) = on(&data, &["evidence", "verify", &history]);
        assert!(code == Some(0) && told.contains("HOLDS"), "{name}: {told}");
        let (code, _, told) = on(&data, &["restore", backup]);
        assert!(code == Some(1) && told.contains("holds data already"), "{told}");
    }
    let data = place("data of at rest");
    let (code, told, _) = on(&data, &["restore", &second, "--force"]);
    assert!(code == Some(0) && told.contains("what was there is kept in"), "{told}");

    // What is not as the manifest says is refused by its name, and nothing is written.
    let fresh = place("never");
    let damage = |file: &str, change: &dyn Fn(&Path), words: &str| {
        let path = Path::new(&first).join(file);
        let before = std::fs::read(&path).unwrap();
        change(&path);
        let (code, _, told) = on(&fresh, &["restore", &first]);
        assert!(code == Some(1) && told.contains(file) && told.contains(words), "{file}: {told}");
        assert!(!Path::new(&fresh).exists(), "{file}");
        std::fs::write(&path, before).unwrap();
    };
    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let cut = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    damage("wib.db", &flip, "was changed");
    damage("wib.db", &cut, "bytes instead of");
    damage("blobs/recordings/7", &flip, "was changed");
    damage("blobs/recordings/7", &|path| std::fs::remove_file(path).unwrap(), "is missing");
    damage("evidence.key", &cut, "bytes instead of");
    damage("secrets.key", &flip, "was changed");
    damage("manifest.json", &cut, "is cut off");
    let forget = |path: &Path| {
        let mut manifest: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        manifest["files"].as_array_mut().unwrap().pop();
        std::fs::write(path, manifest.to_string()).unwrap();
    };
    damage("manifest.json", &forget, "was changed");
    assert_eq!(on(&fresh, &["restore", &first]).0, Some(0), "and whole again it is taken");
    let key = "WIB_EVIDENCE_KEY";
    let mut command = stage.command();
    let done = command
        .env("DATABASE_URL", "postgres://x@127.0.0.1:1/x")
        .env(key, "07".repeat(32))
        .args(["backup", &place("pg")]);
    assert!(String::from_utf8_lossy(&done.output().unwrap().stderr).contains("pg_dump"));
}

#[tokio::test]
async fn dead_letters_are_shown_replayed_and_dropped_by_hand() {
    let stage = Stage::set(9).await;
    let mut server = stage.serve();
    stage.ready(&stage.server).await;
    let (organization, _) = stage.sign_up().await;
    server.terminate();
    assert_eq!(server.ended().await, Some(0));
    let (org, store) = stage.org(&organization).await;
    let now = SystemClock.now();
    let mail = Mail::plain("ann@example.com".parse().unwrap(), "Hello", "the secret link", "");
    let mail = serde_json::to_value(mail).unwrap();
    let mut tx = store.system().await.unwrap();
    for (topic, key) in [(Topic::SendMail, "a"), (Topic::SendMail, "b"), (Topic::DeleteBlob, "c")] {
        let payload = if topic == Topic::SendMail { mail.clone() } else { json!({ "key": "recordings/c" }) };
        tx.enqueue(Some(org.id()), &NewMessage { topic, key: key.into(), payload, run_at: now }).await.unwrap();
    }
    let taken = tx.lease(SystemClock.now(), Duration::from_secs(60), 10).await.unwrap();
    for message in taken.iter().filter(|m| ["a", "b", "c"].contains(&m.key.as_str())) {
        tx.bury(message, now, "refused").await.unwrap();
    }
    tx.commit().await.unwrap();
    store.close().await;
    let listed: Value =
        serde_json::from_str(&stage.printed(&["dlq", "list", "--topic", "send_mail", "--json"])).unwrap();
    let letters = listed.as_array().unwrap();
    assert_eq!(letters.len(), 2, "{listed}");
    assert_eq!(stage.printed(&["dlq", "list"]).lines().count(), 3);
    let id = letters[0]["id"].as_str().unwrap();
    let shown = stage.printed(&["dlq", "show", id]);
    assert!(shown.contains("\"last_error\": \"refused\"") && shown.contains("\"attempts\": 1"), "{shown}");
    assert!(!shown.contains("ann@") && !shown.contains("secret"), "{shown}");
    assert!(!stage.run(&["dlq", "drop", id]).status.success(), "not without a yes");
    stage.printed(&["dlq", "drop", id, "--yes"]);
    assert!(!stage.run(&["dlq", "drop", id, "--yes"]).status.success(), "it is none any more");
    assert!(!stage.run(&["dlq", "replay", id]).status.success());
    assert_eq!(stage.printed(&["dlq", "replay", "--all", "--topic", "send_mail"]), "1 put back to work\n");
    assert_eq!(stage.printed(&["dlq", "list"]).lines().count(), 1);
    assert!(!stage.run(&["dlq", "list", "--topic", "mail"]).status.success());
    assert!(!stage.run(&["dlq", "replay"]).status.success(), "all of them are asked for by name");
    let (org, store) = stage.org(&organization).await;
    let page = org.list_audit(wib_core::audit::ListAudit::default()).await.unwrap();
    let dropped = page.items.iter().find(|line| line.action == "queue:letter_dropped").unwrap();
    assert_eq!(dropped.resource_id.unwrap().to_string(), id);
    store.close().await;
}
