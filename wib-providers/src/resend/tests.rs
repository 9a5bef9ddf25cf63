use std::sync::Arc;

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::json;
use wib_core::ports::{Fault, Mailer, Sent, VendorError, mailer::Mail};

use super::Resend;
use crate::testing::{
    Reply, Script,
    contracts::{conforms, graft, odd},
};

fn mail() -> Mail {
    let text = "The call was sealed.".into();
    Mail { to: "ann@example.test".into(), subject: "Evidence".into(), text, key: "mail-1".into() }
}
async fn send(script: &Arc<Script>, mail: &Mail) -> Result<String, VendorError> {
    let resend =
        Resend::builder(script.wires(), SecretString::from("re_1"), "Word Is Bond <no-reply@wib.test>").build();
    script.run(resend.send(mail)).await
}

#[tokio::test]
async fn a_mail_goes_once_under_its_key_however_often_it_is_sent() {
    let script = Script::new([Reply::Silence, Reply::status(500), Reply::json(200, json!({"id": "m1"}))]);
    assert_eq!(send(&script, &mail()).await.unwrap(), "m1");
    let seen = script.seen();
    assert_eq!(seen.len(), 3);
    for seen in &seen {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/emails"));
        assert_eq!(seen.header("idempotency-key"), Some("mail-1"));
        assert_eq!(seen.header("authorization"), Some("Bearer re_1"));
        assert!(seen.header("user-agent").unwrap().starts_with("word-is-bond/"));
        let body = json!({"from": "Word Is Bond <no-reply@wib.test>", "to": ["ann@example.test"], "subject": "Evidence", "text": "The call was sealed."});
        assert_eq!(seen.json(), body);
        conforms("resend", "/emails", &body);
    }
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_sent_as_its_hash() {
    for key in ["k".repeat(257), "two words".into(), String::from("ü")] {
        let script = Script::new([Reply::json(200, json!({"id": "m1"}))]);
        send(&script, &Mail { key, ..mail() }).await.unwrap();
        let seen = script.one();
        let sent = seen.header("idempotency-key").unwrap();
        assert!(sent.len() == 64 && sent.bytes().all(|b| b.is_ascii_hexdigit()), "{sent}");
    }
}

#[tokio::test]
async fn refusals_keep_the_vendors_name_and_no_address() {
    let refusal = |status: u16, name: &str| {
        Reply::json(status, json!({"statusCode": status, "name": name, "message": "No to ann@example.test, sorry."}))
    };
    for (status, name, fault) in [
        (422, "validation_error", Fault::Request),
        (409, "invalid_idempotent_request", Fault::Request),
        (401, "missing_api_key", Fault::Credentials),
        (403, "invalid_from_address", Fault::Credentials),
        (429, "daily_quota_exceeded", Fault::Payment),
    ] {
        let error = send(&Script::new([refusal(status, name)]), &mail()).await.unwrap_err();
        assert_eq!((error.fault, error.sent, error.code.as_deref()), (fault, Sent::Refused, Some(name)));
        assert!(error.message.starts_with("No to [mail] sorry."), "{error}");
    }
    let script = Script::new([refusal(409, "concurrent_idempotent_requests"), Reply::json(200, json!({"id": "m1"}))]);
    assert_eq!(send(&script, &mail()).await.unwrap(), "m1");
}

#[tokio::test]
async fn the_limit_of_two_a_second_is_waited_out() {
    let limited = Reply::status(429).with("ratelimit-reset", "1");
    let script = Script::new([limited, Reply::json(200, json!({"id": "m1"}))]);
    assert_eq!(send(&script, &mail()).await.unwrap(), "m1");
    let seen = script.seen();
    assert_eq!(seen[1].at.as_second() - seen[0].at.as_second(), 1);
}

proptest! {
    #[test]
    fn fields_that_nobody_knows_change_nothing(name in "[a-z]{1,8}", odd in odd()) {
        let mut body = json!({"id": "m1"});
        graft(&mut body, &name, &odd);
        prop_assert_eq!(serde_json::from_value::<super::wire::Sent>(body).unwrap().id, "m1");
    }
}
