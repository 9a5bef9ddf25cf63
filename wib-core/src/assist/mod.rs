//! Advice for the member who talks, while they talk. Assistive, never evidence.
//!
//! Every claim stands on something that can be looked up: words that were said on the call, or a fixed line of a script.
//! What stands on nothing is not shown. Terms are for people: a claim that names an amount which nobody said, or offers
//! something, is dropped and noted as a violation that was prevented (`AI_NO_NEGOTIATION`).
//!
//! One question is under way per call; what the person says meanwhile makes the next one, the last words only.

mod advise;
mod ask;
mod check;
mod script;
mod suggest;

pub(crate) use advise::{advise, ask};
pub use ask::{AskCopilot, Guidance};
pub use script::{GUIDE, GuideLine, PutScriptLine, ScriptLine, ScriptLineId};
use serde::{Deserialize, Serialize};
pub use suggest::{Hint, NoHint};

use crate::{
    analysis::Span,
    calls::{Call, CallId},
    json_column,
    kit::{Id, OrNotFound, Result, Role, time::Timestamp},
    live::LineId,
    store::{Record, Repo},
    wib::Org,
};

/// Pieces of advice that are read at once.
const PAGE: i64 = 500;

/// What a claim stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Citation {
    /// Words that were said on the call.
    Line {
        /// In which line.
        line_id: LineId,
        /// Where in its text.
        span: Span,
    },
    /// Words that were given with the question.
    Segment {
        /// Where in them.
        span: Span,
    },
    /// A fixed line.
    Script {
        /// Which: `guide:` and a word for those of the house, else the id of one of the organisation's.
        line: String,
    },
}

/// A piece of advice, and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Claim {
    /// The advice. Private data stands in it as a placeholder.
    pub text: String,
    /// What it stands on.
    pub citation: Citation,
}

/// Claims, in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(pub Vec<Claim>);
json_column!(Claims);

/// What a member was advised after a line of the person's; one each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Its id.
    pub id: Id<Advice>,
    /// On which call.
    pub call_id: CallId,
    /// After which line.
    pub line_id: LineId,
    /// The line's place.
    pub line_index: i64,
    /// The advice; at least one claim.
    pub claims: Claims,
    /// Claims that stood on nothing, or were none of a machine's business, and so were dropped.
    pub dropped: i64,
    /// Which vendor.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// False when a sandbox gave it.
    pub live: bool,
    /// When.
    pub created_at: Timestamp,
}
impl Record for Advice {
    const NAME: &'static str = "advice";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// How far advice on a call has come; one each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistTurn {
    /// Its id.
    pub id: Id<AssistTurn>,
    /// On which call.
    pub call_id: CallId,
    /// Until when somebody is being asked, at most.
    pub busy_until: Option<Timestamp>,
    /// The place of the last line that somebody was asked after; -1 before the first.
    pub advised_index: i64,
}
impl Record for AssistTurn {
    const NAME: &'static str = "turn of advice";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

impl Org {
    /// What the member of a call was advised, in order.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn advice(&self, id: CallId) -> Result<Vec<Advice>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.advice_of_call(id, PAGE).await
    }
}
