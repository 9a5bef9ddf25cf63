//! Scenarios across crates.

mod doubt;
