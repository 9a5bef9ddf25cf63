//! The core from outside.

#![expect(clippy::unwrap_used, reason = "a test may")]

#[cfg(feature = "testing")]
mod billing;
mod case;
mod checker;
mod checks;
mod compliance;
mod guards;
mod imports;
mod oracle;
mod packs;
mod properties;
mod steps;
#[cfg(feature = "testing")]
mod timestamps;
mod vectors;
