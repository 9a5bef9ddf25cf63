//! The conformance suite of [`Messenger`]: a function per promise.
//!
//! ```text
//! async fn make() -> Subject { .. }
//! wib_core::messenger_suite!(make);   // one named test per case
//! ```

use std::{sync::Arc, time::Duration};

use crate::{
    kit::{Clock, Phone, VirtualClock, time::after},
    ports::{
        Fault, Messenger,
        messenger::{DeliveryState, Message, NewMessage},
        voice::Direction,
    },
};

/// A carrier of messages with a number of its own, and its clock.
#[derive(Debug)]
pub struct Subject {
    /// The adapter.
    pub messenger: Arc<dyn Messenger>,
    /// The clock that its vendor runs on.
    pub clock: Arc<VirtualClock>,
    /// A number whose messages are brought.
    pub good: Phone,
    /// A number whose messages are not brought.
    pub bad: Phone,
}
impl Subject {
    fn words(&self, to: &Phone, text: &str) -> NewMessage {
        NewMessage { to: to.clone(), from: None, text: text.into(), media_urls: vec![], webhook_url: None, at: None }
    }
    async fn now(&self, id: &str) -> Message {
        self.messenger.fetch(id).await.expect("an answer").expect("the message")
    }
    async fn ended(&self, id: &str) -> Message {
        for _ in 0..120 {
            let message = self.now(id).await;
            if message.state().is_some_and(DeliveryState::ended) {
                return message;
            }
            self.clock.advance(Duration::from_secs(1));
        }
        panic!("nothing is known of the message after two minutes");
    }
}

/// Makes one test per case. `make` is an `async fn() -> Subject`.
#[macro_export]
macro_rules! messenger_suite {
    ($make:path) => {
        $crate::suite_cases! { messenger_suite, $make:
            a_message_is_sent_and_delivered
            a_message_that_is_not_brought_says_why
            a_message_for_later_can_be_taken_back
            a_message_says_something
            words_and_numbers_are_never_shown
        }
    };
}

/// From our own number, as it was written; nobody knows another id.
pub async fn a_message_is_sent_and_delivered(subject: Subject) {
    let message = subject.words(&subject.good, "Your appointment is at ten.");
    let sent = subject.messenger.send(&message).await.expect("sent");
    assert!(sent.state().is_some_and(|state| !state.ended()), "{:?}", sent.state());
    let ours = subject.messenger.default_number();
    assert_eq!((sent.direction, sent.from.as_ref().and_then(|from| from.phone())), (Direction::Outbound, ours));
    let done = subject.ended(&sent.id).await;
    assert_eq!((done.state(), &done.text), (Some(&DeliveryState::Delivered), &message.text));
    assert_eq!((done.parts, done.to.len(), done.to[0].line.phone()), (Some(1), 1, Some(subject.good.clone())));
    assert!(done.cost.as_ref().is_some_and(|cost| cost.micros > 0 && cost.currency == "USD"));
    assert!(done.sent_at.is_some() && done.sent_at <= done.completed_at && done.faults.is_empty());
    let nobody = subject.messenger.fetch("00000000-0000-4000-8000-000000000000").await.expect("an answer");
    assert_eq!(nobody, None);
}

/// With a code.
pub async fn a_message_that_is_not_brought_says_why(subject: Subject) {
    let sent = subject.messenger.send(&subject.words(&subject.bad, "Hello")).await.expect("sent");
    let done = subject.ended(&sent.id).await;
    assert!(done.state().is_some_and(DeliveryState::failed));
    assert!(done.faults.iter().any(|fault| !fault.code.is_empty()));
}

/// Before its time, not after.
pub async fn a_message_for_later_can_be_taken_back(subject: Subject) {
    let hour = Duration::from_secs(3600);
    let later = NewMessage { at: Some(after(subject.clock.now(), hour)), ..subject.words(&subject.good, "Later") };
    let kept = subject.messenger.send(&later).await.expect("taken");
    let gone = subject.messenger.send(&later).await.expect("taken");
    // Not every vendor has a word of its own for it.
    assert!(matches!(gone.state(), Some(DeliveryState::Scheduled | DeliveryState::Queued)), "{:?}", gone.state());
    subject.messenger.cancel(&gone.id).await.expect("taken back");
    subject.clock.advance(hour);
    assert_eq!(subject.ended(&kept.id).await.state(), Some(&DeliveryState::Delivered));
    assert_eq!(subject.now(&gone.id).await.state(), Some(&DeliveryState::Cancelled));
    assert_eq!(subject.messenger.cancel(&kept.id).await.expect_err("sent").fault, Fault::Request);
}

/// Or shows something.
pub async fn a_message_says_something(subject: Subject) {
    let empty = subject.words(&subject.good, "");
    assert_eq!(subject.messenger.send(&empty).await.expect_err("refused").fault, Fault::Request);
    let media_urls = vec!["https://media.example.test/a.png".to_owned()];
    let picture = NewMessage { media_urls: media_urls.clone(), ..empty };
    let sent = subject.messenger.send(&picture).await.expect("sent");
    assert_eq!(subject.ended(&sent.id).await.media_urls, media_urls);
}

/// By `Debug`: card numbers are written into messages.
pub async fn words_and_numbers_are_never_shown(subject: Subject) {
    let message = subject.words(&subject.good, "4111 1111 1111 1111");
    let sent = subject.messenger.send(&message).await.expect("sent");
    let shown = format!("{message:?} {sent:?} {:?}", subject.messenger);
    assert!(!shown.contains("1111") && !shown.contains(&subject.good.as_str()[1..]), "{shown}");
}
