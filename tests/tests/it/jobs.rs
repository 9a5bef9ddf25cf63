//! The schedule: in UTC, each tick once, on one node, whatever clocks and nodes do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, atomic::AtomicU32, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use wib_core::{
    Wib,
    calls::Call,
    engine::{JobRun, RunOutcome, Scheduler},
    jobs::JOBS,
    kit::{Clock, Id, Timestamp, VirtualClock, time},
    ports::{Heartbeat, VendorError},
    store::Store,
};
use wib_storage::testing::{memory_store, postgres_store, raw};

use crate::stage::{Stage, at};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// A clock that is set by hand, backwards too.
#[derive(Debug)]
struct Wound(Mutex<Timestamp>);
impl Wound {
    fn set(&self, to: &str) {
        *self.0.lock().unwrap() = at(to);
    }
}
#[async_trait]
impl Clock for Wound {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    async fn sleep_until(&self, to: Timestamp) {
        *self.0.lock().unwrap() = to;
    }
    fn inline(&self) -> bool {
        true
    }
}

/// Counts beats.
#[derive(Debug, Default)]
struct Heart(AtomicU32);
#[async_trait]
impl Heartbeat for Heart {
    async fn beat(&self) -> Result<(), VendorError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn of<'r>(runs: &'r [JobRun], job: &str) -> Vec<&'r JobRun> {
    runs.iter().filter(|run| run.job == job).collect()
}
fn dues(runs: &[JobRun], job: &str) -> Vec<String> {
    of(runs, job).iter().map(|run| run.due_at.to_string()).collect()
}
async fn tick(wib: &Wib) -> Vec<JobRun> {
    Scheduler::new(wib).tick().await.unwrap()
}

#[test]
fn the_seven_jobs_have_their_four_schedules() {
    let seven: BTreeMap<_, _> = [
        ("retry_transcriptions", "*/5 * * * *"),
        ("cleanup_sessions", "0 * * * *"),
        ("flush_audit_dlq", "0 * * * *"),
        ("aggregate_usage", "0 0 * * *"),
        ("process_payments", "0 6 * * *"),
        ("dunning_escalation", "0 6 * * *"),
        ("prevention_scan", "0 6 * * *"),
    ]
    .into();
    let table: BTreeMap<_, _> = JOBS.iter().map(|job| (job.name, job.cron)).collect();
    for (job, cron) in &seven {
        assert_eq!(table.get(job), Some(cron), "{job}");
    }
    let order: Vec<_> = JOBS.iter().map(|job| job.name).filter(|name| seven.contains_key(name)).collect();
    assert_eq!(order.last(), Some(&"prevention_scan"));
    assert!(
        order.iter().position(|n| *n == "process_payments") < order.iter().position(|n| *n == "dunning_escalation")
    );
}

#[tokio::test]
async fn no_change_of_a_local_clock_moves_or_doubles_a_tick() {
    // The days on which the United States and Europe set their clocks, either way.
    for start in ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"] {
        let stage = Stage::from(&format!("{start}T00:00:00Z"), 1).await;
        let mut runs = vec![];
        for _ in 0..=48 {
            runs.extend(tick(&stage.wib).await);
            stage.pass(HOUR / 2);
        }
        let days = [start.parse::<wib_core::kit::time::Date>().unwrap()];
        let next = days[0].tomorrow().unwrap();
        let hours: Vec<_> =
            (0..24).map(|hour| format!("{start}T{hour:02}:00:00Z")).chain([format!("{next}T00:00:00Z")]).collect();
        assert_eq!(dues(&runs, "cleanup_sessions"), hours);
        assert_eq!(dues(&runs, "flush_audit_dlq"), hours);
        assert_eq!(dues(&runs, "aggregate_usage"), [hours[0].clone(), hours[24].clone()]);
        // The first one is of the day before: a job that never ran is due at its latest tick.
        let sixes = dues(&runs, "process_payments");
        assert_eq!(sixes.last(), Some(&format!("{start}T06:00:00Z")));
        assert_eq!(sixes.len(), 2);
        let ticks: Vec<_> = runs.iter().map(|run| (run.job.as_str(), run.due_at)).collect();
        assert_eq!(ticks.iter().collect::<BTreeSet<_>>().len(), ticks.len(), "each tick once");
    }
}

#[tokio::test]
async fn the_jobs_of_a_tick_run_in_the_order_of_the_table() {
    let stage = Stage::from("2026-06-01T05:59:00Z", 1).await;
    tick(&stage.wib).await;
    stage.pass(120);
    let runs = tick(&stage.wib).await;
    let names: Vec<_> = runs.iter().map(|run| run.job.as_str()).collect();
    let table: Vec<_> = JOBS.iter().map(|job| job.name).filter(|name| names.contains(name)).collect();
    assert_eq!(names, table);
    assert!(names.ends_with(&["process_payments", "dunning_escalation", "prevention_scan"]), "{names:?}");
    assert!(runs.is_sorted_by_key(|run| run.started_at));
    assert!(runs.iter().all(|run| run.outcome == RunOutcome::Ok && run.errors == 0), "{runs:?}");
}

/// A call of that time, of so many seconds.
async fn call(stage: &Stage, made: Timestamp, seconds: u64) {
    let account = stage.account("+15005550001").await;
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let text = serde_json::json!({
        "id": Id::<Call>::new(made, &*stage.random), "organization_id": stage.org.id(), "person_id": account.person_id,
        "account_id": account.id, "direction": "outbound", "from_number": "+13125550100", "to_number": "+15005550001",
        "flow_type": "direct", "technology": "manual", "purpose": "collection", "status": "completed",
        "vendor": "telnyx", "live": false, "facts": wib_core::calls::CallFacts::default(), "verdict_id": null,
        "record": true, "transcribe": true, "translate_to": null, "listen": null, "answered_at": made,
        "ended_at": time::after(made, Duration::from_secs(seconds)), "answered_by": null, "hangup_cause": null,
        "created_by": null, "created_at": made, "updated_at": made,
    });
    let call: Call = serde_json::from_value(text).unwrap();
    tx.insert(&call).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn every_missed_day_is_added_up_for_itself_and_other_jobs_run_once() {
    let stage = Stage::from("2026-06-01T10:00:00Z", 1).await;
    tick(&stage.wib).await;
    for (day, seconds) in [(1, 10), (2, 20), (2, 30), (4, 40), (5, 50)] {
        call(&stage, at(&format!("2026-06-0{day}T23:59:59Z")), seconds).await;
    }
    // Nobody was there for four days.
    stage.pass(4 * DAY);
    let runs = tick(&stage.wib).await;
    let expected: Vec<_> = (2..=5).map(|day| format!("2026-06-0{day}T00:00:00Z")).collect();
    assert_eq!(dues(&runs, "aggregate_usage"), expected);
    assert_eq!(dues(&runs, "process_payments"), ["2026-06-05T06:00:00Z"]);
    assert_eq!(dues(&runs, "cleanup_sessions"), ["2026-06-05T10:00:00Z"]);
    let (from, to) = ("2026-06-01".parse().unwrap(), "2026-06-30".parse().unwrap());
    let kept = stage.org.usage_stats(from, to).await.unwrap();
    let kept: Vec<_> = kept.iter().map(|s| (s.day.to_string(), s.total_calls, s.total_duration_seconds)).collect();
    let expected = [("2026-06-01", 1, 10), ("2026-06-02", 2, 50), ("2026-06-04", 1, 40)];
    assert_eq!(kept, expected.map(|(day, calls, seconds)| (day.to_owned(), calls, seconds)));
    assert!(tick(&stage.wib).await.is_empty(), "nothing is due any more");
    // Added up again by hand it is the same, and the day of the tick alone.
    Scheduler::new(&stage.wib).run_by_name("aggregate_usage").await.unwrap().unwrap();
    assert_eq!(stage.org.usage_stats(from, to).await.unwrap().len(), 3);
    stage.pass(DAY);
    let runs = tick(&stage.wib).await;
    assert_eq!(dues(&runs, "aggregate_usage"), ["2026-06-06T00:00:00Z"]);
    assert_eq!(stage.org.usage_stats(from, to).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_clock_that_is_set_back_doubles_no_tick_and_one_that_went_ahead_holds_none_up() {
    let clock = Arc::new(Wound(Mutex::new(at("2026-06-01T05:50:00Z"))));
    let wound = clock.clone();
    let stage = Stage::with("2026-06-01T05:50:00Z", 1, |builder, _| builder.clock(wound)).await;
    tick(&stage.wib).await;
    let (seen, paid) = (Mutex::new(BTreeSet::new()), Mutex::new(Vec::<String>::new()));
    let go = async |to: &str| {
        clock.set(to);
        let runs = tick(&stage.wib).await;
        for run in &runs {
            let new = seen.lock().unwrap().insert((run.job.clone(), run.due_at));
            assert!(new, "{} ran twice for {}", run.job, run.due_at);
        }
        paid.lock().unwrap().extend(dues(&runs, "process_payments"));
    };
    let last = || paid.lock().unwrap().last().cloned().unwrap();
    go("2026-06-01T06:10:00Z").await;
    go("2026-06-01T05:10:00Z").await;
    go("2026-06-01T06:01:00Z").await;
    go("2026-05-31T06:01:00Z").await;
    go("2026-06-01T06:02:00Z").await;
    assert_eq!(paid.lock().unwrap().iter().filter(|due| *due == "2026-06-01T06:00:00Z").count(), 1);
    // Four years ahead, and back again.
    go("2030-06-01T07:00:00Z").await;
    assert_eq!(last(), "2030-06-01T06:00:00Z");
    go("2026-06-02T06:03:00Z").await;
    assert_eq!(last(), "2026-06-02T06:00:00Z", "it waits for no year to come");
    go("2026-06-03T06:03:00Z").await;
    assert_eq!(last(), "2026-06-03T06:00:00Z");
    // A lease of the time ahead holds nobody up either.
    let mut tx = stage.store.system().await.unwrap();
    let ahead = at("2030-06-01T07:00:00Z");
    assert!(tx.lease_job("process_payments", "gone", ahead, Duration::from_secs(300)).await.unwrap());
    tx.commit().await.unwrap();
    go("2026-06-04T06:03:00Z").await;
    assert_eq!(last(), "2026-06-04T06:00:00Z");
}

/// Two schedulers on one store, always at the same time.
async fn two_schedulers(store: Arc<dyn Store>, clock: Arc<VirtualClock>) {
    let stage = Stage::on(store, clock, 1, |builder, _| builder).await;
    let (one, two) = (Scheduler::new(&stage.wib), Scheduler::new(&stage.wib));
    let mut seen = BTreeSet::new();
    for _ in 0..14 {
        let (first, second) = tokio::join!(one.tick(), two.tick());
        for run in first.unwrap().into_iter().chain(second.unwrap()) {
            assert_eq!(run.outcome, RunOutcome::Ok);
            assert!(seen.insert((run.job.clone(), run.due_at)), "{} ran twice for {}", run.job, run.due_at);
        }
        stage.pass(5 * 60);
    }
    let often = seen.iter().filter(|(job, _)| job == "retry_transcriptions").count();
    assert_eq!(often, 14, "and every tick ran");
}

#[tokio::test]
async fn two_schedulers_run_each_tick_once_on_sqlite() {
    let clock = Arc::new(VirtualClock::new(at("2026-06-01T05:30:00Z")));
    two_schedulers(Arc::new(memory_store(clock.clone()).await), clock).await;
}
#[tokio::test]
async fn two_schedulers_run_each_tick_once_on_postgresql() {
    let clock = Arc::new(VirtualClock::new(at("2026-06-01T05:30:00Z")));
    let Some(store) = postgres_store("two_schedulers_run_each_tick_once_on_postgresql", clock.clone()).await else {
        return;
    };
    two_schedulers(Arc::new(store), clock).await;
}

/// What a node that died in the middle of a job leaves behind.
async fn a_dead_node(stage: &Stage, job: &str, due: &str) -> JobRun {
    let run = JobRun {
        id: stage.id(),
        job: job.to_owned(),
        node: "dead".to_owned(),
        due_at: at(due),
        started_at: stage.now(),
        ended_at: None,
        outcome: RunOutcome::Running,
        processed: 0,
        errors: 0,
        error: None,
    };
    let mut tx = stage.store.system().await.unwrap();
    for lease in ["schedule", job] {
        assert!(tx.lease_job(lease, "dead", stage.now(), Duration::from_secs(60)).await.unwrap());
    }
    tx.put_run(&run).await.unwrap();
    tx.commit().await.unwrap();
    run
}

async fn taken_over(store: Arc<dyn Store>, clock: Arc<VirtualClock>) {
    let stage = Stage::on(store, clock, 1, |builder, _| builder).await;
    tick(&stage.wib).await;
    stage.pass(60);
    let dead = a_dead_node(&stage, "process_payments", "2026-06-01T06:00:00Z").await;
    assert!(tick(&stage.wib).await.is_empty(), "its lease holds");
    assert_eq!(Scheduler::new(&stage.wib).run_by_name("process_payments").await.unwrap(), None);
    stage.pass(59);
    assert!(tick(&stage.wib).await.is_empty());
    stage.pass(1);
    let runs = tick(&stage.wib).await;
    assert_eq!(dues(&runs, "process_payments"), ["2026-06-01T06:00:00Z"], "the same tick, by another");
    let history = stage.wib.system().job_history(Some("process_payments"), 9).await.unwrap();
    let broken = history.iter().find(|run| run.id == dead.id).unwrap();
    assert_eq!((broken.outcome, broken.node.as_str()), (RunOutcome::Broken, "dead"));
    assert!(broken.error.is_some() && broken.ended_at.is_some());
    // An operator who knows that a node is gone need not wait.
    a_dead_node(&stage, "prevention_scan", "2026-06-01T06:00:00Z").await;
    let scheduler = Scheduler::new(&stage.wib);
    assert_eq!(scheduler.run_now("prevention_scan", false).await.unwrap(), None);
    assert_eq!(scheduler.run_now("prevention_scan", true).await.unwrap().unwrap().outcome, RunOutcome::Ok);
}

#[tokio::test]
async fn a_node_that_dies_in_the_middle_of_a_job_is_taken_over_on_sqlite() {
    let clock = Arc::new(VirtualClock::new(at("2026-06-01T05:59:30Z")));
    taken_over(Arc::new(memory_store(clock.clone()).await), clock).await;
}
#[tokio::test]
async fn a_node_that_dies_in_the_middle_of_a_job_is_taken_over_on_postgresql() {
    let clock = Arc::new(VirtualClock::new(at("2026-06-01T05:59:30Z")));
    let name = "a_node_that_dies_in_the_middle_of_a_job_is_taken_over_on_postgresql";
    let Some(store) = postgres_store(name, clock.clone()).await else { return };
    taken_over(Arc::new(store), clock).await;
}

#[tokio::test]
async fn a_failing_job_stops_no_other_is_tried_three_times_and_silences_the_heart() {
    let clock = Arc::new(VirtualClock::new(at("2026-06-01T05:59:30Z")));
    let store = Arc::new(memory_store(clock.clone()).await);
    let heart = Arc::new(Heart::default());
    let beats = heart.clone();
    let stage = Stage::on(store.clone(), clock, 1, |builder, _| builder.heartbeat(beats)).await;
    tick(&stage.wib).await;
    assert_eq!(heart.0.load(Ordering::Relaxed), 1);
    assert!(tick(&stage.wib).await.is_empty());
    assert_eq!(heart.0.load(Ordering::Relaxed), 1, "nothing ran, and nothing is told");
    raw(&store, "ALTER TABLE sessions RENAME TO mislaid").await.unwrap();
    stage.pass(60);
    let runs = tick(&stage.wib).await;
    let failed: Vec<_> = runs.iter().filter(|run| run.outcome == RunOutcome::Failed).collect();
    assert_eq!(failed.iter().map(|run| run.job.as_str()).collect::<Vec<_>>(), ["cleanup_sessions"]);
    assert!(failed[0].error.is_some());
    assert!(of(&runs, "flush_audit_dlq")[0].outcome == RunOutcome::Ok, "what comes behind it ran");
    assert_eq!(of(&runs, "process_payments").len(), 1);
    assert_eq!(heart.0.load(Ordering::Relaxed), 1);
    // After a minute and after five, then not before the next tick.
    let mut tries = vec![];
    for minute in 1..60 {
        stage.pass(60);
        tries.extend(of(&tick(&stage.wib).await, "cleanup_sessions").iter().map(|_| minute));
    }
    assert_eq!(tries, [1, 6], "two tries more");
    raw(&store, "ALTER TABLE mislaid RENAME TO sessions").await.unwrap();
    stage.pass(60);
    let runs = tick(&stage.wib).await;
    assert_eq!(of(&runs, "cleanup_sessions")[0].outcome, RunOutcome::Ok, "the next tick");
    let report = stage.wib.system().job_reports().await.unwrap();
    let report = report.iter().find(|report| report.job == "cleanup_sessions").unwrap();
    assert_eq!(report.last_success, report.last_run);
    assert_eq!(report.last_error.as_ref().unwrap().0, at("2026-06-01T06:06:30Z"));
    assert_eq!((report.errors, report.duration_ms), (0, Some(0)));
}
