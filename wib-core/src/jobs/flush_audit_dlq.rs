use super::Tally;
use crate::{audit, engine::Topic, kit::Result, wib::Wib};

/// Letters of one run.
const MOST: i64 = 50;

/// Writes lines of the audit log that were given up; what goes on failing stays a dead letter.
pub(super) async fn run(wib: &Wib) -> Result<Tally> {
    let letters = wib.store.system().await?.dead_letters(Some(Topic::WriteAudit), MOST).await?;
    let mut tally = Tally::default();
    for letter in letters {
        match audit::flush(wib, &letter).await {
            Ok(()) => {
                // The line first: a line that is there is not added again.
                let mut tx = wib.store.system().await?;
                tx.remove_letter(letter.id).await?;
                tx.commit().await?;
                tally.processed += 1;
            }
            Err(error) => {
                tracing::error!(letter = %letter.id, error = error.chain(), "a line of the audit log is refused again");
                tally.errors += 1;
            }
        }
    }
    Ok(tally)
}
