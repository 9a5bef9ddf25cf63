//! Behind the store's back: every byte that it keeps, and statements that no use case makes.

use sqlx::{AssertSqlSafe, Row as _, raw_sql};
use wib_core::kit::Result;

use crate::{
    SqlStore,
    db::{Db, fault},
};

/// A name in a statement.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Every row of every table, as the platform sees them: the table's name, and the row's values as the database holds
/// them (texts and JSON as text, bytes as they are), a line feed behind each. For tests that look for what must not be
/// there.
///
/// # Errors
/// When the database does not answer.
pub async fn dump(store: &SqlStore) -> Result<Vec<(String, Vec<u8>)>> {
    match &store.jobs {
        #[cfg(feature = "sqlite")]
        Db::Lite(pool) => lite(pool).await,
        #[cfg(feature = "postgres")]
        Db::Pg { pool, .. } => pg(pool).await,
    }
    .map_err(fault)
}

/// Where a text occurs in a [`dump`]: the names of the tables, once each.
#[must_use]
pub fn tables_with(dump: &[(String, Vec<u8>)], text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len().max(1)).any(|part| part == text.as_bytes());
    let mut tables: Vec<_> = dump.iter().filter(|(_, bytes)| holds(bytes)).map(|(table, _)| table.clone()).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// Runs statements on SQLite, past every rule of the store: what somebody does who has the file.
///
/// # Errors
/// What the database refuses.
///
/// # Panics
/// On PostgreSQL: [`PgStore::raw`](super::PgStore::raw) is for that.
#[cfg(feature = "sqlite")]
pub async fn raw(store: &SqlStore, text: &str) -> Result<()> {
    #[cfg_attr(not(feature = "postgres"), expect(irrefutable_let_patterns, reason = "one engine alone"))]
    let Db::Lite(pool) = &store.app else { panic!("not SQLite") };
    raw_sql(AssertSqlSafe(text.to_owned())).execute(pool).await.map(drop).map_err(fault)
}

#[cfg(feature = "sqlite")]
async fn lite(pool: &sqlx::SqlitePool) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
    let mut conn = pool.acquire().await?;
    let tables = raw_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    let tables: Vec<String> =
        tables.fetch_all(&mut *conn).await?.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()?;
    let mut rows = Vec::new();
    for table in tables {
        let columns = format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid");
        let columns = raw_sql(AssertSqlSafe(columns)).fetch_all(&mut *conn).await?;
        let names = columns.iter().map(|row| row.try_get::<String, _>(0)).collect::<sqlx::Result<Vec<_>>>()?;
        let casts = names.iter().map(|name| format!("CAST({} AS BLOB)", quote(name))).collect::<Vec<_>>().join(", ");
        let all = AssertSqlSafe(format!("SELECT {casts} FROM {}", quote(&table)));
        for row in raw_sql(all).fetch_all(&mut *conn).await? {
            rows.push((table.clone(), values(names.len(), |i| row.try_get(i))?));
        }
    }
    Ok(rows)
}

#[cfg(feature = "postgres")]
async fn pg(pool: &sqlx::PgPool) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
    let mut tx = pool.begin().await?;
    raw_sql("SELECT set_config('app.system', 'on', true)").execute(&mut *tx).await?;
    let columns = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
        WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position";
    let mut tables = std::collections::BTreeMap::<String, Vec<String>>::new();
    for row in raw_sql(columns).fetch_all(&mut *tx).await? {
        let (table, name, kind): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let name = quote(&name);
        let cast = if kind == "bytea" { name } else { format!("convert_to({name}::text, 'UTF8')") };
        tables.entry(table).or_default().push(cast);
    }
    let mut rows = Vec::new();
    for (table, casts) in tables {
        let all = format!("SELECT {} FROM {}", casts.join(", "), quote(&table));
        for row in sqlx::query(AssertSqlSafe(all)).fetch_all(&mut *tx).await? {
            rows.push((table.clone(), values(casts.len(), |i| row.try_get(i))?));
        }
    }
    Ok(rows)
}

fn values(count: usize, get: impl Fn(usize) -> sqlx::Result<Option<Vec<u8>>>) -> sqlx::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for i in 0..count {
        bytes.extend(get(i)?.unwrap_or_default());
        bytes.push(b'\n');
    }
    Ok(bytes)
}
