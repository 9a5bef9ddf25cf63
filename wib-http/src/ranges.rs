//! Bytes by HTTP: the whole, or the range that is asked for (RFC 9110, section 14).

use std::ops::Range;

use axum::{body::Body, response::Response};
use futures_util::TryStreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use wib_core::{
    blobs::Opened,
    kit::{Error, Result},
};

use crate::reply;

/// Answers of that size are complete before they begin, so that a fault is told as one. In longer ones it can only break
/// the connection off.
const COMPLETE: u64 = 8 << 20;

/// The bytes as a client asks for them. `tag` tells these bytes from others.
pub(crate) async fn answer(
    headers: &HeaderMap,
    tag: Option<&str>,
    mime: &str,
    what: &str,
    bytes: &Opened,
) -> Result<Response> {
    let size = bytes.size();
    let mut set = HeaderMap::new();
    let mut note = |name: HeaderName, value: String| HeaderValue::try_from(value).map(|value| set.insert(name, value));
    let _ = note(header::ACCEPT_RANGES, "bytes".to_owned());
    if let Some(tag) = tag {
        let _ = note(header::ETAG, tag.to_owned());
    }
    let (status, range) = match wanted(headers, tag, size) {
        Wanted::Whole => (200, 0..size),
        Wanted::Part(part) => {
            let _ = note(header::CONTENT_RANGE, format!("bytes {}-{}/{size}", part.start, part.end - 1));
            (206, part)
        }
        Wanted::Outside => {
            let error = Error::invalid(format!("range is outside of the {what}")).code("RANGE_NOT_SATISFIABLE");
            let body = serde_json::json!({ "success": false, "error": error.message(), "code": error.machine_code() });
            let mut response = reply::json(416, &body);
            if let Ok(told) = HeaderValue::try_from(format!("bytes */{size}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, told);
            }
            return Ok(response);
        }
    };
    let length = range.end - range.start;
    let _ = note(header::CONTENT_TYPE, mime.to_owned());
    let _ = note(header::CONTENT_LENGTH, length.to_string());
    let pieces = bytes.pieces(range)?;
    let body = if length <= COMPLETE {
        let all = pieces.try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        Body::from(all.await?)
    } else {
        Body::from_stream(pieces.inspect_err(|error| {
            tracing::error!(cause = error.chain(), "an answer is broken off");
        }))
    };
    let mut response = reply::with_type(status, "application/octet-stream", body);
    response.headers_mut().extend(set);
    Ok(response)
}

fn wanted(headers: &HeaderMap, tag: Option<&str>, size: u64) -> Wanted {
    let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    // A range of other bytes than the client has seen is worth nothing to it.
    let current = text(header::IF_RANGE).is_none_or(|known| Some(known) == tag);
    text(header::RANGE).filter(|_| current).map_or(Wanted::Whole, |value| range(value, size))
}

#[derive(Debug, PartialEq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// RFC 9110, section 14.1.2. What cannot be read, and several ranges at once, are answered with the whole.
fn range(value: &str, len: u64) -> Wanted {
    let read = || {
        let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
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
            wanted(&headers, Some("\"a\""), 4)
        };
        assert_eq!((ask("\"a\""), ask("\"b\"")), (Wanted::Part(0..2), Wanted::Whole));
    }
}
