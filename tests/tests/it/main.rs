//! Scenarios across crates.

mod doubt;
mod kill;
