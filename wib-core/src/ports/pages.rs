//! Vendors' lists, page by page.

use std::future::Future;

use super::{Fault, Sent, VendorError};

/// A place in a vendor's list. Only the adapter that gave it can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub String);

/// A page of a vendor's list, and where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portion<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` at the end.
    pub next: Option<Place>,
}

impl<T> Portion<T> {
    /// The same page with every item turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Portion<U> {
        Portion { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// Reads a list to its end: `whole("telnyx", 1000, |place| numbers.owned(&filter, place))`.
///
/// # Errors
/// What the vendor says; [`Fault::Nonsense`] for a list of more than `most` items or pages, which may have no end.
pub async fn whole<T, R>(
    vendor: &'static str,
    most: usize,
    mut read: impl FnMut(Option<Place>) -> R,
) -> Result<Vec<T>, VendorError>
where
    R: Future<Output = Result<Portion<T>, VendorError>>,
{
    let (mut all, mut place) = (Vec::new(), None);
    for _ in 0..most.max(1) {
        let page = read(place).await?;
        all.extend(page.items);
        place = page.next;
        if place.is_none() && all.len() <= most {
            return Ok(all);
        }
        if all.len() > most {
            break;
        }
    }
    Err(VendorError::new(vendor, Fault::Nonsense, Sent::Unknown, "a list without an end"))
}
