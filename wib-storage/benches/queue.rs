//! Queues: handing a message on, and taking five and settling each; the engine's on SQLite and PostgreSQL, next to the same
//! statements from `pgbench`; the port's on both and on NATS. `cargo bench -p wib-storage --bench queue -- --quick`.
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use wib_core::{
    engine::{NewMessage, Topic},
    kit::{Clock, OsRandom, SecretString, SystemClock, Timestamp},
    ports::Queue,
    store::Store,
};
use wib_storage::{
    Database, PgUrls, SqlStore, StoreQueue,
    nats::{Nats, NatsQueue},
    testing::{
        PgStore, postgres_store,
        servers::{Program, Server},
    },
};

/// Messages that wait while it is measured.
const BACKLOG: i64 = 20_000;
const LEASE: Duration = Duration::from_secs(600);
const SETTLE: &str = "lease 5, settle each";

static COUNT: AtomicI64 = AtomicI64::new(0);

fn now() -> Timestamp {
    SystemClock.now()
}
fn message() -> NewMessage {
    let key = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    NewMessage { topic: Topic::Seal, key, payload: serde_json::json!({"call_id": "x"}), run_at: now() }
}
async fn enqueue(store: &dyn Store) {
    let mut tx = store.system().await.unwrap();
    tx.enqueue(None, &message()).await.unwrap();
    tx.commit().await.unwrap();
}
async fn fill(store: &dyn Store, count: i64) {
    let mut tx = store.system().await.unwrap();
    for _ in 0..count {
        tx.enqueue(None, &message()).await.unwrap();
    }
    tx.commit().await.unwrap();
}
/// As a worker does: one transaction leases, one settles each.
async fn lease_and_settle(store: &dyn Store) {
    let mut tx = store.system().await.unwrap();
    let batch = tx.lease(now(), LEASE, 5).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(batch.len(), 5);
    for message in &batch {
        let mut tx = store.system().await.unwrap();
        tx.acknowledge(message, now()).await.unwrap();
        tx.commit().await.unwrap();
    }
}
async fn port_lease_and_settle(queue: &dyn Queue) {
    let batch = queue.lease(5, LEASE).await.unwrap();
    assert_eq!(batch.len(), 5);
    for message in &batch {
        assert!(queue.ack(&message.token).await.unwrap());
    }
}

fn stores(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let open = |database| runtime.block_on(SqlStore::open(&database, clock.clone())).unwrap();
    let lite = open(Database::File(folder.path().join("wib.db")));
    let pg = runtime.block_on(postgres_store("queue", clock.clone())).expect("PostgreSQL is there");
    let many = open(Database::Postgres(PgUrls { connections: 8, ..pg.urls().clone() }));
    for (name, store, tasks) in
        [("SQLite file", &lite, 1), ("PostgreSQL", &many, 1), ("PostgreSQL, 4 at once", &many, 4)]
    {
        let mut group = c.benchmark_group(format!("engine's queue, {name}"));
        let several =
            async |iterations: u64, work: &(dyn Fn() -> futures_util::future::BoxFuture<'static, ()> + Sync)| {
                let began = Instant::now();
                join_all((0..tasks).map(async |task| {
                    for _ in 0..iterations / tasks + u64::from(task < iterations % tasks) {
                        work().await;
                    }
                }))
                .await;
                began.elapsed()
            };
        let own = store.clone();
        group.bench_function("enqueue", |b| {
            b.to_async(&runtime).iter_custom(|iterations| {
                let (own, several) = (own.clone(), &several);
                async move {
                    let work = || Box::pin(enqueue_owned(own.clone())) as futures_util::future::BoxFuture<'static, ()>;
                    several(iterations, &work).await
                }
            });
        });
        group.bench_function(SETTLE, |b| {
            b.to_async(&runtime).iter_custom(|iterations| {
                let (own, several) = (own.clone(), &several);
                async move {
                    let waiting = own.system().await.unwrap().queue_depths().await.unwrap();
                    let waiting: i64 = waiting.iter().filter(|d| d.status.as_str() == "ready").map(|d| d.count).sum();
                    let wanted = BACKLOG + 5 * i64::try_from(iterations).unwrap();
                    fill(&own, (wanted - waiting).max(0)).await;
                    let work = || Box::pin(settle_owned(own.clone())) as futures_util::future::BoxFuture<'static, ()>;
                    several(iterations, &work).await
                }
            });
        });
        group.finish();
    }
    pgbench(&runtime, &pg);
}

async fn enqueue_owned(store: SqlStore) {
    enqueue(&store).await;
}
async fn settle_owned(store: SqlStore) {
    lease_and_settle(&store).await;
}

/// The same statements, without us.
fn pgbench(runtime: &Runtime, pg: &PgStore) {
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let begin = "BEGIN;\nSELECT set_config('app.system', 'on', true);\n";
    let add = script(
        "enqueue",
        &format!(
            "{begin}INSERT INTO queue (organization_id, id, topic, key, payload, status, attempts, run_at, due_at, created_at)\n\
             VALUES (NULL, gen_random_uuid(), 'seal', gen_random_uuid()::text, '{{\"call_id\":\"x\"}}', 'ready', 0, now(), now(), now())\n\
             ON CONFLICT DO NOTHING;\nCOMMIT;\n"
        ),
    );
    let ids: Vec<_> = (1..=5).map(|n| format!("(array_agg(id))[{n}] AS id{n}")).collect();
    let mut text = format!(
        "{begin}WITH due AS MATERIALIZED (\n\
         SELECT id FROM queue WHERE status IN ('ready', 'leased') AND due_at <= now()\n\
         ORDER BY due_at, id LIMIT 5 FOR UPDATE SKIP LOCKED),\n\
         taken AS (UPDATE queue SET status = 'leased', attempts = attempts + 1, due_at = now() + interval '10 minutes'\n\
         FROM due WHERE queue.id = due.id RETURNING queue.*)\n\
         SELECT {} FROM taken \\gset\nCOMMIT;\n",
        ids.join(", ")
    );
    for n in 1..=5 {
        text.push_str(&format!(
            "{begin}UPDATE queue SET status = 'done', ended_at = now(), started_at = NULL, handed_at = NULL, last_error = NULL\n\
             WHERE id = :id{n} AND status = 'leased' AND attempts = 1;\nCOMMIT;\n"
        ));
    }
    let settle = script("settle", &text);
    let login = pg.urls().login("jobs");
    for clients in [1, 4] {
        for (what, script) in [("enqueue", &add), (SETTLE, &settle)] {
            runtime.block_on(fill(&**pg, BACKLOG));
            let mut command = Command::new("pgbench");
            command
                .args(["-n", "-M", "prepared", "-t", "800", "-c", &clients.to_string(), "-j", "1", "-f"])
                .arg(script);
            command.env("PGPASSWORD", "wib").args(["-U", login.get_username()]);
            match login.get_socket() {
                Some(folder) => command.arg("-h").arg(folder),
                None => command.args(["-h", login.get_host(), "-p", &login.get_port().to_string()]),
            };
            let output = command.arg(login.get_database().unwrap()).output();
            let text = output.map_or_else(
                |e| e.to_string(),
                |o| String::from_utf8_lossy(&o.stdout).into_owned() + &String::from_utf8_lossy(&o.stderr),
            );
            let told: Vec<_> =
                text.lines().filter(|l| l.contains("latency") || l.contains("tps") || l.contains("rror")).collect();
            println!("pgbench -c {clients}, {what}: {}", told.join("; "));
        }
    }
}

fn ports(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (clock, random): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), Arc::new(OsRandom));
    let database = Database::File(folder.path().join("wib.db"));
    let lite = runtime.block_on(SqlStore::open(&database, clock.clone())).unwrap();
    let pg = runtime.block_on(postgres_store("queue", clock.clone())).expect("PostgreSQL is there");
    let server = Server::start("queue", Program::Nats).expect("NATS is there");
    let nats = runtime.block_on(async {
        let nats = Nats::connect(&SecretString::from(format!("nats://{}", server.address()))).await.unwrap();
        NatsQueue::open(&nats, "bench", LEASE, clock.clone()).await.unwrap()
    });
    let queues: [(&str, Arc<dyn Queue>); 3] = [
        ("SQLite file", Arc::new(StoreQueue::new(&lite, "bench", clock.clone(), random.clone()))),
        ("PostgreSQL", Arc::new(StoreQueue::new(&pg, "bench", clock.clone(), random))),
        ("NATS", Arc::new(nats)),
    ];
    for (name, queue) in queues {
        let mut group = c.benchmark_group(format!("port's queue, {name}"));
        group.bench_function("enqueue and take", |b| {
            b.to_async(&runtime).iter(async || {
                queue.enqueue(&"x".into()).await.unwrap();
                let leased = queue.lease(1, LEASE).await.unwrap();
                assert!(queue.ack(&leased[0].token).await.unwrap());
            });
        });
        group.bench_function("enqueue", |b| {
            b.to_async(&runtime).iter_custom(async |iterations| {
                let began = Instant::now();
                for _ in 0..iterations {
                    queue.enqueue(&"x".into()).await.unwrap();
                }
                let took = began.elapsed();
                loop {
                    let leased = queue.lease(100, LEASE).await.unwrap();
                    if leased.is_empty() {
                        return took;
                    }
                    for message in leased {
                        queue.ack(&message.token).await.unwrap();
                    }
                }
            });
        });
        group.bench_function(SETTLE, |b| {
            b.to_async(&runtime).iter_custom(async |iterations| {
                let mut took = Duration::ZERO;
                for _ in 0..iterations {
                    queue.enqueue_batch(&[(); 5].map(|()| "x".into())).await.unwrap();
                    let began = Instant::now();
                    port_lease_and_settle(&*queue).await;
                    took += began.elapsed();
                }
                took
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = queues;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    targets = stores, ports
}
criterion_main!(queues);
