use jiff::civil::Date;

use super::UsageStats;
use crate::{
    kit::{Error, Result, Role, time},
    wib::{Org, Wib},
};

/// Adds up what every organisation used on a day, in UTC, keeps it instead of what was kept, and tells the billing vendor's
/// meters; how many organisations, and how many failed.
pub(crate) async fn aggregate(wib: &Wib, day: Date) -> Result<(i64, i64)> {
    let next = day.tomorrow().map_err(|e| Error::internal("the calendar ends").because(e))?;
    let sums = wib.store.system().await?.sums_of_calls(time::first_of(day), time::first_of(next)).await?;
    let (mut done, mut failed) = (0, 0);
    for (organization, sum) in sums {
        let stats = UsageStats {
            id: wib.id(),
            day,
            total_calls: sum.calls,
            total_duration_seconds: sum.seconds,
            total_recordings: sum.recordings,
            updated_at: wib.now(),
        };
        let kept = async {
            let mut tx = wib.store.org(organization).await?;
            tx.put_usage_stats(&stats).await?;
            tx.commit().await?;
            super::report(wib, organization).await
        };
        match kept.await {
            Ok(_) => done += 1,
            Err(error) => {
                tracing::error!(%organization, error = error.chain(), "a day's usage could not be kept, or told");
                failed += 1;
            }
        }
    }
    Ok((done, failed))
}

impl Org {
    /// What the organisation used, day by day, from one day to another; at most 400 days.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn usage_stats(&self, from: Date, to: Date) -> Result<Vec<UsageStats>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.usage_stats(from, to, 400).await
    }
}
