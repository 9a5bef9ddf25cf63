//! What a model made of transcripts.

use wib_core::analysis::Analysis;

use crate::table::table;

table!(Analysis in "analyses" { id, call_id, transcript_id, vendor, model, insight, insight_hash, live, created_at });
