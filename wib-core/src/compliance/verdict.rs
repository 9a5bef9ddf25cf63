//! What comes out: findings, the explanation they make, the verdict.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{DutyKind, Facts, RuleId};
use crate::{
    kit::{Result, Timestamp, canonical},
    text_enum,
};

text_enum! {
    /// What a rule, or all of them together, say. Ordered by strictness: the greatest stands.
    pub enum Outcome {
        /// It may be done.
        Permit = "permit",
        /// It may be done once something else was done.
        Require = "require",
        /// It may be done later, at a known instant.
        Defer = "defer",
        /// A person decides.
        Review = "review",
        /// It may not be done on these facts.
        Deny = "deny",
    }
}

text_enum! {
    /// How far a rule was checked against its source.
    pub enum Confidence {
        /// The primary text was read.
        Primary = "p",
        /// A summary by an agency, a law firm or a trade body was read.
        Summary = "s",
        /// Known from the literature and not read again: open the cited text before relying on it.
        Known = "k",
    }
}

/// What one rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: RuleId,
    /// What it says.
    pub outcome: Outcome,
    /// The text it is read from.
    pub citation: String,
    /// How far that reading was checked.
    pub confidence: Confidence,
    /// One sentence for people; names nobody and no number.
    pub explanation: Cow<'static, str>,
    /// When it defers: the first instant at which this rule alone permits.
    pub not_before: Option<Timestamp>,
    /// The question to answer (`review`), the thing to do (`require`), the fact that would have to change (`deny`).
    pub needed: Option<Cow<'static, str>>,
    /// The duty, when it requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duty: Option<DutyKind>,
    /// The rule that exempts from this one, when one does; then it permits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt_by: Option<RuleId>,
    /// The facts it used: texts, integers, ids, instants in RFC 3339; null where it used none but what the rule names. Of a
    /// rule that exempts, `satisfied` is among them.
    pub facts: Json,
}

/// What would come out if one rule that stands in the way were satisfied and all else stayed as it is: the strictest
/// of the other findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterfactual {
    /// The rule.
    pub rule: RuleId,
    /// What would have to change.
    pub change: String,
    /// What would come out.
    pub outcome: Outcome,
}

/// A verdict in full: enough to check it without us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The version of the pack that was applied.
    pub pack: String,
    /// `sha256:<hex>` of that pack's canonical text.
    pub pack_hash: String,
    /// The instant that was judged.
    pub decided_at: Timestamp,
    /// The strictest outcome of all findings; `review` too when no instant satisfies every deferring rule.
    pub outcome: Outcome,
    /// The rule that stands in the way: the strictest, the first of the pack among equals.
    pub blocked_by: Option<RuleId>,
    /// When it defers: the first instant at which no rule in force by then defers, on these facts, whatever else they say;
    /// looked for from the latest `not_before` of the findings to the next, 64 times.
    pub not_before: Option<Timestamp>,
    /// What every rule in force that binds the act found, in the order of the pack.
    pub findings: Vec<Finding>,
    /// What would come out if one rule were satisfied, for every rule that did not permit.
    pub counterfactuals: Vec<Counterfactual>,
    /// The facts, in one order.
    pub facts: Facts,
}
impl Explanation {
    /// `sha256:<hex>` of its canonical text.
    ///
    /// # Errors
    /// `Invalid` when a finding read from outside holds a number that is not an integer.
    pub fn hash(&self) -> Result<String> {
        canonical::hash(self)
    }
    /// The finding of that rule, when it was in force.
    #[must_use]
    pub fn finding(&self, rule: &str) -> Option<&Finding> {
        self.findings.iter().find(|f| f.rule.as_str() == rule)
    }
}

/// A decision; only [`judge`](super::judge()) makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[must_use]
pub struct Verdict {
    explanation: Explanation,
}
impl Verdict {
    pub(super) const fn new(explanation: Explanation) -> Self {
        Self { explanation }
    }
    /// Why.
    #[must_use]
    pub const fn explanation(&self) -> &Explanation {
        &self.explanation
    }
    /// What was decided.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.explanation.outcome
    }
    /// Whether it may be done now, with nothing to do first.
    #[must_use]
    pub const fn permits(&self) -> bool {
        matches!(self.explanation.outcome, Outcome::Permit)
    }
}
impl From<Verdict> for Explanation {
    fn from(verdict: Verdict) -> Self {
        verdict.explanation
    }
}
