//! The store's promises, on every database.

mod blobs;
mod engines;
mod postgres;
mod sqlite;

use std::sync::Arc;

use wib_core::kit::{Clock, SystemClock};

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
