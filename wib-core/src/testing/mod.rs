//! What every adapter of a port must do, as tests that adapters run; and outsiders of the tests' own.

pub mod authority;
pub mod embedder_suite;
pub mod fakes;
pub mod llm_suite;
pub mod speech_suite;
pub mod store_suite;
