//! Stores for tests.

use std::sync::Arc;

use wib_core::kit::Clock;

use crate::{Database, SqlStore};

/// An empty store in memory, gone when dropped.
///
/// # Panics
/// When SQLite cannot be opened.
pub async fn memory_store(clock: Arc<dyn Clock>) -> SqlStore {
    SqlStore::open(&Database::Memory, clock).await.expect("SQLite opens in memory")
}
