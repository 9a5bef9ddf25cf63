use std::time::Duration;

use super::Tally;
use crate::{
    kit::{Result, time},
    wib::Wib,
};

/// Done messages and applied events are kept this long, so that late repeats are known.
const KEEP: Duration = Duration::from_secs(30 * 24 * 3600);
/// Runs of jobs are kept this long, and which mails went: their vendors tell of them for days.
const KEEP_RUNS: Duration = Duration::from_secs(90 * 24 * 3600);

/// What addresses were told is kept this long, and what they could not be told.
const KEEP_DELIVERIES: Duration = Duration::from_secs(30 * 24 * 3600);
const KEEP_FAILURES: Duration = Duration::from_secs(90 * 24 * 3600);
/// Who asked to be shown the product is kept this long.
const KEEP_ENQUIRIES: Duration = Duration::from_secs(365 * 24 * 3600);

/// Removes what is long done.
pub(super) async fn purge(wib: &Wib) -> Result<Tally> {
    let now = wib.now();
    let mut tx = wib.store.system().await?;
    let gone = tx.purge(time::before(now, KEEP)).await?
        + tx.purge_runs(time::before(now, KEEP_RUNS)).await?
        + tx.purge_mails(time::before(now, KEEP_RUNS)).await?
        + tx.purge_deliveries(time::before(now, KEEP_DELIVERIES)).await?
        + tx.purge_failures(time::before(now, KEEP_FAILURES)).await?
        + tx.purge_enquiries(time::before(now, KEEP_ENQUIRIES)).await?;
    tx.commit().await?;
    Ok(Tally::of(gone))
}
