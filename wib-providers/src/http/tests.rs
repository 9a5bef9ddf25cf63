use std::{sync::Arc, time::Duration};

use http::Method;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use wib_core::ports::{Fault, Sent, VendorError};

use super::{Client, Policy, Words, encode, mask};
use crate::testing::{Reply, Script, Seen};

const KEY: &str = "key-7f3a9c";

fn words(_: u16, body: &Value) -> Words {
    Words {
        fault: None,
        code: body["code"].as_str().map(str::to_owned),
        message: body["message"].as_str().map(str::to_owned),
    }
}

fn client(script: &Arc<Script>, policy: Policy) -> Client {
    Client::new("acme", "https://api.acme.test/v2/", policy, words, script.wires()).bearer(&SecretString::from(KEY))
}

async fn get(script: &Arc<Script>) -> Result<super::Answer, VendorError> {
    let client = client(script, Policy::default());
    script.run(client.ask("read", Method::GET, "/things").send()).await
}

async fn post(script: &Arc<Script>, safe: bool) -> Result<super::Answer, VendorError> {
    let client = client(script, Policy::default());
    let ask = client.ask("write", Method::POST, "/things").json(&json!({"a": 1}));
    script.run(if safe { ask.repeatable() } else { ask }.send()).await
}

fn waits(script: &Script) -> Vec<i64> {
    let seen = script.seen();
    seen.windows(2).map(|pair| pair[1].at.as_millisecond() - pair[0].at.as_millisecond()).collect()
}

#[tokio::test]
async fn a_request_carries_key_agent_and_encoded_values() {
    let script = Script::new([Reply::status(200)]);
    let client = client(&script, Policy::default());
    let ask = client.ask("read", Method::GET, "/calls/{}/of/{}").fill("v3:a/b?{}").fill("ü");
    let answer = script.run(ask.query("filter[to]", "+1 312").query("n", "1").send()).await.unwrap();
    let seen = script.one();
    assert_eq!(seen.target, "/v2/calls/v3%3Aa%2Fb%3F%7B%7D/of/%C3%BC?filter%5Bto%5D=%2B1%20312&n=1");
    assert_eq!((seen.method.as_str(), seen.host.as_str()), ("GET", "api.acme.test"));
    assert_eq!(seen.header("authorization"), Some("Bearer key-7f3a9c"));
    assert!(seen.headers["authorization"].is_sensitive());
    assert!(seen.header("user-agent").unwrap().starts_with("word-is-bond/"));
    assert_eq!(answer.request_id.as_deref(), Some("req-1"));
}

#[tokio::test]
async fn keys_go_to_the_vendors_own_origin_only() {
    let script = Script::new([Reply::status(200), Reply::status(200), Reply::status(200)]);
    let client = client(&script, Policy::default());
    for url in ["https://api.acme.test/v2/file", "https://api.acme.test.evil.test/file", "http://api.acme.test/file"] {
        script.run(client.ask_url("fetch", url).send()).await.unwrap();
    }
    let keyed: Vec<_> = script.seen().iter().map(|seen| seen.header("authorization").is_some()).collect();
    assert_eq!(keyed, [true, false, false]);
}

#[tokio::test]
async fn reading_is_repeated_with_growing_waits() {
    let script = Script::new([Reply::status(503), Reply::status(502), Reply::status(200)]);
    get(&script).await.unwrap();
    let waits = waits(&script);
    assert!((250..=550).contains(&waits[0]) && (500..=1050).contains(&waits[1]), "{waits:?}");
}

#[tokio::test]
async fn every_passing_failure_is_repeated_and_no_other() {
    for status in [400, 401, 402, 403, 404, 409, 410, 422, 501, 300, 307] {
        let script = Script::new([Reply::status(status), Reply::status(200)]);
        assert_eq!(get(&script).await.is_ok(), status == 501, "{status}");
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let script = Script::new([Reply::status(status), Reply::status(200)]);
        get(&script).await.unwrap_or_else(|e| panic!("{status}: {e}"));
    }
    for reply in
        [Reply::Silence, Reply::Fails(Sent::No), Reply::Fails(Sent::Unknown), Reply::Stalls("{"), Reply::Cuts("{")]
    {
        let script = Script::new([reply, Reply::status(200)]);
        get(&script).await.unwrap();
    }
}

#[tokio::test]
async fn writing_is_repeated_only_when_it_never_left_or_is_marked() {
    for status in [408, 425, 429, 500, 503] {
        let script = Script::new([Reply::status(status), Reply::status(200)]);
        assert_eq!(post(&script, false).await.unwrap_err().status, Some(status));
        assert_eq!(script.seen().len(), 1);
    }
    for reply in [Reply::Silence, Reply::Fails(Sent::Unknown), Reply::Cuts("{")] {
        let script = Script::new([reply, Reply::status(200)]);
        assert_eq!(post(&script, false).await.unwrap_err().sent, Sent::Unknown);
        assert_eq!(script.seen().len(), 1);
    }
    let script = Script::new([Reply::Fails(Sent::No), Reply::status(200)]);
    post(&script, false).await.unwrap();
    let script = Script::new([Reply::Silence, Reply::status(500), Reply::status(200)]);
    post(&script, true).await.unwrap();
    let bodies: Vec<_> = script.seen().iter().map(Seen::json).collect();
    assert_eq!(bodies, vec![json!({"a": 1}); 3]);
}

#[tokio::test]
async fn after_the_last_try_the_failure_is_told() {
    let script = Script::new([Reply::status(500), Reply::status(500), Reply::status(503)]);
    let error = get(&script).await.unwrap_err();
    assert_eq!((error.fault, error.sent, error.status), (Fault::Down, Sent::Unknown, Some(503)));
    assert_eq!(script.seen().len(), 3);
}

#[tokio::test]
async fn retry_after_is_obeyed_in_seconds_in_milliseconds_and_as_a_date() {
    let cases = [
        ("retry-after", "3", 3000..=3100),
        ("retry-after", "0.2", 200..=300),
        ("retry-after-ms", "1500", 1500..=1600),
        ("retry-after", "Fri, 13 Feb 2026 10:00:04 GMT", 4000..=4100),
        ("retry-after", "Fri, 13 Feb 2026 09:00:00 GMT", 0..=100),
        ("x-ratelimit-reset", "2", 2000..=2100),
        ("retry-after", "soon", 250..=600),
    ];
    for (name, value, range) in cases {
        let script = Script::new([Reply::status(429).with(name, value), Reply::status(200)]);
        get(&script).await.unwrap();
        let waited = waits(&script)[0];
        assert!(range.contains(&waited), "{name}: {value} waited {waited}");
    }
}

#[tokio::test]
async fn a_long_retry_after_is_handed_on_and_not_waited_for() {
    let script = Script::new([Reply::status(429).with("retry-after", "60")]);
    let error = get(&script).await.unwrap_err();
    assert_eq!((error.fault, error.retry_after), (Fault::RateLimited, Some(Duration::from_secs(60))));
    // Past the patience, though within the total; and within the patience, though past the total.
    let script = Script::new([Reply::status(503).with("retry-after", "9")]);
    assert_eq!(get(&script).await.unwrap_err().retry_after, Some(Duration::from_secs(9)));
    let script = Script::new([Reply::status(503).with("retry-after", "5")]);
    let brief = client(&script, Policy { total: Duration::from_secs(4), ..Policy::default() });
    let error = script.run(brief.ask("read", Method::GET, "/things").send()).await.unwrap_err();
    assert_eq!((error.fault, error.retry_after), (Fault::Down, Some(Duration::from_secs(5))));
    assert_eq!(brief.now(), script.one().at);
    let script = Script::new([Reply::status(503).with("retry-after", "999999")]);
    assert_eq!(get(&script).await.unwrap_err().retry_after, Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn all_tries_together_keep_the_total_time() {
    let script = Script::new([Reply::Silence, Reply::Silence, Reply::Silence]);
    let policy = Policy { total: Duration::from_secs(15), ..Policy::default() };
    let client = client(&script, policy);
    let error = script.run(client.ask("read", Method::GET, "/things").send()).await.unwrap_err();
    assert_eq!(error.fault, Fault::Timeout);
    let took = client.now().as_second() - script.seen()[0].at.as_second();
    assert!((14..=16).contains(&took), "{took}");
}

#[tokio::test]
async fn silence_ends_after_ten_seconds_and_leaves_doubt() {
    let script = Script::new([Reply::Silence]);
    let error = post(&script, false).await.unwrap_err();
    assert_eq!((error.fault, error.sent, error.status), (Fault::Timeout, Sent::Unknown, None));
    let took = wib_core::kit::Clock::now(&*script.clock).as_second() - script.one().at.as_second();
    assert_eq!(took, 10);
}

#[tokio::test]
async fn a_stalled_a_cut_and_an_oversized_answer_leave_doubt() {
    for (reply, fault) in [(Reply::Stalls("{"), Fault::Timeout), (Reply::Cuts("{"), Fault::Down)] {
        let error = post(&Script::new([reply]), false).await.unwrap_err();
        assert_eq!((error.fault, error.sent, error.status), (fault, Sent::Unknown, Some(200)));
    }
    let script = Script::new([Reply::json(200, json!("12345678")), Reply::json(200, json!("12345678"))]);
    let client = client(&script, Policy::default());
    let ask = |cap| client.ask("read", Method::GET, "/things").at_most(cap);
    assert!(script.run(ask(10).send()).await.is_ok());
    let error = script.run(ask(9).send()).await.unwrap_err();
    assert_eq!((error.fault, error.retryable()), (Fault::Request, false));
}

#[tokio::test]
async fn a_refusal_keeps_status_code_request_and_masked_words() {
    let said = json!({"code": "10016", "message": "The number +13125550100 of ann@x.test is unknown. ".repeat(20)});
    let error = post(&Script::new([Reply::json(422, said)]), false).await.unwrap_err();
    assert_eq!((error.fault, error.sent, error.status), (Fault::Request, Sent::Refused, Some(422)));
    assert_eq!((error.code.as_deref(), error.request_id.as_deref()), (Some("10016"), Some("req-1")));
    assert!(error.message.starts_with("The number +[number] of [mail] is unknown."), "{}", error.message);
    assert_eq!(error.message.chars().count(), 200);
    let bare = Reply::Answer(502, vec![], "<html>".into());
    assert_eq!(post(&Script::new([bare]), false).await.unwrap_err().message, "Bad Gateway");
}

#[tokio::test]
async fn an_unreadable_answer_tells_where_and_not_what() {
    let answer = get(&Script::new([Reply::json(200, json!({"id": "secret"}))])).await.unwrap();
    #[derive(Debug, serde::Deserialize)]
    struct Wanted {
        #[serde(rename = "id")]
        _id: u8,
    }
    let error = answer.json::<Wanted>().unwrap_err();
    assert_eq!((error.fault, error.sent, error.request_id.as_deref()), (Fault::Nonsense, Sent::Unknown, Some("req-1")));
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn no_more_than_the_policy_says_are_under_way_at_once() {
    let script = Script::new([Reply::Silence, Reply::status(200)]);
    let client = client(&script, Policy { at_once: 1, tries: 1, ..Policy::default() });
    let one = client.ask("read", Method::GET, "/things").send();
    let two = client.ask("read", Method::GET, "/things").send();
    let (one, two) = script.run(async { tokio::join!(one, two) }).await;
    assert_eq!(one.unwrap_err().fault, Fault::Timeout);
    two.unwrap();
    let seen = script.seen();
    assert_eq!(seen[1].at.as_second() - seen[0].at.as_second(), 10);
}

#[tokio::test]
async fn an_address_or_a_key_that_cannot_be_sent_never_leaves() {
    let script = Script::new([]);
    let client = client(&script, Policy::default());
    let error = script.run(client.ask_url("fetch", "not an address").send()).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
    let odd = client.bearer(&SecretString::from("line\nbreak"));
    let error = script.run(odd.ask("read", Method::GET, "/").send()).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Credentials, Sent::No));
}

#[test]
fn nothing_printed_holds_a_key() {
    let script = Script::new([]);
    let client = client(&script, Policy::default());
    let printed = format!("{client:?} {:?}", client.ask("read", Method::GET, "/things"));
    assert!(!printed.contains(KEY), "{printed}");
}

#[test]
fn masking_hides_numbers_and_mail_and_keeps_the_rest() {
    for (said, want) in [
        ("to +13125550100", "to +[number]"),
        ("(312) 555-0100 is busy", "([number] is busy"),
        ("312 555 01 00.", "[number]."),
        ("code 90018 at 10:30", "code 90018 at 10:30"),
        ("123456 and 7890", "123456 and 7890"),
        ("1234567", "[number]"),
        ("to <ann@x.test> now", "to [mail] now"),
        ("a\nb", "a b"),
        ("", ""),
    ] {
        assert_eq!(mask(said, 200), want);
    }
}

proptest! {
    #[test]
    fn masked_words_hold_no_seven_digits_in_a_row(said in "[0-9 ().x+-]{0,60}", length in 0usize..80) {
        let masked = mask(&said, length);
        let longest = masked.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        prop_assert!(longest < 7, "{masked}");
    }
    #[test]
    fn encoded_text_is_a_path_segment_and_decodes_to_itself(text in any::<String>()) {
        let encoded = encode(&text);
        prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
        let mut bytes = Vec::new();
        let mut rest = encoded.as_bytes();
        while let [first, tail @ ..] = rest {
            if *first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        prop_assert_eq!(bytes, text.into_bytes());
    }
}

#[test]
fn spans_of_time_are_read_in_every_form() {
    for (text, ms) in [
        ("120ms", Some(120)),
        ("1s", Some(1000)),
        ("7.66s", Some(7660)),
        ("6m0s", Some(360_000)),
        ("2m59.56s", Some(179_560)),
        ("1h2m", Some(3_720_000)),
        ("1d", Some(86_400_000)),
        ("12", Some(12_000)),
        ("", None),
        ("s", None),
        ("1x", None),
        ("1m-2s", None),
        ("99999999999999999999s", None),
    ] {
        assert_eq!(super::span(text).map(|span| span.as_millis()), ms, "{text}");
    }
}

fn spent(what: &'static str, reset: &str) -> Reply {
    let (remaining, until): (&'static str, &'static str) = match what {
        "requests" => ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        _ => ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    };
    Reply::status(200).with(remaining, "0").with(until, reset)
}

#[tokio::test]
async fn who_has_nothing_left_waits_until_there_is_more() {
    for what in ["requests", "tokens"] {
        let script = Script::new([spent(what, "2.5s"), Reply::status(200), Reply::status(200)]);
        let client = client(&script, Policy::default());
        for _ in 0..3 {
            script.run(client.ask("write", Method::POST, "/things").send()).await.unwrap();
        }
        assert_eq!(waits(&script), [2500, 0], "{what}");
    }
}

#[tokio::test]
async fn who_would_wait_longer_than_its_patience_fails_without_having_left() {
    let late = Reply::status(429).with("retry-after", "30");
    for first in [spent("requests", "30s"), late] {
        let script = Script::new([first]);
        let client = client(&script, Policy::default());
        let _ = script.run(client.ask("write", Method::POST, "/things").send()).await;
        let error = script.run(client.ask("write", Method::POST, "/others").send()).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::RateLimited, Sent::No));
        assert_eq!(error.retry_after.map(|wait| wait.as_secs()), Some(30));
        assert_eq!(script.seen().len(), 1);
    }
}

#[tokio::test]
async fn limits_that_are_not_spent_hold_nobody_and_are_told() {
    let left = Reply::status(200)
        .with("x-ratelimit-remaining-requests", "7")
        .with("x-ratelimit-reset-requests", "1h")
        .with("x-ratelimit-remaining-tokens", "0");
    let script = Script::new([left, Reply::status(200)]);
    let client = client(&script, Policy::default());
    let answer = script.run(client.ask("read", Method::GET, "/things").send()).await.unwrap();
    assert_eq!((answer.limits.requests.remaining, answer.limits.tokens.remaining), (Some(7), Some(0)));
    assert_eq!((answer.limits.requests.reset, answer.limits.tokens.reset), (Some(Duration::from_secs(3600)), None));
    script.run(client.ask("read", Method::GET, "/things").send()).await.unwrap();
    assert_eq!(waits(&script), [0]);
}
