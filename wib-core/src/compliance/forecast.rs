//! When an act will be lawful: spans of a time to come, on the facts of now.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Facts, Outcome, RuleId, RulePack, judge::Bench};
use crate::kit::Timestamp;

/// The most steps of one forecast.
const INSTANTS: i32 = 10_000;
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A span in which the same comes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// What comes out at each instant of it that was judged.
    pub outcome: Outcome,
    /// The rule that stands in the way at its beginning; `None` when it permits.
    pub blocked_by: Option<RuleId>,
    /// The first lawful instant as told at its beginning, when it defers.
    pub not_before: Option<Timestamp>,
}

/// What to expect, as long as nothing happens that would make other facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// `sha256:<hex>` of the pack.
    pub pack_hash: String,
    /// One after the other, without a gap.
    pub spans: Vec<Span>,
}
impl Forecast {
    /// The spans in which the act is permitted.
    pub fn lawful(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(|s| s.outcome == Outcome::Permit)
    }
}

/// Judges the act on these facts from `from` until before `to`.
///
/// What comes out at the beginning of a span is what [`judge`](super::judge()) says there. A deferment lasts until the
/// instant it tells. Anything else lasts for as long as instants `step` apart (a second at least, and more when there
/// would be more than 10 000) say the same, so a ban shorter than the step may be passed over; where a permission ends
/// between two of them, its end is found to the second.
#[must_use]
pub fn forecast(facts: &Facts, pack: &RulePack, from: Timestamp, to: Timestamp, step: SignedDuration) -> Forecast {
    let facts = facts.clone().ordered();
    let bench = Bench::new(&facts, pack);
    let step = step.max(SECOND).max(to.duration_since(from) / INSTANTS);
    let later = |at: Timestamp, by| at.checked_add(by).unwrap_or(to).min(to);
    let mut spans: Vec<Span> = Vec::new();
    let mut at = from;
    while at < to {
        let (outcome, blocked_by, not_before) = bench.verdict(at);
        let mut end = not_before.map_or_else(|| later(at, step), |known| known.min(to));
        if outcome == Outcome::Permit && bench.verdict(end).0 != Outcome::Permit {
            let mut lawful = at;
            // In whole seconds, which is what the law is written in.
            loop {
                let half = lawful.duration_since(end).as_secs().abs() / 2;
                if half == 0 {
                    break;
                }
                let middle = later(lawful, SignedDuration::from_secs(half));
                if bench.verdict(middle).0 == Outcome::Permit {
                    lawful = middle;
                } else {
                    end = middle;
                }
            }
        }
        match spans.last_mut() {
            Some(last) if last.outcome == outcome && last.blocked_by.as_ref() == blocked_by => last.to = end,
            _ => spans.push(Span { from: at, to: end, outcome, blocked_by: blocked_by.cloned(), not_before }),
        }
        at = end;
    }
    Forecast { pack_hash: pack.hash().unwrap_or_default(), spans }
}
