//! Telling somebody of a call by mail.

use std::collections::BTreeSet;

use serde_json::json;

use super::{call_of, plain};
use crate::{
    calls::CallId,
    engine::{NewMessage, Topic},
    kit::{Error, Result, Role, text},
    ports::mailer::{Mail, Mailbox},
    wib::Org,
};

/// Most addresses of one request.
const MOST: usize = 50;

/// Tells people of a call by mail.
#[derive(Clone, Debug)]
pub struct ShareCall {
    /// Their addresses, 1 to 50.
    pub recipients: Vec<String>,
}

impl Org {
    /// Tells people of a call, each in a mail of their own. Who was called, and about what, is in none of them: a mail may
    /// be read by anybody (15 USC 1692c(b)), and whoever may know it signs in. How many mails wait now.
    ///
    /// # Errors
    /// `Invalid` for an address that is none, for none and for more than 50; `NotFound`; `Forbidden` below agent.
    pub async fn share_call(&self, id: CallId, command: ShareCall) -> Result<usize> {
        self.at_least(Role::Agent)?;
        let wrong = |message: String| Error::field("recipients", message);
        if command.recipients.is_empty() || command.recipients.len() > MOST {
            return Err(wrong(format!("must have 1 to {MOST} addresses")));
        }
        let mut addresses = BTreeSet::new();
        for (n, address) in command.recipients.into_iter().enumerate() {
            let told = |_| wrong(format!("the address at place {n} is not a mail address"));
            let address = text::email("recipients", Some(address)).map_err(told)?;
            addresses.insert(address.ok_or_else(|| wrong(format!("the address at place {n} is blank")))?);
        }
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        let call = call_of(&mut *tx, id).await.map_err(plain)?;
        let card = tx.card_of_call(id).await?;
        let outcome = tx.outcome_of_call(id).await?;
        let mut words = format!(
            "{} shares a call with you.\n\nCall: {id}\nOf: {}\nStatus: {}\n",
            self.organization().name,
            call.created_at,
            call.status
        );
        if let Some(ms) = call.duration_ms() {
            words += &format!("Seconds of talk: {}\n", ms / 1000);
        }
        if let Some(word) = card.and_then(|card| card.disposition) {
            words += &format!("Disposition: {word}\n");
        }
        if let Some(outcome) = outcome {
            words += &format!("Outcome: {}\n", outcome.status);
        }
        words += "\nSign in to see the rest.\n";
        let share: crate::kit::Id<Self> = self.wib.id();
        for (n, address) in addresses.iter().enumerate() {
            let to: Mailbox = address.parse().map_err(|_| wrong("holds what is not a mail address".to_owned()))?;
            let key = format!("call-share:{share}:{n}");
            let mail = Mail::plain(to, "A call was shared with you", words.clone(), key.clone());
            mail.check(&self.wib.mailer.caps(), now).map_err(wrong)?;
            let payload = serde_json::to_value(Mail { key: String::new(), ..mail });
            let payload = payload.map_err(|e| Error::internal("a mail cannot be written down").because(e))?;
            tx.enqueue(&NewMessage { topic: Topic::SendMail, key, payload, run_at: now }).await?;
        }
        let told = json!({"recipients": addresses.len()});
        self.audit("call:emailed", ("call", Some(id.uuid()))).with(told).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(addresses.len())
    }
}
