//! What an operator does with jobs and dead letters.

use clap::Subcommand;
use wib_core::{engine::Scheduler, jobs::JOBS, kit::Error};
use wib_http::config::Config;

use super::{Failure, Outcome, wire};

#[derive(Subcommand)]
pub(crate) enum Jobs {
    /// Show every job
    List,
    /// Run one now
    Run {
        /// Its name
        name: String,
        /// Take it over from a node that is known to be gone
        #[arg(long)]
        take_over: bool,
    },
    /// Show runs, newest first
    History {
        /// Of one job
        name: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
}

impl Jobs {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        match self {
            Self::List => {
                for job in JOBS {
                    println!("{:<20} {:<14} {}", job.name, job.cron, job.purpose);
                }
                Ok(())
            }
            Self::Run { name, take_over } => {
                let wired = wire::wire(config).await?;
                match Scheduler::new(&wired.wib).run_now(&name, take_over).await? {
                    None => Err(Failure::Say(format!("{name} is running elsewhere"))),
                    Some(run) => match run.error {
                        Some(error) => Err(Failure::Say(error)),
                        None if run.errors > 0 => {
                            println!("{name}: {} rows, {} failed", run.processed, run.errors);
                            Ok(())
                        }
                        None => {
                            println!("{name}: {} rows", run.processed);
                            Ok(())
                        }
                    },
                }
            }
            Self::History { name, limit } => {
                if let Some(name) = &name
                    && JOBS.iter().all(|job| job.name != name)
                {
                    return Err(Failure::Say(format!("{name} is not a job")));
                }
                let wired = wire::wire(config).await?;
                for run in wired.wib.system().job_history(name.as_deref(), limit).await? {
                    let took = run.duration_ms().map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
                    let why = run.error.unwrap_or_default();
                    println!(
                        "{}  {:<20} {:<8} {:>6} rows {:>4} failed {took:>9}  due {}  {why}",
                        run.started_at,
                        run.job,
                        run.outcome.as_str(),
                        run.processed,
                        run.errors,
                        run.due_at
                    );
                }
                Ok(())
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
