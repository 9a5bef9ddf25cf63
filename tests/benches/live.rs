//! What stands between a prompt and its model, and between a text and a model's eyes.
//!
//! `cargo bench -p tests --bench live`
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::{hint::black_box, sync::Arc};

use async_trait::async_trait;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt;
use tokio::runtime::Runtime;
use wib_core::{
    ai::{Patience, Router, RouterPolicy, guard, redact},
    kit::{Clock, OsRandom, Random, SystemClock},
    ports::{
        Fault, Llm, Sent, VendorError,
        llm::{Completion, Prompt},
    },
};

/// A model that answers at once, or fails at once.
#[derive(Debug)]
struct Model(&'static str, bool);

#[async_trait]
impl Llm for Model {
    fn vendor(&self) -> &'static str {
        self.0
    }
    fn live(&self) -> bool {
        false
    }
    async fn complete(&self, _: &Prompt) -> Result<Completion, VendorError> {
        if self.1 {
            return Err(VendorError::new(self.0, Fault::Down, Sent::Refused, "down"));
        }
        let text = "I can pay on Friday, and I would like to be called back.".to_owned();
        Ok(Completion { vendor: self.0.to_owned(), text, ..Completion::default() })
    }
}

fn router(failing: usize) -> Router {
    let models = ["groq", "xai", "openai"].into_iter().enumerate();
    let models = models.map(|(n, name)| Arc::new(Model(name, n < failing)) as Arc<dyn Llm>).collect();
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(OsRandom));
    // Nobody is left alone: every prompt meets every failure.
    let patience = Patience { failures: u32::MAX, ..Patience::default() };
    Router::with(clock, random, models, RouterPolicy { patience, ..RouterPolicy::default() })
}

fn prompts(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let prompt = Prompt::new("You translate.", guard("Puedo pagar el viernes.", 4_000));
    let alone = Model("groq", false);
    let mut group = c.benchmark_group("prompt");
    group.bench_function("model alone", |b| {
        b.to_async(&runtime).iter(|| async { black_box(alone.complete(&prompt).await.unwrap()) });
    });
    group.bench_function("model alone, streamed", |b| {
        b.to_async(&runtime).iter(|| async { alone.stream(&prompt).await.unwrap().count().await });
    });
    for failing in 0..3 {
        let router = router(failing);
        group.bench_function(format!("router, {failing} failing"), |b| {
            b.to_async(&runtime).iter(|| async { black_box(router.ask(&prompt).await) });
        });
        group.bench_function(format!("router, {failing} failing, streamed"), |b| {
            b.to_async(&runtime).iter(|| async { router.open(&prompt).await.unwrap().stream.count().await });
        });
    }
    group.finish();
}

fn texts(c: &mut Criterion) {
    let line = "Yes, this is Maria Lopez, my number is 312-555-0100 and I live at 412 West Grand Avenue. I can pay \
                $450.25 on the 12th of June, please write to maria.lopez@example.com and not to my work. ";
    let text = line.repeat(1 + 100_000 / line.len());
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
    group.bench_function("redacted", |b| b.iter(|| black_box(redact(&text))));
    group.bench_function("redacted and made harmless", |b| b.iter(|| black_box(guard(&text, usize::MAX))));
    group.bench_function("read once, as a copy", |b| {
        b.iter(|| black_box(text.chars().filter(|c| !c.is_control()).collect::<String>()));
    });
    group.finish();
}

criterion_group!(benches, prompts, texts);
criterion_main!(benches);
