//! Sending a number its code.

use secrecy::ExposeSecret;

use super::{CallerId, PendingCallerId, StartCallerId};
use crate::{
    kit::{Error, Kind, Phone, Result, Role},
    ports::{Messenger, Sent, messenger::NewMessage},
    wib::Org,
};

/// What a number is told. It names who asked and nothing of anybody's debt: whoever reads it has to know which message it is.
fn words(name: &str, code: &str) -> String {
    format!(
        "{name}: {code} is the code that proves this number is yours. It is good for 10 minutes. If you did not ask for it, \
        do nothing."
    )
}

impl Org {
    /// Proves that a number is the organisation's: sends it a text message with a code that
    /// [`confirm_caller_id`](Org::confirm_caller_id) takes. Asked again, another code takes its place.
    ///
    /// The message is for the organisation's own number. One of a person in its books, or one that is not to be contacted,
    /// is sent none.
    ///
    /// # Errors
    /// `Unavailable` when nobody carries text messages here; `Conflict` when the number is proven, and when a test
    /// organisation meets a live vendor or the reverse; `Invalid` for a number that is a person's or is not to be
    /// contacted; `Vendor` with the code `SMS_FAILED` when the message was refused: ask for another code; `Forbidden` below
    /// agent.
    pub async fn prove_caller_id(&self, command: StartCallerId) -> Result<CallerId> {
        self.at_least(Role::Agent)?;
        let nobody = || Error::unavailable("nobody carries text messages here").code("SMS_NOT_CONFIGURED");
        let messenger = self.wib.messenger().ok_or_else(nobody)?.clone();
        if messenger.live() != self.organization().live {
            let message = "the organization and the vendor of text messages are not both live";
            return Err(Error::conflict(message).code("LIVE_MISMATCH"));
        }
        let mut tx = self.tx().await?;
        if !tx.persons_by_phone(&command.phone, 1).await?.is_empty() {
            return Err(Error::field("phone", "is a person's number, not the organisation's own"));
        }
        if tx.suppression(&command.phone).await?.is_some() {
            return Err(Error::field("phone", "is not to be contacted"));
        }
        drop(tx);
        let PendingCallerId { caller_id, code } = self.start_caller_id(command).await?;
        self.send_code(&*messenger, &caller_id.phone, &words(&self.organization().name, code.expose_secret())).await?;
        Ok(caller_id)
    }

    /// Sends it at once, for the code is written down nowhere: no message of the queue could carry it.
    async fn send_code(&self, messenger: &dyn Messenger, to: &Phone, text: &str) -> Result<()> {
        let message = NewMessage {
            to: to.clone(),
            from: None,
            text: text.into(),
            media_urls: vec![],
            webhook_url: self.wib.webhook_url(messenger.vendor()),
            at: None,
        };
        let refused = || Error::new(Kind::Vendor, "SMS_FAILED", "the text message was not taken: ask for another code");
        match messenger.send(&message).await {
            Ok(sent) if sent.to.iter().any(|one| one.state.as_ref().is_some_and(|state| state.failed())) => {
                Err(refused())
            }
            Ok(_) => Ok(()),
            // It may have been sent. Who has it may use it; who has not asks again.
            Err(error) if error.sent == Sent::Unknown => {
                tracing::warn!(vendor = error.vendor, error = %error, "nobody knows whether a code was sent");
                Ok(())
            }
            Err(error) => Err(refused().because(error)),
        }
    }
}
