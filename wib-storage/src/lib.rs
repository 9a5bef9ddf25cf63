//! The [`Store`](wib_core::store::Store) of Word Is Bond on SQLite and PostgreSQL; [`Blobs`](wib_core::ports::Blobs) in a
//! folder and on S3; the [`Cache`](wib_core::ports::Cache) in the store's table and on Redis; and a
//! [`Witness`](wib_core::ports::Witness) in a file.
//!
//! One text per statement serves both databases. What belongs to an organisation names it in every statement, checked
//! while compiling; on PostgreSQL row-level policies say the same a second time.
//!
//! | | SQLite | PostgreSQL |
//! |---|---|---|
//! | transactions | one at a time, `BEGIN IMMEDIATE` | many; rows are locked where the port says so |
//! | times | integer microseconds | `TIMESTAMPTZ` |
//! | tenants | every statement | every statement, and forced policies |
//! | made by | the first start | the owner's login, or `migrate::up` |
//!
//! After a statement has failed a transaction can only be dropped, on both.

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("choose a database: feature `sqlite`, `postgres`, or both");

mod ai;
mod ai_agent;
mod analyses;
mod audit;
#[cfg(feature = "sqlite")]
pub mod backup;
mod billing;
pub mod blobs;
#[cfg(any(feature = "postgres", feature = "nats"))]
pub mod bus;
pub mod cache;
mod caller_ids;
mod calls;
mod collections;
mod contacts;
mod db;
mod evidence;
mod flags;
mod handed;
mod idempotency;
mod keep;
mod law;
mod likelihood;
mod lists;
mod live;
mod members;
pub mod migrate;
mod minds;
#[cfg(feature = "nats")]
pub mod nats;
mod operating;
mod orgs;
mod payments;
mod place;
mod queue;
mod recordings;
mod secrets;
mod service;
mod speaking;
mod sql;
mod stamps;
mod store;
mod subscriptions;
mod system;
mod table;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod transcripts;
mod translation;
#[cfg(feature = "websocket")]
mod tunnel;
mod usage;
mod voice;
pub mod witness;

pub use blobs::{FolderBlobs, MemoryBlobs};
#[cfg(feature = "s3")]
pub use blobs::{S3Blobs, S3Settings};
#[cfg(feature = "redis")]
pub use cache::RedisCache;
pub use cache::StoreCache;
pub use handed::StoreQueue;
pub use place::Database;
#[cfg(feature = "postgres")]
pub use place::{PgLogin, PgUrls};
pub use store::SqlStore;
#[cfg(feature = "websocket")]
pub use tunnel::WebSocket;
pub use witness::FileWitness;
