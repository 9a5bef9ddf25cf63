//! Text messages.

use async_trait::async_trait;
use http::Method;
use wib_core::{
    kit::Phone,
    ports::{
        Fault, Messenger, Sent, VendorError,
        messenger::{Message, NewMessage},
    },
};

use super::{Telnyx, VENDOR, wire, wire_lines};

#[async_trait]
impl Messenger for Telnyx {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }
    fn default_number(&self) -> Option<Phone> {
        self.default_number.clone()
    }

    async fn send(&self, message: &NewMessage) -> Result<Message, VendorError> {
        if message.text.reveal().is_empty() && message.media_urls.is_empty() {
            return Err(self.client.fault(Fault::Request, Sent::No, "a message says something"));
        }
        // With a profile and no number, the profile chooses one.
        let chosen = self.messaging_profile.is_none().then_some(self.default_number.as_ref()).flatten();
        let from = message.from.as_ref().or(chosen);
        if from.is_none() && self.messaging_profile.is_none() {
            return Err(self.client.fault(Fault::Request, Sent::No, "neither a number nor a profile to send from"));
        }
        let request = wire_lines::MessageRequest {
            to: message.to.as_str(),
            from: from.map(Phone::as_str),
            messaging_profile_id: self.messaging_profile.as_deref(),
            text: message.text.reveal(),
            media_urls: &message.media_urls,
            kind: if message.media_urls.is_empty() { "SMS" } else { "MMS" },
            webhook_url: message.webhook_url.as_deref(),
            send_at: message.at.map(|at| at.to_string()),
        };
        let ask = self.client.ask("send_message", Method::POST, "/messages").json(&request);
        Ok(ask.send().await?.json::<wire::Single<wire_lines::MessageAnswer>>()?.data.into_ours())
    }

    async fn fetch(&self, id: &str) -> Result<Option<Message>, VendorError> {
        let ask = self.client.ask("message", Method::GET, "/messages/{}").fill(id);
        Ok(self.found::<wire_lines::MessageAnswer>(ask).await?.map(wire_lines::MessageAnswer::into_ours))
    }

    async fn cancel(&self, id: &str) -> Result<(), VendorError> {
        self.client.ask("cancel_message", Method::DELETE, "/messages/{}").fill(id).send().await.map(drop)
    }
}
