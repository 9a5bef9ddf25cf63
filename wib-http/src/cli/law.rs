//! The law on the command line. A check needs neither a database nor a network.

use std::{
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::json;
use wib_core::{
    calls::CallId,
    compliance::{
        Confidence, Explanation, Outcome as Says, Rule, RulePack,
        checker::{Report, check_file_by},
    },
    kit::{Error, Principal},
};
use wib_http::config::Config;

use super::{Failure, Outcome, read, wire};

#[derive(Subcommand)]
pub(crate) enum Law {
    /// Tell why a call was lawful, and write its verdict to a file that anybody can check
    Explain {
        /// The call
        call: String,
        /// Where to; verdict-CALL.json by default
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Check a verdict file by a second reading of the rules, offline: 0 it holds, 1 it does not, 2 it cannot be read
    Check(Check),
    /// Show the rules in force
    Rules {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a pack of further rules against the built-in ones
    Pack {
        /// The pack, JSON
        file: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct Check {
    /// The file
    file: PathBuf,
    /// A pack of rules that may have been applied, JSON; may be given several times. Without one, any pack is taken
    #[arg(long)]
    pack: Vec<PathBuf>,
}

impl Law {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        match self {
            Self::Check(check) => check.run(),
            Self::Pack { file } => pack(&file),
            Self::Rules { json } => {
                let pack = wire::rules(config)?;
                say(&if json { listed(&pack)? } else { table(&pack) })
            }
            Self::Explain { call, out } => {
                let wired = wire::wire(config).await?;
                let id: CallId = call.parse().map_err(|e: Error| Failure::Say(format!("{call}: {e}")))?;
                let owner = wired.wib.system().organization_of_call(id).await?;
                let organization = owner.ok_or_else(|| Failure::Say(format!("there is no call {call}")))?;
                let file = wired.wib.org(Principal::service(organization)).await?.explain_call(id).await?;
                let out = out.unwrap_or_else(|| format!("verdict-{id}.json").into());
                std::fs::write(&out, file.to_bytes()?).map_err(|e| Failure::Say(format!("{}: {e}", out.display())))?;
                say(&format!("{}\n\n{}", told(&file.explanation()?), out.display()))
            }
        }
    }
}

impl Check {
    pub(crate) fn run(self) -> Outcome {
        let unread = |failure| match failure {
            Failure::Say(text) => Failure::Unread(text),
            other => other,
        };
        let bytes = read(&self.file).map_err(unread)?;
        let hashes = self.pack.iter().map(|path| Ok(rules(path)?.hash()?)).collect::<Result<Vec<_>, Failure>>();
        let report = check_file_by(&bytes, &hashes.map_err(unread)?);
        say(&found(&report))?;
        match (report.holds, report.readable) {
            (true, _) => Ok(()),
            (false, true) => Err(Failure::Silent),
            (false, false) => Err(Failure::Unread(format!("{} is no verdict", self.file.display()))),
        }
    }
}

/// Checks a pack of further rules.
pub(crate) fn pack(file: &Path) -> Outcome {
    let pack = rules(file)?;
    let added = pack.rules.len();
    let whole = RulePack::layered(RulePack::standard(), [pack])?;
    println!("{added} rules lie over the built-in ones: {} rules, version {}", whole.rules.len(), whole.version);
    println!("{}", whole.hash()?);
    Ok(())
}

/// Prints what may be long: whoever reads may stop before its end.
fn say(text: &str) -> Outcome {
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

fn rules(path: &Path) -> Result<RulePack, Failure> {
    RulePack::from_json(&read(&path.to_owned())?)
        .map_err(|e| Failure::Say(format!("{}: {}", path.display(), e.message())))
}

/// What a check found, in words.
fn found(report: &Report) -> String {
    let mut lines: Vec<_> = report.faults.iter().map(|f| format!("WRONG    {f}")).collect();
    if let (true, Some(outcome)) = (report.holds, report.outcome) {
        lines.push(format!("HOLDS    {outcome}: what the facts and the rules make of it"));
    }
    if let Some(hash) = &report.explanation_hash {
        lines.push(format!("verdict  {hash} (compare it with what the evidence of its call seals)"));
    }
    if let Some(hash) = &report.pack_hash {
        lines.push(format!("rules    {hash}"));
    }
    lines.join("\n")
}

/// A verdict as a table for people.
fn told(why: &Explanation) -> String {
    let mut lines = vec![
        format!("{} at {} by the rules {}", why.outcome.as_str().to_uppercase(), why.decided_at, why.pack),
        format!("{:<20} {:<8} {:<40} why", "rule", "says", "citation"),
    ];
    for finding in &why.findings {
        let rule = finding.rule.as_str();
        lines.push(format!("{rule:<20} {:<8} {:<40} {}", finding.outcome, finding.citation, finding.explanation));
        let mut add = |word: &str, text: String| lines.push(format!("{:<29} {word}: {text}", ""));
        if let Some(by) = &finding.exempt_by {
            add("exempt by", by.to_string());
        }
        if let Some(at) = finding.not_before {
            add("not before", at.to_string());
        }
        if let Some(needed) = finding.needed.as_ref().filter(|_| finding.outcome != Says::Permit) {
            add("needed", needed.to_string());
        }
        if finding.confidence == Confidence::Known {
            add("unverified", "open the cited text before relying on it".to_owned());
        }
    }
    for other in &why.counterfactuals {
        lines.push(format!("if {}: {} - it would {}", other.rule, other.change, other.outcome));
    }
    let next = match (why.outcome, why.not_before) {
        (Says::Permit, _) => "now".to_owned(),
        (_, Some(at)) => at.to_string(),
        (_, None) => "none is known".to_owned(),
    };
    lines.push(format!("next lawful instant: {next}"));
    lines.join("\n")
}

/// How far a rule was checked, in a word.
const fn checked(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Primary => "primary text",
        Confidence::Summary => "summary",
        Confidence::Known => "unverified",
    }
}

fn days(rule: &Rule) -> String {
    match (rule.effective_from, rule.effective_to) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(to)) => format!("to {to}"),
        (Some(from), Some(to)) => format!("{from} to {to}"),
    }
}

/// The rules as a table for people.
fn table(pack: &RulePack) -> String {
    let mut lines = vec![format!("{:<22} {:<10} {:<13} {:<24} title", "rule", "where", "checked", "in force")];
    for rule in &pack.rules {
        let (id, place, checked) = (rule.id.as_str(), &rule.jurisdiction, checked(rule.confidence));
        lines.push(format!("{id:<22} {place:<10} {checked:<13} {:<24} {}", days(rule), rule.title));
    }
    lines.push(format!("{} rules, version {}", pack.rules.len(), pack.version));
    lines.join("\n")
}

/// The rules for a program.
fn listed(pack: &RulePack) -> Result<String, Error> {
    let rule = |r: &Rule| {
        json!({
            "id": r.id, "title": r.title, "citation": r.citation, "jurisdiction": r.jurisdiction,
            "confidence": r.confidence, "checked": checked(r.confidence), "effective_from": r.effective_from,
            "effective_to": r.effective_to,
        })
    };
    let rules: Vec<_> = pack.rules.iter().map(rule).collect();
    Ok(format!("{:#}", json!({"version": pack.version, "hash": pack.hash()?, "rules": rules})))
}
