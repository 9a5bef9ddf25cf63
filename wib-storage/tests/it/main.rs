//! The store's promises, on every database.

mod sqlite {
    mod memory {
        use std::sync::Arc;

        use wib_core::kit::SystemClock;
        use wib_storage::{SqlStore, testing::memory_store};

        async fn make(_: &'static str) -> Option<SqlStore> {
            Some(memory_store(Arc::new(SystemClock)).await)
        }
        wib_core::store_suite!(make);
    }
}
