//! The core from outside.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod case;
mod checker;
mod checks;
mod compliance;
mod guards;
mod imports;
#[cfg(feature = "testing")]
mod models;
mod oracle;
mod packs;
mod properties;
#[cfg(feature = "testing")]
mod speakers;
mod steps;
#[cfg(feature = "testing")]
mod timestamps;
mod vectors;
