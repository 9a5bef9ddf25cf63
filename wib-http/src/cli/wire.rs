//! From a configuration to a wired core.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    path::Path,
    sync::Arc,
};

use wib_core::{
    Settings, Wib,
    ai::LlmChain,
    evidence::Signer,
    kit::{Clock, ExposeSecret, OsRandom, Random, SecretString, SystemClock},
    ports::{Llm, Mailer, Witness},
};
use wib_http::config::{Config, Keyed};
use wib_providers::{
    assemblyai::AssemblyAi,
    groq,
    http::Wires,
    openai,
    openai_compatible::ChatBuilder,
    resend::Resend,
    rfc3161::Rfc3161,
    sandbox::{self, OUR_NUMBER, Sandbox},
    telnyx::Telnyx,
    transport::Network,
    witness::HttpWitness,
    xai,
};
use wib_storage::{Database, FileWitness, FolderBlobs, PgUrls, SqlStore};

use super::Failure;

/// A wired core, and the sandbox that some of its vendors live in.
pub(crate) struct Wired {
    pub(crate) wib: Wib,
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) store: Arc<SqlStore>,
}

/// Connections of each PostgreSQL login.
const CONNECTIONS: u32 = 10;

/// The database that a configuration names.
pub(crate) fn database(config: &Config) -> Result<Database, Failure> {
    let url = config.database_url.expose_secret();
    if url.starts_with("sqlite:") {
        return Ok(url.parse()?);
    }
    Ok(Database::Postgres(PgUrls {
        app: config.database_url.clone(),
        owner: config.db_owner_url.clone(),
        jobs: config.db_jobs_url.clone(),
        pooled: config.db_pooled,
        connections: CONNECTIONS,
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

/// The installation's signer: the configured key, or the one made at the first run.
fn signer(config: &Config) -> Result<Signer, Failure> {
    if let Some(key) = &config.evidence_key {
        return Signer::from_hex(key.expose_secret()).map_err(|e| Failure::Say(format!("WIB_EVIDENCE_KEY: {e}")));
    }
    key_file(&config.data.join("evidence.key"))
}

fn key_file(path: &Path) -> Result<Signer, Failure> {
    let say = |e: &dyn std::fmt::Display| Failure::Say(format!("the evidence key {}: {e}", path.display()));
    let kept = |path: &Path| {
        let mut key = String::new();
        File::open(path).and_then(|f| f.take(1024).read_to_string(&mut key)).map(|_| key)
    };
    let key = match kept(path) {
        Ok(key) => key,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            make_key(path).map_err(|e| say(&e))?;
            kept(path).map_err(|e| say(&e))?
        }
        Err(e) => return Err(say(&e)),
    };
    Signer::from_hex(&key).map_err(|e| say(&e))
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

/// Wires everything that the configuration names; what has no key is sandboxed.
pub(crate) async fn wire(config: &Config) -> Result<Wired, Failure> {
    make_folder(config)?;
    let clock = super::clock();
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let store = Arc::new(SqlStore::open(&database(config)?, clock.clone()).await?);
    let network = Network::new().map_err(|e| Failure::Say(format!("no network client: {e}")))?;
    let live = Wires { transport: Arc::new(network), clock: clock.clone(), random: random.clone() };
    // A sandboxed port with an address of its own speaks with a sandbox elsewhere; the others share one in the house.
    let sandboxed = config.sandboxed();
    let house = Sandbox::new(
        Arc::new(SystemClock),
        (*random).below(u64::MAX),
        sandbox::Settings { costs: true, ..Default::default() },
    );
    let inside = house.wires(clock.clone(), random.clone());
    let mut in_house = false;
    let mut plan = |port: &str, address: &Option<String>| {
        let sandbox = sandboxed.contains(&port);
        let here = sandbox && address.is_none();
        in_house |= here;
        Plan { wires: if here { inside.clone() } else { live.clone() }, live: !sandbox, here }
    };
    let blank = || SecretString::from("sandbox".to_owned());
    let key = |key: &Option<SecretString>| key.clone().unwrap_or_else(blank);

    let to = plan("voice", &config.telnyx.base_url);
    let connection = config.telnyx.connection_id.clone().unwrap_or_else(|| "1000000000000000001".to_owned());
    let mut telnyx = Telnyx::builder(to.wires, key(&config.telnyx.api_key), connection).live(to.live);
    if let Some(url) = &config.telnyx.base_url {
        telnyx = telnyx.base_url(url);
    }
    if to.here {
        telnyx = telnyx.public_key(&house.telnyx_public_key())?;
    } else if let Some(public) = &config.telnyx.public_key {
        telnyx = telnyx.public_key(public).map_err(|e| Failure::Say(format!("TELNYX_PUBLIC_KEY: {e}")))?;
    }
    match &config.telnyx.phone_number {
        Some(number) => telnyx = telnyx.default_number(number.clone()),
        None if !to.live => telnyx = telnyx.default_number(OUR_NUMBER.parse()?),
        None => {}
    }
    let telnyx = Arc::new(telnyx.build());

    let to = plan("transcriber", &config.assemblyai.base_url);
    let mut assemblyai = AssemblyAi::builder(to.wires, key(&config.assemblyai.api_key)).live(to.live);
    if let Some(url) = &config.assemblyai.base_url {
        assemblyai = assemblyai.base_url(url);
    }
    match &config.assemblyai.webhook_secret {
        Some(secret) => assemblyai = assemblyai.webhook_secret(secret.clone()),
        None if to.here => assemblyai = assemblyai.webhook_secret((*random).token().into()),
        None => {}
    }
    let assemblyai = Arc::new(assemblyai.build());

    let llm = models(config, &mut plan, &key);
    let to = plan("mailer", &config.resend.base_url);
    let from = config.resend_from.clone().unwrap_or_else(|| "calls@sandbox.wib".to_owned());
    let mut resend = Resend::builder(to.wires, key(&config.resend.api_key), from).live(to.live);
    if let Some(url) = &config.resend.base_url {
        resend = resend.base_url(url);
    }
    let mailer: Arc<dyn Mailer> = Arc::new(resend.build());

    let mut settings = Settings::default();
    settings.public_url.clone_from(&config.public_url);
    settings.timestamp_roots = config.timestamps.roots.clone();
    if in_house && settings.public_url.is_none() {
        // The house's own vendors deliver through the door whatever the address is; without one they would not.
        settings.public_url = Some("http://sandbox.wib".to_owned());
    }
    let mut builder = Wib::builder();
    if let Some(url) = &config.timestamps.url {
        builder = builder.timestamp_authority(Arc::new(Rfc3161::new(live.clone(), url)));
    }
    for witness in witnesses(config, &live, &clock) {
        builder = builder.witness(witness);
    }
    let wib = builder
        .store(store.clone())
        .blobs(Arc::new(FolderBlobs::new(config.data.join("blobs"), clock.clone())))
        .clock(clock)
        .random(random)
        .webhook(telnyx.clone())
        .voice(telnyx)
        .webhook(assemblyai.clone())
        .transcriber(assemblyai)
        .llm(Arc::new(llm))
        .mailer(mailer)
        .signer(signer(config)?)
        .settings(settings)
        .build()?;
    Ok(Wired { wib, sandbox: in_house.then_some(house), store })
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

struct Plan {
    wires: Wires,
    live: bool,
    here: bool,
}

/// The models that have a key, in the order of the seed's chain; all three of a sandbox when none has.
fn models(
    config: &Config,
    plan: &mut impl FnMut(&str, &Option<String>) -> Plan,
    key: &impl Fn(&Option<SecretString>) -> SecretString,
) -> LlmChain {
    type Make = fn(Wires, SecretString) -> ChatBuilder;
    let vendors: [(&Keyed, Make); 3] =
        [(&config.groq, groq::builder), (&config.xai, xai::builder), (&config.openai, openai::builder)];
    let sandboxed = config.sandboxed().contains(&"llm");
    let chosen = vendors.into_iter().filter(|(vendor, _)| sandboxed || vendor.api_key.is_some());
    LlmChain::new(
        chosen
            .map(|(vendor, make)| {
                let to = plan("llm", &vendor.base_url);
                let mut builder = make(to.wires, key(&vendor.api_key)).live(to.live);
                if let Some(url) = &vendor.base_url {
                    builder = builder.base_url(url);
                }
                Arc::new(builder.build()) as Arc<dyn Llm>
            })
            .collect(),
    )
}
