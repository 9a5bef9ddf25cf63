//! Values for a while and bytes for long, in each of their homes.
//!
//! ```text
//! cargo bench -p wib-storage --bench keep
//! ```

#![expect(clippy::unwrap_used, reason = "a bench may")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use wib_core::{
    cache::MemoryCache,
    kit::{Clock, SystemClock},
    ports::{Blobs, Cache},
};
use wib_storage::{
    Database, FolderBlobs, RedisCache, S3Blobs, S3Settings, SqlStore, StoreCache,
    testing::{
        postgres_store,
        servers::{Program, Server},
    },
};

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn cache(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("wib.db").display()).parse::<Database>().unwrap();
    let lite = runtime.block_on(SqlStore::open(&file, clock())).unwrap();
    let pg = runtime.block_on(postgres_store("the bench of the cache", clock()));
    let redis = Server::start("the bench of the cache", Program::Redis);
    let mut homes: Vec<(&str, Arc<dyn Cache>)> =
        vec![("memory", Arc::new(MemoryCache::new(clock()))), ("sqlite", Arc::new(StoreCache::new(&lite)))];
    if let Some(pg) = &pg {
        homes.push(("postgres", Arc::new(StoreCache::new(pg))));
    }
    if let Some(redis) = &redis {
        let _inside = runtime.enter();
        homes.push(("redis", Arc::new(RedisCache::new(&redis.url("redis").into(), clock()).unwrap())));
    }
    let (hour, value) = (Duration::from_secs(3600), Bytes::from(vec![7; 200]));
    let mut group = c.benchmark_group("cache");
    for (name, cache) in &homes {
        group.bench_function(format!("put/{name}"), |b| {
            b.to_async(&runtime).iter(|| async { cache.put("k", value.clone(), Some(hour)).await.unwrap() });
        });
        group.bench_function(format!("get/{name}"), |b| {
            b.to_async(&runtime).iter(|| async { cache.get("k").await.unwrap().unwrap() });
        });
        group.bench_function(format!("count/{name}"), |b| {
            b.to_async(&runtime).iter(|| async { cache.count("n", 1, hour).await.unwrap() });
        });
    }
    group.finish();
}

fn blobs(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut homes: Vec<(&str, Arc<dyn Blobs>)> = vec![("folder", Arc::new(FolderBlobs::new(folder.path(), clock())))];
    let server = Server::start("the bench of blobs", Program::S3);
    if let Some(server) = &server {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let made = client.put(format!("{}/wib", server.url("http"))).send();
        assert_eq!(runtime.block_on(made).unwrap().status(), 200);
        let settings = S3Settings {
            bucket: "wib".to_owned(),
            endpoint: Some(server.url("http")),
            region: "auto".to_owned(),
            access_key_id: "id".to_owned(),
            secret_access_key: "key".to_owned().into(),
        };
        homes.push(("s3_moto", Arc::new(S3Blobs::new(&settings).unwrap())));
    }
    let bytes = Bytes::from(vec![7; 1 << 20]);
    let mut group = c.benchmark_group("blobs_1_mib");
    group.throughput(Throughput::Bytes(1 << 20)).sample_size(20);
    for (name, blobs) in &homes {
        group.bench_function(format!("put/{name}"), |b| {
            b.to_async(&runtime).iter(|| async { blobs.put("org/a", bytes.clone()).await.unwrap() });
        });
        group.bench_function(format!("get/{name}"), |b| {
            b.to_async(&runtime).iter(|| async { blobs.get("org/a").await.unwrap().unwrap() });
        });
    }
    group.finish();
}

criterion_group!(benches, cache, blobs);
criterion_main!(benches);
