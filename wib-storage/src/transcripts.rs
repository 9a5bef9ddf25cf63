//! Transcript versions and the work of getting them.

use wib_core::{
    engine::Owner,
    kit::{Result, time::Timestamp},
    transcripts::{Transcript, TranscriptJob},
};

use crate::{sql::system_sql, system::SqlSystem, table::table};

table!(Transcript in "transcripts" {
    id, call_id, recording_id, version, vendor, model, language, utterances, transcript_hash, scrubbed, live, created_at
});
table!(TranscriptJob in "transcript_jobs" {
    id, call_id, recording_id, vendor, audio_url, vendor_id, status, failures, error, created_at
} mutable);

pub(crate) async fn failed(
    tx: &mut SqlSystem,
    ended_since: Timestamp,
    idle: Timestamp,
    failures: i64,
    limit: i64,
) -> Result<Vec<Owner>> {
    // A job's messages begin with its id as text, which the engines write alike only through the payload.
    let sql = system_sql!(
        failed_transcripts,
        pg: "SELECT j.organization_id, j.id AS record FROM transcript_jobs j
            JOIN calls c ON c.organization_id = j.organization_id AND c.id = j.call_id
            JOIN recordings r ON r.organization_id = j.organization_id AND r.id = j.recording_id
            WHERE j.status = 'failed' AND j.failures <= $3 AND r.status = 'completed' AND r.blob_key IS NOT NULL
                AND c.ended_at >= $1 AND c.updated_at <= $2
                AND NOT EXISTS (SELECT 1 FROM queue q WHERE q.organization_id = j.organization_id
                    AND q.topic = 'submit_transcript' AND q.payload ->> 'job_id' = CAST(j.id AS TEXT)
                    AND (q.status IN ('ready', 'leased') OR q.ended_at > $2))
            ORDER BY j.created_at, j.id LIMIT $4",
        sqlite: "SELECT j.organization_id, j.id AS record FROM transcript_jobs j
            JOIN calls c ON c.organization_id = j.organization_id AND c.id = j.call_id
            JOIN recordings r ON r.organization_id = j.organization_id AND r.id = j.recording_id
            WHERE j.status = 'failed' AND j.failures <= $3 AND r.status = 'completed' AND r.blob_key IS NOT NULL
                AND c.ended_at >= $1 AND c.updated_at <= $2
                AND NOT EXISTS (SELECT 1 FROM queue q WHERE q.organization_id = j.organization_id
                    AND q.topic = 'submit_transcript'
                    AND REPLACE(q.payload ->> 'job_id', '-', '') = LOWER(HEX(j.id))
                    AND (q.status IN ('ready', 'leased') OR q.ended_at > $2))
            ORDER BY j.created_at, j.id LIMIT $4"
    );
    tx.owners(sql, [ended_since.into(), idle.into(), failures.into(), limit.into()]).await
}
