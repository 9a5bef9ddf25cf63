use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use wib_core::{
    kit::{Id, SeededRandom, Timestamp},
    ports::{
        Fault, Sent, VendorError, Witness,
        witness::{CONFLICTING_CHECKPOINT, PublishedCheckpoint, Receipt},
    },
};

use super::HttpWitness;
use crate::testing::{Reply, Script};

const ROOT: &str = "sha256:1234567890123456789012345678901234567890123456789012345678901234";

fn at() -> Timestamp {
    "2026-06-01T17:30:00Z".parse().unwrap()
}
fn checkpoint() -> PublishedCheckpoint {
    PublishedCheckpoint {
        organization_id: Id::new(at(), &SeededRandom::new(1)),
        size: 5,
        head: "sha256:aa".to_owned(),
        root: ROOT.to_owned(),
        signed_at: at(),
        public_key: "bb".to_owned(),
        signature: "cc".to_owned(),
    }
}
fn receipt(size: i64, root: &str) -> serde_json::Value {
    json!({"witness": "w.test", "size": size, "root": root, "at": "2026-06-01T17:30:01Z", "more": 1})
}
async fn publish(script: &Arc<Script>) -> Result<Receipt, VendorError> {
    let token = SecretString::from("t-1");
    let witness = HttpWitness::new(script.wires(), "https://w.test/checkpoints", Some(&token));
    assert_eq!(witness.name(), "w.test");
    script.run(witness.publish(&checkpoint())).await
}

#[tokio::test]
async fn a_checkpoint_goes_under_one_key_however_often_it_is_sent() {
    let script = Script::new([Reply::Silence, Reply::status(502), Reply::json(201, receipt(5, ROOT))]);
    let got = publish(&script).await.unwrap();
    let expected = Receipt {
        witness: "w.test".to_owned(),
        size: 5,
        root: ROOT.to_owned(),
        at: "2026-06-01T17:30:01Z".parse().unwrap(),
    };
    assert_eq!(got, expected);
    let seen = script.seen();
    assert_eq!(seen.len(), 3);
    let key = seen[0].header("idempotency-key").unwrap().to_owned();
    assert!(key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
    for seen in &seen {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/checkpoints"));
        assert_eq!(seen.header("idempotency-key"), Some(key.as_str()));
        assert_eq!(seen.header("authorization"), Some("Bearer t-1"));
        assert_eq!(serde_json::from_value::<PublishedCheckpoint>(seen.json()).unwrap(), checkpoint());
    }
    let other = PublishedCheckpoint { size: 6, ..checkpoint() };
    let script = Script::new([Reply::json(200, receipt(6, ROOT))]);
    script.run(HttpWitness::new(script.wires(), "https://w.test", None).publish(&other)).await.unwrap();
    let seen = script.one();
    assert_ne!(seen.header("idempotency-key"), Some(key.as_str()));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn a_conflict_names_what_the_witness_holds() {
    let held = ROOT.replace('1', "f");
    let error = publish(&Script::new([Reply::json(409, receipt(9, &held))])).await.unwrap_err();
    assert_eq!((error.fault, error.sent, error.status), (Fault::Request, Sent::Refused, Some(409)));
    assert_eq!(error.code.as_deref(), Some(CONFLICTING_CHECKPOINT));
    let told = error.message.strip_prefix("holds size 9 with root ").unwrap().replace(':', "");
    assert_eq!(format!("sha256:{told}"), held);
    assert!(!publish(&Script::new([Reply::json(409, json!("no"))])).await.unwrap_err().message.is_empty());
}

#[tokio::test]
async fn a_receipt_for_something_else_is_a_conflict_and_nonsense_is_refused() {
    for body in [receipt(4, ROOT), receipt(5, "sha256:00")] {
        let error = publish(&Script::new([Reply::json(200, body)])).await.unwrap_err();
        assert_eq!((error.fault, error.code.as_deref()), (Fault::Nonsense, Some(CONFLICTING_CHECKPOINT)));
    }
    for body in [json!({}), json!({"size": 5, "root": ROOT}), json!([])] {
        let error = publish(&Script::new([Reply::json(200, body)])).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Nonsense, Sent::Unknown));
    }
    for (status, fault) in [(401, Fault::Credentials), (404, Fault::Missing), (307, Fault::Nonsense)] {
        assert_eq!(publish(&Script::new([Reply::status(status)])).await.unwrap_err().fault, fault);
    }
}
