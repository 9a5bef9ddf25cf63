//! The frame over a toy core, and the table of the real one.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]
mod compliance;
mod config;
mod database;
mod declared;
mod deploy;
mod doctor;
mod edge;
mod every;
mod flags;
mod house;
mod input;
mod limits;
mod numbers;
mod once;
mod openapi;
mod people;
mod platform;
mod refused;
mod serve;
mod served;
mod server;
mod service;
mod sessions;
mod streams;
mod talk;
mod toy;
#[cfg(feature = "otel")]
mod traces;
mod voice;
