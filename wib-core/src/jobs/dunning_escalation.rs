use std::time::Duration;

use super::Tally;
use crate::{
    billing,
    kit::{Result, time},
    wib::Wib,
};

/// Organisations of one run.
const MOST: i64 = 20;
/// Invoices whose charge was declined this lately.
const FAILED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Takes the next dunning step of each overdue invoice whose time has come.
pub(super) async fn run(wib: &Wib) -> Result<Tally> {
    let now = wib.now();
    let since = time::before(now, FAILED);
    let organizations = wib.store.system().await?.organizations_to_dun(since, now, MOST).await?;
    let mut tally = Tally::default();
    for organization in organizations {
        match billing::escalate(wib, organization, since).await {
            Ok((taken, failed)) => {
                tally.processed += taken;
                tally.errors += failed;
            }
            Err(error) => {
                tracing::error!(%organization, error = error.chain(), "an organization could not be dunned");
                tally.errors += 1;
            }
        }
    }
    Ok(tally)
}
