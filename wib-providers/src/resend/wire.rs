//! Resend's JSON. Only what we read or send; everything else is ignored.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wib_core::ports::Fault;

use crate::http::Words;

#[derive(Serialize)]
pub(super) struct SendRequest<'a> {
    pub from: &'a str,
    pub to: [&'a str; 1],
    pub subject: &'a str,
    pub text: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Sent {
    pub id: String,
}

/// `{"statusCode", "name", "message"}`; the name is the code.
pub(super) fn words(_status: u16, body: &Value) -> Words {
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    let code = text("name");
    let fault = match code.as_deref() {
        Some("daily_quota_exceeded" | "monthly_quota_exceeded") => Some(Fault::Payment),
        // The first send under the key is still under way.
        Some("concurrent_idempotent_requests") => Some(Fault::RateLimited),
        _ => None,
    };
    Words { fault, code, message: text("message") }
}
