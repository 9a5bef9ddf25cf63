use std::time::Duration;

use crate::{
    jobs::{self, JOBS, JobReport},
    kit::{Result, time::Timestamp},
    text_enum,
    wib::System,
};

text_enum! {
    /// How fresh a job is.
    pub enum JobState {
        /// It ran well when it should.
        Healthy = "healthy",
        /// Its last run failed, or rows failed in it.
        Degraded = "degraded",
        /// It ran well longer ago than twice its interval.
        Down = "down",
        /// It never ran.
        Unknown = "unknown",
    }
}

/// How fresh a job is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobHealth {
    /// What is known of it.
    pub report: JobReport,
    /// How fresh it is.
    pub state: JobState,
    /// Minutes since it ran well, or since it ran at all when it never did.
    pub staleness_minutes: Option<i64>,
}

/// How fresh all jobs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When that was so.
    pub at: Timestamp,
    /// The worst of them; `Unknown` when none ever ran.
    pub state: JobState,
    /// Each, in the order of the table.
    pub jobs: Vec<JobHealth>,
}

impl System {
    /// How fresh every job is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn job_freshness(&self) -> Result<Freshness> {
        let now = self.wib.now();
        let mut all = vec![];
        for (job, report) in JOBS.iter().zip(self.job_reports().await?) {
            all.push(judged(report, jobs::interval(job, now)?, now));
        }
        let any = |state| all.iter().any(|job| job.state == state);
        let state = [JobState::Down, JobState::Degraded, JobState::Healthy].into_iter().find(|state| any(*state));
        Ok(Freshness { at: now, state: state.unwrap_or(JobState::Unknown), jobs: all })
    }
}

fn judged(report: JobReport, interval: Duration, now: Timestamp) -> JobHealth {
    let since = report.last_success.or(report.last_run);
    let age = since.map(|since| Duration::try_from(now.duration_since(since)).unwrap_or_default());
    let failed = report.last_error.as_ref().is_some_and(|(at, _)| report.last_success.is_none_or(|ok| *at > ok));
    let state = match age {
        None => JobState::Unknown,
        Some(age) if age > interval * 2 => JobState::Down,
        Some(_) if failed || report.errors > 0 => JobState::Degraded,
        Some(_) => JobState::Healthy,
    };
    let staleness_minutes = age.and_then(|age| i64::try_from(age.as_secs() / 60).ok());
    JobHealth { report, state, staleness_minutes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(run: Option<i64>, ok: Option<i64>, failed: Option<i64>, errors: i64) -> JobReport {
        let at = |second| Timestamp::from_second(second).unwrap();
        JobReport {
            job: "x".to_owned(),
            last_run: run.map(at),
            last_success: ok.map(at),
            last_error: failed.map(|second| (at(second), "why".to_owned())),
            processed: 0,
            errors,
            duration_ms: None,
        }
    }

    #[test]
    fn a_job_is_as_fresh_as_its_last_good_run() {
        let state = |report, now| judged(report, Duration::from_secs(300), Timestamp::from_second(now).unwrap()).state;
        assert_eq!(state(report(None, None, None, 0), 9), JobState::Unknown);
        assert_eq!(state(report(Some(0), Some(0), None, 0), 600), JobState::Healthy);
        assert_eq!(state(report(Some(0), Some(0), None, 0), 601), JobState::Down);
        assert_eq!(state(report(Some(500), Some(0), Some(500), 0), 600), JobState::Degraded);
        assert_eq!(state(report(Some(500), Some(500), Some(0), 0), 600), JobState::Healthy, "it failed before that");
        assert_eq!(state(report(Some(500), Some(500), None, 2), 600), JobState::Degraded);
        assert_eq!(state(report(Some(1000), Some(0), Some(1000), 0), 1001), JobState::Down, "it fails and fails");
    }
}
