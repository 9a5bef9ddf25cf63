//! Transcript versions and the work of getting them.

use wib_core::transcripts::{Transcript, TranscriptJob};

use crate::table::table;

table!(Transcript in "transcripts" {
    id, call_id, recording_id, version, vendor, model, language, utterances, transcript_hash, scrubbed, live, created_at
});
table!(TranscriptJob in "transcript_jobs" {
    id, call_id, recording_id, vendor, audio_url, vendor_id, status, failures, error, created_at
} mutable);
