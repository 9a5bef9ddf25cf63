//! The cache of one process: the default, and where counters go on while a shared one is down.

use std::{
    collections::{BTreeMap, BTreeSet},
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

const VENDOR: &str = "memory";
/// What it takes.
const CAPS: CacheCaps = CacheCaps { consistent: true, key_bytes: 512, value_bytes: 1 << 20 };
/// Most entries, as the contract has it for counters.
const ENTRIES: usize = 5_000;
/// Most bytes of values together.
const BYTES: usize = 32 << 20;

/// A consistent [`Cache`] in the memory of this process, bounded: what ends next goes first.
#[derive(Debug)]
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

/// Counters and values never meet, whatever their keys.
type Place = (bool, String);
const COUNTER: bool = true;
const VALUE: bool = false;

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<Place, Entry>,
    // The same places by when they end.
    ends: BTreeSet<(Timestamp, Place)>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    value: Bytes,
    count: u64,
    until: Timestamp,
}

impl Kept {
    fn remove(&mut self, place: &Place) -> Option<Entry> {
        let entry = self.entries.remove(place)?;
        self.ends.remove(&(entry.until, place.clone()));
        self.bytes -= entry.value.len();
        Some(entry)
    }
    fn insert(&mut self, place: Place, entry: Entry) {
        self.remove(&place);
        while (self.entries.len() >= ENTRIES || self.bytes + entry.value.len() > BYTES)
            && let Some((_, first)) = self.ends.first().cloned()
        {
            self.remove(&first);
        }
        self.bytes += entry.value.len();
        self.ends.insert((entry.until, place.clone()));
        self.entries.insert(place, entry);
    }
}

impl MemoryCache {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }
    fn kept(&self) -> MutexGuard<'_, Kept> {
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((until, first)) = kept.ends.first().cloned()
            && until <= now
        {
            kept.remove(&first);
        }
        kept
    }
    fn until(&self, ttl: Option<Duration>) -> Timestamp {
        ttl.map_or(Timestamp::MAX, |ttl| after(self.clock.now(), ttl))
    }
    /// Adds to a counter, as [`Cache::count`] does, without waiting for anything.
    pub(crate) fn add(&self, key: &str, by: u64, window: Duration) -> Counted {
        let fresh = Entry { value: Bytes::new(), count: 0, until: after(self.clock.now(), window) };
        let mut kept = self.kept();
        let place = (COUNTER, key.to_owned());
        let mut entry = kept.entries.get(&place).cloned().unwrap_or(fresh);
        entry.count = entry.count.saturating_add(by);
        let counted = Counted { count: entry.count, until: entry.until };
        kept.insert(place, entry);
        counted
    }
}

#[async_trait]
impl Cache for MemoryCache {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        true
    }
    fn caps(&self) -> CacheCaps {
        CAPS
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>, VendorError> {
        CAPS.check(VENDOR, key, 0)?;
        Ok(self.kept().entries.get(&(VALUE, key.to_owned())).map(|entry| entry.value.clone()))
    }
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), VendorError> {
        CAPS.check(VENDOR, key, value.len())?;
        let entry = Entry { value, count: 0, until: self.until(ttl) };
        self.kept().insert((VALUE, key.to_owned()), entry);
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<(), VendorError> {
        CAPS.check(VENDOR, key, 0)?;
        self.kept().remove(&(VALUE, key.to_owned()));
        Ok(())
    }
    async fn count(&self, key: &str, by: u64, window: Duration) -> Result<Counted, VendorError> {
        CAPS.check(VENDOR, key, 0)?;
        Ok(self.add(key, by, window))
    }
    async fn swap(
        &self,
        key: &str,
        old: Option<Bytes>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<bool, VendorError> {
        CAPS.check(VENDOR, key, new.as_ref().map_or(0, Bytes::len))?;
        let (place, until) = ((VALUE, key.to_owned()), self.until(ttl));
        let mut kept = self.kept();
        if kept.entries.get(&place).map(|entry| &entry.value) != old.as_ref() {
            return Ok(false);
        }
        match new {
            Some(value) => kept.insert(place, Entry { value, count: 0, until }),
            None => drop(kept.remove(&place)),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::VirtualClock;

    #[test]
    fn a_full_memory_forgets_what_ends_next_and_never_grows() {
        let clock = Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH));
        let cache = MemoryCache::new(clock.clone());
        for n in 0..(ENTRIES as u64 + 100) {
            cache.add(&format!("k{n}"), 1, Duration::from_secs(60 + n));
        }
        let kept = cache.kept();
        assert_eq!((kept.entries.len(), kept.ends.len()), (ENTRIES, ENTRIES));
        drop(kept);
        let last = cache.add(&format!("k{}", ENTRIES + 99), 1, Duration::from_secs(1));
        let first = cache.add("k0", 1, Duration::from_secs(1));
        assert_eq!((last.count, first.count), (2, 1));
        clock.advance(Duration::from_secs(1_000_000));
        let kept = cache.kept();
        assert_eq!((kept.entries.len(), kept.ends.len(), kept.bytes), (0, 0, 0));
    }

    #[tokio::test]
    async fn values_have_a_bound_together() {
        let cache = MemoryCache::new(Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH)));
        let big = Bytes::from(vec![0; CAPS.value_bytes]);
        for n in 0..64 {
            cache.put(&n.to_string(), big.clone(), Some(Duration::from_secs(60 + n))).await.expect("fits");
        }
        let kept = cache.kept();
        assert!(kept.bytes <= BYTES && kept.entries.len() == BYTES / CAPS.value_bytes, "{}", kept.bytes);
    }
}
