//! Files of creditors, read as they come.
//!
//! [`read_accounts`] decodes a CSV, finds its delimiter, maps its headings to our fields, coerces every cell and reports
//! per row what is wrong. It stores nothing.

mod accounts;
mod file;
mod mapping;

pub use accounts::{AccountStatus, CommonFault, ImportedAccount, RowFault, Severity, Summary};
pub(crate) use file::{Rows, decode};
pub use mapping::{Field, MappedColumn};

use crate::kit::{Error, FieldFault};

/// A file of more columns is no list of accounts.
const MOST_COLUMNS: usize = 500;

/// How much of a file is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows below the heading.
    pub rows: usize,
    /// Bytes of the file.
    pub bytes: usize,
}
impl Default for Limits {
    /// 100,000 rows and 32 MiB.
    fn default() -> Self {
        Self { rows: 100_000, bytes: 32 << 20 }
    }
}

/// A file as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Rows without errors, in the file's order.
    pub accounts: Vec<ImportedAccount>,
    /// What each heading was taken for, in the file's order.
    pub mapping: Vec<MappedColumn>,
    /// What is wrong with rows, in the file's order. A row with an error is no account; one with warnings is.
    pub faults: Vec<RowFault>,
    /// The figures.
    pub summary: Summary,
}

/// Reads accounts from a CSV of any usual kind: UTF-8 or Windows-1252, split by comma, semicolon, tab or bar.
///
/// Cells are data whatever they begin with: `=`, `+`, `-` and `@` are kept and mean nothing.
///
/// # Errors
/// `TooLarge` beyond the limits; `Invalid` when there is no heading, or, naming the fields, when none of its columns can be
/// a required field.
pub fn read_accounts(csv: &[u8], limits: Limits) -> Result<Imported, Error> {
    if csv.len() > limits.bytes {
        return Err(Error::too_large(format!("the file has more than {} bytes", limits.bytes)));
    }
    let text = file::decode(csv);
    let mut rows = file::Rows::of(&text);
    let Some((_, heading)) = rows.next() else { return Err(Error::invalid("the file has no heading")) };
    if heading.len() > MOST_COLUMNS {
        return Err(Error::too_large(format!("the file has more than {MOST_COLUMNS} columns")));
    }
    let mapping = mapping::map(&heading);
    let missing = |field: &Field| mapping.iter().all(|column| column.field != Some(*field));
    let fault = |field: Field| FieldFault {
        field: field.as_str().to_owned(),
        message: "no column of the file holds it".to_owned(),
    };
    let faults: Vec<_> = Field::REQUIRED.into_iter().filter(missing).map(fault).collect();
    if !faults.is_empty() {
        return Err(Error::fields_invalid(faults));
    }
    let mut reader = accounts::Reader::new(&mapping);
    for (row, cells) in rows {
        if reader.total() == limits.rows {
            return Err(Error::too_large(format!("the file has more than {} rows", limits.rows)));
        }
        reader.read(row, &cells);
    }
    let (accounts, faults, summary) = reader.finish();
    Ok(Imported { accounts, mapping, faults, summary })
}
