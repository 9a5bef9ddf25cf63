use std::{future::Future, pin::Pin};

use super::{
    Tally, aggregate_usage, cleanup_sessions, dunning_escalation, flush_audit_dlq, house, prevention_scan,
    process_payments, reconcile_billing, retry_transcriptions,
};
use crate::{
    audit, evidence,
    kit::{Result, time::Timestamp},
    retention,
    wib::Wib,
};

/// What runs after ticks were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The latest of them, once.
    Latest,
    /// Each of them, of the last 31 days.
    Each,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Tally>> + Send + 'a>>;

/// A job of the table.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// When it runs, in UTC.
    pub cron: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What runs after ticks were missed.
    pub missed: Missed,
    /// What it does, for a tick.
    pub(super) work: for<'a> fn(&'a Wib, Timestamp) -> Running<'a>,
}

macro_rules! jobs {
    ($($name:literal $cron:literal $missed:ident $purpose:literal, |$wib:ident, $due:pat_param| $work:expr;)+) => {
        /// Every job there is, in the order in which the jobs of a tick run.
        pub const JOBS: &[Job] = &[$(Job {
            name: $name,
            cron: $cron,
            purpose: $purpose,
            missed: Missed::$missed,
            work: |$wib, $due| Box::pin(async move { $work }),
        }),+];
    };
}
jobs! {
    "retry_transcriptions" "*/5 * * * *" Latest "orders transcripts again that failed and that nothing works on",
        |wib, due| retry_transcriptions::run(wib, due).await;
    "publish_checkpoints" "*/5 * * * *" Latest "has the newest checkpoint of each organisation stamped and witnessed outside",
        |wib, _| evidence::publish_checkpoints(wib).await.map(Tally::of);
    "seal_audit" "*/10 * * * *" Latest "seals new lines of the audit log into the evidence chain",
        |wib, _| audit::seal_all(wib).await.map(Tally::of);
    "cleanup_sessions" "0 * * * *" Latest "removes sessions and one-time tokens that have ended",
        |wib, _| cleanup_sessions::run(wib).await;
    "flush_audit_dlq" "0 * * * *" Latest "writes lines of the audit log that were given up",
        |wib, _| flush_audit_dlq::run(wib).await;
    "aggregate_usage" "0 0 * * *" Each "adds up what each organisation used on the day before",
        |wib, due| aggregate_usage::run(wib, due).await;
    "reconcile_billing" "0 2 * * *" Latest "asks the billing vendor for what no delivery told, and tells its meters what was used",
        |wib, _| reconcile_billing::run(wib).await;
    "purge_queue" "30 3 * * *" Latest "removes messages, inbox events, deliveries and runs of jobs that are long done",
        |wib, _| house::purge(wib).await;
    "apply_retention" "30 4 * * *" Latest "deletes what no law, hold or wish keeps any longer, where an organisation asks for it",
        |wib, _| retention::apply_all(wib).await.map(Tally::of);
    "process_payments" "0 6 * * *" Latest "takes the payments whose day has come, and looks after those nobody heard of",
        |wib, _| process_payments::run(wib).await;
    "dunning_escalation" "0 6 * * *" Latest "reminds organisations of invoices they have not paid, and ends subscriptions at last",
        |wib, _| dunning_escalation::run(wib).await;
    "prevention_scan" "0 6 * * *" Latest "scores open accounts, and has members look at those that are not likely to be paid",
        |wib, _| prevention_scan::run(wib).await;
}
