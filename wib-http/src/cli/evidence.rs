//! Evidence on the command line. Verification needs neither a database nor a network.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wib_core::{
    calls::CallId,
    evidence::{Verification, verify},
    kit::{Error, Principal},
};
use wib_http::config::Config;

use super::{Failure, Outcome, read, wire};

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
    /// Check an evidence file, offline
    Verify(Verify),
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
}

impl Evidence {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Export { call, out } => {
                let wired = wire::wire(config).await?;
                let id: CallId = call.parse().map_err(|e: Error| Failure::Say(format!("{call}: {e}")))?;
                let owner = wired.wib.system().organization_of_call(id).await?;
                let organization = owner.ok_or_else(|| Failure::Say(format!("there is no call {call}")))?;
                let bundle = wired.wib.org(Principal::service(organization)).await?.evidence(id).await?;
                let out = out.unwrap_or_else(|| format!("evidence-{id}.json").into());
                std::fs::write(&out, bundle.to_bytes()?)
                    .map_err(|e| Failure::Say(format!("{}: {e}", out.display())))?;
                println!("{}", out.display());
                Ok(())
            }
            Self::Chain { organization } => {
                let wired = wire::wire(config).await?;
                let id = organization.parse().map_err(|e: Error| Failure::Say(format!("{organization}: {e}")))?;
                let report = wired.wib.org(Principal::service(id)).await?.verify_chain().await?;
                for fault in &report.faults {
                    println!("{fault}");
                }
                println!("{} links, head {}", report.links, report.head);
                if report.faults.is_empty() { Ok(()) } else { Err(Failure::Silent) }
            }
        }
    }
}

impl Verify {
    pub(crate) fn run(self) -> Outcome {
        let file = read(&self.file)?;
        let key = self.key.map(|key| {
            if key.len() == 64 {
                Ok(key)
            } else {
                std::fs::read_to_string(&key).map_err(|e| Failure::Say(format!("{key}: {e}")))
            }
        });
        let found = verify(&file, key.transpose()?.as_deref())?;
        println!("{}", told(&found));
        if found.holds() { Ok(()) } else { Err(Failure::Silent) }
    }
}

/// What a verification found, in words.
pub(crate) fn told(found: &Verification) -> String {
    let mut lines: Vec<_> = found.faults.iter().map(|f| format!("CHANGED  {}: {}", f.part, f.reason)).collect();
    if let (true, Some(bundle)) = (found.holds(), &found.bundle) {
        let m = &bundle.manifest;
        let made = if m.live { "" } else { ", made by a sandbox" };
        lines.push(format!("HOLDS    call {} ({}{made}), link {} of its chain", m.call_id, m.status, bundle.link.seq));
        let count = m.artifacts.iter().filter(|a| a.hash.is_some()).count();
        lines.push(format!("         {count} artefacts by hash, sealed {}", m.sealed_at));
    }
    if let Some(signer) = &found.signer {
        let checked = if found.signer_checked { "checked against the given key" } else { "NOT checked: give --key" };
        lines.push(format!("signer   {signer} ({checked})"));
    }
    lines.join("\n")
}
