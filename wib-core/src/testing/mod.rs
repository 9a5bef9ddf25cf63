//! What every adapter of a port must do, as tests that adapters run.

pub mod store_suite;
