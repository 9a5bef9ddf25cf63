use serde::Serialize;
use serde_json::json;

use super::{MessageStatus, QueueDepth, Topic};
use crate::{
    calls::CallId,
    kit::{Actor, Error, Id, Principal, Result, Role, Timestamp},
    orgs::OrganizationId,
    ports::webhook::{Headers, Refused},
    store::Connections,
    wib::System,
};

/// What became of a delivery that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Every event of it was known already.
    pub duplicate: bool,
}

/// Why a delivery was not accepted.
#[derive(Debug)]
pub enum ReceiveError {
    /// No adapter takes deliveries of that vendor.
    UnknownVendor,
    /// It did not prove its sender, or cannot be read.
    Refused(Refused),
    /// It could not be written down: the vendor should try again.
    Failed(Error),
}

/// How one part stands.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Which part.
    pub service: &'static str,
    /// Whether it answers.
    pub healthy: bool,
    /// A word for people; no vendor's text.
    pub message: String,
    /// How long it took, in milliseconds.
    pub response_ms: i64,
}

/// How all parts stand.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// A check per part.
    pub checks: Vec<Check>,
}

impl System {
    /// Takes a vendor's delivery: verified over its raw bytes, written to the inbox with its queue message, nothing else.
    ///
    /// # Errors
    /// [`ReceiveError`].
    pub async fn receive(&self, vendor: &str, headers: &Headers<'_>, body: &[u8]) -> Result<Receipt, ReceiveError> {
        let source = self.wib.webhooks.get(vendor).ok_or(ReceiveError::UnknownVendor)?;
        let opened = source.open(headers, body, self.wib.now()).map_err(|refused| {
            metrics::counter!("wib_webhooks_total", "vendor" => source.vendor(), "outcome" => "refused").increment(1);
            ReceiveError::Refused(refused)
        })?;
        let write = async {
            let mut tx = self.tx().await?;
            let mut duplicate = true;
            for mut event in opened.into_events() {
                // Nothing asks for keys, live words or what messages say yet, and any may be part of a card's number: none is
                // written down.
                let kept = if event.body.forget_secrets() { &[] } else { body };
                let new = tx.receive(self.wib.id(), source.vendor(), &event, kept, self.wib.now()).await?;
                duplicate &= !new;
            }
            tx.commit().await?;
            Ok(duplicate)
        };
        let duplicate = write.await.map_err(ReceiveError::Failed)?;
        let outcome = if duplicate { "duplicate" } else { "accepted" };
        metrics::counter!("wib_webhooks_total", "vendor" => source.vendor(), "outcome" => outcome).increment(1);
        self.wib.wake();
        Ok(Receipt { duplicate })
    }

    /// The organisation that a call belongs to: for operators, who know a call by its id alone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organization_of_call(&self, call: CallId) -> Result<Option<OrganizationId>> {
        Ok(self.tx().await?.owner_of_call(call).await?.map(|o| o.organization_id))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ready(&self) -> Result<()> {
        self.wib.store.ping().await
    }

    /// Asks every part that a call needs.
    pub async fn health(&self) -> Health {
        let began = self.wib.now();
        let check = |service, answer: Result<()>, began: crate::kit::Timestamp| Check {
            service,
            healthy: answer.is_ok(),
            message: if answer.is_ok() { "ok" } else { "does not answer" }.to_owned(),
            response_ms: self.wib.now().as_millisecond() - began.as_millisecond(),
        };
        let mut checks = vec![check("database", self.wib.store.ping().await, began)];
        let began = self.wib.now();
        checks.push(check("blobs", self.wib.blobs.ping().await, began));
        Health { checks }
    }

    /// How the connections to the database stand.
    #[must_use]
    pub fn connections(&self) -> Vec<Connections> {
        self.wib.store.connections()
    }

    /// How many steps of this program's tables the database lacks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn missing_steps(&self) -> Result<usize> {
        self.wib.store.missing_steps().await
    }

    /// Whether bytes can be kept.
    ///
    /// # Errors
    /// `Unavailable` with why not.
    pub async fn blobs_ready(&self) -> Result<()> {
        self.wib.blobs.ping().await
    }

    /// Since when the oldest message of each topic has been due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn oldest_due(&self) -> Result<Vec<(Topic, Timestamp)>> {
        self.tx().await?.oldest_due(self.wib.now()).await
    }

    /// Messages by topic and status.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn queue_depths(&self) -> Result<Vec<QueueDepth>> {
        self.tx().await?.queue_depths().await
    }

    /// Dead letters, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dead_letters(&self, limit: i64) -> Result<Vec<super::Message>> {
        self.dead_letters_of(None, limit).await
    }

    /// Dead letters of a topic, or of all, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dead_letters_of(&self, topic: Option<Topic>, limit: i64) -> Result<Vec<super::Message>> {
        self.tx().await?.dead_letters(topic, limit.clamp(1, 1000)).await
    }

    /// A message, and how it stands.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn message(&self, id: Id<super::Message>) -> Result<Option<(super::Message, MessageStatus)>> {
        self.tx().await?.message(id).await
    }

    /// Settles a dead letter without its work being done, with a line in the audit log of its organisation; whether it was
    /// one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn drop_letter(&self, id: Id<super::Message>) -> Result<bool> {
        let Some((letter, MessageStatus::Dead)) = self.message(id).await? else { return Ok(false) };
        let mut tx = self.tx().await?;
        if !tx.drop_letter(id, self.wib.now()).await? {
            return Ok(false);
        }
        tx.commit().await?;
        let topic = letter.topic.as_str();
        tracing::warn!(message = %id, topic, "a dead letter was dropped by hand");
        if let Some(organization_id) = letter.organization_id {
            let org = Principal { organization_id, actor: Actor::System, role: Role::Owner };
            let org = self.wib.org(org).await?;
            let mut tx = org.tx().await?;
            let told = json!({"topic": topic, "attempts": letter.attempts});
            org.audit("queue:letter_dropped", ("message", Some(id.uuid()))).with(told).write(&mut *tx).await;
            tx.commit().await?;
        }
        Ok(true)
    }

    /// Puts a dead letter back to work; whether it was one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn replay(&self, id: crate::kit::Id<super::Message>) -> Result<bool> {
        let mut tx = self.tx().await?;
        let replayed = tx.replay(id, self.wib.now()).await?;
        tx.commit().await?;
        self.wib.wake();
        Ok(replayed)
    }
}
