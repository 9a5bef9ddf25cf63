//! A second reading of the law's machinery: is a verdict what its facts and its pack make of it?
//!
//! Written apart from the engine that judges: it shares neither the types of facts and rules nor one line of the checks,
//! so that a fault in either shows as a difference. It asks for simple, not for fast: local time is searched for instant by
//! instant, every rule is weighed again at each.
//!
//! A file holds `{format, explanation, pack}` in canonical JSON: the verdict and the rules it was made with. Checked are
//! the form, the pack and its hash, each finding's outcome, instant, duty, exemption, citation and confidence, that none is
//! missing, added or moved, the whole's outcome, and what would come out if a rule were satisfied.
//!
//! Not checked, because nothing follows from them: the sentences (`explanation`, `needed`, `change`) beyond being there, the
//! facts a finding repeats for its reader, and facts that no rule of the pack asks for. A change of these changes the
//! explanation's hash, which the report tells and the evidence of a call seals.

mod clocks;
mod ledger;
mod pack;
mod read;
mod rules;
mod weigh;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    pack::Pack,
    read::{Claim, Finding, Says},
    rules::Found,
    weigh::{Scales, TooMuch},
};
use super::Outcome;
use crate::kit::canonical;

/// The form of a file.
pub const FORMAT: &str = "wib-verdict/1";
/// The largest file that is read, in bytes.
pub const FILE_LIMIT: usize = 4 << 20;

/// Something in a file that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: `file`, `pack_hash`, `finding RF-TIME.outcome`, `findings.missing RF-CEASE`.
    pub part: String,
    /// What is wrong with it.
    pub reason: String,
}
impl Fault {
    fn new(part: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { part: part.into(), reason: reason.into() }
    }
}
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.reason)
    }
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the verdict is what its facts and its pack make of it.
    pub holds: bool,
    /// Whether it could be read as a verdict at all.
    pub readable: bool,
    /// Everything that is wrong.
    pub faults: Vec<Fault>,
    /// What comes out by this reading; `None` when it could not be weighed.
    pub outcome: Option<Outcome>,
    /// `sha256:<hex>` of the file's explanation, as the evidence of a call seals it.
    pub explanation_hash: Option<String>,
    /// `sha256:<hex>` of the file's pack.
    pub pack_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: String,
    explanation: Claim,
    pack: Pack,
}

/// Checks a file of [`FORMAT`]. Never fails: what cannot be read is a fault.
#[must_use]
pub fn check_file(bytes: &[u8]) -> Report {
    check_file_by(bytes, &[])
}

/// The same, for who has the packs that may have been applied: their hashes; none is any.
#[must_use]
pub fn check_file_by(bytes: &[u8], packs: &[String]) -> Report {
    let mut report = Report::default();
    match read(bytes) {
        Err(fault) => report.faults.push(fault),
        Ok((value, file)) => {
            report.readable = true;
            report.explanation_hash = value.get("explanation").and_then(|e| canonical::hash(e).ok());
            report.pack_hash = value.get("pack").and_then(|p| canonical::hash(p).ok());
            check(&file, packs, &mut report);
        }
    }
    report.holds = report.readable && report.faults.is_empty();
    report
}

fn read(bytes: &[u8]) -> Result<(Value, File), Fault> {
    let no = |reason: String| Fault::new("file", reason);
    if bytes.len() > FILE_LIMIT {
        return Err(no(format!("is larger than {FILE_LIMIT} bytes")));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|e| no(format!("is not JSON: {e}")))?;
    match value.get("format").and_then(Value::as_str) {
        Some(FORMAT) => {}
        Some(_) => return Err(no(format!("is of another format than {FORMAT}"))),
        None => return Err(no("is no verdict: it names no format".to_owned())),
    }
    let text = canonical::to_text(&value).map_err(|e| no(e.to_string()))?;
    if text.as_bytes() != bytes {
        return Err(no("is not in canonical form".to_owned()));
    }
    let file = File::deserialize(&value).map_err(|e| no(format!("cannot be read: {e}")))?;
    Ok((value, file))
}

fn check(file: &File, packs: &[String], report: &mut Report) {
    let claim = &file.explanation;
    let mut say = |part: String, reason: String| report.faults.push(Fault::new(part, reason));
    if report.pack_hash.as_ref() != Some(&claim.pack_hash) {
        say("pack_hash".to_owned(), "is not the hash of the pack".to_owned());
    }
    if !packs.is_empty() && report.pack_hash.as_ref().is_none_or(|hash| !packs.contains(hash)) {
        say("pack".to_owned(), "is none of the packs that are expected".to_owned());
    }
    if claim.pack != file.pack.version {
        say("pack".to_owned(), format!("is version {:?}, not {:?}", file.pack.version, claim.pack));
    }
    let faults = file.pack.faults();
    if !faults.is_empty() {
        report.faults.extend(faults);
        return;
    }
    let scales = Scales::new(&claim.facts, &file.pack.rules);
    match weigh(claim, &scales) {
        Ok((outcome, faults)) => {
            report.outcome = Some(outcome);
            report.faults.extend(faults);
        }
        Err(TooMuch) => report.faults.push(Fault::new("file", "asks for more work than a verdict takes")),
    }
}

fn weigh(claim: &Claim, scales: &Scales<'_>) -> Result<(Outcome, Vec<Fault>), TooMuch> {
    let mut faults = vec![];
    let found = scales.findings(claim.decided_at)?;
    let whole = scales.whole(claim.decided_at)?;
    for (rule, found) in found.iter() {
        let mut claimed = claim.findings.iter().filter(|f| f.rule == rule.id);
        match (claimed.next(), claimed.next()) {
            (None, _) => faults.push(Fault::new(format!("findings.missing {}", rule.id), "binds and is not told")),
            (Some(f), None) => finding(f, found, rule, &mut faults),
            (Some(_), Some(_)) => faults.push(Fault::new(format!("findings.added {}", rule.id), "is told twice")),
        }
    }
    let ids = || found.iter().map(|(rule, _)| rule.id.as_str());
    for f in claim.findings.iter().filter(|f| !ids().any(|id| id == f.rule)) {
        faults.push(Fault::new(format!("findings.added {}", f.rule), "does not bind these facts on that day"));
    }
    let complete = !faults.iter().any(|f| f.part.starts_with("findings."));
    if complete && !claim.findings.iter().map(|f| f.rule.as_str()).eq(ids()) {
        faults.push(Fault::new("findings.order", "is not that of the pack"));
    }
    same(&mut faults, "outcome".to_owned(), &claim.outcome, &whole.says);
    same(&mut faults, "blocked_by".to_owned(), &claim.blocked_by.as_deref(), &whole.blocked_by);
    same(&mut faults, "not_before".to_owned(), &claim.not_before, &whole.not_before);
    let mut claimed = claim.counterfactuals.iter();
    for (rule, _) in found.iter().filter(|(_, f)| f.says != Says::Permit) {
        let Some(other) = claimed.next().filter(|c| c.rule == rule.id) else {
            faults.push(Fault::new(format!("counterfactuals.missing {}", rule.id), "is not told in its place"));
            return Ok((outcome(whole.says), faults));
        };
        let part = |field: &str| format!("counterfactual {}.{field}", rule.id);
        let others = found.iter().filter(|(other, _)| other.id != rule.id);
        let strictest = others.map(|(_, f)| f.says).max().unwrap_or(Says::Permit);
        same(&mut faults, part("outcome"), &other.outcome, &strictest);
        if other.change.trim().is_empty() {
            faults.push(Fault::new(part("change"), "is empty"));
        }
    }
    if let Some(more) = claimed.next() {
        faults.push(Fault::new(format!("counterfactuals.added {}", more.rule), "does not stand in the way"));
    }
    Ok((outcome(whole.says), faults))
}

/// One finding against what the rule says.
fn finding(claim: &Finding, found: &Found<'_>, rule: &pack::Rule, faults: &mut Vec<Fault>) {
    let part = |field: &str| format!("finding {}.{field}", rule.id);
    same(faults, part("outcome"), &claim.outcome, &found.says);
    same(faults, part("not_before"), &claim.not_before, &found.not_before);
    same(faults, part("duty"), &claim.duty, &found.duty);
    same(faults, part("exempt_by"), &claim.exempt_by.as_deref(), &found.exempt_by);
    same(faults, part("citation"), &claim.citation, &rule.citation);
    same(faults, part("confidence"), &claim.confidence, &rule.confidence);
    if let Some(satisfied) = found.satisfied {
        let claimed = claim.facts.get("satisfied");
        same(faults, part("facts.satisfied"), &claimed, &Some(&Value::Bool(satisfied)));
    }
    if claim.explanation.trim().is_empty() {
        faults.push(Fault::new(part("explanation"), "is empty"));
    }
    let asks = matches!(found.says, Says::Require | Says::Review | Says::Deny);
    if asks && claim.needed.as_ref().is_none_or(|text| text.trim().is_empty()) {
        faults.push(Fault::new(part("needed"), "is not told"));
    }
}

fn same<T: PartialEq + fmt::Debug>(faults: &mut Vec<Fault>, part: String, claimed: &T, found: &T) {
    if claimed != found {
        faults.push(Fault::new(part, format!("is told as {claimed:?}, and is {found:?}")));
    }
}

fn outcome(says: Says) -> Outcome {
    match says {
        Says::Permit => Outcome::Permit,
        Says::Require => Outcome::Require,
        Says::Defer => Outcome::Defer,
        Says::Review => Outcome::Review,
        Says::Deny => Outcome::Deny,
    }
}
