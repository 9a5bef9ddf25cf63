//! Verification of bundles, and what it shares with that of histories.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{
    BUNDLE, BUNDLE_1, Bundle, EntryKind, Fault, Link, LinkFormat, MANIFEST, MANIFEST_1, PartFault, RECORD,
    SignedCheckpoint, WitnessedCheckpoint,
    fault::Faults,
    format::{self, LINE_LIMIT, read_json, shaped},
    merkle,
    timestamp::{TimestampRoots, verify_token},
};
use crate::{
    calls::CallId,
    kit::{Error, Result, canonical, time::Timestamp},
};

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
    /// Parts that nothing here vouches for: they say whom to ask.
    pub unchecked: Vec<String>,
    /// The bundle, when it could be read; of the first format, with what that leaves out filled in.
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle1 {
    format: String,
    manifest: Json,
    link: Link1,
    checkpoint: Checkpoint1,
}
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link1 {
    seq: i64,
    manifest_hash: String,
    prev_hash: String,
    entry_hash: String,
}
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint1 {
    size: i64,
    head: String,
    signed_at: Timestamp,
    public_key: String,
    signature: String,
}

impl Bundle1 {
    /// With what its format leaves to be understood; `None` when the manifest lacks it.
    fn filled(self) -> Option<Bundle> {
        let field = |name: &str| self.manifest.get(name).cloned();
        let call_id: CallId = serde_json::from_value(field("call_id")?).ok()?;
        let at = serde_json::from_value(field("sealed_at")?).ok()?;
        Some(Bundle {
            format: self.format,
            link: Link {
                format: LinkFormat::V1,
                seq: self.link.seq,
                kind: EntryKind::Call,
                subject_id: call_id.uuid(),
                call_id: Some(call_id),
                version: 1,
                supersedes: None,
                at,
                manifest_hash: self.link.manifest_hash,
                prev_hash: self.link.prev_hash,
                entry_hash: self.link.entry_hash,
            },
            manifest: self.manifest,
            inclusion: vec![],
            checkpoint: SignedCheckpoint {
                format: format::CHECKPOINT_1.to_owned(),
                size: self.checkpoint.size,
                head: self.checkpoint.head,
                root: None,
                signed_at: self.checkpoint.signed_at,
                public_key: self.checkpoint.public_key,
                signature: self.checkpoint.signature,
            },
            timestamps: vec![],
            witnesses: vec![],
        })
    }
}

/// Checks a bundle's bytes with nothing but, optionally, the public key (hex) that is expected to have signed.
///
/// Decodes, encodes again and compares bytes, so that no change goes unseen; then recomputes every hash, and checks the
/// signature.
///
/// # Errors
/// `Invalid` when the expected key is not one. A file that does not hold is an answer, not an error.
pub fn verify(file: &[u8], expected_key: Option<&str>) -> Result<Verification> {
    verify_witnessed(file, expected_key, &[])
}

/// The same, compared with checkpoints that witnesses have seen. A bundle answers to those of its checkpoint's size alone.
///
/// # Errors
/// As [`verify`].
pub fn verify_witnessed(
    file: &[u8],
    expected_key: Option<&str>,
    witnessed: &[WitnessedCheckpoint],
) -> Result<Verification> {
    let expected = expected(expected_key)?;
    let mut faults = Faults::default();
    let (mut signer, mut unchecked) = (None, vec![]);
    let bundle = match read(file) {
        Ok(bundle) => Some(bundle),
        Err((part, fault, reason)) => {
            faults.add(part, fault, reason);
            None
        }
    };
    if let Some(bundle) = &bundle {
        let organization = bundle.manifest["organization_id"].as_str().unwrap_or_default();
        sealed(bundle, organization, &mut faults)?;
        signed(&bundle.checkpoint, organization, expected.as_deref(), "checkpoint.", &mut faults)?;
        signer = format::key(&bundle.checkpoint.public_key).map(|key| canonical::sha256(&key));
        stamped(bundle, organization, &mut faults, &mut unchecked)?;
        let cp = &bundle.checkpoint;
        for (n, receipt) in bundle.witnesses.iter().enumerate() {
            unchecked.push(format!("witnesses.{n}"));
            if receipt.size != cp.size || Some(&receipt.root) != cp.root.as_ref() {
                let reason = "is not about this checkpoint";
                faults.add(format!("witnesses.{n}"), Fault::DiffersFromWitnessed, reason);
            }
        }
        for seen in witnessed.iter().filter(|w| w.size == cp.size && cp.root.as_ref().is_some_and(|r| *r != w.root)) {
            faults.add("checkpoint.root", Fault::DiffersFromWitnessed, format!("{} has seen another", seen.witness));
        }
    }
    let signer_checked = expected.is_some() && signer.is_some();
    Ok(Verification { faults: faults.kept, signer, signer_checked, unchecked, bundle })
}

/// The expected key, as text that keys are compared with.
pub(super) fn expected(key: Option<&str>) -> Result<Option<String>> {
    let lower = |text: &str| text.trim().to_ascii_lowercase();
    let key = key.map(lower);
    if key.as_deref().is_some_and(|k| format::key(k).is_none()) {
        return Err(Error::field("public_key", "must be 64 hexadecimal digits"));
    }
    Ok(key)
}

type Wrong = (&'static str, Fault, String);

fn read(file: &[u8]) -> Result<Bundle, Wrong> {
    if file.len() > LINE_LIMIT {
        return Err(("structure", Fault::TooLarge, format!("is longer than {LINE_LIMIT} bytes")));
    }
    let Some(line) = file.strip_suffix(b"\n") else {
        return Err(("encoding", Fault::Truncated, "does not end with a line feed".to_owned()));
    };
    let wrong = |(fault, reason)| (if fault == Fault::NotCanonical { "encoding" } else { "structure" }, fault, reason);
    let json = read_json(line).map_err(wrong)?;
    match json["format"].as_str() {
        Some(BUNDLE) => shaped(&json).map_err(wrong),
        Some(BUNDLE_1) => shaped::<Bundle1>(&json)
            .map_err(wrong)?
            .filled()
            .ok_or_else(|| ("manifest", Fault::Unreadable, "names no call, or not when it was sealed".to_owned())),
        other => Err(("format", Fault::UnknownFormat, format!("is {other:?}"))),
    }
}

/// Manifest, link, and the way from there to the checkpoint.
fn sealed(bundle: &Bundle, organization: &str, faults: &mut Faults) -> Result<()> {
    let Bundle { link, checkpoint, .. } = bundle;
    let entry = entry(link, &bundle.manifest, organization, "", faults)?;
    if !checkpoint.known() || (bundle.format == BUNDLE) != checkpoint.root.is_some() {
        faults.add("checkpoint.format", Fault::UnknownFormat, format!("is {:?}", checkpoint.format));
        return Ok(());
    }
    let (Ok(seq), Ok(size)) = (u64::try_from(link.seq), u64::try_from(checkpoint.size)) else {
        faults.add("checkpoint", Fault::NotCovered, "counts below nothing");
        return Ok(());
    };
    if seq == 0 || seq > size || (checkpoint.root.is_none() && seq != size) {
        faults.add("checkpoint", Fault::NotCovered, "is not over this link");
        return Ok(());
    }
    if seq == size && checkpoint.head != entry {
        faults.add("checkpoint", Fault::WrongHead, "is over another link");
    }
    if checkpoint.signed_at < link.at {
        faults.add("checkpoint", Fault::Backdated, "was signed before the link was sealed");
    }
    let Some(root) = &checkpoint.root else { return Ok(()) };
    let proof: Option<Vec<_>> = bundle.inclusion.iter().map(|text| format::hash(text)).collect();
    let leads_to = format::hash(&entry)
        .zip(proof)
        .and_then(|(entry, proof)| merkle::root_of_inclusion(&entry, seq - 1, size, &proof));
    if leads_to.is_none_or(|hash| format::hash_text(&hash) != *root) {
        faults.add("inclusion", Fault::WrongRoot, "does not lead from the link to the checkpoint's root");
    }
    Ok(())
}

/// A link with its manifest: what it hashes to.
pub(super) fn entry(
    link: &Link,
    manifest: &Json,
    organization: &str,
    place: &str,
    faults: &mut Faults,
) -> Result<String> {
    let text = |name: &str| manifest[name].as_str();
    let (subject, at) = (link.subject_id.to_string(), link.at.to_string());
    let v1 = link.format == LinkFormat::V1;
    let agree = match text("format") {
        Some(MANIFEST_1) if v1 => {
            text("call_id") == Some(&subject)
                && text("sealed_at") == Some(&at)
                && link.kind == EntryKind::Call
                && link.call_id.is_some_and(|id| id.uuid() == link.subject_id)
        }
        Some(MANIFEST) if !v1 => {
            text("call_id") == Some(&subject)
                && link.kind == EntryKind::Call
                && link.call_id.is_some_and(|id| id.uuid() == link.subject_id)
                && manifest["version"].as_i64() == Some(link.version)
                && manifest.get("supersedes").is_some_and(|s| s.as_str() == link.supersedes.as_deref())
        }
        Some(RECORD) if !v1 => {
            text("kind") == Some(link.kind.as_str())
                && text("subject_id") == Some(&subject)
                && link.kind != EntryKind::Call
        }
        other => {
            faults.add(format!("{place}manifest.format"), Fault::UnknownFormat, format!("is {other:?}"));
            true
        }
    };
    // A first version takes nobody's place; links of the first format know no other.
    let versions = link.version >= 1 && (link.version == 1) == link.supersedes.is_none() && (!v1 || link.version == 1);
    if !agree || !versions {
        faults.add(format!("{place}link"), Fault::WrongSubject, "says otherwise than its manifest");
    }
    if text("organization_id") != Some(organization) || organization.is_empty() {
        faults.add(format!("{place}manifest"), Fault::WrongTenant, "is another organization's");
    }
    if canonical::hash(manifest)? != link.manifest_hash {
        faults.add(format!("{place}manifest"), Fault::ChangedManifest, "does not hash to link.manifest_hash");
    }
    let hash = link.hash(organization)?;
    if hash != link.entry_hash {
        faults.add(format!("{place}link"), Fault::ChangedLink, "does not hash to link.entry_hash");
    }
    Ok(hash)
}

/// A checkpoint's key and signature.
pub(super) fn signed(
    checkpoint: &SignedCheckpoint,
    organization: &str,
    expected: Option<&str>,
    place: &str,
    faults: &mut Faults,
) -> Result<()> {
    if format::key(&checkpoint.public_key).is_none() {
        faults.add(format!("{place}public_key"), Fault::BadKey, "is not 64 hexadecimal digits");
    } else if expected.is_some_and(|expected| expected != checkpoint.public_key) {
        faults.add(format!("{place}public_key"), Fault::OtherSigner, "is not the expected signer's");
    }
    if !checkpoint.signed(organization)? {
        faults.add(format!("{place}signature"), Fault::BadSignature, "does not fit the checkpoint and its key");
    }
    Ok(())
}

fn stamped(bundle: &Bundle, organization: &str, faults: &mut Faults, unchecked: &mut Vec<String>) -> Result<()> {
    let digest: [u8; 32] = Sha256::digest(bundle.checkpoint.statement(organization)?).into();
    for (n, stamp) in bundle.timestamps.iter().enumerate() {
        let part = format!("timestamps.{n}");
        let token = BASE64_STANDARD.decode(&stamp.token).map_err(|e| e.to_string());
        // Whole and over this checkpoint; whose it is nobody here was told to trust.
        let told =
            token.and_then(|t| verify_token(&t, &digest, None, &TimestampRoots::default()).map_err(|e| e.to_string()));
        match told {
            Ok(told) if told.authority_checked => {}
            Ok(_) => unchecked.push(part),
            Err(why) => faults.add(part, Fault::BadTimestamp, why),
        }
    }
    Ok(())
}
