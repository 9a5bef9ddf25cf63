use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{MOST, Told, WebhookEvent};
use crate::{
    engine::{NewMessage, Topic},
    kit::Result,
    store::OrgTx,
    wib::Wib,
};

/// Has whoever subscribed told with the commit, once per event and subject. The data holds ids and states alone: no
/// numbers of persons, no words.
pub(crate) async fn tell(wib: &Wib, tx: &mut dyn OrgTx, event: WebhookEvent, subject: Uuid, data: Json) -> Result<()> {
    let mut wanting = tx.active_webhooks(MOST).await?;
    wanting.retain(|subscription| subscription.wants(event));
    if wanting.is_empty() {
        return Ok(());
    }
    let now = wib.now();
    let told = Told::new(wib.id(), event, now, &data);
    for subscription in wanting {
        let key = format!("{}:{event}:{subject}", subscription.id);
        let payload = json!({ "subscription_id": subscription.id, "told": told });
        tx.enqueue(&NewMessage { topic: Topic::DeliverWebhook, key, payload, run_at: now }).await?;
    }
    Ok(())
}
