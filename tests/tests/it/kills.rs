//! The promise about crashes, for an installation of several processes: whichever is killed, whenever, nothing is lost and
//! nothing happens twice.
//!
//! Sizes are small so that the tests end soon; for full figures: `WIB_KILL_MESSAGES=10000`, `WIB_KILL_CALLS=200`,
//! `WIB_KILL_SECONDS=300`.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::ToSpan;
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Row};
use wib_core::{
    audit::AuditEvent,
    engine::{MessageStatus, NewMessage, Topic},
    kit::{Clock, Id, OsRandom, Random, ScaledClock, SeededRandom, SystemClock, Timestamp, time},
    ports::mailer::Mail,
    store::Store,
};
use wib_storage::testing::{
    postgres_store,
    servers::{Program, Server},
};

use crate::processes::{Running, Stage, TERMINAL, User, free_port, nap};

/// How long the processes may take to finish once they are left alone.
const PATIENCE: Duration = Duration::from_secs(240);

fn size(name: &str, usual: usize) -> usize {
    let size = std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    println!("{name}={size}");
    size
}

fn between(random: &SeededRandom, low: u64, high: u64) -> u64 {
    low + (random as &dyn Random).below(high - low)
}

fn address() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

/// Signs up on a node that serves, and leaves the account's organisation and token.
async fn signed_up(stage: &mut Stage) -> (String, String) {
    let first = address();
    stage.behind_the_door(vec![first.clone()]);
    let mut server = stage.node(&["serve", "--api"], &first);
    stage.ready(&first).await;
    let signed_up = stage.sign_up().await;
    server.terminate();
    assert_eq!(server.ended().await, Some(0));
    signed_up
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_has_its_effect_once_however_often_workers_are_killed() {
    const WORKERS: usize = 2;
    const KILLS: u32 = 12;
    let Some(pg) = postgres_store("messages and killed workers", Arc::new(SystemClock)).await else { return };
    let count = size("WIB_KILL_MESSAGES", 1_500);
    let (began, random) = (Instant::now(), SeededRandom::new(3));
    let mut stage = Stage::of_nodes(3, pg.urls()).await;
    stage.settings.insert("WIB_LEASE".into(), "5".into());
    stage.settings.insert("WIB_STATUS".into(), "false".into());
    let (organization, _) = signed_up(&mut stage).await;
    let organization = organization.parse().unwrap();

    // Half of them leave as mails, counted at the vendor; half become rows, counted here.
    let now = SystemClock.now();
    let mail = |n: usize| {
        let to = format!("person-{n}@example.com").parse().unwrap();
        Mail::plain(to, "Kept", format!("number {n}"), "")
    };
    let line = |n: usize| AuditEvent {
        id: Id::new(now, &OsRandom),
        user_id: None,
        actor_type: "system".to_owned(),
        action: "kill:told".to_owned(),
        resource_type: "message".to_owned(),
        resource_id: None,
        old_value: None,
        new_value: None,
        metadata: json!({ "n": n }),
        created_at: now,
        sealed_seq: None,
    };
    let all: Vec<_> = (0..count)
        .map(|n| {
            let (topic, payload) = match n % 2 {
                0 => (Topic::SendMail, serde_json::to_value(mail(n)).unwrap()),
                _ => (Topic::WriteAudit, json!({ "event": line(n) })),
            };
            NewMessage { topic, key: format!("kill-{n}"), payload, run_at: now }
        })
        .collect();
    let before = audit_lines(&pg).await;
    for part in all.chunks(500) {
        let mut tx = pg.system().await.unwrap();
        for message in part {
            assert!(tx.enqueue(Some(organization), message).await.unwrap());
        }
        tx.commit().await.unwrap();
    }

    let open = async || {
        let depths = pg.system().await.unwrap().queue_depths().await.unwrap();
        let open = |d: &&wib_core::engine::QueueDepth| d.status != MessageStatus::Done;
        depths.iter().filter(open).map(|d| d.count).sum::<i64>()
    };
    let start = || stage.node(&["worker"], "http://127.0.0.1:0");
    let mut workers: Vec<_> = (0..WORKERS).map(|_| start()).collect();
    let mut kills = 0;
    while kills < KILLS || open().await > 0 {
        if kills < KILLS {
            nap(between(&random, 200, 1_200)).await;
            let which = usize::try_from(kills).unwrap() % WORKERS;
            workers[which].kill();
            workers[which] = start();
            kills += 1;
        } else {
            nap(200).await;
        }
        assert!(began.elapsed() < PATIENCE, "{} messages are open still", open().await);
    }
    println!("{count} messages, {kills} kills, done after {:?}", began.elapsed());

    let outbox = stage.sandbox("outbox", None).await;
    let sent: Vec<_> = outbox["emails"].as_array().unwrap().iter().map(|mail| mail["to"].to_string()).collect();
    let people: BTreeSet<_> = sent.iter().collect();
    assert_eq!((sent.len(), people.len()), (count.div_ceil(2), count.div_ceil(2)), "mails at the vendor");
    assert_eq!(audit_lines(&pg).await - before, i64::try_from(count / 2).unwrap(), "lines of the audit log");
    let again = rows(&pg, "SELECT COUNT(*) FILTER (WHERE attempts > 1) AS n FROM queue").await;
    println!("{} messages were taken more than once", again[0].get::<i64, _>("n"));
    assert_eq!(stage.printed(&["dlq", "list"]), "", "dead letters");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_told_to_end_leaves_no_message_taken() {
    let Some(pg) = postgres_store("a worker that ends", Arc::new(SystemClock)).await else { return };
    let mut stage = Stage::of_nodes(3, pg.urls()).await;
    stage.settings.insert("WIB_STATUS".into(), "false".into());
    // Whoever had to wait for the end of a lease would wait for an hour.
    stage.settings.insert("WIB_LEASE".into(), "3600".into());
    let (organization, _) = signed_up(&mut stage).await;
    let organization = Some(organization.parse().unwrap());
    let depth = async |status| {
        let depths = pg.system().await.unwrap().queue_depths().await.unwrap();
        depths.iter().filter(|d| d.topic == Topic::SendMail && d.status == status).map(|d| d.count).sum::<i64>()
    };
    let (mut rounds, mut left) = (0, 0);
    while left == 0 {
        let mut tx = pg.system().await.unwrap();
        for n in 0..300 {
            let to = format!("person-{n}@example.com").parse().unwrap();
            let payload = serde_json::to_value(Mail::plain(to, "Kept", "text", "")).unwrap();
            let key = format!("{rounds}-{n}");
            let message = NewMessage { topic: Topic::SendMail, key, payload, run_at: SystemClock.now() };
            assert!(tx.enqueue(organization, &message).await.unwrap());
        }
        tx.commit().await.unwrap();
        let before = depth(MessageStatus::Done).await;
        let mut worker = stage.node(&["worker"], "http://127.0.0.1:0");
        while depth(MessageStatus::Done).await == before {
            nap(5).await;
        }
        worker.terminate();
        assert_eq!(worker.ended().await, Some(0));
        assert_eq!(depth(MessageStatus::Leased).await, 0, "what was taken and not begun goes back");
        // Once it was told in the midst of its work, this shows something.
        left = depth(MessageStatus::Ready).await;
        rounds += 1;
        assert!(rounds < 20, "the worker is always done before it is told to end");
    }
    println!("{left} messages were left, none of them taken");
}

async fn rows(pg: &wib_storage::testing::PgStore, sql: &'static str) -> Vec<sqlx::postgres::PgRow> {
    let mut conn = pg.urls().login("jobs").connect().await.unwrap();
    sqlx::query("SELECT set_config('app.system', 'on', false)").execute(&mut conn).await.unwrap();
    sqlx::query(sql).fetch_all(&mut conn).await.unwrap()
}

async fn audit_lines(pg: &wib_storage::testing::PgStore) -> i64 {
    rows(pg, "SELECT COUNT(*) AS n FROM audit_events WHERE action = 'kill:told'").await[0].get("n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tick_is_run_once_however_often_schedulers_are_killed() {
    // A job of every ten minutes comes every five seconds.
    const SPEED: u32 = 120;
    const JOB: &str = "seal_audit";
    let Some(pg) = postgres_store("ticks and killed schedulers", Arc::new(SystemClock)).await else { return };
    let ticks = size("WIB_KILL_SECONDS", 45) / 5;
    let mut stage = Stage::of_nodes(4, pg.urls()).await;
    signed_up(&mut stage).await;
    let origin = SystemClock.now();
    let clock = ScaledClock::new(origin, SPEED);
    stage.settings.insert("WIB_CLOCK".into(), format!("{origin}*{SPEED}"));
    let places = [address(), address()];
    let start = |which: usize| stage.node(&["jobs"], &places[which]);
    let mut nodes = [start(0), start(1)];
    for place in &places {
        stage.ready(place).await;
    }
    let mut under_way = 0;
    let first = next_tick(clock.now());
    let mut tick = first;
    for n in 0..ticks {
        // The job reads every organisation: while their table is locked it is under way, and so can be killed there.
        clock.sleep_until(time::before(tick, Duration::from_secs(10))).await;
        let hold = "BEGIN; LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(0.8); COMMIT";
        let kill = async {
            nap(600).await;
            let run = pg.system().await.unwrap().last_run(JOB).await.unwrap();
            under_way += u32::from(run.is_some_and(|run| run.ended_at.is_none()));
            nodes[n % 2].kill();
        };
        let (held, ()) = tokio::join!(pg.raw(hold), kill);
        held.unwrap();
        nodes[n % 2] = start(n % 2);
        stage.ready(&places[n % 2]).await;
        tick = tick.checked_add(10.minutes()).unwrap();
    }
    // What was left is taken over within a lease.
    clock.sleep_until(tick).await;
    for node in &mut nodes {
        node.terminate();
    }
    for node in &mut nodes {
        assert_eq!(node.ended().await, Some(0), "ends in good order");
    }
    let found = rows(&pg, "SELECT job, due_at::text AS due, outcome, error FROM job_runs ORDER BY 1, 2").await;
    let mut runs: BTreeMap<(String, Timestamp), u32> = BTreeMap::new();
    for row in &found {
        let (job, due): (String, String) = (row.get("job"), row.get("due"));
        let due = due.replace(' ', "T").parse().unwrap();
        let outcome: String = row.get("outcome");
        match outcome.as_str() {
            "ok" => *runs.entry((job.clone(), due)).or_default() += 1,
            // Its node was killed: another run of the tick went through.
            "broken" => {}
            _ if job == JOB => panic!("{job} of {due} {outcome}: {:?}", row.get::<Option<String>, _>("error")),
            _ => {}
        }
    }
    let twice: Vec<_> = runs.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "run twice: {twice:?}");
    let mut at = first;
    for _ in 0..ticks {
        assert!(runs.contains_key(&(JOB.to_owned(), at)), "the tick of {at} was not run: {runs:?}");
        at = at.checked_add(10.minutes()).unwrap();
    }
    println!(
        "{} runs of {ticks} ticks and other jobs; {under_way} kills came while the job was under way",
        found.len()
    );
    assert!(under_way > 0, "no kill came while the job was under way: this shows nothing");
    let held = rows(&pg, "SELECT job FROM job_leases").await;
    assert!(held.is_empty(), "whoever ends in good order gives its leases back");
}

/// The next tick of a job of every ten minutes that is at least half a minute away.
fn next_tick(now: Timestamp) -> Timestamp {
    let seconds = now.as_second() + 30;
    Timestamp::from_second((seconds / 600 + 1) * 600).unwrap()
}

/// A node of an installation: what it does, and where it listens.
struct Node {
    arguments: Vec<&'static str>,
    address: String,
    running: Running,
}
impl Node {
    fn start(stage: &Stage, arguments: &[&'static str], address: String) -> Self {
        let running = stage.node(arguments, &address);
        Self { arguments: arguments.to_vec(), address, running }
    }
    fn kill(&mut self, stage: &Stage) {
        self.running.kill();
        self.running = stage.node(&self.arguments, &self.address);
    }
    async fn restart(&mut self, stage: &Stage) {
        self.running.terminate();
        assert_eq!(self.running.ended().await, Some(0), "{:?} ends in good order", self.arguments);
        self.running = stage.node(&self.arguments, &self.address);
        stage.ready(&self.address).await;
    }
}

/// Starts calls while nodes are killed in turn; then all are restarted one by one; then everything is left to end, and
/// both sides must tell of the same calls.
async fn calls_survive(stage: &Stage, nodes: &mut [Node], kills: u32, (organization, token): (String, String)) {
    let count = size("WIB_KILL_CALLS", 40);
    let (began, random) = (Instant::now(), SeededRandom::new(5));
    let numbers: Vec<_> = (0..count).map(|n| format!("+15005552{n:03}")).collect();
    stage.import(&organization, &numbers).await;
    let mut user = User::new(stage, token);
    let (started, killed) = (AtomicBool::new(false), AtomicU32::new(0));
    let start = async {
        for number in &numbers {
            user.start(number).await;
            nap(60).await;
        }
        started.store(true, Ordering::Relaxed);
    };
    let kill = async {
        let mut done = 0;
        while done < kills || !started.load(Ordering::Relaxed) {
            nap(between(&random, 150, 1_500)).await;
            if done % 4 == 1 {
                stage.fault("dial", 2, "reset_after_effect").await;
                stage.fault("dial", 1, "no_connection").await;
                stage.fault("record_start", 1, "reset_after_effect").await;
            }
            nodes[usize::try_from(done).unwrap() % nodes.len()].kill(stage);
            done += 1;
            killed.store(done, Ordering::Relaxed);
        }
        // A new version goes out: one after another ends in good order.
        for node in nodes.iter_mut() {
            stage.ready(&node.address).await;
            node.restart(stage).await;
        }
    };
    tokio::join!(start, kill);
    stage.door.shut.store(false, Ordering::Relaxed);
    println!("{} kills and {} restarts in {:?}", killed.load(Ordering::Relaxed), nodes.len(), began.elapsed());

    let alone = Instant::now();
    let mut exports: BTreeMap<String, Value> = BTreeMap::new();
    while exports.len() < count {
        nap(1_000).await;
        let calls = user.calls().await.unwrap_or_default();
        let over = calls.iter().filter(|(_, status)| TERMINAL.contains(&status.as_str()));
        for (id, _) in over.filter(|(id, _)| !exports.contains_key(*id)).collect::<Vec<_>>() {
            let export = user.get(&format!("calls/{id}/export")).await;
            if let Some(export) = export.filter(|e| !e["export"]["evidence"].is_null()) {
                exports.insert(id.clone(), export["export"].clone());
            }
        }
        if alone.elapsed() > PATIENCE {
            let open: Vec<_> = calls.iter().filter(|(id, _)| !exports.contains_key(*id)).collect();
            panic!("not sealed after {PATIENCE:?}: {open:?}");
        }
    }
    println!("all sealed after {:?}", began.elapsed());

    let ours: BTreeSet<_> = user.known.values().cloned().collect();
    assert_eq!(user.known.len(), count, "no call twice");
    assert_eq!(ours, numbers.iter().cloned().collect(), "no call lost");
    let dials = stage.sandbox("numbers", None).await;
    let dials: BTreeMap<_, _> =
        dials.as_object().unwrap().iter().map(|(n, c)| (n.clone(), c.as_u64().unwrap())).collect();
    assert!(dials.values().all(|count| *count == 1), "dialled more than once: {dials:?}");
    assert_eq!(dials.keys().cloned().collect::<BTreeSet<_>>(), ours, "dialled and ours");
    let theirs = stage.sandbox("calls", None).await;
    let theirs: BTreeMap<_, _> =
        theirs["calls"].as_array().unwrap().iter().map(|c| (c["to"].as_str().unwrap(), c)).collect();
    for (id, export) in &exports {
        let their = theirs[user.known[id].as_str()];
        let (kept, made) = (export["recordings"].as_array().unwrap(), their["recordings"].as_array().unwrap());
        assert_eq!(kept.len(), made.len(), "recordings of {id}: {their}");
    }
    for node in nodes.iter_mut() {
        node.running.kill();
    }
    assert_eq!(stage.printed(&["dlq", "list"]), "", "dead letters");
    let file = |name: &str| stage.data.path().join(name);
    let history = file("history.jsonl");
    let history = Path::to_str(&history).unwrap();
    stage.printed(&["evidence", "history", &organization, "--out", history]);
    assert!(stage.printed(&["evidence", "verify", history]).contains("HOLDS"));
    for id in exports.keys() {
        let file = file(&format!("{id}.json"));
        let file = Path::to_str(&file).unwrap();
        stage.printed(&["evidence", "export", id, "--out", file]);
        assert!(stage.printed(&["evidence", "verify", file]).contains("HOLDS"), "{id}");
    }
    println!("{:?} in all", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_or_dialled_twice_when_api_and_worker_are_killed_apart() {
    let mut stage = Stage::set(6).await;
    let account = signed_up(&mut stage).await;
    let places = [address(), address(), address()];
    stage.behind_the_door(vec![places[0].clone()]);
    let [api, worker, jobs] = places;
    let mut nodes = [
        Node::start(&stage, &["serve", "--api"], api),
        Node::start(&stage, &["worker"], worker),
        Node::start(&stage, &["jobs"], jobs),
    ];
    calls_survive(&stage, &mut nodes, 12, account).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_or_dialled_twice_when_three_nodes_are_killed_and_restarted_in_turn() {
    let Some(pg) = postgres_store("three nodes that are killed", Arc::new(SystemClock)).await else { return };
    let mut stage = Stage::of_nodes(7, pg.urls()).await;
    // Counters, orders of transcripts and news of the calls go by servers outside.
    let redis = Server::start("three nodes that count on Redis", Program::Redis);
    let nats = Server::start("three nodes that tell each other on NATS", Program::Nats);
    stage.settings.extend(redis.as_ref().map(|redis| ("REDIS_URL".to_owned(), redis.url("redis"))));
    stage.settings.extend(nats.as_ref().map(|nats| ("NATS_URL".to_owned(), nats.url("nats"))));
    let account = signed_up(&mut stage).await;
    let places: Vec<_> = (0..3).map(|_| address()).collect();
    stage.behind_the_door(places.clone());
    let mut nodes: Vec<_> = places.into_iter().map(|place| Node::start(&stage, &["serve"], place)).collect();
    calls_survive(&stage, &mut nodes, 12, account).await;
}
