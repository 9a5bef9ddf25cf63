//! A whole copy of a database in a file, taken while it is in use.

use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};
use wib_core::kit::{Error, Result};

use crate::{Database, db::fault};

/// Copies the database to a new file: one instant of it, whoever writes meanwhile.
///
/// # Errors
/// `Invalid` for a database that is no file, whose server has tools of its own; `Unavailable` when the file cannot be read,
/// or the copy not be written.
pub async fn copy(database: &Database, into: &Path) -> Result<()> {
    let Database::File(path) = database else {
        return Err(Error::invalid("only a SQLite file is copied here: for PostgreSQL use pg_dump and pg_restore"));
    };
    let to = into.to_str().ok_or_else(|| Error::invalid("the name of the copy is no text"))?;
    let mut conn = options(path).connect().await.map_err(fault)?;
    sqlx::query("VACUUM INTO $1").bind(to).execute(&mut conn).await.map_err(fault)?;
    conn.close().await.map_err(fault)
}

/// Whether a copy is a whole database, by its own check of every page and index.
///
/// # Errors
/// `Invalid` when it is not.
pub async fn check(path: &Path) -> Result<()> {
    let told = async {
        let mut conn = options(path).read_only(true).connect().await?;
        let row = sqlx::query("PRAGMA integrity_check(1)").fetch_one(&mut conn).await?;
        let told: String = row.try_get(0)?;
        conn.close().await?;
        Ok::<_, sqlx::Error>(told)
    };
    match told.await {
        Ok(told) if told == "ok" => Ok(()),
        Ok(told) => Err(Error::invalid("the copy of the database is damaged").because(told)),
        Err(error) => Err(Error::invalid("the copy is no database that can be read").because(error)),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(std::time::Duration::from_secs(30))
}
