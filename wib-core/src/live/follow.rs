//! What is done with a line once it is kept. Each step is a message of its own: none waits for another, and what fails stops
//! nothing else.

use super::{LiveLine, translate};
use crate::{calls::Call, kit::Result, store::OrgTx, wib::Wib};

/// Asks for everything that the call's wishes want of this line.
pub(super) async fn follow(_wib: &Wib, tx: &mut dyn OrgTx, call: &Call, line: &LiveLine) -> Result<()> {
    if call.listen.is_some_and(|listen| listen.translate) {
        translate::ask(tx, line).await?;
    }
    Ok(())
}
