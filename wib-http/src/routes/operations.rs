use std::sync::Arc;

use http::{HeaderValue, Method, header};
use wib_core::Wib;

use crate::{
    AppConfig, metrics,
    readiness::{Needs, Readiness, Report},
    reply,
    table::{Asked, Routes, Wire, public},
};

/// The process's own, or a fresh one over the core that answers.
fn of_this(asked: &Asked<Wib>, readiness: Option<Arc<Readiness>>) -> Arc<Readiness> {
    readiness.unwrap_or_else(|| Readiness::new(asked.core(), Needs::default()))
}

/// What operators and their machines ask.
pub(super) fn routes(config: &AppConfig) -> Routes<Wib> {
    let (handle, readiness) = (config.metrics.clone(), config.readiness.clone());
    let asks = readiness.clone();
    Routes::<Wib>::at("operations", "")
        .raw(Method::GET, "/livez", public(), Wire::bytes("text/plain"), |_| async move {
            Ok(reply::with_type(200, "text/plain", "ok"))
        })
        .raw(Method::GET, "/readyz", public(), Wire::json::<Report>().also(503), move |asked| {
            let readiness = readiness.clone();
            async move {
                let report = of_this(&asked, readiness).report().await;
                let mut answer = reply::view_as(if report.ready() { 200 } else { 503 }, &report)?;
                answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                Ok(answer)
            }
        })
        .raw(Method::GET, "/metrics", public(), Wire::bytes("text/plain"), move |asked| {
            let (handle, readiness) = (handle.clone(), asks.clone());
            async move {
                let readiness = of_this(&asked, readiness);
                metrics::look(asked.core(), readiness.began(), &readiness.report().await).await;
                let text = handle.map(|h| h.render()).unwrap_or_default();
                Ok(reply::with_type(200, "text/plain; version=0.0.4", text))
            }
        })
}
