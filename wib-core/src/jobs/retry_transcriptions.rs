use std::time::Duration;

use serde_json::json;

use super::Tally;
use crate::{
    engine::{NewMessage, Owner, Topic},
    kit::{Result, time, time::Timestamp},
    store::Repo,
    transcripts::{TranscriptJob, TranscriptStatus},
    wib::Wib,
};

/// Calls of one run.
const MOST: i64 = 10;
/// Only calls that ended this lately.
const ENDED: Duration = Duration::from_secs(24 * 3600);
/// What changed this lately may still be worked on.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// Orders of a call that may fail.
const FAILURES: i64 = 3;

/// Orders transcripts again that failed and that no message works on: one that was lost, or removed by hand. The order is
/// placed by the same handler as the first, with the audio given to the vendor anew: its copy may be gone by now.
pub(super) async fn run(wib: &Wib, due: Timestamp) -> Result<Tally> {
    let now = wib.now();
    let failed = wib
        .store
        .system()
        .await?
        .failed_transcripts(time::before(now, ENDED), time::before(now, IDLE), FAILURES, MOST)
        .await?;
    let mut tally = Tally::default();
    for owner in failed {
        match again(wib, owner, due).await {
            Ok(()) => tally.processed += 1,
            Err(error) => {
                tracing::error!(job = %owner.record, error = error.chain(), "a transcript could not be ordered again");
                tally.errors += 1;
            }
        }
    }
    wib.wake();
    Ok(tally)
}

async fn again(wib: &Wib, owner: Owner, due: Timestamp) -> Result<()> {
    let mut tx = wib.store.org(owner.organization_id).await?;
    let found: Option<TranscriptJob> = Repo::find(&mut *tx, owner.record.into()).await?;
    let Some(mut job) = found.filter(|job| job.status == TranscriptStatus::Failed) else { return Ok(()) };
    (job.status, job.audio_url, job.vendor_id) = (TranscriptStatus::Queued, None, None);
    tx.update(&job).await?;
    let payload = json!({"call_id": job.call_id, "job_id": job.id});
    let key = format!("{}:retry:{due}", job.id);
    tx.enqueue(&NewMessage { topic: Topic::SubmitTranscript, key, payload, run_at: wib.now() }).await?;
    tx.commit().await
}
