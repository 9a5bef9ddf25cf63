//! Evidence: a manifest of hashes for every finished call, chained per organisation, under signed checkpoints.
//!
//! | step | what is written | once per |
//! |---|---|---|
//! | seal | the manifest, and a link that names the link before | version of a call; other records alike |
//! | grow | the nodes that the link completes in the organisation's Merkle tree | link |
//! | checkpoint | length, last hash and root, signed with Ed25519 | link |
//! | export | a bundle (manifest, link, proof, checkpoint), or the whole history | on demand |
//! | publish | what an outside time-stamp authority and witnesses say of the newest checkpoint | five minutes |
//!
//! What was sealed stays as it is: a change is the next version, which names the one that it takes the place of.
//!
//! A file can be checked by anybody, offline: with [`verify_file`], with `examples/verify_evidence.py`, or with a program
//! of one's own made from what follows.
//!
#![doc = include_str!("FORMAT.md")]

mod append;
mod bundle;
mod fault;
mod format;
mod history;
mod manifest;
pub mod merkle;
mod prove;
mod publish;
mod record;
mod seal;
mod signer;
mod stamp;
pub mod timestamp;
mod verify;

pub(crate) use append::{Entry, append};
pub use bundle::{BUNDLE, BUNDLE_1, Bundle, TimestampToken, WitnessedCheckpoint};
pub use fault::{Fault, PartFault};
pub use format::{CHECKPOINT, CHECKPOINT_1, GENESIS, LINE_LIMIT, Link, MANIFEST_LIMIT, SignedCheckpoint};
pub use history::{HISTORY, HistoryReport, Verified, verify_file, verify_history};
pub use manifest::{Artifact, MANIFEST, MANIFEST_1, Manifest, Masked, Notice, RECORD, RecordManifest};
pub(crate) use prove::bundle_of_call;
pub use prove::{ChainReport, ConsistencyProof, History, ListCheckpoints, ProveConsistency};
pub(crate) use publish::publish_checkpoints;
pub use publish::stamped_text;
pub use record::{Checkpoint, EntryKind, EvidenceEntry, EvidenceNode, LinkFormat};
pub(crate) use seal::{SEALED, VERSIONS, seal, timeline_hash};
pub use signer::Signer;
pub use stamp::{Stamp, StampKind};
pub use verify::{Verification, verify, verify_witnessed};

#[cfg(feature = "testing")]
impl crate::wib::Org {
    /// Adds a link about something that is not a call, as slices do.
    ///
    /// # Errors
    /// As the database has them; `Invalid` for floats, `TooLarge` for manifests above [`MANIFEST_LIMIT`].
    pub async fn append_for_test(
        &self,
        kind: EntryKind,
        subject_id: uuid::Uuid,
        data: serde_json::Value,
    ) -> crate::kit::Result<EvidenceEntry> {
        let mut tx = self.tx().await?;
        let manifest = &RecordManifest::new(self.id(), kind, subject_id, self.wib.now(), data);
        let entry = append(&self.wib, &mut *tx, Entry { kind, subject_id, call_id: None, manifest }).await?;
        tx.commit().await?;
        Ok(entry)
    }
}
