//! Where a database is, and how it is connected to.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::{str::FromStr, time::Duration};

#[cfg(feature = "sqlite")]
use sqlx::Connection as _;
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use wib_core::kit::{Error, Result};
#[cfg(feature = "postgres")]
use wib_core::kit::{ExposeSecret, SecretString};

use crate::db::{Db, fault};

/// How long a transaction waits for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

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
#[cfg(feature = "postgres")]
#[derive(Clone, Debug)]
pub struct PgUrls {
    /// The login that serves organisations.
    pub app: SecretString,
    /// The login that owns the tables and changes them; never through a pooler.
    pub owner: Option<SecretString>,
    /// The login of jobs, sign-in and routing, which sees every organisation; the application's when absent.
    pub jobs: Option<SecretString>,
    /// Whether `app` and `jobs` lead through a pooler that hands out connections by transaction.
    pub pooled: bool,
    /// The most connections of each login.
    pub connections: u32,
}
#[cfg(feature = "postgres")]
impl PgUrls {
    /// One login for everything.
    #[must_use]
    pub fn one(url: impl Into<String>) -> Self {
        Self { app: url.into().into(), owner: None, jobs: None, pooled: false, connections: 10 }
    }
    pub(crate) fn options(&self, url: &SecretString) -> Result<PgConnectOptions> {
        let options: PgConnectOptions = url.expose_secret().parse().map_err(fault)?;
        let options = options.application_name("wib");
        // A pooler refuses start-up parameters that it does not track.
        Ok(if self.pooled {
            options.extra_float_digits(None)
        } else {
            options.options([("idle_in_transaction_session_timeout", "120s"), ("lock_timeout", "30s")])
        })
    }
    pub(crate) fn app(&self) -> Result<PgConnectOptions> {
        self.options(&self.app)
    }
    pub(crate) fn jobs(&self) -> Result<PgConnectOptions> {
        self.options(self.jobs.as_ref().unwrap_or(&self.app))
    }
    /// The owner's login leads past the pooler.
    pub(crate) fn owner(&self) -> Result<Option<PgConnectOptions>> {
        let parse = |url: &SecretString| url.expose_secret().parse().map_err(fault);
        self.owner.as_ref().map(parse).transpose()
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
                let pool = async |options| {
                    let pool = PgPoolOptions::new().max_connections(urls.connections).acquire_timeout(PATIENCE);
                    let pool = pool.connect_with(options).await.map_err(fault)?;
                    Ok::<_, Error>(Db::Pg { pool, pooled: urls.pooled })
                };
                let app = pool(urls.app()?).await?;
                let jobs = if urls.jobs.is_some() { pool(urls.jobs()?).await? } else { app.clone() };
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
