//! The two drivers behind one face: pools, transactions, rows, errors. Nothing outside this module and `migrate` names
//! an engine's types.

#[cfg(feature = "postgres")]
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use std::{fmt, time::Instant};

use serde_json::Value as Json;
#[cfg(feature = "postgres")]
use sqlx::{PgPool, Postgres, postgres::PgRow};
use sqlx::{Row as _, error::ErrorKind};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqlitePool, sqlite::SqliteRow};
use uuid::Uuid;
use wib_core::{
    kit::{Error, Result},
    orgs::OrganizationId,
    store::{Column, Value, ValueKind},
};

#[cfg(feature = "postgres")]
use crate::place::PgLogin;
use crate::sql::{Engine, Sql};

/// A pool of connections to one database under one login.
#[derive(Clone)]
pub(crate) enum Db {
    #[cfg(feature = "sqlite")]
    Lite(SqlitePool),
    #[cfg(feature = "postgres")]
    Pg {
        pool: PgPool,
        /// Behind a pooler: statements must not be kept by name.
        pooled: bool,
        /// What a transaction sets besides whose it is.
        begins: Arc<str>,
        seats: Arc<Seats>,
        /// Keeps open what the connections go through.
        login: Arc<PgLogin>,
    },
}
impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.engine())
    }
}

impl Db {
    pub(crate) const fn engine(&self) -> Engine {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(_) => Engine::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Pg { .. } => Engine::Postgres,
        }
    }
    /// Opens a transaction of one organisation, or of the platform. On PostgreSQL it begins with the setting that row-level
    /// policies read, in one round trip; the setting ends with the transaction, so a pooler cannot hand it to the next
    /// tenant.
    pub(crate) async fn begin(&self, organization: Option<OrganizationId>) -> Result<Conn> {
        let tx = match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(pool) => traced("begin", Engine::Sqlite, pool.begin_with("BEGIN IMMEDIATE"))
                .await
                .map(|tx| Tx::Lite(Box::new(tx))),
            #[cfg(feature = "postgres")]
            Self::Pg { pool, pooled, begins, seats, login } => {
                let set = organization
                    .map_or_else(|| "'app.system', 'on'".to_owned(), |id| format!("'app.organization_id', '{id}'"));
                // The value is a UUID or a word of ours.
                let begin = sqlx::AssertSqlSafe(format!("BEGIN; SELECT set_config({set}, true){begins}"));
                let judge = |error| seats.judge(login.setting(), error);
                let tx = watched("begin", Engine::Postgres, pool.begin_with(begin), judge).await?;
                Ok::<_, Error>(Tx::Pg { tx: Box::new(tx), keep: !pooled, _seat: Seats::take(seats) })
            }
        }?;
        let _ = organization;
        Ok(Conn { tx, failed: false })
    }
    /// Connections that there are, that nobody uses, and that there may be.
    pub(crate) fn pool(&self) -> (u32, usize, u32) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(pool) => (pool.size(), pool.num_idle(), pool.options().get_max_connections()),
            #[cfg(feature = "postgres")]
            Self::Pg { pool, .. } => (pool.size(), pool.num_idle(), pool.options().get_max_connections()),
        }
    }
    pub(crate) async fn close(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(pool) => pool.close().await,
            #[cfg(feature = "postgres")]
            Self::Pg { pool, .. } => pool.close().await,
        }
    }
}

enum Tx {
    #[cfg(feature = "sqlite")]
    Lite(Box<sqlx::Transaction<'static, Sqlite>>),
    #[cfg(feature = "postgres")]
    Pg {
        tx: Box<sqlx::Transaction<'static, Postgres>>,
        /// Whether statements are kept by name.
        keep: bool,
        _seat: Seat,
    },
}

/// The places of a pool, counted: an error of beginning is another one when some are free.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(crate) struct Seats {
    most: u32,
    taken: AtomicU32,
}
#[cfg(feature = "postgres")]
impl Seats {
    pub(crate) const fn new(most: u32) -> Self {
        Self { most, taken: AtomicU32::new(0) }
    }
    fn take(seats: &Arc<Self>) -> Seat {
        seats.taken.fetch_add(1, Ordering::Relaxed);
        Seat(seats.clone())
    }
    /// An error of beginning: the log learns which login it was, and whether it waited for others or for the database.
    fn judge(&self, setting: &'static str, error: sqlx::Error) -> Error {
        let down = matches!(error, sqlx::Error::PoolTimedOut) && self.taken.load(Ordering::Relaxed) < self.most;
        let ours = if down { Error::database("the database does not answer") } else { judged(&error) };
        ours.because(Setting(setting, error))
    }
}

/// A place of a pool that a transaction has.
#[cfg(feature = "postgres")]
struct Seat(Arc<Seats>);
#[cfg(feature = "postgres")]
impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A driver's error, and the variable that names the login.
#[cfg(feature = "postgres")]
#[derive(Debug)]
struct Setting(&'static str, sqlx::Error);
#[cfg(feature = "postgres")]
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0, self.1)
    }
}
#[cfg(feature = "postgres")]
impl std::error::Error for Setting {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.1.source()
    }
}

/// An open transaction. Dropped, it is rolled back.
pub(crate) struct Conn {
    tx: Tx,
    // PostgreSQL refuses everything after a failed statement, and its COMMIT then rolls back without a word. The same
    // rule holds on both engines here, and a commit says so.
    failed: bool,
}
impl Conn {
    fn usable(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.failed, true) {
            return Err(Error::internal("the transaction has failed before; nothing of it is kept"));
        }
        Ok(())
    }
    /// The rows of a statement.
    pub(crate) async fn all(&mut self, sql: &Sql, args: Vec<Value>) -> Result<Vec<Row>> {
        args.iter().try_for_each(fits)?;
        self.usable()?;
        let rows = match &mut self.tx {
            #[cfg(feature = "sqlite")]
            Tx::Lite(tx) => {
                let query = args.into_iter().fold(sqlx::query(sql.text(Engine::Sqlite)), lite::bind);
                let rows = traced(sql.name, Engine::Sqlite, query.fetch_all(&mut ***tx)).await;
                lite::open_again(tx, rows).await?.into_iter().map(Row::Lite).collect()
            }
            #[cfg(feature = "postgres")]
            Tx::Pg { tx, keep, .. } => {
                let query = args.into_iter().fold(sqlx::query(sql.text(Engine::Postgres)).persistent(*keep), pg::bind);
                let rows = traced(sql.name, Engine::Postgres, query.fetch_all(&mut ***tx)).await?;
                rows.into_iter().map(Row::Pg).collect()
            }
        };
        self.failed = false;
        Ok(rows)
    }
    /// How many rows a statement changed.
    pub(crate) async fn change(&mut self, sql: &Sql, args: Vec<Value>) -> Result<u64> {
        args.iter().try_for_each(fits)?;
        self.usable()?;
        let changed = match &mut self.tx {
            #[cfg(feature = "sqlite")]
            Tx::Lite(tx) => {
                let query = args.into_iter().fold(sqlx::query(sql.text(Engine::Sqlite)), lite::bind);
                let done = traced(sql.name, Engine::Sqlite, query.execute(&mut ***tx)).await;
                lite::open_again(tx, done).await?.rows_affected()
            }
            #[cfg(feature = "postgres")]
            Tx::Pg { tx, keep, .. } => {
                let query = args.into_iter().fold(sqlx::query(sql.text(Engine::Postgres)).persistent(*keep), pg::bind);
                traced(sql.name, Engine::Postgres, query.execute(&mut ***tx)).await?.rows_affected()
            }
        };
        self.failed = false;
        Ok(changed)
    }
    /// How many rows a statement changed. One that is refused leaves the transaction as it was: the inner answer says so;
    /// the outer one is an error when not even that could be had.
    pub(crate) async fn attempt(&mut self, sql: &Sql, args: Vec<Value>) -> Result<Result<u64>> {
        const SAVE: Sql = Sql::same("savepoint", "SAVEPOINT attempt");
        const KEEP: Sql = Sql::same("release_savepoint", "RELEASE SAVEPOINT attempt");
        const UNDO: Sql = Sql::same("undo_savepoint", "ROLLBACK TO SAVEPOINT attempt");
        self.change(&SAVE, vec![]).await?;
        let outcome = self.change(sql, args).await;
        if outcome.is_err() {
            // A refused statement marks the transaction; what undoes it takes the mark away, if it works.
            self.failed = false;
            self.change(&UNDO, vec![]).await?;
        }
        self.change(&KEEP, vec![]).await?;
        Ok(outcome)
    }
    pub(crate) async fn one(&mut self, sql: &Sql, args: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }
    pub(crate) async fn commit(mut self) -> Result<()> {
        self.usable()?;
        match self.tx {
            #[cfg(feature = "sqlite")]
            Tx::Lite(tx) => traced("commit", Engine::Sqlite, tx.commit()).await,
            #[cfg(feature = "postgres")]
            Tx::Pg { tx, .. } => traced("commit", Engine::Postgres, tx.commit()).await,
        }
    }
}

async fn traced<T>(name: &'static str, engine: Engine, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    watched(name, engine, work, fault).await
}

/// Everything that is sent to a database passes here.
async fn watched<T>(
    name: &'static str,
    engine: Engine,
    work: impl Future<Output = sqlx::Result<T>>,
    judge: impl FnOnce(sqlx::Error) -> Error,
) -> Result<T> {
    let began = Instant::now();
    let outcome = work.await;
    let seconds = began.elapsed().as_secs_f64();
    metrics::histogram!("wib_storage_statement_seconds", "statement" => name).record(seconds);
    metrics::counter!("wib_storage_statements_total", "statement" => name, "failed" => if outcome.is_ok() { "no" } else { "yes" })
        .increment(1);
    tracing::trace!(statement = name, ?engine, seconds, ok = outcome.is_ok());
    outcome.map_err(|error| {
        let error = judge(error);
        tracing::debug!(statement = name, ?engine, error = %error.chain(), "statement failed");
        error
    })
}

/// Refuses text that PostgreSQL cannot hold, on both engines.
fn fits(value: &Value) -> Result<()> {
    fn holds_nul(json: &Json) -> bool {
        match json {
            Json::String(text) => text.contains('\0'),
            Json::Array(items) => items.iter().any(holds_nul),
            Json::Object(map) => map.iter().any(|(key, item)| key.contains('\0') || holds_nul(item)),
            _ => false,
        }
    }
    let bad = match value {
        Value::Text(Some(text)) => text.contains('\0'),
        Value::Json(Some(json)) => holds_nul(json),
        _ => false,
    };
    if bad { Err(Error::invalid("text holds a zero byte")) } else { Ok(()) }
}

/// A row of an answer.
pub(crate) enum Row {
    #[cfg(feature = "sqlite")]
    Lite(SqliteRow),
    #[cfg(feature = "postgres")]
    Pg(PgRow),
}
impl Row {
    pub(crate) fn get<C: Column>(&self, name: &str) -> Result<C> {
        let value = match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(row) => lite::read(row, name, C::KIND),
            #[cfg(feature = "postgres")]
            Self::Pg(row) => pg::read(row, name, C::KIND),
        }
        .map_err(fault)?;
        C::from_value(value).map_err(|why| Error::internal(format!("column {name}: {why}")))
    }
}

#[cfg(feature = "sqlite")]
mod lite {
    use sqlx::{query::Query, sqlite::SqliteArguments};
    use wib_core::kit::time::Timestamp;

    use super::*;

    pub(super) fn bind(query: Query<'_, Sqlite, SqliteArguments>, value: Value) -> Query<'_, Sqlite, SqliteArguments> {
        match value {
            Value::Bool(v) => query.bind(v),
            Value::Int(v) => query.bind(v),
            Value::Float(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Uuid(v) => query.bind(v),
            Value::Bytes(v) => query.bind(v),
            Value::Time(v) => query.bind(v.map(Timestamp::as_microsecond)),
            Value::Json(v) => query.bind(v.map(|json| json.to_string())),
        }
    }
    /// A full disk or a failed read rolls the transaction back behind the driver's back; its own rollback then fails and
    /// the connection never opens another one. So something is left open for it to roll back.
    pub(super) async fn open_again<T>(tx: &mut sqlx::Transaction<'static, Sqlite>, outcome: Result<T>) -> Result<T> {
        if outcome.is_err() {
            // Refused when the transaction is open still, as it is after most failures.
            let _ = sqlx::raw_sql("BEGIN").execute(&mut **tx).await;
        }
        outcome
    }
    pub(super) fn read(row: &SqliteRow, name: &str, kind: ValueKind) -> sqlx::Result<Value> {
        let unfit = |why: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::ColumnDecode {
            index: name.to_owned(),
            source: why,
        };
        Ok(match kind {
            ValueKind::Bool => Value::Bool(row.try_get(name)?),
            ValueKind::Int => Value::Int(row.try_get(name)?),
            ValueKind::Float => Value::Float(row.try_get(name)?),
            ValueKind::Text => Value::Text(row.try_get(name)?),
            ValueKind::Uuid => Value::Uuid(row.try_get::<Option<Uuid>, _>(name)?),
            ValueKind::Bytes => Value::Bytes(row.try_get(name)?),
            ValueKind::Time => {
                let micros: Option<i64> = row.try_get(name)?;
                Value::Time(micros.map(Timestamp::from_microsecond).transpose().map_err(|e| unfit(e.into()))?)
            }
            ValueKind::Json => {
                let text: Option<&str> = row.try_get(name)?;
                Value::Json(text.map(serde_json::from_str).transpose().map_err(|e| unfit(e.into()))?)
            }
        })
    }
}

#[cfg(feature = "postgres")]
mod pg {
    use jiff_sqlx::{Timestamp as PgTime, ToSqlx};
    use sqlx::{postgres::PgArguments, query::Query};

    use super::*;

    pub(super) fn bind(query: Query<'_, Postgres, PgArguments>, value: Value) -> Query<'_, Postgres, PgArguments> {
        match value {
            Value::Bool(v) => query.bind(v),
            Value::Int(v) => query.bind(v),
            Value::Float(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Uuid(v) => query.bind(v),
            Value::Bytes(v) => query.bind(v),
            Value::Time(v) => query.bind(v.map(ToSqlx::to_sqlx)),
            Value::Json(v) => query.bind(v),
        }
    }
    pub(super) fn read(row: &PgRow, name: &str, kind: ValueKind) -> sqlx::Result<Value> {
        Ok(match kind {
            ValueKind::Bool => Value::Bool(row.try_get(name)?),
            ValueKind::Int => Value::Int(row.try_get(name)?),
            ValueKind::Float => Value::Float(row.try_get(name)?),
            ValueKind::Text => Value::Text(row.try_get(name)?),
            ValueKind::Uuid => Value::Uuid(row.try_get::<Option<Uuid>, _>(name)?),
            ValueKind::Bytes => Value::Bytes(row.try_get(name)?),
            ValueKind::Time => Value::Time(row.try_get::<Option<PgTime>, _>(name)?.map(PgTime::to_jiff)),
            ValueKind::Json => Value::Json(row.try_get::<Option<Json>, _>(name)?),
        })
    }
}

/// A driver's error as one of ours, with the cause kept.
pub(crate) fn fault(error: sqlx::Error) -> Error {
    judged(&error).because(error)
}

/// An error of connecting: it names the variable that tells where to, never what stands in it.
#[cfg(feature = "postgres")]
pub(crate) fn named(setting: &str, error: sqlx::Error) -> Error {
    let ours = match &error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => Error::database("the database cannot be reached"),
        sqlx::Error::Tls(_) => Error::database("no encrypted connection to the database can be made"),
        // The tunnel names its own variable.
        #[cfg(feature = "websocket")]
        sqlx::Error::Database(answer) if crate::tunnel::said(&**answer) => {
            return Error::database(answer.message()).because(error);
        }
        _ => judged(&error),
    };
    let named = Error::new(ours.kind(), ours.machine_code(), format!("{setting}: {}", ours.message()));
    // What is wrong with an address quotes it.
    if matches!(error, sqlx::Error::Configuration(_)) { named } else { named.because(error) }
}

fn judged(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(answer) => match answer.kind() {
            ErrorKind::UniqueViolation => Error::conflict("such a row exists already"),
            ErrorKind::ForeignKeyViolation => Error::not_found("the row that it refers to"),
            // PgBouncer has one code for everything.
            _ if answer.code().as_deref() == Some("08P01") && answer.message().contains("authentication failed") => {
                refusal("28P01")
            }
            _ => refusal(&answer.code().unwrap_or_default()),
        },
        sqlx::Error::PoolTimedOut => Error::database("every connection to the database is taken"),
        sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::StorageFull => full(),
        sqlx::Error::Configuration(_) => Error::database("the address of the database is not valid"),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Error::database("the database does not answer"),
        _ => Error::internal("the database's answer does not fit"),
    }
}

fn full() -> Error {
    Error::database("the database's disk is full")
}

/// By SQLSTATE (five characters) or by SQLite's extended result code (decimal; the low byte is the plain code).
fn refusal(code: &str) -> Error {
    match code {
        "53100" => return full(),
        "40001" | "40P01" | "55P03" => return Error::database("the database is busy with the same rows; try again"),
        "57014" => return Error::timeout("the database took too long"),
        "22021" | "22P05" => return Error::invalid("text holds a character that cannot be kept"),
        "28000" | "28P01" => return Error::database("the database refused the login"),
        "3D000" => return Error::database("there is no such database"),
        "25P03" | "25P04" => return Error::timeout("the transaction took too long"),
        "42501" => return Error::internal("the login may not do this"),
        _ if code.len() == 5 && ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
            return Error::database("the database does not answer");
        }
        _ if code.len() == 5 => return Error::internal("the database refused a statement"),
        _ => {}
    }
    match code.parse::<u32>().map_or(0, |code| code & 0xff) {
        5 | 6 => Error::database("the database is busy; try again"),
        8 => Error::database("the database file can only be read"),
        10 => Error::database("the database file cannot be read or written"),
        11 => Error::database("the database file is damaged"),
        13 => full(),
        14 => Error::database("the database file cannot be opened"),
        26 => Error::database("the file is not a database"),
        _ => Error::internal("the database refused a statement"),
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::Database;

    #[tokio::test]
    async fn a_full_disk_is_named_and_ends_the_transaction_alone() {
        let (db, _) = Database::Memory.connect().await.unwrap();
        let sql = |text| Sql::same("test", text);
        let mut conn = db.begin(None).await.unwrap();
        conn.change(&sql("CREATE TABLE full (bytes BLOB)"), vec![]).await.unwrap();
        conn.commit().await.unwrap();
        let mut conn = db.begin(None).await.unwrap();
        // What SQLite answers when the disk is full it also answers when a file has all the pages it may have.
        conn.all(&sql("PRAGMA max_page_count = 8"), vec![]).await.unwrap();
        let fill = vec![Value::Bytes(Some(vec![0; 100_000]))];
        let error = conn.change(&sql("INSERT INTO full VALUES ($1)"), fill).await.unwrap_err();
        assert!(error.retryable() && error.message() == "the database's disk is full", "{error:?}");
        assert!(std::error::Error::source(&error).is_some(), "the cause is kept");
        assert!(conn.commit().await.is_err());
        let mut conn = db.begin(None).await.unwrap();
        assert!(conn.all(&sql("SELECT * FROM full"), vec![]).await.unwrap().is_empty());
        // Where there is room again, work goes on by itself.
        conn.all(&sql("PRAGMA max_page_count = 1000"), vec![]).await.unwrap();
        conn.change(&sql("INSERT INTO full VALUES ($1)"), vec![Value::Bytes(Some(vec![0; 100_000]))]).await.unwrap();
        conn.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_outlives_a_transaction_that_ended_behind_the_drivers_back() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = Database::File(folder.path().join("wib.db")).connect().await.unwrap();
        let mut conn = db.begin(None).await.unwrap();
        conn.all(&Sql::same("test", "ROLLBACK"), vec![]).await.unwrap();
        drop(conn);
        db.begin(None).await.unwrap().commit().await.unwrap();
    }

    #[test]
    fn answers_of_both_engines_are_told_apart() {
        let code = |code| (refusal(code).machine_code(), refusal(code).retryable());
        for busy in [
            "40001", "40P01", "55P03", "53300", "57P01", "5", "517", "8", "1544", "10", "266", "11", "14", "26",
            "53100",
        ] {
            assert_eq!(code(busy), ("DATABASE_ERROR", true), "{busy}");
        }
        assert_eq!(code("57014"), ("TIMEOUT", true));
        for ours in ["42501", "42P01", "1", "275", "", "?"] {
            assert_eq!(code(ours), ("INTERNAL_ERROR", false), "{ours}");
        }
    }
}
