//! From a configuration to a wired core.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{ErrorKind, Read, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use wib_core::{
    Settings, Wib,
    compliance::RulePack,
    evidence::Signer,
    kit::{Clock, ExposeSecret, OsRandom, Random, SystemClock},
    ports::{Blobs, Bus, Cache, Port, Queue, Witness, bus::LocalBus},
    secrets::Vault,
};
use wib_http::{config::Config, rules};
use wib_providers::{
    heartbeat::HttpHeartbeat,
    hooks::HttpHooks,
    http::Wires,
    prices,
    rfc3161::Rfc3161,
    sandbox::{self, Sandbox},
    transport::{Network, Outside},
    vendor::{Adapters, Given, Vendor},
    witness::HttpWitness,
};
use wib_storage::{
    Database, FileWitness, FolderBlobs, PgUrls, RedisCache, S3Blobs, SqlStore, StoreCache,
    bus::PgBus,
    nats::{Nats, NatsBus, NatsQueue},
};

use super::Failure;

/// A wired core, and the sandbox that some of its vendors live in.
pub(crate) struct Wired {
    pub(crate) wib: Wib,
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) store: Arc<SqlStore>,
}

/// The database that a configuration names.
pub(crate) fn database(config: &Config) -> Result<Database, Failure> {
    let url = config.database_url.expose_secret();
    if url.starts_with("sqlite:") {
        return Ok(url.parse()?);
    }
    Ok(Database::Postgres(PgUrls {
        owner: config.db_owner_url.clone(),
        jobs: config.db_jobs_url.clone(),
        direct: config.db_direct_url.clone(),
        pooled: config.db_pooled,
        connections: config.db_connections,
        websocket: config.db_websocket.clone(),
        ..PgUrls::one(url)
    }))
}

/// Makes the folder of what is not in a database.
pub(crate) fn make_folder(config: &Config) -> Result<(), Failure> {
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    // Recordings and names of people: for this account's eyes only.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder
        .create(&config.data)
        .map_err(|e| Failure::Say(format!("WIB_DATA: {} cannot be made: {e}", config.data.display())))
}

const EVIDENCE_KEY: &str = "evidence.key";
const SECRETS_KEY: &str = "secrets.key";
/// The keys that are made in the folder of data: what was sealed or signed with one that is lost is lost with it.
pub(crate) const KEYS: [&str; 2] = [EVIDENCE_KEY, SECRETS_KEY];

/// The installation's signer: the configured key, or the one made at the first run.
fn signer(config: &Config) -> Result<Signer, Failure> {
    if let Some(key) = &config.evidence_key {
        return Signer::from_hex(key.expose_secret()).map_err(|e| Failure::Say(format!("WIB_EVIDENCE_KEY: {e}")));
    }
    let path = config.data.join(EVIDENCE_KEY);
    Signer::from_hex(&key_file(&path, "evidence")?)
        .map_err(|e| Failure::Say(format!("the evidence key {}: {e}", path.display())))
}

/// The keys of the installation's secrets: the configured ones, or the one made at the first run.
fn vault(config: &Config) -> Result<Vault, Failure> {
    let older = config.secrets_old_keys.iter().map(ExposeSecret::expose_secret);
    if let Some(key) = &config.secrets_key {
        return Vault::from_hex(key.expose_secret(), older).map_err(|e| Failure::Say(format!("WIB_SECRETS_KEY: {e}")));
    }
    let path = config.data.join(SECRETS_KEY);
    Vault::from_hex(&key_file(&path, "secrets")?, older)
        .map_err(|e| Failure::Say(format!("the secrets key {}: {e}", path.display())))
}

fn key_file(path: &Path, what: &str) -> Result<String, Failure> {
    let say = |e: &dyn std::fmt::Display| Failure::Say(format!("the {what} key {}: {e}", path.display()));
    let kept = |path: &Path| {
        let mut key = String::new();
        File::open(path).and_then(|f| f.take(1024).read_to_string(&mut key)).map(|_| key)
    };
    match kept(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            make_key(path).map_err(|e| say(&e))?;
            kept(path).map_err(|e| say(&e))
        }
        kept => kept.map_err(|e| say(&e)),
    }
}

/// Makes a key, whole or not at all: it is written beside its place and linked there. Whoever comes second keeps the
/// first one's.
fn make_key(path: &Path) -> std::io::Result<()> {
    let random: &dyn Random = &OsRandom;
    let beside = path.with_extension(format!("key.{}", &random.token()[..16]));
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    let made = file.write_all(random.token().as_bytes()).and_then(|()| file.sync_all());
    let linked = made.and_then(|()| match std::fs::hard_link(&beside, path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        done => done,
    });
    std::fs::remove_file(&beside)?;
    linked
}

/// The rules in force by this configuration.
pub(crate) fn rules(config: &Config) -> Result<RulePack, Failure> {
    rules::in_force(config.rules.as_deref()).map_err(|e| Failure::Say(format!("WIB_RULES: {}", e.message())))
}

/// Wires everything that the configuration names; what has no key is sandboxed.
pub(crate) fn wire(config: &Config) -> BoxFuture<'_, Result<Wired, Failure>> {
    // Everything that is wired is alive in it at once.
    Box::pin(wired(config))
}

async fn wired(config: &Config) -> Result<Wired, Failure> {
    make_folder(config)?;
    let clock: Arc<dyn Clock> = match config.clock {
        Some(scaled) => Arc::new(scaled),
        None => super::clock(),
    };
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let database = database(config)?;
    let store = Arc::new(SqlStore::open(&database, clock.clone()).await?);
    let network = Network::new().map_err(|e| Failure::Say(format!("no network client: {e}")))?;
    let live = Wires { transport: Arc::new(network), clock: clock.clone(), random: random.clone() };
    let house = Sandbox::new(
        Arc::new(SystemClock),
        (*random).below(u64::MAX),
        sandbox::Settings { costs: true, ..Default::default() },
    );
    house.streams_over(live.transport.clone());
    let (adapters, in_house) = adapters(config, &live, &house)?;

    // An eventual cache counts nothing.
    let counters = counters(config, &store, &clock)?;
    let cache = match adapters.caches.first() {
        Some(vendor) if config.redis_url.is_none() && vendor.live() => vendor.clone(),
        _ => counters.clone(),
    };
    let mut settings = Settings::default();
    settings.public_url.clone_from(&config.public_url);
    settings.app_url.clone_from(&config.app_url);
    settings.lease = config.lease;
    settings.limits.clone_from(&config.rates);
    (settings.first_plan, settings.any_paid_plan) = (config.first_plan, config.any_paid_plan);
    settings.enquiries.clone_from(&config.enquiries);
    settings.timestamp_roots = config.timestamps.roots.clone();
    if in_house && settings.public_url.is_none() {
        // The house's own vendors deliver through the door whatever the address is; without one they would not.
        settings.public_url = Some("http://sandbox.wib".to_owned());
    }
    let nats = match &config.nats_url {
        Some(url) => Some(Nats::connect(url).await.map_err(|e| Failure::Say(format!("NATS_URL: {}", e.chain())))?),
        None => None,
    };
    let mut builder = Wib::builder().bus(bus(&database, nats.as_ref(), &clock).await?);
    if let Some(queue) = queue(nats.as_ref(), &adapters, settings.lease, &clock).await? {
        builder = builder.queue(queue);
    }
    if let Some(url) = &config.timestamps.url {
        builder = builder.timestamp_authority(Arc::new(Rfc3161::new(live.clone(), url)));
    }
    if let Some(url) = &config.heartbeat_url {
        builder = builder.heartbeat(Arc::new(HttpHeartbeat::new(live.clone(), url)));
    }
    let outside = Outside::new().map_err(|e| Failure::Say(format!("no network client: {e}")))?;
    let outside = Wires { transport: Arc::new(outside), ..live.clone() };
    builder = builder.hooks(Arc::new(HttpHooks::new(outside))).prices(prices::list().clone());
    for witness in witnesses(config, &live, &clock) {
        builder = builder.witness(witness);
    }
    let wib = adapters
        .fill(builder)
        .store(store.clone())
        .blobs(blobs(config, &clock)?)
        .cache(cache)
        .counters(counters)
        .clock(clock)
        .random(random)
        .signer(signer(config)?)
        .vault(vault(config)?)
        .settings(settings)
        .rules(rules(config)?)
        .build()?;
    Ok(Wired { wib, sandbox: in_house.then_some(house), store })
}

/// The queue that transcription orders are handed on by.
const TRANSCRIPTIONS: &str = "wordisbond-transcription";
/// The subject that all nodes of an installation hear.
const SUBJECT: &str = "wib.live";

/// Who hands transcription orders on: NATS, or else the first vendor of queues; else the store does it itself.
async fn queue(
    nats: Option<&Nats>,
    adapters: &Adapters,
    lease: Duration,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<dyn Queue>>, Failure> {
    Ok(match nats {
        Some(nats) => Some(Arc::new(NatsQueue::open(nats, TRANSCRIPTIONS, lease, clock.clone()).await?)),
        None => adapters.queues.first().cloned(),
    })
}

/// Who tells all nodes: NATS, or else PostgreSQL; else this process has nobody to tell but itself.
async fn bus(database: &Database, nats: Option<&Nats>, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Bus>, Failure> {
    Ok(match (nats, database) {
        (Some(nats), _) => Arc::new(NatsBus::open(nats, SUBJECT).await?),
        (None, Database::Postgres(urls)) => Arc::new(PgBus::open(urls, clock.clone()).await?),
        _ => Arc::new(LocalBus::default()),
    })
}

/// Where recordings and exports are kept.
pub(crate) fn blobs(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Blobs>, Failure> {
    Ok(match &config.s3 {
        Some(settings) => Arc::new(S3Blobs::new(settings)?),
        None => Arc::new(FolderBlobs::new(config.data.join("blobs"), clock.clone())),
    })
}

/// Where requests are counted.
fn counters(config: &Config, store: &SqlStore, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Cache>, Failure> {
    Ok(match &config.redis_url {
        Some(url) => Arc::new(RedisCache::new(url, clock.clone())?),
        None => Arc::new(StoreCache::new(store)),
    })
}

/// The settings that would give the sandboxed vendors of the house an address elsewhere, in the order of their names.
pub(crate) fn in_house(config: &Config) -> Vec<&'static str> {
    let sandboxed = config.sandboxed().into_iter();
    let vendors = sandboxed.flat_map(|port| config.filling(port).filter(|vendor| vendor.sandboxed()));
    let addresses = vendors.filter(|vendor| lives_here(config, vendor)).map(|v| v.address().unwrap_or(v.name));
    addresses.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether a sandboxed vendor lives in the house: one with an address of its own does not.
fn lives_here(config: &Config, vendor: &Vendor) -> bool {
    !vendor.address().is_some_and(|name| config.vendors.contains_key(name))
}

/// The outsiders who remember checkpoints.
fn witnesses(config: &Config, live: &Wires, clock: &Arc<dyn Clock>) -> Vec<Arc<dyn Witness>> {
    let mut all: Vec<Arc<dyn Witness>> = Vec::new();
    if let Some(url) = &config.witness.url {
        all.push(Arc::new(HttpWitness::new(live.clone(), url, config.witness.token.as_ref())));
    }
    if let Some(path) = &config.witness.file {
        all.push(Arc::new(FileWitness::new(path, clock.clone())));
    }
    all
}

/// The adapters of every port, and whether some of them speak with the sandbox in the house.
///
/// A live port takes every vendor with a key, a sandboxed one every vendor with a model. A sandboxed vendor with an
/// address of its own speaks with a sandbox elsewhere; the others share the house.
pub(crate) fn adapters(config: &Config, live: &Wires, house: &Sandbox) -> Result<(Adapters, bool), Failure> {
    let (mut adapters, mut in_house) = (Adapters::default(), false);
    let inside = house.wires(live.clock.clone(), live.random.clone());
    let sandboxed = config.sandboxed();
    for port in Port::all() {
        let sandbox = sandboxed.contains(port);
        for vendor in config.filling(*port) {
            if if sandbox { !vendor.sandboxed() } else { !vendor.keyed(&config.vendors) } {
                continue;
            }
            let here = sandbox && lives_here(config, vendor);
            in_house |= here;
            let given = Given {
                wires: if here { inside.clone() } else { live.clone() },
                live: !sandbox,
                values: &config.vendors,
                verifier: if here { house.verifier(vendor.name) } else { None },
            };
            for (_, plug) in vendor.ports.iter().filter(|(its, _)| its == port) {
                plug(&given, &mut adapters).map_err(|(name, reason)| Failure::Say(format!("{name}: {reason}")))?;
            }
        }
    }
    Ok((adapters, in_house))
}
