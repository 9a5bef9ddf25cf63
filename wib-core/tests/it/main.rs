//! The core from outside.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod compliance;
mod guards;
mod imports;
#[cfg(feature = "testing")]
mod timestamps;
