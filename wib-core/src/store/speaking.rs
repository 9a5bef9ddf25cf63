use async_trait::async_trait;

use super::Edit;
use crate::{
    calls::CallId,
    kit::{Id, Result, time::Timestamp},
    live::Injection,
    speech::TtsAudio,
};

/// What is spoken by machines: translations on calls, and texts whose sound is kept.
#[async_trait]
pub trait Speaking: Edit<Injection> + Edit<TtsAudio> {
    /// Adds an injection unless there is one of that translation; whether it was added.
    async fn note_injection(&mut self, injection: &Injection) -> Result<bool>;
    /// A call's injections by the places of their lines.
    async fn injections_of_call(&mut self, call: CallId) -> Result<Vec<Injection>>;
    /// A call's injections that wait or are heard, oldest first.
    async fn open_injections(&mut self, call: CallId) -> Result<Vec<Injection>>;
    /// The sound of that key.
    async fn tts_audio(&mut self, key: &str) -> Result<Option<TtsAudio>>;
    /// Adds a sound unless there is one of that key; whether it was added.
    async fn note_tts_audio(&mut self, audio: &TtsAudio) -> Result<bool>;
    /// Counts that a sound was asked for once more.
    async fn hit_tts_audio(&mut self, id: Id<TtsAudio>, at: Timestamp) -> Result<()>;
    /// Removes the row of a sound; whether it was there.
    async fn drop_tts_audio(&mut self, id: Id<TtsAudio>) -> Result<bool>;
    /// Sounds that nobody asked for since then, and those beyond the `most` that were asked for last; at most `limit`.
    async fn stale_tts_audio(&mut self, before: Timestamp, most: i64, limit: i64) -> Result<Vec<TtsAudio>>;
}
