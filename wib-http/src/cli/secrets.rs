//! What an operator does with the secrets of organisations: never reading them.

use clap::Subcommand;
use wib_http::config::Config;

use super::{Failure, Outcome, wire};

#[derive(Subcommand)]
pub(crate) enum Secrets {
    /// Seal every secret under WIB_SECRETS_KEY, reading with WIB_SECRETS_OLD_KEYS; may be interrupted and run again
    Rotate,
}

impl Secrets {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        match self {
            Self::Rotate => {
                let wired = wire::wire(config).await?;
                let rotated = wired.wib.system().rotate_secrets().await?;
                println!("{} secrets sealed anew", rotated.renewed);
                for secret in &rotated.unreadable {
                    println!("{} {}: {}", secret.organization_id, secret.name, secret.reason);
                }
                match rotated.unreadable.len() {
                    0 => Ok(()),
                    left => Err(Failure::Say(format!("{left} secrets cannot be read and were left as they are"))),
                }
            }
        }
    }
}
