//! Scenarios across the crates: the core on a real store, vendors by script or on the sandbox, time that is virtual.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod faults;
mod genuine;
mod injection;
mod law;
mod orders;
mod sameness;
mod script;
mod stage;
mod tenants;
