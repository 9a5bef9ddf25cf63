//! Recordings that Telnyx keeps: fetched, read again, deleted.

use super::*;

#[tokio::test]
async fn a_recording_is_fetched_from_its_own_host_without_the_key() {
    let script = Script::new([audio()]);
    let bytes =
        script.run(telnyx(&script).fetch_recording(&recording("rec-1", "https://s3.test/a.mp3?sig=1"), 5)).await;
    assert_eq!(bytes.unwrap(), "audio");
    let seen = script.one();
    assert_eq!((seen.host.as_str(), seen.target.as_str()), ("s3.test", "/a.mp3?sig=1"));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn an_expired_recording_is_read_again_by_its_id_or_by_its_leg() {
    let fresh = "https://s3.test/fresh.mp3";
    let single = Reply::json(200, json!({"data": kept(fresh)}));
    let script = Script::new([Reply::status(403), single, audio()]);
    let old = recording("rec-1", "https://s3.test/old.mp3");
    assert_eq!(script.run(telnyx(&script).fetch_recording(&old, 5)).await.unwrap(), "audio");
    let seen = script.seen();
    assert_eq!((seen[1].target.as_str(), seen[2].target.as_str()), ("/v2/recordings/rec-1", "/fresh.mp3"));
    assert!(seen[1].header("authorization").is_some());
    let list = Reply::json(200, json!({"data": [{"id": "other"}, kept(fresh)]}));
    let script = Script::new([list, audio()]);
    assert_eq!(script.run(telnyx(&script).fetch_recording(&recording("leg:l1", ""), 5)).await.unwrap(), "audio");
    assert!(script.seen()[0].target.starts_with("/v2/recordings?filter%5Bcall_leg_id%5D=l1"));
}

#[tokio::test]
async fn a_recording_larger_than_allowed_is_not_taken() {
    let script = Script::new([audio()]);
    let error = script.run(telnyx(&script).fetch_recording(&recording("rec-1", "https://s3.test/a.mp3"), 4)).await;
    assert_eq!(error.unwrap_err().fault, Fault::Request);
    let script = Script::new([Reply::status(404), Reply::status(404)]);
    let error = script.run(telnyx(&script).fetch_recording(&recording("rec-1", "https://s3.test/a.mp3"), 4)).await;
    assert_eq!(error.unwrap_err().fault, Fault::Missing);
}

#[tokio::test]
async fn a_recording_is_deleted_by_its_id_and_once_it_is_gone_that_is_a_success() {
    for answer in [Reply::status(200), Reply::status(404)] {
        let script = Script::new([answer]);
        script.run(telnyx(&script).delete_recording("rec-1")).await.unwrap();
        let seen = script.one();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("DELETE", "/v2/recordings/rec-1"));
    }
    let script = Script::new([Reply::status(401)]);
    let error = script.run(telnyx(&script).delete_recording("rec-1")).await.unwrap_err();
    assert_eq!(error.fault, Fault::Credentials);
}

#[tokio::test]
async fn a_recording_known_by_its_leg_is_deleted_only_when_it_is_surely_the_one() {
    let one = |id: &str, start: &str| json!({"id": id, "call_leg_id": LEG, "recording_started_at": start});
    let list = |all: &[Value]| Reply::json(200, json!({"data": all, "meta": {"total_pages": 1}}));
    // The list tells milliseconds, the event microseconds.
    let (ours, other) = (one("rec-1", "2026-02-13T09:59:00.521Z"), one("rec-2", "2026-02-13T09:59:07Z"));
    let started = format!("leg:{LEG}@{}", at("2026-02-13T09:59:00.521992Z").as_microsecond());
    let script = Script::new([list(&[other.clone(), ours.clone()]), Reply::status(200)]);
    script.run(telnyx(&script).delete_recording(&started)).await.unwrap();
    let seen = script.seen();
    assert!(seen[0].target.starts_with(&format!("/v2/recordings?filter%5Bcall_leg_id%5D={LEG}")));
    assert_eq!((seen[1].method.as_str(), seen[1].target.as_str()), ("DELETE", "/v2/recordings/rec-1"));
    let script = Script::new([list(std::slice::from_ref(&other))]);
    script.run(telnyx(&script).delete_recording(&started)).await.unwrap();
    let startless = format!("leg:{LEG}");
    let script = Script::new([list(std::slice::from_ref(&ours)), Reply::status(200)]);
    script.run(telnyx(&script).delete_recording(&startless)).await.unwrap();
    let script = Script::new([list(&[ours, other])]);
    let error = script.run(telnyx(&script).delete_recording(&startless)).await.unwrap_err();
    assert_eq!((error.fault, script.seen().len()), (Fault::Nonsense, 1));
}
