//! Lists in pages, and all pages of a list.

use crate::ports::VendorError;

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Items of a page, 1 to 100.
    pub limit: u8,
    /// [`Listed::next`] of the page before.
    pub after: Option<String>,
}
impl Default for Slice {
    fn default() -> Self {
        Self { limit: Self::MOST, after: None }
    }
}
impl Slice {
    /// The most items of a page.
    pub const MOST: u8 = 100;
    /// The first page with at most that many items.
    #[must_use]
    pub fn first(limit: u8) -> Self {
        Self { limit: limit.clamp(1, Self::MOST), after: None }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// All items of a list, page by page, but no more than `most` of them; whether the list ended before that.
///
/// ```
/// # use wib_core::ports::{Billing, VendorError, billing::{every, Product}};
/// # async fn all(billing: &dyn Billing) -> Result<Vec<Product>, VendorError> {
/// let (products, _whole) = every(1000, async |page| billing.products(&page).await).await?;
/// # Ok(products)
/// # }
/// ```
///
/// # Errors
/// The first page that fails.
pub async fn every<T>(
    most: usize,
    mut fetch: impl AsyncFnMut(Slice) -> Result<Listed<T>, VendorError>,
) -> Result<(Vec<T>, bool), VendorError> {
    let (mut items, mut after) = (Vec::new(), None);
    while items.len() < most {
        let limit = u8::try_from(most - items.len()).unwrap_or(Slice::MOST).min(Slice::MOST);
        let page = fetch(Slice { limit, after: after.take() }).await?;
        // A page that brings nothing would be asked for without end.
        let empty = page.items.is_empty();
        items.extend(page.items);
        match page.next {
            Some(next) if !empty => after = Some(next),
            _ => return Ok((items, true)),
        }
    }
    items.truncate(most);
    Ok((items, false))
}
