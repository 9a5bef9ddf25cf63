//! The suites of ports, run by their fakes; and the types of mail.

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

mod webrtc {
    use std::sync::Arc;

    use wib_core::testing::{fakes::FakeWebrtc, webrtc_suite::Subject};

    async fn make() -> Subject {
        let clock = super::clock();
        Subject { webrtc: Arc::new(FakeWebrtc::new(clock.clone())), clock, trunk_id: "7".to_owned() }
    }
    wib_core::webrtc_suite!(make);
}

mod trunks {
    use std::sync::Arc;

    use wib_core::{ports::Trunks, testing::fakes::FakeTrunks};

    async fn make() -> Arc<dyn Trunks> {
        Arc::new(FakeTrunks::default())
    }
    wib_core::trunks_suite!(make);
}

mod numbers {
    use std::sync::Arc;

    use wib_core::testing::{fakes::FakeNumbers, numbers_suite::Subject};

    async fn make() -> Subject {
        let clock = super::clock();
        let numbers = Arc::new(FakeNumbers::new(clock.clone()));
        let lossy = numbers.clone();
        let lose_an_answer = Box::new(move || lossy.lose_an_answer());
        Subject { numbers, clock, trunk_id: "7".to_owned(), lose_an_answer }
    }
    wib_core::numbers_suite!(make);
}

mod verified_numbers {
    use std::sync::Arc;

    use wib_core::testing::{fakes::FakeVerifiedNumbers, verified_numbers_suite::Subject};

    async fn make() -> Subject {
        let clock = super::clock();
        let verified = Arc::new(FakeVerifiedNumbers::new(clock.clone()));
        Subject { verified, clock, code: FakeVerifiedNumbers::CODE }
    }
    wib_core::verified_numbers_suite!(make);
}

mod messenger {
    use std::sync::Arc;

    use wib_core::testing::{fakes::FakeMessenger, messenger_suite::Subject};

    async fn make() -> Subject {
        let clock = super::clock();
        let messenger = Arc::new(FakeMessenger::new(clock.clone(), "+13125550100".parse().unwrap()));
        Subject { messenger, clock, good: "+14155550123".parse().unwrap(), bad: "+15005550010".parse().unwrap() }
    }
    wib_core::messenger_suite!(make);
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

mod bus {
    use wib_core::testing::bus_suite::{Node, Nodes};
    async fn make(_: &'static str) -> Option<Nodes> {
        let bus = wib_core::ports::bus::LocalBus::default();
        let node = Node { hub: bus.hub().clone(), bus: std::sync::Arc::new(bus) };
        Some(Nodes { a: node.clone(), b: node, lose: None, held: Box::new(()) })
    }
    wib_core::bus_suite!(make);
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
