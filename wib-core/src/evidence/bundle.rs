//! The file a link leaves behind: the manifest, its place in the chain, and a signed checkpoint that covers it.
//!
//! A bundle is one line of canonical JSON with a line feed behind it. It holds hashes and ids, no personal data.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{EvidenceEntry, Link, Manifest, SignedCheckpoint};
use crate::kit::{Error, Result, canonical, time::Timestamp};

/// The format of bundles that are written now.
pub const BUNDLE: &str = "wib-evidence/2";
/// The format of bundles of the first version: the checkpoint is over the very link, and has no root.
pub const BUNDLE_1: &str = "wib-evidence/1";

/// What a time-stamp authority says about a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampToken {
    /// Who was asked; the token itself says who answered.
    pub authority: String,
    /// RFC 3161 token over the SHA-256 of the checkpoint's statement: base64 of DER.
    pub token: String,
}

/// What a witness says that it has seen: to be compared with what the witness itself shows, for it is not signed here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessedCheckpoint {
    /// Who has seen it.
    pub witness: String,
    /// Links in the chain.
    pub size: i64,
    /// Root of the tree over them, `sha256:<hex>`.
    pub root: String,
    /// When.
    pub at: Timestamp,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`BUNDLE`].
    pub format: String,
    /// What was sealed.
    pub manifest: Json,
    /// Its place in the chain.
    pub link: Link,
    /// Hashes from the link up to the checkpoint's root.
    pub inclusion: Vec<String>,
    /// Who vouches for the chain up to there.
    pub checkpoint: SignedCheckpoint,
    /// Who says when the checkpoint was there.
    pub timestamps: Vec<TimestampToken>,
    /// Who has seen the checkpoint.
    pub witnesses: Vec<WitnessedCheckpoint>,
}

impl Bundle {
    pub(super) fn new(entry: &EvidenceEntry, inclusion: Vec<String>, checkpoint: SignedCheckpoint) -> Result<Self> {
        let manifest = serde_json::from_str(&entry.manifest)
            .map_err(|e| Error::internal("a stored manifest cannot be read").because(e))?;
        Ok(Self {
            format: BUNDLE.to_owned(),
            manifest,
            link: entry.into(),
            inclusion,
            checkpoint,
            timestamps: vec![],
            witnesses: vec![],
        })
    }
    /// The manifest of a call; `None` when the link is about something else, or its manifest is not one.
    #[must_use]
    pub fn call(&self) -> Option<Manifest> {
        Manifest::read(&self.manifest).ok().flatten()
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
