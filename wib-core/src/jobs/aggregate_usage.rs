use super::Tally;
use crate::{
    kit::{Error, Result, time, time::Timestamp},
    usage,
    wib::Wib,
};

/// Adds up the day before the tick, in UTC: the tick's own day, however late it runs.
pub(super) async fn run(wib: &Wib, due: Timestamp) -> Result<Tally> {
    let day = time::day_of(due).yesterday().map_err(|e| Error::internal("the calendar begins").because(e))?;
    let (processed, errors) = usage::aggregate(wib, day).await?;
    Ok(Tally { processed, errors })
}
