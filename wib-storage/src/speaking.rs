//! What machines say: translations spoken on calls, and texts whose sound is kept.

use async_trait::async_trait;
use wib_core::{
    calls::CallId,
    kit::{Id, Result, time::Timestamp},
    live::Injection,
    speech::TtsAudio,
    store::Speaking,
};

use crate::{
    sql::org_sql,
    store::SqlOrg,
    table::{insert_new, table},
};

table!(Injection in "injections" {
    id, call_id, translation_id, line_index, speaker, language, leg_id, status, why, blob_key, vendor, created_at, played_at,
    ended_at
} mutable);
table!(TtsAudio in "tts_audio" {
    id, key, status, blob_key, content_type, size_bytes, media_hash, duration_ms, vendor, model, voice, characters,
    cost_micros, price_book, live, hits, created_at, used_at
} mutable);

#[async_trait]
impl Speaking for SqlOrg {
    async fn note_injection(&mut self, injection: &Injection) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, injection).await
    }
    async fn injections_of_call(&mut self, call: CallId) -> Result<Vec<Injection>> {
        let sql = org_sql!(
            injections_of_call,
            "SELECT * FROM injections WHERE organization_id = $1 AND call_id = $2 ORDER BY line_index, created_at, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn open_injections(&mut self, call: CallId) -> Result<Vec<Injection>> {
        let sql = org_sql!(
            open_injections,
            "SELECT * FROM injections WHERE organization_id = $1 AND call_id = $2 AND status IN ('queued', 'playing')
            ORDER BY created_at, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn tts_audio(&mut self, key: &str) -> Result<Option<TtsAudio>> {
        let sql = org_sql!(tts_audio_by_key, "SELECT * FROM tts_audio WHERE organization_id = $1 AND key = $2");
        Ok(self.all(sql, [key.into()]).await?.pop())
    }
    async fn note_tts_audio(&mut self, audio: &TtsAudio) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, audio).await
    }
    async fn hit_tts_audio(&mut self, id: Id<TtsAudio>, at: Timestamp) -> Result<()> {
        let sql = org_sql!(
            hit_tts_audio,
            "UPDATE tts_audio SET hits = hits + 1, used_at = CASE WHEN used_at < $3 THEN $3 ELSE used_at END
            WHERE organization_id = $1 AND id = $2"
        );
        self.change(sql, [id.into(), at.into()]).await.map(drop)
    }
    async fn drop_tts_audio(&mut self, id: Id<TtsAudio>) -> Result<bool> {
        let sql = org_sql!(drop_tts_audio, "DELETE FROM tts_audio WHERE organization_id = $1 AND id = $2");
        Ok(self.change(sql, [id.into()]).await? == 1)
    }
    async fn stale_tts_audio(&mut self, before: Timestamp, most: i64, limit: i64) -> Result<Vec<TtsAudio>> {
        let sql = org_sql!(
            stale_tts_audio,
            "SELECT * FROM tts_audio WHERE organization_id = $1 AND (used_at < $2 OR id IN
                (SELECT id FROM tts_audio WHERE organization_id = $1 ORDER BY used_at DESC, id DESC LIMIT $4 OFFSET $3))
            ORDER BY used_at, id LIMIT $4"
        );
        self.all(sql, [before.into(), most.into(), limit.into()]).await
    }
}
