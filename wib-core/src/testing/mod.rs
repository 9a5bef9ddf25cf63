//! What every adapter of a port must do, as tests that adapters run; and outsiders of the tests' own.

pub mod authority;
pub mod fakes;
pub mod live_transcriber_suite;
pub mod store_suite;
pub mod transcriber_suite;
