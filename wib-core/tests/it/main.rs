//! The core from outside.

#![expect(clippy::unwrap_used, reason = "a test may")]

#[cfg(feature = "testing")]
mod billing;
mod case;
mod checker;
mod checks;
mod compliance;
#[cfg(feature = "testing")]
mod fakes;
mod guards;
mod imports;
#[cfg(feature = "testing")]
mod models;
mod money;
mod oracle;
mod packs;
#[cfg(feature = "testing")]
mod ports;
mod properties;
mod router;
#[cfg(feature = "testing")]
mod speakers;
mod steps;
#[cfg(feature = "testing")]
mod timestamps;
mod vectors;
#[cfg(feature = "testing")]
mod voices;
