//! Numbers for Prometheus: requests by route template, queue depths at each scrape.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use wib_core::{
    engine::{MessageStatus, QueueDepth, Topic},
    kit::{Clock, text::TextEnum, time},
};

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
    describe_gauge!(DEPTH, "Messages by topic and status");
    Ok(handle)
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

/// Notes how many messages of each topic stand how; what is not told of is nought.
pub(crate) fn depths(told: &[QueueDepth]) {
    for (topic, status) in Topic::ALL.iter().flat_map(|t| MessageStatus::ALL.iter().map(move |s| (*t, *s))) {
        let count = told.iter().find(|d| d.topic == topic && d.status == status).map_or(0, |d| d.count);
        #[expect(clippy::cast_precision_loss, reason = "queues hold fewer than 2^53 messages")]
        gauge!(DEPTH, "topic" => topic.as_str(), "status" => status.as_str()).set(count as f64);
    }
}
