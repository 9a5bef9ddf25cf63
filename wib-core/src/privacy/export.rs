use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Erasure;
use crate::{
    ai_agent::AiTurn,
    analysis::Analysis,
    assist::Advice,
    audio::{AudioFile, AudioTranscription},
    calls::{Call, CallEvent, CallId},
    circumstances::Circumstance,
    collections::{Account, Person, PersonId, PersonLocation, PersonPhone, Suppression},
    compliance::StoredVerdict,
    consent::{Consent, Preference},
    contacts::Contact,
    disclosures::Disclosure,
    kit::{Id, OrNotFound, Result, Role, canonical, time::Timestamp},
    live::{LineTranslation, LiveLine},
    notices::{Dispute, Notice},
    outcomes::{AiSummary, CallCard, CallConfirmation, CallNote, CallOutcome, OutcomeRevision},
    recordings::{Recording, RecordingId, RecordingStatus},
    sentiment::{SentimentScore, SentimentSummary},
    transcripts::Transcript,
    translation::Translation,
    wib::Org,
};

/// The format of exports.
const FORMAT: &str = "wib-person/1";
/// Calls of a part.
const CALLS: i64 = 25;
/// Accounts, and verdicts, of an export.
const ROWS: i64 = 1000;
/// Lines heard live of a call, and their translations: more than fit into the longest call.
const LINES: i64 = 50_000;
/// Notices, and disputes, of an account.
const PER_ACCOUNT: i64 = 100;

/// Asks for everything about a person, in parts.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ExportPerson {
    /// What the part before said is next; absent for the first.
    pub after: Option<CallId>,
}

/// Bytes that belong to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlobRef {
    /// The recording they are of.
    pub recording_id: RecordingId,
    /// Where they lie.
    pub key: String,
    /// `sha256:<hex>` of them.
    pub hash: Option<String>,
    /// How many.
    pub size_bytes: Option<i64>,
}

/// One call with the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "named after the slices")]
pub struct CallRecord {
    pub call: Call,
    pub timeline: Vec<CallEvent>,
    pub contacts: Vec<Contact>,
    pub disclosures: Vec<Disclosure>,
    pub recordings: Vec<Recording>,
    pub transcripts: Vec<Transcript>,
    pub analyses: Vec<Analysis>,
    pub translations: Vec<Translation>,
    pub lines: Vec<LiveLine>,
    pub line_translations: Vec<LineTranslation>,
    pub sentiment: Vec<SentimentScore>,
    pub sentiment_summary: Option<SentimentSummary>,
    pub advice: Vec<Advice>,
    pub ai_turns: Vec<AiTurn>,
    pub outcome: Option<CallOutcome>,
    pub outcome_history: Vec<OutcomeRevision>,
    pub notes: Vec<CallNote>,
    pub confirmations: Vec<CallConfirmation>,
    pub summaries: Vec<AiSummary>,
    pub card: Option<CallCard>,
    pub audio_files: Vec<AudioFile>,
    pub audio_transcriptions: Vec<AudioTranscription>,
}

/// A part of everything about a person. What is of the person itself is in the first part alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonExport {
    /// `wib-person/1`.
    pub format: String,
    /// When it was made.
    pub exported_at: Timestamp,
    /// The person.
    pub person: Person,
    /// The person's numbers.
    pub phones: Vec<PersonPhone>,
    /// Where the person may be.
    pub locations: Vec<PersonLocation>,
    /// The person's debts.
    pub accounts: Vec<Account>,
    /// Which of the numbers must not be called.
    pub suppressions: Vec<Suppression>,
    /// What was decided about calling the person, the first thousand.
    pub verdicts: Vec<StoredVerdict>,
    /// What the person agreed to and took back.
    pub consents: Vec<Consent>,
    /// What the person asked for.
    pub preferences: Vec<Preference>,
    /// What is known of the person.
    pub circumstances: Vec<Circumstance>,
    /// Notices about the debts.
    pub notices: Vec<Notice>,
    /// Disputes about the debts.
    pub disputes: Vec<Dispute>,
    /// The erasure of the person's data, when there was one.
    pub erasure: Option<Erasure>,
    /// Calls with the person, in order.
    pub calls: Vec<CallRecord>,
    /// Bytes that belong to these calls.
    pub blobs: Vec<BlobRef>,
    /// Where the next part begins; `None` for the last.
    pub next: Option<CallId>,
}
impl PersonExport {
    /// The part as canonical JSON.
    ///
    /// # Errors
    /// None that rows of the store give.
    pub fn to_text(&self) -> Result<String> {
        canonical::to_text(self)
    }
}

impl Org {
    /// Everything about a person: ask with `after: next` until there is no next part. Every part is audited.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below compliance.
    pub async fn export_person(&self, id: PersonId, query: ExportPerson) -> Result<PersonExport> {
        self.at_least(Role::Compliance)?;
        let mut tx = self.tx().await?;
        let person: Person = tx.find(id).await?.or_not_found("person")?;
        let mut export = PersonExport {
            format: FORMAT.to_owned(),
            exported_at: self.wib.now(),
            person,
            phones: vec![],
            locations: vec![],
            accounts: vec![],
            suppressions: vec![],
            verdicts: vec![],
            consents: vec![],
            preferences: vec![],
            circumstances: vec![],
            notices: vec![],
            disputes: vec![],
            erasure: None,
            calls: vec![],
            blobs: vec![],
            next: None,
        };
        if query.after.is_none() {
            export.phones = tx.phones(id.into(), ROWS).await?;
            export.locations = tx.locations(id.into(), ROWS).await?;
            export.accounts = tx.accounts_of_person(id, ROWS).await?;
            for number in &export.phones {
                export.suppressions.extend(tx.suppression(&number.phone).await?);
            }
            export.verdicts = tx.verdicts_of_person(id, Id::from(Uuid::nil()), ROWS).await?;
            export.consents = tx.consents(id, ROWS).await?;
            export.preferences = tx.preferences(id, ROWS).await?;
            export.circumstances = tx.circumstances(id, ROWS).await?;
            for account in &export.accounts {
                export.notices.extend(tx.notices(account.id, PER_ACCOUNT).await?);
                export.disputes.extend(tx.disputes(account.id, PER_ACCOUNT).await?);
            }
            export.erasure = tx.erasure_of(id).await?;
        }
        let after = query.after.unwrap_or_else(|| CallId::from(Uuid::nil()));
        let calls = tx.calls_of_person(id, after, CALLS + 1).await?;
        let most = usize::try_from(CALLS).unwrap_or(usize::MAX);
        export.next = calls.get(most).and_then(|_| calls.get(most - 1)).map(|call| call.id);
        for call in calls.into_iter().take(most) {
            let recordings = tx.recordings_of_call(call.id).await?;
            let there = recordings.iter().filter(|r| r.status != RecordingStatus::Deleted);
            export.blobs.extend(there.filter_map(|r| {
                let key = r.blob_key.clone()?;
                Some(BlobRef { recording_id: r.id, key, hash: r.media_hash.clone(), size_bytes: r.size_bytes })
            }));
            let files = tx.audio_files_of_call(call.id, ROWS).await?;
            let mut heard = vec![];
            for file in &files {
                heard.extend(tx.transcriptions_of_file(file.id).await?);
            }
            export.calls.push(CallRecord {
                timeline: tx.timeline(call.id).await?,
                contacts: tx.contacts_of_call(call.id).await?,
                disclosures: tx.disclosures(call.id).await?,
                transcripts: tx.transcripts_of_call(call.id).await?,
                analyses: tx.analyses_of_call(call.id).await?,
                translations: tx.translations_of_call(call.id).await?,
                ai_turns: tx.ai_turns(call.id).await?,
                outcome: tx.outcome_of_call(call.id).await?,
                outcome_history: tx.outcome_revisions(call.id, ROWS).await?,
                notes: tx.notes_of_call(call.id, ROWS).await?,
                confirmations: tx.confirmations_of_call(call.id, ROWS).await?,
                summaries: tx.summaries_of_call(call.id, ROWS).await?,
                card: tx.card_of_call(call.id).await?,
                audio_files: files,
                audio_transcriptions: heard,
                lines: tx.lines_after(call.id, -1, LINES).await?,
                line_translations: tx.line_translations_after(call.id, -1, LINES).await?,
                sentiment: tx.scores_after(call.id, -1, LINES).await?,
                sentiment_summary: tx.sentiment_of_call(call.id).await?,
                advice: tx.advice_of_call(call.id, LINES).await?,
                recordings,
                call,
            });
        }
        let told = json!({"calls": export.calls.len(), "blobs": export.blobs.len(), "last": export.next.is_none()});
        self.audit("privacy:person_exported", ("person", Some(id.uuid()))).with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(export)
    }
}
