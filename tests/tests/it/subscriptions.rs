//! Addresses that are told what happens: signed, tried again, given up, sent again, taken away.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use wib_core::{
    engine::Topic,
    kit::{ExposeSecret, Kind, PageRequest, Principal, Role},
    orgs::Plan,
    ports::hooks::SignedHook,
    reliability::{FailureAction, FailureStatus, SettleFailure},
    secrets::Vault,
    subscriptions::{CreateSubscription, NewSubscription, UpdateSubscription, WebhookDelivery, WebhookEvent},
    testing::fakes::FakeHooks,
};

use crate::stage::{NOON, Stage, magic};

/// The use cases that write, and the lines that they leave.
pub(crate) const CHANGES: &[(&str, &str)] = &[
    ("create_webhook", "webhook:created"),
    ("update_webhook", "webhook:updated"),
    ("delete_webhook", "webhook:deleted"),
    ("test_webhook", "webhook:tested"),
    ("resend_webhook", "webhook:resent"),
    ("settle_webhook_failure", "reliability:webhook_action_taken"),
];

const URL: &str = "https://hooks.example.com/in?key=abc";

async fn stage() -> (Stage, Arc<FakeHooks>) {
    let hooks = Arc::new(FakeHooks::default());
    let posting = hooks.clone();
    let vault = Vault::from_hex(&"6b".repeat(32), []).unwrap();
    let mut stage = Stage::with(NOON, 1, |builder, _| builder.hooks(posting).vault(vault)).await;
    stage.wib.system().set_plan(stage.org.id(), Plan::Pro).await.unwrap();
    stage.org = stage.wib.org(Principal::service(stage.org.id())).await.unwrap();
    (stage, hooks)
}

async fn subscribe(stage: &Stage, events: &[WebhookEvent]) -> NewSubscription {
    let command = CreateSubscription { url: URL.to_owned(), events: events.to_vec(), ..Default::default() };
    stage.org.create_webhook(command).await.unwrap()
}

fn header<'a>(hook: &'a SignedHook, name: &str) -> &'a str {
    hook.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).unwrap()
}

fn event(hook: &SignedHook) -> &str {
    header(hook, "x-webhook-event")
}

fn body(hook: &SignedHook) -> Value {
    serde_json::from_str(&hook.body).unwrap()
}

/// What a receiver does to know us.
fn genuine(hook: &SignedHook, secret: &str) -> bool {
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let text = format!("{}.{}.{}", header(hook, "webhook-id"), header(hook, "webhook-timestamp"), hook.body);
    let standard = format!("v1,{}", BASE64_STANDARD.encode(mac(&key, &text)));
    header(hook, "webhook-signature") == standard
        && header(hook, "x-webhook-signature") == hex::encode(mac(secret.as_bytes(), &hook.body))
}

/// Works until nothing is due within that many seconds.
async fn pass(stage: &Stage, seconds: u64) {
    for _ in 0..seconds {
        stage.work().await;
        stage.pass(1);
    }
    stage.work().await;
}

async fn deliveries(stage: &Stage) -> Vec<WebhookDelivery> {
    let mut all = stage.org.webhook_deliveries(None, None, Some(200)).await.unwrap().items;
    all.reverse();
    all
}

async fn audited(stage: &Stage, action: &str) -> usize {
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let page = tx.page_of_audit(&PageRequest { limit: 200, ..PageRequest::default() }).await.unwrap();
    page.items.iter().filter(|line| line.action == action).count()
}

#[tokio::test]
async fn a_call_is_told_from_its_start_to_its_seal_once_and_signed() {
    let (stage, hooks) = stage().await;
    let everything = subscribe(&stage, &[WebhookEvent::All]).await;
    let ends = subscribe(&stage, &[WebhookEvent::CallEnded]).await;
    let account = stage.account(&magic(1)).await;
    let call = stage.start(&account).await.unwrap();
    stage.sealed(call.id).await;
    pass(&stage, 3).await;
    let all = hooks.delivered();
    let told = |secret: &str| {
        let mut told: Vec<_> = all.iter().filter(|hook| genuine(hook, secret)).map(event).collect();
        told.sort_unstable();
        told
    };
    let expected = [
        "call.ended",
        "call.recording.ready",
        "call.sealed",
        "call.started",
        "call.transcript.ready",
        "call.transcription_completed",
    ];
    assert_eq!(told(everything.secret.expose_secret()), expected);
    assert_eq!(told(ends.secret.expose_secret()), ["call.ended"]);
    for hook in &all {
        let body = body(hook);
        assert_eq!(body["data"]["call_id"], call.id.to_string(), "{body}");
        assert_eq!(body["event"], event(hook));
        assert_eq!(body.as_object().unwrap().len(), 3, "event, timestamp and data alone");
        for private in [magic(1).as_str(), "Alma", "Reyes", "Chicago"] {
            assert!(!hook.body.contains(private), "{}", hook.body);
        }
    }
    let ids = |name| all.iter().filter(|h| event(h) == name).map(|h| header(h, "webhook-id")).collect::<Vec<_>>();
    let ended = ids("call.ended");
    assert!(ended.len() == 2 && ended[0] == ended[1], "one event, however many are told: {ended:?}");
    let log = deliveries(&stage).await;
    assert!(log.len() == 7 && log.iter().all(|row| row.success && row.attempt == 1), "{log:?}");
}

#[tokio::test]
async fn what_is_not_taken_is_tried_at_1_4_and_16_seconds_and_then_a_failure_that_may_heal() {
    let (stage, hooks) = stage().await;
    let made = subscribe(&stage, &[WebhookEvent::CallStarted]).await;
    let account = stage.account(&magic(2)).await;
    for _ in 0..3 {
        hooks.answer(503, "not now");
    }
    let began = stage.now();
    stage.start(&account).await.unwrap();
    stage.work().await;
    hooks.fail(0);
    pass(&stage, 10).await;
    assert_eq!(stage.org.webhook_failures(None, None, None).await.unwrap().total, 0, "three tries are no failure yet");
    hooks.fail(1);
    pass(&stage, 20).await;
    let log = deliveries(&stage).await;
    let at: Vec<_> = log.iter().map(|row| row.created_at.duration_since(began).as_secs()).collect();
    assert_eq!(at, [0, 1, 5, 21]);
    assert_eq!(log.iter().map(|row| row.attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((log[0].response_status, log[0].response_body.as_deref()), (Some(503), Some("not now")));
    assert_eq!((log[3].response_status, log[3].error.as_deref()), (None, Some("no connection")));
    let failed = stage.org.webhook_failures(Some(FailureStatus::Failed), None, None).await.unwrap();
    let [failure] = &failed.list.items[..] else { panic!("one: {failed:?}") };
    assert_eq!((failure.attempt_count, failed.active, failed.total), (4, 1, 1));
    assert_eq!((failure.subscription_id, failure.event_id), (made.subscription.id, log[0].event_id));
    // The fifth try, minutes later, is taken.
    stage.pass(300);
    stage.work().await;
    let healed = stage.org.webhook_failures(None, None, None).await.unwrap();
    assert_eq!((healed.active, healed.resolved, healed.list.items[0].status), (0, 1, FailureStatus::Resolved));
    let all = hooks.delivered();
    let ids: std::collections::BTreeSet<_> = all.iter().map(|hook| header(hook, "webhook-id")).collect();
    assert_eq!((all.len(), ids.len()), (4, 1), "the same event under the same id");
    assert!(all.iter().all(|hook| genuine(hook, made.secret.expose_secret())));
    assert_eq!(stage.worker().next_due().await.unwrap().filter(|at| *at <= stage.now()), None);
    assert!(stage.wib.system().dead_letters_of(Some(Topic::DeliverWebhook), 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_address_that_is_gone_is_told_nothing_more() {
    let (stage, hooks) = stage().await;
    let made = subscribe(&stage, &[WebhookEvent::CallStarted]).await;
    hooks.answer(410, "");
    let account = stage.account(&magic(2)).await;
    stage.start(&account).await.unwrap();
    pass(&stage, 30).await;
    assert_eq!(hooks.delivered().len(), 1);
    assert!(!stage.org.webhook(made.subscription.id).await.unwrap().is_active);
    assert_eq!(audited(&stage, "webhook:deactivated").await, 1);
    let other = stage.account_at("+13125550124", "1 Main St, Chicago, IL 60601").await;
    stage.start(&other).await.unwrap();
    pass(&stage, 2).await;
    assert_eq!(hooks.delivered().len(), 1);
}

#[tokio::test]
async fn a_trial_is_answered_at_once_and_tried_twice_more() {
    let (stage, hooks) = stage().await;
    let made = subscribe(&stage, &[WebhookEvent::CallStarted]).await;
    let id = made.subscription.id;
    let fine = stage.org.test_webhook(id).await.unwrap();
    assert!(fine.success && fine.response_status == Some(200) && fine.event == WebhookEvent::TestDelivery);
    pass(&stage, 30).await;
    assert_eq!(hooks.delivered().len(), 1);
    for _ in 0..9 {
        hooks.answer(500, "");
    }
    let refused = stage.org.test_webhook(id).await.unwrap();
    assert!(!refused.success && refused.response_status == Some(500));
    pass(&stage, 60).await;
    assert_eq!(hooks.delivered().len(), 4, "once, and twice more by itself");
    assert_eq!(stage.org.webhook_failures(None, None, None).await.unwrap().total, 0, "a trial is no failure");
}

#[tokio::test]
async fn a_delivery_is_sent_again_by_hand_under_its_id() {
    let (stage, hooks) = stage().await;
    let (one, two) =
        (subscribe(&stage, &[WebhookEvent::All]).await, subscribe(&stage, &[WebhookEvent::BookingCreated]).await);
    let first = stage.org.test_webhook(one.subscription.id).await.unwrap();
    let again = stage.org.resend_webhook(one.subscription.id, first.id).await.unwrap();
    assert_eq!((again.event_id, again.attempt, again.success), (first.event_id, 2, true));
    assert_eq!(hooks.delivered()[0].body, hooks.delivered()[1].body);
    let wrong = stage.org.resend_webhook(two.subscription.id, first.id).await.unwrap_err();
    assert_eq!(wrong.kind(), Kind::NotFound, "of another subscription");
    assert_eq!(stage.org.webhook_delivery(again.id).await.unwrap(), again);
}

/// A failure of one address.
async fn failed(stage: &Stage, hooks: &FakeHooks, n: u8) {
    for _ in 0..4 {
        hooks.answer(500, "");
    }
    let account = stage.account_at(&format!("+131255501{n:02}"), "1 Main St, Chicago, IL 60601").await;
    stage.start(&account).await.unwrap();
    pass(stage, 25).await;
}

#[tokio::test]
async fn a_failure_is_sent_again_let_go_or_put_aside() {
    let (stage, hooks) = stage().await;
    let made = subscribe(&stage, &[WebhookEvent::CallStarted]).await;
    for n in [21, 22, 23] {
        failed(&stage, &hooks, n).await;
    }
    let open = stage.org.webhook_failures(None, None, None).await.unwrap();
    assert_eq!((open.active, open.list.items.len()), (3, 3));
    let settle = async |n: usize, action, notes: Option<&str>| {
        let failure_id = open.list.items[n].id;
        let resolution_notes = notes.map(str::to_owned);
        stage.org.settle_webhook_failure(SettleFailure { failure_id, action, resolution_notes }).await
    };
    hooks.answer(502, "");
    let still = settle(0, FailureAction::Retry, None).await.unwrap();
    assert_eq!((still.status, still.attempt_count, still.last_status), (FailureStatus::Failed, 5, Some(502)));
    let sent = settle(0, FailureAction::Retry, Some("mended")).await.unwrap();
    assert_eq!((sent.status, sent.resolution_notes.as_deref()), (FailureStatus::Resolved, Some("mended")));
    assert!(genuine(hooks.delivered().last().unwrap(), made.secret.expose_secret()), "signed anew");
    assert_eq!(settle(0, FailureAction::Retry, None).await.unwrap_err().kind(), Kind::Conflict, "once");
    assert_eq!(settle(1, FailureAction::Discard, None).await.unwrap().status, FailureStatus::Discarded);
    let aside = settle(2, FailureAction::ManualReview, None).await.unwrap();
    assert_eq!((aside.status, aside.resolved_at), (FailureStatus::UnderReview, None));
    let long = "x".repeat(5001);
    let wrong = settle(2, FailureAction::Discard, Some(&long)).await.unwrap_err();
    assert_eq!(wrong.fields()[0].field, "resolution_notes");
    // What somebody settled is not tried again by itself.
    let before = hooks.delivered().len();
    for _ in 0..20 {
        stage.pass(3600);
        stage.work().await;
    }
    assert_eq!(hooks.delivered().len(), before);
    assert_eq!(audited(&stage, "reliability:webhook_action_taken").await, 4);
}

#[tokio::test]
async fn a_subscription_is_refused_by_the_names_of_its_fields_and_bounded() {
    let (stage, _) = stage().await;
    let long = Some("x".repeat(501));
    let command = CreateSubscription {
        url: "http://hooks.example.com".to_owned(),
        events: vec![],
        secret: Some("".into()),
        description: long,
    };
    let wrong = stage.org.create_webhook(command).await.unwrap_err();
    let mut named: Vec<_> = wrong.fields().iter().map(|fault| fault.field.as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, ["description", "events", "secret", "url"]);
    for url in ["https://127.0.0.1/", "https://10.1.2.3/", "https://localhost/", "https://169.254.169.254/x"] {
        let command = CreateSubscription {
            url: url.to_owned(),
            events: vec![WebhookEvent::All],
            ..CreateSubscription::default()
        };
        let wrong = stage.org.create_webhook(command).await.unwrap_err();
        assert_eq!(wrong.fields()[0].field, "url", "{url}");
    }
    let first = subscribe(&stage, &[WebhookEvent::All]).await;
    let inside = UpdateSubscription { url: Some("https://10.0.0.1/".to_owned()), ..Default::default() };
    let wrong = stage.org.update_webhook(first.subscription.id, inside).await.unwrap_err();
    assert_eq!(wrong.fields()[0].field, "url");
    for _ in 1..50 {
        subscribe(&stage, &[WebhookEvent::BookingCreated]).await;
    }
    let command =
        CreateSubscription { url: URL.to_owned(), events: vec![WebhookEvent::All], ..CreateSubscription::default() };
    assert_eq!(stage.org.create_webhook(command.clone()).await.unwrap_err().kind(), Kind::Conflict, "fifty");
    stage.wib.system().set_plan(stage.org.id(), Plan::Starter).await.unwrap();
    let poorer = stage.wib.org(Principal::service(stage.org.id())).await.unwrap();
    assert_eq!(poorer.webhooks().await.unwrap_err().kind(), Kind::PlanRequired);
    let none = Stage::new().await;
    none.wib.system().set_plan(none.org.id(), Plan::Pro).await.unwrap();
    let none = none.wib.org(Principal::service(none.org.id())).await.unwrap();
    assert_eq!(none.create_webhook(command).await.unwrap_err().kind(), Kind::Conflict, "nobody posts");
}

#[tokio::test]
async fn a_subscription_changes_rests_and_goes_with_its_secret() {
    let (stage, hooks) = stage().await;
    let own = CreateSubscription {
        url: URL.to_owned(),
        events: vec![WebhookEvent::CallStarted, WebhookEvent::CallStarted],
        secret: Some("correct horse battery".into()),
        description: Some("Ours".to_owned()),
    };
    let made = stage.org.create_webhook(own).await.unwrap();
    assert_eq!((made.secret.expose_secret(), made.subscription.events.0.len()), ("correct horse battery", 1));
    let id = made.subscription.id;
    let rest = UpdateSubscription { is_active: Some(false), description: Some(None), ..Default::default() };
    let resting = stage.org.update_webhook(id, rest).await.unwrap();
    assert_eq!((resting.is_active, resting.description, resting.url.as_str()), (false, None, URL));
    let account = stage.account(&magic(2)).await;
    stage.start(&account).await.unwrap();
    pass(&stage, 3).await;
    assert!(hooks.delivered().is_empty(), "it rests");
    let agent = Principal { role: Role::Agent, ..Principal::service(stage.org.id()) };
    let agent = stage.wib.org(agent).await.unwrap();
    assert_eq!(agent.delete_webhook(id).await.unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(stage.org.list_secrets().await.unwrap().len(), 1);
    stage.org.delete_webhook(id).await.unwrap();
    assert!(stage.org.list_secrets().await.unwrap().is_empty());
    assert_eq!(stage.org.webhook(id).await.unwrap_err().kind(), Kind::NotFound);
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let page = tx.page_of_audit(&PageRequest { limit: 200, ..PageRequest::default() }).await.unwrap();
    let log = serde_json::to_string(&page.items).unwrap();
    for (action, found) in [("created", true), ("updated", true), ("deleted", true), ("tested", false)] {
        assert_eq!(log.contains(&format!("webhook:{action}")), found, "{action}");
    }
    assert!(!log.contains("correct horse") && !log.contains("key=abc"), "neither secret nor address is in the log");
}
