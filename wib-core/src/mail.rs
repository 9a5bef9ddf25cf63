//! Mail goes out through the queue, so that it is sent once and no request waits for it.

use serde_json::json;

use crate::{
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, Result},
    ports::mailer::Mail,
    wib::{Org, Wib},
};

impl Org {
    /// Queues a mail; a worker sends it. The same key is sent once.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn send_mail(&self, mail: &Mail) -> Result<()> {
        let payload = json!({"to": mail.to, "subject": mail.subject, "text": mail.text});
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
    let organization = message.organization_id.ok_or_else(|| Error::internal("a mail has no organization"))?;
    let mail = Mail {
        to: message.payload_field("to")?,
        subject: message.payload_field("subject")?,
        text: message.payload_field("text")?,
        key: format!("{organization}:{}", message.key),
    };
    wib.mailer.send(&mail).await?;
    Ok(Done::Ack)
}
