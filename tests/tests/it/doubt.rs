//! What is done while nobody knows how the last request to the vendor ended.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{sync::Arc, time::Duration};

use wib_core::{
    Org, Wib,
    engine::Worker,
    evidence::Signer,
    kit::{Clock, Principal, Random, SeededRandom, VirtualClock},
    prelude::StartCall,
};
use wib_providers::sandbox::{Sandbox, Settings};
use wib_storage::{Database, MemoryBlobs, SqlStore};

/// Answers and talks.
const NUMBER: &str = "+15005550001";

/// A server whose deliveries arrive only when a test brings them.
struct Stage {
    wib: Wib,
    org: Org,
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
}

impl Stage {
    async fn set() -> Self {
        let clock = Arc::new(VirtualClock::new("2026-06-01T17:30:00Z".parse().unwrap()));
        let (ticking, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(SeededRandom::new(1)));
        let sandbox = Sandbox::new(ticking.clone(), 1, Settings::default());
        let store = Arc::new(SqlStore::open(&Database::Memory, ticking.clone()).await.unwrap());
        let builder = Wib::builder().store(store).blobs(Arc::new(MemoryBlobs::default()));
        let builder = builder.signer(Signer::from_seed([1; 32]));
        let wib = sandbox.plug(builder, &ticking, &random).unwrap().build().unwrap();
        let organization = wib.system().create_organization("Doubt").await.unwrap();
        let org = wib.org(Principal::service(organization.id)).await.unwrap();
        let csv = format!("name,balance,phone,address\nAlma,1.00,{NUMBER},\"1 Main St, Chicago, IL 60601\"\n");
        org.import_accounts(csv.as_bytes()).await.unwrap();
        Self { wib, org, clock, sandbox }
    }
    async fn dial_well(&self) {
        let command = StartCall { to: Some(NUMBER.parse().unwrap()), ..StartCall::default() };
        self.org.start_call(command).await.unwrap();
        self.work_after(0).await;
    }
    async fn work_after(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        Worker::new(&self.wib).run_until_idle().await.unwrap();
    }
}

#[tokio::test]
async fn a_notice_for_a_call_that_is_over_is_no_failure() {
    let stage = Stage::set().await;
    stage.dial_well().await;
    stage.clock.advance(Duration::from_secs(12));
    assert!(stage.sandbox.deliver(&stage.wib).await >= 3, "initiated, answered, detected");
    stage.sandbox.advance(Duration::from_secs(600));
    for _ in 0..8 {
        stage.work_after(5).await;
    }
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}
