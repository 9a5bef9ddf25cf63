//! A creditor's file into an organisation.

use std::path::PathBuf;

use clap::Args;
use wib_core::kit::{Error, Principal};
use wib_http::config::Config;

use super::{Failure, Outcome, read, wire};

#[derive(Args)]
pub(crate) struct Import {
    /// The creditor's CSV: columns in any order and wording
    file: PathBuf,
    /// The organisation
    #[arg(long)]
    organization: String,
}

impl Import {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        let csv = read(&self.file)?;
        let id = self.organization.parse().map_err(|e: Error| Failure::Say(format!("--organization: {e}")))?;
        let wired = wire::wire(config).await?;
        let report = wired.wib.org(Principal::service(id)).await?.import_accounts(&csv).await?;
        for fault in &report.file.faults {
            println!("line {}: {}: {}", fault.row, fault.field, fault.message);
        }
        println!("{} accounts, {} of them brought up to date", report.accounts.len(), report.updated);
        Ok(())
    }
}
