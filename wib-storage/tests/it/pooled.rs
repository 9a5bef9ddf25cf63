//! Behind a pooler that hands out connections by transaction.

use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, ConnectOptions, Row, raw_sql};
use wib_core::{
    auth::User,
    collections::Person,
    compliance::CollectorRole,
    kit::{Clock, Error, Id, Kind, OsRandom, Result, SystemClock},
    orgs::{Organization, OrganizationId, Plan},
    store::Store,
};
use wib_storage::{
    Database, PgUrls, SqlStore,
    testing::{pgbouncer, pooled_store, postgres_store},
};

use crate::clock;

mod suite {
    async fn make(name: &'static str) -> Option<wib_storage::testing::PgStore> {
        super::pooled_store(name, crate::clock()).await
    }
    wib_core::store_suite!(make);
}

fn id<T>() -> Id<T> {
    Id::new(SystemClock.now(), &OsRandom)
}

pub(crate) async fn organization(store: &dyn Store, name: &str) -> OrganizationId {
    let organization = Organization {
        id: id(),
        name: name.to_owned(),
        plan: Plan::Free,
        collector_role: CollectorRole::Agency,
        live: false,
        created_at: SystemClock.now(),
    };
    let mut tx = store.system().await.unwrap();
    tx.insert_organization(&organization).await.unwrap();
    tx.commit().await.unwrap();
    organization.id
}

pub(crate) fn person(name: &str) -> Person {
    Person {
        id: id(),
        name: name.to_owned(),
        email: None,
        do_not_call: false,
        language: None,
        created_at: SystemClock.now(),
    }
}

/// Writes a row, reads it, reads another tenant's, and leaves some transactions unfinished or failed on the way.
async fn work(store: &SqlStore, organizations: &[OrganizationId], at: usize, rounds: usize) -> Result<()> {
    let mine = person(&format!("tenant {at}"));
    for round in 0..rounds {
        let mut tx = store.org(organizations[at]).await?;
        assert_eq!(tx.organization().await?.id, organizations[at], "a transaction is of one organisation");
        if round == 0 {
            tx.insert(&mine).await?;
        }
        let seen: Option<Person> = tx.find(mine.id).await?;
        assert_eq!(seen.map(|p| p.name), Some(mine.name.clone()));
        if round % 5 == 4 {
            // The same row again: the transaction has failed, and what comes next on its connection is not hurt.
            assert_eq!(tx.insert(&mine).await.unwrap_err().kind(), Kind::Conflict);
            continue;
        }
        if round % 7 == 6 {
            continue;
        }
        tx.commit().await?;
        // The neighbour looks for it.
        let mut tx = store.org(organizations[(at + 1) % organizations.len()]).await?;
        let seen: Option<Person> = tx.find(mine.id).await?;
        assert_eq!(seen, None, "a row of another organisation is absent");
        tx.commit().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tenants_share_eight_connections_and_no_row() {
    const NAME: &str = "sixty_four_tenants_share_eight_connections_and_no_row";
    let Some(store) = pooled_store(NAME, clock()).await else { return };
    // More connections to the pooler than the pooler has to the server.
    let urls = PgUrls { connections: 64, ..store.urls().clone() };
    let wide = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap();
    let mut organizations = vec![];
    for n in 0..64 {
        organizations.push(organization(&wide, &format!("tenant {n}")).await);
    }
    let all = join_all((0..64).map(|at| work(&wide, &organizations, at, 25))).await;
    assert!(all.iter().all(Result::is_ok), "{:?}", all.iter().find(|outcome| outcome.is_err()));
    wide.close().await;
    // The policies' own count, past every statement of ours: each tenant has its one row.
    let mut app = store.urls().login("app").extra_float_digits(None).connect().await.unwrap();
    for organization in &organizations {
        let count = format!(
            "BEGIN; SELECT set_config('app.organization_id', '{organization}', true); SELECT COUNT(*) FROM persons; COMMIT"
        );
        let rows = raw_sql(AssertSqlSafe(count)).fetch_all(&mut app).await.unwrap();
        assert_eq!(rows.last().unwrap().get::<i64, _>(0), 1);
    }
}

#[tokio::test]
async fn what_a_transaction_sets_ends_with_it() {
    let Some(store) = pooled_store("what_a_transaction_sets_ends_with_it", clock()).await else { return };
    let organization = organization(&*store, "first").await;
    let mut app = store.urls().login("app").extra_float_digits(None).connect().await.unwrap();
    let settings = async |conn: &mut sqlx::PgConnection| {
        let text =
            "SELECT COALESCE(current_setting('app.organization_id', true), ''), current_setting('statement_timeout'),
            (SELECT COUNT(*) FROM persons)";
        let row = raw_sql(text).fetch_one(conn).await.unwrap();
        (row.get::<String, _>(0), row.get::<String, _>(1), row.get::<i64, _>(2))
    };
    // Ten times, so that every connection of the pooler has served the organisation and the stranger.
    for _ in 0..10 {
        let mut tx = store.org(organization).await.unwrap();
        tx.insert(&person("one")).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.org(organization).await.unwrap();
        assert!(tx.insert(&Person { name: "\0".to_owned(), ..person("") }).await.is_err());
        drop(tx);
        assert_eq!(settings(&mut app).await, (String::new(), "0".to_owned(), 0));
    }
}

#[tokio::test]
async fn every_transaction_has_limits_and_a_name_pooled_or_not() {
    const NAME: &str = "every_transaction_has_limits_and_a_name_pooled_or_not";
    // What the server itself says of the transaction that it refuses.
    let told = "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '<% % % %>',
            current_setting('statement_timeout'), current_setting('lock_timeout'),
            current_setting('idle_in_transaction_session_timeout'), current_setting('application_name'); END $$;
        CREATE TRIGGER tell BEFORE INSERT ON persons FOR EACH ROW EXECUTE FUNCTION tell();
        CREATE TRIGGER tell BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION tell()";
    for pooled in [false, true] {
        let store = if pooled { pooled_store(NAME, clock()).await } else { postgres_store(NAME, clock()).await };
        let Some(store) = store else { return };
        let organization = organization(&*store, "first").await;
        store.raw(told).await.unwrap();
        let mut tx = store.org(organization).await.unwrap();
        let error = tx.insert(&person("x")).await.unwrap_err().chain();
        assert!(error.contains("<1min 30s 2min wib-app>"), "pooled {pooled}: {error}");
        let user = User {
            id: id(),
            email: "a@example.com".to_owned(),
            name: "A".to_owned(),
            password_hash: "x".to_owned(),
            platform_admin: false,
            created_at: SystemClock.now(),
        };
        let mut tx = store.system().await.unwrap();
        let error = tx.insert_user(&user).await.unwrap_err().chain();
        assert!(error.contains("<5min 30s 2min wib-jobs>"), "pooled {pooled}: {error}");
    }
}

#[tokio::test]
async fn a_pooler_that_restarts_is_found_again() {
    const NAME: &str = "a_pooler_that_restarts_is_found_again";
    let Some(store) = postgres_store(NAME, clock()).await else { return };
    let Some(mut pooler) = pgbouncer(NAME, 4).await else { return };
    let address = pooler.address();
    let urls = PgUrls { pooled: true, ..store.urls_at(&address.ip().to_string(), address.port()) };
    let pooled = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap();
    let organization = organization(&pooled, "first").await;
    let held = person("held");
    let mut tx = pooled.org(organization).await.unwrap();
    tx.insert(&held).await.unwrap();
    pooler.stop();
    let error = tx.commit().await.unwrap_err();
    assert!(error.retryable() && error.machine_code() == "DATABASE_ERROR", "{error:?}");
    assert!(pooler.again());
    // The pool's idle connections are dead: each is found out and replaced, none fails a transaction.
    for _ in 0..6 {
        let mut tx = pooled.org(organization).await.unwrap();
        let seen: Option<Person> = tx.find(held.id).await.unwrap();
        assert_eq!(seen, None, "what was not committed is not there");
        tx.commit().await.unwrap();
    }
    pooled.close().await;
}

#[tokio::test]
async fn who_listens_goes_past_the_pooler() {
    let Some(store) = pooled_store("who_listens_goes_past_the_pooler", clock()).await else { return };
    let direct = store.urls().direct().unwrap();
    assert_eq!(direct.setting(), "WIB_DB_OWNER_URL", "without a login of its own the owner's leads past");
    direct.connect().await.unwrap();
    let none = PgUrls { owner: None, ..store.urls().clone() };
    let error: Error = none.direct().unwrap_err();
    assert!(error.message().starts_with("WIB_DB_DIRECT_URL: "), "{error:?}");
    let own = PgUrls { direct: store.urls().owner.clone(), ..none };
    assert_eq!(own.direct().unwrap().setting(), "WIB_DB_DIRECT_URL");
    assert_eq!(PgUrls { pooled: false, direct: None, ..own }.direct().unwrap().setting(), "DATABASE_URL");
}
