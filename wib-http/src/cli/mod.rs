//! The command line. Every command reads the same configuration as the server.

mod admin;
mod backup;
mod demo;
mod doctor;
mod evidence;
mod import;
mod law;
mod live;
mod queue;
mod ready;
mod sandbox;
mod secrets;
mod serve;
mod wire;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};
use serve::Role;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};
use wib_core::kit::{Clock, Error, SystemClock};
use wib_http::{
    AppConfig,
    config::{Config, LogFormat},
    routes,
};

/// Dial a person lawfully, and end with a sealed, verifiable record of what was said.
#[derive(Parser)]
#[command(name = "wib", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, with workers and jobs (what plain `wib` does), or alone
    Serve(serve::Serve),
    /// Carry what is queued, beside `wib serve --api`
    Worker,
    /// Carry a few calls through the whole of it, on sandbox vendors, with no keys and no network
    Demo(demo::Demo),
    /// Change the database's tables
    Migrate {
        /// What to do
        #[arg(value_enum, default_value_t = Migrate::Up)]
        what: Migrate,
    },
    /// Read a creditor's file into an organisation
    Import(import::Import),
    /// Export and verify evidence
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    /// Explain verdicts, check them, and show the rules they are made by
    #[command(subcommand)]
    Law(law::Law),
    /// Run the sandbox vendors on a port
    Sandbox(sandbox::Port),
    /// Show who fills each port, ask the vendors whether they take the keys, and say what is missing
    Doctor(doctor::Doctor),
    /// Print the OpenAPI document
    Openapi,
    /// Run scheduled jobs, as a daemon beside `wib serve --api` or one by hand
    Jobs(queue::Jobs),
    /// Dead letters
    #[command(subcommand)]
    Dlq(queue::DeadLetters),
    /// Secrets of organisations
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Platform administrators
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Copy the whole of an embedded installation into a folder, while it is in use
    Backup(backup::Backup),
    /// Put such a copy back, after checking every byte of it
    Restore(backup::Restore),
    /// Ask a process whether it is ready
    Ready(ready::Ready),
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Migrate {
    /// Apply what is missing
    Up,
    /// Show every step and whether it is applied
    Status,
    /// Show what would be applied
    Plan,
}

/// What went wrong, as the last line of a command.
pub(crate) enum Failure {
    /// In words.
    Say(String),
    /// A verification that did not hold; everything is said already.
    Silent,
    /// What was to be checked cannot be read, in words.
    Unread(String),
}
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Say(error.chain())
    }
}
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Say(error.to_string())
    }
}
impl From<wib_http::config::Faults> for Failure {
    fn from(faults: wib_http::config::Faults) -> Self {
        Self::Say(faults.to_string())
    }
}

pub(crate) type Outcome = Result<(), Failure>;

pub(crate) fn main() -> ExitCode {
    // One TLS stack, chosen before anybody needs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    match run(cli.command.unwrap_or(Command::Serve(serve::Serve::default()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Silent) => ExitCode::FAILURE,
        Err(Failure::Say(text)) => {
            eprintln!("wib: {text}");
            ExitCode::FAILURE
        }
        Err(Failure::Unread(text)) => {
            eprintln!("wib: {text}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Demo(demo) => single()?.block_on(demo.run()),
        Command::Sandbox(port) => {
            let _traces = log("info", LogFormat::Text, None)?;
            several()?.block_on(port.run())
        }
        Command::Openapi => {
            let document = routes::table(&AppConfig::default()).openapi("/");
            println!("{document:#}");
            Ok(())
        }
        Command::Evidence(evidence::Evidence::Verify(verify)) => verify.run(),
        Command::Law(law::Law::Check(check)) => check.run(),
        Command::Law(law::Law::Pack { file }) => law::pack(&file),
        other => {
            let config = Config::read(std::env::vars())?;
            let _traces = log(&config.log, config.log_format, config.otlp.as_deref())?;
            match other {
                Command::Serve(what) => several()?.block_on(serve::run(config, what.role())),
                Command::Worker => several()?.block_on(serve::run(config, Role::Worker)),
                Command::Jobs(queue::Jobs { what: None }) => several()?.block_on(serve::run(config, Role::Jobs)),
                Command::Migrate { what } => single()?.block_on(migrate(&config, what)),
                Command::Evidence(evidence) => single()?.block_on(evidence.run(&config)),
                Command::Law(law) => single()?.block_on(law.run(&config)),
                Command::Import(import) => single()?.block_on(import.run(&config)),
                Command::Jobs(jobs) => single()?.block_on(jobs.run(&config)),
                Command::Doctor(doctor) => single()?.block_on(doctor.run(&config)),
                Command::Backup(backup) => single()?.block_on(backup.run(&config)),
                Command::Restore(restore) => single()?.block_on(restore.run(&config)),
                Command::Ready(ready) => single()?.block_on(ready.run(&config)),
                Command::Dlq(letters) => single()?.block_on(letters.run(&config)),
                Command::Admin(admin) => single()?.block_on(admin.run(&config)),
                Command::Secrets(secrets) => single()?.block_on(secrets.run(&config)),
                Command::Demo(_) | Command::Sandbox(_) | Command::Openapi => Ok(()),
            }
        }
    }
}

/// A server's runtime.
fn several() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// A command's runtime.
fn single() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// What a command leaves behind when it ends: the last traces are sent.
struct Traced {
    #[cfg(feature = "otel")]
    traces: Option<wib_http::otel::Traces>,
}
#[cfg(feature = "otel")]
impl Drop for Traced {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces {
            traces.end();
        }
    }
}

/// The log, and the traces where a collector is named.
fn log(filter: &str, format: LogFormat, collector: Option<&str>) -> Result<Traced, Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| "info".into());
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    let lines = match format {
        LogFormat::Json => lines.json().boxed(),
        LogFormat::Text => lines.boxed(),
    };
    // The filter is the log's: traces have one of their own.
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    #[cfg(feature = "otel")]
    {
        let traces = collector.map(wib_http::otel::Traces::to).transpose()?;
        subscriber.with(traces.as_ref().map(|traces| traces.layer())).init();
        Ok(Traced { traces })
    }
    #[cfg(not(feature = "otel"))]
    {
        let _ = collector;
        subscriber.init();
        Ok(Traced {})
    }
}

async fn migrate(config: &Config, what: Migrate) -> Outcome {
    let database = wire::database(config)?;
    match what {
        Migrate::Up => {
            wire::make_folder(config)?;
            let applied = wib_storage::migrate::up(&database, SystemClock.now()).await?;
            println!("{applied} steps applied");
        }
        Migrate::Status | Migrate::Plan => {
            let steps = match what {
                Migrate::Plan => wib_storage::migrate::plan(&database).await?,
                _ => wib_storage::migrate::status(&database).await?,
            };
            for step in steps {
                let mark = if step.applied { "applied" } else { "missing" };
                println!("{:04} {:<16} {mark}", step.version, step.name);
            }
        }
    }
    Ok(())
}

/// The folder of what is not in a database, from the configuration.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// A file, or a clear word on why it cannot be read.
pub(crate) fn read(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::Say(format!("{}: {e}", path.display())))
}
