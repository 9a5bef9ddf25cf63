//! The core from outside.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod case;
mod compliance;
mod guards;
mod imports;
mod oracle;
mod packs;
mod vectors;
