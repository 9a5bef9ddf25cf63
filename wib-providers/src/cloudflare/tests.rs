#[cfg(feature = "sandbox")]
mod sandboxed;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use wib_core::ports::{
    Cache, Fault, Queue, Sent,
    queue::{LeaseToken, Leased, Outgoing},
};

use super::{Cloudflare, Consumer, Pair};
use crate::{
    http::Wires,
    testing::{Reply, Script, contract::Proof},
};

fn cloudflare(wires: Wires) -> Cloudflare {
    Cloudflare::builder(wires, "token-canary".to_owned().into(), "acc").build()
}
fn ok(result: Value) -> Reply {
    Reply::json(200, json!({"success": true, "errors": [], "messages": [], "result": result}))
}
fn refused(status: u16, code: u32, message: &str) -> Reply {
    let errors = [json!({"code": code, "message": message})];
    Reply::json(status, json!({"success": false, "errors": errors, "messages": [], "result": null}))
}
fn raw(bytes: &'static [u8]) -> Reply {
    Reply::Answer(200, vec![("content-type", "application/octet-stream".to_owned())], Bytes::from_static(bytes))
}
fn pair(key: &str, value: &'static str) -> Pair {
    Pair { key: key.into(), value: value.into(), ttl: None, metadata: None }
}

#[tokio::test]
async fn contract_requests_conform_and_answers_are_understood() {
    let Some(proof) = Proof::of("cloudflare") else { return };
    let cloudflare = cloudflare(proof.wires());
    let (kv, queue) = (cloudflare.kv("ns"), cloudflare.queue("q").dead_letters("dead"));
    let named = Pair { metadata: Some(json!({"by": "us"})), ..pair("a/b", "v") };
    let timed = Pair { ttl: Some(Duration::from_secs(90)), ..named.clone() };
    proof.run("put", &[], async || kv.write(named.clone()).await).await;
    proof.run("put for a while", &[], async || kv.write(timed.clone()).await).await;
    proof.run("get", &[], async || kv.get("a/b").await).await;
    proof.run("delete", &[], async || kv.delete("a/b").await).await;
    proof.run("metadata", &[], async || kv.metadata("a/b").await).await;
    proof.run("keys", &["/result/*/name"], async || kv.keys("a", 1, Some("c")).await).await;
    proof.run("delete many", &[], async || kv.delete_many(&["a", "b"]).await).await;
    proof.run("texts", &["/result"], async || kv.texts(&["a", "b"]).await).await;
    proof.run("namespaces", &["/result/*/id"], async || cloudflare.namespaces().await).await;
    proof.run("create namespace", &["/result/id"], async || cloudflare.create_namespace("cache").await).await;
    proof.run("rename namespace", &[], async || cloudflare.rename_namespace("ns", "cache").await).await;
    proof.run("delete namespace", &[], async || cloudflare.delete_namespace("ns").await).await;
    let outgoing = Outgoing { delay: Duration::from_millis(1500), .."work".into() };
    proof.run("push", &[], async || queue.enqueue(&outgoing).await).await;
    proof.run("push batch", &[], async || queue.enqueue_batch(&[outgoing.clone(), "now".into()]).await).await;
    let message = &["/result/messages/*/id", "/result/messages/*/lease_id"];
    proof.run("pull", message, async || queue.lease(10, Duration::from_secs(30)).await).await;
    let token = &LeaseToken("lease".into());
    let leased = Leased { id: "m".into(), body: "b".into(), attempts: 1, token: token.clone() };
    proof.run("ack", &["/result"], async || queue.ack(token).await).await;
    proof.run("retry", &["/result"], async || queue.retry(token, Duration::from_secs(10)).await).await;
    proof.run("bury", &["/result"], async || queue.bury(&leased).await).await;
    proof.run("replay", message, async || queue.replay(5).await).await;
    let one = &["/result/queue_id"];
    proof.run("queues", &["/result/*/queue_id"], async || cloudflare.queues().await).await;
    proof.run("queue", one, async || cloudflare.queue_info("q").await).await;
    proof.run("create queue", one, async || cloudflare.create_queue("work").await).await;
    proof.run("delete queue", &[], async || cloudflare.delete_queue("q").await).await;
    proof.run("consumer", &[], async || cloudflare.create_consumer("q", &Consumer::default()).await).await;
    proof.end(&[
        "get /accounts/{account_id}/storage/kv/namespaces/{namespace_id}",
        "delete /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/bulk",
        "put /accounts/{account_id}/queues/{queue_id}",
        "get /accounts/{account_id}/queues/{queue_id}/consumers",
        "put /accounts/{account_id}/queues/{queue_id}/consumers/{consumer_id}",
        "delete /accounts/{account_id}/queues/{queue_id}/consumers/{consumer_id}",
        "get /accounts/{account_id}/r2/buckets",
        "post /accounts/{account_id}/r2/buckets",
        "get /accounts/{account_id}/r2/buckets/{bucket_name}",
        "delete /accounts/{account_id}/r2/buckets/{bucket_name}",
        "post /accounts/{account_id}/r2/temp-access-credentials",
    ]);
}

#[tokio::test]
async fn a_value_goes_as_a_form_under_its_encoded_key() {
    let script = Script::new([ok(json!({}))]);
    cloudflare(script.wires()).kv("ns").put("a/b ü", "v\r\n--x".into(), None).await.unwrap();
    let seen = script.one();
    assert_eq!(seen.host, "api.cloudflare.com");
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("PUT", "/client/v4/accounts/acc/storage/kv/namespaces/ns/values/a%2Fb%20%C3%BC")
    );
    assert_eq!(seen.header("authorization"), Some("Bearer token-canary"));
    let boundary = seen.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    let part = |name: &str, text: &str| {
        format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let body = part("value", "v\r\n--x") + &part("metadata", "{}") + &format!("--{boundary}--\r\n");
    assert_eq!(std::str::from_utf8(&seen.body).unwrap(), body);
}

#[tokio::test]
async fn a_time_goes_in_whole_seconds_and_a_short_one_in_an_envelope() {
    for (ttl, seconds) in [(90_500, 91), (60_000, 60), (5_000, 60)] {
        let script = Script::new([ok(Value::Null)]);
        let kv = cloudflare(script.wires()).kv("ns");
        kv.put("k", "v".into(), Some(Duration::from_millis(ttl))).await.unwrap();
        let seen = script.one();
        assert_eq!(seen.target, "/client/v4/accounts/acc/storage/kv/namespaces/ns/bulk");
        let mut body = seen.json();
        if ttl == 5_000 {
            let ends = wib_core::kit::Clock::now(&*script.clock).as_millisecond() + 5_000;
            let wrapped = [&b"wib1"[..], &ends.to_be_bytes(), b"v"].concat();
            assert_eq!(body[0]["value"], base64::Engine::encode(&base64::prelude::BASE64_STANDARD, wrapped));
            body[0]["value"] = json!("dg==");
        }
        assert_eq!(body, json!([{"key": "k", "value": "dg==", "base64": true, "expiration_ttl": seconds}]));
    }
}

#[tokio::test]
async fn a_value_is_its_raw_bytes_and_one_that_is_missing_is_none() {
    let script = Script::new([
        raw(b"{\"success\":false}"),
        refused(404, 10_009, "get: 'key not found'"),
        refused(404, 10_013, "namespace not found"),
    ]);
    let kv = cloudflare(script.wires()).kv("ns");
    assert_eq!(kv.get("k").await.unwrap(), Some("{\"success\":false}".into()));
    assert_eq!(kv.get("k").await.unwrap(), None);
    let error = kv.get("k").await.unwrap_err();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Missing, Some("10013")));
}

#[tokio::test]
async fn refusals_are_read_from_the_envelope_whatever_the_status() {
    for (reply, fault, code) in [
        (refused(403, 10_000, "Authentication error"), Fault::Credentials, "10000"),
        (refused(400, 9109, "Invalid access token"), Fault::Credentials, "9109"),
        (refused(400, 10_026, "bad"), Fault::Request, "10026"),
        (refused(200, 10_026, "bad"), Fault::Request, "10026"),
        (refused(404, 10_013, "namespace not found"), Fault::Missing, "10013"),
    ] {
        let script = Script::new([reply]);
        let error = cloudflare(script.wires()).namespaces().await.unwrap_err();
        assert_eq!((error.fault, error.sent, error.code.as_deref()), (fault, Sent::Refused, Some(code)));
    }
}

#[tokio::test]
async fn one_write_a_second_is_waited_out_and_some_keys_that_were_not_taken_are_told() {
    let limited = refused(429, 971, "slow down").with("retry-after", "1");
    let script = Script::new([limited, ok(json!({}))]);
    script.run(cloudflare(script.wires()).kv("ns").put("k", "v".into(), None)).await.unwrap();
    let seen = script.seen();
    assert_eq!(seen[1].at.as_second() - seen[0].at.as_second(), 1);
    let some = json!({"successful_key_count": 1, "unsuccessful_keys": ["k"]});
    let script = Script::new([ok(some)]);
    let error = cloudflare(script.wires()).kv("ns").write_many(&[pair("k", "v"), pair("l", "v")]).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Down, Sent::Unknown));
    assert!(error.retryable());
}

#[tokio::test]
async fn a_push_whose_answer_was_lost_is_not_repeated() {
    for reply in [Reply::Silence, Reply::status(502), Reply::Fails(Sent::Unknown)] {
        let script = Script::new([reply]);
        let error = script.run(cloudflare(script.wires()).queue("q").enqueue(&"x".into())).await.unwrap_err();
        assert_eq!((error.sent, script.seen().len()), (Sent::Unknown, 1));
    }
    let script = Script::new([Reply::Fails(Sent::No), ok(Value::Null)]);
    script.run(cloudflare(script.wires()).queue("q").enqueue(&"x".into())).await.unwrap();
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn messages_of_every_kind_are_read_and_those_that_cannot_be_are_left() {
    let message = |kind: &str, body: Value| {
        json!({"id": kind, "lease_id": "l", "attempts": 2, "body": body, "metadata": {"CF-Content-Type": kind}})
    };
    let messages = [
        message("text", json!("plain")),
        message("text", json!("base64:AP8=")),
        message("json", json!("eyJhIjoxfQ==")),
        message("bytes", json!("AP8=")),
        message("bytes", json!("not base64!")),
    ];
    let script = Script::new([ok(json!({"messages": messages}))]);
    let leased = cloudflare(script.wires()).queue("q").lease(10, Duration::from_secs(30)).await.unwrap();
    let bodies: Vec<_> = leased.iter().map(|message| &message.body[..]).collect();
    assert_eq!(bodies, [&b"plain"[..], &[0, 255], b"{\"a\":1}", &[0, 255]]);
    assert_eq!(leased[0].attempts, 2);
    let seen = script.one();
    assert_eq!(seen.target, "/client/v4/accounts/acc/queues/q/messages/pull");
    assert_eq!(seen.json(), json!({"batch_size": 10, "visibility_timeout_ms": 30_000}));
}

#[tokio::test]
async fn bytes_that_are_no_text_travel_in_base64_and_delays_in_whole_seconds() {
    let script = Script::new([ok(Value::Null)]);
    let bodies: [&'static [u8]; 3] = ["ü".as_bytes(), &[0, 255], b"base64:x"];
    let messages: Vec<_> =
        bodies.map(|body| Outgoing { body: Bytes::from_static(body), delay: Duration::from_millis(1001), key: None }).into();
    cloudflare(script.wires()).queue("q").enqueue_batch(&messages).await.unwrap();
    let sent = script.one().json();
    let message = |body: &str| json!({"body": body, "content_type": "text", "delay_seconds": 2});
    assert_eq!(sent, json!({"messages": [message("ü"), message("base64:AP8="), message("base64:YmFzZTY0Ong=")]}));
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let page = |ids: &[&str], total: u64| {
        let result: Vec<_> = ids.iter().map(|id| json!({"id": id, "title": "t"})).collect();
        let info = json!({"total_count": total});
        Reply::json(200, json!({"success": true, "errors": [], "messages": [], "result": result, "result_info": info}))
    };
    let script = Script::new([page(&["a", "b"], 3), page(&["c"], 3)]);
    let all = cloudflare(script.wires()).namespaces().await.unwrap();
    assert_eq!(all.into_iter().map(|one| one.id).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(script.seen().len(), 2);
}

#[test]
fn a_token_is_never_shown() {
    let script = Script::new([]);
    let builder = Cloudflare::builder(script.wires(), "token-canary".to_owned().into(), "acc");
    let shown = format!("{builder:?}");
    let cloudflare = builder.build();
    let shown = format!("{shown}{cloudflare:?}{:?}{:?}", cloudflare.kv("n"), cloudflare.queue("q"));
    assert!(!shown.contains("canary"), "{shown}");
}

proptest! {
    #[test]
    fn every_value_comes_back_from_its_envelope_until_its_time_is_over(
        value in proptest::collection::vec(any::<u8>(), 0..40), marked in any::<bool>(), seconds in 0u64..200,
    ) {
        let script: Arc<Script> = Script::new([]);
        let now = wib_core::kit::Clock::now(&*script.clock);
        let value = Bytes::from(if marked { [b"wib1", &value[..]].concat() } else { value });
        let ttl = (seconds > 0).then(|| Duration::from_secs(seconds));
        let (written, kept) = super::kv::wrap(value.clone(), ttl, now);
        prop_assert_eq!(kept, ttl.map(|_| seconds.max(60)));
        prop_assert_eq!(super::kv::unwrap(written.clone(), now), Some(value));
        let later = wib_core::kit::time::after(now, Duration::from_secs(seconds));
        if (1..60).contains(&seconds) {
            prop_assert_eq!(super::kv::unwrap(written, later), None);
        }
    }
}
