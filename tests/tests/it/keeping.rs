//! A stage whose store can be looked behind, on either engine, and a store that dies.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use wib_core::{
    engine::{JobRun, Scheduler},
    kit::{Error, Result, VirtualClock},
    orgs::OrganizationId,
    store::{OrgTx, Store, SystemTx},
};
use wib_storage::{
    MemoryBlobs, SqlStore,
    testing::{PgStore, dump, memory_store, postgres_store, raw, tables_with},
};

use crate::stage::{NOON, Stage, at};

#[derive(Debug)]
pub(crate) enum Behind {
    Lite(SqlStore),
    Pg(Box<PgStore>),
}

impl Behind {
    fn store(&self) -> &SqlStore {
        match self {
            Self::Lite(store) => store,
            Self::Pg(store) => store,
        }
    }
    /// What somebody does who has the file, or the owner's login.
    pub(crate) async fn raw(&self, text: &str) {
        match self {
            Self::Lite(store) => raw(store, text).await,
            Self::Pg(store) => store.raw(text).await,
        }
        .unwrap();
    }
    /// Takes the guard from a table, so that its rows can be changed.
    pub(crate) async fn unguard(&self, table: &str) {
        let on = if matches!(self, Self::Pg(_)) { format!(" ON {table}") } else { String::new() };
        self.raw(&format!("DROP TRIGGER {table}_no_update{on}; DROP TRIGGER {table}_no_delete{on}")).await;
    }
}

/// A store whose transactions cannot be opened once a number of them was.
#[derive(Clone, Debug)]
pub(crate) struct Dying {
    behind: Arc<Behind>,
    left: Arc<AtomicI64>,
}
impl Dying {
    fn live(&self) -> Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(Error::database("the process died")) }
    }
    /// From now on that many transactions are opened.
    pub(crate) fn dies_after(&self, transactions: i64) {
        self.left.store(transactions, Ordering::SeqCst);
    }
    pub(crate) fn lives(&self) {
        self.dies_after(i64::MAX);
    }
}
#[async_trait]
impl Store for Dying {
    async fn org(&self, organization: OrganizationId) -> Result<Box<dyn OrgTx>> {
        self.live()?;
        self.behind.store().org(organization).await
    }
    async fn system(&self) -> Result<Box<dyn SystemTx>> {
        self.live()?;
        self.behind.store().system().await
    }
    fn tell_on(&self, bus: &Arc<dyn wib_core::ports::Bus>) {
        self.behind.store().tell_on(bus);
    }
    async fn ping(&self) -> Result<()> {
        self.behind.store().ping().await
    }
}

pub(crate) struct Archive {
    pub(crate) stage: Stage,
    pub(crate) behind: Arc<Behind>,
    pub(crate) dying: Dying,
    pub(crate) blobs: MemoryBlobs,
}

impl Archive {
    pub(crate) async fn new() -> Self {
        Self::from(NOON).await
    }
    pub(crate) async fn from(start: &str) -> Self {
        let clock = Arc::new(VirtualClock::new(at(start)));
        Self::on(Behind::Lite(memory_store(clock.clone()).await), clock).await
    }
    /// On SQLite, and on PostgreSQL where there is one.
    pub(crate) async fn each(test: &str) -> Vec<Self> {
        let clock = Arc::new(VirtualClock::new(at(NOON)));
        let mut all = vec![Self::new().await];
        if let Some(store) = postgres_store(test, clock.clone()).await {
            all.push(Self::on(Behind::Pg(Box::new(store)), clock).await);
        }
        all
    }
    async fn on(behind: Behind, clock: Arc<VirtualClock>) -> Self {
        let (behind, blobs) = (Arc::new(behind), MemoryBlobs::default());
        let dying = Dying { behind: behind.clone(), left: Arc::new(AtomicI64::new(i64::MAX)) };
        let kept = Arc::new(blobs.clone());
        let stage = Stage::on(Arc::new(dying.clone()), clock, 1, |builder, _| builder.blobs(kept)).await;
        Self { stage, behind, dying, blobs }
    }
    /// Runs a job, which must not fail; how much it did.
    pub(crate) async fn job(&self, name: &str) -> i64 {
        let run: JobRun = Scheduler::new(&self.stage.wib).run_by_name(name).await.unwrap().unwrap();
        assert_eq!(run.error, None);
        run.processed
    }
    /// Tables and blobs that hold the text.
    pub(crate) async fn with(&self, text: &str) -> Vec<String> {
        let mut found = tables_with(&dump(self.behind.store()).await.unwrap(), text);
        let holds = |bytes: &Bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        found.extend(self.blobs.entries().into_iter().filter(|(_, bytes)| holds(bytes)).map(|(key, _)| key));
        found
    }
    pub(crate) fn to(&self, instant: &str) {
        self.stage.clock.advance_to(at(instant));
    }
    /// The chain, the log and their seals are whole.
    pub(crate) async fn holds(&self) {
        let chain = self.stage.org.verify_chain().await.unwrap();
        assert!(chain.faults.is_empty(), "{:?}", chain.faults);
        self.stage.pass(120);
        self.stage.org.seal_audit().await.unwrap();
        let report = self.stage.org.verify_audit().await.unwrap();
        assert!(report.holds() && report.unsealed == 0, "{report:?}");
    }
}
