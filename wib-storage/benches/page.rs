//! A page of calls among 100,000, on both databases: the first, a deep one by number, the same one by cursor, the active
//! ones.
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use wib_core::{
    calls::{Call, CallFacts, CallStatus, FlowType},
    kit::{Clock, Cursor, Id, OsRandom, PageRequest, SystemClock, time::Timestamp},
    orgs::{Organization, OrganizationId, Plan},
    ports::voice::Direction,
    store::{ACTIVE, Store},
};
use wib_storage::{
    Database, SqlStore,
    testing::{memory_store, postgres_store},
};

const CALLS: i64 = 100_000;

fn at(n: i64) -> Timestamp {
    Timestamp::from_microsecond(1_780_000_000_000_000 + n * 1_000_000).unwrap()
}

async fn fill(store: &dyn Store) -> OrganizationId {
    let id = Id::new(SystemClock.now(), &OsRandom);
    let mut tx = store.system().await.unwrap();
    let organization = Organization {
        id,
        name: "Bench".to_owned(),
        plan: Plan::Pro,
        collector_role: wib_core::compliance::CollectorRole::Agency,
        live: false,
        created_at: at(0),
    };
    tx.insert_organization(&organization).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.org(id).await.unwrap();
    for n in 0..CALLS {
        let call = Call {
            id: Id::new(at(n), &OsRandom),
            organization_id: id,
            person_id: None,
            account_id: None,
            direction: Direction::Outbound,
            from_number: "+13125550100".parse().unwrap(),
            to_number: "+13125550101".parse().unwrap(),
            flow_type: FlowType::Direct,
            technology: wib_core::compliance::Technology::Manual,
            purpose: wib_core::compliance::Purpose::Collection,
            status: if n % 1000 == 0 { CallStatus::Ringing } else { CallStatus::Completed },
            vendor: "sandbox".to_owned(),
            live: false,
            facts: CallFacts { answered_at: Some(at(n)), ..CallFacts::default() },
            verdict_id: None,
            record: true,
            transcribe: true,
            translate_to: None,
            listen: None,
            answered_at: Some(at(n)),
            ended_at: Some(at(n)),
            answered_by: None,
            hangup_cause: None,
            created_by: None,
            created_at: at(n),
            updated_at: at(n),
        };
        tx.insert(&call).await.unwrap();
    }
    tx.commit().await.unwrap();
    id
}

async fn page(store: &dyn Store, id: OrganizationId, statuses: &[CallStatus], request: &PageRequest) {
    let mut tx = store.org(id).await.unwrap();
    let page = tx.page_of_calls(statuses, request).await.unwrap();
    assert_eq!(page.items.len(), 50);
    tx.commit().await.unwrap();
}

fn pages(c: &mut Criterion, runtime: &Runtime, name: &str, store: &dyn Store) {
    let id = runtime.block_on(fill(store));
    let first = PageRequest::default();
    let deep = PageRequest { page: 1500, ..first };
    let cursor = Cursor { at: at(CALLS - 1499 * 50), id: uuid::Uuid::nil() };
    let after = PageRequest { after: Some(cursor), ..first };
    let mut group = c.benchmark_group(name);
    for (what, statuses, request) in
        [("first", &[][..], &first), ("page 1500", &[], &deep), ("cursor", &[], &after), ("active", ACTIVE, &first)]
    {
        group.bench_function(what, |b| b.to_async(runtime).iter(|| page(store, id, statuses, request)));
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let memory = runtime.block_on(memory_store(clock.clone()));
    pages(c, &runtime, "memory", &memory);
    let folder = tempfile::tempdir().unwrap();
    let file = Database::File(folder.path().join("wib.db"));
    let file = runtime.block_on(SqlStore::open(&file, clock.clone())).unwrap();
    pages(c, &runtime, "file", &file);
    if let Some(pg) = runtime.block_on(postgres_store("page", clock)) {
        pages(c, &runtime, "postgres", &pg);
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = all }
criterion_main!(benches);
