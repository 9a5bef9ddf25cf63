//! The server's configuration: read once, every fault told at once, before anything listens.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
    io::Read,
    net::IpAddr,
    num::ParseIntError,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use wib_core::{
    evidence::{Signer, timestamp::TimestampRoots},
    kit::{Error, ExposeSecret, ScaledClock, SecretString},
    limits::Rates,
    orgs::{OrganizationId, Plan},
    ports::{Port, mailer::Mailbox},
    secrets::Vault,
};
use wib_providers::{
    vendor::{Kind, Values, Vendor},
    vendors,
};
use wib_storage::{S3Settings, WebSocket};

use crate::limits::{Limits, Proxies};

/// What the server is told. Each field names its variable; a file named by `WIB_CONFIG` (TOML, flat) may hold the same
/// names, and the environment wins.
#[derive(Clone, Debug)]
pub struct Config {
    /// `PORT` = 8787; beside the API any free one. 0 takes a free one; the log tells which.
    pub port: Option<u16>,
    /// `WIB_STATUS` = true: `wib worker` and `wib jobs` answer `/livez`, `/readyz` and `/metrics`.
    pub status: bool,
    /// `WIB_LINGER` = 0: seconds that a server told to end goes on taking requests, unready, until balancers have left; at
    /// most 300.
    pub linger: Duration,
    /// `WIB_LEASE` = 60: seconds that a worker owns a message, 5 to 3600.
    pub lease: Duration,
    /// `WIB_CLOCK`: `<instant>*<speed>`, a clock that runs faster from that instant on; for rehearsals, never in production.
    pub clock: Option<ScaledClock>,
    /// `WIB_BIND` = 127.0.0.1
    pub bind: IpAddr,
    /// `WIB_DATA` = ./data: the folder of what is not in a database.
    pub data: PathBuf,
    /// `DATABASE_URL` = `sqlite:<WIB_DATA>/wib.db`; holds a password.
    pub database_url: SecretString,
    /// `WIB_DB_OWNER_URL`: the login that migrates.
    pub db_owner_url: Option<SecretString>,
    /// `WIB_DB_JOBS_URL`: the login of jobs and webhooks, across organisations.
    pub db_jobs_url: Option<SecretString>,
    /// `WIB_DB_DIRECT_URL`: a login that leads past the pooler, to listen; without it the owner's.
    pub db_direct_url: Option<SecretString>,
    /// `WIB_DB_POOLED` = false: a pooler stands before the database of `DATABASE_URL` and `WIB_DB_JOBS_URL`.
    pub db_pooled: bool,
    /// `WIB_DB_CONNECTIONS` = 10, at most 1000: the most connections of each login.
    pub db_connections: u32,
    /// `WIB_DB_WEBSOCKET`: where PostgreSQL's bytes are taken in WebSockets (`wss://{host}/v2` for Neon), and
    /// `WIB_DB_WEBSOCKET_ROOTS`: a file of PEM with the roots that are trusted there, instead of Mozilla's.
    pub db_websocket: Option<WebSocket>,
    /// `NATS_URL`: servers of NATS, separated by commas, for the transcription queue and for the bus; holds a password.
    pub nats_url: Option<SecretString>,
    /// `WIB_PUBLIC_URL`: where vendors reach us.
    pub public_url: Option<String>,
    /// `WIB_APP_URL`: where people use the application, for links in mails; `WIB_PUBLIC_URL` by default.
    pub app_url: Option<String>,
    /// `WIB_ENV` = development
    pub env: Env,
    /// `WIB_SANDBOX`: ports to be filled by a sandbox, even where there is a key.
    pub sandbox: BTreeSet<Port>,
    /// `WIB_EVIDENCE_KEY`: signs checkpoints.
    pub evidence_key: Option<SecretString>,
    /// `WIB_SECRETS_KEY`: what secrets of organisations are sealed with, 64 hexadecimal digits; without it one is made in
    /// `WIB_DATA` at the first run. Needed in production on PostgreSQL, where nodes share it.
    pub secrets_key: Option<SecretString>,
    /// `WIB_SECRETS_OLD_KEYS`: keys that were used before; secrets are read with them until `wib secrets rotate`.
    pub secrets_old_keys: Vec<SecretString>,
    /// `WIB_RULES`: a folder of packs of rules (JSON) that are laid over the built-in ones, looked at every 30 s.
    pub rules: Option<PathBuf>,
    /// What was set of vendors: keys, addresses and what else their [`Vendor::settings`] name.
    pub vendors: Values,
    /// `S3_*`, `R2_ACCOUNT_ID`: the bucket of recordings and exports; without one they are in a folder of `WIB_DATA`.
    pub s3: Option<S3Settings>,
    /// `REDIS_URL`: where values are kept for a while and requests are counted; holds a password.
    pub redis_url: Option<SecretString>,
    /// `WIB_PROXIES`, `WIB_LIMITS_EXEMPT`
    pub limits: Limits,
    /// `WIB_LIMITS`: how often things may be asked where that is not what the contract says, `call=600/300,voice=60/10`.
    pub rates: Rates,
    /// `WIB_FIRST_PLAN` = free: what new organisations pay for.
    pub first_plan: Plan,
    /// `WIB_ANY_PAID_PLAN` = false: every paid plan has every feature.
    pub any_paid_plan: bool,
    /// `WIB_TSA_*`
    pub timestamps: Timestamps,
    /// `WIB_HEARTBEAT_URL`: what is asked with `HEAD` after each tick of the schedule that went well.
    pub heartbeat_url: Option<String>,
    /// `WIB_WITNESS_*`
    pub witness: WitnessSettings,
    /// `WIB_INTERNAL_KEY`: what machines of the installation say in `X-Internal-Key`; without it they have nothing to ask.
    pub internal_key: Option<SecretString>,
    /// `WIB_ENQUIRIES`: the address that is mailed when somebody asks to be shown the product.
    pub enquiries: Option<Mailbox>,
    /// `CORS_ORIGIN`: the site whose browsers may call.
    pub cors_origin: Option<String>,
    /// `WIB_WORKERS` = 4, at most 256
    pub workers: usize,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector that traces are sent to; in a program that was built with `otel`.
    pub otlp: Option<String>,
    /// `RUST_LOG` = info,sqlx=warn
    pub log: String,
    /// `LOG_FORMAT` = text
    pub log_format: LogFormat,
}

/// Who stamps checkpoints with the time.
#[derive(Clone, Debug)]
pub struct Timestamps {
    /// `WIB_TSA_URL`: an authority of RFC 3161; without it nothing is stamped.
    pub url: Option<String>,
    /// `WIB_TSA_ROOTS`: a file of PEM with the roots whose authorities are believed; without it every authority is.
    pub roots: TimestampRoots,
}

/// Who remembers checkpoints.
#[derive(Clone, Debug)]
pub struct WitnessSettings {
    /// `WIB_WITNESS_URL`: a witness that is told over HTTP.
    pub url: Option<String>,
    /// `WIB_WITNESS_TOKEN`: what it knows us by.
    pub token: Option<SecretString>,
    /// `WIB_WITNESS_FILE`: a file that is only added to, best on another disk.
    pub file: Option<PathBuf>,
}

/// Where the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Env {
    /// `development`: what has no key is sandboxed.
    Development,
    /// `test`: the same.
    Test,
    /// `production`: what is sandboxed must be named.
    Production,
}
impl FromStr for Env {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "test" => Ok(Self::Test),
            "production" => Ok(Self::Production),
            _ => Err("expected development, test or production"),
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `text`
    Text,
    /// `json`
    Json,
}
impl FromStr for LogFormat {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected text or json"),
        }
    }
}

/// Everything wrong with a configuration. Never holds values: they may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<(String, String)>);
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration has faults:")?;
        self.0.iter().try_for_each(|(name, reason)| write!(f, "\n  {name}: {reason}"))
    }
}
impl std::error::Error for Faults {}

impl Config {
    /// The configuration in those variables, and in the file that `WIB_CONFIG` names.
    ///
    /// # Errors
    /// [`Faults`]: all of them, each with its variable.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, Faults> {
        let mut from = Source::new(variables);
        let config = Self::of(&mut from);
        config.check(&mut from);
        from.finish(config)
    }
    /// The name of every variable that is read.
    #[must_use]
    pub fn names() -> BTreeSet<&'static str> {
        let mut from = Source::new([]);
        let _ = Self::of(&mut from);
        from.asked.insert("WIB_CONFIG");
        from.asked
    }
    fn of(from: &mut Source) -> Self {
        let data: PathBuf = from.or("WIB_DATA", "./data".into());
        Self {
            port: from.get("PORT", |text| text.parse().map_err(|e: ParseIntError| e.to_string())),
            status: from.flag("WIB_STATUS", true),
            linger: Duration::from_secs(from.or("WIB_LINGER", 0)),
            lease: Duration::from_secs(from.or("WIB_LEASE", 60)),
            clock: from.get("WIB_CLOCK", scaled),
            bind: from.or("WIB_BIND", IpAddr::from([127, 0, 0, 1])),
            database_url: from
                .database("DATABASE_URL")
                .unwrap_or_else(|| format!("sqlite:{}", data.join("wib.db").display()).into()),
            db_owner_url: from.database("WIB_DB_OWNER_URL"),
            db_jobs_url: from.database("WIB_DB_JOBS_URL"),
            db_direct_url: from.database("WIB_DB_DIRECT_URL"),
            db_pooled: from.flag("WIB_DB_POOLED", false),
            db_connections: from.or("WIB_DB_CONNECTIONS", 10),
            db_websocket: from.websocket("WIB_DB_WEBSOCKET", "WIB_DB_WEBSOCKET_ROOTS"),
            nats_url: from.secret("NATS_URL"),
            public_url: from.url("WIB_PUBLIC_URL"),
            app_url: from.url("WIB_APP_URL"),
            env: from.or("WIB_ENV", Env::Development),
            sandbox: from.ports("WIB_SANDBOX"),
            evidence_key: from.secret("WIB_EVIDENCE_KEY"),
            secrets_key: from.secret("WIB_SECRETS_KEY"),
            secrets_old_keys: from
                .text("WIB_SECRETS_OLD_KEYS")
                .map(|keys| keys.split(',').map(|key| SecretString::from(key.trim())).collect())
                .unwrap_or_default(),
            rules: from.text("WIB_RULES").map(PathBuf::from),
            vendors: from.vendors(),
            s3: from.s3(),
            redis_url: from.redis("REDIS_URL"),
            limits: Limits {
                proxies: from.or("WIB_PROXIES", Proxies::default()),
                exempt: from.organizations("WIB_LIMITS_EXEMPT"),
            },
            rates: from.get("WIB_LIMITS", rates).unwrap_or_default(),
            first_plan: from.or("WIB_FIRST_PLAN", Plan::Free),
            any_paid_plan: from.or("WIB_ANY_PAID_PLAN", false),
            timestamps: Timestamps {
                url: from.url("WIB_TSA_URL"),
                roots: from.get("WIB_TSA_ROOTS", read_roots).unwrap_or_default(),
            },
            heartbeat_url: from.url("WIB_HEARTBEAT_URL"),
            witness: WitnessSettings {
                url: from.url("WIB_WITNESS_URL"),
                token: from.secret("WIB_WITNESS_TOKEN"),
                file: from.text("WIB_WITNESS_FILE").map(PathBuf::from),
            },
            internal_key: from.secret("WIB_INTERNAL_KEY"),
            enquiries: from.get("WIB_ENQUIRIES", |text| text.parse().map_err(|e: Error| e.message().to_owned())),
            cors_origin: from.url("CORS_ORIGIN"),
            workers: from.or("WIB_WORKERS", 4),
            otlp: from.url("OTEL_EXPORTER_OTLP_ENDPOINT"),
            log: from.or("RUST_LOG", "info,sqlx=warn".to_owned()),
            log_format: from.or("LOG_FORMAT", LogFormat::Text),
            data,
        }
    }
    fn check(&self, from: &mut Source) {
        if !(1..=256).contains(&self.workers) {
            from.fault("WIB_WORKERS", "expected 1 to 256");
        }
        if !(1..=1000).contains(&self.db_connections) {
            from.fault("WIB_DB_CONNECTIONS", "expected 1 to 1000");
        }
        if self.otlp.is_some() && !cfg!(feature = "otel") {
            from.fault("OTEL_EXPORTER_OTLP_ENDPOINT", "this program was built without the feature otel");
        }
        if self.linger > Duration::from_secs(300) {
            from.fault("WIB_LINGER", "expected 0 to 300");
        }
        if !(5..=3600).contains(&self.lease.as_secs()) {
            from.fault("WIB_LEASE", "expected 5 to 3600");
        }
        if self.internal_key.as_ref().is_some_and(|key| key.expose_secret().len() < 16) {
            from.fault("WIB_INTERNAL_KEY", "expected at least 16 characters");
        }
        if self.clock.is_some() && self.env == Env::Production {
            from.fault("WIB_CLOCK", "is for rehearsals: in production the machine's clock is the only one");
        }
        for vendor in vendors().filter(|vendor| vendor.keyed(&self.vendors)) {
            let key = vendor.settings.iter().find(|setting| setting.kind == Kind::Key).map_or("its key", |s| s.name);
            let needed = vendor.settings.iter().filter(|setting| setting.kind == Kind::Needed);
            for setting in needed.filter(|setting| !self.vendors.contains_key(setting.name)) {
                from.fault(setting.name, format!("needed beside {key}"));
            }
        }
        if !self.timestamps.roots.is_empty() && self.timestamps.url.is_none() {
            from.fault("WIB_TSA_URL", "needed beside WIB_TSA_ROOTS");
        }
        if self.witness.token.is_some() && self.witness.url.is_none() {
            from.fault("WIB_WITNESS_URL", "needed beside WIB_WITNESS_TOKEN");
        }
        if let Some(key) = &self.evidence_key
            && let Err(e) = Signer::from_hex(key.expose_secret())
        {
            from.fault("WIB_EVIDENCE_KEY", e.message());
        }
        let older = self.secrets_old_keys.iter().map(|key| ("WIB_SECRETS_OLD_KEYS", key));
        for (name, key) in self.secrets_key.iter().map(|key| ("WIB_SECRETS_KEY", key)).chain(older) {
            if let Err(e) = Vault::from_hex(key.expose_secret(), []) {
                from.fault(name, e.message());
            }
        }
        if self.env == Env::Production {
            if self.secrets_key.is_none() && !self.database_url.expose_secret().starts_with("sqlite:") {
                from.fault("WIB_SECRETS_KEY", "needed in production on PostgreSQL: 64 hexadecimal digits");
            }
            for port in self.sandboxed().into_iter().filter(|port| !self.sandbox.contains(port)) {
                from.fault("WIB_SANDBOX", format!("{port} has no key: give one, or name it here to run it sandboxed"));
            }
        }
    }
    /// The ports that a sandbox fills: those named, and those without a key that nobody else fills. In production a port that nothing needs
    /// stays empty rather than sandboxed.
    #[must_use]
    pub fn sandboxed(&self) -> Vec<Port> {
        let live = |port| self.filling(port).any(|vendor| vendor.keyed(&self.vendors));
        let missed = |port: Port| !live(port) && port.needs_vendor() && (port.needed() || self.env != Env::Production);
        Port::all().iter().copied().filter(|port| self.sandbox.contains(port) || missed(*port)).collect()
    }
    /// The vendors that can fill a port.
    pub fn filling(&self, port: Port) -> impl Iterator<Item = &'static Vendor> {
        vendors().filter(move |vendor| vendor.fills(port))
    }
}

/// An instant and how many times as fast time passes from then on.
fn scaled(text: &str) -> Result<ScaledClock, String> {
    let parts =
        text.split_once('*').and_then(|(at, speed)| Some((at.trim().parse().ok()?, speed.trim().parse().ok()?)));
    match parts {
        Some((at, speed @ 1..=10_000)) => Ok(ScaledClock::new(at, speed)),
        _ => Err("expected an instant, * and a speed of 1 to 10000, such as 2026-01-05T15:00:00Z*60".to_owned()),
    }
}

/// A file of PEM, of a megabyte at most.
fn read_pem(path: &str) -> Result<Vec<u8>, String> {
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut pem));
    read.map_err(|e| format!("cannot be read: {}", e.kind()))?;
    Ok(pem)
}

/// The roots in a file of PEM.
fn read_roots(path: &str) -> Result<TimestampRoots, String> {
    TimestampRoots::from_pem(&read_pem(path)?).map_err(|e| e.message().to_owned())
}

/// An account of R2, as it stands in an address.
fn account(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && text.len() <= 63;
    if fits { Ok(text.to_owned()) } else { Err("expected the account's id".to_owned()) }
}

/// Where values come from, and what was wrong with them.
struct Source {
    values: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    asked: BTreeSet<&'static str>,
    faults: Vec<(String, String)>,
}

impl Source {
    fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let values: BTreeMap<_, _> = variables.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
        let mut source = Self { values, file: BTreeMap::new(), asked: BTreeSet::new(), faults: vec![] };
        if let Some(path) = source.values.get("WIB_CONFIG").cloned() {
            source.open(&path);
        }
        source
    }
    fn open(&mut self, path: &str) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => return self.fault("WIB_CONFIG", format!("cannot be read: {}", e.kind())),
        };
        // The parser's own words quote the line, which may hold a secret.
        let table: toml::Table = match toml::from_str(&text) {
            Ok(table) => table,
            Err(e) => {
                let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
                return self.fault("WIB_CONFIG", format!("not TOML near line {line}"));
            }
        };
        for (name, value) in table {
            let plain = |value: toml::Value| match value {
                toml::Value::String(text) => Some(text),
                toml::Value::Integer(n) => Some(n.to_string()),
                toml::Value::Boolean(b) => Some(b.to_string()),
                _ => None,
            };
            let text = match value {
                toml::Value::Array(items) => {
                    items.into_iter().map(plain).collect::<Option<Vec<_>>>().map(|all| all.join(","))
                }
                other => plain(other),
            };
            match text {
                Some(text) => _ = self.file.insert(name, text),
                None => self.fault(&name, "expected a text, a number, a truth value or a list of them"),
            }
        }
    }
    fn fault(&mut self, name: &str, reason: impl Into<String>) {
        self.faults.push((name.to_owned(), reason.into()));
    }
    fn text(&mut self, name: &'static str) -> Option<String> {
        self.asked.insert(name);
        let text = self.values.get(name).or_else(|| self.file.get(name))?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
    fn get<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).map_err(|reason| self.fault(name, reason)).ok()
    }
    fn or<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str, usual: T) -> T {
        self.get(name, |text| text.parse().map_err(|e: T::Err| e.to_string())).unwrap_or(usual)
    }
    fn secret(&mut self, name: &'static str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }
    fn flag(&mut self, name: &'static str, usual: bool) -> bool {
        self.get(name, |text| match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("expected true or false".into()),
        })
        .unwrap_or(usual)
    }
    fn ports(&mut self, name: &'static str) -> BTreeSet<Port> {
        let text = self.text(name).unwrap_or_default();
        let mut ports = BTreeSet::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.parse() {
                Ok(port) => _ = ports.insert(port),
                Err(_) => {
                    let shown: String = item.chars().take(40).collect();
                    let all: Vec<_> = Port::all().iter().map(|port| port.as_str()).collect();
                    self.fault(name, format!("no port is called {shown:?} (there are {})", all.join(", ")));
                }
            }
        }
        ports
    }
    /// Everything that vendors want to know, each value checked by its vendor.
    fn vendors(&mut self) -> Values {
        let mut values = Values::new();
        for setting in vendors().flat_map(|vendor| vendor.settings) {
            let value = match setting.kind {
                Kind::Address => self.url(setting.name),
                _ => self.get(setting.name, |text| (setting.check)(text).map(|()| text.to_owned())),
            };
            values.extend(value.map(|value| (setting.name, SecretString::from(value))));
        }
        values
    }
    fn url(&mut self, name: &'static str) -> Option<String> {
        self.get(name, |text| {
            let uri: http::Uri = text.parse().map_err(|_| "not a URL")?;
            match (uri.scheme_str(), uri.host()) {
                (Some("http" | "https"), Some(_)) => Ok(text.trim_end_matches('/').to_owned()),
                _ => Err("expected http:// or https:// and a host".into()),
            }
        })
    }
    /// The bucket, when one is named; what is set of a bucket that is not is a fault.
    fn s3(&mut self) -> Option<S3Settings> {
        let (bucket, account) = (self.text("S3_BUCKET"), self.get("R2_ACCOUNT_ID", account));
        let (endpoint, region) = (self.url("S3_ENDPOINT"), self.text("S3_REGION"));
        let keys = (self.text("S3_ACCESS_KEY_ID"), self.secret("S3_SECRET_ACCESS_KEY"));
        let Some(bucket) = bucket else {
            let beside = [endpoint.is_some(), region.is_some(), keys.0.is_some(), keys.1.is_some()];
            if beside.contains(&true) {
                self.fault("S3_BUCKET", "needed beside the other S3_ settings");
            }
            return None;
        };
        if endpoint.is_some() && account.is_some() {
            self.fault("R2_ACCOUNT_ID", "is another endpoint than S3_ENDPOINT: give one of them");
        }
        let endpoint = endpoint.or_else(|| account.map(|id| format!("https://{id}.r2.cloudflarestorage.com")));
        if endpoint.is_none() && region.is_none() {
            self.fault("S3_REGION", "needed on Amazon S3; elsewhere S3_ENDPOINT or R2_ACCOUNT_ID is");
        }
        for (name, there) in [("S3_ACCESS_KEY_ID", keys.0.is_some()), ("S3_SECRET_ACCESS_KEY", keys.1.is_some())] {
            if !there {
                self.fault(name, "needed beside S3_BUCKET");
            }
        }
        let region = region.unwrap_or_else(|| "auto".to_owned());
        Some(S3Settings { bucket, endpoint, region, access_key_id: keys.0?, secret_access_key: keys.1? })
    }
    fn redis(&mut self, name: &'static str) -> Option<SecretString> {
        let url = self.secret(name)?;
        if !["redis://", "rediss://"].iter().any(|scheme| url.expose_secret().starts_with(scheme)) {
            self.fault(name, "expected redis:// or rediss://");
        }
        Some(url)
    }
    fn organizations(&mut self, name: &'static str) -> Vec<OrganizationId> {
        let read = |text: &str| {
            let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
            ids.map(|id| id.parse().map_err(|_| "expected ids of organisations".to_owned())).collect::<Result<_, _>>()
        };
        self.get(name, read).unwrap_or_default()
    }
    fn database(&mut self, name: &'static str) -> Option<SecretString> {
        let url = self.secret(name)?;
        let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|s| url.expose_secret().starts_with(s));
        if !known {
            self.fault(name, "expected sqlite:, postgres:// or postgresql://");
        }
        Some(url)
    }
    fn websocket(&mut self, name: &'static str, roots: &'static str) -> Option<WebSocket> {
        let pem = self.get(roots, read_pem);
        let given = self.values.contains_key(roots) || self.file.contains_key(roots);
        let template = self.text(name);
        if template.is_none() && given {
            self.fault(name, format!("needed beside {roots}"));
        }
        let made = match pem {
            Some(pem) => WebSocket::trusting(&template?, &pem),
            // Roots that cannot be read are told already.
            None if given => return None,
            None => WebSocket::new(&template?),
        };
        made.map_err(|e| self.fault(name, e.message())).ok()
    }
    fn finish<T>(mut self, value: T) -> Result<T, Faults> {
        let unknown: Vec<_> = self.file.keys().filter(|name| !self.asked.contains(name.as_str())).cloned().collect();
        for name in unknown {
            self.fault(&name, "no such setting (in the file of WIB_CONFIG)");
        }
        if self.faults.is_empty() { Ok(value) } else { Err(Faults(self.faults)) }
    }
}

fn rates(text: &str) -> Result<Rates, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let read = |item: &str| {
        let (name, rate) = item.split_once('=')?;
        let (most, seconds) = rate.split_once('/')?;
        let most: u64 = most.trim().parse().ok().filter(|most| (1..=1_000_000_000).contains(most))?;
        let seconds: u64 = seconds.trim().parse().ok().filter(|seconds| (1..=86_400).contains(seconds))?;
        Some((name.trim().parse().ok()?, (most, Duration::from_secs(seconds))))
    };
    let wrong = || "expected <limit>=<requests>/<seconds>, .. with limits of the contract".to_owned();
    items.map(|item| read(item).ok_or_else(wrong)).collect()
}
