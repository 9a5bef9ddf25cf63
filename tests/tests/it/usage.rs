//! What a plan lets be used, how much there may be of a kind, and what is refused beyond.

use std::{sync::Arc, time::Duration};

use futures_util::{future::join_all, stream};
use serde_json::json;
use wib_core::{
    Org,
    audio::{AudioFile, UploadAudio},
    caller_ids::{NumberPurpose, OwnNumber},
    calls::{Call, CallId},
    flags::OrgFlag,
    kit::{Error, Id, Kind, Principal, Result, Timestamp, VirtualClock, time},
    licences::{Licence, RecordLicence},
    orgs::Plan,
    ports::voice::MockVoice,
    secrets::{TenantSecret, Vault},
    subscriptions::{CreateSubscription, Subscription, WebhookEvent},
    testing::fakes::FakeHooks,
    voice_config::{AddVoiceTarget, VoiceTarget},
};
use wib_providers::{http::Wires, telnyx::Telnyx};
use wib_storage::testing::{memory_store, postgres_store};

use crate::{
    caller_ids::add,
    flags::a_flag,
    stage::{NOON, Stage, at, magic, phone},
};

const DAY: u64 = 24 * 3600;

#[tokio::test]
async fn the_last_call_of_a_month_is_taken_once_and_a_test_organisation_has_no_last_one() {
    let mut voice = MockVoice::new();
    voice.expect_live().return_const(true);
    voice.expect_vendor().return_const("mock");
    voice.expect_default_number().return_const(Some(phone("+13125550100")));
    let voice = Arc::new(voice);
    let live = Stage::with(NOON, 1, |builder, _| builder.voice(voice)).await;
    assert!(live.org.organization().live);
    let mut accounts = vec![];
    for n in 0..3 {
        accounts.push(live.account(&format!("+1500555200{n}")).await);
    }
    let first = live.start(&accounts[0]).await.unwrap();
    let many = async |stage: &Stage, like: &Call, n: usize, at: Timestamp| {
        let mut tx = stage.store.org(stage.org.id()).await.unwrap();
        for _ in 0..n {
            let id: CallId = Id::new(at, &*stage.random);
            tx.insert(&Call { id, created_at: at, ..like.clone() }).await.unwrap();
        }
        tx.commit().await.unwrap();
    };
    // Those of last month do not count.
    many(&live, &first, 5, time::before(live.now(), Duration::from_secs(2 * DAY))).await;
    many(&live, &first, 98, live.now()).await;
    let used = live.org.month_of_use().await.unwrap();
    assert_eq!((used.used.calls, used.amounts.calls), (99, Some(100)));
    let both = tokio::join!(live.start(&accounts[1]), live.start(&accounts[2]));
    let refused = match both {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        both => panic!("one of the two: {both:?}"),
    };
    assert_eq!((refused.kind(), refused.machine_code()), (Kind::QuotaExceeded, "QUOTA_EXCEEDED"));
    let told = refused.details();
    assert_eq!((&told["limit"], &told["used"], &told["current_plan"]), (&json!(100), &json!(100), &json!("free")));
    assert_eq!(told["upgrade_url"], "/settings?tab=billing&upgrade_to=starter");
    // A larger plan, or the next month, gives more.
    live.wib.system().set_plan(live.org.id(), Plan::Starter).await.unwrap();
    let there = live.start(&accounts[1]).await.is_ok() || live.start(&accounts[2]).await.is_ok();
    assert!(there, "for whom the last one was not");
    live.wib.system().set_plan(live.org.id(), Plan::Free).await.unwrap();
    live.pass(31 * DAY);
    assert_eq!(live.org.month_of_use().await.unwrap().used.calls, 0);
    live.start(&accounts[0]).await.unwrap();

    let test = Stage::new().await;
    let first = test.start(&test.account(&magic(1)).await).await.unwrap();
    many(&test, &first, 120, test.now()).await;
    test.start(&test.account(&magic(2)).await).await.unwrap();
}

#[tokio::test]
async fn a_call_ends_when_it_is_as_long_as_the_plan_lets_it_be_and_that_of_a_test_organisation_goes_on() {
    for real in [true, false] {
        let clock = Arc::new(VirtualClock::new(at(NOON)));
        let store = Arc::new(memory_store(clock.clone()).await);
        let stage = Stage::on_sandbox(store, clock, 1, |builder, sets, sandbox| {
            let (transport, clock, random) = (sandbox.transport(), sets.clock.clone(), sets.random.clone());
            let telnyx = Telnyx::builder(Wires { transport, clock, random }, "key".into(), "1000000000000000001");
            let telnyx = telnyx.public_key(&sandbox.telnyx_public_key()).unwrap().default_number(phone("+13125550100"));
            let telnyx = Arc::new(telnyx.build());
            if real { builder.voice(telnyx.clone()).webhook(telnyx) } else { builder }
        })
        .await;
        assert_eq!(stage.org.organization().live, real);
        let account = stage.account(&magic(26)).await;
        let call = stage.start(&account).await.unwrap().id;
        let until = async |seconds: u64| {
            let deadline = time::after(stage.now(), Duration::from_secs(seconds));
            stage.sandbox.play(&stage.wib, &stage.clock, deadline, async || Ok(false)).await.unwrap();
            stage.org.call(call).await.unwrap()
        };
        let mut up = until(20).await;
        // Nobody of the sandbox listens for ten minutes: this one began before.
        let answered = time::before(up.facts.answered_at.unwrap(), Duration::from_secs(480));
        (up.facts.answered_at, up.answered_at) = (Some(answered), Some(answered));
        let mut tx = stage.store.org(stage.org.id()).await.unwrap();
        tx.update(&up).await.unwrap();
        tx.commit().await.unwrap();
        let before = until(600 - 480 - 20).await;
        assert!(!before.status.terminal() && before.facts.end_asked_at.is_none(), "{before:?}");
        let after = until(60).await;
        assert_eq!(after.facts.end_asked_at, real.then(|| time::after(answered, Duration::from_secs(600))));
        let told = stage.org.timeline(call).await.unwrap();
        assert_eq!(told.iter().filter(|event| event.event_type == "call.time_limit").count(), usize::from(real));
    }
}

/// What the free plan lets be kept, in bytes.
const GB: i64 = 1_000_000_000;

/// The shortest sound that is taken for one.
async fn bring(org: &Org) -> Result<AudioFile> {
    let wav = b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x07\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x02\0\0\0\xff\xff";
    let bytes = stream::iter([Ok(bytes::Bytes::from_static(wav))]);
    org.upload_audio(UploadAudio::default(), Box::pin(bytes)).await
}

#[tokio::test]
async fn what_is_brought_is_refused_when_the_plan_lets_no_more_be_kept() {
    let stage = Stage::new().await;
    let first = bring(&stage.org).await.unwrap();
    // A gigabyte, but for one file and a half.
    let size_bytes = GB - first.size_bytes * 5 / 2;
    let id = stage.id();
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    tx.insert(&AudioFile { id, size_bytes, blob_key: "large".to_owned(), ..first.clone() }).await.unwrap();
    tx.commit().await.unwrap();
    bring(&stage.org).await.unwrap();
    let refused = bring(&stage.org).await.unwrap_err();
    assert_eq!((refused.kind(), refused.machine_code()), (Kind::QuotaExceeded, "QUOTA_EXCEEDED"));
    let used = size_bytes + 2 * first.size_bytes;
    assert_eq!((&refused.details()["limit"], &refused.details()["used"]), (&json!(GB), &json!(used)));
    assert_eq!(refused.details()["upgrade_url"], "/settings?tab=billing&upgrade_to=starter");
    assert_eq!(stage.org.month_of_use().await.unwrap().used.storage_bytes, used);
    stage.wib.system().set_plan(stage.org.id(), Plan::Starter).await.unwrap();
    bring(&stage.org).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_bring_something_at_once_as_many_may_as_there_is_room_for() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let Some(store) = postgres_store("room_at_once", clock.clone()).await else { return };
    let stage = Stage::on(Arc::new(store), clock, 1, |builder, _| builder).await;
    let first = bring(&stage.org).await.unwrap();
    let size_bytes = GB - first.size_bytes * 7 / 2;
    let id = stage.id();
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    tx.insert(&AudioFile { id, size_bytes, blob_key: "large".to_owned(), ..first.clone() }).await.unwrap();
    tx.commit().await.unwrap();
    let all = join_all((0..8).map(async |_| bring(&stage.org).await)).await;
    assert_eq!(all.iter().filter(|brought| brought.is_ok()).count(), 2);
    let refused = |error: &Error| error.kind() == Kind::QuotaExceeded;
    assert!(all.iter().filter_map(|brought| brought.as_ref().err()).all(refused), "{all:?}");
    assert_eq!(stage.org.month_of_use().await.unwrap().used.storage_bytes, size_bytes + 3 * first.size_bytes);
}

/// Adds one more of a kind.
async fn one_more(org: &Org, kind: &str, n: usize) -> Result<()> {
    let phone = phone(&format!("+1312555{n:04}"));
    match kind {
        "webhook" => {
            let (url, events) = (format!("https://hooks.example.com/{n}"), vec![WebhookEvent::CallEnded]);
            org.create_webhook(CreateSubscription { url, events, ..CreateSubscription::default() }).await.map(drop)
        }
        "licence" => {
            let (region, number, from_at) = ("US-CA".to_owned(), n.to_string(), at(NOON));
            org.record_licence(RecordLicence { region, number, from_at, until_at: None }).await.map(drop)
        }
        "flag" => org.create_org_flag(a_flag(&format!("feature_{n}"))).await.map(drop),
        "target" => org.add_voice_target(AddVoiceTarget { phone, name: None }).await.map(drop),
        "number" => org.add_number(add(phone.as_str(), NumberPurpose::Both)).await.map(drop),
        "secret" => org.put_secret(&format!("secret_{n}"), "word".into()).await.map(drop),
        _ => panic!("{kind}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_add_one_at_once_one_has_the_last_place() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let Some(store) = postgres_store("last_place", clock.clone()).await else { return };
    let vault = Vault::from_hex(&"6b".repeat(32), []).unwrap();
    let posting = Arc::new(FakeHooks::default());
    let stage = Stage::on(Arc::new(store), clock, 1, |builder, _| builder.hooks(posting).vault(vault)).await;
    stage.wib.system().set_plan(stage.org.id(), Plan::Pro).await.unwrap();
    let org = stage.wib.org(Principal::service(stage.org.id())).await.unwrap();

    // All but one of each kind are there. A webhook brings a secret.
    let kinds =
        [("licence", 500), ("flag", 500), ("target", 1000), ("number", 1000), ("secret", 1000), ("webhook", 50)];
    for (kind, _) in kinds {
        one_more(&org, kind, 0).await.unwrap();
    }
    let mut tx = stage.store.org(org.id()).await.unwrap();
    let (licence, flag) = (tx.licences(1).await.unwrap().remove(0), tx.org_flags(1).await.unwrap().remove(0));
    let (target, number) = (tx.voice_targets(1).await.unwrap().remove(0), tx.numbers(1).await.unwrap().remove(0));
    let (secret, webhook) = (tx.secrets(1).await.unwrap().remove(0), tx.webhooks(1).await.unwrap().remove(0));
    for n in 1..999 {
        let phone = phone(&format!("+1312666{n:04}"));
        let (name, feature) = (format!("filled_{n}"), format!("filled_{n}"));
        tx.insert(&VoiceTarget { id: stage.id(), phone: phone.clone(), ..target.clone() }).await.unwrap();
        tx.insert(&OwnNumber { id: stage.id(), phone, ..number.clone() }).await.unwrap();
        if n < 499 {
            tx.insert(&Licence { id: stage.id(), number: n.to_string(), ..licence.clone() }).await.unwrap();
            tx.insert(&OrgFlag { id: stage.id(), feature, ..flag.clone() }).await.unwrap();
        }
        if n < 49 {
            tx.insert(&Subscription { id: stage.id(), ..webhook.clone() }).await.unwrap();
        }
        if n < 998 {
            tx.insert(&TenantSecret { id: stage.id(), name, ..secret.clone() }).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    for (kind, most) in kinds {
        let all = join_all((most..most + 8).map(|n| one_more(&org, kind, n))).await;
        assert_eq!(all.iter().filter(|added| added.is_ok()).count(), 1, "{kind}: {all:?}");
        let mut refused = all.iter().filter_map(|added| added.as_ref().err()).map(Error::kind);
        assert!(refused.all(|of| matches!(of, Kind::Conflict | Kind::QuotaExceeded)), "{kind}: {all:?}");
    }
}
