//! What the installation amounts to.

use std::time::Duration;

use crate::{
    kit::{
        Result,
        time::{self, Timestamp},
    },
    wib::Platform,
};

/// How long is looked back at what happens over time.
const LOOKED_BACK: Duration = Duration::from_secs(30 * 24 * 3600);

/// Everything added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// As of when.
    pub now: Timestamp,
    /// Calls that are up, of one organisation.
    pub active_calls: i64,
    /// Organisations.
    pub organizations: i64,
    /// Users.
    pub users: i64,
    /// What organisations paid for the service in US dollars, in cents; other currencies are not added to it.
    pub paid_cents: i64,
    /// Sessions that are not over.
    pub sessions: i64,
    /// How long recordings are together, in milliseconds.
    pub recorded_ms: i64,
    /// Calls that were recorded.
    pub recorded_calls: i64,
}

impl Platform {
    /// Everything added up; what happens over time, over the last 30 days. Calls that are up are those of the organisation
    /// that is acted from: none without one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn totals(&self) -> Result<Totals> {
        let now = self.wib().now();
        self.tx().await?.totals(self.home(), time::before(now, LOOKED_BACK), now).await
    }
}
