//! Telling the billing vendor's meters what was used.

use std::time::Duration;

use super::UsageStats;
use crate::{
    kit::{Error, Result, time},
    orgs::OrganizationId,
    ports::{
        Billing,
        billing::{Slice, UsageEvent},
    },
    wib::Wib,
};

/// The meter of calls, by the name that its events carry.
pub const CALLS: &str = "voice_calls";
/// The meter of begun minutes of calls.
pub const MINUTES: &str = "voice_minutes";
/// How far back days are told.
const BACK: Duration = Duration::from_secs(31 * 24 * 3600);

/// Tells the meters of every day that they do not know of, each once; how many days. Whoever is no customer is told of
/// nowhere, nor are days before that. A vendor without our meters counts nothing: such days are not told later either.
///
/// # Errors
/// The vendor's failure: what was not told is told another time, and the vendor counts what it heard twice once.
pub(crate) async fn report(wib: &Wib, organization: OrganizationId) -> Result<i64> {
    let Some(billing) = wib.billing() else { return Ok(0) };
    let mut tx = wib.store.org(organization).await?;
    let live = tx.organization().await?.live;
    let account = tx.billing_account().await?.filter(|known| known.vendor == billing.vendor());
    let Some(account) = account.filter(|_| live == billing.live()) else { return Ok(0) };
    let since = time::day_of(time::before(wib.now(), BACK).max(account.created_at));
    let days = tx.unreported_usage(since, 31).await?;
    drop(tx);
    if days.is_empty() {
        return Ok(0);
    }
    let meters = billing.meters(&Slice::default()).await?.items;
    let counted = |name: &str| meters.iter().any(|meter| meter.active && meter.event == name);
    for day in &days {
        let minutes = day.total_duration_seconds.div_euclid(60) + i64::from(day.total_duration_seconds % 60 > 0);
        for (meter, value) in [(CALLS, day.total_calls), (MINUTES, minutes)] {
            if value > 0 && counted(meter) {
                tell(&**billing, organization, &account.customer_id, day, meter, value).await?;
            }
        }
        let mut tx = wib.store.org(organization).await?;
        tx.mark_usage_reported(day.day, wib.now()).await?;
        tx.commit().await?;
    }
    let told = i64::try_from(days.len()).unwrap_or(i64::MAX);
    metrics::counter!("wib_usage_reported_total").increment(told.unsigned_abs());
    Ok(told)
}

async fn tell(
    billing: &dyn Billing,
    organization: OrganizationId,
    customer: &str,
    day: &UsageStats,
    meter: &str,
    value: i64,
) -> Result<()> {
    let next = day.day.tomorrow().map_err(|e| Error::internal("the calendar ends").because(e))?;
    let event = UsageEvent {
        event: meter.to_owned(),
        customer: customer.into(),
        value: value.to_string(),
        identifier: format!("{organization}:{}:{meter}", day.day),
        at: time::before(time::first_of(next), Duration::from_secs(1)),
    };
    Ok(billing.record_usage(&event).await?)
}
