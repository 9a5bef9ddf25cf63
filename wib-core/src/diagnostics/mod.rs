//! Trying the parts of an installation by hand: checks that really run, and change nothing.
//!
//! A check of a table is in the catalogue when this version has that table.

mod checks;
mod probes;
mod run;

pub use probes::{ProbeReport, ProbeResult, ProbeStatus};
pub use run::{Category, CheckResult, Suite};
