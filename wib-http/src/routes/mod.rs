//! The endpoints, a file per slice.

mod auth;
mod calls;
mod evidence;
mod health;
mod operations;
mod recordings;
mod root;
mod webhooks;

use wib_core::Wib;

use crate::{AppConfig, openapi, table::Table};

/// Every endpoint of the contract that is served.
#[must_use]
pub fn table(config: &AppConfig) -> Table<Wib> {
    Table::new([
        root::routes(),
        health::routes(),
        auth::routes(),
        calls::routes(),
        calls::routes_of_one(),
        recordings::routes(),
        evidence::routes(),
        evidence::routes_of_call(),
        webhooks::routes(),
        operations::routes(config),
        openapi::routes(),
    ])
}
