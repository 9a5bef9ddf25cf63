use std::{path::Path, time::Duration};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, raw_sql, sqlite::SqliteConnectOptions};
use wib_core::{
    kit::{Clock, Error, Kind, SystemClock},
    store::Store,
    testing::store_suite,
};
use wib_storage::{Database, SqlStore, migrate, testing::memory_store};

use crate::clock;

mod memory {
    async fn make(_: &'static str) -> Option<super::SqlStore> {
        Some(super::memory_store(crate::clock()).await)
    }
    wib_core::store_suite!(make);
}

mod file {
    use super::{Database, SqlStore};

    /// A store whose folder goes with it.
    #[derive(Debug)]
    struct Filed(SqlStore, #[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir);

    #[async_trait::async_trait]
    impl wib_core::store::Store for Filed {
        async fn org(
            &self,
            id: wib_core::orgs::OrganizationId,
        ) -> wib_core::kit::Result<Box<dyn wib_core::store::OrgTx>> {
            self.0.org(id).await
        }
        async fn system(&self) -> wib_core::kit::Result<Box<dyn wib_core::store::SystemTx>> {
            self.0.system().await
        }
        fn tell_on(&self, bus: &std::sync::Arc<dyn wib_core::ports::Bus>) {
            self.0.tell_on(bus);
        }
        async fn ping(&self) -> wib_core::kit::Result<()> {
            self.0.ping().await
        }
    }

    async fn make(_: &'static str) -> Option<Filed> {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&Database::File(folder.path().join("wib.db")), crate::clock()).await.unwrap();
        Some(Filed(store, folder))
    }
    wib_core::store_suite!(make);
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).busy_timeout(Duration::ZERO).connect().await.unwrap()
}

async fn sql(path: &Path, text: &str) -> sqlx::Result<()> {
    let mut conn = raw(path).await;
    raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut conn).await?;
    conn.close().await
}

async fn refused(path: &Path) -> Error {
    SqlStore::open(&Database::File(path.to_owned()), clock()).await.unwrap_err()
}

#[tokio::test]
async fn a_file_keeps_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("wib.db"));
    assert!(migrate::plan(&database).await.unwrap().len() > 3);
    let store = SqlStore::open(&database, clock()).await.unwrap();
    store_suite::sessions_end(&store).await;
    store.close().await;
    assert!(migrate::plan(&database).await.unwrap().is_empty());
    assert_eq!(migrate::up(&database, SystemClock.now()).await.unwrap(), 0, "a second time there is nothing to do");
    let store = SqlStore::open(&database, clock()).await.unwrap();
    store.ping().await.unwrap();
    store_suite::pages_of_calls_join_to_the_whole(&store).await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wib.db");
    SqlStore::open(&Database::File(path.clone()), clock()).await.unwrap().close().await;
    sql(&path, "INSERT INTO wib_migrations VALUES (900, 'later', 'x', 0)").await.unwrap();
    let message = refused(&path).await.message().to_owned();
    let newest = migrate::status(&Database::Memory).await.unwrap().last().unwrap().version;
    assert!(message.contains("900") && message.contains(&format!("knows {newest}")), "{message}");
}

#[tokio::test]
async fn a_migration_that_was_changed_afterwards_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wib.db");
    SqlStore::open(&Database::File(path.clone()), clock()).await.unwrap().close().await;
    sql(&path, "UPDATE wib_migrations SET checksum = 'x' WHERE version = 3").await.unwrap();
    let message = refused(&path).await.message().to_owned();
    assert!(message.contains("migration 3 (calls)"), "{message}");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.db");
    std::fs::write(&damaged, vec![b'x'; 8192]).unwrap();
    let error = refused(&damaged).await;
    assert!(error.message().contains("not a database") && error.machine_code() == "DATABASE_ERROR", "{error:?}");
    let error = refused(&folder.path().join("no/such/folder/wib.db")).await;
    assert!(error.message().contains("cannot be opened"), "{error:?}");
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_file_that_another_process_writes_is_busy_and_may_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wib.db");
    let store = SqlStore::open(&Database::File(path.clone()), clock()).await.unwrap();
    let mut other = raw(&path).await;
    raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let error = store.system().await.err().unwrap();
    assert!(error.retryable() && error.message().contains("busy"), "{error:?}");
    raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn rows_of_evidence_are_only_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wib.db");
    let store = SqlStore::open(&Database::File(path.clone()), clock()).await.unwrap();
    store_suite::every_record_comes_back_as_it_went(&store).await;
    store_suite::every_record_of_the_law_comes_back_as_it_went(&store).await;
    store.close().await;
    for text in ["UPDATE recordings SET media_hash = 'sha256:ff'", "UPDATE recordings SET vendor_id = vendor_id || 'x'"]
    {
        let error = sql(&path, text).await.unwrap_err().to_string();
        assert!(error.contains("only added"), "{text}: {error}");
    }
    for table in [
        "recordings",
        "verdicts",
        "transcripts",
        "evidence",
        "evidence_nodes",
        "checkpoints",
        "stamps",
        "audit_events",
        "consents",
        "disclosures",
    ] {
        for text in [format!("UPDATE {table} SET organization_id = X'00'"), format!("DELETE FROM {table}")] {
            let error = sql(&path, &text).await.unwrap_err().to_string();
            assert!(error.contains("only added"), "{text}: {error}");
        }
    }
}
