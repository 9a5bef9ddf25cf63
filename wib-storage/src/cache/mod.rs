//! [`Cache`](wib_core::ports::Cache): in a table of the store, and on Redis. Both are consistent.
//!
//! Each knows by our clock when something is over; what it was kept in forgets it later, or is told to by the hourly job.

#[cfg(feature = "redis")]
mod redis;
mod store;

#[cfg(feature = "redis")]
pub use self::redis::RedisCache;
pub use self::store::StoreCache;
use wib_core::ports::cache::CacheCaps;

/// What both take.
const CAPS: CacheCaps = CacheCaps { consistent: true, key_bytes: 512, value_bytes: 1 << 20 };
