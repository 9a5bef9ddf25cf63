//! The handles that embedders hold: [`Wib`] made once, [`Org`] per request, [`System`] for what belongs to nobody yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::sync::{Notify, OnceCell, Semaphore};

use crate::{
    ai::{Router, RouterPolicy},
    auth::{SignedIn, User, password::PasswordCost},
    blobs::UrlKey,
    cache::MemoryCache,
    calls::{self, LimitedContent, tag::TagKey},
    compliance::RulePack,
    evidence::{Signer, timestamp::TimestampRoots},
    kit::{
        Actor, Clock, Error, Id, Kind, OrNotFound, OsRandom, Phone, Principal, Random, Result, Role, SystemClock,
        time::Timestamp,
    },
    limits::{Limiter, Rates},
    live::EarPolicy,
    orgs::{Organization, OrganizationId, Plan},
    ports::{
        Billing, Blobs, Bus, Cache, Embedder, Heartbeat, Hooks, LiveTranscriber, Llm, Mailer, Messenger, Numbers,
        Pulse, Queue, Speech, TimestampAuthority, Transcriber, Trunks, VerifiedNumbers, Voice, WebhookSource, Webrtc,
        Witness,
        bus::{LocalBus, Note},
        mailer::Mailbox,
        media::MediaWire,
    },
    secrets::Vault,
    store::{OrgTx, Store, SystemTx},
    subscriptions::Flights,
    usage::PriceBook,
};

/// What an installation may want otherwise. Every value has a default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where vendors reach us (`https://calls.example.com`); without it, vendors' accounts say where events go and we ask
    /// for transcripts.
    pub public_url: Option<String>,
    /// Where people use the application: links in mails lead there. What `public_url` says by default.
    pub app_url: Option<String>,
    /// Who calls, as it is said first to a person who answers; a name that does not tell of collecting. Without it, whoever
    /// speaks says it.
    pub business_name: Option<String>,
    /// What is left on answering machines; without it nothing is.
    pub limited_content: Option<LimitedContent>,
    /// Spoken before recording starts. Fixed text: legal words are never made by a machine.
    pub recording_notice: String,
    /// Language of the notice, BCP 47.
    pub notice_language: String,
    /// How long a call rings, in seconds (47 CFR 64.1200(a)(6) wants at least 15).
    pub ring_seconds: u32,
    /// Largest recording that is fetched, in bytes.
    pub recording_limit: u64,
    /// How hard passwords are to guess.
    pub password_cost: PasswordCost,
    /// How long a worker owns a message.
    pub lease: Duration,
    /// Numbers that may be shown besides the vendor's default (47 CFR 64.1604).
    pub caller_ids: Vec<Phone>,
    /// Quiet time after a call's end before it is sealed, so that late events are in.
    pub seal_after: Duration,
    /// The roots whose time-stamp authorities are believed; without one every authority is.
    pub timestamp_roots: TimestampRoots,
    /// How language models are gone about.
    pub models: RouterPolicy,
    /// How calls are heard while they are spoken.
    pub ears: EarPolicy,
    /// Most calls that a process hears at the same time.
    pub streams: usize,
    /// How often things may be asked, where that is not what the contract says.
    pub limits: Rates,
    /// What new organisations pay for: an installation that sells nothing gives them what it likes.
    pub first_plan: Plan,
    /// Whether every paid plan has every feature.
    pub any_paid_plan: bool,
    /// Who is mailed when somebody asks to be shown the product; nobody is by default.
    pub enquiries: Option<Mailbox>,
}
impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            app_url: None,
            business_name: None,
            limited_content: None,
            recording_notice: "This call is recorded.".to_owned(),
            notice_language: "en-US".to_owned(),
            ring_seconds: 30,
            recording_limit: 512 << 20,
            password_cost: PasswordCost::default(),
            lease: Duration::from_secs(60),
            caller_ids: vec![],
            seal_after: Duration::from_secs(30),
            timestamp_roots: TimestampRoots::default(),
            models: RouterPolicy::default(),
            ears: EarPolicy::default(),
            streams: 500,
            limits: Rates::new(),
            first_plan: Plan::Free,
            any_paid_plan: false,
            enquiries: None,
        }
    }
}

/// Passwords that are hashed at the same time.
const HASHING: usize = 2;

/// Everything that was wired together. Cheap to clone.
#[derive(Clone)]
pub struct Wib(Arc<Parts>);

/// The wired parts; only the core reads them.
pub struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) voice: Arc<dyn Voice>,
    pub(crate) transcriber: Arc<dyn Transcriber>,
    live_transcribers: Vec<Arc<dyn LiveTranscriber>>,
    pub(crate) llm: Router,
    pub(crate) mailer: Arc<dyn Mailer>,
    messenger: Option<Arc<dyn Messenger>>,
    numbers: Option<Arc<dyn Numbers>>,
    verified_numbers: Option<Arc<dyn VerifiedNumbers>>,
    trunks: Option<Arc<dyn Trunks>>,
    webrtc: Option<Arc<dyn Webrtc>>,
    billing: Option<Arc<dyn Billing>>,
    heartbeat: Option<Arc<dyn Heartbeat>>,
    hooks: Option<Arc<dyn Hooks>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    embedder: Option<Arc<dyn Embedder>>,
    speech: Option<Arc<dyn Speech>>,
    pub(crate) timestamp_authority: Option<Arc<dyn TimestampAuthority>>,
    pub(crate) witnesses: Vec<Arc<dyn Witness>>,
    pub(crate) pulses: Vec<Arc<dyn Pulse>>,
    pub(crate) webhooks: BTreeMap<&'static str, Arc<dyn WebhookSource>>,
    pub(crate) media: BTreeMap<&'static str, Arc<dyn MediaWire>>,
    pub(crate) signer: Signer,
    pub(crate) vault: Option<Vault>,
    pub(crate) prices: PriceBook,
    pub(crate) tags: TagKey,
    pub(crate) urls: UrlKey,
    cache: Arc<dyn Cache>,
    limiter: Limiter,
    // Swapped as a whole: a verdict under way keeps the one it began with.
    pack: RwLock<Arc<RulePack>>,
    // The pack that is known to be in the store.
    pub(crate) kept: RwLock<Option<Arc<RulePack>>>,
    pub(crate) settings: Settings,
    pub(crate) queue: Option<Arc<dyn Queue>>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) wake: Notify,
    // Something was handed on to the queue outside.
    pub(crate) handed: Notify,
    // When a worker of this process last took from the queue or settled something, in microseconds.
    progress: AtomicI64,
    // What browsers sign in with, once somebody asked for it.
    pub(crate) browsers: OnceCell<Arc<calls::BrowserCredentials>>,
    // Passwords hashed at once: each takes its memory, and strangers may ask.
    pub(crate) hashing: Semaphore,
    // Requests to addresses that users named.
    pub(crate) flights: Arc<Flights>,
    // Calls that are heard at once.
    pub(crate) streams: Arc<Semaphore>,
}

impl std::ops::Deref for Wib {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
impl fmt::Debug for Wib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wib").field("voice", &self.0.voice.vendor()).finish_non_exhaustive()
    }
}

impl Wib {
    /// Starts wiring: ports in, handles out.
    #[must_use]
    pub fn builder() -> WibBuilder {
        WibBuilder::default()
    }
    /// The handle of one organisation, for somebody who may act for it. The only way to a use case.
    ///
    /// # Errors
    /// `NotFound` when there is no such organisation; `Forbidden` when the person is no member of it.
    pub async fn org(&self, principal: Principal) -> Result<Org> {
        self.keep_rules().await?;
        let mut tx = self.store.system().await?;
        let organization = tx.organization(principal.organization_id).await?.or_not_found("organization")?;
        let role = match principal.actor {
            Actor::Human(user) => {
                let memberships = tx.memberships(user).await?;
                let mine = memberships.into_iter().find(|m| m.organization_id == organization.id);
                mine.ok_or_else(|| Error::forbidden("not a member of this organization"))?.role
            }
            _ => principal.role,
        };
        Ok(Org { wib: self.clone(), organization, actor: principal.actor, role })
    }
    /// The handle for what belongs to no organisation: sign-in, webhooks, health, the engine.
    #[must_use]
    pub fn system(&self) -> System {
        System { wib: self.clone() }
    }
    /// The handle of somebody signed in, whatever the organisation.
    #[must_use]
    pub fn person(&self, signed_in: SignedIn) -> Person {
        Person { wib: self.clone(), signed_in }
    }
    /// The clock everything runs on.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }
    /// The chance everything is drawn from.
    #[must_use]
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.0.random
    }
    /// Who analyses and converses.
    #[must_use]
    pub fn llm(&self) -> &Router {
        &self.0.llm
    }
    /// Who turns texts into vectors, if anybody does.
    #[must_use]
    pub fn embedder(&self) -> Option<&Arc<dyn Embedder>> {
        self.0.embedder.as_ref()
    }
    /// Who says texts aloud, if anybody does.
    #[must_use]
    pub fn speech(&self) -> Option<&Arc<dyn Speech>> {
        self.0.speech.as_ref()
    }
    /// Who hears speech while it is spoken, first choice first; empty when nobody was given.
    #[must_use]
    pub fn live_transcribers(&self) -> &[Arc<dyn LiveTranscriber>] {
        &self.0.live_transcribers
    }
    /// Who moves money, when somebody does.
    #[must_use]
    pub fn billing(&self) -> Option<&Arc<dyn Billing>> {
        self.0.billing.as_ref()
    }
    /// Where values are kept for a while.
    #[must_use]
    pub fn cache(&self) -> &Arc<dyn Cache> {
        &self.0.cache
    }
    /// How often things may be asked, counted over all processes that share a cache.
    #[must_use]
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }
    /// The evidence signer's public key, hex.
    #[must_use]
    pub fn evidence_public_key(&self) -> String {
        self.signer.public_key_hex()
    }
    /// The rules of law in force here.
    #[must_use]
    pub fn rules(&self) -> Arc<RulePack> {
        self.pack.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Judges with these rules from now on, in every clone of this handle. Verdicts under way end with the old ones.
    ///
    /// # Errors
    /// `Invalid` naming the rule that cannot be judged with; the old rules stay.
    pub fn swap_rules(&self, pack: RulePack) -> Result<()> {
        pack.check()?;
        *self.pack.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pack);
        Ok(())
    }
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
    pub(crate) fn id<T>(&self) -> Id<T> {
        Id::new(self.now(), &*self.0.random)
    }
    /// Where a vendor's events are to go.
    pub(crate) fn webhook_url(&self, vendor: &str) -> Option<String> {
        Some(format!("{}/webhooks/{vendor}", self.settings.public_url.as_deref()?.trim_end_matches('/')))
    }
    /// Where a page of the application is; a path alone when nobody said where it runs.
    pub(crate) fn app_url(&self, path: &str) -> String {
        let base = self.settings.app_url.as_deref().or(self.settings.public_url.as_deref()).unwrap_or_default();
        format!("{}{path}", base.trim_end_matches('/'))
    }
    /// Notes that a worker of this process goes on.
    pub(crate) fn note_progress(&self) {
        self.0.progress.fetch_max(self.now().as_microsecond(), Ordering::Relaxed);
    }
    /// When a worker of this process last took from the queue or settled something, if one ever did.
    #[must_use]
    pub fn last_progress(&self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.0.progress.load(Ordering::Relaxed)).ok()
    }
    /// Wakes a worker of this process, and those of others: something may be due.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
        if self.bus.shared() && self.bus.publish(&Note::Work).is_err() {
            // They look by themselves, a little later.
            metrics::counter!("wib_bus_refused_total", "bus" => self.bus.vendor()).increment(1);
        }
    }
}

macro_rules! wired {
    ($($(#[$doc:meta])* $name:ident: $port:ty;)+) => {
        impl Wib {
            $($(#[$doc])* #[must_use] pub fn $name(&self) -> Option<&Arc<$port>> { self.0.$name.as_ref() })+
        }
    };
}
wired! {
    /// Who carries text messages, when somebody does.
    messenger: dyn Messenger;
    /// Who numbers are had from, when somebody is wired.
    numbers: dyn Numbers;
    /// Who lets other numbers be shown, when somebody does.
    verified_numbers: dyn VerifiedNumbers;
    /// Who keeps our trunks, when somebody does.
    trunks: dyn Trunks;
    /// Whose gateway browsers call by, when there is one.
    webrtc: dyn Webrtc;
    /// Who hands transcription orders on, when somebody outside does.
    queue: dyn Queue;
    /// Who is told after each tick of the schedule that went well, when somebody is.
    heartbeat: dyn Heartbeat;
    /// Who posts to addresses that users named, when somebody does.
    hooks: dyn Hooks;
}

/// What [`Wib::builder`] collects.
#[derive(Default)]
pub struct WibBuilder {
    store: Option<Arc<dyn Store>>,
    blobs: Option<Arc<dyn Blobs>>,
    cache: Option<Arc<dyn Cache>>,
    counters: Option<Arc<dyn Cache>>,
    voice: Option<Arc<dyn Voice>>,
    transcriber: Option<Arc<dyn Transcriber>>,
    live_transcribers: Vec<Arc<dyn LiveTranscriber>>,
    llms: Vec<Arc<dyn Llm>>,
    mailer: Option<Arc<dyn Mailer>>,
    messenger: Option<Arc<dyn Messenger>>,
    numbers: Option<Arc<dyn Numbers>>,
    verified_numbers: Option<Arc<dyn VerifiedNumbers>>,
    trunks: Option<Arc<dyn Trunks>>,
    webrtc: Option<Arc<dyn Webrtc>>,
    billing: Option<Arc<dyn Billing>>,
    queue: Option<Arc<dyn Queue>>,
    bus: Option<Arc<dyn Bus>>,
    heartbeat: Option<Arc<dyn Heartbeat>>,
    hooks: Option<Arc<dyn Hooks>>,
    clock: Option<Arc<dyn Clock>>,
    random: Option<Arc<dyn Random>>,
    embedder: Option<Arc<dyn Embedder>>,
    speech: Option<Arc<dyn Speech>>,
    timestamp_authority: Option<Arc<dyn TimestampAuthority>>,
    witnesses: Vec<Arc<dyn Witness>>,
    pulses: Vec<Arc<dyn Pulse>>,
    webhooks: BTreeMap<&'static str, Arc<dyn WebhookSource>>,
    media: BTreeMap<&'static str, Arc<dyn MediaWire>>,
    signer: Option<Signer>,
    vault: Option<Vault>,
    prices: PriceBook,
    pack: Option<RulePack>,
    settings: Settings,
}

macro_rules! ports {
    ($($(#[$doc:meta])* $name:ident: $port:ty;)+) => {
        $($(#[$doc])* #[must_use] pub fn $name(mut self, $name: Arc<$port>) -> Self { self.$name = Some($name); self })+
    };
}

impl WibBuilder {
    ports! {
        /// Where rows are kept. Required.
        store: dyn Store;
        /// Where recordings are kept. Required.
        blobs: dyn Blobs;
        /// Where values are kept for a while; this process's memory by default.
        cache: dyn Cache;
        /// Where what is asked is counted, when the cache is not to be asked: one that is consistent.
        counters: dyn Cache;
        /// Who places calls. Required.
        voice: dyn Voice;
        /// Who turns recordings into text. Required.
        transcriber: dyn Transcriber;
        /// Who sends mail. Required.
        mailer: dyn Mailer;
        /// Who carries text messages; nobody by default.
        messenger: dyn Messenger;
        /// Who numbers are had from; nobody by default.
        numbers: dyn Numbers;
        /// Who lets other numbers be shown; nobody by default.
        verified_numbers: dyn VerifiedNumbers;
        /// Who keeps our trunks; nobody by default.
        trunks: dyn Trunks;
        /// Whose gateway browsers call by; nobody by default.
        webrtc: dyn Webrtc;
        /// Who moves money; nobody by default.
        billing: dyn Billing;
        /// Who hands transcription orders on; by default the store's own queue does.
        queue: dyn Queue;
        /// Who tells all nodes what happens; by default this process alone hears of it.
        bus: dyn Bus;
        /// Who is told after each tick of the schedule that went well; nobody by default.
        heartbeat: dyn Heartbeat;
        /// Who posts to addresses that users named; nobody by default.
        hooks: dyn Hooks;
        /// The clock; the machine's by default.
        clock: dyn Clock;
        /// Chance; the operating system's by default.
        random: dyn Random;
        /// Who turns texts into vectors; nobody by default.
        embedder: dyn Embedder;
        /// Who says texts aloud; nobody by default. A chain of several is one too.
        speech: dyn Speech;
        /// Who stamps checkpoints with the time; nobody by default.
        timestamp_authority: dyn TimestampAuthority;
    }
    /// Who analyses and converses: this one alone. Required, unless [`llms`](Self::llms) gives several.
    #[must_use]
    pub fn llm(self, model: Arc<dyn Llm>) -> Self {
        self.llms(vec![model])
    }
    /// Who analyses and converses, first choice first, behind a [`Router`].
    #[must_use]
    pub fn llms(mut self, models: Vec<Arc<dyn Llm>>) -> Self {
        self.llms = models;
        self
    }
    /// Who hears speech while it is spoken: this one alone. Nobody by default.
    #[must_use]
    pub fn live_transcriber(self, transcriber: Arc<dyn LiveTranscriber>) -> Self {
        self.live_transcribers(vec![transcriber])
    }
    /// Who hears speech while it is spoken, first choice first: the next is there for when one fails.
    #[must_use]
    pub fn live_transcribers(mut self, transcribers: Vec<Arc<dyn LiveTranscriber>>) -> Self {
        self.live_transcribers = transcribers;
        self
    }
    /// A vendor whose deliveries are accepted.
    #[must_use]
    pub fn webhook(mut self, source: Arc<dyn WebhookSource>) -> Self {
        self.webhooks.insert(source.vendor(), source);
        self
    }
    /// A vendor that brings the sound of calls over a WebSocket.
    #[must_use]
    pub fn media_wire(mut self, wire: Arc<dyn MediaWire>) -> Self {
        self.media.insert(wire.vendor(), wire);
        self
    }
    /// One more who remembers checkpoints; nobody by default.
    #[must_use]
    pub fn witness(mut self, witness: Arc<dyn Witness>) -> Self {
        self.witnesses.push(witness);
        self
    }
    /// One more question that tells whether a vendor answers; none by default.
    #[must_use]
    pub fn pulse(mut self, pulse: Arc<dyn Pulse>) -> Self {
        self.pulses.push(pulse);
        self
    }
    /// Who signs evidence. Required: an installation keeps its key.
    #[must_use]
    pub fn signer(mut self, signer: Signer) -> Self {
        self.signer = Some(signer);
        self
    }
    /// The keys that secrets of organisations are sealed with; without them none are kept.
    #[must_use]
    pub fn vault(mut self, vault: Vault) -> Self {
        self.vault = Some(vault);
        self
    }
    /// What vendors charge who do not tell it themselves; nothing is known by default.
    #[must_use]
    pub fn prices(mut self, prices: PriceBook) -> Self {
        self.prices = prices;
        self
    }
    /// The rules of law; [`RulePack::standard`] by default.
    #[must_use]
    pub fn rules(mut self, pack: RulePack) -> Self {
        self.pack = Some(pack);
        self
    }
    /// What is to be otherwise.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }
    /// The wired whole.
    ///
    /// # Errors
    /// `Invalid` naming the first required part that is missing or the rule that cannot be judged with, and when two
    /// witnesses have one name.
    pub fn build(self) -> Result<Wib> {
        fn required<T>(part: Option<T>, name: &'static str) -> Result<T> {
            part.ok_or_else(|| Error::field(name, "is required"))
        }
        let signer = required(self.signer, "signer")?;
        let names = [&self.settings.business_name].into_iter().flatten();
        for name in names.chain(self.settings.limited_content.as_ref().map(|c| &c.business_name)) {
            if calls::tells_of_collecting(name) {
                return Err(Error::field(
                    "business_name",
                    "must not tell of collecting debts (12 CFR 1006.2(j)(1)(i))",
                ));
            }
        }
        let names: BTreeSet<_> = self.witnesses.iter().map(|w| w.name()).collect();
        if names.len() < self.witnesses.len() {
            return Err(Error::field("witness", "has the name of another"));
        }
        let stamps = self.timestamp_authority.iter().map(|a| a.name()).chain(names);
        if stamps.into_iter().any(|name| name.is_empty() || name.chars().count() > 200) {
            return Err(Error::field("name", "of an authority or a witness must have 1 to 200 characters"));
        }
        let pack = self.pack.unwrap_or_else(RulePack::standard);
        pack.check()?;
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let random = self.random.unwrap_or_else(|| Arc::new(OsRandom));
        let models = (!self.llms.is_empty()).then_some(self.llms);
        let routed = |models| Router::with(clock.clone(), random.clone(), models, self.settings.models);
        let llm = models.map(routed);
        let store = required(self.store, "store")?;
        let bus = self.bus.unwrap_or_else(|| Arc::new(LocalBus::default()));
        store.tell_on(&bus);
        let cache = self.cache.unwrap_or_else(|| Arc::new(MemoryCache::new(clock.clone())));
        let limiter =
            Limiter::new(self.counters.unwrap_or_else(|| cache.clone()), clock.clone(), self.settings.limits.clone());
        Ok(Wib(Arc::new(Parts {
            store,
            bus,
            queue: self.queue,
            blobs: required(self.blobs, "blobs")?,
            voice: required(self.voice, "voice")?,
            transcriber: required(self.transcriber, "transcriber")?,
            live_transcribers: self.live_transcribers,
            llm: required(llm, "llm")?,
            mailer: required(self.mailer, "mailer")?,
            messenger: self.messenger,
            numbers: self.numbers,
            verified_numbers: self.verified_numbers,
            trunks: self.trunks,
            webrtc: self.webrtc,
            billing: self.billing,
            heartbeat: self.heartbeat,
            hooks: self.hooks,
            prices: self.prices,
            clock,
            random,
            embedder: self.embedder,
            speech: self.speech,
            timestamp_authority: self.timestamp_authority,
            witnesses: self.witnesses,
            pulses: self.pulses,
            webhooks: self.webhooks,
            media: self.media,
            flights: Arc::default(),
            streams: Arc::new(Semaphore::new(self.settings.streams)),
            tags: signer.tag_key(),
            urls: signer.url_key(),
            limiter,
            cache,
            signer,
            vault: self.vault,
            pack: RwLock::new(Arc::new(pack)),
            kept: RwLock::new(None),
            settings: self.settings,
            wake: Notify::new(),
            handed: Notify::new(),
            progress: AtomicI64::new(i64::MIN),
            browsers: OnceCell::new(),
            hashing: Semaphore::new(HASHING),
        })))
    }
}

/// One organisation, and somebody who acts for it. Every use case is a method of it, in the file of its slice.
#[derive(Clone, Debug)]
pub struct Org {
    pub(crate) wib: Wib,
    organization: Organization,
    actor: Actor,
    role: Role,
}

impl Org {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> OrganizationId {
        self.organization.id
    }
    /// Its row, as of when the handle was made.
    #[must_use]
    pub fn organization(&self) -> &Organization {
        &self.organization
    }
    /// The role of whoever acts.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
    pub(crate) fn actor(&self) -> Actor {
        self.actor
    }
    /// Refuses a role below `least`.
    pub(crate) fn at_least(&self, least: Role) -> Result<()> {
        self.role.at_least(least)
    }
    pub(crate) async fn tx(&self) -> Result<Box<dyn OrgTx>> {
        self.wib.store.org(self.organization.id).await
    }
    /// Puts a row of which an organisation has one. Who meets somebody that put it for the first time at the same instant
    /// puts it once more: it is there then, and is changed.
    pub(crate) async fn put<'s, T: Send>(
        &'s self,
        put: impl Fn(Box<dyn OrgTx>) -> BoxFuture<'s, Result<T>> + Send + Sync,
    ) -> Result<T> {
        match put(self.tx().await?).await {
            Err(first) if first.kind() == Kind::Conflict => put(self.tx().await?).await,
            done => done,
        }
    }
}

/// Somebody signed in: what is theirs whatever the organisation, and what they may do without one.
#[derive(Clone, Debug)]
pub struct Person {
    pub(crate) wib: Wib,
    signed_in: SignedIn,
}
impl Person {
    /// Who.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.signed_in.user
    }
    /// With which session, and for which organisation.
    #[must_use]
    pub fn signed_in(&self) -> &SignedIn {
        &self.signed_in
    }
    /// The handle of the chosen organisation.
    ///
    /// # Errors
    /// `Forbidden` without one.
    pub async fn org(&self) -> Result<Org> {
        let principal = self.signed_in.principal.ok_or_else(|| Error::forbidden("needs an organisation"))?;
        self.wib.org(principal).await
    }
    /// The handle of the platform.
    ///
    /// # Errors
    /// `Forbidden` for whoever is no platform administrator.
    pub fn platform(&self) -> Result<Platform> {
        if !self.user().platform_admin {
            return Err(Error::forbidden("needs a platform administrator"));
        }
        Ok(Platform { person: self.clone() })
    }
    pub(crate) async fn tx(&self) -> Result<Box<dyn SystemTx>> {
        self.wib.store.system().await
    }
}

/// All organisations together, for a platform administrator.
#[derive(Clone, Debug)]
pub struct Platform {
    person: Person,
}
impl Platform {
    /// Who acts.
    #[must_use]
    pub fn person(&self) -> &Person {
        &self.person
    }
}

/// What belongs to no organisation yet: sign-in, webhooks, health, the engine's own questions.
#[derive(Clone, Debug)]
pub struct System {
    pub(crate) wib: Wib,
}

impl System {
    pub(crate) async fn tx(&self) -> Result<Box<dyn SystemTx>> {
        self.wib.store.system().await
    }
    /// Makes an organisation without a member: for embedders, demonstrations and tests. It is live when the voice vendor
    /// is, and stays so.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn create_organization(&self, name: &str) -> Result<Organization> {
        let organization = self.new_organization(name)?;
        let mut tx = self.tx().await?;
        tx.insert_organization(&organization).await?;
        tx.commit().await?;
        Ok(organization)
    }
    /// Changes in which role an organisation collects: an agency, which the federal rules bind, or the creditor itself. For
    /// operators; the next verdict is given in it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_collector_role(&self, id: OrganizationId, role: crate::compliance::CollectorRole) -> Result<()> {
        let mut tx = self.tx().await?;
        let before = tx.organization(id).await?.or_not_found("organization")?.collector_role;
        tx.set_collector_role(id, role).await?;
        tx.commit().await?;
        let org = self.wib.org(Principal { organization_id: id, actor: Actor::System, role: Role::Owner }).await?;
        let mut tx = org.tx().await?;
        let (old, new) = (json!({"collector_role": before}), json!({"collector_role": role}));
        let about = ("organization", Some(id.uuid()));
        org.audit_change("organization:collector_role_changed", about, Some(old), Some(new)).write(&mut *tx).await;
        tx.commit().await
    }
    /// Sets what an organisation pays for, when it is not the billing vendor that says so. For operators; its subscription,
    /// once it has one, says it again with its next change.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_plan(&self, id: OrganizationId, plan: Plan) -> Result<()> {
        let mut tx = self.tx().await?;
        let before = tx.organization(id).await?.or_not_found("organization")?.plan;
        tx.set_plan(id, plan).await?;
        tx.commit().await?;
        let org = self.wib.org(Principal { organization_id: id, actor: Actor::System, role: Role::Owner }).await?;
        let mut tx = org.tx().await?;
        let (old, new) = (json!({"plan": before}), json!({"plan": plan}));
        let about = ("organization", Some(id.uuid()));
        org.audit_change("organization:plan_changed", about, Some(old), Some(new)).write(&mut *tx).await;
        tx.commit().await
    }
    pub(crate) fn new_organization(&self, name: &str) -> Result<Organization> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 200 {
            return Err(Error::field("organizationName", "must have 1 to 200 characters"));
        }
        Ok(Organization {
            id: self.wib.id(),
            name: name.to_owned(),
            plan: self.wib.settings.first_plan,
            collector_role: crate::compliance::CollectorRole::Agency,
            live: self.wib.voice.live(),
            created_at: self.wib.now(),
        })
    }
}
