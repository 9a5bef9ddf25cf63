//! What is not there, refuses, or goes away and comes back.

use std::time::Duration;

use wib_core::{
    collections::Person,
    kit::{Error, Kind},
    store::Store,
};
use wib_storage::{
    Database, PgUrls, SqlStore,
    testing::{
        PgStore, postgres_store,
        proxy::{Proxy, Speech},
    },
};

use crate::{
    clock,
    pooled::{organization, person},
};

async fn refused(urls: PgUrls) -> Error {
    let error = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    error
}

/// The tests' server by TCP, which its socket alone is not.
async fn proxied(store: &PgStore) -> (Proxy, PgUrls) {
    let proxy = Proxy::start(Speech::Tcp, &store.server());
    let at = proxy.address();
    let urls = PgUrls { patience: Duration::from_secs(1), ..store.urls_at(&at.ip().to_string(), at.port()) };
    (proxy, urls)
}

#[tokio::test]
async fn what_cannot_be_connected_to_names_its_variable_and_no_password() {
    const NAME: &str = "what_cannot_be_connected_to_names_its_variable_and_no_password";
    let Some(store) = postgres_store(NAME, clock()).await else { return };
    let nowhere = "postgres://nobody:hunter2@127.0.0.1:1/none";
    let error = refused(PgUrls::one(nowhere)).await;
    assert_eq!(error.message(), "DATABASE_URL: the database cannot be reached");
    assert!(error.kind() == Kind::Unavailable && error.machine_code() == "DATABASE_ERROR", "{error:?}");
    let error = refused(PgUrls { owner: Some(nowhere.into()), ..store.urls().clone() }).await;
    assert_eq!(error.message(), "WIB_DB_OWNER_URL: the database cannot be reached");
    let error = refused(PgUrls {
        jobs: Some(nowhere.into()),
        owner: None,
        patience: Duration::from_secs(1),
        ..store.urls().clone()
    })
    .await;
    assert_eq!(error.message(), "WIB_DB_JOBS_URL: the database cannot be reached");
    let (proxy, urls) = proxied(&store).await;
    let (at, name) = (proxy.address(), store.urls().login("app").get_database().unwrap().to_owned());
    let url =
        |login: &str, name: &str, more: &str| PgUrls::one(format!("postgres://{login}:hunter2@{at}/{name}{more}"));
    assert_eq!(
        refused(url("wib_test_app", "no_such_database", "")).await.message(),
        "DATABASE_URL: there is no such database"
    );
    assert_eq!(
        refused(url("no_such_login", &name, "")).await.message(),
        "DATABASE_URL: the database refused the login"
    );
    let tls = refused(url("wib_test_app", &name, "?sslmode=require")).await;
    assert_eq!(tls.message(), "DATABASE_URL: no encrypted connection to the database can be made");
    for text in ["postgres://app:hunter2@h:port/x", "postgres://app:hunter2@h/x?sslmode=hunter2"] {
        let error = refused(PgUrls::one(text)).await;
        assert_eq!(error.message(), "DATABASE_URL: the address of the database is not valid");
    }
    SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_a_server_that_asks_for_one() {
    const NAME: &str = "a_wrong_password_is_refused_by_a_server_that_asks_for_one";
    // The pooler asks; the tests' server trusts.
    let Some(store) = wib_storage::testing::pooled_store(NAME, clock()).await else { return };
    let url = store.urls().login("app").password("hunter2");
    let url = format!(
        "postgres://wib_test_app:hunter2@{}:{}/{}",
        url.get_host(),
        url.get_port(),
        url.get_database().unwrap()
    );
    let error = refused(PgUrls { app: url.into(), ..store.urls().clone() }).await;
    assert_eq!(error.message(), "DATABASE_URL: the database refused the login");
}

#[tokio::test]
async fn work_goes_on_by_itself_when_the_database_is_back() {
    let Some(store) = postgres_store("work_goes_on_by_itself_when_the_database_is_back", clock()).await else { return };
    let (proxy, urls) = proxied(&store).await;
    let far = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap();
    let organization = organization(&far, "first").await;
    for round in 0..3 {
        let held = person("held");
        let mut tx = far.org(organization).await.unwrap();
        tx.insert(&held).await.unwrap();
        proxy.cut();
        let error = tx.commit().await.unwrap_err();
        assert!(error.retryable(), "{error:?}");
        // As long as it is away, every beginning fails, and says whose.
        let error = far.ping().await.unwrap_err();
        assert_eq!(error.message(), "the database does not answer", "round {round}: {error:?}");
        assert!(error.retryable() && error.chain().contains("DATABASE_URL: "), "{error:?}");
        proxy.mend();
        let mut tx = far.org(organization).await.unwrap();
        assert_eq!(tx.find(held.id).await.unwrap(), None::<Person>);
        tx.commit().await.unwrap();
        far.ping().await.unwrap();
    }
}

#[tokio::test]
async fn connections_that_the_server_ends_are_replaced() {
    let Some(store) = postgres_store("connections_that_the_server_ends_are_replaced", clock()).await else { return };
    let organization = organization(&*store, "first").await;
    let mut tx = store.org(organization).await.unwrap();
    tx.insert(&person("held")).await.unwrap();
    let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    store.admin(all).await.unwrap();
    let error = tx.insert(&person("second")).await.unwrap_err();
    assert!(error.retryable() && error.machine_code() == "DATABASE_ERROR", "{error:?}");
    drop(tx);
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_full_pool_is_told_from_a_database_that_is_away() {
    let Some(store) = postgres_store("a_full_pool_is_told_from_a_database_that_is_away", clock()).await else { return };
    let urls = PgUrls { connections: 2, patience: Duration::from_millis(200), ..store.urls().clone() };
    let small = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap();
    let organization = organization(&small, "first").await;
    let (first, second) = (small.org(organization).await.unwrap(), small.org(organization).await.unwrap());
    let error = small.org(organization).await.err().unwrap();
    assert_eq!(error.message(), "every connection to the database is taken");
    assert!(error.retryable());
    drop((first, second));
    small.org(organization).await.unwrap();
}

#[tokio::test]
async fn the_connections_of_each_login_are_told() {
    let Some(store) = postgres_store("the_connections_of_each_login_are_told", clock()).await else { return };
    let told = |login: &str| {
        let all = store.connections();
        let one = all.iter().find(|connections| connections.login == login).unwrap();
        (one.size - one.idle, one.most)
    };
    let organization = organization(&*store, "first").await;
    let (first, second) = (store.org(organization).await.unwrap(), store.org(organization).await.unwrap());
    assert_eq!((told("app"), told("jobs")), ((2, 3), (0, 3)));
    drop((first, second));
}
