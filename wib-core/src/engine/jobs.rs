//! Scheduled jobs: one node at a time, by a lease that is renewed while the job runs; a missed tick runs once on recovery;
//! a tick whose node died is finished by another, as the same run; a failing job stops no other.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use croner::Cron;
use jiff::tz::TimeZone;
use tokio::sync::watch;
use tracing::Instrument;

use super::{JobRun, outage::Outage};
use crate::{
    audit, evidence,
    kit::{Error, Result, time, time::Timestamp},
    retention,
    wib::Wib,
};

/// A job of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// When it runs, in UTC.
    pub cron: &'static str,
    /// What it is for.
    pub purpose: &'static str,
}

/// Every job there is.
pub const JOBS: &[Job] = &[
    Job {
        name: "cleanup_sessions",
        cron: "0 * * * *",
        purpose: "removes sessions and one-time tokens that have ended",
    },
    Job {
        name: "publish_checkpoints",
        cron: "*/5 * * * *",
        purpose: "has the newest checkpoint of each organisation stamped and witnessed outside",
    },
    Job {
        name: "purge_queue",
        cron: "30 3 * * *",
        purpose: "removes messages and inbox events that were done a month ago",
    },
    Job {
        name: "seal_audit",
        cron: "*/10 * * * *",
        purpose: "seals new lines of the audit log into the evidence chain",
    },
    Job {
        name: "apply_retention",
        cron: "30 4 * * *",
        purpose: "deletes what no law, hold or wish keeps any longer, where an organisation asks for it",
    },
];

/// Done messages and applied events are kept this long, so that late repeats are known.
const KEEP: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a job is a node's. A node that died gives its job back by then.
const LEASE: Duration = Duration::from_secs(60);
/// How often the lease of a job under way is renewed.
const RENEW: Duration = Duration::from_secs(20);
/// What the run of a dead node is ended with, when a later tick is due already.
const LEFT: &str = "its node ended before it did";

/// Runs jobs when they are due.
#[derive(Clone, Debug)]
pub struct Scheduler {
    wib: Wib,
    node: String,
    /// The jobs that this node is at.
    held: Arc<Mutex<BTreeSet<&'static str>>>,
    outage: Arc<Outage>,
}

impl Scheduler {
    /// A scheduler of this process.
    #[must_use]
    pub fn new(wib: &Wib) -> Self {
        let node = wib.id::<Scheduler>().to_string();
        Self { wib: wib.clone(), node, held: Arc::default(), outage: Arc::default() }
    }

    /// Runs every job whose tick has passed since its last run, each once, however many ticks were missed. Answers the
    /// runs that were made.
    ///
    /// # Errors
    /// When the database does not answer. A failing job is in its run.
    pub async fn tick(&self) -> Result<Vec<JobRun>> {
        self.tick_unless(|| false).await
    }

    /// A tick that begins no further job once it is told to stop.
    async fn tick_unless(&self, stopped: impl Fn() -> bool) -> Result<Vec<JobRun>> {
        let mut runs = Vec::new();
        for job in JOBS {
            if stopped() {
                break;
            }
            let now = self.wib.now();
            let last = self.wib.store.system().await?.last_run(job.name).await?;
            let since = match last {
                // A job that never ran is due at its first tick after today's midnight, not at the beginning of time.
                None => time::before(now, Duration::from_secs(24 * 3600)),
                // Under way, or left by a node that died: its lease tells, and its own tick is due still.
                Some(run) if run.ended_at.is_none() => time::before(run.due_at, Duration::from_micros(1)),
                Some(run) => run.due_at,
            };
            if let Some(due) = last_tick(job.cron, since, now)? {
                runs.extend(self.run(job, due, true).await?);
            }
        }
        Ok(runs)
    }

    /// Runs a job now, unless another node has it.
    ///
    /// # Errors
    /// `Invalid` for a name that is not in the table.
    pub async fn run_by_name(&self, name: &str) -> Result<Option<JobRun>> {
        let job = JOBS.iter().find(|j| j.name == name).ok_or_else(|| Error::field("name", "is not a job"))?;
        self.run(job, self.wib.now(), false).await
    }

    async fn run(&self, job: &Job, due_at: Timestamp, scheduled: bool) -> Result<Option<JobRun>> {
        let started_at = self.wib.now();
        let mut tx = self.wib.store.system().await?;
        if !tx.lease_job(job.name, &self.node, started_at, LEASE).await? {
            return Ok(None);
        }
        // Another node may have run the tick between the look at it and the lease: under the lease it is looked at again.
        let last = tx.last_run(job.name).await?;
        let mut left = None;
        match last {
            Some(run) if run.ended_at.is_none() && run.due_at == due_at => left = Some(run),
            Some(run) if run.ended_at.is_none() => {
                let ended = JobRun { ended_at: Some(started_at), error: Some(LEFT.to_owned()), ..run };
                tx.put_run(&ended).await?;
            }
            Some(run) if scheduled && run.due_at >= due_at => return Ok(None),
            _ => {}
        }
        let mut run = left.unwrap_or_else(|| JobRun {
            id: self.wib.id(),
            job: job.name.to_owned(),
            due_at,
            started_at,
            ended_at: None,
            processed: 0,
            error: None,
        });
        tx.put_run(&run).await?;
        tx.commit().await?;
        self.held().insert(job.name);
        let span = tracing::info_span!("job", job = job.name, run = %run.id);
        let outcome = self.renewing(job.name, self.work(job.name)).instrument(span).await;
        run.ended_at = Some(self.wib.now());
        match outcome {
            Ok(processed) => run.processed = processed,
            Err(error) => {
                tracing::error!(job = job.name, error = error.chain(), "a job failed");
                run.error = Some(error.chain());
            }
        }
        let word = if run.error.is_none() { "ok" } else { "failed" };
        metrics::counter!("wib_job_runs_total", "job" => job.name, "outcome" => word).increment(1);
        let took = run.ended_at.and_then(|ended| Duration::try_from(ended.duration_since(started_at)).ok());
        metrics::histogram!("wib_job_seconds", "job" => job.name).record(took.unwrap_or_default().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age have room")]
        metrics::gauge!("wib_job_last_run_timestamp_seconds", "job" => job.name).set(started_at.as_second() as f64);
        let mut tx = self.wib.store.system().await?;
        tx.put_run(&run).await?;
        tx.release_job(job.name, &self.node).await?;
        tx.commit().await?;
        self.held().remove(job.name);
        Ok(Some(run))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work's outcome; meanwhile the lease is renewed, beside the work: both may want the only connection.
    async fn renewing<T>(&self, job: &'static str, work: impl Future<Output = T> + Send) -> T {
        // A clock that is moved by hand has one task at a time, and whoever sleeps on it moves it.
        if self.wib.clock.inline() {
            return work.await;
        }
        let renewals = async {
            loop {
                self.wib.clock.sleep_until(time::after(self.wib.now(), RENEW)).await;
                match self.renew(job).await {
                    Ok(true) => {}
                    Ok(false) => {
                        metrics::counter!("wib_job_leases_lost_total", "job" => job).increment(1);
                        tracing::warn!(job, "the lease of a job under way went to another node");
                    }
                    Err(error) => tracing::warn!(job, error = error.chain(), "the lease of a job could not be renewed"),
                }
            }
        };
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = renewals => unreachable!("renewing ends with the work"),
        }
    }

    async fn renew(&self, job: &str) -> Result<bool> {
        let mut tx = self.wib.store.system().await?;
        let renewed = tx.lease_job(job, &self.node, self.wib.now(), LEASE).await?;
        tx.commit().await?;
        Ok(renewed)
    }

    /// Gives back the leases of jobs that were left unfinished, so that another node goes on with them at once. For a
    /// process that ends: what it was at must be over.
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

    async fn work(&self, name: &str) -> Result<i64> {
        // It asks outsiders, and so holds no transaction meanwhile.
        if name == "publish_checkpoints" {
            return evidence::publish_checkpoints(&self.wib).await;
        }
        let now = self.wib.now();
        match name {
            "seal_audit" => return audit::seal_all(&self.wib).await,
            "apply_retention" => return retention::apply_all(&self.wib).await,
            _ => {}
        }
        let mut tx = self.wib.store.system().await?;
        let processed = match name {
            "cleanup_sessions" => tx.delete_expired(now).await?,
            "purge_queue" => tx.purge(time::before(now, KEEP)).await?,
            _ => return Err(Error::internal(format!("the job {name} has no body"))),
        };
        tx.commit().await?;
        Ok(processed)
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

/// The latest tick after `since` that is not after `now`.
fn last_tick(cron: &str, since: Timestamp, now: Timestamp) -> Result<Option<Timestamp>> {
    let cron: Cron = cron.parse().map_err(|e| Error::internal("a schedule cannot be read").because(format!("{e}")))?;
    let at = now.to_zoned(TimeZone::UTC);
    let tick = cron
        .find_previous_occurrence(&at, true)
        .map_err(|e| Error::internal("a schedule has no tick").because(format!("{e}")))?
        .timestamp();
    Ok(Some(tick).filter(|t| *t > since))
}
