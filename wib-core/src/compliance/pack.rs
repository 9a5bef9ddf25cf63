//! Packs of rules: read, checked, laid over one another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{LazyLock, OnceLock},
};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Check, Confidence, Facts, Outcome, Rule, RuleId, Window};
use crate::kit::{Error, Result, canonical};

/// The largest text of a pack, in bytes.
const TEXT_LIMIT: usize = 1 << 20;
/// The most rules, and the most definitions, a pack may have.
const RULES_LIMIT: usize = 4096;
/// The longest span a rule may look back over, in days: the ledger has an end.
const DAYS_LIMIT: u32 = 3660;

/// What a word of the law means here: read into the facts, or kept by a process, not run as a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name.
    pub id: RuleId,
    /// What it says, and where in the facts or by whom it is kept.
    pub says: String,
    /// The text it is read from.
    pub citation: String,
    /// How far that reading was checked.
    pub confidence: Confidence,
}

/// Rules that are applied together, in the order in which they are reported.
///
/// Its hash is computed once: a pack that was judged with is cloned before it is altered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RulePack {
    /// Its version, kept with every verdict. Rules that differ make another version.
    pub version: String,
    /// What words mean.
    #[serde(default)]
    pub definitions: Vec<Definition>,
    /// The rules.
    pub rules: Vec<Rule>,
    #[serde(skip)]
    hash: Cached,
}

/// A hash that a clone computes anew, and that makes no difference.
#[derive(Debug, Default)]
struct Cached(OnceLock<String>);
impl Clone for Cached {
    fn clone(&self) -> Self {
        Self::default()
    }
}
impl PartialEq for Cached {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Cached {}

macro_rules! packs {
    ($($name:literal)+) => { [$(include_str!(concat!("../../rules/", $name, ".json"))),+] };
}

const FEDERAL: &str = include_str!("../../rules/federal.json");
/// Laid over the federal rules, in the order of reports.
const LAYERS: [&str; 25] = packs![
    "tcpa" "payments" "retention" "recording" "states/al" "states/ca" "states/ct" "states/dc" "states/fl" "states/ky"
    "states/la" "states/ma" "states/md" "states/me" "states/ms" "states/ny" "states/ny-nyc" "states/ok" "states/pa"
    "states/ri" "states/tx" "states/ut" "states/wa" "states/wv" "own"
];

static STANDARD: LazyLock<RulePack> = LazyLock::new(|| {
    let layers = LAYERS.map(built_in);
    let pack = RulePack::layered(RulePack::federal(), layers).expect("the built-in rules lie over one another");
    RulePack { version: "us-2026-11".to_owned(), ..pack }
});

fn built_in(text: &str) -> RulePack {
    RulePack::from_json(text.as_bytes()).expect("the built-in rules are packs")
}

impl RulePack {
    /// A pack of these parts, not yet [checked](Self::check).
    #[must_use]
    pub fn new(version: impl Into<String>, definitions: Vec<Definition>, rules: Vec<Rule>) -> Self {
        Self { version: version.into(), definitions, rules, hash: Cached::default() }
    }
    /// Regulation F and the Fair Debt Collection Practices Act, and that what cannot be read denies.
    ///
    /// The two limits of frequency raise presumptions that can be rebutted; here they are limits.
    ///
    /// # Panics
    /// Never: the text is part of the program, and a test reads it.
    #[must_use]
    pub fn federal() -> Self {
        built_in(FEDERAL)
    }
    /// Everything built in: federal rules, telephone rules, states, recording, payments, retention, and our own.
    ///
    /// # Panics
    /// Never: the texts are part of the program, and a test reads them.
    #[must_use]
    pub fn standard() -> Self {
        STANDARD.clone()
    }
    /// Reads a pack from its JSON, and checks it.
    ///
    /// # Errors
    /// `Invalid` naming what is wrong: too long, no pack, or as [`Self::check`].
    pub fn from_json(text: &[u8]) -> Result<Self> {
        if text.len() > TEXT_LIMIT {
            return Err(refused(format!("a pack of rules has at most {TEXT_LIMIT} bytes")));
        }
        let pack: Self =
            serde_json::from_slice(text).map_err(|e| refused(format!("this is no pack of rules: {e}")).because(e))?;
        pack.check()?;
        Ok(pack)
    }
    /// The base with overlays laid over it. They only tighten: each adds rules and definitions of new names, and exempts
    /// from nothing but rules of its own. The version names all of them.
    ///
    /// # Errors
    /// `Invalid` naming the rule that is not new, exempts from another's, or as [`Self::check`].
    pub fn layered(base: Self, overlays: impl IntoIterator<Item = Self>) -> Result<Self> {
        let mut pack = base;
        for overlay in overlays {
            // An exemption finds its rules within the overlay, or is refused here.
            overlay.check()?;
            if pack.version.len() + overlay.version.len() < 200 {
                pack.version = format!("{}+{}", pack.version, overlay.version);
            }
            pack.definitions.extend(overlay.definitions);
            pack.rules.extend(overlay.rules);
        }
        pack.hash = Cached::default();
        pack.check()?;
        Ok(pack)
    }
    /// Whether it can be judged with: names that are unique, sources, sane parameters, exemptions that have a target in
    /// the same jurisdiction and are bound whenever it is.
    ///
    /// # Errors
    /// `Invalid` naming the rule and what is wrong with it.
    pub fn check(&self) -> Result<()> {
        if self.version.trim().is_empty() || self.version.len() > 256 {
            return Err(refused("a pack of rules has a version of at most 256 bytes"));
        }
        if self.rules.len() > RULES_LIMIT || self.definitions.len() > RULES_LIMIT {
            return Err(refused(format!("a pack has at most {RULES_LIMIT} rules, and as many definitions")));
        }
        let mut names = BTreeSet::new();
        let ids = self.rules.iter().map(|r| &r.id).chain(self.definitions.iter().map(|d| &d.id));
        for id in ids {
            let named = id.as_str().bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
            if !named || !(2..=48).contains(&id.as_str().len()) {
                return Err(refused(format!("{id:?} is no name: capitals, digits and dashes")));
            }
            if !names.insert(id) {
                return Err(refused(format!("{id} is there twice")));
            }
        }
        for definition in &self.definitions {
            if definition.says.trim().is_empty() || definition.citation.trim().is_empty() {
                return Err(fault(&definition.id, "says nothing, or not where from"));
            }
        }
        let rules: BTreeMap<_, _> = self.rules.iter().map(|r| (&r.id, r)).collect();
        for rule in &self.rules {
            sane(rule).map_err(|what| fault(&rule.id, what))?;
            for target in &rule.exempts {
                let target =
                    rules.get(target).ok_or_else(|| fault(&rule.id, "exempts from a rule that is not here"))?;
                exemption(rule, target).map_err(|what| fault(&rule.id, what))?;
            }
        }
        Ok(())
    }
    /// `sha256:<hex>` of its canonical text.
    ///
    /// # Errors
    /// `Invalid` when it has no canonical form.
    pub fn hash(&self) -> Result<String> {
        if let Some(hash) = self.hash.0.get() {
            return Ok(hash.clone());
        }
        let hash = canonical::hash(self)?;
        Ok(self.hash.0.get_or_init(|| hash).clone())
    }
    /// The rules that bind these facts on that day, in order.
    pub fn binding<'p>(&'p self, facts: &'p Facts, on: Date) -> impl Iterator<Item = &'p Rule> {
        self.rules.iter().filter(move |r| r.effective(on) && r.binds(facts))
    }
}

fn refused(what: impl Into<String>) -> Error {
    Error::invalid(what).code("BAD_RULES")
}
fn fault(id: &RuleId, what: &str) -> Error {
    refused(format!("{id} {what}"))
}

fn sane(rule: &Rule) -> std::result::Result<(), &'static str> {
    let region = rule.jurisdiction.strip_prefix("US").unwrap_or("-");
    let regional = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase());
    if rule.title.trim().is_empty() || rule.citation.trim().is_empty() {
        return Err("has no title, or no citation");
    }
    if !(region.is_empty() || (region.starts_with('-') && region[1..].split('-').all(regional))) {
        return Err("has a jurisdiction that is none: US, US-MA, US-NY-NYC");
    }
    if rule.acts.is_empty() {
        return Err("binds no act");
    }
    if rule.effective_from.is_some_and(|from| rule.effective_to.is_some_and(|to| to < from)) {
        return Err("ends before it begins");
    }
    let days = |days: u32| (1..=DAYS_LIMIT).contains(&days);
    let good = match &rule.check {
        Check::NotListed { lists, .. } => !lists.is_empty(),
        Check::FreshList { days: n, .. } | Check::FreshConsent { days: n } | Check::Notice { days: n, .. } => days(*n),
        Check::NoCircumstance { of, .. } => !of.is_empty(),
        Check::Holders { of } => !of.is_empty(),
        Check::Hours { opens, closes, .. } => opens < closes,
        Check::Count { window: Window::Days(n), .. } => days(*n),
        Check::Count { window: Window::Hours(n), .. } => (1..=DAYS_LIMIT * 24).contains(n),
        Check::Quiet { days } => *days > 0,
        Check::Spacing { minutes, .. } => (1..=DAYS_LIMIT * 24 * 60).contains(minutes),
        Check::Consent { scopes, .. } => !scopes.is_empty(),
        Check::Abandoned { per_mille } => *per_mille <= 1000,
        Check::Licensed { regions } => regions.len() <= 64,
        Check::Answers { wanted, unmet, needed, .. } => {
            !wanted.is_empty() && !needed.trim().is_empty() && !matches!(unmet, Outcome::Permit | Outcome::Defer)
        }
        Check::Kept { years, .. } => (1..=100).contains(years),
        Check::Complete
        | Check::MediumWanted
        | Check::TimeWanted
        | Check::PlaceWanted
        | Check::DisputeAnswered
        | Check::Duty { .. }
        | Check::NotHeld => true,
    };
    if good { Ok(()) } else { Err("has parameters that make no sense") }
}

/// An unknown role or technology is bound by every rule: an exemption must not gain by it.
fn exemption(rule: &Rule, target: &Rule) -> std::result::Result<(), &'static str> {
    if target.jurisdiction != rule.jurisdiction {
        Err("exempts from a rule of another jurisdiction")
    } else if !target.exempts.is_empty() {
        Err("exempts from an exemption")
    } else if target.roles != rule.roles || target.technologies != rule.technologies {
        Err("exempts other roles or technologies than it is about")
    } else {
        Ok(())
    }
}
