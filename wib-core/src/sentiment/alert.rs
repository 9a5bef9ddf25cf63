//! Telling somebody that a call is to be escalated: once per call.

use serde_json::json;

use super::{AlertChannel, SentimentConfig, SentimentScore};
use crate::{
    audit::Line,
    calls::CallEvent,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Actor, Error, Id, Result},
    orgs::OrganizationId,
    ports::{
        hooks::Hook,
        mailer::{Mail, Mailbox},
    },
    store::{OrgTx, Repo},
    wib::Wib,
};

/// Most owners that are mailed.
const OWNERS: i64 = 10;

/// Who would be mailed; asked before anything is held.
pub(super) async fn owners(wib: &Wib, organization: OrganizationId, config: &SentimentConfig) -> Result<Vec<Mailbox>> {
    if !config.alert_channels.0.contains(&AlertChannel::Email) {
        return Ok(vec![]);
    }
    let addresses = wib.store.system().await?.owners_addresses(organization, OWNERS).await?;
    Ok(addresses.iter().filter_map(|address| address.parse().ok()).collect())
}

/// Writes that the call is to be escalated, and has those told who are to be.
pub(super) async fn raise(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    config: &SentimentConfig,
    score: &SentimentScore,
    owners: Vec<Mailbox>,
) -> Result<()> {
    let now = wib.now();
    // No word of the person's: those can be taken away, the log cannot.
    let told = json!({
        "call_id": score.call_id, "line_index": score.line_index, "score": score.score,
        "objections": score.objections.0.len(), "channels": config.alert_channels,
    });
    let line = Line::by(wib, Actor::System, "sentiment:alert_triggered", ("call", Some(score.call_id.uuid())));
    line.is(&told).write(&mut *tx).await;
    tx.note_event(&CallEvent {
        id: wib.id(),
        call_id: score.call_id,
        source: "sentiment:escalated".to_owned(),
        event_type: "sentiment.escalated".to_owned(),
        event_data: json!({"score_id": score.id, "line_index": score.line_index, "standing": "assistive"}),
        at: now,
    })
    .await?;
    let key = score.call_id.to_string();
    if config.alert_channels.0.contains(&AlertChannel::Webhook) {
        let payload = json!({"score_id": score.id});
        let message = NewMessage { topic: Topic::TellSentiment, key: key.clone(), payload, run_at: now };
        tx.enqueue(&message).await?;
    }
    if !owners.is_empty() {
        let mail = Mail {
            to: owners,
            subject: "A call asks for attention".to_owned(),
            text: Some(format!(
                "A customer's mood on a call asks for attention.\n\nCall: {}\nLine: {}\nObjections: {}\n\nThis was found by a \
                 machine and may be wrong. What was said is shown with the call.\n",
                score.call_id,
                score.line_index,
                score.objections.0.len()
            )),
            ..Mail::default()
        };
        let payload =
            serde_json::to_value(&mail).map_err(|e| Error::internal("a mail cannot be written").because(e))?;
        let key = format!("sentiment:{key}");
        tx.enqueue(&NewMessage { topic: Topic::SendMail, key, payload, run_at: now }).await?;
    }
    metrics::counter!("wib_sentiment_alerts_total").increment(1);
    Ok(())
}

/// Tells the organisation's address, as it stands now. The queue holds no word of the person's: they are read here.
pub(crate) async fn tell(wib: &Wib, message: &Message) -> Result<Done> {
    let organization = message.organization_id.ok_or_else(|| Error::internal("an alert has no organization"))?;
    let id: Id<SentimentScore> = message.payload_field("score_id")?;
    let mut tx = wib.store.org(organization).await?;
    let wanted = |config: &SentimentConfig| config.alert_channels.0.contains(&AlertChannel::Webhook);
    let url = tx.sentiment_config().await?.filter(wanted).and_then(|config| config.webhook_url);
    let score = Repo::<SentimentScore>::find(&mut *tx, id).await?;
    drop(tx);
    // Not wanted any more, or taken away.
    let (Some(url), Some(score)) = (url, score) else { return Ok(Done::Ack) };
    let hooks = wib.hooks().ok_or_else(|| Error::internal("nobody posts to addresses here"))?;
    let objections: Vec<_> = score.objections.0.iter().map(|objection| &objection.phrase).collect();
    let body = json!({
        "event": "sentiment.alert", "call_id": score.call_id, "organization_id": organization,
        "score": score.score.and_then(decimal), "objections": objections, "segment_index": score.line_index,
        "timestamp": score.created_at,
    });
    hooks.post(&Hook { url, key: format!("{organization}:{}", message.key), body }).await?;
    Ok(Done::Ack)
}

/// Millionths as a JSON number.
fn decimal(millionths: i64) -> Option<serde_json::Number> {
    let (sign, size) = (if millionths < 0 { "-" } else { "" }, millionths.unsigned_abs());
    format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millionths_are_told_as_a_number() {
        for (millionths, text) in [(-700_000, "-0.7"), (0, "0.0"), (1_000_000, "1.0"), (-1, "-1e-6")] {
            assert_eq!(decimal(millionths).unwrap().to_string(), text);
        }
    }
}
