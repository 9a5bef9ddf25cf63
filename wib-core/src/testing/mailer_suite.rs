//! The conformance suite of [`Mailer`]: a function per promise, each on a mailer that has sent nothing.
//!
//! ```text
//! async fn make(name: &'static str) -> Option<(impl Mailer, Arc<dyn Clock>)> { .. }
//! wib_core::mailer_suite!(make);                                    // one named test per case
//! ```

#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::time::Duration;

use crate::{
    kit::{Clock, time::after},
    ports::{
        Fault, Mailer, Sent, VendorError,
        mailer::{Attachment, Mail, MailId, MailState},
    },
};

/// Makes one test per case. `make` is an `async fn(&'static str) -> (impl Mailer, Arc<dyn Clock>)`: a mailer for the case
/// of that name, and its time.
#[macro_export]
macro_rules! mailer_suite {
    ($make:path) => {
        $crate::mailer_suite! { @cases $make:
            a_mail_is_known_by_its_key
            a_mail_with_everything_is_taken
            what_does_not_fit_is_refused_before_it_leaves
            nothing_opens_a_header_of_its_own
            a_mail_for_later_is_moved_and_taken_back
            a_batch_goes_in_order_and_once
            what_became_of_a_mail_is_told
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            let (mailer, clock) = $make(stringify!($case)).await;
            $crate::testing::mailer_suite::$case(&mailer, &*clock).await;
        })+
    };
}

fn mail(key: &str) -> Mail {
    Mail::plain("ann@example.test".parse().unwrap(), "Evidence", "The call was sealed.", key)
}
fn refused<T: std::fmt::Debug>(answer: Result<T, VendorError>, what: &str) {
    let error = answer.expect_err(what);
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{what}");
    assert!(!error.message.contains('@'), "{what}: {}", error.message);
}

/// The same key twice is one mail; another key is another.
pub async fn a_mail_is_known_by_its_key(mailer: &dyn Mailer, _clock: &dyn Clock) {
    let first = mailer.send(&mail("k1")).await.unwrap();
    assert_eq!(mailer.send(&mail("k1")).await.unwrap(), first);
    assert_ne!(mailer.send(&mail("k2")).await.unwrap(), first);
}

/// Several people, both texts, headers; tags and files where the mailer takes them.
pub async fn a_mail_with_everything_is_taken(mailer: &dyn Mailer, _clock: &dyn Clock) {
    let caps = mailer.caps();
    let mut whole = Mail {
        cc: vec!["Bo Li <bo@example.test>".parse().unwrap()],
        bcc: vec!["cy@example.test".parse().unwrap()],
        reply_to: vec!["\"Desk, Front\" <desk@example.test>".parse().unwrap()],
        subject: "Été".to_owned(),
        html: Some("<p>The call was <b>sealed</b>.</p>".to_owned()),
        ..mail("k1")
    };
    whole.headers.insert("List-Unsubscribe".to_owned(), "<https://wib.test/off>".to_owned());
    if caps.tags {
        whole.tags.insert("kind".to_owned(), "evidence".to_owned());
    } else {
        println!("skipped: {} takes no tags", mailer.vendor());
    }
    if caps.attachment_bytes > 0 {
        let (name, content_type) = ("seal.txt".to_owned(), "text/plain".to_owned());
        whole.attachments.push(Attachment { name, content_type, bytes: "sealed".into(), content_id: None });
    } else {
        println!("skipped: {} takes no attachments", mailer.vendor());
    }
    mailer.send(&whole).await.unwrap();
}

/// Nobody to send to, nothing to say, too much of anything.
pub async fn what_does_not_fit_is_refused_before_it_leaves(mailer: &dyn Mailer, clock: &dyn Clock) {
    let caps = mailer.caps();
    let file = |bytes: usize, name: &str| Attachment {
        name: name.to_owned(),
        content_type: "text/plain".to_owned(),
        bytes: vec![0; bytes].into(),
        content_id: None,
    };
    let crowd = vec!["bo@example.test".parse().unwrap(); caps.recipients];
    let mut wrong = vec![
        ("nobody", Mail { to: vec![], ..mail("k") }),
        ("no text", Mail { text: None, ..mail("k") }),
        ("no key", mail("")),
        ("too many", Mail { bcc: crowd, ..mail("k") }),
        ("too large", Mail { attachments: vec![file(caps.attachment_bytes + 1, "a")], ..mail("k") }),
        ("a folder", Mail { attachments: vec![file(1, "../a")], ..mail("k") }),
        ("a long text", Mail { html: Some("x".repeat(5 << 20)), ..mail("k") }),
    ];
    if !caps.tags {
        wrong.push(("a tag", Mail { tags: [("a".to_owned(), "b".to_owned())].into(), ..mail("k") }));
    }
    let later = caps.ahead.map_or(Duration::from_secs(60), |ahead| ahead + Duration::from_secs(60));
    wrong.push(("too late", Mail { send_at: Some(after(clock.now(), later)), ..mail("k") }));
    for (what, mail) in wrong {
        refused(mailer.send(&mail).await, what);
    }
}

/// Neither a subject nor a header nor a tag nor a file's name.
pub async fn nothing_opens_a_header_of_its_own(mailer: &dyn Mailer, _clock: &dyn Clock) {
    let evil = "x\r\nBcc: thief@example.test";
    let headers = |name: &str, value: &str| Mail { headers: [(name.to_owned(), value.to_owned())].into(), ..mail("k") };
    let attachment = |name: &str, content_type: &str| Mail {
        attachments: vec![Attachment {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            bytes: "x".into(),
            content_id: None,
        }],
        ..mail("k")
    };
    for (what, mail) in [
        ("subject", Mail { subject: evil.to_owned(), ..mail("k") }),
        ("header", headers("X-A", evil)),
        ("header's name", headers(evil, "x")),
        ("header of the mail's own", headers("bCC", "thief@example.test")),
        ("tag", Mail { tags: [("a".to_owned(), evil.to_owned())].into(), ..mail("k") }),
        ("file", attachment(evil, "text/plain")),
        ("type", attachment("a", "text/plain\r\nBcc: x")),
    ] {
        refused(mailer.send(&mail).await, what);
    }
    for text in
        [evil, "a@b.test\r\n", "a@b.test\nc", "A\r\nB <a@b.test>", "a b@c.test", "a@b", "a@b@c.test", "@c.test", ""]
    {
        assert!(text.parse::<crate::ports::mailer::Mailbox>().is_err(), "{text:?}");
    }
}

/// Refused where mails are not kept.
pub async fn a_mail_for_later_is_moved_and_taken_back(mailer: &dyn Mailer, clock: &dyn Clock) {
    let at = |seconds| after(clock.now(), Duration::from_secs(seconds));
    if mailer.caps().ahead.is_none() {
        println!("skipped: {} keeps no mail for later", mailer.vendor());
        let id = MailId("m1".to_owned());
        refused(mailer.reschedule(&id, at(60)).await, "reschedule");
        refused(mailer.cancel(&id).await, "cancel");
        return;
    }
    let later = mailer.send(&Mail { send_at: Some(at(3600)), ..mail("k1") }).await.unwrap();
    assert_eq!(mailer.status(&later).await.unwrap(), MailState::Scheduled);
    mailer.reschedule(&later, at(7200)).await.unwrap();
    mailer.cancel(&later).await.unwrap();
    assert_eq!(mailer.status(&later).await.unwrap(), MailState::Canceled);
    assert!(mailer.cancel(&later).await.is_err());
    let gone = mailer.send(&mail("k2")).await.unwrap();
    assert!(mailer.reschedule(&gone, at(60)).await.is_err());
}

/// As large as the caps say and no larger.
pub async fn a_batch_goes_in_order_and_once(mailer: &dyn Mailer, clock: &dyn Clock) {
    let caps = mailer.caps();
    let batch: Vec<_> = (0..caps.batch).map(|n| Mail { subject: format!("No. {n}"), ..mail("") }).collect();
    let ids = mailer.send_batch("b1", &batch).await.unwrap();
    let mut different = ids.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), caps.batch);
    assert_eq!(mailer.send_batch("b1", &batch).await.unwrap(), ids);
    refused(mailer.send_batch("b2", &[]).await, "an empty batch");
    refused(mailer.send_batch("b2", &[&batch[..], &batch[..1]].concat()).await, "a batch too many");
    let at = Some(after(clock.now(), Duration::from_secs(60)));
    refused(mailer.send_batch("b2", &[Mail { send_at: at, ..mail("k") }]).await, "a batch for later");
}

/// Refused where nobody says.
pub async fn what_became_of_a_mail_is_told(mailer: &dyn Mailer, _clock: &dyn Clock) {
    let id = mailer.send(&mail("k1")).await.unwrap();
    if !mailer.caps().status {
        println!("skipped: {} does not say what became of a mail", mailer.vendor());
        refused(mailer.status(&id).await, "status");
        return;
    }
    let state = mailer.status(&id).await.unwrap();
    assert!(matches!(state, MailState::Queued | MailState::Sent | MailState::Delivered), "{state:?}");
    let unknown = MailId("4ef9a417-02e9-4d39-ad75-9611e0fcc33c".to_owned());
    assert_eq!(mailer.status(&unknown).await.unwrap_err().fault, Fault::Missing);
}
