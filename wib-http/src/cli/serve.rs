//! The processes of an installation: one struct of parts, of which each role runs some.

use std::{net::SocketAddr, process, time::Duration};

use clap::Args;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinSet,
};
use wib_core::{
    engine::{Scheduler, Worker},
    kit::{Clock, ExposeSecret, time},
};
use wib_http::{
    AppConfig, app,
    config::{Config, Env},
    metrics, operators,
    readiness::{Needs, Readiness},
    rules::Follower,
    serve::{self, Signal, Signals},
};

use super::{
    Failure, Outcome,
    wire::{self, Wired},
};

/// How long workers and jobs may finish what is in hand.
const DRAIN: Duration = Duration::from_secs(30);
/// Where the API listens when nothing is said.
pub(crate) const PORT: u16 = 8787;

#[derive(Args, Default)]
pub(crate) struct Serve {
    /// The API alone: what is queued and what is scheduled is done by `wib worker` and `wib jobs`
    #[arg(long)]
    api: bool,
}
impl Serve {
    pub(crate) fn role(&self) -> Role {
        if self.api { Role::Api } else { Role::All }
    }
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything, alone.
    All,
    /// Answers requests.
    Api,
    /// Carries what is queued.
    Worker,
    /// Runs what is scheduled.
    Jobs,
}
impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Jobs => "jobs",
        }
    }
    const fn serves(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }
    const fn works(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }
    const fn schedules(self) -> bool {
        matches!(self, Self::All | Self::Jobs)
    }

    /// Refuses what several processes cannot share.
    fn check(self, config: &Config) -> Outcome {
        if self == Self::All {
            return Ok(());
        }
        let mut faults = vec![];
        let addresses = wire::in_house(config);
        if !addresses.is_empty() {
            faults.push(format!(
                "WIB_SANDBOX: what is sandboxed lives inside one process, and several cannot share it: run `wib sandbox` \
                 and give its address as {}, or run everything in one process (`wib serve`)",
                addresses.join(", ")
            ));
        }
        let url = config.database_url.expose_secret();
        if url.starts_with("sqlite:") {
            if url.contains(":memory:") {
                faults.push("DATABASE_URL: a database in memory is one process's own".to_owned());
            }
        } else if config.evidence_key.is_none() {
            faults.push(
                "WIB_EVIDENCE_KEY: needed where several processes share a database: each would make a key of its own"
                    .to_owned(),
            );
        }
        if faults.is_empty() { Ok(()) } else { Err(Failure::Say(faults.join("\n     "))) }
    }

    /// Where the process listens, if it does.
    fn address(self, config: &Config) -> Option<SocketAddr> {
        let usual = if self.serves() { PORT } else { 0 };
        (self.serves() || config.status).then(|| SocketAddr::new(config.bind, config.port.unwrap_or(usual)))
    }
}

/// What works in a process, besides answering.
struct Parts {
    stop: watch::Sender<bool>,
    tasks: JoinSet<&'static str>,
    scheduler: Option<Scheduler>,
}

impl Parts {
    fn start(config: &Config, role: Role, wired: &Wired) -> Self {
        let (stop, told) = watch::channel(false);
        let wib = &wired.wib;
        let mut tasks = JoinSet::new();
        if role.works() {
            let (worker, lanes, told) = (Worker::new(wib), config.workers, told.clone());
            tasks.spawn(async move {
                worker.run(lanes, told).await;
                "worker"
            });
        }
        let scheduler = role.schedules().then(|| Scheduler::new(wib));
        if let Some(scheduler) = scheduler.clone() {
            let told = told.clone();
            tasks.spawn(async move {
                scheduler.run_forever(told).await;
                "jobs"
            });
        }
        if let Some(sandbox) = wired.sandbox.clone() {
            let (wib, told) = (wib.clone(), told.clone());
            tasks.spawn(async move {
                sandbox.run(wib, told).await;
                "sandbox"
            });
        }
        if let Some(folder) = config.rules.clone() {
            let follower = Follower::new(wib, folder);
            tasks.spawn(async move {
                follower.run(told).await;
                "rules"
            });
        }
        Self { stop, tasks, scheduler }
    }

    /// The part that ended though nobody told it to; never, when there is none.
    async fn broken(&mut self) -> &'static str {
        match self.tasks.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(error)) => {
                tracing::error!(%error, "a part of the process broke");
                "one"
            }
            None => std::future::pending().await,
        }
    }

    /// Waits for what is in hand. What is not finished in time is left: a message's lease ends by itself, a job's is given
    /// back.
    async fn drain(mut self, clock: &dyn Clock) {
        let done = async { while self.tasks.join_next().await.is_some() {} };
        if time::timeout(clock, DRAIN, done).await.is_some() {
            return;
        }
        tracing::warn!(seconds = DRAIN.as_secs(), "stopped with work unfinished: its leases end by themselves");
        self.tasks.shutdown().await;
        if let Some(scheduler) = &self.scheduler
            && let Err(error) = scheduler.give_back().await
        {
            tracing::warn!(error = error.chain(), "a job's lease could not be given back: it ends by itself");
        }
    }
}

/// Runs a process until it is told to end.
pub(crate) async fn run(config: Config, role: Role) -> Outcome {
    role.check(&config)?;
    let counted = metrics::install().map_err(|e| Failure::Say(format!("no metrics: {e}")))?;
    let wired = wire::wire(&config).await?;
    let (wib, clock) = (wired.wib.clone(), wired.wib.clock().clone());
    let listener = match role.address(&config) {
        None => None,
        Some(at) => {
            Some(TcpListener::bind(at).await.map_err(|e| Failure::Say(format!("PORT: cannot listen on {at}: {e}")))?)
        }
    };
    let mut signals = Signals::listen()?;
    tell(&config, role);
    metrics::build(role.name());
    let readiness = Readiness::new(&wib, Needs { works: role.works(), ..Needs::default() });
    let mut parts = Parts::start(&config, role, &wired);
    tokio::spawn(metrics::upkeep(counted.clone(), clock.clone()));
    let app_config = AppConfig {
        cors_origin: config.cors_origin.clone(),
        limits: config.limits.clone(),
        internal_key: config.internal_key.clone(),
        production: config.env == Env::Production,
        traces: config.otlp.is_some(),
        metrics: Some(counted),
        readiness: Some(readiness.clone()),
        leaving: Some(parts.stop.subscribe()),
        ..AppConfig::default()
    };
    let (close, closed) = oneshot::channel::<()>();
    let mut server = JoinSet::new();
    if let Some(listener) = listener {
        let (at, key) = (listener.local_addr()?, wib.evidence_public_key());
        tracing::info!(role = role.name(), address = %at, public_key = key, "listening");
        let router = if role.serves() { app(wib.clone(), &app_config) } else { operators(wib.clone(), &app_config) };
        let closed = async move {
            // Dropped unsaid, it is a close too.
            let _ = closed.await;
        };
        server.spawn(serve::serve(listener, router, clock.clone(), closed));
    }
    let told = tokio::select! {
        biased;
        signal = signals.next() => Ok(signal),
        part = parts.broken() => Err(format!("{part} of the parts of this process ended by itself")),
        Some(ended) = server.join_next() => Err(format!("the server ended by itself: {ended:?}")),
    };
    readiness.leave();
    parts.stop.send_replace(true);
    tracing::info!("ending: nothing more is taken, what is in hand is finished");
    let leave = async {
        let answered = async {
            if told == Ok(Signal::Terminate) && role.serves() {
                clock.sleep_until(time::after(clock.now(), config.linger)).await;
            }
            let _ = close.send(());
            while server.join_next().await.is_some() {}
            // They have been told with the other parts.
            if time::timeout(&*clock, DRAIN, wib.system().streams_ended()).await.is_none() {
                tracing::warn!("stopped with calls that are heard: somebody else goes on with them");
            }
        };
        tokio::join!(answered, parts.drain(&*clock));
        wired.store.close().await;
    };
    tokio::select! {
        biased;
        _ = signals.next() => {
            tracing::warn!("told twice: ending at once, what is in hand is left");
            process::exit(1);
        }
        () = leave => {}
    }
    told.map(|_| ()).map_err(Failure::Say)
}

/// What an operator should know of a process that starts.
fn tell(config: &Config, role: Role) {
    let sandboxed = config.sandboxed();
    if !sandboxed.is_empty() {
        let ports: Vec<_> = sandboxed.iter().map(|port| port.as_str()).collect();
        tracing::warn!(ports = ports.join(","), "these ports are sandboxed: nothing of them is real");
    }
    if role != Role::All && config.database_url.expose_secret().starts_with("sqlite:") {
        tracing::warn!("several processes on one SQLite file must be on one machine, and write one after another");
    }
    if let Some(clock) = config.clock {
        tracing::warn!(?clock, "time is rehearsed: this process runs ahead of the machine's clock");
    }
}
