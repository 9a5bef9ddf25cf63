//! The fakes of ports against the ports' suites, and the types of mail.

use std::sync::Arc;

use proptest::prelude::*;
use wib_core::{
    kit::{Clock, VirtualClock},
    ports::mailer::{Address, Hardness, Mail, MailEventKind, Mailbox},
    testing::fakes::{FakeCache, FakeMailer, FakeQueue},
};

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()))
}

mod cache {
    use super::*;
    async fn make(_: &'static str) -> (FakeCache, Arc<VirtualClock>) {
        let clock = clock();
        (FakeCache::new(clock.clone()), clock)
    }
    wib_core::cache_suite!(make);
}

mod eventual_cache {
    use super::*;
    async fn make(_: &'static str) -> (FakeCache, Arc<VirtualClock>) {
        let clock = clock();
        (FakeCache::new(clock.clone()).eventual(), clock)
    }
    wib_core::cache_suite!(make);
}

mod queue {
    use super::*;
    async fn make(_: &'static str) -> (FakeQueue, Arc<VirtualClock>) {
        let clock = clock();
        (FakeQueue::new(clock.clone()), clock)
    }
    wib_core::queue_suite!(make);
}

mod mailer {
    use super::*;
    async fn make(_: &'static str) -> (FakeMailer, Arc<dyn Clock>) {
        let clock = clock();
        (FakeMailer::new(clock.clone()), clock)
    }
    wib_core::mailer_suite!(make);
}

mod plain_mailer {
    use wib_core::ports::mailer::MailerCaps;

    use super::*;
    async fn make(_: &'static str) -> (FakeMailer, Arc<dyn Clock>) {
        let clock = clock();
        let caps = MailerCaps { recipients: 3, batch: 1, attachment_bytes: 0, ahead: None, tags: false, status: false };
        (FakeMailer::new(clock.clone()).with_caps(caps), clock)
    }
    wib_core::mailer_suite!(make);
}

#[test]
fn a_mailbox_is_written_as_it_is_read() {
    for (text, name, written) in [
        ("ann@example.test", None, "ann@example.test"),
        ("<ann@example.test>", None, "ann@example.test"),
        ("Ann Lee <ann@example.test>", Some("Ann Lee"), "Ann Lee <ann@example.test>"),
        ("Dr. Lee, Ann <ann@example.test>", Some("Dr. Lee, Ann"), "\"Dr. Lee, Ann\" <ann@example.test>"),
        ("\"Ann\" <ann@example.test>", Some("Ann"), "Ann <ann@example.test>"),
        ("Ånn <ann+tag@example.test>", Some("Ånn"), "Ånn <ann+tag@example.test>"),
    ] {
        let mailbox: Mailbox = text.parse().unwrap();
        assert_eq!((mailbox.name(), mailbox.to_string().as_str()), (name, written));
        assert_eq!(written.parse::<Mailbox>().unwrap(), mailbox);
    }
    let address: Address = "ann@mail.example.test".parse().unwrap();
    assert_eq!((address.local(), address.domain()), ("ann", "mail.example.test"));
}

#[test]
fn a_mail_that_waited_from_before_is_still_read() {
    let old = serde_json::json!({"to": "ann@example.test", "subject": "s", "text": "t"});
    let mail: Mail = serde_json::from_value(old).unwrap();
    assert_eq!(mail, Mail::plain("ann@example.test".parse().unwrap(), "s", "t", ""));
    let written = serde_json::to_value(&mail).unwrap();
    assert_eq!(written, serde_json::json!({"to": ["ann@example.test"], "subject": "s", "text": "t"}));
}

#[test]
fn hard_bounces_and_complaints_end_mail_and_soft_bounces_do_not() {
    let bounced = |hardness| {
        MailEventKind::Bounced(wib_core::ports::mailer::Bounce { hardness, kind: None, subtype: None }).ends_mail()
    };
    assert_eq!([Hardness::Hard, Hardness::Soft, Hardness::Unknown].map(bounced), [true, false, false]);
    assert!(MailEventKind::Complained.ends_mail() && !MailEventKind::Delivered.ends_mail());
}

proptest! {
    #[test]
    fn no_mailbox_holds_a_line_break_and_each_is_read_back(text in "\\PC{0,20}[\r\n\"<> @.a-z]{0,20}") {
        if let Ok(mailbox) = text.parse::<Mailbox>() {
            let written = mailbox.to_string();
            prop_assert!(!written.contains(char::is_control));
            prop_assert_eq!(written.parse::<Mailbox>().unwrap(), mailbox);
        }
    }
}
