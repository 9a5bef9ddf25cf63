//! The core from outside.

mod guards;
mod imports;
