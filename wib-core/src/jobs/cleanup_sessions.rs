use super::Tally;
use crate::{kit::Result, wib::Wib};

/// Removes sessions and one-time tokens that have ended.
pub(super) async fn run(wib: &Wib) -> Result<Tally> {
    let mut tx = wib.store.system().await?;
    let gone = tx.delete_expired(wib.now()).await?;
    tx.commit().await?;
    Ok(Tally::of(gone))
}
