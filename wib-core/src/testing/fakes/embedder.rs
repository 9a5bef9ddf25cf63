//! Vectors in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{
    ai::Guarded,
    kit::canonical,
    ports::{
        Embedder, VendorError,
        embedder::{Embedded, check},
    },
};

const LENGTH: usize = 32;

/// Counts words: each has its place in the vector, so that texts with the same words are alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct FakeEmbedder;

#[async_trait]
impl Embedder for FakeEmbedder {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn model(&self) -> &str {
        "fake-words"
    }
    fn live(&self) -> bool {
        false
    }
    async fn embed(&self, texts: &[Guarded]) -> Result<Embedded, VendorError> {
        check(self.vendor(), texts)?;
        let words: usize = texts.iter().map(|text| text.text().split_whitespace().count()).sum();
        Ok(Embedded {
            vendor: self.vendor().to_owned(),
            model: self.model().to_owned(),
            vectors: texts.iter().map(|text| vector(text.text())).collect(),
            input_tokens: i64::try_from(words).unwrap_or(i64::MAX),
            cost_micros: None,
            price_book: None,
            request_id: Some("fake-request".to_owned()),
            live: false,
        })
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut counts = BTreeMap::<usize, u16>::new();
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let place = canonical::sha256(word.as_bytes()).bytes().map(usize::from).sum::<usize>() % LENGTH;
        *counts.entry(place).or_default() += 1;
    }
    let length = counts.values().map(|n| f32::from(*n) * f32::from(*n)).sum::<f32>().sqrt().max(1.0);
    (0..LENGTH).map(|place| f32::from(counts.get(&place).copied().unwrap_or(0)) / length).collect()
}
