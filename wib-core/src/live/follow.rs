//! What is done with a line once it is kept. Each step is a message of its own: none waits for another, and what fails stops
//! nothing else.

use super::LiveLine;
use crate::{ai_agent, calls::Call, kit::Result, store::OrgTx, wib::Wib};

/// Asks for everything that the call's wishes want of this line.
pub(super) async fn follow(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, line: &LiveLine) -> Result<()> {
    ai_agent::ask_to_hear(wib, tx, call, line).await
}
