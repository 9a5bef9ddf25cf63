//! The promise about crashes: a server that is killed while it carries calls loses none and dials none twice.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use wib_core::kit::{Random, SeededRandom};

use crate::processes::{Running, Stage, TERMINAL, User, nap};

const CALLS: usize = 200;
const KILLS: u32 = 12;
/// How long the server may take to finish once it is left alone.
const PATIENCE: Duration = Duration::from_secs(240);

/// Dials whose outcome was asked for, by server, of those that are gone too.
type Recovered = Mutex<BTreeMap<u32, u64>>;

/// Kills and restarts the server until all calls are started, and often enough; how often, and the server that is left.
async fn kill(
    stage: &Stage,
    mut server: Running,
    random: &SeededRandom,
    started: &AtomicBool,
    recovered: &Recovered,
) -> (u32, Running) {
    let between = |low: u64, high: u64| low + (random as &dyn Random).below(high - low);
    let mut kills = 0;
    while kills < KILLS || !started.load(Ordering::Relaxed) {
        nap(if kills % 4 == 3 { between(4_000, 8_000) } else { between(100, 2_000) }).await;
        note_recovered(stage, kills, recovered).await;
        server.kill();
        kills += 1;
        match kills {
            // Longer than the vendor remembers which commands it has seen.
            5 | 9 => _ = stage.sandbox("clock", Some(json!({"advance_seconds": between(61, 91)}))).await,
            1 | 4 | 7 | 10 => {
                stage.fault("dial", 3, "reset_after_effect").await;
                stage.fault("dial", 1, "timeout_after_effect").await;
                stage.fault("dial", 1, "garbled_after_effect").await;
                stage.fault("dial", 1, "no_connection").await;
                // A search is tried three times: this one fails whole.
                stage.fault("active_calls", 3, "status").await;
                stage.fault("record_start", 1, "reset_after_effect").await;
            }
            _ => {}
        }
        server = stage.serve();
    }
    (kills, server)
}

async fn note_recovered(stage: &Stage, life: u32, recovered: &Recovered) {
    let asked = stage.ask(Method::GET, format!("{}/metrics", stage.server), "", None).await;
    let Ok((_, Value::String(text))) = asked else { return };
    let line = text.lines().find_map(|line| line.strip_prefix("wib_dials_recovered_total "));
    let count = line.and_then(|n| n.parse().ok()).unwrap_or(0);
    recovered.lock().unwrap().insert(life, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_or_dialled_twice_however_often_the_server_is_killed() {
    let seed = std::env::var("WIB_KILL_SEED").map_or(1, |text| text.parse().unwrap());
    println!("WIB_KILL_SEED={seed}");
    let began = Instant::now();
    let (stage, random, recovered) = (Stage::set(seed).await, SeededRandom::new(seed), Recovered::default());
    let server = stage.serve();
    stage.up().await;
    let (organization, token) = stage.sign_up().await;
    let numbers: Vec<_> = (0..CALLS).map(|n| format!("+15005551{n:03}")).collect();
    stage.import(&organization, &numbers).await;

    let mut user = User::new(&stage, token);
    let started = AtomicBool::new(false);
    let start = async {
        for number in &numbers {
            user.start(number).await;
            nap(60).await;
        }
        started.store(true, Ordering::Relaxed);
    };
    let ((kills, mut server), ()) = tokio::join!(kill(&stage, server, &random, &started, &recovered), start);
    stage.door.shut.store(false, Ordering::Relaxed);
    println!("{kills} kills in {:?}", began.elapsed());

    // Left alone, the server finishes everything.
    let alone = Instant::now();
    let mut exports: BTreeMap<String, Value> = BTreeMap::new();
    while exports.len() < CALLS {
        nap(1_000).await;
        let calls = user.calls().await.unwrap_or_default();
        let over = calls.iter().filter(|(_, status)| TERMINAL.contains(&status.as_str()));
        for (id, _) in over.filter(|(id, _)| !exports.contains_key(*id)).collect::<Vec<_>>() {
            if let Some(export) =
                user.get(&format!("calls/{id}/export")).await.filter(|e| !e["export"]["evidence"].is_null())
            {
                exports.insert(id.clone(), export["export"].clone());
            }
        }
        if alone.elapsed() > PATIENCE {
            let open: Vec<_> = calls.iter().filter(|(id, _)| !exports.contains_key(*id)).collect();
            panic!("not sealed after {PATIENCE:?}: {open:?}");
        }
    }
    note_recovered(&stage, kills, &recovered).await;
    let recovered: u64 = recovered.lock().unwrap().values().sum();
    println!("all sealed after {:?}; {recovered} dials were found at the vendor", began.elapsed());

    // None lost, none twice: both sides have the same two hundred calls.
    let calls = user.calls().await.unwrap();
    assert_eq!(calls.len(), CALLS);
    assert!(calls.values().all(|status| TERMINAL.contains(&status.as_str())), "{calls:?}");
    let ours: BTreeSet<_> = user.known.values().cloned().collect();
    assert_eq!(ours, numbers.iter().cloned().collect());
    let dials: BTreeMap<String, u64> = stage
        .sandbox("numbers", None)
        .await
        .as_object()
        .unwrap()
        .iter()
        .map(|(n, c)| (n.clone(), c.as_u64().unwrap()))
        .collect();
    let twice: Vec<_> = dials.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "dialled more than once: {twice:?}");
    assert_eq!(dials.keys().cloned().collect::<BTreeSet<_>>(), ours, "dialled and ours");
    let theirs = stage.sandbox("calls", None).await;
    let theirs: BTreeMap<_, _> =
        theirs["calls"].as_array().unwrap().iter().map(|c| (c["to"].as_str().unwrap(), c)).collect();
    for (id, export) in &exports {
        let (their, events) = (theirs[user.known[id].as_str()], export["timeline"].as_array().unwrap());
        // No refusal was ordered.
        assert!(events.iter().all(|e| e["event_type"] != "call.not_placed"), "{id} was not placed: {events:?}");
        assert_eq!(export["call"]["answered_at"].is_null(), their["answered_at"].is_null(), "{id}: {their}");
        let kept = export["recordings"].as_array().unwrap().len();
        assert_eq!(kept, their["recordings"].as_array().unwrap().len(), "recordings of {id}: {their}");
    }

    // The database, as the last kill left it, holds.
    server.kill();
    assert_eq!(stage.printed(&["dlq", "list"]), "", "dead letters");
    let chain = stage.printed(&["evidence", "chain", &organization]);
    // A link for every call; what came late, and the audit log, have links of their own. A fault would have ended it.
    let links: usize = chain.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default();
    assert!(links >= CALLS, "{chain}");
    for id in exports.keys().step_by(40) {
        let file = stage.data.path().join(format!("{id}.json"));
        let file = Path::to_str(&file).unwrap();
        stage.printed(&["evidence", "export", id, "--out", file]);
        assert!(stage.printed(&["evidence", "verify", file]).contains("HOLDS"));
    }
    println!("{:?} in all", began.elapsed());
}
