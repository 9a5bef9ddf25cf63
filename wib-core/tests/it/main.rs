//! What the core promises, asked from outside.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

mod compliance;
