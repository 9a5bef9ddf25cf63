//! Telling one address something: a try, what is written of it, and when it is tried again.

use std::time::Duration;

use serde_json::json;
use tracing::Instrument;

use super::{Subscription, SubscriptionId, Told, WebhookDelivery, WebhookEvent, sign};
use crate::{
    audit::Line,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Actor, Error, OrNotFound, Result, time},
    orgs::OrganizationId,
    ports::{Fault, VendorError, hooks::SignedHook},
    reliability::{self, FailureStatus},
    store::{OrgTx, Repo},
    wib::Wib,
};

/// Seconds behind each try that was not taken.
const WAITS: [u64; 8] = [1, 4, 16, 300, 1800, 7200, 18_000, 36_000];
/// Tries that the contract knows: what the last of them could not deliver is a failure.
const PROMISED: i64 = 4;
/// Tries of a trial by hand, the first of which somebody waits for.
const TRIAL: i64 = 3;
/// How long a delivery waits for a place.
const QUEUE: Duration = Duration::from_secs(1);

/// Posts an event to an address, once. What came of it is a row that is still to be [kept].
pub(crate) async fn sent(
    wib: &Wib,
    organization: OrganizationId,
    subscription: &Subscription,
    told: &Told,
    attempt: i64,
) -> Result<WebhookDelivery> {
    let hooks = wib.hooks().ok_or_else(|| Error::internal("nobody posts to addresses here"))?;
    let name = Subscription::secret_name(subscription.id);
    let sealed = wib.store.org(organization).await?.secret_by_name(&name).await?.or_not_found("secret")?;
    let secret = wib.vault()?.open(organization, &sealed)?;
    let (began, body) = (wib.now(), told.body.to_string());
    let headers = sign::headers(&secret, told, began, &body)?;
    let answer = hooks.deliver(&SignedHook { url: subscription.url.clone(), headers, body }).await;
    let (answer, error) = match answer {
        Ok(answer) => (Some(answer), None),
        Err(error) => (None, Some(why(&error).to_owned())),
    };
    let success = answer.as_ref().is_some_and(|answer| answer.took());
    let outcome = if success { "taken" } else { "refused" };
    metrics::counter!("wib_webhook_deliveries_total", "outcome" => outcome).increment(1);
    Ok(WebhookDelivery {
        id: wib.id(),
        subscription_id: subscription.id,
        event_id: told.event_id,
        event: told.event,
        payload: told.body.clone(),
        attempt,
        response_status: answer.as_ref().map(|answer| i64::from(answer.status)),
        response_body: answer.map(|answer| answer.body),
        error,
        success,
        duration_ms: (wib.now().as_millisecond() - began.as_millisecond()).max(0),
        created_at: began,
    })
}

/// In our own words: an adapter's may tell where a name leads.
fn why(error: &VendorError) -> &'static str {
    match error.fault {
        Fault::Timeout => "no answer in time",
        Fault::Request => "the address does not lead to the open internet",
        _ => "no connection",
    }
}

/// Writes what came of a try. An address that is gone is told nothing more.
pub(crate) async fn kept(wib: &Wib, tx: &mut dyn OrgTx, delivery: &WebhookDelivery) -> Result<()> {
    let Some(subscription) = tx.lock_webhook(delivery.subscription_id).await? else { return Ok(()) };
    tx.insert(delivery).await?;
    if delivery.response_status == Some(410) && subscription.is_active {
        let gone = Subscription { is_active: false, updated_at: wib.now(), ..subscription };
        tx.update(&gone).await?;
        let about = ("webhook", Some(gone.id.uuid()));
        let line = Line::by(wib, Actor::System, "webhook:deactivated", about);
        line.with(json!({ "answered": 410 })).write(&mut *tx).await;
    }
    Ok(())
}

/// Has a trial tried again by itself.
pub(crate) async fn again(wib: &Wib, tx: &mut dyn OrgTx, id: SubscriptionId, told: &Told) -> Result<()> {
    let key = format!("{id}:{}:{}", told.event, told.event_id);
    let payload = json!({ "subscription_id": id, "told": told, "done": 1, "tries": TRIAL });
    let run_at = time::after(wib.now(), Duration::from_secs(WAITS[0]));
    tx.enqueue(&NewMessage { topic: Topic::DeliverWebhook, key, payload, run_at }).await?;
    Ok(())
}

/// Tells an address what it is queued for. While it waits for the answer the worker goes on.
pub(crate) async fn deliver(wib: &Wib, message: &Message) -> Result<Done> {
    let organization = message.organization_id.ok_or_else(|| Error::internal("a delivery has no organization"))?;
    let Some(seat) = wib.flights.board(organization) else {
        return Ok(Done::wait(time::after(wib.now(), QUEUE), "too many deliveries are under way"));
    };
    if wib.clock.inline() {
        return one(wib, organization, message).await;
    }
    let (wib, message) = (wib.clone(), message.clone());
    let beside = async move {
        let outcome = one(&wib, organization, &message).await;
        drop(seat);
        // Left unsettled, its lease ends and it is tried again.
        if let Err(error) = settle(&wib, &message, outcome).await {
            tracing::warn!(error = error.chain(), "a delivery could not be settled");
        }
    };
    tokio::spawn(beside.in_current_span());
    Ok(Done::Beside)
}

async fn settle(wib: &Wib, message: &Message, outcome: Result<Done>) -> Result<()> {
    let mut tx = wib.store.system().await?;
    match outcome {
        Ok(Done::Later { at, why, counted, .. }) => tx.retry(message, at, &why, false, counted).await?,
        Ok(_) => tx.acknowledge(message, wib.now()).await?,
        Err(error) if message.attempts >= message.topic.limits().tries => {
            metrics::counter!("wib_dead_letters_total", "topic" => message.topic.as_str()).increment(1);
            tx.bury(message, wib.now(), &error.chain()).await?;
        }
        Err(error) => {
            tracing::warn!(error = error.chain(), "a delivery was not tried");
            let limits = message.topic.limits();
            let tries = u32::try_from(message.attempts).unwrap_or(u32::MAX);
            let at = time::after(wib.now(), wib.random().backoff(tries, limits.base, limits.cap));
            tx.retry(message, at, &error.chain(), false, true).await?;
        }
    }
    tx.commit().await
}

async fn one(wib: &Wib, organization: OrganizationId, message: &Message) -> Result<Done> {
    let id: SubscriptionId = message.payload_field("subscription_id")?;
    let told: Told = message.payload_field("told")?;
    let done: Option<i64> = message.payload_field("done")?;
    let tries: Option<i64> = message.payload_field("tries")?;
    let trial = told.event == WebhookEvent::TestDelivery;
    let mut tx = wib.store.org(organization).await?;
    let subscription = Repo::<Subscription>::find(&mut *tx, id).await?;
    let failure = tx.failure_of(id, told.event_id).await?;
    drop(tx);
    // Taken away, switched off, or settled by somebody meanwhile.
    let Some(subscription) = subscription.filter(|subscription| subscription.is_active || trial) else {
        return Ok(Done::Ack);
    };
    if failure.is_some_and(|failure| failure.status != FailureStatus::Failed) {
        return Ok(Done::Ack);
    }
    let attempt = done.unwrap_or(0) + message.attempts;
    let delivery = sent(wib, organization, &subscription, &told, attempt).await?;
    let mut tx = wib.store.org(organization).await?;
    kept(wib, &mut *tx, &delivery).await?;
    if !trial && (delivery.success || attempt >= PROMISED) {
        reliability::note(wib, &mut *tx, &subscription, &delivery).await?;
    }
    tx.commit().await?;
    let wait = usize::try_from(attempt - 1).ok().and_then(|tried| WAITS.get(tried)).copied();
    let wait = wait.filter(|_| tries.is_none_or(|tries| attempt < tries));
    let (Some(wait), false) = (wait, delivery.success || delivery.response_status == Some(410)) else {
        return Ok(Done::Ack);
    };
    let why = match delivery.response_status {
        Some(status) => format!("the address answered {status}"),
        None => delivery.error.unwrap_or_default(),
    };
    let at = time::after(wib.now(), Duration::from_secs(wait));
    Ok(Done::Later { at, why, started: false, counted: true })
}
