use super::Tally;
use crate::{billing, kit::Result, usage, wib::Wib};

/// Organisations that are read at once.
const AT_ONCE: i64 = 200;

/// Asks the billing vendor for everything of each customer, so that a delivery that never came is made up for, and tells
/// its meters of days that they do not know of.
pub(super) async fn run(wib: &Wib) -> Result<Tally> {
    let mut tally = Tally::default();
    let Some(vendor) = wib.billing().map(|billing| billing.vendor()) else { return Ok(tally) };
    let mut after = None;
    loop {
        let some = wib.store.system().await?.customers_after(vendor, after, AT_ONCE).await?;
        let Some(last) = some.last().copied() else { return Ok(tally) };
        for organization in some {
            let asked = async {
                let found = billing::reconcile(wib, organization).await?;
                usage::report(wib, organization).await?;
                Ok::<_, crate::kit::Error>(found)
            };
            match asked.await {
                Ok(found) => tally.processed += found.map_or(0, |found| found.news),
                Err(error) => {
                    tracing::error!(%organization, error = error.chain(), "an organization's bills could not be reconciled");
                    tally.errors += 1;
                }
            }
        }
        after = Some(last);
    }
}
