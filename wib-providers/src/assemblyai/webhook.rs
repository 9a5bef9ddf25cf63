//! Deliveries: a secret in a header. Nothing covers the body or the time.

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wib_core::{
    kit::time::Timestamp,
    ports::webhook::{Event, EventBody, Headers, Opened, Proof, Refused, WebhookSource, shared_secret},
};

use super::{AssemblyAi, VENDOR, wire};

impl WebhookSource for AssemblyAi {
    fn vendor(&self) -> &'static str {
        VENDOR
    }

    fn open(&self, headers: &Headers<'_>, body: &[u8], _now: Timestamp) -> Result<Opened, Refused> {
        if body.is_empty() {
            return Err(Refused::EmptyBody);
        }
        let proof = self.proof(headers)?;
        Ok(Opened::new(proof, vec![read(body)?]))
    }
}

impl AssemblyAi {
    fn proof(&self, headers: &Headers<'_>) -> Result<Proof, Refused> {
        if self.secrets.is_empty() {
            return Err(Refused::NotConfigured);
        }
        let value = headers.get(&self.header).or_else(|| headers.get("x-assemblyai-webhook-secret"));
        let value = value.ok_or(Refused::MissingHeaders)?;
        // Only where the word has a meaning: a proxy or a person may have put it there.
        let bare = value.strip_prefix("Bearer ").filter(|_| self.header.eq_ignore_ascii_case("authorization"));
        let candidates = || [Some(value), bare].into_iter().flatten();
        let mut refused = Refused::NotConfigured;
        for secret in &self.secrets {
            for candidate in candidates() {
                match shared_secret(secret, candidate) {
                    Ok(proof) => return Ok(proof),
                    Err(why) => refused = why,
                }
            }
        }
        Err(refused)
    }
}

/// What a delivery says. A transcript's next state is another event; the other kinds are known by their bytes.
pub(super) fn read(body: &[u8]) -> Result<Event, Refused> {
    let json: Value = serde_json::from_slice(body).map_err(|_| Refused::InvalidJson)?;
    let notice = wire::Notice::deserialize(json).map_err(|_| Refused::InvalidStructure)?;
    let by_bytes = |name: &str, what: EventBody| {
        Ok(Event { id: format!("{name}:{}", hex::encode(Sha256::digest(body))), body: what })
    };
    match notice {
        wire::Notice { transcript_id: Some(transcript_id), status: Some(status), .. } if !transcript_id.is_empty() => {
            Ok(Event { id: format!("{transcript_id}:{status}"), body: EventBody::Transcript { transcript_id, status } })
        }
        wire::Notice { transcript_id: None, status: Some(status), redacted_audio_url, .. }
            if status.starts_with("redacted_audio") =>
        {
            let ready = redacted_audio_url.filter(|_| status == "redacted_audio_ready");
            by_bytes("redacted_audio", ready.map_or(EventBody::Other(status), |url| EventBody::RedactedAudio { url }))
        }
        wire::Notice { transcript_id: None, session_id: Some(session_id), .. } => {
            by_bytes("streaming.session", EventBody::LiveSession { session_id })
        }
        _ => Err(Refused::InvalidStructure),
    }
}
