//! The [`Store`](wib_core::store::Store) of Word Is Bond on SQLite and PostgreSQL, and [`Blobs`](wib_core::ports::Blobs)
//! in a folder; and a [`Witness`](wib_core::ports::Witness) in a file.
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

mod analyses;
mod audit;
mod billing;
pub mod blobs;
mod caller_ids;
mod calls;
mod collections;
mod contacts;
mod db;
mod evidence;
mod keep;
mod law;
mod likelihood;
mod lists;
pub mod migrate;
mod orgs;
mod payments;
mod place;
mod queue;
mod recordings;
mod sql;
mod stamps;
mod store;
mod system;
mod table;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod transcripts;
mod translation;
mod usage;
pub mod witness;

pub use blobs::{FolderBlobs, MemoryBlobs};
pub use place::Database;
#[cfg(feature = "postgres")]
pub use place::PgUrls;
pub use store::SqlStore;
pub use witness::FileWitness;
