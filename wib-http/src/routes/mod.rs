//! The endpoints, a file per slice.

mod ai_toggle;
mod audit;
mod auth;
mod blobs;
mod calls;
mod compliance;
mod consent;
mod dnc;
mod evidence;
mod health;
mod keys;
mod media;
mod notices;
mod operations;
mod organizations;
mod persons;
mod recordings;
mod retention;
mod root;
mod sentiment;
mod streams;
mod talk;
mod team;
mod teams;
mod tts;
mod webhooks;

use schemars::JsonSchema;
use serde::Serialize;
use wib_core::Wib;

use crate::{AppConfig, openapi, table::Table};

/// The endpoints of operators alone.
#[must_use]
pub fn operators(config: &AppConfig) -> Table<Wib> {
    Table::new([operations::routes(config)])
}

/// Every endpoint of the contract that is served.
#[must_use]
pub fn table(config: &AppConfig) -> Table<Wib> {
    Table::new([
        root::routes(),
        health::routes(),
        auth::routes(),
        keys::routes(),
        organizations::routes(),
        organizations::users(),
        teams::routes(),
        team::routes(),
        calls::routes(),
        calls::routes_of_one(),
        talk::routes(),
        streams::routes(),
        streams::translations(),
        tts::routes(),
        tts::files(),
        ai_toggle::routes(),
        recordings::routes(),
        blobs::routes(),
        compliance::routes(),
        audit::routes(),
        retention::routes(),
        consent::routes(),
        dnc::routes(),
        notices::routes(),
        notices::cockpit(),
        persons::routes(),
        evidence::routes(),
        evidence::routes_of_call(),
        sentiment::routes(),
        sentiment::copilot(),
        webhooks::routes(),
        media::routes(config),
        operations::routes(config),
        openapi::routes(),
    ])
}

/// It was done.
#[derive(Serialize, JsonSchema)]
struct AllDone {}
