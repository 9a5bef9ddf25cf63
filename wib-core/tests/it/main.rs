//! The core from outside.

mod guards;
