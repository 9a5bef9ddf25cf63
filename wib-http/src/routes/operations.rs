use http::{HeaderValue, Method, header};
use wib_core::Wib;

use crate::{
    AppConfig, metrics,
    readiness::{Needs, Readiness, Report},
    reply,
    table::{Routes, Wire, public},
};

/// What operators and their machines ask.
pub(super) fn routes(config: &AppConfig) -> Routes<Wib> {
    let (handle, readiness) = (config.metrics.clone(), config.readiness.clone());
    Routes::<Wib>::at("operations", "")
        .raw(Method::GET, "/livez", public(), Wire::bytes("text/plain"), |_| async move {
            Ok(reply::with_type(200, "text/plain", "ok"))
        })
        .raw(Method::GET, "/readyz", public(), Wire::json::<Report>().also(503), move |asked| {
            let readiness = readiness.clone();
            async move {
                let readiness = readiness.unwrap_or_else(|| Readiness::new(asked.core(), Needs::default()));
                let report = readiness.report().await;
                let mut answer = reply::view_as(if report.ready() { 200 } else { 503 }, &report)?;
                answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                Ok(answer)
            }
        })
        .raw(Method::GET, "/metrics", public(), Wire::bytes("text/plain"), move |asked| {
            let handle = handle.clone();
            async move {
                // What is counted is shown even when the database, which knows the queues, is down.
                match asked.core().system().queue_depths().await {
                    Ok(depths) => metrics::depths(&depths),
                    Err(error) => tracing::warn!(cause = error.chain(), "queue depths are not known"),
                }
                let text = handle.map(|h| h.render()).unwrap_or_default();
                Ok(reply::with_type(200, "text/plain; version=0.0.4", text))
            }
        })
}
