//! What language models may cost an organisation in a month, and what each prompt came to.
//!
//! Before anybody is asked, the most that all who may be asked can cost together is reserved, in one statement that refuses
//! what does not fit; afterwards what was spent takes its place. So prompts that are asked at once never exceed the budget
//! together. A prompt whose asker died is counted as spent whole when it is found.

mod ask;
mod budget;

pub(crate) use ask::ask;
pub use budget::{AiSpending, ListAiRuns, PutAiBudget};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

/// Most that models may cost an organisation in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AiBudget {
    /// Its id.
    pub id: Id<AiBudget>,
    /// Millionths of a US dollar, a calendar month of UTC.
    pub limit_micros: i64,
    /// When it was last set.
    pub updated_at: Timestamp,
}
impl Record for AiBudget {
    const NAME: &'static str = "AI budget";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// What models cost in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiMonth {
    /// What is being asked may cost that much, in millionths of a US dollar.
    pub reserved_micros: i64,
    /// What was asked cost that much.
    pub spent_micros: i64,
}

text_enum! {
    /// What became of a prompt.
    pub enum AiRunStatus {
        /// It is being asked.
        Asked = "asked",
        /// Somebody answered.
        Answered = "answered",
        /// Nobody could.
        Degraded = "degraded",
        /// It was wrong.
        Refused = "refused",
        /// Who asked it never said what became of it: the most it could cost counts as spent.
        Lost = "lost",
    }
}

/// A prompt that was asked: who and why, and what it cost. Holds no word of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AiRun {
    /// Its id.
    pub id: Id<AiRun>,
    /// The call that it is about.
    pub call_id: Option<CallId>,
    /// What became of it.
    pub status: AiRunStatus,
    /// The month that bears its cost, `YYYY-MM`.
    pub month: String,
    /// What was reserved for it, in millionths of a US dollar.
    pub reserved_micros: i64,
    /// What it cost; `None` while it is asked, and where a price is unknown.
    pub cost_micros: Option<i64>,
    /// The [`Decision`](super::Decision).
    pub decision: Json,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it was answered or not.
    pub ended_at: Option<Timestamp>,
}
impl Record for AiRun {
    const NAME: &'static str = "AI run";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// The month of an instant, `YYYY-MM` in UTC.
fn month(at: Timestamp) -> String {
    let day = at.to_zoned(TimeZone::UTC).date();
    format!("{:04}-{:02}", day.year(), day.month())
}
