//! Where a database is, and how it is connected to.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
#[cfg(feature = "postgres")]
use std::sync::Arc;
use std::{str::FromStr, time::Duration};

#[cfg(feature = "sqlite")]
use sqlx::Connection as _;
#[cfg(feature = "websocket")]
use sqlx::postgres::PgSslMode;
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
#[cfg(feature = "postgres")]
use sqlx::{
    ConnectOptions as _, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use wib_core::kit::{Error, Result};
#[cfg(feature = "postgres")]
use wib_core::kit::{ExposeSecret, SecretString};

use crate::db::Db;
#[cfg(feature = "sqlite")]
use crate::db::fault;
#[cfg(feature = "postgres")]
use crate::db::{Seats, named};
#[cfg(feature = "websocket")]
use crate::tunnel::{Tunnel, WebSocket};

/// How long a transaction waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database. Parsed from `sqlite::memory:`, `sqlite:<path>`, or the URL of a PostgreSQL login.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Database {
    /// SQLite in memory: gone with the store.
    #[cfg(feature = "sqlite")]
    Memory,
    /// A SQLite file, made when missing. One process writes at a time.
    #[cfg(feature = "sqlite")]
    File(PathBuf),
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(PgUrls),
}

/// The logins of one PostgreSQL database.
///
/// Row-level security holds against the application's login, which should neither own the tables nor be a superuser.
///
/// | work | login |
/// |---|---|
/// | organisations | `app` |
/// | jobs, sign-in, routing | `jobs`, or `app` |
/// | migrations | `owner`, or `app` when it owns the schema |
/// | what a pooler cannot carry (`LISTEN`) | `direct`; without it `app` when it is not pooled, else `owner` |
#[cfg(feature = "postgres")]
#[derive(Clone, Debug)]
pub struct PgUrls {
    /// The login that serves organisations.
    pub app: SecretString,
    /// The login that owns the tables and changes them; never through a pooler.
    pub owner: Option<SecretString>,
    /// The login of jobs, sign-in and routing, which sees every organisation; the application's when absent.
    pub jobs: Option<SecretString>,
    /// A login that leads past the pooler: it listens, and needs no right to any table.
    pub direct: Option<SecretString>,
    /// Whether `app` and `jobs` lead through a pooler that hands out connections by transaction.
    pub pooled: bool,
    /// The most connections of each login.
    pub connections: u32,
    /// How long a transaction waits for a connection.
    pub patience: Duration,
    /// What carries PostgreSQL's bytes when not TCP.
    #[cfg(feature = "websocket")]
    pub websocket: Option<WebSocket>,
}

/// What a connection is for.
#[cfg(feature = "postgres")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    App,
    Jobs,
    Owner,
    Direct,
}
#[cfg(feature = "postgres")]
impl Who {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Jobs => "jobs",
            Self::Owner => "owner",
            Self::Direct => "direct",
        }
    }
    /// What the server is to end by itself: a statement that takes too long, a wait for a row, a transaction that nobody
    /// goes on with. The owner's statements change whole tables and a listener waits: neither has a limit.
    const fn limits(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::App => &[
                ("statement_timeout", "60s"),
                ("lock_timeout", "30s"),
                ("idle_in_transaction_session_timeout", "120s"),
            ],
            Self::Jobs => &[
                ("statement_timeout", "300s"),
                ("lock_timeout", "30s"),
                ("idle_in_transaction_session_timeout", "120s"),
            ],
            Self::Owner | Self::Direct => &[],
        }
    }
}

/// The way to PostgreSQL for one login.
#[cfg(feature = "postgres")]
#[derive(Clone, Debug)]
pub struct PgLogin {
    setting: &'static str,
    options: PgConnectOptions,
    // What the options' socket leads into: gone with the last copy.
    #[cfg(feature = "websocket")]
    _tunnel: Option<Arc<Tunnel>>,
}
#[cfg(feature = "postgres")]
impl PgLogin {
    /// The options to connect with, for as long as this login is held: dropping it closes the tunnel that they may lead
    /// into.
    #[must_use]
    pub const fn options(&self) -> &PgConnectOptions {
        &self.options
    }
    /// The variable that names it, for errors.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
    /// One connection, to be closed before the login is dropped.
    ///
    /// # Errors
    /// `Unavailable` naming the variable.
    pub async fn connect(&self) -> Result<PgConnection> {
        self.options.connect().await.map_err(|error| named(self.setting, error))
    }
}

#[cfg(feature = "postgres")]
impl PgUrls {
    /// One login for everything.
    #[must_use]
    pub fn one(url: impl Into<String>) -> Self {
        Self {
            app: url.into().into(),
            owner: None,
            jobs: None,
            direct: None,
            pooled: false,
            connections: 10,
            patience: PATIENCE,
            #[cfg(feature = "websocket")]
            websocket: None,
        }
    }
    /// The login that leads past a pooler, for what needs a session of its own. Within a runtime of tokio.
    ///
    /// # Errors
    /// `Unavailable` naming the variable when there is no such login, its URL is none, or no tunnel can be opened.
    pub fn direct(&self) -> Result<PgLogin> {
        self.login_of(Who::Direct)
    }
    /// Whose URL it is, and the variable that it stands in.
    fn url(&self, who: Who) -> Option<(&SecretString, &'static str)> {
        let app = Some((&self.app, "DATABASE_URL"));
        let owner = self.owner.as_ref().map(|url| (url, "WIB_DB_OWNER_URL"));
        match who {
            Who::App => app,
            Who::Jobs => self.jobs.as_ref().map(|url| (url, "WIB_DB_JOBS_URL")).or(app),
            Who::Owner => owner.or(app),
            Who::Direct => {
                let direct = self.direct.as_ref().map(|url| (url, "WIB_DB_DIRECT_URL"));
                direct.or(if self.pooled { owner } else { app })
            }
        }
    }
    /// Whether its connections are a pooler's.
    pub(crate) fn is_pooled(&self, who: Who) -> bool {
        self.pooled && (matches!(who, Who::App | Who::Jobs) || who == Who::Owner && self.owner.is_none())
    }
    /// The options of a login, and the variable that names it.
    pub(crate) fn options(&self, who: Who) -> Result<(PgConnectOptions, &'static str)> {
        let (url, setting) = self.url(who).ok_or_else(|| {
            Error::database(
                "WIB_DB_DIRECT_URL: needed beside WIB_DB_POOLED without WIB_DB_OWNER_URL: a pooler cannot listen",
            )
        })?;
        let options: PgConnectOptions = url.expose_secret().parse().map_err(|error| named(setting, error))?;
        let options = options.application_name(&format!("wib-{}", who.name()));
        // A pooler refuses start-up parameters that it does not track: there, each transaction sets its limits.
        let options = match who.limits() {
            _ if self.is_pooled(who) => options.extra_float_digits(None),
            [] => options,
            limits => options.options(limits.iter().copied()),
        };
        Ok((options, setting))
    }
    /// What a pooled transaction begins with, besides whose it is.
    pub(crate) fn begins(&self, who: Who) -> String {
        let limits = if self.is_pooled(who) { who.limits() } else { &[] };
        limits.iter().map(|(name, value)| format!(", set_config('{name}', '{value}', true)")).collect()
    }
    pub(crate) fn login_of(&self, who: Who) -> Result<PgLogin> {
        let (options, setting) = self.options(who)?;
        #[cfg(feature = "websocket")]
        if let Some(websocket) = &self.websocket {
            let tunnel = Tunnel::open(websocket, options.get_host(), options.get_port())?;
            // Whoever reads the frames is whom TLS proved: the bytes inside need no TLS of their own.
            let options = options.socket(tunnel.folder()).ssl_mode(PgSslMode::Disable);
            return Ok(PgLogin { setting, options, _tunnel: Some(Arc::new(tunnel)) });
        }
        Ok(PgLogin {
            setting,
            options,
            #[cfg(feature = "websocket")]
            _tunnel: None,
        })
    }
    async fn pool(&self, who: Who) -> Result<Db> {
        let login = self.login_of(who)?;
        let pool = PgPoolOptions::new().max_connections(self.connections).acquire_timeout(self.patience);
        let pool = pool.connect_with(login.options.clone()).await.map_err(|error| named(login.setting, error))?;
        let seats = Arc::new(Seats::new(self.connections));
        Ok(Db::Pg { pool, pooled: self.pooled, begins: self.begins(who).into(), seats, login: Arc::new(login) })
    }
}

impl FromStr for Database {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            #[cfg(feature = "sqlite")]
            Some(("sqlite", ":memory:")) => Ok(Self::Memory),
            #[cfg(feature = "sqlite")]
            Some(("sqlite", path)) if !path.trim_start_matches("//").is_empty() => {
                Ok(Self::File(path.strip_prefix("//").unwrap_or(path).into()))
            }
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(PgUrls::one(text))),
            _ => Err(Error::invalid("not a database (expected sqlite:<path> or postgres://..)")),
        }
    }
}

impl Database {
    /// The pool of organisations, and the pool of the platform.
    pub(crate) async fn connect(&self) -> Result<(Db, Db)> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Memory => lite(SqliteConnectOptions::new().in_memory(true), false).await,
            #[cfg(feature = "sqlite")]
            Self::File(path) => {
                let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
                lite(options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal), true).await
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(urls) => {
                let app = urls.pool(Who::App).await?;
                let jobs = if urls.jobs.is_some() { urls.pool(Who::Jobs).await? } else { app.clone() };
                Ok((app, jobs))
            }
        }
    }
}

/// One connection, handed on in the order of asking: a transaction may read before it writes, so every one is a writer,
/// and an in-memory database is its connection.
#[cfg(feature = "sqlite")]
async fn lite(options: SqliteConnectOptions, file: bool) -> Result<(Db, Db)> {
    let options = options.foreign_keys(true).busy_timeout(Duration::from_secs(5)).pragma("cache_size", "-65536");
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(PATIENCE)
        .after_release(move |conn, _| {
            Box::pin(async move {
                // A commit that found the disk full leaves the driver inside a transaction that is none: begin afresh.
                conn.ping().await?;
                Ok(!(file && conn.is_in_transaction()))
            })
        });
    let db = Db::Lite(pool.connect_with(options).await.map_err(fault)?);
    Ok((db.clone(), db))
}
