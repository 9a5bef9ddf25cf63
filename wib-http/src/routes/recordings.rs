use std::ops::Range;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{
    Wib,
    calls::CallId,
    kit::{Error, Result, Role, Timestamp},
    orgs::OrganizationId,
    recordings::{ListRecordings, Recording, RecordingId, RecordingStatus},
};

use crate::{
    input::ById,
    reply,
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
            role(Role::Viewer),
            Wire::bytes("audio/mpeg").also(206).takes::<ById<Recording>>(),
            |asked| async move { stream(&asked).await },
        )
        .delete("/{id}", role(Role::Manager), |org, c: ById<Recording>| async move {
            org.delete_recording(c.id).await.map(|_| Done { message: "Recording deleted" })
        })
        .about("Deletes a recording's bytes; its row and hash stay.")
        .flat()
}

async fn stream(asked: &Asked<Wib>) -> Result<Response> {
    let ById { id } = asked.input::<ById<Recording>>().await?;
    let (recording, bytes) = asked.org().await?.recording_audio(id).await?;
    let (mime, ending) = match recording.content_type.as_str() {
        "audio/wav" | "audio/x-wav" => ("audio/wav", "wav"),
        _ => ("audio/mpeg", "mp3"),
    };
    let tag = recording.media_hash.map(|hash| format!("\"{hash}\""));
    let mut response = pieces(asked.headers(), tag.as_deref(), mime, bytes);
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::CONTENT_DISPOSITION, format!("inline; filename=\"recording-{id}.{ending}\""));
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    if let Some(tag) = tag {
        set(header::ETAG, tag);
    }
    Ok(response)
}

/// The whole, or the one range that is asked for.
fn pieces(headers: &HeaderMap, tag: Option<&str>, mime: &'static str, bytes: Bytes) -> Response {
    let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    // A range of other bytes than the client has seen is worth nothing to it.
    let current = text(header::IF_RANGE).is_none_or(|known| Some(known) == tag);
    let asked = text(header::RANGE).filter(|_| current).map(|value| range(value, bytes.len()));
    let (status, content_range, body) = match asked {
        None | Some(Wanted::Whole) => (200, None, bytes),
        Some(Wanted::Part(part)) => {
            let told = format!("bytes {}-{}/{}", part.start, part.end - 1, bytes.len());
            (206, Some(told), bytes.slice(part))
        }
        Some(Wanted::Outside) => {
            let error = Error::invalid("range is outside of the recording").code("RANGE_NOT_SATISFIABLE");
            let body = serde_json::json!({ "success": false, "error": error.message(), "code": error.machine_code() });
            let mut response = reply::json(416, &body);
            if let Ok(told) = HeaderValue::try_from(format!("bytes */{}", bytes.len())) {
                response.headers_mut().insert(header::CONTENT_RANGE, told);
            }
            return response;
        }
    };
    let mut response = reply::with_type(status, mime, body);
    if let Some(told) = content_range.and_then(|told| HeaderValue::try_from(told).ok()) {
        response.headers_mut().insert(header::CONTENT_RANGE, told);
    }
    response
}

#[derive(Debug, PartialEq)]
enum Wanted {
    Whole,
    Part(Range<usize>),
    Outside,
}

/// RFC 9110, section 14.1.2. What cannot be read, and several ranges at once, are answered with the whole.
fn range(value: &str, len: usize) -> Wanted {
    let read = || {
        let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<usize>().ok())?;
        match (first.trim(), last.trim()) {
            ("", "") => None,
            ("", suffix) => Some((len.saturating_sub(number(suffix)?), len)),
            (first, "") => Some((number(first)?, len)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some((first, last.saturating_add(1).min(len)))
            }
        }
    };
    match read() {
        None => Wanted::Whole,
        Some((start, end)) if start < end && start < len => Wanted::Part(start..end),
        Some(_) => Wanted::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_at_the_end_and_refused_beyond_it() {
        assert_eq!(range("bytes=0-3", 10), Wanted::Part(0..4));
        assert_eq!(range("bytes=8-99", 10), Wanted::Part(8..10));
        assert_eq!(range("bytes=4-", 10), Wanted::Part(4..10));
        assert_eq!(range("bytes=-3", 10), Wanted::Part(7..10));
        assert_eq!(range("bytes=-30", 10), Wanted::Part(0..10));
        for outside in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(range(outside, 10), Wanted::Outside, "{outside}");
        }
        for whole in ["bytes=5-2", "bytes=", "bytes=a-b", "bytes=0-1,3-4", "items=0-1", "bytes=-"] {
            assert_eq!(range(whole, 10), Wanted::Whole, "{whole}");
        }
    }

    #[test]
    fn a_range_of_other_bytes_is_answered_with_the_whole() {
        let ask = |if_range: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
            headers.insert(header::IF_RANGE, HeaderValue::from_static(if_range));
            pieces(&headers, Some("\"a\""), "audio/mpeg", Bytes::from_static(b"0123")).status().as_u16()
        };
        assert_eq!((ask("\"a\""), ask("\"b\"")), (206, 200));
    }
}
