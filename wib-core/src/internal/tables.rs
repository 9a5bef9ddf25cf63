use crate::{
    kit::{Result, time::Timestamp},
    wib::System,
};

/// How a table stands beside what this program works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// Columns that are not there; all of them when the table is not.
    pub missing: Vec<String>,
    /// Columns that are, by name.
    pub actual: Vec<String>,
}

/// How all tables stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReports {
    /// When that was so.
    pub at: Timestamp,
    /// Each, by name.
    pub tables: Vec<TableReport>,
}

impl System {
    /// Every table that this program works with, by name, and whether its columns are there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn table_reports(&self) -> Result<TableReports> {
        let mut tx = self.tx().await?;
        let (expected, mut actual) = (tx.expected_tables(), tx.actual_tables().await?);
        let report = |(table, columns): (String, std::collections::BTreeSet<String>)| {
            let there = actual.remove(&table).unwrap_or_default();
            let missing = columns.difference(&there).cloned().collect();
            TableReport { table, missing, actual: there.into_iter().collect() }
        };
        Ok(TableReports { at: self.wib.now(), tables: expected.into_iter().map(report).collect() })
    }
}
