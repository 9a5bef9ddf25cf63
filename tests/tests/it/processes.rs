//! The binary as processes: the sandbox vendors on a port, a door that stands between them and the nodes, and whatever
//! nodes a test runs.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::State};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use jiff::tz::TimeZone;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use wib_core::{
    Org, Wib,
    evidence::Signer,
    kit::{Clock, ExposeSecret, OsRandom, Principal, Random, SystemClock, time},
};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{Database, MemoryBlobs, PgUrls, SqlStore};

pub(crate) const TERMINAL: [&str; 4] = ["completed", "missed", "canceled", "failed"];
/// The installation's key, where several processes must have one.
const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// A process that ends with its owner.
pub(crate) struct Running(pub(crate) Child);
impl Running {
    /// SIGKILL: nothing is flushed, nothing is said.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
impl Running {
    /// SIGTERM: the process is to end in good order.
    pub(crate) fn terminate(&self) {
        let done = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
    /// How it ended, when it does within half a minute.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        for _ in 0..1500 {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            nap(20).await;
        }
        panic!("the process does not end");
    }
}
impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What stands before the nodes, as a balancer would: vendors deliver to it and users ask it. It passes on to the nodes in
/// turn, to the next one when a node is not there. While it is `shut` it passes nothing that a vendor says about every
/// other number: so of some calls the nodes hear nothing before they have to ask.
pub(crate) struct Door {
    client: reqwest::Client,
    nodes: Mutex<Vec<String>>,
    turn: AtomicUsize,
    pub(crate) shut: AtomicBool,
}
impl Door {
    async fn pass(
        State(door): State<Arc<Self>>,
        method: Method,
        path: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> http::Response<Body> {
        let plain = |status: StatusCode| http::Response::builder().status(status).body(Body::empty()).unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap_or_default();
        let number =
            event["data"]["payload"]["to"].as_str().and_then(|to| to.trim_start_matches('+').parse::<u64>().ok());
        if door.shut.load(Ordering::Relaxed) && number.is_some_and(|number| number % 2 == 0) {
            return plain(StatusCode::SERVICE_UNAVAILABLE);
        }
        let nodes = door.nodes.lock().unwrap().clone();
        let first = door.turn.fetch_add(1, Ordering::Relaxed);
        for n in 0..nodes.len() {
            let url = format!("{}{path}", nodes[(first + n) % nodes.len()]);
            let request = door.client.request(method.clone(), url).headers(headers.clone()).body(body.clone());
            match request.send().await {
                // It never left.
                Err(error) if error.is_connect() => {}
                Err(_) => return plain(StatusCode::BAD_GATEWAY),
                Ok(answer) => {
                    let mut passed = http::Response::builder().status(answer.status());
                    *passed.headers_mut().unwrap() = answer.headers().clone();
                    let Ok(body) = answer.bytes().await else { return plain(StatusCode::BAD_GATEWAY) };
                    return passed.body(Body::from(body)).unwrap();
                }
            }
        }
        plain(StatusCode::BAD_GATEWAY)
    }
}

/// The sandbox vendors on a port, and what it takes to run `wib` against them.
pub(crate) struct Stage {
    wib: PathBuf,
    pub(crate) data: TempDir,
    pub(crate) client: reqwest::Client,
    /// Where users ask: the one server, or the door before several.
    pub(crate) server: String,
    pub(crate) vendors: String,
    pub(crate) door: Arc<Door>,
    public: String,
    key: String,
    /// What every process is told besides.
    pub(crate) settings: BTreeMap<String, String>,
    database: Database,
    sandbox: Running,
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

pub(crate) async fn nap(ms: u64) {
    SystemClock.sleep_until(time::after(SystemClock.now(), Duration::from_millis(ms))).await;
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The binary: `WIB_BIN`, else the one beside this test (as it was last built), else a fresh build.
pub(crate) fn binary() -> PathBuf {
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
    /// A stage whose server keeps its rows in a file.
    pub(crate) async fn set(seed: u64) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let wib = binary();
        let (server, vendors) = (free_port(), free_port());
        let (server, vendors) = (format!("http://127.0.0.1:{server}"), format!("http://127.0.0.1:{vendors}"));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        let nodes = Mutex::new(vec![server.clone()]);
        let (turn, shut) = (AtomicUsize::new(0), AtomicBool::new(true));
        let door = Arc::new(Door { client: client.clone(), nodes, turn, shut });
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
        let database = format!("sqlite:{}", data.path().join("wib.db").display()).parse().unwrap();
        let settings = BTreeMap::new();
        Self { wib, data, client, server, vendors, door, public, key, settings, database, sandbox }
    }

    /// A stage of several processes on PostgreSQL, which users reach by the door.
    pub(crate) async fn of_nodes(seed: u64, urls: &PgUrls) -> Self {
        let mut stage = Self::set(seed).await;
        let urls = PgUrls { connections: 5, ..urls.clone() };
        for (name, url) in [
            ("DATABASE_URL", Some(&urls.app)),
            ("WIB_DB_OWNER_URL", urls.owner.as_ref()),
            ("WIB_DB_JOBS_URL", urls.jobs.as_ref()),
        ] {
            stage.settings.insert(name.to_owned(), url.unwrap().expose_secret().to_owned());
        }
        stage.settings.insert("WIB_EVIDENCE_KEY".to_owned(), KEY.to_owned());
        // Cache, queue and bus, where the surroundings name them.
        for name in ["REDIS_URL", "NATS_URL"] {
            stage.settings.extend(std::env::var(name).map(|url| (name.to_owned(), url)));
        }
        stage.database = Database::Postgres(urls);
        stage.behind_the_door(vec![]);
        stage
    }

    /// Users ask the door, which asks these nodes.
    pub(crate) fn behind_the_door(&mut self, nodes: Vec<String>) {
        self.server = self.public.clone();
        *self.door.nodes.lock().unwrap() = nodes;
    }

    /// Starts a process of its own port.
    pub(crate) fn node(&self, arguments: &[&str], address: &str) -> Running {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command();
        command.args(arguments).env("PORT", address.rsplit(':').next().unwrap());
        Running(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Waits until a node says that it is ready.
    pub(crate) async fn ready(&self, address: &str) {
        let began = Instant::now();
        loop {
            let asked = self.ask(Method::GET, format!("{address}/readyz"), "", None).await;
            match asked {
                Ok((StatusCode::OK, _)) => return,
                other => assert!(began.elapsed() < Duration::from_secs(60), "{address} is not ready: {other:?}"),
            }
            nap(20).await;
        }
    }

    /// Somebody of ours on the same database, past every process.
    pub(crate) async fn org(&self, organization: &str) -> (Org, Arc<SqlStore>) {
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(OsRandom));
        let store = Arc::new(SqlStore::open(&self.database, clock.clone()).await.unwrap());
        let builder = Wib::builder().store(store.clone()).blobs(Arc::new(MemoryBlobs::default()));
        let nobody = Sandbox::new(clock.clone(), 0, sandbox::Settings::default());
        let builder = nobody.plug(builder.signer(Signer::from_seed([0; 32])), &clock, &random).unwrap();
        let org = builder.build().unwrap().org(Principal::service(organization.parse().unwrap())).await.unwrap();
        (org, store)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.data.path().join("server.log")
    }

    /// `wib`, configured for these vendors and with nothing of the surroundings.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.wib);
        command.env_clear().current_dir(self.data.path());
        command.env("WIB_DATA", self.data.path()).env("WIB_PUBLIC_URL", &self.public).env("RUST_LOG", "warn");
        command.env("PORT", self.server.rsplit(':').next().unwrap());
        // One organisation places many.
        command.env("WIB_LIMITS", "call=100000/60,telnyx_voice=100000/60");
        command.env("WIB_SANDBOX", "voice,transcriber,llm,mailer,billing");
        command.env("TELNYX_PUBLIC_KEY", &self.key).env("ASSEMBLYAI_WEBHOOK_SECRET", "between the two of us");
        for (vendor, path) in [
            ("TELNYX", "telnyx/v2"),
            ("ASSEMBLYAI", "assemblyai"),
            ("DEEPGRAM", "deepgram"),
            ("GROQ", "groq/openai/v1"),
            ("XAI", "xai/v1"),
            ("OPENAI", "openai/v1"),
            ("ELEVENLABS", "elevenlabs"),
            ("RESEND", "resend"),
            ("STRIPE", "stripe"),
        ] {
            command.env(format!("{vendor}_BASE_URL"), format!("{}/{path}", self.vendors));
        }
        command.envs(&self.settings);
        command
    }

    pub(crate) fn serve(&self) -> Running {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        Running(self.command().stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// A command that ends by itself.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }
    /// What a command that succeeds prints.
    pub(crate) fn printed(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{arguments:?}: {out}{err}");
        out.into_owned()
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        url: String,
        token: &str,
        body: Option<Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        // Everybody asks from somewhere else: how often one may ask is not what is tried here.
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let from = Ipv4Addr::from(0x5db8_0000 + ASKED.fetch_add(1, Ordering::Relaxed) % 0xffff);
        let mut request = self.client.request(method, url).header("user-agent", "kill");
        request = request.header("x-forwarded-for", from.to_string());
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
    pub(crate) async fn sandbox(&self, path: &str, body: Option<Value>) -> Value {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let (status, answer) = self.ask(method, format!("{}/sandbox/{path}", self.vendors), "", body).await.unwrap();
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }
    pub(crate) async fn fault(&self, operation: &str, times: u32, kind: &str) {
        let mut fault = json!({"vendor": "telnyx", "operation": operation, "times": times, "kind": kind});
        if kind == "status" {
            fault["status"] = 503.into();
        }
        self.sandbox("faults", Some(fault)).await;
    }

    pub(crate) async fn up(&self) {
        let began = Instant::now();
        while self.ask(Method::GET, format!("{}/readyz", self.server), "", None).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the server does not start");
            nap(20).await;
        }
    }

    /// Signs up with an organisation: its id, and a session's token.
    pub(crate) async fn sign_up(&self) -> (String, String) {
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
    pub(crate) async fn import(&self, organization: &str, numbers: &[String]) {
        let mut csv = "account,name,balance,phone\n".to_owned();
        for (n, number) in numbers.iter().enumerate() {
            csv.push_str(&format!("K-{n},Person {n},{}.00,{number}\n", 100 + n));
        }
        let file = self.data.path().join("accounts.csv");
        std::fs::write(&file, &csv).unwrap();
        let told = self.printed(&["import", "--organization", organization, file.to_str().unwrap()]);
        assert!(told.starts_with(&format!("{} accounts, 0 ", numbers.len())), "{told}");
        let (org, store) = self.org(organization).await;
        let clock = SystemClock;
        let zone = format!("Etc/GMT{:+}", i16::from(clock.now().to_zoned(TimeZone::UTC).hour()) - 13);
        for (account, _) in org.import_accounts(csv.as_bytes()).await.unwrap().accounts {
            org.state_zone(account.person_id, &zone).await.unwrap();
        }
        store.close().await;
    }
}

/// Somebody who uses the API, and never takes a lost answer for a refusal.
pub(crate) struct User<'s> {
    stage: &'s Stage,
    token: String,
    /// The number of each call that is known.
    pub(crate) known: BTreeMap<String, String>,
}

impl<'s> User<'s> {
    pub(crate) fn new(stage: &'s Stage, token: String) -> Self {
        Self { stage, token, known: BTreeMap::new() }
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let asked = self.stage.ask(Method::GET, format!("{}/api/{path}", self.stage.server), &self.token, None).await;
        asked.ok().filter(|(status, _)| status.is_success()).map(|(_, answer)| answer)
    }

    /// The status of every call there is; `None` while the server is down.
    pub(crate) async fn calls(&mut self) -> Option<BTreeMap<String, String>> {
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
    pub(crate) async fn start(&mut self, number: &str) {
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
