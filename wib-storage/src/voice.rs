//! What members do with calls, numbers and sounds.

use async_trait::async_trait;
use wib_core::{
    audio::{AudioFile, AudioTranscription},
    calls::CallId,
    collections::PersonId,
    kit::{Id, Result},
    outcomes::{AiSummary, CallCard, CallConfirmation, CallNote, CallOutcome, OutcomeRevision},
    store::Workplace,
    voice_config::{VoiceConfig, VoiceTarget},
};

use crate::{sql::org_sql, store::SqlOrg, table::table};

table!(CallOutcome in "call_outcomes" {
    id, call_id, status, content, revision, declared_by, created_at, updated_at
} mutable);
table!(OutcomeRevision in "call_outcome_history" { id, call_id, revision, status, content, changed_by, created_at });
table!(CallNote in "call_notes" { id, call_id, content, created_by, created_at });
table!(CallConfirmation in "call_confirmations" {
    id, call_id, confirmation_type, details, confirmed_by, created_by, created_at
});
table!(AiSummary in "ai_summaries" {
    id, call_id, summary_text, content, sentiment, review_status, vendor, model, live, created_by, created_at
});
table!(CallCard in "call_cards" {
    id, call_id, disposition, disposition_notes, campaign_id, campaign_call_id, target_id, is_test, metadata, held,
    hold_changes, conference, created_at, updated_at
} mutable);
table!(VoiceConfig in "voice_configs" { id, modulations, updated_by, created_at, updated_at } mutable);
table!(VoiceTarget in "voice_targets" { id, phone, name, created_by, created_at });
table!(AudioFile in "audio_files" {
    id, call_id, blob_key, original_name, content_type, size_bytes, media_hash, created_by, created_at
});
table!(AudioTranscription in "audio_transcriptions" {
    id, audio_file_id, status, language, vendor, audio_url, vendor_id, transcript, confidence_ppm, word_count, scrubbed,
    error, live, created_by, created_at, completed_at
} mutable);

impl SqlOrg {
    /// Takes away what models made of a call's words.
    pub(crate) async fn forget_summaries(&mut self, call: CallId) -> Result<()> {
        let sql = org_sql!(forget_summaries, "DELETE FROM ai_summaries WHERE organization_id = $1 AND call_id = $2");
        self.change(sql, [call.into()]).await.map(drop)
    }
}

#[async_trait]
impl Workplace for SqlOrg {
    async fn outcome_of_call(&mut self, call: CallId) -> Result<Option<CallOutcome>> {
        let sql = org_sql!(outcome_of_call, "SELECT * FROM call_outcomes WHERE organization_id = $1 AND call_id = $2");
        self.one(sql, [call.into()]).await
    }
    async fn outcome_revisions(&mut self, call: CallId, limit: i64) -> Result<Vec<OutcomeRevision>> {
        let sql = org_sql!(
            outcome_revisions,
            "SELECT * FROM call_outcome_history WHERE organization_id = $1 AND call_id = $2
            ORDER BY revision DESC, id LIMIT $3"
        );
        self.all(sql, [call.into(), limit.into()]).await
    }
    async fn notes_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<CallNote>> {
        let sql = org_sql!(
            notes_of_call,
            "SELECT * FROM call_notes WHERE organization_id = $1 AND call_id = $2 ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [call.into(), limit.into()]).await
    }
    async fn confirmations_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<CallConfirmation>> {
        let sql = org_sql!(
            confirmations_of_call,
            "SELECT * FROM call_confirmations WHERE organization_id = $1 AND call_id = $2
            ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [call.into(), limit.into()]).await
    }
    async fn summaries_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<AiSummary>> {
        let sql = org_sql!(
            summaries_of_call,
            "SELECT * FROM ai_summaries WHERE organization_id = $1 AND call_id = $2 ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [call.into(), limit.into()]).await
    }
    async fn card_of_call(&mut self, call: CallId) -> Result<Option<CallCard>> {
        let sql = org_sql!(card_of_call, "SELECT * FROM call_cards WHERE organization_id = $1 AND call_id = $2");
        self.one(sql, [call.into()]).await
    }
    async fn voice_config(&mut self) -> Result<Option<VoiceConfig>> {
        self.one(org_sql!(voice_config, "SELECT * FROM voice_configs WHERE organization_id = $1"), []).await
    }
    async fn voice_targets(&mut self, limit: i64) -> Result<Vec<VoiceTarget>> {
        let sql = org_sql!(
            voice_targets,
            "SELECT * FROM voice_targets WHERE organization_id = $1 ORDER BY created_at, id LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn delete_voice_target(&mut self, id: Id<VoiceTarget>) -> Result<()> {
        let sql = org_sql!(delete_voice_target, "DELETE FROM voice_targets WHERE organization_id = $1 AND id = $2");
        self.change(sql, [id.into()]).await.map(drop)
    }
    async fn audio_file_by_key(&mut self, key: &str) -> Result<Option<AudioFile>> {
        let sql = org_sql!(audio_file_by_key, "SELECT * FROM audio_files WHERE organization_id = $1 AND blob_key = $2");
        self.one(sql, [key.into()]).await
    }
    async fn count_audio_files(&mut self) -> Result<i64> {
        let sql = org_sql!(count_audio_files, "SELECT COUNT(*) AS n FROM audio_files WHERE organization_id = $1");
        self.count(sql, []).await
    }
    async fn audio_files_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<AudioFile>> {
        let sql = org_sql!(
            audio_files_of_call,
            "SELECT * FROM audio_files WHERE organization_id = $1 AND call_id = $2 ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [call.into(), limit.into()]).await
    }
    async fn audio_files_of_person(&mut self, person: PersonId, limit: i64) -> Result<Vec<AudioFile>> {
        let sql = org_sql!(
            audio_files_of_person,
            "SELECT * FROM audio_files WHERE organization_id = $1 AND call_id IN
                (SELECT id FROM calls WHERE organization_id = $1 AND person_id = $2)
            ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [person.into(), limit.into()]).await
    }
    async fn transcriptions_of_file(&mut self, file: Id<AudioFile>) -> Result<Vec<AudioTranscription>> {
        let sql = org_sql!(
            transcriptions_of_file,
            "SELECT * FROM audio_transcriptions WHERE organization_id = $1 AND audio_file_id = $2
            ORDER BY created_at, id"
        );
        self.all(sql, [file.into()]).await
    }
}
