//! A chain of a hundred thousand links: another link, a proof and its check, the whole history verified.
//!
//! `cargo bench -p tests --bench chain`; the chain takes about a minute to make.
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::{hint::black_box, io::Cursor, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use tokio::runtime::Runtime;
use uuid::Uuid;
use wib_core::{
    evidence::{EntryKind, ProveConsistency, verify, verify_history},
    kit::{Clock, Random, SeededRandom, VirtualClock},
    prelude::*,
};
use wib_providers::sandbox::{Sandbox, Settings as SandboxSettings};
use wib_storage::{MemoryBlobs, testing::memory_store};

const LINKS: u128 = 100_000;

async fn org() -> Org {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new("2026-06-03T17:30:00Z".parse().unwrap()));
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(1));
    let sandbox = Sandbox::new(clock.clone(), 1, SandboxSettings::default());
    let builder = Wib::builder()
        .store(Arc::new(memory_store(clock.clone()).await))
        .blobs(Arc::new(MemoryBlobs::default()))
        .signer(Signer::from_seed([7; 32]));
    let wib = sandbox.plug(builder, &clock, &random).unwrap().build().unwrap();
    let organization = wib.system().create_organization("Bench").await.unwrap();
    wib.org(Principal::service(organization.id)).await.unwrap()
}

async fn append(org: &Org, n: u128) {
    org.append_for_test(EntryKind::Audit, Uuid::from_u128(n), json!({ "action": "call:started" })).await.unwrap();
}

fn chain(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let org = runtime.block_on(async {
        let org = org().await;
        for n in 0..LINKS {
            append(&org, n).await;
        }
        org
    });
    let mut next = LINKS;
    c.bench_function("append behind 100,000 links, SQLite in memory", |b| {
        b.iter(|| {
            next += 1;
            runtime.block_on(append(&org, next));
        });
    });
    let mut at = 0;
    c.bench_function("bundle with inclusion proof, of 100,000", |b| {
        b.iter(|| {
            at = (at * 31 + 7) % 100_000;
            runtime.block_on(org.evidence_at(at + 1, None)).unwrap()
        });
    });
    let file = runtime.block_on(org.evidence_at(50_000, None)).unwrap().to_bytes().unwrap();
    c.bench_function("bundle verified, of 100,000", |b| {
        b.iter(|| assert!(verify(black_box(&file), None).unwrap().holds()));
    });
    let asked = || ProveConsistency { size: 100_000, from: 77_777 };
    c.bench_function("consistency proof, 77,777 to 100,000", |b| {
        b.iter(|| runtime.block_on(org.prove_consistency(asked())).unwrap());
    });
    let mut history = vec![];
    runtime.block_on(async {
        let mut lines = org.export_history().await.unwrap();
        while let Some(more) = lines.next().await.unwrap() {
            history.extend(more);
        }
    });
    println!("history: {} bytes", history.len());
    let mut group = c.benchmark_group("history");
    group.sample_size(10);
    group.bench_function("verified in memory, 100,000 links and more", |b| {
        b.iter(|| assert!(verify_history(Cursor::new(&history), None, &[]).unwrap().holds()));
    });
}

criterion_group!(benches, chain);
criterion_main!(benches);
