//! What every adapter of a port must do, as tests that adapters run; and outsiders of the tests' own.

pub mod authority;
pub mod billing_suite;
pub mod fakes;
pub mod store_suite;
