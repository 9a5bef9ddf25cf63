//! Numbers for Prometheus: one table of all of them, what is counted here, and what is looked up at each scrape.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{Method, StatusCode};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use wib_core::{
    Wib,
    engine::{MessageStatus, QueueDepth, Topic},
    kit::{Clock, Timestamp, text::TextEnum, time},
};

use crate::readiness::Report;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It only grows.
    Counter,
    /// It is as it is.
    Gauge,
    /// Many, in buckets of seconds.
    Seconds,
    /// Many, as quantiles of seconds: too many labels for buckets.
    Quantiles,
}

/// One of the numbers that `/metrics` may show.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub shape: Shape,
    /// Its labels. Every value is a word of ours, a vendor's name or a route template: nothing that callers choose.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub about: &'static str,
}

const REQUESTS: &str = "wib_http_requests_total";
const SECONDS: &str = "wib_http_request_seconds";
const DEPTH: &str = "wib_queue_depth";
const OLDEST: &str = "wib_queue_oldest_due_seconds";
const READY: &str = "wib_ready";
const POOL: &str = "wib_storage_connections";
const UPTIME: &str = "wib_process_uptime_seconds";
const BUILD: &str = "wib_build_info";

const fn metric(name: &'static str, shape: Shape, labels: &'static [&'static str], about: &'static str) -> Metric {
    Metric { name, shape, labels, about }
}

/// Every number there is, by name.
pub const ALL: &[Metric] = {
    use Shape::{Counter, Gauge, Quantiles, Seconds};
    &[
        metric("wib_advice_total", Counter, &["outcome"], "Lines after which advice was asked for"),
        metric("wib_ai_answers_dropped_total", Counter, &[], "Answers of a machine on a call that came too late"),
        metric("wib_ai_handoffs_total", Counter, &["why"], "Conversations of a machine that a person is to go on with"),
        metric("wib_ai_interruptions_total", Counter, &[], "Times that a person talked into what a machine said"),
        metric("wib_ai_refused_total", Counter, &["why"], "Answers of a model that were not spoken"),
        metric("wib_ai_turns_total", Counter, &["kind"], "What machines said on calls"),
        metric(
            "wib_audit_events_total",
            Counter,
            &["outcome"],
            "Lines of the audit log: written, queued, retried, lost",
        ),
        metric("wib_audit_lost_total", Counter, &[], "Lines of the audit log that could be neither written nor queued"),
        metric("wib_audit_sealed_total", Counter, &[], "Lines of the audit log that were sealed into a chain"),
        metric("wib_auto_tasks_total", Counter, &["kind"], "Tasks made of what was said on calls"),
        metric("wib_billing_found_total", Counter, &[], "Things at the billing vendor that no delivery had told of"),
        metric("wib_blobs_faulty_total", Counter, &["fault"], "Blobs that were missing or not as they were kept"),
        metric(BUILD, Gauge, &["version", "role"], "Always 1: which program this is and what it does"),
        metric("wib_bus_gaps_total", Counter, &["bus", "why"], "Times that a bus may have lost something, and said so"),
        metric("wib_bus_refused_total", Counter, &["bus"], "Notes that a bus could not take"),
        metric("wib_calls_ended_total", Counter, &["status"], "Calls that ended, by how"),
        metric("wib_calls_received_total", Counter, &[], "Calls that came in"),
        metric("wib_calls_recovered_total", Counter, &[], "Calls whose end was found by asking the vendor"),
        metric("wib_calls_sealed_total", Counter, &[], "Calls that were sealed into a chain"),
        metric("wib_calls_started_total", Counter, &[], "Calls that were permitted and ordered"),
        metric("wib_checkpoint_stamp_age_seconds", Gauge, &["kind", "name"], "Age of the newest stamp of an outsider"),
        metric("wib_checkpoints_published_total", Counter, &["kind", "outcome"], "Checkpoints given to outsiders"),
        metric("wib_dead_letters_total", Counter, &["topic"], "Messages that were given up"),
        metric("wib_dials_recovered_total", Counter, &[], "Dials of unknown outcome that were found at the vendor"),
        metric("wib_dunning_steps_total", Counter, &["level"], "Steps of dunning that were taken"),
        metric("wib_events_unknown_total", Counter, &["vendor"], "Events that belong to nothing of ours"),
        metric("wib_handed_depth", Gauge, &["queue"], "Messages in a queue outside, as it tells"),
        metric("wib_handed_total", Counter, &["queue", "outcome"], "Orders that went by a queue outside"),
        metric("wib_heartbeats_total", Counter, &["outcome"], "Heartbeats behind ticks of the schedule"),
        metric(SECONDS, Seconds, &["method", "route"], "Seconds from a request's arrival to the head of its answer"),
        metric(REQUESTS, Counter, &["method", "route", "status"], "Requests by route template and status"),
        metric("wib_injections_total", Counter, &["outcome"], "Translations to be spoken on calls, by how they ended"),
        metric("wib_job_last_success_seconds", Gauge, &["job"], "When a job last ended well here, Unix time"),
        metric("wib_job_leases_lost_total", Counter, &["job"], "Jobs under way whose lease went to another node"),
        metric("wib_job_rows_total", Counter, &["job", "outcome"], "Rows that jobs processed, and that failed in them"),
        metric("wib_job_runs_total", Counter, &["job", "outcome"], "Runs of scheduled jobs"),
        metric("wib_job_seconds", Seconds, &["job"], "Seconds that a run of a job took"),
        metric("wib_leases_lost_total", Counter, &["topic"], "Messages whose lease went to another worker meanwhile"),
        metric(
            "wib_limits_local_total",
            Counter,
            &["limit"],
            "Requests counted in this process alone: the counters were down",
        ),
        metric("wib_limits_refused_total", Counter, &["limit"], "Requests that were too many"),
        metric("wib_line_translation_seconds", Seconds, &[], "Seconds from a line's last word to its translation"),
        metric(
            "wib_line_translations_total",
            Counter,
            &["outcome"],
            "Lines of calls by what became of their translation",
        ),
        metric(
            "wib_live_failures_total",
            Counter,
            &["vendor", "why"],
            "Live transcribers that did not hear, or heard no more",
        ),
        metric("wib_live_frames_unheard_total", Counter, &["speaker"], "Frames of speech that nobody heard in time"),
        metric("wib_live_gaps_total", Counter, &[], "Stretches of calls in which nobody heard what was said"),
        metric("wib_live_lines_lost_total", Counter, &[], "Lines that were heard and could not be kept"),
        metric("wib_live_lines_total", Counter, &["speaker", "source"], "Lines of calls that were heard and kept"),
        metric(
            "wib_live_messages_skipped_total",
            Counter,
            &["vendor"],
            "Messages of a live session that were not known",
        ),
        metric(
            "wib_live_switches_total",
            Counter,
            &["from", "to", "why"],
            "Live transcribers that took the place of another",
        ),
        metric(
            "wib_live_takeover_seconds",
            Seconds,
            &[],
            "Seconds from the failure of a live transcriber until another one hears",
        ),
        metric(
            "wib_llm_failovers_total",
            Counter,
            &["vendor"],
            "Times that the next model was asked after this vendor's",
        ),
        metric("wib_llm_lost_total", Counter, &[], "Prompts that nobody told the end of"),
        metric("wib_llm_over_budget_total", Counter, &[], "Prompts that the budget of their month did not allow"),
        metric("wib_llm_routed_total", Counter, &["task", "outcome"], "Prompts by what became of them"),
        metric("wib_mail_events_total", Counter, &["vendor", "ends_mail"], "What became of mails, as vendors told"),
        metric("wib_mail_suppressions_total", Counter, &["reason"], "Addresses that are not written to any more"),
        metric(
            "wib_mails_withheld_total",
            Counter,
            &[],
            "Mails that somebody who may not be written to was left out of",
        ),
        metric("wib_media_ended_total", Counter, &["why"], "Streams of calls that ended, and why"),
        metric(
            "wib_media_frames_total",
            Counter,
            &["what"],
            "Frames of streams: heard, lost, doubled, garbled, binary, odd, too large",
        ),
        metric("wib_media_refused_total", Counter, &["why"], "Connections that were not let in to a stream"),
        metric("wib_media_streams", Gauge, &[], "Calls that this process hears"),
        metric("wib_media_streams_renewed_total", Counter, &[], "Streams that took the place of a lost one"),
        metric("wib_message_seconds", Seconds, &["topic"], "Seconds that the handler of a message took"),
        metric(
            "wib_messages_total",
            Counter,
            &["topic", "outcome"],
            "Messages that were handled: done, later, retry, lost",
        ),
        metric("wib_opt_outs_total", Counter, &[], "Requests not to be called any more"),
        metric("wib_payments_total", Counter, &["outcome"], "Scheduled payments by what became of them"),
        metric(UPTIME, Gauge, &[], "Seconds since this process began"),
        metric("wib_purges_total", Counter, &["kind", "cause"], "Things that retention or erasure deleted"),
        metric("wib_queue_buried_total", Counter, &["queue"], "Messages of a queue outside that were laid aside"),
        metric(DEPTH, Gauge, &["topic", "status"], "Messages in the queue"),
        metric(OLDEST, Gauge, &["topic"], "Seconds that the oldest due message has waited for a worker"),
        metric("wib_quota_refusals_total", Counter, &["of"], "Things that a plan's amount of the month did not allow"),
        metric(READY, Gauge, &["part"], "Whether a part does what it should, as /readyz tells: 1 or 0"),
        metric("wib_recordings_silenced_total", Counter, &[], "Recordings that payment data was taken out of"),
        metric(
            "wib_rules_reads_total",
            Counter,
            &["outcome"],
            "Changes of the folder of rules, by what became of them",
        ),
        metric("wib_seals_refused_total", Counter, &[], "Seals that the state of their chain refused"),
        metric("wib_sentiment_alerts_total", Counter, &[], "Calls that were to be escalated for the first time"),
        metric(
            "wib_sentiment_lines_total",
            Counter,
            &["outcome"],
            "Lines that were judged, with a score or by their words alone",
        ),
        metric(
            "wib_speech_failovers_total",
            Counter,
            &["vendor"],
            "Times that the next voice was asked after this vendor's",
        ),
        metric(POOL, Gauge, &["login", "state"], "Connections to the database: used, idle, and the most there may be"),
        metric("wib_storage_statement_seconds", Quantiles, &["statement"], "Seconds that a statement took"),
        metric("wib_storage_statements_total", Counter, &["statement", "failed"], "Statements sent to the database"),
        metric("wib_streams_dropped_total", Counter, &["why"], "Streams of events that were ended before their time"),
        metric("wib_streams_open", Gauge, &[], "Streams of events that are open"),
        metric("wib_tts_total", Counter, &["outcome"], "Texts to be said aloud: said, cached, failed"),
        metric("wib_usage_reported_total", Counter, &[], "Days of use that the billing vendor's meters were told of"),
        metric("wib_vendor_request_seconds", Seconds, &["vendor", "operation"], "Seconds that a vendor took to answer"),
        metric("wib_vendor_requests_total", Counter, &["vendor", "operation", "outcome"], "Requests to vendors"),
        metric("wib_verdicts_total", Counter, &["outcome"], "Verdicts on calls that were asked for"),
        metric("wib_violations_total", Counter, &["code"], "Violations that were found"),
        metric("wib_webhook_deliveries_total", Counter, &["outcome"], "Tries to tell addresses that subscribed"),
        metric("wib_webhook_failures_total", Counter, &[], "Events that an address did not take in the promised tries"),
        metric("wib_webhooks_total", Counter, &["vendor", "outcome"], "Deliveries: accepted, duplicate, refused"),
    ]
};

/// Makes this process count. Once per process; the handle goes into [`AppConfig`](crate::AppConfig).
///
/// # Errors
/// When something else counts already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
    let mut builder = PrometheusBuilder::new();
    for metric in ALL.iter().filter(|metric| metric.shape == Shape::Seconds) {
        builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &buckets)?;
    }
    let handle = builder.install_recorder()?;
    for Metric { name, shape, about, .. } in ALL {
        match shape {
            Shape::Counter => describe_counter!(*name, *about),
            Shape::Gauge => describe_gauge!(*name, *about),
            Shape::Seconds | Shape::Quantiles => describe_histogram!(*name, *about),
        }
    }
    Ok(handle)
}

/// Tells which program this is, and what it does.
pub fn build(role: &'static str) {
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION"), "role" => role).set(1.0);
}

/// Folds what was counted every few seconds, for ever: without it an unread server would keep every single time.
pub async fn upkeep(handle: PrometheusHandle, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep_until(time::after(clock.now(), Duration::from_secs(5))).await;
        handle.run_upkeep();
    }
}

pub(crate) fn count(method: &Method, route: &str, status: StatusCode, took: Duration) {
    // Callers may send any word as a method: a label for each would be theirs to grow.
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    counter!(REQUESTS, "method" => method.clone(), "route" => route.to_owned(), "status" => status.as_u16().to_string())
        .increment(1);
    histogram!(SECONDS, "method" => method, "route" => route.to_owned()).record(took);
}

/// Looks up what is not counted as it happens: the queue, the pools, how the parts stand. What cannot be had is left as it
/// was: what is counted is shown even when the database is down.
pub(crate) async fn look(wib: &Wib, began: Timestamp, report: &Report) {
    gauge!(UPTIME).set(seconds(began, wib.clock().now()));
    for part in &report.checks {
        gauge!(READY, "part" => part.part).set(if part.ok { 1.0 } else { 0.0 });
    }
    for pool in wib.system().connections() {
        for (state, count) in [("used", pool.size.saturating_sub(pool.idle)), ("idle", pool.idle), ("most", pool.most)]
        {
            gauge!(POOL, "login" => pool.login, "state" => state).set(f64::from(count));
        }
    }
    if report.checks.iter().any(|part| part.part == "database" && !part.ok) {
        return;
    }
    match wib.system().queue_depths().await {
        Ok(told) => depths(&told),
        Err(error) => return tracing::warn!(cause = error.chain(), "queue depths are not known"),
    }
    match wib.system().oldest_due().await {
        Ok(told) => oldest(&told, wib.clock().now()),
        Err(error) => tracing::warn!(cause = error.chain(), "the oldest due messages are not known"),
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// Notes how many messages of each topic stand how; what is not told of is nought.
fn depths(told: &[QueueDepth]) {
    for (topic, status) in Topic::ALL.iter().flat_map(|t| MessageStatus::ALL.iter().map(move |s| (*t, *s))) {
        let count = told.iter().find(|d| d.topic == topic && d.status == status).map_or(0, |d| d.count);
        #[expect(clippy::cast_precision_loss, reason = "queues hold fewer than 2^53 messages")]
        gauge!(DEPTH, "topic" => topic.as_str(), "status" => status.as_str()).set(count as f64);
    }
}

fn oldest(told: &[(Topic, Timestamp)], now: Timestamp) {
    let told: BTreeMap<_, _> = told.iter().copied().collect();
    for topic in Topic::ALL {
        let waits = told.get(topic).map_or(0.0, |due| seconds(*due, now));
        gauge!(OLDEST, "topic" => topic.as_str()).set(waits);
    }
}
