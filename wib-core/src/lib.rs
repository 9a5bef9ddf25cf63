//! Word Is Bond.
pub mod ai;
pub mod imports;
pub mod kit;
mod mail;
pub mod orgs;
pub mod ports;
pub mod recordings;
pub mod store;
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
