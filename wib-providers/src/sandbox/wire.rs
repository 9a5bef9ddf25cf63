//! What every vendor's model reads and answers with: a request taken apart, a response with a known body.

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::Value;
use wib_core::kit::Timestamp;

/// By which address a request came; answers that hold URLs use the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The vendors' own hosts, in process.
    Hosts,
    /// One port for all, such as `http://127.0.0.1:4010`.
    Port(String),
}
impl Base {
    /// The address of `path` at a vendor: its own host, or its folder on the port.
    pub(crate) fn url(&self, host: &str, folder: &str, path: &str) -> String {
        match self {
            Self::Hosts => format!("https://{host}{path}"),
            Self::Port(base) => format!("{base}/{folder}{path}"),
        }
    }
}

/// A request to a vendor.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a Method,
    /// Path segments, percent-decoded.
    pub(crate) path: Vec<String>,
    /// Query pairs, decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    pub(crate) base: Base,
}

impl<'a> Ask<'a> {
    /// Takes a request's path and query apart.
    pub(crate) fn new(
        method: &'a Method,
        path_and_query: &str,
        headers: &'a HeaderMap,
        body: &'a Bytes,
        base: Base,
    ) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let path = path.split('/').filter(|segment| !segment.is_empty()).map(|segment| decode(segment, false));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = query.map(|(name, value)| (decode(name, true), decode(value, true))).collect();
        Self { method, path: path.collect(), query, headers, body, base }
    }
    /// The path to match on.
    pub(crate) fn route(&self) -> (&str, Vec<&str>) {
        (self.method.as_str(), self.path.iter().map(String::as_str).collect())
    }
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
    /// A query parameter's value.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
    /// The body as a JSON object; an empty one counts as `{}`.
    pub(crate) fn object(&self) -> Option<Value> {
        if self.body.is_empty() {
            return Some(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(self.body).ok().filter(Value::is_object)
    }
    /// Whether a usable bearer token came with it. A token that contains `invalid` is not.
    pub(crate) fn bearer(&self) -> bool {
        let token = self.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| !token.trim().is_empty() && !token.contains("invalid"))
    }
}

/// A response with a JSON body.
pub(crate) fn json(status: u16, body: &Value) -> Response<Bytes> {
    typed(status, "application/json", body.to_string())
}

/// A response with a body of some type.
pub(crate) fn typed(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    answer
}

/// A field's text, when it is text and not empty.
pub(crate) fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str().filter(|text| !text.is_empty())
}

fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if plus && bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Telnyx's and Resend's way to write an instant.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{at:.6}")
}
