use serde::{Deserialize, Serialize};

use super::{Call, CallEvent, CallId, CallLeg, CallStatus, carry::end};
use crate::{
    analysis::Analysis,
    compliance::StoredVerdict,
    contacts::Contact,
    evidence::{self, Bundle},
    kit::{Error, OrNotFound, Page, PageRequest, Result, Role, time::Timestamp},
    outcomes::{CallNote, CallOutcome},
    ports::transcriber::Utterance,
    recordings::Recording,
    store::{ACTIVE, Repo},
    transcripts::{Transcript, TranscriptJob},
    translation::Translation,
    usage::Usage,
    wib::Org,
};

/// Notes of an export: all that a call may have.
const NOTES: i64 = 1000;

/// Asks for a page of calls, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListCalls {
    /// One status; `active` for calls that are up, `all` for no filter.
    #[cfg_attr(feature = "schema", schemars(schema_with = "status_words"))]
    pub status: Option<String>,
    /// From 1.
    pub page: Option<i64>,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
}

#[cfg(feature = "schema")]
fn status_words(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let words =
        <CallStatus as crate::kit::text::TextEnum>::ALL.iter().map(|status| status.as_str()).chain(["active", "all"]);
    let words: Vec<_> = words.map(serde_json::Value::from).chain([serde_json::Value::Null]).collect();
    schemars::json_schema!({ "type": ["string", "null"], "enum": words })
}

/// One utterance of a transcript, as clients poll it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Segment {
    /// Of which transcript version.
    pub transcript_id: crate::transcripts::TranscriptId,
    /// From 0 within the version.
    pub segment_index: i64,
    /// Who said what, and when.
    pub utterance: Utterance,
    /// When the version arrived.
    pub created_at: Timestamp,
}

/// Everything the organisation has on one call.
#[derive(Clone, Debug, Serialize)]
pub struct CallExport {
    /// When it was put together.
    pub exported_at: Timestamp,
    /// The call.
    pub call: Call,
    /// Why it was lawful.
    pub verdict: Option<StoredVerdict>,
    /// Its legs.
    pub legs: Vec<CallLeg>,
    /// What happened.
    pub timeline: Vec<CallEvent>,
    /// Its rows in the ledgers.
    pub contacts: Vec<Contact>,
    /// Its recordings.
    pub recordings: Vec<Recording>,
    /// The work on its transcripts.
    pub transcript_jobs: Vec<TranscriptJob>,
    /// Its transcripts, every version.
    pub transcripts: Vec<Transcript>,
    /// What a model made of them.
    pub analyses: Vec<Analysis>,
    /// Its transcripts in other languages, every version.
    pub translations: Vec<Translation>,
    /// What came of it, as people say it.
    pub outcome: Option<CallOutcome>,
    /// Notes about it.
    pub notes: Vec<CallNote>,
    /// What it used.
    pub usage: Vec<Usage>,
    /// Its evidence, once sealed.
    pub evidence: Option<Bundle>,
}

impl Org {
    /// A page of calls, newest first.
    ///
    /// # Errors
    /// `Invalid` for a status that does not exist.
    pub async fn list_calls(&self, query: ListCalls) -> Result<Page<Call>> {
        self.at_least(Role::Viewer)?;
        let one;
        let statuses: &[CallStatus] = match query.status.as_deref() {
            None | Some("all" | "") => &[],
            Some("active") => ACTIVE,
            Some(text) => {
                one = [text.parse().map_err(|_| Error::field("status", "is not a status of calls"))?];
                &one
            }
        };
        self.tx().await?.page_of_calls(statuses, &PageRequest::numbered(query.page, query.limit, 50)).await
    }

    /// A call.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn call(&self, id: CallId) -> Result<Call> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.find(id).await?.or_not_found("call")
    }

    /// Why a call was lawful when it was asked for.
    ///
    /// # Errors
    /// `NotFound`, also for a call that was not judged: one that came in.
    pub async fn verdict(&self, id: CallId) -> Result<StoredVerdict> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let call: Call = tx.find(id).await?.or_not_found("call")?;
        let verdict: Option<StoredVerdict> = match call.verdict_id {
            Some(id) => tx.find(id).await?,
            None => None,
        };
        verdict.or_not_found("verdict")
    }

    /// Asks for the end of a call. A call that is over stays as it is.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below agent.
    pub async fn end_call(&self, id: CallId) -> Result<Call> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let mut call = tx.lock_call(id).await?.or_not_found("call")?;
        if call.status.terminal() {
            return Ok(call);
        }
        let before = call.clone();
        end(&self.wib, &mut *tx, &mut call).await?;
        self.audit("call:ended", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(call)
    }

    /// What happened in a call, in order.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn timeline(&self, id: CallId) -> Result<Vec<CallEvent>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.timeline(id).await
    }

    /// Up to 50 utterances of the newest transcript with an index above `after`; -1 begins at the first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn transcript(&self, id: CallId, after: i64) -> Result<Vec<Segment>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        let Some(newest) =
            tx.transcripts_of_call(id).await?.into_iter().max_by_key(|t| (t.version, t.created_at, t.id))
        else {
            return Ok(vec![]);
        };
        let (transcript_id, created_at) = (newest.id, newest.created_at);
        let segment = |(i, utterance)| Segment { transcript_id, segment_index: i, utterance, created_at };
        Ok((0i64..).zip(newest.utterances.0).filter(|(i, _)| *i > after).take(50).map(segment).collect())
    }

    /// Everything on one call; the access is audited.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn export_call(&self, id: CallId) -> Result<CallExport> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let call: Call = tx.find(id).await?.or_not_found("call")?;
        let verdict = match call.verdict_id {
            Some(verdict) => tx.find(verdict).await?,
            None => None,
        };
        let evidence = evidence::bundle_of_call(&self.wib, &mut *tx, id).await?;
        let export = CallExport {
            exported_at: self.wib.now(),
            verdict,
            legs: tx.legs(id).await?,
            timeline: tx.timeline(id).await?,
            contacts: tx.contacts_of_call(id).await?,
            recordings: tx.recordings_of_call(id).await?,
            transcript_jobs: tx.transcript_jobs_of_call(id).await?,
            transcripts: tx.transcripts_of_call(id).await?,
            analyses: tx.analyses_of_call(id).await?,
            translations: tx.translations_of_call(id).await?,
            outcome: tx.outcome_of_call(id).await?,
            notes: tx.notes_of_call(id, NOTES).await?,
            usage: tx.usage_of_call(id).await?,
            evidence,
            call,
        };
        self.audit("call:exported", ("call", Some(id.uuid()))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(export)
    }
}
