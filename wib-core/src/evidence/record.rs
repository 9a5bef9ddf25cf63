use serde::{Deserialize, Serialize};

use crate::{
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
};

/// One link of an organisation's chain. Written once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceEntry {
    /// Its id.
    pub id: Id<EvidenceEntry>,
    /// The sealed call; once per call.
    pub call_id: CallId,
    /// Place in the chain, from 1 without holes.
    pub seq: i64,
    /// The manifest, as canonical JSON text.
    pub manifest: String,
    /// `sha256:<hex>` of the manifest's bytes.
    pub manifest_hash: String,
    /// The link before; 64 zeros for the first.
    pub prev_hash: String,
    /// Hash over place, manifest hash and the link before.
    pub entry_hash: String,
    /// When it was sealed.
    pub created_at: Timestamp,
}
impl Record for EvidenceEntry {
    const NAME: &'static str = "evidence";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A signed statement of how long the chain is and what its last link hashes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its id.
    pub id: Id<Checkpoint>,
    /// Links in the chain.
    pub size: i64,
    /// Hash of the last one.
    pub head: String,
    /// SHA-256 of the signing key, `sha256:<hex>`.
    pub signer: String,
    /// Ed25519 over the canonical statement, hex.
    pub signature: String,
    /// When it was signed.
    pub created_at: Timestamp,
}
impl Record for Checkpoint {
    const NAME: &'static str = "checkpoint";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
