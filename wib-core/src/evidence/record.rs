use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::merkle::Hash;
use crate::{
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

text_enum! {
    /// What a link of the chain is about.
    pub enum EntryKind {
        /// Everything a call left.
        Call = "call",
        /// A stretch of the audit log.
        Audit = "audit",
        /// Something was deleted as retention asks.
        Purge = "purge",
        /// A legal hold was laid or lifted.
        Hold = "hold",
        /// A person's data was erased.
        Erasure = "erasure",
        /// A pack of rules came into force.
        Pack = "pack",
    }
}

text_enum! {
    /// Which statement a link's hash is over.
    pub enum LinkFormat {
        /// Place, manifest and the link before; calls only, each sealed once.
        V1 = "wib-link/1",
        /// Everything a link says.
        V2 = "wib-link/2",
    }
}

/// One link of an organisation's chain. Written once; a change is a new link that names the one it takes the place of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceEntry {
    /// Its id.
    pub id: Id<EvidenceEntry>,
    /// What it is about.
    pub kind: EntryKind,
    /// Which one of that kind.
    pub subject_id: Uuid,
    /// The call it belongs to, when there is one.
    pub call_id: Option<CallId>,
    /// From 1, by kind and subject.
    pub version: i64,
    /// `entry_hash` of the version before.
    pub supersedes: Option<String>,
    /// How it is hashed.
    pub format: LinkFormat,
    /// Place in the chain, from 1 without holes.
    pub seq: i64,
    /// The manifest, as canonical JSON text.
    pub manifest: String,
    /// `sha256:<hex>` of the manifest's bytes.
    pub manifest_hash: String,
    /// The link before; 64 zeros for the first.
    pub prev_hash: String,
    /// Hash over the link's statement.
    pub entry_hash: String,
    /// When it was sealed; never before the link before.
    pub created_at: Timestamp,
}
impl Record for EvidenceEntry {
    const NAME: &'static str = "evidence";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A signed statement of how long the chain is, what its last link hashes to, and the root of the tree over all links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its id.
    pub id: Id<Checkpoint>,
    /// Links in the chain.
    pub size: i64,
    /// Hash of the last one.
    pub head: String,
    /// Root of the Merkle tree over them; checkpoints of the first version have none.
    pub root: Option<String>,
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

/// A complete subtree of an organisation's Merkle tree. Written once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvidenceNode {
    /// 0 for leaves.
    pub level: u32,
    /// From 0, within its level: it covers the leaves `position << level` to `(position + 1) << level`.
    pub position: u64,
    /// Its hash.
    pub hash: Hash,
}
