//! The file a call leaves behind, and its verification offline.
//!
//! A bundle is one line of canonical JSON with a line feed behind it. It holds hashes and ids, no personal data:
//! the manifest of one call, its link in the organisation's chain, and a signed checkpoint over that link.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::{Checkpoint, EvidenceEntry, Signer, signer::fingerprint};
use crate::{
    kit::{Error, Result, canonical, time::Timestamp},
    orgs::OrganizationId,
};

/// The format of bundles this version writes and reads.
pub const BUNDLE: &str = "wib-evidence/1";
/// The format of manifests.
pub const MANIFEST: &str = "wib-manifest/1";
/// The format of checkpoint statements.
pub const CHECKPOINT: &str = "wib-checkpoint/1";
/// The link before the first.
pub const GENESIS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// One thing a call left, by hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// `recording`, `transcript`, `analysis`, `verdict` or `timeline`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
    /// `sha256:<hex>` of its bytes or canonical form; `None` when it was lost, as `note` says.
    pub hash: Option<String>,
    /// `human`, `system`, `vendor` or `model`.
    pub produced_by: String,
    /// Vendor and model.
    pub producer: String,
    /// When.
    pub produced_at: Timestamp,
    /// Hashes it was made from.
    pub inputs: Vec<String>,
    /// `evidence`, or `assistive` for what a model inferred.
    pub standing: String,
    /// What is to be known about it.
    pub note: Option<String>,
}

/// Everything one call left, by hash. No personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST`].
    pub format: String,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Which call.
    pub call_id: crate::calls::CallId,
    /// False when a sandbox carried it.
    pub live: bool,
    /// Who called.
    pub direction: String,
    /// How it ended.
    pub status: String,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// `complete`, or `partial` when something expected never came.
    pub completeness: String,
    /// What it left, by type and id.
    pub artifacts: Vec<Artifact>,
    /// When it was sealed.
    pub sealed_at: Timestamp,
}

#[derive(Serialize)]
struct LinkStatement<'a> {
    organization_id: OrganizationId,
    seq: i64,
    manifest_hash: &'a str,
    prev_hash: &'a str,
}

#[derive(Serialize)]
struct CheckpointStatement<'a> {
    format: &'a str,
    organization_id: OrganizationId,
    size: i64,
    head: &'a str,
    signed_at: Timestamp,
}

/// The hash of a link.
pub(super) fn link_hash(
    organization_id: OrganizationId,
    seq: i64,
    manifest_hash: &str,
    prev_hash: &str,
) -> Result<String> {
    canonical::hash(&LinkStatement { organization_id, seq, manifest_hash, prev_hash })
}

pub(super) fn statement(
    organization_id: OrganizationId,
    size: i64,
    head: &str,
    signed_at: Timestamp,
) -> Result<String> {
    canonical::to_text(&CheckpointStatement { format: CHECKPOINT, organization_id, size, head, signed_at })
}

/// A link, as a bundle shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Place in the chain, from 1.
    pub seq: i64,
    /// Hash of the manifest.
    pub manifest_hash: String,
    /// Hash of the link before.
    pub prev_hash: String,
    /// Hash of this link.
    pub entry_hash: String,
}

/// A signed checkpoint, as a bundle shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCheckpoint {
    /// Links in the chain.
    pub size: i64,
    /// Hash of the last one.
    pub head: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// Ed25519 key, hex.
    pub public_key: String,
    /// Over the canonical statement, hex.
    pub signature: String,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`BUNDLE`].
    pub format: String,
    /// What the call left.
    pub manifest: Manifest,
    /// Its place in the chain.
    pub link: Link,
    /// Who vouches for the chain up to there.
    pub checkpoint: SignedCheckpoint,
}

impl Bundle {
    pub(crate) fn new(entry: &EvidenceEntry, checkpoint: &Checkpoint, signer: &Signer) -> Result<Self> {
        let manifest = serde_json::from_str(&entry.manifest)
            .map_err(|e| Error::internal("a stored manifest cannot be read").because(e))?;
        if checkpoint.signer != signer.fingerprint() {
            return Err(Error::conflict("the checkpoint was signed with another key than the present one"));
        }
        Ok(Self {
            format: BUNDLE.to_owned(),
            manifest,
            link: Link {
                seq: entry.seq,
                manifest_hash: entry.manifest_hash.clone(),
                prev_hash: entry.prev_hash.clone(),
                entry_hash: entry.entry_hash.clone(),
            },
            checkpoint: SignedCheckpoint {
                size: checkpoint.size,
                head: checkpoint.head.clone(),
                signed_at: checkpoint.created_at,
                public_key: signer.public_key_hex(),
                signature: checkpoint.signature.clone(),
            },
        })
    }
    /// The file's bytes.
    ///
    /// # Errors
    /// `Internal` when a part has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut text = canonical::to_text(self)?;
        text.push('\n');
        Ok(text.into_bytes())
    }
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Parts that do not hold, each with the reason; empty when all is well.
    pub faults: Vec<PartFault>,
    /// `sha256:<hex>` of the key that signed.
    pub signer: Option<String>,
    /// Whether the signer was compared with a key that the verifier was given. Without one, the file only proves that it
    /// is whole, not who made it.
    pub signer_checked: bool,
    /// The bundle, when it could be read.
    #[serde(skip)]
    pub bundle: Option<Bundle>,
}
impl Verification {
    /// Whether nothing was changed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

/// A part of a file that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartFault {
    /// Which part: `encoding`, `manifest`, `link.entry_hash`, `checkpoint.signature`, ...
    pub part: String,
    /// Why.
    pub reason: String,
}

/// Checks a bundle's bytes with nothing but, optionally, the public key (hex) that is expected to have signed.
///
/// Decodes, encodes again and compares bytes, so that no change goes unseen; then recomputes every hash, and checks the
/// signature.
///
/// # Errors
/// `Invalid` when the expected key is not one. A file that does not hold is an answer, not an error.
pub fn verify(file: &[u8], expected_key: Option<&str>) -> Result<Verification> {
    let expected = expected_key
        .map(|text| parse_key(text).ok_or_else(|| Error::invalid("a public key is 64 hexadecimal digits")))
        .transpose()?;
    let mut found = Verification { faults: vec![], signer: None, signer_checked: expected.is_some(), bundle: None };
    let mut fault = |part: &str, reason: String| found.faults.push(PartFault { part: part.to_owned(), reason });
    let bundle: Bundle = match serde_json::from_slice(file) {
        Ok(bundle) => bundle,
        Err(e) => {
            fault("structure", format!("byte {}: {e}", e.column()));
            return Ok(found);
        }
    };
    let again = bundle.to_bytes()?;
    if again != file {
        let at = again.iter().zip(file).position(|(a, b)| a != b).unwrap_or_else(|| again.len().min(file.len()));
        fault("encoding", format!("byte {at} is not in canonical form"));
    }
    for (part, is, should) in
        [("format", &bundle.format, BUNDLE), ("manifest.format", &bundle.manifest.format, MANIFEST)]
    {
        if is != should {
            fault(part, format!("is {is:?}, expected {should:?}"));
        }
    }
    let Bundle { manifest, link, checkpoint, .. } = &bundle;
    if canonical::hash(manifest)? != link.manifest_hash {
        fault("manifest", "does not hash to link.manifest_hash".to_owned());
    }
    if link_hash(manifest.organization_id, link.seq, &link.manifest_hash, &link.prev_hash)? != link.entry_hash {
        fault("link", "does not hash to link.entry_hash".to_owned());
    }
    if checkpoint.size != link.seq || checkpoint.head != link.entry_hash {
        fault("checkpoint", "is not over this link".to_owned());
    }
    match parse_key(&checkpoint.public_key).filter(|key| hex::encode(key) == checkpoint.public_key) {
        None => fault("checkpoint.public_key", "is not an Ed25519 key".to_owned()),
        Some(key) => {
            let signed = statement(manifest.organization_id, checkpoint.size, &checkpoint.head, checkpoint.signed_at)?;
            let signature = hex::decode(&checkpoint.signature).ok().and_then(|b| Signature::from_slice(&b).ok());
            // Hexadecimal in capitals is the same number and another text: one text only.
            let signature = signature.filter(|s| hex::encode(s.to_bytes()) == checkpoint.signature);
            if signature.is_none_or(|s| key.verify_strict(signed.as_bytes(), &s).is_err()) {
                fault("checkpoint.signature", "does not fit the checkpoint and its key".to_owned());
            }
            if expected.is_some_and(|expected| expected != key) {
                fault("checkpoint.public_key", "is not the expected signer's".to_owned());
            }
            found.signer = Some(fingerprint(&key));
        }
    }
    found.bundle = Some(bundle);
    Ok(found)
}

fn parse_key(text: &str) -> Option<VerifyingKey> {
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Id, SeededRandom};

    fn bundle(signer: &Signer) -> Bundle {
        let now: Timestamp = "2026-06-03T17:00:00Z".parse().unwrap();
        let chance = SeededRandom::new(7);
        let manifest = Manifest {
            format: MANIFEST.to_owned(),
            organization_id: Id::new(now, &chance),
            call_id: Id::new(now, &chance),
            live: false,
            direction: "outbound".to_owned(),
            status: "completed".to_owned(),
            started_at: now,
            answered_at: Some(now),
            ended_at: None,
            completeness: "complete".to_owned(),
            artifacts: vec![Artifact {
                kind: "recording".to_owned(),
                id: "r".to_owned(),
                hash: Some(canonical::sha256(b"audio")),
                produced_by: "vendor".to_owned(),
                producer: "tel\"nyx\n".to_owned(),
                produced_at: now,
                inputs: vec![],
                standing: "evidence".to_owned(),
                note: None,
            }],
            sealed_at: now,
        };
        let manifest_hash = canonical::hash(&manifest).unwrap();
        let entry_hash = link_hash(manifest.organization_id, 1, &manifest_hash, GENESIS).unwrap();
        let signed = statement(manifest.organization_id, 1, &entry_hash, now).unwrap();
        let checkpoint = SignedCheckpoint {
            size: 1,
            head: entry_hash.clone(),
            signed_at: now,
            public_key: signer.public_key_hex(),
            signature: signer.sign(signed.as_bytes()),
        };
        let link = Link { seq: 1, manifest_hash, prev_hash: GENESIS.to_owned(), entry_hash };
        Bundle { format: BUNDLE.to_owned(), manifest, link, checkpoint }
    }

    #[test]
    fn an_untouched_file_holds_and_names_its_signer() {
        let signer = Signer::from_seed([3; 32]);
        let file = bundle(&signer).to_bytes().unwrap();
        let blind = verify(&file, None).unwrap();
        assert!(blind.holds(), "{:?}", blind.faults);
        assert!(!blind.signer_checked);
        assert_eq!(blind.signer, Some(signer.fingerprint()));
        assert!(verify(&file, Some(&signer.public_key_hex())).unwrap().holds());
    }

    #[test]
    fn a_flipped_bit_of_any_byte_is_found_and_its_part_named() {
        let file = bundle(&Signer::from_seed([3; 32])).to_bytes().unwrap();
        for at in 0..file.len() {
            // Bit 5 turns letters into capitals: the same number in hexadecimal, another text.
            for bit in [at % 8, 5] {
                let mut changed = file.clone();
                changed[at] ^= 1 << bit;
                let found = verify(&changed, None).unwrap();
                assert!(found.faults.iter().all(|f| !f.part.is_empty()) && !found.holds(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn added_and_missing_bytes_are_found() {
        let file = bundle(&Signer::from_seed([3; 32])).to_bytes().unwrap();
        for changed in
            [[&file[..], b"\n"].concat(), [b" ", &file[..]].concat(), file[..file.len() - 1].to_vec(), vec![]]
        {
            assert!(!verify(&changed, None).unwrap().holds());
        }
    }

    #[test]
    fn a_file_rebuilt_by_somebody_else_holds_until_the_signer_is_checked() {
        let file = bundle(&Signer::from_seed([4; 32])).to_bytes().unwrap();
        assert!(verify(&file, None).unwrap().holds());
        let found = verify(&file, Some(&Signer::from_seed([3; 32]).public_key_hex())).unwrap();
        assert_eq!(found.faults[0].part, "checkpoint.public_key");
    }
}
