//! What is done with a line once it is kept. Each step is a message of its own: none waits for another, and what fails stops
//! nothing else.

use super::LiveLine;
use crate::{calls::Call, kit::Result, store::OrgTx, wib::Wib};

/// Asks for everything that the call's wishes want of this line.
pub(super) async fn follow(_wib: &Wib, _tx: &mut dyn OrgTx, _call: &Call, _line: &LiveLine) -> Result<()> {
    Ok(())
}
