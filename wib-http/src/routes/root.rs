use http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use wib_core::Wib;

use crate::{
    reply,
    table::{Routes, Wire, public},
};

/// What answers here.
#[derive(Serialize, JsonSchema)]
struct Banner {
    service: &'static str,
    version: &'static str,
    status: &'static str,
    timestamp: String,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("root", "").raw(Method::GET, "/", public(), Wire::json::<Banner>(), |asked| async move {
        reply::view(&Banner {
            service: "wordisbond-api",
            version: env!("CARGO_PKG_VERSION"),
            status: "operational",
            timestamp: asked.now().to_string(),
        })
    })
}
