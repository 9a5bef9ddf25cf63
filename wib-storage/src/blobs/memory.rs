use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use wib_core::{
    kit::Result,
    ports::{
        Blobs,
        blobs::{Chunks, Kept, Listed, Metered, PAGE, check_key, cut},
    },
};

/// Blobs that end with the process: tests and demonstrations.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl MemoryBlobs {
    /// Everything that is there, by key.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, Bytes)> {
        self.lock().iter().map(|(key, bytes)| (key.clone(), bytes.clone())).collect()
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put_stream(&self, key: &str, chunks: Chunks, most: u64) -> Result<Kept> {
        check_key(key)?;
        let (mut metered, mut all) = (Metered::new(chunks, most), Vec::new());
        while let Some(chunk) = metered.next().await? {
            all.extend_from_slice(&chunk);
        }
        self.lock().insert(key.to_owned(), all.into());
        Ok(metered.kept())
    }
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        let Some(bytes) = self.get(key).await? else { return Ok(None) };
        let range = cut(&range, bytes.len() as u64)?;
        // Within the bytes, whose length is a `usize`.
        let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Some(bytes.slice(place(range.start)..place(range.end))))
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        check_key(key)?;
        Ok(self.lock().get(key).cloned())
    }
    async fn head(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.get(key).await?.map(|bytes| bytes.len() as u64))
    }
    async fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        self.lock().remove(key);
        Ok(())
    }
    async fn signed_url(&self, key: &str, _media_type: &str, _lasting: Duration) -> Result<Option<String>> {
        check_key(key).map(|()| None)
    }
    async fn list(&self, folder: &str, after: Option<String>, limit: usize) -> Result<Vec<Listed>> {
        let below = if folder.is_empty() { String::new() } else { check_key(folder).map(|()| format!("{folder}/"))? };
        let from = after.filter(|after| *after > below).map_or(Bound::Included(below.clone()), Bound::Excluded);
        let kept = self.lock();
        let there = kept.range((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(&below));
        let listed = there.map(|(key, bytes)| Listed { key: key.clone(), size: bytes.len() as u64 });
        Ok(listed.take(limit.min(PAGE)).collect())
    }
    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}
