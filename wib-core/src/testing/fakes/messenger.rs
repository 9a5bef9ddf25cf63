use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;

use super::refused;
use crate::{
    kit::{Clock, Phone, Timestamp, time::after},
    ports::{
        Fault, Messenger, VendorError,
        messenger::{Cost, DeliveryState, Message, MessageFault, NewMessage, Recipient},
        voice::Direction,
    },
};

/// A carrier of messages in memory: a second to send one, five to bring it; to a number that ends in 0010 it is not brought.
#[derive(Debug)]
pub struct FakeMessenger {
    clock: Arc<dyn Clock>,
    number: Phone,
    state: Mutex<(u64, BTreeMap<String, Kept>)>,
}
#[derive(Debug)]
struct Kept {
    due: Timestamp,
    message: Message,
}

impl FakeMessenger {
    /// Nothing was sent; messages come from that number.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, number: Phone) -> Self {
        Self { clock, number, state: Mutex::default() }
    }
    /// Every message that was sent, in order, as it is now.
    pub fn sent(&self) -> Vec<Message> {
        self.state().1.values().map(|kept| kept.message.clone()).collect()
    }
    fn state(&self) -> MutexGuard<'_, (u64, BTreeMap<String, Kept>)> {
        let mut state = self.state.lock().expect("no test fails while it holds this");
        let now = self.clock.now();
        for kept in state.1.values_mut() {
            kept.bring(now);
        }
        state
    }
}

impl Kept {
    fn bring(&mut self, now: Timestamp) {
        let sent = after(self.due, Duration::from_secs(1));
        let done = after(sent, Duration::from_secs(5));
        let Some(to) = self.message.to.first_mut() else { return };
        if to.state == Some(DeliveryState::Cancelled) || now < sent {
            return;
        }
        self.message.sent_at = Some(sent);
        to.state = Some(DeliveryState::Sent);
        if now < done {
            return;
        }
        let lost = to.line.as_str().ends_with("0010");
        to.state = Some(if lost { DeliveryState::DeliveryFailed } else { DeliveryState::Delivered });
        if lost {
            self.message.faults = vec![MessageFault { code: "1".to_owned(), title: "Not routable".to_owned() }];
        }
        self.message.completed_at = Some(done);
    }
}

#[async_trait]
impl Messenger for FakeMessenger {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    fn default_number(&self) -> Option<Phone> {
        Some(self.number.clone())
    }
    async fn send(&self, message: &NewMessage) -> Result<Message, VendorError> {
        if message.text.reveal().is_empty() && message.media_urls.is_empty() {
            return Err(refused(Fault::Request, "a message says something"));
        }
        let now = self.clock.now();
        if message.at.is_some_and(|at| at <= now) {
            return Err(refused(Fault::Request, "that time has passed"));
        }
        let mut state = self.state();
        state.0 += 1;
        let first = if message.at.is_some() { DeliveryState::Scheduled } else { DeliveryState::Queued };
        let sent = Message {
            id: format!("message-{:05}", state.0),
            direction: Direction::Outbound,
            from: Some(message.from.as_ref().unwrap_or(&self.number).into()),
            to: vec![Recipient { line: (&message.to).into(), state: Some(first) }],
            text: message.text.clone(),
            media_urls: message.media_urls.clone(),
            parts: Some(1),
            cost: Some(Cost { micros: 7_000, currency: "USD".to_owned() }),
            carrier_fee: None,
            faults: vec![],
            sent_at: None,
            completed_at: None,
        };
        let due = message.at.unwrap_or(now);
        state.1.insert(sent.id.clone(), Kept { due, message: sent.clone() });
        Ok(sent)
    }
    async fn fetch(&self, id: &str) -> Result<Option<Message>, VendorError> {
        Ok(self.state().1.get(id).map(|kept| kept.message.clone()))
    }
    async fn cancel(&self, id: &str) -> Result<(), VendorError> {
        let mut state = self.state();
        let kept = state.1.get_mut(id).ok_or_else(|| refused(Fault::Missing, "no such message"))?;
        match kept.message.to.first_mut() {
            Some(to) if to.state == Some(DeliveryState::Scheduled) => to.state = Some(DeliveryState::Cancelled),
            _ => return Err(refused(Fault::Request, "the message is not to be sent later")),
        }
        Ok(())
    }
}
