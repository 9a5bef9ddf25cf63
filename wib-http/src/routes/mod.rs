//! The endpoints, a file per slice.

mod admin;
mod ai;
mod ai_config;
mod ai_toggle;
mod ai_transcribe;
mod audio;
mod audit;
mod auth;
mod billing;
mod blobs;
mod caller_id;
mod calls;
mod capabilities;
mod compliance;
mod consent;
mod dnc;
mod evidence;
mod flags;
mod health;
mod internal;
mod keys;
mod media;
mod notices;
mod operations;
mod organizations;
mod outcomes;
mod persons;
mod rbac;
mod recordings;
mod retention;
mod root;
mod sentiment;
mod streams;
mod subscriptions;
mod talk;
mod team;
mod teams;
mod test;
mod tts;
mod usage;
mod voice;
mod webhooks;
mod webrtc;

use schemars::JsonSchema;
use serde::Serialize;
use wib_core::Wib;

use crate::{AppConfig, docs, openapi, table::Table};

/// The endpoints of operators alone.
#[must_use]
pub fn operators(config: &AppConfig) -> Table<Wib> {
    Table::new([operations::routes(config)])
}

/// Every endpoint of the contract that is served.
#[must_use]
pub fn table(config: &AppConfig) -> Table<Wib> {
    // How parts are tried is nobody's business in production.
    let tried = (!config.production).then(test::routes);
    let groups = [
        root::routes(),
        health::routes(config),
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
        ai_config::routes(),
        ai_transcribe::routes(),
        ai::llm(),
        ai::router(),
        billing::routes(),
        usage::routes(),
        capabilities::routes(),
        capabilities::of_calls(),
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
        outcomes::nested(),
        outcomes::routes(),
        voice::routes(),
        caller_id::routes(),
        webrtc::routes(),
        audio::routes(),
        rbac::routes(),
        flags::routes(),
        admin::routes(),
        admin::metrics(),
        webhooks::routes(),
        subscriptions::routes(),
        subscriptions::outbound(),
        subscriptions::reliability(),
        internal::routes(),
        media::routes(config),
        operations::routes(config),
        openapi::routes(),
        docs::routes(),
    ];
    Table::new(groups.into_iter().chain(tried))
}

/// It was done.
#[derive(Serialize, JsonSchema)]
struct AllDone {}
