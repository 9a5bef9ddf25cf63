//! The endpoints, a file per slice.

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
mod health;
mod media;
mod notices;
mod operations;
mod outcomes;
mod persons;
mod recordings;
mod retention;
mod root;
mod sentiment;
mod streams;
mod talk;
mod tts;
mod usage;
mod voice;
mod webhooks;
mod webrtc;

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
        webhooks::routes(),
        media::routes(config),
        operations::routes(config),
        openapi::routes(),
    ])
}
