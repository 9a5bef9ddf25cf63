//! Which sites may call from a browser.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

const OURS: [&str; 4] =
    ["https://wordis-bond.com", "https://www.wordis-bond.com", "https://wordisbond.pages.dev", "http://localhost:3000"];
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE, PATCH, OPTIONS");
const ALLOW: HeaderValue = HeaderValue::from_static(
    "Content-Type, Authorization, X-Requested-With, Idempotency-Key, X-Sentiment-Score, X-AI-Mode, X-Dialer-Session, \
     X-IVR-Flow-Id, X-CRM-Sync-Id, X-Integration-Provider, X-Export-Job-Id, X-Webhook-Signature, traceparent, tracestate",
);
const EXPOSE: HeaderValue = HeaderValue::from_static(
    "Idempotent-Replayed, X-Correlation-ID, X-Sentiment-Score, X-AI-Mode, X-Dialer-Session, X-IVR-Flow-Id, \
     X-Session-Token, X-SMS-Status, X-Email-Status, X-CRM-Sync-Id, X-Export-Status, X-Export-Download-Url, \
     X-Webhook-Delivery-Id, traceparent",
);

/// The origins that are answered.
#[derive(Clone, Debug)]
pub(crate) struct Cors {
    configured: String,
}

impl Cors {
    pub(crate) fn new(configured: Option<&str>) -> Self {
        Self { configured: configured.unwrap_or(OURS[0]).trim_end_matches('/').to_owned() }
    }
    fn allows(&self, origin: &str) -> bool {
        origin == self.configured || OURS.contains(&origin) || preview(origin)
    }
    /// Whether a request comes from an allowed site, from our own, or from no browser at all.
    pub(crate) fn same_or_allowed(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
        origin.to_str().is_ok_and(|origin| {
            self.allows(origin) || host.is_some_and(|h| origin.split_once("://").is_some_and(|(_, o)| o == h))
        })
    }
    /// The answer to a preflight, when the request is one.
    pub(crate) fn preflight(method: &Method, headers: &HeaderMap) -> Option<StatusCode> {
        let asks = headers.contains_key(header::ORIGIN) && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        (method == Method::OPTIONS && asks).then_some(StatusCode::NO_CONTENT)
    }
    /// Writes the headers that `origin` gets. A stranger gets the configured origin, and its browser refuses.
    pub(crate) fn write(&self, origin: Option<&HeaderValue>, preflight: bool, to: &mut HeaderMap) {
        to.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        let known = origin.to_str().is_ok_and(|o| self.allows(o));
        let answer = if known { Some(origin.clone()) } else { HeaderValue::from_str(&self.configured).ok() };
        if let Some(answer) = answer {
            to.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, answer);
        }
        to.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        to.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE);
        if preflight {
            to.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            to.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW);
        }
    }
}

/// `https://<8 hex digits>.wordisbond.pages.dev`
fn preview(origin: &str) -> bool {
    let host = origin.strip_prefix("https://").and_then(|o| o.strip_suffix(".wordisbond.pages.dev"));
    host.is_some_and(|h| h.len() == 8 && h.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}
