//! One hint for the member of a call, for whoever polls.

use super::{advise, check::Grounds, script};
use crate::{
    ai,
    calls::{Call, CallId},
    kit::{OrNotFound, Result, Role},
    text_enum, usage,
    wib::Org,
};

/// Lines that a model reads.
const LINES: i64 = 10;

text_enum! {
    /// Why there is no hint.
    pub enum NoHint {
        /// Nothing was heard on the call.
        NoTranscript = "no_transcript",
        /// No model answered, or none may be asked.
        AiError = "ai_error",
        /// Something of ours failed.
        Error = "error",
    }
}

/// A hint for the member of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The hint; what stands on nothing that was said or written is none.
    pub suggestion: Option<String>,
    /// Why there is none, where it is not that there is nothing to say.
    pub reason: Option<NoHint>,
}
impl Hint {
    const fn none(reason: Option<NoHint>) -> Self {
        Self { suggestion: None, reason }
    }
}

impl Org {
    /// A hint for the member of a call, from its last ten lines. Whatever fails, the talk goes on: a failure is a reason,
    /// never an error.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn suggest(&self, id: CallId) -> Result<Hint> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let call: Call = tx.find(id).await?.or_not_found("call")?;
        drop(tx);
        Ok(self.hint(&call).await.unwrap_or_else(|error| {
            tracing::warn!(call = %id, error = error.chain(), "there is no hint");
            Hint::none(Some(NoHint::Error))
        }))
    }

    async fn hint(&self, call: &Call) -> Result<Hint> {
        let mut tx = self.tx().await?;
        let behind = tx.next_line(call.id).await?;
        let lines = tx.lines_after(call.id, behind - 1 - LINES, LINES).await?;
        if lines.is_empty() {
            return Ok(Hint::none(Some(NoHint::NoTranscript)));
        }
        let owed = advise::owed(&mut *tx, call).await?;
        let script = tx.script_lines(script::MOST).await?;
        drop(tx);
        let grounds = Grounds::new(&lines, None, None, &script, owed);
        let mut prompt = grounds.prompt();
        prompt.temperature_milli = 300;
        let completion = match ai::ask(&self.wib, self.id(), Some(call.id), &prompt).await {
            Ok(completion) => completion,
            Err(error) => {
                tracing::warn!(call = %call.id, error = error.chain(), "no model gives a hint");
                return Ok(Hint::none(Some(NoHint::AiError)));
            }
        };
        let checked = grounds.check(&completion.text);
        let mut tx = self.tx().await?;
        let source = format!("hint:{}", self.wib.id::<Call>());
        for usage in usage::of_completion(&self.wib, call.id, &source, &completion) {
            tx.note_usage(&usage).await?;
        }
        let negotiating = checked.as_ref().map_or(0, |checked| checked.negotiating);
        if negotiating > 0 {
            tx.insert(&advise::prevented(&self.wib, call.id, &completion, negotiating)).await?;
        }
        let suggestion = checked.and_then(|checked| checked.claims.into_iter().next()).map(|claim| claim.text);
        tx.commit().await?;
        Ok(Hint { suggestion, reason: None })
    }
}
