use axum::response::Response;
use http::{HeaderValue, Method, header};
use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{
    Wib,
    calls::CallId,
    kit::{Result, Role, Timestamp},
    limits::Limit,
    orgs::OrganizationId,
    recordings::{ListRecordings, Recording, RecordingId, RecordingStatus},
};

use crate::{
    input::ById,
    ranges,
    table::{Asked, Routes, Wire, role},
};

/// A recording in a list.
#[derive(Serialize, JsonSchema)]
struct RecordingLine {
    id: RecordingId,
    call_id: CallId,
    recording_url: Option<String>,
    duration_seconds: Option<i64>,
    status: RecordingStatus,
    #[schemars(with = "String")]
    created_at: Timestamp,
}

/// A recording.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Recording")]
struct RecordingRow {
    #[serde(flatten)]
    line: RecordingLine,
    /// `sha256:<hex>` of the bytes, once fetched.
    media_hash: Option<String>,
    organization_id: OrganizationId,
    /// False when a sandbox made it.
    live: bool,
}

/// A recording, and where to hear it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Playable {
    recording: RecordingRow,
    /// Null while there is nothing to hear.
    signed_url: Option<String>,
    /// Seconds.
    expires_in: u32,
}

/// Something was done.
#[derive(Serialize, JsonSchema)]
struct Done {
    message: &'static str,
}

fn url(recording: &Recording) -> Option<String> {
    let there = recording.blob_key.is_some() && recording.status == RecordingStatus::Completed;
    there.then(|| format!("/api/recordings/stream/{}", recording.id))
}
impl From<Recording> for RecordingLine {
    fn from(recording: Recording) -> Self {
        Self {
            recording_url: url(&recording),
            id: recording.id,
            call_id: recording.call_id,
            duration_seconds: recording.duration_ms.map(|ms| ms / 1000),
            status: recording.status,
            created_at: recording.created_at,
        }
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("recordings", "/api/recordings")
        .success_false()
        .get("/", role(Role::Viewer), |org, query: ListRecordings| async move {
            org.list_recordings(query).await.map(|page| page.map(RecordingLine::from))
        })
        .about("Lists recordings, newest first.")
        .page("recordings")
        .get("/{id}", role(Role::Viewer), |org, c: ById<Recording>| async move {
            let organization_id = org.id();
            let recording = org.recording(c.id).await?;
            Ok(Playable {
                signed_url: url(&recording),
                recording: RecordingRow {
                    media_hash: recording.media_hash.clone(),
                    organization_id,
                    live: recording.live,
                    line: recording.into(),
                },
                expires_in: 3600,
            })
        })
        .about("Reads a recording.")
        .flat()
        .raw(
            Method::GET,
            "/stream/{id}",
            role(Role::Viewer).limit(Limit::Recording),
            Wire::bytes("audio/mpeg").also(206).takes::<ById<Recording>>().refuses(&[410, 416]),
            |asked| async move { stream(&asked).await },
        )
        .delete("/{id}", role(Role::Manager).limit(Limit::Recording), |org, c: ById<Recording>| async move {
            org.delete_recording(c.id).await.map(|_| Done { message: "Recording deleted" })
        })
        .about("Deletes a recording's bytes; its row and hash stay.")
        .refuses(&[409])
        .flat()
}

async fn stream(asked: &Asked<Wib>) -> Result<Response> {
    let ById { id } = asked.input::<ById<Recording>>().await?;
    let (recording, bytes) = asked.org().await?.open_recording(id).await?;
    let (mime, ending) = match recording.content_type.as_str() {
        "audio/wav" | "audio/x-wav" => ("audio/wav", "wav"),
        _ => ("audio/mpeg", "mp3"),
    };
    let tag = recording.media_hash.map(|hash| format!("\"{hash}\""));
    let mut response = ranges::answer(asked.headers(), tag.as_deref(), mime, "recording", &bytes).await?;
    if let Ok(name) = HeaderValue::try_from(format!("inline; filename=\"recording-{id}.{ending}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
