//! Scheduled jobs: one node at a time, by a lease; a missed tick runs once on recovery; a failing job stops no other.

use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::JobRun;
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
/// Longer than any job takes; a node that died gives its job back by then.
const LEASE: Duration = Duration::from_secs(15 * 60);

/// Runs jobs when they are due.
#[derive(Clone, Debug)]
pub struct Scheduler {
    wib: Wib,
    node: String,
}

impl Scheduler {
    /// A scheduler of this process.
    #[must_use]
    pub fn new(wib: &Wib) -> Self {
        let node = wib.id::<Scheduler>().to_string();
        Self { wib: wib.clone(), node }
    }

    /// Runs every job whose tick has passed since its last run, each once, however many ticks were missed. Answers the
    /// runs that were made.
    ///
    /// # Errors
    /// When the database does not answer. A failing job is in its run.
    pub async fn tick(&self) -> Result<Vec<JobRun>> {
        let mut runs = Vec::new();
        for job in JOBS {
            let now = self.wib.now();
            let last = self.wib.store.system().await?.last_run(job.name).await?;
            // A job that never ran is due at its first tick after today's midnight, not at the beginning of time.
            let since = last.map_or_else(|| time::before(now, Duration::from_secs(24 * 3600)), |r| r.due_at);
            if let Some(due) = last_tick(job.cron, since, now)? {
                runs.extend(self.run(job, due).await?);
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
        self.run(job, self.wib.now()).await
    }

    async fn run(&self, job: &Job, due_at: Timestamp) -> Result<Option<JobRun>> {
        let started_at = self.wib.now();
        let mut tx = self.wib.store.system().await?;
        if !tx.lease_job(job.name, &self.node, started_at, LEASE).await? {
            return Ok(None);
        }
        let mut run = JobRun {
            id: self.wib.id(),
            job: job.name.to_owned(),
            due_at,
            started_at,
            ended_at: None,
            processed: 0,
            error: None,
        };
        tx.put_run(&run).await?;
        tx.commit().await?;
        let outcome = self.work(job.name).await;
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
        let mut tx = self.wib.store.system().await?;
        tx.put_run(&run).await?;
        tx.release_job(job.name, &self.node).await?;
        tx.commit().await?;
        Ok(Some(run))
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
            if let Err(error) = self.tick().await {
                tracing::error!(error = error.chain(), "the schedule could not be read");
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
