use serde::Serialize;
use serde_json::json;

use super::ListCheck;
use crate::{
    compliance::ListKind,
    imports::{Rows, decode},
    kit::{Error, Phone, Result, Role, text, time::Timestamp},
    wib::Org,
};

/// A list of numbers as its keeper gives it.
#[derive(Clone, Copy, Debug)]
pub struct ImportList<'a> {
    /// Which list.
    pub list: ListKind,
    /// Whose (`US-FL`, a vendor's name), 1 to 100 characters; a list is brought up to date under the same name.
    pub source: &'a str,
    /// The date of the version.
    pub as_of: Timestamp,
    /// A CSV: numbers in the first column. For the Reassigned Numbers Database the second is its answer, `yes` or `no`,
    /// and only the numbers that were asked are told about.
    pub csv: &'a [u8],
}

/// What an import of a list made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListReport {
    /// Numbers that were taken.
    pub numbers: u64,
    /// Rows that were left out, with the first of them by line.
    pub left_out: u64,
    /// Lines of the first rows that were left out.
    pub lines: Vec<usize>,
}

/// The most bytes of a file.
const BYTES: usize = 64 << 20;
/// The most rows of a file.
const ROWS: u64 = 2_000_000;
/// Rows of a transaction.
const CHUNK: usize = 500;
/// Lines that are told.
const LINES: usize = 20;

impl Org {
    /// Brings a list up to date. Numbers count as they come; the version itself, which tells that all other numbers are
    /// not on it, comes with the last of them, so that an import that breaks off only tightens and is begun again.
    ///
    /// # Errors
    /// `Invalid` naming the field; `TooLarge`; `Forbidden` below compliance.
    pub async fn import_list(&self, command: ImportList<'_>) -> Result<ListReport> {
        self.at_least(Role::Compliance)?;
        let now = self.wib.now();
        if command.list == ListKind::Internal {
            return Err(Error::field("list", "is our own: numbers are put on it one by one"));
        }
        if command.as_of > now {
            return Err(Error::field("as_of", "lies in the future"));
        }
        if command.csv.len() > BYTES {
            return Err(Error::too_large(format!("the file has more than {BYTES} bytes")));
        }
        let source = text::required("source", command.source, 100)?;
        let content = decode(command.csv);
        let mut rows = Rows::of(&content).peekable();
        let mut report = ListReport::default();
        let check = |phone, listed| ListCheck {
            id: self.wib.id(),
            list: command.list,
            phone,
            listed,
            as_of: command.as_of,
            source: source.clone(),
            created_at: now,
        };
        let whole = command.list != ListKind::Reassigned;
        let (mut seen, mut first) = (0u64, true);
        while first || rows.peek().is_some() {
            let mut tx = self.tx().await?;
            for (line, cells) in rows.by_ref().take(CHUNK) {
                seen += 1;
                if seen > ROWS {
                    return Err(Error::too_large(format!("the file has more than {ROWS} rows")));
                }
                let answer = cells.get(1).map(|a| a.trim().to_lowercase());
                let listed = match answer.as_deref() {
                    _ if whole => Some(true),
                    Some("yes" | "y" | "true" | "reassigned" | "disconnected") => Some(true),
                    Some("no" | "n" | "false") => Some(false),
                    _ => None,
                };
                let phone = cells.first().and_then(|cell| cell.parse::<Phone>().ok());
                if let (Some(phone), Some(listed)) = (phone, listed) {
                    tx.put_list_check(&check(Some(phone), listed)).await?;
                    report.numbers += 1;
                } else if seen > 1 {
                    // The first row may be the heading.
                    report.left_out += 1;
                    if report.lines.len() < LINES {
                        report.lines.push(line);
                    }
                }
            }
            first = false;
            if rows.peek().is_none() {
                if whole {
                    tx.put_list_check(&check(None, false)).await?;
                }
                let told = json!({
                    "list": command.list, "source": source, "as_of": command.as_of, "numbers": report.numbers,
                    "left_out": report.left_out,
                });
                self.audit("compliance:list_imported", ("list", None)).is(&told).write(&mut *tx).await;
            }
            tx.commit().await?;
        }
        Ok(report)
    }
}
