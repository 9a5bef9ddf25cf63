//! Workers KV, as [`Cache`]; and what else it can do: lists, metadata, many keys at once.
//!
//! # The envelope
//! A value that is to end within 60 s is written as `wib1`, the instant at which it ends (milliseconds since 1970, eight
//! bytes, the greatest first), and the value. A value that begins with `wib1` by itself is put into one without an end
//! (all eight bytes 255), so that nothing is mistaken.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{BufMut, Bytes, BytesMut};
use http::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wib_core::{
    kit::time::{Timestamp, after},
    ports::{
        Cache, Fault, Sent, VendorError,
        cache::{CacheCaps, Counted},
    },
};

use super::{Cloudflare, VENDOR, wire, wire::NO_BODY};
use crate::http::Ask;

/// What KV can do. A value's bytes leave room for the envelope.
pub(super) const CAPS: CacheCaps = CacheCaps { consistent: false, key_bytes: 512, value_bytes: (25 << 20) - ENVELOPE };
/// The shortest time that KV keeps a value.
const SHORTEST: Duration = Duration::from_secs(60);
const MARK: &[u8] = b"wib1";
const ENVELOPE: usize = 12;
/// How long a value may take to go up or down.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most pairs that are written or deleted at once, and most keys that are read.
const BULK: usize = 10_000;
const BULK_GET: usize = 100;

/// A namespace of Workers KV.
#[derive(Clone, Debug)]
pub struct Kv {
    pub(super) cloudflare: Cloudflare,
    pub(super) namespace: String,
}

/// A key of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// When KV forgets it.
    pub expires_at: Option<Timestamp>,
    /// What was noted with it.
    pub metadata: Option<Value>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    /// The keys, by name.
    pub keys: Vec<Key>,
    /// Where the next page begins; `None` at the end.
    pub cursor: Option<String>,
}

/// A value to be written under a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Its name.
    pub key: String,
    /// The value.
    pub value: Bytes,
    /// How long it is kept.
    pub ttl: Option<Duration>,
    /// What is noted with it: an object, 1024 bytes of JSON at most.
    pub metadata: Option<Value>,
}

/// A value as it is written, and for how many seconds KV keeps it.
pub(super) fn wrap(value: Bytes, ttl: Option<Duration>, now: Timestamp) -> (Bytes, Option<u64>) {
    let short = ttl.filter(|ttl| *ttl < SHORTEST);
    let seconds = ttl.map(|ttl| whole_seconds(ttl.max(SHORTEST)));
    if short.is_none() && !value.starts_with(MARK) {
        return (value, seconds);
    }
    let ends = short.map_or(u64::MAX, |ttl| u64::try_from(after(now, ttl).as_millisecond()).unwrap_or(0));
    let mut wrapped = BytesMut::with_capacity(ENVELOPE + value.len());
    wrapped.put_slice(MARK);
    wrapped.put_u64(ends);
    wrapped.put_slice(&value);
    (wrapped.freeze(), seconds)
}

/// A value as it was given; `None` when its time is over.
pub(super) fn unwrap(mut written: Bytes, now: Timestamp) -> Option<Bytes> {
    if !written.starts_with(MARK) || written.len() < ENVELOPE {
        return Some(written);
    }
    let value = written.split_off(ENVELOPE);
    let ends = written[MARK.len()..].iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    let over = i64::try_from(ends).is_ok_and(|ends| ends <= now.as_millisecond());
    (!over).then_some(value)
}

pub(super) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl Kv {
    fn ask(&self, operation: &'static str, method: Method, template: &'static str) -> Ask<'_> {
        let ask = self.cloudflare.client.ask(operation, method, template);
        ask.fill(&self.cloudflare.account).fill(&self.namespace)
    }
    fn check(&self, key: &str, bytes: usize) -> Result<(), VendorError> {
        CAPS.check(VENDOR, key, bytes)
    }
    fn refuse(&self, why: &str) -> VendorError {
        VendorError::new(VENDOR, Fault::Request, Sent::No, why)
    }

    /// Writes a value, with what is noted of it. A repeat writes the same, so it is repeated.
    ///
    /// # Errors
    /// `Request` for a key or value that does not fit, and what the vendor said.
    pub async fn write(&self, pair: Pair) -> Result<(), VendorError> {
        // Only the bulk write's document knows of times.
        if pair.ttl.is_some() {
            return self.write_many(std::slice::from_ref(&pair)).await;
        }
        self.check(&pair.key, pair.value.len())?;
        let (value, _) = wrap(pair.value, None, self.cloudflare.client.now());
        let (boundary, body) = form(&value, &pair.metadata.unwrap_or_else(|| serde_json::json!({})));
        let ask = self.ask("kv_put", Method::PUT, "/accounts/{}/storage/kv/namespaces/{}/values/{}").fill(&pair.key);
        let kind = format!("multipart/form-data; boundary={boundary}");
        let ask = ask.bytes(body, "multipart/form-data").header("content-type", &kind);
        wire::result::<Value>(&ask.repeatable().within(PATIENCE).send().await?).map(drop)
    }

    /// What was noted with a value; `Missing` when it is not there.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn metadata(&self, key: &str) -> Result<Value, VendorError> {
        self.check(key, 0)?;
        let template = "/accounts/{}/storage/kv/namespaces/{}/metadata/{}";
        wire::result(&self.ask("kv_metadata", Method::GET, template).fill(key).send().await?)
    }

    /// A page of the keys that begin so, 10 to 1000 of them; from the beginning, or on from a page's cursor.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn keys(&self, prefix: &str, most: usize, cursor: Option<&str>) -> Result<Keys, VendorError> {
        let template = "/accounts/{}/storage/kv/namespaces/{}/keys";
        let most = most.clamp(10, 1000).to_string();
        let mut ask = self.ask("kv_keys", Method::GET, template).query("limit", &most);
        if !prefix.is_empty() {
            ask = ask.query("prefix", prefix);
        }
        if let Some(cursor) = cursor {
            ask = ask.query("cursor", cursor);
        }
        let (keys, info) = wire::page::<Option<Vec<wire::Key>>>(&ask.send().await?)?;
        let key = |key: wire::Key| Key {
            name: key.name,
            expires_at: key.expiration.and_then(|at| Timestamp::from_second(i64::try_from(at).ok()?).ok()),
            metadata: key.metadata,
        };
        Ok(Keys { keys: keys.unwrap_or_default().into_iter().map(key).collect(), cursor: info.cursor.filter(|cursor| !cursor.is_empty()) })
    }

    /// Writes many values at once, 10,000 at most. A repeat writes the same, so it is repeated.
    ///
    /// # Errors
    /// `Request` for what does not fit; `Down` when the vendor wrote only some; what else it said.
    pub async fn write_many(&self, pairs: &[Pair]) -> Result<(), VendorError> {
        if pairs.is_empty() || pairs.len() > BULK {
            return Err(self.refuse("1 to 10,000 pairs are written at once"));
        }
        pairs.iter().try_for_each(|pair| self.check(&pair.key, pair.value.len()))?;
        let now = self.cloudflare.client.now();
        let written = |pair: &'_ Pair| wrap(pair.value.clone(), pair.ttl, now);
        let body: Vec<_> = pairs
            .iter()
            .map(|pair| {
                let (value, expiration_ttl) = written(pair);
                let (key, value) = (pair.key.as_str(), BASE64_STANDARD.encode(value));
                wire::BulkPair { key, value, base64: true, expiration_ttl, metadata: pair.metadata.as_ref() }
            })
            .collect();
        let ask = self.ask("kv_put_many", Method::PUT, "/accounts/{}/storage/kv/namespaces/{}/bulk").json(&body);
        self.done(&ask.repeatable().within(PATIENCE).send().await?)
    }

    /// Deletes many values at once, 10,000 at most; absent ones are fine.
    ///
    /// # Errors
    /// As [`write_many`](Self::write_many).
    pub async fn delete_many(&self, keys: &[&str]) -> Result<(), VendorError> {
        if keys.is_empty() || keys.len() > BULK {
            return Err(self.refuse("1 to 10,000 keys are deleted at once"));
        }
        keys.iter().try_for_each(|key| self.check(key, 0))?;
        let template = "/accounts/{}/storage/kv/namespaces/{}/bulk/delete";
        let ask = self.ask("kv_delete_many", Method::POST, template).json(&keys);
        self.done(&ask.repeatable().send().await?)
    }

    /// The texts of many keys, 100 at most; those that are not there, or are no text, are left out.
    ///
    /// # Errors
    /// `Request` for what does not fit, and what the vendor said.
    pub async fn texts(&self, keys: &[&str]) -> Result<BTreeMap<String, String>, VendorError> {
        if keys.is_empty() || keys.len() > BULK_GET {
            return Err(self.refuse("1 to 100 keys are read at once"));
        }
        keys.iter().try_for_each(|key| self.check(key, 0))?;
        let template = "/accounts/{}/storage/kv/namespaces/{}/bulk/get";
        let ask = self.ask("kv_get_many", Method::POST, template).json(&wire::BulkGet { keys, kind: "text" });
        let told: wire::BulkValues = wire::result(&ask.repeatable().within(PATIENCE).send().await?)?;
        let now = self.cloudflare.client.now();
        let text = |(key, value): (String, Value)| {
            let value = unwrap(Bytes::from(value.as_str()?.to_owned()), now)?;
            Some((key, String::from_utf8(value.to_vec()).ok()?))
        };
        Ok(told.values.into_iter().filter_map(text).collect())
    }

    fn done(&self, answer: &crate::http::Answer) -> Result<(), VendorError> {
        let done = wire::result::<Option<wire::BulkDone>>(answer)?.unwrap_or_default();
        if done.unsuccessful_keys.is_empty() {
            return Ok(());
        }
        Err(self.cloudflare.client.fault(Fault::Down, Sent::Unknown, "some keys were not taken"))
    }
}

/// A form of a value and what is noted with it. The boundary is the value's hash, which the value cannot hold.
fn form(value: &[u8], metadata: &Value) -> (String, Bytes) {
    let boundary = hex::encode(Sha256::digest(value));
    let mut body = BytesMut::with_capacity(value.len() + 512);
    let mut part = |name: &str, bytes: &[u8]| {
        body.put_slice(format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
        body.put_slice(bytes);
        body.put_slice(b"\r\n");
    };
    part("value", value);
    part("metadata", metadata.to_string().as_bytes());
    body.put_slice(format!("--{boundary}--\r\n").as_bytes());
    (boundary, body.freeze())
}

#[async_trait]
impl Cache for Kv {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.cloudflare.live
    }
    fn caps(&self) -> CacheCaps {
        CAPS
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>, VendorError> {
        self.check(key, 0)?;
        let ask = self.ask("kv_get", Method::GET, "/accounts/{}/storage/kv/namespaces/{}/values/{}").fill(key);
        match ask.at_most(25 << 20).within(PATIENCE).send().await {
            Ok(answer) => Ok(unwrap(answer.body, self.cloudflare.client.now())),
            // A namespace that is not there is not a value that is not there.
            Err(error) if error.fault == Fault::Missing && error.code.as_deref() != Some(NO_NAMESPACE) => Ok(None),
            Err(error) => Err(error),
        }
    }
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), VendorError> {
        self.write(Pair { key: key.to_owned(), value, ttl, metadata: None }).await
    }
    async fn delete(&self, key: &str) -> Result<(), VendorError> {
        self.check(key, 0)?;
        let ask = self.ask("kv_delete", Method::DELETE, "/accounts/{}/storage/kv/namespaces/{}/values/{}").fill(key);
        wire::result::<Value>(&ask.json(&NO_BODY).send().await?).map(drop)
    }
    async fn count(&self, _key: &str, _by: u64, _window: Duration) -> Result<Counted, VendorError> {
        Err(CAPS.consistently(VENDOR).err().unwrap_or_else(|| self.refuse("KV has no counters")))
    }
    async fn swap(
        &self,
        _key: &str,
        _old: Option<Bytes>,
        _new: Option<Bytes>,
        _ttl: Option<Duration>,
    ) -> Result<bool, VendorError> {
        Err(CAPS.consistently(VENDOR).err().unwrap_or_else(|| self.refuse("KV has no swaps")))
    }
}

/// Cloudflare's code for a namespace that is not there.
const NO_NAMESPACE: &str = "10013";
