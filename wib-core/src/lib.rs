//! Word Is Bond: dial a person lawfully, and end with a sealed, verifiable record of what was said.

pub mod ai;
pub mod analysis;
pub mod audit;
pub mod auth;
pub mod calls;
pub mod collections;
pub mod compliance;
pub mod contacts;
pub mod engine;
pub mod evidence;
pub mod imports;
pub mod kit;
pub mod orgs;
pub mod ports;
pub mod recordings;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transcripts;
pub mod usage;
