//! Evidence on the command line. Verification needs neither a database nor a network.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use wib_core::{
    Org,
    calls::CallId,
    evidence::{HistoryReport, ProveConsistency, Verification, Verified, WitnessedCheckpoint, verify_file},
    kit::{Error, Principal},
};
use wib_http::config::Config;

use super::{Failure, Outcome, wire};

/// The most checkpoints of witnesses that are compared.
const WITNESSED: usize = 100_000;
/// The longest line of a witness's file, in bytes.
const RECEIPT: u64 = 4096;

#[derive(Subcommand)]
pub(crate) enum Evidence {
    /// Write the evidence file of a call
    Export {
        /// The call
        call: String,
        /// Where to; evidence-CALL.json by default
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Check an evidence file or a history, offline
    Verify(Verify),
    /// Write an organisation's whole chain
    History {
        /// The organisation
        organization: String,
        /// Where to; history-ORGANIZATION.jsonl by default
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Prove that a link is in the chain, or that the chain only grew
    Prove(Prove),
    /// Check an organisation's whole chain
    Chain {
        /// The organisation
        organization: String,
    },
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The file
    file: PathBuf,
    /// The signer's public key: 64 hexadecimal digits, or a file that holds them
    #[arg(long)]
    key: Option<String>,
    /// Checkpoints that somebody else has seen, a line of JSON each: {"at","root","size","witness"}
    #[arg(long)]
    witness: Option<PathBuf>,
    /// For machines
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Prove {
    /// The organisation
    organization: String,
    /// The link's place in the chain: its evidence file is written
    #[arg(long, required_unless_present = "from")]
    link: Option<i64>,
    /// The smaller size: the proof that the chain of --size begins with it is written
    #[arg(long, conflicts_with = "link", requires = "size")]
    from: Option<i64>,
    /// The size of the checkpoint; the newest by default
    #[arg(long)]
    size: Option<i64>,
    /// Where to; standard output by default
    #[arg(long)]
    out: Option<PathBuf>,
}

fn at(path: &std::path::Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.display().to_string();
    move |e| Failure::Say(format!("{path}: {e}"))
}

async fn org(config: &Config, organization: &str) -> Result<Org, Failure> {
    let id = organization.parse().map_err(|e: Error| Failure::Say(format!("{organization}: {e}")))?;
    Ok(wire::wire(config).await?.wib.org(Principal::service(id)).await?)
}

impl Evidence {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Prove(prove) => Box::pin(prove.run(config)).await,
            Self::Export { call, out } => {
                let wired = wire::wire(config).await?;
                let id: CallId = call.parse().map_err(|e: Error| Failure::Say(format!("{call}: {e}")))?;
                let owner = wired.wib.system().organization_of_call(id).await?;
                let organization = owner.ok_or_else(|| Failure::Say(format!("there is no call {call}")))?;
                let bundle = wired.wib.org(Principal::service(organization)).await?.evidence(id).await?;
                let out = out.unwrap_or_else(|| format!("evidence-{id}.json").into());
                std::fs::write(&out, bundle.to_bytes()?).map_err(at(&out))?;
                println!("{}", out.display());
                Ok(())
            }
            Self::History { organization, out } => {
                let mut history = org(config, &organization).await?.export_history().await?;
                let out = out.unwrap_or_else(|| format!("history-{organization}.jsonl").into());
                let mut file = File::create(&out).map_err(at(&out))?;
                while let Some(lines) = history.next().await? {
                    file.write_all(&lines).map_err(at(&out))?;
                }
                file.sync_all().map_err(at(&out))?;
                println!("{}", out.display());
                Ok(())
            }
            Self::Chain { organization } => {
                let report = org(config, &organization).await?.verify_chain().await?;
                for fault in &report.faults {
                    println!("{fault}");
                }
                println!("{} links, head {}", report.links, report.head);
                if report.faults.is_empty() { Ok(()) } else { Err(Failure::Silent) }
            }
        }
    }
}

impl Prove {
    async fn run(self, config: &Config) -> Outcome {
        let org = org(config, &self.organization).await?;
        let proof = match (self.link, self.from, self.size) {
            (Some(link), ..) => org.evidence_at(link, self.size).await?.to_bytes()?,
            (None, Some(from), Some(size)) => {
                let proof = org.prove_consistency(ProveConsistency { size, from }).await?;
                let mut text = wib_core::kit::canonical::to_text(&proof)?;
                text.push('\n');
                text.into_bytes()
            }
            _ => return Err(Failure::Say("give --link, or --from and --size".to_owned())),
        };
        match self.out {
            Some(out) => std::fs::write(&out, proof).map_err(at(&out)),
            None => Ok(std::io::stdout().write_all(&proof)?),
        }
    }
}

impl Verify {
    pub(crate) fn run(self) -> Outcome {
        let key = self
            .key
            .map(|key| if key.len() == 64 { Ok(key) } else { std::fs::read_to_string(&key).map_err(at(key.as_ref())) });
        let witnessed = self.witness.map(|path| receipts(&path)).transpose()?.unwrap_or_default();
        let file = BufReader::new(File::open(&self.file).map_err(at(&self.file))?);
        let found = verify_file(file, key.transpose()?.as_deref(), &witnessed)?;
        let text = match (&found, self.json) {
            (Verified::Bundle(found), false) => told(found),
            (Verified::History(found), false) => told_of_history(found),
            (Verified::Bundle(found), true) => for_machines(found.holds(), found)?,
            (Verified::History(found), true) => for_machines(found.holds(), found)?,
        };
        println!("{text}");
        if found.holds() { Ok(()) } else { Err(Failure::Silent) }
    }
}

fn for_machines(holds: bool, found: &impl serde::Serialize) -> Result<String, Failure> {
    let mut report = serde_json::to_value(found).map_err(|e| Failure::Say(e.to_string()))?;
    report["holds"] = holds.into();
    Ok(report.to_string())
}

/// What a witness has seen: a line of JSON each.
fn receipts(path: &std::path::Path) -> Result<Vec<WitnessedCheckpoint>, Failure> {
    let mut file = BufReader::new(File::open(path).map_err(at(path))?);
    let mut receipts = vec![];
    loop {
        let mut line = String::new();
        if std::io::Read::take(&mut file, RECEIPT).read_line(&mut line).map_err(at(path))? == 0 {
            return Ok(receipts);
        }
        let wrong = |why: String| Failure::Say(format!("{}: line {}: {why}", path.display(), receipts.len() + 1));
        let receipt = serde_json::from_str(&line).map_err(|e| wrong(e.to_string()))?;
        if receipts.len() == WITNESSED {
            return Err(wrong(format!("at most {WITNESSED} are compared")));
        }
        receipts.push(receipt);
    }
}

/// Who signed, in words.
fn signed(signer: Option<&String>, checked: bool) -> Option<String> {
    let checked = if checked { "checked against the given key" } else { "NOT checked: give --key" };
    signer.map(|signer| format!("signer   {signer} ({checked})"))
}

/// What a verification found, in words.
pub(crate) fn told(found: &Verification) -> String {
    let mut lines: Vec<_> = found.faults.iter().map(|f| format!("CHANGED  {f}")).collect();
    if let (true, Some(bundle)) = (found.holds(), &found.bundle) {
        let link = &bundle.link;
        match bundle.call() {
            Some(m) => {
                let made = if m.live { "" } else { ", made by a sandbox" };
                let version = if m.version == 1 { String::new() } else { format!(", version {}", m.version) };
                let what = format!("call {} ({}{made}{version})", m.call_id, m.status);
                lines.push(format!("HOLDS    {what}, link {} of its chain", link.seq));
                let count = m.artifacts.iter().filter(|a| a.hash.is_some()).count();
                lines.push(format!("         {count} artefacts by hash, sealed {}", m.sealed_at));
            }
            None => {
                let what = format!("{} {}, version {}", link.kind, link.subject_id, link.version);
                lines.push(format!("HOLDS    {what}, link {} of its chain, sealed {}", link.seq, link.at));
            }
        }
    }
    lines.extend(found.unchecked.iter().map(|part| format!("         {part}: NOT checked here")));
    lines.extend(signed(found.signer.as_ref(), found.signer_checked));
    lines.join("\n")
}

fn told_of_history(found: &HistoryReport) -> String {
    let mut lines: Vec<_> = found.faults.iter().map(|f| format!("CHANGED  {f}")).collect();
    if found.more_faults > 0 {
        lines.push(format!("         and {} more", found.more_faults));
    }
    if found.holds() {
        let whose = found.organization_id.as_deref().unwrap_or_default();
        lines.push(format!("HOLDS    {} links of {whose}, {} checkpoints", found.entries, found.checkpoints));
        lines.push(format!("         head {}, root {}", found.head, found.root.as_deref().unwrap_or_default()));
        if found.witnesses_checked == 0 {
            let why = "links cut from its end, or all rebuilt with the signer's own key, would not show";
            lines.push(format!("         NOT compared with a witness: {why} (--witness)"));
        }
    }
    lines.extend(signed(found.signer.as_ref(), found.signer_checked));
    lines.join("\n")
}
