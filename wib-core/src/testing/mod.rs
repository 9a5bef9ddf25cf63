//! What every adapter of a port must do, as tests that adapters run; stand-ins for vendors; and outsiders of the tests'
//! own.

pub mod authority;
pub mod fakes;
pub mod store_suite;
pub mod voice_suite;
