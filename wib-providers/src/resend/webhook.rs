//! Deliveries: `svix-v1`, 300 s either way, several secrets while one is being rotated.

use std::time::Duration;

use serde::Deserialize;
use wib_core::{
    kit::time::{Timestamp, microseconds},
    ports::{
        mailer::{MailEvent, MailId},
        webhook::{Event, EventBody, Headers, Opened, Refused, WebhookSource, svix_v1},
    },
};

use super::{Resend, VENDOR, wire};

const WINDOW: Duration = Duration::from_secs(300);

impl WebhookSource for Resend {
    fn vendor(&self) -> &'static str {
        VENDOR
    }

    fn open(&self, headers: &Headers<'_>, body: &[u8], now: Timestamp) -> Result<Opened, Refused> {
        if body.is_empty() {
            return Err(Refused::EmptyBody);
        }
        if self.secrets.is_empty() {
            return Err(Refused::NotConfigured);
        }
        let either = |name, alias| headers.get(name).or_else(|| headers.get(alias)).ok_or(Refused::MissingHeaders);
        let id = either("svix-id", "webhook-id")?;
        let timestamp = either("svix-timestamp", "webhook-timestamp")?;
        let signatures = either("svix-signature", "webhook-signature")?;
        let proof = svix_v1(&self.secrets, id, timestamp, signatures, body, now, WINDOW)?;
        // The proof says that it is plain decimal.
        let sent_at = timestamp.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(now);
        Ok(Opened::new(proof, vec![read(id, sent_at, body)?]))
    }
}

/// What a verified delivery says. Kinds we do not act on are kept by name, also those that tell of no mail.
pub(super) fn read(id: &str, sent_at: Timestamp, body: &[u8]) -> Result<Event, Refused> {
    if id.is_empty() {
        return Err(Refused::InvalidStructure);
    }
    let json: serde_json::Value = serde_json::from_slice(body).map_err(|_| Refused::InvalidJson)?;
    let delivery = wire::Delivery::deserialize(json).map_err(|_| Refused::InvalidStructure)?;
    let id = id.to_owned();
    if !delivery.kind.starts_with("email.") {
        return Ok(Event { id, body: EventBody::Other(delivery.kind) });
    }
    let Ok(data) = wire::EmailData::deserialize(delivery.data) else { return Err(Refused::InvalidStructure) };
    let at = delivery.created_at.and_then(|at| at.parse().ok()).map_or(sent_at, microseconds);
    let what = data.what(&delivery.kind);
    Ok(Event { id, body: EventBody::Mail(MailEvent { mail: MailId(data.email_id), at, to: data.to, what }) })
}
