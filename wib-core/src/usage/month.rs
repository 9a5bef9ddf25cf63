//! What an organisation used in a calendar month, and whether there is more to be had.

use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    calls::Call,
    kit::{Error, Result, Role, time, time::Timestamp},
    orgs::Plan,
    plans::{self, Amounts},
    store::{OrgTx, Record},
    wib::{Org, Person},
};

/// What was used in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Calls that were made.
    pub calls: i64,
    /// How long those took that have ended, in whole seconds.
    pub seconds: i64,
    /// Recordings that were made.
    pub recordings: i64,
    /// Transcripts that were made, by order or of recordings.
    pub transcripts: i64,
    /// What recordings, sounds and files take now, in bytes.
    pub storage_bytes: i64,
}

/// Bytes of a gigabyte, as plans count them.
const GB: i64 = 1_000_000_000;

/// What was used in this calendar month, and what the plan lets be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthOfUse {
    /// What was used.
    pub used: Used,
    /// What the plan lets be used.
    pub amounts: Amounts,
    /// The month's first instant, in UTC.
    pub from: Timestamp,
    /// The next one's.
    pub until: Timestamp,
}
impl MonthOfUse {
    /// The month of an instant in which nothing was used.
    ///
    /// # Errors
    /// When the calendar ends.
    pub fn empty(now: Timestamp, plan: Plan) -> Result<Self> {
        let (from, until) = month(now)?;
        Ok(Self { used: Used::default(), amounts: plan.amounts(), from, until })
    }
}

/// The first instants of the month of an instant, and of the next, in UTC.
fn month(now: Timestamp) -> Result<(Timestamp, Timestamp)> {
    let first: Date = time::day_of(now).first_of_month();
    let next = first.checked_add(1.month()).map_err(|e| Error::internal("the calendar ends").because(e))?;
    Ok((time::first_of(first), time::first_of(next)))
}

impl Person {
    /// What the chosen organisation used in this calendar month, in UTC; nothing without one.
    ///
    /// # Errors
    /// As [`Org::month_of_use`].
    pub async fn month_of_use(&self) -> Result<MonthOfUse> {
        if self.signed_in().principal.is_none() {
            return MonthOfUse::empty(self.wib.now(), Plan::Free);
        }
        self.org().await?.month_of_use().await
    }
}

impl Org {
    /// What the organisation used in this calendar month, in UTC.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn month_of_use(&self) -> Result<MonthOfUse> {
        self.at_least(Role::Viewer)?;
        let empty = MonthOfUse::empty(self.wib.now(), self.organization().plan)?;
        let used = self.tx().await?.used(empty.from, empty.until).await?;
        Ok(MonthOfUse { used, ..empty })
    }

    /// Refuses another call when the plan lets no more be begun this month. A test organisation has no amounts. Whoever
    /// asks is alone until the end of the transaction, so that two never take the last one.
    ///
    /// # Errors
    /// `QuotaExceeded` with `limit`, `used`, `current_plan`, `required_plan` and `upgrade_url`.
    pub(crate) async fn one_more_call(&self, tx: &mut dyn OrgTx) -> Result<()> {
        if !self.organization().live {
            return Ok(());
        }
        // As it is now, not as it was when the handle was made.
        let organization = tx.organization().await?;
        let Some(limit) = organization.plan.amounts().calls else { return Ok(()) };
        let (from, _) = month(self.wib.now())?;
        tx.lock_count_of(Call::NAME).await?;
        let used = tx.count_calls_since(from).await?;
        if used < limit {
            return Ok(());
        }
        metrics::counter!("wib_quota_refusals_total", "of" => "calls").increment(1);
        let more = |amounts: Amounts| amounts.calls.is_none_or(|calls| used < calls);
        Err(plans::used_up("calls of this month", organization.plan, limit, used, more))
    }

    /// Refuses what is brought when the plan lets nothing more be stored. Recordings are kept all the same: they are owed.
    ///
    /// # Errors
    /// `QuotaExceeded` with `limit` and `used` in bytes, `current_plan`, `required_plan` and `upgrade_url`.
    pub(crate) async fn room_for(&self, tx: &mut dyn OrgTx, bytes: i64) -> Result<()> {
        let plan = tx.organization().await?.plan;
        let room = |amounts: Amounts| amounts.storage_gb.map(|gb| gb.saturating_mul(GB));
        let Some(limit) = room(plan.amounts()) else { return Ok(()) };
        let used = tx.stored_bytes().await?;
        let fits = |limit: i64| used.saturating_add(bytes) <= limit;
        if fits(limit) {
            return Ok(());
        }
        metrics::counter!("wib_quota_refusals_total", "of" => "storage").increment(1);
        Err(plans::used_up("gigabytes", plan, limit, used, |amounts| room(amounts).is_none_or(fits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_with_its_first_instant_and_ends_with_the_next_ones() {
        let of = |text: &str| month(text.parse().unwrap()).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(of("2026-02-28T23:59:59.999999Z"), (at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z")));
        assert_eq!(of("2026-12-01T00:00:00Z"), (at("2026-12-01T00:00:00Z"), at("2027-01-01T00:00:00Z")));
    }
}
