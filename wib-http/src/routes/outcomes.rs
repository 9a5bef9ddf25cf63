//! What came of a call, as people say it; and what is done to one that is up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Wib,
    analysis::Sentiment,
    assist::NoHint,
    auth::UserId,
    calls::{Call, CallId, OnFailure, TransferCall, TransferKind},
    kit::{Error, Id, Phone, Result, Role, Timestamp},
    limits::Limit,
    outcomes::{
        AddConfirmation, AiSummary, CallConfirmation, CallNote, CallOutcome, DeclareOutcome, Metadata,
        OutcomeConfidence, OutcomeContent, OutcomeRevision, OutcomeStatus, ReviewStatus, ReviseOutcome, SetDisposition,
        ShareCall, SummariseCall, SummarySource,
    },
};

use crate::{
    input::ById,
    table::{Routes, role, session},
};

/// What is told with every text of a model.
const ROLE: &str =
    "Written by a model to help a person. It is no evidence and no decision: it waits for a person's review.";

/// The id of a call, told by its own code when it is none.
fn call_id(text: &str) -> Result<CallId> {
    text.parse().map_err(|_| Error::field("id", "is no call's id").code("INVALID_CALL_ID"))
}

/// Reads what came of a call.
#[derive(Deserialize, JsonSchema)]
struct ReadOutcome {
    #[schemars(with = "CallId")]
    id: String,
}

/// Declares what came of a call, once.
#[derive(Deserialize, JsonSchema)]
struct Declare {
    #[schemars(with = "CallId")]
    id: String,
    outcome_status: OutcomeStatus,
    /// `high` by default.
    confidence_level: Option<OutcomeConfidence>,
    /// At most 100 of 1 to 1000 characters; the other lists too.
    #[schemars(length(max = 100), inner(length(min = 1, max = 1000)))]
    agreed_items: Option<Vec<String>>,
    #[schemars(length(max = 100), inner(length(min = 1, max = 1000)))]
    declined_items: Option<Vec<String>>,
    #[schemars(length(max = 100), inner(length(min = 1, max = 1000)))]
    ambiguities: Option<Vec<String>>,
    #[schemars(length(max = 100), inner(length(min = 1, max = 1000)))]
    follow_up_actions: Option<Vec<String>>,
    #[schemars(length(max = 50_000))]
    summary_text: Option<String>,
    /// `human` by default.
    summary_source: Option<SummarySource>,
    /// Whether it was read back to the person, who confirmed it.
    readback_confirmed: Option<bool>,
}
impl From<Declare> for DeclareOutcome {
    fn from(c: Declare) -> Self {
        let content = OutcomeContent {
            confidence_level: c.confidence_level.unwrap_or_default(),
            agreed_items: c.agreed_items.unwrap_or_default(),
            declined_items: c.declined_items.unwrap_or_default(),
            ambiguities: c.ambiguities.unwrap_or_default(),
            follow_up_actions: c.follow_up_actions.unwrap_or_default(),
            summary_text: c.summary_text.unwrap_or_default(),
            summary_source: c.summary_source.unwrap_or_default(),
            readback_confirmed: c.readback_confirmed.unwrap_or_default(),
            readback_timestamp: None,
        };
        Self { status: c.outcome_status, content }
    }
}

/// Revises what came of a call; what is absent stays.
#[derive(Deserialize, JsonSchema)]
struct Revise {
    #[schemars(with = "CallId")]
    id: String,
    outcome_status: Option<OutcomeStatus>,
    confidence_level: Option<OutcomeConfidence>,
    #[schemars(length(max = 100), inner(length(min = 1, max = 1000)))]
    agreed_items: Option<Vec<String>>,
    #[schemars(length(max = 100), inner(length(min = 1, max = 1000)))]
    declined_items: Option<Vec<String>>,
    #[schemars(length(max = 100), inner(length(min = 1, max = 1000)))]
    ambiguities: Option<Vec<String>>,
    #[schemars(length(max = 100), inner(length(min = 1, max = 1000)))]
    follow_up_actions: Option<Vec<String>>,
    #[schemars(length(max = 50_000))]
    summary_text: Option<String>,
    summary_source: Option<SummarySource>,
    readback_confirmed: Option<bool>,
}
impl From<Revise> for ReviseOutcome {
    fn from(c: Revise) -> Self {
        Self {
            status: c.outcome_status,
            confidence_level: c.confidence_level,
            agreed_items: c.agreed_items,
            declined_items: c.declined_items,
            ambiguities: c.ambiguities,
            follow_up_actions: c.follow_up_actions,
            summary_text: c.summary_text,
            summary_source: c.summary_source,
            readback_confirmed: c.readback_confirmed,
        }
    }
}

/// Has a model summarise a call; a person is to review it.
#[derive(Deserialize, JsonSchema)]
struct Summarise {
    #[schemars(with = "CallId")]
    id: String,
    /// Whether the call's own words are read; yes by default.
    use_call_transcript: Option<bool>,
    /// Whether agreements, concerns and what is to be done are wanted besides; yes by default.
    include_structured_extraction: Option<bool>,
    /// What to read instead.
    #[schemars(length(max = 100_000))]
    custom_transcript: Option<String>,
}

/// Who somebody is.
#[derive(Serialize, JsonSchema)]
struct Declarer {
    email: String,
}

/// The outcome of a call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallOutcome")]
pub(super) struct OutcomeRow {
    id: Id<CallOutcome>,
    call_id: CallId,
    outcome_status: OutcomeStatus,
    #[serde(flatten)]
    content: OutcomeContent,
    declared_by_user_id: Option<UserId>,
    declared_by_user: Option<Declarer>,
    /// From 1.
    revision_number: i64,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}
/// The row of an outcome, with who declared it.
pub(super) async fn outcome_row(org: &Org, outcome: CallOutcome) -> Result<OutcomeRow> {
    let by = outcome.declared_by;
    let declarer = org.authors(by).await?.remove(&by.unwrap_or_else(|| uuid::Uuid::nil().into()));
    let CallOutcome { id, call_id, status, content, revision, declared_by, created_at, updated_at } = outcome;
    Ok(OutcomeRow {
        id,
        call_id,
        outcome_status: status,
        content,
        declared_by_user_id: declared_by,
        declared_by_user: declarer.map(|author| Declarer { email: author.email }),
        revision_number: revision,
        created_at,
        updated_at,
    })
}

/// An outcome as it was with a revision.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallOutcomeRevision")]
struct RevisionRow {
    id: Id<OutcomeRevision>,
    revision_number: i64,
    outcome_status: OutcomeStatus,
    #[serde(flatten)]
    content: OutcomeContent,
    changed_by_user_id: Option<UserId>,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<OutcomeRevision> for RevisionRow {
    fn from(r: OutcomeRevision) -> Self {
        Self {
            id: r.id,
            revision_number: r.revision,
            outcome_status: r.status,
            content: r.content,
            changed_by_user_id: r.changed_by,
            created_at: r.created_at,
        }
    }
}

/// What came of a call, and how that was said before.
#[derive(Serialize, JsonSchema)]
struct OutcomeTold {
    call_id: CallId,
    outcome: Option<OutcomeRow>,
    /// The newest first, at most ten.
    history: Vec<RevisionRow>,
    has_outcome: bool,
}

/// An outcome that was declared.
#[derive(Serialize, JsonSchema)]
struct Declared {
    outcome: OutcomeRow,
    message: &'static str,
}

/// An outcome that was revised.
#[derive(Serialize, JsonSchema)]
struct Revised {
    outcome: OutcomeRow,
    message: &'static str,
    revision: i64,
}

/// A summary that waits for a person.
#[derive(Serialize, JsonSchema)]
struct Summarised {
    summary_text: String,
    topics_discussed: Vec<String>,
    potential_agreements: Vec<String>,
    potential_concerns: Vec<String>,
    recommended_followup: Vec<String>,
    sentiment: Sentiment,
    ai_summary_id: Id<AiSummary>,
    review_status: ReviewStatus,
    #[serde(rename = "_ai_role_notice")]
    ai_role_notice: &'static str,
}
impl From<AiSummary> for Summarised {
    fn from(summary: AiSummary) -> Self {
        Self {
            summary_text: summary.summary_text,
            topics_discussed: summary.content.topics_discussed,
            potential_agreements: summary.content.potential_agreements,
            potential_concerns: summary.content.potential_concerns,
            recommended_followup: summary.content.recommended_followup,
            sentiment: summary.sentiment,
            ai_summary_id: summary.id,
            review_status: summary.review_status,
            ai_role_notice: ROLE,
        }
    }
}

pub(super) fn nested() -> Routes<Wib> {
    Routes::<Wib>::at("calls", "/api/calls/{id}")
        .nested()
        .get("/outcome", role(Role::Viewer), |org, c: ReadOutcome| async move {
            let call_id = call_id(&c.id)?;
            let told = org.outcome(call_id).await?;
            let has_outcome = told.outcome.is_some();
            let outcome = match told.outcome {
                Some(outcome) => Some(outcome_row(&org, outcome).await?),
                None => None,
            };
            let history = told.history.into_iter().map(RevisionRow::from).collect();
            Ok(OutcomeTold { call_id, outcome, history, has_outcome })
        })
        .item("data")
        .post("/outcome", role(Role::Agent).limit(Limit::Call), |org, c: Declare| async move {
            let outcome = org.declare_outcome(call_id(&c.id)?, c.into()).await?;
            Ok(Declared { outcome: outcome_row(&org, outcome).await?, message: "The outcome was declared." })
        })
        .refuses(&[409])
        .created("data")
        .put("/outcome", role(Role::Agent).limit(Limit::Call), |org, c: Revise| async move {
            let outcome = org.revise_outcome(call_id(&c.id)?, c.into()).await?;
            let revision = outcome.revision;
            Ok(Revised { outcome: outcome_row(&org, outcome).await?, message: "The outcome was revised.", revision })
        })
        .refuses(&[409])
        .item("data")
        .post("/summary", role(Role::Agent).limit(Limit::AiSummary), |org, c: Summarise| async move {
            let command = SummariseCall {
                use_call_transcript: c.use_call_transcript.unwrap_or(true),
                extract: c.include_structured_extraction.unwrap_or(true),
                custom_transcript: c.custom_transcript,
            };
            org.summarise_call(call_id(&c.id)?, command).await.map(Summarised::from)
        })
        .refuses(&[402, 409, 502])
        .item("data")
}

/// Adds a note to a call.
#[derive(Deserialize, JsonSchema)]
struct AddNote {
    id: CallId,
    /// Not blank.
    #[schemars(length(min = 1, max = 10_000))]
    content: String,
}

/// Says in a word what came of a call.
#[derive(Deserialize, JsonSchema)]
struct Dispose {
    id: CallId,
    /// `promise_to_pay`, `payment_made`, `callback_requested`, `no_answer`, `wrong_number`, `refused_to_pay` (or `refused`),
    /// `dispute` (or `disputed`), `left_voicemail` (or `voicemail`), `sale`, `not_interested`, `follow_up`, `other`.
    #[schemars(length(min = 1, max = 10_000))]
    disposition: String,
    #[schemars(length(max = 5000))]
    disposition_notes: Option<String>,
}

/// Notes what a person confirmed on a call.
#[derive(Deserialize, JsonSchema)]
struct Confirm {
    id: CallId,
    #[schemars(length(min = 1, max = 100))]
    confirmation_type: String,
    /// At most 50 entries and 8 KiB.
    details: Option<Metadata>,
    /// Which member it was confirmed to; whoever notes it by default.
    confirmed_by: Option<UserId>,
}

/// Tells people of a call, each by a mail of their own that names nobody.
#[derive(Deserialize, JsonSchema)]
struct MailCall {
    id: CallId,
    /// 1 to 50 addresses.
    #[schemars(length(min = 1, max = 50), inner(email, length(max = 254)))]
    recipients: Vec<String>,
}

/// Puts the person of a call on hold, or brings them back.
#[derive(Deserialize, JsonSchema)]
struct HoldCall {
    id: CallId,
    /// Yes by default.
    hold: Option<bool>,
}

/// Hands a call that is up to somebody else, without talking to them first.
#[derive(Deserialize, JsonSchema)]
struct HandOn {
    id: CallId,
    /// To whom.
    to: Phone,
}

/// A note about a call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallNote")]
pub(super) struct NoteRow {
    id: Id<CallNote>,
    call_id: CallId,
    content: String,
    created_by: Option<UserId>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    author_email: Option<String>,
    author_name: Option<String>,
}
/// The rows of notes, with whose they are.
pub(super) async fn note_rows(org: &Org, notes: Vec<CallNote>) -> Result<Vec<NoteRow>> {
    let authors = org.authors(notes.iter().filter_map(|note| note.created_by)).await?;
    let row = |note: CallNote| {
        let author = note.created_by.and_then(|by| authors.get(&by));
        NoteRow {
            id: note.id,
            call_id: note.call_id,
            content: note.content,
            created_by: note.created_by,
            created_at: note.created_at,
            author_email: author.map(|author| author.email.clone()),
            author_name: author.map(|author| author.name.clone()),
        }
    };
    Ok(notes.into_iter().map(row).collect())
}

/// What came of a call, in a word.
#[derive(Serialize, JsonSchema)]
struct Disposed {
    id: CallId,
    disposition: Option<String>,
    disposition_notes: Option<String>,
}

/// What a person confirmed on a call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallConfirmation")]
struct ConfirmationRow {
    id: Id<CallConfirmation>,
    call_id: CallId,
    confirmation_type: String,
    details: Metadata,
    confirmed_by: Option<UserId>,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<CallConfirmation> for ConfirmationRow {
    fn from(c: CallConfirmation) -> Self {
        Self {
            id: c.id,
            call_id: c.call_id,
            confirmation_type: c.confirmation_type,
            details: c.details,
            confirmed_by: c.confirmed_by,
            created_at: c.created_at,
        }
    }
}

/// Mails that wait to be sent.
#[derive(Serialize, JsonSchema)]
struct Mailed {
    message: String,
    /// Whom they are for.
    recipients: Vec<String>,
}

/// A hint for the member of a call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallHint")]
struct Hinted {
    suggestion: Option<String>,
    /// Why there is none, where it is not that there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<NoHint>,
}

/// Whether the person is on hold.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallHeld")]
struct Held {
    held: bool,
}

/// To whom a call is being handed.
#[derive(Serialize, JsonSchema)]
struct Transferred {
    transferred_to: Phone,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("calls", "/api/calls/{id}")
        .success_false()
        .get("/notes", role(Role::Viewer), |org, c: ById<Call>| async move {
            let notes = org.call_notes(c.id).await?;
            note_rows(&org, notes).await
        })
        .about("Lists the notes about a call, oldest first.")
        .list("notes")
        .post("/notes", role(Role::Agent).limit(Limit::Call), |org, c: AddNote| async move {
            let note = org.add_call_note(c.id, &c.content).await?;
            note_rows(&org, vec![note]).await?.pop().ok_or_else(|| Error::internal("a note has no row"))
        })
        .refuses(&[409])
        .created("note")
        .put("/disposition", role(Role::Agent).limit(Limit::Call), |org, c: Dispose| async move {
            let command = SetDisposition { disposition: c.disposition, notes: c.disposition_notes };
            let card = org.set_disposition(c.id, command).await?;
            Ok(Disposed { id: c.id, disposition: card.disposition, disposition_notes: card.disposition_notes })
        })
        .refuses(&[409])
        .item("call")
        .post("/confirmations", role(Role::Agent).limit(Limit::Call), |org, c: Confirm| async move {
            let command = AddConfirmation {
                confirmation_type: c.confirmation_type,
                details: c.details.unwrap_or_default(),
                confirmed_by: c.confirmed_by,
            };
            org.add_confirmation(c.id, command).await.map(ConfirmationRow::from)
        })
        .refuses(&[409])
        .created("confirmation")
        .post("/email", role(Role::Agent).limit(Limit::Email), |org, c: MailCall| async move {
            let recipients = c.recipients.clone();
            let count = org.share_call(c.id, ShareCall { recipients: c.recipients }).await?;
            Ok(Mailed { message: format!("{count} mails are on their way."), recipients })
        })
        .flat()
        .get("/ai-suggest", session(), |org, c: ById<Call>| async move {
            let hint = org.suggest(c.id).await?;
            Ok(Hinted { suggestion: hint.suggestion, reason: hint.reason })
        })
        .about("Gives the member of a call a hint from its last ten lines.")
        .bare()
        .post("/hold", role(Role::Agent).limit(Limit::Call), |org, c: HoldCall| async move {
            Ok(Held { held: org.hold_call(c.id, c.hold.unwrap_or(true)).await? })
        })
        .refuses(&[409, 429, 502, 504])
        .flat()
        .post("/transfer", role(Role::Agent).limit(Limit::Call), |org, c: HandOn| async move {
            let command =
                TransferCall { to: c.to.clone(), kind: TransferKind::Blind, on_failure: OnFailure::default() };
            org.transfer_call(c.id, command).await?;
            Ok(Transferred { transferred_to: c.to })
        })
        .refuses(&[409])
        .flat()
}
