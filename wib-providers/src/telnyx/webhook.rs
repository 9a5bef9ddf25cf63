//! Deliveries: Ed25519 over `timestamp|body`, 300 s either way.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use wib_core::{
    kit::time::{Timestamp, microseconds},
    ports::{
        voice::VoiceEvent,
        webhook::{Event, EventBody, Headers, Opened, Refused, WebhookSource, ed25519},
    },
};

use super::{
    Telnyx, VENDOR,
    wire::{
        self,
        events::{Conference, Data, Delivery, kind},
    },
};

const WINDOW: Duration = Duration::from_secs(300);

impl WebhookSource for Telnyx {
    fn vendor(&self) -> &'static str {
        VENDOR
    }

    fn open(&self, headers: &Headers<'_>, body: &[u8], now: Timestamp) -> Result<Opened, Refused> {
        if body.is_empty() {
            return Err(Refused::EmptyBody);
        }
        if self.keys.is_empty() {
            return Err(Refused::NotConfigured);
        }
        let either = |name, alias| headers.get(name).or_else(|| headers.get(alias)).ok_or(Refused::MissingHeaders);
        let signature = either("telnyx-signature-ed25519", "webhook-signature")?;
        let timestamp = either("telnyx-timestamp", "webhook-timestamp")?;
        let proof = |key| ed25519(key, timestamp, "|", signature, body, now, WINDOW).ok();
        let proof = self.keys.iter().find_map(proof).ok_or(Refused::BadSignature)?;
        Ok(Opened::new(proof, vec![read(body, now)?]))
    }
}

/// What a verified delivery says. Kinds we do not act on are kept by name; only a body without a name, an id, or the
/// fields of a kind we act on has a wrong shape. Some events of conferences do not tell their time: theirs is `now`.
pub(super) fn read(body: &[u8], now: Timestamp) -> Result<Event, Refused> {
    let json: Value = serde_json::from_slice(body).map_err(|_| Refused::InvalidJson)?;
    let shape = |_| Refused::InvalidStructure;
    let Data { id, event_type, occurred_at, payload } = Delivery::deserialize(json).map_err(shape)?.data;
    if id.is_empty() || event_type.is_empty() {
        return Err(Refused::InvalidStructure);
    }
    let conference = event_type.starts_with("conference.");
    if !conference && !event_type.starts_with("call.") && !event_type.starts_with("streaming.") {
        return Ok(Event { id, body: EventBody::Other(event_type) });
    }
    let common = wire::Common::deserialize(&payload).map_err(shape)?;
    let (mut leg, mut at) = (common.leg(), occurred_at);
    if conference {
        let told = Conference::deserialize(&payload).map_err(shape)?;
        leg.session_id = leg.session_id.or(told.creator_call_session_id);
        at = at.or(told.occurred_at).or(Some(now));
    }
    let event = VoiceEvent {
        id: id.clone(),
        leg,
        at: microseconds(at.ok_or(Refused::InvalidStructure)?),
        tag: common.tag(),
        what: kind(&event_type, &payload).map_err(shape)?,
    };
    Ok(Event { id, body: EventBody::Voice(event) })
}
