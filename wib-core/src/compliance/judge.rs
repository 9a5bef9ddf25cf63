//! The one function that makes verdicts.

use jiff::tz::TimeZone;

use super::{Explanation, Facts, Finding, Outcome, RulePack, Verdict};
use crate::kit::Timestamp;

/// How often the next lawful instant is looked for. Each step satisfies at least one more rule, so few are needed; a
/// pack whose rules exclude one another ends here.
const STEPS: usize = 64;

/// Applies every rule of the pack that is in force at `now`; the strictest outcome stands.
///
/// Pure: the same facts, pack and instant give the same bytes, whatever the order of the lists, as long as the time
/// zone database says the same about that instant. A pack without a rule in force denies.
pub fn judge(facts: &Facts, pack: &RulePack, now: Timestamp) -> Verdict {
    let facts = facts.clone().ordered();
    let findings = run(&facts, pack, now);
    let strictest = strictest(&findings);
    let blocked_by = match strictest {
        Outcome::Permit => None,
        _ => findings.iter().find(|f| f.outcome == strictest).map(|f| f.rule.clone()),
    };
    let (outcome, not_before) = match strictest {
        Outcome::Defer => match lawful_from(&facts, pack, &findings) {
            Some(at) => (Outcome::Defer, Some(at)),
            None => (Outcome::Review, None),
        },
        other => (other, None),
    };
    Verdict::new(Explanation {
        pack: pack.version.clone(),
        pack_hash: pack.hash().unwrap_or_default(),
        decided_at: now,
        outcome,
        blocked_by,
        not_before,
        findings,
        counterfactuals: vec![],
        facts,
    })
}

fn run(facts: &Facts, pack: &RulePack, now: Timestamp) -> Vec<Finding> {
    let today = now.to_zoned(TimeZone::UTC).date();
    pack.binding(facts, today)
        .map(|rule| {
            let ruling = rule.check.run(facts, now);
            Finding {
                rule: rule.id.clone(),
                outcome: ruling.outcome,
                citation: rule.citation.clone(),
                confidence: rule.confidence,
                explanation: ruling.explanation,
                not_before: ruling.not_before,
                needed: ruling.needed,
                duty: ruling.duty,
                exempt_by: None,
                facts: ruling.facts,
            }
        })
        .collect()
}

fn strictest(findings: &[Finding]) -> Outcome {
    findings.iter().map(|f| f.outcome).max().unwrap_or(Outcome::Deny)
}

fn latest(findings: &[Finding]) -> Option<Timestamp> {
    findings.iter().filter_map(|f| f.not_before).max()
}

// The end of a quiet week may fall at midnight, and the opening hour may meet a full window: go on until none defers.
fn lawful_from(facts: &Facts, pack: &RulePack, findings: &[Finding]) -> Option<Timestamp> {
    let mut at = latest(findings)?;
    for _ in 0..STEPS {
        let next = run(facts, pack, at);
        if strictest(&next) != Outcome::Defer {
            return Some(at);
        }
        at = latest(&next)?;
    }
    None
}
