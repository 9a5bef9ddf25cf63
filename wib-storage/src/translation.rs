//! Translations of transcripts.

use wib_core::translation::Translation;

use crate::table::table;

table!(Translation in "translations" {
    id, call_id, transcript_id, transcript_version, transcript_hash, version, source_language, target_language, vendor,
    model, utterances, translation_hash, live, created_at
});
