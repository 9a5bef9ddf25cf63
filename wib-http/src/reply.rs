//! Errors and answers as HTTP has them.

use axum::{body::Body, response::Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Value as Json, json};
use wib_core::kit::{Error, Kind, Random, Result, Timestamp};

use crate::{input, table::Style};

/// A request's id, `wb-<base36 ms>-<6 base36>`: in its logs, in `X-Correlation-ID`, and in what it is told of faults.
#[derive(Clone, Debug)]
pub struct Correlation(pub(crate) String);
impl Correlation {
    pub(crate) fn new(now: Timestamp, random: &dyn Random) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(format!("wb-{}-{:0>6}", base36(millis), base36(random.below(36u64.pow(6)))))
    }
}

fn base36(mut n: u64) -> String {
    let mut digits = vec![];
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::try_from(n % 36).unwrap_or(0)]);
        n /= 36;
        if n == 0 {
            break digits.iter().rev().map(|d| char::from(*d)).collect();
        }
    }
}

/// Seconds after which something of ours that is down may be asked again.
const SOON: u64 = 5;

/// What an error body says of its request.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) correlation: String,
    pub(crate) at: Timestamp,
}

/// JSON with that status.
pub(crate) fn json(status: u16, body: &Json) -> Response {
    with_type(status, "application/json", body.to_string())
}
/// A body of that media type.
pub(crate) fn with_type(status: u16, mime: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}

/// A view as JSON.
pub(crate) fn view(view: &impl Serialize) -> Result<Response> {
    view_as(200, view)
}
/// A view as JSON with that status.
pub(crate) fn view_as(status: u16, view: &impl Serialize) -> Result<Response> {
    Ok(json(status, &input::written(view)?))
}

/// An error's status and body. What is our own fault is told by number only.
pub(crate) fn failed(error: &Error, style: Style, place: &Place) -> (u16, Json) {
    let status = error.http_status();
    let internal = error.kind() == Kind::Internal;
    let mut body = if internal { json!({}) } else { Json::Object(error.details().clone()) };
    body["error"] = if internal { "Internal Server Error" } else { error.message() }.into();
    body["code"] = error.machine_code().into();
    if style != Style::Flat {
        body["success"] = false.into();
    }
    if style == Style::Nested {
        body["error"] = json!({ "code": body["code"], "message": body["error"] });
    }
    if status >= 500 {
        body["correlation_id"] = place.correlation.as_str().into();
        body["timestamp"] = place.at.to_string().into();
        body["path"] = place.path.as_str().into();
    }
    if let Some(wait) = wait(error) {
        body["retry_after"] = wait.into();
    }
    (status, body)
}

/// Seconds until whoever asked too often may ask again.
fn wait(error: &Error) -> Option<u64> {
    match error.kind() {
        // Rounded up: a client that comes back on the second is not too early.
        Kind::RateLimited { retry_after } => Some(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0)),
        _ => None,
    }
}

/// An error as its answer; the log has the causes of what is our own fault.
pub(crate) fn failure(error: &Error, style: Style, place: &Place) -> Response {
    let (status, body) = failed(error, style, place);
    if status >= 500 {
        tracing::error!(correlation = place.correlation, code = error.machine_code(), cause = error.chain(), "failed");
    }
    let mut response = json(status, &body);
    if let Some(wait) = wait(error) {
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    }
    if error.kind() == Kind::Unavailable {
        response.headers_mut().insert(header::RETRY_AFTER, SOON.into());
    }
    response
}

/// No such path, or not with this method.
pub(crate) fn no_route(status: StatusCode, place: &Place) -> Response {
    let (error, code) = match status {
        StatusCode::METHOD_NOT_ALLOWED => ("Method Not Allowed", "METHOD_NOT_ALLOWED"),
        _ => ("Not Found", "NOT_FOUND"),
    };
    let body = json!({ "error": error, "code": code, "path": place.path, "method": place.method.as_str() });
    json(status.as_u16(), &body)
}
