//! The store's promises, on every database.

#![expect(clippy::unwrap_used, reason = "tests")]

mod blobs;
mod bus;
mod cache;
mod engines;
mod outage;
mod pooled;
mod postgres;
mod queues;
mod servers;
mod sqlite;
mod tunnel;
mod watch;
mod witness;

use std::sync::Arc;

use wib_core::kit::{Clock, SystemClock};

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
