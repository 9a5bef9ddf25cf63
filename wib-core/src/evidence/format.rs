//! The shapes and statements of the formats, as `FORMAT.md` has them.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Checkpoint, EntryKind, EvidenceEntry, Fault, LinkFormat, merkle::Hash};
use crate::{
    calls::CallId,
    kit::{Result, canonical, time::Timestamp},
    orgs::OrganizationId,
};

/// The format of checkpoint statements that are signed now.
pub const CHECKPOINT: &str = "wib-checkpoint/2";
/// The format of checkpoint statements without a root.
pub const CHECKPOINT_1: &str = "wib-checkpoint/1";
/// The link before the first.
pub const GENESIS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// The most bytes of a line, its line feed included: of a bundle, and of a line of a history.
pub const LINE_LIMIT: usize = 1 << 20;
/// The most bytes of a manifest.
pub const MANIFEST_LIMIT: usize = 1 << 19;
/// How deep values may lie in each other.
const DEPTH: usize = 64;

/// A link, as files show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Which statement it is hashed over.
    pub format: LinkFormat,
    /// Place in the chain, from 1.
    pub seq: i64,
    /// What it is about.
    pub kind: EntryKind,
    /// Which one of that kind.
    pub subject_id: Uuid,
    /// The call it belongs to.
    pub call_id: Option<CallId>,
    /// From 1, by kind and subject.
    pub version: i64,
    /// `entry_hash` of the version before.
    pub supersedes: Option<String>,
    /// When it was sealed.
    pub at: Timestamp,
    /// Hash of the manifest.
    pub manifest_hash: String,
    /// Hash of the link before.
    pub prev_hash: String,
    /// Hash of this link.
    pub entry_hash: String,
}

#[derive(Serialize)]
struct LinkStatement1<'a> {
    organization_id: &'a str,
    seq: i64,
    manifest_hash: &'a str,
    prev_hash: &'a str,
}

#[derive(Serialize)]
struct LinkStatement2<'a> {
    format: LinkFormat,
    organization_id: &'a str,
    seq: i64,
    kind: EntryKind,
    subject_id: Uuid,
    call_id: Option<CallId>,
    version: i64,
    supersedes: Option<&'a str>,
    at: Timestamp,
    manifest_hash: &'a str,
    prev_hash: &'a str,
}

impl Link {
    /// What it hashes to, as a link of that organisation.
    pub(super) fn hash(&self, organization_id: &str) -> Result<String> {
        let Self { format, seq, kind, subject_id, call_id, version, at, .. } = *self;
        let (manifest_hash, prev_hash, supersedes) = (&self.manifest_hash, &self.prev_hash, self.supersedes.as_deref());
        match format {
            LinkFormat::V1 => canonical::hash(&LinkStatement1 { organization_id, seq, manifest_hash, prev_hash }),
            LinkFormat::V2 => canonical::hash(&LinkStatement2 {
                format,
                organization_id,
                seq,
                kind,
                subject_id,
                call_id,
                version,
                supersedes,
                at,
                manifest_hash,
                prev_hash,
            }),
        }
    }
}

impl From<&EvidenceEntry> for Link {
    fn from(entry: &EvidenceEntry) -> Self {
        Self {
            format: entry.format,
            seq: entry.seq,
            kind: entry.kind,
            subject_id: entry.subject_id,
            call_id: entry.call_id,
            version: entry.version,
            supersedes: entry.supersedes.clone(),
            at: entry.created_at,
            manifest_hash: entry.manifest_hash.clone(),
            prev_hash: entry.prev_hash.clone(),
            entry_hash: entry.entry_hash.clone(),
        }
    }
}

/// A checkpoint and its signature, as histories and the API show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignedCheckpoint {
    /// [`CHECKPOINT`], or [`CHECKPOINT_1`] without a root.
    pub format: String,
    /// Links in the chain.
    pub size: i64,
    /// Hash of the last one.
    pub head: String,
    /// Root of the tree over them.
    pub root: Option<String>,
    /// When it was signed.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub signed_at: Timestamp,
    /// Ed25519 key, hex.
    pub public_key: String,
    /// Over the canonical statement, hex.
    pub signature: String,
}

#[derive(Serialize)]
struct CheckpointStatement<'a> {
    format: &'a str,
    organization_id: &'a str,
    size: i64,
    head: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a str>,
    signed_at: Timestamp,
}

impl SignedCheckpoint {
    /// A stored checkpoint with the key that signed it.
    pub(super) fn new(checkpoint: &Checkpoint, public_key: String) -> Self {
        Self {
            format: if checkpoint.root.is_some() { CHECKPOINT } else { CHECKPOINT_1 }.to_owned(),
            size: checkpoint.size,
            head: checkpoint.head.clone(),
            root: checkpoint.root.clone(),
            signed_at: checkpoint.created_at,
            public_key,
            signature: checkpoint.signature.clone(),
        }
    }
    /// Whether the format is known and has a root where it should.
    pub(super) fn known(&self) -> bool {
        match self.root {
            Some(_) => self.format == CHECKPOINT,
            None => self.format == CHECKPOINT_1,
        }
    }
    /// The statement that is signed, for that organisation.
    ///
    /// # Errors
    /// None that a well-formed checkpoint gives.
    pub fn statement(&self, organization_id: &str) -> Result<String> {
        let Self { format, size, head, root, signed_at, .. } = self;
        let (size, signed_at, root) = (*size, *signed_at, root.as_deref());
        canonical::to_text(&CheckpointStatement { format, organization_id, size, head, root, signed_at })
    }
    /// Whether the signature is one over the statement by the key.
    pub(super) fn signed(&self, organization_id: &str) -> Result<bool> {
        let fits = || {
            let key = VerifyingKey::from_bytes(&key(&self.public_key)?).ok()?;
            // Hexadecimal in capitals is the same number and another text: one text only.
            let signature = hex::decode(&self.signature).ok().filter(|b| hex::encode(b) == self.signature)?;
            Some((key, Signature::from_slice(&signature).ok()?))
        };
        let signed = self.statement(organization_id)?;
        Ok(fits().is_some_and(|(key, signature)| key.verify_strict(signed.as_bytes(), &signature).is_ok()))
    }
}

/// The bytes of a public key: 64 hexadecimal digits in lower case.
pub(super) fn key(text: &str) -> Option<[u8; 32]> {
    bytes(text)
}

/// The bytes of a hash: `sha256:` and 64 hexadecimal digits in lower case.
pub(super) fn hash(text: &str) -> Option<Hash> {
    bytes(text.strip_prefix("sha256:")?)
}

/// A hash as text.
pub(super) fn hash_text(hash: &Hash) -> String {
    format!("sha256:{}", hex::encode(hash))
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (hex::encode(bytes) == text).then_some(bytes)
}

/// A line (without its line feed) as JSON in its one byte form, or what is wrong with it.
pub(super) fn read_json(line: &[u8]) -> Result<Json, (Fault, String)> {
    let json: Json =
        serde_json::from_slice(line).map_err(|e| (Fault::Unreadable, format!("byte {}: {e}", e.column())))?;
    if depth(&json) > DEPTH {
        return Err((Fault::Unreadable, format!("lies deeper than {DEPTH} levels")));
    }
    let again = canonical::to_text(&json).map_err(|e| (Fault::NotCanonical, e.message().to_owned()))?;
    if again.as_bytes() != line {
        let at = again.bytes().zip(line).position(|(a, b)| a != *b).unwrap_or_else(|| again.len().min(line.len()));
        return Err((Fault::NotCanonical, format!("byte {at} is not in canonical form")));
    }
    Ok(json)
}

/// Levels of lists and objects. The parser has bounded them already: this may call itself.
fn depth(json: &Json) -> usize {
    match json {
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A shape from JSON, when the JSON is exactly what the shape is written as.
pub(super) fn shaped<T: Serialize + DeserializeOwned>(json: &Json) -> Result<T, (Fault, String)> {
    let unreadable = |why: String| (Fault::Unreadable, why);
    let shape: T = serde_json::from_value(json.clone()).map_err(|e| unreadable(e.to_string()))?;
    let again = serde_json::to_value(&shape).map_err(|e| unreadable(e.to_string()))?;
    if again != *json {
        return Err(unreadable("a field is missing, or not written in its one form".to_owned()));
    }
    Ok(shape)
}

/// The text of an organisation's id, as statements have it.
pub(super) fn organization(id: OrganizationId) -> String {
    id.to_string()
}
