use http::Method;
use wib_core::Wib;

use crate::{
    AppConfig, metrics, reply,
    table::{Routes, Wire, public},
};

/// What operators and their machines ask.
pub(super) fn routes(config: &AppConfig) -> Routes<Wib> {
    let handle = config.metrics.clone();
    Routes::<Wib>::at("operations", "")
        .raw(Method::GET, "/livez", public(), Wire::bytes("text/plain"), |_| async move {
            Ok(reply::with_type(200, "text/plain", "ok"))
        })
        .raw(Method::GET, "/readyz", public(), Wire::bytes("text/plain"), |asked| async move {
            asked.core().system().ready().await?;
            Ok(reply::with_type(200, "text/plain", "ok"))
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
