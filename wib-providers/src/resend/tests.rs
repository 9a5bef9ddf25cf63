#[cfg(feature = "sandbox")]
mod sandboxed;

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use wib_core::{
    kit::{Clock, Timestamp, time::after},
    ports::{
        Fault, Mailer, Sent, VendorError,
        mailer::{Attachment, Bounce, Hardness, Mail, MailEvent, MailEventKind, MailId, MailState},
        webhook::{EventBody, Headers, Refused, WebhookSource, svix_v1_sign},
    },
};

use super::{DomainState, Resend, webhook};
use crate::{
    http::Wires,
    testing::{
        Reply, Script,
        contract::Proof,
        contracts::{conforms, graft, odd},
        vectors::vectors,
    },
};

fn mail() -> Mail {
    Mail::plain("ann@example.test".parse().unwrap(), "Evidence", "The call was sealed.", "mail-1")
}
fn resend(wires: Wires) -> Resend {
    let from = "Word Is Bond <no-reply@wib.test>".parse().unwrap();
    Resend::builder(wires, SecretString::from("re_canary"), from).build()
}
async fn send(script: &Arc<Script>, mail: &Mail) -> Result<MailId, VendorError> {
    script.run(resend(script.wires()).send(mail)).await
}
fn id(text: &str) -> MailId {
    MailId(text.to_owned())
}

#[tokio::test]
async fn a_mail_goes_once_under_its_key_however_often_it_is_sent() {
    let script = Script::new([Reply::Silence, Reply::status(500), Reply::json(200, json!({"id": "m1"}))]);
    assert_eq!(send(&script, &mail()).await.unwrap(), id("m1"));
    let seen = script.seen();
    assert_eq!(seen.len(), 3);
    for seen in &seen {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/emails"));
        assert_eq!(seen.header("idempotency-key"), Some("mail-1"));
        assert_eq!(seen.header("authorization"), Some("Bearer re_canary"));
        assert!(seen.header("user-agent").unwrap().starts_with("word-is-bond/"));
        let body = json!({"from": "Word Is Bond <no-reply@wib.test>", "to": ["ann@example.test"], "subject": "Evidence", "text": "The call was sealed."});
        assert_eq!(seen.json(), body);
        conforms("resend", "/emails", &body);
    }
}

#[tokio::test]
async fn everything_of_a_mail_goes_along() {
    let script = Script::new([Reply::json(200, json!({"id": "m1"}))]);
    let at = after(script.clock.now(), Duration::from_secs(3600));
    let whole = Mail {
        to: vec!["Ann Lee <ann@example.test>".parse().unwrap(), "bo@example.test".parse().unwrap()],
        cc: vec!["cy@example.test".parse().unwrap()],
        bcc: vec!["di@example.test".parse().unwrap()],
        reply_to: vec!["\"Desk, Front\" <desk@example.test>".parse().unwrap()],
        html: Some("<p>Sealed.</p>".into()),
        headers: [("List-Unsubscribe".to_owned(), "<https://wib.test/off>".to_owned())].into(),
        tags: [("kind".to_owned(), "evidence".to_owned())].into(),
        attachments: vec![Attachment {
            name: "seal.pdf".into(),
            content_type: "application/pdf".into(),
            bytes: vec![0, 255].into(),
            content_id: Some("seal".into()),
        }],
        send_at: Some(at),
        ..mail()
    };
    send(&script, &whole).await.unwrap();
    let body = script.one().json();
    conforms("resend", "/emails", &body);
    assert_eq!(
        body,
        json!({
            "from": "Word Is Bond <no-reply@wib.test>",
            "to": ["Ann Lee <ann@example.test>", "bo@example.test"],
            "cc": ["cy@example.test"],
            "bcc": ["di@example.test"],
            "reply_to": ["\"Desk, Front\" <desk@example.test>"],
            "subject": "Evidence",
            "text": "The call was sealed.",
            "html": "<p>Sealed.</p>",
            "headers": {"List-Unsubscribe": "<https://wib.test/off>"},
            "scheduled_at": "2026-02-13T11:00:00Z",
            "tags": [{"name": "kind", "value": "evidence"}],
            "attachments": [
                {"filename": "seal.pdf", "content": "AP8=", "content_type": "application/pdf", "content_id": "seal"},
            ],
        })
    );
}

#[tokio::test]
async fn an_instant_that_has_passed_is_at_once() {
    let script = Script::new([Reply::json(200, json!({"id": "m1"}))]);
    send(&script, &Mail { send_at: Some(Timestamp::UNIX_EPOCH), ..mail() }).await.unwrap();
    assert_eq!(script.one().json().get("scheduled_at"), None);
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
async fn a_batch_is_one_request_under_one_key() {
    let answer = json!({"data": [{"id": "m1"}, {"id": "m2"}]});
    let script = Script::new([Reply::Fails(Sent::Unknown), Reply::json(200, answer)]);
    let mails = [mail(), Mail { subject: "Second".into(), ..mail() }];
    let ids = script.run(resend(script.wires()).send_batch("batch-1", &mails)).await.unwrap();
    assert_eq!(ids, [id("m1"), id("m2")]);
    for seen in script.seen() {
        assert_eq!((seen.target.as_str(), seen.header("idempotency-key")), ("/emails/batch", Some("batch-1")));
        let body = seen.json();
        conforms("resend", "/emails/batch", &body);
        assert_eq!((&body[0]["subject"], &body[1]["subject"]), (&json!("Evidence"), &json!("Second")));
    }
    let script = Script::new([Reply::json(200, json!({"data": [{"id": "m1"}]}))]);
    let error = script.run(resend(script.wires()).send_batch("batch-1", &mails)).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Nonsense, Sent::Unknown));
    let file = Attachment { name: "a".into(), content_type: "a/b".into(), bytes: "x".into(), content_id: None };
    let script = Script::new([]);
    let mails = [Mail { attachments: vec![file], ..mail() }];
    assert_eq!(resend(script.wires()).send_batch("b", &mails).await.unwrap_err().fault, Fault::Request);
}

#[tokio::test]
async fn a_mail_that_is_kept_is_moved_taken_back_and_asked_about() {
    let told = |event: &str| Reply::json(200, json!({"object": "email", "id": "m1", "last_event": event}));
    let script = Script::new([
        told("x"),
        told("x"),
        told("scheduled"),
        told("delivery_delayed"),
        told("melted"),
        Reply::json(200, json!({"id": "m1"})),
    ]);
    let resend = resend(script.wires());
    let at = after(script.clock.now(), Duration::from_secs(60));
    resend.reschedule(&id("m/1"), at).await.unwrap();
    resend.cancel(&id("m1")).await.unwrap();
    for expected in
        [MailState::Scheduled, MailState::Delayed, MailState::Other("melted".into()), MailState::Queued]
    {
        assert_eq!(resend.status(&id("m1")).await.unwrap(), expected);
    }
    let seen = script.seen();
    let asked: Vec<_> = seen.iter().map(|seen| (seen.method.as_str(), seen.target.as_str())).collect();
    assert_eq!(
        asked[..3],
        [("PATCH", "/emails/m%2F1"), ("POST", "/emails/m1/cancel"), ("GET", "/emails/m1")]
    );
    assert_eq!(seen[0].json(), json!({"scheduled_at": "2026-02-13T10:01:00Z"}));
    let error = resend.reschedule(&id("m1"), after(at, Duration::from_secs(31 * 86_400))).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
    let lost = Script::new([Reply::Fails(Sent::Unknown)]);
    let error = lost.run(super::tests::resend(lost.wires()).cancel(&id("m1"))).await.unwrap_err();
    assert_eq!((error.fault, error.sent, lost.seen().len()), (Fault::Down, Sent::Unknown, 1));
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
    assert_eq!(send(&script, &mail()).await.unwrap(), id("m1"));
}

#[tokio::test]
async fn the_limit_of_two_a_second_is_waited_out() {
    let limited = Reply::status(429).with("ratelimit-reset", "1");
    let script = Script::new([limited, Reply::json(200, json!({"id": "m1"}))]);
    assert_eq!(send(&script, &mail()).await.unwrap(), id("m1"));
    let seen = script.seen();
    assert_eq!(seen[1].at.as_second() - seen[0].at.as_second(), 1);
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let page = |ids: &[&str], more: bool| {
        let data: Vec<_> = ids.iter().map(|id| json!({"id": id, "name": "a.test", "status": "partially_failed"})).collect();
        Reply::json(200, json!({"object": "list", "has_more": more, "data": data}))
    };
    let script = Script::new([page(&["d1", "d2"], true), page(&["d3"], false)]);
    let domains = resend(script.wires()).domains().await.unwrap();
    assert_eq!(domains.iter().map(|domain| domain.id.as_str()).collect::<Vec<_>>(), ["d1", "d2", "d3"]);
    assert_eq!(domains[0].state, DomainState::Partly);
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/domains?limit=100", "/domains?limit=100&after=d2"]);
}

#[tokio::test]
async fn contract_requests_conform_and_answers_are_understood() {
    let Some(proof) = Proof::of("resend") else { return };
    let resend = &resend(proof.wires());
    let at = after(proof.wires().clock.now(), Duration::from_secs(60));
    let whole = Mail {
        cc: vec!["cy@example.test".parse().unwrap()],
        html: Some("<p>Sealed.</p>".into()),
        tags: [("kind".to_owned(), "evidence".to_owned())].into(),
        send_at: Some(at),
        ..mail()
    };
    let (mail_id, address) = (&id("m1"), &"ann@example.test".parse().unwrap());
    proof.run("send", &["/id"], async || resend.send(&whole).await).await;
    proof.run("batch", &["/data/*/id"], async || resend.send_batch("b", &[mail()]).await).await;
    proof.run("status", &[], async || resend.status(mail_id).await).await;
    proof.run("cancel", &[], async || resend.cancel(mail_id).await).await;
    proof.run("domains", &["/data/*/id", "/data/*/name"], async || resend.domains().await).await;
    proof.run("domain", &["/id", "/name"], async || resend.domain("d1").await).await;
    proof.run("create_domain", &["/id", "/name"], async || resend.create_domain("wib.test").await).await;
    proof.run("verify_domain", &[], async || resend.verify_domain("d1").await).await;
    proof.run("suppressions", &["/data/*/id", "/data/*/email"], async || resend.suppressions().await).await;
    proof.run("suppress", &[], async || resend.suppress(address).await).await;
    proof.run("unsuppress", &[], async || resend.unsuppress(address).await).await;
    proof.end(&[
        "get /emails",
        // Its document forgot the body, though it names what is in it.
        "patch /emails/{email_id}",
        "patch /domains/{domain_id}",
        "delete /domains/{domain_id}",
        "post /webhooks",
        "get /webhooks",
        "get /webhooks/{webhook_id}",
        "patch /webhooks/{webhook_id}",
        "delete /webhooks/{webhook_id}",
    ]);
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let script = Script::new([]);
    let builder = Resend::builder(script.wires(), "re_canary".to_owned().into(), "a@b.test".parse().unwrap());
    let builder = builder.webhook_secret(&format!("whsec_{}", BASE64_STANDARD.encode("canary"))).unwrap();
    let printed = format!("{builder:?}");
    let printed = printed + &format!("{:?}", builder.build());
    assert!(!printed.contains("canary") && !printed.contains(&format!("{:?}", b"canary")), "{printed}");
}

fn open(secrets: &[&str]) -> Resend {
    let script = Script::new([]);
    let builder = Resend::builder(script.wires(), "re_1".to_owned().into(), "a@b.test".parse().unwrap());
    secrets.iter().fold(builder, |builder, secret| builder.webhook_secret(secret).unwrap()).build()
}

#[test]
fn every_vector_is_taken_or_refused_as_it_says() {
    let all = vectors("resend");
    assert!(all.is_empty() || all.len() == 22, "{}", all.len());
    for vector in &all {
        let resend = open(&[vector.text("secret")]);
        vector.holds(&resend);
        let rotating = open(&["whsec_AAAA", vector.text("secret")]);
        vector.holds(&rotating);
        assert_eq!(vector.passes(&open(&[])).unwrap_err(), Refused::NotConfigured);
        let Ok(events) = vector.passes(&resend) else { continue };
        assert_eq!(events.len(), 1);
        let EventBody::Mail(event) = &events[0].body else { panic!("{:?}", events[0].body) };
        assert_eq!(event.to, ["payer@example.test"]);
        assert_eq!(event.at, "2026-02-13T10:00:00Z".parse().unwrap());
        assert!(!matches!(event.what, MailEventKind::Other(_)), "{event:?}");
        // A delivery that comes twice has the same id.
        assert_eq!(vector.passes(&resend).unwrap()[0].id, events[0].id);
    }
}

fn signed(body: &str) -> Result<EventBody, Refused> {
    let (now, secret) = (Timestamp::from_second(1_770_976_800).unwrap(), b"secret".as_slice());
    let signature = svix_v1_sign(secret, "msg_1", "1770976800", body.as_bytes());
    let headers: [(&str, &[u8]); 3] =
        [("svix-id", b"msg_1"), ("svix-timestamp", b"1770976800"), ("svix-signature", signature.as_bytes())];
    let resend = open(&[&format!("whsec_{}", BASE64_STANDARD.encode(secret))]);
    let opened = resend.open(&Headers(&headers), body.as_bytes(), now)?;
    Ok(opened.into_events().remove(0).body)
}

#[test]
fn deliveries_are_read_into_what_happened() {
    let event = |kind: &str, more: Value| {
        let mut data = json!({"email_id": "m1", "to": ["a@b.test"]});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        signed(&json!({"type": kind, "created_at": "2026-02-13T09:59:59.123Z", "data": data}).to_string()).unwrap()
    };
    let bounce = |kind: &str, hardness| {
        let (kind, subtype) = (Some(kind.to_owned()), Some("MailboxFull".to_owned()));
        MailEventKind::Bounced(Bounce { hardness, kind, subtype })
    };
    let bounced = |kind: &str| json!({"bounce": {"type": kind, "subType": "MailboxFull", "message": "no"}});
    for (kind, more, what) in [
        ("email.sent", json!({}), MailEventKind::Sent),
        ("email.bounced", bounced("Permanent"), bounce("Permanent", Hardness::Hard)),
        ("email.bounced", bounced("Transient"), bounce("Transient", Hardness::Soft)),
        ("email.bounced", bounced("Undetermined"), bounce("Undetermined", Hardness::Unknown)),
        (
            "email.bounced",
            json!({}),
            MailEventKind::Bounced(Bounce { hardness: Hardness::Unknown, kind: None, subtype: None }),
        ),
        (
            "email.failed",
            json!({"failed": {"reason": "reached_daily_quota"}}),
            MailEventKind::Failed { reason: Some("reached_daily_quota".into()) },
        ),
        ("email.melted", json!({}), MailEventKind::Other("email.melted".into())),
    ] {
        let at = "2026-02-13T09:59:59.123Z".parse().unwrap();
        let expected = MailEvent { mail: id("m1"), at, to: vec!["a@b.test".into()], what };
        assert_eq!(event(kind, more), EventBody::Mail(expected), "{kind}");
    }
    let other = signed(r#"{"type":"contact.created","data":{"id":"c1"}}"#).unwrap();
    assert_eq!(other, EventBody::Other("contact.created".into()));
    let EventBody::Mail(late) = signed(r#"{"type":"email.sent","data":{"email_id":"m1"}}"#).unwrap() else { panic!() };
    assert_eq!(late.at.as_second(), 1_770_976_800);
    assert_eq!(signed("{"), Err(Refused::InvalidJson));
    assert_eq!(signed("{}"), Err(Refused::InvalidStructure));
    assert_eq!(signed(r#"{"type":"email.sent","data":{}}"#), Err(Refused::InvalidStructure));
}

proptest! {
    #[test]
    fn fields_that_nobody_knows_change_nothing(name in "[a-z]{1,8}", odd in odd()) {
        let mut body = json!({"id": "m1"});
        graft(&mut body, &name, &odd);
        prop_assert_eq!(serde_json::from_value::<super::wire::Sent>(body).unwrap().id, "m1");
        let mut body = json!({"type": "email.sent", "created_at": "2026-02-13T10:00:00Z", "data": {"email_id": "m1", "to": []}});
        graft(&mut body, &name, &odd);
        let event = webhook::read("msg_1", Timestamp::UNIX_EPOCH, body.to_string().as_bytes()).unwrap();
        let EventBody::Mail(event) = event.body else { panic!() };
        prop_assert_eq!(event.what, MailEventKind::Sent);
    }
    #[test]
    fn whatever_is_delivered_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = webhook::read("msg_1", Timestamp::UNIX_EPOCH, &body);
    }
}
