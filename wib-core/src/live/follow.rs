//! What is done with a line once it is kept. Each step is a message of its own: none waits for another, and what fails stops
//! nothing else.

use super::{LiveLine, translate};
use crate::{ai_agent, assist, calls::Call, kit::Result, sentiment, store::OrgTx, wib::Wib};

/// Asks for everything that the call's wishes want of this line.
pub(super) async fn follow(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, line: &LiveLine) -> Result<()> {
    ai_agent::ask_to_hear(wib, tx, call, line).await?;
    let Some(wishes) = call.listen else { return Ok(()) };
    if wishes.translate {
        translate::ask(tx, line).await?;
    }
    if wishes.sentiment {
        sentiment::ask(wib, tx, line).await?;
    }
    if wishes.assist {
        assist::ask(wib, tx, line).await?;
    }
    Ok(())
}
