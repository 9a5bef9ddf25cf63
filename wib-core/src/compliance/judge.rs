//! The one function that makes verdicts.

use jiff::tz::TimeZone;

use super::{
    Counterfactual, Explanation, Facts, Finding, Outcome, Rule, RuleId, RulePack, Verdict,
    checks::{Case, Zones},
};
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
    let bench = Bench::new(&facts, pack);
    let findings = bench.findings(now);
    let strictest = strictest(findings.iter().map(|f| f.outcome));
    let blocked_by = match strictest {
        Outcome::Permit => None,
        _ => findings.iter().find(|f| f.outcome == strictest).map(|f| f.rule.clone()),
    };
    let not_before = bench.joint(strictest, findings.iter().filter_map(|f| f.not_before).max());
    // Rules that exclude one another leave no instant to wait for.
    let outcome = if strictest == Outcome::Defer && not_before.is_none() { Outcome::Review } else { strictest };
    let counterfactuals = counterfactuals(&findings);
    drop(bench);
    Verdict::new(Explanation {
        pack: pack.version.clone(),
        pack_hash: pack.hash().unwrap_or_default(),
        decided_at: now,
        outcome,
        blocked_by,
        not_before,
        findings,
        counterfactuals,
        facts,
    })
}

/// Without a rule nothing is permitted.
fn strictest(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    outcomes.max().unwrap_or(Outcome::Deny)
}

fn counterfactuals(findings: &[Finding]) -> Vec<Counterfactual> {
    let standing = || findings.iter().enumerate().filter(|(_, f)| f.outcome != Outcome::Permit);
    standing()
        .map(|(i, finding)| {
            let others = standing().filter(|(j, _)| *j != i).map(|(_, f)| f.outcome);
            let change = match (&finding.needed, finding.not_before) {
                (Some(needed), _) => needed.to_string(),
                (None, Some(at)) => format!("It is {at} or later."),
                (None, None) => finding.explanation.to_string(),
            };
            Counterfactual { rule: finding.rule.clone(), change, outcome: others.max().unwrap_or(Outcome::Permit) }
        })
        .collect()
}

/// Facts and the rules that bind them, at any instant.
pub(super) struct Bench<'f> {
    facts: &'f Facts,
    zones: Zones,
    rules: Vec<&'f Rule>,
}
impl<'f> Bench<'f> {
    /// The facts are in order.
    pub(super) fn new(facts: &'f Facts, pack: &'f RulePack) -> Self {
        let rules = pack.rules.iter().filter(|rule| rule.binds(facts)).collect();
        Self { facts, zones: Zones::of(facts), rules }
    }
    fn case(&self, now: Timestamp, tell: bool) -> Case<'_> {
        Case { facts: self.facts, zones: &self.zones, now, tell }
    }
    fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &'f Rule> + Clone {
        let today = now.to_zoned(TimeZone::UTC).date();
        self.rules.iter().copied().filter(move |rule| rule.effective(today))
    }
    /// Which rules do not bind, and by which they are exempted; the first of the pack among several.
    fn exemptions(&self, case: &Case<'_>) -> Vec<(&'f RuleId, &'f RuleId)> {
        let exempting = self.in_force(case.now).filter(|r| !r.exempts.is_empty());
        let satisfied = exempting.filter(|r| r.check.run(case).outcome == Outcome::Permit);
        satisfied.flat_map(|rule| rule.exempts.iter().map(|exempt| (exempt, &rule.id))).collect()
    }
    fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let exemptions = self.exemptions(&self.case(now, false));
        let case = self.case(now, true);
        self.in_force(now)
            .map(|rule| {
                let mut ruling = rule.check.run(&case);
                let exempt_by = exemptions.iter().find(|(exempt, _)| **exempt == rule.id).map(|(_, by)| (*by).clone());
                if !rule.exempts.is_empty() {
                    let satisfied = ruling.outcome == Outcome::Permit;
                    ruling = ruling.noting("satisfied", satisfied).harmless();
                } else if exempt_by.is_some() {
                    ruling = ruling.harmless();
                }
                Finding {
                    rule: rule.id.clone(),
                    outcome: ruling.outcome,
                    citation: rule.citation.clone(),
                    confidence: rule.confidence,
                    explanation: ruling.explanation,
                    not_before: ruling.not_before,
                    needed: ruling.needed,
                    duty: ruling.duty,
                    exempt_by,
                    facts: ruling.facts,
                }
            })
            .collect()
    }
    /// The strictest outcome at that instant, the rule that stands in the way, and the latest `not_before` of a rule:
    /// what [`Self::findings`] would say, without saying it.
    fn outlook(&self, now: Timestamp) -> (Outcome, Option<&'f RuleId>, Option<Timestamp>) {
        let case = self.case(now, false);
        let exemptions = self.exemptions(&case);
        let mut strictest = (Outcome::Deny, None, None);
        for (n, rule) in self.in_force(now).enumerate() {
            if n == 0 {
                strictest.0 = Outcome::Permit;
            }
            if !rule.exempts.is_empty() || exemptions.iter().any(|(exempt, _)| **exempt == rule.id) {
                continue;
            }
            let ruling = rule.check.run(&case);
            if ruling.outcome > strictest.0 {
                (strictest.0, strictest.1) = (ruling.outcome, Some(&rule.id));
            }
            strictest.2 = strictest.2.max(ruling.not_before);
        }
        strictest
    }
    /// The end of a quiet week may fall at midnight, and the opening hour may meet a full window: goes on from `at`
    /// until no rule defers.
    fn lawful_from(&self, at: Option<Timestamp>) -> Option<Timestamp> {
        let mut at = at?;
        for _ in 0..STEPS {
            // Another rule may have become stricter by then: what defers still defers.
            match self.outlook(at).2 {
                Some(later) => at = later,
                None => return Some(at),
            }
        }
        None
    }
    /// Outcome, blocking rule and next lawful instant, as [`judge`] tells them.
    pub(super) fn verdict(&self, now: Timestamp) -> (Outcome, Option<&'f RuleId>, Option<Timestamp>) {
        let (strictest, blocked_by, latest) = self.outlook(now);
        match (strictest, self.joint(strictest, latest)) {
            (Outcome::Defer, None) => (Outcome::Review, blocked_by, None),
            (outcome, not_before) => (outcome, blocked_by, not_before),
        }
    }
    fn joint(&self, strictest: Outcome, latest: Option<Timestamp>) -> Option<Timestamp> {
        if strictest == Outcome::Defer { self.lawful_from(latest) } else { None }
    }
}
