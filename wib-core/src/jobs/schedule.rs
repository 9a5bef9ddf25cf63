//! When jobs run, who runs them, and what is known of it afterwards.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use croner::Cron;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::Instrument;

use super::{JOBS, Job, Missed, Tally};
use crate::{
    engine::{JobRun, RunOutcome, outage::Outage},
    kit::{Error, Result, time, time::Timestamp},
    wib::{System, Wib},
};

/// How long a lease lasts; it is renewed while a job runs. A node that died gives its jobs back by then.
const LEASE: Duration = Duration::from_secs(60);
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(20);
/// How long a job may run: what takes longer is stuck.
const LONGEST: Duration = Duration::from_secs(2 * 3600);
/// How often a tick is tried.
const TRIES: usize = 3;
/// The wait behind each failed try.
const WAITS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(5 * 60)];
/// How far back ticks are caught up, where each counts.
const BACK: Duration = Duration::from_secs(31 * 24 * 3600);
/// Runs that are read to decide what is due: more than [`BACK`] has, with every try.
const READ: i64 = 1000;
/// The lease of a whole tick: its jobs run one after another.
const TICK: &str = "schedule";

/// Runs jobs when they are due.
#[derive(Clone, Debug)]
pub struct Scheduler {
    wib: Wib,
    node: String,
    /// The leases that this node has.
    held: Arc<Mutex<BTreeSet<&'static str>>>,
    outage: Arc<Outage>,
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobReport {
    /// Its name.
    pub job: String,
    /// When it last began.
    pub last_run: Option<Timestamp>,
    /// When it last ended well.
    pub last_success: Option<Timestamp>,
    /// When it last failed, and why.
    pub last_error: Option<(Timestamp, String)>,
    /// What the last run did, in rows.
    pub processed: i64,
    /// Rows that failed in it.
    pub errors: i64,
    /// How long it took, in milliseconds, once it has ended.
    pub duration_ms: Option<i64>,
}

/// How a run comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// Its tick has passed.
    Due,
    /// Somebody asked for it.
    ByHand { take_over: bool },
}

impl Scheduler {
    /// A scheduler of this process.
    #[must_use]
    pub fn new(wib: &Wib) -> Self {
        let node = wib.id::<Self>().to_string();
        Self { wib: wib.clone(), node, held: Arc::default(), outage: Arc::default() }
    }
    fn held(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what is due: each job whose tick has passed since its last run, in the order of the table. Answers the runs
    /// that were made; none while another node is at it.
    ///
    /// # Errors
    /// When the database does not answer. A failing job is in its run, and stops no other.
    pub async fn tick(&self) -> Result<Vec<JobRun>> {
        self.tick_unless(|| false).await
    }

    /// A tick that begins no further job once it is told to stop.
    async fn tick_unless(&self, stopped: impl Fn() -> bool + Sync) -> Result<Vec<JobRun>> {
        let mut tx = self.wib.store.system().await?;
        if !tx.lease_job(TICK, &self.node, self.wib.now(), LEASE).await? {
            return Ok(vec![]);
        }
        tx.commit().await?;
        self.held().insert(TICK);
        let (mut runs, mut failed) = (Vec::new(), None);
        for job in JOBS {
            if stopped() {
                break;
            }
            if let Err(error) = self.catch_up(job, &mut runs).await {
                tracing::error!(job = job.name, error = error.chain(), "a job could not be run");
                failed = Some(error);
            }
        }
        let mut tx = self.wib.store.system().await?;
        tx.release_job(TICK, &self.node).await?;
        tx.commit().await?;
        self.held().remove(TICK);
        if let Some(error) = failed {
            return Err(error);
        }
        self.beat(&runs).await;
        Ok(runs)
    }

    /// Runs a job now, unless another node has it. `take_over`: the other node is known to be gone.
    ///
    /// # Errors
    /// `Invalid` for a name that is not in the table; when the database does not answer.
    pub async fn run_now(&self, name: &str, take_over: bool) -> Result<Option<JobRun>> {
        let job = JOBS.iter().find(|j| j.name == name).ok_or_else(|| Error::field("name", "is not a job"))?;
        match self.begin(job, Begin::ByHand { take_over }).await? {
            Some(run) => self.run(job, run, &[job.name]).await.map(Some),
            None => Ok(None),
        }
    }

    /// Runs a job now, unless another node has it.
    ///
    /// # Errors
    /// As [`run_now`](Self::run_now).
    pub async fn run_by_name(&self, name: &str) -> Result<Option<JobRun>> {
        self.run_now(name, false).await
    }

    /// Runs a job for its ticks that are due, each once.
    async fn catch_up(&self, job: &Job, runs: &mut Vec<JobRun>) -> Result<()> {
        // As many as can be due, and one more that says that nothing is.
        for _ in 0..READ {
            match self.begin(job, Begin::Due).await? {
                Some(run) => runs.push(self.run(job, run, &[TICK, job.name]).await?),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Takes a job and writes the run down that is due, or one by hand; `None` when nothing is, or another node has it.
    /// Whether a tick is due is decided behind the lease, so that it runs once.
    async fn begin(&self, job: &Job, how: Begin) -> Result<Option<JobRun>> {
        let now = self.wib.now();
        let mut tx = self.wib.store.system().await?;
        if how == (Begin::ByHand { take_over: true }) {
            tx.break_job(job.name).await?;
        }
        if !tx.lease_job(job.name, &self.node, now, LEASE).await? {
            return Ok(None);
        }
        let broken = tx.break_runs(job.name, now).await?;
        if broken > 0 {
            tracing::warn!(job = job.name, broken, "a node went away while it ran a job");
            metrics::counter!("wib_job_runs_total", "job" => job.name, "outcome" => RunOutcome::Broken.as_str())
                .increment(broken.unsigned_abs());
        }
        let due_at = if how != Begin::Due {
            Some(now)
        } else {
            let known = tx.last_run(job.name).await?.is_some();
            let since = ticks(job, now, known)?;
            let runs = match since {
                Some(since) => tx.runs_since(job.name, since, READ).await?,
                None => vec![],
            };
            due(job, &runs, known, now)?
        };
        let Some(due_at) = due_at else {
            tx.release_job(job.name, &self.node).await?;
            tx.commit().await?;
            return Ok(None);
        };
        let run = JobRun {
            id: self.wib.id(),
            job: job.name.to_owned(),
            node: self.node.clone(),
            due_at,
            started_at: now,
            ended_at: None,
            outcome: RunOutcome::Running,
            processed: 0,
            errors: 0,
            error: None,
        };
        tx.put_run(&run).await?;
        tx.commit().await?;
        self.held().insert(job.name);
        Ok(Some(run))
    }

    /// Does the work, and writes down what came of it.
    async fn run(&self, job: &Job, mut run: JobRun, leases: &[&str]) -> Result<JobRun> {
        let work = async { (job.work)(&self.wib, run.due_at).await };
        let span = tracing::info_span!("job", job = job.name, run = %run.id);
        let outcome = self.renewing(leases, work).instrument(span).await;
        let ended = self.wib.now();
        run.ended_at = Some(ended);
        run.outcome = match outcome {
            Ok(tally) => {
                (run.processed, run.errors) = (tally.processed, tally.errors);
                RunOutcome::Ok
            }
            Err(error) => {
                tracing::error!(job = job.name, error = error.chain(), "a job failed");
                run.error = Some(error.chain());
                RunOutcome::Failed
            }
        };
        let mut tx = self.wib.store.system().await?;
        tx.put_run(&run).await?;
        tx.release_job(job.name, &self.node).await?;
        tx.commit().await?;
        self.held().remove(job.name);
        count(job, &run);
        Ok(run)
    }

    /// The work's outcome, while its leases are renewed. Who loses one stops: another node is at it.
    async fn renewing(&self, leases: &[&str], work: impl Future<Output = Result<Tally>> + Send) -> Result<Tally> {
        let clock = &self.wib.clock;
        if clock.inline() {
            // Time stands still while work is done.
            return work.await;
        }
        let stop_at = time::after(clock.now(), LONGEST);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                outcome = &mut work => return outcome,
                () = clock.sleep_until(time::after(clock.now(), RENEW)) => {}
            }
            if clock.now() >= stop_at {
                return Err(Error::timeout("the job took too long"));
            }
            let mut tx = self.wib.store.system().await?;
            for lease in leases {
                if !tx.lease_job(lease, &self.node, clock.now(), LEASE).await? {
                    metrics::counter!("wib_job_leases_lost_total", "job" => lease.to_string()).increment(1);
                    return Err(Error::conflict("another node has taken the job over"));
                }
            }
            tx.commit().await?;
        }
    }

    async fn beat(&self, runs: &[JobRun]) {
        let Some(heartbeat) = self.wib.heartbeat() else { return };
        if runs.is_empty() || runs.iter().any(|run| run.outcome != RunOutcome::Ok) {
            return;
        }
        let word = match heartbeat.beat().await {
            Ok(()) => "ok",
            Err(error) => {
                tracing::warn!(%error, "the heartbeat was not taken");
                "failed"
            }
        };
        metrics::counter!("wib_heartbeats_total", "outcome" => word).increment(1);
    }

    /// Gives back the leases of what was left unfinished, so that another node goes on with it at once. For a process that
    /// ends: what it was at must be over.
    ///
    /// # Errors
    /// When the database does not answer; the leases then end by themselves.
    pub async fn give_back(&self) -> Result<()> {
        let held = self.held().clone();
        if held.is_empty() {
            return Ok(());
        }
        let mut tx = self.wib.store.system().await?;
        for job in held {
            tx.release_job(job, &self.node).await?;
        }
        tx.commit().await
    }

    /// Ticks every half minute until told to stop.
    pub async fn run_forever(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let tick = self.tick_unless(|| *stop.borrow()).await;
            if tick.is_ok()
                && let Some(since) = self.outage.over()
            {
                tracing::info!(%since, "the schedule is read again");
            }
            if let Err(error) = tick {
                let met = self.outage.met(self.wib.now());
                if met.tell {
                    let (times, since) = (met.times, met.since);
                    tracing::error!(error = error.chain(), times, %since, "the schedule could not be read");
                }
            }
            let next = time::after(self.wib.now(), Duration::from_secs(30));
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                () = self.wib.clock.sleep_until(next) => {}
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "times and counts below 2^53")]
fn count(job: &Job, run: &JobRun) {
    let name = job.name;
    metrics::counter!("wib_job_runs_total", "job" => name, "outcome" => run.outcome.as_str()).increment(1);
    metrics::counter!("wib_job_rows_total", "job" => name, "outcome" => "processed")
        .increment(run.processed.unsigned_abs());
    metrics::counter!("wib_job_rows_total", "job" => name, "outcome" => "failed").increment(run.errors.unsigned_abs());
    if let Some(ms) = run.duration_ms() {
        metrics::histogram!("wib_job_seconds", "job" => name).record(ms as f64 / 1000.0);
    }
    if let (RunOutcome::Ok, Some(at)) = (run.outcome, run.ended_at) {
        metrics::gauge!("wib_job_last_success_seconds", "job" => name).set(at.as_second() as f64);
    }
}

impl System {
    /// Runs of jobs, of one when named, the latest first, at most `limit` and 1000.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn job_history(&self, job: Option<&str>, limit: i64) -> Result<Vec<JobRun>> {
        self.tx().await?.history(job, None, limit.clamp(0, 1000)).await
    }

    /// What is known of each job, in the order of the table.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn job_reports(&self) -> Result<Vec<JobReport>> {
        let mut tx = self.tx().await?;
        let mut reports = Vec::with_capacity(JOBS.len());
        for job in JOBS {
            let mut newest = async |outcome| Ok::<_, Error>(tx.history(Some(job.name), outcome, 1).await?.pop());
            let last = newest(None).await?;
            let ok = newest(Some(RunOutcome::Ok)).await?;
            let failed = newest(Some(RunOutcome::Failed)).await?;
            reports.push(JobReport {
                job: job.name.to_owned(),
                last_run: last.as_ref().map(|run| run.started_at),
                last_success: ok.and_then(|run| run.ended_at),
                last_error: failed.and_then(|run| Some((run.ended_at?, run.error?))),
                processed: last.as_ref().map_or(0, |run| run.processed),
                errors: last.as_ref().map_or(0, |run| run.errors),
                duration_ms: last.as_ref().and_then(JobRun::duration_ms),
            });
        }
        Ok(reports)
    }
}

fn cron(job: &Job) -> Result<Cron> {
    job.cron.parse().map_err(|e| Error::internal("a schedule cannot be read").because(format!("{e}")))
}

/// The latest tick that is not after `now`.
fn tick_before(cron: &Cron, now: Timestamp) -> Result<Timestamp> {
    let at = now.to_zoned(TimeZone::UTC);
    let tick = cron.find_previous_occurrence(&at, true);
    Ok(tick.map_err(|e| Error::internal("a schedule has no tick").because(format!("{e}")))?.timestamp())
}

/// How long it is from a job's latest tick to the one before.
pub(crate) fn interval(job: &Job, now: Timestamp) -> Result<Duration> {
    let cron = cron(job)?;
    let latest = tick_before(&cron, now)?;
    let before = tick_before(&cron, time::before(latest, Duration::from_micros(1)))?;
    Ok(Duration::try_from(latest.duration_since(before)).unwrap_or_default())
}

/// From when on runs of a job matter.
fn ticks(job: &Job, now: Timestamp, known: bool) -> Result<Option<Timestamp>> {
    match job.missed {
        Missed::Each if known => Ok(Some(time::before(now, BACK))),
        _ => Ok(Some(tick_before(&cron(job)?, now)?)),
    }
}

/// The tick that a job is to be run for now, the longest missed first.
///
/// A tick is done by a run for it, or by a later one; but not by one that is later than now: that was made by a clock that
/// went ahead, and must not hold the job up until then.
fn due(job: &Job, runs: &[JobRun], known: bool, now: Timestamp) -> Result<Option<Timestamp>> {
    let cron = cron(job)?;
    let latest = tick_before(&cron, now)?;
    let mut wanted = vec![latest];
    if job.missed == Missed::Each && known {
        // A job has missed nothing before its first run.
        let first = runs.iter().map(|run| run.due_at).min().unwrap_or(time::before(now, BACK));
        let mut tick = latest;
        while let Ok(earlier) = tick.checked_sub(Duration::from_micros(1)) {
            tick = tick_before(&cron, earlier)?;
            if tick < first || tick < time::before(now, BACK) {
                break;
            }
            wanted.push(tick);
        }
        wanted.reverse();
    }
    let done = |tick: Timestamp| {
        runs.iter()
            .filter(|run| run.outcome == RunOutcome::Ok)
            .any(|run| run.due_at == tick || (job.missed == Missed::Latest && tick <= run.due_at && run.due_at <= now))
    };
    let patience = |tick: Timestamp| {
        let tries: Vec<_> = runs.iter().filter(|run| run.due_at == tick && run.outcome != RunOutcome::Ok).collect();
        // Whoever takes over from a node that died has waited for its lease.
        let over = |run: &JobRun| if run.outcome == RunOutcome::Broken { Some(run.started_at) } else { run.ended_at };
        let Some(last) = tries.iter().filter_map(|run| over(run)).max() else { return true };
        // A clock that was set back must not make it wait for longer than it would have.
        let wait = WAITS.get(tries.len() - 1).copied().unwrap_or(WAITS[1]);
        tries.len() < TRIES && (last > now || time::after(last, wait) <= now)
    };
    Ok(wanted.into_iter().find(|tick| !done(*tick) && patience(*tick)))
}
