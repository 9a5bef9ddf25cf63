//! The core from outside.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod case;
mod checker;
mod checks;
mod compliance;
#[cfg(feature = "testing")]
mod fakes;
mod guards;
mod imports;
mod oracle;
mod packs;
mod properties;
mod steps;
#[cfg(feature = "testing")]
mod timestamps;
mod vectors;
