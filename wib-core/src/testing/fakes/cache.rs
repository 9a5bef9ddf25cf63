//! A [`Cache`] in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    kit::{
        Clock,
        time::{Timestamp, after},
    },
    ports::{
        Cache, VendorError,
        cache::{CacheCaps, Counted},
    },
};

const VENDOR: &str = "fake";

/// A consistent cache in memory; or one that says it is not, to see who minds.
#[derive(Debug)]
pub struct FakeCache {
    clock: Arc<dyn Clock>,
    consistent: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    values: BTreeMap<String, (Bytes, Option<Timestamp>)>,
    counters: BTreeMap<String, Counted>,
}

impl FakeCache {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, consistent: true, kept: Mutex::default() }
    }
    /// The same, refusing what only a consistent one can promise.
    #[must_use]
    pub fn eventual(mut self) -> Self {
        self.consistent = false;
        self
    }
    fn kept(&self) -> MutexGuard<'_, Kept> {
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values.retain(|_, (_, until)| until.is_none_or(|until| until > now));
        kept.counters.retain(|_, counted| counted.until > now);
        kept
    }
    fn until(&self, ttl: Option<Duration>) -> Option<Timestamp> {
        ttl.map(|ttl| after(self.clock.now(), ttl))
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
        CacheCaps { consistent: self.consistent, key_bytes: 512, value_bytes: 1 << 20 }
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>, VendorError> {
        self.caps().check(VENDOR, key, 0)?;
        Ok(self.kept().values.get(key).map(|(value, _)| value.clone()))
    }
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), VendorError> {
        self.caps().check(VENDOR, key, value.len())?;
        let until = self.until(ttl);
        self.kept().values.insert(key.to_owned(), (value, until));
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<(), VendorError> {
        self.caps().check(VENDOR, key, 0)?;
        self.kept().values.remove(key);
        Ok(())
    }
    async fn count(&self, key: &str, by: u64, window: Duration) -> Result<Counted, VendorError> {
        self.caps().check(VENDOR, key, 0)?;
        self.caps().consistently(VENDOR)?;
        let fresh = Counted { count: 0, until: after(self.clock.now(), window) };
        let mut kept = self.kept();
        let counted = kept.counters.entry(key.to_owned()).or_insert(fresh);
        counted.count = counted.count.saturating_add(by);
        Ok(*counted)
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
        let until = self.until(ttl);
        let mut kept = self.kept();
        if kept.values.get(key).map(|(value, _)| value) != old.as_ref() {
            return Ok(false);
        }
        match new {
            Some(value) => kept.values.insert(key.to_owned(), (value, until)),
            None => kept.values.remove(key),
        };
        Ok(true)
    }
}
