//! Mails: sent, kept for later, asked about.

use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use sha2::{Digest, Sha256};
use wib_core::{
    kit::Timestamp,
    ports::{
        Fault, Mailer, Sent, VendorError,
        mailer::{Mail, MailId, MailState, MailerCaps},
    },
};

use super::{Resend, VENDOR, wire};

const CAPS: MailerCaps = MailerCaps {
    recipients: 50,
    batch: 100,
    // 40 MB after base64.
    attachment_bytes: 29_000_000,
    ahead: Some(Duration::from_secs(30 * 86_400)),
    tags: true,
    status: true,
};
/// How long a mail with files may take to go up.
const UPLOAD: Duration = Duration::from_secs(120);

/// A key as the header takes it: what does not fit goes as its hash.
fn key(key: &str) -> String {
    let fits = (1..=256).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if fits { key.to_owned() } else { hex::encode(Sha256::digest(key)) }
}

#[async_trait]
impl Mailer for Resend {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }
    fn caps(&self) -> MailerCaps {
        CAPS
    }

    async fn send(&self, mail: &Mail) -> Result<MailId, VendorError> {
        let now = self.client.now();
        mail.check(&CAPS, now).map_err(|why| Mail::refused(VENDOR, &why))?;
        let ask = self.client.ask("send", Method::POST, "/emails").header("idempotency-key", &key(&mail.key));
        let ask = if mail.attachments.is_empty() { ask } else { ask.within(UPLOAD) };
        let answer = ask.json(&wire::SendRequest::new(&self.from, mail, now)).repeatable().send().await?;
        Ok(MailId(answer.json::<wire::Sent>()?.id))
    }

    async fn send_batch(&self, batch_key: &str, mails: &[Mail]) -> Result<Vec<MailId>, VendorError> {
        let now = self.client.now();
        Mail::check_batch(mails, &CAPS, now).map_err(|why| Mail::refused(VENDOR, &why))?;
        let requests: Vec<_> = mails.iter().map(|mail| wire::SendRequest::new(&self.from, mail, now)).collect();
        let ask = self.client.ask("batch", Method::POST, "/emails/batch").header("idempotency-key", &key(batch_key));
        let answer = ask.json(&requests).repeatable().send().await?;
        let ids: Vec<_> = answer.json::<wire::Listed<wire::Sent>>()?.data.into_iter().map(|s| MailId(s.id)).collect();
        if ids.len() != mails.len() {
            return Err(self.client.fault(Fault::Nonsense, Sent::Unknown, "another number of mails than were sent"));
        }
        Ok(ids)
    }

    async fn reschedule(&self, id: &MailId, at: Timestamp) -> Result<(), VendorError> {
        if CAPS.ahead.is_some_and(|ahead| at > wib_core::kit::time::after(self.client.now(), ahead)) {
            return Err(Mail::refused(VENDOR, "that is further ahead than a mail is kept"));
        }
        let ask = self.client.ask("reschedule", Method::PATCH, "/emails/{}").fill(&id.0);
        ask.json(&wire::Reschedule { scheduled_at: at.to_string() }).repeatable().send().await.map(drop)
    }

    async fn cancel(&self, id: &MailId) -> Result<(), VendorError> {
        // Taken back twice, the second is refused: not to be repeated blindly.
        self.client.ask("cancel", Method::POST, "/emails/{}/cancel").fill(&id.0).send().await.map(drop)
    }

    async fn status(&self, id: &MailId) -> Result<MailState, VendorError> {
        let answer = self.client.ask("email", Method::GET, "/emails/{}").fill(&id.0).send().await?;
        let last = answer.json::<wire::Email>()?.last_event;
        Ok(last.as_deref().map_or(MailState::Queued, wire::state))
    }
}
