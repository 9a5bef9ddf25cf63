//! Runnable examples: `cargo run -p examples --example first_call`.
