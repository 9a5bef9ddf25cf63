//! A witness over HTTP: anybody who keeps what `POST` brings and never takes a contradiction.
//!
//! Ours, so this is its document. `POST` with the checkpoint as JSON (`organization_id`, `size`, `head`, `root`,
//! `signed_at`, `public_key`, `signature`) and an `Idempotency-Key`, with `Authorization: Bearer` where a token is given.
//! The answer is 200 or 201 with a receipt, `{"witness", "size", "root", "at"}`, the same for a repeat; or 409 with the
//! receipt of what is held instead, when the checkpoint is smaller, or contradicts one of its size.

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use http::Method;
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wib_core::{
    kit::canonical,
    ports::{
        Fault, Sent, VendorError, Witness,
        witness::{CONFLICTING_CHECKPOINT, PublishedCheckpoint, Receipt},
    },
};

use crate::http::{Client, Policy, Wires, Words};

const VENDOR: &str = "witness";
/// Most bytes of a receipt.
const RECEIPT: u64 = 16 << 10;

/// A witness at an address, as [`Witness`].
#[derive(Debug)]
pub struct HttpWitness {
    client: Client,
    name: String,
}

impl HttpWitness {
    /// The witness at that address, known by its host; with a token when it asks for one.
    #[must_use]
    pub fn new(wires: Wires, url: &str, token: Option<&SecretString>) -> Self {
        Self::with(wires, url, token, Policy { at_once: 4, ..Policy::default() })
    }
    /// The same with other deadlines and limits.
    #[must_use]
    pub fn with(wires: Wires, url: &str, token: Option<&SecretString>, policy: Policy) -> Self {
        let policy = Policy { answer_cap: policy.answer_cap.min(RECEIPT), ..policy };
        let client = Client::new(VENDOR, url, policy, words, wires);
        let client = if let Some(token) = token { client.bearer(token) } else { client };
        Self { client, name: crate::http::host(url) }
    }
}

/// A conflict in the witness's own numbers; nothing else of its words is kept.
fn words(status: u16, body: &Value) -> Words {
    if status != 409 {
        return Words::default();
    }
    let root = body["root"].as_str().unwrap_or_default();
    let root: Vec<_> = root.trim_start_matches("sha256:").chars().filter(char::is_ascii_hexdigit).take(64).collect();
    // In fours: a long run of digits would be masked as a telephone number.
    let root = root.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(":");
    let message = Some(format!("holds size {} with root {root}", body["size"].as_i64().unwrap_or_default()));
    Words { fault: None, code: Some(CONFLICTING_CHECKPOINT.to_owned()), message }
}

#[async_trait]
impl Witness for HttpWitness {
    fn name(&self) -> &str {
        &self.name
    }
    async fn publish(&self, checkpoint: &PublishedCheckpoint) -> Result<Receipt, VendorError> {
        let bad = |_| self.client.fault(Fault::Request, Sent::No, "the checkpoint has no canonical form");
        let text = canonical::to_text(checkpoint).map_err(bad)?;
        // The same checkpoint, the same key: a repeat is known also when the first answer was lost.
        let key = hex::encode(Sha256::digest(&text));
        let ask = self.client.ask("publish", Method::POST, "").header("idempotency-key", &key);
        let answer = ask.bytes(text.into(), "application/json").repeatable().send().await?;
        let receipt: Receipt = answer.json()?;
        if receipt.size != checkpoint.size || receipt.root != checkpoint.root {
            let code = Some(CONFLICTING_CHECKPOINT.to_owned());
            let error = self.client.fault(Fault::Nonsense, Sent::Refused, "the receipt is for another checkpoint");
            return Err(VendorError { code, ..error });
        }
        Ok(receipt)
    }
}
