//! Cloudflare's JSON. Only what we read or send; everything else is ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;
use wib_core::ports::{Fault, Sent, VendorError};

use super::VENDOR;
use crate::http::{Answer, Words};

/// What a DELETE carries: its document wants a body and says nothing of what is in it.
pub(super) const NO_BODY: BTreeMap<(), ()> = BTreeMap::new();

/// `{success, errors[], messages[], result, result_info}`.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    result_info: Value,
}

/// A number that is whole, however it is written: the document says `number`.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let value = Option::<serde_json::Number>::deserialize(from)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 ends at the bounds")]
    let cut = |number: f64| number as u64;
    Ok(value.and_then(|number| number.as_u64().or_else(|| number.as_f64().map(cut))))
}

/// Where a list goes on.
#[derive(Default, Deserialize)]
pub(super) struct Info {
    #[serde(default)]
    pub cursor: Option<String>,
    #[serde(default, deserialize_with = "whole")]
    pub total_count: Option<u64>,
}

/// The result in an answer's envelope; a failure in one that says so, whatever its status.
pub(super) fn result<T: DeserializeOwned>(answer: &Answer) -> Result<T, VendorError> {
    Ok(page(answer)?.0)
}

/// The same, with where a list goes on.
pub(super) fn page<T: DeserializeOwned>(answer: &Answer) -> Result<(T, Info), VendorError> {
    let envelope: Envelope = answer.json()?;
    let id = |error| VendorError { request_id: answer.request_id.clone(), ..error };
    if !envelope.success {
        // The vendor's words are left out: what repeats our key has not been taken out of them.
        let words = first(&envelope.errors);
        let fault = words.fault.unwrap_or(Fault::Request);
        let error = VendorError::new(VENDOR, fault, Sent::Refused, "refused, in an answer of success");
        return Err(id(VendorError { code: words.code, ..error }));
    }
    let result = T::deserialize(envelope.result).map_err(|_| {
        // Serde's own message repeats what it found.
        id(VendorError::new(VENDOR, Fault::Nonsense, Sent::Unknown, "not the result expected"))
    })?;
    Ok((result, Info::deserialize(envelope.result_info).unwrap_or_default()))
}

/// The first of a refusal's errors.
pub(super) fn words(_status: u16, body: &Value) -> Words {
    first(&body["errors"])
}

fn first(errors: &Value) -> Words {
    let error = &errors[0];
    let code = error["code"].as_i64();
    let fault = match code {
        // Invalid token; authentication error.
        Some(9109 | 10000 | 10001) => Some(Fault::Credentials),
        // Namespace not found; key not found.
        Some(10009 | 10013) => Some(Fault::Missing),
        // More writes to a key, or requests, than are taken.
        Some(971 | 10429) => Some(Fault::RateLimited),
        _ => None,
    };
    Words { fault, code: code.map(|code| code.to_string()), message: error["message"].as_str().map(str::to_owned) }
}

#[derive(Serialize)]
pub(super) struct Titled<'a> {
    pub title: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Namespace {
    pub id: String,
    #[serde(default)]
    pub title: String,
}

#[derive(Deserialize)]
pub(super) struct Key {
    pub name: String,
    #[serde(default, deserialize_with = "whole")]
    pub expiration: Option<u64>,
    #[serde(default)]
    pub metadata: Option<Value>,
}

/// A pair of a bulk write; its value in base64.
#[derive(Serialize)]
pub(super) struct BulkPair<'a> {
    pub key: &'a str,
    pub value: String,
    pub base64: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<&'a Value>,
}

/// What became of a bulk write; older answers say nothing, which is success.
#[derive(Default, Deserialize)]
pub(super) struct BulkDone {
    #[serde(default)]
    pub unsuccessful_keys: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct BulkGet<'a> {
    pub keys: &'a [&'a str],
    #[serde(rename = "type")]
    pub kind: &'static str,
}

#[derive(Deserialize)]
pub(super) struct BulkValues {
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
}

#[derive(Serialize)]
pub(super) struct Push {
    pub body: String,
    pub content_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct PushBatch {
    pub messages: Vec<Push>,
}

#[derive(Serialize)]
pub(super) struct Pull {
    pub batch_size: usize,
    pub visibility_timeout_ms: u64,
}

#[derive(Deserialize)]
pub(super) struct Pulled {
    #[serde(default)]
    pub messages: Vec<PulledMessage>,
}

#[derive(Deserialize)]
pub(super) struct PulledMessage {
    pub id: String,
    #[serde(default)]
    pub body: Value,
    #[serde(default, deserialize_with = "whole")]
    pub attempts: Option<u64>,
    pub lease_id: String,
    #[serde(default)]
    pub metadata: Value,
}

#[derive(Default, Serialize)]
pub(super) struct Settle<'a> {
    pub acks: Vec<Lease<'a>>,
    pub retries: Vec<Retry<'a>>,
}

#[derive(Serialize)]
pub(super) struct Lease<'a> {
    pub lease_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct Retry<'a> {
    pub lease_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
pub(super) struct Settled {
    #[serde(default, rename = "ackCount", deserialize_with = "whole")]
    pub acks: Option<u64>,
    #[serde(default, rename = "retryCount", deserialize_with = "whole")]
    pub retries: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct NewQueue<'a> {
    pub queue_name: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Queue {
    pub queue_id: String,
    #[serde(default)]
    pub queue_name: String,
}

#[derive(Serialize)]
pub(super) struct NewConsumer<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub settings: ConsumerSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_queue: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct ConsumerSettings {
    pub batch_size: u32,
    pub max_retries: u32,
    pub visibility_timeout_ms: u64,
    pub retry_delay: u64,
}
