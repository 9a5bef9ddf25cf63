//! Lists in pages.

use serde::{Deserialize, Serialize};

use super::{Error, Result, time::Timestamp};

/// Which page of a list is asked for: by number as the wire has it, or after a cursor (stable while rows arrive).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Rows of a page, 1 to 200.
    pub limit: u32,
    /// Page number from 1; ignored when `after` is given.
    pub page: u32,
    /// The cursor of the page before.
    pub after: Option<Cursor>,
}
impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 50, page: 1, after: None }
    }
}
impl PageRequest {
    /// The most rows a page may have.
    pub const MOST: u32 = 200;
    /// A page by number; values out of bounds are brought inside, as the contract asks.
    #[must_use]
    pub fn numbered(page: Option<i64>, limit: Option<i64>, usual: u32) -> Self {
        let limit = limit.filter(|l| *l >= 1).map_or(usual, |l| u32::try_from(l).unwrap_or(u32::MAX));
        let page = page.filter(|p| *p >= 1).map_or(1, |p| u32::try_from(p).unwrap_or(u32::MAX));
        Self { limit: limit.min(Self::MOST), page, after: None }
    }
    /// Rows to skip for a numbered page.
    #[must_use]
    pub fn offset(&self) -> i64 {
        i64::from(self.page.saturating_sub(1)) * i64::from(self.limit)
    }
}

/// Where a page ended: the row's time and id. Opaque text on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// Time of the last row.
    pub at: Timestamp,
    /// Its id.
    pub id: uuid::Uuid,
}
impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        format!("{:x}.{}", cursor.at.as_microsecond(), cursor.id.simple())
    }
}
impl TryFrom<String> for Cursor {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        let parse = || {
            let (at, id) = text.split_once('.')?;
            let at = Timestamp::from_microsecond(i64::from_str_radix(at, 16).ok()?).ok()?;
            Some(Self { at, id: uuid::Uuid::try_parse(id).ok()? })
        };
        parse().ok_or_else(|| Error::invalid("not a cursor"))
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Rows of the whole list at the time of asking.
    pub total: i64,
    /// What was asked.
    pub request: PageRequest,
    /// Where the next page starts, when there is one.
    pub next: Option<Cursor>,
}
impl<T> Page<T> {
    /// Pages of the whole list, by number.
    #[must_use]
    pub fn total_pages(&self) -> i64 {
        let limit = i64::from(self.request.limit.max(1));
        (self.total + limit - 1) / limit
    }
    /// The same page with every row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            total: self.total,
            request: self.request,
            next: self.next,
        }
    }
}

/// Which rows of a list are asked for, where the wire counts rows and not pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Rows asked for; none asks for the total alone.
    pub limit: u32,
    /// Rows before them.
    pub offset: u32,
}
impl Stretch {
    /// No rows, the total alone.
    pub const NONE: Self = Self { limit: 0, offset: 0 };
    /// So many rows behind so many; values out of bounds are brought inside, as the contract asks.
    #[must_use]
    pub fn new(limit: Option<i64>, offset: Option<i64>, usual: u32, most: u32) -> Self {
        let limit = limit.filter(|l| *l >= 1).map_or(usual, |l| u32::try_from(l).unwrap_or(u32::MAX));
        let offset = offset.filter(|o| *o >= 0).map_or(0, |o| u32::try_from(o).unwrap_or(u32::MAX));
        Self { limit: limit.min(most), offset }
    }
}

/// A stretch of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Rows of the whole list at the time of asking.
    pub total: i64,
    /// Rows asked for.
    pub limit: u32,
    /// Rows before them.
    pub offset: u32,
}
impl<T> List<T> {
    /// The same stretch with every row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> List<U> {
        let Self { items, total, limit, offset } = self;
        List { items: items.into_iter().map(f).collect(), total, limit, offset }
    }
}
