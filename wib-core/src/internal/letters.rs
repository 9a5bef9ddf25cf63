//! Deliveries of vendors that were kept and could not be applied.

use serde_json::{Map, Value as Json, json};

use crate::{
    engine::{Message, MessageStatus, Topic},
    kit::{Error, Id, Result, time::Timestamp},
    wib::System,
};

/// Dead letters that are looked through.
const READ: i64 = 1000;
/// How deep payloads are shown.
const DEPTH: usize = 5;
/// Fields whose name holds one of these are not shown.
const PRIVATE: &[&str] = &[
    "phone",
    "number",
    "email",
    "name",
    "address",
    "transcript",
    "text",
    "body",
    "card",
    "bank",
    "ssn",
    "dob",
    "billing",
    "audio_url",
    "recording_url",
];
/// Nor are these, beyond the contract's list: who talks with whom, and where bytes lie.
const PRIVATE_WHOLE: &[&str] = &["from", "to", "url"];

/// A delivery that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundLetter {
    /// Its message: what is replayed.
    pub id: Id<Message>,
    /// Who sent it.
    pub source: String,
    /// What it says, in a word or two.
    pub event_type: String,
    /// What it says, without what is private.
    pub payload: Json,
    /// Why it could not be applied.
    pub error: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
}

/// Deliveries that could not be applied, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundLetters {
    /// As many as were asked for.
    pub letters: Vec<InboundLetter>,
    /// How many there are, of those that were looked through: 1000 at most.
    pub total: usize,
}

fn hidden(value: Json, depth: usize) -> Json {
    match value {
        Json::Object(_) | Json::Array(_) if depth >= DEPTH => json!("[too deep]"),
        Json::Array(items) => items.into_iter().map(|item| hidden(item, depth + 1)).collect(),
        Json::Object(fields) => fields.into_iter().map(|(name, value)| field(name, value, depth)).collect(),
        other => other,
    }
}

fn field(name: String, value: Json, depth: usize) -> (String, Json) {
    let lower = name.to_lowercase();
    let private = PRIVATE.iter().any(|word| lower.contains(word)) || PRIVATE_WHOLE.contains(&lower.as_str());
    let shown = if private && !value.is_null() { json!("[REDACTED]") } else { hidden(value, depth + 1) };
    (name, shown)
}

/// The words that say what an event is.
fn kind(body: &Json) -> String {
    let inner = body.pointer("/data/what/kind").or_else(|| body.pointer("/data/kind"));
    let words = [body.get("kind"), inner].into_iter().flatten().filter_map(Json::as_str);
    words.collect::<Vec<_>>().join(".")
}

impl System {
    /// Deliveries of vendors that were kept and could not be applied, oldest first, of one vendor when named; at most
    /// `limit` and 100.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn inbound_letters(&self, source: Option<&str>, limit: i64) -> Result<InboundLetters> {
        let limit = usize::try_from(limit.clamp(1, 100)).unwrap_or(1);
        let mut tx = self.tx().await?;
        let (mut letters, mut total) = (vec![], 0);
        for letter in tx.dead_letters(Some(Topic::ApplyEvent), READ).await? {
            if source.is_none() && letters.len() >= limit {
                total += 1;
                continue;
            }
            // Purged with its event: there is nothing to replay.
            let Some(event) = tx.inbox_event(letter.payload_field("inbox_id")?).await? else { continue };
            if source.is_some_and(|source| source != event.vendor) {
                continue;
            }
            total += 1;
            if letters.len() >= limit {
                continue;
            }
            let body = serde_json::to_value(&event.event.body)
                .map_err(|e| Error::internal("an event has no JSON form").because(e))?;
            let mut payload = match hidden(body.clone(), 0) {
                Json::Object(fields) => fields,
                other => Map::from_iter([("event".to_owned(), other)]),
            };
            payload.insert("_dlq_source".to_owned(), json!(event.vendor));
            payload.insert("_pii_redacted".to_owned(), json!(true));
            letters.push(InboundLetter {
                id: letter.id,
                event_type: kind(&body),
                source: event.vendor,
                payload: Json::Object(payload),
                error: letter.last_error,
                received_at: event.received_at,
            });
        }
        Ok(InboundLetters { letters, total })
    }

    /// Has a delivery applied again that could not be: from what was kept, which nothing was taken out of.
    ///
    /// # Errors
    /// `NotFound` when it is none, or waits already.
    pub async fn replay_inbound(&self, id: Id<Message>) -> Result<()> {
        let known = self.message(id).await?;
        let dead =
            known.is_some_and(|(letter, status)| letter.topic == Topic::ApplyEvent && status == MessageStatus::Dead);
        if dead && self.replay(id).await? { Ok(()) } else { Err(Error::not_found("dead letter")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_private_is_shown_of_a_delivery() {
        let body = json!({
            "kind": "voice",
            "data": {
                "id": "e1", "leg": {"control_id": "c1"}, "total": 3, "status": "busy",
                "what": {"kind": "initiated", "data": {"from": "+13125550123", "to": "+13125550124", "phone_number": 1}},
                "customer_name": "Alma", "Email": "a@b.c", "text": "words", "card_last4": "4242", "audio_url": "x",
                "nothing": null, "deep": {"er": {"still": {"even": {"more": 1}}}},
            },
        });
        assert_eq!(kind(&body), "voice.initiated");
        let shown = hidden(body, 0).to_string();
        for private in ["+1312", "Alma", "a@b.c", "words", "4242", "\"x\"", "\"more\""] {
            assert!(!shown.contains(private), "{private}: {shown}");
        }
        for plain in ["e1", "c1", "\"total\":3", "busy", "initiated"] {
            assert!(shown.contains(plain), "{plain}: {shown}");
        }
    }
}
