//! What an operator does with jobs and dead letters.

use clap::{Args, Subcommand};
use wib_core::{
    engine::{Scheduler, jobs::JOBS},
    kit::Error,
};
use wib_http::config::Config;

use super::{Failure, Outcome, wire};

#[derive(Args)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    pub(crate) what: Option<JobsCommand>,
}

#[derive(Subcommand)]
pub(crate) enum JobsCommand {
    /// Show every job
    List,
    /// Run one now
    Run {
        /// Its name
        name: String,
    },
}

impl Jobs {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        match self.what {
            // The daemon is a process of its own.
            None => Ok(()),
            Some(JobsCommand::List) => {
                for job in JOBS {
                    println!("{:<20} {:<14} {}", job.name, job.cron, job.purpose);
                }
                Ok(())
            }
            Some(JobsCommand::Run { name }) => {
                let wired = wire::wire(config).await?;
                match Scheduler::new(&wired.wib).run_by_name(&name).await? {
                    None => Err(Failure::Say(format!("{name} is running elsewhere"))),
                    Some(run) => match run.error {
                        Some(error) => Err(Failure::Say(error)),
                        None => {
                            println!("{name}: {} rows", run.processed);
                            Ok(())
                        }
                    },
                }
            }
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum DeadLetters {
    /// Show them, oldest first
    List {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// Put one back to work
    Replay {
        /// Its id
        id: String,
    },
}

impl DeadLetters {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        let wired = wire::wire(config).await?;
        let system = wired.wib.system();
        match self {
            Self::List { limit } => {
                for letter in system.dead_letters(limit).await? {
                    let why = letter.last_error.unwrap_or_default();
                    println!("{}  {:<18} {}  {why}", letter.id, letter.topic.as_str(), letter.created_at);
                }
                Ok(())
            }
            Self::Replay { id } => {
                let parsed = id.parse().map_err(|e: Error| Failure::Say(format!("{id}: {e}")))?;
                if system.replay(parsed).await? { Ok(()) } else { Err(Failure::Say(format!("{id} is no dead letter"))) }
            }
        }
    }
}
