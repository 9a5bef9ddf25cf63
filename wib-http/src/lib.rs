//! The HTTP adapter: a table of endpoints over the use cases of `wib-core`, with the contract's wire shapes.

pub mod auth;
pub mod config;
pub mod core_api;
mod cors;
pub mod docs;
mod edge;
mod examples;
pub mod input;
pub mod limits;
mod media;
pub mod metrics;
mod once;
pub mod openapi;
#[cfg(feature = "otel")]
pub mod otel;
mod ranges;
pub mod readiness;
pub mod reply;
pub mod routes;
pub mod rules;
pub mod serve;
mod sse;
pub mod table;
pub mod webhooks;

use std::sync::Arc;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use wib_core::{Wib, kit::SecretString};

use crate::{core_api::Core, readiness::Readiness, table::Table};

/// What the router is told besides its core.
#[derive(Clone)]
pub struct AppConfig {
    /// The site whose browsers may call, besides those of the contract.
    pub cors_origin: Option<String>,
    /// Where the router is mounted, for the OpenAPI document: a path or a URL.
    pub server: String,
    /// How requests are limited.
    pub limits: limits::Limits,
    /// What machines of the installation say in `X-Internal-Key`; `None`: they have nothing to ask.
    pub internal_key: Option<SecretString>,
    /// Whether it runs for real: then nobody is told how its parts are tried.
    pub production: bool,
    /// Whether traces are sent to a collector.
    pub traces: bool,
    /// What `/metrics` shows; `None`: nothing is counted.
    pub metrics: Option<PrometheusHandle>,
    /// What `/readyz` asks; `None`: the database and the blobs.
    pub readiness: Option<Arc<Readiness>>,
    /// Becomes true when the process is about to end: whoever streams is told, and somebody else goes on.
    pub leaving: Option<watch::Receiver<bool>>,
}
impl Default for AppConfig {
    fn default() -> Self {
        Self {
            cors_origin: None,
            server: "/".to_owned(),
            limits: limits::Limits::default(),
            internal_key: None,
            production: false,
            traces: false,
            metrics: None,
            readiness: None,
            leaving: None,
        }
    }
}

/// The whole API over `wib`. Nests into another router; say where in [`AppConfig::server`].
pub fn app(wib: Wib, config: &AppConfig) -> Router {
    frame(wib, routes::table(config), config)
}

/// What operators and their machines ask, alone: the door of a process that does not serve the API.
pub fn operators(wib: Wib, config: &AppConfig) -> Router {
    frame(wib, routes::operators(config), config)
}

/// A router of any table over any core: what `app` is made of, and what an embedder mounts for endpoints of its own.
pub fn frame<C: Core>(core: C, table: Table<C>, config: &AppConfig) -> Router {
    edge::router(core, table, config)
}
