//! A [`Cache`] that says whether it is consistent.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    cache::MemoryCache,
    kit::Clock,
    ports::{
        Cache, VendorError,
        cache::{CacheCaps, Counted},
    },
};

const VENDOR: &str = "fake";

/// A consistent cache in memory; or one that says it is not, to see who minds.
#[derive(Debug)]
pub struct FakeCache {
    behind: MemoryCache,
    consistent: bool,
}

impl FakeCache {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { behind: MemoryCache::new(clock), consistent: true }
    }
    /// The same, refusing what only a consistent one can promise.
    #[must_use]
    pub fn eventual(mut self) -> Self {
        self.consistent = false;
        self
    }
}

#[async_trait]
impl Cache for FakeCache {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        false
    }
    fn caps(&self) -> CacheCaps {
        CacheCaps { consistent: self.consistent, ..self.behind.caps() }
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>, VendorError> {
        self.caps().check(VENDOR, key, 0)?;
        self.behind.get(key).await
    }
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), VendorError> {
        self.caps().check(VENDOR, key, value.len())?;
        self.behind.put(key, value, ttl).await
    }
    async fn delete(&self, key: &str) -> Result<(), VendorError> {
        self.caps().check(VENDOR, key, 0)?;
        self.behind.delete(key).await
    }
    async fn count(&self, key: &str, by: u64, window: Duration) -> Result<Counted, VendorError> {
        self.caps().check(VENDOR, key, 0)?;
        self.caps().consistently(VENDOR)?;
        self.behind.count(key, by, window).await
    }
    async fn swap(
        &self,
        key: &str,
        old: Option<Bytes>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<bool, VendorError> {
        self.caps().check(VENDOR, key, new.as_ref().map_or(0, Bytes::len))?;
        self.caps().consistently(VENDOR)?;
        self.behind.swap(key, old, new, ttl).await
    }
}
