//! Recordings, and the questions about what was made of them.

use async_trait::async_trait;
use wib_core::{
    analysis::Analysis,
    calls::CallId,
    kit::{Page, PageRequest, Result},
    recordings::{Recording, RecordingId},
    store::Recordings,
    transcripts::{Transcript, TranscriptJob},
    translation::Translation,
    usage::Usage,
};

use crate::{
    sql::org_sql,
    store::{SqlOrg, edge, page},
    table::{insert_new, table},
};

table!(Recording in "recordings" {
    id, call_id, vendor_id, blob_key, content_type, channels, size_bytes, media_hash, duration_ms, started_at, status,
    withheld, note, live, created_at
} mutable);

#[async_trait]
impl Recordings for SqlOrg {
    async fn page_of_recordings(&mut self, call: Option<CallId>, request: &PageRequest) -> Result<Page<Recording>> {
        let [at, id, limit, skip] = edge(request)?;
        let (rows, total) = if let Some(call) = call {
            let sql = org_sql!(
                page_of_recordings_of_call,
                "SELECT * FROM recordings
                WHERE organization_id = $1 AND call_id = $6 AND (created_at, id) < ($2, $3)
                ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
            );
            let total = org_sql!(
                count_recordings_of_call,
                "SELECT COUNT(*) AS n FROM recordings
                WHERE organization_id = $1 AND call_id = $2"
            );
            let rows = self.rows(sql, [at, id, limit, skip, call.into()]).await?;
            (rows, self.count(total, [call.into()]).await?)
        } else {
            let sql = org_sql!(
                page_of_recordings,
                "SELECT * FROM recordings
                WHERE organization_id = $1 AND (created_at, id) < ($2, $3)
                ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
            );
            let total = org_sql!(count_recordings, "SELECT COUNT(*) AS n FROM recordings WHERE organization_id = $1");
            (self.rows(sql, [at, id, limit, skip]).await?, self.count(total, []).await?)
        };
        page(&rows, total, request, "created_at")
    }
    async fn recordings_of_call(&mut self, call: CallId) -> Result<Vec<Recording>> {
        let sql = org_sql!(
            recordings_of_call,
            "SELECT * FROM recordings WHERE organization_id = $1 AND call_id = $2
            ORDER BY vendor_id, id"
        );
        let mut rows: Vec<Recording> = self.all(sql, [call.into()]).await?;
        rows.sort_by(|a, b| a.vendor_id.cmp(&b.vendor_id));
        Ok(rows)
    }
    async fn transcripts_of_call(&mut self, call: CallId) -> Result<Vec<Transcript>> {
        let sql = org_sql!(
            transcripts_of_call,
            "SELECT * FROM transcripts WHERE organization_id = $1 AND call_id = $2
            ORDER BY recording_id, version, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn transcript_job(&mut self, recording: RecordingId) -> Result<Option<TranscriptJob>> {
        let sql =
            org_sql!(transcript_job, "SELECT * FROM transcript_jobs WHERE organization_id = $1 AND recording_id = $2");
        self.one(sql, [recording.into()]).await
    }
    async fn transcript_jobs_of_call(&mut self, call: CallId) -> Result<Vec<TranscriptJob>> {
        let sql = org_sql!(
            transcript_jobs_of_call,
            "SELECT * FROM transcript_jobs
            WHERE organization_id = $1 AND call_id = $2 ORDER BY created_at, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn analyses_of_call(&mut self, call: CallId) -> Result<Vec<Analysis>> {
        let sql = org_sql!(
            analyses_of_call,
            "SELECT * FROM analyses WHERE organization_id = $1 AND call_id = $2
            ORDER BY created_at, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn translations_of_call(&mut self, call: CallId) -> Result<Vec<Translation>> {
        let sql = org_sql!(
            translations_of_call,
            "SELECT * FROM translations WHERE organization_id = $1 AND call_id = $2
            ORDER BY created_at, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn note_usage(&mut self, usage: &Usage) -> Result<()> {
        insert_new(&mut self.conn, self.organization, usage).await.map(|_| ())
    }
    async fn usage_of_call(&mut self, call: CallId) -> Result<Vec<Usage>> {
        let sql = org_sql!(
            usage_of_call,
            "SELECT * FROM usage WHERE organization_id = $1 AND call_id = $2
            ORDER BY source, kind, id"
        );
        let mut rows: Vec<Usage> = self.all(sql, [call.into()]).await?;
        rows.sort_by(|a, b| (&a.source, a.kind.as_str()).cmp(&(&b.source, b.kind.as_str())));
        Ok(rows)
    }
}
