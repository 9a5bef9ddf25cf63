//! What an operator does with jobs and dead letters.

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use wib_core::{
    engine::{Message, MessageStatus, Scheduler, Topic},
    jobs::JOBS,
    kit::{Error, Id, Timestamp, text::TextEnum},
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
        match self.what {
            // The daemon is a process of its own.
            None => Ok(()),
            Some(JobsCommand::List) => {
                for job in JOBS {
                    println!("{:<20} {:<14} {}", job.name, job.cron, job.purpose);
                }
                Ok(())
            }
            Some(JobsCommand::Run { name, take_over }) => {
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
            Some(JobsCommand::History { name, limit }) => {
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
        /// Of this topic alone
        #[arg(long)]
        topic: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: i64,
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Show one: what it carries, without names, numbers and texts; its tries; why it was given up
    Show {
        /// Its id
        id: String,
    },
    /// Put back to work
    Replay {
        /// The id of one
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// Of this topic alone
        #[arg(long, requires = "all")]
        topic: Option<String>,
        /// All there are
        #[arg(long)]
        all: bool,
    },
    /// Settle one without its work being done; the audit log tells
    Drop {
        /// Its id
        id: String,
        /// Yes, its work is not to be done
        #[arg(long)]
        yes: bool,
    },
}

/// Letters that are replayed at once.
const PART: i64 = 500;

impl DeadLetters {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        let wired = wire::wire(config).await?;
        let system = wired.wib.system();
        match self {
            Self::List { topic, limit, json } => {
                let letters = system.dead_letters_of(topic.map(|t| named(&t)).transpose()?, limit).await?;
                if json {
                    let letters: Vec<_> = letters.iter().map(|letter| shown(letter, MessageStatus::Dead)).collect();
                    println!("{:#}", Json::Array(letters));
                    return Ok(());
                }
                for letter in letters {
                    let why = letter.last_error.unwrap_or_default();
                    println!("{}  {:<18} {}  {why}", letter.id, letter.topic.as_str(), letter.created_at);
                }
                Ok(())
            }
            Self::Show { id } => match system.message(parsed(&id)?).await? {
                Some((message, status)) => {
                    println!("{:#}", shown(&message, status));
                    Ok(())
                }
                None => Err(Failure::Say(format!("{id} is no message"))),
            },
            Self::Replay { id: Some(id), .. } => {
                let replayed = system.replay(parsed(&id)?).await?;
                if replayed { Ok(()) } else { Err(Failure::Say(format!("{id} is no dead letter"))) }
            }
            Self::Replay { topic, .. } => {
                let topic = topic.map(|t| named(&t)).transpose()?;
                let mut count = 0;
                // What is put back is none any more, so the first ones are always others.
                loop {
                    let letters = system.dead_letters_of(topic, PART).await?;
                    let mut some = false;
                    for letter in &letters {
                        let replayed = system.replay(letter.id).await?;
                        some |= replayed;
                        count += u64::from(replayed);
                    }
                    if !some || i64::try_from(letters.len()).unwrap_or(PART) < PART {
                        break;
                    }
                }
                println!("{count} put back to work");
                Ok(())
            }
            Self::Drop { id, yes } => {
                let id_of = parsed(&id)?;
                if !yes {
                    return Err(Failure::Say(format!("the work of {id} would not be done: say --yes")));
                }
                let dropped = system.drop_letter(id_of).await?;
                if dropped { Ok(()) } else { Err(Failure::Say(format!("{id} is no dead letter"))) }
            }
        }
    }
}

fn parsed(id: &str) -> Result<Id<Message>, Failure> {
    id.parse().map_err(|e: Error| Failure::Say(format!("{id}: {e}")))
}

fn named(topic: &str) -> Result<Topic, Failure> {
    topic.parse().map_err(|_| {
        let all: Vec<_> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
        Failure::Say(format!("no topic is called so: there are {}", all.join(", ")))
    })
}

fn shown(message: &Message, status: MessageStatus) -> Json {
    json!({
        "id": message.id,
        "organization_id": message.organization_id,
        "topic": message.topic.as_str(),
        "status": status.as_str(),
        "attempts": message.attempts,
        "created_at": message.created_at,
        "run_at": message.run_at,
        "started_at": message.started_at,
        "last_error": message.last_error,
        "payload": covered(&message.payload),
    })
}

/// What a message carries, for an operator's eyes: ids, times, words of ours and numbers. Any other text may be a name, a
/// secret link or what somebody said.
fn covered(payload: &Json) -> Json {
    match payload {
        Json::Object(map) => map.iter().map(|(name, value)| (name.clone(), covered(value))).collect(),
        Json::Array(items) => items.iter().map(covered).collect(),
        Json::String(text) => {
            let word = text.len() <= 32 && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let plain = word || text.parse::<uuid::Uuid>().is_ok() || text.parse::<Timestamp>().is_ok();
            if plain { payload.clone() } else { format!("[a text of {} characters]", text.chars().count()).into() }
        }
        // A card's number would be a text; a number this long is none of ours.
        Json::Number(n) if n.to_string().len() > 12 => "[a number]".into(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_shown_without_names_numbers_and_texts() {
        let id = "0198c0de-0000-7000-8000-000000000001";
        let payload = json!({
            "call_id": id, "at": "2026-01-05T15:00:00Z", "kind": "first_notice", "times": 3, "done": true, "none": null,
            "to": ["Ann Lee <ann@example.com>"], "phone": "+13125550100", "token": "c0ffee".repeat(10), "card": 4111111111111111i64,
        });
        let shown = covered(&payload);
        for name in ["call_id", "at", "kind", "times", "done", "none"] {
            assert_eq!(shown[name], payload[name], "{name}");
        }
        let text = shown.to_string();
        assert!(["Ann", "example", "3125550100", "c0ffee", "4111"].iter().all(|part| !text.contains(part)), "{text}");
        assert_eq!(shown["phone"], "[a text of 12 characters]");
    }
}
