//! The server: API, workers, jobs and, where vendors are sandboxed in the house, the sandbox.

use std::time::Duration;

use tokio::{net::TcpListener, sync::watch};
use wib_core::{
    engine::{Scheduler, Worker},
    kit::time,
};
use wib_http::{AppConfig, app, config::Config, metrics, rules::Follower, serve};

use super::{Failure, Outcome, wire};

/// How long workers may finish what is in hand.
const DRAIN: Duration = Duration::from_secs(30);

pub(crate) async fn serve(config: Config) -> Outcome {
    let counted = metrics::install().map_err(|e| Failure::Say(format!("no metrics: {e}")))?;
    let wire::Wired { wib, sandbox, store } = wire::wire(&config).await?;
    let address = std::net::SocketAddr::new(config.bind, config.port);
    let listener =
        TcpListener::bind(address).await.map_err(|e| Failure::Say(format!("PORT: cannot listen on {address}: {e}")))?;
    let (stop, stopped) = watch::channel(false);
    let work = {
        let (worker, scheduler) = (Worker::new(&wib), Scheduler::new(&wib));
        let (lanes, told) = (config.workers, stopped.clone());
        let (tell, vendors) = (stopped.clone(), sandbox.clone().map(|s| (s, wib.clone())));
        let (follower, end) = (config.rules.clone().map(|folder| Follower::new(&wib, folder)), stopped.clone());
        tokio::spawn(async move {
            let rules = async {
                if let Some(follower) = follower {
                    follower.run(end).await;
                }
            };
            let vendors = async {
                if let Some((sandbox, wib)) = vendors {
                    sandbox.run(wib, tell.clone()).await;
                }
            };
            tokio::join!(worker.run(lanes, told.clone()), scheduler.run_forever(told), vendors, rules);
        })
    };
    tokio::spawn(metrics::upkeep(counted.clone(), wib.clock().clone()));
    let sandboxed = config.sandboxed();
    if !sandboxed.is_empty() {
        let ports: Vec<_> = sandboxed.iter().map(|port| port.as_str()).collect();
        tracing::warn!(ports = ports.join(","), "these ports are sandboxed: nothing of them is real");
    }
    let at = listener.local_addr()?;
    tracing::info!(address = %at, public_key = wib.evidence_public_key(), "listening");
    let app_config = AppConfig {
        cors_origin: config.cors_origin.clone(),
        limits: config.limits.clone(),
        metrics: Some(counted),
        ..AppConfig::default()
    };
    let router = app(wib.clone(), &app_config);
    let signals = async move {
        if let Err(error) = serve::signals().await {
            tracing::error!(%error, "signals cannot be listened to");
            std::future::pending::<()>().await;
        }
    };
    let served = serve::serve(listener, router, wib.clock().clone(), signals).await;
    tracing::info!("draining: what is in hand is finished");
    let _ = stop.send(true);
    if time::timeout(&**wib.clock(), DRAIN, work).await.is_none() {
        tracing::warn!(seconds = DRAIN.as_secs(), "stopped with work unfinished: its leases end by themselves");
    }
    store.close().await;
    Ok(served?)
}
