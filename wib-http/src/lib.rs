//! The HTTP adapter: a table of endpoints over the use cases of `wib-core`, with the contract's wire shapes.

pub mod auth;
pub mod config;
pub mod core_api;
mod cors;
mod edge;
pub mod input;
pub mod limits;
pub mod metrics;
pub mod openapi;
mod ranges;
pub mod reply;
pub mod routes;
pub mod rules;
pub mod serve;
pub mod table;
pub mod webhooks;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use wib_core::Wib;

use crate::{core_api::Core, table::Table};

/// What the router is told besides its core.
#[derive(Clone)]
pub struct AppConfig {
    /// The site whose browsers may call, besides those of the contract.
    pub cors_origin: Option<String>,
    /// Where the router is mounted, for the OpenAPI document: a path or a URL.
    pub server: String,
    /// How requests are limited.
    pub limits: limits::Limits,
    /// What `/metrics` shows; `None`: nothing is counted.
    pub metrics: Option<PrometheusHandle>,
}
impl Default for AppConfig {
    fn default() -> Self {
        Self { cors_origin: None, server: "/".to_owned(), limits: limits::Limits::default(), metrics: None }
    }
}

/// The whole API over `wib`. Nests into another router; say where in [`AppConfig::server`].
pub fn app(wib: Wib, config: &AppConfig) -> Router {
    frame(wib, routes::table(config), config)
}

/// A router of any table over any core: what `app` is made of, and what an embedder mounts for endpoints of its own.
pub fn frame<C: Core>(core: C, table: Table<C>, config: &AppConfig) -> Router {
    edge::router(core, table, config)
}
