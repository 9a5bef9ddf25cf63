//! Numbers for Prometheus: requests by route template, queue depths at each scrape.

use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const REQUESTS: &str = "wib_http_requests_total";
const SECONDS: &str = "wib_http_request_seconds";
const DEPTH: &str = "wib_queue_depth";

/// Makes this process count. Once per process; the handle goes into [`AppConfig`](crate::AppConfig).
///
/// # Errors
/// When something else counts already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &buckets)?
        .install_recorder()?;
    describe_counter!(REQUESTS, "Requests by method, route template and status");
    describe_histogram!(SECONDS, "Seconds from a request's arrival to the head of its answer");
    describe_gauge!(DEPTH, "Jobs that wait or run, by queue");
    Ok(handle)
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

/// Notes how many jobs a queue holds.
pub(crate) fn depth(queue: &str, jobs: i64) {
    #[expect(clippy::cast_precision_loss, reason = "queues hold fewer than 2^53 jobs")]
    gauge!(DEPTH, "queue" => queue.to_owned()).set(jobs as f64);
}
