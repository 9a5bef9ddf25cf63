//! Cells to accounts.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::{civil::Date, tz::TimeZone};
use serde::Serialize;

use super::mapping::{Field, MappedColumn};
use crate::{
    compliance::zones::zones_of_state,
    kit::{Currency, Money, Phone},
    text_enum,
};

/// The most that one account may owe: 99,999,999.99 dollars, in cents.
const MOST: i64 = 9_999_999_999;
/// Faults named in the summary.
const TOP: usize = 5;

text_enum! {
    /// How an account stands.
    pub enum AccountStatus {
        /// Open.
        Active = "active",
        /// Nothing is owed any more.
        Paid = "paid",
        /// Paid in part.
        Partial = "partial",
        /// The consumer contests it.
        Disputed = "disputed",
        /// Put away.
        Archived = "archived",
    }
}

text_enum! {
    /// How bad a fault is.
    pub enum Severity {
        /// The row is left out.
        Error = "error",
        /// The row is taken, without the cell or with what fits of it.
        Warning = "warning",
    }
}

/// One account of a file. `Debug` leaves the person out.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ImportedAccount {
    /// Line of the file, from 1.
    pub row: usize,
    /// Who owes.
    pub name: String,
    /// How much, in US cents.
    pub balance: Money,
    /// Where they are reached.
    pub primary_phone: Phone,
    /// Another number.
    pub secondary_phone: Option<Phone>,
    /// Mail address, in small letters.
    pub email: Option<String>,
    /// The creditor's own number.
    pub external_id: Option<String>,
    /// Postal address.
    pub address: Option<String>,
    /// How it stands; active when the file does not say, or says something unknown.
    pub status: AccountStatus,
    /// Anything else.
    pub notes: Option<String>,
    /// State or territory, two letters.
    pub state: Option<String>,
    /// Time zone (IANA).
    pub zone: Option<String>,
    /// The servicer's number that student loans share.
    pub debt_key: Option<String>,
    /// Whether the person asked to cease communication about it.
    pub ceased: bool,
    /// Whether the person is represented by an attorney for it.
    pub attorney: bool,
    /// When payment was promised.
    pub promise_date: Option<Date>,
    /// How much was promised, in US cents.
    pub promise_amount: Option<Money>,
}
impl fmt::Debug for ImportedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedAccount").field("row", &self.row).finish_non_exhaustive()
    }
}

/// What is wrong with one cell. The message never holds the cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowFault {
    /// Line of the file, from 1.
    pub row: usize,
    /// Of which field.
    pub field: Field,
    /// What is wrong.
    pub message: &'static str,
    /// How bad that is.
    pub severity: Severity,
}

/// The figures of a file, in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows that hold anything, below the heading.
    pub total: usize,
    /// Rows without errors.
    pub valid: usize,
    /// Rows with errors.
    pub invalid: usize,
    /// Rows with warnings, whether valid or not.
    pub with_warnings: usize,
    /// Errors of each field.
    pub errors_by_field: BTreeMap<Field, usize>,
    /// The five most frequent errors, the first the most.
    pub top: Vec<CommonFault>,
}

/// An error and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommonFault {
    /// Of which field.
    pub field: Field,
    /// What is wrong.
    pub message: &'static str,
    /// Rows that have it.
    pub rows: usize,
}

/// Collects what rows give.
pub(super) struct Reader {
    columns: BTreeMap<Field, usize>,
    accounts: Vec<ImportedAccount>,
    faults: Vec<RowFault>,
    total: usize,
}

impl Reader {
    pub(super) fn new(mapping: &[MappedColumn]) -> Self {
        let columns = mapping.iter().enumerate().filter_map(|(i, column)| Some((column.field?, i))).collect();
        Self { columns, accounts: vec![], faults: vec![], total: 0 }
    }
    pub(super) fn total(&self) -> usize {
        self.total
    }
    pub(super) fn read(&mut self, row: usize, cells: &[String]) {
        self.total += 1;
        let before = self.faults.len();
        let account = Row { row, cells, columns: &self.columns, faults: &mut self.faults }.account();
        let failed = self.faults[before..].iter().any(|f| f.severity == Severity::Error);
        self.accounts.extend(account.filter(|_| !failed));
    }
    pub(super) fn finish(self) -> (Vec<ImportedAccount>, Vec<RowFault>, Summary) {
        let (mut errors_by_field, mut common) = (BTreeMap::new(), BTreeMap::new());
        for fault in self.faults.iter().filter(|f| f.severity == Severity::Error) {
            *errors_by_field.entry(fault.field).or_default() += 1;
            *common.entry((fault.field, fault.message)).or_default() += 1;
        }
        let warned = self.faults.iter().filter(|f| f.severity == Severity::Warning).map(|f| f.row);
        let mut top: Vec<_> =
            common.into_iter().map(|((field, message), rows)| CommonFault { field, message, rows }).collect();
        top.sort_by_key(|fault| Reverse(fault.rows));
        top.truncate(TOP);
        let summary = Summary {
            total: self.total,
            valid: self.accounts.len(),
            invalid: self.total - self.accounts.len(),
            with_warnings: warned.collect::<BTreeSet<_>>().len(),
            errors_by_field,
            top,
        };
        (self.accounts, self.faults, summary)
    }
}

struct Row<'a> {
    row: usize,
    cells: &'a [String],
    columns: &'a BTreeMap<Field, usize>,
    faults: &'a mut Vec<RowFault>,
}

impl<'a> Row<'a> {
    fn account(mut self) -> Option<ImportedAccount> {
        // Every cell is looked at, so that all faults of a row are told at once.
        let name = self.text(Field::Name, 10_000);
        let balance = self.parse(Field::BalanceDue, Severity::Error, money);
        let primary_phone = self.parse(Field::PrimaryPhone, Severity::Error, phone);
        let secondary_phone = self.parse(Field::SecondaryPhone, Severity::Error, phone);
        let email = self.parse(Field::Email, Severity::Warning, email);
        let external_id = self.text(Field::ExternalId, 200);
        let address = self.text(Field::Address, 1000);
        let status = self.cell(Field::Status).map_or(AccountStatus::Active, status);
        let notes = self.text(Field::Notes, 5000);
        let state = self.parse(Field::State, Severity::Warning, state);
        let zone = self.parse(Field::TimeZone, Severity::Warning, zone);
        let debt_key = self.text(Field::DebtKey, 200);
        let ceased = self.parse(Field::Cease, Severity::Error, flag).unwrap_or(false);
        let attorney = self.parse(Field::Attorney, Severity::Error, flag).unwrap_or(false);
        let promise_date = self.parse(Field::PromiseDate, Severity::Warning, date);
        let promise_amount = self.parse(Field::PromiseAmount, Severity::Error, money);
        for field in Field::REQUIRED {
            if self.cell(field).is_none() {
                self.fault(field, Severity::Error, "is missing");
            }
        }
        Some(ImportedAccount {
            row: self.row,
            name: name?,
            balance: balance?,
            primary_phone: primary_phone?,
            secondary_phone,
            email,
            external_id,
            address,
            status,
            notes,
            state,
            zone,
            debt_key,
            ceased,
            attorney,
            promise_date,
            promise_amount,
        })
    }
    /// The cell, unless it is blank in one of the ways people leave cells blank.
    fn cell(&self, field: Field) -> Option<&'a str> {
        const BLANK: [&str; 7] = ["", "-", "--", "n/a", "#n/a", "null", "none"];
        let cell = self.cells.get(*self.columns.get(&field)?)?.as_str();
        BLANK.iter().all(|blank| !cell.eq_ignore_ascii_case(blank)).then_some(cell)
    }
    fn text(&mut self, field: Field, most: usize) -> Option<String> {
        let cell = self.cell(field)?;
        match cell.char_indices().nth(most) {
            Some((end, _)) => {
                self.fault(field, Severity::Warning, "is too long and was cut");
                Some(cell[..end].to_owned())
            }
            None => Some(cell.to_owned()),
        }
    }
    fn parse<T>(&mut self, field: Field, severity: Severity, parse: fn(&str) -> Result<T, &'static str>) -> Option<T> {
        parse(self.cell(field)?).map_err(|message| self.fault(field, severity, message)).ok()
    }
    fn fault(&mut self, field: Field, severity: Severity, message: &'static str) {
        self.faults.push(RowFault { row: self.row, field, message, severity });
    }
}

/// Dollars; parentheses, and a minus on either side, mean negative.
fn money(cell: &str) -> Result<Money, &'static str> {
    let negative = cell.contains(['(', '-', '−']);
    let amount = Money::parse_decimal(&cell.replace('−', ""), Currency::USD).map_err(|_| "is not an amount")?;
    match amount.minor.saturating_abs() {
        0 => Ok(Money::usd(0)),
        _ if negative => Err("is negative"),
        cents if cents > MOST => Err("is more than 99,999,999.99"),
        cents => Ok(Money::usd(cents)),
    }
}

/// A number without its extension.
fn phone(cell: &str) -> Result<Phone, &'static str> {
    let lower = cell.to_ascii_lowercase();
    let number = lower.strip_prefix("tel:").unwrap_or(&lower);
    let cut = number.find(|c: char| c.is_ascii_alphabetic() || c == '#' || c == ';').unwrap_or(number.len());
    number[..cut]
        .trim_end_matches([' ', '(', ','])
        .trim_start_matches('\'')
        .parse()
        .map_err(|_| "is not a phone number")
}

fn email(cell: &str) -> Result<String, &'static str> {
    let bad = Err("is not a mail address and was left out");
    let Some((local, domain)) = cell.split_once('@') else { return bad };
    let labels = domain.split('.').all(|l| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !",;<>()[]\"".contains(c);
    match cell.chars().count() {
        255.. => Err("is too long and was left out"),
        _ if !local.is_empty() && local.chars().all(plain) && labels && domain.contains('.') => Ok(cell.to_lowercase()),
        _ => bad,
    }
}

fn status(cell: &str) -> AccountStatus {
    let words: Vec<_> = cell.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    match words.join(" ").to_lowercase().as_str() {
        "paid" | "paid in full" | "closed" | "settled" | "resolved" | "collected" => AccountStatus::Paid,
        "partial" | "part payment" | "partial payment" | "partially paid" => AccountStatus::Partial,
        "disputed" | "dispute" | "contested" | "challenged" => AccountStatus::Disputed,
        "archived" | "inactive" | "cancelled" | "canceled" | "removed" | "deleted" | "hold" | "on hold" => {
            AccountStatus::Archived
        }
        _ => AccountStatus::Active,
    }
}

fn state(cell: &str) -> Result<String, &'static str> {
    let code = cell.trim().to_uppercase();
    if zones_of_state(&code).is_empty() { Err("is not a state and was left out") } else { Ok(code) }
}

fn zone(cell: &str) -> Result<String, &'static str> {
    let zone = cell.trim();
    TimeZone::get(zone).map(|_| zone.to_owned()).map_err(|_| "is not a time zone of the IANA database and was left out")
}

/// Yes or no; a date is a yes. What cannot be told is an error: nobody is called on a guess.
fn flag(cell: &str) -> Result<bool, &'static str> {
    match cell.to_lowercase().as_str() {
        "yes" | "y" | "true" | "1" | "x" => Ok(true),
        "no" | "n" | "false" | "0" => Ok(false),
        other if date(other).is_ok() => Ok(true),
        _ => Err("is neither yes nor no"),
    }
}

/// `2026-06-05`, `6/5/2026` or `5-Jun-2026`, with or without a time behind it.
fn date(cell: &str) -> Result<Date, &'static str> {
    let day = cell.split(' ').next().unwrap_or_default();
    let parse = || {
        let parts: Vec<&str> = day.split(['-', '/']).collect();
        let [a, b, c] = parts.as_slice() else { return None };
        let (year, month, day) = match (day.contains('/'), a.len(), c.len()) {
            (false, 4, _) => (a, b.parse().ok()?, &c.split('T').next()?),
            (true, _, 4) => (c, a.parse().ok()?, b),
            (false, _, 4) => (c, month(b)?, a),
            _ => return None,
        };
        Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()
    };
    parse().ok_or("is not a date and was left out")
}

fn month(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = name.get(..3)?.to_ascii_lowercase();
    i8::try_from(NAMES.iter().position(|known| *known == start)? + 1).ok()
}
