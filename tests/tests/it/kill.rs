//! The promise about crashes: a server that is killed while it carries calls loses none and dials none twice.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State};
use http::{HeaderMap, Uri};
use jiff::tz::TimeZone;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use wib_core::{
    Wib,
    evidence::Signer,
    kit::{Clock, OsRandom, Principal, Random, SeededRandom, SystemClock, time},
};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{Database, MemoryBlobs, SqlStore};

const CALLS: usize = 200;
const KILLS: u32 = 12;
/// How long the server may take to finish once it is left alone.
const PATIENCE: Duration = Duration::from_secs(240);
const TERMINAL: [&str; 4] = ["completed", "missed", "canceled", "failed"];

/// A process that ends with its owner.
struct Running(Child);
impl Running {
    /// SIGKILL: nothing is flushed, nothing is said.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where the vendors deliver to: it passes on to the server, and while it is `shut` nothing about every other number.
/// So of some calls the server hears nothing before it has to ask.
struct Door {
    client: reqwest::Client,
    server: String,
    shut: AtomicBool,
}
impl Door {
    async fn pass(State(door): State<Arc<Self>>, path: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
        let event: Value = serde_json::from_slice(&body).unwrap_or_default();
        let number =
            event["data"]["payload"]["to"].as_str().and_then(|to| to.trim_start_matches('+').parse::<u64>().ok());
        if door.shut.load(Ordering::Relaxed) && number.is_some_and(|number| number % 2 == 0) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let request = door.client.post(format!("{}{path}", door.server)).headers(headers).body(body);
        request.send().await.map_or(StatusCode::BAD_GATEWAY, |answer| answer.status())
    }
}

/// The sandbox vendors on a port, and what it takes to run `wib` against them.
struct Stage {
    wib: PathBuf,
    data: TempDir,
    client: reqwest::Client,
    server: String,
    vendors: String,
    door: Arc<Door>,
    public: String,
    key: String,
    sandbox: Running,
    /// Dials whose outcome was asked for, of servers that are gone.
    recovered: Mutex<BTreeMap<u32, u64>>,
}
impl Drop for Stage {
    fn drop(&mut self) {
        self.sandbox.kill();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(60).collect();
            last.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

async fn nap(ms: u64) {
    SystemClock.sleep_until(time::after(SystemClock.now(), Duration::from_millis(ms))).await;
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The binary: `WIB_BIN`, else the one beside this test (as it was last built), else a fresh build.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("WIB_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let name = format!("wib{}", std::env::consts::EXE_SUFFIX);
    let beside = || test.ancestors().skip(1).take(3).map(|folder| folder.join(&name)).find(|path| path.is_file());
    beside().unwrap_or_else(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "-p", "wib-http"]).args((!cfg!(debug_assertions)).then_some("--release"));
        assert!(build.status().unwrap().success());
        beside().expect("the binary is beside the test")
    })
}

impl Stage {
    async fn set(seed: u64) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let wib = binary();
        let (server, vendors) = (free_port(), free_port());
        let (server, vendors) = (format!("http://127.0.0.1:{server}"), format!("http://127.0.0.1:{vendors}"));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        let door = Arc::new(Door { client: client.clone(), server: server.clone(), shut: AtomicBool::new(true) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(Door::pass).with_state(door.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        let mut command = Command::new(&wib);
        command.env_clear().args(["sandbox", "--seed", &seed.to_string()]);
        command.args(["--bind", &vendors["http://".len()..], "--server", &public]);
        let mut sandbox = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(sandbox.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let key = line.trim().strip_prefix("TELNYX_PUBLIC_KEY=").unwrap().to_owned();
        let data = tempfile::tempdir().unwrap();
        Self { wib, data, client, server, vendors, door, public, key, sandbox, recovered: Mutex::default() }
    }

    fn log(&self) -> PathBuf {
        self.data.path().join("server.log")
    }

    /// `wib`, configured for these vendors and with nothing of the surroundings.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.wib);
        command.env_clear().current_dir(self.data.path());
        command.env("WIB_DATA", self.data.path()).env("WIB_PUBLIC_URL", &self.public).env("RUST_LOG", "warn");
        command.env("PORT", self.server.rsplit(':').next().unwrap());
        command.env("WIB_SANDBOX", "voice,transcriber,llm,mailer");
        command.env("TELNYX_PUBLIC_KEY", &self.key).env("ASSEMBLYAI_WEBHOOK_SECRET", "between the two of us");
        for (vendor, path) in [
            ("TELNYX", "telnyx/v2"),
            ("ASSEMBLYAI", "assemblyai"),
            ("GROQ", "groq/openai/v1"),
            ("XAI", "xai/v1"),
            ("OPENAI", "openai/v1"),
            ("RESEND", "resend"),
        ] {
            command.env(format!("{vendor}_BASE_URL"), format!("{}/{path}", self.vendors));
        }
        command
    }

    fn serve(&self) -> Running {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        Running(self.command().stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// A command that ends by itself.
    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }
    /// What a command that succeeds prints.
    fn printed(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{arguments:?}: {out}{err}");
        out.into_owned()
    }

    async fn ask(
        &self,
        method: Method,
        url: String,
        token: &str,
        body: Option<Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let mut request = self.client.request(method, url).header("user-agent", "kill");
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Of the sandbox, which is always there.
    async fn sandbox(&self, path: &str, body: Option<Value>) -> Value {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let (status, answer) = self.ask(method, format!("{}/sandbox/{path}", self.vendors), "", body).await.unwrap();
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }
    async fn fault(&self, operation: &str, times: u32, kind: &str) {
        let mut fault = json!({"vendor": "telnyx", "operation": operation, "times": times, "kind": kind});
        if kind == "status" {
            fault["status"] = 503.into();
        }
        self.sandbox("faults", Some(fault)).await;
    }

    async fn up(&self) {
        let began = Instant::now();
        while self.ask(Method::GET, format!("{}/readyz", self.server), "", None).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the server does not start");
            nap(20).await;
        }
    }

    /// Signs up with an organisation: its id, and a session's token.
    async fn sign_up(&self) -> (String, String) {
        let auth = |path: &str| format!("{}/api/auth/{path}", self.server);
        let csrf = async || {
            let (_, answer) = self.ask(Method::GET, auth("csrf"), "", None).await.unwrap();
            answer["csrf_token"].clone()
        };
        let who = json!({"email": "kill@example.com", "password": "correct horse"});
        let mut form = who.clone();
        form["organizationName"] = "Kill".into();
        form["csrf_token"] = csrf().await;
        let (status, answer) = self.ask(Method::POST, auth("signup"), "", Some(form)).await.unwrap();
        assert!(status.is_success(), "{answer}");
        let mut form = who;
        form["csrf_token"] = csrf().await;
        let request = self.client.post(auth("callback/credentials")).header("user-agent", "kill");
        let answer = request.header("content-type", "application/json").body(form.to_string()).send().await.unwrap();
        let token = answer.headers()["x-session-token"].to_str().unwrap().to_owned();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (answer["user"]["organization_id"].as_str().unwrap().to_owned(), token)
    }

    /// Imports an account for each number. Every person has said to be where it is between one and two o'clock now:
    /// there are hours of the day at which no place of the United States may be called.
    async fn import(&self, organization: &str, numbers: &[String]) {
        let mut csv = "account,name,balance,phone\n".to_owned();
        for (n, number) in numbers.iter().enumerate() {
            csv.push_str(&format!("K-{n},Person {n},{}.00,{number}\n", 100 + n));
        }
        let file = self.data.path().join("accounts.csv");
        std::fs::write(&file, &csv).unwrap();
        let told = self.printed(&["import", "--organization", organization, file.to_str().unwrap()]);
        assert!(told.starts_with(&format!("{CALLS} accounts, 0 ")), "{told}");
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(OsRandom));
        let database: Database = format!("sqlite:{}", self.data.path().join("wib.db").display()).parse().unwrap();
        let store = Arc::new(SqlStore::open(&database, clock.clone()).await.unwrap());
        let builder = Wib::builder().store(store.clone()).blobs(Arc::new(MemoryBlobs::default()));
        let nobody = Sandbox::new(clock.clone(), 0, sandbox::Settings::default());
        let builder = nobody.plug(builder.signer(Signer::from_seed([0; 32])), &clock, &random).unwrap();
        let org = builder.build().unwrap().org(Principal::service(organization.parse().unwrap())).await.unwrap();
        let zone = format!("Etc/GMT{:+}", i16::from(clock.now().to_zoned(TimeZone::UTC).hour()) - 13);
        for (account, _) in org.import_accounts(csv.as_bytes()).await.unwrap().accounts {
            org.state_zone(account.person_id, &zone).await.unwrap();
        }
        store.close().await;
    }
}

/// Somebody who uses the API, and never takes a lost answer for a refusal.
struct User<'s> {
    stage: &'s Stage,
    token: String,
    /// The number of each call that is known.
    known: BTreeMap<String, String>,
}

impl User<'_> {
    async fn get(&self, path: &str) -> Option<Value> {
        let asked = self.stage.ask(Method::GET, format!("{}/api/{path}", self.stage.server), &self.token, None).await;
        asked.ok().filter(|(status, _)| status.is_success()).map(|(_, answer)| answer)
    }

    /// The status of every call there is; `None` while the server is down.
    async fn calls(&mut self) -> Option<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for page in 1.. {
            let answer = self.get(&format!("calls?limit=150&page={page}")).await?;
            let lines = answer["calls"].as_array().unwrap().clone();
            let text = |line: &Value, field: &str| line[field].as_str().unwrap().to_owned();
            all.extend(lines.iter().map(|line| (text(line, "id"), text(line, "status"))));
            if lines.len() < 150 {
                break;
            }
        }
        for id in all.keys() {
            if !self.known.contains_key(id) {
                let call = self.get(&format!("calls/{id}")).await?;
                self.known.insert(id.clone(), call["call"]["to_number"].as_str().unwrap().to_owned());
            }
        }
        Some(all)
    }

    /// Starts one call. A POST whose answer was lost may have made the call, so it is not repeated before the list of
    /// calls, of a server that runs again, has none to that number.
    async fn start(&mut self, number: &str) {
        loop {
            let url = format!("{}/api/calls", self.stage.server);
            match self.stage.ask(Method::POST, url, &self.token, Some(json!({"to": number}))).await {
                Ok((StatusCode::CREATED, _)) => return,
                Ok((status, answer)) => assert!(status.is_server_error(), "{number}: {status} {answer}"),
                // It never left.
                Err(error) if error.is_connect() => {
                    nap(30).await;
                    continue;
                }
                Err(_) => {}
            }
            while self.calls().await.is_none() {
                nap(30).await;
            }
            if self.known.values().any(|known| known == number) {
                return;
            }
        }
    }
}

/// Kills and restarts the server until all calls are started, and often enough; how often, and the server that is left.
async fn kill(stage: &Stage, mut server: Running, random: &SeededRandom, started: &AtomicBool) -> (u32, Running) {
    let between = |low: u64, high: u64| low + (random as &dyn Random).below(high - low);
    let mut kills = 0;
    while kills < KILLS || !started.load(Ordering::Relaxed) {
        nap(if kills % 4 == 3 { between(4_000, 8_000) } else { between(100, 2_000) }).await;
        stage.note_recovered(kills).await;
        server.kill();
        kills += 1;
        match kills {
            // Longer than the vendor remembers which commands it has seen.
            5 | 9 => _ = stage.sandbox("clock", Some(json!({"advance_seconds": between(61, 91)}))).await,
            1 | 4 | 7 | 10 => {
                stage.fault("dial", 3, "reset_after_effect").await;
                stage.fault("dial", 1, "timeout_after_effect").await;
                stage.fault("dial", 1, "garbled_after_effect").await;
                stage.fault("dial", 1, "no_connection").await;
                // A search is tried three times: this one fails whole.
                stage.fault("active_calls", 3, "status").await;
                stage.fault("record_start", 1, "reset_after_effect").await;
            }
            _ => {}
        }
        server = stage.serve();
    }
    (kills, server)
}

impl Stage {
    async fn note_recovered(&self, life: u32) {
        let asked = self.ask(Method::GET, format!("{}/metrics", self.server), "", None).await;
        let Ok((_, Value::String(text))) = asked else { return };
        let line = text.lines().find_map(|line| line.strip_prefix("wib_dials_recovered_total "));
        let count = line.and_then(|n| n.parse().ok()).unwrap_or(0);
        self.recovered.lock().unwrap().insert(life, count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_or_dialled_twice_however_often_the_server_is_killed() {
    let seed = std::env::var("WIB_KILL_SEED").map_or(1, |text| text.parse().unwrap());
    println!("WIB_KILL_SEED={seed}");
    let began = Instant::now();
    let (stage, random) = (Stage::set(seed).await, SeededRandom::new(seed));
    let server = stage.serve();
    stage.up().await;
    let (organization, token) = stage.sign_up().await;
    let numbers: Vec<_> = (0..CALLS).map(|n| format!("+15005551{n:03}")).collect();
    stage.import(&organization, &numbers).await;

    let mut user = User { stage: &stage, token, known: BTreeMap::new() };
    let started = AtomicBool::new(false);
    let start = async {
        for number in &numbers {
            user.start(number).await;
            nap(60).await;
        }
        started.store(true, Ordering::Relaxed);
    };
    let ((kills, mut server), ()) = tokio::join!(kill(&stage, server, &random, &started), start);
    stage.door.shut.store(false, Ordering::Relaxed);
    println!("{kills} kills in {:?}", began.elapsed());

    // Left alone, the server finishes everything.
    let alone = Instant::now();
    let mut exports: BTreeMap<String, Value> = BTreeMap::new();
    while exports.len() < CALLS {
        nap(1_000).await;
        let calls = user.calls().await.unwrap_or_default();
        let over = calls.iter().filter(|(_, status)| TERMINAL.contains(&status.as_str()));
        for (id, _) in over.filter(|(id, _)| !exports.contains_key(*id)).collect::<Vec<_>>() {
            if let Some(export) =
                user.get(&format!("calls/{id}/export")).await.filter(|e| !e["export"]["evidence"].is_null())
            {
                exports.insert(id.clone(), export["export"].clone());
            }
        }
        if alone.elapsed() > PATIENCE {
            let open: Vec<_> = calls.iter().filter(|(id, _)| !exports.contains_key(*id)).collect();
            panic!("not sealed after {PATIENCE:?}: {open:?}");
        }
    }
    stage.note_recovered(kills).await;
    let recovered: u64 = stage.recovered.lock().unwrap().values().sum();
    println!("all sealed after {:?}; {recovered} dials were found at the vendor", began.elapsed());

    // None lost, none twice: both sides have the same two hundred calls.
    let calls = user.calls().await.unwrap();
    assert_eq!(calls.len(), CALLS);
    assert!(calls.values().all(|status| TERMINAL.contains(&status.as_str())), "{calls:?}");
    let ours: BTreeSet<_> = user.known.values().cloned().collect();
    assert_eq!(ours, numbers.iter().cloned().collect());
    let dials: BTreeMap<String, u64> = stage
        .sandbox("numbers", None)
        .await
        .as_object()
        .unwrap()
        .iter()
        .map(|(n, c)| (n.clone(), c.as_u64().unwrap()))
        .collect();
    let twice: Vec<_> = dials.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "dialled more than once: {twice:?}");
    assert_eq!(dials.keys().cloned().collect::<BTreeSet<_>>(), ours, "dialled and ours");
    let theirs = stage.sandbox("calls", None).await;
    let theirs: BTreeMap<_, _> =
        theirs["calls"].as_array().unwrap().iter().map(|c| (c["to"].as_str().unwrap(), c)).collect();
    for (id, export) in &exports {
        let (their, events) = (theirs[user.known[id].as_str()], export["timeline"].as_array().unwrap());
        // No refusal was ordered.
        assert!(events.iter().all(|e| e["event_type"] != "call.not_placed"), "{id} was not placed: {events:?}");
        assert_eq!(export["call"]["answered_at"].is_null(), their["answered_at"].is_null(), "{id}: {their}");
        let kept = export["recordings"].as_array().unwrap().len();
        assert_eq!(kept, their["recordings"].as_array().unwrap().len(), "recordings of {id}: {their}");
    }

    // The database, as the last kill left it, holds.
    server.kill();
    assert_eq!(stage.printed(&["dlq", "list"]), "", "dead letters");
    let chain = stage.printed(&["evidence", "chain", &organization]);
    // A link for every call; what came late, and the audit log, have links of their own. A fault would have ended it.
    let links: usize = chain.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default();
    assert!(links >= CALLS, "{chain}");
    for id in exports.keys().step_by(40) {
        let file = stage.data.path().join(format!("{id}.json"));
        let file = Path::to_str(&file).unwrap();
        stage.printed(&["evidence", "export", id, "--out", file]);
        assert!(stage.printed(&["evidence", "verify", file]).contains("HOLDS"));
    }
    println!("{:?} in all", began.elapsed());
}
