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
mod mail;
pub mod orgs;
pub mod ports;
pub mod recordings;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transcripts;
pub mod usage;
mod wib;

pub use wib::{Org, Settings, System, Wib, WibBuilder};

/// What an embedder needs for a first call.
pub mod prelude {
    pub use crate::{
        Org, Settings, System, Wib, WibBuilder,
        calls::{Call, CallId, CallStatus, ListCalls, StartCall},
        engine::{Scheduler, Worker},
        evidence::Signer,
        kit::{Error, Kind, Money, Phone, Principal, Result, Role},
    };
}
