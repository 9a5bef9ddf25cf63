//! The store: which database, which pools, and the transactions of one organisation.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use wib_core::{
    engine::NewMessage,
    kit::{Clock, Cursor, Error, OrNotFound, Page, PageRequest, Result, time::Timestamp},
    orgs::{Organization, OrganizationId},
    ports::Bus,
    store::{Connections, OrgTx, Store, SystemTx, Value},
};

use crate::{
    db::{Conn, Db, Row},
    live::{self, Buses, Untold},
    migrate,
    place::Database,
    sql::{OrgSql, Sql, system_sql},
    system::{self, SqlSystem},
    table::{Table, read_all},
};

/// A [`Store`] on SQLite or PostgreSQL.
#[derive(Clone)]
pub struct SqlStore {
    pub(crate) app: Db,
    pub(crate) jobs: Db,
    pub(crate) clock: Arc<dyn Clock>,
    buses: Buses,
}
impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlStore({:?})", self.app)
    }
}

impl SqlStore {
    /// Opens the database and brings its tables up to date; a missing file is made.
    ///
    /// The clock dates rows of the queue, nothing else. On PostgreSQL tables are changed by the owner's login, or by the
    /// application's when it owns the schema; without either the version is only checked.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be reached, opened or written; `Internal` when it was made by a newer
    /// version, or when its tables are behind and nobody may change them.
    pub async fn open(database: &Database, clock: Arc<dyn Clock>) -> Result<Self> {
        #[cfg(feature = "postgres")]
        #[cfg_attr(not(feature = "sqlite"), expect(irrefutable_let_patterns, reason = "one engine alone"))]
        if let Database::Postgres(urls) = database {
            migrate::on_start(urls, clock.now()).await?;
        }
        let (app, jobs) = database.connect().await?;
        #[cfg(feature = "sqlite")]
        #[cfg_attr(not(feature = "postgres"), expect(irrefutable_let_patterns, reason = "one engine alone"))]
        if let Db::Lite(pool) = &app {
            migrate::in_place(pool, clock.now()).await?;
        }
        Ok(Self { app, jobs, clock, buses: Buses::default() })
    }
    /// Waits for open transactions and closes every connection.
    pub async fn close(&self) {
        self.app.close().await;
        self.jobs.close().await;
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn org(&self, organization: OrganizationId) -> Result<Box<dyn OrgTx>> {
        let conn = self.app.begin(Some(organization)).await?;
        let (now, buses) = (self.clock.now(), self.buses.clone());
        Ok(Box::new(SqlOrg { conn, organization, now, buses, untold: Untold::new() }))
    }
    async fn system(&self) -> Result<Box<dyn SystemTx>> {
        let conn = self.jobs.begin(None).await?;
        Ok(Box::new(SqlSystem { conn, now: self.clock.now() }))
    }
    fn tell_on(&self, bus: &Arc<dyn Bus>) {
        self.buses.add(bus);
    }
    async fn ping(&self) -> Result<()> {
        self.app.begin(None).await?.commit().await?;
        self.jobs.begin(None).await?.commit().await
    }
    fn connections(&self) -> Vec<Connections> {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        // A file has one pool for both.
        let both = self.app.engine().has_logins();
        let logins = [("app", &self.app)].into_iter().chain(both.then_some(("jobs", &self.jobs)));
        let told = logins.map(|(login, db)| {
            let (size, idle, most) = db.pool();
            Connections { login, size, idle: count(idle), most }
        });
        told.collect()
    }
    async fn missing_steps(&self) -> Result<usize> {
        let mut conn = self.jobs.begin(None).await?;
        let sql = Sql::same("steps", "SELECT version FROM wib_migrations ORDER BY version");
        let taken = conn.all(&sql, vec![]).await?.iter().map(|row| row.get("version")).collect::<Result<Vec<i64>>>()?;
        Ok(migrate::missing(&taken))
    }
}

/// A transaction of one organisation. Every statement gets the organisation as `$1` here and nowhere else.
pub(crate) struct SqlOrg {
    pub(crate) conn: Conn,
    pub(crate) organization: OrganizationId,
    pub(crate) now: Timestamp,
    buses: Buses,
    pub(crate) untold: Untold,
}

impl SqlOrg {
    fn bound<const N: usize>(&self, args: [Value; N]) -> Vec<Value> {
        std::iter::once(self.organization.into()).chain(args).collect()
    }
    pub(crate) async fn rows<const N: usize>(&mut self, sql: OrgSql<N>, args: [Value; N]) -> Result<Vec<Row>> {
        let args = self.bound(args);
        self.conn.all(&sql.0, args).await
    }
    pub(crate) async fn all<T: Table, const N: usize>(&mut self, sql: OrgSql<N>, args: [Value; N]) -> Result<Vec<T>> {
        read_all(&self.rows(sql, args).await?)
    }
    pub(crate) async fn one<T: Table, const N: usize>(
        &mut self,
        sql: OrgSql<N>,
        args: [Value; N],
    ) -> Result<Option<T>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }
    pub(crate) async fn count<const N: usize>(&mut self, sql: OrgSql<N>, args: [Value; N]) -> Result<i64> {
        self.rows(sql, args).await?.first().map_or(Ok(0), |row| row.get("n"))
    }
    pub(crate) async fn change<const N: usize>(&mut self, sql: OrgSql<N>, args: [Value; N]) -> Result<u64> {
        let args = self.bound(args);
        self.conn.change(&sql.0, args).await
    }
    /// Waits until nobody else of the organisation is alone with that, and is, until the end of the transaction: statements
    /// behind this one see what the holder before us has committed. SQLite has one writer at a time anyhow.
    pub(crate) async fn alone_with(&mut self, what: &str) -> Result<()> {
        let lock = system_sql!(
            alone_with,
            pg: "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            sqlite: "SELECT 1 WHERE $1 IS NOT NULL"
        );
        self.conn.all(&lock.0, vec![format!("wib {what} {}", self.organization).into()]).await.map(drop)
    }
}

#[async_trait]
impl OrgTx for SqlOrg {
    fn organization_id(&self) -> OrganizationId {
        self.organization
    }
    async fn organization(&mut self) -> Result<Organization> {
        system::organization(&mut self.conn, self.organization).await?.or_not_found("organization")
    }
    async fn enqueue(&mut self, message: &NewMessage) -> Result<bool> {
        system::enqueue(&mut self.conn, Some(self.organization), message, self.now).await
    }
    async fn commit(mut self: Box<Self>) -> Result<()> {
        let told = live::write(&mut self).await?;
        self.conn.commit().await?;
        self.buses.tell(told);
        Ok(())
    }
}

/// What a page, newest first, asks: rows before this place, one more than fits to see whether there are more, rows to skip.
pub(crate) fn edge(request: &PageRequest) -> Result<[Value; 4]> {
    if request.limit == 0 || (request.page == 0 && request.after.is_none()) {
        return Err(Error::invalid("pages and their rows are counted from 1"));
    }
    let (at, id, skip) = match request.after {
        Some(cursor) => (cursor.at, cursor.id, 0),
        None => (Timestamp::MAX, uuid::Uuid::max(), request.offset()),
    };
    Ok([wib_core::kit::time::microseconds(at).into(), id.into(), (i64::from(request.limit) + 1).into(), skip.into()])
}

/// The page of rows asked with [`edge`].
pub(crate) fn page<T: Table>(rows: &[Row], total: i64, request: &PageRequest, time: &str) -> Result<Page<T>> {
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let last = if rows.len() > limit { rows.get(limit - 1) } else { None };
    let next = last.map(|row| Ok::<_, Error>(Cursor { at: row.get(time)?, id: row.get("id")? })).transpose()?;
    Ok(Page { items: read_all(&rows[..rows.len().min(limit)])?, total, request: request.clone(), next })
}
