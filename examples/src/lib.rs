//! Runnable examples: `cargo run -p examples --example first_call`.

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
