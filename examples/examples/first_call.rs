//! A first call, embedded: no server, no keys, no network. `cargo run -p examples --example first_call`

use std::{sync::Arc, time::Duration};

use wib_core::{
    kit::{Clock, Random, SeededRandom, VirtualClock, time},
    prelude::*,
};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{Database, MemoryBlobs, SqlStore};

const ACCOUNTS: &str =
    "name,balance,phone,address\nAlma Reyes,$450.00,+15005550005,\"412 W Grand Ave, Chicago, IL 60654\"\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let clock = Arc::new(VirtualClock::new("2026-06-03T17:30:00Z".parse().expect("an instant")));
    let ticking: Arc<dyn Clock> = clock.clone();
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(1));
    let sandbox = Sandbox::new(ticking.clone(), 1, sandbox::Settings::default());
    let builder = Wib::builder()
        .store(Arc::new(SqlStore::open(&Database::Memory, ticking.clone()).await?))
        .blobs(Arc::new(MemoryBlobs::default()))
        .signer(Signer::from_seed([7; 32]));
    let wib = sandbox.plug(builder, &ticking, &random)?.build()?;

    let organization = wib.system().create_organization("First Call LLC").await?;
    let org = wib.org(Principal::service(organization.id)).await?;
    let (account, _) = org.import_accounts(ACCOUNTS.as_bytes()).await?.accounts.remove(0);
    let call = org.start_call(StartCall { account_id: Some(account.id), ..StartCall::default() }).await?;

    // A server works in the background; here ten virtual minutes pass at once.
    let deadline = time::after(clock.now(), Duration::from_secs(600));
    sandbox.play(&wib, &clock, deadline, async || Ok(org.evidence(call.id).await.is_ok())).await?;

    for segment in org.transcript(call.id, -1).await? {
        println!("{}: {}", segment.utterance.speaker, segment.utterance.text);
    }
    let file = org.evidence(call.id).await?.to_bytes()?;
    let found = wib_core::evidence::verify(&file, Some(&wib.evidence_public_key()))?;
    assert!(found.holds(), "{:?}", found.faults);
    println!("sealed: {} bytes of evidence, verified", file.len());
    Ok(())
}
