//! Scheduled jobs: on one node at a time, by a lease; a missed tick runs once on recovery; a failing job stops no other.
//!
//! | | |
//! |---|---|
//! | schedules | in UTC, so that no change of a local clock moves or doubles a tick |
//! | a tick | its jobs run one after another in the order of [`JOBS`]; each has its own run, lease and outcome |
//! | a failure | tried again after a minute and after five, then with the next tick |
//! | a node that dies | its lease ends, its run is marked as broken, and another node runs the tick |
//! | ticks that were missed | run once for the latest of them, or once for each where days must not be lost |
//! | a clock that is set | back: no tick runs twice; forward: as if ticks had been missed |
//!
//! A job is a file, and a row of the table.

mod aggregate_usage;
mod cleanup_sessions;
mod dunning_escalation;
mod flush_audit_dlq;
mod house;
mod prevention_scan;
mod process_payments;
mod reconcile_billing;
mod retry_transcriptions;
mod schedule;
mod table;

pub(crate) use schedule::interval;
pub use schedule::{JobReport, Scheduler};
pub use table::{JOBS, Job, Missed};

/// What a job did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows.
    pub processed: i64,
    /// Rows that failed.
    pub errors: i64,
}
impl Tally {
    pub(crate) const fn of(processed: i64) -> Self {
        Self { processed, errors: 0 }
    }
}
