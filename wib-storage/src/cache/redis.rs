//! # The form
//! A value is written behind the instant at which it ends: milliseconds since 1970 in 15 digits, all nines for none. A
//! counter is that instant, a colon, and the count. What has another form is somebody else's, and counts as absent.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use redis::{
    Client, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use wib_core::{
    kit::{
        Clock, Error, ExposeSecret, Result, SecretString,
        time::{Timestamp, after},
    },
    ports::{
        Cache, Fault, Sent, VendorError,
        cache::{CacheCaps, Counted},
    },
};

use super::CAPS;

const VENDOR: &str = "redis";
/// What leads every key of ours.
const VALUES: &str = "wib:v:";
const COUNTERS: &str = "wib:c:";
/// How long a connection, and an answer, may take.
const PATIENCE: Duration = Duration::from_secs(1);
const DIGITS: usize = 15;
const NEVER: i64 = 999_999_999_999_999;

// Redis' own numbers are doubles: whole up to 2^53.
const COUNT: &str = "
local now, ends, count = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
local there = redis.pcall('GET', KEYS[1])
if type(there) == 'string' then
    local till, so_far = string.match(there, '^(%d+):(%d+)$')
    if till and tonumber(till) > now then ends, count = tonumber(till), tonumber(so_far) end
end
count = math.min(count + tonumber(ARGV[1]), 9007199254740991)
redis.call('SET', KEYS[1], string.format('%.0f:%.0f', ends, count), 'PX', string.format('%.0f', ends - now))
return {count, ends}
";
const SWAP: &str = "
local now, there = tonumber(ARGV[1]), false
local raw = redis.pcall('GET', KEYS[1])
if type(raw) == 'string' then
    local till = tonumber(string.match(raw, '^' .. string.rep('%d', 15)))
    if till and till > now then there = string.sub(raw, 16) end
end
if there ~= (ARGV[2] == '1' and ARGV[3]) then return 0 end
if ARGV[4] == '0' then
    redis.call('DEL', KEYS[1])
elseif ARGV[6] == '0' then
    redis.call('SET', KEYS[1], ARGV[5])
else
    redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[6])
end
return 1
";

/// A [`Cache`] on Redis: for many processes. It connects when it is first asked, and again by itself.
#[derive(Clone)]
pub struct RedisCache {
    redis: ConnectionManager,
    clock: Arc<dyn Clock>,
    count: Script,
    swap: Script,
}
impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisCache")
    }
}

impl RedisCache {
    /// The cache at that address (`redis://`, `rediss://`); nothing is asked yet. The clock says when something is over.
    ///
    /// # Errors
    /// `Invalid` naming `REDIS_URL`, when it is no address; it may hold a password and is not repeated.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(url: &SecretString, clock: Arc<dyn Clock>) -> Result<Self> {
        let unfit = |_| Error::field("REDIS_URL", "expected redis:// or rediss:// and a host");
        let client = Client::open(url.expose_secret()).map_err(unfit)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500));
        let redis = ConnectionManager::new_lazy_with_config(client, config).map_err(unfit)?;
        Ok(Self { redis, clock, count: Script::new(COUNT), swap: Script::new(SWAP) })
    }
    fn end(&self, ttl: Option<Duration>) -> i64 {
        ttl.map_or(NEVER, |ttl| after(self.clock.now(), ttl).as_millisecond().min(NEVER))
    }
    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
    /// A value as it is written, and for how many milliseconds Redis keeps it.
    fn wrapped(&self, value: &[u8], ttl: Option<Duration>) -> (Vec<u8>, Option<i64>) {
        let end = self.end(ttl);
        let mut form = format!("{end:0DIGITS$}").into_bytes();
        form.extend_from_slice(value);
        (form, ttl.map(|_| (end - self.now()).max(1)))
    }
}

/// The value of what was written, and when it ends; `None` when it is not ours.
fn unwrapped(mut form: BytesMut) -> Option<(Bytes, i64)> {
    if form.len() < DIGITS {
        return None;
    }
    let value = form.split_off(DIGITS).freeze();
    let digits = std::str::from_utf8(&form).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    Some((value, digits.parse().ok()?))
}

fn fault(error: &RedisError) -> VendorError {
    let fault = match error.code() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Fault::Credentials,
        _ if error.is_timeout() => Fault::Timeout,
        _ if error.is_io_error() || error.is_connection_dropped() => Fault::Down,
        Some("LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "READONLY") => Fault::Down,
        _ => Fault::Nonsense,
    };
    let sent = if error.is_connection_refusal() { Sent::No } else { Sent::Unknown };
    let code = error.code().map(ToOwned::to_owned);
    // Redis' own words may repeat what was sent.
    VendorError { code, ..VendorError::new(VENDOR, fault, sent, format!("REDIS_URL: {:?}", error.kind())) }
}

#[async_trait]
impl Cache for RedisCache {
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
        let mut command = redis::cmd("GET");
        command.arg(format!("{VALUES}{key}"));
        let form: Option<Vec<u8>> = match command.query_async(&mut self.redis.clone()).await {
            Err(other) if other.code() == Some("WRONGTYPE") => None,
            form => form.map_err(|e| fault(&e))?,
        };
        let found = form.and_then(|form| unwrapped(BytesMut::from(&form[..])));
        Ok(found.filter(|(_, end)| *end > self.now()).map(|(value, _)| value))
    }
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), VendorError> {
        CAPS.check(VENDOR, key, value.len())?;
        let (form, kept) = self.wrapped(&value, ttl);
        let mut command = redis::cmd("SET");
        command.arg(format!("{VALUES}{key}")).arg(form);
        if let Some(kept) = kept {
            command.arg("PX").arg(kept);
        }
        command.query_async(&mut self.redis.clone()).await.map_err(|e| fault(&e))
    }
    async fn delete(&self, key: &str) -> Result<(), VendorError> {
        CAPS.check(VENDOR, key, 0)?;
        let mut command = redis::cmd("DEL");
        command.arg(format!("{VALUES}{key}"));
        command.query_async(&mut self.redis.clone()).await.map_err(|e| fault(&e))
    }
    async fn count(&self, key: &str, by: u64, window: Duration) -> Result<Counted, VendorError> {
        CAPS.check(VENDOR, key, 0)?;
        let now = self.now();
        let mut script = self.count.key(format!("{COUNTERS}{key}"));
        script.arg(by).arg(now).arg(self.end(Some(window)).max(now + 1));
        let counted: (u64, i64) = script.invoke_async(&mut self.redis.clone()).await.map_err(|e| fault(&e))?;
        Ok(Counted { count: counted.0, until: Timestamp::from_millisecond(counted.1).unwrap_or(Timestamp::MAX) })
    }
    async fn swap(
        &self,
        key: &str,
        old: Option<Bytes>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<bool, VendorError> {
        CAPS.check(VENDOR, key, new.as_ref().map_or(0, Bytes::len))?;
        let (form, kept) = self.wrapped(new.as_deref().unwrap_or_default(), ttl);
        let mut script = self.swap.key(format!("{VALUES}{key}"));
        script.arg(self.now()).arg(u8::from(old.is_some())).arg(old.as_deref().unwrap_or_default());
        script.arg(u8::from(new.is_some())).arg(form).arg(kept.unwrap_or(0));
        let swapped: u8 = script.invoke_async(&mut self.redis.clone()).await.map_err(|e| fault(&e))?;
        Ok(swapped == 1)
    }
}
