//! Where scenarios play: a core on a store, its vendors in the house, a clock that leaps.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use wib_core::{
    Org, Settings, Wib, WibBuilder,
    auth::password::PasswordCost,
    cache::MemoryCache,
    calls::{Call, CallExport, CallId, StartCall},
    collections::Account,
    engine::Worker,
    evidence::Signer,
    kit::{Clock, Error, Id, Phone, Principal, Random, Result, SeededRandom, Timestamp, VirtualClock, time},
    ports::{
        Cache, VendorError,
        cache::{CacheCaps, Counted},
    },
    store::Store,
};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{MemoryBlobs, testing::memory_store};

/// A Monday, half past twelve in Chicago.
pub(crate) const NOON: &str = "2026-06-01T17:30:00Z";
/// The seed of every signer here.
pub(crate) const KEY: [u8; 32] = [5; 32];

/// A clock whose sleepers do not wait: time passes as soon as somebody sleeps. For one task at a time.
#[derive(Debug)]
struct Leaping(Arc<VirtualClock>);
#[async_trait]
impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    async fn sleep_until(&self, at: Timestamp) {
        self.0.advance_to(at);
    }
    fn inline(&self) -> bool {
        true
    }
}

/// A cache that takes a transaction for everything it is asked, as the one in the store does: who asks it with one open
/// waits for himself.
#[derive(Debug)]
struct Apart {
    behind: MemoryCache,
    store: Arc<dyn Store>,
    waited: AtomicU32,
}
impl Apart {
    async fn alone(&self) {
        if self.store.system().await.is_err_and(|error| error.to_string().contains("is taken")) {
            self.waited.fetch_add(1, Ordering::Relaxed);
        }
    }
}
/// Fails the test at whose end somebody waited.
struct NobodyWaited(Arc<Apart>);
impl Drop for NobodyWaited {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.0.waited.load(Ordering::Relaxed), 0, "the cache was asked with a transaction open");
        }
    }
}

#[async_trait]
impl Cache for Apart {
    fn vendor(&self) -> &'static str {
        self.behind.vendor()
    }
    fn live(&self) -> bool {
        false
    }
    fn caps(&self) -> CacheCaps {
        self.behind.caps()
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>, VendorError> {
        self.alone().await;
        self.behind.get(key).await
    }
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), VendorError> {
        self.alone().await;
        self.behind.put(key, value, ttl).await
    }
    async fn delete(&self, key: &str) -> Result<(), VendorError> {
        self.alone().await;
        self.behind.delete(key).await
    }
    async fn count(&self, key: &str, by: u64, window: Duration) -> Result<Counted, VendorError> {
        self.alone().await;
        self.behind.count(key, by, window).await
    }
    async fn swap(
        &self,
        key: &str,
        old: Option<Bytes>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<bool, VendorError> {
        self.alone().await;
        self.behind.swap(key, old, new, ttl).await
    }
}

pub(crate) struct Stage {
    pub(crate) wib: Wib,
    pub(crate) org: Org,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) sandbox: Sandbox,
    pub(crate) store: Arc<dyn Store>,
    cache: NobodyWaited,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
pub(crate) fn phone(text: &str) -> Phone {
    text.parse().unwrap()
}
/// The magic number of the sandbox.
pub(crate) fn magic(n: u8) -> String {
    format!("+150055500{n:02}")
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::from(NOON, 1).await
    }
    pub(crate) async fn from(start: &str, seed: u64) -> Self {
        Self::with(start, seed, |builder, _| builder).await
    }
    /// On SQLite in memory, with other parts than the sandbox's.
    pub(crate) async fn with(start: &str, seed: u64, other: impl FnOnce(WibBuilder, &Sets) -> WibBuilder) -> Self {
        let clock = Arc::new(VirtualClock::new(at(start)));
        let store = Arc::new(memory_store(clock.clone()).await);
        Self::on(store, clock, seed, other).await
    }
    pub(crate) async fn on(
        store: Arc<dyn Store>,
        clock: Arc<VirtualClock>,
        seed: u64,
        other: impl FnOnce(WibBuilder, &Sets) -> WibBuilder,
    ) -> Self {
        Self::on_sandbox(store, clock, seed, |builder, sets, _| other(builder, sets)).await
    }
    pub(crate) async fn on_sandbox(
        store: Arc<dyn Store>,
        clock: Arc<VirtualClock>,
        seed: u64,
        other: impl FnOnce(WibBuilder, &Sets, &Sandbox) -> WibBuilder,
    ) -> Self {
        let ticking = Arc::new(Leaping(clock.clone()));
        Self::ticking(store, clock, ticking, seed, other).await
    }
    /// On a clock that stands until it is moved: for several tasks at a time.
    pub(crate) async fn still(
        start: &str,
        seed: u64,
        other: impl FnOnce(WibBuilder, &Sets, &Sandbox) -> WibBuilder,
    ) -> Self {
        let clock = Arc::new(VirtualClock::new(at(start)));
        let store = Arc::new(memory_store(clock.clone()).await);
        Self::ticking(store, clock.clone(), clock, seed, other).await
    }
    async fn ticking(
        store: Arc<dyn Store>,
        clock: Arc<VirtualClock>,
        ticking: Arc<dyn Clock>,
        seed: u64,
        other: impl FnOnce(WibBuilder, &Sets, &Sandbox) -> WibBuilder,
    ) -> Self {
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(seed));
        let sandbox = Sandbox::new(ticking.clone(), seed, sandbox::Settings { costs: true, ..Default::default() });
        let mut settings = Settings::default();
        settings.public_url = Some("http://sandbox.wib".to_owned());
        settings.password_cost = PasswordCost::TEST;
        let behind = MemoryCache::new(ticking.clone());
        let cache = Arc::new(Apart { behind, store: store.clone(), waited: AtomicU32::new(0) });
        let builder = Wib::builder()
            .store(store.clone())
            .cache(cache.clone())
            .blobs(Arc::new(MemoryBlobs::default()))
            .signer(Signer::from_seed(KEY))
            .settings(settings);
        let builder = sandbox.plug(builder, &ticking, &random).unwrap();
        let sets = Sets { clock: ticking.clone(), random: random.clone() };
        let wib = other(builder, &sets, &sandbox).build().unwrap();
        let organization = wib.system().create_organization("Lakeside Recovery").await.unwrap();
        let org = wib.org(Principal::service(organization.id)).await.unwrap();
        Self { wib, org, clock, random, sandbox, store, cache: NobodyWaited(cache) }
    }

    pub(crate) async fn account(&self, number: &str) -> Account {
        self.account_at(number, "412 W Grand Ave, Chicago, IL 60654").await
    }
    pub(crate) async fn account_at(&self, number: &str, address: &str) -> Account {
        let csv = format!("Name;Balance;Phone;Address\nAlma Reyes;$120.50;{number};\"{address}\"\n");
        let mut report = self.org.import_accounts(csv.as_bytes()).await.unwrap();
        assert!(report.file.faults.is_empty(), "{:?}", report.file.faults);
        report.accounts.pop().unwrap().0
    }
    pub(crate) async fn start(&self, account: &Account) -> Result<Call> {
        self.org.start_call(StartCall { account_id: Some(account.id), ..StartCall::default() }).await
    }
    /// Asks for a call that must be refused.
    pub(crate) async fn refused(&self, account: &Account) -> Error {
        self.start(account).await.expect_err("the law stands in the way")
    }
    pub(crate) fn worker(&self) -> Worker {
        Worker::new(&self.wib)
    }
    pub(crate) async fn work(&self) -> usize {
        self.worker().run_until_idle().await.unwrap()
    }
    /// An id that nobody has.
    pub(crate) fn id<T>(&self) -> Id<T> {
        Id::new(self.now(), &*self.random)
    }
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Time passes, webhooks come, until the call is sealed; a day and a bit at most.
    pub(crate) async fn sealed(&self, call: CallId) -> CallExport {
        let deadline = time::after(self.now(), Duration::from_secs(26 * 3600));
        let done = async || Ok(self.is_sealed(call).await);
        self.sandbox.play(&self.wib, &self.clock, deadline, done).await.unwrap();
        self.export(call).await
    }
    /// The same, but the vendors' webhooks are all lost.
    pub(crate) async fn sealed_without_webhooks(&self, call: CallId) -> CallExport {
        let deadline = time::after(self.now(), Duration::from_secs(26 * 3600));
        let worker = self.worker();
        while !self.is_sealed(call).await {
            for lost in self.sandbox.take_due(self.now()) {
                self.sandbox.delivered(lost.id, None);
            }
            if self.work().await > 0 {
                continue;
            }
            let next = [self.sandbox.next_due(), worker.next_due().await.unwrap()].into_iter().flatten().min();
            let next = next.filter(|at| *at <= deadline).expect("the call is sealed within a day");
            self.clock.advance_to(next.max(time::after(self.now(), Duration::from_micros(1))));
        }
        self.export(call).await
    }
    pub(crate) async fn is_sealed(&self, call: CallId) -> bool {
        self.org.timeline(call).await.unwrap().iter().any(|e| e.event_type == "call.sealed")
    }
    pub(crate) async fn export(&self, call: CallId) -> CallExport {
        self.org.export_call(call).await.unwrap()
    }
    /// Real dials that the number received.
    pub(crate) fn dials(&self, number: &str) -> u64 {
        self.sandbox.numbers().get(number).copied().unwrap_or(0)
    }
    /// Asks the vendors what an operator of theirs would.
    pub(crate) async fn vendor(&self, method: Method, path: &str, body: Value) -> Value {
        let mut headers = HeaderMap::new();
        let key = if path.starts_with("/assemblyai") { "sandbox" } else { "Bearer sandbox" };
        headers.insert("authorization", HeaderValue::from_static(key));
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(&body).unwrap() };
        let answer = self.sandbox.serve(method, path, headers, body.into()).await;
        assert_eq!(answer.status(), 200, "{path}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }
}

/// What other parts are made from.
pub(crate) struct Sets {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// The kinds of events of a timeline, in order.
pub(crate) fn kinds(export: &CallExport) -> Vec<&str> {
    export.timeline.iter().map(|e| e.event_type.as_str()).collect()
}

/// Says that a test could not run; where `CI=true` it must.
pub(crate) fn skipped(test: &str, why: &str) {
    println!("skipped: {test}: {why}");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{test} must run where CI=true");
}

/// A file of the vendors' contracts, of the folder that `WIB_CONTRACTS` names, else of the one beside this checkout.
pub(crate) fn contract(test: &str, path: &str) -> Option<Value> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts");
    let root = std::env::var_os("WIB_CONTRACTS").map_or_else(beside, PathBuf::from);
    let found = std::fs::read(root.join(path)).ok();
    if found.is_none() {
        skipped(test, &format!("the contract {path} is not here"));
    }
    found.map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_cache_that_is_asked_with_a_transaction_open_does_not_go_unnoticed() {
    let stage = Stage::new().await;
    let Apart { waited, .. } = &*stage.cache.0;
    let asked = async || {
        stage.cache.0.get("a key").await.unwrap();
        waited.swap(0, Ordering::Relaxed)
    };
    assert_eq!(asked().await, 0);
    let tx = stage.store.org(stage.org.id()).await.unwrap();
    assert_eq!(asked().await, 1);
    drop(tx);
    assert_eq!(asked().await, 0);
}
