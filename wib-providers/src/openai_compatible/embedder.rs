//! Texts as vectors.

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use wib_core::{
    ai::Guarded,
    ports::{
        Embedder, Fault, Sent, VendorError,
        embedder::{Embedded, check},
    },
};

use super::wire::{EmbeddingReply, EmbeddingRequest, Vector};
use crate::{
    http::Client,
    prices::{Price, book},
};

/// Most bytes of an answer: 2048 vectors of 3072 numbers in base64, and some more.
const MOST: u64 = 64 << 20;

/// Makes vectors behind `POST /embeddings`.
#[derive(Debug)]
pub struct Vectors {
    vendor: &'static str,
    client: Client,
    model: String,
    live: bool,
}

impl Vectors {
    pub(super) fn new(vendor: &'static str, client: Client, model: String, live: bool) -> Self {
        Self { vendor, client, model, live }
    }
}

#[async_trait]
impl Embedder for Vectors {
    fn vendor(&self) -> &'static str {
        self.vendor
    }
    fn model(&self) -> &str {
        &self.model
    }
    fn live(&self) -> bool {
        self.live
    }
    async fn embed(&self, texts: &[Guarded]) -> Result<Embedded, VendorError> {
        check(self.vendor, texts)?;
        let input = texts.iter().map(Guarded::text).collect();
        let request = EmbeddingRequest { model: &self.model, input, encoding_format: "base64" };
        let ask = self.client.ask("embed", Method::POST, "/embeddings").json(&request);
        let answer = ask.at_most(MOST).send().await?;
        let reply: EmbeddingReply = answer.json()?;
        let vectors = ordered(reply.data, texts.len()).ok_or_else(|| {
            let error = self.client.fault(Fault::Nonsense, Sent::Refused, "not a vector for each text");
            VendorError { status: Some(200), request_id: answer.request_id.clone(), ..error }
        })?;
        let read = reply.usage.map(|usage| usage.prompt_tokens);
        let price = Price::of(self.vendor, &self.model, self.client.now());
        let cost_micros = read.zip(price).and_then(|(read, price)| price.tokens_rounded_up(read, 0, 0));
        Ok(Embedded {
            vendor: self.vendor.to_owned(),
            model: reply.model.unwrap_or_else(|| self.model.clone()),
            vectors,
            input_tokens: read.unwrap_or(0),
            cost_micros,
            price_book: cost_micros.map(|_| book().version.clone()),
            request_id: answer.request_id,
            live: self.live,
        })
    }
}

/// The vectors in the order of the texts; `None` unless each text has one, all of one length and of numbers.
fn ordered(data: Vec<super::wire::Embedding>, texts: usize) -> Option<Vec<Vec<f32>>> {
    let mut vectors = vec![Vec::new(); texts];
    for one in data {
        let place = vectors.get_mut(one.index).filter(|place| place.is_empty())?;
        *place = match one.embedding {
            Vector::Numbers(numbers) => numbers,
            Vector::Base64(text) => {
                let bytes = BASE64_STANDARD.decode(text).ok()?;
                let (numbers, []) = bytes.as_chunks::<4>() else { return None };
                numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()
            }
        };
    }
    let length = vectors.first()?.len();
    let sound =
        |vector: &Vec<f32>| !vector.is_empty() && vector.len() == length && vector.iter().all(|n| n.is_finite());
    vectors.iter().all(sound).then_some(vectors)
}
