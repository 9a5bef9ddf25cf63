//! How long things are kept. What no law, no hold and no wish of the organisation keeps any longer is deleted, and the
//! deletion is evidence itself.
//!
//! | what | when | what stays |
//! |---|---|---|
//! | recording | its policy's days are over, the engine permits, no hold covers it | the row with hash, size and times |
//! | transcript, with its analyses | the same | the row with its hash |
//! | timeline of a call | the same | the call's own row |
//!
//! What a legal hold covers is not deleted at all; a hold is released, never removed.
//!
//! One transaction marks the row, appends the link of kind `purge` and queues the deletion of the bytes and of the vendors'
//! copies; a crash leaves all of it or nothing. The manifest of the call stays as it was sealed.

mod forget;
mod hold;
mod legal_hold;
mod policy;
mod purge;

pub(crate) use forget::{delete_blob, forget_recording, forget_transcript};
pub(crate) use hold::seal as seal_hold;
pub use hold::{CreateHold, ListHolds};
pub use legal_hold::{HoldId, HoldStatus, LegalHold};
pub use policy::PutRetention;
pub use purge::Subject;
pub(crate) use purge::{Cause, Kept, Look, apply_all, facts, kept, look, refuse_under_hold, subjects_of_call};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    calls::CallId,
    compliance::StoredVerdict,
    evidence::{self, EntryKind, RecordManifest},
    kit::{Error, Id, Result, time::Timestamp},
    orgs::OrganizationId,
    store::{OrgTx, Record},
    text_enum,
    wib::Wib,
};

/// How long an organisation wants things kept, and whether what is over is deleted by itself. The law may keep them longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetentionPolicy {
    /// Its id.
    pub id: Id<RetentionPolicy>,
    /// Days for recordings, 1 to 3650.
    pub recording_retention_days: i64,
    /// Days for transcripts and what was made of them, 1 to 3650.
    pub transcript_retention_days: i64,
    /// Days for the timelines of calls, 1 to 3650.
    pub call_log_retention_days: i64,
    /// Whether what is over is deleted by the daily job.
    pub auto_delete_enabled: bool,
    /// Whether the organisation answers persons by the rules of the GDPR; shown, and changes nothing here.
    pub gdpr_mode: bool,
    /// When it was last set.
    pub updated_at: Timestamp,
}
impl Record for RetentionPolicy {
    const NAME: &'static str = "retention policy";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// What can be deleted on its own.
    pub enum SubjectKind {
        /// A recording: its bytes.
        Recording = "recording",
        /// A transcript version: its words, and the analyses of it.
        Transcript = "transcript",
        /// The timeline of a call.
        Timeline = "timeline",
    }
}

text_enum! {
    /// What retention found.
    pub enum MarkStatus {
        /// Something keeps it.
        Kept = "kept",
        /// It was deleted.
        Purged = "purged",
    }
}

/// What retention found about a thing when it last looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionMark {
    /// Its id.
    pub id: Id<RetentionMark>,
    /// What kind of thing.
    pub kind: SubjectKind,
    /// Which; for a timeline the call.
    pub subject_id: Uuid,
    /// Of which call.
    pub call_id: CallId,
    /// What was found.
    pub status: MarkStatus,
    /// When to look again, while it is kept.
    pub next_look_at: Option<Timestamp>,
    /// `sha256:<hex>` of what was deleted.
    pub hash: Option<String>,
    /// The verdict that permitted it.
    pub verdict_id: Option<Id<StoredVerdict>>,
    /// Place of the link that tells of it.
    pub seq: Option<i64>,
    /// When it was looked at.
    pub updated_at: Timestamp,
}
impl Record for RetentionMark {
    const NAME: &'static str = "retention mark";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Adds a link about something that is not a call; its place.
pub(crate) async fn record(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    kind: EntryKind,
    subject_id: Uuid,
    call_id: Option<CallId>,
    data: Json,
) -> Result<i64> {
    let manifest = &RecordManifest::new(tx.organization_id(), kind, subject_id, wib.now(), data);
    let entry = evidence::append(wib, tx, evidence::Entry { kind, subject_id, call_id, manifest }).await?;
    Ok(entry.seq)
}

/// A job's way through every organisation, one after another. One that fails is told in the log and stops no other; the
/// job then fails as a whole.
pub(crate) struct Round<'a> {
    wib: &'a Wib,
    batch: std::vec::IntoIter<OrganizationId>,
    after: OrganizationId,
    done: i64,
    failed: Option<Error>,
}
impl<'a> Round<'a> {
    pub(crate) fn new(wib: &'a Wib) -> Self {
        Self { wib, batch: vec![].into_iter(), after: Id::from(Uuid::nil()), done: 0, failed: None }
    }
    /// The next one.
    pub(crate) async fn next(&mut self) -> Result<Option<OrganizationId>> {
        const STEP: i64 = 100;
        if self.batch.as_slice().is_empty() {
            let batch = self.wib.store.system().await?.organizations_after(self.after, STEP).await?;
            self.after = batch.last().copied().unwrap_or(self.after);
            self.batch = batch.into_iter();
        }
        Ok(self.batch.next())
    }
    /// What came of it: how much was done.
    pub(crate) fn note(&mut self, organization: OrganizationId, outcome: Result<i64>) {
        match outcome {
            Ok(count) => self.done += count,
            Err(error) => {
                tracing::error!(%organization, error = error.chain(), "a job failed for an organization");
                self.failed = Some(error);
            }
        }
    }
    /// The sum, or why it failed.
    pub(crate) fn end(self) -> Result<i64> {
        self.failed.map_or(Ok(self.done), Err)
    }
}
