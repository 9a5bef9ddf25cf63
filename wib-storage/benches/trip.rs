//! A round trip to the store: one transaction of an organisation that adds a row, reads it and commits, one after the
//! other. On a SQLite file, on PostgreSQL by its socket, through PgBouncer, and over a WebSocket through a proxy.
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::{sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use wib_core::{
    collections::Person,
    compliance::CollectorRole,
    kit::{Clock, Id, OsRandom, SystemClock},
    orgs::{Organization, OrganizationId, Plan},
    store::Store,
};
use wib_storage::{
    Database, SqlStore,
    testing::{pooled_store, postgres_store, websocket_store},
};

async fn organization(store: &dyn Store) -> OrganizationId {
    let organization = Organization {
        id: Id::new(SystemClock.now(), &OsRandom),
        name: "Bench".to_owned(),
        plan: Plan::Pro,
        collector_role: CollectorRole::Agency,
        live: false,
        created_at: SystemClock.now(),
    };
    let mut tx = store.system().await.unwrap();
    tx.insert_organization(&organization).await.unwrap();
    tx.commit().await.unwrap();
    organization.id
}

async fn trip(store: &dyn Store, id: OrganizationId) {
    let person = Person {
        id: Id::new(SystemClock.now(), &OsRandom),
        name: "A".to_owned(),
        email: None,
        do_not_call: false,
        language: None,
        created_at: SystemClock.now(),
    };
    let mut tx = store.org(id).await.unwrap();
    tx.insert(&person).await.unwrap();
    assert!(tx.find(person.id).await.unwrap().is_some());
    tx.commit().await.unwrap();
}

fn all(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut bench = |name: &str, store: &dyn Store| {
        let id = runtime.block_on(organization(store));
        c.bench_function(name, |b| b.to_async(&runtime).iter(|| trip(store, id)));
    };
    let folder = tempfile::tempdir().unwrap();
    let file = Database::File(folder.path().join("wib.db"));
    bench("file", &runtime.block_on(SqlStore::open(&file, clock.clone())).unwrap());
    if let Some(store) = runtime.block_on(postgres_store("trip", clock.clone())) {
        bench("postgres", &store);
    }
    if let Some(store) = runtime.block_on(pooled_store("trip", clock.clone())) {
        bench("pgbouncer", &store);
    }
    if let Some(store) = runtime.block_on(websocket_store("trip", clock)) {
        bench("websocket", &store);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = all
}
criterion_main!(benches);
