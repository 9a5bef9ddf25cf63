use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::EntryKind;
use crate::{
    calls::CallId,
    kit::{Error, Result, time::Timestamp},
    orgs::OrganizationId,
};

/// The format of the manifests of calls that are sealed now.
pub const MANIFEST: &str = "wib-manifest/2";
/// The format of manifests of the first version: no version, notices or masks.
pub const MANIFEST_1: &str = "wib-manifest/1";
/// The format of manifests of everything that is not a call.
pub const RECORD: &str = "wib-record/1";

/// One thing a call left, by hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// `recording`, `transcript`, `translation`, `analysis`, `verdict` or `timeline`.
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

/// Words that the law wants said, and when they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// `recording_notice`, ...
    pub kind: String,
    /// `sha256:<hex>` of the text that was spoken, UTF-8.
    pub text_hash: String,
    /// BCP 47.
    pub language: String,
    /// When it began, as the vendor told.
    pub started_at: Timestamp,
    /// When it was spoken to its end.
    pub ended_at: Option<Timestamp>,
    /// Its place in the recording, in milliseconds from its start; `None` when that is not known.
    pub offset_ms: Option<i64>,
}

/// A stretch that was kept out of the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masked {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` until the end of the call.
    pub to: Option<Timestamp>,
    /// Why: `card_number`, ...
    pub cause: String,
}

/// Everything one call left, by hash. No personal data. Manifests of the first version are read as version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST`] or [`MANIFEST_1`].
    pub format: String,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Which call.
    pub call_id: CallId,
    /// From 1.
    #[serde(default = "first")]
    pub version: i64,
    /// `entry_hash` of the version that this one takes the place of.
    #[serde(default)]
    pub supersedes: Option<String>,
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
    /// How the person agreed to be recorded; `None` when nobody asked.
    #[serde(default)]
    pub recording_consent: Option<String>,
    /// The notices that were spoken, by time.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// What was kept out of the recording, by time.
    #[serde(default)]
    pub masked: Vec<Masked>,
    /// How many pieces of payment data were taken out of what was said; `None` when none were found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrubbed: Option<i64>,
    /// What it left, by type and id.
    pub artifacts: Vec<Artifact>,
    /// When it was sealed.
    pub sealed_at: Timestamp,
}

fn first() -> i64 {
    1
}

impl Manifest {
    /// The manifest of a call from its JSON; `None` for manifests of anything else.
    ///
    /// # Errors
    /// `Invalid` when it says that it is one and is not.
    pub fn read(json: &Json) -> Result<Option<Self>> {
        if json["format"] != MANIFEST && json["format"] != MANIFEST_1 {
            return Ok(None);
        }
        let read = serde_json::from_value(json.clone());
        read.map(Some).map_err(|e| Error::invalid("a call's manifest that cannot be read").because(e))
    }
    /// Whether it says the same as another one, but for when and in what place it was sealed.
    #[must_use]
    pub fn says_what(&self, other: &Self) -> bool {
        let (format, sealed_at) = (other.format.clone(), other.sealed_at);
        let placed =
            Self { format, sealed_at, version: other.version, supersedes: other.supersedes.clone(), ..self.clone() };
        placed == *other
    }
}

/// The manifest of what is not a call: data of its own, under a head that every verifier reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordManifest {
    /// [`RECORD`].
    pub format: String,
    /// Whose.
    pub organization_id: OrganizationId,
    /// As the link says.
    pub kind: EntryKind,
    /// As the link says.
    pub subject_id: Uuid,
    /// When what it tells of happened.
    pub at: Timestamp,
    /// What is sealed: integers, texts, lists and objects; no floats, no personal data.
    pub data: Json,
}

impl RecordManifest {
    /// The manifest of that data.
    #[must_use]
    pub fn new(organization_id: OrganizationId, kind: EntryKind, subject_id: Uuid, at: Timestamp, data: Json) -> Self {
        Self { format: RECORD.to_owned(), organization_id, kind, subject_id, at, data }
    }
}
