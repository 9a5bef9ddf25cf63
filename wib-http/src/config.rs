//! The server's configuration: read once, every fault told at once, before anything listens.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
    io::Read,
    net::IpAddr,
    path::PathBuf,
    str::FromStr,
};

use wib_core::{
    evidence::{Signer, timestamp::TimestampRoots},
    kit::{ExposeSecret, SecretString},
    ports::Port,
};
use wib_providers::{
    vendor::{Kind, Values, Vendor},
    vendors,
};

/// What the server is told. Each field names its variable; a file named by `WIB_CONFIG` (TOML, flat) may hold the same
/// names, and the environment wins.
#[derive(Clone, Debug)]
pub struct Config {
    /// `PORT` = 8787
    pub port: u16,
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
    /// `WIB_DB_POOLED` = false: a pooler stands before the database.
    pub db_pooled: bool,
    /// `WIB_PUBLIC_URL`: where vendors reach us.
    pub public_url: Option<String>,
    /// `WIB_ENV` = development
    pub env: Env,
    /// `WIB_SANDBOX`: ports to be filled by a sandbox, even where there is a key.
    pub sandbox: BTreeSet<Port>,
    /// `WIB_EVIDENCE_KEY`: signs checkpoints.
    pub evidence_key: Option<SecretString>,
    /// `WIB_RULES`: a folder of packs of rules (JSON) that are laid over the built-in ones, looked at every 30 s.
    pub rules: Option<PathBuf>,
    /// What was set of vendors: keys, addresses and what else their [`Vendor::settings`] name.
    pub vendors: Values,
    /// `WIB_TSA_*`
    pub timestamps: Timestamps,
    /// `WIB_HEARTBEAT_URL`: what is asked with `HEAD` after each tick of the schedule that went well.
    pub heartbeat_url: Option<String>,
    /// `WIB_WITNESS_*`
    pub witness: WitnessSettings,
    /// `CORS_ORIGIN`: the site whose browsers may call.
    pub cors_origin: Option<String>,
    /// `WIB_WORKERS` = 4, at most 256
    pub workers: usize,
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
        let data: PathBuf = from.or("WIB_DATA", "./data".into());
        let config = Self {
            port: from.or("PORT", 8787),
            bind: from.or("WIB_BIND", IpAddr::from([127, 0, 0, 1])),
            database_url: from
                .database("DATABASE_URL")
                .unwrap_or_else(|| format!("sqlite:{}", data.join("wib.db").display()).into()),
            db_owner_url: from.database("WIB_DB_OWNER_URL"),
            db_jobs_url: from.database("WIB_DB_JOBS_URL"),
            db_pooled: from.flag("WIB_DB_POOLED"),
            public_url: from.url("WIB_PUBLIC_URL"),
            env: from.or("WIB_ENV", Env::Development),
            sandbox: from.ports("WIB_SANDBOX"),
            evidence_key: from.secret("WIB_EVIDENCE_KEY"),
            rules: from.text("WIB_RULES").map(PathBuf::from),
            vendors: from.vendors(),
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
            cors_origin: from.url("CORS_ORIGIN"),
            workers: from.or("WIB_WORKERS", 4),
            log: from.or("RUST_LOG", "info,sqlx=warn".to_owned()),
            log_format: from.or("LOG_FORMAT", LogFormat::Text),
            data,
        };
        config.check(&mut from);
        from.finish(config)
    }
    fn check(&self, from: &mut Source) {
        if !(1..=256).contains(&self.workers) {
            from.fault("WIB_WORKERS", "expected 1 to 256");
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
        if self.env == Env::Production {
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

/// The roots in a file of PEM, of a megabyte at most.
fn read_roots(path: &str) -> Result<TimestampRoots, String> {
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut pem));
    read.map_err(|e| format!("cannot be read: {}", e.kind()))?;
    TimestampRoots::from_pem(&pem).map_err(|e| e.message().to_owned())
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
    fn flag(&mut self, name: &'static str) -> bool {
        self.get(name, |text| match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("expected true or false".into()),
        })
        .unwrap_or(false)
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
    fn database(&mut self, name: &'static str) -> Option<SecretString> {
        let url = self.secret(name)?;
        let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|s| url.expose_secret().starts_with(s));
        if !known {
            self.fault(name, "expected sqlite:, postgres:// or postgresql://");
        }
        Some(url)
    }
    fn finish<T>(mut self, value: T) -> Result<T, Faults> {
        let unknown: Vec<_> = self.file.keys().filter(|name| !self.asked.contains(name.as_str())).cloned().collect();
        for name in unknown {
            self.fault(&name, "no such setting (in the file of WIB_CONFIG)");
        }
        if self.faults.is_empty() { Ok(value) } else { Err(Faults(self.faults)) }
    }
}
