//! The store's promises, on every database.

#![expect(clippy::unwrap_used, reason = "tests")]

mod blobs;
mod cache;
mod engines;
mod postgres;
mod servers;
mod sqlite;
mod witness;

use std::sync::Arc;

use wib_core::kit::{Clock, SystemClock};

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
