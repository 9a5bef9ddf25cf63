//! What a model makes of a transcript. Assistive, never evidence: every claim points at a span of the transcript.

mod analyse;
mod tasks;
mod when;

pub(crate) use analyse::{analyse, give_up, read};
use serde::{Deserialize, Serialize};

use crate::{
    calls::CallId,
    json_column,
    kit::{Id, Money, time::Timestamp},
    store::Record,
    text_enum,
    transcripts::TranscriptId,
};

text_enum! {
    /// The customer's mood over the whole call.
    pub enum Sentiment {
        /// Friendly.
        Positive = "positive",
        /// Neither.
        Neutral = "neutral",
        /// Angry or upset.
        Negative = "negative",
    }
}

text_enum! {
    /// What a finding is about.
    pub enum FindingKind {
        /// The person promised to pay.
        Promise = "promise",
        /// The person disputes the debt.
        Dispute = "dispute",
        /// The person wants no more calls.
        Cease = "cease",
        /// The person wants to be called back.
        Callback = "callback",
        /// Something a compliance officer should hear.
        Compliance = "compliance",
    }
}

text_enum! {
    /// What a compliance officer should hear.
    pub enum ComplianceTopic {
        /// Somebody was threatened.
        Threat = "threat",
        /// Somebody was insulted or worn down.
        Harassment = "harassment",
        /// Something untrue or misleading was said.
        FalseStatement = "false_statement",
        /// The debt was named to somebody else.
        ThirdParty = "third_party",
        /// Something had to be said and was not. The compliance engine's business: it reads the timeline, and a model would
        /// say it a second time or wrongly.
        MissingDisclosure = "missing_disclosure",
        /// Anything else.
        Other = "other",
    }
}

/// Where in the transcript's text a claim stands, in bytes of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Span {
    /// First byte.
    pub start: i64,
    /// Behind the last byte.
    pub end: i64,
}

/// One claim, with the words it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClaimedFinding {
    /// What it is about.
    pub kind: FindingKind,
    /// What a compliance officer should hear, for such a finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<ComplianceTopic>,
    /// The amount, for a promise.
    pub amount: Option<Money>,
    /// The day as it was said, for a promise or a callback.
    pub when: Option<String>,
    /// The words themselves.
    pub quote: String,
    /// Where they stand.
    pub span: Span,
}

/// What the model said, checked against the transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Insight {
    /// A few sentences; empty for a call on which too little was said, and where the organisation wants none.
    pub summary: String,
    /// The customer's mood; absent where the organisation wants none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentiment: Option<Sentiment>,
    /// Claims whose quotes were found in the transcript.
    pub findings: Vec<ClaimedFinding>,
    /// Claims whose quotes were not found, and so were dropped.
    pub dropped: i64,
    /// Signs of text that tried to instruct the model, by family.
    pub suspicious: Vec<String>,
}
json_column!(Insight);

/// An analysis of one transcript version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// Its id.
    pub id: Id<Analysis>,
    /// Of which call.
    pub call_id: CallId,
    /// Of which transcript; one each.
    pub transcript_id: TranscriptId,
    /// Which vendor.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// What it said.
    pub insight: Insight,
    /// `sha256:<hex>` of the canonical insight.
    pub insight_hash: String,
    /// False when a sandbox made it.
    pub live: bool,
    /// When.
    pub created_at: Timestamp,
}
impl Record for Analysis {
    const NAME: &'static str = "analysis";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
