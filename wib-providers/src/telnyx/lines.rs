//! What the adapters of credentials, trunks, numbers and messages share: one thing, a page of things, a thing gone.

use serde::de::DeserializeOwned;
use wib_core::ports::{
    Fault, Sent, VendorError,
    pages::{Place, Portion},
};

use super::{Telnyx, wire};
use crate::http::Ask;

/// Rows of a page.
const SIZE: usize = 250;
/// The last page that is read of any list.
const LAST_PAGE: u64 = 400;

impl Telnyx {
    /// The thing asked for; `None` when there is no such one.
    pub(super) async fn found<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<Option<T>, VendorError> {
        match ask.send().await {
            Err(gone) if gone.fault == Fault::Missing => Ok(None),
            answer => Ok(Some(answer?.json::<wire::Single<T>>()?.data)),
        }
    }

    /// Has a thing deleted; one that is gone already is a success.
    pub(super) async fn gone(&self, ask: Ask<'_>) -> Result<(), VendorError> {
        match ask.send().await {
            Err(gone) if gone.fault == Fault::Missing => Ok(()),
            done => done.map(drop),
        }
    }

    /// One page of a numbered list; a place is the number of its page.
    pub(super) async fn portion<T: DeserializeOwned>(
        &self,
        ask: Ask<'_>,
        filters: &[(&str, Option<&str>)],
        place: Option<Place>,
    ) -> Result<Portion<T>, VendorError> {
        let number = place.map_or(Some(1), |place| place.0.parse().ok());
        let no_place = || self.client.fault(Fault::Request, Sent::No, "not a place in this list");
        let number: u64 = number.filter(|number| (1..=LAST_PAGE).contains(number)).ok_or_else(no_place)?;
        let ask = filters.iter().fold(ask, |ask, (name, value)| match value {
            Some(value) => ask.query(name, value),
            None => ask,
        });
        let ask = ask.query("page[number]", &number.to_string()).query("page[size]", &SIZE.to_string());
        let page: wire::Listed<T> = ask.send().await?.json()?;
        // A vendor that gives smaller pages than asked for says how many there are.
        let last = page.meta.total_pages.map_or(page.data.len() < SIZE, |pages| number >= pages);
        if !last && number == LAST_PAGE {
            return Err(self.client.fault(Fault::Nonsense, Sent::Unknown, "a list without an end"));
        }
        let next = (!last).then(|| Place((number + 1).to_string()));
        Ok(Portion { items: page.data, next })
    }
}
