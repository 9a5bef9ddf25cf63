//! Platform administrators: made and dropped by whoever may start this program with the database's address.

use std::io::{BufRead, IsTerminal};

use clap::{Args, Subcommand};
use wib_core::{kit::SecretString, platform::MakePlatformAdmin};
use wib_http::config::Config;

use super::{Failure, Outcome, wire};

#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Make a platform administrator of an account, and the account when there is none
    Create(Create),
    /// Make a plain user of a platform administrator
    Drop {
        /// Whose
        #[arg(long)]
        email: String,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// Whose
    #[arg(long)]
    email: String,
    /// Shown name of a new account
    #[arg(long)]
    name: Option<String>,
}

impl Admin {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        let system = wire::wire(config).await?.wib.system();
        match self {
            Self::Create(Create { email, name }) => {
                let command = MakePlatformAdmin { email, name, password: given() };
                let made = match system.make_platform_admin(command.clone()).await {
                    // Only a new account needs one: it is asked for when there is none.
                    Err(error)
                        if command.password.is_none() && error.fields().iter().any(|f| f.field == "password") =>
                    {
                        system.make_platform_admin(MakePlatformAdmin { password: Some(asked()?), ..command }).await
                    }
                    made => made,
                };
                let (user, new) = made?;
                let what = if new { "made" } else { "there already, and keeps its password" };
                println!("{} is a platform administrator; the account was {what}", user.email);
            }
            Self::Drop { email } => {
                let user = system.drop_platform_admin(&email).await?;
                println!("{} is no platform administrator", user.email);
            }
        }
        Ok(())
    }
}

/// The password of the environment.
fn given() -> Option<SecretString> {
    std::env::var("WIB_ADMIN_PASSWORD").ok().filter(|password| !password.is_empty()).map(SecretString::from)
}

/// The password, as the first line of what is piped in or typed.
fn asked() -> Result<SecretString, Failure> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        eprintln!("A password for the new account, 8 to 128 characters; it is shown while it is typed:");
    }
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}
