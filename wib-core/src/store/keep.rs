//! What retention and privacy ask.

use async_trait::async_trait;
use uuid::Uuid;

use super::Edit;
use crate::{
    calls::{Call, CallId},
    collections::Account,
    collections::{AccountId, PersonId},
    compliance::StoredVerdict,
    kit::{Id, Result, time::Timestamp},
    privacy::{Counted, Erasure},
    retention::{RetentionMark, RetentionPolicy, Subject, SubjectKind},
    transcripts::TranscriptId,
};

/// Questions about what is kept, and the few ways to take content away.
#[async_trait]
pub trait Keeping: Edit<RetentionPolicy> + Edit<RetentionMark> + Edit<Erasure> {
    /// The organisation's policy, once it was set.
    async fn retention_policy(&mut self) -> Result<Option<RetentionPolicy>>;
    /// What retention found about a thing.
    async fn retention_mark(&mut self, kind: SubjectKind, subject: Uuid) -> Result<Option<RetentionMark>>;
    /// Adds or replaces the mark of its thing.
    async fn put_retention_mark(&mut self, mark: &RetentionMark) -> Result<()>;
    /// Things made before then that were not deleted, and are not to be looked at later than `now`; oldest first. A
    /// timeline is one of a call that is over.
    async fn purge_candidates(
        &mut self,
        kind: SubjectKind,
        made_before: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Subject>>;
    /// The last attempt, conversation or call about a debt.
    async fn last_activity(&mut self, account: AccountId) -> Result<Option<Timestamp>>;
    /// How many active holds cover anything of a person.
    async fn holds_on_person(&mut self, person: PersonId) -> Result<i64>;
    /// Takes the words of a transcript away; its hash stays.
    async fn blank_transcript(&mut self, id: TranscriptId) -> Result<()>;
    /// Takes the words of a transcript's analyses away; their hashes stay.
    async fn blank_analyses_of(&mut self, transcript: TranscriptId) -> Result<()>;
    /// Takes the words of a transcript's translations away; their hashes stay.
    async fn blank_translations_of(&mut self, transcript: TranscriptId) -> Result<()>;
    /// Removes the timeline of a call.
    async fn forget_timeline(&mut self, call: CallId) -> Result<()>;
    /// The erasure of a person's data.
    async fn erasure_of(&mut self, person: PersonId) -> Result<Option<Erasure>>;
    /// Erasures that are to be looked at by now, the longest due first.
    async fn erasures_due(&mut self, now: Timestamp, limit: i64) -> Result<Vec<Erasure>>;
    /// Takes away what no law asks to be kept of a person: name, address of mail, free texts, what models made; what,
    /// and how many rows.
    async fn forget_person(&mut self, person: PersonId) -> Result<Vec<Counted>>;
    /// Takes away a person's numbers; how many.
    async fn forget_numbers(&mut self, person: PersonId) -> Result<i64>;
    /// A person's accounts, oldest first, at most `limit`.
    async fn accounts_of_person(&mut self, person: PersonId, limit: i64) -> Result<Vec<Account>>;
    /// A person's calls with ids above `after`, by id, at most `limit`.
    async fn calls_of_person(&mut self, person: PersonId, after: CallId, limit: i64) -> Result<Vec<Call>>;
    /// A person's verdicts with ids above `after`, by id, at most `limit`.
    async fn verdicts_of_person(
        &mut self,
        person: PersonId,
        after: Id<StoredVerdict>,
        limit: i64,
    ) -> Result<Vec<StoredVerdict>>;
    /// What of a person's calls was deleted, by kind.
    async fn purged_of_person(&mut self, person: PersonId) -> Result<Vec<Counted>>;
    /// How many rows the ledger of attempts and conversations has of a person.
    async fn count_contacts_of_person(&mut self, person: PersonId) -> Result<i64>;
}
