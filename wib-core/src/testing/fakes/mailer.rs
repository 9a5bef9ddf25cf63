//! A [`Mailer`] that keeps what it was given.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    kit::{Clock, time::Timestamp},
    ports::{
        Fault, Mailer, Sent, VendorError,
        mailer::{Mail, MailId, MailState, MailerCaps},
    },
};

const VENDOR: &str = "fake";

/// A mailer in memory, which sends what is kept for later when its time comes.
#[derive(Debug)]
pub struct FakeMailer {
    clock: Arc<dyn Clock>,
    caps: MailerCaps,
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    mail: Mail,
    canceled: bool,
}

impl FakeMailer {
    /// One that can do everything.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let ahead = Some(Duration::from_secs(30 * 86_400));
        let caps =
            MailerCaps { recipients: 50, batch: 100, attachment_bytes: 1 << 20, ahead, tags: true, status: true };
        Self { clock, caps, kept: Mutex::default() }
    }
    /// The same, able to do less.
    #[must_use]
    pub fn with_caps(mut self, caps: MailerCaps) -> Self {
        self.caps = caps;
        self
    }
    /// What went out, in the order in which it was given.
    #[must_use]
    pub fn sent(&self) -> Vec<Mail> {
        let now = self.clock.now();
        let gone = |kept: &&Kept| !kept.canceled && kept.mail.send_at.is_none_or(|at| at <= now);
        self.kept().iter().filter(gone).map(|kept| kept.mail.clone()).collect()
    }
    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn keep(&self, mail: Mail) -> Result<MailId, VendorError> {
        let mut kept = self.kept();
        let known = kept.iter().position(|kept| kept.mail.key == mail.key);
        if known.is_some_and(|at| kept[at].mail != mail) {
            return Err(Mail::refused(VENDOR, "another mail under the same key"));
        }
        let at = known.unwrap_or(kept.len());
        if at == kept.len() {
            kept.push(Kept { mail, canceled: false });
        }
        Ok(MailId(format!("mail-{at}")))
    }
    /// Does something to a mail that is kept for later.
    fn waiting(&self, id: &MailId, act: impl FnOnce(&mut Kept)) -> Result<(), VendorError> {
        if self.caps.ahead.is_none() {
            return Err(Mail::refused(VENDOR, "this mailer cannot keep a mail for later"));
        }
        let now = self.clock.now();
        let mut kept = self.kept();
        let kept = position(id).and_then(|at| kept.get_mut(at)).ok_or_else(missing)?;
        if kept.canceled || kept.mail.send_at.is_none_or(|at| at <= now) {
            return Err(Mail::refused(VENDOR, "the mail is not kept for later"));
        }
        act(kept);
        Ok(())
    }
}

fn position(id: &MailId) -> Option<usize> {
    id.0.strip_prefix("mail-")?.parse().ok()
}
fn missing() -> VendorError {
    VendorError::new(VENDOR, Fault::Missing, Sent::Refused, "no such mail")
}

#[async_trait]
impl Mailer for FakeMailer {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        false
    }
    fn caps(&self) -> MailerCaps {
        self.caps
    }
    async fn send(&self, mail: &Mail) -> Result<MailId, VendorError> {
        mail.check(&self.caps, self.clock.now()).map_err(|why| Mail::refused(VENDOR, &why))?;
        self.keep(mail.clone())
    }
    async fn send_batch(&self, key: &str, mails: &[Mail]) -> Result<Vec<MailId>, VendorError> {
        Mail::check_batch(mails, &self.caps, self.clock.now()).map_err(|why| Mail::refused(VENDOR, &why))?;
        let one = |(at, mail): (usize, &Mail)| self.keep(Mail { key: format!("{key}#{at}"), ..mail.clone() });
        mails.iter().enumerate().map(one).collect()
    }
    async fn reschedule(&self, id: &MailId, at: Timestamp) -> Result<(), VendorError> {
        self.waiting(id, |kept| kept.mail.send_at = Some(at))
    }
    async fn cancel(&self, id: &MailId) -> Result<(), VendorError> {
        self.waiting(id, |kept| kept.canceled = true)
    }
    async fn status(&self, id: &MailId) -> Result<MailState, VendorError> {
        if !self.caps.status {
            return Err(Mail::refused(VENDOR, "this mailer does not say what became of a mail"));
        }
        let now = self.clock.now();
        let kept = self.kept();
        let kept = position(id).and_then(|at| kept.get(at)).ok_or_else(missing)?;
        Ok(match kept {
            kept if kept.canceled => MailState::Canceled,
            kept if kept.mail.send_at.is_some_and(|at| at > now) => MailState::Scheduled,
            _ => MailState::Delivered,
        })
    }
}
