//! What belongs to the installation, and to no organisation.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::{
    internal::Enquiry,
    kit::{Result, time::Timestamp},
};

/// Columns, by table.
pub type Tables = BTreeMap<String, BTreeSet<String>>;

/// What operators and their jobs ask of a database.
#[async_trait]
pub trait Operating: Send {
    /// The tables that this program works with, as its migrations make them.
    fn expected_tables(&self) -> Tables;
    /// The tables that are there.
    async fn actual_tables(&mut self) -> Result<Tables>;
    /// Rows of one of the [expected tables](Self::expected_tables), counted up to `most`.
    async fn count_rows(&mut self, table: &str, most: i64) -> Result<i64>;
    /// Rows that refer to rows which are not there, or rules against such rows that the database was told not to keep;
    /// counted up to `most`.
    async fn broken_references(&mut self, most: i64) -> Result<i64>;
    /// Tables of organisations that the database itself does not hold to them; none where it has no such rules.
    async fn unguarded_tables(&mut self) -> Result<Vec<String>>;
    /// Sessions of users that are not there.
    async fn orphaned_sessions(&mut self) -> Result<i64>;
    /// Users whose password is kept as neither argon2id nor PBKDF2.
    async fn weak_passwords(&mut self) -> Result<i64>;
    /// Keeps that somebody asked to be shown the product.
    async fn keep_enquiry(&mut self, enquiry: &Enquiry) -> Result<()>;
    /// Removes those that asked before then; how many.
    async fn purge_enquiries(&mut self, before: Timestamp) -> Result<i64>;
    /// Removes tries to tell addresses that were made before then; how many.
    async fn purge_deliveries(&mut self, before: Timestamp) -> Result<i64>;
    /// Removes failures to tell addresses that last changed before then; how many.
    async fn purge_failures(&mut self, before: Timestamp) -> Result<i64>;
}
