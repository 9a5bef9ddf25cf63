use std::{fmt, future::Future, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use wib_core::{
    kit::{
        Result,
        time::{Timestamp, after},
    },
    ports::{
        Cache, Fault, Sent, VendorError,
        cache::{CacheCaps, Counted},
    },
    store::Value,
};

use super::CAPS;
use crate::{
    SqlStore,
    sql::{SystemSql, system_sql},
    system::SqlSystem,
};

const VENDOR: &str = "store";

/// A [`Cache`] in a table of the store: for who has nothing else, and for counters beside an eventual cache. Each call is
/// a transaction of its own, so whoever holds one of SQLite's must not ask.
#[derive(Clone)]
pub struct StoreCache(SqlStore);
impl fmt::Debug for StoreCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreCache({:?})", self.0)
    }
}

impl StoreCache {
    /// The cache in that store's database.
    #[must_use]
    pub fn new(store: &SqlStore) -> Self {
        Self(store.clone())
    }
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
    fn until(&self, ttl: Option<Duration>) -> Option<Timestamp> {
        ttl.map(|ttl| after(self.now(), ttl))
    }
    async fn tx(&self) -> Result<SqlSystem> {
        Ok(SqlSystem { conn: self.0.jobs.begin(None).await?, now: self.now() })
    }
    async fn change<const N: usize>(&self, sql: SystemSql<N>, args: [Value; N]) -> Result<u64> {
        let mut tx = self.tx().await?;
        let changed = tx.change(sql, args).await?;
        tx.conn.commit().await.map(|()| changed)
    }
    async fn read(&self, key: &str) -> Result<Option<Bytes>> {
        let sql = system_sql!(
            cache_get,
            "SELECT value FROM cache WHERE kind = 'value' AND key = $1 AND (expires_at IS NULL OR expires_at > $2)"
        );
        let mut tx = self.tx().await?;
        let row = tx.one(sql, [key.into(), self.now().into()]).await?;
        // A row without a value is nobody's: it counts as none.
        Ok(row.map(|row| row.get::<Option<Vec<u8>>>("value")).transpose()?.flatten().map(Bytes::from))
    }
    async fn add(&self, key: &str, by: i64, window: Duration) -> Result<Counted> {
        let sql = system_sql!(
            cache_count,
            "INSERT INTO cache (kind, key, count, expires_at) VALUES ('counter', $1, $2, $3)
            ON CONFLICT (kind, key) DO UPDATE SET
                count = CASE WHEN cache.expires_at <= $4 THEN excluded.count
                    WHEN cache.count > $5 - excluded.count THEN $5 ELSE cache.count + excluded.count END,
                expires_at = CASE WHEN cache.expires_at <= $4 THEN excluded.expires_at ELSE cache.expires_at END
            RETURNING count, expires_at"
        );
        let now = self.now();
        let args = [key.into(), by.into(), after(now, window).into(), now.into(), i64::MAX.into()];
        let mut tx = self.tx().await?;
        let row = tx.one(sql, args).await?;
        let row = row.ok_or_else(|| wib_core::kit::Error::internal("a counter was not answered"))?;
        let count = row.get::<i64>("count")?;
        let counted = Counted { count: u64::try_from(count).unwrap_or(0), until: row.get("expires_at")? };
        tx.conn.commit().await.map(|()| counted)
    }
    async fn exchange(&self, key: &str, old: Option<Bytes>, new: Option<Bytes>, ttl: Option<Duration>) -> Result<bool> {
        let (now, until) = (self.now(), self.until(ttl));
        let changed = match (old, new) {
            (None, None) => return Ok(self.read(key).await?.is_none()),
            (None, Some(new)) => {
                let sql = system_sql!(
                    cache_take,
                    "INSERT INTO cache (kind, key, value, count, expires_at) VALUES ('value', $1, $2, 0, $3)
                    ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
                    WHERE cache.expires_at <= $4"
                );
                self.change(sql, [key.into(), new.to_vec().into(), until.into(), now.into()]).await?
            }
            (Some(old), Some(new)) => {
                let sql = system_sql!(
                    cache_swap,
                    "UPDATE cache SET value = $3, expires_at = $4
                    WHERE kind = 'value' AND key = $1 AND value = $2 AND (expires_at IS NULL OR expires_at > $5)"
                );
                let args = [key.into(), old.to_vec().into(), new.to_vec().into(), until.into(), now.into()];
                self.change(sql, args).await?
            }
            (Some(old), None) => {
                let sql = system_sql!(
                    cache_give_back,
                    "DELETE FROM cache
                    WHERE kind = 'value' AND key = $1 AND value = $2 AND (expires_at IS NULL OR expires_at > $3)"
                );
                self.change(sql, [key.into(), old.to_vec().into(), now.into()]).await?
            }
        };
        Ok(changed == 1)
    }
}

async fn asked<T>(work: impl Future<Output = Result<T>> + Send) -> Result<T, VendorError> {
    work.await.map_err(|error| {
        let fault = if error.retryable() { Fault::Down } else { Fault::Nonsense };
        VendorError::new(VENDOR, fault, Sent::Unknown, error.message())
    })
}

#[async_trait]
impl Cache for StoreCache {
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
        asked(Box::pin(self.read(key))).await
    }
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), VendorError> {
        CAPS.check(VENDOR, key, value.len())?;
        let sql = system_sql!(
            cache_put,
            "INSERT INTO cache (kind, key, value, count, expires_at) VALUES ('value', $1, $2, 0, $3)
            ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
        );
        let args = [key.into(), value.to_vec().into(), self.until(ttl).into()];
        asked(Box::pin(self.change(sql, args))).await.map(drop)
    }
    async fn delete(&self, key: &str) -> Result<(), VendorError> {
        CAPS.check(VENDOR, key, 0)?;
        let sql = system_sql!(cache_delete, "DELETE FROM cache WHERE kind = 'value' AND key = $1");
        asked(Box::pin(self.change(sql, [key.into()]))).await.map(drop)
    }
    async fn count(&self, key: &str, by: u64, window: Duration) -> Result<Counted, VendorError> {
        CAPS.check(VENDOR, key, 0)?;
        asked(Box::pin(self.add(key, i64::try_from(by).unwrap_or(i64::MAX), window))).await
    }
    async fn swap(
        &self,
        key: &str,
        old: Option<Bytes>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<bool, VendorError> {
        CAPS.check(VENDOR, key, new.as_ref().map_or(0, Bytes::len))?;
        asked(Box::pin(self.exchange(key, old, new, ttl))).await
    }
}
