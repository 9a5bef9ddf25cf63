use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Recording, RecordingId, RecordingStatus};
use crate::{
    blobs::Opened,
    calls::{CallId, seal_again},
    kit::{Error, Kind, OrNotFound, Page, PageRequest, Result, Role},
    retention,
    wib::Org,
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Asks for a page of recordings, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListRecordings {
    /// Of one call.
    pub call_id: Option<CallId>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 200; 20 by default.
    pub limit: Option<i64>,
}

impl Org {
    /// A page of recordings, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_recordings(&self, query: ListRecordings) -> Result<Page<Recording>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.page_of_recordings(query.call_id, &PageRequest::numbered(query.page, query.limit, 20)).await
    }

    /// A recording; the access is audited.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn recording(&self, id: RecordingId) -> Result<Recording> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let recording = tx.find(id).await?.or_not_found("recording")?;
        self.audit("recording:accessed", ("recording", Some(id.uuid()))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(recording)
    }

    /// A recording, and its bytes to be read piece by piece; the access is audited.
    ///
    /// # Errors
    /// `NotFound`; `Gone` when it was deleted; `Unavailable` when the blob cannot be read, with the code `BLOB_MISSING`
    /// when there is none and `BLOB_CORRUPT` when it is not as long as what was kept.
    pub async fn open_recording(&self, id: RecordingId) -> Result<(Recording, Opened)> {
        let recording = self.recording(id).await?;
        if recording.status == RecordingStatus::Deleted {
            return Err(Error::new(Kind::Gone, "GONE", "the recording was deleted"));
        }
        if recording.withheld {
            let why = "payment data is being taken out of the recording";
            return Err(Error::new(Kind::Unavailable, "WITHHELD", why));
        }
        let audio = recording.open(&self.wib).await?;
        Ok((recording, audio))
    }

    /// A recording with its bytes, which are those that were fetched; the access is audited.
    ///
    /// # Errors
    /// As [`open_recording`](Self::open_recording); `BLOB_CORRUPT` when the bytes have another hash than those.
    pub async fn recording_audio(&self, id: RecordingId) -> Result<(Recording, Bytes)> {
        let (recording, audio) = self.open_recording(id).await?;
        Ok((recording, audio.whole().await?))
    }

    /// An address from which anybody gets a recording for that long, a week at most, without asking us who they are.
    /// `None` where neither the place of the blobs has addresses nor the installation one of its own (`public_url`). The
    /// access is audited.
    ///
    /// # Errors
    /// As [`open_recording`](Self::open_recording); `Forbidden` below manager.
    pub async fn recording_url(&self, id: RecordingId, lasting: Duration) -> Result<Option<String>> {
        self.at_least(Role::Manager)?;
        let (recording, _) = self.open_recording(id).await?;
        let key = recording.blob_key.as_deref().or_not_found("audio of this recording")?;
        self.wib.blob_url(key, &recording.content_type, lasting.min(WEEK)).await
    }

    /// Deletes a recording's bytes, unless a legal hold covers them. The row stays, with its hash: the chain goes on verifying.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below manager; `Conflict` with the code `UNDER_HOLD`; `Unavailable` when the blob cannot be deleted.
    pub async fn delete_recording(&self, id: RecordingId) -> Result<Recording> {
        self.at_least(Role::Manager)?;
        let mut tx = self.tx().await?;
        let recording: Recording = tx.find(id).await?.or_not_found("recording")?;
        // Whoever seals the call holds it: either it sees the deletion, or we see that it is sealed.
        let call = tx.lock_call(recording.call_id).await?.or_not_found("call")?;
        let mut recording: Recording = tx.find(id).await?.or_not_found("recording")?;
        retention::refuse_under_hold(&mut *tx, call.account_id, call.id).await?;
        let before = recording.clone();
        if let Some(key) = &recording.blob_key {
            // Bytes first: a crash in between leaves a row that can be deleted again, never bytes without a row.
            self.wib.blobs.delete(key).await?;
        }
        recording.status = RecordingStatus::Deleted;
        tx.update(&recording).await?;
        let line = self.audit("recording:deleted", ("recording", Some(id.uuid())));
        line.changed(&before, &recording).write(&mut *tx).await;
        seal_again(&self.wib, &mut *tx, recording.call_id, &format!("deleted:{id}")).await?;
        tx.commit().await?;
        Ok(recording)
    }
}
