use super::Tally;
use crate::{
    engine::Owner,
    kit::{Result, time},
    payments::{self, Charged, DOUBT},
    wib::Wib,
};

/// Payments of one run.
const MOST: i64 = 50;

/// Looks after payments that nobody heard of for an hour, then takes those whose day has come, the oldest first.
pub(super) async fn run(wib: &Wib) -> Result<Tally> {
    let mut tally = Tally::default();
    let asked = time::before(wib.now(), DOUBT);
    let doubtful = wib.store.system().await?.doubtful_payments(asked, MOST).await?;
    for owner in doubtful {
        note(&mut tally, owner, payments::look_after(wib, owner).await);
    }
    let due = wib.store.system().await?.due_payments(time::day_of(wib.now()), MOST).await?;
    for owner in due {
        note(&mut tally, owner, payments::charge(wib, owner).await);
    }
    Ok(tally)
}

fn note(tally: &mut Tally, owner: Owner, outcome: Result<Charged>) {
    match outcome {
        Ok(Charged::Done) => tally.processed += 1,
        Ok(Charged::Nothing) => {}
        Ok(Charged::Failed) => tally.errors += 1,
        Err(error) => {
            tracing::error!(payment = %owner.record, error = error.chain(), "a payment could not be taken");
            tally.errors += 1;
        }
    }
}
