//! Who fills each port, whether they answer, and what is to be set to go live.

use std::{path::Path, sync::Arc};

use clap::Args;
use serde::Serialize;
use wib_core::{
    kit::{Clock, ExposeSecret, OsRandom, SystemClock},
    ports::{Fault, Port},
};
use wib_http::config::Config;
use wib_providers::{
    http::Wires,
    sandbox::{Sandbox, Settings},
    transport::Network,
    vendor::Probe,
};

use super::{Failure, Outcome, wire};

#[derive(Args)]
pub(crate) struct Doctor {
    /// For machines
    #[arg(long)]
    json: bool,
}

/// What was found of one vendor on one port.
#[derive(Serialize)]
struct Finding {
    port: &'static str,
    adapter: &'static str,
    /// `live`, `sandbox` or `unset`.
    state: &'static str,
    /// What was read to find out.
    probed: Option<&'static str>,
    /// Whether it answered and took the key; null when nothing was asked.
    ok: Option<bool>,
    /// Milliseconds to the answer.
    latency_ms: Option<u64>,
    /// What it said instead.
    error: Option<String>,
    /// What to set to go live.
    to_go_live: Option<String>,
}

impl Doctor {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        let network = Network::new().map_err(|e| Failure::Say(format!("no network client: {e}")))?;
        let clock: Arc<dyn Clock> = super::clock();
        let live = Wires { transport: Arc::new(network), clock: clock.clone(), random: Arc::new(OsRandom) };
        let house = Sandbox::new(Arc::new(SystemClock), 1, Settings::default());
        let (adapters, _) = wire::adapters(config, &live, &house)?;
        let mut findings = vec![store(config, &*clock).await, blobs(config, &clock).await?];
        let asked = adapters.probes.iter().map(|probe| ask(config, &*clock, probe));
        findings.extend(futures_util::future::join_all(asked).await);
        for port in Port::all() {
            let answered: Vec<_> = findings.iter().filter(|f| f.port == port.as_str()).map(|f| f.adapter).collect();
            let silent = config.filling(*port).filter(|vendor| !answered.contains(&vendor.name));
            findings.extend(silent.map(|vendor| Finding {
                port: port.as_str(),
                adapter: vendor.name,
                state: "unset",
                probed: None,
                ok: None,
                latency_ms: None,
                error: None,
                to_go_live: Some(vendor.keys()),
            }));
        }
        let order = |port: &str| port.parse::<Port>().map_or(0, |port| 1 + port as usize);
        findings.sort_by_key(|finding| order(finding.port));
        // A sandbox is there to be refused by nobody; who was configured and refuses is an error.
        let ill = findings.iter().any(|finding| finding.ok == Some(false));
        if self.json {
            println!("{}", serde_json::to_string_pretty(&findings).map_err(|e| Failure::Say(e.to_string()))?);
        } else {
            findings.iter().for_each(show);
        }
        if ill { Err(Failure::Silent) } else { Ok(()) }
    }
}

/// The database: whether it is reached, and has the tables of this version. Nothing is made or changed.
async fn store(config: &Config, clock: &dyn Clock) -> Finding {
    let started = clock.now();
    let file = config.database_url.expose_secret().strip_prefix("sqlite:").map(|path| path.split('?').next());
    let new = file.flatten().is_some_and(|path| !path.is_empty() && path != ":memory:" && !Path::new(path).exists());
    let missing = match wire::database(config) {
        Ok(_) if new => Ok(0),
        Ok(database) => wib_storage::migrate::plan(&database).await.map(|steps| steps.len()).map_err(|e| e.chain()),
        Err(Failure::Say(text) | Failure::Unread(text)) => Err(text),
        Err(Failure::Silent) => Err("not a database".to_owned()),
    };
    let error = match missing {
        // The embedded database takes its steps at every start.
        Ok(0) => None,
        Ok(_) if file.is_some() => None,
        Ok(steps) => Some(format!("{steps} steps are missing: wib migrate up (WIB_DB_OWNER_URL)")),
        Err(text) => Some(format!("{text} (DATABASE_URL)")),
    };
    Finding {
        port: "store",
        adapter: if file.is_some() { "sqlite" } else { "postgresql" },
        state: "live",
        probed: Some(if new { "a new file" } else { "the tables" }),
        ok: Some(error.is_none()),
        latency_ms: Some(millis(clock, started)),
        error,
        to_go_live: None,
    }
}

/// The place of the recordings: whether it is reached with the key that was set.
async fn blobs(config: &Config, clock: &Arc<dyn Clock>) -> Result<Finding, Failure> {
    let started = clock.now();
    let answer = match &config.s3 {
        Some(_) => wire::blobs(config, clock)?.ping().await,
        // The folder is made at the first start.
        None => Ok(()),
    };
    Ok(Finding {
        port: "blobs",
        adapter: if config.s3.is_some() { "s3" } else { "folder" },
        state: "live",
        probed: Some(if config.s3.is_some() { "the bucket" } else { "nothing" }),
        ok: Some(answer.is_ok()),
        latency_ms: Some(millis(&**clock, started)),
        error: answer.err().map(|error| error.message().to_owned()),
        to_go_live: None,
    })
}

async fn ask(config: &Config, clock: &dyn Clock, probe: &Probe) -> Finding {
    let started = clock.now();
    let answer = (probe.ask)().await;
    let sandboxed = config.sandboxed().contains(&probe.port);
    let vendor = config.filling(probe.port).find(|vendor| vendor.name == probe.vendor);
    let keys = vendor.map(|vendor| vendor.keys());
    let error = answer.as_ref().err().map(|error| match error.fault {
        Fault::Down | Fault::Timeout if sandboxed => format!("the sandbox is not reached: {error}"),
        _ => error.to_string(),
    });
    Finding {
        port: probe.port.as_str(),
        adapter: probe.vendor,
        state: if sandboxed { "sandbox" } else { "live" },
        probed: Some(probe.what),
        ok: Some(answer.is_ok()),
        latency_ms: Some(millis(clock, started)),
        error,
        to_go_live: keys.filter(|_| sandboxed),
    }
}

fn millis(clock: &dyn Clock, started: wib_core::kit::Timestamp) -> u64 {
    u64::try_from(clock.now().duration_since(started).as_millis()).unwrap_or_default()
}

fn show(finding: &Finding) {
    let Finding { port, adapter, state, probed, latency_ms, error, to_go_live, .. } = finding;
    let answer = match (error, probed, latency_ms) {
        (Some(error), ..) => error.clone(),
        (None, Some(probed), Some(ms)) => format!("{probed}: {ms} ms"),
        _ => String::new(),
    };
    let hint = to_go_live.as_ref().map(|keys| format!("to go live: {keys}")).unwrap_or_default();
    println!("{}", format!("{port:<12} {adapter:<12} {state:<8} {answer:<60} {hint}").trim_end());
}
