//! All rules together: exemptions, the strictest, the first instant at which none defers.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use jiff::Timestamp;

use super::{
    clocks::Clocks,
    pack::Rule,
    read::{Facts, Says},
    rules::{Found, Seen},
};

/// How often a later instant is tried.
const ROUNDS: usize = 64;
/// Ledger entries times rules times instants that are looked at before a file is given up.
const WORK: u64 = 20_000_000;

/// The rules and the facts.
pub(super) struct Scales<'f> {
    facts: &'f Facts,
    rules: &'f [Rule],
    clocks: Clocks,
    known: RefCell<BTreeMap<Timestamp, Findings<'f>>>,
    work: Cell<u64>,
}

/// What the rules in force say, in the order of the pack.
type Findings<'f> = Rc<Vec<(&'f Rule, Found<'f>)>>;

/// What comes out as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole<'f> {
    pub(super) says: Says,
    /// The rule that stands in the way.
    pub(super) blocked_by: Option<&'f str>,
    pub(super) not_before: Option<Timestamp>,
}

/// There is more to weigh than a file may ask for.
#[derive(Debug)]
pub(super) struct TooMuch;

impl<'f> Scales<'f> {
    pub(super) fn new(facts: &'f Facts, rules: &'f [Rule]) -> Self {
        Self { facts, rules, clocks: Clocks::of(facts), known: RefCell::default(), work: Cell::new(WORK) }
    }
    /// What every rule that binds on that day says at that instant, exemptions applied.
    pub(super) fn findings(&self, now: Timestamp) -> Result<Findings<'f>, TooMuch> {
        if let Some(known) = self.known.borrow().get(&now) {
            return Ok(Rc::clone(known));
        }
        let each = 1 + self.facts.ledger.len() + self.facts.consents.len() + self.clocks.zones.len();
        let cost = u64::try_from(each * self.rules.len()).map_err(|_| TooMuch)?;
        self.work.set(self.work.get().checked_sub(cost).ok_or(TooMuch)?);
        let seen = Seen { facts: self.facts, clocks: &self.clocks, now };
        let bound = self.rules.iter().filter(|rule| rule.binds(self.facts, now));
        let alone: Vec<_> = bound.map(|rule| (rule, seen.judge(rule))).collect();
        let satisfied: Vec<_> = alone.iter().filter(|(_, found)| found.says == Says::Permit).map(|(r, _)| *r).collect();
        let exempted = |(rule, found): (&'f Rule, Found<'f>)| {
            let by = satisfied.iter().find(|other| other.exempts.contains(&rule.id)).map(|other| other.id.as_str());
            let exempts = !rule.exempts.is_empty();
            let found = if exempts || by.is_some() {
                let satisfied = exempts.then_some(found.says == Says::Permit);
                Found { exempt_by: by, satisfied, ..Found::PERMIT }
            } else {
                found
            };
            (rule, found)
        };
        let found = Rc::new(alone.iter().copied().map(exempted).collect());
        self.known.borrow_mut().insert(now, Rc::clone(&found));
        Ok(found)
    }
    /// What comes out at that instant.
    pub(super) fn whole(&self, now: Timestamp) -> Result<Whole<'f>, TooMuch> {
        let found = self.findings(now)?;
        let says = found.iter().map(|(_, f)| f.says).max().unwrap_or(Says::Deny);
        let first = found.iter().find(|(_, f)| f.says == says).map(|(rule, _)| rule.id.as_str());
        let blocked_by = first.filter(|_| says != Says::Permit);
        if says != Says::Defer {
            return Ok(Whole { says, blocked_by, not_before: None });
        }
        let mut at = now;
        for _ in 0..ROUNDS {
            match self.findings(at)?.iter().filter_map(|(_, f)| f.not_before).max() {
                Some(later) => at = later,
                None => return Ok(Whole { says, blocked_by, not_before: Some(at) }),
            }
        }
        Ok(Whole { says: Says::Review, blocked_by, not_before: None })
    }
}
