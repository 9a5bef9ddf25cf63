//! Advice that a member asks for by hand.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Claim, advise, check::Grounds, script};
use crate::{
    ai,
    calls::{Call, CallId},
    kit::{Error, Kind, OrNotFound, Result, Role, text},
    usage,
    wib::Org,
};

/// Asks for advice: on a call, on words that were said, or on a question; one of the last two must be given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AskCopilot {
    /// On which call; its last lines are read.
    pub call_id: Option<CallId>,
    /// What was said, at most 50,000 characters; the last 8,000 or so are read.
    pub transcript_segment: Option<String>,
    /// What the member wants to know, at most 5,000 characters.
    pub agent_question: Option<String>,
}

/// What a member was advised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Guidance {
    /// The advice, and what each piece of it stands on; empty when nothing held.
    pub claims: Vec<Claim>,
    /// Pieces that did not hold.
    pub dropped: i64,
    /// How long it took, in milliseconds.
    pub latency_ms: i64,
}

/// Characters of a segment that are read: its end, where the talk is now.
const SEGMENT: usize = 6000;

impl Org {
    /// Advises a member who asks. What does not stand on words of the call, the segment or the script is left out.
    ///
    /// # Errors
    /// `Invalid` without words and question; `NotFound` for the call; `Unavailable` when no model answers;
    /// `QuotaExceeded` when the budget does not allow it; `Forbidden` below agent.
    pub async fn ask_copilot(&self, command: AskCopilot) -> Result<Guidance> {
        self.at_least(Role::Agent)?;
        let segment = text::optional("transcript_segment", command.transcript_segment, 50_000)?;
        let question = text::optional("agent_question", command.agent_question, 5000)?;
        if segment.is_none() && question.is_none() {
            return Err(Error::field("agent_question", "or a transcript_segment must be given"));
        }
        let began = self.wib.now();
        let mut tx = self.tx().await?;
        let (mut lines, mut owed) = (vec![], None);
        if let Some(id) = command.call_id {
            let call: Call = tx.find(id).await?.or_not_found("call")?;
            let behind = tx.next_line(id).await?;
            lines = tx.lines_after(id, behind - 1 - advise::LINES, advise::LINES).await?;
            owed = advise::owed(&mut *tx, &call).await?;
        }
        let script = tx.script_lines(script::MOST).await?;
        drop(tx);
        let end = segment.as_deref().map(|segment| {
            let skipped = segment.chars().count().saturating_sub(SEGMENT);
            segment.char_indices().nth(skipped).map_or(segment, |(at, _)| &segment[at..])
        });
        let grounds = Grounds::new(&lines, end, question.as_deref(), &script, owed);
        let completion = ai::ask(&self.wib, self.id(), command.call_id, &grounds.prompt()).await.map_err(|error| {
            let unavailable = Error::new(Kind::Unavailable, "AI_UNAVAILABLE", "there is no advice now: go on without");
            if error.kind() == Kind::QuotaExceeded { error } else { unavailable.because(error) }
        })?;
        let checked = grounds.check(&completion.text);
        let mut tx = self.tx().await?;
        if let Some(id) = command.call_id {
            let source = format!("copilot:{}", self.wib.id::<Call>());
            for usage in usage::of_completion(&self.wib, id, &source, &completion) {
                tx.note_usage(&usage).await?;
            }
            if let Some(checked) = checked.as_ref().filter(|checked| checked.negotiating > 0) {
                tx.insert(&advise::prevented(&self.wib, id, &completion, checked.negotiating)).await?;
            }
        }
        let (claims, dropped) = checked.map_or((vec![], 0), |checked| (checked.claims, checked.dropped));
        let told =
            json!({"claims": claims.len(), "dropped": dropped, "vendor": completion.vendor, "model": completion.model});
        let about = ("call", command.call_id.map(|id| id.uuid()));
        self.audit("ai:copilot_assist", about).with(told).write(&mut *tx).await;
        tx.commit().await?;
        let latency_ms = (self.wib.now().as_millisecond() - began.as_millisecond()).max(0);
        Ok(Guidance { claims, dropped, latency_ms })
    }
}
