//! Mail goes out through the queue, so that it is sent once and no request waits for it.

use serde_json::json;

use crate::{
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, Result},
    ports::mailer::{Mail, MailEvent},
    wib::{Org, Wib},
};

// Most bytes of attachments that wait in the queue with their mail.
const QUEUED_BYTES: usize = 1 << 20;

impl Org {
    /// Queues a mail; a worker sends it. The same key is sent once.
    ///
    /// # Errors
    /// `Invalid` for a mail that the mailer would not take, and for attachments of more than a mebibyte; when the
    /// database does not take it.
    pub async fn send_mail(&self, mail: &Mail) -> Result<()> {
        let fault = |why: String| Error::field("mail", why);
        mail.check(&self.wib.mailer.caps(), self.wib.now()).map_err(fault)?;
        if mail.attachments.iter().map(|file| file.bytes.len()).sum::<usize>() > QUEUED_BYTES {
            return Err(fault(format!("attachments of a queued mail have {QUEUED_BYTES} bytes together at most")));
        }
        let payload = serde_json::to_value(Mail { key: String::new(), ..mail.clone() });
        let payload = payload.map_err(|e| Error::internal("a mail cannot be written down").because(e))?;
        let mut tx = self.tx().await?;
        tx.enqueue(&NewMessage { topic: Topic::SendMail, key: mail.key.clone(), payload, run_at: self.wib.now() })
            .await?;
        self.audit("email:queued", ("email", None)).with(json!({"key": mail.key})).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(())
    }
}

pub(crate) async fn send(wib: &Wib, message: &Message) -> Result<Done> {
    // The platform's own.
    let Some(organization) = message.organization_id else { return crate::auth::mail(wib, message).await };
    // Serde's own words may repeat what it found.
    let mail: Mail =
        serde_json::from_value(message.payload.clone()).map_err(|_| Error::internal("a queued mail cannot be read"))?;
    let mail = Mail { key: format!("{organization}:{}", message.key), ..mail };
    wib.mailer.send(&mail).await?;
    Ok(Done::Ack)
}

/// Takes note of what a vendor says of a mail. Nobody's rows know mails by their vendor's id yet, so it is only counted.
pub(crate) fn heard(vendor: &str, event: &MailEvent) {
    let ends = if event.what.ends_mail() { "yes" } else { "no" };
    metrics::counter!("wib_mail_events_total", "vendor" => vendor.to_owned(), "ends_mail" => ends).increment(1);
}
