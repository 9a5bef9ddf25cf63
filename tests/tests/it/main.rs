//! Scenarios across the crates: the core on a real store, vendors by script or on the sandbox, time that is virtual; and
//! the server killed over and over against vendors in another process.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod attacks;
mod audit;
mod blobs;
mod bridge;
mod budget;
mod caller_ids;
mod canary;
mod caps;
mod charges;
mod consent;
mod desk;
mod doubt;
mod evidence;
mod facts;
mod faults;
mod forge;
mod genuine;
mod handed;
mod inbound;
mod injection;
mod jobs;
mod keeping;
mod keys;
mod kill;
mod kills;
mod law;
mod minds;
mod money;
mod nodes;
mod orders;
mod privacy;
mod processes;
mod retention;
mod sameness;
mod script;
mod secrets;
mod stage;
mod stamps;
mod steered;
mod supervise;
mod tenants;
mod transfer;
mod translation;
mod verdicts;
