use axum::response::Response;
use http::{HeaderValue, Method, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use wib_core::{
    Org, Wib,
    auth::UserId,
    calls::{Call, CallEvent, CallExport, CallId, CallStatus, FlowType, ListCalls, Segment, StartCall},
    collections::{AccountId, PersonId},
    compliance::StoredVerdict,
    kit::{Error, Id, Phone, Result, Role, Timestamp},
    limits::Limit,
    live::Listen,
    orgs::OrganizationId,
    outcomes::Metadata,
    ports::voice::{AnsweredBy, Direction, HangupCause},
};

use super::outcomes::{note_rows, outcome_row};
use crate::{
    input::{self, ById},
    reply,
    table::{Asked, Routes, Wire, role, session},
};

/// Where the asking system's id is kept.
const SYSTEM: &str = "system_id";

/// Places a call, when the law permits it now.
#[derive(Deserialize, JsonSchema)]
struct PlaceCall {
    /// The number to call; the first one of the account's person by default.
    to: Option<Phone>,
    /// The number to show.
    from: Option<Phone>,
    /// The debt to talk about; found by the number by default.
    account_id: Option<AccountId>,
    /// Whether to find out if a machine answered; yes by default.
    enable_amd: Option<bool>,
    recording_enabled: Option<bool>,
    transcription_enabled: Option<bool>,
    /// For which campaign; kept with the call.
    campaign_id: Option<uuid::Uuid>,
    /// For which of its calls; kept with the call.
    campaign_call_id: Option<uuid::Uuid>,
    /// What is to be kept with the call: at most 50 entries and 8 KiB.
    metadata: Option<Metadata>,
    /// What to do with its words while they are spoken; by default nobody listens.
    listen: Option<Listen>,
}

/// Places a call to a number, when the law permits it now.
#[derive(Deserialize, JsonSchema)]
struct CallNumber {
    /// The number to call.
    phone_number: Phone,
    /// The number to show.
    caller_id: Option<Phone>,
    /// By which system it is asked for; kept with the call.
    system_id: Option<uuid::Uuid>,
}

/// Reads the transcript from after a line on.
#[derive(Deserialize, JsonSchema)]
struct AfterSegment {
    id: CallId,
    /// The last index already known; -1, the default, begins at the first.
    after: Option<i64>,
}

/// How a call is written out.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ExportFormat {
    /// In the answer.
    Json,
    /// As a file.
    Zip,
}

/// Everything about a call.
#[derive(Deserialize, JsonSchema)]
struct ExportCall {
    id: CallId,
    /// `json` by default.
    format: Option<ExportFormat>,
}

/// A call. Times in UTC; what is not known is null.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Call")]
pub(super) struct CallRow {
    id: CallId,
    organization_id: OrganizationId,
    account_id: Option<AccountId>,
    system_id: Option<uuid::Uuid>,
    campaign_id: Option<uuid::Uuid>,
    direction: Direction,
    from_number: Phone,
    to_number: Phone,
    phone_number: Phone,
    caller_id_used: Phone,
    status: CallStatus,
    flow_type: FlowType,
    call_sid: Option<String>,
    call_control_id: Option<String>,
    amd_status: Option<AnsweredBy>,
    #[schemars(with = "String")]
    started_at: Timestamp,
    #[schemars(with = "Option<String>")]
    answered_at: Option<Timestamp>,
    #[schemars(with = "Option<String>")]
    ended_at: Option<Timestamp>,
    duration_seconds: Option<i64>,
    hangup_cause: Option<HangupCause>,
    disposition: Option<String>,
    disposition_notes: Option<String>,
    /// What who asked for it wanted kept with it.
    metadata: Option<Metadata>,
    /// Whether it was placed to try something out.
    is_test: bool,
    /// The verdict that let it be dialled.
    verdict_id: Option<Id<StoredVerdict>>,
    recording_enabled: bool,
    transcription_enabled: bool,
    /// False when a sandbox carried it.
    live: bool,
    created_by: Option<UserId>,
    user_id: Option<UserId>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}
impl From<Call> for CallRow {
    fn from(call: Call) -> Self {
        let duration_seconds = call.duration_ms().map(|ms| ms / 1000);
        Self {
            id: call.id,
            organization_id: call.organization_id,
            account_id: call.account_id,
            system_id: None,
            campaign_id: None,
            direction: call.direction,
            phone_number: call.to_number.clone(),
            caller_id_used: call.from_number.clone(),
            status: call.status,
            flow_type: call.flow_type,
            call_sid: call.facts.leg.session_id,
            call_control_id: call.facts.leg.control_id,
            amd_status: call.answered_by,
            started_at: call.facts.initiated_at.unwrap_or(call.created_at),
            answered_at: call.answered_at,
            ended_at: call.ended_at,
            duration_seconds,
            hangup_cause: call.hangup_cause,
            disposition: None,
            disposition_notes: None,
            metadata: None,
            is_test: false,
            verdict_id: call.verdict_id,
            recording_enabled: call.record,
            transcription_enabled: call.transcribe,
            live: call.live,
            created_by: call.created_by,
            user_id: call.created_by,
            created_at: call.created_at,
            updated_at: call.updated_at,
            from_number: call.from_number,
            to_number: call.to_number,
        }
    }
}

impl CallRow {
    /// The row with what is said of the call besides.
    async fn told(org: &Org, call: Call) -> Result<Self> {
        let card = org.call_card(call.id).await?;
        let row = Self::from(call);
        let Some(card) = card else { return Ok(row) };
        let system = card.metadata.0.get(SYSTEM).and_then(Json::as_str).and_then(|id| id.parse().ok());
        Ok(Self {
            system_id: system,
            campaign_id: card.campaign_id,
            disposition: card.disposition,
            disposition_notes: card.disposition_notes,
            metadata: Some(card.metadata),
            is_test: card.is_test,
            ..row
        })
    }
}

/// A call in a list.
#[derive(Serialize, JsonSchema)]
struct CallLine {
    id: CallId,
    organization_id: OrganizationId,
    system_id: Option<uuid::Uuid>,
    status: CallStatus,
    #[schemars(with = "String")]
    started_at: Timestamp,
    #[schemars(with = "Option<String>")]
    ended_at: Option<Timestamp>,
    created_by: Option<UserId>,
    call_sid: Option<String>,
}
impl From<Call> for CallLine {
    fn from(call: Call) -> Self {
        Self {
            id: call.id,
            organization_id: call.organization_id,
            system_id: None,
            status: call.status,
            started_at: call.facts.initiated_at.unwrap_or(call.created_at),
            ended_at: call.ended_at,
            created_by: call.created_by,
            call_sid: call.facts.leg.session_id,
        }
    }
}

/// A call that will be dialled; the vendor's names of it come with its events.
#[derive(Serialize, JsonSchema)]
struct Placed {
    call: CallRow,
    telnyx: VendorNames,
}
/// The vendor's names of a call, once known.
#[derive(Default, Serialize, JsonSchema)]
struct VendorNames {
    call_control_id: Option<String>,
    call_session_id: Option<String>,
}

/// A line of a call's timeline.
#[derive(Serialize, JsonSchema)]
struct TimelineEvent {
    id: Id<CallEvent>,
    call_id: CallId,
    event_type: String,
    event_data: Json,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<CallEvent> for TimelineEvent {
    fn from(event: CallEvent) -> Self {
        let CallEvent { id, call_id, event_type, event_data, at, .. } = event;
        Self { id, call_id, event_type, event_data, created_at: at }
    }
}

/// A piece of a transcript.
#[derive(Serialize, JsonSchema)]
struct Segments {
    segments: Vec<SegmentRow>,
    count: usize,
    /// What to ask after next; as asked when nothing is new.
    last_index: i64,
}
/// What somebody said.
#[derive(Serialize, JsonSchema)]
struct SegmentRow {
    id: String,
    speaker: String,
    content: String,
    /// 0 to 1.
    confidence: f64,
    segment_index: i64,
    /// From the start of the audio.
    timestamp_ms: i64,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<Segment> for SegmentRow {
    fn from(segment: Segment) -> Self {
        let Segment { transcript_id, segment_index, utterance, created_at } = segment;
        Self {
            id: format!("{transcript_id}:{segment_index}"),
            speaker: utterance.speaker,
            content: utterance.text,
            confidence: f64::from(i32::try_from(utterance.confidence_ppm).unwrap_or(0)) / 1e6,
            segment_index,
            timestamp_ms: utterance.start_ms,
            created_at,
        }
    }
}

/// Why a call was lawful when it was asked for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Verdict")]
struct VerdictRow {
    id: Id<StoredVerdict>,
    call_id: CallId,
    person_id: Option<PersonId>,
    account_id: Option<AccountId>,
    /// `permit`, `require`, `defer`, `review` or `deny`.
    outcome: String,
    blocked_by: Option<String>,
    not_before: Option<Timestamp>,
    /// The version of the rules.
    pack: String,
    /// The facts, and what every rule in force found in them: enough to judge again.
    explanation: Json,
    /// `sha256:<hex>` of the explanation's canonical text.
    explanation_hash: String,
    created_at: Timestamp,
}

/// Everything about a call, in an envelope or as a file.
#[derive(Serialize, JsonSchema)]
struct Exported {
    success: bool,
    export: Json,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("calls", "/api/calls")
        .get("/", session(), |org, query: ListCalls| async move {
            org.list_calls(query).await.map(|page| page.map(CallLine::from))
        })
        .about("Lists calls, newest first.")
        .page("calls")
        .post("/", role(Role::Agent).limit(Limit::TelnyxVoice).limit(Limit::Call), |org, c: PlaceCall| async move {
            let command = StartCall {
                account_id: c.account_id,
                to: c.to,
                from: c.from,
                record: c.recording_enabled,
                transcribe: c.transcription_enabled,
                detect_machine: c.enable_amd,
                listen: c.listen,
                campaign_id: c.campaign_id,
                campaign_call_id: c.campaign_call_id,
                metadata: c.metadata,
                ..StartCall::default()
            };
            let call = org.start_call(command).await?;
            let call = org.dial_now(call.id).await?;
            let leg = call.facts.leg.clone();
            let telnyx = VendorNames { call_control_id: leg.control_id, call_session_id: leg.session_id };
            Ok(Placed { call: CallRow::told(&org, call).await?, telnyx })
        })
        .status(201)
        .idempotent()
        .refuses(&[402, 404, 409, 502])
        .flat()
        .post(
            "/start",
            role(Role::Agent).limit(Limit::TelnyxVoice).limit(Limit::Call),
            |org, c: CallNumber| async move {
                let system = c.system_id.map(|id| Metadata([(SYSTEM.to_owned(), json!(id))].into_iter().collect()));
                let command =
                    StartCall { to: Some(c.phone_number), from: c.caller_id, metadata: system, ..StartCall::default() };
                let names = &[("to", "phone_number"), ("from", "caller_id")];
                let call = org.start_call(command).await.map_err(|error| input::renamed(error, names))?;
                CallRow::told(&org, org.dial_now(call.id).await?).await
            },
        )
        .idempotent()
        .refuses(&[402, 409, 502])
        .created("call")
        .get("/{id}", session(), |org, c: ById<Call>| async move {
            let call = org.call(c.id).await?;
            CallRow::told(&org, call).await
        })
        .about("Reads a call.")
        .item("call")
        .post("/{id}/end", role(Role::Agent).limit(Limit::Call), |org, c: ById<Call>| async move {
            let call = org.end_call(c.id).await?;
            CallRow::told(&org, call).await
        })
        .about("Hangs up.")
        .item("call")
}

pub(super) fn routes_of_one() -> Routes<Wib> {
    Routes::<Wib>::at("calls", "/api/calls/{id}")
        .success_false()
        .get("/timeline", role(Role::Viewer), |org, c: ById<Call>| async move {
            let events = org.timeline(c.id).await?;
            Ok(events.into_iter().map(TimelineEvent::from).collect::<Vec<_>>())
        })
        .about("Lists what happened in a call.")
        .list("events")
        .get("/verdict", session(), |org, c: ById<Call>| async move {
            let v = org.verdict(c.id).await?;
            Ok(VerdictRow {
                id: v.id,
                call_id: c.id,
                person_id: v.person_id,
                account_id: v.account_id,
                outcome: v.outcome,
                blocked_by: v.blocked_by,
                not_before: v.not_before,
                pack: v.pack,
                explanation: v.explanation,
                explanation_hash: v.explanation_hash,
                created_at: v.created_at,
            })
        })
        .about("Explains why a call was lawful when it was asked for.")
        .item("verdict")
        .get("/cost", session(), |org, c: ById<Call>| async move { org.call_cost(c.id).await })
        .about("Adds up what a call cost so far.")
        .item("cost")
        .get("/transcript", session(), |org, c: AfterSegment| async move {
            let after = c.after.unwrap_or(-1);
            let segments: Vec<_> = org.transcript(c.id, after).await?.into_iter().map(SegmentRow::from).collect();
            let last_index = segments.last().map_or(after, |s| s.segment_index);
            Ok(Segments { count: segments.len(), last_index, segments })
        })
        .flat()
        .raw(
            Method::GET,
            "/export",
            role(Role::Viewer),
            Wire::json::<Exported>().takes::<ExportCall>(),
            |asked| async move { export(&asked).await },
        )
}

async fn export(asked: &Asked<Wib>) -> Result<Response> {
    let ExportCall { id, format } = asked.input().await?;
    let org = asked.org().await?;
    let export = written(&org, org.export_call(id).await?).await?;
    if format != Some(ExportFormat::Zip) {
        return Ok(reply::json(200, &json!({ "success": true, "export": export })));
    }
    let mut response = reply::json(200, &export);
    let name = HeaderValue::try_from(format!("attachment; filename=\"call-{id}.json\""));
    let name = name.map_err(|e| Error::internal("an id that no header takes").because(e))?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// The export with the call, its outcome and its notes as the wire has them.
async fn written(org: &Org, export: CallExport) -> Result<Json> {
    let call = CallRow::told(org, export.call.clone()).await?;
    let mut whole = input::written(&export)?;
    whole["call"] = input::written(&call)?;
    if let Some(outcome) = export.outcome {
        whole["outcome"] = input::written(&outcome_row(org, outcome).await?)?;
    }
    whole["notes"] = input::written(&note_rows(org, export.notes).await?)?;
    Ok(whole)
}
