//! What members do with calls, numbers and sounds.

use async_trait::async_trait;

use super::{Edit, Repo};
use crate::{
    audio::{AudioFile, AudioTranscription},
    calls::CallId,
    collections::PersonId,
    kit::{Id, Result},
    outcomes::{AiSummary, CallCard, CallConfirmation, CallNote, CallOutcome, OutcomeRevision},
    voice_config::{VoiceConfig, VoiceTarget},
};

/// What is said of calls, how they begin, and audio that is brought.
#[async_trait]
pub trait Workplace:
    Edit<CallOutcome>
    + Repo<OutcomeRevision>
    + Repo<CallNote>
    + Repo<CallConfirmation>
    + Repo<AiSummary>
    + Edit<CallCard>
    + Edit<VoiceConfig>
    + Repo<VoiceTarget>
    + Repo<AudioFile>
    + Edit<AudioTranscription>
{
    /// The outcome of a call. Whoever changes it holds the call.
    async fn outcome_of_call(&mut self, call: CallId) -> Result<Option<CallOutcome>>;
    /// Revisions of a call's outcome, the newest first, at most `limit`.
    async fn outcome_revisions(&mut self, call: CallId, limit: i64) -> Result<Vec<OutcomeRevision>>;
    /// Notes about a call, oldest first, at most `limit`.
    async fn notes_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<CallNote>>;
    /// What was confirmed on a call, oldest first, at most `limit`.
    async fn confirmations_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<CallConfirmation>>;
    /// Summaries of a call, oldest first, at most `limit`.
    async fn summaries_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<AiSummary>>;
    /// The card of a call. Whoever changes it holds the call.
    async fn card_of_call(&mut self, call: CallId) -> Result<Option<CallCard>>;
    /// How the organisation calls, when it said so.
    async fn voice_config(&mut self) -> Result<Option<VoiceConfig>>;
    /// Saved destinations, oldest first, at most `limit`.
    async fn voice_targets(&mut self, limit: i64) -> Result<Vec<VoiceTarget>>;
    /// Takes a saved destination away.
    async fn delete_voice_target(&mut self, id: Id<VoiceTarget>) -> Result<()>;
    /// The file whose bytes are there.
    async fn audio_file_by_key(&mut self, key: &str) -> Result<Option<AudioFile>>;
    /// How many files there are.
    async fn count_audio_files(&mut self) -> Result<i64>;
    /// Files of a call, oldest first, at most `limit`.
    async fn audio_files_of_call(&mut self, call: CallId, limit: i64) -> Result<Vec<AudioFile>>;
    /// Files of calls with a person, oldest first, at most `limit`.
    async fn audio_files_of_person(&mut self, person: PersonId, limit: i64) -> Result<Vec<AudioFile>>;
    /// What was heard in a file, oldest first.
    async fn transcriptions_of_file(&mut self, file: Id<AudioFile>) -> Result<Vec<AudioTranscription>>;
}
